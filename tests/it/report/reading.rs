//! What a reader sees and does.

use serde_json::{Value, json};

use super::browser::visit;
use super::runs::{Run, damage, mixed, running};
use crate::support::{plan, planner};
use duologue::call_log::LogLevel;
use duologue::provider::Reply;

#[test]
fn a_page_shows_the_run_its_figures_and_its_calls() {
    let Some(seen) = visit("look", &mixed().directory()) else {
        return;
    };
    assert_eq!(seen["title"], "run · Duologue report");
    assert_eq!(
        (&seen["heading"], &seen["status"]),
        (&json!("run"), &json!("partly succeeded"))
    );
    assert_eq!(seen["figures"]["Calls"], "7");
    assert_eq!(seen["figures"]["Executions"], "6 | 3 failed");
    assert_eq!(seen["figures"]["Repairs"], "1 | answers sent back");
    assert_eq!(seen["figures"]["Retries"], "3 | requests sent again");
    assert_eq!(seen["figures"]["Tokens in"], "250 | unknown for 3 calls");
    assert_eq!(seen["figures"]["Tokens out"], "47");
    assert_eq!(seen["figures"]["Cost"], "$0.00045 | unknown for 3 calls");
    assert_eq!(seen["tables"], json!(["By agent", "Errors by kind"]));
    assert_eq!((&seen["rows"], &seen["notices"]), (&json!(7), &json!([])));
    let labels: Vec<&str> = seen["labels"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        labels[2].starts_with("Call 3, judge, gpt-5, succeeded, repairs call 2"),
        "{labels:?}"
    );
    assert!(labels[3].contains("2 requests"), "{labels:?}");
    let bars = seen["bars"].to_string();
    for bar in ["last succeeded", "last invalid", "backoff", "retried"] {
        assert!(bars.contains(bar), "{bars}");
    }
}

#[test]
fn filters_and_the_search_reduce_the_list() {
    let Some(seen) = visit("filters", &mixed().directory()) else {
        return;
    };
    let expected = json!({
        "all": "7 calls",
        "invalid": "1 of 7 calls",
        "pressed": "true",
        "none": "0 of 7 calls",
        "empty": "No call passes the filter.",
        "cleared": "7 calls",
        "judge": "3 of 7 calls",
        "statuses": ["succeeded1", "invalid1", "truncated0", "refused1", "failed0"],
        "judge_on_mini": "0 of 7 calls",
        "repairs": "1 of 7 calls",
        "retries": "2 of 7 calls",
        "in_prompt": "1 of 7 calls",
        "in_answer": "2 of 7 calls",
        "in_error": "2 of 7 calls",
        "nowhere": "0 of 7 calls",
        "by_table": "2 of 7 calls",
        "stretch": true,
    });
    assert_eq!(seen, expected);
}

#[test]
fn a_call_opens_with_its_messages_its_errors_and_what_its_repair_changed() {
    let Some(seen) = visit("call", &mixed().directory()) else {
        return;
    };
    let repair = &seen["repair"];
    assert_eq!(
        (&repair["title"], &repair["role"]),
        (&json!("Call 3judge"), &json!("dialog"))
    );
    assert_eq!(repair["steps"], json!(["Call 2", "Call 3"]));
    assert!(repair["removed"].to_string().contains("sun"), "{repair}");
    assert!(repair["added"].to_string().contains("moon"), "{repair}");
    assert_eq!(
        repair["messages"],
        json!(["system", "user", "assistant", "user"])
    );
    let texts = repair["texts"].to_string();
    for text in ["Topic: subject number 1", "Ebb and flow", "duologue.call/1"] {
        assert!(texts.contains(text), "`{text}` in {texts}");
    }
    for part in [
        "What the repair changed",
        "Answer",
        "Timing",
        "Ids",
        "Context",
    ] {
        assert!(repair["parts"].to_string().contains(part), "{repair}");
    }
    let invalid = &seen["invalid"];
    assert_eq!(
        (&invalid["title"], &invalid["error"]),
        (&json!("Call 2judge"), &json!("Error: invalid answer"))
    );
    assert_eq!(invalid["pointers"], json!(["/steps"]));
    assert_eq!(invalid["follow"], "See what call 3 changed");
    assert_eq!(
        seen["failed"],
        json!({"title": "Call 7editor", "requests": 3, "wire": 3})
    );
    let copied = seen["copied"].as_str().unwrap();
    assert!(["Copied", "Copying is not allowed here"].contains(&copied));
}

