//! What a run gives back when it succeeds.

use std::time::Duration;

use crate::chat::Usage;
use crate::cost::Cost;
use crate::error::Ledger;

/// A valid answer, and what it took to get it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Outcome<T> {
    /// The answer.
    pub data: T,
    /// Tokens of this run alone, all its calls together.
    pub usage: Usage,
    /// What its calls cost, as far as it is known; `None` when no cost is. See
    /// [`Ledger::calls_without_cost`].
    pub cost: Option<Cost>,
    /// From the run's start to its end.
    pub duration: Duration,
    /// How many answers had to be repaired.
    pub repairs: u32,
    /// The id that the records of all its calls share.
    pub execution_id: String,
    /// The conversation that the run continued.
    pub conversation_id: Option<String>,
    /// Every call, oldest first; the last one gave the answer.
    pub ledger: Ledger,
}

impl<T> Outcome<T> {
    /// The ids of the run's calls, oldest first.
    pub fn call_ids(&self) -> impl Iterator<Item = &str> {
        self.ledger.calls.iter().map(|call| call.call_id.as_str())
    }

    /// The same outcome with another form of the answer.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        Outcome {
            data: change(self.data),
            usage: self.usage,
            cost: self.cost,
            duration: self.duration,
            repairs: self.repairs,
            execution_id: self.execution_id,
            conversation_id: self.conversation_id,
            ledger: self.ledger,
        }
    }
}
