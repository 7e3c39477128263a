//! Turns of tools.

use duologue::agent::AgentMode;
use duologue::agent::{Conversation, RunOptions};
use duologue::chat::{Message, Role, ToolCall};
use duologue::error::ToolStatus;
use duologue::provider::{Reply, ScriptedProvider};
use duologue::tool::ToolSet;
use duologue::{AgentRunner, AgentSpec, ErrorKind};
use serde_json::json;

use super::{Harbour, agent, answer, ask_tides, results, tool};
use crate::support::{Stage, plan, planner, prompts, topic};

#[test]
fn results_go_to_the_model_in_its_order_behind_its_answer() {
    let harbour = Harbour::new([
        ask_tides("Dover").and_tool_call("tides", json!({"harbour": "Calais"})),
        answer(),
    ]);
    let outcome = harbour.run().unwrap();

    assert_eq!(outcome.data, plan());
    let requests = harbour.script.requests();
    let [first, second] = &requests[..] else {
        panic!("{} requests", requests.len())
    };
    assert_eq!(first.tools.len(), 1);
    assert_eq!(first.tools, second.tools);
    assert_eq!(first.response_schema, second.response_schema);
    let added = &second.messages[first.messages.len()..];
    assert_eq!(added[0].role, Role::Assistant);
    assert_eq!(added[0].tool_calls.len(), 2);
    assert_eq!(
        added[1..],
        [
            Message::tool("tool_call_1", "06:12 in Dover"),
            Message::tool("tool_call_2", "06:12 in Calais"),
        ]
    );
}

#[test]
fn the_ledger_names_each_tool_call_and_holds_no_content() {
    let harbour = Harbour::new([ask_tides("Dover"), ask_tides("Atlantis"), answer()]);
    let outcome = harbour.run().unwrap();
    let statuses: Vec<_> = outcome.ledger.tools().map(|tool| tool.status).collect();
    assert_eq!(statuses, [ToolStatus::Succeeded, ToolStatus::Failed]);
    assert_eq!(outcome.ledger.calls.len(), 3);
    let shown = format!("{:?}", outcome.ledger);
    assert!(
        shown.contains("tides") && !shown.contains("Dover"),
        "{shown}"
    );
}

#[test]
fn an_agent_has_the_tools_that_its_patterns_fit() {
    let harbour = Harbour::with(
        |set| {
            set.tool(tool("fs__read", || async { Ok(String::new()) }))
                .tool(tool("fs__write", || async { Ok(String::new()) }))
        },
        [answer().forever()],
    );
    for (patterns, expected) in [
        (vec![], ""),
        (vec!["fs__*"], "fs__read fs__write"),
        (vec!["fs__write", "tides"], "tides fs__write"),
        (vec!["*"], "tides fs__read fs__write"),
    ] {
        let spec = planner().with_tools(patterns);
        pollster::block_on(harbour.runner.run(&spec, topic())).unwrap();
        let request = harbour.script.requests().pop().unwrap();
        let names: Vec<_> = request.tools.iter().map(|tool| &*tool.name).collect();
        assert_eq!(names.join(" "), expected);
    }
}

#[test]
fn a_pattern_that_fits_nothing_is_found_before_any_request() {
    let harbour = Harbour::new([]);
    let spec = planner().with_tools(["tide"]);
    let run = pollster::block_on(harbour.runner.run(&spec, topic()));
    for error in [run.unwrap_err(), harbour.runner.check(&spec).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(
            format!("{error:#}"),
            "agent `planner`, key `tools`: no tool fits `tide` (hint: did you mean `tides`?)"
        );
    }
    assert!(harbour.memory.records().is_empty());

    let none = Stage::new([]);
    let error = none.runner.check(&spec).unwrap_err();
    assert!(error.hint().unwrap().contains("there are no tools"));
}

