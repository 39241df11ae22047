//! Looks at a finished body again, for what does not concern types:
//!
//! 1. only mutable places are assigned or lent, and no captured variable is;
//! 2. the places that one call lends are disjoint;
//! 3. nothing that overlaps a place is used while a pattern lends a part of it, and in a guard such a part is only read;
//! 4. matches are exhaustive, no arm is out of reach, and `let`, `for` and lambdas take only what always matches;
//! 5. capabilities are parameters and nothing else.

use super::body::BodyCx;
use super::*;
use crate::hir::{
    Arg, Arm, Body, Expr, ExprKind, Lambda, LocalId, Pattern, PatternKind, Piece, Place, StepKind,
    Stmt,
};
use std::collections::BTreeSet;

/// A place whose part is lent by a pattern, as far as it can be compared.
pub(super) struct Lend {
    pub root: LocalId,
    pub path: Vec<u32>,
    pub span: Span,
}

pub(super) struct Verifier<'b, 'c, 'a> {
    pub cx: &'b BodyCx<'c, 'a>,
    pub body: &'b Body,
    pub out: Vec<Diagnostic>,
    pub lends: Vec<Lend>,
    /// Variables lent by a pattern that can only be read for now.
    pub only_read: Vec<LocalId>,
    /// What the lambdas that are open capture, the outermost first.
    pub captured: Vec<BTreeSet<LocalId>>,
    /// Variables whose immutability was reported.
    pub told: BTreeSet<LocalId>,
}

impl<'b, 'c, 'a> Verifier<'b, 'c, 'a> {
    pub(super) fn new(cx: &'b BodyCx<'c, 'a>, body: &'b Body) -> Self {
        Verifier {
            cx,
            body,
            out: Vec::new(),
            lends: Vec::new(),
            only_read: Vec::new(),
            captured: Vec::new(),
            told: BTreeSet::new(),
        }
    }

    pub(super) fn run(mut self) -> Vec<Diagnostic> {
        for (index, local) in self.body.locals.iter().enumerate() {
            if is_host(&local.ty) && !self.cx.locals[index].parameter {
                self.out.push(
                    Diagnostic::error("E0707", "a capability cannot be put into a variable")
                        .at(local.span, "this would be a second one")
                        .help("use the parameter itself"),
                );
            }
        }
        self.expr(&self.body.value);
        self.out
    }

    pub(super) fn name(&self, local: LocalId) -> &str {
        &self.body.locals[local.index()].name
    }

    // ---- walking

    fn exprs(&mut self, exprs: &[Expr]) {
        exprs.iter().for_each(|expr| self.expr(expr));
    }

    pub(super) fn expr(&mut self, expr: &Expr) {
        let passes_on = matches!(
            expr.kind,
            ExprKind::Block(..) | ExprKind::If { .. } | ExprKind::Match { .. }
        );
        if is_host(&expr.ty) && !passes_on {
            self.stray_capability(expr.span);
        }
        self.kind(expr);
    }

    fn stray_capability(&mut self, span: Span) {
        self.out.push(
            Diagnostic::error("E0707", "a capability is only passed on")
                .at(span, "not stored, returned or put into another value")
                .help("make it an argument of a function, or call its methods"),
        );
    }

    /// A capability is no type argument either, save inside the type of a function.
    fn type_args(&mut self, args: &[Ty], span: Span) {
        if args.iter().any(holds_host) {
            self.out.push(
                Diagnostic::error(
                    "E0707",
                    "a capability cannot be the type of a type parameter",
                )
                .at(
                    span,
                    "this would work with any value, and a capability is none",
                )
                .help("write the function for the capability itself"),
            );
        }
    }

