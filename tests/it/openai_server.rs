//! Against an OpenAI-compatible server that was not written here (aimock, from npm).

use std::path::Path;
#[cfg(feature = "cli")]
use std::process::Command;

use duologue::call_log::{CallStatus, Record, RunLog};
use duologue::job::{Job, JobOverrides, JobReport, JobStatus, ResultStatus};
use duologue::{AgentSpec, ErrorKind, blocking};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::support::aimock::{Aimock, KEY};
use crate::support::{Folder, folder};

/// A job folder with these agents, as YAML lines.
fn job(server: &Aimock, key: &str, agents: &str) -> Folder {
    let folder = folder();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = format!(
        "run_id: real\nprompts: {prompts}\nprovider: {{kind: openai, base_url: \"{url}/v1\", api_key_env: SUITE_KEY, max_retries: 2}}\n\
         agent: {{llm_logging: {{log_level: full}}}}\nagents:\n{agents}",
        prompts = root.join("prompts").display(),
        url = server.url,
    )
    .replace("SCHEMAS", &root.join("examples/jobs/schemas").display().to_string());
    std::fs::write(folder.path().join("job.yaml"), text).expect("the job is written");
    std::fs::write(folder.path().join(".env"), format!("SUITE_KEY={key}\n"))
        .expect("the key is written");
    folder
}

fn load(folder: &Folder) -> Job {
    Job::load(folder.path().join("job.yaml"), &JobOverrides::default()).expect("the job is fine")
}

fn run(folder: &Folder) -> (JobReport, Vec<Record>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let report = runtime
        .block_on(load(folder).run(&CancellationToken::new(), &|_| {}))
        .expect("the job runs");
    let records = RunLog::open(folder.path().join("artifacts/real"))
        .expect("the run is logged")
        .records()
        .to_vec();
    (report, records)
}

fn attempts(records: &[Record]) -> usize {
    records.iter().map(|record| record.attempts.len()).sum()
}

const PLANNER: &str = "  - {name: planner, prompt_pack: planner, model: planner-model, response_schema: SCHEMAS/plan.json, variables: {topic: tides}}\n";
const JUDGE: &str = "  - {name: judge, prompt_pack: judge, model: judge-model, response_schema: SCHEMAS/verdict.json, variables: {item: a plan}}\n";

#[test]
fn the_main_job_retries_repairs_and_records_what_the_server_saw() {
    let Some(server) = Aimock::start("job.json") else {
        return;
    };
    let folder = job(&server, KEY, &format!("{PLANNER}{JUDGE}"));
    let (report, records) = run(&folder);

    assert_eq!(report.status, JobStatus::Succeeded, "{report:#?}");
    assert_eq!(
        report.results[0].data.as_ref().expect("a plan")["title"],
        "Tides"
    );
    assert_eq!(
        report.results[1].data.as_ref().expect("a verdict")["verdict"],
        "approve"
    );
    assert_eq!(report.usage.total_tokens(), Some(140 + 70 + 100));
    assert_eq!(
        attempts(&records),
        server.requests("/v1/chat/completions"),
        "attempts in the records are requests on the wire"
    );
    let planner: Vec<_> = records
        .iter()
        .filter(|record| record.agent == "planner")
        .collect();
    assert_eq!(
        planner[0]
            .attempts
            .iter()
            .map(|attempt| attempt.status)
            .collect::<Vec<_>>(),
        [Some(429), Some(200)]
    );
    let judge: Vec<_> = records
        .iter()
        .filter(|record| record.agent == "judge")
        .collect();
    assert_eq!(
        judge.iter().map(|record| record.status).collect::<Vec<_>>(),
        [Some(CallStatus::Invalid), Some(CallStatus::Succeeded)]
    );
    assert_eq!(
        judge[0].validation_errors.len(),
        3,
        "{:?}",
        judge[0].validation_errors
    );
}

#[test]
fn no_file_of_a_run_holds_the_key() {
    let Some(server) = Aimock::start("job.json") else {
        return;
    };
    let folder = job(&server, KEY, PLANNER);
    let (_, records) = run(&folder);
    assert!(!records[0].wire.is_empty(), "level full keeps the wire");
    let mut folders = vec![folder.path().join("artifacts")];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a folder").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
                assert!(
                    !text.contains(KEY),
                    "the key is in {}",
                    entry.path().display()
                );
            }
        }
    }
}

#[test]
fn a_wrong_key_fails_at_once_and_says_so() {
    let Some(server) = Aimock::start("job.json") else {
        return;
    };
    let folder = job(&server, "some-other-key", PLANNER);
    let (report, records) = run(&folder);
    assert_eq!(report.status, JobStatus::Failed);
    assert_eq!(
        report.results[0].error.as_ref().expect("an error").kind,
        ErrorKind::Auth
    );
    assert_eq!(attempts(&records), 1, "a wrong key is not tried again");
}

