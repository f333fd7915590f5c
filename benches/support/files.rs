//! Files below a folder.

use std::path::Path;
use std::path::PathBuf;

/// Every file below a folder, in order.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// Bytes of a file, or of every file below a folder.
pub fn size_of(path: &Path) -> u64 {
    if path.is_dir() {
        files_below(path).iter().map(|file| file.metadata().unwrap().len()).sum()
    } else {
        path.metadata().unwrap().len()
    }
}
