//! NumPy arrays: `.npy` of one column, named like the file, and `.npz` of one column an array. The
//! first axis is the rows, so all arrays of a file are equally long.
//!
//! Of an array in Fortran's order the elements of a row lie far apart, each element beside that of
//! the next row: as many reads a batch as a row has elements. In an archive there is no going back,
//! so such a member is unpacked into a temporary file first.

use std::fs::File;
use std::io::BufReader;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::FixedSizeListArray;
use arrow::array::make_array;
use arrow::buffer::Buffer;
use arrow::record_batch::RecordBatch;
use arrow_schema::DataType;
use flate2::CrcReader;
use flate2::read::DeflateDecoder;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::TensorType;
use zip::CompressionMethod;
use zip::ZipArchive;

use super::MAX_COLUMNS;
use super::Open;
use super::Reader;
use super::Table;
use super::cells;
use super::cells::Cell;
use super::fit::Fit;
use crate::error::Error;
use crate::error::Problem;
use crate::error::Result;
use crate::npy::Header;
use crate::npy::row_major;
use crate::source::Event;

/// Rows of an array that takes no bytes, because one of its axes has no elements: a short file can
/// promise any number of them.
const MAX_EMPTY_ROWS: u64 = 1 << 24;

/// Opens `.npy` or `.npz`, whichever the first bytes say.
///
/// # Errors
/// [`Error::Read`], [`Error::Whole`]; arrays of different lengths are named.
pub(super) fn open(open: &Open<'_>) -> Result<Table> {
    let mut start = Vec::new();
    let failed = |source| Error::Read { path: open.path.clone(), source };
    open.open()?.take(4).read_to_end(&mut start).map_err(failed)?;
    let members = match start.starts_with(b"PK") {
        true => zipped(open)?,
        false => vec![plain(open)?],
    };
    let length = |member: &Member| member.header.shape.first().copied().unwrap_or(0);
    let rows = members.first().map_or(0, length);
    if let (Some(first), Some(other)) =
        (members.first(), members.iter().find(|member| length(member) != rows))
    {
        return Err(open.problem(format!(
            "its arrays are of different lengths: '{}' has {rows} rows and '{}' has {}",
            first.name,
            other.name,
            length(other)
        )));
    }
    let columns = members.iter().map(|member| {
        // An axis without elements is an open dimension: fixed ones have one at least.
        let size = |size: &u64| u32::try_from(*size).ok().filter(|size| *size > 0);
        let dims = member.header.shape.iter().skip(1).map(size);
        let column =
            Column::tensor(&member.name, member.header.dtype.clone(), &dims.collect::<Vec<_>>());
        column.validate()?;
        Ok(column)
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let fields = columns
        .iter()
        .map(|column| TensorType::from_column(column).to_field_ref(&column.name, false));
    let arrow = Arc::new(arrow_schema::Schema::new(fields.collect::<Vec<_>>()));
    let fit = Fit::new(open, arrow.fields(), None)?;
    let width = members.iter().map(Member::row_bytes).fold(0usize, usize::saturating_add);
    let batch = (open.options.batch_bytes / width.max(1)).clamp(1, open.options.batch_rows.max(1));
    let schema = fit.schema.clone();
    let file = open.file.clone();
    let reader = Batches { file, columns, arrow, members, left: rows, batch, fit };
    Ok(Table { format: "NumPy", schema, rows, reader: Box::new(reader) })
}

/// One array, its header read.
struct Member {
    name: String,
    header: Header,
    data: Data,
}

/// Where the elements come from.
enum Data {
    /// Row by row.
    Rows {
        bytes: CrcReader<Box<dyn Read + Send>>,
        /// What the checksum of all that is read must be, if something says so.
        crc: Option<u32>,
    },
    /// In Fortran's order.
    Fortran {
        file: File,
        /// Where the elements begin in it.
        begin: u64,
        /// Rows read so far.
        done: u64,
    },
}

impl Member {
    /// Bytes of one row.
    fn row_bytes(&self) -> usize {
        let elements =
            self.header.shape.iter().skip(1).try_fold(1u64, |p, size| p.checked_mul(*size));
        let elements = elements.and_then(|elements| usize::try_from(elements).ok());
        let width = self.header.dtype.width().unwrap_or(1);
        elements.and_then(|elements| elements.checked_mul(width)).unwrap_or(usize::MAX)
    }

    /// The elements of the next rows, in row-major order.
    fn read(&mut self, rows: usize) -> std::io::Result<Vec<u8>> {
        let too_long = || std::io::Error::other("a row is too long");
        let row_bytes = self.row_bytes();
        let length = row_bytes.checked_mul(rows).ok_or_else(too_long)?;
        let mut elements = vec![0; length];
        match &mut self.data {
            Data::Rows { bytes, .. } => bytes.read_exact(&mut elements)?,
            Data::Fortran { file, begin, done } => {
                let width = self.header.dtype.width().unwrap_or(1);
                let all = self.header.shape.first().copied().unwrap_or(0);
                let bytes = |elements: u64| elements.checked_mul(u64::try_from(width).ok()?);
                let runs = elements.chunks_exact_mut((rows * width).max(1));
                for (run, number) in runs.zip(0u64..) {
                    let first = number.checked_mul(all).and_then(|first| first.checked_add(*done));
                    let place = first.and_then(bytes).and_then(|place| place.checked_add(*begin));
                    file.seek(SeekFrom::Start(place.ok_or_else(too_long)?))?;
                    file.read_exact(run)?;
                }
                *done += u64::try_from(rows).unwrap_or(u64::MAX);
                let rest = self.header.shape.iter().skip(1);
                let rest = rest.map(|size| usize::try_from(*size).unwrap_or(usize::MAX));
                let shape: Vec<usize> = std::iter::once(rows).chain(rest).collect();
                elements = row_major(&elements, &shape, width);
            }
        }
        self.header.turn(&mut elements);
        Ok(elements)
    }

    /// Reads what is left, and compares the checksum of all of it.
    fn end(&mut self) -> Result<(), String> {
        match &mut self.data {
            Data::Rows { bytes, crc } => check_end(bytes, *crc),
            Data::Fortran { .. } => Ok(()),
        }
    }
}

fn check_end(bytes: &mut CrcReader<Box<dyn Read + Send>>, crc: Option<u32>) -> Result<(), String> {
    std::io::copy(bytes, &mut std::io::sink()).map_err(|e| e.to_string())?;
    match crc.is_some_and(|crc| crc != bytes.crc().sum()) {
        true => Err("its checksum is another: it is damaged".to_string()),
        false => Ok(()),
    }
}

/// Reads a header, and checks what it promises against the bytes that there are.
fn member(
    open: &Open<'_>,
    name: &str,
    data: Box<dyn Read + Send>,
    bytes: u64,
    crc: Option<u32>,
) -> Result<Member> {
    let problem = |e: String| open.problem(format!("array '{name}': {e}"));
    let mut data = CrcReader::new(data);
    let header = Header::read(&mut data).map_err(problem)?;
    if header.shape.is_empty() {
        return Err(problem("it is a single number: it has no first axis to be the rows".into()));
    }
    let promised = header.data_bytes();
    if promised.is_none_or(|promised| promised > bytes) {
        return Err(problem(format!(
            "its header promises {:?} elements, more than its {bytes} bytes hold: it is cut off or damaged",
            header.shape
        )));
    }
    let rows = header.shape.first().copied().unwrap_or(0);
    if promised == Some(0) && rows > MAX_EMPTY_ROWS {
        return Err(problem(format!(
            "it has {rows} rows without elements, more than {MAX_EMPTY_ROWS}: leave it out of the \
             file, or save fewer rows"
        )));
    }
    let limit = open.options.limits.max_sample_bytes;
    let mut member =
        Member { name: name.to_string(), header, data: Data::Rows { bytes: data, crc } };
    if u64::try_from(member.row_bytes()).unwrap_or(u64::MAX) > limit {
        return Err(problem(format!(
            "a row is longer than {limit} bytes: raise `max_sample_bytes`"
        )));
    }
    if member.header.fortran {
        member.data = fortran(open, &mut member, promised.unwrap_or(0)).map_err(problem)?;
    }
    Ok(member)
}

/// Elements in Fortran's order, where they can be read from any place. The header was just read.
fn fortran(open: &Open<'_>, member: &mut Member, length: u64) -> Result<Data, String> {
    let Data::Rows { bytes, crc } = &mut member.data else { return Err("it is open".into()) };
    let Some(crc) = *crc else {
        // Of a plain file all that was read is the header.
        let file = open.open().map_err(|e| e.to_string())?;
        return Ok(Data::Fortran { file, begin: u64::from(bytes.crc().amount()), done: 0 });
    };
    let failed = |e: std::io::Error| {
        format!(
            "it is in Fortran order and cannot be unpacked into a temporary file: {e}; make room in \
             '{}', or save it with numpy.ascontiguousarray",
            std::env::temp_dir().display()
        )
    };
    let mut file = tempfile::tempfile().map_err(failed)?;
    let copied = std::io::copy(&mut bytes.by_ref().take(length), &mut file).map_err(failed)?;
    check_end(bytes, Some(crc))?;
    if copied < length {
        return Err("it is cut off".to_string());
    }
    Ok(Data::Fortran { file, begin: 0, done: 0 })
}

fn plain(open: &Open<'_>) -> Result<Member> {
    let name = open.file.rsplit_once('.').map_or(open.file.as_str(), |(stem, _)| stem);
    let data = BufReader::with_capacity(1 << 16, open.open()?);
    member(open, name, Box::new(data), open.length()?, None)
}

fn zipped(open: &Open<'_>) -> Result<Vec<Member>> {
    let damaged =
        |e: &dyn std::fmt::Display| open.problem(format!("it is no .npz file, or damaged: {e}"));
    let mut archive = ZipArchive::new(BufReader::new(open.open()?)).map_err(|e| damaged(&e))?;
    if archive.len() > MAX_COLUMNS {
        let found = archive.len();
        return Err(open.problem(format!("it has {found} arrays, more than {MAX_COLUMNS}")));
    }
    let mut members = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|e| damaged(&e))?;
        let name = entry.name().strip_suffix(".npy").unwrap_or(entry.name()).to_string();
        let (compressed, size, crc) = (entry.compressed_size(), entry.size(), entry.crc32());
        let method = entry.compression();
        let begin = entry
            .data_start()
            .ok_or_else(|| open.problem(format!("array '{name}': its place is unknown")))?;
        drop(entry);
        // Arrays are read side by side, each through a file of its own.
        let mut file = open.open()?;
        file.seek(SeekFrom::Start(begin))
            .map_err(|source| Error::Read { path: open.path.clone(), source })?;
        let raw = BufReader::with_capacity(1 << 16, file.take(compressed));
        let data: Box<dyn Read + Send> = match method {
            CompressionMethod::Stored => Box::new(raw),
            CompressionMethod::DEFLATE => Box::new(DeflateDecoder::new(raw).take(size)),
            other => {
                return Err(open.problem(format!(
                    "array '{name}' is compressed with {other}: save it with numpy.savez"
                )));
            }
        };
        members.push(member(open, &name, data, size, Some(crc))?);
    }
    Ok(members)
}

