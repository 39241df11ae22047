//! Last uses: where reading a variable can move its value instead of sharing it.
//!
//! One walk backwards over a body in the order of evaluation, with the set of locals that are still needed.
//! A read of a local that is not in the set is its last use on that path. Loops are treated once and
//! conservatively: whatever a loop mentions is needed at its head and at its `break`s, so no variable from
//! outside is moved inside a loop unless the path leaves the function.

use crate::hir::{Arg, Expr, ExprKind, Lambda, LocalId, Pattern, PatternKind, Place, Stmt};
use crate::visit::{each_of_args, each_part, step_expr, visit};

/// The reads (by address of the expression) that are last uses, and the lambdas' captures that are; both sorted.
#[derive(Default)]
pub struct Moves {
    reads: Vec<*const Expr>,
    captures: Vec<(*const Lambda, LocalId)>,
}

impl Moves {
    /// Whether this read of a local is its last use.
    pub fn is_last(&self, read: &Expr) -> bool {
        self.reads.binary_search(&(read as *const Expr)).is_ok()
    }

    /// Whether the lambda's capture of the local is its last use.
    pub fn captures_last(&self, lambda: &Lambda, local: LocalId) -> bool {
        let capture = (lambda as *const Lambda, local);
        self.captures.binary_search(&capture).is_ok()
    }
}

/// A set of locals, as bits: those of the first 64 locals, of which few functions have more, and the others.
#[derive(Clone, Default)]
pub struct Locals {
    first: u64,
    rest: Vec<u64>,
}

impl Locals {
    /// Whether it was not there.
    fn insert(&mut self, local: LocalId) -> bool {
        let (word, bit) = (local.index() / 64, 1 << (local.index() % 64));
        if word > self.rest.len() {
            self.rest.resize(word, 0);
        }
        let bits = match word.checked_sub(1) {
            Some(word) => &mut self.rest[word],
            None => &mut self.first,
        };
        let new = *bits & bit == 0;
        *bits |= bit;
        new
    }

    fn remove(&mut self, local: LocalId) {
        let (word, bit) = (local.index() / 64, 1 << (local.index() % 64));
        match word.checked_sub(1) {
            Some(word) => {
                if let Some(bits) = self.rest.get_mut(word) {
                    *bits &= !bit;
                }
            }
            None => self.first &= !bit,
        }
    }

    /// Whether the local is there.
    pub fn contains(&self, local: LocalId) -> bool {
        let (word, bit) = (local.index() / 64, 1u64 << (local.index() % 64));
        let bits = match word.checked_sub(1) {
            Some(word) => self.rest.get(word).copied().unwrap_or(0),
            None => self.first,
        };
        bits & bit != 0
    }

    fn add(&mut self, other: &Locals) {
        self.first |= other.first;
        if self.rest.len() < other.rest.len() {
            self.rest.resize(other.rest.len(), 0);
        }
        let both = self.rest.iter_mut().zip(&other.rest);
        both.for_each(|(a, b)| *a |= b);
    }

    /// Takes out what the other has.
    fn take_out(&mut self, other: &Locals) {
        self.first &= !other.first;
        let both = self.rest.iter_mut().zip(&other.rest);
        both.for_each(|(a, b)| *a &= !b);
    }

    /// The locals in order.
    pub fn iter(&self) -> impl Iterator<Item = LocalId> {
        let words = std::iter::once(self.first).chain(self.rest.iter().copied());
        words.zip(0u32..).flat_map(|(mut bits, word)| {
            std::iter::from_fn(move || {
                let bit = (bits != 0).then(|| bits.trailing_zeros())?;
                bits &= bits - 1;
                Some(LocalId(word * 64 + bit))
            })
        })
    }
}

impl Extend<LocalId> for Locals {
    fn extend<I: IntoIterator<Item = LocalId>>(&mut self, locals: I) {
        locals.into_iter().for_each(|l| {
            self.insert(l);
        });
    }
}

