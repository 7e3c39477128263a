//! What an endpoint really enforces: a handful of tiny requests, and the [`EndpointProfile`] they give.
//!
//! Servers that speak chat completions differ in what they take and, worse, in what they pass over
//! without a word. A probe asks each question with a prompt that contradicts what is to be enforced,
//! so that an answer which fits was enforced. The provider reads the profile:
//! [`profile`](crate::provider::HttpProviderBuilder::profile), or `profile` in a job file.
//!
//! | request | asks for |
//! |---|---|
//! | 1 | a count beyond `max_completion_tokens` |
//! | 2 | the same with `max_tokens` |
//! | 3 | prose, with the role `developer` |
//! | 4, 5 | prose, with a `json_schema`, and with a `strict` one |
//! | 6 | prose, with `json_object` |
//! | 7, 8 | a call of a tool with arguments that do not fit, and of a `strict` one |
//! | 9 | a stream with `stream_options`; without them where that is refused |
//! | 10 | prose, with a field that nobody knows |
//! | 11 | prose of a model that is not there |
//! | 12 | prose, with a `temperature` that is a text |

mod endpoint;
mod failures;
mod judge;
mod questions;

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use crate::chat::Usage;
use crate::clock::{Clock, SystemClock, rfc3339};
use crate::env::Environment;
use crate::error::Result;
use crate::provider::{EndpointProfile, Finding, ProviderError, Verdict};
use endpoint::{Answer, Endpoint};
use questions::{Limit, Question};

/// The most requests that one probe sends.
pub const MOST_REQUESTS: usize = 13;
/// The most tokens that the model may write in one answer.
pub const MOST_OUTPUT_TOKENS: u32 = 200;

/// The endpoint to probe.
#[derive(Clone)]
#[must_use]
pub struct ProbeTarget {
    pub(crate) base_url: String,
    pub(crate) model: String,
    pub(crate) key: Key,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) timeout: Duration,
    pub(crate) environment: Environment,
}

/// Where the key comes from.
#[derive(Clone)]
pub(crate) enum Key {
    None,
    Given(SecretString),
    In(String),
}

impl ProbeTarget {
    /// The endpoint at `base_url` (up to `/v1`), asked for `model`; no key.
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            model: model.into(),
            key: Key::None,
            headers: Vec::new(),
            query: Vec::new(),
            timeout: Duration::from_secs(60),
            environment: Environment::process(),
        }
    }

    /// The key itself.
    pub fn api_key(mut self, key: impl Into<SecretString>) -> Self {
        self.key = Key::Given(key.into());
        self
    }

    /// The environment variable that holds the key.
    pub fn api_key_env(mut self, name: impl Into<String>) -> Self {
        self.key = Key::In(name.into());
        self
    }

    /// A further header of every request.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A further query parameter of every request.
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// How long one request may take. Default: 60 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Where keys and `DUOLOGUE_OFFLINE` are looked up. Default: this process's environment.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// The model that is asked.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Where the endpoint is, without the query that may hold a key.
    pub fn address(&self) -> &str {
        let url = self.base_url.trim();
        url.split(['?', '#']).next().unwrap_or(url)
    }
}

/// Debug hides the key, headers and parameters.
impl fmt::Debug for ProbeTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeTarget")
            .field("model", &self.model)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Asks the endpoint at `target` at most [`MOST_REQUESTS`] tiny questions.
///
/// What cannot be told is [`Verdict::Unknown`]; an endpoint that does not answer at all, does not let
/// us in or does not know the model is an error. No key is in the profile.
///
/// ```
/// use duologue::ErrorKind;
/// use duologue::env::Environment;
/// use duologue::probe::{ProbeTarget, probe};
///
/// let offline = Environment::fixed([("DUOLOGUE_OFFLINE", "1")]);
/// let target = ProbeTarget::new("http://127.0.0.1:8080/v1", "llama").environment(offline);
/// let error = pollster::block_on(probe(target)).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Offline);
/// ```
///
/// # Errors
/// [`ErrorKind`](crate::ErrorKind) `Config` and `Auth` for a target that cannot be asked, `Offline`
/// under `DUOLOGUE_OFFLINE`, else as of a call that failed.
pub async fn probe(target: ProbeTarget) -> Result<EndpointProfile> {
    let endpoint = Endpoint::open(&target)?;
    let mut probe = Probe {
        profile: EndpointProfile {
            base_url: target.address().to_owned(),
            model: target.model.clone(),
            probed_at: rfc3339(SystemClock.now()),
            ..EndpointProfile::default()
        },
        endpoint,
        limit: Limit::Newer,
    };
    probe.limits().await?;
    probe.roles_and_formats().await;
    probe.tools().await;
    probe.streams().await;
    probe.failures().await;
    Ok(probe.profile)
}

struct Probe {
    endpoint: Endpoint,
    profile: EndpointProfile,
    /// The field that goes with every later request.
    limit: Limit,
}

