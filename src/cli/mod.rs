//! The `duologue` command: one file per subcommand.
//!
//! Exit codes: 0 everything succeeded, 1 something failed, 2 usage or configuration, 130 cancelled
//! by Ctrl-C. What a program reads goes to stdout, what a person reads to stderr.

mod bar;
mod check;
mod logs;
mod output;
mod permission;
mod pipeline;
mod prices;
#[cfg(feature = "http")]
mod probe;
mod progress;
mod run;
mod runs;
mod runtime;
mod schema;
mod telemetry;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::error::{Error, ErrorKind};
use crate::flow::is_out_of_room;

const SUCCESS: u8 = 0;
const SOME_FAILED: u8 = 1;
const USAGE: u8 = 2;
const CANCELLED: u8 = 130;

#[derive(Debug, Parser)]
#[command(
    name = "duologue",
    version,
    about = "Run LLM agents, and keep one trustworthy record of every LLM call"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every agent of a job file.
    Run(run::Run),
    /// Run the documents of a job file through the stages of its pipeline.
    Pipeline(pipeline::Pipeline),
    /// Look for everything that can be wrong with a job, without a request.
    Check(check::Check),
    /// Look at the records of runs.
    #[command(subcommand)]
    Logs(logs::Logs),
    /// Look at the runs of flows, as an audit store has them.
    #[command(subcommand)]
    Runs(runs::Runs),
    /// Find out what an endpoint enforces, with a handful of tiny requests.
    #[cfg(feature = "http")]
    Probe(probe::Probe),
    /// Print what models cost, as far as it is known.
    Prices(prices::Prices),
    /// Print the JSON Schema of a format.
    Schema(schema::Schema),
    /// Print completions for a shell.
    #[command(after_help = "Example:\n  source <(duologue completions bash)")]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Reads the arguments, does the work, and gives the exit code.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let code = match arguments.command {
        Command::Run(run) => run.execute(),
        Command::Pipeline(pipeline) => pipeline.execute(),
        Command::Check(check) => check.execute(),
        Command::Logs(logs) => logs.execute(),
        Command::Runs(runs) => runs.execute(),
        #[cfg(feature = "http")]
        Command::Probe(probe) => probe.execute(),
        Command::Prices(prices) => prices.execute(),
        Command::Schema(schema) => schema.execute(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "duologue", &mut script);
            output::print(&String::from_utf8_lossy(&script)).map(|()| SUCCESS)
        }
    };
    ExitCode::from(code.unwrap_or_else(|error| {
        output::complain(&error);
        exit_code_of(&error)
    }))
}

/// What the user wrote is 2; what happened to it is 1.
fn exit_code_of(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::Log if is_out_of_room(error) => SOME_FAILED,
        ErrorKind::Config
        | ErrorKind::Prompt
        | ErrorKind::Schema
        | ErrorKind::Auth
        | ErrorKind::Log
        | ErrorKind::Offline => USAGE,
        ErrorKind::Cancelled => CANCELLED,
        _ => SOME_FAILED,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_full_disk_is_nothing_that_the_user_wrote() {
        let because = |kind: io::ErrorKind| {
            let error =
                Error::new(ErrorKind::Log, "cannot write").with_source(io::Error::from(kind));
            exit_code_of(&error)
        };
        assert_eq!(because(io::ErrorKind::StorageFull), SOME_FAILED);
        assert_eq!(because(io::ErrorKind::QuotaExceeded), SOME_FAILED);
        assert_eq!(because(io::ErrorKind::NotFound), USAGE);
    }
}
