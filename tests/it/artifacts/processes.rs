//! Many processes write into one directory.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use duologue::flow::artifact::ArtifactWriter;
use serde_json::json;

use super::{content, ledger, names, write};
use crate::log_support::{child as start, report_of, tell};

const EACH: usize = 25;

/// The child: artifacts that all have one name, in one case of letters or the other.
pub(crate) fn child(run_id: &str, directory: &Path) {
    let writer = ArtifactWriter::new(directory).run(run_id);
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

#[test]
fn no_two_processes_have_one_name() {
    let folder = tempfile::tempdir().unwrap();
    let told: Vec<_> = std::thread::scope(|scope| {
        let children: Vec<_> = (0..4)
            .map(|number| {
                let command = start(&format!("artifacts:run-{number}"), folder.path());
                scope.spawn(move || (number, report_of(command)))
            })
            .collect();
        children.into_iter().map(|it| it.join().unwrap()).collect()
    });
    for (number, files) in told {
        for file in files.as_array().unwrap() {
            let text = fs::read_to_string(folder.path().join(file.as_str().unwrap())).unwrap();
            assert_eq!(text, format!("run-{number}\n"));
        }
    }
    let folded: BTreeSet<String> = names(folder.path())
        .iter()
        .map(|name| name.to_lowercase())
        .collect();
    assert_eq!(folded.len(), 4 * EACH);
    assert_eq!(ledger(folder.path()).len(), 4 * EACH);
}
