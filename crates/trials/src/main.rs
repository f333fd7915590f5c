//! The trials alone, without the query engine and its long build:
//! `cargo run --release -p lakebed-trials -- --long kills steps`.

fn main() -> std::process::ExitCode {
    lakebed_trials::survive::main(std::env::args().skip(1))
}
