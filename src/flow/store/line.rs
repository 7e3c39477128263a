//! The lines of `stages.jsonl`, as they are written and read.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{Fingerprint, StageResult, Step};
use crate::call_log::line::check;
use crate::flow::artifact::Artifact;

/// Name and version of the format.
pub(super) const SCHEMA: &str = "duologue.stages/1";

/// A line as it is written.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Entry<'a> {
    /// A process begins to write.
    Opened {
        schema: &'a str,
        time: String,
        pid: u32,
        version: &'a str,
    },
    /// A stage is done with a document.
    Result {
        step: &'a Step,
        fingerprint: &'a Fingerprint,
        result: &'a StageResult,
    },
    /// What the stage gave cannot be used: it is asked for again.
    Voided { step: &'a Step },
    /// A document is done.
    Finished {
        document_id: &'a str,
        print: &'a str,
        artifact: Option<&'a Artifact>,
    },
}

/// A line that was read; which fields there are depends on `event`.
#[derive(Debug, Deserialize)]
pub(super) struct Line<R, A> {
    pub(super) event: String,
    #[serde(default)]
    pub(super) schema: String,
    #[serde(default)]
    pub(super) pid: u32,
    pub(super) step: Option<Step>,
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) result: Option<R>,
    pub(super) document_id: Option<String>,
    pub(super) print: Option<String>,
    pub(super) artifact: Option<A>,
}

/// As much of a line as the index needs: what stages gave stays in the file.
pub(super) type Outline = Line<IgnoredAny, IgnoredAny>;

/// A whole line.
pub(super) type Whole = Line<StageResult, Artifact>;

impl<'de, R: Deserialize<'de>, A: Deserialize<'de>> Line<R, A> {
    /// The content of one line, without its newline; none of one that is damaged.
    pub(super) fn decode(line: &'de [u8]) -> Option<Self> {
        check(line).ok()?;
        serde_json::from_slice(line).ok()
    }
}
