//! `is` and `?`.

use super::body::{BodyCx, Want, Why};
use super::infer::Open;
use super::traits::Asker;
use super::*;
use crate::ast::Expr;
use crate::hir::{Builtin, ExprKind, Try};

impl BodyCx<'_, '_> {
    /// `value is pattern`; its names stay bound in the scope at hand.
    pub(super) fn is(&mut self, value: &Expr, pattern: &ast::Pattern, span: Span) -> hir::Expr {
        let value = self.expr(value, Want::Any);
        let ty = value.ty.clone();
        let pattern = self.pattern(pattern, &ty, pattern::Binding::Match);
        let place = self.lent_place(std::iter::once(&pattern), &value);
        hir::Expr {
            kind: ExprKind::Is {
                value: Box::new(value),
                place: place.map(Box::new),
                pattern: Box::new(pattern),
            },
            ty: Ty::Bool,
            span,
        }
    }

    /// `e?`.
    pub(super) fn try_expr(&mut self, inner: &Expr, span: Span) -> hir::Expr {
        let value = self.expr(inner, Want::Any);
        let ty = self.shape(&value.ty);
        let question = Span {
            start: span.end - 1,
            ..span
        };
        let Some(frame) = self.frames.last() else {
            self.report(
                Diagnostic::error("E0405", "`?` stands outside of a function")
                    .at(question, "a constant cannot return an error")
                    .help("write `.expect(\"why\")`"),
            );
            return finish::nothing(Ty::Error, span);
        };
        let (ret, why) = (frame.ret.clone(), frame.why.clone());
        let ret_shape = self.shallow(&ret);
        let built = |kind, ty| hir::Expr {
            kind: ExprKind::Try(Box::new(value.clone()), kind),
            ty,
            span,
        };
        if let Some(inner) = self.cx.as_option(&ty) {
            match &ret_shape {
                Ty::Infer(_) => {
                    let payload = self.fresh(span, Open::Other);
                    let option = self.cx.option_of(payload);
                    self.table.unify(&ret_shape, &option);
                }
                Ty::Error => {}
                other if self.cx.as_option(other).is_some() => {}
                other => {
                    let shown = self.shown(other);
                    let mut message = Diagnostic::error(
                        "E0411",
                        "`?` on an option needs a function that gives an option",
                    )
                    .at(
                        question,
                        format!("would return `None`, but the result is `{shown}`"),
                    );
                    self.explain(&mut message, &why);
                    message = if self.cx.as_result(other).is_some() {
                        message
                            .help("say which error it is: `.ok_or(error)?`")
                            .edit(question, ".ok_or(…)?")
                    } else {
                        message.help("give a value instead (`… ?? other`), leave with `let Some(x) = … else { … }`, or make the result an option")
                    };
                    self.report(message);
                }
            }
            return built(Try::Option, inner);
        }
        if let Some((good, error)) = self.cx.as_result(&ty) {
            return self.try_result(value, good, error, &ret_shape, &why, span);
        }
        match &ty {
            Ty::Error | Ty::Never => return finish::nothing(Ty::Error, span),
            Ty::Infer(_) => self.unknown_shape(inner.span, "apply `?`"),
            _ => {
                let shown = self.shown(&ty);
                self.report(
                    Diagnostic::error(
                        "E0411",
                        format!("`?` takes an option or a result, not `{shown}`"),
                    )
                    .at(inner.span, names::a(&shown))
                    .help("remove the `?`")
                    .edit(question, ""),
                );
            }
        }
        finish::nothing(Ty::Error, span)
    }

    pub(super) fn try_result(
        &mut self,
        value: hir::Expr,
        good: Ty,
        error: Ty,
        ret: &Ty,
        why: &Why,
        span: Span,
    ) -> hir::Expr {
        let question = Span {
            start: span.end - 1,
            ..span
        };
        let mut kind = Try::Result;
        if let Ty::Infer(_) = ret {
            let payload = self.fresh(span, Open::Other);
            let result = self.cx.result_of(payload, error.clone());
            self.table.unify(ret, &result);
        } else if let Some((_, wanted)) = self.cx.as_result(ret) {
            let wanted_shape = self.shape(&wanted);
            let is_error =
                matches!(&wanted_shape, Ty::Adt(id, _) if Some(*id) == self.cx.known.error);
            let error_shape = self.shape(&error);
            let same =
                matches!((&error_shape, &wanted_shape), (Ty::Adt(a, _), Ty::Adt(b, _)) if a == b);
            if is_error && !same && !matches!(error_shape, Ty::Infer(_) | Ty::Error) {
                self.demand_builtin(&error, Builtin::Show, question, Asker::Try);
                kind = Try::ResultToError;
            } else if !self.table.try_unify(&error, &wanted) {
                let (have, want) = (self.shown(&error), self.shown(&wanted));
                let mut message = Diagnostic::error(
                    "E0412",
                    format!(
                        "`?` would return {} where errors are `{want}`",
                        names::a(&have)
                    ),
                )
                .at(question, format!("an error of type `{have}`"));
                self.explain(&mut message, why);
                self.report(message.help("turn one into the other with `.map_err(|error| …)?`, or make the function's error `Error`"));
            }
        } else if *ret != Ty::Error {
            let shown = self.shown(ret);
            let mut message = Diagnostic::error(
                "E0411",
                "`?` on a result needs a function that gives a result",
            )
            .at(
                question,
                format!("would return an error, but the result is `{shown}`"),
            );
            self.explain(&mut message, why);
            message = if self.cx.as_option(ret).is_some() {
                message
                    .help("drop the error with `.ok()?`")
                    .edit(question.before(), ".ok()")
            } else if ret.is_unit() {
                message.help("declare the result `-> Result[(), Error]` and end with `Ok(())`, or write `.expect(\"why\")`")
            } else {
                message.help(
                    "declare a result, handle the error with `match`, or write `.expect(\"why\")`",
                )
            };
            self.report(message);
        }
        hir::Expr {
            kind: ExprKind::Try(Box::new(value), kind),
            ty: good,
            span,
        }
    }
}
