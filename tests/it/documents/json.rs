//! Lists in JSON files.

use duologue::flow::document::DocumentSource;
use serde_json::json;

use super::{file, read, read_file, refused};

#[test]
fn a_list_may_stand_alone_or_in_an_object() {
    let list = r#"[{"id": "a", "text": "one"}, {"id": "b", "text": "two"}]"#;
    assert_eq!(read_file("d.json", list).ids(), ["a", "b"]);
    for key in ["documents", "items", "data", "records"] {
        let object = format!(
            "\u{feff}{{\"meta\": {{\"{key}\": [{{}}]}}, \"data \": 1,\r\n\"{key}\": {list}, \"n\": [2]}}\n"
        );
        assert_eq!(read_file("d.json", object).ids(), ["a", "b"], "{key}");
    }
    // A key of that name that holds no list is one like any other.
    let object = format!(r#"{{"data": {{"x": 1}}, "items": {list}}}"#);
    assert_eq!(read_file("d.json", object).ids(), ["a", "b"]);
}

#[test]
fn an_empty_list_is_zero_documents() {
    for empty in ["[]", " [ \n ] ", r#"{"documents": []}"#] {
        let read = read_file("d.json", empty);
        assert!(
            read.documents.is_empty() && read.unreadable.is_empty(),
            "{read:?}"
        );
    }
}

#[test]
fn what_is_no_list_of_documents_is_refused_at_once() {
    assert_eq!(
        refused("d.json", ""),
        "`d.json` line 1: the file ends where a list or an object is due (the JSON is broken here; what comes behind was not read)"
    );
    assert!(refused("d.json", "\n\n\"text\"").starts_with("`d.json` line 3: there is `\"` where"));
    assert_eq!(
        refused("d.json", r#"{"id": 1, "text": "one"}"#),
        "`d.json` line 1: there is no list of documents; the object has `id`, `text` \
         (allowed: a list of objects, or an object with a list under `documents`, `items`, `data`, `records`)"
    );
    assert!(refused("d.json", r#"{"id" 1}"#).contains("there is `1` where `:` is due"));
    assert!(refused("d.json", r#"{"id": "#).contains("the file ends where a value is due"));
    for wide in [&b"\xff\xfe[\0]\0"[..], b"\xfe\xff\0[\0]", b"[\0{\0}\0]\0"] {
        assert_eq!(
            refused("d.json", wide),
            "`d.json`: the text is UTF-16 (allowed: UTF-8; `iconv -f UTF-16 -t UTF-8` converts it)"
        );
    }
}

#[test]
fn a_broken_item_costs_no_other_its_place() {
    let read = read_file(
        "d.json",
        b"[{\"text\": \"a\"},\n{\"text\" 1},\n[7], 8,\n{\"text\": \"\xff\"}, {\"text\": \"b]\\\"}\"}]",
    );
    assert_eq!(read.texts(), ["a", "b]\"}"]);
    assert_eq!(read.ids(), ["d-1", "d-6"]);
    assert_eq!(
        read.problems(),
        [
            "`d.json` item 2 (line 2): it is no JSON at its column 9",
            "`d.json` item 3 (line 3): it is a list",
            "`d.json` item 4 (line 3): it is a number",
            "`d.json` item 5 (line 4): it is not UTF-8 at its byte 10",
        ]
    );
    let positions: Vec<u64> = read.unreadable.iter().map(|it| it.position).collect();
    assert_eq!(positions, [1, 2, 3, 4]);
}

#[test]
fn a_broken_list_ends_with_one_item_that_says_where() {
    for (content, problem) in [
        (
            "[{\"text\": \"a\"}\n{\"text\": \"b\"}]",
            "line 2: there is `{` where `,` or `]` is due",
        ),
        (
            "[{\"text\": \"a\"},\n\n{\"text\": \"b\n",
            "line 3: the file ends inside of the value that begins at line 3",
        ),
        (
            "[{\"text\": \"a\"},",
            "line 1: the file ends where an object is due",
        ),
        (
            "[{\"text\": \"a\"},]",
            "line 1: there is `]` where an object is due",
        ),
        (
            "[{\"text\": \"a\"}",
            "line 1: the file ends where `,` or `]` is due",
        ),
        (
            "[{\"text\": \"a\"}] x",
            "line 1: there is `x` where the end of the file is due",
        ),
        (
            "{\"items\": [{\"text\": \"a\"}], \"data\": []}",
            "line 1: there is another list, under `data`",
        ),
        (
            "{\"items\": [{\"text\": \"a\"}]",
            "line 1: the file ends where `,` or `}` is due",
        ),
    ] {
        let read = read_file("d.json", content);
        assert_eq!(read.texts(), ["a"], "{content}");
        let problems = read.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        // A text that is cut off at its line's end has its place at the next line.
        assert!(
            problems[0].contains(problem.split_once(": ").unwrap().1),
            "{problems:?}"
        );
    }
}

#[test]
fn an_item_that_is_too_long_or_too_deep_is_passed_over() {
    let content = json!([
        {"text": "a"}, {"text": "x".repeat(30_000)}, {"text": "b"},
    ]);
    let deep = format!(
        "[{}{}, {{\"text\": \"c\"}}]",
        "[".repeat(500),
        "]".repeat(500)
    );
    let (_folder, path) = file("d.json", content.to_string());
    let read = read(DocumentSource::path(&path).max_document_bytes(1_000));
    assert_eq!(read.texts(), ["a", "b"]);
    assert_eq!(
        read.problems(),
        ["`d.json` item 2 (line 1): it has 30011 bytes"]
    );
    let hint = read.unreadable[0].error.hint().unwrap();
    assert_eq!(
        hint,
        "allowed: 1000 bytes; `max_bytes` of a job's `documents` sets the limit, `max_document_bytes` in a program"
    );

    let read = read_file("d.json", deep);
    assert_eq!(read.texts(), ["c"]);
    assert!(format!("{:#}", read.unreadable[0].error).contains("recursion limit"));
}

#[test]
fn of_a_key_that_comes_twice_the_last_counts() {
    let read = read_file("d.json", r#"[{"text": "one", "text": "two"}]"#);
    assert_eq!(read.texts(), ["two"]);
}
