//! `duologue logs stats`

use super::{Place, completeness, open_one, print_document, summary_of};
use crate::call_log::LogFormat;
use crate::error::Result;

impl Place {
    pub(super) fn stats(&self) -> Result<u8> {
        let run = open_one(&self.directory)?;
        let format = if self.json {
            LogFormat::Json
        } else {
            LogFormat::Yaml
        };
        print_document(&summary_of(&run), format)?;
        Ok(completeness(&run))
    }
}
