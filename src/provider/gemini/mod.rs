//! Gemini's `generateContent`, as Google publishes it and as proxies pass it on.
//!
//! Translation is pure: a [`Translator`] writes the body that goes out and reads what comes back.
//! A schema goes out as `responseJsonSchema`, rewritten to the keywords that Gemini enforces where
//! that changes nothing; thought signatures come back to the model in the very part they came in,
//! which Gemini 3 demands of tool turns. The HTTP side is `GeminiProvider` (feature `http`).

mod contents;
mod decode;
mod encode;
mod failure;
mod parts;
mod schema;
mod structured;

pub use encode::Translator;
