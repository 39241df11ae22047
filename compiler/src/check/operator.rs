//! Operators.

use super::body::{BodyCx, Want, Why};
use super::traits::Asker;
use super::*;
use crate::ast::{BinaryOp as Ast, Expr, UnaryOp as AstUnary};
use crate::hir::{BinaryOp, Builtin, ExprKind, UnaryOp};

/// Which types an operator takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    /// `Int`, `Float`, `String`.
    Add,
    /// `Int`, `Float`.
    Number,
    /// `Int`.
    Int,
    /// What has `Eq`.
    Eq,
    /// What has `Ord`.
    Ord,
}

fn plain(op: Ast) -> Option<(BinaryOp, Group)> {
    Some(match op {
        Ast::Add => (BinaryOp::Add, Group::Add),
        Ast::Subtract => (BinaryOp::Sub, Group::Number),
        Ast::Multiply => (BinaryOp::Mul, Group::Number),
        Ast::Divide => (BinaryOp::Div, Group::Number),
        Ast::Remainder => (BinaryOp::Rem, Group::Number),
        Ast::AddWrapping => (BinaryOp::WrapAdd, Group::Int),
        Ast::SubtractWrapping => (BinaryOp::WrapSub, Group::Int),
        Ast::MultiplyWrapping => (BinaryOp::WrapMul, Group::Int),
        Ast::BitAnd => (BinaryOp::BitAnd, Group::Int),
        Ast::BitOr => (BinaryOp::BitOr, Group::Int),
        Ast::BitXor => (BinaryOp::BitXor, Group::Int),
        Ast::ShiftLeft => (BinaryOp::Shl, Group::Int),
        Ast::ShiftRight => (BinaryOp::Shr, Group::Int),
        Ast::ShiftRightUnsigned => (BinaryOp::UShr, Group::Int),
        Ast::Equal => (BinaryOp::Eq, Group::Eq),
        Ast::NotEqual => (BinaryOp::Ne, Group::Eq),
        Ast::Less => (BinaryOp::Lt, Group::Ord),
        Ast::LessEqual => (BinaryOp::Le, Group::Ord),
        Ast::Greater => (BinaryOp::Gt, Group::Ord),
        Ast::GreaterEqual => (BinaryOp::Ge, Group::Ord),
        Ast::And | Ast::Or | Ast::Coalesce => return None,
    })
}

impl BodyCx<'_, '_> {
    pub(super) fn unary(
        &mut self,
        op: AstUnary,
        operand: &Expr,
        span: Span,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        let (op, value, ty) = match op {
            AstUnary::Not => {
                let value = self.expr(operand, Want::Must(&Ty::Bool, &Why::Needs("`!`")));
                (UnaryOp::Not, value, Ty::Bool)
            }
            AstUnary::BitNot => {
                let value = self.expr(operand, Want::Must(&Ty::Int, &Why::Needs("`~`")));
                (UnaryOp::BitNot, value, Ty::Int)
            }
            AstUnary::Negate => {
                let value = self.expr(operand, hint.map_or(Want::Any, Want::Hint));
                let mut ty = self.shape(&value.ty);
                if let (Ty::Infer(_), Some(hint)) = (&ty, hint) {
                    self.table.try_unify(&ty, hint);
                    ty = self.shape(&ty);
                }
                match ty {
                    Ty::Int | Ty::Float | Ty::Error => {}
                    Ty::Never => ty = Ty::Error,
                    Ty::Infer(_) => {
                        self.unknown_shape(operand.span, "negate it");
                        ty = Ty::Error;
                    }
                    _ => {
                        let shown = self.shown(&ty);
                        self.report(
                            Diagnostic::error("E0416", format!("`-` does not work on `{shown}`"))
                                .at(operand.span, names::a(&shown))
                                .note("it negates an `Int` or a `Float`"),
                        );
                        ty = Ty::Error;
                    }
                }
                (UnaryOp::Neg, value, ty)
            }
        };
        hir::Expr {
            kind: ExprKind::Unary(op, Box::new(value)),
            ty,
            span,
        }
    }

