use std::time::Instant;

use jpeg_encoder::ColorType as JpegColor;
use jpeg_encoder::Encoder as JpegWriter;
use jpeg_encoder::SamplingFactor;
use lakebed_core::subscript;
use proptest::prelude::*;

use super::*;

mod files;

use files::PngFile;

fn limits() -> Limits {
    Limits::default()
}

fn shape(dims: &[usize]) -> Shape {
    Shape::new(dims).unwrap()
}

/// Pixels that vary in every direction, so that a swapped axis or a shifted row shows.
fn drawn(height: usize, width: usize, channels: usize) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(height * width * channels);
    for y in 0..height {
        for x in 0..width {
            for c in 0..channels {
                let wave = (x * 3 + y * 5 + c * 80) % 256;
                pixels.push(if (x / 7 + y / 5) % 3 == 0 { 255 - wave as u8 } else { wave as u8 });
            }
        }
    }
    pixels
}

fn region_of(text: &str, shape: &Shape) -> Region {
    subscript::resolve(&subscript::parse_list(text).unwrap(), shape).unwrap()
}

/// JPEG files of every kind that tests can produce, with the channels they decode to.
fn jpegs(height: usize, width: usize) -> Vec<(String, Vec<u8>, usize)> {
    let mut files = Vec::new();
    let kinds = [
        (JpegColor::Luma, 1, 1),
        (JpegColor::Rgb, 3, 3),
        (JpegColor::Cmyk, 4, 3),
        (JpegColor::CmykAsYcck, 4, 3),
    ];
    let samplings = [
        SamplingFactor::F_1_1,
        SamplingFactor::F_2_1,
        SamplingFactor::F_1_2,
        SamplingFactor::F_2_2,
        SamplingFactor::F_4_1,
    ];
    for (color, stored, channels) in kinds {
        // The decoder does not know subsampled CMYK; see `subsampled_cmyk_is_an_error_at_worst`.
        let samplings = if stored == 4 { &samplings[..1] } else { &samplings[..] };
        for &sampling in samplings {
            for (progressive, restart) in [(false, 0), (true, 0), (false, 3)] {
                let mut bytes = Vec::new();
                let mut writer = JpegWriter::new(&mut bytes, 85);
                writer.set_sampling_factor(sampling);
                writer.set_progressive(progressive);
                if restart > 0 {
                    writer.set_restart_interval(restart);
                }
                let (w, h) = (u16::try_from(width).unwrap(), u16::try_from(height).unwrap());
                writer.encode(&drawn(height, width, stored), w, h, color).unwrap();
                let name = format!("{color:?} {sampling:?} progressive {progressive} {restart}");
                files.push((name, bytes, channels));
            }
        }
    }
    files
}

#[test]
fn png_probe_and_decode_agree_for_every_color_type() {
    for file in PngFile::every_kind(7, 13) {
        let (bytes, expected) = (file.bytes(), file.expected());
        let info = probe(&bytes, &limits()).unwrap();
        let (shape, pixels) = decode(&bytes, &limits()).unwrap();
        assert_eq!(info.kind, MediaKind::Png);
        assert_eq!(info.shape(), shape, "{file:?}");
        assert_eq!(info.channels, file.channels(), "{file:?}");
        assert_eq!(pixels, expected, "{file:?}");
        assert_eq!(verify_complete(&bytes, &limits()).unwrap(), info);
    }
}

#[test]
fn jpeg_probe_and_decode_agree_for_every_kind() {
    for (height, width) in [(45, 67), (16, 16), (1, 1), (8, 33)] {
        for (name, bytes, channels) in jpegs(height, width) {
            let info = probe(&bytes, &limits()).unwrap();
            let (found, pixels) =
                decode(&bytes, &limits()).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(info.kind, MediaKind::Jpeg);
            assert_eq!(info.shape(), found, "{name}");
            assert_eq!(found, shape(&[height, width, channels]), "{name}");
            assert_eq!(pixels.len(), found.elements());
            let verified = verify_complete(&bytes, &limits());
            assert_eq!(verified.unwrap_or_else(|e| panic!("{name}: {e}")), info);
        }
    }
}

