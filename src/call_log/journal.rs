//! The journal: append-only lines, one `write(2)` each, made by the thread that has something to say.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::append::{AppendFile, read_span};
use super::config::Durability;
use super::line::{Span, check, encode};
use super::newer;
use super::paths::{RunPaths, create_private_file};
use super::record::Record;
use super::tool_record::{ToolOffer, ToolRecord};
use crate::clock::rfc3339;
use crate::error::{Error, ErrorKind, Result};
use crate::lifecycle::LifecycleEvent;

/// Name and version of the journal's format.
pub(crate) const SCHEMA: &str = "duologue.journal/1";
const EVENTS: [&str; 8] = [
    "opened",
    "started",
    "finished",
    "rendered",
    "tools_offered",
    "tool_started",
    "tool_finished",
    "lifecycle",
];

/// One line of a journal.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
#[schemars(description = "One line of a journal. Lines are separated by one newline or more.")]
pub(crate) enum Event<'a> {
    /// The journal was created.
    Opened {
        /// `duologue.journal/1`: name and version of this format.
        schema: &'a str,
        /// When: RFC 3339, UTC.
        time: String,
        /// The run.
        run_id: &'a str,
        /// The process that writes this journal.
        pid: u32,
        /// The version of the crate that wrote it.
        version: &'a str,
        /// `minimal`, `standard` or `full`.
        log_level: &'a str,
        /// Format of the call files: `yaml` or `json`.
        format: &'a str,
        /// Which calls have a file: `all`, `failed` or `none`.
        views: &'a str,
    },
    /// A request is about to leave.
    Started {
        /// What is known by then.
        record: &'a Record,
    },
    /// A call ended.
    Finished {
        /// The whole record.
        record: &'a Record,
    },
    /// A call file was written.
    Rendered {
        /// The call.
        call_id: &'a str,
        /// The name of its file in `llm_calls/`.
        file: &'a str,
    },
    /// A model may call these tools from now on.
    ToolsOffered {
        /// The tools.
        offer: &'a ToolOffer,
    },
    /// A tool is about to run.
    ToolStarted {
        /// What is known by then.
        tool: &'a ToolRecord,
    },
    /// A tool call ended.
    ToolFinished {
        /// The whole record.
        tool: &'a ToolRecord,
    },
    /// Something happened to the run, a document or a stage.
    Lifecycle {
        /// What it was.
        lifecycle: &'a LifecycleEvent,
    },
}

/// A line that was read; which fields there are depends on `event`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Line {
    pub(crate) event: String,
    pub(crate) schema: String,
    pub(crate) run_id: String,
    pub(crate) log_level: String,
    pub(crate) format: String,
    pub(crate) views: String,
    pub(crate) call_id: String,
    pub(crate) file: String,
    pub(crate) record: Option<Box<Record>>,
    pub(crate) tool: Option<Box<ToolRecord>>,
    pub(crate) offer: Option<Box<ToolOffer>>,
    pub(crate) lifecycle: Option<Box<LifecycleEvent>>,
    /// Why this version must leave the line, or after `opened` the whole journal, to another one.
    #[serde(skip)]
    pub(crate) objection: Option<String>,
    /// What of the line this version does not know, and read without.
    #[serde(skip)]
    pub(crate) surprise: Option<String>,
}

impl Line {
    /// An event that a later version of the format added: only its name is known.
    fn other(event: String) -> Self {
        Self {
            event,
            ..Self::default()
        }
    }

    /// Why this version must leave the line to another one.
    fn objection(&self) -> Option<String> {
        let record = self.record.as_ref().map(|record| &record.schema);
        let tool = self.tool.as_ref().map(|tool| &tool.schema);
        let offer = self.offer.as_ref().map(|offer| &offer.schema);
        let mut tools = tool.into_iter().chain(offer);
        newer::objection(&self.schema, SCHEMA)
            .or_else(|| newer::objection(record?, Record::SCHEMA))
            .or_else(|| tools.find_map(|found| newer::objection(found, ToolRecord::SCHEMA)))
    }
}

/// The content of one line without its newline, or why it cannot be trusted.
pub(crate) fn decode(line: &[u8]) -> std::result::Result<Line, String> {
    check(line)?;
    match serde_json::from_slice::<Line>(line) {
        Ok(other) if !EVENTS.contains(&other.event.as_str()) => Ok(Line::other(other.event)),
        Ok(mut known) => {
            known.objection = known.objection();
            if known.objection.is_some() {
                (known.record, known.tool, known.offer) = (None, None, None);
            }
            Ok(known)
        }
        Err(error) => decode_newer(line, &error),
    }
}

