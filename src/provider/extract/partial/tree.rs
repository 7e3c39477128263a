//! A value of which the end is missing: its open objects and arrays, and the open string in them.
//!
//! While text comes in, each open container stands by itself, so that adding to the innermost one
//! costs the same at any depth. To be looked at they are put into one another, which moves them and
//! copies nothing.

use serde_json::{Map, Value};

/// What is known of a value so far.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The outermost first.
    open: Vec<Level>,
    /// The string that has not ended yet.
    text: Option<String>,
    folded: bool,
}

#[derive(Debug)]
struct Level {
    container: Value,
    /// Where the next value goes, in an object.
    key: String,
}

impl Level {
    fn put(&mut self, value: Value) {
        match &mut self.container {
            Value::Object(map) => {
                map.insert(std::mem::take(&mut self.key), value);
            }
            Value::Array(items) => items.push(value),
            _ => {}
        }
    }

    /// Puts `value` where [`reclaim`](Self::reclaim) finds it again.
    fn lend(&mut self, value: Value) {
        match &mut self.container {
            Value::Object(map) => match map.get_mut(&self.key) {
                Some(place) => *place = value,
                None => {
                    map.insert(self.key.clone(), value);
                }
            },
            Value::Array(items) => items.push(value),
            _ => {}
        }
    }

    fn reclaim(&mut self) -> Value {
        let lent = match &mut self.container {
            Value::Object(map) => map.get_mut(&self.key).map(Value::take),
            Value::Array(items) => items.pop(),
            _ => None,
        };
        lent.unwrap_or_default()
    }
}

impl Tree {
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    pub(super) fn in_object(&self) -> bool {
        self.open
            .last()
            .is_some_and(|level| level.container.is_object())
    }

    /// Opens an object or an array inside of what is open.
    pub(super) fn begin(&mut self, bracket: char) {
        let container = match bracket {
            '{' => Value::Object(Map::new()),
            _ => Value::Array(Vec::new()),
        };
        self.open.push(Level {
            container,
            key: String::new(),
        });
    }

    /// Closes the innermost container; gives it when nothing encloses it.
    pub(super) fn end(&mut self) -> Option<Value> {
        let container = self.open.pop()?.container;
        match self.open.last_mut() {
            Some(level) => {
                level.put(container);
                None
            }
            None => Some(container),
        }
    }

    pub(super) fn put(&mut self, value: Value) {
        if let Some(level) = self.open.last_mut() {
            level.put(value);
        }
    }

    /// The key that the innermost object's next value goes under.
    pub(super) fn key(&mut self) -> Option<&mut String> {
        self.open.last_mut().map(|level| &mut level.key)
    }

    /// The open string; there is one from here on.
    pub(super) fn text(&mut self) -> &mut String {
        self.text.get_or_insert_default()
    }

    pub(super) fn end_text(&mut self) {
        let text = self.text.take().unwrap_or_default();
        self.put(Value::String(text));
    }

    /// Takes out all that is known.
    pub(super) fn take_root(&mut self) -> Option<Value> {
        self.fold();
        let root = std::mem::take(self).open.into_iter().next()?;
        Some(root.container)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Puts what is open into one another.
    pub(super) fn fold(&mut self) -> Option<&Value> {
        if !std::mem::replace(&mut self.folded, true) {
            if let (Some(level), Some(text)) = (self.open.last_mut(), self.text.take()) {
                level.lend(Value::String(text));
                // Says that there is a string to take back.
                self.text = Some(String::new());
            }
            for depth in (1..self.open.len()).rev() {
                let container = self.open[depth].container.take();
                self.open[depth - 1].lend(container);
            }
        }
        self.open.first().map(|level| &level.container)
    }

    /// Takes it apart again, to go on.
    pub(super) fn unfold(&mut self) {
        if !std::mem::take(&mut self.folded) {
            return;
        }
        for depth in 1..self.open.len() {
            self.open[depth].container = self.open[depth - 1].reclaim();
        }
        if let (Some(level), Some(text)) = (self.open.last_mut(), &mut self.text)
            && let Value::String(lent) = level.reclaim()
        {
            *text = lent;
        }
    }
}