impl FromIterator<LocalId> for Locals {
    fn from_iter<I: IntoIterator<Item = LocalId>>(locals: I) -> Locals {
        let mut all = Locals::default();
        all.extend(locals);
        all
    }
}

/// Finds the last uses of a body; `kept` (its `inout` parameters) are needed on every way out.
pub fn moves(body: &Expr, kept: &[LocalId]) -> Moves {
    let mut walk = Walk {
        moves: Moves::default(),
        at_return: kept.iter().copied().collect(),
        loops: vec![],
        parts: vec![],
    };
    let mut live = walk.at_return.clone();
    walk.expr(body, &mut live);
    walk.moves.reads.sort_unstable();
    walk.moves.captures.sort_unstable();
    walk.moves
}

/// Whether an expression mentions a local.
pub fn mentions(expr: &Expr, local: LocalId) -> bool {
    let mut all = Locals::default();
    add_mentioned(expr, &mut all);
    all.contains(local)
}

/// Adds every local that an expression mentions, those it binds included if they are read.
fn add_mentioned(expr: &Expr, all: &mut Locals) {
    visit(expr, &mut |e| add_used(e, all));
}

/// Adds the locals that an expression itself (not its parts) reads, changes or lends.
fn add_used(e: &Expr, all: &mut Locals) {
    match &e.kind {
        ExprKind::Local(l) => {
            all.insert(*l);
        }
        ExprKind::Lambda(lambda) => all.extend(lambda.captures.iter().copied()),
        _ => all.extend(places(e).map(|p| p.root)),
    }
}

/// Adds every local that an expression assigns to or lends.
pub fn add_changed(expr: &Expr, all: &mut Locals) {
    visit(expr, &mut |e| all.extend(places(e).map(|p| p.root)));
}

/// Every local that an expression binds.
pub fn defined(expr: &Expr) -> Locals {
    let mut all = Locals::default();
    visit(expr, &mut |e| add_defined(e, &mut all));
    all
}

/// Adds the locals that an expression itself (not its parts) binds.
fn add_defined(e: &Expr, all: &mut Locals) {
    match &e.kind {
        ExprKind::Is { pattern, .. } | ExprKind::For { pattern, .. } => add_bound(pattern, all),
        ExprKind::Match { arms, .. } => arms.iter().for_each(|a| add_bound(&a.pattern, all)),
        ExprKind::Block(stmts, _) => stmts.iter().for_each(|s| {
            if let Stmt::Let { pattern, .. } = s {
                add_bound(pattern, all);
            }
        }),
        _ => {}
    }
}

/// The places that an expression itself (not its parts) changes or lends.
pub fn places(e: &Expr) -> impl Iterator<Item = &Place> {
    let (one, args): (Option<&Place>, &[Arg]) = match &e.kind {
        ExprKind::Assign(p, _) | ExprKind::AssignOp(_, p, _) => (Some(p), &[]),
        ExprKind::Is { place, .. } | ExprKind::Match { place, .. } => (place.as_deref(), &[]),
        ExprKind::Call(_, args) | ExprKind::CallTrait(_, args) | ExprKind::CallValue(_, args) => {
            (None, args)
        }
        _ => (None, &[]),
    };
    one.into_iter().chain(args.iter().filter_map(|a| match a {
        Arg::Lent(p) => Some(p),
        Arg::Value(_) => None,
    }))
}

/// The locals that a pattern binds.
pub fn bound(pattern: &Pattern, out: &mut Vec<LocalId>) {
    each_bound(pattern, &mut |local| out.push(local));
}

fn add_bound(pattern: &Pattern, all: &mut Locals) {
    each_bound(pattern, &mut |local| {
        all.insert(local);
    });
}

