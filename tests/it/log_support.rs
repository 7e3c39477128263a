//! What the modules about the call log share: small runs, child processes, and a strict look at a
//! run's files.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use duologue::call_log::{
    CallLog, LlmLogging, LoggerConfig, Record, RunLog, Summary, create_llm_logger,
};
use duologue::env::Environment;
use duologue::prompt::PromptLibrary;
use duologue::provider::{Provider, Reply, RetryPolicy, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec};
use serde_json::{Value, json};

const ROLE: &str = "DUOLOGUE_TEST_CHILD";
const DIRECTORY: &str = "DUOLOGUE_TEST_DIRECTORY";

/// Not a test of its own: what the children do, which other tests start from this same binary.
#[test]
fn child_process() {
    let (Ok(role), Ok(directory)) = (std::env::var(ROLE), std::env::var(DIRECTORY)) else {
        return;
    };
    let directory = PathBuf::from(directory);
    match role.split_once(':').unwrap_or((&role, "")) {
        ("crash", how) => crate::log_crash::child(how, &directory),
        ("disk", damage) => crate::log_disk::child(damage, &directory),
        ("environment", _) => crate::log_config::child(&directory),
        ("share", _) => crate::log_tree::child(&directory),
        #[cfg(feature = "http")]
        ("offline", _) => crate::replay::offline::child(&directory),
        ("tools", _) => crate::tools::crash::child(&directory),
        #[cfg(unix)]
        ("pipeline", how) => crate::pipeline_resume::disk::child(how, &directory),
        #[cfg(feature = "audit")]
        ("runs", _) => crate::control::audit::child(&directory),
        ("many", _) => crate::log_memory::child(&directory),
        ("documents", format) => crate::documents::memory::child(format, &directory),
        ("artifacts", run_id) => crate::artifacts::processes::child(run_id, &directory),
        _ => panic!("no such role: {role}"),
    }
}

/// This test binary again, as a child that plays `role` in `directory`.
pub(crate) fn child(role: &str, directory: &Path) -> Command {
    as_child(
        Command::new(std::env::current_exe().unwrap()),
        role,
        directory,
    )
}

/// The same, below a shell that runs `first` before.
#[cfg(unix)]
pub(crate) fn child_after(first: &str, role: &str, directory: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{first}; exec \"$0\" \"$@\""));
    shell.arg(std::env::current_exe().unwrap());
    as_child(shell, role, directory)
}

fn as_child(mut command: Command, role: &str, directory: &Path) -> Command {
    command
        .args(["--exact", "log_support::child_process", "--nocapture"])
        .env(ROLE, role)
        .env(DIRECTORY, directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// Tells the parent; the words reach the pipe before this returns.
pub(crate) fn tell(words: &str) {
    let mut stdout = std::io::stdout().lock();
    let told = stdout
        .write_all(format!("@{words}\n").as_bytes())
        .and_then(|()| stdout.flush());
    if told.is_err() {
        // Nobody listens any more.
        std::process::exit(3);
    }
}

/// What a child told in one line of its output, past the noise of the test harness.
pub(crate) fn told(line: &str) -> Option<&str> {
    line.split_once('@').map(|(_, words)| words)
}

/// The report that a child told as its only words.
pub(crate) fn report_of(mut command: Command) -> Value {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let report = text.lines().find_map(told);
    let report = report.unwrap_or_else(|| panic!("the child told nothing: {text}"));
    serde_json::from_str(report).unwrap()
}

/// A pack `p` whose user message is `item {{ item }}.`
pub(crate) fn prompts() -> PromptLibrary {
    PromptLibrary::in_memory([
        ("p/system.tera", "Plan."),
        ("p/user.tera", "item {{ item }}."),
    ])
}

pub(crate) fn agent(name: &str) -> AgentSpec {
    AgentSpec::new(name, "p", "gpt-5-mini")
}

/// A file log at `{directory}/{run_id}` that no variable of this process changes.
pub(crate) fn open(directory: &Path, run_id: &str, llm_logging: LlmLogging) -> CallLog {
    try_open(directory, run_id, llm_logging).unwrap()
}

pub(crate) fn try_open(
    directory: &Path,
    run_id: &str,
    llm_logging: LlmLogging,
) -> duologue::Result<CallLog> {
    create_llm_logger(&LoggerConfig {
        output_dir: directory.to_owned(),
        run_id: Some(run_id.to_owned()),
        llm_logging,
        environment: Environment::fixed::<&str, &str>([]),
    })
}

pub(crate) fn runner(provider: impl Provider + 'static, log: CallLog) -> AgentRunner {
    AgentRunner::builder(provider, prompts())
        .logger(log)
        .retry(RetryPolicy::default().with_max_retries(0))
        .build()
}

/// A runner that always gets `{"title": "Tides"}`.
pub(crate) fn willing(log: CallLog) -> AgentRunner {
    let reply = Reply::json(json!({"title": "Tides"})).usage(10, 5);
    runner(ScriptedProvider::new([reply.forever()]), log)
}

/// Runs the agent `name` on `item` to a good end.
pub(crate) fn run(runner: &AgentRunner, name: &str, item: u64) {
    pollster::block_on(runner.run(&agent(name), json!({"item": item}))).unwrap();
}

/// The run at `directory`, after every record has been held against the published schema.
pub(crate) fn read(directory: &Path) -> RunLog {
    let run = RunLog::open(directory).unwrap();
    run.records().iter().for_each(assert_fits_schema);
    run
}

pub(crate) fn assert_fits_schema(record: &Record) {
    static SCHEMA: LazyLock<jsonschema::Validator> =
        LazyLock::new(|| jsonschema::validator_for(&published("record")).unwrap());
    let value = serde_json::to_value(record).unwrap();
    let errors: Vec<String> = SCHEMA
        .iter_errors(&value)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?} in {value:#}");
}

/// `schemas/{name}.schema.json`.
pub(crate) fn published(name: &str) -> Value {
    serde_json::from_slice(&fs::read(schema_path(name)).unwrap()).unwrap()
}

pub(crate) fn schema_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{name}.schema.json"))
}

/// The item that a record is about.
pub(crate) fn item(record: &Record) -> u64 {
    let message = &record.messages.last().unwrap().content;
    let digits = message.trim_start_matches("item ").trim_end_matches('.');
    digits.parse().unwrap()
}

/// The summary file of a run.
pub(crate) fn summary(directory: &Path) -> Summary {
    serde_yaml::from_str(&fs::read_to_string(directory.join("llm_calls/summary.yaml")).unwrap())
        .unwrap()
}

/// The names of the call files, sorted.
pub(crate) fn call_files(directory: &Path) -> Vec<String> {
    files(directory)
        .into_keys()
        .filter_map(|path| {
            let name = path.strip_prefix("llm_calls/")?.to_owned();
            name.starts_with("call_").then_some(name)
        })
        .collect()
}

/// Every file below `directory` by its path, with its content.
pub(crate) fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(place) = open.pop() {
        for entry in fs::read_dir(&place).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap();
                found.insert(name.display().to_string(), fs::read(&path).unwrap());
            }
        }
    }
    found
}
