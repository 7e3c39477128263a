//! What is found before the first request.

use duologue::ErrorKind;
use duologue::flow::pipeline::{Pipeline, PipelineOptions, Rework, ReworkTarget, Stage};
use serde_json::json;

use super::{Desk, agent, documents, reviewed};

fn found(pipeline: &Pipeline) -> (ErrorKind, String) {
    let desk = Desk::new([]);
    let error = pipeline.check(&desk.runner).unwrap_err();
    let running = pipeline.run(&desk.runner, documents(1), PipelineOptions::new());
    let same = pollster::block_on(running).unwrap_err();
    assert_eq!(error.to_string(), same.to_string());
    assert!(desk.script.requests().is_empty());
    (error.kind(), error.to_string())
}

fn single(stage: Stage) -> Pipeline {
    Pipeline::builder("p").stage(stage).build().unwrap()
}

#[test]
fn a_pipeline_whose_parts_are_all_there_is_right() {
    reviewed()
        .build()
        .unwrap()
        .check(&Desk::new([]).runner)
        .unwrap();
}

#[test]
fn packs_variables_and_tools_that_are_missing_are_found() {
    let mut lost = agent("cleaner");
    lost.prompt_pack = "clener".to_owned();
    let (kind, said) = found(&single(Stage::agent("clean", lost)));
    assert_eq!(kind, ErrorKind::Prompt);
    assert!(
        said.contains("stage `clean`") && said.contains("no prompt pack `clener`"),
        "{said}"
    );

    let (kind, said) = found(&single(Stage::tool("t", "fetch", json!({}))));
    assert_eq!(
        (kind, &*said),
        (
            ErrorKind::Config,
            "pipeline `p`, stage `t`: there is no tool `fetch`"
        )
    );
}

#[test]
fn a_variable_of_the_refinement_is_looked_for_too() {
    let library = duologue::prompt::PromptLibrary::in_memory([
        ("writer/system.tera", "Write."),
        ("writer/user.tera", "{{ text }}"),
        ("writer/user_refinement.tera", "{{ feedbak.why }}"),
    ]);
    let runner = duologue::AgentRunner::new(duologue::provider::ScriptedProvider::new([]), library);
    let write = Stage::agent("write", agent("writer"));
    let once = Pipeline::builder("p").stage(write.clone()).build().unwrap();
    once.check(&runner).unwrap();
    let review = Stage::function("review", async |_| Ok(json!({"ok": true})));
    let again = Pipeline::builder("p")
        .stage(write.then("review"))
        .stage(
            review
                .approve_by("ok")
                .rework(Rework::new(ReworkTarget::Same, 1)),
        )
        .build()
        .unwrap();
    let error = again.check(&runner).unwrap_err();
    assert_eq!(
        error.to_string(),
        "pipeline `p`, stage `write`: agent `writer`: `writer/user_refinement.tera` line 1: variable `feedbak` is not defined"
    );
}
