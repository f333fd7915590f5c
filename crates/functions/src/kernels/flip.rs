//! `FLIP(image, 'horizontal')`.

use arrow::array::ArrayRef;
use lakebed_core::TensorType;

use crate::assemble::Rows;
use crate::assemble::assemble;
use crate::assemble::primitive;
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
use crate::numbers::with_numbers;
use crate::value::Value;

/// A mirror image.
#[derive(Debug)]
pub struct Flip;

static ENTRY: Entry = Entry {
    tql: &["FLIP"],
    udf: "flip",
    aliases: &[],
    parameters: &["image", "direction"],
    signature: "flip(image, 'horizontal' or 'vertical') -> image",
    help: "The image [H, W, C] or mask [H, W] with left and right exchanged (horizontal), or top and bottom (vertical).",
    example: "SELECT FLIP(ARRAY[[1, 2, 3], [4, 5, 6]], 'horizontal') AS mirrored",
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Horizontal,
    Vertical,
}

impl Flip {
    fn direction(&self, args: &[Arg]) -> Result<Direction> {
        match args.get(1).and_then(Arg::text_literal).map(str::to_ascii_lowercase).as_deref() {
            Some("horizontal") => Ok(Direction::Horizontal),
            Some("vertical") => Ok(Direction::Vertical),
            _ => {
                Err(self.wrong_argument("the direction is a constant: 'horizontal' or 'vertical'"))
            }
        }
    }
}

impl TensorFunction for Flip {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(images::image_type) else {
            return Err(self.wrong_types(args, images::EXPECTED));
        };
        self.direction(args)?;
        let kept = TensorType::tensor(ty.dtype.clone(), ty.dims.clone());
        let ty = TensorType { htype: ty.htype, classes: ty.classes.clone(), ..kept };
        Ok(Output::tensor(ty, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
        let direction = self.direction(&described)?;
        let [x, _] = args else { return Err(self.wrong_types(&[], "two arguments are needed")) };
        let (x, ty) = (x.numbers()?, out.ty()?);
        let elements = x.native()?;
        let flipped = with_numbers!(elements, T, values => {
            primitive::<T>(flip(&x, values, rows, direction))
        }, else return Err(not_numbers(elements.data_type())));
        assemble(ty, flipped, Rows::like(&x, ty, rows)?, x.nulls(rows))
    }
}

/// All images, in the places that they have.
fn flip<E: Copy + Default>(x: &Numbers, values: &[E], rows: usize, direction: Direction) -> Vec<E> {
    let mut flipped = Vec::with_capacity(x.window(rows).len());
    for row in 0..rows {
        let image = values.get(x.range(row)).unwrap_or(&[]);
        let frame = Frame::of(&x.shape(row));
        // Null rows keep what they hold, whatever it is.
        if x.is_null(row) || image.is_empty() {
            flipped.extend_from_slice(image);
            continue;
        }
        if direction == Direction::Vertical {
            for line in image.chunks_exact(frame.line()).rev() {
                flipped.extend_from_slice(line);
            }
            continue;
        }
        let start = flipped.len();
        flipped.resize(start + image.len(), E::default());
        let lines = image.chunks_exact(frame.line());
        for (to, from) in flipped[start..].chunks_exact_mut(frame.line()).zip(lines) {
            match frame.channels {
                1 => reversed::<1, E>(from, to),
                3 => reversed::<3, E>(from, to),
                4 => reversed::<4, E>(from, to),
                channels => {
                    let pixels = from.chunks_exact(channels).rev();
                    for (to, from) in to.chunks_exact_mut(channels).zip(pixels) {
                        to.copy_from_slice(from);
                    }
                }
            }
        }
    }
    flipped
}

/// The pixels of a line, from its end.
fn reversed<const C: usize, E: Copy>(from: &[E], to: &mut [E]) {
    let pixels = from.as_chunks::<C>().0.iter().rev();
    for (to, from) in to.as_chunks_mut::<C>().0.iter_mut().zip(pixels) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::UInt8Type;
    use lakebed_core::DType;
    use lakebed_core::TensorType;

    use crate::testing::*;

    #[test]
    fn images_are_mirrored() {
        for channels in 1u8..=5 {
            let size = usize::from(channels);
            let ty = TensorType::tensor(DType::U8, vec![None, None, Some(u32::from(channels))]);
            let pixel = |at: u8| (0..channels).map(move |channel| at * 10 + channel);
            let image = |order: [u8; 6]| order.into_iter().flat_map(pixel).collect::<Vec<u8>>();
            let x = tensors::<UInt8Type>(
                &ty,
                &[
                    None,
                    Some((&[2, 3, size], image([0, 1, 2, 3, 4, 5]))),
                    Some((&[0, 3, size], vec![])),
                    Some((&[3, 2, size], image([0, 1, 2, 3, 4, 5]))),
                ],
            );
            let of = |direction: &str| {
                let answer = run("flip", &[x.clone(), literal(direction)], 4);
                assert_eq!(answer.ty(), ty);
                answer.rows()
            };
            let expected = |shape: [usize; 3], order: [u8; 6]| {
                Some((shape.to_vec(), image(order).into_iter().map(f64::from).collect::<Vec<_>>()))
            };
            let rows = of("horizontal");
            assert_eq!(rows[0], None);
            assert_eq!(rows[1], expected([2, 3, size], [2, 1, 0, 5, 4, 3]));
            assert_eq!(rows[2], Some((vec![0, 3, size], vec![])));
            assert_eq!(rows[3], expected([3, 2, size], [1, 0, 3, 2, 5, 4]));
            let rows = of("Vertical");
            assert_eq!(rows[1], expected([2, 3, size], [3, 4, 5, 0, 1, 2]));
            assert_eq!(rows[3], expected([3, 2, size], [4, 5, 2, 3, 0, 1]));
        }
    }

    #[test]
    fn masks_have_no_channels() {
        let ty = TensorType::tensor(DType::U8, vec![Some(2), Some(2)]);
        let x = tensors::<UInt8Type>(&ty, &[Some((&[2, 2], vec![1, 2, 3, 4])), None]);
        let masks = run("tensor_gt", &[x, literal(2i64)], 2);
        let flipped = run("flip", &[masks.given(), literal("vertical")], 2);
        assert_eq!(flipped.ty().to_string(), "bool[2,2]");
        assert_eq!(flipped.rows(), [Some((vec![2, 2], vec![1.0, 1.0, 0.0, 0.0])), None]);
        let error = call("flip", &[masks.given(), literal("left")], 2).unwrap_err();
        assert!(error.contains("'horizontal'"), "{error}");
        let error = call("flip", &[literal(3i64), literal("vertical")], 1).unwrap_err();
        assert!(error.contains("images"), "{error}");
    }
}
