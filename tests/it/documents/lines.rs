//! Lines of JSON.

use duologue::flow::document::DocumentSource;

use super::{file, read, read_file, refused};

#[test]
fn each_line_is_a_document_however_lines_end() {
    for name in ["d.jsonl", "d.ndjson", "D.JSONL"] {
        let read = read_file(
            name,
            "\u{feff}{\"text\": \"a\"}\r\n\r\n  \n{\"text\": \"b\"}",
        );
        assert_eq!(read.texts(), ["a", "b"]);
        assert!(read.unreadable.is_empty() && read.skipped == 0);
    }
    let read = read_file("d.jsonl", "");
    assert!(read.documents.is_empty() && read.unreadable.is_empty());
}

#[test]
fn a_broken_line_costs_no_other() {
    let mut content = b"{\"text\": \"a\"}\n{\"text\": \"b\"\n\0\0\n\"c\"\n".to_vec();
    content.extend_from_slice(b"{\"text\": \"\xc3\x28\"}\n{\"text\": \"nul \\u0000\"}\n{\"te");
    let read = read_file("d.jsonl", content);
    assert_eq!(read.texts(), ["a", "nul \0"]);
    assert_eq!(
        read.problems(),
        [
            "`d.jsonl` line 2: it is no JSON at its column 12",
            "`d.jsonl` line 3: it is no JSON at its column 1",
            "`d.jsonl` line 4: it is a text",
            "`d.jsonl` line 5: it is not UTF-8 at its byte 10",
            "`d.jsonl` line 7: it is no JSON at its column 4",
        ]
    );
}

#[test]
fn a_line_of_thirty_megabytes_is_passed_over() {
    let long = format!(
        "{{\"text\": \"a\"}}\n{{\"text\": \"{}\"}}\n{{\"text\": \"b\"}}\n",
        "x".repeat(30 * 1024 * 1024)
    );
    let (_folder, path) = file("d.jsonl", long);
    let by_default = read(DocumentSource::path(&path));
    assert_eq!(by_default.texts(), ["a", "b"]);
    assert_eq!(
        by_default.problems(),
        ["`d.jsonl` line 2: it has 31457292 bytes"]
    );

    let allowed = read(DocumentSource::path(&path).max_document_bytes(40 * 1024 * 1024));
    assert_eq!(allowed.documents.len(), 3);
}

#[test]
fn another_encoding_is_named() {
    assert!(refused("d.jsonl", b"\xff\xfe\0\0{\0\0\0").contains("the text is UTF-32"));
    assert!(refused("d.jsonl", b"{\0\"\0}\0").contains("the text is UTF-16"));
}
