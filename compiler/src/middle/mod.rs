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
mod owners;
mod remove;
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

/// Runs over all functions what the verifier wants, and improves nothing: for a debugger, which shows the source as it is.
pub fn run_needed(
    functions: Vec<Option<Draft>>,
    known: &mut Known,
    mut done: impl FnMut(Option<Draft>, &Known),
) {
    note_params(&functions, known);
    for mut draft in functions {
        if let Some(draft) = &mut draft {
            known.flow.current = false;
            unique::run(draft, known);
        }
        done(draft, known);
    }
}

fn note_params(functions: &[Option<Draft>], known: &mut Known) {
    for (number, draft) in functions.iter().enumerate() {
        if let Some(draft) = draft {
            known.set_params(number as u32, draft.params.clone());
        }
    }
}

/// Runs the passes over all functions, up to and including the one named, and gives each function to `done`, in order.
/// `roots` are the functions of entry points.
pub fn run(
    mut functions: Vec<Option<Draft>>,
    known: &mut Known,
    roots: &[u32],
    last: Option<&str>,
    mut done: impl FnMut(Option<Draft>),
) {
    note_params(&functions, known);
    let end = PASSES.iter().position(|(name, ..)| last == Some(*name));
    let mut passes = &PASSES[..end.map_or(PASSES.len(), |at| at + 1)];
    while let Some((_, _, pass)) = passes.first() {
        // Passes over one function go over it one behind the other, while it is at hand.
        let single = |pass: &&(_, _, Pass)| matches!(pass.2, Pass::Each(_));
        let (these, rest) = passes.split_at(passes.iter().take_while(single).count().max(1));
        passes = rest;
        match pass {
            Pass::Begin => {}
            Pass::All(run) => run(&mut functions, known, roots),
            Pass::More(run) => run(&mut functions, known, roots),
            Pass::Each(_) if passes.is_empty() => {
                for mut draft in functions {
                    if let Some(draft) = &mut draft {
                        one_by_one(these, draft, known);
                    }
                    done(draft);
                }
                return;
            }
            Pass::Each(_) => {
                let functions = functions.iter_mut().flatten();
                functions.for_each(|draft| one_by_one(these, draft, known));
            }
        }
    }
    functions.into_iter().for_each(done);
}

/// Runs passes over one function.
fn one_by_one(passes: &[(&str, &str, Pass)], draft: &mut Draft, known: &mut Known) {
    known.flow.current = false;
    for (_, _, pass) in passes {
        if let Pass::Each(run) = pass {
            run(draft, known);
        }
    }
}
