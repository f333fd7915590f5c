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
use lakebed::loader::Collate;
use lakebed::loader::Loader;
use lakebed::loader::Shuffle;
use lakebed::loader::ToBatches;
use smartcore::linear::logistic_regression::LogisticRegression;

// Features of pictures; a test of the loader uses them as well.
#[path = "../crates/loader/tests/support/colours.rs"]
mod colours;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dataset = demo::create("mem://scenes", Options::default()).await?;
    let session = Session::new()?;
    session.set_current(dataset);
    let training = view(&session, "training", "SELECT images, scene WHERE score > 0.3").await?;
    let held_out = view(&session, "held_out", "SELECT images, scene WHERE score <= 0.3").await?;

    let (features, scenes) = epoch(&loader(&training).await?)?;
    let matrix = colours::matrix(features)?;
    let model = LogisticRegression::fit(&matrix, &scenes, Default::default())?;

    let (features, scenes) = epoch(&loader(&held_out).await?)?;
    let said = model.predict(&colours::matrix(features)?)?;
    let right = said.iter().zip(&scenes).filter(|(said, scene)| said == scene).count();
    let all = scenes.len();
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
        .map("images", Collate::Stack, |image, _| colours::colours(&image))
        .column("scene", Collate::Stack)
        .shuffle(Shuffle::chunks())
        .batch_size(16)
        .seed(7);
    Ok(builder.build().await?)
}

/// Features and scenes of an epoch, as its batches come.
fn epoch(loader: &Loader) -> Result<(Vec<f32>, Vec<u32>), Box<dyn Error>> {
    let (mut features, mut scenes) = (Vec::new(), Vec::new());
    for batch in loader.epoch(0)? {
        let batch = batch?;
        let images = batch.tensor("images").and_then(|images| images.values::<Float32Type>());
        let scene = batch.tensor("scene").and_then(|scene| scene.values::<UInt32Type>());
        features.extend(images.ok_or("no features")?);
        scenes.extend(scene.ok_or("no scenes")?);
    }
    Ok((features, scenes))
}

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn show(line: &str) {
    println!("{line}");
}
