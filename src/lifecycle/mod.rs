//! What happens in a run, told as it happens: runs, documents, stages, calls and tools that start,
//! finish, are retried, fail, or take long.
//!
//! One stream feeds whoever wants to know. A [`Lifecycle`] is given to the
//! [runner](crate::agent::AgentRunnerBuilder::lifecycle); [hooks](Lifecycle::on) and
//! [subscribers](Lifecycle::subscribe) hear its events, the command's progress is a hook of it, and what
//! happens to runs, documents and stages stands in the journal as well, where calls and tools have
//! their records.
//!
//! | subject | phases |
//! |---|---|
//! | run, document, stage | told by flows, see [`flow`](crate::flow); `started`, then `finished` or `failed` |
//! | call | `started`, then `finished` or `failed`; `retried` before each further request on the wire, and after a call whose answer is repaired; `slow` once, while it takes [too long](crate::agent::AgentRunnerBuilder::slow_call) |
//! | tool | `started`, then `finished` or `failed`; `slow` once, while it takes [too long](crate::agent::AgentRunnerBuilder::slow_tool) |
//!
//! What is dropped before its end fails as `cancelled`. Streamed, blocking and replayed runs tell the
//! same.
//!
//! ```
//! use duologue::lifecycle::{Lifecycle, Phase, Subject};
//! use duologue::prompt::PromptLibrary;
//! use duologue::provider::{Reply, ScriptedProvider};
//! use duologue::{AgentRunner, AgentSpec};
//! use std::sync::{Arc, Mutex};
//!
//! let lifecycle = Lifecycle::new();
//! let heard = Arc::new(Mutex::new(Vec::new()));
//! let told = heard.clone();
//! lifecycle.on(move |event| told.lock().unwrap().push((event.subject, event.phase)))?;
//!
//! let provider = ScriptedProvider::new([Reply::text("{}")]);
//! let prompts = PromptLibrary::in_memory([("planner/system.tera", "Plan.")]);
//! let runner = AgentRunner::builder(provider, prompts).lifecycle(lifecycle.clone()).build();
//! pollster::block_on(runner.run(&AgentSpec::new("planner", "planner", "gpt-5-mini"), ()))?;
//!
//! lifecycle.flush_blocking();
//! let expected = [(Subject::Call, Phase::Started), (Subject::Call, Phase::Finished)];
//! assert_eq!(*heard.lock().unwrap(), expected);
//! # Ok::<(), duologue::Error>(())
//! ```

mod bus;
mod event;
mod hook;
mod stream;

pub use bus::Lifecycle;
pub use event::{EventError, LifecycleEvent, Phase, Subject};
pub use stream::LifecycleEvents;
