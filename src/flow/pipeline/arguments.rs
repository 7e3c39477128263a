//! The arguments of a tool stage: texts within them are templates.

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::prompt::TextTemplate;

/// What templates are called in errors.
const NAME: &str = "arguments";

/// Arguments whose templates are compiled.
#[derive(Debug)]
pub(super) struct Arguments {
    value: Value,
    /// Each with its JSON pointer.
    templates: Vec<(String, TextTemplate)>,
}

impl Arguments {
    pub(super) fn compile(value: &Value) -> Result<Self> {
        let mut templates = Vec::new();
        collect(value, String::new(), &mut templates)?;
        Ok(Self {
            value: value.clone(),
            templates,
        })
    }

    pub(super) fn check(&self, given: &[&str]) -> Result<()> {
        self.templates.iter().try_for_each(|(pointer, template)| {
            let checked = template.check(given.iter().copied());
            checked.map_err(at(pointer))
        })
    }

    pub(super) fn render(&self, variables: &Map<String, Value>) -> Result<Value> {
        let mut value = self.value.clone();
        for (pointer, template) in &self.templates {
            let text = template.render(variables).map_err(at(pointer))?;
            if let Some(place) = value.pointer_mut(pointer) {
                *place = text.into();
            }
        }
        Ok(value)
    }
}

fn at(pointer: &str) -> impl Fn(Error) -> Error {
    move |error| error.within(&format!("key `arguments{}`", pointer.replace('/', ".")))
}

fn collect(
    value: &Value,
    pointer: String,
    templates: &mut Vec<(String, TextTemplate)>,
) -> Result<()> {
    match value {
        Value::String(text) if TextTemplate::is_template(text) => {
            let template = TextTemplate::compile(NAME, text).map_err(at(&pointer))?;
            templates.push((pointer, template));
            Ok(())
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| collect(item, format!("{pointer}/{index}"), templates)),
        Value::Object(map) => map.iter().try_for_each(|(key, item)| {
            let key = key.replace('~', "~0").replace('/', "~1");
            collect(item, format!("{pointer}/{key}"), templates)
        }),
        _ => Ok(()),
    }
}
