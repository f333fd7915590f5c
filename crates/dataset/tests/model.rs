//! Random histories of every operation against a plain model in memory.
//!
//! `LAKEBED_SEED=n cargo test --release -p lakebed-dataset --test model` runs one history again.

use std::time::Duration;

use lakebed_trials::model;

#[test]
fn random_histories_agree_with_the_model() {
    if let Some(seed) = std::env::var("LAKEBED_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return model::again(seed);
    }
    let figures = model::histories(Duration::from_secs(8));
    println!("{figures}");
    assert!(figures.all_well(), "{figures}");
    // Every operation must have been met, or the test says little.
    assert!(!figures.notes.contains("never met"), "{figures}");
}
