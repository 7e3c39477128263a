//! The report of a run: what the command writes, and what a reader sees of it in a real browser.

mod browser;
mod command;
mod documents;
mod reading;
mod runs;
mod safety;
