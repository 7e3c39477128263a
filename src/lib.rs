//! Run LLM agents from async or sync code, and keep one trustworthy record of every LLM call.
//!
//! An agent is a prompt pack, a model and a schema. The runner renders the prompts, asks the model,
//! reads JSON out of the answer, checks all of it, and lets the model repair what does not fit:
//!
//! ```
//! use duologue::prompt::PromptLibrary;
//! use duologue::provider::{Reply, ScriptedProvider};
//! use duologue::{AgentRunner, AgentSpec};
//! use serde_json::json;
//!
//! # pollster::block_on(async {
//! let prompts = PromptLibrary::in_memory([
//!     ("planner/system.tera", "You plan. Answer with JSON."),
//!     ("planner/user.tera", "Plan a talk about {{ topic }}."),
//! ]);
//! let provider = ScriptedProvider::new([Reply::json(json!({"title": "Tides"})).usage(40, 6)]);
//! let runner = AgentRunner::new(provider, prompts);
//!
//! let planner = AgentSpec::new("planner", "planner", "gpt-5-mini");
//! let plan = runner.run(&planner, json!({"topic": "tides"})).await?;
//! assert_eq!(plan.data["title"], "Tides");
//! assert_eq!(plan.usage.total_tokens(), Some(46));
//! # Ok::<(), duologue::Error>(())
//! # })?;
//! # Ok::<(), duologue::Error>(())
//! ```
//!
//! [`blocking::AgentRunner`] has the same methods without `async`, and works on any thread. A
//! [`call_log::CallLog`] keeps the records; [`job::Job`] runs what a file describes; the `duologue`
//! command does so from a shell.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `http` (default) | the providers over HTTP: `OpenAiProvider` and its like |
//! | `audit` | `flow::audit::SqliteAudit`: what flows did, in a file that can be queried |
//! | `cli` | the `duologue` command |
//! | `mcp` | `tool::mcp::McpServers`: the tools of MCP servers |
//! | `otel` | `otel::Telemetry`: traces and metrics to any receiver of OTLP |
//!
//! # Layout
//!
//! A module imports only from the layers below its own; siblings never import one another.
//!
//! | layer | modules | what lives there |
//! |---|---|---|
//! | 0 | [`chat`], `failure`, `secret`, `text`, [`diff`], `fingerprint`, `background` | the provider-neutral vocabulary: messages, requests, usage; error kinds, keys, words, differences, hashes, the background runtime |
//! | 1 | [`clock`], [`attempt`], [`cost`] | time and ids; what a call does on the wire; dollars |
//! | 2 | [`error`] | the one error, with its ledger |
//! | 3 | [`env`](mod@env), `config`, `schema`, [`telemetry`], [`lifecycle`] | environment variables; reading YAML and JSON; JSON Schemas; spans and their names; what happens in a run, as it happens |
//! | 4 | [`prompt`], [`provider`], [`call_log`], [`pricing`], [`tool`] | prompt packs; model endpoints; the record of every call; what models cost; what models may do |
//! | 5 | [`agent`], [`replay`], [`query`], `probe` | specs, the run loop, repairs, outcomes; answers from records; questions to the records of runs; what an endpoint enforces |
//! | 6 | [`flow`] | review loops, document pipelines, the control plane |
//! | 7 | [`blocking`], [`job`], [`report`], `otel` | the sync face; job files; the page of a run; OTLP export |
//! | 8 | `cli` | the `duologue` command |

// Not in `Cargo.toml`, since examples print.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod agent;
pub mod attempt;
mod background;
pub mod blocking;
pub mod call_log;
pub mod chat;
#[cfg(feature = "cli")]
pub mod cli;
pub mod clock;
mod config;
pub mod cost;
pub mod diff;
pub mod env;
pub mod error;
mod failure;
mod fingerprint;
pub mod flow;
pub mod job;
pub mod lifecycle;
#[cfg(feature = "otel")]
pub mod otel;
pub mod pricing;
#[cfg(feature = "http")]
pub mod probe;
pub mod prompt;
pub mod provider;
pub mod query;
pub mod replay;
pub mod report;
mod schema;
mod secret;
pub mod telemetry;
mod text;
pub mod tool;

pub use agent::{AgentRunner, AgentSpec, Outcome};
pub use error::{Error, ErrorKind, Result};

/// The programs in the README, compiled and run.
#[cfg(all(doctest, feature = "http", feature = "otel"))]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
