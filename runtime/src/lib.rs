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
//! | [`answer`] | what goes in and comes out of a run |
//! | [`failure`] | everything that can go wrong with a request, in one table |
//! | [`execution`] | the door: publish, run, list, health |

pub mod address;
pub mod answer;
pub mod codec;
pub mod execution;
pub mod failure;
pub mod keys;

pub use address::{Address, ProgramName};
pub use answer::{Cache, Dependence, ProgramRef, RunId, RunInfo, WebAnswer, WebRequest};
pub use cop_bytecode::Hash;
pub use execution::{
    Execution, ExecutionConfig, Health, OpenError, ProgramKind, ProgramListing, Published,
    ReleaseInfo,
};
pub use failure::{AskPeers, Cached, Failure, FailureCode, FailureReport, TrapReport};
