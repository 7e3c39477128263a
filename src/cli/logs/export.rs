//! `duologue logs export`

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::super::output::{clean_line, say, warning};
use super::super::{SOME_FAILED, SUCCESS};
use super::place::{Filters, open_runs};
use crate::error::{Error, ErrorKind, Result};
use crate::query::{Export as Exporter, ExportFormat, Exported, Run};
use crate::text::counted;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Export {
    /// Directories of runs, or directories that hold runs.
    #[arg(required = true, value_name = "DIR")]
    directories: Vec<PathBuf>,
    /// The format.
    #[arg(long, value_enum)]
    format: Format,
    /// The file to write, whole or not at all; stdout when it is not given.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// With prompts, answers and error texts; jsonl has them in any case.
    #[arg(long)]
    content: bool,
    #[command(flatten)]
    filters: Filters,
}

const EXAMPLES: &str = "\
Examples:
  duologue logs export artifacts --format csv -o calls.csv
  duologue logs export artifacts/run_20261121_031158_9433ab --format jsonl | jq .usage
  duologue logs export artifacts --format otlp-json --since 1h |
    curl -H 'content-type: application/json' --data-binary @- http://127.0.0.1:4318/v1/traces

Exit code: 0 when all calls were read, 1 when some could not be.";

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// One whole record per line.
    Jsonl,
    /// One call per row, safe to open in a spreadsheet.
    Csv,
    /// Traces for any OpenTelemetry collector.
    OtlpJson,
}

impl Export {
    pub(super) fn execute(&self) -> Result<u8> {
        let opened = open_runs(&self.directories)?;
        let mut export = Exporter::new(match self.format {
            Format::Jsonl => ExportFormat::Jsonl,
            Format::Csv => ExportFormat::Csv,
            Format::OtlpJson => ExportFormat::OtlpJson,
        })
        .filtered(self.filters.to_filter());
        if self.content {
            export = export.with_content();
        }
        let done = match &self.output {
            Some(path) => to_file(&export, &opened.runs, path)?,
            None => to_stdout(&export, &opened.runs)?,
        };
        for problem in &done.problems {
            let problem = clean_line(problem);
            warning(&problem);
        }
        if let Some(path) = &self.output {
            let calls = usize::try_from(done.calls).unwrap_or(usize::MAX);
            say(&format!(
                "{} in `{}`",
                counted(calls, "call"),
                path.display()
            ));
        }
        let all_written = if done.problems.is_empty() {
            SUCCESS
        } else {
            SOME_FAILED
        };
        Ok(opened.completeness().max(all_written))
    }
}

fn to_file(export: &Exporter, runs: &[Run], path: &Path) -> Result<Exported> {
    let unwritable = |error: io::Error| {
        let what = format!("cannot write `{}`", path.display());
        Error::new(ErrorKind::Config, what)
            .with_source(error)
            .with_hint("name a file in a directory that exists, and that you may write to")
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // The temporary file's own error would name that file, which nobody asked for.
    std::fs::metadata(folder).map_err(unwritable)?;
    let file = tempfile::NamedTempFile::new_in(folder).map_err(unwritable)?;
    let mut out = BufWriter::new(file);
    let done = export.write(runs, &mut out)?;
    let file = out
        .into_inner()
        .map_err(|error| unwritable(error.into_error()))?;
    file.persist(path)
        .map_err(|error| unwritable(error.error))?;
    Ok(done)
}

fn to_stdout(export: &Exporter, runs: &[Run]) -> Result<Exported> {
    let mut out = BufWriter::new(UntilClosed {
        out: io::stdout().lock(),
        is_closed: false,
    });
    export.write(runs, &mut out)
}

/// Stdout, which takes whatever is written after its reader has gone (`| head`).
struct UntilClosed<W> {
    out: W,
    is_closed: bool,
}

impl<W: Write> UntilClosed<W> {
    fn unless_closed<T>(
        &mut self,
        done: T,
        write: impl FnOnce(&mut W) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.is_closed {
            return Ok(done);
        }
        match write(&mut self.out) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(done)
            }
            result => result,
        }
    }
}

impl<W: Write> Write for UntilClosed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_closed(bytes.len(), |out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_closed((), Write::flush)
    }
}
