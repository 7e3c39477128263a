//! One object or array, read with the mistakes that models make.
//!
//! The stack is explicit, so depth costs memory and never the thread's stack. What stops inside
//! the value is [`Stop::Incomplete`], at whatever token: a prefix of a value is never a value.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Fixup, MAX_DEPTH};

/// A value that was read, and where it ends.
pub(super) struct Parsed {
    pub(super) value: Value,
    pub(super) end: usize,
    pub(super) fixups: BTreeSet<Fixup>,
}

/// Why no value was read.
#[derive(Debug)]
pub(super) enum Stop {
    /// The text ended first.
    Incomplete,
    /// Nested too deep, at this offset.
    TooDeep(usize),
    /// Something else stands where JSON would go on.
    Syntax(Fault),
}

/// Where and why reading stopped.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    /// How many brackets were open.
    pub(super) depth: usize,
    pub(super) evidence: Evidence,
    pub(super) message: &'static str,
}

/// How much what was read before a fault looked like JSON, and not like prose in brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Evidence {
    /// `{placeholder}`, `[see`
    None,
    /// A string, a comma or an unquoted key with its colon.
    Item,
    /// A quoted key with its colon.
    Member,
}

/// The value whose opening bracket stands at `start`.
pub(super) fn parse(text: &str, start: usize) -> Result<Parsed, Stop> {
    let mut parser = Parser {
        text,
        pos: start,
        stack: Vec::new(),
        expect: Expect::Value,
        quoted_key: false,
        evidence: Evidence::None,
        fixups: BTreeSet::new(),
    };
    loop {
        parser.skip_space_and_comments()?;
        let next = parser.peek().ok_or(Stop::Incomplete)?;
        if let Some(value) = parser.step(next)? {
            return Ok(Parsed {
                value,
                end: parser.pos,
                fixups: parser.fixups,
            });
        }
    }
}

enum Frame {
    Array(Vec<Value>),
    Object {
        map: Map<String, Value>,
        key: String,
    },
}

#[derive(Clone, Copy)]
enum Expect {
    /// The first key or item, or the end.
    First,
    /// Another key or item; the end makes the comma a trailing one.
    Another,
    Colon,
    Value,
    CommaOrEnd,
}

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) pos: usize,
    stack: Vec<Frame>,
    expect: Expect,
    quoted_key: bool,
    evidence: Evidence,
    pub(super) fixups: BTreeSet<Fixup>,
}

