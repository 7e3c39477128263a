//! Settings and packs that cannot work, found before the first request.

use duologue::cost::Decimal;
use duologue::flow::review::{Check, ReviewLoop, ReviewLoopBuilder, Rule};
use duologue::{AgentSpec, Error, ErrorKind};
use serde_json::json;

use super::{Stage, judge, planner, review};

fn refused(review: ReviewLoopBuilder) -> (String, String) {
    let error = review.build().unwrap_err();
    (
        error.to_string(),
        error.hint().unwrap_or_default().to_owned(),
    )
}

fn of_rule(rule: Rule) -> (String, String) {
    refused(review().checked_by(Check::rule("rule", rule)))
}

#[test]
fn a_setting_that_is_not_allowed_is_named_with_what_is() {
    let cases = [
        (
            refused(review().max_iterations(0)),
            "max_iterations`: is 0",
            "1 to 10",
        ),
        (
            refused(review().max_iterations(11)),
            "max_iterations`: is 11",
            "1 to 10",
        ),
        (
            refused(review().approve_at(10.5)),
            "approve_at`: is 10.5",
            "0 to 10",
        ),
        (
            refused(review().approve_at(f64::NAN)),
            "approve_at`: is empty",
            "0 to 10",
        ),
        (
            refused(review().approve_at(4.0)),
            "soft_fail_at`: is 5",
            "0 to `approve_at`, which is 4",
        ),
        (
            refused(review().soft_fail_at(-1.0)),
            "soft_fail_at`: is -1",
            "0 to `approve_at`, which is 7",
        ),
        (
            refused(review().token_budget(0)),
            "token_budget`: is 0",
            "1 or more",
        ),
        (
            refused(review().cost_budget_usd(Decimal::ZERO)),
            "cost_budget_usd`: is 0",
            "more than 0",
        ),
        (
            refused(ReviewLoop::builder(planner(), planner())),
            "judge`: is the text \"planner\"",
            "another agent than the planner",
        ),
        (
            refused(review().check("", |_| Vec::new())),
            "checks[0].name`: is empty",
            "a name that no other check has",
        ),
        (
            refused(
                review()
                    .check("a", |_| Vec::new())
                    .check("a", |_| Vec::new()),
            ),
            "checks[1].name`: is the text \"a\"",
            "a name that no other check has",
        ),
        (
            of_rule(Rule::at("steps")),
            "checks[0].rule.path`: is the text \"steps\"",
            "a JSON pointer such as `/steps`, or empty for the whole draft",
        ),
        (
            of_rule(Rule::at("").min_items(3).max_items(2)),
            "checks[0].rule.max_items`: is 2",
            "`min_items` (3) or more",
        ),
        (
            of_rule(Rule::at("").min(3.5).max(2.0)),
            "checks[0].rule.max`: is 2",
            "`min` (3.5) or more",
        ),
        (
            of_rule(Rule::at("").pattern("(")),
            "checks[0].rule.pattern`: is the text \"(\"",
            "a regular expression",
        ),
        (
            of_rule(Rule::at("").one_of([0; 0])),
            "checks[0].rule.one_of`: is an empty list",
            "at least one value",
        ),
    ];
    for ((message, hint), expected, allowed) in cases {
        assert_eq!(message, format!("a review loop, key `{expected}"));
        assert_eq!(hint, format!("allowed: {allowed}"));
    }
}

#[test]
fn a_schema_that_is_none_is_named_with_its_check() {
    let broken = review().check_schema("shape", json!({"type": "objekt"}));
    let error = broken.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Schema);
    let said = "a review loop, key `checks[0].schema`: the schema of check `shape` is not valid at `/type`";
    assert_eq!(error.to_string(), said);
}

fn run(review: &ReviewLoop) -> Error {
    let stage = Stage::new([]);
    let error = stage.run(review).unwrap_err();
    assert!(stage.script.requests().is_empty(), "nothing is sent");
    assert!(stage.memory.records().is_empty());
    error
}

#[test]
fn a_variable_that_only_a_later_round_needs_is_missed_before_the_first() {
    let stage = Stage::new([]);
    let runner = &stage.runner;
    let check = |variables: serde_json::Value| {
        let variables = variables.as_object().unwrap().clone();
        review().build().unwrap().check(runner, &variables)
    };
    check(json!({"topic": "tides"})).unwrap();
    let error = check(json!({})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Prompt);
    assert!(
        error.to_string().starts_with("agent `planner`: "),
        "{error}"
    );

    let mut later = planner();
    later.prompt_pack = "later".to_owned();
    let review = ReviewLoop::builder(later, judge()).build().unwrap();
    let error = super::with_packs(
        &[
            ("later/system.tera", "Plan."),
            ("later/user.tera", "{{ topic }}"),
            (
                "later/user_refinement.tera",
                "{{ topic }} {{ feedback }} {{ tone }}",
            ),
        ],
        |runner| review.check(runner, json!({"topic": "t"}).as_object().unwrap()),
    )
    .unwrap_err();
    let said = error.to_string();
    assert!(
        said.starts_with("agent `planner`, from its second round on: "),
        "{said}"
    );
    assert!(said.contains("`tone`"), "{said}");
}

#[test]
fn a_judge_that_would_not_see_the_draft_is_refused() {
    let blind = AgentSpec::new("judge", "blind", "gpt-5");
    let error = run(&ReviewLoop::builder(planner(), blind).build().unwrap());
    assert_eq!(error.kind(), ErrorKind::Prompt);
    let said =
        "prompt pack `blind` does not mention `draft`: the judge would not see what it judges";
    assert_eq!(error.to_string(), said);
}

#[test]
fn an_agent_that_cannot_run_is_refused() {
    let mut hot = judge();
    hot.temperature = Some(3.0);
    let error = ReviewLoop::builder(planner(), hot).build().unwrap_err();
    assert_eq!(error.to_string(), "agent `judge`: `temperature` is 3");

    let no_pack = AgentSpec::new("judge", "jugde", "gpt-5");
    let error = run(&ReviewLoop::builder(planner(), no_pack).build().unwrap());
    assert_eq!(error.kind(), ErrorKind::Prompt);
}
