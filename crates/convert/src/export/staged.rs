//! A destination that appears whole or not at all.

use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::error::Error;
use crate::error::Result;

/// What marks a folder as a dataset.
const DATASET: &str = "lakebed.json";

/// A temporary file or folder beside the destination; removed on drop unless published.
#[derive(Debug)]
pub(crate) struct Staged {
    path: PathBuf,
    destination: PathBuf,
    folder: bool,
    overwrite: bool,
    published: bool,
}

impl Staged {
    /// Makes the temporary file (empty) or folder.
    ///
    /// # Errors
    /// [`Error::Exists`], or [`Error::Write`] if the folder above does not exist.
    pub fn create(destination: &Path, folder: bool, overwrite: bool) -> Result<Staged> {
        let failed = |source| Error::Write { path: destination.to_path_buf(), source };
        let name = destination.file_name().ok_or_else(|| {
            failed(io::Error::new(io::ErrorKind::InvalidInput, "this names no file"))
        })?;
        refuse_existing(destination, folder, overwrite)?;
        let above = match destination.parent() {
            Some(above) if !above.as_os_str().is_empty() => above,
            _ => Path::new("."),
        };
        // Another export to the same name must not share the temporary file: the name is taken by
        // creating it, and the next number is tried if it was there.
        for number in 0..1000u32 {
            let mut temporary = std::ffi::OsString::from(".");
            temporary.push(name);
            temporary.push(format!(".{}-{number}.partial", std::process::id()));
            let path = above.join(temporary);
            let made = match folder {
                true => fs::create_dir(&path),
                false => File::create_new(&path).map(drop),
            };
            match made {
                Ok(()) => {
                    let destination = destination.to_path_buf();
                    return Ok(Staged { path, destination, folder, overwrite, published: false });
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(failed(e)),
            }
        }
        Err(failed(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "too many unfinished exports lie beside it: remove the files that end in .partial",
        )))
    }

    /// The temporary file or folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where it will be.
    pub fn destination(&self) -> &Path {
        &self.destination
    }

    /// Opens the temporary file of an export that is one file.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn file(&self) -> Result<File> {
        File::create(&self.path).map_err(|source| self.failed(source))
    }

    /// A failure to write, under the name that the user knows.
    pub fn failed(&self, source: io::Error) -> Error {
        Error::Write { path: self.destination.clone(), source }
    }

    /// Gives the destination's name to what was written: (path, files, bytes).
    ///
    /// # Errors
    /// [`Error::Exists`] if the name was taken meanwhile, or [`Error::Write`].
    pub fn publish(mut self) -> Result<(PathBuf, u64, u64)> {
        let (files, bytes) = size(&self.path).map_err(|e| self.failed(e))?;
        refuse_existing(&self.destination, self.folder, self.overwrite)?;
        if self.folder && self.overwrite && self.destination.is_dir() {
            // A folder cannot be renamed onto a full one. The old one is moved aside first, so that
            // there is no moment at which a half of it is left under its name.
            let aside = self.path.with_extension("replaced");
            fs::rename(&self.destination, &aside).map_err(|e| self.failed(e))?;
            if let Err(error) = fs::rename(&self.path, &self.destination) {
                let _ = fs::rename(&aside, &self.destination);
                return Err(self.failed(error));
            }
            self.published = true;
            fs::remove_dir_all(&aside).map_err(|e| self.failed(e))?;
        } else if self.folder || self.overwrite {
            fs::rename(&self.path, &self.destination).map_err(|e| self.failed(e))?;
            self.published = true;
        } else {
            // A link is made only if the name is free, which a rename does not promise.
            match fs::hard_link(&self.path, &self.destination) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(Error::Exists { path: self.destination.clone() });
                }
                // Some file systems have no links.
                Err(_) => {
                    fs::rename(&self.path, &self.destination).map_err(|e| self.failed(e))?;
                    self.published = true;
                }
            }
        }
        Ok((self.destination.clone(), files, bytes))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.published {
            return;
        }
        let removed = match self.folder {
            true => fs::remove_dir_all(&self.path),
            false => fs::remove_file(&self.path),
        };
        if let Err(error) = removed {
            tracing::warn!(path = %self.path.display(), %error, "an unfinished export is left");
        }
    }
}

/// Refuses what may not be replaced, and what cannot: a folder by a file, or the other way round.
fn refuse_existing(destination: &Path, folder: bool, overwrite: bool) -> Result<()> {
    let Ok(existing) = fs::symlink_metadata(destination) else { return Ok(()) };
    let path = destination.to_path_buf();
    if !overwrite {
        return Err(Error::Exists { path });
    }
    let refuse = |reason: &str| {
        let source = io::Error::new(io::ErrorKind::InvalidInput, reason);
        Err(Error::Write { path: path.clone(), source })
    };
    match (existing.is_dir(), folder) {
        (true, false) => refuse("a folder is there, and only a file is replaced by a file"),
        (false, true) => refuse("a file is there, and only a folder is replaced by a folder"),
        (true, true) if destination.join(DATASET).exists() => {
            refuse("a dataset is there, and exports never replace one: give another name")
        }
        _ => Ok(()),
    }
}

/// Files, and the bytes in them: of a file, or of everything below a folder.
fn size(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Ok((1, metadata.len()));
    }
    fs::read_dir(path)?.try_fold((0, 0), |(files, bytes), entry| {
        let (more, longer) = size(&entry?.path())?;
        Ok((files + more, bytes + longer))
    })
}
