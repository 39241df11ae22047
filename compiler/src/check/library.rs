//! Bodies of the core and of `std`: only those that the program can reach are checked, so that a program costs what it
//! uses. (All of them are checked by the compiler's own tests, see [`CheckOptions::library`].)
//!
//! What is reached is what lowering may ask for, or a little more: which impl a trait's function is depends on types that
//! are known only there, so a trait that is used takes all of its impls along. `Eq`, `Ord`, `Hash` and `Show` are used
//! without being named, by operators, collections and strings, and so always count as used.

use super::*;
use crate::hir::{Body, ExprKind, FnBody, Walk};
use crate::visit::visit_all;
use std::collections::BTreeSet;

/// What is left to look at.
#[derive(Default)]
struct Reach {
    bodies: Vec<Rc<Body>>,
    /// Bodies that were met are not looked at again.
    fns: BTreeSet<FnId>,
    consts: BTreeSet<ConstId>,
    traits: BTreeSet<TraitId>,
}

impl Checker<'_> {
    /// Whether a body stands in the library and waits until it is needed.
    pub(super) fn waits(&self, module: usize) -> bool {
        self.is_std(module) && !self.whole_library
    }

    /// Checks the bodies of the library that the checked ones can reach.
    pub(super) fn reached_bodies(&mut self) {
        let mut reach = Reach::default();
        for function in &self.program.fns {
            if let FnBody::Body(body) = &function.body {
                reach.bodies.push(body.clone());
            }
        }
        let mut evaluated = false;
        for (info, constant) in self.consts.iter().zip(&self.program.consts) {
            if info.state == ConstState::Done {
                reach.bodies.push(constant.body.clone());
                evaluated = true;
            }
        }
        for builtin in [
            hir::Builtin::Eq,
            hir::Builtin::Ord,
            hir::Builtin::Hash,
            hir::Builtin::Show,
        ] {
            self.reach_builtin(builtin, &mut reach);
        }
        let defaults = self.fns.iter().zip(&self.program.fns);
        let own_default = |(info, function): (&FnInfo, &hir::Function)| {
            info.owner == Owner::Default && !self.is_std(function.module as usize)
        };
        // What is evaluated by the compiler comes back as `Data`.
        if evaluated || defaults.into_iter().any(own_default) {
            self.reach_builtin(hir::Builtin::Data, &mut reach);
        }
        let has = |name: &str| self.scopes[0].values.contains_key(name);
        let (command, web) = (has("main"), has("handle"));
        for (name, id) in self.program.lang.fns.clone() {
            if command && name.starts_with("command_") || web && name.starts_with("web_") {
                self.reach_fn(id, &mut reach);
            }
        }
        while let Some(body) = reach.bodies.pop() {
            let mut traits = Vec::new();
            let mut fns = Vec::new();
            let mut consts = Vec::new();
            visit_all(&body.value, &mut |expr| match &expr.kind {
                ExprKind::Call(function, _) | ExprKind::FnValue(function) => fns.push(function.id),
                ExprKind::CallTrait(method, _) | ExprKind::TraitFnValue(method) => {
                    traits.push(method.of);
                }
                ExprKind::For {
                    how: Walk::Iterator(next),
                    ..
                } => traits.push(next.of),
                ExprKind::Const(id) => consts.push(*id),
                _ => {}
            });
            for id in fns {
                self.reach_fn(id, &mut reach);
            }
            for id in traits {
                self.reach_trait(id, &mut reach);
            }
            for id in consts {
                if !reach.consts.insert(id) {
                    continue;
                }
                // Whoever asked for its type may have had it checked already.
                if self.consts[id.index()].state == ConstState::New {
                    let span = self.program.consts[id.index()].span;
                    self.check_const(id, span);
                }
                let body = self.program.consts[id.index()].body.clone();
                reach.bodies.push(body);
            }
        }
    }

    fn reach_fn(&mut self, id: FnId, reach: &mut Reach) {
        let module = self.program.fns[id.index()].module as usize;
        if !self.waits(module) || !reach.fns.insert(id) {
            return;
        }
        if let FnBody::Absent = self.program.fns[id.index()].body {
            self.check_function(id);
            if let FnBody::Body(body) = &self.program.fns[id.index()].body {
                reach.bodies.push(body.clone());
            }
        }
    }

    fn reach_builtin(&mut self, builtin: hir::Builtin, reach: &mut Reach) {
        if let Some(id) = self.known.builtin[builtin as usize] {
            self.reach_trait(id, reach);
        }
    }

    /// A trait's own functions and those of all its impls.
    fn reach_trait(&mut self, id: TraitId, reach: &mut Reach) {
        if !reach.traits.insert(id) {
            return;
        }
        let own = self.program.traits[id.index()].methods.iter();
        let mut fns: Vec<FnId> = own.map(|method| method.function).collect();
        let impls = self.program.impls.iter().filter(|one| one.of.id == id);
        fns.extend(impls.flat_map(|one| one.methods.iter().flatten()));
        if self.program.traits[id.index()].builtin == Some(hir::Builtin::Data) {
            // Derived impls call functions of the core by their `@lang` names.
            let lang = self.program.lang.fns.iter();
            let entry = |name: &str| name.starts_with("command_") || name.starts_with("web_");
            fns.extend(lang.filter(|(name, _)| !entry(name)).map(|(_, id)| *id));
        }
        for id in fns {
            self.reach_fn(id, reach);
        }
    }
}
