//! What reading answers takes in every dialect: failures by class, words of providers, odd figures.

mod classify;
mod retry_after;
mod value;
mod words;

pub(crate) use classify::cut_off;
pub(super) use classify::{classify, classify_words};
pub(super) use value::{Object, count, object, take_text};
pub(super) use words::Words;
