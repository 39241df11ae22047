//! What loops keep of their start from turn to turn.

use cop_bytecode::Op;
use cop_bytecode::instr::{Instr, Value, ValueType};
use cop_bytecode::numbering::Numbering;

use super::Kind;
use super::walk::{Region, Walk};

/// After so many walks over a loop nothing is taken to stay as it was.
const TRIES: u8 = 3;

/// What a loop's parameter is taken to keep of its start.
#[derive(Clone, Copy, Default)]
pub(super) struct Kept {
    /// It is the start itself, which is certain.
    pub(super) same: bool,
    /// It is never less than the start's least value.
    pub(super) low: Option<i128>,
    /// It is never more than the start's greatest value.
    pub(super) high: Option<i128>,
    /// It is never less than the start.
    pub(super) above: bool,
    /// It is never more than the start.
    pub(super) below: bool,
    /// It is as long as the start.
    pub(super) length: bool,
    /// A way out of a counting loop gives something else than the parameter.
    pub(super) other: bool,
}

/// What belongs to a loop.
pub(super) struct Turn {
    pub(super) start: Vec<Value>,
    /// Number of its first value: the index of a counting loop, else the first parameter.
    pub(super) first: u32,
    pub(super) params: usize,
    pub(super) kept: Vec<Kept>,
    pub(super) failed: bool,
    pub(super) tries: u8,
    /// To walk it again: the numbering, and how many ways out the regions around had.
    pub(super) numbering: Numbering,
    pub(super) exits: Vec<usize>,
}

/// The end of a range that a loop's parameter keeps.
fn narrowed(kept: bool, old: i128, new: i128, wider: bool) -> Option<i128> {
    match kept {
        true => Some(old),
        false => wider.then_some(new),
    }
}

