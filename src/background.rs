//! One background runtime for the whole process: timers and connections of calls that are made
//! outside of any runtime live there.
//!
//! It is started at first use and never dropped, since dropping a runtime panics in async code. Its
//! workers must never block; functions that may have threads of their own, from the same runtime's pool.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::io;
use std::sync::OnceLock;

use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

thread_local! {
    static IS_BACKGROUND: Cell<bool> = const { Cell::new(false) };
}

/// Functions that may block at once; more of them wait.
const MAX_BLOCKING: usize = 4096;

/// The runtime's handle; starts it at the first call.
pub(crate) fn handle() -> io::Result<&'static Handle> {
    static RUNTIME: OnceLock<io::Result<Runtime>> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(2)
                .max_blocking_threads(MAX_BLOCKING)
                .thread_name("duologue-background")
                .on_thread_start(|| IS_BACKGROUND.set(true))
                .enable_all()
                .build()
        })
        .as_ref()
        .map(Runtime::handle)
        .map_err(|error| io::Error::new(error.kind(), error.to_string()))
}

/// Enters the background runtime if the caller is in none.
pub(crate) fn enter_if_outside() -> Option<EnterGuard<'static>> {
    if Handle::try_current().is_ok() {
        return None;
    }
    handle().ok().map(Handle::enter)
}

/// Why a function that may block gave no result.
#[derive(Debug)]
pub(crate) enum Lost {
    /// It panicked, with this.
    Panicked(Box<dyn Any + Send>),
    /// No thread could be had.
    NoThread(io::Error),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(_) => f.write_str("it panicked"),
            Self::NoThread(_) => f.write_str("no thread could be started"),
        }
    }
}

impl std::error::Error for Lost {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Panicked(_) => None,
            Self::NoThread(error) => Some(error),
        }
    }
}

/// Runs `function` on a thread where it may block, and where blocking calls of this crate are allowed.
pub(crate) async fn run_blocking<T: Send + 'static>(
    function: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Lost> {
    let handle = handle().map_err(Lost::NoThread)?;
    let free = move || {
        let _back = Free::new();
        function()
    };
    handle
        .spawn_blocking(free)
        .await
        .map_err(|error| match error.try_into_panic() {
            Ok(payload) => Lost::Panicked(payload),
            Err(error) => Lost::NoThread(io::Error::other(error)),
        })
}

/// A thread of the pool may wait for the workers: none of them waits for it.
struct Free;

impl Free {
    fn new() -> Self {
        IS_BACKGROUND.set(false);
        Self
    }
}

impl Drop for Free {
    fn drop(&mut self) {
        IS_BACKGROUND.set(true);
    }
}

/// Whether this thread belongs to the background runtime, and so must never block.
pub(crate) fn is_background_thread() -> bool {
    IS_BACKGROUND.try_with(Cell::get).unwrap_or(false)
}
