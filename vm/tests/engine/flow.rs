//! Regions, calls, closures, host calls, traps and their positions.

use cop_bytecode::{Instr, Mode, Op, Step, TrapKind, Type, UpdateOp};
use cop_vm::{End, Limits, NoHost, Position};

use crate::build::*;

#[test]
fn a_counting_loop_adds_up() {
    let sum = ints(|b| {
        let i64 = b.pack.i64();
        let zero = b.int(0);
        let turn = b.for_(10, &[zero], &[copy(i64)]);
        let sum = b.op(Op::I64Add, &[turn[1], turn[0]]);
        b.next(0, &[sum]);
        let sum = b.end()[0];
        b.ret_ints(&[sum]);
    });
    assert_eq!(sum, [45]);
}

#[test]
fn an_empty_range_never_runs() {
    let start = ints(|b| {
        let i64 = b.pack.i64();
        let seven = b.int(7);
        let turn = b.for_(-1, &[seven], &[copy(i64)]);
        b.next(0, &[turn[0]]);
        let result = b.end()[0];
        b.ret_ints(&[result]);
    });
    assert_eq!(start, [7]);
}

#[test]
fn loops_swap_their_parameters_at_once() {
    let pair = ints(|b| {
        let i64 = b.pack.i64();
        let (one, two, three) = (b.int(1), b.int(2), b.int(3));
        let turn = b.for_(4, &[one, two, three], &[copy(i64), copy(i64), copy(i64)]);
        b.next(0, &[turn[2], turn[1 + 2], turn[1]]);
        let results = b.end();
        b.ret_ints(&results);
    });
    // (a, b, c) -> (b, c, a), four times.
    assert_eq!(pair, [2, 3, 1]);
}

#[test]
fn exits_leave_several_regions() {
    let found = ints(|b| {
        let i64 = b.pack.i64();
        b.all(Instr::Block {
            results: [copy(i64)].into(),
        });
        let start = b.int(1);
        let turn = b.all(Instr::Loop {
            start: [start].into(),
            params: [copy(i64)].into(),
            results: [].into(),
        });
        let square = b.op(Op::I64Mul, &[turn[0], turn[0]]);
        let limit = b.int(1000);
        let over = b.op(Op::I64Gt, &[square, limit]);
        b.if_(over, &[]);
        b.exit(2, &[turn[0]]);
        b.else_();
        b.exit(0, &[]);
        b.end();
        let one = b.int(1);
        let more = b.op(Op::I64Add, &[turn[0], one]);
        b.next(0, &[more]);
        b.end();
        b.trap(TrapKind::Unreachable);
        let found = b.end()[0];
        b.ret_ints(&[found]);
    });
    assert_eq!(found, [32]);
}

fn fibonacci(pack: &mut Pack) -> u32 {
    let i64 = pack.i64();
    let index = pack.package.functions.len() as u32;
    pack.function(&[(i64, Mode::Borrow)], i64, |b| {
        let n = cop_bytecode::Value(0);
        let two = b.int(2);
        let small = b.op(Op::I64Lt, &[n, two]);
        b.if_(small, &[copy(i64)]);
        b.exit(0, &[n]);
        b.else_();
        let one = b.int(1);
        let left = b.op(Op::I64Sub, &[n, one]);
        let left = b.call(index, &[left])[0];
        let right = b.op(Op::I64Sub, &[n, two]);
        let right = b.call(index, &[right])[0];
        let sum = b.op(Op::I64Add, &[left, right]);
        b.exit(0, &[sum]);
        let result = b.end()[0];
        b.ret(&[result]);
    })
}

#[test]
fn recursion() {
    let mut pack = Pack::new();
    let fib = fibonacci(&mut pack);
    let package = pack.main(|b| {
        let n = b.int(15);
        let result = b.call(fib, &[n])[0];
        b.ret_ints(&[result]);
    });
    assert_eq!(returned(run(&package)), 610i64.to_le_bytes());
}

#[test]
fn inout_parameters_come_back() {
    let mut pack = Pack::new();
    let (i64, unit) = (pack.i64(), pack.ty(Type::Unit));
    let list = pack.list(i64);
    let push = pack.function(&[(list, Mode::InOut), (i64, Mode::Borrow)], unit, |b| {
        let xs = b.unique(cop_bytecode::Value(0), 0);
        let xs = b.update1(UpdateOp::ListPush, xs, &[], &[cop_bytecode::Value(1)]);
        let unit = b.one(Instr::ConstUnit);
        b.ret(&[unit, xs]);
    });
    let package = pack.main(|b| {
        let xs = b.new_value(list, 0, &[]);
        let (four, nine) = (b.int(4), b.int(9));
        let kept = b.dup(xs);
        let xs = b.call(push, &[xs, four])[1];
        let xs = b.call(push, &[xs, nine])[1];
        let (len, old) = (b.op(Op::ListLen, &[xs]), b.op(Op::ListLen, &[kept]));
        let one = b.int(1);
        let last = b.get(xs, &[Step::Index(one)]);
        b.drops(&[xs, kept]);
        b.ret_ints(&[len, old, last]);
    });
    let bytes = returned(run(&package));
    assert_eq!(bytes, [2i64, 0, 9].map(i64::to_le_bytes).concat());
}

