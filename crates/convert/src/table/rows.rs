//! Tables that are read row by row: types from the first rows, classes from all of them.

use std::collections::BTreeSet;

use arrow::record_batch::RecordBatch;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::HType;
use lakebed_core::Schema;
use serde_json::Value;

use super::MAX_CLASSES;
use super::Open;
use super::Reader;
use super::Table;
use super::cells;
use super::cells::Cell;
use super::infer::Element;
use super::infer::Kind;
use super::written::is_wide;
use super::written::wide_in;
use crate::columns::arrow_schema;
use crate::error::Error;
use crate::error::Problem;
use crate::error::Result;
use crate::options::ImportOptions;
use crate::options::OnError;
use crate::source::Event;

/// One row: its line in the file, and its values by column or what is wrong with the line.
pub(super) struct Row {
    pub line: u64,
    pub values: Result<Vec<Value>, String>,
    /// Values as they are written, by column, that hold an integer which neither i64 nor u64 holds:
    /// in `values` it is rounded.
    pub wide: Vec<(usize, String)>,
}

/// What the first rows say of a column.
#[derive(Debug, Clone, Default)]
pub(super) struct Guess {
    pub kind: Kind,
    /// The line whose value changed the kind last.
    line: u64,
}

/// A file that is read row by row, from its begin each time that it is opened.
pub(super) trait RowReader: Send {
    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// What ends the reading of the whole file.
    fn next(&mut self) -> Result<Option<Row>, String>;
}

/// Opens the file again, for the columns that are chosen.
pub(super) type Reread<'a> = dyn Fn(&[Option<Column>]) -> Result<Box<dyn RowReader>> + 'a;

/// A column of the file that is imported.
struct Chosen {
    /// Its place in a row.
    index: usize,
    column: Column,
    /// True if its type was given.
    told: bool,
}

/// Opens a table of rows. `reread` opens the file again for a given list of names.
///
/// # Errors
/// What the columns are refused for; [`Error::Whole`] for a file that cannot be read.
pub(super) fn open(
    open: &Open<'_>,
    format: &'static str,
    names: &[String],
    guesses: Vec<Guess>,
    rows: u64,
    reread: &Reread<'_>,
) -> Result<Table> {
    open.check_names(names.iter().map(String::as_str))?;
    let mut columns = Vec::new();
    for (name, guess) in names.iter().zip(&guesses) {
        let inferred = guess.kind.column(name);
        columns.push(match open.options.types.get(name) {
            None => {
                if let Kind::Tensor(Element::Wide, ndim) = guess.kind {
                    return Err(open.problem(format!(
                        "line {}, column '{name}': its integers up to there fit neither i64 nor \
                         u64: {}",
                        guess.line,
                        advice(name, ndim)
                    )));
                }
                Some(inferred)
            }
            Some(ty) => {
                ty.column(&inferred).map_err(|e| open.problem(format!("column '{name}': {e}")))?
            }
        });
    }
    collect_classes(open, &guesses, &mut columns, reread)?;
    let reader = reread(&columns)?;
    let chosen = columns.into_iter().enumerate();
    let chosen: Vec<Chosen> = chosen
        .filter_map(|(index, column)| {
            let column = column?;
            let told = open.options.types.contains_key(&column.name);
            Some(Chosen { index, column, told })
        })
        .collect();
    let schema = Schema { columns: chosen.iter().map(|chosen| chosen.column.clone()).collect() };
    let reader = Batches {
        file: open.file.clone(),
        reader,
        pending: vec![Vec::new(); chosen.len()],
        chosen,
        schema: schema.clone(),
        bytes: 0,
        options: open.options.clone(),
    };
    Ok(Table { format, schema, rows, reader: Box::new(reader) })
}

