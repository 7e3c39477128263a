//! `duologue runs`: what it prints of an audit store, and how it exits.

use duologue::clock::SteppingClock;
use duologue::flow::audit::SqliteAudit;
use duologue::flow::control::{ControlPlane, Event, FlowContext};
use duologue::flow::envelope::Envelope;
use serde_json::{Value, json};

use super::busy;
use crate::command::Folder;

/// A folder with an audit store of three runs at its default place.
fn with_runs() -> Folder {
    let folder = Folder::new();
    let store = SqliteAudit::open(folder.path("artifacts/audit.sqlite")).unwrap();
    let plane = ControlPlane::builder()
        .audit(store)
        .clock(SteppingClock::starting_at(1_795_237_200))
        .flow("digest", |context: FlowContext| async move {
            context.step("reader", async { Ok(()) }).await?;
            context
                .note("rows", json!({"read": 1, "\u{1b}[2J": "hostile"}))
                .await;
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_237_200);
            let row = json!({"harbour": "Dover", "high": "06:12"});
            Envelope::builder("table")
                .retrieved_at(time)
                .row("1", row)
                .build()
        })
        .flow("broken", |_: FlowContext| async { Err(busy()) })
        .flow("posts", |context: FlowContext| async move {
            context.deliver("mailer", async { Ok(()) }).await?;
            Envelope::builder("mail").build()
        })
        .build()
        .unwrap();
    for (flow, id) in [
        ("digest", "run_one"),
        ("broken", "run_two"),
        ("posts", "run_three"),
    ] {
        let event = Event::new(flow, Value::Null).run_id(id);
        pollster::block_on(plane.ingest(event)).unwrap();
    }
    folder
}

#[test]
fn runs_ls_lists_the_newest_first() {
    let folder = with_runs();
    insta::assert_snapshot!(folder.run(&["runs", "ls"]).all());
    let failed = folder.run(&[
        "runs", "ls", "--status", "failed", "--flow", "broken", "--json",
    ]);
    let runs = failed.json();
    assert_eq!(runs.as_array().unwrap().len(), 1);
    assert_eq!(runs[0]["run_id"], "run_two");
    assert_eq!(runs[0]["error"]["kind"], "unavailable");
    assert_eq!(
        folder.run(&["runs", "ls", "--limit", "1", "--json"]).json()[0]["run_id"],
        "run_three"
    );
}

#[test]
fn runs_show_tells_states_steps_and_envelopes() {
    let folder = with_runs();
    insta::assert_snapshot!(
        "runs_show_digest",
        folder.run(&["runs", "show", "run_one"]).all()
    );
    insta::assert_snapshot!(
        "runs_show_refused",
        folder.run(&["runs", "show", "run_th"]).all()
    );
    let shown = folder.run(&["runs", "show", "run_one", "--json"]).json();
    let kinds: Vec<&str> = shown["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["state", "trace", "trace", "trace", "envelope", "state"]
    );
    assert_eq!(
        shown["entries"][4]["envelope"]["records"][0]["harbour"],
        "Dover"
    );
}

#[test]
fn an_empty_store_and_a_filter_that_leaves_nothing_say_so() {
    let folder = with_runs();
    let nothing = folder.run(&["runs", "ls", "--status", "dead"]);
    assert_eq!(
        (nothing.code, &*nothing.stderr),
        (Some(0), "no runs pass the filter\n")
    );
    drop(SqliteAudit::open(folder.path("empty.sqlite")).unwrap());
    let empty = folder.run(&["runs", "ls", "--db", "empty.sqlite"]);
    assert_eq!((empty.code, &*empty.stderr), (Some(0), "no runs\n"));
    assert_eq!(
        folder
            .run(&["runs", "ls", "--db", "empty.sqlite", "--json"])
            .json(),
        json!([])
    );
}

#[test]
fn what_cannot_be_shown_is_a_mistake_with_a_hint() {
    let folder = with_runs();
    folder.write("notes.txt", &"not a database at all ".repeat(60));
    let said = [
        &["runs", "ls", "--db", "gone.sqlite"][..],
        &["runs", "ls", "--db", "notes.txt"],
        &["runs", "ls", "--status", "done"],
        &["runs", "show", "run_t"],
        &["runs", "show", "run_onee"],
    ]
    .map(|arguments| {
        let ended = folder.run(arguments);
        assert_eq!(ended.code, Some(2), "{}", ended.all());
        assert_eq!(ended.stdout, "");
        format!("$ duologue {}\n{}", arguments.join(" "), ended.stderr)
    });
    insta::assert_snapshot!(said.join("\n"));
    assert!(
        !folder.path("gone.sqlite").exists(),
        "looking makes no file"
    );
}
