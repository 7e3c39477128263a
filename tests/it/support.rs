//! What several modules share: a pack, an agent, runners around scripts, providers with a habit.

#[cfg(feature = "http")]
pub(crate) mod aimock;
pub(crate) mod folder;
pub(crate) mod mixed;
#[cfg(feature = "http")]
pub(crate) mod server;
pub(crate) mod spans;

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use duologue::call_log::{
    CallLog, CallStatus, LlmLogging, LoggerConfig, MemoryCallLogger, Record, create_llm_logger,
};
use duologue::chat::{Request, Response};
use duologue::env::Environment;
use duologue::prompt::PromptLibrary;
use duologue::provider::{
    CallContext, Provider, ProviderError, Reply, RetryPolicy, ScriptedProvider,
};
use duologue::{AgentRunner, AgentSpec};
use serde_json::{Value, json};

pub(crate) use folder::{CheckedMemory, Folder, folder};

/// The pack `planner` (`system` and `user`, which wants `topic`), and a few odd ones.
pub(crate) fn prompts() -> PromptLibrary {
    PromptLibrary::in_memory([
        ("planner/system.tera", "Plan."),
        ("planner/user.tera", "Topic: {{ topic }}"),
        ("full/developer.tera", "Developer {{ tone }}."),
        ("full/system.tera", "System {{ tone }}."),
        ("full/user.tera", "First {{ topic }}"),
        (
            "full/user_refinement.tera",
            "Again {{ topic }} {{ iteration }}",
        ),
        (
            "full/examples.jsonl",
            "{\"role\":\"user\",\"content\":\"example question\"}\n{\"role\":\"assistant\",\"content\":\"example answer\"}",
        ),
        ("schema/system.tera", "Answer like {{ response_schema }}"),
        ("mute/system.tera", "No user."),
    ])
}

/// An object with a `title` and at least one step.
pub(crate) fn plan_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "steps": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        },
        "required": ["title", "steps"],
        "additionalProperties": false,
    })
}

/// What fits [`plan_schema`].
pub(crate) fn plan() -> Value {
    json!({"title": "Tides", "steps": ["moon"]})
}

/// The agent `planner`, whose answers must fit [`plan_schema`].
pub(crate) fn planner() -> AgentSpec {
    AgentSpec::new("planner", "planner", "gpt-5-mini").with_response_schema(plan_schema())
}

/// The variables of [`planner`].
pub(crate) fn topic() -> Value {
    json!({"topic": "tides"})
}

/// Two retries, a millisecond or two apart.
pub(crate) fn quick() -> RetryPolicy {
    RetryPolicy::default()
        .with_max_retries(2)
        .with_initial_delay(Duration::from_millis(1))
}

/// A runner over a script, with its records in memory.
pub(crate) struct Stage {
    pub(crate) runner: AgentRunner,
    pub(crate) script: ScriptedProvider,
    pub(crate) memory: MemoryCallLogger,
    _checked: CheckedMemory,
}

impl Stage {
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let script = ScriptedProvider::new(replies);
        Self::around(script.clone(), script)
    }

    /// A stage whose runner asks `provider`, which leads to `script`.
    pub(crate) fn around(provider: impl Provider + 'static, script: ScriptedProvider) -> Self {
        let memory = MemoryCallLogger::new();
        let runner = AgentRunner::builder(provider, prompts())
            .logger(memory.clone())
            .retry(quick())
            .build();
        Self {
            runner,
            script,
            _checked: CheckedMemory(memory.clone()),
            memory,
        }
    }

    pub(crate) fn statuses(&self) -> Vec<CallStatus> {
        statuses(&self.memory.records())
    }
}

/// How each call ended; every one must have.
pub(crate) fn statuses(records: &[Record]) -> Vec<CallStatus> {
    records
        .iter()
        .map(|record| record.status.expect("the call has ended"))
        .collect()
}

/// A log below `folder` in the run `run`, deaf to the environment.
pub(crate) fn file_log(folder: &Folder, settings: LlmLogging) -> CallLog {
    create_llm_logger(&LoggerConfig {
        output_dir: folder.path().to_owned(),
        run_id: Some("run".to_owned()),
        llm_logging: settings,
        environment: nothing_set(),
    })
    .unwrap()
}

/// An environment without variables.
pub(crate) fn nothing_set() -> Environment {
    Environment::fixed([("", ""); 0])
}

/// A provider that speaks to `server`.
#[cfg(feature = "http")]
pub(crate) fn over_http(server: &server::Server) -> duologue::provider::OpenAiProvider {
    duologue::provider::OpenAiProvider::builder()
        .base_url(server.base_url())
        .no_api_key()
        .environment(nothing_set())
        .timeout(Duration::from_secs(60))
        .build()
        .unwrap()
}

/// Runs `work` on a thread of its own; a hang is a failure, not a hang of the suite.
pub(crate) fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    let thread = thread::spawn(move || {
        let _ = done.send(work());
    });
    match result.recv_timeout(Duration::from_secs(120)) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().expect_err("nothing was sent"))
        }
    }
}

/// A current-thread tokio runtime with everything on.
pub(crate) fn current_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// A provider made of a function that runs before the inner one is asked.
pub(crate) struct Before<P, F> {
    inner: P,
    first: F,
    calls: AtomicUsize,
}

impl<P, F> Before<P, F> {
    /// `before` gets the number of the call, from 1.
    pub(crate) fn new(inner: P, before: F) -> Self {
        Self {
            inner,
            first: before,
            calls: AtomicUsize::new(0),
        }
    }
}

impl<P, F> fmt::Debug for Before<P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Before")
    }
}

#[async_trait]
impl<P, F, W> Provider for Before<P, F>
where
    P: Provider,
    F: Fn(usize) -> W + Send + Sync,
    W: Future<Output = ()> + Send,
{
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        (self.first)(number).await;
        self.inner.generate_json(request, call).await
    }
}
