//! What planner and judge are asked, and what stands in records and events.

use std::sync::{Arc, Mutex};

use duologue::agent::AgentMode;
use duologue::chat::{Role, Usage};
use duologue::flow::review::{Issue, ReviewLoop, ReviewOptions, StopReason, VerdictStatus};
use duologue::lifecycle::{Lifecycle, Phase, Subject};
use duologue::{AgentSpec, blocking};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Stage, draft, judge, plan, planner, review, score, verdict};
use crate::support::in_time;

#[test]
fn the_planner_is_told_what_the_judge_said() {
    let stage = Stage::new([
        draft("A"),
        verdict(json!({
            "score": 6.5, "feedback": "Say why.", "strengths": ["the title", "the end"],
            "issues": [
                {"severity": "warning", "message": "dry"},
                {"severity": "error", "message": "wrong", "path": "/steps/1"},
            ],
        })),
        draft("B"),
        score(7.0),
    ]);
    let outcome = stage.run(&review().build().unwrap()).unwrap();

    assert!(outcome.is_approved());
    assert_eq!(outcome.data, plan("B"));
    let expected = "Round 1 of tides\n\
        feedback: Say why.\n\
        request: The judge gave 6.5 of 10; 7 is needed.\n\
        - error at `/steps/1`: wrong\n\
        - warning: dry\n\
        keep: [\"the title\", \"the end\"]\n\
        draft: A\n\
        issues: 2";
    let asked = stage.asked();
    assert_eq!(asked[0], "First: tides");
    assert_eq!(asked[2], expected);
    assert_eq!(asked[1], "Round 0 of tides\ndraft: A");
    stage.script.finish().unwrap();
}

#[test]
fn the_judge_knows_the_planners_variables_where_it_has_none_of_its_own() {
    let knowing = |topic: &str, planner: AgentSpec, judge: AgentSpec| {
        let stage = Stage::new([draft("A"), score(8.0)]);
        let review = ReviewLoop::builder(planner, judge).build().unwrap();
        pollster::block_on(review.run(&stage.runner, ())).unwrap();
        let expected = format!("Round 0 of {topic}\ndraft: A");
        assert_eq!(stage.asked()[1], expected);
    };
    let planner = planner().with_default_variable("topic", "tides");
    knowing("tides", planner.clone(), judge());
    let judge = judge().with_default_variable("topic", "the sea");
    knowing("the sea", planner, judge);
}

#[test]
fn strengths_stay_known_when_the_next_draft_is_not_judged() {
    let stage = Stage::new([
        draft("A"),
        verdict(json!({"score": 6, "feedback": "f", "strengths": ["the title"]})),
        draft("B"),
        draft("C"),
        score(9.0),
    ]);
    let review = review().check("no B", |draft| {
        let is_b = draft["title"] == "B";
        is_b.then(|| Issue::error("is B")).into_iter().collect()
    });
    let outcome = stage.run(&review.build().unwrap()).unwrap();
    assert_eq!(outcome.data, plan("C"));
    let last = &stage.asked()[3];
    assert!(last.contains("keep: [\"the title\"]\ndraft: B"), "{last}");
}

#[test]
fn records_bear_the_round_the_stage_and_the_call_that_led_to_them() {
    let stage = Stage::new([draft("A"), score(6.0), draft("B"), score(8.0)]);
    let review = review().build().unwrap();
    let options = ReviewOptions::new()
        .document("doc-1")
        .job("job-1")
        .parent_call("call_before");
    let variables = json!({"topic": "tides"});
    let outcome = pollster::block_on(review.run_with(&stage.runner, variables, options)).unwrap();

    let records = stage.memory.records();
    let seen: Vec<_> = records
        .iter()
        .map(|it| (it.agent.as_str(), it.iteration, it.stage.as_deref()))
        .collect();
    let expected = [
        ("planner", 0, Some("plan")),
        ("judge", 0, Some("judge")),
        ("planner", 1, Some("plan")),
        ("judge", 1, Some("judge")),
    ];
    assert_eq!(seen, expected);
    let parents: Vec<_> = records
        .iter()
        .map(|it| it.parent_call_id.as_deref().unwrap())
        .collect();
    let ids: Vec<&str> = outcome.call_ids().collect();
    assert_eq!(parents, ["call_before", ids[0], ids[1], ids[2]]);
    for record in &records {
        assert_eq!(record.document_id.as_deref(), Some("doc-1"));
        assert_eq!(record.job_id.as_deref(), Some("job-1"));
    }
}

