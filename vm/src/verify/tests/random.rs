//! Random bodies: instructions without any sense (never a panic), bodies grown with the verifier's help, and
//! mutations of these. Whatever is accepted runs clean in the model and in the engine.

use cop_bytecode::{Package, Type, TypeId};

use super::grow::{Tables, grown, said};
use super::kit::*;
use super::model::{Machine, Said};
use super::mutate::{mutate, nonsense};
use crate::verify::{tables, verify};

/// Runs the entry point in the engine: it never refuses what is accepted, and a run that returns leaves nothing.
fn run_in_engine(package: &Package) -> bool {
    let program = match crate::Program::load(package) {
        Ok(program) => program,
        Err(refusal) => panic!("an accepted package is not loaded: {refusal}"),
    };
    let limits = crate::Limits {
        fuel: 20_000,
        memory_bytes: 4 << 20,
    };
    let (outcome, remains) = crate::run_inspected(
        &program,
        "main",
        limits,
        &mut crate::NoHost,
        crate::Engine::Interpreter,
    );
    match outcome.end {
        crate::End::Refused(reason) => panic!("the engine refuses what is accepted: {reason}"),
        crate::End::Returned(_) => {
            assert_eq!(remains.live_cells, 0, "cells are left after the run");
            true
        }
        _ => false,
    }
}

/// What some runs of a package did.
#[derive(Default, Debug)]
struct Done {
    steps: usize,
    updates: usize,
    returned: usize,
}

/// Runs every function of an accepted package in the model, a few times.
fn run(package: &Package, random: &mut Random, done: &mut Done) {
    let verified = match verify(package) {
        Ok(verified) => verified,
        Err(error) => panic!("a grown package is refused: {error}"),
    };
    let Ok((layouts, inline)) = tables::check(package) else {
        panic!("the tables are legal");
    };
    let tables = &mut Tables { layouts, inline };
    let all: Vec<Vec<Said>> = package
        .functions
        .iter()
        .map(|function| said(package, tables, function))
        .collect();
    let types = || {
        let facts = verified.functions.iter();
        facts.map(|f| f.value_types.as_slice()).collect()
    };
    for function in TESTED as usize..package.functions.len() {
        for _ in 0..4 {
            let mut machine = Machine::new(package, &verified.layouts, types(), &all, random);
            let ended = machine.run_function(function);
            done.steps += machine.steps;
            done.updates += machine.updates;
            done.returned += usize::from(ended.is_ok());
        }
    }
}

#[test]
fn what_is_accepted_runs_clean() {
    let mut done = Done::default();
    for seed in seeds(40) {
        run(&grown(seed, false), &mut Random::new(seed), &mut done);
    }
    // The generator reaches something.
    assert!(
        done.steps > 4_000 && done.updates > 200 && done.returned > 100,
        "{done:?}"
    );
}

#[test]
fn what_is_accepted_runs_in_the_engine() {
    let mut returned = 0;
    for seed in seeds(40) {
        returned += usize::from(run_in_engine(&grown(seed, true)));
    }
    assert!(returned > 10, "{returned}");
}

#[test]
fn mutated_bodies_are_refused_or_run_clean() {
    let mut done = Done::default();
    let mut accepted = 0;
    for seed in seeds(12) {
        let random = &mut Random::new(seed ^ 0xabcd);
        let package = grown(seed, false);
        for _ in 0..20 {
            let mut mutated = package.clone();
            let last = mutated.functions.len() - 1;
            for _ in 0..1 + random.below(2) {
                mutate(&mut mutated.functions[last], random);
            }
            if verify(&mutated).is_ok() {
                accepted += 1;
                run(&mutated, random, &mut done);
                run_in_engine(&mutated);
                crate::oracle::agree(&mutated);
            }
        }
    }
    assert!(accepted > 5, "{accepted}");
}

#[test]
fn nonsense_never_panics() {
    for seed in seeds(2000) {
        let random = &mut Random::new(seed);
        let count = random.below(40);
        let body = (0..count).map(|_| nonsense(random)).collect();
        let mut package = with(&[own(INTS), borrow(GRID), inout(I64)], UNIT, body);
        if random.once_in(4) {
            package.types[random.below(22)] = Type::Tuple(vec![TypeId(random.below(30) as u32); 3]);
        }
        if let Err(error) = verify(&package) {
            assert!(!error.to_string().is_empty());
        }
    }
}

/// The seeds of a test; `COP_SEEDS` asks for more of them.
fn seeds(count: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("COP_SEEDS").ok().and_then(|s| s.parse().ok());
    let times: u64 = asked.unwrap_or(1);
    0..count * times
}

#[test]
fn the_engine_agrees_with_the_oracle() {
    let mut compared = 0;
    for seed in seeds(200) {
        compared += usize::from(crate::oracle::agree(&grown(seed, true)));
    }
    assert!(compared > 150, "{compared}");
}

/// Runs `main` in both engines with the same limits, and says what came of it.
fn both(
    package: &Package,
    program: &crate::Program,
    limits: crate::Limits,
    what: u64,
) -> crate::Outcome {
    let one = |engine| crate::run_inspected(program, "main", limits, &mut crate::NoHost, engine);
    let (left, left_remains) = one(crate::Engine::Interpreter);
    let (right, right_remains) = one(crate::Engine::Jit);
    if left != right || left_remains != right_remains {
        panic!(
            "seed {what} limits {limits:?}\n{left:?} {left_remains:?}\n{right:?} {right_remains:?}\n{}",
            cop_bytecode::print(package, Default::default())
        );
    }
    left
}

#[test]
fn both_engines_agree_on_grown_programs() {
    let start: u64 = std::env::var("COP_START")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(0);
    let mut cases = 0u64;
    for seed in seeds(100) {
        let seed = seed + start;
        let package = grown(seed, true);
        let program = crate::Program::load(&package).unwrap();
        let random = &mut Random::new(seed ^ 0x5151);
        let full = crate::Limits {
            fuel: 20_000,
            memory_bytes: 4 << 20,
        };
        let outcome = both(&package, &program, full, seed);
        cases += 1;
        for _ in 0..20 {
            let mut limits = full;
            match random.below(4) {
                0 => limits.fuel = outcome.fuel_used,
                1 => limits.fuel = outcome.fuel_used.saturating_sub(1),
                _ => limits.fuel = random.below(outcome.fuel_used as usize + 2) as u64,
            }
            match random.below(5) {
                0 => limits.memory_bytes = outcome.peak_memory_bytes,
                1 => limits.memory_bytes = outcome.peak_memory_bytes.saturating_sub(1),
                2 => {
                    limits.memory_bytes =
                        random.below(outcome.peak_memory_bytes as usize + 2) as u64
                }
                _ => {}
            }
            both(&package, &program, limits, seed);
            cases += 1;
        }
    }
    println!("{cases} cases");
}
