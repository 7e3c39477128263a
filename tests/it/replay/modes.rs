//! What a request that no record answers gets, in each mode.

use duologue::ErrorKind;
use duologue::provider::{Reply, ScriptedProvider};
use duologue::replay::{ReplayMode, ReplayProvider};
use duologue::telemetry::names;
use serde_json::json;
use tempfile::TempDir;

use super::{agent, answer, recorded, records, runner, topic};
use crate::support::spans::Listening;

fn said(error: &duologue::Error) -> String {
    let cause = std::error::Error::source(error).unwrap();
    format!("{cause}\n{}", std::error::Error::source(cause).unwrap())
}

/// A long prompt, so that the difference has to be found in it.
fn long(word: &str) -> String {
    let before = "the moon pulls at the sea and the sea follows it slowly; ".repeat(5);
    let after = "; and twice a day the water stands high at the coast".repeat(5);
    format!("{before}{word}{after}")
}

#[test]
fn a_changed_prompt_is_shown_as_a_diff_with_the_nearest_record() {
    let folder = crate::support::folder();
    let asked = [
        ("wind and weather".to_owned(), answer("Wind")),
        (long("spring tides"), answer("Tides")),
    ];
    let asked: Vec<(&str, Reply)> = asked
        .iter()
        .map(|(about, reply)| (about.as_str(), reply.clone()))
        .collect();
    let replay = ReplayProvider::from_run(recorded(&folder, &asked)).unwrap();
    let runner = runner(&folder, "second", "{}", replay.clone());
    let outcome = pollster::block_on(runner.run(&agent("planner"), topic(&long("neap tides"))));
    let error = outcome.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::NotRecorded);
    assert!(!error.is_retryable() && error.hint().unwrap().contains("fall_through"));
    let said = said(&error);
    assert!(said.contains("the nearest is call 2 (`call_"), "{said}");
    assert!(said.contains("differs in message 2 (user):\n…"), "{said}");
    assert!(
        said.contains("slowly; [-spring-]{+neap+} tides; and twice"),
        "{said}"
    );
    assert!(said.len() < 600, "{said}");
    assert_eq!(
        (replay.report().missed, replay.report().unused.len()),
        (1, 2)
    );
}

#[test]
fn a_secret_in_a_prompt_does_not_come_out_by_way_of_a_diff() {
    let folder = crate::support::folder();
    let run = recorded(&folder, &[("mail ada@example.org now", answer("x"))]);
    let runner = runner(
        &folder,
        "second",
        "{}",
        ReplayProvider::from_run(run).unwrap(),
    );
    let outcome =
        pollster::block_on(runner.run(&agent("planner"), topic("mail eve@example.org later")));
    let said = said(&outcome.unwrap_err());
    assert!(
        said.contains("<REDACTED:email> [-now-]{+later+}."),
        "{said}"
    );
    assert!(!said.contains("example.org"), "{said}");
}

