//! The servers of a run, connected.

use std::collections::HashSet;
use std::sync::Arc;

use futures::future::{join_all, try_join_all};

use super::McpServerConfig;
use super::connection::{Connection, in_background};
use super::options::McpOptions;
use super::settings::Settings;
use super::tool;
use crate::background;
use crate::error::{Error, ErrorKind, Result};
use crate::tool::Tool;

/// Servers that are connected to, and their tools.
///
/// Connections live on a runtime of this crate, so that the tools work from any thread and any
/// runtime. A server's process ends at [`close`](Self::close), and at the latest when these servers
/// and all of their tools are dropped.
///
/// ```no_run
/// use duologue::tool::ToolSet;
/// use duologue::tool::mcp::{McpOptions, McpServerConfig, McpServers};
///
/// # pollster::block_on(async {
/// let files = McpServerConfig::command("mcp-server-files", ["/srv/docs"]);
/// let servers = McpServers::connect([("files", &files)], &McpOptions::new()).await?;
/// let tools = ToolSet::builder().tools(servers.tools()).build()?;
/// // … run agents with `tools` …
/// servers.close().await;
/// # Ok::<(), duologue::Error>(())
/// # });
/// ```
#[derive(Debug)]
pub struct McpServers {
    connections: Vec<Arc<Connection>>,
    tools: Vec<Arc<dyn Tool>>,
    warnings: Vec<String>,
}

impl McpServers {
    /// Connects to all of them, side by side.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a configuration that is wrong, [`ErrorKind::Auth`] for a variable
    /// that is not set, [`ErrorKind::Offline`] where requests are forbidden, [`ErrorKind::Tool`] when a
    /// server does not start, does not answer in time or does not name its tools. The others are
    /// ended then.
    ///
    /// # Cancel safety
    /// Dropping the future ends what was started.
    pub async fn connect<'a>(
        servers: impl IntoIterator<Item = (&'a str, &'a McpServerConfig)>,
        options: &McpOptions,
    ) -> Result<Self> {
        let settings = servers
            .into_iter()
            .map(|(name, config)| Settings::new(name, config, options))
            .collect::<Result<Vec<_>>>()?;
        let clean = options.clean.clone();
        let opening = async move {
            let opening = settings
                .into_iter()
                .map(|settings| Connection::open(settings, clean.clone()));
            try_join_all(opening).await
        };
        let opened = in_background(opening).await.map_err(|why| {
            Error::new(ErrorKind::Internal, "cannot connect to MCP servers").with_source(why)
        })??;
        let mut connected = Self {
            connections: Vec::new(),
            tools: Vec::new(),
            warnings: Vec::new(),
        };
        let mut taken = HashSet::new();
        for (connection, offered) in opened {
            let usable = tool::usable(&connection, offered, &mut taken, &mut connected.warnings)?;
            connected.tools.extend(usable);
            connected.connections.push(connection);
        }
        for warning in &connected.warnings {
            tracing::warn!("{warning}");
        }
        Ok(connected)
    }

    /// [`connect`](Self::connect) for code without async.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); [`ErrorKind::Internal`] on a thread of this crate that must not
    /// wait.
    pub fn connect_blocking<'a>(
        servers: impl IntoIterator<Item = (&'a str, &'a McpServerConfig)>,
        options: &McpOptions,
    ) -> Result<Self> {
        if background::is_background_thread() {
            let message = "a thread of the background runtime cannot wait for MCP servers";
            return Err(Error::new(ErrorKind::Internal, message)
                .with_hint("use `connect` there, or a tool made by `FunctionTool::blocking`"));
        }
        pollster::block_on(Self::connect(servers, options))
    }

    /// The tools of all servers, by server, in the order that each names them.
    pub fn tools(&self) -> impl Iterator<Item = Arc<dyn Tool>> + '_ {
        self.tools.iter().cloned()
    }

    /// What is odd and was passed over: tools that are left out, servers without tools.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Ends all servers, side by side: closes their input, and after two seconds each sends SIGTERM
    /// and SIGKILL. Later calls of their tools are errors.
    ///
    /// # Cancel safety
    /// When the future is dropped, processes end at the latest with the last of the tools.
    pub async fn close(self) {
        let connections = self.connections.clone();
        let closing = async move {
            join_all(connections.iter().map(|connection| connection.close())).await;
        };
        // It fails only where nothing could be started either.
        let _ = in_background(closing).await;
    }
}
