//! Events in, runs out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::builder::ControlPlaneBuilder;
use super::context::closed;
use super::event::Event;
use super::execute::{Ended, OpenRun};
use super::flow::{Flow, FlowOptions};
use super::known::KnownRuns;
use super::recorder::Recorder;
use super::run::{Run, RunCell};
use super::{DeliveryPolicy, QueueJob, RunQueue, RunState, Submitted};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::audit::{AuditedRun, clean_name};
use crate::text::did_you_mean;
use crate::tool::ToolSet;

/// Longest wait between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// Flows by name, and everything around their runs. A clone shares all of it.
#[derive(Clone)]
pub struct ControlPlane {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) flows: BTreeMap<String, Registered>,
    pub(super) tools: ToolSet,
    /// Agents that act on the world.
    pub(super) acting: HashSet<String>,
    pub(super) agents: HashMap<String, Semaphore>,
    pub(super) queue: Option<Arc<dyn RunQueue>>,
    pub(super) topic: String,
    pub(super) delivery: DeliveryPolicy,
    pub(super) concurrency: usize,
    /// For runs that are worked off a queue.
    pub(super) permits: Arc<Semaphore>,
    pub(super) max_attempts: u32,
    pub(super) backoff: Backoff,
    pub(super) drain: Duration,
    pub(super) recorder: Arc<Recorder>,
    pub(super) runs: KnownRuns,
}

/// A flow, as the registry holds it.
pub(super) struct Registered {
    pub(super) flow: Arc<dyn Flow>,
    pub(super) options: FlowOptions,
    pub(super) permits: Option<Arc<Semaphore>>,
}

impl Registered {
    /// Whether as many runs of the flow go on as may.
    pub(super) fn is_full(&self) -> bool {
        let limit = self.permits.as_ref();
        limit.is_some_and(|limit| limit.available_permits() == 0)
    }
}

/// The wait before the second attempt.
pub(super) struct Backoff(pub(super) Duration);

impl Backoff {
    /// The wait after this attempt, from 1.
    pub(super) fn after(&self, attempt: u32) -> Duration {
        let doubled = self
            .0
            .saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
        doubled
            .min(MAX_BACKOFF)
            .mul_f64(1.0 + fastrand::f64() / 4.0)
    }
}

impl fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlPlane")
            .field("flows", &self.flows().collect::<Vec<_>>())
            .field("tools", &self.shared.tools)
            .finish_non_exhaustive()
    }
}

impl ControlPlane {
    /// Starts one.
    pub fn builder() -> ControlPlaneBuilder {
        ControlPlaneBuilder::default()
    }

    /// The names of the flows, sorted.
    pub fn flows(&self) -> impl Iterator<Item = &str> {
        self.shared.flows.keys().map(String::as_str)
    }

    /// Takes an event in. Without a queue the flow runs now, and the run has ended when this returns;
    /// with one it waits there for [`work`](Self::work).
    ///
    /// How the flow fails stands in the [run](Run), and is no error of this. An event whose `run_id` is
    /// known, here or to the audit store, gives the run that has it; one that was
    /// [interrupted](RunState::Interrupted) begins again.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a flow that is not known (with the nearest name), or an unusable run
    /// id; [`ErrorKind::QueueFull`] when the queue is full; else what the queue fails with.
    ///
    /// # Cancel safety
    /// A run whose future is dropped is cancelled, unless the queue has it already.
    pub async fn ingest(&self, event: Event) -> Result<Run> {
        let registered = self.shared.find(&event.flow)?;
        event.check()?;
        let known = self.shared.known(&event).await;
        let attempt = known.as_ref().map_or(1, |run| run.attempt + 1);
        let known = known.filter(|run| self.shared.starts_nothing(run));
        let is_known = known.is_some();
        let (cell, is_new) = self.shared.cell_of(&event, known);
        let run = Run {
            cell: cell.clone(),
            recorder: self.shared.recorder.clone(),
        };
        if is_known || !is_new {
            return Ok(run);
        }
        let open = |attempt| OpenRun::new(self.shared.clone(), cell, attempt).or_cancelled();
        if let Some(queue) = &self.shared.queue {
            self.shared.submit(queue.as_ref(), open(0), event).await?;
        } else {
            let open = open(attempt);
            self.shared.run_now(registered, open, event).await?;
        }
        Ok(run)
    }

    /// The run of this id, as long as it is remembered: while it is worked on or somebody holds its
    /// [`Run`], and then until 10,000 others have come. The audit store knows older ones.
    pub fn run(&self, run_id: &str) -> Option<Run> {
        self.shared.runs.get(run_id).map(|cell| Run {
            cell,
            recorder: self.shared.recorder.clone(),
        })
    }

