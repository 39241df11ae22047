//! Arithmetic and indices with their checks, as far as these can fail.

use cop_bytecode::instr::{Step, Value};
use cop_bytecode::{Op, TrapKind};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData};

use super::Body;
use super::paths::Place;
use super::scalars::{LENGTH, SEQUENCE};
use crate::planted::{Fault, is_planted};

/// What is known of an operation.
#[derive(Clone, Copy)]
pub(super) struct Sure {
    /// It cannot fail.
    sure: bool,
    /// Its left and its right operand are not negative.
    positive: (bool, bool),
}

/// What is known of an index.
pub(super) struct Check {
    /// The length of what it is an index of.
    pub length: Option<ir::Value>,
    /// It is inside.
    pub inside: bool,
    /// It is not negative.
    pub above: bool,
}

/// Nothing is known of an index.
pub(super) const UNKNOWN: Check = Check {
    length: None,
    inside: false,
    above: false,
};

/// A sequence that is an element.
#[derive(Clone, Copy)]
pub(super) struct Row {
    cell: ir::Value,
    length: ir::Value,
}

/// How much was read, to go back to.
#[derive(Clone, Copy)]
pub(super) struct Read {
    lengths: usize,
    rows: usize,
}

/// Constants up to this are left to the address of an element.
const NEAR: i64 = 1 << 12;

/// Nothing is known.
pub(super) const NOTHING: Sure = Sure {
    sure: false,
    positive: (false, false),
};

impl Body<'_, '_> {
    /// What is known of this instruction.
    pub(super) fn sure(&self) -> Sure {
        Sure {
            sure: self.facts.sure(self.at),
            positive: self.facts.positive(self.at),
        }
    }

    fn overflow_if(&mut self, over: ir::Value, a: ir::Value, b: ir::Value) {
        self.trap_if(over, TrapKind::IntegerOverflow, Some(a), Some(b));
    }

    pub(super) fn add(&mut self, a: ir::Value, b: ir::Value, known: Sure) -> ir::Value {
        if known.sure {
            return self.b.ins().iadd(a, b);
        }
        // With a sign that is known one comparison finds an overflow, and goes with its branch.
        let (than, other) = match known.positive {
            (_, true) => (a, true),
            (true, _) => (b, true),
            _ => (a, false),
        };
        if other {
            let sum = self.b.ins().iadd(a, b);
            let over = self.b.ins().icmp(IntCC::SignedLessThan, sum, than);
            self.overflow_if(over, a, b);
            return sum;
        }
        let (sum, over) = self.b.ins().sadd_overflow(a, b);
        self.overflow_if(over, a, b);
        sum
    }

    pub(super) fn sub(&mut self, a: ir::Value, b: ir::Value, known: Sure) -> ir::Value {
        if known.sure {
            return self.b.ins().isub(a, b);
        }
        if known.positive.1 {
            let difference = self.b.ins().isub(a, b);
            let over = self.b.ins().icmp(IntCC::SignedGreaterThan, difference, a);
            self.overflow_if(over, a, b);
            return difference;
        }
        let (difference, over) = self.b.ins().ssub_overflow(a, b);
        self.overflow_if(over, a, b);
        difference
    }

    pub(super) fn mul(&mut self, a: ir::Value, b: ir::Value, known: Sure) -> ir::Value {
        if known.sure {
            return self.b.ins().imul(a, b);
        }
        let (product, over) = self.b.ins().smul_overflow(a, b);
        self.overflow_if(over, a, b);
        product
    }

    pub(super) fn div(&mut self, a: ir::Value, b: ir::Value, known: Sure) -> ir::Value {
        if !known.sure {
            let zero = self.b.ins().icmp_imm_s(IntCC::Equal, b, 0);
            self.trap_if(zero, TrapKind::DivisionByZero, Some(a), None);
            let least = self.b.ins().icmp_imm_s(IntCC::Equal, a, i64::MIN);
            let minus = self.b.ins().icmp_imm_s(IntCC::Equal, b, -1);
            let over = self.b.ins().band(least, minus);
            self.overflow_if(over, a, b);
        }
        self.b.ins().sdiv(a, b)
    }

    pub(super) fn rem(&mut self, a: ir::Value, b: ir::Value, known: Sure) -> ir::Value {
        if !known.sure {
            let zero = self.b.ins().icmp_imm_s(IntCC::Equal, b, 0);
            self.trap_if(zero, TrapKind::DivisionByZero, Some(a), None);
        }
        // Of a division by -1 nothing ever remains; the machine would not survive that of the least number.
        self.b.ins().srem(a, b)
    }

    pub(super) fn shift(&mut self, op: Op, a: ir::Value, by: ir::Value, known: Sure) -> ir::Value {
        if !known.sure {
            let far = self.b.ins().icmp_imm_s(IntCC::UnsignedGreaterThan, by, 63);
            self.trap_if(far, TrapKind::ShiftOutOfRange, Some(by), None);
        }
        match op {
            Op::I64Shl => self.b.ins().ishl(a, by),
            Op::I64Shr if is_planted(Fault::Sign) => self.b.ins().ushr(a, by),
            Op::I64Shr => self.b.ins().sshr(a, by),
            Op::I64UShr => self.b.ins().ushr(a, by),
            Op::I64RotateLeft => self.b.ins().rotl(a, by),
            _ => self.b.ins().rotr(a, by),
        }
    }

    /// The length of the sequence in a cell.
    pub(super) fn length(&mut self, cell: ir::Value) -> ir::Value {
        let address = self.b.ins().iadd(self.base, cell);
        self.b
            .ins()
            .uload32(MemFlagsData::trusted(), address, LENGTH)
    }

