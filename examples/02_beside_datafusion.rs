//! A program that uses DataFusion already gets a dataset of tensors beside its Parquet file and
//! joins them, in SQL and in TQL: `cargo run --release --example 02_beside_datafusion`.

use std::error::Error;
use std::fs::File;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::Int64Array;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::StringArray;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::ParquetReadOptions;
use datafusion::prelude::SessionContext;
use lakebed::arrays::Rows;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::Schema;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::engine::DatasetTable;
use lakebed::engine::SessionContextExt;
use lakebed::engine::TableOptions;
use lakebed::engine::result::Cells;
use ndarray::Array2;
use ndarray::array;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // What the program has: a context, and who took which photograph in a Parquet file.
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("photographs.parquet");
    let id: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let by: ArrayRef = Arc::new(StringArray::from(vec!["Ada", "Grace", "Ada"]));
    let batch = RecordBatch::try_from_iter([("id", id), ("author", by)])?;
    let mut writer = ArrowWriter::try_new(File::create(&file)?, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close()?;
    let context = SessionContext::new();
    let path = file.to_str().ok_or("a path that is no text")?;
    context.register_parquet("photographs", path, ParquetReadOptions::default()).await?;

    // What comes beside it: boxes of what is on each photograph.
    let dataset = boxes().await?;
    context.register_dataset("found", dataset.clone())?;

    // The context's own SQL, with the tensor functions under their names in it.
    let text = "SELECT author, sum(tensor_shape(boxes)[1]) AS boxes FROM found \
                JOIN photographs USING (id) GROUP BY author ORDER BY author";
    print(text, &context.sql(text).await?.collect().await?)?;

    // TQL over the same tables, on the context's memory and object stores.
    let text = "SELECT author, boxes[:, 2:] AS sizes FROM found \
                JOIN photographs ON found.id = photographs.id WHERE ANY(boxes[:, 2] > 30)";
    print(text, &context.tql(text).await?.collect().await?)?;

    // The table alone, wherever a `TableProvider` is taken, and the functions alone, wherever a
    // scalar function is.
    let alone = SessionContext::new();
    let table = DatasetTable::new(dataset, TableOptions::default());
    alone.register_table("found", Arc::new(table))?;
    for function in lakebed::functions::all() {
        alone.register_udf(function);
    }
    let text = "SELECT id, tensor_amax(boxes) AS most FROM found ORDER BY id";
    print(text, &alone.sql(text).await?.collect().await?)?;
    Ok(())
}

/// A dataset of three rows with two boxes, none and one.
async fn boxes() -> Result<Dataset, Box<dyn Error>> {
    let schema = Schema::new(vec![
        Column::scalar("id", DType::I64),
        Column::tensor("boxes", DType::F32, &[None, Some(4)]),
    ])?;
    let boxes = [
        array![[0.0_f32, 0.0, 40.0, 20.0], [5.0, 5.0, 10.0, 10.0]],
        Array2::zeros((0, 4)),
        array![[8.0, 8.0, 32.0, 64.0]],
    ];
    let batch = Rows::new(&schema)
        .stacked("id", array![1_i64, 2, 3].view())?
        .ragged("boxes", boxes.iter().map(|boxes| boxes.view()))?
        .finish()?;
    let dataset = Dataset::create("mem://found", schema, Options::default()).await?;
    let mut writer = dataset.append()?;
    writer.write(&batch).await?;
    Ok(writer.commit("boxes of three photographs").await?)
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
