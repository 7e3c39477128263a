//! The delivery gate: what acts on the world runs only where that is allowed, and refusals are kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use duologue::agent::AgentSpec;
use duologue::error::ErrorKind;
use duologue::flow::audit::{AuditStore, Audited, MemoryAudit};
use duologue::flow::control::{
    ControlPlane, ControlPlaneBuilder, DeliveryPolicy, Event, FlowContext, FlowOptions, RunState,
};
use duologue::provider::Reply;
use duologue::tool::{
    FunctionTool, PermissionAction, PermissionRule, ToolContext, ToolError, ToolSet,
};
use serde_json::{Value, json};

use super::tides;
use crate::support::{Stage, topic};

/// A tool that sends, which rules allow, and how often it was called.
fn mail(sent: &Arc<AtomicUsize>) -> ToolSet {
    let sent = sent.clone();
    let tool = FunctionTool::new(
        "send",
        "Sends a mail.",
        move |_: serde_json::Map<String, Value>| {
            sent.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, ToolError>("sent") }
        },
    );
    ToolSet::builder()
        .tool(tool.acting_on_world())
        .permissions([PermissionRule::new("*", PermissionAction::Allow)])
        .build()
        .unwrap()
}

fn refusals(audit: &MemoryAudit, run_id: &str) -> Vec<String> {
    let history = pollster::block_on(audit.history(run_id)).unwrap().unwrap();
    let refused = history
        .entries
        .into_iter()
        .filter_map(|entry| match entry.what {
            Audited::Trace(step) => {
                let error = step
                    .error
                    .filter(|error| error.kind == ErrorKind::NotPermitted);
                error.map(|_| step.name)
            }
            _ => None,
        });
    refused.collect()
}

/// Delivers in each of the ways that there are for a flow's own code.
fn builder(done: &Arc<AtomicUsize>) -> ControlPlaneBuilder {
    let (step, delivery, whole) = (done.clone(), done.clone(), done.clone());
    ControlPlane::builder()
        .acts_on_world("mailer")
        .flow("step", move |context: FlowContext| {
            let done = step.clone();
            async move {
                context
                    .step("mailer", async { Ok(done.fetch_add(1, Ordering::SeqCst)) })
                    .await?;
                Ok(tides())
            }
        })
        .flow("delivery", move |context: FlowContext| {
            let done = delivery.clone();
            async move {
                context
                    .deliver("post", async { Ok(done.fetch_add(1, Ordering::SeqCst)) })
                    .await?;
                Ok(tides())
            }
        })
        .flow_with(
            "whole",
            move |_: FlowContext| {
                whole.fetch_add(1, Ordering::SeqCst);
                async { Ok(tides()) }
            },
            FlowOptions::new().delivers(),
        )
}

#[test]
fn nothing_delivers_unless_policy_and_event_allow_it() {
    let cases = [
        (DeliveryPolicy::Forbidden, false, false),
        (DeliveryPolicy::Forbidden, true, false),
        (DeliveryPolicy::ByEvent, false, false),
        (DeliveryPolicy::ByEvent, true, true),
        (DeliveryPolicy::Allowed, false, true),
    ];
    for (policy, by_event, allowed) in cases {
        for (flow, name) in [("step", "mailer"), ("delivery", "post"), ("whole", "whole")] {
            let (audit, done) = (MemoryAudit::new(), Arc::new(AtomicUsize::new(0)));
            let plane = builder(&done)
                .audit(audit.clone())
                .delivery(policy)
                .build()
                .unwrap();
            let mut event = Event::new(flow, Value::Null);
            event.allow_delivery = by_event;
            let run = pollster::block_on(plane.ingest(event)).unwrap();
            assert_eq!(
                done.load(Ordering::SeqCst),
                usize::from(allowed),
                "{policy:?} {flow}"
            );
            if allowed {
                assert_eq!(run.state(), RunState::Succeeded);
                assert!(refusals(&audit, run.id()).is_empty());
            } else {
                let error = run.status().error.unwrap();
                assert_eq!(error.kind, ErrorKind::NotPermitted);
                assert!(
                    error.message.contains("acts on the world"),
                    "{}",
                    error.message
                );
                assert_eq!(refusals(&audit, run.id()), [name], "{policy:?}");
            }
        }
    }
}

