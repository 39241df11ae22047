//! Names with a point between them, and capitalised names: modules, types, traits, variants.

use super::body::BodyCx;
use super::infer::Open;
use super::*;
use crate::ast::{Expr, ExprKind as Ast};

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

impl BodyCx<'_, '_> {
    /// What the expression before a point stands for, if it is no value.
    pub(super) fn path_base(&mut self, base: &Expr) -> Base {
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

    pub(super) fn no_self_type(&mut self, span: Span) {
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
    pub(super) fn type_of_item(&mut self, item: TypeItem, span: Span) -> Option<Ty> {
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
                    .map(|generic| generic.name.text.clone())
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
}
