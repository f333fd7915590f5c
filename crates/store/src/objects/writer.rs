//! One remote object as a stream: a single request if it is small, parts if it is not.

use async_trait::async_trait;
use bytes::Bytes;
use bytes::BytesMut;
use object_store::ObjectStoreExt;
use object_store::WriteMultipart;

use super::ObjectStoreBackend;
use crate::error::Error;
use crate::error::Result;
use crate::resolve::Outcome;
use crate::resolve::create_resolved;
use crate::store::ObjectWriter;

/// The size of a part, and of the largest object that is sent whole, in bytes: 8 MiB.
const PART: usize = 8 << 20;

/// How many parts are under way at a time.
const CONCURRENT: usize = 4;

/// How often the creation of a small object is tried before its outcome is called unknown.
const TRIES: u32 = 4;

/// Every write of one object.
pub(super) struct PartWriter {
    backend: ObjectStoreBackend,
    key: String,
    /// Bytes that belong to no part yet.
    pending: BytesMut,
    upload: Option<WriteMultipart>,
    broken: bool,
}

impl PartWriter {
    pub(super) fn new(backend: ObjectStoreBackend, key: String) -> PartWriter {
        PartWriter { backend, key, pending: BytesMut::new(), upload: None, broken: false }
    }

    fn check(&self) -> Result<()> {
        if self.broken { Err(Error::WriterBroken { key: self.key.clone() }) } else { Ok(()) }
    }

    fn error(&self, said: object_store::Error) -> Error {
        self.backend.write_error(said, "create", &self.key)
    }

    /// Sends `bytes` in parts, waiting while too many are under way.
    async fn send(&mut self, mut bytes: Bytes) -> Result<()> {
        if self.upload.is_none() {
            let path = self.backend.path(&self.key)?;
            let started = self.backend.inner.put_multipart(&path).await;
            let upload = started.map_err(|e| self.error(e))?;
            self.upload = Some(WriteMultipart::new_with_chunk_size(upload, PART));
        }
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(PART));
            if let Some(upload) = &mut self.upload {
                let waited = upload.wait_for_capacity(CONCURRENT).await;
                if waited.is_ok() {
                    upload.put(piece);
                }
                waited.map_err(|e| self.error(e))?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl ObjectWriter for PartWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.check()?;
        if self.upload.is_none() && self.pending.len().saturating_add(bytes.len()) <= PART {
            self.pending.extend_from_slice(&bytes);
            return Ok(());
        }
        self.broken = true;
        let pending = self.pending.split().freeze();
        self.send(pending).await?;
        self.send(bytes).await?;
        self.broken = false;
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<()> {
        self.check()?;
        match self.upload.take() {
            Some(upload) => upload.finish().await.map(drop).map_err(|e| self.error(e)),
            None => {
                let bytes = self.pending.split().freeze();
                match create_resolved(&self.backend, &self.key, bytes, TRIES).await? {
                    Outcome::Created => Ok(()),
                    Outcome::Taken(_) => Err(Error::AlreadyExists {
                        url: self.backend.location.to_string(),
                        key: self.key.clone(),
                    }),
                }
            }
        }
    }
}

impl Drop for PartWriter {
    fn drop(&mut self) {
        let Some(mut upload) = self.upload.take() else { return };
        // Parts that stay behind are invisible; aborting only frees their space. A part that is under
        // way could arrive after that and stay for ever, so it is waited for.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let key = self.key.clone();
            runtime.spawn(async move {
                let ended = upload.wait_for_capacity(0).await;
                if let Err(error) = upload.abort().await.and(ended) {
                    tracing::debug!(key, %error, "unfinished upload stays");
                }
            });
        }
    }
}
