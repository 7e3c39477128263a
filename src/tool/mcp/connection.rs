//! A server as its tools see it: connected, and connected anew when it was lost.

use std::future::Future;
use std::sync::Arc;

use rmcp::model::JsonObject;
use tokio::sync::Mutex;

use super::session::{Failure, Session};
use super::settings::{Clean, Settings};
use crate::background;
use crate::error::{Error, ErrorKind, Result, with_causes};
use crate::tool::{ToolError, ToolOutput};

/// How often a server that was lost is started again; one that dies with every call is let go.
const MAX_RESTARTS: usize = 3;

/// A server, shared by its tools.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) settings: Settings,
    clean: Clean,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` after the end.
    session: Option<Arc<Session>>,
    restarts: usize,
}

impl Connection {
    /// Connects, and gives what the server has to offer.
    pub(super) async fn open(
        settings: Settings,
        clean: Clean,
    ) -> Result<(Arc<Self>, Vec<rmcp::model::Tool>)> {
        let failed = |why: String| {
            let message = clean.apply(&format!("MCP server `{}` {why}", settings.name));
            Error::new(ErrorKind::Tool, message)
        };
        let session = Session::open(&settings, &clean).await.map_err(failed)?;
        let tools = tokio::time::timeout(settings.connect_timeout, session.list())
            .await
            .unwrap_or_else(|_| Err("does not name its tools in time".to_owned()))
            .map_err(failed)?;
        let state = Mutex::new(State {
            session: Some(Arc::new(session)),
            restarts: 0,
        });
        let connection = Self {
            settings,
            clean,
            state,
        };
        Ok((Arc::new(connection), tools))
    }

    /// Calls a tool. When the server is lost on the way, a tool that does not act on the world is
    /// called once more; what an acting one has done nobody knows.
    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: Option<JsonObject>,
        acts_on_world: bool,
    ) -> Result<ToolOutput, ToolError> {
        let timeout = self.settings.timeout;
        let session = self.session().await?;
        let again = if acts_on_world {
            None
        } else {
            arguments.clone()
        };
        let why = match session.call(tool, arguments, timeout).await {
            Ok(output) => {
                self.state.lock().await.restarts = 0;
                return Ok(output);
            }
            Err(Failure::Answered(error)) => return Err(error),
            Err(Failure::Lost(why)) => self.say(&why),
        };
        tracing::warn!(
            server = self.settings.name,
            "MCP server was lost during a call"
        );
        if acts_on_world {
            return Err(ToolError::new(format!(
                "{why}. Whether the call was carried out is not known"
            )));
        }
        let session = self.session().await?;
        match session.call(tool, again, timeout).await {
            Ok(output) => Ok(output),
            Err(Failure::Answered(error)) => Err(error),
            Err(Failure::Lost(why)) => Err(ToolError::new(self.say(&why))),
        }
    }

    /// The session, opened anew if it was lost; calls that come meanwhile wait for it.
    async fn session(&self) -> Result<Arc<Session>, ToolError> {
        let mut state = self.state.lock().await;
        let Some(session) = &state.session else {
            return Err(ToolError::new(self.say("is closed")));
        };
        if session.is_alive() {
            return Ok(session.clone());
        }
        if state.restarts == MAX_RESTARTS {
            return Err(ToolError::new(
                self.say("was lost again and again, and is not started any more"),
            ));
        }
        state.restarts += 1;
        let opened = Session::open(&self.settings, &self.clean).await;
        let opened = Arc::new(opened.map_err(|why| ToolError::new(self.say(&why)))?);
        state.session = Some(opened.clone());
        Ok(opened)
    }

    /// Ends the server; later calls are errors.
    pub(super) async fn close(&self) {
        let session = self.state.lock().await.session.take();
        if let Some(session) = session {
            session.close().await;
        }
    }

    fn say(&self, what: &str) -> String {
        self.clean
            .apply(&format!("MCP server `{}` {what}", self.settings.name))
    }
}

/// Runs `work` on the background runtime, where connections outlive the runtimes of callers.
/// Dropping this stops the work.
pub(super) async fn in_background<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> std::result::Result<T, String> {
    let handle = background::handle().map_err(|error| with_causes(&error))?;
    let mut task = Stopped(handle.spawn(work));
    (&mut task.0)
        .await
        .map_err(|_| "it panicked in the background".to_owned())
}

/// A task that ends with this.
struct Stopped<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Stopped<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
