//! [`PriceTable`]: prices by model.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::file;
use super::name::candidates;
use crate::chat::Usage;
use crate::config;
use crate::cost::{Cost, Decimal};
use crate::error::Result;

/// Read at first use: a program that never asks for a cost does not pay for it.
static BUNDLED: LazyLock<Result<Prices>> = LazyLock::new(|| {
    let text = include_str!("bundled.yaml");
    file::read(config::value_of(text)?, "the bundled price table")
});

static NOTHING: LazyLock<Prices> = LazyLock::new(Prices::default);

/// What one model costs, in US dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPrice {
    /// Tokens of the prompt.
    #[serde(serialize_with = "write_price", deserialize_with = "read_price")]
    pub input: Decimal,
    /// Tokens of the prompt that the provider took from its cache; absent means the price of `input`.
    #[serde(
        default,
        serialize_with = "write_some_price",
        deserialize_with = "read_some_price",
        skip_serializing_if = "Option::is_none"
    )]
    pub cached_input: Option<Decimal>,
    /// Tokens of the prompt that the provider put into its cache for its shortest time; absent means
    /// the price of `input`.
    #[serde(
        default,
        serialize_with = "write_some_price",
        deserialize_with = "read_some_price",
        skip_serializing_if = "Option::is_none"
    )]
    pub cache_write: Option<Decimal>,
    /// Tokens written, reasoning included.
    #[serde(serialize_with = "write_price", deserialize_with = "read_price")]
    pub output: Decimal,
}

impl ModelPrice {
    /// A price of input and output; input costs the same whatever a cache does.
    pub fn new(input: Decimal, output: Decimal) -> Self {
        Self {
            input,
            cached_input: None,
            cache_write: None,
            output,
        }
    }

    /// The same price with another one for cached input.
    pub fn with_cached_input(mut self, price: Decimal) -> Self {
        self.cached_input = Some(price);
        self
    }

    /// The same price with another one for input that goes into the provider's cache.
    pub fn with_cache_write(mut self, price: Decimal) -> Self {
        self.cache_write = Some(price);
        self
    }

    /// What `usage` costs; `None` when input or output are unknown.
    ///
    /// Cached tokens, read or written, are part of the input, and none are assumed where none are
    /// reported; reasoning tokens are part of the output.
    pub fn cost(&self, usage: &Usage) -> Option<Cost> {
        let input = usage.input_tokens?;
        let output = usage.output_tokens?;
        let cached = usage.cached_tokens.unwrap_or(0).min(input);
        let written = usage.cache_write_tokens.unwrap_or(0).min(input - cached);
        let part = |tokens: u64, price: Decimal| Decimal::from(tokens).checked_mul(price);
        let sum = part(input - cached - written, self.input)?
            .checked_add(part(cached, self.cached_input.unwrap_or(self.input))?)?
            .checked_add(part(written, self.cache_write.unwrap_or(self.input))?)?
            .checked_add(part(output, self.output)?)?;
        sum.checked_mul(Decimal::new(1, 6)).map(Cost::from_usd)
    }
}

/// Prices by model. Cheap to clone.
///
/// ```
/// use duologue::chat::Usage;
/// use duologue::cost::Decimal;
/// use duologue::pricing::{ModelPrice, PriceTable};
///
/// let prices = PriceTable::bundled()
///     .with_price("our-model", ModelPrice::new(Decimal::new(5, 1), Decimal::ONE));
/// let usage = Usage::new(1_000_000, 1_000);
/// assert_eq!(prices.cost("our-model", None, &usage).unwrap().to_string(), "$0.501");
/// assert_eq!(prices.cost("somebody-elses-model", None, &usage), None);
/// ```
#[derive(Debug, Clone)]
pub struct PriceTable(Source);

#[derive(Debug, Clone)]
enum Source {
    Bundled,
    Own(Arc<Prices>),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Prices {
    pub(super) as_of: Option<String>,
    pub(super) note: Option<String>,
    pub(super) models: HashMap<String, ModelPrice>,
}

/// The bundled table.
impl Default for PriceTable {
    fn default() -> Self {
        Self::bundled()
    }
}

impl PriceTable {
    /// The table that comes with the crate; [`as_of`](Self::as_of) says how old it is.
    pub fn bundled() -> Self {
        Self(Source::Bundled)
    }

    /// A table without prices: every cost is unknown.
    pub fn none() -> Self {
        Self(Source::Own(Arc::default()))
    }

