//! A provider that answers from a script: for tests, examples and dry runs.
//!
//! It is strict. Replies are used up in their order; a call for which no reply is left fails, and
//! [`ScriptedProvider::finish`] fails when replies are left over. Replies that stand for HTTP answers
//! go through the same decoder and classes as real ones, so [`Retrying`](super::Retrying) and the
//! runner behave as they do over HTTP.

mod file;
mod reply;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::pieces::tell_whole;
use super::reading::cut_off;
use super::{CallContext, Provider, ProviderError};
use crate::attempt::{OpenAttempt, WireExchange};
use crate::chat::{Request, Response, Role};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};

pub use file::ReplyFile;
use reply::Cut;
pub use reply::{Repeat, Reply};

/// Answers from a list of replies. Clones share the list.
///
/// ```
/// use duologue::chat::{Message, Request};
/// use duologue::provider::{CallContext, Provider, Reply, ScriptedProvider};
/// use serde_json::json;
///
/// let provider = ScriptedProvider::new([Reply::json(json!({"title": "Tides"})).usage(10, 5)]);
/// let request = Request::new("gpt-5-mini", vec![Message::user("plan a talk")]);
/// let answer = pollster::block_on(provider.generate_json(&request, &CallContext::new("planner")));
/// assert_eq!(answer.unwrap().text, r#"{"title":"Tides"}"#);
/// assert_eq!(provider.requests(), [request]);
/// provider.finish()?;
/// # Ok::<(), duologue::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct ScriptedProvider {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    /// All entries before this one are used up.
    first_open: usize,
    requests: Vec<Request>,
    surplus: Vec<String>,
}

struct Entry {
    reply: Arc<Reply>,
    used: u32,
}

impl Entry {
    fn is_open(&self) -> bool {
        match self.reply.repeat {
            Repeat::Times(times) => self.used < times,
            Repeat::Forever => true,
        }
    }

    /// How many uses are missing; a reply that repeats forever wants to be used once.
    fn missing(&self) -> u32 {
        let wanted = match self.reply.repeat {
            Repeat::Times(times) => times,
            Repeat::Forever => 1,
        };
        wanted.saturating_sub(self.used)
    }
}

impl ScriptedProvider {
    /// A provider that gives these replies.
    pub fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let entries = replies
            .into_iter()
            .map(|reply| Entry {
                reply: Arc::new(reply),
                used: 0,
            })
            .collect();
        let state = State {
            entries,
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// A provider that gives the replies of a [`ReplyFile`] (YAML, or JSON if its name says so).
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the file cannot be read or holds something else; the message names
    /// file and key.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        file::read(path.as_ref()).map(Self::new)
    }

    /// The requests seen so far, in the order they came.
    pub fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    /// Checks that every reply was used and no call went without one.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]; the message names the replies left over and the surplus calls.
    pub fn finish(&self) -> Result<()> {
        let state = self.lock();
        let unused: Vec<String> = state
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.missing() > 0)
            .map(|(index, entry)| left_over(index, entry))
            .collect();
        let message = match (unused.as_slice(), state.surplus.as_slice()) {
            ([], []) => return Ok(()),
            ([], surplus) => format!("no scripted reply was left for {}", surplus.join(", ")),
            (unused, []) => format!("scripted replies were not used: {}", unused.join(", ")),
            (unused, surplus) => format!(
                "no scripted reply was left for {}; not used: {}",
                surplus.join(", "),
                unused.join(", ")
            ),
        };
        Err(Error::new(ErrorKind::Config, message))
    }

    /// Takes the next reply that fits, and the number of this call.
    fn take(&self, request: &Request, agent: &str) -> (usize, Option<Arc<Reply>>) {
        let mut state = self.lock();
        state.requests.push(request.clone());
        let number = state.requests.len();
        let prompt = last_user_message(request);
        let first = state.first_open;
        let fitting = state.entries[first..]
            .iter_mut()
            .find(|entry| entry.is_open() && entry.reply.fits(agent, prompt));
        let reply = fitting.map(|entry| {
            entry.used += 1;
            Arc::clone(&entry.reply)
        });
        let spent = state.entries[first..]
            .iter()
            .take_while(|entry| !entry.is_open());
        state.first_open = first + spent.count();
        if reply.is_none() {
            state
                .surplus
                .push(format!("call {number} (agent `{agent}`)"));
        }
        (number, reply)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn left_over(index: usize, entry: &Entry) -> String {
    let number = index + 1;
    match entry.missing() {
        1 => format!("#{number} ({})", entry.reply),
        missing => format!("#{number} ({}, {missing} times)", entry.reply),
    }
}

fn last_user_message(request: &Request) -> &str {
    request
        .messages
        .iter()
        .rev()
        .find(|message| message.role == Role::User)
        .map_or("", |message| message.content.as_str())
}

fn surplus(number: usize, agent: &str) -> ProviderError {
    ProviderError::new(
        ErrorKind::BadRequest,
        format!("no scripted reply is left for call {number} (agent `{agent}`)"),
    )
    .with_hint("add a reply, or let one repeat")
}

/// What goes into a full record in place of an HTTP exchange.
fn sent(request: &Request) -> WireExchange {
    WireExchange {
        method: "POST".to_owned(),
        url: "scripted:".to_owned(),
        request_body: serde_json::to_string(request).unwrap_or_default(),
        ..WireExchange::default()
    }
}

/// Sends `answer` as far as the reply goes.
async fn deliver(
    reply: &Reply,
    answer: Response,
    call: &CallContext,
    attempt: &OpenAttempt,
) -> Result<Response, ProviderError> {
    if call.streams() {
        attempt.first_token();
        if reply.cut.is_none() {
            tell_whole(call, &answer, reply.chunk_chars).await;
        } else {
            let mut part = Response::text(reply.arriving(&answer.text));
            part.reasoning.clone_from(&answer.reasoning);
            tell_whole(call, &part, reply.chunk_chars).await;
        }
    }
    match &reply.cut {
        None => Ok(answer),
        Some(Cut::Breaks(_)) => Err(cut_off(200)),
        Some(Cut::Stalls(_)) => std::future::pending().await,
    }
}

fn close(attempt: OpenAttempt, result: &Result<Response, ProviderError>) {
    attempt.close(result.as_ref().err().map(ProviderError::kind));
}

/// Debug shows counts, never a reply.
impl fmt::Debug for ScriptedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("ScriptedProvider")
            .field("replies", &state.entries.len())
            .field("calls", &state.requests.len())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for ScriptedProvider {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        let attempt = call.attempts().open();
        attempt.exchange(|| sent(request));
        let (number, reply) = self.take(request, call.agent());
        let Some(reply) = reply else {
            let result = Err(surplus(number, call.agent()));
            close(attempt, &result);
            return result;
        };
        if !reply.delay.is_zero() {
            clock::sleep(reply.delay).await;
        }
        if reply.never_comes() {
            std::future::pending::<()>().await;
        }
        attempt.received(|exchange| {
            (exchange.response_headers, exchange.response_body) = reply.wire();
        });
        if let Some(status) = reply.status_code() {
            attempt.headers(status, reply.request_id());
        }
        if let Some(status) = reply.rate_limits() {
            call.attempts().note_rate_limits(status);
        }
        let result = match reply.result(request, number) {
            Ok(answer) => deliver(&reply, answer, call, &attempt).await,
            Err(error) => Err(error),
        };
        close(attempt, &result);
        result
    }
}
