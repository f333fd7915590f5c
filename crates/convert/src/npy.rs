//! The header of a NumPy array file: what is written and what is read.
//!
//! The format is described in NumPy's `numpy.lib.format`: magic, version, the length of a header,
//! and the header, a Python dict of `descr`, `fortran_order` and `shape`, padded to 64 bytes. Only
//! the dtypes of [`lakebed_core::DType`] exist here; objects are pickles, which are never loaded.

use std::io::Read;

use arrow_schema::TimeUnit;
use lakebed_core::DType;

/// The first bytes of every `.npy` file.
pub(crate) const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Bytes of a header at most; NumPy's own limit for files that are not trusted is 10,000.
const MAX_HEADER: usize = 1 << 16;
/// Bytes that a header takes which is written before the number of rows is known: 8 dimensions of
/// 20 digits fit.
pub(crate) const WRITTEN: usize = 256;

/// What an array file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// Element type.
    pub dtype: DType,
    /// Sizes, the number of rows first.
    pub shape: Vec<u64>,
    /// True if elements follow in Fortran's order, the first index running fastest; else in
    /// row-major order.
    pub fortran: bool,
    /// True if the bytes of an element are in the other order, the high one first.
    pub swapped: bool,
}

impl Header {
    /// What is written: elements with the low byte first.
    pub fn new(dtype: DType, shape: Vec<u64>) -> Header {
        Header { dtype, shape, fortran: false, swapped: false }
    }

    /// Turns elements that were read so that the low byte is first.
    pub fn turn(&self, elements: &mut [u8]) {
        let width = self.dtype.width().unwrap_or(1);
        if self.swapped && width > 1 {
            elements.chunks_exact_mut(width).for_each(<[u8]>::reverse);
        }
    }

    /// The header as exactly [`WRITTEN`] bytes; `None` if the element type has no form in NumPy.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let descr = descr(&self.dtype)?;
        let sizes: Vec<String> = self.shape.iter().map(u64::to_string).collect();
        // A tuple of one needs its comma.
        let comma = if sizes.len() == 1 { "," } else { "" };
        let sizes = sizes.join(", ");
        let mut dict =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}{comma}), }}");
        let room = WRITTEN - MAGIC.len() - 4;
        let spaces = (room - 1).checked_sub(dict.len())?;
        dict.extend(std::iter::repeat_n(' ', spaces));
        dict.push('\n');
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend(u16::try_from(room).ok()?.to_le_bytes());
        bytes.extend(dict.into_bytes());
        Some(bytes)
    }

    /// Reads a header, and nothing behind it.
    ///
    /// # Errors
    /// The reason, and what to do.
    pub fn read(from: &mut dyn Read) -> Result<Header, String> {
        let cut = |e: std::io::Error| format!("it ends inside its .npy header: {e}");
        let mut start = [0u8; 8];
        from.read_exact(&mut start).map_err(cut)?;
        if start[..6] != MAGIC[..] {
            return Err("it is no NumPy array: its first bytes are others".into());
        }
        let length = match start[6] {
            1 => {
                let mut length = [0u8; 2];
                from.read_exact(&mut length).map_err(cut)?;
                usize::from(u16::from_le_bytes(length))
            }
            2 | 3 => {
                let mut length = [0u8; 4];
                from.read_exact(&mut length).map_err(cut)?;
                usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX)
            }
            other => return Err(format!("version {other} of the NumPy format is not known")),
        };
        if length > MAX_HEADER {
            return Err(format!("its header is {length} bytes long, more than {MAX_HEADER}"));
        }
        let mut header = vec![0; length];
        from.read_exact(&mut header).map_err(cut)?;
        let header = String::from_utf8(header).map_err(|e| format!("its header: {e}"))?;
        parse(&header)
    }

    /// Bytes of the elements that the header promises; `None` if no file is that long.
    pub fn data_bytes(&self) -> Option<u64> {
        let width = u64::try_from(self.dtype.width()?).ok()?;
        self.shape.iter().try_fold(width, |product, size| product.checked_mul(*size))
    }
}

