//! The strict dialect: what is rewritten, and what is refused with its path.

use duologue::chat::{Message, Request, ResponseSchema};
use duologue::provider::StructuredOutputMode;
use duologue::provider::openai::{Dialect, Translator};
use serde_json::{Value, json};

/// `schema` as it goes out, or why it cannot.
fn strict(schema: Value) -> Result<Value, String> {
    let mut dialect = Dialect::default();
    dialect.structured_output = StructuredOutputMode::JsonSchema;
    let mut request = Request::new("m", vec![Message::user("go")]);
    request.response_schema = Some(ResponseSchema {
        name: "answer".to_owned(),
        schema: schema.into(),
    });
    match Translator::new(dialect).encode(&request) {
        Ok(encoded) => {
            let mut body: Value = serde_json::from_slice(&encoded.body).unwrap();
            Ok(body["response_format"]["json_schema"]["schema"].take())
        }
        Err(error) => {
            let message = error.to_string();
            let (_, reason) = message.split_once("strict output: ").unwrap();
            Err(reason.to_owned())
        }
    }
}

#[test]
fn objects_are_closed_and_a_nullable_property_becomes_required() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "title": {"type": "string", "default": "x"},
            "note": {"type": ["string", "null"]},
            "size": {"type": "integer", "format": "uint32", "minimum": 0},
            "child": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}
        },
        "required": ["title", "size"],
        "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}, "required": ["next"]}}
    });
    let expected = json!({
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "note": {"type": ["string", "null"]},
            "size": {"type": "integer", "minimum": 0},
            "child": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}
        },
        "$defs": {"Node": {
            "type": "object",
            "properties": {"next": {"$ref": "#/$defs/Node"}},
            "required": ["next"],
            "additionalProperties": false
        }},
        "required": ["title", "note", "size", "child"],
        "additionalProperties": false
    });
    assert_eq!(strict(schema).unwrap(), expected);
}

#[test]
fn what_would_change_meaning_is_refused_with_its_path() {
    let object = |property: Value| json!({"type": "object", "properties": {"p": property}, "required": ["p"]});
    let cases = [
        (json!(true), "`$` accepts anything"),
        (
            json!({"type": "array", "items": {"type": "string"}}),
            "`$` is not an object",
        ),
        (
            json!({"type": "object"}),
            "`$` is an object without `properties`",
        ),
        (
            json!({"type": "object", "properties": {"p": {"type": "string"}}}),
            "`$.properties.p` is optional and must not be null",
        ),
        (object(json!({})), "`$.properties.p` accepts any type"),
        (
            object(json!({"type": "string", "minLength": 2})),
            "`$.properties.p` has the keyword `minLength`",
        ),
        (
            object(
                json!({"type": "array", "items": {"type": "object", "additionalProperties": {"type": "string"}}}),
            ),
            "`$.properties.p.items` allows properties without a name",
        ),
        (
            object(json!({"oneOf": [{"type": "integer"}, {"type": "number"}]})),
            "`$.properties.p` has `oneOf` whose branches overlap",
        ),
        (
            object(json!({"$ref": "#/$defs/No"})),
            "`$.properties.p` refers to `#/$defs/No`, which is not there",
        ),
    ];
    for (schema, reason) in cases {
        assert_eq!(strict(schema).unwrap_err(), reason);
    }
}

#[test]
fn exclusive_branches_and_described_references_are_rewritten() {
    let schema = json!({
        "type": "object",
        "properties": {
            "kind": {"oneOf": [{"const": "a", "description": "first"}, {"const": "b"}]},
            "inner": {"$ref": "#/$defs/Inner", "description": "told"}
        },
        "required": ["kind", "inner"],
        "$defs": {"Inner": {"type": "object", "properties": {}, "additionalProperties": false}}
    });
    let rewritten = strict(schema).unwrap();
    assert_eq!(
        rewritten["properties"],
        json!({
            "kind": {"anyOf": [
                {"const": "a", "description": "first", "type": "string"},
                {"const": "b", "type": "string"}
            ]},
            "inner": {
                "type": "object", "properties": {}, "description": "told",
                "required": [], "additionalProperties": false
            }
        })
    );
}

#[test]
fn what_schemars_makes_of_an_ordinary_type_is_strict() {
    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema matters")]
    struct Plan {
        /// The title.
        title: String,
        note: Option<String>,
        kind: Kind,
        steps: Vec<Step>,
    }
    /// What sort.
    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema matters")]
    enum Kind {
        /// A talk.
        Talk,
        /// A walk.
        Walk,
    }
    #[derive(schemars::JsonSchema)]
    #[serde(tag = "kind")]
    #[expect(dead_code, reason = "only its schema matters")]
    enum Step {
        Speak {
            minutes: u32,
        },
        Move {
            metres: f64,
            kind_of_road: Option<Kind>,
        },
    }
    let schema = serde_json::to_value(schemars::schema_for!(Plan)).unwrap();
    let rewritten = strict(schema).unwrap();
    assert_eq!(
        rewritten["required"],
        json!(["title", "note", "kind", "steps"])
    );
    assert_eq!(
        rewritten["$defs"]["Step"]["anyOf"][1]["additionalProperties"],
        false
    );
}

#[test]
fn a_schema_that_describes_itself_is_rewritten_once() {
    let schema = json!({
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/Node", "description": "told"}},
        "required": ["next"],
        "$defs": {"Node": {
            "type": "object",
            "properties": {"next": {"$ref": "#/$defs/Node", "description": "again"}},
            "required": ["next"]
        }}
    });
    let rewritten = strict(schema).unwrap();
    let inlined = &rewritten["properties"]["next"];
    assert_eq!(inlined["description"], "told");
    assert_eq!(
        inlined["properties"]["next"],
        json!({"$ref": "#/$defs/Node"})
    );
}
