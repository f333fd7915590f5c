//! The first pass over an annotation file: which images there are, where their annotations lie,
//! and what occurs in them.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use lakebed_core::BoxFormat;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use serde::Deserialize;

use crate::coco::annotation::Category;
use crate::coco::annotation::Image;
use crate::coco::annotation::Outline;
use crate::coco::annotation::ids_beside_nan;
use crate::coco::elements::Malformed;
use crate::coco::elements::Span;
use crate::coco::elements::walk;
use crate::error::Error;
use crate::error::Problem;
use crate::error::Result;
use crate::options::ImportOptions;
use crate::pipeline::Found;

/// Bytes at the front of a file within which a COCO file shows itself.
const FRONT: u64 = 1 << 20;
/// Annotations without image that are told one by one.
const TOLD: usize = 1000;

/// One image, as listed.
#[derive(Debug)]
pub(crate) struct Listed {
    pub id: i64,
    pub name: String,
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// Which of the index's spans are its annotations.
    pub spans: Range<usize>,
}

/// Where annotations lie, and what occurs in them.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Image by image, each image's in the file's order.
    spans: Vec<Span>,
    classes: Vec<String>,
    /// Code by category id.
    codes: BTreeMap<i64, u32>,
    occurs: Occurs,
}

#[derive(Debug, Default, Clone, Copy)]
struct Occurs {
    bbox: bool,
    category: bool,
    segmentation: bool,
    area: bool,
    iscrowd: bool,
    caption: bool,
    /// The most keypoints of an annotation or category.
    keypoints: usize,
    /// True if some annotation has keypoints.
    points: bool,
}

/// What the walk gathers.
#[derive(Default)]
struct Pass {
    images: Vec<Image>,
    categories: Vec<Category>,
    /// The image's id, and where the annotation is.
    annotations: Vec<(i64, Span)>,
    occurs: Occurs,
    refused: Vec<Problem>,
    fatal: Option<Problem>,
}

impl Pass {
    /// False if the walk should end.
    fn visit(&mut self, file: &str, key: &str, span: Span, bytes: &[u8]) -> bool {
        let wrong = |what: &str, index: usize, error: &dyn std::fmt::Display| {
            let offset = span.offset;
            Problem::new(file, format!("{what}, element {index} (byte {offset}): {error}"))
        };
        match key {
            "images" => match serde_json::from_slice(bytes) {
                Ok(image) => self.images.push(image),
                Err(e) => self.refused.push(wrong(key, self.images.len(), &e)),
            },
            "categories" => match serde_json::from_slice(bytes) {
                Ok(category) => self.categories.push(category),
                Err(e) => {
                    self.fatal = Some(wrong(key, self.categories.len(), &e));
                    return false;
                }
            },
            _ => match serde_json::from_slice::<Outline>(bytes) {
                Ok(outline) => {
                    self.occurs.add(&outline);
                    self.annotations.push((outline.image_id, span));
                }
                // The row fails when it is read, with the annotation's name; here only if the
                // image is not known either.
                Err(e) => match ids_beside_nan(bytes).and_then(|ids| ids.image_id) {
                    Some(image) => self.annotations.push((image, span)),
                    None => {
                        let id = id_of(bytes).map_or(String::new(), |id| format!(" {id}"));
                        let what = format!("annotation{id}");
                        self.refused.push(wrong(&what, self.annotations.len(), &e));
                    }
                },
            },
        }
        self.refused.len() < TOLD
    }
}

impl Occurs {
    fn add(&mut self, outline: &Outline) {
        self.bbox |= outline.bbox.is_some();
        self.category |= outline.category_id.is_some();
        self.segmentation |= outline.segmentation.is_some();
        self.area |= outline.area.is_some();
        self.iscrowd |= outline.iscrowd.is_some();
        self.caption |= outline.caption.is_some();
        if let Some(points) = &outline.keypoints {
            self.points = true;
            self.keypoints = self.keypoints.max(points.len() / 3);
        }
    }
}

/// The id of an element that cannot be read otherwise.
pub(crate) fn id_of(bytes: &[u8]) -> Option<i64> {
    #[derive(Deserialize)]
    struct Id {
        id: i64,
    }
    serde_json::from_slice::<Id>(bytes).ok().map(|id| id.id)
}

