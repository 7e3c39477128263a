//! What is told, in which order.

use async_trait::async_trait;
use duologue::agent::StreamEvent;
use duologue::chat::{Request, Response, Usage};
use duologue::provider::{CallContext, Provider, ProviderError, Reply};
use futures::StreamExt as _;
use futures::stream::FusedStream as _;
use serde::Deserialize;
use serde_json::json;

use super::{in_short, shown, told, values};
use crate::support::{Stage, plan, planner, topic};

#[test]
fn a_run_is_told_from_its_start_to_its_outcome() {
    let stage = Stage::new([Reply::json(plan()).usage(10, 5).chunks_of(12)]);
    let events = told(stage.runner.stream(&planner(), topic()));
    assert_eq!(
        in_short(&events),
        [
            "started",
            "call 1",
            "text: {\"title\":\"Ti",
            "value {\"title\":\"Ti\"}",
            "text: des\",\"steps\"",
            "value {\"title\":\"Tides\"}",
            "text: :[\"moon\"]}",
            "value {\"title\":\"Tides\",\"steps\":[\"moon\"]}",
            "usage 15",
            "finished {\"title\":\"Tides\",\"steps\":[\"moon\"]}",
        ]
    );
    let record = &stage.memory.records()[0];
    assert!(record.streamed && record.first_token_ms.is_some());
    assert_eq!(record.raw_answer, Some(plan().to_string()));
}

#[test]
fn a_repair_and_a_retry_void_what_was_shown() {
    let stage = Stage::new([
        Reply::json(json!({"title": 1, "steps": []})),
        Reply::json(plan()).breaks_after("Ti"),
        Reply::status(503),
        Reply::json(plan()),
    ]);
    let events = told(
        stage
            .runner
            .stream(&planner(), topic())
            .without_partial_json(),
    );
    assert_eq!(
        in_short(&events),
        [
            "started",
            "call 1",
            "text: {\"title\":1,\"steps\":[]}",
            "repair 1 of 2",
            "call 2",
            "text: {\"title\":\"Ti",
            "restarted",
            "text: {\"title\":\"Tides\",\"steps\":[\"moon\"]}",
            "finished {\"title\":\"Tides\",\"steps\":[\"moon\"]}",
        ]
    );
    assert_eq!(shown(&events), plan().to_string());
}

#[test]
fn reasoning_and_tool_calls_have_pieces_of_their_own() {
    let stage = Stage::new([Reply::tool_call("look", json!({"at": "moon"}))]);
    let mut spec = planner();
    spec.max_schema_repair_attempts = 0;
    let events = told(stage.runner.stream(&spec, topic()));
    assert_eq!(
        in_short(&events)[2..4],
        [
            "tool: look{\"at\":\"moon\"}",
            "tool call look {\"at\":\"moon\"}"
        ]
    );
}

/// A provider that was written before there were streams.
#[derive(Debug)]
struct AtOnce;

#[async_trait]
impl Provider for AtOnce {
    fn name(&self) -> &'static str {
        "at-once"
    }

    async fn generate_json(
        &self,
        _: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        call.attempts().open().close(None);
        let mut response = Response::text(plan().to_string()).with_usage(Usage::new(3, 4));
        response.reasoning = Some("hm".to_owned());
        Ok(response)
    }
}

#[test]
fn a_provider_that_cannot_stream_gives_the_same_events() {
    let stage = Stage::around(AtOnce, duologue::provider::ScriptedProvider::new([]));
    let events = told(stage.runner.stream(&planner(), topic()));
    let answer = plan();
    assert_eq!(
        in_short(&events),
        [
            "started".to_owned(),
            "call 1".to_owned(),
            "reasoning: hm".to_owned(),
            format!("text: {answer}"),
            format!("value {answer}"),
            "usage 7".to_owned(),
            format!("finished {answer}"),
        ]
    );
    assert_eq!(stage.memory.records()[0].first_token_ms, None);
}

#[test]
fn what_fails_before_the_first_request_is_the_first_item() {
    let stage = Stage::new([]);
    let mut too_warm = planner();
    too_warm.temperature = Some(3.0);
    let streams = [
        stage.runner.stream(&planner(), json!({})),
        stage.runner.stream(&planner(), json!([])),
        stage.runner.stream(&too_warm, topic()),
        stage
            .runner
            .stream(&planner().with_token_budget(1), topic()),
    ];
    let ends = streams.map(|stream| in_short(&told(stream)));
    let wanted = [
        "error prompt",
        "error config",
        "error config",
        "error budget_exhausted",
    ];
    assert_eq!(ends, wanted.map(|word| vec![word.to_owned()]));
    assert_eq!(stage.memory.records().len(), 0);
}

