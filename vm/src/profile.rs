//! What a run spent, and where: exact, and the same each time, because it is counted and not sampled.
//!
//! Fuel is charged by the block when a block is entered, and by size when an instruction finds out how much it touches.
//! So two things are counted: how often each block was entered, and what each instruction charged besides. At the end the
//! fuel of a block is shared out among its instructions, by the price that each of them has in the table.
//!
//! Runs are told apart by the calls that led to a function. A call of a function that is already on the way there belongs
//! to that one (recursion is folded), so the tree of calls is no deeper than there are functions. A program can still
//! have more ways than anyone wants to read: what has no room is put down to its function alone.

use std::collections::BTreeMap;

use cop_bytecode::{Package, fuel, limits};

use crate::flat::Insn;

/// Most counters of blocks in all calls together; 32 MiB.
const COUNTERS: usize = 1 << 22;
/// No call, no site.
const NONE: u32 = u32::MAX;

/// What a run spent, by the calls that led there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Profile {
    /// Functions as reached by different ways; a way begins with a smaller index.
    pub calls: Vec<Call>,
    /// The most that frames took of the stack at once, bytes, as functions declare it.
    pub stack_bytes: u64,
}

/// A function as reached by one way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// Index of the function.
    pub function: u32,
    /// Who called it, as an index of [`Profile::calls`], and with which instruction. Of none if it is an entry point, or if
    /// there were too many ways to tell apart.
    pub caller: Option<(u32, u32)>,
    /// What its instructions spent, in order; those that were never reached are left out.
    pub spent: Vec<Spent>,
}

/// What an instruction spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spent {
    /// Index of the instruction.
    pub instruction: u32,
    /// How often its block was entered.
    pub times: u64,
    /// Fuel that was charged for it.
    pub fuel: u64,
    /// Bytes that it copied because a value was shared when it was changed.
    pub copied_bytes: u64,
}

impl Profile {
    /// Fuel that was charged in all. A run that ended for want of fuel was charged more than it had.
    pub fn fuel(&self) -> u64 {
        self.spent().map(|spent| spent.fuel).sum()
    }

    /// Bytes that were copied in all because values were shared when they were changed.
    pub fn copied_bytes(&self) -> u64 {
        self.spent().map(|spent| spent.copied_bytes).sum()
    }

    fn spent(&self) -> impl Iterator<Item = &Spent> {
        self.calls.iter().flat_map(|call| &call.spent)
    }
}

/// Per instruction of a function, what it charges.
struct Prices(Vec<Price>);

struct Price {
    /// With the block that begins there.
    charge: u64,
    block: u32,
    /// For the start of a loop, with the block that it stands in.
    start: u64,
    within: u32,
}

impl Prices {
    fn of(package: &Package, function: u32) -> Prices {
        let charges = fuel::charges(package, function).unwrap_or_default();
        let body = package.functions.get(function as usize);
        let body = body.map_or(&[][..], |function| &function.body);
        let rows = body.iter().zip(fuel::starts(body)).zip(charges);
        let price = |((instr, (within, block)), charge)| Price {
            charge,
            block,
            start: fuel::start_charge(instr),
            within,
        };
        Prices(rows.map(price).collect())
    }
}

/// What is being counted while a run goes on.
#[derive(Debug, Default)]
pub struct Recorder {
    ways: Vec<Way>,
    /// By way, instruction and callee: the way that the call leads to.
    known: BTreeMap<(u32, u32, u32), u32>,
    /// By function: where calls go that have no room of their own.
    crowded: BTreeMap<u32, u32>,
    /// The way of each open call; the last is the one at work.
    open: Vec<u32>,
    counters: usize,
    /// What the fuel charged since the last look is for.
    charged_for: Charged,
    /// Fuel that was left at the last look.
    left: i64,
    stack_left_least: i64,
}

#[derive(Clone, Copy, Debug, Default)]
enum Charged {
    /// Nothing: nothing was run yet.
    #[default]
    Nothing,
    /// The block that begins with this instruction.
    Block(u32),
    /// This instruction.
    Instruction(u32),
}

#[derive(Debug)]
struct Way {
    function: u32,
    caller: u32,
    site: u32,
    /// Per instruction that begins a block, how often it was entered.
    blocks: Vec<u64>,
    /// Per instruction, what it charged besides.
    besides: BTreeMap<u32, u64>,
    copied: BTreeMap<u32, u64>,
}

impl Recorder {
    /// Counts from here on; so much fuel is left.
    pub fn new(left: i64) -> Recorder {
        Recorder {
            left,
            stack_left_least: limits::STACK as i64,
            ..Recorder::default()
        }
    }

