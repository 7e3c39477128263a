//! How far a pipeline is, counted from its events.

use std::time::Duration;

use crate::chat::Usage;
use crate::cost::{self, Cost};
use crate::failure::ErrorKind;
use crate::lifecycle::{LifecycleEvent, Phase, Subject};

/// How far a pipeline is.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How many items there are, where that is known. Those without a text are told of at the end alone.
    pub(super) total: Option<u64>,
    /// Most documents that the command begins.
    limit: Option<u64>,
    /// The documents under way. One that could not be read may end without a beginning.
    under_way: Vec<String>,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    /// Of those that succeeded: done by an earlier process, in no time.
    resumed: u64,
    usage: Usage,
    cost: Option<Cost>,
}

impl Tally {
    pub(super) fn of_at_most(limit: Option<u64>) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Counts `event`.
    pub(super) fn count(&mut self, event: &LifecycleEvent) {
        match (event.subject, event.phase) {
            (Subject::Run, Phase::Started) => {
                let most = self.limit.unwrap_or(u64::MAX);
                self.total = event.documents.map(|documents| documents.min(most));
            }
            (Subject::Run, Phase::Finished | Phase::Failed) => {
                self.total = self.total.and(event.documents);
            }
            (Subject::Document, Phase::Started) => self.under_way.push(id_of(event)),
            (Subject::Document, Phase::Finished | Phase::Failed) => self.count_end(event),
            (Subject::Call, Phase::Finished | Phase::Failed) => {
                self.usage = self.usage.plus(event.usage);
                self.cost = cost::add(self.cost, event.cost_usd);
            }
            _ => {}
        }
    }

    fn count_end(&mut self, event: &LifecycleEvent) {
        let id = id_of(event);
        if let Some(place) = self.under_way.iter().position(|known| *known == id) {
            self.under_way.swap_remove(place);
        }
        match event.phase {
            Phase::Finished => {
                self.succeeded += 1;
                self.resumed += u64::from(event.resumed);
            }
            _ if was_interrupted(event) => {}
            _ => self.failed += 1,
        }
    }

    /// Whether `event`, which was counted, made the documents that ended a multiple of `number`.
    pub(super) fn is_round_after(&self, event: &LifecycleEvent, number: u64) -> bool {
        let ends = event.subject == Subject::Document
            && match event.phase {
                Phase::Finished => true,
                Phase::Failed => !was_interrupted(event),
                _ => false,
            };
        ends && self.ended().is_multiple_of(number)
    }

    pub(super) fn ended(&self) -> u64 {
        self.succeeded + self.failed
    }

    /// How long the rest takes at most, if it goes on like this: items without a text are among it.
    fn left(&self, elapsed: Duration) -> Option<Duration> {
        let worked = self.ended().saturating_sub(self.resumed);
        let left = self.total?.checked_sub(self.ended())?;
        if worked == 0 || left == 0 {
            return None;
        }
        let seconds = elapsed.as_secs_f64() * left as f64 / worked as f64;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// `2 failed, 8 in flight, 12034 tokens, $0.12, up to 3m 5s left`; what is none or unknown is left out.
    pub(super) fn figures(&self, elapsed: Duration) -> String {
        let tokens = self.usage.total_tokens();
        let figures = [
            (self.failed > 0).then(|| format!("{} failed", self.failed)),
            (!self.under_way.is_empty()).then(|| format!("{} in flight", self.under_way.len())),
            tokens.map(|tokens| format!("{tokens} tokens")),
            self.cost.map(|cost| cost.to_string()),
            self.left(elapsed)
                .map(|left| format!("up to {} left", in_words(left))),
        ];
        figures.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

fn id_of(event: &LifecycleEvent) -> String {
    event.document_id.clone().unwrap_or_default()
}

/// Whether the run ended before the document did.
pub(super) fn was_interrupted(event: &LifecycleEvent) -> bool {
    let error = event.error.as_ref();
    error.is_some_and(|error| error.kind == ErrorKind::Cancelled)
}

/// `40s`, `3m 5s`, `2h 10m`.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs().max(1);
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m {seconds}s"),
        (hours, minutes, _) => format!("{hours}h {minutes}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::EventError;

    fn tally(events: &[(Subject, Phase)]) -> Tally {
        let mut tally = Tally::default();
        for (subject, phase) in events {
            let mut event = LifecycleEvent::new(*subject, *phase, "run");
            event.documents = Some(10);
            event.usage = Usage::new(40, 2);
            tally.count(&event);
        }
        tally
    }

    #[test]
    fn what_runs_is_what_began_and_has_not_ended() {
        use Phase::{Failed, Finished, Started};
        let tally = tally(&[
            (Subject::Run, Started),
            (Subject::Document, Started),
            (Subject::Document, Started),
            (Subject::Call, Started),
            (Subject::Call, Finished),
            (Subject::Call, Failed),
            (Subject::Document, Finished),
            (Subject::Document, Started),
            (Subject::Document, Failed),
        ]);
        assert_eq!(
            tally.figures(Duration::from_secs(20)),
            "1 failed, 1 in flight, 84 tokens, up to 1m 20s left"
        );
    }

    #[test]
    fn documents_of_an_earlier_process_do_not_shorten_the_rest() {
        let mut tally = tally(&[(Subject::Run, Phase::Started)]);
        let mut done = LifecycleEvent::new(Subject::Document, Phase::Finished, "run");
        done.resumed = true;
        for _ in 0..5 {
            tally.count(&done);
        }
        assert_eq!(tally.figures(Duration::from_secs(1)), "");
        done.resumed = false;
        tally.count(&done);
        assert_eq!(tally.figures(Duration::from_secs(1)), "up to 4s left");
    }

    #[test]
    fn an_interrupted_document_is_no_failure() {
        let mut tally = tally(&[(Subject::Document, Phase::Started)]);
        let mut event = LifecycleEvent::new(Subject::Document, Phase::Failed, "run");
        event.error = Some(EventError {
            kind: ErrorKind::Cancelled,
            message: "cancelled".to_owned(),
        });
        tally.count(&event);
        assert_eq!((tally.failed, tally.under_way.len()), (0, 0));
        assert!(!tally.is_round_after(&event, 100), "nothing has ended");
    }

    #[test]
    fn what_could_not_be_read_is_not_taken_from_what_is_under_way() {
        let mut tally = tally(&[(Subject::Document, Phase::Started)]);
        let mut unreadable = LifecycleEvent::new(Subject::Document, Phase::Failed, "run");
        unreadable.document_id = Some("item 3".to_owned());
        tally.count(&unreadable);
        let figures = tally.figures(Duration::from_secs(1));
        assert_eq!(figures, "1 failed, 1 in flight");
    }

    #[test]
    fn items_without_a_text_are_gone_when_the_run_is_over() {
        let mut tally = tally(&[(Subject::Run, Phase::Started)]);
        let mut over = LifecycleEvent::new(Subject::Run, Phase::Finished, "run");
        over.documents = Some(7);
        tally.count(&over);
        assert_eq!(tally.total, Some(7));
    }

    #[test]
    fn a_limit_is_the_total_where_it_is_less() {
        let mut tally = Tally::of_at_most(Some(3));
        let mut event = LifecycleEvent::new(Subject::Run, Phase::Started, "run");
        event.documents = Some(10);
        tally.count(&event);
        assert_eq!(tally.total, Some(3));
    }
}
