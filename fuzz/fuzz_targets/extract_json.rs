//! Any answer of a model: JSON out of it, or a reason.
#![no_main]

use duologue::provider::extract::extract_json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = extract_json(text, &|_| true);
    let _ = extract_json(text, &|value| value.get("title").is_some());
});
