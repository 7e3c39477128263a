//! The value of an answer that is still arriving: [`PartialJson`].
//!
//! It reads each byte once, whatever the pieces: what is known so far is kept open, and put together
//! when somebody looks. It mends what [`extract_json`](super::extract_json) mends, but it is no
//! judge: what the answer is, is decided when it is whole.

mod prose;
mod rubble;
mod string;
mod tree;

use serde_json::Value;

use self::prose::{Prose, Sight};
use self::rubble::Rubble;
use self::string::{OpenString, Progress};
use self::tree::Tree;
use super::lenient::{is_quote, is_space};
use super::{MAX_BYTES, MAX_DEPTH};

/// The best value of a JSON text that arrives in pieces.
///
/// Prose, fences and reasoning blocks before the value are skipped. Open objects and arrays count
/// as closed, open strings as ended; numbers and words (`tru`) are left out until they have ended.
/// Where a text holds several values, the last one counts, an object before an array. A value that
/// breaks stays as it was, and what it encloses is passed over. Scalars are no values here. The [limits](super#limits) hold: past them
/// nothing more is read.
///
/// ```
/// use duologue::provider::extract::PartialJson;
/// use serde_json::json;
///
/// let mut plan = PartialJson::new();
/// plan.push("Here you are:\n{\"title\": \"Ti");
/// assert_eq!(plan.value(), Some(&json!({"title": "Ti"})));
///
/// plan.push("des\", \"minutes\": 4");
/// assert_eq!(plan.value(), Some(&json!({"title": "Tides"})));
///
/// plan.push("5}");
/// assert_eq!(plan.value(), Some(&json!({"title": "Tides", "minutes": 45})));
/// assert!(plan.is_complete());
/// ```
#[derive(Debug, Default)]
pub struct PartialJson {
    bytes: usize,
    prose: Prose,
    state: State,
    expect: Expect,
    tree: Tree,
    /// The key that is read, or was read last, stood in quotes.
    quoted_key: bool,
    nature: Nature,
    /// The best value that goes on no more.
    complete: Option<Value>,
    /// It has ended, and did not break.
    is_whole: bool,
    changed: bool,
}

/// What stands in the brackets that were opened last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Nature {
    /// It may be prose.
    #[default]
    Unclear,
    /// A quoted key had its colon.
    Json,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Outside,
    /// In a value, between its tokens.
    Between,
    String(OpenString),
    /// A key without quotes, a number, or `true` and its like.
    Word(String),
    /// Behind a `/`.
    Slash,
    LineComment,
    /// Whether an asterisk came last.
    BlockComment {
        asterisk: bool,
    },
    /// In what follows the break of a value.
    Broken(Rubble),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Expect {
    /// The first key or item, or the end.
    #[default]
    First,
    /// Another key or item, or the end behind a comma too many.
    Another,
    Colon,
    Value,
    CommaOrEnd,
}

impl PartialJson {
    /// Nothing has arrived.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads what arrived.
    pub fn push(&mut self, piece: &str) {
        self.bytes = self.bytes.saturating_add(piece.len());
        if self.bytes > MAX_BYTES {
            return;
        }
        self.tree.unfold();
        let mut rest = piece;
        while !rest.is_empty() {
            rest = self.step(rest);
        }
    }

    /// The value so far; `None` before its first bracket. Looking copies nothing.
    pub fn value(&mut self) -> Option<&Value> {
        let open = self.tree.fold();
        match (open, &self.complete) {
            (Some(open), Some(complete)) if rank(open) < rank(complete) => Some(complete),
            (Some(open), _) => Some(open),
            (None, complete) => complete.as_ref(),
        }
    }

    /// Whether the value has ended. More text may still bring another one.
    pub fn is_complete(&self) -> bool {
        self.is_whole && self.tree.depth() == 0
    }

