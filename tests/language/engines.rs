//! What the suite runs programs in. All engines must agree to the unit; a further one is one more row of [`ALL`].

use std::sync::Mutex;

use cop_bytecode::{Hash, Package};
use cop_runtime::engine::{Host, Limits, Loaded, Outcome};
use cop_vm::Program;

/// An engine.
pub struct Engine {
    /// What messages call it.
    pub name: &'static str,
    /// Verifies and loads a package; the error says what was refused.
    pub load: fn(&Package) -> Result<Box<dyn Inspected>, String>,
}

/// A loaded program of which more is known than its outcomes.
pub trait Inspected: Loaded {
    /// How many cells the last run left behind.
    fn live_cells(&self) -> u64;
}

/// The engines; what the first says is held against the expectations, the others against the first.
pub const ALL: &[Engine] = &[Engine {
    name: "interpreter",
    load: |package| {
        let program = Program::load(package).map_err(|refusal| refusal.to_string())?;
        let live_cells = Mutex::new(0);
        Ok(Box::new(Interpreted {
            program,
            live_cells,
        }))
    },
}];

struct Interpreted {
    program: Program,
    live_cells: Mutex<u64>,
}

impl Loaded for Interpreted {
    fn hash(&self) -> Hash {
        self.program.hash()
    }

    fn capabilities(&self, entry: &str) -> Option<Vec<String>> {
        let mut entries = self.program.entries().iter();
        Some(entries.find(|one| one.name == entry)?.capabilities.clone())
    }

    fn run(&self, entry: &str, limits: Limits, host: &mut dyn Host) -> Outcome {
        let (outcome, remains) = cop_vm::run_inspected(&self.program, entry, limits, host);
        *self.live_cells.lock().expect("not poisoned") = remains.live_cells;
        outcome
    }
}

impl Inspected for Interpreted {
    fn live_cells(&self) -> u64 {
        *self.live_cells.lock().expect("not poisoned")
    }
}
