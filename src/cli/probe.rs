//! `duologue probe`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::progress::tokens;
use super::run::refuse_unclear_guard;
use super::{SUCCESS, output};
use crate::error::{Error, ErrorKind, Result};
use crate::job::{Job, JobOverrides};
use crate::pricing::PriceTable;
use crate::probe::{MOST_OUTPUT_TOKENS, MOST_REQUESTS, ProbeTarget, probe};
use crate::provider::EndpointProfile;
use crate::text::counted;

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Probe {
    /// A job file, or the endpoint's base URL (up to `/v1`).
    #[arg(value_name = "JOB|URL")]
    target: String,
    /// The model to ask. Default: that of the job's first agent.
    #[arg(long)]
    model: Option<String>,
    /// The environment variable that holds the key. Default: the job's, none for a URL.
    #[arg(long, value_name = "NAME")]
    api_key_env: Option<String>,
    /// The dialect that the endpoint speaks.
    #[arg(long, value_enum, default_value = "openai")]
    kind: Kind,
    /// Write the profile here: YAML, or JSON where the name ends in `.json`. Default: YAML on stdout.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print the profile as JSON on stdout.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Chat completions.
    #[value(name = "openai")]
    OpenAi,
}

const HELP: &str = "\
It sends at most 13 requests, each with a prompt of a line or two and an answer of at most 200 tokens:
  1, 2   a count beyond `max_completion_tokens`, then beyond `max_tokens`
  3      the role `developer`
  4, 5   a `json_schema` that the prompt contradicts, then a `strict` one
  6      `json_object`, where the prompt asks for prose
  7, 8   a tool whose arguments the prompt gets wrong, then a `strict` one
  9      a stream with `stream_options`, and without them where they are refused
  10-12  a field that nobody knows, a model that is not there, a temperature that is a text

Examples:
  duologue probe job.yaml --output profiles/local.yaml
  duologue probe http://127.0.0.1:8080/v1 --model llama
  duologue probe https://api.openai.com/v1 --model gpt-5-mini --api-key-env OPENAI_API_KEY --json

A job uses a profile by `provider: {kind: openai, profile: profiles/local.yaml}`.
Exit code: 0 when the endpoint could be probed, 1 when it failed, 2 when something here is wrong.";

impl Probe {
    pub(super) fn execute(self) -> Result<u8> {
        refuse_unclear_guard()?;
        let Kind::OpenAi = self.kind;
        let target = self.target()?;
        if let Some(path) = &self.output {
            make_room(path)?;
        }
        output::say(&format!(
            "probing `{}`, model `{}`: at most {MOST_REQUESTS} requests, each answered with at most {MOST_OUTPUT_TOKENS} tokens",
            target.address(),
            target.model()
        ));
        let profile = pollster::block_on(probe(target))?;
        self.write(&profile)?;
        output::say(&spent(&profile));
        Ok(SUCCESS)
    }

    fn target(&self) -> Result<ProbeTarget> {
        let is_url = ["http://", "https://"]
            .iter()
            .any(|scheme| self.target.trim_start().starts_with(scheme));
        let target = if is_url {
            let Some(model) = &self.model else {
                return Err(Error::new(ErrorKind::Config, "no model is given")
                    .with_hint("add `--model NAME`; a job file would say which"));
            };
            ProbeTarget::new(&self.target, model)
        } else {
            let job = Job::load(&self.target, &JobOverrides::default())?;
            job.probe_target(self.model.as_deref())?
        };
        Ok(match &self.api_key_env {
            Some(name) => target.api_key_env(name),
            None => target,
        })
    }

    fn write(&self, profile: &EndpointProfile) -> Result<()> {
        if self.json {
            output::print_json(profile)?;
        }
        let Some(path) = &self.output else {
            return if self.json {
                Ok(())
            } else {
                output::print(&profile.to_yaml()?)
            };
        };
        let is_json = path.extension().is_some_and(|ending| ending == "json");
        let text = if is_json {
            output::json_text(profile)?
        } else {
            profile.to_yaml()?
        };
        std::fs::write(path, text).map_err(|error| unwritable(path, error))?;
        if !self.json {
            output::print(&output::table(&rows(profile)))?;
        }
        output::say(&format!("written to `{}`", path.display()));
        Ok(())
    }
}

/// Before a request is paid for.
fn make_room(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) => std::fs::create_dir_all(folder).map_err(|error| unwritable(path, error)),
        None => Ok(()),
    }
}

fn unwritable(path: &Path, error: std::io::Error) -> Error {
    let message = format!("`{}` cannot be written", path.display());
    Error::new(ErrorKind::Config, message)
        .with_source(error)
        .with_hint("choose another `--output`")
}

fn rows(profile: &EndpointProfile) -> Vec<Vec<String>> {
    profile
        .findings
        .iter()
        .map(|(name, finding)| {
            let verdict = finding.verdict.as_str();
            vec![
                name.to_owned(),
                verdict.to_owned(),
                finding.evidence.clone(),
            ]
        })
        .collect()
}

fn spent(profile: &EndpointProfile) -> String {
    let requests = counted(profile.requests, "request");
    let cost = PriceTable::bundled().cost(&profile.model, None, &profile.usage);
    let cost = match cost {
        Some(cost) => format!("about {cost}"),
        None => "at a price that is not known".to_owned(),
    };
    format!("{requests}, {}, {cost}", tokens(&profile.usage))
}
