//! Promises that the source tree keeps about itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The modules of `src` by layer, lowest first: each imports only from layers below its own.
/// The documentation in `lib.rs` shows the same table.
const LAYERS: &[&[&str]] = &[
    &[
        "chat",
        "failure",
        "secret",
        "text",
        "diff",
        "fingerprint",
        "background",
    ],
    &["clock", "attempt", "cost"],
    &["error"],
    &["env", "config", "schema", "telemetry", "lifecycle"],
    &["prompt", "provider", "call_log", "pricing", "tool"],
    &["agent", "replay", "query", "probe"],
    &["flow"],
    &["blocking", "job", "report", "otel"],
    &["cli"],
];

/// Files that are longer than 300 lines, and why that is right.
const LONG_FILES: &[(&str, &str)] = &[
    (
        "agent/call.rs",
        "one call from its first record to its last, and what is told of it",
    ),
    (
        "agent/lifecycle.rs",
        "what calls and tools tell, a good part of it documentation",
    ),
    (
        "agent/runner.rs",
        "the public methods of one type, half of it documentation",
    ),
    (
        "agent/spec.rs",
        "every key of an agent, most of it documentation",
    ),
    (
        "attempt.rs",
        "one list and its guard, half of it documentation",
    ),
    (
        "call_log/journal.rs",
        "one format, its writing and its reading side by side",
    ),
    (
        "call_log/open_call.rs",
        "one guard, half of it documentation and tests",
    ),
    (
        "call_log/reader/mod.rs",
        "one type: a run as its journals tell it",
    ),
    (
        "call_log/record.rs",
        "the record's fields, most of it documentation",
    ),
    (
        "call_log/redact/assignment.rs",
        "one scanner of `name = value`",
    ),
    (
        "call_log/redact/keys.rs",
        "one table of names, and how they are split into words",
    ),
    (
        "call_log/redact/mod.rs",
        "the sanitizer's public face, half of it documentation",
    ),
    ("call_log/redact/scan.rs", "one scanner"),
    (
        "call_log/summary.rs",
        "the summary's fields, most of it documentation, and their sums",
    ),
    (
        "call_log/writer.rs",
        "the thread, and what it shares with those who hand it work",
    ),
    (
        "chat.rs",
        "the vocabulary in one place, half of it documentation",
    ),
    (
        "flow/artifact/writer.rs",
        "one writer: names claimed, files placed, earlier ones found again",
    ),
    (
        "flow/control/execute.rs",
        "one attempt: its start, its ends and its guard",
    ),
    (
        "flow/directory.rs",
        "one directory and its files, a third of it tests",
    ),
    (
        "flow/pipeline/drive.rs",
        "one document from its first stage to its end, whichever it is",
    ),
    (
        "flow/pipeline/slots.rs",
        "one queue, a third of it its tests",
    ),
    (
        "flow/pipeline/validate.rs",
        "one list of checks, each a short function",
    ),
    ("flow/store/file.rs", "one file, half of it its tests"),
    (
        "failure.rs",
        "the words for failures in one place, most of it documentation",
    ),
    (
        "job/file.rs",
        "every key of a job file, most of it documentation",
    ),
    (
        "job/load.rs",
        "one file, from what is written to what can be run",
    ),
    (
        "job/run.rs",
        "the report's fields, most of it documentation",
    ),
    ("provider/extract/lenient.rs", "one parser"),
    ("provider/extract/partial/mod.rs", "one parser"),
    ("provider/extract/scan.rs", "one scanner"),
    (
        "provider/gemini/schema.rs",
        "one rewriting of schemas, rule by rule",
    ),
    (
        "provider/openai/strict.rs",
        "one rewriting of schemas, rule by rule",
    ),
    (
        "provider/http/builder.rs",
        "one builder, most of it documentation",
    ),
    (
        "provider/scripted/reply.rs",
        "one builder, most of it documentation",
    ),
    (
        "query/run.rs",
        "one type: a run as its indexes tell it, and what is wrong with it",
    ),
];

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The Rust files below `src`, by their path there.
fn sources() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut open: Vec<PathBuf> = vec![root().join("src")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(root().join("src")).unwrap();
            files.insert(
                name.display().to_string(),
                std::fs::read_to_string(&path).unwrap(),
            );
        }
    }
    files
}

/// A file's own code: without comments, and without the tests at its end.
fn code(text: &str) -> String {
    let own = text
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default();
    let lines = own
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The module at the top of `src` that a file belongs to.
fn module_of(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or_default();
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The first names of all paths that begin with `crate::`, those in braces too.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let (group, end) = match rest.strip_prefix('{') {
            Some(group) => (group, '}'),
            None => (rest, ' '),
        };
        let paths = match end {
            '}' => group
                .split('}')
                .next()
                .unwrap_or_default()
                .split(',')
                .collect(),
            _ => vec![group],
        };
        for path in paths {
            let name: String = path
                .trim()
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            found.insert(name);
        }
    }
    found
}

