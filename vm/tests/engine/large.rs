//! Functions that are too large for machine code.

use cop_bytecode::{Mode, Op, Value};
use cop_vm::{Engine, Limits, MACHINE_CODE, NoHost, Program, run_inspected};

use crate::build::*;

#[test]
fn a_large_entry_point_is_interpreted_and_what_it_calls_is_not() {
    let mut pack = Pack::new();
    let int = pack.i64();
    let twice = pack.function(&[(int, Mode::Borrow)], int, |b| {
        let sum = b.op(Op::I64Add, &[Value(0), Value(0)]);
        b.ret(&[sum]);
    });
    let package = pack.main(|b| {
        let mut sum = b.int(1);
        for _ in 0..20_001 {
            sum = b.op(Op::I64AddWrap, &[sum, sum]);
            sum = b.op(Op::I64Not, &[sum]);
        }
        let [sum] = b.call(twice, &[sum])[..] else {
            panic!("one result");
        };
        b.ret_ints(&[sum]);
    });
    let program = Program::load(&package).expect("it verifies");
    if MACHINE_CODE {
        let refused = program.compile("main").expect_err("it is too large");
        assert!(refused.contains("instructions"), "{refused}");
    }
    let run = |engine| run_inspected(&program, "main", Limits::default(), &mut NoHost, engine);
    assert_eq!(run(Engine::Jit), run(Engine::Interpreter));
}
