//! How functions take their parameters.
//!
//! Lowering decides what a function takes over, since that decides what its body does ([`crate::lower`]); all else it
//! borrows. Here a borrowed parameter becomes one that is only looked at (`look`) where the function never makes more
//! owners of the parameter's own slots: it neither `dup`s them nor lends them to a function that might. What the
//! caller knows to be unique then stays so over the call, and updates in a loop need not ask again.
//!
//! Functions are looked at when those that they call have been. The greatest solution: where functions call each other in
//! a circle, every borrowed parameter of theirs counts as looked at until something speaks against it. Functions of
//! closures keep what their type says.

use super::draft::{Draft, Known, Use, each_use};
use cop_bytecode::{Instr, Mode};
use rustc_hash::FxHashMap;

/// No parameter.
const NONE: u32 = u32::MAX;

/// A parameter of a function of a circle, by their indices.
type Param = (u32, u32);

/// Decides for functions that call each other, or for one. What else they call has been decided; `closed_over` says of
/// which functions closures are made.
pub fn run(circle: &mut [(u32, Draft)], known: &mut Known, closed_over: &[bool]) {
    let mut looked: Vec<Vec<bool>> = Vec::with_capacity(circle.len());
    for (number, draft) in circle.iter() {
        let free = !closed_over[*number as usize];
        let params = draft.params.iter();
        looked.push(
            params
                .map(|p| free && p.mode == Mode::Borrow && !known.is_copy(p.ty))
                .collect(),
        );
    }
    // Who lends a parameter of his on to which; and whose parameters are shared in any case.
    let mut lent_on: FxHashMap<Param, Vec<Param>> = FxHashMap::default();
    let mut shared: Vec<Param> = vec![];
    let indices = circle
        .iter()
        .zip(0..)
        .map(|((number, _), at)| (*number, at));
    let indices: FxHashMap<u32, u32> = indices.collect();
    for (at, (_, draft)) in circle.iter().enumerate() {
        if looked[at].contains(&true) {
            look_through(draft, known, |param, to| match to {
                Some((function, place)) if indices.contains_key(&function) => {
                    let to = (indices[&function], place);
                    lent_on.entry(to).or_default().push((at as u32, param));
                }
                _ => shared.push((at as u32, param)),
            });
        }
    }
    for (at, params) in looked.iter().enumerate() {
        let no = params.iter().enumerate().filter(|(_, yes)| !**yes);
        shared.extend(no.map(|(param, _)| (at as u32, param as u32)));
    }
    while let Some((at, param)) = shared.pop() {
        looked[at as usize][param as usize] = false;
        shared.extend(lent_on.remove(&(at, param)).unwrap_or_default());
    }
    for ((number, draft), looked) in circle.iter_mut().zip(looked) {
        if !looked.contains(&true) {
            continue;
        }
        for (param, look) in draft.params.iter_mut().zip(looked) {
            if look {
                param.mode = Mode::Look;
            }
        }
        known.set_params(*number, draft.params.clone());
    }
}

/// Finds which borrowed parameters a function shares: with what parameter of what function it calls, if that is how.
fn look_through(draft: &Draft, known: &mut Known, mut share: impl FnMut(u32, Option<(u32, u32)>)) {
    // Of which parameter a value may be an own slot.
    let mut part_of = vec![NONE; draft.values.len()];
    for (i, param) in draft.params.iter().enumerate() {
        if param.mode == Mode::Borrow && !known.is_copy(param.ty) {
            part_of[i] = i as u32;
        }
    }
    for node in &draft.code {
        if let Instr::Get { value, path } = &node.instr
            && part_of[value.0 as usize] != NONE
        {
            if !known.is_copy(draft.values[node.first as usize])
                && !known.walk(draft.ty(*value), path).behind
            {
                part_of[node.first as usize] = part_of[value.0 as usize];
            }
            continue;
        }
        each_use(draft, &node.instr, known, &mut |value, how| {
            let param = part_of[value.0 as usize];
            if how != Use::Share || param == NONE {
                return;
            }
            match &node.instr {
                Instr::Call { function, args } => {
                    let places = args.iter().enumerate().filter(|(_, arg)| **arg == value);
                    places.for_each(|(i, _)| share(param, Some((*function, i as u32))));
                }
                _ => share(param, None),
            }
        });
    }
}
