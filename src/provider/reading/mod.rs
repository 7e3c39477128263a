//! What reading answers takes in every dialect: failures by class, words of providers, odd figures.

mod api;
mod classify;
mod retry_after;
mod value;
mod words;

pub(super) use api::{Api, Asked};
pub(crate) use classify::cut_off;
pub(super) use classify::{classify, classify_words};
pub(crate) use retry_after::retry_after;
pub(super) use value::{Object, count, object, take_text};
pub(super) use words::Words;
