//! Export of a run to OpenTelemetry, where the environment names a receiver. It never fails a run.

#[cfg(feature = "otel")]
use super::output;
use crate::env::Environment;
#[cfg(feature = "otel")]
use crate::otel::Telemetry;

const ENDPOINTS: [&str; 3] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
];

/// The export of one run. What goes wrong with it is said once, unless the command is quiet.
pub(super) struct Export {
    #[cfg(feature = "otel")]
    telemetry: Option<Telemetry>,
    #[cfg(feature = "otel")]
    quiet: bool,
}

impl Export {
    #[cfg(feature = "otel")]
    pub(super) fn start(quiet: bool) -> Self {
        let telemetry = named_receiver().and_then(|_| {
            let started = Telemetry::from_env().and_then(|telemetry| {
                telemetry.install()?;
                Ok(telemetry)
            });
            started
                .inspect_err(|error| {
                    if !quiet {
                        output::warn(error);
                        output::say("the run goes on without telemetry");
                    }
                })
                .ok()
        });
        Self { telemetry, quiet }
    }

    #[cfg(not(feature = "otel"))]
    pub(super) fn start(quiet: bool) -> Self {
        if let Some(variable) = named_receiver().filter(|_| !quiet) {
            super::output::warning(&format!(
                "`{variable}` is set, but this build exports nothing: it lacks the feature `otel`"
            ));
        }
        Self {}
    }

    /// Waits for the rest to be delivered, a few seconds at most.
    #[cfg_attr(not(feature = "otel"), expect(clippy::unused_self))]
    pub(super) fn finish(self) {
        #[cfg(feature = "otel")]
        if let Some(Err(error)) = self.telemetry.map(Telemetry::shutdown)
            && !self.quiet
        {
            output::warn(&error);
        }
    }
}

fn named_receiver() -> Option<&'static str> {
    let environment = Environment::process();
    ENDPOINTS
        .into_iter()
        .find(|variable| environment.get(variable).is_some())
}
