//! Encoded images that were read together.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BinaryViewArray;
use arrow::array::Int32Array;
use arrow::array::StructArray;
use arrow::array::builder::make_view;
use arrow::buffer::NullBuffer;
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::Int32Type;
use lakebed_core::Shape;

use crate::pool::Pool;

/// What was read may be so many times what is wanted of it; of more, what is wanted is copied.
const HELD: usize = 2;
/// A group may hold this without being copied.
const SMALL: usize = 64 << 10;

/// Files in two pieces, and the shapes that they decode to.
pub(crate) struct Images {
    /// What files begin with, shared by many.
    heads: BinaryViewArray,
    rests: BinaryViewArray,
    /// Three for each row.
    sizes: Int32Array,
    nulls: Option<NullBuffer>,
    /// The shape of all of them, with none null.
    common: Option<Shape>,
}

impl Images {
    /// From an array of pieces; `None` if it is of another type.
    pub fn new(array: &ArrayRef) -> Option<Images> {
        let Pieces { parts, heads, rests } = Pieces::of(array)?;
        let shapes = parts.column(2).as_fixed_size_list_opt()?;
        let sizes = shapes.values().as_primitive_opt::<Int32Type>()?.clone();
        let nulls = parts.nulls().filter(|nulls| nulls.null_count() > 0).cloned();
        let (heads, rests) = (heads.clone(), rests.clone());
        let mut images = Images { heads, rests, sizes, nulls, common: None };
        images.common = images.shape_of(0..parts.len());
        Some(images)
    }

    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// A row's file: what it begins with, and the rest.
    pub fn file(&self, row: usize) -> [&[u8]; 2] {
        [self.heads.value(row), self.rests.value(row)]
    }

    /// Bytes of a row once it is decoded.
    pub fn decoded_bytes(&self, row: usize) -> usize {
        let size = |size: &i32| usize::try_from(*size).unwrap_or(0);
        self.sizes_of(row).map_or(0, |s| s.iter().map(size).fold(1usize, usize::saturating_mul))
    }

    /// The shape that all rows have, with none null.
    pub fn common(&self) -> Option<Shape> {
        self.common
    }

    /// The one shape that rows have; `None` if one is null, or if the shapes differ.
    pub fn shape_of(&self, rows: impl Iterator<Item = usize>) -> Option<Shape> {
        let mut common: Option<&[i32]> = None;
        for row in rows {
            let of_row = self.sizes_of(row)?;
            if self.is_null(row) || *common.get_or_insert(of_row) != of_row {
                return None;
            }
        }
        let sizes: Option<Vec<usize>> =
            common?.iter().map(|size| usize::try_from(*size).ok()).collect();
        Shape::new(&sizes?)
    }

    fn sizes_of(&self, row: usize) -> Option<&[i32]> {
        self.sizes.values().get(row * 3..row * 3 + 3)
    }
}

/// The columns of an array of pieces.
struct Pieces<'a> {
    parts: &'a StructArray,
    heads: &'a BinaryViewArray,
    rests: &'a BinaryViewArray,
}

impl Pieces<'_> {
    fn of(array: &ArrayRef) -> Option<Pieces<'_>> {
        let parts = array.as_struct_opt().filter(|parts| parts.num_columns() == 3)?;
        let heads = parts.column(0).as_binary_view_opt()?;
        let rests = parts.column(1).as_binary_view_opt()?;
        Some(Pieces { parts, heads, rests })
    }
}

/// An array of pieces whose bytes are in memory of the pool, if they lie scattered over much more
/// now: files far from each other are read with what lies between them, which would stay as long as
/// they do.
///
/// What a remote store sends is copied always: each file is a slice of a request that it shares with
/// others, and does not tell how long that is.
pub(crate) fn compact(array: &ArrayRef, remote: bool, pool: &Arc<Pool>) -> Option<ArrayRef> {
    let Pieces { parts, rests, .. } = Pieces::of(array)?;
    let (fields, mut columns, nulls) = parts.clone().into_parts();
    *columns.get_mut(1)? = Arc::new(compact_files(rests, remote, pool)?);
    Some(Arc::new(StructArray::try_new(fields, columns, nulls).ok()?))
}

fn compact_files(
    files: &BinaryViewArray,
    remote: bool,
    pool: &Arc<Pool>,
) -> Option<BinaryViewArray> {
    let wanted = files.lengths().fold(0usize, |sum, length| {
        sum.saturating_add(usize::try_from(length).unwrap_or(usize::MAX))
    });
    let held: usize = files.data_buffers().iter().map(|buffer| buffer.capacity()).sum();
    let dense = held <= wanted.saturating_mul(HELD).saturating_add(SMALL);
    if dense && !remote || u32::try_from(wanted).is_err() {
        return None;
    }
    let mut memory = pool.take(wanted);
    let mut views = Vec::with_capacity(files.len());
    let mut at = 0;
    for row in 0..files.len() {
        let file = files.value(row);
        memory.get_mut(at..at + file.len())?.copy_from_slice(file);
        views.push(make_view(file, 0, u32::try_from(at).ok()?));
        at += file.len();
    }
    let memory = pool.buffer(memory, wanted);
    BinaryViewArray::try_new(ScalarBuffer::from(views), vec![memory], None).ok()
}

#[cfg(test)]
mod tests {
    use arrow::buffer::Buffer;

    use super::*;

    #[test]
    fn scattered_files_leave_behind_what_lies_between_them() {
        let pool = Arc::new(Pool::new(1 << 20));
        let read: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
        let places = [(5, 300), (70_000, 20), (600_000, 12), (1_000_000, 0), (1_048_570, 6)];
        let views = places
            .map(|(at, length)| make_view(&read[at..at + length], 0, u32::try_from(at).unwrap()));
        let buffers = vec![Buffer::from_vec(read.clone())];
        let files = BinaryViewArray::new(ScalarBuffer::from(views.to_vec()), buffers, None);
        let compact = compact_files(&files, false, &pool).unwrap();
        assert_eq!(compact, files);
        assert_eq!(compact.data_buffers()[0].len(), 338);
        // Wanted as a whole they stay where they are.
        let dense = files.slice(0, 1);
        let whole = make_view(&read, 0, 0);
        let whole = vec![whole, dense.views()[0]];
        let files = BinaryViewArray::new(whole.into(), files.data_buffers().to_vec(), None);
        assert!(compact_files(&files, false, &pool).is_none());
        // Nobody knows what a slice of a request keeps alive.
        let copied = compact_files(&files, true, &pool).unwrap();
        assert_eq!(copied, files);
        assert_eq!(copied.data_buffers().len(), 1);
    }
}