/// Smooth pictures survive JPEG almost unchanged, so a wrong colour conversion shows.
#[test]
fn jpeg_colors_are_the_pictures_colors() {
    let (height, width) = (48, 64);
    let flat = |color: &[u8]| color.repeat(height * width);
    let close = |pixels: &[u8], expected: &[u8]| {
        pixels
            .chunks(expected.len())
            .all(|p| p.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) < 6))
    };
    for (color, stored, expected) in [
        (JpegColor::Luma, &[90][..], &[90][..]),
        (JpegColor::Rgb, &[200, 40, 90], &[200, 40, 90]),
        // No black: cyan takes red away, and so on.
        (JpegColor::Cmyk, &[55, 215, 165, 0], &[200, 40, 90]),
        (JpegColor::CmykAsYcck, &[55, 215, 165, 0], &[200, 40, 90]),
    ] {
        let mut bytes = Vec::new();
        JpegWriter::new(&mut bytes, 95)
            .encode(&flat(stored), width as u16, height as u16, color)
            .unwrap();
        let (_, pixels) = decode(&bytes, &limits()).unwrap();
        assert!(close(&pixels, expected), "{color:?}: {:?}", &pixels[..expected.len()]);
    }
}

#[test]
fn decoded_jpeg_pixels_are_those_of_the_image_crate() {
    for (name, bytes, channels) in jpegs(50, 70) {
        let reference = image::load_from_memory(&bytes).unwrap();
        let expected = if channels == 1 {
            reference.to_luma8().into_raw()
        } else {
            reference.to_rgb8().into_raw()
        };
        assert_eq!(decode(&bytes, &limits()).unwrap().1, expected, "{name}");
    }
}

#[test]
fn a_region_is_a_cut_of_the_whole() {
    let (height, width) = (75, 90);
    let mut files: Vec<(String, Vec<u8>)> =
        jpegs(height, width).into_iter().map(|(name, bytes, _)| (name, bytes)).collect();
    files.extend(PngFile::every_kind(height, width).map(|f| (format!("{f:?}"), f.bytes())));
    for (name, bytes) in files {
        let (shape, whole) = decode(&bytes, &limits()).unwrap();
        for text in [
            "...",
            "0",
            "10:20, 5:9",
            "::-1, ::-2",
            "3:70:9, 4",
            "74:2:-5, :, 0",
            "-1",
            "0:17, 80:, 0:1",
            "0:31",
            "5:5",
            "40, 50, 0",
        ] {
            let region = region_of(text, &shape);
            let mut expected = vec![1, 2, 3];
            region.copy(&whole, &shape, 1, &mut expected);
            let mut found = vec![1, 2, 3];
            decode_region(&bytes, &region, &limits(), &mut found).unwrap();
            assert!(found == expected, "{name}: {text}");
        }
    }
}

#[test]
fn a_region_outside_the_picture_is_an_error() {
    let pixels = drawn(10, 10, 3);
    let bytes = encode_png(&shape(&[10, 10, 3]), &pixels).unwrap();
    for other in [&[11, 10, 3][..], &[10, 10, 4], &[10, 10]] {
        let mut out = vec![5];
        let result = decode_region(&bytes, &Region::whole(&shape(other)), &limits(), &mut out);
        assert!(matches!(result, Err(Error::Region { .. })), "{result:?}");
        assert_eq!(out, [5]);
    }
}

#[test]
fn the_rows_below_a_region_are_not_decoded() {
    let (height, width) = (400, 100);
    let pixels = drawn(height, width, 3);
    let region = region_of("0:40", &shape(&[height, width, 3]));
    // Damage in the lower half of the coded pixels, structure intact.
    let mut png = encode_png(&shape(&[height, width, 3]), &pixels).unwrap();
    let at = png.len() * 3 / 4;
    png[at] ^= 0x55;
    let mut out = Vec::new();
    assert!(verify_complete(&png, &limits()).is_err());
    decode_region(&png, &region, &limits(), &mut out).unwrap();
    assert_eq!(out, pixels[..40 * width * 3]);

    // A JPEG whose coded pixels end after two thirds.
    let jpeg = encode_jpeg(&shape(&[height, width, 3]), &pixels, 90).unwrap();
    let (_, whole) = decode(&jpeg, &limits()).unwrap();
    let short = [&jpeg[..jpeg.len() * 2 / 3], &[0xff, 0xd9]].concat();
    assert!(verify_complete(&short, &limits()).is_err());
    let mut out = Vec::new();
    decode_region(&short, &region, &limits(), &mut out).unwrap();
    assert!(out == whole[..40 * width * 3]);
    let below = region_of("380:", &shape(&[height, width, 3]));
    assert!(decode_region(&short, &below, &limits(), &mut out).is_err());
}

