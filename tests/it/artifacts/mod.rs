//! Artifacts: their names, how they are written, and what is removed again.

mod cleaning;
mod names;
pub(crate) mod processes;
mod writing;

use std::fs;
use std::path::Path;

use duologue::Result;
use duologue::flow::artifact::{Artifact, ArtifactContent, ArtifactWriter};

/// A Markdown artifact of the document `document_id`.
fn content(document_id: &str, name: &str, body: &str) -> ArtifactContent {
    ArtifactContent {
        document_id: document_id.to_owned(),
        name: name.to_owned(),
        extension: "md".to_owned(),
        body: body.to_owned(),
    }
}

fn try_write(writer: &ArtifactWriter, content: ArtifactContent) -> Result<Artifact> {
    pollster::block_on(writer.write(content))
}

/// The name of the file that it became.
fn write(writer: &ArtifactWriter, content: ArtifactContent) -> String {
    try_write(writer, content).unwrap().file
}

/// The names in a directory, sorted, the manifest left out.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter(|name| name != ".duologue-artifacts.jsonl")
        .collect();
    names.sort();
    names
}

/// The manifest's lines.
fn manifest(directory: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(directory.join(".duologue-artifacts.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
