//! COCO: `images/NAME.jpg`, byte for byte, and `annotations/instances.json`.
//!
//! What columns become, by their htype and shape, else by their name:
//!
//! | column | member |
//! |---|---|
//! | the first of images | `file_name`, `width`, `height` |
//! | `image_id`, integers | `id`; else the position plus one |
//! | the first bbox `[N, 4]`, in any convention | `bbox` |
//! | the first class_label `[N]` | `category_id` and `categories`; ids are the code plus one |
//! | `category_ids` `[N]` | the ids themselves |
//! | the first binary_mask `[H, W, N]` | `segmentation`, as run lengths in text; `[]` without pixels |
//! | `keypoints` `[N, K, 3]` | `keypoints`, `num_keypoints` |
//! | `area` `[N]` | `area`; where missing or NaN the mask's pixels, else the box's area |
//! | `iscrowd` `[N]` | `iscrowd`, else 0 |
//! | `captions`, sequence of text | `caption`, an annotation each |
//!
//! Captions stand among the other annotations and have no category; `pycocotools` wants one of every
//! annotation of a file, so leave the column out for it, or export captions alone.
//!
//! Other columns are not written. Annotations are kept in a file of their own until the end, so
//! memory does not grow with the rows.

use std::fs::File;
use std::io::BufWriter;
use std::io::Write;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;
use arrow_schema::DataType;
use arrow_schema::Schema;
use lakebed_core::BoxFormat;
use lakebed_core::DType;
use lakebed_core::HType;
use lakebed_core::Layout;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::ExportOptions;
use super::Sink;
use super::columns::ColumnRef;
use super::columns::Images;
use super::columns::Numbers;
use super::columns::columns;
use super::columns::image_column;
use super::folder::Folder;
use super::images::put_image;
use super::names::Names;
use super::staged::Staged;
use crate::error::Error;
use crate::error::Result;
use crate::masks::Rle;

/// The file of annotations, and the one that they wait in.
const FILE: &str = "annotations/instances.json";
const WAITING: &str = "annotations/waiting";

/// Writes images with annotations.
pub(super) struct Writer {
    folder: Folder,
    roles: Roles,
    names: Names,
    file: BufWriter<File>,
    waiting: BufWriter<File>,
    images: u64,
    annotations: u64,
    /// Category id by class code, as found.
    categories: Vec<Option<i64>>,
}

/// Which column is what.
struct Roles {
    images: ColumnRef,
    image_id: Option<ColumnRef>,
    boxes: Option<ColumnRef>,
    labels: Option<ColumnRef>,
    category_ids: Option<ColumnRef>,
    masks: Option<ColumnRef>,
    keypoints: Option<ColumnRef>,
    area: Option<ColumnRef>,
    iscrowd: Option<ColumnRef>,
    captions: Option<ColumnRef>,
}

impl Roles {
    fn new(schema: &Schema) -> Result<Roles> {
        let columns = columns(schema);
        let of = |htype: HType, ndim: usize| {
            columns.iter().find(|c| c.ty.htype == htype && c.ty.ndim() == ndim).cloned()
        };
        let named = |name: &str, ndim: usize| {
            let fits = |c: &&ColumnRef| c.name == name && c.ty.ndim() == ndim && c.ty.is_numeric();
            columns.iter().find(fits).cloned()
        };
        let is_texts = |c: &&ColumnRef| {
            c.name == "captions"
                && c.ty.dtype == DType::Text
                && matches!(c.ty.layout, Layout::Sequence(_))
        };
        Ok(Roles {
            images: image_column(&columns)?,
            image_id: named("image_id", 0).filter(|c| c.ty.dtype.is_integer()),
            boxes: of(HType::BBox, 2),
            labels: of(HType::ClassLabel, 1),
            category_ids: named("category_ids", 1).filter(|c| c.ty.dtype.is_integer()),
            masks: of(HType::BinaryMask, 3),
            keypoints: named("keypoints", 3),
            area: named("area", 1),
            iscrowd: named("iscrowd", 1),
            captions: columns.iter().find(is_texts).cloned(),
        })
    }
}

/// The columns of one batch.
struct Batch {
    boxes: Option<Numbers>,
    labels: Option<Numbers>,
    category_ids: Option<Numbers>,
    masks: Option<Numbers>,
    keypoints: Option<Numbers>,
    area: Option<Numbers>,
    iscrowd: Option<Numbers>,
}

