//! Ollama's own chat API, `/api/chat`.
//!
//! Translation is pure: a [`Translator`] turns a [`Request`](crate::chat::Request) into the body
//! that goes out and reads what comes back. Parameters stand under `options`, where those of the
//! request (`temperature`, `num_predict`) join those of `extra.options`; `think` and `keep_alive` go
//! through `extra`. The HTTP side is `OllamaProvider` (feature `http`).

mod decode;
mod encode;
mod stream;

pub use encode::Translator;
