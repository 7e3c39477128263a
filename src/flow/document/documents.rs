//! Documents, one after the other.

use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::panic::{self, AssertUnwindSafe};
use std::thread;

use futures::stream::{BoxStream, StreamExt};
use tokio::sync::mpsc;

use super::fields::Found;
use super::input::Stop;
use super::{Document, Unreadable};
use crate::call_log::Sanitizer;
use crate::error::{Error, ErrorKind, Result};
use crate::text;

/// So many documents are read ahead.
const AHEAD: usize = 8;

pub(super) type Reading = Box<dyn Iterator<Item = Found> + Send>;

enum Message {
    /// An item, and how many without a text came before it.
    Found(u64, Found),
    /// The rest had no text.
    Skipped(u64),
    Panicked(Box<dyn Any + Send>),
}

/// Documents one after the other, read as they are asked for: a few are read ahead, on a thread that
/// ends when this is dropped. For each, eight bytes or so are kept, to know its id again.
pub struct Documents {
    coming: Coming,
    total: Option<u64>,
    position: u64,
    skipped: u64,
    ids: Ids,
    stop: Stop,
}

enum Coming {
    Read(mpsc::Receiver<Message>),
    Streamed(BoxStream<'static, Found>),
}

impl Drop for Documents {
    fn drop(&mut self) {
        self.stop.set();
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents")
            .field("position", &self.position)
            .field("total", &self.total)
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}

impl Documents {
    pub(super) fn streamed(stream: BoxStream<'static, Found>) -> Self {
        let total = match stream.size_hint() {
            (least, Some(most)) if least == most => Some(least as u64),
            _ => None,
        };
        Self::new(Coming::Streamed(stream), total, Stop::default())
    }

    /// Starts the thread that reads.
    pub(super) fn start(reading: Reading, total: Option<u64>, stop: Stop) -> Result<Self> {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let until = stop.clone();
        thread::Builder::new()
            .name("duologue-documents".to_owned())
            .spawn(move || read(reading, &sender, &until))
            .map_err(|error| {
                Error::new(
                    ErrorKind::Internal,
                    "no thread can be started to read documents",
                )
                .with_source(error)
            })?;
        Ok(Self::new(Coming::Read(receiver), total, stop))
    }

    fn new(coming: Coming, total: Option<u64>, stop: Stop) -> Self {
        Self {
            coming,
            total,
            position: 0,
            skipped: 0,
            ids: Ids::default(),
            stop,
        }
    }

    /// The next one; none when all were read. A document whose id an earlier one had is [`Unreadable`].
    ///
    /// # Panics
    /// When the program's own iterator did.
    ///
    /// # Cancel safety
    /// No document is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Document, Unreadable>> {
        loop {
            let message = match &mut self.coming {
                Coming::Read(receiver) => receiver.recv().await?,
                Coming::Streamed(stream) => Message::Found(0, stream.next().await?),
            };
            let (skipped, found) = match message {
                Message::Found(skipped, found) => (skipped, found),
                Message::Skipped(skipped) => {
                    self.pass(skipped);
                    continue;
                }
                Message::Panicked(payload) => panic::resume_unwind(payload),
            };
            self.pass(skipped);
            let position = self.position;
            match found {
                Found::WithoutText => self.pass(1),
                Found::Document(document) => {
                    self.position += 1;
                    return Some(self.ids.checked(document, position));
                }
                Found::Broken { id, error } => {
                    self.position += 1;
                    return Some(Err(Unreadable {
                        position,
                        id,
                        error,
                    }));
                }
            }
        }
    }

    fn pass(&mut self, skipped: u64) {
        self.skipped += skipped;
        self.position += skipped;
    }

    /// The same documents, of which there are so many where nothing better is known.
    pub(super) fn of_known_total(mut self, total: Option<u64>) -> Self {
        self.total = self.total.or(total);
        self
    }

    /// How many items there are, those that are skipped or unreadable too, where that is known before
    /// they are read: of a folder or a glob with up to 100,000 files, and of an iterator that knows it.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// How many items were left out so far because they hold no text.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }
}

/// Reads until all is read, or nobody waits.
fn read(mut reading: Reading, sender: &mpsc::Sender<Message>, stop: &Stop) {
    let mut skipped = 0;
    while !stop.is_set() {
        let message = match panic::catch_unwind(AssertUnwindSafe(|| reading.next())) {
            Ok(Some(Found::WithoutText)) => {
                skipped += 1;
                continue;
            }
            Ok(Some(found)) => Message::Found(std::mem::take(&mut skipped), found),
            Ok(None) => {
                let _ = sender.blocking_send(Message::Skipped(skipped));
                return;
            }
            Err(payload) => {
                let _ = sender.blocking_send(Message::Panicked(payload));
                return;
            }
        };
        if sender.blocking_send(message).is_err() {
            return;
        }
    }
}

/// Which ids were seen, as hashes.
#[derive(Default)]
struct Ids {
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl Ids {
    fn checked(&mut self, document: Document, position: u64) -> Result<Document, Unreadable> {
        if self.seen.insert(self.hasher.hash_one(&document.id)) {
            return Ok(document);
        }
        let error = repeated(&document.id);
        Err(Unreadable {
            position,
            id: Some(document.id),
            error,
        })
    }
}

fn repeated(id: &str) -> Error {
    let shown = text::clip(&Sanitizer::shared_default().clean(id), 64);
    let message = format!("an earlier document has the id `{shown}` too");
    Error::new(ErrorKind::Config, message)
        .with_hint("give each its own id, or name a field that is its own in each")
}
