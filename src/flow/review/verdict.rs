//! What the judge says of a draft, and what that amounts to.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::issue::Issue;

/// Scores lie between these.
pub(super) const SCORES: std::ops::RangeInclusive<f64> = 0.0..=10.0;

/// What a draft is worth, worst first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum VerdictStatus {
    /// It is to be made anew: a score below `soft_fail_at`.
    HardFail,
    /// It is to be mended: a score from `soft_fail_at` up.
    SoftFail,
    /// It will do: a score from `approve_at` up.
    #[serde(alias = "approved")]
    Approve,
}

impl VerdictStatus {
    /// The word for it: `approve`, `soft_fail`, `hard_fail`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HardFail => "hard_fail",
            Self::SoftFail => "soft_fail",
            Self::Approve => "approve",
        }
    }
}

impl fmt::Display for VerdictStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the judge says of one draft.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Verdict {
    /// What the draft is worth: where there is a score, the thresholds decide, and the judge's own word
    /// does not count.
    pub status: VerdictStatus,
    /// From 0 to 10; absent when the judge's own schema has none.
    pub score: Option<f64>,
    /// The judge's own word, which may differ from `status`; absent when it is none of the three.
    pub said: Option<VerdictStatus>,
    /// What the planner is told.
    pub feedback: String,
    /// What is wrong.
    pub issues: Vec<Issue>,
    /// What is to stay as it is.
    pub strengths: Vec<String>,
    /// The judge's whole answer.
    pub answer: Value,
}

/// From which scores on a draft is worth what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thresholds {
    pub(super) approve_at: f64,
    pub(super) soft_fail_at: f64,
}

impl Thresholds {
    fn status_of(self, score: f64) -> VerdictStatus {
        if score >= self.approve_at {
            VerdictStatus::Approve
        } else if score >= self.soft_fail_at {
            VerdictStatus::SoftFail
        } else {
            VerdictStatus::HardFail
        }
    }

    /// The score of `verdict`; where there is none, the lowest that its status may have.
    pub(super) fn worth(self, verdict: &Verdict) -> f64 {
        verdict.score.unwrap_or(match verdict.status {
            VerdictStatus::Approve => self.approve_at,
            VerdictStatus::SoftFail => self.soft_fail_at,
            VerdictStatus::HardFail => *SCORES.start(),
        })
    }
}

/// A judge's answer: it has a score within bounds, or a word in its place.
#[derive(Debug)]
pub(super) struct JudgeAnswer {
    fields: Fields,
    said: Option<VerdictStatus>,
    judged: Judged,
    answer: Value,
}

#[derive(Debug)]
enum Judged {
    Score(f64),
    Word(VerdictStatus),
}

#[derive(Debug, Deserialize)]
struct Fields {
    #[serde(default)]
    score: Option<f64>,
    #[serde(default)]
    verdict: Value,
    #[serde(default, deserialize_with = "joined")]
    feedback: String,
    #[serde(default, deserialize_with = "or_empty")]
    issues: Vec<Issue>,
    #[serde(default, deserialize_with = "or_empty")]
    strengths: Vec<String>,
}

/// A text, or a list of them, one per line.
fn joined<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "feedback: a text, or a list of texts")]
    enum Written {
        Text(String),
        List(Vec<String>),
    }
    let written = Option::<Written>::deserialize(deserializer)?;
    Ok(match written {
        None => String::new(),
        Some(Written::Text(text)) => text,
        Some(Written::List(texts)) => texts.join("\n"),
    })
}

fn or_empty<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl JudgeAnswer {
    pub(super) fn into_verdict(self, thresholds: Thresholds) -> Verdict {
        let Fields {
            score,
            feedback,
            issues,
            strengths,
            ..
        } = self.fields;
        Verdict {
            status: match self.judged {
                Judged::Score(score) => thresholds.status_of(score),
                Judged::Word(word) => word,
            },
            score,
            said: self.said,
            feedback,
            issues,
            strengths,
            answer: self.answer,
        }
    }
}

/// What the schema of a judge's own may let pass is refused here, so that the judge repairs it.
impl<'de> Deserialize<'de> for JudgeAnswer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let answer = Value::deserialize(deserializer)?;
        let fields = Fields::deserialize(&answer).map_err(D::Error::custom)?;
        let said = Option::<VerdictStatus>::deserialize(&fields.verdict);
        let said = match fields.score {
            // The score decides: a word of the judge's own (`pass`) does no harm.
            Some(_) => said.unwrap_or_default(),
            None => said.map_err(D::Error::custom)?,
        };
        let judged = match (fields.score, said) {
            (Some(score), _) if SCORES.contains(&score) => Judged::Score(score),
            (Some(score), _) => {
                let message = format!("`score` is {score}; it must lie between 0 and 10");
                return Err(D::Error::custom(message));
            }
            (None, Some(word)) => Judged::Word(word),
            (None, None) => return Err(D::Error::custom("`score` is missing")),
        };
        Ok(Self {
            fields,
            said,
            judged,
            answer,
        })
    }
}

/// What a judge without a schema of its own is asked for.
impl JsonSchema for JudgeAnswer {
    fn schema_name() -> Cow<'static, str> {
        "Verdict".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "score": {
                    "description": "How good the draft is, from 0 to 10.",
                    "type": "number", "minimum": 0, "maximum": 10,
                },
                "verdict": {
                    "description": "What the score amounts to.",
                    "enum": ["approve", "soft_fail", "hard_fail"],
                },
                "issues": {
                    "description": "What is wrong, the worst first.",
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "severity": {"enum": ["error", "warning"]},
                            "message": {"type": "string"},
                            "path": {"description": "JSON pointer into the draft.", "type": "string"},
                        },
                        "required": ["severity", "message"],
                        "additionalProperties": false,
                    },
                },
                "strengths": {
                    "description": "What must stay as it is.",
                    "type": "array", "items": {"type": "string"},
                },
                "feedback": {
                    "description": "What the author should change, the most important first.",
                    "type": "string",
                },
            },
            "required": ["score", "feedback"],
            "additionalProperties": false,
        })
    }
}
