//! `duologue logs recover`

use clap::Args;

use super::super::output::{print_json, say};
use super::super::{SOME_FAILED, SUCCESS};
use super::place::{OneRun, open_log};
use crate::error::Result;
use crate::text::counted;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Recover {
    #[command(flatten)]
    run: OneRun,
}

const EXAMPLES: &str = "\
Examples:
  duologue logs recover artifacts/run_20261121_031158_9433ab
  duologue logs recover artifacts/run_20261121_031158_9433ab --json | jq .interrupted

Exit code: 0 when all of the run was read, 1 when some of it could not be.";

impl Recover {
    pub(super) fn execute(&self) -> Result<u8> {
        let mut run = open_log(&self.run.directory)?;
        let recovery = run.recover()?;
        if self.run.json {
            print_json(&recovery)?;
        } else {
            let tools = match recovery.interrupted_tools {
                0 => String::new(),
                tools => format!(", {}", counted(tools, "interrupted tool call")),
            };
            say(&format!(
                "{}{tools}, {} written, {}",
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