struct Batches {
    file: String,
    columns: Vec<Column>,
    arrow: arrow_schema::SchemaRef,
    members: Vec<Member>,
    left: u64,
    batch: usize,
    fit: Fit,
}

impl Reader for Batches {
    fn next(&mut self, events: &mut Vec<Event>) -> Result<bool> {
        let problem = |name: &str, e: &dyn std::fmt::Display| {
            Error::Whole(Problem::new(self.file.as_str(), format!("array '{name}': {e}")))
        };
        let rows = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.batch);
        if rows == 0 {
            for member in &mut self.members {
                member.end().map_err(|e| problem(&member.name, &e))?;
            }
            return Ok(false);
        }
        let mut arrays = Vec::with_capacity(self.members.len());
        for (member, column) in self.members.iter_mut().zip(&self.columns) {
            let elements = member.read(rows).map_err(|e| problem(&member.name, &e))?;
            arrays.push(match member.header.data_bytes() {
                Some(0) => empty(column, &member.header.shape, rows)?,
                _ => array(column, elements, rows)?,
            });
        }
        self.left -= u64::try_from(rows).unwrap_or(self.left);
        let batch = RecordBatch::try_new(Arc::clone(&self.arrow), arrays)?;
        self.fit.apply(&batch, events)?;
        Ok(true)
    }
}

