//! Which field of an object is the id, the URL and the text.

use duologue::flow::document::{DocumentSource, FieldNames};
use serde_json::{Value, json};

use super::{Read, file, read, read_file};

fn of(items: &[Value], names: FieldNames) -> Read {
    let (_folder, path) = file("d.json", json!(items).to_string());
    read(DocumentSource::path(path).with_fields(names))
}

#[test]
fn common_names_are_known() {
    let items = [
        json!({"id": "a", "url": "u", "text": "one", "title": "Tides"}),
        json!({"id": 2, "source_url": "v", "markdown": "two", "text": null}),
        json!({"id": 2.5, "link": "w", "url": "", "text": " ", "content": "three"}),
        json!({"link": {"href": "x"}, "text": "four"}),
    ];
    let read = of(&items, FieldNames::default());
    assert_eq!(read.ids(), ["a", "2", "2.5", "d-4"]);
    assert_eq!(read.texts(), ["one", "two", "three", "four"]);
    let urls: Vec<_> = read.documents.iter().map(|it| it.url.as_deref()).collect();
    assert_eq!(urls, [Some("u"), Some("v"), Some("w"), None]);
    let left = |index: usize| Value::Object(read.documents[index].fields.clone());
    assert_eq!(left(0), json!({"title": "Tides"}));
    assert_eq!(left(3), json!({"link": {"href": "x"}}));
}

#[test]
fn other_names_may_be_given_and_lead_into_objects() {
    let names = FieldNames::default()
        .with_id("meta.key")
        .with_url("meta.from")
        .with_text("body.html");
    let items = [
        json!({"meta": {"key": 7, "from": "u", "n": 1}, "body": {"html": "one"}, "text": "t"}),
        json!({"meta.key": "flat", "body": {"html": "two"}}),
        json!({"meta": "none", "text": "not looked at"}),
        json!({"meta": {"from": 1}, "body.html": "three"}),
    ];
    let read = of(&items, names);
    assert_eq!(read.ids(), ["7", "flat"]);
    assert_eq!(read.texts(), ["one", "two"]);
    assert_eq!(read.skipped, 1);
    let fields = Value::Object(read.documents[0].fields.clone());
    assert_eq!(fields, json!({"meta": {"n": 1}, "body": {}, "text": "t"}));
    assert_eq!(
        read.problems(),
        ["`d.json` item 4 (line 1): `meta.from` is a number"]
    );
}

#[test]
fn items_without_a_text_are_skipped_and_counted() {
    let items = [
        json!({"id": 1}),
        json!({"text": ""}),
        json!({"text": "\n "}),
        json!({"text": null}),
        json!({"text": "one"}),
        json!({}),
    ];
    let read = of(&items, FieldNames::default());
    assert_eq!((read.documents.len(), read.skipped), (1, 5));
    assert!(read.unreadable.is_empty());
}

#[test]
fn wrong_types_are_unreadable_and_named_with_the_id() {
    let items = [
        json!({"id": "a", "text": 1}),
        json!({"id": "b", "content": ["x"]}),
        json!({"id": ["c"], "text": "one"}),
        json!({"id": true, "text": "one"}),
        json!({"id": "x".repeat(1_001), "text": "one"}),
    ];
    let read = of(&items, FieldNames::default());
    assert_eq!(
        read.problems(),
        [
            "`d.json` item 1 (line 1): `text` is a number",
            "`d.json` item 2 (line 1): `content` is a list",
            "`d.json` item 3 (line 1): `id` is a list",
            "`d.json` item 4 (line 1): `id` is a boolean",
            "`d.json` item 5 (line 1): `id` has 1001 bytes",
        ]
    );
    let ids: Vec<_> = read.unreadable.iter().map(|it| it.id.as_deref()).collect();
    assert_eq!(ids, [Some("a"), Some("b"), None, None, None]);
    assert_eq!(read.unreadable[0].error.hint(), Some("allowed: a text"));
}

#[test]
fn an_id_that_comes_again_is_unreadable() {
    let read = read_file(
        "d.jsonl",
        "{\"id\":1,\"text\":\"a\"}\n{\"id\":\"1\",\"text\":\"b\"}\n{\"text\":\"c\"}\n",
    );
    assert_eq!(read.texts(), ["a", "c"]);
    assert_eq!(read.problems(), ["an earlier document has the id `1` too"]);
    assert_eq!(read.unreadable[0].position, 1);
}

#[test]
fn ids_that_are_made_are_the_same_at_the_next_reading() {
    let (_folder, path) = file("day.jsonl", "{\"text\":\"a\"}\nbroken\n{\"text\":\"b\"}\n");
    let ids = || {
        let read = read(DocumentSource::path(&path));
        read.ids().join(" ")
    };
    assert_eq!(ids(), "day-1 day-3");
    assert_eq!(ids(), ids());
}
