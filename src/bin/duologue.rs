//! The `duologue` command.

fn main() -> std::process::ExitCode {
    duologue::cli::main()
}