/// True if a file's front is that of a COCO file: an object with a list `images` or `annotations`
/// of objects that have the members which every one of them has.
pub(crate) fn is_coco(path: &Path) -> bool {
    #[derive(Deserialize)]
    struct AnyImage {
        #[expect(dead_code, reason = "that it is there is what counts")]
        file_name: serde::de::IgnoredAny,
    }
    #[derive(Deserialize)]
    struct AnyAnnotation {
        #[expect(dead_code, reason = "that it is there is what counts")]
        image_id: serde::de::IgnoredAny,
    }
    let Ok(file) = File::open(path) else { return false };
    let mut is = false;
    let front = usize::try_from(FRONT).unwrap_or(usize::MAX);
    // That the front ends inside the document is no reason against it.
    let _ = walk(file.take(FRONT), front, is_wanted, |key, _, bytes| {
        is |= match key {
            "images" => serde_json::from_slice::<AnyImage>(bytes).is_ok(),
            "annotations" => serde_json::from_slice::<AnyAnnotation>(bytes).is_ok(),
            _ => return true,
        };
        false
    });
    is
}

fn is_wanted(key: &str) -> bool {
    matches!(key, "images" | "annotations" | "categories")
}

impl Index {
    /// Reads the file once.
    pub fn read(
        path: &Path,
        file: &str,
        options: &ImportOptions,
    ) -> Result<(Index, Vec<Listed>, Found)> {
        let opened =
            File::open(path).map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
        let longest = usize::try_from(options.max_annotation_bytes).unwrap_or(usize::MAX);
        let mut pass = Pass::default();
        walk(opened, longest, is_wanted, |key, span, bytes| pass.visit(file, key, span, bytes))
            .map_err(|Malformed { at, cause }| {
                Error::File(Problem::new(file, format!("wrong JSON at byte {at}: {cause}")))
            })?;
        if let Some(problem) = pass.fatal {
            return Err(Error::File(problem));
        }
        if pass.refused.len() >= TOLD {
            let first = pass.refused.swap_remove(0);
            let cause = format!("{} (and {} more like it)", first.cause, TOLD - 1);
            return Err(Error::File(Problem { cause, ..first }));
        }
        if pass.images.is_empty() {
            let cause = "it has no list 'images', or an empty one: no COCO file";
            return Err(Error::File(Problem::new(file, cause)));
        }
        let mut found = Found { refused: pass.refused, ..Found::default() };
        let (classes, codes) = classes(file, &pass.categories, &mut found.warnings);
        let mut occurs = pass.occurs;
        let of_categories = pass.categories.iter().map(|category| category.keypoints.len());
        occurs.keypoints = occurs.keypoints.max(of_categories.max().unwrap_or(0));
        occurs.points &= occurs.keypoints > 0;
        let listed = list(file, pass.images, &mut found.refused);
        let mut index = Index { spans: Vec::new(), classes, codes, occurs };
        let listed = index.assign(path, file, listed, pass.annotations, &mut found.refused);
        Ok((index, listed, found))
    }

    /// Gives each image its annotations.
    fn assign(
        &mut self,
        path: &Path,
        file: &str,
        mut listed: Vec<Listed>,
        mut annotations: Vec<(i64, Span)>,
        refused: &mut Vec<Problem>,
    ) -> Vec<Listed> {
        let positions: HashMap<i64, i64> = listed
            .iter()
            .enumerate()
            .filter_map(|(position, image)| Some((image.id, i64::try_from(position).ok()?)))
            .collect();
        let mut lost = 0usize;
        let mut reader = super::Elements::open(path);
        annotations.retain_mut(|(image, span)| {
            if let Some(position) = positions.get(image) {
                *image = *position;
                return true;
            }
            lost += 1;
            if lost <= TOLD {
                let bytes = reader.as_mut().ok().and_then(|reader| reader.read(*span).ok());
                let id = bytes.and_then(id_of).map_or("?".to_string(), |id| id.to_string());
                let cause = format!("annotation {id}: there is no image {image}");
                refused.push(Problem::new(file, cause));
            }
            false
        });
        if lost > TOLD {
            let cause = format!("{} more annotations have no image", lost - TOLD);
            refused.push(Problem::new(file, cause));
        }
        annotations.sort_unstable_by_key(|(position, span)| (*position, span.offset));
        let mut begin = 0;
        for (position, image) in listed.iter_mut().enumerate() {
            let rest = annotations.get(begin..).unwrap_or_default();
            let own =
                rest.partition_point(|(at, _)| usize::try_from(*at).is_ok_and(|at| at <= position));
            image.spans = begin..begin + own;
            begin += own;
        }
        self.spans = annotations.into_iter().map(|(_, span)| span).collect();
        listed
    }

