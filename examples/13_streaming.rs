//! An answer as it arrives: shown live across a broken connection and a repair, from async code and
//! as an iterator, and given up halfway.

use std::error::Error;

use duologue::agent::StreamEvent;
use duologue::call_log::MemoryCallLogger;
use duologue::prompt::PromptLibrary;
use duologue::provider::{Reply, RetryPolicy, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec, blocking};
use futures::StreamExt;
use serde_json::json;

/// What a user interface keeps of an answer on its way.
#[derive(Debug, Default)]
struct Screen {
    text: String,
    title: String,
}

impl Screen {
    fn show(&mut self, event: &StreamEvent) {
        match event {
            // An answer begins anew: the first one, a repair, or another attempt.
            StreamEvent::CallStarted { .. } | StreamEvent::Restarted => *self = Self::default(),
            StreamEvent::TextDelta(piece) => self.text.push_str(piece),
            StreamEvent::PartialJson(value) => {
                let title = value["title"].as_str().unwrap_or_default();
                if title != self.title {
                    println!("title so far: {title}");
                }
                title.clone_into(&mut self.title);
            }
            StreamEvent::Repaired { violations, .. } => {
                println!("{violations} error in the answer, it is repaired");
            }
            _ => {}
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let talk = json!({"title": "Why tides follow the Moon", "minutes": 20});
    let script = ScriptedProvider::new([
        Reply::json(json!({"title": "Tides"})),
        Reply::json(talk.clone()).breaks_after("Why tides"),
        Reply::json(talk.clone()).chunks_of(12),
        Reply::json(talk.clone()).chunks_of(12),
        Reply::json(talk).stalls_after("Why tides"),
    ]);
    let prompts = PromptLibrary::in_memory([("planner/system.tera", "Plan a talk.")]);
    let records = MemoryCallLogger::new();
    let runner = AgentRunner::builder(script, prompts)
        .logger(records.clone())
        .retry(RetryPolicy::default().with_initial_delay(std::time::Duration::from_millis(1)))
        .build();
    let planner = AgentSpec::new("planner", "planner", "gpt-5-mini")
        .with_response_schema(json!({"type": "object", "required": ["title", "minutes"]}));

    let mut screen = Screen::default();
    let mut events = runner.stream(&planner, ());
    while let Some(event) = events.next().await {
        let event = event?;
        screen.show(&event);
        if let StreamEvent::Finished(plan) = event {
            println!("finished: {} ({} repair)", plan.data["title"], plan.repairs);
        }
    }
    println!("shown at the end: {}", screen.text);

    // The same without async: an iterator.
    let runner = blocking::AgentRunner::from(runner);
    let pieces = runner
        .stream(&planner, ())
        .filter(|event| matches!(event, Ok(StreamEvent::TextDelta(_))));
    println!("the iterator gave {} pieces", pieces.count());

    // A reader that has seen enough drops the stream; the record has what came.
    let mut text = String::new();
    for event in runner.stream(&planner, ()) {
        if let StreamEvent::TextDelta(piece) = event? {
            text.push_str(&piece);
        }
        if text.contains("tides") {
            break;
        }
    }
    let record = records.records().pop().ok_or("no record")?;
    let status = record.status.map_or("running", |status| status.as_str());
    let tokens = record.usage.output_tokens.unwrap_or_default();
    println!(
        "given up: {status}, about {tokens} tokens for {:?}",
        record.raw_answer
    );
    assert!(record.usage.estimated);
    Ok(())
}
