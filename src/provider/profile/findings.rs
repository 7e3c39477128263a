//! The words of a profile: questions, verdicts, and what failures look like.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The dialect of a profile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ProfileKind {
    /// Chat completions.
    #[default]
    OpenAi,
}

/// One question to an endpoint each, and its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Findings {
    /// Does `max_completion_tokens` limit the answer?
    pub max_completion_tokens: Finding,
    /// Does `max_tokens` limit the answer?
    pub max_tokens: Finding,
    /// Is the role `developer` taken?
    pub developer_role: Finding,
    /// Does the answer fit a schema that the prompt contradicts?
    pub json_schema: Finding,
    /// And where the schema is marked `strict`?
    pub strict: Finding,
    /// Is the answer a JSON object although the prompt asks for prose?
    pub json_object: Finding,
    /// Are tools called?
    pub tools: Finding,
    /// Do a tool's arguments fit its schema where the prompt contradicts it?
    pub tool_schema: Finding,
    /// And where the tool is marked `strict`?
    pub strict_tools: Finding,
    /// Are answers streamed?
    pub streaming: Finding,
    /// Do streams tell their usage when `stream_options` ask for it?
    pub stream_usage: Finding,
    /// Is a field refused that nobody knows?
    pub refuses_unknown_fields: Finding,
}

impl Findings {
    /// Every question by the name it has in the file, and its answer.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Finding)> {
        [
            ("max_completion_tokens", &self.max_completion_tokens),
            ("max_tokens", &self.max_tokens),
            ("developer_role", &self.developer_role),
            ("json_schema", &self.json_schema),
            ("strict", &self.strict),
            ("json_object", &self.json_object),
            ("tools", &self.tools),
            ("tool_schema", &self.tool_schema),
            ("strict_tools", &self.strict_tools),
            ("streaming", &self.streaming),
            ("stream_usage", &self.stream_usage),
            ("refuses_unknown_fields", &self.refuses_unknown_fields),
        ]
        .into_iter()
    }
}

/// An answer, and what it rests on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Finding {
    /// The answer.
    pub verdict: Verdict,
    /// What came, in one line.
    #[serde(default)]
    pub evidence: String,
}

impl Finding {
    /// A finding that rests on `evidence`.
    pub fn new(verdict: Verdict, evidence: impl Into<String>) -> Self {
        Self {
            verdict,
            evidence: evidence.into(),
        }
    }

    pub(super) fn is_yes(&self) -> bool {
        self.verdict == Verdict::Yes
    }

    pub(super) fn is_no(&self) -> bool {
        self.verdict == Verdict::No
    }
}

/// The answer to a question.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verdict {
    /// Yes.
    Yes,
    /// No.
    No,
    /// It could not be told.
    #[default]
    Unknown,
}

impl Verdict {
    /// `yes`, `no` or `unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// What an endpoint's failures look like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ErrorShapes {
    /// The answer to a model that is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bad_model: Option<ErrorShape>,
    /// The answer to a field of the wrong type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bad_field: Option<ErrorShape>,
}

/// What one failure looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ErrorShape {
    /// HTTP status; a success says that the endpoint did not mind.
    pub status: u16,
    /// The error's `code`, else its `type` or `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whether the body is JSON.
    pub json: bool,
}