#[test]
fn the_outcome_adds_up_all_calls_and_each_round_its_own() {
    let invalid = verdict(json!({"score": 11, "feedback": "too much"}));
    let stage = Stage::new([draft("A"), invalid, score(6.0), draft("B"), score(8.0)]);
    let outcome = stage.run(&review().build().unwrap()).unwrap();
    assert_eq!(
        outcome.usage,
        Usage::new(20 + 80 + 20 + 40, 10 + 20 + 10 + 10)
    );
    assert_eq!(outcome.ledger.calls.len(), 5);
    assert_eq!(outcome.usage, outcome.ledger.usage());
    assert_eq!(outcome.rounds[0].usage, Usage::new(100, 30));
    assert_eq!(
        outcome.rounds[0].call_ids.len(),
        3,
        "the repair is its round's"
    );
    let of_rounds = outcome.rounds.iter().flat_map(|round| &round.call_ids);
    assert!(of_rounds.eq(outcome.call_ids()));
}

#[test]
fn a_score_decides_and_the_judges_word_is_kept() {
    let stage = Stage::new([
        draft("A"),
        verdict(json!({"score": 6.9, "verdict": "approve", "feedback": "fine"})),
        draft("B"),
        verdict(json!({"score": 4.9, "feedback": "no"})),
        draft("C"),
        verdict(json!({"score": 5, "verdict": "hard_fail", "feedback": "no"})),
    ]);
    let outcome = stage.run(&review().build().unwrap()).unwrap();
    assert_eq!(outcome.reason, StopReason::MaxIterations);
    let verdicts: Vec<_> = outcome
        .rounds
        .iter()
        .map(|round| round.verdict.as_ref().unwrap())
        .map(|verdict| (verdict.status, verdict.said))
        .collect();
    let expected = [
        (VerdictStatus::SoftFail, Some(VerdictStatus::Approve)),
        (VerdictStatus::HardFail, None),
        (VerdictStatus::SoftFail, Some(VerdictStatus::HardFail)),
    ];
    assert_eq!(verdicts, expected);
}

#[test]
fn a_judge_with_a_schema_of_its_own_may_give_a_word_alone() {
    let own = judge().with_response_schema(json!({
        "type": "object",
        "properties": {"verdict": {"type": "string"}, "issues": {"type": "array"}, "tone": {}},
        "required": ["verdict"],
    }));
    let stage = Stage::new([
        draft("A"),
        verdict(json!({"verdict": "soft_fail", "issues": ["dry"], "tone": "flat"})),
        draft("B"),
        verdict(json!({"tone": "warm", "verdict": "splendid"})),
        verdict(json!({"tone": "warm", "verdict": "approved"})),
    ]);
    let review = ReviewLoop::builder(planner(), own).build().unwrap();
    let outcome = stage.run(&review).unwrap();
    assert!(outcome.is_approved());
    assert_eq!(
        (outcome.score(), outcome.status()),
        (None, Some(VerdictStatus::Approve))
    );
    assert_eq!(outcome.verdict().unwrap().answer["tone"], "warm");
    let asked = stage.asked();
    assert!(asked[2].contains("feedback: - error: dry"), "{}", asked[2]);
    assert!(asked[2].contains("request: The judge's verdict is `soft_fail`."));
    stage.script.finish().unwrap();
}

#[test]
fn beside_a_score_a_judge_may_use_words_of_its_own() {
    let own = judge().with_response_schema(json!({"type": "object"}));
    let issue = json!({"message": "no salt", "severity": "critical"});
    let stage = Stage::new([
        draft("A"),
        verdict(
            json!({"score": 6, "verdict": "revise", "feedback": ["salt it", "stir"], "issues": [issue]}),
        ),
        draft("B"),
        verdict(json!({"score": 9, "verdict": "pass"})),
    ]);
    let review = ReviewLoop::builder(planner(), own).build().unwrap();
    let outcome = stage.run(&review).unwrap();
    assert!(outcome.is_approved());
    assert_eq!(outcome.verdict().unwrap().said, None);
    let asked = stage.asked();
    assert!(asked[2].contains("salt it\nstir"), "{}", asked[2]);
    assert!(asked[2].contains("error: no salt"), "{}", asked[2]);
    stage.script.finish().unwrap();
}

#[test]
fn an_own_schema_cannot_let_a_score_out_of_range_pass() {
    let own = judge().with_response_schema(json!({"type": "object"}));
    let stage = Stage::new([
        draft("A"),
        verdict(json!({"score": 70})),
        verdict(json!({"feedback": "no score"})),
        verdict(json!({"score": 7})),
    ]);
    let review = ReviewLoop::builder(planner(), own).build().unwrap();
    assert!(stage.run(&review).unwrap().is_approved());
    let asked = stage.asked();
    assert!(
        asked[2].contains("must lie between 0 and 10"),
        "{}",
        asked[2]
    );
    assert!(asked[3].contains("`score` is missing"), "{}", asked[3]);
}

