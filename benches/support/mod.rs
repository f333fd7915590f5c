//! What the benchmarks share: arguments, clocks, pictures, and figures as JSON lines.

#![allow(dead_code, reason = "not every benchmark uses all of it")]

pub mod arguments;
pub mod clock;
pub mod figures;
pub mod files;
pub mod pictures;
