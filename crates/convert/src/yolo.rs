//! YOLO text labels, as Ultralytics lays them out: `images/train/1.jpg` with
//! `labels/train/1.txt`, or `train/images/1.jpg` with `train/labels/1.txt`, and a `data.yaml`.
//!
//! One row for each image below a folder `images`, sorted by path; an image without a text file
//! is a row with empties. In the path to the text file the last folder `images` is `labels`.
//! Columns:
//!
//! | column | type | from |
//! |---|---|---|
//! | `images` | image | the file, byte for byte |
//! | `filename` | text | the image's path below the root |
//! | `boxes` | bbox f32 `[N, 4]`, center x, center y, width, height **in pixels** | a line, times the image's size |
//! | `labels` | class_label `[N]` | the line's first number |
//! | `masks` | binary_mask bool `[H, W, N]` | lines that are polygons; all false for boxes |
//! | `keypoints` | f32 `[N, K, 3]`: x, y in pixels, visibility | if `data.yaml` has `kpt_shape` |
//! | `split` | text | only if images lie in several of train, val, test ... |
//!
//! A line is `class x y width height`, or `class x0 y0 x1 y1 x2 y2 ...`, a polygon, whose box is
//! what it spans; with `kpt_shape: [K, D]` it is the box and K times D numbers, where D is 2 or 3
//! and a point without visibility counts as visible unless it is (0, 0). Coordinates are parts of
//! the image's width and height, 0 to 1; up to a hundredth beyond is let pass, as there.
//!
//! Class names come from `names` in the first `.yaml` file of the root that has them (a list, or
//! a map from numbers), else from `classes.txt`, one a line; else classes are their numbers.
//! The rules are those of <https://docs.ultralytics.com/datasets/>.

use std::collections::HashSet;
use std::path::Path;
use std::path::PathBuf;

use lakebed_core::BoxFormat;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;

use crate::annotated::Builder;
use crate::annotated::Row;
use crate::annotated::single;
use crate::detect::blocking;
use crate::error::Error;
use crate::error::Problem;
use crate::error::Result;
use crate::files;
use crate::files::FileKind;
use crate::files::Listing;
use crate::masks::polygon::rasterize;
use crate::media;
use crate::options::ImportOptions;
use crate::pipeline;
use crate::pipeline::Found;
use crate::pipeline::Item;
use crate::pipeline::Loaded;
use crate::source::BatchStream;
use crate::source::Source;
use crate::yolo::label::Object;
use crate::yolo::names::Names;

mod label;
mod names;

/// The folder of images, and the one of text files beside it.
const IMAGES: &str = "images";
const LABELS: &str = "labels";
const SPLITS: [&str; 6] = ["train", "training", "val", "valid", "validation", "test"];

/// A folder of images with YOLO labels, listed, its labels read once.
#[derive(Debug)]
pub struct Yolo {
    schema: Schema,
    entries: Vec<Entry>,
    folder: Folder,
    found: Found,
}

#[derive(Debug)]
struct Entry {
    image: String,
    /// Its text file, if there is one.
    labels: Option<String>,
}

#[derive(Debug)]
struct Folder {
    root: PathBuf,
    classes: usize,
    keypoints: Option<label::Keypoints>,
    split: bool,
}

impl Yolo {
    /// Lists a folder and reads its labels.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::NotAFolder`], [`Error::UnknownFormat`] if no image has a text
    /// file, [`Error::File`] for names that cannot be read.
    pub async fn open(path: &Path, options: &ImportOptions) -> Result<Yolo> {
        let path = path.to_path_buf();
        let options = options.clone();
        blocking(move || {
            let root = files::open_root(&path)?;
            let listing = files::walk(&root)?;
            if !Yolo::is_listed(&listing) {
                let found = format!("found {} other files", listing.files.len());
                return Err(Error::UnknownFormat { path, found });
            }
            Yolo::from_listing(root, listing, &options)
        })
        .await
    }