impl Writer {
    /// # Errors
    /// [`Error::CannotWrite`] if no column holds images.
    pub fn open(staged: &Staged, schema: &Schema, options: &ExportOptions) -> Result<Writer> {
        let roles = Roles::new(schema)?;
        let names = Names::new(schema, options.names.as_deref())?;
        let folder = Folder::new(staged);
        let mut file = folder.file(FILE)?;
        let waiting = folder.file(WAITING)?;
        file.write_all(b"{\"images\":[")
            .map_err(|source| Error::Write { path: folder.shown(FILE), source })?;
        let classes = roles.labels.as_ref().map_or(0, |labels| labels.ty.classes.len());
        let categories = vec![None; classes];
        let (images, annotations) = (0, 0);
        Ok(Writer { folder, roles, names, file, waiting, images, annotations, categories })
    }

    fn told(&self) -> impl Fn(std::io::Error) -> Error + use<> {
        let path = self.folder.shown(FILE);
        move |source| Error::Write { path: path.clone(), source }
    }

    /// One annotation into the file where they wait.
    fn annotate(&mut self, image: i64, mut members: Map<String, Value>) -> Result<()> {
        let told = self.told();
        self.annotations += 1;
        members.insert("id".into(), json!(self.annotations));
        members.insert("image_id".into(), json!(image));
        let comma = if self.annotations > 1 { "," } else { "" };
        write!(self.waiting, "{comma}\n{}", Value::Object(members)).map_err(told)
    }

    /// The id of a class; the ids of a column are remembered for `categories`.
    fn category(&mut self, position: u64, code: i64, id: Option<i64>) -> Result<i64> {
        let refuse = |column: &Option<ColumnRef>, reason: String| Error::CannotWrite {
            column: column.as_ref().map_or(String::new(), |column| column.name.clone()),
            row: Some(position),
            reason,
        };
        let id = id.unwrap_or(code.saturating_add(1));
        let place = usize::try_from(code).ok();
        let Some(known) = place.and_then(|place| self.categories.get_mut(place)) else {
            let reason = format!("class {code} has no name: there are {}", self.categories.len());
            return Err(refuse(&self.roles.labels, reason));
        };
        let first = *known.get_or_insert(id);
        if first != id {
            let reason = format!("class {code} has the category ids {first} and {id}");
            return Err(refuse(&self.roles.category_ids, reason));
        }
        Ok(id)
    }

