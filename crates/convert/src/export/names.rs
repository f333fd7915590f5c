//! Names of files: from a column, or from the position.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use arrow_schema::DataType;
use arrow_schema::Schema;
use lakebed_codec::media::MediaKind;

use crate::error::Error;
use crate::error::Result;
use crate::files;

/// Where names come from.
#[derive(Debug)]
pub(crate) struct Names {
    column: Option<(usize, String)>,
}

impl Names {
    /// # Errors
    /// [`Error::CannotWrite`] if the column that was asked for is no text.
    pub fn new(schema: &Schema, wanted: Option<&str>) -> Result<Names> {
        let found = schema.column_with_name(wanted.unwrap_or("filename"));
        let is_text = |data_type: &DataType| {
            matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        };
        match (found, wanted) {
            (Some((index, field)), _) if is_text(field.data_type()) => {
                Ok(Names { column: Some((index, field.name().clone())) })
            }
            (_, None) => Ok(Names { column: None }),
            (found, Some(wanted)) => Err(Error::CannotWrite {
                column: wanted.to_string(),
                row: None,
                reason: match found {
                    Some((_, field)) => {
                        format!("it is {}, and files are named by text", field.data_type())
                    }
                    None => "there is no such column to name files by".into(),
                },
            }),
        }
    }

    /// The names of a batch.
    ///
    /// # Errors
    /// [`Error::Arrow`].
    pub fn of(&self, batch: &RecordBatch) -> Result<BatchNames> {
        let texts = match &self.column {
            None => None,
            Some((index, _)) => Some(arrow::compute::cast(batch.column(*index), &DataType::Utf8)?),
        };
        let column = self.column.as_ref().map_or("", |(_, name)| name.as_str());
        Ok(BatchNames { texts, column: Arc::from(column) })
    }
}

/// The names of one batch.
pub(crate) struct BatchNames {
    texts: Option<ArrayRef>,
    column: Arc<str>,
}

impl BatchNames {
    /// The path of a row's image: what its column says, made to end as `bytes` are, or its
    /// position in nine digits.
    ///
    /// # Errors
    /// [`Error::CannotWrite`] for a null, and for a name that leads anywhere but below its folder.
    pub fn image(&self, row: usize, position: u64, bytes: &[u8]) -> Result<String> {
        let extension = match MediaKind::detect(bytes) {
            Some(MediaKind::Png) => "png",
            _ => "jpg",
        };
        let Some(texts) = &self.texts else { return Ok(format!("{position:09}.{extension}")) };
        let refuse = |reason: String| Error::CannotWrite {
            column: self.column.to_string(),
            row: Some(position),
            reason,
        };
        let texts: &arrow::array::StringArray = arrow::array::AsArray::as_string(texts);
        if texts.is_null(row) {
            return Err(refuse("it is null, and names a file".into()));
        }
        let name = texts.value(row);
        check(name).map_err(|cause| refuse(format!("'{name}' {cause}")))?;
        let known = files::extension(name).to_ascii_lowercase();
        let fits = match extension {
            "png" => known == "png",
            _ => matches!(known.as_str(), "jpg" | "jpeg" | "jpe" | "jfif"),
        };
        if fits {
            return Ok(name.to_string());
        }
        let is_image = matches!(known.as_str(), "png" | "jpg" | "jpeg" | "jpe" | "jfif");
        let stem = if is_image { &name[..name.len() - known.len() - 1] } else { name };
        Ok(format!("{stem}.{extension}"))
    }
}

/// A relative path of plain names, on every system.
fn check(name: &str) -> std::result::Result<(), &'static str> {
    if name.len() > 1024 || name.split('/').any(|part| part.len() > 240) {
        return Err("is too long for the name of a file");
    }
    if name
        .chars()
        .any(|c| c.is_control() || matches!(c, '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|'))
    {
        return Err("has characters that not every file system takes");
    }
    if name.split('/').any(|part| part.is_empty() || part.starts_with('.')) {
        return Err("is no path below a folder: absolute, hidden or with '..'");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_their_folder() {
        for name in ["a.jpg", "train/cat/a b.png", "\u{e9}.jpg"] {
            assert!(check(name).is_ok(), "{name}");
        }
        let long = "x".repeat(300);
        for name in ["", "/etc/x", "../x", "a/../x", "a//b", ".x", "a\\b", "c:x", "a\0", &long] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
