//! Documents through stages, many at once, to artifacts.
//!
//! A document goes from [stage](Stage) to stage: an agent, a tool or a function works on it, and its
//! answer says where it goes next. What a reviewer does not approve goes back, with what the reviewer
//! said, at most so many times. One document that fails stops no other.

mod arguments;
mod check;
mod drive;
mod engine;
mod journey;
mod limits;
mod options;
mod output;
mod report;
mod route;
mod run;
mod settings;
mod slots;
mod stage;
mod tally;
mod validate;
mod visit;

pub use limits::Limits;
pub use options::PipelineOptions;
pub use output::Output;
pub use report::{DocumentFailure, DocumentTotals, PipelineReport, PipelineStatus, StageTotals};
pub use settings::{Pipeline, PipelineBuilder};
pub use stage::{Rework, ReworkTarget, Stage, StageInput};
