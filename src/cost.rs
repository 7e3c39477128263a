//! What calls cost: US dollars as decimals, never as binary fractions.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use rust_decimal::Decimal;

/// Whole numbers below are exact as `f64`.
const EXACT_IN_BINARY: u128 = 1 << 53;
/// Powers of ten that are exact as `f64`, as far as prices have digits.
const POWERS: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// An amount of US dollars.
///
/// In JSON and YAML it is a plain number with all its digits, so that other tools can add it up.
///
/// ```
/// use duologue::cost::{Cost, Decimal};
///
/// let tenth = Cost::from_usd(Decimal::new(1, 1));
/// assert_eq!([tenth; 3].into_iter().sum::<Cost>().to_string(), "$0.3");
/// assert_eq!(serde_json::to_string(&tenth)?, "0.1");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cost(Decimal);

impl Cost {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// This many dollars.
    pub fn from_usd(dollars: Decimal) -> Self {
        Self(dollars.normalize())
    }

    /// The amount in dollars.
    pub fn usd(self) -> Decimal {
        self.0
    }

    /// The nearest binary fraction, which prints the same digits, up to fifteen of them.
    pub(crate) fn as_f64(self) -> f64 {
        let (mantissa, scale) = (self.0.mantissa(), self.0.scale());
        // Both are exact in binary then, so that their quotient is the nearest there is.
        if mantissa.unsigned_abs() < EXACT_IN_BINARY
            && let Some(power) = usize::try_from(scale).ok().and_then(|at| POWERS.get(at))
        {
            return mantissa as f64 / power;
        }
        self.0.to_string().parse().unwrap_or(f64::NAN)
    }

    /// The sum of both, at most what a [`Decimal`] can hold.
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0).normalize())
    }
}

/// The sum of what is known: an unknown cost adds nothing, and two unknown ones stay unknown.
pub(crate) fn add(a: Option<Cost>, b: Option<Cost>) -> Option<Cost> {
    match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or_default().plus(b.unwrap_or_default())),
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::ZERO, Self::plus)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}", self.0)
    }
}

impl Serialize for Cost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

/// A number, or a text of digits; every digit counts.
impl<'de> Deserialize<'de> for Cost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Dollars).map(Self::from_usd)
    }
}

struct Dollars;

impl Visitor<'_> for Dollars {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount of US dollars such as `0.25`")
    }

    fn visit_u64<E: Error>(self, dollars: u64) -> Result<Decimal, E> {
        Ok(dollars.into())
    }

    fn visit_i64<E: Error>(self, dollars: i64) -> Result<Decimal, E> {
        Ok(dollars.into())
    }

    fn visit_f64<E: Error>(self, dollars: f64) -> Result<Decimal, E> {
        // Prints the digits that were written, up to fifteen of them.
        Decimal::from_str(&dollars.to_string())
            .map_err(|_| E::invalid_value(Unexpected::Float(dollars), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Decimal, E> {
        Decimal::from_str_exact(text.trim())
            .map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl schemars::JsonSchema for Cost {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Cost".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "number", "description": "US dollars."})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_reads_back_as_it_was_written() {
        for text in ["0", "0.1", "0.00000375", "12345.6789012345", "7"] {
            let cost = Cost::from_usd(Decimal::from_str(text).unwrap());
            let json = serde_json::to_string(&cost).unwrap();
            assert_eq!(serde_json::from_str::<Cost>(&json).unwrap(), cost, "{json}");
            assert_eq!(cost.to_string(), format!("${text}"));
        }
    }

    #[test]
    fn an_amount_is_read_from_a_number_or_a_text_and_from_nothing_else() {
        let read = |json: &str| serde_json::from_str::<Cost>(json);
        let expected = Cost::from_usd(Decimal::new(25, 2));
        for json in ["0.25", "0.250", "\"0.25\"", "\" 0.25 \""] {
            assert_eq!(read(json).unwrap(), expected, "{json}");
        }
        assert_eq!(read("1e-7").unwrap().to_string(), "$0.0000001");
        for json in ["\"cheap\"", "\"\"", "true", "null", "[1]", "1e300"] {
            assert!(read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn the_quick_way_to_a_binary_fraction_gives_the_nearest_one() {
        for text in [
            "0.1",
            "0.0000515",
            "-2.3",
            "9007199254740.993",
            "0.0000000000000000001",
        ] {
            let cost = Cost::from_usd(Decimal::from_str(text).unwrap());
            assert_eq!(
                cost.as_f64().to_bits(),
                text.parse::<f64>().unwrap().to_bits(),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_unknown_adds_nothing_and_is_not_zero() {
        let cent = Some(Cost::from_usd(Decimal::new(1, 2)));
        assert_eq!(add(None, None), None);
        assert_eq!(add(cent, None), cent);
        assert_eq!(add(cent, cent), Some(Cost::from_usd(Decimal::new(2, 2))));
    }
}
