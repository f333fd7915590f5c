//! How the shapes of two operands meet, in their types and in one row.

use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorType;

type Dims = Vec<Option<u32>>;

/// True if a type holds one element in every row: a scalar, or a tensor whose dimensions are 1.
fn is_single(ty: &TensorType) -> bool {
    ty.dims.iter().all(|dim| *dim == Some(1))
}

/// The dimensions of a comparison: those of the operand that has some. Equal shapes are needed row
/// by row, so what one type knows holds for the result; types that can never be equal keep the
/// left one's dimensions, and every row is null. The second value says whether rows may differ.
pub fn compared(a: &TensorType, b: &TensorType) -> (Dims, bool) {
    match (a.dims.as_slice(), b.dims.as_slice()) {
        ([], []) => (Vec::new(), false),
        ([], dims) => (if is_single(b) { Vec::new() } else { dims.to_vec() }, false),
        (dims, []) => (if is_single(a) { Vec::new() } else { dims.to_vec() }, false),
        (x, y) if x.len() != y.len() => (x.to_vec(), true),
        (x, y) => {
            let dims = x.iter().zip(y).map(|(p, q)| p.or(*q)).collect();
            (dims, x != y || x.contains(&None))
        }
    }
}

/// The dimensions of NumPy's broadcast; the dimension and its two sizes where the types clash.
pub fn broadcast(a: &TensorType, b: &TensorType) -> Result<Dims, (usize, u32, u32)> {
    if (a.dims.is_empty() && is_single(b)) || (b.dims.is_empty() && is_single(a)) {
        return Ok(Vec::new());
    }
    let ndim = a.ndim().max(b.ndim());
    let size = |ty: &TensorType, axis: usize| match (axis + ty.ndim()).checked_sub(ndim) {
        Some(own) => ty.dims.get(own).copied().flatten().map_or(Size::Open, Size::Known),
        None => Size::Known(1),
    };
    (0..ndim)
        .map(|axis| match (size(a, axis), size(b, axis)) {
            (Size::Known(1), Size::Open) | (Size::Open, Size::Known(1) | Size::Open) => Ok(None),
            (Size::Known(1), Size::Known(n)) | (Size::Known(n), Size::Known(1)) => Ok(Some(n)),
            (Size::Known(n), Size::Open) | (Size::Open, Size::Known(n)) => Ok(Some(n)),
            (Size::Known(m), Size::Known(n)) if m == n => Ok(Some(n)),
            (Size::Known(m), Size::Known(n)) => Err((axis, m, n)),
        })
        .collect()
}

enum Size {
    Open,
    Known(u32),
}

/// In words: a dimension whose two sizes clash.
pub fn clash((axis, m, n): (usize, u32, u32)) -> String {
    format!("sizes {m} and {n} of dimension {axis} do not broadcast")
}

/// In words: the shapes of two rows that do not fit.
pub fn unfit(a: &Shape, b: &Shape) -> String {
    format!("shapes {a} and {b} do not broadcast")
}

/// In words: the shapes of two rows that a comparison needs to be equal.
pub fn differ(a: &Shape, b: &Shape) -> String {
    format!("shapes {a} and {b} differ, and a comparison does not broadcast arrays")
}

/// The shape of NumPy's broadcast of two rows; `None` if they do not fit.
pub fn broadcast_row(a: &Shape, b: &Shape) -> Option<Shape> {
    let ndim = a.ndim().max(b.ndim());
    let size = |shape: &Shape, axis: usize| {
        (axis + shape.ndim()).checked_sub(ndim).and_then(|own| shape.get(own).copied()).unwrap_or(1)
    };
    let mut out = Shape::SCALAR;
    for axis in 0..ndim {
        let dim = match (size(a, axis), size(b, axis)) {
            (m, n) if m == n => n,
            (1, n) => n,
            (m, 1) => m,
            _ => return None,
        };
        out.push(dim)?;
    }
    Some(out)
}

/// A type with the dimensions of another.
pub fn with_dims(dtype: DType, dims: Dims) -> TensorType {
    TensorType::tensor(dtype, dims)
}
