//! Any bytes at all: no panic, no hang, and every item is accounted for.

use duologue::flow::document::DocumentSource;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Read, file, read};

/// Pieces that files are made of, and such as break them.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(&b"{\"text\": \"a\"}"[..]),
        Just(&b"\"text\""[..]),
        Just(&b"["[..]),
        Just(&b"]"[..]),
        Just(&b"{"[..]),
        Just(&b"}"[..]),
        Just(&b","[..]),
        Just(&b":"[..]),
        Just(&b"\""[..]),
        Just(&b"\\"[..]),
        Just(&b"\n"[..]),
        Just(&b"\r"[..]),
        Just(&b"items"[..]),
        Just(&b"\0"[..]),
        Just(&b"\xff\xfe"[..]),
        Just(&b"7"[..]),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// What a file gives, unless it is refused.
fn read_all(name: &str, content: &[u8]) -> Option<Read> {
    let (_folder, path) = file(name, content);
    let source = || DocumentSource::path(&path).max_document_bytes(200);
    source().open().ok().map(|_| read(source()))
}

fn item() -> impl Strategy<Value = (Value, char)> {
    prop_oneof![
        "[a-z ]{0,5}[a-z]".prop_map(|text| (json!({"text": text}), 'd')),
        Just((json!({"text": " "}), 's')),
        Just((json!({}), 's')),
        Just((json!({"text": {"a": ["]", "}"]}}), 'u')),
        Just((json!(["{"]), 'u')),
        Just((json!("\\\""), 'u')),
        Just((json!({"text": "x".repeat(300)}), 'u')),
    ]
}

fn assert_counts(read: &Read, items: &[(Value, char)]) {
    let count = |kind| items.iter().filter(|(_, is)| *is == kind).count();
    assert_eq!(read.documents.len(), count('d'));
    assert_eq!(read.unreadable.len(), count('u'));
    assert_eq!(read.skipped, count('s') as u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_break_a_reader(content in pieces()) {
        for name in ["d.json", "d.jsonl", "d.csv", "d.tsv"] {
            read_all(name, &content);
        }
    }

    #[test]
    fn every_item_is_a_document_unreadable_or_skipped(
        items in prop::collection::vec(item(), 0..20),
        pretty: bool,
    ) {
        let list: Vec<&Value> = items.iter().map(|(item, _)| item).collect();
        let json = if pretty {
            serde_json::to_string_pretty(&list).unwrap()
        } else {
            serde_json::to_string(&list).unwrap()
        };
        // Indentation counts towards the length of an item, and leaves all of these below the limit.
        assert_counts(&read_all("d.json", json.as_bytes()).unwrap(), &items);
        let lines: Vec<String> = list.iter().map(ToString::to_string).collect();
        assert_counts(&read_all("d.jsonl", lines.join("\n").as_bytes()).unwrap(), &items);
    }
}
