//! Calls: of functions, of the VM's own operations, through values; lambdas and functions as values.

use super::Lowerer;
use super::function::{FnLowerer, Val};
use super::instances::{Instance, Signature};
use super::loops::root_of;
use super::places::Prepared;
use crate::diagnostic::Diagnostic;
use crate::hir::{
    AdtId, Arg, Expr, ExprKind, FnBody, FnRef, Lambda, LocalId, Place, TraitFnRef, Ty,
};
use crate::source::Span;
use crate::visit;
use cop_bytecode::table::Kind;
use cop_bytecode::{
    HostFunction, Instr, Mode, Op, Param, Step, TrapKind, TypeId, UpdateOp, Value, Values,
};
use std::borrow::Cow;
use std::rc::Rc;

/// An evaluated argument.
enum Ready {
    Value(Val),
    Lent(Prepared),
}

impl<'p> FnLowerer<'_, 'p> {
    pub fn call(&mut self, fn_ref: &FnRef, args: &[Arg], span: Span) -> Val {
        let closed = FnRef {
            id: fn_ref.id,
            args: self.all_closed(&fn_ref.args),
        };
        self.call_fn(closed, args, span)
    }

    fn all_closed(&self, types: &[Ty]) -> Vec<Ty> {
        types.iter().map(|t| self.closed(t).into_owned()).collect()
    }

    /// Calls a function with closed type arguments.
    fn call_fn(&mut self, fn_ref: FnRef, args: &[Arg], span: Span) -> Val {
        if let FnBody::Intrinsic(name) = &self.cx.function(fn_ref.id).body {
            let ret = &self.cx.function(fn_ref.id).ret;
            let ret = match fn_ref.args.is_empty() {
                true => Cow::Borrowed(ret),
                false => Cow::Owned(ret.substitute(&fn_ref.args)),
            };
            return self.call_intrinsic(name, &fn_ref, args, &ret, span);
        }
        let (index, signature) = self.cx.fn_instance(fn_ref, span);
        self.call_known(index, &signature, args)
    }

    /// Calls a trait's function: which one it is, is known by now.
    pub fn call_trait(&mut self, method: &TraitFnRef, args: &[Arg], span: Span) -> Val {
        let closed = TraitFnRef {
            args: self.all_closed(&method.args),
            of: method.of,
            method: method.method,
        };
        match self.cx.resolve(&closed, span) {
            Some(Instance::Fn(fn_ref)) => self.call_fn(fn_ref, args, span),
            Some(instance) => {
                let (index, signature) = self.cx.instance(instance);
                self.call_known(index, &signature, args)
            }
            None => Val::Unit,
        }
    }

    fn call_known(&mut self, index: u32, signature: &Signature, args: &[Arg]) -> Val {
        let ready = self.arguments(args, modes_of(signature));
        self.call_direct(index, signature, ready)
    }

    /// Evaluates arguments, left to right. Values that will be taken over are owned; values that will be
    /// looked at stay where they are if nothing evaluated later, or lent by this call, disturbs them.
    fn arguments(&mut self, args: &[Arg], modes: impl Iterator<Item = Mode>) -> Vec<Ready> {
        let lent: Vec<LocalId> = args.iter().filter_map(lent_root).collect();
        let mut ready = Vec::with_capacity(args.len());
        let mut modes = modes;
        for (i, arg) in args.iter().enumerate() {
            if self.b.dead {
                return vec![];
            }
            let mode = modes.next();
            ready.push(match arg {
                Arg::Lent(place) => Ready::Lent(self.prepare(place)),
                Arg::Value(e) if mode == Some(Mode::Own) => Ready::Value(self.own_expr(e)),
                Arg::Value(e) => {
                    let val = self.operand(e, args[i + 1..].iter().flat_map(arg_exprs));
                    Ready::Value(match val {
                        Val::Ref {
                            root: Some(root), ..
                        } if lent.contains(&root) => self.own(val),
                        _ => val,
                    })
                }
            });
        }
        ready
    }

    /// Calls a function of the package with evaluated arguments.
    fn call_direct(&mut self, index: u32, signature: &Signature, ready: Vec<Ready>) -> Val {
        let instr = |args, _| Instr::Call {
            function: index,
            args,
        };
        let modes = modes_of(signature);
        self.call_ready(ready, modes, signature.result, &signature.ret, instr)
    }

    /// Opens lent places, calls, writes the places back.
    fn call_ready(
        &mut self,
        ready: Vec<Ready>,
        modes: impl Iterator<Item = Mode>,
        result: TypeId,
        ret: &Ty,
        instr: impl FnOnce(Values, u32) -> Instr,
    ) -> Val {
        if self.b.dead {
            return Val::Unit;
        }
        // Two places of one variable cannot both be taken out of its value, so those are copied out.
        let roots: Vec<LocalId> = ready
            .iter()
            .filter_map(|r| {
                if let Ready::Lent(p) = r {
                    Some(p.root)
                } else {
                    None
                }
            })
            .collect();
        let mut opened = vec![];
        for r in &ready {
            if let Ready::Lent(place) = r {
                let alone = roots.iter().filter(|root| **root == place.root).count() == 1;
                opened.push(self.open_place(place, alone));
            }
        }
        let mut values = Values::new();
        let mut next = 0;
        let mut written = vec![];
        for (r, mode) in ready.iter().zip(modes) {
            match r {
                Ready::Value(val) if mode == Mode::Own => values.push(self.consume(*val)),
                Ready::Value(val) => {
                    let value = self.look(*val);
                    values.push(value);
                }
                Ready::Lent(place) => {
                    let part = opened[next];
                    if mode == Mode::InOut {
                        let ty = self.b.type_of(part.value);
                        values.push(part.value);
                        written.push((next, ty));
                        if place.path.is_empty() {
                            self.b.env.remove(place.root);
                        }
                    } else {
                        values.push(part.value);
                    }
                    next += 1;
                }
            }
        }
        // The result is defined first, then what `inout` arguments became.
        let first = self
            .b
            .emit_value(instr(values, written.len() as u32), result);
        let results: Vec<Value> = written.iter().map(|(_, ty)| self.b.define(*ty)).collect();
        // The result is held before anything else happens, so that it is dropped on every way out.
        let got = self.fresh(first, result);
        let places: Vec<&Prepared> = ready
            .iter()
            .filter_map(|r| {
                if let Ready::Lent(p) = r {
                    Some(p)
                } else {
                    None
                }
            })
            .collect();
        for ((which, _), value) in written.iter().zip(&results) {
            self.close_place(places[*which], opened[*which], *value);
        }
        for r in &ready {
            match r {
                Ready::Value(val) => self.release(*val),
                Ready::Lent(place) => place.keys.iter().for_each(|k| self.release(*k)),
            }
        }
        if *ret == Ty::Never {
            self.b.trap(TrapKind::Unreachable, None, None);
        }
        got
    }

    /// Calls a function with evaluated arguments; those in `lent` are `inout`, whose new values replace them.
    pub fn call_index(
        &mut self,
        index: u32,
        signature: &Signature,
        args: Vec<Val>,
        lent: Vec<LocalId>,
    ) -> Val {
        let mut ready: Vec<Ready> = args.into_iter().map(Ready::Value).collect();
        ready.extend(
            lent.into_iter()
                .map(|root| Ready::Lent(Prepared::variable(root))),
        );
        self.call_direct(index, signature, ready)
    }

    /// Calls a function whose first parameter is lent a local.
    pub fn call_lending(
        &mut self,
        index: u32,
        signature: &Signature,
        first: LocalId,
        rest: Vec<Val>,
    ) -> Val {
        let mut ready = vec![Ready::Lent(Prepared::variable(first))];
        ready.extend(rest.into_iter().map(Ready::Value));
        self.call_direct(index, signature, ready)
    }

    /// Calls an instance with evaluated values.
    pub fn call_resolved(&mut self, instance: Instance, args: Vec<Val>) -> Val {
        self.call_resolved_with(instance, args, vec![])
    }

    /// Calls an instance with evaluated values and a local lent to its last parameter.
    pub fn call_resolved_into(&mut self, instance: Instance, args: Vec<Val>, out: LocalId) -> Val {
        self.call_resolved_with(instance, args, vec![out])
    }

    fn call_resolved_with(
        &mut self,
        instance: Instance,
        args: Vec<Val>,
        lent: Vec<LocalId>,
    ) -> Val {
        if self.b.dead {
            return Val::Unit;
        }
        if let Instance::Fn(f) = &instance
            && let FnBody::Intrinsic(name) = &self.cx.function(f.id).body
            && let Some(op) = Op::from_name(name)
            && lent.is_empty()
        {
            let ret = self.cx.function(f.id).ret.substitute(&f.args);
            return self.plain(op, &args, &ret);
        }
        let (index, signature) = self.cx.instance(instance);
        // The caller keeps what it holds: values that are looked at are not released here.
        let kept: Vec<Val> = args
            .iter()
            .map(|v| match v {
                Val::Held(local) => Val::Ref {
                    value: self.b.value(*local),
                    root: Some(*local),
                },
                other => *other,
            })
            .collect();
        self.call_index(index, &signature, kept, lent)
    }

    /// The type that a row of the table means by a kind that does not depend on arguments.
    pub fn kind_type(&mut self, kind: Kind) -> TypeId {
        let option = |this: &Self, ty: Ty| this.cx.option_of(ty);
        let ty = match kind {
            Kind::F64 => Ty::Float,
            Kind::Bool => Ty::Bool,
            Kind::Char => Ty::Char,
            Kind::Unit => Ty::unit(),
            Kind::String => Ty::String,
            Kind::Bytes => Ty::Bytes,
            Kind::OptionI64 => option(self, Ty::Int),
            Kind::OptionF64 => option(self, Ty::Float),
            Kind::OptionChar => option(self, Ty::Char),
            Kind::OptionString => option(self, Ty::String),
            _ => Ty::Int,
        };
        self.cx.type_id(&ty)
    }

    /// A plain operation on evaluated values, which stay whose they are.
    fn plain(&mut self, op: Op, args: &[Val], ret: &Ty) -> Val {
        let ty = self.cx.type_id(ret);
        let values = args.iter().map(|v| self.look(*v)).collect();
        let named = (op.row().result == Kind::Named).then_some(ty);
        let value = self.b.emit_value(
            Instr::Op {
                op,
                ty: named,
                args: values,
            },
            ty,
        );
        self.fresh(value, ty)
    }

    /// One of the VM's own operations, by its name in the core.
    fn call_intrinsic(
        &mut self,
        name: &str,
        fn_ref: &FnRef,
        args: &[Arg],
        ret: &Ty,
        span: Span,
    ) -> Val {
        let known = self.cx.operations.get(&fn_ref.id).copied();
        let (update, op) = known.unwrap_or_else(|| {
            let found = (UpdateOp::from_name(name), Op::from_name(name));
            self.cx.operations.insert(fn_ref.id, found);
            found
        });
        if let (Some(Arg::Lent(place)), Some(op)) = (args.first(), update) {
            return self.update_place(op, place, &args[1..], ret);
        }
        if let Some(op) = op {
            let vals = self.looked_at(args);
            if self.b.dead {
                return Val::Unit;
            }
            let got = self.plain(op, &vals, ret);
            vals.into_iter().for_each(|v| self.release(v));
            return got;
        }
        if let Some(kind) = trap_of(name) {
            let vals = self.looked_at(args);
            let value = vals.first().map(|v| self.look(*v));
            let text = matches!(
                kind,
                TrapKind::Panic | TrapKind::AssertionFailed | TrapKind::ExpectFailed
            );
            let (operand, message) = if text { (None, value) } else { (value, None) };
            self.b.trap(kind, operand, message);
            return Val::Unit;
        }
        if name == "set.new" {
            return self.build_of(ret, 0, vec![]);
        }
        if let Some(entry) = name
            .strip_prefix("map.entry_")
            .or_else(|| name.strip_prefix("set."))
        {
            let vals = self.looked_at(args);
            if self.b.dead {
                return Val::Unit;
            }
            let (table, n) = (self.look(vals[0]), self.look(vals[1]));
            let step = if entry == "value" {
                Step::EntryValue(n)
            } else {
                Step::EntryKey(n)
            };
            let ty = self.cx.type_id(ret);
            let got = self.b.emit_value(
                Instr::Get {
                    value: table,
                    path: [step].into(),
                },
                ty,
            );
            let got = if self.is_copy(ty) {
                Val::Copy(got)
            } else {
                self.own(Val::Ref {
                    value: got,
                    root: root_of(vals[0]),
                })
            };
            vals.into_iter().for_each(|v| self.release(v));
            return got;
        }
        if let Some(host) = name.strip_prefix("host ") {
            return self.host_call(host, args, ret);
        }
        if let Some(asked) = super::shape::Asked::of(name) {
            let of = fn_ref.args.first().cloned().unwrap_or(Ty::Error);
            for arg in Self::value_args(args) {
                let val = self.expr(arg);
                self.release(val);
            }
            return self.shape(asked, &of, span);
        }
        self.cx.errors.push(
            Diagnostic::error("E0901", format!("not yet: the operation `{name}`"))
                .at(span, "the core asks for it here"),
        );
        Val::Unit
    }

    fn looked_at(&mut self, args: &[Arg]) -> Vec<Val> {
        let ready = self.arguments(args, args.iter().map(|_| Mode::Borrow));
        let vals = ready.into_iter().map(|r| match r {
            Ready::Value(val) => val,
            // A capability lent to a host call.
            Ready::Lent(place) => Val::Copy(self.b.value(place.root)),
        });
        vals.collect()
    }

    fn host_call(&mut self, host: &str, args: &[Arg], ret: &Ty) -> Val {
        let (interface, name) = host.split_once('.').unwrap_or((host, ""));
        let vals = self.looked_at(args);
        if self.b.dead {
            return Val::Unit;
        }
        // `request`, `log`, `command` and `run` need no capability.
        let capability =
            vals.len() > 1 && !matches!(interface, "request" | "log" | "command" | "run");
        let function = self.cx.host_function(HostFunction {
            interface: interface.into(),
            version: 1,
            name: name.into(),
            capability,
        });
        let held = if capability {
            Some(self.look(vals[0]))
        } else {
            None
        };
        let Some(argument) = vals.last().map(|v| self.look(*v)) else {
            return Val::Unit;
        };
        let ty = self.cx.type_id(&Ty::Bytes);
        let got = self.b.emit_value(
            Instr::HostCall {
                function,
                capability: held,
                argument,
            },
            ty,
        );
        let got = self.fresh(got, ty);
        vals.into_iter().for_each(|v| self.release(v));
        if *ret == Ty::Never {
            self.b.trap(TrapKind::Unreachable, None, None);
        }
        got
    }

    pub fn call_value(&mut self, callee: &Expr, args: &[Arg], ret: &Ty) -> Val {
        let callee_ty = self.closed(&callee.ty);
        let Ty::Fn(fn_ty) = &*callee_ty else {
            return Val::Unit;
        };
        let lent: Vec<LocalId> = args.iter().filter_map(lent_root).collect();
        let mut f = self.operand(callee, args.iter().flat_map(arg_exprs));
        if root_of(f).is_some_and(|root| lent.contains(&root)) {
            f = self.own(f);
        }
        let modes = || {
            fn_ty.params.iter().map(|p| {
                if p.mutable && !matches!(p.ty, Ty::Host(_)) {
                    Mode::InOut
                } else {
                    Mode::Borrow
                }
            })
        };
        let ready = self.arguments(args, modes());
        if self.b.dead {
            return Val::Unit;
        }
        let callee = self.look(f);
        let result = self.cx.type_id(&fn_ty.ret);
        let ret = self.closed(ret);
        let got = self.call_ready(ready, modes(), result, &ret, |args, changed| {
            Instr::CallValue {
                callee,
                args,
                changed,
            }
        });
        self.release(f);
        got
    }

    pub fn fn_value(&mut self, fn_ref: &FnRef, ty: &Ty, span: Span) -> Val {
        let closed = FnRef {
            id: fn_ref.id,
            args: self.all_closed(&fn_ref.args),
        };
        // Checks against instances without end happen there.
        self.cx.fn_instance(closed.clone(), span);
        self.thunk(Instance::Fn(closed), ty)
    }

    pub fn trait_fn_value(&mut self, method: &TraitFnRef, ty: &Ty, span: Span) -> Val {
        let closed = TraitFnRef {
            args: self.all_closed(&method.args),
            of: method.of,
            method: method.method,
        };
        match self.cx.resolve(&closed, span) {
            Some(instance) => self.thunk(instance, ty),
            None => Val::Unit,
        }
    }

    pub fn variant_fn(&mut self, adt: AdtId, variant: u32, ty: &Ty) -> Val {
        let closed = self.closed(ty);
        let Ty::Fn(f) = &*closed else {
            return Val::Unit;
        };
        let Ty::Adt(_, args) = &f.ret else {
            return Val::Unit;
        };
        self.thunk(Instance::Variant(adt, variant, args.clone()), ty)
    }

    fn thunk(&mut self, instance: Instance, ty: &Ty) -> Val {
        let (function, _) = self.cx.instance(Instance::Thunk(Box::new(instance)));
        let ty = self.ty(ty);
        let value = self.b.emit_value(
            Instr::Closure {
                ty,
                function,
                captures: [].into(),
            },
            ty,
        );
        self.fresh(value, ty)
    }

    pub fn lambda(&mut self, lambda: &Lambda, ty: &Ty, span: Span) -> Val {
        // What it captures is copied into the closure; inside they are lent parameters.
        let mut captures = vec![];
        let mut params = vec![];
        for local in &lambda.captures {
            let val = self.local_for_capture(lambda, *local);
            let ty = match val {
                Val::Unit => self.cx.type_id(&Ty::unit()),
                _ => {
                    let value = self.look(val);
                    self.b.type_of(value)
                }
            };
            params.push(Param {
                ty,
                mode: Mode::Borrow,
            });
            captures.push(val);
        }
        let count = captures.len() as u32;
        for param in &lambda.params {
            let local_ty = self.body.locals[param.local.index()].ty.clone();
            let host = matches!(*self.closed(&local_ty), Ty::Host(_));
            let mode = if param.mutable && !host {
                Mode::InOut
            } else {
                Mode::Borrow
            };
            params.push(Param {
                ty: self.ty(&local_ty),
                mode,
            });
        }
        let index = self.cx.reserve();
        let ret = self.closed(&lambda.ret).into_owned();
        let result = self.cx.type_id(&ret);
        let mutable: Vec<LocalId> = lambda
            .params
            .iter()
            .filter(|p| p.mutable)
            .map(|p| p.local)
            .collect();
        let mut inner = self.nested(ret, &lambda.body, span, &mutable);
        let locals = lambda
            .captures
            .iter()
            .copied()
            .chain(lambda.params.iter().map(|p| p.local));
        for (local, param) in locals.zip(&params) {
            inner.parameter(local, *param);
        }
        for param in &lambda.params {
            if let Some(pattern) = &param.pattern {
                let val = inner.operand_local(param.local);
                inner.bind_pattern(pattern, val);
            }
        }
        inner.result(&lambda.body);
        inner.complete_with(index, "lambda".into(), params, count, result);
        let captures: Vec<Value> = captures.into_iter().map(|v| self.consume(v)).collect();
        let ty = self.ty(ty);
        let value = self.b.emit_value(
            Instr::Closure {
                ty,
                function: index,
                captures: captures.into(),
            },
            ty,
        );
        self.fresh(value, ty)
    }

    fn local_for_capture(&mut self, lambda: &Lambda, local: LocalId) -> Val {
        let Some(slot) = self.b.env.get(local) else {
            return Val::Unit;
        };
        if slot.owned && self.moves.captures_last(lambda, local) && !self.must_stay(local) {
            let value = self.b.take(local);
            return Val::Held(self.b.hold(value));
        }
        let val = self.operand_local(local);
        self.own(val)
    }

    /// A variable, looked at.
    pub fn operand_local(&mut self, local: LocalId) -> Val {
        let Some(slot) = self.b.env.get(local) else {
            return Val::Unit;
        };
        let ty = self.b.type_of(slot.value);
        if self.is_copy(ty) {
            Val::Copy(slot.value)
        } else {
            Val::Ref {
                value: slot.value,
                root: slot.owned.then_some(local),
            }
        }
    }
}

