//! Many documents leave the process as small as it was.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use duologue::flow::document::DocumentSource;
use serde_json::json;

use crate::log_support::tell;

const DOCUMENTS: u64 = 10_000;
const WARM_UP: u64 = 1_000;

/// The child: reads a file of 40 MB, and tells its size near the beginning and at the end.
pub(crate) fn child(format: &str, directory: &Path) {
    let path = directory.join(format!("docs.{format}"));
    write(&path, format);
    let mut documents = DocumentSource::path(&path).open().unwrap();
    let (mut before, mut count) = (0, 0);
    pollster::block_on(async {
        while let Some(document) = documents.next().await {
            assert!(document.is_ok());
            count += 1;
            if count == WARM_UP {
                before = resident_kilobytes();
            }
        }
    });
    let after = resident_kilobytes();
    tell(&json!({"before": before, "after": after, "count": count}).to_string());
}

fn write(path: &Path, format: &str) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let text = "tide ".repeat(800);
    let (head, between, tail) = match format {
        "json" => ("[", ",\n", "]"),
        "csv" => ("text\n", "\n", "\n"),
        _ => ("", "\n", "\n"),
    };
    file.write_all(head.as_bytes()).unwrap();
    for number in 0..DOCUMENTS {
        let between = if number == 0 { "" } else { between };
        match format {
            "csv" => write!(file, "{between}{text}"),
            _ => write!(file, "{between}{{\"text\": \"{text}\"}}"),
        }
        .unwrap();
    }
    file.write_all(tail.as_bytes()).unwrap();
}

fn resident_kilobytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * 4
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_of_any_length_takes_the_memory_of_a_short_one() {
    use crate::log_support::{child as start, report_of};

    for format in ["json", "jsonl", "csv"] {
        let directory = tempfile::tempdir().unwrap();
        let report = report_of(start(&format!("documents:{format}"), directory.path()));
        let figure = |name: &str| report[name].as_u64().unwrap();
        assert_eq!(figure("count"), DOCUMENTS);
        // The file has 40 MB.
        let (before, after) = (figure("before"), figure("after"));
        assert!(
            before > 0 && after < before + 8 * 1024,
            "{format}: {report}"
        );
    }
}
