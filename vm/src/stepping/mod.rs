//! A run that somebody watches instruction by instruction: where it stands, how it came there, and what values hold.
//!
//! Whoever watches cannot change anything. He can end the run; going back is running again, up to an earlier instruction.

mod show;

use cop_bytecode::TypeId;
use std::collections::BTreeMap;

use crate::compile::compile;
use crate::interpret::Frame;
use crate::machine::Machine;
use crate::program::Inner;
use crate::run::Position;

/// Why a run ended that its watcher has ended.
pub const ENDED: &str = "whoever watched the run has ended it";

/// Somebody who watches a run.
pub trait Watcher: Send {
    /// The instruction at this moment is the next one to be run.
    fn at(&mut self, moment: &Moment<'_>) -> Watched;
}

/// What a watcher wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Watched {
    /// The run goes on.
    GoOn,
    /// The run ends, refused with `ENDED`.
    End,
}

/// A watcher, and what is known of the functions that he looked into.
pub struct Watching {
    watcher: Box<dyn Watcher>,
    tables: BTreeMap<u32, Table>,
}

/// Where the values of a function lie in its frame.
struct Table {
    slots: Vec<u32>,
    types: Vec<TypeId>,
}

impl Watching {
    /// By this watcher.
    pub fn new(watcher: Box<dyn Watcher>) -> Watching {
        Watching {
            watcher,
            tables: BTreeMap::new(),
        }
    }

    /// The next instruction of a run.
    pub fn at(
        &mut self,
        here: Position,
        base: usize,
        frames: &[Frame<'_>],
        stack: &[u64],
        machine: &Machine<'_>,
        program: &Inner,
    ) -> Watched {
        let moment = Moment {
            here,
            base,
            frames,
            stack,
            machine,
            program,
            tables: std::cell::RefCell::new(std::mem::take(&mut self.tables)),
        };
        let watched = self.watcher.at(&moment);
        self.tables = moment.tables.into_inner();
        watched
    }
}

/// A moment of a run, right before an instruction.
pub struct Moment<'a> {
    here: Position,
    base: usize,
    frames: &'a [Frame<'a>],
    stack: &'a [u64],
    machine: &'a Machine<'a>,
    program: &'a Inner,
    tables: std::cell::RefCell<BTreeMap<u32, Table>>,
}

impl Moment<'_> {
    /// The next instruction.
    pub fn here(&self) -> Position {
        self.here
    }

    /// How many calls are open, that of the entry point included.
    pub fn depth(&self) -> usize {
        // Below the frame of the entry point lies that of who began the run.
        self.frames.len()
    }

    /// The next instruction, and the calls that led there, innermost first.
    pub fn calls(&self) -> Vec<Position> {
        let outer = self.frames.iter().rev().filter(|frame| !frame.is_outside());
        let outer = outer.map(Frame::position);
        std::iter::once(self.here).chain(outer).collect()
    }

    /// Fuel that was used so far.
    pub fn fuel_used(&self) -> u64 {
        self.machine.fuel_used()
    }

    /// What a value holds, as source would write it, cut where it is long. Calls count from 0, the innermost. A value that is
    /// not there gives nothing; whether it is, the caller knows.
    pub fn value(&self, call: usize, value: u32) -> Option<String> {
        let calls: Vec<(u32, usize)> = std::iter::once((self.here.function, self.base))
            .chain(
                self.frames
                    .iter()
                    .rev()
                    .filter(|frame| !frame.is_outside())
                    .map(|frame| (frame.position().function, frame.base())),
            )
            .collect();
        let (function, base) = *calls.get(call)?;
        let mut tables = self.tables.borrow_mut();
        if let std::collections::btree_map::Entry::Vacant(room) = tables.entry(function) {
            let mut layouts = self.program.layouts();
            let made = compile(&self.program.package, &mut layouts, function).ok()?;
            room.insert(Table {
                slots: made.slots,
                types: made.types,
            });
        }
        let table = tables.get(&function)?;
        let slot = *table.slots.get(value as usize)? as usize;
        let ty = *table.types.get(value as usize)?;
        let slots = self.stack.get(base + slot..)?;
        Some(show::shown(self.program, &self.machine.heap, ty, slots))
    }
}
