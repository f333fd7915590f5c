//! Columns and schemas.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use crate::dtype::DType;
use crate::error::Error;
use crate::error::Result;
use crate::htype::BoxFormat;
use crate::htype::HType;
use crate::ids::ColumnId;
use crate::nearest::nearest;
use crate::shape::MAX_NDIM;

/// How the bytes of a column are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// As they are. A slice reads only its bytes.
    None,
    /// Pages under LZ4: fast.
    Lz4,
    /// Pages under Zstandard: small.
    #[default]
    Zstd,
    /// Every sample is a JPEG or PNG file, kept byte for byte and decoded when pixels are needed.
    Encoded,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Compression::None => "none",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
            Compression::Encoded => "encoded",
        })
    }
}

/// A named, typed sequence of samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Identity within the dataset, given when the column enters a schema.
    #[serde(default = "no_id")]
    pub id: ColumnId,
    /// The name; `/` separates groups.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Meaning.
    #[serde(default, skip_serializing_if = "is_default")]
    pub htype: HType,
    /// One size for each dimension, `None` where samples differ; empty for scalars.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dims: Vec<Option<u32>>,
    /// True if a sample is a list of such values.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sequence: bool,
    /// True if a sample may be null.
    #[serde(default, skip_serializing_if = "is_default")]
    pub nullable: bool,
    /// How the bytes are kept.
    #[serde(default)]
    pub compression: Compression,
    /// What the numbers of a box are; for `bbox` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub box_format: Option<BoxFormat>,
    /// Names of the classes in the order of their codes; for `class_label` and `segment_mask`.
    /// Append-only: a code never changes its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// The value of rows that were written before the column was added; null if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<serde_json::Value>,
}

