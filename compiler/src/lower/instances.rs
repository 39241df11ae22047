//! Closed functions: one per combination of type arguments, and which function a trait's method is.

use super::Lowerer;
use super::derive::Derived;
use super::function::{FnLowerer, Takes, takes};
use crate::diagnostic::Diagnostic;
use crate::hir::{AdtId, Body, ConstId, FnBody, FnId, FnRef, Program, TraitFnRef, Ty};
use crate::middle::draft::Draft;
use crate::source::Span;
use cop_bytecode::{Mode, Param, TypeId, limits};
use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// A function to lower, by what it comes from. Types are closed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Instance {
    /// A function of the source.
    Fn(FnRef),
    /// A method that the compiler writes.
    Derived(Derived, Ty),
    /// A function as a closure without captures, which lends its plain parameters.
    Thunk(Box<Instance>),
    /// A variant as a function of its payload.
    Variant(AdtId, u32, Rc<[Ty]>),
    /// The value of a constant.
    Const(ConstId),
    /// The default of a field: struct or enum, variant, field, type arguments.
    Default(AdtId, u32, u32, Rc<[Ty]>),
    /// The wrapper that evaluates a constant.
    Evaluate(ConstId),
    /// The wrapper that evaluates a field's default, to see whether it traps: struct or enum, variant, field.
    TryDefault(AdtId, u32, u32),
    /// The wrapper of the entry point.
    Entry,
    /// The wrapper of a test.
    Test(u32),
}

/// Where the bodies of functions are, and what constants are worth.
pub(super) enum Bodies<'p> {
    /// In the program, which stays as it is.
    Kept,
    /// Here, by number of the function: each is freed when nobody can ask for it again.
    Given(Vec<Option<Rc<Body>>>),
    /// With whoever makes them when they are asked for.
    Asked(&'p mut dyn Supply),
}

/// Makes bodies when they are asked for.
pub(crate) trait Supply {
    /// The body of a function. `None` if it has none, or is not in order.
    fn body(&mut self, id: FnId) -> Option<Rc<Body>>;

    /// Says that nobody will ask for the body of a function again.
    fn done(&mut self, id: FnId);

    /// Type and value of a constant. `None` if it is not in order.
    fn constant(&mut self, id: ConstId) -> Option<(Ty, Rc<Body>)>;
}

impl<'p> Bodies<'p> {
    /// Takes all bodies out of a program that nobody else will lower.
    pub fn of(program: &mut Program) -> Bodies<'p> {
        let bodies = program.fns.iter_mut().map(|function| match &function.body {
            FnBody::Body(_) => match std::mem::replace(&mut function.body, FnBody::Absent) {
                FnBody::Body(body) => Some(body),
                _ => None,
            },
            _ => None,
        });
        Bodies::Given(bodies.collect())
    }

    fn look(&mut self, program: &Program, id: FnId) -> Option<Rc<Body>> {
        match (self, &program.fns[id.index()].body) {
            (_, FnBody::Intrinsic(_)) => None,
            (Bodies::Kept, FnBody::Body(body)) => Some(body.clone()),
            (Bodies::Kept, _) => None,
            (Bodies::Given(bodies), _) => bodies[id.index()].clone(),
            (Bodies::Asked(supply), _) => supply.body(id),
        }
    }

    /// The body of a function, for one instance of it. A function without type parameters has but one.
    fn take(&mut self, program: &Program, id: FnId) -> Option<Rc<Body>> {
        let function = &program.fns[id.index()];
        match (self, &function.body) {
            (Bodies::Kept, FnBody::Body(body)) => Some(body.clone()),
            (Bodies::Kept, _) => None,
            (Bodies::Given(bodies), _) if function.generics.is_empty() => bodies[id.index()].take(),
            (Bodies::Given(bodies), _) => bodies[id.index()].clone(),
            (Bodies::Asked(_), FnBody::Intrinsic(_)) => None,
            (Bodies::Asked(supply), _) => {
                let body = supply.body(id);
                if function.generics.is_empty() {
                    supply.done(id);
                }
                body
            }
        }
    }

    /// Type and value of a constant.
    pub fn constant(&mut self, program: &Program, id: ConstId) -> Option<(Ty, Rc<Body>)> {
        match self {
            Bodies::Kept | Bodies::Given(_) => {
                let constant = &program.consts[id.index()];
                Some((constant.ty.clone(), constant.body.clone()))
            }
            Bodies::Asked(supply) => supply.constant(id),
        }
    }
}

