//! `duologue logs stats`

use super::super::SUCCESS;
use super::{Place, open_one, print_document, summary_of};
use crate::call_log::LogFormat;
use crate::error::Result;

impl Place {
    pub(super) fn stats(&self) -> Result<u8> {
        let summary = summary_of(&open_one(&self.directory)?);
        let format = if self.json {
            LogFormat::Json
        } else {
            LogFormat::Yaml
        };
        print_document(&summary, format)?;
        Ok(SUCCESS)
    }
}
