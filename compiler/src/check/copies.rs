//! Copies that are seen without running: a value is copied when it is changed while something else holds it. Where that
//! is the call itself that changes it, or the way a list is walked, there is a warning.

use super::verify::is_host;
use super::*;
use crate::hir::{Arg, Body, Expr, ExprKind, LocalId, Pattern, PatternKind, Place, StepKind, Stmt};
use crate::visit::visit_all;

/// Warns of the copies in the body of a function that are seen.
pub(super) fn copies(cx: &Checker<'_>, body: &Body, function: FnId) -> Vec<Diagnostic> {
    let mut copies = Copies {
        cx,
        body,
        rests: Vec::new(),
        calls_itself: false,
        out: Vec::new(),
    };
    visit_all(&body.value, &mut |expr| copies.look(expr, function));
    if copies.calls_itself {
        for rest in std::mem::take(&mut copies.rests) {
            let local = &body.locals[rest.index()];
            copies.out.push(
                Diagnostic::warning(
                    "W0502",
                    format!("`..{}` copies a list in each call", local.name),
                )
                .at(
                    local.span,
                    "the rest is a list of its own, and the function calls itself",
                )
                .help("hand on the list with the index that comes next, or walk it with `for`"),
            );
        }
    }
    copies.out
}

struct Copies<'c, 'a> {
    cx: &'c Checker<'a>,
    body: &'c Body,
    /// Names of `..rest`.
    rests: Vec<LocalId>,
    calls_itself: bool,
    out: Vec<Diagnostic>,
}

impl Copies<'_, '_> {
    fn look(&mut self, expr: &Expr, function: FnId) {
        match &expr.kind {
            ExprKind::Call(called, args) => {
                self.calls_itself |= called.id == function;
                self.call(args);
            }
            ExprKind::CallTrait(_, args) | ExprKind::CallValue(_, args) => self.call(args),
            ExprKind::Is { pattern, .. } | ExprKind::For { pattern, .. } => self.pattern(pattern),
            ExprKind::Match { arms, .. } => arms.iter().for_each(|arm| self.pattern(&arm.pattern)),
            ExprKind::Block(stmts, _) => {
                for stmt in stmts {
                    if let Stmt::Let { pattern, .. } = stmt {
                        self.pattern(pattern);
                    }
                }
            }
            _ => {}
        }
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match &pattern.kind {
            PatternKind::Variant { fields, .. } => {
                fields.iter().for_each(|(_, part)| self.pattern(part));
            }
            PatternKind::Tuple(parts) => parts.iter().for_each(|part| self.pattern(part)),
            // All alternatives bind the same names.
            PatternKind::Or(parts) => parts.iter().take(1).for_each(|part| self.pattern(part)),
            PatternKind::List {
                before,
                rest,
                after,
            } => {
                before
                    .iter()
                    .chain(after)
                    .for_each(|part| self.pattern(part));
                self.rests.extend(rest.iter().flatten());
            }
            _ => {}
        }
    }

    fn call(&mut self, args: &[Arg]) {
        for arg in args {
            let Arg::Lent(place) = arg else { continue };
            if is_host(&place.ty) || !self.is_counted(&place.ty, &mut Vec::new()) {
                continue;
            }
            let holder = args.iter().find_map(|arg| match arg {
                Arg::Value(value) => self.holder(value, place),
                Arg::Lent(_) => None,
            });
            let Some((span, is_lambda)) = holder else {
                continue;
            };
            let text = self.cx.files.text(place.span).to_string();
            let root = &self.body.locals[place.root.index()].name;
            let message =
                Diagnostic::warning("W0501", format!("`{text}` is copied before it is changed"))
                    .also(place.span, "changed by this call");
            self.out.push(if is_lambda {
                message
                    .at(span, format!("this lambda holds `{root}` meanwhile"))
                    .help(format!(
                        "bind what the lambda needs of `{root}` before the call"
                    ))
            } else {
                message.at(span, "this argument holds it meanwhile").help(
                    "if it may be large, do it in two steps, so that only one of them holds it",
                )
            });
        }
    }

    /// What of an argument holds a place while the call goes on, and whether that is a lambda.
    fn holder(&self, value: &Expr, place: &Place) -> Option<(Span, bool)> {
        let mut parts: Vec<&Expr> = Vec::new();
        match &value.kind {
            ExprKind::Local(_) | ExprKind::Field(..) => {
                return holds(value, place).then_some((value.span, false));
            }
            ExprKind::Lambda(lambda) => {
                let held = lambda.captures.contains(&place.root);
                return held.then_some((value.span, true));
            }
            ExprKind::Tuple(list) | ExprKind::List(list) => parts.extend(list),
            ExprKind::Map(entries) => {
                parts.extend(entries.iter().flat_map(|(key, value)| [key, value]));
            }
            ExprKind::Build { fields, .. } => parts.extend(fields.iter().map(|(_, value)| value)),
            _ => {}
        }
        parts.into_iter().find_map(|part| self.holder(part, place))
    }

    /// Whether values of a type lie in cells that are counted, so that changing a shared one copies it.
    fn is_counted(&self, ty: &Ty, inside: &mut Vec<AdtId>) -> bool {
        match ty {
            Ty::String | Ty::Bytes | Ty::List(_) | Ty::Map(..) | Ty::Set(_) | Ty::Param(_) => true,
            Ty::Tuple(parts) => parts.iter().any(|part| self.is_counted(part, inside)),
            Ty::Adt(id, args) => {
                if inside.contains(id) {
                    return true;
                }
                inside.push(*id);
                let variants = &self.cx.program.adts[id.index()].variants;
                let mut fields = variants.iter().flat_map(|variant| &variant.fields);
                let counted =
                    fields.any(|field| self.is_counted(&field.ty.substitute(args), inside));
                inside.pop();
                counted
            }
            _ => false,
        }
    }
}

/// Whether a variable or a field of one is the place, or contains it.
fn holds(value: &Expr, place: &Place) -> bool {
    let mut fields = Vec::new();
    let mut at = value;
    while let ExprKind::Field(base, field) = &at.kind {
        fields.push(*field);
        at = base;
    }
    let ExprKind::Local(root) = at.kind else {
        return false;
    };
    fields.reverse();
    root == place.root
        && fields.len() <= place.steps.len()
        && fields
            .iter()
            .zip(&place.steps)
            .all(|(field, step)| matches!(step.kind, StepKind::Field(other) if other == *field))
}
