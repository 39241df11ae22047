//! What a node is set to, and why a data folder cannot be used.

use std::fmt;
use std::path::PathBuf;

use cop_bytecode::{Hash, limits};

/// What a node grants and keeps. Everything here can only refuse, delay or slow down; it never changes an outcome.
#[derive(Clone, Debug)]
pub struct ExecutionConfig {
    /// The network whose releases are accepted.
    pub network: Hash,
    /// What runs the programs. Nothing that can be observed depends on it but time.
    pub engine: cop_vm::Engine,
    /// Memory of machine code, in bytes; when there is so much, no more is made until programs have gone from memory.
    pub code_bytes: u64,
    /// Files of machine code that outlive the node, in bytes; 0 for none.
    pub code_file_bytes: u64,
    /// One run in so many is done again in the other engine, to see that they agree; 0 for none.
    pub self_check: u64,
    /// Threads that run programs; 0 means two per core, and at least four. One program gets at most half of them.
    pub workers: usize,
    /// Runs that may wait for a worker; 0 means 64 per worker and two of those.
    pub queue: usize,
    /// Highest fuel per run that a release may ask for.
    pub fuel_max: u64,
    /// Highest memory per run that a release may ask for, in bytes.
    pub memory_max_bytes: u64,
    /// Share of the store per publisher, in bytes.
    pub publisher_quota_bytes: u64,
    /// State per program, in bytes.
    pub state_quota_bytes: u64,
    /// Of each program's state, past commits that are kept to look back at, in bytes.
    pub history_bytes: u64,
    /// Memory for remembered answers, in bytes.
    pub cache_bytes: usize,
    /// Memory for files that are served as they are, in bytes.
    pub assets_bytes: usize,
    /// Memory for the records of the last runs, in bytes.
    pub transcripts_bytes: usize,
    /// Disk for the records of runs that trapped or wrote, in bytes; 0 keeps none there.
    pub records_bytes: u64,
}

/// The network of nodes that were told of no other.
pub fn local_network() -> Hash {
    Hash::tagged("cop network 1", &[b"local"])
}

impl Default for ExecutionConfig {
    fn default() -> ExecutionConfig {
        ExecutionConfig {
            network: local_network(),
            engine: cop_vm::Engine::Auto,
            code_bytes: 256 << 20,
            code_file_bytes: 256 << 20,
            self_check: 1_024,
            workers: 0,
            queue: 0,
            fuel_max: limits::FUEL_MAX,
            memory_max_bytes: limits::MEMORY_MAX,
            publisher_quota_bytes: 1 << 30,
            state_quota_bytes: 256 << 20,
            history_bytes: 16 << 20,
            cache_bytes: 64 << 20,
            assets_bytes: 32 << 20,
            transcripts_bytes: 64 << 20,
            records_bytes: 64 << 20,
        }
    }
}

/// Why a data folder cannot be used.
#[derive(Debug)]
pub enum OpenError {
    /// Another process uses the folder.
    InUse {
        /// The folder.
        folder: PathBuf,
        /// Its process id, if it could be read.
        pid: Option<u32>,
    },
    /// The folder or a file in it cannot be made, read or written.
    Folder {
        /// What could not be used.
        path: PathBuf,
        /// The system's reason.
        cause: std::io::Error,
    },
    /// The store's file is damaged or not a store.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The store was written by a newer version of the node.
    Newer {
        /// The file.
        path: PathBuf,
        /// Version of its tables.
        found: u32,
        /// Newest version that this node reads.
        known: u32,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::InUse { folder, pid } => {
                write!(
                    out,
                    "the data folder {} is in use by another node",
                    folder.display()
                )?;
                match pid {
                    Some(pid) => write!(
                        out,
                        " (process {pid}); stop that one first, or choose another folder with --data"
                    ),
                    None => {
                        out.write_str("; stop that one first, or choose another folder with --data")
                    }
                }
            }
            OpenError::Folder { path, cause } => write!(
                out,
                "cannot use {}: {cause}; the node needs a folder that it may read and write (--data)",
                path.display()
            ),
            OpenError::Damaged { path, detail } => write!(
                out,
                "the store {} cannot be read: {detail}; `copd fsck` says what is damaged; restore it from a backup, or move it away to start with an empty one",
                path.display()
            ),
            OpenError::Newer { path, found, known } => write!(
                out,
                "the store {} has version {found}, this node reads versions up to {known}; use a newer copd",
                path.display()
            ),
        }
    }
}

impl std::error::Error for OpenError {}
