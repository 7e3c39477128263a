//! The contract of a dialect: pure translation between neutral and wire types, no I/O.

use std::fmt;

use super::{HttpAnswer, ProviderError};
use crate::chat::{Delta, Request, Response, StructuredOutput};

/// How an answer is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// In one piece.
    Whole,
    /// Piece by piece.
    Streamed,
}

/// A request as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Encoded {
    /// The body, JSON.
    pub body: Vec<u8>,
    /// How the server is asked to keep to the schema.
    pub structured_output: StructuredOutput,
}

/// How the pieces of a streamed answer are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// Server-sent events.
    Events,
    /// One JSON value per line.
    Lines,
}

/// Writes requests and reads answers in one server's dialect.
pub trait Translate: Send + Sync + fmt::Debug + 'static {
    /// The body for `request`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for what cannot be said in the dialect,
    /// [`ErrorKind::Schema`](crate::ErrorKind::Schema) for a schema that the server cannot enforce
    /// although it is told to; the message holds the JSON path.
    fn encode(&self, request: &Request, delivery: Delivery) -> Result<Encoded, ProviderError>;

    /// Reads an answer that came in one piece, to a request for `model`.
    ///
    /// # Errors
    /// [`ProviderError`] of the class that status, headers and body say.
    fn decode(&self, answer: &HttpAnswer<'_>, model: &str) -> Result<Response, ProviderError>;

    /// How the pieces of a streamed answer are told apart.
    fn framing(&self) -> Framing {
        Framing::Events
    }

    /// A reader of one streamed answer to a request for `model`.
    fn stream_decoder(&self, model: &str) -> Box<dyn StreamDecoder>;
}

/// Reads one streamed answer, event by event.
pub trait StreamDecoder: Send {
    /// Takes one event: its name, where it has one, and its data. What it brings is handed to `tell`.
    ///
    /// # Errors
    /// [`ProviderError`] when the event is a failure, or no event of the dialect.
    fn feed(
        &mut self,
        name: Option<&str>,
        data: &str,
        tell: &mut dyn FnMut(&Delta<'_>),
    ) -> Result<Progress, ProviderError>;

    /// The whole answer, after the last event or the end of the body.
    ///
    /// # Errors
    /// [`ProviderError`] when the answer is not complete.
    fn finish(&mut self) -> Result<Response, ProviderError>;
}

/// Whether a streamed answer goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// More is to come.
    More,
    /// That was all, whatever the server may still send.
    Done,
}
