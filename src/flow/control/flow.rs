//! What a run runs.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;

use super::FlowContext;
use crate::error::Result;
use crate::flow::envelope::Envelope;

/// Something that turns an event into an envelope; an async function of a [`FlowContext`] is one.
///
/// A review loop or a pipeline becomes a flow by a function around it. A flow must not block its thread:
/// runs beside it wait, and leases are not extended meanwhile.
#[async_trait]
pub trait Flow: Send + Sync {
    /// Does it once. The envelope is [validated](Envelope::validate) before it counts.
    ///
    /// # Errors
    /// Any; with a queue, one that [may pass](crate::Error::is_retryable) is tried again.
    ///
    /// # Cancel safety
    /// The future is dropped when the run is cancelled or takes too long.
    async fn run(&self, context: FlowContext) -> Result<Envelope>;
}

#[async_trait]
impl<F, W> Flow for F
where
    F: Fn(FlowContext) -> W + Send + Sync,
    W: Future<Output = Result<Envelope>> + Send,
{
    async fn run(&self, context: FlowContext) -> Result<Envelope> {
        self(context).await
    }
}

/// How a flow is run. Default: without limits, and it does not deliver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct FlowOptions {
    pub(super) limit: Option<usize>,
    pub(super) timeout: Option<Duration>,
    pub(super) delivers: bool,
}

impl FlowOptions {
    /// No options.
    pub fn new() -> Self {
        Self::default()
    }

    /// At most so many runs of the flow at once in this control plane.
    pub fn limit(mut self, runs: usize) -> Self {
        self.limit = Some(runs);
        self
    }

    /// Longest time of one attempt; after it the run has failed with
    /// [`ErrorKind::DeadlineExceeded`](crate::ErrorKind::DeadlineExceeded).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The flow acts on the world as a whole: it does not begin unless delivery is allowed.
    pub fn delivers(mut self) -> Self {
        self.delivers = true;
        self
    }
}
