//! Export to any receiver of OTLP: traces and metrics over HTTP with protobuf.
//!
//! [`Telemetry`] turns the spans of [`telemetry`](crate::telemetry) into OpenTelemetry's, and counts
//! tokens, durations and times to the first byte, whether the call log is on or off. A receiver that
//! is slow or gone never holds a run up; what was lost is said by [`Telemetry::flush`].
//!
//! It takes its settings from the environment of the process, as OpenTelemetry defines them; what the
//! builder sets comes first. The ones that matter most:
//!
//! | variable | meaning |
//! |---|---|
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | the receiver's base URL, to which `/v1/traces` and `/v1/metrics` are added; `http://localhost:4318` without it |
//! | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` | the full URL for one of the two |
//! | `OTEL_EXPORTER_OTLP_HEADERS` | `name=value,…`: keys of the receiver, which the sanitizer removes everywhere |
//! | `OTEL_EXPORTER_OTLP_TIMEOUT` | milliseconds for one delivery, 10000 without it |
//! | `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER` | `none` switches one of the two off; Phoenix, say, takes traces alone |
//! | `OTEL_SDK_DISABLED` | `true` switches both off |
//! | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | who is speaking; `duologue` without them |
//! | `OTEL_BSP_MAX_QUEUE_SIZE` | spans that wait for delivery at most, 32768 without it |
//!
//! # Metrics
//!
//! | histogram | unit | buckets |
//! |---|---|---|
//! | `gen_ai.client.token.usage` by `gen_ai.token.type` | tokens | the conventions' |
//! | `gen_ai.client.operation.duration` | seconds | the conventions' |
//! | `duologue.client.operation.time_to_first_byte` | seconds | the same as for durations |
//!
//! All have the operation, provider, models, server and `error.type` as attributes. The conventions'
//! name for the last one, `…time_to_first_chunk`, is reserved for answers that are streamed.

mod builder;
mod client;
mod delivery;
mod metrics;

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

pub use builder::TelemetryBuilder;

use crate::error::{Error, ErrorKind, Result};
use delivery::Deliveries;
use metrics::CallMetrics;

/// A connection to a receiver of OTLP. Dropped, it delivers what it holds, as far as that works.
///
/// In a program of its own:
///
/// ```
/// use duologue::otel::Telemetry;
/// use std::time::Duration;
///
/// let telemetry = Telemetry::builder()
///     .service_name("planning")
///     .endpoint("http://127.0.0.1:9")
///     .flush_timeout(Duration::from_secs(1))
///     .build()?;
/// telemetry.install()?;
/// // … run agents …
/// telemetry.shutdown().unwrap_or_else(|error| eprintln!("{error}"));
/// # Ok::<(), duologue::Error>(())
/// ```
///
/// Beside other layers: `tracing_subscriber::registry().with(telemetry.layer()).with(…)`.
#[must_use = "telemetry that is dropped exports nothing more"]
#[derive(Debug)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    deliveries: Arc<Deliveries>,
    flush_timeout: Duration,
    is_shut_down: bool,
}

impl Telemetry {
    /// As the environment says; see the [module](self).
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an endpoint that is no URL, or another value that is not allowed.
    pub fn from_env() -> Result<Self> {
        Self::builder().build()
    }

    /// A builder, for what the environment does not say.
    pub fn builder() -> TelemetryBuilder {
        TelemetryBuilder::default()
    }

