//! Damaged datasets: `verify` finds it and says so by its exit code, queries never return it.

use std::fs;

use tempfile::TempDir;

use crate::support::files;
use crate::support::ingested;
use crate::support::run;

fn pack(folder: &TempDir) -> std::path::PathBuf {
    let found = files(&folder.path().join("pets.lakebed/data"));
    assert_eq!(found.len(), 1);
    found.into_iter().next().unwrap()
}

#[test]
fn a_flipped_byte_in_a_pack() {
    let folder = ingested();
    let pack = pack(&folder);
    let mut bytes = fs::read(&pack).unwrap();
    let at = bytes.windows(4).position(|four| four == b"\x89PNG").unwrap() + 40;
    bytes[at] ^= 1;
    fs::write(&pack, bytes).unwrap();
    let found = run(folder.path(), &["verify", "pets.lakebed"]);
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.out.starts_with("damaged: data/"), "{found:?}");
    assert!(found.out.contains("column 'images', row ids 0 to 0: "), "{found:?}");
    assert!(found.err.ends_with("is damaged in 1 place\n"), "{found:?}");
    for line in [
        ": a pack of samples",
        "  hit: version 1; branch main; row ids 0 of column images",
        "  - put it back from a copy: objects never change",
        "  - delete the rows: lakebed execute pets.lakebed \"DELETE WHERE __row_id = 0\"",
        "  - go back to the newest whole version: lakebed revert pets.lakebed 0",
    ] {
        assert!(found.out.lines().any(|other| other.ends_with(line)), "{line}\n{}", found.out);
    }
    let text = "SELECT images LIMIT 3";
    let error = run(folder.path(), &["query", "pets.lakebed", text, "--format", "json"]).failed();
    assert!(error.contains("images"), "{error}");
    let sound =
        run(folder.path(), &["query", "pets.lakebed", "SELECT labels", "--format", "csv"]).ok();
    assert_eq!(sound, "labels\ncat\ncat\ndog\n");
    // What it says can be done can be done.
    run(folder.path(), &["execute", "pets.lakebed", "DELETE WHERE __row_id = 0"]).ok();
    let left = ["query", "pets.lakebed", "SELECT labels, SHAPE(images)[0] AS h", "--format", "csv"];
    assert_eq!(run(folder.path(), &left).ok(), "labels,h\ncat,5\ndog,4\n");
    let found = run(folder.path(), &["verify", "pets.lakebed"]);
    assert!(found.out.contains("  hit: version 1; row ids 0 of column images\n"), "{found:?}");
    assert!(found.out.contains("lakebed expire pets.lakebed --below 2"), "{found:?}");
}

#[test]
fn damage_of_the_log_says_what_is_lost() {
    let folder = ingested();
    run(folder.path(), &["tag", "pets.lakebed", "done"]).ok();
    let entry = folder.path().join("pets.lakebed/log/0000000000000001");
    let bytes = fs::read(&entry).unwrap();
    fs::write(&entry, &bytes[..20]).unwrap();
    let found = run(folder.path(), &["verify", "pets.lakebed"]);
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.out.contains("log/0000000000000001: an entry of the log\n"), "{found:?}");
    assert!(found.out.contains("  hit: version 1; tag done\n"), "{found:?}");
    let way =
        "  - delete done, and give up the versions below 2: lakebed expire pets.lakebed --below 2";
    assert!(found.out.contains(way), "{found:?}");
    let sound = ["query", "pets.lakebed", "SELECT labels", "--format", "csv"];
    assert_eq!(run(folder.path(), &sound).ok(), "labels\ncat\ncat\ndog\n");
}

#[test]
fn a_truncated_pack() {
    let folder = ingested();
    let pack = pack(&folder);
    let bytes = fs::read(&pack).unwrap();
    fs::write(&pack, &bytes[..bytes.len() / 2]).unwrap();
    let found = run(folder.path(), &["verify", "pets.lakebed"]);
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.out.contains(" bytes, and its entry says "), "{found:?}");
    let error = run(folder.path(), &["query", "pets.lakebed", "SELECT images"]).failed();
    assert!(error.contains("data/"), "{error}");
}

#[test]
fn a_flipped_byte_anywhere_is_found() {
    let folder = ingested();
    let all = files(&folder.path().join("pets.lakebed"));
    assert!(all.len() >= 5, "{all:?}");
    for file in all {
        let sound = fs::read(&file).unwrap();
        for at in [0, sound.len() / 2, sound.len() - 1] {
            let mut bytes = sound.clone();
            bytes[at] ^= 0x10;
            fs::write(&file, bytes).unwrap();
            let found = run(folder.path(), &["verify", "pets.lakebed"]);
            assert_eq!(found.code, Some(1), "byte {at} of {}: {found:?}", file.display());
        }
        fs::write(&file, sound).unwrap();
    }
    run(folder.path(), &["verify", "pets.lakebed"]).ok();
}

#[test]
fn verify_says_what_it_does_not_check() {
    let folder = ingested();
    let ask = |args: &[&str]| run(folder.path(), args).ok();
    ask(&["execute", "pets.lakebed", "DELETE WHERE __row_id = 0"]);
    ask(&["expire", "pets.lakebed", "--keep", "1"]);
    let left = folder.path().join("pets.lakebed/tmp");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("left"), [7; 100]).unwrap();
    let out = ask(&["verify", "pets.lakebed"]);
    for line in [
        "not checked: 2 versions that expired, whose bytes may be gone",
        "not checked: 1 unfinished file in tmp, 100 B, of no version; lakebed gc removes those that were not written to for a day",
        "every byte of the other versions is what was written",
    ] {
        assert!(out.lines().any(|other| other == line), "{line}\n{out}");
    }
}
