//! The files of an export that is a folder, while it is under construction.

use std::fs;
use std::fs::File;
use std::io::BufWriter;
use std::io::Write;
use std::path::PathBuf;

use super::staged::Staged;
use crate::error::Error;
use crate::error::Result;

/// A folder under construction. Messages name files as they will be called.
pub(super) struct Folder {
    now: PathBuf,
    shown: PathBuf,
    /// Rows written so far: the position of the next one.
    pub rows: u64,
}

impl Folder {
    /// The staged folder.
    pub fn new(staged: &Staged) -> Folder {
        let (now, shown) = (staged.path().to_path_buf(), staged.destination().to_path_buf());
        Folder { now, shown, rows: 0 }
    }

    /// A new file, and the folders above it. `name` is relative, with `/`, and was checked.
    ///
    /// # Errors
    /// [`Error::Write`]; of kind `AlreadyExists` if there is one of that name.
    pub fn file(&self, name: &str) -> Result<BufWriter<File>> {
        let path = self.now.join(name);
        let told = |source| Error::Write { path: self.shown(name), source };
        let open = || File::options().write(true).create_new(true).open(&path);
        let opened = match open() {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                fs::create_dir_all(path.parent().unwrap_or(&self.now)).map_err(told)?;
                open()
            }
            opened => opened,
        };
        Ok(BufWriter::new(opened.map_err(told)?))
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// As [`Folder::file`].
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut file = self.file(name)?;
        file.write_all(bytes)
            .and_then(|()| file.flush())
            .map_err(|source| Error::Write { path: self.shown(name), source })
    }

    /// Where a file will be, for messages.
    pub fn shown(&self, name: &str) -> PathBuf {
        self.shown.join(name)
    }

    /// Where a file is now.
    pub fn now(&self, name: &str) -> PathBuf {
        self.now.join(name)
    }
}
