//! Loops.

use super::body::{BodyCx, Want};
use super::infer::Open;
use super::pattern::Binding;
use super::*;
use crate::ast::{self, Block, Expr, Pattern, Stmt, StmtKind};
use crate::hir::{ExprKind, Walk};

impl BodyCx<'_, '_> {
    pub(super) fn while_stmt(&mut self, condition: &Expr, body: &Block, span: Span) -> hir::Expr {
        let mark = self.open_scope();
        let forever = matches!(condition.kind, ast::ExprKind::Bool(true));
        let condition = self.condition(condition, "`while`");
        if let Some(frame) = self.frame() {
            frame.loops.push(false);
        }
        let body = self.block(body, Want::Drop);
        let has_break = self
            .frame()
            .and_then(|frame| frame.loops.pop())
            .unwrap_or(false);
        self.close_is_scope(mark);
        let ty = if forever && !has_break {
            Ty::Never
        } else {
            Ty::unit()
        };
        hir::Expr {
            kind: ExprKind::While {
                condition: Box::new(condition),
                body: Box::new(body),
            },
            ty,
            span,
        }
    }

    pub(super) fn for_stmt(
        &mut self,
        pattern: &Pattern,
        values: &Expr,
        body: &Block,
        span: Span,
    ) -> hir::Expr {
        let walked = self.expr(values, Want::Any);
        let (how, element) = self.walk(&walked);
        let mark = self.open_scope();
        let pattern = self.pattern(pattern, &element, Binding::For);
        if let Some(frame) = self.frame() {
            frame.loops.push(false);
        }
        let body = self.block(body, Want::Drop);
        if let Some(frame) = self.frame() {
            frame.loops.pop();
        }
        self.close_scope(mark);
        hir::Expr {
            kind: ExprKind::For {
                pattern: Box::new(pattern),
                value: Box::new(walked),
                how,
                body: Box::new(body),
            },
            ty: Ty::unit(),
            span,
        }
    }

    /// How a value is walked, and the type of its elements.
    pub(super) fn walk(&mut self, value: &hir::Expr) -> (Walk, Ty) {
        let span = value.span;
        let ty = self.shape(&value.ty);
        match &ty {
            Ty::Range => (Walk::Range, Ty::Int),
            Ty::List(element) => (Walk::List, (**element).clone()),
            Ty::Set(element) => (Walk::Set, (**element).clone()),
            Ty::Bytes => (Walk::Bytes, Ty::Int),
            Ty::Map(key, value) => (
                Walk::Map,
                Ty::Tuple(Rc::from([(**key).clone(), (**value).clone()])),
            ),
            Ty::Error | Ty::Never => (Walk::List, Ty::Error),
            Ty::Infer(_) => {
                self.unknown_shape(span, "walk it");
                self.table.unify(&ty, &Ty::Error);
                (Walk::List, Ty::Error)
            }
            _ => self.walk_iterator(&ty, span),
        }
    }

    pub(super) fn walk_iterator(&mut self, ty: &Ty, span: Span) -> (Walk, Ty) {
        let iterator = self.cx.known.iterator;
        if let Some(of) = iterator
            && self.has_impl_or_bound(ty, of)
        {
            let element = self.fresh(span, Open::Other);
            let method = self.cx.traits[of.index()]
                .methods
                .get("next")
                .copied()
                .unwrap_or(0);
            let bound = hir::TraitRef {
                id: of,
                args: vec![element.clone()],
            };
            self.demand(ty, bound, span, traits::Asker::Method(rc("for")));
            let next = hir::TraitFnRef {
                of,
                method,
                args: vec![ty.clone(), element.clone()],
            };
            return (Walk::Iterator(next), element);
        }
        let shown = self.shown(ty);
        let mut message =
            Diagnostic::error("E0407", format!("`for` cannot walk {}", names::a(&shown)))
                .at(span, names::a(&shown))
                .note("`for` takes a range, list, set, map, bytes, or a type with `Iterator[T]`");
        message = match ty {
            Ty::String => message
                .help("say what to walk")
                .edit(span.after(), ".chars()"),
            Ty::Int => message.help("a range counts").edit(span.before(), "0.."),
            Ty::Adt(id, _) if Some(*id) == self.cx.known.option => {
                message.help("an option is taken apart by `if … is Some(x)`")
            }
            _ => message,
        };
        self.report(message);
        (Walk::List, Ty::Error)
    }

    pub(super) fn loop_exit(&mut self, stmt: &Stmt) -> hir::Expr {
        let leaving = matches!(stmt.kind, StmtKind::Break);
        let word = if leaving { "break" } else { "continue" };
        let in_lambda = self.frames.len() > 1;
        match self.frame().and_then(|frame| frame.loops.last_mut()) {
            Some(has_break) => *has_break |= leaving,
            None => {
                let mut message =
                    Diagnostic::error("E0404", format!("`{word}` stands outside of a loop"))
                        .at(stmt.span, "no loop surrounds this");
                if in_lambda {
                    message = message.note(
                        "a lambda cannot leave the loop around it; use `for` instead of the lambda",
                    );
                }
                self.report(message);
            }
        }
        let kind = if leaving {
            ExprKind::Break
        } else {
            ExprKind::Continue
        };
        hir::Expr {
            kind,
            ty: Ty::Never,
            span: stmt.span,
        }
    }
}
