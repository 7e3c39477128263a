//! Documents through stages, many at once, to artifacts.
//!
//! A document goes from [stage](Stage) to stage: an agent, a tool or a function works on it, and its
//! answer says where it goes next. What a reviewer does not approve goes back, with what the reviewer
//! said, at most so many times. One document that fails stops no other.
//!
//! - At most [`Limits::documents`] are under way, and others are read only as they end.
//! - A stage takes the slots of its model and of its agent in one step, and holds nothing while it
//!   waits: a model that is full keeps nobody waiting but its own.
//! - In the run's [directory](PipelineOptions::directory) stands what every stage gave. A
//!   [resumption](PipelineOptions::resume) asks only for what is missing: an answer holds as long as
//!   prompt, schema, model, parameters and document are what they were.
//! - A run [pauses](PipelineStatus::Paused) where going on would only fail: nothing can be written any
//!   more, or a budget that all documents share is used up. No document fails by that.
//!
//! ```
//! use duologue::flow::document::{Document, DocumentSource};
//! use duologue::flow::pipeline::{Pipeline, PipelineOptions, Rework, ReworkTarget, Stage};
//! use duologue::prompt::PromptLibrary;
//! use duologue::provider::{Reply, ScriptedProvider};
//! use duologue::{AgentRunner, AgentSpec};
//! use serde_json::json;
//!
//! let prompts = PromptLibrary::in_memory([
//!     ("writer/system.tera", "Write a summary."),
//!     ("writer/user.tera", "{{ document.text }}"),
//!     ("writer/user_refinement.tera", "{{ answers.write.summary }}\n\nBetter: {{ feedback.why }}"),
//!     ("reviewer/system.tera", "Review the summary."),
//!     ("reviewer/user.tera", "{{ answers.write.summary }}"),
//! ]);
//! let provider = ScriptedProvider::new([
//!     Reply::json(json!({"summary": "The moon."})),
//!     Reply::json(json!({"approved": false, "why": "Which tides?"})),
//!     Reply::json(json!({"summary": "The moon makes tides."})),
//!     Reply::json(json!({"approved": true})),
//! ]);
//! let runner = AgentRunner::new(provider, prompts);
//!
//! let review = Stage::agent("review", AgentSpec::new("reviewer", "reviewer", "gpt-5-mini"));
//! let pipeline = Pipeline::builder("summaries")
//!     .stage(Stage::agent("write", AgentSpec::new("writer", "writer", "gpt-5-mini")).then("review"))
//!     .stage(review.approve_by("approved").rework(Rework::new(ReworkTarget::Same, 2)))
//!     .build()?;
//! let documents = DocumentSource::of([Document::new("tides", "The moon pulls the sea.")]);
//! let report = pollster::block_on(pipeline.run(&runner, documents, PipelineOptions::new()))?;
//! assert_eq!((report.documents.succeeded, report.calls), (1, 4));
//! # Ok::<(), duologue::Error>(())
//! ```

mod arguments;
mod check;
mod drive;
mod earlier;
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
mod task;
mod told;
mod validate;
mod visit;

pub use limits::Limits;
pub use options::PipelineOptions;
pub use output::Output;
pub use report::{DocumentFailure, DocumentTotals, PipelineReport, PipelineStatus, StageTotals};
pub use settings::{Pipeline, PipelineBuilder};
pub use stage::{Rework, ReworkTarget, Stage, StageInput};
