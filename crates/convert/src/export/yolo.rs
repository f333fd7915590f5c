//! YOLO: `images/NAME.jpg`, `labels/NAME.txt` with a line for each box, and `data.yaml`. A name
//! that begins with `images/` already does not get it again.
//!
//! Boxes are the first column of htype bbox, in whatever convention it has; classes the first
//! class_label beside it. Coordinates are written as parts of the image's size. A row without
//! boxes has no text file. Masks and keypoints are not written.

use std::io::Write;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use arrow_schema::Schema;
use lakebed_core::BoxFormat;
use lakebed_core::HType;

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
use crate::yolo::labels_of;

/// Writes images and boxes.
pub(super) struct Writer {
    folder: Folder,
    images: ColumnRef,
    boxes: ColumnRef,
    labels: ColumnRef,
    names: Names,
}

impl Writer {
    /// # Errors
    /// [`Error::CannotWrite`] unless there are images, boxes and class labels.
    pub fn open(staged: &Staged, schema: &Schema, options: &ExportOptions) -> Result<Writer> {
        let columns = columns(schema);
        let find = |htype: HType, ndim: usize| {
            let found = columns.iter().find(|c| c.ty.htype == htype && c.ty.ndim() == ndim);
            found.cloned().ok_or_else(|| Error::CannotWrite {
                column: htype.name().into(),
                row: None,
                reason: format!("no column of htype {htype} with {ndim} dimensions"),
            })
        };
        let (images, boxes) = (image_column(&columns)?, find(HType::BBox, 2)?);
        let labels = find(HType::ClassLabel, 1)?;
        let names = Names::new(schema, options.names.as_deref())?;
        Ok(Writer { folder: Folder::new(staged), images, boxes, labels, names })
    }
}

impl Sink for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let images = Images::new(&self.images, batch.column(self.images.index))?;
        let boxes = Numbers::new(&self.boxes, batch.column(self.boxes.index))?;
        let labels = Numbers::new(&self.labels, batch.column(self.labels.index))?;
        let names = self.names.of(batch)?;
        let format = self.boxes.ty.box_format.unwrap_or_default();
        for row in 0..batch.num_rows() {
            let position = self.folder.rows;
            self.folder.rows += 1;
            let file = images.file(row).map_err(|e| self.images.refuse(position, e))?;
            let Some(file) = file else { continue };
            let name = names.image(row, position, &file)?;
            let path = format!("images/{}", name.strip_prefix("images/").unwrap_or(&name));
            put_image(&self.folder, &self.images, position, &path, &file)?;
            let [height, width] = images.size(row).map(f64::from);
            let (boxes, labels) = (boxes.floats(row), labels.integers(row));
            if boxes.len() != labels.len() * 4 {
                let (found, wanted) = (boxes.len() / 4, labels.len());
                let reason = format!("{found} boxes, but '{}' has {wanted}", self.labels.name);
                return Err(self.boxes.refuse(position, reason));
            }
            let mut text = Vec::new();
            for (bounds, label) in boxes.chunks_exact(4).zip(labels) {
                let &[a, b, c, d] = bounds else { continue };
                let [x, y, w, h] = BoxFormat::Ccwh.from_ltrb(format.to_ltrb([a, b, c, d]));
                let parts = [x / width, y / height, w / width, h / height];
                if parts.iter().any(|part| !part.is_finite()) {
                    return Err(self
                        .boxes
                        .refuse(position, format!("the box {bounds:?} is no box")));
                }
                let [x, y, w, h] = parts;
                writeln!(text, "{label} {x} {y} {w} {h}")
                    .map_err(|source| Error::Write { path: self.folder.shown(&path), source })?;
            }
            if !text.is_empty() {
                // Where the importer looks for them; the path begins with `images`.
                let labels = labels_of(&path).unwrap_or_else(|| format!("{path}.txt"));
                put_image(&self.folder, &self.images, position, &labels, &text)?;
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        // JSON is YAML: names need no quoting rules of their own.
        let classes: &Arc<[String]> = &self.labels.ty.classes;
        let names = serde_json::Value::from(classes.to_vec());
        let text = format!("train: images\nval: images\nnc: {}\nnames: {names}\n", classes.len());
        self.folder.put("data.yaml", text.as_bytes())
    }
}
