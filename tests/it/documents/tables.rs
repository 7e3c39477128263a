//! Rows of tables.

use duologue::flow::document::{DocumentSource, FieldNames};

use super::{file, read_file, refused, without_folder};

#[test]
fn a_row_is_a_document_with_its_cells_as_fields() {
    let read = read_file(
        "d.csv",
        "\u{feff}\"id\",text, topic ,,topic\r\n1,\"high, \"\"very\"\"\nhigh\",tides,0,x\r\n\r\n2,low,\"\",1,y",
    );
    assert_eq!(read.ids(), ["1", "2"]);
    assert_eq!(read.texts(), ["high, \"very\"\nhigh", "low"]);
    let fields: Vec<_> = read.documents[0].fields.iter().collect();
    assert_eq!(fields, [(&"topic".to_owned(), &"tides".into())]);
    assert_eq!(read_file("d.tsv", "id\ttext\n7\ta,b\n").texts(), ["a,b"]);
    assert_eq!(read_file("d.csv", "text\ra\rb\r").texts(), ["a", "b"]);
}

#[test]
fn a_broken_row_costs_no_other() {
    let read = read_file(
        "d.csv",
        b"id,text\n1,a\n2\n3,b,c\n4,\xff\n5,\"d\"e\n6,5\" pipe\n7,\n",
    );
    assert_eq!(read.texts(), ["a", "de", "5\" pipe"]);
    assert_eq!(read.skipped, 1);
    assert_eq!(
        read.problems(),
        [
            "`d.csv` line 3: it has 1 cell",
            "`d.csv` line 4: it has 3 cells",
            "`d.csv` line 5: cell 2: it is not UTF-8 at its byte 0",
        ]
    );
}

#[test]
fn a_quote_that_is_never_closed_is_told_with_its_line() {
    let read = read_file("d.csv", "text\na\n\"b\nc\nd\n");
    assert_eq!(read.texts(), ["a"]);
    assert_eq!(
        read.problems(),
        ["`d.csv` line 3: a quote in this row is never closed, and takes in all that follows"]
    );
}

#[test]
fn a_table_needs_a_column_for_the_text() {
    assert_eq!(
        refused("d.csv", "id;text\n1;a\n"),
        "`d.csv`: there is no column for the text; the header has `id;text` \
         (allowed: `text`, `markdown`, `content`; cells are separated by `,` in a `.csv`, by a tab in a `.tsv`)"
    );
    assert!(refused("d.csv", "text\"\"\n").contains("the header has"));
    assert!(refused("d.csv", "\"text\n").contains("never closed"));
}

#[test]
fn a_column_that_was_named_must_be_there() {
    let (_folder, path) = file("d.csv", "key,text\n1,a\n");
    let open = |fields| DocumentSource::path(&path).with_fields(fields).open();
    let error = open(FieldNames::default().with_id("kex")).unwrap_err();
    assert_eq!(
        without_folder(&error),
        "`d.csv`: there is no column `kex`; the header has `key`, `text`"
    );
    assert_eq!(error.hint(), Some("did you mean `key`?"));
    assert!(open(FieldNames::default().with_id("key")).is_ok());
}

#[test]
fn a_table_without_rows_is_zero_documents() {
    for content in ["", "\n\n", "id,text", "id,text\r\n"] {
        let read = read_file("d.csv", content);
        assert!(
            read.documents.is_empty() && read.unreadable.is_empty(),
            "{content:?}"
        );
    }
}
