//! `lakebed info`

use std::io::Write;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Int64Array;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use clap::Args;
use futures::StreamExt;
use futures::TryStreamExt;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::HType;
use lakebed::core::TensorType;
use lakebed::core::human;
use lakebed::dataset::ColumnChunks;
use lakebed::dataset::Dataset;
use lakebed::dataset::Fragment;
use lakebed::dataset::Scalar;
use lakebed::dataset::Stats;

use super::log;
use crate::error::Result;
use crate::table;
use crate::target;
use crate::units;

/// Manifests that are read at the same time.
const PARALLEL: usize = 16;
/// Characters of a text bound that are shown.
const SHOWN_CHARACTERS: usize = 24;

#[derive(Debug, Args)]
pub struct Info {
    /// The dataset, perhaps with @version
    dataset: String,
}

/// What the manifests say of one column.
#[derive(Default)]
pub(super) struct Summary {
    pub stats: Stats,
    pub chunks: u64,
    pub bytes: u64,
    /// Rows that were written before the column was added.
    pub filled: u64,
    /// True if `stats` is of deleted and overwritten cells as well.
    pub patched: bool,
}

impl Info {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let dataset = target::open(&self.dataset).await?;
        let fragments = dataset.fragments().await?;
        let columns = &dataset.schema().columns;
        let mut summaries: Vec<Summary> = columns.iter().map(|_| Summary::default()).collect();
        let read = fragments.iter().map(|fragment| of_fragment(&dataset, fragment));
        let mut read = futures::stream::iter(read).buffered(PARALLEL);
        while let Some((rows, known)) = read.try_next().await? {
            for (summary, known) in summaries.iter_mut().zip(known) {
                match known {
                    Some(known) => summary.add(&known),
                    None => summary.filled += rows,
                }
            }
        }
        writeln!(out, "{}", dataset.url())?;
        let newest = dataset.log(1).await?;
        let when = newest.first().map(|line| log::time(line.time_micros)).unwrap_or_default();
        writeln!(out, "version {} of {when} UTC, id {}", dataset.version(), dataset.id())?;
        if let Some(source) = dataset.source() {
            writeln!(out, "{}", log::copied_from(source))?;
        }
        let stored = dataset.stored_bytes().await?;
        writeln!(
            out,
            "{}, {}, {}, {} in packs",
            units::count(dataset.num_rows(), "row"),
            units::count(u64::try_from(columns.len()).unwrap_or(u64::MAX), "column"),
            units::count(u64::try_from(fragments.len()).unwrap_or(u64::MAX), "fragment"),
            human::bytes(stored),
        )?;
        let head = [
            "column",
            "type",
            "meaning",
            "shape",
            "null",
            "min",
            "max",
            "compression",
            "chunks",
            "size",
        ];
        let mut shown = table::table(head);
        for (column, summary) in columns.iter().zip(&summaries) {
            shown.add_row(line(column, summary, dataset.num_rows()));
        }
        table::align_right(&mut shown, [4, 8, 9]);
        writeln!(out, "{shown}")?;
        let partly = columns.iter().zip(&summaries).filter(|(_, summary)| summary.filled > 0);
        for (column, summary) in partly {
            let value = column.fill.as_ref().map_or("null".to_string(), ToString::to_string);
            let rows = units::count(summary.filled, "row");
            writeln!(out, "{} was added later: {value} in {rows} before it", column.name)?;
        }
        Ok(())
    }
}

/// The rows of a fragment, and what is known of each column in it.
async fn of_fragment(
    dataset: &Dataset,
    fragment: &Fragment,
) -> Result<(u64, Vec<Option<Arc<ColumnChunks>>>)> {
    let mut known = Vec::new();
    for column in &dataset.schema().columns {
        known.push(dataset.chunks(fragment, column.id).await?);
    }
    Ok((fragment.rows, known))
}

impl Summary {
    pub fn add(&mut self, chunks: &ColumnChunks) {
        self.patched |= chunks.patched;
        self.chunks += u64::try_from(chunks.bytes.len()).unwrap_or(u64::MAX);
        self.bytes += chunks.bytes.iter().sum::<u64>();
        for stats in &chunks.stats {
            self.stats = self.stats.merge(stats);
        }
    }
}

