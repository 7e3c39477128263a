//! Reading calls at the places that a [`Run`] knows.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::run::{Call, Run, State};
use crate::call_log::index::{Head, run_on_threads, threads};
use crate::call_log::journal::decode;
use crate::call_log::{Record, interrupt};
use crate::error::{Error, ErrorKind, Result};

/// Calls that a thread takes at once.
const BATCH: usize = 512;

/// The line of one call.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallLine<'a> {
    /// The call's place in the run, from 0.
    pub(super) place: usize,
    pub(super) state: State,
    pub(super) bytes: &'a [u8],
    /// Where is noted what of a call this version does not know.
    pub(super) surprises: Option<&'a Mutex<BTreeMap<usize, String>>>,
}

impl CallLine<'_> {
    /// The whole record, or why it cannot be read.
    pub(super) fn record(&self) -> std::result::Result<Record, String> {
        let mut line = decode(self.bytes)?;
        if let (Some(surprise), Some(noted)) = (line.surprise.take(), self.surprises) {
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.insert(self.place, surprise);
        }
        let mut record = *line.record.ok_or("the line has no record")?;
        if self.state == State::Interrupted {
            interrupt(&mut record);
        }
        Ok(record)
    }
}

/// Why a line is not where it was.
#[derive(Debug)]
enum Failure {
    /// The index is of another journal, or the journal has been damaged since.
    Stale,
    Io(io::Error),
}

impl Run {
    /// The record of the call at `place`, from 0 in the order in which the calls started; `None`
    /// when there are fewer calls. A call that still runs has no status.
    ///
    /// # Errors
    /// [`ErrorKind::Log`] when the journal cannot be read there any more.
    pub fn record(&self, place: usize) -> Option<Result<Record>> {
        let call = self.calls.get(place)?;
        let mut lines = Lines::of(self);
        Some(match lines.read(place, call) {
            Err(Failure::Stale) => self.record_anew(call),
            read => self.record_of(call, read),
        })
    }

    /// [`record`](Self::record) past an index that is of no use.
    fn record_anew(&self, wanted: &Call) -> Result<Record> {
        let again = self.anew()?;
        let calls = again.calls.iter().enumerate();
        let mut same = calls.filter(|(_, call)| call.id == wanted.id);
        let Some((place, call)) = same.next() else {
            return Err(self.bad_call(wanted, "its line is not what it was"));
        };
        again.record_of(call, Lines::of(again).read(place, call))
    }

    /// The run past its indexes, read once however many lines are not where they should be.
    fn anew(&self) -> Result<&Self> {
        if let Some(anew) = self.anew.get() {
            return Ok(anew);
        }
        let anew = Self::rebuilt(self.directory())?;
        Ok(self.anew.get_or_init(|| Box::new(anew)))
    }

    fn record_of(
        &self,
        call: &Call,
        read: std::result::Result<CallLine<'_>, Failure>,
    ) -> Result<Record> {
        match read {
            Ok(line) => line
                .record()
                .map_err(|problem| self.bad_call(call, &problem)),
            Err(Failure::Stale) => Err(self.bad_call(call, "its line is not what it was")),
            Err(failure) => Err(self.unreadable_run(failure)),
        }
    }

    /// All records in the order in which the calls started, read one by one.
    pub fn records(&self) -> impl Iterator<Item = Result<Record>> {
        let mut lines = Lines::of(self);
        let calls = self.calls.iter().enumerate();
        calls.map(move |(place, call)| match lines.read(place, call) {
            Err(Failure::Stale) => self.record_anew(call),
            read => self.record_of(call, read),
        })
    }

    /// The place of a call, from 0: `text` is its place from 1, its id, or the beginning of
    /// its id. All that begin so are given when there are several.
    pub fn find(&self, text: &str) -> Vec<usize> {
        let place = text.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        if let Some(place) = place.filter(|place| *place < self.calls.len()) {
            return vec![place];
        }
        let calls = self.calls.iter().enumerate();
        let begun: Vec<usize> = calls
            .filter(|(_, call)| call.id.starts_with(text))
            .map(|(place, _)| place)
            .collect();
        let exact = begun.iter().find(|place| *self.calls[**place].id == *text);
        exact.map_or(begun.clone(), |place| vec![*place])
    }

