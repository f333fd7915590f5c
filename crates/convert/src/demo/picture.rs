//! Pictures: shapes on a sky.

use lakebed_codec::media::encode_jpeg;
use lakebed_codec::media::encode_png;
use lakebed_core::Shape;

use super::random::Random;
use crate::error::Error;
use crate::error::Problem;
use crate::error::Result;

const JPEG_QUALITY: u8 = 90;

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Circle,
    Square,
    Triangle,
    Ring,
}

impl Kind {
    /// In the order of the class codes.
    pub const ALL: [Kind; 4] = [Kind::Circle, Kind::Square, Kind::Triangle, Kind::Ring];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Circle => "circle",
            Kind::Square => "square",
            Kind::Triangle => "triangle",
            Kind::Ring => "ring",
        }
    }
}

/// The light that a picture is in: name, how a caption says it, colours at the top and the bottom.
pub(super) struct Scene {
    pub name: &'static str,
    pub said: &'static str,
    top: [u8; 3],
    bottom: [u8; 3],
}

/// In the order of the class codes.
pub(super) const SCENES: [Scene; 3] = [
    Scene { name: "day", said: "by day", top: [120, 180, 240], bottom: [210, 230, 250] },
    Scene { name: "dusk", said: "at dusk", top: [80, 60, 120], bottom: [230, 140, 90] },
    Scene { name: "night", said: "at night", top: [8, 10, 30], bottom: [30, 36, 70] },
];

const COLORS: [[u8; 3]; 6] =
    [[220, 50, 40], [250, 200, 40], [40, 160, 70], [60, 90, 220], [240, 240, 240], [150, 60, 170]];

/// One shape in its square box, in pixels.
pub(super) struct Object {
    pub kind: Kind,
    pub left: u16,
    pub top: u16,
    pub size: u16,
    color: [u8; 3],
}

impl Object {
    fn covers(&self, x: u16, y: u16) -> bool {
        let (Some(x), Some(y)) = (x.checked_sub(self.left), y.checked_sub(self.top)) else {
            return false;
        };
        if x >= self.size || y >= self.size {
            return false;
        }
        // Everything doubled, so that the middle of an even size is a whole number.
        let size = i32::from(self.size);
        let (across, down) = (2 * i32::from(x) + 1 - size, 2 * i32::from(y) + 1);
        let distance = across * across + (down - size) * (down - size);
        match self.kind {
            Kind::Square => true,
            Kind::Circle => distance <= size * size,
            Kind::Ring => distance <= size * size && 3 * distance >= size * size,
            Kind::Triangle => 2 * across.abs() <= down,
        }
    }
}

/// A picture to be drawn.
pub(super) struct Picture {
    pub height: u16,
    pub width: u16,
    pub scene: usize,
    pub objects: Vec<Object>,
    grain: u64,
    jpeg: bool,
}

/// Pixels `[height, width, 3]`, and which of them some shape covers, `[height, width]`.
pub(super) struct Drawn {
    pub pixels: Vec<u8>,
    pub mask: Vec<bool>,
}

impl Picture {
    pub fn new(random: &mut Random) -> Picture {
        let height = 8 * random.between(8, 16);
        let width = 8 * random.between(8, 20);
        let count = random.between(0, 6);
        let objects = (0..count).map(|_| {
            let size = random.between(12, 40);
            Object {
                kind: random.pick(&Kind::ALL).copied().unwrap_or(Kind::Circle),
                left: random.between(0, width - size),
                top: random.between(0, height - size),
                size,
                color: random.pick(&COLORS).copied().unwrap_or_default(),
            }
        });
        let objects = objects.collect();
        let scene = usize::from(random.between(0, 2));
        Picture {
            height,
            width,
            scene,
            objects,
            grain: random.bits(),
            jpeg: random.between(0, 4) < 3,
        }
    }

    pub fn draw(&self) -> Drawn {
        let mut grain = Random::new(self.grain);
        let mut drawn = Drawn { pixels: Vec::new(), mask: Vec::new() };
        for y in 0..self.height {
            let sky = self.sky(y);
            for x in 0..self.width {
                let over = self.objects.iter().rev().find(|object| object.covers(x, y));
                drawn.mask.push(over.is_some());
                // A photograph has some grain, a drawing has none.
                let lift = if self.jpeg { i32::from(grain.between(0, 6)) - 3 } else { 0 };
                let color = over.map_or(sky, |object| object.color);
                drawn.pixels.extend(color.map(|value| byte(i32::from(value) + lift)));
            }
        }
        drawn
    }

    /// The colour of the background in row `y`.
    fn sky(&self, y: u16) -> [u8; 3] {
        let Some(scene) = SCENES.get(self.scene) else { return [0; 3] };
        let mut sky = [0; 3];
        for (value, (top, bottom)) in sky.iter_mut().zip(scene.top.iter().zip(scene.bottom)) {
            let (top, bottom) = (i32::from(*top), i32::from(bottom));
            *value = byte(top + (bottom - top) * i32::from(y) / i32::from(self.height));
        }
        sky
    }

    /// The picture as a file, JPEG or PNG.
    pub fn encode(&self, pixels: &[u8]) -> Result<Vec<u8>> {
        let dims = [usize::from(self.height), usize::from(self.width), 3];
        let shape = Shape::new(&dims).unwrap_or_default();
        let encoded = if self.jpeg {
            encode_jpeg(&shape, pixels, JPEG_QUALITY)
        } else {
            encode_png(&shape, pixels)
        };
        encoded.map_err(|e| Error::File(Problem::new("a picture of the demo", e.to_string())))
    }
}

fn byte(value: i32) -> u8 {
    u8::try_from(value.clamp(0, 255)).unwrap_or(u8::MAX)
}
