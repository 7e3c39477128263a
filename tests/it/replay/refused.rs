//! Records that cannot be replayed, and what the sanitizer leaves alone.

use std::fs;

use duologue::ErrorKind;
use duologue::call_log::{CallStatus, Redactions, SanitizeConfig, Sanitizer};
use duologue::chat::{Request, Response};
use duologue::provider::{CallContext, Provider, ProviderError, Reply, ScriptedProvider};
use duologue::replay::ReplayProvider;
use serde_json::{Value, json};

use super::model::SEALED as SIGNATURE;
use super::{agent, answer, recorded, recorded_with, records, runner, topic};

fn first_call(runner: &duologue::AgentRunner, about: &str) -> Result<Value, String> {
    match pollster::block_on(runner.run(&agent("planner"), topic(about))) {
        Ok(outcome) => Ok(outcome.data),
        Err(error) => Err(format!("{error:#}")),
    }
}

#[test]
fn an_answer_that_was_redacted_is_replayed_only_when_that_is_allowed() {
    let folder = crate::support::folder();
    let run = recorded(&folder, &[("tides", answer("ask ada@example.org"))]);
    let strict = runner(
        &folder,
        "second",
        "{}",
        ReplayProvider::from_run(&run).unwrap(),
    );
    let said = first_call(&strict, "tides").unwrap_err();
    assert!(said.contains("the answer of call 1 (`call_"), "{said}");
    assert!(said.contains("was redacted by rule `email`"), "{said}");
    assert!(said.contains("allow_redacted"), "{said}");

    let allowed = ReplayProvider::builder(&run)
        .allow_redacted()
        .build()
        .unwrap();
    let allowed = runner(&folder, "third", "{}", allowed);
    assert_eq!(
        first_call(&allowed, "tides").unwrap(),
        json!({"title": "ask <REDACTED:email>"})
    );
    allowed.log().flush_blocking().unwrap();

    // What was replayed that way is what the third run got; nothing was redacted in it.
    let again = ReplayProvider::from_run(folder.path().join("third")).unwrap();
    assert!(first_call(&runner(&folder, "fourth", "{}", again), "tides").is_ok());

    let fallback = ScriptedProvider::new([answer("unredacted")]);
    let builder = ReplayProvider::builder(&run).fall_through_to(fallback);
    let falls = runner(&folder, "fifth", "{}", builder.build().unwrap());
    assert_eq!(first_call(&falls, "tides").unwrap()["title"], "unredacted");
}

#[test]
fn a_run_that_was_not_sanitized_answers_one_that_is() {
    let folder = crate::support::folder();
    let asked = [("mail ada@example.org", answer("mailed to ada@example.org"))];
    let run = recorded_with(&folder, r#"{"sanitize": false}"#, &asked);
    let runner = runner(
        &folder,
        "second",
        "{}",
        ReplayProvider::from_run(run).unwrap(),
    );
    assert_eq!(
        first_call(&runner, "mail ada@example.org").unwrap()["title"],
        "mailed to ada@example.org"
    );
}

#[test]
fn a_run_at_level_minimal_holds_nothing_to_replay() {
    let folder = crate::support::folder();
    let settings = r#"{"log_level": "minimal"}"#;
    let run = recorded_with(&folder, settings, &[("tides", answer("x"))]);
    let error = ReplayProvider::from_run(run).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Log);
    assert!(error.to_string().contains("level `minimal`"), "{error}");
    assert!(error.hint().unwrap().contains("standard"), "{error}");
}

#[test]
fn what_is_no_run_is_said_to_be_none() {
    let folder = crate::support::folder();
    let said = |error: duologue::Error| format!("{error:#}");
    let missing = said(ReplayProvider::from_run(folder.path().join("missing")).unwrap_err());
    assert!(missing.contains("holds no run"), "{missing}");

    recorded(&folder, &[("tides", answer("x"))]);
    let above = said(ReplayProvider::from_run(folder.path()).unwrap_err());
    assert!(
        above.contains("it holds runs: name one") && above.contains("first"),
        "{above}"
    );

    recorded_with(&folder, "{}", &[]);
    fs::create_dir_all(folder.path().join("empty/journal")).unwrap();
    let empty = said(ReplayProvider::from_run(folder.path().join("empty")).unwrap_err());
    assert!(empty.contains("holds no call to replay"), "{empty}");
}

