//! Asking on the terminal whether a tool may run.

use std::io::{BufRead, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use clap::Args;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::bar;
use super::output::{say, warning};
use crate::call_log::Sanitizer;
use crate::job::Job;
use crate::text;
use crate::tool::{AskPermission, PermissionAnswer, PermissionQuestion};

/// Most characters of the arguments that a question shows.
const MAX_SHOWN: usize = 1_000;

/// Who says whether a tool of a job may run.
#[derive(Debug, Args)]
pub(super) struct Permissions {
    /// Allow every tool that would be asked about; what a rule rejects stays rejected.
    #[arg(long, short)]
    yes: bool,
}

impl Permissions {
    /// `job`, which asks the person at the terminal, unless all is allowed.
    pub(super) fn asked_by(&self, job: Job) -> Job {
        if self.yes {
            job.asking(|_: &PermissionQuestion<'_>| PermissionAnswer::Allow)
        } else {
            job.asking(Terminal::new())
        }
    }
}

/// The person at the terminal; nobody, where stdin or stderr is none.
pub(super) struct Terminal {
    sanitizer: Sanitizer,
    is_there: bool,
    lines: Mutex<Option<UnboundedReceiver<String>>>,
    has_warned: AtomicBool,
}

impl Terminal {
    /// Shows arguments without the process's own secrets, and otherwise as they are: who decides must
    /// see to whom a mail goes.
    pub(super) fn new() -> Self {
        Self {
            sanitizer: Sanitizer::own_secrets_only(),
            is_there: std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
            lines: Mutex::default(),
            has_warned: AtomicBool::new(false),
        }
    }

    fn nobody(&self, tool: &str) -> PermissionAnswer {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            warning(&format!(
                "`{tool}` was rejected: there is no terminal to ask on"
            ));
            say("hint: allow it by a rule in `permissions` of the job, or run with `--yes`");
        }
        PermissionAnswer::Reject("nobody can be asked whether it may run".to_owned())
    }
}

#[async_trait]
impl AskPermission for Terminal {
    async fn ask(&self, question: &PermissionQuestion<'_>) -> PermissionAnswer {
        if !self.is_there {
            return self.nobody(question.tool);
        }
        let mut lines = self.lines.lock().await;
        let lines = lines.get_or_insert_with(typed_lines);
        // What was typed before the question is no answer to it.
        while lines.try_recv().is_ok() {}
        let _way = bar::give_way();
        say(&in_words(question, &self.sanitizer));
        answer_of(lines.recv().await.as_deref())
    }
}

fn in_words(question: &PermissionQuestion<'_>, sanitizer: &Sanitizer) -> String {
    let acts = if question.acts_on_world {
        ", which acts on the world"
    } else {
        ""
    };
    let arguments = sanitizer.clean(&question.arguments.to_string());
    format!(
        "`{}` wants to run `{}`{acts}:\n  {}\nAllow it? [y]es, [a]lways in this run, [N]o",
        question.context.agent,
        question.tool,
        visible(&text::clip(&arguments, MAX_SHOWN)),
    )
}

/// A model must not move the cursor, or turn round what a person reads.
fn visible(text: &str) -> String {
    let turns_round = |c: char| matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || turns_round(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// `None` is the end of the input.
fn answer_of(line: Option<&str>) -> PermissionAnswer {
    match line.map(|line| line.trim().to_lowercase()).as_deref() {
        Some("y" | "yes") => PermissionAnswer::Allow,
        Some("a" | "always") => PermissionAnswer::AllowAlways,
        Some(_) => PermissionAnswer::Reject("the user said no".to_owned()),
        None => PermissionAnswer::Reject("nobody answered".to_owned()),
    }
}

/// One thread reads for all questions: a read cannot be stopped when a question is withdrawn.
fn typed_lines() -> UnboundedReceiver<String> {
    let (sender, lines) = unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        for yes in ["y", " Yes\n"] {
            assert_eq!(answer_of(Some(yes)), PermissionAnswer::Allow);
        }
        assert_eq!(answer_of(Some("A")), PermissionAnswer::AllowAlways);
        for no in [Some(""), Some("n"), Some("yes please"), None] {
            assert!(
                matches!(answer_of(no), PermissionAnswer::Reject(_)),
                "{no:?}"
            );
        }
    }

    #[test]
    fn what_moves_the_cursor_is_shown_and_not_done() {
        assert_eq!(visible("ls\u{1b}[2K \u{202e}x"), "ls\\u{1b}[2K \\u{202e}x");
    }
}
