//! A classifier that learns from the rows of a view of the demo dataset, and knows the scene of
//! pictures that it has never seen. `examples/02_train_on_a_query.rs` does the same to a query.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

#[path = "support/softmax.rs"]
mod softmax;
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
use softmax::Softmax;
use support::view;
use support::wait;

const EPOCHS: u64 = 20;

/// Pictures as the mean colours of a grid, and their scenes.
async fn loader(view: &OpenView) -> Loader {
    let builder = view
        .batches()
        .map("images", Collate::Stack, |image, _| softmax::colours(&image))
        .column("scene", Collate::Stack)
        .shuffle(Shuffle::chunks())
        .batch_size(16)
        .seed(7);
    builder.build().await.unwrap()
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

    let mut model = Softmax::new(softmax::FEATURES, 3);
    let loader_of_training = wait(loader(&training));
    for epoch in 0..EPOCHS {
        for batch in loader_of_training.epoch(epoch).unwrap() {
            let batch = batch.unwrap();
            let features = batch.tensor("images").unwrap().values::<Float32Type>().unwrap();
            let scenes = batch.tensor("scene").unwrap().values::<UInt32Type>().unwrap();
            model.learn(features, scenes, 0.5);
        }
    }
    let (mut right, mut all) = (0, 0);
    for batch in wait(loader(&held_out)).epoch(0).unwrap() {
        let batch = batch.unwrap();
        let features = batch.tensor("images").unwrap().values::<Float32Type>().unwrap();
        let scenes = batch.tensor("scene").unwrap().values::<UInt32Type>().unwrap();
        right += model.predict(features).iter().zip(scenes).filter(|(a, b)| a == b).count();
        all += scenes.len();
    }
    println!("{right} of {all} held-out scenes");
    assert!(
        right * 100 >= all * 95,
        "{right} of {all} held-out scenes: at least 95% were expected"
    );
}
