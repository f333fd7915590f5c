//! The columns of labelled pictures: id, label, time, a random number, and a caption.

use std::fmt::Write;

use super::mix;
use super::unit;

/// Classes of the label.
pub const CLASSES: usize = 10;
/// The label that filters ask for.
pub const WANTED: u32 = 3;
/// The word that one caption in two hundred holds.
pub const RARE: &str = "zebra";

const FIRST_TIME: i64 = 1_700_000_000_000;
const KINDS: [&str; CLASSES] =
    ["plane", "car", "finch", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const LOOKS: [&str; 16] = [
    "amber", "blurred", "bright", "calm", "dusty", "faded", "grey", "heavy", "icy", "narrow",
    "pale", "quick", "round", "striped", "tiny", "wet",
];
const PLACES: [&str; 12] = [
    "harbour", "meadow", "bridge", "market", "station", "orchard", "canyon", "garden", "beach",
    "runway", "village", "marsh",
];

/// Labels in no order, as in shuffled training data.
pub fn label(row: usize) -> u32 {
    (mix(1, row) % CLASSES as u64) as u32
}

/// Milliseconds that grow with the row, ten a row with some jitter.
pub fn time(row: usize) -> i64 {
    FIRST_TIME + row as i64 * 10 + (mix(2, row) % 10) as i64
}

/// Times that one row in a hundred has, in the middle of `rows` rows: from, and before.
pub fn time_window(rows: usize) -> (i64, i64) {
    let begin = FIRST_TIME + (rows / 2) as i64 * 10;
    (begin, begin + (rows / 100) as i64 * 10)
}

/// Uniform from 0 to 1.
pub fn random(row: usize) -> f64 {
    unit(3, row)
}

/// A caption of about 40 characters.
pub fn caption(row: usize, text: &mut String) {
    text.clear();
    let z = mix(4, row);
    let pick = |shift: u32, n: usize| (z >> shift) as usize % n;
    let (look, second) = (LOOKS[pick(0, 16)], LOOKS[pick(8, 16)]);
    let (kind, place) = (KINDS[label(row) as usize], PLACES[pick(16, 12)]);
    write!(text, "one {look} {second} {kind} beside the {place}").unwrap();
    if (z >> 32).is_multiple_of(200) {
        write!(text, ", and a {RARE}").unwrap();
    }
}

/// Which of `n` pictures a row shows.
pub fn picture(row: usize, n: usize) -> usize {
    mix(5, row) as usize % n
}
