//! Behaviour of the whole crate, one module for each part.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

/// What several modules share: packs, agents, providers with a habit, a server.
mod support;

/// The blocking runner from every kind of thread and runtime.
mod blocking_contexts;

/// Every defect of the original core (system 004), each with a test that names it.
mod defects_004;

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml allows these in test functions, and not in what they share"
)]

/// The command: every subcommand, its output and its exit codes.
#[cfg(feature = "cli")]
mod cli;

/// Runs the command for the tests.
#[cfg(feature = "cli")]
mod command;

/// The examples, run one by one.
mod examples;

/// JSON out of whatever text a model sends.
mod extraction;

/// One table of scenarios through the async and the blocking face.
mod parity;

/// Job files: what is refused and how it is said, and the published schema.
#[cfg(feature = "cli")]
mod job_files;

/// Packs: what a directory may hold, and how it is rendered.
mod prompt_packs;

/// Providers: translation, transport, retries, limits, scripts.
mod providers;

/// The main job over real HTTP, against a server that was not written here.
#[cfg(feature = "openai")]
mod openai_server;

/// What the sanitizer removes, and what it leaves alone.
mod redaction;

/// The run loop: what goes out, what comes back, what each failure leaves behind.
mod run_loop;

/// The run loop over real HTTP: attempts in the records are requests on the wire.
mod run_loop_http;

/// What the compiler promises about the public types, and what a spec accepts.
mod types;

/// The call log's settings: the job's block, the environment above it.
mod log_config;

/// Processes that die in every way: no acknowledged event is lost.
mod log_crash;

/// Full disks, removed directories, unwritable places: the run goes on and the loss is told.
mod log_disk;

/// Many calls do not make the log grow in memory.
mod log_memory;

/// What the modules about the call log share.
mod log_support;

/// The files of a run: layout, names, levels, views, formats, loggers, flushing.
mod log_tree;

/// Call files as YAML: every text reads back as it was.
mod log_yaml;

/// What the source tree promises about itself: layers, sizes, documents, dependencies.
mod tree;
