//! Runs the passes and puts everything into a package, in the one order in which packages are written.

use super::{Lowered, Lowerer, Options, Origin};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::middle;
use crate::middle::draft::{Draft, Known};
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
    let (mut functions, mut origins, mut large) = (vec![], vec![], None);
    let mut done = |draft: Option<Draft>, names: Vec<Named>| {
        let Some(mut draft) = draft else {
            // Nothing reaches it, but those after it keep their numbers until all get new ones.
            functions.push(nothing());
            origins.push(Origin::default());
            return;
        };
        if large.is_none() {
            large = too_large(&draft);
        }
        let (name, sites) = (
            std::mem::take(&mut draft.name),
            std::mem::take(&mut draft.sites),
        );
        let (function, places) = draft.numbered();
        functions.push(function);
        origins.push(Origin {
            name,
            places,
            sites,
            names,
        });
    };
    if options.debug {
        let mut number = 0;
        middle::run_needed(written.functions, &mut known, |draft, known| {
            let labels = written.labels.get(&number);
            let names = draft.as_ref().zip(labels);
            let names = names.map(|(draft, labels)| names::named(draft, known, labels));
            done(draft, names.unwrap_or_default());
            number += 1;
        });
    } else {
        let last = options.last;
        middle::run(written.functions, &mut known, &roots, last, |draft| {
            done(draft, vec![]);
        });
    }
    if let Some(error) = large {
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
fn too_large(draft: &Draft) -> Option<Diagnostic> {
    let sizes = [
        (draft.code.len(), limits::INSTRUCTIONS, "instructions"),
        (draft.defined(), limits::VALUES, "values"),
        (
            draft.depth(),
            limits::REGION_DEPTH,
            "regions inside each other",
        ),
        (draft.params.len(), limits::PARAMETERS, "parameters"),
    ];
    let (size, most, what) = sizes.into_iter().find(|(size, most, _)| size > most)?;
    let error = Diagnostic::error("E0432", format!("`{}` is too large", draft.name))
        .at(draft.span, format!("compiled, it has {size} {what}"));
    Some(
        error
            .note(format!("a function may have {most} {what}"))
            .help("split it into several functions"),
    )
}
