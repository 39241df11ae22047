//! Blocks and statements.

use super::body::{BodyCx, Want, Why};
use super::pattern::Binding;
use super::*;
use crate::ast::{Block, Expr, Let, Stmt, StmtKind};
use crate::hir::ExprKind;

impl BodyCx<'_, '_> {
    pub(super) fn block(&mut self, block: &Block, want: Want) -> hir::Expr {
        let mark = self.open_scope();
        let mut stmts = Vec::with_capacity(block.stmts.len());
        let mut tail = None;
        let mut gone = Gone::default();
        for (index, stmt) in block.stmts.iter().enumerate() {
            self.after_leaving(&mut gone, stmt.span);
            let last = index + 1 == block.stmts.len();
            if last && let StmtKind::Expr(expr) = &stmt.kind {
                // Behind what leaves, which was reported, nothing has to have a type.
                let want = if gone.reported { Want::Any } else { want };
                let value = self.expr(expr, want);
                if gone.reported {
                    continue;
                }
                if !matches!(want, Want::Drop) || self.leaves(&value) {
                    tail = Some(Box::new(value));
                } else {
                    stmts.push(hir::Stmt::Expr(value));
                }
            } else {
                let before = stmts.len();
                self.stmt(stmt, &mut stmts);
                gone.note(self, stmt, &stmts[before..]);
            }
        }
        self.close_scope(mark);
        let ty = match &tail {
            Some(tail) => tail.ty.clone(),
            None if gone.left.is_some() => Ty::Never,
            None if matches!(block.stmts.last(), Some(last) if matches!(last.kind, StmtKind::Error)) => {
                Ty::Error
            }
            None => Ty::unit(),
        };
        let mut value = hir::Expr {
            kind: ExprKind::Block(stmts, tail),
            ty,
            span: block.span,
        };
        // What did not parse may have been the value.
        let torn = (block.stmts.iter()).any(|stmt| matches!(stmt.kind, StmtKind::Error));
        if let Want::Must(wanted, why) = want
            && let ExprKind::Block(stmts, None) = &value.kind
        {
            if value.ty == Ty::Never {
                self.table.mark_never(wanted);
            } else if torn || stmts.last().is_some_and(|stmt| self.lost_lambda(stmt)) {
                value.ty = Ty::Error;
            } else if !self.table.try_unify(&Ty::unit(), wanted) {
                self.no_value(block, wanted, why);
                value.ty = Ty::Error;
            }
        }
        value
    }

    /// Whether a line that starts with `||` was taken into the `let` before it, which was reported.
    fn lost_lambda(&self, stmt: &hir::Stmt) -> bool {
        let hir::Stmt::Let { value, .. } = stmt else {
            return false;
        };
        let text = self.cx.files.text(value.span);
        let or = |line: &str| line.trim_ascii_start().starts_with("||");
        has_error(&value.ty) && text.lines().skip(1).any(or)
    }

    /// Whether an expression does not come back.
    pub(super) fn leaves(&self, value: &hir::Expr) -> bool {
        self.shallow(&value.ty) == Ty::Never
    }

    /// Says that a block gives nothing where a value is wanted.
    fn no_value(&mut self, block: &Block, wanted: &Ty, why: &Why) {
        let shown = self.shown(wanted);
        let end = hir_end(block.span);
        let last = block.stmts.last();
        let mut message = Diagnostic::error("E0402", format!("expected `{shown}`, found nothing"));
        message = match last.map(|stmt| &stmt.kind) {
            Some(StmtKind::If(_)) => message
                .at(
                    last.map_or(end, |stmt| stmt.span),
                    "an `if` without `else` has no value",
                )
                .help("add an `else`, or a value behind it"),
            Some(StmtKind::Let(_)) => message
                .at(last.map_or(end, |stmt| stmt.span), "a `let` has no value")
                .help("write the value as the last line of the block"),
            Some(StmtKind::For { .. } | StmtKind::While { .. }) => message
                .at(
                    end,
                    format!("the loop can end, and then {} is missing", names::a(&shown)),
                )
                .help("write the value behind the loop"),
            Some(_) => message.at(
                end,
                format!("the block ends here without {}", names::a(&shown)),
            ),
            None => message.at(block.span, "the block is empty"),
        };
        self.explain(&mut message, why);
        self.report(message);
    }

    fn after_leaving(&mut self, gone: &mut Gone, span: Span) {
        let Some(left) = gone.left else {
            return;
        };
        if gone.told {
            return;
        }
        gone.told = true;
        let message = Diagnostic::warning("W0401", "this is never reached")
            .at(span, "")
            .also(left, "this does not come back");
        self.report(message);
    }

    fn stmt(&mut self, stmt: &Stmt, out: &mut Vec<hir::Stmt>) {
        match &stmt.kind {
            StmtKind::Let(binding) => self.let_stmt(binding, stmt.span, out),
            _ => {
                let value = self.body_stmt(stmt, Want::Drop);
                out.push(hir::Stmt::Expr(value));
            }
        }
    }

    /// A statement that is not a `let`, or the body of an arm.
    pub(super) fn body_stmt(&mut self, stmt: &Stmt, want: Want) -> hir::Expr {
        let span = stmt.span;
        let value = match &stmt.kind {
            StmtKind::Expr(expr) => return self.expr(expr, want),
            StmtKind::Let(_) => {
                let mut out = Vec::new();
                self.stmt(stmt, &mut out);
                hir::Expr {
                    kind: ExprKind::Block(out, None),
                    ty: Ty::unit(),
                    span,
                }
            }
            StmtKind::While { condition, body } => self.while_stmt(condition, body, span),
            StmtKind::For {
                pattern,
                values,
                body,
            } => self.for_stmt(pattern, values, body, span),
            StmtKind::If(branches) => self.if_stmt(branches, span),
            StmtKind::Assign {
                place,
                op,
                op_span,
                value,
            } => self.assign(place, *op, *op_span, value, span),
            StmtKind::Return(value) => self.return_stmt(value.as_ref(), span),
            StmtKind::Break | StmtKind::Continue => self.loop_exit(stmt),
            StmtKind::Error => finish::nothing(Ty::Error, span),
        };
        if let Want::Must(wanted, why) = want {
            return self.coerce(value, wanted, why);
        }
        value
    }

