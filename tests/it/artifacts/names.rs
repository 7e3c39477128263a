//! Names and extensions, whatever a model chose.

use std::collections::BTreeSet;

use duologue::ErrorKind;
use duologue::flow::artifact::{ArtifactContent, ArtifactWriter};
use proptest::prelude::*;

use super::{content, names, try_write, write};

#[test]
fn a_name_that_is_taken_gets_a_number_in_any_case_of_letters() {
    let folder = tempfile::tempdir().unwrap();
    let writer = ArtifactWriter::new(folder.path());
    let named: Vec<String> = [
        "tides", "tides", "Tides", "tides-2", "TIDES", "ÜBER", "über",
    ]
    .into_iter()
    .map(|name| write(&writer, content("d", name, "x")))
    .collect();
    assert_eq!(
        named,
        [
            "tides.md",
            "tides-2.md",
            "Tides-3.md",
            "tides-2-2.md",
            "TIDES-4.md",
            "ÜBER.md",
            "über-2.md"
        ]
    );
    // Another extension is another name.
    let text = ArtifactContent {
        extension: "txt".to_owned(),
        ..content("d", "tides", "x")
    };
    assert_eq!(write(&writer, text), "tides.txt");
}

#[test]
fn a_name_of_which_nothing_is_left_is_the_documents_id() {
    let folder = tempfile::tempdir().unwrap();
    let writer = ArtifactWriter::new(folder.path());
    assert_eq!(
        write(&writer, content("docs/a 1.md", " ../", "x")),
        "docs-a-1.md"
    );
    assert_eq!(write(&writer, content("…", "", "x")), "document.md");
}

#[test]
fn an_extension_is_letters_and_digits_that_are_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let any = ArtifactWriter::new(folder.path());
    let few = ArtifactWriter::new(folder.path()).extensions(["md", ".IPYNB"]);
    let with = |extension: &str| ArtifactContent {
        extension: extension.to_owned(),
        ..content("d", "x", "x")
    };
    assert_eq!(write(&any, with(" .Rs")), "x.rs");
    assert_eq!(write(&few, with("ipynb")), "x.ipynb");
    for extension in [
        "",
        ".",
        "..",
        "a/b",
        "tar.gz",
        "md\0",
        "mdé",
        "abcdefghijklmnopq",
    ] {
        let error = try_write(&any, with(extension)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{extension:?}");
        assert_eq!(error.hint(), Some("allowed: 1 to 16 letters and digits"));
    }
    let error = try_write(&few, with("ex\ne")).unwrap_err();
    assert_eq!(error.to_string(), "the extension `ex\\ne` is not allowed");
    let error = try_write(&few, with("rs")).unwrap_err();
    assert_eq!(error.hint(), Some("allowed: `md`, `.IPYNB`"));
    let key = format!("sk-{}", "abcDEF123456".repeat(4));
    let error = try_write(&any, with(&key)).unwrap_err();
    assert!(!error.to_string().contains("abcDEF"), "{error}");
    assert_eq!(names(folder.path()), ["x.ipynb", "x.rs"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_one_name_of_its_own(
        chosen in prop::collection::vec(prop_oneof![".{0,40}", r"[./\\ :a-cA-C\-]{0,8}", "\\PC{150,300}"], 1..6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("out");
        let writer = ArtifactWriter::new(&directory);
        let mut seen = BTreeSet::new();
        for name in &chosen {
            let file = write(&writer, content(name, name, "x"));
            prop_assert!(seen.insert(file.to_lowercase()), "{file:?} comes again");
            prop_assert!(directory.join(&file).is_file());
            prop_assert!(file.len() <= 143 && !file.starts_with(['.', '-', ' ']), "{file:?}");
            let stem = file.strip_suffix(".md").unwrap();
            prop_assert!(!stem.ends_with(['.', ' ']), "{file:?}");
            let plain = |c: char| !c.is_control() && !r#"/\:*?"<>|"#.contains(c);
            prop_assert!(file.chars().all(plain), "{file:?}");
        }
        prop_assert_eq!(names(&directory).len(), chosen.len());
        prop_assert_eq!(names(folder.path()).len(), 1);
    }
}