#[test]
fn a_call_that_was_interrupted_is_refused_and_falls_through() {
    let folder = crate::support::folder();
    let run = recorded(&folder, &[("tides", answer("x")), ("wind", answer("y"))]);
    let journal = fs::read_dir(run.join("journal"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let text = fs::read_to_string(&journal).unwrap();
    let id = records(&run)[0].call_id.clone();
    let without_end: String = text
        .lines()
        .filter(|line| !(line.contains(r#""event":"finished""#) && line.contains(&id)))
        .flat_map(|line| [line, "\n"])
        .collect();
    fs::write(&journal, without_end).unwrap();
    assert_eq!(records(&run)[0].status, Some(CallStatus::Interrupted));

    let strict = runner(
        &folder,
        "second",
        "{}",
        ReplayProvider::from_run(&run).unwrap(),
    );
    let said = first_call(&strict, "tides").unwrap_err();
    assert!(
        said.contains(&format!("call 1 (`{id}`) was interrupted")),
        "{said}"
    );

    let fallback = ScriptedProvider::new([answer("anew")]);
    let builder = ReplayProvider::builder(&run).fall_through_to(fallback);
    let falls = runner(&folder, "third", "{}", builder.build().unwrap());
    assert_eq!(first_call(&falls, "tides").unwrap()["title"], "anew");
    assert_eq!(first_call(&falls, "wind").unwrap()["title"], "y");
}

#[test]
fn a_journal_with_a_damaged_line_replays_the_rest_and_a_miss_says_so() {
    let folder = crate::support::folder();
    let run = recorded(&folder, &[("tides", answer("x")), ("wind", answer("y"))]);
    let journal = fs::read_dir(run.join("journal"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let text = fs::read_to_string(&journal).unwrap();
    let id = records(&run)[1].call_id.clone();
    let damaged: String = text
        .lines()
        .map(|line| if line.contains(&id) { line.replace("wind", "wand") } else { line.to_owned() } + "\n")
        .collect();
    fs::write(&journal, damaged).unwrap();
    let replay = ReplayProvider::from_run(&run).unwrap();
    assert_eq!(replay.report().unreadable, 2);
    let runner = runner(&folder, "second", "{}", replay);
    assert_eq!(first_call(&runner, "tides").unwrap()["title"], "x");
    let said = first_call(&runner, "wind").unwrap_err();
    assert!(said.contains("cannot be used: damaged"), "{said}");
}

/// Signs its answers with what looks like a key, and adds a readable thought.
#[derive(Debug)]
struct Signing {
    thought: &'static str,
}

#[async_trait::async_trait]
impl Provider for Signing {
    fn name(&self) -> &'static str {
        "signing"
    }

    async fn generate_json(&self, _: &Request, _: &CallContext) -> Result<Response, ProviderError> {
        let mut response = Response::text(r#"{"title": "x"}"#);
        response.provider_data = serde_json::from_value(sealed(self.thought)).unwrap();
        Ok(response)
    }
}

fn sealed(thought: &str) -> Value {
    json!({
        "reasoning_details": [
            {"type": "reasoning.text", "text": thought, "signature": SIGNATURE},
            {"type": "reasoning.encrypted", "data": SIGNATURE, "id": "rs_1"},
        ],
        "extra_content": {"google": {"thought_signature": SIGNATURE}},
        "thinking_blocks": [
            {"type": "thinking", "thinking": thought, "signature": SIGNATURE},
            {"type": "redacted_thinking", "data": SIGNATURE},
        ],
        "provider_specific_fields": {"thought_signatures": [SIGNATURE]},
        "reasoning_opaque": SIGNATURE,
        "encrypted_content": SIGNATURE,
        "system_fingerprint": SIGNATURE,
    })
}

#[test]
fn signatures_that_look_like_keys_are_kept_and_replayed_byte_for_byte() {
    let sanitizer = Sanitizer::new(&SanitizeConfig::default()).unwrap();
    let shown = sanitizer
        .redact(SIGNATURE, &mut Redactions::default())
        .into_owned();
    assert!(
        shown.starts_with("<REDACTED:"),
        "as text it is a key: {shown}"
    );

    let folder = crate::support::folder();
    let thought = "first the moon, then the sun";
    let first = runner(&folder, "first", "{}", Signing { thought });
    first_call(&first, "tides").unwrap();
    first.log().flush_blocking().unwrap();
    let replay = ReplayProvider::from_run(folder.path().join("first")).unwrap();
    let second = runner(&folder, "second", "{}", replay);
    first_call(&second, "tides").unwrap();
    second.log().flush_blocking().unwrap();
    for run in ["first", "second"] {
        let record = &records(&folder.path().join(run))[0];
        assert_eq!(Value::Object(record.provider_data.clone()), sealed(thought));
        assert!(record.redactions.is_empty(), "{:?}", record.redactions);
    }
}

#[test]
fn readable_text_beside_a_signature_is_redacted_and_refuses_to_replay() {
    let folder = crate::support::folder();
    let thought = "the user is ada@example.org";
    let first = runner(&folder, "first", "{}", Signing { thought });
    first_call(&first, "tides").unwrap();
    first.log().flush_blocking().unwrap();
    let record = &records(&folder.path().join("first"))[0];
    let expected = sealed("the user is <REDACTED:email>");
    assert_eq!(Value::Object(record.provider_data.clone()), expected);
    let replay = ReplayProvider::from_run(folder.path().join("first")).unwrap();
    let second = runner(&folder, "second", "{}", replay);
    let said = first_call(&second, "tides").unwrap_err();
    assert!(said.contains("was redacted by rule `email`"), "{said}");
}

#[test]
fn a_placeholder_that_the_model_wrote_itself_is_an_answer_like_any_other() {
    let folder = crate::support::folder();
    let reply = Reply::json(json!({"title": "<REDACTED:email>"}));
    let run = recorded(&folder, &[("tides", reply)]);
    let runner = runner(
        &folder,
        "second",
        "{}",
        ReplayProvider::from_run(run).unwrap(),
    );
    assert_eq!(
        first_call(&runner, "tides").unwrap()["title"],
        "<REDACTED:email>"
    );
}
