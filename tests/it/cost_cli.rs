//! Costs and budgets in job files and on the command line.

use duologue::call_log::RunLog;
use duologue::job::{Job, JobOverrides};
use serde_json::json;

use crate::command::{Folder, JOB};

/// The job of [`Folder::with_job`] with these lines before its agents.
fn folder_with(lines: &str, replies: &str) -> Folder {
    let folder = Folder::with_job();
    folder.write(
        "job.yaml",
        &JOB.replace("agents:", &format!("{lines}\nagents:")),
    );
    folder.write("replies.yaml", replies);
    folder
}

const ONE_MILLION: &str =
    "replies: [{json: {title: Tides}, usage: {input_tokens: 1000000, output_tokens: 1000000}}]\n";

/// Five inputs, and answers for as many as are asked for.
fn five(lines: &str) -> Folder {
    let folder = folder_with(
        lines,
        "replies: [{json: {title: Tides}, usage: {input_tokens: 50, output_tokens: 50}, repeat: forever}]\n",
    );
    folder.write("items.jsonl", &"{\"topic\": \"tides\"}\n".repeat(5));
    folder
}

// ---------------------------------------------------------------- prices

#[test]
fn prices_are_listed_with_their_date() {
    let ended = Folder::new().run(&["prices"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let row = ended
        .stdout
        .lines()
        .find(|line| line.starts_with("gpt-5-mini "));
    let cells: Vec<&str> = row.unwrap().split_whitespace().collect();
    assert_eq!(cells, ["gpt-5-mini", "0.25", "0.025", "-", "2"]);
    assert!(
        ended
            .stderr
            .starts_with("US dollars per million tokens, as of 20"),
        "{}",
        ended.stderr
    );
}

#[test]
fn one_price_is_found_as_a_call_finds_it() {
    let folder = Folder::new();
    let ended = folder.run(&["prices", "openai/gpt-5-mini-2025-08-07", "--json"]);
    let document = ended.json();
    assert_eq!(
        document["price"],
        json!({"input": 0.25, "cached_input": 0.025, "output": 2.0})
    );

    let unknown = folder.run(&["prices", "gpt-5-minni"]);
    assert_eq!(unknown.code, Some(2));
    let said = "error: the price of `gpt-5-minni` is not known\nhint: did you mean `gpt-5-mini`?\n";
    assert_eq!(
        (unknown.stdout.as_str(), unknown.stderr.as_str()),
        ("", said)
    );
}

#[test]
fn the_table_as_json_is_a_price_file() {
    let folder = Folder::new();
    let printed = folder.run(&["prices", "--json"]);
    folder.write("all.json", &printed.stdout);
    let again = folder.run(&["prices", "--json", "--file", "all.json"]);
    assert_eq!(again.stdout, printed.stdout);

    folder.write(
        "own.yaml",
        "schema: duologue.prices/1\nas_of: 2026-11-01\nmodels: {ours: {input: 1, output: 2.50}}\n",
    );
    let own = folder.run(&["prices", "ours", "--file", "own.yaml"]);
    assert_eq!(
        own.stdout,
        "MODEL  INPUT  CACHED  WRITTEN  OUTPUT\nours   1      -       -        2.5\n"
    );
    assert_eq!(
        own.stderr,
        "US dollars per million tokens, as of 2026-11-01\n"
    );
}

// ---------------------------------------------------------------- costs of a job

#[test]
fn a_run_ends_with_what_it_cost() {
    let folder = folder_with("", ONE_MILLION);
    let ended = folder.run(&["run", "job.yaml"]);
    assert!(
        ended.stderr.contains("; 2000000 tokens, $2.25\n"),
        "{}",
        ended.stderr
    );

    let silent = folder_with("", "replies: [{json: {title: Tides}}]\n").run(&["run", "job.yaml"]);
    assert!(
        silent
            .stderr
            .contains("; unknown tokens, cost unknown for 1 call\n"),
        "{}",
        silent.stderr
    );
}

#[test]
fn prices_of_the_job_win_over_the_bundled_ones() {
    let folder = folder_with("prices: own/prices.yaml", ONE_MILLION);
    folder.write(
        "own/prices.yaml",
        "schema: duologue.prices/1\nmodels: {gpt-5-mini: {input: 3, output: 4}}\n",
    );
    let report = folder.run(&["run", "job.yaml", "--json"]).json();
    assert_eq!(report["cost_usd"], json!(7.0));
    assert_eq!(report["calls_without_cost"], 0);
    assert_eq!(report["results"][0]["cost_usd"], json!(7.0));
    let record = folder.read("out/demo/llm_calls/call_001_planner.yaml");
    assert!(
        record.contains("\ncost_usd: 7\n") || record.contains("\ncost_usd: 7.0\n"),
        "{record}"
    );
}

#[test]
fn what_is_wrong_with_prices_and_budgets_is_said_before_the_first_request() {
    let cases = [
        (
            "prices: missing.yaml",
            "key `prices`: cannot read `missing.yaml`",
            "",
        ),
        (
            "prices: bad.yaml",
            "key `prices`: `bad.yaml`, key `models.m.input`: is -1",
            "0 or more",
        ),
        (
            "budget: {token: 5}",
            "unknown key `budget.token`",
            "`tokens`",
        ),
        (
            "budget: {tokens: 0}",
            "key `budget.tokens`: is 0",
            "1 or more",
        ),
        (
            "budget: {tokens: many}",
            "key `budget.tokens`: is the text \"many\"",
            "a whole number",
        ),
        (
            "budget: {cost_usd: 0}",
            "key `budget.cost_usd`: is 0",
            "more than 0",
        ),
        (
            "budget: {cost_usd: -1}",
            "key `budget.cost_usd`: is -1",
            "more than 0",
        ),
        (
            "budget: {cost_usd: cheap}",
            "key `budget.cost_usd`: is the text \"cheap\"",
            "US dollars",
        ),
        ("budget: {}", "key `budget`: is empty", "`cost_usd`"),
        ("budget: 5", "key `budget`: is 5", "a mapping"),
    ];
    for (line, said, hint) in cases {
        let folder = folder_with(line, "replies: []\n");
        folder.write(
            "bad.yaml",
            "schema: duologue.prices/1\nmodels: {m: {input: -1, output: 1}}\n",
        );
        for command in ["check", "run"] {
            let ended = folder.run(&[command, "job.yaml"]);
            assert_eq!(ended.code, Some(2), "{line}: {}", ended.all());
            assert!(ended.stderr.contains(said), "{line}: {}", ended.stderr);
            assert!(ended.stderr.contains(hint), "{line}: {}", ended.stderr);
        }
        assert!(!folder.path("out").exists(), "{line}");
    }
}

#[test]
fn a_budget_in_dollars_needs_the_price_of_every_model() {
    let job_wide = folder_with("budget: {cost_usd: 1}", "replies: []\n");
    let of_the_agent = folder_with("", "replies: []\n");
    for (folder, set) in [
        (job_wide, "agents.0.model=ours"),
        (
            of_the_agent,
            "agents.0={\"name\": \"planner\", \"prompt_pack\": \"planner\", \"model\": \"ours\", \"cost_budget_usd\": 0.5, \"inputs\": \"items.jsonl\"}",
        ),
    ] {
        let ended = folder.run(&["check", "job.yaml", "--set", set]);
        assert_eq!(ended.code, Some(2), "{}", ended.all());
        let said = "error: `job.yaml`, key `agents[0].model`: agent `planner` has a budget in dollars, and the price of its model `ours` is not known\n";
        assert!(ended.stderr.starts_with(said), "{}", ended.stderr);
        assert!(ended.stderr.contains("`models.ours`"), "{}", ended.stderr);

        folder.write(
            "own.yaml",
            "schema: duologue.prices/1\nmodels: {ours: {input: 1, output: 1}}\n",
        );
        let ended = folder.run(&[
            "check",
            "job.yaml",
            "--set",
            set,
            "--set",
            "prices=own.yaml",
        ]);
        assert_eq!(ended.code, Some(0), "{}", ended.all());
    }
}

#[test]
fn a_budget_holds_for_all_runs_of_a_job_together() {
    // Each call is thought to take some 40 tokens of its prompt, and 50 of its answer; it takes 100.
    let folder = five("budget: {tokens: 250}");
    let set = [
        "--set",
        "agents.0.max_output_tokens=50",
        "--set",
        "concurrency=1",
    ];
    let ended = folder.run(&[&["run", "job.yaml", "--json"], &set[..]].concat());
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    let report = ended.json();
    assert_eq!(report["status"], "partial");
    assert_eq!(report["usage"]["input_tokens"], 100, "two calls");
    let error = &report["results"][4]["error"];
    assert_eq!(error["kind"], "budget_exhausted");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("the job's `budget.tokens` of 250 tokens"),
        "{message}"
    );
    assert_eq!(
        report["results"][4]["calls"],
        json!([]),
        "no call, no record"
    );
    assert_eq!(
        folder.names("out/demo/llm_calls").len(),
        3,
        "two calls and the summary"
    );
}

#[test]
fn a_budget_in_dollars_holds_for_all_runs_of_a_job_together() {
    // 50 in and 50 out cost $0.0001125; what is reserved is a little less.
    let folder = five("budget: {cost_usd: 0.00025}");
    let set = [
        "--set",
        "agents.0.max_output_tokens=50",
        "--set",
        "concurrency=1",
    ];
    let report = folder
        .run(&[&["run", "job.yaml", "--json"], &set[..]].concat())
        .json();
    assert_eq!(report["cost_usd"], json!(0.000_225));
    assert_eq!(report["results"][2]["error"]["kind"], "budget_exhausted");
}

#[test]
fn every_run_of_a_job_begins_with_a_whole_budget() {
    let folder = five("budget: {tokens: 1000}");
    let job = Job::load(folder.path("job.yaml"), &JobOverrides::default()).unwrap();
    for _ in 0..2 {
        let cancel = tokio_util::sync::CancellationToken::new();
        let report = pollster::block_on(job.run(&cancel, &|_| {})).unwrap();
        assert_eq!(report.usage.total_tokens(), Some(500));
    }
}

// ---------------------------------------------------------------- totals

#[test]
fn two_processes_on_one_run_have_one_sum_and_recovery_keeps_it() {
    let folder = folder_with("", ONE_MILLION);
    let killed = folder.start_call_that_hangs(&["run", "job.yaml"]);
    killed.signal("KILL");
    folder.write("replies.yaml", ONE_MILLION);
    for _ in 0..2 {
        assert_eq!(folder.run(&["run", "job.yaml"]).code, Some(0));
    }
    std::fs::remove_dir_all(folder.path("out/demo/llm_calls")).unwrap();

    let recovered = folder.run(&["logs", "recover", "out/demo"]);
    assert_eq!(recovered.code, Some(0), "{}", recovered.all());
    let summary = RunLog::open(folder.path("out/demo")).unwrap().summary();
    assert_eq!(summary.cost_usd.unwrap().to_string(), "$4.5");
    assert_eq!(summary.calls_without_cost, 1, "the call that was killed");
    let written = folder.read("out/demo/llm_calls/summary.yaml");
    assert!(
        written.contains("\ncost_usd: 4.5\ncalls_without_cost: 1\n"),
        "{written}"
    );
}
