//! One table of scenarios through both faces, at once and streamed: the same results, and the same
//! log trees.
//!
//! The async face is driven by pollster and by tokio. Runs are sequential and ids are counted, so
//! that two trees may differ only in times, process ids and what is computed from them.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use duologue::agent::{AgentMode, Budget, Conversation, RunOptions, StreamEvent};
use duologue::call_log::{LlmLogging, LogFormat, LogLevel, OnError, Views};
use duologue::clock::SteppingClock;
use duologue::cost::Decimal;
use duologue::error::Ledger;
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, Error, Outcome, blocking};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{
    Before, Folder, current_thread, file_log, folder, in_time, plan, planner, prompts, quick, topic,
};

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Plan {
    title: String,
    steps: Vec<u8>,
}

/// How a runner is called.
enum How {
    Pollster(AgentRunner),
    Tokio(AgentRunner, tokio::runtime::Runtime),
    Blocking(blocking::AgentRunner),
    Streamed(AgentRunner),
    StreamedBlocking(blocking::AgentRunner),
}

impl How {
    fn all() -> [fn(AgentRunner) -> Self; 5] {
        [
            Self::Pollster,
            |runner| Self::Tokio(runner, current_thread()),
            |runner| Self::Blocking(runner.into()),
            Self::Streamed,
            |runner| Self::StreamedBlocking(runner.into()),
        ]
    }
}

struct Face {
    how: How,
    /// Cancelled as soon as a call reaches the provider.
    called: CancellationToken,
}

impl Face {
    fn run(&self, spec: &AgentSpec, variables: Value) -> Result<Outcome<Value>, Error> {
        match &self.how {
            How::Pollster(runner) => pollster::block_on(runner.run(spec, variables)),
            How::Tokio(runner, runtime) => runtime.block_on(runner.run(spec, variables)),
            How::Blocking(runner) => runner.run(spec, variables),
            How::Streamed(runner) => pollster::block_on(runner.stream(spec, variables).outcome()),
            How::StreamedBlocking(runner) => runner.stream(spec, variables).outcome(),
        }
    }

    fn run_with(
        &self,
        spec: &AgentSpec,
        variables: Value,
        options: RunOptions<'_>,
    ) -> Result<Outcome<Value>, Error> {
        match &self.how {
            How::Pollster(runner) => pollster::block_on(runner.run_with(spec, variables, options)),
            How::Tokio(runner, runtime) => {
                runtime.block_on(runner.run_with(spec, variables, options))
            }
            How::Blocking(runner) => runner.run_with(spec, variables, options),
            How::Streamed(runner) => {
                pollster::block_on(runner.stream_with(spec, variables, options).outcome())
            }
            How::StreamedBlocking(runner) => {
                last(runner.stream_with(spec, variables, options)).map(|outcome| *outcome)
            }
        }
    }

    fn run_as(&self, spec: &AgentSpec, variables: Value) -> Result<Outcome<Plan>, Error> {
        match &self.how {
            How::Pollster(runner) => pollster::block_on(runner.run_as(spec, variables)),
            How::Tokio(runner, runtime) => runtime.block_on(runner.run_as(spec, variables)),
            How::Blocking(runner) => runner.run_as(spec, variables),
            How::Streamed(runner) => {
                pollster::block_on(runner.stream_as(spec, variables).outcome())
            }
            How::StreamedBlocking(runner) => {
                last(runner.stream_as(spec, variables)).map(|outcome| *outcome)
            }
        }
    }

    fn run_as_with(
        &self,
        spec: &AgentSpec,
        variables: Value,
        options: RunOptions<'_>,
    ) -> Result<Outcome<Plan>, Error> {
        match &self.how {
            How::Pollster(runner) => {
                pollster::block_on(runner.run_as_with(spec, variables, options))
            }
            How::Tokio(runner, runtime) => {
                runtime.block_on(runner.run_as_with(spec, variables, options))
            }
            How::Blocking(runner) => runner.run_as_with(spec, variables, options),
            How::Streamed(runner) => {
                pollster::block_on(runner.stream_as_with(spec, variables, options).outcome())
            }
            How::StreamedBlocking(runner) => {
                runner.stream_as_with(spec, variables, options).outcome()
            }
        }
    }