/// What callers know of a function.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    /// Parameters.
    pub params: Vec<Param>,
    /// Their closed types.
    pub types: Vec<Ty>,
    /// Result.
    pub result: TypeId,
    /// Its closed type.
    pub ret: Ty,
}

impl<'p> Lowerer<'p> {
    /// The number of an instance, which is lowered later if it is new.
    pub(super) fn instance(&mut self, instance: Instance) -> (u32, Rc<Signature>) {
        self.known(&instance)
            .unwrap_or_else(|| self.add_instance(instance))
    }

    fn known(&self, instance: &Instance) -> Option<(u32, Rc<Signature>)> {
        match instance {
            Instance::Fn(f) if f.args.is_empty() => self.plain.get(&f.id),
            _ => self.instances.get(instance),
        }
        .cloned()
    }

    fn add_instance(&mut self, instance: Instance) -> (u32, Rc<Signature>) {
        let signature = Rc::new(self.signature(&instance));
        let index = self.reserve();
        let known = (index, signature.clone());
        match &instance {
            Instance::Fn(f) if f.args.is_empty() => {
                self.plain.insert(f.id, known);
            }
            _ => {
                self.generic += usize::from(matches!(instance, Instance::Fn(_)));
                self.instances.insert(instance.clone(), known);
            }
        }
        self.open.push((instance, index, signature.clone()));
        (index, signature)
    }

    /// A number for a function that is lowered by whoever asked (a lambda, with the function around it).
    pub(super) fn reserve(&mut self) -> u32 {
        self.functions.push(None);
        self.functions.len() as u32 - 1
    }

    pub(super) fn complete(&mut self, index: u32, draft: Draft) {
        self.functions[index as usize] = Some(draft);
    }

    /// A function of the source, with checks against instances without end.
    pub(super) fn fn_instance(&mut self, fn_ref: FnRef, span: Span) -> (u32, Rc<Signature>) {
        let instance = Instance::Fn(fn_ref);
        if let Some(known) = self.known(&instance) {
            return known;
        }
        let Instance::Fn(fn_ref) = &instance else {
            return self.instance(instance);
        };
        let deepest = fn_ref.args.iter().map(nesting).max().unwrap_or(0);
        if (deepest > limits::TYPE_NESTING || self.generic > limits::INSTANCES) && !self.endless {
            self.endless = true;
            let name = self.function(fn_ref.id).name.clone();
            self.errors.push(
                Diagnostic::error("E0430", format!("`{name}` is needed for ever more types"))
                    .at(span, "this call asks for one more")
                    .note(format!(
                        "a program may have {} instances of generic functions, with type arguments nested {} deep",
                        limits::INSTANCES,
                        limits::TYPE_NESTING
                    ))
                    .help("a function that calls itself must do so with the same types"),
            );
        }
        self.add_instance(instance)
    }

    fn signature(&mut self, instance: &Instance) -> Signature {
        let (types, modes, ret): (Vec<Ty>, Vec<Mode>, Ty) = match instance {
            Instance::Fn(f) => {
                let function = self.function(f.id);
                let owning = self.owning(f.id);
                let types: Vec<Ty> = function
                    .params
                    .iter()
                    .map(|p| p.ty.substitute(&f.args))
                    .collect();
                let modes = function.params.iter().zip(owning.iter());
                let modes = modes.map(|(p, own)| match (p.mutable, own) {
                    (true, _) => Mode::InOut,
                    (false, true) => Mode::Own,
                    (false, false) => Mode::Borrow,
                });
                (types, modes.collect(), function.ret.substitute(&f.args))
            }
            Instance::Derived(derived, ty) => self.derived_signature(*derived, ty),
            Instance::Thunk(inner) => {
                let (_, of) = self.instance((**inner).clone());
                let lent = of.params.iter().map(|p| {
                    if p.mode == Mode::Own {
                        Mode::Borrow
                    } else {
                        p.mode
                    }
                });
                (of.types.clone(), lent.collect(), of.ret.clone())
            }
            Instance::Variant(adt, variant, args) => {
                let fields = &self.adt(*adt).variants[*variant as usize].fields;
                let types: Vec<Ty> = fields.iter().map(|f| f.ty.substitute(args)).collect();
                let modes = types.iter().map(|_| Mode::Own).collect();
                (types, modes, Ty::Adt(*adt, args.clone()))
            }
            Instance::Const(id) => {
                let known = self.bodies.constant(self.program, *id);
                (vec![], vec![], known.map_or(Ty::Error, |(ty, _)| ty))
            }
            Instance::Default(adt, variant, field, args) => {
                let fields = &self.adt(*adt).variants[*variant as usize].fields;
                (vec![], vec![], fields[*field as usize].ty.substitute(args))
            }
            Instance::Evaluate(_) | Instance::TryDefault(..) => (vec![], vec![], Ty::Bytes),
            Instance::Entry | Instance::Test(_) => self.entry_signature(instance),
        };
        let params = types.iter().zip(modes).map(|(ty, mode)| {
            let id = self.type_id(ty);
            let plain = matches!(ty, Ty::Host(_))
                || (mode == Mode::Own && super::builder::is_copy(&mut self.layouts, id));
            Param {
                ty: id,
                mode: if plain { Mode::Borrow } else { mode },
            }
        });
        let params = params.collect();
        Signature {
            params,
            result: self.type_id(&ret),
            types,
            ret,
        }
    }

