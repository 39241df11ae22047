//! Expressions that are neither calls nor operators.

use super::body::{BodyCx, Want, Why};
use super::infer::Open;
use super::traits::Asker;
use super::*;
use crate::ast::{Expr, ExprKind as Ast, Name, StringPart};
use crate::hir::{Builtin, ExprKind, Piece};

impl BodyCx<'_, '_> {
    /// Checks an expression.
    pub(super) fn expr(&mut self, expr: &Expr, want: Want) -> hir::Expr {
        match &expr.kind {
            Ast::Paren(inner) => self.expr(inner, want),
            Ast::Block(block) => self.block(block, want),
            Ast::If(branches) => self.if_expr(branches, expr.span, want),
            Ast::Match { value, arms } => self.match_expr(value, arms, expr.span, want),
            _ => {
                let mut value = self.leaf(expr, want.hint());
                if self.table.too_large(&value.ty) {
                    self.report(
                        Diagnostic::error("E0415", "the type of this is too large")
                            .at(expr.span, "written out, it has thousands of parts"),
                    );
                    value.ty = Ty::Error;
                }
                self.fit(value, want)
            }
        }
    }

    fn leaf(&mut self, expr: &Expr, hint: Option<&Ty>) -> hir::Expr {
        let span = expr.span;
        let simple = |kind, ty| hir::Expr { kind, ty, span };
        match &expr.kind {
            Ast::Int(value) => simple(ExprKind::Int(*value), Ty::Int),
            Ast::Float(value) => simple(ExprKind::Float(value.to_bits()), Ty::Float),
            Ast::Char(value) => simple(ExprKind::Char(*value), Ty::Char),
            Ast::Bool(value) => simple(ExprKind::Bool(*value), Ty::Bool),
            Ast::Bytes(value) => simple(ExprKind::Bytes(value.clone()), Ty::Bytes),
            Ast::Unit => finish::nothing(Ty::unit(), span),
            Ast::String(parts) => self.string(parts, span),
            Ast::Name(name) => self.name(name, hint),
            Ast::Upper(name) => self.upper(name, hint),
            Ast::SelfValue => self.self_value(span),
            Ast::SelfType => self.self_type_value(span),
            Ast::Tuple(parts) => self.tuple(parts, span, hint),
            Ast::List(items) => self.list(items, span, hint),
            Ast::Map(entries) => self.map(entries, span, hint),
            Ast::Field { base, name } => self.field(expr, base, name, hint),
            Ast::TupleField {
                base,
                index,
                index_span,
            } => self.tuple_field(base, *index, *index_span, span),
            Ast::Call {
                callee,
                arguments,
                arguments_span,
            } => self.call(expr, callee, arguments, *arguments_span, hint),
            Ast::Index { base, index } => self.index(base, index, span),
            Ast::Try(value) => self.try_expr(value, span),
            Ast::Unary { op, operand } => self.unary(*op, operand, span, hint),
            Ast::Binary {
                op,
                op_span,
                left,
                right,
            } => self.binary(*op, *op_span, left, right, span, hint),
            Ast::Range {
                start,
                end,
                inclusive,
            } => self.range(start, end, *inclusive, span),
            Ast::Is { value, pattern } => {
                let mark = self.open_scope();
                let found = self.is(value, pattern, span);
                self.close_is_scope(mark);
                found
            }
            Ast::Lambda { parameters, body } => self.lambda(parameters, body, span, hint),
            Ast::Error => finish::nothing(Ty::Error, span),
            // Handled by `expr`, which alone calls this.
            Ast::Paren(_) | Ast::Block(_) | Ast::If(_) | Ast::Match { .. } => {
                finish::nothing(Ty::Error, span)
            }
        }
    }

    fn string(&mut self, parts: &[StringPart], span: Span) -> hir::Expr {
        let kind = match parts {
            [] => ExprKind::Str(rc("")),
            [StringPart::Text(text)] => ExprKind::Str(text.clone()),
            _ => {
                let mut pieces = Vec::with_capacity(parts.len());
                for part in parts {
                    pieces.push(match part {
                        StringPart::Text(text) => Piece::Text(text.clone()),
                        StringPart::Expr(inner) => {
                            let value = self.expr(inner, Want::Any);
                            let ty = value.ty.clone();
                            self.demand_builtin(&ty, Builtin::Show, inner.span, Asker::Hole);
                            Piece::Value(value)
                        }
                    });
                }
                ExprKind::Interpolate(pieces)
            }
        };
        hir::Expr {
            kind,
            ty: Ty::String,
            span,
        }
    }

