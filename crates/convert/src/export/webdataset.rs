//! WebDataset: shards `shard-000000.tar`, `shard-000001.tar` ... in which a row is a sample.
//!
//! A sample's name is the row's text in the column `key`, else its position in nine digits. Each
//! other column becomes a member, whose extension tells the type, and is what the importer reads:
//!
//! | column | member |
//! |---|---|
//! | images | `jpg` or `png`, byte for byte; pixels as PNG |
//! | class_label, one a row | `cls`: the code as text |
//! | text | `txt` |
//! | JSON | `json` |
//! | bool, numbers and tensors of them | `npy` |
//! | sequences of text | `json`, a list |
//! | bytes | `bin` |
//!
//! The member is named `NAME.EXTENSION`, and only by the extension where the column is the first
//! of its kind among images and class labels; a column whose name ends in what the extension
//! should be, as after an import, keeps its name. A slash in a column's name becomes a dot. Nulls
//! are members that are not there. Times, decimals and sequences of numbers or tensors are
//! refused.

use std::fs::File;
use std::io::BufWriter;
use std::io::Write;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BinaryViewArray;
use arrow::array::StringViewArray;
use arrow::record_batch::RecordBatch;
use arrow_schema::DataType;
use arrow_schema::Schema;
use lakebed_core::DType;
use lakebed_core::HType;
use lakebed_core::Layout;
use lakebed_core::TensorArray;

use super::ExportOptions;
use super::Sink;
use super::columns::ColumnRef;
use super::columns::Images;
use super::columns::columns;
use super::columns::image_extension;
use super::folder::Folder;
use super::staged::Staged;
use crate::error::Error;
use crate::error::Result;
use crate::npy::Header;

/// Bytes of a block of a tar file; a member takes one for its header and whole ones for its body.
const BLOCK: u64 = 512;

/// Writes shards of samples.
pub(super) struct Writer {
    folder: Folder,
    members: Vec<MemberColumn>,
    key: Option<ColumnRef>,
    last_key: String,
    shard: Option<Shard>,
    shards: u64,
    shard_bytes: u64,
    shard_rows: u64,
}

struct Shard {
    name: String,
    tar: tar::Builder<BufWriter<File>>,
    bytes: u64,
    rows: u64,
}

/// A column, and what its members are called.
struct MemberColumn {
    column: ColumnRef,
    kind: Kind,
    /// Of an image that is of the other format the last part is replaced.
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Image,
    Class,
    Text,
    Json,
    Texts,
    Array,
    Bytes,
}

impl Kind {
    fn of(column: &ColumnRef) -> Option<Kind> {
        let ty = &column.ty;
        Some(match (&ty.layout, &ty.dtype) {
            _ if column.is_image() => Kind::Image,
            (Layout::Sequence(inner), DType::Text) if inner.is_scalar() => Kind::Texts,
            (Layout::Sequence(_), _) => return None,
            (Layout::Scalar, dtype)
                if ty.htype == HType::ClassLabel && dtype.is_unsigned_integer() =>
            {
                Kind::Class
            }
            (_, DType::Text) => Kind::Text,
            (_, DType::Json) => Kind::Json,
            (_, DType::Bytes) => Kind::Bytes,
            (_, dtype) if dtype.is_tensor_element() => Kind::Array,
            _ => return None,
        })
    }

    fn extensions(self) -> &'static [&'static str] {
        match self {
            Kind::Image => &["jpg", "jpeg", "jpe", "jfif", "png"],
            Kind::Class => &["cls"],
            Kind::Text => &["txt", "text", "transcript"],
            Kind::Json | Kind::Texts => &["json", "jsn"],
            Kind::Array => &["npy"],
            Kind::Bytes => &["bin"],
        }
    }
}

impl MemberColumn {
    /// The member's name without its sample's, ending as the file is.
    fn image_name(&self, file: &[u8]) -> String {
        let (front, last) = self.name.rsplit_once('.').unwrap_or(("", &self.name));
        let is = image_extension(file);
        if (last == "png") == (is == "png") {
            return self.name.clone();
        }
        if front.is_empty() { is.to_string() } else { format!("{front}.{is}") }
    }
}

fn member_columns(columns: Vec<ColumnRef>) -> Result<Vec<MemberColumn>> {
    let mut plain: Vec<Kind> = Vec::new();
    let mut members: Vec<MemberColumn> = Vec::new();
    for column in columns {
        let refuse =
            |reason: String| Error::CannotWrite { column: column.name.clone(), row: None, reason };
        let Some(kind) = Kind::of(&column) else {
            let reason =
                format!("WebDataset has no form for {}: leave it out, or cast it", column.ty);
            return Err(refuse(reason));
        };
        let lower = column.name.replace('/', ".").to_lowercase();
        let last = lower.rsplit('.').next().unwrap_or(&lower);
        let is_first = !plain.contains(&kind) && matches!(kind, Kind::Image | Kind::Class);
        let extension = kind.extensions().first().copied().unwrap_or("bin");
        let name = if kind.extensions().contains(&last) {
            lower.clone()
        } else if is_first {
            extension.to_string()
        } else {
            format!("{lower}.{extension}")
        };
        if members.iter().any(|other| other.name == name) {
            let reason = format!("its members would be '{name}' like another column's: rename it");
            return Err(refuse(reason));
        }
        plain.push(kind);
        members.push(MemberColumn { column, kind, name });
    }
    Ok(members)
}

