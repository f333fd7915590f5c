//! JSON lines: one object a line; or one list of objects, over as many lines as there are. Columns
//! are the keys of the first rows, in the order in which they first occur, and those that were given
//! a type; a key that is missing is null, and one that comes later is an error of its row: it may be
//! a label that only some rows have.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;

use lakebed_core::Column;
use serde_json::Map;
use serde_json::Value;

use super::MAX_COLUMNS;
use super::Open;
use super::Table;
use super::rows;
use super::rows::Row;
use super::rows::RowReader;
use super::written::Texts;
use super::written::members;
use super::written::refused;
use super::written::wide_in;
use crate::error::Error;
use crate::error::Result;

/// Opens a file of JSON lines.
///
/// # Errors
/// [`Error::Read`], [`Error::Whole`].
pub(super) fn open(open: &Open<'_>) -> Result<Table> {
    let mut lines = Lines::open(open)?;
    let mut index: HashMap<String, usize> = HashMap::new();
    let mut names = Vec::new();
    let mut all_seen = false;
    let mut damaged = None;
    for _ in 0..open.options.infer_rows {
        let Some(Line { line, object, .. }) = lines.next().map_err(|e| open.problem(e))? else {
            all_seen = true;
            break;
        };
        let object = object.unwrap_or_else(|cause| {
            damaged.get_or_insert(format!("line {line}: {cause}"));
            Map::new()
        });
        for name in object.keys() {
            if !index.contains_key(name) {
                index.insert(name.clone(), names.len());
                names.push(name.clone());
            }
        }
        if names.len() > MAX_COLUMNS {
            return Err(open.problem(format!("it has more than {MAX_COLUMNS} columns")));
        }
    }
    // Lines that are all damaged have no columns because of that.
    if let (true, Some(cause)) = (names.is_empty(), damaged) {
        return Err(open.problem(cause));
    }
    if names.is_empty() && all_seen {
        return Err(open.problem("it has no columns: no object in it has a key"));
    }
    // Of a file that was not seen whole, other keys may be known to whoever imports it.
    for name in later_keys(open, lines, &names, all_seen)? {
        index.insert(name.clone(), names.len());
        names.push(name);
    }
    let rows = count(open)?;
    let objects = |lines| Objects { lines, index: index.clone() };
    let guesses =
        rows::infer(&mut objects(Lines::open(open)?), names.len(), open.options.infer_rows)
            .map_err(|e| open.problem(e))?;
    rows::open(open, "JSON lines", &names, guesses, rows, &|_: &[Option<Column>]| {
        Ok(Box::new(objects(Lines::open(open)?)))
    })
}

/// Keys that were given a type and are not in the first lines. They are looked for in all others: a
/// name that is mistyped would become a column of nulls.
fn later_keys(
    open: &Open<'_>,
    mut lines: Lines,
    known: &[String],
    all_seen: bool,
) -> Result<Vec<String>> {
    let told = open.options.types.keys().filter(|name| !known.contains(name));
    let later: Vec<String> = told.cloned().collect();
    if all_seen {
        // Told with all other names that are not there.
        return Ok(Vec::new());
    }
    let mut missing: BTreeSet<&str> = later.iter().map(String::as_str).collect();
    let mut seen: BTreeSet<String> = known.iter().cloned().collect();
    while !missing.is_empty() {
        let line = lines.next().map_err(|e| open.problem(e))?;
        let Some(Line { object, .. }) = line else { break };
        for name in object.unwrap_or_default().keys() {
            missing.remove(name.as_str());
            // Only to name the nearest.
            if seen.len() < MAX_COLUMNS && !seen.contains(name) {
                seen.insert(name.clone());
            }
        }
    }
    let Some(name) = missing.first() else { return Ok(later) };
    Err(open.unknown(name, seen.iter().map(String::as_str)))
}

/// Rows, for progress.
fn count(open: &Open<'_>) -> Result<u64> {
    let mut lines = Lines::open(open)?;
    if lines.list.is_none() {
        return count_lines(open);
    }
    let mut rows = 0;
    // What is damaged is told when it is read.
    while let Ok(Some(_)) = lines.element() {
        rows += 1;
    }
    Ok(rows)
}

/// Lines of a file, for progress: the last may end without a line's end.
pub(super) fn count_lines(open: &Open<'_>) -> Result<u64> {
    let failed = |source| Error::Read { path: open.path.clone(), source };
    let mut file = BufReader::with_capacity(1 << 16, open.open()?);
    let (mut lines, mut last) = (0u64, b'\n');
    loop {
        let buffer = file.fill_buf().map_err(failed)?;
        let Some(end) = buffer.last() else { break };
        last = *end;
        let ends = buffer.iter().filter(|byte| **byte == b'\n').count();
        lines += u64::try_from(ends).unwrap_or(0);
        let length = buffer.len();
        file.consume(length);
    }
    Ok(lines + u64::from(last != b'\n'))
}

/// Objects line by line, empty lines are passed over; or the elements of one list.
struct Lines {
    file: BufReader<File>,
    /// The line read last.
    line: u64,
    limit: u64,
    buffer: Vec<u8>,
    /// Of a file that is one list: how far in it.
    list: Option<List>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Inside,
    Ended,
}

struct Line {
    /// Where the object begins.
    line: u64,
    object: Result<Map<String, Value>, String>,
    /// The values as they are written that hold an integer which is rounded in the object.
    wide: Vec<(String, String)>,
}

