//! Folders and globs.

use std::fs;
use std::path::Path;

use duologue::ErrorKind;
use duologue::flow::document::DocumentSource;
use tempfile::TempDir;

use super::{Read, read, without_folder};

/// A folder with these files.
fn with(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn glob(folder: &Path, pattern: &str) -> Read {
    read(DocumentSource::path(folder.join(pattern)))
}

#[test]
fn every_file_below_a_folder_is_a_document_in_the_order_of_the_names() {
    let folder = with(&[
        ("b.md", b"\xef\xbb\xbfb"),
        ("a/2.txt", b"a2"),
        ("a/10.json", b"{}"),
        ("empty.md", b" \n"),
        (".hidden.md", b"x"),
        (".git/config", b"x"),
    ]);
    let mut documents = DocumentSource::path(folder.path()).open().unwrap();
    assert_eq!(documents.total(), Some(4));
    let first = pollster::block_on(documents.next()).unwrap().unwrap();
    assert_eq!(
        (first.id.as_str(), first.fields["path"].as_str()),
        ("a/10.json", Some("a/10.json"))
    );
    let read = read(DocumentSource::path(folder.path()));
    assert_eq!(read.ids(), ["a/10.json", "a/2.txt", "b.md"]);
    assert_eq!(read.texts(), ["{}", "a2", "b"]);
    assert_eq!(read.skipped, 1);
}

#[test]
fn what_runs_and_pipelines_wrote_is_no_input() {
    let folder = with(&[
        ("a.md", b"a"),
        ("logs/run/journal/1-2.jsonl", b"{}"),
        ("logs/run/llm_calls/summary.yaml", b"x"),
        ("logs/note.md", b"n"),
        ("out/.duologue-artifacts.jsonl", b""),
        ("out/tides.md", b"x"),
        ("other/stages.jsonl", b"x"),
    ]);
    assert_eq!(
        read(DocumentSource::path(folder.path())).ids(),
        ["a.md", "logs/note.md"]
    );
    // Whoever names the folder means it.
    assert_eq!(
        read(DocumentSource::path(folder.path().join("out"))).ids(),
        ["tides.md"]
    );
}

#[test]
fn a_file_that_is_no_text_costs_no_other() {
    let folder = with(&[
        ("a.bin", b"\x7fELF\0\0\0"),
        ("b.md", b"ok \xff"),
        ("c.md", b"\xff\xfea\0"),
        ("d.md", &[b'x'; 2_000]),
        ("e.md", b"fine"),
    ]);
    let read = read(DocumentSource::path(folder.path()).max_document_bytes(1_000));
    assert_eq!(read.ids(), ["e.md"]);
    assert_eq!(
        read.problems(),
        [
            "`a.bin`: it is no text: there is a zero at its byte 4",
            "`b.md`: it is not UTF-8 at its byte 3",
            "`c.md`: the text is UTF-16",
            "`d.md`: it has 2000 bytes",
        ]
    );
    let ids: Vec<_> = read
        .unreadable
        .iter()
        .map(|it| it.id.clone().unwrap())
        .collect();
    assert_eq!(ids, ["a.bin", "b.md", "c.md", "d.md"]);
}

#[cfg(unix)]
#[test]
fn links_lead_to_files_and_never_in_a_circle() {
    use std::os::unix::fs::symlink;

    let folder = with(&[("a/one.md", b"1")]);
    symlink("..", folder.path().join("a/up")).unwrap();
    symlink("itself", folder.path().join("itself")).unwrap();
    symlink("nowhere", folder.path().join("lost.md")).unwrap();
    symlink("a/one.md", folder.path().join("two.md")).unwrap();
    symlink("/dev/zero", folder.path().join("zero.md")).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(folder.path().join("s.md")).unwrap();
    assert_eq!(
        read(DocumentSource::path(folder.path())).ids(),
        ["a/one.md", "two.md"]
    );
    assert_eq!(glob(folder.path(), "**/*.md").ids(), ["a/one.md", "two.md"]);
}

#[cfg(unix)]
#[test]
fn names_that_are_no_unicode_keep_their_own_ids() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = with(&[]);
    for name in [b"a\xff", b"a\xfe"] {
        fs::write(folder.path().join(OsStr::from_bytes(name)), "x").unwrap();
    }
    let read = read(DocumentSource::path(folder.path()));
    assert_eq!(read.documents.len(), 2);
    assert!(
        read.ids().iter().all(|id| id.starts_with("a\u{fffd}-")),
        "{:?}",
        read.ids()
    );
}

