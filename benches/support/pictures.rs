//! Small encoded pictures.

use std::path::Path;
use std::path::PathBuf;

use lakebed::codec::media;
use lakebed::core::Shape;

use super::files::files_below;

/// The folder of real data beside the project.
pub fn shared_data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data")
}

/// JPEGs of 32 x 32 pixels, about a kilobyte each: CIFAR-10's where they are there, drawn ones
/// elsewhere.
pub fn pictures() -> Vec<Vec<u8>> {
    let folder = shared_data().join("cifar10/test");
    if folder.exists() {
        let files = files_below(&folder);
        return files
            .iter()
            .filter(|f| f.extension().is_some_and(|e| e == "jpg"))
            .map(|f| std::fs::read(f).unwrap())
            .collect();
    }
    (0..500usize)
        .map(|n| {
            let pixels: Vec<u8> = (0..32 * 32 * 3).map(|i| ((i * n) % 251) as u8).collect();
            media::encode_jpeg(&Shape::new(&[32, 32, 3]).unwrap(), &pixels, 85).unwrap()
        })
        .collect()
}
