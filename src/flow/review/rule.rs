//! A simple rule about one place of a draft, as it can stand in a job file.

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::issue::{Issue, Severity};
use super::problem::{Problem, figure};
use crate::text;

/// What must hold at one place of a draft. A value that is missing or `null` breaks the rule, unless
/// [`optional`](Self::optional); so does one of another type than a bound speaks of.
///
/// ```
/// use duologue::flow::review::Rule;
///
/// let rule = Rule::at("/steps").min_items(3).max_items(7);
/// let each = Rule::at("/steps/*/name").max_length(40);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
#[must_use]
pub struct Rule {
    /// Where: a JSON pointer such as `/steps/0/name`, in which `*` stands for each item of a list; empty for
    /// the whole draft.
    #[serde(default)]
    pub path: String,
    /// Whether there must be a value. Default `true`.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub required: bool,
    /// Fewest items of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_items: Option<usize>,
    /// Most items of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<usize>,
    /// Smallest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Fewest characters of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<usize>,
    /// Most characters of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
    /// A regular expression that is found in a text; `^` and `$` tie it to the ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The values that are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub one_of: Option<Vec<Value>>,
}

fn yes() -> bool {
    true
}

impl Rule {
    /// A rule about the value at `path`, which must be there.
    pub fn at(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            required: true,
            min_items: None,
            max_items: None,
            min: None,
            max: None,
            min_length: None,
            max_length: None,
            pattern: None,
            one_of: None,
        }
    }

    /// The same rule for a value that may be missing.
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// A list of at least so many items.
    pub fn min_items(mut self, items: usize) -> Self {
        self.min_items = Some(items);
        self
    }

    /// A list of at most so many items.
    pub fn max_items(mut self, items: usize) -> Self {
        self.max_items = Some(items);
        self
    }

    /// A number of at least this.
    pub fn min(mut self, number: f64) -> Self {
        self.min = Some(number);
        self
    }

    /// A number of at most this.
    pub fn max(mut self, number: f64) -> Self {
        self.max = Some(number);
        self
    }

    /// A text of at least so many characters.
    pub fn min_length(mut self, characters: usize) -> Self {
        self.min_length = Some(characters);
        self
    }

    /// A text of at most so many characters.
    pub fn max_length(mut self, characters: usize) -> Self {
        self.max_length = Some(characters);
        self
    }

    /// A text in which this regular expression is found.
    pub fn pattern(mut self, pattern: impl Into<String>) -> Self {
        self.pattern = Some(pattern.into());
        self
    }

    /// One of these values.
    pub fn one_of<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.one_of = Some(values.into_iter().map(Into::into).collect());
        self
    }

    /// The rule with its pattern compiled, or what is wrong with it.
    pub(super) fn compile(self) -> Result<CompiledRule, Problem> {
        if !self.path.is_empty() && !self.path.starts_with('/') {
            let allowed = "a JSON pointer such as `/steps`, or empty for the whole draft";
            return Err(Problem::new("path", self.path, allowed));
        }
        in_order("max_items", self.max_items, "min_items", self.min_items)?;
        in_order("max_length", self.max_length, "min_length", self.min_length)?;
        in_order("max", self.max, "min", self.min)?;
        if self.one_of.as_ref().is_some_and(Vec::is_empty) {
            let empty = Value::Array(Vec::new());
            return Err(Problem::new("one_of", empty, "at least one value"));
        }
        let pattern = match &self.pattern {
            None => None,
            Some(pattern) => Some(Regex::new(pattern).map_err(|error| {
                Problem::new("pattern", pattern.as_str(), "a regular expression")
                    .because(error.to_string())
            })?),
        };
        Ok(CompiledRule {
            rule: self,
            pattern,
        })
    }
}

