//! The objects of a list in a JSON file.
//!
//! The list is cut into its items here, and each is parsed alone: one that is broken or too long costs
//! no other its place, and none needs more memory than is allowed.

use super::cutter::{Cutter, cut_off, unexpected};
use super::fields::Found;
use super::input::{self, Capture, Input};
use super::lines::Origin;
use crate::error::Result;

/// The documents of a `.json` file.
pub(super) struct Elements {
    cutter: Cutter,
    origin: Origin,
    item: Capture,
    is_in_object: bool,
    number: u64,
    ended: bool,
}

impl Elements {
    /// Reads up to the list.
    pub(super) fn new(input: Input, origin: Origin) -> Result<Self> {
        let mut cutter = Cutter::new(input);
        let is_in_object = cutter
            .find_list()
            .map_err(|error| error.within(&place(&cutter, &origin)))?;
        Ok(Self {
            cutter,
            item: Capture::new(origin.max_bytes),
            origin,
            is_in_object,
            number: 0,
            ended: false,
        })
    }

    /// Cuts the next item; gives the line that it begins at, none when the list is over.
    fn cut(&mut self) -> Result<Option<u64>> {
        let first = self.number == 0;
        match self.cutter.visible()? {
            Some(b']') => return self.end().map(|()| None),
            Some(b',') if !first => {
                self.cutter.skip();
                self.cutter.visible()?;
            }
            _ if first => {}
            found => return Err(unexpected(found, "`,` or `]`")),
        }
        let line = self.cutter.line();
        self.item.clear();
        if !self.cutter.value(&mut self.item)? {
            return Err(cut_off(line));
        }
        if self.item.is_empty() {
            let found = self.cutter.visible()?;
            return Err(unexpected(found, "an object"));
        }
        Ok(Some(line))
    }

    /// Consumes what comes behind the list.
    fn end(&mut self) -> Result<()> {
        self.cutter.skip();
        if self.is_in_object {
            self.cutter.rest_of_object()?;
        }
        match self.cutter.visible()? {
            None => Ok(()),
            found => Err(unexpected(found, "the end of the file")),
        }
    }

    fn found(&self, line: u64) -> Found {
        let made = format!("{}-{}", self.origin.stem, self.number);
        let object = self.item.whole().and_then(input::as_object);
        let found = object.map(|object| self.origin.fields.document(object, made));
        let place = format!("{} item {} (line {line})", self.origin.shown, self.number);
        found.unwrap_or_else(Found::broken).at(&place)
    }
}

impl Iterator for Elements {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if self.ended {
            return None;
        }
        match self.cut() {
            Ok(Some(line)) => {
                self.number += 1;
                Some(self.found(line))
            }
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = true;
                Some(Found::broken(error).at(&place(&self.cutter, &self.origin)))
            }
        }
    }
}

fn place(cutter: &Cutter, origin: &Origin) -> String {
    format!("{} line {}", origin.shown, cutter.line())
}
