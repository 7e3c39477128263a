//! The tools of a job: those of its MCP servers, under its permissions.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::load::Job;
use super::provider::Answering;
use crate::call_log::Sanitizer;
use crate::error::{Error, ErrorKind, Result};
use crate::text;
use crate::tool::mcp::McpServerConfig;
use crate::tool::{AskPermission, PermissionAction, PermissionRule, ToolSet};

/// Whom a job asks whether a tool may run.
#[derive(Clone, Default)]
pub(super) struct Asked(Option<Arc<dyn AskPermission>>);

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Asked").field(&self.0.is_some()).finish()
    }
}

impl Job {
    /// The same job, which asks here where its `permissions` say `ask`, and about tools that act on
    /// the world where they say nothing. Default: nobody, and `ask` rejects.
    pub fn asking(mut self, asked: impl AskPermission + 'static) -> Self {
        self.asked = Asked(Some(Arc::new(asked)));
        self
    }

    /// Connects to the servers. They run until [`JobTools::close`], or until this is dropped. `None`
    /// where records answer: nothing is to be done there.
    pub(super) async fn tools(
        &self,
        answering: &Answering,
        sanitizer: &Sanitizer,
    ) -> Result<Option<JobTools>> {
        if answering.replay.is_some() {
            return Ok(None);
        }
        let servers = Servers::connect(self, sanitizer).await?;
        let mut builder = ToolSet::builder()
            .tools(servers.tools())
            .permissions(self.permissions.iter().cloned());
        if let Some(limit) = longest_call(&self.mcp_servers) {
            builder = builder.timeout(limit);
        }
        if let Some(asked) = &self.asked.0 {
            builder = builder.asked(asked.clone());
        }
        let set = builder.build()?;
        self.check_rules(&set)?;
        Ok(Some(JobTools { set, servers }))
    }

    /// A rule that forbids what there is not is a slip, and what it meant would run.
    fn check_rules(&self, set: &ToolSet) -> Result<()> {
        for (index, rule) in self.permissions.iter().enumerate() {
            let fits = set.definitions().any(|tool| rule.fits(&tool.name));
            let is_empty = set.definitions().next().is_none();
            if fits || is_empty || rule.action == PermissionAction::Allow {
                continue;
            }
            let place = self.key(&format!("permissions[{index}].tool"));
            let message = format!("{place}: no tool fits `{}`", rule.tool);
            let names: Vec<&str> = set.definitions().map(|tool| &*tool.name).collect();
            return Err(Error::new(ErrorKind::Config, message)
                .with_hint(text::did_you_mean(&rule.tool, names)));
        }
        Ok(())
    }

    /// Whether there are the tools that the agents name.
    pub(super) fn check_tools(&self, answering: &Answering) -> Result<()> {
        for (place, agent) in self.agents.iter().enumerate() {
            answering
                .tools
                .select(&agent.spec.tools)
                .map_err(|error| error.within(&self.key(&format!("agents[{place}].tools"))))?;
        }
        Ok(())
    }

    /// Whether the tools are known only once the servers run.
    pub(super) fn connects(&self, answering: &Answering) -> bool {
        answering.replay.is_none() && !self.mcp_servers.is_empty()
    }
}

/// What the agents of a job may do while it runs.
pub(super) struct JobTools {
    pub(super) set: ToolSet,
    servers: Servers,
}

impl JobTools {
    pub(super) async fn close(self) {
        self.servers.close().await;
    }
}

/// The servers have limits of their own, and the set's must not come before them: a call may wait for
/// its server to be started again, and be repeated once.
fn longest_call(servers: &BTreeMap<String, McpServerConfig>) -> Option<Duration> {
    let longest = servers.values().map(|server| {
        let calls = server.call_timeout().saturating_mul(2);
        calls.saturating_add(server.time_to_connect())
    });
    longest.max()
}

/// Shape and names; nothing is read from the environment and nothing is started.
pub(super) fn check(
    servers: &BTreeMap<String, McpServerConfig>,
    permissions: &[PermissionRule],
    origin: &str,
) -> Result<()> {
    for (name, server) in servers {
        server.check_at(name, origin, &format!("mcp_servers.{name}"))?;
    }
    for (index, rule) in permissions.iter().enumerate() {
        rule.check_at(&format!("{origin}, key `permissions[{index}].tool`"))?;
    }
    Ok(())
}

#[cfg(feature = "mcp")]
struct Servers(Option<crate::tool::mcp::McpServers>);

#[cfg(feature = "mcp")]
impl Servers {
    async fn connect(job: &Job, sanitizer: &Sanitizer) -> Result<Self> {
        use crate::tool::mcp::{McpOptions, McpServers};

        if job.mcp_servers.is_empty() {
            return Ok(Self(None));
        }
        let sanitizer = sanitizer.clone();
        let options = McpOptions::new()
            .environment(job.environment.clone())
            .base(&job.base)
            .origin(&format!("`{}`", job.path.display()))
            .sanitized_by(move |text| sanitizer.or_default().clean(text));
        let servers = job.mcp_servers.iter();
        let servers = servers.map(|(name, config)| (name.as_str(), config));
        Ok(Self(Some(McpServers::connect(servers, &options).await?)))
    }

    fn tools(&self) -> Vec<Arc<dyn crate::tool::Tool>> {
        let servers = self.0.iter();
        servers
            .flat_map(crate::tool::mcp::McpServers::tools)
            .collect()
    }

    async fn close(self) {
        if let Some(servers) = self.0 {
            servers.close().await;
        }
    }
}

#[cfg(not(feature = "mcp"))]
struct Servers;

#[cfg(not(feature = "mcp"))]
impl Servers {
    #[expect(clippy::unused_async, reason = "its twin connects")]
    async fn connect(job: &Job, _sanitizer: &Sanitizer) -> Result<Self> {
        use crate::error::{Error, ErrorKind};

        if job.mcp_servers.is_empty() {
            return Ok(Self);
        }
        let message = format!("{}: this build has no MCP", job.key("mcp_servers"));
        Err(Error::new(ErrorKind::Config, message).with_hint("build with the feature `mcp`"))
    }

    #[expect(clippy::unused_self, reason = "its twin has tools")]
    fn tools(&self) -> Vec<Arc<dyn crate::tool::Tool>> {
        Vec::new()
    }

    #[expect(clippy::unused_async, reason = "its twin has something to end")]
    async fn close(self) {}
}