    /// The runs that are remembered, oldest first.
    pub fn runs(&self) -> Vec<AuditedRun> {
        let runs = self.shared.runs.all();
        runs.iter().map(|cell| cell.status()).collect()
    }

    /// Whether everything so far was kept.
    ///
    /// # Errors
    /// The first failure of the audit store since this was asked last. It fails no run.
    pub fn audited(&self) -> Result<()> {
        self.shared.recorder.take_lost()
    }
}

impl Shared {
    pub(super) fn find(&self, flow: &str) -> Result<&Registered> {
        self.flows.get(flow).ok_or_else(|| {
            let known: Vec<&str> = self.flows.keys().map(String::as_str).collect();
            let flow = clean_name(flow, &self.recorder.sanitizer);
            Error::new(ErrorKind::Config, format!("there is no flow `{flow}`"))
                .with_hint(did_you_mean(&flow, known))
        })
    }

    /// What the audit store knows of the run that `event` names, when this does not remember it.
    async fn known(&self, event: &Event) -> Option<AuditedRun> {
        let id = event.run_id.as_ref()?;
        if self.runs.get(id).is_some() {
            return None;
        }
        self.recorder.known(id).await
    }

    /// A run that this does not remember may have ended all the same: by another process, or by this one
    /// when it died before the queue heard of that.
    pub(super) async fn adopt_end(&self, cell: &RunCell) {
        let known = self.recorder.known(&cell.id).await;
        if let Some(known) = known.filter(|run| run.state.is_settled()) {
            cell.adopt(known);
        }
    }

    /// Whether a run that the audit store knows has ended, or is seen to by others; what a queue has, it
    /// knows best itself.
    fn starts_nothing(&self, run: &AuditedRun) -> bool {
        run.state != RunState::Interrupted && (run.state.is_final() || self.queue.is_none())
    }

    /// The run that `event` is about, and whether it is new.
    fn cell_of(&self, event: &Event, known: Option<AuditedRun>) -> (Arc<RunCell>, bool) {
        let recorder = &self.recorder;
        let id = event.run_id.clone();
        let id = id.unwrap_or_else(|| new_id(&*recorder.clock));
        self.runs.add(&id, || match known {
            Some(known) => RunCell::known(known),
            None => RunCell::new(id.clone(), event.flow.clone(), recorder.now()),
        })
    }

    async fn run_now(&self, registered: &Registered, open: OpenRun, event: Event) -> Result<()> {
        let _permit = match &registered.permits {
            Some(limit) => Some(limit.acquire().await.map_err(closed)?),
            None => None,
        };
        match open.execute(registered, event, None).await {
            Ended::Well(open, envelope) => open.succeed(envelope).await,
            Ended::Badly(open, error) => open.fail(RunState::Failed, &error).await,
            Ended::Cancelled(open) => open.cancelled().await,
            Ended::Stopped(_) | Ended::CancelledBefore | Ended::Before => {}
        }
        Ok(())
    }

    /// Nothing is kept before the queue has the run: what kills the process between the two leaves no run
    /// that waits for ever.
    async fn submit(&self, queue: &dyn RunQueue, open: OpenRun, event: Event) -> Result<()> {
        let id = open.id().to_owned();
        let job = QueueJob {
            id: id.clone(),
            topic: self.topic.clone(),
            after: event.after,
            payload: serde_json::to_value(&event).map_err(|error| {
                Error::new(ErrorKind::Internal, "an event is no JSON").with_source(error)
            })?,
        };
        let refusal = match queue.submit(job).await {
            Ok(Submitted::Accepted) => {
                open.queued().await;
                return Ok(());
            }
            Ok(Submitted::Duplicate) => {
                open.leave().await;
                return Ok(());
            }
            Ok(Submitted::Full) => {
                let flow = &event.flow;
                let message = format!("the queue is full: a run of `{flow}` was not taken in");
                Error::new(ErrorKind::QueueFull, message)
            }
            Err(error) => error,
        };
        open.refuse(&refusal);
        // The same id may be tried again.
        self.runs.remove(&id);
        Err(refusal)
    }
}

/// `run_YYYYmmdd_HHMMSS_` and 16 random hexadecimal digits: thousands of runs of one second, over many
/// processes, do not meet.
fn new_id(clock: &dyn Clock) -> String {
    let now = Timestamp::try_from(clock.now()).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{}_{}", now.strftime("run_%Y%m%d_%H%M%S"), clock.id())
}
