//! The calls of one run, found without being loaded.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::call_log::index::{End, IndexedCall, JournalIndex, Moment};
use crate::call_log::journal::{Line, decode};
use crate::call_log::line::Span;
use crate::call_log::paths::RunPaths;
use crate::call_log::{Problem, is_abandoned, no_run, open_journal};
use crate::error::{Error, ErrorKind, Result};

/// One run on disk: where each of its calls lies, in the order in which they started.
///
/// Opening reads the journals once; of a journal with more than a thousand calls, it reads an index
/// file beside it (`.{journal}.index`), which is a cache: it is made when it is missing or of no use.
///
/// ```
/// # use duologue::call_log::{create_llm_logger, LoggerConfig};
/// # let folder = tempfile::tempdir()?;
/// # let config = LoggerConfig { output_dir: folder.path().into(), run_id: Some("demo".into()), ..Default::default() };
/// # drop(create_llm_logger(&config)?);
/// # let directory = folder.path().join("demo");
/// use duologue::query::Run;
///
/// let run = Run::open(&directory)?;
/// assert_eq!((run.run_id(), run.len()), ("demo", 0));
/// for record in run.records() {
///     println!("{}", record?.agent);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Run {
    pub(super) paths: RunPaths,
    pub(super) opening: Opening,
    pub(super) journals: Vec<PathBuf>,
    /// How far each journal was read, in the order of the journals.
    pub(super) uptos: Vec<u64>,
    pub(super) calls: Vec<Call>,
    problems: Vec<Problem>,
    unreadable: u64,
    /// The run from its journals alone, once an index of one of them turned out to be of no use.
    pub(super) anew: OnceLock<Box<Run>>,
    /// What of the calls that were read this version does not know, by their place.
    pub(super) surprises: Mutex<BTreeMap<usize, String>>,
}

/// What is never reached: nothing is read on in a journal that was left unread.
const UNREAD: u64 = u64::MAX;

/// Where a call lies, and how far it has come.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: Box<str>,
    pub(super) state: State,
    pub(super) journal: usize,
    pub(super) span: Span,
    started_at: Moment,
    sequence: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ended,
    /// Its end stands nowhere, and its process is gone.
    Interrupted,
    Running,
}

/// The settings that a journal begins with.
#[derive(Debug, Default)]
pub(super) struct Opening {
    pub(super) run_id: String,
    pub(super) log_level: String,
    pub(super) format: String,
}

impl Run {
    /// The run in `directory`.
    ///
    /// # Errors
    /// [`ErrorKind::Log`] when there is no run in `directory`, or a journal cannot be read.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self> {
        Self::read(RunPaths::of(directory.into()), JournalIndex::open)
    }

    /// The run in `directory`, from its journals alone.
    pub(super) fn rebuilt(directory: &Path) -> Result<Self> {
        Self::read(RunPaths::of(directory.to_owned()), JournalIndex::rebuilt)
    }

    fn read(
        paths: RunPaths,
        index: impl Fn(&Path) -> std::io::Result<JournalIndex>,
    ) -> Result<Self> {
        let journals = paths
            .journals()
            .map_err(|error| no_run(&paths.root, error))?;
        let mut run = Self {
            paths,
            opening: Opening::default(),
            journals,
            uptos: Vec::new(),
            calls: Vec::new(),
            problems: Vec::new(),
            unreadable: 0,
            anew: OnceLock::new(),
            surprises: Mutex::default(),
        };
        let mut known = Known::default();
        let mut failures = Vec::new();
        for place in 0..run.journals.len() {
            let journal = run.journals[place].clone();
            // Asked before reading: whoever is gone by now has written all that is read below.
            let is_live = !is_abandoned(&journal);
            if let Some(objection) = first_event(&journal).and_then(|line| line.objection) {
                run.leave_unread(journal, 1, objection);
                continue;
            }
            let index = match index(&journal) {
                Ok(index) => index,
                Err(error) => {
                    let what = format!("cannot read `{}`", journal.display());
                    run.leave_unread(journal, 0, format!("cannot be read: {error}"));
                    failures.push(Error::new(ErrorKind::Log, what).with_source(error));
                    continue;
                }
            };
            run.unreadable += index.bad;
            run.uptos.push(index.upto);
            run.problems
                .extend(index.bad_lines.into_iter().map(|bad| Problem {
                    file: journal.clone(),
                    line: usize::try_from(bad.line).unwrap_or(usize::MAX),
                    message: bad.message,
                }));
            known.add(index.calls, place, is_live);
        }
        if failures.len() == run.journals.len()
            && let Some(failure) = failures.pop()
        {
            return Err(failure);
        }
        run.calls = known.into_calls();
        run.opening = run.opening_of_journals();
        Ok(run)
    }

    fn leave_unread(&mut self, file: PathBuf, line: usize, message: String) {
        self.unreadable += 1;
        self.uptos.push(UNREAD);
        self.problems.push(Problem {
            file,
            line,
            message,
        });
    }

    fn opening_of_journals(&self) -> Opening {
        let mut opened = self
            .journals
            .iter()
            .rev()
            .filter_map(|path| first_event(path));
        let mut opening = opened
            .find(|line| line.objection.is_none())
            .map(|line| Opening {
                run_id: line.run_id,
                log_level: line.log_level,
                format: line.format,
            })
            .unwrap_or_default();
        if opening.run_id.is_empty() {
            let name = self.paths.root.file_name().unwrap_or_default();
            opening.run_id = name.to_string_lossy().into_owned();
        }
        opening
    }

    /// The run's id.
    pub fn run_id(&self) -> &str {
        &self.opening.run_id
    }

    /// The run's directory.
    pub fn directory(&self) -> &Path {
        &self.paths.root
    }

    /// Number of calls.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether there are no calls.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// What could not be read; of each journal at most the first thousand lines. Damage that came
    /// after the index was made is found by the first question that meets it.
    pub fn problems(&self) -> &[Problem] {
        self.anew
            .get()
            .map_or(&self.problems, |anew| &anew.problems)
    }

    /// The [`problems`](Self::problems) that were not known when the run was opened.
    #[cfg(feature = "cli")]
    pub(crate) fn late_problems(&self) -> Vec<&Problem> {
        let all = self.problems().iter();
        all.filter(|problem| !self.problems.contains(problem))
            .collect()
    }

    /// What a newer version wrote into calls that were read, and this one read without: the call's
    /// place, from 1, and what it is. A call that nobody has asked for yet is not among them.
    pub fn half_known(&self) -> Vec<(usize, String)> {
        let of = |run: &Self| {
            run.surprises
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone()
        };
        let mut all = of(self);
        all.extend(self.anew.get().map(|anew| of(anew)).unwrap_or_default());
        all.into_iter()
            .map(|(place, what)| (place + 1, what))
            .collect()
    }

    /// The journals that are not left unread.
    pub(super) fn readable_journals(&self) -> impl Iterator<Item = &Path> {
        let journals = self.journals.iter().zip(&self.uptos);
        let readable = journals.filter(|(_, upto)| **upto != UNREAD);
        readable.map(|(path, _)| path.as_path())
    }

    /// How many journal lines could not be read.
    pub fn unreadable(&self) -> u64 {
        self.anew
            .get()
            .map_or(self.unreadable, |anew| anew.unreadable)
    }
}

