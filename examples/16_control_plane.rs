//! The control plane: an agent as a flow, a queue with a worker, a scheduler that feeds it, and a gate
//! before what acts on the world.

use std::error::Error;
use std::time::Duration;

use duologue::flow::audit::{AuditStore, Audited, MemoryAudit};
use duologue::flow::control::{
    ControlPlane, DeliveryPolicy, Event, FlowContext, MemoryQueue, Scheduler,
};
use duologue::flow::envelope::Envelope;
use duologue::prompt::PromptLibrary;
use duologue::provider::{Reply, ScriptedProvider};
use duologue::{AgentRunner, AgentSpec};
use serde_json::json;
use tokio_util::sync::CancellationToken;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let audit = MemoryAudit::new();
    let control = control(&audit)?;

    // Twice, a moment apart: once with leave to send the digest, once without.
    let (submitting, stop) = (control.clone(), CancellationToken::new());
    let scheduler = Scheduler::builder()
        .every(Duration::from_millis(5), "digest", move |tick| {
            let control = submitting.clone();
            async move {
                let mut event = Event::new("digest", json!({"harbour": "Dover"}));
                event.allow_delivery = tick.number == 1;
                event.run_id = Some(format!("digest-{}", tick.number));
                control.ingest(event).await.map(drop)
            }
        })
        .build()?;
    let ending = async {
        for id in ["digest-1", "digest-2"] {
            while control.run(id).is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            if let Some(run) = control.run(id) {
                println!("{id}: {}", run.wait().await.state);
            }
        }
        stop.cancel();
    };
    let (worked, _, ()) = futures::join!(control.work(&stop), scheduler.run(&stop), ending);
    println!("{:?}", worked?);

    for id in ["digest-1", "digest-2"] {
        let history = audit.history(id).await?.ok_or("the run is not known")?;
        for entry in history.entries {
            if let Audited::Trace(step) = entry.what {
                println!("{id} {} {:?} {:?}", step.name, step.phase, step.error);
            }
        }
    }
    Ok(())
}

fn control(audit: &MemoryAudit) -> duologue::Result<ControlPlane> {
    let provider = ScriptedProvider::new([Reply::json(json!({"high": "06:12"})).forever()]);
    let prompts = PromptLibrary::in_memory([
        ("tides/system.tera", "You know the tides. Answer with JSON."),
        ("tides/user.tera", "When is the tide high in {{ harbour }}?"),
    ]);
    let runner = AgentRunner::new(provider, prompts);
    ControlPlane::builder()
        .queue(MemoryQueue::new())
        .audit(audit.clone())
        .delivery(DeliveryPolicy::ByEvent)
        .agent_limit("tides", 4)
        .flow("digest", move |context: FlowContext| {
            let runner = context.runner(&runner);
            async move {
                let agent = AgentSpec::new("tides", "tides", "gpt-5-mini");
                let asking = runner.run_with(&agent, context.input(), context.options());
                let tides = context.step("tides", asking).await?;
                let sending = async {
                    println!("sent: {}", tides.data);
                    Ok(())
                };
                context.deliver("mail", sending).await?;
                Envelope::builder("tides").row("dover", tides.data).build()
            }
        })
        .build()
}
