//! The pipeline of the examples, as a new user runs it.

use std::path::Path;

use crate::command::{Folder, names_in, run_in};

#[test]
fn the_example_runs_offline_with_a_rework_and_all_artifacts() {
    let folder = Folder::new();
    let out = folder.path("out").display().to_string();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let job = "examples/jobs/pipeline.yaml";
    let arguments = [
        "pipeline",
        job,
        "--output-dir",
        &out,
        "--run-id",
        "p",
        "--json",
    ];
    let ended = run_in(root, &arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let report = ended.json();
    assert_eq!(report["documents"]["succeeded"], 5);
    let stages = report["stages"].as_array().unwrap();
    let review = stages
        .iter()
        .find(|stage| stage["stage"] == "review")
        .unwrap();
    assert_eq!(
        (&review["visits"], &review["sent_back"]),
        (&6.into(), &1.into())
    );
    let expected = [
        "highest-water.py",
        "spring-tides.md",
        "time-between-high-waters.py",
        "walking-on-the-flats.md",
        "why-the-water-goes-away.md",
    ];
    assert_eq!(names_in(&folder.path("out/p/artifacts")), expected);
    let second_draft = folder.read("out/p/artifacts/spring-tides.md");
    assert!(second_draft.contains("low water lower"), "{second_draft}");
    let program = folder.read("out/p/artifacts/highest-water.py");
    assert!(!program.contains("```"), "{program}");
}
