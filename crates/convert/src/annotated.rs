//! Annotated images as columns: what COCO and YOLO files say.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Int64Builder;
use arrow::array::StringViewBuilder;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt8Type;
use arrow::datatypes::UInt32Type;
use arrow::record_batch::RecordBatch;
use arrow_schema::SchemaRef;
use lakebed_core::Column;
use lakebed_core::Schema;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;

use crate::columns::ImageBuilder;
use crate::columns::TextListBuilder;
use crate::columns::arrow_schema;
use crate::error::Result;
use crate::masks::BitTensorBuilder;
use crate::masks::MaskStack;
use crate::media::EncodedImage;
use crate::options::ImportOptions;
use crate::pipeline::BatchBuilder;

/// One image with its objects. What the schema has no column for stays empty.
#[derive(Debug)]
pub(crate) struct Row {
    pub image: EncodedImage,
    pub filename: String,
    pub id: i64,
    pub split: Option<String>,
    pub wants: Wants,
    pub objects: usize,
    pub boxes: Vec<f32>,
    pub labels: Vec<u32>,
    pub categories: Vec<i64>,
    pub masks: Option<MaskStack>,
    pub keypoints: Vec<f32>,
    pub area: Vec<f64>,
    pub iscrowd: Vec<u8>,
    pub captions: Vec<String>,
}

/// Which columns the schema has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wants {
    pub boxes: bool,
    pub labels: bool,
    /// Points of an object.
    pub keypoints: Option<usize>,
    pub area: bool,
    pub captions: bool,
}

impl Row {
    /// A row without annotations yet; at most `annotations` will be added.
    ///
    /// # Errors
    /// Masks that are larger than the limits allow.
    pub fn new(
        filename: &str,
        image: EncodedImage,
        schema: &Schema,
        annotations: usize,
        options: &ImportOptions,
    ) -> std::result::Result<Row, String> {
        let keypoints = schema
            .column("keypoints")
            .ok()
            .and_then(|column| column.dims.get(1).copied().flatten())
            .and_then(|points| usize::try_from(points).ok());
        let has = |name: &str| schema.column(name).is_ok();
        let wants = Wants {
            boxes: has("boxes"),
            labels: has("labels"),
            keypoints,
            area: has("area"),
            captions: has("captions"),
        };
        let masks = if has("masks") {
            let [height, width, _] = image.shape.map(|size| u32::try_from(size).unwrap_or(0));
            let stack = MaskStack::new(height, width, annotations, &options.limits);
            Some(stack.map_err(|e| format!("{e}, or import without masks"))?)
        } else {
            None
        };
        Ok(Row {
            image,
            id: 0,
            split: None,
            filename: filename.to_string(),
            wants,
            objects: 0,
            boxes: Vec::new(),
            labels: Vec::new(),
            categories: Vec::new(),
            masks,
            keypoints: Vec::new(),
            area: Vec::new(),
            iscrowd: Vec::new(),
            captions: Vec::new(),
        })
    }

    /// Ends the row. Annotations that are no objects left the stack of masks with empty places.
    pub fn finish(&mut self) {
        if let Some(stack) = &mut self.masks {
            stack.truncate(self.objects);
        }
    }

    /// Roughly what the row takes in a batch.
    pub fn bytes(&self) -> usize {
        let masks = self.masks.as_ref().map_or(0, MaskStack::bytes);
        let captions: usize = self.captions.iter().map(String::len).sum();
        let points = self.keypoints.len() * 4;
        self.image.bytes.len() + self.filename.len() + masks + captions + points + self.objects * 48
    }
}

/// The nearest of 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "boxes are kept in single precision")]
pub(crate) fn single(number: f64) -> f32 {
    number as f32
}

