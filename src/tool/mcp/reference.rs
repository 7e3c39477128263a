//! `${NAME}` in a text: what an environment variable holds.

use secrecy::SecretString;

use crate::env::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::secret;

enum Part<'a> {
    Text(&'a str),
    Variable(&'a str),
}

fn parts<'a>(value: &'a str, place: &str) -> Result<Vec<Part<'a>>> {
    let mut parts = Vec::new();
    let mut rest = value;
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            parts.push(Part::Text(&rest[..start - 1]));
            parts.push(Part::Text("${"));
            rest = &rest[start + 2..];
            continue;
        }
        let name = rest[start + 2..].split_once('}');
        let Some((name, after)) = name.filter(|(name, _)| is_variable(name)) else {
            let message = format!("{place}: has a `${{` that names no variable");
            return Err(Error::new(ErrorKind::Config, message).with_hint(
                "allowed: `${NAME}` for an environment variable, `$${` for the text `${`",
            ));
        };
        parts.push(Part::Text(&rest[..start]));
        parts.push(Part::Variable(name));
        rest = after;
    }
    parts.push(Part::Text(rest));
    Ok(parts)
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether `value` refers to a variable.
pub(super) fn is_in(value: &str, place: &str) -> Result<bool> {
    let parts = parts(value, place)?;
    Ok(parts.iter().any(|part| matches!(part, Part::Variable(_))))
}

/// `value` with its references replaced; what they gave is a secret from now on, unless
/// it is a path.
#[cfg_attr(
    not(feature = "mcp"),
    allow(dead_code, reason = "only a build that connects resolves")
)]
pub(super) fn resolve(value: &str, environment: &Environment, place: &str) -> Result<SecretString> {
    let mut whole = String::new();
    for part in parts(value, place)? {
        match part {
            Part::Text(text) => whole.push_str(text),
            Part::Variable(name) => {
                let found = environment.get(name).ok_or_else(|| {
                    let message = format!("{place}: the environment variable `{name}` is not set");
                    Error::new(ErrorKind::Auth, message).with_hint(format!(
                        "set `{name}`, or put it into a `.env` file beside the job"
                    ))
                })?;
                // `${HOME}` is no secret, and taking it out of every path would help nobody.
                if !found.starts_with('/') || secret::names_a_secret(name) {
                    secret::register(&SecretString::from(found.as_str()));
                }
                whole.push_str(&found);
            }
        }
    }
    Ok(SecretString::from(whole))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn references_are_replaced_and_what_they_gave_is_a_secret() {
        let environment = Environment::fixed([("DOCS_TOKEN", "known-from-a-reference")]);
        let whole = resolve("Bearer ${DOCS_TOKEN} $${x} $", &environment, "here").unwrap();
        assert_eq!(
            whole.expose_secret(),
            "Bearer known-from-a-reference ${x} $"
        );
        let known = |secret: &SecretString| secret.expose_secret() == "known-from-a-reference";
        assert!(secret::all().iter().any(known));

        let error = resolve("${OTHER}", &environment, "here").unwrap_err();
        assert_eq!(
            error.to_string(),
            "here: the environment variable `OTHER` is not set"
        );
        for broken in ["${", "${A-B}", "${}"] {
            assert!(resolve(broken, &environment, "here").is_err(), "{broken}");
        }
    }
}
