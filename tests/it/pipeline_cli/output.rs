//! What the command prints.

use super::{folder, replies_with_a_failure, settled};
use crate::command::Folder;

#[test]
fn without_a_terminal_each_document_is_a_line() {
    let ended = folder().run(&["pipeline", "job.yaml"]);
    insta::assert_snapshot!("succeeded", settled(&ended.all()));
}

#[test]
fn failures_are_listed_at_the_end_with_the_command_that_tries_them_again() {
    let folder = folder();
    folder.write("replies.yaml", &replies_with_a_failure());
    let ended = folder.run(&["pipeline", "job.yaml"]);
    insta::assert_snapshot!("failed", settled(&ended.all()));
}

#[test]
fn json_is_one_document_of_this_shape() {
    let ended = folder().run(&["pipeline", "job.yaml", "--json", "--quiet"]);
    assert_eq!(ended.stderr, "");
    insta::assert_snapshot!("json", settled(&ended.stdout));
}

#[test]
fn quiet_leaves_files_alone() {
    let folder = folder();
    folder.write("replies.yaml", &replies_with_a_failure());
    let ended = folder.run(&["pipeline", "job.yaml", "--quiet"]);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
    assert_eq!(ended.code, Some(1));
    assert_eq!(folder.names("files").len(), 2);
}

#[test]
fn no_more_than_ten_failures_are_listed() {
    let folder = folder();
    let documents = (0..15).map(|id| format!("{{\"id\": \"{id}\", \"text\": \"x\"}}\n"));
    folder
        .write("docs.jsonl", &documents.collect::<String>())
        .write("replies.yaml", "replies: [{refusal: 'no', repeat: 15}]");
    let ended = folder.run(&["pipeline", "job.yaml"]);
    let listed = ended.stderr.lines().filter(|line| line.starts_with("  "));
    let listed: Vec<&str> = listed.collect();
    assert_eq!(listed.len(), 11, "{}", ended.all());
    assert_eq!(listed[10], "  … and 5 more, see out/demo/failures.jsonl");
}

#[test]
fn a_hostile_id_commands_no_terminal() {
    let folder = folder();
    folder
        .write(
            "docs.jsonl",
            "{\"id\": \"a\\u001b[2K\\n\\u202eb\", \"text\": \"x\"}\n",
        )
        .write("replies.yaml", "replies: [{refusal: 'no'}]");
    let ended = folder.run(&["pipeline", "job.yaml"]);
    let is_command = |c: char| c != '\n' && c.is_control() || c == '\u{202e}';
    assert!(!ended.stderr.contains(is_command), "{:?}", ended.stderr);
}

#[test]
fn the_help_says_what_goes_where() {
    let ended = Folder::new().run(&["pipeline", "--help"]);
    insta::assert_snapshot!("help", ended.stdout);
}
