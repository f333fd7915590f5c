//! JSON lines: one object a line. Columns are the keys of the first rows, in the order in which
//! they first occur, and those that were given a type; a key that is missing is null, and one that
//! comes later is an error of its row: it may be a label that only some rows have.

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
use crate::error::Error;
use crate::error::Result;

/// Opens a file of JSON lines.
///
/// # Errors
/// [`Error::Read`], [`Error::File`].
pub(super) fn open(open: &Open<'_>) -> Result<Table> {
    let mut lines = Lines::open(open)?;
    let mut index: HashMap<String, usize> = HashMap::new();
    let mut names = Vec::new();
    let mut all_seen = false;
    for _ in 0..open.options.infer_rows {
        let Some((_, object)) = lines.next().map_err(|e| open.problem(e))? else {
            all_seen = true;
            break;
        };
        for name in object.unwrap_or_default().keys() {
            if !index.contains_key(name) {
                index.insert(name.clone(), names.len());
                names.push(name.clone());
            }
        }
        if names.len() > MAX_COLUMNS {
            return Err(open.problem(format!("it has more than {MAX_COLUMNS} columns")));
        }
    }
    // Of a file that was not seen whole, other keys may be known to whoever imports it.
    for name in open.options.types.keys().filter(|_| !all_seen) {
        if !index.contains_key(name) {
            index.insert(name.clone(), names.len());
            names.push(name.clone());
        }
    }
    let rows = count_lines(open)?;
    let objects = |lines| Objects { lines, index: index.clone() };
    let kinds = rows::infer(&mut objects(Lines::open(open)?), names.len(), open.options.infer_rows)
        .map_err(|e| open.problem(e))?;
    rows::open(open, "JSON lines", &names, kinds, rows, &|_: &[Option<Column>]| {
        Ok(Box::new(objects(Lines::open(open)?)))
    })
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

/// Objects line by line; empty lines are passed over.
struct Lines {
    file: BufReader<File>,
    line: u64,
    limit: u64,
    buffer: Vec<u8>,
}

type Object = Result<Map<String, Value>, String>;

impl Lines {
    fn open(open: &Open<'_>) -> Result<Lines> {
        let file = BufReader::with_capacity(1 << 16, open.open()?);
        let limit = open.options.limits.max_page_bytes;
        Ok(Lines { file, line: 0, limit, buffer: Vec::new() })
    }

    fn next(&mut self) -> Result<Option<(u64, Object)>, String> {
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
            let object = match serde_json::from_slice(&self.buffer) {
                Ok(Value::Object(object)) => Ok(object),
                Ok(_) => Err("it is no JSON object".to_string()),
                Err(e) => Err(format!("it is no JSON: {e}")),
            };
            return Ok(Some((line, object)));
        }
    }
}

struct Objects {
    lines: Lines,
    index: HashMap<String, usize>,
}

impl RowReader for Objects {
    fn next(&mut self) -> Result<Option<Row>, String> {
        let Some((line, object)) = self.lines.next()? else { return Ok(None) };
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
        Ok(Some(Row { line, values }))
    }
}