#[test]
fn closures_lend_their_captures() {
    assert_eq!(
        returned(run(&closures())),
        [304i64, 304].map(i64::to_le_bytes).concat()
    );
}

/// A closure that is called twice, by two owners.
pub fn closures() -> cop_bytecode::Package {
    let mut pack = Pack::new();
    let (i64, string) = (pack.i64(), pack.ty(Type::String));
    let ty = pack.ty(Type::Fn {
        params: vec![cop_bytecode::FnParam {
            ty: i64,
            mutable: false,
        }],
        result: i64,
    });
    let function = pack.function(
        &[
            (string, Mode::Borrow),
            (i64, Mode::Borrow),
            (i64, Mode::Borrow),
        ],
        i64,
        |b| {
            let len = b.op(Op::StringLen, &[cop_bytecode::Value(0)]);
            let sum = b.op(
                Op::I64Mul,
                &[cop_bytecode::Value(1), cop_bytecode::Value(2)],
            );
            let sum = b.op(Op::I64Add, &[sum, len]);
            b.ret(&[sum]);
        },
    );
    pack.package.functions[function as usize].captures = 2;
    pack.main(|b| {
        let (empty, hundred) = (b.blank(), b.int(100));
        let word = b.text("word");
        let text = b.update1(UpdateOp::TextAppend, empty, &[], &[word]);
        b.drop(word);
        let closure = b.one(Instr::Closure {
            ty,
            function,
            captures: [text, hundred].into(),
        });
        let other = b.dup(closure);
        let three = b.int(3);
        let call = |b: &mut Body, callee| {
            b.one(Instr::CallValue {
                callee,
                args: [three].into(),
                changed: 0,
            })
        };
        let first = call(b, closure);
        b.drop(closure);
        let second = call(b, other);
        b.drop(other);
        b.ret_ints(&[first, second]);
    })
}

#[test]
fn the_host_is_asked() {
    for (name, expected) in [
        ("echo", End::Returned(b"hello".to_vec())),
        ("stop", End::Stopped),
        ("refuse", End::Refused("no".into())),
    ] {
        let mut pack = Pack::new();
        let function = pack.host_function("log", name);
        let package = pack.main(|b| {
            let argument = b.bytes(b"hello");
            let answer = b.one(Instr::HostCall {
                function,
                capability: None,
                argument,
            });
            b.drop(argument);
            b.ret(&[answer]);
        });
        let mut host = Echo::default();
        let outcome = run_with(&package, Limits::default(), &mut host);
        assert_eq!(outcome.end, expected);
        assert_eq!(host.asked, [("log".into(), name.into(), b"hello".to_vec())]);
    }
}

#[test]
fn traps_say_where_and_from_where() {
    let mut pack = Pack::new();
    let i64 = pack.i64();
    let divide = pack.function(&[(i64, Mode::Borrow)], i64, |b| {
        let one = b.int(1);
        let result = b.op(Op::I64Div, &[one, cop_bytecode::Value(0)]);
        b.ret(&[result]);
    });
    let package = pack.main(|b| {
        let zero = b.int(0);
        let result = b.call(divide, &[zero])[0];
        b.ret_ints(&[result]);
    });
    let trap = trapped(run(&package));
    assert_eq!(
        (trap.kind, trap.operands),
        (TrapKind::DivisionByZero, [1, 0])
    );
    // In canonical order `main` is function 0.
    let at = |function, instruction| Position {
        function,
        instruction,
    };
    assert_eq!(trap.position, at(1, 1));
    assert_eq!(trap.backtrace, [at(1, 1), at(0, 1)]);
}

#[test]
fn a_panic_has_a_message() {
    let package = Pack::new().main(|b| {
        let message = b.text("oh no");
        b.all(Instr::Trap {
            kind: TrapKind::Panic,
            operand: None,
            message: Some(message),
        });
    });
    let trap = trapped(run(&package));
    assert_eq!(
        (trap.kind, trap.message.as_deref()),
        (TrapKind::Panic, Some("oh no"))
    );
}

#[test]
fn unknown_entries_and_limits_are_refused() {
    let package = Pack::new().main(|b| b.ret_ints(&[]));
    let program = cop_vm::Program::load(&package).unwrap();
    let run = |entry, limits| cop_vm::run(&program, entry, limits, &mut NoHost).end;
    assert!(matches!(run("handle", Limits::default()), End::Refused(_)));
    let limits = Limits {
        fuel: u64::MAX,
        ..Limits::default()
    };
    assert!(matches!(run("main", limits), End::Refused(_)));
}
