//! The runs of an output directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// The runs below `output_dir`, in the order of their names.
///
/// # Errors
/// [`ErrorKind::Log`] when the directory cannot be read.
pub fn find_runs(output_dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(output_dir).map_err(|error| no_run(output_dir, error))?;
    let mut runs: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("journal").is_dir())
        .collect();
    runs.sort();
    Ok(runs)
}

/// The error for a directory that is not there, is no run, or may not be read.
pub(crate) fn no_run(directory: &Path, error: io::Error) -> Error {
    let directory = directory.display();
    if !matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    ) {
        return Error::new(ErrorKind::Log, format!("cannot read `{directory}`")).with_source(error);
    }
    Error::new(ErrorKind::Log, format!("`{directory}` holds no run"))
        .with_source(error)
        .with_hint("a run's directory contains `journal/`; it is `{output_dir}/{run_id}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_may_not_be_read_is_not_said_to_hold_no_run() {
        let said = |kind: io::ErrorKind| no_run(Path::new("out"), kind.into()).to_string();
        assert_eq!(said(io::ErrorKind::PermissionDenied), "cannot read `out`");
        assert_eq!(said(io::ErrorKind::NotFound), "`out` holds no run");
    }
}
