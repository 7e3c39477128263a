//! One row per call.

use std::io::{self, Write};

use serde_json::Value;

use super::Writer;
use crate::call_log::Record;

/// Columns of every table, in this order.
const COLUMNS: [&str; 38] = [
    "run_id",
    "call_id",
    "execution_id",
    "parent_call_id",
    "conversation_id",
    "job_id",
    "document_id",
    "stage",
    "replay_of",
    "sequence",
    "attempt",
    "iteration",
    "agent",
    "mode",
    "provider",
    "model",
    "response_model",
    "temperature",
    "max_output_tokens",
    "structured_output",
    "started_at",
    "duration_ms",
    "first_byte_ms",
    "limiter_wait_ms",
    "backoff_ms",
    "transport_attempts",
    "status",
    "ends_execution",
    "finish_reason",
    "response_id",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_usd",
    "error_kind",
    "schema_hash",
];

/// Columns that hold content, behind the others.
const CONTENT: [&str; 3] = ["error_message", "messages", "raw_answer"];

/// How a text begins that a spreadsheet takes for a formula, in full width too.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

pub(super) struct Table<'a> {
    writer: csv::Writer<&'a mut dyn Write>,
    with_content: bool,
}

impl<'a> Table<'a> {
    pub(super) fn begin(out: &'a mut dyn Write, with_content: bool) -> io::Result<Self> {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(out);
        let content = if with_content { &CONTENT[..] } else { &[] };
        writer.write_record(COLUMNS.iter().chain(content))?;
        Ok(Self {
            writer,
            with_content,
        })
    }
}

impl Writer for Table<'_> {
    fn call(&mut self, record: &Record) -> io::Result<()> {
        let fields = serde_json::to_value(record)?;
        let attempts = record.attempts.len().to_string();
        for column in COLUMNS {
            let value = match column {
                "transport_attempts" => {
                    self.writer.write_field(&attempts)?;
                    continue;
                }
                "temperature" | "max_output_tokens" => &fields["parameters"][column],
                "input_tokens" | "output_tokens" | "cached_tokens" | "cache_write_tokens"
                | "reasoning_tokens" => &fields["usage"][column],
                "error_kind" => &fields["error"]["kind"],
                _ => &fields[column],
            };
            self.writer.write_field(cell(value))?;
        }
        if self.with_content {
            let messages = &fields["messages"];
            for value in [&fields["error"]["message"], messages, &fields["raw_answer"]] {
                self.writer.write_field(cell(value))?;
            }
        }
        // Ends the row.
        self.writer.write_record(None::<&[u8]>)?;
        Ok(())
    }

    fn end_run(&mut self, _run_id: &str) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// A value as a cell. Texts that a spreadsheet would take for a formula begin with an apostrophe.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.starts_with(FORMULA) => {
            format!("'{text}")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_a_formula() {
        for text in [
            "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1",
        ] {
            assert_eq!(cell(&text.into()), format!("'{text}"));
        }
        assert_eq!(cell(&"a=b".into()), "a=b");
        assert_eq!(cell(&(-1).into()), "-1");
        assert_eq!(cell(&Value::Null), "");
    }
}