    /// Whether the value has changed since this was asked last.
    pub(crate) fn take_change(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Reads one token, or a part of one; gives what is left.
    fn step<'t>(&mut self, text: &'t str) -> &'t str {
        match &mut self.state {
            State::Outside => self.outside(text),
            State::Between => self.between(text),
            State::String(open) => {
                let in_key =
                    matches!(self.expect, Expect::First | Expect::Another) && self.tree.in_object();
                let out = if in_key {
                    self.tree.key()
                } else {
                    Some(self.tree.text())
                };
                let Some(out) = out else { return "" };
                let (progress, rest) = open.step(text, out);
                self.changed |= !in_key;
                match progress {
                    Progress::GoesOn => {}
                    Progress::Ended if in_key => self.go_on(Expect::Colon),
                    Progress::Ended => {
                        self.tree.end_text();
                        self.go_on(Expect::CommaOrEnd);
                    }
                    Progress::Broken => self.fault(),
                }
                rest
            }
            State::Word(word) => {
                let end = text.find(|c| !in_word(c)).unwrap_or(text.len());
                word.push_str(&text[..end]);
                if end < text.len() {
                    let word = std::mem::take(word);
                    self.word(word);
                }
                &text[end..]
            }
            State::Broken(rubble) => match rubble.end(text) {
                Some(end) => {
                    self.state = State::Outside;
                    &text[end..]
                }
                None => "",
            },
            State::Slash | State::LineComment | State::BlockComment { .. } => self.comment(text),
        }
    }

    fn outside<'t>(&mut self, text: &'t str) -> &'t str {
        let (sight, rest) = self.prose.step(text);
        match sight {
            Sight::Words => rest,
            Sight::Bracket(bracket) => {
                self.nature = Nature::Unclear;
                self.begin(bracket);
                &rest[1..]
            }
            Sight::EndOfReasoning => {
                self.tree.clear();
                (self.complete, self.is_whole) = (None, false);
                self.changed = true;
                rest
            }
        }
    }

    fn between<'t>(&mut self, text: &'t str) -> &'t str {
        let text = text.trim_start_matches(is_space);
        let Some(next) = text.chars().next() else {
            return "";
        };
        let rest = &text[next.len_utf8()..];
        match (self.expect, next) {
            (_, '/') => self.state = State::Slash,
            // Elsewhere it is a reference in prose: `[#12]`.
            (_, '#') if self.nature == Nature::Json || self.wants_key() => {
                self.state = State::LineComment;
            }
            (Expect::First | Expect::Another | Expect::CommaOrEnd, '}' | ']') => self.end(next),
            (Expect::CommaOrEnd, ',') => self.expect = Expect::Another,
            (Expect::Colon, ':') => {
                if self.quoted_key {
                    self.nature = Nature::Json;
                }
                self.expect = Expect::Value;
            }
            (Expect::CommaOrEnd | Expect::Colon, _) => {
                self.fault();
                return text;
            }
            (_, '{' | '[') if !self.wants_key() => self.begin(next),
            (_, quote) if is_quote(quote) => self.begin_string(quote),
            _ => return self.begin_word(text),
        }
        rest
    }

    fn wants_key(&self) -> bool {
        self.expect != Expect::Value && self.tree.in_object()
    }

    fn begin(&mut self, bracket: char) {
        if self.tree.depth() == MAX_DEPTH {
            self.give_up();
            return;
        }
        self.tree.begin(bracket);
        self.changed = true;
        self.go_on(Expect::First);
    }

    fn begin_string(&mut self, quote: char) {
        if self.wants_key() {
            self.quoted_key = true;
            if let Some(key) = self.tree.key() {
                key.clear();
            }
        } else {
            self.tree.text();
            self.changed = true;
        }
        self.state = State::String(OpenString::new(quote));
    }

    fn begin_word<'t>(&mut self, text: &'t str) -> &'t str {
        if text.starts_with(in_word) {
            self.quoted_key = false;
            self.state = State::Word(String::new());
        } else {
            self.fault();
        }
        text
    }

    fn end(&mut self, bracket: char) {
        if self.tree.in_object() != (bracket == '}') {
            self.fault();
            return;
        }
        self.changed = true;
        match self.tree.end() {
            None => self.go_on(Expect::CommaOrEnd),
            Some(value) => {
                self.state = State::Outside;
                self.offer(value, true);
            }
        }
    }

    fn offer(&mut self, value: Value, is_whole: bool) {
        let best = self.complete.as_ref().map(rank);
        if best <= Some(rank(&value)) {
            (self.complete, self.is_whole) = (Some(value), is_whole);
        }
    }

    fn word(&mut self, word: String) {
        if self.wants_key() {
            if let Some(key) = self.tree.key() {
                *key = word;
            }
            self.go_on(Expect::Colon);
            return;
        }
        let value = match word.as_str() {
            "true" | "True" => Some(Value::Bool(true)),
            "false" | "False" => Some(Value::Bool(false)),
            "null" | "None" => Some(Value::Null),
            number if number.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                serde_json::from_str(number).ok()
            }
            _ => None,
        };
        match value {
            Some(value) => {
                self.tree.put(value);
                self.changed = true;
                self.go_on(Expect::CommaOrEnd);
            }
            None => self.fault(),
        }
    }

    fn comment<'t>(&mut self, text: &'t str) -> &'t str {
        let (next, end) = match self.state {
            State::Slash if text.starts_with('/') => (State::LineComment, 1),
            State::Slash if text.starts_with('*') => (State::BlockComment { asterisk: false }, 1),
            State::BlockComment { asterisk: true } if text.starts_with('/') => (State::Between, 1),
            State::BlockComment { .. } => match text.find('*') {
                Some(at) => (State::BlockComment { asterisk: true }, at + 1),
                None => (State::BlockComment { asterisk: false }, text.len()),
            },
            State::LineComment => match text.find('\n') {
                Some(at) => (State::Between, at + 1),
                None => (State::LineComment, text.len()),
            },
            _ => {
                self.fault();
                return text;
            }
        };
        self.state = next;
        &text[end..]
    }

    fn go_on(&mut self, expect: Expect) {
        self.state = State::Between;
        self.expect = expect;
    }

    /// No JSON goes on like this: either it was prose in brackets, or a value that is broken.
    fn fault(&mut self) {
        let depth = self.tree.depth();
        let root = self.tree.take_root();
        self.changed = true;
        self.state = match root {
            Some(root) if self.nature == Nature::Json => {
                self.offer(root, false);
                State::Broken(Rubble::new(depth))
            }
            _ => State::Outside,
        };
    }

    /// What is known stays, and no more is read.
    fn give_up(&mut self) {
        self.prose.close();
        self.state = State::Outside;
    }
}

/// Larger is better; of two equals the later one is taken.
fn rank(value: &Value) -> (bool, bool) {
    match value {
        Value::Object(map) => (true, !map.is_empty()),
        Value::Array(items) => (false, !items.is_empty()),
        _ => (false, false),
    }
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '+' | '.')
}
