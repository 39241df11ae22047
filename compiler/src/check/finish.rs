//! A body is done: variables get their types, what stayed open is reported, and the typed tree is made.

use super::body::BodyCx;
use super::infer::{Open, has_infer};
use super::*;
use crate::hir::{
    Arg, Body, Expr, ExprKind, FnRef, Local, Pattern, PatternKind, Piece, Place, StepKind, Stmt,
    TraitFnRef, Walk,
};
use std::collections::BTreeSet;

/// An expression that does nothing, of a type.
pub(super) fn nothing(ty: Ty, span: Span) -> Expr {
    Expr {
        kind: ExprKind::Tuple(Vec::new()),
        ty,
        span,
    }
}

impl BodyCx<'_, '_> {
    /// Ends the body. `errors` is how many messages there were when it began.
    pub(super) fn finish(
        &mut self,
        mut value: Expr,
        errors: usize,
        params: usize,
        free: bool,
    ) -> Body {
        self.settle();
        let clean = |cx: &Self| {
            !cx.cx.diagnostics[errors..]
                .iter()
                .any(|m| m.severity == crate::diagnostic::Severity::Error)
        };
        let mut closer = Closer {
            cx: self,
            open: BTreeSet::new(),
            told: false,
        };
        closer.expr(&mut value);
        let mut locals = Vec::with_capacity(closer.cx.locals.len());
        for index in 0..closer.cx.locals.len() {
            let ty = closer.cx.locals[index].ty.clone();
            let span = closer.cx.locals[index].span;
            let ty = closer.closed(&ty, span);
            let local = &closer.cx.locals[index];
            locals.push(Local {
                name: local.name.clone(),
                ty,
                mutable: local.mutable,
                span,
            });
        }
        let open = std::mem::take(&mut closer.open);
        if clean(self) {
            self.report_open(&open);
        }
        let body = Body { locals, value };
        if clean(self) {
            self.unused_locals(params, free);
        }
        if !self.cx.waits(self.module) {
            let verified = verify::Verifier::new(self, &body).run();
            for message in verified {
                self.report(message);
            }
        }
        body
    }

    fn report_open(&mut self, open: &BTreeSet<u32>) {
        let mut seen: BTreeSet<Span> = BTreeSet::new();
        for id in open {
            let (span, what) = {
                let variable = &self.table.variables[*id as usize];
                (variable.span, variable.open.clone())
            };
            if !seen.insert(span) {
                continue;
            }
            let what = match what {
                Open::OfFunction(id, index) => {
                    let function = &self.cx.program.fns[id.index()];
                    let what = rc(impls::last_part(&function.name));
                    Open::Parameter(what, function.generics[index as usize].name.clone())
                }
                what => what,
            };
            let message = match what {
                Open::List => Diagnostic::error("E0414", "nothing says what this list holds")
                    .at(span, "elements of what type?")
                    .help("write the type where it is bound: `let xs: List[Int] = []`"),
                Open::Map => Diagnostic::error("E0414", "nothing says what this map holds")
                    .at(span, "keys and values of what types?")
                    .help("write the type where it is bound: `let m: Map[String, Int] = [:]`"),
                Open::Parameter(what, param) => {
                    let help = match &*what {
                        "None" => {
                            "write the type where it is bound: `let x: Int? = None`".to_string()
                        }
                        "Ok" | "Err" => {
                            "write the type where it is bound: `let r: Result[Int, String] = …`"
                                .to_string()
                        }
                        _ => "write the type where its result is bound: `let x: Type = …`"
                            .to_string(),
                    };
                    Diagnostic::error(
                        "E0414",
                        format!("nothing says what `{param}` of `{what}` is"),
                    )
                    .at(span, format!("`{param}` is open"))
                    .help(help)
                }
                Open::Lambda(name) => {
                    Diagnostic::error("E0414", format!("nothing says what type `{name}` has"))
                        .at(span, "a parameter of this lambda")
                        .help(format!("write it: `|{name}: Type| …`"))
                }
                Open::Other | Open::OfFunction(..) => {
                    Diagnostic::error("E0414", "nothing says what type this has")
                        .at(span, "")
                        .help("write the type where it is bound: `let x: Type = …`")
                }
            };
            self.report(message);
        }
    }
}

