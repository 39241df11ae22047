//! Programs whose runs are watched instruction by instruction, for debuggers.

use std::sync::{Mutex, PoisonError};

use cop_bytecode::{Entry, Hash};

use cop_vm::Background;

use crate::engine::{Host, Limits, Loaded, Outcome, verified};

pub use cop_vm::{Moment, Watched, Watcher};

/// Makes a watcher for a run.
pub type MakeWatcher = Box<dyn FnMut() -> Box<dyn Watcher> + Send>;

/// A program whose runs are watched. Outcomes are those of the interpreter; a run that its watcher ends is refused.
pub struct SteppedProgram {
    program: cop_vm::Program,
    watcher: Mutex<MakeWatcher>,
}

impl SteppedProgram {
    /// Decodes and verifies a package, like [`crate::engine::Engine::load`]; each run gets a watcher.
    pub fn load(
        interface: &[u8],
        code: &[u8],
        watcher: MakeWatcher,
    ) -> Result<SteppedProgram, String> {
        Ok(SteppedProgram {
            program: verified(interface, code, Background::of_process())?,
            watcher: Mutex::new(watcher),
        })
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        let mut entries = self.program.entries().iter();
        entries.find(|entry| entry.name == name)
    }
}

impl Loaded for SteppedProgram {
    fn hash(&self) -> Hash {
        self.program.hash()
    }

    fn capabilities(&self, entry: &str) -> Option<Vec<String>> {
        Some(self.entry(entry)?.capabilities.clone())
    }

    fn run(&self, entry: &str, limits: Limits, host: &mut dyn Host) -> Outcome {
        let watcher = {
            let mut make = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
            make()
        };
        cop_vm::run_stepped(&self.program, entry, limits, host, watcher)
    }
}