    /// The annotations of an image.
    pub fn spans(&self, listed: &Listed) -> &[Span] {
        self.spans.get(listed.spans.clone()).unwrap_or_default()
    }

    /// The code of a category.
    pub fn category(&self, id: i64) -> Option<u32> {
        self.codes.get(&id).copied()
    }

    /// The name of a class.
    pub fn class(&self, code: u32) -> Option<&str> {
        self.classes.get(usize::try_from(code).ok()?).map(String::as_str)
    }

    /// The columns of what occurs.
    pub fn schema(&self, masks: bool) -> Result<Schema> {
        let Occurs { bbox, category, segmentation, area, iscrowd, caption, keypoints, points } =
            self.occurs;
        let mut columns = vec![
            Column::image("images"),
            Column::text("filename"),
            Column::scalar("image_id", DType::I64),
        ];
        if bbox {
            columns.push(Column::boxes("boxes", BoxFormat::Ltwh));
        }
        if category || !self.classes.is_empty() {
            columns.push(Column::class_labels("labels", self.classes.clone()));
            if self.codes.iter().any(|(id, code)| *id != i64::from(*code) + 1) {
                columns.push(Column::tensor("category_ids", DType::I64, &[None]));
            }
        }
        if segmentation && masks {
            let mut column = Column::binary_mask("masks");
            column.dims = vec![None, None, None];
            columns.push(column);
        }
        if points {
            let points = u32::try_from(keypoints).ok();
            columns.push(Column::tensor("keypoints", DType::F32, &[None, points, Some(3)]));
        }
        if area {
            columns.push(Column::tensor("area", DType::F64, &[None]));
        }
        if iscrowd {
            columns.push(Column::tensor("iscrowd", DType::U8, &[None]));
        }
        if caption {
            columns.push(Column::text("captions").sequence());
        }
        Ok(Schema::new(columns)?)
    }
}

/// Class names in the file's order, and each category's code. Categories of one name are one class.
fn classes(
    file: &str,
    categories: &[Category],
    warnings: &mut Vec<Problem>,
) -> (Vec<String>, BTreeMap<i64, u32>) {
    let (mut names, mut codes) = (Vec::<String>::new(), BTreeMap::new());
    let mut known: HashMap<&str, u32> = HashMap::new();
    for category in categories {
        let next = u32::try_from(names.len()).unwrap_or(u32::MAX);
        let code = *known.entry(&category.name).or_insert(next);
        if code == next {
            names.push(category.name.clone());
        } else {
            let cause =
                format!("two categories are named '{}': they become one class", category.name);
            warnings.push(Problem::new(file, cause));
        }
        if codes.insert(category.id, code).is_some_and(|before| before != code) {
            let cause = format!(
                "two categories have the id {}: '{}' is the one that counts",
                category.id, category.name
            );
            warnings.push(Problem::new(file, cause));
        }
    }
    (names, codes)
}

/// The images; an id that comes again is refused.
fn list(file: &str, images: Vec<Image>, refused: &mut Vec<Problem>) -> Vec<Listed> {
    let mut seen = std::collections::HashSet::with_capacity(images.len());
    let mut listed = Vec::with_capacity(images.len());
    let mut again = 0usize;
    for image in images {
        let Image { id, file_name: name, width, height } = image;
        if seen.insert(id) {
            listed.push(Listed { id, name, width, height, spans: 0..0 });
        } else {
            again += 1;
            if again <= TOLD {
                let cause = format!("image {id} ('{name}'): another image has this id already");
                refused.push(Problem::new(file, cause));
            }
        }
    }
    if again > TOLD {
        let cause = format!("{} more images have ids that others have", again - TOLD);
        refused.push(Problem::new(file, cause));
    }
    listed
}
