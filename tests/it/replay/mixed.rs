//! Every habit of a model in turn, typed and untyped, alone and side by side.

use std::path::Path;

use duologue::agent::RunOptions;
use duologue::call_log::Record;
use duologue::replay::ReplayProvider;
use duologue::{AgentRunner, AgentSpec, Error, Outcome, blocking};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::model::{HABITS, Habit, Model, SEALED, habit};
use super::{agent, records, runner, topic};

#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
struct Plan {
    title: String,
    steps: Vec<String>,
}

/// What differs between a call and its replay: times and ids, and what went over the wire.
const IGNORED: [&str; 10] = [
    "/call_id",
    "/run_id",
    "/execution_id",
    "/replay_of",
    "/started_at",
    "/duration_ms",
    "/first_byte_ms",
    "/limiter_wait_ms",
    "/backoff_ms",
    "/wire",
];
/// Rounds of all habits: 22 calls each.
const ROUNDS: usize = 48;
const IGNORED_IN_ATTEMPTS: [&str; 3] = ["delay_ms", "first_byte_ms", "duration_ms"];

fn spec(number: usize) -> AgentSpec {
    let schema = json!({
        "type": "object",
        "properties": {"title": {"type": "string"}},
        "required": ["title"],
    });
    let mut spec = agent("planner");
    match habit(number) {
        Habit::AnswersTyped | Habit::NeedsATypedRepair => return spec,
        Habit::IsCutOnce => spec.max_output_tokens_on_truncation = Some(500),
        Habit::IsCut => spec.max_output_tokens = Some(100),
        Habit::Answers => spec.temperature = Some(0.1 + 0.2),
        _ => {}
    }
    spec.with_response_schema(schema)
}

/// Runs topic `number` once, as its habit wants it; what came of it, or nothing if it was dropped.
async fn run(runner: &AgentRunner, number: usize, model: Option<&Model>) -> Vec<Value> {
    let (spec, about) = (spec(number), topic(&number.to_string()));
    match (habit(number), model) {
        (Habit::AnswersTyped | Habit::NeedsATypedRepair, _) => {
            vec![told(runner.run_as::<Plan>(&spec, about).await)]
        }
        (Habit::AnswersBothAgents, _) => {
            let mut twin = spec.clone();
            twin.name = "twin".into();
            let first = told(runner.run(&spec, &about).await);
            vec![first, told(runner.run(&twin, &about).await)]
        }
        (Habit::IsCancelled, Some(model)) => {
            let options = RunOptions::new().cancel_on(model.cancel(number));
            vec![told(runner.run_with(&spec, about, options).await)]
        }
        (Habit::IsDropped, Some(model)) => {
            let hangs = model.hangs(number);
            tokio::select! {
                _ = runner.run(&spec, about) => unreachable!("it hangs"),
                () = hangs.notified() => vec![Value::Null],
            }
        }
        _ => vec![told(runner.run(&spec, about).await)],
    }
}

/// Everything that a caller can see of an outcome, but for times and ids.
fn told<T: Serialize>(outcome: Result<Outcome<T>, Error>) -> Value {
    let (mut told, ledger) = match outcome {
        Ok(outcome) => (
            json!({"data": outcome.data, "usage": outcome.usage, "repairs": outcome.repairs}),
            outcome.ledger,
        ),
        Err(error) => (
            json!({
                "kind": error.kind(),
                "said": without_seconds(&format!("{error:#}")),
                "hint": error.hint(),
                "retryable": error.is_retryable(),
            }),
            error.ledger().clone(),
        ),
    };
    let calls = ledger.calls.iter().map(|call| {
        let attempts = call.attempts.iter();
        json!({
            "text": call.raw_text,
            "violations": call.violations.iter().map(|violation| (&violation.pointer, &violation.message)).collect::<Vec<_>>(),
            "finish_reason": call.finish_reason,
            "usage": call.usage,
            "error": call.error,
            "attempts": attempts.map(|attempt| json!([attempt.status, attempt.error, attempt.request_id])).collect::<Vec<_>>(),
        })
    });
    told["calls"] = calls.collect();
    told
}

/// `in 0.1 s` is how long it took this time.
fn without_seconds(text: &str) -> String {
    match text.split_once(" in ") {
        Some((before, after)) if after.contains(" s: ") => {
            format!("{before}{}", &after[after.find(" s: ").unwrap() + 2..])
        }
        _ => text.to_owned(),
    }
}

