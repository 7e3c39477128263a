//! What decides whether a request and a record belong together.

use serde_json::json;

use crate::call_log::{Parameters, Record, Sanitizer, ToolOffer};
use crate::chat::{Message, Request, ToolDefinition};
use crate::fingerprint;
use crate::tool::hash_of;

/// What was asked, redacted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) messages: Vec<Message>,
    pub(super) model: String,
    pub(super) parameters: Parameters,
    pub(super) schema_hash: Option<String>,
    pub(super) tools_hash: Option<String>,
}

impl Asked {
    /// What the call of `record` asked; takes the messages out of it.
    pub(super) fn of_record(record: &mut Record, sanitizer: &Sanitizer) -> Self {
        Self {
            messages: std::mem::take(&mut record.messages),
            model: record.model.clone(),
            parameters: record.parameters.clone(),
            schema_hash: record.schema_hash.clone(),
            tools_hash: record.tools_hash.clone(),
        }
        .redacted(sanitizer)
    }

    /// What `request` asks, as its record would have it.
    pub(super) fn of_request(request: &Request, sanitizer: &Sanitizer) -> Self {
        let schema = request.response_schema.as_ref();
        Self {
            messages: request.messages.clone(),
            model: request.model.clone(),
            parameters: as_written(Parameters::of(request)),
            schema_hash: schema.map(|schema| fingerprint::of_json(&schema.schema)),
            tools_hash: (!request.tools.is_empty())
                .then(|| redacted_hash(&request.tools, sanitizer)),
        }
        .redacted(sanitizer)
    }

    /// By way of a record, so that it passes what records pass.
    fn redacted(self, sanitizer: &Sanitizer) -> Self {
        let mut record = Record {
            messages: self.messages,
            model: self.model,
            parameters: self.parameters,
            ..Record::default()
        };
        record.fold_deep_values();
        record.sanitize_start(sanitizer);
        Self {
            messages: record.messages,
            model: record.model,
            parameters: record.parameters,
            schema_hash: self.schema_hash,
            tools_hash: self.tools_hash,
        }
    }

    pub(super) fn key(&self) -> String {
        self.key_with(self.schema_hash.as_deref())
    }

    /// The key of a record that does not know its schema.
    pub(super) fn key_without_schema(&self) -> String {
        self.key_with(None)
    }

    fn key_with(&self, schema_hash: Option<&str>) -> String {
        let mut parts = json!({
            "messages": self.messages,
            "model": self.model,
            "schema": schema_hash,
            "temperature": self.parameters.temperature,
            "max_output_tokens": self.parameters.max_output_tokens,
            "extra": self.parameters.extra,
        });
        if let Some(tools) = &self.tools_hash {
            parts["tools"] = tools.as_str().into();
        }
        fingerprint::of_json(&parts)
    }
}

/// The hash of what the sanitizer leaves of `definitions`: a run is recorded so.
pub(super) fn redacted_hash(definitions: &[ToolDefinition], sanitizer: &Sanitizer) -> String {
    let mut offer = ToolOffer::new("", definitions);
    offer.sanitize(sanitizer);
    hash_of(&offer.definitions)
}

/// Figures as a journal gives them back: the last digit of a long fraction may be another one.
fn as_written(parameters: Parameters) -> Parameters {
    let text = serde_json::to_string(&parameters);
    text.and_then(|text| serde_json::from_str(&text))
        .unwrap_or(parameters)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::call_log::SanitizeConfig;
    use crate::chat::ResponseSchema;

    fn request() -> Request {
        let mut request = Request::new("m", vec![Message::user("mail ada@example.org")]);
        request.temperature = Some(0.1 + 0.2);
        request.extra = [("seed".to_owned(), json!(7))].into_iter().collect();
        request.response_schema = Some(ResponseSchema {
            name: "x".into(),
            schema: Arc::new(json!({"type": "object"})),
        });
        request
    }

    #[test]
    fn a_request_has_the_key_of_its_record_sanitized_or_not() {
        let sanitizer = Sanitizer::new(&SanitizeConfig::default()).unwrap();
        let asked = Asked::of_request(&request(), &sanitizer);
        for recorded_by in [Sanitizer::off(), sanitizer.clone()] {
            let mut record = Record {
                model: "m".into(),
                messages: request().messages,
                parameters: Parameters::of(&request()),
                schema_hash: Some(fingerprint::of_json(&json!({"type": "object"}))),
                ..Record::default()
            };
            record.sanitize_start(&recorded_by);
            let line = serde_json::to_string(&record).unwrap();
            let mut record: Record = serde_json::from_str(&line).unwrap();
            assert_eq!(Asked::of_record(&mut record, &sanitizer).key(), asked.key());
        }
    }

    #[test]
    fn each_part_of_a_request_is_in_its_key() {
        let key = |request: &Request| Asked::of_request(request, &Sanitizer::off()).key();
        let changes: [fn(&mut Request); 8] = [
            |request| request.messages.push(Message::user("more")),
            |request| request.model.push('2'),
            |request| request.temperature = None,
            |request| request.max_output_tokens = Some(9),
            |request| drop(request.extra.insert("seed".into(), json!(8))),
            |request| request.response_schema = None,
            |request| request.tools = vec![ToolDefinition::new("t", "", json!({}))],
            |request| request.messages[0].is_error = true,
        ];
        for change in changes {
            let mut other = request();
            change(&mut other);
            assert_ne!(key(&other), key(&request()), "{other:?}");
        }
    }
}
