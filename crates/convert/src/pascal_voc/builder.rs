//! Annotations and images as columns.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Int32Builder;
use arrow::array::StringViewBuilder;
use arrow::array::UInt8Builder;
use arrow::datatypes::Float32Type;
use arrow::datatypes::UInt8Type;
use arrow::datatypes::UInt32Type;
use arrow::record_batch::RecordBatch;
use arrow_schema::SchemaRef;
use lakebed_core::BoxFormat;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;

use crate::columns::ImageBuilder;
use crate::columns::TextListBuilder;
use crate::columns::arrow_schema;
use crate::error::Result;
use crate::media::EncodedImage;
use crate::pascal_voc::annotation::Annotation;
use crate::pascal_voc::annotation::Object;
use crate::pipeline::BatchBuilder;

/// What occurs in a set of annotations: class names, and the elements that become columns.
#[derive(Debug, Default)]
pub(crate) struct Occurs {
    pub classes: BTreeSet<String>,
    pub columns: BTreeSet<&'static str>,
}

impl Occurs {
    pub fn add(&mut self, annotation: &Annotation) {
        let mut occurs = |name: &'static str, is: bool| {
            if is {
                self.columns.insert(name);
            }
        };
        let objects = &annotation.objects;
        occurs("pose", objects.iter().any(|object| object.pose.is_some()));
        occurs("truncated", objects.iter().any(|object| object.truncated.is_some()));
        occurs("difficult", objects.iter().any(|object| object.difficult.is_some()));
        occurs("occluded", objects.iter().any(|object| object.occluded.is_some()));
        occurs("width", annotation.width.is_some());
        occurs("height", annotation.height.is_some());
        occurs("depth", annotation.depth.is_some());
        occurs("segmented", annotation.segmented.is_some());
        occurs("folder", annotation.folder.is_some());
        occurs("path", annotation.path.is_some());
        occurs("database", annotation.database.is_some());
        occurs("extra", annotation.extra.is_some());
        for object in objects {
            if !self.classes.contains(&object.name) {
                self.classes.insert(object.name.clone());
            }
        }
    }

    pub fn merge(&mut self, other: Occurs) {
        self.classes.extend(other.classes);
        self.columns.extend(other.columns);
    }

    /// The schema of rows in which only these occur.
    pub fn schema(&self, with_split: bool) -> Result<Schema> {
        let vector = |name| Column::tensor(name, DType::U8, &[None]);
        let optional = [
            Column::text("pose").sequence(),
            vector("truncated"),
            vector("difficult"),
            vector("occluded"),
            Column::scalar("width", DType::I32).nullable(),
            Column::scalar("height", DType::I32).nullable(),
            Column::scalar("depth", DType::I32).nullable(),
            Column::scalar("segmented", DType::U8).nullable(),
            Column::text("folder").nullable(),
            Column::text("path").nullable(),
            Column::text("database").nullable(),
            Column::json("extra").nullable(),
        ];
        let mut columns = vec![
            Column::image("images"),
            Column::boxes("boxes", BoxFormat::Ltrb),
            Column::class_labels("labels", self.classes.iter().cloned().collect()),
            Column::text("filename"),
        ];
        if with_split {
            columns.push(Column::text("split").nullable());
        }
        let occurs = |column: &Column| self.columns.contains(column.name.as_str());
        columns.extend(optional.into_iter().filter(occurs));
        Ok(Schema::new(columns)?)
    }
}

/// One row.
#[derive(Debug)]
pub(crate) struct Row {
    pub image: EncodedImage,
    pub annotation: Annotation,
    /// One class code an object.
    pub labels: Vec<u32>,
    pub filename: String,
    pub split: Option<&'static str>,
}

/// Builds every possible column and hands out those of the schema.
pub(crate) struct Builder {
    schema: Schema,
    arrow: SchemaRef,
    images: ImageBuilder,
    boxes: TensorBuilder<f32>,
    labels: TensorBuilder<u32>,
    poses: TextListBuilder,
    flags: [TensorBuilder<u8>; 3],
    sizes: [Int32Builder; 3],
    segmented: UInt8Builder,
    /// filename, split, folder, path, database, extra.
    texts: [StringViewBuilder; 6],
}

