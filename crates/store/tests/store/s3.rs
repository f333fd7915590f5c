//! What S3 has to promise, over the wire.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lakebed_store::Error;
use lakebed_store::Outcome;
use lakebed_store::create_resolved;

use super::on;
use super::server::Mishap;
use super::server::S3Server;

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_raced_creates_each_has_one_winner() {
    let server = S3Server::start();
    let store = on(&server, "races");
    for batch in 0..20 {
        let racers: Vec<_> = (0..200u8)
            .map(|i| {
                let store = Arc::clone(&store);
                let key = format!("log/{batch}-{}", i / 4);
                tokio::spawn(async move {
                    match store.create(&key, Bytes::from(vec![i; 50])).await {
                        Ok(()) => Some(i),
                        Err(Error::AlreadyExists { .. }) => None,
                        Err(other) => panic!("{other}"),
                    }
                })
            })
            .collect();
        let mut winners = vec![Vec::new(); 50];
        for (i, racer) in racers.into_iter().enumerate() {
            winners[i / 4].extend(racer.await.unwrap());
        }
        for (key, won) in winners.iter().enumerate() {
            assert_eq!(won.len(), 1, "batch {batch}, key {key}: {won:?}");
            let bytes = store.get(&format!("log/{batch}-{key}")).await.unwrap();
            assert_eq!(bytes, vec![won[0]; 50]);
        }
    }
    assert_eq!(store.list("log").await.unwrap().len(), 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_on_the_wire_resolve() {
    let server = S3Server::start();
    let store = on(&server, "lost");
    for (number, mishaps) in [
        &[Mishap::LandsUnanswered][..],
        &[Mishap::LandsUnavailable],
        &[Mishap::Conflict],
        &[Mishap::NeverArrives],
        &[Mishap::NeverArrives, Mishap::Conflict, Mishap::LandsUnanswered],
    ]
    .iter()
    .enumerate()
    {
        let key = format!("log/{number}");
        server.go_wrong(mishaps);
        let bytes = Bytes::from(format!("entry {number}"));
        let outcome = create_resolved(&*store, &key, bytes.clone(), 5).await.unwrap();
        assert_eq!(outcome, Outcome::Created, "{mishaps:?}");
        assert_eq!(store.get(&key).await.unwrap(), bytes);
        server.go_wrong(mishaps);
        let other = create_resolved(&*store, &key, Bytes::from_static(b"other"), 9).await;
        assert_eq!(other.unwrap(), Outcome::Taken(bytes), "{mishaps:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_upload_is_aborted() {
    let server = S3Server::start();
    let store = on(&server, "uploads");
    let parts = || {
        let files = std::fs::read_dir(server.folder()).unwrap();
        files.filter(|f| f.as_ref().unwrap().path().to_string_lossy().contains("upload")).count()
    };
    let mut writer = store.writer("pack").await.unwrap();
    for _ in 0..6 {
        writer.write(Bytes::from(vec![1; 8 << 20])).await.unwrap();
    }
    assert!(parts() > 0);
    drop(writer);
    for _ in 0..200 {
        if parts() == 0 {
            assert!(store.get("pack").await.unwrap_err().is_not_found());
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} files of the upload are left", parts());
}

#[tokio::test]
async fn wrong_credentials_are_typed() {
    let server = S3Server::start();
    let mut options = server.options();
    options.push(("AWS_SECRET_ACCESS_KEY", "wrong".to_owned()));
    let options: Vec<(&str, &str)> = options.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let store = lakebed_store::open_with(&server.url("x"), &options).unwrap().0;
    let denied = store.create("k", Bytes::new()).await.unwrap_err();
    assert!(matches!(denied, Error::Denied { .. }) && !denied.may_have_landed(), "{denied:?}");
}

#[test]
fn the_environment_configures_s3() {
    let server = S3Server::start();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "s3::in_a_process_with_the_environment", "--ignored"]);
    let status = child.envs(server.options()).env("TEST_URL", server.url("env")).status().unwrap();
    assert!(status.success());
    let written = server.folder().join("bucket/env/from-child");
    assert_eq!(std::fs::read(written).unwrap(), b"hello");
}

#[tokio::test]
#[ignore = "run by the_environment_configures_s3"]
async fn in_a_process_with_the_environment() {
    let store = lakebed_store::open(&std::env::var("TEST_URL").unwrap()).unwrap();
    store.create("from-child", Bytes::from_static(b"hello")).await.unwrap();
    assert_eq!(store.get("from-child").await.unwrap(), "hello");
}
