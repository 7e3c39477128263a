//! A job recorded and replayed by the command, and misses as a person sees them.

use serde_json::{Value, json};

use super::records;
use crate::command::{Folder, JOB, run_in};

const TWO_REPLIES: &str = "replies:
  - {text: 'no JSON', usage: {input_tokens: 10, output_tokens: 5}}
  - {json: {title: Tides}, usage: {input_tokens: 20, output_tokens: 5}}
";

fn settled(text: &str) -> String {
    let rules = [
        (r"\d+ ms", "… ms"),
        (r"in \d+\.\d s", "in … s"),
        (r"call_[0-9a-f]{16}", "call_…"),
        (r"run_\d{8}_\d{6}_[0-9a-f]{6}", "run_…"),
    ];
    rules.iter().fold(text.to_owned(), |text, (pattern, to)| {
        let rule = regex::Regex::new(pattern).unwrap();
        rule.replace_all(&text, *to).into_owned()
    })
}

/// A folder in which the job ran once, as `out/demo`, with a repair.
fn recorded() -> Folder {
    let folder = Folder::with_job();
    folder.write("replies.yaml", TWO_REPLIES);
    let ended = folder.run(&["run", "job.yaml", "--quiet"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    // From here on nobody needs them.
    folder.write("replies.yaml", "replies: []");
    folder
}

/// What stays the same in the report of a job that is run again.
fn lasting(report: &Value) -> Value {
    let results = report["results"].as_array().unwrap().iter().map(|result| {
        json!([
            result["agent"],
            result["status"],
            result["data"],
            result["usage"],
            result["error"]
        ])
    });
    json!({"status": report["status"], "usage": report["usage"], "results": results.collect::<Vec<_>>()})
}

#[test]
fn a_job_is_replayed_offline_into_a_run_of_its_own() {
    let folder = recorded();
    let offline = [("DUOLOGUE_OFFLINE", "1")];
    let ended = folder.run_with(&["logs", "replay", "out/demo", "job.yaml"], &offline);
    insta::assert_snapshot!("replay", settled(&ended.all()));
    let runs = folder.names("out");
    assert_eq!(runs.len(), 2, "{runs:?}");
    let (before, after) = (
        records(&folder.path("out/demo")),
        records(&folder.path("out").join(&runs[1])),
    );
    assert_eq!(after.len(), 2);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(after.replay_of.as_ref(), Some(&before.call_id));
        assert_eq!(
            (&after.status, &after.raw_answer),
            (&before.status, &before.raw_answer)
        );
    }
}

#[test]
fn the_replay_of_a_job_tells_what_the_job_told() {
    let folder = Folder::with_job();
    folder.write(
        "items.jsonl",
        "{\"topic\": \"tides\"}\n{\"topic\": \"wind\"}\n{\"topic\": \"rain\"}\n",
    );
    let replies = "replies:
  - {when: tides, json: {title: Tides}, usage: {input_tokens: 10, output_tokens: 5}}
  - {when: wind, refusal: 'I would rather not'}
  - {when: rain, status: 400, body: {error: {message: 'not like this'}}}
";
    folder.write("replies.yaml", replies);
    let first = folder.run(&["run", "job.yaml", "--json"]);
    let second = folder.run(&[
        "logs", "replay", "out/demo", "job.yaml", "--json", "--run-id", "again",
    ]);
    assert_eq!(
        (first.code, second.code),
        (Some(1), Some(1)),
        "{}",
        second.all()
    );
    let seconds = regex::Regex::new(r"in \d+\.\d s").unwrap();
    let text = |report: Value| {
        seconds
            .replace_all(&lasting(&report).to_string(), "")
            .into_owned()
    };
    assert_eq!(text(second.json()), text(first.json()));
    assert_eq!(second.json()["replay"]["replayed"], 3);
    assert_eq!(second.json()["run_id"], "again");
    let stats = folder.run(&["logs", "stats", "out"]);
    let said = "3 calls answered by records: their tokens and costs were not spent again";
    assert!(stats.stdout.contains(said), "{}", stats.all());
}

#[test]
fn a_changed_prompt_is_shown_and_what_was_recorded_is_said_to_be_unused() {
    let folder = recorded();
    folder.write(
        "prompts/planner/user.tera",
        "Plan {{ topic }} for children.",
    );
    let ended = folder.run(&["logs", "replay", "out/demo", "job.yaml"]);
    insta::assert_snapshot!("changed_prompt", settled(&ended.all()));
}

#[test]
fn a_job_file_may_name_the_run_that_answers() {
    let folder = recorded();
    let job = JOB.replace("run_id: demo\n", "run_id: second\n").replace(
        "{kind: scripted, replies: replies.yaml}",
        "{kind: replay, from: out/demo}",
    );
    folder.write("job.yaml", &job);
    let checked = folder.run_with(&["check", "job.yaml"], &[("DUOLOGUE_OFFLINE", "yes")]);
    assert_eq!(checked.code, Some(0), "{}", checked.all());
    let ended = folder.run_with(&["run", "job.yaml"], &[("DUOLOGUE_OFFLINE", "yes")]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert!(
        ended.stderr.contains("replayed 2 calls of `out/demo`"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_job_may_fall_through_and_take_what_is_there() {
    let folder = recorded();
    folder.write("prompts/planner/user.tera", "Plan {{ topic }} anew.");
    let arguments = ["logs", "replay", "out/demo", "job.yaml", "--mode"];
    let first_unused = folder.run(&[&arguments[..], &["first_unused"]].concat());
    assert_eq!(first_unused.code, Some(0), "{}", first_unused.all());

    folder.write("replies.yaml", "replies: [{json: {title: New}}]");
    let falls = folder.run(&[&arguments[..], &["fall_through"]].concat());
    assert_eq!(falls.code, Some(0), "{}", falls.all());
    assert!(falls.stdout.contains("New"), "{}", falls.all());
    assert!(
        falls.stderr.contains(
            "replayed 0 calls of `out/demo`, 1 fell through, 0 missed; 2 records never used"
        ),
        "{}",
        falls.stderr
    );
}

#[test]
fn what_is_wrong_with_a_replay_is_found_before_the_first_call() {
    let folder = recorded();
    let minimal = JOB
        .replace("run_id: demo", "run_id: minimal")
        .replace("log_level: standard", "log_level: minimal");
    folder
        .write("replies.yaml", TWO_REPLIES)
        .write("minimal.yaml", &minimal);
    assert_eq!(
        folder.run(&["run", "minimal.yaml", "--quiet"]).code,
        Some(0)
    );

    let real = r#"{kind: openai, base_url: "http://127.0.0.1:9/v1"}"#;
    let cases = [
        (
            "a run that is not there",
            "{kind: replay, from: out/gone}",
            "",
        ),
        ("a directory of runs", "{kind: replay, from: out}", ""),
        (
            "a run at level minimal",
            "{kind: replay, from: out/minimal}",
            "",
        ),
        ("its own run", "{kind: replay, from: ./out/../out/demo}", ""),
        ("no run", "{kind: replay}", ""),
        (
            "an unknown mode",
            "{kind: replay, from: out/minimal, mode: lenient}",
            "",
        ),
        (
            "nobody to fall to",
            "{kind: replay, from: out/minimal, mode: fall_through}",
            "",
        ),
        (
            "a fallback without its mode",
            "{kind: replay, from: out/minimal, fallback: {kind: scripted, replies: replies.yaml}}",
            "",
        ),
        (
            "a replay to fall to",
            "{kind: replay, from: out/minimal, mode: fall_through, fallback: {kind: replay, from: out/demo}}",
            "",
        ),
        (
            "a mistake in the fallback",
            "{kind: replay, from: out/minimal, mode: fall_through, fallback: {kind: openai, base: x}}",
            "",
        ),
        (
            "a key in the fallback",
            "{kind: replay, from: out/minimal, mode: fall_through, fallback: {kind: openai, api_key_env: sk-1}}",
            "",
        ),
        ("a real provider", real, "1"),
        (
            "a real provider to fall to",
            &format!("{{kind: replay, from: out/minimal, mode: fall_through, fallback: {real}}}"),
            "on",
        ),
        ("an odd guard", real, "maybe"),
    ];
    let mut said = Vec::new();
    for (what, provider, offline) in cases {
        folder.write(
            "job.yaml",
            &JOB.replace("{kind: scripted, replies: replies.yaml}", provider),
        );
        let variables = [("DUOLOGUE_OFFLINE", offline)];
        let checked = folder.run_with(&["check", "job.yaml"], &variables);
        let ran = folder.run_with(&["run", "job.yaml"], &variables);
        assert_eq!(checked.all(), ran.all(), "{what}");
        let place = folder.path("").display().to_string();
        let real_place = std::fs::canonicalize(&place).unwrap().display().to_string();
        let shown = ran
            .all()
            .replace(&place, "<folder>/")
            .replace(&real_place, "<folder>");
        said.push(format!("# {what}\n{shown}\n"));
    }
    insta::assert_snapshot!("refused_replays", settled(&said.concat()));
}

#[test]
fn the_environment_file_beside_a_job_does_not_let_requests_out() {
    let folder = Folder::with_job();
    folder.write(
        "job.yaml",
        &JOB.replace(
            "{kind: scripted, replies: replies.yaml}",
            r#"{kind: openai, base_url: "http://127.0.0.1:9/v1", max_retries: 0}"#,
        ),
    );
    folder.write(".env", "DUOLOGUE_OFFLINE=0\n");
    assert_eq!(
        folder
            .run_with(&["check", "job.yaml"], &[("DUOLOGUE_OFFLINE", "1")])
            .code,
        Some(2)
    );
    assert_eq!(folder.run(&["check", "job.yaml"]).code, Some(0));
    folder.write(".env", "DUOLOGUE_OFFLINE=1\n");
    assert_eq!(folder.run(&["check", "job.yaml"]).code, Some(2));
}

#[test]
fn the_help_says_what_a_replay_may_be_told() {
    let help = run_in(std::path::Path::new("."), &["logs", "replay", "--help"]);
    insta::assert_snapshot!("replay_help", help.stdout);
}
