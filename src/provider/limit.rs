//! A limit on the calls in flight.

use async_trait::async_trait;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::{CallContext, Provider, ProviderError};
use crate::chat::{Request, Response};
use crate::error::ErrorKind;

/// A provider with at most so many calls in flight; further calls wait in the order they came.
///
/// The wait is noted in the call's attempts. A call that is dropped gives its place or its slot back
/// at once. Put it *inside* of [`Retrying`](super::Retrying), so that a call holds no slot while it
/// backs off: `Retrying::new(Limited::new(provider, 8), policy)`.
#[derive(Debug)]
pub struct Limited<P> {
    inner: P,
    slots: Semaphore,
}

impl<P: Provider> Limited<P> {
    /// `inner` with at most `max_in_flight` calls at once; 0 counts as 1.
    pub fn new(inner: P, max_in_flight: usize) -> Self {
        Self {
            inner,
            slots: Semaphore::new(max_in_flight.clamp(1, Semaphore::MAX_PERMITS)),
        }
    }

    async fn slot(&self, call: &CallContext) -> Result<SemaphorePermit<'_>, ProviderError> {
        if let Ok(slot) = self.slots.try_acquire() {
            return Ok(slot);
        }
        let _wait = Wait {
            call,
            since: Instant::now(),
        };
        self.slots.acquire().await.map_err(|closed| {
            ProviderError::new(ErrorKind::Internal, "the limit was closed").with_source(closed)
        })
    }
}

/// Notes the wait when it ends, also when the call is dropped in it.
struct Wait<'a> {
    call: &'a CallContext,
    since: Instant,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.call.attempts().waited_for_slot(self.since.elapsed());
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<P: Provider> Provider for Limited<P> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        let _slot = self.slot(call).await?;
        self.inner.generate_json(request, call).await
    }
}
