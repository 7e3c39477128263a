//! Export to receivers that were not written here: Phoenix takes traces, Rotel takes metrics. Both
//! come from PyPI by `make servers`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use duologue::ErrorKind;
use duologue::otel::Telemetry;
use duologue::provider::Reply;
use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;

use crate::command::Folder;
use crate::support::{Stage, current_thread, in_time, planner, topic};

/// A receiver, stopped when the test ends.
struct Receiver {
    process: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A program below `target/test-servers`; `None`, said loudly, where it is missing; never in CI.
fn installed(path: &str) -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/test-servers")
        .join(path);
    if program.exists() {
        return Some(program);
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "CI must not skip this test: run `make test`"
    );
    eprintln!(
        "SKIPPED: there is no {}; run `make servers`",
        program.display()
    );
    None
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Looks again and again, for a bounded time, until there is something.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let limit = Instant::now() + Duration::from_secs(240);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < limit, "{what} does not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The body of an answer with status 200.
fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.lines()
        .next()?
        .contains(" 200")
        .then(|| body.to_owned())
}

impl Receiver {
    fn phoenix() -> Option<Self> {
        let program = installed("phoenix/bin/phoenix")?;
        let folder = tempfile::tempdir().unwrap();
        let (port, grpc) = (free_port(), free_port());
        let process = Command::new(program)
            .arg("serve")
            .env("HOME", folder.path())
            .env("PHOENIX_WORKING_DIR", folder.path())
            .env("PHOENIX_HOST", "127.0.0.1")
            .env("PHOENIX_PORT", port.to_string())
            .env("PHOENIX_GRPC_PORT", grpc.to_string())
            .env("PHOENIX_TELEMETRY_ENABLED", "false")
            .env("PHOENIX_ALLOW_EXTERNAL_RESOURCES", "false")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let receiver = Self {
            process,
            address: format!("127.0.0.1:{port}"),
            folder,
        };
        wait_for("Phoenix", || get(&receiver.address, "/healthz"));
        Some(receiver)
    }

    fn rotel() -> Option<Self> {
        let bin = installed("rotel/bin/python")?;
        let lib = bin.ancestors().nth(2).unwrap().join("lib");
        let python = std::fs::read_dir(lib).unwrap().next().unwrap().unwrap();
        let program = python.path().join("site-packages/rotel/rotel-agent");
        let folder = tempfile::tempdir().unwrap();
        let output = std::fs::File::create(folder.path().join("told")).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let process = Command::new(program)
            .args(["start", "--exporter", "blackhole", "--debug-log", "metrics"])
            .args(["--debug-log-verbosity", "detailed"])
            .args(["--otlp-http-endpoint", &address])
            .args([
                "--otlp-grpc-endpoint",
                &format!("127.0.0.1:{}", free_port()),
            ])
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let receiver = Self {
            process,
            address,
            folder,
        };
        wait_for("Rotel", || TcpStream::connect(&receiver.address).ok());
        Some(receiver)
    }

    /// The spans of a project, as the receiver gives them back, once there are `count`.
    fn spans(&self, project: &str, count: usize) -> Vec<Value> {
        let path = format!("/v1/projects/{project}/spans?limit=1000");
        wait_for("the run", || {
            let body: Value = serde_json::from_str(&get(&self.address, &path)?).ok()?;
            let spans = body["data"].as_array()?.clone();
            (spans.len() >= count).then_some(spans)
        })
    }

    /// The data points of a metric, as the receiver shows them, once it has come.
    fn points(&self, metric: &str) -> Vec<String> {
        let name = format!("-> Name: {metric}\n");
        let text = wait_for(metric, || {
            let told = std::fs::read_to_string(self.folder.path().join("told")).ok()?;
            let (_, after) = told.split_once(&name)?;
            let (own, _) = after.split_once("Metric #").unwrap_or((after, ""));
            own.contains("Buckets #14").then(|| own.to_owned())
        });
        let points = text.split("HistogramDataPoints #").skip(1);
        points.map(str::to_owned).collect()
    }
}

const JOB: &str = "\
run_id: demo
output_dir: out
prompts: prompts
provider: {kind: scripted, replies: replies.yaml, max_retries: 1}
agent: {llm_logging: {enabled: false}}
concurrency: 1
agents:
  - {name: planner, prompt_pack: planner, model: gpt-5-mini, response_schema: schema.json, inputs: items.jsonl}
  - {name: critic, prompt_pack: planner, model: gpt-5, mode: conversational, inputs: items.jsonl}
";