/// Parses the dict. Its keys come in any order, its strings in either quotes.
fn parse(text: &str) -> Result<Header, String> {
    let value = |key: &str| -> Result<&str, String> {
        let found = [format!("'{key}'"), format!("\"{key}\"")]
            .iter()
            .find_map(|quoted| text.split_once(quoted.as_str()))
            .and_then(|(_, rest)| rest.trim_start().strip_prefix(':'));
        found.map(str::trim_start).ok_or_else(|| format!("its header has no '{key}'"))
    };
    let order = value("fortran_order")?;
    let descr = value("descr")?;
    let quote = descr.chars().next().unwrap_or(' ');
    let descr = match quote {
        '\'' | '"' => descr[1..].split(quote).next().unwrap_or_default(),
        _ => return Err("it has named fields: save each as an array of its own".into()),
    };
    let shape = value("shape")?.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    let (sizes, _) = shape.ok_or("the shape in its header is damaged")?;
    let sizes = sizes.split(',').map(|size| size.trim().trim_end_matches('L'));
    let shape = sizes
        .filter(|size| !size.is_empty())
        .map(|size| size.parse().map_err(|_| format!("the size '{size}' in its header is none")))
        .collect::<Result<Vec<u64>, String>>()?;
    // In one dimension both orders are the same, and without elements there is none.
    let fortran = order.starts_with("True")
        && shape.iter().filter(|size| **size != 1).count() > 1
        && !shape.contains(&0);
    if descr.ends_with('O') {
        return Err("it holds Python objects, which are never loaded".into());
    }
    let (dtype, swapped) = dtype(descr).ok_or_else(|| {
        format!(
            "its dtype '{descr}' is not read: convert it to a number, bool, datetime64 or \
             timedelta64"
        )
    })?;
    Ok(Header { dtype, shape, fortran, swapped })
}

/// Elements of `width` bytes in Fortran's order, put in row-major order.
pub(crate) fn row_major(elements: &[u8], shape: &[usize], width: usize) -> Vec<u8> {
    let mut turned = Vec::with_capacity(elements.len());
    // How far apart in `elements` neighbours along each dimension are.
    let steps: Vec<usize> = shape
        .iter()
        .scan(1usize, |step, size| {
            let this = *step;
            *step = step.saturating_mul(*size);
            Some(this)
        })
        .collect();
    let mut index = vec![0usize; shape.len()];
    let mut from = 0usize;
    for _ in 0..elements.len() / width.max(1) {
        turned.extend_from_slice(elements.get(from * width..(from + 1) * width).unwrap_or(&[]));
        // The last index runs fastest.
        for ((at, size), step) in index.iter_mut().zip(shape).zip(&steps).rev() {
            *at += 1;
            from += step;
            if *at < *size {
                break;
            }
            from -= step * *at;
            *at = 0;
        }
    }
    turned
}

fn descr(dtype: &DType) -> Option<String> {
    Some(match dtype {
        DType::Bool => "|b1".into(),
        DType::I8 => "|i1".into(),
        DType::U8 => "|u1".into(),
        DType::I16 => "<i2".into(),
        DType::I32 => "<i4".into(),
        DType::I64 => "<i8".into(),
        DType::U16 => "<u2".into(),
        DType::U32 => "<u4".into(),
        DType::U64 => "<u8".into(),
        DType::F16 => "<f2".into(),
        DType::F32 => "<f4".into(),
        DType::F64 => "<f8".into(),
        DType::Timestamp(unit, None) => format!("<M8[{}]", unit_name(*unit)),
        DType::Duration(unit) => format!("<m8[{}]", unit_name(*unit)),
        _ => return None,
    })
}

