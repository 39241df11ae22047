//! Owners that nobody needs.
//!
//! **dups**: what is only looked at while its source lives on needs no owner of its own, so `dup` and the `drop`s that
//! go with it vanish. A source lives on if it is lent to the function, or if nothing takes it over before the last
//! look.
//!
//! **drops**: a value is dropped right behind its last use, not at the end of its scope, so that what it held is free,
//! or has one owner less, as early as can be. Ways out that dropped it later no longer do.

use super::draft::{Draft, Known, Node, Use, change_operands};
use super::flow::{BODY, Flow};
use cop_bytecode::{Instr, Mode, Op, UpdateOp, Value};

/// Takes out needless `dup`s. What is taken out is still to be swept, and the notes on uses hold.
pub fn dups(draft: &mut Draft, known: &mut Known) {
    if !draft.code.iter().any(|n| matches!(n.instr, Instr::Dup(_))) {
        return;
    }
    let mut flow = std::mem::take(&mut known.flow);
    flow.fill(draft, known);
    let mut alias: Vec<u32> = (0..draft.values.len() as u32).collect();
    let mut root = alias.clone();
    let mut needless = vec![];
    for (at, node) in draft.code.iter().enumerate() {
        match &node.instr {
            Instr::Get { value, .. } => {
                root[node.first as usize] = root[alias[value.0 as usize] as usize]
            }
            Instr::Dup(from) => {
                let from = Value(alias[from.0 as usize]);
                let source = Value(root[from.0 as usize]);
                if can_look(draft, &flow, at as u32, source) {
                    alias[node.first as usize] = from.0;
                    root[node.first as usize] = source.0;
                    needless.push(at);
                }
            }
            _ => {}
        }
    }
    for at in needless {
        let node = &mut draft.code[at];
        let made = Value(node.first);
        // Its source stands in its place wherever it is used.
        let source = Value(alias[made.0 as usize]);
        node.take_out();
        flow.forget(at as u32);
        for (at, how) in flow.uses(made) {
            let node = &mut draft.code[at as usize];
            match how {
                Use::Drop => node.take_out(),
                _ => change_operands(&mut node.instr, &mut |v| {
                    if *v == made {
                        *v = source;
                    }
                }),
            }
        }
        flow.replace(made, source);
    }
    known.flow = flow;
}

/// Whether a value is a parameter that is lent.
fn is_lent(draft: &Draft, value: Value) -> bool {
    draft
        .params
        .get(value.0 as usize)
        .is_some_and(|p| matches!(p.mode, Mode::Borrow | Mode::Look))
}

/// Whether what the `dup` there makes is only looked at, while the source lives on.
fn can_look(draft: &Draft, flow: &Flow, at: u32, source: Value) -> bool {
    let made = Value(draft.code[at as usize].first);
    if flow.uses(made).any(|(_, how)| how == Use::Give) {
        return false;
    }
    if is_lent(draft, source) {
        return true;
    }
    let mut last = None;
    flow.each_look(draft, made, &mut |look| last = last.max(Some(look)));
    let Some(last) = last else {
        return true;
    };
    // Where the source is taken over before the last look, the way must leave the function without another look.
    flow.uses(source).all(|(position, how)| {
        if !matches!(how, Use::Give | Use::Drop) || position <= at || position > last {
            return true;
        }
        let end = flow.terminator(position);
        let leaves = matches!(
            draft.code[end as usize].instr,
            Instr::Ret { .. } | Instr::Trap { .. }
        );
        let mut looked = false;
        if leaves {
            flow.each_look(draft, made, &mut |look| {
                looked |= (position..=end).contains(&look)
            });
        }
        leaves && !looked
    })
}

/// Puts `drop`s right behind the last use, and sweeps.
pub fn drops(draft: &mut Draft, known: &mut Known) {
    let (mut any, mut dups, mut joins) = (false, false, false);
    // Which instructions vanish; and behind which one (one more than its position) which value is dropped.
    let mut gone: Vec<u32> = vec![];
    let mut moved: Vec<(u32, Value)> = vec![];
    for (at, node) in draft.code.iter().enumerate() {
        match &node.instr {
            Instr::Drop(_) if node.is_gone() => gone.push(at as u32),
            Instr::Drop(_) => any = true,
            Instr::Dup(_) => dups = true,
            instr => joins |= is_join(instr),
        }
    }
    if !any && gone.is_empty() {
        return;
    }
    let mut flow = std::mem::take(&mut known.flow);
    flow.fill(draft, known);
    for (at, node) in draft.code.iter().enumerate() {
        if let Instr::Drop(value) = node.instr
            && !node.is_gone()
        {
            let mut drops = flow.uses(value).filter(|(_, how)| *how == Use::Drop);
            // With the first of its drops, all of them.
            if drops.next().is_some_and(|(first, _)| first == at as u32) {
                drop_early(draft, &flow, value, &mut moved, &mut gone);
            }
        }
    }
    let mut changed = !gone.is_empty();
    if changed {
        moved.sort_unstable_by_key(|(at, value)| (*at, value.0));
        gone.sort_unstable();
        replace(draft, moved, gone);
    }
    if any && dups {
        changed |= hand_over(draft);
    }
    if any && joins {
        changed |= append(draft);
    }
    flow.current = !changed;
    known.flow = flow;
}

