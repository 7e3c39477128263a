//! Nothing in prompts and answers runs, loads or breaks the page; and many calls do not stop it.

use duologue::call_log::RunLog;
use duologue::report;
use serde_json::{Value, json};

use super::browser::{told, visit};
use super::runs::{PAYLOADS, hostile, huge_answer, many, mixed};

#[test]
fn hostile_texts_are_text() {
    let Some(seen) = visit("everything", &hostile().directory()) else {
        return;
    };
    // That nothing ran or was asked for is asserted with every visit.
    assert_eq!((&seen["made"], &seen["scripts"]), (&0.into(), &1.into()));
    let texts: Vec<&str> = seen["texts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let plain = PAYLOADS
        .iter()
        .filter(|text| text.chars().all(|letter| (' '..='~').contains(&letter)));
    for payload in plain {
        let shown = texts.iter().filter(|text| **text == *payload).count();
        assert!(shown >= 6, "`{payload}` is a message {shown} times");
    }
    let all = texts.concat();
    for code in ["U+202E", "U+2066", "U+2028", "U+0000", "U+001B", "U+FEFF"] {
        assert!(all.contains(code), "{code} is not shown");
    }
}

#[test]
fn the_file_holds_no_markup_of_the_run() {
    let run = hostile();
    let html = report::render(&RunLog::open(run.directory()).unwrap()).unwrap();
    assert_eq!(html.matches("<script>").count(), 1);
    assert!(!html.contains("window.ran = 1</script>") && !html.contains("<img"));
    assert!(html.contains("default-src 'none'; script-src 'sha256-"));
}

#[test]
fn a_changed_script_does_not_run() {
    let run = mixed();
    let html = report::render(&RunLog::open(run.directory()).unwrap()).unwrap();
    let page = run.directory().join("report.html");
    std::fs::write(&page, html.replace("showOverview();", "window.ran = 8;")).unwrap();
    let Some(told) = told("blocked", &page) else {
        return;
    };
    assert_eq!(told["ran"], json!([]));
    assert_eq!(told["seen"], json!({"heading": ""}));
    assert_eq!(told["violations"], json!(["script-src-elem inline"]));
}

#[test]
fn secrets_that_a_log_kept_do_not_reach_the_page() {
    let run = many(3);
    let key = format!("sk-proj-{}", "a1B2c3D4e5F6".repeat(4));
    let call = run.log.begin(
        &duologue::attempt::Attempts::new(duologue::attempt::WireCapture::Off),
        duologue::call_log::Record::default,
    );
    let mut end = duologue::call_log::CallEnd::default();
    end.response = Some(duologue::chat::Response::text(format!("the key is {key}")));
    call.unwrap().finish(|| end).unwrap();

    let log = RunLog::open(run.directory()).unwrap();
    assert!(
        log.records()
            .iter()
            .any(|record| record.raw_answer.as_deref().unwrap().contains(&key))
    );
    let html = report::render(&log).unwrap();
    assert!(!html.contains(&key) && html.contains("REDACTED:"));
}

#[test]
fn an_answer_of_five_megabytes_is_folded_and_can_be_read() {
    let Some(seen) = visit("huge", &huge_answer().directory()) else {
        return;
    };
    assert!(seen["folded"].as_u64().unwrap() < 5_000, "{seen}");
    assert_eq!(seen["whole"], 5 * 1024 * 1024 / 12 * 12);
}

#[test]
fn ten_thousand_calls_are_a_list_of_a_few_elements() {
    let Some(seen) = visit("many", &many(10_000).directory()) else {
        return;
    };
    assert_eq!(seen["count"], "10,000 calls");
    assert_eq!(seen["invalid"], "1,000 of 10,000 calls");
    assert_eq!(seen["found"], "1 of 10,000 calls");
    assert_eq!(seen["found_again"], "1 of 10,000 calls");
    assert_eq!(seen["last"], "Call 10000planner");
    assert!(seen["most_rows"].as_u64().unwrap() < 60, "{seen}");
    assert!(seen["elements"].as_u64().unwrap() < 3_000, "{seen}");
}
