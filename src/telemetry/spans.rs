//! The spans themselves, and the guard that makes sure that each says how it ended.

use tracing::field::Empty;
use tracing::{Span, info_span};

use super::{TelemetryContent, input_messages, names, output_messages};
use crate::attempt::Attempts;
use crate::chat::{Request, Response, ToolCall, Usage};
use crate::cost::Cost;
use crate::error::ErrorKind;

/// Takes out of a text what must not leave the process.
pub(crate) type Clean<'a> = &'a dyn Fn(&str) -> String;

/// A span that must be told how it ended. Dropped before that, it ends as `cancelled`, or as
/// `internal` when a panic is under way.
#[must_use = "a span that is dropped ends as cancelled"]
#[derive(Debug)]
pub(crate) struct OpenSpan {
    span: Span,
    open: bool,
}

impl OpenSpan {
    fn new(span: Span) -> Self {
        let open = !span.is_disabled();
        Self { span, open }
    }

    /// The span, for futures to run in.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Ends the span; `None` is success.
    pub(crate) fn end(mut self, error: Option<ErrorKind>) {
        self.close(error);
    }

    fn close(&mut self, error: Option<ErrorKind>) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        if let Some(kind) = error {
            self.span.record(names::ERROR_TYPE, kind.as_str());
            self.span.record("otel.status_code", "ERROR");
            self.span.record("otel.status_description", kind.as_str());
        }
    }
}

impl Drop for OpenSpan {
    fn drop(&mut self) {
        self.close(Some(if std::thread::panicking() {
            ErrorKind::Internal
        } else {
            ErrorKind::Cancelled
        }));
    }
}

/// The span of a job's run.
pub(crate) fn run_span(job: &str, run_id: &str, clean: Clean<'_>) -> OpenSpan {
    OpenSpan::new(info_span!(
        target: names::TARGET_RUN,
        names::INVOKE_WORKFLOW,
        otel.name = format!("{} {}", names::INVOKE_WORKFLOW, clean(job)),
        otel.status_code = Empty,
        otel.status_description = Empty,
        { names::GEN_AI_OPERATION_NAME } = names::INVOKE_WORKFLOW,
        { names::GEN_AI_WORKFLOW_NAME } = clean(job),
        { names::RUN_ID } = clean(run_id),
        { names::ERROR_TYPE } = Empty,
    ))
}

/// What an execution is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AgentFacts<'a> {
    pub(crate) agent: &'a str,
    pub(crate) model: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) run_id: &'a str,
    pub(crate) conversation_id: Option<&'a str>,
    pub(crate) parent_call_id: Option<&'a str>,
    pub(crate) job_id: Option<&'a str>,
    pub(crate) document_id: Option<&'a str>,
    pub(crate) stage: Option<&'a str>,
    pub(crate) iteration: u32,
}

/// The span of an execution; its id is recorded once there is one.
pub(crate) fn agent_span(facts: &AgentFacts<'_>, clean: Clean<'_>) -> OpenSpan {
    OpenSpan::new(info_span!(
        target: names::TARGET_AGENT,
        names::INVOKE_AGENT,
        otel.name = format!("{} {}", names::INVOKE_AGENT, clean(facts.agent)),
        otel.status_code = Empty,
        otel.status_description = Empty,
        { names::GEN_AI_OPERATION_NAME } = names::INVOKE_AGENT,
        { names::GEN_AI_AGENT_NAME } = clean(facts.agent),
        { names::GEN_AI_PROVIDER_NAME } = clean(names::provider_name(facts.provider)),
        { names::GEN_AI_REQUEST_MODEL } = clean(facts.model),
        { names::GEN_AI_CONVERSATION_ID } = facts.conversation_id.map(clean),
        { names::RUN_ID } = clean(facts.run_id),
        { names::EXECUTION_ID } = Empty,
        { names::PARENT_CALL_ID } = facts.parent_call_id.map(clean),
        { names::JOB_ID } = facts.job_id.map(clean),
        { names::DOCUMENT_ID } = facts.document_id.map(clean),
        { names::STAGE } = facts.stage.map(clean),
        { names::ITERATION } = i64::from(facts.iteration),
        { names::ERROR_TYPE } = Empty,
    ))
}

