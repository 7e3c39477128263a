//! The environment of a job, `.env` included.

use std::path::Path;

use crate::env::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::secret;

/// The process's variables, and below them those of `.env` beside the job.
pub(super) fn read_environment(base: &Path) -> Result<Environment> {
    let path = base.join(".env");
    if !path.exists() {
        return Ok(Environment::process());
    }
    let broken = |error: dotenvy::Error| {
        // The parser's own text would quote the line, and with it perhaps a key.
        let place = match &error {
            dotenvy::Error::LineParse(_, position) => {
                format!("near character {position} of a line")
            }
            _ => "it cannot be read".to_owned(),
        };
        Error::new(
            ErrorKind::Config,
            format!("`{}` is not a valid .env file: {place}", path.display()),
        )
        .with_hint("allowed: lines of the form NAME=value")
    };
    let variables: Vec<(String, String)> = dotenvy::from_path_iter(&path)
        .map_err(broken)?
        .collect::<std::result::Result<_, _>>()
        .map_err(broken)?;
    for (name, value) in &variables {
        secret::register_named(name, value);
    }
    Ok(Environment::process().or(variables))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn secrets_of_the_env_file_are_known_to_every_sanitizer() {
        let folder = tempfile::tempdir().unwrap();
        let lines = "SOME_API_KEY=known-from-the-env-file\nSOME_PLACE=not-a-secret-at-all\n";
        std::fs::write(folder.path().join(".env"), lines).unwrap();
        let environment = read_environment(folder.path()).unwrap();
        assert_eq!(
            environment.get("SOME_PLACE").unwrap(),
            "not-a-secret-at-all"
        );
        let secrets = secret::all();
        let knows = |value: &str| secrets.iter().any(|secret| secret.expose_secret() == value);
        assert!(knows("known-from-the-env-file") && !knows("not-a-secret-at-all"));
    }
}