/// The planner is asked again by the transport, then repairs; the critic refuses its second turn.
const REPLIES: &str = "\
replies:
  - {agent: planner, status: 503}
  - {agent: planner, json: {name: confidential}, usage: {input_tokens: 10, output_tokens: 5}}
  - {agent: planner, json: {title: confidential}, usage: {input_tokens: 20, output_tokens: 6}}
  - {agent: planner, json: {title: confidential}, usage: {input_tokens: 30, output_tokens: 7}}
  - {agent: critic, json: {verdict: confidential}, usage: {input_tokens: 40, output_tokens: 8}}
  - {agent: critic, refusal: confidential}
";

const SECRET: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";

fn folder() -> Folder {
    let folder = Folder::with_job();
    let item = format!("{{\"topic\": \"confidential tides {SECRET}\"}}\n");
    folder
        .write("job.yaml", JOB)
        .write("replies.yaml", REPLIES)
        .write("items.jsonl", &item.repeat(2));
    folder
}

/// The spans as an indented tree in the order in which they began, with what tells them apart.
fn tree(spans: &[Value]) -> String {
    let mut spans: Vec<&Value> = spans.iter().collect();
    spans.sort_by_key(|span| span["start_time"].as_str().unwrap().to_owned());
    let mut text = String::new();
    draw(&spans, &Value::Null, 0, &mut text);
    text
}

fn draw(spans: &[&Value], parent: &Value, depth: usize, text: &mut String) {
    for span in spans.iter().filter(|span| span["parent_id"] == *parent) {
        let attributes = &span["attributes"];
        let mut line = format!("{}{}", "  ".repeat(depth), span["name"].as_str().unwrap());
        for (name, word) in [
            ("gen_ai.usage.input_tokens", "in"),
            ("gen_ai.usage.output_tokens", "out"),
            ("duologue.cost_usd", "usd"),
            ("duologue.attempt", "attempt"),
            ("duologue.transport_attempts", "requests"),
            ("gen_ai.response.finish_reasons", "finished"),
            ("error.type", "error"),
        ] {
            if let Some(value) = attributes.get(name) {
                line = format!("{line} {word}={value}");
            }
        }
        for event in span["events"].as_array().unwrap() {
            line = format!("{line} [{}]", event["name"].as_str().unwrap());
        }
        if span["status_code"] == "ERROR" {
            line.push_str(" ERROR");
        }
        text.push_str(&line);
        text.push('\n');
        draw(spans, &span["context"]["span_id"], depth + 1, text);
    }
}

#[test]
fn a_jobs_run_arrives_in_phoenix_as_one_tree_and_its_content_only_when_asked_for() {
    let Some(phoenix) = Receiver::phoenix() else {
        return;
    };
    let folder = folder();
    let endpoint = format!("http://{}", phoenix.address);
    let without = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_METRICS_EXPORTER", "none"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "openinference.project.name=without",
        ),
    ];
    let with = [
        without[0],
        without[1],
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "openinference.project.name=with",
        ),
        ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true"),
    ];

    let ended = folder.run_with(&["run", "job.yaml"], &without);
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    assert!(!ended.stderr.contains("telemetry"), "{}", ended.stderr);
    folder.run_with(&["run", "job.yaml"], &with);

    let spans = phoenix.spans("without", 10);
    insta::assert_snapshot!(tree(&spans));
    let traces: std::collections::BTreeSet<String> = spans
        .iter()
        .map(|span| span["context"]["trace_id"].to_string())
        .collect();
    assert_eq!(traces.len(), 1, "a run is one trace");
    let all = serde_json::to_string(&spans).unwrap();
    assert!(
        !all.contains("confidential") && !all.contains("ghp_"),
        "{all}"
    );
    let critic = |span: &&Value| span["name"] == "chat gpt-5";
    let conversation = |span: &Value| span["attributes"]["gen_ai.conversation.id"].clone();
    let ids: Vec<Value> = spans.iter().filter(critic).map(conversation).collect();
    assert!(
        ids.len() == 2 && ids[0].is_string() && ids[0] == ids[1],
        "{ids:?}"
    );

    let all = serde_json::to_string(&phoenix.spans("with", 10)).unwrap();
    assert!(
        all.contains("confidential tides <REDACTED:github-token>"),
        "{all}"
    );
    assert!(!all.contains(SECRET), "{all}");
}

