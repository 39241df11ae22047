//! Between lowering and the package: what makes the bytecode good.
//!
//! Lowering writes code that is right and plain. The passes here, in the order of [`PASSES`], make it cheap; each
//! takes a [`draft::Draft`] and leaves a better one that means the same. They decide what fuel a program costs, so
//! both engines gain. Nothing here depends on addresses, hashes or time, and all work is bounded by counts.

pub mod draft;
mod flow;
mod hoist;
mod inline;
mod lambdas;
mod owners;
mod unique;

use draft::{Draft, Known};

/// Names of the passes, in order, with what each does.
pub const PASSES: &[(&str, &str)] = &[
    ("body", "the plain code that lowering writes"),
    (
        "lambdas",
        "a function that is given a lambda becomes one of its own for it; no closure is made",
    ),
    (
        "inline",
        "small functions, and those called from one place, are put where they are called",
    ),
    (
        "dups",
        "what is only looked at while its source lives on needs no owner of its own",
    ),
    ("drops", "values are dropped right behind their last use"),
    (
        "unique",
        "shared cells are copied before they change; once before a loop, not in every turn",
    ),
];

/// A pass over one function, or over all.
enum Pass {
    Each(fn(&mut Draft, &mut Known)),
    All(fn(&mut Vec<Option<Draft>>, &mut Known, &[u32])),
}

/// What the [`PASSES`] behind the first are.
const RUN: &[(&str, Pass)] = &[
    ("lambdas", Pass::All(lambdas::run)),
    ("inline", Pass::All(inline::run)),
    ("dups", Pass::Each(owners::dups)),
    ("drops", Pass::Each(owners::drops)),
    ("unique", Pass::Each(unique::run)),
];

/// Runs the passes over all functions, up to and including the one named. `roots` are the functions of entry points.
pub fn run(
    functions: &mut Vec<Option<Draft>>,
    known: &mut Known,
    roots: &[u32],
    last: Option<&str>,
) {
    for (number, draft) in functions.iter().enumerate() {
        if let Some(draft) = draft {
            known.set_params(number as u32, draft.params.clone());
        }
    }
    let wanted = match last {
        Some(last) => RUN
            .iter()
            .position(|(name, _)| *name == last)
            .map_or(0, |at| at + 1),
        None => RUN.len(),
    };
    for (_, pass) in &RUN[..wanted] {
        match pass {
            Pass::All(run) => run(functions, known, roots),
            Pass::Each(run) => functions
                .iter_mut()
                .flatten()
                .for_each(|draft| run(draft, known)),
        }
    }
}
