//! What executions and calls tell `tracing`, after the sanitizer.

use super::execution::Execution;
use super::options::RunOptions;
use super::spec::AgentSpec;
use crate::attempt::Attempts;
use crate::call_log::CallLog;
use crate::chat::{Request, Response, ToolCall, Usage};
use crate::cost::Cost;
use crate::error::ErrorKind;
use crate::provider::Provider;
use crate::telemetry::{
    AgentFacts, CallEnding, CallFacts, OpenSpan, TelemetryContent, ToolFacts, agent_span,
    call_span, names, tool_span,
};

/// Opens the span of an execution below the caller's current one.
pub(super) fn open_execution(
    spec: &AgentSpec,
    provider: &dyn Provider,
    log: &CallLog,
    options: &RunOptions<'_>,
) -> OpenSpan {
    let sanitizer = log.outgoing_sanitizer();
    agent_span(&facts(spec, provider, log, options), &|text| {
        sanitizer.clean(text)
    })
}

fn facts<'a>(
    spec: &'a AgentSpec,
    provider: &'a dyn Provider,
    log: &'a CallLog,
    options: &'a RunOptions<'_>,
) -> AgentFacts<'a> {
    AgentFacts {
        agent: &spec.name,
        model: &spec.model,
        provider: provider.name(),
        run_id: log.run_id(),
        conversation_id: options
            .conversation
            .as_ref()
            .map(|conversation| conversation.id()),
        parent_call_id: options.parent_call_id.as_deref(),
        job_id: options.job_id.as_deref(),
        document_id: options.document_id.as_deref(),
        stage: options.stage.as_deref(),
        iteration: options.iteration,
    }
}

/// How a call ended, in figures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    pub(super) usage: Option<Usage>,
    pub(super) cost: Option<Cost>,
    pub(super) error: Option<ErrorKind>,
}

impl Execution<'_> {
    /// Opens the span of a call; the ledger does not hold the call yet.
    pub(super) fn open_call_span(&self, call_id: &str, request: &Request) -> OpenSpan {
        let around = self.around;
        let facts = CallFacts {
            of: facts(self.spec, around.provider, around.log, &self.options),
            call_id,
            execution_id: &self.id,
            attempt: u32::try_from(self.ledger.calls.len() + 1).unwrap_or(u32::MAX),
            request,
            streams: self.options.events.is_on(),
            content: around.content,
        };
        call_span(&facts, &|text| around.log.outgoing_sanitizer().clean(text))
    }

    /// Opens the span of a tool call.
    pub(super) fn open_tool_span(&self, call: &ToolCall) -> OpenSpan {
        let around = self.around;
        let facts = ToolFacts {
            of: facts(self.spec, around.provider, around.log, &self.options),
            execution_id: &self.id,
            call,
            content: around.content,
        };
        tool_span(&facts, &|text| around.log.outgoing_sanitizer().clean(text))
    }

    pub(super) fn close_tool_span(&self, open: OpenSpan, result: &str, error: Option<ErrorKind>) {
        if self.around.content == TelemetryContent::Sanitized {
            let result = self.around.log.outgoing_sanitizer().clean(result);
            open.span().record(names::GEN_AI_TOOL_CALL_RESULT, result);
        }
        open.end(error);
    }

    pub(super) fn close_call_span(
        &self,
        span: OpenSpan,
        attempts: &Attempts,
        response: Option<&Response>,
        end: Ending,
    ) {
        let around = self.around;
        let ending = CallEnding {
            response,
            attempts,
            usage: end.usage,
            cost: end.cost,
            error: end.error,
            content: around.content,
        };
        ending.record(span, &|text| around.log.outgoing_sanitizer().clean(text));
    }
}
