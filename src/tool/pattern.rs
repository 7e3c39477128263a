//! Names with `*` in them.

/// Whether `name` fits `pattern`, in which each `*` stands for any characters, none included.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    // Splitting always gives a first part.
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            match rest.find(middle) {
                Some(place) => rest = &rest[place + middle.len()..],
                None => return false,
            }
        }
    }
    match last {
        Some(ending) => rest.ends_with(ending),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        let cases = [
            ("*", "", true),
            ("*", "fs__read", true),
            ("fs__*", "fs__read", true),
            ("fs__*", "fs__", true),
            ("fs__*", "git__log", false),
            ("*__read_*", "fs__read_file", true),
            ("*a*a", "a", false),
            ("*a*a", "aa", true),
            ("a*a", "a", false),
            ("*ab*ab*", "abxab", true),
            ("read", "read", true),
            ("read", "read_file", false),
            ("**", "", true),
            ("f*_*d", "fs__read", true),
            ("*write", "fs__read", false),
            ("r?ad", "read", false),
            ("", "read", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(fits(pattern, name), expected, "{pattern} on {name}");
        }
    }
}
