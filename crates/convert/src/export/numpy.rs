//! Rows as NumPy arrays: `.npy` of one column, `.npz` of several.
//!
//! The first axis is the rows. A ragged column fits if its rows turn out to have one shape; with
//! [`RaggedAs::Parts`] it is always three arrays of an `.npz`: `x.data` with all elements, `x.offsets` with the place in it at which
//! each row begins (i64, and the end), and `x.shapes` (i32, `[rows, ndim]`). Class labels are their
//! codes. Memory: one batch; each array is written to an unnamed file beside the destination first,
//! because its number of rows stands before its elements, and a zip holds one after the other.

use std::fs::File;
use std::io::BufWriter;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;
use arrow_schema::SchemaRef;
use lakebed_core::DType;
use lakebed_core::Layout;
use lakebed_core::TensorArray;
use lakebed_core::TensorType;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::ExportOptions;
use super::RaggedAs;
use super::Sink;
use super::format::ExportFormat;
use super::staged::Staged;
use crate::error::Error;
use crate::error::Result;
use crate::npy::Header;
use crate::npy::WRITTEN;

/// Writes one `.npy` or `.npz` file.
pub(super) struct Writer {
    format: ExportFormat,
    target: File,
    columns: Vec<Column>,
    rows: u64,
}

struct Column {
    name: String,
    ty: TensorType,
    form: Form,
}

enum Form {
    Fixed(ArrayFile),
    /// Rows that may differ, and do not: the shape is that of the first.
    Same {
        array: ArrayFile,
        known: bool,
    },
    Ragged {
        data: ArrayFile,
        offsets: ArrayFile,
        shapes: ArrayFile,
        at: i64,
    },
}

