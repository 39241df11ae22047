//! Long runs are cut into slices of fuel, between which they can be given up. Nothing else of that can be seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cop_bytecode::{Package, TrapKind, limits};
use cop_vm::{Answer, End, Engine, Host, Limits, NoHost, Program, run_on};

use crate::build::*;

/// Turns a loop that often.
fn turns(count: i64) -> Package {
    Pack::new().main(|b| {
        b.for_(count, &[], &[]);
        b.next(0, &[]);
        b.end();
        let out = b.buffer();
        b.ret(&[out]);
    })
}

fn with_fuel(package: &Package, fuel: u64) -> cop_vm::Outcome {
    let limits = Limits {
        fuel,
        ..Limits::default()
    };
    run_with(package, limits, &mut NoHost)
}

#[test]
fn fuel_is_exact_over_many_slices() {
    let count = 5_000_000;
    let package = turns(count);
    let full = with_fuel(&package, limits::FUEL_MAX);
    let used = full.fuel_used;
    assert_eq!(full.end, End::Returned(vec![]));
    // Every turn costs the same, so long runs cost what short ones promise.
    let short = |count| with_fuel(&turns(count), limits::FUEL_MAX).fuel_used;
    let turn = short(2) - short(1);
    assert_eq!(used, short(0) + turn * count as u64);
    assert!(used > 2 << 22, "{used} is more than two slices");

    assert_eq!(with_fuel(&package, used), full);
    for fuel in [used - 1, (1 << 22) - 1, 1 << 22, (1 << 22) + 1, 2 << 22] {
        let outcome = with_fuel(&package, fuel);
        assert_eq!(outcome.fuel_used, fuel);
        match outcome.end {
            End::Trapped(trap) => {
                assert_eq!(trap.kind, TrapKind::OutOfFuel);
                assert_eq!(trap.operands, [fuel as i64, 0]);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A host whose caller goes away.
struct Impatient(Arc<AtomicBool>);

impl Host for Impatient {
    fn call(&mut self, _: &str, _: &str, _: &[u8]) -> Answer {
        Answer::Stop
    }

    fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        Some(self.0.clone())
    }
}

#[test]
fn a_run_that_nobody_waits_for_is_given_up() {
    let program = Program::load(&turns(i64::MAX)).expect("verifies");
    let limits = Limits {
        fuel: limits::FUEL_MAX,
        ..Limits::default()
    };
    for engine in [Engine::Interpreter, Engine::Jit] {
        let flag = Arc::new(AtomicBool::new(false));
        let goes_away = flag.clone();
        let caller = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            goes_away.store(true, Ordering::Relaxed);
        });
        let outcome = run_on(&program, "main", limits, &mut Impatient(flag), engine);
        assert!(matches!(outcome.end, End::Refused(_)), "{outcome:?}");
        assert!(caller.join().is_ok());
    }
}