    fn run_all(&self, runs: Vec<(&AgentSpec, Value)>) -> Vec<Result<Outcome<Value>, Error>> {
        match &self.how {
            How::Pollster(runner) => pollster::block_on(runner.run_all(runs, 1)),
            How::Tokio(runner, runtime) => runtime.block_on(runner.run_all(runs, 1)),
            How::Blocking(runner) => runner.run_all(runs, 1).unwrap(),
            // Streams have no twin of this: one behind the other they are the same runs.
            How::Streamed(_) | How::StreamedBlocking(_) => runs
                .into_iter()
                .map(|(spec, variables)| self.run(spec, variables))
                .collect(),
        }
    }

    fn flush(&self) -> Result<(), Error> {
        match &self.how {
            How::Pollster(runner) | How::Streamed(runner) => pollster::block_on(runner.flush()),
            How::Tokio(runner, runtime) => runtime.block_on(runner.flush()),
            How::Blocking(runner) | How::StreamedBlocking(runner) => runner.flush(),
        }
    }
}

/// Reads a stream to its end, event by event.
fn last<T>(events: blocking::AgentStream<'_, T>) -> Result<Box<Outcome<T>>, Error> {
    match events.last().expect("a stream has an end")? {
        StreamEvent::Finished(outcome) => Ok(outcome),
        _ => panic!("the last event is no end"),
    }
}

struct Scenario {
    name: &'static str,
    settings: LlmLogging,
    replies: Vec<Reply>,
    play: fn(&Face) -> Vec<Value>,
}

fn scenario(name: &'static str, replies: Vec<Reply>, play: fn(&Face) -> Vec<Value>) -> Scenario {
    Scenario {
        name,
        settings: LlmLogging::default(),
        replies,
        play,
    }
}

fn once(face: &Face) -> Vec<Value> {
    vec![shown(face.run(&planner(), topic()))]
}

fn bad(number: u64) -> Reply {
    Reply::json(json!({"title": number})).usage(10, number)
}

fn good() -> Reply {
    Reply::json(plan()).usage(20, 8)
}

fn at(level: LogLevel) -> LlmLogging {
    LlmLogging {
        log_level: level,
        ..LlmLogging::default()
    }
}

fn scenarios() -> Vec<Scenario> {
    let mut all = answers();
    all.extend(failures());
    all.extend(endings());
    all.extend(ways_to_call());
    all.extend(settings());
    all
}

fn answers() -> Vec<Scenario> {
    vec![
        scenario("a valid answer", vec![good()], once),
        scenario("an answer without usage", vec![Reply::json(plan())], once),
        scenario(
            "a fenced answer after thoughts",
            vec![good().fenced().thinking("hm")],
            once,
        ),
        scenario("a repaired answer", vec![bad(1), good()], once),
        scenario(
            "an answer that is no object, repaired",
            vec![Reply::text("[1]"), good()],
            once,
        ),
        scenario("no JSON, repaired", vec![Reply::text("no"), good()], once),
        scenario(
            "an answer after retries",
            vec![Reply::status(503), Reply::status(429), good()],
            once,
        ),
    ]
}

