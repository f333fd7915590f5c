//! Bytes that somebody made up, under checksums that are right, so that the decoders behind them are
//! reached: each answers with a value or an error, never with a panic, and never with more memory
//! than [`HEADROOM`], whatever lengths the bytes claim.
//!
//! A child process decodes under a limit of its address space; what it asks for beyond that ends it.

mod decode;
mod noise;
mod seeds;

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use lakebed_core::Limits;

use crate::Figures;
use crate::Scale;
use crate::process::Program;
use decode::DECODERS;
use noise::Noise;

/// The role of a child that decodes.
pub(crate) const ROLE: &str = "fuzz";
const WORK: &str = "LAKEBED_TRIALS_FUZZ";

/// What a child may take for all that it does at once, beside what it has before it begins: eight
/// times the largest page of [`limits`], which is larger than every input.
pub const HEADROOM: u64 = 8 << 20;
/// Cases between two lines of a child.
const STRIDE: u64 = 256;
/// A case that takes longer is worth a look.
const SLOW: Duration = Duration::from_secs(2);

/// The limits that made-up bytes are read under.
pub fn limits() -> Limits {
    Limits {
        max_pixels: 1 << 18,
        max_sample_bytes: 1 << 20,
        max_page_bytes: 1 << 20,
        max_meta_bytes: 1 << 20,
        ..Limits::default()
    }
}

/// What a child is told: a decoder, its first case, for how long or how many cases, and whether it
/// names each case before it tries it.
#[derive(Debug, Clone, Copy)]
struct Work {
    decoder: usize,
    first: u64,
    millis: u64,
    each: bool,
}

/// What a child said before it ended.
#[derive(Debug, Default)]
struct Said {
    tried: u64,
    answered: u64,
    panics: u64,
    slow: u64,
    /// The case that it was at, or began a stride with.
    last: u64,
    finished: bool,
}

/// Every decoder for its part of the time.
pub fn run(scale: Scale, program: Program) -> Figures {
    let seconds = match scale {
        Scale::Short => 5,
        Scale::Long => 300,
    };
    let millis = seconds * 1000 / DECODERS.len() as u64;
    let mut figures = Figures { what: "made-up bytes", ..Figures::default() };
    let (mut answered, mut slow) = (0, 0);
    for (decoder, _) in DECODERS.iter().enumerate() {
        let (mut first, end) = (0, Instant::now() + Duration::from_millis(millis));
        loop {
            let left = end.saturating_duration_since(Instant::now()).as_millis() as u64;
            let work = Work { decoder, first, millis: left, each: false };
            let said = told_by(program, work);
            figures.tried += said.tried;
            figures.panics += said.panics;
            answered += said.answered;
            slow += said.slow;
            if said.finished {
                break;
            }
            // It was ended: once more, slowly, to learn by which case; then on behind it.
            let again = told_by(program, Work { first: said.last, each: true, ..work });
            figures.panics += 1;
            println!("{} case {} ended its process", DECODERS[decoder].name, again.last);
            first = again.last.max(said.last) + 1;
            if left == 0 {
                break;
            }
        }
    }
    figures.notes = format!(
        "{} decoders, {answered} cases decoded, {slow} slower than {} s, at most {} MiB",
        DECODERS.len(),
        SLOW.as_secs(),
        HEADROOM >> 20
    );
    figures
}

fn told_by(program: Program, work: Work) -> Said {
    let Work { decoder, first, millis, each } = work;
    let mut child = program
        .child(ROLE)
        .env(WORK, format!("{decoder} {first} {millis} {}", u8::from(each)))
        .spawn()
        .unwrap();
    let mut said = Said { last: first, ..Said::default() };
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |nth: usize| words.get(nth).and_then(|word| word.parse::<u64>().ok());
        match words.first() {
            Some(&"case") => said.last = number(1).unwrap(),
            Some(&"tried") => {
                let all = (number(1), number(2), number(3), number(4));
                if let (Some(tried), Some(answered), Some(panics), Some(slow)) = all {
                    said = Said { tried, answered, panics, slow, ..said };
                }
            }
            Some(&"panic" | &"panic:") => println!("{} {line}", DECODERS[decoder].name),
            Some(&"finished") => said.finished = true,
            _ => {}
        }
    }
    child.wait().unwrap();
    said
}

/// Decodes as the parent told it to.
pub(crate) fn child() {
    let work = std::env::var(WORK).unwrap();
    let words: Vec<u64> = work.split(' ').map(|word| word.parse().unwrap()).collect();
    let [decoder, first, millis, each] = words[..] else { panic!("'{work}' is no work") };
    let decoder = &DECODERS[decoder as usize];
    let seeds = decoder.seeds();
    println!();
    for (nth, seed) in seeds.iter().enumerate() {
        if !decoder.decode(seed) {
            println!("panic: valid bytes, number {nth}, are refused");
            std::process::exit(1);
        }
    }
    std::panic::set_hook(Box::new(|_| ()));
    limit_memory();
    let end = Instant::now() + Duration::from_millis(millis);
    let mut said = Said::default();
    for case in first.. {
        let start = Instant::now();
        if case % STRIDE == first % STRIDE || each == 1 {
            println!("tried {} {} {} {}", said.tried, said.answered, said.panics, said.slow);
            println!("case {case}");
            std::io::stdout().flush().unwrap();
            if start > end && (each == 0 || case > first + STRIDE) {
                break;
            }
        }
        let mut noise = Noise::new(case);
        let made_up = noise.make_up(&seeds);
        match catch_unwind(AssertUnwindSafe(|| decoder.decode(&made_up))) {
            Ok(answered) => said.answered += u64::from(answered),
            Err(_) => {
                println!("panic case {case}");
                said.panics += 1;
            }
        }
        said.tried += 1;
        said.slow += u64::from(start.elapsed() > SLOW);
    }
    println!("finished");
}

/// Forbids this process more memory than it has now and [`HEADROOM`].
fn limit_memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let kibibytes: u64 = size.split_whitespace().next().unwrap().parse().unwrap();
    let most = kibibytes * 1024 + HEADROOM;
    let done = Command::new("prlimit")
        .args(["--pid", &std::process::id().to_string(), &format!("--as={most}")])
        .status();
    assert!(done.unwrap().success(), "the limit of memory is set");
}
