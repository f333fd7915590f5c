//! A small dataset of drawn pictures that needs no data: something of every kind, always the same.
//!
//! | column | type | |
//! |---|---|---|
//! | `images` | image | 64 to 128 rows, 64 to 160 columns; JPEG and PNG |
//! | `boxes` | bbox, ltrb | one for each shape, in pixels; up to 6, sometimes none |
//! | `labels` | class_label `[N]` | circle, square, triangle, ring: one for each box |
//! | `scene` | class_label | day, dusk, night |
//! | `masks` | binary_mask | the pixels that some shape covers |
//! | `embeddings` | embedding `[8]` | shares of the four shapes, mean red, green, blue, how many |
//! | `captions` | text | "two circles and a ring, at night" |
//! | `meta` | json | camera, day, exposure, tags |
//! | `score` | f32, nullable | 0 to 1 |
//!
//! The rows come in four commits, one a day, so that there is a history to look at.

mod describe;
mod picture;
mod random;

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::StringViewArray;
use arrow::datatypes::Float32Type;
use arrow::datatypes::UInt32Type;
use arrow::record_batch::RecordBatch;
use lakebed_core::BoxFormat;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_dataset::Dataset;
use lakebed_dataset::Options;

use self::describe::EMBEDDING;
use self::picture::Kind;
use self::picture::Picture;
use self::picture::SCENES;
use self::random::Random;
use crate::columns::ImageBuilder;
use crate::columns::arrow_schema;
use crate::error::Result;
use crate::media::EncodedImage;

/// Rows of the whole dataset.
pub const ROWS: usize = DAYS.len() * ROWS_A_DAY;

const DAYS: [&str; 4] = ["Monday", "Tuesday", "Wednesday", "Thursday"];
const ROWS_A_DAY: usize = 50;
const SEED: u64 = 2209;

/// The columns.
///
/// # Errors
/// None in practice: the columns are valid.
pub fn schema() -> Result<Schema> {
    let shapes = Kind::ALL.map(|kind| kind.name().to_string()).to_vec();
    let scenes = SCENES.iter().map(|scene| scene.name.to_string()).collect();
    Ok(Schema::new(vec![
        Column::image("images"),
        Column::boxes("boxes", BoxFormat::Ltrb),
        Column::class_labels("labels", shapes),
        Column::class_label("scene", scenes),
        Column::binary_mask("masks"),
        Column::embedding("embeddings", u32::try_from(EMBEDDING).unwrap_or(1)),
        Column::text("captions"),
        Column::json("meta"),
        Column::scalar("score", DType::F32).nullable(),
    ])?)
}

/// The rows, one batch for each commit, drawn while they are asked for.
pub fn batches() -> impl Iterator<Item = Result<RecordBatch>> {
    let mut random = Random::new(SEED);
    DAYS.into_iter().map(move |day| {
        let mut rows = Rows::new(schema()?);
        for _ in 0..ROWS_A_DAY {
            rows.draw(day, &mut random)?;
        }
        rows.finish()
    })
}

/// Makes the dataset at a place that holds none.
///
/// # Errors
/// Those of creating and writing a dataset.
pub async fn create(url: &str, options: Options) -> Result<Dataset> {
    let mut dataset = Dataset::create(url, schema()?, options).await?;
    for (day, batch) in DAYS.into_iter().zip(batches()) {
        let mut writer = dataset.append()?;
        writer.write(&batch?).await?;
        dataset = writer.commit(&format!("the pictures of {day}")).await?;
    }
    Ok(dataset)
}

/// Rows on their way into a batch.
struct Rows {
    schema: Schema,
    images: ImageBuilder,
    boxes: TensorBuilder<f32>,
    labels: TensorBuilder<u32>,
    scenes: TensorBuilder<u32>,
    masks: TensorBuilder<bool>,
    embeddings: TensorBuilder<f32>,
    captions: Vec<String>,
    meta: Vec<String>,
    scores: TensorBuilder<f32>,
}

impl Rows {
    fn new(schema: Schema) -> Rows {
        Rows {
            schema,
            images: ImageBuilder::new(),
            boxes: TensorBuilder::new(2),
            labels: TensorBuilder::new(1),
            scenes: TensorBuilder::new(0),
            masks: TensorBuilder::new(2),
            embeddings: TensorBuilder::new(1),
            captions: Vec::new(),
            meta: Vec::new(),
            scores: TensorBuilder::new(0),
        }
    }

    fn draw(&mut self, day: &str, random: &mut Random) -> Result<()> {
        let picture = Picture::new(random);
        let drawn = picture.draw();
        let shape = [i32::from(picture.height), i32::from(picture.width), 3];
        self.images.push(EncodedImage { bytes: picture.encode(&drawn.pixels)?, shape })?;
        for object in &picture.objects {
            let [left, top] = [object.left, object.top];
            let ltrb = [left, top, left + object.size, top + object.size];
            self.boxes.elements_mut().extend(ltrb.map(f32::from));
            let code = Kind::ALL.iter().position(|kind| *kind == object.kind);
            self.labels.elements_mut().push(code_of(code));
        }
        self.boxes.finish_row(&[picture.objects.len(), 4])?;
        self.labels.finish_row(&[picture.objects.len()])?;
        self.scenes.push(&[code_of(Some(picture.scene))], &[])?;
        let pixels = [usize::from(picture.height), usize::from(picture.width)];
        self.masks.push(&drawn.mask, &pixels)?;
        self.embeddings.push(&describe::embedding(&picture, &drawn), &[EMBEDDING])?;
        self.captions.push(describe::caption(&picture));
        self.meta.push(describe::meta(&picture, day, random).to_string());
        let score = f32::from(random.between(0, 1000)) / 1000.0;
        if random.between(0, 9) == 0 {
            self.scores.push_null(None)?;
        } else {
            self.scores.push(&[score], &[])?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<RecordBatch> {
        let schema = &self.schema;
        let ty = |name: &str| schema.column(name).map(TensorType::from_column);
        let texts =
            |texts: Vec<String>| Arc::new(StringViewArray::from_iter_values(texts)) as ArrayRef;
        let arrays = vec![
            self.images.finish(schema.column("images")?)?,
            self.boxes.finish::<Float32Type>(&ty("boxes")?)?,
            self.labels.finish::<UInt32Type>(&ty("labels")?)?,
            self.scenes.finish::<UInt32Type>(&ty("scene")?)?,
            self.masks.finish_bool(&ty("masks")?)?,
            self.embeddings.finish::<Float32Type>(&ty("embeddings")?)?,
            texts(self.captions),
            texts(self.meta),
            self.scores.finish::<Float32Type>(&ty("score")?)?,
        ];
        Ok(RecordBatch::try_new(arrow_schema(schema), arrays)?)
    }
}

fn code_of(place: Option<usize>) -> u32 {
    place.and_then(|place| u32::try_from(place).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
