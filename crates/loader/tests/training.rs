//! A classifier that learns from the rows of a view of the demo dataset, and knows the scene of
//! pictures that it has never seen. `examples/05_train_on_a_query.rs` does the same to a query.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

#[path = "support/colours.rs"]
mod colours;
mod support;

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::datatypes::Float32Type;
use arrow::datatypes::UInt32Type;
use lakebed_convert::demo;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::OpenView;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_loader::Collate;
use lakebed_loader::Loader;
use lakebed_loader::Shuffle;
use lakebed_loader::ToBatches;
use smartcore::linear::logistic_regression::LogisticRegression;
use support::view;
use support::wait;

/// Pictures as the mean colours of a grid, and their scenes.
async fn loader(view: &OpenView) -> Loader {
    let builder = view
        .batches()
        .map("images", Collate::Stack, |image, _| colours::colours(&image))
        .column("scene", Collate::Stack)
        .shuffle(Shuffle::chunks())
        .batch_size(16)
        .seed(7);
    builder.build().await.unwrap()
}

/// Features and scenes of an epoch, as its batches come.
fn epoch(loader: &Loader) -> (Vec<f32>, Vec<u32>) {
    let (mut features, mut scenes) = (Vec::new(), Vec::new());
    for batch in loader.epoch(0).unwrap() {
        let batch = batch.unwrap();
        features.extend(batch.tensor("images").unwrap().values::<Float32Type>().unwrap());
        scenes.extend(batch.tensor("scene").unwrap().values::<UInt32Type>().unwrap());
    }
    (features, scenes)
}

#[test]
fn a_classifier_learns_the_scene_from_a_view() {
    let dataset = wait(demo::create("mem://training", Options::default())).unwrap();
    let score = dataset.schema().column("score").unwrap().id;
    let positions: Vec<u64> = (0..dataset.num_rows()).collect();
    let reads = [ColumnRead { column: score, part: Part::Whole }];
    let scores = wait(dataset.take(&positions, &reads)).unwrap();
    let scores = scores.column(0).as_primitive::<Float32Type>();
    let chosen = |wanted: &dyn Fn(f32) -> bool| -> Vec<u64> {
        let row = |p: &u64| usize::try_from(*p).unwrap();
        let known = positions.iter().filter(|p| scores.is_valid(row(p)));
        known.filter(|p| wanted(scores.value(row(p)))).copied().collect()
    };
    let training = wait(view(&dataset, "training", &chosen(&|score| score > 0.3), None));
    let held_out = wait(view(&dataset, "held out", &chosen(&|score| score <= 0.3), None));
    assert!(training.len() > 100 && held_out.len() > 30);

    let (features, scenes) = epoch(&wait(loader(&training)));
    let matrix = colours::matrix(features).unwrap();
    let model = LogisticRegression::fit(&matrix, &scenes, Default::default()).unwrap();
    let (features, scenes) = epoch(&wait(loader(&held_out)));
    let said = model.predict(&colours::matrix(features).unwrap()).unwrap();
    let right = said.iter().zip(&scenes).filter(|(said, scene)| said == scene).count();
    let all = scenes.len();
    println!("{right} of {all} held-out scenes");
    assert!(
        right * 100 >= all * 95,
        "{right} of {all} held-out scenes: at least 95% were expected"
    );
}
