//! The state of a conversational agent, owned by the caller.

use serde::{Deserialize, Serialize};

use crate::chat::Message;
use crate::clock::{Clock, SystemClock};

/// The dialogue that a conversational agent carries from run to run.
///
/// It holds one user message and one answer per turn that succeeded; a run that fails leaves it as
/// it was. It is plain data: keep it in a file or a database, and go on another day.
///
/// ```
/// use duologue::agent::Conversation;
///
/// let conversation = Conversation::new();
/// assert_eq!(conversation.turns(), 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    id: String,
    messages: Vec<Message>,
}

impl Conversation {
    /// An empty conversation with a new id.
    pub fn new() -> Self {
        Self {
            id: format!("conv_{}", SystemClock.id()),
            messages: Vec::new(),
        }
    }

    /// The id that stands in the records of its calls.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// User messages and answers, oldest first.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// How many turns have succeeded.
    pub fn turns(&self) -> usize {
        self.messages.len() / 2
    }

    pub(crate) fn add_turn(&mut self, user: String, answer: String) {
        self.messages.push(Message::user(user));
        self.messages.push(Message::assistant(answer));
    }
}

impl Default for Conversation {
    fn default() -> Self {
        Self::new()
    }
}
