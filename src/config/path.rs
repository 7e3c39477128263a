//! Paths as a person would write them.

use std::path::{Component, Path, PathBuf};

/// `path` without `.` and `dir/..`. A `..` that follows a symbolic link stays: it may lead elsewhere.
pub(crate) fn tidy(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if ends_in_a_plain_name(&plain) => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    or_here(plain)
}

/// [`tidy`], and relative when it lies below the working directory; for people to read.
pub(crate) fn shown(path: &Path) -> PathBuf {
    let plain = tidy(path);
    let here = std::env::current_dir().ok();
    let below = here.and_then(|here| plain.strip_prefix(here).ok().map(Path::to_owned));
    below.map_or(plain, or_here)
}

fn or_here(path: PathBuf) -> PathBuf {
    if path.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        path
    }
}

fn ends_in_a_plain_name(path: &Path) -> bool {
    matches!(path.components().next_back(), Some(Component::Normal(_))) && !path.is_symlink()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detours_go_and_the_way_up_stays() {
        let tidied = |path: &str| tidy(Path::new(path)).display().to_string();
        assert_eq!(tidied("examples/jobs/../../artifacts"), "artifacts");
        assert_eq!(tidied("./a/./b/.."), "a");
        assert_eq!(tidied("a/.."), ".");
        assert_eq!(tidied("../a"), "../a");
        let here = std::env::current_dir().unwrap();
        assert_eq!(tidy(&here.join("src/../prompts")), here.join("prompts"));
        assert_eq!(shown(&here.join("src/../prompts")), Path::new("prompts"));
        assert_eq!(shown(&here), Path::new("."));
    }

    #[cfg(unix)]
    #[test]
    fn a_way_up_behind_a_symbolic_link_stays() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/usr/share", &link).unwrap();
        assert_eq!(tidy(&link.join("../x")), link.join("../x"));
    }
}