/// A line whose checksum is right and whose content is not that of this version.
fn decode_newer(line: &[u8], error: &serde_json::Error) -> std::result::Result<Line, String> {
    let refused = |_| format!("not a journal line of this version: {error}");
    let value: Value = serde_json::from_slice(line).map_err(refused)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let event = text(&value["event"]);
    if !EVENTS.contains(&event.as_str()) {
        return Ok(Line::other(event));
    }
    let objection = newer::objection(&text(&value["schema"]), SCHEMA)
        .or_else(|| newer::objection(&text(&value["record"]["schema"]), Record::SCHEMA))
        .or_else(|| newer::objection(&text(&value["tool"]["schema"]), ToolRecord::SCHEMA))
        .or_else(|| newer::objection(&text(&value["offer"]["schema"]), ToolRecord::SCHEMA));
    if objection.is_some() {
        return Ok(Line {
            event,
            objection,
            ..Line::default()
        });
    }
    let (line, surprise) = newer::read_known(value)?;
    Ok(Line {
        surprise: Some(surprise),
        ..line
    })
}

/// The journal file of this process, open for appending and locked while the process lives.
#[derive(Debug)]
pub(crate) struct Journal {
    file: AppendFile,
    durability: Durability,
}

impl Journal {
    /// Creates `{pid}-{start}.jsonl`.
    pub(crate) fn create(paths: &RunPaths, durability: Durability) -> Result<Self> {
        let file = create_unique(&paths.journal).and_then(|(path, file)| {
            // Readers tell a running process from a dead one by this lock; the kernel drops it with us.
            // It waits, since a reader that looks just now holds the lock for a moment. A file system
            // without locks costs only that distinction.
            let _ = file.lock();
            AppendFile::new(file, path)
        });
        let file = file.map_err(|error| {
            Error::new(
                ErrorKind::Log,
                format!("cannot make a journal in `{}`", paths.journal.display()),
            )
            .with_source(error)
            .with_hint("set `output_dir` to a directory that you may write to")
        })?;
        if durability == Durability::Disk {
            sync_names(paths);
        }
        Ok(Self { file, durability })
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Appends one event with one write.
    pub(crate) fn append(&self, event: &Event<'_>) -> Result<Span> {
        let line = encode(event)?;
        // A lost note about a call file costs nothing: the file itself says whose it is.
        let durability = match event {
            Event::Rendered { .. } => Durability::Os,
            _ => self.durability,
        };
        self.file.append(&line, durability).map_err(|error| {
            Error::new(
                ErrorKind::Log,
                format!("cannot write to the journal `{}`", self.path().display()),
            )
            .with_source(error)
            .with_hint("free some space, or check that the directory is still there and writable")
        })
    }

    /// A second, independent place to read the file from; it works on after the path is gone.
    pub(crate) fn reader(&self) -> io::Result<File> {
        self.file.reader()
    }

    /// Whether the path still leads to a journal of the length that was written.
    pub(crate) fn is_in_place(&self) -> bool {
        self.file.is_in_place()
    }
}

/// Reads back the line at `span`.
pub(crate) fn read_at(file: &mut File, span: Span) -> std::result::Result<Line, String> {
    let line = read_span(file, span)
        .map_err(|error| format!("the journal cannot be read back: {error}"))?;
    decode(&line)
}

/// Puts the names of a new journal and its directories on disk, where a directory can be synced.
fn sync_names(paths: &RunPaths) {
    let above = paths.root.parent();
    for directory in [Some(&*paths.journal), Some(&*paths.root), above]
        .into_iter()
        .flatten()
    {
        let _ = File::open(directory).and_then(|directory| directory.sync_all());
    }
}

fn create_unique(directory: &Path) -> io::Result<(PathBuf, File)> {
    let start = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let pid = std::process::id();
    // Two loggers of one process may open the same run within a millisecond.
    for step in 0..1000 {
        let path = directory.join(format!("{pid}-{}.jsonl", start + step));
        match create_private_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|file| (path, file)),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        "every journal name is taken",
    ))
}

/// The settings that a journal's first event holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening<'a> {
    pub(crate) run_id: &'a str,
    pub(crate) log_level: &'a str,
    pub(crate) format: &'a str,
    pub(crate) views: &'a str,
}

/// The first event of a journal.
pub(crate) fn opened<'a>(opening: &Opening<'a>) -> Event<'a> {
    Event::Opened {
        schema: SCHEMA,
        time: rfc3339(SystemTime::now()),
        run_id: opening.run_id,
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION"),
        log_level: opening.log_level,
        format: opening.format,
        views: opening.views,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Vec<u8> {
        encode(&Event::Rendered {
            call_id: "c1",
            file: "call_001_a.yaml",
        })
        .unwrap()
    }

    #[test]
    fn a_line_is_json_and_reads_back() {
        let line = line();
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["event"], "rendered");
        assert_eq!(decode(&line[1..]).unwrap().file, "call_001_a.yaml");
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let line = &line()[1..];
        for end in 0..line.len() {
            assert!(decode(&line[..end]).is_err(), "cut at {end}");
        }
        for bit in 0..line.len() * 8 {
            let mut broken = line.to_vec();
            broken[bit / 8] ^= 1 << (bit % 8);
            // Hexadecimal digits read the same in both cases; nothing else may pass.
            if !broken.eq_ignore_ascii_case(line) {
                assert!(decode(&broken).is_err(), "bit {bit}");
            }
        }
    }
}
