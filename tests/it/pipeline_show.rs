//! The whole of it: this project's own documents and sources through the pipeline of the example, by the
//! command, over real HTTP, with the calls counted by a server that was not written here.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::{Ended, Folder};
use crate::support::aimock::{Aimock, KEY};

/// Documents under way at once.
const AT_ONCE: usize = 8;

/// A folder with a job over the project's documents, and a server for it.
struct Show {
    folder: Folder,
    server: Aimock,
    documents: usize,
    /// Those that the reviewer sends back once.
    rough: usize,
}

impl Show {
    fn start() -> Option<Self> {
        let server = Aimock::start("pipeline.json")?;
        let folder = Folder::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut texts = Vec::new();
        for name in ["README.md", "CHANGELOG.md", "MIGRATION.md"] {
            texts.push((
                name.to_owned(),
                fs::read_to_string(root.join(name)).unwrap(),
            ));
        }
        for part in ["agent", "call_log", "flow"] {
            sources(root, &root.join("src").join(part), &mut texts);
        }
        for (name, text) in &texts {
            folder.write(&format!("docs/{name}"), text);
        }
        let is_rough = |(name, text): &&(String, String)| {
            Path::new(name)
                .extension()
                .is_some_and(|ending| ending == "rs")
                && text.contains("Mutex")
        };
        let rough = texts.iter().filter(is_rough).count();
        assert!(
            texts.len() >= 100 && rough >= 10,
            "{} documents, {rough} rough",
            texts.len()
        );
        folder.write("job.yaml", &job(root, &server.url));
        Some(Self {
            folder,
            server,
            documents: texts.len(),
            rough,
        })
    }

    /// Calls that one pass takes: four stages, and two more for what is sent back.
    fn one_pass(&self) -> usize {
        4 * self.documents + 2 * self.rough
    }

    fn requests(&self) -> usize {
        self.server.requests("/v1/chat/completions")
    }

    fn pipeline(&self, more: &[&str]) -> Ended {
        let arguments = [PIPELINE, more].concat();
        self.folder.run_with(&arguments, &[("SHOW_KEY", KEY)])
    }

    /// Every document became a file of its own, and nothing else did.
    fn assert_complete(&self, ended: &Ended) -> Value {
        assert_eq!(ended.code, Some(0), "{}", ended.all());
        let report = ended.json();
        assert_eq!(report["status"], "succeeded", "{report}");
        assert_eq!(report["documents"]["succeeded"], self.documents);
        assert_eq!(report["documents"]["failed"], 0);
        let artifacts = self.folder.names("out/show/artifacts");
        assert_eq!(artifacts.len(), self.documents);
        let pages = artifacts.iter().filter(|name| name.starts_with("a-page"));
        assert_eq!(pages.count(), 3);
        for name in artifacts.iter().filter(|name| {
            Path::new(name)
                .extension()
                .is_some_and(|ending| ending == "py")
        }) {
            let text = self.folder.read(&format!("out/show/artifacts/{name}"));
            assert!(
                ["done = True\n", "lock = Lock()\n"].contains(&&*text),
                "{name}: {text}"
            );
        }
        // Calls that were killed are interrupted, once somebody says so.
        for question in ["recover", "verify"] {
            let answer = self.folder.run(&["logs", question, "out/show"]);
            assert_eq!(answer.code, Some(0), "{}", answer.all());
        }
        report
    }
}

const PIPELINE: &[&str] = &["pipeline", "job.yaml", "--run-id", "show", "--json"];

/// The Rust files below `place`, with their paths from `root`.
fn sources(root: &Path, place: &Path, texts: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(root, &path, texts);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            texts.push((name.to_owned(), fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The job of the example, over these documents and this server.
fn job(root: &Path, url: &str) -> String {
    let example = fs::read_to_string(root.join("examples/jobs/pipeline.yaml")).unwrap();
    let schemas = format!("response_schema: {}/examples/jobs/schemas/", root.display());
    let lines = example.lines().map(|line| match line.split_once(':') {
        Some(("output_dir", _)) => "output_dir: out".to_owned(),
        Some(("prompts", _)) => format!("prompts: {}/prompts", root.display()),
        Some(("provider", _)) => {
            format!("provider: {{kind: openai, base_url: '{url}/v1', api_key_env: SHOW_KEY}}")
        }
        Some(("  documents", _)) => "  documents: docs/**/*.{rs,md}".to_owned(),
        Some(("limits", _)) => format!("limits: {{documents: {AT_ONCE}}}"),
        _ => line.replace("response_schema: schemas/", &schemas),
    });
    lines.collect::<Vec<String>>().join("\n")
}

#[test]
fn a_hundred_documents_are_routed_worked_on_reviewed_named_and_written() {
    let Some(show) = Show::start() else { return };
    let report = show.assert_complete(&show.pipeline(&[]));
    assert_eq!(show.requests(), show.one_pass(), "calls on the wire");
    assert_eq!(report["calls"], show.one_pass());
    let stages = report["stages"].as_array().unwrap();
    let review = stages
        .iter()
        .find(|stage| stage["stage"] == "review")
        .unwrap();
    assert_eq!(review["sent_back"], show.rough);

    let page = show
        .folder
        .run(&["logs", "report", "out/show", "--output", "report.html"]);
    assert_eq!(page.code, Some(0), "{}", page.all());
    assert!(
        show.folder
            .read("report.html")
            .starts_with("<!doctype html>")
    );
    for name in ["job.yaml", "pipeline.json", "documents.jsonl"] {
        assert!(
            !show.folder.read(&format!("out/show/{name}")).contains(KEY),
            "{name}"
        );
    }
}

#[test]
fn a_pipeline_that_is_killed_at_half_pays_at_most_what_was_under_way_again() {
    let Some(show) = Show::start() else { return };
    let half = show.one_pass() / 2;
    let begun = show
        .folder
        .start_and_wait(PIPELINE, &[("SHOW_KEY", KEY)], || show.requests() >= half);
    let killed = begun.signal("KILL");
    assert_eq!(killed.code, None, "it was killed: {}", killed.all());
    let before = show.requests();
    assert!(before < show.one_pass());

    let report = show.assert_complete(&show.pipeline(&["--resume"]));
    let again = show.requests() - show.one_pass();
    assert!(again <= AT_ONCE, "{again} calls more than one pass");
    assert_eq!(report["calls"], show.requests() - before);
    eprintln!(
        "{} documents, {} calls in one pass; killed after {before}, {} with the resumption",
        show.documents,
        show.one_pass(),
        show.requests(),
    );

    show.assert_complete(&show.pipeline(&["--resume"]));
    assert_eq!(
        show.requests() - show.one_pass(),
        again,
        "nothing was left to pay"
    );
}