#[test]
fn conversational_agents_keep_one_conversation_through_all_rounds() {
    let stage = Stage::new([draft("A"), score(6.0), draft("B"), score(8.0)]);
    let planner = planner().with_mode(AgentMode::Conversational);
    let review = ReviewLoop::builder(planner, judge()).build().unwrap();
    assert!(stage.run(&review).unwrap().is_approved());
    let requests = stage.script.requests();
    let roles: Vec<Role> = requests[2].messages.iter().map(|it| it.role).collect();
    assert_eq!(
        roles,
        [Role::System, Role::User, Role::Assistant, Role::User]
    );
    assert!(requests[2].messages[2].content.contains("\"A\""));
    assert_eq!(requests[3].messages.len(), 2, "the judge has none");
    let records = stage.memory.records();
    assert!(records[0].conversation_id.is_some());
    assert_eq!(records[0].conversation_id, records[2].conversation_id);
}

#[test]
fn stages_that_start_end_and_are_sent_back_are_told() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let lifecycle = Lifecycle::new();
    let told = heard.clone();
    let hook = move |event: &duologue::lifecycle::LifecycleEvent| {
        if event.subject == Subject::Stage {
            told.lock().unwrap().push(event.clone());
        }
    };
    lifecycle.on(hook).unwrap();
    let broken = duologue::provider::Reply::refusal("no").agent("planner");
    let stage = Stage::told([draft("A"), score(6.0), broken], lifecycle.clone());
    let outcome = stage.run(&review().build().unwrap()).unwrap();
    assert_eq!(outcome.reason, StopReason::PlannerFailed);
    lifecycle.flush_blocking();

    let heard = heard.lock().unwrap();
    let seen: Vec<_> = heard
        .iter()
        .map(|it| (it.stage.as_deref().unwrap(), it.phase, it.attempt.unwrap()))
        .collect();
    let expected = [
        ("plan", Phase::Started, 1),
        ("plan", Phase::Finished, 1),
        ("judge", Phase::Started, 1),
        ("judge", Phase::Finished, 1),
        ("plan", Phase::Retried, 2),
        ("plan", Phase::Started, 2),
        ("plan", Phase::Failed, 2),
    ];
    assert_eq!(seen, expected);
    assert_eq!(heard[3].usage, Usage::new(40, 10));
    assert_eq!(
        heard[6].error.as_ref().unwrap().kind,
        duologue::ErrorKind::Refused
    );
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Plan {
    title: String,
    steps: Vec<String>,
}

#[test]
fn the_best_draft_comes_as_a_type_whose_schema_the_planner_is_asked_for() {
    let mut planner = planner();
    planner.response_schema = None;
    let stage = Stage::new([
        duologue::provider::Reply::json(json!({"title": "no steps"})),
        draft("A"),
        score(8.0),
    ]);
    let review = ReviewLoop::builder(planner, judge()).build().unwrap();
    let variables = json!({"topic": "tides"});
    let outcome = pollster::block_on(review.run_as::<Plan>(&stage.runner, variables)).unwrap();
    assert_eq!(outcome.data.title, "A");
    assert_eq!(
        outcome.ledger.calls.len(),
        3,
        "the first draft was repaired"
    );
}

#[test]
fn the_blocking_face_gives_the_same_from_inside_and_outside_of_async_code() {
    let replies = || [draft("A"), score(6.0), draft("B"), score(8.0)];
    let review = review().build().unwrap();
    let (stage, other) = (Stage::new(replies()), Stage::new(replies()));
    let outcome = stage.run(&review).unwrap();

    let sync = blocking::ReviewLoop::from(review);
    let runner = blocking::AgentRunner::from(other.runner.clone());
    let (same, typed) = in_time(move || {
        crate::support::current_thread().block_on(async {
            let same = sync.run(&runner, json!({"topic": "tides"})).unwrap();
            (same, sync.run(&runner, json!({})).unwrap_err())
        })
    });
    assert_eq!(same.data, outcome.data);
    assert_eq!(same.rounds.len(), outcome.rounds.len());
    assert_eq!((same.reason, same.usage), (outcome.reason, outcome.usage));
    assert_eq!(stage.asked(), other.asked());
    assert_eq!(typed.kind(), duologue::ErrorKind::Prompt);
}
