//! Work with files, beside whoever waits for it.

use std::panic;

use crate::background::{self, Lost};
use crate::error::{Error, ErrorKind, Result};

/// What `work` gives; it may block.
pub(super) async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match background::run_blocking(work).await {
        Ok(done) => done,
        Err(Lost::Panicked(payload)) => panic::resume_unwind(payload),
        Err(Lost::NoThread(error)) => {
            let message = "no thread can be started to work with files";
            Err(Error::new(ErrorKind::Internal, message).with_source(error))
        }
    }
}
