//! Chunks: section 9 of `SPEC.md`.

use super::bytes::Res;
use super::bytes::Table;
use super::bytes::checksum;
use super::bytes::integers;
use super::bytes::part;
use super::bytes::seen;
use super::bytes::size;
use super::bytes::u64_at;
use super::dataset::Column;

/// A sample.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Null.
    Null,
    /// A scalar or tensor: its shape, and its elements as little-endian bytes.
    Elements(Vec<usize>, Vec<u8>),
    /// A text, a document or bytes.
    Bytes(Vec<u8>),
    /// An image file, and the shape that it decodes to.
    Media(Vec<usize>, Vec<u8>),
    /// A sequence.
    List(Vec<Value>),
}

const BLOCK: usize = 16_384;

/// The items of a page, its light encoding and its bytes after decompression.
type PageOfItems = (std::ops::Range<usize>, u64, Vec<u8>);

struct Directory<'a> {
    table: Table<'a>,
    items: usize,
    pages: usize,
    dims: Vec<Vec<u64>>,
}

impl Directory<'_> {
    fn shape(&self, item: usize) -> Vec<usize> {
        self.dims.iter().map(|sizes| size(sizes[item])).collect()
    }

    fn elements(&self, item: usize) -> usize {
        self.shape(item).iter().product()
    }

    /// Each page after decompression with its light encoding.
    fn pages(&self, payload: &[u8]) -> Res<Vec<(u64, Vec<u8>)>> {
        if self.pages == 0 {
            return Ok(Vec::new());
        }
        let ends = self.table.integers(4, self.pages)?;
        let raw = self.table.integers(5, self.pages)?;
        let codecs = self.table.integers(7, self.pages)?;
        let checksums = self.table.words(8)?;
        let mut begin = 0;
        let mut pages = Vec::new();
        for i in 0..self.pages {
            let end = size(ends[i]);
            let page = payload.get(begin..end).ok_or("a page outside its payload")?;
            if checksum(page) != checksums[i] {
                return Err(format!("the checksum of page {i} differs"));
            }
            let length = size(raw[i]);
            seen(format!("codec {}", codecs[i] % 16));
            let bytes = match codecs[i] % 16 {
                0 => page.to_vec(),
                1 => {
                    let mut out = vec![0; length];
                    let written = lz4_flex::block::decompress_into(page, &mut out);
                    if written.map_err(|e| e.to_string())? != length {
                        return Err("an LZ4 page of another length".into());
                    }
                    out
                }
                2 => zstd::bulk::decompress(page, length).map_err(|e| e.to_string())?,
                other => return Err(format!("codec {other}")),
            };
            if bytes.len() != length {
                return Err(format!("page {i} has {} bytes of {length}", bytes.len()));
            }
            pages.push((codecs[i] / 16, bytes));
            begin = end;
        }
        if begin != payload.len() {
            return Err("the pages do not end with the payload".into());
        }
        Ok(pages)
    }

    /// The pages with the items in them.
    fn pages_with_items(&self, payload: &[u8]) -> Res<Vec<PageOfItems>> {
        let ends = if self.pages == 0 { Vec::new() } else { self.table.integers(6, self.pages)? };
        let mut begin = 0;
        let mut list = Vec::new();
        for ((light, bytes), end) in self.pages(payload)?.into_iter().zip(ends) {
            list.push((begin..size(end), light, bytes));
            begin = size(end);
        }
        if begin != self.items {
            return Err("the pages do not hold all items".into());
        }
        Ok(list)
    }
}

