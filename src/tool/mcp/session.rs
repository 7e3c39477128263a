//! One connection to a server, from its start to its end. All of it lives on the background runtime.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, Implementation, JsonObject,
    PaginatedRequestParams, Tool,
};
use rmcp::serve_client;
use rmcp::service::{ClientInitializeError, Peer, RoleClient, RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use secrecy::ExposeSecret;

use super::bounded::{Bounded, CutOff};
use super::content;
use super::over_http;
use super::process::Process;
use super::settings::{Address, Clean, Endpoint, Program, Settings};
use crate::error::with_causes;
use crate::tool::{ToolError, ToolOutput};

const MAX_TOOLS: usize = 1_000;
const MAX_PAGES: usize = 100;
/// How long the end of a process is waited for, to tell of it.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a server may take to end after its input was closed, and again after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);

/// A connection. Dropping it ends it, and the server's process.
#[derive(Debug)]
pub(super) struct Session {
    peer: Peer<RoleClient>,
    running: Mutex<Option<RunningService<RoleClient, ClientConfig>>>,
    process: Option<Process>,
    cut_off: CutOff,
}

/// Why a call gave no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server is there and says no, or took too long.
    Answered(ToolError),
    /// The connection is gone.
    Lost(String),
}

impl Session {
    /// Connects. The error is the ending of a sentence about the server.
    pub(super) async fn open(settings: &Settings, clean: &Clean) -> Result<Self, String> {
        match &settings.endpoint {
            Endpoint::Program(program) => Self::start(settings, program, clean).await,
            Endpoint::Http(address) => Self::reach(settings, address).await,
        }
    }

    async fn start(settings: &Settings, program: &Program, clean: &Clean) -> Result<Self, String> {
        let (process, (stdout, stdin)) =
            Process::start(&settings.name, program, clean).map_err(|error| {
                let command = program.command.display();
                format!("cannot be started: `{command}`: {}", with_causes(&error))
            })?;
        let cut_off = CutOff::default();
        let transport = (Bounded::new(stdout, cut_off.clone()), stdin);
        let opening = serve_client(client(), transport);
        let opened = tokio::time::timeout(settings.connect_timeout, opening).await;
        let why = match opened {
            Ok(Ok(running)) => return Ok(Self::of(running, Some(process), cut_off)),
            Ok(Err(error)) => refusal(&error),
            Err(_) => too_slow(settings.connect_timeout),
        };
        Err(match cut_off.get() {
            Some(cut_off) => format!("was cut off: {cut_off}"),
            None => lost(&process, &cut_off, &why).await,
        })
    }

    async fn reach(settings: &Settings, address: &Address) -> Result<Self, String> {
        let config = StreamableHttpClientTransportConfig::with_uri(address.url.expose_secret())
            .custom_headers(over_http::headers(address)?);
        let client_of_http = over_http::client(settings.connect_timeout)
            .map_err(|error| format!("cannot be reached: {}", with_causes(&error)))?;
        let transport = StreamableHttpClientTransport::with_client(client_of_http, config);
        let opening = serve_client(client(), transport);
        match tokio::time::timeout(settings.connect_timeout, opening).await {
            Ok(Ok(running)) => Ok(Self::of(running, None, CutOff::default())),
            Ok(Err(error)) => Err(refusal(&error)),
            Err(_) => Err(too_slow(settings.connect_timeout)),
        }
    }

    fn of(
        running: RunningService<RoleClient, ClientConfig>,
        process: Option<Process>,
        cut_off: CutOff,
    ) -> Self {
        Self {
            peer: running.peer().clone(),
            running: Mutex::new(Some(running)),
            process,
            cut_off,
        }
    }

    /// Whether calls can still come through.
    pub(super) fn is_alive(&self) -> bool {
        !self.peer.is_transport_closed()
            && self.cut_off.get().is_none()
            && self
                .process
                .as_ref()
                .is_none_or(|process| !process.is_over())
    }

