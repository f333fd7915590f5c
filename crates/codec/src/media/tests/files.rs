//! PNG files written by hand, so that every colour type, depth and interlacing exists, and wrong
//! ones too.

use std::iter;

/// One kind of PNG file and its size.
#[derive(Debug, Clone)]
pub(super) struct PngFile {
    height: usize,
    width: usize,
    color: u8,
    depth: u8,
    transparent: bool,
    interlaced: bool,
}

impl PngFile {
    pub(super) fn every_kind(height: usize, width: usize) -> impl Iterator<Item = PngFile> {
        let kinds = [
            (0, &[1u8, 2, 4, 8, 16][..]),
            (2, &[8, 16]),
            (3, &[1, 2, 4, 8]),
            (4, &[8, 16]),
            (6, &[8, 16]),
        ];
        let mut files = Vec::new();
        for (color, depths) in kinds {
            for &depth in depths {
                for transparent in [false, true] {
                    for interlaced in [false, true] {
                        // A file with an alpha channel has no transparent colour.
                        if !(transparent && color >= 4) {
                            let file =
                                PngFile { height, width, color, depth, transparent, interlaced };
                            files.push(file);
                        }
                    }
                }
            }
        }
        files.into_iter()
    }

    pub(super) fn channels(&self) -> u32 {
        match (self.color, self.transparent) {
            (0, false) => 1,
            (2 | 3, false) => 3,
            _ => 4,
        }
    }

    fn stored_channels(&self) -> usize {
        [1, 0, 3, 1, 2, 0, 4][usize::from(self.color)]
    }

    /// The stored sample: any number that fits the depth, varying everywhere.
    fn sample(&self, y: usize, x: usize, channel: usize) -> u16 {
        let value = y * 7919 + x * 104_729 + channel * 31_337 + (x * y) % 251;
        let bits = usize::from(self.depth);
        (value % (1 << bits)) as u16
    }

    /// The palette holds as many colours as the depth can name.
    fn palette(&self) -> Vec<[u8; 4]> {
        (0..1usize << self.depth.min(8))
            .map(|i| {
                let alpha = if self.transparent && i % 3 == 0 { (i * 5 % 256) as u8 } else { 255 };
                [(i * 3 % 256) as u8, (i * 7 % 256) as u8, (255 - i) as u8, alpha]
            })
            .collect()
    }

    /// The colour that `tRNS` names, for grey and RGB: the first pixel's.
    fn transparent_color(&self) -> Vec<u16> {
        (0..self.stored_channels()).map(|channel| self.sample(0, 0, channel)).collect()
    }

    /// What a decoder has to give, worked out from the PNG specification.
    pub(super) fn expected(&self) -> Vec<u8> {
        let to_8 = |value: u16| match self.depth {
            16 => (value >> 8) as u8,
            bits => (u32::from(value) * 255 / ((1 << bits) - 1)) as u8,
        };
        let mut pixels = Vec::new();
        for y in 0..self.height {
            for x in 0..self.width {
                let stored: Vec<u16> =
                    (0..self.stored_channels()).map(|c| self.sample(y, x, c)).collect();
                let eight: Vec<u8> = stored.iter().map(|&value| to_8(value)).collect();
                let alpha = if stored == self.transparent_color() { 0 } else { 255 };
                match (self.color, self.transparent) {
                    (0, false) | (2, false) | (6, _) => pixels.extend(eight),
                    (0, true) => pixels.extend([eight[0], eight[0], eight[0], alpha]),
                    (2, true) => pixels.extend([eight[0], eight[1], eight[2], alpha]),
                    (3, transparent) => {
                        let color = self.palette()[usize::from(stored[0])];
                        pixels.extend(&color[..if transparent { 4 } else { 3 }]);
                    }
                    _ => pixels.extend([eight[0], eight[0], eight[0], eight[1]]),
                }
            }
        }
        pixels
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut file = signature_and_header(
            self.width as u32,
            self.height as u32,
            self.depth,
            self.color,
            self.interlaced,
        );
        if self.color == 3 {
            let palette: Vec<u8> = self.palette().iter().flat_map(|c| [c[0], c[1], c[2]]).collect();
            chunk(&mut file, b"PLTE", &palette);
        }
        if self.transparent {
            let colors: Vec<u8> = match self.color {
                3 => self.palette().iter().map(|color| color[3]).collect(),
                _ => self.transparent_color().iter().flat_map(|v| v.to_be_bytes()).collect(),
            };
            chunk(&mut file, b"tRNS", &colors);
        }
        chunk(&mut file, b"IDAT", &stored_zlib(&self.scanlines()));
        chunk(&mut file, b"IEND", &[]);
        file
    }

    fn scanlines(&self) -> Vec<u8> {
        // First column and row, and steps, of the seven passes of Adam7.
        let passes: &[[usize; 4]] = if self.interlaced {
            &[
                [0, 0, 8, 8],
                [4, 0, 8, 8],
                [0, 4, 4, 8],
                [2, 0, 4, 4],
                [0, 2, 2, 4],
                [1, 0, 2, 2],
                [0, 1, 1, 2],
            ]
        } else {
            &[[0, 0, 1, 1]]
        };
        let mut lines = Vec::new();
        for &[x0, y0, dx, dy] in passes {
            for y in (y0..self.height).step_by(dy).filter(|_| x0 < self.width) {
                // Filter 0.
                lines.push(0);
                let mut bits = Vec::new();
                for x in (x0..self.width).step_by(dx) {
                    for channel in 0..self.stored_channels() {
                        let value = self.sample(y, x, channel);
                        bits.extend((0..self.depth).rev().map(|bit| (value >> bit & 1) as u8));
                    }
                }
                lines.extend(bits.chunks(8).map(|byte| {
                    byte.iter().chain(iter::repeat(&0)).take(8).fold(0, |sum, bit| sum << 1 | bit)
                }));
            }
        }
        lines
    }
}

/// A PNG file that claims a size and holds a few bytes of pixels.
pub(super) fn png_header_only(width: u32, height: u32) -> Vec<u8> {
    let mut file = signature_and_header(width, height, 8, 2, false);
    chunk(&mut file, b"IDAT", &stored_zlib(&[0; 100]));
    chunk(&mut file, b"IEND", &[]);
    file
}

/// Writes the right checksum behind every chunk, so that flips reach the code behind them.
pub(super) fn repair_png_checksums(file: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = file.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let end = at + 8 + length;
        let Some(body) = file.get(at + 4..end) else { return };
        let checksum = crc32(body).to_be_bytes();
        let Some(place) = file.get_mut(end..end + 4) else { return };
        place.copy_from_slice(&checksum);
        at = end + 4;
    }
}

fn signature_and_header(
    width: u32,
    height: u32,
    depth: u8,
    color: u8,
    interlaced: bool,
) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([depth, color, 0, 0, u8::from(interlaced)]);
    chunk(&mut file, b"IHDR", &header);
    file
}

fn chunk(file: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    file.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
    let body = [&name[..], data].concat();
    file.extend(&body);
    file.extend(crc32(&body).to_be_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |mut crc, &byte| {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
        crc
    })
}

/// A zlib stream of uncompressed blocks.
fn stored_zlib(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let blocks = data.chunks(65_535).count();
    for (i, block) in data.chunks(65_535).enumerate() {
        let len = u16::try_from(block.len()).unwrap();
        stream.push(u8::from(i + 1 == blocks));
        stream.extend(len.to_le_bytes());
        stream.extend((!len).to_le_bytes());
        stream.extend(block);
    }
    let (a, b) = data.iter().fold((1u32, 0u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}
