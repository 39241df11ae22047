//! What becomes hot over the runs of a program is compiled beside them. Nothing of that can be seen but in figures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cop_bytecode::{Mode, Op, Package};
use cop_vm::{
    Background, End, Engine, Limits, MACHINE_CODE, NoHost, Outcome, Program, Remains, run_inspected,
};

use crate::build::*;

/// Adds up `count` numbers by a function of its own, which is too large to be compiled before it was called.
fn sums(count: i64) -> Package {
    let mut pack = Pack::new();
    let i64 = pack.i64();
    let add = pack.function(&[(i64, Mode::Borrow), (i64, Mode::Borrow)], i64, |b| {
        let (mut sum, one) = (b.op(Op::I64Add, &[value(0), value(1)]), b.int(1));
        for _ in 0..50 {
            sum = b.op(Op::I64Xor, &[sum, one]);
        }
        b.ret(&[sum]);
    });
    pack.main(|b| {
        let (start, i64) = (b.int(0), b.pack.i64());
        let params = b.for_(count, &[start], &[copy(i64)]);
        let sum = b.call(add, &[params[1], params[0]]);
        b.next(0, &sum);
        let sum = b.end();
        b.ret_ints(&sum);
    })
}

fn value(number: u32) -> cop_bytecode::Value {
    cop_bytecode::Value(number)
}

fn once(program: &Program, engine: Engine) -> (Outcome, Remains) {
    run_inspected(program, "main", Limits::default(), &mut NoHost, engine)
}

/// Runs until so many functions were compiled, or for long enough to know that they are not.
fn heat(program: &Program, background: &Background, functions: u64) -> u64 {
    let expected = once(program, Engine::Interpreter);
    let until = Instant::now() + Duration::from_secs(20);
    while background.figures().functions < functions && Instant::now() < until {
        assert_eq!(once(program, Engine::Auto), expected);
    }
    assert_eq!(once(program, Engine::Auto), expected);
    background.figures().functions
}

fn load(package: &Package, code_bytes_max: u64) -> (Program, Arc<Background>) {
    let background = Background::new(code_bytes_max);
    let program = Program::load_with(package, &background).expect("verifies");
    (program, background)
}

#[test]
fn what_is_hot_is_compiled_and_goes_with_its_program() {
    if !MACHINE_CODE {
        return;
    }
    let (program, background) = load(&sums(2_000), 1 << 20);
    assert!(!program.has_machine_code());
    assert_eq!(heat(&program, &background, 2), 2);
    assert!(program.has_machine_code());
    let figures = background.figures();
    assert!(figures.code_bytes >= 4096, "{figures:?}");
    assert_eq!((figures.without, figures.waiting), (0, 0));
    // The thread may still hold the program for a moment.
    drop(program);
    let until = Instant::now() + Duration::from_secs(10);
    while background.figures().code_bytes > 0 && Instant::now() < until {
        std::thread::yield_now();
    }
    assert_eq!(background.figures().code_bytes, 0);
}

#[test]
fn what_was_not_called_when_its_caller_was_compiled_is_compiled_when_it_is_called_often() {
    if !MACHINE_CODE {
        return;
    }
    let (program, background) = load(&sums(2_000), 1 << 20);
    program.compile_called("main").expect("compiles");
    // By hand, so that it does not count: the other function comes by itself.
    assert_eq!(background.figures().functions, 0);
    assert_eq!(heat(&program, &background, 1), 1);
}

#[test]
fn without_room_for_code_it_is_interpreted() {
    let (program, background) = load(&sums(2_000), 0);
    let expected = once(&program, Engine::Interpreter);
    for _ in 0..50 {
        assert_eq!(once(&program, Engine::Auto), expected);
    }
    assert!(!program.has_machine_code());
    assert_eq!(background.figures().code_bytes, 0);
}

#[test]
fn what_is_switched_off_is_interpreted() {
    let (program, background) = load(&sums(2_000), 1 << 20);
    let expected = once(&program, Engine::Interpreter);
    if MACHINE_CODE {
        program.compile("main").expect("compiles");
        assert!(program.has_machine_code());
    }
    program.switch_off_machine_code();
    assert!(!program.has_machine_code());
    assert!(program.compile("main").is_err());
    for engine in [Engine::Auto, Engine::Jit] {
        for _ in 0..20 {
            assert_eq!(once(&program, engine), expected);
        }
    }
    assert_eq!(background.figures().functions, 0);
}

#[test]
fn a_stopping_node_compiles_nothing() {
    let (program, background) = load(&sums(2_000), 1 << 20);
    background.close();
    let (outcome, _) = once(&program, Engine::Auto);
    assert!(matches!(outcome.end, End::Returned(_)));
    for _ in 0..50 {
        once(&program, Engine::Auto);
    }
    assert!(!program.has_machine_code());
    assert_eq!(background.figures(), Default::default());
}
