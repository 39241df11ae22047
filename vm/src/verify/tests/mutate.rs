//! Changed bodies, and instructions without any sense.

use cop_bytecode::{Function, Instr, Op, Own, Step, TrapKind, TypeId, UpdateOp, Value, ValueType};

use super::kit::*;

/// Changes an instruction, or where it stands.
pub(super) fn mutate(function: &mut Function, random: &mut Random) {
    let at = random.below(function.body.len());
    match random.below(5) {
        0 => {
            function.body.remove(at);
        }
        1 => {
            let other = random.below(function.body.len());
            function.body.swap(at, other);
        }
        2 => {
            let copy = function.body[at].clone();
            function.body.insert(at, copy);
        }
        _ => {
            let near = |v: &mut Value, random: &mut Random| {
                v.0 = v.0.saturating_sub(2) + random.below(5) as u32;
            };
            match &mut function.body[at] {
                Instr::Get { value, .. }
                | Instr::Take { value, .. }
                | Instr::Unique { value, .. }
                | Instr::Open { value, .. }
                | Instr::Dup(value)
                | Instr::Drop(value)
                | Instr::Switch { value, .. } => near(value, random),
                Instr::Set { value, new, .. } | Instr::Put { value, new, .. } => {
                    near(if random.once_in(2) { value } else { new }, random);
                }
                Instr::Exit { values, .. }
                | Instr::Next { values, .. }
                | Instr::Ret { values }
                | Instr::New { parts: values, .. }
                | Instr::Call { args: values, .. }
                | Instr::Update { args: values, .. } => {
                    let at = random.below(values.len());
                    if let Some(value) = values.get_mut(at) {
                        near(value, random);
                    }
                }
                Instr::Block { results } | Instr::If { results, .. } => {
                    if let Some(ValueType {
                        own: Own::Owned { unique },
                        ..
                    }) = results.first_mut()
                    {
                        *unique ^= 1 << random.below(3);
                    }
                }
                Instr::Loop { params, .. } | Instr::For { params, .. } => {
                    if let Some(ValueType {
                        own: Own::Owned { unique },
                        ..
                    }) = params.first_mut()
                    {
                        *unique ^= 1 << random.below(3);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Any instruction with any operands.
pub(super) fn nonsense(random: &mut Random) -> Instr {
    let mut v = || Value(random.below(12) as u32);
    let (a, b, c) = (v(), v(), v());
    let number = random.below(5) as u32;
    let ty = TypeId(random.below(28) as u32);
    let step = match random.below(6) {
        0 => Step::Index(a),
        1 => Step::Key(a),
        2 => Step::Field(number),
        3 => Step::Variant(number),
        4 => Step::EntryKey(a),
        _ => Step::EntryValue(a),
    };
    let path = vec![step; random.below(3)];
    let own = match random.below(3) {
        0 => Own::Copy,
        1 => Own::Owned {
            unique: u64::MAX >> (number * 12),
        },
        _ => Own::Borrowed { root: b },
    };
    let types = vec![ValueType { ty, own }; random.below(2)];
    let values = vec![b; random.below(3)];
    match random.below(34) {
        0 => int(-1),
        1 => Instr::ConstF64(u64::from(number)),
        2 => yes(),
        3 => Instr::ConstChar('x'),
        4 => unit(),
        5 => Instr::Const(number),
        6 => Instr::Block {
            results: types.into(),
        },
        7 => Instr::If {
            condition: a,
            results: types.into(),
        },
        8 => Instr::Else,
        9 => Instr::Switch {
            value: a,
            results: types.into(),
        },
        10 => Instr::Arm,
        11 => Instr::Loop {
            start: values.into(),
            params: types.clone().into(),
            results: types.into(),
        },
        12 => Instr::For {
            from: a,
            to: c,
            start: values.into(),
            params: types.into(),
        },
        13 | 14 => Instr::End,
        15 | 16 => Instr::Exit {
            depth: number,
            values: values.into(),
        },
        17 => Instr::Next {
            depth: number,
            values: values.into(),
        },
        18 => Instr::Ret {
            values: values.into(),
        },
        19 => Instr::Trap {
            kind: random.pick(TrapKind::ALL).unwrap_or(TrapKind::Panic),
            operand: (number > 2).then_some(a),
            message: (number > 3).then_some(b),
        },
        20 => Instr::New {
            ty,
            variant: number,
            parts: values.into(),
        },
        21 => Instr::Get {
            value: b,
            path: path.into(),
        },
        22 => Instr::Set {
            value: b,
            path: path.into(),
            new: c,
        },
        23 => Instr::Update {
            op: random
                .pick(cop_bytecode::table::UPDATES)
                .map_or(UpdateOp::ListPop, |row| row.op),
            value: b,
            path: path.into(),
            args: values.into(),
        },
        24 => Instr::Take {
            value: b,
            path: path.into(),
        },
        25 => Instr::Put {
            value: b,
            path: path.into(),
            new: c,
        },
        26 => Instr::Dup(a),
        27 => Instr::Drop(a),
        28 => Instr::Unique {
            value: a,
            slot: number * 20,
        },
        29 => open(a.0, number, number),
        30 => Instr::Op {
            op: random
                .pick(cop_bytecode::table::OPS)
                .map_or(Op::ListLen, |row| row.op),
            ty: (number == 0).then_some(ty),
            args: values.into(),
        },
        31 => Instr::Call {
            function: number,
            args: values.into(),
        },
        32 => Instr::CallValue {
            callee: a,
            args: values.into(),
            changed: number,
        },
        _ => Instr::HostCall {
            function: number,
            capability: (number > 1).then_some(a),
            argument: b,
        },
    }
}
