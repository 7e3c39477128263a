//! Whether a run's files hold what they promise.

mod journals;
mod schema;
mod tools;
mod views;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::run::Run;
use crate::error::Result;

/// What is wrong with a run's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Defect {
    /// A journal line that is torn, changed, foreign or of a newer format.
    UnreadableLine,
    /// Numbers of calls that are missing among those that one process began.
    SequenceGap,
    /// A call or a tool call that began and did not end, and whose process is gone.
    NeverFinished,
    /// A call that ended and never began.
    NeverStarted,
    /// A call id that stands for two calls.
    DuplicateId,
    /// A record that does not fit the published schema.
    Schema,
    /// A call file that is not there.
    MissingCallFile,
    /// A call file that does not say what the journal says.
    ChangedCallFile,
    /// A call file of no call.
    SurplusCallFile,
    /// A summary that is missing, or has other totals than the calls.
    Summary,
}

impl Defect {
    /// The word that stands in JSON: `unreadable_line`, `sequence_gap`, ….
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnreadableLine => "unreadable_line",
            Self::SequenceGap => "sequence_gap",
            Self::NeverFinished => "never_finished",
            Self::NeverStarted => "never_started",
            Self::DuplicateId => "duplicate_id",
            Self::Schema => "schema",
            Self::MissingCallFile => "missing_call_file",
            Self::ChangedCallFile => "changed_call_file",
            Self::SurplusCallFile => "surplus_call_file",
            Self::Summary => "summary",
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What is wrong.
    pub defect: Defect,
    /// The file.
    pub file: PathBuf,
    /// The line in it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// One line about it, without any content of the call.
    pub message: String,
}

impl Finding {
    fn new(defect: Defect, file: &Path, message: impl Into<String>) -> Self {
        Self {
            defect,
            file: file.to_owned(),
            line: None,
            call_id: None,
            message: message.into(),
        }
    }

    fn at(self, line: u64) -> Self {
        Self {
            line: Some(line),
            ..self
        }
    }

    fn of_call(self, call_id: &str) -> Self {
        Self {
            call_id: Some(call_id.to_owned()),
            ..self
        }
    }
}

/// What a look at all files of a run found.
///
/// ```
/// # use duologue::call_log::{create_llm_logger, LoggerConfig};
/// # let folder = tempfile::tempdir()?;
/// # let config = LoggerConfig { output_dir: folder.path().into(), run_id: Some("demo".into()), ..Default::default() };
/// # drop(create_llm_logger(&config)?);
/// # let directory = folder.path().join("demo");
/// use duologue::query::Verification;
///
/// let verification = Verification::of(&directory)?;
/// assert!(verification.is_clean(), "{:?}", verification.findings);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// The run.
    pub run_id: String,
    /// Journals that were read.
    pub journals: u64,
    /// Journal lines whose checksum is right.
    pub lines: u64,
    /// Calls.
    pub calls: u64,
    /// Tool calls.
    pub tool_calls: u64,
    /// Call files that say what the journal says.
    pub call_files: u64,
    /// Whether a process still writes to the run: its files lag behind, so call files and summary
    /// were not looked at.
    pub is_running: bool,
    /// What is wrong, journals first.
    pub findings: Vec<Finding>,
}

impl Verification {
    fn unreadable(&mut self, journal: &Path, error: &std::io::Error) {
        let message = format!("the journal cannot be read: {error}");
        self.findings
            .push(Finding::new(Defect::UnreadableLine, journal, message));
    }

    /// Looks at every line and every file of the run in `directory`, past every index.
    ///
    /// # Errors
    /// [`ErrorKind::Log`](crate::ErrorKind::Log) when there is no run, or a journal cannot be read.
    pub fn of(directory: &Path) -> Result<Self> {
        let run = Run::rebuilt(directory)?;
        let mut verification = Self {
            run_id: run.run_id().to_owned(),
            journals: run.journals.len() as u64,
            calls: run.len() as u64,
            ..Self::default()
        };
        let seen = journals::look(&run, &mut verification)?;
        tools::look(&run, &mut verification)?;
        if !verification.is_running {
            views::look(&run, &seen, &mut verification)?;
        }
        Ok(verification)
    }

    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}
