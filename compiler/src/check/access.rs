//! Parts of values: fields, positions, elements.

use super::body::{BodyCx, Want, Why};
use super::path::Base;
use super::*;
use crate::ast::{Expr, ExprKind as Ast, Name};
use crate::hir::ExprKind;

impl BodyCx<'_, '_> {
    /// `base.name` that is not called.
    pub(super) fn field(
        &mut self,
        expr: &Expr,
        base: &Expr,
        name: &Name,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        if name.is_upper() {
            return self.upper_path(expr, hint);
        }
        match self.path_base(base) {
            Base::Module(None) => finish::nothing(Ty::Error, expr.span),
            Base::Module(Some(target)) => match self.cx.module_value(target, name) {
                Some(item) => {
                    let mut value = self.value_item(item, name, hint);
                    value.span = expr.span;
                    value
                }
                None => finish::nothing(Ty::Error, expr.span),
            },
            Base::Type(ty) => self.associated_value(&ty, base.span, name, expr.span, hint),
            Base::Trait(id) => self.trait_value(id, name, expr.span, hint),
            Base::Broken => finish::nothing(Ty::Error, expr.span),
            Base::Value => {
                let base = self.expr(base, Want::Any);
                self.field_of(base, name, expr.span)
            }
        }
    }

    pub(super) fn field_of(&mut self, base: hir::Expr, name: &Name, span: Span) -> hir::Expr {
        let ty = self.shape(&base.ty);
        match &ty {
            Ty::Adt(id, args) if self.cx.program.adts[id.index()].is_struct => {
                let adt = &self.cx.program.adts[id.index()];
                let fields = adt
                    .variants
                    .first()
                    .map_or(&[][..], |variant| &variant.fields);
                let found = fields.iter().position(|field| *field.name == *name.text);
                if let Some(index) = found {
                    let field_ty = fields[index].ty.substitute(args);
                    self.reach(*id, name.span, "reach its fields");
                    return hir::Expr {
                        kind: ExprKind::Field(Box::new(base), index as u32),
                        ty: field_ty,
                        span,
                    };
                }
            }
            Ty::Range => {
                let index = match &*name.text {
                    "start" => Some(0),
                    "end" => Some(1),
                    _ => None,
                };
                if let Some(index) = index {
                    return hir::Expr {
                        kind: ExprKind::Field(Box::new(base), index),
                        ty: Ty::Int,
                        span,
                    };
                }
            }
            Ty::Error | Ty::Never => return finish::nothing(Ty::Error, span),
            Ty::Infer(_) => {
                self.unknown_shape(base.span, &format!("reach `{}`", name.text));
                self.table.unify(&ty, &Ty::Error);
                return finish::nothing(Ty::Error, span);
            }
            _ => {}
        }
        self.no_field(&ty, name);
        finish::nothing(Ty::Error, span)
    }

    pub(super) fn no_field(&mut self, ty: &Ty, name: &Name) {
        if self.cx.may_be_lost(ty) {
            return;
        }
        let shown = self.shown(ty);
        let fields = self.field_names(ty);
        let methods = self.method_names(ty);
        let mut message =
            Diagnostic::error("E0321", format!("`{shown}` has no field `{}`", name.text))
                .at(name.span, "not found");
        if methods.iter().any(|method| *method == *name.text) {
            message.title = format!("the method `{}` is not called", name.text);
            message = message.help("call it").edit(name.span.after(), "()");
        } else if let Some(near) = suggest::nearest(&name.text, fields.iter().map(String::as_str)) {
            message = message
                .help(format!("there is a field `{near}`"))
                .edit(name.span, near);
        } else if matches!(&*name.text, "length" | "size" | "count")
            && methods.iter().any(|m| m == "len")
        {
            message = message
                .help("its length is `len()`")
                .edit(name.span, "len()");
        } else if let Some(near) = suggest::nearest(&name.text, methods.iter().map(String::as_str))
        {
            message = message
                .help(format!("there is a method `{near}`"))
                .edit(name.span, format!("{near}()"));
        } else if self.cx.as_option(ty).is_some() {
            message = message.help(
                "this may be `None`: take the value out first, with `?`, `??` or `is Some(x)`",
            );
        } else if !fields.is_empty() {
            let names: Vec<&str> = fields.iter().map(String::as_str).collect();
            message = message.help(names::fields(&names));
        }
        self.report(message);
    }

