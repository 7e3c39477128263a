//! What connecting needs besides the servers.

use std::path::PathBuf;

use super::settings::Clean;
use crate::env::Environment;

/// Where references are looked up, what paths are relative to, who takes secrets out.
#[derive(Debug, Clone)]
#[must_use]
pub struct McpOptions {
    pub(super) environment: Environment,
    pub(super) base: PathBuf,
    pub(super) origin: String,
    pub(super) clean: Clean,
}

impl Default for McpOptions {
    fn default() -> Self {
        Self {
            environment: Environment::process(),
            base: PathBuf::new(),
            origin: "MCP servers".to_owned(),
            clean: Clean::default(),
        }
    }
}

impl McpOptions {
    /// The process's environment and working directory; texts of servers lose the keys that this
    /// process knows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks references up here.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// What relative paths are relative to. Default: the working directory.
    pub fn base(mut self, directory: impl Into<PathBuf>) -> Self {
        self.base = directory.into();
        self
    }

    /// Passes what servers write to stderr, and errors about them, through `clean`.
    pub fn sanitized_by(mut self, clean: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.clean = Clean::by(clean);
        self
    }

    /// The name of the file that declares the servers, for errors.
    pub(crate) fn origin(mut self, origin: &str) -> Self {
        origin.clone_into(&mut self.origin);
        self
    }
}
