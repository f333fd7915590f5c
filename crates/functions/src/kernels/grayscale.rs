//! `GRAYSCALE(image)`.

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::UInt8Type;
use arrow::datatypes::UInt16Type;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::images;
use crate::images::Frame;
use crate::numbers::Numbers;
use crate::numbers::not_numbers;
use crate::row_writer::write;
use crate::value::Value;

use super::reduce::row_of;

/// One channel of brightness.
#[derive(Debug)]
pub struct Grayscale;

static ENTRY: Entry = Entry {
    tql: &["GRAYSCALE"],
    udf: "grayscale",
    aliases: &[],
    parameters: &["image"],
    signature: "grayscale(image) -> image of one channel [H, W, 1]",
    help: "The brightness of every pixel by ITU-R BT.601: 0.299 red + 0.587 green + 0.114 blue, rounded to the nearest integer (half up) in u8 and u16. Images of one channel stay as they are; a fourth channel, alpha, is left out.",
    example: "SELECT GRAYSCALE(ARRAY[[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]) AS gray",
};

impl TensorFunction for Grayscale {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(images::image_type) else {
            return Err(self.wrong_types(args, images::EXPECTED));
        };
        if !matches!(ty.dims.get(2), None | Some(None | Some(1 | 3 | 4))) {
            return Err(self.wrong_types(args, "an image has 1, 3 or 4 channels"));
        }
        let dtype = match ty.dtype {
            DType::U8 | DType::U16 | DType::F64 => ty.dtype.clone(),
            DType::F16 | DType::F32 => DType::F32,
            _ => {
                return Err(self.wrong_types(args, "the pixels are u8, u16 or floats"));
            }
        };
        let dims = ty.dims.iter().take(2).copied().chain([Some(1)]).collect();
        let gray = TensorType { htype: ty.htype, ..TensorType::tensor(dtype, dims) };
        Ok(Output::tensor(gray, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let (x, ty) = (x.numbers()?, out.ty()?);
        let elements = x.elements_as(&ty.dtype.to_arrow())?;
        macro_rules! gray {
            ($arrow:ty, $of:expr) => {{
                let values = elements.as_primitive_opt::<$arrow>();
                let values = values.ok_or_else(|| not_numbers(elements.data_type()))?.values();
                write::<$arrow>(ty, rows, x.nulls(rows), |row, gray| {
                    self.image(&x, values, row, gray, $of)
                })
            }};
        }
        match ty.dtype {
            DType::U8 => gray!(UInt8Type, |[r, g, b]: [u8; 3]| {
                u8::try_from(mixed([r, g, b].map(u32::from))).unwrap_or(u8::MAX)
            }),
            DType::U16 => gray!(UInt16Type, |[r, g, b]: [u16; 3]| {
                u16::try_from(mixed([r, g, b].map(u32::from))).unwrap_or(u16::MAX)
            }),
            DType::F32 => {
                gray!(Float32Type, |[r, g, b]: [f32; 3]| { 0.299 * r + 0.587 * g + 0.114 * b })
            }
            _ => gray!(Float64Type, |[r, g, b]: [f64; 3]| 0.299 * r + 0.587 * g + 0.114 * b),
        }
    }
}

/// The weights in thousandths, exactly; at most as large as the largest of the three.
fn mixed([r, g, b]: [u32; 3]) -> u32 {
    (299 * r + 587 * g + 114 * b + 500) / 1000
}

impl Grayscale {
    fn image<E: Copy>(
        &self,
        x: &Numbers,
        values: &[E],
        row: usize,
        gray: &mut Vec<E>,
        of: impl Fn([E; 3]) -> E,
    ) -> Result<Shape> {
        let image = row_of(x, values, row);
        let frame = Frame::of(&x.shape(row));
        match frame.channels {
            1 => gray.extend_from_slice(image),
            3 => gray.extend(image.as_chunks::<3>().0.iter().map(|pixel| of(*pixel))),
            4 => gray.extend(image.as_chunks::<4>().0.iter().map(|[r, g, b, _]| of([*r, *g, *b]))),
            channels => {
                let reason = format!("an image has 1, 3 or 4 channels, not {channels}");
                return Err(self.wrong_row(row, reason));
            }
        }
        Ok(Shape::new(&[frame.height, frame.width, 1]).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Float32Type;
    use arrow::datatypes::UInt8Type;
    use lakebed_core::DType;
    use lakebed_core::TensorType;

    use crate::testing::*;

    #[test]
    fn brightness_by_bt_601() {
        let ty = TensorType::tensor(DType::U8, vec![None, None, Some(3)]);
        let pixels = vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 10, 20, 30, 0, 0, 0];
        let x = tensors::<UInt8Type>(
            &ty,
            &[Some((&[2, 3, 3], pixels)), None, Some((&[4, 0, 3], vec![]))],
        );
        let answer = run("grayscale", &[x], 3);
        assert_eq!(answer.ty().to_string(), "u8[?,?,1]");
        // 76.245, 149.685, 29.07, 255, 18.15, 0.
        let gray = vec![76.0, 150.0, 29.0, 255.0, 18.0, 0.0];
        assert_eq!(
            answer.rows(),
            [Some((vec![2, 3, 1], gray)), None, Some((vec![4, 0, 1], vec![]))]
        );
    }

    #[test]
    fn other_channels_and_floats() {
        let ty = TensorType::tensor(DType::F32, vec![Some(1), Some(1), Some(4)]);
        let x = tensors::<Float32Type>(&ty, &[Some((&[1, 1, 4], vec![1.0, 1.0, 0.0, 9.0])), None]);
        let answer = run("grayscale", &[x], 2);
        assert_eq!(answer.ty().to_string(), "f32[1,1,1]");
        let value = answer.scalars()[0].unwrap();
        assert!((value - 0.886).abs() < 1e-6, "{value}");
        let ty = TensorType::tensor(DType::U8, vec![None, None]);
        let x = tensors::<UInt8Type>(&ty, &[Some((&[1, 2], vec![7, 8]))]);
        assert_eq!(run("grayscale", &[x], 1).rows(), [Some((vec![1, 2, 1], vec![7.0, 8.0]))]);
        let ty = TensorType::tensor(DType::U8, vec![None, None, None]);
        let x = tensors::<UInt8Type>(&ty, &[Some((&[1, 1, 2], vec![7, 8]))]);
        let error = call("grayscale", &[x], 1).unwrap_err();
        assert!(error.contains("row 0") && error.contains("not 2"), "{error}");
    }
}
