//! Walks the expressions of a typed tree.

use crate::hir::{Arg, Expr, ExprKind, Piece, Place, Step, StepKind, Stmt};

/// Calls `f` on the expression and all expressions inside it, bodies of lambdas excluded.
pub fn visit(expr: &Expr, f: &mut impl FnMut(&Expr)) {
    f(expr);
    each_part(expr, &mut |part| visit(part, f));
}

/// Like [`visit`], bodies of lambdas included.
pub fn visit_all(expr: &Expr, f: &mut impl FnMut(&Expr)) {
    f(expr);
    if let ExprKind::Lambda(lambda) = &expr.kind {
        visit_all(&lambda.body, f);
    }
    each_part(expr, &mut |part| visit_all(part, f));
}

/// Calls `f` on the direct parts of an expression, in order of evaluation: of a lambda none, and of a place
/// that is changed, lent or taken apart its indices.
pub fn each_part<'e>(expr: &'e Expr, f: &mut impl FnMut(&'e Expr)) {
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
        | ExprKind::Lambda(_)
        | ExprKind::Break
        | ExprKind::Continue => {}
        ExprKind::Interpolate(pieces) => pieces.iter().for_each(|p| {
            if let Piece::Value(e) = p {
                f(e);
            }
        }),
        ExprKind::Tuple(list) | ExprKind::List(list) => list.iter().for_each(f),
        ExprKind::Map(entries) => entries.iter().for_each(|(k, v)| {
            f(k);
            f(v);
        }),
        ExprKind::Range { start, end, .. } => {
            f(start);
            f(end);
        }
        ExprKind::Build { base, fields, .. } => {
            if let Some(e) = base {
                f(e);
            }
            fields.iter().for_each(|(_, e)| f(e));
        }
        ExprKind::Field(e, _)
        | ExprKind::Unary(_, e)
        | ExprKind::Try(e, _)
        | ExprKind::Return(e) => f(e),
        ExprKind::Index(a, b)
        | ExprKind::Slice(a, b)
        | ExprKind::Binary(_, a, b)
        | ExprKind::And(a, b)
        | ExprKind::Or(a, b)
        | ExprKind::Coalesce(a, b) => {
            f(a);
            f(b);
        }
        ExprKind::Is { value, place, .. } => each_looked_at(value, place.as_deref(), f),
        ExprKind::Call(_, args) | ExprKind::CallTrait(_, args) => each_of_args(args, f),
        ExprKind::CallValue(callee, args) => {
            f(callee);
            each_of_args(args, f);
        }
        ExprKind::Block(stmts, tail) => {
            for stmt in stmts {
                match stmt {
                    Stmt::Let {
                        value, otherwise, ..
                    } => {
                        f(value);
                        if let Some(e) = otherwise {
                            f(e);
                        }
                    }
                    Stmt::Expr(e) => f(e),
                }
            }
            if let Some(e) = tail {
                f(e);
            }
        }
        ExprKind::If {
            condition,
            then,
            otherwise,
        } => {
            f(condition);
            f(then);
            if let Some(e) = otherwise {
                f(e);
            }
        }
        ExprKind::Match { value, place, arms } => {
            each_looked_at(value, place.as_deref(), f);
            for arm in arms {
                if let Some(e) = &arm.guard {
                    f(e);
                }
                f(&arm.body);
            }
        }
        ExprKind::While { condition, body } => {
            f(condition);
            f(body);
        }
        ExprKind::For { value, body, .. } => {
            f(value);
            f(body);
        }
        ExprKind::Assign(place, value) | ExprKind::AssignOp(_, place, value) => {
            place.steps.iter().filter_map(step_expr).for_each(&mut *f);
            f(value);
        }
    }
}

/// What is evaluated to look at a value: the place's indices if parts of it are lent, else the value.
fn each_looked_at<'e>(value: &'e Expr, place: Option<&'e Place>, f: &mut impl FnMut(&'e Expr)) {
    match place {
        Some(place) => place.steps.iter().filter_map(step_expr).for_each(f),
        None => f(value),
    }
}

/// Calls `f` on the values among arguments and on the indices of lent places, in order.
pub fn each_of_args<'e>(args: &'e [Arg], f: &mut impl FnMut(&'e Expr)) {
    for arg in args {
        match arg {
            Arg::Value(e) => f(e),
            Arg::Lent(place) => place.steps.iter().filter_map(step_expr).for_each(&mut *f),
        }
    }
}

/// The indices and keys in a place.
pub fn indices(place: &Place) -> impl Iterator<Item = &Expr> {
    place.steps.iter().filter_map(step_expr)
}

/// The index or key of a step.
pub fn step_expr(step: &Step) -> Option<&Expr> {
    match &step.kind {
        StepKind::Field(_) => None,
        StepKind::Index(e) | StepKind::Key(e) => Some(e),
    }
}