impl Writer {
    /// Opens the file, and an unnamed one for each array.
    ///
    /// # Errors
    /// [`Error::CannotWrite`].
    pub fn open(
        format: ExportFormat,
        staged: &Staged,
        schema: &SchemaRef,
        options: &ExportOptions,
    ) -> Result<Writer> {
        if format == ExportFormat::Npy && schema.fields().len() != 1 {
            let column = schema.fields().get(1).map_or(String::new(), |f| f.name().clone());
            let reason = "an .npy file is exactly one array: select one column, or write .npz";
            return Err(Error::CannotWrite { column, row: None, reason: reason.into() });
        }
        let above = staged.path().parent().unwrap_or(Path::new("."));
        let fields = schema.fields().iter();
        let columns = fields.map(|field| {
            let refuse = |reason: String| Error::CannotWrite {
                column: field.name().clone(),
                row: None,
                reason,
            };
            let ty = TensorType::from_field(field).ok_or_else(|| {
                refuse(format!("{} is no tensor, and NumPy has no form for it", field.data_type()))
            })?;
            let form = form(format, &ty, above, options.ragged)
                .map_err(|e| staged.failed(e))?
                .map_err(refuse)?;
            Ok(Column { name: field.name().clone(), ty, form })
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(Writer { format, target: staged.file()?, columns, rows: 0 })
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> Error {
        Error::Format { format: self.format, reason: error.to_string() }
    }
}

/// The arrays of a column, or why there are none.
fn form(
    format: ExportFormat,
    ty: &TensorType,
    above: &Path,
    ragged: RaggedAs,
) -> std::io::Result<Result<Form, String>> {
    let header = Header::new(ty.dtype.clone(), Vec::new());
    if header.to_bytes().is_none() {
        return Ok(Err(format!(
            "NumPy has no fixed form for {}: leave the column out, or write Parquet",
            ty.dtype
        )));
    }
    let fixed: Option<Vec<u64>> = ty.dims.iter().map(|dim| dim.map(u64::from)).collect();
    match (&ty.layout, fixed) {
        (Layout::Scalar | Layout::Fixed, Some(row)) => {
            Ok(Ok(Form::Fixed(ArrayFile::create(above, ty.dtype.clone(), row)?)))
        }
        (Layout::Ragged, _) if ragged == RaggedAs::Parts && format == ExportFormat::Npz => {
            let ndim = u64::try_from(ty.dims.len()).unwrap_or(u64::MAX);
            Ok(Ok(Form::Ragged {
                data: ArrayFile::create(above, ty.dtype.clone(), Vec::new())?,
                offsets: ArrayFile::create(above, DType::I64, Vec::new())?,
                shapes: ArrayFile::create(above, DType::I32, vec![ndim])?,
                at: 0,
            }))
        }
        (Layout::Encoded, _) => Ok(Err(
            "its images are encoded and of any size: leave the column out, write Parquet, or \
             select a region of one size"
                .into(),
        )),
        (Layout::Ragged, _) => {
            let array = ArrayFile::create(above, ty.dtype.clone(), vec![0; ty.dims.len()])?;
            Ok(Ok(Form::Same { array, known: false }))
        }
        _ => Ok(Err("NumPy has no form for sequences: write Parquet".into())),
    }
}

impl Sink for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
            if let Some(row) = array.nulls().and_then(|nulls| nulls.iter().position(|ok| !ok)) {
                let row = self.rows.saturating_add(u64::try_from(row).unwrap_or(u64::MAX));
                return Err(Error::CannotWrite {
                    column: column.name.clone(),
                    row: Some(row),
                    reason: "it is null, and NumPy has no nulls: leave such rows out, or write \
                             Parquet"
                        .into(),
                });
            }
            let tensor = TensorArray::try_new(column.ty.clone(), array)?;
            column.form.learn(&tensor, batch.num_rows()).map_err(|(row, reason)| {
                let row = self.rows.saturating_add(u64::try_from(row).unwrap_or(u64::MAX));
                Error::CannotWrite { column: column.name.clone(), row: Some(row), reason }
            })?;
            column.form.write(&tensor, batch.num_rows()).map_err(|e| Error::Format {
                format: self.format,
                reason: format!("column '{}': {e}", column.name),
            })?;
        }
        self.rows += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let mut arrays = Vec::new();
        for column in std::mem::take(&mut self.columns) {
            match column.form {
                Form::Fixed(array) | Form::Same { array, .. } => arrays.push((column.name, array)),
                Form::Ragged { data, mut offsets, shapes, at } => {
                    offsets.append(&at.to_le_bytes(), 1).map_err(|e| self.failed(&e))?;
                    arrays.push((format!("{}.data", column.name), data));
                    arrays.push((format!("{}.offsets", column.name), offsets));
                    arrays.push((format!("{}.shapes", column.name), shapes));
                }
            }
        }
        if self.format == ExportFormat::Npy {
            let mut target = self.target.try_clone().map_err(|e| self.failed(&e))?;
            for (_, array) in arrays {
                let mut file = array.finish().map_err(|e| self.failed(&e))?;
                std::io::copy(&mut file, &mut target).map_err(|e| self.failed(&e))?;
            }
            return target.sync_all().map_err(|e| self.failed(&e));
        }
        let target = self.target.try_clone().map_err(|e| self.failed(&e))?;
        let mut zip = ZipWriter::new(BufWriter::new(target));
        for (name, array) in arrays {
            let mut file = array.finish().map_err(|e| self.failed(&e))?;
            // As numpy.savez: stored, so that it can be mapped; large ones need wider sizes.
            let options = SimpleFileOptions::default()
                .compression_method(zip::CompressionMethod::Stored)
                .large_file(true);
            zip.start_file(format!("{name}.npy"), options).map_err(|e| self.failed(&e))?;
            std::io::copy(&mut file, &mut zip).map_err(|e| self.failed(&e))?;
        }
        let file = zip.finish().map_err(|e| self.failed(&e))?;
        let file = file.into_inner().map_err(|e| self.failed(&e))?;
        file.sync_all().map_err(|e| self.failed(&e))
    }
}

