//! Budgets that documents share: which document one stops, and when it stops the run.

use duologue::agent::Budget;
use duologue::flow::document::{Document, DocumentSource};
use duologue::flow::pipeline::{
    Limits, Pipeline, PipelineOptions, PipelineReport, PipelineStatus, Stage,
};
use duologue::provider::ScriptedProvider;
use duologue::{AgentSpec, ErrorKind};
use serde_json::json;

use super::{Desk, agent, always, documents};
use crate::support::Before;

fn cleaning(spec: AgentSpec, at_once: usize) -> Pipeline {
    Pipeline::builder("p")
        .stage(Stage::agent("clean", spec))
        .limits(Limits::default().documents(at_once))
        .build()
        .unwrap()
}

/// Each call takes ten tokens, and lets everybody else begin before it is answered.
fn run(spec: AgentSpec, at_once: usize, source: DocumentSource, tokens: u64) -> PipelineReport {
    let script = ScriptedProvider::new([always("cleaner", json!({})).usage(5, 5)]);
    let provider = Before::new(script.clone(), |_| tokio::task::yield_now());
    let desk = Desk::around(provider, script);
    let options = PipelineOptions::new().budget(Budget::new().tokens(tokens));
    let pipeline = cleaning(spec, at_once);
    pollster::block_on(pipeline.run(&desk.runner, source, options)).unwrap()
}

#[test]
fn a_document_that_all_of_the_budget_is_too_small_for_fails_alone() {
    let source = ["short", &"long ".repeat(10_000), "short"];
    let source = source.into_iter().enumerate();
    let source: Vec<_> = source
        .map(|(number, text)| Document::new(number.to_string(), text))
        .collect();
    let report = run(agent("cleaner"), 1, DocumentSource::of(source), 1_000);
    assert_eq!(report.status, PipelineStatus::Partial, "{report:?}");
    assert_eq!(report.documents.succeeded, 2);
    let failure = &report.failures[0];
    assert_eq!(
        (&*failure.document_id, failure.kind),
        ("1", ErrorKind::BudgetExhausted)
    );
}

#[test]
fn what_others_reserve_is_waited_for() {
    let mut spec = agent("cleaner");
    spec.max_output_tokens = Some(500);
    let report = run(spec, 6, documents(12), 900);
    assert_eq!(report.status, PipelineStatus::Succeeded, "{report:?}");
    assert_eq!((report.documents.succeeded, report.calls), (12, 12));
}

#[test]
fn a_budget_of_its_own_stops_a_document_and_no_run() {
    let mut spec = agent("cleaner");
    spec.token_budget = Some(1);
    let report = run(spec, 2, documents(3), 1_000);
    assert_eq!(report.status, PipelineStatus::Failed);
    assert_eq!((report.documents.failed, report.paused_by), (3, None));
}

#[test]
fn a_used_up_budget_pauses_though_the_agent_has_its_own() {
    let mut spec = agent("cleaner");
    spec.token_budget = Some(1_000);
    let report = run(spec, 1, documents(20), 60);
    assert_eq!(report.status, PipelineStatus::Paused);
    assert_eq!(
        (report.documents.failed, report.paused_by),
        (0, Some(ErrorKind::BudgetExhausted))
    );
}

#[test]
fn calls_of_unknown_cost_are_counted() {
    let report = run(agent("cleaner"), 1, documents(3), 1_000);
    assert_eq!((report.calls, report.calls_without_cost), (3, 3));
    assert_eq!(report.cost_usd, None);
}
