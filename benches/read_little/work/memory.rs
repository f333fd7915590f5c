//! The most memory that a scan of all raw images takes: a process of its own for each way.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use datafusion::arrow::array::Array;
use datafusion::arrow::array::AsArray;
use futures::StreamExt;
use futures::TryStreamExt;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;

use crate::bench;
use crate::bench::Bench;
use crate::bench::Goal;
use crate::bench::Work;
use crate::ours;
use crate::parquet::Peer;
use crate::parquet::wire::Wire;
use crate::support::figures::Figure;

const CHILD: &str = "--child-scan";

/// True in the process that scans.
pub fn is_child() -> bool {
    std::env::args().nth(1).as_deref() == Some(CHILD)
}

/// Scans, and says how many bytes of images came out and how much memory it took.
pub fn child() {
    let arguments: Vec<String> = std::env::args().collect();
    let path = Path::new(&arguments[3]);
    let runtime = bench::runtime();
    let bytes = match arguments[2].as_str() {
        "lakebed" => runtime.block_on(lakebed(path)),
        "parquet" => runtime.block_on(parquet(path)),
        _ => plain(path),
    };
    println!("{bytes} {}", peak());
}

async fn lakebed(path: &Path) -> usize {
    let dataset = Dataset::open(path.to_str().unwrap(), Options::default()).await.unwrap();
    let session = ours::session(&[("t", &dataset)]);
    let query = session.tql("SELECT image FROM t").await.unwrap();
    let mut stream = query.stream().await.unwrap();
    let mut bytes = 0;
    while let Some(batch) = stream.try_next().await.unwrap() {
        bytes += bytes_of(batch.column(0));
    }
    bytes
}

async fn parquet(path: &Path) -> usize {
    let peer = Peer::open(&[("t", path)], 50, Wire::local()).await;
    let frame = peer.context().sql("SELECT image FROM t").await.unwrap();
    let mut stream = frame.execute_stream().await.unwrap();
    let mut bytes = 0;
    while let Some(batch) = stream.next().await {
        bytes += bytes_of(batch.unwrap().column(0));
    }
    bytes
}

fn plain(path: &Path) -> usize {
    let mut file = File::open(path).unwrap();
    let mut buffer = vec![0; 8 << 20];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => return bytes,
            read => bytes += read,
        }
    }
}

fn bytes_of(images: &dyn Array) -> usize {
    match images.as_fixed_size_list_opt() {
        Some(images) => images.len() * images.value_length() as usize,
        None => images.as_binary_view().iter().flatten().map(<[u8]>::len).sum(),
    }
}

/// Kilobytes of resident memory at their highest.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Measures the three ways.
pub fn measure(bench: &mut Bench, lake: &Path, parquet: &Path, plain: &Path, images: usize) {
    const NAME: &str = "scan_memory";
    if !bench.wants(&[NAME]) {
        return;
    }
    let mut expected = None;
    let figures =
        [("lakebed", lake), ("parquet", parquet), ("floor", plain)].map(|(engine, path)| {
            let program = std::env::current_exe().unwrap();
            let output = Command::new(program)
                .args([CHILD, engine, path.to_str().unwrap()])
                .output()
                .unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            let (bytes, peak) =
                said.trim().split_once(' ').unwrap_or_else(|| panic!("{engine}: {errors}"));
            assert_eq!(*expected.get_or_insert(bytes.to_string()), bytes, "{engine}");
            let peak: f64 = peak.parse().unwrap();
            Figure::plain(NAME, engine, peak * 1024.0 / 1e6, "MB")
        });
    let what = "most resident memory of a process that scans all raw 512 x 512 x 3 images; floor: reads of 8 MiB";
    let work = Work::new(NAME, what).for_information().goal(Goal::AtMost(256.0));
    bench.record(work, images, figures.into());
}
