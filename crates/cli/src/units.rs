//! Numbers as people read them.

use std::time::Duration;

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
    fn times_and_counts() {
        let times = [400, 12_400, 1_250_000].map(|micros| time(Duration::from_micros(micros)));
        assert_eq!(times, ["0.4 ms", "12 ms", "1.25 s"]);
        assert_eq!([count(1, "row"), count(0, "row")], ["1 row", "0 rows"]);
        assert_eq!(rate(364, Duration::from_millis(500)), 728);
    }
}
