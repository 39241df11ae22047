//! Functions of types and traits, found by a name behind a point, and functions as values.

use super::body::BodyCx;
use super::infer::Open;
use super::path::Associated;
use super::traits::{Asker, substitute_trait};
use super::*;
use crate::ast::Name;
use crate::hir::{ExprKind, FnRef, TraitFnRef, TraitRef};

impl BodyCx<'_, '_> {
    /// The arguments of a type that its methods' parameters begin with.
    pub(super) fn type_args(ty: &Ty) -> Vec<Ty> {
        match ty {
            Ty::List(part) | Ty::Set(part) => vec![(**part).clone()],
            Ty::Map(key, value) => vec![(**key).clone(), (**value).clone()],
            Ty::Adt(_, args) => args.to_vec(),
            _ => Vec::new(),
        }
    }

    /// Of several functions of one name the first whose conditions the type meets.
    pub(super) fn select(&mut self, ids: &[FnId], args: &[Ty], span: Span) -> Option<FnId> {
        for id in ids {
            if self.cx.fns[id.index()].equal.is_empty() {
                return Some(*id);
            }
            let snapshot = self.table.snapshot();
            let all = self.raw_args(*id, args, span);
            let equal = &self.cx.fns[id.index()].equal;
            let good = equal.iter().all(|(index, ty)| {
                self.table
                    .unify(&all[*index as usize], &ty.substitute(&all))
            });
            self.table.rollback(snapshot);
            if good {
                return Some(*id);
            }
        }
        None
    }

    pub(super) fn raw_args(&mut self, id: FnId, prefix: &[Ty], span: Span) -> Vec<Ty> {
        let count = self.cx.program.fns[id.index()].generics.len();
        let mut args = Vec::with_capacity(count);
        args.extend(prefix.iter().take(count).cloned());
        for index in args.len()..count {
            args.push(self.fresh(span, Open::OfFunction(id, index as u32)));
        }
        args
    }

    /// Type arguments for a function: the given ones, then variables.
    pub(super) fn instantiate(&mut self, id: FnId, prefix: &[Ty], span: Span) -> Vec<Ty> {
        let args = self.raw_args(id, prefix, span);
        for (index, ty) in &self.cx.fns[id.index()].equal {
            self.table
                .unify(&args[*index as usize], &ty.substitute(&args));
        }
        args
    }

    /// Asks for the bounds of a function's parameters, from the one at `from` on.
    pub(super) fn demand_bounds(&mut self, id: FnId, args: &[Ty], from: usize, span: Span) {
        let generics = &self.cx.program.fns[id.index()].generics;
        if generics.iter().skip(from).all(|one| one.bounds.is_empty()) {
            return;
        }
        let generics = generics.clone();
        let what = rc(impls::last_part(&self.cx.program.fns[id.index()].name));
        for (generic, arg) in generics.iter().zip(args).skip(from) {
            for bound in &generic.bounds {
                let asker = Asker::Parameter(what.clone(), generic.name.clone());
                self.demand(arg, substitute_trait(bound, args), span, asker);
            }
        }
    }

    /// Whether a trait may hold for a type: there is an impl for its outermost part, or a bound.
    pub(super) fn has_impl_or_bound(&mut self, ty: &Ty, of: TraitId) -> bool {
        if let Ty::Param(index) = ty {
            let Some(generic) = self.generics.get(*index as usize) else {
                return false;
            };
            let wanted = self.cx.program.traits[of.index()].builtin;
            return generic.bounds.iter().any(|bound| {
                let builtin = self.cx.program.traits[bound.id.index()].builtin;
                bound.id == of
                    || (wanted == Some(hir::Builtin::Eq)
                        && matches!(builtin, Some(hir::Builtin::Ord | hir::Builtin::Hash)))
            });
        }
        let Some(head) = Head::of(ty) else {
            return false;
        };
        if self.cx.program.traits[of.index()].builtin.is_some()
            && !matches!(head, Head::Host(_) | Head::Fn)
        {
            return true;
        }
        self.cx.impls_of.contains_key(&(of, head))
    }

