//! Many processes write into one directory.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use duologue::flow::artifact::ArtifactWriter;
use serde_json::json;

use super::{content, manifest, names, try_write, write};
use crate::log_support::{child as start, report_of, tell};

const EACH: usize = 25;

/// The child: artifacts that all have one name, in one case of letters or the other.
pub(crate) fn child(run_id: &str, directory: &Path) {
    let writer = ArtifactWriter::new(directory).run(run_id);
    if run_id == "full" {
        return fill(&writer);
    }
    let name = if run_id.ends_with('1') {
        "Tides"
    } else {
        "tides"
    };
    let files: Vec<String> = (0..EACH)
        .map(|number| write(&writer, content(&number.to_string(), name, run_id)))
        .collect();
    tell(&json!(files).to_string());
}

/// Artifacts until there is no room: one that is too big, and small ones until the manifest is full.
fn fill(writer: &ArtifactWriter) {
    let big = try_write(writer, content("big", "big", &"x".repeat(1_000_000)));
    let mut written = 0;
    let error = loop {
        match try_write(writer, content(&written.to_string(), "tides", "x")) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    let told = |error: &duologue::Error| {
        let source = std::error::Error::source(error).unwrap();
        let source = source.downcast_ref::<std::io::Error>().unwrap();
        json!([error.kind().as_str(), source.raw_os_error()])
    };
    tell(
        &json!({"written": written, "errors": [told(&big.unwrap_err()), told(&error)]}).to_string(),
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_what_was_written_is_known_afterwards() {
    use crate::log_support::child_after;

    let folder = tempfile::tempdir().unwrap();
    let limit = "trap '' XFSZ; ulimit -f 8";
    let report = report_of(child_after(limit, "artifacts:full", folder.path()));
    // File too large: what a limit on files says in the place of a full disk.
    assert_eq!(report["errors"], json!([["log", 27], ["log", 27]]));
    let written = report["written"].as_u64().unwrap();
    assert!(
        written > 5 && names(folder.path()).len() as u64 == written,
        "{report}"
    );

    let writer = ArtifactWriter::new(folder.path()).run("full");
    assert_eq!(write(&writer, content("0", "tides", "x")), "tides.md");
    let next = format!("tides-{}.md", written + 1);
    assert_eq!(write(&writer, content("new", "tides", "x")), next);
    let cleaned = pollster::block_on(writer.clean()).unwrap();
    assert_eq!((cleaned.removed, cleaned.left.len()), (written + 1, 0));
    assert!(names(folder.path()).is_empty());
}

#[test]
fn no_two_processes_have_one_name() {
    let folder = tempfile::tempdir().unwrap();
    let reports: Vec<_> = std::thread::scope(|scope| {
        let children: Vec<_> = (0..4)
            .map(|number| {
                let command = start(&format!("artifacts:run-{number}"), folder.path());
                scope.spawn(move || (number, report_of(command)))
            })
            .collect();
        children.into_iter().map(|it| it.join().unwrap()).collect()
    });
    for (number, files) in reports {
        for file in files.as_array().unwrap() {
            let text = fs::read_to_string(folder.path().join(file.as_str().unwrap())).unwrap();
            assert_eq!(text, format!("run-{number}\n"));
        }
    }
    let distinct: BTreeSet<String> = names(folder.path())
        .iter()
        .map(|name| name.to_lowercase())
        .collect();
    assert_eq!(distinct.len(), 4 * EACH);
    assert_eq!(manifest(folder.path()).len(), 4 * EACH);
}
