//! What a flow is given: its event, its tools, and the steps that it takes.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::DeliveryPolicy;
use super::delivery::{Gate, refused};
use super::event::Event;
use super::plane::Shared;
use super::run::RunCell;
use crate::agent::{AgentRunner, RunOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::audit::{Audited, TraceEvent};
use crate::lifecycle::{EventError, Phase, Subject};
use crate::tool::ToolSet;

/// What is kept of a run's steps for its dead letter; the last ones.
const MAX_TRACE: usize = 256;

/// What a flow is given. A clone is the same.
#[derive(Clone)]
pub struct FlowContext {
    inner: Arc<Inner>,
}

struct Inner {
    plane: Arc<Shared>,
    cell: Arc<RunCell>,
    event: Event,
    attempt: u32,
    cancel: CancellationToken,
    trace: Mutex<VecDeque<TraceEvent>>,
}

impl fmt::Debug for FlowContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowContext")
            .field("run_id", &self.run_id())
            .field("flow", &self.flow())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}

impl FlowContext {
    pub(super) fn new(
        plane: Arc<Shared>,
        cell: Arc<RunCell>,
        event: Event,
        attempt: u32,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                plane,
                cell,
                event,
                attempt,
                cancel,
                trace: Mutex::default(),
            }),
        }
    }

    /// The run's id.
    pub fn run_id(&self) -> &str {
        &self.inner.cell.id
    }

    /// The flow's name.
    pub fn flow(&self) -> &str {
        &self.inner.cell.flow
    }

    /// The event's context: what to work on.
    pub fn input(&self) -> &Value {
        &self.inner.event.context
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.inner.attempt
    }

    /// Is cancelled when the run is, for what the flow has started elsewhere.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.inner.cancel
    }

    /// Whether the run may act on the world.
    pub fn may_deliver(&self) -> bool {
        self.policy().allows(&self.inner.event)
    }

    pub(super) fn policy(&self) -> DeliveryPolicy {
        self.inner.plane.delivery
    }

    /// The control plane's tools. Those that [act on the world](crate::tool::Tool::acts_on_world) are
    /// rejected where the run may not deliver, whatever other rules say.
    pub fn tools(&self) -> ToolSet {
        self.gated(&self.inner.plane.tools)
    }

    /// `runner` behind the delivery gate. Where the run may not deliver, its agents' tools that act on the
    /// world are rejected, and agents that [do](super::ControlPlaneBuilder::acts_on_world) fail with
    /// [`ErrorKind::NotPermitted`]. A runner that did not come from here has no gate.
    pub fn runner(&self, runner: &AgentRunner) -> AgentRunner {
        if self.may_deliver() {
            return runner.clone();
        }
        let gate = Arc::new(Gate(self.clone()));
        runner.gated(self.gated(runner.tools()), gate)
    }

    fn gated(&self, tools: &ToolSet) -> ToolSet {
        if self.may_deliver() {
            return tools.clone();
        }
        tools.gated(Arc::new(Gate(self.clone())))
    }

    /// Options for an agent's run within this one: it ends when this one is cancelled, and its records
    /// bear this run's id as their job.
    pub fn options(&self) -> RunOptions<'static> {
        RunOptions::new()
            .cancel_on(self.inner.cancel.clone())
            .job(self.run_id())
    }

    /// One step of the flow, done by `agent`: it waits until the agent's
    /// [limit](super::ControlPlaneBuilder::agent_limit) has room, and stands in the run's trace.
    ///
    /// # Errors
    /// Those of `work`; [`ErrorKind::NotPermitted`] when the agent
    /// [acts on the world](super::ControlPlaneBuilder::acts_on_world) and the run may not deliver.
    pub fn step<T>(
        &self,
        agent: &str,
        work: impl Future<Output = Result<T>>,
    ) -> impl Future<Output = Result<T>> {
        // Boxed: an agent's run is large, and would lie in the flow's own future several times.
        self.boxed_step(agent, Box::pin(work))
    }

    async fn boxed_step<T>(
        &self,
        agent: &str,
        work: Pin<Box<impl Future<Output = Result<T>>>>,
    ) -> Result<T> {
        self.admit(agent).await?;
        let _permit = match self.inner.plane.agents.get(agent) {
            Some(limit) => Some(limit.acquire().await.map_err(closed)?),
            None => None,
        };
        let clock = &self.inner.plane.recorder.clock;
        let started = clock.elapsed();
        self.trace(TraceEvent::new(agent, Phase::Started)).await;
        let done = work.await;
        let phase = if done.is_ok() {
            Phase::Finished
        } else {
            Phase::Failed
        };
        let mut end = TraceEvent::new(agent, phase);
        end.duration_ms = Some(as_ms(clock.elapsed().saturating_sub(started)));
        end.error = done.as_ref().err().map(|error| self.said(error));
        self.trace(end).await;
        done
    }

    /// A [step](Self::step) that acts on the world.
    ///
    /// # Errors
    /// [`ErrorKind::NotPermitted`] when the run may not deliver; `work` is not begun then, and the
    /// refusal is recorded. Else those of `work`.
    pub fn deliver<T>(
        &self,
        name: &str,
        work: impl Future<Output = Result<T>>,
    ) -> impl Future<Output = Result<T>> {
        let work = Box::pin(work);
        async move {
            if !self.may_deliver() {
                return Err(self.refuse(name).await);
            }
            self.boxed_step(name, work).await
        }
    }

    /// Puts a remark into the run's trace.
    pub async fn note(&self, name: &str, detail: impl Into<Value>) {
        let mut remark = TraceEvent::new(name, Phase::Finished);
        remark.detail = Some(detail.into());
        self.keep(remark).await;
    }

    /// Refuses an agent that acts on the world where the run may not deliver.
    pub(super) async fn admit(&self, agent: &str) -> Result<()> {
        if self.inner.plane.acting.contains(agent) && !self.may_deliver() {
            return Err(self.refuse(agent).await);
        }
        Ok(())
    }

    /// Records that `what` was not allowed to act on the world.
    pub(super) async fn refuse(&self, what: &str) -> Error {
        let error = refused(what, self.policy());
        let mut refusal = TraceEvent::new(what, Phase::Failed);
        refusal.error = Some(self.said(&error));
        self.trace(refusal).await;
        error
    }

    fn said(&self, error: &Error) -> EventError {
        self.inner.plane.recorder.said(error)
    }

    async fn trace(&self, step: TraceEvent) {
        let (cell, attempt) = (&self.inner.cell, self.inner.attempt);
        let recorder = &self.inner.plane.recorder;
        recorder.tell(cell, Subject::Stage, step.phase, attempt, |event| {
            event.stage = Some(step.name.clone());
            event.duration_ms = step.duration_ms;
            event.error.clone_from(&step.error);
        });
        self.keep(step).await;
    }

    async fn keep(&self, step: TraceEvent) {
        let inner = &self.inner;
        {
            let mut trace = inner.trace.lock().unwrap_or_else(PoisonError::into_inner);
            if trace.len() == MAX_TRACE {
                trace.pop_front();
            }
            trace.push_back(step.clone());
        }
        let recorder = &inner.plane.recorder;
        let entry = recorder.entry(&inner.cell, inner.attempt, Audited::Trace(step));
        recorder.put(entry).await;
    }

    /// The last steps, as they may leave the process.
    pub(super) fn steps(&self) -> Vec<TraceEvent> {
        let trace = self
            .inner
            .trace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let sanitizer = &self.inner.plane.recorder.sanitizer;
        let cleaned = trace.into_iter().map(|mut step| {
            step.sanitize(sanitizer);
            step
        });
        cleaned.collect()
    }
}

pub(super) fn as_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn closed(_: tokio::sync::AcquireError) -> Error {
    Error::new(
        ErrorKind::Internal,
        "a limit of the control plane was closed",
    )
}
