//! COCO: one JSON file of images, annotations and categories, and a folder of images.
//!
//! Reads `instances_*.json`, `person_keypoints_*.json` and `captions_*.json`, and what other tools
//! write in their form (`_annotations.coco.json`). One row for each element of `images`, in the
//! file's order; an image without annotations is a row with empties. Columns:
//!
//! | column | type | from |
//! |---|---|---|
//! | `images` | image | the file, byte for byte |
//! | `filename` | text | the image's path below the source's root |
//! | `image_id` | i64 | `id` |
//! | `boxes` | bbox f32 `[N, 4]`, left, top, width, height | `bbox` as written |
//! | `labels` | class_label `[N]`, classes in the order of `categories` | `category_id` |
//! | `category_ids` | i64 `[N]` | `category_id` as written |
//! | `masks` | binary_mask bool `[H, W, N]` | `segmentation`; all false where it is empty |
//! | `keypoints` | f32 `[N, K, 3]`: x, y, visibility | `keypoints`; zeros where there are none |
//! | `area` | f64 `[N]`, NaN where missing | |
//! | `iscrowd` | u8 `[N]`, 0 where missing | |
//! | `captions` | sequence of text | `caption` |
//!
//! From `boxes` on, a column is there only if some annotation has its member; `category_ids` only
//! if they are not simply the label's code plus one. Other members (licenses, URLs, the skeleton
//! of keypoints) are not kept.
//!
//! Masks are those of the COCO API, pixel for pixel (`masks.rs` names the rules): from polygons,
//! from run lengths, and from run lengths as text.
//!
//! The file may be of any length. It is read once before the first row, element by element, for
//! what occurs and where each annotation lies: 40 bytes an annotation, 24 of which are given back
//! before the first row, and the `images` entries. Annotations are read again when their
//! image's turn has come. The format is described at <https://cocodataset.org/#format-data>.

use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::path::Path;
use std::path::PathBuf;

use lakebed_core::Schema;

use crate::annotated::Builder;
use crate::annotated::Row;
use crate::coco::annotation::Annotation;
use crate::coco::elements::Span;
use crate::coco::images::Images;
use crate::coco::index::Index;
use crate::coco::index::Listed;
use crate::detect::blocking;
use crate::error::Error;
use crate::error::Problem;
use crate::error::Result;
use crate::files;
use crate::files::Listing;
use crate::media;
use crate::options::ImportOptions;
use crate::pipeline;
use crate::pipeline::Found;
use crate::pipeline::Item;
use crate::pipeline::Loaded;
use crate::pipeline::Oddity;
use crate::source::BatchStream;
use crate::source::Source;

mod annotation;
mod elements;
mod images;
mod index;
mod object;

/// What to read of a COCO file. Start from `CocoOptions::default()`.
#[derive(Debug, Clone)]
pub struct CocoOptions {
    /// Where images are looked for; by default in the folder that holds the annotation file, or
    /// in the one above if that folder is named `annotations`.
    pub images: Option<PathBuf>,
    /// Whether `segmentation` becomes a column of masks.
    pub masks: bool,
}

impl Default for CocoOptions {
    fn default() -> CocoOptions {
        CocoOptions { images: None, masks: true }
    }
}

/// A COCO annotation file, read once, and its images, listed.
#[derive(Debug)]
pub struct Coco {
    schema: Schema,
    listed: Vec<Listed>,
    folder: Folder,
    found: Found,
}

/// What every row is looked up in.
#[derive(Debug)]
struct Folder {
    root: PathBuf,
    /// The annotation file, and how messages name it.
    path: PathBuf,
    file: String,
    images: Images,
    index: Index,
}

impl Coco {
    /// Reads an annotation file once and lists its images; `path` is the file, or a folder with
    /// exactly one such file in it or in its folder `annotations`.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::UnknownFormat`] if a folder has no annotation file, or several;
    /// [`Error::File`] for a file that is no COCO file, at which byte.
    pub async fn open(path: &Path, coco: &CocoOptions, options: &ImportOptions) -> Result<Coco> {
        let (path, coco, options) = (path.to_path_buf(), coco.clone(), options.clone());
        blocking(move || {
            let read = |source| Error::Read { path: path.clone(), source };
            let known = std::fs::canonicalize(&path).map_err(read)?;
            if known.is_file() {
                return Coco::from_file(&known, &coco, &options);
            }
            let root = files::open_root(&path)?;
            let listing = files::walk(&root)?;
            let found = Coco::annotation_files(&root, &listing);
            match found.as_slice() {
                [file] => {
                    Coco::from_listing(root.clone(), &root.join(file), listing, &coco, &options)
                }
                _ => Err(Error::UnknownFormat { path, found: Coco::told(&found) }),
            }
        })
        .await
    }

    /// The annotation files of a folder: those in its folder `annotations` and beside its images.
    pub(crate) fn annotation_files(root: &Path, listing: &Listing) -> Vec<String> {
        let candidates = listing.files.iter().filter(|file| {
            let likely = match file.split_once('/') {
                None => true,
                Some((folder, _)) if folder.eq_ignore_ascii_case("annotations") => true,
                Some(_) => file.ends_with(".coco.json"),
            };
            likely && files::extension(file).eq_ignore_ascii_case("json")
        });
        candidates.filter(|file| index::is_coco(&root.join(file))).cloned().collect()
    }

    /// True if a file's front is that of a COCO file.
    pub(crate) fn is_annotations(path: &Path) -> bool {
        index::is_coco(path)
    }

