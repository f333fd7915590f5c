//! The table and the verdicts, as text.

use std::collections::HashMap;

use crate::bench::Goal;
use crate::bench::Outcome;
use crate::support::figures::Figure;

/// The table of all works.
pub fn table(outcomes: &[Outcome]) -> String {
    let mut lines = vec![
        cells([
            "work",
            "rows",
            "lakebed",
            "planning",
            "requests",
            "bytes",
            "parquet",
            "planning",
            "requests",
            "bytes",
            "floor",
            "unit",
            "x floor",
            "parquet / lakebed",
        ]),
        format!("|{}", "---|".repeat(14)),
    ];
    for outcome in outcomes {
        let by = by_engine(outcome);
        let of = |engine: &str| by.get(engine).copied();
        let number = |engine, part: fn(&Figure) -> Option<f64>| {
            of(engine).and_then(part).map_or_else(String::new, shown)
        };
        let median = |engine| number(engine, |figure| Some(figure.median));
        let planning = |engine| number(engine, |figure| figure.planning);
        let requests = |engine| number(engine, |figure| figure.requests.map(|n| n as f64));
        let bytes = |engine| {
            of(engine).and_then(|figure| figure.bytes).map_or_else(String::new, shown_bytes)
        };
        lines.push(cells([
            &outcome.work.name,
            &outcome.rows.to_string(),
            &median("lakebed"),
            &planning("lakebed"),
            &requests("lakebed"),
            &bytes("lakebed"),
            &median("parquet"),
            &planning("parquet"),
            &requests("parquet"),
            &bytes("parquet"),
            &median("floor"),
            outcome.figures.first().map_or("", |figure| figure.unit),
            &ratio(of("lakebed"), of("floor")).map_or_else(String::new, shown),
            &ratio(of("parquet"), of("lakebed")).map_or_else(String::new, shown),
        ]));
    }
    lines.push(String::new());
    for outcome in outcomes {
        lines.push(format!("{}: {}", outcome.work.name, outcome.work.what));
    }
    lines.join("\n")
}

/// A line for each goal of each work.
pub fn verdicts(outcomes: &[Outcome]) -> String {
    let mut lines = Vec::new();
    let (mut reached, mut missed) = (0, 0);
    for outcome in outcomes {
        let by = by_engine(outcome);
        let of = |engine: &str| by.get(engine).copied();
        for goal in &outcome.work.goals {
            let (found, wish, good) = match goal {
                Goal::Floor(most) => {
                    let Some(found) = ratio(of("lakebed"), of("floor")) else { continue };
                    (
                        format!("{} x the floor", shown(found)),
                        format!("at most {most}"),
                        found <= *most,
                    )
                }
                Goal::Parquet(least) => {
                    let Some(found) = ratio(of("parquet"), of("lakebed")) else { continue };
                    (
                        format!("{} x as fast as Parquet", shown(found)),
                        format!("at least {least}"),
                        found >= *least,
                    )
                }
                Goal::AtMost(most) => {
                    let Some(figure) = of("lakebed") else { continue };
                    (
                        format!("{} {}", shown(figure.median), figure.unit),
                        format!("at most {most}"),
                        figure.median <= *most,
                    )
                }
            };
            let verdict = if good { "reached" } else { "MISSED " };
            (reached, missed) = (reached + usize::from(good), missed + usize::from(!good));
            lines.push(format!("{verdict}  {}: {found} ({wish})", outcome.work.name));
        }
    }
    lines.push(format!("{reached} goals reached, {missed} missed"));
    lines.join("\n")
}

fn by_engine(outcome: &Outcome) -> HashMap<&'static str, &Figure> {
    outcome.figures.iter().map(|figure| (figure.engine, figure)).collect()
}

/// How many times the second the first is.
fn ratio(first: Option<&Figure>, second: Option<&Figure>) -> Option<f64> {
    let (first, second) = (first?, second?);
    (second.median > 0.0).then(|| first.median / second.median)
}

fn shown(number: f64) -> String {
    if number >= 100.0 || number == number.trunc() {
        format!("{number:.0}")
    } else if number >= 10.0 {
        format!("{number:.1}")
    } else {
        format!("{number:.2}")
    }
}

fn shown_bytes(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

fn cells<const N: usize>(cells: [&str; N]) -> String {
    format!("| {} |", cells.join(" | "))
}
