//! Every example runs to its end, offline, and says something.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tree::root;

use crate::support::folder;

/// The examples' names, in reading order.
pub(crate) fn names() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("examples")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn every_example_runs_offline_and_its_assertions_hold() {
    build();
    let folder = folder();
    let names = names();
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        let output = Command::new(built(&name))
            .current_dir(folder.path())
            .env_clear()
            .output()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}:\n{said}{complained}");
        assert!(!said.is_empty(), "{name} prints nothing");
        assert_eq!(complained, "", "{name}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "an example leaves files behind: {left:?}");
}

#[test]
fn examples_are_numbered_and_begin_with_what_they_show() {
    let mut last = 0;
    for name in names() {
        let number: usize = name.split('_').next().unwrap().parse().unwrap();
        assert!(number > last, "{name}: its number is taken");
        last = number;
        let text =
            std::fs::read_to_string(root().join("examples").join(format!("{name}.rs"))).unwrap();
        assert!(text.starts_with("//! "), "{name}");
        assert!(text.lines().count() <= 120, "{name} is long");
    }
}

/// `cargo test --test it` alone does not build them; where they are fresh this does nothing.
fn build() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "build",
        "--examples",
        "--offline",
        "--quiet",
        "--no-default-features",
    ]);
    let features = [
        ("http", cfg!(feature = "http")),
        ("cli", cfg!(feature = "cli")),
    ];
    for (name, _) in features.into_iter().filter(|(_, is_on)| *is_on) {
        cargo.args(["--features", name]);
    }
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    assert!(cargo.current_dir(root()).status().unwrap().success());
}

fn built(name: &str) -> PathBuf {
    let this_test = std::env::current_exe().unwrap();
    let profile = this_test.parent().and_then(Path::parent).unwrap();
    profile.join("examples").join(name)
}