fn failures() -> Vec<Scenario> {
    let overflow = json!({"error": {"code": "context_length_exceeded", "message": "long"}});
    vec![
        scenario("repairs exhausted", (1..=3).map(bad).collect(), once),
        scenario("the same bad answer twice", vec![bad(1), bad(1)], once),
        scenario("retries used up", vec![Reply::status(500).forever()], once),
        scenario("a key that is not accepted", vec![Reply::status(401)], once),
        scenario(
            "a malformed body",
            vec![Reply::status(200).body("<html>")],
            once,
        ),
        scenario("a cut body", vec![Reply::cut_body("{").forever()], once),
        scenario("a refusal", vec![Reply::refusal("no")], once),
        scenario("a filtered answer", vec![Reply::content_filtered("")], once),
        scenario("a cut answer", vec![Reply::truncated("{\"ti")], once),
        scenario(
            "an overflow",
            vec![Reply::status(400).body(overflow.to_string())],
            once,
        ),
        scenario(
            "a repair that fails",
            vec![bad(1), Reply::status(402)],
            once,
        ),
        scenario("no reply left", vec![], once),
        scenario("a missing variable", vec![], |face| {
            vec![shown(face.run(&planner(), json!({})))]
        }),
        scenario("variables that are a list", vec![], |face| {
            vec![shown(face.run(&planner(), json!([])))]
        }),
        scenario("an unknown pack", vec![], |face| {
            vec![shown(
                face.run(&AgentSpec::new("a", "plaaner", "m"), topic()),
            )]
        }),
        scenario("an invalid schema", vec![], |face| {
            let spec = planner().with_response_schema(json!({"type": 1}));
            vec![shown(face.run(&spec, topic()))]
        }),
        scenario("an invalid figure", vec![], |face| {
            let mut spec = planner();
            spec.temperature = Some(3.0);
            vec![shown(face.run(&spec, topic()))]
        }),
    ]
}

fn endings() -> Vec<Scenario> {
    vec![
        scenario("a spent budget", vec![bad(190)], |face| {
            vec![shown(face.run(&planner().with_token_budget(250), topic()))]
        }),
        scenario("a budget that covers no call", vec![], |face| {
            let budget = Budget::new().cost_usd(Decimal::new(1, 6));
            let options = RunOptions::new().budget(budget.clone());
            let result = shown(face.run_with(&planner(), topic(), options));
            vec![result, json!(budget.spending().tokens)]
        }),
        scenario("a price that is not known", vec![], |face| {
            let spec = AgentSpec::new("a", "planner", "m").with_cost_budget_usd(Decimal::ONE);
            vec![shown(face.run(&spec, topic()))]
        }),
        scenario(
            "a raised cap",
            vec![Reply::truncated("{"), good()],
            |face| {
                let mut spec = planner();
                spec.max_output_tokens_on_truncation = Some(900);
                vec![shown(face.run(&spec, topic()))]
            },
        ),
        scenario("a deadline", vec![Reply::never()], |face| {
            let options = RunOptions::new().deadline(Duration::from_millis(300));
            vec![shown(face.run_with(&planner(), topic(), options))]
        }),
        scenario("a token that is cancelled already", vec![], |face| {
            let token = CancellationToken::new();
            token.cancel();
            let options = RunOptions::new().cancel_on(token);
            vec![shown(face.run_with(&planner(), topic(), options))]
        }),
        scenario(
            "a token that is cancelled in the call",
            vec![Reply::never()],
            |face| {
                let options = RunOptions::new().cancel_on(face.called.clone());
                vec![shown(face.run_with(&planner(), topic(), options))]
            },
        ),
        scenario("a panic", vec![Reply::panic("broken"), good()], |face| {
            let panic = catch_unwind(AssertUnwindSafe(|| face.run(&planner(), topic())));
            let words = panic.unwrap_err().downcast_ref::<String>().cloned();
            vec![json!(words), shown(face.run(&planner(), topic()))]
        }),
    ]
}