/// What a call is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallFacts<'a> {
    pub(crate) of: AgentFacts<'a>,
    pub(crate) call_id: &'a str,
    pub(crate) execution_id: &'a str,
    pub(crate) attempt: u32,
    pub(crate) request: &'a Request,
    pub(crate) streams: bool,
    pub(crate) content: TelemetryContent,
}

/// The span of a call. What its end adds is recorded by [`CallEnding::record`].
pub(crate) fn call_span(facts: &CallFacts<'_>, clean: Clean<'_>) -> OpenSpan {
    let CallFacts { of, request, .. } = facts;
    OpenSpan::new(info_span!(
        target: names::TARGET_CALL,
        names::CHAT,
        otel.name = format!("{} {}", names::CHAT, clean(&request.model)),
        otel.kind = "client",
        otel.status_code = Empty,
        otel.status_description = Empty,
        { names::GEN_AI_OPERATION_NAME } = names::CHAT,
        { names::GEN_AI_PROVIDER_NAME } = clean(names::provider_name(of.provider)),
        { names::GEN_AI_REQUEST_MODEL } = clean(&request.model),
        { names::GEN_AI_REQUEST_TEMPERATURE } = request.temperature,
        { names::GEN_AI_REQUEST_MAX_TOKENS } = request.max_output_tokens.map(i64::from),
        { names::GEN_AI_OUTPUT_TYPE } = "json",
        { names::GEN_AI_REQUEST_STREAM } = facts.streams.then_some(true),
        { names::GEN_AI_AGENT_NAME } = clean(of.agent),
        { names::GEN_AI_CONVERSATION_ID } = of.conversation_id.map(clean),
        { names::GEN_AI_INPUT_MESSAGES } = (facts.content == TelemetryContent::Sanitized)
            .then(|| input_messages(&request.messages, clean)),
        { names::CALL_ID } = facts.call_id,
        { names::RUN_ID } = clean(of.run_id),
        { names::EXECUTION_ID } = facts.execution_id,
        { names::PARENT_CALL_ID } = of.parent_call_id.map(clean),
        { names::JOB_ID } = of.job_id.map(clean),
        { names::DOCUMENT_ID } = of.document_id.map(clean),
        { names::STAGE } = of.stage.map(clean),
        { names::ATTEMPT } = i64::from(facts.attempt),
        { names::ITERATION } = i64::from(of.iteration),
        { names::SERVER_ADDRESS } = Empty,
        { names::SERVER_PORT } = Empty,
        { names::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK } = Empty,
        { names::GEN_AI_RESPONSE_MODEL } = Empty,
        { names::GEN_AI_RESPONSE_ID } = Empty,
        { names::GEN_AI_RESPONSE_FINISH_REASONS } = Empty,
        { names::GEN_AI_USAGE_INPUT_TOKENS } = Empty,
        { names::GEN_AI_USAGE_OUTPUT_TOKENS } = Empty,
        { names::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS } = Empty,
        { names::GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS } = Empty,
        { names::GEN_AI_USAGE_REASONING_OUTPUT_TOKENS } = Empty,
        { names::GEN_AI_OUTPUT_MESSAGES } = Empty,
        { names::COST_USD } = Empty,
        { names::FIRST_BYTE_MS } = Empty,
        { names::TRANSPORT_ATTEMPTS } = Empty,
        { names::REPLAY_OF } = Empty,
        { names::ERROR_TYPE } = Empty,
    ))
}

/// What a tool call is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ToolFacts<'a> {
    pub(crate) of: AgentFacts<'a>,
    pub(crate) execution_id: &'a str,
    pub(crate) call: &'a ToolCall,
    pub(crate) content: TelemetryContent,
}

