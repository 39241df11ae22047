//! Whether an `impl` gives what its trait asks for, and stands where it may.

use super::*;
use crate::hir::TraitRef;

impl Checker<'_> {
    pub(super) fn check_impl(&mut self, index: usize) {
        if !self.impls[index].good {
            return;
        }
        let of = self.program.impls[index].of.clone();
        let ty = self.program.impls[index].ty.clone();
        let generics = self.program.impls[index].generics.clone();
        let decl = self.impls[index].decl;
        let shown_trait = self.program.traits[of.id.index()].name.clone();
        let shown_type = self.show(&ty, &generics);
        let Some(head) = Head::of(&ty) else {
            self.report(
                Diagnostic::error("E0330", "an `impl` for every type")
                    .at(decl.target.span, "a type parameter stands for all of them")
                    .note("a type has at most one `impl` of a trait; with this one, no type could have its own")
                    .help("write an `impl` for each type that needs it, or a function: `fn name[T: Show](value: T)`"),
            );
            self.impls[index].good = false;
            return;
        };
        if !self.may_stand_here(index, &of, &head) {
            let homes = self.homes(&of, &head);
            self.report(
                Diagnostic::error("E0710", format!("`{shown_trait}` for `{shown_type}` belongs elsewhere"))
                    .at(decl.of.span, format!("neither the trait nor the type is of this package{homes}"))
                    .help(format!("wrap the value: `struct Mine {{ value: {shown_type} }}`, and write the `impl` for that")),
            );
            self.impls[index].good = false;
            return;
        }
        let builtin = self.program.traits[of.id.index()].builtin;
        if let Some(builtin) = builtin
            && builtin != hir::Builtin::Show
            && !self.is_std(self.impls[index].module)
        {
            let help = match builtin {
                hir::Builtin::Eq | hir::Builtin::Ord => {
                    "to compare by something else, say so where you compare: `sort_by`, `a.id == b.id`"
                }
                _ => "leave the `impl` out",
            };
            self.report(
                Diagnostic::error(
                    "E0711",
                    format!("`{shown_trait}` holds by itself and cannot be written"),
                )
                .at(
                    decl.of.span,
                    "made by the compiler from the parts of the type",
                )
                .help(help),
            );
            self.impls[index].good = false;
            return;
        }
        for (position, generic) in decl.generics.iter().enumerate() {
            let mentioned = infer::any_part(&ty, &mut |part| *part == Ty::Param(position as u32));
            if !mentioned {
                self.report(
                    Diagnostic::error(
                        "E0312",
                        format!("`{}` does not occur in `{shown_type}`", generic.name.text),
                    )
                    .at(generic.name.span, "nothing could tell what it is"),
                );
                self.impls[index].good = false;
            }
        }
        self.no_second_impl(index, &of, &ty, &head);
        self.impls_of.entry((of.id, head)).or_default().push(index);
        self.match_methods(index, &of, &ty, &shown_trait, &shown_type);
    }

    fn may_stand_here(&self, index: usize, of: &TraitRef, head: &Head) -> bool {
        if self.is_std(self.impls[index].module) {
            return true;
        }
        let here = self.loaded[self.impls[index].module].package;
        let is_here = |module: u32| self.loaded[module as usize].package == here;
        let type_here = match head {
            Head::Adt(id) => is_here(self.program.adts[id.index()].module),
            _ => false,
        };
        type_here || is_here(self.program.traits[of.id.index()].module)
    }

    /// Which packages of others trait and type are of, for a message.
    fn homes(&self, of: &TraitRef, head: &Head) -> String {
        let name = |module: u32| {
            let package = self.loaded[module as usize].package;
            let foreign = ![PackageId::OWN, PackageId::LIBRARY].contains(&package);
            foreign.then(|| self.whole.package_name(package))
        };
        let of = name(self.program.traits[of.id.index()].module);
        let ty = match head {
            Head::Adt(id) => name(self.program.adts[id.index()].module),
            _ => None,
        };
        match (of, ty) {
            (None, None) => String::new(),
            (Some(of), Some(ty)) if of != ty => {
                format!(": the trait is of `{of}`, the type of `{ty}`")
            }
            (Some(of), Some(_)) => format!(": both are of `{of}`"),
            (Some(of), None) => format!(": the trait is of `{of}`"),
            (None, Some(ty)) => format!(": the type is of `{ty}`"),
        }
    }

    fn no_second_impl(&mut self, index: usize, of: &TraitRef, ty: &Ty, head: &Head) {
        let others = self
            .impls_of
            .get(&(of.id, head.clone()))
            .cloned()
            .unwrap_or_default();
        for other in others {
            let mut table = infer::Table::default();
            let span = self.impls[index].decl.target.span;
            let mut fresh = |count: usize, ty: &Ty| {
                let args: Vec<Ty> = (0..count)
                    .map(|_| table.fresh(span, infer::Open::Other))
                    .collect();
                ty.substitute(&args)
            };
            let mine = fresh(self.program.impls[index].generics.len(), ty);
            let theirs = fresh(
                self.program.impls[other].generics.len(),
                &self.program.impls[other].ty,
            );
            if table.unify(&mine, &theirs) {
                let first = self.impls[other].decl.target.span;
                let name = self.program.traits[of.id.index()].name.clone();
                self.report(
                    Diagnostic::error("E0313", format!("`{name}` is written twice for one type"))
                        .at(span, "again here")
                        .also(first, "first here")
                        .note("a type has at most one `impl` of a trait, whatever the trait's parameters"),
                );
                return;
            }
        }
    }

    fn match_methods(
        &mut self,
        index: usize,
        of: &TraitRef,
        ty: &Ty,
        shown_trait: &str,
        shown_type: &str,
    ) {
        let functions = self.impls[index].functions.clone();
        let wanted: Vec<(Rc<str>, FnId)> = self.program.traits[of.id.index()]
            .methods
            .iter()
            .map(|method| (method.name.clone(), method.function))
            .collect();
        let mut given: Vec<Option<FnId>> = vec![None; wanted.len()];
        for (method, id) in self.impls[index].decl.functions.iter().zip(functions) {
            let name = &method.function.signature.name;
            match wanted.iter().position(|(known, _)| **known == *name.text) {
                Some(position) => match given[position] {
                    Some(first) => {
                        let first = self.program.fns[first.index()].span;
                        self.twice(name, first);
                    }
                    None => {
                        given[position] = Some(id);
                        self.same_signature(id, wanted[position].1, index, of, ty, shown_trait);
                    }
                },
                None => {
                    let known: Vec<&str> = wanted.iter().map(|(name, _)| &**name).collect();
                    let near =
                        suggest::nearest(&name.text, known.iter().copied()).map(str::to_string);
                    let mut message = Diagnostic::error(
                        "E0314",
                        format!("`{shown_trait}` has no function `{}`", name.text),
                    )
                    .at(name.span, "not a part of the trait");
                    message = match near {
                        Some(near) => message
                            .help(format!("there is {}", names::a(&near)))
                            .edit(name.span, near),
                        None => message
                            .help(format!("write it inside the declaration of `{shown_type}`")),
                    };
                    self.report(message);
                }
            }
        }
        let missing: Vec<&str> = wanted
            .iter()
            .zip(&given)
            .filter(|((_, function), given)| {
                given.is_none() && matches!(self.fns[function.index()].source, Source::Nothing)
            })
            .map(|((name, _), _)| &**name)
            .collect();
        let missing: Vec<String> = missing.into_iter().map(str::to_string).collect();
        if !missing.is_empty() && self.complete(self.impls[index].module) {
            let names: Vec<&str> = missing.iter().map(String::as_str).collect();
            let decl = self.impls[index].decl;
            let (_, function) = wanted[wanted
                .iter()
                .position(|(name, _)| **name == *missing[0])
                .unwrap_or(0)];
            let signature = self
                .files
                .text(self.fns[function.index()].signature)
                .to_string();
            self.report(
                Diagnostic::error(
                    "E0315",
                    format!(
                        "this `impl` of `{shown_trait}` lacks {}",
                        names::listed(&names)
                    ),
                )
                .at(decl.of.span, format!("for `{shown_type}`"))
                .help(format!("add `{signature} {{ … }}`")),
            );
        }
        self.program.impls[index].methods = given;
    }

    /// Whether a function of an impl has the parameters and the result that the trait gives it.
    fn same_signature(
        &mut self,
        mine: FnId,
        wanted: FnId,
        index: usize,
        of: &TraitRef,
        ty: &Ty,
        shown_trait: &str,
    ) {
        let outer = self.program.impls[index].generics.len();
        let own_theirs = self.program.fns[wanted.index()].generics.len() - 1 - of.args.len();
        let own_mine = self.program.fns[mine.index()].generics.len() - outer;
        let generics = self.program.fns[mine.index()].generics.clone();
        let name = self.program.traits[of.id.index()].name.clone();
        let mut args = vec![ty.clone()];
        args.extend(of.args.iter().cloned());
        args.extend((0..own_theirs).map(|i| Ty::Param((outer + i) as u32)));
        let want = &self.program.fns[wanted.index()];
        let have = &self.program.fns[mine.index()];
        let want_params: Vec<(bool, Ty)> = want
            .params
            .iter()
            .map(|p| (p.mutable, p.ty.substitute(&args)))
            .collect();
        let want_ret = want.ret.substitute(&args);
        let have_params: Vec<(bool, Ty)> = have
            .params
            .iter()
            .map(|p| (p.mutable, p.ty.clone()))
            .collect();
        let have_ret = have.ret.clone();
        let span = self.fns[mine.index()].signature;
        let wanted_span = self.fns[wanted.index()].signature;
        let fail = |checker: &mut Self, at: Span, label: String| {
            checker.report(
                Diagnostic::error(
                    "E0316",
                    format!(
                        "this is not the `{}` of `{name}`",
                        last_part(&checker.program.fns[wanted.index()].name)
                    ),
                )
                .at(at, label)
                .also(wanted_span, format!("as `{shown_trait}` declares it")),
            );
        };
        let receivers = (
            self.fns[wanted.index()].receiver,
            self.fns[mine.index()].receiver,
        );
        if own_theirs != own_mine {
            fail(
                self,
                span,
                format!("{own_mine} type parameters, wanted {own_theirs}"),
            );
            return;
        }
        if receivers.0 != receivers.1 {
            let shown = |receiver| match receiver {
                Receiver::None => "no `self`",
                Receiver::Value => "`self`",
                Receiver::Mutable => "`mut self`",
            };
            fail(
                self,
                span,
                format!(
                    "takes {}, wanted {}",
                    shown(receivers.1),
                    shown(receivers.0)
                ),
            );
            return;
        }
        if want_params.len() != have_params.len() {
            fail(
                self,
                span,
                format!(
                    "{} parameters, wanted {}",
                    have_params.len(),
                    want_params.len()
                ),
            );
            return;
        }
        for (position, (want, have)) in want_params.iter().zip(&have_params).enumerate() {
            let at = self.fns[mine.index()].parameters[position].ty;
            let broken = infer::any_part(&have.1, &mut |part| *part == Ty::Error)
                || infer::any_part(&want.1, &mut |part| *part == Ty::Error);
            if want.0 != have.0 {
                let label = if want.0 {
                    "wanted `mut`"
                } else {
                    "wanted without `mut`"
                };
                fail(self, at, label.to_string());
                return;
            }
            if want.1 != have.1 && !broken {
                let (have, want) = self.show_both(&have.1, &want.1, &generics);
                let label = format!("a `{have}`, wanted `{want}`");
                fail(self, at, label);
                return;
            }
        }
        let broken = infer::any_part(&have_ret, &mut |part| *part == Ty::Error)
            || infer::any_part(&want_ret, &mut |part| *part == Ty::Error);
        if want_ret != have_ret && !broken {
            let at = self.fns[mine.index()].result.unwrap_or(span);
            let (have, want) = self.show_both(&have_ret, &want_ret, &generics);
            let label = format!("gives `{have}`, wanted `{want}`");
            fail(self, at, label);
            return;
        }
        let theirs = &self.program.fns[wanted.index()].generics[1 + of.args.len()..];
        let extra = generics[outer..]
            .iter()
            .zip(theirs)
            .find_map(|(mine, theirs)| {
                let more = mine
                    .bounds
                    .iter()
                    .find(|bound| !theirs.bounds.iter().any(|known| known.id == bound.id))?;
                Some((mine.name.clone(), more.clone()))
            });
        if let Some((param, bound)) = extra {
            let shown = self.show_trait(&bound, &generics);
            fail(
                self,
                span,
                format!("asks for `{param}: {shown}`, which the trait does not"),
            );
        }
    }
}

/// The part of a function's name behind the last point.
pub(super) fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
