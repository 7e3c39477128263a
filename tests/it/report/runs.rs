//! Runs to report on, made by the real log.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use duologue::attempt::{Attempts, WireCapture, WireExchange};
use duologue::call_log::{
    CallEnd, CallError, CallLog, LlmLogging, LogLevel, Record, Sanitizer, Views,
};
use duologue::chat::{FinishReason, Message, Response, Usage};
use duologue::clock::Clock;
use duologue::cost::{Cost, Decimal};
use duologue::error::SchemaViolation;
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, ErrorKind};
use serde_json::{Map, Value, json};

use crate::log_support::open;
use crate::support::{Folder, folder, plan, planner, prompts, quick};

/// A run in a folder that goes with it.
pub(super) struct Run {
    folder: Folder,
    pub(super) log: CallLog,
}

impl Run {
    pub(super) fn new(log_level: LogLevel) -> Self {
        let folder = folder();
        let settings = LlmLogging {
            log_level,
            views: Views::None,
            ..LlmLogging::default()
        };
        let log = open(folder.path(), "run", settings);
        Self { folder, log }
    }

    /// The same run, whose files are damaged on purpose.
    pub(super) fn damaged(self) -> Self {
        Self {
            folder: self.folder.damaged(),
            ..self
        }
    }

    pub(super) fn directory(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    /// Runs each agent once, one after another; the replies are those of the requests in order.
    pub(super) fn with(
        self,
        agents: &[AgentSpec],
        replies: impl IntoIterator<Item = Reply>,
    ) -> Self {
        let script = ScriptedProvider::new(replies);
        let runner = AgentRunner::builder(script.clone(), prompts())
            .logger(self.log.clone())
            .retry(quick())
            .build();
        for (index, agent) in agents.iter().enumerate() {
            let topic = json!({"topic": format!("subject number {index}")});
            // Runs that fail are wanted here.
            let _ = pollster::block_on(runner.run(agent, topic));
        }
        script.finish().unwrap();
        self
    }
}

fn named(name: &str, model: &str) -> AgentSpec {
    let mut agent = planner();
    name.clone_into(&mut agent.name);
    model.clone_into(&mut agent.model);
    agent
}

/// Seven calls: a success, an invalid answer and its repair, a retried success, a refusal, a cut
/// answer, an error after three requests.
pub(super) fn mixed() -> Run {
    let agents = [
        named("planner", "gpt-5-mini"),
        named("judge", "gpt-5"),
        named("planner", "gpt-5-mini"),
        named("judge", "gpt-5"),
        named("editor", "gpt-5-mini"),
        named("editor", "gpt-5-mini"),
    ];
    let busy = || Reply::status(503).header("x-request-id", "req_busy");
    Run::new(LogLevel::Full).with(
        &agents,
        [
            Reply::json(plan()).usage(100, 20),
            Reply::json(json!({"title": "Ebb and flow", "steps": "sun"})).usage(50, 10),
            Reply::json(json!({"title": "Ebb and flow", "steps": ["moon"]})).usage(70, 12),
            busy(),
            Reply::json(plan()).fenced().usage(30, 5),
            Reply::refusal("I would rather not."),
            Reply::truncated("{\"title\": \"Ti"),
            busy(),
            busy(),
            busy(),
        ],
    )
}

/// One call that has begun and not ended. It ends when the guard is dropped.
pub(super) fn running() -> (Run, duologue::call_log::OpenCall) {
    let run = Run::new(LogLevel::Standard).with(&[planner()], [Reply::json(plan())]);
    let attempts = Attempts::new(WireCapture::Off);
    let call = run.log.begin(&attempts, || named_record("judge", 2));
    (run, call.unwrap())
}

fn named_record(agent: &str, number: usize) -> Record {
    let mut record = Record::default();
    record.call_id = format!("call_{number:016x}");
    record.execution_id = format!("exec_{number:016x}");
    agent.clone_into(&mut record.agent);
    "gpt-5-mini".clone_into(&mut record.model);
    "openai".clone_into(&mut record.provider);
    record.attempt = 1;
    record
}

/// What would set `window.ran` if it ran, load if it loaded, or end the element that it stands in.
pub(super) const PAYLOADS: [&str; 12] = [
    "<script>window.ran = 1</script>",
    "</script><script>window.ran = 2</script>",
    "<img src=x onerror=\"window.ran = 3\"><svg onload=\"window.ran = 4\">",
    "<a href=\"javascript:window.ran = 5\">javascript:window.ran = 5</a>",
    "<!-- <script> --> ]]> <![CDATA[ {{script}} {{data}} ${window.ran = 6}",
    "<link rel=stylesheet href=\"http://127.0.0.1:9/a.css\"><iframe src=\"http://127.0.0.1:9/\"></iframe>",
    "![image](http://127.0.0.1:9/image.png) [link](http://127.0.0.1:9/)",
    "line\u{2028}separator\u{2029}paragraph",
    "\u{202e}right to left override\u{202c} and \u{2066}isolate",
    "a NUL \u{0}, an escape \u{1b}[31m, a BOM \u{feff}, a bell \u{7}",
    "lone surrogates \\ud800 \\udfff and \"quotes' `ticks` \\u003c/script\\u003e",
    "__proto__ constructor \u{1f600} <style>*{display:none}</style><base href=//x><meta http-equiv=refresh content=0>",
];

/// Every text field of two calls, an invalid one and its repair, holds all payloads.
pub(super) fn hostile() -> Run {
    let run = Run::new(LogLevel::Full);
    let all = PAYLOADS.join("\n");
    for attempt in 1..=2 {
        let attempts = Attempts::new(WireCapture::On);
        let request = attempts.open();
        request.headers(200, Some(all.clone()));
        request.exchange(|| exchange(&all));
        request.close(None);
        let call = run.log.begin(&attempts, || hostile_record(&all, attempt));
        call.unwrap().finish(|| hostile_end(&all, attempt)).unwrap();
    }
    run
}

fn exchange(all: &str) -> WireExchange {
    let mut exchange = WireExchange::default();
    all.clone_into(&mut exchange.method);
    exchange.url = format!("javascript:window.ran = 7//{all}");
    exchange.request_headers = vec![(all.to_owned(), all.to_owned())];
    all.clone_into(&mut exchange.request_body);
    exchange.response_headers = vec![(all.to_owned(), all.to_owned())];
    all.clone_into(&mut exchange.response_body);
    exchange
}

fn hostile_map(all: &str) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert(all.to_owned(), json!({all: [all, {"__proto__": all}]}));
    map
}

