//! Histograms of calls, taken from their spans: so they count whether the call log is on or off.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use opentelemetry::metrics::{Histogram, MeterProvider as _};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::telemetry::names;

/// Buckets of tokens, as the conventions have them: powers of four.
const TOKENS: [u32; 14] = [
    1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
    67_108_864,
];
/// Buckets of seconds, as the conventions have them: powers of two.
const SECONDS: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
/// The fields of a call's span by which its figures are told apart.
const DIMENSIONS: [&str; 7] = [
    names::GEN_AI_OPERATION_NAME,
    names::GEN_AI_PROVIDER_NAME,
    names::GEN_AI_REQUEST_MODEL,
    names::GEN_AI_RESPONSE_MODEL,
    names::SERVER_ADDRESS,
    names::SERVER_PORT,
    names::ERROR_TYPE,
];

/// The layer that listens to the spans of calls.
#[derive(Debug)]
pub(super) struct CallMetrics {
    tokens: Histogram<u64>,
    duration: Histogram<f64>,
    first_byte: Histogram<f64>,
    first_chunk: Histogram<f64>,
}

impl CallMetrics {
    pub(super) fn new(provider: &SdkMeterProvider) -> Self {
        let meter = provider.meter("duologue");
        let seconds = |name, description| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(description)
                .with_boundaries(SECONDS.to_vec())
                .build()
        };
        Self {
            tokens: meter
                .u64_histogram(names::METRIC_TOKEN_USAGE)
                .with_unit("{token}")
                .with_description("Tokens of a call, by type.")
                .with_boundaries(TOKENS.map(f64::from).to_vec())
                .build(),
            duration: seconds(
                names::METRIC_OPERATION_DURATION,
                "Time of a call, waits and backoff included.",
            ),
            first_byte: seconds(
                names::METRIC_TIME_TO_FIRST_BYTE,
                "Time to the first byte of the last attempt's answer.",
            ),
            first_chunk: seconds(
                names::METRIC_TIME_TO_FIRST_CHUNK,
                "Time to the first piece of the last attempt's answer, where it is streamed.",
            ),
        }
    }

    fn count(&self, call: &Call) {
        let mut attributes: Vec<KeyValue> = call
            .dimensions
            .iter()
            .map(|(name, value)| KeyValue::new(*name, value.clone()))
            .collect();
        self.duration
            .record(call.started.elapsed().as_secs_f64(), &attributes);
        if let Some(milliseconds) = call.figures.get(names::FIRST_BYTE_MS) {
            self.first_byte
                .record(*milliseconds as f64 / 1000.0, &attributes);
        }
        if let Some(seconds) = call.first_chunk {
            self.first_chunk.record(seconds, &attributes);
        }
        for (name, kind) in [
            (names::GEN_AI_USAGE_INPUT_TOKENS, "input"),
            (names::GEN_AI_USAGE_OUTPUT_TOKENS, "output"),
        ] {
            if let Some(tokens) = call.figures.get(name) {
                attributes.push(KeyValue::new(names::GEN_AI_TOKEN_TYPE, kind));
                self.tokens.record(*tokens, &attributes);
                attributes.pop();
            }
        }
    }
}

/// What is known of a call by now.
struct Call {
    started: Instant,
    dimensions: BTreeMap<&'static str, Value>,
    figures: BTreeMap<&'static str, u64>,
    first_chunk: Option<f64>,
}

impl Call {
    fn know(&mut self, field: &Field, value: impl Into<Value>) {
        if let Some(name) = DIMENSIONS.iter().find(|name| **name == field.name()) {
            self.dimensions.insert(name, value.into());
        }
    }
}

impl Visit for Call {
    fn record_i64(&mut self, field: &Field, value: i64) {
        if let Ok(figure) = u64::try_from(value) {
            self.figures.insert(field.name(), figure);
        }
        self.know(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == names::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK {
            self.first_chunk = Some(value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.know(field, value.to_owned());
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

fn is_call(metadata: &Metadata<'_>) -> bool {
    metadata.target() == names::TARGET_CALL && metadata.name() == names::CHAT
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for CallMetrics {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !is_call(attributes.metadata()) {
            return;
        }
        let mut call = Call {
            started: Instant::now(),
            dimensions: BTreeMap::new(),
            figures: BTreeMap::new(),
            first_chunk: None,
        };
        attributes.record(&mut call);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(call);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(call) = span.extensions_mut().get_mut::<Call>()
        {
            values.record(call);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if let Some(span) = context.span(&id)
            && let Some(call) = span.extensions().get::<Call>()
        {
            self.count(call);
        }
    }
}