    fn objects(&mut self, batch: &Batch, row: usize, position: u64, image: i64) -> Result<()> {
        let count = self.count(batch, row, position)?;
        let shape = batch.masks.as_ref().map(|masks| masks.tensor.shape(row));
        for index in 0..count {
            let mut members = Map::new();
            let mut area = None;
            if let (Some(boxes), Some(column)) = (&batch.boxes, &self.roles.boxes) {
                let bounds = boxes.floats(row).get(index * 4..index * 4 + 4).unwrap_or_default();
                let &[a, b, c, d] = bounds else { continue };
                let single = column.ty.dtype == DType::F32;
                let format = column.ty.box_format.unwrap_or_default();
                let ltwh = BoxFormat::Ltwh.from_ltrb(format.to_ltrb([a, b, c, d]));
                // What is in the convention already is written as it is, without rounding.
                let ltwh = if format == BoxFormat::Ltwh { [a, b, c, d] } else { ltwh };
                let numbers: Option<Vec<Value>> =
                    ltwh.iter().map(|number| json_number(*number, single)).collect();
                let numbers = numbers.ok_or_else(|| {
                    column.refuse(position, format!("the box {bounds:?} is no box"))
                })?;
                members.insert("bbox".into(), Value::Array(numbers));
                area = Some(ltwh[2] * ltwh[3]);
            }
            if let Some(labels) = &batch.labels {
                let code = labels.integers(row).get(index).copied().unwrap_or(0);
                let ids = batch.category_ids.as_ref();
                let id = ids.and_then(|ids| ids.integers(row).get(index).copied());
                members.insert("category_id".into(), json!(self.category(position, code, id)?));
            }
            if let (Some(masks), Some(shape)) = (&batch.masks, shape) {
                let column = self.roles.masks.as_ref();
                let refuse = |e: String| match column {
                    Some(column) => column.refuse(position, e),
                    None => Error::Stopped { reason: e },
                };
                let (rle, pixels) = run_lengths(masks, row, &shape, index).map_err(refuse)?;
                let segmentation = if pixels == 0 {
                    json!([])
                } else {
                    json!({"size": [rle.height, rle.width], "counts": rle.to_text()})
                };
                members.insert("segmentation".into(), segmentation);
                area = if pixels == 0 { area } else { float(pixels) };
            }
            if let Some(keypoints) = &batch.keypoints {
                let shape = keypoints.tensor.shape(row);
                let each = shape.get(1).copied().unwrap_or(0) * shape.get(2).copied().unwrap_or(0);
                let all = keypoints.floats(row);
                let own = all.get(index * each..(index + 1) * each).unwrap_or_default();
                let single = keypoints.tensor.ty().dtype == DType::F32;
                let numbers: Option<Vec<Value>> =
                    own.iter().map(|number| json_number(*number, single)).collect();
                if let (None, Some(column)) = (&numbers, &self.roles.keypoints) {
                    return Err(column.refuse(position, "a keypoint is no finite number"));
                }
                let seen = own.chunks_exact(3).filter(|point| point.last() != Some(&0.0)).count();
                members.insert("keypoints".into(), Value::Array(numbers.unwrap_or_default()));
                members.insert("num_keypoints".into(), json!(seen));
            }
            let at = |numbers: &Option<Numbers>| {
                numbers.as_ref().and_then(|numbers| numbers.floats(row).get(index).copied())
            };
            let area = at(&batch.area).filter(|area| area.is_finite()).or(area);
            members.insert(
                "area".into(),
                area.and_then(|a| json_number(a, false)).unwrap_or(json!(0)),
            );
            let crowd = at(&batch.iscrowd).is_some_and(|crowd| crowd != 0.0);
            members.insert("iscrowd".into(), json!(u8::from(crowd)));
            self.annotate(image, members)?;
        }
        Ok(())
    }

    /// How many objects a row has: every column must say the same.
    fn count(&self, batch: &Batch, row: usize, position: u64) -> Result<usize> {
        let mut known: Option<(usize, &ColumnRef)> = None;
        let columns = [
            (&batch.boxes, &self.roles.boxes, 0),
            (&batch.labels, &self.roles.labels, 0),
            (&batch.category_ids, &self.roles.category_ids, 0),
            (&batch.masks, &self.roles.masks, 2),
            (&batch.keypoints, &self.roles.keypoints, 0),
        ];
        for (numbers, column, axis) in columns {
            let (Some(numbers), Some(column)) = (numbers, column) else { continue };
            let shape = numbers.tensor.shape(row);
            let null = numbers.tensor.is_null(row);
            let found = if null { 0 } else { shape.get(axis).copied().unwrap_or(0) };
            match known {
                Some((count, first)) if count != found => {
                    let reason = format!("{found} objects, but '{}' has {count}", first.name);
                    return Err(column.refuse(position, reason));
                }
                _ => known = Some((found, column)),
            }
        }
        Ok(known.map_or(0, |(count, _)| count))
    }
}

/// A number as JSON; in single precision as few digits as tell it apart. `None` if it is none.
fn json_number(number: f64, single: bool) -> Option<Value> {
    if !number.is_finite() {
        return None;
    }
    let shown =
        if single { crate::annotated::single(number).to_string() } else { number.to_string() };
    // Not by `serde_json`, which may miss the nearest number by a hair.
    let nearest = shown.parse::<f64>().ok().and_then(serde_json::Number::from_f64);
    nearest.map(Value::Number)
}

fn float(count: u64) -> Option<f64> {
    u32::try_from(count).ok().map(f64::from)
}

/// The run lengths of mask `index` of a row's `[H, W, N]`, and its pixels.
fn run_lengths(
    masks: &Numbers,
    row: usize,
    shape: &[usize],
    index: usize,
) -> std::result::Result<(Rle, u64), String> {
    let &[height, width, count] = shape else { return Err("its masks are not [H, W, N]".into()) };
    let begin = masks.tensor.range(row).start;
    let bits = masks.tensor.elements().as_boolean_opt().ok_or("its masks are no bools")?;
    let (mut changes, mut before, mut pixels) = (Vec::new(), false, 0);
    for at in 0..height * width {
        let (column, line) = (at / height, at % height);
        let set = bits.value(begin + (line * width + column) * count + index);
        pixels += u64::from(set);
        if set != before {
            changes.push(u32::try_from(at).map_err(|_| "its masks have more than 2^32 pixels")?);
            before = set;
        }
    }
    let size = |size: usize| u32::try_from(size).map_err(|e| e.to_string());
    let rle = Rle::from_changes(size(height)?, size(width)?, changes).map_err(|e| e.to_string())?;
    Ok((rle, pixels))
}

