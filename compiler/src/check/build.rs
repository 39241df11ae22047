//! Structs and variants are built.

use super::body::{BodyCx, Called, Want, Why};
use super::call::{Target, TargetParam, is_lambda};
use super::path::Constructor;
use super::*;
use crate::ast::{Argument, ArgumentKind, Expr, ExprKind as Ast, Name};
use crate::hir::{Arg, ExprKind, FnRef};

impl BodyCx<'_, '_> {
    pub(super) fn build(
        &mut self,
        found: Constructor,
        arguments: &[Argument],
        arguments_span: Span,
        span: Span,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        let ty = self.built_type(&found, hint);
        self.reach(found.adt, found.span, "build it");
        let adt = &self.cx.program.adts[found.adt.index()];
        let variant = adt.variants[found.variant as usize].clone();
        let is_struct = adt.is_struct;
        let Ty::Adt(_, args) = &ty else {
            return finish::nothing(Ty::Error, span);
        };
        let args = args.clone();
        if half_named(&variant) {
            self.look_at(arguments);
            return finish::nothing(ty, span);
        }
        if variant.named || is_struct {
            return self.build_named(
                &found,
                &variant,
                is_struct,
                &args,
                arguments,
                arguments_span,
                span,
                ty,
            );
        }
        if variant.fields.is_empty() {
            self.report(
                Diagnostic::error(
                    "E0421",
                    format!("the variant `{}` carries nothing", variant.name),
                )
                .at(arguments_span, "no parentheses")
                .edit(arguments_span, ""),
            );
            for argument in arguments {
                if let ArgumentKind::Value(value) = &argument.kind {
                    self.expr(value, Want::Any);
                }
            }
        }
        let params = variant
            .fields
            .iter()
            .map(|field| TargetParam {
                name: rc(""),
                mutable: false,
                ty: field.ty.substitute(&args),
                declared: None,
            })
            .collect();
        let target = Target {
            what: Called::Text(variant.name.clone()),
            params,
        };
        let fields = if variant.fields.is_empty() {
            Vec::new()
        } else {
            let values = self.arguments(&target, None, arguments, arguments_span, |_| {});
            let mut fields = Vec::with_capacity(values.len());
            for (index, value) in values.into_iter().enumerate() {
                if let Arg::Value(value) = value {
                    fields.push((index as u32, value));
                }
            }
            fields
        };
        hir::Expr {
            kind: ExprKind::Build {
                adt: found.adt,
                variant: found.variant,
                base: None,
                fields,
            },
            ty,
            span,
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "a construction has that many parts"
    )]
    fn build_named(
        &mut self,
        found: &Constructor,
        variant: &hir::Variant,
        is_struct: bool,
        args: &Rc<[Ty]>,
        arguments: &[Argument],
        arguments_span: Span,
        span: Span,
        ty: Ty,
    ) -> hir::Expr {
        let mut base = None;
        let mut given: Vec<Option<Span>> = vec![None; variant.fields.len()];
        // The field, the place and the expression of each argument; lambdas are checked after the others.
        let mut parts: Vec<(usize, &Expr)> = Vec::new();
        for (index, argument) in arguments.iter().enumerate() {
            match &argument.kind {
                ArgumentKind::Rest(value) => {
                    let value_hint = ty.clone();
                    if !is_struct {
                        self.report(
                            Diagnostic::error("E0422", "`..` is for structs, not for variants")
                                .at(argument.span, "a variant is built whole"),
                        );
                    }
                    let value = self.expr(value, Want::Must(&value_hint, &Why::Needs("`..`")));
                    base = Some(Box::new(value));
                }
                ArgumentKind::Named(name, value) => {
                    self.give(variant, name, value, &mut given, &mut parts)
                }
                ArgumentKind::Value(value) => match &value.kind {
                    Ast::Name(name)
                        if variant.fields.iter().any(|field| *field.name == *name.text) =>
                    {
                        self.give(variant, name, value, &mut given, &mut parts);
                    }
                    _ => {
                        self.unnamed(variant, index, value);
                        self.expr(value, Want::Any);
                        if let Some(slot) = given.get_mut(index) {
                            slot.get_or_insert(argument.span);
                        }
                    }
                },
                ArgumentKind::Mut(value) => {
                    self.report(
                        Diagnostic::error("E0502", "a field takes a value, not a place")
                            .at(argument.span, "a copy goes in")
                            .help("leave `mut` out")
                            .edit(
                                Span {
                                    end: value.span.start,
                                    ..argument.span
                                },
                                "",
                            ),
                    );
                    self.expr(value, Want::Any);
                }
            }
        }
        let mut values: Vec<Option<(u32, hir::Expr)>> = parts.iter().map(|_| None).collect();
        for lambdas in [false, true] {
            for (slot, (field, value)) in values.iter_mut().zip(&parts) {
                if is_lambda(value) == lambdas {
                    let declared = &variant.fields[*field];
                    let wanted = declared.ty.substitute(args);
                    let why = Why::Field(
                        variant.name.clone(),
                        declared.name.clone(),
                        self.field_span(found, *field),
                    );
                    *slot = Some((*field as u32, self.expr(value, Want::Must(&wanted, &why))));
                }
            }
        }
        let mut fields: Vec<(u32, hir::Expr)> = Vec::with_capacity(variant.fields.len());
        fields.extend(values.into_iter().flatten());
        if base.is_none() {
            self.fill_defaults(
                found,
                variant,
                args,
                arguments_span,
                &given,
                &mut fields,
                span,
            );
        }
        hir::Expr {
            kind: ExprKind::Build {
                adt: found.adt,
                variant: found.variant,
                base,
                fields,
            },
            ty,
            span,
        }
    }

