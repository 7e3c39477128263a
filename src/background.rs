//! One background runtime for the whole process: timers and connections of calls that are made
//! outside of any runtime live there.
//!
//! It is started at first use and never dropped, since dropping a runtime panics in async code.

use std::cell::Cell;
use std::io;
use std::sync::OnceLock;

use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

thread_local! {
    static IS_BACKGROUND: Cell<bool> = const { Cell::new(false) };
}

/// The runtime's handle; starts it at the first call.
pub(crate) fn handle() -> io::Result<&'static Handle> {
    static RUNTIME: OnceLock<io::Result<Runtime>> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(2)
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

/// Whether this thread belongs to the background runtime, and so must never block.
pub(crate) fn is_background_thread() -> bool {
    IS_BACKGROUND.try_with(Cell::get).unwrap_or(false)
}
