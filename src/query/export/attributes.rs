//! What the span of a call says, in the value types of OTLP/JSON.

use serde_json::{Map, Value, json};

use crate::call_log::{CallStatus, Record, ToolRecord};
use crate::chat::{FinishReason, Response};
use crate::telemetry::names as name;
use crate::telemetry::{input_messages, output_messages};

pub(super) fn call_attributes(
    record: &Record,
    status: CallStatus,
    with_content: bool,
) -> Map<String, Value> {
    let mut found = Map::new();
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            found.insert(name.to_owned(), value);
        }
    };
    let usage = &record.usage;
    add(name::GEN_AI_OPERATION_NAME, Some(text(name::CHAT)));
    let provider = name::provider_name(&record.provider);
    add(name::GEN_AI_PROVIDER_NAME, Some(text(provider)));
    add(name::GEN_AI_AGENT_NAME, Some(text(&record.agent)));
    add(
        name::GEN_AI_CONVERSATION_ID,
        record.conversation_id.as_deref().map(text),
    );
    add(name::GEN_AI_REQUEST_MODEL, Some(text(&record.model)));
    add(
        name::GEN_AI_REQUEST_TEMPERATURE,
        record.parameters.temperature.map(double),
    );
    let max_tokens = record.parameters.max_output_tokens;
    add(
        name::GEN_AI_REQUEST_MAX_TOKENS,
        max_tokens.map(|most| int(most.into())),
    );
    add(name::GEN_AI_OUTPUT_TYPE, Some(text("json")));
    let streamed = record.streamed.then(|| json!({"boolValue": true}));
    add(name::GEN_AI_REQUEST_STREAM, streamed);
    let first_token = record.first_token_ms.map(|ms| double(ms as f64 / 1000.0));
    add(name::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, first_token);
    add(
        name::GEN_AI_RESPONSE_MODEL,
        record.response_model.as_deref().map(text),
    );
    add(
        name::GEN_AI_RESPONSE_ID,
        record.response_id.as_deref().map(text),
    );
    let reason = record.finish_reason.as_ref().map(FinishReason::as_str);
    let reasons = reason.map(|reason| json!({"arrayValue": {"values": [text(reason)]}}));
    add(name::GEN_AI_RESPONSE_FINISH_REASONS, reasons);
    add(name::GEN_AI_USAGE_INPUT_TOKENS, usage.input_tokens.map(int));
    add(
        name::GEN_AI_USAGE_OUTPUT_TOKENS,
        usage.output_tokens.map(int),
    );
    add(
        name::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
        usage.cached_tokens.map(int),
    );
    add(
        name::GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
        usage.cache_write_tokens.map(int),
    );
    add(
        name::GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
        usage.reasoning_tokens.map(int),
    );
    if status != CallStatus::Succeeded {
        add(name::ERROR_TYPE, Some(text(&error_type(record, status))));
    }
    add(name::RUN_ID, Some(text(&record.run_id)));
    add(name::EXECUTION_ID, Some(text(&record.execution_id)));
    add(name::CALL_ID, Some(text(&record.call_id)));
    add(name::JOB_ID, record.job_id.as_deref().map(text));
    add(name::DOCUMENT_ID, record.document_id.as_deref().map(text));
    add(name::STAGE, record.stage.as_deref().map(text));
    add(name::STATUS, Some(text(status.as_str())));
    add(name::ATTEMPT, Some(int(record.attempt.into())));
    add(name::ITERATION, Some(int(record.iteration.into())));
    add(name::REPLAY_OF, record.replay_of.as_deref().map(text));
    add(
        name::TRANSPORT_ATTEMPTS,
        Some(int(record.attempts.len() as u64)),
    );
    add(
        name::COST_USD,
        record.cost_usd.map(|cost| double(cost.as_f64())),
    );
    if with_content {
        // The log has sanitized them.
        let sent = input_messages(&record.messages, &str::to_owned);
        add(name::GEN_AI_INPUT_MESSAGES, Some(text(&sent)));
        let answer = record.raw_answer.as_ref().map(|answer| {
            let mut response = Response::text(answer);
            response.reasoning.clone_from(&record.reasoning);
            response.finish_reason.clone_from(&record.finish_reason);
            response.tool_calls.clone_from(&record.tool_calls);
            text(&output_messages(&response, &str::to_owned))
        });
        add(name::GEN_AI_OUTPUT_MESSAGES, answer);
    }
    found
}

pub(super) fn error_type(record: &Record, status: CallStatus) -> String {
    let kind = record.error.as_ref().map(|error| error.kind.as_str());
    kind.unwrap_or_else(|| status.as_str()).to_owned()
}

pub(super) fn attributes(found: Map<String, Value>) -> Vec<Value> {
    let attributes = found.into_iter();
    attributes
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect()
}

pub(super) fn text(text: &str) -> Value {
    json!({"stringValue": text})
}

fn int(number: u64) -> Value {
    // 64 bits with a sign; a collector refuses the whole document for one that is larger.
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    json!({"intValue": number.to_string()})
}

fn double(number: f64) -> Value {
    json!({"doubleValue": number})
}

/// What the span of a tool call shows.
pub(super) fn tool_attributes(tool: &ToolRecord, with_content: bool) -> Map<String, Value> {
    let mut found = Map::new();
    let mut add = |name: &str, value: &str| found.insert(name.to_owned(), text(value));
    add(name::GEN_AI_OPERATION_NAME, name::EXECUTE_TOOL);
    add(name::GEN_AI_TOOL_NAME, &tool.name);
    add(name::GEN_AI_TOOL_CALL_ID, &tool.tool_call_id);
    add(name::GEN_AI_TOOL_TYPE, "function");
    add(name::GEN_AI_AGENT_NAME, &tool.agent);
    add(name::RUN_ID, &tool.run_id);
    add(name::EXECUTION_ID, &tool.execution_id);
    add(name::CALL_ID, &tool.call_id);
    if let Some(error) = &tool.error {
        add(name::ERROR_TYPE, error.kind.as_str());
    }
    if let (true, Some(arguments)) = (with_content, &tool.arguments) {
        add(name::GEN_AI_TOOL_CALL_ARGUMENTS, &arguments.to_string());
    }
    if let (true, Some(result)) = (with_content, &tool.result) {
        add(name::GEN_AI_TOOL_CALL_RESULT, result);
    }
    found
}
