//! The sync face: the same runner for code without async.
//!
//! A call polls the async runner on the caller's own thread; timers and connections live on one
//! background runtime that is started at first use. So it works from a plain thread, inside
//! `spawn_blocking`, on a worker of any runtime, and from a destructor; errors and panics arrive at
//! the caller. One limit: on a current-thread runtime the call keeps that runtime waiting, so
//! nothing that the call needs (a custom provider, say) may be a task there.

mod pipeline;
mod review;
mod runner;
mod stream;

use std::future::Future;

pub use pipeline::Pipeline;
pub use review::ReviewLoop;
pub use runner::AgentRunner;
pub use stream::AgentStream;

use crate::background;
use crate::error::{Error, ErrorKind, Result};

/// Runs `future` to its end on this thread, with the background runtime around it.
fn block_on<F: Future>(future: F) -> Result<F::Output> {
    if background::is_background_thread() {
        return Err(Error::new(
            ErrorKind::Reentrant,
            "a blocking call was made on a thread of the background runtime, which it would keep waiting for itself",
        ));
    }
    let runtime = background::handle().map_err(|error| {
        Error::new(ErrorKind::Internal, "cannot start the background runtime").with_source(error)
    })?;
    let _context = runtime.enter();
    // Without `unconstrained`, tokio's budget runs out after 128 ready operations and, since no
    // scheduler refills it here, nothing would ever be ready again.
    Ok(pollster::block_on(tokio::task::unconstrained(future)))
}
