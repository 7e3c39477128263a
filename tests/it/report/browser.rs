//! Chromium, driven by `tests/it/browser/report.mjs`: a visit opens a page from its file, does what
//! its name says, and tells what it saw.

use std::path::Path;
use std::process::Command;

use duologue::call_log::RunLog;
use duologue::report;
use serde_json::Value;

use crate::tree::root;

/// Opens the report of the run in `directory` and makes the visit `name`. Whatever the visit is,
/// the page must not ask for anything, run anything of the run, or complain.
///
/// `None`, said loudly, where there is no browser; never in CI.
pub(super) fn visit(name: &str, directory: &Path) -> Option<Value> {
    let page = directory.join("report.html");
    report::write(&RunLog::open(directory).unwrap(), &page).unwrap();
    let told = told(name, &page)?;
    for kind in ["requests", "complaints", "violations", "ran"] {
        assert_eq!(told[kind], Value::Array(Vec::new()), "{kind} of `{name}`");
    }
    eprintln!("visit `{name}`: {}", told["figures"]);
    Some(told["seen"].clone())
}

/// Everything that a visit to `page` tells, for pages that are not right.
pub(super) fn told(name: &str, page: &Path) -> Option<Value> {
    let driver = root().join("target/test-servers/browser/node_modules/playwright-core");
    let browser = Path::new("/usr/bin/chromium");
    if !driver.exists() || !browser.exists() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "CI must not skip this test: run `make servers`"
        );
        eprintln!("SKIPPED: no Chromium, or no playwright-core; run `make servers` as root");
        return None;
    }
    let output = Command::new("node")
        .arg(root().join("tests/it/browser/report.mjs"))
        .args([driver.as_path(), browser, Path::new(name), page])
        .output()
        .expect("node starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "visit `{name}`: {errors}");
    let told = serde_json::from_slice(&output.stdout);
    Some(told.unwrap_or_else(|error| panic!("visit `{name}`: {error}: {errors}")))
}
