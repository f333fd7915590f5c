//! The formats that rows can be written in.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::error::Error;
use crate::error::Result;

/// A format that rows can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExportFormat {
    /// One Parquet file.
    Parquet,
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// One NumPy array: exactly one column.
    Npy,
    /// A zip file of NumPy arrays, one a column.
    Npz,
    /// An Arrow IPC stream.
    ArrowStream,
    /// A folder of image files, and nothing else.
    Images,
    /// A folder of shards: tar files of samples.
    WebDataset,
    /// A folder of images, and one JSON file of annotations.
    Coco,
    /// A folder of images, and a text file of boxes for each.
    Yolo,
}

impl ExportFormat {
    /// Every format, with its name in commands and its extensions, the usual one first.
    const ALL: [(ExportFormat, &'static str, &'static [&'static str]); 10] = [
        (ExportFormat::Parquet, "parquet", &["parquet", "pq"]),
        (ExportFormat::Csv, "csv", &["csv"]),
        (ExportFormat::JsonLines, "jsonl", &["jsonl", "ndjson"]),
        (ExportFormat::Npy, "npy", &["npy"]),
        (ExportFormat::Npz, "npz", &["npz"]),
        (ExportFormat::ArrowStream, "arrows", &["arrows"]),
        (ExportFormat::Images, "images", &["images"]),
        (ExportFormat::WebDataset, "webdataset", &["webdataset", "wds"]),
        (ExportFormat::Coco, "coco", &["coco"]),
        (ExportFormat::Yolo, "yolo", &["yolo"]),
    ];

    /// The format that a destination's extension names, in any case.
    ///
    /// # Errors
    /// [`Error::UnknownExport`] with the extensions that are known.
    pub fn from_path(path: &Path) -> Result<ExportFormat> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let extension = extension.unwrap_or_default().to_ascii_lowercase();
        let known = ExportFormat::ALL.iter().find(|(_, _, all)| all.contains(&extension.as_str()));
        known
            .map(|(format, _, _)| *format)
            .ok_or_else(|| Error::UnknownExport { path: path.to_path_buf() })
    }

    /// The name as written in commands.
    pub fn name(self) -> &'static str {
        ExportFormat::ALL
            .iter()
            .find(|(format, _, _)| *format == self)
            .map_or("unknown", |(_, name, _)| name)
    }

    /// The names of all formats, in the order in which help lists them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ExportFormat::ALL.iter().map(|(_, name, _)| *name)
    }

    /// True if the format is a folder of files.
    pub fn is_folder(self) -> bool {
        matches!(
            self,
            ExportFormat::Images
                | ExportFormat::WebDataset
                | ExportFormat::Coco
                | ExportFormat::Yolo
        )
    }

    /// What a destination may be named, for messages.
    pub(crate) fn extensions() -> String {
        let names = ExportFormat::ALL.iter().filter_map(|(_, _, all)| all.first());
        let names: Vec<String> = names.map(|name| format!(".{name}")).collect();
        names.join(", ")
    }
}

/// As people write it.
impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ExportFormat::Parquet => "Parquet",
            ExportFormat::Csv => "CSV",
            ExportFormat::JsonLines => "JSON lines",
            ExportFormat::Npy => "NumPy .npy",
            ExportFormat::Npz => "NumPy .npz",
            ExportFormat::ArrowStream => "an Arrow stream",
            ExportFormat::Images => "a folder of images",
            ExportFormat::WebDataset => "WebDataset",
            ExportFormat::Coco => "COCO",
            ExportFormat::Yolo => "YOLO",
        })
    }
}

impl FromStr for ExportFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<ExportFormat, String> {
        ExportFormat::ALL
            .iter()
            .find(|(_, name, _)| *name == text)
            .map(|(format, _, _)| *format)
            .ok_or_else(|| {
                let known: Vec<&str> = ExportFormat::names().collect();
                format!("unknown format '{text}': use {}", known.join(", "))
            })
    }
}
