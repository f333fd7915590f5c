//! Draws the demo dataset, keeps two queries as views, trains a classifier of scenes on the batches
//! of one and asks it about the other: `cargo run --release --example 05_train_on_a_query`.

use std::error::Error;

use datafusion::arrow::datatypes::Float32Type;
use datafusion::arrow::datatypes::UInt32Type;
use lakebed::convert::demo;
use lakebed::dataset::OpenView;
use lakebed::dataset::Options;
use lakebed::engine::Language;
use lakebed::engine::Parameters;
use lakebed::engine::Session;
use lakebed::loader::Batch;
use lakebed::loader::Collate;
use lakebed::loader::Loader;
use lakebed::loader::Shuffle;
use lakebed::loader::ToBatches;

// The classifier and its features; a test of the loader trains it as well.
#[path = "../crates/loader/tests/support/softmax.rs"]
mod softmax;

const EPOCHS: u64 = 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dataset = demo::create("mem://scenes", Options::default()).await?;
    let session = Session::new()?;
    session.set_current(dataset);
    let training = view(&session, "training", "SELECT images, scene WHERE score > 0.3").await?;
    let held_out = view(&session, "held_out", "SELECT images, scene WHERE score <= 0.3").await?;

    let batches = loader(&training).await?;
    let mut model = softmax::Softmax::new(softmax::FEATURES, 3);
    for epoch in 0..EPOCHS {
        for batch in batches.epoch(epoch)? {
            let batch = batch?;
            let (features, scenes) = values(&batch)?;
            model.learn(features, scenes, 0.5);
        }
    }
    let (mut right, mut all) = (0, 0);
    for batch in loader(&held_out).await?.epoch(0)? {
        let batch = batch?;
        let (features, scenes) = values(&batch)?;
        right += model.predict(features).iter().zip(scenes).filter(|(a, b)| a == b).count();
        all += scenes.len();
    }
    show(&format!(
        "trained on {} pictures, {right} of {all} others have the scene it says",
        training.len()
    ));
    if right * 100 < all * 95 {
        return Err("fewer than 95% are right".into());
    }
    Ok(())
}

/// A query's rows, by a name.
async fn view(session: &Session, name: &str, query: &str) -> Result<OpenView, Box<dyn Error>> {
    let saved = session.save_view(Language::Tql, query, &Parameters::new(), name, "").await?;
    Ok(saved.view(name).await?)
}

/// Pictures as the mean colours of a grid, and their scenes.
async fn loader(view: &OpenView) -> Result<Loader, Box<dyn Error>> {
    let builder = view
        .batches()
        .map("images", Collate::Stack, |image, _| softmax::colours(&image))
        .column("scene", Collate::Stack)
        .shuffle(Shuffle::chunks())
        .batch_size(16)
        .seed(7);
    Ok(builder.build().await?)
}

fn values(batch: &Batch) -> Result<(&[f32], &[u32]), &'static str> {
    let features = batch.tensor("images").and_then(|images| images.values::<Float32Type>());
    let scenes = batch.tensor("scene").and_then(|scenes| scenes.values::<UInt32Type>());
    Ok((features.ok_or("no features")?, scenes.ok_or("no scenes")?))
}

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn show(line: &str) {
    println!("{line}");
}
