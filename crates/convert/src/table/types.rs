//! The type of a column in words: `f32`, `u8[?,?,3]`, `class_label`, `sequence[text]`, `skip`.

use std::fmt;
use std::str::FromStr;

use lakebed_core::BoxFormat;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::HType;

/// What a column of a table is to become.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnType {
    /// Elements of a type, with one size for each dimension, `None` where rows differ.
    Tensor(DType, Vec<Option<u32>>),
    /// A list of scalars a row, of any type.
    Sequence(DType),
    /// A meaning; element type and shape follow from it and from the values.
    Meaning(HType),
    /// The column is left out.
    Skip,
}

impl ColumnType {
    /// The column of this type; `inferred` is what it would be otherwise.
    ///
    /// # Errors
    /// The reason, if the values cannot have that meaning.
    pub(super) fn column(&self, inferred: &Column) -> Result<Option<Column>, String> {
        let name = inferred.name.as_str();
        let ndim = inferred.dims.len() + usize::from(inferred.sequence);
        let column = match self {
            ColumnType::Skip => return Ok(None),
            ColumnType::Tensor(dtype, dims) => Column::tensor(name, dtype.clone(), dims),
            ColumnType::Sequence(dtype) => Column::scalar(name, dtype.clone()).sequence(),
            ColumnType::Meaning(meaning) => match meaning {
                HType::Generic => return Err("'generic' says nothing: give a dtype".into()),
                HType::Image => Column::image(name),
                HType::ClassLabel if ndim == 0 => Column::class_label(name, Vec::new()),
                HType::ClassLabel => {
                    let mut column = Column::class_labels(name, Vec::new());
                    column.dims = vec![None; ndim];
                    column
                }
                HType::BBox => Column::boxes(name, BoxFormat::default()),
                HType::BinaryMask => Column::binary_mask(name),
                HType::SegmentMask => Column::segment_mask(name, Vec::new()),
                HType::Embedding => match inferred.dims.as_slice() {
                    [Some(size)] => Column::embedding(name, *size),
                    _ => Column::tensor(name, DType::F32, &vec![None; ndim.max(1)])
                        .with_htype(HType::Embedding),
                },
                HType::Text => Column::text(name),
                HType::Json => Column::json(name),
            },
        };
        let mut column = column;
        column.nullable = inferred.nullable;
        Ok(Some(column))
    }
}

impl FromStr for ColumnType {
    type Err = String;

    fn from_str(text: &str) -> Result<ColumnType, String> {
        let dtype = |name: &str| name.parse::<DType>().map_err(|e| e.to_string());
        if text == "skip" {
            return Ok(ColumnType::Skip);
        }
        if let Some(inner) = text.strip_prefix("sequence[") {
            let inner =
                inner.strip_suffix(']').ok_or_else(|| format!("'{text}' ends without ]"))?;
            return Ok(ColumnType::Sequence(dtype(inner)?));
        }
        if let Some((name, dims)) = text.split_once('[') {
            let dims = dims.strip_suffix(']').ok_or_else(|| format!("'{text}' ends without ]"))?;
            let dims = dims.split(',').map(|dim| match dim.trim() {
                "?" => Ok(None),
                dim => dim
                    .parse()
                    .map(Some)
                    .map_err(|_| format!("'{dim}' is no size: write ? or a number")),
            });
            return Ok(ColumnType::Tensor(dtype(name)?, dims.collect::<Result<_, String>>()?));
        }
        // `text` and `json` are both, and mean the same.
        match text.parse::<HType>() {
            Ok(meaning) if meaning != HType::Generic => Ok(ColumnType::Meaning(meaning)),
            _ => dtype(text).map(|dtype| ColumnType::Tensor(dtype, Vec::new())).map_err(|e| {
                let meanings: Vec<&str> = HType::ALL.into_iter().skip(1).map(HType::name).collect();
                format!("{e}; or a meaning: {}; or 'skip'", meanings.join(", "))
            }),
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ColumnType::Tensor(dtype, dims) => {
                lakebed_core::TensorType::tensor(dtype.clone(), dims.clone()).fmt(f)
            }
            ColumnType::Sequence(dtype) => write!(f, "sequence[{dtype}]"),
            ColumnType::Meaning(meaning) => meaning.fmt(f),
            ColumnType::Skip => f.write_str("skip"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for text in
            ["f32", "u8[?,?,3]", "class_label", "sequence[text]", "skip", "timestamp(us,UTC)"]
        {
            assert_eq!(text.parse::<ColumnType>().unwrap().to_string(), text);
        }
        for wrong in ["", "generic", "f32[", "f32[x]", "f33", "sequence[text", "sequence[x]"] {
            assert!(wrong.parse::<ColumnType>().is_err(), "{wrong}");
        }
    }
}
