//! Every name that spans and metrics bear, in one place.
//!
//! The names follow OpenTelemetry's conventions for generative AI as of [`CONVENTIONS`]. They are
//! unreleased and still move, which is why records have names of their own; this table is where both
//! meet, together with the names of the Python framework that [`MIGRATION.md`] is about.
//!
//! | here | in a record | in the Python framework |
//! |---|---|---|
//! | [`GEN_AI_PROVIDER_NAME`] (before 1.37: `gen_ai.system`), see [`provider_name`] | `provider` | `provider` |
//! | [`GEN_AI_REQUEST_MODEL`] | `model` | `model` |
//! | [`GEN_AI_REQUEST_TEMPERATURE`] | `parameters.temperature` | `temperature` |
//! | [`GEN_AI_REQUEST_MAX_TOKENS`] | `parameters.max_output_tokens` | none |
//! | [`GEN_AI_OUTPUT_TYPE`] | none: it is always `json` | none |
//! | [`GEN_AI_REQUEST_STREAM`], absent when it is not | `streamed` | none |
//! | [`GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK`], in seconds | `first_token_ms` | none |
//! | [`GEN_AI_RESPONSE_MODEL`] | `response_model` | none |
//! | [`GEN_AI_RESPONSE_ID`] | `response_id` | none |
//! | [`GEN_AI_RESPONSE_FINISH_REASONS`], a list of one | `finish_reason` | none |
//! | [`GEN_AI_USAGE_INPUT_TOKENS`] | `usage.input_tokens` | `prompt_tokens` |
//! | [`GEN_AI_USAGE_OUTPUT_TOKENS`] | `usage.output_tokens` | `completion_tokens` |
//! | [`GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS`] | `usage.cached_tokens` | none |
//! | [`GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS`] | `usage.cache_write_tokens` | none |
//! | [`GEN_AI_USAGE_REASONING_OUTPUT_TOKENS`] | `usage.reasoning_tokens` | none |
//! | [`GEN_AI_AGENT_NAME`] | `agent` | `agent_name` |
//! | [`GEN_AI_CONVERSATION_ID`] | `conversation_id` | `conversation_id` |
//! | [`GEN_AI_WORKFLOW_NAME`] | none: the name of the job file | none |
//! | [`GEN_AI_INPUT_MESSAGES`] | `messages` | `system_prompt`, `developer_prompt`, `user_prompt`, `examples` |
//! | [`GEN_AI_OUTPUT_MESSAGES`] | `raw_answer`, `reasoning` | `raw_response` |
//! | [`GEN_AI_TOOL_NAME`] | `name` of a tool record | none |
//! | [`GEN_AI_TOOL_CALL_ID`] | `tool_call_id` of a tool record | none |
//! | [`GEN_AI_TOOL_CALL_ARGUMENTS`] | `arguments` of a tool record | none |
//! | [`GEN_AI_TOOL_CALL_RESULT`] | `result` of a tool record | none |
//! | [`ERROR_TYPE`] | `error.kind` | the opposite of `success` |
//! | [`SERVER_ADDRESS`], [`SERVER_PORT`] | none: level `full` has the URL | none |
//! | [`CALL_ID`] | `call_id` | `call_id` |
//! | [`STATUS`] | `status` | `success` |
//! | [`RUN_ID`] | `run_id` | `run_id` |
//! | [`EXECUTION_ID`] | `execution_id` | none |
//! | [`PARENT_CALL_ID`] | `parent_call_id` | none |
//! | [`REPLAY_OF`] | `replay_of` | none |
//! | [`JOB_ID`], [`DOCUMENT_ID`], [`STAGE`] | `job_id`, `document_id`, `stage` | none |
//! | [`ATTEMPT`] | `attempt` | `repair_attempts` |
//! | [`ITERATION`] | `iteration` | `iteration` |
//! | [`COST_USD`] | `cost_usd` | none |
//! | [`FIRST_BYTE_MS`] | `first_byte_ms` | none |
//! | [`TRANSPORT_ATTEMPTS`] | the length of `attempts` | none |
//! | the span's duration | `duration_ms` | `duration_seconds` |
//!
//! [`MIGRATION.md`]: https://docs.rs/crate/duologue/latest/source/MIGRATION.md