impl Lines {
    fn open(open: &Open<'_>) -> Result<Lines> {
        let file = BufReader::with_capacity(1 << 16, open.open()?);
        let limit = open.options.limits.max_page_bytes;
        let mut lines = Lines { file, line: 0, limit, buffer: Vec::new(), list: None };
        // A list is known by its bracket, which no object begins with. A line of lists is none.
        let failed = |source| Error::Read { path: open.path.clone(), source };
        let front = lines.file.fill_buf().map_err(failed)?;
        let mut front = front.iter().copied().enumerate().filter(|(_, b)| !b.is_ascii_whitespace());
        if let (Some((bracket, b'[')), Some((_, b'{' | b']'))) = (front.next(), front.next()) {
            let before = lines.file.buffer().get(..bracket).unwrap_or_default();
            let ends = before.iter().filter(|byte| **byte == b'\n').count();
            lines.line = 1 + u64::try_from(ends).unwrap_or(0);
            lines.file.consume(bracket + 1);
            lines.list = Some(List::Inside);
        }
        Ok(lines)
    }

    fn next(&mut self) -> Result<Option<Line>, String> {
        let line = match self.list {
            None => self.text_line()?,
            Some(_) => self.element()?,
        };
        let Some(line) = line else { return Ok(None) };
        let text = self.buffer.trim_ascii();
        let what = |value: Value| match value {
            Value::Array(_) => "a list",
            Value::String(_) => "a text",
            _ => "a single value",
        };
        let Ok(text) = std::str::from_utf8(text) else {
            let object = Err("it is no UTF-8, and JSON is: save the file as UTF-8".to_string());
            return Ok(Some(Line { line, object, wide: Vec::new() }));
        };
        let object = match serde_json::from_str(text) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(value) => Err(format!(
                "it is no JSON object but {}: each row is an object, as in {{\"name\": 1}}",
                what(value)
            )),
            Err(e) => Err(refused(text, &e)),
        };
        let mut wide = Vec::new();
        if object.is_ok() && wide_in(text).is_some() {
            let members = members(text).into_iter();
            let members = members.filter(|(_, value)| wide_in(value).is_some());
            wide = members.map(|(name, value)| (name, value.to_string())).collect();
        }
        Ok(Some(Line { line, object, wide }))
    }

    /// Reads the next element of the list, and tells the line where it begins.
    fn element(&mut self) -> Result<Option<u64>, String> {
        self.buffer.clear();
        let (mut depth, mut texts) = (0u32, Texts::default());
        let mut begin = self.line;
        loop {
            let line = self.line;
            let bytes = self.file.fill_buf().map_err(|e| format!("line {line}: {e}"))?;
            if bytes.is_empty() {
                return match self.list {
                    Some(List::Ended) => Ok(None),
                    _ => Err(format!("line {line}: the file ends inside its list: it is cut off")),
                };
            }
            let (mut used, mut whole) = (0, false);
            for &byte in bytes {
                used += 1;
                self.line += u64::from(byte == b'\n');
                if self.list == Some(List::Ended) {
                    if byte.is_ascii_whitespace() {
                        continue;
                    }
                    return Err(format!(
                        "line {}: something stands behind the end of the list: a file is one list, \
                         or one object a line",
                        self.line
                    ));
                }
                if !texts.pass(byte) {
                    match byte {
                        b',' | b']' if depth == 0 => {
                            if byte == b']' {
                                self.list = Some(List::Ended);
                            }
                            // Behind the last element, or in an empty list.
                            whole = !self.buffer.is_empty();
                            if whole {
                                break;
                            }
                            continue;
                        }
                        b'{' | b'[' => depth = depth.saturating_add(1),
                        b'}' | b']' => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                }
                if self.buffer.is_empty() {
                    if byte.is_ascii_whitespace() {
                        continue;
                    }
                    begin = self.line;
                }
                self.buffer.push(byte);
            }
            self.file.consume(used);
            if whole {
                return Ok(Some(begin));
            }
            if u64::try_from(self.buffer.len()).unwrap_or(u64::MAX) >= self.limit {
                let limit = self.limit;
                return Err(format!(
                    "line {begin}: the object that begins there is longer than {limit} bytes: \
                     raise `max_page_bytes`"
                ));
            }
        }
    }

    /// Reads the next line that is not empty, and tells its number.
    fn text_line(&mut self) -> Result<Option<u64>, String> {
        loop {
            self.buffer.clear();
            self.line += 1;
            let line = self.line;
            let mut limited = (&mut self.file).take(self.limit);
            let read = limited.read_until(b'\n', &mut self.buffer);
            let read = read.map_err(|e| format!("line {line}: {e}"))?;
            if read == 0 {
                return Ok(None);
            }
            if u64::try_from(read).unwrap_or(u64::MAX) >= self.limit
                && self.buffer.last() != Some(&b'\n')
            {
                let limit = self.limit;
                return Err(format!(
                    "line {line} is longer than {limit} bytes: raise `max_page_bytes`"
                ));
            }
            if self.buffer.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            return Ok(Some(line));
        }
    }
}

struct Objects {
    lines: Lines,
    index: HashMap<String, usize>,
}

impl RowReader for Objects {
    fn next(&mut self) -> Result<Option<Row>, String> {
        let Some(Line { line, object, wide }) = self.lines.next()? else { return Ok(None) };
        let values = object.and_then(|object| {
            let mut values = vec![Value::Null; self.index.len()];
            for (name, value) in object {
                match self.index.get(&name).and_then(|at| values.get_mut(*at)) {
                    Some(place) => *place = value,
                    None => {
                        return Err(format!(
                            "the key '{name}' is not among those of the first lines: give it a \
                             type, as in --type {name}=text, or leave it out with {name}=skip"
                        ));
                    }
                }
            }
            Ok(values)
        });
        let wide = wide.into_iter();
        let wide = wide.filter_map(|(name, value)| Some((*self.index.get(&name)?, value)));
        Ok(Some(Row { line, values, wide: wide.collect() }))
    }
}
