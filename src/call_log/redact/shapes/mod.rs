//! The shapes of vendors' tokens, as their documentation describes them.
//!
//! A shape is tried where one of its keywords stands, and only there: the scanner finds all
//! keywords of all shapes in one pass. A shape is a fixed beginning and a body; the whole match is
//! replaced, or the capture group when there is one.

mod cloud;
mod code;
mod models;
mod services;

use std::sync::{LazyLock, OnceLock};

use regex::Regex;

/// One kind of token, as it stands in the tables.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) rule: &'static str,
    /// In any case; the pattern decides about case.
    pub(super) keywords: &'static [&'static str],
    pattern: &'static str,
    /// How many bytes of the token stand before its keyword.
    pub(super) lead: usize,
    /// The body is so loose that it also has to look random.
    pub(super) must_look_random: bool,
}

impl Form {
    const fn new(
        rule: &'static str,
        keywords: &'static [&'static str],
        pattern: &'static str,
    ) -> Self {
        Self {
            rule,
            keywords,
            pattern,
            lead: 0,
            must_look_random: false,
        }
    }

    const fn led_by(mut self, bytes: usize) -> Self {
        self.lead = bytes;
        self
    }

    const fn loose(mut self) -> Self {
        self.must_look_random = true;
        self
    }
}

/// A form with its pattern, compiled when the first keyword of it is met.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) form: &'static Form,
    regex: OnceLock<Option<Regex>>,
}

impl Shape {
    /// The pattern at the beginning of a text; `None` when it does not compile (a test sees to it
    /// that all do).
    pub(super) fn regex(&self) -> Option<&Regex> {
        self.regex
            .get_or_init(|| Regex::new(&format!("^(?:{})", self.form.pattern)).ok())
            .as_ref()
    }
}

/// Every shape.
pub(super) fn all() -> &'static [Shape] {
    static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| {
        [models::FORMS, cloud::FORMS, code::FORMS, services::FORMS]
            .into_iter()
            .flatten()
            .map(|form| Shape {
                form,
                regex: OnceLock::new(),
            })
            .collect()
    });
    &SHAPES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_compiles_and_names_itself_in_kebab_case() {
        for shape in all() {
            assert!(shape.regex().is_some(), "{}", shape.form.pattern);
            assert!(
                shape
                    .form
                    .rule
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
                "{}",
                shape.form.rule
            );
        }
    }
}