/// Walks a finished body and replaces variables.
struct Closer<'b, 'c, 'a> {
    cx: &'b mut BodyCx<'c, 'a>,
    open: BTreeSet<u32>,
    /// Whether a type that is too large was reported.
    told: bool,
}

impl Closer<'_, '_, '_> {
    fn closed(&mut self, ty: &Ty, span: Span) -> Ty {
        if !has_infer(ty) {
            return ty.clone();
        }
        if self.cx.table.too_large(ty) {
            // It may have grown after the expression was looked at. Once is enough.
            if !std::mem::replace(&mut self.told, true) {
                self.cx.report(
                    Diagnostic::error("E0415", "the type of this is too large")
                        .at(span, "written out, it has thousands of parts"),
                );
            }
            return Ty::Error;
        }
        self.close(ty)
    }

    /// The type with variables replaced by what they stand for. Those that stayed open are noted.
    fn close(&mut self, ty: &Ty) -> Ty {
        match ty {
            Ty::Infer(_) => {
                let found = self.cx.table.shallow(ty);
                let Ty::Infer(id) = &found else {
                    return self.close(&found);
                };
                if self.cx.table.only_never(*id) {
                    return Ty::Never;
                }
                self.open.insert(*id);
                Ty::Error
            }
            Ty::List(part) => Ty::List(Rc::new(self.close(part))),
            Ty::Set(part) => Ty::Set(Rc::new(self.close(part))),
            Ty::Map(key, value) => Ty::Map(Rc::new(self.close(key)), Rc::new(self.close(value))),
            Ty::Tuple(parts) => Ty::Tuple(parts.iter().map(|part| self.close(part)).collect()),
            Ty::Adt(id, parts) => Ty::Adt(*id, parts.iter().map(|part| self.close(part)).collect()),
            Ty::Fn(f) => Ty::Fn(Rc::new(hir::FnTy {
                params: f
                    .params
                    .iter()
                    .map(|p| hir::FnTyParam {
                        mutable: p.mutable,
                        ty: self.close(&p.ty),
                    })
                    .collect(),
                ret: self.close(&f.ret),
            })),
            _ => ty.clone(),
        }
    }

    fn ty(&mut self, ty: &mut Ty, span: Span) {
        if has_infer(ty) {
            *ty = self.closed(ty, span);
        }
    }

    fn function(&mut self, function: &mut FnRef, span: Span) {
        self.cx.cx.reach_fn(function.id);
        function.args.iter_mut().for_each(|arg| self.ty(arg, span));
    }

    fn method(&mut self, method: &mut TraitFnRef, span: Span) {
        self.cx.cx.reach_trait(method.of);
        method.args.iter_mut().for_each(|arg| self.ty(arg, span));
    }

    fn expr(&mut self, expr: &mut Expr) {
        let span = expr.span;
        self.ty(&mut expr.ty, span);
        self.kind(&mut expr.kind, span);
    }

    fn exprs(&mut self, exprs: &mut [Expr]) {
        exprs.iter_mut().for_each(|expr| self.expr(expr));
    }

    fn args(&mut self, args: &mut [Arg]) {
        for arg in args {
            match arg {
                Arg::Value(value) => self.expr(value),
                Arg::Lent(place) => self.place(place),
            }
        }
    }

    fn kind(&mut self, kind: &mut ExprKind, span: Span) {
        match kind {
            ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Bool(_)
            | ExprKind::Char(_)
            | ExprKind::Str(_)
            | ExprKind::Bytes(_)
            | ExprKind::Local(_)
            | ExprKind::VariantFn(..)
            | ExprKind::Break
            | ExprKind::Continue => {}
            ExprKind::Const(id) => self.cx.cx.reach_const(*id),
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
            | ExprKind::Index(a, b)
            | ExprKind::Slice(a, b)
            | ExprKind::Binary(_, a, b)
            | ExprKind::And(a, b)
            | ExprKind::Or(a, b)
            | ExprKind::Coalesce(a, b)
            | ExprKind::While {
                condition: a,
                body: b,
            } => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Build { base, fields, .. } => {
                if let Some(base) = base {
                    self.expr(base);
                }
                fields.iter_mut().for_each(|(_, value)| self.expr(value));
            }
            ExprKind::Field(inner, _)
            | ExprKind::Unary(_, inner)
            | ExprKind::Try(inner, _)
            | ExprKind::Return(inner) => {
                self.expr(inner);
            }
            ExprKind::Is {
                value,
                place,
                pattern,
            } => {
                self.expr(value);
                if let Some(place) = place {
                    self.place(place);
                }
                self.pattern(pattern);
            }
            ExprKind::Call(function, args) => {
                self.function(function, span);
                self.args(args);
            }
            ExprKind::CallTrait(method, args) => {
                self.method(method, span);
                self.args(args);
            }
            ExprKind::CallValue(callee, args) => {
                self.expr(callee);
                self.args(args);
            }
            ExprKind::FnValue(function) => self.function(function, span),
            ExprKind::TraitFnValue(method) => self.method(method, span),
            ExprKind::Lambda(lambda) => {
                self.ty(&mut lambda.ret, span);
                for param in &mut lambda.params {
                    if let Some(pattern) = &mut param.pattern {
                        self.pattern(pattern);
                    }
                }
                self.expr(&mut lambda.body);
            }
            ExprKind::Block(stmts, tail) => self.block(stmts, tail),
            ExprKind::If {
                condition,
                then,
                otherwise,
            } => {
                self.expr(condition);
                self.expr(then);
                if let Some(otherwise) = otherwise {
                    self.expr(otherwise);
                }
            }
            ExprKind::Match { value, place, arms } => {
                self.expr(value);
                if let Some(place) = place {
                    self.place(place);
                }
                for arm in arms {
                    self.pattern(&mut arm.pattern);
                    if let Some(guard) = &mut arm.guard {
                        self.expr(guard);
                    }
                    self.expr(&mut arm.body);
                }
            }
            ExprKind::For {
                pattern,
                value,
                how,
                body,
            } => {
                self.pattern(pattern);
                self.expr(value);
                if let Walk::Iterator(next) = how {
                    self.method(next, span);
                }
                self.expr(body);
            }
            ExprKind::Assign(place, value) | ExprKind::AssignOp(_, place, value) => {
                self.place(place);
                self.expr(value);
            }
        }
    }

    fn block(&mut self, stmts: &mut [Stmt], tail: &mut Option<Box<Expr>>) {
        for stmt in stmts {
            match stmt {
                Stmt::Let {
                    pattern,
                    value,
                    otherwise,
                } => {
                    self.pattern(pattern);
                    self.expr(value);
                    if let Some(otherwise) = otherwise {
                        self.expr(otherwise);
                    }
                }
                Stmt::Expr(value) => self.expr(value),
            }
        }
        if let Some(tail) = tail {
            self.expr(tail);
        }
    }

    fn place(&mut self, place: &mut Place) {
        let span = place.span;
        self.ty(&mut place.ty, span);
        for step in &mut place.steps {
            self.ty(&mut step.ty, span);
            match &mut step.kind {
                StepKind::Index(index) | StepKind::Key(index) => self.expr(index),
                StepKind::Field(_) => {}
            }
        }
    }

    fn pattern(&mut self, pattern: &mut Pattern) {
        let span = pattern.span;
        self.ty(&mut pattern.ty, span);
        match &mut pattern.kind {
            PatternKind::Variant { fields, .. } => {
                fields.iter_mut().for_each(|(_, part)| self.pattern(part))
            }
            PatternKind::Tuple(parts) | PatternKind::Or(parts) => {
                parts.iter_mut().for_each(|part| self.pattern(part))
            }
            PatternKind::List { before, after, .. } => before
                .iter_mut()
                .chain(after)
                .for_each(|part| self.pattern(part)),
            _ => {}
        }
    }
}
