//! `duologue logs recover`

use std::path::PathBuf;

use clap::Args;

use super::super::output::{print_json, say};
use super::super::{SOME_FAILED, SUCCESS};
use super::place::open_log;
use crate::error::Result;
use crate::text::counted;

#[derive(Debug, Args)]
pub(in crate::cli) struct Recover {
    /// A run's directory.
    directory: PathBuf,
    /// Print JSON on stdout.
    #[arg(long)]
    json: bool,
}

impl Recover {
    pub(super) fn execute(&self) -> Result<u8> {
        let mut run = open_log(&self.directory)?;
        let recovery = run.recover()?;
        if self.json {
            print_json(&recovery)?;
        } else {
            say(&format!(
                "{}, {} written, {}",
                counted(recovery.interrupted, "interrupted call"),
                counted(recovery.rendered, "call file"),
                counted(recovery.unreadable, "unreadable line")
            ));
        }
        Ok(if recovery.unreadable == 0 {
            SUCCESS
        } else {
            SOME_FAILED
        })
    }
}
