//! Runs in which some functions are interpreted and some are not: as in the interpreter alone, at every limit of fuel.

use cop_bytecode::{Mode, Op, Package, Value};
use cop_vm::{Engine, Limits, NoHost, Program, run_inspected};

use crate::build::*;

/// An entry point that calls a function which calls another.
fn chain() -> Package {
    let mut pack = Pack::new();
    let int = pack.i64();
    let inner = pack.function(&[(int, Mode::Borrow)], int, |b| {
        let one = b.int(1);
        let next = b.op(Op::I64Add, &[Value(0), one]);
        b.ret(&[next]);
    });
    let outer = pack.function(&[(int, Mode::Borrow)], int, |b| {
        let twice = b.call(inner, &[Value(0)])[0];
        let twice = b.call(inner, &[twice])[0];
        b.ret(&[twice]);
    });
    pack.main(|b| {
        let start = b.int(40);
        let sum = b.call(outer, &[start])[0];
        b.ret_ints(&[sum]);
    })
}

#[test]
fn every_mixture_ends_alike_at_every_limit() {
    let package = chain();
    let count = package.functions.len() as u32;
    for mask in 0..1u32 << count {
        // A program of its own: what has become machine code stays it.
        let program = Program::load(&package).unwrap();
        let compiled = program.compile_some(&|function| mask >> function & 1 == 1);
        assert!(compiled.is_ok() || !cop_vm::MACHINE_CODE);
        let run = |fuel, engine| {
            let limits = Limits {
                fuel,
                ..Limits::default()
            };
            run_inspected(&program, "main", limits, &mut NoHost, engine)
        };
        let used = run(10_000, Engine::Interpreter).0.fuel_used;
        for fuel in 0..=used {
            let (one, other) = (run(fuel, Engine::Interpreter), run(fuel, Engine::Auto));
            assert_eq!(one, other, "functions {mask:#b}, fuel {fuel} of {used}");
        }
    }
}
