//! What happens in a run, as it happens.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::figures::Figures;
use super::list::Listed;
use super::read::CallLine;
use super::run::{Run, State};
use crate::call_log::index::{Head, RawLine, scan};
use crate::call_log::paths::RunPaths;
use crate::call_log::{CallStatus, is_abandoned};
use crate::error::{Error, ErrorKind, Result};

/// Follows all journals of a run, those that come later too.
///
/// It is asked, and never waits: whoever follows chooses how often.
///
/// ```
/// # use duologue::call_log::{create_llm_logger, LoggerConfig};
/// # let folder = tempfile::tempdir()?;
/// # let config = LoggerConfig { output_dir: folder.path().into(), run_id: Some("demo".into()), ..Default::default() };
/// # let log = create_llm_logger(&config)?;
/// # let directory = folder.path().join("demo");
/// use duologue::query::{Follow, Run};
///
/// let mut follow = Follow::from(&Run::open(&directory)?);
/// for update in follow.poll()? {
///     println!("{} {:?}", update.agent, update.status);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Follow {
    paths: RunPaths,
    journals: HashMap<PathBuf, Followed>,
}

#[derive(Debug, Default)]
struct Followed {
    upto: u64,
    running: Vec<Listed>,
}

impl From<&Run> for Follow {
    /// From where the run had come when it was opened.
    fn from(run: &Run) -> Self {
        let mut journals: HashMap<PathBuf, Followed> = HashMap::new();
        for (path, upto) in run.journals.iter().zip(&run.uptos) {
            journals.entry(path.clone()).or_default().upto = *upto;
        }
        for (place, call) in run.calls.iter().enumerate() {
            let running = (call.state == State::Running).then(|| run.record(place));
            // A call whose start cannot be read is not missed when it ends.
            if let Some(Some(Ok(record))) = running {
                let path = run.journals[call.journal].clone();
                let listed = Listed::of_record(&record);
                journals.entry(path).or_default().running.push(listed);
            }
        }
        Self {
            paths: run.paths.clone(),
            journals,
        }
    }
}

/// What a look at the journals brought.
#[derive(Default)]
struct Seen {
    updates: Vec<Listed>,
    upto: u64,
}

impl Follow {
    /// The calls that have begun (without a status) or ended since the last time, those of one
    /// process in the order in which that happened. They have no place.
    ///
    /// # Errors
    /// [`ErrorKind::Log`] when a journal cannot be read.
    pub fn poll(&mut self) -> Result<Vec<Listed>> {
        let unreadable = |path: &Path, error| {
            Error::new(ErrorKind::Log, format!("cannot read `{}`", path.display()))
                .with_source(error)
        };
        let journals = self.paths.journals();
        let journals = journals.map_err(|error| unreadable(&self.paths.journal, error))?;
        let mut updates = Vec::new();
        for path in journals {
            let followed = self.journals.entry(path.clone()).or_default();
            followed
                .poll(&path, &mut updates)
                .map_err(|error| unreadable(&path, error))?;
        }
        Ok(updates)
    }
}

impl Followed {
    fn poll(&mut self, path: &Path, updates: &mut Vec<Listed>) -> std::io::Result<()> {
        // Asked before reading: whoever is gone by now has written all that is read below.
        let is_gone = !self.running.is_empty() && is_abandoned(path);
        if std::fs::metadata(path)?.len() > self.upto {
            for part in scan(path, self.upto, &Seen::visit)? {
                self.upto = self.upto.max(part.found.upto);
                for update in part.found.updates {
                    self.running.retain(|call| call.call_id != update.call_id);
                    if update.status.is_none() {
                        self.running.push(update.clone());
                    }
                    updates.push(update);
                }
            }
        }
        if is_gone {
            updates.extend(self.running.drain(..).map(|call| Listed {
                status: Some(CallStatus::Interrupted),
                ..call
            }));
        }
        Ok(())
    }
}

impl Seen {
    fn visit(&mut self, line: RawLine<'_>) {
        let head = Head::read(line.bytes);
        if line.is_ended || head.is_ok() {
            self.upto = line.span.offset + line.span.len as u64;
        }
        if !head.is_ok_and(|head| head.is_call()) {
            return;
        }
        let call = CallLine {
            place: 0,
            state: State::Ended,
            bytes: line.bytes,
            surprises: None,
        };
        if let Ok(figures) = Figures::of(&call) {
            self.updates.push(Listed {
                place: None,
                ..Listed::of(&call, &figures)
            });
        }
    }
}
