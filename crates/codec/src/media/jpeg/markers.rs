//! The marker segments of a JPEG file, walked without decoding (ITU-T T.81, annex B).

/// What the walk from the start of image to the end of image found.
#[derive(Debug, Default)]
pub(super) struct Markers {
    /// Where the end-of-image marker is; `None` if the file breaks off before it.
    pub(super) end: Option<usize>,
    /// Where the frame header's height is, two bytes, big-endian.
    pub(super) height_at: Option<usize>,
    /// True for a frame that is coded in one pass from top to bottom (SOF0, SOF1).
    pub(super) sequential: bool,
    /// Components of the frame.
    pub(super) components: usize,
    /// Rows that one row of coding units covers.
    pub(super) unit_rows: usize,
    /// Scans, each of some components.
    pub(super) scans: usize,
    /// Components of the first scan.
    pub(super) first_scan_components: usize,
}

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;

impl Markers {
    /// True if all pixels come in one scan, from top to bottom.
    pub(super) fn one_pass(&self) -> bool {
        self.sequential && self.scans == 1 && self.first_scan_components == self.components
    }

    /// Where the end marker is, if all pixels come in one scan.
    pub(super) fn one_pass_end(&self) -> Option<usize> {
        self.end.filter(|_| self.one_pass())
    }

    /// Walks as far as the structure holds.
    pub(super) fn walk(bytes: &[u8]) -> Markers {
        let mut markers = Markers::default();
        // A segment that leads out of the file ends the walk without the end marker.
        let _ = markers.follow(bytes);
        markers
    }

    fn follow(&mut self, bytes: &[u8]) -> Option<()> {
        let mut at = 0;
        loop {
            // Between segments, and in entropy-coded data, everything up to the next marker.
            let marker = next_marker(bytes, &mut at)?;
            match marker {
                END_OF_IMAGE => {
                    self.end = Some(at - 2);
                    return Some(());
                }
                // No length follows: start of image, and TEM.
                START_OF_IMAGE | 0x01 => continue,
                _ => {}
            }
            let length = usize::from(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
            let segment = bytes.get(at..at.checked_add(length)?)?;
            match marker {
                // Frame headers; the codes between them are tables and extensions.
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                    self.frame(marker, at, segment);
                }
                START_OF_SCAN => {
                    self.scans += 1;
                    if self.scans == 1 {
                        self.first_scan_components = usize::from(*segment.get(2)?);
                    }
                }
                _ => {}
            }
            at += length.max(2);
        }
    }

    fn frame(&mut self, marker: u8, at: usize, segment: &[u8]) {
        self.sequential = self.height_at.is_none() && marker <= 0xc1;
        self.height_at = Some(at + 3);
        let components = segment.get(8..).unwrap_or_default().chunks_exact(3);
        self.components = components.len();
        let most = components.filter_map(|each| each.get(1)).map(|sampling| sampling & 15).max();
        self.unit_rows = 8 * usize::from(most.unwrap_or(1).max(1));
    }
}

/// The next marker at or after `at`, which moves behind it. Stuffed zeros and restart markers
/// belong to entropy-coded data.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        let found = memchr::memchr(0xff, bytes.get(*at..)?)?;
        *at += found + 1;
        // A marker may be preceded by any number of fill bytes.
        while *bytes.get(*at)? == 0xff {
            *at += 1;
        }
        let code = *bytes.get(*at)?;
        *at += 1;
        if !matches!(code, 0x00 | 0xd0..=0xd7) {
            return Some(code);
        }
    }
}
