//! What stands beside the stages of a job file: documents, output and limits.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::config::{DocumentsConfig, LimitsConfig, OutputConfig, StageConfig};
use super::plan::{Surroundings, spec_of};
use crate::agent::AgentSpec;
use crate::config;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::pipeline::{Limits, Output};
use crate::job::file::not_allowed;
use crate::text;

/// The path of documents that stands for standard input.
const STDIN: &str = "-";

/// The error for what does not go together.
pub(super) fn wrong(origin: &str, key: &str, problem: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("{origin}, key `{key}`: {problem}"),
    )
}

pub(super) fn read_documents(value: Value, job: &Surroundings<'_>) -> Result<DocumentsConfig> {
    let key = "pipeline.documents";
    let mut documents = match value {
        Value::String(path) => DocumentsConfig {
            path: path.into(),
            ..DocumentsConfig::default()
        },
        value @ Value::Object(_) => config::from_value_at(value, job.origin, key)?,
        other => {
            let allowed = "a path, or a mapping with `path`";
            return Err(not_allowed(job.origin, key, &other, allowed));
        }
    };
    if documents.path.as_os_str().is_empty() {
        let allowed = "a .json, .jsonl, .csv or .tsv file, a folder, a glob, or `-`";
        return Err(not_allowed(job.origin, key, &Value::Null, allowed));
    }
    if documents.max_bytes == Some(0) {
        let key = "pipeline.documents.max_bytes";
        return Err(not_allowed(job.origin, key, &0.into(), "1 or more"));
    }
    if documents.path != Path::new(STDIN) {
        documents.path = config::tidy(&job.base.join(&documents.path));
    }
    Ok(documents)
}

pub(super) fn read_output(output: OutputConfig, job: &Surroundings<'_>) -> Result<Output> {
    let keys = [
        ("body", Some(&output.body)),
        ("name", output.name.as_ref()),
        ("extension", output.extension.as_ref()),
    ];
    for (key, value) in keys {
        if value.is_some_and(|value| value.trim().is_empty()) {
            let key = format!("pipeline.output.{key}");
            let allowed = "a key of an answer";
            return Err(not_allowed(job.origin, &key, &Value::Null, allowed));
        }
    }
    if output.extensions.as_ref().is_some_and(Vec::is_empty) {
        let (key, empty) = ("pipeline.output.extensions", Value::Array(Vec::new()));
        let allowed = "at least one extension; leave the key out for any";
        return Err(not_allowed(job.origin, key, &empty, allowed));
    }
    Ok(Output {
        directory: output.dir.map(|dir| config::tidy(&job.base.join(dir))),
        body: output.body,
        name: output.name,
        extension: output.extension,
        extensions: output.extensions,
    })
}

pub(super) fn read_limits(
    limits: LimitsConfig,
    stages: &[StageConfig],
    job: &Surroundings<'_>,
) -> Result<Limits> {
    let working: Vec<&AgentSpec> = stages
        .iter()
        .filter_map(|stage| spec_of(stage.agent.as_deref()?, job.agents))
        .collect();
    let models: BTreeSet<&str> = working.iter().map(|spec| spec.model.as_str()).collect();
    let agents: BTreeSet<&str> = working.iter().map(|spec| spec.name.as_str()).collect();
    let of_documents = limits
        .documents
        .map(|limit| ("documents".to_owned(), limit));
    let named = |kind: &'static str| {
        move |(name, limit): (&String, &usize)| (format!("{kind}.{name}"), *limit)
    };
    let all = of_documents
        .into_iter()
        .chain(limits.models.iter().map(named("models")))
        .chain(limits.agents.iter().map(named("agents")));
    for (key, limit) in all {
        if limit == 0 {
            let key = format!("limits.{key}");
            return Err(not_allowed(job.origin, &key, &0.into(), "1 or more"));
        }
    }
    for (kind, names, known) in [
        ("models", &limits.models, models),
        ("agents", &limits.agents, agents),
    ] {
        if let Some(name) = names.keys().find(|name| !known.contains(name.as_str())) {
            let key = format!("limits.{kind}.{name}");
            let problem = format!("no stage works with `{name}`");
            return Err(wrong(job.origin, &key, &problem)
                .with_hint(text::did_you_mean(name, known.iter().copied())));
        }
    }
    Ok(Limits {
        documents: limits.documents.unwrap_or(Limits::default().documents),
        models: limits.models,
        agents: limits.agents,
    })
}
