//! Random histories of every operation against a plain model in memory.

mod comparing;
mod history;
mod store;
mod tally;
mod versions;
mod world;

use std::time::Duration;
use std::time::Instant;

use history::History;
use tally::Tally;

use crate::Figures;
use crate::attempt::attempt;
use crate::attempt::wait;

/// Steps of one history.
const STEPS: usize = 60;

/// One history again, step by step.
pub fn again(seed: u64) {
    wait(History::run(seed, STEPS, true));
}

/// Histories one after the other for so long; each is made by its number.
pub fn histories(time: Duration) -> Figures {
    wait(async {
        let mut figures = Figures { what: "steps of random histories", ..Figures::default() };
        let (begun, mut seed, mut steps) = (Instant::now(), 0, Tally::default());
        while begun.elapsed() < time {
            let history = History::run(seed, STEPS, false);
            if let Some(met) = attempt(&mut figures, &format!("history {seed}"), history).await {
                steps += met;
            }
            figures.tried += STEPS as u64;
            seed += 1;
        }
        figures.notes = format!("{seed} histories agree with the model: {steps}");
        for name in steps.unmet() {
            figures.notes += &format!(", {name} never met");
        }
        figures
    })
}
