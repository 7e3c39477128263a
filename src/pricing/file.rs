//! The price file: `duologue.prices/1`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::table::{ModelPrice, Prices};
use crate::config;
use crate::cost::Decimal;
use crate::error::{Error, ErrorKind, Result};

pub(super) const SCHEMA: &str = "duologue.prices/1";

/// A price file, key by key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PriceFile {
    pub(super) schema: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) as_of: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
    pub(super) models: BTreeMap<String, ModelPrice>,
}

/// What a file holds; `origin` names it in errors.
pub(super) fn read(value: Value, origin: &str) -> Result<Prices> {
    let file: PriceFile = config::from_value(value, origin)?;
    if file.schema != SCHEMA {
        let message = format!("{origin}, key `schema`: is {:?}", file.schema);
        return Err(
            Error::new(ErrorKind::Config, message).with_hint(format!("allowed: `{SCHEMA}`"))
        );
    }
    if let Some(date) = &file.as_of
        && date.parse::<jiff::civil::Date>().is_err()
    {
        let message = format!("{origin}, key `as_of`: is {date:?}");
        return Err(Error::new(ErrorKind::Config, message)
            .with_hint("allowed: a date such as `2026-08-24`"));
    }
    for (model, price) in &file.models {
        check(price).map_err(|(key, value)| {
            let message = format!("{origin}, key `models.{model}.{key}`: is {value}");
            Error::new(ErrorKind::Config, message)
                .with_hint("allowed: US dollars per million tokens, 0 or more")
        })?;
    }
    Ok(Prices {
        as_of: file.as_of,
        note: file.note,
        models: file.models.into_iter().collect(),
    })
}

fn check(price: &ModelPrice) -> std::result::Result<(), (&'static str, Decimal)> {
    let figures = [
        ("input", Some(price.input)),
        ("cached_input", price.cached_input),
        ("cache_write", price.cache_write),
        ("output", Some(price.output)),
    ];
    for (key, figure) in figures {
        if let Some(figure) = figure
            && figure < Decimal::ZERO
        {
            return Err((key, figure));
        }
    }
    Ok(())
}