fn each_bound(pattern: &Pattern, f: &mut impl FnMut(LocalId)) {
    match &pattern.kind {
        PatternKind::Bind { local, .. } => f(*local),
        PatternKind::Variant { fields, .. } => fields.iter().for_each(|(_, p)| each_bound(p, f)),
        PatternKind::Tuple(parts) => parts.iter().for_each(|p| each_bound(p, f)),
        // All alternatives bind the same.
        PatternKind::Or(parts) => parts.iter().take(1).for_each(|p| each_bound(p, f)),
        PatternKind::List {
            before,
            rest,
            after,
        } => {
            before.iter().chain(after).for_each(|p| each_bound(p, f));
            rest.iter().flatten().for_each(|local| f(*local));
        }
        _ => {}
    }
}

struct Walk<'e> {
    moves: Moves,
    at_return: Locals,
    /// For each open loop: needed at its `break`s, needed at its head.
    loops: Vec<(Locals, Locals)>,
    /// Parts of expressions that are still to be looked at, from the last one on.
    parts: Vec<&'e Expr>,
}

impl<'e> Walk<'e> {
    fn list(&mut self, list: impl DoubleEndedIterator<Item = &'e Expr>, live: &mut Locals) {
        for e in list.rev() {
            self.expr(e, live);
        }
    }

    /// Looks at the parts beyond the first `count`, the last one first.
    fn parts_down_to(&mut self, count: usize, live: &mut Locals) {
        while self.parts.len() > count
            && let Some(part) = self.parts.pop()
        {
            self.expr(part, live);
        }
    }

    fn unbind(pattern: &Pattern, live: &mut Locals) {
        each_bound(pattern, &mut |local| live.remove(local));
    }

