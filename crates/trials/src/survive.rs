//! The program that runs every trial and prints its figures, a line each.

use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use crate::Figures;
use crate::Scale;
use crate::attempt::attempt_all;
use crate::attempt::wait;
use crate::bank::OPS;
use crate::costs;
use crate::damage;
use crate::faults;
use crate::fuzz;
use crate::kill;
use crate::kill::Often;
use crate::model;
use crate::order;
use crate::process;
use crate::process::Program;
use crate::writers;

type Trial = fn(Program, Scale) -> Vec<Figures>;

/// Every trial by the name that asks for it alone.
const TRIALS: &[(&str, Trial)] = &[
    ("kills", kills),
    ("steps", steps),
    ("faults", |_, scale| faulty(scale)),
    ("damage", |_, scale| damaged(scale)),
    ("model", |_, scale| modelled(scale)),
    ("writers", |program, scale| {
        vec![writers::on_disk(scale, program), writers::on_s3(scale, program)]
    }),
    ("order", |_, scale| vec![wait(order::run(scale))]),
    ("costs", |_, scale| vec![wait(costs::run(scale))]),
    ("fuzz", |program, scale| vec![fuzz::run(scale, program)]),
];

const USAGE: &str = "survive [--short | --long] [TRIAL ...]: what a dataset must survive; fails if anything was lost. \
Without names all trials run:";

fn kills(program: Program, scale: Scale) -> Vec<Figures> {
    vec![match scale {
        Scale::Short => kill::random(program, 50),
        Scale::Long => kill::random(program, 500),
    }]
}

fn steps(program: Program, scale: Scale) -> Vec<Figures> {
    match scale {
        Scale::Short => kill::steps(program, &OPS, Often { least: 1, most: 1, quiet: false }),
        Scale::Long => kill::steps(program, &OPS, Often { least: 5, most: 25, quiet: true }),
    }
}

fn faulty(scale: Scale) -> Vec<Figures> {
    let every = if scale == Scale::Short { 11 } else { 1 };
    vec![faults::operations(&OPS, every), faults::answered(&OPS, every), faults::layouts()]
}

fn damaged(scale: Scale) -> Vec<Figures> {
    match scale {
        Scale::Short => vec![damage::flips(53), damage::truncations(151), damage::swaps(7)],
        Scale::Long => vec![damage::flips(1), damage::truncations(1), damage::swaps(1)],
    }
}

fn modelled(scale: Scale) -> Vec<Figures> {
    let seconds = if scale == Scale::Short { 10 } else { 600 };
    vec![model::histories(Duration::from_secs(seconds))]
}

/// Runs the trials that the arguments ask for; without arguments all of them in their short form.
pub fn main(arguments: impl IntoIterator<Item = String>) -> ExitCode {
    if process::child() {
        return ExitCode::SUCCESS;
    }
    let (mut scale, mut names) = (Scale::Short, Vec::new());
    for argument in arguments {
        match argument.as_str() {
            "--short" => scale = Scale::Short,
            "--long" => scale = Scale::Long,
            name if TRIALS.iter().any(|(known, _)| *known == name) => names.push(argument),
            _ => {
                let known: Vec<&str> = TRIALS.iter().map(|(known, _)| *known).collect();
                println!("{USAGE} {}", known.join(", "));
                return ExitCode::from(2);
            }
        }
    }
    let mut all_well = true;
    for (name, trial) in TRIALS {
        if !names.is_empty() && !names.iter().any(|asked| asked == name) {
            continue;
        }
        let begun = Instant::now();
        // What a trial cannot count itself ends it.
        let mut broken = Figures { what: name, ..Figures::default() };
        let tried = attempt_all(&mut broken, || trial(Program(&[]), scale));
        let mut lines = tried.unwrap_or_default();
        if !broken.all_well() {
            lines.push(broken);
        }
        for figures in &lines {
            println!("{figures}");
            all_well &= figures.all_well();
        }
        println!("  ({name}: {:.0} s)", begun.elapsed().as_secs_f64());
    }
    println!("{}", if all_well { "nothing was lost" } else { "SOMETHING WAS LOST" });
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