/// The type of a `descr`, and whether its bytes are in the other order.
fn dtype(descr: &str) -> Option<(DType, bool)> {
    let (order, name) = descr.split_at_checked(1)?;
    let dtype = match name {
        "b1" | "?" => DType::Bool,
        "i1" => DType::I8,
        "u1" => DType::U8,
        "i2" => DType::I16,
        "i4" => DType::I32,
        "i8" => DType::I64,
        "u2" => DType::U16,
        "u4" => DType::U32,
        "u8" => DType::U64,
        "f2" => DType::F16,
        "f4" => DType::F32,
        "f8" => DType::F64,
        _ => {
            let unit = |rest: &str| unit_from_name(rest.strip_suffix(']')?);
            if let Some(rest) = name.strip_prefix("M8[") {
                DType::Timestamp(unit(rest)?, None)
            } else {
                DType::Duration(unit(name.strip_prefix("m8[")?)?)
            }
        }
    };
    // Of one byte there is no order.
    let swapped = order == ">" && dtype.width() != Some(1);
    Some((dtype, swapped))
}

fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

fn unit_from_name(name: &str) -> Option<TimeUnit> {
    let all =
        [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];
    all.into_iter().find(|unit| unit_name(*unit) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_read_back() {
        let dtypes = [
            DType::Bool,
            DType::I8,
            DType::U16,
            DType::F16,
            DType::F64,
            DType::Timestamp(TimeUnit::Nanosecond, None),
            DType::Duration(TimeUnit::Second),
        ];
        for dtype in dtypes {
            for shape in [vec![3], vec![0, 2], vec![u64::MAX; 8]] {
                let header = Header::new(dtype.clone(), shape);
                let bytes = header.to_bytes().unwrap();
                assert_eq!(bytes.len(), WRITTEN);
                assert_eq!(Header::read(&mut bytes.as_slice()).unwrap(), header);
                for end in 0..bytes.len() {
                    assert!(Header::read(&mut &bytes[..end]).is_err(), "{end}");
                }
            }
        }
    }

    #[test]
    fn fortran_order_is_turned() {
        // The element at (i, j, k) of (2, 3, 2) is 100 i + 10 j + k.
        let at = |i: u8, j: u8, k: u8| [100 * i + 10 * j + k, 7];
        let mut fortran = Vec::new();
        let mut expected = Vec::new();
        for (a, b) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)] {
            for c in 0..2 {
                fortran.extend(at(c, b, a));
            }
        }
        for (i, j) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)] {
            for k in 0..2 {
                expected.extend(at(i, j, k));
            }
        }
        assert_eq!(row_major(&fortran, &[2, 3, 2], 2), expected);
        assert!(row_major(&[], &[0, 3], 2).is_empty());
    }

    #[test]
    fn what_is_not_read_is_told() {
        let cases = [
            ("{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }", "'<c8'"),
            ("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", "never loaded"),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,)}", "named fields"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}", "'-3'"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': 3}", "shape"),
            ("{'descr': '<f4', 'shape': (3,)}", "no 'fortran_order'"),
            ("", "no '"),
        ];
        for (header, text) in cases {
            let error = parse(header).unwrap_err();
            assert!(error.contains(text), "{error}");
        }
        let one = parse("{\"shape\": (3,), \"fortran_order\": True, \"descr\": \"=f4\"}").unwrap();
        assert_eq!(one, Header::new(DType::F32, vec![3]));
        let turned = "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }";
        assert!(parse(turned).unwrap().fortran);
        assert!(!parse(&turned.replace("3, 4", "1, 4")).unwrap().fortran);
        let high = parse("{'descr': '>i2', 'fortran_order': False, 'shape': (), }").unwrap();
        assert_eq!((&high.dtype, high.shape.len(), high.swapped), (&DType::I16, 0, true));
        let mut elements = [1, 2, 3, 4];
        high.turn(&mut elements);
        assert_eq!(elements, [2, 1, 4, 3]);
        assert!(!parse("{'descr': '>u1', 'fortran_order': False, 'shape': ()}").unwrap().swapped);
    }
}
