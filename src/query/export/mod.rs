//! Runs in formats that other tools read.

mod attributes;
mod csv;
mod otlp;

use std::collections::HashSet;
use std::io::{self, Write};

use super::filter::Filter;
use super::run::Run;
use crate::call_log::{Record, ToolRecord};
use crate::error::{Error, ErrorKind, Result};

/// A format that other tools read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportFormat {
    /// One record per line, whole, as JSON.
    Jsonl,
    /// One call per row (RFC 4180, with a heading): ids, settings, times, tokens, cost, errors.
    Csv,
    /// One OTLP document (`ExportTraceServiceRequest` as JSON) that a collector accepts at
    /// `/v1/traces`: a trace per run, a span per execution, and below it a span per call and per tool
    /// call.
    OtlpJson,
}

/// What is exported, and how.
///
/// ```
/// # use duologue::call_log::{create_llm_logger, LoggerConfig};
/// # let folder = tempfile::tempdir()?;
/// # let config = LoggerConfig { output_dir: folder.path().into(), run_id: Some("demo".into()), ..Default::default() };
/// # drop(create_llm_logger(&config)?);
/// # let directory = folder.path().join("demo");
/// use duologue::query::{Export, ExportFormat, Run};
///
/// let mut table = Vec::new();
/// let exported = Export::new(ExportFormat::Csv).write(&[Run::open(&directory)?], &mut table)?;
/// assert_eq!(exported.calls, 0);
/// assert!(table.starts_with(b"run_id,call_id,"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Export {
    format: ExportFormat,
    filter: Filter,
    with_content: bool,
}

/// What an export holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// Calls that were written.
    pub calls: u64,
    /// Why calls were not written.
    pub problems: Vec<String>,
}

/// A format on its way to a file.
trait Writer {
    fn call(&mut self, record: &Record) -> io::Result<()>;

    /// Whether the format has tool calls beside the calls that asked for them.
    fn has_tools(&self) -> bool {
        false
    }

    fn tool(&mut self, _tool: &ToolRecord) -> io::Result<()> {
        Ok(())
    }

    /// All calls of a run were written.
    fn end_run(&mut self, run_id: &str) -> io::Result<()>;

    fn end(&mut self) -> io::Result<()>;
}

impl Export {
    /// All calls in this format. CSV and OTLP leave prompts, answers and error texts out.
    pub fn new(format: ExportFormat) -> Self {
        Self {
            format,
            filter: Filter::default(),
            with_content: false,
        }
    }

    /// The same export of the calls that pass `filter`.
    pub fn filtered(self, filter: Filter) -> Self {
        Self { filter, ..self }
    }

    /// The same export with prompts, answers and error texts. JSONL has them in any case.
    pub fn with_content(self) -> Self {
        Self {
            with_content: true,
            ..self
        }
    }

    /// Writes the calls of these runs to `out`, in the order in which they started. A call that
    /// cannot be read is one of the [`problems`](Exported::problems), and the others are written.
    ///
    /// # Errors
    /// [`ErrorKind::Log`] when `out` cannot be written, or a journal cannot be read any more.
    pub fn write(&self, runs: &[Run], out: &mut dyn Write) -> Result<Exported> {
        let unwritable =
            |error| Error::new(ErrorKind::Log, "the export cannot be written").with_source(error);
        let mut exported = Exported::default();
        let mut writer = self.writer(out).map_err(unwritable)?;
        for run in runs {
            let mut calls_with_tools = HashSet::new();
            for record in run.records() {
                match record {
                    Ok(record) if self.filter.passes(&record) => {
                        writer.call(&record).map_err(unwritable)?;
                        if writer.has_tools() && !record.tools.is_empty() {
                            calls_with_tools.insert(record.call_id);
                        }
                        exported.calls += 1;
                    }
                    Ok(_) => {}
                    Err(error) => exported.problems.push(error.to_string()),
                }
            }
            if !calls_with_tools.is_empty() {
                let mut tools = run.tool_calls()?;
                tools.retain(|tool| calls_with_tools.contains(&tool.call_id));
                for tool in &tools {
                    writer.tool(tool).map_err(unwritable)?;
                }
            }
            writer.end_run(run.run_id()).map_err(unwritable)?;
        }
        writer.end().map_err(unwritable)?;
        Ok(exported)
    }

    fn writer<'a>(&self, out: &'a mut dyn Write) -> io::Result<Box<dyn Writer + 'a>> {
        Ok(match self.format {
            ExportFormat::Jsonl => Box::new(Lines(out)),
            ExportFormat::Csv => Box::new(csv::Table::begin(out, self.with_content)?),
            ExportFormat::OtlpJson => Box::new(otlp::Traces::begin(out, self.with_content)?),
        })
    }
}

struct Lines<'a>(&'a mut dyn Write);

impl Writer for Lines<'_> {
    fn call(&mut self, record: &Record) -> io::Result<()> {
        serde_json::to_writer(&mut *self.0, record)?;
        self.0.write_all(b"\n")
    }

    fn end_run(&mut self, _run_id: &str) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