impl Parser<'_> {
    /// Reads one token; gives the value when it was the last one.
    fn step(&mut self, next: char) -> Result<Option<Value>, Stop> {
        match (self.expect, next) {
            (Expect::First | Expect::CommaOrEnd, '}' | ']') => self.close(next),
            (Expect::Another, '}' | ']') => {
                self.fixups.insert(Fixup::TrailingComma);
                self.close(next)
            }
            (Expect::CommaOrEnd, ',') => {
                self.saw(Evidence::Item);
                self.pos += 1;
                self.expect = Expect::Another;
                Ok(None)
            }
            (Expect::CommaOrEnd, _) => Err(self.fault("expected a comma or a closing bracket")),
            (Expect::Colon, ':') => {
                self.saw(if self.quoted_key {
                    Evidence::Member
                } else {
                    Evidence::Item
                });
                self.pos += 1;
                self.expect = Expect::Value;
                Ok(None)
            }
            (Expect::Colon, _) => Err(self.fault("expected a colon after the key")),
            (Expect::First | Expect::Another, _) if self.in_object() => self.key(next),
            _ => self.value(next),
        }
    }

    fn in_object(&self) -> bool {
        matches!(self.stack.last(), Some(Frame::Object { .. }))
    }

    fn key(&mut self, next: char) -> Result<Option<Value>, Stop> {
        let name = if is_quote(next) {
            self.quoted_key = true;
            self.string(next)?
        } else {
            self.quoted_key = false;
            let word = self.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '-'));
            if word.is_empty() {
                return Err(self.fault("expected a key"));
            }
            self.fixups.insert(Fixup::UnquotedKey);
            word.to_owned()
        };
        if let Some(Frame::Object { key, .. }) = self.stack.last_mut() {
            *key = name;
        }
        self.expect = Expect::Colon;
        Ok(None)
    }

    fn value(&mut self, next: char) -> Result<Option<Value>, Stop> {
        let value = match next {
            '{' => {
                return self.open(Frame::Object {
                    map: Map::new(),
                    key: String::new(),
                });
            }
            '[' => return self.open(Frame::Array(Vec::new())),
            '-' | '0'..='9' => self.number()?,
            quote if is_quote(quote) => Value::String(self.string(quote)?),
            _ => self.word()?,
        };
        Ok(self.put(value))
    }

    fn open(&mut self, frame: Frame) -> Result<Option<Value>, Stop> {
        if self.stack.len() == MAX_DEPTH {
            return Err(Stop::TooDeep(self.pos));
        }
        self.stack.push(frame);
        self.pos += 1;
        self.expect = Expect::First;
        Ok(None)
    }

    fn close(&mut self, bracket: char) -> Result<Option<Value>, Stop> {
        if self.in_object() != (bracket == '}') {
            return Err(self.fault("the closing bracket does not match the opening one"));
        }
        self.pos += 1;
        Ok(match self.stack.pop() {
            Some(Frame::Object { map, .. }) => self.put(Value::Object(map)),
            Some(Frame::Array(items)) => self.put(Value::Array(items)),
            None => None,
        })
    }

    /// Puts a value into what encloses it; gives it back when nothing does.
    fn put(&mut self, value: Value) -> Option<Value> {
        self.expect = Expect::CommaOrEnd;
        match self.stack.last_mut() {
            Some(Frame::Object { map, key }) => {
                map.insert(std::mem::take(key), value);
            }
            Some(Frame::Array(items)) => items.push(value),
            None => return Some(value),
        }
        None
    }

    fn number(&mut self) -> Result<Value, Stop> {
        let start = self.pos;
        let digits = self.take_while(|c| matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
        self.more()?;
        serde_json::from_str(digits).map_err(|_| self.fault_at(start, "not a JSON number"))
    }

    fn word(&mut self) -> Result<Value, Stop> {
        let start = self.pos;
        let word = self.take_while(|c| c.is_alphanumeric() || c == '_');
        if !word.is_empty() {
            self.more()?;
        }
        let value = match word {
            "true" | "True" => Value::Bool(true),
            "false" | "False" => Value::Bool(false),
            "null" | "None" => Value::Null,
            _ => return Err(self.fault_at(start, "expected a JSON value")),
        };
        if word.starts_with(char::is_uppercase) {
            self.fixups.insert(Fixup::PythonLiteral);
        }
        Ok(value)
    }

    /// A token that touches the end of the text may have been cut.
    fn more(&self) -> Result<(), Stop> {
        self.peek().map(|_| ()).ok_or(Stop::Incomplete)
    }

    fn skip_space_and_comments(&mut self) -> Result<(), Stop> {
        loop {
            let spaces = self.take_while(is_space);
            let begins_word = !spaces.is_empty();
            if spaces.contains(|c| !matches!(c, ' ' | '\n' | '\r' | '\t')) {
                self.fixups.insert(Fixup::UnusualSpace);
            }
            let rest = self.rest();
            // `[#12]` is a reference in prose, not a comment.
            if rest.starts_with("//") || (rest.starts_with('#') && begins_word) {
                self.pos += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                self.pos += comment.find("*/").ok_or(Stop::Incomplete)? + 4;
            } else {
                return Ok(());
            }
            self.fixups.insert(Fixup::Comment);
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.pos..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn saw(&mut self, evidence: Evidence) {
        self.evidence = self.evidence.max(evidence);
    }

    pub(super) fn fault(&self, message: &'static str) -> Stop {
        self.fault_at(self.pos, message)
    }

    fn fault_at(&self, at: usize, message: &'static str) -> Stop {
        Stop::Syntax(Fault {
            at,
            depth: self.stack.len(),
            evidence: self.evidence,
            message,
        })
    }
}

impl<'a> Parser<'a> {
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let text: &'a str = self.text;
        let rest = &text[self.pos..];
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.pos += end;
        &rest[..end]
    }
}

pub(super) fn is_quote(c: char) -> bool {
    matches!(
        c,
        '"' | '\'' | '“' | '”' | '„' | '‟' | '‘' | '’' | '‚' | '‛'
    )
}

pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}')
}
