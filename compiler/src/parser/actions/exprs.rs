//! Expressions.

use super::Context;
use crate::ast::*;
use crate::lexer::Integer;
use crate::source::Span;
use std::rc::Rc;

impl Context {
    pub fn expr(&mut self, start: usize, kind: ExprKind, end: usize) -> Expr {
        let span = self.span(start, end);
        self.expr_at(span, kind)
    }

    fn expr_at(&mut self, span: Span, kind: ExprKind) -> Expr {
        match kind.depth() {
            depth if depth <= MAX_DEPTH => Expr { span, kind, depth },
            _ => {
                self.report_depth(mark(span, &kind));
                self.error_at(span)
            }
        }
    }

    pub(super) fn error_at(&self, span: Span) -> Expr {
        Expr {
            span,
            kind: ExprKind::Error,
            depth: 0,
        }
    }

    pub fn lambda_parameter(
        &self,
        start: usize,
        mutable: Option<Span>,
        pattern: Pattern,
        ty: Option<Type>,
        end: usize,
    ) -> Box<LambdaParameter> {
        Box::new(LambdaParameter {
            span: self.span(start, end),
            mutable,
            pattern,
            ty,
        })
    }

    pub fn lambda(
        &mut self,
        start: usize,
        parameters: Vec<Box<LambdaParameter>>,
        body: Expr,
        end: usize,
    ) -> Expr {
        let parameters = parameters.into_iter().map(|parameter| *parameter).collect();
        self.expr(
            start,
            ExprKind::Lambda {
                parameters,
                body: Box::new(body),
            },
            end,
        )
    }

    pub fn range(&mut self, start: Expr, end: Expr, inclusive: bool) -> Expr {
        let span = start.span.to(end.span);
        self.expr_at(
            span,
            ExprKind::Range {
                start: Box::new(start),
                end: Box::new(end),
                inclusive,
            },
        )
    }

    pub fn binary(&mut self, left: Expr, op: BinaryOp, op_span: Span, right: Expr) -> Expr {
        if op == BinaryOp::Coalesce {
            self.warn_of_arithmetic(op_span, &left);
            self.warn_of_arithmetic(op_span, &right);
        }
        let span = left.span.to(right.span);
        self.expr_at(
            span,
            ExprKind::Binary {
                op,
                op_span,
                left: Box::new(left),
                right: Box::new(right),
            },
        )
    }

    pub fn is(&mut self, value: Expr, pattern: Pattern) -> Expr {
        let span = value.span.to(pattern.span);
        self.expr_at(
            span,
            ExprKind::Is {
                value: Box::new(value),
                pattern: Box::new(pattern),
            },
        )
    }

    pub fn unary(&mut self, start: usize, op: UnaryOp, operand: Expr, end: usize) -> Expr {
        self.expr(
            start,
            ExprKind::Unary {
                op,
                operand: Box::new(operand),
            },
            end,
        )
    }

    /// `-e`; before a decimal literal the sign belongs to it.
    pub fn negate(&mut self, start: usize, operand: Expr, end: usize) -> Expr {
        if let ExprKind::Int(value) = operand.kind
            && self.last_decimal.take() == Some(operand.span)
        {
            self.unsigned_min.remove(&operand.span);
            return self.expr(start, ExprKind::Int(value.wrapping_neg()), end);
        }
        self.warn_of_receiver(start, &operand);
        self.unary(start, UnaryOp::Negate, operand, end)
    }

    /// The value of an integer literal. That of `9223372036854775808` is the smallest `Int`, which it is once negated.
    pub(super) fn integer_value(&mut self, literal: Integer, span: Span) -> i64 {
        self.last_decimal = None;
        match literal {
            Integer::Bits(value) => value,
            Integer::Decimal(value) => {
                self.last_decimal = Some(span);
                value
            }
            Integer::MinMagnitude => {
                self.last_decimal = Some(span);
                self.unsigned_min.insert(span);
                i64::MIN
            }
        }
    }

    pub fn integer(&mut self, start: usize, literal: Integer, end: usize) -> Expr {
        let value = self.integer_value(literal, self.span(start, end));
        self.expr(start, ExprKind::Int(value), end)
    }

    pub fn string(&mut self, start: usize, text: Rc<str>, end: usize) -> Expr {
        let parts = match text.is_empty() {
            true => Vec::new(),
            false => vec![StringPart::Text(text)],
        };
        self.expr(start, ExprKind::String(parts), end)
    }

