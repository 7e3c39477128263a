//! Texts that several calls share, such as system prompts: the page holds each of them once.

use std::collections::HashMap;

use serde_json::Value;

use crate::call_log::Record;

/// Shorter texts cost less than the look-up.
const MIN_SHARED: usize = 80;

/// The shared texts of a run, each with its number.
#[derive(Debug, Default)]
pub(super) struct Texts<'a> {
    numbers: HashMap<&'a str, usize>,
    list: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    /// The messages and answers that stand in `records` more than once.
    pub(super) fn shared(records: &'a [Record]) -> Self {
        let mut seen: HashMap<&str, bool> = HashMap::new();
        let mut texts = Self::default();
        for text in records.iter().flat_map(texts_of) {
            let Some(is_shared) = seen.get_mut(text) else {
                seen.insert(text, false);
                continue;
            };
            if !*is_shared {
                *is_shared = true;
                texts.numbers.insert(text, texts.list.len());
                texts.list.push(text);
            }
        }
        texts
    }

    pub(super) fn list(&self) -> &[&'a str] {
        &self.list
    }

    /// Replaces shared texts in `record`, the JSON of a [`Record`], by their numbers.
    pub(super) fn replace_in(&self, record: &mut Value) {
        let messages = record
            .get_mut("messages")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
            .filter_map(|message| message.get_mut("content"));
        messages.for_each(|content| self.replace(content));
        if let Some(answer) = record.get_mut("raw_answer") {
            self.replace(answer);
        }
    }

    fn replace(&self, text: &mut Value) {
        if let Some(number) = text.as_str().and_then(|text| self.numbers.get(text)) {
            *text = Value::from(*number);
        }
    }
}

fn texts_of(record: &Record) -> impl Iterator<Item = &str> {
    let messages = record
        .messages
        .iter()
        .map(|message| message.content.as_str());
    messages
        .chain(record.raw_answer.as_deref())
        .filter(|text| text.len() >= MIN_SHARED)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::chat::Message;

    #[test]
    fn a_text_that_stands_twice_is_kept_once_and_a_lone_one_stays_where_it_is() {
        let (shared, lone) = ("s".repeat(MIN_SHARED), "l".repeat(MIN_SHARED));
        let mut records = [Record::default(), Record::default()];
        records[0].messages = vec![Message::system(&*shared), Message::user("short")];
        records[1].messages = vec![Message::system(&*shared), Message::user(&*lone)];

        let texts = Texts::shared(&records);
        let mut value = json!(records[1]);
        texts.replace_in(&mut value);

        assert_eq!(texts.list(), [shared]);
        assert_eq!(value["messages"][0]["content"], 0);
        assert_eq!(value["messages"][1]["content"], lone);
    }
}
