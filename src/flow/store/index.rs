//! Where in the file each result lies: about fifty bytes for each, whatever it holds.

use std::collections::HashMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Step;
use super::line::Outline;
use crate::call_log::line::Span;

/// The first half of a SHA-256: enough that no two of a run's texts share one.
type Hash = [u8; 16];

/// Where the last line about a step or a document lies, and for which fingerprint it holds.
#[derive(Debug, Clone, Copy)]
struct Place {
    print: Hash,
    offset: u64,
    len: u32,
}

/// What of a file is known in memory.
#[derive(Debug, Default)]
pub(super) struct Index {
    results: HashMap<Hash, Place>,
    finished: HashMap<Hash, Place>,
}

impl Index {
    /// Takes in what a line is about.
    pub(super) fn add(&mut self, line: &Outline, span: Span) {
        match line.event.as_str() {
            "result" => {
                if let (Some(step), Some(print)) = (&line.step, &line.fingerprint) {
                    self.add_result(step, print, span);
                }
            }
            "voided" => {
                if let Some(step) = &line.step {
                    self.add_voided(step);
                }
            }
            "finished" => {
                if let (Some(document_id), Some(print)) = (&line.document_id, &line.print) {
                    self.add_finished(document_id, print, span);
                }
            }
            // A later version may have more to say.
            _ => {}
        }
    }

    /// Takes in what stands later in the same file.
    pub(super) fn extend(&mut self, later: Self) {
        self.results.extend(later.results);
        self.finished.extend(later.finished);
    }

    pub(super) fn add_result(&mut self, step: &Step, print: &impl Serialize, span: Span) {
        self.results.insert(hash(step), Place::new(print, span));
    }

    pub(super) fn add_voided(&mut self, step: &Step) {
        self.results.insert(hash(step), Place::NOWHERE);
    }

    pub(super) fn add_finished(&mut self, document_id: &str, print: &str, span: Span) {
        self.finished
            .insert(hash(&document_id), Place::new(&print, span));
    }

    pub(super) fn result(&self, step: &Step, print: &impl Serialize) -> Option<Span> {
        self.results.get(&hash(step))?.span_for(print)
    }

    /// The last line that says that the document is done, whatever it was made of.
    pub(super) fn last_finished(&self, document_id: &str) -> Option<Span> {
        self.finished.get(&hash(&document_id))?.span()
    }

    pub(super) fn finished(&self, document_id: &str, print: &str) -> Option<Span> {
        self.finished.get(&hash(&document_id))?.span_for(&print)
    }
}

impl Place {
    /// Not an entry that is missing: an earlier part of the file may have one.
    const NOWHERE: Self = Self {
        print: [0; 16],
        offset: 0,
        len: u32::MAX,
    };

    fn new(print: &impl Serialize, span: Span) -> Self {
        Self {
            print: hash(print),
            offset: span.offset,
            // Longer than any line that can be read back: such a line is asked for again.
            len: u32::try_from(span.len).unwrap_or(u32::MAX),
        }
    }

    fn span_for(&self, print: &impl Serialize) -> Option<Span> {
        self.span().filter(|_| self.print == hash(print))
    }

    fn span(&self) -> Option<Span> {
        (self.len < u32::MAX).then_some(Span {
            offset: self.offset,
            len: self.len as usize,
        })
    }
}

fn hash(value: &impl Serialize) -> Hash {
    let mut hasher = Sha256::new();
    // Neither a hasher nor the types in use can fail.
    let _ = serde_json::to_writer(Feed(&mut hasher), value);
    let digest = hasher.finalize();
    let mut hash = Hash::default();
    hash.copy_from_slice(&digest[..16]);
    hash
}

struct Feed<'a>(&'a mut Sha256);

impl std::io::Write for Feed<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_thousand_results_take_less_than_ten_megabytes() {
        let step = |number: u64| Step {
            document_id: format!("a document with a rather long name {}", number / 5),
            stage: format!("stage {}", number % 5),
            visit: 1,
        };
        let mut index = Index::default();
        let used = allocation_counter::measure(|| {
            for number in 0..50_000 {
                let span = Span {
                    offset: number,
                    len: 1,
                };
                index.add_result(&step(number), &"print", span);
            }
        });
        assert!(used.bytes_max < 10_000_000, "{}", used.bytes_max);
        assert_eq!(index.result(&step(7), &"print").unwrap().offset, 7);
    }
}
