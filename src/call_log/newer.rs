//! What a newer version wrote: told apart from damage, and read as far as this version knows it.

use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::journal::Line;
use super::record::CallStatus;
use crate::failure::ToolStatus;

/// The word that stands in for one that this version does not know.
const UNKNOWN: &str = "unknown";
/// A line with more surprises than this is not worth guessing at.
const MOST_SURPRISES: usize = 64;

/// Why a document of the format `found` cannot be read by a version that knows `known`; `None` if it can.
pub(crate) fn objection(found: &str, known: &str) -> Option<String> {
    let (name, number) = known.split_once('/')?;
    // Documents from before formats had names, and made by hand.
    if found.is_empty() || found == known {
        return None;
    }
    let version = found
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('/'));
    match version.map(str::parse::<u32>) {
        Some(Ok(version)) if number.parse().is_ok_and(|known: u32| version <= known) => None,
        Some(Ok(version)) => Some(format!(
            "written by a newer version ({name}/{version}); this one reads up to /{number}"
        )),
        _ => Some(format!("its `schema` is not `{name}/{number}`")),
    }
}

/// Reads `line`, which this version's types refuse, without what they refuse: an unknown word becomes
/// `unknown` where there is such a word, and what has another shape is left out. The second value
/// says what that was.
pub(super) fn read_known(mut line: Value) -> Result<(Line, String), String> {
    let mut notes: Vec<String> = Vec::new();
    for _ in 0..MOST_SURPRISES {
        match serde_path_to_error::deserialize::<_, Line>(&line) {
            Ok(mut known) => {
                if let Some(record) = &mut known.record
                    && known.event == "finished"
                {
                    record.status.get_or_insert(CallStatus::Unknown);
                }
                if let Some(tool) = &mut known.tool
                    && known.event == "tool_finished"
                {
                    tool.status.get_or_insert(ToolStatus::Unknown);
                }
                return Ok((known, notes.join("; ")));
            }
            Err(error) => {
                let place = error.path().to_string();
                let said = replace(&mut line, error.path())
                    .ok_or_else(|| format!("not a journal line of this version: {place}"))?;
                let note = format!("`{place}` {said}");
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
    }
    Err("nothing like a journal line of this version".to_owned())
}

/// Takes what stands at `path` out of the way, and says what it was.
fn replace(line: &mut Value, path: &Path) -> Option<String> {
    let steps: Vec<&Segment> = path.iter().collect();
    let (target, above) = steps.split_last()?;
    let mut place = line;
    for step in above {
        place = match step {
            Segment::Map { key } => place.get_mut(key)?,
            Segment::Seq { index } => place.get_mut(index)?,
            Segment::Enum { .. } | Segment::Unknown => return None,
        };
    }
    let found = match (target, place) {
        (Segment::Map { key }, Value::Object(map)) => match map.get_mut(key)? {
            Value::String(word) if word != UNKNOWN => {
                return Some(said_of(&std::mem::replace(word, UNKNOWN.to_owned())));
            }
            _ => map.remove(key)?,
        },
        (Segment::Seq { index }, Value::Array(list)) if *index < list.len() => list.remove(*index),
        _ => return None,
    };
    Some(match found {
        Value::String(_) => "is left out".to_owned(),
        _ => "has a shape that this version does not know, and is left out".to_owned(),
    })
}

fn said_of(word: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if word.len() <= 40 && word.chars().all(is_word) {
        format!("holds `{word}`, which this version does not know")
    } else {
        "holds a text that this version does not know".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_versions_are_read_and_newer_ones_named() {
        for readable in ["", "duologue.call/2", "duologue.call/1"] {
            assert_eq!(objection(readable, "duologue.call/2"), None, "{readable}");
        }
        assert_eq!(
            objection("duologue.call/3", "duologue.call/2").as_deref(),
            Some("written by a newer version (duologue.call/3); this one reads up to /2")
        );
        for foreign in [
            "duologue.call/",
            "other/1",
            "duologue.call/x",
            "duologue.caller/1",
        ] {
            assert_eq!(
                objection(foreign, "duologue.call/2").as_deref(),
                Some("its `schema` is not `duologue.call/2`"),
                "{foreign}"
            );
        }
    }
}
