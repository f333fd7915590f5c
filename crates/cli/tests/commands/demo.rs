//! `lakebed demo` works on a machine with no data, and leaves a sound dataset.

use std::fs;

use crate::support::run;
use crate::support::with_demo;

#[test]
fn the_tour_shows_queries_with_rows_and_says_what_to_do_next() {
    let folder = tempfile::tempdir().unwrap();
    let out = run(folder.path(), &["demo"]).ok();
    assert!(out.starts_with("Drew 200 pictures in 4 commits in "), "{out}");
    let queries =
        out.lines().filter(|line| line.starts_with("   TQL> ") || line.starts_with("   SQL> "));
    assert!(queries.count() >= 9, "{out}");
    for number in 1..=10 {
        assert!(out.contains(&format!("\n{number}. ")), "{number}");
    }
    // No stop is without an answer.
    assert!(!out.contains("\n0 rows"), "{out}");
    assert!(out.contains("\nNext:\n  lakebed demo demo.lakebed\n"), "{out}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_named_folder_stays_and_is_toured_again() {
    let folder = with_demo();
    let again = run(folder, &["demo", "demo"]).ok();
    assert!(again.starts_with("Opened 200 pictures in 4 commits in "), "{again}");
    assert!(again.contains("\n10. "), "{again}");
    let out = run(folder, &["verify", "demo"]).ok();
    assert!(out.ends_with("every byte is what was written\n"), "{out}");
    assert!(out.starts_with("checked 5 versions, "), "{out}");
}

#[test]
fn other_peoples_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letter.txt"), "dear").unwrap();
    let place = folder.path().to_str().unwrap().to_string();
    let error = run(folder.path(), &["demo", &place]).failed();
    assert!(error.contains("holds other things already, such as 'letter.txt'\nhint: "), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
