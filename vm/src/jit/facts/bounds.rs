//! What is known about whole numbers: their range, and how far apart two of them can be.
//!
//! A [`Sum`] is a term and a constant. A term stands for one number that does not change as long as it is in scope; term
//! [`ZERO`] is 0. Of a term its range is kept, and of pairs of terms the most by which the first can be above the second.
//! Only what holds at the point where one stands is kept: [`Bounds::undo`] forgets what was learned since a mark.

use crate::planted::{Fault, is_planted};

/// A number that is not known.
pub type Term = u32;
/// The term that is 0.
pub const ZERO: Term = 0;

/// How many bounds between two terms are kept for each of them, so that a question takes bounded time.
const MOST_EDGES: usize = 8;
/// How many bounds between terms are chained to answer a question.
const MOST_STEPS: u32 = 3;

/// A term plus a constant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sum {
    /// The term.
    pub term: Term,
    /// What is added to it.
    pub plus: i64,
}

impl Sum {
    /// A number that is known.
    pub fn constant(plus: i64) -> Sum {
        Sum { term: ZERO, plus }
    }

    /// The term alone.
    pub fn term(term: Term) -> Sum {
        Sum { term, plus: 0 }
    }

    /// The number, if it is known.
    pub fn known(self) -> Option<i64> {
        (self.term == ZERO).then_some(self.plus)
    }

    /// The sum of this and a constant, unless that leaves 64 bits.
    pub fn add(self, more: i128) -> Option<Sum> {
        let plus = i64::try_from(i128::from(self.plus) + more).ok()?;
        Some(Sum { plus, ..self })
    }
}

/// Something that was learned.
#[derive(Clone, Copy, Debug)]
pub enum Known {
    /// The term lies between two numbers, both included.
    Range(Term, i128, i128),
    /// The first term is at most the second plus the number.
    AtMost(Term, Term, i128),
}

enum Change {
    Range(Term, i128, i128),
    Edge(Term, Term, i128),
}

/// What is known.
pub struct Bounds {
    ranges: Vec<(i128, i128)>,
    /// Per term, terms that it is at most, with what is to be added to those.
    above: Vec<Vec<(Term, i128)>>,
    /// Per term, terms that are at most it, with what is to be added to this one.
    below: Vec<Vec<(Term, i128)>>,
    log: Vec<Change>,
}

const ANY: (i128, i128) = (i64::MIN as i128, i64::MAX as i128);

impl Bounds {
    /// Nothing but [`ZERO`].
    pub fn new() -> Bounds {
        Bounds {
            ranges: vec![(0, 0)],
            above: vec![Vec::new()],
            below: vec![Vec::new()],
            log: Vec::new(),
        }
    }

    /// How many terms there are.
    pub fn terms(&self) -> usize {
        self.ranges.len()
    }

    /// A new term of which the range is known.
    pub fn fresh(&mut self, low: i128, high: i128) -> Sum {
        self.ranges.push((low.max(ANY.0), high.min(ANY.1)));
        self.above.push(Vec::new());
        self.below.push(Vec::new());
        Sum::term(self.ranges.len() as Term - 1)
    }

    /// A new term of which nothing is known.
    pub fn any(&mut self) -> Sum {
        self.fresh(ANY.0, ANY.1)
    }

    /// Where [`Bounds::undo`] can go back to.
    pub fn mark(&self) -> usize {
        self.log.len()
    }

    /// Forgets what was learned since the mark. Terms stay.
    pub fn undo(&mut self, mark: usize) {
        while self.log.len() > mark {
            match self.log.pop() {
                Some(Change::Range(term, low, high)) => self.ranges[term as usize] = (low, high),
                Some(Change::Edge(x, y, _)) => {
                    self.above[x as usize].pop();
                    self.below[y as usize].pop();
                }
                None => {}
            }
        }
    }

    /// Forgets the terms from this one on; nothing learned may speak of them any more.
    pub fn forget_terms(&mut self, from: usize) {
        self.ranges.truncate(from);
        self.above.truncate(from);
        self.below.truncate(from);
    }

    /// What was learned since the mark, if it is not more than that many things.
    pub fn learned(&self, mark: usize, most: usize) -> Option<Vec<Known>> {
        let since = &self.log[mark..];
        if since.len() > most {
            return None;
        }
        let known = since.iter().map(|change| match *change {
            Change::Range(term, ..) => {
                let (low, high) = self.ranges[term as usize];
                Known::Range(term, low, high)
            }
            Change::Edge(x, y, k) => Known::AtMost(x, y, k),
        });
        Some(known.collect())
    }

    /// Learns again what was learned elsewhere.
    pub fn learn(&mut self, known: &[Known]) {
        for known in known {
            match *known {
                Known::Range(term, low, high) => self.narrow(term, low, high),
                Known::AtMost(x, y, k) => self.edge(x, y, k),
            }
        }
    }

    fn narrow(&mut self, term: Term, low: i128, high: i128) {
        let (old_low, old_high) = self.ranges[term as usize];
        if term == ZERO || (low <= old_low && high >= old_high) {
            return;
        }
        self.log.push(Change::Range(term, old_low, old_high));
        self.ranges[term as usize] = (low.max(old_low), high.min(old_high));
    }

