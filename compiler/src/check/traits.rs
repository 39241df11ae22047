//! Whether a trait holds for a type: obligations of a body, and how they are met.

use super::body::BodyCx;
use super::derive::{Parts, Summary, parts};
use super::infer::Open;
use super::*;
use crate::hir::{Builtin, TraitRef};

/// The built-in trait of a name.
pub(super) fn builtin(name: &str) -> Option<Builtin> {
    Some(match name {
        "Eq" => Builtin::Eq,
        "Ord" => Builtin::Ord,
        "Hash" => Builtin::Hash,
        "Show" => Builtin::Show,
        "Data" => Builtin::Data,
        _ => return None,
    })
}

/// How deep impls may ask for impls.
const MAX_DEPTH: usize = 64;

/// Who asks that a trait holds.
#[derive(Clone, Debug)]
pub(super) enum Asker {
    /// The type parameter of something called or built: what, and the parameter's name.
    Parameter(Rc<str>, Rc<str>),
    /// An operator.
    Operator(&'static str),
    /// `"${…}"`.
    Hole,
    /// The keys of a map, the elements of a set.
    Key,
    /// `?` that makes an `Error`.
    Try,
    /// A method of the trait, by its name.
    Method(Rc<str>),
    /// A type that was written.
    Written(Rc<str>, Rc<str>),
}

/// That a trait must hold for a type.
#[derive(Clone, Debug)]
pub(super) struct Obligation {
    pub of: TraitRef,
    pub ty: Ty,
    pub span: Span,
    pub asker: Asker,
    /// The type it was asked for first, if this comes from an impl or from parts of that.
    pub whole: Option<Ty>,
    pub depth: usize,
}

enum Verdict {
    Holds,
    /// The type is not known enough.
    Open,
    Fails(Vec<String>),
}

impl BodyCx<'_, '_> {
    /// Asks that a trait holds for a type.
    pub(super) fn demand(&mut self, ty: &Ty, of: TraitRef, span: Span, asker: Asker) {
        if self.cx.program.traits[of.id.index()].builtin.is_some() && self.is_plain(ty) {
            return;
        }
        self.meet(Obligation {
            of,
            ty: ty.clone(),
            span,
            asker,
            whole: None,
            depth: 0,
        });
    }

    /// Whether a type is known to be one of those that have all built-in traits.
    fn is_plain(&self, ty: &Ty) -> bool {
        matches!(
            self.table.look(ty),
            Ty::Int | Ty::Float | Ty::Bool | Ty::Char | Ty::String | Ty::Bytes
        )
    }

    /// Asks that a built-in trait holds for a type.
    pub(super) fn demand_builtin(&mut self, ty: &Ty, builtin: Builtin, span: Span, asker: Asker) {
        if let Some(id) = self.cx.known.builtin[builtin as usize] {
            self.demand(
                ty,
                TraitRef {
                    id,
                    args: Vec::new(),
                },
                span,
                asker,
            );
        }
    }

    /// Meets an obligation, or keeps it for later.
    fn meet(&mut self, obligation: Obligation) {
        let mut work = Vec::new();
        let mut next = Some(obligation);
        while let Some(obligation) = next {
            match self.verdict(&obligation, &mut work) {
                Verdict::Holds => {}
                Verdict::Open => self.pending.push(obligation),
                Verdict::Fails(why) => self.trait_missing(&obligation, why),
            }
            next = work.pop();
        }
    }

    /// Looks at the obligations that were kept, as long as that gets anywhere.
    pub(super) fn settle(&mut self) {
        loop {
            let before = (self.pending.len(), self.table.snapshot());
            for obligation in std::mem::take(&mut self.pending) {
                self.meet(obligation);
            }
            if self.pending.is_empty() || (self.pending.len(), self.table.snapshot()) == before {
                break;
            }
        }
    }