fn line(column: &Column, summary: &Summary, rows: u64) -> [String; 10] {
    let nulls = match &column.fill {
        None => summary.stats.nulls + summary.filled,
        Some(_) => summary.stats.nulls,
    };
    let bound = |scalar: &Option<Scalar>| {
        scalar.as_ref().map(|scalar| shown(column, scalar)).unwrap_or_default()
    };
    [
        column.name.clone(),
        TensorType::from_column(column).to_string(),
        meaning(column),
        shape(&summary.stats, column.ndim()),
        match column.nullable {
            true if summary.patched && nulls > 0 => format!("≤ {}", nulls.min(rows)),
            true => nulls.to_string(),
            false => String::new(),
        },
        bound(&summary.stats.min),
        bound(&summary.stats.max),
        column.compression.to_string(),
        summary.chunks.to_string(),
        human::bytes(summary.bytes),
    ]
}

pub(super) fn meaning(column: &Column) -> String {
    let mut text = match column.htype {
        // The type says it already.
        HType::Generic | HType::Text | HType::Json => String::new(),
        htype => htype.to_string(),
    };
    if let Some(format) = column.box_format {
        text.push_str(&format!(" {format}"));
    }
    if !column.classes.is_empty() {
        text.push_str(&format!(" of {}", column.classes.len()));
    }
    text
}

/// `64..128 × 80 × 3`.
pub(super) fn shape(stats: &Stats, ndim: usize) -> String {
    let sizes = stats.shape_min.iter().zip(&stats.shape_max).take(ndim);
    let sizes =
        sizes.map(
            |(least, most)| {
                if least == most { least.to_string() } else { format!("{least}..{most}") }
            },
        );
    sizes.collect::<Vec<_>>().join(" × ")
}

pub(super) fn shown(column: &Column, scalar: &Scalar) -> String {
    match scalar {
        Scalar::UInt(code) if !column.classes.is_empty() => {
            let name = usize::try_from(*code).ok().and_then(|code| column.classes.get(code));
            name.cloned().unwrap_or_else(|| code.to_string())
        }
        Scalar::Bool(value) => value.to_string(),
        Scalar::Int(value) => temporal(&column.dtype, *value).unwrap_or_else(|| value.to_string()),
        Scalar::UInt(value) => value.to_string(),
        Scalar::Float(value) => number(*value),
        Scalar::Decimal(value) => match &column.dtype {
            DType::Decimal(precision, scale) => arrow::array::Decimal128Array::from(vec![*value])
                .with_precision_and_scale(*precision, *scale)
                .ok()
                .and_then(|array| array_value_to_string(&array, 0).ok())
                .unwrap_or_else(|| value.to_string()),
            _ => value.to_string(),
        },
        Scalar::Text(text) => {
            let mut line: String = text
                .chars()
                .take(SHOWN_CHARACTERS)
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            if text.chars().nth(SHOWN_CHARACTERS).is_some() {
                line.push('…');
            }
            line
        }
    }
}

/// Six digits at most; whole numbers as they are.
fn number(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        // Without the sign of -0.
        return (value + 0.0).to_string();
    }
    let text = format!("{value:.4}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short.trim_start_matches('-') == "0" { format!("{value:.3e}") } else { short.to_string() }
}

/// Dates, times, timestamps and durations by Arrow's own text.
fn temporal(dtype: &DType, value: i64) -> Option<String> {
    let is_temporal =
        matches!(dtype, DType::Date | DType::Time | DType::Timestamp(..) | DType::Duration(_));
    let array: ArrayRef = Arc::new(Int64Array::from(vec![value]));
    let array = match dtype {
        _ if !is_temporal => return None,
        DType::Date => cast(&array, &DataType::Int32).ok()?,
        _ => array,
    };
    let array = cast(&array, &dtype.to_arrow()).ok()?;
    array_value_to_string(&array, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_read_as_their_column_means_them() {
        let date = Column::scalar("d", DType::Date);
        assert_eq!(shown(&date, &Scalar::Int(19_000)), "2022-01-08");
        let label = Column::class_label("l", vec!["cat".into(), "dog".into()]);
        assert_eq!(shown(&label, &Scalar::UInt(1)), "dog");
        let price = Column::scalar("p", DType::Decimal(10, 2));
        assert_eq!(shown(&price, &Scalar::Decimal(-1234)), "-12.34");
        let plain = Column::scalar("x", DType::F64);
        let numbers =
            [0.0, 2.5, -3.0, 0.000_012_3, 1e300].map(|x| shown(&plain, &Scalar::Float(x)));
        assert_eq!(numbers[..4], ["0", "2.5", "-3", "1.230e-5"]);
        let text = Column::text("t");
        let long = shown(&text, &Scalar::Text("a line\nand another line of it".into()));
        assert_eq!(long, "a line and another line …");
    }
}
