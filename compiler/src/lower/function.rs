//! Lowers one function body: parameters, values, blocks.

use super::Lowerer;
use super::builder::{Builder, is_copy};
use super::instances::{Instance, Signature};
use super::liveness::{self, Moves};
use crate::hir::{Arg, Body, Expr, ExprKind, FnId, Local, LocalId, Stmt, Ty};
use crate::middle::draft::{Draft, callees};
use crate::middle::names::Label;
use crate::source::Span;
use crate::visit::visit;
use cop_bytecode::{Instr, Mode, Param, TypeId, Value};
use std::borrow::Cow;
use std::rc::Rc;

use super::builder::RegionId;

/// A value in the middle of an expression.
#[derive(Clone, Copy, Debug)]
pub(super) enum Val {
    /// `()`, or a value that is never reached.
    Unit,
    /// A value without references.
    Copy(Value),
    /// An owned value in a hidden local.
    Held(LocalId),
    /// A value that somebody else owns: a local, or for ever (`None`: a borrowed parameter).
    Ref {
        /// The value.
        value: Value,
        /// The local that must not change while this is used.
        root: Option<LocalId>,
    },
}

/// Lowers one body.
pub(super) struct FnLowerer<'a, 'p> {
    pub cx: &'a mut Lowerer<'p>,
    pub b: Builder,
    /// What it lowers. A lambda shares the body that it stands in.
    pub body: Rc<Body>,
    pub subst: Rc<[Ty]>,
    /// Closed result type, for `?`.
    pub ret: Ty,
    pub inouts: Vec<LocalId>,
    pub moves: Moves,
    /// Open loops, the innermost last.
    pub loops: Vec<RegionId>,
}

impl<'a, 'p> FnLowerer<'a, 'p> {
    /// For a body whose first locals are the signature's parameters.
    pub fn new(
        cx: &'a mut Lowerer<'p>,
        body: Rc<Body>,
        subst: Rc<[Ty]>,
        signature: &Signature,
        span: Span,
    ) -> FnLowerer<'a, 'p> {
        let mut b = Builder::new(
            body.locals.len(),
            span,
            cx.buffers.pop().unwrap_or_default(),
        );
        b.labels = cx.debug.then(Vec::new);
        let mut this = FnLowerer {
            b,
            cx,
            body,
            subst,
            ret: signature.ret.clone(),
            inouts: vec![],
            moves: Moves::default(),
            loops: vec![],
        };
        for (i, param) in signature.params.iter().enumerate() {
            this.parameter(LocalId(i as u32), *param);
        }
        this.moves = liveness::moves(&this.body.value, &this.inouts);
        this
    }

    /// For a body that the compiler writes itself: the parameters are the only locals.
    pub fn synthetic(
        cx: &'a mut Lowerer<'p>,
        signature: &Signature,
        span: Span,
    ) -> FnLowerer<'a, 'p> {
        let locals: Vec<Local> = signature
            .types
            .iter()
            .zip(&signature.params)
            .map(|(ty, p)| Local {
                name: "".into(),
                ty: ty.clone(),
                mutable: p.mode == Mode::InOut,
                span,
            })
            .collect();
        let body = Body {
            value: Expr {
                kind: ExprKind::Tuple(vec![]),
                ty: Ty::unit(),
                span,
            },
            locals,
        };
        FnLowerer::new(cx, Rc::new(body), Rc::from([]), signature, span)
    }