    /// Hands every call to `visit`, on several threads; gives what it made of each batch of calls,
    /// in the order of the calls. An index that turns out to be of no use is made anew.
    pub(super) fn fold<T: Default + Send>(
        &self,
        visit: &(dyn Fn(&mut T, CallLine<'_>) + Sync),
    ) -> Result<Vec<T>> {
        match self.fold_once(visit) {
            Err(Failure::Stale) => {}
            done => return done.map_err(|failure| self.unreadable_run(failure)),
        }
        self.anew()?
            .fold_once(visit)
            .map_err(|failure| self.unreadable_run(failure))
    }

    fn fold_once<T: Default + Send>(
        &self,
        visit: &(dyn Fn(&mut T, CallLine<'_>) + Sync),
    ) -> std::result::Result<Vec<T>, Failure> {
        let batches = self.calls.len().div_ceil(BATCH);
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::new());
        let work = || {
            let mut lines = Lines::of(self);
            loop {
                let batch = next.fetch_add(1, Ordering::Relaxed);
                if batch >= batches {
                    return Ok(());
                }
                let mut found = T::default();
                let end = self.calls.len().min((batch + 1) * BATCH);
                for place in batch * BATCH..end {
                    visit(&mut found, lines.read(place, &self.calls[place])?);
                }
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                done.push((batch, found));
            }
        };
        run_on_threads(threads(batches as u64), &work)?;
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_unstable_by_key(|(batch, _)| *batch);
        Ok(done.into_iter().map(|(_, found)| found).collect())
    }

    fn bad_call(&self, call: &Call, problem: &str) -> Error {
        let journal = self.journals[call.journal].display();
        let what = format!(
            "call `{}` in `{journal}` cannot be read: {problem}",
            call.id
        );
        Error::new(ErrorKind::Log, what)
    }

    fn unreadable_run(&self, failure: Failure) -> Error {
        let directory = self.directory().display();
        match failure {
            Failure::Stale => Error::new(
                ErrorKind::Log,
                format!("the journals of `{directory}` changed while they were read"),
            ),
            Failure::Io(error) => {
                let what = format!("cannot read the journals of `{directory}`");
                Error::new(ErrorKind::Log, what).with_source(error)
            }
        }
    }
}

/// The lines of a run, read one after the other.
struct Lines<'a> {
    run: &'a Run,
    open: Option<(usize, File)>,
    buffer: Vec<u8>,
}

impl<'a> Lines<'a> {
    fn of(run: &'a Run) -> Self {
        Self {
            run,
            open: None,
            buffer: Vec::new(),
        }
    }

    fn read(&mut self, place: usize, call: &Call) -> std::result::Result<CallLine<'_>, Failure> {
        let file = match &mut self.open {
            Some((journal, file)) if *journal == call.journal => file,
            open => {
                let file = File::open(&self.run.journals[call.journal]).map_err(Failure::Io)?;
                &mut open.insert((call.journal, file)).1
            }
        };
        read_line(file, call, &mut self.buffer)?;
        let is_it =
            Head::read(&self.buffer).is_ok_and(|head| head.is_call() && head.call_id == call.id);
        if !is_it {
            return Err(Failure::Stale);
        }
        Ok(CallLine {
            place,
            state: call.state,
            bytes: &self.buffer,
            surprises: Some(&self.run.surprises),
        })
    }
}

fn read_line(
    file: &mut File,
    call: &Call,
    buffer: &mut Vec<u8>,
) -> std::result::Result<(), Failure> {
    buffer.clear();
    file.seek(SeekFrom::Start(call.span.offset))
        .and_then(|_| file.take(call.span.len as u64).read_to_end(buffer))
        .map_err(Failure::Io)?;
    // A journal that was cut short since.
    if buffer.len() < call.span.len {
        return Err(Failure::Stale);
    }
    Ok(())
}
