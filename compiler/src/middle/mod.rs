//! Between lowering and the package: what makes the bytecode good.
//!
//! Lowering writes code that is right and plain. The passes here, in the order of [`passes`], make it cheap; each
//! takes a [`draft::Draft`] and leaves a better one that means the same. They decide what fuel a program costs, so
//! both engines gain. Nothing here depends on addresses, hashes or time, and all work is bounded by counts.

pub mod draft;
mod flow;
mod fold;
mod hoist;
mod inline;
mod inplace;
mod lambdas;
mod modes;
pub mod names;
mod order;
mod owners;
mod remove;
mod schedule;
#[cfg(test)]
mod tests;
mod texts;
mod unique;

use draft::{Draft, Known};

/// How a pass goes over the program. From [`Pass::Inline`] on functions go through all of them one by one: [`schedule`].
#[derive(Clone, Copy)]
enum Pass {
    /// What comes from lowering.
    Begin,
    /// Over all functions, with more coming.
    All(fn(&mut Vec<Option<Draft>>, &mut Known)),
    /// [`inline`]: over a function when those that it calls have been gone over, as far as they do not call each other.
    Inline,
    /// Over one function.
    Each(fn(&mut Draft, &mut Known)),
    /// [`modes`]: over functions that call each other, when all else that they call is done.
    Modes,
}

/// The passes in order, each with its name and what it does.
const PASSES: &[(&str, &str, Pass)] = &[
    ("body", "the plain code that lowering writes", Pass::Begin),
    (
        "lambdas",
        "a function that is given a lambda becomes one of its own for it; no closure is made",
        Pass::All(lambdas::run),
    ),
    (
        "inline",
        "small functions, and those called from one place, are put where they are called",
        Pass::Inline,
    ),
    (
        "fold",
        "what is known already is not found out when the program runs; what is only taken apart is not made",
        Pass::Each(fold::run),
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
        Pass::Modes,
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

/// Runs over all functions what the verifier wants, and improves nothing: for a debugger, which shows the source as it is.
pub fn run_needed(
    functions: Vec<Option<Draft>>,
    known: &mut Known,
    mut done: impl FnMut(u32, Draft, &Known),
) {
    note_params(&functions, known);
    for (number, draft) in (0..).zip(functions) {
        if let Some(mut draft) = draft {
            known.flow.current = false;
            unique::run(&mut draft, known);
            done(number, draft, known);
        }
    }
}

fn note_params(functions: &[Option<Draft>], known: &mut Known) {
    for (number, draft) in functions.iter().enumerate() {
        if let Some(draft) = draft {
            known.set_params(number as u32, draft.params.clone());
        }
    }
}

/// Runs the passes over all functions, up to and including the one named, and gives each that is left to `done` with its
/// number, in no order. `roots` are the functions of entry points.
pub fn run(
    mut functions: Vec<Option<Draft>>,
    known: &mut Known,
    roots: &[u32],
    last: Option<&str>,
    done: impl FnMut(u32, Draft),
) {
    note_params(&functions, known);
    let end = PASSES.iter().position(|(name, ..)| last == Some(*name));
    let passes = &PASSES[..end.map_or(PASSES.len(), |at| at + 1)];
    let single = passes
        .iter()
        .position(|pass| matches!(pass.2, Pass::Inline));
    let (all, single) = passes.split_at(single.unwrap_or(passes.len()));
    for (_, _, pass) in all {
        if let Pass::All(run) = pass {
            run(&mut functions, known);
        }
    }
    schedule::run(functions, known, roots, single, done);
}

/// Runs passes over one function.
fn one_by_one(passes: &[(&str, &str, Pass)], draft: &mut Draft, known: &mut Known) {
    known.flow.current = false;
    for (_, _, pass) in passes {
        if let Pass::Each(run) = pass {
            run(draft, known);
        }
    }
    // `dups` leaves that to `drops`, unless it is the last.
    if matches!(passes.last(), Some(("dups", ..))) {
        remove::sweep(&mut draft.code);
    }
}