#[test]
fn more_turns_than_the_agent_has_end_the_run() {
    let harbour = Harbour::new([ask_tides("Dover").forever()]);
    let spec = agent().with_max_turns(2);
    let error = pollster::block_on(harbour.runner.run(&spec, topic())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaxTurnsExceeded);
    assert_eq!(error.ledger().calls.len(), 3);
    assert_eq!(harbour.called(), 2);
    let last = harbour.memory.records().pop().unwrap();
    assert_eq!(last.error.unwrap().kind, ErrorKind::MaxTurnsExceeded);
    assert_eq!(last.ends_execution, Some(true));
    assert_eq!(last.tool_calls.len(), 1);
}

#[test]
fn a_model_that_asks_for_the_same_again_and_again_is_told() {
    let mut replies = vec![ask_tides("Dover"); 4];
    replies.extend([ask_tides("Calais"), answer()]);
    let harbour = Harbour::new(replies);
    harbour.run().unwrap();
    let last = harbour.script.requests().pop().unwrap();
    let told: Vec<_> = results(&last)
        .iter()
        .map(|message| message.content.contains("in a row"))
        .collect();
    assert_eq!(told, [false, false, true, true, false]);
}

#[test]
fn tools_stay_and_repairs_take_each_others_place() {
    let harbour = Harbour::new([
        Reply::text("no"),
        ask_tides("Dover"),
        Reply::text("still no"),
        Reply::text("never"),
        answer(),
    ]);
    let spec = agent().with_max_schema_repair_attempts(3);
    let outcome = pollster::block_on(harbour.runner.run(&spec, topic())).unwrap();
    assert_eq!(outcome.repairs, 3);
    let lengths: Vec<_> = harbour
        .script
        .requests()
        .iter()
        .map(|request| request.messages.len())
        .collect();
    assert_eq!(lengths, [2, 4, 6, 8, 8]);
    let turns: Vec<_> = harbour
        .memory
        .records()
        .iter()
        .map(|record| (record.attempt, record.turn.unwrap()))
        .collect();
    assert_eq!(turns, [(1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]);
}

#[test]
fn tool_calls_that_nobody_offered_are_an_answer_to_repair() {
    let stage = Stage::new([ask_tides("Dover"), answer()]);
    let outcome = pollster::block_on(stage.runner.run(&planner(), topic())).unwrap();
    assert_eq!(outcome.repairs, 1);
    let told = &stage.script.requests()[1].messages[3].content;
    assert!(told.contains("there are none"), "{told}");
}

#[test]
fn ids_that_are_missing_or_double_are_made_up() {
    #[derive(Debug)]
    struct Careless;
    #[async_trait::async_trait]
    impl duologue::provider::Provider for Careless {
        fn name(&self) -> &'static str {
            "careless"
        }
        async fn generate_json(
            &self,
            request: &duologue::chat::Request,
            _: &duologue::provider::CallContext,
        ) -> Result<duologue::chat::Response, duologue::provider::ProviderError> {
            if request.messages.len() > 2 {
                return Ok(duologue::chat::Response::text(plan().to_string()));
            }
            let calls = ["", "a", "a", "tool_call_1", ""];
            let calls = calls.map(|id| ToolCall::new(id, "tides", json!({"harbour": "Dover"})));
            Ok(duologue::chat::Response::text("").with_tool_calls(calls))
        }
    }
    let harbour = Harbour::new([]);
    let memory = duologue::call_log::MemoryCallLogger::new();
    let set = ToolSet::builder().tool(super::tides(&harbour.called));
    let runner = AgentRunner::builder(Careless, prompts())
        .logger(memory.clone())
        .tools(set.build().unwrap())
        .build();
    pollster::block_on(runner.run(&agent(), topic())).unwrap();
    let records = memory.records();
    let asked: Vec<_> = records[0].tool_calls.iter().map(|call| &call.id).collect();
    let told: Vec<_> = records[1].messages[3..]
        .iter()
        .map(|message| message.tool_call_id.as_ref().unwrap())
        .collect();
    assert_eq!(asked, told);
    let different: std::collections::BTreeSet<_> = asked.iter().collect();
    assert_eq!(different.len(), 5, "{asked:?}");
}

