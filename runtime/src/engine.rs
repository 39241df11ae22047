//! What runs bytecode, seen from here: bytes in, an outcome out, and host calls in between.
//!
//! The door is a trait so that the layers above are tested against scripted programs.

use std::sync::{Arc, Mutex, PoisonError};

use cop_bytecode::{Entry, Hash, HostFunction, decode};

use crate::host::HostCall;

pub use cop_vm::{
    Answer, Background, BackgroundFigures, Copies, End, Host, Limits, Outcome, Position, Profile,
    Trap,
};

/// Version of every host interface.
const INTERFACE_VERSION: u32 = 1;

/// Loads packages.
pub trait Engine: Send + Sync {
    /// What answers call it, such as `interpreter`.
    fn name(&self) -> &'static str;

    /// Decodes and verifies a package from its two blobs. The error says what was refused.
    fn load(&self, interface: &[u8], code: &[u8]) -> Result<Arc<dyn Loaded>, String>;

    /// What it has compiled beside the runs.
    fn figures(&self) -> BackgroundFigures {
        BackgroundFigures::default()
    }

    /// Does nothing more beside the runs.
    fn close(&self) {}
}

/// A verified program.
pub trait Loaded: Send + Sync {
    /// The package hash.
    fn hash(&self) -> Hash;

    /// The capabilities that an entry point takes, in order; `None` if there is no such entry point.
    fn capabilities(&self, entry: &str) -> Option<Vec<String>>;

    /// Runs an entry point that exists.
    fn run(&self, entry: &str, limits: Limits, host: &mut dyn Host) -> Outcome;

    /// The same program in another engine than the one that runs it now, to compare them; `None` if there is no other.
    fn other(&self) -> Option<Arc<dyn Loaded>> {
        None
    }

    /// Runs that begin from now on use no machine code: it was wrong.
    fn distrust_machine_code(&self) {}
}

/// The interpreter of `vm` alone.
pub fn interpreter() -> Arc<dyn Engine> {
    of_vm(cop_vm::Engine::Interpreter)
}

/// An engine of `vm`, with the background compiler of the process.
pub fn of_vm(engine: cop_vm::Engine) -> Arc<dyn Engine> {
    Arc::new(OfVm {
        engine,
        background: Background::of_process().clone(),
    })
}

/// An engine of `vm` that makes nothing new when there are so many bytes of machine code, and keeps what it makes.
pub fn of_node(
    engine: cop_vm::Engine,
    code_bytes_max: u64,
    store: Option<Arc<dyn cop_vm::CodeStore>>,
) -> Arc<dyn Engine> {
    Arc::new(OfVm {
        engine,
        background: Background::with_store(code_bytes_max, store),
    })
}

/// What configuration and answers call an engine of `vm`.
pub fn engine_name(engine: cop_vm::Engine) -> &'static str {
    match engine {
        cop_vm::Engine::Interpreter => "interpreter",
        cop_vm::Engine::Jit => "jit",
        cop_vm::Engine::Auto => "auto",
    }
}

struct OfVm {
    engine: cop_vm::Engine,
    background: Arc<Background>,
}

impl Engine for OfVm {
    fn name(&self) -> &'static str {
        engine_name(self.engine)
    }

    fn figures(&self) -> BackgroundFigures {
        self.background.figures()
    }

    fn close(&self) {
        self.background.close();
    }

    fn load(&self, interface: &[u8], code: &[u8]) -> Result<Arc<dyn Loaded>, String> {
        let program = verified(interface, code, &self.background)?;
        let engine = self.engine;
        Ok(Arc::new(VerifiedProgram { program, engine }))
    }
}

/// Decodes and verifies a package, all of whose host functions are known.
pub(crate) fn verified(
    interface: &[u8],
    code: &[u8],
    background: &Arc<Background>,
) -> Result<cop_vm::Program, String> {
    let package = decode(interface, code).map_err(|error| error.to_string())?;
    // Before any fuel is used: a host that lacks something says so here, not in the middle of a run.
    if let Some(absent) = package.host_functions.iter().find(|f| !is_known(f)) {
        return Err(format!(
            "it calls `{}.{}` (version {}), which this node does not have",
            absent.interface, absent.name, absent.version
        ));
    }
    cop_vm::Program::load_with(&package, background).map_err(|refusal| refusal.to_string())
}

