//! Truth values: what they say about numbers, and what numbers say about them.

use cop_bytecode::Op;
use cop_bytecode::instr::Value;

use super::bounds::Sum;
use super::walk::Walk;

/// How a truth value was made.
#[derive(Clone, Copy)]
pub(super) enum Truth {
    Unknown,
    Constant(bool),
    Compare(Op, Value, Value),
    Not(Value),
    /// Both hold.
    Both(Value, Value),
    /// One of them holds.
    Either(Value, Value),
}

impl Walk<'_> {
    /// What a truth value must be.
    pub(super) fn decide(&self, value: Value, depth: u32) -> Option<bool> {
        if depth > 4 {
            return None;
        }
        match self.truths[value.0 as usize] {
            Truth::Unknown => None,
            Truth::Constant(truth) => Some(truth),
            Truth::Compare(op, a, b) => self.compare(op, self.number(a), self.number(b)),
            Truth::Not(value) => Some(!self.decide(value, depth + 1)?),
            Truth::Both(a, b) => match (self.decide(a, depth + 1), self.decide(b, depth + 1)) {
                (Some(true), Some(true)) => Some(true),
                (Some(false), _) => Some(false),
                _ => None,
            },
            Truth::Either(a, b) => match (self.decide(a, depth + 1), self.decide(b, depth + 1)) {
                (Some(false), Some(false)) => Some(false),
                (Some(true), _) => Some(true),
                _ => None,
            },
        }
    }

    pub(super) fn compare(&self, op: Op, a: Sum, b: Sum) -> Option<bool> {
        let at_most = |a, b, more| self.bounds.at_most(a, b, more);
        let (yes, no) = match op {
            Op::I64Lt => (at_most(a, b, -1), at_most(b, a, 0)),
            Op::I64Le => (at_most(a, b, 0), at_most(b, a, -1)),
            Op::I64Gt => (at_most(b, a, -1), at_most(a, b, 0)),
            Op::I64Ge => (at_most(b, a, 0), at_most(a, b, -1)),
            Op::I64Eq | Op::I64Ne => {
                let same = at_most(a, b, 0) && at_most(b, a, 0);
                let apart = at_most(a, b, -1) || at_most(b, a, -1);
                match op {
                    Op::I64Eq => (same, apart),
                    _ => (apart, same),
                }
            }
            _ => return None,
        };
        match (yes, no) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            _ => None,
        }
    }

    /// Learns what follows when a truth value is this.
    pub(super) fn assume(&mut self, value: Value, truth: bool, depth: u32) {
        if depth > 8 {
            return;
        }
        match self.truths[value.0 as usize] {
            Truth::Unknown | Truth::Constant(_) => {}
            Truth::Not(value) => self.assume(value, !truth, depth + 1),
            Truth::Both(a, b) if truth => {
                self.assume(a, true, depth + 1);
                self.assume(b, true, depth + 1);
            }
            Truth::Either(a, b) if !truth => {
                self.assume(a, false, depth + 1);
                self.assume(b, false, depth + 1);
            }
            Truth::Both(..) | Truth::Either(..) => {}
            Truth::Compare(op, a, b) => {
                let (a, b) = (self.number(a), self.number(b));
                match (op, truth) {
                    (Op::I64Lt, true) | (Op::I64Ge, false) => self.bounds.assume(a, b, -1),
                    (Op::I64Le, true) | (Op::I64Gt, false) => self.bounds.assume(a, b, 0),
                    (Op::I64Gt, true) | (Op::I64Le, false) => self.bounds.assume(b, a, -1),
                    (Op::I64Ge, true) | (Op::I64Lt, false) => self.bounds.assume(b, a, 0),
                    (Op::I64Eq, true) | (Op::I64Ne, false) => {
                        self.bounds.assume(a, b, 0);
                        self.bounds.assume(b, a, 0);
                    }
                    (Op::I64Ne, true) | (Op::I64Eq, false) => {
                        // Only an end of a range can be cut off.
                        if self.bounds.at_most(a, b, 0) {
                            self.bounds.assume(a, b, -1);
                        } else if self.bounds.at_most(b, a, 0) {
                            self.bounds.assume(b, a, -1);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}
