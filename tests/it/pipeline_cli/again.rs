//! A second run beside, after or over an earlier one.

use super::{JOB, folder, replies};

#[test]
fn the_command_that_goes_on_leaves_out_what_the_run_did() {
    let folder = folder();
    let refused = "  - {agent: cleaner, when: 'b: ', refusal: 'no'}\n";
    folder.write("replies.yaml", &format!("{}{refused}", replies("a")));
    let ended = folder.run(&["pipeline", "job.yaml", "--limit", "2"]);
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    let said = "to try again: duologue pipeline job.yaml --limit 2 --run-id demo --resume\n";
    assert!(ended.stderr.ends_with(said), "{}", ended.all());
}

#[test]
fn a_run_id_is_begun_once_and_the_second_start_writes_nothing() {
    let folder = folder();
    assert_eq!(folder.run(&["pipeline", "job.yaml"]).code, Some(0));
    let before = folder.names("out/demo/journal");
    let again = folder.run(&["pipeline", "job.yaml"]);
    assert_eq!((again.code, &*again.stdout), (Some(2), ""));
    assert_eq!(
        again.stderr,
        "error: the run in `out/demo` has been begun already\n\
         hint: resume it (`--resume`, `PipelineOptions::resume`), or choose another run id\n"
    );
    assert_eq!(folder.names("out/demo/journal"), before);
}

#[test]
fn the_newest_run_is_found_by_its_id_where_that_is_no_name_of_a_directory() {
    for id in ["my run: 1", "of sk-proj-aaaabbbbccccddddeeeeffff00001111"] {
        let folder = folder();
        folder.write("job.yaml", &JOB.replace("run_id: demo\n", ""));
        let refused = "  - {agent: cleaner, when: 'b: ', refusal: 'no'}\n";
        folder.write("replies.yaml", &format!("{}{refused}", replies("ac")));
        let first = folder.run(&["pipeline", "job.yaml", "--run-id", id]);
        assert_eq!(first.code, Some(1), "{}", first.all());
        let runs = folder.names("out");
        assert_eq!(runs.len(), 1, "{runs:?}");

        folder.write("replies.yaml", &replies("b"));
        let resumed = folder.run(&["pipeline", "job.yaml", "--resume", "--json"]);
        assert_eq!(resumed.code, Some(0), "{}", resumed.all());
        assert_eq!(resumed.json()["documents"]["resumed"], 2);
        assert_eq!(resumed.json()["run_id"], first_id(&first.stderr, id));
        assert_eq!(folder.names("out"), runs, "{}", resumed.all());
    }
}

/// The id, as the command that goes on has it.
fn first_id(said: &str, id: &str) -> String {
    if said.contains(id) {
        return id.to_owned();
    }
    assert!(!said.contains("aaaabbbb"), "{said}");
    let (_, rest) = said.split_once("--run-id '").unwrap();
    rest.split_once('\'').unwrap().0.to_owned()
}

#[test]
fn clean_without_a_directory_of_all_runs_is_refused() {
    let folder = folder();
    folder.write("job.yaml", &JOB.replace("dir: files, ", ""));
    let ended = folder.run(&["pipeline", "job.yaml", "--clean"]);
    assert_eq!(ended.code, Some(2), "{}", ended.all());
    let said = "error: `job.yaml`, key `pipeline.output.dir`: is missing, \
        so there is nothing that `--clean` could remove\n";
    assert!(ended.stderr.starts_with(said), "{}", ended.all());
    assert!(!folder.path("out").exists());
}

#[test]
fn clean_leaves_what_somebody_changed_says_so_and_succeeds() {
    let folder = folder();
    folder.run(&["pipeline", "job.yaml", "--run-id", "one"]);
    folder.write("files/file-b.md", "by hand\n");
    for id in ["two", "three"] {
        let ended = folder.run(&["pipeline", "job.yaml", "--run-id", id, "--clean"]);
        assert_eq!(ended.code, Some(0), "{}", ended.all());
        assert!(
            ended.stderr.contains("`file-b.md` stays"),
            "{}",
            ended.all()
        );
        assert_eq!(folder.read("files/file-b.md"), "by hand\n");
    }
}

#[test]
fn documents_on_standard_input_are_all_read() {
    let folder = folder();
    folder.write("job.yaml", &JOB.replace("docs.jsonl", "'-'"));
    let documents = folder.read("docs.jsonl");
    let ended = folder.run_reading(&["pipeline", "job.yaml"], &documents);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert_eq!(
        folder.names("files"),
        ["file-a.md", "file-b.md", "file-c.md"]
    );
}