    /// Why a folder's annotation files do not decide what to import.
    pub(crate) fn told(found: &[String]) -> String {
        if found.is_empty() {
            return "found no COCO annotation file".into();
        }
        let names: Vec<&str> = found.iter().take(8).map(String::as_str).collect();
        format!(
            "found {} COCO annotation files, give one of them: {}",
            found.len(),
            names.join(", ")
        )
    }

    pub(crate) fn from_file(
        path: &Path,
        coco: &CocoOptions,
        options: &ImportOptions,
    ) -> Result<Coco> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let is_annotations = folder
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.eq_ignore_ascii_case("annotations"));
        let above = folder.parent().filter(|_| is_annotations).unwrap_or(folder);
        let root = files::open_root(coco.images.as_deref().unwrap_or(above))?;
        let listing = files::walk(&root)?;
        Coco::from_listing(root, path, listing, coco, options)
    }

    pub(crate) fn from_listing(
        root: PathBuf,
        path: &Path,
        listing: Listing,
        coco: &CocoOptions,
        options: &ImportOptions,
    ) -> Result<Coco> {
        let file = path.strip_prefix(&root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let (index, listed, mut found) = Index::read(path, &file, options)?;
        found.warnings.extend(listing.warnings);
        found.refused.extend(listing.refused);
        let images = Images::list(&listing.files, &file);
        let schema = index.schema(coco.masks)?;
        let folder = Folder { root, path: path.to_path_buf(), file, images, index };
        Ok(Coco { schema, listed, folder, found })
    }
}

impl Folder {
    fn problem(&self, cause: impl Into<String>) -> Problem {
        Problem::new(self.file.as_str(), cause)
    }

    fn load(
        &self,
        listed: &Listed,
        schema: &Schema,
        options: &ImportOptions,
    ) -> Result<Loaded<Row>, Problem> {
        let path = self.images.find(&listed.name).map_err(|cause| {
            self.problem(format!("image {} ('{}'): {cause}", listed.id, listed.name))
        })?;
        let image = media::load(&self.root, path, options)?;
        let mut row =
            Row::new(path, image, schema, listed.spans.len(), options).map_err(|cause| {
                let name = &listed.name;
                self.problem(format!("image {} ('{name}'): {cause}", listed.id))
            })?;
        row.id = listed.id;
        let mut warnings = Vec::new();
        let mut common = Vec::new();
        let size = [row.image.shape[0], row.image.shape[1]];
        let declared = [listed.height, listed.width].map(|size| size.map(i64::from));
        let differs =
            declared.iter().zip(size).any(|(d, size)| d.is_some_and(|d| d != i64::from(size)));
        if differs {
            let [height, width] = declared.map(|size| size.map_or("?".into(), |s| s.to_string()));
            let cause = format!(
                "image {} is declared as {width} x {height} pixels, but '{path}' has {} x {}",
                listed.id, size[1], size[0]
            );
            if row.masks.is_some() && !listed.spans.is_empty() {
                return Err(self.problem(format!("{cause}: its masks do not fit it")));
            }
            common.push((Oddity::DeclaredSize, self.problem(cause)));
        }
        let mut elements = Elements::open(&self.path).map_err(|e| self.problem(e.to_string()))?;
        for (position, span) in self.index.spans(listed).iter().enumerate() {
            let bytes = elements.read(*span).map_err(|e| {
                self.problem(format!("the annotation at byte {}: {e}", span.offset))
            })?;
            let annotation: Annotation = serde_json::from_slice(bytes).map_err(|e| {
                let ids = annotation::ids_beside_nan(bytes);
                let cause = match &ids {
                    Some(_) => "has NaN or Infinity, which are no JSON numbers".to_string(),
                    None => format!("{e} (at byte {} of the file)", span.offset),
                };
                let id = ids.and_then(|ids| ids.id).or_else(|| index::id_of(bytes));
                let id = id.map_or("?".to_string(), |id| id.to_string());
                self.problem(format!("annotation {id}: {cause}")).with_object(position, None)
            })?;
            let id = annotation.id.map_or("?".to_string(), |id| id.to_string());
            let category = annotation.category_id.and_then(|id| self.index.category(id));
            let name = category.and_then(|code| self.index.class(code));
            let told = |cause: String| {
                self.problem(format!("annotation {id}: {cause}")).with_object(position, name)
            };
            let odd = object::add(&mut row, annotation, category).map_err(&told)?;
            warnings.extend(odd.map(told));
        }
        row.finish();
        let bytes = row.bytes();
        Ok(Loaded { row, bytes, warnings, common })
    }
}

/// Reads elements of the annotation file again.
struct Elements {
    file: File,
    bytes: Vec<u8>,
}

impl Elements {
    fn open(path: &Path) -> std::io::Result<Elements> {
        Ok(Elements { file: File::open(path)?, bytes: Vec::new() })
    }

    fn read(&mut self, span: Span) -> std::io::Result<&[u8]> {
        self.file.seek(SeekFrom::Start(span.offset))?;
        self.bytes.resize(usize::try_from(span.length).unwrap_or(0), 0);
        self.file.read_exact(&mut self.bytes)?;
        Ok(&self.bytes)
    }
}

impl Item for Listed {
    fn file(&self) -> &str {
        &self.name
    }
}

impl Source for Coco {
    fn format(&self) -> &'static str {
        "COCO"
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn rows(&self) -> u64 {
        u64::try_from(self.listed.len()).unwrap_or(u64::MAX)
    }

    fn batches(self: Box<Self>, options: &ImportOptions) -> BatchStream {
        let Coco { schema, listed, folder, found } = *self;
        let load_options = options.clone();
        let load_schema = schema.clone();
        let load = move |listed: Listed| folder.load(&listed, &load_schema, &load_options);
        pipeline::run(listed, load, Builder::new(schema), found, options)
    }
}

#[cfg(test)]
mod tests;
