//! A turn of tools: what an answer asked for is done, and its results go to the model.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::admission::Ticket;
use super::execution::Execution;
use super::spec::AgentSpec;
use super::tool_call::Done;
use super::verdict::{Tools, Verdict};
use crate::attempt::{Attempts, WireCapture};
use crate::call_log::{CallEnd, CallLog, Record};
use crate::chat::{Message, Request, Response, ToolCall};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result, ToolReport};
use crate::text::counted;
use crate::tool::{Selection, ToolSet, accepted, is_accepted};

/// From so many equal turns in a row on, the model is told of them.
const EQUAL_TURNS: u32 = 3;

/// The tools of `set` that `spec` names.
pub(super) fn select(set: &ToolSet, spec: &AgentSpec) -> Result<Option<Arc<Selection>>> {
    let selected = set.select(&spec.tools);
    selected.map_err(|error| error.within(&format!("agent `{}`, key `tools`", spec.name)))
}

/// Gives each call an id of its own, where the provider did not.
pub(super) fn name_calls(calls: &mut [ToolCall]) {
    let mut known = HashSet::with_capacity(calls.len());
    for (index, call) in calls.iter_mut().enumerate() {
        let mut number = index + 1;
        while call.id.is_empty() || known.contains(&call.id) {
            call.id = format!("tool_call_{number}");
            number += 1;
        }
        known.insert(call.id.clone());
    }
}

/// How often the model has asked for the same in a row.
#[derive(Debug, Default)]
pub(super) struct Repetition {
    times: u32,
    /// Where the last turn's answer stands among the messages.
    last: Option<usize>,
}

impl Repetition {
    /// Counts `calls`, which come next behind `messages`.
    fn count(&mut self, messages: &[Message], calls: &[ToolCall]) {
        let before = self.last.and_then(|last| messages.get(last));
        let is_same = before.is_some_and(|before| is_same(&before.tool_calls, calls));
        self.times = if is_same { self.times + 1 } else { 1 };
        self.last = Some(messages.len());
    }

    /// What the model is told of it.
    fn note(&self) -> Option<String> {
        (self.times >= EQUAL_TURNS).then(|| {
            let times = counted(self.times as usize, "time");
            format!(
                "\n\n[You have asked for exactly this {times} in a row. Asking again will not help: answer, or try something else.]"
            )
        })
    }
}