impl Writer {
    /// # Errors
    /// [`Error::CannotWrite`] for a column without a form.
    pub fn open(staged: &Staged, schema: &Schema, options: &ExportOptions) -> Result<Writer> {
        let mut columns = columns(schema);
        for field in schema.fields() {
            if !columns.iter().any(|column| column.name == *field.name()) {
                return Err(Error::CannotWrite {
                    column: field.name().clone(),
                    row: None,
                    reason: format!(
                        "WebDataset has no form for {}: leave it out",
                        field.data_type()
                    ),
                });
            }
        }
        let is_key =
            |c: &ColumnRef| c.name == "key" && c.ty.dtype == DType::Text && c.ty.is_scalar();
        let key = columns.iter().position(is_key).map(|at| columns.remove(at));
        let members = member_columns(columns)?;
        Ok(Writer {
            folder: Folder::new(staged),
            members,
            key,
            last_key: String::new(),
            shard: None,
            shards: 0,
            shard_bytes: options.shard_bytes,
            shard_rows: options.shard_rows.max(1),
        })
    }

    fn key(&self, keys: Option<&StringViewArray>, row: usize, position: u64) -> Result<String> {
        let Some((keys, column)) = keys.zip(self.key.as_ref()) else {
            return Ok(format!("{position:09}"));
        };
        if keys.is_null(row) {
            return Err(column.refuse(position, "it is null, and names a sample"));
        }
        let key = keys.value(row);
        let last = key.rsplit('/').next().unwrap_or(key);
        if last.is_empty() || last.contains('.') || last.starts_with("__") || key.contains('\0') {
            let reason = format!(
                "'{key}' names no sample: its last part is empty, has a dot or begins with '__'"
            );
            return Err(column.refuse(position, reason));
        }
        if key == self.last_key {
            let reason = format!("'{key}' names the sample before too: they would be one");
            return Err(column.refuse(position, reason));
        }
        Ok(key.to_string())
    }

    /// Writes a sample into the shard that has room for it.
    fn sample(&mut self, key: &str, members: &[(String, Vec<u8>)]) -> Result<()> {
        let size = |bytes: &Vec<u8>| {
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            BLOCK.saturating_add(length.div_ceil(BLOCK).saturating_mul(BLOCK))
        };
        let bytes = members.iter().map(|(_, bytes)| size(bytes)).fold(0u64, u64::saturating_add);
        let full = self.shard.as_ref().is_some_and(|shard| {
            shard.rows >= self.shard_rows || shard.bytes.saturating_add(bytes) > self.shard_bytes
        });
        if full {
            self.close()?;
        }
        if self.shard.is_none() {
            let name = format!("shard-{:06}.tar", self.shards);
            let tar = tar::Builder::new(self.folder.file(&name)?);
            self.shards += 1;
            self.shard = Some(Shard { name, tar, bytes: 0, rows: 0 });
        }
        let Some(shard) = &mut self.shard else { return Ok(()) };
        for (extension, bytes) in members {
            // Nothing but name and size: the same rows are the same bytes.
            let mut header = tar::Header::new_gnu();
            header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            header.set_mode(0o644);
            header.set_mtime(0);
            let path = self.folder.shown(&shard.name);
            shard
                .tar
                .append_data(&mut header, format!("{key}.{extension}"), bytes.as_slice())
                .map_err(|source| Error::Write { path, source })?;
        }
        shard.bytes = shard.bytes.saturating_add(bytes);
        shard.rows += 1;
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        let Some(Shard { name, tar, .. }) = self.shard.take() else { return Ok(()) };
        let told = |source| Error::Write { path: self.folder.shown(&name), source };
        let mut file = tar.into_inner().map_err(told)?;
        file.flush().map_err(told)
    }
}

/// One column of one batch.
enum Cells {
    Images(Images),
    Texts(StringViewArray),
    Lists(ArrayRef),
    Bytes(BinaryViewArray),
    Tensor(TensorArray, ArrayRef),
}