/// Gives class labels that are text their names: those that occur, sorted.
fn collect_classes(
    open: &Open<'_>,
    guesses: &[Guess],
    columns: &mut [Option<Column>],
    reread: &Reread<'_>,
) -> Result<()> {
    let named = columns.iter().zip(guesses).enumerate().filter(|(_, (column, guess))| {
        column.as_ref().is_some_and(|column| column.htype == HType::ClassLabel)
            // Of a column without values in the first rows, the later ones may be names.
            && matches!(guess.kind, Kind::Nothing | Kind::Text | Kind::Texts)
    });
    let mut found: Vec<(usize, BTreeSet<String>)> =
        named.map(|(index, _)| (index, BTreeSet::new())).collect();
    if found.is_empty() {
        return Ok(());
    }
    let mut reader = reread(columns)?;
    while let Some(row) = reader.next().map_err(|e| open.problem(e))? {
        let Ok(values) = row.values else { continue };
        for (index, names) in &mut found {
            let value = values.get(*index).unwrap_or(&Value::Null);
            let one = value.as_str().into_iter();
            let many = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            for name in one.chain(many).filter(|name| !name.is_empty()) {
                if !names.contains(name) {
                    names.insert(name.to_string());
                }
            }
            if names.len() > MAX_CLASSES {
                let column = columns.get(*index).and_then(Option::as_ref);
                let name = column.map_or("", |column| &column.name);
                return Err(open.problem(format!(
                    "column '{name}' has more than {MAX_CLASSES} classes: give --type {name}=text"
                )));
            }
        }
    }
    for (index, names) in found {
        if let Some(Some(column)) = columns.get_mut(index) {
            column.classes = names.into_iter().collect();
        }
    }
    Ok(())
}

/// Looks at the first rows: what each column could be.
///
/// # Errors
/// What ends the reading of the file.
pub(super) fn infer(
    reader: &mut dyn RowReader,
    columns: usize,
    rows: usize,
) -> Result<Vec<Guess>, String> {
    let mut guesses = vec![Guess::default(); columns];
    for _ in 0..rows {
        let Some(row) = reader.next()? else { break };
        // A line that is damaged is told when it is read.
        let values = row.values.unwrap_or_default();
        for (index, (guess, value)) in guesses.iter_mut().zip(&values).enumerate() {
            let kind = match written(&row.wide, index) {
                Some(written) => Kind::of_wide(value, written),
                None => Kind::of(value),
            };
            let merged = guess.kind.clone().merge(kind);
            if merged != guess.kind {
                *guess = Guess { kind: merged, line: row.line };
            }
        }
    }
    Ok(guesses)
}

/// A value as it is written, if it was rounded.
fn written(wide: &[(usize, String)], index: usize) -> Option<&str> {
    wide.iter().find(|(place, _)| *place == index).map(|(_, written)| written.as_str())
}

/// What to do about integers that no integer type holds.
fn advice(name: &str, ndim: usize) -> String {
    match ndim {
        0 => format!("give --type {name}=f64, which rounds them, or --type {name}=text"),
        _ => {
            let dims = vec!["?"; ndim].join(",");
            format!("give --type {name}=f64[{dims}], which rounds them, or --type {name}=json")
        }
    }
}

struct Batches {
    file: String,
    reader: Box<dyn RowReader>,
    chosen: Vec<Chosen>,
    schema: Schema,
    pending: Vec<Vec<Cell>>,
    bytes: usize,
    options: ImportOptions,
}

impl Reader for Batches {
    fn next(&mut self, events: &mut Vec<Event>) -> Result<bool> {
        let mut rows = 0;
        let more = loop {
            if rows >= self.options.batch_rows.max(1) || self.bytes >= self.options.batch_bytes {
                break true;
            }
            let problem = |cause| Error::Whole(Problem::new(self.file.as_str(), cause));
            let Some(row) = self.reader.next().map_err(problem)? else { break false };
            match self.cells(&row) {
                Ok(cells) => {
                    for (pending, cell) in self.pending.iter_mut().zip(cells) {
                        self.bytes = self.bytes.saturating_add(cell.bytes());
                        pending.push(cell);
                    }
                    rows += 1;
                }
                Err(cause) => {
                    let problem = Problem::new(self.file.as_str(), cause);
                    match self.options.on_error {
                        OnError::Fail => return Err(Error::File(problem)),
                        OnError::Skip => events.push(Event::Skipped(problem)),
                    }
                    // Many bad rows are not to be kept in memory either.
                    if events.len() >= 1000 {
                        break true;
                    }
                }
            }
        };
        if rows > 0 {
            events.push(Event::Batch(self.finish()?));
        }
        Ok(more)
    }
}

