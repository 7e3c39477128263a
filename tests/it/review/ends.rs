//! Why a loop ends, and what is kept.

use std::time::Duration;

use duologue::agent::Budget;
use duologue::call_log::CallStatus;
use duologue::cost::Decimal;
use duologue::flow::review::{
    Check, Issue, ReviewLoop, ReviewOptions, ReviewOutcome, Rule, StopReason,
};
use duologue::prompt::PromptLibrary;
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, Error, ErrorKind};
use proptest::prelude::*;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{PACKS, Stage, draft, judge, plan, planner, review, score};
use crate::support::{Before, statuses};

fn run_with(
    stage: &Stage,
    review: &ReviewLoop,
    options: ReviewOptions,
) -> Result<ReviewOutcome, Error> {
    let variables = json!({"topic": "tides"});
    pollster::block_on(review.run_with(&stage.runner, variables, options))
}

#[test]
fn the_best_draft_is_kept_when_the_rounds_are_used_up() {
    let stage = Stage::new([
        draft("A"),
        score(5.5),
        draft("B"),
        score(6.5),
        draft("C"),
        score(2.0),
    ]);
    let outcome = stage.run(&review().build().unwrap()).unwrap();
    assert_eq!(outcome.reason, StopReason::MaxIterations);
    assert_eq!((outcome.data, outcome.best), (plan("B"), 1));
    assert!(outcome.error.is_none());
    stage.script.finish().unwrap();
}

#[test]
fn one_iteration_means_one_draft_and_one_verdict() {
    let stage = Stage::new([draft("A"), score(6.0)]);
    let outcome = stage
        .run(&review().max_iterations(1).build().unwrap())
        .unwrap();
    assert_eq!(outcome.reason, StopReason::MaxIterations);
    stage.script.finish().unwrap();
}

#[test]
fn a_hard_fail_goes_on_unless_the_loop_stops_at_one() {
    let stage = Stage::new([draft("A"), score(1.0), draft("B"), score(9.0)]);
    assert!(stage.run(&review().build().unwrap()).unwrap().is_approved());

    let stage = Stage::new([draft("A"), score(1.0)]);
    let outcome = stage
        .run(&review().stop_on_hard_fail().build().unwrap())
        .unwrap();
    assert_eq!(outcome.reason, StopReason::HardFail);
    assert_eq!(outcome.data, plan("A"));
}

#[test]
fn a_draft_that_was_there_before_ends_the_loop_without_asking_the_judge() {
    let stage = Stage::new([draft("A"), score(6.0), draft("B"), score(5.0), draft("A")]);
    let outcome = stage
        .run(&review().max_iterations(5).build().unwrap())
        .unwrap();
    assert_eq!(outcome.reason, StopReason::NoProgress);
    assert_eq!(outcome.data, plan("A"));
    assert_eq!(outcome.score(), Some(6.0), "what was said then still holds");
    assert_eq!(outcome.rounds.len(), 3);
    assert_eq!(outcome.rounds[2].call_ids.len(), 1);
}

/// A score of 6 that takes a thousand tokens.
fn dear() -> Reply {
    score(6.0).usage(900, 100)
}

#[test]
fn a_budget_is_looked_at_before_each_call_and_leaves_what_was_reached() {
    let stage = Stage::new([draft("A"), dear()]);
    let outcome = stage
        .run(&review().token_budget(600).build().unwrap())
        .unwrap();
    assert_eq!(outcome.reason, StopReason::BudgetExhausted);
    assert_eq!((outcome.data, outcome.rounds.len()), (plan("A"), 1));
    let error = outcome.error.unwrap();
    assert_eq!(error.kind(), ErrorKind::BudgetExhausted);
    let said = "agent `planner`: the review's `token_budget` of 600 tokens does not cover";
    assert!(error.to_string().starts_with(said), "{error}");
    assert_eq!(stage.script.requests().len(), 2, "nothing was sent for it");
}