fn in_order<N: PartialOrd + Copy + std::fmt::Display>(
    most_key: &str,
    most: Option<N>,
    least_key: &str,
    least: Option<N>,
) -> Result<(), Problem> {
    match (least, most) {
        (Some(least), Some(most)) if most < least => {
            let allowed = format!("`{least_key}` ({least}) or more");
            Err(Problem::new(most_key, figure(most), allowed))
        }
        _ => Ok(()),
    }
}

#[derive(Debug)]
pub(super) struct CompiledRule {
    rule: Rule,
    pattern: Option<Regex>,
}

impl CompiledRule {
    pub(super) fn issues(&self, draft: &Value, severity: Severity) -> Vec<Issue> {
        let places = places(draft, &self.rule.path).into_iter();
        let found = places.flat_map(|(path, value)| {
            let value = value.filter(|value| !value.is_null());
            let messages = match value {
                Some(value) => self.broken_by(value),
                None if self.rule.required => vec!["is missing".to_owned()],
                None => Vec::new(),
            };
            let issue = move |message| Issue::new(severity, message).at(path.clone());
            messages.into_iter().map(issue)
        });
        found.collect()
    }

    /// What of the rule does not hold for `value`. It names bounds and lengths, never the value.
    fn broken_by(&self, value: &Value) -> Vec<String> {
        let rule = &self.rule;
        let mut broken = Vec::new();
        broken.extend(size_of(
            value.as_array().map(Vec::len),
            ("is not a list", "item"),
            (rule.min_items, rule.max_items),
        ));
        broken.extend(size_of(
            value.as_str().map(|text| text.chars().count()),
            ("is not a text", "character"),
            (rule.min_length, rule.max_length),
        ));
        broken.extend(number(value, rule.min, rule.max));
        match (&self.pattern, value.as_str()) {
            (Some(_), None) => broken.push("is not a text".to_owned()),
            (Some(pattern), Some(text)) if !pattern.is_match(text) => {
                broken.push(format!("does not match `{pattern}`"));
            }
            _ => {}
        }
        if let Some(allowed) = &rule.one_of
            && !allowed.contains(value)
        {
            let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
            broken.push(format!("is none of {}", allowed.join(", ")));
        }
        broken.dedup();
        broken
    }
}

fn size_of(
    size: Option<usize>,
    (not_so, noun): (&str, &str),
    (least, most): (Option<usize>, Option<usize>),
) -> Option<String> {
    if least.is_none() && most.is_none() {
        return None;
    }
    let Some(size) = size else {
        return Some(not_so.to_owned());
    };
    let has = text::counted(size, noun);
    if let Some(least) = least.filter(|least| size < *least) {
        return Some(format!("has {has}, at least {least} needed"));
    }
    let most = most.filter(|most| size > *most)?;
    Some(format!("has {has}, at most {most} allowed"))
}

fn number(value: &Value, least: Option<f64>, most: Option<f64>) -> Option<String> {
    if least.is_none() && most.is_none() {
        return None;
    }
    let Some(number) = value.as_f64() else {
        return Some("is not a number".to_owned());
    };
    if let Some(least) = least.filter(|least| number < *least) {
        return Some(format!("is below {least}"));
    }
    let most = most.filter(|most| number > *most)?;
    Some(format!("is above {most}"))
}

/// The places that `path` leads to, and what stands there.
fn places<'d>(draft: &'d Value, path: &str) -> Vec<(String, Option<&'d Value>)> {
    let mut places = vec![(String::new(), Some(draft))];
    for segment in path.split('/').skip(1) {
        let below = |(at, value): (String, Option<&'d Value>)| match value {
            Some(Value::Array(items)) if segment == "*" => items
                .iter()
                .enumerate()
                .map(|(index, item)| (format!("{at}/{index}"), Some(item)))
                .collect(),
            _ => {
                let found = value.and_then(|value| value.pointer(&format!("/{segment}")));
                vec![(format!("{at}/{segment}"), found)]
            }
        };
        places = places.into_iter().flat_map(below).collect();
    }
    places
}