impl Sink for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let images = Images::new(&self.roles.images, batch.column(self.roles.images.index))?;
        let names = self.names.of(batch)?;
        let numbers = |role: &Option<ColumnRef>| {
            role.as_ref().map(|role| Numbers::new(role, batch.column(role.index))).transpose()
        };
        let columns = Batch {
            boxes: numbers(&self.roles.boxes)?,
            labels: numbers(&self.roles.labels)?,
            category_ids: numbers(&self.roles.category_ids)?,
            masks: match &self.roles.masks {
                None => None,
                Some(role) => Some(Numbers::bools(role, batch.column(role.index))?),
            },
            keypoints: numbers(&self.roles.keypoints)?,
            area: numbers(&self.roles.area)?,
            iscrowd: numbers(&self.roles.iscrowd)?,
        };
        let ids = numbers(&self.roles.image_id)?;
        let captions = self.roles.captions.as_ref().map(|role| batch.column(role.index).clone());
        for row in 0..batch.num_rows() {
            let position = self.folder.rows;
            self.folder.rows += 1;
            let file = images.file(row).map_err(|e| self.roles.images.refuse(position, e))?;
            let Some(file) = file else { continue };
            let name = names.image(row, position, &file)?;
            // As the importer of YOLO names them.
            let name = name.strip_prefix("images/").unwrap_or(&name);
            let path = format!("images/{name}");
            put_image(&self.folder, &self.roles.images, position, &path, &file)?;
            let [height, width] = images.size(row);
            let id = ids.as_ref().and_then(|ids| ids.integers(row).first().copied());
            let id = id.unwrap_or(i64::try_from(position).unwrap_or(i64::MAX).saturating_add(1));
            let told = self.told();
            let comma = if self.images > 0 { "," } else { "" };
            let image = json!({"id": id, "file_name": name, "width": width, "height": height});
            write!(self.file, "{comma}\n{image}").map_err(told)?;
            self.images += 1;
            self.objects(&columns, row, position, id)?;
            let texts = captions.as_ref().and_then(|list| list.as_list_opt::<i32>());
            if let Some(list) = texts.filter(|list| !list.is_null(row)) {
                let texts = arrow::compute::cast(&list.value(row), &DataType::Utf8)?;
                for caption in texts.as_string::<i32>().iter().flatten() {
                    self.annotate(id, Map::from_iter([("caption".into(), json!(caption))]))?;
                }
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let told = self.told();
        let classes = self.roles.labels.as_ref().map(|labels| labels.ty.classes.to_vec());
        // A class that no row has gets an id that none of the others has.
        let most = self.categories.iter().flatten().max().copied().unwrap_or(0);
        let has_ids = self.roles.category_ids.is_some();
        let mut free = most.saturating_add(1);
        let mut categories = Vec::new();
        for (code, name) in classes.into_iter().flatten().enumerate() {
            let plain = i64::try_from(code).unwrap_or(i64::MAX).saturating_add(1);
            let id = match self.categories.get(code).copied().flatten() {
                Some(id) => id,
                None if !has_ids => plain,
                None => {
                    free = free.saturating_add(1);
                    free - 1
                }
            };
            categories.push(json!({"id": id, "name": name}));
        }
        self.waiting.flush().map_err(&told)?;
        let path = self.folder.now(WAITING);
        let mut waiting = File::open(&path).map_err(&told)?;
        let file = &mut self.file;
        file.write_all(b"\n],\"annotations\":[").map_err(&told)?;
        std::io::copy(&mut waiting, file).map_err(&told)?;
        write!(file, "\n],\"categories\":{}}}\n", Value::Array(categories)).map_err(&told)?;
        file.flush().map_err(&told)?;
        drop(waiting);
        std::fs::remove_file(&path).map_err(&told)
    }
}