    pub(super) fn kind(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Local(_) | ExprKind::Field(..) | ExprKind::Index(..) => self.path(expr),
            ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Bool(_)
            | ExprKind::Char(_)
            | ExprKind::Str(_)
            | ExprKind::Bytes(_)
            | ExprKind::Const(_)
            | ExprKind::VariantFn(..)
            | ExprKind::Break
            | ExprKind::Continue => {}
            ExprKind::FnValue(function) => self.type_args(&function.args, expr.span),
            ExprKind::TraitFnValue(method) => self.type_args(&method.args[1..], expr.span),
            ExprKind::Interpolate(pieces) => {
                for piece in pieces {
                    if let Piece::Value(value) = piece {
                        self.expr(value);
                    }
                }
            }
            ExprKind::Tuple(parts) | ExprKind::List(parts) => self.exprs(parts),
            ExprKind::Map(entries) => {
                for (key, value) in entries {
                    self.expr(key);
                    self.expr(value);
                }
            }
            ExprKind::Range {
                start: a, end: b, ..
            }
            | ExprKind::Slice(a, b)
            | ExprKind::Binary(_, a, b)
            | ExprKind::Or(a, b)
            | ExprKind::Coalesce(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::And(..) | ExprKind::Is { .. } => {
                // Outside of `if` and `while` what a pattern lends is lent to the rest of the condition only.
                let marks = (self.lends.len(), self.only_read.len());
                self.condition(expr, false);
                self.lends.truncate(marks.0);
                self.only_read.truncate(marks.1);
            }
            ExprKind::Build { base, fields, .. } => {
                if let Some(base) = base {
                    self.expr(base);
                }
                fields.iter().for_each(|(_, value)| self.expr(value));
            }
            ExprKind::Unary(_, inner) | ExprKind::Try(inner, _) | ExprKind::Return(inner) => {
                self.expr(inner)
            }
            ExprKind::Call(function, args) => {
                self.type_args(&function.args, expr.span);
                self.args(args);
            }
            ExprKind::CallTrait(method, args) => {
                self.type_args(&method.args[1..], expr.span);
                self.args(args);
            }
            ExprKind::CallValue(callee, args) => {
                self.expr(callee);
                self.args(args);
            }
            ExprKind::Lambda(lambda) => self.lambda(lambda, expr.span),
            ExprKind::Block(stmts, tail) => {
                stmts.iter().for_each(|stmt| self.stmt(stmt));
                if let Some(tail) = tail {
                    self.expr(tail);
                }
            }
            ExprKind::If {
                condition,
                then,
                otherwise,
            } => {
                let marks = (self.lends.len(), self.only_read.len());
                self.condition(condition, true);
                self.only_read.truncate(marks.1);
                self.expr(then);
                self.lends.truncate(marks.0);
                if let Some(otherwise) = otherwise {
                    self.expr(otherwise);
                }
            }
            ExprKind::While { condition, body } => {
                let marks = (self.lends.len(), self.only_read.len());
                self.condition(condition, true);
                self.only_read.truncate(marks.1);
                self.expr(body);
                self.lends.truncate(marks.0);
            }
            ExprKind::Match { value, place, arms } => {
                self.match_arms(value, place.as_deref(), arms, expr.span)
            }
            ExprKind::For {
                pattern,
                value,
                body,
                ..
            } => {
                self.expr(value);
                self.always(pattern, "`for`");
                self.expr(body);
            }
            ExprKind::Assign(place, value) => {
                self.place_indices(place);
                self.expr(value);
                self.changed(place, "assigned");
            }
            ExprKind::AssignOp(_, place, value) => {
                self.place_indices(place);
                self.expr(value);
                self.changed(place, "changed");
            }
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Let {
                pattern,
                value,
                otherwise,
            } => {
                self.expr(value);
                match otherwise {
                    Some(otherwise) => {
                        self.expr(otherwise);
                        self.parts_reached(pattern);
                    }
                    None => self.always(pattern, "`let`"),
                }
            }
            Stmt::Expr(value) => self.expr(value),
        }
    }

    fn args(&mut self, args: &[Arg]) {
        for arg in args {
            match arg {
                // A capability is lent for reading.
                Arg::Value(value) if is_host(&value.ty) => {
                    if !matches!(value.kind, ExprKind::Local(_)) {
                        self.stray_capability(value.span);
                    }
                    self.kind(value);
                }
                Arg::Value(value) => self.expr(value),
                Arg::Lent(place) => {
                    self.place_indices(place);
                    self.changed(place, "changed");
                }
            }
        }
        self.disjoint(args);
    }

    fn lambda(&mut self, lambda: &Lambda, span: Span) {
        for local in &lambda.captures {
            if is_host(&self.body.locals[local.index()].ty) {
                let name = self.name(*local).to_string();
                self.out.push(
                    Diagnostic::error(
                        "E0707",
                        format!("a lambda cannot capture the capability `{name}`"),
                    )
                    .at(span, format!("uses `{name}`"))
                    .also(
                        self.body.locals[local.index()].span,
                        "a parameter of the function around it",
                    )
                    .help("make it a parameter of the lambda, or write a loop"),
                );
            }
            self.used(*local, &[], span);
        }
        for param in &lambda.params {
            if let Some(pattern) = &param.pattern {
                self.always(pattern, "a lambda");
            }
        }
        self.captured
            .push(lambda.captures.iter().copied().collect());
        let lends = std::mem::take(&mut self.lends);
        self.expr(&lambda.body);
        self.lends = lends;
        self.captured.pop();
    }

