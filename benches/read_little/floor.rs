//! The floor: what a careful program in Rust does with the same bytes, on one thread.

use std::fs::File;
use std::hint::black_box;
use std::io::BufWriter;
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use crate::way::Answer;
use crate::way::Sample;
use crate::way::Way;

/// Byte strings that lie this near to each other are read together.
const NEAR: u64 = 4096;
/// The largest such read.
const MOST: u64 = 1 << 20;

/// Byte strings end to end in a file, with their ends in memory.
pub struct Blobs {
    file: File,
    ends: Vec<u64>,
}

impl Blobs {
    /// Writes them.
    pub fn write<'a>(path: &Path, blobs: impl Iterator<Item = &'a [u8]>) -> Blobs {
        let mut writer = BufWriter::new(File::create(path).unwrap());
        let mut end = 0;
        let mut ends = vec![0];
        for blob in blobs {
            writer.write_all(blob).unwrap();
            end += blob.len() as u64;
            ends.push(end);
        }
        writer.flush().unwrap();
        Blobs { file: File::open(path).unwrap(), ends }
    }

    fn range(&self, row: usize) -> Range<u64> {
        self.ends[row]..self.ends[row + 1]
    }

    /// Bytes of one.
    pub fn size(&self, row: usize) -> u64 {
        self.ends[row + 1] - self.ends[row]
    }

    /// Those of some ascending rows, each as bytes of its own.
    pub fn fetch(&self, rows: &[usize]) -> (Vec<Vec<u8>>, u64, u64) {
        let mut found = Vec::with_capacity(rows.len());
        let (mut requests, mut bytes) = (0, 0);
        let mut at = 0;
        while at < rows.len() {
            let mut whole = self.range(rows[at]);
            let mut next = at + 1;
            while next < rows.len() {
                let range = self.range(rows[next]);
                if range.start > whole.end + NEAR || range.end - whole.start > MOST {
                    break;
                }
                whole.end = range.end;
                next += 1;
            }
            let mut buffer = vec![0; (whole.end - whole.start) as usize];
            self.file.read_exact_at(&mut buffer, whole.start).unwrap();
            requests += 1;
            bytes += whole.end - whole.start;
            if next == at + 1 {
                found.push(buffer);
            } else {
                found.extend(rows[at..next].iter().map(|row| {
                    let range = self.range(*row);
                    let from = (range.start - whole.start) as usize;
                    buffer[from..from + (range.end - range.start) as usize].to_vec()
                }));
            }
            at = next;
        }
        (found, requests, bytes)
    }

    /// Fetching some rows: in one call, or a call a row.
    pub fn way<'a>(&'a self, rows: &'a [usize], one_call: bool) -> Way<'a> {
        Box::new(move |check| {
            let begin = Instant::now();
            let (found, requests, bytes) = if one_call {
                self.fetch(rows)
            } else {
                let mut all = (Vec::with_capacity(rows.len()), 0, 0);
                for row in rows {
                    let (mut one, requests, bytes) = self.fetch(std::slice::from_ref(row));
                    all.0.append(&mut one);
                    all = (all.0, all.1 + requests, all.2 + bytes);
                }
                all
            };
            let took = begin.elapsed();
            Sample {
                planning: None,
                took,
                requests: Some(requests),
                bytes: Some(bytes),
                answer: check.then(|| Answer::of_blobs(found.iter().map(Vec::as_slice))),
            }
        })
    }
}

/// A loop over data in memory.
pub fn in_memory<'a, T: 'a>(
    mut work: impl FnMut() -> T + 'a,
    answer: impl Fn(T) -> Answer + 'a,
) -> Way<'a> {
    Box::new(move |check| {
        let begin = Instant::now();
        let found = black_box(work());
        let took = begin.elapsed();
        Sample { took, answer: check.then(|| answer(found)), ..Sample::default() }
    })
}

/// A loop over bytes of a file, which counts its requests and bytes.
pub fn over_file<'a, T: 'a>(
    file: &'a File,
    mut work: impl FnMut(&Reader) -> T + 'a,
    answer: impl Fn(T) -> Answer + 'a,
) -> Way<'a> {
    Box::new(move |check| {
        let reader = Reader { file, requests: 0.into(), bytes: 0.into() };
        let begin = Instant::now();
        let found = black_box(work(&reader));
        let took = begin.elapsed();
        Sample {
            planning: None,
            took,
            requests: Some(reader.requests.get()),
            bytes: Some(reader.bytes.get()),
            answer: check.then(|| answer(found)),
        }
    })
}

/// A file whose reads are counted.
pub struct Reader<'a> {
    file: &'a File,
    requests: std::cell::Cell<u64>,
    bytes: std::cell::Cell<u64>,
}

impl Reader<'_> {
    /// Fills the buffer from an offset on.
    pub fn read(&self, buffer: &mut [u8], offset: usize) {
        self.file.read_exact_at(buffer, offset as u64).unwrap();
        self.add(1, buffer.len() as u64);
    }

    /// Counts what was read in another way.
    pub fn add(&self, requests: u64, bytes: u64) {
        self.requests.set(self.requests.get() + requests);
        self.bytes.set(self.bytes.get() + bytes);
    }
}

/// The ids of the rows whose value passes a test.
pub fn matching<T>(ids: &[i64], column: &[T], test: impl Fn(&T) -> bool) -> Vec<i64> {
    let mut found = Vec::new();
    for (id, value) in ids.iter().zip(column) {
        if test(value) {
            found.push(*id);
        }
    }
    found
}
