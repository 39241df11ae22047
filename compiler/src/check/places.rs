//! Places: variables and paths into them, as far as types do not matter. What may be done with them: [`super::verify`].

use super::body::{BodyCx, Want};
use super::*;
use crate::ast::Expr;
use crate::hir::{ExprKind, PatternKind, Place, Step, StepKind};

impl BodyCx<'_, '_> {
    /// The left side of an assignment.
    pub(super) fn place_expr(&mut self, expr: &Expr) -> hir::Expr {
        self.expr(expr, Want::Any)
    }

    /// An expression as a place, if it is one.
    pub(super) fn to_place(&self, expr: &hir::Expr) -> Option<Place> {
        let mut place = match &expr.kind {
            ExprKind::Local(root) => {
                return Some(Place {
                    root: *root,
                    steps: Vec::new(),
                    ty: expr.ty.clone(),
                    span: expr.span,
                });
            }
            ExprKind::Field(base, _) | ExprKind::Index(base, _) => self.to_place(base)?,
            _ => return None,
        };
        let kind = match &expr.kind {
            ExprKind::Field(base, index) => match self.shallow(&base.ty) {
                Ty::Range => return None,
                _ => StepKind::Field(*index),
            },
            ExprKind::Index(base, index) => match self.shallow(&base.ty) {
                Ty::Map(..) => StepKind::Key((**index).clone()),
                _ => StepKind::Index((**index).clone()),
            },
            _ => return None,
        };
        // Most places have one step.
        place.steps.reserve_exact(1);
        place.steps.push(Step {
            kind,
            ty: expr.ty.clone(),
            span: expr.span,
        });
        place.ty = expr.ty.clone();
        place.span = expr.span;
        Some(place)
    }

    /// Says that something is no place.
    pub(super) fn no_place(&mut self, value: &hir::Expr, what: &str) {
        if self.shallow(&value.ty) == Ty::Error {
            return;
        }
        let mut message = Diagnostic::error(
            "E0505",
            format!("only a variable, or a part of one, can be {what}"),
        )
        .at(value.span, "not a place");
        message = match &value.kind {
            ExprKind::Const(id) => message.note(format!(
                "`{}` is a constant",
                self.cx.program.consts[id.index()].name
            )),
            ExprKind::Field(base, _) if self.shallow(&base.ty) == Ty::Range => {
                message.help("a range is made anew: `start..end`")
            }
            ExprKind::Slice(..) => message.note("a part taken by a range is a copy"),
            _ => message.help("bind the value first: `let mut name = …`"),
        };
        self.report(message);
    }

    /// The value that is matched as a place, if one of the patterns lends a part of it.
    pub(super) fn lent_place<'p>(
        &mut self,
        mut patterns: impl Iterator<Item = &'p hir::Pattern>,
        value: &hir::Expr,
    ) -> Option<Place> {
        let lent = patterns.find_map(first_lent)?;
        let place = self.to_place(value);
        if place.is_none() && self.shallow(&value.ty) != Ty::Error {
            self.report(
                Diagnostic::error("E0505", "`mut` in a pattern lends a part of a variable")
                    .at(lent, "lends a part")
                    .also(value.span, "of this, which is not a place")
                    .help("bind the value first: `let mut name = …`"),
            );
        }
        place
    }
}

/// Where a pattern lends something.
pub(super) fn first_lent(pattern: &hir::Pattern) -> Option<Span> {
    match &pattern.kind {
        PatternKind::Bind { lent, .. } => lent.then_some(pattern.span),
        PatternKind::Variant { fields, .. } => fields.iter().find_map(|(_, part)| first_lent(part)),
        PatternKind::Tuple(parts) | PatternKind::Or(parts) => parts.iter().find_map(first_lent),
        PatternKind::List { before, after, .. } => before.iter().chain(after).find_map(first_lent),
        _ => None,
    }
}