    /// Notes that a field is given.
    fn give<'e>(
        &mut self,
        variant: &hir::Variant,
        name: &Name,
        value: &'e Expr,
        given: &mut [Option<Span>],
        parts: &mut Vec<(usize, &'e Expr)>,
    ) {
        match variant
            .fields
            .iter()
            .position(|field| *field.name == *name.text)
        {
            Some(field) => match given[field] {
                Some(first) => {
                    self.report(
                        Diagnostic::error(
                            "E0423",
                            format!("the field `{}` is given twice", name.text),
                        )
                        .at(name.span, "again here")
                        .also(first, "first here"),
                    );
                    self.expr(value, Want::Any);
                }
                None => {
                    given[field] = Some(name.span);
                    parts.push((field, value));
                }
            },
            None => {
                let known: Vec<&str> = variant.fields.iter().map(|field| &*field.name).collect();
                let mut message = Diagnostic::error(
                    "E0321",
                    format!("`{}` has no field `{}`", variant.name, name.text),
                )
                .at(name.span, "not found");
                message = match suggest::nearest(&name.text, known.iter().copied()) {
                    Some(near) => message
                        .help(format!("there is {}", names::a(near)))
                        .edit(name.span, near),
                    None if known.is_empty() => {
                        message.note(format!("`{}` has no fields", variant.name))
                    }
                    None => message.help(names::fields(&known)),
                };
                self.report(message);
                self.expr(value, Want::Any);
            }
        }
    }

    fn unnamed(&mut self, variant: &hir::Variant, index: usize, value: &Expr) {
        let mut message = Diagnostic::error(
            "E0424",
            format!("the fields of `{}` are given by name", variant.name),
        )
        .at(value.span, "which field?");
        message = match variant.fields.get(index) {
            Some(field) => message
                .help(format!("write `{}: …`", field.name))
                .edit(value.span.before(), format!("{}: ", field.name)),
            None => message.help("remove it"),
        };
        self.report(message);
    }

    pub(super) fn field_span(&self, found: &Constructor, field: usize) -> Span {
        match self.cx.adts[found.adt.index()].decl {
            AdtDecl::Struct(decl) => decl.fields.get(field).map(|field| field.name.span),
            AdtDecl::Enum(decl) => match decl
                .variants
                .get(found.variant as usize)
                .map(|variant| &variant.payload)
            {
                Some(ast::Payload::Named(parts)) => parts.get(field).map(|(name, _)| name.span),
                _ => None,
            },
        }
        .unwrap_or(self.cx.program.adts[found.adt.index()].span)
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "a construction has that many parts"
    )]
    fn fill_defaults(
        &mut self,
        found: &Constructor,
        variant: &hir::Variant,
        args: &Rc<[Ty]>,
        arguments_span: Span,
        given: &[Option<Span>],
        fields: &mut Vec<(u32, hir::Expr)>,
        span: Span,
    ) {
        let mut missing: Vec<&str> = Vec::new();
        for (index, field) in variant.fields.iter().enumerate() {
            if given[index].is_some() {
                continue;
            }
            match self.cx.adts[found.adt.index()]
                .defaults
                .get(index)
                .copied()
                .flatten()
            {
                Some(id) => {
                    let kind = ExprKind::Call(
                        FnRef {
                            id,
                            args: args.to_vec(),
                        },
                        Vec::new(),
                    );
                    fields.push((
                        index as u32,
                        hir::Expr {
                            kind,
                            ty: field.ty.substitute(args),
                            span,
                        },
                    ));
                }
                None => missing.push(&field.name),
            }
        }
        if missing.is_empty() {
            return;
        }
        let word = if missing.len() == 1 {
            "field"
        } else {
            "fields"
        };
        let list = names::listed(&missing);
        let wanted: Vec<String> = missing.iter().map(|name| format!("{name}: …")).collect();
        self.report(
            Diagnostic::error(
                "E0425",
                format!("`{}` lacks the {word} {list}", variant.name),
            )
            .at(arguments_span, "not given here")
            .help(format!("add `{}`", wanted.join(", "))),
        );
    }
}

/// Whether some parts of a variant have names and others have none, which was reported where it is declared.
pub(super) fn half_named(variant: &hir::Variant) -> bool {
    variant.named && variant.fields.iter().any(|field| field.name.is_empty())
}
