//! One JSON line for every figure.

use std::path::Path;

use serde_json::Value;
use serde_json::json;

/// A measured number.
#[derive(Debug, Clone)]
pub struct Figure {
    /// The fixed name of what was done.
    pub work: String,
    /// `lakebed`, `parquet` or `floor`.
    pub engine: &'static str,
    /// The median of the measurements.
    pub median: f64,
    /// What it counts: `ms`, `MB`.
    pub unit: &'static str,
    /// Median of planning in milliseconds, which `median` does not hold; `None` where nothing was
    /// planned or where it is part of `median`.
    pub planning: Option<f64>,
    /// Requests of one run.
    pub requests: Option<u64>,
    /// Bytes that those requests read.
    pub bytes: Option<u64>,
}

impl Figure {
    /// A figure that is a number alone.
    pub fn plain(work: &str, engine: &'static str, median: f64, unit: &'static str) -> Figure {
        let work = work.to_string();
        Figure { work, engine, median, unit, planning: None, requests: None, bytes: None }
    }
}

/// Writes the figures of a benchmark. Lines that other benchmarks wrote into the file stay, since
/// one `cargo bench` runs them all.
pub fn write(file: &Path, benchmark: &str, figures: &[Figure]) {
    let mut text = String::new();
    for line in std::fs::read_to_string(file).unwrap_or_default().lines() {
        let known: Option<Value> = serde_json::from_str(line).ok();
        let other = known.is_some_and(|known| {
            known.get("benchmark").is_some_and(|name| name.as_str() != Some(benchmark))
        });
        if other {
            text.push_str(line);
            text.push('\n');
        }
    }
    for figure in figures {
        let line = json!({
            "work": figure.work,
            "engine": figure.engine,
            "median": figure.median,
            "unit": figure.unit,
            "planning": figure.planning,
            "requests": figure.requests,
            "bytes": figure.bytes,
            "benchmark": benchmark,
        });
        text.push_str(&line.to_string());
        text.push('\n');
    }
    std::fs::write(file, text).unwrap();
}