#[test]
fn dollars_end_it_too_and_a_price_that_is_not_known_is_found_first() {
    let dollars = |amount| {
        review()
            .cost_budget_usd(Decimal::new(amount, 7))
            .build()
            .unwrap()
    };
    let stage = Stage::new([draft("A"), score(6.0)]);
    let outcome = stage.run(&dollars(4_000)).unwrap();
    assert_eq!(
        outcome.reason,
        StopReason::BudgetExhausted,
        "{:?}",
        outcome.cost
    );
    assert_eq!(outcome.data, plan("A"));

    let mut unknown = judge();
    unknown.model = "a-model-of-our-own".to_owned();
    let review = ReviewLoop::builder(planner(), unknown).cost_budget_usd(Decimal::ONE);
    let stage = Stage::new([]);
    let error = stage.run(&review.build().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("a-model-of-our-own"), "{error}");
}

#[test]
fn a_budget_of_others_holds_beside_the_loops_own() {
    let stage = Stage::new([draft("A"), dear()]);
    let shared = Budget::new().tokens(600);
    let both = review().token_budget(1_000_000).build().unwrap();
    let options = ReviewOptions::new().budget(shared.clone());
    let outcome = run_with(&stage, &both, options).unwrap();
    assert_eq!(outcome.reason, StopReason::BudgetExhausted);
    assert_eq!(shared.spending().tokens, 1_030);
}

#[test]
fn without_any_draft_it_is_an_error_with_its_ledger() {
    let stage = Stage::new([Reply::refusal("no")]);
    let error = stage.run(&review().build().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.ledger().calls.len(), 1);

    let stage = Stage::new([]);
    let error = stage
        .run(&review().token_budget(1).build().unwrap())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BudgetExhausted);
}

#[test]
fn a_judge_that_fails_leaves_the_draft() {
    let stage = Stage::new([draft("A"), Reply::status(500).agent("judge").forever()]);
    let outcome = stage.run(&review().build().unwrap()).unwrap();
    assert_eq!(outcome.reason, StopReason::JudgeFailed);
    assert_eq!((&outcome.data, outcome.score()), (&plan("A"), None));
    assert_eq!(outcome.error.unwrap().kind(), ErrorKind::Unavailable);
    assert_eq!(
        outcome.rounds[0].call_ids.len(),
        2,
        "the failed call is the round's"
    );
}

#[test]
fn a_planner_that_fails_later_leaves_the_best_draft() {
    let stage = Stage::new([
        draft("A"),
        score(6.0),
        Reply::content_filtered("{").agent("planner"),
    ]);
    let outcome = stage.run(&review().build().unwrap()).unwrap();
    assert_eq!(outcome.reason, StopReason::PlannerFailed);
    assert_eq!(outcome.data, plan("A"));
    assert_eq!(outcome.error.unwrap().kind(), ErrorKind::ContentFiltered);
    assert_eq!(outcome.ledger.calls.len(), 3);
}