    pub(super) fn binary(
        &mut self,
        op: Ast,
        op_span: Span,
        left: &Expr,
        right: &Expr,
        span: Span,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        match op {
            Ast::And => {
                let mark = self.open_scope();
                let left = self.condition(left, "`&&`");
                let right = self.condition(right, "`&&`");
                self.close_is_scope(mark);
                hir::Expr {
                    kind: ExprKind::And(Box::new(left), Box::new(right)),
                    ty: Ty::Bool,
                    span,
                }
            }
            Ast::Or => {
                let why = Why::Needs("`||`");
                let operand = left;
                let left = match self.starts_line(operand.span, op_span) {
                    false => self.expr(operand, Want::Must(&Ty::Bool, &why)),
                    true => {
                        let left = self.expr(operand, Want::Hint(&Ty::Bool));
                        let ty = self.shape(&left.ty);
                        if !matches!(ty, Ty::Bool | Ty::Infer(_) | Ty::Never) {
                            self.lambda_at_line_start(op_span, &ty);
                            return finish::nothing(Ty::Error, span);
                        }
                        self.coerce(left, &Ty::Bool, &why)
                    }
                };
                let right = self.expr(right, Want::Must(&Ty::Bool, &why));
                hir::Expr {
                    kind: ExprKind::Or(Box::new(left), Box::new(right)),
                    ty: Ty::Bool,
                    span,
                }
            }
            Ast::Coalesce => self.coalesce(left, right, span, hint),
            _ => self.arithmetic(op, op_span, left, right, span, hint),
        }
    }

    /// Whether an operator is the first sign of its line, behind an operand that ends before.
    fn starts_line(&self, operand: Span, op: Span) -> bool {
        let text = &self.cx.files.file(op.file).text;
        text[operand.end as usize..op.start as usize].contains('\n')
    }

    /// Says that `||` at the start of a line does not begin a lambda, where it was probably meant to.
    fn lambda_at_line_start(&mut self, op: Span, left: &Ty) {
        if *left == Ty::Error {
            return;
        }
        let shown = self.shown(left);
        self.report(
            Diagnostic::error(
                "E0401",
                "a line that starts with `||` goes on with the one before",
            )
            .at(
                op,
                format!("this is `or`, and {} stands before it", names::a(&shown)),
            )
            .help("a lambda without parameters stands behind `return` or in parentheses")
            .edit(op.before(), "return "),
        );
    }

    fn coalesce(&mut self, left: &Expr, right: &Expr, span: Span, hint: Option<&Ty>) -> hir::Expr {
        let wanted = hint.map(|hint| self.cx.option_of(hint.clone()));
        let value = self.expr(left, wanted.as_ref().map_or(Want::Any, Want::Hint));
        let ty = self.shape(&value.ty);
        let Some(inner) = self.cx.as_option(&ty) else {
            let other = self.expr(right, Want::Any);
            match &ty {
                Ty::Error | Ty::Never => {}
                Ty::Infer(_) => self.unknown_shape(left.span, "apply `??`"),
                _ => {
                    let shown = self.shown(&ty);
                    let mut message = Diagnostic::error(
                        "E0417",
                        format!("`??` takes an option on its left, not `{shown}`"),
                    )
                    .at(left.span, names::a(&shown));
                    message = if self.cx.as_result(&ty).is_some() {
                        message
                            .help("drop the error first")
                            .edit(left.span.after(), ".ok()")
                    } else {
                        message.help("this always has a value: remove the `??` and what follows")
                    };
                    self.report(message);
                }
            }
            let _ = other;
            return finish::nothing(Ty::Error, span);
        };
        let other = self.expr(right, Want::Hint(&inner));
        let other_ty = self.shape(&other.ty);
        if self.cx.as_option(&other_ty).is_some() && !self.table.try_unify(&inner, &other_ty) {
            let shown = self.shown(&inner);
            self.report(
                Diagnostic::error("E0401", format!("expected `{shown}`, found another option"))
                    .at(other.span, "may be `None` too")
                    .help("for two options there is `a.or(b)`"),
            );
            return finish::nothing(Ty::Error, span);
        }
        let other = self.coerce(other, &inner, &Why::Operand("??", left.span));
        hir::Expr {
            kind: ExprKind::Coalesce(Box::new(value), Box::new(other)),
            ty: inner,
            span,
        }
    }

