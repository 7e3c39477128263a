//! The call log's settings: what a job file says, what is the default, and what the environment
//! may change.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use duologue::call_log::{
    CallLog, Durability, LlmLogging, LogFormat, LogLevel, LoggerConfig, OnError, RunLog, Sanitize,
    Views, create_llm_logger,
};
use duologue::env::Environment;
use duologue::job::{Job, JobOverrides};
use duologue::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use crate::log_support::{child as start, files, read, report_of, run, summary, tell, willing};

use crate::support::folder;

fn overridden(variables: &[(&str, &str)]) -> Result<LlmLogging> {
    LlmLogging::default().overridden_by(&Environment::fixed(variables.to_vec()))
}

/// The settings of a job file whose block `agent.llm_logging` is this.
fn job_settings(block: &Value) -> Result<LlmLogging> {
    let directory = folder();
    let job = json!({
        "provider": {"kind": "scripted", "replies": "replies.yaml"},
        "agent": {"llm_logging": block},
        "agents": [{"name": "planner", "prompt_pack": "planner", "model": "m"}],
    });
    let path = directory.path().join("job.json");
    fs::write(&path, job.to_string()).unwrap();
    Job::load(&path, &JobOverrides::default()).map(|job| job.llm_logging)
}

fn described(error: &Error) -> String {
    assert_eq!(error.kind(), ErrorKind::Config);
    format!("{error:#}")
}

#[test]
fn a_job_without_a_block_logs_everything_that_is_standard() {
    let defaults = LlmLogging {
        enabled: true,
        log_level: LogLevel::Standard,
        format: LogFormat::Yaml,
        sanitize: Sanitize::Switch(true),
        views: Views::All,
        on_error: OnError::Warn,
        durability: Durability::Os,
    };
    assert_eq!(LlmLogging::default(), defaults);
    assert_eq!(job_settings(&json!({})).unwrap(), defaults);
}

#[test]
fn the_block_of_a_job_says_it_all() {
    let settings = job_settings(&json!({
        "enabled": false, "log_level": "full", "format": "json",
        "sanitize": {"secrets": true, "personal_data": false},
        "views": "failed", "on_error": "fail", "durability": "disk",
    }));
    let settings = settings.unwrap();
    assert!(!settings.enabled);
    assert_eq!(settings.log_level, LogLevel::Full);
    assert_eq!(settings.format, LogFormat::Json);
    assert!(
        matches!(&settings.sanitize, Sanitize::Rules(rules) if rules.secrets && !rules.personal_data)
    );
    assert_eq!(settings.views, Views::Failed);
    assert_eq!(settings.on_error, OnError::Fail);
    assert_eq!(settings.durability, Durability::Disk);
    let again: LlmLogging =
        serde_json::from_value(serde_json::to_value(&settings).unwrap()).unwrap();
    assert_eq!(again, settings);
}

#[test]
fn a_mistake_in_the_block_names_the_key_and_what_is_allowed() {
    for (block, place, allowed) in [
        (
            json!({"log_levl": "full"}),
            "log_levl",
            "did you mean `log_level`?",
        ),
        (
            json!({"log_level": "fulll"}),
            "agent.llm_logging.log_level",
            "allowed: `minimal`, `standard`, `full`",
        ),
        (
            json!({"format": "xml"}),
            "agent.llm_logging.format",
            "`yaml`",
        ),
        (
            json!({"views": "some"}),
            "agent.llm_logging.views",
            "`failed`",
        ),
        (
            json!({"on_error": "panic"}),
            "agent.llm_logging.on_error",
            "`warn`",
        ),
        (
            json!({"durability": 1}),
            "agent.llm_logging.durability",
            "1",
        ),
        (
            json!({"enabled": "yes"}),
            "agent.llm_logging.enabled",
            "allowed: `true` or `false`",
        ),
        (
            json!({"sanitize": "yes"}),
            "agent.llm_logging.sanitize",
            "`true`, `false`, or a mapping",
        ),
        (
            json!({"sanitize": {"secrts": true}}),
            "agent.llm_logging.sanitize",
            "did you mean `secrets`?",
        ),
        (
            json!({"sanitize": null}),
            "agent.llm_logging.sanitize",
            "`true`, `false`, or a mapping",
        ),
    ] {
        let text = described(&job_settings(&block).unwrap_err());
        assert!(
            text.contains(place) && text.contains(allowed),
            "{block}: {text}"
        );
        assert!(text.contains("job.json"), "{text}");
    }
}

