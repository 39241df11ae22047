//! The door of the execution system: publish, run, list, health.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::address::{Address, ProgramName};
use crate::answer::{ProgramRef, WebAnswer, WebRequest};
use crate::failure::{Failure, FailureCode};
use crate::manifest::ProgramKind;
use cop_bytecode::Hash;

/// What a node grants and keeps. Everything here can only refuse, delay or slow down; it never changes an outcome.
#[derive(Clone, Debug)]
pub struct ExecutionConfig {
    /// The network whose releases are accepted.
    pub network: Hash,
    /// Threads that run programs; 0 means one per core.
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
    /// Memory for remembered answers, in bytes.
    pub cache_bytes: usize,
    /// Memory for the records of the last runs, in bytes.
    pub transcripts_bytes: usize,
}

impl Default for ExecutionConfig {
    fn default() -> ExecutionConfig {
        ExecutionConfig {
            network: Hash::tagged("cop network 1", &[b"local"]),
            workers: 0,
            queue: 0,
            fuel_max: 1_000_000_000_000,
            memory_max_bytes: 128 << 20,
            publisher_quota_bytes: 1 << 30,
            state_quota_bytes: 256 << 20,
            cache_bytes: 64 << 20,
            transcripts_bytes: 64 << 20,
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
                "the store {} cannot be read: {detail}; restore it from a backup, or move it away to start with an empty one",
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

/// A publication that is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The publisher.
    pub address: Address,
    /// The name.
    pub name: ProgramName,
    /// The release number.
    pub number: u64,
    /// Hash of the signed release: the next release names it as its previous one.
    pub release_hash: Hash,
    /// The bundle.
    pub bundle_hash: Hash,
    /// The program.
    pub package_hash: Hash,
    /// Exactly this release was known before; nothing changed.
    pub already: bool,
}

/// A stored release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseInfo {
    /// The publisher.
    pub address: Address,
    /// The name.
    pub name: ProgramName,
    /// The release number.
    pub number: u64,
    /// Hash of the signed release.
    pub release_hash: Hash,
    /// The bundle.
    pub bundle_hash: Hash,
    /// The program.
    pub package_hash: Hash,
    /// When it was signed, by the publisher's word, in milliseconds since 1970.
    pub time_ms: u64,
    /// Capabilities that the publisher granted, such as `kv`.
    pub capabilities: Vec<String>,
    /// Fuel limit of a run.
    pub fuel: u64,
    /// Memory limit of a run, in bytes.
    pub memory_bytes: u64,
    /// Size of the bundle, in bytes.
    pub bundle_bytes: u64,
    /// What kind of program it is.
    pub kind: ProgramKind,
}

/// One published name with its newest release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramListing {
    /// The newest release known here.
    pub newest: ReleaseInfo,
    /// How many releases are stored.
    pub releases: u64,
    /// Bytes of state that the program keeps.
    pub state_bytes: u64,
}

/// Figures of the execution system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether the store takes writes.
    pub writable: bool,
    /// Published names.
    pub programs: u64,
    /// Publishers with at least one name.
    pub publishers: u64,
    /// Size of the store's file, in bytes.
    pub store_bytes: u64,
    /// Threads that run programs.
    pub workers: usize,
    /// Runs under way.
    pub running: usize,
    /// Runs that wait for a worker.
    pub queued: usize,
    /// Runs since the start.
    pub runs: u64,
    /// Runs that trapped since the start.
    pub traps: u64,
    /// Requests refused for lack of room since the start.
    pub refused: u64,
    /// Answers taken from the cache since the start.
    pub cache_hits: u64,
    /// Answers that needed a run since the start.
    pub cache_misses: u64,
    /// Memory that remembered answers use, in bytes.
    pub cache_bytes: usize,
}

/// The execution system of one node. A clone is another handle to the same one.
#[derive(Clone)]
pub struct Execution {
    shared: Arc<Shared>,
}

struct Shared {
    config: ExecutionConfig,
}

impl Execution {
    /// Opens the data folder, making it if needed.
    pub fn open(data_dir: &Path, config: ExecutionConfig) -> Result<Execution, OpenError> {
        std::fs::create_dir_all(data_dir).map_err(|cause| OpenError::Folder {
            path: data_dir.to_owned(),
            cause,
        })?;
        Ok(Execution {
            shared: Arc::new(Shared { config }),
        })
    }

    /// The configuration it was opened with.
    pub fn config(&self) -> &ExecutionConfig {
        &self.shared.config
    }

    /// Stores a signed release with its bundle, in one transaction. Nothing is written unless all of it is right.
    pub async fn publish(&self, release: &[u8], bundle: &[u8]) -> Result<Published, Failure> {
        let _ = (release, bundle);
        Err(Failure::new(
            FailureCode::Internal,
            "publishing is not built yet",
            "this node cannot store programs",
        ))
    }

    /// Answers a web request with a program, from the record of an earlier run where that is certain to be right.
    pub async fn run_web(
        &self,
        program: &ProgramRef,
        request: WebRequest,
    ) -> Result<WebAnswer, Failure> {
        let _ = (program, request);
        Err(Failure::new(
            FailureCode::Internal,
            "running is not built yet",
            "this node cannot run programs",
        ))
    }

    /// The published programs, of one publisher or of all, sorted by address and name.
    pub fn programs(&self, address: Option<&Address>) -> Result<Vec<ProgramListing>, Failure> {
        let _ = address;
        Ok(Vec::new())
    }

    /// The release with this number, or the newest.
    pub fn release(
        &self,
        address: &Address,
        name: &ProgramName,
        number: Option<u64>,
    ) -> Result<Option<ReleaseInfo>, Failure> {
        let _ = (address, name, number);
        Ok(None)
    }

    /// The bytes of a stored bundle.
    pub fn bundle(&self, hash: &Hash) -> Result<Option<bytes::Bytes>, Failure> {
        let _ = hash;
        Ok(None)
    }

    /// Figures for the operator and the management interface.
    pub fn health(&self) -> Health {
        Health::default()
    }

    /// Finishes what is under way and refuses everything new.
    pub async fn shut_down(&self) {}
}
