//! What rendering a pack gives.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::chat::Message;
use crate::fingerprint;

/// The messages of a request, and where each came from.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RenderedPrompt {
    /// In the order developer, system, examples, user.
    pub messages: Vec<Message>,
    /// The files behind the messages, in the same order.
    pub parts: Vec<PromptPart>,
}

impl RenderedPrompt {
    /// The text of a part that is one message: `system`, `developer`, `user`, `user_refinement`.
    pub fn text(&self, part: &str) -> Option<&str> {
        let part = self.parts.iter().find(|known| known.name == part)?;
        match part.messages(&self.messages) {
            [message] if part.name != "examples" => Some(&message.content),
            _ => None,
        }
    }
}

/// Debug shows the parts, never a prompt.
impl fmt::Debug for RenderedPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenderedPrompt")
            .field("messages", &self.messages.len())
            .field("parts", &self.parts)
            .finish()
    }
}

/// One file of a pack, as it stands in a [`RenderedPrompt`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PromptPart {
    /// `developer`, `system`, `examples`, `user` or `user_refinement`.
    pub name: &'static str,
    /// The file, relative to the base directory: `planner/user.tera`.
    pub template: Arc<str>,
    /// Which messages it gave, as indices.
    pub range: Range<usize>,
}

impl PromptPart {
    /// The messages of this part among those of its prompt, which may have been moved into a
    /// request and added to.
    pub fn messages<'a>(&self, messages: &'a [Message]) -> &'a [Message] {
        messages.get(self.range.clone()).unwrap_or_default()
    }

    /// The first 16 hex digits of the SHA-256 of the rendered text; of the examples: of role,
    /// newline, content, newline for each.
    ///
    /// It is computed on demand, as only records need it.
    ///
    /// ```
    /// use duologue::prompt::PromptLibrary;
    ///
    /// let library = PromptLibrary::in_memory([("greeter/system.tera", "abc")]);
    /// let prompt = library.pack("greeter")?.render(&serde_json::Map::new(), 0)?;
    /// assert_eq!(prompt.parts[0].hash(&prompt.messages), "ba7816bf8f01cfea");
    /// # Ok::<(), duologue::Error>(())
    /// ```
    pub fn hash(&self, messages: &[Message]) -> String {
        let mut hasher = Sha256::new();
        for message in self.messages(messages) {
            if self.name == "examples" {
                for text in [message.role.as_str(), "\n", &message.content, "\n"] {
                    hasher.update(text);
                }
            } else {
                hasher.update(&message.content);
            }
        }
        fingerprint::short(&hasher.finalize())
    }
}
