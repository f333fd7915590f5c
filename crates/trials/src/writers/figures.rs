//! Whether every writer got its share.

use super::child::Told;

/// The waits for one commit, and the shares of the writers while all of them write.
pub(super) fn waits(told: &[Vec<Told>]) -> String {
    let all = || told.iter().flatten();
    let mut micros: Vec<u64> = all().map(|one| one.micros).collect();
    micros.sort_unstable();
    let Some(longest) = micros.last() else { return "none was acknowledged".to_string() };
    let median = micros[micros.len() / 2];
    let given_up: u64 = all().map(|one| one.given_up).sum();
    let conflicts: u64 = all().map(|one| one.conflicts).sum();
    let begin = |one: &Told| one.at_micros - one.micros;
    let first = all().map(begin).min().unwrap_or(0);
    let last = all().map(|one| one.at_micros).max().unwrap_or(0);
    let (least, most) = shares(told, first);
    format!(
        "{} commits in {:.1} s, longest wait {:.0} ms, median {:.1} ms, at most {} of others came \
         before one, {least} to {most} commits of a process in a quarter of the time that all \
         wrote, {given_up} given up since others came first, {conflicts} conflicts of rows",
        micros.len(),
        (last - first) as f64 / 1e6,
        *longest as f64 / 1e3,
        median as f64 / 1e3,
        overtaken(told).max().unwrap_or(0),
    )
}

/// How many commits of others were acknowledged while each commit waited, in no order.
pub(super) fn overtaken(told: &[Vec<Told>]) -> impl Iterator<Item = u64> {
    let mut ends: Vec<u64> = told.iter().flatten().map(|one| one.at_micros).collect();
    ends.sort_unstable();
    told.iter().flatten().map(move |one| {
        let until = ends.partition_point(|end| *end < one.at_micros);
        let from = ends.partition_point(|end| *end <= one.at_micros - one.micros);
        until.saturating_sub(from) as u64
    })
}

/// The smallest and the greatest number of commits of a writer in a quarter of the time from the
/// start until the first was done.
fn shares(told: &[Vec<Told>], first: u64) -> (usize, usize) {
    let done = |one: &Vec<Told>| one.last().map_or(first, |last| last.at_micros);
    let end = told.iter().map(done).min().unwrap_or(first);
    let quarter = (end - first) / 4;
    let mut counts = Vec::new();
    for one in told {
        for nth in 0..4 {
            let range = first + nth * quarter..first + (nth + 1) * quarter;
            counts.push(one.iter().filter(|told| range.contains(&told.at_micros)).count());
        }
    }
    (counts.iter().copied().min().unwrap_or(0), counts.iter().copied().max().unwrap_or(0))
}
