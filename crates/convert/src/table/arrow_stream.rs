//! Arrow IPC streams. The frame of each message is read here, and its lengths are checked against
//! the file before anything is allocated; Arrow decodes what is in it.

use std::fs::File;
use std::io::BufReader;
use std::io::Read;

use arrow::buffer::Buffer;
use arrow::buffer::MutableBuffer;
use arrow::record_batch::RecordBatch;
use arrow_ipc::reader::StreamDecoder;

use super::Open;
use super::Reader;
use super::Table;
use super::fit::Fit;
use crate::error::Error;
use crate::error::Problem;
use crate::error::Result;
use crate::source::Event;

/// Rows of nulls alone, which take no bytes, that a batch may have: eight times as many.
const NULL_ROWS: u64 = 1 << 17;

/// Opens a stream.
///
/// # Errors
/// [`Error::Read`], [`Error::Whole`].
pub(super) fn open(open: &Open<'_>) -> Result<Table> {
    let mut messages = Messages::open(open)?;
    let failed = |e: String| open.problem(e);
    let first = messages.next().map_err(failed)?;
    let schema = messages.decoder.schema().ok_or_else(|| open.problem("it has no schema"))?;
    let mut fit = Fit::new(open, schema.fields(), first.as_ref())?;
    if fit.needs_names() {
        let mut all = Messages::open(open)?;
        while let Some(batch) = all.next().map_err(failed)? {
            fit.gather(&batch)?;
        }
        fit.name_classes();
    }
    let rows = count(open)?;
    let schema = fit.schema.clone();
    let reader = Batches { file: open.file.clone(), first, messages, fit };
    Ok(Table { format: "Arrow stream", schema, rows, reader: Box::new(reader) })
}

/// Rows of all batches, by their headers alone.
fn count(open: &Open<'_>) -> Result<u64> {
    let mut messages = Messages::open(open)?;
    let mut rows = 0u64;
    // What is damaged is told when it is read.
    while let Ok(Some(Front { header, body, .. })) = messages.header() {
        if let Ok(message) = arrow_ipc::root_as_message(&header)
            && let Some(batch) = message.header_as_record_batch()
        {
            rows = rows.saturating_add(u64::try_from(batch.length()).unwrap_or(0));
        }
        let passed = i64::try_from(body).is_ok_and(|b| messages.file.seek_relative(b).is_ok());
        if !passed {
            break;
        }
        messages.left = messages.left.saturating_sub(body);
    }
    Ok(rows)
}

/// What stands before the body of a message.
struct Front {
    prefix: Vec<u8>,
    header: Vec<u8>,
    /// Bytes of the body.
    body: u64,
}

/// Messages one by one.
struct Messages {
    file: BufReader<File>,
    /// Bytes of the file behind what was read.
    left: u64,
    limit: u64,
    decoder: StreamDecoder,
}

impl Messages {
    fn open(open: &Open<'_>) -> Result<Messages> {
        Ok(Messages {
            left: open.length()?,
            file: BufReader::new(open.open()?),
            limit: open.options.limits.max_page_bytes,
            decoder: StreamDecoder::new(),
        })
    }

    /// The next message's front.
    fn header(&mut self) -> Result<Option<Front>, String> {
        let cut = |e: std::io::Error| format!("it is cut off: {e}");
        if self.left < 4 {
            return Ok(None);
        }
        let mut word = [0; 4];
        self.file.read_exact(&mut word).map_err(cut)?;
        self.left -= 4;
        let mut prefix = word.to_vec();
        if word == [0xff; 4] {
            self.file.read_exact(&mut word).map_err(cut)?;
            self.left = self.left.saturating_sub(4);
            prefix.extend(word);
        }
        let length = u64::from(u32::from_le_bytes(word));
        if length == 0 {
            return Ok(None);
        }
        if length > self.left.min(self.limit) {
            return Err(format!("it is no Arrow stream, or cut off: a header of {length} bytes"));
        }
        let mut header = vec![0; usize::try_from(length).map_err(|e| e.to_string())?];
        self.file.read_exact(&mut header).map_err(cut)?;
        self.left -= length;
        let message = arrow_ipc::root_as_message(&header);
        let message = message.map_err(|e| format!("it is no Arrow stream, or damaged: {e}"))?;
        let body = u64::try_from(message.bodyLength()).map_err(|_| "a body of negative length")?;
        if body > self.left.min(self.limit) {
            let most = self.left.min(self.limit);
            return Err(format!(
                "a body of {body} bytes, where at most {most} can be: it is cut off, or \
                 `max_page_bytes` is too small"
            ));
        }
        Ok(Some(Front { prefix, header, body }))
    }