#[test]
fn a_stream_that_ended_stays_ended() {
    let stage = Stage::new([Reply::json(plan()), Reply::json(plan())]);
    pollster::block_on(async {
        let mut events = stage.runner.stream(&planner(), topic());
        assert!(!events.is_terminated());
        while events.next().await.is_some() {}
        assert!(events.is_terminated());
        assert!(events.next().await.is_none());
        let error = events.outcome().await.unwrap_err();
        assert!(error.to_string().contains("given its outcome already"));

        let outcome = stage.runner.stream(&planner(), topic()).outcome().await;
        assert_eq!(outcome.unwrap().data, plan());
    });
}

#[derive(Debug, PartialEq, Deserialize, schemars::JsonSchema)]
struct Title {
    title: String,
}

#[test]
fn a_typed_stream_ends_in_a_typed_outcome_and_can_be_sent_anywhere() {
    let stage = Stage::new([Reply::json(json!({"title": "Tides"}))]);
    let mut spec = planner();
    spec.response_schema = None;
    let events = stage.runner.stream_as::<Title>(&spec, topic());
    drop((stage.runner, spec));
    let thread = std::thread::spawn(move || pollster::block_on(events.outcome()));
    let outcome = thread.join().unwrap().unwrap();
    assert_eq!(outcome.data.title, "Tides");
}

#[test]
fn snapshots_stay_in_proportion_and_a_look_is_always_current() {
    let steps: Vec<String> = (0..2_000).map(|number| format!("step {number}")).collect();
    let answer = json!({"title": "Tides", "steps": steps});
    let bytes = answer.to_string().len();
    let stage = Stage::new([
        Reply::json(answer.clone()).chunks_of(10),
        Reply::json(answer.clone()).chunks_of(10),
    ]);
    let events = told(stage.runner.stream(&planner(), topic()));
    let values = values(&events);
    let copied: usize = values.iter().map(|value| value.to_string().len()).sum();
    assert!(copied < 12 * bytes, "{copied} for {bytes}");
    assert_eq!(values.last(), Some(&answer));

    pollster::block_on(async {
        let mut events = stage.runner.stream(&planner(), topic());
        let (mut text, mut looks) = (String::new(), 0);
        while let Some(event) = events.next().await {
            let StreamEvent::TextDelta(piece) = event.unwrap() else {
                continue;
            };
            text.push_str(&piece);
            let value = events.partial_json().unwrap();
            let known = value["steps"].as_array().map_or(0, Vec::len);
            let whole = text.matches("\"step ").count();
            assert!(known == whole || known == whole + 1, "{known} of {whole}");
            looks += 1;
        }
        assert!(looks > 2_000);
    });
}

#[test]
fn many_streams_at_once_do_not_mix() {
    let replies = (0..50).map(|number| {
        let answer = json!({"title": format!("Talk {number}"), "steps": ["a"]});
        Reply::json(answer).when(format!("<{number}>")).chunks_of(3)
    });
    let stage = Stage::new(replies);
    let streams: Vec<_> = (0..50)
        .map(|number| {
            let variables = json!({"topic": format!("<{number}>")});
            stage.runner.stream(&planner(), variables).enumerate()
        })
        .map(|stream| stream.map(|(at, event)| (at, event.unwrap())))
        .collect();
    let events = pollster::block_on(async {
        let tagged = streams
            .into_iter()
            .enumerate()
            .map(|(number, stream)| stream.map(move |(_, event)| (number, event)));
        futures::stream::select_all(tagged)
            .collect::<Vec<_>>()
            .await
    });
    for number in 0..50 {
        let own = events.iter().filter(|(of, _)| *of == number);
        let own: Vec<_> = own.map(|(_, event)| Ok(event.clone())).collect();
        assert!(shown(&own).contains(&format!("\"Talk {number}\"")));
    }
    // They took turns: the first one did not end before the last one began.
    let end_of_first = events
        .iter()
        .position(|(of, event)| *of == 0 && matches!(event, StreamEvent::Finished(_)));
    let start_of_last = events.iter().position(|(of, _)| *of == 49);
    assert!(start_of_last < end_of_first);
    assert_eq!(stage.memory.records().len(), 50);
}
