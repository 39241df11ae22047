//! Runs the passes and puts everything into a package, in the one order in which packages are written.

use super::{Lowered, Lowerer, Options, Origin};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::middle;
use crate::middle::draft::{Draft, Known, Numbered};
use crate::middle::names::{self, Label, Named};
use cop_bytecode::canonical::canonical;
use cop_bytecode::{Constant, Entry, Function, HostFunction, Layouts, Package, TypeId, limits};
use rustc_hash::FxHashMap;

/// What lowering has written, before the passes.
pub(crate) struct Written {
    layouts: Layouts,
    functions: Vec<Option<Draft>>,
    constants: Vec<Constant>,
    hosts: Vec<HostFunction>,
    labels: FxHashMap<u32, Vec<Label>>,
}

impl From<Lowerer<'_>> for Written {
    fn from(lowerer: Lowerer) -> Written {
        Written {
            layouts: lowerer.layouts,
            functions: lowerer.functions,
            constants: lowerer.constants.into_iter().collect(),
            hosts: lowerer.hosts.into_iter().collect(),
            labels: lowerer.labels,
        }
    }
}

/// Makes the package. `None` if a function is larger than one may be; that was reported.
pub(crate) fn finish(
    written: Written,
    entries: Vec<Entry>,
    options: Options,
    diagnostics: &mut Diagnostics,
) -> Option<Lowered> {
    let mut known = Known::new(written.layouts);
    let empty = |constant: &Constant| matches!(constant, Constant::String(text) if text.is_empty());
    let empty = written.constants.iter().position(empty);
    known.empty_text = empty.map(|index| index as u32);
    let roots: Vec<u32> = entries.iter().map(|e| e.function).collect();
    let count = written.functions.len();
    // Nothing reaches some, but those after them keep their numbers until all get new ones.
    let mut functions: Vec<Function> = (0..count).map(|_| nothing()).collect();
    let mut origins: Vec<Origin> = (0..count).map(|_| Origin::default()).collect();
    let mut large: Option<(u32, Diagnostic)> = None;
    let mut done = |number: u32, draft: Draft, names: Vec<Named>| {
        let numbered = draft.numbered();
        if large.as_ref().is_none_or(|(first, _)| number < *first)
            && let Some(error) = too_large(&numbered)
        {
            large = Some((number, error));
        }
        // Lambdas make more functions than were written.
        if functions.len() <= number as usize {
            functions.resize_with(number as usize + 1, nothing);
            origins.resize_with(number as usize + 1, Origin::default);
        }
        functions[number as usize] = numbered.function;
        origins[number as usize] = Origin {
            name: numbered.name,
            places: numbered.places,
            sites: numbered.sites,
            names,
        };
    };
    if options.debug {
        middle::run_needed(written.functions, &mut known, |number, draft, known| {
            let labels = written.labels.get(&number);
            let names = labels.map(|labels| names::named(&draft, known, labels));
            done(number, draft, names.unwrap_or_default());
        });
    } else {
        let last = options.last;
        middle::run(
            written.functions,
            &mut known,
            &roots,
            last,
            |number, draft| {
                done(number, draft, vec![]);
            },
        );
    }
    if let Some((_, error)) = large {
        diagnostics.push(error);
        return None;
    }
    let layouts = known.layouts;
    let types = (0..layouts.len() as u32).filter_map(|i| layouts.get(TypeId(i)).cloned());
    let types = types.collect();
    let package = Package {
        types,
        defs: layouts.defs().to_vec(),
        entries,
        host_functions: written.hosts,
        constants: written.constants,
        functions,
    };
    let (package, moved) = canonical(package);
    let mut placed: Vec<_> = moved
        .into_iter()
        .zip(origins)
        .filter_map(|(new, o)| Some((new?, o)))
        .collect();
    placed.sort_by_key(|(new, _)| *new);
    Some(Lowered {
        package,
        origins: placed.into_iter().map(|(_, origin)| origin).collect(),
    })
}

/// In place of a function that nothing reaches.
fn nothing() -> Function {
    Function {
        params: vec![],
        captures: 0,
        result: TypeId(0),
        body: vec![],
    }
}

/// What is wrong with a function that is larger than one may be.
fn too_large(numbered: &Numbered) -> Option<Diagnostic> {
    let function = &numbered.function;
    let sizes = [
        (function.body.len(), limits::INSTRUCTIONS, "instructions"),
        (numbered.values, limits::VALUES, "values"),
        (
            numbered.depth,
            limits::REGION_DEPTH,
            "regions inside each other",
        ),
        (function.params.len(), limits::PARAMETERS, "parameters"),
    ];
    let (size, most, what) = sizes.into_iter().find(|(size, most, _)| size > most)?;
    let error = Diagnostic::error("E0432", format!("`{}` is too large", numbered.name))
        .at(numbered.span, format!("compiled, it has {size} {what}"));
    Some(
        error
            .note(format!("a function may have {most} {what}"))
            .help("split it into several functions"),
    )
}
