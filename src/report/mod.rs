//! The report of a run: one HTML page with every call in it, which needs nothing but a browser.
//!
//! The page opens from a file. It loads nothing and sends nothing, and its own script is the only
//! one that can run in it: prompts and answers are hostile text, and are shown as text. Everything
//! passes the sanitizer with its default rules, also when the log was written without: a report is
//! made to be passed on.

mod difference;
mod figures;
mod flow;
mod index;
mod page;
mod texts;

use std::io::{self, BufWriter};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::call_log::{RunLog, SanitizeConfig, Sanitizer};
use crate::error::{Error, ErrorKind, Result};
use page::Page;

/// The report of `run`, as HTML.
///
/// ```
/// use duologue::call_log::{create_llm_logger, LoggerConfig, RunLog};
/// use duologue::report;
///
/// let folder = tempfile::tempdir()?;
/// let config = LoggerConfig { output_dir: folder.path().into(), run_id: Some("r1".into()), ..Default::default() };
/// drop(create_llm_logger(&config)?);
///
/// let page = report::render(&RunLog::open(folder.path().join("r1"))?)?;
/// assert!(page.starts_with("<!doctype html>") && page.contains("r1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Internal`] when a record cannot be written as JSON.
pub fn render(run: &RunLog) -> Result<String> {
    let mut html = Vec::new();
    page(run)?.write_to(&mut html).map_err(|error| {
        Error::new(ErrorKind::Internal, "the report cannot be put together").with_source(error)
    })?;
    Ok(String::from_utf8_lossy(&html).into_owned())
}

/// Writes the report of `run` to `path`, whole or not at all; only you may read it (0600), as all
/// files of a run. A file that is there is replaced.
///
/// # Errors
/// [`ErrorKind::Log`] naming the file, when it cannot be written.
pub fn write(run: &RunLog, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let page = page(run)?;
    let failed = |error: io::Error| {
        Error::new(
            ErrorKind::Log,
            format!("cannot write the report `{}`", path.display()),
        )
        .with_source(error)
        .with_hint("name a file in a directory that you may write to")
    };
    let directory = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // The temporary file's own error would name that file, which nobody asked for.
    std::fs::metadata(directory).map_err(failed)?;
    let file = tempfile::Builder::new()
        .prefix(".tmp-report-")
        .tempfile_in(directory)
        .map_err(failed)?;
    let mut out = BufWriter::with_capacity(1 << 16, file);
    page.write_to(&mut out).map_err(failed)?;
    let file: NamedTempFile = out
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

fn page(run: &RunLog) -> Result<Page> {
    let sanitizer = Sanitizer::new(&SanitizeConfig::default())?;
    Page::of(run, &sanitizer).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            "a record cannot be shown in the report",
        )
        .with_source(error)
    })
}
