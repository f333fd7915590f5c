//! A program without an asynchronous runtime appends `ndarray` arrays, changes them, and gets
//! arrays back: `cargo run --release --example 04_without_a_runtime`.

use std::error::Error;

use lakebed::arrays;
use lakebed::arrays::Rows;
use lakebed::blocking::Lakebed;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::Schema;
use ndarray::Array2;
use ndarray::Axis;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let url = folder.path().join("words.lakebed").display().to_string();
    let schema = Schema::new(vec![
        Column::text("word"),
        Column::tensor("embedding", DType::F32, &[Some(3)]),
    ])?;
    let mut lakebed = Lakebed::create(&url, schema.clone())?;

    let words = ["cat", "tiger", "piano", "guitar"];
    let embeddings = Array2::from_shape_vec(
        (4, 3),
        vec![0.9_f32, 0.1, 0.0, 0.8, 0.3, 0.1, 0.0, 0.2, 0.9, 0.1, 0.1, 1.0],
    )?;
    let rows = Rows::new(&schema)
        .texts("word", words)?
        .stacked("embedding", embeddings.view())?
        .finish()?;
    lakebed.append([rows], "four words")?;

    let text =
        "SELECT word, embedding ORDER BY COSINE_SIMILARITY(embedding, ARRAY[1, 0, 0]) DESC LIMIT 2";
    for batch in lakebed.query(text)? {
        let nearest = arrays::stacked::<f32>(&batch?, "embedding")?;
        show(&format!("{text}\n  mean of the two nearest: {:?}", nearest.mean_axis(Axis(0))));
    }

    let changed = lakebed.execute("UPDATE SET embedding[0] = 0.5 WHERE word == 'piano'")?;
    show(&format!("{} row changed: version {}", changed.rows, changed.dataset.version()));
    let before = lakebed.wait(changed.dataset.at(changed.dataset.version() - 1))?;
    lakebed.session().register("before", before);
    let text = "SELECT a.word AS word, a.embedding[0] AS was, b.embedding[0] AS is_now FROM before AS a \
                JOIN dataset AS b ON a.word = b.word WHERE a.embedding[0] != b.embedding[0]";
    for batch in lakebed.query(text)? {
        let batch = batch?;
        let (was, now) =
            (arrays::stacked::<f32>(&batch, "was")?, arrays::stacked::<f32>(&batch, "is_now")?);
        show(&format!("  piano: {was} to {now}"));
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example shows its results")]
fn show(line: &str) {
    println!("{line}");
}
