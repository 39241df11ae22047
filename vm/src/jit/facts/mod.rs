//! Which checks of a function cannot fail (BYTECODE.md, section 11, "Facts").
//!
//! One walk over the bytecode in order. A whole number is a term plus a constant ([`Sum`]); what is compared, counted and
//! passed as an index says how terms lie to each other ([`Bounds`]), for all that is reached only from there. Of each
//! sequence the length is such a number too, which stays the same however its elements change.
//!
//! What a loop carries is first taken to keep what its start has (a least value, a greatest one, a length); the loop is
//! walked, and walked again without what did not hold for the next turn. The work is bounded; a function that would take
//! more keeps all its checks.

mod bounds;
mod exits;
mod loops;
mod scalars;
#[cfg(test)]
mod tests;
mod truths;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use cop_bytecode::instr::Value;
use cop_bytecode::layout::Layouts;
use cop_bytecode::{Function, Type, TypeId};

pub use bounds::Sum;

/// An instruction's own check cannot fail: of overflow, of the divisor, of the distance of a shift.
const SURE: u32 = 1;
/// The left operand is not negative.
const LEFT: u32 = 1 << 1;
/// The right operand is not negative.
const RIGHT: u32 = 1 << 2;
/// The condition always holds.
const HOLDS: u32 = 1 << 3;
/// The condition never holds.
const FAILS: u32 = 1 << 4;
/// The first step of the path is an index inside; the bits that follow say the same of the next steps.
const INSIDE: u32 = 1 << 5;
/// The first step of the path is an index that is not negative, likewise.
const ABOVE: u32 = 1 << 16;
/// How many steps of a path are looked at.
const STEPS: usize = 10;

/// What is known about a function.
pub struct Facts {
    /// Per instruction.
    of: Vec<u32>,
    /// Per value that is a sequence: its length.
    lengths: Vec<Option<Sum>>,
    /// Per value that is a number.
    numbers: Vec<Sum>,
    /// Per loop, sequences at hand before it whose length is looked at inside and stays the same.
    invariant: BTreeMap<usize, BTreeSet<Value>>,
}

/// What matters of a value's type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Bytes,
    List,
    Other,
}

impl Facts {
    /// Finds what is known about a verified function; `types` has the types of its values.
    pub fn of(
        function: &Function,
        layouts: &Layouts,
        types: &[TypeId],
        call_results: &dyn Fn(u32) -> Option<u32>,
    ) -> Facts {
        let kinds: Vec<Kind> = types
            .iter()
            .map(|ty| match layouts.get(*ty) {
                Some(Type::I64) => Kind::Number,
                Some(Type::String) => Kind::Text,
                Some(Type::Bytes) => Kind::Bytes,
                Some(Type::List(_)) => Kind::List,
                _ => Kind::Other,
            })
            .collect();
        let found = walk::walk(function, &kinds, call_results);
        found.unwrap_or_else(|| Facts::nothing(function.body.len(), types.len()))
    }

    fn nothing(instructions: usize, values: usize) -> Facts {
        Facts {
            of: vec![0; instructions],
            lengths: vec![None; values],
            numbers: Vec::new(),
            invariant: BTreeMap::new(),
        }
    }

    /// Whether the instruction's own check cannot fail.
    pub fn sure(&self, at: u32) -> bool {
        self.of[at as usize] & SURE != 0
    }

    /// Whether the left and the right operand are known not to be negative.
    pub fn positive(&self, at: u32) -> (bool, bool) {
        let of = self.of[at as usize];
        (of & LEFT != 0, of & RIGHT != 0)
    }

    /// What a condition always is.
    pub fn decided(&self, at: u32) -> Option<bool> {
        match self.of[at as usize] & (HOLDS | FAILS) {
            HOLDS => Some(true),
            FAILS => Some(false),
            _ => None,
        }
    }

    /// Whether a step of the instruction's path is an index inside.
    pub fn inside(&self, at: u32, step: usize) -> bool {
        step < STEPS && self.of[at as usize] & INSIDE << step != 0
    }

    /// Whether a step of the instruction's path is an index that is not negative.
    pub fn above(&self, at: u32, step: usize) -> bool {
        step < STEPS && self.of[at as usize] & ABOVE << step != 0
    }

    /// A name for a number: where two have the same, they are equal.
    pub fn number(&self, value: Value) -> Option<Sum> {
        self.numbers.get(value.0 as usize).copied()
    }

    /// The number, if it is known.
    pub fn constant(&self, value: Value) -> Option<i64> {
        self.number(value)?.known()
    }

    /// A name for the length of a sequence: where two have the same, they are equally long.
    pub fn length(&self, value: Value) -> Option<Sum> {
        self.lengths.get(value.0 as usize).copied().flatten()
    }

    /// Sequences at hand before a loop whose length is wanted inside, where it stays the same.
    pub fn invariant(&self, at: u32) -> impl Iterator<Item = Value> + '_ {
        self.invariant
            .get(&(at as usize))
            .into_iter()
            .flatten()
            .copied()
    }
}