#[test]
fn cancelling_at_any_call_keeps_the_best_draft_and_a_record_of_each_call() {
    for call in 1..=4 {
        let script = ScriptedProvider::new([draft("A"), score(6.0), draft("B"), score(8.0)]);
        let cancel = CancellationToken::new();
        let token = cancel.clone();
        let provider = Before::new(script.clone(), move |number| {
            if number == call {
                token.cancel();
            }
            std::future::ready(())
        });
        let memory = duologue::call_log::MemoryCallLogger::new();
        let runner = AgentRunner::builder(provider, PromptLibrary::in_memory(PACKS))
            .logger(memory.clone())
            .build();
        let review = review().build().unwrap();
        let options = ReviewOptions::new().cancel_on(cancel);
        let run = review.run_with(&runner, json!({"topic": "tides"}), options);
        let outcome = pollster::block_on(run);

        let records = memory.records();
        assert!(records.len() <= call + 1, "call {call}: {}", records.len());
        assert!(statuses(&records).len() == records.len());
        match outcome {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Cancelled);
                assert_eq!(call, 1);
            }
            Ok(outcome) if outcome.is_approved() => assert_eq!(call, 4),
            Ok(outcome) => {
                assert_eq!(outcome.reason, StopReason::Cancelled, "call {call}");
                assert!(call > 1 || outcome.data == plan("A"));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_deadline_covers_all_rounds() {
    let late = |reply: Reply| reply.delay(Duration::from_secs(20));
    let stage = Stage::new([
        late(draft("A")),
        late(score(6.0)),
        late(draft("B")),
        late(score(9.0)),
    ]);
    let review = review().deadline(Duration::from_secs(50)).build().unwrap();
    let outcome = review
        .run(&stage.runner, json!({"topic": "tides"}))
        .await
        .unwrap();
    assert_eq!(outcome.reason, StopReason::DeadlineExceeded);
    assert_eq!(outcome.data, plan("A"));
    assert_eq!(outcome.duration, Duration::from_secs(50));
    assert_eq!(
        statuses(&stage.memory.records()),
        [
            CallStatus::Succeeded,
            CallStatus::Succeeded,
            CallStatus::TimedOut
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_agents_own_deadline_is_its_failure() {
    let stage = Stage::new([draft("A"), Reply::never().agent("judge")]);
    let slow = judge().with_deadline(Duration::from_secs(5));
    let review = ReviewLoop::builder(planner(), slow).deadline(Duration::from_secs(50));
    let review = review.build().unwrap();
    let outcome = review
        .run(&stage.runner, json!({"topic": "tides"}))
        .await
        .unwrap();
    assert_eq!(outcome.reason, StopReason::JudgeFailed);
    assert_eq!(outcome.error.unwrap().kind(), ErrorKind::DeadlineExceeded);
}

#[tokio::test]
async fn a_loop_that_is_dropped_leaves_a_cancelled_call() {
    let stage = Stage::new([draft("A"), Reply::never().agent("judge")]);
    let review = review().build().unwrap();
    {
        let run = std::pin::pin!(review.run(&stage.runner, json!({"topic": "tides"})));
        assert!(futures::poll!(run).is_pending());
    }
    let expected = [CallStatus::Succeeded, CallStatus::Cancelled];
    assert_eq!(statuses(&stage.memory.records()), expected);
}

#[test]
fn unjudged_drafts_rank_below_judged_ones_and_above_those_with_errors() {
    let broken = || Check::rule("title", Rule::at("/title").one_of(["A", "B", "C"]));
    let stage = Stage::new([draft("X"), draft("A"), score(0.0), draft("Y")]);
    let outcome = stage
        .run(&review().checked_by(broken()).build().unwrap())
        .unwrap();
    assert_eq!(outcome.data, plan("A"), "the worst verdict beats none");

    let stage = Stage::new([draft("A"), Reply::refusal("no").agent("judge")]);
    let outcome = stage
        .run(&review().checked_by(broken()).build().unwrap())
        .unwrap();
    assert_eq!(outcome.data, plan("A"));

    let stage = Stage::new([
        draft("X"),
        draft("Y"),
        draft("A"),
        Reply::refusal("no").agent("judge"),
    ]);
    let outcome = stage
        .run(&review().checked_by(broken()).build().unwrap())
        .unwrap();
    assert_eq!(outcome.data, plan("A"));

    let stage = Stage::new([draft("X"), draft("Y"), draft("Z")]);
    let outcome = stage
        .run(&review().checked_by(broken()).build().unwrap())
        .unwrap();
    assert_eq!(outcome.data, plan("Z"), "of equal ones the latest");
    assert_eq!(outcome.status(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_scores_the_best_draft_is_kept(
        scores in prop::collection::vec(prop::option::of(0.0..6.99_f64), 1..=10)
    ) {
        // No score stands for a draft that the checks send back.
        let replies: Vec<Reply> = scores.iter().enumerate().flat_map(|(round, found)| {
            let title = match found {
                Some(_) => format!("good {round}"),
                None => format!("bad {round}"),
            };
            let judged = found.map(score);
            [Some(draft(&title)), judged].into_iter().flatten().collect::<Vec<_>>()
        }).collect();
        let stage = Stage::new(replies);
        let rounds = u32::try_from(scores.len()).unwrap();
        let review = review().max_iterations(rounds).check("bad", |draft| {
            let title = draft["title"].as_str().unwrap_or_default();
            if title.starts_with("bad") { vec![Issue::error("bad")] } else { Vec::new() }
        });
        let outcome = stage.run(&review.build().unwrap()).unwrap();

        let best = scores.iter().copied().flatten().fold(None, |best: Option<f64>, score| {
            Some(best.map_or(score, |best| best.max(score)))
        });
        let expected = match best {
            Some(best) => scores.iter().rposition(|score| *score == Some(best)).unwrap(),
            None => scores.len() - 1,
        };
        prop_assert_eq!(outcome.score(), best);
        prop_assert_eq!(outcome.best, expected);
        prop_assert_eq!(&outcome.rounds[expected].draft, &outcome.data);
        prop_assert_eq!(outcome.reason, StopReason::MaxIterations);
    }
}
