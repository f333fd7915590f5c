//! What the tests of several importers need: drawn pictures, folders, and a stream's sum.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::path::PathBuf;

use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use futures::StreamExt;
use image::ImageFormat;
use image::RgbImage;
use lakebed_core::Schema;

use crate::columns::arrow_schema;
use crate::error::Problem;
use crate::error::Result;
use crate::options::ImportOptions;
use crate::options::OnError;
use crate::source::Event;
use crate::source::Source;

/// A picture that differs with its seed.
pub(crate) fn picture(width: u32, height: u32, seed: u8, format: ImageFormat) -> Vec<u8> {
    let image = RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([seed, u8::try_from(x % 256).unwrap(), u8::try_from(y % 256).unwrap()])
    });
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(crate) fn jpeg(width: u32, height: u32, seed: u8) -> Vec<u8> {
    picture(width, height, seed, ImageFormat::Jpeg)
}

pub(crate) fn png(width: u32, height: u32, seed: u8) -> Vec<u8> {
    picture(width, height, seed, ImageFormat::Png)
}

/// Writes a file, and the folders above it.
pub(crate) fn put(root: &Path, file: &str, bytes: impl AsRef<[u8]>) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Everything that a source yields.
#[derive(Debug)]
pub(crate) struct All {
    pub schema: Schema,
    pub batches: Vec<RecordBatch>,
    pub warnings: Vec<Problem>,
    pub skipped: Vec<Problem>,
}

impl All {
    pub fn batch(&self) -> RecordBatch {
        concat_batches(&arrow_schema(&self.schema), &self.batches).unwrap()
    }

    pub fn texts(&self, column: &str) -> Vec<Option<String>> {
        let batch = self.batch();
        let texts = batch.column_by_name(column).unwrap().as_string_view().clone();
        texts.iter().map(|text| text.map(str::to_string)).collect()
    }

    pub fn names(&self) -> Vec<&str> {
        self.schema.columns.iter().map(|column| column.name.as_str()).collect()
    }
}

pub(crate) async fn read(source: Box<dyn Source>, options: &ImportOptions) -> Result<All> {
    let schema = source.schema().clone();
    let mut all = All { schema, batches: Vec::new(), warnings: Vec::new(), skipped: Vec::new() };
    let mut events = source.batches(options);
    while let Some(event) = events.next().await {
        match event? {
            Event::Batch(batch) => all.batches.push(batch),
            Event::Warning(problem) => all.warnings.push(problem),
            Event::Skipped(problem) => all.skipped.push(problem),
        }
    }
    Ok(all)
}

pub(crate) fn skip() -> ImportOptions {
    ImportOptions { on_error: OnError::Skip, ..ImportOptions::default() }
}

/// A folder of real data beside the repository, if it is there.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if !path.is_dir() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}
