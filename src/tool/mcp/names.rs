//! The names of a server's tools, as providers accept them.

use std::collections::HashSet;

use serde_json::json;

use crate::fingerprint;

/// Longest name that the providers accept.
const MAX_NAME: usize = 64;
const HASH: usize = 8;

/// `server__tool` in letters that are allowed; what is too long, or what another tool is called
/// already, ends in a hash of its own name.
pub(super) fn provider_safe(server: &str, tool: &str, taken: &HashSet<String>) -> String {
    let plain: String = tool
        .chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || c == '-' => c,
            _ => '_',
        })
        .collect();
    let name = format!("{server}__{plain}");
    if name.len() <= MAX_NAME && !taken.contains(&name) {
        return name;
    }
    let hash = fingerprint::of_json(&json!([server, tool]));
    let kept: String = name.chars().take(MAX_NAME - HASH - 1).collect();
    format!("{kept}_{}", &hash[..HASH])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_short_and_tell_two_tools_apart() {
        let mut taken = HashSet::new();
        for (tool, expected) in [
            ("read_file", "fs__read_file"),
            ("read.file", "fs__read_file_"),
            ("über", "fs___ber"),
        ] {
            let name = provider_safe("fs", tool, &taken);
            assert!(name.starts_with(expected), "{name}");
            assert!(taken.insert(name));
        }
        let long = provider_safe("fs", &"x".repeat(200), &taken);
        let other = provider_safe("fs", &"x".repeat(201), &taken);
        assert_eq!((long.len(), other.len()), (64, 64));
        assert_ne!(long, other);
    }
}
