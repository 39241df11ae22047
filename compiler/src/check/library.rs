//! Bodies of the core and of `std`, where all of a program is checked before any of it is lowered: only those that the
//! program can reach are checked, so that a program costs what it uses; nor are they even read before. (All of them are checked by the compiler's own tests, see [`CheckOptions::library`].)
//!
//! What is reached is what lowering may ask for, or a little more: which impl a trait's function is depends on types that
//! are known only there, so a trait that is used takes all of its impls along. `Eq`, `Ord`, `Hash` and `Show` are used
//! without being named, by operators, collections and strings, and so always count as used.

use super::*;
use crate::hir::Builtin;
use std::collections::BTreeSet;

/// What finished bodies name, and nobody has looked at yet.
#[derive(Default)]
pub(super) struct Reach {
    fns: Vec<FnId>,
    consts: Vec<ConstId>,
    traits: Vec<TraitId>,
    /// Traits whose functions are among `fns` already.
    known: BTreeSet<TraitId>,
}

impl Checker<'_> {
    /// Whether a body stands in the library and waits until it is needed.
    pub(super) fn waits(&self, module: usize) -> bool {
        self.is_std(module) && !self.whole_library
    }

    /// Notes that a finished body names a function.
    pub(super) fn reach_fn(&mut self, id: FnId) {
        if !self.on_demand && self.waits(self.program.fns[id.index()].module as usize) {
            self.reach.fns.push(id);
        }
    }

    /// Notes that a finished body names a constant.
    pub(super) fn reach_const(&mut self, id: ConstId) {
        if !self.on_demand && self.waits(self.consts[id.index()].module) {
            self.reach.consts.push(id);
        }
    }

    /// Notes that a finished body uses a trait.
    pub(super) fn reach_trait(&mut self, id: TraitId) {
        if self.reach.known.insert(id) {
            self.reach.traits.push(id);
        }
    }

    fn reach_builtin(&mut self, builtin: Builtin) {
        if let Some(id) = self.known.builtin[builtin as usize] {
            self.reach_trait(id);
        }
    }

    /// Checks the bodies of the library that the checked ones can reach.
    pub(super) fn reached_bodies(&mut self) {
        for builtin in [Builtin::Eq, Builtin::Ord, Builtin::Hash, Builtin::Show] {
            self.reach_builtin(builtin);
        }
        let mut consts = self.consts.iter();
        let mut fns = self.fns.iter().zip(&self.program.fns);
        let evaluated = consts.any(|info| info.state == ConstState::Done)
            || fns.any(|(info, function)| {
                info.owner == Owner::Default && !self.is_std(function.module as usize)
            });
        // What the compiler evaluates comes back as `Data`.
        if evaluated {
            self.reach_builtin(Builtin::Data);
        }
        let has = |name: &str| self.scopes[0].values.contains_key(name);
        let (command, web) = (has("main"), has("handle"));
        for (name, id) in self.program.lang.fns.clone() {
            if command && name.starts_with("command_") || web && name.starts_with("web_") {
                self.reach_fn(id);
            }
        }
        loop {
            if let Some(id) = self.reach.fns.pop() {
                if self.bodies[id.index()].is_none() {
                    self.check_function(id);
                }
            } else if let Some(id) = self.reach.consts.pop() {
                let span = self.program.consts[id.index()].span;
                self.check_const(id, span);
            } else if let Some(id) = self.reach.traits.pop() {
                self.reach_functions_of(id);
            } else {
                return;
            }
        }
    }

    /// A trait's own functions and those of all its impls.
    fn reach_functions_of(&mut self, id: TraitId) {
        let own = self.program.traits[id.index()].methods.iter();
        let mut fns: Vec<FnId> = own.map(|method| method.function).collect();
        let impls = self.program.impls.iter().filter(|one| one.of.id == id);
        fns.extend(impls.flat_map(|one| one.methods.iter().flatten()));
        if self.program.traits[id.index()].builtin == Some(Builtin::Data) {
            // Derived impls call functions of the core by their `@lang` names.
            let lang = self.program.lang.fns.iter();
            let entry = |name: &str| name.starts_with("command_") || name.starts_with("web_");
            fns.extend(lang.filter(|(name, _)| !entry(name)).map(|(_, id)| *id));
        }
        for id in fns {
            self.reach_fn(id);
        }
    }
}
