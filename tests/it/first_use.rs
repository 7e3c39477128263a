//! What somebody meets who uses the command for the first time, and gets something wrong.

use crate::command::Folder;

const FIVE_ITEMS: &str = "\
{\"topic\": \"tides\"}
{\"topic\": \"comets\"}
{\"topic\": \"rain\"}
{\"topic\": \"wind\"}
{\"topic\": \"snow\"}
";

/// A folder with the run `out/demo`, one call long.
fn recorded() -> Folder {
    let folder = Folder::with_job();
    let ended = folder.run(&["run", "job.yaml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    folder
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
#[cfg(unix)]
fn what_a_cancelled_job_never_began_is_counted_and_not_listed() {
    let folder = Folder::with_job();
    folder.write("items.jsonl", FIVE_ITEMS);
    let run = folder.start_call_that_hangs(&["run", "job.yaml", "--set", "concurrency=1"]);
    let ended = run.signal("INT");
    assert_eq!(ended.code, Some(130), "{}", ended.all());
    assert_eq!(count(&ended.stderr, ": cancelled ("), 1, "{}", ended.all());
    assert!(
        ended.stderr.contains("0 succeeded, 0 failed, 5 cancelled"),
        "{}",
        ended.all()
    );
}

#[test]
fn one_advice_is_given_once_and_no_call_has_no_tokens() {
    let folder = Folder::with_job();
    folder.write("items.jsonl", FIVE_ITEMS);
    let ended = folder.run(&["run", "job.yaml", "--set", "budget.tokens=5"]);
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    assert!(
        ended.stderr.starts_with("5 executions\n"),
        "{}",
        ended.all()
    );
    assert_eq!(count(&ended.stderr, ": failed ("), 5, "{}", ended.all());
    assert_eq!(count(&ended.stderr, "  hint: "), 1, "{}", ended.all());
    assert_eq!(count(&ended.stderr, "unknown tokens"), 0, "{}", ended.all());
    assert!(
        ended.stderr.contains("; no call was made\n"),
        "{}",
        ended.all()
    );
}

#[test]
fn a_misspelt_offline_guard_is_refused_whatever_the_provider() {
    let folder = recorded();
    let commands: [&[&str]; 3] = [
        &["check", "job.yaml"],
        &["run", "job.yaml"],
        &["logs", "replay", "out/demo", "job.yaml"],
    ];
    for arguments in commands {
        let ended = folder.run_with(arguments, &[("DUOLOGUE_OFFLINE", "ture")]);
        assert_eq!(ended.code, Some(2), "{}", ended.all());
        assert!(
            ended.stderr.contains("`DUOLOGUE_OFFLINE` is `ture`"),
            "{}",
            ended.all()
        );
    }
}

#[test]
fn replaying_what_is_no_run_is_not_blamed_on_the_job() {
    let folder = recorded();
    for (place, said) in [
        ("nowhere", "error: `nowhere` holds no run\n"),
        ("job.yaml", "error: `job.yaml` holds no run\n"),
        ("out", "error: `out` holds runs, and is none itself\n"),
    ] {
        let ended = folder.run(&["logs", "replay", place, "job.yaml"]);
        assert_eq!(ended.code, Some(2), "{}", ended.all());
        assert!(ended.stderr.starts_with(said), "{}", ended.all());
    }
}

#[test]
fn modes_are_understood_in_the_form_of_other_options() {
    let folder = recorded();
    for mode in ["fall-through", "fall_through", "first-unused"] {
        let ended = folder.run(&[
            "logs", "replay", "out/demo", "job.yaml", "-q", "--mode", mode,
        ]);
        assert!(ended.stdout.contains("Tides"), "{}", ended.all());
    }
}

#[test]
#[cfg(unix)]
fn a_run_that_cannot_be_opened_hides_no_other() {
    let folder = recorded();
    std::fs::create_dir_all(folder.path("out/bad/journal")).unwrap();
    let journal = folder.path("out/bad/journal/1.jsonl");
    std::os::unix::fs::symlink(&journal, &journal).unwrap();
    let commands: [(&[&str], &str); 4] = [
        (&["logs", "ls", "out"], "demo"),
        (&["logs", "stats", "out"], "run demo: succeeded"),
        (&["logs", "export", "out", "--format", "jsonl"], "\"demo\""),
        (&["logs", "grep", "Tides", "out"], "demo #1"),
    ];
    for (arguments, found) in commands {
        let ended = folder.run(arguments);
        assert!(ended.stdout.contains(found), "{}", ended.all());
        assert!(ended.stderr.contains("out/bad"), "{}", ended.all());
    }
    let code = folder
        .run(&["logs", "export", "out", "--format", "csv"])
        .code;
    assert_eq!(code, Some(1));
    assert_eq!(folder.run(&["logs", "stats", "out/bad"]).code, Some(2));
}

#[test]
fn a_filter_that_nothing_passes_says_so() {
    let folder = recorded();
    for command in ["ls", "stats"] {
        let ended = folder.run(&["logs", command, "out/demo", "--agent", "nobody"]);
        assert_eq!(
            (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
            (Some(0), "", "no calls pass the filter\n")
        );
    }
}

#[test]
fn a_run_without_calls_has_not_succeeded() {
    let folder = recorded();
    std::fs::create_dir_all(folder.path("out/nothing/journal")).unwrap();
    let listed = folder.run(&["logs", "ls", "out"]);
    let line = listed
        .stdout
        .lines()
        .find(|line| line.starts_with("nothing"));
    assert!(
        line.is_some_and(|line| line.contains("no calls")),
        "{}",
        listed.all()
    );
    let stats = folder.run(&["logs", "stats", "out/nothing"]);
    assert_eq!(
        (stats.stdout.as_str(), stats.stderr.as_str()),
        ("", "no calls\n")
    );
}

#[test]
fn a_page_or_an_export_that_lacks_calls_is_not_a_success() {
    let folder = recorded().damaged();
    folder.write("out/demo/journal/zzz.jsonl", "not a journal\n");
    let commands: [&[&str]; 2] = [
        &["logs", "report", "out/demo"],
        &["logs", "export", "out/demo", "--format", "csv"],
    ];
    for arguments in commands {
        let ended = folder.run(arguments);
        assert_eq!(ended.code, Some(1), "{}", ended.all());
        assert!(!ended.stdout.is_empty(), "{}", ended.all());
    }
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_no_other() {
    let folder = recorded();
    let commands: [&[&str]; 2] = [
        &["logs", "report", "out/demo", "-o", "nowhere/page"],
        &[
            "logs",
            "export",
            "out",
            "--format",
            "csv",
            "-o",
            "nowhere/page",
        ],
    ];
    for arguments in commands {
        let ended = folder.run(arguments);
        assert_eq!(ended.code, Some(2), "{}", ended.all());
        assert!(ended.stderr.contains("`nowhere/page`"), "{}", ended.all());
        assert!(ended.stderr.contains("hint"), "{}", ended.all());
        assert!(!ended.stderr.contains("tmp"), "{}", ended.all());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_directory_whose_name_is_not_utf_8_is_listed_as_json() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = recorded();
    let renamed = folder.path("out").join(OsStr::from_bytes(b"d\xffmo"));
    std::fs::rename(folder.path("out/demo"), renamed).unwrap();
    let listed = folder.run(&["logs", "ls", "out", "--json"]);
    assert_eq!(listed.code, Some(0), "{}", listed.all());
    assert_eq!(listed.json()[0]["calls"], 1);
}
