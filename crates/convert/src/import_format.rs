//! The formats that rows are read from.

use std::fmt;
use std::str::FromStr;

/// A format that rows are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImportFormat {
    /// One folder of images for each class.
    ClassFolders,
    /// Pascal VOC: an XML file for each image.
    PascalVoc,
    /// COCO: one JSON file, and images.
    Coco,
    /// YOLO: a text file for each image.
    Yolo,
    /// Tar files of samples.
    WebDataset,
    /// One Parquet file.
    Parquet,
    /// An Arrow IPC stream.
    ArrowStream,
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// NumPy arrays.
    NumPy,
}

impl ImportFormat {
    /// Every format, with its name in commands.
    const ALL: [(ImportFormat, &'static str); 10] = [
        (ImportFormat::ClassFolders, "class-folders"),
        (ImportFormat::PascalVoc, "voc"),
        (ImportFormat::Coco, "coco"),
        (ImportFormat::Yolo, "yolo"),
        (ImportFormat::WebDataset, "webdataset"),
        (ImportFormat::Parquet, "parquet"),
        (ImportFormat::ArrowStream, "arrows"),
        (ImportFormat::Csv, "csv"),
        (ImportFormat::JsonLines, "jsonl"),
        (ImportFormat::NumPy, "npz"),
    ];

    /// The names of all formats, in the order in which help lists them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ImportFormat::ALL.iter().map(|(_, name)| *name)
    }

    /// The name as written in commands.
    pub fn name(self) -> &'static str {
        let found = ImportFormat::ALL.iter().find(|(format, _)| *format == self);
        found.map_or("unknown", |(_, name)| name)
    }

    /// The extension of a table's files; `None` for the formats of images.
    pub(crate) fn table(self) -> Option<&'static str> {
        match self {
            ImportFormat::Parquet
            | ImportFormat::ArrowStream
            | ImportFormat::Csv
            | ImportFormat::JsonLines
            | ImportFormat::NumPy => Some(self.name()),
            _ => None,
        }
    }
}

/// As written in commands.
impl fmt::Display for ImportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ImportFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<ImportFormat, String> {
        let found = ImportFormat::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(format, _)| *format).ok_or_else(|| {
            let known: Vec<&str> = ImportFormat::names().collect();
            format!("unknown format '{text}': use {}", known.join(", "))
        })
    }
}