impl Walk<'_> {
    /// A loop that is about to begin, with everything that its parameters may keep.
    pub(super) fn turn(
        &self,
        at: usize,
        start: &[Value],
        params: &[ValueType],
        first: u32,
    ) -> Turn {
        let nexts = self.turns.get(&at).map_or(&[][..], |nexts| nexts);
        let is_for = matches!(self.function.body[at], Instr::For { .. });
        let param = |i: usize| Value(first + u32::from(is_for) + i as u32);
        let kept = start.iter().enumerate().map(|(i, start)| {
            let passed = |at: &usize| match &self.function.body[*at] {
                Instr::Next { values, .. } => values.get(i).copied(),
                _ => None,
            };
            let same = nexts.iter().all(|at| passed(at) == Some(param(i)));
            if self.is_sequence(*start) {
                return Kept {
                    same,
                    length: true,
                    ..Kept::default()
                };
            }
            if self.kind(*start) != Kind::Number || same {
                return Kept {
                    same,
                    ..Kept::default()
                };
            }
            let sum = self.number(*start);
            let (low, high) = (self.bounds.low(sum), self.bounds.high(sum));
            // What only counts up or down is known not to keep the other end.
            let (up, down) = self.counts(nexts, i, param(i));
            Kept {
                low: (low > i128::from(i64::MIN)).then_some(low),
                high: (high < i128::from(i64::MAX) && !up).then_some(high),
                above: !down,
                below: !up,
                ..Kept::default()
            }
        });
        Turn {
            start: start.to_vec(),
            first,
            params: params.len(),
            kept: kept.collect(),
            failed: false,
            tries: 0,
            numbering: self.numbering.clone(),
            exits: self.open.iter().map(|open| open.exits.len()).collect(),
        }
    }

    /// Whether a parameter goes up by a constant from turn to turn, or down.
    pub(super) fn counts(&self, nexts: &[usize], i: usize, param: Value) -> (bool, bool) {
        let step = |at: &usize| {
            let Instr::Next { values, .. } = &self.function.body[*at] else {
                return None;
            };
            let maker = self.makers[values.get(i)?.0 as usize];
            let Instr::Op { op, args, .. } = &self.function.body[maker as usize] else {
                return None;
            };
            let (by, of) = match args[..] {
                [of, by] if of == param => (by, op),
                _ => return None,
            };
            let Instr::ConstI64(by) = self.function.body[self.makers[by.0 as usize] as usize]
            else {
                return None;
            };
            match of {
                Op::I64Add if by > 0 => Some(true),
                Op::I64Sub if by > 0 => Some(false),
                _ => None,
            }
        };
        let all = |way: bool| !nexts.is_empty() && nexts.iter().all(|at| step(at) == Some(way));
        (all(true), all(false))
    }

    /// Defines the parameters of the innermost loop by what is taken to stay.
    pub(super) fn begin_turn(&mut self) {
        let Some(open) = self.open.last() else {
            return;
        };
        let (turn, skip) = match &open.region {
            Region::Loop(turn) => (turn, 0),
            Region::For(turn) => (turn, 1),
            _ => return,
        };
        let (first, start, kept) = (turn.first + skip, turn.start.clone(), turn.kept.clone());
        for (i, (start, kept)) in start.into_iter().zip(kept).enumerate() {
            self.carry(first + i as u32, start, kept);
        }
    }

    /// Gives a value what is kept of the start of a loop.
    pub(super) fn carry(&mut self, value: u32, start: Value, kept: Kept) {
        self.define(Value(value));
        match self.kinds[value as usize] {
            Kind::Number if kept.same => self.numbers[value as usize] = self.number(start),
            Kind::Number => {
                let low = kept.low.unwrap_or(i128::from(i64::MIN));
                let high = kept.high.unwrap_or(i128::from(i64::MAX));
                let sum = self.bounds.fresh(low, high);
                let start = self.number(start);
                if kept.above {
                    self.bounds.assume(start, sum, 0);
                }
                if kept.below {
                    self.bounds.assume(sum, start, 0);
                }
                self.numbers[value as usize] = sum;
            }
            Kind::Text | Kind::Bytes | Kind::List if kept.same || kept.length => {
                self.set_length(value, self.facts.length(start));
            }
            _ => {}
        }
    }

    /// Looks whether the values passed to a loop keep what they are taken to keep.
    pub(super) fn keep(&mut self, region: usize, values: &[Value]) {
        let (Region::Loop(turn) | Region::For(turn)) = &mut self.open[region].region else {
            return;
        };
        for (i, value) in values.iter().enumerate() {
            let (start, mut kept) = (turn.start[i], turn.kept[i]);
            if kept.same {
                continue;
            }
            let (sum, from) = (
                self.numbers[value.0 as usize],
                self.numbers[start.0 as usize],
            );
            let before = kept;
            // The first time a wider range may do, as it does for remainders and for what counts down to 0.
            let (low, high) = (self.bounds.low(sum), self.bounds.high(sum));
            let wider = turn.tries == 0;
            kept.low = kept
                .low
                .and_then(|old| narrowed(low >= old, old, low.min(0), wider));
            kept.high = kept
                .high
                .and_then(|old| narrowed(high <= old, old, high, wider));
            kept.above &= self.bounds.at_most(from, sum, 0);
            kept.below &= self.bounds.at_most(sum, from, 0);
            kept.length &=
                self.facts.lengths[value.0 as usize] == self.facts.lengths[start.0 as usize];
            turn.failed |= kept.low != before.low
                || kept.high != before.high
                || kept.above != before.above
                || kept.below != before.below
                || kept.length != before.length;
            turn.kept[i] = kept;
        }
    }

    pub(super) fn end(&mut self, at: usize, defined: std::ops::Range<u32>) -> Option<usize> {
        let mut open = self.open.pop()?;
        self.bounds.undo(open.mark);
        self.dead = open.dead;
        if let Region::Loop(turn) | Region::For(turn) = &mut open.region
            && turn.failed
        {
            // Once more, without what did not hold.
            turn.failed = false;
            turn.tries += 1;
            if turn.tries > TRIES {
                for kept in &mut turn.kept {
                    *kept = Kept {
                        same: kept.same,
                        other: kept.other,
                        ..Kept::default()
                    };
                }
            }
            self.bounds.forget_terms(open.terms);
            self.numbering = turn.numbering.clone();
            for (around, exits) in self.open.iter_mut().zip(&turn.exits) {
                around.exits.truncate(*exits);
            }
            open.exits.clear();
            open.arm = 0;
            let (at, first) = (open.at, turn.first);
            self.open.push(open);
            if let Instr::For { from, to, .. } = &self.function.body[at] {
                let (from, to) = (self.number(*from), self.number(*to));
                let index = self.bounds.any();
                self.numbers[first as usize] = index;
                self.bounds.assume(from, index, 0);
                self.bounds.assume(index, to, -1);
            }
            self.begin_turn();
            return Some(at + 1);
        }
        match &open.region {
            Region::For(turn) => {
                for (value, i) in defined.zip(0..turn.params) {
                    let (start, kept) = (turn.start[i], turn.kept[i]);
                    match kept.other {
                        true => self.define(Value(value)),
                        false => self.carry(value, start, kept),
                    }
                }
            }
            region => {
                if open.exits.is_empty() {
                    self.dead = true;
                }
                let condition = match region {
                    Region::If(condition) => Some(*condition),
                    _ => None,
                };
                self.join(&open, condition, defined);
            }
        }
        Some(at + 1)
    }
}
