//! Expressions that are neither calls nor operators.

use super::body::{BodyCx, Want, Why};
use super::infer::Open;
use super::path::Base;
use super::traits::Asker;
use super::*;
use crate::ast::{Expr, ExprKind as Ast, Name, StringPart};
use crate::hir::{Builtin, ExprKind, Piece, Try};

impl<'a> BodyCx<'_, 'a> {
    /// Checks an expression.
    pub(super) fn expr(&mut self, expr: &'a Expr, want: Want) -> hir::Expr {
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

    fn leaf(&mut self, expr: &'a Expr, hint: Option<&Ty>) -> hir::Expr {
        let span = expr.span;
        let simple = |kind, ty| hir::Expr { kind, ty, span };
        match &expr.kind {
            Ast::Int(value) => simple(ExprKind::Int(*value), Ty::Int),
            Ast::Float(value) => simple(ExprKind::Float(value.to_bits()), Ty::Float),
            Ast::Char(value) => simple(ExprKind::Char(*value), Ty::Char),
            Ast::Bool(value) => simple(ExprKind::Bool(*value), Ty::Bool),
            Ast::Bytes(value) => simple(ExprKind::Bytes(Rc::from(&**value)), Ty::Bytes),
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

    fn string(&mut self, parts: &'a [StringPart], span: Span) -> hir::Expr {
        let kind = match parts {
            [] => ExprKind::Str(rc("")),
            [StringPart::Text(text)] => ExprKind::Str(rc(text)),
            _ => {
                let mut pieces = Vec::new();
                for part in parts {
                    pieces.push(match part {
                        StringPart::Text(text) => Piece::Text(rc(text)),
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
                self.named.insert(name.text.clone(), name.span);
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
                let ty = self.cx.program.consts[id.index()].ty.clone();
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
                .chain(self.cx.core.values.keys().map(|name| &**name));
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
        } else if let Some(near) = near {
            message = message
                .help(format!("there is {}", names::a(&near)))
                .edit(name.span, near);
        } else if matches!(&*name.text, "json" | "web" | "html" | "test" | "kv") {
            message = message.help(format!(
                "a module is imported: `import {0} from \"std/{0}\"`",
                name.text
            ));
        } else if matches!(&*name.text, "null" | "nil" | "none" | "undefined") {
            message = message
                .help("a missing value is `None`")
                .edit(name.span, "None");
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

    fn tuple(&mut self, parts: &'a [Expr], span: Span, hint: Option<&Ty>) -> hir::Expr {
        let hints = match hint.map(|hint| self.shallow(hint)) {
            Some(Ty::Tuple(hints)) if hints.len() == parts.len() => Some(hints),
            _ => None,
        };
        let mut values = Vec::new();
        let mut types = Vec::new();
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

    fn list(&mut self, items: &'a [Expr], span: Span, hint: Option<&Ty>) -> hir::Expr {
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

    fn map(&mut self, entries: &'a [(Expr, Expr)], span: Span, hint: Option<&Ty>) -> hir::Expr {
        let (key, value) = match hint.map(|hint| self.shallow(hint)) {
            Some(Ty::Map(key, value)) => ((*key).clone(), (*value).clone()),
            _ => (self.fresh(span, Open::Map), self.fresh(span, Open::Map)),
        };
        let mut out = Vec::new();
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

    fn range(&mut self, start: &'a Expr, end: &'a Expr, inclusive: bool, span: Span) -> hir::Expr {
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

    /// `base.name` that is not called.
    fn field(
        &mut self,
        expr: &'a Expr,
        base: &'a Expr,
        name: &'a Name,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        if name.is_upper() {
            return self.upper_path(expr, hint);
        }
        match self.path_base(base) {
            Base::Module(None) => finish::nothing(Ty::Error, expr.span),
            Base::Module(Some(target)) => match self.cx.module_value(target, name) {
                Some(item) => {
                    let mut value = self.value_item(item, name, hint);
                    value.span = expr.span;
                    value
                }
                None => finish::nothing(Ty::Error, expr.span),
            },
            Base::Type(ty) => self.associated_value(&ty, base.span, name, expr.span, hint),
            Base::Trait(id) => self.trait_value(id, name, expr.span, hint),
            Base::Broken => finish::nothing(Ty::Error, expr.span),
            Base::Value => {
                let base = self.expr(base, Want::Any);
                self.field_of(base, name, expr.span)
            }
        }
    }

    pub(super) fn field_of(&mut self, base: hir::Expr, name: &Name, span: Span) -> hir::Expr {
        let ty = self.shape(&base.ty);
        match &ty {
            Ty::Adt(id, args) if self.cx.program.adts[id.index()].is_struct => {
                let adt = &self.cx.program.adts[id.index()];
                let fields = adt
                    .variants
                    .first()
                    .map_or(&[][..], |variant| &variant.fields);
                let found = fields.iter().position(|field| *field.name == *name.text);
                if let Some(index) = found {
                    let field_ty = fields[index].ty.substitute(args);
                    self.reach(*id, name.span, "reach its fields");
                    return hir::Expr {
                        kind: ExprKind::Field(Box::new(base), index as u32),
                        ty: field_ty,
                        span,
                    };
                }
            }
            Ty::Range => {
                let index = match &*name.text {
                    "start" => Some(0),
                    "end" => Some(1),
                    _ => None,
                };
                if let Some(index) = index {
                    return hir::Expr {
                        kind: ExprKind::Field(Box::new(base), index),
                        ty: Ty::Int,
                        span,
                    };
                }
            }
            Ty::Error | Ty::Never => return finish::nothing(Ty::Error, span),
            Ty::Infer(_) => {
                self.unknown_shape(base.span, &format!("reach `{}`", name.text));
                return finish::nothing(Ty::Error, span);
            }
            _ => {}
        }
        self.no_field(&ty, name);
        finish::nothing(Ty::Error, span)
    }

    fn no_field(&mut self, ty: &Ty, name: &Name) {
        let shown = self.shown(ty);
        let fields = self.field_names(ty);
        let methods = self.method_names(ty);
        let mut message =
            Diagnostic::error("E0321", format!("`{shown}` has no field `{}`", name.text))
                .at(name.span, "not found");
        if methods.iter().any(|method| *method == *name.text) {
            message.title = format!("the method `{}` is not called", name.text);
            message = message.help("call it").edit(name.span.after(), "()");
        } else if let Some(near) = suggest::nearest(&name.text, fields.iter().map(String::as_str)) {
            message = message
                .help(format!("there is a field `{near}`"))
                .edit(name.span, near);
        } else if matches!(&*name.text, "length" | "size" | "count")
            && methods.iter().any(|m| m == "len")
        {
            message = message
                .help("its length is `len()`")
                .edit(name.span, "len()");
        } else if let Some(near) = suggest::nearest(&name.text, methods.iter().map(String::as_str))
        {
            message = message
                .help(format!("there is a method `{near}`"))
                .edit(name.span, format!("{near}()"));
        } else if self.cx.as_option(ty).is_some() {
            message = message.help(
                "this may be `None`: take the value out first, with `?`, `??` or `is Some(x)`",
            );
        } else if !fields.is_empty() {
            let names: Vec<&str> = fields.iter().map(String::as_str).collect();
            message = message.help(names::fields(&names));
        }
        self.report(message);
    }

    pub(super) fn field_names(&self, ty: &Ty) -> Vec<String> {
        match ty {
            Ty::Adt(id, _) if self.cx.program.adts[id.index()].is_struct => self.cx.program.adts
                [id.index()]
            .variants
            .iter()
            .flat_map(|variant| &variant.fields)
            .map(|field| field.name.to_string())
            .collect(),
            Ty::Range => vec!["start".to_string(), "end".to_string()],
            _ => Vec::new(),
        }
    }

    /// Refuses to look into an opaque type from another file.
    pub(super) fn reach(&mut self, id: AdtId, span: Span, to: &str) {
        let module = self.cx.program.adts[id.index()].module as usize;
        if self.cx.adts[id.index()].opaque && module != self.module {
            let adt = &self.cx.program.adts[id.index()];
            let (name, declared) = (adt.name.clone(), adt.span);
            let mut message = Diagnostic::error("E0712", format!("`{name}` is opaque"))
                .at(span, format!("only its own file can {to}"));
            if !self.cx.is_std(module) {
                message = message.also(declared, "declared `opaque`");
            }
            self.report(message.help("use its methods"));
        }
    }

    fn tuple_field(
        &mut self,
        base: &'a Expr,
        index: u32,
        index_span: Span,
        span: Span,
    ) -> hir::Expr {
        let base = self.expr(base, Want::Any);
        let ty = self.shape(&base.ty);
        match &ty {
            Ty::Tuple(parts) if (index as usize) < parts.len() => {
                let part = parts[index as usize].clone();
                hir::Expr {
                    kind: ExprKind::Field(Box::new(base), index),
                    ty: part,
                    span,
                }
            }
            Ty::Error | Ty::Never => finish::nothing(Ty::Error, span),
            Ty::Infer(_) => {
                self.unknown_shape(base.span, &format!("take its part `{index}`"));
                finish::nothing(Ty::Error, span)
            }
            _ => {
                let shown = self.shown(&ty);
                let mut message =
                    Diagnostic::error("E0322", format!("`{shown}` has no part `{index}`"))
                        .at(index_span, "not found");
                message = match &ty {
                    Ty::Tuple(parts) if !parts.is_empty() => {
                        message.help(format!("its parts are `0` to `{}`", parts.len() - 1))
                    }
                    Ty::List(_) => message.help(format!("an element is `[{index}]`")),
                    _ => message.note("only tuples have numbered parts"),
                };
                self.report(message);
                finish::nothing(Ty::Error, span)
            }
        }
    }

    fn index(&mut self, base: &'a Expr, index: &'a Expr, span: Span) -> hir::Expr {
        let base = self.expr(base, Want::Any);
        let ty = self.shape(&base.ty);
        match &ty {
            Ty::List(element) => self.index_or_slice(base, index, span, (**element).clone(), &ty),
            Ty::Bytes => self.index_or_slice(base, index, span, Ty::Int, &ty),
            Ty::String => {
                let index = self.expr(index, Want::Any);
                let index_ty = self.shape(&index.ty);
                if !matches!(index_ty, Ty::Range | Ty::Error | Ty::Never) {
                    self.report(
                        Diagnostic::error("E0410", "a `String` has no elements")
                            .at(span, "bytes or characters?")
                            .help("write `text.bytes()[i]` for bytes, `text.chars()[i]` for characters, `text[a..b]` for a part"),
                    );
                    return finish::nothing(Ty::Error, span);
                }
                hir::Expr {
                    kind: ExprKind::Slice(Box::new(base), Box::new(index)),
                    ty: Ty::String,
                    span,
                }
            }
            Ty::Map(key, value) => {
                let why = Why::Needs("the index of this map");
                let index = self.expr(index, Want::Must(key, &why));
                hir::Expr {
                    kind: ExprKind::Index(Box::new(base), Box::new(index)),
                    ty: (**value).clone(),
                    span,
                }
            }
            Ty::Error | Ty::Never => {
                self.expr(index, Want::Any);
                finish::nothing(Ty::Error, span)
            }
            Ty::Infer(_) => {
                self.unknown_shape(base.span, "index it");
                self.expr(index, Want::Any);
                finish::nothing(Ty::Error, span)
            }
            _ => {
                self.expr(index, Want::Any);
                let shown = self.shown(&ty);
                let mut message =
                    Diagnostic::error("E0410", format!("`{shown}` cannot be indexed"))
                        .at(base.span, names::a(&shown))
                        .note("lists, maps and bytes can");
                if let Ty::Tuple(_) = ty {
                    message = message.help("the parts of a tuple are `.0`, `.1`, …");
                }
                self.report(message);
                finish::nothing(Ty::Error, span)
            }
        }
    }

    fn index_or_slice(
        &mut self,
        base: hir::Expr,
        index: &'a Expr,
        span: Span,
        element: Ty,
        whole: &Ty,
    ) -> hir::Expr {
        let index = self.expr(index, Want::Any);
        if self.shape(&index.ty) == Ty::Range {
            return hir::Expr {
                kind: ExprKind::Slice(Box::new(base), Box::new(index)),
                ty: whole.clone(),
                span,
            };
        }
        let index = self.coerce(index, &Ty::Int, &Why::Needs("an index"));
        hir::Expr {
            kind: ExprKind::Index(Box::new(base), Box::new(index)),
            ty: element,
            span,
        }
    }

    /// `value is pattern`; its names stay bound in the scope at hand.
    pub(super) fn is(
        &mut self,
        value: &'a Expr,
        pattern: &'a ast::Pattern,
        span: Span,
    ) -> hir::Expr {
        let value = self.expr(value, Want::Any);
        let ty = value.ty.clone();
        let pattern = self.pattern(pattern, &ty, pattern::Binding::Match);
        let place = self.lent_place(std::iter::once(&pattern), &value);
        hir::Expr {
            kind: ExprKind::Is {
                value: Box::new(value),
                place,
                pattern,
            },
            ty: Ty::Bool,
            span,
        }
    }

    /// `e?`.
    fn try_expr(&mut self, inner: &'a Expr, span: Span) -> hir::Expr {
        let value = self.expr(inner, Want::Any);
        let ty = self.shape(&value.ty);
        let question = Span {
            start: span.end - 1,
            ..span
        };
        let Some(frame) = self.frames.last() else {
            self.report(
                Diagnostic::error("E0405", "`?` stands outside of a function")
                    .at(question, "a constant cannot return an error")
                    .help("write `.expect(\"why\")`"),
            );
            return finish::nothing(Ty::Error, span);
        };
        let (ret, why) = (frame.ret.clone(), frame.why.clone());
        let ret_shape = self.shallow(&ret);
        let built = |kind, ty| hir::Expr {
            kind: ExprKind::Try(Box::new(value.clone()), kind),
            ty,
            span,
        };
        if let Some(inner) = self.cx.as_option(&ty) {
            match &ret_shape {
                Ty::Infer(_) => {
                    let payload = self.fresh(span, Open::Other);
                    let option = self.cx.option_of(payload);
                    self.table.unify(&ret_shape, &option);
                }
                Ty::Error => {}
                other if self.cx.as_option(other).is_some() => {}
                other => {
                    let shown = self.shown(other);
                    let mut message = Diagnostic::error(
                        "E0411",
                        "`?` on an option needs a function that gives an option",
                    )
                    .at(
                        question,
                        format!("would return `None`, but the result is `{shown}`"),
                    );
                    self.explain(&mut message, &why);
                    message = if self.cx.as_result(other).is_some() {
                        message
                            .help("say which error it is: `.ok_or(error)?`")
                            .edit(question, ".ok_or(…)?")
                    } else {
                        message.help("give a value instead (`… ?? other`), leave with `let Some(x) = … else { … }`, or make the result an option")
                    };
                    self.report(message);
                }
            }
            return built(Try::Option, inner);
        }
        if let Some((good, error)) = self.cx.as_result(&ty) {
            return self.try_result(value, good, error, &ret_shape, &why, span);
        }
        match &ty {
            Ty::Error | Ty::Never => return finish::nothing(Ty::Error, span),
            Ty::Infer(_) => self.unknown_shape(inner.span, "apply `?`"),
            _ => {
                let shown = self.shown(&ty);
                self.report(
                    Diagnostic::error(
                        "E0411",
                        format!("`?` takes an option or a result, not `{shown}`"),
                    )
                    .at(inner.span, names::a(&shown))
                    .help("remove the `?`")
                    .edit(question, ""),
                );
            }
        }
        finish::nothing(Ty::Error, span)
    }

    fn try_result(
        &mut self,
        value: hir::Expr,
        good: Ty,
        error: Ty,
        ret: &Ty,
        why: &Why,
        span: Span,
    ) -> hir::Expr {
        let question = Span {
            start: span.end - 1,
            ..span
        };
        let mut kind = Try::Result;
        if let Ty::Infer(_) = ret {
            let payload = self.fresh(span, Open::Other);
            let result = self.cx.result_of(payload, error.clone());
            self.table.unify(ret, &result);
        } else if let Some((_, wanted)) = self.cx.as_result(ret) {
            let wanted_shape = self.shape(&wanted);
            let is_error =
                matches!(&wanted_shape, Ty::Adt(id, _) if Some(*id) == self.cx.known.error);
            let error_shape = self.shape(&error);
            let same =
                matches!((&error_shape, &wanted_shape), (Ty::Adt(a, _), Ty::Adt(b, _)) if a == b);
            if is_error && !same && !matches!(error_shape, Ty::Infer(_) | Ty::Error) {
                self.demand_builtin(&error, Builtin::Show, question, Asker::Try);
                kind = Try::ResultToError;
            } else if !self.table.try_unify(&error, &wanted) {
                let (have, want) = (self.shown(&error), self.shown(&wanted));
                let mut message = Diagnostic::error(
                    "E0412",
                    format!("`?` would return a `{have}` where errors are `{want}`"),
                )
                .at(question, format!("an error of type `{have}`"));
                self.explain(&mut message, why);
                self.report(message.help("turn one into the other with `.map_err(|error| …)?`, or make the function's error `Error`"));
            }
        } else if *ret != Ty::Error {
            let shown = self.shown(ret);
            let mut message = Diagnostic::error(
                "E0411",
                "`?` on a result needs a function that gives a result",
            )
            .at(
                question,
                format!("would return an error, but the result is `{shown}`"),
            );
            self.explain(&mut message, why);
            message = if self.cx.as_option(ret).is_some() {
                message
                    .help("drop the error with `.ok()?`")
                    .edit(question.before(), ".ok()")
            } else if ret.is_unit() {
                message.help("declare the result `-> Result[(), Error]` and end with `Ok(())`, or write `.expect(\"why\")`")
            } else {
                message.help(
                    "declare a result, handle the error with `match`, or write `.expect(\"why\")`",
                )
            };
            self.report(message);
        }
        hir::Expr {
            kind: ExprKind::Try(Box::new(value), kind),
            ty: good,
            span,
        }
    }
}
