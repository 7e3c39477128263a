//! What the command says of bad runs, and how it exits.

use std::fs;

use crate::command::Folder;

/// A folder with the run `out/demo`, to whose journals `bytes` come as `2-2.jsonl`.
fn with_journal(bytes: &str) -> Folder {
    let folder = Folder::with_job().damaged();
    assert_eq!(folder.run(&["run", "job.yaml"]).code, Some(0));
    folder.write("out/demo/journal/2-2.jsonl", bytes);
    folder
}

const COMMANDS: [(&[&str], i32); 5] = [
    (&["logs", "ls", "out"], 1),
    (&["logs", "ls", "out/demo"], 1),
    (&["logs", "stats", "out/demo"], 1),
    (&["logs", "show", "out/demo", "1"], 0),
    (&["logs", "recover", "out/demo"], 1),
];

#[test]
fn damage_is_named_the_rest_is_shown_and_the_exit_code_says_so() {
    let folder = with_journal("garbage\n");
    for (command, code) in COMMANDS {
        let ended = folder.run(command);
        assert_eq!(ended.code, Some(code), "{command:?}: {}", ended.all());
        for said in ["2-2.jsonl` line 1: ", "not a line of a duologue journal"] {
            assert!(ended.stderr.contains(said), "{command:?}: {}", ended.all());
        }
        assert!(
            ended.stdout.contains("planner")
                || ended.stdout.contains("demo")
                || command[1] == "recover",
            "{command:?}: {}",
            ended.all()
        );
    }
}

#[test]
fn a_newer_journal_is_named_and_recover_leaves_the_run_alone() {
    let text = "{\"event\":\"opened\",\"schema\":\"duologue.journal/2\"";
    let crc = crc32fast::hash(text.as_bytes());
    let folder = with_journal(&format!("{text},\"crc\":\"{crc:08x}\"}}"));
    let said = "2-2.jsonl` line 1: written by a newer version (duologue.journal/2); this one reads up to /1";
    for (command, code) in COMMANDS {
        let ended = folder.run(command);
        let code = if command[1] == "recover" { 2 } else { code };
        assert_eq!(ended.code, Some(code), "{command:?}: {}", ended.all());
        assert!(ended.stderr.contains(said), "{command:?}: {}", ended.all());
    }
}

#[test]
fn what_is_no_run_is_an_error_that_says_what_one_is() {
    let folder = Folder::new();
    folder.write("file", "text");
    fs::create_dir(folder.path("empty")).unwrap();
    for place in ["nowhere", "file", "empty"] {
        for command in [
            &["logs", "stats", place][..],
            &["logs", "show", place, "1"],
            &["logs", "recover", place],
        ] {
            let ended = folder.run(command);
            assert_eq!(ended.code, Some(2), "{command:?}: {}", ended.all());
            assert!(
                ended.stderr.contains("holds no run"),
                "{command:?}: {}",
                ended.all()
            );
        }
    }
}
