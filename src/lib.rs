//! Run LLM agents from async or sync code, and keep one trustworthy record of every LLM call.
//!
//! # Layout
//!
//! A module imports only from the layers below its own; siblings never import one another.
//!
//! | layer | modules | what lives there |
//! |---|---|---|
//! | 0 | [`clock`], `failure`, `secret`, `text`, `background` | time and ids, error kinds, keys, words, the background runtime |
//! | 1 | [`chat`], [`attempt`] | the provider-neutral vocabulary: messages, requests, responses, usage, attempts |
//! | 2 | [`error`], [`env`](mod@env), `config` | errors with their ledger, environment variables, reading YAML and JSON |
//! | 3 | [`prompt`], [`provider`], [`call_log`] | prompt packs, model endpoints, the record of every call |
//! | 4 | [`agent`] | specs, the run loop, repairs, outcomes |
//! | 5 | [`blocking`], [`job`] | the sync face, job files |
//! | 6 | `cli` | the `duologue` command (feature `cli`) |

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
pub mod env;
pub mod error;
mod failure;
pub mod job;
pub mod prompt;
pub mod provider;
mod secret;
mod text;

pub use agent::{AgentRunner, AgentSpec, Outcome};
pub use error::{Error, ErrorKind, Result};
