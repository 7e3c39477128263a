//! What the command prints, what it writes, and how it exits.

use std::path::Path;

use serde_json::{Value, json};

use crate::command::{Folder, JOB, names_in, run_in};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `text` without what differs from run to run.
fn settled(text: &str) -> String {
    let rules = [
        (r"\d+ ms", "… ms"),
        (r"call_[0-9a-f]{8,16}", "call_…"),
        (r"\d\d-\d\d \d\d:\d\d:\d\d", "<moment>"),
        (r"exec_[0-9a-f]{16}", "exec_…"),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "<time>"),
        (r#"("?(?:duration|first_byte)_ms"?: )\d+"#, "${1}0"),
        (r"(?m)^(\d+  .*(?:succeeded|invalid) +)\d+", "${1}0"),
        (r"(\S)   +", "${1}  "),
    ];
    rules.iter().fold(text.to_owned(), |text, (pattern, to)| {
        let rule = regex::Regex::new(pattern).unwrap();
        rule.replace_all(&text, *to).into_owned()
    })
}

/// The one record whose file has this name.
fn record(folder: &Folder, name: &str) -> Value {
    serde_yaml::from_str(&folder.read(&format!("out/demo/llm_calls/{name}"))).unwrap()
}

#[test]
fn the_quickstart_runs_end_to_end() {
    let folder = Folder::new();
    let out = folder.path("out").display().to_string();
    let job = "examples/jobs/quickstart.yaml";
    let ended = run_in(root(), &["run", job, "--output-dir", &out, "--run-id", "q"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert_eq!(ended.stdout.lines().count(), 3);
    assert_eq!(
        settled(&ended.stderr).lines().last().unwrap(),
        format!("records: {out}/q")
    );
    assert_eq!(
        names_in(&folder.path("out/q/llm_calls")),
        [
            "call_001_planner.yaml",
            "call_002_judge.yaml",
            "call_003_judge.yaml",
            "call_004_judge.yaml",
            "summary.yaml"
        ]
    );
    let repair: Value =
        serde_yaml::from_str(&folder.read("out/q/llm_calls/call_004_judge.yaml")).unwrap();
    assert_eq!(
        (&repair["attempt"], &repair["status"]),
        (&json!(2), &json!("succeeded"))
    );
}

#[test]
fn every_job_of_the_examples_passes_the_check() {
    for name in names_in(&root().join("examples/jobs")) {
        if Path::new(&name)
            .extension()
            .is_some_and(|ending| ending == "yaml")
        {
            let ended = run_in(root(), &["check", &format!("examples/jobs/{name}")]);
            assert_eq!(ended.code, Some(0), "{}", ended.all());
        }
    }
}

#[test]
fn json_is_one_document_of_this_shape() {
    let ended = Folder::with_job().run(&["run", "job.yaml", "--json"]);
    insta::assert_snapshot!("json_document", settled(&ended.stdout));
}

#[test]
fn json_tells_a_failure_in_the_same_shape() {
    let folder = Folder::with_job();
    folder.write("replies.yaml", "replies: [{refusal: 'no'}]");
    let report = folder.run(&["run", "job.yaml", "--json"]).json();
    let result = &report["results"][0];
    assert_eq!(
        (&report["status"], &result["status"]),
        (&json!("failed"), &json!("failed"))
    );
    assert_eq!(result["error"]["kind"], "refused");
    assert_eq!(result["error"]["retryable"], false);
    assert!(result.get("data").is_none());
    assert_eq!(result["calls"].as_array().unwrap().len(), 1);
}

#[test]
fn progress_is_plain_lines_where_there_is_no_terminal() {
    let ended = Folder::with_job().run(&["run", "job.yaml"]);
    insta::assert_snapshot!("progress", settled(&ended.all()));
}

#[test]
fn quiet_leaves_stderr_empty() {
    let ended = Folder::with_job().run(&["run", "job.yaml", "--quiet"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.stdout.contains("Tides"));
}

#[test]
fn partial_success_exits_1() {
    let folder = Folder::with_job();
    folder.write("items.jsonl", "{\"topic\": \"a\"}\n{\"topic\": \"b\"}\n");
    folder.write(
        "replies.yaml",
        "replies: [{json: {title: A}, when: a.}, {refusal: 'no'}]",
    );
    let ended = folder.run(&["run", "job.yaml", "--json"]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.json()["status"], "partial");
}

#[test]
fn wrong_arguments_exit_2() {
    let folder = Folder::with_job();
    for arguments in [
        &["run"][..],
        &["run", "job.yaml", "--limit", "few"],
        &["walk"],
        &[],
    ] {
        let ended = folder.run(arguments);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn set_changes_values_of_the_job() {
    let folder = Folder::with_job();
    let changes = [
        "--set",
        "agents.0.model=gpt-5",
        "--set",
        "agents.0.temperature=0",
        "--set",
        "agent.llm_logging.format=json",
    ];
    let ended = folder.run(&[&["run", "job.yaml"][..], &changes].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let record: Value =
        serde_json::from_str(&folder.read("out/demo/llm_calls/call_001_planner.json")).unwrap();
    assert_eq!(
        (&record["model"], &record["parameters"]["temperature"]),
        (&json!("gpt-5"), &json!(0.0))
    );
}

#[test]
fn limit_stops_after_so_many_runs_and_does_not_miss_the_other_replies() {
    let folder = Folder::with_job();
    folder.write(
        "items.jsonl",
        "{\"topic\": \"a\"}\n{\"topic\": \"b\"}\n{\"topic\": \"c\"}\n",
    );
    folder.write("replies.yaml", "replies: [{json: {title: A}, repeat: 3}]");
    let ended = folder.run(&["run", "job.yaml", "--limit", "2", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert_eq!(ended.json()["results"].as_array().unwrap().len(), 2);
}

#[test]
fn a_run_id_that_exists_is_continued() {
    let folder = Folder::with_job();
    for _ in 0..2 {
        assert_eq!(
            folder.run(&["run", "job.yaml", "--run-id", "again"]).code,
            Some(0)
        );
    }
    let first = folder.read("out/again/llm_calls/call_001_planner.yaml");
    let second = folder.read("out/again/llm_calls/call_002_planner.yaml");
    assert_ne!(first, second);
    assert_eq!(folder.names("out/again/journal").len(), 2);
    let summary: Value =
        serde_yaml::from_str(&folder.read("out/again/llm_calls/summary.yaml")).unwrap();
    assert_eq!(summary["calls"], 2);
}

#[test]
fn output_dir_replaces_that_of_the_job() {
    let folder = Folder::with_job();
    folder.run(&["run", "job.yaml", "--output-dir", "elsewhere"]);
    assert_eq!(folder.names("elsewhere"), ["demo"]);
    assert!(!folder.path("out").exists());
}

#[test]
fn printed_paths_have_no_detours() {
    let folder = Folder::with_job();
    let job = JOB
        .replace("output_dir: out", "output_dir: ../../out")
        .replace("prompts: prompts", "prompts: ../../prompts")
        .replace("replies.yaml", "../../replies.yaml")
        .replace("schema.json", "../../schema.json")
        .replace("items.jsonl", "../../items.jsonl");
    folder.write("jobs/deep/job.yaml", &job);
    let below = folder.run(&["run", "jobs/deep/job.yaml"]);
    assert_eq!(below.stderr.lines().last(), Some("records: out/demo"));
    let absolute = folder.path("jobs/deep/job.yaml").display().to_string();
    let absolute = folder.run(&["run", &absolute, "--json"]);
    assert_eq!(absolute.json()["log_dir"], "out/demo");
}

#[test]
fn logging_that_is_off_writes_nothing_and_says_so() {
    let folder = Folder::with_job();
    let off = [("DUOLOGUE_DISABLE_LLM_LOGGING", "1")];
    let ended = folder.run_with(&["run", "job.yaml"], &off);
    assert!(
        ended.stderr.ends_with("records: none (logging is off)\n"),
        "{}",
        ended.stderr
    );
    assert!(!folder.path("out").exists());
}

#[test]
fn check_sends_nothing_and_warns_of_what_is_probably_not_meant() {
    let folder = Folder::with_job();
    folder.write("items.jsonl", "{\"topic\": \"tides\", \"tone\": \"dry\"}\n");
    let ended = folder.run(&["check", "job.yaml"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
    assert_eq!(
        ended.stderr,
        "warning: agent `planner`: variable `tone` is given and not used by pack `planner`\n\
         `job.yaml` is fine: 1 agent, 1 execution\n"
    );
    assert!(!folder.path("out").exists());
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_calls_and_leaves_whole_records() {
    for signal in ["INT", "TERM"] {
        let folder = Folder::with_job();
        let ended = folder
            .start_call_that_hangs(&["run", "job.yaml", "--json"])
            .signal(signal);
        assert_eq!(ended.code, Some(130), "{signal}: {}", ended.all());
        let report = ended.json();
        assert_eq!(
            (&report["status"], &report["results"][0]["status"]),
            (&json!("cancelled"), &json!("cancelled"))
        );
        let record = record(&folder, "call_001_planner.yaml");
        assert_eq!(
            (&record["status"], &record["error"]["kind"]),
            (&json!("cancelled"), &json!("cancelled"))
        );
        let summary: Value =
            serde_yaml::from_str(&folder.read("out/demo/llm_calls/summary.yaml")).unwrap();
        assert_eq!(
            summary["calls_by_status"],
            json!({"cancelled": 1}),
            "{signal}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_quiet_run_is_cancelled_in_silence() {
    let folder = Folder::with_job();
    let ended = folder
        .start_call_that_hangs(&["run", "job.yaml", "--quiet"])
        .signal("INT");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(130), ""));
}

#[cfg(unix)]
#[test]
fn recover_shows_the_call_that_a_killed_process_left() {
    let folder = Folder::with_job();
    folder
        .start_call_that_hangs(&["run", "job.yaml"])
        .signal("KILL");
    assert!(folder.names("out/demo/llm_calls").is_empty());

    let recovered = folder.run(&["logs", "recover", "out/demo"]);
    assert_eq!(recovered.code, Some(0));
    assert_eq!(
        recovered.stderr,
        "1 interrupted call, 1 call file written, 0 unreadable lines\n"
    );
    assert_eq!(
        record(&folder, "call_001_planner.yaml")["status"],
        "interrupted"
    );
    let again = folder
        .run(&["logs", "recover", "out/demo", "--json"])
        .json();
    assert_eq!(
        again,
        json!({"interrupted": 0, "rendered": 0, "unreadable": 0})
    );
}

#[test]
fn logs_are_listed_shown_and_counted() {
    let folder = Folder::with_job();
    folder.write("replies.yaml", "replies: [{json: {titel: x}, usage: {input_tokens: 10, output_tokens: 5}}, {json: {title: Tides}}]");
    assert_eq!(folder.run(&["run", "job.yaml"]).code, Some(0));
    let mut said = Vec::new();
    for arguments in [
        &["logs", "ls", "out"][..],
        &["logs", "ls", "out/demo"],
        &["logs", "show", "out/demo", "1"],
        &["logs", "stats", "out/demo"],
    ] {
        let ended = folder.run(arguments);
        assert_eq!(
            (ended.code, ended.stderr.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
        let command = arguments.join(" ");
        said.push(format!(
            "$ duologue {command}\n{}\n",
            settled(&ended.stdout)
        ));
    }
    insta::assert_snapshot!("logs", said.concat());
}

#[test]
fn logs_speak_json() {
    let folder = Folder::with_job();
    folder.run(&["run", "job.yaml"]);
    let json = |arguments: &[&str]| {
        folder
            .run(&[&["logs"], arguments, &["--json"]].concat())
            .json()
    };
    assert_eq!(json(&["ls", "out"])[0]["run_id"], "demo");
    assert_ne!(json(&["ls", "out"])[0]["updated_at"], "");
    let calls = json(&["ls", "out/demo"]);
    assert_eq!(calls[0]["schema"], "duologue.call/1");
    let id = calls[0]["call_id"].as_str().unwrap();
    assert_eq!(json(&["show", "out/demo", &id[..9]]), calls[0]);
    assert_eq!(json(&["stats", "out/demo"])["calls"], 1);
}

#[test]
fn logs_name_the_run_or_call_that_is_not_there() {
    let folder = Folder::with_job();
    folder.run(&["run", "job.yaml"]);
    let nowhere = folder.run(&["logs", "stats", "nowhere"]);
    assert_eq!(nowhere.code, Some(2));
    assert!(
        nowhere
            .stderr
            .starts_with("error: `nowhere` holds no run\n"),
        "{}",
        nowhere.stderr
    );
    let no_call = folder.run(&["logs", "show", "out/demo", "7"]);
    assert_eq!(
        (no_call.code, no_call.stderr.as_str()),
        (
            Some(2),
            "error: no call `7` in `out/demo`, which has 1 call\nhint: `duologue logs ls out/demo` lists them\n"
        )
    );
}

#[test]
fn logs_refuse_an_ambiguous_id_and_a_directory_of_runs() {
    let folder = Folder::with_job();
    folder.run(&["run", "job.yaml"]);
    folder.run(&["run", "job.yaml"]);
    let ambiguous = folder.run(&["logs", "show", "out/demo", "call_"]);
    assert_eq!(
        (ambiguous.code, ambiguous.stderr.as_str()),
        (
            Some(2),
            "error: 2 calls begin with `call_` in `out/demo`, which has 2 calls\nhint: `duologue logs ls out/demo` lists them\n"
        )
    );
    let above = folder.run(&["logs", "show", "out", "1"]);
    assert_eq!(
        (above.code, above.stderr.as_str()),
        (
            Some(2),
            "error: `out` holds runs, and is none itself\nhint: `duologue logs ls out` lists them\n"
        )
    );
    std::fs::create_dir(folder.path("empty")).unwrap();
    let none = folder.run(&["logs", "ls", "empty"]);
    assert_eq!(
        (none.code, none.stdout.as_str(), none.stderr.as_str()),
        (Some(0), "", "no runs in `empty`\n")
    );
}

#[test]
fn a_run_that_cannot_be_read_hides_no_other_run() {
    let folder = Folder::with_job();
    folder.run(&["run", "job.yaml"]);
    std::fs::create_dir_all(folder.path("out/bad/journal/1-2.jsonl")).unwrap();
    let listed = folder.run(&["logs", "ls", "out"]);
    assert_eq!(listed.code, Some(1), "{}", listed.all());
    assert!(
        listed.stdout.contains("demo  succeeded"),
        "{}",
        listed.all()
    );
    assert!(
        listed
            .stderr
            .starts_with("error: cannot read `out/bad/journal/1-2.jsonl`\n"),
        "{}",
        listed.all()
    );
}

#[test]
fn a_run_with_a_call_under_way_is_listed_as_running() {
    let folder = Folder::with_job();
    let hanging = folder.start_call_that_hangs(&["run", "job.yaml"]);
    let during = folder.run(&["logs", "ls", "out"]);
    hanging.signal("KILL");
    let after = folder.run(&["logs", "ls", "out"]);
    assert!(during.stdout.contains("demo  running"), "{}", during.all());
    assert!(after.stdout.contains("demo  failed"), "{}", after.all());
}

#[test]
fn schemas_are_printed_for_every_format() {
    let folder = Folder::new();
    for (format, title) in [
        ("job", "JobFile"),
        ("record", "duologue.call/1"),
        ("summary", "duologue.summary/1"),
        ("journal-event", "duologue.journal/1"),
        ("profile", "duologue.profile/1"),
    ] {
        let schema = folder.run(&["schema", format]).json();
        assert_eq!(schema["title"], title);
        assert!(jsonschema::validator_for(&schema).is_ok(), "{format}");
        let published = root().join(format!("schemas/{format}.schema.json"));
        let printed = folder.run(&["schema", format]).stdout;
        assert!(
            printed == std::fs::read_to_string(published).unwrap(),
            "`schema {format}` prints another one"
        );
    }
}

#[test]
fn completions_know_every_subcommand() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = folder.run(&["completions", shell]).stdout;
        for word in ["run", "check", "logs", "schema", "--output-dir"] {
            assert!(
                script.contains(word.trim_start_matches('-')),
                "{shell} lacks `{word}`"
            );
        }
    }
}

#[test]
fn help_names_every_option_of_run() {
    let help = Folder::new().run(&["run", "--help"]);
    insta::assert_snapshot!("run_help", help.stdout);
}

#[test]
fn the_three_lines_of_the_readme_make_the_quickstart_real() {
    let diff = &crate::tree::readme_blocks("diff")[0];
    let mut job = std::fs::read_to_string(root().join("examples/jobs/quickstart.yaml")).unwrap();
    let (mut taken, mut given) = (String::new(), 0);
    for line in diff.lines() {
        if let Some(old) = line.strip_prefix('-') {
            assert!(
                job.contains(&format!("{old}\n")),
                "the job has no line `{old}`"
            );
            taken = old.to_owned();
        } else if let Some(new) = line.strip_prefix('+') {
            job = job.replacen(&format!("{taken}\n"), &format!("{new}\n"), 1);
            given += 1;
        }
    }
    assert_eq!(given, 3);
    let here = root().display();
    let job = job
        .replace("../../prompts", &format!("{here}/prompts"))
        .replace("schemas/", &format!("{here}/examples/jobs/schemas/"))
        .replace("data/", &format!("{here}/examples/jobs/data/"))
        .replace("../../artifacts", "artifacts");
    let folder = Folder::new();
    folder.write("real.yaml", &job);
    let without = folder.run(&["check", "real.yaml"]);
    assert!(
        without.stderr.contains("`OPENAI_API_KEY` is not set"),
        "{}",
        without.all()
    );
    let key = [("OPENAI_API_KEY", "a-key-for-this-test")];
    let with = folder.run_with(&["check", "real.yaml"], &key);
    assert_eq!(with.code, Some(0), "{}", with.all());
}
