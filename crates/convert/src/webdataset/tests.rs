use arrow::array::Array;
use arrow::array::AsArray;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt32Type;
use lakebed_core::TensorArray;
use lakebed_core::TensorType;

use super::*;
use crate::detect::detect;
use crate::testing::All;
use crate::testing::jpeg;
use crate::testing::png;
use crate::testing::put;
use crate::testing::read;
use crate::testing::skip;

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(bytes.len()).unwrap());
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn npy(shape: &str, values: &[f32]) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

async fn import(root: &Path, options: &ImportOptions) -> Result<All> {
    read(detect(root).await?, options).await
}

#[tokio::test]
async fn members_of_one_name_are_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let (first, second) = (jpeg(6, 4, 0), jpeg(8, 4, 1));
    let long = format!("{}/2.jpg", "deep/".repeat(40));
    let shard = archive(&[
        ("__meta__.json", b"{}"),
        ("a/1.jpg", &first),
        ("a/1.cls", b" 7\n"),
        ("a/1.json", b"{\"x\": [1, null]}"),
        ("a/1.vec.npy", &npy("(2, 1)", &[1.5, -2.0])),
        (&long, &second),
        ("._2.jpg", b"left by another system"),
    ]);
    put(root, "shard-000.tar", shard);
    let third = png(6, 4, 0);
    let shard = archive(&[
        ("3.seg.png", &third),
        ("3.txt", "h\u{e9}".as_bytes()),
        ("3.index", b"-5"),
        ("3.bin", b"\x00\xff"),
        ("3.vec.npy", &npy("(0, 3)", &[])),
    ]);
    put(root, "shard-001.tar", shard);
    let all = import(root, &ImportOptions::default()).await.unwrap();
    let names = ["key", "jpg", "cls", "json", "vec.npy", "seg.png", "txt", "index", "bin"];
    assert_eq!(all.names(), names);
    let keys = ["a/1".to_string(), long[..long.len() - 4].to_string(), "3".to_string()];
    assert_eq!(all.texts("key"), keys.map(Some));
    let batch = all.batch();
    let images = batch.column(1).as_struct();
    assert_eq!(images.nulls().map(|nulls| nulls.iter().collect()), Some(vec![true, true, false]));
    assert_eq!(images.column(0).as_binary_view().value(0), first);
    assert_eq!(images.column(0).as_binary_view().value(1), second);
    assert_eq!(batch.column(5).as_struct().column(0).as_binary_view().value(2), third);
    let classes = batch.column(2).as_primitive::<UInt32Type>();
    assert_eq!(classes.iter().collect::<Vec<_>>(), [Some(7), None, None]);
    assert_eq!(all.texts("json"), [Some("{\"x\": [1, null]}".to_string()), None, None]);
    assert_eq!(all.texts("txt"), [None, None, Some("h\u{e9}".to_string())]);
    let index = batch.column(7).as_primitive::<Int64Type>();
    assert_eq!(index.iter().collect::<Vec<_>>(), [None, None, Some(-5)]);
    assert_eq!(batch.column(8).as_binary_view().value(2), b"\x00\xff");
    let ty = TensorType::from_column(all.schema.column("vec.npy").unwrap());
    let arrays = TensorArray::try_new(ty, batch.column(4)).unwrap();
    assert_eq!(*arrays.shape(0), [2, 1]);
    assert!(arrays.is_null(1));
    assert_eq!(*arrays.shape(2), [0, 3]);
    let values = arrays.elements().as_primitive::<Float32Type>();
    assert_eq!(values.values()[arrays.range(0)], [1.5, -2.0]);
}

#[tokio::test]
async fn hostile_shards_are_errors() {
    let good = jpeg(6, 4, 0);
    let whole = archive(&[("1.jpg", &good), ("1.cls", b"1"), ("2.jpg", &good), ("2.cls", b"2")]);
    let mut lying = whole.clone();
    // The first header's size becomes eight gigabytes less a byte, under a right checksum.
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes().copy_from_slice(&whole[..512]);
    header.set_size((8 << 30) - 1);
    header.set_cksum();
    lying[..512].copy_from_slice(header.as_bytes());
    let mut flipped = whole.clone();
    flipped[5] ^= 1;
    // A name of 64 MB, which a reader of names would hold in memory.
    let mut header = tar::Header::new_gnu();
    header.set_path("././@LongLink").unwrap();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(64 << 20);
    header.set_cksum();
    let mut name = header.as_bytes().to_vec();
    name.resize(name.len() + (64 << 20), b'x');
    name.extend(&whole);
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("lying", lying, "it is cut short"),
        ("flipped", flipped, "checksum"),
        ("name", name, "headers of more than"),
        ("gzip", b"\x1f\x8b\x08 and so on".repeat(100), "unpack it with gunzip"),
        ("text", b"no tar at all".repeat(100), "no tar file from byte"),
    ];
    for (case, bytes, cause) in cases {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "0.tar", bytes);
        let error = import(folder.path(), &ImportOptions::default()).await.err().unwrap();
        assert!(error.to_string().contains(cause), "{case}: {error}");
    }
    // Every truncation is an error, or loses whole members only where the tar ends between two.
    for length in (0..whole.len()).step_by(97) {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "0.tar", &whole[..length]);
        let _ = import(folder.path(), &ImportOptions::default()).await.map(|all| {
            assert!(all.batch().num_rows() <= 2);
        });
    }
}

#[tokio::test]
async fn bad_members_fail_or_are_skipped() {
    let good = jpeg(6, 4, 0);
    let long = vec![b'9'; 1000];
    let cases: [(&str, &[u8], &str); 7] = [
        ("cls", b"seven", "'seven' is not the number"),
        ("cls", &long, "not the number"),
        ("json", b"{\"x\": }", "wrong JSON"),
        ("txt", b"\xff", "no UTF-8"),
        ("png", &good[..200], ""),
        ("jpg", &good, "two members '.jpg'"),
        ("npy", b"\x93NUMPY\x01\x00\x10", "ends inside its .npy header"),
    ];
    for (extension, bytes, cause) in cases {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("bad.{extension}");
        let fine = npy("(1,)", &[1.0]);
        let mut members: Vec<(&str, &[u8])> = vec![("good.jpg", &good), ("bad.jpg", &good)];
        if extension == "npy" {
            members.insert(1, ("good.npy", &fine));
        }
        members.push((&name, bytes));
        put(folder.path(), "0.tar", archive(&members));
        let error = import(folder.path(), &ImportOptions::default()).await.err().unwrap();
        let Error::File(problem) = error else { panic!("{error}") };
        assert!(problem.file.starts_with("0.tar/bad"), "{problem}");
        assert!(problem.cause.contains(cause), "{problem}");
        let all = import(folder.path(), &skip()).await.unwrap();
        assert_eq!(all.texts("key"), [Some("good".to_string())]);
        assert_eq!(all.skipped, [problem]);
    }
}

#[tokio::test]
async fn members_and_extensions_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "0.tar", archive(&[("1.bin", &[0; 2000])]));
    let mut options = ImportOptions::default();
    options.limits.max_page_bytes = 1000;
    let error = import(folder.path(), &options).await.err().unwrap().to_string();
    assert!(error.contains("0.tar/1.bin") && error.contains("max_page_bytes"), "{error}");
    let names: Vec<String> = (0..1100).map(|i| format!("1.x{i}")).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"1"[..])).collect();
    put(folder.path(), "0.tar", archive(&members));
    let error = import(folder.path(), &ImportOptions::default()).await.err().unwrap().to_string();
    assert!(error.contains("each becomes a column"), "{error}");
}
