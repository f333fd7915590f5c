//! Numbers of bytes as people read them.

/// `512 B`, `1.5 KB`, `20 MB`: rounded down, in powers of 1,000, with a tenth below 20.
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
    match tenths {
        0..200 => format!("{}.{} {unit}", tenths / 10, tenths % 10),
        _ => format!("{} {unit}", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let sizes = [0, 999, 1_000, 1_599, 20_400, 999_999, 1_234_567, 5_000_000_000, u64::MAX];
        let expected =
            ["0 B", "999 B", "1.0 KB", "1.5 KB", "20 KB", "999 KB", "1.2 MB", "5.0 GB", "18446 PB"];
        assert_eq!(sizes.map(bytes), expected);
    }
}
