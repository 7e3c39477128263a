//! Budgets: what is reserved before a call, what is spent after it, and what is refused.

use std::future::pending;
use std::time::Duration;

use duologue::agent::{Budget, RunOptions};
use duologue::call_log::CallStatus;
use duologue::chat::Usage;
use duologue::cost::{Cost, Decimal};
use duologue::pricing::{ModelPrice, PriceTable};
use duologue::provider::{Reply, RetryPolicy, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, Error, ErrorKind, Outcome};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{Before, Stage, plan, planner, prompts, quick, topic};

fn run(stage: &Stage, spec: &AgentSpec) -> Result<Outcome<Value>, Error> {
    pollster::block_on(stage.runner.run(spec, topic()))
}

fn run_on(stage: &Stage, spec: &AgentSpec, budget: &Budget) -> Result<Outcome<Value>, Error> {
    let options = RunOptions::new().budget(budget.clone());
    pollster::block_on(stage.runner.run_with(spec, topic(), options))
}

fn good(input: u64, output: u64) -> Reply {
    Reply::json(plan()).usage(input, output)
}

fn bad(input: u64, output: u64) -> Reply {
    Reply::json(json!({"title": 1, "steps": []})).usage(input, output)
}

fn capped(tokens: u32) -> AgentSpec {
    let mut spec = planner();
    spec.max_output_tokens = Some(tokens);
    spec
}

/// What the planner's prompt and schema are thought to take.
fn estimate() -> u64 {
    let budget = Budget::new();
    run_on(&Stage::new([Reply::json(plan())]), &planner(), &budget).unwrap();
    budget.spending().tokens
}

fn price(input: i64, output: i64) -> ModelPrice {
    ModelPrice::new(Decimal::from(input), Decimal::from(output))
}

// ---------------------------------------------------------------- what is refused