impl Cells {
    fn new(member: &MemberColumn, array: &ArrayRef) -> Result<Cells> {
        let cast = |to: DataType| arrow::compute::cast(array, &to);
        Ok(match member.kind {
            Kind::Image => Cells::Images(Images::new(&member.column, array)?),
            Kind::Text | Kind::Json => {
                Cells::Texts(cast(DataType::Utf8View)?.as_string_view().clone())
            }
            Kind::Texts => Cells::Lists(ArrayRef::clone(array)),
            Kind::Bytes => Cells::Bytes(cast(DataType::BinaryView)?.as_binary_view().clone()),
            Kind::Class | Kind::Array => {
                let tensor = TensorArray::try_new(member.column.ty.clone(), array)?;
                let plain = match tensor.elements().data_type() {
                    // One byte an element, as in the file.
                    DataType::Boolean => arrow::compute::cast(tensor.elements(), &DataType::UInt8)?,
                    _ => ArrayRef::clone(tensor.elements()),
                };
                Cells::Tensor(tensor, plain)
            }
        })
    }

    /// A row's member: its extension and bytes; `None` for a null.
    fn member(
        &self,
        member: &MemberColumn,
        row: usize,
    ) -> std::result::Result<Option<(String, Vec<u8>)>, String> {
        let named = |bytes: Vec<u8>| Some((member.name.clone(), bytes));
        Ok(match self {
            Cells::Images(images) => {
                images.file(row)?.map(|file| (member.image_name(&file), file.into_owned()))
            }
            Cells::Texts(texts) if texts.is_null(row) => None,
            Cells::Texts(texts) => named(texts.value(row).as_bytes().to_vec()),
            Cells::Bytes(bytes) if bytes.is_null(row) => None,
            Cells::Bytes(bytes) => named(bytes.value(row).to_vec()),
            Cells::Lists(lists) if lists.is_null(row) => None,
            Cells::Lists(lists) => {
                let list = lists.as_list_opt::<i32>().ok_or("it is no list")?.value(row);
                let texts =
                    arrow::compute::cast(&list, &DataType::Utf8View).map_err(|e| e.to_string())?;
                let texts: Vec<Option<&str>> = texts.as_string_view().iter().collect();
                named(serde_json::to_vec(&texts).map_err(|e| e.to_string())?)
            }
            Cells::Tensor(tensor, _) if tensor.is_null(row) => None,
            Cells::Tensor(tensor, plain) => {
                let range = tensor.range(row);
                let slice = plain.slice(range.start, range.len()).to_data();
                let width = tensor.ty().dtype.width().unwrap_or(1);
                let begin = slice.offset() * width;
                let bytes = slice.buffers().first().map_or(&[][..], |buffer| buffer.as_slice());
                let bytes = bytes.get(begin..begin + range.len() * width).unwrap_or_default();
                if member.kind == Kind::Class {
                    let code =
                        bytes.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
                    named(code.to_string().into_bytes())
                } else {
                    named(npy(&tensor.ty().dtype, &tensor.shape(row), bytes)?)
                }
            }
        })
    }
}

/// An `.npy` file.
fn npy(dtype: &DType, shape: &[usize], elements: &[u8]) -> std::result::Result<Vec<u8>, String> {
    let shape = shape.iter().map(|size| u64::try_from(*size).map_err(|e| e.to_string()));
    let header = Header::new(dtype.clone(), shape.collect::<std::result::Result<_, _>>()?);
    let mut bytes = header.to_bytes().ok_or_else(|| format!("NumPy has no {dtype}"))?;
    bytes.extend(elements);
    Ok(bytes)
}

impl Sink for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let cells =
            self.members.iter().map(|member| Cells::new(member, batch.column(member.column.index)));
        let cells = cells.collect::<Result<Vec<Cells>>>()?;
        let keys = match &self.key {
            None => None,
            Some(column) => {
                Some(arrow::compute::cast(batch.column(column.index), &DataType::Utf8View)?)
            }
        };
        let keys = keys.as_ref().map(|keys| keys.as_string_view());
        for row in 0..batch.num_rows() {
            let position = self.folder.rows;
            let key = self.key(keys, row, position)?;
            let mut sample: Vec<(String, Vec<u8>)> = Vec::with_capacity(self.members.len());
            for (member, cells) in self.members.iter().zip(&cells) {
                let found = cells.member(member, row);
                let found = found.map_err(|e| member.column.refuse(position, e))?;
                let Some((name, bytes)) = found else { continue };
                if sample.iter().any(|(known, _)| *known == name) {
                    let reason = format!("the sample has a member '{name}' already: leave one out");
                    return Err(member.column.refuse(position, reason));
                }
                sample.push((name, bytes));
            }
            if sample.is_empty() {
                return Err(Error::CannotWrite {
                    column: self.members.first().map_or(String::new(), |m| m.column.name.clone()),
                    row: Some(position),
                    reason: "every column is null: a sample without members is none".into(),
                });
            }
            self.sample(&key, &sample)?;
            self.last_key = key;
            self.folder.rows += 1;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.close()
    }
}
