//! Names with a point between them, and capitalised names: modules, types, traits, variants.

use super::body::BodyCx;
use super::infer::Open;
use super::traits::{Asker, substitute_trait};
use super::*;
use crate::ast::{Expr, ExprKind as Ast, Name};
use crate::hir::{ExprKind, FnRef, TraitFnRef, TraitRef};

/// What stands before a point.
pub(super) enum Base {
    /// A module; `None` if it could not be loaded.
    Module(Option<usize>),
    /// A type, with variables for the arguments that were not written.
    Type(Ty),
    Trait(TraitId),
    /// Something that was reported.
    Broken,
    /// A value.
    Value,
}

/// A struct or variant that is built or matched.
#[derive(Clone)]
pub(super) struct Constructor {
    pub adt: AdtId,
    pub variant: u32,
    /// The type it was reached through, if that says more.
    pub through: Option<Ty>,
    pub span: Span,
}

/// A function found on a type.
#[derive(Clone)]
pub(super) enum Associated {
    /// One of the type itself; with the type's arguments.
    Own(FnId, Vec<Ty>),
    /// One of a trait.
    Trait(TraitId, u32),
}

impl<'a> BodyCx<'_, 'a> {
    /// What the expression before a point stands for, if it is no value.
    pub(super) fn path_base(&mut self, base: &'a Expr) -> Base {
        match &base.kind {
            Ast::Name(name) if self.find_local(&name.text).is_none() => {
                match self.cx.module_named(self.module, &name.text) {
                    Some(target) => Base::Module(target),
                    None => Base::Value,
                }
            }
            Ast::SelfType => match self.scope.self_ty.clone() {
                Some(ty) => Base::Type(ty),
                None => {
                    self.no_self_type(base.span);
                    Base::Broken
                }
            },
            Ast::Upper(name) => {
                if let Some((_, ty)) = self
                    .scope
                    .params
                    .iter()
                    .find(|(param, _)| *param == name.text)
                {
                    return Base::Type(ty.clone());
                }
                match self.cx.find_type(self.module, &name.text) {
                    Some(item) => self.base_of(item, base.span),
                    None => Base::Value,
                }
            }
            Ast::Field { base: inner, name } if name.is_upper() => {
                let Ast::Name(module) = &inner.kind else {
                    return Base::Value;
                };
                if self.find_local(&module.text).is_some() {
                    return Base::Value;
                }
                match self.cx.module_named(self.module, &module.text) {
                    Some(Some(target)) => {
                        if !self.cx.scopes[target].types.contains_key(&name.text)
                            && self.cx.scopes[target].variants.contains_key(&name.text)
                        {
                            return Base::Value;
                        }
                        match self.cx.module_type(target, name) {
                            Some(item) => self.base_of(item, base.span),
                            None => Base::Broken,
                        }
                    }
                    Some(None) => Base::Broken,
                    None => Base::Value,
                }
            }
            _ => Base::Value,
        }
    }

    fn no_self_type(&mut self, span: Span) {
        self.report(
            Diagnostic::error("E0304", "`Self` stands only in types, traits and impls")
                .at(span, "no type surrounds this"),
        );
    }

    pub(super) fn pattern_base(&mut self, item: TypeItem, span: Span) -> Base {
        self.base_of(item, span)
    }

    fn base_of(&mut self, item: TypeItem, span: Span) -> Base {
        if let Some(declared) = self.cx.declared_at(item) {
            self.cx.warn_deprecated(declared, span, self.module);
        }
        match item {
            TypeItem::Trait(id) => Base::Trait(id),
            TypeItem::Broken => Base::Broken,
            _ => self
                .type_of_item(item, span)
                .map_or(Base::Broken, Base::Type),
        }
    }

    /// The type an item names, with variables for its arguments.
    fn type_of_item(&mut self, item: TypeItem, span: Span) -> Option<Ty> {
        let (ty, names): (Ty, Vec<Rc<str>>) = match item {
            TypeItem::Shell(shell) => {
                let info = &self.cx.shells[shell];
                (
                    info.ty.clone(),
                    info.generics
                        .iter()
                        .map(|generic| generic.name.clone())
                        .collect(),
                )
            }
            TypeItem::Adt(id) => {
                let generics = &self.cx.program.adts[id.index()].generics;
                let args = (0..generics.len() as u32).map(Ty::Param).collect();
                (
                    Ty::Adt(id, args),
                    generics
                        .iter()
                        .map(|generic| generic.name.clone())
                        .collect(),
                )
            }
            TypeItem::Alias(alias) => {
                let ty = self.cx.alias(alias, span);
                let names = self.cx.aliases[alias]
                    .decl
                    .generics
                    .iter()
                    .map(|generic| rc(&generic.name.text))
                    .collect();
                (ty, names)
            }
            TypeItem::Never => (Ty::Never, Vec::new()),
            TypeItem::Trait(_) | TypeItem::Broken => return None,
        };
        let shown = rc(self.cx.files.text(span));
        let args: Vec<Ty> = names
            .into_iter()
            .map(|name| self.fresh(span, Open::Parameter(shown.clone(), name)))
            .collect();
        Some(ty.substitute(&args))
    }

    // ---- variants and structs

    /// Which struct or variant a lone capitalised name means, by the rule of the language: the expected enum's variant;
    /// if it is called or matched with parentheses the struct; the file's variant; the core's struct or variant.
    pub(super) fn constructor(
        &mut self,
        name: &Name,
        expected: Option<&Ty>,
        called: bool,
    ) -> Option<Constructor> {
        let span = name.span;
        let simple = |adt, variant| {
            Some(Constructor {
                adt,
                variant,
                through: None,
                span,
            })
        };
        if let Some(expected) = expected
            && let Ty::Adt(id, _) = self.shape(expected)
            && !self.cx.program.adts[id.index()].is_struct
            && let Some(variant) = self.variant_of(id, &name.text)
        {
            self.cx.mark_variant(self.module, id);
            return simple(id, variant);
        }
        if called
            && let Some(entry) = self.cx.scopes[self.module].types.get(&name.text)
            && let Some(found) = {
                entry.used.set(true);
                let item = entry.item;
                self.struct_behind(item, span)
            }
        {
            return Some(found);
        }
        if let Some(found) = self.cx.scopes[self.module]
            .variants
            .get(&name.text)
            .cloned()
        {
            if found.len() > 1 {
                let paths: Vec<String> = found
                    .iter()
                    .map(|(id, _)| {
                        format!("{}.{}", self.cx.program.adts[id.index()].name, name.text)
                    })
                    .collect();
                let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
                self.report(
                    Diagnostic::error("E0323", format!("two enums have a variant `{}`", name.text))
                        .at(span, "which one is meant?")
                        .help(format!(
                            "write {}",
                            names::listed(&paths).replace(" and ", " or ")
                        ))
                        .edit(span, paths[0]),
                );
                return None;
            }
            let (id, variant) = found[0];
            self.cx.mark_variant(self.module, id);
            return simple(id, variant);
        }
        if called
            && let Some(item) = self.cx.core.types.get(&name.text).map(|entry| entry.item)
            && let Some(found) = self.struct_behind(item, span)
        {
            return Some(found);
        }
        if let Some(found) = self.cx.core.variants.get(&name.text).cloned()
            && let Some((id, variant)) = found.first()
        {
            return simple(*id, *variant);
        }
        self.unknown_constructor(name, expected);
        None
    }

    fn struct_behind(&mut self, item: TypeItem, span: Span) -> Option<Constructor> {
        let found = self.struct_of(item, span)?;
        if let Some(declared) = self.cx.declared_at(item) {
            self.cx.warn_deprecated(declared, span, self.module);
        }
        Some(found)
    }

    fn struct_of(&mut self, item: TypeItem, span: Span) -> Option<Constructor> {
        match item {
            TypeItem::Adt(id) if self.cx.program.adts[id.index()].is_struct => Some(Constructor {
                adt: id,
                variant: 0,
                through: None,
                span,
            }),
            TypeItem::Alias(_) => match self.type_of_item(item, span)? {
                Ty::Adt(id, args) if self.cx.program.adts[id.index()].is_struct => {
                    Some(Constructor {
                        adt: id,
                        variant: 0,
                        through: Some(Ty::Adt(id, args)),
                        span,
                    })
                }
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn variant_of(&self, id: AdtId, name: &str) -> Option<u32> {
        let variants = &self.cx.program.adts[id.index()].variants;
        variants
            .iter()
            .position(|variant| *variant.name == *name)
            .map(|index| index as u32)
    }

    fn unknown_constructor(&mut self, name: &Name, expected: Option<&Ty>) {
        if !self.cx.complete(self.module) {
            return;
        }
        let expected_names: Vec<String> = match expected.map(|expected| self.shape(expected)) {
            Some(Ty::Adt(id, _)) if !self.cx.program.adts[id.index()].is_struct => {
                self.cx.program.adts[id.index()]
                    .variants
                    .iter()
                    .map(|v| v.name.to_string())
                    .collect()
            }
            _ => Vec::new(),
        };
        let is_type = self.cx.find_type(self.module, &name.text);
        let mut message = Diagnostic::error(
            "E0301",
            format!("no variant or struct is called `{}`", name.text),
        )
        .at(name.span, "not known here");
        match is_type {
            Some(TypeItem::Shell(_) | TypeItem::Never) => {
                message.title = format!("`{}` is a type, not a value", name.text);
                message = match &*name.text {
                    "Int" | "Float" => message.help(
                        "conversions are methods: `x.to_float()`, `x.to_int()`, `Int.parse(text)`",
                    ),
                    "String" => message.help("the text of a value is `value.show()`"),
                    "Map" => message.help("an empty map is `[:]`"),
                    "List" => message.help("an empty list is `[]`"),
                    "Set" => message.help("an empty set is `Set.new()`"),
                    _ => message,
                };
            }
            Some(TypeItem::Adt(id)) => {
                let adt = &self.cx.program.adts[id.index()];
                message.title = format!("`{}` is a type, not a value", name.text);
                message = if adt.is_struct {
                    message.help(format!("build one: `{}(…)`", name.text))
                } else {
                    let variants: Vec<&str> = adt.variants.iter().map(|v| &*v.name).collect();
                    message.help(format!(
                        "name one of its variants: {}",
                        names::listed(&variants)
                    ))
                };
            }
            Some(TypeItem::Trait(_)) => {
                message.title = format!("`{}` is a trait, not a value", name.text)
            }
            Some(TypeItem::Broken) => return,
            _ => {
                let scope = &self.cx.scopes[self.module];
                let known = expected_names
                    .iter()
                    .map(String::as_str)
                    .chain(scope.variants.keys().map(|name| &**name))
                    .chain(scope.types.keys().map(|name| &**name))
                    .chain(self.cx.core.variants.keys().map(|name| &**name));
                if let Some(near) = suggest::nearest(&name.text, known).map(str::to_string) {
                    message = message
                        .help(format!("there is {}", names::a(&near)))
                        .edit(name.span, near);
                } else if !expected_names.is_empty() {
                    let names: Vec<&str> = expected_names.iter().map(String::as_str).collect();
                    message = message.help(format!("the variants are {}", names::listed(&names)));
                }
            }
        }
        self.report(message);
    }

    /// The struct or variant at the end of a path: `Shape.Circle`, `shapes.Circle`, `shapes.Shape.Circle`.
    pub(super) fn path_constructor(
        &mut self,
        base: &'a Expr,
        name: &'a Name,
        expected: Option<&Ty>,
        span: Span,
    ) -> Option<Constructor> {
        match self.path_base(base) {
            Base::Module(Some(target)) => self.module_constructor(target, name, expected, span),
            Base::Type(ty) => self.variant_constructor(&ty, name, span),
            Base::Trait(_) => {
                self.report(
                    Diagnostic::error("E0324", format!("a trait has no `{}`", name.text))
                        .at(name.span, "not found"),
                );
                None
            }
            Base::Module(None) | Base::Broken => None,
            Base::Value => {
                if let Ast::Upper(upper) = &base.kind {
                    let params = self.scope.params.clone();
                    self.cx.unknown_type(self.module, upper, &params);
                } else {
                    self.report(
                        Diagnostic::error("E0324", format!("a value has no `{}`", name.text))
                            .at(name.span, "capitalised names belong to types and modules"),
                    );
                }
                None
            }
        }
    }

    pub(super) fn module_constructor(
        &mut self,
        target: usize,
        name: &Name,
        expected: Option<&Ty>,
        span: Span,
    ) -> Option<Constructor> {
        if let Some(expected) = expected
            && let Ty::Adt(id, _) = self.shape(expected)
            && !self.cx.program.adts[id.index()].is_struct
            && let Some(variant) = self.variant_of(id, &name.text)
            && self.cx.scopes[target]
                .variants
                .get(&name.text)
                .is_some_and(|found| found.contains(&(id, variant)))
        {
            return Some(Constructor {
                adt: id,
                variant,
                through: None,
                span,
            });
        }
        if let Some(entry) = self.cx.scopes[target]
            .types
            .get(&name.text)
            .filter(|entry| entry.offered())
        {
            let item = entry.item;
            self.cx.module_type(target, name)?;
            if let Some(found) = self.struct_behind(item, span) {
                return Some(found);
            }
        }
        let found = self.cx.scopes[target]
            .variants
            .get(&name.text)
            .cloned()
            .unwrap_or_default();
        match &found[..] {
            [(id, variant)] => Some(Constructor {
                adt: *id,
                variant: *variant,
                through: None,
                span,
            }),
            [] => {
                self.cx.not_in_module(target, name);
                None
            }
            _ => {
                self.report(
                    Diagnostic::error(
                        "E0323",
                        format!("two enums of that module have a variant `{}`", name.text),
                    )
                    .at(span, "which one is meant?")
                    .help(format!(
                        "name the enum before it: `{}.{}`",
                        self.cx.program.adts[found[0].0.index()].name,
                        name.text
                    )),
                );
                None
            }
        }
    }

    pub(super) fn variant_constructor(
        &mut self,
        ty: &Ty,
        name: &Name,
        span: Span,
    ) -> Option<Constructor> {
        let shown = self.shown(ty);
        if let Ty::Adt(id, _) = ty
            && !self.cx.program.adts[id.index()].is_struct
        {
            if let Some(variant) = self.variant_of(*id, &name.text) {
                return Some(Constructor {
                    adt: *id,
                    variant,
                    through: Some(ty.clone()),
                    span,
                });
            }
            let variants: Vec<&str> = self.cx.program.adts[id.index()]
                .variants
                .iter()
                .map(|v| &*v.name)
                .collect();
            let mut message =
                Diagnostic::error("E0324", format!("`{shown}` has no variant `{}`", name.text))
                    .at(name.span, "not found");
            message = match suggest::nearest(&name.text, variants.iter().copied()) {
                Some(near) => message
                    .help(format!("there is {}", names::a(near)))
                    .edit(name.span, near),
                None => message.help(format!("its variants are {}", names::listed(&variants))),
            };
            self.report(message);
            return None;
        }
        if *ty != Ty::Error {
            self.report(
                Diagnostic::error("E0324", format!("`{shown}` has no variant `{}`", name.text))
                    .at(name.span, "only enums have variants"),
            );
        }
        None
    }

    /// A capitalised name as a value: a variant without payload, or one as a function.
    pub(super) fn upper(&mut self, name: &Name, hint: Option<&Ty>) -> hir::Expr {
        let expected = hint.map(|hint| self.result_behind(hint));
        match self.constructor(name, expected.as_ref(), false) {
            Some(found) => self.variant_value(found, hint),
            None => finish::nothing(Ty::Error, name.span),
        }
    }

    /// Of a function type its result: `Store` may be wanted as `fn(String) -> ApiError`.
    fn result_behind(&mut self, hint: &Ty) -> Ty {
        match self.shape(hint) {
            Ty::Fn(f) => f.ret.clone(),
            other => other,
        }
    }

    /// `Shape.Circle` and the like as a value.
    pub(super) fn upper_path(&mut self, expr: &'a Expr, hint: Option<&Ty>) -> hir::Expr {
        let Ast::Field { base, name } = &expr.kind else {
            return finish::nothing(Ty::Error, expr.span);
        };
        let expected = hint.map(|hint| self.result_behind(hint));
        match self.path_constructor(base, name, expected.as_ref(), expr.span) {
            Some(found) => self.variant_value(found, hint),
            None => finish::nothing(Ty::Error, expr.span),
        }
    }

    fn variant_value(&mut self, found: Constructor, hint: Option<&Ty>) -> hir::Expr {
        let adt = &self.cx.program.adts[found.adt.index()];
        let span = found.span;
        let variant = adt.variants[found.variant as usize].clone();
        if adt.is_struct || variant.named {
            let fields: Vec<String> = variant
                .fields
                .iter()
                .map(|field| format!("{}: …", field.name))
                .collect();
            self.report(
                Diagnostic::error(
                    "E0325",
                    format!("`{}` is built with parentheses", variant.name),
                )
                .at(span, "not a value by itself")
                .help(format!("write `{}({})`", variant.name, fields.join(", "))),
            );
            return finish::nothing(Ty::Error, span);
        }
        let expected = hint.map(|hint| self.result_behind(hint));
        let ty = self.built_type(&found, expected.as_ref());
        self.reach(found.adt, span, "build it");
        if variant.fields.is_empty() {
            let kind = ExprKind::Build {
                adt: found.adt,
                variant: found.variant,
                base: None,
                fields: Vec::new(),
            };
            return hir::Expr { kind, ty, span };
        }
        let Ty::Adt(_, args) = &ty else {
            return finish::nothing(Ty::Error, span);
        };
        let params = variant
            .fields
            .iter()
            .map(|field| hir::FnTyParam {
                mutable: false,
                ty: field.ty.substitute(args),
            })
            .collect();
        let ty = Ty::Fn(Rc::new(hir::FnTy { params, ret: ty }));
        hir::Expr {
            kind: ExprKind::VariantFn(found.adt, found.variant),
            ty,
            span,
        }
    }

    /// The type of what a constructor builds, with variables for its arguments, made equal to what is expected as far as
    /// that is possible.
    pub(super) fn built_type(&mut self, found: &Constructor, hint: Option<&Ty>) -> Ty {
        let adt = &self.cx.program.adts[found.adt.index()];
        let what = adt.variants[found.variant as usize].name.clone();
        let generics = adt.generics.clone();
        let args: Vec<Ty> = generics
            .iter()
            .map(|generic| {
                self.fresh(
                    found.span,
                    Open::Parameter(what.clone(), generic.name.clone()),
                )
            })
            .collect();
        let ty = Ty::Adt(found.adt, args.clone().into());
        if let Some(through) = &found.through {
            self.table.try_unify(&ty, through);
        }
        if let Some(hint) = hint {
            self.table.try_unify(&ty, hint);
        }
        for (generic, arg) in generics.iter().zip(&args) {
            for bound in &generic.bounds {
                let asker = Asker::Parameter(what.clone(), generic.name.clone());
                self.demand(arg, substitute_trait(bound, &args), found.span, asker);
            }
        }
        ty
    }

    pub(super) fn self_type_value(&mut self, span: Span) -> hir::Expr {
        if self.scope.self_ty.is_none() {
            self.no_self_type(span);
        } else {
            self.report(
                Diagnostic::error("E0325", "`Self` is a type, not a value")
                    .at(span, "")
                    .help("build one with `Self(…)`; the value at hand is `self`"),
            );
        }
        finish::nothing(Ty::Error, span)
    }

    // ---- functions of types and traits

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
            let equal = self.cx.fns[id.index()].equal.clone();
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

    fn raw_args(&mut self, id: FnId, prefix: &[Ty], span: Span) -> Vec<Ty> {
        let function = &self.cx.program.fns[id.index()];
        let what = rc(impls::last_part(&function.name));
        let names: Vec<Rc<str>> = function
            .generics
            .iter()
            .map(|generic| generic.name.clone())
            .collect();
        names
            .into_iter()
            .enumerate()
            .map(|(index, name)| match prefix.get(index) {
                Some(ty) => ty.clone(),
                None => self.fresh(span, Open::Parameter(what.clone(), name)),
            })
            .collect()
    }

    /// Type arguments for a function: the given ones, then variables.
    pub(super) fn instantiate(&mut self, id: FnId, prefix: &[Ty], span: Span) -> Vec<Ty> {
        let args = self.raw_args(id, prefix, span);
        let equal = self.cx.fns[id.index()].equal.clone();
        for (index, ty) in equal {
            self.table
                .unify(&args[index as usize], &ty.substitute(&args));
        }
        args
    }

    /// Asks for the bounds of a function's parameters, from the one at `from` on.
    pub(super) fn demand_bounds(&mut self, id: FnId, args: &[Ty], from: usize, span: Span) {
        let generics = self.cx.program.fns[id.index()].generics.clone();
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
                .cloned()
        {
            let args = Self::type_args(ty);
            if ids.len() > 1
                && args
                    .iter()
                    .any(|arg| matches!(self.shape(arg), Ty::Infer(_)))
            {
                self.unknown_shape(span, &format!("choose a `{}`", name.text));
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

    /// `sum` on a list of strings: the method is there, but not for these elements.
    fn wrong_parts(&mut self, ty: &Ty, name: &Name, id: FnId) {
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
        if *ty == Ty::Error {
            return;
        }
        let shown = self.shown(ty);
        let known = self.method_names(ty);
        let mut message = Diagnostic::error(
            "E0327",
            format!("`{shown}` has no function `{}`", name.text),
        )
        .at(name.span, "not found");
        if let Some(near) = suggest::nearest(&name.text, known.iter().map(String::as_str)) {
            message = message
                .help(format!("there is {}", names::a(near)))
                .edit(name.span, near);
        }
        self.report(message);
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

    fn function_with(
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

    fn fn_type(&self, id: FnId, args: &[Ty]) -> Ty {
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

    fn trait_function(
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
            let path = self.cx.loaded[info.scope.module].path.clone();
            self.cx.private(name, declared, &path);
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
