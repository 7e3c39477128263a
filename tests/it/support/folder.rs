//! A temporary folder that holds whatever was recorded in it against the published schemas.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use duologue::call_log::{MemoryCallLogger, PublishedFormat};
use jsonschema::Validator;
use serde_json::Value;
use tempfile::TempDir;

/// A new [`Folder`].
pub(crate) fn folder() -> Folder {
    Folder {
        folder: tempfile::tempdir().unwrap(),
        checked: true,
    }
}

/// A temporary folder. When it goes, every journal line, call file and summary in it must fit its
/// published schema.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: TempDir,
    checked: bool,
}

impl Folder {
    /// The same folder, where files are damaged on purpose: nothing is held against a schema.
    pub(crate) fn damaged(mut self) -> Self {
        self.checked = false;
        self
    }
}

impl Deref for Folder {
    type Target = TempDir;

    fn deref(&self) -> &TempDir {
        &self.folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.checked && !std::thread::panicking() {
            assert_records_fit(self.path());
        }
    }
}

/// Records in memory that must fit their published schema when this goes.
pub(crate) struct CheckedMemory(pub(crate) MemoryCallLogger);

impl Drop for CheckedMemory {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for record in self.0.records() {
            let value = serde_json::to_value(record).unwrap();
            assert_fits(PublishedFormat::Record, &value, "a record in memory");
        }
        for tool in self.0.tool_calls() {
            let value = serde_json::to_value(tool).unwrap();
            assert_fits(
                PublishedFormat::ToolRecord,
                &value,
                "a tool record in memory",
            );
        }
    }
}

/// Holds everything that was recorded below `directory` against the published schemas; gives the
/// number of documents.
pub(crate) fn assert_records_fit(directory: &Path) -> usize {
    let mut documents = 0;
    for path in paths_below(directory) {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let in_folder = |name: &str| path.parent().is_some_and(|above| above.ends_with(name));
        let ending = path.extension().and_then(|ending| ending.to_str());
        match ending {
            Some("jsonl") if in_folder("journal") => documents += assert_journal_fits(&path),
            Some(ending @ ("yaml" | "json")) if in_folder("llm_calls") => {
                let text = fs::read_to_string(&path).unwrap();
                let value = match ending {
                    "yaml" => serde_yaml::from_str(&text).map_err(|error| error.to_string()),
                    _ => serde_json::from_str(&text).map_err(|error| error.to_string()),
                };
                let value = value.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                let format = if name.starts_with("summary.") {
                    PublishedFormat::Summary
                } else {
                    PublishedFormat::Record
                };
                assert_fits(format, &value, &path.display().to_string());
                documents += 1;
            }
            _ => {}
        }
    }
    documents
}

fn assert_journal_fits(path: &Path) -> usize {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty());
    lines
        .enumerate()
        .map(|(index, line)| {
            let place = format!("{} event {}", path.display(), index + 1);
            let value = serde_json::from_str(line).unwrap_or_else(|error| {
                panic!("{place}: {error}; does the test damage it on purpose?")
            });
            assert_fits(PublishedFormat::JournalEvent, &value, &place);
        })
        .count()
}

fn assert_fits(format: PublishedFormat, value: &Value, place: &str) {
    static VALIDATORS: LazyLock<[Validator; 4]> = LazyLock::new(|| {
        PublishedFormat::ALL.map(|format| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(format!("schemas/{}.schema.json", format.name()));
            let schema = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            jsonschema::validator_for(&schema).unwrap()
        })
    });
    let index = PublishedFormat::ALL.iter().position(|each| *each == format);
    let validator = &VALIDATORS[index.unwrap()];
    if validator.is_valid(value) {
        return;
    }
    // Of a line that fits none of the events, only the record's own errors say something.
    let (format, value) = match value.get("record") {
        Some(record) if format == PublishedFormat::JournalEvent => {
            (PublishedFormat::Record, record)
        }
        _ => (format, value),
    };
    let index = PublishedFormat::ALL.iter().position(|each| *each == format);
    let errors: Vec<String> = VALIDATORS[index.unwrap()]
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    panic!("{place} does not fit {}: {errors:?}", format.version());
}

fn paths_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(place) = open.pop() {
        let Ok(entries) = fs::read_dir(&place) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(path),
                Ok(kind) if kind.is_file() => found.push(path),
                _ => {}
            }
        }
    }
    found
}