fn timeless(record: &Record) -> Value {
    let mut value = serde_json::to_value(record).unwrap();
    let fields = value.as_object_mut().unwrap();
    for path in IGNORED {
        fields.shift_remove(&path[1..]);
    }
    let attempts = fields.get_mut("attempts").and_then(Value::as_array_mut);
    for attempt in attempts.into_iter().flatten() {
        for name in IGNORED_IN_ATTEMPTS {
            attempt.as_object_mut().unwrap().shift_remove(name);
        }
    }
    value
}

fn timeless_records(directory: &Path) -> Vec<Value> {
    records(directory).iter().map(timeless).collect()
}

#[tokio::test]
async fn a_thousand_mixed_calls_replay_as_they_happened() {
    let folder = crate::support::folder();
    let model = Model::default();
    let first = runner(
        &folder,
        "first",
        r#"{"log_level": "full", "views": "none"}"#,
        model.clone(),
    );
    let numbers = 0..ROUNDS * HABITS.len();
    let mut outcomes = Vec::new();
    for number in numbers.clone() {
        outcomes.push(run(&first, number, Some(&model)).await);
    }
    first.flush().await.unwrap();

    let replay = ReplayProvider::from_run(folder.path().join("first")).unwrap();
    let second = runner(
        &folder,
        "second",
        r#"{"log_level": "full", "views": "none"}"#,
        replay.clone(),
    );
    for (number, recorded) in numbers.zip(outcomes) {
        let replayed = run(&second, number, None).await;
        if habit(number) == Habit::IsDropped {
            // Then nobody was there any more to be told.
            assert_eq!(replayed[0]["kind"], "cancelled");
        } else {
            assert_eq!(replayed, recorded, "{:?}", habit(number));
        }
    }
    second.flush().await.unwrap();

    let report = replay.report();
    assert!(report.replayed >= 1_000, "{report:?}");
    assert_eq!((report.missed, report.unused.len()), (0, 0));
    let (before, after) = (
        records(&folder.path().join("first")),
        records(&folder.path().join("second")),
    );
    assert_eq!(after.len(), before.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(after.replay_of.as_ref(), Some(&before.call_id));
        assert!(after.wire.is_empty() && !before.wire.is_empty());
        assert_eq!(timeless(after), timeless(before));
    }
    let kept = after.iter().filter(|record| {
        let sealed = record.provider_data.get("reasoning_details");
        sealed.is_some_and(|details| details[0]["data"] == SEALED)
    });
    assert_eq!(
        kept.count(),
        ROUNDS,
        "a server's own data is kept byte for byte"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_side_by_side_replay_as_they_happened() {
    let folder = crate::support::folder();
    let model = Model::default();
    let settings = r#"{"views": "none"}"#;
    let first = runner(&folder, "first", settings, model.clone());
    let numbers: Vec<usize> = (0..20 * HABITS.len()).collect();
    let all = |runner: AgentRunner, model: Option<Model>| {
        let runs = numbers.clone().into_iter().map(move |number| {
            let (runner, model) = (runner.clone(), model.clone());
            tokio::spawn(async move { run(&runner, number, model.as_ref()).await })
        });
        futures::stream::iter(runs.collect::<Vec<_>>())
            .then(|run| async { run.await.unwrap() })
            .collect::<Vec<_>>()
    };
    let recorded = all(first.clone(), Some(model)).await;
    first.flush().await.unwrap();

    let replay = ReplayProvider::from_run(folder.path().join("first")).unwrap();
    let second = runner(&folder, "second", settings, replay.clone());
    let replayed = all(second.clone(), None).await;
    second.flush().await.unwrap();

    for (number, (replayed, recorded)) in replayed.iter().zip(&recorded).enumerate() {
        if habit(number) != Habit::IsDropped {
            assert_eq!(replayed, recorded, "{:?}", habit(number));
        }
    }
    assert_eq!(replay.report().unused.len(), 0);
    let sorted = |run: &str| {
        let mut records = timeless_records(&folder.path().join(run));
        for record in &mut records {
            // The order of starts is the scheduler's.
            record.as_object_mut().unwrap().shift_remove("sequence");
        }
        records.sort_by_cached_key(ToString::to_string);
        records
    };
    assert_eq!(sorted("second"), sorted("first"));
}

#[test]
fn the_blocking_runner_replays_what_the_async_one_recorded() {
    let folder = crate::support::folder();
    let asked = [("tides", super::answer("Tides"))];
    let replay = ReplayProvider::from_run(super::recorded(&folder, &asked)).unwrap();
    let runner = blocking::AgentRunner::new(replay, super::prompts());
    let plan = runner.run(&agent("planner"), topic("tides")).unwrap();
    assert_eq!(plan.data, json!({"title": "Tides"}));
    assert_eq!(plan.usage.total_tokens(), Some(15));
}
