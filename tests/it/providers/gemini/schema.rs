//! Schemas in the keywords that Gemini enforces, or the place that cannot be.

use duologue::chat::{Message, Request, ResponseSchema};
use duologue::provider::gemini::Translator;
use duologue::provider::{Delivery, StructuredOutputMode, Translate};
use serde_json::{Value, json};

fn rewritten(schema: Value) -> Result<Value, String> {
    let mut request = Request::new("gemini-2.5-flash", vec![Message::user("JSON")]);
    request.response_schema = Some(ResponseSchema {
        name: "answer".to_owned(),
        schema: schema.into(),
    });
    let encoded = Translator::new(StructuredOutputMode::JsonSchema)
        .encode(&request, Delivery::Whole)
        .map_err(|error| {
            let line = error.to_string();
            let (_, reason) = line.split_once(": ").unwrap();
            reason.to_owned()
        })?;
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    Ok(body["generationConfig"]["responseJsonSchema"].clone())
}

#[test]
fn what_means_the_same_is_written_in_known_keywords() {
    let cases = [
        (
            json!({"const": "a"}),
            json!({"enum": ["a"], "type": "string"}),
        ),
        (json!({"const": null}), json!({"type": "null"})),
        (
            json!({"enum": ["a", null], "type": ["string", "null"]}),
            json!({"anyOf": [{"enum": ["a"], "type": "string"}, {"type": "null"}]}),
        ),
        (
            json!({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 9, "format": "uint8"}),
            json!({"type": "integer", "minimum": 1, "maximum": 8}),
        ),
        (
            json!({"$schema": "s", "type": "string", "format": "date-time", "default": "x"}),
            json!({"type": "string", "format": "date-time"}),
        ),
        (
            json!({"oneOf": [{"type": "string"}, {"type": "null"}]}),
            json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ),
        (
            json!({"description": "d", "allOf": [{"type": "string"}]}),
            json!({"description": "d", "type": "string"}),
        ),
        (
            json!({"type": "object", "properties": {}, "additionalProperties": {"type": "integer", "format": "uint32"}}),
            json!({"type": "object", "properties": {}, "additionalProperties": {"type": "integer"}}),
        ),
        (
            json!({"$ref": "#/$defs/A", "description": "mine", "$defs": {"A": {"type": "string", "description": "its"}}}),
            json!({"type": "string", "description": "mine", "$defs": {"A": {"type": "string", "description": "its"}}}),
        ),
        (
            json!({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "properties": {"next": {"$ref": "#/$defs/A"}}}}}),
            json!({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "properties": {"next": {"$ref": "#/$defs/A"}}}}}),
        ),
    ];
    for (schema, expected) in cases {
        assert_eq!(rewritten(schema.clone()), Ok(expected), "{schema}");
    }
}

#[test]
fn what_cannot_be_enforced_is_named_with_its_place() {
    let recursive = json!({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "required": ["next"], "properties": {"next": {"type": "array", "items": {"$ref": "#/$defs/A"}}}}}});
    let cases = [
        (json!(true), "`$` accepts anything or nothing"),
        (
            json!({"type": "array", "items": {}}),
            "`$.items` accepts any type",
        ),
        (
            json!({"type": "string", "pattern": "a"}),
            "`$` has the keyword `pattern`",
        ),
        (
            json!({"type": "number", "exclusiveMinimum": 0}),
            "`$` has the keyword `exclusiveMinimum`",
        ),
        (
            json!({"const": true}),
            "`$` has a constant that is neither text nor a number",
        ),
        (
            json!({"anyOf": [{"type": "string"}, {"oneOf": [{"type": "string"}, {"type": "string"}]}]}),
            "`$.anyOf.1` has `oneOf` whose branches overlap",
        ),
        (
            json!({"$ref": "#/$defs/B"}),
            "`$` refers to `#/$defs/B`, which is not there",
        ),
        (
            recursive,
            "`$` refers to `#/$defs/A`, which requires itself",
        ),
        (
            json!({"type": "integer", "minimum": 5, "exclusiveMinimum": 7}),
            "`$` says `minimum` in two ways",
        ),
    ];
    for (schema, expected) in cases {
        assert_eq!(
            rewritten(schema.clone()),
            Err(expected.to_owned()),
            "{schema}"
        );
    }
}
