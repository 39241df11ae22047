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
pub const ALL: &[Engine] = &[
    Engine {
        name: "interpreter",
        load: |package| load(package, cop_vm::Engine::Interpreter),
    },
    Engine {
        name: "machine code",
        load: |package| load(package, cop_vm::Engine::Jit),
    },
    // Calls go back and forth between the two, at other places in each run.
    Engine {
        name: "both",
        load: |package| load(package, cop_vm::Engine::Auto),
    },
];

fn load(package: &Package, engine: cop_vm::Engine) -> Result<Box<dyn Inspected>, String> {
    let program = Program::load(package).map_err(|refusal| refusal.to_string())?;
    if cop_vm::MACHINE_CODE {
        for entry in program.entries() {
            match engine {
                cop_vm::Engine::Interpreter => {}
                cop_vm::Engine::Jit => program.compile(&entry.name)?,
                // Nothing was called yet: entry points alone, and what is small.
                cop_vm::Engine::Auto => program.compile_called(&entry.name)?,
            }
        }
    }
    Ok(Box::new(Watched {
        program,
        engine,
        live_cells: Mutex::new(0),
    }))
}

struct Watched {
    program: Program,
    engine: cop_vm::Engine,
    live_cells: Mutex<u64>,
}

impl Loaded for Watched {
    fn hash(&self) -> Hash {
        self.program.hash()
    }

    fn capabilities(&self, entry: &str) -> Option<Vec<String>> {
        let mut entries = self.program.entries().iter();
        Some(entries.find(|one| one.name == entry)?.capabilities.clone())
    }

    fn run(&self, entry: &str, limits: Limits, host: &mut dyn Host) -> Outcome {
        let (outcome, remains) =
            cop_vm::run_inspected(&self.program, entry, limits, host, self.engine);
        *self.live_cells.lock().expect("not poisoned") = remains.live_cells;
        outcome
    }
}

impl Inspected for Watched {
    fn live_cells(&self) -> u64 {
        *self.live_cells.lock().expect("not poisoned")
    }
}
