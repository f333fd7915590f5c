//! Makes a dataset in memory, appends rows in two commits, asks it in TQL and SQL, and looks at
//! the older version: `cargo run --release --example 01_append_and_query`.

use std::error::Error;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::StringViewArray;
use datafusion::arrow::datatypes::Float32Type;
use datafusion::arrow::datatypes::Schema as ArrowSchema;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::Schema;
use lakebed::core::TensorBuilder;
use lakebed::core::TensorType;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::engine::Session;
use lakebed::engine::result::Cells;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A text, and any number of boxes a row.
    let schema = Schema::new(vec![
        Column::text("caption"),
        Column::tensor("boxes", DType::F32, &[None, Some(4)]),
    ])?;
    let mut dataset = Dataset::create("mem://example", schema, Options::default()).await?;
    for captions in [["one cat", "an empty street"], ["two cats", "a dog"]] {
        let mut writer = dataset.append()?;
        writer.write(&batch(&dataset, &captions)?).await?;
        dataset = writer.commit(&format!("add '{}' and another", captions[0])).await?;
    }
    let session = Session::new()?;
    session.set_current(dataset.clone());
    session.register("street", dataset.clone());
    let text =
        "SELECT caption, SHAPE(boxes)[0] AS n, boxes[:, 2:] AS sizes WHERE ANY(boxes[:, 2] > 15)";
    print(text, &session.tql(text).await?.collect().await?)?;
    let text = "SELECT count(*) AS rows, max(caption) AS last FROM street";
    print(text, &session.sql(text).await?.collect().await?)?;

    let older = dataset.at(1).await?;
    show(&format!(
        "version {} has {} rows, version {} has {}",
        older.version(),
        older.num_rows(),
        dataset.version(),
        dataset.num_rows()
    ));
    Ok(())
}

fn batch(dataset: &Dataset, captions: &[&str]) -> Result<RecordBatch, Box<dyn Error>> {
    let columns = &dataset.schema().columns;
    let mut boxes = TensorBuilder::<f32>::new(2);
    for caption in captions {
        match *caption {
            "an empty street" => boxes.push(&[], &[0, 4])?,
            "two cats" => boxes.push(&[0.0, 0.0, 10.0, 10.0, 5.0, 5.0, 20.0, 12.0], &[2, 4])?,
            _ => boxes.push(&[3.0, 4.0, 16.0, 9.0], &[1, 4])?,
        }
    }
    let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(captions));
    let boxes = boxes.finish::<Float32Type>(&TensorType::from_column(&columns[1]))?;
    let fields = columns.iter().map(|c| TensorType::from_column(c).to_field(&c.name, c.nullable));
    let schema = ArrowSchema::new(fields.collect::<Vec<_>>());
    Ok(RecordBatch::try_new(Arc::new(schema), vec![texts, boxes])?)
}

fn print(text: &str, batches: &[RecordBatch]) -> Result<(), Box<dyn Error>> {
    show(text);
    for batch in batches {
        let columns = Cells::of_batch(batch)?;
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = columns.iter().map(|column| column.summary(row)).collect();
            show(&format!("  {}", cells.join("  |  ")));
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example shows its results")]
fn show(line: &str) {
    println!("{line}");
}
