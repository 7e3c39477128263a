//! Agents: what one is ([`AgentSpec`]), what runs it ([`AgentRunner`]), what comes out ([`Outcome`]).
//!
//! # The run loop
//! 1. **Render** the prompt pack with the spec's default variables, then the caller's. A variable
//!    that is missing is an error before any request.
//! 2. **Call** the model with developer, system, examples and user messages in that order. The
//!    call is recorded before its request leaves; the one retry owner repeats what may pass.
//! 3. **Classify**: a cut answer, a refusal, a filter or an overflow is an error of its own kind.
//! 4. **Extract** JSON from the text, and **validate** all of it against the schema.
//! 5. An answer that fits is the outcome. One that does not is **repaired**: the model sees its last
//!    bad answer with each error at its JSON pointer, and answers again, at most
//!    `max_schema_repair_attempts` times. The same bad answer twice ends the loop early.
//!
//! Where the agent has [tools](crate::tool), an answer may ask for calls of them instead: all of them
//! run, their results go back behind the answer that asked, and the model is called again, for at
//! most `max_turns` such answers. What goes wrong with a tool is its result; a
//! [fatal](crate::tool::ToolError::fatal) failure ends the run. A [`Conversation`] keeps the user's
//! message and the final answer, not the tool calls between them.
//!
//! Before each call, what it may need is reserved in every budget; deadline and cancellation also
//! stop a call under way, and tools that run. A run that ends between its calls (a fatal tool, a budget
//! that is used up, a deadline) leaves the record of the call that could not be made any more.
//! Success and failure carry the same [`Ledger`](crate::error::Ledger) of every call.

mod account;
mod admission;
mod budget;
mod builder;
mod call;
mod calling;
mod conversation;
mod decision;
mod execution;
mod hashes;
mod lifecycle;
mod options;
mod outcome;
mod repair;
mod request;
mod runner;
mod spans;
mod spec;
mod stream;
mod stream_event;
mod stream_sink;
mod tool_call;
mod tool_check;
mod tool_use;
mod turn;
mod verdict;

pub use crate::call_log::AgentMode;
pub(crate) use budget::Names as BudgetNames;
pub use budget::{Budget, Spending};
pub use builder::AgentRunnerBuilder;
pub use conversation::Conversation;
pub use options::RunOptions;
pub use outcome::Outcome;
pub(crate) use runner::AgentGate;
pub use runner::AgentRunner;
pub(crate) use runner::variables_of;
pub use spec::AgentSpec;
pub use stream::AgentStream;
pub use stream_event::StreamEvent;
pub(crate) use tool_use::ToolUse;
