//! CSV with a header line. A cell is what it looks like: a bool, a number, a list of numbers as
//! JSON, else text. An empty cell is null, in a column of text the empty text.
//! Objects of base64 are bytes and images. Memory: one record, of at most `max_page_bytes`.

use std::fs::File;
use std::io::Read;

use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::HType;
use serde_json::Value;

use super::Open;
use super::Table;
use super::infer::Kind;
use super::json_lines::count_lines;
use super::rows;
use super::rows::Row;
use super::rows::RowReader;
use super::written::is_wide;
use super::written::refused;
use super::written::wide_in;
use crate::error::Result;

/// Opens a CSV file.
///
/// # Errors
/// [`crate::Error::Read`], [`crate::Error::Whole`].
pub(super) fn open(open: &Open<'_>) -> Result<Table> {
    let mut reader = csv::Reader::from_reader(Bounded::open(open)?);
    let header = reader.headers().map_err(|e| open.problem(e.to_string()))?;
    let names: Vec<String> = header.iter().map(str::to_string).collect();
    let mut guesses = Records::open(open, &names, vec![How::Guess; names.len()])?;
    let guesses = rows::infer(&mut guesses, names.len(), open.options.infer_rows);
    let mut guesses = guesses.map_err(|e| open.problem(e))?;
    // Cells that look like this and like that are text; JSON would change them.
    for guess in guesses.iter_mut().filter(|guess| guess.kind == Kind::Json) {
        guess.kind = Kind::Text;
    }
    let are_texts: Vec<bool> = guesses.iter().map(|guess| guess.kind == Kind::Text).collect();
    // The header is no row. Cells may hold line ends, so there may be fewer.
    let rows = count_lines(open)?.saturating_sub(1);
    rows::open(open, "CSV", &names, guesses, rows, &|columns: &[Option<Column>]| {
        let hows = columns.iter().zip(&are_texts);
        let hows = hows.map(|(column, is_text)| How::of(column, *is_text)).collect();
        Ok(Box::new(Records::open(open, &names, hows)?))
    })
}

/// How the cells of a column become values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// By what they look like.
    Guess,
    Text,
    /// Text that may be missing.
    Other,
    Json,
    Nothing,
}

impl How {
    fn of(column: &Option<Column>, is_text: bool) -> How {
        match column {
            None => How::Nothing,
            // Of names of classes, those that look like numbers are names too.
            Some(column) if column.htype == HType::ClassLabel && is_text => How::Other,
            Some(column) if column.dtype == DType::Json => How::Json,
            Some(column) if column.sequence => How::Json,
            Some(column) if column.dtype == DType::Text => How::Text,
            Some(column) if column.dtype.is_tensor_element() && column.classes.is_empty() => {
                How::Guess
            }
            Some(column) if !column.dims.is_empty() || column.dtype == DType::Bytes => How::Guess,
            Some(_) => How::Other,
        }
    }

    fn value(self, cell: &str) -> Result<Value, String> {
        Ok(match self {
            How::Nothing => Value::Null,
            How::Text => Value::String(cell.to_string()),
            _ if cell.is_empty() => Value::Null,
            How::Other => Value::String(cell.to_string()),
            How::Json => serde_json::from_str(cell).map_err(|e| refused(cell, &e))?,
            How::Guess => guess(cell)?,
        })
    }

    /// True if an integer in the cell is rounded in its value.
    fn rounds(self, cell: &str, value: &Value) -> bool {
        match self {
            How::Json => wide_in(cell).is_some(),
            How::Guess if value.is_number() => is_wide(cell),
            How::Guess if value.is_array() => wide_in(cell).is_some(),
            _ => false,
        }
    }
}

