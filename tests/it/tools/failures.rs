//! Tool calls without a result: each is recorded, bounded, and told to the model.

use std::time::Duration;

use duologue::call_log::{ToolFailure, ToolRecord, ToolStatus};
use duologue::chat::Message;
use duologue::provider::Reply;
use duologue::tool::{FunctionTool, ToolError, ToolOutput};
use serde_json::{Value, json};

use super::{Harbour, Nothing, answer, ask_tides, tool};
use crate::support::in_time;

/// What became of one call of `name` with these arguments.
fn outcome(harbour: &Harbour) -> (Message, ToolRecord) {
    harbour.run().unwrap();
    let (mut results, mut records) = (harbour.results(), harbour.tools());
    assert_eq!((results.len(), records.len()), (1, 1));
    let (result, record) = (results.remove(0), records.remove(0));
    assert_eq!(record.result.as_deref(), Some(&*result.content));
    assert_eq!(record.is_success(), !result.is_error);
    (result, record)
}

fn asked(name: &str, arguments: Value) -> [Reply; 2] {
    [Reply::tool_call(name, arguments), answer()]
}

fn kind(record: &ToolRecord) -> (ToolStatus, ToolFailure) {
    (record.status.unwrap(), record.error.as_ref().unwrap().kind)
}

#[test]
fn an_unknown_tool_is_told_which_there_are() {
    let harbour = Harbour::new(asked("tide_table", json!({})));
    let (result, record) = outcome(&harbour);
    assert_eq!(result.content, "there is no such tool; there are: `tides`");
    assert_eq!(
        kind(&record),
        (ToolStatus::Invalid, ToolFailure::UnknownTool)
    );
}

#[test]
fn a_name_that_no_tool_can_have_goes_back_as_one_that_providers_accept() {
    let harbour = Harbour::new(asked("functions.tides", json!({})));
    let (_, record) = outcome(&harbour);
    assert_eq!(record.name, "functions.tides");
    let request = harbour.script.requests().pop().unwrap();
    let calls = request
        .messages
        .iter()
        .flat_map(|message| &message.tool_calls);
    let names: Vec<_> = calls.map(|call| &*call.name).collect();
    assert_eq!(names, ["functions_tides"]);
}

#[test]
fn arguments_that_do_not_fit_are_told_place_by_place() {
    let harbour = Harbour::new(asked("tides", json!({"harbour": 7, "depth": 1})));
    let (result, record) = outcome(&harbour);
    assert!(
        result.content.contains("- /harbour: 7 is not of type"),
        "{}",
        result.content
    );
    assert!(result.content.contains("depth"), "{}", result.content);
    assert_eq!(
        kind(&record),
        (ToolStatus::Invalid, ToolFailure::InvalidArguments)
    );
    assert_eq!(harbour.called(), 0);
}

#[test]
fn arguments_that_are_no_json_are_refused() {
    let harbour = Harbour::new(asked("tides", json!("{\"harbour\": ")));
    let (result, record) = outcome(&harbour);
    assert!(result.content.contains("no JSON"));
    assert_eq!(
        kind(&record),
        (ToolStatus::Invalid, ToolFailure::InvalidArguments)
    );
}

#[test]
fn no_arguments_are_none() {
    for nothing in [json!(null), json!(""), json!({})] {
        let now = tool("now", || async { Ok("noon".to_owned()) });
        let harbour = Harbour::with(|set| set.tool(now), asked("now", nothing));
        assert_eq!(outcome(&harbour).0.content, "noon");
    }
}

#[test]
fn a_tool_that_fails_says_why() {
    let harbour = Harbour::new([ask_tides("Atlantis"), answer()]);
    let (result, record) = outcome(&harbour);
    assert_eq!(result.content, "no such harbour: it sank");
    assert_eq!(kind(&record), (ToolStatus::Failed, ToolFailure::Failed));
}

#[test]
fn a_tool_that_panics_tells_the_record_alone() {
    let in_async = tool("kraken", || async { panic!("eaten by {}", "a kraken") });
    let blocking =
        FunctionTool::blocking("kraken", "Eats.", |_: Nothing| -> Result<(), ToolError> {
            panic!("eaten by {}", "a kraken")
        });
    for kraken in [in_async, blocking] {
        let harbour = Harbour::with(|set| set.tool(kraken), asked("kraken", json!({})));
        let (result, record) = outcome(&harbour);
        assert_eq!(result.content, "the tool failed");
        assert_eq!(kind(&record), (ToolStatus::Failed, ToolFailure::Panicked));
        assert_eq!(
            record.error.unwrap().message,
            "it panicked: eaten by a kraken"
        );
    }
}

#[test]
fn a_tool_that_hangs_is_given_up() {
    let harbour = Harbour::with(
        |set| {
            set.tool(tool("sleep", std::future::pending))
                .timeout(Duration::from_millis(20))
        },
        asked("sleep", json!({})),
    );
    let (result, record) = in_time(move || outcome(&harbour));
    assert_eq!(result.content, "the tool gave no result within 20ms");
    assert_eq!(kind(&record), (ToolStatus::TimedOut, ToolFailure::Timeout));
}

#[test]
fn a_hundred_megabytes_are_cut_down_in_the_middle() {
    const HUGE: usize = 100_000_000;
    let flood = tool("flood", || async {
        let mut text = "ä".repeat(HUGE / 2);
        text.replace_range(..4, "head");
        text.push_str("tail");
        Ok(text)
    });
    let harbour = Harbour::with(
        |set| set.tool(flood).max_result_bytes(1_000),
        asked("flood", json!({})),
    );
    let (result, record) = outcome(&harbour);
    assert!(result.content.len() < 1_100);
    assert!(result.content.starts_with("head") && result.content.ends_with("tail"));
    assert!(
        result
            .content
            .contains("99999006 of 100000004 bytes left out"),
        "{}",
        result.content
    );
    assert_eq!(record.result_bytes, Some(HUGE as u64 + 4));
    assert_eq!(record.status, Some(ToolStatus::Succeeded));
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    #[derive(Debug)]
    struct Raw(duologue::tool::ToolDefinition);
    #[async_trait::async_trait]
    impl duologue::tool::Tool for Raw {
        fn definition(&self) -> &duologue::tool::ToolDefinition {
            &self.0
        }
        async fn call(
            &self,
            _: Value,
            _: &duologue::tool::ToolContext,
        ) -> Result<ToolOutput, ToolError> {
            Ok(ToolOutput::bytes(b"caf\xe9 \xff"))
        }
    }
    let raw = Raw(duologue::tool::ToolDefinition::new(
        "raw",
        "",
        json!({"type": "object"}),
    ));
    let harbour = Harbour::with(|set| set.tool(raw), asked("raw", json!({})));
    assert_eq!(outcome(&harbour).0.content, "caf\u{fffd} \u{fffd}");
}
