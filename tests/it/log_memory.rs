//! Ten thousand calls through the file logger leave the process as small as it was.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use duologue::call_log::{LlmLogging, Views};
use serde_json::json;

use crate::log_support::{agent, open, tell, willing};

use crate::support::folder;

const CALLS: u64 = 10_000;
const WARM_UP: u64 = 1_000;

/// The child: so many calls with prompts of 4 KB, and its size before and after.
pub(crate) fn child(directory: &Path) {
    let settings = LlmLogging {
        views: Views::None,
        ..LlmLogging::default()
    };
    let log = open(directory, "run", settings);
    let mut before = 0;
    for call in 0..CALLS {
        if call == WARM_UP {
            log.flush_blocking().unwrap();
            before = resident_kilobytes();
        }
        // A provider that remembers its requests would grow; this one is new each time.
        let runner = willing(log.clone());
        let item = format!("{call} {}", "tide ".repeat(800));
        pollster::block_on(runner.run(&agent("planner"), json!({"item": item}))).unwrap();
    }
    log.flush_blocking().unwrap();
    let after = resident_kilobytes();
    tell(&json!({"before": before, "after": after}).to_string());
}

fn resident_kilobytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * 4
}

#[cfg(target_os = "linux")]
#[test]
fn ten_thousand_calls_leave_the_process_as_small_as_it_was() {
    use crate::log_support::{child as start, report_of, summary};

    let directory = folder();
    let report = report_of(start("many", directory.path()));
    let size = |when: &str| report[when].as_u64().unwrap();
    // 9,000 records of 5 KB are 45 MB; sixteen bytes for each would be 144 KB.
    assert!(
        size("before") > 0 && size("after") < size("before") + 8 * 1024,
        "{report}"
    );
    let run = directory.path().join("run");
    assert_eq!(summary(&run).calls, CALLS);
    assert!(crate::log_support::call_files(&run).is_empty());
}