    /// Finds a function of a type by its name: the type's own first, then those of traits in sight. `receiver`: only
    /// those that take `self`.
    pub(super) fn associated(
        &mut self,
        ty: &Ty,
        name: &Name,
        receiver: bool,
        span: Span,
    ) -> Result<Option<Associated>, ()> {
        if let Some(head) = Head::of(ty)
            && let Some(ids) = self
                .cx
                .methods
                .get(&head)
                .and_then(|methods| methods.get(&name.text))
        {
            let args = Self::type_args(ty);
            if let [id] = ids[..]
                && self.cx.fns[id.index()].equal.is_empty()
            {
                return Ok(Some(Associated::Own(id, args)));
            }
            let ids = ids.clone();
            if ids.len() > 1
                && args
                    .iter()
                    .any(|arg| matches!(self.shape(arg), Ty::Infer(_)))
            {
                self.unknown_shape(span, &format!("choose a `{}`", name.text));
                return Err(());
            }
            if ids.len() > 1 && args.iter().any(|arg| self.table.deep(arg) == Ty::Error) {
                return Err(());
            }
            if let Some(id) = self.select(&ids, &args, name.span) {
                return Ok(Some(Associated::Own(id, args)));
            }
            self.wrong_parts(ty, name, ids[0]);
            return Err(());
        }
        let mut found: Vec<TraitId> = Vec::new();
        if let Ty::Param(index) = ty {
            for bound in self
                .generics
                .get(*index as usize)
                .map_or(&[][..], |generic| &generic.bounds)
            {
                if self.cx.traits[bound.id.index()]
                    .methods
                    .contains_key(&name.text)
                    && !found.contains(&bound.id)
                {
                    found.push(bound.id);
                }
            }
        }
        let in_sight = self.cx.scopes[self.module]
            .trait_methods
            .get(&name.text)
            .cloned()
            .unwrap_or_default();
        for id in in_sight {
            if !found.contains(&id) && self.has_impl_or_bound(ty, id) {
                found.push(id);
            }
        }
        found.retain(|id| {
            let method = self.cx.traits[id.index()].methods[&name.text];
            let function = self.cx.program.traits[id.index()].methods[method as usize].function;
            !receiver || self.cx.fns[function.index()].receiver != Receiver::None
        });
        if found.len() > 1 {
            self.drop_unlikely(ty, &mut found, &name.text);
        }
        match &found[..] {
            [] => Ok(None),
            [id] => {
                self.cx.mark_trait(self.module, *id);
                Ok(Some(Associated::Trait(
                    *id,
                    self.cx.traits[id.index()].methods[&name.text],
                )))
            }
            _ => {
                let shown: Vec<String> = found
                    .iter()
                    .map(|id| format!("{}.{}", self.cx.program.traits[id.index()].name, name.text))
                    .collect();
                let names: Vec<&str> = shown.iter().map(String::as_str).collect();
                self.report(
                    Diagnostic::error("E0326", format!("several traits have a `{}`", name.text))
                        .at(name.span, "which one is meant?")
                        .help(format!(
                            "name the trait: {}",
                            names::listed(&names).replace(" and ", " or ")
                        )),
                );
                Err(())
            }
        }
    }

    /// Of several traits with a method of a name, those do not count that the type cannot have, nor what the core has for
    /// itself under names that programs do not know.
    fn drop_unlikely(&mut self, ty: &Ty, found: &mut Vec<TraitId>, name: &str) {
        use super::derive::{Parts, Summary, parts};
        let option = self.cx.known.option;
        found.retain(|id| {
            let Some(builtin) = self.cx.program.traits[id.index()].builtin else {
                return true;
            };
            let known = match builtin {
                hir::Builtin::Show => matches!(name, "show" | "show_into"),
                hir::Builtin::Ord => name == "compare",
                _ => false,
            };
            known
                && match parts(builtin, ty, option) {
                    Parts::Never => false,
                    Parts::Adt(id, _) => {
                        !matches!(self.cx.summary(builtin, id), Some(Summary::Fails(_)))
                    }
                    Parts::All(_) | Parts::Param(_) => true,
                }
        });
    }

    /// `sum` on a list of strings: the method is there, but not for these elements.
    pub(super) fn wrong_parts(&mut self, ty: &Ty, name: &Name, id: FnId) {
        let shown = self.shown(ty);
        let wanted = self.cx.program.fns[id.index()].params.first().map(|param| {
            self.cx
                .show(&param.ty, &self.cx.program.fns[id.index()].generics)
        });
        let mut message = Diagnostic::error("E0327", format!("`{shown}` has no `{}`", name.text))
            .at(name.span, "not for these elements");
        if let Some(wanted) = wanted {
            message = message.note(format!("there is one for `{wanted}`"));
        }
        if &*name.text == "join" {
            message = message
                .help("make texts of them first")
                .edit(name.span.before(), "map(|x| x.show()).");
        }
        self.report(message);
    }

