//! Running an entry point of a program: from limits and a host to an outcome.

use std::collections::BTreeMap;

use cop_bytecode::{Constant, TrapKind, Type, limits};

use crate::flat::Code;
use crate::heap::Heap;
use crate::host::Host;
use crate::interpret::{Interpreter, Notes};
use crate::machine::{FUEL_SLICE, Machine, Stop, Warm};
use crate::memory::{Arena, Ref};
use crate::native::{Engine, Wanted};
use crate::profile::{Profile, Recorder};
use crate::program::{Inner, Program};
use crate::stepping::{Watcher, Watching};

/// What a run may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Fuel, at most [`limits::FUEL_MAX`].
    pub fuel: u64,
    /// Memory in bytes, at most [`limits::MEMORY_MAX`].
    pub memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            fuel: limits::FUEL_DEFAULT,
            memory_bytes: limits::MEMORY_DEFAULT,
        }
    }
}

/// What came of a run. The same on every node for the same program, entry, limits and answers of the host, save
/// for [`End::Refused`], which is no outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// Fuel used, at most the limit.
    pub fuel_used: u64,
    /// The most memory that was used at once, bytes.
    pub peak_memory_bytes: u64,
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// The entry returned these bytes.
    Returned(Vec<u8>),
    /// The host ended it and keeps the response.
    Stopped,
    /// It trapped.
    Trapped(Trap),
    /// It ended for a reason of the node.
    Refused(String),
}

/// A trap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trap {
    /// Kind.
    pub kind: TrapKind,
    /// Innermost position.
    pub position: Position,
    /// Operands as [`TrapKind::operands`] says.
    pub operands: [i64; 2],
    /// Text of a panic, failed assertion or expectation.
    pub message: Option<String>,
    /// All positions, innermost first. A diagnostic, no part of the outcome.
    pub backtrace: Vec<Position>,
}

/// A place in a program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position {
    /// Index of the function.
    pub function: u32,
    /// Index of the instruction.
    pub instruction: u32,
}

/// Bytes that a run copied because a value was shared when it was changed, by where: the instruction, then the calls that
/// led there, innermost first and at most 16.
pub type Copies = BTreeMap<Vec<Position>, u64>;

/// What is left of a run's memory, for tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remains {
    /// Cells alive after the result was dropped; 0 unless the run trapped.
    pub live_cells: u64,
    /// Memory used at the end, bytes.
    pub used_bytes: u64,
}

/// Runs an entry point.
pub fn run(program: &Program, entry: &str, limits: Limits, host: &mut dyn Host) -> Outcome {
    run_on(program, entry, limits, host, Engine::default())
}

/// Runs an entry point on an engine.
pub fn run_on(
    program: &Program,
    entry: &str,
    limits: Limits,
    host: &mut dyn Host,
    engine: Engine,
) -> Outcome {
    run_inspected(program, entry, limits, host, engine).0
}

/// An arena with the program's constants in it, and where they are.
fn prepare(program: &Inner, memory_bytes: u64) -> Result<(Arena, Vec<Ref>), String> {
    let mut arena = Arena::new(memory_bytes)?;
    let mut constants = Vec::with_capacity(program.package.constants.len());
    for constant in &program.package.constants {
        let ty = match constant {
            Constant::String(_) => program.string,
            Constant::Bytes(_) => program.bytes,
        };
        constants.push(arena.add_constant(ty, constant.bytes())?);
    }
    arena.constants_done();
    Ok((arena, constants))
}

/// Runs an entry point on an engine, and says what is left of its memory.
pub fn run_inspected(
    program: &Program,
    entry: &str,
    limits: Limits,
    host: &mut dyn Host,
    engine: Engine,
) -> (Outcome, Remains) {
    run_noting(program, entry, limits, host, engine, &mut None)
}

/// Runs an entry point in the interpreter, and says where it copied what was shared.
pub fn run_watched(
    program: &Program,
    entry: &str,
    limits: Limits,
    host: &mut dyn Host,
) -> (Outcome, Copies) {
    let mut notes = Some(Notes::Copies(Copies::new()));
    let engine = Engine::Interpreter;
    let (outcome, _) = run_noting(program, entry, limits, host, engine, &mut notes);
    match notes {
        Some(Notes::Copies(copies)) => (outcome, copies),
        _ => (outcome, Copies::new()),
    }
}

/// Runs an entry point in the interpreter, and says what it spent where.
pub fn run_profiled(
    program: &Program,
    entry: &str,
    limits: Limits,
    host: &mut dyn Host,
) -> (Outcome, Profile) {
    let left = i64::try_from(limits.fuel).unwrap_or(i64::MAX);
    let mut notes = Some(Notes::Profile(Box::new(Recorder::new(left))));
    let engine = Engine::Interpreter;
    let (outcome, _) = run_noting(program, entry, limits, host, engine, &mut notes);
    match notes {
        Some(Notes::Profile(recorder)) => (outcome, recorder.finish(program.package())),
        _ => (outcome, Profile::default()),
    }
}

