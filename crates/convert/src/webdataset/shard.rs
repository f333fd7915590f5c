//! The members of one tar file, found from their headers.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Error;
use std::io::Read;
use std::io::Result;
use std::io::Seek;
use std::io::SeekFrom;
use std::path::Path;
use std::rc::Rc;

/// Bytes of headers that describe one member, at most: long names come as members of their own.
const HEADERS: u64 = 1 << 20;
/// Bytes of a member's name at most.
const NAME: usize = 4096;

/// One sample: consecutive members of one name.
#[derive(Debug, PartialEq)]
pub(crate) struct Sample {
    /// The members' common name, without extension.
    pub key: String,
    pub members: Vec<Member>,
    /// Why it cannot be imported.
    pub wrong: Option<String>,
}

/// Where a member's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its extension, by its place in [`Extensions`].
    pub extension: usize,
    pub offset: u64,
    pub length: u64,
}

/// The extensions that occur, in the order in which they do.
#[derive(Debug, Default)]
pub(crate) struct Extensions {
    places: BTreeMap<String, usize>,
    names: Vec<String>,
}

impl Extensions {
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        self.places.insert(name.to_string(), self.names.len());
        self.names.push(name.to_string());
        self.names.len() - 1
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }
}

/// Lists a shard's samples onto `samples`. Bodies are passed over, not read.
///
/// # Errors
/// What is wrong from which byte on; the samples before it are listed.
pub(crate) fn list(
    path: &Path,
    extensions: &mut Extensions,
    samples: &mut Vec<Sample>,
    most_extensions: usize,
) -> std::result::Result<(), String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let length = file.metadata().map_err(|e| e.to_string())?.len();
    let at = Rc::new(Cell::new(0));
    let headers = Headers { file, left: HEADERS, at: Rc::clone(&at) };
    let mut archive = tar::Archive::new(headers);
    let wrong = |e: Error| format!("no tar file from byte {} on: {e}", at.get());
    let first = samples.len();
    for entry in archive.entries_with_seek().map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let (offset, size) = (entry.raw_file_position(), entry.size());
        let kind = entry.header().entry_type();
        let name = entry.path_bytes();
        let shown = String::from_utf8_lossy(name.get(..name.len().min(200)).unwrap_or_default());
        if offset.checked_add(size).is_none_or(|end| end > length) {
            return Err(format!(
                "member '{shown}' ends at byte {}, the file at {length}: it is cut short",
                offset.saturating_add(size)
            ));
        }
        if !(kind.is_file() || kind.is_contiguous()) {
            continue;
        }
        if name.len() > NAME {
            return Err(format!("member '{shown}...' has a name of {} bytes", name.len()));
        }
        let Ok(name) = std::str::from_utf8(&name) else {
            return Err(format!("member '{shown}': the name is not UTF-8"));
        };
        let Some((key, extension)) = split(name) else { continue };
        let place = extensions.place(&extension);
        if extensions.names.len() > most_extensions {
            return Err(format!(
                "member '{shown}' has the {}th extension: each becomes a column",
                extensions.names.len()
            ));
        }
        let member = Member { extension: place, offset, length: size };
        let begun = samples.len() > first;
        match samples.last_mut().filter(|sample| begun && sample.key == key) {
            Some(sample) => {
                if sample.members.iter().any(|known| known.extension == place) {
                    let cause = format!("it has two members '.{extension}'");
                    sample.wrong.get_or_insert(cause);
                } else {
                    sample.members.push(member);
                }
            }
            None => {
                samples.push(Sample { key: key.to_string(), members: vec![member], wrong: None })
            }
        }
    }
    Ok(())
}

/// The name up to the first dot of its last part, and what follows in lower case. `None` for
/// names without extension, hidden ones, and those that begin with two underscores, which say
/// something about the shard.
fn split(name: &str) -> Option<(&str, String)> {
    let begin = name.rfind('/').map_or(0, |slash| slash + 1);
    let file = name.get(begin..)?;
    let dot = file.find('.').filter(|dot| *dot > 0)?;
    let extension = file.get(dot + 1..).filter(|extension| !extension.is_empty())?;
    if file.starts_with("__") || extension.chars().any(|c| c.is_control() || c == '"') {
        return None;
    }
    Some((name.get(..begin + dot)?, extension.to_ascii_lowercase()))
}

/// A file of which only headers are read: what lies between is passed over by seeking, so more
/// than a few blocks in one go are no headers but an attempt to fill the memory.
struct Headers {
    file: File,
    left: u64,
    at: Rc<Cell<u64>>,
}

impl Read for Headers {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let read = self.file.read(into)?;
        let length = u64::try_from(read).unwrap_or(u64::MAX);
        self.at.set(self.at.get().saturating_add(length));
        self.left = self
            .left
            .checked_sub(length)
            .ok_or_else(|| Error::other(format!("headers of more than {HEADERS} bytes")))?;
        Ok(read)
    }
}

impl Seek for Headers {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.left = HEADERS;
        let at = self.file.seek(to)?;
        self.at.set(at);
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_at_the_first_dot_of_the_last_part() {
        let split = |name| split(name).map(|(key, extension)| (key, extension.to_string()));
        assert_eq!(split("a/b.c/1.seg.PNG"), Some(("a/b.c/1", "seg.png".to_string())));
        assert_eq!(split("1.jpg"), Some(("1", "jpg".to_string())));
        for name in ["README", "a/._1.jpg", ".hidden", "1.", "__meta__.json", ""] {
            assert_eq!(split(name), None, "{name}");
        }
    }
}
