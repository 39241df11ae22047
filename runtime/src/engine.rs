//! What runs bytecode, seen from here: bytes in, an outcome out, and host calls in between.
//!
//! The door is a trait so that the layers above are tested against scripted programs, and so that a second engine can stand
//! beside the interpreter of `vm`.

use std::sync::Arc;

use cop_bytecode::{Entry, Hash, HostFunction, decode};

use crate::host::HostCall;

pub use cop_vm::{Answer, End, Host, Limits, Outcome, Position, Trap};

/// Version of every host interface.
const INTERFACE_VERSION: u32 = 1;

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

/// The interpreter of `vm`.
pub fn interpreter() -> Arc<dyn Engine> {
    Arc::new(Interpreter)
}

struct Interpreter;

impl Engine for Interpreter {
    fn name(&self) -> &'static str {
        "interpreter"
    }

    fn load(&self, interface: &[u8], code: &[u8]) -> Result<Arc<dyn Loaded>, String> {
        let package = decode(interface, code).map_err(|error| error.to_string())?;
        // Before any fuel is used: a host that lacks something says so here, not in the middle of a run.
        if let Some(absent) = package.host_functions.iter().find(|f| !is_known(f)) {
            return Err(format!(
                "it calls `{}.{}` (version {}), which this node does not have",
                absent.interface, absent.name, absent.version
            ));
        }
        let program = cop_vm::Program::load(&package).map_err(|refusal| refusal.to_string())?;
        Ok(Arc::new(InterpretedProgram(program)))
    }
}

fn is_known(function: &HostFunction) -> bool {
    let call = HostCall::find(&function.interface, &function.name);
    function.version == INTERFACE_VERSION
        && call.is_some_and(|call| call.needs_capability() == function.capability)
}

struct InterpretedProgram(cop_vm::Program);

impl InterpretedProgram {
    fn entry(&self, name: &str) -> Option<&Entry> {
        self.0.entries().iter().find(|entry| entry.name == name)
    }
}

impl Loaded for InterpretedProgram {
    fn hash(&self) -> Hash {
        self.0.hash()
    }

    fn capabilities(&self, entry: &str) -> Option<Vec<String>> {
        Some(self.entry(entry)?.capabilities.clone())
    }

    fn run(&self, entry: &str, limits: Limits, host: &mut dyn Host) -> Outcome {
        cop_vm::run(&self.0, entry, limits, host)
    }
}