    /// True if some file in a folder `labels` belongs to a file in a folder `images`.
    pub(crate) fn is_listed(listing: &Listing) -> bool {
        let labels: HashSet<&str> = listing
            .files
            .iter()
            .filter(|file| file.ends_with(".txt") && folders(file).any(|name| name == LABELS))
            .map(String::as_str)
            .collect();
        let mut files = listing.files.iter();
        !labels.is_empty()
            && files.any(|file| labels_of(file).is_some_and(|text| labels.contains(text.as_str())))
    }

    pub(crate) fn from_listing(
        root: PathBuf,
        listing: Listing,
        options: &ImportOptions,
    ) -> Result<Yolo> {
        let Listing { files, mut warnings, mut refused } = listing;
        let names = Names::read(&root, &files, options, &mut warnings).map_err(Error::File)?;
        let known: HashSet<&str> = files.iter().map(String::as_str).collect();
        let mut entries = Vec::new();
        for file in &files {
            let Some(text) = labels_of(file) else { continue };
            match files::kind(&root, file) {
                FileKind::Image => {
                    let labels = Some(text).filter(|text| known.contains(text.as_str()));
                    entries.push(Entry { image: file.clone(), labels });
                }
                FileKind::OtherImage => refused.push(Problem::new(
                    file.as_str(),
                    "only JPEG and PNG images can be imported: convert it",
                )),
                FileKind::Companion | FileKind::Unknown => {}
            }
        }
        let described: HashSet<&str> =
            entries.iter().filter_map(|entry| entry.labels.as_deref()).collect();
        let lonely: Vec<String> = files
            .iter()
            .filter(|file| file.ends_with(".txt") && folders(file).any(|name| name == LABELS))
            .filter(|file| !described.contains(file.as_str()))
            .filter(|file| files::file_name(file) != "classes.txt")
            .cloned()
            .collect();
        warnings.extend(files::summarize(&lonely, "left out: no image belongs to these labels"));
        let splits: HashSet<&str> =
            entries.iter().filter_map(|entry| split_of(&entry.image)).collect();
        let mut folder = Folder {
            root,
            classes: names.classes.as_ref().map_or(usize::MAX, Vec::len),
            keypoints: names.keypoints,
            split: splits.len() > 1,
        };
        let first = FirstPass::run(&folder, &entries, options);
        let classes = names
            .classes
            .unwrap_or_else(|| (0..first.classes).map(|code| code.to_string()).collect());
        folder.classes = classes.len();
        let schema = folder.schema(classes, first.polygons)?;
        let found = Found { warnings, refused, doomed: first.failed };
        Ok(Yolo { schema, entries, folder, found })
    }
}

/// The folders of a path, the file itself not among them.
fn folders(file: &str) -> impl Iterator<Item = &str> {
    file.rsplit('/').skip(1)
}

/// The text file of an image: the last folder `images` is `labels`.
pub(crate) fn labels_of(image: &str) -> Option<String> {
    let (folder, name) = image.rsplit_once('/')?;
    let mut parts: Vec<&str> = folder.split('/').collect();
    *parts.iter_mut().rfind(|part| **part == IMAGES)? = LABELS;
    Some(format!("{}/{}.txt", parts.join("/"), files::stem(name)))
}

/// The nearest folder that is named like a split.
fn split_of(image: &str) -> Option<&str> {
    folders(image).find(|folder| SPLITS.contains(&folder.to_ascii_lowercase().as_str()))
}

/// What must be known before the first row.
#[derive(Default)]
struct FirstPass {
    polygons: bool,
    /// One more than the largest class number.
    classes: usize,
    failed: Option<Problem>,
}

impl FirstPass {
    fn run(folder: &Folder, entries: &[Entry], options: &ImportOptions) -> FirstPass {
        let mut pass = FirstPass::default();
        for entry in entries {
            match folder.objects(entry, options) {
                Ok(objects) => {
                    for object in objects {
                        let class = usize::try_from(object.class).unwrap_or(usize::MAX);
                        pass.classes = pass.classes.max(class.saturating_add(1));
                        pass.polygons |= !object.polygon.is_empty();
                    }
                }
                Err(problem) => pass.failed = pass.failed.or(Some(problem)),
            }
        }
        pass
    }
}