/// Finds out whether a value is to be dropped earlier.
fn drop_early(
    draft: &Draft,
    flow: &Flow,
    value: Value,
    moved: &mut Vec<(u32, Value)>,
    gone: &mut Vec<u32>,
) {
    let home = flow.home(value);
    let mut behind = match flow.defined(value) {
        BODY => 0,
        at => at + 1,
    };
    flow.each_look(draft, value, &mut |at| {
        behind = behind.max(flow.seen_from(home, at) + 1)
    });
    let later = || {
        let uses = flow.uses(value);
        uses.filter(|(at, how)| *how == Use::Drop && *at >= behind)
            .map(|(at, _)| at)
    };
    let in_place =
        |at: u32| (behind..at).all(|i| matches!(draft.code[i as usize].instr, Instr::Drop(_)));
    let mut all = later();
    match (all.next(), all.next()) {
        (None, _) => {}
        (Some(only), None) if in_place(only) => {}
        _ => {
            gone.extend(later());
            // In front of what is there.
            let there = draft.code[behind as usize..]
                .iter()
                .position(|n| !n.is_gone());
            moved.push((behind + there.unwrap_or(0) as u32, value));
        }
    }
}

/// Puts drops in, and takes drops out; both in order.
fn replace(draft: &mut Draft, moved: Vec<(u32, Value)>, gone: Vec<u32>) {
    let mut code = Vec::with_capacity(draft.code.len() + moved.len() - gone.len());
    let mut moved = moved.into_iter().peekable();
    let mut gone = gone.into_iter().peekable();
    let mut rest = std::mem::take(&mut draft.code).into_iter().peekable();
    let mut done = 0;
    loop {
        let next_moved = moved.peek().map_or(u32::MAX, |(behind, _)| *behind);
        let next_gone = gone.peek().copied().unwrap_or(u32::MAX);
        let next = next_moved.min(next_gone);
        if next == u32::MAX {
            break;
        }
        code.extend(rest.by_ref().take((next - done) as usize));
        done = next;
        let Some(node) = rest.peek() else { break };
        let (span, site) = (node.span, node.site);
        while let Some((_, value)) = moved.next_if(|(behind, _)| *behind == next) {
            code.push(Node {
                instr: Instr::Drop(value),
                first: 0,
                count: 0,
                span,
                site,
            });
        }
        if gone.next_if_eq(&next).is_some() {
            rest.next();
            done += 1;
        }
    }
    code.extend(rest);
    draft.code = code;
}

fn is_join(instr: &Instr) -> bool {
    matches!(
        instr,
        Instr::Op {
            op: Op::StringConcat,
            ..
        }
    )
}

/// Where the left of two joined texts is not needed again, the right is appended to it: `s = s + e` changes `s` in place.
/// (Not to a constant, which would have to be copied first.) Gives whether there was such a place.
fn append(draft: &mut Draft) -> bool {
    let mut constant = vec![false; draft.values.len()];
    let mut gone = vec![];
    for at in 0..draft.code.len() {
        let node = &draft.code[at];
        if matches!(node.instr, Instr::Const(_)) {
            constant[node.first as usize] = true;
        }
        if let Instr::Op {
            op: Op::StringConcat,
            args,
            ..
        } = &node.instr
            && let [left, right] = args[..]
            && left != right
            && !constant[left.0 as usize]
        {
            let drops = draft.code[at + 1..].iter();
            let mut drops = drops.take_while(|n| matches!(n.instr, Instr::Drop(_)));
            if let Some(drop) = drops.position(|n| matches!(n.instr, Instr::Drop(v) if v == left)) {
                draft.code[at].instr = Instr::Update {
                    op: UpdateOp::TextAppend,
                    value: left,
                    path: [].into(),
                    args: [right].into(),
                };
                gone.push(at + 1 + drop);
            }
        }
    }
    if gone.is_empty() {
        return false;
    }
    let (mut at, mut gone) = (0, gone.into_iter().peekable());
    draft.code.retain(|_| {
        at += 1;
        gone.next_if(|drop| drop + 1 == at).is_none()
    });
    true
}

/// A `dup` that is followed by a `drop` of its source takes that over instead. Gives whether there was such a place.
fn hand_over(draft: &mut Draft) -> bool {
    let follows =
        |code: &[Node], at: usize| match (&code[at].instr, code.get(at + 1).map(|n| &n.instr)) {
            (Instr::Dup(from), Some(Instr::Drop(gone))) => from == gone,
            _ => false,
        };
    if !(0..draft.code.len()).any(|at| follows(&draft.code, at)) {
        return false;
    }
    let mut became: Vec<Value> = (0..draft.values.len() as u32).map(Value).collect();
    let taken: Vec<bool> = (0..draft.code.len())
        .map(|at| follows(&draft.code, at))
        .collect();
    // The `drop` behind such a `dup` goes with it.
    let mut gone = false;
    let mut taken = taken.into_iter();
    draft.code.retain_mut(|node| {
        let takes = taken.next() == Some(true);
        if std::mem::take(&mut gone) {
            return false;
        }
        if takes && let Instr::Dup(from) = node.instr {
            became[node.first as usize] = became[from.0 as usize];
            gone = true;
            return false;
        }
        change_operands(&mut node.instr, &mut |v| *v = became[v.0 as usize]);
        true
    });
    true
}
