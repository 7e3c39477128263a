//! What starts a run.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

/// Longest id that a caller may give.
const MAX_ID: usize = 200;

/// What starts a run: `{flow, context}`, as a webhook or a queue carries it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Event {
    /// The flow's name.
    pub flow: String,
    /// What the flow is to work on.
    #[serde(default)]
    pub context: Value,
    /// Whether the flow may act on the world, as far as the [policy](super::DeliveryPolicy) leaves that
    /// to events. Default: it may not.
    #[serde(default)]
    pub allow_delivery: bool,
    /// The run's id: of two events with the same one, the second starts nothing. Default: a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// How long the run waits in the queue before it may begin.
    #[serde(skip)]
    pub(super) after: Duration,
}

impl Event {
    /// An event for `flow`, which is to work on `context`.
    pub fn new(flow: impl Into<String>, context: impl Into<Value>) -> Self {
        Self {
            flow: flow.into(),
            context: context.into(),
            allow_delivery: false,
            run_id: None,
            after: Duration::ZERO,
        }
    }

    /// Allows the flow to act on the world, as far as the [policy](super::DeliveryPolicy) leaves that to
    /// events.
    pub fn allow_delivery(mut self) -> Self {
        self.allow_delivery = true;
        self
    }

    /// The run's id: of two events with the same one, the second starts nothing.
    pub fn run_id(mut self, id: impl Into<String>) -> Self {
        self.run_id = Some(id.into());
        self
    }

    /// Lets the run wait so long in the queue. Without a queue it begins at once all the same.
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        let Some(id) = &self.run_id else {
            return Ok(());
        };
        if !id.trim().is_empty() && id.len() <= MAX_ID && !id.contains(char::is_control) {
            return Ok(());
        }
        let message = format!(
            "an event for the flow `{}` has an unusable `run_id`",
            self.flow
        );
        Err(Error::new(ErrorKind::Config, message)
            .with_hint("allowed: 1 to 200 bytes without control characters"))
    }
}

/// Debug shows no context.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("flow", &self.flow)
            .field("run_id", &self.run_id)
            .field("allow_delivery", &self.allow_delivery)
            .finish_non_exhaustive()
    }
}
