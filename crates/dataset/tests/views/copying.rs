use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Policy;
use lakebed_dataset::ViewRows;

use super::all;
use super::columns;
use super::files;
use super::filled;
use super::ids;
use super::options;
use super::png;
use super::view;

#[tokio::test]
async fn a_copy_has_the_views_rows_byte_for_byte_and_says_where_from() {
    let folder = tempfile::tempdir().unwrap();
    let url = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let dataset = filled(&url("ds"), 300).await;
    // Columns with other ids than places, and some overlays and deletions.
    let dataset = dataset.drop_column("text", "").await.unwrap();
    let dataset = dataset
        .add_column(
            lakebed_core::Column::scalar("added", lakebed_core::DType::I64)
                .with_fill(serde_json::json!(7)),
            "",
        )
        .await
        .unwrap();
    let dataset = dataset.delete(&[5, 6, 200], "").await.unwrap();
    let positions: Vec<u64> = (0..500).map(|i| i * 7919 % 297).collect();
    let new = view(ViewRows::Positions(positions.clone()));
    let dataset = dataset.save_view("mine", new, "").await.unwrap();
    let opened = dataset.view("mine").await.unwrap();

    let mut told = Vec::new();
    let copy = opened
        .materialize_into(&url("copy"), options(), |done, all| told.push((done, all)))
        .await
        .unwrap();
    assert_eq!(told.last(), Some(&(500, 500)));
    assert!(told.windows(2).all(|pair| pair[0].0 < pair[1].0), "{told:?}");
    // Whole rows, compared with what the view itself takes.
    let (expected, found) =
        (opened.take(0..500, &columns(opened.dataset())).await.unwrap(), all(&copy).await);
    assert_eq!(found.num_columns(), 5);
    assert_eq!(found, expected);
    let known: Vec<Vec<u8>> = ids(&found).iter().map(|id| png(*id as usize)).collect();
    assert_eq!(files(&found), known);
    assert_eq!((dataset.samples_decoded(), copy.samples_decoded()), (0, 0));
    let names = |d: &Dataset| -> Vec<_> {
        let columns = d.schema().columns.iter();
        columns.map(|c| (c.name.clone(), c.classes.clone())).collect()
    };
    assert_eq!(names(&copy), names(&dataset));
    assert!(copy.schema().columns.iter().map(|column| column.id.0).eq(0..5));

    // Lineage, in what is open and in every entry, and kept by what comes later.
    let copy = Dataset::open(&url("copy"), options()).await.unwrap();
    let source = copy.source().unwrap();
    assert_eq!((source.dataset, source.version), (dataset.id(), 6));
    assert_eq!((source.url.as_str(), source.view.as_str()), (url("ds").as_str(), "mine"));
    assert_eq!(source.query, "SELECT * FROM ds WHERE id > ? ORDER BY RANDOM()");
    assert_eq!((source.rows, source.copied), (500, 500));
    let later = copy.delete(&[0], "one").await.unwrap();
    let log = later.log(1000).await.unwrap();
    assert!(log.iter().all(|line| line.source.as_ref().is_some_and(|s| s.view == "mine")));
    assert!(log.len() > 4, "one commit a pack: {}", log.len());
    assert_eq!(dataset.source(), None);
    println!("500 rows in {} commits", log.len() - 2);
    assert!(later.verify(|_, _| ()).await.unwrap().damage.is_empty());

    // A complete copy is not begun again, whatever was done to it since.
    let again = opened.materialize_into(&url("copy"), options(), |_, _| panic!()).await.unwrap();
    assert_eq!((again.version(), again.num_rows()), (later.version(), 499));
}

#[tokio::test]
async fn memory_is_bounded_by_bytes_not_by_rows() {
    use arrow::array::ArrayRef;
    use arrow::datatypes::UInt8Type;
    use lakebed_core::{Column, DType, Schema, TensorBuilder, TensorType};

    // Zeros: 1 MiB of memory a row, and next to nothing in a pack.
    let schema = Schema::new(vec![Column::tensor("z", DType::U8, &[None])]).unwrap();
    let dataset = Dataset::create("mem://view-zeros", schema, Default::default()).await.unwrap();
    let column = &dataset.schema().columns[0];
    let ty = TensorType::from_column(column);
    let mut zeros = TensorBuilder::<u8>::new(1);
    zeros.push(&vec![0; 1 << 20], &[1 << 20]).unwrap();
    let array: ArrayRef = zeros.finish::<UInt8Type>(&ty).unwrap();
    let fields = arrow_schema::Schema::new(vec![ty.to_field("z", false)]);
    let batch = arrow::array::RecordBatch::try_new(fields.into(), vec![array]).unwrap();
    let mut writer = dataset.append().unwrap();
    writer.write(&batch).await.unwrap();
    let dataset = writer.commit("").await.unwrap();
    let new = view(ViewRows::Positions(vec![0; 700]));
    let dataset = dataset.save_view("zeros", new, "").await.unwrap();
    let opened = dataset.view("zeros").await.unwrap();
    let mut steps = vec![0];
    let copy = opened
        .materialize_into("mem://view-zeros-copy", Default::default(), |done, _| steps.push(done))
        .await
        .unwrap();
    let largest = steps.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    println!("rows of 1 MiB: at most {largest} at a time");
    assert!(largest <= 16, "{steps:?}");
    assert_eq!(copy.num_rows(), 700);
}

