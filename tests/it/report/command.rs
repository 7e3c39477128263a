//! `duologue logs report`: where the page goes, and what is said when it cannot.

use std::process::Command;

use crate::command::Folder;
use crate::tree::root;

fn folder_with_run() -> Folder {
    let folder = Folder::with_job();
    assert_eq!(folder.run(&["run", "job.yaml"]).code, Some(0));
    folder
}

#[test]
fn the_report_goes_into_the_run_unless_a_place_is_named() {
    let folder = folder_with_run();
    let ended = folder.run(&["logs", "report", "out/demo"]);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), "out/demo/report.html\n")
    );
    assert_eq!(ended.stderr, "a page of 1 call, for any browser:\n");
    assert!(
        folder
            .read("out/demo/report.html")
            .starts_with("<!doctype html>")
    );

    let named = folder.run(&["logs", "report", "out/demo", "-o", "here.html"]);
    assert_eq!(named.stdout, "here.html\n");
    assert!(folder.path("here.html").is_file());
    assert_eq!(
        folder.names("out/demo"),
        ["journal", "llm_calls", "report.html"]
    );
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_the_report() {
    use std::os::unix::fs::PermissionsExt;

    let folder = folder_with_run();
    folder.run(&["logs", "report", "out/demo"]);
    let metadata = std::fs::metadata(folder.path("out/demo/report.html")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_place_that_cannot_be_written_is_an_error_that_leaves_nothing_behind() {
    let folder = folder_with_run();
    for place in ["nowhere/report.html", "prompts"] {
        let ended = folder.run(&["logs", "report", "out/demo", "-o", place]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
        let expected = format!("error: cannot write the report `{place}`\n  because ");
        assert!(ended.stderr.contains(&expected), "{}", ended.stderr);
        assert!(ended.stderr.contains("\nhint: name a file in a directory"));
    }
    let names = folder.names(".");
    assert!(
        names.iter().all(|name| !name.contains("report")),
        "{names:?}"
    );
}

#[test]
fn a_directory_of_runs_or_of_nothing_is_refused() {
    let folder = folder_with_run();
    let above = folder.run(&["logs", "report", "out"]);
    assert_eq!(above.code, Some(2));
    assert!(
        above
            .stderr
            .contains("error: `out` holds runs, and is none itself\n")
    );
    let nowhere = folder.run(&["logs", "report", "nowhere"]);
    assert_eq!(nowhere.code, Some(2));
    assert!(
        nowhere.stderr.contains("error: `nowhere` holds no run\n"),
        "{}",
        nowhere.stderr
    );
}

#[test]
fn the_scripts_are_javascript() {
    for folder in ["src/report/script", "tests/it/browser"] {
        for name in crate::command::names_in(&root().join(folder)) {
            let path = root().join(folder).join(&name);
            let Ok(checked) = Command::new("node").arg("--check").arg(path).output() else {
                assert!(
                    std::env::var("CI").as_deref() != Ok("true"),
                    "CI must have Node.js"
                );
                eprintln!("SKIPPED: no Node.js to check scripts with");
                return;
            };
            let errors = String::from_utf8_lossy(&checked.stderr);
            assert!(checked.status.success(), "{name}: {errors}");
        }
    }
}