fn ways_to_call() -> Vec<Scenario> {
    let numbers = |steps: Value| Reply::json(json!({"title": "t", "steps": steps})).usage(3, 4);
    vec![
        scenario("a typed answer", vec![numbers(json!([1, 2]))], |face| {
            vec![shown(
                face.run_as(&AgentSpec::new("typed", "planner", "m"), topic()),
            )]
        }),
        scenario(
            "a typed answer, repaired",
            vec![numbers(json!([300])), numbers(json!([3]))],
            |face| {
                let spec = AgentSpec::new("typed", "planner", "m")
                    .with_response_schema(json!({"type": "object"}));
                let options = RunOptions::new().job("job-1").document("doc-1");
                vec![shown(face.run_as_with(&spec, topic(), options))]
            },
        ),
        scenario("an iteration with ids", vec![good()], |face| {
            let spec = AgentSpec::new("full", "full", "m").with_default_variable("tone", "kind");
            let options = RunOptions::new()
                .iteration(3)
                .parent_call("call_p")
                .job("j")
                .document("d");
            vec![shown(face.run_with(&spec, topic(), options))]
        }),
        scenario(
            "a conversation with a failed turn",
            vec![good(), Reply::status(400), good()],
            |face| {
                // The id of a conversation is its own, not the clock's.
                let stored = json!({"id": "conv_1", "messages": []});
                let mut conversation: Conversation = serde_json::from_value(stored).unwrap();
                let spec = planner().with_mode(AgentMode::Conversational);
                let mut results: Vec<Value> = (0..3)
                    .map(|turn| {
                        let options = RunOptions::new().conversation(&mut conversation);
                        shown(face.run_with(&spec, json!({"topic": turn}), options))
                    })
                    .collect();
                results.push(serde_json::to_value(&conversation).unwrap());
                results
            },
        ),
        scenario(
            "many runs, one of which fails",
            vec![good(), Reply::status(400), good()],
            |face| {
                let spec = planner();
                face.run_all(vec![(&spec, topic()), (&spec, topic()), (&spec, topic())])
                    .into_iter()
                    .map(shown)
                    .collect()
            },
        ),
        scenario("calls after a flush", vec![good(), good()], |face| {
            let first = shown(face.run(&planner(), topic()));
            let flushed = json!(face.flush().is_ok());
            vec![first, flushed, shown(face.run(&planner(), topic()))]
        }),
    ]
}

fn settings() -> Vec<Scenario> {
    let replies = || vec![bad(1), Reply::status(503), good()];
    let with = |name, settings| Scenario {
        settings,
        ..scenario(name, replies(), once)
    };
    vec![
        with("level minimal", at(LogLevel::Minimal)),
        with("level full", at(LogLevel::Full)),
        with(
            "format json",
            LlmLogging {
                format: LogFormat::Json,
                ..at(LogLevel::Standard)
            },
        ),
        with(
            "failed views",
            LlmLogging {
                views: Views::Failed,
                ..at(LogLevel::Standard)
            },
        ),
        with(
            "no views",
            LlmLogging {
                views: Views::None,
                ..at(LogLevel::Standard)
            },
        ),
        with(
            "on_error fail",
            LlmLogging {
                on_error: OnError::Fail,
                ..at(LogLevel::Standard)
            },
        ),
        with(
            "logging off",
            LlmLogging {
                enabled: false,
                ..LlmLogging::default()
            },
        ),
    ]
}

#[test]
fn every_scenario_gives_the_same_results_and_the_same_log_tree_through_all_faces() {
    in_time(compare);
}

fn compare() {
    for scenario in scenarios() {
        let [pollster, tokio, blocking, streamed, streamed_blocking] =
            How::all().map(|face| play(&scenario, face));
        let name = scenario.name;
        assert_eq!(
            blocking, pollster,
            "{name}: blocking and async over pollster"
        );
        assert_eq!(blocking, tokio, "{name}: blocking and async over tokio");
        assert_eq!(blocking, streamed, "{name}: at once and streamed");
        assert_eq!(
            blocking, streamed_blocking,
            "{name}: at once and streamed, both blocking"
        );
        assert!(!blocking.results.is_empty(), "{name}");
        assert_eq!(
            blocking.tree.is_empty(),
            !scenario.settings.enabled,
            "{name}"
        );
    }
}

#[derive(Debug, PartialEq)]
struct Played {
    results: Vec<Value>,
    tree: BTreeMap<String, Value>,
}

