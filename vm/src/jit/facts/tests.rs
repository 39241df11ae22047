//! Small functions of which it is known by hand what is certain in them.

use cop_bytecode::instr::{Instr, Mode, Own, Param, Step, Value, ValueType};
use cop_bytecode::layout::Layouts;
use cop_bytecode::{Function, Op, Type, TypeId};

use super::Facts;

/// The facts of a function that takes a list of integers and an integer; the types of its other values are given.
fn facts(body: Vec<Instr>, others: &[Type]) -> Facts {
    let mut layouts = Layouts::new(&[], &[]);
    let int = layouts.intern(Type::I64);
    let list = layouts.intern(Type::List(int));
    let param = |ty| Param {
        ty,
        mode: Mode::Borrow,
    };
    let function = Function {
        params: vec![param(list), param(int)],
        captures: 0,
        result: int,
        body,
    };
    let mut types: Vec<TypeId> = vec![list, int];
    types.extend(others.iter().map(|ty| layouts.intern(ty.clone())));
    Facts::of(&function, &layouts, &types, &|_| None)
}

fn op(op: Op, args: &[u32]) -> Instr {
    Instr::Op {
        op,
        ty: None,
        args: args.iter().map(|arg| Value(*arg)).collect(),
    }
}

fn get(list: u32, index: u32) -> Instr {
    Instr::Get {
        value: Value(list),
        path: vec![Step::Index(Value(index))].into(),
    }
}

fn number() -> ValueType {
    ValueType {
        ty: TypeId(0),
        own: Own::Copy,
    }
}

#[test]
fn what_counts_up_to_the_length_is_inside() {
    let facts = facts(
        vec![
            op(Op::ListLen, &[0]),
            Instr::ConstI64(0),
            Instr::For {
                from: Value(3),
                to: Value(2),
                start: vec![].into(),
                params: vec![].into(),
            },
            get(0, 4),
            Instr::ConstI64(1),
            op(Op::I64Add, &[4, 6]),
            get(0, 7),
            op(Op::I64Sub, &[4, 1]),
            get(0, 9),
            Instr::Next {
                depth: 0,
                values: vec![].into(),
            },
            Instr::End,
            Instr::Ret {
                values: vec![Value(2)].into(),
            },
        ],
        &vec![Type::I64; 9],
    );
    assert!(facts.inside(3, 0) && facts.above(3, 0));
    assert!(facts.sure(5), "an index plus one does not overflow");
    assert!(
        !facts.inside(6, 0) && facts.above(6, 0),
        "it may be the length"
    );
    assert!(
        !facts.sure(7) && !facts.above(8, 0),
        "anything may be taken from it"
    );
    assert_eq!(facts.invariant(2).collect::<Vec<_>>(), [Value(0)]);
}

#[test]
fn what_counts_down_stays_above_its_limit() {
    // let i = 9; while i > 0 { i -= 1; … }
    let facts = facts(
        vec![
            Instr::ConstI64(9),
            Instr::Loop {
                start: vec![Value(2)].into(),
                params: vec![number()].into(),
                results: vec![].into(),
            },
            Instr::ConstI64(0),
            op(Op::I64Gt, &[3, 4]),
            Instr::If {
                condition: Value(5),
                results: vec![].into(),
            },
            Instr::Exit {
                depth: 0,
                values: vec![].into(),
            },
            Instr::Else,
            Instr::Exit {
                depth: 1,
                values: vec![].into(),
            },
            Instr::End,
            Instr::ConstI64(1),
            op(Op::I64Sub, &[3, 6]),
            op(Op::I64Lt, &[7, 4]),
            Instr::If {
                condition: Value(8),
                results: vec![].into(),
            },
            Instr::Exit {
                depth: 0,
                values: vec![].into(),
            },
            Instr::Else,
            Instr::Exit {
                depth: 0,
                values: vec![].into(),
            },
            Instr::End,
            get(0, 7),
            Instr::Next {
                depth: 0,
                values: vec![Value(7)].into(),
            },
            Instr::End,
            Instr::Ret {
                values: vec![Value(1)].into(),
            },
        ],
        &[
            Type::I64,
            Type::I64,
            Type::I64,
            Type::Bool,
            Type::I64,
            Type::I64,
            Type::Bool,
            Type::I64,
        ],
    );
    assert!(facts.sure(10));
    assert_eq!(facts.decided(4), None);
    assert_eq!(facts.decided(12), Some(false), "it is never negative");
    assert!(facts.above(17, 0) && !facts.inside(17, 0));
}

#[test]
fn a_remainder_stays_below_its_divisor_from_turn_to_turn() {
    // let h = 0; loop { h = (h * 31 + 5) % 1000 }
    let facts = facts(
        vec![
            Instr::ConstI64(0),
            Instr::Loop {
                start: vec![Value(2)].into(),
                params: vec![number()].into(),
                results: vec![].into(),
            },
            Instr::ConstI64(31),
            op(Op::I64Mul, &[3, 4]),
            op(Op::I64Add, &[5, 1]),
            Instr::ConstI64(1000),
            op(Op::I64Rem, &[6, 7]),
            Instr::Next {
                depth: 0,
                values: vec![Value(8)].into(),
            },
            Instr::End,
            Instr::Trap {
                kind: cop_bytecode::TrapKind::Unreachable,
                operand: None,
                message: None,
            },
        ],
        &vec![Type::I64; 7],
    );
    assert!(facts.sure(3), "less than 1000 times 31");
    assert!(!facts.sure(4), "the parameter may be anything");
    assert!(facts.sure(6), "1000 is not 0");
}
