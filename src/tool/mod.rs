//! What agents may do: the [`Tool`] trait, tools made of functions, and the set that a runner holds.
//!
//! A model that wants something done answers with tool calls in place of its answer. The run loop
//! checks the arguments against the tool's schema, runs all calls of the turn (side by side, unless
//! the set is [ordered](ToolSetBuilder::ordered)), and gives the results back, until the model
//! answers. What goes wrong with a tool is a result that the model sees; only a
//! [fatal](ToolError::fatal) failure ends the run.
//!
//! Which calls run at all is for [rules](ToolSetBuilder::permissions) to say. Tools of servers that
//! speak MCP come from [`mcp`].

mod context;
mod function;
pub mod mcp;
mod output;
pub(crate) mod pattern;
mod permission;
mod select;
mod set;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

pub use crate::chat::{ToolCall, ToolDefinition};
pub use context::ToolContext;
pub use function::FunctionTool;
pub use output::{ToolError, ToolOutput};
pub use permission::{
    AskPermission, Permission, PermissionAction, PermissionAnswer, PermissionQuestion,
    PermissionRule,
};
pub(crate) use select::{Selection, hash_of};
pub(crate) use set::{Entry, accepted, is_accepted};
pub use set::{ToolSet, ToolSetBuilder};

/// Something that a model may have done: object-safe, shared by many runs at once.
///
/// For a function there is [`FunctionTool`]; implement the trait for what has a state or a schema of
/// its own.
#[async_trait]
pub trait Tool: Send + Sync + fmt::Debug {
    /// Name, description and schema of arguments, as the model is told.
    fn definition(&self) -> &ToolDefinition;

    /// Whether a call changes something outside of the process that a second call would change
    /// again: a mail, a payment, a file. Default: it does not.
    fn acts_on_world(&self) -> bool {
        false
    }

    /// Does it once. `arguments` fit the schema.
    ///
    /// # Errors
    /// [`ToolError`], which the model sees as the result of its call, unless it is
    /// [fatal](ToolError::fatal).
    ///
    /// # Cancel safety
    /// The future is dropped when the run is cancelled or its deadline passes.
    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<ToolOutput, ToolError>;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Tool + ?Sized> Tool for Arc<T> {
    fn definition(&self) -> &ToolDefinition {
        (**self).definition()
    }

    fn acts_on_world(&self) -> bool {
        (**self).acts_on_world()
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        (**self).call(arguments, context).await
    }
}
