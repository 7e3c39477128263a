//! The control plane: flows by name, events that start them, and runs that always end.
//!
//! An [`Event`] names a flow. [`ControlPlane::ingest`] gives it a run id and runs the flow at once, or,
//! when there is a [queue](RunQueue), leaves it to [`ControlPlane::work`]. What happens is told to a
//! [`Lifecycle`](crate::lifecycle::Lifecycle) and kept in an [`AuditStore`](super::audit::AuditStore).
//!
//! ```
//! use duologue::flow::control::{ControlPlane, Event, FlowContext, RunState};
//! use duologue::flow::envelope::Envelope;
//! use serde_json::json;
//!
//! let control = ControlPlane::builder()
//!     .flow("tides", |context: FlowContext| async move {
//!         let harbour = context.input()["harbour"].clone();
//!         Envelope::builder("table").row("1", json!({"harbour": harbour, "high": "06:12"})).build()
//!     })
//!     .build()?;
//!
//! let run = pollster::block_on(control.ingest(Event::new("tides", json!({"harbour": "Dover"}))))?;
//! assert_eq!(run.state(), RunState::Succeeded);
//! assert_eq!(run.envelope().unwrap().records[0].fields["high"], "06:12");
//! # Ok::<(), duologue::Error>(())
//! ```
//!
//! # How a run ends
//! In exactly one of the [final states](RunState::is_final), also when its flow panics, is dropped or
//! takes too long. A run whose process died is `interrupted` as soon as its audit store is opened again.
//!
//! # Delivery
//! Nothing acts on the world unless the [`DeliveryPolicy`] allows it, which it does not by default. The
//! gate stands before [`FlowContext::deliver`], before the [tools](FlowContext::tools) that act on the
//! world, before agents that are [marked](ControlPlaneBuilder::acts_on_world), and before flows that
//! [deliver](FlowOptions::delivers). Each refusal is an error that the flow sees, and is recorded.
//!
//! # Guarantees of a queue
//! At least once: a run is acknowledged when its end is recorded. While it runs, its lease is extended.

mod builder;
mod context;
mod delivery;
mod event;
mod execute;
mod flow;
mod known;
mod plane;
mod queue;
mod recorder;
mod run;
mod schedule;
mod settle;
mod state;
mod worker;

pub use builder::ControlPlaneBuilder;
pub use context::FlowContext;
pub use delivery::DeliveryPolicy;
pub use event::Event;
pub use flow::{Flow, FlowOptions};
pub use plane::ControlPlane;
pub use queue::{
    DeadLetter, DeadReason, Lease, LeaseStatus, MemoryQueue, QueueJob, RunQueue, Submitted,
};
pub use run::Run;
pub use schedule::{
    EntryReport, MissedTicks, Overlap, Schedule, Scheduler, SchedulerBuilder, Tick,
};
pub use state::RunState;
pub use worker::WorkReport;
