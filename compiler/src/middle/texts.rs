//! Texts that are made only to be appended to others, and bytes that are made only to look at a text.
//!
//! **views**: `text.bytes()` of which only bytes and the length are read needs no copy: they are read from the text.
//!
//! **slices**: a slice that is only appended is appended straight from where it lies.
//!
//! **pieces**: a text that is put together only to be appended, as in `out.append("${a}, ${b}")`, is put together at the end
//! of what it is appended to.

use super::draft::{Draft, Known, Node, Use};
use super::flow::{BODY, Flow};
use super::remove::{GONE, sweep};
use cop_bytecode::{Instr, Op, Own, Step, UpdateOp, Value};

/// How often a function is gone over: texts inside texts are put together from the inside out.
const ROUNDS: usize = 8;

/// Runs all three.
pub fn run(draft: &mut Draft, known: &mut Known) {
    let (mut copies, mut parts) = (false, false);
    for node in &draft.code {
        if let Instr::Op { op, .. } = &node.instr {
            copies |= *op == Op::StringToBytes;
            parts |= *op == Op::StringSlice;
        }
    }
    let mut flow = std::mem::take(&mut known.flow);
    let mut changed = false;
    if copies || parts {
        flow.fill(draft, known);
        changed = views(draft, &flow) | slices(draft, &flow);
        if changed {
            sweep(&mut draft.code);
        }
    }
    for _ in 0..ROUNDS {
        flow.current &= !changed;
        if !may_have_pieces(draft) {
            break;
        }
        flow.fill(draft, known);
        changed = pieces(draft, known, &flow);
        if !changed {
            break;
        }
    }
    flow.current &= !changed;
    known.flow = flow;
}

/// Whether something is appended that was put together, wherever else it may be used.
fn may_have_pieces(draft: &Draft) -> bool {
    let mut put_together = vec![false; draft.values.len()];
    draft.code.iter().any(|node| {
        let Instr::Update { op, path, args, .. } = &node.instr else {
            return false;
        };
        if path.is_empty() && puts_in(*op) {
            put_together[node.first as usize] = true;
        }
        *op == UpdateOp::TextAppend && args.iter().any(|arg| put_together[arg.0 as usize])
    })
}

/// A value and what it was borrowed from, the owner last. None if that is not plain to see.
fn sources(draft: &Draft, flow: &Flow, value: Value) -> Option<Vec<Value>> {
    let mut all = vec![value];
    loop {
        let last = all[all.len() - 1];
        let at = match flow.defined(last) {
            BODY => return Some(all),
            at => at as usize,
        };
        match &draft.code[at].instr {
            Instr::Get { value, .. } => all.push(*value),
            Instr::Block { results }
            | Instr::If { results, .. }
            | Instr::Switch { results, .. }
                if results
                    .iter()
                    .any(|r| matches!(r.own, Own::Borrowed { .. })) =>
            {
                return None;
            }
            Instr::Loop { params, .. } | Instr::For { params, .. }
                if params.iter().any(|p| matches!(p.own, Own::Borrowed { .. })) =>
            {
                return None;
            }
            Instr::End => {
                // What a region gives; its opener says whether it is borrowed.
                let opener = (0..at).rev().find(|i| flow.close(*i) == at)?;
                let results = match &draft.code[opener].instr {
                    Instr::Block { results }
                    | Instr::If { results, .. }
                    | Instr::Switch { results, .. }
                    | Instr::Loop { results, .. } => results,
                    Instr::For { params, .. } => params,
                    _ => return None,
                };
                let owned = |ty: &cop_bytecode::ValueType| !matches!(ty.own, Own::Borrowed { .. });
                return results.iter().all(owned).then_some(all);
            }
            _ => return Some(all),
        }
    }
}