    /// A layer for a registry of one's own. It exports the spans of level INFO and above, your own
    /// among them, so that a run hangs below what caused it; give it a filter for less.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let traces = self.traces.as_ref().map(|provider| {
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("duologue"))
                .with_location(false)
                .with_threads(false)
                .with_target(false)
                .with_tracked_inactivity(false)
        });
        let metrics = self.metrics.as_ref().map(CallMetrics::new);
        Layer::and_then(traces, metrics).with_filter(filter_fn(is_exported))
    }

    /// Makes this the listener of the whole process.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is one already: add [`layer`](Self::layer) to it.
    pub fn install(&self) -> Result<()> {
        let registry = tracing_subscriber::registry().with(self.layer());
        tracing::subscriber::set_global_default(registry).map_err(|error| {
            Error::new(
                ErrorKind::Config,
                "the process has a `tracing` subscriber already",
            )
            .with_source(error)
            .with_hint("add `telemetry.layer()` to that one")
        })
    }

    /// Delivers all that has ended so far, and waits for it, at most as long as the flush timeout.
    /// It blocks: async code calls it through `spawn_blocking`.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] with the first thing that could not be delivered since the last
    /// flush.
    pub fn flush(&self) -> Result<()> {
        let (began, ended) = (Instant::now(), self.deliveries.ended());
        let traces = self
            .traces
            .clone()
            .map(|provider| start(move || provider.force_flush()));
        let metrics = self
            .metrics
            .clone()
            .map(|provider| start(move || provider.force_flush()));
        self.wait(traces.into_iter().chain(metrics), began, ended)
    }

    /// [`flush`](Self::flush), and the end.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn shutdown(mut self) -> Result<()> {
        self.close()
    }

    fn close(&mut self) -> Result<()> {
        self.is_shut_down = true;
        let timeout = self.flush_timeout;
        let (began, ended) = (Instant::now(), self.deliveries.ended());
        let traces = self
            .traces
            .take()
            .map(|provider| start(move || provider.shutdown_with_timeout(timeout)));
        let metrics = self
            .metrics
            .take()
            .map(|provider| start(move || provider.shutdown_with_timeout(timeout)));
        self.wait(traces.into_iter().chain(metrics), began, ended)
    }

    fn wait(
        &self,
        ends: impl Iterator<Item = mpsc::Receiver<Result<(), OTelSdkError>>>,
        began: Instant,
        ended: u64,
    ) -> Result<()> {
        // Every signal is waited for before the first error is returned.
        let mut late = None;
        let mut failed = None;
        for end in ends {
            match end.recv_timeout(self.flush_timeout.saturating_sub(began.elapsed())) {
                Ok(Ok(())) => {}
                Ok(Err(OTelSdkError::Timeout(waited))) => late = Some(waited),
                Err(_) => late = Some(self.flush_timeout),
                Ok(Err(error)) => failed = failed.or(Some(error.to_string())),
            }
        }
        let reason = self.deliveries.take_failure().or(failed).or_else(|| {
            if let Some(waited) = late {
                let seconds = waited.as_secs_f64();
                return Some(format!("nothing came back within {seconds} s"));
            }
            self.deliveries.take_dropped(ended)
        });
        reason.map_or(Ok(()), |reason| Err(undelivered(&reason)))
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if !self.is_shut_down {
            let _ = self.close();
        }
    }
}

fn undelivered(reason: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("telemetry could not be delivered: {reason}"),
    )
    .with_hint(
        "check that a receiver of OTLP over HTTP listens at `OTEL_EXPORTER_OTLP_ENDPOINT`; one that takes no metrics needs `OTEL_METRICS_EXPORTER=none`",
    )
}

/// Runs `work` on a thread of its own, so that waiting for it can end before it does.
fn start<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> mpsc::Receiver<T> {
    let (done, end) = mpsc::channel();
    // Where no thread can be had, the channel closes, and the wait ends as one that was too long.
    let _ = thread::Builder::new()
        .name("duologue-otel".to_owned())
        .spawn(move || done.send(work()));
    end
}

/// Our own way to the receiver must not be exported, or exporting would never end; nor what `rmcp`
/// tells, which is whole messages of servers, unsanitized.
fn is_exported(metadata: &Metadata<'_>) -> bool {
    const OWN: [&str; 7] = [
        "opentelemetry",
        "hyper",
        "reqwest",
        "h2",
        "rustls",
        "tower",
        "rmcp",
    ];
    let root = metadata.target().split("::").next().unwrap_or_default();
    let is_own = |own: &&str| {
        root.strip_prefix(*own)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    *metadata.level() <= Level::INFO && !OWN.iter().any(is_own)
}
