//! JSON out of whatever text a model sends. The cases are in `cases/extraction/cases.yaml`.

use std::ops::Range;

use duologue::provider::extract::{
    ExtractError, Extracted, Fixup, MAX_BYTES, MAX_DEPTH, extract_json,
};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

fn anything(_: &Value) -> bool {
    true
}

fn extract(text: &str) -> Result<Extracted, ExtractError> {
    extract_json(text, &anything)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    text: String,
    wants: Option<Vec<String>>,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    fixups: Vec<Fixup>,
    error: Option<String>,
}

impl Case {
    fn fits(&self, value: &Value) -> bool {
        let Some(wants) = &self.wants else {
            return true;
        };
        value
            .as_object()
            .is_some_and(|map| map.keys().eq(wants.iter()))
    }

    fn expected(&self) -> Result<(String, Vec<Fixup>), String> {
        match &self.error {
            Some(error) => Err(error.clone()),
            None => Ok((self.value.to_string(), self.fixups.clone())),
        }
    }

    fn actual(&self) -> Result<(String, Vec<Fixup>), String> {
        extract_json(&self.text, &|value| self.fits(value))
            .map(|found| (found.value.to_string(), found.fixups))
            .map_err(in_short)
    }
}

fn in_short(error: ExtractError) -> String {
    match error {
        ExtractError::NoJson => "no_json".to_owned(),
        ExtractError::Incomplete { line, column, .. } => format!("incomplete {line}:{column}"),
        ExtractError::Syntax {
            line,
            column,
            message,
            ..
        } => format!("syntax {line}:{column} {message}"),
        other => format!("{other:?}"),
    }
}

#[test]
fn every_case_gives_what_it_says() {
    let cases: Vec<Case> =
        serde_yaml::from_str(include_str!("cases/extraction/cases.yaml")).unwrap();
    let wrong: Vec<_> = cases
        .iter()
        .filter(|case| case.actual() != case.expected())
        .map(|case| {
            format!(
                "{}:\n  want {:?}\n  got  {:?}",
                case.name,
                case.expected(),
                case.actual()
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn plain_json_is_returned_without_asking_whether_it_fits() {
    let found = extract_json(r#"{"a": 1}"#, &|_| panic!("asked")).unwrap();
    assert_eq!(found.value, json!({"a": 1}));
    assert_eq!(found.fixups, []);
}

#[test]
fn an_offset_counts_bytes_of_the_text_as_it_came() {
    let Err(ExtractError::Syntax { offset, .. }) = extract("\u{feff} é {\"a\": nope}") else {
        panic!("not a syntax error");
    };
    assert_eq!(offset, 13);
}

#[test]
fn an_error_does_not_quote_the_text() {
    for text in [
        "sesame",
        "{\"sesame",
        "{\"a\": sesame}",
        "{'sesame': {\"sesame\" 1}}",
    ] {
        let error = extract(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("sesame"));
    }
}

#[test]
fn limits_are_errors() {
    let long = " ".repeat(MAX_BYTES + 1);
    assert_eq!(
        extract(&long),
        Err(ExtractError::TooLarge {
            bytes: MAX_BYTES + 1
        })
    );
    let deep = format!(
        "{}1{}",
        "[".repeat(MAX_DEPTH + 1),
        "]".repeat(MAX_DEPTH + 1)
    );
    assert_eq!(
        extract(&deep),
        Err(ExtractError::TooDeep { offset: MAX_DEPTH })
    );
}

const MALICE: &[&str] = &[
    "{",
    "[",
    "}",
    "[{\"a\":",
    "{\"a\":{",
    "{}",
    "{} ",
    "\"",
    "{\"",
    "['",
    "[\"[\",",
    "[1,//[1,\n1,",
    "[//",
    "[/*",
    "[ #",
    " #[\n",
    "[1,p{\"a\":?",
    "{a:?",
    "<think>",
    "x<think>",
    "</think>",
    "<think>x</think>",
    "<",
    "`",
    "``` ",
    "```\"",
    "```\"\\",
    "~~~`",
    "\\",
    "{\"\\u",
    "[“",
    "[\u{a0}",
    "[1,",
    "1",
    "[-",
    "[é",
    "\u{feff}",
    "{{\"a\":1}}",
];
/// Each takes minutes or the stack when anything is read again for each bracket before it.
#[test]
fn malice_by_the_quarter_megabyte_ends() {
    for pattern in MALICE {
        let body = pattern.repeat((1 << 18) / pattern.len());
        for text in [
            body.clone(),
            format!("x {body}"),
            format!("x {body}\n!{{\"a\":1}}"),
        ] {
            let _ = extract(&text);
        }
    }
    let fence = "`".repeat(1 << 17);
    let _ = extract(&format!("{fence}\n{{\"a\": ?{}", &fence[1..]));
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ]
}

/// Strings that look like what extraction removes.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(PIECES).prop_map(str::to_owned),
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "“",
    "”",
    ",",
    ":",
    "\\",
    "\\u",
    "\\ud83d",
    "de00",
    "//",
    "/*",
    "*/",
    "#",
    " ",
    "\n",
    "\t",
    "```",
    "```json\n",
    "~~~",
    "<think>",
    "</think>",
    "<reasoning>",
    "1",
    "-",
    "true",
    "None",
    "a",
    "\"a\":",
    "{\"a\":1}",
    "\u{feff}",
    "\u{a0}",
    "é",
];

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            object_of(inner, 0..4),
        ]
    })
}