#[test]
fn the_environment_beats_the_job() {
    let settings = overridden(&[
        ("DUOLOGUE_LLM_LOG_LEVEL", "MiniMal"),
        ("DUOLOGUE_LLM_LOG_FORMAT", "JSON"),
    ]);
    let settings = settings.unwrap();
    assert_eq!(settings.log_level, LogLevel::Minimal);
    assert_eq!(settings.format, LogFormat::Json);
    assert!(settings.enabled);
    for (value, enabled) in [
        ("1", false),
        ("true", false),
        ("Yes", false),
        ("ON", false),
        ("0", true),
        ("False", true),
        ("no", true),
        ("OFF", true),
        ("", true),
    ] {
        let settings = overridden(&[("DUOLOGUE_DISABLE_LLM_LOGGING", value)]).unwrap();
        assert_eq!(settings.enabled, enabled, "{value:?}");
    }
}

#[test]
fn the_environment_cannot_switch_on_what_the_job_switched_off() {
    let off = LlmLogging {
        enabled: false,
        ..LlmLogging::default()
    };
    let environment = Environment::fixed([("DUOLOGUE_DISABLE_LLM_LOGGING", "0")]);
    assert!(!off.overridden_by(&environment).unwrap().enabled);
}

#[test]
fn a_twin_counts_where_ours_is_not_set() {
    let level = |variables: &[(&str, &str)]| overridden(variables).unwrap().log_level;
    let (ours, twin) = ("DUOLOGUE_LLM_LOG_LEVEL", "TWINKLR_LLM_LOG_LEVEL");
    assert_eq!(level(&[(twin, "full")]), LogLevel::Full);
    assert_eq!(level(&[(ours, ""), (twin, "full")]), LogLevel::Full);
    assert_eq!(
        level(&[(ours, "minimal"), (twin, "full")]),
        LogLevel::Minimal
    );
    assert_eq!(
        level(&[(ours, "minimal"), (twin, "nonsense")]),
        LogLevel::Minimal
    );
    assert_eq!(level(&[(ours, ""), (twin, "")]), LogLevel::Standard);
    let switch = |value| {
        [
            ("DUOLOGUE_DISABLE_LLM_LOGGING", value),
            ("TWINKLR_DISABLE_LLM_LOGGING", "1"),
        ]
    };
    assert!(overridden(&switch("0")).unwrap().enabled);
    assert!(!overridden(&switch("")).unwrap().enabled);
    let format = overridden(&[("TWINKLR_LLM_LOG_FORMAT", "json")])
        .unwrap()
        .format;
    assert_eq!(format, LogFormat::Json);
}

#[test]
fn a_value_that_is_not_allowed_names_the_variable_the_value_and_what_is() {
    for (variable, allowed) in [
        ("DISABLE_LLM_LOGGING", "`1`, `true`, `yes`, `on`"),
        ("LLM_LOG_LEVEL", "`minimal`, `standard`, `full`"),
        ("LLM_LOG_FORMAT", "`yaml`, `json`"),
    ] {
        for name in [
            format!("DUOLOGUE_{variable}"),
            format!("TWINKLR_{variable}"),
        ] {
            for value in ["minimum", " full", "2", "none"] {
                let text = described(&overridden(&[(&name, value)]).unwrap_err());
                for part in [&format!("`{name}`"), &format!("`{value}`"), allowed] {
                    assert!(text.contains(part), "{text}");
                }
            }
        }
    }
}

#[test]
fn a_bad_value_leaves_nothing_on_disk_even_where_logging_is_off() {
    let directory = folder();
    for enabled in [true, false] {
        let mut config = config(directory.path(), &[("DUOLOGUE_LLM_LOG_LEVEL", "ful")]);
        config.llm_logging.enabled = enabled;
        described(&create_llm_logger(&config).unwrap_err());
    }
    assert!(files(directory.path()).is_empty());
}

fn config(output_dir: &Path, variables: &[(&str, &str)]) -> LoggerConfig {
    LoggerConfig {
        output_dir: output_dir.to_owned(),
        run_id: Some("run".to_owned()),
        llm_logging: LlmLogging::default(),
        environment: Environment::fixed(variables.to_vec()),
    }
}