/// The revision of the semantic conventions that the names follow: the last release that holds those
/// for generative AI. They have moved to a repository of their own since, which has no release yet
/// and knows the same names.
pub const CONVENTIONS: &str = "1.41.1";

/// What is done: [`CHAT`], [`EXECUTE_TOOL`], [`INVOKE_AGENT`] or [`INVOKE_WORKFLOW`].
pub const GEN_AI_OPERATION_NAME: &str = "gen_ai.operation.name";
/// One call.
pub const CHAT: &str = "chat";
/// One tool call.
pub const EXECUTE_TOOL: &str = "execute_tool";
/// One execution of an agent.
pub const INVOKE_AGENT: &str = "invoke_agent";
/// The run of a job.
pub const INVOKE_WORKFLOW: &str = "invoke_workflow";

/// The provider's name.
pub const GEN_AI_PROVIDER_NAME: &str = "gen_ai.provider.name";
/// The model asked for.
pub const GEN_AI_REQUEST_MODEL: &str = "gen_ai.request.model";
/// Sampling temperature.
pub const GEN_AI_REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
/// Output limit in tokens.
pub const GEN_AI_REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
/// What is asked for: always `json`.
pub const GEN_AI_OUTPUT_TYPE: &str = "gen_ai.output.type";
/// Whether the answer is streamed.
pub const GEN_AI_REQUEST_STREAM: &str = "gen_ai.request.stream";
/// Seconds from the last attempt's start to the first piece of its answer; streamed answers alone.
pub const GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
/// The model that answered.
pub const GEN_AI_RESPONSE_MODEL: &str = "gen_ai.response.model";
/// The provider's id of the answer.
pub const GEN_AI_RESPONSE_ID: &str = "gen_ai.response.id";
/// Why the model stopped, as a list of one; `tracing`, which knows no lists, holds it as JSON.
pub const GEN_AI_RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// Tokens of the prompt, cached ones included.
pub const GEN_AI_USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Tokens written, reasoning included.
pub const GEN_AI_USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// Part of the input that the provider took from its cache.
pub const GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
/// Part of the input that the provider put into its cache.
pub const GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS: &str =
    "gen_ai.usage.cache_creation.input_tokens";
/// Part of the output that was reasoning.
pub const GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";
/// The agent's name.
pub const GEN_AI_AGENT_NAME: &str = "gen_ai.agent.name";
/// The conversation that is continued.
pub const GEN_AI_CONVERSATION_ID: &str = "gen_ai.conversation.id";
/// The job's name: that of its file.
pub const GEN_AI_WORKFLOW_NAME: &str = "gen_ai.workflow.name";
/// The messages sent, as JSON; only with content. System and developer messages stand among them,
/// since they are sent so.
pub const GEN_AI_INPUT_MESSAGES: &str = "gen_ai.input.messages";
/// The answer, as JSON; only with content.
pub const GEN_AI_OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
/// The tool's name.
pub const GEN_AI_TOOL_NAME: &str = "gen_ai.tool.name";
/// The provider's id of the tool call.
pub const GEN_AI_TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
/// What kind of tool it is: always `function`.
pub const GEN_AI_TOOL_TYPE: &str = "gen_ai.tool.type";
/// The arguments of the tool call, as JSON; only with content.
pub const GEN_AI_TOOL_CALL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
/// What the model was told of the tool call; only with content.
pub const GEN_AI_TOOL_CALL_RESULT: &str = "gen_ai.tool.call.result";
/// Whether tokens are `input` or `output`; on metrics alone.
pub const GEN_AI_TOKEN_TYPE: &str = "gen_ai.token.type";

