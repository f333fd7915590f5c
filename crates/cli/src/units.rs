//! Numbers as people read them.

use std::time::Duration;

/// `999 B`, `1.2 KB`, `35.0 MB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut tenths = count / 100;
    let mut units = UNITS.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    while tenths >= 10_000 {
        let Some(next) = units.next() else { break };
        unit = next;
        tenths /= 1000;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// `0.4 ms`, `12 ms`, `1.25 s`.
pub fn time(elapsed: Duration) -> String {
    let millis = elapsed.as_secs_f64() * 1000.0;
    if millis < 10.0 {
        format!("{millis:.1} ms")
    } else if millis < 1000.0 {
        format!("{millis:.0} ms")
    } else {
        format!("{:.2} s", millis / 1000.0)
    }
}

/// `1 row`, `2 rows`; for words that take an s.
pub fn count(number: u64, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

/// A text on one line.
pub fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How many a second, as a whole number.
pub fn rate(number: u64, elapsed: Duration) -> u64 {
    let micros = elapsed.as_micros().max(1);
    u64::try_from(u128::from(number) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_times_and_counts() {
        let sizes = [0, 999, 1000, 1_999, 999_999, 35_000_000, u64::MAX].map(bytes);
        assert_eq!(
            sizes,
            ["0 B", "999 B", "1.0 KB", "1.9 KB", "999.9 KB", "35.0 MB", "18446.7 PB"]
        );
        let times = [400, 12_400, 1_250_000].map(|micros| time(Duration::from_micros(micros)));
        assert_eq!(times, ["0.4 ms", "12 ms", "1.25 s"]);
        assert_eq!([count(1, "row"), count(0, "row")], ["1 row", "0 rows"]);
        assert_eq!(rate(364, Duration::from_millis(500)), 728);
    }
}
