//! A NumPy array file inside a sample, and the arrays of one column together.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayData;
use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::ListArray;
use arrow::array::StructArray;
use arrow::array::make_array;
use arrow::buffer::BooleanBuffer;
use arrow::buffer::Buffer;
use arrow::buffer::NullBuffer;
use arrow::buffer::OffsetBuffer;
use arrow_schema::DataType;
use arrow_schema::Field;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::MAX_NDIM;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;

use crate::error::Error;
use crate::error::Result;
use crate::npy;

/// What an array in a sample is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NpyArray {
    header: npy::Header,
    pub shape: Vec<usize>,
    /// Where the elements begin.
    begin: usize,
}

impl NpyArray {
    /// Reads the header at the front of a whole file.
    ///
    /// # Errors
    /// What is wrong, or not read; elements that are fewer or more than the header says.
    pub fn new(bytes: &[u8]) -> std::result::Result<NpyArray, String> {
        let mut rest = bytes;
        let header = npy::Header::read(&mut rest)?;
        if header.shape.len() > MAX_NDIM {
            return Err(format!("it has {} dimensions, more than {MAX_NDIM}", header.shape.len()));
        }
        let found = u64::try_from(rest.len()).unwrap_or(u64::MAX);
        let expected = header.data_bytes();
        if expected != Some(found) {
            let expected = expected.map_or("more than fit in memory".into(), |e| e.to_string());
            return Err(format!(
                "shape {:?} of {} takes {expected} bytes, it has {found}",
                header.shape, header.dtype
            ));
        }
        let sizes = header.shape.iter().map(|size| usize::try_from(*size));
        let shape = sizes.collect::<std::result::Result<_, _>>().map_err(|e| e.to_string())?;
        Ok(NpyArray { header, shape, begin: bytes.len() - rest.len() })
    }

    /// Element type.
    pub fn dtype(&self) -> &DType {
        &self.header.dtype
    }
}

/// Builds a nullable column of arrays of one element type and number of dimensions.
pub(crate) struct NpyBuilder {
    bytes: Vec<u8>,
    width: usize,
    ndim: usize,
    offsets: Vec<i32>,
    sizes: Vec<i32>,
    valid: Vec<bool>,
}

impl NpyBuilder {
    pub fn new(width: usize, ndim: usize) -> NpyBuilder {
        NpyBuilder {
            bytes: Vec::new(),
            width: width.max(1),
            ndim,
            offsets: vec![0],
            sizes: Vec::new(),
            valid: Vec::new(),
        }
    }

    /// Adds an array, or a null.
    ///
    /// # Errors
    /// A batch of more than 2^31 - 1 elements.
    pub fn push(&mut self, array: Option<(&NpyArray, &[u8])>) -> Result<()> {
        let fit = |found: usize| {
            i32::try_from(found).map_err(|_| lakebed_core::Error::WrongType {
                expected: "at most 2^31 - 1 elements in one batch".into(),
                found: found.to_string(),
            })
        };
        self.valid.push(array.is_some());
        match array {
            Some((array, bytes)) => {
                let begin = self.bytes.len();
                let elements = bytes.get(array.begin..).unwrap_or_default();
                match array.header.fortran {
                    true => {
                        self.bytes.extend(npy::row_major(elements, &array.shape, self.width));
                    }
                    false => self.bytes.extend_from_slice(elements),
                }
                array.header.turn(self.bytes.get_mut(begin..).unwrap_or_default());
                for size in &array.shape {
                    self.sizes.push(fit(*size)?);
                }
            }
            None => {
                // A scalar has a place in the elements even where it is null.
                let empty = if self.ndim == 0 { self.width } else { 0 };
                self.bytes.resize(self.bytes.len() + empty, 0);
                self.sizes.resize(self.sizes.len() + self.ndim, 0);
            }
        }
        self.offsets.push(fit(self.bytes.len() / self.width)?);
        Ok(())
    }

    /// The Arrow array; the builder is empty again.
    ///
    /// # Errors
    /// A column of another type.
    pub fn finish(&mut self, column: &Column) -> Result<ArrayRef> {
        let done = std::mem::replace(self, NpyBuilder::new(self.width, self.ndim));
        let nulls = Some(NullBuffer::from(done.valid)).filter(|nulls| nulls.null_count() > 0);
        let elements = done.bytes.len() / done.width;
        let values: ArrayRef = if column.dtype == DType::Bool {
            let bits = BooleanBuffer::collect_bool(elements, |index| {
                done.bytes.get(index).is_some_and(|byte| *byte != 0)
            });
            Arc::new(BooleanArray::new(bits, None))
        } else {
            let data = ArrayData::builder(column.dtype.to_arrow())
                .len(elements)
                .add_buffer(Buffer::from_vec(done.bytes))
                .align_buffers(true)
                .build()?;
            make_array(data)
        };
        if done.ndim == 0 {
            let data = values.to_data().into_builder().nulls(nulls).build()?;
            return Ok(make_array(data));
        }
        let item = Arc::new(Field::new_list_field(values.data_type().clone(), false));
        let data = ListArray::try_new(item, OffsetBuffer::new(done.offsets.into()), values, None)?;
        let shape = shape_array(done.sizes, done.ndim, data.len())?;
        let ty = TensorType::from_column(column);
        let DataType::Struct(fields) = ty.data_type() else {
            return Err(Error::Core(lakebed_core::Error::WrongType {
                expected: "a ragged type".into(),
                found: ty.to_string(),
            }));
        };
        Ok(Arc::new(StructArray::try_new(fields, vec![Arc::new(data), shape], nulls)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(header: &str, body: usize) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.resize(bytes.len() + body, 7);
        bytes
    }

    #[test]
    fn files_say_type_and_shape() {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }\n";
        let found = NpyArray::new(&npy(text, 24)).unwrap();
        assert_eq!((found.dtype(), found.shape.as_slice()), (&DType::F32, &[3, 2][..]));
        let text = "{'descr': '>i2', 'fortran_order': False, 'shape': (), }\n";
        let found = NpyArray::new(&npy(text, 2)).unwrap();
        assert_eq!((found.dtype(), found.shape.as_slice()), (&DType::I16, &[][..]));
    }

    #[test]
    fn fortran_order_is_turned() {
        let text = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n";
        let mut bytes = npy(text, 0);
        bytes.extend([0, 10, 1, 11, 2, 12]);
        let array = NpyArray::new(&bytes).unwrap();
        let mut builder = NpyBuilder::new(1, 2);
        builder.push(Some((&array, &bytes))).unwrap();
        assert_eq!(builder.bytes, [0, 1, 2, 10, 11, 12]);
    }

    #[test]
    fn hostile_headers_are_errors() {
        let cases = [
            ("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", "never loaded"),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }",
                "fit",
            ),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,), }", "it has 8"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "'-1'"),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }",
                "dimensions",
            ),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "named fields"),
            ("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "'<c8'"),
            ("{'shape': (1,)}", "has no '"),
        ];
        for (text, cause) in cases {
            let error = NpyArray::new(&npy(text, 8)).unwrap_err();
            assert!(error.contains(cause), "{text}: {error}");
        }
        let whole = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8);
        for length in 0..whole.len() {
            assert!(NpyArray::new(&whole[..length]).is_err(), "{length}");
        }
    }
}
