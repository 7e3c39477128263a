//! Behaviour of the whole crate, one module for each part.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

/// Packs: what a directory may hold, and how it is rendered.
mod prompt_packs;

/// JSON out of whatever text a model sends.
mod extraction;

/// Providers: translation, transport, retries, limits, scripts.
mod providers;

/// What the sanitizer removes, and what it leaves alone.
mod redaction;
