//! Tera's errors in this crate's words: file, line, what is wrong, and never a value.

use tera::{ErrorKind as Cause, ReportError};

use super::check::MissingVariable;
use super::tokens::{Token, expression};
use crate::error::{Error, ErrorKind};
use crate::text;

/// How Tera's messages begin that hold no value, only types and names out of the template.
const WITHOUT_VALUES: [&str; 25] = [
    "Argument `",
    "Component argument `",
    "Cannot compare",
    "Cannot divide by 0",
    "Cannot index",
    "Cannot slice",
    "Cannot sort",
    "Function `range`",
    "Index expression",
    "Invalid type for the value",
    "Iteration not possible",
    "Key/value iteration",
    "Math operations",
    "Maximum render recursion",
    "Missing keyword argument",
    "Not a valid key type",
    "Slice ",
    "Slicing step",
    "Spread operator",
    "The `indentation` argument",
    "This filter can only",
    "Tried to ",
    "Value of type",
    "`+` requires",
    "super()",
];

const UNSUITABLE: &str = "a value given does not suit the expression here";

/// The error for templates that do not compile. Nothing is rendered yet, so no value can be in it.
pub(super) fn compiling(pack: &str, error: &tera::Error) -> Error {
    if let Cause::SyntaxError(report) = error.kind() {
        let (line, column) = (report.span().start_line, report.span().start_col + 1);
        return Error::new(
            ErrorKind::Prompt,
            format!(
                "`{}` line {line}, column {column}: {}",
                report.filename(),
                sentence(report.message())
            ),
        );
    }
    let text = error.to_string();
    let message = match located(&text) {
        Some((place, message)) => format!("{place}: {}", sentence(message)),
        None => format!("prompt pack `{pack}`: {}", sentence(&text)),
    };
    Error::new(ErrorKind::Prompt, message)
}

/// File and line of the first of Tera's printed reports, and its message.
fn located(report: &str) -> Option<(String, &str)> {
    let mut lines = report.lines();
    let message = lines.next()?.strip_prefix("error: ")?;
    let place = lines.next()?.trim_start().strip_prefix("--> ")?;
    let mut place = place.rsplitn(3, ':');
    let (column, line, file) = (place.next()?, place.next()?, place.next()?);
    Some((format!("`{file}` line {line}, column {column}"), message))
}

/// The error for a pack that does not render; `source` finds a template's text, `given` are the
/// names of the variables, `mentioned` tells a variable from what a template sets itself.
pub(super) fn rendering<'a>(
    template: &str,
    error: &tera::Error,
    source: impl Fn(&str) -> Option<&'a str>,
    given: &[&str],
    mentioned: impl Fn(&str) -> bool,
) -> Error {
    let Cause::RenderingError(report) = error.kind() else {
        return Error::new(
            ErrorKind::Prompt,
            format!("`{template}`: {}", harmless(&error.to_string())),
        );
    };
    let text = source(report.filename()).unwrap_or_default();
    let place = text.get(report.span().range.clone()).unwrap_or_default();
    let line = report.span().start_line;
    let message = |what: &str| {
        Error::new(
            ErrorKind::Prompt,
            format!("`{}` line {line}: {what}", report.filename()),
        )
    };
    // The words are the template's own, and may be put together from values.
    if place.starts_with("throw") {
        return message(&from_template(report.message(), text));
    }
    let is_undefined = |name: &str| mentioned(name) && !given.contains(&name);
    if let Some(name) = undefined(report, place, is_undefined) {
        return MissingVariable::new(name, &report.filename().into(), line, given.iter().copied())
            .error(given.iter().copied());
    }
    if let Some((field, known)) = undefined_field(report.message()) {
        let error = message(&format!("field `{field}` is not defined"));
        return match text::nearest(field, known) {
            Some(near) => error.with_hint(format!("did you mean `{near}`?")),
            None => error.with_hint(format!(
                "`{field}` is not a field of the value given; `is defined` and `default(value=…)` make it optional"
            )),
        };
    }
    if report.message().starts_with("Tried to render a variable") {
        return message(&format!("`{}` is not defined", text::clip(place, 80)));
    }
    message(&harmless(report.message()))
}

/// The undefined variable that the report is about.
fn undefined<'a>(
    report: &'a ReportError,
    place: &'a str,
    is_undefined: impl Fn(&str) -> bool,
) -> Option<&'a str> {
    for start in ["Variable `", "Implicit argument `"] {
        if let Some(rest) = report.message().strip_prefix(start) {
            return rest.split('`').next();
        }
    }
    let blames_undefined = report.message().starts_with("Field `")
        || report.message().contains("is not defined")
        || report.message().contains("undefined");
    // The expression at fault begins with the variable at fault.
    match expression(place).first()? {
        Token::Name(name) if blames_undefined && is_undefined(name) => Some(name),
        _ => None,
    }
}

/// The field in ``Field `x` is not defined. Available fields: a, b``, and those that there are.
fn undefined_field(message: &str) -> Option<(&str, Vec<&str>)> {
    let (field, rest) = message.strip_prefix("Field `")?.split_once('`')?;
    let known = rest
        .split_once("Available fields: ")
        .map(|(_, known)| known.split(", ").collect())
        .unwrap_or_default();
    Some((field, known))
}

/// Tera's message if it holds no value.
fn harmless(message: &str) -> String {
    if WITHOUT_VALUES
        .iter()
        .any(|start| message.starts_with(start))
    {
        sentence(message)
    } else {
        UNSUITABLE.to_owned()
    }
}

/// The message if it stands in the template as it is.
fn from_template(message: &str, template: &str) -> String {
    if !message.is_empty() && template.contains(message) {
        message.lines().next().unwrap_or_default().to_owned()
    } else {
        UNSUITABLE.to_owned()
    }
}

/// The first line, begun in lower case and without a full stop.
fn sentence(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = line.strip_suffix('.').unwrap_or(line);
    let mut chars = line.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}