#[test]
fn modules_import_from_the_layers_below_alone() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let module = module_of(&file);
        if matches!(module, "lib" | "bin") {
            continue;
        }
        let layer = layer_of(module).unwrap_or_else(|| panic!("`{module}` stands in no layer"));
        for import in imports(&code(&text)) {
            match layer_of(&import) {
                _ if import == module => {}
                Some(other) if other < layer => {}
                Some(_) => wrong.push(format!("{file} imports `{import}`")),
                None => wrong.push(format!("{file} imports `{import}` from the root")),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn imports_are_found_in_every_form() {
    let code = "use crate::text;\nuse crate::{chat::Usage, clock};\nfn f() { crate::env::get() }";
    let expected = ["chat", "clock", "env", "text"].map(str::to_owned);
    assert_eq!(imports(code), BTreeSet::from(expected));
}

#[test]
fn the_layers_are_those_that_the_crate_documents() {
    let documented: Vec<BTreeSet<String>> = read("src/lib.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! | "))
        .filter(|row| row.starts_with(|c: char| c.is_ascii_digit()))
        .map(|row| {
            let modules = row.split(" | ").nth(1).unwrap();
            modules
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect()
        })
        .collect();
    let expected: Vec<BTreeSet<String>> = LAYERS
        .iter()
        .map(|layer| layer.iter().map(|module| (*module).to_owned()).collect())
        .collect();
    assert_eq!(documented, expected);
}

#[test]
fn no_file_is_longer_than_500_lines_and_long_ones_have_a_reason() {
    let long: BTreeSet<(String, usize)> = sources()
        .into_iter()
        .map(|(file, text)| (file, text.lines().count()))
        .filter(|(_, lines)| *lines > 300)
        .collect();
    for (file, lines) in &long {
        assert!(
            *lines <= 500,
            "{file} has {lines} lines: what is its second idea?"
        );
        let known = LONG_FILES.iter().any(|(name, _)| name == file);
        assert!(
            known,
            "{file} has {lines} lines: split it, or add it to LONG_FILES with a reason"
        );
    }
    for (file, _) in LONG_FILES {
        let still_long = long.iter().any(|(name, _)| name == file);
        assert!(
            still_long,
            "{file} is short again: take it out of LONG_FILES"
        );
    }
}

#[test]
fn every_file_opens_with_what_it_is() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(file, _)| file)
        .collect();
    assert!(silent.is_empty(), "without a first `//!` line: {silent:?}");
}

