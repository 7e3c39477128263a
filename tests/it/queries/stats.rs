//! Totals: the same as the summary's where that has them, and right where it has not.

use duologue::call_log::{LlmLogging, RunLog};
use duologue::query::{Filter, Run, Stats};
use serde_json::{Value, json};

use super::{logs, logs_ended, mixed, run, settled};

#[test]
fn totals_are_those_of_the_summary() {
    let folder = mixed();
    let stats = serde_json::to_value(Stats::of(&[run(&folder)]).unwrap()).unwrap();
    let summary = RunLog::open(folder.path("out/demo")).unwrap().summary();
    let summary = serde_json::to_value(summary).unwrap();
    let elsewhere = ["schema", "updated_at", "agents", "log_level", "format"];
    for (key, figure) in summary.as_object().unwrap() {
        if !elsewhere.contains(&key.as_str()) {
            assert_eq!(&stats[key], figure, "{key}");
        }
    }
    for (place, agent) in summary["agents"].as_array().unwrap().iter().enumerate() {
        for (key, figure) in agent.as_object().unwrap() {
            assert_eq!(&stats["agents"][place][key], figure, "{key}");
        }
    }
    assert_eq!(summary["agents"].as_array().unwrap().len(), 2);
}

#[test]
fn what_the_summary_does_not_have_is_counted_too() {
    let folder = mixed();
    let stats = Stats::of(&[run(&folder)]).unwrap();
    let total = serde_json::to_value(&stats.total).unwrap();
    assert_eq!(total["retries"], 1);
    assert_eq!(
        total["errors_by_kind"],
        json!({"bad_request": 1, "invalid_answer": 1, "refused": 1, "truncated": 1})
    );
    assert_eq!(stats.total.latency.calls, stats.total.calls);
    let models: Vec<_> = stats
        .models
        .iter()
        .map(|model| (&*model.name, model.totals.calls))
        .collect();
    assert_eq!(models, [("gpt-5-mini", 4), ("gpt-5", 3)]);
}

#[test]
fn people_get_tables() {
    let folder = mixed();
    let text = logs(&folder, &["stats", "out/demo"]);
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    insta::assert_snapshot!("stats", settled(&text));
}

#[test]
fn several_runs_are_added_up() {
    let folder = mixed();
    std::fs::rename(folder.path("out/demo"), folder.path("out/first")).unwrap();
    folder.run(&["run", "job.yaml"]);
    let one: Value =
        serde_json::from_str(&logs(&folder, &["stats", "out/demo", "--json"])).unwrap();
    for places in [&["out"][..], &["out/first", "out/demo"]] {
        let both = logs(&folder, &[&["stats", "--json"], places].concat());
        let both: Value = serde_json::from_str(&both).unwrap();
        assert_eq!(both["runs"].as_array().unwrap().len(), 2);
        assert!(both.get("run_id").is_none());
        assert_eq!(both["calls"], 2 * one["calls"].as_u64().unwrap());
        assert_eq!(
            both["usage"]["input_tokens"],
            2 * one["usage"]["input_tokens"].as_u64().unwrap()
        );
    }
}

#[test]
fn a_filter_leaves_out_the_other_calls() {
    let folder = mixed();
    let count = |filter: Filter| {
        Stats::of_calls(&[run(&folder)], &filter)
            .unwrap()
            .total
            .calls
    };
    assert_eq!(count(Filter::default()), 7);
    assert_eq!(count(Filter::default().agent("judge")), 3);
    assert_eq!(
        count(Filter::default().model("gpt-5-mini").status("succeeded")),
        2
    );
    let now = std::time::SystemTime::now();
    assert_eq!(count(Filter::default().since(now)), 0);
    let json = logs(
        &folder,
        &[
            "stats", "out", "--agent", "judge", "--since", "1h", "--json",
        ],
    );
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["calls"], 3);
    let wrong = logs_ended(&folder, &["stats", "out", "--status", "bad"]);
    assert_eq!(wrong.code, Some(2));
}

#[test]
fn a_run_without_calls_has_stats() {
    let folder = crate::command::Folder::new();
    let log = crate::log_support::open(&folder.path("out"), "empty", LlmLogging::default());
    drop(log);
    let stats = Stats::of(&[Run::open(folder.path("out/empty")).unwrap()]).unwrap();
    assert_eq!((stats.total.calls, stats.total.latency.p50_ms), (0, None));
    let ended = logs_ended(&folder, &["stats", "out/empty"]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), "no calls\n"));
}