#[test]
fn the_keyboard_reaches_everything() {
    let Some(seen) = visit("keyboard", &mixed().directory()) else {
        return;
    };
    let current = seen["current"].as_str().unwrap();
    assert!(current.starts_with("Call 3, judge"), "{current}");
    let rest = json!({
        "current": current,
        "focus": "list",
        "opened": "Call 3judge",
        "next": "Call 4planner",
        "in_execution": "Call 4planner",
        "back": true,
        "again": "Call 4planner",
        "closed": true,
        "focus_after": "list",
        "search": "query",
        "typed": "jkt?",
        "search_cleared": ["", "7 calls"],
        "help": true,
        "help_closed": true,
        "last": "Call 7editor",
    });
    assert_eq!(seen, rest);
}

#[test]
fn the_address_holds_the_filter_and_the_open_call() {
    let Some(seen) = visit("address", &mixed().directory()) else {
        return;
    };
    assert_eq!(
        (&seen["count"], &seen["title"]),
        (&json!("1 of 7 calls"), &json!("Call 2judge"))
    );
    assert_eq!(
        seen["reloaded"],
        json!({"count": "1 of 7 calls", "title": "Call 2judge", "query": "ebb and flow", "sort": "duration"})
    );
    assert_eq!(seen["nonsense"], "0 of 7 calls");
}

#[test]
fn both_themes_are_readable() {
    let Some(seen) = visit("themes", &mixed().directory()) else {
        return;
    };
    for theme in ["light", "dark"] {
        assert!(seen[theme]["looked"].as_u64().unwrap() > 100, "{seen}");
        assert_eq!(seen[theme]["pale"], json!([]), "{theme}");
    }
    assert_ne!(seen["light"]["ground"], seen["dark"]["ground"]);
    assert_eq!(seen["toggled"], json!(["Light", seen["light"]["ground"]]));
}

#[test]
fn a_phone_shows_it_without_scrolling_sideways() {
    let Some(seen) = visit("phone", &mixed().directory()) else {
        return;
    };
    let expected = json!({
        "overflow": 0,
        "wide": [],
        "modal": "true",
        "behind": true,
        "covers": 390,
        "inline": [true, false],
        "overflow_with_call": 0,
        "closed": [true, false],
    });
    assert_eq!(seen, expected);
}

#[test]
fn a_run_without_calls_says_so() {
    let Some(seen) = visit("look", &Run::new(LogLevel::Standard).directory()) else {
        return;
    };
    assert_eq!(
        (&seen["status"], &seen["notices"]),
        (
            &json!("no calls"),
            &json!(["The run is there, and holds no calls."])
        )
    );
    assert_eq!(seen["figures"]["Latency p50"], "–");
}

#[test]
fn a_running_call_is_said_to_run() {
    let (run, call) = running();
    let seen = visit("look", &run.directory());
    drop(call);
    let Some(seen) = seen else { return };
    assert_eq!(
        (&seen["status"], &seen["figures"]["Calls"]),
        (&json!("running"), &json!("1 | 1 running"))
    );
    assert!(
        seen["notices"][0]
            .as_str()
            .unwrap()
            .starts_with("1 call was under way")
    );
    assert!(seen["bars"].to_string().contains("last running"));
}

#[test]
fn a_damaged_run_says_what_is_missing_and_shows_the_rest() {
    let run = Run::new(LogLevel::Standard).damaged().with(
        &[planner(), planner(), planner()],
        [
            Reply::json(plan()),
            Reply::json(plan()),
            Reply::json(plan()),
        ],
    );
    let directory = run.directory();
    drop(run.log.clone());
    damage(&directory);
    let Some(seen) = visit("look", &directory) else {
        return;
    };
    let notices = seen["notices"].to_string();
    assert!(
        notices.contains("2 lines of the journal cannot be read"),
        "{notices}"
    );
    assert_eq!(seen["rows"], 3);
}

#[test]
fn level_minimal_has_figures_and_no_texts() {
    let run = Run::new(LogLevel::Minimal).with(&[planner()], [Reply::json(plan())]);
    let Some(seen) = visit("look", &run.directory()) else {
        return;
    };
    assert_eq!(
        seen["notices"],
        json!(["The log level is minimal: prompts and answers were not recorded."])
    );
    assert_eq!(seen["rows"], 1);
}
