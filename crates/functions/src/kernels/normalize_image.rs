//! The kernel of `NORMALIZE(image, mean, std)`.

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Float32Type;
use arrow::datatypes::UInt8Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::error::Result;
use crate::few::Few;
use crate::function::Arg;
use crate::function::TensorFunction;
use crate::images;
use crate::lanes::Element;
use crate::numbers::not_numbers;
use crate::numbers::with_numbers;
use crate::row_writer::write;
use crate::value::Value;
use crate::wide;
use crate::wide::Job;

use super::normalize::Normalize;
use super::reduce::row_of;

/// The type of the result, f32 of the image's shape; or why there is none.
pub fn result_type(
    x: &Arg,
    mean: &Arg,
    std: &Arg,
    scale: Option<&Arg>,
) -> Result<TensorType, String> {
    let Some(ty) = images::image_type(x) else { return Err(images::EXPECTED.into()) };
    let channels = if ty.ndim() == 3 { ty.dims.last().copied().flatten() } else { Some(1) };
    for few in [mean, std] {
        let fits = few.numeric().is_some_and(|few| match few.dims.as_slice() {
            [] | [None | Some(1)] => true,
            [Some(count)] => channels.is_none_or(|channels| channels == *count),
            _ => false,
        });
        if !fits {
            return Err("mean and std have one number, or one for each channel".into());
        }
    }
    if scale.is_some_and(|scale| scale.numeric().is_none_or(|ty| ty.ndim() > 0)) {
        return Err("the scale is one number, such as 255".into());
    }
    Ok(TensorType { htype: ty.htype, ..TensorType::tensor(DType::F32, ty.dims.clone()) })
}

/// `(x / scale - mean) / std`, computed in f64 and rounded to f32 at the end.
///
/// # Errors
/// [`crate::FunctionError::Row`] for means that do not fit the channels, and for a std or scale
/// of 0.
pub fn evaluate(
    function: &Normalize,
    x: &Value,
    [mean, std]: [&Value; 2],
    scale: Option<&Value>,
    out: &TensorType,
    rows: usize,
) -> Result<ArrayRef> {
    let (x, mean, std) = (x.numbers()?, Few::try_new(mean)?, Few::try_new(std)?);
    let scale = scale.map(Few::try_new).transpose()?;
    let few: Vec<&Few> = [&mean, &std].into_iter().chain(&scale).collect();
    let nulls = few.iter().fold(x.nulls(rows), |nulls, few| {
        NullBuffer::union(nulls.as_ref(), few.nulls(rows).as_ref())
    });
    let constant = few.iter().all(|few| few.is_constant());
    let elements = x.native()?;
    let bytes = elements.as_primitive_opt::<UInt8Type>().map(|bytes| &bytes.values()[..]);
    let mut channels: Vec<Channel> = Vec::new();
    let mut table: Vec<[f32; 256]> = Vec::new();
    write::<Float32Type>(out, rows, nulls, |row, normalized| {
        let shape = x.shape(row);
        let count = if shape.ndim() == 3 { shape[2] } else { 1 };
        if shape.elements() == 0 {
            return Ok(shape);
        }
        if !constant || channels.len() != count {
            let scale = scale.as_ref().map_or(&[1.0][..], |scale| scale.row(row));
            channels = channels_of(count, [mean.row(row), std.row(row), scale])
                .map_err(|reason| function.wrong_row(row, reason))?;
            table = if constant && bytes.is_some() { tables(&channels) } else { Vec::new() };
        }
        match bytes {
            Some(bytes) if table.len() == count => {
                look_up(row_of(&x, bytes, row), &table, normalized);
            }
            _ => with_numbers!(elements, T, values => {
                wide::run(Scaling {
                    values: row_of(&x, values, row),
                    channels: &channels,
                    normalized,
                });
            }, else return Err(not_numbers(elements.data_type()))),
        }
        Ok(shape)
    })
}

/// What happens to the numbers of one channel.
#[derive(Debug, Clone, Copy)]
struct Channel {
    mean: f64,
    std: f64,
    scale: f64,
}

impl Channel {
    #[inline(always)]
    fn of(self, x: f64) -> f32 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "rounding to the result type is the point"
        )]
        let rounded = ((x / self.scale - self.mean) / self.std) as f32;
        rounded
    }
}

fn channels_of(count: usize, [mean, std, scale]: [&[f64]; 3]) -> Result<Vec<Channel>, String> {
    let of = |name: &str, few: &[f64], channel: usize| match few {
        [one] => Ok(*one),
        many if many.len() == count => Ok(many[channel]),
        many => Err(format!("the {name} has {} numbers for {count} channels", many.len())),
    };
    let channel = |channel: usize| {
        let (mean, std) = (of("mean", mean, channel)?, of("std", std, channel)?);
        let scale = of("scale", scale, channel)?;
        match std != 0.0 && scale != 0.0 {
            true => Ok(Channel { mean, std, scale }),
            false => Err("the std and the scale must not be 0".to_string()),
        }
    };
    (0..count).map(channel).collect()
}

/// The answer for every byte, for each channel.
fn tables(channels: &[Channel]) -> Vec<[f32; 256]> {
    let table = |channel: &Channel| {
        let mut table = [0.0; 256];
        for (byte, answer) in (0u8..=255).zip(&mut table) {
            *answer = channel.of(f64::from(byte));
        }
        table
    };
    channels.iter().map(table).collect()
}

fn look_up(bytes: &[u8], tables: &[[f32; 256]], normalized: &mut Vec<f32>) {
    match tables {
        [one] => normalized.extend(bytes.iter().map(|byte| one[usize::from(*byte)])),
        [red, green, blue] => {
            let pixels = bytes.as_chunks::<3>().0.iter();
            normalized.extend(pixels.flat_map(|[r, g, b]| {
                [red[usize::from(*r)], green[usize::from(*g)], blue[usize::from(*b)]]
            }));
        }
        many => normalized.extend(bytes.chunks(many.len()).flat_map(|pixel| {
            pixel.iter().zip(many).map(|(byte, table)| table[usize::from(*byte)])
        })),
    }
}

struct Scaling<'a, E> {
    values: &'a [E],
    channels: &'a [Channel],
    normalized: &'a mut Vec<f32>,
}

impl<E: Element> Job for Scaling<'_, E> {
    type Answer = ();

    #[inline(always)]
    fn run(self) {
        match self.channels {
            [one] => self.normalized.extend(self.values.iter().map(|x| one.of(x.to_f64()))),
            [red, green, blue] => {
                let pixels = self.values.as_chunks::<3>().0.iter();
                self.normalized.extend(pixels.flat_map(|[r, g, b]| {
                    [red.of(r.to_f64()), green.of(g.to_f64()), blue.of(b.to_f64())]
                }));
            }
            many => self.normalized.extend(self.values.chunks(many.len()).flat_map(|pixel| {
                pixel.iter().zip(many).map(|(x, channel)| channel.of(x.to_f64()))
            })),
        }
    }
}