impl<'p> Lowerer<'p> {
    /// A function that does nothing but one of the VM's operations: for functions as values.
    pub(super) fn lower_intrinsic_wrapper(
        &mut self,
        f: &FnRef,
        signature: &Signature,
        index: u32,
        name: String,
    ) {
        let span = self.function(f.id).span;
        let args = Self::own_params(signature, span);
        let mut fl = FnLowerer::synthetic(self, signature, span);
        let val = fl.call_fn(f.clone(), &args, span);
        let val = fl.own(val);
        fl.ret(val);
        fl.complete(index, name, signature);
    }

    /// A function as a closure's function: it lends what the function takes over.
    pub(super) fn lower_thunk(&mut self, inner: &Instance, signature: &Signature, index: u32) {
        let span = self.thunk_span(inner);
        let args = Self::own_params(signature, span);
        let (of, of_signature) = self.instance(inner.clone());
        let mut fl = FnLowerer::synthetic(self, signature, span);
        let val = match inner {
            Instance::Fn(f) => fl.call_fn(f.clone(), &args, span),
            _ => fl.call_known(of, &of_signature, &args),
        };
        let val = fl.own(val);
        fl.ret(val);
        fl.complete(index, "function value".into(), signature);
    }

    fn thunk_span(&self, inner: &Instance) -> Span {
        match inner {
            Instance::Fn(f) => self.function(f.id).span,
            Instance::Variant(adt, ..) => self.adt(*adt).span,
            _ => self
                .program
                .fns
                .first()
                .map_or(Span::new(crate::source::FileId(0), 0, 0), |f| f.span),
        }
    }

