//! What lies where in a Pascal VOC folder: annotations, images, splits.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::path::Path;

use crate::error::Problem;
use crate::files;
use crate::files::FileKind;
use crate::files::Listing;
use crate::options::ImportOptions;

/// The image folder's names, in the order in which they are looked for.
const IMAGE_FOLDERS: [&str; 3] = ["JPEGImages", "PNGImages", "Images"];
/// Folders of a Pascal VOC tree whose PNG files are masks, not photographs.
const MASK_FOLDERS: [&str; 2] = ["SegmentationClass", "SegmentationObject"];
/// The lists of `ImageSets/Main` in the order in which they decide.
const SPLITS: [&str; 4] = ["train", "val", "test", "trainval"];

/// True for an XML file somewhere below the folder `Annotations`.
pub(crate) fn is_annotation(file: &str) -> bool {
    file.split_once('/').is_some_and(|(folder, _)| folder.eq_ignore_ascii_case("Annotations"))
        && files::extension(file).eq_ignore_ascii_case("xml")
}

/// The images of a folder, found by name.
#[derive(Debug, Default)]
pub(crate) struct Images {
    /// Relative to the root, sorted.
    files: Vec<String>,
    by_name: HashMap<String, Vec<usize>>,
    by_stem: HashMap<String, Vec<usize>>,
    /// Bytes at the front of every file: the image folder and its `/`.
    prefix: usize,
}

impl Images {
    pub fn list(root: &Path, listing: &Listing) -> Images {
        let folder = IMAGE_FOLDERS.into_iter().find_map(|name| {
            listing.files.iter().find_map(|file| {
                let (folder, _) = file.split_once('/')?;
                folder.eq_ignore_ascii_case(name).then(|| format!("{folder}/"))
            })
        });
        let prefix = folder.as_deref().unwrap_or("");
        let mut images = Images { prefix: prefix.len(), ..Images::default() };
        for file in listing.files.iter().filter(|file| file.starts_with(prefix)) {
            let mask = file.split('/').any(|folder| MASK_FOLDERS.contains(&folder));
            if is_annotation(file) || mask || files::kind(root, file) != FileKind::Image {
                continue;
            }
            let index = images.files.len();
            let name = files::file_name(file).to_string();
            images.by_name.entry(name).or_default().push(index);
            let stem = files::stem(file).to_string();
            images.by_stem.entry(stem).or_default().push(index);
            images.files.push(file.clone());
        }
        images
    }

    /// The image's path relative to the root.
    pub fn path(&self, image: usize) -> &str {
        self.files.get(image).map_or("", String::as_str)
    }

    /// The image's path relative to the image folder.
    pub fn name(&self, image: usize) -> &str {
        self.path(image).get(self.prefix..).unwrap_or("")
    }

    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// The image that has the annotation's own name, if there is exactly one.
    pub fn namesake(&self, annotation: &str) -> Option<usize> {
        match self.by_stem.get(files::stem(annotation))?.as_slice() {
            [image] => Some(*image),
            _ => None,
        }
    }

    /// The image of an annotation: the one that `<filename>` names, then any of that name with
    /// another extension, then any with the annotation's own name.
    ///
    /// What `<filename>` says is only looked up, never opened: it may say `../../anything`.
    pub fn find(&self, annotation: &str, filename: Option<&str>) -> Result<usize, Problem> {
        // Some tools write a path, with either kind of slash.
        let filename = filename.map(|name| name.rsplit(['/', '\\']).next().unwrap_or(name));
        let found = filename
            .and_then(|name| {
                let by_stem = || self.by_stem.get(files::stem(name));
                // A name without extension may hold a dot: `a.b` for `a.b.jpg`.
                self.by_name.get(name).or_else(|| self.by_stem.get(name)).or_else(by_stem)
            })
            .or_else(|| self.by_stem.get(files::stem(annotation)));
        match found.map(Vec::as_slice) {
            Some([image]) => Ok(*image),
            Some([first, second, ..]) => {
                let cause = format!(
                    "cannot tell which image it describes: '{}' or '{}'",
                    self.path(*first),
                    self.path(*second)
                );
                Err(Problem::new(annotation, cause))
            }
            _ => {
                let wanted = filename.unwrap_or_else(|| files::stem(annotation));
                let cause =
                    format!("its image '{wanted}' is missing ({} images are there)", self.len());
                Err(Problem::new(annotation, cause))
            }
        }
    }
}

/// Which list of `ImageSets/Main` an image is in.
#[derive(Debug, Default)]
pub(crate) struct Splits {
    by_stem: HashMap<String, &'static str>,
}

impl Splits {
    /// Reads the four lists; `None` if there is none of them. What is odd goes to `warnings`.
    pub fn read(
        root: &Path,
        listing: &Listing,
        options: &ImportOptions,
        warnings: &mut Vec<Problem>,
    ) -> Result<Option<Splits>, Problem> {
        let mut splits = Splits::default();
        let mut any = false;
        for split in SPLITS {
            let file = format!("ImageSets/Main/{split}.txt");
            if listing.files.binary_search(&file).is_err() {
                continue;
            }
            any = true;
            let limit = options.max_annotation_bytes;
            let bytes = files::read(root, &file, limit, "max_annotation_bytes")?;
            let text = String::from_utf8(bytes)
                .map_err(|e| Problem::new(file.as_str(), format!("the list is no UTF-8: {e}")))?;
            let mut twice = BTreeMap::new();
            for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
                let known = *splits.by_stem.entry(line.to_string()).or_insert(split);
                // That `trainval` repeats the others is its purpose.
                if known != split && split != "trainval" {
                    twice.entry(known).or_insert_with(Vec::new).push(line.to_string());
                }
            }
            for (known, names) in twice {
                let cause = format!(
                    "lists '{}', which {known}.txt lists too: it stays in {known}",
                    names.first().map_or("", String::as_str)
                );
                let files = vec![file.clone(); names.len()];
                warnings.extend(files::summarize(&files, &cause));
            }
        }
        Ok(any.then_some(splits))
    }

    /// The split of an annotation or of its image.
    pub fn of(&self, annotation: &str, image: &str) -> Option<&'static str> {
        let names = [files::stem(annotation), files::stem(image), files::file_name(image)];
        names.into_iter().find_map(|name| self.by_stem.get(name).copied())
    }
}
