//! What can be done about damage, in words.

use std::io::Write;
use std::ops::Range;

use lakebed::dataset::DamagedPart as Part;
use lakebed::dataset::Dataset;
use lakebed::dataset::Location;
use lakebed::dataset::Repair;

use crate::error::Result;

/// Ranges that a line names.
const NAMED: usize = 8;

/// Writes what an object's damage takes, and the ways out. `place` is the dataset as it was named.
pub fn write(repair: &Repair, place: &str, dataset: &Dataset, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "{}: {}", repair.object, what(repair.part))?;
    let taken = taken(repair);
    if !taken.is_empty() {
        writeln!(out, "  hit: {}", taken.join("; "))?;
    }
    for way in ways(repair, place, dataset) {
        writeln!(out, "  - {way}")?;
    }
    Ok(())
}

fn what(part: Option<Part>) -> &'static str {
    match part {
        Some(Part::Hint) => "a hint, which no reader needs",
        Some(Part::Marker) => "the dataset's marker, which no reader needs",
        Some(Part::KeyNote) => "the note of an idempotency key, which no reader needs",
        Some(Part::Touched) => "what a commit changed, which no reader needs",
        Some(Part::View) => "the rows of a view",
        Some(Part::Pack) => "a pack of samples",
        Some(Part::Patch) => "changes of a pack",
        Some(Part::Node) => "a node of the tree of packs",
        Some(Part::Schema) => "columns",
        Some(Part::Entry) => "an entry of the log",
        None => "what no version that can be read uses",
    }
}

fn taken(repair: &Repair) -> Vec<String> {
    let mut taken = Vec::new();
    if let [first, ..] = repair.versions.as_slice() {
        let one = repair.versions.len() == 1 && first.end - first.start == 1;
        let word = if one { "version" } else { "versions" };
        taken.push(format!("{word} {}", listed(&repair.versions)));
    }
    if !repair.names.is_empty() {
        taken.push(repair.names.join(", "));
    }
    if !repair.rows.is_empty() {
        let columns = match repair.columns.as_slice() {
            [] => "all columns".to_string(),
            columns => format!("column {}", columns.join(", ")),
        };
        taken.push(format!("row ids {} of {columns}", listed(&repair.rows)));
    }
    if repair.more_rows > 0 {
        taken.push(format!("{} rows", repair.more_rows));
    }
    taken
}

fn ways(repair: &Repair, place: &str, dataset: &Dataset) -> Vec<String> {
    let mut ways = match repair.part {
        Some(Part::Hint) => return vec!["the next commit writes it anew".to_string()],
        Some(Part::Marker) => vec!["put it back from a copy: it never changes".to_string()],
        Some(Part::KeyNote) => {
            vec![
                "put it back from a copy; else that commit would be made twice if it came again"
                    .into(),
            ]
        }
        _ => vec!["put it back from a copy: objects never change".to_string()],
    };
    let url = Location::parse(place).url;
    for view in repair.names.iter().filter_map(|name| name.strip_prefix("view ")) {
        if repair.part == Some(Part::View) {
            ways.push(format!(
                "delete the view, and save it again: lakebed view {url} {view} --delete"
            ));
        }
    }
    let Some(last) = repair.versions.last().map(|range| range.end - 1) else { return ways };
    if last > dataset.newest_version() {
        ways.push(format!(
            "or give up every version above {}: delete their objects below log/, and the dataset opens as it was then",
            dataset.newest_version()
        ));
        return ways;
    }
    if last < dataset.version() {
        let of = |kind: &str| -> Vec<&str> {
            repair.names.iter().filter_map(|name| name.strip_prefix(kind)).collect()
        };
        for branch in of("branch ") {
            ways.push(format!("see what helps on its branch: lakebed verify {url}@{branch}"));
        }
        let kept = [of("tag "), of("view ")].concat();
        let first = match kept.as_slice() {
            [] => String::new(),
            names => format!("delete {}, and ", names.join(", ")),
        };
        if of("branch ").is_empty() {
            let below = last + 1;
            let expire = format!("lakebed expire {url} --below {below}");
            ways.push(format!("{first}give up the versions below {below}: {expire}"));
        }
        return ways;
    }
    if repair.part == Some(Part::Pack) && (1..=NAMED).contains(&repair.rows.len()) {
        let condition: Vec<String> = repair.rows.iter().map(condition).collect();
        let condition = condition.join(" OR ");
        ways.push(format!("delete the rows: lakebed execute {place} \"DELETE WHERE {condition}\""));
    } else if repair.part == Some(Part::Pack) && !repair.rows.is_empty() {
        ways.push("delete the rows by their __row_id: lakebed execute".to_string());
    }
    match repair.whole {
        Some(whole) => {
            ways.push(format!(
                "go back to the newest whole version: lakebed revert {place} {whole}"
            ));
        }
        None => ways.push("no version of the branch is whole to go back to".to_string()),
    }
    ways
}

fn condition(rows: &Range<u64>) -> String {
    match rows.end - rows.start {
        1 => format!("__row_id = {}", rows.start),
        _ => format!("__row_id BETWEEN {} AND {}", rows.start, rows.end - 1),
    }
}

/// `3, 5 to 9 and 2 ranges more`.
fn listed(ranges: &[Range<u64>]) -> String {
    let one = |range: &Range<u64>| match range.end - range.start {
        1 => range.start.to_string(),
        _ => format!("{} to {}", range.start, range.end - 1),
    };
    let first: Vec<String> = ranges.iter().take(NAMED).map(one).collect();
    match ranges.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} ranges more", first.join(", ")),
    }
}