    /// The length of a value that is a sequence; read once where it cannot have changed.
    pub(super) fn length_of(&mut self, value: Value) -> ir::Value {
        let name = self.facts.length(value);
        if let Some(length) = name.and_then(|name| self.lengths.get(&name)) {
            return *length;
        }
        let length = self.length(self.slot(value));
        if let Some(name) = name {
            self.lengths.insert(name, length);
            self.lengths_log.push(name);
        }
        length
    }

    /// Reads the lengths that a loop wants and does not change, before it begins.
    pub(super) fn lengths_before(&mut self, at: u32) {
        let wanted: Vec<Value> = self.facts.invariant(at).collect();
        for value in wanted {
            self.length_of(value);
        }
    }

    /// What has been read so far.
    pub(super) fn read(&self) -> Read {
        Read {
            lengths: self.lengths_log.len(),
            rows: self.rows_log.len(),
        }
    }

    /// Forgets what was read since, because what comes next is reached in other ways too.
    pub(super) fn forget(&mut self, read: Read) {
        for name in self.lengths_log.drain(read.lengths..) {
            self.lengths.remove(&name);
        }
        for name in self.rows_log.drain(read.rows..) {
            self.rows.remove(&name);
        }
    }

    /// The sequence at a place, which step `at` of a path goes into, to look at or change one of its elements; and its length.
    pub(super) fn enter_sequence(
        &mut self,
        root: Value,
        path: &[Step],
        at: usize,
        place: Place,
        change: bool,
    ) -> (ir::Value, Option<ir::Value>) {
        match (place, &path[..at]) {
            (Place::Slots(0), []) if self.facts.length(root).is_some() => {
                (self.slot(root), Some(self.length_of(root)))
            }
            // As long as a list is at hand nothing changes in it, so that its elements need to be read once.
            (Place::Memory(address, offset), [Step::Index(index)])
                if self.facts.length(root).is_some() =>
            {
                let Some(index) = self.facts.number(*index) else {
                    return (self.enter_cell(root, place, change), None);
                };
                let row = match self.rows.get(&(root, index)) {
                    Some(row) => *row,
                    None => {
                        let cell = self.enter_cell(root, place, false);
                        let length = self.length(cell);
                        let row = Row { cell, length };
                        self.rows.insert((root, index), row);
                        self.rows_log.push((root, index));
                        row
                    }
                };
                let cell = match change {
                    true => self.make_unique_at(row.cell, Some((address, offset))),
                    false => row.cell,
                };
                (cell, Some(row.length))
            }
            _ => (self.enter_cell(root, place, change), None),
        }
    }

    /// The address of an element of a sequence, and what is to be added to it; traps outside.
    pub(super) fn element(
        &mut self,
        cell: ir::Value,
        index: ir::Value,
        stride: u32,
        check: Check,
    ) -> (ir::Value, i32) {
        let offset = self.offsets.get(&index).copied();
        if !check.inside {
            let length = match check.length {
                Some(length) => length,
                None => self.length(cell),
            };
            let outside = match offset {
                // One below a number, and not negative: the number is at hand, and the sum need not be made.
                Some((number, -1)) if check.above => {
                    let greater = IntCC::SignedGreaterThan;
                    self.b.ins().icmp(greater, number, length)
                }
                _ => {
                    let not_below = IntCC::UnsignedGreaterThanOrEqual;
                    self.b.ins().icmp(not_below, index, length)
                }
            };
            self.trap_if(
                outside,
                TrapKind::IndexOutOfBounds,
                Some(index),
                Some(length),
            );
        }
        let start = self.b.ins().iadd(self.base, cell);
        let (index, plus) = match offset {
            Some((number, plus)) if plus.abs() <= NEAR => (number, plus as i32),
            _ => (index, 0),
        };
        let at = match stride {
            1 => index,
            _ => self.b.ins().imul_imm_s(index, i64::from(stride)),
        };
        let address = self.b.ins().iadd(start, at);
        (address, SEQUENCE + plus * stride as i32)
    }

    /// The sum of two values.
    pub(super) fn add_values(&mut self, args: &[Value], a: ir::Value, b: ir::Value) -> ir::Value {
        let known = self.sure();
        let sum = self.add(a, b, known);
        if known.sure {
            let constants = [0, 1].map(|i| self.facts.constant(args[i]));
            match constants {
                [_, Some(more)] => self.note_offset(sum, a, more),
                [Some(more), _] => self.note_offset(sum, b, more),
                _ => {}
            }
        }
        sum
    }

    /// The difference of two values.
    pub(super) fn sub_values(&mut self, args: &[Value], a: ir::Value, b: ir::Value) -> ir::Value {
        let known = self.sure();
        let [from, less] = [0, 1].map(|i| self.facts.constant(args[i]));
        if known.sure && from.is_some() && less.is_none() {
            // Cranelift would make a sum with a constant again wherever it is used, in inner loops too; not so this.
            let (difference, _) = self.b.ins().ssub_overflow(a, b);
            return difference;
        }
        let difference = self.sub(a, b, known);
        if let Some(more) = less.and_then(i64::checked_neg)
            && known.sure
        {
            self.note_offset(difference, a, more);
        }
        difference
    }

    fn note_offset(&mut self, sum: ir::Value, number: ir::Value, more: i64) {
        let (number, before) = self.offsets.get(&number).copied().unwrap_or((number, 0));
        if let Some(all) = before.checked_add(more) {
            self.offsets.insert(sum, (number, all));
        }
    }
}
