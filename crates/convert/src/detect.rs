//! Which format a file or folder is in.

use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use crate::class_folders::ClassFolders;
use crate::coco::Coco;
use crate::coco::CocoOptions;
use crate::error::Error;
use crate::error::Problem;
use crate::error::Result;
use crate::files;
use crate::import_format::ImportFormat;
use crate::options::ImportOptions;
use crate::pascal_voc::PascalVoc;
use crate::source::Source;
use crate::table;
use crate::webdataset::WebDataset;
use crate::yolo::Yolo;

/// Opens a file or folder in whatever known format it is.
///
/// Tables are known by their extension ([`table`]); a `.json` file is COCO if it looks like it, else
/// a table if it is a list of objects; a `.tar` file is WebDataset. A folder is Pascal VOC if it has a folder `Annotations` with `.xml`
/// files; COCO if there is exactly one COCO file in it or in its folder `annotations`; YOLO if it
/// has text files in a folder `labels` for files in a folder `images`; WebDataset if it has `.tar`
/// files; else class folders.
///
/// # Errors
/// [`Error::Read`], [`Error::NotAFolder`] for any other file, and [`Error::UnknownFormat`] with
/// what was looked for; also for a folder with several COCO files. What tables report:
/// [`Error::File`].
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
        let extension = path.extension().and_then(|extension| extension.to_str());
        if let Some(source) = table::open(&path, extension.unwrap_or_default(), &options)? {
            return Ok(source);
        }
        if let Some(source) = detect_file(&path, &options)? {
            return Ok(source);
        }
        let root = files::open_root(&path)?;
        let listing = files::walk(&root)?;
        let format = if PascalVoc::is_listed(&listing) {
            ImportFormat::PascalVoc
        } else if !Coco::annotation_files(&root, &listing).is_empty() {
            ImportFormat::Coco
        } else if Yolo::is_listed(&listing) {
            ImportFormat::Yolo
        } else if WebDataset::is_listed(&listing) {
            ImportFormat::WebDataset
        } else {
            ImportFormat::ClassFolders
        };
        open_folder(path, format, root, listing, &options)
    })
    .await
}

/// Opens a file or folder in a format that is told, whatever it is called.
///
/// # Errors
/// As [`detect`], and what the format reports about what is no such file or folder.
pub async fn open(
    path: &Path,
    format: ImportFormat,
    options: &ImportOptions,
) -> Result<Box<dyn Source>> {
    let path = path.to_path_buf();
    let options = options.clone();
    blocking(move || {
        if let Some(extension) = format.table() {
            let found = table::open(&path, extension, &options)?;
            return found.ok_or_else(|| Error::UnknownFormat {
                found: format!("it is a folder, and {format} is one file"),
                path,
            });
        }
        let known = std::fs::canonicalize(&path)
            .map_err(|source| Error::Read { path: path.clone(), source })?;
        match format {
            ImportFormat::WebDataset if known.is_file() => {
                return Ok(Box::new(WebDataset::from_file(&known, &options)?) as Box<_>);
            }
            ImportFormat::Coco if known.is_file() => {
                let coco = CocoOptions::default();
                return Ok(Box::new(Coco::from_file(&known, &coco, &options)?) as Box<_>);
            }
            _ => {}
        }
        let root = files::open_root(&path)?;
        let listing = files::walk(&root)?;
        open_folder(path, format, root, listing, &options)
    })
    .await
}

/// Opens a folder that was listed.
fn open_folder(
    path: PathBuf,
    format: ImportFormat,
    root: PathBuf,
    listing: files::Listing,
    options: &ImportOptions,
) -> Result<Box<dyn Source>> {
    Ok(match format {
        ImportFormat::PascalVoc => Box::new(PascalVoc::from_listing(root, listing, options)?),
        ImportFormat::Coco => {
            let annotations = Coco::annotation_files(&root, &listing);
            let [file] = annotations.as_slice() else {
                return Err(Error::UnknownFormat { path, found: Coco::told(&annotations) });
            };
            let file = root.join(file);
            let coco = CocoOptions::default();
            Box::new(Coco::from_listing(root, &file, listing, &coco, options)?)
        }
        ImportFormat::Yolo => Box::new(Yolo::from_listing(root, listing, options)?),
        ImportFormat::WebDataset => Box::new(WebDataset::from_listing(root, listing, options)?),
        _ => Box::new(ClassFolders::from_listing(&path, root, listing)?),
    })
}

/// A file in a format that is one file; `None` for folders and everything else.
fn detect_file(path: &Path, options: &ImportOptions) -> Result<Option<Box<dyn Source>>> {
    let read = |source| Error::Read { path: path.to_path_buf(), source };
    let known = std::fs::canonicalize(path).map_err(read)?;
    if !known.is_file() {
        return Ok(None);
    }
    let extension = known.extension().and_then(|e| e.to_str()).unwrap_or("").to_ascii_lowercase();
    Ok(match extension.as_str() {
        "tar" => Some(Box::new(WebDataset::from_file(&known, options)?)),
        "json" if Coco::is_annotations(&known) => {
            Some(Box::new(Coco::from_file(&known, &CocoOptions::default(), options)?))
        }
        "json" => Some(json(path, options)?),
        _ => None,
    })
}

/// Rows of a JSON file that is not COCO: a list of objects.
fn json(path: &Path, options: &ImportOptions) -> Result<Box<dyn Source>> {
    let read = |source| Error::Read { path: path.to_path_buf(), source };
    let mut front = Vec::new();
    std::fs::File::open(path).map_err(read)?.take(1 << 16).read_to_end(&mut front).map_err(read)?;
    let mut front = front.iter().filter(|byte| !byte.is_ascii_whitespace());
    let found = match (front.next(), front.next()) {
        (Some(b'['), Some(b'{' | b']')) => {
            if let Some(source) = table::open(path, "jsonl", options)? {
                return Ok(source);
            }
            "a list"
        }
        (Some(b'['), _) => "a list whose first element is no object",
        (Some(b'{'), _) => {
            "an object without the lists 'images' and 'annotations' of a COCO file; if it is one \
             object a line, name it .jsonl, or give the format jsonl"
        }
        (Some(_), _) => "neither a list nor an object",
        (None, _) => "nothing",
    };
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    Err(Error::Whole(Problem::new(
        name,
        format!("of .json files, COCO annotations and lists of objects are read; it holds {found}"),
    )))
}

/// Runs `work` where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::Stopped { reason: e.to_string() })?
}
