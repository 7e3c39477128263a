//! Tools of servers that speak the Model Context Protocol, over standard input and output or over
//! streamable HTTP.
//!
//! A server that is [configured](McpServerConfig) is connected to once (feature `mcp`), and its tools
//! are tools like any others, called `server__tool`. Which tools there are is read at the start and
//! stays so, since the records of a run name them; a server's news of a changed list is passed over.
//!
//! A tool that the server does not call read-only counts as one that
//! [acts on the world](crate::tool::Tool::acts_on_world). A server is not trusted: what it says of its
//! tools can be overruled, a tool whose schema is not valid is left out with a warning, messages are
//! at most 16 MiB, and a process that floods is cut off.
//!
//! A process gets `PATH`, `HOME` and the like, and the variables of its `env`; no others. It runs in a
//! process group of its own and ends with all its children: politely by `McpServers::close`, at once
//! when the last of its tools is dropped. What it writes to stderr goes to `tracing` at level debug,
//! and the last lines stand in the error when it dies. (The crate `rmcp` tells `tracing` whole messages,
//! unsanitized, under its own name: leave that target out of a subscriber that keeps what it gets.) A server that died is started again before the
//! next call, up to three times. A call under way when it dies is repeated once if its tool does not
//! act on the world, and fails otherwise.
//!
//! `DUOLOGUE_OFFLINE` forbids servers over HTTP, and allows those that are started: what they do is not
//! a request of this process.

#[cfg(feature = "mcp")]
mod bounded;
mod config;
#[cfg(feature = "mcp")]
mod connection;
#[cfg(feature = "mcp")]
mod content;
#[cfg(feature = "mcp")]
mod names;
#[cfg(feature = "mcp")]
mod options;
#[cfg(feature = "mcp")]
mod over_http;
#[cfg(feature = "mcp")]
mod process;
mod reference;
#[cfg(feature = "mcp")]
mod servers;
#[cfg(feature = "mcp")]
mod session;
#[cfg(feature = "mcp")]
mod settings;
#[cfg(feature = "mcp")]
mod tool;

pub use config::McpServerConfig;
#[cfg(feature = "mcp")]
pub use options::McpOptions;
#[cfg(feature = "mcp")]
pub use servers::McpServers;

/// Ends the processes of all servers at once, before this process exits without dropping anything.
#[cfg(feature = "cli")]
pub(crate) fn end_all_now() {
    #[cfg(feature = "mcp")]
    process::kill_all();
}
