//! What a dataset must survive, in figures: `cargo run --release --example survive -- --long`.

fn main() -> std::process::ExitCode {
    lakebed_trials::survive::main(std::env::args().skip(1))
}
