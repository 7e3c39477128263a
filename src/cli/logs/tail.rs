//! `duologue logs tail`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::super::SUCCESS;
use super::super::output::{clean_line, json_line, print_while_read};
use super::ls::clip_id;
use super::place::open_run;
use super::units;
use crate::call_log::CallStatus;
use crate::error::{Error, ErrorKind, Result};
use crate::query::{Follow, Listed};
use crate::text::clip_name;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Tail {
    /// The run's directory.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Go on with what happens, one line when a call starts and one when it ends, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    /// The last so many calls.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    lines: usize,
    /// Print JSON on stdout, one document per line.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  duologue logs tail artifacts/run_20261121_031158_9433ab -n 3
  duologue logs tail -f artifacts/run_20261121_031158_9433ab
  duologue logs tail -f artifacts/run_20261121_031158_9433ab --json | jq .status";

/// How often the journals are looked at.
const PAUSE: Duration = Duration::from_millis(200);

impl Tail {
    pub(super) fn execute(&self) -> Result<u8> {
        let run = open_run(&self.directory)?;
        let goes_on = self.print(&run.last(self.lines)?)?;
        if self.follow && goes_on {
            self.go_on(&mut Follow::from(&run))?;
        }
        Ok(SUCCESS)
    }

    fn go_on(&self, follow: &mut Follow) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Internal, "cannot start the async runtime").with_source(error)
            })?;
        runtime.block_on(async {
            let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
            // At once: Ctrl-C is heard from the first look on.
            let mut pause = Duration::ZERO;
            loop {
                // An error means that Ctrl-C cannot be heard; the system then ends the process.
                let ended = tokio::time::timeout(pause, &mut interrupt).await;
                if matches!(ended, Ok(Ok(()))) || !self.print(&follow.poll()?)? {
                    return Ok(());
                }
                pause = PAUSE;
            }
        })
    }

    /// False when nobody reads any more.
    fn print(&self, calls: &[Listed]) -> Result<bool> {
        let mut text = String::new();
        for call in calls {
            text.push_str(&if self.json {
                json_line(call)?
            } else {
                line(call)
            });
            text.push('\n');
        }
        if text.is_empty() {
            return Ok(true);
        }
        print_while_read(&text)
    }
}

fn line(call: &Listed) -> String {
    let status = call.status.map_or("running", CallStatus::as_str);
    let tokens = call.usage.total_tokens();
    let line = format!(
        "{:<14}  {:<13}  {:<10}  {:<12}  {status:<11}  {:>7}  {}",
        units::moment(&call.started_at),
        clip_id(&call.call_id),
        clip_name(&call.agent, 10),
        clip_name(&call.model, 12),
        call.duration_ms.map(units::time).unwrap_or_default(),
        tokens
            .map(|tokens| format!("{} t", units::count(tokens)))
            .unwrap_or_default(),
    );
    clean_line(line.trim_end())
}