    /// `Int.max_value`, `Int.parse` without a call.
    pub(super) fn associated_value(
        &mut self,
        ty: &Ty,
        base: Span,
        name: &Name,
        span: Span,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        match self.associated(ty, name, false, base) {
            Ok(Some(Associated::Own(id, prefix))) => {
                self.see(id, name);
                if self.cx.fns[id.index()].constant {
                    let args = self.instantiate(id, &prefix, span);
                    let ret = self.cx.program.fns[id.index()].ret.substitute(&args);
                    return hir::Expr {
                        kind: ExprKind::Call(FnRef { id, args }, Vec::new()),
                        ty: ret,
                        span,
                    };
                }
                self.function_with(id, &prefix, span, hint)
            }
            Ok(Some(Associated::Trait(id, method))) => {
                self.trait_function(id, method, Some(ty.clone()), span, hint)
            }
            Ok(None) => {
                self.no_function(ty, name);
                finish::nothing(Ty::Error, span)
            }
            Err(()) => finish::nothing(Ty::Error, span),
        }
    }

    pub(super) fn trait_value(
        &mut self,
        id: TraitId,
        name: &Name,
        span: Span,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        match self.cx.traits[id.index()].methods.get(&name.text).copied() {
            Some(method) => self.trait_function(id, method, None, span, hint),
            None => {
                self.not_in_trait(id, name);
                finish::nothing(Ty::Error, span)
            }
        }
    }

    pub(super) fn not_in_trait(&mut self, id: TraitId, name: &Name) {
        let shown = self.cx.program.traits[id.index()].name.clone();
        let methods: Vec<Rc<str>> = self.cx.program.traits[id.index()]
            .methods
            .iter()
            .map(|method| method.name.clone())
            .collect();
        let mut message = Diagnostic::error(
            "E0324",
            format!("the trait `{shown}` has no `{}`", name.text),
        )
        .at(name.span, "not found");
        if let Some(near) = suggest::nearest(&name.text, methods.iter().map(|method| &**method)) {
            message = message
                .help(format!("there is {}", names::a(near)))
                .edit(name.span, near);
        }
        self.report(message);
    }

    /// Says that a type has no such function.
    pub(super) fn no_function(&mut self, ty: &Ty, name: &Name) {
        if *ty == Ty::Error || self.cx.may_be_lost(ty) {
            return;
        }
        let shown = self.shown(ty);
        let known = self.method_names(ty);
        let mut message = Diagnostic::error(
            "E0327",
            format!("`{shown}` has no function `{}`", name.text),
        )
        .at(name.span, "not found");
        let empty = match ty {
            Ty::List(_) => Some("an empty list is `[]`"),
            Ty::Map(..) => Some("an empty map is `[:]`"),
            Ty::String => Some("an empty text is `\"\"`"),
            Ty::Bytes => Some("empty bytes are `b\"\"`"),
            _ => None,
        };
        if let (Some(help), "new" | "empty" | "create") = (empty, &*name.text) {
            message = message.help(help);
        } else if let Some(near) = suggest::nearest(&name.text, known.iter().map(String::as_str)) {
            message = message
                .help(format!("there is {}", names::a(near)))
                .edit(name.span, near);
        } else if let Some(list) = self.own_functions(ty, false) {
            message = message.note(list);
        }
        self.report(message);
    }

    /// Names what a type declares itself and may be called here, with a `self` or without one, if that is little enough
    /// to be read at a glance.
    pub(super) fn own_functions(&self, ty: &Ty, methods: bool) -> Option<String> {
        const MOST: usize = 16;
        let declared = self.cx.methods.get(&Head::of(ty)?)?;
        let callable = |id: &FnId| {
            let function = &self.cx.fns[id.index()];
            (function.receiver != Receiver::None) == methods
                && (function.public || function.scope.module == self.module)
        };
        let mut names: Vec<&str> = declared
            .iter()
            .filter(|(_, ids)| ids.iter().any(callable))
            .map(|(name, _)| &**name)
            .collect();
        names.sort_unstable();
        let words: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let (last, others) = words.split_last()?;
        let kind = if methods { "method" } else { "function" };
        (words.len() <= MOST).then(|| match others {
            [] => format!("its only {kind} is {last}"),
            others => format!("its {kind}s are {} and {last}", others.join(", ")),
        })
    }

