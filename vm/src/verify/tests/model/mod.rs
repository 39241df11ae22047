//! The model: an abstract machine over a heap with real counts. It knows nothing of owners, borrows or flags,
//! only what each instruction does to cells and their counts; and after each instruction it compares the heap
//! with what the verifier says of the values at that point:
//!
//! - every cell's count is the number of references in live owned values and in other cells;
//! - a slot said to be unique holds the only reference to its cell, which is no constant;
//! - what live and usable borrowed values refer to is still there;
//! - an update enters through a cell with one owner;
//! - at the end nothing is left.
//!
//! Conditions, numbers of turns and keys are chosen at random, so all ways are walked whatever the values are.

mod body;
mod heap;
mod instructions;
mod paths;

use std::collections::BTreeMap;

use cop_bytecode::{Layouts, Mode, Package, TypeId, Value};

use super::kit::Random;

pub(super) type Slots = Vec<u64>;

/// The pinned cells of variants without payload have these numbers, plus one.
const VARIANTS: usize = 256;

#[derive(Clone, Debug)]
struct Cell {
    count: u32,
    pinned: bool,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Text(String),
    List(TypeId, Vec<Slots>),
    /// Keys and values; a set's values have no slots.
    Entries(TypeId, TypeId, Vec<Option<(Slots, Slots)>>),
    Parts(u32, Vec<(TypeId, Slots)>),
    Closure(u32, Vec<(TypeId, Slots)>),
}

impl Content {
    fn children(&self) -> Vec<(TypeId, &Slots)> {
        match self {
            Content::Text(_) => vec![],
            Content::List(ty, items) => items.iter().map(|item| (*ty, item)).collect(),
            Content::Entries(key, value, entries) => {
                let both = |(k, v)| [(*key, k), (*value, v)];
                let live = entries.iter().flatten().map(|(k, v)| (k, v));
                live.flat_map(both).collect()
            }
            Content::Parts(_, parts) | Content::Closure(_, parts) => {
                parts.iter().map(|(ty, slots)| (*ty, slots)).collect()
            }
        }
    }
}

/// What the verifier says before an instruction.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    /// Live owned values with their unique slots.
    pub(super) owned: Vec<(u32, u64)>,
    /// Borrowed values that may be used.
    pub(super) borrowed: Vec<u32>,
}

/// Why a run ended early: a trap, or enough steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ended;

type Run<T> = Result<T, Ended>;

struct Frame {
    function: usize,
    env: Vec<Slots>,
    at: usize,
    /// Operands given to the call at hand.
    given: Vec<Value>,
}

pub(super) struct Machine<'a> {
    package: &'a Package,
    layouts: &'a Layouts,
    /// Per function, its values' types.
    types: Vec<&'a [TypeId]>,
    /// Per function and instruction.
    said: &'a [Vec<Said>],
    heap: Vec<Option<Cell>>,
    frames: Vec<Frame>,
    /// What the outermost call was lent.
    lent: Vec<(TypeId, Slots)>,
    random: &'a mut Random,
    steps_left: usize,
    pub(super) steps: usize,
    pub(super) updates: usize,
}

impl<'a> Machine<'a> {
    pub(super) fn new(
        package: &'a Package,
        layouts: &'a Layouts,
        types: Vec<&'a [TypeId]>,
        said: &'a [Vec<Said>],
        random: &'a mut Random,
    ) -> Machine<'a> {
        let pinned = |tag| Cell {
            count: 0,
            pinned: true,
            content: Content::Parts(tag, vec![]),
        };
        let mut heap = vec![None];
        heap.extend((0..VARIANTS as u32).map(|tag| Some(pinned(tag))));
        Machine {
            package,
            layouts,
            types,
            said,
            heap,
            frames: vec![],
            lent: vec![],
            random,
            steps_left: 600,
            steps: 0,
            updates: 0,
        }
    }

    /// Calls a function with arguments made up, and checks that nothing is left when it returns.
    pub(super) fn run_function(&mut self, function: usize) -> Run<()> {
        let code = &self.package.functions[function];
        let mut args = Vec::new();
        for param in &code.params {
            let made = self.make_up(param.ty, 0);
            if matches!(param.mode, Mode::Borrow | Mode::Look) {
                self.lent.push((param.ty, made.clone()));
            }
            args.push(made);
        }
        let mut results = self.call(function, args)?.into_iter();
        if let Some(result) = results.next() {
            self.drop_value(code.result, &result);
        }
        let inout = code.params.iter().filter(|p| p.mode == Mode::InOut);
        for (param, result) in inout.zip(results) {
            self.drop_value(param.ty, &result);
        }
        for (ty, slots) in std::mem::take(&mut self.lent) {
            self.drop_value(ty, &slots);
        }
        let left = self.heap.iter().flatten().filter(|c| !c.pinned).count();
        assert_eq!(left, 0, "cells are left after the run");
        Ok(())
    }

    /// Compares the heap with what the verifier says before the instruction at hand.
    fn check(&mut self) {
        let mut owners: BTreeMap<u64, u32> = BTreeMap::new();
        let mut count = |references: Vec<(usize, u64)>| {
            for (_, id) in references {
                *owners.entry(id).or_default() += 1;
            }
        };
        for (ty, slots) in &self.lent {
            count(self.references(*ty, slots));
        }
        for (depth, frame) in self.frames.iter().enumerate() {
            let said = &self.said[frame.function][frame.at];
            let top = depth + 1 == self.frames.len();
            for (value, unique) in &said.owned {
                if frame.given.contains(&Value(*value)) {
                    continue;
                }
                let ty = self.types[frame.function][*value as usize];
                let references = self.references(ty, &frame.env[*value as usize]);
                for (slot, id) in references.iter().filter(|_| top) {
                    let cell = self.heap[*id as usize].as_ref();
                    let alone = cell.is_some_and(|c| c.count == 1 && !c.pinned);
                    let said_so = unique >> slot & 1 == 1 && *id > VARIANTS as u64;
                    assert!(alone || !said_so, "slot {slot} of %{value} is not unique");
                }
                count(references);
            }
            for value in said.borrowed.iter().filter(|_| top) {
                let ty = self.types[frame.function][*value as usize];
                for (_, id) in self.references(ty, &frame.env[*value as usize]) {
                    let there = self.heap[id as usize].is_some();
                    assert!(there, "%{value} is borrowed from what is freed");
                }
            }
        }
        for cell in self.heap.iter().flatten() {
            for (ty, slots) in cell.content.children() {
                count(self.references(ty, slots));
            }
        }
        for (id, cell) in self.heap.iter().enumerate() {
            let Some(cell) = cell.as_ref().filter(|c| !c.pinned) else {
                continue;
            };
            let found = owners.get(&(id as u64)).copied().unwrap_or(0);
            assert_eq!(cell.count, found, "the count of cell {id} lies");
        }
    }
}
