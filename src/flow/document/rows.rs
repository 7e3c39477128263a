//! One document in each row of a table.
//!
//! Rows are cut here, so that one of any length needs no more memory than is allowed; what is in a
//! row, the `csv` crate says.

use std::io::{self, BufRead};

use serde_json::{Map, Value};

use super::fields::{FieldNames, Found};
use super::input::{self, Capture, Input};
use super::lines::Origin;
use crate::error::{Error, ErrorKind, Result};
use crate::text;

/// The documents of a `.csv` or `.tsv` file.
pub(super) struct Rows {
    cutter: Cutter,
    origin: Origin,
    header: Vec<String>,
    number: u64,
    ended: bool,
}

impl Rows {
    /// Reads the header.
    pub(super) fn new(input: Input, delimiter: u8, origin: Origin) -> Result<Self> {
        let mut cutter = Cutter {
            input,
            delimiter,
            row: Capture::new(origin.max_bytes),
            line: 1,
            begins_at: 1,
        };
        let header = match cutter.next_row() {
            Ok(Cut::End) => Vec::new(),
            Ok(Cut::Row) => cutter.header().map_err(|e| e.within(&origin.shown))?,
            Ok(Cut::OpenQuote) => return Err(open_quote().within(&origin.shown)),
            Err(error) => return Err(input::cannot_read_on(error).within(&origin.shown)),
        };
        if !header.is_empty() {
            check_columns(&header, &origin.fields, delimiter)
                .map_err(|error| error.within(&origin.shown))?;
        }
        Ok(Self {
            ended: header.is_empty(),
            cutter,
            origin,
            header,
            number: 0,
        })
    }

    fn found(&self) -> Result<Found> {
        let made = format!("{}-{}", self.origin.stem, self.number);
        let cells = cells(self.cutter.row.whole()?, self.cutter.delimiter)?;
        if cells.len() != self.header.len() {
            let message = format!("it has {}", text::counted(cells.len(), "cell"));
            let hint = format!("allowed: as many as the header has, {}", self.header.len());
            return Err(Error::new(ErrorKind::Config, message).with_hint(hint));
        }
        let mut object = Map::new();
        for (name, cell) in self.header.iter().zip(cells) {
            // Of columns with one name, the first counts; one without a name holds row numbers.
            if !name.is_empty() && !object.contains_key(name) {
                object.insert(name.clone(), Value::String(cell));
            }
        }
        Ok(self.origin.fields.document(object, made))
    }
}

impl Iterator for Rows {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if self.ended {
            return None;
        }
        self.number += 1;
        let found = match self.cutter.next_row() {
            Ok(Cut::Row) => self.found().unwrap_or_else(Found::broken),
            Ok(Cut::End) => {
                self.ended = true;
                return None;
            }
            Ok(Cut::OpenQuote) => {
                self.ended = true;
                Found::broken(open_quote())
            }
            Err(error) => {
                self.ended = true;
                Found::broken(input::cannot_read_on(error))
            }
        };
        let place = format!("{} line {}", self.origin.shown, self.cutter.begins_at);
        Some(found.at(&place))
    }
}

fn open_quote() -> Error {
    Error::new(
        ErrorKind::Config,
        "a quote in this row is never closed, and takes in all that follows",
    )
    .with_hint("a quote inside of a quoted cell is written twice")
}

/// A column that was named must be there, and one for the text in any case.
fn check_columns(header: &[String], fields: &FieldNames, delimiter: u8) -> Result<()> {
    let has = |name: &str| header.iter().any(|column| column == name);
    let named = [&fields.id, &fields.url, &fields.text];
    let missing = named.into_iter().flatten().find(|name| !has(name));
    let (what, texts) = match missing {
        Some(name) => (format!("there is no column `{name}`"), Vec::new()),
        None if fields.texts().into_iter().any(has) => return Ok(()),
        None => ("there is no column for the text".to_owned(), fields.texts()),
    };
    let columns: Vec<String> = header.iter().map(|name| text::clip(name, 40)).collect();
    let columns = text::quoted_list(columns.iter().take(20).map(String::as_str));
    let mut hint = match missing {
        Some(name) => text::did_you_mean(name, header.iter().map(String::as_str)),
        None => format!("allowed: {}", text::quoted_list(texts)),
    };
    if delimiter == b',' && header.len() == 1 && header[0].contains([';', '\t']) {
        hint.push_str("; cells are separated by `,` in a `.csv`, by a tab in a `.tsv`");
    }
    let message = format!("{what}; the header has {columns}");
    Err(Error::new(ErrorKind::Config, message).with_hint(hint))
}

fn cells(row: &[u8], delimiter: u8) -> Result<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(row);
    let mut record = csv::ByteRecord::new();
    reader.read_byte_record(&mut record).map_err(|error| {
        Error::new(ErrorKind::Config, "it is no row of a table").with_source(error)
    })?;
    let cells = record.iter().enumerate().map(|(index, cell)| {
        let text = input::as_text(cell).map_err(|e| e.within(&format!("cell {}", index + 1)))?;
        Ok(text.to_owned())
    });
    cells.collect()
}

enum Cut {
    Row,
    OpenQuote,
    End,
}

/// Where in a row the cutter is.
#[derive(Clone, Copy, PartialEq)]
enum At {
    CellStart,
    Plain,
    Quoted,
    /// Behind a quote in a quoted cell: its end, or the first of two.
    Quote,
}

struct Cutter {
    input: Input,
    delimiter: u8,
    row: Capture,
    line: u64,
    begins_at: u64,
}

impl Cutter {
    /// The next row that is not empty, without its end.
    fn next_row(&mut self) -> io::Result<Cut> {
        loop {
            self.begins_at = self.line;
            let cut = self.cut()?;
            if !matches!(cut, Cut::Row) || !self.row.is_empty() {
                return Ok(cut);
            }
        }
    }

    fn cut(&mut self) -> io::Result<Cut> {
        self.row.clear();
        let mut at = At::CellStart;
        loop {
            let chunk = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                return Ok(match at {
                    At::Quoted => Cut::OpenQuote,
                    _ if self.row.is_empty() => Cut::End,
                    _ => Cut::Row,
                });
            }
            let mut end = None;
            for (index, byte) in chunk.iter().enumerate() {
                self.line += u64::from(*byte == b'\n');
                let Some(next) = step(at, *byte, self.delimiter) else {
                    end = Some(index);
                    break;
                };
                at = next;
            }
            self.row.add(&chunk[..end.unwrap_or(chunk.len())]);
            let used = end.map_or(chunk.len(), |end| end + 1);
            self.input.consume(used);
            if end.is_some() {
                return Ok(Cut::Row);
            }
        }
    }

    fn header(&self) -> Result<Vec<String>> {
        let names = cells(self.row.whole()?, self.delimiter)?;
        Ok(names.iter().map(|name| name.trim().to_owned()).collect())
    }
}

/// Where the next byte leads; none at the end of the row.
fn step(at: At, byte: u8, delimiter: u8) -> Option<At> {
    match (at, byte) {
        (At::Quoted, b'"') => Some(At::Quote),
        (At::Quoted, _) | (At::CellStart | At::Quote, b'"') => Some(At::Quoted),
        (_, b'\n' | b'\r') => None,
        (_, byte) if byte == delimiter => Some(At::CellStart),
        _ => Some(At::Plain),
    }
}
