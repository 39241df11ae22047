//! The execution system of a node: keeps published programs, runs them, remembers what they answered.
//!
//! It runs bytecode and never source, and it knows nothing of HTTP connections, sockets or peers: `net` and `gateway` hand it
//! bytes through [`Execution`], the one door.
//!
//! In the order a newcomer should read:
//!
//! | module | noun |
//! |---|---|
//! | [`address`] | who publishes, and under which name |
//! | [`codec`] | canonical bytes, read and written |
//! | [`keys`] | publishers' keys and their encrypted files |
//! | [`manifest`], [`bundle`] | what is published |
//! | [`release`], [`records`] | what publishers and homes sign |
//! | [`store`] | the only door to disk |
//! | [`host`] | questions that a program can ask, one module per interface |
//! | [`transcript`] | what a run asked and was told |
//! | [`engine`] | what runs bytecode |
//! | [`run`] | one run from start to outcome |
//! | [`local`] | running outside a node, with doubles |
//! | [`cache`] | outcomes found by asking the same questions again |
//! | [`state`], [`turns`] | transactions of runs |
//! | [`heads`], [`library`], [`assets`], [`workers`], [`runs`] | newest releases, verified programs, their files, threads, records of the last runs |
//! | [`self_check`] | one run in so many is done again in the other engine |
//! | [`export`] | the state of a program on file |
//! | [`shown`] | stored values told to people |
//! | [`recorded`] | a run on file, done again |
//! | [`kept_runs`], [`sealed`] | records of runs on disk, and what only publishers read of them |
//! | [`stepping`] | a run that is watched instruction by instruction |
//! | [`receipt`] | what a node signs of a run, what that proves, and proofs that it lied |
//! | [`report`] | traps told to people |
//! | [`answer`] | a web request, its answer, and what is known of the run |
//! | [`failure`] | everything that can go wrong with a request, in one table |
//! | [`keeper`] | work that nobody waits for |
//! | [`execution`] | the door: publish, run, list, health |
//!
//! Each knows those above it in this table. Nothing here decides an outcome by wall clock, thread or order of a hash map: those
//! can only refuse.

pub mod address;
pub mod answer;
pub mod assets;
pub mod bundle;
pub mod cache;
pub mod codec;
pub mod engine;
pub mod execution;
pub mod export;
pub mod failure;
pub mod heads;
pub mod host;
pub mod keeper;
pub mod kept_runs;
pub mod keys;
pub mod library;
pub mod local;
pub mod manifest;
pub mod receipt;
pub mod recorded;
pub mod records;
pub mod release;
pub mod report;
pub mod run;
pub mod runs;
pub mod sealed;
pub mod self_check;
pub mod shown;
pub mod state;
pub mod stepping;
pub mod store;
pub mod transcript;
pub mod turns;
pub mod workers;

pub use address::{Address, ProgramName};
pub use answer::{Cache, Dependence, ProgramRef, RunId, RunInfo, WebAnswer, WebRequest};
pub use assets::Asset;
pub use bundle::{Bundle, BundleParts};
pub use cop_bytecode::Hash;
pub use execution::{
    Execution, ExecutionConfig, Health, ImportedState, MadeBackup, OpenError, Opener,
    ProgramListing, Published, ReleaseInfo, Remembered, ShownChange, ShownCommit, ShownDifference,
    ShownKey, ShownMessage, ShownState, Span, StateRoot, local_network,
};
pub use export::Export;
pub use failure::{AskPeers, Cached, Failure, FailureCode, FailureReport, TrapReport};
pub use keys::{KeyStore, PublicKey, SecretKey};
pub use local::Doubles;
pub use manifest::{Manifest, ProgramKind};
pub use recorded::RecordedRun;
pub use release::{Release, SignedRelease};
pub use runs::KeptRun;
pub use store::state::Namespace;
