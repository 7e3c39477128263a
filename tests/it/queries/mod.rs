//! Questions to the records of runs, through the library and the real command.

mod diff;
mod export;
mod grep;
mod index;
mod listing;
mod stats;
mod tail;
mod verify;

use duologue::query::Run;

use crate::command::{Ended, Folder, JOB};

/// The run of two agents over three topics: an answer at once, one after a repair and a retry, a
/// refusal, a cut answer, and a failure.
const REPLIES: &str = r#"
replies:
  - {json: {title: Tides}, agent: planner, usage: {input_tokens: 100, output_tokens: 20, cached_tokens: 40}}
  - {json: {titel: Ebb}, agent: planner, usage: {input_tokens: 110, output_tokens: 21, reasoning_tokens: 7}}
  - {status: 503, agent: planner, headers: {retry-after: 0}}
  - {json: {title: "Ebb, =SUM(1)"}, agent: planner, usage: {input_tokens: 150, output_tokens: 22}}
  - {refusal: "no flood", agent: planner}
  - {json: {title: Sure}, agent: judge, usage: {input_tokens: 60, output_tokens: 3}}
  - {text: '{"title": "E', agent: judge, finish_reason: length}
  - {status: 400, agent: judge, body: {error: {message: "bad flood"}}}
"#;

/// A folder whose `out/demo` holds that run, one call after the other.
fn mixed() -> Folder {
    let folder = Folder::with_job();
    let judge = "  - {name: judge, prompt_pack: planner, model: gpt-5, response_schema: schema.json, inputs: items.jsonl}\n";
    folder.write(
        "job.yaml",
        &(JOB.replace("concurrency: 2", "concurrency: 1") + judge),
    );
    folder.write("replies.yaml", REPLIES);
    folder.write(
        "items.jsonl",
        "{\"topic\": \"tides\"}\n{\"topic\": \"ebb\"}\n{\"topic\": \"flood\"}\n",
    );
    let ended = folder.run(&["run", "job.yaml"]);
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    folder
}

fn run(folder: &Folder) -> Run {
    Run::open(folder.path("out/demo")).unwrap()
}

/// `duologue logs …`, which must succeed and say nothing on stderr.
fn logs(folder: &Folder, arguments: &[&str]) -> String {
    let ended = logs_ended(folder, arguments);
    assert_eq!(
        (ended.code, &*ended.stderr),
        (Some(0), ""),
        "{arguments:?}: {}",
        ended.all()
    );
    ended.stdout
}

fn logs_ended(folder: &Folder, arguments: &[&str]) -> Ended {
    folder.run(&[&["logs"], arguments].concat())
}

/// `text` without what differs from run to run; columns keep their widths.
fn settled(text: &str) -> String {
    let rules = [
        (r"call_[0-9a-f]{8,16}", "call_…"),
        (r"exec_[0-9a-f]{16}", "exec_…"),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "<time>"),
        (r"\d\d-\d\d \d\d:\d\d:\d\d", "<moment>"),
        (r" +\d+ ms", "  … ms"),
        (r"  +", "  "),
    ];
    rules.iter().fold(text.to_owned(), |text, (pattern, to)| {
        let rule = regex::Regex::new(pattern).unwrap();
        rule.replace_all(&text, *to).into_owned()
    })
}