/// The event that a journal begins with, if it can be read.
fn first_event(path: &Path) -> Option<Line> {
    let lines = BufReader::new(open_journal(path).ok()?).split(b'\n');
    let first = lines.map_while(std::result::Result::ok);
    let first = first.take(2).find(|line| !line.is_empty())?;
    decode(&first).ok().filter(|line| line.event == "opened")
}

/// Calls of all journals by id, in the order in which they were met.
#[derive(Default)]
struct Known {
    calls: Vec<Call>,
    ends: Vec<End>,
    places: HashMap<Box<str>, usize>,
}

impl Known {
    fn add(&mut self, calls: Vec<IndexedCall>, journal: usize, is_live: bool) {
        if self.calls.is_empty() {
            self.calls.reserve_exact(calls.len());
            self.ends.reserve_exact(calls.len());
        } else if self.places.is_empty() {
            // One journal, which most runs have, needs no look-up.
            let known = self.calls.iter().enumerate();
            self.places
                .extend(known.map(|(place, call)| (call.id.clone(), place)));
        }
        for call in calls {
            match self.places.get(&call.call_id) {
                Some(place) => self.update(*place, &call, journal),
                None => self.insert(call, journal, is_live),
            }
        }
    }

    fn insert(&mut self, call: IndexedCall, journal: usize, is_live: bool) {
        if !self.places.is_empty() {
            self.places.insert(call.call_id.clone(), self.calls.len());
        }
        self.ends.push(call.end);
        self.calls.push(Call {
            id: call.call_id,
            // For a call that has no end: what became of it is a matter of where it began.
            state: if is_live {
                State::Running
            } else {
                State::Interrupted
            },
            journal,
            span: call.span,
            started_at: call.started_at,
            sequence: call.sequence,
        });
    }

    fn update(&mut self, place: usize, call: &IndexedCall, journal: usize) {
        let (end, known) = (&mut self.ends[place], &mut self.calls[place]);
        if end.gives_way_to(call.end) {
            *end = call.end;
            (known.journal, known.span) = (journal, call.span);
            (known.started_at, known.sequence) = (call.started_at, call.sequence);
        }
    }

    fn into_calls(self) -> Vec<Call> {
        let mut calls = self.calls;
        for (call, end) in calls.iter_mut().zip(self.ends) {
            if end != End::Open {
                call.state = State::Ended;
            }
        }
        calls.sort_by_key(|call| (call.started_at, call.sequence));
        calls
    }
}
