//! Between lowering and the package: what makes the bytecode good.
//!
//! Lowering writes code that is right and plain. The passes here, in the order of [`passes`], make it cheap; each
//! takes a [`draft::Draft`] and leaves a better one that means the same. They decide what fuel a program costs, so
//! both engines gain. Nothing here depends on addresses, hashes or time, and all work is bounded by counts.

pub mod draft;
mod flow;
mod hoist;
mod inline;
mod inplace;
mod lambdas;
mod modes;
mod owners;
#[cfg(test)]
mod tests;
mod texts;
mod unique;

use draft::{Draft, Known};

/// A pass over one function, over all, or over all with more coming; these are told which functions the entry points are.
enum Pass {
    /// What comes from lowering.
    Begin,
    Each(fn(&mut Draft, &mut Known)),
    All(fn(&mut [Option<Draft>], &mut Known, &[u32])),
    More(fn(&mut Vec<Option<Draft>>, &mut Known, &[u32])),
}

/// The passes in order, each with its name and what it does.
const PASSES: &[(&str, &str, Pass)] = &[
    ("body", "the plain code that lowering writes", Pass::Begin),
    (
        "lambdas",
        "a function that is given a lambda becomes one of its own for it; no closure is made",
        Pass::More(lambdas::run),
    ),
    (
        "inline",
        "small functions, and those called from one place, are put where they are called",
        Pass::All(inline::run),
    ),
    (
        "dups",
        "what is only looked at while its source lives on needs no owner of its own",
        Pass::Each(owners::dups),
    ),
    (
        "drops",
        "values are dropped right behind their last use",
        Pass::Each(owners::drops),
    ),
    (
        "texts",
        "texts made only to be appended are made where they go; bytes made only to look at a text are not made",
        Pass::Each(texts::run),
    ),
    (
        "inplace",
        "what is read, changed and written back is changed in place",
        Pass::Each(inplace::run),
    ),
    (
        "modes",
        "parameters whose own slots get no more owners are only looked at",
        Pass::All(modes::run),
    ),
    (
        "unique",
        "shared cells are copied before they change; once before a loop, not in every turn",
        Pass::Each(unique::run),
    ),
];

/// Names of the passes, in order, with what each does.
pub fn passes() -> impl Iterator<Item = (&'static str, &'static str)> {
    PASSES.iter().map(|(name, does, _)| (*name, *does))
}

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
    for (name, _, pass) in PASSES {
        match pass {
            Pass::Begin => {}
            Pass::All(run) => run(functions, known, roots),
            Pass::More(run) => run(functions, known, roots),
            Pass::Each(run) => functions
                .iter_mut()
                .flatten()
                .for_each(|draft| run(draft, known)),
        }
        if last == Some(*name) {
            break;
        }
    }
}
