//! How much runs at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use duologue::chat::{Request, Response};
use duologue::flow::document::{Document, DocumentSource};
use duologue::flow::pipeline::{Limits, Pipeline, PipelineStatus, Stage};
use duologue::provider::{CallContext, Provider, ProviderError, ScriptedProvider};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Desk, agent, always, documents};

/// Counts the calls under way by model, and the most that there were. Calls are held until as many are in
/// as there should be at once.
#[derive(Debug, Clone)]
struct Busy {
    inner: ScriptedProvider,
    /// How many there should be of all models together.
    expected: usize,
    full: CancellationToken,
    counts: Arc<Mutex<HashMap<String, (usize, usize)>>>,
}

impl Busy {
    fn most(&self, model: &str) -> usize {
        self.counts
            .lock()
            .unwrap()
            .get(model)
            .map_or(0, |counts| counts.1)
    }

    fn come(&self, request: &Request) {
        for model in [&request.model, "all"] {
            let mut counts = self.counts.lock().unwrap();
            let (now, most) = counts.entry(model.to_owned()).or_default();
            *now += 1;
            *most = (*most).max(*now);
        }
        if self.most("all") >= self.expected {
            self.full.cancel();
        }
    }

    fn go(&self, request: &Request) {
        let mut counts = self.counts.lock().unwrap();
        for model in [&request.model, "all"] {
            counts.entry(model.to_owned()).or_default().0 -= 1;
        }
    }
}

#[async_trait]
impl Provider for Busy {
    fn name(&self) -> &'static str {
        "busy"
    }

    async fn generate_json(
        &self,
        request: &Request,
        call: &CallContext,
    ) -> Result<Response, ProviderError> {
        self.come(request);
        self.full.cancelled().await;
        // Whoever may come as well comes before one goes.
        tokio::task::yield_now().await;
        let answer = self.inner.generate_json(request, call).await;
        self.go(request);
        answer
    }
}

fn busy(script: &ScriptedProvider, expected: usize) -> Busy {
    Busy {
        inner: script.clone(),
        expected,
        full: CancellationToken::new(),
        counts: Arc::default(),
    }
}

fn by_route() -> Pipeline {
    let route = Stage::function(
        "route",
        async |input: duologue::flow::pipeline::StageInput| Ok(json!({"to": input.text})),
    );
    Pipeline::builder("p")
        .stage(
            route
                .route_by("to")
                .route("slow", "slow")
                .route("fast", "fast"),
        )
        .stage(Stage::agent("slow", agent("cleaner")))
        .stage(Stage::agent("fast", agent("router")))
        .limits(
            Limits::default()
                .documents(20)
                .model("model-of-cleaner", 3)
                .agent("router", 2),
        )
        .build()
        .unwrap()
}

#[test]
fn models_agents_and_documents_keep_to_their_limits_and_use_them() {
    let script = ScriptedProvider::new([always("cleaner", json!({})), always("router", json!({}))]);
    let busy = busy(&script, 5);
    let desk = Desk::around(busy.clone(), script);
    let source = (0..60).map(|index| {
        Document::new(
            format!("d{index}"),
            if index % 2 == 0 { "slow" } else { "fast" },
        )
    });
    let report = desk.run(&by_route(), DocumentSource::of(source));
    assert_eq!(report.documents.succeeded, 60);
    assert_eq!(
        (busy.most("model-of-cleaner"), busy.most("model-of-router")),
        (3, 2)
    );
    assert_eq!(
        busy.most("all"),
        5,
        "one that is full keeps nobody else waiting"
    );
}

#[test]
fn at_most_so_many_documents_are_under_way() {
    let script = ScriptedProvider::new([always("cleaner", json!({}))]);
    let busy = busy(&script, 7);
    let desk = Desk::around(busy.clone(), script);
    let pipeline = Pipeline::builder("p")
        .stage(Stage::agent("clean", agent("cleaner")))
        .limits(Limits::default().documents(7))
        .build()
        .unwrap();
    let report = desk.run(&pipeline, documents(50));
    assert_eq!(
        (report.status, busy.most("all")),
        (PipelineStatus::Succeeded, 7)
    );
}