#[tokio::test]
async fn a_branch_has_exactly_the_views_rows() {
    let dataset = filled("mem://view-branch", 90).await;
    let positions: Vec<u64> = (0..60).map(|i| i * 37 % 90).collect();
    let new = view(ViewRows::Positions(positions.clone()));
    let dataset = dataset.save_view("mine", new, "").await.unwrap();
    // What comes later is not on the branch.
    let dataset = dataset.delete(&[1], "").await.unwrap();
    let opened = dataset.view("mine").await.unwrap();
    let mut last = (0, 0);
    let branch = opened.materialize_branch("picked", "a branch", |a, b| last = (a, b)).await;
    let branch = branch.unwrap();
    assert_eq!((branch.branch_name(), branch.num_rows(), last), ("picked", 60, (60, 60)));
    let main = dataset.refresh().await.unwrap();
    assert_eq!((main.branch_name(), main.num_rows(), main.version()), ("main", 89, 5));

    let branch = Dataset::open("mem://view-branch@picked", options()).await.unwrap();
    let expected = opened.take(0..60, &columns(opened.dataset())).await.unwrap();
    assert_eq!(all(&branch).await, expected);
    assert_eq!((branch.samples_decoded(), dataset.samples_decoded()), (0, 0));
    let source = branch.source().unwrap();
    assert_eq!((source.version, source.copied, source.view.as_str()), (3, 60, "mine"));
    // The same rows, and a history that goes on from the view's version.
    let row_ids = branch.row_ids_at(&(0..60).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(row_ids, positions);
    let log = branch.log(3).await.unwrap();
    assert_eq!(log.iter().map(|line| line.version).collect::<Vec<_>>(), [6, 3, 2]);
    // Commits go to the branch, and main stays as it is.
    let branch = branch.delete(&[0], "").await.unwrap();
    assert_eq!((branch.num_rows(), branch.branch_name()), (59, "picked"));
    assert_eq!(main.refresh().await.unwrap().version(), 5);
    assert_eq!(main.refresh().await.unwrap().source(), None);
    let taken = opened.materialize_branch("picked", "", |_, _| panic!()).await;
    assert!(matches!(taken, Err(Error::NameTaken { .. })));
    // To merge it is to keep its rows only; of those main deleted one meanwhile.
    let both = positions.iter().filter(|id| ![0, 1].contains(*id)).count();
    let merged = main.merge("picked", Policy::Fail, "").await.unwrap();
    assert_eq!(merged.num_rows(), both as u64);
    let (merged, _) = merged.collect_garbage("", |_, _| {}).await.unwrap();
    assert!(merged.verify(|_, _| ()).await.unwrap().damage.is_empty());
}

#[tokio::test]
async fn a_purge_finds_the_rows_of_a_branch_that_was_copied() {
    let dataset = filled("mem://view-purge", 40).await;
    let new = view(ViewRows::Positions((10..30).rev().collect()));
    let dataset = dataset.save_view("some", new, "").await.unwrap();
    let opened = dataset.view("some").await.unwrap();
    opened.materialize_branch("copy", "", |_, _| {}).await.unwrap();
    let (dataset, purged) = dataset.purge(&[12, 35], "").await.unwrap();
    assert_eq!(purged.rows, [("copy".to_string(), 1), ("main".to_string(), 2)]);
    assert_eq!(purged.names, ["some"]);
    let copy = dataset.at_name("copy").await.unwrap();
    assert_eq!(copy.positions_of(&[12, 13]).await.unwrap(), [None, Some(16)]);
}

#[tokio::test]
async fn a_view_with_a_row_twice_is_no_branch() {
    let dataset = filled("mem://view-twice", 10).await;
    let new = view(ViewRows::Positions(vec![1, 2, 1]));
    let dataset = dataset.save_view("twice", new, "").await.unwrap();
    let opened = dataset.view("twice").await.unwrap();
    let refused = opened.materialize_branch("copy", "", |_, _| panic!()).await.unwrap_err();
    assert!(refused.to_string().contains("as a dataset"), "{refused}");
}