/// Reads from texts what was read from copies of them.
fn views(draft: &mut Draft, flow: &Flow) -> bool {
    let mut changed = false;
    for at in 0..draft.code.len() {
        let node = &draft.code[at];
        let Instr::Op {
            op: Op::StringToBytes,
            args,
            ..
        } = &node.instr
        else {
            continue;
        };
        let (text, bytes) = (args[0], Value(node.first));
        let uses: Vec<(u32, Use)> = flow.uses(bytes).collect();
        let only_read =
            uses.iter().all(
                |(position, how)| match (&draft.code[*position as usize].instr, how) {
                    (Instr::Drop(_), Use::Drop) => true,
                    (
                        Instr::Op {
                            op: Op::BytesLen, ..
                        },
                        _,
                    ) => true,
                    (Instr::Get { value, path }, _) => {
                        *value == bytes && matches!(path[..], [Step::Index(_)])
                    }
                    _ => false,
                },
            );
        let Some(sources) = sources(draft, flow, text).filter(|_| only_read) else {
            continue;
        };
        let last = uses
            .iter()
            .map(|(position, _)| *position)
            .max()
            .unwrap_or(0);
        let mut early = sources.iter().flat_map(|source| {
            let uses = flow.uses(*source).filter(|(position, how)| {
                matches!(how, Use::Give | Use::Drop) && (at as u32..last).contains(position)
            });
            uses.map(|(position, how)| (*source, position, how))
        });
        // Its source may be dropped before the last look, if that can be done where the copy was dropped.
        let moved = match (early.next(), early.next()) {
            (None, _) => None,
            (Some((source, position, Use::Drop)), None)
                if flow.arm(position as usize) == flow.arm(at) =>
            {
                Some((source, position))
            }
            _ => continue,
        };
        let uses: Vec<u32> = uses.iter().map(|(position, _)| *position).collect();
        for position in uses {
            let instr = &mut draft.code[position as usize].instr;
            *instr = match &*instr {
                Instr::Drop(_) => moved.map_or(GONE, |(source, _)| Instr::Drop(source)),
                Instr::Get { path, .. } => {
                    let index = match path[..] {
                        [Step::Index(index)] => index,
                        _ => continue,
                    };
                    Instr::Op {
                        op: Op::StringByteAt,
                        ty: None,
                        args: [text, index].into(),
                    }
                }
                _ => Instr::Op {
                    op: Op::StringLen,
                    ty: None,
                    args: [text].into(),
                },
            };
        }
        if let Some((_, position)) = moved {
            draft.code[position as usize].instr = GONE;
        }
        draft.code[at].take_out();
        changed = true;
    }
    changed
}

/// Whether a value is only appended at one place, and dropped: where, and where it is dropped.
fn only_appended(draft: &Draft, flow: &Flow, value: Value) -> Option<(usize, usize)> {
    let mut uses = flow.uses(value);
    let (Some((look, Use::Look)), Some((drop, Use::Drop)), None) =
        (uses.next(), uses.next(), uses.next())
    else {
        return None;
    };
    let appends = matches!(
        &draft.code[look as usize].instr,
        Instr::Update { op: UpdateOp::TextAppend, args, .. } if args[..] == [value]
    );
    let same = flow.arm(look as usize) == flow.arm(drop as usize);
    (appends && same && look < drop).then_some((look as usize, drop as usize))
}

/// Appends slices from where they lie.
fn slices(draft: &mut Draft, flow: &Flow) -> bool {
    let mut changed = false;
    for at in 0..draft.code.len() {
        let node = &draft.code[at];
        let Instr::Op {
            op: Op::StringSlice,
            args,
            ..
        } = &node.instr
        else {
            continue;
        };
        let (args, slice) = (args.clone(), Value(node.first));
        let Some((append, drop)) = only_appended(draft, flow, slice) else {
            continue;
        };
        let Some(sources) = sources(draft, flow, args[0]) else {
            continue;
        };
        if flow.arm(append) != flow.arm(at) {
            continue;
        }
        // Nothing in between may trap, or change what is sliced.
        let mut dropped = None;
        let plain = draft.code[at + 1..append]
            .iter()
            .enumerate()
            .all(|(i, node)| match &node.instr {
                Instr::Drop(value) if sources.contains(value) => {
                    dropped.replace(at + 1 + i).is_none()
                }
                Instr::Drop(_)
                | Instr::Dup(_)
                | Instr::Const(_)
                | Instr::ConstI64(_)
                | Instr::ConstUnit => true,
                _ => false,
            });
        let Instr::Update { value, path, .. } = &draft.code[append].instr else {
            continue;
        };
        if !plain || sources.contains(value) {
            continue;
        }
        draft.code[append].instr = Instr::Update {
            op: UpdateOp::TextAppendSlice,
            value: *value,
            path: path.clone(),
            args,
        };
        draft.code[drop].instr = match dropped {
            Some(position) => std::mem::replace(&mut draft.code[position].instr, GONE),
            None => GONE,
        };
        draft.code[at].take_out();
        changed = true;
    }
    changed
}

/// A text that is put together to be appended.
struct Pieces {
    /// What it begins with.
    start: Value,
    /// The updates that append to it, in order.
    updates: Vec<usize>,
    /// Where it is appended, and where it is dropped.
    append: usize,
    drop: usize,
}

