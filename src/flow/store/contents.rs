//! What a store's file holds when it is opened.

use std::io;
use std::path::Path;

use super::file::cannot_read;
use super::index::Index;
use super::line::{Outline, SCHEMA};
use crate::call_log::append::AppendFile;
use crate::call_log::index::{RawLine, scan};
use crate::call_log::{Durability, newer};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::directory::cannot_write;

/// What the lines of a file say.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) index: Index,
    /// Who opened it last, and which format that process wrote.
    opened: Option<(u32, String)>,
}

impl Contents {
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let parts = scan(path, 0, &Self::add)?;
        let parts = parts.into_iter().map(|part| part.found);
        Ok(parts.reduce(Self::followed_by).unwrap_or_default())
    }

    fn add(&mut self, line: RawLine<'_>) {
        match Outline::decode(line.bytes) {
            Some(known) if known.event == "opened" => self.opened = Some((known.pid, known.schema)),
            Some(known) => self.index.add(&known, line.span),
            None => {}
        }
    }

    fn followed_by(mut self, later: Self) -> Self {
        self.index.extend(later.index);
        self.opened = later.opened.or(self.opened);
        self
    }

    /// Why a second process cannot go on with the run that holds `path`.
    pub(super) fn held(path: &Path) -> Error {
        let opened = Self::read(path).ok().and_then(|known| known.opened);
        let by = opened.map_or_else(
            || "another process".to_owned(),
            |(pid, _)| format!("process {pid}"),
        );
        let message = format!("{by} is at work on this run and holds `{}`", path.display());
        Error::new(ErrorKind::Config, message)
            .with_hint("wait until it has ended, or begin a run with another id")
    }

    /// Refuses what a newer version wrote.
    pub(super) fn check_version(&self, path: &Path) -> Result<()> {
        let found = self.opened.as_ref().map_or("", |(_, schema)| schema);
        let Some(objection) = newer::objection(found, SCHEMA) else {
            return Ok(());
        };
        let message = format!("cannot go on with `{}`: {objection}", path.display());
        Err(Error::new(ErrorKind::Config, message)
            .with_hint("resume with the version that wrote it, or begin a run with another id"))
    }
}

/// Moves what an earlier process kept in the reserve to where it belongs.
pub(super) fn move_reserved(reserved: &Path, file: &AppendFile, index: &mut Index) -> Result<()> {
    let lines = |found: &mut Vec<Vec<u8>>, line: RawLine<'_>| {
        found.push(line.bytes.to_vec());
    };
    let parts = match scan(reserved, 0, &lines) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        parts => parts.map_err(|error| cannot_read(reserved, error))?,
    };
    for line in parts.into_iter().flat_map(|part| part.found) {
        let Some(known) = Outline::decode(&line) else {
            continue;
        };
        let sealed = [b"\n", line.as_slice()].concat();
        let span = file.append(&sealed, Durability::Os);
        let span = span.map_err(|error| cannot_write(file.path(), error))?;
        index.add(&known, span);
    }
    Ok(())
}
