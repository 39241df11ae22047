//! Looks at a finished body again, for what does not concern types:
//!
//! 1. only mutable places are assigned or lent, and no captured variable is;
//! 2. the places that one call lends are disjoint;
//! 3. nothing that overlaps a place is used while a pattern lends a part of it, and in a guard such a part is only read;
//! 4. matches are exhaustive, no arm is out of reach, and `let`, `for` and lambdas take only what always matches;
//! 5. capabilities are parameters and nothing else.

use super::body::BodyCx;
use super::exhaust::{Exhaust, TooHard};
use super::*;
use crate::hir::{
    Arg, Arm, Body, Expr, ExprKind, Lambda, LocalId, Pattern, PatternKind, Piece, Place, StepKind,
    Stmt,
};
use std::collections::BTreeSet;

/// A place whose part is lent by a pattern, as far as it can be compared.
struct Lend {
    root: LocalId,
    path: Vec<u32>,
    span: Span,
}

pub(super) struct Verifier<'b, 'c, 'a> {
    cx: &'b BodyCx<'c, 'a>,
    body: &'b Body,
    out: Vec<Diagnostic>,
    lends: Vec<Lend>,
    /// Variables lent by a pattern that can only be read for now.
    only_read: Vec<LocalId>,
    /// What the lambdas that are open capture, the outermost first.
    captured: Vec<BTreeSet<LocalId>>,
    /// Variables whose immutability was reported.
    told: BTreeSet<LocalId>,
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

    fn name(&self, local: LocalId) -> &str {
        &self.body.locals[local.index()].name
    }

    // ---- walking

    fn exprs(&mut self, exprs: &[Expr]) {
        exprs.iter().for_each(|expr| self.expr(expr));
    }

    fn expr(&mut self, expr: &Expr) {
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

    fn kind(&mut self, expr: &Expr) {
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
                self.match_arms(value, place.as_ref(), arms, expr.span)
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

    // ---- places

    /// A variable, or a path into one or into another value, that is read.
    fn path(&mut self, expr: &Expr) {
        let mut fields = Vec::new();
        let mut at = expr;
        loop {
            match &at.kind {
                ExprKind::Field(base, index) => {
                    fields.push(Some(*index));
                    at = base;
                }
                ExprKind::Index(base, index) => {
                    self.expr(index);
                    fields.push(None);
                    at = base;
                }
                ExprKind::Local(local) => {
                    let path = comparable(fields.into_iter().rev());
                    self.used(*local, &path, expr.span);
                    return;
                }
                _ => {
                    self.expr(at);
                    return;
                }
            }
        }
    }

    fn place_indices(&mut self, place: &Place) {
        for step in &place.steps {
            if let StepKind::Index(index) | StepKind::Key(index) = &step.kind {
                self.expr(index);
            }
        }
    }

    /// Sees to it that what is used is not lent by a pattern at the moment.
    fn used(&mut self, local: LocalId, path: &[u32], span: Span) {
        let clash = self
            .lends
            .iter()
            .find(|lend| lend.root == local && overlap(&lend.path, path));
        if let Some(lend) = clash {
            let lent = lend.span;
            let name = self.name(local).to_string();
            self.out.push(
                Diagnostic::error(
                    "E0506",
                    format!("`{name}` is used while a part of it is lent"),
                )
                .at(span, "used here")
                .also(
                    lent,
                    "the pattern lends a part of it until the end of the block",
                )
                .help("use the name that the pattern binds, or leave the block first"),
            );
        }
    }

    /// Sees to it that a place may be changed.
    fn changed(&mut self, place: &Place, how: &str) {
        let path = place_path(place);
        self.used(place.root, &path, place.span);
        let local = &self.body.locals[place.root.index()];
        let name = local.name.to_string();
        if self
            .captured
            .iter()
            .any(|captured| captured.contains(&place.root))
        {
            self.out.push(
                Diagnostic::error(
                    "E0507",
                    format!("a captured variable cannot be {how} in a lambda"),
                )
                .at(place.span, format!("the lambda has a copy of `{name}`"))
                .also(local.span, "bound outside of the lambda")
                .help("write a `for` loop, or let `fold` carry the value"),
            );
            return;
        }
        if self.only_read.contains(&place.root) {
            self.out.push(
                Diagnostic::error("E0506", format!("`{name}` can only be read in a guard"))
                    .at(place.span, format!("{how} here"))
                    .help("change it in the block or arm"),
            );
            return;
        }
        if local.mutable || !self.told.insert(place.root) {
            return;
        }
        let host = is_host(&local.ty);
        let variable = &self.cx.locals[place.root.index()];
        let part = if place.steps.is_empty() {
            ""
        } else {
            " in part"
        };
        let title = if variable.parameter {
            format!("`{name}` cannot be {how}{part}: it is taken without `mut`")
        } else {
            format!("`{name}` cannot be {how}{part}: it is a constant")
        };
        let mut message = Diagnostic::error("E0508", title).at(place.span, format!("{how} here"));
        if variable.parameter {
            message = message.also(local.span, "taken without `mut`");
            message = if &*name == "self" {
                message
                    .help("take it as `mut self`")
                    .edit(local.span, "mut self")
            } else if host {
                message
                    .help("ask for it with `mut`")
                    .edit(local.span.before(), "mut ")
            } else {
                message
                    .help(format!("bind a variable of your own: `let mut {name} = {name}`; or let the caller lend a place: `mut {name}`"))
            };
        } else {
            message = message.also(local.span, "bound here");
            message = match self.is_plain_let(local.span) {
                true => message
                    .help("make it a variable")
                    .edit(local.span.before(), "mut "),
                false => message.help(format!(
                    "bind a variable of your own: `let mut {name} = {name}`"
                )),
            };
        }
        self.out.push(message);
    }

    /// Whether a name stands right behind `let`, so that `mut` can be written before it.
    fn is_plain_let(&self, span: Span) -> bool {
        let text = &self.cx.cx.files.file(span.file).text[..span.start as usize];
        text.trim_end_matches([' ', '\t']).ends_with("let")
    }

    /// The places that one call lends must be disjoint.
    fn disjoint(&mut self, args: &[Arg]) {
        let places: Vec<(LocalId, Vec<u32>, Span)> = args
            .iter()
            .filter_map(|arg| match arg {
                Arg::Lent(place) => Some((place.root, place_path(place), place.span)),
                Arg::Value(Expr {
                    kind: ExprKind::Local(local),
                    ty,
                    span,
                }) if is_host(ty) => Some((*local, Vec::new(), *span)),
                Arg::Value(_) => None,
            })
            .collect();
        for (index, second) in places.iter().enumerate() {
            for first in &places[..index] {
                let both_read = !self.body.locals[first.0.index()].mutable
                    && is_host(&self.body.locals[first.0.index()].ty);
                if first.0 == second.0 && overlap(&first.1, &second.1) && !both_read {
                    let name = self.name(first.0).to_string();
                    let indexed = places.iter().any(|(_, path, _)| path.is_empty());
                    let mut message = Diagnostic::error("E0509", format!("one call lends `{name}` twice"))
                        .at(second.2, "lent again")
                        .also(first.2, "lent here")
                        .note("the places that a call lends must part at different fields before the first index");
                    if !indexed || first.2 != second.2 {
                        message = message.help("change one after the other; two elements are exchanged by `swap(i, j)`");
                    }
                    self.out.push(message);
                    return;
                }
            }
        }
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
                self.looked_at(value, place.as_ref());
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

    fn too_hard(&mut self, span: Span) {
        self.out.push(
            Diagnostic::error("E0908", "not yet: patterns as intricate as these")
                .at(
                    span,
                    "whether they cover everything takes too long to find out",
                )
                .help("take the value apart in two steps"),
        );
    }

    fn exhaustive(&mut self, value: &Expr, arms: &[Arm], span: Span) {
        let unsure = has_error(&value.ty) || arms.iter().any(|arm| has_error_inside(&arm.pattern));
        if unsure || value.ty == Ty::Never {
            return;
        }
        let mut question = Exhaust::new(self.cx.cx);
        let mut before: Vec<&Pattern> = Vec::new();
        for arm in arms {
            let alternatives: Vec<&Pattern> = match &arm.pattern.kind {
                PatternKind::Or(parts) => parts.iter().collect(),
                _ => vec![&arm.pattern],
            };
            let known = before.len();
            let mut reached = false;
            for alternative in &alternatives {
                // With a guard the alternatives are not held against each other.
                let rows = if arm.guard.is_some() {
                    &before[..known]
                } else {
                    &before[..]
                };
                match question.reached(rows, alternative, &value.ty) {
                    Err(TooHard) => return self.too_hard(span),
                    Ok(true) => reached = true,
                    Ok(false) if alternatives.len() > 1 => self.out.push(
                        Diagnostic::error("E0608", "this alternative can never match")
                            .at(alternative.span, "what is before it takes everything")
                            .help("remove it"),
                    ),
                    Ok(false) => {}
                }
                if arm.guard.is_none() {
                    before.push(alternative);
                }
            }
            if !reached && alternatives.len() == 1 {
                self.out.push(
                    Diagnostic::error("E0608", "this arm can never match")
                        .at(arm.pattern.span, "the arms before it take everything")
                        .help("remove it, or move it up"),
                );
            }
        }
        match question.missing(&before, &value.ty) {
            Err(TooHard) => self.too_hard(span),
            Ok(None) => {}
            // An arm may have been lost to a syntax error.
            Ok(Some(_)) if !self.cx.cx.complete(self.cx.module) => {}
            Ok(Some(example)) => {
                let guarded = arms.iter().any(|arm| arm.guard.is_some());
                let mut message =
                    Diagnostic::error("E0609", format!("this `match` leaves out `{example}`"))
                        .at(value.span, "not every value has an arm");
                if guarded {
                    message =
                        message.note("an arm with a guard does not count: the guard may fail");
                }
                let last = arms.last().map(|arm| arm.body.span);
                let line = |span: Span| self.cx.cx.files.line_column(span).line;
                if let Some(last) = last
                    && line(last) == line(value.span)
                {
                    message = message
                        .help("add an arm for it, or `_` for all that is left")
                        .edit(last.after(), format!(", {example} => todo()"));
                } else if let Some(last) = last {
                    let indent = self.indent_of(arms[arms.len() - 1].pattern.span);
                    message = message
                        .help("add an arm for it, or `_` for all that is left")
                        .edit(last.after(), format!("\n{indent}{example} => todo()"));
                }
                self.out.push(message);
            }
        }
    }

    /// The blanks before a place in its line.
    fn indent_of(&self, span: Span) -> String {
        let text = &self.cx.cx.files.file(span.file).text[..span.start as usize];
        let line = text.rsplit('\n').next().unwrap_or("");
        line.chars().take_while(char::is_ascii_whitespace).collect()
    }

    /// `value is pattern`: a warning if it always or never matches.
    fn is_pattern(&mut self, pattern: &Pattern, value: &Expr) {
        self.parts_reached(pattern);
        if has_error(&value.ty) || has_error_inside(pattern) {
            return;
        }
        if let Ok(None) = Exhaust::new(self.cx.cx).missing(&[pattern], &value.ty) {
            self.out.push(
                Diagnostic::warning("W0601", "this pattern always matches")
                    .at(pattern.span, "so `is` is always `true`")
                    .help("bind it with `let`"),
            );
        }
    }

    /// Alternatives of one pattern that can never match.
    fn parts_reached(&mut self, pattern: &Pattern) {
        let PatternKind::Or(parts) = &pattern.kind else {
            return;
        };
        if has_error_inside(pattern) {
            return;
        }
        for (index, part) in parts.iter().enumerate() {
            let before: Vec<&Pattern> = parts[..index].iter().collect();
            if let Ok(false) = Exhaust::new(self.cx.cx).reached(&before, part, &pattern.ty) {
                self.out.push(
                    Diagnostic::error("E0608", "this alternative can never match")
                        .at(part.span, "what is before it takes everything")
                        .help("remove it"),
                );
            }
        }
    }

    /// A pattern where only one that always matches may stand.
    fn always(&mut self, pattern: &Pattern, what: &str) {
        if has_error_inside(pattern) {
            return;
        }
        match Exhaust::new(self.cx.cx).missing(&[pattern], &pattern.ty) {
            Err(TooHard) => self.too_hard(pattern.span),
            Ok(None) => self.parts_reached(pattern),
            Ok(Some(example)) => {
                let help = match what {
                    "`let`" => "say what happens otherwise: `let … = … else { … }`, or use `match`",
                    "`for`" => "bind a name, and look at it with `is` or `match` in the loop",
                    _ => "bind a name, and look at it with `match`",
                };
                self.out.push(
                    Diagnostic::error("E0610", format!("this pattern leaves out `{example}`"))
                        .at(
                            pattern.span,
                            format!("{what} takes only patterns that always match"),
                        )
                        .help(help),
                );
            }
        }
    }
}

/// Steps that can be compared: those before the first index.
fn comparable(steps: impl Iterator<Item = Option<u32>>) -> Vec<u32> {
    steps.map_while(|step| step).collect()
}

fn place_path(place: &Place) -> Vec<u32> {
    comparable(place.steps.iter().map(|step| match step.kind {
        StepKind::Field(index) => Some(index),
        _ => None,
    }))
}

/// Whether two paths from one variable may lead to the same: one begins with the other.
fn overlap(a: &[u32], b: &[u32]) -> bool {
    a.iter().zip(b).all(|(x, y)| x == y)
}

fn holds_host(ty: &Ty) -> bool {
    match ty {
        Ty::Host(_) => true,
        Ty::List(part) | Ty::Set(part) => holds_host(part),
        Ty::Map(key, value) => holds_host(key) || holds_host(value),
        Ty::Tuple(parts) | Ty::Adt(_, parts) => parts.iter().any(holds_host),
        _ => false,
    }
}

fn is_host(ty: &Ty) -> bool {
    matches!(ty, Ty::Host(_))
}

fn has_error(ty: &Ty) -> bool {
    infer::any_part(ty, &mut |part| *part == Ty::Error)
}

fn has_error_inside(pattern: &Pattern) -> bool {
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
