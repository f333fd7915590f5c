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
    /// Who commits, for the log; at most 256 bytes.
    pub author: Option<String>,
    /// What input may cost.
    pub limits: Limits,
    /// When samples are compared with their checksums.
    pub verify: Verify,
    /// Bytes of manifests and directories that are kept.
    pub cache_bytes: u64,
    /// Bytes of blocks that are kept of a remote store, so that near samples share a request and
    /// what was read stays: a part of the memory of this process beside
    /// [`Options::cache_bytes`]. 0 keeps none; a local disk has the system's own cache, and keeps
    /// none here.
    pub block_cache_bytes: u64,
    /// Bytes that one writer buffers over all columns.
    pub buffer_bytes: usize,
    /// Bytes of samples that a chunk aims for.
    pub chunk_bytes: usize,
    /// Tensors of more bytes than this are written in tiles of about an eighth of it, so that a
    /// slice of one reads the tiles that it meets.
    pub tiled_above_bytes: usize,
    /// Bytes after which a writer begins another pack.
    pub pack_bytes: u64,
    /// Bytes of names (branches, tags, views) in a log entry; of more, most go into an object of
    /// their own, and an entry holds those that were set since.
    pub inline_refs_bytes: usize,
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
            author: None,
            limits: Limits::default(),
            verify: Verify::default(),
            cache_bytes: 64 << 20,
            block_cache_bytes: 64 << 20,
            buffer_bytes: 64 << 20,
            chunk_bytes: lakebed_format::CHUNK_TARGET,
            tiled_above_bytes: lakebed_format::CHUNK_TARGET,
            pack_bytes: 512 << 20,
            inline_refs_bytes: lakebed_format::entry::MAX_INLINE_REFS,
            in_flight_bytes: 256 << 20,
            decode_threads: 0,
            memory_map: false,
            throttle: None,
            commit_attempts: 32,
        }
    }
}
