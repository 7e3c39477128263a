//! A run with documents: what became of each, and the calls that were made for it.

use duologue::agent::RunOptions;
use duologue::call_log::LogLevel;
use duologue::lifecycle::{EventError, LifecycleEvent, Phase, Subject};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, ErrorKind};
use serde_json::json;

use super::browser::visit;
use super::runs::Run;
use crate::support::{plan, planner, prompts, quick, topic};

fn tell(runner: &AgentRunner, id: &str, stage: Option<&str>, phase: Phase) {
    let subject = match stage {
        Some(_) => Subject::Stage,
        None => Subject::Document,
    };
    let mut event = LifecycleEvent::new(subject, phase, "run");
    event.document_id = Some(id.to_owned());
    event.stage = stage.map(str::to_owned);
    event.duration_ms = matches!(phase, Phase::Finished | Phase::Failed).then_some(1_500);
    event.error = (phase == Phase::Failed).then(|| EventError {
        kind: ErrorKind::InvalidAnswer,
        message: "no valid answer".to_owned(),
    });
    runner.tell(event).unwrap();
}

/// One stage of a document, as a pipeline tells it.
fn stage(runner: &AgentRunner, id: &str, name: &str) {
    tell(runner, id, Some(name), Phase::Started);
    let options = RunOptions::new().document(id).stage(name);
    let ended = pollster::block_on(runner.run_with(&planner(), topic(), options));
    let phase = if ended.is_ok() {
        Phase::Finished
    } else {
        Phase::Failed
    };
    tell(runner, id, Some(name), phase);
}

/// The end of a stage or a document that an earlier process had done.
fn done_before(runner: &AgentRunner, id: &str, stage: Option<&str>) {
    let subject = stage.map_or(Subject::Document, |_| Subject::Stage);
    let mut event = LifecycleEvent::new(subject, Phase::Finished, "run");
    event.document_id = Some(id.to_owned());
    event.stage = stage.map(str::to_owned);
    event.resumed = true;
    runner.tell(event).unwrap();
}

/// `<b>ebb` failed, `flood` is not finished, and the others are done; a resumption found
/// `tides` as it was.
fn run() -> Run {
    let run = Run::new(LogLevel::Standard);
    let good = || Reply::json(plan()).usage(100, 20);
    let script = ScriptedProvider::new(
        [good(), good(), good(), Reply::refusal("no")]
            .into_iter()
            .chain([good().forever()]),
    );
    let runner = AgentRunner::builder(script, prompts());
    let runner = runner.logger(run.log.clone()).retry(quick()).build();
    tell(&runner, "tides", None, Phase::Started);
    for name in ["route", "clean", "route"] {
        stage(&runner, "tides", name);
    }
    tell(&runner, "tides", None, Phase::Finished);
    tell(&runner, "<b>ebb", None, Phase::Started);
    stage(&runner, "<b>ebb", "route");
    tell(&runner, "<b>ebb", None, Phase::Failed);
    tell(&runner, "flood", None, Phase::Started);
    stage(&runner, "flood", "route");
    for number in 0..20 {
        let id = format!("wave {number}");
        tell(&runner, &id, None, Phase::Started);
        tell(&runner, &id, None, Phase::Finished);
    }
    tell(&runner, "tides", None, Phase::Started);
    for name in ["route", "clean", "route"] {
        tell(&runner, "tides", Some(name), Phase::Started);
        done_before(&runner, "tides", Some(name));
    }
    done_before(&runner, "tides", None);
    run
}

#[test]
fn documents_and_stages_are_listed_and_lead_to_their_calls() {
    let Some(seen) = visit("documents", &run().directory()) else {
        return;
    };
    let expected = json!({
        "captions": ["By document: 1 failed, 1 not finished, 21 succeeded", "By stage", "By agent", "Errors by kind"],
        "documents": [
            ["<b>ebb", "failed, invalid answer", "route", "1", "unknown", "unknown", "1.50 s"],
            ["flood", "not finished", "route", "1", "120", "$0.000065", "–"],
            ["tides", "succeeded, resumed", "route → clean → route", "3", "360", "$0.00019", "1.50 s"],
        ],
        "listed": 12,
        "more": "Show 11 more of 23",
        "all": 23,
        "stages": [
            ["route", "4", "1", "0", "4", "360", "$0.00019", "6.00 s"],
            ["clean", "1", "0", "0", "1", "120", "$0.000065", "1.50 s"],
        ],
        "of_document": "3 of 5 calls",
        "of_stage_too": "1 of 5 calls",
        "chips": ["document tides", "stage clean"],
        "address": "#document=tides&stage=clean",
        "reloaded": "1 of 5 calls",
        "without_document": "1 of 5 calls",
        "cleared": "5 calls",
    });
    assert_eq!(seen, expected, "{seen:#}");
}
