//! What comes after `cargo bench --`.

use std::path::PathBuf;

/// The arguments of a benchmark.
#[derive(Debug, Default)]
pub struct Arguments {
    /// Where figures are written as JSON lines.
    pub json: Option<PathBuf>,
    /// Small sizes, to try the benchmark itself.
    pub quick: bool,
    /// Parts of names; a work runs if its name holds one of them, or if there are none.
    pub names: Vec<String>,
}

impl Arguments {
    /// Those of this process. `--bench`, which cargo adds, means nothing here.
    pub fn of_process() -> Arguments {
        let mut found = Arguments::default();
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--bench" => {}
                "--quick" => found.quick = true,
                "--json" => {
                    found.json = Some(words.next().expect("--json needs a file name").into());
                }
                flag if flag.starts_with('-') => {
                    panic!("unknown argument {flag}; there are --json FILE, --quick and names")
                }
                name => found.names.push(name.to_string()),
            }
        }
        found
    }

    /// True if a work of this name is to run.
    pub fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|part| name.contains(part.as_str()))
    }
}