    /// A function is called from an instruction of the one at work, and its first block will be charged.
    pub fn enter(&mut self, package: &Package, function: u32, site: u32, left: i64) {
        self.settle(left);
        let caller = self.open.last().copied().unwrap_or(NONE);
        let key = (caller, site, function);
        let way = match self.known.get(&key) {
            Some(way) => *way,
            None => {
                let way = self.find(package, function, caller, site);
                self.known.insert(key, way);
                way
            }
        };
        self.open.push(way);
        self.charged_for = Charged::Block(0);
    }

    /// Frames have taken so much of the stack that this is left.
    pub fn stack(&mut self, left: i64) {
        self.stack_left_least = self.stack_left_least.min(left);
    }

    /// The function at work returns.
    pub fn leave(&mut self, left: i64) {
        self.settle(left);
        self.open.pop();
    }

    /// An instruction of the interpreter begins, which belongs to this one of the function at work.
    pub fn begin(&mut self, insn: Insn, instruction: u32, left: i64) {
        self.settle(left);
        self.charged_for = match insn {
            // These stand where a region begins, and charge the block behind it.
            Insn::Charge(_) | Insn::Head(_) => Charged::Block(instruction + 1),
            _ => Charged::Instruction(instruction),
        };
    }

    /// The instruction that has just been run copied so many bytes.
    pub fn copied(&mut self, instruction: u32, bytes: u64) {
        if let Some(way) = self.at_work() {
            *way.copied.entry(instruction).or_insert(0) += bytes;
        }
    }

    fn at_work(&mut self) -> Option<&mut Way> {
        let way = *self.open.last()?;
        self.ways.get_mut(way as usize)
    }

    /// Puts what was charged since the last look down to what it is for; so much fuel is left.
    pub fn settle(&mut self, left: i64) {
        let spent = self.left.saturating_sub(left);
        self.left = left;
        if spent <= 0 {
            return;
        }
        let charged_for = self.charged_for;
        let Some(way) = self.at_work() else { return };
        match charged_for {
            Charged::Nothing => {}
            Charged::Block(start) => {
                if let Some(times) = way.blocks.get_mut(start as usize) {
                    *times += 1;
                }
            }
            Charged::Instruction(at) => *way.besides.entry(at).or_insert(0) += spent as u64,
        }
    }

    /// The way that a call leads to which was not made before.
    fn find(&mut self, package: &Package, function: u32, caller: u32, site: u32) -> u32 {
        let mut on_the_way = caller;
        while let Some(way) = self.ways.get(on_the_way as usize) {
            if way.function == function {
                return on_the_way;
            }
            on_the_way = way.caller;
        }
        let body = package.functions.get(function as usize);
        let size = body.map_or(0, |function| function.body.len()) + 1;
        let new = self.ways.len() as u32;
        let is_crowded = self.counters + size > COUNTERS;
        if is_crowded {
            if let Some(way) = self.crowded.get(&function) {
                return *way;
            }
            self.crowded.insert(function, new);
        }
        self.counters += size;
        self.ways.push(Way {
            function,
            caller: if is_crowded { NONE } else { caller },
            site,
            blocks: vec![0; size],
            besides: BTreeMap::new(),
            copied: BTreeMap::new(),
        });
        new
    }

    /// The run is over.
    pub fn finish(self, package: &Package) -> Profile {
        let mut prices: BTreeMap<u32, Prices> = BTreeMap::new();
        let mut calls = Vec::with_capacity(self.ways.len());
        for way in self.ways {
            let prices = prices
                .entry(way.function)
                .or_insert_with(|| Prices::of(package, way.function));
            let mut spent = Vec::new();
            for (at, price) in prices.0.iter().enumerate() {
                let instruction = at as u32;
                let entered = |block: u32| way.blocks.get(block as usize).copied().unwrap_or(0);
                let (times, started) = (entered(price.block), entered(price.within));
                let besides = way.besides.get(&instruction).copied().unwrap_or(0);
                let fuel = price.charge * times + price.start * started + besides;
                let copied_bytes = way.copied.get(&instruction).copied().unwrap_or(0);
                if fuel > 0 || copied_bytes > 0 {
                    spent.push(Spent {
                        instruction,
                        times,
                        fuel,
                        copied_bytes,
                    });
                }
            }
            calls.push(Call {
                function: way.function,
                caller: (way.caller != NONE).then_some((way.caller, way.site)),
                spent,
            });
        }
        Profile {
            calls,
            stack_bytes: (limits::STACK as i64 - self.stack_left_least).max(0) as u64,
        }
    }
}
