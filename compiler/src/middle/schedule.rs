//! One function after the other through the passes, so that little is there at a time.
//!
//! Callees come first. A function takes in what is put into it ([`inline`]), goes through the passes over one function up to
//! [`modes`], waits there for those with which it calls itself in a circle, goes through the rest and is done. What is put
//! in elsewhere stays as it is meanwhile; that it is needed besides is seen when somebody is done with a call of it left.
//! What nobody needs in the end is dropped.

use super::draft::{Draft, Known};
use super::inline::Bodies;
use super::order::Order;
use super::{Pass, modes, one_by_one};

/// Passes, as in [`super::PASSES`].
type Passes<'a> = &'a [(&'static str, &'static str, Pass)];

struct Schedule<'a, F> {
    functions: Vec<Option<Draft>>,
    known: &'a mut Known,
    order: Order,
    bodies: Bodies,
    /// Over one function, before how parameters are taken is decided and behind that.
    before: Passes<'a>,
    behind: Passes<'a>,
    /// Whether it is decided.
    modes: bool,
    /// Per function, whether it was looked at, and what it takes in put in.
    looked_at: Vec<bool>,
    /// Per function, whether somebody needs it apart from where it is put in.
    needed: Vec<bool>,
    /// Per function, whether closures are made of it.
    closed_over: Vec<bool>,
    /// What waits for the rest of its circle, with the last function of that; those of a circle one behind the other.
    waiting: Vec<(u32, (u32, Draft))>,
    done: F,
}

/// Runs passes, from [`Pass::Inline`] on, over the functions that `roots` reach, and gives each that is left to `done` with
/// its number. Without passes, all functions are left.
pub(super) fn run(
    functions: Vec<Option<Draft>>,
    known: &mut Known,
    roots: &[u32],
    passes: Passes,
    mut done: impl FnMut(u32, Draft),
) {
    let Some(passes) = passes.get(1..) else {
        let all = (0..).zip(functions);
        return all.for_each(|(number, draft)| draft.into_iter().for_each(|it| done(number, it)));
    };
    let decides = passes.iter().position(|pass| matches!(pass.2, Pass::Modes));
    let (before, behind) = passes.split_at(decides.unwrap_or(passes.len()));
    let order = Order::of(&functions, roots);
    let mut schedule = Schedule {
        bodies: Bodies::new(&functions, &order.functions, roots),
        known,
        before,
        behind,
        modes: decides.is_some(),
        looked_at: vec![false; functions.len()],
        needed: vec![false; functions.len()],
        closed_over: vec![false; functions.len()],
        waiting: vec![],
        functions,
        order,
        done,
    };
    schedule.begin(roots);
    for at in 0..schedule.order.functions.len() {
        schedule.look_at(schedule.order.functions[at]);
    }
}

impl<F: FnMut(u32, Draft)> Schedule<'_, F> {
    /// Takes out what nothing reaches, and notes who is needed in any case.
    fn begin(&mut self, roots: &[u32]) {
        let reached = self.functions.iter_mut().zip(&self.order.last);
        for (draft, _) in reached.filter(|(_, last)| **last == u32::MAX) {
            *draft = None;
        }
        for function in self.functions.iter().flatten().flat_map(Draft::closed_over) {
            self.closed_over[function as usize] = true;
        }
        for root in roots {
            self.needed[*root as usize] = true;
        }
    }

    /// Looks at the next function in order.
    fn look_at(&mut self, number: u32) {
        let at = number as usize;
        self.bodies.look_at(number, &mut self.functions, self.known);
        self.looked_at[at] = true;
        if self.needed[at] || !self.bodies.is_put_in(number) {
            self.improve(number);
        }
        if self.order.last[at] == number {
            let first = self.waiting.iter().rposition(|(last, _)| *last != number);
            let circle = self.waiting.drain(first.map_or(0, |at| at + 1)..);
            let circle = circle.map(|(_, function)| function).collect();
            self.complete(circle);
        }
    }

    /// Has a function go through the passes, and those that were thought to be put in everywhere but that it still needs.
    fn improve(&mut self, number: u32) {
        let circle = self.order.last[number as usize];
        // Of these, everything that they call has been looked at.
        let mut closed = vec![];
        let mut open = vec![number];
        while let Some(number) = open.pop() {
            let at = number as usize;
            let draft = match self.bodies.is_shared(number) {
                true => self.functions[at].clone(),
                false => self.functions[at].take(),
            };
            let Some(mut draft) = draft else { continue };
            self.needed[at] = true;
            one_by_one(self.before, &mut draft, self.known);
            for callee in &draft.callees {
                let at = callee.function as usize;
                if !std::mem::replace(&mut self.needed[at], true) && self.looked_at[at] {
                    open.push(callee.function);
                }
            }
            match self.order.last[at] == circle {
                true => self.waiting.push((circle, (number, draft))),
                false => closed.push((number, draft)),
            }
        }
        if !closed.is_empty() {
            self.complete(closed);
        }
    }

    /// Decides how functions that call each other take their parameters, and finishes them.
    fn complete(&mut self, mut circle: Vec<(u32, Draft)>) {
        if self.modes {
            modes::run(&mut circle, self.known, &self.closed_over);
        }
        for (number, mut draft) in circle {
            one_by_one(self.behind, &mut draft, self.known);
            (self.done)(number, draft);
        }
    }
}
