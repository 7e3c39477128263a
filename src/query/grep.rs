//! Texts in the calls of a run: prompts, answers and errors, line by line.

use std::borrow::Cow;
use std::ops::Range;

use regex::{Regex, RegexBuilder};
use serde::Serialize;

use super::filter::Filter;
use super::run::Run;
use crate::call_log::Record;
use crate::error::{Error, ErrorKind, Result};

/// Which texts of a call are searched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SearchIn {
    /// The messages that were sent.
    Prompt,
    /// What the model answered, reasoning included.
    Answer,
    /// Why there is no valid answer: the error's message and how the answer does not fit its schema.
    Error,
    /// All of these.
    #[default]
    All,
}

/// What is searched for.
///
/// ```
/// use duologue::query::{Search, SearchIn};
///
/// let search = Search::new(r"tides? of \w+")?.ignoring_case()?.within(SearchIn::Answer);
/// assert!(Search::new("(").is_err());
/// # Ok::<(), duologue::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Search {
    pattern: Regex,
    within: SearchIn,
}

/// A line that matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Match {
    /// The call's place in its run, from 1.
    pub place: usize,
    /// The call.
    pub call_id: String,
    /// The agent.
    pub agent: String,
    /// Where the line stands in the record: `messages[1]`, `raw_answer`, `error`, ….
    pub field: String,
    /// Who speaks: a message's role, `assistant`, or `error`.
    pub speaker: String,
    /// The line in its text, from 1.
    pub line: usize,
    /// The whole line.
    pub text: String,
    /// The places in `text` that match, in bytes.
    pub ranges: Vec<Range<usize>>,
    /// The lines before it, nearest last, as many as were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    /// The lines after it, as many as were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
}

impl Search {
    /// Searches all texts for a regular expression, in the syntax of the `regex` crate.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when `pattern` is none.
    pub fn new(pattern: &str) -> Result<Self> {
        Ok(Self {
            pattern: compile(pattern, false)?,
            within: SearchIn::All,
        })
    }

    /// The same search, deaf to upper and lower case.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the pattern becomes too large by it.
    pub fn ignoring_case(self) -> Result<Self> {
        Ok(Self {
            pattern: compile(self.pattern.as_str(), true)?,
            ..self
        })
    }

    /// The same search in these texts alone.
    pub fn within(self, within: SearchIn) -> Self {
        Self { within, ..self }
    }
}

fn compile(pattern: &str, ignores_case: bool) -> Result<Regex> {
    RegexBuilder::new(pattern)
        .case_insensitive(ignores_case)
        .build()
        .map_err(|error| {
            Error::new(ErrorKind::Config, format!("`{pattern}` is no pattern"))
                .with_source(error)
                .with_hint("write `\\` before a character that stands for itself, as in `\\(`")
        })
}

impl Run {
    /// The lines of calls that pass `filter` in which `search` finds something, each with `context`
    /// lines around it, in the order of the calls.
    ///
    /// # Errors
    /// [`ErrorKind::Log`] when a journal cannot be read any more.
    pub fn grep(&self, search: &Search, filter: &Filter, context: usize) -> Result<Vec<Match>> {
        let batches = self.fold(&|found: &mut Vec<Match>, line| {
            let record = line.record().ok().filter(|record| filter.passes(record));
            if let Some(record) = record {
                search.matches(&record, line.place + 1, context, found);
            }
        })?;
        Ok(batches.into_iter().flatten().collect())
    }
}

impl Search {
    fn matches(&self, record: &Record, place: usize, context: usize, found: &mut Vec<Match>) {
        for text in texts(record, self.within) {
            // Nearly every text of a large run has nothing to show.
            if !self.pattern.is_match(&text.content) {
                continue;
            }
            let lines: Vec<&str> = text.content.lines().collect();
            for (number, line) in lines.iter().enumerate() {
                let ranges: Vec<_> = self
                    .pattern
                    .find_iter(line)
                    .map(|hit| hit.range())
                    .collect();
                if ranges.is_empty() {
                    continue;
                }
                let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
                found.push(Match {
                    place,
                    call_id: record.call_id.clone(),
                    agent: record.agent.clone(),
                    field: text.field.clone(),
                    speaker: text.speaker.to_owned(),
                    line: number + 1,
                    text: (*line).to_owned(),
                    ranges,
                    before: owned(&lines[number.saturating_sub(context)..number]),
                    after: owned(
                        &lines[number + 1..lines.len().min((number + 1).saturating_add(context))],
                    ),
                });
            }
        }
    }
}

struct Text<'a> {
    field: String,
    speaker: &'a str,
    content: Cow<'a, str>,
}

/// The texts of a call that a search looks through.
fn texts(record: &Record, within: SearchIn) -> Vec<Text<'_>> {
    let mut texts = Vec::new();
    let mut add = |field: String, speaker, text| {
        texts.push(Text {
            field,
            speaker,
            content: text,
        });
    };
    if matches!(within, SearchIn::Prompt | SearchIn::All) {
        for (number, message) in record.messages.iter().enumerate() {
            add(
                format!("messages[{number}]"),
                message.role.as_str(),
                (&*message.content).into(),
            );
        }
    }
    if matches!(within, SearchIn::Answer | SearchIn::All) {
        if let Some(reasoning) = &record.reasoning {
            add("reasoning".to_owned(), "assistant", reasoning.into());
        }
        match (&record.raw_answer, &record.answer) {
            (Some(raw), _) => add("raw_answer".to_owned(), "assistant", raw.into()),
            (None, Some(answer)) => {
                add("answer".to_owned(), "assistant", answer.to_string().into());
            }
            (None, None) => {}
        }
    }
    if matches!(within, SearchIn::Error | SearchIn::All) {
        if let Some(error) = &record.error {
            let text = format!("{}: {}", error.kind.as_str(), error.message);
            add("error".to_owned(), "error", text.into());
        }
        for (number, error) in record.validation_errors.iter().enumerate() {
            let text = format!("{}: {}", error.pointer, error.message);
            add(format!("validation_errors[{number}]"), "error", text.into());
        }
    }
    texts
}