/// A log after one call, flushed.
fn used(config: &LoggerConfig) -> CallLog {
    let log = create_llm_logger(config).unwrap();
    run(&willing(log.clone()), "planner", 1);
    log.flush_blocking().unwrap();
    log
}

#[test]
fn a_log_that_is_off_writes_nothing_and_still_has_a_run_id() {
    let directory = folder();
    let log = used(&config(
        directory.path(),
        &[("DUOLOGUE_DISABLE_LLM_LOGGING", "on")],
    ));
    assert!(!log.is_on());
    assert_eq!(log.run_id(), "run");
    assert!(files(directory.path()).is_empty());
}

#[test]
fn the_environment_decides_what_is_written() {
    let directory = folder();
    let variables = [
        ("DUOLOGUE_LLM_LOG_LEVEL", "Minimal"),
        ("TWINKLR_LLM_LOG_FORMAT", "Json"),
    ];
    used(&config(directory.path(), &variables));
    let place = directory.path().join("run");
    let log = read(&place);
    assert!(log.records()[0].messages.is_empty());
    assert!(place.join("llm_calls/call_001_planner.json").exists());
    assert_eq!(log.summary().log_level, "minimal");
}

#[test]
fn two_runs_without_an_id_get_different_ones() {
    let directory = folder();
    let config = LoggerConfig {
        run_id: None,
        ..config(directory.path(), &[])
    };
    let (first, second) = (used(&config), used(&config));
    assert_ne!(first.run_id(), second.run_id());
    for log in [first, second] {
        let (date, time) = log
            .run_id()
            .strip_prefix("run_")
            .unwrap()
            .split_once('_')
            .unwrap();
        assert_eq!((date.len(), time.len()), (8, 13), "{}", log.run_id());
        let place = directory.path().join(log.run_id());
        assert_eq!(summary(&place).run_id, log.run_id());
        assert_eq!(RunLog::open(place).unwrap().records().len(), 1);
    }
}

/// No variable of ours, or of its twins, whatever its name, weakens the sanitizer.
#[test]
fn the_environment_cannot_switch_the_sanitizer_off() {
    let words = [
        "SANITIZE",
        "LLM_SANITIZE",
        "LLM_LOG_SANITIZE",
        "LLM_LOGGING_SANITIZE",
        "DISABLE_SANITIZE",
    ];
    let names = words.map(|word| [format!("DUOLOGUE_{word}"), format!("TWINKLR_{word}")]);
    for value in ["0", "false", "off", "no"] {
        let variables: Vec<(&str, &str)> = names
            .iter()
            .flatten()
            .map(|name| (name.as_str(), value))
            .collect();
        assert_eq!(overridden(&variables).unwrap(), LlmLogging::default());
    }
}

/// The child: opens a log as the process's own environment says.
pub(crate) fn child(directory: &Path) {
    let config = LoggerConfig {
        environment: Environment::process(),
        ..config(directory, &[])
    };
    let report = match create_llm_logger(&config) {
        Ok(log) => json!({"on": log.is_on()}),
        Err(error) => json!({"error": described(&error)}),
    };
    tell(&report.to_string());
}

#[test]
fn the_variables_of_the_process_are_read() {
    let directory = folder();
    let with = |name: &str, value: &std::ffi::OsStr| {
        let mut command = start("environment", directory.path());
        command.env(name, value);
        report_of(command)
    };
    assert_eq!(
        with("DUOLOGUE_DISABLE_LLM_LOGGING", "yes".as_ref()),
        json!({"on": false})
    );
    assert_eq!(
        with("TWINKLR_DISABLE_LLM_LOGGING", "no".as_ref()),
        json!({"on": true})
    );
    let report = with("DUOLOGUE_LLM_LOG_LEVEL", "fulll".as_ref());
    assert!(report["error"].as_str().unwrap().contains("`fulll`"));
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let report = with(
            "DUOLOGUE_LLM_LOG_LEVEL",
            std::ffi::OsStr::from_bytes(b"full\xff"),
        );
        assert!(
            report["error"]
                .as_str()
                .unwrap()
                .contains("`DUOLOGUE_LLM_LOG_LEVEL`"),
            "{report}"
        );
    }
}