    pub(super) fn field_names(&self, ty: &Ty) -> Vec<String> {
        match ty {
            Ty::Adt(id, _) if self.cx.program.adts[id.index()].is_struct => self.cx.program.adts
                [id.index()]
            .variants
            .iter()
            .flat_map(|variant| &variant.fields)
            .filter(|field| !self.is_hidden(*id, &field.ty))
            .map(|field| field.name.to_string())
            .collect(),
            Ty::Range => vec!["start".to_string(), "end".to_string()],
            _ => Vec::new(),
        }
    }

    /// Whether a field of a struct of another file is of a type that only that file knows: it is not for others.
    fn is_hidden(&self, of: AdtId, ty: &Ty) -> bool {
        let home = self.cx.program.adts[of.index()].module as usize;
        let Ty::Adt(id, _) = ty else { return false };
        let adt = &self.cx.program.adts[id.index()];
        let entry = self.cx.scopes[home].types.get(&adt.name);
        home != self.module
            && adt.module as usize == home
            && entry.is_some_and(|entry| !entry.public)
    }

    /// Refuses to look into an opaque type from another file.
    pub(super) fn reach(&mut self, id: AdtId, span: Span, to: &str) {
        let module = self.cx.program.adts[id.index()].module as usize;
        if self.cx.adts[id.index()].opaque && module != self.module {
            let adt = &self.cx.program.adts[id.index()];
            let (name, declared) = (adt.name.clone(), adt.span);
            let mut message = Diagnostic::error("E0712", format!("`{name}` is opaque"))
                .at(span, format!("only its own file can {to}"));
            if !self.cx.is_std(module) {
                message = message.also(declared, "declared `opaque`");
            }
            self.report(message.help("use its methods"));
        }
    }

    pub(super) fn tuple_field(
        &mut self,
        base: &Expr,
        index: u32,
        index_span: Span,
        span: Span,
    ) -> hir::Expr {
        let base = self.expr(base, Want::Any);
        let ty = self.shape(&base.ty);
        match &ty {
            Ty::Tuple(parts) if (index as usize) < parts.len() => {
                let part = parts[index as usize].clone();
                hir::Expr {
                    kind: ExprKind::Field(Box::new(base), index),
                    ty: part,
                    span,
                }
            }
            Ty::Error | Ty::Never => finish::nothing(Ty::Error, span),
            Ty::Infer(_) => {
                self.unknown_shape(base.span, &format!("take its part `{index}`"));
                self.table.unify(&ty, &Ty::Error);
                finish::nothing(Ty::Error, span)
            }
            _ => {
                let shown = self.shown(&ty);
                let mut message =
                    Diagnostic::error("E0322", format!("`{shown}` has no part `{index}`"))
                        .at(index_span, "not found");
                message = match &ty {
                    Ty::Tuple(parts) if !parts.is_empty() => {
                        message.help(format!("its parts are `0` to `{}`", parts.len() - 1))
                    }
                    Ty::List(_) => message.help(format!("an element is `[{index}]`")),
                    _ => message.note("only tuples have numbered parts"),
                };
                self.report(message);
                finish::nothing(Ty::Error, span)
            }
        }
    }

