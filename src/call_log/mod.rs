//! The record of every call: what is written, when, and what is guaranteed.
//!
//! **If a request left the process, its record is already in the operating system's hands.**
//! [`CallLog::begin`] hands the call to the [`CallLogger`] before the request leaves and returns
//! an [`OpenCall`]; that guard finishes the record when the call ends, and if it is dropped
//! (error, cancellation, panic) it finishes itself.
//!
//! # Layout of a run on disk
//!
//! ```text
//! {output_dir}/{run_id}/            0700, files 0600
//! ├── journal/{pid}-{start}.jsonl   the truth: one line per event, append-only, one file per process
//! └── llm_calls/                    views for people, rendered from the journal
//!     ├── call_001_planner.yaml
//!     ├── call_002_judge.yaml
//!     └── summary.yaml
//! ```
//!
//! A journal line begins with a newline and ends with its CRC-32, so that a torn line never takes
//! its neighbour along. Its `event` is one of
//!
//! | event | when | content |
//! |---|---|---|
//! | `opened` | the journal was created | `schema`, `run_id`, `pid`, `version`, `log_level`, `format`, `views` |
//! | `started` | before the request leaves | `record`: what is known by then |
//! | `finished` | when the call ends | `record`: the whole [`Record`] |
//! | `rendered` | a call file was written | `call_id`, `file` |
//! | `tools_offered` | before a model may call tools for the first time | `offer`: a [`ToolOffer`] (not at `minimal`) |
//! | `tool_started` | before a tool runs | `tool`: what is known by then |
//! | `tool_finished` | when it ends | `tool`: the whole [`ToolRecord`] |
//! | `lifecycle` | something happened to the run, a document or a stage | `lifecycle`: a [`LifecycleEvent`](crate::lifecycle::LifecycleEvent) |
//!
//! A call with `started` and no `finished`, whose process is gone, is `interrupted`, and so is a
//! tool call. The tool calls that an answer asked for stand in the record of its call, their results
//! in the messages of the next one.
//!
//! # Versions
//! [`PublishedFormat`] holds the JSON Schema of every document and the rule for changing it. Within a
//! version (`/1`) a later writer may only add: optional fields, event types, and words to a list of
//! words (a status, an error kind). Whatever goes away, changes its meaning or type, or becomes
//! required, makes the next version, and readers keep reading all older ones.
//!
//! A reader that meets a newer writer reads what it knows. It skips fields and events; a record with
//! a word that it does not know is kept with [`CallStatus::Unknown`] or
//! [`ErrorKind::Unknown`](crate::ErrorKind::Unknown) in that place, or without the field, and
//! [`RunLog::problems`] says so; a `/2` is named as such and left unread. [`RunLog::recover`] writes
//! nothing about what it does not know.
//!
//! # Levels
//! `minimal` holds no content at all; `standard` adds prompts and answers; `full` adds the variables
//! and the raw exchange on the wire. See [`LogLevel`].

pub(crate) mod append;
mod config;
mod content;
mod factory;
mod file;
pub(crate) mod index;
pub(crate) mod journal;
pub(crate) mod line;
mod log;
mod logger;
mod memory;
pub(crate) mod newer;
mod open_call;
mod open_tool;
pub(crate) mod paths;
mod reader;
mod record;
mod redact;
mod schema;
mod summary;
mod tool_record;
mod view;
mod writer;

pub use crate::failure::{ToolFailure, ToolStatus};
pub use config::{Durability, LlmLogging, LogFormat, LogLevel, OnError, Sanitize, Views};
pub use factory::{LoggerConfig, create_llm_logger};
pub use file::FileCallLogger;
pub use log::CallLog;
pub use logger::{BoundRun, CallLogger, NullCallLogger, TeeCallLogger};
pub use memory::MemoryCallLogger;
pub(crate) use open_call::Price;
pub use open_call::{CallEnd, OpenCall};
pub use open_tool::{OpenToolCall, ToolCallEnd};
pub(crate) use paths::run_directory;
pub(crate) use reader::{
    INTERRUPTED, ToolCalls, Tools, interrupt, is_abandoned, is_file_name, no_run, open_journal,
};
pub use reader::{Problem, Recovery, RunLog, find_runs};
pub use record::{AgentMode, CallError, CallStatus, Parameters, Record};
pub use redact::{CustomRule, Redactions, SanitizeConfig, Sanitizer};
pub use schema::PublishedFormat;
pub use summary::{AgentTotals, ErrorLine, Losses, RunStatus, Summary};
pub use tool_record::{ToolCallError, ToolOffer, ToolRecord};
#[cfg(feature = "cli")]
pub(crate) use view::render;