    /// Which plain parameters a function takes over: what its body takes over, and what it hands on to functions that
    /// take it over. The least solution: a function that only hands a parameter on to itself does not take it over.
    pub(super) fn owning(&mut self, id: FnId) -> Rc<[bool]> {
        if let Some(known) = self.owning.get(&id) {
            return known.clone();
        }
        // All functions that this one reaches by handing parameters on, and that are not known yet.
        let mut found: IndexMap<FnId, Takes> = IndexMap::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            if found.contains_key(&id) || self.owning.contains_key(&id) {
                continue;
            }
            let function = self.function(id);
            let count = function.params.len();
            // Numbers are copied, whoever takes them over.
            let matters = |p: &crate::hir::Param| {
                !p.mutable && !matches!(p.ty, Ty::Int | Ty::Float | Ty::Bool | Ty::Char | Ty::Range)
            };
            let matters = function.params.iter().any(matters);
            let body = matters.then(|| self.bodies.look(self.program, id));
            let takes = match body.flatten() {
                Some(body) => takes(&body, count),
                None => Takes {
                    owning: vec![false; count],
                    handed: vec![],
                },
            };
            open.extend(takes.handed.iter().map(|(_, callee, _)| *callee));
            found.insert(id, takes);
        }
        let mut handed_on: FxHashMap<(FnId, usize), Vec<(FnId, usize)>> = FxHashMap::default();
        let mut taken = vec![];
        for (id, takes) in &found {
            let owning = takes.owning.iter().enumerate().filter(|(_, yes)| **yes);
            taken.extend(owning.map(|(param, _)| (*id, param)));
            for (param, callee, as_param) in &takes.handed {
                let known = self.owning.get(callee).and_then(|o| o.get(*as_param));
                if known == Some(&true) {
                    taken.push((*id, *param));
                }
                let to = handed_on.entry((*callee, *as_param)).or_default();
                to.push((*id, *param));
            }
        }
        while let Some((id, param)) = taken.pop() {
            found[&id].owning[param] = true;
            taken.extend(handed_on.remove(&(id, param)).unwrap_or_default());
        }
        for (id, takes) in found {
            self.owning.insert(id, takes.owning.into());
        }
        self.owning.get(&id).cloned().unwrap_or_default()
    }

    /// Lowers one instance.
    pub(super) fn lower_instance(
        &mut self,
        instance: &Instance,
        index: u32,
        signature: &Signature,
    ) {
        match instance {
            Instance::Fn(f) => {
                let function = self.function(f.id);
                let name = name_of(self, &function.name, &f.args);
                match (self.bodies.take(self.program, f.id), &function.body) {
                    (Some(body), _) => {
                        let args: Rc<[Ty]> = f.args.clone().into();
                        FnLowerer::new(self, body, args, signature, function.span)
                            .run(index, name, signature);
                    }
                    (None, FnBody::Intrinsic(_)) => {
                        self.lower_intrinsic_wrapper(f, signature, index, name)
                    }
                    (None, _) => self.errors.push(
                        Diagnostic::error("E0901", format!("`{name}` has no body"))
                            .at(function.span, "called, but never written"),
                    ),
                }
            }
            Instance::Derived(derived, ty) => self.lower_derived(*derived, ty, signature, index),
            Instance::Thunk(inner) => self.lower_thunk(inner, signature, index),
            Instance::Variant(adt, variant, args) => {
                self.lower_variant_fn(*adt, *variant, args, signature, index)
            }
            Instance::Const(id) => {
                let Some((_, body)) = self.bodies.constant(self.program, *id) else {
                    return;
                };
                let c = &self.program.consts[id.index()];
                FnLowerer::new(self, body, Rc::from([]), signature, c.span).run(
                    index,
                    c.name.to_string(),
                    signature,
                );
            }
            Instance::Default(adt, variant, field, args) => {
                let adt = self.adt(*adt);
                let field = &adt.variants[*variant as usize].fields[*field as usize];
                if let Some(body) = field.default.clone() {
                    let name = format!("default of {}.{}", adt.name, field.name);
                    FnLowerer::new(self, body, args.clone(), signature, adt.span)
                        .run(index, name, signature);
                }
            }
            Instance::Evaluate(id) => self.lower_evaluate(*id, signature, index),
            Instance::TryDefault(adt, variant, field) => {
                let default = Instance::Default(*adt, *variant, *field, Rc::from([]));
                self.lower_try(default, self.adt(*adt).span, signature, index);
            }
            Instance::Entry | Instance::Test(_) => self.lower_entry(instance, signature, index),
        }
    }

    /// Which function a trait's method is, for closed type arguments.
    pub(super) fn resolve(&mut self, method: &TraitFnRef, span: Span) -> Option<Instance> {
        if let Some(known) = self.resolved.get(method) {
            return Some(known.clone());
        }
        let found = self.resolve_anew(method, span)?;
        self.resolved.insert(method.clone(), found.clone());
        Some(found)
    }

    fn resolve_anew(&mut self, method: &TraitFnRef, span: Span) -> Option<Instance> {
        let of = &self.program.traits[method.of.index()];
        let name = &of.methods[method.method as usize].name;
        let ty = method.args.first().cloned().unwrap_or(Ty::Error);
        let own = &method.args[1 + of.generics.len()..];
        if self.impls.is_empty() {
            for (number, imp) in self.program.impls.iter().enumerate() {
                let key = (imp.of.id, nominal(&imp.ty));
                self.impls.entry(key).or_default().push(number);
            }
        }
        let mut keys = vec![(method.of, None)];
        keys.extend(nominal(&ty).map(|id| (method.of, Some(id))));
        let found = keys.iter().filter_map(|key| self.impls.get(key)).flatten();
        let mut found: Vec<usize> = found.copied().collect();
        found.sort_unstable();
        for number in found {
            let imp = &self.program.impls[number];
            let mut bound = vec![None; imp.generics.len()];
            if !matches(&imp.ty, &ty, &mut bound) {
                continue;
            }
            let mut args: Vec<Ty> = bound.into_iter().map(|t| t.unwrap_or(Ty::Error)).collect();
            if let Some(id) = imp.methods[method.method as usize] {
                args.extend_from_slice(own);
                return Some(Instance::Fn(FnRef { id, args }));
            }
            let of_args: Vec<Ty> = imp.of.args.iter().map(|t| t.substitute(&args)).collect();
            return Some(self.default_method(method, ty, of_args));
        }
        if of.builtin.is_some() {
            if let Some(derived) = Derived::of(name) {
                return Some(Instance::Derived(derived, ty));
            }
            let of_args = method.args[1..1 + of.generics.len()].to_vec();
            return Some(self.default_method(method, ty, of_args));
        }
        let shown = show_type(self, &ty);
        self.errors.push(
            Diagnostic::error("E0431", format!("`{shown}` has no `{}`", of.name))
                .at(span, format!("`{name}` is needed here")),
        );
        None
    }

    fn default_method(&self, method: &TraitFnRef, ty: Ty, of_args: Vec<Ty>) -> Instance {
        let of = &self.program.traits[method.of.index()];
        let mut args = vec![ty];
        args.extend(of_args);
        args.extend_from_slice(&method.args[1 + of.generics.len()..]);
        Instance::Fn(FnRef {
            id: of.methods[method.method as usize].function,
            args,
        })
    }
}

