//! Cells that keep what they say or are refused by their cause, and what other programs write.

use super::*;

#[tokio::test]
async fn integers_keep_their_digits_or_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, jsonl) = (folder.path().join("x.csv"), folder.path().join("x.jsonl"));
    let plain = ImportOptions::default();
    // Above i64 and never negative.
    put(folder.path(), "x.csv", "n,v\n1,[2]\n18446744073709551615,[9223372036854775808]\n");
    put(
        folder.path(),
        "x.jsonl",
        "{\"n\": 1, \"v\": [2]}\n{\"n\": 18446744073709551615, \"v\": [9223372036854775808]}\n",
    );
    for path in [&csv, &jsonl] {
        let all = load(path, &plain).await.unwrap();
        let expected = [
            Column::scalar("n", DType::U64).nullable(),
            Column::tensor("v", DType::U64, &[None]).nullable(),
        ];
        assert_eq!(all.schema.columns, expected);
        let batch = all.batch();
        let numbers = batch.column(0).as_primitive::<arrow::datatypes::UInt64Type>();
        assert_eq!(numbers.values().to_vec(), [1, u64::MAX]);
    }
    // Beyond u64, and negative beside above i64.
    let wide = ["18446744073709551616", "-9223372036854775809"];
    for (first, second) in [("-1", "9223372036854775808"), ("1", wide[0]), ("1", wide[1])] {
        put(folder.path(), "x.csv", format!("a,n\nx,{first}\ny,{second}\n"));
        put(folder.path(), "x.jsonl", format!("{{\"n\": {first}}}\n\n{{\"n\": {second}}}\n"));
        for path in [&csv, &jsonl] {
            let error = load(path, &plain).await.unwrap_err().to_string();
            assert!(error.contains(": line 3, column 'n': its integers"), "{error}");
            assert!(error.contains("--type n=f64") && error.contains("--type n=text"), "{error}");
            let all = load(path, &typed(&[("n", "f64")])).await.unwrap();
            let batch = all.batch();
            let numbers = batch.column_by_name("n").unwrap().as_primitive::<Float64Type>().clone();
            assert_eq!(numbers.value(1), second.parse::<f64>().unwrap());
            for ty in ["text", "json"] {
                let all = load(path, &typed(&[("n", ty)])).await.unwrap();
                assert_eq!(all.texts("n"), [Some(first.to_string()), Some(second.to_string())]);
            }
            let error = load(path, &typed(&[("n", "u64")])).await.unwrap_err().to_string();
            assert!(error.contains("column 'n'"), "{error}");
        }
    }
    // Behind the rows that types are inferred from.
    let late = ImportOptions { infer_rows: 1, ..ImportOptions::default() };
    put(folder.path(), "x.csv", format!("n\n1\n{}\n", wide[0]));
    put(folder.path(), "x.jsonl", format!("{{\"n\": 1}}\n{{\"n\": {}}}\n", wide[0]));
    for (path, line) in [(&csv, 3), (&jsonl, 2)] {
        let error = load(path, &late).await.unwrap_err().to_string();
        assert!(error.contains(&format!(": line {line}, column 'n': {} fits", wide[0])), "{error}");
    }
    // Inside of documents the digits stay.
    put(folder.path(), "x.jsonl", format!("{{\"d\": {{\"id\": {}}}}}\n", wide[0]));
    let all = load(&jsonl, &plain).await.unwrap();
    assert_eq!(all.texts("d"), [Some(format!("{{\"id\": {}}}", wide[0]))]);
    // Columns of fractions are f64, however their numbers are written.
    put(folder.path(), "x.csv", format!("n\n1.5\n{}\n", wide[0]));
    assert_eq!(load(&csv, &plain).await.unwrap().schema.columns[0].dtype, DType::F64);
}

