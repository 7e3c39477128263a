//! Behaviour of the whole crate, one module for each part.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

/// JSON out of whatever text a model sends.
mod extraction;

/// Packs: what a directory may hold, and how it is rendered.
mod prompt_packs;

/// Providers: translation, transport, retries, limits, scripts.
mod providers;

/// The main job over real HTTP, against a server that was not written here.
#[cfg(feature = "openai")]
mod openai_server;

/// What the sanitizer removes, and what it leaves alone.
mod redaction;
