//! Damage of every kind is found, and a whole run has none.

use std::fs;
use std::path::PathBuf;

use duologue::call_log::{LlmLogging, LogFormat, Views};
use duologue::query::Verification;

use super::{logs, logs_ended, mixed};
use crate::command::Folder;
use crate::log_support::{open, run as run_agent, willing};

/// What is wrong with the run, as `defect message`.
fn findings(folder: &Folder) -> Vec<String> {
    let verification = Verification::of(&folder.path("out/demo")).unwrap();
    let findings = verification.findings.iter();
    findings
        .map(|finding| format!("{} {}", finding.defect, finding.message))
        .collect()
}

fn journal(folder: &Folder) -> PathBuf {
    let name = folder.names("out/demo/journal").remove(0);
    folder.path(&format!("out/demo/journal/{name}"))
}

/// The lines of the journal after a change, each with its right checksum again.
fn rewrite(folder: &Folder, change: impl Fn(&str) -> Vec<String>) {
    let text = fs::read_to_string(journal(folder)).unwrap();
    let mut changed = String::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        for line in change(line) {
            let body = &line[..line.len() - ",\"crc\":\"00000000\"}".len()];
            let crc = crc32fast::hash(body.as_bytes());
            changed += &["\n", body, ",\"crc\":\"", &format!("{crc:08x}"), "\"}"].concat();
        }
    }
    fs::write(journal(folder), changed).unwrap();
}

#[test]
fn a_whole_run_has_nothing_wrong() {
    let folder = mixed();
    let text = logs(&folder, &["verify", "out/demo"]);
    assert_eq!(
        text,
        "run demo: 22 good lines in 1 journal and 7 good call files, nothing wrong\n"
    );
}

#[test]
fn every_format_and_choice_of_views_is_clean() {
    let folder = Folder::new();
    for (name, format, views) in [
        ("a", LogFormat::Json, Views::All),
        ("b", LogFormat::Yaml, Views::Failed),
        ("c", LogFormat::Yaml, Views::None),
    ] {
        let settings = LlmLogging {
            format,
            views,
            ..LlmLogging::default()
        };
        let runner = willing(open(&folder.path("out"), name, settings));
        run_agent(&runner, "planner", 1);
        drop(runner);
        let verification = Verification::of(&folder.path("out").join(name)).unwrap();
        assert!(
            verification.is_clean(),
            "{name}: {:?}",
            verification.findings
        );
    }
}

#[test]
fn a_run_that_two_processes_continued_is_clean() {
    let folder = mixed();
    folder.run(&["run", "job.yaml"]);
    assert_eq!(findings(&folder), Vec::<String>::new());
}

#[test]
fn a_flipped_bit_and_a_torn_end_are_found() {
    let folder = mixed().damaged();
    let mut bytes = fs::read(journal(&folder)).unwrap();
    let lines: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').collect();
    bytes[lines[2] + 60] ^= 4;
    bytes.truncate(bytes.len() - 3);
    fs::write(journal(&folder), &bytes).unwrap();
    let verification = Verification::of(&folder.path("out/demo")).unwrap();
    let bad = verification
        .findings
        .iter()
        .filter(|finding| finding.defect.as_str() == "unreadable_line");
    let bad: Vec<_> = bad
        .map(|finding| (finding.line.unwrap(), &*finding.message))
        .collect();
    assert_eq!(
        bad,
        [
            (4, "the checksum does not match"),
            (23, "the line is cut off")
        ]
    );
}

#[test]
fn newer_and_foreign_files_are_named() {
    let folder = mixed().damaged();
    rewrite(&folder, |line| {
        vec![line.replacen(
            "duologue.call/1",
            "duologue.call/2",
            usize::from(line.contains("\"finished\"")),
        )]
    });
    folder.write("out/demo/journal/1-2.jsonl", "hello\n");
    let found = findings(&folder);
    assert_eq!(
        found
            .iter()
            .filter(|finding| finding
                .contains("written by a newer version (duologue.call/2); this one reads up to /1"))
            .count(),
        7,
        "{found:#?}"
    );
    assert!(found.contains(&"unreadable_line not a line of a duologue journal".to_owned()));
    let listed = logs_ended(&folder, &["ls", "out/demo"]);
    assert_eq!(listed.stdout.lines().count(), 8, "{}", listed.all());
}