    fn arithmetic(
        &mut self,
        op: Ast,
        op_span: Span,
        left: &Expr,
        right: &Expr,
        span: Span,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        let Some((hir_op, group)) = plain(op) else {
            return finish::nothing(Ty::Error, span);
        };
        let compares = matches!(group, Group::Eq | Group::Ord);
        let hint = if compares { None } else { hint };
        let left_value = self.expr(left, hint.map_or(Want::Any, Want::Hint));
        let left_ty = self.shape(&left_value.ty);
        if let (Ty::Infer(_), Some(hint)) = (&left_ty, hint) {
            self.table.try_unify(&left_ty, hint);
        }
        let right_value = self.expr(right, Want::Hint(&left_ty));
        let ty = self.shape(&left_ty);
        if ty == Ty::Never || self.leaves(&right_value) {
            let ty = if compares { Ty::Bool } else { Ty::Error };
            return self.built(hir_op, left_value, right_value, ty, span);
        }
        if !self.takes(group, &ty) && !matches!(ty, Ty::Infer(_)) {
            self.wrong_operand(op, group, &left_value, &right_value, &ty, op_span);
            let ty = if compares { Ty::Bool } else { Ty::Error };
            return self.built(hir_op, left_value, right_value, ty, span);
        }
        let right_value = self.right_operand(op, false, &ty, right_value, &left_value);
        let ty = self.shape(&ty);
        if let Ty::Infer(_) = ty
            && !compares
        {
            self.unknown_shape(left.span, &format!("apply `{}`", op.symbol()));
            return self.built(hir_op, left_value, right_value, Ty::Error, span);
        }
        if !compares && !self.takes(group, &ty) {
            self.wrong_operand(op, group, &left_value, &right_value, &ty, op_span);
            return self.built(hir_op, left_value, right_value, Ty::Error, span);
        }
        match group {
            Group::Eq => {
                self.demand_builtin(&ty, Builtin::Eq, op_span, Asker::Operator(op.symbol()))
            }
            Group::Ord => {
                self.demand_builtin(&ty, Builtin::Ord, op_span, Asker::Operator(op.symbol()))
            }
            _ => {}
        }
        let ty = if compares { Ty::Bool } else { ty };
        self.built(hir_op, left_value, right_value, ty, span)
    }

    fn built(
        &self,
        op: BinaryOp,
        left: hir::Expr,
        right: hir::Expr,
        ty: Ty,
        span: Span,
    ) -> hir::Expr {
        hir::Expr {
            kind: ExprKind::Binary(op, Box::new(left), Box::new(right)),
            ty,
            span,
        }
    }

    fn takes(&self, group: Group, ty: &Ty) -> bool {
        match group {
            Group::Add => matches!(ty, Ty::Int | Ty::Float | Ty::String | Ty::Error),
            Group::Number => matches!(ty, Ty::Int | Ty::Float | Ty::Error),
            Group::Int => matches!(ty, Ty::Int | Ty::Error),
            Group::Eq | Group::Ord => true,
        }
    }

    /// Fits the right operand to the left one's type.
    fn right_operand(
        &mut self,
        op: Ast,
        assigns: bool,
        ty: &Ty,
        right: hir::Expr,
        left: &hir::Expr,
    ) -> hir::Expr {
        let right_ty = self.shape(&right.ty);
        // `1 + 2.0`: offer to change whichever is easier.
        if matches!((ty, &right_ty), (Ty::Int, Ty::Float)) && matches!(left.kind, ExprKind::Int(_))
        {
            self.report(
                Diagnostic::error(
                    "E0401",
                    format!(
                        "`{}` has an `Int` on its left and a `Float` on its right",
                        op.symbol()
                    ),
                )
                .at(left.span, "an `Int`")
                .also(right.span, "a `Float`")
                .help("a `Float` is written with a point")
                .edit(left.span.after(), ".0"),
            );
            return hir::Expr {
                ty: Ty::Error,
                ..right
            };
        }
        if matches!((ty, &right_ty), (Ty::Int, Ty::Float)) && assigns {
            self.report(
                Diagnostic::error("E0401", "expected `Int`, found `Float`")
                    .at(right.span, "a `Float`")
                    .also(left.span, "this place holds an `Int`")
                    .help("let the variable hold a `Float` from the start, or convert: `.to_int()` cuts towards zero"),
            );
            return hir::Expr {
                ty: Ty::Error,
                ..right
            };
        }
        if matches!((ty, &right_ty), (Ty::Int, Ty::Float)) {
            let simple = matches!(
                left.kind,
                ExprKind::Local(_)
                    | ExprKind::Call(..)
                    | ExprKind::CallTrait(..)
                    | ExprKind::Field(..)
                    | ExprKind::Index(..)
            );
            let mut message = Diagnostic::error("E0401", "expected `Int`, found `Float`")
                .at(right.span, "a `Float`")
                .also(
                    left.span,
                    format!("an `Int`: both sides of `{}` have one type", op.symbol()),
                )
                .help("conversions are always written")
                .edit(
                    left.span.after(),
                    if simple {
                        ".to_float()"
                    } else {
                        ").to_float()"
                    },
                );
            if !simple {
                message = message.edit(left.span.before(), "(");
            }
            self.report(message);
            return hir::Expr {
                ty: Ty::Error,
                ..right
            };
        }
        if *ty == Ty::String
            && op == Ast::Add
            && right_ty != Ty::String
            && !matches!(right_ty, Ty::Infer(_) | Ty::Error)
        {
            let shown = self.shown(&right_ty);
            self.report(
                Diagnostic::error("E0401", format!("expected `String`, found `{shown}`"))
                    .at(right.span, names::a(&shown))
                    .also(left.span, "`+` joins a string with a string")
                    .help("put it into the string with `${…}`, or take its text with `.show()`")
                    .edit(right.span.after(), ".show()"),
            );
            return hir::Expr {
                ty: Ty::Error,
                ..right
            };
        }
        self.coerce(right, ty, &Why::Operand(op.symbol(), left.span))
    }

