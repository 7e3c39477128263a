//! One text that is a template: not a message, so it may be empty.

use serde_json::{Map, Value};

use super::pack::PromptPack;
use crate::error::Result;

/// A compiled text; its rules are those of packs.
#[derive(Debug)]
pub(crate) struct TextTemplate(PromptPack);

impl TextTemplate {
    /// Whether there is anything in `text` for a template to do.
    pub(crate) fn is_template(text: &str) -> bool {
        ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
    }

    /// `place` is what the text is called in errors.
    ///
    /// # Errors
    /// `Prompt` naming the place.
    pub(crate) fn compile(place: &str, text: &str) -> Result<Self> {
        PromptPack::of_text(place, text).map(Self)
    }

    /// Whether it can be rendered with variables of these names, as far as that is known before.
    ///
    /// # Errors
    /// `Prompt` naming the place and the variable.
    pub(crate) fn check<'a>(&self, given: impl IntoIterator<Item = &'a str>) -> Result<()> {
        self.0.check(given, 0).into_result().map(drop)
    }

    /// The text with these variables.
    ///
    /// # Errors
    /// `Prompt` naming the place and the variable, never a value.
    pub(crate) fn render(&self, variables: &Map<String, Value>) -> Result<String> {
        self.0.render_first(variables)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_may_be_empty_and_what_is_undefined_is_an_error() {
        let template = TextTemplate::compile("arguments.path", "{{ name }}").unwrap();
        let mut variables = Map::from_iter([("name".to_owned(), json!(""))]);
        assert_eq!(template.render(&variables).unwrap(), "");
        variables.clear();
        let error = template.render(&variables).unwrap_err().to_string();
        assert_eq!(
            error,
            "`arguments.path` line 1: variable `name` is not defined"
        );
        assert_eq!(template.check(["nam"]).unwrap_err().to_string(), error);
    }

    #[test]
    fn a_text_that_does_not_compile_names_its_place() {
        let error = TextTemplate::compile("arguments.path", "{{ name").unwrap_err();
        assert!(
            error.to_string().starts_with("`arguments.path` line 1"),
            "{error}"
        );
    }
}