/// Builds every possible column and hands out those of the schema.
pub(crate) struct Builder {
    schema: Schema,
    arrow: SchemaRef,
    images: ImageBuilder,
    filenames: StringViewBuilder,
    ids: Int64Builder,
    splits: StringViewBuilder,
    boxes: TensorBuilder<f32>,
    labels: TensorBuilder<u32>,
    categories: TensorBuilder<i64>,
    masks: BitTensorBuilder,
    keypoints: TensorBuilder<f32>,
    area: TensorBuilder<f64>,
    iscrowd: TensorBuilder<u8>,
    captions: TextListBuilder,
}

impl Builder {
    pub fn new(schema: Schema) -> Builder {
        Builder {
            arrow: arrow_schema(&schema),
            schema,
            images: ImageBuilder::new(),
            filenames: StringViewBuilder::new(),
            ids: Int64Builder::new(),
            splits: StringViewBuilder::new(),
            boxes: TensorBuilder::new(2),
            labels: TensorBuilder::new(1),
            categories: TensorBuilder::new(1),
            masks: BitTensorBuilder::new(),
            keypoints: TensorBuilder::new(3),
            area: TensorBuilder::new(1),
            iscrowd: TensorBuilder::new(1),
            captions: TextListBuilder::new(),
        }
    }

    fn column(&mut self, column: &Column) -> Result<ArrayRef> {
        let ty = TensorType::from_column(column);
        Ok(match column.name.as_str() {
            "images" => self.images.finish(column)?,
            "filename" => Arc::new(self.filenames.finish()),
            "split" => Arc::new(self.splits.finish()),
            "image_id" => Arc::new(self.ids.finish()),
            "boxes" => take(&mut self.boxes, 2).finish::<Float32Type>(&ty)?,
            "labels" => take(&mut self.labels, 1).finish::<UInt32Type>(&ty)?,
            "category_ids" => take(&mut self.categories, 1).finish::<Int64Type>(&ty)?,
            "masks" => self.masks.finish(column)?,
            "keypoints" => take(&mut self.keypoints, 3).finish::<Float32Type>(&ty)?,
            "area" => take(&mut self.area, 1).finish::<Float64Type>(&ty)?,
            "iscrowd" => take(&mut self.iscrowd, 1).finish::<UInt8Type>(&ty)?,
            "captions" => self.captions.finish(column)?,
            name => {
                return Err(lakebed_core::Error::UnknownColumn {
                    name: name.to_string(),
                    nearest: None,
                }
                .into());
            }
        })
    }
}

fn take<T: Copy + Default>(builder: &mut TensorBuilder<T>, ndim: usize) -> TensorBuilder<T> {
    std::mem::replace(builder, TensorBuilder::new(ndim))
}

impl BatchBuilder for Builder {
    type Row = Row;

    fn push(&mut self, row: Row) -> Result<()> {
        self.images.push(row.image)?;
        self.filenames.append_value(row.filename);
        self.ids.append_value(row.id);
        self.splits.append_option(row.split);
        let n = row.objects;
        if row.wants.boxes {
            self.boxes.push(&row.boxes, &[n, 4])?;
        }
        if row.wants.labels {
            self.labels.push(&row.labels, &[n])?;
        }
        if !row.categories.is_empty() || n == 0 {
            self.categories.push(&row.categories, &[n])?;
        }
        if let Some(stack) = row.masks {
            self.masks.push(stack)?;
        }
        if let Some(points) = row.wants.keypoints {
            self.keypoints.push(&row.keypoints, &[n, points, 3])?;
        }
        if row.wants.area {
            self.area.push(&row.area, &[n])?;
        }
        if row.iscrowd.len() == n {
            self.iscrowd.push(&row.iscrowd, &[n])?;
        }
        if row.wants.captions {
            self.captions.push(row.captions.iter().map(String::as_str));
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        let columns = self.schema.columns.clone();
        let arrays = columns.iter().map(|column| self.column(column)).collect::<Result<_>>()?;
        // Columns that the schema does not have were filled too: they must not grow for ever.
        let schema = std::mem::take(&mut self.schema);
        *self = Builder::new(schema);
        Ok(RecordBatch::try_new(SchemaRef::clone(&self.arrow), arrays)?)
    }
}