/// What a gathered picture decodes to; its error as text.
fn gathered(parts: [&[u8]; 2], shape: &Shape) -> std::result::Result<Vec<u8>, String> {
    gathered_within(parts, shape, &limits())
}

fn gathered_within(
    parts: [&[u8]; 2],
    shape: &Shape,
    limits: &Limits,
) -> std::result::Result<Vec<u8>, String> {
    let mut gathered = Gathered::default();
    let other = encode_png(&self::shape(&[1, 1, 1]), &[7]).unwrap();
    for part in [[&other[..], &[]], parts, [&other[..9], &other[9..]]] {
        prefetch(part[1]);
        gathered.push(part);
    }
    assert_eq!(gathered.len(), 3);
    let mut out = vec![0; shape.elements()];
    let done = gathered.decode_into(1, limits, shape, &mut out);
    // The others are what they were, whatever happened.
    for nth in [0, 2] {
        let mut one = [0];
        gathered.decode_into(nth, limits, &self::shape(&[1, 1, 1]), &mut one).unwrap();
        assert_eq!(one, [7]);
    }
    let again = gathered.decode_into(1, limits, shape, &mut out.clone());
    assert!(again.is_err(), "its bytes are used up");
    done.map(|()| out).map_err(|error| error.to_string())
}

#[test]
fn gathered_pictures_are_the_pictures() {
    let mut files = jpegs(33, 41);
    files.push(("PNG".into(), encode_png(&shape(&[33, 41, 4]), &drawn(33, 41, 4)).unwrap(), 4));
    for (name, file, _) in &files {
        let (shape, pixels) = decode(file, &limits()).unwrap();
        for cut in [0, 1, 2, 600.min(file.len()), file.len() - 1, file.len()] {
            let (head, rest) = file.split_at(cut);
            assert_eq!(gathered([head, rest], &shape).unwrap(), pixels, "{name} cut at {cut}");
        }
        // What follows the end of a file changes nothing.
        let longer = [&file[..], b"after"].concat();
        if name != "PNG" {
            assert_eq!(gathered([&longer, &[]], &shape).unwrap(), pixels, "{name} and more");
        }
        let tall = self::shape(&[34, 41, shape[2]]);
        let error = gathered([file, &[]], &tall).unwrap_err();
        assert!(error.contains("is stored beside it"), "{name}: {error}");
        let mut gathered = Gathered::default();
        gathered.push([file, &[]]);
        let error = gathered.decode_into(0, &limits(), &shape, &mut [0; 5]).unwrap_err();
        assert!(error.to_string().contains("does not fit in 5 bytes"), "{error}");
        assert!(gathered.decode_into(9, &limits(), &shape, &mut vec![0; pixels.len()]).is_err());
    }
}

#[test]
fn gathered_pictures_fail_as_they_do_alone() {
    for (name, file, _) in jpegs(24, 24).into_iter().step_by(3) {
        let (shape, _) = decode(&file, &limits()).unwrap();
        for length in (0..file.len()).step_by(7) {
            let alone = decode(&file[..length], &limits()).unwrap_err().to_string();
            let error = gathered([&file[..length / 2], &file[length / 2..length]], &shape);
            assert_eq!(error.unwrap_err(), alone, "{name}, {length} bytes");
        }
    }
}

#[test]
fn every_truncation_is_named() {
    let mut files: Vec<(String, Vec<u8>)> =
        jpegs(24, 31).into_iter().map(|(name, bytes, _)| (name, bytes)).collect();
    files.extend(PngFile::every_kind(9, 11).map(|f| (format!("{f:?}"), f.bytes())));
    for (name, bytes) in files {
        for cut in 8..bytes.len() {
            match verify_complete(&bytes[..cut], &limits()) {
                Err(Error::Damaged { reason, .. }) => {
                    let expected = format!("truncated after {cut} bytes");
                    assert!(reason.starts_with(&expected), "{name} cut at {cut}: {reason}");
                }
                other => panic!("{name} cut at {cut} of {}: {other:?}", bytes.len()),
            }
        }
    }
}

#[test]
fn a_truncated_jpeg_is_no_grey_picture() {
    let bytes = encode_jpeg(&shape(&[200, 200, 3]), &drawn(200, 200, 3), 90).unwrap();
    let cut = &bytes[..bytes.len() / 2];
    assert!(matches!(decode(cut, &limits()), Err(Error::Damaged { .. })));
    // With an end marker glued on, the entropy data itself breaks off.
    let glued = [cut, &[0xff, 0xd9]].concat();
    assert!(matches!(verify_complete(&glued, &limits()), Err(Error::Damaged { .. })));
    // Bytes after the end marker do no harm: cameras append previews there.
    let appended = [&bytes[..], b"appended"].concat();
    verify_complete(&appended, &limits()).unwrap();
}

