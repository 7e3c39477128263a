//! What a streamed run tells `tracing`.

use duologue::provider::Reply;
use duologue::telemetry::names;
use futures::StreamExt as _;

use super::{is_text, read_until};
use crate::support::spans::Listening;
use crate::support::{Stage, plan, planner, topic};

#[test]
fn a_streamed_call_says_so_and_when_its_first_piece_came() {
    let stage = Stage::new([Reply::json(plan()).usage(4, 5), Reply::json(plan())]);
    let listening = Listening::start();
    let outcome = pollster::block_on(stage.runner.stream(&planner(), topic()).outcome());
    outcome.unwrap();
    pollster::block_on(stage.runner.run(&planner(), topic())).unwrap();

    let [streamed, at_once] = &listening.spans(names::CHAT)[..] else {
        panic!("two calls");
    };
    assert_eq!(streamed.get(names::GEN_AI_REQUEST_STREAM), "true");
    let first_chunk = streamed.get(names::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK);
    assert!(first_chunk.parse::<f64>().unwrap() < 10.0);
    assert_eq!(streamed.get(names::GEN_AI_USAGE_OUTPUT_TOKENS), "5");
    for name in [
        names::GEN_AI_REQUEST_STREAM,
        names::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
    ] {
        assert_eq!(at_once.get(name), "");
    }
}

#[test]
fn the_spans_belong_where_the_stream_was_asked_for() {
    let stage = Stage::new([Reply::json(plan())]);
    let listening = Listening::start();
    let mut events = {
        let span = tracing::info_span!(target: "duologue::test", "outer");
        let _inside = span.enter();
        stage.runner.stream(&planner(), topic())
    };
    assert!(read_until(&mut events, is_text));
    // Between two events nothing of the run is around the consumer's own work.
    assert!(tracing::Span::current().is_none());
    pollster::block_on(events.count());
    let outer = &listening.spans("outer")[0];
    assert_eq!(listening.spans(names::INVOKE_AGENT)[0].parent, outer.id);
}

#[test]
fn a_broken_stream_has_its_estimated_tokens_in_its_span_and_a_dropped_one_ends_as_cancelled() {
    let stage = Stage::new([
        Reply::json(plan()).stalls_after("Tides"),
        Reply::error(duologue::ErrorKind::Auth),
    ]);
    let listening = Listening::start();
    let mut events = stage.runner.stream(&planner(), topic());
    assert!(read_until(&mut events, is_text));
    drop(events);
    let span = &listening.spans(names::CHAT)[0];
    assert!(span.is_closed);
    assert_eq!(span.get(names::ERROR_TYPE), "cancelled");

    let broken = Stage::new([
        Reply::json(plan()).breaks_after("Tides"),
        Reply::status(401),
    ]);
    let stream = broken.runner.stream(&planner(), topic());
    pollster::block_on(stream.outcome()).unwrap_err();
    let span = &listening.spans(names::CHAT)[1];
    assert_eq!(span.get(names::GEN_AI_USAGE_OUTPUT_TOKENS), "4");
}
