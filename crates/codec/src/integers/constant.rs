//! One value for all positions.

use super::integer::Integer;
use super::reader::Reader;
use super::sink::Sink;
use crate::error::Result;

/// Bytes after the encoding id.
pub(super) const LEN: usize = 8;

pub(super) fn write(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn read<T: Integer>(
    reader: &mut Reader<'_>,
    count: usize,
    sink: &mut Sink<'_, T>,
) -> Result<()> {
    let value = reader.u64()?;
    if count > 0 {
        sink.repeat(value, count);
    }
    Ok(())
}
