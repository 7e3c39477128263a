//! Envelopes: their JSON, and every rule that one can break.

use duologue::error::ErrorKind;
use duologue::flow::envelope::{Envelope, EnvelopeStatus, row_hash};
use serde_json::{Value, json};

use super::tides;

/// An envelope in the JSON of the reference.
fn reference() -> Value {
    let row = json!({"b": 2, "a": "x"});
    json!({
        "metadata": {
            "source": "crm",
            "task_id": "t-1",
            "retrieved_at": "2026-11-21T08:00:00+00:00",
            "filters": {"city": "Dover"},
        },
        "records": [{
            "name": "Ann",
            "provenance": {
                "source": "crm",
                "row_id": "7",
                "row_hash": row_hash(&row),
                "retrieved_at": "2026-11-21T08:00:00Z",
                "raw_row": row,
            },
        }],
        "status": "SUCCESS",
        "error": null,
    })
}

#[test]
fn the_json_is_that_of_the_reference_both_ways() {
    let envelope = Envelope::from_value(reference()).unwrap();
    assert_eq!(envelope.records[0].fields["name"], "Ann");
    assert_eq!(serde_json::to_value(&envelope).unwrap(), reference());
}

#[test]
fn a_hash_does_not_depend_on_the_order_of_keys() {
    let hash = row_hash(&json!({"a": "x", "b": 2}));
    assert_eq!(hash, row_hash(&json!({"b": 2, "a": "x"})));
    // printf '{"a":"x","b":2}' | sha256sum
    assert_eq!(
        hash,
        "768ca668c0f84dd39bf269e25c9a3f0af4812e41026b6fead9a2666078ef16f6"
    );
}

#[test]
fn keys_that_nobody_knows_are_skipped_and_null_lists_are_empty() {
    let mut value = reference();
    value["metadata"]["shard"] = json!(3);
    value["metadata"]["filters"] = Value::Null;
    value["records"][0]["provenance"]["row_id"] = json!(7);
    let envelope = Envelope::from_value(value).unwrap();
    assert!(envelope.metadata.filters.is_empty());
    assert_eq!(envelope.records[0].provenance.row_id, "7");
    let nothing = json!({"metadata": {"source": "crm", "retrieved_at": "2026-11-21T08:00:00Z"},
        "records": null, "status": "NO_RESULTS"});
    assert!(Envelope::from_value(nothing).unwrap().records.is_empty());
}

#[test]
fn every_broken_rule_names_its_place_and_what_is_allowed() {
    type Break = fn(&mut Value);
    let cases: [(Break, &str, &str); 12] = [
        (
            |e| e["metadata"]["source"] = json!(" "),
            "/metadata/source",
            "not empty",
        ),
        (
            |e| e["metadata"]["task_id"] = json!(""),
            "/metadata/task_id",
            "not empty",
        ),
        (
            |e| e["metadata"]["retrieved_at"] = json!("today"),
            "/metadata/retrieved_at",
            "RFC 3339",
        ),
        (
            |e| e["status"] = json!("NO_RESULTS"),
            "/status",
            "`SUCCESS`",
        ),
        (|e| e["records"] = json!([]), "/status", "`NO_RESULTS`"),
        (
            |e| e["status"] = json!("ERROR"),
            "/error",
            "what went wrong",
        ),
        (|e| e["error"] = json!("broken"), "/error", "null"),
        (
            |e| provenance(e)["source"] = json!(""),
            "/records/0/provenance/source",
            "not empty",
        ),
        (
            |e| provenance(e)["row_id"] = json!(""),
            "/records/0/provenance/row_id",
            "not empty",
        ),
        (
            |e| provenance(e)["row_hash"] = json!("ABC"),
            "/records/0/provenance/row_hash",
            "64",
        ),
        (
            |e| provenance(e)["raw_row"] = json!({}),
            "/records/0/provenance/row_hash",
            "hash of",
        ),
        (
            |e| provenance(e)["retrieved_at"] = json!("?"),
            "/records/0/provenance/retrieved_at",
            "RFC 3339",
        ),
    ];
    for (damage, place, allowed) in cases {
        let mut value = reference();
        damage(&mut value);
        let error = Envelope::from_value(value).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidEnvelope, "{place}");
        let said = error.to_string();
        assert!(
            said.contains(&format!("`{place}`")) && said.contains(allowed),
            "{said}"
        );
    }
}

fn provenance(envelope: &mut Value) -> &mut Value {
    &mut envelope["records"][0]["provenance"]
}

#[test]
fn a_row_stands_in_an_envelope_once_and_a_field_is_not_called_provenance() {
    let twice = Envelope::builder("crm")
        .row("1", json!({}))
        .row("1", json!({}))
        .build();
    let said = twice.unwrap_err().to_string();
    assert!(
        said.contains("`/records/1/provenance/row_id` is `1`: an earlier record"),
        "{said}"
    );
    let taken = Envelope::builder("crm")
        .row("1", json!({"provenance": 1}))
        .build();
    assert!(
        taken
            .unwrap_err()
            .to_string()
            .contains("`/records/0/provenance`")
    );
    let no_object = Envelope::builder("crm").row("1", 7).build().unwrap_err();
    assert_eq!(no_object.to_string(), "row 0 is no object");
}

#[test]
fn what_is_no_envelope_is_said_with_its_place() {
    let said = |value: Value| Envelope::from_value(value).unwrap_err().to_string();
    assert_eq!(said(Value::Null), "there is no envelope: it is null");
    let mut value = reference();
    value["status"] = json!("OK");
    assert_eq!(said(value), "`status` is not as in an envelope");
    let mut value = reference();
    value["records"][0]["provenance"]["row_id"] = json!([]);
    assert!(said(value).contains("records[0]"));
}

#[test]
fn the_builder_gives_the_status_and_keeps_rows_on_request() {
    assert_eq!(tides().status, EnvelopeStatus::Success);
    assert_eq!(tides().records[0].provenance.raw_row, None);
    let nothing = Envelope::builder("crm").build().unwrap();
    assert_eq!(nothing.status, EnvelopeStatus::NoResults);
    let kept = Envelope::builder("crm")
        .keep_rows()
        .row("1", json!({"a": 1}))
        .build()
        .unwrap();
    assert_eq!(kept.records[0].provenance.raw_row, Some(json!({"a": 1})));
    let failed = Envelope::failed("crm", "the server is down");
    assert_eq!(
        (failed.status, failed.violations()),
        (EnvelopeStatus::Error, vec![])
    );
}

#[test]
fn the_published_schema_is_the_one_that_the_types_give() {
    let path = crate::tree::root().join("schemas/envelope.schema.json");
    let generated = serde_json::to_string_pretty(&schemars::schema_for!(Envelope)).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == generated,
        "schemas/envelope.schema.json is not up to date: run the tests with UPDATE_SCHEMAS=1"
    );
    let schema = jsonschema::validator_for(&serde_json::from_str(&published).unwrap()).unwrap();
    assert!(schema.is_valid(&reference()));
    assert!(schema.is_valid(&serde_json::to_value(tides()).unwrap()));
    assert!(!schema.is_valid(&json!({"status": "SUCCESS"})));
}
