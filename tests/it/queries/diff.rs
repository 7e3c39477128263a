//! Two runs side by side.

use duologue::query::{Comparison, Run};
use serde_json::{Value, json};

use super::{REPLIES, logs, logs_ended, mixed, settled};
use crate::command::Folder;

/// The mixed run, and another one after these changes to its files.
fn two_runs(changes: &[(&str, &str, &str)]) -> Folder {
    let folder = mixed();
    for (name, from, to) in changes {
        let text = folder.read(name);
        assert!(text.contains(from), "{name} lacks {from}");
        folder.write(name, &text.replace(from, to));
    }
    let ended = folder.run(&["run", "job.yaml", "--run-id", "other"]);
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    folder
}

#[test]
fn the_same_job_twice_makes_the_same_run() {
    let folder = two_runs(&[]);
    let text = logs(&folder, &["diff", "out/demo", "out/other"]);
    assert_eq!(
        text,
        "7 calls the same, 0 changed, 0 only in the first run, 0 only in the second\n"
    );
}

#[test]
fn what_changed_is_shown_word_by_word() {
    let folder = two_runs(&[
        (
            "prompts/planner/user.tera",
            "Plan {{ topic }}.",
            "Plan a talk on {{ topic }}.",
        ),
        ("job.yaml", "temperature: 0.7", "temperature: 0.2"),
        ("job.yaml", "model: gpt-5,", "model: gpt-5-nano,"),
        (
            "schema.json",
            "\"required\"",
            "\"description\": \"A plan.\", \"required\"",
        ),
        ("replies.yaml", "{title: Tides}", "{title: High Tides}"),
    ]);
    let ended = logs_ended(&folder, &["diff", "out/demo", "out/other"]);
    assert_eq!((ended.code, &*ended.stderr), (Some(1), ""));
    insta::assert_snapshot!("diff", settled(&ended.stdout));
}

#[test]
fn calls_of_one_run_alone_are_listed() {
    // The first answer is good at once, so that no repair follows; and the last topic is gone.
    let folder = two_runs(&[
        ("replies.yaml", "{titel: Ebb}", "{title: Ebb}"),
        (
            "replies.yaml",
            "  - {status: 503, agent: planner, headers: {retry-after: 0}}\n",
            "",
        ),
        (
            "replies.yaml",
            "  - {json: {title: \"Ebb, =SUM(1)\"}, agent: planner, usage: {input_tokens: 150, output_tokens: 22}}\n",
            "",
        ),
    ]);
    let json = logs_ended(&folder, &["diff", "out/demo", "out/other", "--json"]).json();
    assert_eq!(json["only_old"].as_array().unwrap().len(), 1);
    assert_eq!(
        (
            &json["only_old"][0]["place"],
            &json["only_old"][0]["attempt"]
        ),
        (&json!(3), &json!(2))
    );
    assert_eq!(json["same"], 5);
    let status = json["changed"][0]["values"]
        .as_array()
        .unwrap()
        .iter()
        .find(|value| value["field"] == "status");
    assert_eq!(
        status.unwrap(),
        &json!({"field": "status", "old": "invalid", "new": "succeeded"})
    );
    let other_way = logs_ended(&folder, &["diff", "out/other", "out/demo", "--json"]).json();
    assert_eq!(other_way["only_new"], json["only_old"]);
}

#[test]
fn executions_are_paired_by_their_prompts_before_their_order() {
    let folder = mixed();
    let turned = "{\"topic\": \"flood\"}\n{\"topic\": \"tides\"}\n{\"topic\": \"ebb\"}\n";
    folder.write("items.jsonl", turned);
    let lines: Vec<&str> = REPLIES.trim().lines().collect();
    let order = [0, 5, 1, 2, 3, 4, 8, 6, 7];
    let turned: Vec<&str> = order
        .iter()
        .filter_map(|line| lines.get(*line).copied())
        .collect();
    folder.write("replies.yaml", &turned.join("\n"));
    folder.run(&["run", "job.yaml", "--run-id", "other"]);
    let run = |name: &str| Run::open(folder.path(name)).unwrap();
    let comparison = Comparison::of(&run("out/demo"), &run("out/other")).unwrap();
    assert_eq!(
        (comparison.same, comparison.changed.len()),
        (7, 0),
        "{comparison:?}"
    );
}

#[test]
fn a_run_is_not_compared_with_what_is_none() {
    let folder = mixed();
    let ended = logs_ended(&folder, &["diff", "out/demo", "out"]);
    assert_eq!(ended.code, Some(2));
    let same: Value =
        serde_json::from_str(&logs(&folder, &["diff", "out/demo", "out/demo", "--json"])).unwrap();
    assert_eq!(same["same"], 7);
}
