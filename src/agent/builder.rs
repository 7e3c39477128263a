//! How an [`AgentRunner`] is put together.

use std::sync::Arc;
use std::time::Duration;

use super::budget::Budget;
use super::lifecycle::SlowAfter;
use super::runner::{AgentRunner, Shared};
use crate::call_log::CallLog;
use crate::clock::{Clock, SystemClock};
use crate::env::Environment;
use crate::lifecycle::Lifecycle;
use crate::pricing::PriceTable;
use crate::prompt::PromptLibrary;
use crate::provider::{Limited, Provider, RateLimits, RetryPolicy, Retrying};
use crate::telemetry::TelemetryContent;
use crate::tool::ToolSet;

/// Builds an [`AgentRunner`].
#[derive(Debug)]
#[must_use]
pub struct AgentRunnerBuilder {
    provider: Arc<dyn Provider>,
    prompts: PromptLibrary,
    log: CallLog,
    clock: Arc<dyn Clock>,
    retry: RetryPolicy,
    max_in_flight: Option<usize>,
    limits: RateLimits,
    content: Option<TelemetryContent>,
    prices: PriceTable,
    budget: Option<Budget>,
    tools: ToolSet,
    lifecycle: Lifecycle,
    slow_after: SlowAfter,
}

impl AgentRunnerBuilder {
    pub(super) fn new(provider: Arc<dyn Provider>, prompts: PromptLibrary) -> Self {
        Self {
            provider,
            prompts,
            log: CallLog::off(),
            clock: Arc::new(SystemClock),
            retry: RetryPolicy::default(),
            max_in_flight: None,
            limits: RateLimits::new(),
            content: None,
            prices: PriceTable::bundled(),
            budget: None,
            tools: ToolSet::default(),
            lifecycle: Lifecycle::off(),
            slow_after: SlowAfter::default(),
        }
    }

    /// Where calls are recorded. Default: nowhere.
    pub fn logger(mut self, log: impl Into<CallLog>) -> Self {
        self.log = log.into();
        self
    }

    /// How failed attempts are repeated. Default: [`RetryPolicy::default`]; the runner is the one
    /// owner of retries, so give it a provider that does not retry itself.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Most requests on the wire at once, all models together. Default: no limit.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.max_in_flight = Some(requests);
        self
    }

    /// What goes to each model at most, see [`Limited`]. Default: no limits. Runners that share a key
    /// share its limits only through one `Arc<Limited<…>>` as their provider.
    pub fn limits(mut self, limits: RateLimits) -> Self {
        self.limits = limits;
        self
    }

    /// What models cost. Default: [`PriceTable::bundled`].
    pub fn prices(mut self, prices: PriceTable) -> Self {
        self.prices = prices;
        self
    }

    /// What all runs of the runner may spend together. Default: no limit.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// What agents may do; each has the tools that its spec [names](super::AgentSpec::tools). Default: nothing.
    pub fn tools(mut self, tools: ToolSet) -> Self {
        self.tools = tools;
        self
    }

    /// Who is told what happens, as it happens. Default: nobody.
    pub fn lifecycle(mut self, lifecycle: Lifecycle) -> Self {
        self.lifecycle = lifecycle;
        self
    }

    /// How long a call may take until it is called slow: once, by a
    /// [`Slow`](crate::lifecycle::Phase::Slow) event and a warning of `tracing`, while it goes on. Default: 30
    /// seconds; [`Duration::MAX`] is never.
    pub fn slow_call(mut self, limit: Duration) -> Self {
        self.slow_after.call = limit;
        self
    }

    /// How long a tool may run until it is called slow, as [`slow_call`](Self::slow_call). Default: 10
    /// seconds.
    pub fn slow_tool(mut self, limit: Duration) -> Self {
        self.slow_after.tool = limit;
        self
    }

    /// Where ids and durations come from. Default: the system.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Whether the spans of runs hold prompts and answers. Default: as
    /// [`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`](crate::env::CAPTURE_MESSAGE_CONTENT)
    /// says, else they do not.
    pub fn telemetry_content(mut self, content: TelemetryContent) -> Self {
        self.content = Some(content);
        self
    }

    /// The runner.
    pub fn build(self) -> AgentRunner {
        let mut provider = self.provider;
        if self.limits != RateLimits::new() {
            provider = Arc::new(Limited::new(provider, self.limits));
        }
        if let Some(limit) = self.max_in_flight {
            provider = Arc::new(Limited::in_flight(provider, limit));
        }
        let provider = Arc::new(Retrying::new(provider, self.retry));
        AgentRunner {
            shared: Arc::new(Shared {
                provider,
                prompts: self.prompts,
                log: self.log.with_clock(self.clock.clone()),
                clock: self.clock,
                prices: self.prices,
                budget: self.budget,
                tools: self.tools,
                lifecycle: self.lifecycle,
                slow_after: self.slow_after,
                gate: None,
                schemas: Arc::default(),
                hashes: Arc::default(),
                content: self.content.unwrap_or_else(content_of_process),
            }),
        }
    }
}

fn content_of_process() -> TelemetryContent {
    if Environment::process().captures_message_content() {
        TelemetryContent::Sanitized
    } else {
        TelemetryContent::Omitted
    }
}