#[test]
fn library_code_does_not_panic_or_print() {
    let forbidden = [
        ".unwrap()",
        ".expect(",
        ".expect_err(",
        ".unwrap_err()",
        " panic!(",
        "todo!(",
        "unimplemented!(",
        "dbg!(",
        "println!(",
        "print!(",
    ];
    // A scripted reply may stand for a provider that panics.
    let allowed = [("provider/scripted/reply.rs", " panic!(")];
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        for (number, line) in code(&text).lines().enumerate() {
            for word in forbidden.iter().filter(|word| line.contains(**word)) {
                if !allowed.contains(&(file.as_str(), *word)) {
                    wrong.push(format!("{file}, line {} of its code: `{word}`", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_format_and_validator_is_named_in_few_files() {
    let naming = |word: &str| -> Vec<String> {
        let files = sources().into_iter();
        let named = files.filter(|(_, text)| code(text).contains(word));
        named.map(|(file, _)| file).collect()
    };
    assert_eq!(naming("serde_yaml::from_"), ["config/mod.rs"]);
    assert_eq!(
        naming("serde_yaml::to_"),
        ["call_log/view.rs", "config/mod.rs"]
    );
    assert_eq!(
        naming("serde_yaml::"),
        ["call_log/view.rs", "config/mod.rs"]
    );
    assert_eq!(
        naming("jsonschema::"),
        ["query/verify/schema.rs", "schema.rs"]
    );
}

/// The keys of a table in `Cargo.toml`, up to the next table.
fn manifest_keys(table: &str) -> Vec<String> {
    let manifest = read("Cargo.toml");
    let after = manifest.split(&format!("\n[{table}]\n")).nth(1).unwrap();
    let lines = after.lines().take_while(|line| !line.starts_with('['));
    let keys = lines.filter_map(|line| line.split_once(" = "));
    keys.map(|(key, _)| key.to_owned()).collect()
}

#[test]
fn the_readme_names_every_feature_variable_and_example() {
    let readme = read("README.md");
    let mut names = manifest_keys("features");
    let source = read("src/env.rs");
    let constants = source.lines().filter(|line| line.starts_with("pub const "));
    let variables: Vec<&str> = constants
        .map(|line| line.split('"').nth(1).unwrap())
        .collect();
    assert!(variables.len() >= 3, "{variables:?}");
    names.extend(variables.into_iter().map(str::to_owned));
    names.extend(crate::examples::names());
    for name in names {
        assert!(
            readme.contains(&format!("`{name}`")),
            "the README does not name `{name}`"
        );
    }
}

#[test]
fn the_readme_and_the_environment_module_name_the_same_variables() {
    let names = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !(c.is_ascii_uppercase() || c == '_'));
        words
            .filter(|word| word.starts_with("DUOLOGUE_") && !word.ends_with('_'))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(names(&read("README.md")), names(&read("src/env.rs")));
}

#[test]
fn files_and_folders_that_the_documents_point_to_exist() {
    for document in ["README.md", "MIGRATION.md", "CHANGELOG.md"] {
        let text = read(document);
        let links = text
            .split("](")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap());
        for link in links.filter(|link| !link.starts_with("http") && !link.starts_with('#')) {
            let path = link.split('#').next().unwrap();
            assert!(root().join(path).exists(), "{document} points to `{link}`");
        }
    }
}

#[test]
fn the_changelog_has_an_unreleased_section() {
    let changelog = read("CHANGELOG.md");
    assert!(changelog.contains("\n## [Unreleased]\n"));
}

#[test]
fn the_licences_are_there_in_full() {
    assert!(read("LICENSE-MIT").starts_with("MIT License"));
    assert!(read("LICENSE-APACHE").contains("END OF TERMS AND CONDITIONS"));
    assert!(read("Cargo.toml").contains("license = \"MIT OR Apache-2.0\""));
}

/// The packages that a build with these features needs.
fn packages(features: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "-e",
            "normal",
            "--prefix",
            "none",
            "-f",
            "{p}",
        ])
        .args(features)
        .current_dir(root())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn features_that_are_off_bring_no_dependencies() {
    let bare = packages(&["--no-default-features"]);
    for name in [
        "reqwest",
        "hyper",
        "rustls",
        "clap",
        "clap_complete",
        "indicatif",
        "anstream",
    ] {
        assert!(!bare.contains(name), "without features there is `{name}`");
    }
    assert!(bare.contains("tokio") && bare.contains("tera"), "{bare:?}");

    let default = packages(&[]);
    assert!(default.contains("reqwest"));
    for name in ["clap", "indicatif", "anstream", "openssl-sys", "native-tls"] {
        assert!(!default.contains(name), "by default there is `{name}`");
    }

    let of_telemetry =
        |name: &&String| name.contains("opentelemetry") || name.starts_with("tracing-sub");
    let without = packages(&["--features", "cli"]);
    assert_eq!(without.iter().find(of_telemetry), None);
    let with = packages(&["--no-default-features", "--features", "otel"]);
    assert!(with.contains("opentelemetry-otlp"));
    for name in ["tonic", "clap", "openssl-sys", "native-tls"] {
        assert!(!with.contains(name), "with `otel` there is `{name}`");
    }
}

#[test]
fn the_protocol_of_tools_comes_with_its_feature_alone() {
    let without = packages(&["--features", "cli,otel"]);
    assert!(!without.contains("rmcp"));
    let with = packages(&["--no-default-features", "--features", "mcp"]);
    assert!(with.contains("rmcp"));
    for name in ["clap", "openssl-sys", "native-tls", "rmcp-macros"] {
        assert!(!with.contains(name), "with `mcp` there is `{name}`");
    }
}

/// The fenced blocks of the README in this language. A fence ends with as many ticks as it began.
pub(crate) fn readme_blocks(language: &str) -> Vec<String> {
    let readme = read("README.md");
    let mut lines = readme.lines();
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        let ticks = &line[..line.len() - line.trim_start_matches('`').len()];
        if ticks.len() < 3 {
            continue;
        }
        let block = lines.by_ref().take_while(|line| *line != ticks);
        let block: String = block.flat_map(|line| [line, "\n"]).collect();
        if line[ticks.len()..] == *language {
            blocks.push(block);
        }
    }
    blocks
}

#[test]
fn the_record_in_the_readme_is_one() {
    let blocks = readme_blocks("yaml");
    let record = |text: &&String| text.starts_with("schema: duologue.call/1");
    let text = blocks.iter().find(record).unwrap();
    let shown: serde_json::Value = serde_yaml::from_str(text).unwrap();
    let record: duologue::call_log::Record = serde_json::from_value(shown.clone()).unwrap();
    assert_eq!(serde_json::to_value(&record).unwrap(), shown);
    assert_eq!(record.schema, duologue::call_log::Record::SCHEMA);
}
