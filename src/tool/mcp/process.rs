//! The process of a server: started in a group of its own, watched, and ended with all its children.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::settings::{Clean, Program};
use crate::env;
use crate::text;

/// Lines of stderr that an error quotes.
const KEPT_LINES: usize = 5;
const MAX_LINE: usize = 500;
/// Lines of stderr that go to `tracing`; a server that floods is not listened to for ever.
const MAX_TOLD: usize = 10_000;

/// A process that runs, or did. Dropping it kills its whole group.
#[derive(Debug)]
pub(super) struct Process {
    id: Option<u32>,
    ended: watch::Receiver<Option<String>>,
    kill: CancellationToken,
    is_over: Arc<AtomicBool>,
    said: Said,
}

/// The groups that run, for an end of this process that drops nothing.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Kills every group that runs, for a process that is about to exit.
#[cfg(feature = "cli")]
pub(super) fn kill_all() {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    for id in running.iter() {
        signal_group(*id, Signal::Kill);
    }
}

type Said = Arc<Mutex<VecDeque<String>>>;

/// What the transport reads and writes.
pub(super) type Pipes = (ChildStdout, ChildStdin);

impl Process {
    /// Starts `program`. Must be called inside of the background runtime, where the pipes live.
    pub(super) fn start(name: &str, program: &Program, clean: &Clean) -> io::Result<(Self, Pipes)> {
        let mut child = command(program).spawn()?;
        let pipes = child.stdout.take().zip(child.stdin.take());
        let pipes = pipes.ok_or_else(|| io::Error::other("the process has no pipes"))?;
        let said = Said::default();
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(listen(stderr, name.to_owned(), clean.clone(), said.clone()));
        }
        let (tell_end, ended) = watch::channel(None);
        let process = Self {
            id: child.id(),
            ended,
            kill: CancellationToken::new(),
            is_over: Arc::default(),
            said,
        };
        let (kill, is_over) = (process.kill.clone(), process.is_over.clone());
        tokio::spawn(async move {
            let status = watch_over(child, &kill).await;
            is_over.store(true, Ordering::SeqCst);
            let _ = tell_end.send(Some(status));
        });
        Ok((process, pipes))
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// Waits at most `patience` for the end; tells whether it came.
    pub(super) async fn ends_within(&self, patience: Duration) -> bool {
        let mut ended = self.ended.clone();
        let end = ended.wait_for(Option::is_some);
        tokio::time::timeout(patience, end).await.is_ok()
    }

    /// How it ended and what it last wrote to stderr, as a sentence's ending.
    pub(super) fn last_words(&self) -> String {
        let status = self.ended.borrow().clone();
        let mut words = match status {
            Some(status) => format!("its process ended with {status}"),
            None => "its process still runs".to_owned(),
        };
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if !said.is_empty() {
            let lines: Vec<&str> = said.iter().map(String::as_str).collect();
            words.push_str(", and last wrote to stderr: ");
            words.push_str(&lines.join(" / "));
        }
        words
    }

    /// Asks the group to end.
    pub(super) fn terminate(&self) {
        self.signal(Signal::Terminate);
    }

    /// Ends the group at once; the process is reaped in the background.
    pub(super) fn kill(&self) {
        self.signal(Signal::Kill);
        self.kill.cancel();
    }

    fn signal(&self, signal: Signal) {
        // After the end the id may be somebody else's.
        if let Some(id) = self.id.filter(|_| !self.is_over()) {
            signal_group(id, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for the end, by itself or by `kill`; what it started and left behind ends too.
async fn watch_over(mut child: Child, kill: &CancellationToken) -> String {
    let id = child.id();
    let running = || RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    running().extend(id);
    let by_itself = tokio::select! {
        status = child.wait() => Some(status),
        () = kill.cancelled() => None,
    };
    let status = if let Some(status) = by_itself {
        status
    } else {
        // Where there are no groups, this is all there is.
        let _ = child.start_kill();
        child.wait().await
    };
    if let Some(id) = id {
        signal_group(id, Signal::Kill);
        running().remove(&id);
    }
    in_words(status)
}

fn in_words(status: io::Result<ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

fn command(program: &Program) -> Command {
    let mut command = Command::new(&program.command);
    command
        .args(&program.args)
        .env_clear()
        .envs(env::for_children())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    for (name, value) in &program.env {
        command.env(name, value.expose_secret());
    }
    if program.cwd != Path::new("") {
        command.current_dir(&program.cwd);
    }
    // Ctrl-C on a terminal goes to the foreground's group; the run ends its servers itself.
    #[cfg(unix)]
    command.process_group(0);
    command
}

#[derive(Clone, Copy)]
enum Signal {
    Terminate,
    Kill,
}

#[cfg(unix)]
fn signal_group(id: u32, signal: Signal) {
    let signal = match signal {
        Signal::Terminate => rustix::process::Signal::TERM,
        Signal::Kill => rustix::process::Signal::KILL,
    };
    let group = i32::try_from(id)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // An error says that nobody is left.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

#[cfg(not(unix))]
fn signal_group(_id: u32, _signal: Signal) {}

/// Reads stderr to its end, keeps its last lines, and hands the first many to `tracing`.
async fn listen(stderr: ChildStderr, server: String, clean: Clean, said: Said) {
    let mut lines = Lines::new(stderr);
    let mut told = 0;
    while let Some(line) = lines.next().await {
        let line = text::clip(clean.apply(&line).trim(), MAX_LINE);
        if line.is_empty() {
            continue;
        }
        if told < MAX_TOLD {
            told += 1;
            tracing::debug!(server, line, "MCP server wrote to stderr");
        }
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() == KEPT_LINES {
            said.pop_front();
        }
        said.push_back(line);
    }
}

/// Lines of bounded length; what is longer comes in pieces.
struct Lines<R> {
    from: R,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    const MAX: usize = 8 * 1024;

    fn new(from: R) -> Self {
        Self {
            from,
            buffer: Vec::with_capacity(Self::MAX),
        }
    }

    async fn next(&mut self) -> Option<String> {
        loop {
            let newline = self.buffer.iter().position(|byte| *byte == b'\n');
            let full = self.buffer.len() >= Self::MAX;
            if let Some(end) = newline.map(|place| place + 1).or(full.then_some(Self::MAX)) {
                let line: Vec<u8> = self.buffer.drain(..end).collect();
                return Some(String::from_utf8_lossy(&line).into_owned());
            }
            let mut piece = [0; 2048];
            match self.from.read(&mut piece).await {
                Ok(count) if count > 0 => self.buffer.extend_from_slice(&piece[..count]),
                _ if self.buffer.is_empty() => return None,
                _ => {
                    let rest = std::mem::take(&mut self.buffer);
                    return Some(String::from_utf8_lossy(&rest).into_owned());
                }
            }
        }
    }
}
