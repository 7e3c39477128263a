//! What calls cost, and a budget that many runs share.

use duologue::agent::{Budget, RunOptions};
use duologue::cost::Decimal;
use duologue::pricing::{ModelPrice, PriceTable};
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, ErrorKind, Result};
use serde_json::json;

const PROMPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // The bundled table, and one model of our own: $0.50 in, $1.50 out for a million tokens.
    let ours = ModelPrice::new(Decimal::new(50, 2), Decimal::new(150, 2));
    let prices = PriceTable::bundled().with_price("our-model", ours);
    println!("bundled prices are as of {}", prices.as_of().unwrap_or("?"));

    let reply = Reply::json(json!({"title": "Tides"})).usage(300, 200);
    let runner = AgentRunner::builder(ScriptedProvider::new([reply.forever()]), PROMPTS)
        .prices(prices)
        .build();

    for model in ["gpt-5-mini-2025-08-07", "our-model", "somebody-elses-model"] {
        let planner = AgentSpec::new("planner", "planner", model);
        let outcome = runner.run(&planner, json!({"topic": "tides"})).await?;
        match outcome.cost {
            Some(cost) => println!("{model}: {cost}"),
            None => println!("{model}: unknown, which is not zero"),
        }
    }

    // A tenth of a cent for any number of runs. `max_output_tokens` is what lets a call be refused
    // before it is sent, even with others under way.
    let budget = Budget::new().cost_usd(Decimal::new(1, 3));
    let mut planner = AgentSpec::new("planner", "planner", "our-model");
    planner.max_output_tokens = Some(200);
    let runs = (0..5).map(|_| {
        let options = RunOptions::new().budget(budget.clone());
        runner.run_with(&planner, json!({"topic": "tides"}), options)
    });
    let results = futures::future::join_all(runs).await;

    let refused = results.iter().filter_map(|result| result.as_ref().err());
    for error in refused.clone() {
        assert_eq!(error.kind(), ErrorKind::BudgetExhausted);
        println!("{error:#}");
    }
    println!(
        "{} of 5 runs spent {}",
        5 - refused.count(),
        budget.spending().cost
    );
    assert!(budget.spending().cost.usd() <= Decimal::new(1, 3));
    Ok(())
}