#[test]
fn changed_settings_are_named_where_the_prompt_is_the_same() {
    let folder = crate::support::folder();
    let run = recorded(&folder, &[("tides", answer("x"))]);
    let runner = runner(
        &folder,
        "second",
        "{}",
        ReplayProvider::from_run(run).unwrap(),
    );
    let mut changed =
        agent("planner").with_response_schema(json!({"type": "object", "minProperties": 1}));
    changed.model = "gpt-5".into();
    changed.temperature = Some(0.5);
    changed.extra.insert("seed".into(), json!(7));
    let said = said(&pollster::block_on(runner.run(&changed, topic("tides"))).unwrap_err());
    for line in [
        "with the same prompt",
        "`model` is `gpt-5`, recorded `gpt-5-mini`",
        "`temperature` is 0.5, recorded not set",
        "`extra.seed` is 7, recorded not set",
        "`response_schema` is ",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn equal_requests_get_their_records_in_order_and_one_more_is_told_so() {
    let folder = crate::support::folder();
    let asked = [("tides", answer("first")), ("tides", answer("second"))];
    let replay = ReplayProvider::from_run(recorded(&folder, &asked)).unwrap();
    let runner = runner(&folder, "second", "{}", replay);
    let ask = || pollster::block_on(runner.run(&agent("planner"), topic("tides")));
    assert_eq!(ask().unwrap().data["title"], "first");
    assert_eq!(ask().unwrap().data["title"], "second");
    for time in [3, 4] {
        let said = said(&ask().unwrap_err());
        let expected = format!("the recorded run asked this 2 times, and this is time {time}");
        assert!(said.contains(&expected), "{said}");
    }
}

#[test]
fn an_agent_under_a_new_name_gets_the_records_of_its_request() {
    let folder = crate::support::folder();
    let replay = ReplayProvider::from_run(recorded(&folder, &[("tides", answer("x"))])).unwrap();
    let runner = runner(&folder, "second", "{}", replay);
    let plan = pollster::block_on(runner.run(&agent("writer"), topic("tides"))).unwrap();
    assert_eq!(plan.data["title"], "x");
}

#[test]
fn what_is_missing_falls_through_to_a_provider_and_is_recorded_with_its_retries() {
    let folder = crate::support::folder();
    let run = recorded(
        &folder,
        &[("tides", answer("old")), ("wind", answer("unused"))],
    );
    let fallback = ScriptedProvider::new([Reply::status(503), answer("new")]);
    let replay = ReplayProvider::builder(run)
        .fall_through_to(fallback.clone())
        .build()
        .unwrap();
    let runner = runner(&folder, "second", "{}", replay.clone());
    for about in ["tides", "waves"] {
        pollster::block_on(runner.run(&agent("planner"), topic(about))).unwrap();
    }
    runner.log().flush_blocking().unwrap();
    fallback.finish().unwrap();

    let report = replay.report();
    assert_eq!(
        (report.replayed, report.fell_through, report.missed),
        (1, 1, 0)
    );
    assert_eq!(report.unused.len(), 1);
    let records = records(&folder.path().join("second"));
    assert_eq!(
        records[0]
            .replay_of
            .as_ref()
            .map(|id| id.starts_with("call_")),
        Some(true)
    );
    assert_eq!(
        (&records[1].replay_of, records[1].attempts.len()),
        (&None, 2)
    );
    assert_eq!(records[1].answer, Some(json!({"title": "new"})));
}

#[test]
fn each_record_names_the_provider_that_answered() {
    #[derive(Debug)]
    struct Named(ScriptedProvider);

    #[async_trait::async_trait]
    impl duologue::provider::Provider for Named {
        fn name(&self) -> &'static str {
            "elsewhere"
        }

        async fn generate_json(
            &self,
            request: &duologue::chat::Request,
            call: &duologue::provider::CallContext,
        ) -> Result<duologue::chat::Response, duologue::provider::ProviderError> {
            self.0.generate_json(request, call).await
        }
    }

    let folder = crate::support::folder();
    let run = recorded(&folder, &[("tides", answer("old"))]);
    let builder = ReplayProvider::builder(run);
    let replay = builder.fall_through_to(Named(ScriptedProvider::new([answer("new")])));
    let runner = runner(&folder, "second", "{}", replay.build().unwrap());
    for about in ["tides", "waves"] {
        pollster::block_on(runner.run(&agent("planner"), topic(about))).unwrap();
    }
    runner.log().flush_blocking().unwrap();
    let providers: Vec<String> = records(&folder.path().join("second"))
        .into_iter()
        .map(|record| record.provider)
        .collect();
    assert_eq!(providers, ["scripted", "elsewhere"]);
    // A run of several providers is replayed under a name of its own.
    let again = ReplayProvider::from_run(folder.path().join("second")).unwrap();
    assert_eq!(duologue::provider::Provider::name(&again), "replay");
}

#[test]
fn the_first_unused_record_of_the_agent_answers_where_that_is_wanted() {
    let folder = crate::support::folder();
    let asked = [("tides", answer("first")), ("wind", answer("second"))];
    let builder = ReplayProvider::builder(recorded(&folder, &asked));
    let replay = builder.mode(ReplayMode::FirstUnused).build().unwrap();
    let runner = runner(&folder, "second", "{}", replay);
    let ask = |about| pollster::block_on(runner.run(&agent("planner"), topic(about)));
    assert_eq!(ask("wind").unwrap().data["title"], "second");
    assert_eq!(ask("something else").unwrap().data["title"], "first");
    let said = said(&ask("something else").unwrap_err());
    assert!(
        said.contains("no unused record of agent `planner` is left"),
        "{said}"
    );
}

#[test]
fn falling_through_needs_somebody_to_fall_to() {
    let folder = crate::support::folder();
    let builder = ReplayProvider::builder(recorded(&folder, &[("tides", answer("x"))]));
    let error = builder.mode(ReplayMode::FallThrough).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[test]
fn the_span_of_a_replayed_call_names_the_recorded_one() {
    let folder = TempDir::new().unwrap();
    let from = recorded(&folder, &[("tides", answer("Tides"))]);
    let replay = ReplayProvider::from_run(&from).unwrap();
    let runner = runner(&folder, "second", "{}", replay);
    let listening = Listening::start();
    pollster::block_on(runner.run(&agent("planner"), topic("tides"))).unwrap();

    let span = &listening.spans(names::CHAT)[0];
    assert_eq!(span.get(names::REPLAY_OF), records(&from)[0].call_id);
}
