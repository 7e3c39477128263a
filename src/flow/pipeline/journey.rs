//! One document on its way: what was made of it so far, and what its next stage sees.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::output::Output;
use super::stage::StageInput;
use crate::fingerprint;
use crate::flow::document::Document;

/// The variables of a stage, see [`Stage::agent`](super::Stage::agent).
pub(super) const VARIABLES: [&str; 9] = [
    "document",
    "text",
    "answers",
    "draft",
    "review",
    "issues",
    "suggestions",
    "feedback",
    "cycle",
];

/// One document on its way.
#[derive(Debug)]
pub(super) struct Journey {
    pub(super) document: Arc<Document>,
    /// Of the document's text and fields.
    pub(super) input: String,
    /// The last answer of each stage; the stage that answered last stands last.
    answers: Map<String, Value>,
    text: Option<String>,
    draft: Option<Value>,
    review: Option<Value>,
    /// What the reviewer said, from when it sent the document back until it approves.
    pub(super) feedback: Option<Value>,
    /// How often it was sent back.
    pub(super) cycle: u32,
    /// How often it has been at each stage.
    pub(super) visits: Vec<u32>,
    /// How often each stage has sent it back.
    pub(super) sent_back: Vec<u32>,
    /// The stage before this one.
    pub(super) previous: Option<usize>,
    /// The stage that routed it last.
    pub(super) router: Option<usize>,
    /// Of all that decided what became of it.
    pub(super) prints: String,
}

impl Journey {
    pub(super) fn new(document: Document, stages: usize) -> Self {
        let of = json!({"url": document.url, "text": document.text, "fields": document.fields});
        Self {
            input: fingerprint::of_json(&of),
            document: Arc::new(document),
            answers: Map::new(),
            text: None,
            draft: None,
            review: None,
            feedback: None,
            cycle: 0,
            visits: vec![0; stages],
            sent_back: vec![0; stages],
            previous: None,
            router: None,
            prints: String::new(),
        }
    }

    /// The round of rework, as prompts see it: 0 for a document that is not being reworked.
    pub(super) fn iteration(&self) -> u32 {
        if self.feedback.is_some() {
            self.cycle
        } else {
            0
        }
    }

    /// Takes the answer of a stage.
    pub(super) fn learn(
        &mut self,
        stage: &str,
        answer: &Value,
        output: Option<&Output>,
        reviews: bool,
    ) {
        if let Some(body) = output.and_then(|output| text_of(answer.get(&output.body)?)) {
            self.text = Some(body);
            self.draft = Some(answer.clone());
        }
        if reviews {
            self.review = Some(answer.clone());
        }
        self.answers.shift_remove(stage);
        self.answers.insert(stage.to_owned(), answer.clone());
    }

    /// What stands under `key` in the answers, the last stage's first.
    pub(super) fn find(&self, key: &str) -> Option<String> {
        let mut answers = self.answers.values().rev();
        answers.find_map(|answer| text_of(answer.get(key)?))
    }

    /// The name of the stage that gave what [`find`](Self::find) finds; the last one for what none gave.
    pub(super) fn giver(&self, key: &str) -> Option<&str> {
        let mut answers = self.answers.iter().rev();
        let giver = answers.find(|(_, answer)| answer.get(key).and_then(text_of).is_some());
        let giver = giver.or_else(|| self.answers.iter().next_back());
        giver.map(|(stage, _)| stage.as_str())
    }

    /// The text of the last answer that holds one.
    pub(super) fn draft(&self) -> Option<&str> {
        self.draft.as_ref().and(self.text.as_deref())
    }

    pub(super) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or(&self.document.text)
    }

    pub(super) fn variables(&self) -> Map<String, Value> {
        let mut document = self.document.fields.clone();
        document.insert("id".to_owned(), self.document.id.clone().into());
        document.insert("url".to_owned(), self.document.url.clone().into());
        document.insert("text".to_owned(), self.document.text.clone().into());
        let of_review = |key: &str| {
            let known = self.review.as_ref().and_then(|review| review.get(key));
            known.cloned().unwrap_or_else(|| json!([]))
        };
        let values = [
            Value::Object(document),
            self.text().into(),
            Value::Object(self.answers.clone()),
            self.draft.clone().into(),
            self.review.clone().into(),
            of_review("issues"),
            of_review("suggestions"),
            self.feedback.clone().into(),
            self.cycle.into(),
        ];
        let names = VARIABLES.into_iter().map(str::to_owned);
        names.zip(values).collect()
    }

    pub(super) fn stage_input(&self) -> StageInput {
        StageInput {
            document: self.document.clone(),
            answers: self.answers.clone(),
            text: self.text().to_owned(),
            feedback: self.feedback.clone(),
            cycle: self.cycle,
        }
    }
}

/// A value as the text of a file or of a name; nothing for null.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => Some(format!("{value:#}")),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
    }
}
