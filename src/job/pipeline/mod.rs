//! Pipelines in job files.
//!
//! ```yaml
//! pipeline:
//!   documents: data/docs.json      # .json, .jsonl, .csv, a folder or a glob; or a mapping with field names
//!   stages:
//!     - {name: router, agent: router, route_by: route, routes: {markdown: clean, notebook: refactor}}
//!     - {name: clean, agent: cleaner, then: review}
//!     - {name: refactor, agent: refactorer, then: review}
//!     - {name: review, agent: reviewer, approve_by: approved, then: namer, rework: {target: same, max_cycles: 2}}
//!     - {name: namer, agent: namer}
//!   output: {dir: out, body: processed_text, name: file_slug, extension: extension}
//! limits: {documents: 8, models: {gpt-5-mini: 4}, agents: {reviewer: 2}}
//! ```

mod check;
mod config;
mod earlier;
mod parts;
mod plan;
mod run;
mod stages;

pub(super) use check::Tools;
pub use config::{
    DocumentsConfig, LimitsConfig, OutputConfig, PipelineConfig, ReworkConfig, StageConfig,
};
pub(super) use plan::{PipelinePlan, Surroundings};