/// Photographs from many cameras and tools; left out where the folder is absent.
#[test]
fn real_photographs_are_whole_and_decode_as_elsewhere() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let mut folders = vec![std::path::PathBuf::from(folder)];
    let (mut files, mut bytes, mut seconds) = (0, 0, 0.0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "jpg" || end == "png") {
                let file = std::fs::read(&path).unwrap();
                let started = Instant::now();
                let info = verify_complete(&file, &limits())
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                seconds += started.elapsed().as_secs_f64();
                files += 1;
                bytes += file.len();
                if files % 10 == 0 {
                    let (found, pixels) = decode(&file, &limits()).unwrap();
                    assert_eq!(found, info.shape());
                    let expected = image::load_from_memory(&file).unwrap();
                    assert!(pixels == expected.into_bytes(), "{}", path.display());
                }
            }
        }
    }
    if files == 0 {
        println!("skipped: no photographs in {folder}");
    } else {
        println!("{files} files, {bytes} bytes, checked in {seconds:.2} s");
    }
}

#[test]
fn subsampled_cmyk_is_an_error_at_worst() {
    for (height, width) in [(50, 70), (45, 67)] {
        for sampling in [SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2] {
            for progressive in [false, true] {
                let mut bytes = Vec::new();
                let mut writer = JpegWriter::new(&mut bytes, 85);
                writer.set_sampling_factor(sampling);
                writer.set_progressive(progressive);
                let (w, h) = (u16::try_from(width).unwrap(), u16::try_from(height).unwrap());
                writer.encode(&drawn(height, width, 4), w, h, JpegColor::Cmyk).unwrap();
                match decode(&bytes, &limits()) {
                    Ok((found, _)) => assert_eq!(found, shape(&[height, width, 3])),
                    Err(error) => assert!(matches!(error, Error::Damaged { .. }), "{error}"),
                }
            }
        }
    }
}

#[test]
fn a_wrong_png_checksum_is_damage() {
    let bytes = encode_png(&shape(&[30, 30, 3]), &drawn(30, 30, 3)).unwrap();
    for at in (8..bytes.len() - 12).step_by(3) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        let result = verify_complete(&flipped, &limits());
        assert!(result.is_err(), "flip at {at}: {result:?}");
    }
}

#[test]
fn a_huge_header_is_refused_at_once() {
    let started = Instant::now();
    let mut jpeg = encode_jpeg(&shape(&[16, 16, 3]), &drawn(16, 16, 3), 80).unwrap();
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
    for bytes in [
        files::png_header_only(60_000, 60_000),
        files::png_header_only(u32::MAX >> 1, 1 << 20),
        jpeg,
    ] {
        let region = Region::whole(&shape(&[1, 1, 1]));
        for error in [
            probe(&bytes, &limits()).unwrap_err(),
            decode(&bytes, &limits()).unwrap_err(),
            verify_complete(&bytes, &limits()).unwrap_err(),
            decode_region(&bytes, &region, &limits(), &mut Vec::new()).unwrap_err(),
        ] {
            assert!(error.to_string().contains("raise `max_pixels`"), "{error}");
        }
    }
    // Few pixels, but more bytes than allowed.
    let bytes = encode_png(&shape(&[100, 100, 3]), &drawn(100, 100, 3)).unwrap();
    let small = Limits { max_sample_bytes: 29_999, ..limits() };
    let error = decode(&bytes, &small).unwrap_err();
    assert!(error.to_string().contains("raise `max_sample_bytes`"), "{error}");
    decode(&bytes, &Limits { max_sample_bytes: 30_000, ..limits() }).unwrap();
    // A gigabyte of pixels out of a few bytes.
    let error = decode(&files::png_header_only(1 << 14, 1 << 14), &limits()).unwrap_err();
    assert!(error.to_string().contains("raise `max_ratio`"), "{error}");
    assert!(started.elapsed().as_millis() < 100, "{:?}", started.elapsed());
}

#[test]
fn other_files_are_not_pictures() {
    for bytes in [&b"GIF89a.........."[..], b"hello", &[0; 64], b"\xff\xd8", b"\x89PNG"] {
        assert!(matches!(probe(bytes, &limits()), Err(Error::Unsupported { .. })));
    }
    assert!(matches!(probe(b"", &limits()), Err(Error::Damaged { .. })));
}

