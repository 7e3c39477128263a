//! Tools made of functions.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Tool, ToolContext, ToolDefinition, ToolError, ToolOutput};
use crate::background::{self, Lost};
use crate::schema::schema_of;

type Answer = Pin<Box<dyn Future<Output = Result<ToolOutput, ToolError>> + Send>>;

/// A function as a tool: the schema of its arguments is that of the type it takes.
///
/// ```
/// use duologue::tool::{FunctionTool, ToolError};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Place {
///     /// The harbour's name.
///     harbour: String,
/// }
///
/// let tides = FunctionTool::new("tides", "Says when the tide is high.", |place: Place| async move {
///     Ok::<_, ToolError>(format!("high at 06:12 in {}", place.harbour))
/// });
/// ```
#[derive(Clone)]
pub struct FunctionTool {
    definition: ToolDefinition,
    acts_on_world: bool,
    function: Arc<dyn Fn(Value, ToolContext) -> Answer + Send + Sync>,
}

impl FunctionTool {
    /// A tool of an async function. What it returns is given to the model as JSON, a text as it is.
    pub fn new<A, R, F, Fut>(
        name: impl Into<String>,
        description: impl Into<String>,
        function: F,
    ) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        R: Serialize,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, ToolError>> + Send + 'static,
    {
        Self::with_context(name, description, move |arguments, _| function(arguments))
    }

    /// [`new`](Self::new) for a function that wants to know who calls.
    pub fn with_context<A, R, F, Fut>(
        name: impl Into<String>,
        description: impl Into<String>,
        function: F,
    ) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        R: Serialize,
        F: Fn(A, ToolContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, ToolError>> + Send + 'static,
    {
        Self::of::<A>(name, description, move |arguments, context| {
            let running = read::<A>(&arguments).map(|arguments| function(arguments, context));
            Box::pin(async move { ToolOutput::json(&running?.await?) })
        })
    }

    /// A tool of a function without async. It runs on a thread of its own, so it may block, and may
    /// call the blocking runner. A thread cannot be stopped: after a timeout or a cancellation the
    /// function goes on, and its result is dropped.
    pub fn blocking<A, R, F>(
        name: impl Into<String>,
        description: impl Into<String>,
        function: F,
    ) -> Self
    where
        A: DeserializeOwned + JsonSchema + Send + 'static,
        R: Serialize,
        F: Fn(A) -> Result<R, ToolError> + Send + Sync + 'static,
    {
        let function = Arc::new(function);
        Self::of::<A>(name, description, move |arguments, _| {
            let function = Arc::clone(&function);
            Box::pin(async move {
                let arguments = read::<A>(&arguments)?;
                let done = background::run_blocking(move || {
                    function(arguments).and_then(|result| ToolOutput::json(&result))
                });
                match done.await {
                    Ok(result) => result,
                    Err(Lost::Panicked(payload)) => std::panic::resume_unwind(payload),
                    Err(lost) => Err(lost.into()),
                }
            })
        })
    }

    /// The same tool, marked as one that [acts on the world](Tool::acts_on_world).
    pub fn acting_on_world(mut self) -> Self {
        self.acts_on_world = true;
        self
    }

    fn of<A: JsonSchema>(
        name: impl Into<String>,
        description: impl Into<String>,
        function: impl Fn(Value, ToolContext) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self {
            definition: ToolDefinition::new(name, description, schema_of::<A>()),
            acts_on_world: false,
            function: Arc::new(function),
        }
    }
}

fn read<A: DeserializeOwned>(arguments: &Value) -> Result<A, ToolError> {
    A::deserialize(arguments)
        .map_err(|error| ToolError::new(format!("the arguments do not fit: {error}")))
}

impl fmt::Debug for FunctionTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionTool")
            .field("name", &self.definition.name)
            .field("acts_on_world", &self.acts_on_world)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Tool for FunctionTool {
    fn definition(&self) -> &ToolDefinition {
        &self.definition
    }

    fn acts_on_world(&self) -> bool {
        self.acts_on_world
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        (self.function)(arguments, context.clone()).await
    }
}
