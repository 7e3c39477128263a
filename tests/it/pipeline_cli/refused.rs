//! Jobs whose pipeline is wrong, and what a person reads then.

use super::{JOB, folder};
use crate::command::Folder;

/// What is replaced in the job, and by what.
type Edit = (&'static str, &'static str);

/// Ways to be wrong, each found before the first request.
const REFUSED: &[(&str, Edit)] = &[
    ("unknown key", ("  output: {", "  outputs: {")),
    ("unknown key of a stage", ("approve_by", "approved_by")),
    ("unknown key of the rework", ("max_cycles", "max_cycle")),
    ("unknown key of the output", ("body: body", "bodies: body")),
    (
        "unknown key of the limits",
        ("{documents: 1", "{document: 1"),
    ),
    ("missing documents", ("  documents: docs.jsonl\n", "")),
    ("documents that are a list", ("docs.jsonl", "[docs.jsonl]")),
    ("documents without a path", ("docs.jsonl", "{text: body}")),
    (
        "documents, unknown key",
        ("docs.jsonl", "{path: docs.jsonl, txt: body}"),
    ),
    (
        "documents of no bytes",
        ("docs.jsonl", "{path: docs.jsonl, max_bytes: 0}"),
    ),
    ("documents that are not there", ("docs.jsonl", "dosc.jsonl")),
    (
        "documents of an unknown kind",
        ("docs.jsonl", "replies.yaml"),
    ),
    (
        "no stages",
        (
            "  stages:\n    - {name: clean, agent: cleaner, then: review}\n    - {name: review, agent: reviewer, approve_by: approved, rework: {target: same, max_cycles: 1}}\n",
            "  stages: []\n",
        ),
    ),
    (
        "stage that is a text",
        ("{name: clean, agent: cleaner, then: review}", "clean"),
    ),
    ("stage without a name", ("name: clean, ", "")),
    ("two stages of one name", ("name: clean,", "name: review,")),
    ("unknown agent", ("agent: cleaner", "agent: claener")),
    ("neither agent nor tool", ("agent: cleaner, ", "")),
    (
        "agent and tool",
        ("agent: cleaner", "agent: cleaner, tool: grep"),
    ),
    (
        "arguments of an agent",
        ("agent: cleaner", "agent: cleaner, arguments: {a: 1}"),
    ),
    (
        "arguments that are a text",
        ("agent: cleaner", "tool: grep, arguments: a"),
    ),
    ("unknown stage in then", ("then: review", "then: reviw")),
    (
        "routes without route_by",
        ("then: review", "routes: {a: review}"),
    ),
    (
        "route_by without routes",
        ("then: review", "route_by: kind"),
    ),
    (
        "unknown stage in routes",
        (
            "then: review",
            "route_by: kind, routes: {a: review, b: revue}",
        ),
    ),
    ("rework without approve_by", ("approve_by: approved, ", "")),
    ("unknown target", ("target: same", "target: clear")),
    ("no cycles", ("max_cycles: 1", "max_cycles: 0")),
    (
        "cycles that are a text",
        ("max_cycles: 1", "max_cycles: some"),
    ),
    ("stage that nothing leads to", (", then: review", "")),
    (
        "circle",
        (
            "approve_by: approved, ",
            "then: clean, approve_by: approved, ",
        ),
    ),
    ("empty body", ("body: body", "body: ''")),
    (
        "no extension",
        ("name: name}", "name: name, extensions: []}"),
    ),
    (
        "output that cannot be written",
        ("dir: files", "dir: docs.jsonl/files"),
    ),
    ("limit of 0", ("{documents: 1", "{documents: 0")),
    ("limit of a model, 0", ("gpt-5: 1", "gpt-5: 0")),
    ("limit of an unknown model", ("gpt-5: 1", "gpt-6: 1")),
    (
        "limit of an unknown agent",
        ("{reviewer: 1}", "{rewiever: 1}"),
    ),
    (
        "concurrency",
        (
            "limits: {documents: 1",
            "concurrency: 4\nlimits: {documents: 1",
        ),
    ),
    (
        "inputs of an agent",
        (
            "prompt_pack: cleaner,",
            "prompt_pack: cleaner, inputs: docs.jsonl,",
        ),
    ),
    (
        "missing pack",
        ("prompt_pack: cleaner", "prompt_pack: claener"),
    ),
];

#[test]
fn what_is_wrong_is_said_before_the_first_request_and_nothing_is_written() {
    let mut said = Vec::new();
    for (name, (from, to)) in REFUSED {
        let folder = folder();
        assert!(JOB.contains(from), "{name}: no `{from}` in the job");
        folder.write("job.yaml", &JOB.replace(from, to));
        said.push(format!("## {name}\n{}\n", refusal(&folder, name)));
    }
    insta::assert_snapshot!("refused", said.concat());
}

/// What the command and `check` say alike.
fn refusal(folder: &Folder, name: &str) -> String {
    let before = folder.names("");
    let ended = folder.run(&["pipeline", "job.yaml"]);
    assert_eq!(ended.code, Some(2), "{name}: {}", ended.all());
    assert_eq!(ended.stdout, "", "{name}");
    assert_eq!(folder.names(""), before, "{name}: something was written");
    let check = folder.run(&["check", "job.yaml"]);
    assert_eq!(
        check.stderr, ended.stderr,
        "{name}: check says another thing"
    );
    ended.stderr
}

#[test]
fn a_variable_that_no_stage_has_is_found_before_the_first_request() {
    for part in ["user", "user_refinement"] {
        let folder = folder();
        let template = format!("prompts/cleaner/{part}.tera");
        folder.write(&template, "{{ document.text }} {{ txt }}");
        let said = refusal(&folder, part);
        assert!(
            said.contains("variable `txt` is not defined"),
            "{part}: {said}"
        );
        assert!(said.contains(&format!("{part}.tera")), "{part}: {said}");
    }
}

#[test]
fn each_command_names_the_other_for_the_other_kind_of_job() {
    let pipeline = folder().run(&["run", "job.yaml"]);
    assert_eq!(pipeline.code, Some(2));
    assert_eq!(
        pipeline.stderr,
        "error: `job.yaml`, key `pipeline`: a pipeline is not run by `run`\n\
         hint: use `duologue pipeline job.yaml`\n"
    );
    let plain = Folder::with_job().run(&["pipeline", "job.yaml"]);
    assert_eq!(plain.code, Some(2));
    assert_eq!(
        plain.stderr,
        "error: `job.yaml`: key `pipeline` is missing\n\
         hint: a job without documents and stages is run by `duologue run`\n"
    );
}

#[test]
fn limits_without_a_pipeline_are_refused() {
    let folder = Folder::with_job();
    let job = format!("{}limits: {{documents: 2}}\n", crate::command::JOB);
    let ended = folder.write("job.yaml", &job).run(&["run", "job.yaml"]);
    assert_eq!(ended.code, Some(2));
    let said = "error: `job.yaml`, key `limits`: goes with `pipeline` alone\n";
    assert!(ended.stderr.starts_with(said), "{}", ended.stderr);
}

#[test]
fn an_agent_that_no_stage_names_is_worth_a_warning() {
    let folder = folder();
    let idle = "\nagents:\n  - {name: idle, prompt_pack: cleaner, model: gpt-5}";
    folder.write("job.yaml", &JOB.replace("\nagents:", idle));
    let ended = folder.run(&["check", "job.yaml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let said = "warning: agent `idle`: no stage of the pipeline names it\n";
    assert!(ended.stderr.starts_with(said), "{}", ended.stderr);
}