    /// For a lambda inside another body, whose locals it shares.
    pub fn nested<'b>(
        &'b mut self,
        ret: Ty,
        body: &Expr,
        span: Span,
        mutable: &[LocalId],
    ) -> FnLowerer<'b, 'p> {
        let buffers = self.cx.buffers.pop().unwrap_or_default();
        let mut b = Builder::new(self.body.locals.len(), span, buffers);
        b.labels = self.cx.debug.then(Vec::new);
        FnLowerer {
            b,
            body: self.body.clone(),
            subst: self.subst.clone(),
            ret,
            inouts: vec![],
            moves: liveness::moves(body, mutable),
            loops: vec![],
            cx: self.cx,
        }
    }

    pub fn parameter(&mut self, local: LocalId, param: Param) {
        let value = self.b.parameter(param.ty);
        let owned = matches!(param.mode, Mode::Own | Mode::InOut)
            && !is_copy(&mut self.cx.layouts, param.ty);
        self.b.bind(local, value, owned);
        if param.mode == Mode::InOut {
            self.inouts.push(local);
        }
    }

    /// Lowers the body that the builder was made for.
    pub fn run(mut self, index: u32, name: String, signature: &Signature) {
        let body = self.body.clone();
        self.result(&body.value);
        drop(body);
        self.complete(index, name, signature);
    }

    /// Finishes a function that is called by its signature.
    pub fn complete(self, index: u32, name: String, signature: &Signature) {
        self.complete_with(index, name, signature.params.clone(), 0, signature.result);
    }

    /// Finishes the function.
    pub fn complete_with(
        self,
        index: u32,
        name: String,
        params: Vec<Param>,
        captures: u32,
        result: TypeId,
    ) {
        let span = self.b.span;
        let mut b = self.b;
        if let Some(labels) = b.labels.take() {
            let locals = &self.body.locals;
            let named = labels.into_iter().filter_map(|(value, local)| {
                let known = locals
                    .get(local.index())
                    .filter(|known| &*known.name != "_")?;
                Some(Label {
                    value,
                    local: local.0,
                    name: known.name.clone(),
                    span: known.span,
                })
            });
            self.cx.labels.insert(index, named.collect());
        }
        let (code, values, buffers) = b.finish();
        self.cx.buffers.push(buffers);
        self.cx.complete(
            index,
            Draft {
                params,
                captures,
                result,
                values,
                callees: callees(&code),
                code,
                sites: vec![],
                name,
                span,
            },
        );
    }

    /// Evaluates an expression and returns it.
    pub fn result(&mut self, value: &Expr) {
        let value = self.own_expr(value);
        self.ret(value);
    }

    /// Returns a value that is owned or copied.
    pub fn ret(&mut self, value: Val) {
        if self.b.dead {
            return;
        }
        let value = self.consume(value);
        let inouts = self.inouts.clone();
        self.b.ret(value, &inouts, &mut self.cx.layouts);
    }

    /// The closed form of a type of this body.
    pub fn closed<'t>(&self, ty: &'t Ty) -> Cow<'t, Ty> {
        if self.subst.is_empty() {
            Cow::Borrowed(ty)
        } else {
            Cow::Owned(ty.substitute(&self.subst))
        }
    }

    /// The bytecode type of a type of this body.
    pub fn ty(&mut self, ty: &Ty) -> TypeId {
        let closed = self.closed(ty);
        self.cx.type_id(&closed)
    }

    pub fn is_copy(&mut self, ty: TypeId) -> bool {
        is_copy(&mut self.cx.layouts, ty)
    }

    pub fn int(&mut self) -> TypeId {
        self.cx.type_id(&Ty::Int)
    }

    pub fn bool(&mut self) -> TypeId {
        self.cx.type_id(&Ty::Bool)
    }

    /// A fresh result: copied, or held.
    pub fn fresh(&mut self, value: Value, ty: TypeId) -> Val {
        if self.b.dead {
            Val::Unit
        } else if self.is_copy(ty) {
            Val::Copy(value)
        } else {
            Val::Held(self.b.hold(value))
        }
    }

    /// Reads a value without taking it over.
    pub fn look(&mut self, val: Val) -> Value {
        match val {
            Val::Unit => {
                let unit = self.cx.type_id(&Ty::unit());
                self.b.emit_value(Instr::ConstUnit, unit)
            }
            Val::Copy(value) | Val::Ref { value, .. } => value,
            Val::Held(local) => self.b.value(local),
        }
    }

    /// Takes a value over, to be consumed by the very next instruction.
    pub fn consume(&mut self, val: Val) -> Value {
        match val {
            Val::Unit | Val::Copy(_) => self.look(val),
            Val::Held(local) => self.b.take(local),
            Val::Ref { value, .. } => self.dup(value),
        }
    }

    fn dup(&mut self, value: Value) -> Value {
        let ty = self.b.type_of(value);
        self.b.emit_value(Instr::Dup(value), ty)
    }

    /// Makes a value copied or held.
    pub fn own(&mut self, val: Val) -> Val {
        match val {
            Val::Ref { value, .. } if !self.b.dead => {
                let value = self.dup(value);
                Val::Held(self.b.hold(value))
            }
            other => other,
        }
    }

    /// Drops a value that was only looked at, if it was made for that.
    pub fn release(&mut self, val: Val) {
        if let Val::Held(local) = val {
            self.b.drop_local(local);
        }
    }

    /// Evaluates to a copied or held value.
    pub fn own_expr(&mut self, e: &Expr) -> Val {
        if let ExprKind::Local(local) = &e.kind
            && self.moves.is_last(e)
            && let Some(slot) = self.b.env.get(*local)
            && slot.owned
            && !self.must_stay(*local)
        {
            let value = self.b.take(*local);
            return Val::Held(self.b.hold(value));
        }
        if let ExprKind::Block(stmts, Some(tail)) = &e.kind
            && stmts.is_empty()
        {
            return self.own_expr(tail);
        }
        let val = self.expr(e);
        self.own(val)
    }

    /// Whether the value of a local is given back later, so that even its last use may not move it out.
    pub fn must_stay(&self, local: LocalId) -> bool {
        self.inouts.contains(&local) || self.b.is_lent(local)
    }

    /// Evaluates an operand that is looked at after `later` was evaluated.
    pub fn operand<'e>(&mut self, e: &Expr, later: impl IntoIterator<Item = &'e Expr>) -> Val {
        let val = self.expr(e);
        match val {
            Val::Ref {
                root: Some(root), ..
            } if later.into_iter().any(|l| self.disturbs(l, root)) => self.own(val),
            _ => val,
        }
    }

    /// Whether evaluating `e` changes a local, or moves it.
    pub fn disturbs(&self, e: &Expr, local: LocalId) -> bool {
        let mut disturbed = false;
        visit(e, &mut |e| {
            disturbed |= liveness::places(e).any(|place| place.root == local)
                || match &e.kind {
                    ExprKind::Local(l) => *l == local && self.moves.is_last(e),
                    ExprKind::Lambda(lambda) => self.moves.captures_last(lambda, local),
                    _ => false,
                };
        });
        disturbed
    }

    /// A block: its statements, then its value. Its variables are dropped at its end.
    pub fn block(&mut self, stmts: &[Stmt], tail: Option<&Expr>) -> Val {
        let before = self.b.env.clone();
        for stmt in stmts {
            if self.b.dead {
                return Val::Unit;
            }
            match stmt {
                Stmt::Expr(e) => {
                    let val = self.expr(e);
                    self.release(val);
                }
                Stmt::Let {
                    pattern,
                    value,
                    otherwise,
                } => self.bind_let(pattern, value, otherwise.as_deref()),
            }
        }
        let value = match tail {
            Some(tail) if stmts.is_empty() => return self.expr(tail),
            Some(tail) => self.own_expr(tail),
            None => Val::Unit,
        };
        if self.b.dead {
            return Val::Unit;
        }
        let held = if let Val::Held(local) = value {
            Some(local)
        } else {
            None
        };
        self.b.drop_since(&before, |local| Some(local) == held);
        value
    }

    /// A call of an instance whose arguments are copied, held or references; gives its result.
    pub fn call_instance(&mut self, instance: Instance, args: Vec<Val>) -> Val {
        let (index, signature) = self.cx.instance(instance);
        self.call_index(index, &signature, args, vec![])
    }
}

