//! How a dataset is opened.

use lakebed_core::Env;
use lakebed_core::Limits;
use lakebed_store::Throttle;

/// When fetched samples are compared with their checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// Whenever they are fetched; what stays in the cache is not compared again.
    #[default]
    Fetched,
    /// Never; entries, nodes, manifests and directories still are.
    Never,
}

/// Settings of an open dataset; the defaults suit a machine with a few gigabytes of memory.
#[derive(Debug, Clone)]
pub struct Options {
    /// Clock and randomness.
    pub env: Env,
    /// What input may cost.
    pub limits: Limits,
    /// When samples are compared with their checksums.
    pub verify: Verify,
    /// Bytes of manifests and directories that are kept.
    pub cache_bytes: u64,
    /// Bytes that one writer buffers over all columns.
    pub buffer_bytes: usize,
    /// Bytes of samples that a chunk aims for.
    pub chunk_bytes: usize,
    /// Bytes after which a writer begins another pack.
    pub pack_bytes: u64,
    /// Bytes of payload that all reads of this dataset may have in flight.
    pub in_flight_bytes: u64,
    /// Reads that decode at the same time; 0 for one a core.
    pub decode_threads: usize,
    /// Reads a local dataset through memory maps: nothing is copied, and a block of tensors or an
    /// image that was compared with its checksum once is not compared again while its chunk's
    /// directory is cached. No other program may change the files meanwhile; one that cuts a mapped
    /// file short ends this process. No effect on remote stores, where every fetch is compared.
    pub memory_map: bool,
    /// Makes the store as slow as one far away, to see what reading less saves; `None` leaves it
    /// as fast as it is.
    pub throttle: Option<Throttle>,
    /// How often a commit goes on top of others that came first.
    pub commit_attempts: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            env: Env::system(),
            limits: Limits::default(),
            verify: Verify::default(),
            cache_bytes: 64 << 20,
            buffer_bytes: 64 << 20,
            chunk_bytes: lakebed_format::CHUNK_TARGET,
            pack_bytes: 512 << 20,
            in_flight_bytes: 256 << 20,
            decode_threads: 0,
            memory_map: false,
            throttle: None,
            commit_attempts: 32,
        }
    }
}
