//! Stages: who works on a document, and where it goes from there.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::agent::AgentSpec;
use crate::error::Result;
use crate::flow::document::Document;

/// What a stage works on: the document, and all that was made of it so far.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StageInput {
    /// The document as it came.
    pub document: Arc<Document>,
    /// The last answer of each stage that the document has been at, by the stage's name.
    pub answers: Map<String, Value>,
    /// The text as the stages left it: what the last answer with a body holds, else the document's.
    pub text: String,
    /// What the reviewer said, when the document was sent back.
    pub feedback: Option<Value>,
    /// How often the document has been sent back, from 0.
    pub cycle: u32,
}

pub(crate) type StageFuture = Pin<Box<dyn Future<Output = Result<Value>> + Send>>;
pub(crate) type StageFunction = Arc<dyn Fn(StageInput) -> StageFuture + Send + Sync>;

/// Who works.
#[derive(Clone)]
pub(crate) enum Work {
    Agent(Box<AgentSpec>),
    Tool { tool: String, arguments: Value },
    Function(StageFunction),
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(spec) => f.debug_tuple("Agent").field(&spec.name).finish(),
            Self::Tool { tool, .. } => f.debug_tuple("Tool").field(tool).finish(),
            Self::Function(_) => f.write_str("Function"),
        }
    }
}

/// One stage of a pipeline. Without [`then`](Self::then) and [routes](Self::route_by) the document is
/// done after it.
#[derive(Debug, Clone)]
#[must_use]
pub struct Stage {
    pub(crate) name: String,
    pub(crate) work: Work,
    pub(crate) then: Option<String>,
    pub(crate) route_by: Option<String>,
    pub(crate) routes: Vec<(String, String)>,
    pub(crate) approve_by: Option<String>,
    pub(crate) rework: Option<Rework>,
}

impl Stage {
    fn new(name: impl Into<String>, work: Work) -> Self {
        Self {
            name: name.into(),
            work,
            then: None,
            route_by: None,
            routes: Vec::new(),
            approve_by: None,
            rework: None,
        }
    }

    /// An agent works on the document. Its prompt has these variables besides those of its spec:
    ///
    /// | variable | what it is |
    /// |---|---|
    /// | `document` | the document as it came: `id`, `url`, `text`, and the source's other fields |
    /// | `text` | the text as the stages left it: what the last answer with the [output's body](super::Output::body) holds, else the document's |
    /// | `answers` | the last answer of each stage that it has been at, by the stage's name |
    /// | `draft` | the last answer that holds the output's body; null before |
    /// | `review` | the last answer of a reviewer; null before |
    /// | `issues`, `suggestions` | those of the review; empty lists where it has none |
    /// | `feedback` | what the reviewer said, from when it sends the document back until it approves; else null |
    /// | `cycle` | how often the document has been sent back, from 0 |
    ///
    /// While a document is being reworked, the pack's `user_refinement` takes the place of `user`, and
    /// the records bear the cycle as their iteration.
    pub fn agent(name: impl Into<String>, spec: AgentSpec) -> Self {
        Self::new(name, Work::Agent(Box::new(spec)))
    }

    /// A tool of the runner works on it, by the rules for tools: its schema and its permissions hold, and
    /// the record of the tool call names the stage as its agent. Texts within `arguments` are templates
    /// over the variables of [`agent`](Self::agent), and what they render to is a text. The answer is
    /// the tool's result where that is a JSON object, else an object that holds it under `result`.
    pub fn tool(name: impl Into<String>, tool: impl Into<String>, arguments: Value) -> Self {
        let tool = tool.into();
        Self::new(name, Work::Tool { tool, arguments })
    }

    /// A function works on it. It must not block; a panic in it is the document's failure.
    ///
    /// Its answers are not kept for a resumption, which calls it again: what it gives decides what the
    /// prompts after it say, so one that gives the same for the same input lets nobody pay twice.
    pub fn function<F, W>(name: impl Into<String>, function: F) -> Self
    where
        F: Fn(StageInput) -> W + Send + Sync + 'static,
        W: Future<Output = Result<Value>> + Send + 'static,
    {
        let function: StageFunction = Arc::new(move |input| Box::pin(function(input)));
        Self::new(name, Work::Function(function))
    }

    /// Where the document goes after the stage.
    pub fn then(mut self, stage: impl Into<String>) -> Self {
        self.then = Some(stage.into());
        self
    }

    /// The key of the answer that says, by a text, where the document goes. A text that no
    /// [route](Self::route) has, nor has when case and white space around do not count, is the document's
    /// failure.
    pub fn route_by(mut self, key: impl Into<String>) -> Self {
        self.route_by = Some(key.into());
        self
    }

    /// Documents whose answer holds `value` go to `stage`.
    pub fn route(mut self, value: impl Into<String>, stage: impl Into<String>) -> Self {
        self.routes.push((value.into(), stage.into()));
        self
    }

    /// The key of the answer that says, by true or false, whether the document is approved. One that is
    /// not goes to [rework](Self::rework). An answer that says neither is the document's failure.
    pub fn approve_by(mut self, key: impl Into<String>) -> Self {
        self.approve_by = Some(key.into());
        self
    }

    /// What becomes of a document that is not approved. Default: it fails as
    /// [`NotApproved`](crate::ErrorKind::NotApproved), and its last draft is kept.
    pub fn rework(mut self, rework: Rework) -> Self {
        self.rework = Some(rework);
        self
    }
}

/// What becomes of a document that is not approved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rework {
    /// Where it goes back to.
    pub target: ReworkTarget,
    /// How often at most; after that it fails, and its last draft is kept.
    pub max_cycles: u32,
}

impl Rework {
    /// Back to `target`, at most `max_cycles` times.
    pub fn new(target: ReworkTarget, max_cycles: u32) -> Self {
        Self { target, max_cycles }
    }
}

/// Where a document goes back to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReworkTarget {
    /// The stage that it came to the reviewer from.
    Same,
    /// The stage that routed it last.
    Router,
    /// A stage by name.
    Stage(String),
}
