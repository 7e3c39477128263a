//! The way to the receiver: `reqwest` on the background runtime, whoever polls.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

use super::delivery::Deliveries;
use crate::background;
use crate::error::with_causes;

/// Exporters are polled on threads without a runtime, so requests run on ours.
#[derive(Debug, Clone)]
pub(super) struct Client {
    anywhere: reqwest::Client,
    this_machine: reqwest::Client,
    deliveries: Arc<Deliveries>,
}

impl Client {
    /// A client whose requests take at most `timeout`.
    pub(super) fn new(timeout: Duration, deliveries: Arc<Deliveries>) -> reqwest::Result<Self> {
        let builder = || {
            reqwest::Client::builder()
                .timeout(timeout)
                .redirect(reqwest::redirect::Policy::none())
        };
        Ok(Self {
            anywhere: builder().build()?,
            this_machine: builder().no_proxy().build()?,
            deliveries,
        })
    }

    fn to(&self, host: &str) -> reqwest::Client {
        let is_near = host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback());
        if is_near {
            self.this_machine.clone()
        } else {
            self.anywhere.clone()
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let client = self.to(request.url().host_str().unwrap_or_default());
        let place = place(request.url());
        let answer = background::handle()?.spawn(async move {
            let answer = client.execute(request).await?;
            let status = answer.status();
            answer.bytes().await.map(|body| (status, body))
        });
        let (status, body) = answer.await?.map_err(|error| {
            let reason = told(&error);
            self.deliveries.because(Some(format!("`{place}` {reason}")));
            reason
        })?;
        let refused = !status.is_success();
        self.deliveries
            .because(refused.then(|| format!("`{place}` answered {status}")));
        Ok(Response::builder().status(status).body(body)?)
    }
}

/// The URL without user, password and query.
fn place(url: &reqwest::Url) -> String {
    let port = url.port().map(|port| format!(":{port}"));
    format!(
        "{}://{}{}{}",
        url.scheme(),
        url.host_str().unwrap_or_default(),
        port.unwrap_or_default(),
        url.path()
    )
}

/// What happened: the causes alone say it.
fn told(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "took too long"
    } else {
        "cannot be reached"
    };
    match error.source() {
        Some(cause) => format!("{what}: {}", with_causes(cause)),
        None => what.to_owned(),
    }
}
