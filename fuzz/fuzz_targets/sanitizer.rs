//! Any text through the sanitizer: no panic, and twice changes no more than once.
#![no_main]

use std::sync::LazyLock;

use duologue::call_log::{Redactions, SanitizeConfig, Sanitizer};
use libfuzzer_sys::fuzz_target;

static SANITIZER: LazyLock<Sanitizer> =
    LazyLock::new(|| Sanitizer::new(&SanitizeConfig::default()).unwrap());

fuzz_target!(|text: &str| {
    let mut counts = Redactions::default();
    let once = SANITIZER.redact_uncached(text, &mut counts).into_owned();
    let twice = SANITIZER.redact_uncached(&once, &mut counts);
    assert_eq!(once, twice);
});
