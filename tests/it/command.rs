//! The `duologue` command in a folder of its own: nothing of the caller's environment reaches it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::folder;

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Stdout as one JSON document.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.all()))
    }

    /// Exit code, stdout and stderr together, for a snapshot.
    pub(crate) fn all(&self) -> String {
        let Self {
            code,
            stdout,
            stderr,
        } = self;
        format!("exit: {code:?}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }
}

/// A folder that holds a job, and is the working directory of the commands.
pub(crate) struct Folder {
    folder: crate::support::Folder,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { folder: folder() }
    }

    /// The same folder, where files are damaged on purpose.
    pub(crate) fn damaged(self) -> Self {
        Self {
            folder: self.folder.damaged(),
        }
    }

    /// A folder with a job of one scripted planner, whose output goes to `out/demo`.
    pub(crate) fn with_job() -> Self {
        let folder = Self::new();
        for (name, text) in JOB_FILES {
            folder.write(name, text);
        }
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The names in a directory, sorted.
    pub(crate) fn names(&self, directory: &str) -> Vec<String> {
        names_in(&self.path(directory))
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, &[])
    }

    /// [`Self::run`] with these environment variables.
    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        Ended::of(command(self.folder.path(), arguments, variables))
    }

    /// [`Self::run`] with this on standard input.
    pub(crate) fn run_reading(&self, arguments: &[&str], input: &str) -> Ended {
        let mut command = prepared(self.folder.path(), arguments, &[]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        Ended::of(child)
    }

    /// Starts the command on a job whose answer never comes, and waits until its call has begun.
    pub(crate) fn start_call_that_hangs(&self, arguments: &[&str]) -> Hanging {
        self.write("replies.yaml", "replies: [{never: true}]");
        let journal = self.path("out/demo/journal");
        self.start_and_wait(arguments, &[], || has_begun(&journal))
    }

    /// Starts the command and waits until `has_begun`.
    pub(crate) fn start_and_wait(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
        has_begun: impl Fn() -> bool,
    ) -> Hanging {
        let child = command(self.folder.path(), arguments, variables);
        let limit = Instant::now() + Duration::from_secs(120);
        while !has_begun() {
            assert!(Instant::now() < limit, "it has not begun");
            std::thread::sleep(Duration::from_millis(5));
        }
        Hanging { child }
    }
}

/// A command with a call under way.
pub(crate) struct Hanging {
    child: Child,
}

impl Hanging {
    /// Sends the signal (`INT`, `TERM`, `KILL`) and waits for the end.
    pub(crate) fn signal(self, name: &str) -> Ended {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        Ended::of(self.child)
    }
}

/// Runs the command in `directory`.
pub(crate) fn run_in(directory: &Path, arguments: &[&str]) -> Ended {
    Ended::of(command(directory, arguments, &[]))
}

pub(crate) fn names_in(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

fn command(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Child {
    prepared(directory, arguments, variables).spawn().unwrap()
}

fn prepared(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duologue"));
    command
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn has_begun(journal: &Path) -> bool {
    let files = std::fs::read_dir(journal).into_iter().flatten().flatten();
    files
        .filter_map(|file| std::fs::read_to_string(file.path()).ok())
        .any(|text| text.contains(r#""event":"started""#))
}

const JOB_FILES: [(&str, &str); 6] = [
    ("job.yaml", JOB),
    (
        "replies.yaml",
        "replies:\n  - {json: {title: Tides}, usage: {input_tokens: 10, output_tokens: 5}}\n",
    ),
    (
        "schema.json",
        r#"{"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}}"#,
    ),
    ("items.jsonl", "{\"topic\": \"tides\"}\n"),
    ("prompts/planner/system.tera", "You plan."),
    ("prompts/planner/user.tera", "Plan {{ topic }}."),
];

/// The job of [`Folder::with_job`].
pub(crate) const JOB: &str = "\
run_id: demo
output_dir: out
prompts: prompts
provider: {kind: scripted, replies: replies.yaml}
agent: {llm_logging: {log_level: standard, format: yaml, sanitize: true}}
concurrency: 2
agents:
  - name: planner
    prompt_pack: planner
    model: gpt-5-mini
    temperature: 0.7
    response_schema: schema.json
    inputs: items.jsonl
";