    pub(super) fn index(&mut self, base: &Expr, index: &Expr, span: Span) -> hir::Expr {
        if matches!(base.kind, Ast::Upper(_)) && names_type(index) {
            self.type_arguments(base.span, index.span, span);
            return finish::nothing(Ty::Error, span);
        }
        let base = self.expr(base, Want::Any);
        let ty = self.shape(&base.ty);
        match &ty {
            Ty::List(element) => self.index_or_slice(base, index, span, (**element).clone(), &ty),
            Ty::Bytes => self.index_or_slice(base, index, span, Ty::Int, &ty),
            Ty::String => {
                let index = self.expr(index, Want::Any);
                let index_ty = self.shape(&index.ty);
                if !matches!(index_ty, Ty::Range | Ty::Error | Ty::Never) {
                    self.report(
                        Diagnostic::error("E0410", "a `String` has no elements")
                            .at(span, "bytes or characters?")
                            .help("write `text.bytes()[i]` for bytes, `text.chars()[i]` for characters, `text[a..b]` for a part"),
                    );
                    return finish::nothing(Ty::Error, span);
                }
                hir::Expr {
                    kind: ExprKind::Slice(Box::new(base), Box::new(index)),
                    ty: Ty::String,
                    span,
                }
            }
            Ty::Map(key, value) => {
                let why = Why::Needs("the index of this map");
                let index = self.expr(index, Want::Must(key, &why));
                hir::Expr {
                    kind: ExprKind::Index(Box::new(base), Box::new(index)),
                    ty: (**value).clone(),
                    span,
                }
            }
            Ty::Error | Ty::Never => {
                self.expr(index, Want::Any);
                finish::nothing(Ty::Error, span)
            }
            Ty::Infer(_) => {
                self.unknown_shape(base.span, "index it");
                self.table.unify(&ty, &Ty::Error);
                self.expr(index, Want::Any);
                finish::nothing(Ty::Error, span)
            }
            Ty::Fn(_) if names_type(index) => {
                self.type_arguments(base.span, index.span, span);
                // What the call gives is not known.
                finish::nothing(Ty::Error, span)
            }
            _ => {
                self.expr(index, Want::Any);
                let shown = self.shown(&ty);
                let mut message =
                    Diagnostic::error("E0410", format!("`{shown}` cannot be indexed"))
                        .at(base.span, names::a(&shown))
                        .note("lists, maps and bytes can");
                if let Ty::Tuple(_) = ty {
                    message = message.help("the parts of a tuple are `.0`, `.1`, …");
                }
                self.report(message);
                finish::nothing(Ty::Error, span)
            }
        }
    }

    /// Says that what is called or built carries no types in `[ ]`.
    fn type_arguments(&mut self, base: Span, index: Span, span: Span) {
        let whole = base.after().to(index);
        let whole = Span {
            end: span.end,
            ..whole
        };
        self.report(
            Diagnostic::error("E0410", "a call carries no type arguments")
                .at(whole, "leave this out")
                .help("they follow from the arguments; where nothing tells them, write the type of what is bound: `let name: Type = …`")
                .edit(whole, ""),
        );
    }

    pub(super) fn index_or_slice(
        &mut self,
        base: hir::Expr,
        index: &Expr,
        span: Span,
        element: Ty,
        whole: &Ty,
    ) -> hir::Expr {
        let index = self.expr(index, Want::Any);
        if self.shape(&index.ty) == Ty::Range {
            return hir::Expr {
                kind: ExprKind::Slice(Box::new(base), Box::new(index)),
                ty: whole.clone(),
                span,
            };
        }
        let index = self.coerce(index, &Ty::Int, &Why::Needs("an index"));
        hir::Expr {
            kind: ExprKind::Index(Box::new(base), Box::new(index)),
            ty: element,
            span,
        }
    }
}

/// Whether an expression looks like a type: `Int`, `List[Int]`, `web.Request`, `(Int, Int)`.
fn names_type(expr: &Expr) -> bool {
    match &expr.kind {
        Ast::Upper(_) | Ast::SelfType => true,
        Ast::Field { name, .. } => name.is_upper(),
        Ast::Index { base: inner, .. } | Ast::Paren(inner) | Ast::Try(inner) => names_type(inner),
        Ast::Tuple(parts) => parts.iter().all(names_type),
        _ => false,
    }
}