/// All samples of a chunk.
pub fn samples(column: &Column, payload: &[u8], directory: &[u8]) -> Res<Vec<Value>> {
    let table = Table::parse(directory)?;
    let header = table.words(1)?;
    let [layout, flags, rows, items, length, pages, ndim] = header[..] else {
        return Err("the header of a directory".into());
    };
    let (rows, items, ndim) = (size(rows), size(items), size(ndim));
    if ndim != column.dims.len() || size(length) != payload.len() {
        return Err("the directory does not fit".into());
    }
    if flags > 15 {
        return Err(format!("the flags {flags}"));
    }
    let dims = (0..ndim).map(|k| table.integers(16 + u32::try_from(k).unwrap(), items));
    let dims = dims.collect::<Res<Vec<_>>>()?;
    let directory = Directory { table, items, pages: size(pages), dims };
    seen(format!("layout {layout}"));
    let values = match layout {
        0 => raw(column, &directory, payload)?,
        1 => scalars(column, &directory, payload)?,
        2 => elements(column, &directory, payload)?,
        3 => variable(&directory, payload)?,
        4 => media(&directory, payload, flags & 8 != 0)?,
        5 => tiles(column, &directory, payload)?,
        other => return Err(format!("layout {other}")),
    };
    let valid = if flags & 1 != 0 { Some(directory.table.need(2)?) } else { None };
    let is_null = |row: usize| valid.is_some_and(|bits| bits[row / 8] >> (row % 8) & 1 == 0);
    if flags & 2 == 0 {
        let value = |(row, value)| if is_null(row) { Value::Null } else { value };
        return Ok(values.into_iter().enumerate().map(value).collect());
    }
    let mut values = values.into_iter();
    let mut list = Vec::new();
    for (row, count) in directory.table.integers(3, rows)?.into_iter().enumerate() {
        let items: Vec<Value> = values.by_ref().take(size(count)).collect();
        list.push(if is_null(row) { Value::Null } else { Value::List(items) });
    }
    Ok(list)
}

fn raw(column: &Column, directory: &Directory<'_>, payload: &[u8]) -> Res<Vec<Value>> {
    let checksums = directory.table.words(9)?;
    if checksums.len() != payload.len().div_ceil(BLOCK) {
        return Err("the number of blocks differs".into());
    }
    for (block, expected) in payload.chunks(BLOCK).zip(checksums) {
        if checksum(block) != expected {
            return Err("the checksum of a block differs".into());
        }
    }
    cut(column, directory, 0..directory.items, payload)
}

/// Elements of some items that lie end to end.
fn cut(
    column: &Column,
    directory: &Directory<'_>,
    items: std::ops::Range<usize>,
    bytes: &[u8],
) -> Res<Vec<Value>> {
    let mut at = 0;
    let mut values = Vec::new();
    for item in items {
        let length = directory.elements(item) * column.width;
        let shape = directory.shape(item);
        values.push(Value::Elements(shape, part(bytes, at, length)?.to_vec()));
        at += length;
    }
    if at != bytes.len() {
        return Err("bytes are left after the last item".into());
    }
    Ok(values)
}

fn scalars(column: &Column, directory: &Directory<'_>, payload: &[u8]) -> Res<Vec<Value>> {
    let mut values = Vec::new();
    for (items, light, bytes) in directory.pages_with_items(payload)? {
        if light == 0 {
            values.extend(cut(column, directory, items, &bytes)?);
            continue;
        }
        let flip = if column.signed { 1 << 63 } else { 0 };
        for pattern in integers(&bytes, items.len())? {
            let word = (pattern ^ flip).to_le_bytes();
            let (kept, dropped) = word.split_at(column.width);
            let sign =
                if column.signed && kept.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
            if dropped.iter().any(|byte| *byte != sign) {
                return Err("a value does not fit its type".into());
            }
            values.push(Value::Elements(Vec::new(), kept.to_vec()));
        }
    }
    Ok(values)
}

fn elements(column: &Column, directory: &Directory<'_>, payload: &[u8]) -> Res<Vec<Value>> {
    let mut values = Vec::new();
    for (items, _, bytes) in directory.pages_with_items(payload)? {
        values.extend(cut(column, directory, items, &bytes)?);
    }
    Ok(values)
}

