//! Reading one image file and making sure that it is whole.

use std::path::Path;

use crate::error::Problem;
use crate::files;
use crate::options::ImportOptions;

/// A JPEG or PNG file as it is, with the shape that it decodes to.
#[derive(Debug)]
pub(crate) struct EncodedImage {
    /// The file, byte for byte.
    pub bytes: Vec<u8>,
    /// Height, width, channels.
    pub shape: [i32; 3],
}

/// Reads an image and decodes it once, so that nothing unreadable enters a dataset.
pub(crate) fn load(
    root: &Path,
    file: &str,
    options: &ImportOptions,
) -> Result<EncodedImage, Problem> {
    let bytes = files::read(root, file, options.limits.max_page_bytes, "max_page_bytes")?;
    check(bytes, options).map_err(|cause| Problem::new(file, cause))
}

/// Decodes an image once, so that nothing unreadable enters a dataset.
pub(crate) fn check(bytes: Vec<u8>, options: &ImportOptions) -> Result<EncodedImage, String> {
    if bytes.is_empty() {
        return Err("the file is empty".into());
    }
    let info = lakebed_codec::media::verify_complete(&bytes, &options.limits)
        .map_err(|e| e.to_string())?;
    let size = |size: u32| i32::try_from(size).map_err(|e| e.to_string());
    let shape = [size(info.height)?, size(info.width)?, size(info.channels)?];
    Ok(EncodedImage { bytes, shape })
}
