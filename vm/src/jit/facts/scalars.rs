//! What operations on numbers give, and whether they can fail.

use cop_bytecode::Op;
use cop_bytecode::instr::Value;

use super::bounds::Sum;
use super::truths::Truth;
use super::walk::Walk;
use super::{LEFT, RIGHT, SURE};
use crate::planted::{Fault, is_planted};

const LEAST: i128 = i64::MIN as i128;
const GREATEST: i128 = i64::MAX as i128;

impl Walk<'_> {
    /// An operation whose result, which nothing is known about yet, has this number.
    pub(super) fn scalar(&mut self, at: usize, op: Op, args: &[Value], result: u32) {
        let [a, b] = match args {
            [a] => [*a, *a],
            [a, b] => [*a, *b],
            _ => return,
        };
        match op {
            Op::I64Eq | Op::I64Ne | Op::I64Lt | Op::I64Le | Op::I64Gt | Op::I64Ge => {
                self.set_truth(result, Truth::Compare(op, a, b));
            }
            Op::BoolNot => self.set_truth(result, Truth::Not(a)),
            Op::CharCode => self.between(result, 0, 0x10_ffff),
            Op::I64CountOnes | Op::I64LeadingZeros | Op::I64TrailingZeros => {
                self.between(result, 0, 64);
            }
            Op::StringByteAt => {
                self.want_length(a);
                let (index, length) = (self.number(b), self.facts.length(a));
                let inside = self.index(index, length);
                self.note(at, if inside { SURE } else { 0 });
                self.between(result, 0, 255);
            }
            Op::I64Add
            | Op::I64Sub
            | Op::I64Mul
            | Op::I64Div
            | Op::I64Rem
            | Op::I64Neg
            | Op::I64AddWrap
            | Op::I64SubWrap
            | Op::I64And
            | Op::I64Or
            | Op::I64Xor
            | Op::I64Shl
            | Op::I64Shr
            | Op::I64UShr
            | Op::I64RotateLeft
            | Op::I64RotateRight
            | Op::I64UDiv
            | Op::I64URem => {
                let (a, b) = (self.number(a), self.number(b));
                let mut facts = 0;
                if self.bounds.low(a) >= 0 {
                    facts |= LEFT;
                }
                if self.bounds.low(b) >= 0 {
                    facts |= RIGHT;
                }
                if self.arithmetic(op, a, b, result) {
                    facts |= SURE;
                }
                self.note(at, facts);
            }
            _ => {}
        }
    }

    fn between(&mut self, result: u32, low: i128, high: i128) {
        let sum = self.bounds.fresh(low, high);
        self.set_number(result, sum);
    }

    /// Learns the result; whether the operation cannot fail.
    fn arithmetic(&mut self, op: Op, a: Sum, b: Sum, result: u32) -> bool {
        let (low_a, high_a) = (self.bounds.low(a), self.bounds.high(a));
        let (low_b, high_b) = (self.bounds.low(b), self.bounds.high(b));
        let zero = Sum::constant(0);
        let constant = (b.term == zero.term).then_some(i128::from(b.plus));
        match op {
            Op::I64Add | Op::I64AddWrap => {
                let (low, high) = (low_a + low_b, high_a + high_b);
                let sure = low >= LEAST && (high <= GREATEST || is_planted(Fault::Overflow));
                if op == Op::I64AddWrap && !sure {
                    return true;
                }
                let known = match (constant, a.term == zero.term) {
                    (Some(more), _) => a.add(more),
                    (None, true) => b.add(i128::from(a.plus)),
                    _ => None,
                };
                match known {
                    Some(sum) => self.set_number(result, sum),
                    None => {
                        let sum = self.bounds.fresh(low, high);
                        self.set_number(result, sum);
                        for (one, low, high) in [(a, low_b, high_b), (b, low_a, high_a)] {
                            self.bounds.assume(one, sum, -low);
                            self.bounds.assume(sum, one, high);
                        }
                    }
                }
                sure
            }
            Op::I64Sub | Op::I64SubWrap => {
                let (low, high) = (-self.bounds.gap(b, a), self.bounds.gap(a, b));
                let sure = low >= LEAST && high <= GREATEST;
                if op == Op::I64SubWrap && !sure {
                    return true;
                }
                match constant.and_then(|less| a.add(-less)) {
                    Some(sum) => self.set_number(result, sum),
                    None => {
                        let sum = self.bounds.fresh(low, high);
                        self.set_number(result, sum);
                        self.bounds.assume(sum, a, -low_b);
                        self.bounds.assume(a, sum, high_b);
                    }
                }
                sure
            }
            Op::I64Mul => {
                let products = [
                    low_a * low_b,
                    low_a * high_b,
                    high_a * low_b,
                    high_a * high_b,
                ];
                let mut low = products.into_iter().fold(i128::MAX, i128::min);
                let high = products.into_iter().fold(i128::MIN, i128::max);
                if a == b {
                    low = low.max(0);
                }
                self.between(result, low, high);
                low >= LEAST && high <= GREATEST
            }
            Op::I64Div => {
                if low_b >= 1 {
                    // Cut towards zero, so nothing goes further from it.
                    let (low, high) = match constant {
                        Some(by) => (low_a / by, high_a / by),
                        None => (low_a.min(0), high_a.max(0)),
                    };
                    self.between(result, low, high);
                    if low_a >= 0 {
                        let sum = self.number(Value(result));
                        self.bounds.assume(sum, a, 0);
                    }
                }
                (low_b > 0 || high_b < 0) && (low_b > -1 || high_b < -1 || low_a > LEAST)
            }
            Op::I64Rem => {
                if low_b >= 1 {
                    let high = if high_a <= 0 {
                        0
                    } else {
                        high_a.min(high_b - 1)
                    };
                    let low = if low_a >= 0 { 0 } else { low_a.max(1 - high_b) };
                    self.between(result, low, high);
                    let sum = self.number(Value(result));
                    self.bounds.assume(sum, b, -1);
                    if low_a >= 0 {
                        self.bounds.assume(sum, a, 0);
                    }
                }
                low_b > 0 || high_b < 0
            }
            Op::I64Neg => {
                self.between(result, -high_a, -low_a);
                low_a > LEAST
            }
            Op::I64And => {
                let high = match (low_a >= 0, low_b >= 0) {
                    (true, true) => high_a.min(high_b),
                    (true, false) => high_a,
                    (false, true) => high_b,
                    (false, false) => return true,
                };
                self.between(result, 0, high);
                true
            }
            Op::I64Or | Op::I64Xor => {
                if low_a >= 0 && low_b >= 0 {
                    let bits = 128 - high_a.max(high_b).max(0).leading_zeros();
                    self.between(result, 0, (1 << bits) - 1);
                }
                true
            }
            Op::I64Shr | Op::I64UShr | Op::I64Shl | Op::I64RotateLeft | Op::I64RotateRight => {
                let sure = low_b >= 0 && high_b <= 63;
                if let Some(by) = constant.filter(|by| (0..=63).contains(by)) {
                    match op {
                        Op::I64Shr => self.between(result, low_a >> by, high_a >> by),
                        Op::I64UShr if low_a >= 0 => {
                            self.between(result, low_a >> by, high_a >> by);
                        }
                        Op::I64UShr if by > 0 => {
                            self.between(result, 0, i128::from(u64::MAX >> by))
                        }
                        Op::I64Shl if low_a >= 0 && high_a << by <= GREATEST => {
                            self.between(result, low_a << by, high_a << by);
                        }
                        _ => {}
                    }
                }
                sure
            }
            Op::I64UDiv | Op::I64URem => low_b > 0 || high_b < 0,
            _ => false,
        }
    }
}