    // ---- conditions and arms

    /// A condition: what its patterns lend stays lent until the caller ends it. Only those of `if` and `while` may lend.
    fn condition(&mut self, expr: &Expr, may_lend: bool) {
        match &expr.kind {
            ExprKind::And(left, right) => {
                self.condition(left, may_lend);
                self.condition(right, may_lend);
            }
            ExprKind::Is {
                value,
                place,
                pattern,
            } => {
                self.looked_at(value, place.as_deref());
                self.is_pattern(pattern, value);
                if let Some(place) = place {
                    if !may_lend {
                        let span = places::first_lent(pattern).unwrap_or(pattern.span);
                        self.out.push(
                            Diagnostic::error(
                                "E0501",
                                "`mut` after `is` lends only to the block of an `if` or `while`",
                            )
                            .at(span, "there is no block that could change it")
                            .help("write an `if`, or a `match`"),
                        );
                    }
                    self.lend(place, pattern);
                }
            }
            _ => self.expr(expr),
        }
    }

    /// The value that patterns are held against, as a value or as a place.
    fn looked_at(&mut self, value: &Expr, place: Option<&Place>) {
        match place {
            Some(place) => {
                self.place_indices(place);
                self.changed(place, "changed");
            }
            None => self.expr(value),
        }
    }

    fn lend(&mut self, place: &Place, pattern: &Pattern) {
        self.lends.push(Lend {
            root: place.root,
            path: place_path(place),
            span: pattern.span,
        });
        lent_names(pattern, &mut self.only_read);
    }

    fn match_arms(&mut self, value: &Expr, place: Option<&Place>, arms: &[Arm], span: Span) {
        self.looked_at(value, place);
        self.exhaustive(value, arms, span);
        for arm in arms {
            let marks = (self.lends.len(), self.only_read.len());
            let lends = places::first_lent(&arm.pattern).is_some();
            if let (true, Some(place)) = (lends, place) {
                self.lend(place, &arm.pattern);
            }
            if let Some(guard) = &arm.guard {
                self.condition(guard, false);
            }
            self.only_read.truncate(marks.1);
            self.expr(&arm.body);
            self.lends.truncate(marks.0);
        }
    }
}

/// Steps that can be compared: those before the first index.
pub(super) fn comparable(steps: impl Iterator<Item = Option<u32>>) -> Vec<u32> {
    steps.map_while(|step| step).collect()
}

pub(super) fn place_path(place: &Place) -> Vec<u32> {
    comparable(place.steps.iter().map(|step| match step.kind {
        StepKind::Field(index) => Some(index),
        _ => None,
    }))
}

/// Whether two paths from one variable may lead to the same: one begins with the other.
pub(super) fn overlap(a: &[u32], b: &[u32]) -> bool {
    a.iter().zip(b).all(|(x, y)| x == y)
}

pub(super) fn holds_host(ty: &Ty) -> bool {
    match ty {
        Ty::Host(_) => true,
        Ty::List(part) | Ty::Set(part) => holds_host(part),
        Ty::Map(key, value) => holds_host(key) || holds_host(value),
        Ty::Tuple(parts) | Ty::Adt(_, parts) => parts.iter().any(holds_host),
        _ => false,
    }
}

pub(super) fn is_host(ty: &Ty) -> bool {
    matches!(ty, Ty::Host(_))
}

pub(super) fn has_error(ty: &Ty) -> bool {
    infer::any_part(ty, &mut |part| *part == Ty::Error)
}

pub(super) fn has_error_inside(pattern: &Pattern) -> bool {
    has_error(&pattern.ty)
        || match &pattern.kind {
            PatternKind::Variant { fields, .. } => {
                fields.iter().any(|(_, part)| has_error_inside(part))
            }
            PatternKind::Tuple(parts) | PatternKind::Or(parts) => {
                parts.iter().any(has_error_inside)
            }
            PatternKind::List { before, after, .. } => {
                before.iter().chain(after).any(has_error_inside)
            }
            _ => false,
        }
}

fn lent_names(pattern: &Pattern, out: &mut Vec<LocalId>) {
    match &pattern.kind {
        PatternKind::Bind { local, lent: true } => out.push(*local),
        PatternKind::Variant { fields, .. } => {
            fields.iter().for_each(|(_, part)| lent_names(part, out))
        }
        PatternKind::Tuple(parts) | PatternKind::Or(parts) => {
            parts.iter().for_each(|part| lent_names(part, out))
        }
        PatternKind::List { before, after, .. } => {
            before
                .iter()
                .chain(after)
                .for_each(|part| lent_names(part, out));
        }
        _ => {}
    }
}
