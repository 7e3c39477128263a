//! `duologue prices`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{SUCCESS, output};
use crate::cost::Decimal;
use crate::error::{Error, ErrorKind, Result};
use crate::pricing::{ModelPrice, PriceTable};
use crate::text;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Prices {
    /// One model alone, by the name that a job file or a provider gives it.
    model: Option<String>,
    /// A price file whose prices win over the bundled ones.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print JSON on stdout: the whole table in the form of a price file.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  duologue prices gpt-5-mini-2025-08-07
  duologue prices --json > prices.json
  duologue prices --file prices.json our-model";

impl Prices {
    pub(super) fn execute(self) -> Result<u8> {
        let mut table = PriceTable::bundled();
        if let Some(path) = &self.file {
            table = table.merged(&PriceTable::from_file(path)?);
        }
        match &self.model {
            Some(model) => self.print_one(&table, model)?,
            None if self.json => output::print_json(&table)?,
            None => output::print(&rows(&table.models()))?,
        }
        if !self.json {
            let date = table.as_of().unwrap_or("an unknown date");
            output::say(&format!("US dollars per million tokens, as of {date}"));
        }
        Ok(SUCCESS)
    }

    fn print_one(&self, table: &PriceTable, model: &str) -> Result<()> {
        let price = table.price(model).copied().ok_or_else(|| {
            let known = table.models();
            let near = text::nearest(model, known.iter().map(|(name, _)| *name));
            let error = Error::new(
                ErrorKind::Config,
                format!("the price of `{model}` is not known"),
            );
            match near {
                Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                None => error.with_hint("name it in a price file, and give that with `--file`"),
            }
        })?;
        if self.json {
            return output::print_json(&json!({
                "model": model,
                "as_of": table.as_of(),
                "price": price,
            }));
        }
        output::print(&rows(&[(model, price)]))
    }
}

fn rows(models: &[(&str, ModelPrice)]) -> String {
    let mut rows = vec![
        ["MODEL", "INPUT", "CACHED", "WRITTEN", "OUTPUT"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let shown = |price: Decimal| price.normalize().to_string();
    for (model, price) in models {
        rows.push(vec![
            (*model).to_owned(),
            shown(price.input),
            price.cached_input.map_or_else(|| "-".to_owned(), shown),
            price.cache_write.map_or_else(|| "-".to_owned(), shown),
            shown(price.output),
        ]);
    }
    output::table(&rows)
}
