//! Behaviour of the whole crate, one module for each part.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

/// What several modules share: packs, agents, providers with a habit, a server.
mod support;

/// Artifacts: their names, how they are written, and what is removed again.
mod artifacts;

/// Runs that are missing, foreign, damaged or newer.
mod bad_input;

/// The blocking runner from every kind of thread and runtime.
#[cfg(feature = "http")]
mod blocking_contexts;

/// Budgets: what is reserved before a call, what is spent after it, and what is refused.
mod budgets;

/// Every subcommand of the command: what it prints, what it writes, how it exits.
#[cfg(feature = "cli")]
mod cli;

/// Starting the command, for the modules that need it.
#[cfg(feature = "cli")]
mod command;

/// The control plane: runs, queues, workers, delivery, the scheduler, envelopes, the audit store.
mod control;

/// What calls cost: price tables, and the costs in outcomes, records and summaries.
mod cost;

/// Costs and budgets in job files and on the command line.
#[cfg(feature = "cli")]
mod cost_cli;

/// Every defect of the original pipeline (system 000), each with a test that names it.
mod defects_000;

/// Every defect of the control plane (system 001), each with a test that names it.
mod defects_001;

/// Every defect of the original core (system 004), each with a test that names it.
#[cfg(feature = "http")]
mod defects_004;

/// The Messages API and Ollama's over real HTTP, against a server that was not written here.
#[cfg(feature = "http")]
mod dialect_servers;

/// Sources of documents: every format, whole and damaged.
mod documents;

/// Every example runs to its end.
mod examples;

/// JSON out of whatever text a model sends.
mod extraction;

/// Mistakes of somebody who uses the command for the first time.
#[cfg(feature = "cli")]
mod first_use;

/// Runs as older versions wrote them, kept for ever.
mod golden;

/// Fallback and limits in job files.
#[cfg(feature = "cli")]
mod job_fallback;

/// Job files: the main job, and every way to get one wrong.
#[cfg(feature = "cli")]
mod job_files;

/// The call log's settings: the job's block, the environment above it.
mod log_config;

/// Processes that die in every way: no acknowledged event is lost.
mod log_crash;

/// Full disks, removed directories, unwritable places: the run goes on and the loss is told.
mod log_disk;

/// Many calls do not make the log grow in memory.
mod log_memory;

/// Lifecycle events: who hears them, what calls and tools tell, and what stands in the journal.
mod lifecycle;

/// What the modules about the call log share.
mod log_support;

/// What reviews of the log found, each with a test that names it.
mod log_review;

/// The files of a run: layout, names, levels, views, formats, loggers, flushing.
mod log_tree;

/// Call files as YAML: every text reads back as it was.
mod log_yaml;

/// The main job over real HTTP, against a server that was not written here.
#[cfg(feature = "http")]
mod openai_server;

/// MCP servers: real ones, ones that misbehave, and jobs that use them.
#[cfg(all(feature = "mcp", feature = "cli"))]
mod mcp;

/// Traces and metrics in receivers that were not written here.
#[cfg(all(feature = "otel", feature = "cli"))]
mod otel;

/// One table of scenarios through the async and the blocking face, at once and streamed.
mod parity;

/// The value of an answer while it arrives: every prefix of it, in pieces of any size.
mod partial_json;
/// Which tools may run: rules, and who is asked.
mod permissions;

/// Document pipelines: where documents go, how many at once, what failures and cancellations leave.
mod pipeline;

/// Pipelines that are resumed: nothing is paid twice, and what changed is done again.
mod pipeline_resume;

/// Document pipelines from the command line: what it prints, what it leaves, and going on.
#[cfg(feature = "cli")]
mod pipeline_cli;

/// A hundred real documents through every stage, over real HTTP; killed at half, and resumed.
#[cfg(feature = "cli")]
mod pipeline_show;
/// Probing endpoints, and what providers do with the profiles.
#[cfg(feature = "http")]
mod probe;

/// Packs: what a directory may hold, and how it is rendered.
mod prompt_packs;

/// Providers: translation, transport, retries, limits, scripts.
mod providers;

/// Questions to the records of runs: totals, lists, single calls, and how they are found.
#[cfg(feature = "cli")]
mod queries;
/// Journals and call files, read by tools that were not written here.
mod readers;

/// What the sanitizer removes, and what it leaves alone.
mod redaction;

/// Replays: what a run recorded answers the same run again, offline.
mod replay;
/// The report of a run: what the command writes, and what a reader sees of it in a real browser.
#[cfg(feature = "cli")]
mod report;

/// The review loop: rounds, checks, verdicts, ends, job files.
mod review;

/// The run loop: what goes out, what comes back, what each failure leaves behind.
mod run_loop;

/// The run loop over real HTTP: attempts in the records are requests on the wire.
#[cfg(feature = "http")]
mod run_loop_http;

/// Streams: what they tell and when, what a broken or dropped one leaves behind.
mod stream;

/// Spans: their tree, their names, how each ends, and that they hold no content unasked.
mod telemetry;

/// Tools: the loop, what becomes of all that can go wrong with one, and the records of tool calls.
mod tools;

/// The tree itself: layers, sizes, documents, dependencies.
mod tree;

/// What the compiler promises about the public types, and what a spec accepts.
mod types;