    fn verdict(&mut self, obligation: &Obligation, work: &mut Vec<Obligation>) -> Verdict {
        let ty = self.table.shallow(&obligation.ty);
        match &ty {
            Ty::Infer(_) => return Verdict::Open,
            Ty::Error | Ty::Never => return Verdict::Holds,
            Ty::Param(index) => return self.by_bound(*index, &obligation.of),
            _ => {}
        }
        if obligation.depth > MAX_DEPTH {
            return Verdict::Fails(vec!["the impls ask for each other without end".to_string()]);
        }
        let sub = |ty: &Ty, of: TraitRef| Obligation {
            of,
            ty: ty.clone(),
            span: obligation.span,
            asker: obligation.asker.clone(),
            whole: Some(
                obligation
                    .whole
                    .clone()
                    .unwrap_or_else(|| obligation.ty.clone()),
            ),
            depth: obligation.depth + 1,
        };
        if let Some(builtin) = self.cx.program.traits[obligation.of.id.index()].builtin {
            let own_show = builtin == Builtin::Show
                && Head::of(&ty).is_some_and(|head| {
                    matches!(head, Head::Adt(_))
                        && self.cx.impls_of.contains_key(&(obligation.of.id, head))
                });
            if !own_show {
                // `(T?)?` is seen only when the inner type is looked through.
                let ty = if builtin == Builtin::Data {
                    self.table.deep(&ty)
                } else {
                    ty
                };
                return match parts(builtin, &ty, self.cx.known.option) {
                    Parts::Never => Verdict::Fails(Vec::new()),
                    Parts::Param(_) => Verdict::Holds,
                    Parts::All(parts) => {
                        work.extend(
                            parts
                                .into_iter()
                                .map(|part| sub(part, obligation.of.clone())),
                        );
                        Verdict::Holds
                    }
                    Parts::Adt(id, args) => match self.cx.summary(builtin, id) {
                        None => Verdict::Holds,
                        Some(Summary::Fails(blame)) => {
                            let mut why = blame.path.clone();
                            if !why.is_empty() {
                                let last = self
                                    .cx
                                    .show(&blame.ty, &self.cx.program.adts[id.index()].generics);
                                why.push(names::a(&last));
                            }
                            Verdict::Fails(why)
                        }
                        Some(Summary::Needs(needs)) => {
                            for (needed, arg) in needs.iter().zip(args.iter()) {
                                if *needed {
                                    work.push(sub(arg, obligation.of.clone()));
                                }
                            }
                            Verdict::Holds
                        }
                    },
                };
            }
        }
        let Some(head) = Head::of(&ty) else {
            return Verdict::Open;
        };
        let candidates = self
            .cx
            .impls_of
            .get(&(obligation.of.id, head))
            .cloned()
            .unwrap_or_default();
        if candidates.len() > 1 && self.fits_several(&candidates, &ty, obligation.span) {
            return Verdict::Open;
        }
        for index in candidates {
            let snapshot = self.table.snapshot();
            let args = self.fresh_for_impl(index, obligation.span);
            let target = self.cx.program.impls[index].ty.substitute(&args);
            if !self.table.unify(&target, &ty) {
                self.table.rollback(snapshot);
                continue;
            }
            let given: Vec<Ty> = self.cx.program.impls[index]
                .of
                .args
                .iter()
                .map(|arg| arg.substitute(&args))
                .collect();
            for (given, wanted) in given.iter().zip(&obligation.of.args) {
                if !self.table.unify(given, wanted) {
                    let given = self.shown(given);
                    let wanted = self.shown(wanted);
                    return Verdict::Fails(vec![format!(
                        "it is so for `{given}`, not for `{wanted}`"
                    )]);
                }
            }
            let bounds: Vec<Vec<TraitRef>> = self.cx.program.impls[index]
                .generics
                .iter()
                .map(|generic| generic.bounds.clone())
                .collect();
            for (arg, bounds) in args.iter().zip(bounds) {
                for bound in bounds {
                    work.push(sub(arg, substitute_trait(&bound, &args)));
                }
            }
            return Verdict::Holds;
        }
        Verdict::Fails(Vec::new())
    }

    /// Whether a type that is not wholly known could be that of more than one impl.
    fn fits_several(&mut self, candidates: &[usize], ty: &Ty, span: Span) -> bool {
        let fitting = candidates.iter().filter(|index| {
            let snapshot = self.table.snapshot();
            let args = self.fresh_for_impl(**index, span);
            let target = self.cx.program.impls[**index].ty.substitute(&args);
            let fits = self.table.unify(&target, ty);
            self.table.rollback(snapshot);
            fits
        });
        fitting.count() > 1
    }

    fn fresh_for_impl(&mut self, index: usize, span: Span) -> Vec<Ty> {
        let count = self.cx.program.impls[index].generics.len();
        (0..count)
            .map(|_| self.table.fresh(span, Open::Other))
            .collect()
    }

    /// Whether a type parameter has a bound that includes the trait.
    fn by_bound(&mut self, param: u32, of: &TraitRef) -> Verdict {
        let Some(generic) = self.generics.get(param as usize) else {
            return Verdict::Holds;
        };
        let bounds = generic.bounds.clone();
        let wanted = self.cx.program.traits[of.id.index()].builtin;
        for bound in bounds {
            if bound.id == of.id {
                let good = bound
                    .args
                    .iter()
                    .zip(&of.args)
                    .all(|(have, want)| self.table.unify(have, want));
                return if good {
                    Verdict::Holds
                } else {
                    Verdict::Fails(Vec::new())
                };
            }
            let includes = self.cx.program.traits[bound.id.index()].builtin;
            if wanted == Some(Builtin::Eq) && matches!(includes, Some(Builtin::Ord | Builtin::Hash))
            {
                return Verdict::Holds;
            }
        }
        Verdict::Fails(Vec::new())
    }

