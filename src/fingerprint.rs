//! Short hashes of JSON that do not depend on the order of its keys.

use std::fmt::Write;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The first 16 hexadecimal digits of the SHA-256 of `value` in its [canonical form](canonical).
pub(crate) fn of_json(value: &Value) -> String {
    short(Sha256::digest(canonical(value)).as_slice())
}

/// All 64 hexadecimal digits of the SHA-256 of `value` in its [canonical form](canonical).
pub(crate) fn whole_of_json(value: &Value) -> String {
    digits_of(Sha256::digest(canonical(value)).as_slice())
}

/// The first 16 hexadecimal digits of a digest.
pub(crate) fn short(digest: &[u8]) -> String {
    digits_of(&digest[..digest.len().min(8)])
}

fn digits_of(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing into a text cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// JSON without white space, keys in the order of their bytes.
pub(crate) fn canonical(value: &Value) -> String {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    sorted.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_keys_does_not_matter_and_that_of_items_does() {
        let (one, two) = (json!({"a": 1, "b": [1, 2]}), json!({"b": [1, 2], "a": 1}));
        assert_eq!(of_json(&one), of_json(&two));
        assert_eq!(canonical(&one), r#"{"a":1,"b":[1,2]}"#);
        assert_ne!(of_json(&one), of_json(&json!({"a": 1, "b": [2, 1]})));
    }
}
