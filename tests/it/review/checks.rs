//! Functions, schemas and rules that look at drafts.

use duologue::flow::review::{Check, Issue, ReviewLoopBuilder, Rule, Severity};
use duologue::provider::Reply;
use serde_json::{Value, json};

use super::{Stage, draft, plan, review, score};

/// What the checks say of `draft`, a line each.
fn found(review: ReviewLoopBuilder, draft: Value) -> Vec<String> {
    let replies = [Reply::json(draft).agent("planner"), score(9.0).forever()];
    let stage = Stage::new(replies);
    let outcome = stage
        .run(&review.max_iterations(1).build().unwrap())
        .unwrap();
    outcome.rounds[0]
        .issues
        .iter()
        .map(Issue::to_string)
        .collect()
}

fn broken(rule: Rule, draft: Value) -> Vec<String> {
    found(review().checked_by(Check::rule("rule", rule)), draft)
}

#[test]
fn an_error_goes_back_without_a_call_of_the_judge() {
    let stage = Stage::new([draft("A"), draft("B"), score(8.0)]);
    let review = review().check("no A", |draft| {
        let is_a = draft["title"] == "A";
        is_a.then(|| Issue::error("must not be A").at("/title"))
            .into_iter()
            .collect()
    });
    let outcome = stage.run(&review.build().unwrap()).unwrap();

    assert!(outcome.is_approved());
    assert!(outcome.rounds[0].verdict.is_none());
    assert_eq!(outcome.rounds[0].issues[0].check.as_deref(), Some("no A"));
    let asked = stage.asked();
    assert_eq!(asked.len(), 3, "three calls, one of the judge");
    let told = "feedback: The draft was not judged, since checks found errors:\n- error at `/title`: must not be A\nrequest: Mend everything that the checks found.\nkeep: []\n";
    assert!(asked[1].contains(told), "{}", asked[1]);
    stage.script.finish().unwrap();
}

#[test]
fn a_warning_goes_to_the_judge() {
    let stage = Stage::new([draft("A"), score(8.0)]);
    let review = review()
        .check("short", |_| vec![Issue::warning("only two steps")])
        .checked_by(
            Check::schema("strict", json!({"required": ["author"]})).severity(Severity::Warning),
        );
    let outcome = stage.run(&review.build().unwrap()).unwrap();
    assert!(outcome.is_approved());
    let asked = stage.asked();
    assert!(
        asked[1].contains("draft: A\nwarning only two steps\nwarning \"author\""),
        "{}",
        asked[1]
    );
}

#[test]
fn a_schema_says_where_a_draft_does_not_fit() {
    let schema = json!({"properties": {"steps": {"minItems": 3}}});
    let said = found(review().check_schema("shape", schema), plan("A"));
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("error at `/steps`: "), "{said:?}");
}

#[test]
fn words_of_ones_own_stand_in_place_of_what_a_check_says() {
    let check = Check::rule("steps", Rule::at("/steps").min_items(3)).message("More steps.");
    assert_eq!(
        found(review().checked_by(check), plan("A")),
        ["error at `/steps`: More steps."]
    );
}

#[test]
fn rules_hold_or_say_what_does_not() {
    let draft = json!({"title": "Tides", "steps": ["a", "b"], "score": 3, "none": null});
    let cases: &[(Rule, &[&str])] = &[
        (Rule::at("/title"), &[]),
        (Rule::at("/author"), &["error at `/author`: is missing"]),
        (Rule::at("/none"), &["error at `/none`: is missing"]),
        (Rule::at("/author").min_length(3).optional(), &[]),
        (Rule::at("/steps").min_items(2).max_items(2), &[]),
        (
            Rule::at("/steps").min_items(3),
            &["error at `/steps`: has 2 items, at least 3 needed"],
        ),
        (
            Rule::at("/steps").max_items(1),
            &["error at `/steps`: has 2 items, at most 1 allowed"],
        ),
        (
            Rule::at("/title").min_items(1),
            &["error at `/title`: is not a list"],
        ),
        (
            Rule::at("/title").min_length(6),
            &["error at `/title`: has 5 characters, at least 6 needed"],
        ),
        (
            Rule::at("/title").max_length(4),
            &["error at `/title`: has 5 characters, at most 4 allowed"],
        ),
        (
            Rule::at("/score").max_length(4).pattern("x"),
            &["error at `/score`: is not a text"],
        ),
        (Rule::at("/score").min(3.0).max(3.0), &[]),
        (
            Rule::at("/score").min(3.5),
            &["error at `/score`: is below 3.5"],
        ),
        (
            Rule::at("/score").max(2.0),
            &["error at `/score`: is above 2"],
        ),
        (
            Rule::at("/title").min(1.0),
            &["error at `/title`: is not a number"],
        ),
        (Rule::at("/title").pattern("^T.*s$"), &[]),
        (
            Rule::at("/title").pattern("^t"),
            &["error at `/title`: does not match `^t`"],
        ),
        (Rule::at("/title").one_of(["Tides", "Moon"]), &[]),
        (
            Rule::at("/title").one_of(["Moon"]),
            &["error at `/title`: is none of \"Moon\""],
        ),
        (
            Rule::at("/steps/*").one_of(["a"]),
            &["error at `/steps/1`: is none of \"a\""],
        ),
        (
            Rule::at("/steps/*/name"),
            &[
                "error at `/steps/0/name`: is missing",
                "error at `/steps/1/name`: is missing",
            ],
        ),
        (Rule::at("/title/*"), &["error at `/title/*`: is missing"]),
        (Rule::at(""), &[]),
        (Rule::at("").min_items(1), &["error: is not a list"]),
    ];
    for (rule, expected) in cases {
        assert_eq!(broken(rule.clone(), draft.clone()), *expected, "{rule:?}");
    }
}

#[test]
fn a_hundred_issues_are_kept_and_twenty_of_them_told() {
    let stage = Stage::new([draft("A"), draft("B"), score(8.0)]);
    let review = review().check("many", |draft| {
        let issues = if draft["title"] == "A" { 500 } else { 0 };
        let issue = |number| Issue::error(format!("number {number}"));
        (0..issues).map(issue).collect()
    });
    let outcome = stage.run(&review.build().unwrap()).unwrap();
    assert_eq!(outcome.rounds[0].issues.len(), 100);
    let told = &stage.asked()[1];
    assert!(
        told.contains("- error: number 19\n- and 80 further issues\n"),
        "{told}"
    );
}