    pub fn interpolation(
        &mut self,
        start: usize,
        head: Rc<str>,
        first: Expr,
        middle: Vec<(Rc<str>, Expr)>,
        tail: Rc<str>,
        end: usize,
    ) -> Expr {
        let texts = middle.iter().map(|(text, _)| text).chain([&head, &tail]);
        let texts = texts.filter(|text| !text.is_empty()).count();
        let mut parts = Vec::with_capacity(middle.len() + 1 + texts);
        push_text(&mut parts, head);
        parts.push(StringPart::Expr(first));
        for (text, value) in middle {
            push_text(&mut parts, text);
            parts.push(StringPart::Expr(value));
        }
        push_text(&mut parts, tail);
        self.expr(start, ExprKind::String(parts), end)
    }

    pub fn tuple(&mut self, start: usize, first: Expr, mut rest: Vec<Expr>, end: usize) -> Expr {
        if rest.is_empty() {
            let span = self.span(start, end);
            self.lone_tuple(span);
            return self.expr(start, ExprKind::Paren(Box::new(first)), end);
        }
        rest.insert(0, first);
        self.expr(start, ExprKind::Tuple(rest), end)
    }

    pub fn map(&mut self, start: usize, entries: Vec<Box<(Expr, Expr)>>, end: usize) -> Expr {
        let entries = entries.into_iter().map(|entry| *entry).collect();
        self.expr(start, ExprKind::Map(entries), end)
    }

    pub fn field_of(&mut self, base: Expr, name: Name) -> Expr {
        let span = base.span.to(name.span);
        self.expr_at(
            span,
            ExprKind::Field {
                base: Box::new(base),
                name,
            },
        )
    }

    pub fn position_of(&mut self, base: Expr, position: Integer, index_span: Span) -> Expr {
        // A position beyond `u32` is as absent as the last one.
        let index = match position {
            Integer::Decimal(value) | Integer::Bits(value) => {
                u32::try_from(value).unwrap_or(u32::MAX)
            }
            Integer::MinMagnitude => u32::MAX,
        };
        let span = base.span.to(index_span);
        self.expr_at(
            span,
            ExprKind::TupleField {
                base: Box::new(base),
                index,
                index_span,
            },
        )
    }

    pub fn argument(&self, start: usize, kind: ArgumentKind, end: usize) -> Argument {
        Argument {
            span: self.span(start, end),
            kind,
        }
    }

    pub fn call(&mut self, callee: Expr, arguments: Vec<Argument>, arguments_span: Span) -> Expr {
        self.check_rest(&arguments);
        let span = callee.span.to(arguments_span);
        self.expr_at(
            span,
            ExprKind::Call {
                callee: Box::new(callee),
                arguments,
                arguments_span,
            },
        )
    }

    pub fn index(&mut self, base: Expr, index: Expr, end: usize) -> Expr {
        let start = base.span.start as usize;
        self.expr(
            start,
            ExprKind::Index {
                base: Box::new(base),
                index: Box::new(index),
            },
            end,
        )
    }

    pub fn attempt(&mut self, value: Expr, end: usize) -> Expr {
        let start = value.span.start as usize;
        self.expr(start, ExprKind::Try(Box::new(value)), end)
    }

    pub fn match_expr(
        &mut self,
        start: usize,
        value: Expr,
        arms: Vec<Option<Box<Arm>>>,
        end: usize,
    ) -> Expr {
        let arms = arms.into_iter().flatten().map(|arm| *arm).collect();
        self.expr(
            start,
            ExprKind::Match {
                value: Box::new(value),
                arms,
            },
            end,
        )
    }

    pub fn arm(
        &mut self,
        start: usize,
        pattern: Pattern,
        guard: Option<Expr>,
        body: Stmt,
        end: usize,
    ) -> Option<Box<Arm>> {
        Some(Box::new(Arm {
            span: self.span(start, end),
            pattern,
            guard,
            body,
        }))
    }

    /// An arm that was not understood: it may be for anything, and have any value.
    pub fn broken_arm(&mut self, start: usize, end: usize) -> Option<Box<Arm>> {
        self.complete = false;
        let pattern = self.pattern(start, PatternKind::Wildcard, end);
        let body = self.stmt(start, StmtKind::Error, end);
        self.arm(start, pattern, None, body, end)
    }
}

/// Where an expression is too deep: at what it adds to its parts.
fn mark(span: Span, kind: &ExprKind) -> Span {
    match kind {
        ExprKind::Binary { op_span, .. } => *op_span,
        ExprKind::Field { name, .. } => name.span,
        ExprKind::TupleField { index_span, .. } => *index_span,
        ExprKind::Call { arguments_span, .. } => *arguments_span,
        ExprKind::Index { .. } | ExprKind::Try(_) => span.after(),
        _ => span.before(),
    }
}

/// Adds a piece of text unless it is empty.
fn push_text(parts: &mut Vec<StringPart>, text: Rc<str>) {
    if !text.is_empty() {
        parts.push(StringPart::Text(text));
    }
}
