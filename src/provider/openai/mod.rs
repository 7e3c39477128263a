//! Chat completions, as OpenAI publishes them and as compatible servers really speak them.
//!
//! Translation is pure: a [`Translator`] turns a [`Request`](crate::chat::Request) into the body
//! that goes out, [`decode`] turns what came back into a [`Response`](crate::chat::Response) or a
//! [`ProviderError`](super::ProviderError). What goes out is strict: no field that the published
//! API does not know. What comes in is read leniently: every field but `choices` may be absent, and
//! `null` equals absent. The HTTP side is [`OpenAiProvider`](super::OpenAiProvider)
//! (feature `http`).

mod assembly;
mod cache;
mod calls;
mod decode;
mod dialect;
mod encode;
pub(in crate::provider) mod facts;
mod messages;
mod opaque;
mod stream;
mod strict;
mod structured;
mod tools;
mod typed;

pub use decode::decode;
#[cfg(feature = "http")]
pub(super) use dialect::is_azure;
pub use dialect::{DeveloperRole, Dialect, TokenLimitField};
pub use encode::Translator;