fn is_same(one: &[ToolCall], other: &[ToolCall]) -> bool {
    let same = |(a, b): (&ToolCall, &ToolCall)| {
        accepted(&a.name) == accepted(&b.name) && a.arguments == b.arguments
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}

/// The answer as it goes back: providers refuse a name that no tool could have.
fn asking(response: &Response) -> Message {
    let mut message = Message::of_response(response);
    for call in &mut message.tool_calls {
        if !is_accepted(&call.name) {
            call.name = accepted(&call.name);
        }
    }
    message
}

impl Execution<'_> {
    pub(super) fn offers_tools(&self) -> Tools {
        match self.tools {
            Some(_) => Tools::Offered,
            None => Tools::None,
        }
    }

    pub(super) fn too_many_turns(&self) -> Verdict {
        let turns = counted(self.spec.max_turns as usize, "turn");
        let message = format!("the model asked for tools again after {turns} of them");
        Verdict::failed(ErrorKind::MaxTurnsExceeded, message)
    }

    /// Does what `response` asks for; `request` becomes the next one.
    pub(super) async fn turn(
        &mut self,
        request: &mut Request,
        response: &Response,
    ) -> Result<Ticket> {
        self.turns += 1;
        let open = OpenTurn::begin(self, request);
        let result = self.take_turn(request, response).await;
        open.end(result.as_ref().err())?;
        result
    }

    async fn take_turn(&mut self, request: &mut Request, response: &Response) -> Result<Ticket> {
        let calls = &response.tool_calls;
        let (done, ended) = self.run_tools(calls).await;
        let mut messages = Vec::with_capacity(calls.len());
        let mut reports = Vec::with_capacity(calls.len());
        for (call, done) in calls.iter().zip(done) {
            match done {
                Some(done) => {
                    messages.push(done.message);
                    reports.push(done.report);
                }
                None => reports.push(ToolReport::cancelled(&call.name, &call.id)),
            }
        }
        if let Some(call) = self.ledger.calls.last_mut() {
            call.tools = reports;
        }
        ended?;
        self.repetition.count(&request.messages, calls);
        if let (Some(last), Some(note)) = (messages.last_mut(), self.repetition.note()) {
            last.content.push_str(&note);
        }
        request.messages.push(asking(response));
        request.messages.append(&mut messages);
        self.dialogue = request.messages.len();
        self.admit(request)
    }

    /// What became of each call, and what ended the run.
    async fn run_tools(&self, calls: &[ToolCall]) -> (Vec<Option<Done>>, Result<()>) {
        let mut done: Vec<Option<Done>> = calls.iter().map(|_| None).collect();
        let ended = if self.around.tools.settings().ordered {
            self.unless_cancelled(self.one_after_the_other(calls, &mut done))
                .await
        } else {
            self.unless_cancelled(self.side_by_side(calls, &mut done))
                .await
        };
        (done, ended)
    }

    async fn side_by_side(&self, calls: &[ToolCall], done: &mut [Option<Done>]) -> Result<()> {
        let calls = calls.iter().enumerate();
        let mut running: FuturesUnordered<_> = calls
            .map(|(index, call)| async move { (index, self.run_tool(index, call).await) })
            .collect();
        while let Some((index, result)) = running.next().await {
            keep(result?, &mut done[index])?;
        }
        Ok(())
    }

    async fn one_after_the_other(
        &self,
        calls: &[ToolCall],
        done: &mut [Option<Done>],
    ) -> Result<()> {
        for (index, call) in calls.iter().enumerate() {
            self.in_time()?;
            keep(self.run_tool(index, call).await?, &mut done[index])?;
        }
        Ok(())
    }

    async fn unless_cancelled(&self, work: impl Future<Output = Result<()>> + Send) -> Result<()> {
        match &self.options.cancel {
            None => work.await,
            Some(cancel) => match cancel.run_until_cancelled(work).await {
                Some(result) => result,
                None => Err(self.cancelled()),
            },
        }
    }
}

/// Keeps what became of a call; gives the error that the run ends with.
fn keep(mut done: Done, place: &mut Option<Done>) -> Result<()> {
    let fatal = done.fatal.take();
    *place = Some(done);
    fatal.map_or(Ok(()), Err)
}

/// Makes sure that an execution whose tools run has an end in the log.
struct OpenTurn<'a> {
    log: &'a CallLog,
    clock: &'a dyn Clock,
    next: Option<Box<Record>>,
}

impl<'a> OpenTurn<'a> {
    fn begin(execution: &Execution<'a>, request: &Request) -> Self {
        let log = execution.around.log;
        Self {
            log,
            clock: &**execution.around.clock,
            next: log
                .is_on()
                .then(|| Box::new(execution.record_of_next_call(request))),
        }
    }

    fn end(mut self, error: Option<&Error>) -> Result<()> {
        let next = self.next.take();
        match error {
            Some(error) => self.write(next, error.kind(), error.to_string()),
            None => Ok(()),
        }
    }

    /// The record of the call that will not be made.
    fn write(&self, next: Option<Box<Record>>, kind: ErrorKind, message: String) -> Result<()> {
        let Some(mut record) = next else {
            return Ok(());
        };
        record.call_id = format!("call_{}", self.clock.id());
        let attempts = Attempts::new(WireCapture::Off);
        let open = self.log.begin(&attempts, || *record)?;
        open.finish(|| CallEnd::failed(kind, message))
    }
}

impl Drop for OpenTurn<'_> {
    fn drop(&mut self) {
        let next = self.next.take();
        // There is nobody left to tell.
        let _ = self.write(
            next,
            ErrorKind::Cancelled,
            "the run was dropped while its tools ran".to_owned(),
        );
    }
}