#[test]
fn encoders_refuse_other_shapes() {
    for (dims, len) in [(&[4, 4][..], 16), (&[4, 4, 3], 47), (&[0, 4, 3], 0), (&[2, 2, 5], 20)] {
        let pixels = vec![0; len];
        assert!(matches!(encode_png(&shape(dims), &pixels), Err(Error::Encode { .. })));
        assert!(matches!(encode_jpeg(&shape(dims), &pixels, 90), Err(Error::Encode { .. })));
    }
    let wide = vec![0; 70_000];
    assert!(matches!(encode_jpeg(&shape(&[1, 70_000, 1]), &wide, 90), Err(Error::Encode { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn png_comes_back(height in 1usize..40, width in 1usize..40, channels in proptest::sample::select(vec![1usize, 3, 4])) {
        let pixels = drawn(height, width, channels);
        let bytes = encode_png(&shape(&[height, width, channels]), &pixels).unwrap();
        prop_assert_eq!(decode(&bytes, &limits()).unwrap(), (shape(&[height, width, channels]), pixels));
    }

    #[test]
    fn flipped_and_cut_pictures_never_panic(
        which in any::<prop::sample::Index>(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        split in any::<prop::sample::Index>(),
        repair in any::<bool>(),
    ) {
        let mut files: Vec<Vec<u8>> = jpegs(40, 37).into_iter().map(|file| file.1).collect();
        files.extend(PngFile::every_kind(12, 17).map(|file| file.bytes()));
        let mut bytes = files[which.index(files.len())].clone();
        for (at, xor) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= xor;
        }
        if repair {
            files::repair_png_checksums(&mut bytes);
        }
        let small = Limits { max_pixels: 1 << 20, max_sample_bytes: 1 << 22, ..limits() };
        for bytes in [&bytes[..], &bytes[..cut.index(bytes.len())]] {
            let header = probe(bytes, &small);
            let whole = decode(bytes, &small);
            if let Ok((shape, pixels)) = &whole {
                prop_assert_eq!(*shape, header.clone().unwrap().shape());
                prop_assert_eq!(pixels.len(), shape.elements());
            }
            let said = header.map_or(shape(&[1, 1, 1]), |header| header.shape());
            let two = bytes.split_at(split.index(bytes.len() + 1));
            let two = gathered_within([two.0, two.1], &said, &small);
            prop_assert_eq!(two.ok(), whole.ok().map(|(_, pixels)| pixels));
            let _ = verify_complete(bytes, &small);
            let region = Region::whole(&shape(&[1, 1, 1]));
            let _ = decode_region(bytes, &region, &small, &mut Vec::new());
        }
    }
}

/// Prints speeds: `cargo test --release -p lakebed-codec -- --ignored --nocapture speed`.
#[test]
#[ignore = "measures"]
fn speed_of_pictures() {
    fn measure(name: &str, bytes: usize, mut run: impl FnMut()) {
        let best = (0..20)
            .map(|_| {
                let started = Instant::now();
                run();
                started.elapsed().as_secs_f64()
            })
            .fold(f64::MAX, f64::min);
        println!(
            "{name:<36} {:>8.3} ms {:>7.0} MB/s of pixels",
            best * 1e3,
            bytes as f64 / best / 1e6
        );
    }
    let (height, width) = (480, 640);
    let all = height * width * 3;
    let dims = shape(&[height, width, 3]);
    let pixels = drawn(height, width, 3);
    let png = encode_png(&dims, &pixels).unwrap();
    let mut progressive = Vec::new();
    let mut writer = JpegWriter::new(&mut progressive, 85);
    writer.set_progressive(true);
    writer.encode(&pixels, 640, 480, JpegColor::Rgb).unwrap();
    let jpeg = encode_jpeg(&dims, &pixels, 85).unwrap();
    for (name, bytes) in [("jpeg", &jpeg), ("progressive jpeg", &progressive), ("png", &png)] {
        println!("{name}: {} bytes", bytes.len());
        measure("  probe", all, || {
            let _ = probe(bytes, &limits()).unwrap();
        });
        measure("  decode", all, || drop(decode(bytes, &limits()).unwrap()));
        measure("  verify_complete", all, || {
            let _ = verify_complete(bytes, &limits()).unwrap();
        });
        let corner = region_of("0:100, 0:100", &dims);
        measure("  region [0:100, 0:100]", all, || {
            decode_region(bytes, &corner, &limits(), &mut Vec::new()).unwrap();
        });
    }
}
