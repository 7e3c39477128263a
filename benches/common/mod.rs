//! What the benches share: the work that is measured, a server for it, and figures.
//!
//! Each bench uses a part of it.
#![allow(dead_code, unused_imports, reason = "each bench uses a part of it")]

pub(crate) mod answer;
#[cfg(feature = "http")]
pub(crate) mod bare;
pub(crate) mod figures;
pub(crate) mod server;
pub(crate) mod stages;
pub(crate) mod work;

/// The outcome of a bench's parts.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;
