//! `duologue runs`: one file per subcommand, and here what they share.

mod ls;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::error::Result;
use crate::flow::audit::SqliteAudit;

#[derive(Debug, Subcommand)]
pub(super) enum Runs {
    /// List the runs of flows, newest first.
    Ls(ls::Ls),
    /// Show one run whole: its states, its steps, its envelopes.
    Show(show::Show),
}

impl Runs {
    pub(super) fn execute(self) -> Result<u8> {
        match self {
            Self::Ls(ls) => ls.execute(),
            Self::Show(show) => show.execute(),
        }
    }
}

/// The audit store that a command reads.
#[derive(Debug, Args)]
struct Store {
    /// The audit store, as the control plane's `SqliteAudit` writes it.
    #[arg(long, value_name = "FILE", default_value = "artifacts/audit.sqlite")]
    db: PathBuf,
}

impl Store {
    fn open(&self) -> Result<SqliteAudit> {
        SqliteAudit::open_existing(&self.db)
    }
}
