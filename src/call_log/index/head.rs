//! What stands at the head of a journal line: enough to know whose it is, without reading all of it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::super::journal;
use super::super::line::check;
use super::super::newer;
use super::super::record::Record;

/// A time as it stands in a record, for comparing alone: RFC 3339 in UTC sorts like its text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment([u8; 32]);

impl Moment {
    pub(crate) fn of(text: &str) -> Self {
        Self::from_bytes(text.as_bytes())
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let mut moment = [0; 32];
        let len = bytes.len().min(moment.len());
        moment[..len].copy_from_slice(&bytes[..len]);
        Self(moment)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        let len = self.0.iter().rposition(|byte| *byte != 0);
        &self.0[..len.map_or(0, |last| last + 1)]
    }
}

/// What a line is about.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) event: String,
    pub(crate) call_id: Box<str>,
    pub(crate) started_at: Moment,
    pub(crate) sequence: u64,
    pub(crate) is_interrupted: bool,
    objection: Option<String>,
    known: u8,
}

/// What a head consists of; a line is read no further when all of it is there.
const CALL_ID: u8 = 1;
const STARTED_AT: u8 = 2;
const SEQUENCE: u8 = 4;
const STATUS: u8 = 8;
const SCHEMA: u8 = 16;

impl Head {
    /// The head of a line without its newline, or why the line cannot be used.
    pub(crate) fn read(line: &[u8]) -> Result<Self, String> {
        check(line)?;
        let mut head = Self::default();
        let mut json = serde_json::Deserializer::from_slice(line);
        let read = Fields {
            head: &mut head,
            of: Level::Line,
        }
        .deserialize(&mut json);
        match read {
            Err(error) if !head.is_whole() => {
                Err(format!("not a journal line of this version: {error}"))
            }
            _ => match head.objection.take() {
                Some(objection) => Err(objection),
                None => Ok(head),
            },
        }
    }

    pub(crate) fn is_call(&self) -> bool {
        matches!(&*self.event, "started" | "finished") && self.known & CALL_ID != 0
    }

    fn is_whole(&self) -> bool {
        let wanted = match &*self.event {
            "started" => CALL_ID | STARTED_AT | SEQUENCE | SCHEMA,
            "finished" => CALL_ID | STARTED_AT | SEQUENCE | SCHEMA | STATUS,
            _ => return false,
        };
        self.known & wanted == wanted
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Level {
    Line,
    Record,
}

/// Reads the fields of one JSON object into a head.
struct Fields<'a> {
    head: &'a mut Head,
    of: Level,
}

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a journal line")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let head = self.head;
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match (self.of, &*key) {
                (Level::Line, "event") => head.event = map.next_value()?,
                (Level::Line, "record") => map.next_value_seed(Fields {
                    head: &mut *head,
                    of: Level::Record,
                })?,
                (level, "schema") => {
                    let known = match level {
                        Level::Line => journal::SCHEMA,
                        Level::Record => Record::SCHEMA,
                    };
                    let schema = map.next_value::<std::borrow::Cow<'de, str>>()?;
                    head.objection = newer::objection(&schema, known).or(head.objection.take());
                    head.known |= SCHEMA;
                }
                (Level::Record, "call_id") => {
                    head.call_id = map.next_value()?;
                    head.known |= CALL_ID;
                }
                (Level::Record, "started_at") => {
                    head.started_at = Moment::of(&map.next_value::<std::borrow::Cow<'de, str>>()?);
                    head.known |= STARTED_AT;
                }
                (Level::Record, "sequence") => {
                    head.sequence = map.next_value()?;
                    head.known |= SEQUENCE;
                }
                (Level::Record, "status") => {
                    let status: Option<std::borrow::Cow<'de, str>> = map.next_value()?;
                    head.is_interrupted = status.as_deref() == Some("interrupted");
                    head.known |= STATUS;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            if head.is_whole() {
                // What follows is the caller's to read; an error is the only way to stop.
                return Err(A::Error::custom("enough"));
            }
        }
        Ok(())
    }
}