    /// The table in a YAML or JSON file, and nothing else; see [`merged`](Self::merged).
    ///
    /// ```yaml
    /// schema: duologue.prices/1
    /// as_of: 2026-11-21             # optional
    /// models:
    ///   our-model: {input: 0.5, cached_input: 0.05, cache_write: 0.625, output: 1}
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) naming file, key, value and what is allowed.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let prices = file::read(config::read_value(path)?, &format!("`{}`", path.display()))?;
        Ok(Self(Source::Own(Arc::new(prices))))
    }

    /// This table with the prices of `other` over it; the date and the note are those of `other`
    /// where it has some.
    pub fn merged(&self, other: &Self) -> Self {
        let mut prices = self.prices().clone();
        let other = other.prices();
        prices.as_of = other.as_of.clone().or(prices.as_of);
        prices.note = other.note.clone().or(prices.note);
        prices.models.extend(other.models.clone());
        Self(Source::Own(Arc::new(prices)))
    }

    /// This table with one more price, or another one.
    pub fn with_price(&self, model: impl Into<String>, price: ModelPrice) -> Self {
        let mut prices = self.prices().clone();
        prices.models.insert(model.into(), price);
        Self(Source::Own(Arc::new(prices)))
    }

    /// The price of `model`. It stands under the whole name, or under the name without its date
    /// (`gpt-5-mini-2025-08-07`, `claude-sonnet-4-20250514`), without its maker
    /// (`openai/gpt-5-mini`, as gateways write it that pass the maker's price on), or without both.
    /// Any other prefix (`azure/…`) names a seller with prices of his own.
    pub fn price(&self, model: &str) -> Option<&ModelPrice> {
        let models = &self.prices().models;
        candidates(model).find_map(|name| models.get(name))
    }

    /// What a call cost: by the model that answered if its price is known, else by the one that was
    /// asked. A price of one's own for either wins over the bundled one of the other: a server may
    /// answer `gpt-4o` in the name of a deployment that has its own price. `None` when neither is
    /// known, or when `usage` lacks input or output: unknown is not zero.
    pub fn cost(&self, asked: &str, answered: Option<&str>, usage: &Usage) -> Option<Cost> {
        answered
            .and_then(|model| self.own_price(model))
            .or_else(|| self.own_price(asked))
            .or_else(|| self.price(answered?))
            .or_else(|| self.price(asked))?
            .cost(usage)
    }

    /// The price of `model`, unless the bundled table has it just so.
    fn own_price(&self, model: &str) -> Option<&ModelPrice> {
        let Source::Own(prices) = &self.0 else {
            return None;
        };
        let bundled = Self::bundled();
        let is_bundled = |name: &str, price| bundled.prices().models.get(name) == Some(price);
        candidates(model)
            .find_map(|name| Some((name, prices.models.get(name)?)))
            .filter(|(name, price)| !is_bundled(name, *price))
            .map(|(_, price)| price)
    }

    /// The date of the prices, `YYYY-MM-DD`.
    pub fn as_of(&self) -> Option<&str> {
        self.prices().as_of.as_deref()
    }

    /// Where the prices come from, in words.
    pub fn note(&self) -> Option<&str> {
        self.prices().note.as_deref()
    }

    /// All models with their prices, by name.
    pub fn models(&self) -> Vec<(&str, ModelPrice)> {
        let models = self.prices().models.iter();
        let mut models: Vec<_> = models
            .map(|(name, price)| (name.as_str(), *price))
            .collect();
        models.sort_unstable_by_key(|(name, _)| *name);
        models
    }

    fn prices(&self) -> &Prices {
        match &self.0 {
            // A test sees to it that the table can be read.
            Source::Bundled => BUNDLED.as_ref().unwrap_or(&NOTHING),
            Source::Own(prices) => prices,
        }
    }
}

/// In the form of a price file.
impl Serialize for PriceTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let prices = self.prices();
        file::PriceFile {
            schema: file::SCHEMA.to_owned(),
            as_of: prices.as_of.clone(),
            note: prices.note.clone(),
            models: prices.models.clone().into_iter().collect(),
        }
        .serialize(serializer)
    }
}

fn write_price<S: Serializer>(price: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    Cost::from_usd(*price).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn write_some_price<S: Serializer>(
    price: &Option<Decimal>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    price.map(Cost::from_usd).serialize(serializer)
}

fn read_price<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    Cost::deserialize(deserializer).map(Cost::usd)
}

fn read_some_price<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Decimal>, D::Error> {
    Option::<Cost>::deserialize(deserializer).map(|price| price.map(Cost::usd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_table_can_be_read() {
        assert!(BUNDLED.is_ok(), "{:?}", BUNDLED.as_ref().err());
    }
}
