//! Flows: more than one agent at a time. Review loops, document pipelines, the control plane.
//!
//! | module | what it is |
//! |---|---|
//! | [`pipeline`] | documents through stages, many at once, to artifacts |
//! | [`document`] | where documents come from |
//! | [`artifact`] | where results go |

pub mod artifact;
mod directory;
pub mod document;
pub mod pipeline;
mod store;
