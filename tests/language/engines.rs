//! What the suite runs programs in. All engines must agree to the unit; a further one is one more row of [`ALL`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use cop_bytecode::{Hash, Package};
use cop_runtime::engine::{Host, Limits, Loaded, Outcome};
use cop_vm::{Background, CodeStore, Program};

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
    // As a node does that was started again.
    Engine {
        name: "stored machine code",
        load: load_stored,
    },
    // Calls go back and forth between the two, at other places in each run.
    Engine {
        name: "both",
        load: |package| load(package, cop_vm::Engine::Auto),
    },
];

/// What has become machine code in the order of [`ALL`], which puts the row that keeps it before the one that takes it.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<Hash, Vec<u8>>>);

impl CodeStore for Kept {
    fn get(&self, key: &Hash) -> Option<Vec<u8>> {
        self.0.lock().expect("not poisoned").get(key).cloned()
    }

    fn put(&self, key: &Hash, content: &[u8]) {
        let mut all = self.0.lock().expect("not poisoned");
        all.insert(*key, content.to_vec());
    }

    fn remove(&self, key: &Hash) {
        self.0.lock().expect("not poisoned").remove(key);
    }
}

/// What a node has that compiles, and keeps what it made.
fn keeping() -> Arc<Background> {
    static KEPT: OnceLock<Arc<Kept>> = OnceLock::new();
    let kept = KEPT.get_or_init(Arc::default).clone();
    Background::with_store(u64::MAX, Some(kept))
}

/// With the machine code that loading it before has left behind, and no other.
fn load_stored(package: &Package) -> Result<Box<dyn Inspected>, String> {
    let background = keeping();
    let program = load_with(package, cop_vm::Engine::Jit, &background)?;
    if cop_vm::MACHINE_CODE && !package.entries.is_empty() && background.figures().found == 0 {
        return Err("none of its machine code was kept".to_owned());
    }
    Ok(program)
}

fn load(package: &Package, engine: cop_vm::Engine) -> Result<Box<dyn Inspected>, String> {
    let background = match engine {
        cop_vm::Engine::Jit => &keeping(),
        _ => Background::of_process(),
    };
    load_with(package, engine, background)
}

fn load_with(
    package: &Package,
    engine: cop_vm::Engine,
    background: &Arc<Background>,
) -> Result<Box<dyn Inspected>, String> {
    let program = Program::load_with(package, background).map_err(|refusal| refusal.to_string())?;
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
