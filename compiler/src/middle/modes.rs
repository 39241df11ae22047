//! How functions take their parameters.
//!
//! Lowering decides what a function takes over, since that decides what its body does ([`crate::lower`]); all else it
//! borrows. Here a borrowed parameter becomes one that is only looked at (`look`) where the function never makes more
//! owners of the parameter's own slots: it neither `dup`s them nor lends them to a function that might. What the
//! caller knows to be unique then stays so over the call, and updates in a loop need not ask again.
//!
//! The greatest solution over the call graph: every borrowed parameter counts as looked at until something speaks
//! against it, also where functions call each other in a circle. Functions of closures keep what their type says.

use super::draft::{Draft, Known, Use, closed_over, each_use};
use cop_bytecode::{Instr, Mode};
use rustc_hash::FxHashMap;

/// No parameter.
const NONE: u32 = u32::MAX;

/// A parameter of a function.
type Param = (u32, u32);

/// Runs the pass.
pub fn run(functions: &mut [Option<Draft>], known: &mut Known, _roots: &[u32]) {
    let mut looked: Vec<Vec<bool>> = functions
        .iter()
        .map(|f| match f {
            Some(draft) => draft
                .params
                .iter()
                .map(|p| p.mode == Mode::Borrow && !known.is_copy(p.ty))
                .collect(),
            None => vec![],
        })
        .collect();
    for function in closed_over(functions) {
        looked[function as usize].fill(false);
    }
    // Who lends a parameter of his on to which; and whose parameters are shared in any case.
    let mut lent_on: FxHashMap<Param, Vec<Param>> = FxHashMap::default();
    let mut shared: Vec<Param> = vec![];
    for (number, draft) in functions.iter().enumerate() {
        if let Some(draft) = draft
            && looked[number].contains(&true)
        {
            look_through(number as u32, draft, known, &mut lent_on, &mut shared);
        }
    }
    for (number, params) in looked.iter().enumerate() {
        let no = params.iter().enumerate().filter(|(_, yes)| !**yes);
        shared.extend(no.map(|(param, _)| (number as u32, param as u32)));
    }
    while let Some((function, param)) = shared.pop() {
        looked[function as usize][param as usize] = false;
        shared.extend(lent_on.remove(&(function, param)).unwrap_or_default());
    }
    for (number, draft) in functions.iter_mut().enumerate() {
        let Some(draft) = draft else { continue };
        let mut changed = false;
        for (param, look) in draft.params.iter_mut().zip(&looked[number]) {
            if *look {
                param.mode = Mode::Look;
                changed = true;
            }
        }
        if changed {
            known.set_params(number as u32, draft.params.clone());
        }
    }
}

/// Finds what a function does with its borrowed parameters.
fn look_through(
    number: u32,
    draft: &Draft,
    known: &mut Known,
    lent_on: &mut FxHashMap<Param, Vec<Param>>,
    shared: &mut Vec<Param>,
) {
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
                    for (i, _) in places {
                        lent_on
                            .entry((*function, i as u32))
                            .or_default()
                            .push((number, param));
                    }
                }
                _ => shared.push((number, param)),
            }
        });
    }
}