fn hostile_record(all: &str, attempt: u32) -> Record {
    let mut record = named_record(all, attempt as usize);
    record.call_id = format!("{all}{attempt}");
    all.clone_into(&mut record.execution_id);
    all.clone_into(&mut record.model);
    all.clone_into(&mut record.provider);
    record.attempt = attempt;
    for id in [
        &mut record.parent_call_id,
        &mut record.conversation_id,
        &mut record.job_id,
        &mut record.document_id,
        &mut record.replay_of,
        &mut record.schema_hash,
    ] {
        *id = Some(all.to_owned());
    }
    record.parameters.extra = hostile_map(all);
    record.context = Some(hostile_map(all));
    record.prompt_hashes.insert(all.to_owned(), all.to_owned());
    record.templates.insert(all.to_owned(), all.to_owned());
    record.messages = PAYLOADS
        .iter()
        .flat_map(|text| {
            [
                Message::system(*text),
                Message::user(*text),
                Message::assistant(*text),
            ]
        })
        .collect();
    record
}

fn hostile_end(all: &str, attempt: u32) -> CallEnd {
    let mut response = Response::text(format!("{all} {attempt}"));
    response.reasoning = Some(all.to_owned());
    response.id = Some(all.to_owned());
    response.model = Some(all.to_owned());
    response.finish_reason = Some(FinishReason::Other(all.to_owned()));
    response.provider_data = hostile_map(all);
    let mut end = CallEnd::default();
    end.response = Some(response);
    end.fixups = vec![all.to_owned()];
    end.goes_on = attempt == 1;
    if attempt == 1 {
        end.error = Some(CallError {
            kind: ErrorKind::InvalidAnswer,
            message: all.to_owned(),
            hint: Some(all.to_owned()),
        });
        end.violations = vec![SchemaViolation {
            pointer: all.to_owned(),
            message: all.to_owned(),
        }];
    } else {
        end.answer = Some(Value::Object(hostile_map(all)));
    }
    end
}