#[tokio::test]
async fn numbers_that_are_no_json_are_told_with_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jsonl");
    let cases = [
        (
            "{\"a\": \"NaN\", \"x\": NaN}\n",
            "x.jsonl: line 1: column 'x': it is no JSON: JSON has no number NaN",
        ),
        (
            "\n{\"x\": [1, -Infinity]}\n",
            "x.jsonl: line 2: column 'x': it is no JSON: JSON has no number -Inf",
        ),
        ("{\"x\": 1e999}\n", "x.jsonl: line 1: column 'x': the number 1e999 does not fit an f64"),
        ("{\"x\": 1}\n{\"x\": nan}\n", "x.jsonl: line 2: column 'x': it is no JSON"),
        ("[1, 2]\n", "x.jsonl: line 1: it is no JSON object but a list"),
        ("{\"x\": }\n", "x.jsonl: line 1: it is no JSON: expected value, at its byte 7"),
        ("{}\n", "x.jsonl: it has no columns"),
    ];
    for (text, cause) in cases {
        put(folder.path(), "x.jsonl", text);
        let error = load(&path, &ImportOptions::default()).await.unwrap_err().to_string();
        assert!(error.starts_with(cause), "{text}: {error}");
    }
    put(folder.path(), "x.jsonl", b"{\"x\": \"\xff\"}\n");
    let error = load(&path, &ImportOptions::default()).await.unwrap_err().to_string();
    assert!(error.contains("line 1: it is no UTF-8"), "{error}");
    // In CSV it became a null.
    put(folder.path(), "x.csv", "x\n1.5\n1e999\n");
    let path = folder.path().join("x.csv");
    let error = load(&path, &ImportOptions::default()).await.unwrap_err().to_string();
    assert!(error.contains("line 3: column 'x': the number 1e999 does not fit"), "{error}");
}

#[tokio::test]
async fn a_list_of_objects_is_rows_and_other_json_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.json");
    let text =
        "\n[\n  {\"a\": \"],{\\\"\", \"b\": [1, 2]},\n  {\n    \"a\": null, \"b\": []\n  }\n]\n";
    put(folder.path(), "x.json", text);
    let all = load(&path, &ImportOptions::default()).await.unwrap();
    assert_eq!(all.texts("a"), [Some("],{\"".to_string()), None]);
    assert_eq!(all.schema.columns[1], Column::tensor("b", DType::I64, &[None]).nullable());
    let cases = [
        ("[{\"a\": 1},\n {\"a\": NaN}]", "x.json: line 2: column 'a': it is no JSON"),
        ("[{\"a\": 1},\n 2]", "x.json: line 2: it is no JSON object but a single value"),
        ("[{\"a\": 1},\n {\"a\": 2}", "x.json: line 2: the file ends inside its list"),
        ("[{\"a\": 1}]\n[{\"a\": 2}]", "x.json: line 2: something stands behind the end"),
        ("[1, 2]", "it holds a list whose first element is no object"),
        ("{\"a\": 1}", "it holds an object without the lists 'images' and 'annotations'"),
        ("1", "it holds neither a list nor an object"),
        (" ", "it holds nothing"),
    ];
    for (text, cause) in cases {
        put(folder.path(), "x.json", text);
        let error = load(&path, &ImportOptions::default()).await.unwrap_err().to_string();
        assert!(error.starts_with("x.json: ") && error.contains(cause), "{text}: {error}");
    }
    // Longer than what is read at one time; an element is as long as a record may be.
    let element = format!("{{\"a\": \"{}\"}}", "x".repeat(1000));
    put(folder.path(), "x.json", format!("[{}]", vec![element; 1000].join(",")));
    let mut options = ImportOptions::default();
    assert_eq!(load(&path, &options).await.unwrap().batch().num_rows(), 1000);
    options.limits.max_page_bytes = 500;
    put(folder.path(), "x.json", format!("[{{\"a\": \"{}\"}}]", "x".repeat(100_000)));
    let error = load(&path, &options).await.unwrap_err().to_string();
    assert!(error.contains("line 1") && error.contains("max_page_bytes"), "{error}");
}

#[tokio::test]
async fn a_mistyped_name_makes_no_column_of_nulls() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jsonl");
    put(folder.path(), "x.jsonl", "{\"i\": 1}\n{\"i\": 2}\n{\"i\": 3, \"label\": \"cat\"}\n");
    for (name, near) in [("lable", "did you mean 'label'?"), ("zzzzzz", "leave its type out")] {
        for ty in ["text", "skip"] {
            let mut options = typed(&[(name, ty)]);
            options.infer_rows = 1;
            let error = load(&path, &options).await.unwrap_err().to_string();
            assert!(error.starts_with(&format!("x.jsonl: it has no column '{name}'")), "{error}");
            assert!(error.contains(near), "{error}");
        }
    }
}