/// The struct or enum that a type is one of.
fn nominal(ty: &Ty) -> Option<AdtId> {
    match ty {
        Ty::Adt(id, _) => Some(*id),
        _ => None,
    }
}

/// Whether a closed type is the pattern with something for its parameters, which are filled in.
fn matches(pattern: &Ty, ty: &Ty, bound: &mut Vec<Option<Ty>>) -> bool {
    let all = |a: &[Ty], b: &[Ty], bound: &mut Vec<Option<Ty>>| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| matches(a, b, bound))
    };
    match (pattern, ty) {
        (Ty::Param(i), _) => match bound.get_mut(*i as usize) {
            Some(Some(known)) => known == ty,
            Some(empty) => {
                *empty = Some(ty.clone());
                true
            }
            None => false,
        },
        (Ty::List(a), Ty::List(b)) | (Ty::Set(a), Ty::Set(b)) => matches(a, b, bound),
        (Ty::Map(k, v), Ty::Map(l, w)) => matches(k, l, bound) && matches(v, w, bound),
        (Ty::Tuple(a), Ty::Tuple(b)) => all(a, b, bound),
        (Ty::Adt(i, a), Ty::Adt(j, b)) => i == j && all(a, b, bound),
        (Ty::Fn(f), Ty::Fn(g)) => {
            f.params.len() == g.params.len()
                && f.params
                    .iter()
                    .zip(&g.params)
                    .all(|(a, b)| a.mutable == b.mutable && matches(&a.ty, &b.ty, bound))
                && matches(&f.ret, &g.ret, bound)
        }
        _ => pattern == ty,
    }
}

