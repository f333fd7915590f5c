//! The same dataset over the protocol of S3, against a server in this process.

use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Options;
use lakebed_dataset::Result;

use super::append;
use super::append_numbers;
use super::batch;
use super::numbers;
use super::read_all;
use super::read_numbers;
use super::server::Mishap;
use super::server::S3Server;
use super::varied;
use super::varied_rows;

async fn open(
    server: &S3Server,
    prefix: &str,
    schema: Option<lakebed_core::Schema>,
) -> Result<Dataset> {
    let url = server.url(prefix);
    let settings = server.options();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let (store, meter) = lakebed_store::open_with(&url, &settings)?;
    match schema {
        Some(schema) => Dataset::create_in(&url, store, meter, schema, Options::default()).await,
        None => Dataset::open_in(&url, store, meter, Options::default()).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_on_s3_is_written_reopened_read_and_verified() {
    let server = S3Server::start();
    assert!(matches!(open(&server, "d", None).await, Err(Error::NotADataset { .. })));
    let mut dataset = open(&server, "d", Some(varied())).await.unwrap();
    assert!(matches!(open(&server, "d", Some(varied())).await, Err(Error::Exists { .. })));
    let parts = [varied_rows(&varied(), 0, 100), varied_rows(&varied(), 100, 130)];
    for part in &parts {
        dataset = append(&dataset, part).await.unwrap();
    }
    let dataset = open(&server, "d", None).await.unwrap();
    assert!(dataset.metrics().snapshot().requests() <= 3);
    assert_eq!(read_all(&dataset).await.unwrap(), parts);
    let report = dataset.verify(|_, _| ()).await.unwrap();
    assert!(report.damage.is_empty() && report.entries == 3, "{report:?}");
    // Flip a byte behind the server's back.
    let mut packs = Vec::new();
    files(&server.folder().join("bucket/d/data"), &mut packs);
    let mut bytes = std::fs::read(&packs[0]).unwrap();
    bytes[3] ^= 1;
    std::fs::write(&packs[0], bytes).unwrap();
    let dataset = open(&server, "d", None).await.unwrap();
    assert_eq!(dataset.verify(|_, _| ()).await.unwrap().damage.len(), 1);
    assert!(read_all(&dataset).await.unwrap_err().is_damage());
}

fn files(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_on_s3_do_not_lose_each_others_commits() {
    let server = std::sync::Arc::new(S3Server::start());
    open(&server, "race", Some(numbers())).await.unwrap();
    let tasks: Vec<_> = (0..4i64)
        .map(|task| {
            let server = std::sync::Arc::clone(&server);
            tokio::spawn(async move {
                let dataset = open(&server, "race", None).await.unwrap();
                for i in 0..10 {
                    append_numbers(&dataset, vec![task * 10 + i]).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let dataset = open(&server, "race", None).await.unwrap();
    let mut numbers = read_numbers(&dataset).await;
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..40));
    assert_eq!(dataset.version(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_on_the_wire_commit_once() {
    let server = S3Server::start();
    let dataset = open(&server, "lost", Some(numbers())).await.unwrap();
    for (i, mishap) in
        [Mishap::LandsUnanswered, Mishap::Conflict, Mishap::LandsUnavailable, Mishap::NeverArrives]
            .into_iter()
            .enumerate()
    {
        let number: arrow::array::ArrayRef =
            std::sync::Arc::new(arrow::array::Int64Array::from(vec![i as i64]));
        let mut writer = dataset.append().unwrap();
        writer.write(&batch(dataset.schema(), vec![number])).await.unwrap();
        // The pack is the first whole object; `None` of these keeps the commit from landing once.
        server.go_wrong(&[mishap]);
        match writer.commit("rows").await {
            Ok(committed) => assert_eq!(read_numbers(&committed).await.last(), Some(&(i as i64))),
            Err(error) => panic!("{mishap:?}: {error}"),
        }
    }
    let dataset = open(&server, "lost", None).await.unwrap();
    assert_eq!(read_numbers(&dataset).await, [0, 1, 2, 3]);
    assert_eq!(dataset.version(), 4);
}
