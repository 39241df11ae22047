//! Walks the expressions of a finished body.

use crate::hir::{Arg, Expr, ExprKind, Piece, Place, StepKind, Stmt};

/// Calls `look` for an expression and all those inside it, from the outside in, in source order.
pub(super) fn walk<'e>(expr: &'e Expr, look: &mut dyn FnMut(&'e Expr)) {
    look(expr);
    let mut each = |expr: &'e Expr| walk(expr, look);
    match &expr.kind {
        ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Bool(_)
        | ExprKind::Char(_)
        | ExprKind::Str(_)
        | ExprKind::Bytes(_)
        | ExprKind::Local(_)
        | ExprKind::Const(_)
        | ExprKind::FnValue(_)
        | ExprKind::TraitFnValue(_)
        | ExprKind::VariantFn(..)
        | ExprKind::Break
        | ExprKind::Continue => {}
        ExprKind::Interpolate(pieces) => pieces.iter().for_each(|piece| {
            if let Piece::Value(value) = piece {
                each(value);
            }
        }),
        ExprKind::Tuple(parts) | ExprKind::List(parts) => parts.iter().for_each(each),
        ExprKind::Map(entries) => entries.iter().for_each(|(key, value)| {
            each(key);
            each(value);
        }),
        ExprKind::Range {
            start: a, end: b, ..
        }
        | ExprKind::Index(a, b)
        | ExprKind::Slice(a, b)
        | ExprKind::Binary(_, a, b)
        | ExprKind::And(a, b)
        | ExprKind::Or(a, b)
        | ExprKind::Coalesce(a, b)
        | ExprKind::While {
            condition: a,
            body: b,
        }
        | ExprKind::For {
            value: a, body: b, ..
        } => {
            each(a);
            each(b);
        }
        ExprKind::Build { base, fields, .. } => {
            base.iter().for_each(|base| each(base));
            fields.iter().for_each(|(_, value)| each(value));
        }
        ExprKind::Field(inner, _)
        | ExprKind::Unary(_, inner)
        | ExprKind::Try(inner, _)
        | ExprKind::Return(inner) => {
            each(inner);
        }
        ExprKind::Is { value, .. } => each(value),
        ExprKind::Call(_, args) | ExprKind::CallTrait(_, args) => walk_args(args, look),
        ExprKind::CallValue(callee, args) => {
            each(callee);
            walk_args(args, look);
        }
        ExprKind::Lambda(lambda) => each(&lambda.body),
        ExprKind::Block(stmts, tail) => {
            for stmt in stmts {
                match stmt {
                    Stmt::Let {
                        value, otherwise, ..
                    } => {
                        each(value);
                        otherwise.iter().for_each(&mut each);
                    }
                    Stmt::Expr(value) => each(value),
                }
            }
            tail.iter().for_each(|tail| each(tail));
        }
        ExprKind::If {
            condition,
            then,
            otherwise,
        } => {
            each(condition);
            each(then);
            otherwise.iter().for_each(|otherwise| each(otherwise));
        }
        ExprKind::Match { value, arms, .. } => {
            each(value);
            for arm in arms {
                arm.guard.iter().for_each(&mut each);
                each(&arm.body);
            }
        }
        ExprKind::Assign(place, value) | ExprKind::AssignOp(_, place, value) => {
            walk_place(place, look);
            walk(value, look);
        }
    }
}

fn walk_args<'e>(args: &'e [Arg], look: &mut dyn FnMut(&'e Expr)) {
    for arg in args {
        match arg {
            Arg::Value(value) => walk(value, look),
            Arg::Lent(place) => walk_place(place, look),
        }
    }
}

fn walk_place<'e>(place: &'e Place, look: &mut dyn FnMut(&'e Expr)) {
    for step in &place.steps {
        if let StepKind::Index(index) | StepKind::Key(index) = &step.kind {
            walk(index, look);
        }
    }
}
