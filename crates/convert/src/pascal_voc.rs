//! Pascal VOC: `Annotations/*.xml`, `JPEGImages/*`, and the lists in `ImageSets/Main`.
//!
//! One row for each annotation, sorted by path. Its image is the one that `<filename>` names,
//! then any of that name with another extension, then any with the annotation's own name. Columns:
//!
//! | column | type | from |
//! |---|---|---|
//! | `images` | image | the file, byte for byte |
//! | `boxes` | bbox f32 `[N, 4]`, left, top, right, bottom | `<bndbox>` as written |
//! | `labels` | class_label `[N]`, classes sorted by name | `<object><name>` |
//! | `filename` | text | the image's path below its folder |
//! | `split` | text, nullable | `ImageSets/Main/{train,val,test,trainval}.txt` |
//! | `pose` | sequence of text, empty where missing | |
//! | `truncated`, `difficult`, `occluded` | u8 `[N]`, 0 where missing | |
//! | `width`, `height`, `depth` | i32, nullable | `<size>`, as declared |
//! | `segmented` | u8, nullable | |
//! | `folder`, `path`, `database` | text, nullable | |
//! | `extra` | JSON, nullable | every other element and attribute |
//!
//! From `split` on, a column is there only if its element occurs in some annotation. In `extra`
//! an attribute is `@name`, an element that occurs more than once is a list, and what belongs to
//! objects is the list `objects`.
//!
//! A box with no area, a declared size that is not the image's, and images without annotation
//! are warnings. All annotations are read once before the first row, for their class names; only
//! those are kept.

use std::path::Path;
use std::path::PathBuf;

use lakebed_core::Schema;

use crate::detect::blocking;
use crate::error::Error;
use crate::error::Problem;
use crate::error::Result;
use crate::files;
use crate::files::Listing;
use crate::media;
use crate::options::ImportOptions;
use crate::pascal_voc::annotation::Annotation;
use crate::pascal_voc::builder::Builder;
use crate::pascal_voc::builder::Occurs;
use crate::pascal_voc::builder::Row;
use crate::pascal_voc::folder::Images;
use crate::pascal_voc::folder::Splits;
use crate::pipeline;
use crate::pipeline::Found;
use crate::pipeline::Loaded;
use crate::pipeline::Oddity;
use crate::source::BatchStream;
use crate::source::Source;

mod annotation;
mod builder;
mod folder;

/// A Pascal VOC folder, listed, its annotations read once.
#[derive(Debug)]
pub struct PascalVoc {
    schema: Schema,
    annotations: Vec<String>,
    folder: Folder,
    found: Found,
}

/// What every row is looked up in.
#[derive(Debug)]
struct Folder {
    root: PathBuf,
    images: Images,
    splits: Option<Splits>,
}

impl PascalVoc {
    /// Lists a folder and reads its annotations.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::NotAFolder`], [`Error::UnknownFormat`] if there is no
    /// annotation, [`Error::File`] for a list of `ImageSets/Main` that cannot be read.
    pub async fn open(path: &Path, options: &ImportOptions) -> Result<PascalVoc> {
        let path = path.to_path_buf();
        let options = options.clone();
        blocking(move || {
            let root = files::open_root(&path)?;
            let listing = files::walk(&root)?;
            if !PascalVoc::is_listed(&listing) {
                let found = format!("found {} other files", listing.files.len());
                return Err(Error::UnknownFormat { path, found });
            }
            PascalVoc::from_listing(root, listing, &options)
        })
        .await
    }

    pub(crate) fn is_listed(listing: &Listing) -> bool {
        listing.files.iter().any(|file| folder::is_annotation(file))
    }

    pub(crate) fn from_listing(
        root: PathBuf,
        listing: Listing,
        options: &ImportOptions,
    ) -> Result<PascalVoc> {
        let images = Images::list(&root, &listing);
        let mut warnings = Vec::new();
        let splits = Splits::read(&root, &listing, options, &mut warnings).map_err(Error::File)?;
        let Listing { files, warnings: left_out, refused } = listing;
        warnings.extend(left_out);
        let annotations: Vec<String> =
            files.into_iter().filter(|file| folder::is_annotation(file)).collect();
        let folder = Folder { root, images, splits };
        let first = FirstPass::run(&folder, &annotations, options);
        warnings.extend(first.without_annotation(&folder.images));
        let schema = first.occurs.schema(folder.splits.is_some())?;
        let found = Found { warnings, refused, doomed: first.failed.map(|(_, problem)| problem) };
        Ok(PascalVoc { schema, annotations, folder, found })
    }
}

/// What must be known before the first row.
#[derive(Default)]
struct FirstPass {
    occurs: Occurs,
    /// Images that some annotation describes.
    described: Vec<usize>,
    /// The first annotation that fails, by its place in the list.
    failed: Option<(usize, Problem)>,
}

impl FirstPass {
    fn run(folder: &Folder, annotations: &[String], options: &ImportOptions) -> FirstPass {
        let parts = options.parallel.max(1);
        let length = annotations.len().div_ceil(parts).max(1);
        let results = std::thread::scope(|scope| {
            let mut threads = Vec::new();
            for (part, files) in annotations.chunks(length).enumerate() {
                let from = part * length;
                threads.push(scope.spawn(move || FirstPass::part(folder, from, files, options)));
            }
            // A thread that died leaves its part to the second pass, which reports it.
            threads.into_iter().filter_map(|thread| thread.join().ok()).collect::<Vec<_>>()
        });
        let mut all = FirstPass::default();
        for part in results {
            all.occurs.merge(part.occurs);
            all.described.extend(part.described);
            all.failed = all.failed.or(part.failed);
        }
        all
    }

