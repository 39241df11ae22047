//! Both engines, and the ways between them, give the same: result, trap with operands, message, position and backtrace, what
//! the host was asked, fuel, peak memory, cells that are left, under any limits.

use cop_bytecode::{Package, TrapKind};
use cop_generator::Choices;
use cop_vm::{End, Engine, Limits, Outcome, Program, Remains, run_inspected};

use crate::host::{self, Plan, Recorder, is_wanted};

/// Fuel of a run that is left alone.
const FUEL: u64 = 60_000;
/// The same for a few programs: more than a slice of the tier that is compiled beside.
const MUCH_FUEL: u64 = 600_000;
/// A program that uses no more is tried with every limit of fuel.
const LITTLE_FUEL: u64 = 400;
/// Memory of a run that is left alone, bytes.
const MEMORY: u64 = 4 << 20;

/// What has been compared.
#[derive(Clone, Copy, Default, Debug)]
pub struct Count {
    /// Programs.
    pub programs: u64,
    /// Pairs of runs with the same limits, on two engines or mixtures of them.
    pub cases: u64,
    /// Runs that returned; all others trapped or were ended.
    pub returned: u64,
    /// By kind, how many runs of the reference trapped so.
    pub traps: [u64; 32],
    /// Programs that machine code could not be made for.
    pub interpreted: u64,
}

impl Count {
    /// Adds what another has counted.
    pub fn add(&mut self, other: &Count) {
        self.programs += other.programs;
        self.cases += other.cases;
        self.returned += other.returned;
        self.interpreted += other.interpreted;
        for (all, one) in self.traps.iter_mut().zip(other.traps) {
            *all += one;
        }
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} cases, {} programs ({} without machine code), {} returned",
            self.cases, self.programs, self.interpreted, self.returned
        )?;
        for kind in TrapKind::ALL {
            let count = self.traps[*kind as usize & 31];
            if count > 0 {
                write!(f, ", {} {count}", kind.name())?;
            }
        }
        Ok(())
    }
}

/// All that can be observed of a run, and what must be the same besides.
#[derive(PartialEq, Debug)]
struct Seen {
    outcome: Outcome,
    remains: Remains,
    asked: Vec<(String, Vec<u8>)>,
}

fn observe(program: &Program, entry: &str, limits: Limits, engine: Engine, plan: &Plan) -> Seen {
    let mut host = Recorder::new(program, plan.clone());
    let (outcome, remains) = run_inspected(program, entry, limits, &mut host, engine);
    Seen {
        outcome,
        remains,
        asked: host.asked,
    }
}

/// Compares the engines on a package that verifies, in about so many runs with limits that are chosen.
///
/// # Errors
/// What differs, as text.
pub fn compare(package: &Package, choices: &mut Choices, runs: usize) -> Result<Count, String> {
    let load = || Program::load(package).map_err(|refusal| format!("refused: {refusal}"));
    let mut count = Count {
        programs: 1,
        ..Count::default()
    };
    let program = load()?;
    let Some(entry) = package.entries.first().map(|entry| entry.name.as_str()) else {
        return Ok(count);
    };
    if cop_vm::MACHINE_CODE && program.compile(entry).is_err() {
        count.interpreted = 1;
    }
    // Fuel and memory that it takes when nothing is in the way.
    let full = Limits {
        fuel: if choices.once_in(5) { MUCH_FUEL } else { FUEL },
        memory_bytes: MEMORY,
    };
    let none = Plan::default();
    let reference = observe(&program, entry, full, Engine::Interpreter, &none);
    let asked = reference.asked.len();
    if reference.outcome.fuel_used <= LITTLE_FUEL && choices.once_in(4) {
        for fuel in 0..=reference.outcome.fuel_used {
            let limits = Limits { fuel, ..full };
            let run = |engine| observe(&program, entry, limits, engine, &none);
            let (interpreted, other) = (run(Engine::Interpreter), run(Engine::Jit));
            check(&interpreted)?;
            note(&mut count, &interpreted);
            same(&interpreted, &other, "machine code", limits)?;
            count.cases += 1;
        }
    }
    let mut mixed: Option<Program> = None;
    for number in 0..runs.max(1) {
        let limits = if number == 0 {
            full
        } else {
            limits(choices, full, &reference.outcome)
        };
        let mut plan = Plan::default();
        if asked > 0 && choices.once_in(6) {
            let end = [host::End::Trap, host::End::Stop, host::End::Refuse][choices.below(3)];
            plan.end_at = Some((choices.below(asked), end));
        }
        let interpreted = observe(&program, entry, limits, Engine::Interpreter, &plan);
        check(&interpreted)?;
        note(&mut count, &interpreted);
        let (name, other) = if number == 0 || choices.below(3) < 2 {
            let seen = observe(&program, entry, limits, Engine::Jit, &plan);
            ("machine code".to_owned(), seen)
        } else {
            // Some functions are interpreted and some are not; others become machine code in the middle of the run.
            let mask = choices.up_to(u64::from(u32::MAX));
            if mixed.is_none() || choices.once_in(4) {
                mixed = Some(load()?);
            }
            let Some(mixed) = &mixed else { continue };
            // As nodes do it, or any of them.
            let _ = match choices.below(3) {
                0 => mixed.compile_called(entry),
                _ => mixed.compile_some(&|f| is_wanted(mask, f)),
            };
            if asked > 0 && choices.once_in(2) {
                plan.compile_at = Some((choices.below(asked), choices.up_to(u64::from(u32::MAX))));
            }
            let seen = observe(mixed, entry, limits, Engine::Auto, &plan);
            (format!("a mixture ({mask:#x}, {plan:?})"), seen)
        };
        count.cases += 1;
        same(&interpreted, &other, &name, limits)?;
    }
    Ok(count)
}