/// How deep type arguments are nested.
fn nesting(ty: &Ty) -> usize {
    let most = |list: &[Ty]| list.iter().map(nesting).max().unwrap_or(0);
    match ty {
        Ty::List(t) | Ty::Set(t) => 1 + nesting(t),
        Ty::Map(k, v) => 1 + nesting(k).max(nesting(v)),
        Ty::Tuple(parts) => 1 + most(parts),
        Ty::Adt(_, args) if args.is_empty() => 0,
        Ty::Adt(_, args) => 1 + most(args),
        Ty::Fn(f) => {
            1 + f
                .params
                .iter()
                .map(|p| nesting(&p.ty))
                .max()
                .unwrap_or(0)
                .max(nesting(&f.ret))
        }
        _ => 0,
    }
}

/// `name[A, B]`.
fn name_of(lowerer: &Lowerer, name: &str, args: &[Ty]) -> String {
    if args.is_empty() {
        return name.to_string();
    }
    let args: Vec<String> = args.iter().map(|t| show_type(lowerer, t)).collect();
    format!("{name}[{}]", args.join(", "))
}

/// A closed type as the source writes it.
pub(super) fn show_type(lowerer: &Lowerer, ty: &Ty) -> String {
    let list = |parts: &[Ty]| {
        parts
            .iter()
            .map(|t| show_type(lowerer, t))
            .collect::<Vec<_>>()
            .join(", ")
    };
    match ty {
        Ty::List(t) => format!("List[{}]", show_type(lowerer, t)),
        Ty::Set(t) => format!("Set[{}]", show_type(lowerer, t)),
        Ty::Map(k, v) => format!("Map[{}, {}]", show_type(lowerer, k), show_type(lowerer, v)),
        Ty::Tuple(parts) => format!("({})", list(parts)),
        Ty::Adt(id, args) if *id == lowerer.known.option => match &args[0] {
            inner @ Ty::Adt(id, _) if *id == lowerer.known.option => {
                format!("({})?", show_type(lowerer, inner))
            }
            inner => format!("{}?", show_type(lowerer, inner)),
        },
        Ty::Adt(id, args) if args.is_empty() => lowerer.adt(*id).name.to_string(),
        Ty::Adt(id, args) => format!("{}[{}]", lowerer.adt(*id).name, list(args)),
        Ty::Fn(f) => {
            let params: Vec<String> = f
                .params
                .iter()
                .map(|p| {
                    format!(
                        "{}{}",
                        if p.mutable { "mut " } else { "" },
                        show_type(lowerer, &p.ty)
                    )
                })
                .collect();
            format!(
                "fn({}) -> {}",
                params.join(", "),
                show_type(lowerer, &f.ret)
            )
        }
        Ty::Host(name) => name.to_string(),
        other => format!("{other:?}"),
    }
}