    fn trait_missing(&mut self, obligation: &Obligation, why: Vec<String>) {
        let ty = self.table.deep(&obligation.ty);
        let shown = self.shown(&ty);
        let name = self.cx.show_trait(&obligation.of, &self.generics);
        let builtin = self.cx.program.traits[obligation.of.id.index()].builtin;
        if builtin == Some(Builtin::Hash) && !matches!(obligation.asker, Asker::Operator(_)) {
            // Wherever such a map is mentioned or used, the same would be said again.
            if self.no_keys.contains(&ty) {
                return;
            }
            self.no_keys.push(ty.clone());
        }
        let title = match &obligation.asker {
            Asker::Operator(op @ ("==" | "!=")) => {
                format!("`{shown}` cannot be compared with `{op}`")
            }
            Asker::Operator(op) => format!("`{shown}` has no order, which `{op}` needs"),
            Asker::Key => format!("`{shown}` cannot be a key"),
            _ => format!("`{shown}` has no `{name}`"),
        };
        let label = match &obligation.asker {
            Asker::Parameter(what, param) => format!("`{what}` needs `{param}: {name}`"),
            Asker::Written(what, param) => format!("`{what}` needs `{param}: {name}`"),
            Asker::Operator(_) => format!("needs `{name}`"),
            Asker::Hole => "an interpolated value needs a text (`Show`)".to_string(),
            Asker::Key => "keys of maps and elements of sets need `Hash`".to_string(),
            Asker::Try => "`?` turns an error with a text (`Show`) into an `Error`".to_string(),
            Asker::Method(method) => format!("`{method}` belongs to `{name}`"),
        };
        let mut message = Diagnostic::error("E0413", title).at(obligation.span, label);
        if let Some(whole) = &obligation.whole {
            let whole = self.shown(&self.table.deep(whole));
            if whole != shown {
                message = message.note(format!("asked for as a part of `{whole}`"));
            }
        }
        if !why.is_empty() {
            message = message.note(format!("because of {}", why.join(", ")));
        }
        let here = obligation.of.id;
        if let Some((has, wanted)) = self.cx.namesake(&ty, here) {
            self.report(message.note(format!("it has the `{has}`, and this is the `{wanted}`")));
            return;
        }
        message = match (&ty, builtin) {
            (Ty::Fn(_), Some(_)) => message.note("functions have none of the built-in traits"),
            (Ty::Host(_), Some(_)) => message.note("capabilities have none of the built-in traits"),
            (Ty::Param(index), _) => {
                let param = self
                    .generics
                    .get(*index as usize)
                    .map_or("T", |generic| &generic.name)
                    .to_string();
                message.help(format!(
                    "ask for it where the parameter is declared: `{param}: {name}`"
                ))
            }
            (Ty::Map(..) | Ty::Set(_), Some(Builtin::Ord | Builtin::Hash)) => message
                .note("maps and sets can be compared with `==`, but have no order and are no keys"),
            (Ty::Adt(id, _), Some(Builtin::Data)) if Some(*id) == self.cx.known.option => message
                .note(
                    "`None` is `null` in JSON, so an option of an option could not be told apart",
                ),
            (_, None) => message.help(format!("write `impl {name} for {shown} {{ … }}`")),
            _ => message,
        };
        self.cx.report(message);
    }

    /// Asks for the bounds that the arguments of an alias must meet.
    pub(super) fn alias_bounds(&mut self, used: &AliasUse) {
        let info = &self.cx.aliases[used.alias];
        let (generics, name) = (info.generics.clone(), info.decl.name.text.clone());
        for (generic, arg) in generics.iter().zip(&used.args) {
            for bound in &generic.bounds {
                let asker = Asker::Written(name.clone(), generic.name.clone());
                self.demand(arg, substitute_trait(bound, &used.args), used.span, asker);
            }
        }
    }

    /// Asks for the bounds that a written type must meet: those of its structs and enums, and keys.
    pub(super) fn well_formed(&mut self, ty: &Ty, span: Span) {
        match ty {
            Ty::List(part) => self.well_formed(part, span),
            Ty::Set(part) => {
                self.demand_builtin(part, Builtin::Hash, span, Asker::Key);
                self.well_formed(part, span);
            }
            Ty::Map(key, value) => {
                self.demand_builtin(key, Builtin::Hash, span, Asker::Key);
                self.well_formed(key, span);
                self.well_formed(value, span);
            }
            Ty::Tuple(parts) => parts.iter().for_each(|part| self.well_formed(part, span)),
            Ty::Fn(f) => {
                f.params
                    .iter()
                    .for_each(|param| self.well_formed(&param.ty, span));
                self.well_formed(&f.ret, span);
            }
            Ty::Adt(id, args) => {
                let generics = self.cx.program.adts[id.index()].generics.clone();
                let name = self.cx.program.adts[id.index()].name.clone();
                for (generic, arg) in generics.iter().zip(args.iter()) {
                    for bound in &generic.bounds {
                        let asker = Asker::Written(name.clone(), generic.name.clone());
                        self.demand(arg, substitute_trait(bound, args), span, asker);
                    }
                }
                args.iter().for_each(|arg| self.well_formed(arg, span));
            }
            _ => {}
        }
    }
}

/// A trait over other parameters.
pub(super) fn substitute_trait(of: &TraitRef, args: &[Ty]) -> TraitRef {
    TraitRef {
        id: of.id,
        args: of.args.iter().map(|arg| arg.substitute(args)).collect(),
    }
}
