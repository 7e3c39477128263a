//! Traces as OTLP/JSON: numbers of 64 bits are texts there, ids are hexadecimal.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Writer;
use super::attributes::{attributes, call_attributes, error_type, text, tool_attributes};
use crate::call_log::{CallStatus, Record, ToolRecord, ToolStatus};
use crate::telemetry::names as name;

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
            "startTimeUnixNano": fixed64(start),
            "endTimeUnixNano": fixed64(end),
            "attributes": attributes(call_attributes(record, status, self.with_content)),
            "status": self.status_of(record, status),
        });
        self.span(&span)
    }

    fn has_tools(&self) -> bool {
        true
    }

    fn tool(&mut self, tool: &ToolRecord) -> io::Result<()> {
        // A span is told when it has ended.
        let Some(status) = tool.status else {
            return Ok(());
        };
        let start = nanos(&tool.started_at);
        let end = start + u128::from(tool.duration_ms.unwrap_or(0)) * 1_000_000;
        let place = format!("{} {}", tool.call_id, tool.index);
        let code = if status == ToolStatus::Succeeded {
            STATUS_OK
        } else {
            STATUS_ERROR
        };
        self.span(&json!({
            "traceId": id(&["run", &tool.run_id], 16),
            "spanId": id(&["tool", &tool.run_id, &place], 8),
            "parentSpanId": id(&["execution", &tool.run_id, &tool.execution_id], 8),
            "name": format!("{} {}", name::EXECUTE_TOOL, tool.name),
            "kind": INTERNAL,
            "startTimeUnixNano": fixed64(start),
            "endTimeUnixNano": fixed64(end),
            "attributes": attributes(tool_attributes(tool, self.with_content)),
            "status": {"code": code},
        }))
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
        add(name::RUN_ID, text(&self.run_id));
        add(name::EXECUTION_ID, text(&self.id));
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
            "startTimeUnixNano": fixed64(self.start),
            "endTimeUnixNano": fixed64(self.end),
            "attributes": attributes(found),
            "status": status,
        })
    }
}

/// Nanoseconds as OTLP can hold them: 64 bits end in the year 2554.
fn fixed64(nanos: u128) -> String {
    u64::try_from(nanos).unwrap_or(u64::MAX).to_string()
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
