//! The request that an execution sends first: what it is made of, and how to see it without sending it.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::runner::{AgentRunner, variables_of};
use super::spec::AgentSpec;
use super::turn::select;
use crate::chat::{Message, Request, ResponseSchema};
use crate::error::Result;
use crate::prompt::{PromptLibrary, RenderedPrompt};
use crate::schema::CompiledSchema;
use crate::tool::{Selection, accepted};

/// The variable that holds the schema's text.
const RESPONSE_SCHEMA: &str = "response_schema";

/// What a prompt is rendered of.
pub(super) struct PromptOf<'a> {
    pub(super) prompts: &'a PromptLibrary,
    pub(super) spec: &'a AgentSpec,
    pub(super) schema: &'a CompiledSchema,
    pub(super) iteration: u32,
    /// Whether the record holds all variables, used or not.
    pub(super) keeps_context: bool,
}

impl PromptOf<'_> {
    /// The prompt with the spec's variables and those `given`, and all of them together.
    pub(super) fn render(
        &self,
        given: Map<String, Value>,
    ) -> Result<(Map<String, Value>, RenderedPrompt)> {
        let mut variables = self.spec.default_variables.clone();
        variables.insert("iteration".to_owned(), self.iteration.into());
        variables.extend(given);
        let pack = self.prompts.pack(&self.spec.prompt_pack)?;
        // The name counts as given in any case; the text may be long.
        let schema_text = if pack.may_use(RESPONSE_SCHEMA) || self.keeps_context {
            self.schema.text.clone().into()
        } else {
            Value::Null
        };
        variables.insert(RESPONSE_SCHEMA.to_owned(), schema_text);
        let prompt = pack.render(&variables, self.iteration)?;
        Ok((variables, prompt))
    }
}

/// The request with these messages.
pub(super) fn request_of(
    spec: &AgentSpec,
    schema: &CompiledSchema,
    tools: Option<&Arc<Selection>>,
    messages: Vec<Message>,
) -> Request {
    let mut request = Request::new(&spec.model, messages);
    request.temperature = spec.temperature;
    request.max_output_tokens = spec.max_output_tokens;
    request.extra.clone_from(&spec.extra);
    if let Some(tools) = tools {
        request.tools.clone_from(&tools.definitions);
    }
    request.response_schema = Some(ResponseSchema {
        name: accepted(&spec.name),
        schema: schema.value.clone(),
    });
    request
}

impl AgentRunner {
    /// The request that a run of `spec` with these variables would send first, in this
    /// [iteration](super::RunOptions::iteration) and outside of a conversation. Nothing is sent or recorded.
    ///
    /// ```
    /// use duologue::prompt::PromptLibrary;
    /// use duologue::provider::ScriptedProvider;
    /// use duologue::{AgentRunner, AgentSpec};
    /// use serde_json::json;
    ///
    /// let prompts = PromptLibrary::in_memory([("planner/system.tera", "Plan a talk on {{ topic }}.")]);
    /// let runner = AgentRunner::new(ScriptedProvider::new([]), prompts);
    ///
    /// let planner = AgentSpec::new("planner", "planner", "gpt-5-mini");
    /// let request = runner.request(&planner, json!({"topic": "tides"}), 0)?;
    /// assert_eq!(request.messages[0].content, "Plan a talk on tides.");
    /// # Ok::<(), duologue::Error>(())
    /// ```
    ///
    /// # Errors
    /// What [`run`](Self::run) finds before its first request, budgets aside.
    pub fn request(
        &self,
        spec: &AgentSpec,
        variables: impl Serialize,
        iteration: u32,
    ) -> Result<Request> {
        spec.validate()?;
        let schema = self.schema_of(spec)?;
        let tools = select(self.tools(), spec)?;
        let of = PromptOf {
            prompts: &self.shared.prompts,
            spec,
            schema: &schema,
            iteration,
            keeps_context: false,
        };
        let (_, prompt) = of.render(variables_of(variables, &spec.name)?)?;
        Ok(request_of(spec, &schema, tools.as_ref(), prompt.messages))
    }

    /// [`check`](Self::check), and that the pack can be rendered with variables of these names.
    pub(crate) fn check_with(
        &self,
        spec: &AgentSpec,
        given: &[&str],
        iteration: u32,
    ) -> Result<()> {
        self.check(spec)?;
        let own = spec.default_variables.keys().map(String::as_str);
        let given = given.iter().copied().chain(own).chain([RESPONSE_SCHEMA]);
        let pack = self.shared.prompts.pack(&spec.prompt_pack)?;
        let report = pack.check(given, iteration).into_result();
        let checked = report.map_err(|error| error.within(&format!("agent `{}`", spec.name)));
        checked.map(drop)
    }
}
