//! "A model-chosen slug `../../x` escapes."

use std::fs;

use duologue::flow::artifact::{ArtifactContent, ArtifactWriter};

#[test]
fn a_slug_does_not_escape() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("a/b");
    let writer = ArtifactWriter::new(&directory);
    for slug in ["../../x", "/x", "..", "a/../../x", "..\\..\\x", "a\0/../x"] {
        let artifact = pollster::block_on(writer.write(ArtifactContent {
            document_id: "doc-1".to_owned(),
            name: slug.to_owned(),
            extension: "md".to_owned(),
            body: "text".to_owned(),
        }));
        let file = artifact.unwrap().file;
        assert!(
            directory.join(&file).is_file() && !file.contains(['/', '\\']),
            "{slug:?}: {file}"
        );
    }
    let outside = fs::read_dir(folder.path()).unwrap().count();
    let beside = fs::read_dir(folder.path().join("a")).unwrap().count();
    assert_eq!((outside, beside), (1, 1));
}