    fn return_stmt(&mut self, value: Option<&Expr>, span: Span) -> hir::Expr {
        let Some(frame) = self.frames.last() else {
            if let Some(value) = value {
                self.expr(value, Want::Any);
            }
            self.report(
                Diagnostic::error("E0405", "`return` stands outside of a function")
                    .at(span, "a constant is not a function"),
            );
            return finish::nothing(Ty::Error, span);
        };
        let (ret, why) = (frame.ret.clone(), frame.why.clone());
        let value = match value {
            Some(value) => self.expr(value, Want::Must(&ret, &why)),
            None => {
                let unit = finish::nothing(Ty::unit(), span);
                let shown = self.shown(&ret);
                if self.table.try_unify(&ret, &Ty::unit()) {
                    unit
                } else {
                    let mut message =
                        Diagnostic::error("E0402", format!("expected `{shown}`, found nothing"))
                            .at(span, "returns no value");
                    self.explain(&mut message, &why);
                    self.report(message);
                    finish::nothing(Ty::Error, span)
                }
            }
        };
        hir::Expr {
            kind: ExprKind::Return(Box::new(value)),
            ty: Ty::Never,
            span,
        }
    }

    fn let_stmt(&mut self, binding: &Let, span: Span, out: &mut Vec<hir::Stmt>) {
        let mutable = binding.mutable.is_some();
        let value = match &binding.ty {
            Some(ty) => {
                let resolved = self.written_type(ty, types::Spot::Plain);
                let value = self.expr(
                    &binding.value,
                    Want::Must(&resolved, &Why::Annotation(ty.span)),
                );
                // What is bound has the written type even if the value does not come back.
                (value, resolved)
            }
            None => {
                let value = self.expr(&binding.value, Want::Any);
                let ty = value.ty.clone();
                (value, ty)
            }
        };
        let (value, ty) = value;
        let otherwise = binding.otherwise.as_ref().map(|block| {
            let ended = self.open_scope();
            let value = self.block(block, Want::Drop);
            self.close_scope(ended);
            if !self.leaves(&value) && !has_error(&value.ty) {
                self.report(
                    Diagnostic::error("E0406", "the `else` of a `let` must leave")
                        .at(hir_end(block.span), "goes on here, without the names that were to be bound")
                        .help("end it with `return`, `break`, `continue` or a call like `panic(\"…\")`"),
                );
            }
            value
        });
        let binding_kind = if mutable {
            Binding::Mutable
        } else {
            Binding::Let
        };
        let pattern = self.pattern(&binding.pattern, &ty, binding_kind);
        let _ = span;
        out.push(hir::Stmt::Let {
            pattern: Box::new(pattern),
            value,
            otherwise: otherwise.map(Box::new),
        });
    }

    fn assign(
        &mut self,
        place: &Expr,
        op: Option<ast::BinaryOp>,
        op_span: Span,
        value: &Expr,
        span: Span,
    ) -> hir::Expr {
        let target = self.place_expr(place);
        let ty = target.ty.clone();
        let why = Why::Place(place.span);
        let kind = match op {
            None => {
                let value = self.expr(value, Want::Must(&ty, &why));
                self.to_place(&target)
                    .map(|place| ExprKind::Assign(Box::new(place), Box::new(value)))
            }
            Some(op) => {
                let (op, value) = self.assign_operator(&target, op, op_span, value);
                match (op, self.to_place(&target)) {
                    (Some(op), Some(place)) => {
                        Some(ExprKind::AssignOp(op, Box::new(place), Box::new(value)))
                    }
                    _ => None,
                }
            }
        };
        match kind {
            Some(kind) => hir::Expr {
                kind,
                ty: Ty::unit(),
                span,
            },
            None => {
                self.no_place(&target, "assigned to");
                finish::nothing(Ty::unit(), span)
            }
        }
    }
}

/// Whether the block at hand was left, and whether that was said.
#[derive(Default)]
struct Gone {
    left: Option<Span>,
    told: bool,
    /// Whether the parser has said so, as an error.
    reported: bool,
}

impl Gone {
    fn note(&mut self, cx: &BodyCx, stmt: &Stmt, made: &[hir::Stmt]) {
        let never = matches!(made.last(), Some(hir::Stmt::Expr(value)) if cx.leaves(value))
            || matches!(made.last(), Some(hir::Stmt::Let { value, .. }) if cx.leaves(value));
        if never && self.left.is_none() {
            self.left = Some(stmt.span);
            self.reported = matches!(
                stmt.kind,
                StmtKind::Return(_) | StmtKind::Break | StmtKind::Continue
            );
            self.told = self.reported;
        }
    }
}

/// The closing brace.
pub(super) fn hir_end(span: Span) -> Span {
    Span {
        start: span.end.saturating_sub(1).max(span.start),
        ..span
    }
}

/// Where the value of a block stands.
pub(super) fn value_span(value: &hir::Expr) -> Span {
    match &value.kind {
        ExprKind::Block(_, Some(tail)) => value_span(tail),
        _ => value.span,
    }
}

pub(super) fn has_error(ty: &Ty) -> bool {
    matches!(ty, Ty::Error)
}
