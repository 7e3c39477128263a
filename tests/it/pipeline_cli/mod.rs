//! What the modules about `duologue pipeline` share: a job of two stages over three documents.

mod again;
mod ends;
mod example;
mod output;
mod refused;
mod resumed;

use crate::command::Folder;

/// A folder whose job cleans and reviews the documents `a`, `b` and `c`, one after the other.
pub(crate) fn folder() -> Folder {
    let folder = Folder::new();
    let pack = "{{ document.id }}: {{ document.text }}";
    folder
        .write("job.yaml", JOB)
        .write("docs.jsonl", DOCUMENTS)
        .write("replies.yaml", &replies("abc"))
        .write("prompts/cleaner/system.tera", "You clean up.")
        .write("prompts/reviewer/system.tera", "You review.")
        .write("prompts/cleaner/user.tera", pack)
        .write(
            "prompts/cleaner/user_refinement.tera",
            &format!("{pack}, not {{{{ text }}}}: {{{{ feedback.issue }}}}"),
        )
        .write(
            "prompts/reviewer/user.tera",
            &format!("{pack} is {{{{ text }}}}"),
        );
    folder
}

pub(crate) const JOB: &str = "\
run_id: demo
output_dir: out
prompts: prompts
provider: {kind: scripted, replies: replies.yaml}
agents:
  - {name: cleaner, prompt_pack: cleaner, model: gpt-5-mini}
  - {name: reviewer, prompt_pack: reviewer, model: gpt-5}
pipeline:
  documents: docs.jsonl
  stages:
    - {name: clean, agent: cleaner, then: review}
    - {name: review, agent: reviewer, approve_by: approved, rework: {target: same, max_cycles: 1}}
  output: {dir: files, body: body, name: name}
limits: {documents: 1, models: {gpt-5: 1}, agents: {reviewer: 1}}
";

const DOCUMENTS: &str = r#"{"id": "a", "url": "https://tides.example/a", "text": "ebb"}
{"id": "b", "text": "flood"}
{"id": "c", "text": "slack water"}
"#;

/// A draft and an approval for each of these documents.
pub(crate) fn replies(documents: &str) -> String {
    let of_each = documents.chars().map(|id| {
        format!(
            "  - {{agent: cleaner, when: '{id}: ', json: {{body: 'all of {id}', name: 'file-{id}'}}, usage: {{input_tokens: 10, output_tokens: 5}}}}
  - {{agent: reviewer, when: '{id}: ', json: {{approved: true}}, usage: {{input_tokens: 20, output_tokens: 1}}}}
"
        )
    });
    format!("replies:\n{}", of_each.collect::<String>())
}

/// The replies of [`replies`] for `a` and `c`; `b` is sent back once, and still is not approved.
pub(crate) fn replies_with_a_failure() -> String {
    let rejected = "  - {agent: cleaner, when: 'b: ', json: {body: 'most of b', name: b}, repeat: 2}
  - {agent: reviewer, when: 'b: ', json: {approved: false, issue: 'half of it is missing'}, repeat: 2}
";
    format!("{}{rejected}", replies("ac"))
}

/// `text` without what differs from run to run.
pub(crate) fn settled(text: &str) -> String {
    let rules = [
        (r"\d+ ms", "… ms"),
        (r#"("duration_ms": )\d+"#, "${1}0"),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "<time>"),
        (r#""/[^"]*/(out|files)"#, "\"<folder>/$1"),
    ];
    rules.iter().fold(text.to_owned(), |text, (pattern, to)| {
        let rule = regex::Regex::new(pattern).unwrap();
        rule.replace_all(&text, *to).into_owned()
    })
}
