//! Traces as OTLP/JSON: numbers of 64 bits are texts there, ids are hexadecimal.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Writer;
use super::names as name;
use crate::call_log::{CallStatus, Record};
use crate::chat::{Message, Role};

const INTERNAL: u8 = 1;
const CLIENT: u8 = 3;
const STATUS_OK: u8 = 1;
const STATUS_ERROR: u8 = 2;

pub(super) struct Traces<'a> {
    out: &'a mut dyn Write,
    with_content: bool,
    is_first: bool,
    executions: Vec<Execution>,
    places: HashMap<String, usize>,
}

/// What the span of an execution shows, gathered from its calls.
struct Execution {
    run_id: String,
    id: String,
    agent: String,
    conversation: Option<String>,
    start: u128,
    end: u128,
    /// How the call ended that ended it.
    outcome: Option<(CallStatus, String)>,
}

impl<'a> Traces<'a> {
    pub(super) fn begin(out: &'a mut dyn Write, with_content: bool) -> io::Result<Self> {
        let mut resource = Map::new();
        resource.insert(name::SERVICE_NAME.to_owned(), text("duologue"));
        let resource = json!({"attributes": attributes(resource)});
        let scope = json!({"name": "duologue", "version": env!("CARGO_PKG_VERSION")});
        write!(
            out,
            "{{\"resourceSpans\":[{{\"resource\":{resource},\"scopeSpans\":[{{\"scope\":{scope},\"spans\":["
        )?;
        Ok(Self {
            out,
            with_content,
            is_first: true,
            executions: Vec::new(),
            places: HashMap::new(),
        })
    }

    fn span(&mut self, span: &Value) -> io::Result<()> {
        let comma = if self.is_first { "\n" } else { ",\n" };
        self.is_first = false;
        write!(self.out, "{comma}{span}")
    }

    fn note(&mut self, record: &Record, start: u128, end: u128) {
        let place = *self
            .places
            .entry(record.execution_id.clone())
            .or_insert_with(|| {
                self.executions.push(Execution {
                    run_id: record.run_id.clone(),
                    id: record.execution_id.clone(),
                    agent: record.agent.clone(),
                    conversation: record.conversation_id.clone(),
                    start,
                    end,
                    outcome: None,
                });
                self.executions.len() - 1
            });
        let execution = &mut self.executions[place];
        execution.start = execution.start.min(start);
        execution.end = execution.end.max(end);
        if let Some(status) = record
            .status
            .filter(|_| record.ends_execution != Some(false))
        {
            execution.outcome = Some((status, error_type(record, status)));
        }
    }
}

impl Writer for Traces<'_> {
    fn call(&mut self, record: &Record) -> io::Result<()> {
        let start = nanos(&record.started_at);
        let end = start + u128::from(record.duration_ms.unwrap_or(0)) * 1_000_000;
        self.note(record, start, end);
        // A span is told when it has ended.
        let Some(status) = record.status else {
            return Ok(());
        };
        let span = json!({
            "traceId": id(&["run", &record.run_id], 16),
            "spanId": id(&["call", &record.run_id, &record.call_id], 8),
            "parentSpanId": id(&["execution", &record.run_id, &record.execution_id], 8),
            "name": format!("{} {}", name::CHAT, record.model),
            "kind": CLIENT,
            "startTimeUnixNano": start.to_string(),
            "endTimeUnixNano": end.to_string(),
            "attributes": attributes(call_attributes(record, status, self.with_content)),
            "status": self.status_of(record, status),
        });
        self.span(&span)
    }

    fn end_run(&mut self, _run_id: &str) -> io::Result<()> {
        self.places.clear();
        for execution in std::mem::take(&mut self.executions) {
            self.span(&execution.span())?;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n]}]}]}\n")?;
        self.out.flush()
    }
}

impl Traces<'_> {
    fn status_of(&self, record: &Record, status: CallStatus) -> Value {
        match &record.error {
            _ if status == CallStatus::Succeeded => json!({"code": STATUS_OK}),
            Some(error) if self.with_content => {
                json!({"code": STATUS_ERROR, "message": error.message})
            }
            _ => json!({"code": STATUS_ERROR}),
        }
    }
}

impl Execution {
    fn span(&self) -> Value {
        let mut found = Map::new();
        let mut add = |name: &str, value| found.insert(name.to_owned(), value);
        add(name::GEN_AI_OPERATION_NAME, text(name::INVOKE_AGENT));
        add(name::GEN_AI_AGENT_NAME, text(&self.agent));
        if let Some(conversation) = &self.conversation {
            add(name::GEN_AI_CONVERSATION_ID, text(conversation));
        }
        add(name::DUOLOGUE_RUN_ID, text(&self.run_id));
        add(name::DUOLOGUE_EXECUTION_ID, text(&self.id));
        let status = match &self.outcome {
            None => json!({}),
            Some((CallStatus::Succeeded, _)) => json!({"code": STATUS_OK}),
            Some((_, error)) => {
                add(name::ERROR_TYPE, text(error));
                json!({"code": STATUS_ERROR})
            }
        };
        json!({
            "traceId": id(&["run", &self.run_id], 16),
            "spanId": id(&["execution", &self.run_id, &self.id], 8),
            "name": format!("{} {}", name::INVOKE_AGENT, self.agent),
            "kind": INTERNAL,
            "startTimeUnixNano": self.start.to_string(),
            "endTimeUnixNano": self.end.to_string(),
            "attributes": attributes(found),
            "status": status,
        })
    }
}

