//! `duologue logs recover`

use super::super::output::{print_json, say};
use super::super::{SOME_FAILED, SUCCESS};
use super::{Place, open_one};
use crate::error::Result;
use crate::text::counted;

impl Place {
    pub(super) fn recover(&self) -> Result<u8> {
        let mut run = open_one(&self.directory)?;
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
