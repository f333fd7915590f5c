//! A folder of class folders: `cat/1.jpg`, `dog/2.png`, or `train/cat/1.jpg`, `test/dog/2.jpg`.
//!
//! The class of an image is the name of the folder that directly holds it. Rows are sorted by
//! path. Columns:
//!
//! | column | type | |
//! |---|---|---|
//! | `images` | image | the file, byte for byte |
//! | `labels` | class_label | classes sorted by name |
//! | `filename` | text | the path relative to the root, with `/` |
//! | `split` | text, nullable | only if more than one split occurs |
//!
//! A split is a folder above the class folder named train, training, val, valid, validation,
//! test or testing; the nearest one counts, as it is written.
//!
//! A file is an image if its name ends like one or its first bytes are those of a JPEG or PNG,
//! whatever its name. Text, tables and documents beside the images are ignored, and so are hidden
//! files and folders; other files give one warning for each extension.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use arrow::array::StringViewBuilder;
use arrow::datatypes::UInt32Type;
use arrow::record_batch::RecordBatch;
use arrow_schema::SchemaRef;
use lakebed_core::Column;
use lakebed_core::Schema;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;

use crate::columns::ImageBuilder;
use crate::columns::arrow_schema;
use crate::detect::blocking;
use crate::error::Error;
use crate::error::Problem;
use crate::error::Result;
use crate::files;
use crate::files::FileKind;
use crate::files::Listing;
use crate::media;
use crate::media::EncodedImage;
use crate::options::ImportOptions;
use crate::pipeline;
use crate::pipeline::BatchBuilder;
use crate::pipeline::Found;
use crate::pipeline::Item;
use crate::pipeline::Loaded;
use crate::source::BatchStream;
use crate::source::Source;

const SPLITS: [&str; 7] = ["train", "training", "val", "valid", "validation", "test", "testing"];

/// A folder of class folders, listed.
#[derive(Debug)]
pub struct ClassFolders {
    root: PathBuf,
    schema: Schema,
    entries: Vec<Entry>,
    found: Found,
}

#[derive(Debug)]
struct Entry {
    file: String,
    class: u32,
    split: bool,
}

impl ClassFolders {
    /// Lists a folder.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::NotAFolder`], [`Error::UnknownFormat`] if no image lies in a
    /// class folder.
    pub async fn open(path: &Path) -> Result<ClassFolders> {
        let path = path.to_path_buf();
        blocking(move || {
            let root = files::open_root(&path)?;
            let listing = files::walk(&root)?;
            ClassFolders::from_listing(&path, root, listing)
        })
        .await
    }

    pub(crate) fn from_listing(
        path: &Path,
        root: PathBuf,
        listing: Listing,
    ) -> Result<ClassFolders> {
        let mut found =
            Found { warnings: listing.warnings, refused: listing.refused, doomed: None };
        let mut images = Vec::new();
        let mut others: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let total = listing.files.len();
        for file in listing.files {
            match files::kind(&root, &file) {
                FileKind::Image if class_of(&file).is_some() => images.push(file),
                FileKind::Image => found.refused.push(Problem::new(
                    file,
                    "the image lies in no class folder: move it into a folder named after its class",
                )),
                FileKind::OtherImage => found.refused.push(Problem::new(
                    file,
                    "only JPEG and PNG images can be imported: convert it",
                )),
                FileKind::Companion => {}
                FileKind::Unknown => {
                    let extension = files::extension(&file).to_ascii_lowercase();
                    others.entry(extension).or_default().push(file);
                }
            }
        }
        for files in others.values() {
            found.warnings.extend(files::summarize(files, "left out: neither JPEG nor PNG"));
        }
        if images.is_empty() {
            let found = match found.refused.first() {
                Some(problem) => format!("found '{}': {}", problem.file, problem.cause),
                None => format!("found {total} other files"),
            };
            return Err(Error::UnknownFormat { path: path.to_path_buf(), found });
        }
        let classes: BTreeSet<&str> = images.iter().filter_map(|file| class_of(file)).collect();
        let classes: Vec<String> = classes.into_iter().map(str::to_string).collect();
        let splits: BTreeSet<&str> = images.iter().filter_map(|file| split_of(file)).collect();
        let split = splits.len() > 1;
        let mut columns = vec![
            Column::image("images"),
            Column::class_label("labels", classes.clone()),
            Column::text("filename"),
        ];
        if split {
            columns.push(Column::text("split").nullable());
        }
        let schema = Schema::new(columns)?;
        let mut entries = Vec::with_capacity(images.len());
        for file in images {
            let class = class_of(&file)
                .and_then(|class| classes.binary_search_by(|known| known.as_str().cmp(class)).ok());
            let class = class.and_then(|class| u32::try_from(class).ok()).ok_or_else(|| {
                Error::File(Problem::new(file.as_str(), "more than 2^32 classes"))
            })?;
            entries.push(Entry { file, class, split });
        }
        Ok(ClassFolders { root, schema, entries, found })
    }
}

