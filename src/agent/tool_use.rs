//! A tool that a program calls by itself, without a model that asks: checked, permitted and recorded
//! like any other call of a tool.

use std::time::Duration;

use serde_json::Value;

use super::calling::{Calling, WatchedTool};
use super::lifecycle::Told;
use super::runner::AgentRunner;
use super::tool_call::Ended;
use super::tool_check::misfit;
use crate::attempt::millis;
use crate::call_log::{OpenToolCall, ToolRecord};
use crate::error::{Error, ErrorKind, Result, ToolFailure};
use crate::lifecycle::{LifecycleEvent, Phase, Subject};
use crate::tool::{Entry, ToolContext, ToolOutput};

/// A call of a tool by a stage of a flow.
#[derive(Debug)]
pub(crate) struct ToolUse<'a> {
    pub(crate) tool: &'a str,
    pub(crate) arguments: Value,
    /// Who calls; it stands where otherwise the agent does.
    pub(crate) stage: &'a str,
    pub(crate) document_id: &'a str,
}

impl AgentRunner {
    /// What the tool gives, whole.
    ///
    /// # Errors
    /// `Config` for an unknown tool, `Tool` for arguments that do not fit, a rule that forbids the call
    /// and a tool that fails, `Timeout` for one that takes too long, `Log` as for every record.
    ///
    /// # Cancel safety
    /// The future may be dropped at any time: the record ends as cancelled.
    pub(crate) async fn use_tool(&self, of: ToolUse<'_>) -> Result<String> {
        let tools = self.tools();
        let Some(entry) = tools.get(of.tool) else {
            return Err(self.unknown_tool(of.tool));
        };
        let id = format!("stage_{}", self.clock().id());
        let started = self.clock().elapsed();
        let (told, open) = self.begin_use(entry, &of, &id, started)?;
        let settings = tools.settings();
        let calling = Calling {
            tools,
            deadline: None,
            max_result_bytes: usize::MAX,
            watched: WatchedTool {
                told: &told,
                log: self.log(),
                slow_after: self.shared.slow_after.tool,
                agent: of.stage,
                document: Some(of.document_id),
            },
        };
        let context = ToolContext {
            agent: of.stage.to_owned(),
            run_id: self.log().run_id().to_owned(),
            call_id: id,
            ..ToolContext::default()
        };
        let ended = if let Some(misfit) = misfit(entry, &of.arguments, settings.replayed) {
            misfit
        } else {
            let answer = calling.call_if_permitted(entry, of.arguments, context);
            answer.await
        };
        let mut record = ended.record();
        let clipped = record
            .result
            .map(|text| ToolOutput::text(text).clipped(settings.max_result_bytes));
        record.result = clipped;
        let kept = open.finish(|| record);
        told.end(None, |event| {
            let took = self.clock().elapsed().saturating_sub(started);
            event.duration_ms = Some(millis(took));
            event.error = ended.event_error();
        });
        kept?;
        result_of(ended, of.tool)
    }

    /// Whether there is such a tool.
    pub(crate) fn check_tool(&self, name: &str) -> Result<()> {
        match self.tools().get(name) {
            Some(_) => Ok(()),
            None => Err(self.unknown_tool(name)),
        }
    }

    fn unknown_tool(&self, name: &str) -> Error {
        let known = self.tools().definitions().map(|tool| &*tool.name);
        let known: Vec<&str> = known.collect();
        let message = format!("there is no tool `{name}`");
        let hint = crate::text::did_you_mean(name, known.iter().copied());
        Error::new(ErrorKind::Config, message).with_hint(hint)
    }

    /// The start, in the log and then told. In this order, for one that is dropped is told of when its
    /// record is there.
    fn begin_use(
        &self,
        entry: &Entry,
        of: &ToolUse<'_>,
        id: &str,
        started: Duration,
    ) -> Result<(Told, OpenToolCall)> {
        let open = self.log().begin_tool(|| self.record_of(entry, of, id))?;
        let told = self.tell_use(of, id, started);
        Ok((told, open))
    }

    fn tell_use(&self, of: &ToolUse<'_>, id: &str, started: Duration) -> Told {
        if !self.lifecycle().is_on() {
            return Told::nothing();
        }
        let mut event = LifecycleEvent::new(Subject::Tool, Phase::Started, self.log().run_id());
        event.document_id = Some(of.document_id.to_owned());
        event.stage = Some(of.stage.to_owned());
        event.tool = Some(of.tool.to_owned());
        event.call_id = Some(id.to_owned());
        Told::start(event, self.lifecycle(), self.log(), self.clock(), started)
    }

    fn record_of(&self, entry: &Entry, of: &ToolUse<'_>, id: &str) -> ToolRecord {
        let mut record = ToolRecord::default();
        id.clone_into(&mut record.execution_id);
        id.clone_into(&mut record.call_id);
        of.stage.clone_into(&mut record.agent);
        of.tool.clone_into(&mut record.name);
        record.acts_on_world = entry.tool.acts_on_world();
        record.replayed = self.tools().settings().replayed;
        record.arguments = Some(of.arguments.clone());
        record
    }
}

/// What the tool said may hold what it was given, so it is in the record alone.
fn result_of(ended: Ended, tool: &str) -> Result<String> {
    let Some(failure) = ended.failure else {
        return Ok(ended.text);
    };
    let (kind, what) = match failure {
        ToolFailure::InvalidArguments => (
            ErrorKind::Tool,
            "was given arguments that do not fit its schema",
        ),
        ToolFailure::NotPermitted => (
            ErrorKind::Tool,
            "may not be called: a permission rule says no",
        ),
        ToolFailure::Timeout => (ErrorKind::Timeout, "gave no result in time"),
        ToolFailure::Panicked => (ErrorKind::Tool, "panicked"),
        _ => (ended.fatal.unwrap_or(ErrorKind::Tool), "failed"),
    };
    let error = Error::new(kind, format!("tool `{tool}` {what}"));
    Err(match kind {
        ErrorKind::Timeout => error.with_hint("raise the timeout of the tools"),
        _ => error.with_hint("the record of the tool call says what it was given and what it said"),
    })
}