/// What a cell looks like.
///
/// # Errors
/// A number beyond f64.
fn guess(cell: &str) -> Result<Value, String> {
    let text = || Value::String(cell.to_string());
    match cell {
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let padded = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && !padded {
        if let Ok(number) = cell.parse::<i64>() {
            return Ok(number.into());
        }
        if let Ok(number) = cell.parse::<u64>() {
            return Ok(number.into());
        }
        return match cell.parse::<f64>() {
            Ok(number) if number.is_infinite() => {
                Err(format!("the number {cell} does not fit an f64: give the column the type text"))
            }
            Ok(number) => Ok(number.into()),
            Err(_) => Ok(text()),
        };
    }
    if cell.starts_with('[') {
        let list = serde_json::from_str::<Value>(cell).ok();
        return Ok(list.filter(Value::is_array).unwrap_or_else(text));
    }
    // Bytes and images, as exports write them; other objects stay the text that they are.
    if cell.starts_with('{') && cell.contains("\"base64\"") {
        let object = serde_json::from_str::<Value>(cell).ok();
        let object = object.filter(|o| matches!(Kind::of(o), Kind::Bytes | Kind::Image));
        return Ok(object.unwrap_or_else(text));
    }
    Ok(text())
}

/// A file whose next record is bounded, and which does not end inside a quote: that would make one
/// cell of all rows behind it.
struct Bounded {
    file: File,
    limit: u64,
    /// Bytes that the record may still take.
    left: u64,
    quotes: Quotes,
}

impl Bounded {
    fn open(open: &Open<'_>) -> Result<Bounded> {
        let limit = open.options.limits.max_page_bytes;
        Ok(Bounded { file: open.open()?, limit, left: limit, quotes: Quotes::new() })
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 && !buffer.is_empty() {
            let (limit, line) = (self.limit, self.quotes.line);
            return Err(std::io::Error::other(match self.quotes.opened() {
                Some(place) => format!(
                    "{place}: a quote that opens there is not closed within {limit} bytes: close \
                     it, or raise `max_page_bytes`"
                ),
                None => format!(
                    "line {line}: the record is longer than {limit} bytes: raise `max_page_bytes`"
                ),
            }));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read(&mut buffer[..most])?;
        if read == 0
            && !buffer.is_empty()
            && let Some(place) = self.quotes.opened()
        {
            return Err(std::io::Error::other(format!(
                "{place}: a quote that opens there is never closed: close it, or, if it belongs to \
                 the text, put the cell in quotes and write the quote in it twice"
            )));
        }
        self.quotes.pass(&buffer[..read]);
        self.left = self.left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(read)
    }
}

/// Where in its quotes a file is, by the rules of the `csv` crate, which does not tell it.
struct Quotes {
    at: At,
    /// The line that comes next, from 1.
    line: u64,
    /// The cell of its record that comes next, from 1.
    cell: u64,
    /// Line and cell of the quote that was opened last.
    opened: (u64, u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// At the file's begin, behind so many bytes of a byte order mark.
    Begin(usize),
    CellBegin,
    /// In a cell that does not begin with a quote: quotes are text there.
    Plain,
    Quoted,
    /// Behind a quote in a quoted cell: another one makes it text.
    MaybeClosed,
}

impl Quotes {
    fn new() -> Quotes {
        Quotes { at: At::Begin(0), line: 1, cell: 1, opened: (1, 1) }
    }

    /// Where the quote was opened that is still open.
    fn opened(&self) -> Option<String> {
        let (line, cell) = self.opened;
        (self.at == At::Quoted).then(|| format!("line {line}, column {cell}"))
    }

    fn pass(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let begins = matches!(self.at, At::Begin(_) | At::CellBegin);
            self.at = match (self.at, byte) {
                (At::Begin(at), byte) if b"\xef\xbb\xbf".get(at) == Some(&byte) => {
                    At::Begin(at + 1)
                }
                (At::Quoted, b'"') => At::MaybeClosed,
                (At::Quoted, _) => At::Quoted,
                (At::MaybeClosed, b'"') => At::Quoted,
                (_, b'"') if begins => {
                    self.opened = (self.line, self.cell);
                    At::Quoted
                }
                (_, b',') => {
                    self.cell += 1;
                    At::CellBegin
                }
                (_, b'\n' | b'\r') => {
                    self.cell = 1;
                    At::CellBegin
                }
                _ => At::Plain,
            };
            self.line += u64::from(byte == b'\n');
        }
    }
}

struct Records {
    reader: csv::Reader<Bounded>,
    names: Vec<String>,
    hows: Vec<How>,
    record: csv::StringRecord,
}

impl Records {
    fn open(open: &Open<'_>, names: &[String], hows: Vec<How>) -> Result<Records> {
        let reader = csv::Reader::from_reader(Bounded::open(open)?);
        Ok(Records { reader, names: names.to_vec(), hows, record: csv::StringRecord::new() })
    }
}

impl RowReader for Records {
    fn next(&mut self) -> Result<Option<Row>, String> {
        let line = self.reader.position().line();
        let bounded = self.reader.get_mut();
        bounded.left = bounded.limit;
        let mut wide = Vec::new();
        let values = match self.reader.read_record(&mut self.record) {
            Ok(false) => return Ok(None),
            Ok(true) => {
                let cells = self.record.iter().zip(&self.hows).enumerate();
                cells
                    .map(|(index, (cell, how))| {
                        let value = how.value(cell);
                        let value = value.map_err(|e| {
                            let name = self.names.get(index).map_or("", String::as_str);
                            format!("column '{name}': {e}")
                        })?;
                        if how.rounds(cell, &value) {
                            wide.push((index, cell.to_string()));
                        }
                        Ok(value)
                    })
                    .collect()
            }
            Err(error) => match error.kind() {
                // Messages of our own name their line themselves.
                csv::ErrorKind::Io(e) if e.get_ref().is_some() => return Err(e.to_string()),
                csv::ErrorKind::Io(e) => return Err(format!("line {line}: {e}")),
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    Err(format!("it has {len} cells, not {expected_len}"))
                }
                _ => Err(error.to_string()),
            },
        };
        let line = self.record.position().map_or(line, csv::Position::line);
        Ok(Some(Row { line, values, wide }))
    }
}
