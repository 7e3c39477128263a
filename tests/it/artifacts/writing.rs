//! What is written, where, and how it ends.

use std::fs;
use std::path::Path;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use duologue::ErrorKind;
use duologue::flow::artifact::ArtifactWriter;
use futures::future::join_all;

use super::{content, manifest, names, try_write, write};

#[test]
fn an_artifact_is_whole_and_stands_in_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("new/out");
    let writer = ArtifactWriter::new(&directory).run("run-1");
    let artifact = try_write(&writer, content("doc-1", "tides", "```md\n# Tides\n```")).unwrap();
    assert_eq!(
        fs::read_to_string(directory.join("tides.md")).unwrap(),
        "# Tides\n"
    );
    // As `sha256sum` has it.
    let hash = "442eaeed159db3ae42206be24d64d1745494fc82c74ac7cfe88a9208df5d7517";
    assert_eq!((artifact.bytes, artifact.sha256.as_str()), (8, hash));

    let lines = manifest(&directory);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["schema"], "duologue.artifact/1");
    assert_eq!(lines[0]["file"], "tides.md");
    assert_eq!(lines[0]["document_id"], "doc-1");
    assert_eq!(lines[0]["run_id"], "run-1");
    assert_eq!(lines[0]["sha256"], hash);
    assert_eq!(names(&directory), ["tides.md"]);
}

#[test]
fn what_is_there_is_never_overwritten_nor_followed() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("out");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("Mine.md"), "mine").unwrap();
    fs::create_dir(directory.join("folder.md")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path().join("victim"), directory.join("link.md")).unwrap();
    let writer = ArtifactWriter::new(&directory);
    assert_eq!(write(&writer, content("d", "mine", "x")), "mine-2.md");
    assert_eq!(write(&writer, content("d", "folder", "x")), "folder-2.md");
    // One that came after the writer looked.
    fs::write(directory.join("later.md"), "mine").unwrap();
    assert_eq!(write(&writer, content("d", "later", "x")), "later-2.md");
    #[cfg(unix)]
    assert_eq!(write(&writer, content("d", "link", "x")), "link-2.md");
    assert_eq!(
        fs::read_to_string(directory.join("Mine.md")).unwrap(),
        "mine"
    );
    assert!(!folder.path().join("victim").exists());
}

#[cfg(unix)]
#[test]
fn a_manifest_that_is_a_link_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let victim = folder.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    let directory = folder.path().join("out");
    fs::create_dir(&directory).unwrap();
    std::os::unix::fs::symlink(&victim, directory.join(".duologue-artifacts.jsonl")).unwrap();
    let error = try_write(&ArtifactWriter::new(&directory), content("d", "x", "x")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Log);
    assert!(
        format!("{error:#}").contains("no regular file"),
        "{error:#}"
    );
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
}

#[test]
fn the_same_document_of_a_continued_run_is_the_file_that_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let writer = |run: &str| ArtifactWriter::new(folder.path()).run(run);
    let tides = || content("doc-1", "tides", "high");
    assert_eq!(
        write(&writer("run-1"), content("doc-0", "tides", "high")),
        "tides.md"
    );
    assert_eq!(write(&writer("run-1"), tides()), "tides-2.md");
    assert_eq!(write(&writer("run-1"), tides()), "tides-2.md");
    assert_eq!(names(folder.path()), ["tides-2.md", "tides.md"]);

    // Another run, another content, another name, or a file that was changed: another file.
    assert_eq!(write(&writer("run-2"), tides()), "tides-3.md");
    assert_eq!(
        write(&writer("run-1"), content("doc-1", "tides", "low")),
        "tides-4.md"
    );
    assert_eq!(
        write(&writer("run-1"), content("doc-1", "waves", "high")),
        "waves.md"
    );
    fs::write(folder.path().join("tides-2.md"), "changed").unwrap();
    assert_eq!(write(&writer("run-1"), tides()), "tides-5.md");
    assert_eq!(
        fs::read_to_string(folder.path().join("tides-2.md")).unwrap(),
        "changed"
    );
}

#[test]
fn a_write_that_was_given_up_leaves_the_whole_file_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let writer = ArtifactWriter::new(folder.path()).run("run-1");
    let body = "tide ".repeat(100_000);
    for number in 0..20 {
        let name = format!("given-up-{number}");
        let mut write = Box::pin(writer.write(content(&name, &name, &body)));
        let mut context = Context::from_waker(Waker::noop());
        let _ = write.as_mut().poll(&mut context);
    }
    write(&writer, content("last", "last", &body));
    // The threads of those that were given up come to their end by themselves.
    let is_whole =
        |names: &[String]| names.len() == 21 && !names.iter().any(|name| name.starts_with('.'));
    let until = Instant::now() + Duration::from_secs(60);
    while !is_whole(&names(folder.path())) && Instant::now() < until {
        std::thread::yield_now();
    }
    for name in names(folder.path()) {
        assert!(!name.starts_with('.'), "{name} is left behind");
        assert_eq!(
            fs::metadata(folder.path().join(&name)).unwrap().len(),
            500_001,
            "{name}"
        );
    }
}

#[test]
fn many_at_once_have_their_own_names() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (
        ArtifactWriter::new(folder.path()),
        ArtifactWriter::new(folder.path()),
    );
    let writes = (0..100).map(|number| {
        let writer = if number % 2 == 0 {
            one.clone()
        } else {
            other.clone()
        };
        let body = format!("{number}\n");
        async move { (writer.write(content("d", "tides", &body)).await, body) }
    });
    for (artifact, body) in pollster::block_on(join_all(writes)) {
        let file = folder.path().join(artifact.unwrap().file);
        assert_eq!(fs::read_to_string(file).unwrap(), body);
    }
    assert_eq!(names(folder.path()).len(), 100);
}

#[test]
fn a_torn_line_of_the_manifest_and_a_torn_file_disturb_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let writer = || ArtifactWriter::new(folder.path()).run("run-1");
    write(&writer(), content("a", "a", "x"));
    let path = folder.path().join(".duologue-artifacts.jsonl");
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("{\"schema\": \"duologue.art");
    fs::write(&path, text).unwrap();
    fs::write(folder.path().join(".duologue-artifact-Xy12"), "half").unwrap();

    write(&writer(), content("b", "b", "x"));
    assert_eq!(names(folder.path()), ["a.md", "b.md"]);
    // A line whose file was never put in its place.
    fs::remove_file(folder.path().join("a.md")).unwrap();
    assert_eq!(write(&writer(), content("a", "a", "x")), "a.md");
    let cleaned = pollster::block_on(writer().clean()).unwrap();
    assert_eq!(cleaned.removed, 2);
}

#[test]
fn a_place_that_cannot_be_written_is_named_with_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let error = try_write(&ArtifactWriter::new(&file), content("d", "x", "x")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Log);
    assert_eq!(
        error.to_string(),
        format!("cannot write `{}`", file.join("x.md").display())
    );
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.downcast_ref::<std::io::Error>().is_some());
    let full = Path::new("/dev/full");
    if full.exists() {
        assert!(try_write(&ArtifactWriter::new(full), content("d", "x", "x")).is_err());
    }
}

#[test]
fn a_directory_that_was_removed_meanwhile_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("out");
    let writer = ArtifactWriter::new(&directory);
    assert_eq!(write(&writer, content("d", "tides", "x")), "tides.md");
    fs::remove_dir_all(&directory).unwrap();
    assert_eq!(write(&writer, content("d", "tides", "x")), "tides.md");
    assert_eq!(manifest(&directory).len(), 1);
}
