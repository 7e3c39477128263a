//! The runtime of a command that runs something, and the signals that end it.

use tokio_util::sync::CancellationToken;

use super::{CANCELLED, output};
use crate::error::{Error, ErrorKind, Result};

/// What `work` gives, on a runtime of its own. The first signal cancels its token, the second one ends
/// the process.
pub(super) fn to_its_end<T>(
    quiet: bool,
    work: impl AsyncFnOnce(CancellationToken) -> Result<T>,
) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Error::new(ErrorKind::Internal, "cannot start the async runtime").with_source(error)
        })?;
    let cancel = CancellationToken::new();
    {
        let _context = runtime.enter();
        let signals = Signals::new().map_err(|error| {
            Error::new(ErrorKind::Internal, "cannot listen for signals").with_source(error)
        })?;
        runtime.spawn(cancel_on_signals(signals, cancel.clone(), quiet));
    }
    let done = runtime.block_on(work(cancel));
    // A name look-up that hangs must not keep the process: all records are flushed by now.
    runtime.shutdown_background();
    done
}

/// The first signal ends the calls under way; the second one ends the process at once. The journal
/// is complete either way.
async fn cancel_on_signals(mut signals: Signals, cancel: CancellationToken, quiet: bool) {
    signals.next().await;
    if !quiet {
        output::say("cancelling; press Ctrl-C again to stop at once");
    }
    cancel.cancel();
    signals.next().await;
    crate::tool::mcp::end_all_now();
    std::process::exit(i32::from(CANCELLED));
}

/// Ctrl-C and, on Unix, SIGTERM and SIGHUP: a terminal that is closed. Listening begins when this is made.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        let signals = [&mut self.interrupt, &mut self.terminate, &mut self.hang_up];
        futures::future::select_all(signals.map(|signal| Box::pin(signal.recv()))).await;
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}