    fn name(&mut self, name: &Name, hint: Option<&Ty>) -> hir::Expr {
        if let Some(local) = self.find_local(&name.text) {
            if self.cx.scopes[self.module].values.contains_key(&name.text) {
                self.hiding.insert(name.text.clone(), name.span);
            }
            return self.use_local(local, name.span);
        }
        match self.cx.find_value(self.module, &name.text) {
            Some(item) => {
                self.named.push((name.text.clone(), name.span));
                self.value_item(item, name, hint)
            }
            None => {
                self.unknown_name(name);
                finish::nothing(Ty::Error, name.span)
            }
        }
    }

    /// A function, constant or module of a file as a value.
    pub(super) fn value_item(
        &mut self,
        item: ValueItem,
        name: &Name,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        let span = name.span;
        match item {
            ValueItem::Fn(id) => self.function_value(id, span, hint),
            ValueItem::Const(id) => {
                self.cx.check_const(id, span);
                let declared = self.cx.program.consts[id.index()].span;
                self.cx.warn_deprecated(declared, span, self.module);
                let ty = self.cx.consts[id.index()].ty.clone();
                hir::Expr {
                    kind: ExprKind::Const(id),
                    ty,
                    span,
                }
            }
            ValueItem::Module(target) => {
                if target.is_some() {
                    self.report(
                        Diagnostic::error(
                            "E0319",
                            format!("`{}` is a module, not a value", name.text),
                        )
                        .at(span, "")
                        .help(format!("name something in it: `{}.…`", name.text)),
                    );
                }
                finish::nothing(Ty::Error, span)
            }
            ValueItem::Broken => finish::nothing(Ty::Error, span),
        }
    }

    /// Says that a name in small letters stands for nothing.
    pub(super) fn unknown_name(&mut self, name: &Name) {
        if !self.cx.complete(self.module) && !self.ended.contains_key(&name.text) {
            return;
        }
        if let Some(bound) = self.ended.get(&name.text).copied() {
            self.report(
                Diagnostic::error("E0320", format!("`{}` does not hold here", name.text))
                    .at(name.span, "used where the pattern need not have matched")
                    .also(bound, "bound by a pattern here")
                    .note("a name bound by `is` holds in what follows by `&&`, and in the block or arm that the condition guards"),
            );
            return;
        }
        if &*name.text == "self" {
            self.report(
                Diagnostic::error("E0311", "there is no `self` here")
                    .at(name.span, "this function takes no `self`"),
            );
            return;
        }
        let near = {
            let scope = &self.cx.scopes[self.module];
            let known = self
                .local_names()
                .chain(scope.values.keys().map(|name| &**name))
                .chain(self.cx.given(self.module).values.keys().map(|name| &**name));
            suggest::nearest(&name.text, known).map(str::to_string)
        };
        let mut message = Diagnostic::error("E0301", format!("nothing is called `{}`", name.text))
            .at(name.span, "not known here");
        let as_member = match &self.scope.self_ty {
            Some(Ty::Adt(id, _)) => {
                let adt = &self.cx.program.adts[id.index()];
                let field = adt.is_struct
                    && adt
                        .variants
                        .iter()
                        .flat_map(|v| &v.fields)
                        .any(|field| *field.name == *name.text);
                let method = self
                    .cx
                    .methods
                    .get(&Head::Adt(*id))
                    .is_some_and(|m| m.contains_key(&name.text));
                field || method
            }
            _ => false,
        };
        if as_member && self.find_local("self").is_some() {
            message = message
                .help("a member is reached through `self`")
                .edit(name.span.before(), "self.");
        } else if let Some(path) = self.cx.offered_by(self.module, &name.text) {
            message = message.help(format!(
                "`{path}` has one: `import {{ {} }} from \"{path}\"`",
                name.text
            ));
        } else if let Some(known) = elsewhere::name(&name.text) {
            message = message.help(known.help);
            if let Some(instead) = known.instead {
                message = message.edit(name.span, instead);
            }
        } else if let Some(near) = near {
            message = message
                .help(format!("there is {}", names::a(&near)))
                .edit(name.span, near);
        } else if matches!(&*name.text, "json" | "web" | "html" | "test" | "kv") {
            let line = format!("import {0} from \"std/{0}\"", name.text);
            message = message.help("a module is imported");
            if let Some(first) = self.cx.loaded[self.module].ast.items.first() {
                message = message.edit(first.span.before(), line + "\n");
            }
        }
        self.report(message);
    }