fn variable(directory: &Directory<'_>, payload: &[u8]) -> Res<Vec<Value>> {
    let mut values = Vec::new();
    for (items, _, bytes) in directory.pages_with_items(payload)? {
        let head = size(u64_at(&bytes, 0)?);
        let mut at = 8 + head;
        for length in integers(part(&bytes, 8, head)?, items.len())? {
            values.push(Value::Bytes(part(&bytes, at, size(length))?.to_vec()));
            at += size(length);
        }
    }
    Ok(values)
}

fn media(directory: &Directory<'_>, payload: &[u8], prefixed: bool) -> Res<Vec<Value>> {
    if !prefixed {
        let value = |(item, (_, bytes))| Value::Media(directory.shape(item), bytes);
        return Ok(directory.pages(payload)?.into_iter().enumerate().map(value).collect());
    }
    seen("prefixes".into());
    let (table, items) = (&directory.table, directory.items);
    let (all, prefix_ends) = (table.need(11)?, table.words(12)?);
    if prefix_ends.len() > 64 || all.len() > 32_768 {
        return Err("more prefixes than there may be".into());
    }
    let numbers = table.integers(13, items)?;
    let (ends, lengths) = (table.integers(4, items)?, table.integers(5, items)?);
    let checksums = table.words(8)?;
    if table.integers(7, items)?.iter().any(|codec| *codec != 0) {
        return Err("a compressed image".into());
    }
    let mut begin = 0;
    let mut values = Vec::new();
    for item in 0..items {
        let page = part(payload, begin, size(ends[item]) - begin)?;
        if checksum(page) != checksums[item] {
            return Err(format!("the checksum of image {item} differs"));
        }
        let number = size(numbers[item]);
        let to = size(*prefix_ends.get(number).ok_or("a prefix that is not there")?);
        let from = if number == 0 { 0 } else { size(prefix_ends[number - 1]) };
        let prefix = part(all, from, to - from)?;
        let head = part(prefix, 0, size(lengths[item]) - page.len())?;
        values.push(Value::Media(directory.shape(item), [head, page].concat()));
        begin = size(ends[item]);
    }
    if begin != payload.len() {
        return Err("the images do not end with the payload".into());
    }
    Ok(values)
}

fn tiles(column: &Column, directory: &Directory<'_>, payload: &[u8]) -> Res<Vec<Value>> {
    let shape = directory.shape(0);
    let tile: Vec<usize> = directory.table.words(10)?.into_iter().map(size).collect();
    let counts: Vec<usize> = shape.iter().zip(&tile).map(|(s, t)| s.div_ceil(*t)).collect();
    if counts.iter().product::<usize>() != directory.pages {
        return Err("the tiles do not cover the sample".into());
    }
    let width = column.width;
    let mut out = vec![0; directory.elements(0) * width];
    for (number, (_, bytes)) in directory.pages(payload)?.into_iter().enumerate() {
        let place = unravel(number, &counts);
        let origin: Vec<usize> = place.iter().zip(&tile).map(|(g, t)| g * t).collect();
        let own: Vec<usize> = (0..shape.len()).map(|k| tile[k].min(shape[k] - origin[k])).collect();
        // Row by row of the last dimension.
        let row = own[shape.len() - 1];
        for (nth, line) in bytes.chunks(row * width).enumerate() {
            let inner = unravel(nth, &own[..shape.len() - 1]);
            let mut to = 0;
            for k in 0..shape.len() {
                to = to * shape[k] + origin[k] + inner.get(k).copied().unwrap_or(0);
            }
            out[to * width..to * width + line.len()].copy_from_slice(line);
        }
    }
    Ok(vec![Value::Elements(shape, out)])
}

/// The place of a number in row-major order.
fn unravel(mut number: usize, counts: &[usize]) -> Vec<usize> {
    let mut place = vec![0; counts.len()];
    for k in (0..counts.len()).rev() {
        place[k] = number % counts[k];
        number /= counts[k];
    }
    place
}