/// Puts texts together at the end of what they are appended to; says whether there were any.
fn pieces(draft: &mut Draft, known: &Known, flow: &Flow) -> bool {
    let mut found: Vec<Pieces> = vec![];
    let mut free = 0;
    for at in 0..draft.code.len() {
        let Some(pieces) = pieces_at(draft, flow, at) else {
            continue;
        };
        // Those inside others come first; what they change is looked at in the next round.
        if pieces.updates[0] >= free {
            free = pieces.drop + 1;
            found.push(pieces);
        }
    }
    if found.is_empty() {
        return false;
    }
    let mut before: Vec<(usize, [Node; 2])> = vec![];
    for pieces in &found {
        let Instr::Update { value, path, .. } = draft.code[pieces.append].instr.clone() else {
            continue;
        };
        let ty = draft.ty(value);
        let mut target = value;
        let first = draft.code[pieces.updates[0]].clone();
        if !is_empty_text(draft, known, flow, pieces.start) {
            let joined = draft.fresh(ty);
            let append = Node {
                instr: Instr::Update {
                    op: UpdateOp::TextAppend,
                    value: target,
                    path: path.clone(),
                    args: [pieces.start].into(),
                },
                first: joined,
                count: 1,
                ..first
            };
            let drop = Node {
                instr: Instr::Drop(pieces.start),
                first: 0,
                count: 0,
                ..append.clone()
            };
            before.push((pieces.updates[0], [append, drop]));
            target = Value(joined);
        } else {
            let at = flow.defined(pieces.start) as usize;
            draft.code[at].take_out();
        }
        let result = draft.code[pieces.append].first;
        for (i, position) in pieces.updates.iter().enumerate() {
            let made = if i + 1 == pieces.updates.len() {
                result
            } else {
                draft.fresh(ty)
            };
            let node = &mut draft.code[*position];
            node.first = made;
            if let Instr::Update {
                value, path: to, ..
            } = &mut node.instr
            {
                *value = target;
                to.clone_from(&path);
            }
            target = Value(made);
        }
        for position in [pieces.append, pieces.drop] {
            draft.code[position].take_out();
        }
    }
    let mut before = before.into_iter().peekable();
    let mut code = Vec::with_capacity(draft.code.len() + found.len());
    for (at, node) in std::mem::take(&mut draft.code).into_iter().enumerate() {
        while let Some((_, nodes)) = before.next_if(|(position, _)| *position == at) {
            code.extend(nodes);
        }
        if !node.is_gone() {
            code.push(node);
        }
    }
    draft.code = code;
    true
}

/// Whether a value is the constant `""`.
fn is_empty_text(draft: &Draft, known: &Known, flow: &Flow, value: Value) -> bool {
    let at = flow.defined(value);
    let instr = draft.code.get(at as usize).map(|node| &node.instr);
    matches!(instr, Some(Instr::Const(index)) if known.empty_text == Some(*index))
}

/// The text that is put together to be appended there.
fn pieces_at(draft: &Draft, flow: &Flow, at: usize) -> Option<Pieces> {
    let Instr::Update {
        op: UpdateOp::TextAppend,
        value: target,
        path,
        args,
    } = &draft.code[at].instr
    else {
        return None;
    };
    if !path.iter().all(|step| matches!(step, Step::Field(_))) {
        return None;
    }
    let (append, drop) = only_appended(draft, flow, args[0])?;
    let mut updates = vec![];
    let mut start = args[0];
    loop {
        let position = match flow.defined(start) {
            BODY => break,
            position => position as usize,
        };
        let Instr::Update {
            op, value, path, ..
        } = &draft.code[position].instr
        else {
            break;
        };
        if !path.is_empty()
            || !puts_in(*op)
            || flow.arm(position) != flow.arm(append)
            || flow.uses(*value).count() != 1
        {
            break;
        }
        updates.push(position);
        start = *value;
    }
    updates.reverse();
    let first = *updates.first()?;
    let since = flow.defined(*target);
    let between = |position: u32| (first..append).contains(&(position as usize));
    let mut alone = !flow.uses(*target).any(|(position, _)| between(position));
    flow.each_look(draft, *target, &mut |position| alone &= !between(position));
    (alone && (since == BODY || (since as usize) < first)).then_some(Pieces {
        start,
        updates,
        append,
        drop,
    })
}

/// Whether an update puts something behind what is there, and looks at nothing of it.
fn puts_in(op: UpdateOp) -> bool {
    matches!(
        op,
        UpdateOp::TextAppend
            | UpdateOp::TextPush
            | UpdateOp::TextAppendI64
            | UpdateOp::TextAppendHex
            | UpdateOp::TextAppendF64
            | UpdateOp::TextAppendQuoted
            | UpdateOp::TextAppendCharQuoted
            | UpdateOp::TextAppendBytes
            | UpdateOp::TextAppendSlice
            | UpdateOp::TextAppendJson
    )
}
