//! Which format a folder is in.

use std::path::Path;

use crate::class_folders::ClassFolders;
use crate::error::Error;
use crate::error::Result;
use crate::files;
use crate::options::ImportOptions;
use crate::pascal_voc::PascalVoc;
use crate::source::Source;

/// Opens a folder in whatever known format it is: Pascal VOC if it has a folder `Annotations`
/// with `.xml` files, else class folders.
///
/// # Errors
/// [`Error::Read`], [`Error::NotAFolder`], and [`Error::UnknownFormat`] with what was looked for.
pub async fn detect(path: &Path) -> Result<Box<dyn Source>> {
    detect_with(path, &ImportOptions::default()).await
}

/// As [`detect`], with bounds and parallelism for what must be read before the first row.
///
/// # Errors
/// As [`detect`].
pub async fn detect_with(path: &Path, options: &ImportOptions) -> Result<Box<dyn Source>> {
    let path = path.to_path_buf();
    let options = options.clone();
    blocking(move || {
        let root = files::open_root(&path)?;
        let listing = files::walk(&root)?;
        if PascalVoc::is_listed(&listing) {
            return Ok(Box::new(PascalVoc::from_listing(root, listing, &options)?) as Box<_>);
        }
        Ok(Box::new(ClassFolders::from_listing(&path, root, listing)?) as Box<_>)
    })
    .await
}

/// Runs `work` where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::Stopped { reason: e.to_string() })?
}