impl Batches {
    /// The values of a row, or its line, its column and what is wrong there.
    fn cells(&self, row: &Row) -> Result<Vec<Cell>, String> {
        let line = row.line;
        let values = row.values.as_ref().map_err(|e| format!("line {line}: {e}"))?;
        let cells = self.chosen.iter().map(|chosen| {
            let value = values.get(chosen.index).unwrap_or(&Value::Null);
            let written = written(&row.wide, chosen.index);
            let cell = self.cell(chosen, value, written);
            cell.map_err(|e| format!("line {line}, column '{}': {e}", chosen.column.name))
        });
        cells.collect()
    }

    /// One value; `written` is its text if it holds an integer that is rounded in `value`.
    fn cell(&self, chosen: &Chosen, value: &Value, written: Option<&str>) -> Result<Cell, String> {
        let (column, limits) = (&chosen.column, &self.options.limits);
        if let Some(written) = written
            && !column.dtype.is_float()
        {
            if column.dtype == DType::Json && !column.sequence {
                return Ok(Cell::Text(written.to_string()));
            }
            let by_text = !column.sequence && !column.dtype.is_tensor_element();
            if by_text && is_wide(written) {
                return Cell::new(column, &Value::from(written), limits);
            }
            let integer = wide_in(written).unwrap_or(written);
            let advice = advice(&column.name, column.dims.len() + usize::from(column.sequence));
            return Err(format!("{integer} fits neither i64 nor u64: {advice}"));
        }
        // Numbers are text where text was asked for.
        if chosen.told && column.dtype == DType::Text && !column.sequence && value.is_number() {
            return Cell::new(column, &Value::from(value.to_string()), limits);
        }
        let coded = coded(column, value)?;
        let cell = Cell::new(column, coded.as_ref().unwrap_or(value), limits);
        let is_integer = matches!(column.dtype, DType::I64 | DType::U64) && column.dims.is_empty();
        cell.map_err(|e| match value {
            Value::Number(number) if is_integer && !chosen.told => {
                let name = &column.name;
                let wider = match (number.is_f64(), number.is_u64()) {
                    (true, _) => format!("--type {name}=f64"),
                    (_, true) => format!("--type {name}=u64 if none is negative, else {name}=text"),
                    _ => format!("--type {name}=text"),
                };
                let rows = self.options.infer_rows;
                format!("{e}, the type of the first {rows} rows: give {wider}")
            }
            _ => e,
        })
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        self.bytes = 0;
        let pending = self.pending.iter_mut().map(std::mem::take).collect::<Vec<_>>();
        let arrays = self.chosen.iter().zip(pending);
        let arrays = arrays.map(|(chosen, cells)| cells::array(&chosen.column, cells));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(arrow_schema(&self.schema), arrays)?)
    }
}

/// Class names as codes; `None` if the value is to be taken as it is.
fn coded(column: &Column, value: &Value) -> Result<Option<Value>, String> {
    if column.classes.is_empty() {
        return Ok(None);
    }
    let code = |value: &Value| match value.as_str() {
        Some("") => Ok(Value::Null),
        // The names are sorted: they were collected.
        Some(name) => column
            .classes
            .binary_search_by(|class| class.as_str().cmp(name))
            .map(Value::from)
            .map_err(|_| format!("'{name}' is no class")),
        None => Ok(value.clone()),
    };
    Ok(Some(match value {
        Value::Array(list) => Value::Array(list.iter().map(code).collect::<Result<_, _>>()?),
        value => code(value)?,
    }))
}
