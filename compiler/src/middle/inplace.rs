//! What is read, changed and written back is changed in place: `n += 1` of a lent `m[k]` looks the key up once.

use super::draft::{Draft, Known, each_operand};
use cop_bytecode::{Instr, Op, UpdateOp};

/// How many instructions may stand between reading, changing and writing.
const NEAR: usize = 4;

/// Runs it on a function.
pub fn run(draft: &mut Draft, _: &mut Known) {
    if !draft
        .code
        .iter()
        .any(|node| matches!(node.instr, Instr::Set { .. }))
    {
        return;
    }
    let found: Vec<[usize; 3]> = (0..draft.code.len())
        .filter_map(|at| found_at(draft, at))
        .collect();
    if found.is_empty() {
        return;
    }
    let mut uses = vec![0u32; draft.values.len()];
    for node in &draft.code {
        each_operand(&node.instr, &mut |value| uses[value.0 as usize] += 1);
    }
    let mut gone = vec![];
    for [get, op, set] in found {
        let used_once = |at: usize| uses[draft.code[at].first as usize] == 1;
        if !used_once(get) || !used_once(op) {
            continue;
        }
        let Instr::Op { op: of, args, .. } = &draft.code[op].instr else {
            continue;
        };
        let Some(update) = update_of(*of) else {
            continue;
        };
        let by = args[1];
        let Instr::Set { value, path, .. } = &draft.code[set].instr else {
            continue;
        };
        draft.code[set].instr = Instr::Update {
            op: update,
            value: *value,
            path: path.clone(),
            args: [by].into(),
        };
        gone.extend([get, op]);
    }
    gone.sort_unstable();
    let (mut at, mut gone) = (0, gone.into_iter().peekable());
    draft.code.retain(|_| {
        at += 1;
        gone.next_if(|gone| gone + 1 == at).is_none()
    });
}

/// Where something that is read there is changed and written back, if that is all that happens.
fn found_at(draft: &Draft, get: usize) -> Option<[usize; 3]> {
    let node = &draft.code[get];
    let Instr::Get { value: root, path } = &node.instr else {
        return None;
    };
    if path.is_empty() {
        return None;
    }
    let next = |from: usize| {
        let constant = |at: &usize| {
            matches!(
                draft.code[*at].instr,
                Instr::ConstI64(_) | Instr::ConstF64(_) | Instr::ConstUnit
            )
        };
        (from + 1..draft.code.len().min(from + NEAR)).find(|at| !constant(at))
    };
    let op = next(get)?;
    let Instr::Op { op: of, args, .. } = &draft.code[op].instr else {
        return None;
    };
    update_of(*of)?;
    let (left, right) = (args.first()?, args.get(1)?);
    if left.0 != node.first || right == left {
        return None;
    }
    let set = next(op)?;
    match &draft.code[set].instr {
        Instr::Set {
            value,
            path: to,
            new,
        } => {
            let same = value == root && to == path && new.0 == draft.code[op].first;
            same.then_some([get, op, set])
        }
        _ => None,
    }
}

/// The same in place.
fn update_of(op: Op) -> Option<UpdateOp> {
    Some(match op {
        Op::I64Add => UpdateOp::I64Add,
        Op::I64Sub => UpdateOp::I64Sub,
        Op::I64Mul => UpdateOp::I64Mul,
        Op::I64Div => UpdateOp::I64Div,
        Op::I64Rem => UpdateOp::I64Rem,
        Op::I64AddWrap => UpdateOp::I64AddWrap,
        Op::I64SubWrap => UpdateOp::I64SubWrap,
        Op::I64MulWrap => UpdateOp::I64MulWrap,
        Op::I64And => UpdateOp::I64And,
        Op::I64Or => UpdateOp::I64Or,
        Op::I64Xor => UpdateOp::I64Xor,
        Op::F64Add => UpdateOp::F64Add,
        Op::F64Sub => UpdateOp::F64Sub,
        Op::F64Mul => UpdateOp::F64Mul,
        Op::F64Div => UpdateOp::F64Div,
        _ => return None,
    })
}
