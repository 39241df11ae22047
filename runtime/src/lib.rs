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
//! | [`answer`] | what goes in and comes out of a run |
//! | [`failure`] | everything that can go wrong with a request, in one table |
//! | [`execution`] | the door: publish, run, list, health |

pub mod address;
pub mod answer;
pub mod bundle;
pub mod codec;
pub mod execution;
pub mod failure;
pub mod keys;
pub mod manifest;
pub mod records;
pub mod release;

pub use address::{Address, ProgramName};
pub use answer::{Cache, Dependence, ProgramRef, RunId, RunInfo, WebAnswer, WebRequest};
pub use bundle::{Bundle, BundleParts};
pub use cop_bytecode::Hash;
pub use execution::{
    Execution, ExecutionConfig, Health, OpenError, ProgramListing, Published, ReleaseInfo,
};
pub use failure::{AskPeers, Cached, Failure, FailureCode, FailureReport, TrapReport};
pub use keys::{KeyStore, PublicKey, SecretKey};
pub use manifest::{Manifest, ProgramKind};
pub use release::{Release, SignedRelease};