    /// All tools of the server, page by page.
    pub(super) async fn list(&self) -> Result<Vec<Tool>, String> {
        let info = self.peer.peer_info();
        if info.is_some_and(|info| info.capabilities.tools.is_none()) {
            return Ok(Vec::new());
        }
        let mut tools = Vec::new();
        let mut cursor = None;
        for _page in 0..MAX_PAGES {
            let from = PaginatedRequestParams::default().with_cursor(cursor);
            let page = match self.peer.list_tools(Some(from)).await {
                Ok(page) => page,
                Err(error) => return Err(self.in_words("does not name its tools", &error).await),
            };
            tools.extend(page.tools);
            if tools.len() > MAX_TOOLS {
                return Err(format!("has more than {MAX_TOOLS} tools"));
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(tools);
            }
        }
        Err(format!("names its tools on more than {MAX_PAGES} pages"))
    }

    /// Calls a tool once. When this is dropped, or `timeout` passes, the server is told to stop.
    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: Option<JsonObject>,
        timeout: Duration,
    ) -> Result<ToolOutput, Failure> {
        let mut request = CallToolRequestParams::new(tool.to_owned());
        request.arguments = arguments;
        let calling = self.peer.call_tool_once(request);
        match tokio::time::timeout(timeout, calling).await {
            Ok(Ok(response)) => content::output(response).map_err(Failure::Answered),
            Ok(Err(ServiceError::McpError(error))) => Err(Failure::Answered(ToolError::new(
                format!("the server refused the call: {}", error.message),
            ))),
            Ok(Err(ServiceError::UnexpectedResponse)) => Err(Failure::Answered(ToolError::new(
                "the server answered with something else than a result",
            ))),
            Ok(Err(error)) => Err(match over_http::refusal(&error) {
                Some(status) => Failure::Answered(ToolError::new(format!(
                    "the server refused the call: HTTP {status}"
                ))),
                None => Failure::Lost(self.in_words("was lost during the call", &error).await),
            }),
            Err(_) if !self.is_alive() => {
                let error = ServiceError::TransportClosed;
                Err(Failure::Lost(
                    self.in_words("was lost during the call", &error).await,
                ))
            }
            Err(_) => Err(Failure::Answered(ToolError::new(format!(
                "the server gave no result within {}; it was told to stop",
                humantime::format_duration(timeout)
            )))),
        }
    }

    async fn in_words(&self, what: &str, error: &ServiceError) -> String {
        match &self.process {
            Some(process) => format!(
                "{what}: {}",
                lost(process, &self.cut_off, &plain(error)).await
            ),
            None => format!("{what}: {}", plain(error)),
        }
    }

    /// Ends it politely: the input is closed, then SIGTERM, then SIGKILL.
    pub(super) async fn close(&self) {
        let running = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut running) = running {
            let _ = running.close_with_timeout(GRACE).await;
        }
        let Some(process) = &self.process else {
            return;
        };
        if process.ends_within(GRACE).await {
            return;
        }
        process.terminate();
        if process.ends_within(GRACE).await {
            return;
        }
        process.kill();
        process.ends_within(GRACE).await;
    }
}

/// What is known of a server that is no longer there: that it was cut off, or how it ended.
async fn lost(process: &Process, cut_off: &CutOff, why: &str) -> String {
    if let Some(cut_off) = cut_off.get() {
        return (*cut_off).to_owned();
    }
    process.ends_within(PATIENCE).await;
    format!("{why}; {}", process.last_words())
}

fn too_slow(limit: Duration) -> String {
    format!(
        "did not answer within {}",
        humantime::format_duration(limit)
    )
}

fn refusal(error: &ClientInitializeError) -> String {
    match error {
        ClientInitializeError::ConnectionClosed(_) => "did not answer: it hung up".to_owned(),
        ClientInitializeError::TransportError { error, .. } => {
            format!(
                "did not answer: {}",
                over_http::in_words(error.error.as_ref())
            )
        }
        ClientInitializeError::JsonRpcError(error) => format!("refused: {}", error.message),
        ClientInitializeError::NoCompatibleProtocolVersion { .. } => with_causes(error),
        // The other texts quote whole messages.
        _ => "does not speak the protocol".to_owned(),
    }
}

fn plain(error: &ServiceError) -> String {
    match error {
        ServiceError::TransportSend(error) => over_http::in_words(error.error.as_ref()),
        ServiceError::TransportClosed => "the connection is closed".to_owned(),
        ServiceError::McpError(error) => error.message.to_string(),
        error => with_causes(error),
    }
}

fn client() -> ClientConfig {
    ClientConfig::new(
        ClientCapabilities::default(),
        Implementation::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
    )
}
