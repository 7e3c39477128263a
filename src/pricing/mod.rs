//! What models cost: a price table, and the cost of a call by it.
//!
//! The bundled table is dated and goes out of date; a file of one's own wins over it, model by
//! model. A model that no table knows costs "unknown", which is not zero. Prices are those of plain
//! requests: batch and priority prices, and the surcharge of very long prompts, are left out; input that
//! a provider caches costs what its shortest caching does.

mod file;
mod name;
mod table;

pub use table::{ModelPrice, PriceTable};