/// Rows of an array that has an axis without elements.
fn empty(column: &Column, shape: &[u64], rows: usize) -> Result<ArrayRef> {
    let sizes = shape.iter().skip(1).map(|size| usize::try_from(*size).unwrap_or(usize::MAX));
    let sizes: Vec<usize> = sizes.collect();
    let cell = match &column.dtype {
        DType::Bool => Cell::Bools(Vec::new(), sizes),
        dtype if dtype.is_float() => Cell::Floats(Vec::new(), sizes),
        _ => Cell::Integers(Vec::new(), sizes),
    };
    cells::array(column, vec![cell; rows])
}

/// Elements of some rows as an Arrow array.
fn array(column: &Column, bytes: Vec<u8>, rows: usize) -> Result<ArrayRef> {
    let ty = TensorType::from_column(column);
    let elements: ArrayRef = if column.dtype == DType::Bool {
        Arc::new(bytes.iter().map(|byte| Some(*byte != 0)).collect::<BooleanArray>())
    } else {
        let width = column.dtype.width().unwrap_or(1);
        let length = bytes.len() / width;
        // Copied where the bytes do not lie as the type asks for.
        let data = arrow::array::ArrayData::builder(column.dtype.to_arrow())
            .len(length)
            .add_buffer(Buffer::from_vec(bytes))
            .align_buffers(true)
            .build()?;
        make_array(data)
    };
    let DataType::FixedSizeList(item, size) = ty.data_type() else { return Ok(elements) };
    Ok(Arc::new(FixedSizeListArray::try_new_with_length(item, size, elements, None, rows)?))
}
