//! Last uses: where reading a variable can move its value instead of sharing it.
//!
//! One walk backwards over a body in the order of evaluation, with the set of locals that are still needed.
//! A read of a local that is not in the set is its last use on that path. Loops are treated once and
//! conservatively: whatever a loop mentions is needed at its head and at its `break`s, so no variable from
//! outside is moved inside a loop unless the path leaves the function.

use crate::hir::{Arg, Expr, ExprKind, Lambda, LocalId, Pattern, PatternKind, Place, Stmt};
use crate::visit::{each_of_args, each_part, step_expr, visit};
use rustc_hash::FxHashSet;
use std::collections::BTreeSet;

/// The reads (by address of the expression) that are last uses, and the lambdas' captures that are.
#[derive(Default)]
pub struct Moves {
    reads: FxHashSet<*const Expr>,
    captures: FxHashSet<(*const Lambda, LocalId)>,
}

impl Moves {
    /// Whether this read of a local is its last use.
    pub fn is_last(&self, read: &Expr) -> bool {
        self.reads.contains(&(read as *const Expr))
    }

    /// Whether the lambda's capture of the local is its last use.
    pub fn captures_last(&self, lambda: &Lambda, local: LocalId) -> bool {
        self.captures.contains(&(lambda as *const Lambda, local))
    }
}

/// A set of locals, as bits.
#[derive(Clone, Default)]
struct Live(Vec<u64>);