#[test]
fn a_tool_that_acts_on_the_world_is_rejected_whatever_its_rules_say() {
    for (policy, expected) in [(DeliveryPolicy::Forbidden, 0), (DeliveryPolicy::Allowed, 1)] {
        let (audit, sent) = (MemoryAudit::new(), Arc::new(AtomicUsize::new(0)));
        let stage = Arc::new(Stage::new([
            Reply::tool_call("send", json!({})),
            Reply::json(json!({"title": "done", "steps": ["a"]})),
        ]));
        let inner = stage.clone();
        let plane = ControlPlane::builder()
            .tools(mail(&sent))
            .audit(audit.clone())
            .delivery(policy)
            .flow("digest", move |context: FlowContext| {
                let stage = inner.clone();
                async move {
                    let runner = stage.runner.with_tools(context.tools());
                    let spec = AgentSpec::new("planner", "planner", "m").with_tools(["*"]);
                    runner.run_with(&spec, topic(), context.options()).await?;
                    Ok(tides())
                }
            })
            .build()
            .unwrap();
        let run = pollster::block_on(plane.ingest(Event::new("digest", Value::Null))).unwrap();
        assert_eq!(
            run.state(),
            RunState::Succeeded,
            "the agent answers all the same"
        );
        assert_eq!(sent.load(Ordering::SeqCst), expected);
        let call = &stage.memory.tool_calls()[0];
        if expected == 0 {
            assert_eq!(refusals(&audit, run.id()), ["send"]);
            assert_eq!(call.permission.as_deref(), Some("delivery gate"));
            let told = call.result.as_deref().unwrap();
            assert!(told.contains("does not allow delivery"), "{told}");
        } else {
            assert!(refusals(&audit, run.id()).is_empty());
        }
        assert_eq!(stage.memory.records()[0].job_id.as_deref(), Some(run.id()));
    }
}

#[test]
fn a_runner_with_tools_of_its_own_goes_behind_the_gate_too() {
    let sent = Arc::new(AtomicUsize::new(0));
    let stage = Stage::new([Reply::json(json!({}))]);
    let runner = stage.runner.with_tools(mail(&sent));
    let plane = ControlPlane::builder()
        .flow("digest", move |context: FlowContext| {
            let gated = context.runner(&runner);
            async move {
                let asked = ToolContext::default();
                let answer = gated.tools().permit("send", &json!({}), &asked).await;
                assert_eq!(answer.decided_by(), Some("delivery gate"));
                Ok(tides())
            }
        })
        .build()
        .unwrap();
    let run = pollster::block_on(plane.ingest(Event::new("digest", Value::Null))).unwrap();
    assert_eq!(run.state(), RunState::Succeeded);
    let spec = AgentSpec::new("planner", "planner", "m");
    pollster::block_on(stage.runner.run(&spec, topic())).unwrap();
}

#[test]
fn an_agent_that_acts_on_the_world_does_not_run_by_a_runner_of_the_context_either() {
    let (stage, audit) = (Arc::new(Stage::new([])), MemoryAudit::new());
    let inner = stage.clone();
    let plane = ControlPlane::builder()
        .acts_on_world("mailer")
        .audit(audit.clone())
        .flow("digest", move |context: FlowContext| {
            let runner = context.runner(&inner.runner);
            async move {
                let spec = AgentSpec::new("mailer", "planner", "m");
                runner.run(&spec, topic()).await?;
                Ok(tides())
            }
        })
        .build()
        .unwrap();
    let run = pollster::block_on(plane.ingest(Event::new("digest", Value::Null))).unwrap();
    assert_eq!(run.status().error.unwrap().kind, ErrorKind::NotPermitted);
    assert_eq!(refusals(&audit, run.id()), ["mailer"]);
    assert!(stage.memory.records().is_empty(), "no request was made");
}