#[test]
fn events_that_do_not_belong_together_are_found() {
    type Change<'a> = &'a dyn Fn(&str) -> Vec<String>;
    let cases: [(&str, Change<'_>, &str); 4] = [
        (
            "without an end",
            &|line| {
                keep(
                    line,
                    !(line.contains("\"finished\"") && line.contains("\"sequence\":2,")),
                )
            },
            "never_finished",
        ),
        (
            "without a start",
            &|line| {
                keep(
                    line,
                    !(line.contains("\"started\"") && line.contains("\"sequence\":2,")),
                )
            },
            "never_started a call ends that never began",
        ),
        (
            "twice",
            &|line| vec![line.to_owned(); if line.contains("\"started\"") { 2 } else { 1 }],
            "duplicate_id a call begins twice",
        ),
        (
            "a gap",
            &|line| {
                keep(
                    line,
                    !line.contains("\"sequence\":2,") && !line.contains("\"sequence\":3,"),
                )
            },
            "sequence_gap call numbers 2 to 3 are missing",
        ),
    ];
    for (name, change, expected) in cases {
        let folder = mixed();
        rewrite(&folder, change);
        let found = findings(&folder);
        assert!(
            found.iter().any(|finding| finding.starts_with(expected)),
            "{name}: {found:#?}"
        );
    }
}

fn keep(line: &str, keep: bool) -> Vec<String> {
    keep.then(|| line.to_owned()).into_iter().collect()
}

#[test]
fn a_record_that_does_not_fit_its_schema_is_found() {
    let folder = mixed().damaged();
    let warm = "\"temperature\":\"warm\"";
    rewrite(&folder, |line| {
        vec![line.replacen(
            "\"temperature\":0.7",
            warm,
            usize::from(line.contains("\"sequence\":2,")),
        )]
    });
    let found = findings(&folder);
    let misfit = "schema `/parameters/temperature` does not fit ";
    let misfits = found.iter().filter(|finding| finding.starts_with(misfit));
    assert_eq!(misfits.count(), 2, "{found:#?}");
    assert!(!found.concat().contains("warm"));
}

#[test]
fn call_files_are_held_against_the_journal() {
    let folder = mixed().damaged();
    let name = |number: usize| {
        let names = folder.names("out/demo/llm_calls");
        let prefix = format!("call_{number:03}_");
        names
            .into_iter()
            .find(|name| name.starts_with(&prefix))
            .unwrap()
    };
    let path = |name: &str| format!("out/demo/llm_calls/{name}");
    let changed = folder.read(&path(&name(1))).replace("Tides", "Tydes");
    folder.write(&path(&name(1)), &changed);
    folder.write(&path("call_099_planner.yaml"), "schema: duologue.call/1\n");
    fs::remove_file(folder.path(&path(&name(2)))).unwrap();
    let mut found = findings(&folder);
    found.sort();
    assert_eq!(
        found,
        [
            "changed_call_file the call file differs from the journal in `answer`, `raw_answer`",
            "missing_call_file the call file is not there; `duologue logs recover` writes it",
            "surplus_call_file no journal speaks of this call file",
        ]
    );
}

#[test]
fn a_summary_with_other_totals_is_found() {
    let folder = mixed();
    let name = "out/demo/llm_calls/summary.yaml";
    let summary = folder.read(name).replace("\nrepairs: 1", "\nrepairs: 2");
    folder.write(name, &summary);
    assert_eq!(
        findings(&folder),
        ["summary the summary differs from the calls in `repairs`"]
    );
    fs::remove_file(folder.path(name)).unwrap();
    let ended = logs_ended(&folder, &["verify", "out/demo", "--json"]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.json()["findings"][0]["defect"], "summary");
}

#[cfg(unix)]
#[test]
fn what_a_killed_process_left_is_found_until_it_is_recovered() {
    let folder = Folder::with_job();
    let hanging = folder.start_call_that_hangs(&["run", "job.yaml"]);
    let during = logs(&folder, &["verify", "out/demo"]);
    assert!(
        during.ends_with("the run goes on, so its call files and summary were not looked at\n"),
        "{during}"
    );
    hanging.signal("KILL");
    let found = findings(&folder);
    assert!(found[0].starts_with("never_finished "), "{found:?}");
    assert_eq!(logs_ended(&folder, &["verify", "out/demo"]).code, Some(1));
    folder.run(&["logs", "recover", "out/demo"]);
    assert_eq!(findings(&folder), Vec::<String>::new());
}