    fn wrong_operand(
        &mut self,
        op: Ast,
        group: Group,
        left: &hir::Expr,
        right: &hir::Expr,
        ty: &Ty,
        op_span: Span,
    ) {
        let shown = self.shown(ty);
        let mut message = Diagnostic::error(
            "E0416",
            format!("`{}` does not work on `{shown}`", op.symbol()),
        )
        .at(
            op_span,
            match group {
                Group::Add => "takes `Int`, `Float` or `String`",
                Group::Number => "takes `Int` or `Float`",
                _ => "takes `Int`",
            },
        )
        .also(left.span, names::a(&shown));
        let right_ty = self.shape(&right.ty);
        message = match (ty, op) {
            _ if self.cx.as_option(ty).is_some() => message
                .help("take the value out of the option first, with `?`, `??` or `is Some(x)`"),
            (Ty::List(_), Ast::Add) => message.help("a list is made longer by `extend`"),
            (_, Ast::Add) if right_ty == Ty::String => {
                message.help("join texts by putting the values into one: `\"${a}${b}\"`")
            }
            (Ty::String, Ast::Multiply) if right_ty == Ty::Int => {
                // Parentheses around the number do for those of the call.
                let gap = left.span.after().to(right.span.before());
                let opened = self.cx.files.text(gap).matches('(').count();
                let more = "(".repeat(opened.saturating_sub(1));
                let message = message
                    .help("a text is repeated by a method")
                    .edit(gap, format!(".repeat({more}"));
                match opened {
                    0 => message.edit(right.span.after(), ")"),
                    _ => message,
                }
            }
            (Ty::Bool, Ast::BitAnd) => message
                .help("for truth values write `&&`")
                .edit(op_span, "&&"),
            (Ty::Bool, Ast::BitOr) => message
                .help("for truth values write `||`")
                .edit(op_span, "||"),
            (Ty::Bool, Ast::BitXor) => message
                .help("for truth values write `!=`")
                .edit(op_span, "!="),
            (Ty::Param(_), _) => {
                message.note("there are no traits for operators; take the operation as a function")
            }
            (Ty::Float, _) => message.note("bits and wrapping belong to `Int`"),
            _ => message,
        };
        self.report(message);
    }

    /// The operator and value of `place op= value`.
    pub(super) fn assign_operator(
        &mut self,
        target: &hir::Expr,
        op: Ast,
        op_span: Span,
        value: &Expr,
    ) -> (Option<BinaryOp>, hir::Expr) {
        let ty = self.shape(&target.ty);
        let value = self.expr(value, Want::Hint(&ty));
        let Some((hir_op, group)) = plain(op) else {
            return (None, value);
        };
        if let Ty::Infer(_) = ty {
            let other = self.shape(&value.ty);
            self.table.try_unify(&ty, &other);
        }
        let ty = self.shape(&ty);
        if let Ty::Infer(_) = ty {
            self.unknown_shape(target.span, &format!("apply `{}=`", op.symbol()));
            return (Some(hir_op), value);
        }
        if ty == Ty::Never || !self.takes(group, &ty) {
            self.wrong_operand(op, group, target, &value, &ty, op_span);
            return (Some(hir_op), value);
        }
        let value = self.right_operand(op, true, &ty, value, target);
        (Some(hir_op), value)
    }
}