    /// The names of everything that can be called on a type.
    pub(super) fn method_names(&self, ty: &Ty) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        if let Some(head) = Head::of(ty)
            && let Some(methods) = self.cx.methods.get(&head)
        {
            names.extend(
                methods
                    .iter()
                    .filter(|(_, ids)| {
                        ids.iter().any(|id| {
                            let function = &self.cx.fns[id.index()];
                            function.public || function.scope.module == self.module
                        })
                    })
                    .map(|(name, _)| name.to_string()),
            );
        }
        if let Ty::Param(index) = ty
            && let Some(generic) = self.generics.get(*index as usize)
        {
            for bound in &generic.bounds {
                let methods = &self.cx.program.traits[bound.id.index()].methods;
                names.extend(methods.iter().map(|method| method.name.to_string()));
            }
        }
        if let Some(head) = Head::of(ty) {
            let mut of: Vec<TraitId> = self
                .cx
                .impls_of
                .keys()
                .filter(|(_, other)| *other == head)
                .map(|(id, _)| *id)
                .collect();
            of.sort();
            for id in of {
                names.extend(
                    self.cx.program.traits[id.index()]
                        .methods
                        .iter()
                        .map(|method| method.name.to_string()),
                );
            }
        }
        names
    }

    pub(super) fn function_value(&mut self, id: FnId, span: Span, hint: Option<&Ty>) -> hir::Expr {
        self.function_with(id, &[], span, hint)
    }

    pub(super) fn function_with(
        &mut self,
        id: FnId,
        prefix: &[Ty],
        span: Span,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        let args = self.instantiate(id, prefix, span);
        let ty = self.fn_type(id, &args);
        if let Some(hint) = hint {
            self.table.try_unify(&ty, hint);
        }
        self.demand_bounds(id, &args, 0, span);
        hir::Expr {
            kind: ExprKind::FnValue(FnRef { id, args }),
            ty,
            span,
        }
    }

    pub(super) fn fn_type(&self, id: FnId, args: &[Ty]) -> Ty {
        let function = &self.cx.program.fns[id.index()];
        let params = function
            .params
            .iter()
            .map(|param| hir::FnTyParam {
                mutable: param.mutable,
                ty: param.ty.substitute(args),
            })
            .collect();
        Ty::Fn(Rc::new(hir::FnTy {
            params,
            ret: function.ret.substitute(args),
        }))
    }

    pub(super) fn trait_function(
        &mut self,
        of: TraitId,
        method: u32,
        self_ty: Option<Ty>,
        span: Span,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        let function = self.cx.program.traits[of.index()].methods[method as usize].function;
        let prefix: Vec<Ty> = self_ty.into_iter().collect();
        let args = self.instantiate(function, &prefix, span);
        let ty = self.fn_type(function, &args);
        if let Some(hint) = hint {
            self.table.try_unify(&ty, hint);
        }
        self.demand_self(of, &args, span, function);
        let own = 1 + self.cx.program.traits[of.index()].generics.len();
        self.demand_bounds(function, &args, own, span);
        hir::Expr {
            kind: ExprKind::TraitFnValue(TraitFnRef { of, method, args }),
            ty,
            span,
        }
    }

    /// Asks that the trait of a method holds for the type it is called on.
    pub(super) fn demand_self(&mut self, of: TraitId, args: &[Ty], span: Span, function: FnId) {
        let count = self.cx.program.traits[of.index()].generics.len();
        let name = rc(impls::last_part(
            &self.cx.program.fns[function.index()].name,
        ));
        let bound = TraitRef {
            id: of,
            args: args[1..=count].to_vec(),
        };
        self.demand(&args[0], bound, span, Asker::Method(name));
    }

    /// A function of a type or file is named: it is used, must be visible, may be deprecated.
    pub(super) fn see(&mut self, id: FnId, name: &Name) {
        let info = &self.cx.fns[id.index()];
        info.used.set(true);
        let declared = self.cx.program.fns[id.index()].span;
        let own = info.scope.module == self.module;
        if !info.public && !own && matches!(info.owner, Owner::Type(_)) {
            let module = info.scope.module;
            self.cx.private(name, declared, module);
        }
        if let Some(why) = self.cx.fns[id.index()].deprecated.clone()
            && !self.cx.is_std(self.module)
        {
            self.report(
                Diagnostic::warning("W0301", format!("`{}` is deprecated", name.text))
                    .at(name.span, "")
                    .note(why.to_string()),
            );
        }
    }
}
