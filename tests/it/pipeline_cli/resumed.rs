//! Runs that were ended early, and `--resume`.

use super::{folder, replies};
use crate::command::{Ended, Folder};

/// A run that is ended by this signal when `a` is done, `b` is reviewed, and nothing comes back.
fn ended_in_the_middle(folder: &Folder, signal: &str, arguments: &[&str]) -> Ended {
    let of_b = replies("b").replace("json: {approved: true}", "never: true");
    let of_b = of_b.replace(", usage: {input_tokens: 20, output_tokens: 1}", "");
    let script = format!("{}{}", replies("a"), of_b.trim_start_matches("replies:\n"));
    folder.write("replies.yaml", &script);
    let journals = folder.path("out");
    let calls = || {
        let runs = std::fs::read_dir(&journals).into_iter().flatten().flatten();
        let files = runs.flat_map(|run| std::fs::read_dir(run.path().join("journal")));
        let files = files.flatten().flatten();
        let texts = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
        texts
            .map(|text| text.matches(r#""event":"started""#).count())
            .sum::<usize>()
    };
    let before = calls();
    let arguments = [&["pipeline", "job.yaml"], arguments].concat();
    let running = folder.start_and_wait(&arguments, &[], || calls() == before + 4);
    running.signal(signal)
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_run_that_is_resumed_without_paying_twice() {
    let folder = folder();
    let cancelled = ended_in_the_middle(&folder, "INT", &[]);
    assert_eq!(cancelled.code, Some(130), "{}", cancelled.all());
    let said = "to go on: duologue pipeline job.yaml --run-id demo --resume\n";
    assert!(cancelled.stderr.ends_with(said), "{}", cancelled.all());
    assert_eq!(folder.names("files"), ["file-a.md"]);

    // The script has no reply for what was answered before.
    let of_b = replies("b");
    let review = of_b.lines().last().unwrap();
    let rest = replies("c").replace("replies:\n", &format!("replies:\n{review}\n"));
    folder.write("replies.yaml", &rest);
    let resumed = folder.run(&["pipeline", "job.yaml", "--resume", "--json"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.all());
    assert_eq!(resumed.json()["calls"], 3, "{}", resumed.all());
    assert_eq!(
        folder.names("files"),
        ["file-a.md", "file-b.md", "file-c.md"]
    );
}

#[cfg(unix)]
#[test]
fn without_an_id_the_newest_run_of_the_pipeline_is_resumed() {
    let folder = folder();
    let job = super::JOB.replace("run_id: demo\n", "");
    folder.write("job.yaml", &job);
    ended_in_the_middle(&folder, "KILL", &[]);
    let run = folder.names("out").remove(0);
    let of_b = replies("b");
    let review = of_b.lines().last().unwrap();
    let rest = replies("c").replace("replies:\n", &format!("replies:\n{review}\n"));
    folder.write("replies.yaml", &rest);

    // A run of another pipeline is newer, and is let alone.
    folder.write(
        "out/other/job.yaml",
        "pipeline: {name: another, documents: x, stages: []}\n",
    );
    let resumed = folder.run(&["pipeline", "job.yaml", "--resume"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.all());
    let first = resumed.stderr.lines().next().unwrap();
    assert_eq!(first, format!("resuming run {run}"));
    assert_eq!(
        folder.names("files"),
        ["file-a.md", "file-b.md", "file-c.md"]
    );
}

#[test]
fn a_resumption_without_a_run_is_refused_and_begins_none() {
    let folder = folder();
    let ended = folder.run(&["pipeline", "job.yaml", "--resume"]);
    assert_eq!(ended.code, Some(2));
    let expected = "error: `job.yaml` cannot be resumed: `out` holds no run `demo`\n\
        hint: leave out `--resume` to begin a run, or name one by `--run-id`\n";
    assert_eq!(ended.stderr, expected);
    assert!(!folder.path("out").exists());
}

#[test]
fn what_was_not_answered_is_asked_again_and_nothing_else() {
    let folder = folder();
    let refused = "  - {agent: cleaner, when: 'b: ', refusal: 'no'}\n";
    folder.write("replies.yaml", &format!("{}{refused}", replies("ac")));
    assert_eq!(folder.run(&["pipeline", "job.yaml"]).code, Some(1));
    folder.write("replies.yaml", &replies("b"));
    let resumed = folder.run(&["pipeline", "job.yaml", "--resume", "--json"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.all());
    let documents = &resumed.json()["documents"];
    assert_eq!(
        (&documents["succeeded"], &documents["resumed"]),
        (&3.into(), &2.into())
    );
}