    /// The next batch.
    fn next(&mut self) -> Result<Option<RecordBatch>, String> {
        loop {
            let Some(Front { prefix, header, body }) = self.header()? else { return Ok(None) };
            let body = usize::try_from(body).map_err(|e| e.to_string())?;
            let mut bytes = MutableBuffer::from_len_zeroed(body);
            self.file
                .read_exact(bytes.as_slice_mut())
                .map_err(|e| format!("it is cut off: {e}"))?;
            self.left = self.left.saturating_sub(u64::try_from(body).unwrap_or(u64::MAX));
            check_lengths(&header, bytes.as_slice(), self.limit)?;
            let mut batch = None;
            // In parts of their own, so that the body stays aligned and is not copied.
            for mut part in [Buffer::from_vec(prefix), Buffer::from_vec(header), bytes.into()] {
                while !part.is_empty() {
                    let decoded = self.decoder.decode(&mut part);
                    batch = batch.or(decoded.map_err(|e| format!("it is damaged: {e}"))?);
                }
            }
            if batch.is_some() {
                return Ok(batch);
            }
        }
    }
}

/// Refuses what a message only claims: rows that its bytes cannot hold, and compressed buffers that
/// say to be longer than `limit` together. The decoder would allocate for either.
fn check_lengths(header: &[u8], body: &[u8], limit: u64) -> Result<(), String> {
    let message = arrow_ipc::root_as_message(header).map_err(|e| e.to_string())?;
    let dictionary = message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
    let Some(batch) = message.header_as_record_batch().or(dictionary) else { return Ok(()) };
    let mut bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
    if batch.compression().is_some() {
        bytes = 0;
        for buffer in batch.buffers().iter().flatten().filter(|buffer| buffer.length() > 0) {
            let begin = usize::try_from(buffer.offset()).map_err(|e| e.to_string())?;
            let front = body.get(begin..).and_then(|rest| rest.first_chunk::<8>());
            let claimed = i64::from_le_bytes(*front.ok_or("a buffer lies outside of its body")?);
            // -1 marks a buffer that is not compressed.
            let claimed = if claimed == -1 { buffer.length() } else { claimed };
            let claimed = u64::try_from(claimed).map_err(|_| "a buffer of negative length")?;
            bytes = bytes.saturating_add(claimed);
        }
        if bytes > limit {
            return Err(format!(
                "a batch of {bytes} bytes when unpacked, more than {limit}: raise `max_page_bytes`"
            ));
        }
    }
    // A value takes a bit at least, but for columns that are all null.
    let rows = u64::try_from(batch.length()).map_err(|_| "a batch of negative length")?;
    let most = bytes.max(NULL_ROWS).saturating_mul(8);
    if rows > most {
        return Err(format!("a batch says to have {rows} rows, and its bytes hold {most} at most"));
    }
    Ok(())
}

struct Batches {
    file: String,
    first: Option<RecordBatch>,
    messages: Messages,
    fit: Fit,
}

impl Reader for Batches {
    fn next(&mut self, events: &mut Vec<Event>) -> Result<bool> {
        let batch = match self.first.take() {
            Some(first) => Some(first),
            None => self
                .messages
                .next()
                .map_err(|e| Error::Whole(Problem::new(self.file.as_str(), e)))?,
        };
        let Some(batch) = batch else { return Ok(false) };
        self.fit.apply(&batch, events)?;
        Ok(true)
    }
}