fn no_id() -> ColumnId {
    ColumnId(u64::MAX)
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Column {
    /// A scalar column.
    pub fn scalar(name: impl Into<String>, dtype: DType) -> Column {
        let htype = match dtype {
            DType::Text => HType::Text,
            DType::Json => HType::Json,
            _ => HType::Generic,
        };
        Column {
            id: no_id(),
            name: name.into(),
            dtype,
            htype,
            dims: Vec::new(),
            sequence: false,
            nullable: false,
            compression: Compression::default(),
            box_format: None,
            classes: Vec::new(),
            fill: None,
        }
    }

    /// A column of tensors; `None` for a dimension whose size differs from sample to sample.
    ///
    /// Fixed shapes are kept uncompressed so that slices read their bytes only; change it with
    /// [`Column::with_compression`].
    pub fn tensor(name: impl Into<String>, dtype: DType, dims: &[Option<u32>]) -> Column {
        let mut column = Column::scalar(name, dtype);
        column.dims = dims.to_vec();
        if !dims.is_empty() && dims.iter().all(Option::is_some) {
            column.compression = Compression::None;
        }
        column
    }

    /// Text.
    pub fn text(name: impl Into<String>) -> Column {
        Column::scalar(name, DType::Text)
    }

    /// JSON documents.
    pub fn json(name: impl Into<String>) -> Column {
        Column::scalar(name, DType::Json)
    }

    /// JPEG or PNG images, kept byte for byte.
    pub fn image(name: impl Into<String>) -> Column {
        let mut column = Column::tensor(name, DType::U8, &[None, None, None]);
        column.htype = HType::Image;
        column.compression = Compression::Encoded;
        column
    }

    /// One class a row.
    pub fn class_label(name: impl Into<String>, classes: Vec<String>) -> Column {
        let mut column = Column::scalar(name, DType::U32);
        column.htype = HType::ClassLabel;
        column.classes = classes;
        column
    }

    /// Any number of classes a row, in order.
    pub fn class_labels(name: impl Into<String>, classes: Vec<String>) -> Column {
        let mut column = Column::class_label(name, classes);
        column.dims = vec![None];
        column
    }

    /// Any number of boxes a row, f32 `[N, 4]`.
    pub fn boxes(name: impl Into<String>, format: BoxFormat) -> Column {
        let mut column = Column::tensor(name, DType::F32, &[None, Some(4)]);
        column.htype = HType::BBox;
        column.box_format = Some(format);
        column
    }

    /// One bool a pixel, `[H, W]`.
    pub fn binary_mask(name: impl Into<String>) -> Column {
        let mut column = Column::tensor(name, DType::Bool, &[None, None]);
        column.htype = HType::BinaryMask;
        column
    }

    /// One class code a pixel, u8 `[H, W]`.
    pub fn segment_mask(name: impl Into<String>, classes: Vec<String>) -> Column {
        let mut column = Column::tensor(name, DType::U8, &[None, None]);
        column.htype = HType::SegmentMask;
        column.classes = classes;
        column
    }

    /// A vector of `size` f32.
    pub fn embedding(name: impl Into<String>, size: u32) -> Column {
        let mut column = Column::tensor(name, DType::F32, &[Some(size)]);
        column.htype = HType::Embedding;
        column
    }

    /// The same column with another meaning.
    pub fn with_htype(mut self, htype: HType) -> Column {
        self.htype = htype;
        self
    }

    /// The same column with another compression.
    pub fn with_compression(mut self, compression: Compression) -> Column {
        self.compression = compression;
        self
    }

    /// The same column with samples that may be null.
    pub fn nullable(mut self) -> Column {
        self.nullable = true;
        self
    }

    /// A column whose samples are lists of this column's values.
    pub fn sequence(mut self) -> Column {
        self.sequence = true;
        self
    }

    /// The same column with a value for rows written before it was added.
    pub fn with_fill(mut self, fill: serde_json::Value) -> Column {
        self.fill = Some(fill);
        self
    }

    /// True if values that were written for `older`, the same column before, are values of this one:
    /// classes may have been added behind the others, and the name may differ.
    pub fn stores_like(&self, older: &Column) -> bool {
        self.is_formed_like(older) && self.classes.starts_with(&older.classes)
    }

    /// As [`Column::stores_like`], but that class codes may mean other classes.
    pub fn is_formed_like(&self, older: &Column) -> bool {
        self.dtype == older.dtype
            && self.dims == older.dims
            && self.sequence == older.sequence
            && self.compression == older.compression
            && (self.nullable || !older.nullable)
    }

    /// Number of dimensions of one value.
    pub fn ndim(&self) -> usize {
        self.dims.len()
    }

    /// Elements of one value if every dimension is fixed; 1 for a scalar.
    pub fn fixed_elements(&self) -> Option<usize> {
        self.dims
            .iter()
            .try_fold(1usize, |product, dim| product.checked_mul(usize::try_from((*dim)?).ok()?))
    }

    /// Checks that the column can be stored.
    ///
    /// # Errors
    /// [`Error::InvalidColumn`] with what to change.
    pub fn validate(&self) -> Result<()> {
        let refuse = |reason: &str| {
            Err(Error::InvalidColumn { column: self.name.clone(), reason: reason.to_string() })
        };
        if self.name.is_empty() || self.name.chars().any(|c| c.is_control() || c == '"') {
            return refuse(
                "a name needs at least one character, no quotes and no control characters",
            );
        }
        if self.name.starts_with("__") {
            return refuse("names that begin with '__' are reserved for the engine");
        }
        if self.dims.len() > MAX_NDIM {
            return refuse("a sample has at most 8 dimensions");
        }
        if self.dims.contains(&Some(0)) {
            return refuse(
                "a fixed dimension must be at least 1: use an open one for empty samples",
            );
        }
        if self.fixed_elements().is_none() && self.dims.iter().all(Option::is_some) {
            return refuse("the fixed shape has more elements than a sample may have");
        }
        if !self.dims.is_empty() && !self.dtype.is_tensor_element() {
            return refuse("only bool, integers and floats have dimensions: use a sequence");
        }
        let encoded = self.compression == Compression::Encoded;
        if encoded && (self.dtype != DType::U8 || self.dims.len() != 3) {
            return refuse("encoded images are u8 with three dimensions [H, W, C]");
        }
        if !self.classes.is_empty() && !self.dtype.is_unsigned_integer() {
            return refuse("class codes are unsigned integers");
        }
        match self.htype {
            HType::Image if self.dims.len() != 3 => {
                refuse("an image has three dimensions [H, W, C]")
            }
            HType::ClassLabel if !self.dtype.is_unsigned_integer() => {
                refuse("a class_label is an unsigned integer")
            }
            HType::BBox if self.dims.last() != Some(&Some(4)) => {
                refuse("the last dimension of a bbox is 4")
            }
            HType::BinaryMask if self.dtype != DType::Bool => refuse("a binary_mask is bool"),
            HType::Embedding if !self.dtype.is_float() || self.dims.is_empty() => {
                refuse("an embedding is a vector of floats")
            }
            HType::Text if self.dtype != DType::Text => refuse("htype text needs dtype text"),
            HType::Json if self.dtype != DType::Json => refuse("htype json needs dtype json"),
            _ => Ok(()),
        }
    }

    /// The code of a class name.
    ///
    /// # Errors
    /// [`Error::UnknownClass`] with the nearest name.
    pub fn class_code(&self, name: &str) -> Result<u64> {
        class_code(&self.classes, name)
    }
}

/// The code of a class name in a list of names.
///
/// # Errors
/// [`Error::UnknownClass`] with the nearest name.
pub fn class_code(classes: &[String], name: &str) -> Result<u64> {
    match classes.iter().position(|class| class == name) {
        Some(code) => Ok(u64::try_from(code).unwrap_or(u64::MAX)),
        None => Err(Error::UnknownClass {
            name: name.to_string(),
            nearest: nearest(name, classes.iter().map(String::as_str)),
        }),
    }
}

/// The columns of a dataset, in order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Schema {
    /// The columns.
    pub columns: Vec<Column>,
}

impl Schema {
    /// A schema; ids are given when a dataset is created.
    ///
    /// # Errors
    /// [`Error::InvalidColumn`] or [`Error::DuplicateColumn`].
    pub fn new(columns: Vec<Column>) -> Result<Schema> {
        let schema = Schema { columns };
        schema.validate()?;
        Ok(schema)
    }

    /// Checks every column and that names differ.
    ///
    /// # Errors
    /// [`Error::InvalidColumn`] or [`Error::DuplicateColumn`].
    pub fn validate(&self) -> Result<()> {
        let mut seen = std::collections::BTreeSet::new();
        for column in &self.columns {
            column.validate()?;
            if !seen.insert(column.name.as_str()) {
                return Err(Error::DuplicateColumn { name: column.name.clone() });
            }
        }
        Ok(())
    }

    /// The column of a name.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`] with the nearest name.
    pub fn column(&self, name: &str) -> Result<&Column> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| Error::UnknownColumn {
            name: name.to_string(),
            nearest: nearest(name, self.columns.iter().map(|c| c.name.as_str())),
        })
    }

    /// The column of an id.
    pub fn by_id(&self, id: ColumnId) -> Option<&Column> {
        self.columns.iter().find(|column| column.id == id)
    }
}