    /// `live` is what is needed after the expression, and then what is needed before it.
    fn expr(&mut self, e: &'e Expr, live: &mut Locals) {
        match &e.kind {
            ExprKind::Local(local) => {
                if live.insert(*local) {
                    self.moves.reads.push(e);
                }
            }
            ExprKind::Lambda(lambda) => {
                for local in lambda.captures.iter().rev() {
                    if live.insert(*local) {
                        self.moves.captures.push((&**lambda, *local));
                    }
                }
                // Inside, captures are parameters that are only lent.
                let outer = std::mem::take(&mut self.loops);
                let at_return: Locals = lambda
                    .params
                    .iter()
                    .filter(|p| p.mutable)
                    .map(|p| p.local)
                    .chain(lambda.captures.iter().copied())
                    .collect();
                let outer_return = std::mem::replace(&mut self.at_return, at_return.clone());
                let mut inside = at_return;
                self.expr(&lambda.body, &mut inside);
                self.at_return = outer_return;
                self.loops = outer;
            }
            ExprKind::And(a, b) | ExprKind::Or(a, b) | ExprKind::Coalesce(a, b) => {
                let mut right = live.clone();
                self.expr(b, &mut right);
                live.add(&right);
                self.expr(a, live);
            }
            ExprKind::If {
                condition,
                then,
                otherwise,
            } => {
                let mut other = live.clone();
                if let Some(otherwise) = otherwise {
                    self.expr(otherwise, &mut other);
                }
                self.expr(then, live);
                live.add(&other);
                self.expr(condition, live);
            }
            ExprKind::Match { value, place, arms } => {
                // A guard may fail, and then the next arm is tried, which looks at everything again.
                let mut after_guard = Locals::default();
                if arms.iter().any(|a| a.guard.is_some()) {
                    for part in arms.iter().flat_map(|a| a.guard.iter().chain([&a.body])) {
                        add_mentioned(part, &mut after_guard);
                    }
                }
                let mut before = Locals::default();
                for arm in arms {
                    let mut this = live.clone();
                    self.expr(&arm.body, &mut this);
                    if let Some(guard) = &arm.guard {
                        this.add(&after_guard);
                        self.expr(guard, &mut this);
                    }
                    Self::unbind(&arm.pattern, &mut this);
                    before.add(&this);
                }
                *live = before;
                self.looked_at(value, place.as_deref(), live);
            }
            ExprKind::Is {
                value,
                place,
                pattern,
            } => {
                Self::unbind(pattern, live);
                self.looked_at(value, place.as_deref(), live);
            }
            ExprKind::Block(stmts, tail) => {
                if let Some(tail) = tail {
                    self.expr(tail, live);
                }
                for stmt in stmts.iter().rev() {
                    match stmt {
                        Stmt::Expr(e) => self.expr(e, live),
                        Stmt::Let {
                            pattern,
                            value,
                            otherwise,
                        } => {
                            Self::unbind(pattern, live);
                            if let Some(otherwise) = otherwise {
                                let mut other = live.clone();
                                self.expr(otherwise, &mut other);
                                live.add(&other);
                            }
                            self.expr(value, live);
                        }
                    }
                }
            }
            ExprKind::While { condition, body } => {
                self.repeat(e, live, |walk, live| {
                    walk.expr(body, live);
                    walk.expr(condition, live);
                });
            }
            ExprKind::For {
                pattern,
                value,
                body,
                ..
            } => {
                self.repeat(e, live, |walk, live| {
                    walk.expr(body, live);
                    Self::unbind(pattern, live);
                });
                self.expr(value, live);
            }
            ExprKind::Return(value) => {
                *live = self.at_return.clone();
                self.expr(value, live);
            }
            ExprKind::Break => {
                if let Some((at_break, _)) = self.loops.last() {
                    live.clone_from(at_break);
                }
            }
            ExprKind::Continue => {
                if let Some((_, head)) = self.loops.last() {
                    live.clone_from(head);
                }
            }
            ExprKind::Assign(place, value) => {
                // `x = f(x)` moves `x`; before that it counts as needed, so that it is alive wherever it may
                // be given a new value.
                if place.steps.is_empty() {
                    live.remove(place.root);
                } else {
                    live.insert(place.root);
                }
                self.expr(value, live);
                self.list(place.steps.iter().filter_map(step_expr), live);
                live.insert(place.root);
            }
            ExprKind::AssignOp(_, place, value) => {
                live.insert(place.root);
                self.expr(value, live);
                self.list(place.steps.iter().filter_map(step_expr), live);
            }
            // A value read through a path is looked at; the variable stays.
            ExprKind::Field(base, _) => self.base(base, live),
            ExprKind::Index(base, index) | ExprKind::Slice(base, index) => {
                self.expr(index, live);
                self.base(base, live);
            }
            ExprKind::Call(_, args)
            | ExprKind::CallTrait(_, args)
            | ExprKind::CallValue(_, args) => {
                live.extend(places(e).map(|p| p.root));
                let count = self.parts.len();
                each_of_args(args, &mut |part| self.parts.push(part));
                self.parts_down_to(count, live);
                if let ExprKind::CallValue(callee, _) = &e.kind {
                    self.base(callee, live);
                }
            }
            _ => {
                let count = self.parts.len();
                each_part(e, &mut |part| self.parts.push(part));
                self.parts_down_to(count, live);
            }
        }
    }

    /// A value that is only looked at: a variable is needed but not moved.
    fn base(&mut self, e: &'e Expr, live: &mut Locals) {
        match &e.kind {
            ExprKind::Local(local) => {
                live.insert(*local);
            }
            _ => self.expr(e, live),
        }
    }

    fn looked_at(&mut self, value: &'e Expr, place: Option<&'e Place>, live: &mut Locals) {
        match place {
            Some(place) => {
                live.insert(place.root);
                self.list(place.steps.iter().filter_map(step_expr), live);
            }
            // What is matched for the last time can be taken apart.
            None => self.expr(value, live),
        }
    }

    fn repeat(
        &mut self,
        whole: &Expr,
        live: &mut Locals,
        body: impl FnOnce(&mut Self, &mut Locals),
    ) {
        let (mut outer, mut own) = (Locals::default(), Locals::default());
        visit(whole, &mut |e| {
            add_used(e, &mut outer);
            add_defined(e, &mut own);
        });
        outer.take_out(&own);
        live.add(&outer);
        self.loops.push((live.clone(), live.clone()));
        let mut inside = live.clone();
        body(self, &mut inside);
        self.loops.pop();
    }
}