impl Builder {
    pub fn new(schema: Schema) -> Builder {
        Builder {
            arrow: arrow_schema(&schema),
            schema,
            images: ImageBuilder::new(),
            boxes: TensorBuilder::new(2),
            labels: TensorBuilder::new(1),
            poses: TextListBuilder::new(),
            flags: std::array::from_fn(|_| TensorBuilder::new(1)),
            sizes: std::array::from_fn(|_| Int32Builder::new()),
            segmented: UInt8Builder::new(),
            texts: std::array::from_fn(|_| StringViewBuilder::new()),
        }
    }

    fn column(&mut self, column: &Column) -> Result<ArrayRef> {
        let ty = TensorType::from_column(column);
        let [filename, split, folder, path, database, extra] = &mut self.texts;
        let [width, height, depth] = &mut self.sizes;
        let [truncated, difficult, occluded] = &mut self.flags;
        Ok(match column.name.as_str() {
            "images" => self.images.finish(column)?,
            "boxes" => take(&mut self.boxes, 2).finish::<Float32Type>(&ty)?,
            "labels" => take(&mut self.labels, 1).finish::<UInt32Type>(&ty)?,
            "pose" => self.poses.finish(column)?,
            "truncated" => take(truncated, 1).finish::<UInt8Type>(&ty)?,
            "difficult" => take(difficult, 1).finish::<UInt8Type>(&ty)?,
            "occluded" => take(occluded, 1).finish::<UInt8Type>(&ty)?,
            "width" => Arc::new(width.finish()),
            "height" => Arc::new(height.finish()),
            "depth" => Arc::new(depth.finish()),
            "segmented" => Arc::new(self.segmented.finish()),
            "filename" => Arc::new(filename.finish()),
            "split" => Arc::new(split.finish()),
            "folder" => Arc::new(folder.finish()),
            "path" => Arc::new(path.finish()),
            "database" => Arc::new(database.finish()),
            "extra" => Arc::new(extra.finish()),
            name => {
                return Err(lakebed_core::Error::UnknownColumn {
                    name: name.to_string(),
                    nearest: None,
                }
                .into());
            }
        })
    }

    /// Columns that the schema does not have were filled too: they must not grow for ever.
    fn clear(&mut self) {
        let empty = Builder::new(Schema::default());
        let schema = std::mem::take(&mut self.schema);
        let arrow = SchemaRef::clone(&self.arrow);
        *self = Builder { schema, arrow, ..empty };
    }
}

fn take<T: Copy + Default>(builder: &mut TensorBuilder<T>, ndim: usize) -> TensorBuilder<T> {
    std::mem::replace(builder, TensorBuilder::new(ndim))
}

impl BatchBuilder for Builder {
    type Row = Row;

    fn push(&mut self, row: Row) -> Result<()> {
        let Row { image, annotation, labels, filename, split } = row;
        let objects = &annotation.objects;
        self.images.push(image)?;
        for object in objects {
            self.boxes.elements_mut().extend(object.bounds);
        }
        self.boxes.finish_row(&[objects.len(), 4])?;
        self.labels.push(&labels, &[labels.len()])?;
        self.poses.push(objects.iter().map(|object| object.pose.as_deref().unwrap_or("")));
        let flags: [fn(&Object) -> Option<u8>; 3] =
            [|object| object.truncated, |object| object.difficult, |object| object.occluded];
        for (builder, flag) in self.flags.iter_mut().zip(flags) {
            builder.elements_mut().extend(objects.iter().map(|object| flag(object).unwrap_or(0)));
            builder.finish_row(&[objects.len()])?;
        }
        let sizes = [annotation.width, annotation.height, annotation.depth];
        for (builder, size) in self.sizes.iter_mut().zip(sizes) {
            builder.append_option(size);
        }
        self.segmented.append_option(annotation.segmented);
        let texts = [
            Some(filename.as_str()),
            split,
            annotation.folder.as_deref(),
            annotation.path.as_deref(),
            annotation.database.as_deref(),
            annotation.extra.as_deref(),
        ];
        for (builder, text) in self.texts.iter_mut().zip(texts) {
            builder.append_option(text);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        let columns = self.schema.columns.clone();
        let arrays = columns.iter().map(|column| self.column(column)).collect::<Result<_>>()?;
        self.clear();
        Ok(RecordBatch::try_new(SchemaRef::clone(&self.arrow), arrays)?)
    }
}
