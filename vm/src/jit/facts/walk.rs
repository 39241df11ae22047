//! The walk over a function's instructions.

use std::collections::BTreeMap;

use cop_bytecode::instr::{Instr, Step, Value};
use cop_bytecode::limits::ELEMENTS;
use cop_bytecode::numbering::Numbering;
use cop_bytecode::{Function, Op, UpdateOp};

use super::bounds::{Bounds, Sum};
use super::exits::Exit;
use super::loops::Turn;
use super::truths::Truth;
use super::{ABOVE, FAILS, Facts, HOLDS, INSIDE, Kind, STEPS};

/// Instructions are walked so many times at most, on average.
const TIMES: usize = 16;

pub(super) enum Region {
    Block,
    If(Value),
    Switch,
    Loop(Turn),
    For(Turn),
}

pub(super) struct Open {
    pub(super) at: usize,
    pub(super) region: Region,
    pub(super) results: usize,
    /// What was known and which terms there were when it was opened.
    pub(super) mark: usize,
    pub(super) terms: usize,
    pub(super) dead: bool,
    /// Which of its arms is walked.
    pub(super) arm: u32,
    pub(super) exits: Vec<Exit>,
}

pub(super) struct Walk<'a> {
    pub(super) function: &'a Function,
    pub(super) kinds: &'a [Kind],
    pub(super) bounds: Bounds,
    /// Per value, if it is a number.
    pub(super) numbers: Vec<Sum>,
    pub(super) truths: Vec<Truth>,
    pub(super) facts: Facts,
    pub(super) open: Vec<Open>,
    /// What is walked is never reached.
    pub(super) dead: bool,
    pub(super) numbering: Numbering,
    /// Per loop, the instructions that begin its next turn.
    pub(super) turns: BTreeMap<usize, Vec<usize>>,
    /// Per value, the instruction that defines it.
    pub(super) makers: Vec<u32>,
}

/// Walks a function; nothing if that would take too long.
pub(super) fn walk(
    function: &Function,
    kinds: &[Kind],
    call_results: &dyn Fn(u32) -> Option<u32>,
) -> Option<Facts> {
    let values = kinds.len();
    let mut walk = Walk {
        function,
        kinds,
        bounds: Bounds::new(),
        numbers: vec![Sum::constant(0); values],
        truths: vec![Truth::Unknown; values],
        facts: Facts::nothing(function.body.len(), values),
        open: Vec::new(),
        dead: false,
        numbering: Numbering::new(function.params.len()),
        turns: turns(&function.body),
        makers: makers(function, values, call_results)?,
    };
    for param in 0..function.params.len() as u32 {
        walk.define(Value(param));
    }
    let mut left = TIMES * function.body.len() + 1000;
    let mut at = 0;
    while let Some(instr) = function.body.get(at) {
        left = left.checked_sub(1)?;
        let defined = walk.numbering.step(instr, call_results).ok()?;
        at = walk.instr(at, instr, defined)?;
    }
    walk.facts.numbers = walk.numbers;
    Some(walk.facts)
}

/// Per value, the instruction that defines it; parameters have the first.
fn makers(
    function: &Function,
    values: usize,
    call_results: &dyn Fn(u32) -> Option<u32>,
) -> Option<Vec<u32>> {
    let mut numbering = Numbering::new(function.params.len());
    let mut makers = vec![0; values];
    for (at, instr) in function.body.iter().enumerate() {
        for value in numbering.step(instr, call_results).ok()? {
            *makers.get_mut(value as usize)? = at as u32;
        }
    }
    Some(makers)
}

/// Per loop, the instructions that begin its next turn.
fn turns(body: &[Instr]) -> BTreeMap<usize, Vec<usize>> {
    let (mut open, mut turns) = (Vec::new(), BTreeMap::<usize, Vec<usize>>::new());
    for (at, instr) in body.iter().enumerate() {
        match instr {
            Instr::Block { .. }
            | Instr::If { .. }
            | Instr::Switch { .. }
            | Instr::Loop { .. }
            | Instr::For { .. } => open.push(at),
            Instr::End => {
                open.pop();
            }
            Instr::Next { depth, .. } => {
                if let Some(head) = open.len().checked_sub(*depth as usize + 1) {
                    turns.entry(open[head]).or_default().push(at);
                }
            }
            _ => {}
        }
    }
    turns
}