fn is_known(function: &HostFunction) -> bool {
    let call = HostCall::find(&function.interface, &function.name);
    function.version == INTERFACE_VERSION
        && call.is_some_and(|call| call.needs_capability() == function.capability)
}

#[derive(Clone)]
struct VerifiedProgram {
    program: cop_vm::Program,
    engine: cop_vm::Engine,
}

impl VerifiedProgram {
    fn entry(&self, name: &str) -> Option<&Entry> {
        self.program
            .entries()
            .iter()
            .find(|entry| entry.name == name)
    }
}

impl Loaded for VerifiedProgram {
    fn hash(&self) -> Hash {
        self.program.hash()
    }

    fn capabilities(&self, entry: &str) -> Option<Vec<String>> {
        Some(self.entry(entry)?.capabilities.clone())
    }

    fn run(&self, entry: &str, limits: Limits, host: &mut dyn Host) -> Outcome {
        cop_vm::run_on(&self.program, entry, limits, host, self.engine)
    }

    fn other(&self) -> Option<Arc<dyn Loaded>> {
        let engine = match self.engine {
            // Whoever wants no machine code does not want it for this either.
            cop_vm::Engine::Interpreter => return None,
            _ if !self.program.may_have_machine_code() => return None,
            _ if self.program.has_machine_code() => cop_vm::Engine::Interpreter,
            _ => cop_vm::Engine::Jit,
        };
        let program = self.program.clone();
        Some(Arc::new(VerifiedProgram { program, engine }))
    }

    fn distrust_machine_code(&self) {
        self.program.switch_off_machine_code();
    }
}

/// A program whose runs tell where they copied what was shared: for authors. Outcomes are those of the interpreter.
pub struct WatchedProgram {
    program: VerifiedProgram,
    copies: Mutex<Copies>,
}

impl WatchedProgram {
    /// Decodes and verifies a package, like [`Engine::load`].
    pub fn load(interface: &[u8], code: &[u8]) -> Result<WatchedProgram, String> {
        let program = verified(interface, code, Background::of_process())?;
        let engine = cop_vm::Engine::Interpreter;
        Ok(WatchedProgram {
            program: VerifiedProgram { program, engine },
            copies: Mutex::default(),
        })
    }

    /// Where the last run copied, and how many bytes.
    pub fn copies(&self) -> Copies {
        let copies = self.copies.lock();
        copies.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Loaded for WatchedProgram {
    fn hash(&self) -> Hash {
        self.program.hash()
    }

    fn capabilities(&self, entry: &str) -> Option<Vec<String>> {
        self.program.capabilities(entry)
    }

    fn run(&self, entry: &str, limits: Limits, host: &mut dyn Host) -> Outcome {
        let (outcome, copies) = cop_vm::run_watched(&self.program.program, entry, limits, host);
        let mut last = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        *last = copies;
        outcome
    }
}

/// A program whose runs tell what they spent where: for authors. Outcomes are those of the interpreter.
pub struct ProfiledProgram {
    program: VerifiedProgram,
    profile: Mutex<Profile>,
}

impl ProfiledProgram {
    /// Decodes and verifies a package, like [`Engine::load`].
    pub fn load(interface: &[u8], code: &[u8]) -> Result<ProfiledProgram, String> {
        let program = verified(interface, code, Background::of_process())?;
        let engine = cop_vm::Engine::Interpreter;
        Ok(ProfiledProgram {
            program: VerifiedProgram { program, engine },
            profile: Mutex::default(),
        })
    }

    /// The same program with a profile of its own, for another run at the same time.
    pub fn again(&self) -> ProfiledProgram {
        ProfiledProgram {
            program: self.program.clone(),
            profile: Mutex::default(),
        }
    }

    /// What the last run spent where. It is gone from here then.
    pub fn take(&self) -> Profile {
        let mut profile = self.profile.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut profile)
    }
}

impl Loaded for ProfiledProgram {
    fn hash(&self) -> Hash {
        self.program.hash()
    }

    fn capabilities(&self, entry: &str) -> Option<Vec<String>> {
        self.program.capabilities(entry)
    }

    fn run(&self, entry: &str, limits: Limits, host: &mut dyn Host) -> Outcome {
        let (outcome, profile) = cop_vm::run_profiled(&self.program.program, entry, limits, host);
        *self.profile.lock().unwrap_or_else(PoisonError::into_inner) = profile;
        outcome
    }
}
