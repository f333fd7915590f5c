//! Images and masks as rows of pixels: `[H, W, C]`, or `[H, W]`.

use lakebed_core::Layout;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::function::Arg;

/// The type of an argument that holds images: numbers or bools in two or three dimensions.
pub fn image_type(arg: &Arg) -> Option<&TensorType> {
    arg.numeric()
        .filter(|ty| matches!(ty.ndim(), 2 | 3) && !matches!(ty.layout, Layout::Sequence(_)))
}

/// What an argument of another type is told.
pub const EXPECTED: &str = "it takes images [H,W,C], or [H,W]";

/// The type of images like `ty` of any height and width.
pub fn of_any_size(ty: &TensorType) -> TensorType {
    let mut dims = ty.dims.clone();
    dims.iter_mut().take(2).for_each(|dim| *dim = None);
    let open = TensorType::tensor(ty.dtype.clone(), dims);
    TensorType { htype: ty.htype, classes: ty.classes.clone(), ..open }
}

/// The size of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Lines.
    pub height: usize,
    /// Pixels in a line.
    pub width: usize,
    /// Numbers in a pixel.
    pub channels: usize,
}

impl Frame {
    /// The frame of a shape of two or three dimensions.
    pub fn of(shape: &Shape) -> Frame {
        let size = |axis: usize| shape.get(axis).copied().unwrap_or(1);
        Frame { height: size(0), width: size(1), channels: size(2) }
    }

    /// Numbers in a line.
    pub fn line(self) -> usize {
        self.width.saturating_mul(self.channels)
    }
}

/// A shape with another height and width.
pub fn resized(shape: &Shape, height: usize, width: usize) -> Shape {
    let mut sizes = [height, width, 0];
    if let Some(channels) = shape.get(2) {
        sizes[2] = *channels;
    }
    Shape::new(sizes.get(..shape.ndim()).unwrap_or(&sizes)).unwrap_or_default()
}
