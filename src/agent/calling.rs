//! Calling a tool: who must permit it, how long it may take, and what becomes of a panic.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;
use serde_json::Value;
use tokio::time::Instant;

use super::lifecycle::Told;
use super::tool_call::Ended;
use crate::attempt::millis;
use crate::call_log::CallLog;
use crate::clock;
use crate::error::ToolFailure;
use crate::telemetry::names;
use crate::tool::{Entry, ToolContext, ToolSet};

/// What a call of a tool may use.
pub(super) struct Calling<'a> {
    pub(super) tools: &'a ToolSet,
    pub(super) deadline: Option<Instant>,
    pub(super) max_result_bytes: usize,
    pub(super) watched: WatchedTool<'a>,
}

/// A tool that runs, and for whom.
pub(super) struct WatchedTool<'a> {
    pub(super) told: &'a Told,
    pub(super) log: &'a CallLog,
    pub(super) slow_after: Duration,
    pub(super) agent: &'a str,
    pub(super) document: Option<&'a str>,
}

impl WatchedTool<'_> {
    /// The end of the tool's `work`; that it is slow is said while it goes on.
    pub(super) async fn noting_slow<F: Future>(&self, tool: &str, work: F) -> F::Output {
        let clean = |text: &str| self.log.outgoing_sanitizer().clean(text);
        clock::noting_slow(self.slow_after, work, |elapsed| {
            self.told.slow(elapsed);
            tracing::warn!(
                { names::GEN_AI_AGENT_NAME } = clean(self.agent),
                { names::GEN_AI_TOOL_NAME } = clean(tool),
                { names::DOCUMENT_ID } = self.document.map(clean),
                { names::ELAPSED_MS } = i64::try_from(millis(elapsed)).ok(),
                "a tool is slow"
            );
        })
        .await
    }
}

impl Calling<'_> {
    /// Asks before the tool's own time begins; records have nobody to ask.
    pub(super) async fn call_if_permitted(
        &self,
        entry: &Entry,
        arguments: Value,
        context: ToolContext,
    ) -> Ended {
        let tools = self.tools;
        if tools.settings().replayed {
            return self.call_tool(entry, arguments, context).await;
        }
        let name = &entry.tool.definition().name;
        let asking = tools.permit(name, &arguments, &context);
        let Some(permission) = clock::until(self.deadline, asking).await else {
            return self.too_slow(tools.settings().timeout);
        };
        let mut ended = match permission.rejection() {
            Some(reason) => Ended::failed(ToolFailure::NotPermitted, reason),
            None => self.call_tool(entry, arguments, context).await,
        };
        ended.permission = permission.decided_by().map(str::to_owned);
        ended
    }

    async fn call_tool(&self, entry: &Entry, arguments: Value, context: ToolContext) -> Ended {
        let settings = self.tools.settings();
        let running = async { entry.tool.call(arguments, &context).await };
        let mut running = pin!(AssertUnwindSafe(running).catch_unwind());
        let answer = match futures::poll!(running.as_mut()) {
            // Most need no timer.
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => {
                let limit = Instant::now().checked_add(settings.timeout);
                let limit = limit.into_iter().chain(self.deadline).min();
                let name = &entry.tool.definition().name;
                let running = self.watched.noting_slow(name, running);
                clock::until(limit, running).await
            }
        };
        match answer {
            Some(Ok(answer)) => Ended::of(answer, self.max_result_bytes),
            Some(Err(panic)) => {
                let ended = Ended::failed(ToolFailure::Panicked, "the tool failed");
                ended.with_details(format!("it panicked: {}", said_by(&*panic)))
            }
            None => self.too_slow(settings.timeout),
        }
    }

    fn too_slow(&self, timeout: Duration) -> Ended {
        if self
            .deadline
            .is_some_and(|deadline| deadline <= Instant::now())
        {
            let text = "the deadline of the run passed";
            return Ended::failed(ToolFailure::DeadlineExceeded, text);
        }
        let limit = humantime::format_duration(timeout);
        let text = format!("the tool gave no result within {limit}");
        Ended::failed(ToolFailure::Timeout, text)
    }
}

fn said_by(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