/// Runs an entry point in the interpreter, while somebody watches each instruction.
pub fn run_stepped(
    program: &Program,
    entry: &str,
    limits: Limits,
    host: &mut dyn Host,
    watcher: Box<dyn Watcher>,
) -> Outcome {
    let mut notes = Some(Notes::Steps(Box::new(Watching::new(watcher))));
    run_noting(
        program,
        entry,
        limits,
        host,
        Engine::Interpreter,
        &mut notes,
    )
    .0
}

fn run_noting(
    program: &Program,
    entry: &str,
    limits: Limits,
    host: &mut dyn Host,
    engine: Engine,
    notes: &mut Option<Notes>,
) -> (Outcome, Remains) {
    let inner = &*program.inner;
    let refuse = |reason: String| {
        let outcome = Outcome {
            end: End::Refused(reason),
            fuel_used: 0,
            peak_memory_bytes: 0,
        };
        let remains = Remains {
            live_cells: 0,
            used_bytes: 0,
        };
        (outcome, remains)
    };
    let Some(entry) = inner.package.entries.iter().find(|e| e.name == entry) else {
        return refuse(format!("the program has no entry point `{entry}`"));
    };
    if limits.fuel > limits::FUEL_MAX || limits.memory_bytes > limits::MEMORY_MAX {
        return refuse("the limits of the run are beyond what any run may use".into());
    }
    let Some(function) = inner.package.functions.get(entry.function as usize) else {
        return refuse("internal: the entry point has no function".into());
    };
    let returns_bytes = inner.package.types.get(function.result.0 as usize) == Some(&Type::Bytes);
    if !returns_bytes || function.params.len() != entry.capabilities.len() {
        return refuse(format!("internal: `{}` is no entry point", entry.name));
    }

    let (arena, constants) = match prepare(inner, limits.memory_bytes) {
        Ok(prepared) => prepared,
        Err(reason) => return refuse(reason),
    };
    let native = engine != Engine::Interpreter && !inner.native.is_off();
    let cold = engine == Engine::Auto && native && !inner.is_native(entry.function);
    let warm = cold.then_some(Warm {
        program: inner,
        function: entry.function,
    });
    let slice = if cold { Warm::SLICE } else { FUEL_SLICE };
    let machine = Machine {
        heap: Heap {
            arena,
            shapes: &inner.shapes,
            captures: &inner.captures,
        },
        constants,
        fuel: (limits.fuel as i64).min(slice),
        reserve: (limits.fuel as i64 - slice).max(0),
        interrupt: host.interrupt(),
        stack_left: limits::STACK as i64,
        fuel_limit: limits.fuel,
        warm,
        recent: (0, 0),
        copied: 0,
    };
    let nowhere = Code::default();
    let mut interpreter = Interpreter::new(inner, machine, host, &nowhere);
    interpreter.native = native;
    interpreter.notes = notes.take();
    if engine == Engine::Jit {
        // What cannot be compiled is interpreted.
        let _ = inner.native.compile(inner, entry.function, Wanted::All);
    }
    // Capabilities are numbered by parameter; what they mean is the host's business.
    let arguments: Vec<u64> = (0..function.params.len() as u64).collect();
    let result = interpreter.run(entry.function, &arguments);
    let backtrace = std::mem::take(&mut interpreter.trace);
    *notes = interpreter.notes.take();
    let machine = &mut interpreter.machine;
    if let Some(Notes::Profile(recorder)) = notes {
        recorder.settle(machine.left());
    }
    let end = match result {
        _ if machine.heap.arena.is_broken() => {
            End::Refused("internal: memory was used against the rules".into())
        }
        Ok(cell) => {
            let cell = cell as u32;
            let bytes = machine.heap.text(cell).to_vec();
            machine.heap.release(cell);
            End::Returned(bytes)
        }
        Err(stop) => match *stop {
            Stop::Stopped => End::Stopped,
            Stop::Refused(reason) => End::Refused(reason),
            Stop::Trap {
                kind,
                operands,
                message,
            } => End::Trapped(Trap {
                kind,
                position: backtrace.first().copied().unwrap_or(Position {
                    function: 0,
                    instruction: 0,
                }),
                operands,
                message,
                backtrace,
            }),
        },
    };
    let fuel_used = machine.fuel_used();
    if let Some(warm) = machine.warm.take() {
        warm.note(fuel_used);
    }
    let outcome = Outcome {
        end,
        fuel_used,
        peak_memory_bytes: machine.heap.arena.peak(),
    };
    let remains = Remains {
        live_cells: machine.heap.arena.live_cells(),
        used_bytes: machine.heap.arena.used(),
    };
    (outcome, remains)
}
