//! What became of what was handed over: nothing is lost silently.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::{Array, Context, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};

use crate::telemetry::names;
use crate::text::counted;

/// What was lost since somebody last asked.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    ended: AtomicU64,
    tried: AtomicU64,
    told: AtomicU64,
    failure: Mutex<Option<String>>,
    reason: Mutex<Option<String>>,
}

impl Deliveries {
    /// What the way to the receiver knows of a delivery that is about to fail; `None` when one
    /// arrived.
    pub(super) fn because(&self, reason: Option<String>) {
        *lock(&self.reason) = reason;
    }

    /// The first failure since the last time.
    pub(super) fn take_failure(&self) -> Option<String> {
        lock(&self.failure).take()
    }

    /// Spans that have ended so far, and wait or were handed over.
    pub(super) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    /// The spans that found no place in the queue since the last time, when all that waited has been
    /// tried: of the first `ended`, as others may end in the meantime.
    pub(super) fn take_dropped(&self, ended: u64) -> Option<String> {
        let lost = ended.saturating_sub(self.tried.load(Ordering::Relaxed));
        let told = self.told.fetch_max(lost, Ordering::Relaxed);
        let dropped = usize::try_from(lost.saturating_sub(told)).ok()?;
        (dropped > 0).then(|| {
            format!(
                "{} found no place in the queue (`OTEL_BSP_MAX_QUEUE_SIZE`)",
                counted(dropped, "span")
            )
        })
    }

    fn note(&self, result: &OTelSdkResult) {
        if let Err(error) = result {
            let reason = lock(&self.reason).take();
            lock(&self.failure).get_or_insert_with(|| reason.unwrap_or_else(|| error.to_string()));
        }
    }
}

fn lock(text: &Mutex<Option<String>>) -> MutexGuard<'_, Option<String>> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An exporter whose failures are noted.
#[derive(Debug)]
pub(super) struct Noted<E> {
    pub(super) inner: E,
    pub(super) deliveries: Arc<Deliveries>,
}

impl<E: SpanExporter> SpanExporter for Noted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.deliveries
            .tried
            .fetch_add(batch.len() as u64, Ordering::Relaxed);
        let result = self.inner.export(batch).await;
        self.deliveries.note(&result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Noted<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.inner.export(metrics).await;
        self.deliveries.note(&result);
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}

/// A processor that counts what it is given, and makes lists of what `tracing` knows as text alone.
#[derive(Debug)]
pub(super) struct Counted<P> {
    pub(super) inner: P,
    pub(super) deliveries: Arc<Deliveries>,
}

impl<P: SpanProcessor> SpanProcessor for Counted<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, mut span: SpanData) {
        for attribute in &mut span.attributes {
            if attribute.key.as_str() == names::GEN_AI_RESPONSE_FINISH_REASONS
                && let Ok(list) = serde_json::from_str::<Vec<String>>(&attribute.value.as_str())
            {
                let list = list.into_iter().map(Into::into).collect();
                attribute.value = Value::Array(Array::String(list));
            }
        }
        self.inner.on_end(span);
        // Only now: a span on its way into the queue is not lost.
        self.deliveries.ended.fetch_add(1, Ordering::Relaxed);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_end_during_a_flush_are_not_said_to_be_lost() {
        let deliveries = Deliveries::default();
        let add = |count: &AtomicU64, spans| count.fetch_add(spans, Ordering::Relaxed);
        add(&deliveries.ended, 10);
        let before = deliveries.ended();
        add(&deliveries.ended, 5);
        add(&deliveries.tried, 10);
        assert_eq!(deliveries.take_dropped(before), None);

        add(&deliveries.ended, 3);
        add(&deliveries.tried, 5);
        let told = deliveries
            .take_dropped(deliveries.ended())
            .unwrap_or_default();
        assert!(told.starts_with("3 spans found no place"), "{told}");
        assert_eq!(deliveries.take_dropped(deliveries.ended()), None);
    }
}