fn same(interpreted: &Seen, other: &Seen, name: &str, limits: Limits) -> Result<(), String> {
    if other == interpreted {
        return Ok(());
    }
    Err(format!(
        "the interpreter and {name} differ with {limits:?}\n{}",
        difference(interpreted, other)
    ))
}

/// Limits that are about to be reached, or are.
fn limits(choices: &mut Choices, full: Limits, reference: &Outcome) -> Limits {
    let near = |choices: &mut Choices, used: u64| match choices.below(8) {
        0 => used,
        1 => used.saturating_sub(1),
        2 => used / 2,
        3 => choices.up_to(3),
        _ => choices.up_to(used.max(1)),
    };
    let mut limits = full;
    if choices.below(4) > 0 {
        limits.fuel = near(choices, reference.fuel_used);
    }
    if choices.once_in(3) {
        limits.memory_bytes = near(choices, reference.peak_memory_bytes);
    }
    limits
}

fn note(count: &mut Count, seen: &Seen) {
    match &seen.outcome.end {
        End::Returned(_) => count.returned += 1,
        End::Trapped(trap) => count.traps[trap.kind as usize & 31] += 1,
        _ => {}
    }
}

/// What holds of every run, whatever runs it.
fn check(seen: &Seen) -> Result<(), String> {
    match &seen.outcome.end {
        End::Refused(reason) if reason != "the host has had enough" => {
            Err(format!("what verifies is refused: {reason}"))
        }
        End::Returned(_) if seen.remains.live_cells != 0 => Err(format!(
            "{} cells are left after a run that returned",
            seen.remains.live_cells
        )),
        _ => Ok(()),
    }
}

/// What differs between two runs, as text.
fn difference(left: &Seen, right: &Seen) -> String {
    let mut text = String::new();
    let mut tell = |what: &str, left: String, right: String| {
        if left != right {
            text.push_str(&format!("{what}\n  {left}\n  {right}\n"));
        }
    };
    let show = |seen: &Seen| format!("{:?}", seen.outcome.end);
    tell("end", show(left), show(right));
    tell(
        "fuel used",
        left.outcome.fuel_used.to_string(),
        right.outcome.fuel_used.to_string(),
    );
    tell(
        "peak memory",
        left.outcome.peak_memory_bytes.to_string(),
        right.outcome.peak_memory_bytes.to_string(),
    );
    tell(
        "what is left",
        format!("{:?}", left.remains),
        format!("{:?}", right.remains),
    );
    let most = left.asked.len().max(right.asked.len());
    if let Some(at) = (0..most).find(|at| left.asked.get(*at) != right.asked.get(*at)) {
        tell(
            &format!("question {at} to the host"),
            format!("{:?}", left.asked.get(at)),
            format!("{:?}", right.asked.get(at)),
        );
    }
    text
}

/// Whether a trap tells of a limit of the run, which depends on what a program costs.
pub fn is_limit(kind: TrapKind) -> bool {
    matches!(
        kind,
        TrapKind::OutOfFuel | TrapKind::OutOfMemory | TrapKind::StackOverflow
    )
}

/// What a program means, whatever it costs: `None` where a limit decided.
#[derive(PartialEq, Debug)]
pub struct Meaning {
    /// Result, or trap with operands and message.
    pub end: String,
    asked: Vec<(String, Vec<u8>)>,
}

/// What a package means when its entry point runs in the interpreter.
///
/// # Errors
/// When it does not verify, or a run breaks what holds of all.
pub fn meaning(package: &Package) -> Result<Option<Meaning>, String> {
    let program = Program::load(package).map_err(|refusal| format!("refused: {refusal}"))?;
    let Some(entry) = program.entries().first().map(|entry| entry.name.clone()) else {
        return Ok(None);
    };
    let limits = Limits {
        fuel: 20 * FUEL,
        memory_bytes: 64 << 20,
    };
    let seen = observe(
        &program,
        &entry,
        limits,
        Engine::Interpreter,
        &Plan::default(),
    );
    check(&seen)?;
    let end = match &seen.outcome.end {
        End::Trapped(trap) if is_limit(trap.kind) => return Ok(None),
        End::Trapped(trap) => format!("{:?} {:?} {:?}", trap.kind, trap.operands, trap.message),
        other => format!("{other:?}"),
    };
    Ok(Some(Meaning {
        end,
        asked: seen.asked,
    }))
}
