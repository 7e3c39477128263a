//! How the command exits, and what it leaves.

use serde_json::Value;

use super::{folder, replies, replies_with_a_failure};

#[test]
fn all_documents_that_succeed_exit_0_and_are_files() {
    let folder = folder();
    let ended = folder.run(&["pipeline", "job.yaml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert_eq!(
        folder.names("files"),
        ["file-a.md", "file-b.md", "file-c.md"]
    );
    assert_eq!(folder.read("files/file-b.md"), "all of b\n");
    for name in ["job.yaml", "documents.jsonl", "pipeline.json"] {
        assert!(folder.path("out/demo").join(name).exists(), "{name}");
    }
}

#[test]
fn one_document_that_fails_exits_1_and_the_others_are_done() {
    let folder = folder();
    folder.write("replies.yaml", &replies_with_a_failure());
    let ended = folder.run(&["pipeline", "job.yaml", "--json"]);
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    let report = ended.json();
    assert_eq!(report["status"], "partial");
    assert_eq!(report["failures"][0]["document_id"], "b");
    assert_eq!(folder.names("files"), ["file-a.md", "file-c.md"]);
    let failures = folder.read("out/demo/failures.jsonl");
    let failure: Value = serde_json::from_str(failures.lines().next().unwrap()).unwrap();
    assert_eq!(failure["stage"], "review");
    let draft = failure["draft"].as_str().unwrap();
    assert!(
        folder
            .read(&format!("out/demo/{draft}"))
            .contains("most of b")
    );
}

#[test]
fn no_documents_are_a_success_at_once() {
    let folder = folder();
    folder
        .write("docs.jsonl", "")
        .write("replies.yaml", "replies: []");
    let ended = folder.run(&["pipeline", "job.yaml", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert_eq!(ended.json()["documents"]["begun"], 0);
}

#[test]
fn a_limit_leaves_the_other_documents_and_their_replies() {
    let folder = folder();
    let ended = folder.run(&["pipeline", "job.yaml", "--limit", "2", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert_eq!(ended.json()["documents"]["succeeded"], 2);
    assert_eq!(folder.names("files"), ["file-a.md", "file-b.md"]);
}

#[test]
fn replies_that_nobody_asked_for_are_told_and_exit_1() {
    let folder = folder();
    folder.write("replies.yaml", &replies("abcd"));
    let ended = folder.run(&["pipeline", "job.yaml"]);
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    assert!(ended.stderr.contains("scripted replies were not used"));
}

#[test]
fn clean_removes_what_an_earlier_run_wrote_and_nothing_else() {
    let folder = folder();
    folder.write("files/mine.md", "not yours\n");
    folder.run(&["pipeline", "job.yaml", "--run-id", "one"]);
    let ended = folder.run(&["pipeline", "job.yaml", "--run-id", "two", "--clean"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let expected = ["file-a.md", "file-b.md", "file-c.md", "mine.md"];
    assert_eq!(folder.names("files"), expected);
    folder.run(&["pipeline", "job.yaml", "--run-id", "three"]);
    assert_eq!(folder.names("files").len(), 7, "the second run's stay");
}

#[test]
fn output_dir_and_run_id_say_where_the_run_is() {
    let folder = folder();
    let job = super::JOB.replace("dir: files, ", "");
    folder.write("job.yaml", &job);
    let arguments = [
        "pipeline",
        "job.yaml",
        "--output-dir",
        "kept",
        "--run-id",
        "7",
    ];
    let ended = folder.run(&arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert_eq!(folder.names("kept/7/artifacts").len(), 3);
    assert!(!folder.path("out").exists());
}

#[test]
fn the_copy_of_the_configuration_has_what_was_set_and_no_key() {
    let folder = folder();
    let key = "provider.headers.authorization=Bearer sk-proj-aaaabbbbccccddddeeeeffff00001111";
    let job = super::JOB.replace(
        "{kind: scripted, replies: replies.yaml}",
        "{kind: openai, base_url: 'http://127.0.0.1:9/v1', max_retries: 0}",
    );
    folder.write("job.yaml", &job);
    let set = ["--set", "limits.documents=2", "--set", key];
    let ended = folder.run(&[&["pipeline", "job.yaml"][..], &set].concat());
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    let copy = folder.read("out/demo/job.yaml");
    assert!(copy.contains("documents: 2"), "{copy}");
    assert!(
        !copy.contains("aaaabbbb") && !ended.all().contains("aaaabbbb"),
        "{copy}"
    );
}