#[test]
fn a_call_that_does_not_fit_is_not_sent_and_leaves_no_record() {
    let needed = estimate();
    let stage = Stage::new([]);
    let error = run(&stage, &planner().with_token_budget(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BudgetExhausted);
    let said = format!(
        "agent `planner`: `token_budget` of 1 token does not cover another call: 0 spent, 0 reserved, {needed} needed"
    );
    assert_eq!(error.to_string(), said);
    assert!(
        error
            .hint()
            .unwrap()
            .starts_with("raise `token_budget`, or")
    );
    assert!(stage.script.requests().is_empty());
    assert!(stage.memory.records().is_empty());
    assert!(error.ledger().calls.is_empty());
}

#[test]
fn the_longest_answer_that_is_allowed_must_fit() {
    let needed = estimate() + 100;
    let stage = Stage::new([good(1, 1)]);
    let spec = |tokens| capped(100).with_token_budget(tokens);
    let error = run(&stage, &spec(needed - 1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BudgetExhausted, "{error}");
    run(&stage, &spec(needed)).unwrap();
}

#[test]
fn a_repair_that_does_not_fit_ends_the_run_with_its_ledger() {
    let stage = Stage::new([bad(100, 60)]);
    let error = run(&stage, &planner().with_token_budget(200)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BudgetExhausted);
    assert!(error.to_string().contains("160 spent"), "{error}");
    assert_eq!(error.ledger().usage(), Usage::new(100, 60));
    assert_eq!(stage.statuses(), [CallStatus::Invalid]);
    assert_eq!(stage.memory.records()[0].ends_execution, Some(true));

    let stage = Stage::new([bad(100, 60), good(120, 60)]);
    let outcome = run(&stage, &planner().with_token_budget(400)).unwrap();
    assert_eq!(outcome.repairs, 1);
}

#[test]
fn a_higher_cap_after_a_cut_answer_reserves_anew() {
    let mut spec = capped(50).with_token_budget(400);
    spec.max_output_tokens_on_truncation = Some(1_000);
    let stage = Stage::new([Reply::truncated("{").usage(20, 50)]);
    let error = run(&stage, &spec).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BudgetExhausted, "{error}");
    assert_eq!(stage.statuses(), [CallStatus::Truncated]);

    let stage = Stage::new([Reply::truncated("{").usage(20, 50), good(20, 200)]);
    run(&stage, &spec.with_token_budget(2_000)).unwrap();
    assert_eq!(stage.script.requests()[1].max_output_tokens, Some(1_000));
}

#[test]
fn a_valid_answer_counts_even_if_it_took_more_than_was_thought() {
    let stage = Stage::new([good(1_000, 1_000)]);
    run(&stage, &planner().with_token_budget(100)).unwrap();
}

#[test]
fn every_budget_holds_and_the_one_that_does_not_cover_is_named() {
    let stage = Stage::new([good(10, 10).forever()]);
    let wide = Budget::new().tokens(10_000);
    let error = run_on(&stage, &planner().with_token_budget(1), &wide).unwrap_err();
    assert!(error.to_string().contains("`token_budget`"), "{error}");
    assert_eq!(
        wide.spending(),
        Budget::new().spending(),
        "nothing stays reserved"
    );

    let narrow = Budget::new().tokens(1);
    let spec = planner().with_token_budget(10_000);
    let error = run_on(&stage, &spec, &narrow).unwrap_err();
    assert!(error.to_string().contains("the token budget"), "{error}");

    let both = Budget::new();
    let runner = AgentRunner::builder(stage.script.clone(), prompts())
        .budget(both.clone())
        .build();
    let options = RunOptions::new().budget(wide.clone());
    pollster::block_on(runner.run_with(&planner(), topic(), options)).unwrap();
    assert_eq!((both.spending().tokens, wide.spending().tokens), (20, 20));
}

#[test]
fn a_budget_that_a_run_meets_twice_counts_once() {
    let script = ScriptedProvider::new([good(10, 10).forever()]);
    let shared = Budget::new();
    let runner = AgentRunner::builder(script, prompts())
        .budget(shared.clone().tokens(10_000))
        .build();
    let run = |budget: Budget| {
        let options = RunOptions::new().budget(budget);
        pollster::block_on(runner.run_with(&planner(), topic(), options))
    };
    run(shared.clone()).unwrap();
    assert_eq!(shared.spending().tokens, 20);
    // Each limit holds, wherever it was set.
    let error = run(shared.clone().tokens(20)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BudgetExhausted);
    assert_eq!(shared.spending().tokens, 20);
}

// ---------------------------------------------------------------- what is spent

#[test]
fn without_a_cap_the_longest_answer_so_far_is_reserved() {
    let budget = Budget::new().tokens(1_200);
    let stage = Stage::new([good(10, 600).forever()]);
    run_on(&stage, &planner(), &budget).unwrap();
    let error = run_on(&stage, &planner(), &budget).unwrap_err();
    let needed = estimate() + 600;
    assert!(
        error
            .to_string()
            .ends_with(&format!("610 spent, 0 reserved, {needed} needed")),
        "{error}"
    );
}

#[test]
fn what_the_provider_does_not_report_stays_as_reserved() {
    let (mut output_alone, mut input_alone) = (Usage::default(), Usage::default());
    output_alone.output_tokens = Some(7);
    input_alone.input_tokens = Some(7);
    for (usage, expected) in [
        (Usage::default(), estimate() + 100),
        (output_alone, estimate() + 7),
        (input_alone, 107),
        (Usage::new(3, 4), 7),
    ] {
        let budget = Budget::new();
        let stage = Stage::new([Reply::json(plan()).full_usage(usage)]);
        run_on(&stage, &capped(100), &budget).unwrap();
        assert_eq!(budget.spending().tokens, expected, "{usage:?}");
        assert_eq!(budget.spending().reserved_tokens, 0);
    }
}

#[test]
fn a_refused_request_is_free_and_one_of_unknown_fate_is_not() {
    let held = estimate() + 100;
    for (reply, expected) in [
        (Reply::status(400), 0),
        (Reply::status(401), 0),
        (Reply::status(429), 0),
        (Reply::status(503), 0),
        (Reply::status(504), held),
        (Reply::cut_body("{"), held),
        (Reply::error(ErrorKind::Timeout), held),
        (Reply::refusal("no").usage(5, 6), 11),
        (Reply::truncated("{").usage(5, 6), 11),
    ] {
        let budget = Budget::new();
        let runner = AgentRunner::builder(ScriptedProvider::new([reply.clone()]), prompts())
            .retry(RetryPolicy::default().with_max_retries(0))
            .build();
        let options = RunOptions::new().budget(budget.clone());
        pollster::block_on(runner.run_with(&capped(100), topic(), options)).unwrap_err();
        assert_eq!(budget.spending().tokens, expected, "{reply}");
    }
}

#[cfg(feature = "http")]
#[test]
fn a_server_that_cannot_be_reached_costs_nothing() {
    let provider = duologue::provider::OpenAiProvider::builder()
        .base_url("http://127.0.0.1:9/v1")
        .no_api_key()
        .build()
        .unwrap();
    let memory = duologue::call_log::MemoryCallLogger::new();
    let runner = AgentRunner::builder(provider, prompts())
        .logger(memory.clone())
        .retry(RetryPolicy::default().with_initial_delay(Duration::from_millis(1)))
        .build();
    let budget = Budget::new();
    let options = RunOptions::new().budget(budget.clone());
    let error = pollster::block_on(runner.run_with(&capped(100), topic(), options)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(budget.spending(), Budget::new().spending());
    let attempts = &memory.records()[0].attempts;
    assert_eq!(attempts.len(), 4);
    assert!(attempts.iter().all(|attempt| attempt.unsent));
}

#[test]
fn retries_inside_of_a_call_count_once() {
    let budget = Budget::new();
    let busy = Reply::status(503).header("retry-after", "0");
    let stage = Stage::new([busy.clone(), busy, good(20, 30)]);
    run_on(&stage, &capped(100), &budget).unwrap();
    assert_eq!(stage.script.requests().len(), 3);
    assert_eq!(budget.spending().tokens, 50);
}

#[test]
fn a_call_that_ends_before_its_request_gives_back_what_it_reserved() {
    let script = ScriptedProvider::new([]);
    let stuck = CancellationToken::new();
    let reached = stuck.clone();
    let waiting = move |_| {
        reached.cancel();
        pending()
    };
    let stage = Stage::around(Before::new(script.clone(), waiting), script);
    let budget = Budget::new();
    let options = RunOptions::new().budget(budget.clone()).cancel_on(stuck);
    let error = pollster::block_on(stage.runner.run_with(&capped(100), topic(), options));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(budget.spending(), Budget::new().spending());
}

#[tokio::test]
async fn a_call_that_is_cancelled_dropped_or_panics_on_the_wire_stays_spent() {
    let held = estimate() + 100;
    let stage = Stage::new([Reply::never(), Reply::never(), Reply::panic("broken")]);
    let budget = Budget::new();
    let runner = &stage.runner;
    let options = || RunOptions::new().budget(budget.clone());

    let token = CancellationToken::new();
    let spec = capped(100);
    let run = runner.run_with(&spec, topic(), options().cancel_on(token.clone()));
    let (ended, ()) = tokio::join!(run, async { token.cancel() });
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(budget.spending().tokens, held);

    {
        let mut dropped = Box::pin(runner.run_with(&spec, topic(), options()));
        assert!(futures::poll!(&mut dropped).is_pending());
        assert_eq!(budget.spending().reserved_tokens, held);
    }
    assert_eq!(budget.spending().tokens, 2 * held);

    let runner = runner.clone();
    let shared = options().budget(budget.clone());
    let task =
        tokio::spawn(async move { runner.run_with(&capped(100), topic(), shared).await.is_ok() });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(budget.spending().tokens, 3 * held);
    assert_eq!(budget.spending().reserved_tokens, 0);
}

// ---------------------------------------------------------------- side by side

/// Every call reserves what it may need before the first of them is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_runs_at_once_do_not_overrun_one_budget() {
    let each = estimate() + 50;
    let budget = Budget::new().tokens(20 * each + each / 2);
    let script = ScriptedProvider::new([good(each - 50, 50).forever()]);
    let all_are_in = CancellationToken::new();
    let provider = Before::new(script.clone(), move |number| {
        let all_are_in = all_are_in.clone();
        async move {
            if number >= 20 {
                all_are_in.cancel();
            }
            all_are_in.cancelled().await;
        }
    });
    let runner = AgentRunner::builder(provider, prompts())
        .budget(budget.clone())
        .build();
    let spec = capped(50);
    let runs = runner.run_all((0..50).map(|_| (&spec, topic())), 50);
    let results = tokio::time::timeout(Duration::from_secs(60), runs)
        .await
        .unwrap();

    let refused = |error: &Error| error.kind() == ErrorKind::BudgetExhausted;
    let failed: Vec<&Error> = results
        .iter()
        .filter_map(|result| result.as_ref().err())
        .collect();
    assert_eq!(failed.len(), 30);
    assert!(failed.iter().all(|error| refused(error)));
    let hint = failed[0].hint().unwrap();
    assert!(hint.contains("fewer runs at once"), "{hint}");
    assert_eq!(script.requests().len(), 20);
    assert_eq!(budget.spending().tokens, 20 * each);
    assert_eq!(budget.spending().reserved_tokens, 0);
}

#[test]
fn threads_share_a_budget() {
    let each = estimate() + 50;
    let budget = Budget::new().tokens(10 * each);
    let script = ScriptedProvider::new([good(each - 50, 50).forever()]);
    let runner = AgentRunner::builder(script.clone(), prompts())
        .budget(budget.clone())
        .build();
    let runner: duologue::blocking::AgentRunner = runner.into();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let _ = runner.run(&capped(50), topic());
                }
            });
        }
    });
    // Every call takes just what it reserved: whatever the order, ten fit.
    assert_eq!(script.requests().len(), 10);
    assert_eq!(budget.spending().tokens, 10 * each);
}

