//! One body at a time: its variables, its scopes, and what surrounds the expression at hand.

use super::infer::{Open, Table};
use super::traits::Obligation;
use super::*;
use crate::ast::{Block, Expr};
use crate::hir::{Generic, LocalId};
use std::collections::BTreeMap;

/// How many constants without a type may wait for one another.
const MAX_CONST_CHAIN: usize = 50;

/// What is wanted of an expression.
#[derive(Clone, Copy)]
pub(super) enum Want<'w> {
    /// Nothing.
    Any,
    /// This type is likely.
    Hint(&'w Ty),
    /// It must have this type, and this is why.
    Must(&'w Ty, &'w Why),
    /// It stands as a statement: it must be `()` or `Never`.
    Drop,
}

impl<'w> Want<'w> {
    pub(super) fn hint(self) -> Option<&'w Ty> {
        match self {
            Want::Hint(ty) | Want::Must(ty, _) => Some(ty),
            Want::Any | Want::Drop => None,
        }
    }
}

/// What is called, for messages.
#[derive(Clone, Debug)]
pub(super) enum Called {
    Function(FnId),
    /// As it is written.
    Text(Rc<str>),
}

/// Why a type is wanted.
#[derive(Clone, Debug)]
pub(super) enum Why {
    /// A type was written there.
    Annotation(Span),
    /// The result of a function, written there.
    Return(Span),
    /// A function without a result, with this signature.
    NoResult(Span),
    /// The result of a lambda.
    Lambda,
    /// The parameter of something called, declared there.
    Argument(Called, Rc<str>, Option<Span>),
    /// A field of something built, declared there.
    Field(Rc<str>, Rc<str>, Span),
    /// The other operand of an operator.
    Operand(&'static str, Span),
    /// What an operator or a statement takes.
    Needs(&'static str),
    /// The elements before it.
    Elements(Span),
    /// The branches or arms before it.
    Branches(Span),
    /// The place it is put into.
    Place(Span),
}

/// A variable.
pub(super) struct Variable {
    pub name: Rc<str>,
    pub ty: Ty,
    pub mutable: bool,
    pub span: Span,
    pub used: bool,
    pub parameter: bool,
    /// How many functions and lambdas were open when it was bound.
    pub depth: usize,
}

/// A name that stands for a variable.
struct Binding {
    name: Rc<str>,
    local: LocalId,
    /// What it stood for before.
    hidden: Option<LocalId>,
}

/// A function or lambda that is open.
pub(super) struct Frame {
    pub ret: Ty,
    pub why: Why,
    pub captures: Vec<LocalId>,
    /// The loops that are open, and whether each has a `break`.
    pub loops: Vec<bool>,
}

/// What is known while a body is checked.
pub(super) struct BodyCx<'c, 'a> {
    pub cx: &'c mut Checker<'a>,
    pub module: usize,
    pub generics: Rc<[Generic]>,
    pub scope: Rc<TypeScope>,
    pub table: Table,
    pub pending: Vec<Obligation>,
    pub locals: Vec<Variable>,
    /// The innermost variable of each name.
    names: FxHashMap<Rc<str>, LocalId>,
    /// Names that are bound, the innermost last.
    bound: Vec<Binding>,
    pub frames: Vec<Frame>,
    /// Variables that were used and hide an item of the file, and items that were used, by name: a warning if both.
    pub hiding: BTreeMap<Rc<str>, Span>,
    pub named: Vec<(Rc<str>, Span)>,
    /// Names that `is` had bound where they no longer hold, by the place of the binding.
    pub ended: FxHashMap<Rc<str>, Span>,
    /// Types of which it was said that they cannot be keys.
    pub no_keys: Vec<Ty>,
}

impl<'c, 'a> BodyCx<'c, 'a> {
    pub(super) fn new(
        cx: &'c mut Checker<'a>,
        scope: Rc<TypeScope>,
        generics: Rc<[Generic]>,
    ) -> Self {
        BodyCx {
            module: scope.module,
            cx,
            generics,
            scope,
            table: Table::default(),
            pending: Vec::new(),
            locals: Vec::new(),
            names: FxHashMap::default(),
            bound: Vec::new(),
            frames: Vec::new(),
            hiding: BTreeMap::new(),
            named: Vec::new(),
            ended: FxHashMap::default(),
            no_keys: Vec::new(),
        }
    }

    /// Without a body: only to look at types.
    pub(super) fn bare(cx: &'c mut Checker<'a>, module: usize, generics: Rc<[Generic]>) -> Self {
        let scope = Rc::new(TypeScope {
            module,
            params: Vec::new(),
            self_ty: None,
        });
        BodyCx::new(cx, scope, generics)
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.cx.report(diagnostic);
    }

    /// A type as it is written, for messages.
    pub(super) fn shown(&self, ty: &Ty) -> String {
        self.cx.show(&self.table.deep(ty), &self.generics)
    }

    pub(super) fn fresh(&mut self, span: Span, open: Open) -> Ty {
        self.table.fresh(span, open)
    }

    pub(super) fn shallow(&self, ty: &Ty) -> Ty {
        self.table.shallow(ty)
    }

    /// The outer shape of a type, after everything that could tell it was asked.
    pub(super) fn shape(&mut self, ty: &Ty) -> Ty {
        let found = self.table.shallow(ty);
        if matches!(found, Ty::Infer(_)) && !self.pending.is_empty() {
            self.settle();
            return self.table.shallow(ty);
        }
        found
    }

    /// Resolves a type that was written in the body.
    pub(super) fn written_type(&mut self, ty: &ast::Type, spot: types::Spot) -> Ty {
        let scope = self.scope.clone();
        let resolved = self.cx.resolve(ty, &scope, spot);
        self.well_formed(&resolved, ty.span);
        for used in std::mem::take(&mut self.cx.alias_uses) {
            self.alias_bounds(&used);
        }
        resolved
    }

    // ---- variables

    pub(super) fn open_scope(&self) -> usize {
        self.bound.len()
    }

    pub(super) fn close_scope(&mut self, mark: usize) {
        for binding in self.bound.drain(mark..).rev() {
            match binding.hidden {
                Some(outer) => self.names.insert(binding.name, outer),
                None => self.names.remove(&binding.name),
            };
        }
    }

    /// Closes the scope of names bound by `is`, and remembers them for the message when they are used later.
    pub(super) fn close_is_scope(&mut self, mark: usize) {
        for index in mark..self.bound.len() {
            let name = self.bound[index].name.clone();
            if let Some(local) = self.names.get(&name) {
                let span = self.locals[local.index()].span;
                self.ended.insert(name, span);
            }
        }
        self.close_scope(mark);
    }

    pub(super) fn new_local(
        &mut self,
        name: Rc<str>,
        ty: Ty,
        mutable: bool,
        span: Span,
    ) -> LocalId {
        let id = LocalId(self.locals.len() as u32);
        let depth = self.frames.len();
        self.locals.push(Variable {
            name,
            ty,
            mutable,
            span,
            used: false,
            parameter: false,
            depth,
        });
        id
    }

    /// Makes a name stand for a variable from here on.
    pub(super) fn bind(&mut self, name: &Rc<str>, local: LocalId) {
        let hidden = self.names.insert(name.clone(), local);
        self.bound.push(Binding {
            name: name.clone(),
            local,
            hidden,
        });
    }

    pub(super) fn find_local(&self, name: &str) -> Option<LocalId> {
        self.names.get(name).copied()
    }

    /// How many names are bound at the moment.
    pub(super) fn bound_count(&self) -> usize {
        self.bound.len()
    }

    /// The names bound since there were `from` of them, and where.
    pub(super) fn bound_since(&self, from: usize) -> Vec<(Rc<str>, Span)> {
        let bound = self.bound[from..].iter();
        let places = bound.map(|one| (one.name.clone(), self.locals[one.local.index()].span));
        places.collect()
    }

    /// The names of all variables that can be seen.
    pub(super) fn local_names(&self) -> impl Iterator<Item = &str> {
        self.bound.iter().map(|binding| &*binding.name)
    }

    /// Reads a variable: it is used, and captured by the lambdas in between.
    pub(super) fn use_local(&mut self, id: LocalId, span: Span) -> hir::Expr {
        self.locals[id.index()].used = true;
        let depth = self.locals[id.index()].depth;
        for frame in &mut self.frames[depth..] {
            if !frame.captures.contains(&id) {
                frame.captures.push(id);
            }
        }
        let ty = self.locals[id.index()].ty.clone();
        hir::Expr {
            kind: hir::ExprKind::Local(id),
            ty,
            span,
        }
    }

    pub(super) fn frame(&mut self) -> Option<&mut Frame> {
        self.frames.last_mut()
    }
}

impl<'a> Checker<'a> {
    /// Checks every body.
    pub(super) fn bodies(&mut self) {
        self.values();
        for index in 0..self.fns.len() {
            let module = self.program.fns[index].module as usize;
            if self.fns[index].owner != Owner::Default && !self.waits(module) {
                self.check_function(FnId(index as u32));
            }
        }
        if !self.has_errors() {
            self.reached_bodies();
        }
        self.place_defaults();
    }

    /// Checks constants, save those of the library that nobody names, and defaults.
    pub(super) fn values(&mut self) {
        self.bodies.resize(self.fns.len(), None);
        for index in 0..self.consts.len() {
            let (decl, module) = (self.consts[index].decl, self.consts[index].module);
            if let Some(ty) = &decl.ty {
                let scope = TypeScope {
                    module,
                    params: Vec::new(),
                    self_ty: None,
                };
                let resolved = self.resolve(ty, &scope, types::Spot::Plain);
                self.written(&resolved, ty.span, &Rc::from([]));
                self.consts[index].ty = resolved;
            }
        }
        self.check_written();
        for index in 0..self.fns.len() {
            if self.fns[index].owner == Owner::Default {
                self.check_function(FnId(index as u32));
            }
        }
        for index in 0..self.consts.len() {
            if !self.waits(self.consts[index].module) {
                let span = self.consts[index].decl.name.span;
                self.check_const(ConstId(index as u32), span);
            }
        }
    }

    /// Puts the checked defaults into the fields they belong to.
    pub(super) fn place_defaults(&mut self) {
        for index in 0..self.adts.len() {
            for (field, default) in self.adts[index].defaults.clone().into_iter().enumerate() {
                if let Some(default) = default
                    && let Some(body) = &self.bodies[default.index()]
                    && let Some(variant) = self.program.adts[index].variants.first_mut()
                {
                    variant.fields[field].default = Some(body.clone());
                }
            }
        }
    }

    /// Checks a body, unless that was done.
    pub(super) fn check_once(&mut self, id: FnId) {
        if !self.fns[id.index()].checked {
            self.check_function(id);
        }
    }

    pub(super) fn check_function(&mut self, id: FnId) {
        self.fns[id.index()].checked = true;
        if self.has_enough() {
            return;
        }
        let info = &self.fns[id.index()];
        let source = info.source;
        let scope = info.scope.clone();
        let info_module = scope.module;
        let why = match (&info.owner, info.result) {
            (Owner::Default, Some(span)) => Why::Annotation(span),
            (_, Some(span)) => Why::Return(span),
            (_, None) => Why::NoResult(info.signature),
        };
        if let Source::Nothing = source {
            return;
        }
        let spans = info.parameters.clone();
        let function = &self.program.fns[id.index()];
        let generics: Rc<[Generic]> = function.generics.clone().into();
        let params = function.params.clone();
        let ret = function.ret.clone();
        let entry =
            info_module == 0 && matches!(&*self.program.fns[id.index()].name, "main" | "handle");
        let free = matches!(self.fns[id.index()].owner, Owner::File | Owner::Type(_)) && !entry;
        let errors = self.diagnostics.len();
        let mut cx = BodyCx::new(self, scope, generics);
        cx.frames.push(Frame {
            ret: ret.clone(),
            why: why.clone(),
            captures: Vec::new(),
            loops: Vec::new(),
        });
        for (param, span) in params.iter().zip(spans) {
            let (name, ty) = (param.name.clone(), param.ty.clone());
            let local = cx.new_local(name, ty, param.mutable, span.name);
            cx.locals[local.index()].parameter = true;
            cx.bind(&param.name, local);
        }
        for local in &mut cx.locals {
            local.depth = 1;
        }
        let value = match source {
            Source::Block(span) => {
                let text = &cx.cx.files.file(span.file).text;
                let Some(block) = cx.cx.loaded[info_module].body(text, span) else {
                    // The whole file says what is wrong with it.
                    self.errors += 1;
                    return;
                };
                cx.function_block(&block, &ret, &why)
            }
            Source::Expr(expr) => cx.expr(expr, Want::Must(&ret, &why)),
            Source::Nothing => return,
        };
        let body = cx.finish(value, errors, params.len(), free);
        let is_error = |m: &Diagnostic| m.severity == crate::diagnostic::Severity::Error;
        // A default that the compiler evaluates is an error if it traps, which need not be said twice.
        let evaluated = self.fns[id.index()].owner == Owner::Default
            && self.program.fns[id.index()].generics.is_empty();
        let is_good = !self.diagnostics[errors..].iter().any(is_error);
        if self.is_own(info_module) && !evaluated && is_good {
            let mut foreseen = foresee::traps(self, &body);
            foreseen.extend(copies::copies(self, &body, id));
            foreseen.into_iter().for_each(|found| self.report(found));
        }
        self.bodies[id.index()] = Some(Rc::new(body));
    }

    /// Checks a constant, if that was not done yet; `span` is where it is wanted.
    pub(super) fn check_const(&mut self, id: ConstId, span: Span) {
        let info = &self.consts[id.index()];
        let (decl, module) = (info.decl, info.module);
        match info.state {
            ConstState::Done => return,
            ConstState::Working => {
                if decl.ty.is_none() {
                    self.const_cycle(id);
                }
                return;
            }
            ConstState::New => {}
        }
        if self.const_stack.len() >= MAX_CONST_CHAIN {
            if decl.ty.is_none() {
                self.report(
                    Diagnostic::error(
                        "E0331",
                        format!("{MAX_CONST_CHAIN} constants without a type in a row"),
                    )
                    .at(span, format!("`{}` is one more", decl.name.text))
                    .help("write the type of some of them"),
                );
            }
            return;
        }
        self.consts[id.index()].state = ConstState::Working;
        self.const_stack.push(id);
        let errors = self.diagnostics.len();
        let annotated = decl
            .ty
            .as_ref()
            .map(|ty| (self.consts[id.index()].ty.clone(), ty.span));
        let scope = Rc::new(TypeScope {
            module,
            params: Vec::new(),
            self_ty: None,
        });
        let mut cx = BodyCx::new(self, scope, Rc::from([]));
        let value = match &annotated {
            Some((ty, span)) => {
                let span = *span;
                cx.well_formed(ty, span);
                cx.expr(&decl.value, Want::Must(ty, &Why::Annotation(span)))
            }
            None => cx.expr(&decl.value, Want::Any),
        };
        let body = cx.finish(value, errors, 0, true);
        self.const_stack.pop();
        let constant = &mut self.consts[id.index()];
        constant.state = ConstState::Done;
        if annotated.is_none() {
            constant.ty = body.value.ty.clone();
        }
        constant.body = Some(Rc::new(body));
    }

    fn const_cycle(&mut self, id: ConstId) {
        let from = self
            .const_stack
            .iter()
            .position(|other| *other == id)
            .unwrap_or(0);
        let chain: Vec<ConstId> = self.const_stack[from..].to_vec();
        self.report_const_cycle(&chain);
    }

    pub(super) fn report_const_cycle(&mut self, chain: &[ConstId]) {
        let name = |id: &ConstId| format!("`{}`", self.program.consts[id.index()].name);
        let mut names: Vec<String> = chain.iter().map(name).collect();
        names.push(names[0].clone());
        let span = self.program.consts[chain[0].index()].span;
        let mut message =
            Diagnostic::error("E0318", format!("the constant {} needs itself", names[0]))
                .at(span, names.join(" → "));
        for other in &chain[1..] {
            message = message.also(self.program.consts[other.index()].span, "by way of this");
        }
        self.report(message.help("one of them must be given without the others"));
    }
}

impl BodyCx<'_, '_> {
    /// The block of a function: its value is the result.
    fn function_block(&mut self, block: &Block, ret: &Ty, why: &Why) -> hir::Expr {
        self.block(block, Want::Must(ret, why))
    }

    /// The condition of an `if`, a `while` or a guard: the names that `is` binds in it stay bound.
    pub(super) fn condition(&mut self, expr: &Expr, what: &'static str) -> hir::Expr {
        use crate::ast::{BinaryOp, ExprKind};
        match &expr.kind {
            ExprKind::Paren(inner) => self.condition(inner, what),
            ExprKind::Binary {
                op: BinaryOp::And,
                left,
                right,
                ..
            } => {
                let left = self.condition(left, "`&&`");
                let right = self.condition(right, "`&&`");
                hir::Expr {
                    kind: hir::ExprKind::And(Box::new(left), Box::new(right)),
                    ty: Ty::Bool,
                    span: expr.span,
                }
            }
            ExprKind::Is { value, pattern } => self.is(value, pattern, expr.span),
            _ => self.expr(expr, Want::Must(&Ty::Bool, &Why::Needs(what))),
        }
    }
}
