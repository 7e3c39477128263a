//! `duologue logs ls`

use super::super::output::{complain, print, print_json, say, table};
use super::super::{SOME_FAILED, SUCCESS};
use super::{Place, completeness, number, open, row, summary_of};
use crate::call_log::{Summary, find_runs};
use crate::error::Result;

impl Place {
    pub(super) fn list(&self) -> Result<u8> {
        if self.directory.join("journal").is_dir() {
            self.list_calls()
        } else {
            self.list_runs()
        }
    }

    fn list_runs(&self) -> Result<u8> {
        let mut summaries = Vec::new();
        let mut code = SUCCESS;
        for directory in find_runs(&self.directory)? {
            match open(&directory) {
                Ok(run) => {
                    code = code.max(completeness(&run));
                    summaries.push((directory, summary_of(&run)));
                }
                // One bad run hides none of the others.
                Err(error) => {
                    complain(&error);
                    code = SOME_FAILED;
                }
            }
        }
        if self.json {
            let summaries: Vec<&Summary> = summaries.iter().map(|(_, summary)| summary).collect();
            print_json(&summaries)?;
            return Ok(code);
        }
        if summaries.is_empty() && code == SUCCESS {
            say(&format!("no runs in `{}`", self.directory.display()));
            return Ok(code);
        }
        let mut rows = vec![row([
            "RUN",
            "STATUS",
            "CALLS",
            "FAILED",
            "TOKENS",
            "DIRECTORY",
        ])];
        for (directory, summary) in &summaries {
            rows.push(vec![
                summary.run_id.clone(),
                format!("{:?}", summary.status).to_lowercase(),
                summary.calls.to_string(),
                summary.failed_executions.to_string(),
                number(summary.usage.total_tokens()),
                directory.display().to_string(),
            ]);
        }
        print(&table(&rows))?;
        Ok(code)
    }

    fn list_calls(&self) -> Result<u8> {
        let run = open(&self.directory)?;
        if self.json {
            print_json(&run.records())?;
            return Ok(completeness(&run));
        }
        let mut rows = vec![row([
            "#", "CALL", "AGENT", "MODEL", "STATUS", "MS", "TOKENS", "STARTED",
        ])];
        for (index, record) in run.records().iter().enumerate() {
            rows.push(vec![
                (index + 1).to_string(),
                record.call_id.clone(),
                record.agent.clone(),
                record.model.clone(),
                record
                    .status
                    .map_or("running", |status| status.as_str())
                    .to_owned(),
                number(record.duration_ms),
                number(record.usage.total_tokens()),
                record.started_at.clone(),
            ]);
        }
        print(&table(&rows))?;
        Ok(completeness(&run))
    }
}