    fn edge(&mut self, x: Term, y: Term, k: i128) {
        let (above, below) = (&self.above[x as usize], &self.below[y as usize]);
        let known = above.iter().any(|&(other, old)| other == y && old <= k);
        let useless = k > ANY.1 / 2;
        if known || useless || above.len() >= MOST_EDGES || below.len() >= MOST_EDGES {
            return;
        }
        self.above[x as usize].push((y, k));
        self.below[y as usize].push((x, k));
        self.log.push(Change::Edge(x, y, k));
    }

    /// Learns that `a` is at most `b + more`.
    pub fn assume(&mut self, a: Sum, b: Sum, more: i128) {
        let mut k = more + i128::from(b.plus) - i128::from(a.plus);
        if is_planted(Fault::Bound) && a.term != ZERO && b.term != ZERO {
            k -= 1;
        }
        let (x, y) = (a.term, b.term);
        if x == y {
            return;
        }
        if y == ZERO {
            return self.narrow(x, ANY.0, k);
        }
        if x == ZERO {
            return self.narrow(y, -k, ANY.1);
        }
        let (high, low) = (self.high_of(y) + k, self.low_of(x) - k);
        self.narrow(x, ANY.0, high);
        self.narrow(y, low, ANY.1);
        self.edge(x, y, k);
    }

    fn high_of(&self, term: Term) -> i128 {
        let own = self.ranges[term as usize].1;
        let others = self.above[term as usize].iter();
        others
            .map(|&(other, k)| self.ranges[other as usize].1 + k)
            .fold(own, i128::min)
    }

    fn low_of(&self, term: Term) -> i128 {
        let own = self.ranges[term as usize].0;
        let others = self.below[term as usize].iter();
        others
            .map(|&(other, k)| self.ranges[other as usize].0 - k)
            .fold(own, i128::max)
    }

    /// The most that it can be.
    pub fn high(&self, sum: Sum) -> i128 {
        (self.high_of(sum.term) + i128::from(sum.plus)).min(ANY.1)
    }

    /// The least that it can be.
    pub fn low(&self, sum: Sum) -> i128 {
        (self.low_of(sum.term) + i128::from(sum.plus)).max(ANY.0)
    }

    /// The most by which `a` can be above `b`.
    pub fn gap(&self, a: Sum, b: Sum) -> i128 {
        let by_range = self.high(a) - self.low(b);
        let plus = i128::from(a.plus) - i128::from(b.plus);
        if a.term == b.term {
            return plus;
        }
        let chained = self.chained(a.term, b.term, MOST_STEPS);
        chained.map_or(by_range, |k| by_range.min(k + plus))
    }

    fn chained(&self, x: Term, y: Term, steps: u32) -> Option<i128> {
        if x == y {
            return Some(0);
        }
        if steps == 0 {
            return None;
        }
        let next = self.above[x as usize].iter();
        next.filter_map(|&(other, k)| Some(k + self.chained(other, y, steps - 1)?))
            .min()
    }

    /// Whether `a` is at most `b + more`, for certain.
    pub fn at_most(&self, a: Sum, b: Sum, more: i128) -> bool {
        self.gap(a, b) <= more
    }

    /// Terms that this number is at most, with what is to be added to them; the number itself among them.
    pub fn uppers(&self, sum: Sum) -> Vec<Sum> {
        let edges = self.above[sum.term as usize].iter();
        let others = edges.filter_map(|&(term, k)| Sum::term(term).add(k + i128::from(sum.plus)));
        std::iter::once(sum).chain(others).collect()
    }

    /// Terms that are at most this number, with what is to be added to them; the number itself among them.
    pub fn lowers(&self, sum: Sum) -> Vec<Sum> {
        let edges = self.below[sum.term as usize].iter();
        let others = edges.filter_map(|&(term, k)| Sum::term(term).add(i128::from(sum.plus) - k));
        std::iter::once(sum).chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_chain_and_are_forgotten() {
        let mut bounds = Bounds::new();
        let (i, n) = (bounds.any(), bounds.fresh(0, 100));
        let mark = bounds.mark();
        bounds.assume(i, n, -1);
        bounds.assume(Sum::constant(0), i, 0);
        assert!(bounds.at_most(i, n, -1) && !bounds.at_most(i, n, -2));
        assert_eq!((bounds.low(i), bounds.high(i)), (0, 99));
        let next = i.add(1).unwrap();
        assert!(bounds.at_most(next, n, 0) && !bounds.at_most(next, n, -1));
        let length = bounds.any();
        bounds.assume(n, length, 5);
        assert!(bounds.at_most(i, length, 4));
        bounds.undo(mark);
        assert!(!bounds.at_most(i, n, 0) && bounds.high(i) == i128::from(i64::MAX));
    }

    #[test]
    fn what_was_learned_can_be_learned_again() {
        let mut bounds = Bounds::new();
        let (a, b) = (bounds.any(), bounds.any());
        let mark = bounds.mark();
        bounds.assume(a, b, 3);
        bounds.assume(a, Sum::constant(7), 0);
        let known = bounds.learned(mark, 10).unwrap();
        bounds.undo(mark);
        bounds.learn(&known);
        assert!(bounds.at_most(a, b, 3) && bounds.high(a) == 7);
        assert!(bounds.learned(mark, 1).is_none());
    }
}
