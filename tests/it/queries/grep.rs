//! Finding texts.

use duologue::query::{Filter, Search, SearchIn};
use serde_json::Value;

use super::{logs, logs_ended, mixed, run, settled};
use crate::command::Folder;

#[test]
fn lines_are_found_where_they_are_looked_for() {
    let folder = mixed();
    let count = |pattern: &str, within: SearchIn| {
        let search = Search::new(pattern).unwrap().within(within);
        let found = run(&folder).grep(&search, &Filter::default(), 0).unwrap();
        found.len()
    };
    assert_eq!(count("flood", SearchIn::Prompt), 2);
    assert_eq!(count("flood", SearchIn::Answer), 1);
    assert_eq!(count("bad flood", SearchIn::Error), 1);
    assert_eq!(count("required property", SearchIn::Error), 1);
    assert_eq!(count("(?i)TIDES", SearchIn::Answer), 1);
    assert_eq!(count("TIDES", SearchIn::All), 0);
}

#[test]
fn people_see_the_call_the_field_and_the_line() {
    let folder = mixed();
    let mut said = String::new();
    for arguments in [
        &["grep", "FLOOD", "out", "-i"][..],
        &[
            "grep", "title", "out/demo", "--in", "answer", "--agent", "planner",
        ],
    ] {
        let (command, text) = (arguments.join(" "), logs(&folder, arguments));
        said += "$ duologue logs ";
        said += &[command, text].join(
            "
",
        );
        said += "
";
    }
    insta::assert_snapshot!("grep", settled(&said));
}

#[test]
fn context_is_shown_once_like_ripgrep_does() {
    let folder = Folder::with_job();
    let lines: Vec<String> = (1..=12).map(|line| format!("line {line}")).collect();
    folder.write(
        "prompts/planner/user.tera",
        &(lines.join("\n") + "\n\u{1b}[31mred {{ topic }}"),
    );
    folder.run(&["run", "job.yaml"]);
    let text = logs(&folder, &["grep", "line [357]$|line 12", "out", "-C", "1"]);
    let lines: Vec<&str> = text.lines().skip(1).collect();
    let expected = [
        "-2-line 2",
        ":3:line 3",
        "-4-line 4",
        ":5:line 5",
        "-6-line 6",
        ":7:line 7",
        "-8-line 8",
        "--",
        "-11-line 11",
        ":12:line 12",
        "-13-\u{fffd}[31mred tides",
    ];
    let expected: Vec<String> = expected
        .iter()
        .map(|line| {
            if *line == "--" {
                "--".to_owned()
            } else {
                format!("messages[1] user{line}")
            }
        })
        .collect();
    assert_eq!(lines, expected);
}

#[test]
fn what_is_found_is_told_to_programs_too() {
    let folder = mixed();
    let json = logs(&folder, &["grep", "no (fl)ood", "out", "--json"]);
    let found: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(
        (&found[0]["field"], &found[0]["text"], &found[0]["run_id"]),
        (&"raw_answer".into(), &"no flood".into(), &"demo".into())
    );
    assert_eq!(found[0]["ranges"][0]["end"], 8);
    let nothing = logs_ended(&folder, &["grep", "nowhere", "out"]);
    assert_eq!(
        (nothing.code, &*nothing.all()),
        (Some(1), "exit: Some(1)\n--- stdout\n--- stderr\n")
    );
    let wrong = logs_ended(&folder, &["grep", "(", "out"]);
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.stderr.starts_with("error: `(` is no pattern\n"),
        "{}",
        wrong.stderr
    );
}
