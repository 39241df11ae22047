//! `if` and `match`.

use super::body::{BodyCx, Want, Why};
use super::pattern::Binding;
use super::stmt::value_span;
use super::*;
use crate::ast::{self, Else, Expr, If};
use crate::hir::ExprKind;

impl BodyCx<'_, '_> {
    pub(super) fn if_stmt(&mut self, branches: &If, span: Span) -> hir::Expr {
        let mark = self.open_scope();
        let condition = self.condition(&branches.condition, "`if`");
        let then = self.block(&branches.then, Want::Drop);
        self.close_is_scope(mark);
        let otherwise = branches.otherwise.as_ref().map(|otherwise| {
            Box::new(match otherwise {
                Else::Block(block) => self.block(block, Want::Drop),
                Else::If(inner, span) => self.if_stmt(inner, *span),
            })
        });
        let ty = match &otherwise {
            Some(otherwise) if self.leaves(&then) && self.leaves(otherwise) => Ty::Never,
            _ => Ty::unit(),
        };
        hir::Expr {
            kind: ExprKind::If {
                condition: Box::new(condition),
                then: Box::new(then),
                otherwise,
            },
            ty,
            span,
        }
    }

    /// An `if` with `else`, as an expression.
    pub(super) fn if_expr(&mut self, branches: &If, span: Span, want: Want) -> hir::Expr {
        let mark = self.open_scope();
        let condition = self.condition(&branches.condition, "`if`");
        let then = self.block(&branches.then, want);
        self.close_is_scope(mark);
        let then_span = value_span(&then);
        let leaves = self.leaves(&then);
        let why = Why::Branches(then_span);
        let then_ty = then.ty.clone();
        let rest = match want {
            Want::Any | Want::Hint(_) if !leaves => Want::Must(&then_ty, &why),
            other => other,
        };
        let otherwise = branches
            .otherwise
            .as_ref()
            .map(|otherwise| match otherwise {
                Else::Block(block) => self.block(block, rest),
                Else::If(inner, span) => self.if_expr(inner, *span, rest),
            });
        let ty = match &otherwise {
            Some(otherwise) if leaves => otherwise.ty.clone(),
            _ => then.ty.clone(),
        };
        hir::Expr {
            kind: ExprKind::If {
                condition: Box::new(condition),
                then: Box::new(then),
                otherwise: otherwise.map(Box::new),
            },
            ty,
            span,
        }
    }

    pub(super) fn match_expr(
        &mut self,
        value: &Expr,
        arms: &[ast::Arm],
        span: Span,
        want: Want,
    ) -> hir::Expr {
        let value = self.expr(value, Want::Any);
        let value_ty = value.ty.clone();
        let mut ty = Ty::Never;
        let mut first = span;
        let mut out = Vec::with_capacity(arms.len());
        for arm in arms {
            let mark = self.open_scope();
            let pattern = self.pattern(&arm.pattern, &value_ty, Binding::Match);
            let guard = arm
                .guard
                .as_ref()
                .map(|guard| self.condition(guard, "the guard of an arm"));
            let why = Why::Branches(first);
            let known = ty.clone();
            let rest = match want {
                Want::Any | Want::Hint(_) if known != Ty::Never => Want::Must(&known, &why),
                other => other,
            };
            let body = self.body_stmt(&arm.body, rest);
            self.close_is_scope(mark);
            if ty == Ty::Never && !self.leaves(&body) {
                ty = body.ty.clone();
                first = value_span(&body);
            }
            out.push(hir::Arm {
                pattern,
                guard,
                body,
            });
        }
        if let (Want::Must(wanted, _), true) = (want, ty == Ty::Never) {
            self.table.mark_never(wanted);
        }
        if matches!(want, Want::Drop) && ty != Ty::Never {
            ty = Ty::unit();
        }
        let place = self.lent_place(out.iter().map(|arm| &arm.pattern), &value);
        hir::Expr {
            kind: ExprKind::Match {
                value: Box::new(value),
                place: place.map(Box::new),
                arms: out,
            },
            ty,
            span,
        }
    }
}
