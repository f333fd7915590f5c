//! One local object as a stream.

use async_trait::async_trait;
use bytes::Bytes;

use super::blocking;
use super::tree::Staged;
use crate::error::Error;
use crate::error::Result;
use crate::store::ObjectWriter;

/// Bytes are handed to a blocking thread in portions of about this size: 1 MiB.
const PORTION: usize = 1 << 20;

pub(super) struct LocalWriter {
    /// Absent while a blocking thread has it, and for good if that work failed or was abandoned.
    staged: Option<Staged>,
    pending: Vec<Bytes>,
    pending_bytes: usize,
    location: String,
    key: String,
}

impl LocalWriter {
    pub(super) fn new(staged: Staged, location: String, key: String) -> LocalWriter {
        LocalWriter { staged: Some(staged), pending: Vec::new(), pending_bytes: 0, location, key }
    }

    fn take(&mut self) -> Result<(Staged, Vec<Bytes>)> {
        let staged = self.staged.take();
        self.pending_bytes = 0;
        let pending = std::mem::take(&mut self.pending);
        match staged {
            Some(staged) => Ok((staged, pending)),
            None => Err(Error::WriterBroken { key: self.key.clone() }),
        }
    }
}

#[async_trait]
impl ObjectWriter for LocalWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.pending_bytes = self.pending_bytes.saturating_add(bytes.len());
        self.pending.push(bytes);
        if self.pending_bytes < PORTION && self.staged.is_some() {
            return Ok(());
        }
        let (staged, pending) = self.take()?;
        let work = move || append(staged, &pending);
        self.staged = Some(blocking(&self.location, "write", work).await?);
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<()> {
        let (staged, pending) = self.take()?;
        let work = move || {
            let mut staged = append(staged, &pending)?;
            staged.sync()?;
            staged.link()
        };
        blocking(&self.location, "create", work).await
    }
}

fn append(mut staged: Staged, pending: &[Bytes]) -> Result<Staged> {
    for bytes in pending {
        staged.append(bytes)?;
    }
    Ok(staged)
}
