//! Job files: which agents to run on what, with which provider, and how it is logged.
//!
//! ```yaml
//! run_id: demo                    # default run_YYYYmmdd_HHMMSS_xxxxxx
//! output_dir: artifacts           # relative paths are relative to the job file
//! prompts: prompts
//! prices: prices.yaml            # over the bundled ones
//! budget: {cost_usd: 0.50}       # for all runs together
//! provider: {kind: openai, base_url: "http://127.0.0.1:8080/v1", api_key_env: OPENAI_API_KEY}
//! agent: {llm_logging: {enabled: true, log_level: standard, format: yaml, sanitize: true}}
//! concurrency: 8
//! mcp_servers: {docs: {command: mcp-server-docs, env: {DOCS_KEY: "${DOCS_KEY}"}}}
//! permissions: [{tool: "docs__read_*", action: allow}, {tool: "*", action: ask}]
//! agents:
//!   - {name: planner, prompt_pack: planner, model: gpt-5-mini, variables: {topic: tides}}
//!   - {name: judge, prompt_pack: judge, model: gpt-5-mini, inputs: data/items.jsonl}
//! ```
//!
//! `review: {planner: planner, judge: judge, max_iterations: 3}` sends every input of the planner through a
//! [review loop](crate::flow::review), see [`ReviewConfig`].
//! With `pipeline` in the file, the agents work on documents, stage by stage: see
//! [`Job::run_pipeline`] and [`PipelineConfig`].
//!
//! `provider: {kind: replay, from: artifacts/demo}` answers with the records of an earlier run, see
//! [`replay`](crate::replay). The other kinds are `anthropic`, `azure`, `gemini`, `ollama` and `scripted`, see
//! [`ProviderConfig`]. A `.env` file beside the job file is read below the process's environment. Keys stand in the
//! environment only; the job file names the variable.

mod check;
mod environment;
mod fallback;
mod file;
mod http_config;
mod load;
#[cfg_attr(not(feature = "http"), path = "without_http.rs")]
mod over_http;
mod pipeline;
#[cfg(feature = "http")]
mod probe;
mod provider;
mod review;
mod run;
mod session;
mod tools;

pub use check::JobWarning;
pub use fallback::{CircuitBreakerConfig, FallbackConfig};
pub use file::{
    AgentDefaults, AgentEntry, JobBudget, JobFile, ProviderConfig, ReplayConfig, ScriptedConfig,
};
pub use http_config::{AnthropicConfig, AzureConfig, HttpConfig, OpenAiConfig};
pub use load::{Job, JobAgent, JobOverrides};
pub use pipeline::{
    DocumentsConfig, LimitsConfig, OutputConfig, PipelineConfig, ReworkConfig, StageConfig,
};
pub use provider::Redacted;
pub use review::{CheckConfig, ReviewConfig, ReviewReport};
pub use run::{JobProgress, JobReport, JobResult, JobStatus, ReportedError, ResultStatus};
