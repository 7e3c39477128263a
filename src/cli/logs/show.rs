//! `duologue logs show`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::super::SUCCESS;
use super::document::ShownDocument;
use super::place::{completeness, open_run};
use super::print_document;
use crate::call_log::{LogFormat, Record, ToolCallError, ToolRecord, ToolStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::query::Run;
use crate::text::{clip, counted};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Show {
    /// The run's directory.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The call: its place in `logs ls` from 1, or the beginning of its id.
    #[arg(required_unless_present = "document")]
    call: Option<String>,
    /// In place of a call, all that happened to this document, and its calls.
    #[arg(long, value_name = "ID", conflicts_with = "call")]
    document: Option<String>,
    /// Print JSON in place of YAML.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  duologue logs show artifacts/run_20261121_031158_9433ab 4
  duologue logs show artifacts/run_20261121_031158_9433ab call_7317 --json | jq .messages
  duologue logs show artifacts/run_20261121_031158_9433ab --document tides";

/// Most characters of a tool's result that are shown to people.
const MOST_RESULT: usize = 2_000;

/// A call, and what became of the tool calls that its answer asked for.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    record: &'a Record,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_results: Vec<ShownTool>,
}

/// A tool call without what its call says already.
#[derive(Serialize)]
struct ShownTool {
    name: String,
    tool_call_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<ToolStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ToolCallError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permission: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    acts_on_world: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    replayed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
}

impl Show {
    pub(super) fn execute(&self) -> Result<u8> {
        let run = open_run(&self.directory)?;
        let format = if self.json {
            LogFormat::Json
        } else {
            LogFormat::Yaml
        };
        match (&self.document, &self.call) {
            (Some(document), _) => {
                print_document(&ShownDocument::of(&run, document)?, format)?;
                Ok(completeness([&run]))
            }
            (None, call) => self.show_call(&run, call.as_deref().unwrap_or_default(), format),
        }
    }

    fn show_call(&self, run: &Run, call: &str, format: LogFormat) -> Result<u8> {
        let record = self.find(run, call)?;
        let tool_results = if record.tool_calls.is_empty() && record.tools.is_empty() {
            Vec::new()
        } else {
            run.tool_calls_of(&record.call_id)?
        };
        let shown = Shown {
            record: &record,
            tool_results: tool_results
                .into_iter()
                .map(|tool| self.shown(tool))
                .collect(),
        };
        print_document(&shown, format)?;
        Ok(SUCCESS)
    }

    /// JSON is for programs, and has all of it.
    fn shown(&self, mut tool: ToolRecord) -> ShownTool {
        if !self.json {
            tool.result = tool.result.map(|text| clip(&text, MOST_RESULT));
        }
        ShownTool {
            name: tool.name,
            tool_call_id: tool.tool_call_id,
            status: tool.status,
            duration_ms: tool.duration_ms,
            error: tool.error,
            permission: tool.permission,
            acts_on_world: tool.acts_on_world,
            replayed: tool.replayed,
            arguments: tool.arguments,
            result_bytes: tool.result_bytes,
            result: tool.result,
        }
    }

    fn find(&self, run: &Run, call: &str) -> Result<Record> {
        let found = run.find(call);
        let record = match found[..] {
            [place] => run.record(place),
            _ => None,
        };
        record.unwrap_or_else(|| {
            let what = match found.len() {
                0 | 1 => format!("no call `{call}`"),
                many => format!("{many} calls begin with `{call}`"),
            };
            Err(self.wrong_call(&what, run.len()))
        })
    }

    fn wrong_call(&self, what: &str, calls: usize) -> Error {
        let directory = self.directory.display();
        Error::new(
            ErrorKind::Config,
            format!(
                "{what} in `{directory}`, which has {}",
                counted(calls, "call")
            ),
        )
        .with_hint(format!("`duologue logs ls {directory}` lists them"))
    }
}
