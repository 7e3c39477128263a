//! Lifecycle events: who hears them, what calls and tools tell, and what stands in the journal.

/// Those who hear: hooks that panic, block, or call the crate again; streams; what is missed.
mod bus;

/// What calls tell, however they are made and however they end.
mod calls;

/// What flows tell stands in the journal, and is read back by the library and the command.
mod journal;

/// What takes too long is called slow while it goes on.
mod slow;

/// What tools tell.
mod tools;

use std::sync::Arc;

use duologue::agent::AgentRunnerBuilder;
use duologue::call_log::MemoryCallLogger;
use duologue::lifecycle::{Lifecycle, LifecycleEvent, LifecycleEvents};
use duologue::provider::{Provider, Reply, ScriptedProvider};
use duologue::{AgentRunner, ErrorKind};
use futures::{FutureExt as _, StreamExt as _};

use crate::support::{prompts, quick};

/// A runner whose events are heard, with its records in memory.
struct Heard {
    runner: AgentRunner,
    memory: MemoryCallLogger,
    events: LifecycleEvents,
}

impl Heard {
    fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::asking(ScriptedProvider::new(replies))
    }

    fn asking(provider: impl Provider + 'static) -> Self {
        Self::with(provider, |builder| builder)
    }

    fn with(
        provider: impl Provider + 'static,
        more: impl FnOnce(AgentRunnerBuilder) -> AgentRunnerBuilder,
    ) -> Self {
        let (lifecycle, memory) = (Lifecycle::new(), MemoryCallLogger::new());
        let events = lifecycle.subscribe();
        let builder = AgentRunner::builder(provider, prompts())
            .logger(memory.clone())
            .lifecycle(lifecycle)
            .retry(quick());
        Self {
            runner: more(builder).build(),
            memory,
            events,
        }
    }

    /// What was told since the last time.
    fn told(&mut self) -> Vec<Arc<LifecycleEvent>> {
        let next = || self.events.next().now_or_never().flatten();
        std::iter::from_fn(next).collect()
    }

    /// The same in short.
    fn in_short(&mut self) -> Vec<String> {
        self.told().iter().map(|event| in_short(event)).collect()
    }
}

/// `call retried 2: rate_limited`: subject, phase, attempt and the kind of the error.
fn in_short(event: &LifecycleEvent) -> String {
    let attempt = event.attempt.map(|attempt| format!(" {attempt}"));
    let error = event.error.as_ref().map(|error| error.kind);
    let error = error.map(|kind: ErrorKind| format!(": {kind}"));
    let (subject, phase) = (event.subject.as_str(), event.phase.as_str());
    format!(
        "{subject} {phase}{}{}",
        attempt.unwrap_or_default(),
        error.unwrap_or_default()
    )
}