impl Walk<'_> {
    pub(super) fn number(&self, value: Value) -> Sum {
        self.numbers[value.0 as usize]
    }

    pub(super) fn set_number(&mut self, value: u32, sum: Sum) {
        self.numbers[value as usize] = sum;
    }

    pub(super) fn set_truth(&mut self, value: u32, truth: Truth) {
        self.truths[value as usize] = truth;
    }

    pub(super) fn kind(&self, value: Value) -> Kind {
        self.kinds[value.0 as usize]
    }

    pub(super) fn is_sequence(&self, value: Value) -> bool {
        matches!(self.kind(value), Kind::Text | Kind::Bytes | Kind::List)
    }

    /// Nothing is known about a value.
    pub(super) fn define(&mut self, value: Value) {
        let at = value.0 as usize;
        self.truths[at] = Truth::Unknown;
        match self.kinds[at] {
            Kind::Number => self.numbers[at] = self.bounds.any(),
            Kind::Text | Kind::Bytes | Kind::List => {
                self.facts.lengths[at] = Some(self.bounds.fresh(0, i128::from(ELEMENTS)));
            }
            Kind::Other => {}
        }
    }

    pub(super) fn set_length(&mut self, value: u32, length: Option<Sum>) {
        match length {
            Some(length) => self.facts.lengths[value as usize] = Some(length),
            None => self.define(Value(value)),
        }
    }

    /// A number that is a length now.
    pub(super) fn as_length(&mut self, value: Value) -> Option<Sum> {
        let sum = self.number(value);
        let most = Sum::constant(ELEMENTS as i64);
        self.bounds.assume(Sum::constant(0), sum, 0);
        self.bounds.assume(sum, most, 0);
        Some(sum)
    }

    /// The length of a sequence is wanted: loops around in which it stays the same note it.
    pub(super) fn want_length(&mut self, value: Value) {
        let Some(length) = self.facts.length(value) else {
            return;
        };
        for open in &self.open {
            let (Region::Loop(turn) | Region::For(turn)) = &open.region else {
                continue;
            };
            if length.term as usize >= open.terms {
                continue;
            }
            let at_hand = if value.0 < turn.first {
                Some(value)
            } else {
                let first = turn.first + u32::from(matches!(open.region, Region::For(_)));
                let params = turn.start.iter().enumerate();
                params
                    .filter(|(i, _)| {
                        self.facts.length(Value(first + *i as u32)) == Some(length)
                            && self.is_sequence(Value(first + *i as u32))
                    })
                    .map(|(_, start)| *start)
                    .next()
            };
            if let Some(value) = at_hand {
                self.facts
                    .invariant
                    .entry(open.at)
                    .or_default()
                    .insert(value);
                return;
            }
        }
    }

    pub(super) fn note(&mut self, at: usize, facts: u32) {
        self.facts.of[at] = facts;
    }

    /// Walks one instruction; the next one, which is an earlier one if a loop has to be walked again.
    fn instr(&mut self, at: usize, instr: &Instr, defined: std::ops::Range<u32>) -> Option<usize> {
        self.facts.of[at] = 0;
        let first = defined.start;
        match instr {
            Instr::ConstI64(n) => self.numbers[first as usize] = Sum::constant(*n),
            Instr::ConstBool(truth) => self.truths[first as usize] = Truth::Constant(*truth),
            Instr::Block { results } => self.enter(at, Region::Block, results.len()),
            Instr::If { condition, results } => {
                let decided = self.decide(*condition, 0);
                self.facts.of[at] = match decided {
                    Some(true) => HOLDS,
                    Some(false) => FAILS,
                    None => 0,
                };
                self.enter(at, Region::If(*condition), results.len());
                self.dead |= decided == Some(false);
                self.assume(*condition, true, 0);
            }
            Instr::Else | Instr::Arm => {
                let open = self.open.last_mut()?;
                open.arm += 1;
                let (mark, dead) = (open.mark, open.dead);
                let condition = match open.region {
                    Region::If(condition) => Some(condition),
                    _ => None,
                };
                self.bounds.undo(mark);
                self.dead = dead;
                if let Some(condition) = condition {
                    self.dead |= self.decide(condition, 0) == Some(true);
                    self.assume(condition, false, 0);
                }
            }
            Instr::Switch { results, .. } => self.enter(at, Region::Switch, results.len()),
            Instr::Loop {
                start,
                params,
                results,
            } => {
                let turn = self.turn(at, start, params, first);
                self.enter(at, Region::Loop(turn), results.len());
                self.begin_turn();
            }
            Instr::For {
                from,
                to,
                start,
                params,
            } => {
                let turn = self.turn(at, start, params, first);
                self.enter(at, Region::For(turn), params.len());
                let (from, to) = (self.number(*from), self.number(*to));
                let index = self.bounds.any();
                self.numbers[first as usize] = index;
                self.bounds.assume(from, index, 0);
                self.bounds.assume(index, to, -1);
                self.begin_turn();
            }
            Instr::End => return self.end(at, defined),
            Instr::Exit { depth, values } => self.exit(*depth, values)?,
            Instr::Next { depth, values } => {
                if !self.dead {
                    let region = self.open.len().checked_sub(*depth as usize + 1)?;
                    self.keep(region, values);
                }
            }
            Instr::Get { value, path } => {
                self.path(at, *value, path);
                self.define(Value(first));
                if let [Step::Index(_)] = path[..]
                    && self.kind(*value) == Kind::Bytes
                {
                    self.numbers[first as usize] = self.bounds.fresh(0, 255);
                }
            }
            Instr::Set { value, path, .. } | Instr::Put { value, path, .. } => {
                self.path(at, *value, path);
                self.changed(first, *value, path);
            }
            Instr::Take { value, path } => {
                self.path(at, *value, path);
                self.define(Value(first));
                self.changed(first + 1, *value, path);
            }
            Instr::Update {
                op, value, path, ..
            } => {
                self.path(at, *value, path);
                if path.is_empty() && matches!(op, UpdateOp::ListPush | UpdateOp::BytesPush) {
                    let length = self.facts.length(*value).and_then(|length| length.add(1));
                    self.set_length(first, length);
                } else if path.is_empty() && *op == UpdateOp::ListSwap {
                    self.set_length(first, self.facts.length(*value));
                } else {
                    self.changed(first, *value, path);
                }
                for value in defined.skip(1) {
                    self.define(Value(value));
                }
            }
            Instr::Dup(value) | Instr::Unique { value, .. } => {
                self.define(Value(first));
                if self.is_sequence(*value) {
                    self.set_length(first, self.facts.length(*value));
                }
            }
            Instr::New { parts, .. } => {
                self.define(Value(first));
                if self.kinds[first as usize] == Kind::List {
                    let length = Sum::constant(parts.len() as i64);
                    self.set_length(first, Some(length));
                }
            }
            Instr::Tag(_) => self.numbers[first as usize] = self.bounds.fresh(0, 65_535),
            Instr::Op { op, args, .. } => match op {
                Op::ListFilled | Op::BytesFilled => {
                    let length = self.as_length(args[0]);
                    self.set_length(first, length);
                }
                Op::StringLen | Op::BytesLen | Op::ListLen => {
                    self.want_length(args[0]);
                    self.numbers[first as usize] = self.facts.length(args[0])?;
                }
                _ => {
                    self.define(Value(first));
                    self.scalar(at, *op, args, first);
                }
            },
            _ => {
                for value in defined {
                    self.define(Value(value));
                }
            }
        }
        Some(at + 1)
    }

    /// The value that comes after one was changed at a path: as long as before, if what was changed lies inside.
    fn changed(&mut self, new: u32, old: Value, path: &[Step]) {
        self.define(Value(new));
        if self.is_sequence(old) && matches!(path, [Step::Index(_), ..]) {
            self.set_length(new, self.facts.length(old));
        }
    }

    /// What the indices on a path say, and which of them are inside for certain.
    fn path(&mut self, at: usize, root: Value, path: &[Step]) {
        let mut facts = 0;
        for (i, step) in path.iter().enumerate() {
            let Step::Index(index) = step else {
                continue;
            };
            let length = match i {
                0 => {
                    self.want_length(root);
                    self.facts.length(root)
                }
                _ => None,
            };
            let index = self.number(*index);
            if i < STEPS && self.bounds.low(index) >= 0 {
                facts |= ABOVE << i;
            }
            if self.index(index, length) && i < STEPS {
                facts |= INSIDE << i;
            }
        }
        self.facts.of[at] = facts;
    }

    /// An index was used; whether it was inside for certain.
    pub(super) fn index(&mut self, index: Sum, length: Option<Sum>) -> bool {
        let zero = Sum::constant(0);
        let above = self.bounds.at_most(zero, index, 0);
        let end = length.unwrap_or(Sum::constant(ELEMENTS as i64));
        let inside = above && length.is_some() && self.bounds.at_most(index, end, -1);
        self.bounds.assume(zero, index, 0);
        self.bounds.assume(index, end, -1);
        inside
    }

    fn enter(&mut self, at: usize, region: Region, results: usize) {
        self.open.push(Open {
            at,
            region,
            results,
            mark: self.bounds.mark(),
            terms: self.bounds.terms(),
            dead: self.dead,
            arm: 0,
            exits: Vec::new(),
        });
    }
}
