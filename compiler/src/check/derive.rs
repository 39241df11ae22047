//! Which built-in traits hold for which structs and enums.
//!
//! For every struct or enum and trait there is a [`Summary`]: either it never holds, and why, or it holds when it does for
//! some of the type parameters. The summaries are the least ones that agree with the fields, found by going round until
//! nothing changes; types may mention themselves and each other.

use super::*;
use crate::hir::Builtin;

/// All built-in traits, by their position in [`Known::builtin`].
pub(super) const BUILTINS: [Builtin; 5] = [
    Builtin::Eq,
    Builtin::Ord,
    Builtin::Hash,
    Builtin::Show,
    Builtin::Data,
];

/// When a built-in trait holds for a struct or an enum.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Summary {
    /// If it holds for these of its parameters.
    Needs(Vec<bool>),
    /// Never.
    Fails(Blame),
}

/// What keeps a trait from holding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Blame {
    /// The way to it: "its field `f`", then inside that.
    pub path: Vec<String>,
    /// The type at its end.
    pub ty: Ty,
}

impl Checker<'_> {
    pub(super) fn derive(&mut self) {
        for builtin in BUILTINS {
            self.derive_one(builtin);
        }
        self.check_written();
    }

    fn derive_one(&mut self, builtin: Builtin) {
        let own: Vec<Option<Summary>> = (0..self.adts.len())
            .map(|index| self.written_summary(builtin, AdtId(index as u32)))
            .collect();
        let mut summaries: Vec<Summary> = own
            .iter()
            .enumerate()
            .map(|(index, own)| {
                own.clone().unwrap_or_else(|| {
                    Summary::Needs(vec![false; self.program.adts[index].generics.len()])
                })
            })
            .collect();
        loop {
            let mut changed = false;
            for index in 0..summaries.len() {
                if own[index].is_some() || matches!(summaries[index], Summary::Fails(_)) {
                    continue;
                }
                let new = self.summarise(builtin, index, &summaries);
                if new != summaries[index] {
                    summaries[index] = new;
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        self.derived.push(summaries);
    }

    /// A summary that does not come from the fields: of a type with an `impl` of its own, or without any traits.
    fn written_summary(&self, builtin: Builtin, id: AdtId) -> Option<Summary> {
        if self.adts[id.index()].plain {
            return Some(Summary::Fails(Blame {
                path: Vec::new(),
                ty: Ty::Adt(id, Rc::from([])),
            }));
        }
        let of = self.known.builtin[builtin as usize]?;
        let index = *self.impls_of.get(&(of, Head::Adt(id)))?.first()?;
        let written = &self.program.impls[index];
        let Ty::Adt(_, args) = &written.ty else {
            return None;
        };
        Some(Summary::Needs(
            args.iter()
                .map(|arg| match arg {
                    Ty::Param(param) => written.generics[*param as usize]
                        .bounds
                        .iter()
                        .any(|bound| bound.id == of),
                    _ => false,
                })
                .collect(),
        ))
    }

    fn summarise(&self, builtin: Builtin, index: usize, known: &[Summary]) -> Summary {
        let adt = &self.program.adts[index];
        let mut needs = vec![false; adt.generics.len()];
        for variant in &adt.variants {
            for field in &variant.fields {
                if let Err(mut blame) = self.collect(builtin, &field.ty, known, &mut needs) {
                    blame.path.insert(
                        0,
                        match (adt.is_struct, variant.named) {
                            (true, _) => format!("the field `{}` of `{}`", field.name, adt.name),
                            (false, true) => {
                                format!("`{}` of the variant `{}`", field.name, variant.name)
                            }
                            (false, false) => format!("what the variant `{}` holds", variant.name),
                        },
                    );
                    blame.path.truncate(4);
                    return Summary::Fails(blame);
                }
            }
        }
        Summary::Needs(needs)
    }

    /// Adds the parameters for which the trait must hold so that it does for a type.
    fn collect(
        &self,
        builtin: Builtin,
        ty: &Ty,
        known: &[Summary],
        needs: &mut [bool],
    ) -> Result<(), Blame> {
        match parts(builtin, ty, self.known.option) {
            Parts::Never => Err(Blame {
                path: Vec::new(),
                ty: ty.clone(),
            }),
            Parts::All(parts) => parts
                .iter()
                .try_for_each(|part| self.collect(builtin, part, known, needs)),
            Parts::Param(index) => {
                if let Some(need) = needs.get_mut(index as usize) {
                    *need = true;
                }
                Ok(())
            }
            Parts::Adt(id, args) => match &known[id.index()] {
                Summary::Fails(blame) => Err(blame.clone()),
                Summary::Needs(wanted) => wanted
                    .iter()
                    .zip(args.iter())
                    .filter(|(wanted, _)| **wanted)
                    .try_for_each(|(_, arg)| self.collect(builtin, arg, known, needs)),
            },
        }
    }

    /// The summary of a struct or enum; before [`Checker::derive`] has run it is taken to hold.
    pub(super) fn summary(&self, builtin: Builtin, id: AdtId) -> Option<&Summary> {
        self.derived.get(builtin as usize)?.get(id.index())
    }

    pub(super) fn check_written(&mut self) {
        for (ty, span, generics) in std::mem::take(&mut self.written) {
            let module = self.module_of(span);
            let mut cx = body::BodyCx::bare(self, module, generics);
            cx.well_formed(&ty, span);
            cx.settle();
        }
        for (used, generics) in std::mem::take(&mut self.written_aliases) {
            let module = self.module_of(used.span);
            let mut cx = body::BodyCx::bare(self, module, generics);
            cx.alias_bounds(&used);
            cx.settle();
        }
    }

    /// The module a place lies in.
    pub(super) fn module_of(&self, span: Span) -> usize {
        self.loaded
            .iter()
            .position(|loaded| loaded.ast.file == span.file)
            .unwrap_or(0)
    }
}

/// What decides whether a built-in trait holds for a type.
pub(super) enum Parts<'t> {
    /// It does not.
    Never,
    /// It does if it does for all of these.
    All(Vec<&'t Ty>),
    /// It does if the parameter has the bound.
    Param(u32),
    /// Its summary does.
    Adt(AdtId, &'t Rc<[Ty]>),
}

/// What decides whether a built-in trait holds for a resolved type.
pub(super) fn parts<'t>(builtin: Builtin, ty: &'t Ty, option: Option<AdtId>) -> Parts<'t> {
    match ty {
        Ty::Param(index) => Parts::Param(*index),
        Ty::Fn(_) | Ty::Host(_) => Parts::Never,
        Ty::Range if builtin == Builtin::Ord => Parts::Never,
        Ty::Map(..) | Ty::Set(_) if matches!(builtin, Builtin::Ord | Builtin::Hash) => Parts::Never,
        Ty::List(part) | Ty::Set(part) => Parts::All(vec![part]),
        Ty::Map(key, value) => Parts::All(vec![key, value]),
        Ty::Tuple(parts) => Parts::All(parts.iter().collect()),
        Ty::Adt(id, args) if builtin == Builtin::Data && Some(*id) == option => match &args[0] {
            Ty::Adt(inner, _) if Some(*inner) == option => Parts::Never,
            _ => Parts::Adt(*id, args),
        },
        Ty::Adt(id, args) => Parts::Adt(*id, args),
        _ => Parts::All(Vec::new()),
    }
}
