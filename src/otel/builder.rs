//! From settings and environment to exporters.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, Protocol, SpanExporter, WithExportConfig as _,
    WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};

use super::Telemetry;
use super::client::Client;
use super::delivery::{Counted, Deliveries, Noted};
use crate::call_log::Sanitizer;
use crate::env::{Environment, not_allowed};
use crate::error::{Error, ErrorKind, Result};
use crate::secret;

/// Spans that wait for delivery at most: a run of 10,000 calls that are answered at once fits.
const QUEUE: usize = 32_768;
/// The one protocol that is spoken.
const SPOKEN: &str = "http/protobuf";

/// Builds [`Telemetry`]; what is not set comes from the environment.
#[derive(Debug)]
#[must_use]
pub struct TelemetryBuilder {
    service_name: Option<String>,
    endpoint: Option<String>,
    headers: HashMap<String, String>,
    flush_timeout: Duration,
}

impl Default for TelemetryBuilder {
    fn default() -> Self {
        Self {
            service_name: None,
            endpoint: None,
            headers: HashMap::new(),
            flush_timeout: Duration::from_secs(5),
        }
    }
}

impl TelemetryBuilder {
    /// Who is speaking. Default: `OTEL_SERVICE_NAME`, else `duologue`.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// The receiver's base URL; `/v1/traces` and `/v1/metrics` are added. Default:
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`, else `http://localhost:4318`.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// A header of every delivery, beside those of `OTEL_EXPORTER_OTLP_HEADERS`. The sanitizer
    /// removes its value everywhere, if the name is that of a secret.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        secret::register_named(&name, &value);
        self.headers.insert(name, value);
        self
    }

    /// Longest wait of [`Telemetry::flush`], [`Telemetry::shutdown`] and drop; a flush ends after 5 s
    /// in any case. Default: 5 s.
    pub fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.flush_timeout = timeout;
        self
    }

    /// The connection; nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an endpoint that is no URL, or another value that is not allowed.
    pub fn build(self) -> Result<Telemetry> {
        let environment = Environment::process();
        check_protocol(&environment)?;
        let deliveries = Arc::new(Deliveries::default());
        let resource = self.resource(&environment);
        let traces = is_on(&environment, "OTEL_TRACES_EXPORTER")?
            .then(|| self.traces(&environment, &deliveries, resource.clone()))
            .transpose()?;
        let metrics = is_on(&environment, "OTEL_METRICS_EXPORTER")?
            .then(|| self.metrics(&environment, &deliveries, resource))
            .transpose()?;
        Ok(Telemetry {
            traces,
            metrics,
            deliveries,
            flush_timeout: self.flush_timeout,
            is_shut_down: false,
        })
    }

    fn resource(&self, environment: &Environment) -> Resource {
        let named_by_environment = environment.get("OTEL_SERVICE_NAME").is_some()
            || environment
                .get("OTEL_RESOURCE_ATTRIBUTES")
                .is_some_and(|list| list.contains("service.name="));
        let builder = Resource::builder();
        match &self.service_name {
            Some(name) => builder.with_service_name(name.clone()),
            None if named_by_environment => builder,
            None => builder.with_service_name("duologue"),
        }
        .build()
    }

    fn traces(
        &self,
        environment: &Environment,
        deliveries: &Arc<Deliveries>,
        resource: Resource,
    ) -> Result<SdkTracerProvider> {
        let mut builder = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(client(environment, "TRACES", deliveries)?)
            .with_headers(self.headers.clone());
        if let Some(url) = self.url("v1/traces") {
            builder = builder.with_endpoint(url);
        }
        let exporter = Noted {
            inner: builder.build().map_err(|error| refused(&error))?,
            deliveries: deliveries.clone(),
        };
        let mut batches = BatchConfigBuilder::default();
        if environment.get("OTEL_BSP_MAX_QUEUE_SIZE").is_none() {
            batches = batches.with_max_queue_size(QUEUE);
        }
        let processor = BatchSpanProcessor::builder(exporter)
            .with_batch_config(batches.build())
            .build();
        Ok(SdkTracerProvider::builder()
            .with_resource(resource)
            .with_span_processor(Counted {
                inner: processor,
                deliveries: deliveries.clone(),
            })
            .build())
    }

    fn metrics(
        &self,
        environment: &Environment,
        deliveries: &Arc<Deliveries>,
        resource: Resource,
    ) -> Result<SdkMeterProvider> {
        let mut builder = MetricExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(client(environment, "METRICS", deliveries)?)
            .with_headers(self.headers.clone());
        if let Some(url) = self.url("v1/metrics") {
            builder = builder.with_endpoint(url);
        }
        Ok(SdkMeterProvider::builder()
            .with_resource(resource)
            .with_periodic_exporter(Noted {
                inner: builder.build().map_err(|error| refused(&error))?,
                deliveries: deliveries.clone(),
            })
            .build())
    }

    fn url(&self, path: &str) -> Option<String> {
        let base = self.endpoint.as_ref()?.trim_end_matches('/');
        Some(format!("{base}/{path}"))
    }
}

/// Whether the environment wants a signal: `otlp` and nothing at all say yes.
fn is_on(environment: &Environment, variable: &str) -> Result<bool> {
    let disabled = environment.get("OTEL_SDK_DISABLED").unwrap_or_default();
    if disabled.eq_ignore_ascii_case("true") {
        return Ok(false);
    }
    match environment.get(variable).as_deref() {
        None | Some("otlp") => Ok(true),
        Some("none") => Ok(false),
        Some(other) => Err(not_allowed(variable, other, "`otlp`, `none`")),
    }
}

/// Another protocol would go to another port, and never arrive.
fn check_protocol(environment: &Environment) -> Result<()> {
    for variable in [
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
    ] {
        if let Some(other) = environment.get(variable).filter(|value| value != SPOKEN) {
            return Err(not_allowed(variable, &other, &format!("`{SPOKEN}`")));
        }
    }
    Ok(())
}

/// The exporter gives its timeout to a client of its own making alone, so ours looks it up again.
fn client(environment: &Environment, signal: &str, deliveries: &Arc<Deliveries>) -> Result<Client> {
    let milliseconds = [
        format!("OTEL_EXPORTER_OTLP_{signal}_TIMEOUT"),
        "OTEL_EXPORTER_OTLP_TIMEOUT".to_owned(),
    ]
    .into_iter()
    .find_map(|name| environment.get(&name)?.parse().ok())
    .unwrap_or(10_000);
    Client::new(Duration::from_millis(milliseconds), deliveries.clone()).map_err(|error| {
        Error::new(ErrorKind::Internal, "cannot make an HTTP client").with_source(error)
    })
}

fn refused(error: &ExporterBuildError) -> Error {
    Error::new(
        ErrorKind::Config,
        "the settings of the telemetry export are not usable",
    )
    // It quotes endpoints, which may hold a password.
    .with_source(Sanitizer::shared_default().clean(&error.to_string()))
    .with_hint("see the variables `OTEL_EXPORTER_OTLP_…`")
}