#[test]
fn every_call_is_counted_in_rotel_though_the_call_log_is_off() {
    let Some(rotel) = Receiver::rotel() else {
        return;
    };
    let endpoint = format!("http://{}", rotel.address);
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_TRACES_EXPORTER", "none"),
    ];

    let ended = folder().run_with(&["run", "job.yaml"], &variables);
    assert!(!ended.stderr.contains("telemetry"), "{}", ended.stderr);

    let of = |points: &[String], parts: &[&str]| -> Vec<String> {
        let fits = |point: &&String| parts.iter().all(|part| point.contains(part));
        points.iter().filter(fits).cloned().collect()
    };
    let tokens = rotel.points("gen_ai.client.token.usage");
    let valid = of(
        &tokens,
        &["gpt-5-mini", "token.type: Str(input)", "Sum: 50\n"],
    );
    assert_eq!(valid.len(), 1, "{tokens:#?}");
    assert!(valid[0].contains("Count: 2\n") && valid[0].contains("ExplicitBounds #13: 67108864\n"));
    let repaired = [
        "error.type: Str(invalid_answer)",
        "token.type: Str(output)",
        "Sum: 5\n",
    ];
    assert_eq!(of(&tokens, &repaired).len(), 1, "{tokens:#?}");
    let durations = rotel.points("gen_ai.client.operation.duration");
    let refused = of(&durations, &["error.type: Str(refused)", "Count: 1\n"]);
    assert_eq!(refused.len(), 1, "{durations:#?}");
    assert!(
        refused[0].contains("ExplicitBounds #13: 81.92\n"),
        "{refused:?}"
    );
    let first_bytes = rotel.points("duologue.client.operation.time_to_first_byte");
    assert!(
        !of(&first_bytes, &["gpt-5-mini", "Count: 2\n"]).is_empty(),
        "{first_bytes:#?}"
    );
}

#[test]
fn a_receiver_that_is_gone_or_misnamed_is_said_once_and_fails_no_run() {
    let folder = Folder::with_job();
    let gone = format!("http://127.0.0.1:{}", free_port());
    let run = |variables: &[(&str, &str)]| {
        let ended = folder.run_with(&["run", "job.yaml"], variables);
        assert_eq!(ended.code, Some(0), "{}", ended.all());
        assert_eq!(
            ended.stderr.matches("warning").count(),
            1,
            "{}",
            ended.stderr
        );
        ended.stderr
    };

    let said = run(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &gone)]);
    assert!(
        said.contains("telemetry could not be delivered") && said.contains(&gone),
        "{said}"
    );
    assert!(said.contains("cannot be reached"), "{said}");
    let said = run(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &gone),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ]);
    assert!(
        said.contains("`OTEL_EXPORTER_OTLP_PROTOCOL` is `grpc`"),
        "{said}"
    );
    let quiet = [("OTEL_EXPORTER_OTLP_ENDPOINT", gone.as_str())];
    let ended = folder.run_with(&["run", "job.yaml", "--quiet"], &quiet);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_receiver_that_never_answers_holds_a_flush_up_no_longer_than_its_timeout() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mute.local_addr().unwrap();
    let stage = Stage::new([Reply::json(crate::support::plan())]);
    let error = in_time(move || {
        let telemetry = Telemetry::builder()
            .endpoint(format!("http://{address}"))
            .flush_timeout(Duration::from_millis(50))
            .build()
            .unwrap();
        let registry = tracing_subscriber::registry().with(telemetry.layer());
        let _listening = tracing::subscriber::set_default(registry);
        let done = current_thread().block_on(stage.runner.run(&planner(), topic()));
        assert!(done.is_ok());
        telemetry.flush().unwrap_err()
    });
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error
            .to_string()
            .contains("nothing came back within 0.05 s"),
        "{error}"
    );
    drop(mute);
}

#[test]
fn an_endpoint_that_is_no_url_is_refused_when_it_is_named() {
    let error = Telemetry::builder()
        .endpoint("not a url")
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        format!("{error:#}").contains("OTEL_EXPORTER_OTLP_"),
        "{error:#}"
    );
}

#[test]
fn a_wait_without_end_is_no_overflow() {
    let telemetry = Telemetry::builder()
        .endpoint(format!("http://127.0.0.1:{}", free_port()))
        .flush_timeout(Duration::MAX)
        .build()
        .unwrap();
    drop(tracing::subscriber::set_default(
        tracing_subscriber::registry().with(telemetry.layer()),
    ));
    in_time(move || {
        telemetry.flush().unwrap();
        telemetry.shutdown().unwrap();
    });
}

#[test]
fn an_endpoint_that_is_no_url_does_not_give_its_password_away() {
    let error = Telemetry::builder()
        .endpoint("http://me:Zk29mmQ877rt@ho st")
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let told = format!("{error:#} {error:?}");
    assert!(
        told.contains("st/v1/traces") && !told.contains("Zk29mmQ877rt"),
        "{told}"
    );
}
