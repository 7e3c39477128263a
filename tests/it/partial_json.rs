//! The value of an answer while it arrives.

use duologue::provider::extract::{PartialJson, extract_json};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What is known of `text` when it came in these pieces.
fn known<'t>(pieces: impl IntoIterator<Item = &'t str>) -> Option<Value> {
    let mut partial = PartialJson::new();
    for piece in pieces {
        partial.push(piece);
    }
    partial.value().cloned()
}

#[test]
fn what_is_open_counts_as_closed_and_what_may_go_on_is_left_out() {
    let cases = [
        ("", None),
        ("Here you are:", None),
        ("{", Some(json!({}))),
        ("{\"ti", Some(json!({}))),
        ("{\"title\"", Some(json!({}))),
        ("{\"title\": ", Some(json!({}))),
        ("{\"title\": \"", Some(json!({"title": ""}))),
        ("{\"title\": \"T\\", Some(json!({"title": "T"}))),
        ("{\"title\": \"\\u00e", Some(json!({"title": ""}))),
        ("{\"title\": \"\\ud83d\\ude0", Some(json!({"title": ""}))),
        ("{\"n\": 12", Some(json!({}))),
        ("{\"n\": 12,", Some(json!({"n": 12}))),
        ("{\"ok\": tru", Some(json!({}))),
        (
            "{\"steps\": [\"a\", {\"b\": [",
            Some(json!({"steps": ["a", {"b": []}]})),
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(known([text]), wanted, "{text}");
    }
}

#[test]
fn prose_fences_and_reasoning_before_the_value_are_skipped() {
    let cases = [
        "Plan [see above] for {name}:\n```json\n{\"a\": \"b",
        "<think>{\"a\": 1} or [2]?</think>{\"a\": \"b",
        "<thi>{x}</thi> <thinking>\n{\"a\": 2}\n</thinking>\n{\"a\": \"b",
        "perhaps {\"a\": \"z\"}</think> {\"a\": \"b",
        "As [1] and [2] say: {\"a\": \"b",
    ];
    for text in cases {
        let pieces = text
            .char_indices()
            .map(|(at, c)| &text[at..at + c.len_utf8()]);
        assert_eq!(known(pieces), Some(json!({"a": "b"})), "{text}");
    }
}

#[test]
fn what_models_get_wrong_is_mended() {
    let text =
        "{title: 'it\\'s', “on”: True, // yes\n list: [1, 2,], /* * */ none: None, # end\n }";
    assert_eq!(
        known([text]),
        Some(json!({"title": "it's", "on": true, "list": [1, 2], "none": null}))
    );
}

#[test]
fn a_value_that_breaks_stays_as_it_was() {
    let broken = "{\"a\": {\"b\": 1} \"c\": {\"d\": 2}}";
    assert_eq!(known([broken]), Some(json!({"a": {"b": 1}})));
}

#[test]
fn the_last_of_several_values_counts_once_it_holds_something() {
    let example = "Like {\"a\": 1}: ";
    assert_eq!(known([example, "{"]), Some(json!({"a": 1})));
    assert_eq!(known([example, "{\"a\": \"", "x"]), Some(json!({"a": "x"})));
}

#[test]
fn a_look_does_not_disturb_the_reading() {
    let text = "{\"a\": [[\"x\", {\"y\": \"zz\"}], 1.5], \"b\": \"ü\\n\"}";
    let mut partial = PartialJson::new();
    for (at, c) in text.char_indices() {
        partial.push(&text[at..at + c.len_utf8()]);
        let looked = partial.value().cloned();
        assert_eq!(looked, known([&text[..at + c.len_utf8()]]));
    }
    assert!(partial.is_complete());
    assert_eq!(partial.value(), serde_json::from_str(text).ok().as_ref());
}

#[test]
fn what_extraction_gives_is_what_is_known_at_the_end() {
    #[derive(Deserialize)]
    struct Case {
        name: String,
        text: String,
    }
    let cases: Vec<Case> =
        serde_yaml::from_str(include_str!("cases/extraction/cases.yaml")).unwrap();
    let mut compared = 0;
    for case in cases {
        let Ok(found) = extract_json(&case.text, &|_| true) else {
            continue;
        };
        if found.value.is_object() && !case.text.trim_start().starts_with('"') {
            compared += 1;
            assert_eq!(known([&*case.text]), Some(found.value), "{}", case.name);
        }
    }
    assert!(compared > 20, "{compared}");
}

/// Any JSON whose outermost value is an object or an array.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        "\\PC{0,6}|[\\\\\"'\n\t\u{1}😀é]{0,6}".prop_map(Value::from),
    ];
    let key = || "\\PC{0,4}|[\\\\\"\n😀]{0,3}";
    let value = leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(key(), inner, 0..6)
                .prop_map(|map| Value::from(map.into_iter().collect::<Map<_, _>>())),
        ]
    });
    proptest::collection::btree_map(key(), value, 0..5)
        .prop_map(|map| Value::from(map.into_iter().collect::<Map<_, _>>()))
}

/// Whether `part` may become `whole` when more text comes.
fn grows_into(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::String(part), Value::String(whole)) => whole.starts_with(part.as_str()),
        (Value::Array(part), Value::Array(whole)) => {
            part.len() <= whole.len() && part.iter().zip(whole).all(|(p, w)| grows_into(p, w))
        }
        (Value::Object(part), Value::Object(whole)) => part
            .iter()
            .all(|(key, p)| whole.get(key).is_some_and(|w| grows_into(p, w))),
        _ => part == whole,
    }
}

proptest! {
    #[test]
    fn each_prefix_grows_into_the_whole(document in document(), pretty in any::<bool>()) {
        let text = if pretty {
            serde_json::to_string_pretty(&document).unwrap()
        } else {
            document.to_string()
        };
        // What the text says: a float may lose its last bit on the way.
        let document: Value = serde_json::from_str(&text).unwrap();
        let mut partial = PartialJson::new();
        for (at, c) in text.char_indices() {
            partial.push(&text[at..at + c.len_utf8()]);
            let part = partial.value().unwrap();
            prop_assert!(grows_into(part, &document), "{part} of {document}");
        }
        prop_assert_eq!(partial.value(), Some(&document));
        prop_assert!(partial.is_complete());
    }

    #[test]
    fn pieces_of_any_size_and_looks_at_any_time_make_no_difference(
        text in "([{}\\[\\]\"',:/*#<>\\\\u1 tn-]|think|true|\\PC){0,60}",
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        places.push(text.len());
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| *cut.get(&places)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let mut partial = PartialJson::new();
        for pair in cuts.windows(2) {
            partial.push(&text[pair[0]..pair[1]]);
            partial.value();
        }
        prop_assert_eq!(partial.value().cloned(), known([&*text]));
    }
}

#[test]
fn the_limits_hold() {
    let deep = "[".repeat(100_000);
    assert!(known([&*deep]).is_some());
    let long = "{\"a\": \"".to_owned() + &"x".repeat(17 << 20);
    assert!(known([&*long, "y"]).is_none());
}
