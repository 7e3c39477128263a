//! Building a control plane.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::flow::{Flow, FlowOptions};
use super::known::KnownRuns;
use super::plane::{Backoff, ControlPlane, Registered, Shared};
use super::recorder::Recorder;
use super::{DeliveryPolicy, RunQueue};
use crate::call_log::Sanitizer;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::audit::AuditStore;
use crate::lifecycle::Lifecycle;
use crate::tool::ToolSet;

/// Builds a [`ControlPlane`].
#[must_use]
pub struct ControlPlaneBuilder {
    flows: Vec<(String, Arc<dyn Flow>, FlowOptions)>,
    tools: ToolSet,
    acting: HashSet<String>,
    agents: Vec<(String, usize)>,
    queue: Option<Arc<dyn RunQueue>>,
    topic: String,
    audit: Option<Arc<dyn AuditStore>>,
    delivery: DeliveryPolicy,
    concurrency: usize,
    max_attempts: u32,
    backoff: Duration,
    drain: Duration,
    lifecycle: Lifecycle,
    sanitizer: Sanitizer,
    clock: Arc<dyn Clock>,
}

impl Default for ControlPlaneBuilder {
    fn default() -> Self {
        Self {
            flows: Vec::new(),
            tools: ToolSet::default(),
            acting: HashSet::new(),
            agents: Vec::new(),
            queue: None,
            topic: "runs".to_owned(),
            audit: None,
            delivery: DeliveryPolicy::default(),
            concurrency: 8,
            max_attempts: 3,
            backoff: Duration::from_secs(1),
            drain: Duration::from_secs(30),
            lifecycle: Lifecycle::off(),
            sanitizer: Sanitizer::shared_default().clone(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl fmt::Debug for ControlPlaneBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flows = self.flows.iter().map(|(name, _, _)| name);
        f.debug_list().entries(flows).finish()
    }
}

impl ControlPlaneBuilder {
    /// One more flow.
    pub fn flow(self, name: impl Into<String>, flow: impl Flow + 'static) -> Self {
        self.flow_with(name, flow, FlowOptions::new())
    }

    /// One more flow, with options.
    pub fn flow_with(
        mut self,
        name: impl Into<String>,
        flow: impl Flow + 'static,
        options: FlowOptions,
    ) -> Self {
        self.flows.push((name.into(), Arc::new(flow), options));
        self
    }

    /// The tools that flows find [in their context](super::FlowContext::tools). Default: none.
    pub fn tools(mut self, tools: ToolSet) -> Self {
        self.tools = tools;
        self
    }

    /// Marks an agent as one that acts on the world: its [steps](super::FlowContext::step), and its runs by
    /// a [runner of the context](super::FlowContext::runner), need delivery to be allowed.
    pub fn acts_on_world(mut self, agent: impl Into<String>) -> Self {
        self.acting.insert(agent.into());
        self
    }

    /// At most so many [steps](super::FlowContext::step) of this agent at once, over all runs.
    pub fn agent_limit(mut self, agent: impl Into<String>, steps: usize) -> Self {
        self.agents.push((agent.into(), steps));
        self
    }

    /// Where runs wait for [`ControlPlane::work`]. Default: none, and events run at once.
    pub fn queue(mut self, queue: impl RunQueue + 'static) -> Self {
        self.queue = Some(Arc::new(queue));
        self
    }

    /// The queue's topic that runs are submitted to and taken from. Default: `runs`.
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = topic.into();
        self
    }

    /// Where states, envelopes and traces are kept. Default: nowhere.
    pub fn audit(mut self, store: impl AuditStore + 'static) -> Self {
        self.audit = Some(Arc::new(store));
        self
    }

    /// Which runs may act on the world. Default: none.
    pub fn delivery(mut self, policy: DeliveryPolicy) -> Self {
        self.delivery = policy;
        self
    }

    /// How many runs [`ControlPlane::work`] does at once. Default: 8. Events that run at once are not
    /// counted.
    pub fn concurrency(mut self, runs: usize) -> Self {
        self.concurrency = runs;
        self
    }

    /// How often a run from a queue is tried in all, when it fails for reasons that
    /// [may pass](Error::is_retryable). Default: 3.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// The wait before the second attempt; it doubles with each further one, up to a minute, and a
    /// quarter of it is random. Default: 1 s.
    pub fn backoff(mut self, first: Duration) -> Self {
        self.backoff = first;
        self
    }

    /// How long [`ControlPlane::work`] waits for runs under way when it is to end; they go back to the
    /// queue after that. Default: 30 s.
    pub fn drain(mut self, limit: Duration) -> Self {
        self.drain = limit;
        self
    }

    /// Who is told what happens to runs and steps. Default: nobody.
    pub fn lifecycle(mut self, lifecycle: Lifecycle) -> Self {
        self.lifecycle = lifecycle;
        self
    }

    /// Cleans the errors that leave by events, states and traces. Default: the default rules.
    pub fn sanitizer(mut self, sanitizer: Sanitizer) -> Self {
        self.sanitizer = sanitizer;
        self
    }

    /// Where times and ids come from. Default: the system.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The control plane.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a name that is empty or taken, and for a limit of 0.
    pub fn build(self) -> Result<ControlPlane> {
        positive("concurrency", self.concurrency)?;
        positive("max_attempts", self.max_attempts as usize)?;
        let mut flows = BTreeMap::new();
        for (name, flow, options) in self.flows {
            if name.trim().is_empty() {
                return Err(Error::new(ErrorKind::Config, "a flow has no name"));
            }
            let limit = options.limit;
            if let Some(limit) = limit {
                positive(&format!("the limit of the flow `{name}`"), limit)?;
            }
            let registered = Registered {
                flow,
                options,
                permits: limit.map(|limit| Arc::new(Semaphore::new(at_most(limit)))),
            };
            if flows.insert(name.clone(), registered).is_some() {
                let message = format!("two flows have the name `{name}`");
                return Err(Error::new(ErrorKind::Config, message).with_hint("rename one of them"));
            }
        }
        let mut agents = HashMap::new();
        for (agent, limit) in self.agents {
            positive(&format!("the limit of the agent `{agent}`"), limit)?;
            agents.insert(agent, Semaphore::new(at_most(limit)));
        }
        let recorder = Recorder {
            audit: self.audit,
            lifecycle: self.lifecycle,
            clock: self.clock,
            sanitizer: self.sanitizer,
            queue_outlives_process: self
                .queue
                .as_ref()
                .is_some_and(|queue| queue.outlives_process()),
            lost: Arc::default(),
        };
        Ok(ControlPlane {
            shared: Arc::new(Shared {
                flows,
                tools: self.tools,
                acting: self.acting,
                agents,
                queue: self.queue,
                topic: self.topic,
                delivery: self.delivery,
                concurrency: at_most(self.concurrency),
                permits: Arc::new(Semaphore::new(at_most(self.concurrency))),
                max_attempts: self.max_attempts,
                backoff: Backoff(self.backoff),
                drain: self.drain,
                recorder: Arc::new(recorder),
                runs: KnownRuns::default(),
            }),
        })
    }
}

/// More permits than a semaphore can have are no limit.
fn at_most(limit: usize) -> usize {
    limit.min(Semaphore::MAX_PERMITS)
}

fn positive(what: &str, limit: usize) -> Result<()> {
    if limit > 0 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("{what} is 0")).with_hint("allowed: 1 or more"))
}
