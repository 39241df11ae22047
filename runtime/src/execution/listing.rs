//! What the door tells of programs and of itself.

use cop_bytecode::Hash;

use crate::address::{Address, ProgramName};
use crate::engine::BackgroundFigures;
use crate::manifest::ProgramKind;
use crate::self_check::SelfCheckFigures;
use crate::store::programs::{StoredProgram, StoredRelease};

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
    /// Runs that hold no worker, since they wait for an answer from elsewhere.
    pub waiting: usize,
    /// Messages of programs that wait to be delivered.
    pub messages: usize,
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
    /// How often two runs that were told the same did not do the same. Anything but 0 is a defect of an engine.
    pub disagreements: u64,
    /// What has come of doing runs again in the other engine.
    pub self_check: SelfCheckFigures,
    /// What runs programs: `auto`, `jit` or `interpreter`.
    pub engine: &'static str,
    /// What was compiled to machine code.
    pub compiled: BackgroundFigures,
}

impl From<StoredRelease> for ReleaseInfo {
    fn from(stored: StoredRelease) -> ReleaseInfo {
        let release = stored.signed.release();
        ReleaseInfo {
            address: stored.signed.address(),
            name: release.name.clone(),
            number: release.number,
            release_hash: stored.signed.hash(),
            bundle_hash: release.bundle,
            package_hash: release.package,
            time_ms: release.time_ms,
            capabilities: release.capabilities.clone(),
            fuel: release.fuel,
            memory_bytes: release.memory_bytes,
            bundle_bytes: stored.bundle_bytes,
            kind: stored.kind,
        }
    }
}

impl From<StoredProgram> for ProgramListing {
    fn from(stored: StoredProgram) -> ProgramListing {
        ProgramListing {
            newest: stored.newest.into(),
            releases: stored.releases,
            state_bytes: stored.state_bytes,
        }
    }
}
