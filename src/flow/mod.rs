//! Flows: more than one agent at a time. Review loops, document pipelines, the control plane.
//!
//! | module | what it is |
//! |---|---|
//! | [`review`] | a planner and a judge, round after round |
//! | [`pipeline`] | documents through stages, many at once, to artifacts |
//! | [`document`] | where documents come from |
//! | [`artifact`] | where results go |
//! | [`control`] | flows by name, the events that start them, and runs that always end |
//! | [`envelope`] | what a flow gives: records, each with its provenance |
//! | [`audit`] | what flows did, kept |

pub mod artifact;
pub mod audit;
pub mod control;
mod directory;
pub mod document;
pub mod envelope;
pub mod pipeline;
pub mod review;
mod store;
mod thread;

#[cfg(feature = "cli")]
pub(crate) use directory::is_out_of_room;
pub(crate) use directory::refuse_begun;
