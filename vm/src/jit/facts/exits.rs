//! Ways out of regions, and what is known where they meet.

use cop_bytecode::instr::Value;

use super::Kind;
use super::bounds::{Known, Sum};
use super::truths::Truth;
use super::walk::{Open, Region, Walk};

/// What a way out has learned is kept if it is not more.
const LEARNED: usize = 128;

/// What is known about a number at a way out of a region.
pub(super) struct Left {
    pub(super) sum: Sum,
    pub(super) low: i128,
    pub(super) high: i128,
    pub(super) uppers: Vec<Sum>,
    pub(super) lowers: Vec<Sum>,
}

/// A way out of a region.
pub(super) struct Exit {
    /// In which arm it stands.
    pub(super) arm: u32,
    pub(super) values: Vec<Value>,
    pub(super) numbers: Vec<Option<Left>>,
    pub(super) lengths: Vec<Option<Sum>>,
    pub(super) learned: Option<Vec<Known>>,
}

impl Walk<'_> {
    pub(super) fn exit(&mut self, depth: u32, values: &[Value]) -> Option<()> {
        if self.dead {
            return Some(());
        }
        let region = self.open.len().checked_sub(depth as usize + 1)?;
        if let Region::For(turn) = &mut self.open[region].region {
            for (i, value) in values.iter().enumerate() {
                let param = turn.first + 1 + i as u32;
                turn.kept[i].other |= turn.kept[i].same && value.0 != param;
            }
            self.keep(region, values);
            return Some(());
        }
        let mark = self.open[region].mark;
        let is_first = self.open[region].exits.is_empty();
        let numbers = values.iter().map(|value| {
            (self.kind(*value) == Kind::Number).then(|| {
                let sum = self.number(*value);
                Left {
                    sum,
                    low: self.bounds.low(sum),
                    high: self.bounds.high(sum),
                    uppers: self.bounds.uppers(sum),
                    lowers: self.bounds.lowers(sum),
                }
            })
        });
        let exit = Exit {
            arm: self.open[region].arm,
            numbers: numbers.collect(),
            lengths: values.iter().map(|v| self.facts.length(*v)).collect(),
            learned: is_first
                .then(|| self.bounds.learned(mark, LEARNED))
                .flatten(),
            values: values.to_vec(),
        };
        self.open[region].exits.push(exit);
        Some(())
    }

    /// Defines the results of a region by what its ways out agree on.
    pub(super) fn join(
        &mut self,
        open: &Open,
        condition: Option<Value>,
        defined: std::ops::Range<u32>,
    ) {
        let exits = &open.exits;
        if let [only] = &exits[..]
            && let Some(known) = &only.learned
        {
            self.bounds.learn(known);
        }
        for (value, i) in defined.zip(0..open.results) {
            self.define(Value(value));
            match self.kinds[value as usize] {
                Kind::Number => {
                    let all: Option<Vec<&Left>> = exits
                        .iter()
                        .map(|exit| exit.numbers.get(i).and_then(Option::as_ref))
                        .collect();
                    if let Some(all) = all {
                        self.join_numbers(value, &all);
                    }
                }
                Kind::Text | Kind::Bytes | Kind::List => {
                    let mut lengths = exits.iter().map(|exit| exit.lengths[i]);
                    let first = lengths.next().flatten();
                    if first.is_some() && lengths.all(|length| length == first) {
                        self.set_length(value, first);
                    }
                }
                Kind::Other => {}
            }
            // `a && b` and `a || b` are regions.
            if let (Some(condition), [first, second]) = (condition, &exits[..])
                && (first.arm, second.arm) == (0, 1)
            {
                let (then, other) = (first.values[i], second.values[i]);
                let (of_then, of_other) =
                    (self.truths[then.0 as usize], self.truths[other.0 as usize]);
                self.truths[value as usize] = match (of_then, of_other) {
                    (_, Truth::Constant(false)) => Truth::Both(condition, then),
                    (Truth::Constant(true), _) => Truth::Either(condition, other),
                    _ => Truth::Unknown,
                };
            }
        }
    }

    pub(super) fn join_numbers(&mut self, value: u32, all: &[&Left]) {
        let Some((first, others)) = all.split_first() else {
            return;
        };
        if others.iter().all(|other| other.sum == first.sum) {
            self.numbers[value as usize] = first.sum;
            return;
        }
        let low = all.iter().map(|left| left.low).min().unwrap_or(first.low);
        let high = all.iter().map(|left| left.high).max().unwrap_or(first.high);
        let joined = self.bounds.fresh(low, high);
        for upper in &first.uppers {
            let of = |left: &&&Left| {
                let same = left.uppers.iter().filter(|other| other.term == upper.term);
                same.map(|other| other.plus).min()
            };
            let plus: Option<Vec<i64>> = all.iter().map(|left| of(&left)).collect();
            if let Some(plus) = plus.and_then(|plus| plus.into_iter().max()) {
                let upper = Sum { plus, ..*upper };
                self.bounds.assume(joined, upper, 0);
            }
        }
        for lower in &first.lowers {
            let of = |left: &&&Left| {
                let same = left.lowers.iter().filter(|other| other.term == lower.term);
                same.map(|other| other.plus).max()
            };
            let plus: Option<Vec<i64>> = all.iter().map(|left| of(&left)).collect();
            if let Some(plus) = plus.and_then(|plus| plus.into_iter().min()) {
                let lower = Sum { plus, ..*lower };
                self.bounds.assume(lower, joined, 0);
            }
        }
        self.numbers[value as usize] = joined;
    }
}
