//! Structs and variants by their names: which one a capitalised name means, and such a name as a value.

use super::body::BodyCx;
use super::infer::Open;
use super::path::{Base, Constructor};
use super::traits::{Asker, substitute_trait};
use super::*;
use crate::ast::{Expr, ExprKind as Ast, Name};
use crate::hir::ExprKind;

impl BodyCx<'_, '_> {
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
            && let Some(item) = self
                .cx
                .given(self.module)
                .types
                .get(&name.text)
                .map(|entry| entry.item)
            && let Some(found) = self.struct_behind(item, span)
        {
            return Some(found);
        }
        if let Some(found) = self.cx.given(self.module).variants.get(&name.text).cloned()
            && let Some((id, variant)) = found.first()
        {
            return simple(*id, *variant);
        }
        self.unknown_constructor(name, expected);
        None
    }

    pub(super) fn struct_behind(&mut self, item: TypeItem, span: Span) -> Option<Constructor> {
        let found = self.struct_of(item, span)?;
        if let Some(declared) = self.cx.declared_at(item) {
            self.cx.warn_deprecated(declared, span, self.module);
        }
        Some(found)
    }

    pub(super) fn struct_of(&mut self, item: TypeItem, span: Span) -> Option<Constructor> {
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

    /// Whether a name stands right behind `let` or `for`, where a variable could.
    fn is_bound_by_let(&self, name: &Name) -> bool {
        let text = &self.cx.files.file(name.span.file).text[..name.span.start as usize];
        let before = text.trim_ascii_end();
        let word = before
            .rsplit(|letter: char| !letter.is_ascii_alphanumeric())
            .next();
        matches!(word, Some("let" | "mut" | "for")) && before.len() < text.len()
    }

    pub(super) fn unknown_constructor(&mut self, name: &Name, expected: Option<&Ty>) {
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
                let empty = adt.variants.iter().all(|one| one.fields.is_empty());
                message = if adt.is_struct && empty {
                    message
                        .help("its only value is built by it")
                        .edit(name.span.after(), "()")
                } else if adt.is_struct {
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
                    .chain(
                        self.cx
                            .given(self.module)
                            .variants
                            .keys()
                            .map(|name| &**name),
                    );
                let near = suggest::nearest(&name.text, known).map(str::to_string);
                if let Some((of, path)) = self.cx.variant_elsewhere(self.module, &name.text) {
                    message = message.help(format!(
                        "`{path}` has `{of}.{}`: `import {{ {of} }} from \"{path}\"`",
                        name.text
                    ));
                } else if let Some(path) = self.cx.offered_by(self.module, &name.text) {
                    message = message.help(format!(
                        "`{path}` has one: `import {{ {} }} from \"{path}\"`",
                        name.text
                    ));
                } else if let Some(near) = near {
                    message = message
                        .help(format!("there is {}", names::a(&near)))
                        .edit(name.span, near);
                } else if expected_names.is_empty() && self.is_bound_by_let(name) {
                    message = message
                        .help("names of variables start with a small letter")
                        .edit(name.span, crate::parser::small(&name.text));
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
        base: &Expr,
        name: &Name,
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
        if self.cx.may_be_lost(ty)
            && !matches!(ty, Ty::Adt(id, _) if self.variant_of(*id, &name.text).is_some())
        {
            return None;
        }
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
    pub(super) fn result_behind(&mut self, hint: &Ty) -> Ty {
        match self.shape(hint) {
            Ty::Fn(f) => f.ret.clone(),
            other => other,
        }
    }

    /// `Shape.Circle` and the like as a value.
    pub(super) fn upper_path(&mut self, expr: &Expr, hint: Option<&Ty>) -> hir::Expr {
        let Ast::Field { base, name } = &expr.kind else {
            return finish::nothing(Ty::Error, expr.span);
        };
        let expected = hint.map(|hint| self.result_behind(hint));
        match self.path_constructor(base, name, expected.as_ref(), expr.span) {
            Some(found) => self.variant_value(found, hint),
            None => finish::nothing(Ty::Error, expr.span),
        }
    }

    pub(super) fn variant_value(&mut self, found: Constructor, hint: Option<&Ty>) -> hir::Expr {
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
        // With a payload it is a function here: what is expected says something about its result only if it is one too.
        let expected = match hint.map(|hint| self.shape(hint)) {
            Some(Ty::Fn(function)) => Some(function.ret.clone()),
            other => other.filter(|_| variant.fields.is_empty()),
        };
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
}