/// The span of a tool call.
pub(crate) fn tool_span(facts: &ToolFacts<'_>, clean: Clean<'_>) -> OpenSpan {
    let ToolFacts { of, call, .. } = facts;
    OpenSpan::new(info_span!(
        target: names::TARGET_TOOL,
        names::EXECUTE_TOOL,
        otel.name = format!("{} {}", names::EXECUTE_TOOL, clean(&call.name)),
        otel.status_code = Empty,
        otel.status_description = Empty,
        { names::GEN_AI_OPERATION_NAME } = names::EXECUTE_TOOL,
        { names::GEN_AI_TOOL_NAME } = clean(&call.name),
        { names::GEN_AI_TOOL_CALL_ID } = clean(&call.id),
        { names::GEN_AI_TOOL_TYPE } = "function",
        { names::GEN_AI_AGENT_NAME } = clean(of.agent),
        { names::GEN_AI_TOOL_CALL_ARGUMENTS } = (facts.content == TelemetryContent::Sanitized)
            .then(|| clean(&call.arguments.to_string())),
        { names::GEN_AI_TOOL_CALL_RESULT } = Empty,
        { names::RUN_ID } = clean(of.run_id),
        { names::EXECUTION_ID } = facts.execution_id,
        { names::ERROR_TYPE } = Empty,
    ))
}

/// How a call ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallEnding<'a> {
    pub(crate) response: Option<&'a Response>,
    pub(crate) attempts: &'a Attempts,
    pub(crate) usage: Option<Usage>,
    pub(crate) cost: Option<Cost>,
    pub(crate) error: Option<ErrorKind>,
    pub(crate) content: TelemetryContent,
}

impl CallEnding<'_> {
    /// Records the end, and ends the span.
    pub(crate) fn record(&self, open: OpenSpan, clean: Clean<'_>) {
        let span = &open.span;
        if !span.is_disabled() {
            if let Some(response) = self.response {
                self.record_response(span, response, clean);
            }
            if let Some(usage) = &self.usage {
                record_usage(span, usage);
            }
            span.record(names::COST_USD, self.cost.map(Cost::as_f64));
            let attempts = self.attempts.to_vec();
            span.record(names::TRANSPORT_ATTEMPTS, whole(attempts.len()));
            let first_byte = attempts.last().and_then(|attempt| attempt.first_byte_ms);
            span.record(names::FIRST_BYTE_MS, first_byte.and_then(whole));
            let first_token = attempts.last().and_then(|attempt| attempt.first_token_ms);
            let seconds = first_token.map(|ms| ms as f64 / 1000.0);
            span.record(names::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, seconds);
            let replay_of = self.attempts.replay_of();
            span.record(names::REPLAY_OF, replay_of.as_deref().map(clean));
        }
        open.end(self.error);
    }

    fn record_response(&self, span: &Span, response: &Response, clean: Clean<'_>) {
        span.record(
            names::GEN_AI_RESPONSE_MODEL,
            response.model.as_deref().map(clean),
        );
        span.record(names::GEN_AI_RESPONSE_ID, response.id.as_deref().map(clean));
        if let Some(reason) = &response.finish_reason {
            let list = serde_json::json!([clean(reason.as_str())]).to_string();
            span.record(names::GEN_AI_RESPONSE_FINISH_REASONS, list);
        }
        if self.content == TelemetryContent::Sanitized {
            span.record(
                names::GEN_AI_OUTPUT_MESSAGES,
                output_messages(response, clean),
            );
        }
    }
}

fn record_usage(span: &Span, usage: &Usage) {
    for (name, tokens) in [
        (names::GEN_AI_USAGE_INPUT_TOKENS, usage.input_tokens),
        (names::GEN_AI_USAGE_OUTPUT_TOKENS, usage.output_tokens),
        (
            names::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
            usage.cached_tokens,
        ),
        (
            names::GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
            usage.cache_write_tokens,
        ),
        (
            names::GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
            usage.reasoning_tokens,
        ),
    ] {
        span.record(name, tokens.and_then(whole));
    }
}

/// Whole numbers go out signed: OpenTelemetry has no others, and exporters make text of the rest.
fn whole(number: impl TryInto<i64>) -> Option<i64> {
    number.try_into().ok()
}