impl Live {
    /// Whether it was not there.
    fn insert(&mut self, local: LocalId) -> bool {
        let (word, bit) = (local.index() / 64, 1 << (local.index() % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }

    fn remove(&mut self, local: LocalId) {
        if let Some(word) = self.0.get_mut(local.index() / 64) {
            *word &= !(1 << (local.index() % 64));
        }
    }

    fn add(&mut self, other: &Live) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }
}

impl Extend<LocalId> for Live {
    fn extend<I: IntoIterator<Item = LocalId>>(&mut self, locals: I) {
        locals.into_iter().for_each(|l| {
            self.insert(l);
        });
    }
}

impl FromIterator<LocalId> for Live {
    fn from_iter<I: IntoIterator<Item = LocalId>>(locals: I) -> Live {
        let mut live = Live::default();
        live.extend(locals);
        live
    }
}

/// Finds the last uses of a body; `kept` (its `inout` parameters) are needed on every way out.
pub fn moves(body: &Expr, kept: &[LocalId]) -> Moves {
    let mut walk = Walk {
        moves: Moves::default(),
        at_return: kept.iter().copied().collect(),
        loops: vec![],
    };
    let mut live = walk.at_return.clone();
    walk.expr(body, &mut live);
    walk.moves
}

/// Every local that an expression mentions, those it binds included.
pub fn mentioned(expr: &Expr) -> BTreeSet<LocalId> {
    let mut all = BTreeSet::new();
    visit(expr, &mut |e| match &e.kind {
        ExprKind::Local(l) => {
            all.insert(*l);
        }
        ExprKind::Lambda(lambda) => all.extend(&lambda.captures),
        _ => all.extend(places(e).map(|p| p.root)),
    });
    all
}

/// Every local that an expression assigns to or lends.
pub fn changed(expr: &Expr) -> BTreeSet<LocalId> {
    let mut all = BTreeSet::new();
    visit(expr, &mut |e| all.extend(places(e).map(|p| p.root)));
    all
}

/// Every local that an expression binds.
pub fn defined(expr: &Expr) -> BTreeSet<LocalId> {
    let mut all = vec![];
    visit(expr, &mut |e| match &e.kind {
        ExprKind::Is { pattern, .. } | ExprKind::For { pattern, .. } => bound(pattern, &mut all),
        ExprKind::Match { arms, .. } => arms.iter().for_each(|a| bound(&a.pattern, &mut all)),
        ExprKind::Block(stmts, _) => stmts.iter().for_each(|s| {
            if let Stmt::Let { pattern, .. } = s {
                bound(pattern, &mut all);
            }
        }),
        _ => {}
    });
    all.into_iter().collect()
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

/// The direct parts of an expression, in order of evaluation.
fn parts(expr: &Expr) -> Vec<&Expr> {
    let mut all = vec![];
    each_part(expr, &mut |part| all.push(part));
    all
}

/// The locals that a pattern binds.
pub fn bound(pattern: &Pattern, out: &mut Vec<LocalId>) {
    match &pattern.kind {
        PatternKind::Bind { local, .. } => out.push(*local),
        PatternKind::Variant { fields, .. } => fields.iter().for_each(|(_, p)| bound(p, out)),
        PatternKind::Tuple(parts) => parts.iter().for_each(|p| bound(p, out)),
        // All alternatives bind the same.
        PatternKind::Or(parts) => parts.iter().take(1).for_each(|p| bound(p, out)),
        PatternKind::List {
            before,
            rest,
            after,
        } => {
            before.iter().chain(after).for_each(|p| bound(p, out));
            out.extend(rest.iter().flatten());
        }
        _ => {}
    }
}

struct Walk {
    moves: Moves,
    at_return: Live,
    /// For each open loop: needed at its `break`s, needed at its head.
    loops: Vec<(Live, Live)>,
}

impl Walk {
    fn list<'a>(&mut self, list: impl DoubleEndedIterator<Item = &'a Expr>, live: &mut Live) {
        for e in list.rev() {
            self.expr(e, live);
        }
    }

    fn unbind(pattern: &Pattern, live: &mut Live) {
        let mut all = vec![];
        bound(pattern, &mut all);
        for local in all {
            live.remove(local);
        }
    }

    /// `live` is what is needed after the expression, and then what is needed before it.
    fn expr(&mut self, e: &Expr, live: &mut Live) {
        match &e.kind {
            ExprKind::Local(local) => {
                if live.insert(*local) {
                    self.moves.reads.insert(e);
                }
            }
            ExprKind::Lambda(lambda) => {
                for local in lambda.captures.iter().rev() {
                    if live.insert(*local) {
                        self.moves.captures.insert((&**lambda, *local));
                    }
                }
                // Inside, captures are parameters that are only lent.
                let outer = std::mem::take(&mut self.loops);
                let at_return: Live = lambda
                    .params
                    .iter()
                    .filter(|p| p.mutable)
                    .map(|p| p.local)
                    .chain(lambda.captures.clone())
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
                let mut after_guard = Live::default();
                if arms.iter().any(|a| a.guard.is_some()) {
                    for part in arms.iter().flat_map(|a| a.guard.iter().chain([&a.body])) {
                        after_guard.extend(mentioned(part));
                    }
                }
                let mut before = Live::default();
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
                let mut values = vec![];
                each_of_args(args, &mut |part| values.push(part));
                self.list(values.into_iter(), live);
                if let ExprKind::CallValue(callee, _) = &e.kind {
                    self.base(callee, live);
                }
            }
            _ => self.list(parts(e).into_iter(), live),
        }
    }

    /// A value that is only looked at: a variable is needed but not moved.
    fn base(&mut self, e: &Expr, live: &mut Live) {
        match &e.kind {
            ExprKind::Local(local) => {
                live.insert(*local);
            }
            _ => self.expr(e, live),
        }
    }

    fn looked_at(&mut self, value: &Expr, place: Option<&Place>, live: &mut Live) {
        match place {
            Some(place) => {
                live.insert(place.root);
                self.list(place.steps.iter().filter_map(step_expr), live);
            }
            // What is matched for the last time can be taken apart.
            None => self.expr(value, live),
        }
    }

    fn repeat(&mut self, whole: &Expr, live: &mut Live, body: impl FnOnce(&mut Walk, &mut Live)) {
        let own = defined(whole);
        live.extend(mentioned(whole).difference(&own).copied());
        self.loops.push((live.clone(), live.clone()));
        let mut inside = live.clone();
        body(self, &mut inside);
        self.loops.pop();
    }
}
