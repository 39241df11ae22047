//! Which places may be changed, which are lent at the moment, and whether those that a call lends are disjoint.

use super::verify::*;
use super::*;
use crate::hir::{Arg, Expr, ExprKind, LocalId, Place, StepKind};

impl<'b, 'c, 'a> Verifier<'b, 'c, 'a> {
    /// A variable, or a path into one or into another value, that is read.
    pub(super) fn path(&mut self, expr: &Expr) {
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

    pub(super) fn place_indices(&mut self, place: &Place) {
        for step in &place.steps {
            if let StepKind::Index(index) | StepKind::Key(index) = &step.kind {
                self.expr(index);
            }
        }
    }

    /// Sees to it that what is used is not lent by a pattern at the moment.
    pub(super) fn used(&mut self, local: LocalId, path: &[u32], span: Span) {
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
    pub(super) fn changed(&mut self, place: &Place, how: &str) {
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
    pub(super) fn is_plain_let(&self, span: Span) -> bool {
        let text = &self.cx.cx.files.file(span.file).text[..span.start as usize];
        text.trim_end_matches([' ', '\t']).ends_with("let")
    }

    /// The places that one call lends must be disjoint.
    pub(super) fn disjoint(&mut self, args: &[Arg]) {
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
}
