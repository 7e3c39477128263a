//! No documents, very many, and two pipelines side by side.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use duologue::AgentRunner;
use duologue::flow::document::{Document, DocumentSource};
use duologue::flow::pipeline::{Limits, Output, Pipeline, PipelineOptions, PipelineStatus, Stage};
use duologue::provider::ScriptedProvider;
use serde_json::json;

use super::{Desk, agent, always, content, documents, packs, reviewed};

#[test]
fn of_ten_thousand_documents_only_those_under_way_are_alive() {
    let (read, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (reading, done) = (read.clone(), ended.clone());
    let source = DocumentSource::of((0..10_000).map(move |index| {
        let alive = reading.fetch_add(1, Ordering::SeqCst) - done.load(Ordering::SeqCst);
        // Eight under way, and a few that are read ahead.
        assert!(
            alive < 24,
            "{alive} documents are alive when another one is read"
        );
        Document::new(format!("d{index}"), "text")
    }));
    let pipeline = Pipeline::builder("p")
        .stage(Stage::function("work", async |_| Ok(json!({"ok": true}))).then("end"))
        .stage(Stage::function("end", move |_| {
            let ended = ended.clone();
            async move {
                tokio::task::yield_now().await;
                ended.fetch_add(1, Ordering::SeqCst);
                Ok(json!({}))
            }
        }))
        .limits(Limits::default().documents(8))
        .build()
        .unwrap();
    let runner = AgentRunner::new(ScriptedProvider::new([]), packs());
    let running = pipeline.run(&runner, source, PipelineOptions::new());
    let report = pollster::block_on(running).unwrap();
    assert_eq!(report.documents.succeeded, 10_000);
}

#[test]
fn only_the_first_documents_are_taken_with_a_limit() {
    let desk = Desk::new([always("cleaner", json!({}))]);
    let pipeline = Pipeline::builder("p")
        .stage(Stage::agent("clean", agent("cleaner")))
        .build()
        .unwrap();
    let options = PipelineOptions::new().limit(3);
    let report = pollster::block_on(pipeline.run(&desk.runner, documents(10), options)).unwrap();
    assert_eq!(
        (report.status, report.documents.begun),
        (PipelineStatus::Succeeded, 3)
    );
}

#[test]
fn two_pipelines_in_one_process_count_for_themselves() {
    let (one, other) = (Desk::new(content()), Desk::new(content()));
    let pipeline = reviewed()
        .limits(Limits::default().documents(2).agent("reviewer", 1))
        .build()
        .unwrap();
    let run = |desk: &Desk, count| {
        let (pipeline, runner) = (pipeline.clone(), desk.runner.clone());
        async move {
            pipeline
                .run(&runner, documents(count), PipelineOptions::new())
                .await
                .unwrap()
        }
    };
    let (three, five) = pollster::block_on(futures::future::join(run(&one, 3), run(&other, 5)));
    assert_eq!(
        (three.documents.succeeded, five.documents.succeeded),
        (3, 5)
    );
    assert_eq!((three.calls, five.calls), (12, 20));
    assert_eq!((three.stages[1].visits, five.stages[1].visits), (3, 5));
    assert_eq!(one.lines("documents.jsonl").len(), 3);
    assert_eq!(other.lines("documents.jsonl").len(), 5);
}

#[test]
fn a_run_can_be_sent_to_another_thread() {
    fn sent<T: Send>(_: &T) {}
    let desk = Desk::new([]);
    let pipeline = reviewed().build().unwrap();
    sent(&pipeline.run(&desk.runner, documents(0), PipelineOptions::new()));
}

#[test]
fn artifacts_of_earlier_runs_go_when_asked_and_nothing_else_does() {
    let desk = Desk::new(content());
    let out = desk.folder.path().join("out");
    let output = Output::body("body").name("slug").directory(&out);
    let pipeline = reviewed().output(output).build().unwrap();
    desk.run(&pipeline, documents(3));
    std::fs::write(out.join("mine.md"), "mine").unwrap();
    std::fs::write(out.join("a-name-2.md"), "changed by hand").unwrap();
    let options = PipelineOptions::new()
        .directory(desk.folder.path().join("second"))
        .clean();
    let report = pollster::block_on(pipeline.run(&desk.runner, documents(1), options)).unwrap();
    let mut files: Vec<String> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    files.sort();
    assert_eq!(files, ["a-name-2.md", "a-name.md", "mine.md"]);
    assert_eq!(
        report.notices,
        ["`a-name-2.md` stays: it is not what a run wrote there any more"]
    );
}

#[test]
fn a_pipeline_runs_without_async() {
    let runner = AgentRunner::new(ScriptedProvider::new(content()), packs());
    let pipeline = duologue::blocking::Pipeline::from(reviewed().build().unwrap());
    let runner = duologue::blocking::AgentRunner::from(runner);
    pipeline.check(&runner).unwrap();
    let report = pipeline
        .run(&runner, documents(2), PipelineOptions::new())
        .unwrap();
    assert_eq!(
        (report.status, report.calls),
        (PipelineStatus::Succeeded, 8)
    );
}

#[test]
fn a_second_run_in_the_same_directory_is_refused() {
    let desk = Desk::new(content());
    let pipeline = reviewed().build().unwrap();
    desk.run(&pipeline, documents(1));
    let again = pipeline.run(&desk.runner, documents(1), PipelineOptions::new());
    let error = pollster::block_on(again).unwrap_err();
    assert_eq!(error.kind(), duologue::ErrorKind::Config);
    assert!(error.hint().unwrap().contains("--resume"), "{error:#}");
}
