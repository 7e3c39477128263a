//! What is removed, and what stays.

use std::fs;

use duologue::flow::artifact::{ArtifactWriter, Cleaned};

use super::{content, manifest, names, write};

fn clean(writer: &ArtifactWriter) -> Cleaned {
    pollster::block_on(writer.clean()).unwrap()
}

#[test]
fn what_was_written_goes_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let writer = ArtifactWriter::new(folder.path()).run("run-1");
    fs::write(folder.path().join("mine.md"), "mine").unwrap();
    for name in ["a", "b", "changed", "gone", "mine"] {
        write(&writer, content(name, name, "x"));
    }
    write(
        &ArtifactWriter::new(folder.path()).run("run-2"),
        content("a", "a", "x"),
    );
    fs::write(folder.path().join("changed.md"), "by hand").unwrap();
    fs::remove_file(folder.path().join("gone.md")).unwrap();

    let cleaned = clean(&ArtifactWriter::new(folder.path()));
    assert_eq!(cleaned.removed, 4);
    assert_eq!(cleaned.left, ["changed.md"]);
    assert_eq!(names(folder.path()), ["changed.md", "mine.md"]);
    let lines = manifest(folder.path());
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["file"], "changed.md");

    // The names are free again, also for a writer that knew them as taken.
    assert_eq!(write(&writer, content("a", "a", "x")), "a.md");
    assert_eq!(clean(&writer).removed, 1);
}

#[test]
fn a_directory_without_a_manifest_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.md"), "mine").unwrap();
    assert_eq!(
        clean(&ArtifactWriter::new(folder.path())),
        Cleaned::default()
    );
    assert_eq!(
        clean(&ArtifactWriter::new(folder.path().join("gone"))),
        Cleaned::default()
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn a_manifest_that_was_tampered_with_leads_nowhere_else() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("out");
    let writer = ArtifactWriter::new(&directory);
    write(&writer, content("d", "a", "x"));
    write(&writer, content("d", "b", "x"));
    let victim = folder.path().join("victim");
    fs::write(&victim, "x\n").unwrap();
    fs::remove_file(directory.join("b.md")).unwrap();
    symlink(&victim, directory.join("b.md")).unwrap();
    symlink(folder.path(), directory.join("up")).unwrap();

    let path = directory.join(".duologue-artifacts.jsonl");
    let mut text = fs::read_to_string(&path).unwrap();
    let line = text.lines().next().unwrap().to_owned();
    for elsewhere in [
        "../victim",
        "up/victim",
        victim.to_str().unwrap(),
        "..",
        ".",
        "",
    ] {
        text.push_str(&line.replace("a.md", elsewhere));
        text.push('\n');
    }
    fs::write(&path, text).unwrap();

    let cleaned = clean(&writer);
    assert_eq!(
        (cleaned.removed, cleaned.left),
        (1, vec!["b.md".to_owned()])
    );
    assert_eq!(fs::read_to_string(&victim).unwrap(), "x\n");
    assert!(directory.join("b.md").is_symlink() && directory.join("up").is_symlink());
}