// ---------------------------------------------------------------- dollars

fn priced(replies: impl IntoIterator<Item = Reply>, price: ModelPrice) -> Stage {
    let mut stage = Stage::new(replies);
    stage.runner = AgentRunner::builder(stage.script.clone(), prompts())
        .logger(stage.memory.clone())
        .retry(quick())
        .prices(PriceTable::none().with_price("gpt-5-mini", price))
        .build();
    stage
}

#[test]
fn dollars_run_out_like_tokens() {
    // A dollar for each thousand tokens of the answer; the prompt is free.
    let stage = priced([good(10, 400).forever()], price(0, 1_000));
    let budget = Budget::new().cost_usd(Decimal::ONE);
    for spent in ["$0.4", "$0.8"] {
        run_on(&stage, &capped(500), &budget).unwrap();
        assert_eq!(budget.spending().cost.to_string(), spent);
        if spent == "$0.4" {
            assert_eq!(budget.spending().reserved_cost, Cost::ZERO);
        }
    }
    let error = run_on(&stage, &capped(500), &budget).unwrap_err();
    assert_eq!(
        error.to_string(),
        "agent `planner`: the dollar budget of $1 does not cover another call: $0.8 spent, $0 reserved, $0.5 needed"
    );
    let own = capped(500).with_cost_budget_usd(Decimal::new(4, 1));
    let error = run(&stage, &own).unwrap_err();
    assert!(
        error.to_string().contains("`cost_budget_usd` of $0.4"),
        "{error}"
    );
}

