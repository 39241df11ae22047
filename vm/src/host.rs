//! What a program asks of the node: bytes in, bytes out.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use cop_bytecode::TrapKind;

/// Answers the host calls of a run. Arguments and answers are canonical leaves of the interface's types.
pub trait Host {
    /// Answers one call, such as `kv`, `get`.
    fn call(&mut self, interface: &str, function: &str, argument: &[u8]) -> Answer;

    /// A flag that is set when nobody waits for the run any more: it is then refused, at the latest after some milliseconds.
    /// Asked for once, at the beginning of a run.
    fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        None
    }
}

/// The answer to a host call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The value that the call gives.
    Bytes(Vec<u8>),
    /// The run ends with a trap: a limit of the host, such as [`TrapKind::LogLimit`], and its operands.
    Trap(TrapKind, [i64; 2]),
    /// The run ends well, without a result: the host keeps the response that was handed over.
    Stop,
    /// The run ends without an outcome, for a reason of the node.
    Refuse(String),
}

/// A host that knows no function; for programs that ask nothing.
pub struct NoHost;

impl Host for NoHost {
    fn call(&mut self, interface: &str, function: &str, _: &[u8]) -> Answer {
        Answer::Refuse(format!("no host answers `{interface}.{function}`"))
    }
}
