//! `review` in a job file, by the library and by the command.

use duologue::flow::review::{StopReason, VerdictStatus};
use duologue::job::{Job, JobOverrides, JobReport, JobStatus, ResultStatus};
use tokio_util::sync::CancellationToken;

use crate::command::Folder;

const JOB: &str = "\
run_id: demo
output_dir: out
provider: {kind: scripted, replies: replies.yaml}
concurrency: 1
review:
  planner: planner
  judge: judge
  checks:
    - {name: steps, rule: {path: /steps, min_items: 1}}
agents:
  - {name: planner, prompt_pack: planner, model: gpt-5-mini, inputs: items.jsonl}
  - {name: judge, prompt_pack: judge, model: gpt-5}
";

const REPLIES: &str = "\
replies:
  - {agent: planner, json: {title: A, steps: []}}
  - {agent: planner, json: {title: B, steps: [one]}}
  - {agent: judge, json: {score: 6, feedback: More.}}
  - {agent: planner, json: {title: C, steps: [one, two]}}
  - {agent: judge, json: {score: 8, feedback: Good.}}
  - {agent: planner, json: {title: D, steps: [one]}}
  - {agent: judge, json: {score: 5.5, feedback: More.}}
  - {agent: planner, json: {title: E, steps: [one]}}
  - {agent: judge, json: {score: 2, feedback: Worse.}}
  - {agent: planner, json: {title: D, steps: [one]}}
";

fn folder(job: &str) -> Folder {
    let folder = Folder::new();
    folder
        .write("job.yaml", job)
        .write("replies.yaml", REPLIES)
        .write(
            "items.jsonl",
            "{\"topic\": \"tides\"}\n{\"topic\": \"moon\"}\n",
        )
        .write("prompts/planner/system.tera", "Plan.")
        .write("prompts/planner/user.tera", "Plan {{ topic }}.")
        .write("prompts/judge/system.tera", "Judge.")
        .write(
            "prompts/planner/user_refinement.tera",
            "Again {{ topic }}. {{ feedback }}",
        )
        .write(
            "prompts/judge/user.tera",
            "Judge {{ draft.title }} about {{ topic }}.",
        );
    folder
}

fn edited(edits: &[(&str, &str)]) -> Folder {
    let mut job = JOB.to_owned();
    for (from, to) in edits {
        assert!(job.contains(from), "no `{from}` in the job");
        job = job.replacen(from, to, 1);
    }
    folder(&job)
}

fn load(folder: &Folder) -> Job {
    Job::load(folder.path("job.yaml"), &JobOverrides::default()).unwrap()
}

fn run(folder: &Folder) -> JobReport {
    let job = load(folder);
    pollster::block_on(job.run(&CancellationToken::new(), &|_| {})).unwrap()
}

#[test]
fn every_input_of_the_planner_is_reviewed_and_the_judge_runs_for_nothing_else() {
    let report = run(&folder(JOB));
    assert_eq!(report.status, JobStatus::Succeeded, "{report:#?}");
    let [first, second] = &report.results[..] else {
        panic!("{report:#?}");
    };
    let review = first.review.as_ref().unwrap();
    assert!(review.approved);
    assert_eq!(
        (review.rounds, review.best_round, review.score),
        (3, 2, Some(8.0))
    );
    assert_eq!(first.data.as_ref().unwrap()["title"], "C");
    assert_eq!(first.calls.len(), 5);

    let review = second.review.as_ref().unwrap();
    assert_eq!(
        (review.approved, review.reason),
        (false, StopReason::NoProgress)
    );
    assert_eq!(review.verdict, Some(VerdictStatus::SoftFail));
    assert_eq!(
        second.status,
        ResultStatus::Succeeded,
        "its best draft is its answer"
    );
    assert_eq!(second.data.as_ref().unwrap()["title"], "D");
    assert!(report.problems.is_empty(), "{:?}", report.problems);
}

#[test]
fn where_an_approval_is_required_a_draft_without_one_fails_and_is_still_given() {
    let folder = edited(&[("  checks:", "  require_approval: true\n  checks:")]);
    let ended = folder.run(&["run", "job.yaml"]);
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    insta::assert_snapshot!("review_job", without_times(&ended.all()));

    let ended = folder.run(&["run", "job.yaml", "--json", "--run-id", "again"]);
    let second = &ended.json()["results"][1];
    assert_eq!(second["error"]["kind"], "not_approved");
    assert_eq!(second["data"]["title"], "D");
    assert_eq!(second["review"]["reason"], "no_progress");
}

fn without_times(text: &str) -> String {
    let times = regex::Regex::new(r"\d+ ms").unwrap();
    times.replace_all(text, "… ms").into_owned()
}

#[test]
fn a_judge_that_fails_fails_the_input_and_leaves_the_draft() {
    let folder = folder(JOB);
    folder.write(
        "replies.yaml",
        "replies: [{agent: planner, json: {title: A, steps: [one]}}, {agent: judge, refusal: 'no'}]",
    );
    folder.write("items.jsonl", "{\"topic\": \"tides\"}\n");
    let report = run(&folder);
    assert_eq!(report.status, JobStatus::Failed);
    let result = &report.results[0];
    assert_eq!(
        result.review.as_ref().unwrap().reason,
        StopReason::JudgeFailed
    );
    assert_eq!(result.data.as_ref().unwrap()["title"], "A");
    assert_eq!(
        result.error.as_ref().unwrap().kind,
        duologue::ErrorKind::Refused
    );
}