/// What a body does with its plain parameters.
pub(super) struct Takes {
    /// Per parameter, whether it is taken over: returned, stored, captured or bound as a whole.
    pub owning: Vec<bool>,
    /// Parameters that are handed on: which, to which function, as its which.
    pub handed: Vec<(usize, FnId, usize)>,
}

/// Finds what a body does with its `count` parameters.
pub(super) fn takes(body: &Body, count: usize) -> Takes {
    let mut found = Takes {
        owning: vec![false; count],
        handed: vec![],
    };
    let owning = &mut found.owning;
    let mut take = |e: &Expr| own_uses(e, owning);
    take(&body.value);
    visit(&body.value, &mut |e| match &e.kind {
        ExprKind::Tuple(list) | ExprKind::List(list) => list.iter().for_each(&mut take),
        ExprKind::Map(entries) => entries.iter().for_each(|(k, v)| {
            take(k);
            take(v);
        }),
        ExprKind::Build { base, fields, .. } => {
            base.iter().for_each(|b| take(b));
            fields.iter().for_each(|(_, e)| take(e));
        }
        ExprKind::Assign(_, value) | ExprKind::Return(value) => take(value),
        ExprKind::Block(stmts, _) => stmts.iter().for_each(|s| {
            if let Stmt::Let { value, .. } = s {
                take(value);
            }
        }),
        ExprKind::Call(callee, args) => {
            for (i, arg) in args.iter().enumerate() {
                if let Arg::Value(e) = arg
                    && let ExprKind::Local(local) = e.kind
                    && local.index() < count
                {
                    found.handed.push((local.index(), callee.id, i));
                }
            }
        }
        _ => {}
    });
    found
}

/// The parameters that the value of an expression may be.
fn own_uses(e: &Expr, owning: &mut [bool]) {
    match &e.kind {
        ExprKind::Local(local) => {
            if let Some(flag) = owning.get_mut(local.index()) {
                *flag = true;
            }
        }
        ExprKind::Block(_, Some(tail)) => own_uses(tail, owning),
        ExprKind::If {
            then, otherwise, ..
        } => {
            own_uses(then, owning);
            otherwise.iter().for_each(|e| own_uses(e, owning));
        }
        ExprKind::Match { arms, .. } => arms.iter().for_each(|a| own_uses(&a.body, owning)),
        ExprKind::Coalesce(_, b) => own_uses(b, owning),
        _ => {}
    }
}
