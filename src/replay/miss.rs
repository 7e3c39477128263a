//! What a request that no record answers is told: the nearest record, and where the difference begins.

use super::excerpt::{BLOCK, MAX_CHANGE, common_start, word_diff};
use super::key::Asked;
use super::recording::RecordedCall;
use crate::chat::Message;
use crate::text::clip;

/// More records than these are not compared; those before them are the unused ones.
const MAX_CANDIDATES: usize = 1_000;

/// Where `asked` and the nearest of `candidates` differ; `None` when there is no candidate.
pub(super) fn explain(asked: &Asked, agent: &str, candidates: &[&RecordedCall]) -> Option<String> {
    let mut best: Option<(usize, &RecordedCall)> = None;
    for call in candidates.iter().take(MAX_CANDIDATES) {
        let likeness = likeness(&asked.messages, &call.asked.messages);
        if best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, call));
        }
    }
    let (_, nearest) = best?;
    let whose = if nearest.agent == agent {
        String::new()
    } else {
        format!(" of agent `{}`; `{agent}` has none", nearest.agent)
    };
    let how = match first_difference(&nearest.asked.messages, &asked.messages) {
        Some(difference) => format!("and differs in {difference}"),
        None => "with the same prompt".to_owned(),
    };
    let place = format!("call {} (`{}`{whose})", nearest.number, nearest.call_id);
    let mut lines = vec![format!("the nearest is {place}, {how}")];
    lines.extend(settings(&nearest.asked, asked));
    Some(lines.join("\n"))
}

/// How many bytes both have in common at the beginnings and ends of their messages.
fn likeness(a: &[Message], b: &[Message]) -> usize {
    a.iter()
        .zip(b)
        .map(|(a, b)| {
            let (a, b) = (a.content.as_bytes(), b.content.as_bytes());
            let front = common_start(a, b);
            front + common_end(&a[front..], &b[front..])
        })
        .sum()
}

fn common_end(a: &[u8], b: &[u8]) -> usize {
    let blocks = a.rchunks_exact(BLOCK).zip(b.rchunks_exact(BLOCK));
    let end = BLOCK * blocks.take_while(|(a, b)| a == b).count();
    let rest = a[..a.len() - end].iter().rev();
    let rest = rest.zip(b[..b.len() - end].iter().rev());
    end + rest.take_while(|(a, b)| a == b).count()
}

/// The first message that is another, as a word diff: `[-recorded-]`, `{+asked+}`.
fn first_difference(recorded: &[Message], asked: &[Message]) -> Option<String> {
    let longer = recorded.len().max(asked.len());
    let index = (0..longer).find(|index| recorded.get(*index) != asked.get(*index))?;
    let (old, new) = (recorded.get(index), asked.get(index));
    let text =
        |message: Option<&Message>| message.map_or("", |message| &message.content).to_owned();
    let role = match (old, new) {
        (Some(old), Some(new)) if old.role != new.role => {
            format!("{}, recorded {}", new.role.as_str(), old.role.as_str())
        }
        (Some(_), None) => "only recorded".to_owned(),
        (None, Some(new)) => format!("{}, not recorded", new.role.as_str()),
        (_, new) => new.map_or("", |message| message.role.as_str()).to_owned(),
    };
    let shown = word_diff(&text(old), &text(new));
    Some(format!("message {} ({role}):\n{shown}", index + 1))
}

/// What else differs, one line each.
fn settings(recorded: &Asked, asked: &Asked) -> Vec<String> {
    let (old, new) = (named(recorded), named(asked));
    let only_new = new
        .iter()
        .filter(|(name, _)| value_of(&old, name).is_none());
    let names = old.iter().chain(only_new).map(|(name, _)| name);
    names
        .filter(|name| *name != SCHEMA || recorded.schema_hash.is_some())
        .filter_map(|name| {
            let (old, new) = (value_of(&old, name), value_of(&new, name));
            let said = |value: Option<&str>| value.unwrap_or("not set").to_owned();
            (old != new).then(|| format!("`{name}` is {}, recorded {}", said(new), said(old)))
        })
        .collect()
}

const SCHEMA: &str = "response_schema";

/// What is in the key besides the messages, by the names that specs have for it.
fn named(asked: &Asked) -> Vec<(String, String)> {
    let parameters = &asked.parameters;
    let temperature = parameters.temperature.map(|value| value.to_string());
    let limit = parameters.max_output_tokens.map(|value| value.to_string());
    let known = [
        ("model", Some(format!("`{}`", asked.model))),
        ("temperature", temperature),
        ("max_output_tokens", limit),
        (SCHEMA, asked.schema_hash.clone()),
        ("tools", asked.tools_hash.clone()),
    ];
    let known = known
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let extra = parameters.extra.iter().map(|(name, value)| {
        let value = clip(&value.to_string(), MAX_CHANGE);
        (format!("extra.{name}"), value)
    });
    known.chain(extra).collect()
}

fn value_of<'v>(settings: &'v [(String, String)], name: &str) -> Option<&'v str> {
    let (_, value) = settings.iter().find(|(known, _)| known == name)?;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_as_alike_as_their_beginnings_and_ends() {
        let like = |a: &str, b: &str| likeness(&[Message::user(a)], &[Message::user(b)]);
        let long = "z".repeat(1_000);
        assert_eq!(like("abc", "abd"), 2);
        assert_eq!(like("abc", "abc"), 3);
        assert_eq!(like(&format!("a{long}b"), &format!("c{long}b")), 1_001);
        assert_eq!(like(&format!("{long}ab"), &format!("{long}b")), 1_001);
    }
}