/// A call whose answer is one text of five megabytes without a line end.
pub(super) fn huge_answer() -> Run {
    let run = Run::new(LogLevel::Standard);
    let call = run.log.begin(&Attempts::new(WireCapture::Off), || {
        named_record("planner", 1)
    });
    let mut end = CallEnd::default();
    end.response = Some(Response::text("<b>tide</b> ".repeat(5 * 1024 * 1024 / 12)));
    call.unwrap().finish(|| end).unwrap();
    run
}

/// Time that passes when it is told to.
#[derive(Debug, Clone, Default)]
struct TestClock(Arc<AtomicU64>);

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000) + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn id(&self) -> String {
        "0".repeat(16)
    }
}

/// So many calls of about 4 KB, each 40 ms after the one before; every tenth is invalid, and
/// repaired by the next. Nothing is sanitized on the way, which takes long in a debug build.
pub(super) fn many(calls: usize) -> Run {
    let mut run = Run::new(LogLevel::Standard);
    let clock = TestClock::default();
    run.log = run
        .log
        .with_clock(Arc::new(clock.clone()))
        .with_sanitizer(Sanitizer::off());
    let system = "Answer with one JSON object, and keep within the limits. ".repeat(14);
    for number in 0..calls {
        let is_repair = number % 10 == 1;
        let begun = clock.0.fetch_add(40, Ordering::Relaxed);
        let call = run.log.begin(&Attempts::new(WireCapture::Off), || {
            let mut record = named_record(["planner", "judge", "editor"][number % 3], number);
            if is_repair {
                record.attempt = 2;
                record.execution_id = format!("exec_{:016x}", number - 1);
            }
            let words = format!("subject {number} and the tide of that day, ");
            record.messages = vec![Message::system(&*system), Message::user(words.repeat(50))];
            record
        });
        clock
            .0
            .fetch_add(500 + number as u64 % 3000, Ordering::Relaxed);
        call.unwrap().finish(|| one_of_many(number)).unwrap();
        clock.0.store(begun + 40, Ordering::Relaxed);
    }
    run
}

fn one_of_many(number: usize) -> CallEnd {
    let mut end = CallEnd::default();
    let text = format!(
        "{{\"title\": \"answer {number}\", \"steps\": \"{}\"}}",
        "moon and sun ".repeat(70)
    );
    end.response = Some(Response::text(text).with_usage(Usage::new(500 + number as u64, 80)));
    end.cost = Some(Cost::from_usd(Decimal::new(15, 4)));
    if number.is_multiple_of(10) {
        end.goes_on = true;
        end.error = Some(CallError {
            kind: ErrorKind::InvalidAnswer,
            message: "the answer does not fit".to_owned(),
            hint: None,
        });
    }
    end
}

/// Flips a bit in the middle of the second line of the run's journal, and tears its last one.
pub(super) fn damage(directory: &Path) {
    let journal = std::fs::read_dir(directory.join("journal")).unwrap().next();
    let path = journal.unwrap().unwrap().path();
    let mut bytes = std::fs::read(&path).unwrap();
    let lines: Vec<usize> = memchr_lines(&bytes);
    bytes[lines[3] + 40] ^= 1;
    bytes.truncate(bytes.len() - 20);
    std::fs::write(path, bytes).unwrap();
}

fn memchr_lines(bytes: &[u8]) -> Vec<usize> {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    ends.map(|(at, _)| at).collect()
}