/// The kind of the failure, one of [`ErrorKind`](crate::ErrorKind)'s words; absent on success.
pub const ERROR_TYPE: &str = "error.type";
/// The host of the endpoint.
pub const SERVER_ADDRESS: &str = "server.address";
/// The port of the endpoint.
pub const SERVER_PORT: &str = "server.port";
/// The HTTP status of a failed attempt; on events alone.
pub const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";

/// Who sends: a resource's attribute.
pub const SERVICE_NAME: &str = "service.name";
/// How a call ended, one of [`CallStatus`](crate::call_log::CallStatus)'s words; in exported records alone.
pub const STATUS: &str = "duologue.status";
/// The call's id.
pub const CALL_ID: &str = "duologue.call_id";
/// The run's id.
pub const RUN_ID: &str = "duologue.run_id";
/// The execution's id.
pub const EXECUTION_ID: &str = "duologue.execution_id";
/// The call that caused this one.
pub const PARENT_CALL_ID: &str = "duologue.parent_call_id";
/// The call of an earlier run whose record answers; absent where a request leaves. Tokens and costs
/// of a replayed call are those of that one, and were not spent again.
pub const REPLAY_OF: &str = "duologue.replay_of";
/// The job that the call is made for.
pub const JOB_ID: &str = "duologue.job_id";
/// The document that the call is made for.
pub const DOCUMENT_ID: &str = "duologue.document_id";
/// The stage of a flow that the call is made in.
pub const STAGE: &str = "duologue.stage";
/// Which call of its execution this is, from 1; above 1 it repairs.
pub const ATTEMPT: &str = "duologue.attempt";
/// Which round of a refinement loop, from 0.
pub const ITERATION: &str = "duologue.iteration";
/// What the call cost, in US dollars; absent when that is unknown.
pub const COST_USD: &str = "duologue.cost_usd";
/// Time to the first byte of the last attempt's answer, in milliseconds.
pub const FIRST_BYTE_MS: &str = "duologue.first_byte_ms";
/// Requests on the wire.
pub const TRANSPORT_ATTEMPTS: &str = "duologue.transport_attempts";
/// Wait before an attempt is made again, in milliseconds; on events alone.
pub const DELAY_MS: &str = "duologue.delay_ms";
/// How long what is slow has taken so far, in milliseconds; on events alone.
pub const ELAPSED_MS: &str = "duologue.elapsed_ms";

/// Histogram: tokens of a call by [`GEN_AI_TOKEN_TYPE`].
pub const METRIC_TOKEN_USAGE: &str = "gen_ai.client.token.usage";
/// Histogram: seconds from a call's start to its end, waits and backoff included.
pub const METRIC_OPERATION_DURATION: &str = "gen_ai.client.operation.duration";
/// Histogram: seconds from the last attempt's start to the first piece of its answer; streamed answers
/// alone.
pub const METRIC_TIME_TO_FIRST_CHUNK: &str = "gen_ai.client.operation.time_to_first_chunk";
/// Histogram: seconds to the first byte of the last attempt's answer, streamed or not.
pub const METRIC_TIME_TO_FIRST_BYTE: &str = "duologue.client.operation.time_to_first_byte";

/// A provider's name as the conventions have it, by its name in records; a name that they do not know
/// stays as it is.
///
/// ```
/// use duologue::telemetry::names::provider_name;
///
/// assert_eq!(provider_name("gemini"), "gcp.gemini");
/// assert_eq!(provider_name("anthropic"), "anthropic");
/// ```
pub fn provider_name(provider: &str) -> &str {
    match provider {
        "gemini" => "gcp.gemini",
        "azure" => "azure.ai.openai",
        own => own,
    }
}

/// The target of the spans of runs.
pub const TARGET_RUN: &str = "duologue::run";
/// The target of the spans of executions.
pub const TARGET_AGENT: &str = "duologue::agent";
/// The target of the spans of calls.
pub const TARGET_CALL: &str = "duologue::call";
/// The target of the spans of tool calls.
pub const TARGET_TOOL: &str = "duologue::tool";
