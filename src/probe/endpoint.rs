//! An endpoint that is sent any body, and whose answers are taken whatever they are.

use reqwest::Url;
use serde_json::Value;

use super::{Key, ProbeTarget};
use crate::chat::{Delta, Request, Response, StructuredOutput};
use crate::error::Result;
use crate::provider::{
    CallContext, Delivery, Encoded, HttpAnswer, HttpProvider, HttpService, Progress, Provider,
    ProviderError, StreamDecoder, StructuredOutputMode, Translate,
};

/// What came back.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    /// The `x-ratelimit-*` headers, by name.
    pub(super) rate_limit_headers: Vec<String>,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the request itself was not to the endpoint's liking.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.status, 400 | 404 | 405 | 406 | 415 | 422 | 501)
    }

    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }
}

/// Sends bodies over the transport of all providers: offline guard, timeouts and keys are its own.
pub(super) struct Endpoint {
    provider: HttpProvider<AnyBody>,
    call: CallContext,
}

impl Endpoint {
    pub(super) fn open(target: &ProbeTarget) -> Result<Self> {
        let mut builder = HttpProvider::<AnyBody>::builder()
            .base_url(target.base_url.as_str())
            .timeout(target.timeout)
            .environment(target.environment.clone());
        builder = match &target.key {
            Key::None => builder.no_api_key(),
            Key::Given(key) => builder.api_key(key.clone()),
            Key::In(name) => builder.api_key_env(name),
        };
        for (name, value) in &target.headers {
            builder = builder.header(name, value);
        }
        for (name, value) in &target.query {
            builder = builder.query(name, value);
        }
        Ok(Self {
            provider: builder.build()?,
            call: CallContext::new("probe"),
        })
    }

    pub(super) async fn ask(&self, body: Value) -> std::result::Result<Answer, ProviderError> {
        let mut request = Request::default();
        request.extra.insert(BODY.to_owned(), body);
        let response = self.provider.generate_json(&request, &self.call).await?;
        let data = response.provider_data;
        let status = data.get(STATUS).and_then(Value::as_u64).unwrap_or_default();
        let headers = data.get(HEADERS).and_then(Value::as_array);
        Ok(Answer {
            status: u16::try_from(status).unwrap_or_default(),
            body: response.text,
            rate_limit_headers: headers
                .into_iter()
                .flatten()
                .filter_map(|name| Some(name.as_str()?.to_owned()))
                .collect(),
        })
    }
}

const BODY: &str = "body";
const STATUS: &str = "status";
const HEADERS: &str = "headers";
const RATE_LIMIT_HEADERS: [&str; 9] = [
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
];

/// Chat completions, untranslated.
#[derive(Debug, Clone, Copy, Default)]
struct AnyBody;

impl HttpService for AnyBody {
    const NAME: &'static str = "probe";
    const BASE_URL: Option<&'static str> = None;
    const API_KEY_ENV: Option<&'static str> = None;

    fn endpoint(&self, mut base_url: Url) -> Url {
        let path = base_url.path().trim_end_matches('/').to_owned();
        if !path.ends_with("/chat/completions") {
            base_url.set_path(&format!("{path}/chat/completions"));
        }
        base_url
    }

    fn translator(&self, _: &Url, _: StructuredOutputMode) -> Box<dyn Translate> {
        Box::new(Self)
    }
}

impl Translate for AnyBody {
    fn encode(
        &self,
        request: &Request,
        _: Delivery,
    ) -> std::result::Result<Encoded, ProviderError> {
        Ok(Encoded {
            body: request
                .extra
                .get(BODY)
                .map(Value::to_string)
                .unwrap_or_default()
                .into_bytes(),
            structured_output: StructuredOutput::Prompted,
        })
    }

    fn decode(
        &self,
        answer: &HttpAnswer<'_>,
        _: &str,
    ) -> std::result::Result<Response, ProviderError> {
        let headers: Vec<_> = RATE_LIMIT_HEADERS
            .into_iter()
            .filter(|name| answer.headers.get(name).is_some())
            .collect();
        let mut response = Response::text(String::from_utf8_lossy(answer.body));
        let data = &mut response.provider_data;
        data.insert(STATUS.to_owned(), answer.status.into());
        data.insert(HEADERS.to_owned(), headers.into());
        Ok(response)
    }

    fn stream_decoder(&self, _: &str) -> Box<dyn StreamDecoder> {
        Box::new(Joined::default())
    }
}

/// Puts a stream together again: a probe reads it as the text that it was.
#[derive(Default)]
struct Joined(String);

impl StreamDecoder for Joined {
    fn feed(
        &mut self,
        _: Option<&str>,
        data: &str,
        _: &mut dyn FnMut(&Delta<'_>),
    ) -> std::result::Result<Progress, ProviderError> {
        for part in ["data: ", data, "\n\n"] {
            self.0.push_str(part);
        }
        Ok(Progress::More)
    }

    fn finish(&mut self) -> std::result::Result<Response, ProviderError> {
        let mut response = Response::text(std::mem::take(&mut self.0));
        // What is no success is no stream either.
        response.provider_data.insert(STATUS.to_owned(), 200.into());
        Ok(response)
    }
}
