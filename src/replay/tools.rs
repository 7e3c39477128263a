//! Tools whose results are records: nothing is done.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::provider::ReplayProvider;
use crate::call_log::{LogLevel, Sanitizer, ToolFailure, ToolOffer, ToolRecord};
use crate::config;
use crate::error::{ErrorKind, Result};
use crate::fingerprint;
use crate::tool::{Tool, ToolContext, ToolDefinition, ToolError, ToolOutput, ToolSet};

/// Longer than any run: a record answers at once.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl ReplayProvider {
    /// The tools that the models of the recorded run could call. Each call gives what the record of
    /// that tool call gave, and does nothing: the one that the replayed answer asked for, else the next
    /// one of the agent with the same name and arguments. One that no record answers ends the run with
    /// [`ErrorKind::NotRecorded`], in every mode.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`] when the recorded schema of a tool's arguments is not valid any more.
    pub fn tools(&self) -> Result<ToolSet> {
        let recorded = &self.shared.tools;
        let tools = recorded.definitions.iter().map(|definition| {
            let tool = RecordedTool {
                definition: definition.clone(),
                acts_on_world: recorded.acting.contains(&definition.name),
                recorded: recorded.clone(),
            };
            Arc::new(tool) as Arc<dyn Tool>
        });
        ToolSet::builder()
            .tools(tools)
            .timeout(NEVER)
            .max_result_bytes(usize::MAX)
            .replayed()
            .build()
    }
}

/// The tool calls of a recorded run.
pub(super) struct RecordedTools {
    from: PathBuf,
    sanitizer: Sanitizer,
    definitions: Vec<ToolDefinition>,
    /// The names of those that act on the world.
    acting: HashSet<String>,
    records: Vec<ToolRecord>,
    /// The recorded calls whose tools ended their run.
    fatal: HashSet<String>,
    /// By call and index.
    by_place: HashMap<(String, u32), usize>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    used: Vec<bool>,
    by_arguments: HashMap<String, VecDeque<usize>>,
}

impl RecordedTools {
    pub(super) fn new(
        from: PathBuf,
        sanitizer: Sanitizer,
        offers: &[ToolOffer],
        mut records: Vec<ToolRecord>,
    ) -> Self {
        // The run loop says these again by itself.
        records.retain(|record| !matches!(failure(record), Some(kind) if is_judged_anew(kind)));
        let mut definitions: Vec<ToolDefinition> = Vec::new();
        for definition in offers.iter().flat_map(|offer| &offer.definitions) {
            if !definitions
                .iter()
                .any(|known| known.name == definition.name)
            {
                definitions.push(definition.clone());
            }
        }
        let mut state = State {
            used: vec![false; records.len()],
            ..State::default()
        };
        let mut by_place = HashMap::new();
        for (place, record) in records.iter().enumerate() {
            by_place.insert(record.key(), place);
            let arguments = record.arguments.clone().unwrap_or_default();
            let key = key(&record.agent, &record.name, arguments, &sanitizer);
            state.by_arguments.entry(key).or_default().push_back(place);
        }
        let acting = records.iter().filter(|record| record.acts_on_world);
        let fatal = |record: &&ToolRecord| failure(record) == Some(ToolFailure::Fatal);
        Self {
            acting: acting.map(|record| record.name.clone()).collect(),
            fatal: records
                .iter()
                .filter(fatal)
                .map(|record| record.call_id.clone())
                .collect(),
            from,
            sanitizer,
            definitions,
            records,
            by_place,
            state: Mutex::new(state),
        }
    }

    /// The record of this tool call, which is used from now on.
    fn take(&self, name: &str, arguments: Value, context: &ToolContext) -> Option<&ToolRecord> {
        let asked = context.replay_of.clone();
        let place = asked.and_then(|call_id| self.by_place.get(&(call_id, context.index)));
        let key = match place {
            Some(_) => String::new(),
            None => key(&context.agent, name, arguments, &self.sanitizer),
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { used, by_arguments } = &mut *state;
        let place = if let Some(place) = place {
            *place
        } else {
            let line = by_arguments.get_mut(&key)?;
            std::iter::from_fn(|| line.pop_front()).find(|place| !used[*place])?
        };
        used[place] = true;
        let record = &self.records[place];
        (record.name == self.sanitizer.clean(name)).then_some(record)
    }

    fn missing(&self, name: &str, why: &str) -> ToolError {
        let from = config::shown(&self.from);
        let message = format!(
            "no record of `{}` answers this call of tool `{name}`{why}",
            from.display()
        );
        ToolError::fatal_as(ErrorKind::NotRecorded, message)
    }
}

impl fmt::Debug for RecordedTools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedTools")
            .field("from", &self.from)
            .field("tools", &self.definitions.len())
            .field("calls", &self.records.len())
            .finish_non_exhaustive()
    }
}

fn failure(record: &ToolRecord) -> Option<ToolFailure> {
    record.error.as_ref().map(|error| error.kind)
}

fn is_judged_anew(kind: ToolFailure) -> bool {
    matches!(
        kind,
        ToolFailure::UnknownTool | ToolFailure::InvalidArguments | ToolFailure::TooManyCalls
    )
}

/// What tool calls have in common that may stand for one another.
fn key(agent: &str, name: &str, arguments: Value, sanitizer: &Sanitizer) -> String {
    let mut record = ToolRecord::default();
    agent.clone_into(&mut record.agent);
    name.clone_into(&mut record.name);
    record.arguments = Some(match arguments {
        Value::Null => Value::Object(Map::new()),
        Value::String(text) if text.trim().is_empty() => Value::Object(Map::new()),
        arguments => arguments,
    });
    record.strip_to(LogLevel::Full);
    record.sanitize_start(sanitizer);
    let arguments = record.arguments.unwrap_or_default();
    let arguments = fingerprint::canonical(&arguments);
    format!("{}\n{}\n{arguments}", record.agent, record.name)
}

/// One tool of a recorded run.
#[derive(Debug)]
struct RecordedTool {
    definition: ToolDefinition,
    acts_on_world: bool,
    recorded: Arc<RecordedTools>,
}

#[async_trait]
impl Tool for RecordedTool {
    fn definition(&self) -> &ToolDefinition {
        &self.definition
    }

    fn acts_on_world(&self) -> bool {
        self.acts_on_world
    }

    async fn call(
        &self,
        arguments: Value,
        context: &ToolContext,
    ) -> std::result::Result<ToolOutput, ToolError> {
        let name = &self.definition.name;
        let Some(record) = self.recorded.take(name, arguments, context) else {
            return Err(self.recorded.missing(name, ""));
        };
        let text = record.result.clone().unwrap_or_default();
        match failure(record) {
            None if record.is_success() => Ok(ToolOutput::text(text)),
            Some(ToolFailure::Fatal) => Err(ToolError::fatal(text)),
            Some(ToolFailure::DeadlineExceeded) => {
                Err(ToolError::fatal_as(ErrorKind::DeadlineExceeded, text))
            }
            // The tool that ended the run then does so again.
            Some(ToolFailure::Cancelled) if self.recorded.fatal.contains(&record.call_id) => {
                std::future::pending().await
            }
            Some(ToolFailure::Cancelled) => Err(ToolError::fatal_as(
                ErrorKind::Cancelled,
                "the recorded tool call was cancelled",
            )),
            None
            | Some(ToolFailure::Interrupted | ToolFailure::NotRecorded | ToolFailure::Unknown) => {
                Err(self.recorded.missing(name, ": it never ended"))
            }
            Some(_) => Err(ToolError::new(text)),
        }
    }
}