impl Probe {
    async fn ask(&mut self, question: Question) -> std::result::Result<Answer, ProviderError> {
        self.profile.requests += 1;
        let answer = self.endpoint.ask(question.body).await?;
        self.profile.usage = [self.profile.usage, judge::usage(&answer)]
            .into_iter()
            .sum::<Usage>();
        for name in &answer.rate_limit_headers {
            if !self.profile.rate_limit_headers.contains(name) {
                self.profile.rate_limit_headers.push(name.clone());
            }
        }
        Ok(answer)
    }

    /// One finding: what `judge` makes of the answer; a failure of the endpoint's own says nothing.
    async fn find(&mut self, question: Question, judge: fn(&Answer) -> Finding) -> Finding {
        match self.ask(question).await {
            Ok(answer) => match judge::inconclusive(&answer) {
                Some(finding) => finding,
                None => judge(&answer),
            },
            Err(error) => Finding::new(Verdict::Unknown, format!("no answer: {error}")),
        }
    }

    /// The first two questions: whoever answers neither is not probed further.
    async fn limits(&mut self) -> Result<()> {
        let model = self.profile.model.clone();
        let newer = self.ask(questions::count(&model, Limit::Newer)).await?;
        if !judge::ran_into_the_limit(&newer) {
            failures::let_in(&newer, &model)?;
        }
        let older = self.ask(questions::count(&model, Limit::Older)).await?;
        let is_taken = |answer: &Answer| answer.is_success() || judge::ran_into_the_limit(answer);
        if !is_taken(&newer) && !is_taken(&older) {
            return Err(failures::failure(&older, &model).into());
        }
        let judged = |answer: &Answer| match judge::inconclusive(answer) {
            Some(_) if judge::ran_into_the_limit(answer) => judge::held(answer),
            Some(finding) => finding,
            None => judge::limited(answer),
        };
        self.profile.findings.max_completion_tokens = judged(&newer);
        self.profile.findings.max_tokens = judged(&older);
        let newer_limits = self.profile.findings.max_completion_tokens.verdict == Verdict::Yes;
        if !is_taken(&newer) || !newer_limits && is_taken(&older) {
            self.limit = Limit::Older;
        }
        Ok(())
    }

    async fn roles_and_formats(&mut self) {
        let (model, limit) = (self.profile.model.clone(), self.limit);
        let found = self
            .find(questions::developer(&model, limit), judge::taken)
            .await;
        self.profile.findings.developer_role = found;
        let question = questions::json_schema(&model, limit, None);
        self.profile.findings.json_schema = self.find(question, judge::fits_schema).await;
        let question = questions::json_schema(&model, limit, Some(true));
        self.profile.findings.strict = self.find(question, judge::fits_schema).await;
        let question = questions::json_object(&model, limit);
        self.profile.findings.json_object = self.find(question, judge::is_object).await;
    }

    async fn tools(&mut self) {
        let question = questions::tool(&self.profile.model, self.limit, None);
        let (tools, tool_schema) = match self.ask(question).await {
            Ok(answer) => match judge::inconclusive(&answer) {
                Some(finding) => (finding.clone(), finding),
                None => (judge::calls_tool(&answer), judge::fits_tool(&answer)),
            },
            Err(error) => {
                let finding = Finding::new(Verdict::Unknown, format!("no answer: {error}"));
                (finding.clone(), finding)
            }
        };
        self.profile.findings.tools = tools;
        self.profile.findings.tool_schema = tool_schema;
        let question = questions::tool(&self.profile.model, self.limit, Some(true));
        self.profile.findings.strict_tools = self.find(question, judge::fits_tool).await;
    }

    async fn streams(&mut self) {
        let (model, limit) = (self.profile.model.clone(), self.limit);
        let asked = self.ask(questions::stream(&model, limit, true)).await;
        let refused = asked.as_ref().is_ok_and(Answer::is_refused);
        self.profile.findings.stream_usage = of(&asked, judge::stream_usage);
        self.profile.findings.streaming = if refused {
            self.find(questions::stream(&model, limit, false), judge::streams)
                .await
        } else {
            of(&asked, judge::streams)
        };
    }

    async fn failures(&mut self) {
        let (model, limit) = (self.profile.model.clone(), self.limit);
        let question = questions::unknown_field(&model, limit);
        self.profile.findings.refuses_unknown_fields = self.find(question, judge::refused).await;
        let bad_model = self.ask(questions::bad_model(limit)).await;
        self.profile.errors.bad_model = bad_model.ok().map(|answer| failures::shape(&answer));
        let bad_field = self.ask(questions::bad_field(&model, limit)).await;
        self.profile.errors.bad_field = bad_field.ok().map(|answer| failures::shape(&answer));
    }
}

fn of(
    asked: &std::result::Result<Answer, ProviderError>,
    judge: fn(&Answer) -> Finding,
) -> Finding {
    match asked {
        Ok(answer) => judge::inconclusive(answer).unwrap_or_else(|| judge(answer)),
        Err(error) => Finding::new(Verdict::Unknown, format!("no answer: {error}")),
    }
}
