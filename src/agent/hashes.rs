//! Prompt hashes, remembered: most parts of a prompt are the same from run to run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::chat::Message;
use crate::prompt::{PromptPart, RenderedPrompt};

/// Longer parts are hashed each time.
const MAX_TEXT: usize = 64 * 1024;
/// More templates than this in one runner: start over.
const MAX_KEPT: usize = 1024;

/// The last text of each template, with its hash.
#[derive(Debug, Default)]
pub(super) struct PromptHashes(Mutex<HashMap<Arc<str>, Known>>);

#[derive(Debug)]
struct Known {
    messages: Vec<Message>,
    hash: String,
}

impl PromptHashes {
    /// The hash of each part of `prompt`, in its order.
    pub(super) fn of(&self, prompt: &RenderedPrompt) -> Vec<String> {
        prompt
            .parts
            .iter()
            .map(|part| self.of_part(part, part.messages(&prompt.messages), &prompt.messages))
            .collect()
    }

    fn of_part(&self, part: &PromptPart, messages: &[Message], all: &[Message]) -> String {
        if messages.iter().map(|m| m.content.len()).sum::<usize>() > MAX_TEXT {
            return part.hash(all);
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = known.get(&part.template)
            && last.messages == messages
        {
            return last.hash.clone();
        }
        drop(known);
        let hash = part.hash(all);
        known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KEPT {
            known.clear();
        }
        let last = Known {
            messages: messages.to_vec(),
            hash: hash.clone(),
        };
        known.insert(Arc::clone(&part.template), last);
        hash
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::prompt::PromptLibrary;

    #[test]
    fn a_remembered_hash_is_that_of_the_text() {
        let library = PromptLibrary::in_memory([
            ("a/system.tera", "Always the same."),
            ("a/user.tera", "About {{ topic }}."),
        ]);
        let hashes = PromptHashes::default();
        for topic in ["tides", "tides", "wind", "tides"] {
            let variables = Map::from_iter([("topic".to_owned(), json!(topic))]);
            let prompt = library.pack("a").unwrap().render(&variables, 0).unwrap();
            let fresh: Vec<_> = prompt
                .parts
                .iter()
                .map(|part| part.hash(&prompt.messages))
                .collect();
            assert_eq!(hashes.of(&prompt), fresh, "{topic}");
        }
    }
}
