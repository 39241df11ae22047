//! Machine code by Cranelift (BYTECODE.md, sections 10 and 11).
//!
//! A function is translated from its verified bytecode: regions become blocks with parameters, slots become values, fuel
//! is a value that is threaded through calls. What is short is done in place; everything else is the interpreter's own
//! instruction, run on a frame in memory ([`outside::run_steps`]), so that both engines have one meaning.
//!
//! In the order a newcomer should read: [`context`] (what machine code knows of its run), [`ground`] and [`stub`] (entering and leaving
//! it), [`callees`], [`outside`], [`direct`] and [`quick`] (what it calls), [`code`] (what is compiled together), [`abi`] (how functions call each other), [`facts`] (which checks
//! cannot fail), `body` with its parts (the translation), [`stored`] (code that outlives the process), and [`show`] (for people).

mod abi;
mod body;
mod callees;
mod closures;
mod code;
mod context;
mod direct;
mod facts;
mod ground;
mod outside;
mod quick;
mod show;
mod stack;
mod stored;
mod stub;
mod target;
mod trampoline;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};

use cop_bytecode::layout::LayoutError;
use cranelift_module::ModuleError;

use crate::native::{Wanted, Without};
use crate::program::Inner;
use crate::run::Position;

use code::{Batch, Code};
pub use ground::{Ground, enter, last_return};
pub use show::Lens;

/// Functions with more instructions than this stay in the interpreter.
const LARGEST: usize = 20_000;

/// The machine code of a function.
#[derive(Debug)]
pub struct Entry {
    code: usize,
    trampoline: usize,
    results: u32,
}

impl Entry {
    /// How many slots its results take.
    pub fn results(&self) -> usize {
        self.results as usize
    }
}

/// The machine code of a program.
#[derive(Default)]
pub struct Native {
    code: Mutex<Option<Code>>,
    /// By first address: where each function's code ends, and its instructions by offset.
    places: RwLock<BTreeMap<usize, Place>>,
    /// By function, the way into it by a closure.
    closures: OnceLock<closures::Table>,
    /// Nothing is compiled any more, nor entered by runs that begin.
    off: AtomicBool,
}

struct Place {
    end: usize,
    function: u32,
    /// Offset at which code of an instruction begins, and which.
    instructions: Vec<(u32, u32)>,
}

/// Why a function has no machine code.
enum NoCode {
    Layout(LayoutError),
    Module(Box<ModuleError>),
    Machine(String),
    /// The node is stopping.
    Stopping,
}

impl std::fmt::Display for NoCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoCode::Layout(error) => error.fmt(f),
            NoCode::Module(error) => error.fmt(f),
            NoCode::Machine(reason) => reason.fmt(f),
            NoCode::Stopping => f.write_str("the node is stopping"),
        }
    }
}

impl From<LayoutError> for NoCode {
    fn from(error: LayoutError) -> NoCode {
        NoCode::Layout(error)
    }
}

impl From<ModuleError> for NoCode {
    fn from(error: ModuleError) -> NoCode {
        NoCode::Module(Box::new(error))
    }
}

impl Native {
    /// Compiles a function with what is wanted of what it calls; how many functions that were.
    ///
    /// # Errors
    /// When something cannot be compiled. The program is interpreted then, and nothing more of it compiled. A function that is
    /// too large is interpreted itself, and what it calls is compiled all the same.
    pub fn compile(
        &self,
        program: &Inner,
        function: u32,
        wanted: Wanted,
    ) -> Result<usize, Without> {
        let mut made = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_off() {
            return Err(Without::Reason("it is switched off".into()));
        }
        let memory = program.background.memory();
        let code = match &mut *made {
            Some(code) => code,
            none if memory.has_room() => {
                let reason = |error: NoCode| Without::Reason(error.to_string());
                let (code, found) = Code::begin(program).map_err(reason)?;
                program.background.note_found(self.publish(program, found));
                none.insert(code)
            }
            _ => return Err(Without::Full),
        };
        if let Some(reason) = &code.failed {
            return Err(Without::Reason(reason.clone()));
        }
        if code.functions.contains_key(&function) {
            return Ok(0);
        }
        if !memory.has_room() {
            return Err(Without::Full);
        }
        let batch = match code.batch(program, function, wanted) {
            Ok(batch) => batch,
            Err(error) => {
                code.failed = Some(error.to_string());
                return Err(Without::Reason(error.to_string()));
            }
        };
        code.keep(program);
        let functions = self.publish(program, batch);
        match size(program, function) <= LARGEST {
            true => Ok(functions),
            false => Err(Without::Reason(format!(
                "function {function} has more than {LARGEST} instructions"
            ))),
        }
    }

    /// Lets runs find what a batch has made; how many functions that are.
    fn publish(&self, program: &Inner, batch: Batch) -> usize {
        // First of all: code that runs may end anywhere.
        let functions = batch.places.len();
        let mut all = self.places.write().unwrap_or_else(PoisonError::into_inner);
        all.extend(batch.places);
        drop(all);
        let count = program.package.functions.len();
        let table = self.closures.get_or_init(|| closures::Table::new(count));
        for (function, address) in batch.ways_in {
            table.set(function, address);
        }
        for (function, entry) in batch.entries {
            if let Ok(form) = program.code(function) {
                // Nobody else sets it: this is done under the lock.
                let _ = form.native.set(entry);
            }
        }
        functions
    }

    /// Compiles nothing more, and lets no new run enter what is there.
    pub fn switch_off(&self) {
        self.off.store(true, Ordering::Relaxed);
    }

    /// Whether it is switched off.
    pub fn is_off(&self) -> bool {
        self.off.load(Ordering::Relaxed)
    }

    /// The place in the program that called, or ended there, by the address it goes back to.
    pub(crate) fn position_of(&self, address: usize) -> Option<Position> {
        let all = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let (start, place) = all.range(..address).next_back()?;
        if address > place.end {
            return None;
        }
        // The call stands right before the address.
        let offset = (address - start - 1) as u32;
        let at = place.instructions.partition_point(|(o, _)| *o <= offset);
        let instruction = at.checked_sub(1).map_or(0, |at| place.instructions[at].1);
        Some(Position {
            function: place.function,
            instruction,
        })
    }
}

/// How many instructions a function has.
fn size(program: &Inner, function: u32) -> usize {
    program.package.functions[function as usize].body.len()
}