#[tokio::test]
async fn columns_of_nulls_structs_and_text_labels_of_other_programs() {
    use arrow::array::NullArray;
    use arrow::array::StructArray;
    use arrow::array::UInt64Array;
    use arrow_schema::DataType;
    use arrow_schema::Field;

    let folder = tempfile::tempdir().unwrap();
    let point = StructArray::from(vec![
        (
            Arc::new(Field::new("x", DataType::UInt64, true)),
            Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(1)])) as ArrayRef,
        ),
        (
            Arc::new(Field::new("t", DataType::Utf8, true)),
            Arc::new(StringArray::from(vec!["a", "b", "c"])) as ArrayRef,
        ),
    ]);
    let ragged = {
        let inner = ListArray::from_iter_primitive::<Int64Type, _, _>([
            Some(vec![Some(1), Some(2)]),
            Some(vec![Some(3)]),
        ]);
        let item = Arc::new(Field::new_list_field(inner.data_type().clone(), true));
        let offsets = arrow::buffer::OffsetBuffer::from_lengths([2, 0, 0]);
        ListArray::try_new(item, offsets, Arc::new(inner), None).unwrap()
    };
    let columns: [(&str, ArrayRef); 4] = [
        ("none", Arc::new(NullArray::new(3))),
        ("label", Arc::new(StringArray::from(vec![Some("dog"), None, Some("cat")]))),
        ("point", Arc::new(point)),
        ("ragged", Arc::new(ragged)),
    ];
    let columns = columns.map(|(name, array)| (name, array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let files = [folder.path().join("x.parquet"), folder.path().join("x.arrows")];
    let file = std::fs::File::create(&files[0]).unwrap();
    let mut writer = ::parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let file = std::fs::File::create(&files[1]).unwrap();
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(file, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    for path in &files {
        let error = load(path, &ImportOptions::default()).await.unwrap_err().to_string();
        assert!(error.contains("column 'point'"), "{error}");
        assert!(error.contains("--type point=json") && error.contains("point=skip"), "{error}");
        let error = load(path, &typed(&[("point", "text")])).await.unwrap_err().to_string();
        assert!(error.contains("column 'point'") && error.contains("point=json"), "{error}");
        let error = load(path, &typed(&[("point", "json")])).await.unwrap_err().to_string();
        assert!(error.contains("row 0, column 'ragged': its lists are of different"), "{error}");
        assert!(error.contains("--type ragged=json"), "{error}");
        let types = [("point", "json"), ("ragged", "json"), ("label", "class_label")];
        let all = load(path, &typed(&types)).await.unwrap();
        assert_eq!(all.texts("none"), [None, None, None]);
        assert_eq!(
            all.texts("point")[0].as_deref(),
            Some("{\"x\":18446744073709551615,\"t\":\"a\"}")
        );
        assert_eq!(all.texts("point")[1].as_deref(), Some("{\"x\":null,\"t\":\"b\"}"));
        assert_eq!(all.texts("ragged")[0].as_deref(), Some("[[1,2],[3]]"));
        assert_eq!(all.texts("ragged")[1].as_deref(), Some("[]"));
        assert_eq!(all.schema.columns[1].classes, ["cat", "dog"]);
        let batch = all.batch();
        let codes = batch.column(1).as_primitive::<UInt32Type>();
        assert_eq!(codes.iter().collect::<Vec<_>>(), [Some(1), None, Some(0)]);
    }
    put(folder.path(), "x.jsonl", "{\"n\": [[1, 2], [3]]}\n");
    let path = folder.path().join("x.jsonl");
    let error = load(&path, &ImportOptions::default()).await.unwrap_err().to_string();
    assert!(error.contains("line 1, column 'n'") && error.contains("--type n=json"), "{error}");
    let all = load(&path, &typed(&[("n", "json")])).await.unwrap();
    assert_eq!(all.texts("n"), [Some("[[1,2],[3]]".to_string())]);
}

#[tokio::test]
async fn numpy_in_fortran_order_and_without_elements() {
    use std::io::Write;

    /// A header as NumPy writes it.
    fn npy(dtype: &str, fortran: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
        let header =
            format!("{{'descr': '{dtype}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(elements);
        bytes
    }

    let folder = tempfile::tempdir().unwrap();
    // Five rows of [2, 3]; the element at (row, i, j) is 100 row + 10 i + j.
    let mut elements = Vec::new();
    for (i, j) in [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)] {
        for row in 0..5u16 {
            elements.extend((100 * row + 10 * i + j).to_be_bytes());
        }
    }
    let fortran = npy(">u2", "True", "(5, 2, 3)", &elements);
    put(folder.path(), "f.npy", &fortran);
    let mut zipped = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in ["stored.npy", "again.npy"] {
        let options = zip::write::SimpleFileOptions::default();
        let options = options.compression_method(zip::CompressionMethod::Stored);
        zipped.start_file(name, options).unwrap();
        zipped.write_all(&fortran).unwrap();
    }
    put(folder.path(), "f.npz", zipped.finish().unwrap().into_inner());
    let expected: Vec<u16> = (0..5u16)
        .flat_map(|row| [0, 1, 2, 10, 11, 12].map(|element| 100 * row + element))
        .collect();
    for (file, columns) in [("f.npy", 1), ("f.npz", 2)] {
        for batch_rows in [2, 100] {
            let options = ImportOptions { batch_rows, ..ImportOptions::default() };
            let all = load(&folder.path().join(file), &options).await.unwrap();
            let batch = all.batch();
            assert_eq!((batch.num_rows(), batch.num_columns()), (5, columns), "{file}");
            for column in batch.columns() {
                let elements = column.as_fixed_size_list().values();
                let elements = elements.as_primitive::<arrow::datatypes::UInt16Type>();
                assert_eq!(elements.values().to_vec(), expected, "{file}");
            }
        }
    }
    // A damaged member of an archive is told before a row is read.
    let mut damaged = std::fs::read(folder.path().join("f.npz")).unwrap();
    let place = damaged.windows(6).position(|bytes| bytes == [0, 100, 0, 200, 1, 44]).unwrap();
    damaged[place] ^= 1;
    put(folder.path(), "f.npz", damaged);
    let plain = ImportOptions::default();
    let error = load(&folder.path().join("f.npz"), &plain).await.unwrap_err().to_string();
    assert!(error.contains("array 'stored': its checksum"), "{error}");
    // Axes without elements are open dimensions.
    for (shape, dims, sizes) in
        [("(3, 0)", vec![None], vec![0]), ("(3, 2, 0)", vec![Some(2), None], vec![2, 0])]
    {
        for order in ["True", "False"] {
            put(folder.path(), "e.npy", npy("<f4", order, shape, &[]));
            let all = load(&folder.path().join("e.npy"), &plain).await.unwrap();
            assert_eq!(all.schema.columns[0].dims, dims);
            let batch = all.batch();
            let ty = TensorType::from_column(&all.schema.columns[0]);
            let tensors = lakebed_core::TensorArray::try_new(ty, batch.column(0)).unwrap();
            assert_eq!(batch.num_rows(), 3);
            assert_eq!(tensors.shape(2).to_vec(), sizes);
        }
    }
    put(folder.path(), "e.npy", npy("<f4", "False", "(0, 3)", &[]));
    let all = load(&folder.path().join("e.npy"), &plain).await.unwrap();
    assert_eq!((all.schema.columns[0].dims.as_slice(), all.batches.len()), (&[Some(3)][..], 0));
    // Rows that cost nothing are bounded.
    put(folder.path(), "e.npy", npy("<f4", "False", "(99999999999, 0)", &[]));
    let error = load(&folder.path().join("e.npy"), &plain).await.unwrap_err().to_string();
    assert!(error.contains("rows without elements"), "{error}");
}

#[tokio::test]
async fn names_of_classes_may_be_missing_or_look_like_numbers() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "x.csv", "i,label\n1,dog\n2,\n3,7\n");
    put(folder.path(), "x.jsonl", "{\"label\": \"dog\"}\n{\"label\": null}\n{\"label\": \"7\"}\n");
    for file in ["x.csv", "x.jsonl"] {
        let options = typed(&[("label", "class_label")]);
        let all = load(&folder.path().join(file), &options).await.unwrap();
        assert_eq!(all.schema.column("label").unwrap().classes, ["7", "dog"], "{file}");
        let batch = all.batch();
        let codes = batch.column_by_name("label").unwrap().as_primitive::<UInt32Type>();
        assert_eq!(codes.iter().collect::<Vec<_>>(), [Some(1), None, Some(0)], "{file}");
    }
}