#[test]
fn a_limit_of_the_file_ends_the_loop_and_not_the_input() {
    let report = run(&edited(&[
        ("  checks:", "  token_budget: 100\n  checks:"),
        ("min_items: 1", "min_items: 0"),
    ]));
    let reviews: Vec<_> = report.results.iter().map(|it| it.status).collect();
    assert_eq!(reviews, [ResultStatus::Succeeded; 2], "{report:#?}");
    let reason = report.results[0].review.as_ref().unwrap().reason;
    assert_eq!(reason, StopReason::BudgetExhausted);
}

/// What is changed in the job.
type Edit = (&'static str, &'static str);

const REFUSED: &[&[Edit]] = &[
    &[("planner: planner", "planner: planer")],
    &[("judge: judge", "judge: somebody")],
    &[("judge: judge", "judge: planner")],
    &[("  judge: judge\n", "")],
    &[("checks:", "checkz:")],
    &[("  checks:", "  max_iterations: 0\n  checks:")],
    &[("  checks:", "  max_iterations: 11\n  checks:")],
    &[("  checks:", "  max_iterations: many\n  checks:")],
    &[("  checks:", "  approve_at: 4\n  checks:")],
    &[("  checks:", "  approve_at: 70\n  checks:")],
    &[("  checks:", "  token_budget: 0\n  checks:")],
    &[("  checks:", "  cost_budget_usd: 0\n  checks:")],
    &[("  checks:", "  deadline: soon\n  checks:")],
    &[("min_items: 1", "min_item: 1")],
    &[("min_items: 1", "min_items: -1")],
    &[("min_items: 1", "pattern: '('")],
    &[("min_items: 1", "min_items: 3, max_items: 2")],
    &[("path: /steps", "path: steps")],
    &[("rule: {path: /steps, min_items: 1}", "severity: error")],
    &[(
        "rule: {path: /steps, min_items: 1}",
        "severity: fatal, schema: {}",
    )],
    &[("rule: {", "schema: {}, rule: {")],
    &[("rule: {path: /steps, min_items: 1}", "schema: [a]")],
    &[("rule: {path: /steps, min_items: 1}", "schema: nothing.json")],
    &[(
        "rule: {path: /steps, min_items: 1}",
        "schema: {type: objekt}",
    )],
    &[(
        "judge, model: gpt-5}",
        "judge, model: gpt-5, inputs: items.jsonl}",
    )],
    &[("prompt_pack: judge", "prompt_pack: planner")],
    &[
        ("  checks:", "  cost_budget_usd: 1\n  checks:"),
        ("model: gpt-5}", "model: our-own}"),
    ],
];

#[test]
fn what_is_wrong_is_said_by_run_and_check_alike_before_the_first_request() {
    let mut said = Vec::new();
    for edits in REFUSED {
        let folder = edited(edits);
        let ended = folder.run(&["run", "job.yaml"]);
        assert_eq!(ended.code, Some(2), "{edits:?}: {}", ended.all());
        assert_eq!(ended.stdout, "", "{edits:?}");
        assert!(!folder.path("out").exists(), "{edits:?}");
        let check = folder.run(&["check", "job.yaml"]);
        assert_eq!(check.stderr, ended.stderr, "{edits:?}");
        said.push(format!("## {}\n{}\n", edits[0].1.trim(), ended.stderr));
    }
    let folder = folder(JOB);
    folder.write(
        "prompts/planner/user_refinement.tera",
        "Again. {{ feedback }} {{ tone }}",
    );
    let check = folder.run(&["check", "job.yaml"]);
    assert_eq!(check.code, Some(2));
    said.push(format!("## refinement\n{}\n", check.stderr));
    insta::assert_snapshot!("refused_reviews", said.concat());
}

#[test]
fn check_warns_of_a_planner_that_learns_nothing_and_not_of_what_the_judge_uses() {
    let folder = folder(JOB);
    folder
        .write("prompts/planner/user_refinement.tera", "Again {{ topic }}.")
        .write(
            "prompts/judge/user.tera",
            "{{ draft.title }} by {{ criteria }}",
        )
        .write(
            "items.jsonl",
            "{\"topic\": \"tides\", \"criteria\": \"brevity\", \"tone\": \"dry\"}\n",
        );
    let check = folder.run(&["check", "job.yaml"]);
    assert_eq!(check.code, Some(0), "{}", check.all());
    insta::assert_snapshot!("review_warnings", check.stderr);
}

#[test]
fn the_example_job_ends_with_an_approved_plan() {
    let root = crate::tree::root();
    let folder = Folder::new();
    let job = root.join("examples/jobs/review.yaml");
    let job = job.to_str().unwrap();
    let ended = folder.run(&["run", job, "--json", "--output-dir", "out"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let result = &ended.json()["results"][0];
    assert_eq!(result["review"]["approved"], true);
    assert_eq!(result["review"]["rounds"], 3);
    assert_eq!(result["calls"].as_array().unwrap().len(), 5);
}
