//! What calls cost: price tables, and the costs in outcomes, records and summaries.

use std::path::PathBuf;

use duologue::agent::RunOptions;
use duologue::call_log::{LlmLogging, RunLog};
use duologue::chat::{FinishReason, Usage};
use duologue::cost::{Cost, Decimal};
use duologue::pricing::{ModelPrice, PriceTable};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, ErrorKind};
use serde_json::json;

use crate::support::{Stage, file_log, plan, planner, prompts, quick, topic};

fn dollars(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn usd(text: &str) -> Option<Cost> {
    text.parse().ok().map(Cost::from_usd)
}

fn price(input: &str, output: &str) -> ModelPrice {
    ModelPrice::new(dollars(input), dollars(output))
}

// ---------------------------------------------------------------- the bundled table

#[test]
fn every_bundled_price_is_sane() {
    let table = PriceTable::bundled();
    let models = table.models();
    assert!((40..200).contains(&models.len()), "{}", models.len());
    for (name, price) in models {
        let cached = price.cached_input.unwrap_or(price.input);
        assert!(price.input > Decimal::ZERO, "{name}");
        assert!(cached > Decimal::ZERO && cached <= price.input, "{name}");
        assert!(price.output >= price.input, "{name}");
        assert!(price.output < Decimal::from(1_000), "{name}: per thousand?");
    }
}

#[test]
fn the_bundled_table_says_how_old_it_is_and_where_it_comes_from() {
    let table = PriceTable::bundled();
    let date: jiff::civil::Date = table.as_of().unwrap().parse().unwrap();
    assert!(date >= jiff::civil::date(2026, 1, 1), "{date}");
    assert!(table.note().unwrap().contains("public"));
}

#[test]
fn a_model_is_found_by_its_dated_name_and_behind_its_maker() {
    let table = PriceTable::bundled();
    for (asked, same_as) in [
        ("gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("claude-sonnet-4-20250514", "claude-sonnet-4"),
        ("openai/gpt-5-mini", "gpt-5-mini"),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("openai/gpt-5-mini-2025-08-07", "gpt-5-mini"),
    ] {
        let found = table.price(asked);
        assert!(found.is_some(), "{asked}");
        assert_eq!(found, table.price(same_as), "{asked}");
    }
    for unknown in [
        "azure/gpt-5-mini",
        "openai/gpt-5-mini:free",
        "gpt-5-mini-tuned",
        "GPT-5-MINI",
        "mistral-large-2407",
        "",
    ] {
        assert_eq!(table.price(unknown), None, "{unknown}");
    }
}

#[test]
fn an_entry_of_its_own_date_wins_over_the_undated_one() {
    let table = PriceTable::bundled();
    let input = |model| table.price(model).unwrap().input;
    assert_eq!(input("gpt-4o-2024-05-13"), dollars("5"));
    assert_eq!(input("gpt-4o-2024-08-06"), dollars("2.5"));
}

// ---------------------------------------------------------------- arithmetic

#[test]
fn a_cost_is_exact_and_counts_cached_and_reasoning_tokens_once() {
    let mut usage = Usage::new(1_000, 100);
    (usage.cached_tokens, usage.reasoning_tokens) = (Some(400), Some(90));
    let plain = price("3", "7");
    assert_eq!(
        plain.cost(&usage),
        usd("0.0037"),
        "no price for cached input"
    );
    let cached = plain.with_cached_input(dollars("0.1"));
    assert_eq!(cached.cost(&usage), usd("0.00254"));
    let mut written = usage;
    written.cache_write_tokens = Some(200);
    assert_eq!(cached.cost(&written), usd("0.00254"), "as any input");
    let dearer = cached.with_cache_write(dollars("3.75"));
    assert_eq!(dearer.cost(&written), usd("0.00269"));
    // A report that cannot be: no more can come from the cache than was sent.
    let mut odd = usage;
    odd.cached_tokens = Some(5_000);
    assert_eq!(cached.cost(&odd), usd("0.0008"));

    let tiny = price("0.0000001", "0.0000001");
    let one = tiny.cost(&Usage::new(1, 0)).unwrap();
    assert_eq!(one.to_string(), "$0.0000000000001");
}

#[test]
fn what_is_unknown_has_no_cost_and_what_is_free_costs_nothing() {
    let free = price("0", "0");
    assert_eq!(free.cost(&Usage::new(10, 10)), Some(Cost::ZERO));
    let mut no_input = Usage::new(10, 10);
    no_input.input_tokens = None;
    let mut no_output = Usage::new(10, 10);
    no_output.output_tokens = None;
    for unknown in [Usage::default(), no_input, no_output] {
        assert_eq!(free.cost(&unknown), None, "{unknown:?}");
    }
    let most = Usage::new(u64::MAX, u64::MAX);
    let dear = ModelPrice::new(Decimal::MAX, Decimal::MAX);
    assert_eq!(dear.cost(&most), None, "more than can be counted");
}

#[test]
fn the_model_that_answered_decides_where_its_price_is_known() {
    let table = PriceTable::none()
        .with_price("asked", price("1", "1"))
        .with_price("answered", price("2", "2"));
    let cost = |asked, answered| table.cost(asked, answered, &Usage::new(1_000_000, 0));
    assert_eq!(cost("asked", Some("answered")), usd("2"));
    assert_eq!(cost("asked", Some("answered-2026-01-01")), usd("2"));
    assert_eq!(cost("asked", Some("nobody")), usd("1"));
    assert_eq!(cost("asked", None), usd("1"));
    assert_eq!(cost("nobody", Some("nobody")), None);
}

#[test]
fn a_price_of_ones_own_wins_over_the_bundled_one_of_the_model_that_answered() {
    let table = PriceTable::bundled().with_price("our-deployment", price("7", "7"));
    let cost = |asked, answered| table.cost(asked, answered, &Usage::new(1_000_000, 0));
    assert_eq!(cost("our-deployment", Some("gpt-4o-2024-08-06")), usd("7"));
    assert_eq!(cost("gpt-5", Some("our-deployment")), usd("7"));
    assert_eq!(cost("gpt-5", Some("gpt-4o-2024-08-06")), usd("2.5"));
}

// ---------------------------------------------------------------- price files

fn file(name: &str, text: &str) -> (crate::support::Folder, PathBuf) {
    let folder = crate::support::folder();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn a_file_wins_over_the_bundled_table_model_by_model() {
    let text = "schema: duologue.prices/1\nas_of: 2026-11-21\nmodels:\n  gpt-5-mini: {input: 1, output: '2.10'}\n  ours: {input: 0, output: 0}\n";
    let (_folder, path) = file("prices.yaml", text);
    let own = PriceTable::from_file(path).unwrap();
    assert_eq!(own.models().len(), 2, "nothing but the file");

    let merged = PriceTable::bundled().merged(&own);
    assert_eq!(
        merged.price("gpt-5-mini-2025-08-07"),
        Some(&price("1", "2.1"))
    );
    assert_eq!(merged.price("ours"), Some(&price("0", "0")));
    assert_eq!(merged.price("gpt-5"), PriceTable::bundled().price("gpt-5"));
    assert_eq!(merged.as_of(), Some("2026-11-21"));
}

#[test]
fn a_table_that_is_written_as_json_reads_back_digit_by_digit() {
    let bundled = PriceTable::bundled().with_price("tiny", price("0.00000012", "123456.789"));
    let (_folder, path) = file("prices.json", &serde_json::to_string(&bundled).unwrap());
    let read = PriceTable::from_file(path).unwrap();
    assert_eq!(read.models(), bundled.models());
    assert_eq!(
        (read.as_of(), read.note()),
        (bundled.as_of(), bundled.note())
    );
}

#[test]
fn a_mistake_in_a_price_file_names_file_key_and_what_is_allowed() {
    let head = "schema: duologue.prices/1\n";
    let cases = [
        ("models: {}\n".to_owned(), "`schema`", ""),
        (
            "schema: duologue.prices/9\nmodels: {}\n".to_owned(),
            "duologue.prices/9",
            "duologue.prices/1",
        ),
        (format!("{head}model: {{}}\n"), "`model`", "`models`"),
        (
            format!("{head}as_of: soon\nmodels: {{}}\n"),
            "\"soon\"",
            "a date",
        ),
        (
            format!("{head}models: {{m: {{input: 1}}}}\n"),
            "`models.m.output`",
            "",
        ),
        (
            format!("{head}models: {{m: {{input: -1, output: 1}}}}\n"),
            "`models.m.input`: is -1",
            "0 or more",
        ),
        (
            format!("{head}models: {{m: {{input: 1, cached_input: -0.5, output: 1}}}}\n"),
            "`models.m.cached_input`: is -0.5",
            "0 or more",
        ),
        (
            format!("{head}models: {{m: {{input: cheap, output: 1}}}}\n"),
            "`models.m.input`: is the text \"cheap\"",
            "US dollars",
        ),
        (
            format!("{head}models: {{m: {{input: 1, ouput: 1}}}}\n"),
            "`models.m.ouput`",
            "`output`",
        ),
        (format!("{head}models: {{m: 3}}\n"), "`models.m`", ""),
    ];
    for (text, part, hint) in cases {
        let (_folder, path) = file("prices.yaml", &text);
        let error = PriceTable::from_file(&path).expect_err(&text);
        assert_eq!(error.kind(), ErrorKind::Config, "{text}");
        let said = error.to_string();
        assert!(
            said.contains("prices.yaml") && said.contains(part),
            "{text}: {said}"
        );
        assert!(
            error.hint().unwrap_or_default().contains(hint),
            "{text}: {error:#}"
        );
    }
}

// ---------------------------------------------------------------- where costs arrive

/// gpt-5-mini by its bundled price: 0.25 in, 2 out.
#[test]
fn every_call_has_its_cost_and_the_run_their_sum() {
    let bad = Reply::json(json!({"title": 1})).usage(1_000, 100);
    let stage = Stage::new([bad, Reply::json(plan()).usage(2_000, 10)]);
    let outcome = pollster::block_on(stage.runner.run(&planner(), topic())).unwrap();
    assert_eq!(outcome.cost, usd("0.00097"));
    let calls = outcome.ledger.calls.iter();
    let costs: Vec<_> = calls.map(|call| call.cost).collect();
    assert_eq!(costs, [usd("0.00045"), usd("0.00052")]);
    let records = stage.memory.records();
    let costs: Vec<_> = records.iter().map(|record| record.cost_usd).collect();
    assert_eq!(costs, [usd("0.00045"), usd("0.00052")]);
}

#[test]
fn an_answer_that_is_of_no_use_costs_what_it_used() {
    let tokens = Usage::new(1_000_000, 0);
    for reply in [
        Reply::refusal("no"),
        Reply::truncated("{"),
        Reply::content_filtered(""),
        Reply::json(json!({"title": 1})),
    ] {
        let stage = Stage::new([reply.full_usage(tokens)]);
        let spec = planner().with_max_schema_repair_attempts(0);
        let error = pollster::block_on(stage.runner.run(&spec, topic())).unwrap_err();
        assert_eq!(error.ledger().cost(), usd("0.25"), "{error}");
        assert_eq!(stage.memory.records()[0].cost_usd, usd("0.25"), "{error}");
    }
}

#[test]
fn a_call_without_usage_or_price_has_an_unknown_cost() {
    let failed = Stage::new([Reply::status(402)]);
    let error = pollster::block_on(failed.runner.run(&planner(), topic())).unwrap_err();
    assert_eq!(error.ledger().cost(), None);
    assert_eq!(error.ledger().calls_without_cost(), 1);
    assert_eq!(failed.memory.records()[0].cost_usd, None);

    let silent = Stage::new([Reply::json(plan())]);
    let outcome = pollster::block_on(silent.runner.run(&planner(), topic())).unwrap();
    assert_eq!(outcome.cost, None, "no usage was reported");

    let foreign = Stage::new([Reply::json(plan()).usage(1, 1)]);
    let spec = AgentSpec::new("a", "planner", "model-of-nobody");
    let outcome = pollster::block_on(foreign.runner.run(&spec, topic())).unwrap();
    assert_eq!(outcome.cost, None, "no price is known");
}

#[test]
fn the_runners_prices_are_the_ones_that_count() {
    for (prices, expected) in [
        (PriceTable::none(), None),
        (
            PriceTable::bundled().with_price("gpt-5-mini", price("10", "0")),
            usd("0.01"),
        ),
        (
            PriceTable::none().with_price("gpt-5-mini", price("0", "0")),
            usd("0"),
        ),
    ] {
        let provider = ScriptedProvider::new([Reply::json(plan()).usage(1_000, 5)]);
        let runner = AgentRunner::builder(provider, prompts())
            .prices(prices)
            .build();
        let outcome = pollster::block_on(runner.run(&planner(), topic())).unwrap();
        assert_eq!(outcome.cost, expected);
    }
}

#[test]
fn a_summary_adds_up_what_is_known_and_counts_what_is_not() {
    let folder = crate::support::folder();
    let replies = [
        Reply::json(plan()).usage(1_000, 0),
        Reply::json(plan()),
        Reply::truncated("{")
            .usage(3_000, 0)
            .finish_reason(FinishReason::Length),
        Reply::status(402),
    ];
    let runner = AgentRunner::builder(ScriptedProvider::new(replies), prompts())
        .logger(file_log(&folder, LlmLogging::default()))
        .retry(quick())
        .build();
    let judge = AgentSpec::new("judge", "planner", "gpt-5-mini");
    for spec in [&planner(), &judge, &judge, &judge] {
        let _ = pollster::block_on(runner.run_with(spec, topic(), RunOptions::new()));
    }
    pollster::block_on(runner.flush()).unwrap();

    let summary = RunLog::open(folder.path().join("run")).unwrap().summary();
    assert_eq!(summary.cost_usd, usd("0.001"));
    assert_eq!(summary.calls_without_cost, 2);
    let of = |index: usize| {
        (
            summary.agents[index].name.as_str(),
            summary.agents[index].cost_usd,
        )
    };
    assert_eq!(
        [of(0), of(1)],
        [("planner", usd("0.00025")), ("judge", usd("0.00075"))]
    );
}