#[test]
fn a_conversation_keeps_the_question_and_the_answer() {
    let harbour = Harbour::new([ask_tides("Dover"), answer(), answer()]);
    let spec = agent().with_mode(AgentMode::Conversational);
    let mut conversation = Conversation::new();
    for _ in 0..2 {
        let options = RunOptions::new().conversation(&mut conversation);
        pollster::block_on(harbour.runner.run_with(&spec, topic(), options)).unwrap();
    }
    assert_eq!(conversation.turns(), 2);
    assert_eq!(harbour.script.requests()[2].messages.len(), 4);
}

#[test]
fn a_hundred_calls_side_by_side_and_sixty_four_of_one_answer() {
    let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(64));
    let waiting = tool("wait", move || {
        let barrier = barrier.clone();
        async move {
            barrier.wait().await;
            Ok("met".to_owned())
        }
    });
    let mut ask = Reply::tool_call("wait", json!({}));
    for _ in 1..100 {
        ask = ask.and_tool_call("wait", json!({}));
    }
    let harbour = Harbour::with(|set| set.tool(waiting), [ask, answer()]);
    harbour.run().unwrap();
    let tools = harbour.tools();
    let count = |status| {
        tools
            .iter()
            .filter(|tool| tool.status == Some(status))
            .count()
    };
    assert_eq!(
        (count(ToolStatus::Succeeded), count(ToolStatus::Rejected)),
        (64, 36)
    );
    let results = harbour.results();
    assert_eq!(results.len(), 100);
    assert!(results[99].is_error && results[99].content.contains("at most 64"));
}

#[test]
fn an_ordered_set_runs_one_after_the_other() {
    let running = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let alone = tool("alone", move || {
        let running = running.clone();
        async move {
            let others = running.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            tokio::task::yield_now().await;
            running.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
            Ok(others.to_string())
        }
    });
    let ask = Reply::tool_call("alone", json!({})).and_tool_call("alone", json!({}));
    let harbour = Harbour::with(|set| set.tool(alone).ordered(), [ask, answer()]);
    harbour.run().unwrap();
    assert!(harbour.results().iter().all(|result| result.content == "0"));
}

#[test]
fn a_spec_names_its_tools_in_a_file() {
    let yaml =
        r#"{"name": "a", "prompt_pack": "p", "model": "m", "tools": ["fs__*"], "max_turns": 3}"#;
    let spec: AgentSpec = serde_json::from_str(yaml).unwrap();
    assert_eq!((&*spec.tools[0], spec.max_turns), ("fs__*", 3));
    let error = spec.with_max_turns(0).validate().unwrap_err();
    assert_eq!(error.to_string(), "agent `a`: `max_turns` is 0");
}

#[test]
fn a_reply_file_calls_tools() {
    let folder = crate::support::folder();
    let path = folder.path().join("replies.yaml");
    let text = "replies:\n  - tool_calls: [{name: tides, arguments: {harbour: Dover}}]\n    usage: {input_tokens: 7}\n  - {json: {title: Tides, steps: [moon]}}\n";
    std::fs::write(&path, text).unwrap();
    let script = ScriptedProvider::from_file(&path).unwrap();
    let set = ToolSet::builder().tool(super::tides(&std::sync::Arc::default()));
    let runner = AgentRunner::builder(script.clone(), prompts())
        .tools(set.build().unwrap())
        .build();
    let outcome = pollster::block_on(runner.run(&agent(), topic())).unwrap();
    assert_eq!(outcome.usage.input_tokens, Some(7));
    assert_eq!(results(&script.requests()[1])[0].content, "06:12 in Dover");

    std::fs::write(&path, "replies: [{never: true, tool_calls: [{name: a}]}]").unwrap();
    let error = ScriptedProvider::from_file(&path).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`tool_calls` goes with an answer alone"),
        "{error}"
    );
}