fn play(scenario: &Scenario, how: fn(AgentRunner) -> How) -> Played {
    let folder = folder();
    let script = ScriptedProvider::new(scenario.replies.clone());
    let called = CancellationToken::new();
    let cancel = called.clone();
    let provider = Before::new(script, move |_| {
        cancel.cancel();
        std::future::ready(())
    });
    let runner = AgentRunner::builder(provider, prompts())
        .logger(file_log(&folder, scenario.settings.clone()))
        .retry(quick())
        .clock(Arc::new(SteppingClock::starting_at(1_769_603_696)))
        .build();
    let face = Face {
        how: how(runner),
        called,
    };
    let results = (scenario.play)(&face);
    face.flush().unwrap();
    drop(face);
    Played {
        results,
        tree: tree(&folder),
    }
}

// ---------------------------------------------------------------- what is compared

fn shown<T: Serialize>(result: Result<Outcome<T>, Error>) -> Value {
    match result {
        Ok(outcome) => json!({
            "data": outcome.data,
            "usage": outcome.usage,
            "cost": outcome.cost,
            "duration": outcome.duration,
            "repairs": outcome.repairs,
            "execution": outcome.execution_id,
            "conversation": outcome.conversation_id,
            "ledger": ledger(&outcome.ledger),
        }),
        Err(error) => json!({
            "kind": error.kind(),
            "message": error.to_string(),
            "source": error.source().map(ToString::to_string),
            "hint": error.hint(),
            "ledger": ledger(error.ledger()),
        }),
    }
}

fn ledger(ledger: &Ledger) -> Value {
    let calls = ledger.calls.iter().map(|call| {
        let mut attempts = serde_json::to_value(&call.attempts).unwrap();
        forget_times(&mut attempts);
        json!({
            "id": call.call_id,
            "text": call.raw_text,
            "violations": call.violations,
            "finish_reason": call.finish_reason,
            "usage": call.usage,
            "cost": call.cost,
            "attempts": attempts,
            "duration": call.duration,
            "error": call.error,
            "is_recorded": call.record.is_some(),
        })
    });
    calls.collect()
}

/// The files below `folder` by name, read as what they are.
fn tree(folder: &Folder) -> BTreeMap<String, Value> {
    let mut files = BTreeMap::new();
    collect(folder.path(), folder.path(), &mut files);
    files
}

fn collect(base: &Path, directory: &Path, files: &mut BTreeMap<String, Value>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(base, &path, files);
            continue;
        }
        let name = path
            .strip_prefix(base)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let (name, mut content) = match path.extension().and_then(|ending| ending.to_str()) {
            Some("jsonl") => ("run/journal/PID-START.jsonl".to_owned(), journal(&text)),
            Some("yaml") => (name, serde_yaml::from_str(&text).unwrap()),
            Some("json") => (name, serde_json::from_str(&text).unwrap()),
            _ => (name, json!(bytes)),
        };
        forget_times(&mut content);
        assert!(
            files.insert(name, content).is_none(),
            "one journal for each process"
        );
    }
}

/// Its events in order; those of the writer thread apart, as they may come in between anywhere.
fn journal(text: &str) -> Value {
    let lines = text.lines().filter(|line| !line.is_empty());
    let events: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (rendered, events): (Vec<_>, Vec<_>) = events
        .into_iter()
        .partition(|event| event["event"] == "rendered");
    json!({"events": events, "rendered": rendered})
}

/// Replaces what the machine's own clock, its dice and the process decide; what is there and what
/// is not still counts.
fn forget_times(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(forget_times),
        Value::Object(map) => forget_times_of(map),
        _ => {}
    }
}

fn forget_times_of(map: &mut Map<String, Value>) {
    // What a stream alone has; that it has it is shown elsewhere.
    map.retain(|key, _| !matches!(key.as_str(), "streamed" | "first_token_ms"));
    let is_attempt = !map.contains_key("call_id") && !map.contains_key("calls");
    for (key, value) in map {
        let by_machine = match key.as_str() {
            "first_byte_ms" | "backoff_ms" | "delay_ms" | "pid" | "time" | "updated_at" | "crc" => {
                true
            }
            "duration_ms" => is_attempt,
            _ => false,
        };
        if by_machine {
            *value = json!("…");
        } else {
            forget_times(value);
        }
    }
}