    pub(super) fn lower_variant_fn(
        &mut self,
        adt: AdtId,
        variant: u32,
        args: &Rc<[Ty]>,
        signature: &Signature,
        index: u32,
    ) {
        let span = self.adt(adt).span;
        let name = self.adt(adt).variants[variant as usize].name.to_string();
        let mut fl = FnLowerer::synthetic(self, signature, span);
        let parts = (0..signature.params.len()).map(|i| {
            let val = fl.operand_local(LocalId(i as u32));
            match val {
                // A parameter that was taken over is moved on.
                Val::Ref {
                    root: Some(root), ..
                } => {
                    let value = fl.b.take(root);
                    Val::Held(fl.b.hold(value))
                }
                other => other,
            }
        });
        let parts = parts.collect();
        let val = fl.build_of(&Ty::Adt(adt, args.clone()), variant, parts);
        fl.ret(val);
        fl.complete(index, name, signature);
    }

    /// A function's own parameters as arguments.
    fn own_params(signature: &Signature, span: Span) -> Vec<Arg> {
        let params = signature.params.iter().zip(&signature.types).enumerate();
        let args = params.map(|(i, (p, ty))| {
            let root = LocalId(i as u32);
            if p.mode == Mode::InOut {
                Arg::Lent(Place {
                    root,
                    steps: vec![],
                    ty: ty.clone(),
                    span,
                })
            } else {
                Arg::Value(Expr {
                    kind: ExprKind::Local(root),
                    ty: ty.clone(),
                    span,
                })
            }
        });
        args.collect()
    }
}

fn lent_root(arg: &Arg) -> Option<LocalId> {
    match arg {
        Arg::Lent(place) => Some(place.root),
        Arg::Value(_) => None,
    }
}

fn arg_exprs(arg: &Arg) -> impl Iterator<Item = &Expr> {
    let (value, place) = match arg {
        Arg::Value(e) => (Some(e), None),
        Arg::Lent(place) => (None, Some(place)),
    };
    value
        .into_iter()
        .chain(place.into_iter().flat_map(visit::indices))
}

/// How a function takes its parameters.
fn modes_of(signature: &Signature) -> impl Iterator<Item = Mode> {
    signature.params.iter().map(|p| p.mode)
}

/// The trap that an intrinsic's name stands for.
fn trap_of(name: &str) -> Option<TrapKind> {
    if name == "panic" {
        return Some(TrapKind::Panic);
    }
    let name = name.strip_prefix("trap.")?;
    TrapKind::ALL.iter().copied().find(|k| k.name() == name)
}
