//! What runs bytecode, seen from here: bytes in, an outcome out, and host calls in between.
//!
//! The door is a trait so that the layers above are tested against scripted programs, and so that a second engine can stand
//! beside the interpreter.

use std::sync::Arc;

use cop_bytecode::{Hash, TrapKind};

/// Loads packages.
pub trait Engine: Send + Sync {
    /// What answers call it, such as `interpreter`.
    fn name(&self) -> &'static str;

    /// Decodes and verifies a package from its two blobs. The error says what was refused.
    fn load(&self, interface: &[u8], code: &[u8]) -> Result<Arc<dyn Loaded>, String>;
}

/// A verified program.
pub trait Loaded: Send + Sync {
    /// The package hash.
    fn hash(&self) -> Hash;

    /// The capabilities that an entry point takes, in order; `None` if there is no such entry point.
    fn capabilities(&self, entry: &str) -> Option<Vec<String>>;

    /// Runs an entry point that exists.
    fn run(&self, entry: &str, limits: Limits, host: &mut dyn Host) -> Outcome;
}

/// What a run may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Limits {
    /// Fuel.
    pub fuel: u64,
    /// Memory, in bytes.
    pub memory_bytes: u64,
}

/// Whom a running program asks.
pub trait Host {
    /// One host call. Argument and answer are canonical leaves.
    fn call(&mut self, interface: &str, function: &str, argument: &[u8]) -> Answer;
}

/// What a host says.
pub enum Answer {
    /// The canonical leaves of the result.
    Bytes(Vec<u8>),
    /// The run ends with this trap.
    Trap(TrapKind, [i64; 2]),
    /// The run ends, and the host knows the answer.
    Stop,
    /// The run ends without an outcome.
    Refuse(String),
}

/// How a run ended and what it used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How.
    pub end: End,
    /// Fuel used.
    pub fuel_used: u64,
    /// Greatest memory.
    pub peak_memory_bytes: u64,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With the result of its entry point.
    Returned(Vec<u8>),
    /// Because the host said stop.
    Stopped,
    /// With a trap.
    Trapped(Trap),
    /// Without an outcome.
    Refused(String),
}

/// A trap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Which.
    pub kind: TrapKind,
    /// Where.
    pub position: Position,
    /// Its operands.
    pub operands: [i64; 2],
    /// The program's own message.
    pub message: Option<String>,
    /// The calls that led there, innermost first. Not part of the outcome.
    pub backtrace: Vec<Position>,
}

/// A place in a package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Function index.
    pub function: u32,
    /// Instruction index.
    pub instruction: u32,
}

/// The engine of this build.
pub fn interpreter() -> Arc<dyn Engine> {
    Arc::new(NoEngine)
}

/// Stands where the interpreter will.
struct NoEngine;

impl Engine for NoEngine {
    fn name(&self) -> &'static str {
        "none"
    }

    fn load(&self, _: &[u8], _: &[u8]) -> Result<Arc<dyn Loaded>, String> {
        Err("this build has no engine".to_owned())
    }
}
