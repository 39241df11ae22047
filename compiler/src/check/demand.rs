//! Bodies that are checked when somebody asks for them.
//!
//! [`check`](super::check) checks every body before lowering sees the first, so all of them lie in memory at once. Here it is
//! lowering that asks: a body is read, checked, lowered and gone before the next. Of the library only what is asked for is
//! read at all. What nobody asks for is checked at the end, for its messages.
//!
//! This is for programs in order. Whatever is not — in syntax, types, constants — ends it without a word, and the program
//! is checked the other way, which says what is wrong; so messages never depend on the order in which bodies are asked for.

use super::*;
use crate::constants::Values;
use crate::hir::Body;
use crate::lower::{self, Evaluated, Lowered, Supply};

/// A program whose declarations, constants and defaults are checked, and whose bodies are when they are asked for.
pub(crate) struct Demand<'a> {
    checker: Checker<'a>,
    /// Constants that were evaluated.
    evaluated: FxHashMap<ConstId, Rc<Body>>,
    /// Bodies will be asked for more than once.
    keep: bool,
}

/// Loads a package, lets `make` ask for bodies, and checks what it did not ask for. `None` if anything is wrong anywhere.
pub(crate) fn on_demand<T>(
    root: &str,
    sources: &dyn Sources,
    files: &mut SourceMap,
    options: &CheckOptions,
    diagnostics: &mut Diagnostics,
    make: impl FnOnce(&mut Demand<'_>, &SourceMap, &mut Diagnostics) -> Option<T>,
) -> Option<T> {
    let library = crate::stdlib::SOURCES;
    let whole = load::load(root, sources, library, files, Read::Later, diagnostics)?;
    if diagnostics.has_errors() {
        return None;
    }
    let mut checker = Checker::new(files, &whole);
    checker.on_demand = true;
    checker.declare();
    checker.items();
    checker.derive();
    if checker.has_errors() {
        return None;
    }
    checker.values();
    checker.place_defaults();
    checker.cycles();
    checker.entry();
    if checker.has_errors() {
        return None;
    }
    if !options.tests {
        checker.program.tests.clear();
    }
    let mut demand = Demand {
        checker,
        evaluated: FxHashMap::default(),
        keep: true,
    };
    let made = make(&mut demand, files, diagnostics)?;
    let mut checker = demand.checker;
    for index in 0..checker.fns.len() {
        let module = checker.program.fns[index].module as usize;
        if !checker.is_std(module) {
            let id = FnId(index as u32);
            checker.check_once(id);
            checker.bodies[index] = None;
        }
    }
    if checker.has_errors() {
        return None;
    }
    checker.unused();
    tell(checker.diagnostics, &whole, diagnostics);
    (!diagnostics.has_errors()).then_some(made)
}

impl Demand<'_> {
    /// What the program declares. Bodies and constants are to be asked for.
    pub(crate) fn declared(&self) -> Rc<hir::Program> {
        self.checker.program.0.clone()
    }

    /// Says whether bodies are kept that were lowered. They are until it is said.
    pub(crate) fn keep(&mut self, keep: bool) {
        self.keep = keep;
    }
}

impl Supply for Demand<'_> {
    fn body(&mut self, id: FnId) -> Option<Rc<Body>> {
        self.checker.check_once(id);
        if self.checker.has_errors() {
            return None;
        }
        self.checker.bodies[id.index()].clone()
    }

    fn done(&mut self, id: FnId) {
        if !self.keep {
            self.checker.bodies[id.index()] = None;
        }
    }

    fn constant(&mut self, id: ConstId) -> Option<(Ty, Rc<Body>)> {
        let info = &self.checker.consts[id.index()];
        let body = self.evaluated.get(&id).or(info.body.as_ref())?;
        Some((info.ty.clone(), body.clone()))
    }
}

impl Values for Demand<'_> {
    fn program(&self) -> &hir::Program {
        &self.checker.program
    }

    fn constant(&mut self, id: ConstId) -> Option<(Ty, Rc<Body>)> {
        Supply::constant(self, id)
    }

    fn set(&mut self, id: ConstId, body: Body) {
        self.evaluated.insert(id, Rc::new(body));
    }

    fn lower(&mut self, what: Evaluated, diagnostics: &mut Diagnostics) -> Option<Lowered> {
        let program = self.declared();
        lower::lower_evaluated(&program, Some(self), what, diagnostics)
    }

    /// The other way says what has failed.
    fn gives_up(&self) -> bool {
        true
    }
}