    fn part(folder: &Folder, from: usize, files: &[String], options: &ImportOptions) -> FirstPass {
        let mut part = FirstPass::default();
        for (index, file) in files.iter().enumerate() {
            let read = folder.annotation(file, options).and_then(|annotation| {
                let image = folder.images.find(file, annotation.filename.as_deref())?;
                Ok((annotation, image))
            });
            match read {
                Ok((annotation, image)) => {
                    part.occurs.add(&annotation);
                    part.described.push(image);
                }
                Err(problem) if part.failed.is_none() => {
                    part.failed = Some((from + index, problem))
                }
                Err(_) => {}
            }
        }
        part
    }

    fn without_annotation(&self, images: &Images) -> Option<Problem> {
        let mut described = vec![false; images.len()];
        for &image in &self.described {
            if let Some(described) = described.get_mut(image) {
                *described = true;
            }
        }
        let without = described.iter().enumerate().filter(|(_, described)| !**described);
        let files: Vec<String> = without.map(|(image, _)| images.path(image).to_string()).collect();
        files::summarize(&files, "not imported: no annotation describes this image")
    }
}

impl Folder {
    fn annotation(&self, file: &str, options: &ImportOptions) -> Result<Annotation, Problem> {
        let limit = options.max_annotation_bytes;
        let bytes = files::read(&self.root, file, limit, "max_annotation_bytes")?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|e| Problem::new(file, format!("wrong XML: it is no UTF-8: {e}")))?;
        annotation::parse(text, file, &options.limits)
    }

    fn load(
        &self,
        file: &str,
        classes: &[String],
        options: &ImportOptions,
    ) -> Result<Loaded<Row>, Problem> {
        let annotation = self.annotation(file, options)?;
        let image = self.images.find(file, annotation.filename.as_deref())?;
        let path = self.images.path(image);
        let encoded = media::load(&self.root, path, options).map_err(|problem| {
            let cause = format!("image '{}': {}", problem.file, problem.cause);
            Problem::new(file, cause)
        })?;
        let mut warnings = Vec::new();
        let mut labels = Vec::with_capacity(annotation.objects.len());
        for (index, object) in annotation.objects.iter().enumerate() {
            let code = classes
                .binary_search(&object.name)
                .ok()
                .and_then(|code| u32::try_from(code).ok())
                .ok_or_else(|| {
                    Problem::new(file, "the file changed while it was imported")
                        .with_object(index, Some(&object.name))
                })?;
            labels.push(code);
            if object.has_no_area() {
                let [left, top, right, bottom] = object.bounds;
                let cause = format!("the box [{left}, {top}, {right}, {bottom}] has no area");
                warnings.push(Problem::new(file, cause).with_object(index, Some(&object.name)));
            }
        }
        let mut common = Vec::new();
        let [height, width, _] = encoded.shape;
        let declared = [annotation.height, annotation.width];
        let differs = |(declared, found): (Option<i32>, i32)| declared.is_some_and(|d| d != found);
        if declared.into_iter().zip([height, width]).any(differs) {
            let number = |size: Option<i32>| size.map_or("?".to_string(), |size| size.to_string());
            let cause = format!(
                "declares {} x {} pixels, but '{path}' has {width} x {height}",
                number(annotation.width),
                number(annotation.height),
            );
            common.push((Oddity::DeclaredSize, Problem::new(file, cause)));
        }
        if let Some(namesake) = self.images.namesake(file).filter(|namesake| *namesake != image) {
            let cause = format!(
                "<filename> names '{path}', though '{}' has the annotation's own name",
                self.images.path(namesake)
            );
            common.push((Oddity::OtherImage, Problem::new(file, cause)));
        }
        let bytes = encoded.bytes.len() + weight(&annotation);
        let row = Row {
            split: self.splits.as_ref().and_then(|splits| splits.of(file, path)),
            filename: self.images.name(image).to_string(),
            image: encoded,
            annotation,
            labels,
        };
        Ok(Loaded { row, bytes, warnings, common })
    }
}

/// Roughly what an annotation takes in a batch.
fn weight(annotation: &Annotation) -> usize {
    let texts = [&annotation.folder, &annotation.path, &annotation.database, &annotation.extra];
    let texts: usize = texts.into_iter().flatten().map(String::len).sum();
    let poses: usize =
        annotation.objects.iter().filter_map(|object| object.pose.as_ref()).map(String::len).sum();
    texts + poses + annotation.objects.len() * 64
}

impl Source for PascalVoc {
    fn format(&self) -> &'static str {
        "Pascal VOC"
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn rows(&self) -> u64 {
        u64::try_from(self.annotations.len()).unwrap_or(u64::MAX)
    }

    fn batches(self: Box<Self>, options: &ImportOptions) -> BatchStream {
        let PascalVoc { schema, annotations, folder, found } = *self;
        let classes =
            schema.column("labels").map(|column| column.classes.clone()).unwrap_or_default();
        let load_options = options.clone();
        let load = move |file: String| folder.load(&file, &classes, &load_options);
        pipeline::run(annotations, load, Builder::new(schema), found, options)
    }
}

#[cfg(test)]
mod tests;
