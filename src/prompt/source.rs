//! Where the files of packs come from, and the guard that keeps reading inside of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::text;

/// The endings of template files.
pub(super) const ENDINGS: [&str; 3] = ["tera", "j2", "jinja"];

/// Folders below the base directory in which packs are looked for.
const MAX_DEPTH: usize = 8;

/// A tree of files; their names are relative to its base and use `/`.
#[derive(Debug)]
pub(super) enum Source {
    Directory(PathBuf),
    Memory(BTreeMap<String, String>),
}

impl Source {
    /// The content of a file, `None` when there is none of that name.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>> {
        check_name(name, "template")?;
        let base = match self {
            Self::Memory(files) => return Ok(files.get(name).map(|text| clean(text))),
            Self::Directory(base) => base,
        };
        let Some(path) = inside(base, name)? else {
            return Ok(None);
        };
        // A pipe or a device would never end.
        if !path.is_file() {
            return Err(Error::new(
                ErrorKind::Prompt,
                format!("`{}` is not a file", shown(name)),
            ));
        }
        let bytes = std::fs::read(&path).map_err(|error| unreadable(name, error))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            Error::new(
                ErrorKind::Prompt,
                format!("`{}` is not UTF-8 text", shown(name)),
            )
            .with_source(error)
            .with_hint("save the file as UTF-8")
        })?;
        Ok(Some(clean(text)))
    }

    /// The names of the files in a directory, `None` when there is no such directory.
    pub(super) fn list(&self, directory: &str) -> Result<Option<BTreeSet<String>>> {
        check_name(directory, "pack")?;
        let base = match self {
            Self::Memory(files) => {
                let prefix = format!("{directory}/");
                let names: BTreeSet<_> = files
                    .keys()
                    .filter_map(|name| name.strip_prefix(&prefix))
                    .filter(|name| !name.contains('/'))
                    .map(str::to_owned)
                    .collect();
                return Ok((!names.is_empty()).then_some(names));
            }
            Self::Directory(base) => base,
        };
        let Some(path) = inside(base, directory)?.filter(|path| path.is_dir()) else {
            return Ok(None);
        };
        let mut names = BTreeSet::new();
        for entry in std::fs::read_dir(&path).map_err(|error| unreadable(directory, error))? {
            let entry = entry.map_err(|error| unreadable(directory, error))?;
            if let Ok(name) = entry.file_name().into_string() {
                names.insert(name);
            }
        }
        Ok(Some(names))
    }

    /// The names of all packs, sorted.
    pub(super) fn packs(&self) -> Result<Vec<String>> {
        let mut packs = BTreeSet::new();
        match self {
            Self::Memory(files) => {
                for name in files.keys() {
                    if let Some((pack, file)) = name.rsplit_once('/')
                        && is_system(file)
                    {
                        packs.insert(pack.to_owned());
                    }
                }
            }
            Self::Directory(base) => {
                canonical_base(base)?;
                find_packs(base, "", 0, &mut packs);
            }
        }
        Ok(packs.into_iter().collect())
    }

    /// The place, for error messages.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Directory(base) => format!("`{}`", base.display()),
            Self::Memory(_) => "memory".to_owned(),
        }
    }
}

/// A directory that cannot be read holds no packs: the search is for suggestions.
fn find_packs(base: &Path, prefix: &str, depth: usize, packs: &mut BTreeSet<String>) {
    let Ok(entries) = std::fs::read_dir(base.join(prefix)) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(file) = entry.file_name().into_string() else {
            continue;
        };
        // Links are not followed, so the search ends and stays inside.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < MAX_DEPTH && !file.starts_with('.') => {
                let name = if prefix.is_empty() {
                    file
                } else {
                    format!("{prefix}/{file}")
                };
                find_packs(base, &name, depth + 1, packs);
            }
            Ok(kind) if !kind.is_dir() && !prefix.is_empty() && is_system(&file) => {
                packs.insert(prefix.to_owned());
            }
            _ => {}
        }
    }
}

fn is_system(file: &str) -> bool {
    file.split_once('.')
        .is_some_and(|(stem, ending)| stem == "system" && ENDINGS.contains(&ending))
}

/// The real path of `name`, `None` when nothing is there; an error when it leads out of `base`.
fn inside(base: &Path, name: &str) -> Result<Option<PathBuf>> {
    let base = canonical_base(base)?;
    match base.join(name).canonicalize() {
        Ok(path) if path.starts_with(&base) => Ok(Some(path)),
        Ok(_) => Err(Error::new(
            ErrorKind::Prompt,
            format!("`{}` leads out of the prompt directory", shown(name)),
        )
        .with_hint("a symbolic link may only point inside of it")),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(unreadable(name, error)),
    }
}

fn canonical_base(base: &Path) -> Result<PathBuf> {
    let unreadable = |error: io::Error| {
        Error::new(
            ErrorKind::Prompt,
            format!("cannot read the prompt directory `{}`", base.display()),
        )
        .with_source(error)
    };
    let directory = base.canonicalize().map_err(unreadable)?;
    // Otherwise a file would look like a directory without packs.
    if directory.is_file() {
        return Err(unreadable(io::ErrorKind::NotADirectory.into()));
    }
    Ok(directory)
}

/// Refuses what is not a plain path below the base.
pub(super) fn check_name(name: &str, what: &str) -> Result<()> {
    let reason = if name.is_empty() {
        "is empty"
    } else if name.contains('\\') {
        "contains a backslash"
    } else if name.chars().any(char::is_control) {
        "contains a control character"
    } else if name.starts_with('/') || Path::new(name).is_absolute() {
        "is absolute"
    } else if name.split('/').any(|part| part == "..") {
        "contains `..`"
    } else if name.split('/').any(|part| part.is_empty() || part == ".")
        || Path::new(name)
            .components()
            .any(|part| !matches!(part, Component::Normal(_)))
    {
        "is not a plain path"
    } else {
        return Ok(());
    };
    Err(Error::new(
        ErrorKind::Prompt,
        format!("{what} name `{}` {reason}", shown(name)),
    )
    .with_hint("names are relative to the prompt directory, with `/` between folders"))
}

/// A name for an error message: on one line and not too long.
pub(super) fn shown(name: &str) -> String {
    text::clip(&name.escape_debug().to_string(), 120)
}

fn unreadable(name: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Prompt, format!("cannot read `{}`", shown(name))).with_source(error)
}

fn clean(text: &str) -> String {
    text.strip_prefix('\u{feff}').unwrap_or(text).to_owned()
}
