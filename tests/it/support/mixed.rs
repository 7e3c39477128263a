//! A run in which calls end in every way, for those who read it.

use std::path::Path;
use std::sync::Arc;

use duologue::attempt::{Attempts, WireCapture};
use duologue::call_log::{CallEnd, CallLog, LlmLogging, Record};
use duologue::chat::{Message, Response, Usage};
use duologue::clock::SteppingClock;
use duologue::cost::{Cost, Decimal};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, ErrorKind};
use futures::FutureExt;
use serde_json::{Value, json};

use super::{plan, plan_schema, prompts, quick, topic};
use crate::log_support::open;

/// Writes the run `{directory}/run`: success, repair, retry, refusal, truncation, error, cancellation,
/// a redacted secret, a replay, an interrupted call; two agents; costs known and unknown.
pub(crate) fn mixed_run(directory: &Path, settings: LlmLogging) {
    let log = open(directory, "run", settings);
    let journal = log.journal().unwrap().to_owned();
    let clock = Arc::new(SteppingClock::starting_at(1_769_603_696));
    let log = log.with_clock(clock.clone());
    let script = ScriptedProvider::new([
        Reply::json(plan()).usage(40, 6),
        Reply::text("Here: {\"title\": 1}")
            .thinking("hm")
            .usage(40, 3),
        Reply::json(plan()).usage(60, 7),
        Reply::status(429),
        Reply::json(plan()).usage(41, 8),
        Reply::refusal("I will not.").usage(42, 2),
        Reply::truncated("{\"title\": \"Ti").usage(43, 9),
        Reply::status(400).body("{\"error\": {\"message\": \"bad parameter\"}}"),
        Reply::json(plan()).usage(44, 5),
        Reply::never(),
    ]);
    let runner = AgentRunner::builder(script, prompts())
        .logger(log.clone())
        .retry(quick())
        .clock(clock)
        .build();
    let mut spec =
        AgentSpec::new("planner", "planner", "gpt-5-mini").with_response_schema(plan_schema());
    spec.temperature = Some(0.7);
    for _ in 0..6 {
        // Half of them fail, which is what they are here for.
        let _ = pollster::block_on(runner.run(&spec, topic()));
    }
    let secret =
        json!({"topic": "mail ada@example.org, Authorization: Bearer abcdef0123456789abcdef"});
    pollster::block_on(runner.run(&spec, secret)).unwrap();
    assert!(
        Box::pin(runner.run(&spec, topic()))
            .now_or_never()
            .is_none()
    );
    by_hand(&log);
    drop((runner, log));
    interrupt(&journal);
}

/// Adds what a process that was killed leaves behind: a call that began.
fn interrupt(journal: &Path) {
    let text = std::fs::read_to_string(journal).unwrap();
    let started = |line: &&str| line.starts_with("{\"event\":\"started\"");
    let mut event: Value = serde_json::from_str(text.lines().find(started).unwrap()).unwrap();
    event.as_object_mut().unwrap().remove("crc");
    event["record"]["call_id"] = "call_interrupted".into();
    event["record"]["sequence"] = 99.into();
    std::fs::write(journal, text + &sealed(&event)).unwrap();
}

/// A line whose checksum is right, whatever it says; its newline stands before it.
pub(crate) fn sealed(body: &serde_json::Value) -> String {
    let mut text = body.to_string();
    text.pop();
    let crc = crc32fast::hash(text.as_bytes());
    format!("\n{text},\"crc\":\"{crc:08x}\"}}")
}

/// A replayed call with a cost, which no runner writes by itself here.
fn by_hand(log: &CallLog) {
    let mut usage = Usage::new(1000, 20);
    (usage.cached_tokens, usage.reasoning_tokens) = (Some(900), Some(12));
    let mut response = Response::text("{\"score\": 7}").with_usage(usage);
    response
        .provider_data
        .insert("signature".to_owned(), "c2lnbmF0dXJl==".into());
    let mut end = CallEnd::default();
    end.response = Some(response);
    end.answer = Some(json!({"score": 7}));
    end.cost = Some(Cost::from_usd(Decimal::new(1_234_567, 9)));
    let attempts = Attempts::new(WireCapture::Off);
    let call = log.begin(&attempts, || judged("call_by_hand")).unwrap();
    attempts.open().close(None);
    call.finish(|| end).unwrap();

    let mut failed = CallEnd::failed(ErrorKind::Timeout, "no byte came in 30 s");
    failed.cost = Some(Cost::from_usd(Decimal::new(5, 4)));
    let call = log.begin(&attempts, || judged("call_too_slow")).unwrap();
    call.finish(|| failed).unwrap();
}

fn judged(call_id: &str) -> Record {
    let mut record = Record::default();
    record.call_id = call_id.into();
    record.execution_id = format!("exec_of_{call_id}");
    record.parent_call_id = Some("call_0000000000000001".to_owned());
    record.job_id = Some("job-7".to_owned());
    record.replay_of = Some("call_of_yesterday".to_owned());
    record.attempt = 1;
    record.agent = "judge".into();
    record.provider = "scripted".into();
    record.model = "gpt-5".into();
    record.schema_hash = Some("0123456789abcdef".to_owned());
    record.messages = vec![Message::user("Judge.\n\tno: yes\u{85}\n")];
    record.context = json!({"no": "on", "at": "12:30:45", "list": [1, null, 0.1]})
        .as_object()
        .cloned();
    record
}
