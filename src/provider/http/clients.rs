//! One client per runtime.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::redirect;
use tokio::runtime::{self, Handle};

use super::client_failed;
use crate::provider::ProviderError;

/// Runtimes remembered at once; the one seen first goes first.
const MAX_RUNTIMES: usize = 16;

/// Servers close an idle connection after 5 seconds and more; ours goes before.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// Which servers the clients talk to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Any server, over the system's proxy where it has one.
    Anywhere,
    /// A server on this machine: never over a proxy.
    Loopback,
    /// A server on this machine without TLS, for which no certificates are loaded.
    PlainLoopback,
}

/// The clients of the runtimes seen last.
#[derive(Debug)]
pub(super) struct Clients {
    reach: Reach,
    slots: Mutex<Vec<(runtime::Id, Connected)>>,
}

/// The client of one runtime.
#[derive(Debug, Clone)]
pub(super) struct Connected {
    client: reqwest::Client,
    last_answer: Arc<Mutex<Option<Instant>>>,
}

impl Clients {
    pub(super) fn new(reach: Reach) -> Self {
        Self {
            reach,
            slots: Mutex::default(),
        }
    }

    /// The client of the runtime that the caller is in.
    pub(super) fn current(&self, connect: Duration) -> Result<Connected, ProviderError> {
        let runtime = Handle::try_current().map_err(client_failed)?.id();
        if let Some(known) = self.find(runtime) {
            return Ok(known);
        }
        let connected = Connected {
            client: self
                .build(connect)
                .map_err(|e| client_failed(e.without_url()))?,
            last_answer: Arc::default(),
        };
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_RUNTIMES {
            slots.remove(0);
        }
        slots.push((runtime, connected.clone()));
        Ok(connected)
    }

    fn find(&self, runtime: runtime::Id) -> Option<Connected> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots
            .iter()
            .find(|(known, _)| *known == runtime)
            .map(|(_, connected)| connected.clone())
    }

    fn build(&self, connect: Duration) -> reqwest::Result<reqwest::Client> {
        let builder = reqwest::Client::builder()
            .connect_timeout(connect)
            .pool_idle_timeout(POOL_IDLE)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never());
        match self.reach {
            Reach::Anywhere => builder,
            Reach::Loopback => builder.no_proxy(),
            Reach::PlainLoopback => builder.no_proxy().tls_certs_only([]),
        }
        .build()
    }
}

impl Connected {
    pub(super) async fn execute(
        &self,
        request: reqwest::Request,
    ) -> reqwest::Result<reqwest::Response> {
        self.client.execute(request).await
    }

    /// Notes that an answer came to its end, so that its connection went back to the pool.
    pub(super) fn answered(&self) {
        *self.lock() = Some(Instant::now());
    }

    /// Whether the pool may hold a connection that the server has closed already.
    pub(super) fn has_idle_connections(&self) -> bool {
        self.lock().is_some_and(|last| last.elapsed() <= POOL_IDLE)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.last_answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
