//! Running the command, and folders of small images.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use lakebed::codec::media::encode_jpeg;
use lakebed::codec::media::encode_png;
use lakebed::core::Shape;
use tempfile::TempDir;

/// What a run left.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Run {
    /// The output of a run that went well and complained of nothing.
    pub fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        self.out
    }

    /// The complaint of a run that failed.
    pub fn failed(self) -> String {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert!(self.err.starts_with("error: "), "{self:?}");
        assert!(!self.err.contains("panicked") && !self.err.contains("stack backtrace"));
        self.err
    }
}

pub fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakebed"));
    command.args(args).current_dir(folder).env_remove("RUST_LOG").env_remove("CARGO");
    command
}

pub fn run(folder: &Path, args: &[&str]) -> Run {
    let output = command(folder, args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The demo's dataset, made once by the command itself: a folder that holds it under `demo`.
pub fn with_demo() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &["demo", "demo"]).ok();
        folder
    });
    folder.path()
}

/// Writes a file, and the folders above it.
pub fn put(root: &Path, file: &str, bytes: impl AsRef<[u8]>) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn pixels(shape: &Shape, value: u8) -> Vec<u8> {
    vec![value; shape.elements()]
}

pub fn jpeg(height: usize, width: usize, value: u8) -> Vec<u8> {
    let shape = Shape::new(&[height, width, 3]).unwrap();
    encode_jpeg(&shape, &pixels(&shape, value), 90).unwrap()
}

pub fn png(height: usize, width: usize, value: u8) -> Vec<u8> {
    let shape = Shape::new(&[height, width, 3]).unwrap();
    encode_png(&shape, &pixels(&shape, value)).unwrap()
}

/// Two cats and a dog in class folders, as `pets` in a new folder.
pub fn pets() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "pets/cat/a.png", png(4, 6, 10));
    put(folder.path(), "pets/cat/b.png", png(5, 6, 20));
    put(folder.path(), "pets/dog/c.png", png(4, 6, 30));
    folder
}

/// As [`pets`], and ingested into `pets.lakebed`.
pub fn ingested() -> TempDir {
    let folder = pets();
    run(folder.path(), &["ingest", "pets", "pets.lakebed"]).ok();
    folder
}

/// The files below a folder, in order.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}
