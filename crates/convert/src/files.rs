//! Listing and reading the files of one folder, without leaving it.

use std::fs;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use lakebed_codec::media::MediaKind;
use lakebed_core::Limits;

use crate::error::Error;
use crate::error::Problem;
use crate::error::Result;

/// Every file under a folder.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Paths relative to the root with `/`, sorted by their bytes. Hidden files are left out.
    pub files: Vec<String>,
    /// What was left out and why: links that lead outside, things that are no files.
    pub warnings: Vec<Problem>,
    /// What cannot be imported: names that are not UTF-8.
    pub refused: Vec<Problem>,
}

/// The folder itself, links resolved.
///
/// # Errors
/// [`Error::Read`] if it does not exist, [`Error::NotAFolder`].
pub(crate) fn open_root(path: &Path) -> Result<PathBuf> {
    let read = |source| Error::Read { path: path.to_path_buf(), source };
    let root = fs::canonicalize(path).map_err(read)?;
    if !fs::metadata(&root).map_err(read)?.is_dir() {
        return Err(Error::NotAFolder { path: path.to_path_buf() });
    }
    Ok(root)
}

/// Lists a folder made by [`open_root`] and everything below it.
///
/// # Errors
/// [`Error::Read`] if a folder cannot be listed.
pub(crate) fn walk(root: &Path) -> Result<Listing> {
    let mut listing = Listing::default();
    let mut folders = vec![(root.to_path_buf(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        let read = |source| Error::Read { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(read)? {
            let entry = entry.map_err(read)?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let relative = format!("{prefix}{}", name.to_string_lossy());
            if name.to_str().is_none() {
                listing.refused.push(Problem::new(relative, "the name is not UTF-8: rename it"));
                continue;
            }
            let kind = entry.file_type().map_err(read)?;
            if kind.is_dir() {
                folders.push((entry.path(), format!("{relative}/")));
            } else if kind.is_file() {
                listing.files.push(relative);
            } else if kind.is_symlink() {
                match linked_file(root, &entry.path()) {
                    Ok(()) => listing.files.push(relative),
                    Err(cause) => listing.warnings.push(Problem::new(relative, cause)),
                }
            } else {
                listing.warnings.push(Problem::new(relative, "left out: it is no file"));
            }
        }
    }
    listing.files.sort_unstable();
    listing.warnings.sort_unstable_by(|a, b| a.file.cmp(&b.file));
    listing.refused.sort_unstable_by(|a, b| a.file.cmp(&b.file));
    Ok(listing)
}

/// A link is followed to a file inside the root only: never out of it, and never to a folder,
/// where it could lead in a circle.
fn linked_file(root: &Path, link: &Path) -> Result<(), String> {
    let target = fs::canonicalize(link).map_err(|e| format!("left out: the link is dead: {e}"))?;
    if !target.starts_with(root) {
        return Err("left out: the link leads out of the folder".into());
    }
    match fs::metadata(&target) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err("left out: a link to a folder is not followed".into()),
        Err(e) => Err(format!("left out: {e}")),
    }
}

/// The bytes of a file of at most `limit` bytes; `setting` is the name of that limit.
pub(crate) fn read(
    root: &Path,
    file: &str,
    limit: u64,
    setting: &'static str,
) -> Result<Vec<u8>, Problem> {
    let problem = |e: &dyn std::fmt::Display| Problem::new(file, e.to_string());
    let opened = File::open(root.join(file)).map_err(|e| problem(&e))?;
    let length = opened.metadata().map_err(|e| problem(&e))?.len();
    Limits::check("the file's length in bytes", length, limit, setting).map_err(|e| problem(&e))?;
    let capacity = usize::try_from(length).map_err(|e| problem(&e))?;
    let mut bytes = Vec::with_capacity(capacity);
    // A file that grows while it is read ends at the limit too.
    opened.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| problem(&e))?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Limits::check("the file's length in bytes", length, limit, setting).map_err(|e| problem(&e))?;
    Ok(bytes)
}

/// What a file's name and first bytes say about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// JPEG or PNG by its first bytes or by its name.
    Image,
    /// An image of a format that is not read.
    OtherImage,
    /// Text, tables, documents: what lies beside images in a folder.
    Companion,
    /// Anything else.
    Unknown,
}

/// Looks at a file's name, and at its first bytes where the name does not decide.
pub(crate) fn kind(root: &Path, file: &str) -> FileKind {
    let extension = extension(file).to_ascii_lowercase();
    match extension.as_str() {
        "jpg" | "jpeg" | "jpe" | "jfif" | "png" => return FileKind::Image,
        _ if has_image_magic(root, file) => return FileKind::Image,
        _ => {}
    }
    match extension.as_str() {
        "gif" | "bmp" | "webp" | "tif" | "tiff" | "avif" | "heic" | "heif" | "jp2" | "jxl"
        | "ppm" | "pgm" | "tga" | "exr" => FileKind::OtherImage,
        "txt" | "md" | "rst" | "csv" | "tsv" | "json" | "jsonl" | "yaml" | "yml" | "toml"
        | "html" | "pdf" | "ini" | "db" | "log" | "py" | "sh" | "m" => FileKind::Companion,
        "" if is_known_document(file_name(file)) => FileKind::Companion,
        _ => FileKind::Unknown,
    }
}

fn is_known_document(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["license", "licence", "copying", "readme", "notice", "authors", "citation", "changelog"]
        .contains(&name.as_str())
}

fn has_image_magic(root: &Path, file: &str) -> bool {
    let mut first = Vec::with_capacity(8);
    let read = File::open(root.join(file)).and_then(|file| file.take(8).read_to_end(&mut first));
    read.is_ok() && MediaKind::detect(&first).is_some()
}

/// The part after the last `/`.
pub(crate) fn file_name(file: &str) -> &str {
    file.rsplit_once('/').map_or(file, |(_, name)| name)
}

/// The file name without its extension.
pub(crate) fn stem(file: &str) -> &str {
    let name = file_name(file);
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}

/// The extension without its dot, empty if there is none.
pub(crate) fn extension(file: &str) -> &str {
    let name = file_name(file);
    name.rsplit_once('.')
        .map_or("", |(stem, extension)| if stem.is_empty() { "" } else { extension })
}

/// One warning for many files of one kind: the first file's name, and how many follow.
pub(crate) fn summarize(files: &[String], cause: &str) -> Option<Problem> {
    let first = files.first()?;
    let more = files.len() - 1;
    let cause = match more {
        0 => cause.to_string(),
        1 => format!("{cause} (and 1 more file like it)"),
        _ => format!("{cause} (and {more} more files like it)"),
    };
    Some(Problem::new(first.clone(), cause))
}

#[cfg(test)]
mod tests;
