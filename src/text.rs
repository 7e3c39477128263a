//! Words for people: the nearest known name, clipped text, lists.

/// The known name that is nearest to `name`, when one is near enough to be meant.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= (candidate.len().max(name.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// ``did you mean `x`?`` when there is a near name, else the list of what is allowed.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    match nearest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("allowed: {}", quoted_list(known)),
    }
}

/// `` `a`, `b`, `c` ``, or `nothing`.
pub(crate) fn quoted_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let list = names
        .into_iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if list.is_empty() {
        "nothing".to_owned()
    } else {
        list
    }
}

/// The first `max_chars` characters of `text`, and how many were left out.
pub(crate) fn clip(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        None => text.to_owned(),
        Some((end, _)) => {
            let left_out = text[end..].chars().count();
            format!("{}… ({left_out} more characters)", &text[..end])
        }
    }
}

/// `name`, or its first characters and `…` when it has more than `max_chars`.
#[cfg(feature = "cli")]
pub(crate) fn clip_name(name: &str, max_chars: usize) -> String {
    match name.char_indices().nth(max_chars) {
        None => name.to_owned(),
        Some(_) => name.chars().take(max_chars - 1).chain(['…']).collect(),
    }
}

/// `1 call`, `2 calls`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let known = ["log_level", "format", "sanitize"];
        assert_eq!(nearest("loglevel", known), Some("log_level"));
        assert_eq!(nearest("colour", known), None);
    }

    #[test]
    fn clipping_counts_characters_not_bytes() {
        assert_eq!(clip("äöü", 2), "äö… (1 more characters)");
        assert_eq!(clip("äöü", 3), "äöü");
    }
}