#[test]
fn dollars_that_are_not_known_stay_as_reserved() {
    let stage = priced([Reply::json(plan())], price(0, 1_000));
    let budget = Budget::new().cost_usd(Decimal::ONE);
    run_on(&stage, &capped(500), &budget).unwrap();
    assert_eq!(budget.spending().cost.to_string(), "$0.5");
}

#[test]
fn a_free_model_never_exhausts_a_budget_in_dollars() {
    let stage = priced([good(1_000_000, 1_000_000).forever()], price(0, 0));
    let budget = Budget::new().cost_usd(Decimal::new(1, 9));
    for _ in 0..3 {
        run_on(&stage, &capped(500), &budget).unwrap();
    }
}

#[test]
fn a_budget_in_dollars_needs_a_price_before_the_first_request() {
    let stage = Stage::new([]);
    let spec = AgentSpec::new("a", "planner", "model-of-nobody");
    let dollar = Budget::new().cost_usd(Decimal::ONE);
    let limited = spec.clone().with_cost_budget_usd(Decimal::ONE);
    let errors = [
        run(&stage, &limited).unwrap_err(),
        stage.runner.check(&limited).unwrap_err(),
        run_on(&stage, &spec, &dollar).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("`model-of-nobody`"), "{error}");
        assert!(
            error.hint().unwrap().contains("`models.model-of-nobody`"),
            "{error:#}"
        );
    }
    assert!(stage.script.requests().is_empty());
    stage.runner.check(&spec).unwrap();
}
