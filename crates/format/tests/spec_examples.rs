//! The worked examples of `SPEC.md` are what the program writes. On a difference the right bytes
//! are printed, to be pasted there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::UInt8Array;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_format::ChunkBuilder;
use lakebed_format::entry;

const SPEC: &str = include_str!("../SPEC.md");

/// The block of `SPEC.md` that begins with "```hex name".
fn example(name: &str) -> &'static str {
    let begin = format!("```hex {name}\n");
    let from = SPEC.find(&begin).unwrap() + begin.len();
    let length = SPEC[from..].find("```").unwrap();
    &SPEC[from..from + length]
}

fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (number, line) in bytes.chunks(16).enumerate() {
        write!(text, "{:08x} ", number * 16).unwrap();
        for (column, byte) in line.iter().enumerate() {
            let gap = if column == 8 { " " } else { "" };
            write!(text, "{gap} {byte:02x}").unwrap();
        }
        text.push('\n');
    }
    text
}

fn check(name: &str, bytes: &[u8]) {
    let right = dump(bytes);
    assert_eq!(example(name), right, "```hex {name}\n{right}```");
}

#[test]
fn the_hint_is_as_written_in_the_specification() {
    check("hint", &entry::hint_to_bytes(7));
}

#[test]
fn the_chunk_is_as_written_in_the_specification() {
    let mut builder = ChunkBuilder::new(Column::scalar("x", DType::U8).nullable(), 1 << 20);
    let rows: ArrayRef = Arc::new(UInt8Array::from(vec![Some(7), None, Some(7), Some(9)]));
    builder.push(&rows, |_| panic!("four rows fill no chunk")).unwrap();
    let chunk = builder.finish().unwrap();
    check("payload", &chunk.payload);
    check("directory", &chunk.directory);
}

#[test]
fn the_examples_of_light_encodings_are_what_is_written() {
    let hex =
        |bytes: Vec<u8>| bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ");
    for bytes in [
        lakebed_codec::integers::encode(&[7, 7]),
        lakebed_codec::integers::encode(&[10, 15, 17]),
        lakebed_codec::integers::encode_from(&[-1i8]),
    ] {
        let text = hex(bytes);
        assert!(SPEC.contains(&format!("`{text}`")), "{text}");
    }
}