fn call_attributes(record: &Record, status: CallStatus, with_content: bool) -> Map<String, Value> {
    let mut found = Map::new();
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            found.insert(name.to_owned(), value);
        }
    };
    let usage = &record.usage;
    add(name::GEN_AI_OPERATION_NAME, Some(text(name::CHAT)));
    add(name::GEN_AI_PROVIDER_NAME, Some(text(&record.provider)));
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
    add(
        name::GEN_AI_RESPONSE_MODEL,
        record.response_model.as_deref().map(text),
    );
    add(
        name::GEN_AI_RESPONSE_ID,
        record.response_id.as_deref().map(text),
    );
    let reason = finish_reason(record);
    let reasons = reason
        .as_deref()
        .map(|reason| json!({"arrayValue": {"values": [text(reason)]}}));
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
        name::DUOLOGUE_REASONING_TOKENS,
        usage.reasoning_tokens.map(int),
    );
    if status != CallStatus::Succeeded {
        add(name::ERROR_TYPE, Some(text(&error_type(record, status))));
    }
    add(name::DUOLOGUE_RUN_ID, Some(text(&record.run_id)));
    add(
        name::DUOLOGUE_EXECUTION_ID,
        Some(text(&record.execution_id)),
    );
    add(name::DUOLOGUE_CALL_ID, Some(text(&record.call_id)));
    add(name::DUOLOGUE_CALL_STATUS, Some(text(status.as_str())));
    add(
        name::DUOLOGUE_CALL_ATTEMPT,
        Some(int(record.attempt.into())),
    );
    add(
        name::DUOLOGUE_CALL_ITERATION,
        Some(int(record.iteration.into())),
    );
    add(
        name::DUOLOGUE_TRANSPORT_ATTEMPTS,
        Some(int(record.attempts.len() as u64)),
    );
    let dollars = record
        .cost_usd
        .and_then(|cost| cost.usd().to_string().parse().ok());
    add(name::DUOLOGUE_COST_USD, dollars.map(double));
    if with_content {
        let messages: Vec<Value> = record.messages.iter().map(message).collect();
        add(
            name::GEN_AI_INPUT_MESSAGES,
            Some(text(&Value::from(messages).to_string())),
        );
        add(
            name::GEN_AI_OUTPUT_MESSAGES,
            record.raw_answer.as_ref().map(|answer| {
                let mut answer = message(&Message::new(Role::Assistant, answer));
                answer["finish_reason"] = reason.as_deref().unwrap_or("stop").into();
                text(&json!([answer]).to_string())
            }),
        );
    }
    found
}

fn message(message: &Message) -> Value {
    json!({
        "role": message.role.as_str(),
        "parts": [{"type": "text", "content": message.content}],
    })
}

fn finish_reason(record: &Record) -> Option<String> {
    let reason = serde_json::to_value(record.finish_reason.as_ref()?).ok()?;
    reason.as_str().map(str::to_owned)
}

fn error_type(record: &Record, status: CallStatus) -> String {
    let kind = record.error.as_ref().map(|error| error.kind.as_str());
    kind.unwrap_or_else(|| status.as_str()).to_owned()
}

/// Nanoseconds since 1970; 0 for a text that is no time, or one before.
fn nanos(time: &str) -> u128 {
    let time = time.parse::<Timestamp>().unwrap_or(Timestamp::UNIX_EPOCH);
    u128::try_from(time.as_nanosecond()).unwrap_or(0)
}

/// The same id for the same names, in so many bytes, never all zero.
fn id(names: &[&str], bytes: usize) -> String {
    let mut hasher = Sha256::new();
    for name in names {
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name);
    }
    let mut id = String::with_capacity(2 * bytes);
    for byte in hasher.finalize().iter().take(bytes) {
        // Writing into a text cannot fail.
        let _ = fmt::Write::write_fmt(&mut id, format_args!("{byte:02x}"));
    }
    if id.bytes().all(|digit| digit == b'0') {
        id.replace_range(..1, "1");
    }
    id
}

fn attributes(found: Map<String, Value>) -> Vec<Value> {
    let attributes = found.into_iter();
    attributes
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect()
}

fn text(text: &str) -> Value {
    json!({"stringValue": text})
}

fn int(number: u64) -> Value {
    json!({"intValue": number.to_string()})
}

fn double(number: f64) -> Value {
    json!({"doubleValue": number})
}