fn object_of(
    inner: impl Strategy<Value = Value>,
    size: Range<usize>,
) -> impl Strategy<Value = Value> {
    prop::collection::vec((text(), inner), size)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

fn container(size: Range<usize>) -> impl Strategy<Value = Value> {
    prop_oneof![
        prop::collection::vec(value(), size.clone()).prop_map(Value::from),
        object_of(value(), size),
    ]
}

fn printed(value: &Value, pretty: bool) -> String {
    if pretty {
        format!("{value:#}")
    } else {
        value.to_string()
    }
}

/// What `serde_json` itself reads back: a float may differ in its last digit from the printed one.
fn read_back(printed: &str) -> String {
    serde_json::from_str::<Value>(printed).map_or_else(|error| error.to_string(), |v| v.to_string())
}

/// The same value as printed, with a comma that only the lenient parser accepts.
fn with_trailing_comma(printed: &str) -> String {
    let (body, bracket) = printed.split_at(printed.len() - 1);
    format!("{body},{bracket}")
}

fn wrap(inner: &str, wrapper: usize) -> (String, Vec<Fixup>) {
    match wrapper {
        0 => (inner.to_owned(), vec![]),
        1 => (
            format!("Sure, here:\n\n{inner}\n\nBye."),
            vec![Fixup::SurroundingText],
        ),
        2 => (format!("```json\n{inner}\n```"), vec![Fixup::CodeFence]),
        3 => (
            format!("Here:\n~~~\n{inner}"),
            vec![Fixup::CodeFence, Fixup::SurroundingText],
        ),
        4 => (
            format!("<think>is it {{\"x\": 1}}?</think>\n{inner}"),
            vec![Fixup::ThinkBlock],
        ),
        _ => (
            format!("is it {{\"x\": 1}}?</think>{inner}"),
            vec![Fixup::ThinkBlock],
        ),
    }
}

proptest! {
    #[test]
    fn a_printed_value_is_found_exactly(value in container(0..4), pretty: bool, wrapper in 0usize..6) {
        let inner = printed(&value, pretty);
        let (text, fixups) = wrap(&inner, wrapper);
        let found = extract(&text).unwrap();
        prop_assert_eq!(found.value.to_string(), read_back(&inner));
        prop_assert_eq!(found.fixups, fixups);
    }

    #[test]
    fn the_lenient_parser_reads_what_serde_json_reads(value in container(1..4), pretty: bool) {
        let inner = printed(&value, pretty);
        let found = extract(&with_trailing_comma(&inner)).unwrap();
        prop_assert_eq!(found.value.to_string(), read_back(&inner));
        prop_assert_eq!(found.fixups, [Fixup::TrailingComma]);
    }

    #[test]
    fn a_scalar_is_found_when_it_is_alone(value in scalar(), wrapper in prop::sample::select(&[0, 2, 3, 4, 5])) {
        let (text, fixups) = wrap(&value.to_string(), wrapper);
        let found = extract(&text).unwrap();
        prop_assert_eq!(found.value.to_string(), read_back(&value.to_string()));
        prop_assert_eq!(found.fixups, fixups);
    }

    #[test]
    fn a_cut_value_is_never_a_value(value in container(1..4), pretty: bool, wrapper in 0usize..6) {
        let inner = printed(&value, pretty);
        for mended in [inner.clone(), with_trailing_comma(&inner)] {
            for (end, _) in mended.char_indices().skip(1) {
                let (text, _) = wrap(&mended[..end], wrapper);
                let found = extract(&text);
                // A fence or prose may follow the cut; then it is broken rather than incomplete.
                let followed = matches!(wrapper, 1 | 2);
                prop_assert!(
                    matches!(found, Err(ExtractError::Incomplete { .. }))
                        || (followed && found.is_err()),
                    "{:?} from {:?}", found, text
                );
            }
        }
    }

    #[test]
    fn a_cut_value_behind_one_that_fits_is_never_a_value(value in container(0..4), cut: prop::sample::Index) {
        let inner = value.to_string();
        let ends: Vec<_> = inner.char_indices().map(|(end, _)| end).skip(1).collect();
        let text = format!("For example {{\"a\": 1}}. Answer: {}", &inner[..*cut.get(&ends)]);
        prop_assert!(matches!(extract(&text), Err(ExtractError::Incomplete { .. })), "{}", text);
    }

    #[test]
    fn bytes_never_panic(bytes: Vec<u8>) {
        let _ = extract(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn pieces_of_json_never_panic(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        let text = pieces.concat();
        if let Ok(found) = extract(&text) {
            prop_assert!(found.fixups.is_sorted_by(|a, b| a < b));
            let plain = serde_json::from_str::<Value>(text.trim());
            prop_assert_eq!(found.fixups.is_empty(), plain.is_ok(), "{}", text);
        }
    }
}

#[test]
fn a_fixup_is_the_same_word_everywhere() {
    for (fixup, word) in [
        (Fixup::ThinkBlock, "think_block"),
        (Fixup::UnusualSpace, "unusual_space"),
    ] {
        assert_eq!(fixup.as_str(), word);
        assert_eq!(fixup.to_string(), word);
        assert_eq!(serde_json::to_value(fixup).unwrap(), json!(word));
    }
}