impl Form {
    /// Checks that rows have the shape of those before them: the first that has not, and why.
    fn learn(&mut self, tensor: &TensorArray, rows: usize) -> Result<(), (usize, String)> {
        let Form::Same { array, known } = self else { return Ok(()) };
        for row in 0..rows {
            let sizes = tensor.shape(row);
            let shape: Vec<u64> =
                sizes.iter().map(|size| u64::try_from(*size).unwrap_or(u64::MAX)).collect();
            if !*known {
                (array.row, *known) = (shape, true);
            } else if array.row != shape {
                let reason = format!(
                    "its shape is {shape:?}, and of the rows before {:?}, where NumPy has one: write \
                     .npz with data, offsets and shapes (an option), or select a region of one size",
                    array.row
                );
                return Err((row, reason));
            }
        }
        Ok(())
    }

    fn write(&mut self, tensor: &TensorArray, rows: usize) -> Result<(), String> {
        let all = |tensor: &TensorArray| {
            let begin = tensor.range(0).start;
            tensor.elements().slice(begin, tensor.range(rows - 1).end - begin)
        };
        match self {
            Form::Fixed(array) | Form::Same { array, .. } => {
                array.append(&raw(&all(tensor))?, rows)
            }
            Form::Ragged { data, offsets, shapes, at } => {
                let elements = all(tensor);
                data.append(&raw(&elements)?, elements.len())?;
                let mut begins = Vec::with_capacity(rows * 8);
                let mut sizes = Vec::with_capacity(rows * 4 * tensor.ty().ndim());
                for row in 0..rows {
                    begins.extend(at.to_le_bytes());
                    *at += i64::try_from(tensor.range(row).len()).map_err(|e| e.to_string())?;
                    for size in tensor.shape(row).iter() {
                        sizes
                            .extend(i32::try_from(*size).map_err(|e| e.to_string())?.to_le_bytes());
                    }
                }
                offsets.append(&begins, rows)?;
                shapes.append(&sizes, rows)
            }
        }
    }
}

/// The elements as NumPy has them: little-endian, a byte for a bool.
fn raw(array: &ArrayRef) -> Result<Vec<u8>, String> {
    if let Some(bools) = array.as_boolean_opt() {
        return Ok(bools.values().iter().map(u8::from).collect());
    }
    let width = array.data_type().primitive_width().ok_or("it holds no numbers")?;
    let data = array.to_data();
    let begin = data.offset() * width;
    let bytes = data.buffers().first().map(|buffer| buffer.as_slice()).unwrap_or_default();
    let bytes = bytes.get(begin..begin + data.len() * width);
    Ok(bytes.ok_or("a batch is shorter than it says")?.to_vec())
}

/// One array, growing in an unnamed file.
struct ArrayFile {
    file: BufWriter<File>,
    dtype: DType,
    /// The shape of one row.
    row: Vec<u64>,
    rows: u64,
}

impl ArrayFile {
    fn create(above: &Path, dtype: DType, row: Vec<u64>) -> std::io::Result<ArrayFile> {
        let mut file = BufWriter::new(tempfile::tempfile_in(above)?);
        file.write_all(&[0; WRITTEN])?;
        Ok(ArrayFile { file, dtype, row, rows: 0 })
    }

    fn append(&mut self, bytes: &[u8], rows: usize) -> Result<(), String> {
        self.rows += u64::try_from(rows).unwrap_or(u64::MAX);
        self.file.write_all(bytes).map_err(|e| e.to_string())
    }

    /// The whole array file, to be read from its begin.
    fn finish(self) -> Result<File, String> {
        let mut shape = vec![self.rows];
        shape.extend(&self.row);
        let header = Header::new(self.dtype, shape);
        let header = header.to_bytes().ok_or("a shape too long for a header")?;
        let mut file = self.file.into_inner().map_err(|e| e.to_string())?;
        file.seek(SeekFrom::Start(0)).map_err(|e| e.to_string())?;
        file.write_all(&header).map_err(|e| e.to_string())?;
        file.seek(SeekFrom::Start(0)).map_err(|e| e.to_string())?;
        Ok(file)
    }
}
