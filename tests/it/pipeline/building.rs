//! Pipelines that do not fit together, and what is said of them.

use duologue::flow::pipeline::{Limits, Pipeline, PipelineBuilder, Rework, ReworkTarget, Stage};
use serde_json::json;

use super::{agent, refused, reviewed};

fn stage(name: &str) -> Stage {
    Stage::agent(name, agent(name))
}

fn of(stages: impl IntoIterator<Item = Stage>) -> PipelineBuilder {
    let builder = Pipeline::builder("p");
    stages.into_iter().fold(builder, PipelineBuilder::stage)
}

fn rework(target: ReworkTarget) -> Rework {
    Rework::new(target, 1)
}

#[test]
fn what_does_not_fit_together_is_refused_by_name() {
    let named = |name: &str| ReworkTarget::Stage(name.to_owned());
    let other = agent("a").with_max_turns(3);
    let cases = [
        of([]),
        of([stage(" ")]),
        of([stage("a"), stage("a")]),
        of([stage("writer").then("revew"), stage("review")]),
        of([stage("a").route_by("to").route("x", "b")]),
        of([stage("a").approve_by("ok").rework(rework(named("b")))]),
        of([stage("a").route_by("to")]),
        of([stage("a").route("x", "b"), stage("b")]),
        of([
            stage("a").route_by("to").route("x", "b").then("b"),
            stage("b"),
        ]),
        of([
            stage("a").route_by("to").route("x", "b").route(" X ", "b"),
            stage("b"),
        ]),
        of([
            stage("a").then("b").rework(rework(ReworkTarget::Same)),
            stage("b"),
        ]),
        of([
            stage("a").then("b"),
            stage("b").then("c"),
            stage("c").then("b"),
        ]),
        of([stage("a").then("a")]),
        of([stage("a"), stage("b")]),
        of([stage("a").approve_by("ok").rework(rework(named("a")))]),
        of([stage("a")
            .approve_by("ok")
            .rework(rework(ReworkTarget::Same))]),
        of([
            stage("a").then("b"),
            stage("b").approve_by("ok").then("c"),
            stage("c")
                .approve_by("ok")
                .rework(rework(ReworkTarget::Same)),
        ]),
        of([
            stage("a").then("b"),
            stage("b")
                .approve_by("ok")
                .rework(rework(ReworkTarget::Router)),
        ]),
        of([
            stage("a").then("b"),
            stage("b").approve_by("ok").then("c"),
            stage("c")
                .approve_by("ok")
                .rework(rework(ReworkTarget::Stage("b".to_owned()))),
        ]),
        of([
            stage("a").approve_by("ok").route_by("to").route("b", "b"),
            stage("b")
                .approve_by("ok")
                .rework(rework(ReworkTarget::Router)),
        ]),
        of([stage("a").then("b"), Stage::agent("b", other)]),
        of([stage("a")]).limits(Limits::default().documents(0)),
        of([stage("a")]).limits(Limits::default().model("model-of-a", 0)),
        of([stage("a")]).limits(Limits::default().model("model-of-b", 1)),
        of([stage("a")]).limits(Limits::default().agent("elsewhere", 1)),
    ];
    let said: Vec<String> = cases.into_iter().map(refused).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn the_pipeline_of_the_documentation_fits_together() {
    reviewed().build().unwrap();
    let tool = Stage::tool("t", "fetch", json!({"url": "{{ document.url }}"}));
    of([tool]).build().unwrap();
}