impl Folder {
    fn schema(&self, classes: Vec<String>, polygons: bool) -> Result<Schema> {
        let mut columns = vec![
            Column::image("images"),
            Column::text("filename"),
            Column::boxes("boxes", BoxFormat::Ccwh),
            Column::class_labels("labels", classes),
        ];
        if polygons {
            let mut column = Column::binary_mask("masks");
            column.dims = vec![None, None, None];
            columns.push(column);
        }
        if let Some(keypoints) = self.keypoints {
            let points = u32::try_from(keypoints.points).ok();
            columns.push(Column::tensor("keypoints", DType::F32, &[None, points, Some(3)]));
        }
        if self.split {
            columns.push(Column::text("split").nullable());
        }
        Ok(Schema::new(columns)?)
    }

    fn objects(&self, entry: &Entry, options: &ImportOptions) -> Result<Vec<Object>, Problem> {
        let Some(file) = &entry.labels else { return Ok(Vec::new()) };
        let limit = options.max_annotation_bytes;
        let bytes = files::read(&self.root, file, limit, "max_annotation_bytes")?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|e| Problem::new(file.as_str(), format!("it is no UTF-8: {e}")))?;
        label::parse(text, self.classes, self.keypoints).map_err(|wrong| {
            Problem::new(file.as_str(), format!("line {}: {}", wrong.line, wrong.cause))
        })
    }

    fn load(
        &self,
        entry: &Entry,
        schema: &Schema,
        options: &ImportOptions,
    ) -> Result<Loaded<Row>, Problem> {
        let objects = self.objects(entry, options)?;
        let image = media::load(&self.root, &entry.image, options)?;
        let file = entry.labels.as_deref().unwrap_or(&entry.image);
        let [height, width, _] = image.shape.map(|size| u32::try_from(size).unwrap_or(0));
        let mut row = Row::new(&entry.image, image, schema, objects.len(), options)
            .map_err(|cause| Problem::new(file, cause))?;
        if self.split {
            row.split = split_of(&entry.image).map(str::to_string);
        }
        let (across, down) = (f64::from(width), f64::from(height));
        for (index, object) in objects.into_iter().enumerate() {
            let [x, y, w, h] = object.bounds;
            row.boxes.extend([x * across, y * down, w * across, h * down].map(single));
            row.labels.push(object.class);
            for [x, y, visibility] in object.keypoints {
                row.keypoints.extend([x * across, y * down, visibility].map(single));
            }
            if let Some(masks) = row.masks.as_mut().filter(|_| !object.polygon.is_empty()) {
                let corners: Vec<f64> = object
                    .polygon
                    .chunks_exact(2)
                    .flat_map(|corner| corner.iter().zip([across, down]).map(|(c, size)| c * size))
                    .collect();
                let mask = rasterize(&corners, height, width).map_err(|e| {
                    Problem::new(file, format!("line {}: {e}", object.line))
                        .with_object(index, None)
                })?;
                masks.add(index, &mask);
            }
            row.objects += 1;
        }
        let bytes = row.bytes();
        Ok(Loaded { row, bytes, warnings: Vec::new(), common: Vec::new() })
    }
}

impl Item for Entry {
    fn file(&self) -> &str {
        &self.image
    }
}

impl Source for Yolo {
    fn format(&self) -> &'static str {
        "YOLO"
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn rows(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    fn batches(self: Box<Self>, options: &ImportOptions) -> BatchStream {
        let Yolo { schema, entries, folder, found } = *self;
        let load_options = options.clone();
        let load_schema = schema.clone();
        let load = move |entry: Entry| folder.load(&entry, &load_schema, &load_options);
        pipeline::run(entries, load, Builder::new(schema), found, options)
    }
}

#[cfg(test)]
mod tests;
