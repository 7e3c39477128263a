//! Names of OpenTelemetry's conventions for generative AI (development status, as of version 1.38).

pub(super) const GEN_AI_OPERATION_NAME: &str = "gen_ai.operation.name";
pub(super) const GEN_AI_PROVIDER_NAME: &str = "gen_ai.provider.name";
pub(super) const GEN_AI_AGENT_NAME: &str = "gen_ai.agent.name";
pub(super) const GEN_AI_CONVERSATION_ID: &str = "gen_ai.conversation.id";
pub(super) const GEN_AI_REQUEST_MODEL: &str = "gen_ai.request.model";
pub(super) const GEN_AI_REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
pub(super) const GEN_AI_REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
pub(super) const GEN_AI_RESPONSE_MODEL: &str = "gen_ai.response.model";
pub(super) const GEN_AI_RESPONSE_ID: &str = "gen_ai.response.id";
pub(super) const GEN_AI_RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
pub(super) const GEN_AI_OUTPUT_TYPE: &str = "gen_ai.output.type";
pub(super) const GEN_AI_USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub(super) const GEN_AI_USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub(super) const GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: &str =
    "gen_ai.usage.cache_read.input_tokens";
pub(super) const GEN_AI_INPUT_MESSAGES: &str = "gen_ai.input.messages";
pub(super) const GEN_AI_OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
pub(super) const ERROR_TYPE: &str = "error.type";
pub(super) const SERVICE_NAME: &str = "service.name";

/// Values of `gen_ai.operation.name`.
pub(super) const INVOKE_AGENT: &str = "invoke_agent";
pub(super) const CHAT: &str = "chat";

/// What the conventions have no name for.
pub(super) const DUOLOGUE_RUN_ID: &str = "duologue.run.id";
pub(super) const DUOLOGUE_EXECUTION_ID: &str = "duologue.execution.id";
pub(super) const DUOLOGUE_CALL_ID: &str = "duologue.call.id";
pub(super) const DUOLOGUE_CALL_STATUS: &str = "duologue.call.status";
pub(super) const DUOLOGUE_CALL_ATTEMPT: &str = "duologue.call.attempt";
pub(super) const DUOLOGUE_CALL_ITERATION: &str = "duologue.call.iteration";
pub(super) const DUOLOGUE_TRANSPORT_ATTEMPTS: &str = "duologue.call.transport_attempts";
pub(super) const DUOLOGUE_REASONING_TOKENS: &str = "duologue.usage.reasoning_tokens";
pub(super) const DUOLOGUE_COST_USD: &str = "duologue.cost_usd";
