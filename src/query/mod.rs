//! Questions to the records of runs: totals, one call, a text, two runs side by side.
//!
//! A [`Run`] knows where each call lies in the journals and reads no more of them than a question
//! needs, so that a run of a hundred thousand calls is answered in well under a second:
//!
//! ```
//! # use duologue::call_log::{create_llm_logger, LoggerConfig};
//! # let folder = tempfile::tempdir()?;
//! # let config = LoggerConfig { output_dir: folder.path().into(), run_id: Some("demo".into()), ..Default::default() };
//! # drop(create_llm_logger(&config)?);
//! # let directory = folder.path().join("demo");
//! use duologue::query::{Run, Stats};
//!
//! let run = Run::open(&directory)?;
//! let stats = Stats::of(&[run])?;
//! println!("{} calls, {} repairs", stats.total.calls, stats.total.repairs);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What cannot be read is listed by [`Run::problems`], and the rest is read all the same.

mod compare;
mod export;
mod figures;
mod filter;
mod follow;
mod grep;
mod happened;
mod latency;
mod lines;
mod list;
mod pairing;
mod read;
mod run;
mod stats;
mod tools;
mod totals;
mod verify;

pub use compare::{ChangedCall, ChangedText, ChangedValue, Comparison, LoneCall};
pub use export::{Export, ExportFormat, Exported};
pub use filter::Filter;
pub use follow::Follow;
pub use grep::{Match, Search, SearchIn};
pub use latency::Latency;
pub use list::Listed;
pub use run::Run;
pub use stats::Stats;
pub use tools::ToolTotals;
pub use totals::{Group, Totals};
pub use verify::{Defect, Finding, Verification};