#[test]
fn a_server_on_fire_is_tried_again_and_then_given_up() {
    let Some(server) = Aimock::start("job.json") else {
        return;
    };
    let agent = PLANNER.replace("planner-model", "broken-model");
    let folder = job(&server, KEY, &agent);
    let (report, records) = run(&folder);
    assert_eq!(report.results[0].status, ResultStatus::Failed);
    assert_eq!(
        report.results[0].error.as_ref().expect("an error").kind,
        ErrorKind::Unavailable
    );
    assert_eq!(attempts(&records), 3, "one attempt and two retries");
    assert_eq!(server.requests("/v1/chat/completions"), 3);
}

#[test]
fn reasoning_that_ate_the_budget_is_a_truncation() {
    let Some(server) = Aimock::start("job.json") else {
        return;
    };
    let agent = PLANNER.replace("planner-model", "reasoning-model");
    let folder = job(&server, KEY, &agent);
    let (report, records) = run(&folder);
    assert_eq!(
        report.results[0].error.as_ref().expect("an error").kind,
        ErrorKind::Truncated
    );
    assert_eq!(records[0].status, Some(CallStatus::Truncated));
    assert_eq!(
        records[0].usage.output_tokens,
        Some(64),
        "tokens spent are known all the same"
    );
}

#[test]
fn the_blocking_face_gives_the_same_answer_from_a_thread() {
    let Some(server) = Aimock::start("job.json") else {
        return;
    };
    let folder = job(&server, KEY, JUDGE);
    let job = load(&folder);
    let runner = blocking::AgentRunner::from(job.runner().expect("a runner"));
    let spec: &AgentSpec = &job.agents[0].spec;
    let verdicts: Vec<Value> = std::thread::scope(|scope| {
        let thread = || {
            scope.spawn(|| {
                runner
                    .run(spec, serde_json::json!({}))
                    .expect("a verdict")
                    .data
            })
        };
        [thread(), thread(), thread()]
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    assert!(
        verdicts
            .iter()
            .all(|verdict| verdict["verdict"] == "approve")
    );
    assert_eq!(
        server.requests("/v1/chat/completions"),
        6,
        "an answer and its repair for each of three threads"
    );
}

#[cfg(feature = "cli")]
#[test]
fn what_a_server_answered_replays_when_it_is_gone_and_no_request_may_leave() {
    let Some(server) = Aimock::start("job.json") else {
        return;
    };
    let agent = |name: &str, model: &str| {
        PLANNER
            .replace("name: planner,", &format!("name: {name},"))
            .replace("planner-model", model)
    };
    let agents = [
        PLANNER,
        JUDGE,
        &agent("busy", "broken-model"),
        &agent("thinker", "reasoning-model"),
    ];
    let folder = job(&server, KEY, &agents.concat());
    let (report, recorded) = run(&folder);
    assert_eq!(report.status, JobStatus::Partial, "{report:#?}");
    drop(server);

    let output = Command::new(env!("CARGO_BIN_EXE_duologue"))
        .args(["logs", "replay", "artifacts/real", "job.yaml", "--json"])
        .args(["--run-id", "again"])
        .current_dir(folder.path())
        .env("DUOLOGUE_OFFLINE", "1")
        .output()
        .expect("the command starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let replayed: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(replayed["replay"]["replayed"], recorded.len());
    for (result, replayed) in report
        .results
        .iter()
        .zip(replayed["results"].as_array().expect("results"))
    {
        assert_eq!(
            serde_json::to_value(&result.data).expect("JSON"),
            replayed["data"]
        );
        let kind = result.error.as_ref().map(|error| error.kind.as_str());
        assert_eq!(kind, replayed["error"]["kind"].as_str());
        assert_eq!(
            serde_json::to_value(result.usage).expect("JSON"),
            replayed["usage"]
        );
    }

    let second = RunLog::open(folder.path().join("artifacts/again")).expect("a run of its own");
    let statuses = |records: &[Record]| {
        let mut statuses: Vec<_> = records
            .iter()
            .map(|record| {
                let attempts = record
                    .attempts
                    .iter()
                    .map(|attempt| (attempt.status, attempt.error));
                (
                    record.agent.clone(),
                    record.attempt,
                    record.status,
                    attempts.collect::<Vec<_>>(),
                )
            })
            .collect();
        statuses.sort_by_key(|status| (status.0.clone(), status.1));
        statuses
    };
    assert_eq!(statuses(second.records()), statuses(&recorded));
    let offline = second.records();
    assert!(
        offline
            .iter()
            .all(|record| record.provider == "openai" && record.wire.is_empty())
    );
}