#[test]
fn a_glob_gives_the_files_that_fit_it() {
    let folder = with(&[
        ("docs/a.md", b"a"),
        ("docs/b.txt", b"b"),
        ("docs/deep/er/c.md", b"c"),
        ("docs/.d.md", b"d"),
        ("[x].md", b"x"),
    ]);
    let ids = |pattern| glob(folder.path(), pattern).ids().join(" ");
    assert_eq!(ids("docs/*.md"), "a.md");
    assert_eq!(ids("docs/**/*.md"), "a.md deep/er/c.md");
    assert_eq!(ids("d*/?.{md,txt}"), "docs/a.md docs/b.txt");
    assert_eq!(ids("**/[c-d].md"), "docs/deep/er/c.md");
    assert_eq!(ids("docs/.*.md"), ".d.md");
    let total = DocumentSource::path(folder.path().join("**/*.md"))
        .open()
        .unwrap()
        .total();
    assert_eq!(total, Some(3));
}

#[test]
fn characters_of_patterns_in_the_folders_above_are_only_characters() {
    let folder = with(&[
        ("project [2024]/docs/a.md", b"A"),
        ("project [2024]/docs {old}/b.md", b"B"),
    ]);
    let of = |pattern: &str| read(DocumentSource::path(folder.path().join(pattern)));
    assert_eq!(of("project [2024]/docs/*.md").ids(), ["a.md"]);
    assert_eq!(of("project [2024]/docs {old}/[a-b].md").ids(), ["b.md"]);
    assert_eq!(of("project [2024]/d*/b.md").ids(), ["docs {old}/b.md"]);
}

#[test]
fn an_empty_folder_is_zero_documents_and_a_glob_that_fits_none_is_a_mistake() {
    let folder = with(&[]);
    let empty = read(DocumentSource::path(folder.path()));
    assert!(empty.documents.is_empty() && empty.unreadable.is_empty());

    let refused = |name: &str| {
        let error = DocumentSource::path(folder.path().join(name))
            .open()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        error
    };
    let none = refused("docs/**/*.md");
    assert!(none.to_string().starts_with("no file fits `"), "{none}");
    assert!(none.hint().unwrap().contains("`**` goes through all below"));
    let broken = refused("docs/[a.md");
    assert!(
        broken
            .to_string()
            .contains("is no pattern: unclosed character class"),
        "{broken}"
    );
}

#[test]
fn what_is_missing_or_of_no_known_kind_is_refused_with_its_name() {
    let folder = with(&[("notes.pdf", b"%PDF"), ("plain", b"x")]);
    let refused = |name: &str| {
        DocumentSource::path(folder.path().join(name))
            .open()
            .unwrap_err()
    };
    for name in [
        "gone.json",
        "gone.jsonl",
        "gone.csv",
        "gone",
        "notes.json/x.json",
    ] {
        let error = refused(name);
        assert!(error.to_string().starts_with("cannot read `"), "{error}");
        assert!(error.to_string().contains(name), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
    for name in ["notes.pdf", "plain"] {
        let error = refused(name);
        assert_eq!(
            without_folder(&error),
            format!("`{name}` is of no known kind")
        );
        assert!(error.hint().unwrap().contains("`.jsonl`"), "{error:#}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let folder = with(&[]);
    let pipe = folder.path().join("docs.jsonl");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    let error = DocumentSource::path(&pipe).open().unwrap_err();
    assert_eq!(without_folder(&error), "`docs.jsonl` is no regular file");
    assert!(
        read(DocumentSource::path(folder.path()))
            .documents
            .is_empty()
    );
}