    fn self_value(&mut self, span: Span) -> hir::Expr {
        match self.find_local("self") {
            Some(local) => self.use_local(local, span),
            None => {
                self.report(
                    Diagnostic::error("E0311", "there is no `self` here")
                        .at(span, "this function takes no `self`")
                        .help("make `self` its first parameter, if it stands in a type"),
                );
                finish::nothing(Ty::Error, span)
            }
        }
    }

    fn tuple(&mut self, parts: &[Expr], span: Span, hint: Option<&Ty>) -> hir::Expr {
        let hints = match hint.map(|hint| self.shallow(hint)) {
            Some(Ty::Tuple(hints)) if hints.len() == parts.len() => Some(hints),
            _ => None,
        };
        let mut values = Vec::with_capacity(parts.len());
        let mut types = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            let want = hints
                .as_ref()
                .map_or(Want::Any, |hints| Want::Hint(&hints[index]));
            let value = self.expr(part, want);
            types.push(if self.leaves(&value) {
                // What does not come back fits whatever is wanted here.
                let ty = match &hints {
                    Some(hints) => hints[index].clone(),
                    None => self.fresh(part.span, Open::Other),
                };
                self.table.mark_never(&ty);
                ty
            } else {
                value.ty.clone()
            });
            values.push(value);
        }
        let ty = Ty::Tuple(types.into());
        hir::Expr {
            kind: ExprKind::Tuple(values),
            ty,
            span,
        }
    }

    fn list(&mut self, items: &[Expr], span: Span, hint: Option<&Ty>) -> hir::Expr {
        let element = match hint.map(|hint| self.shallow(hint)) {
            Some(Ty::List(element)) => (*element).clone(),
            _ => self.fresh(span, Open::List),
        };
        let why = Why::Elements(items.first().map_or(span, |first| first.span));
        let values = items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                let given = matches!(hint, Some(hint) if matches!(self.shallow(hint), Ty::List(_)));
                if index == 0 && !given {
                    let value = self.expr(item, Want::Hint(&element));
                    return self.coerce(value, &element, &why);
                }
                self.expr(item, Want::Must(&element, &why))
            })
            .collect();
        hir::Expr {
            kind: ExprKind::List(values),
            ty: Ty::List(Rc::new(element)),
            span,
        }
    }

    fn map(&mut self, entries: &[(Expr, Expr)], span: Span, hint: Option<&Ty>) -> hir::Expr {
        let (key, value) = match hint.map(|hint| self.shallow(hint)) {
            Some(Ty::Map(key, value)) => ((*key).clone(), (*value).clone()),
            _ => (self.fresh(span, Open::Map), self.fresh(span, Open::Map)),
        };
        let mut out = Vec::with_capacity(entries.len());
        let first = entries
            .first()
            .map_or((span, span), |(key, value)| (key.span, value.span));
        for (k, v) in entries {
            let k = self.expr(k, Want::Must(&key, &Why::Elements(first.0)));
            let v = self.expr(v, Want::Must(&value, &Why::Elements(first.1)));
            out.push((k, v));
        }
        self.demand_builtin(&key, Builtin::Hash, first.0, Asker::Key);
        let ty = Ty::Map(Rc::new(key), Rc::new(value));
        hir::Expr {
            kind: ExprKind::Map(out),
            ty,
            span,
        }
    }

    fn range(&mut self, start: &Expr, end: &Expr, inclusive: bool, span: Span) -> hir::Expr {
        let why = Why::Needs("a range");
        let start = self.expr(start, Want::Must(&Ty::Int, &why));
        let end = self.expr(end, Want::Must(&Ty::Int, &why));
        let kind = ExprKind::Range {
            start: Box::new(start),
            end: Box::new(end),
            inclusive,
        };
        hir::Expr {
            kind,
            ty: Ty::Range,
            span,
        }
    }
}
