//! Journals and call files, read by tools that were not written here. `.ci/servers/readers` installs
//! them.

mod call_files;
mod journals;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::log_support::tell;
use crate::tree::root;

/// The Python in which the readers are installed. Without it the test is skipped, out loud, and on CI
/// it fails.
fn python() -> Option<PathBuf> {
    let python = root().join("target/test-servers/readers/bin/python");
    if python.exists() {
        return Some(python);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "`make servers` has not installed the readers"
    );
    tell("SKIPPED: the readers are not installed; `make servers` does it");
    None
}

/// What `program` prints in `folder`; it must succeed.
fn said(program: &Path, arguments: &[&str], folder: &Path) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{stderr}");
    String::from_utf8(stdout).unwrap()
}

/// The code blocks of `language` in the README's section about other tools.
fn recipes(language: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme
        .split("\n## Reading the log with other tools\n")
        .nth(1)
        .unwrap();
    let section = section.split("\n## ").next().unwrap();
    let fence = format!("```{language}\n");
    let blocks = section.split(&fence).skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// The recipe of `language` that holds `word`.
fn recipe(language: &str, word: &str) -> String {
    let found = recipes(language)
        .into_iter()
        .find(|text| text.contains(word));
    found.unwrap_or_else(|| panic!("the README has no recipe with `{word}`"))
}