/// The name of the folder that directly holds the file.
fn class_of(file: &str) -> Option<&str> {
    let (folder, _) = file.rsplit_once('/')?;
    Some(files::file_name(folder))
}

/// The nearest folder above the class folder that is named like a split.
fn split_of(file: &str) -> Option<&str> {
    file.rsplit('/').skip(2).find(|folder| SPLITS.contains(&folder.to_ascii_lowercase().as_str()))
}

impl Item for Entry {
    fn file(&self) -> &str {
        &self.file
    }
}

impl Source for ClassFolders {
    fn format(&self) -> &'static str {
        "class folders"
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn rows(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    fn batches(self: Box<Self>, options: &ImportOptions) -> BatchStream {
        let ClassFolders { root, schema, entries, found } = *self;
        let builder = Builder::new(schema);
        let load_options = options.clone();
        let load = move |entry: Entry| {
            let image = media::load(&root, &entry.file, &load_options)?;
            let bytes = image.bytes.len() + entry.file.len();
            Ok(Loaded { row: (image, entry), bytes, warnings: Vec::new(), common: Vec::new() })
        };
        pipeline::run(entries, load, builder, found, options)
    }
}

struct Builder {
    schema: Schema,
    arrow: SchemaRef,
    images: ImageBuilder,
    labels: TensorBuilder<u32>,
    filenames: StringViewBuilder,
    splits: StringViewBuilder,
}

impl Builder {
    fn new(schema: Schema) -> Builder {
        Builder {
            arrow: arrow_schema(&schema),
            schema,
            images: ImageBuilder::new(),
            labels: TensorBuilder::new(0),
            filenames: StringViewBuilder::new(),
            splits: StringViewBuilder::new(),
        }
    }
}

impl BatchBuilder for Builder {
    type Row = (EncodedImage, Entry);

    fn push(&mut self, (image, entry): Self::Row) -> Result<()> {
        self.images.push(image)?;
        self.labels.push(&[entry.class], &[])?;
        self.splits.append_option(if entry.split { split_of(&entry.file) } else { None });
        self.filenames.append_value(entry.file);
        Ok(())
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        let labels = std::mem::replace(&mut self.labels, TensorBuilder::new(0));
        let labels_type = TensorType::from_column(self.schema.column("labels")?);
        let splits = self.splits.finish();
        let mut arrays = vec![
            self.images.finish(self.schema.column("images")?)?,
            labels.finish::<UInt32Type>(&labels_type)?,
            std::sync::Arc::new(self.filenames.finish()),
        ];
        if self.schema.columns.len() > arrays.len() {
            arrays.push(std::sync::Arc::new(splits));
        }
        Ok(RecordBatch::try_new(SchemaRef::clone(&self.arrow), arrays)?)
    }
}

#[cfg(test)]
mod tests;
