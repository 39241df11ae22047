//! Operations on numbers, truth values and characters in place, and those reads of text and collections that are one
//! load.

use cop_bytecode::instr::Value;
use cop_bytecode::limits::NAN_BITS;
use cop_bytecode::{Op, TrapKind};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};

use super::bounds::Check;
use super::{Body, NoCode};
use crate::planted::{Fault, is_planted};

impl Body<'_, '_> {
    /// Translates an operation, if it is one of those done in place.
    pub(super) fn scalar(&mut self, op: Op, args: &[Value]) -> Result<bool, NoCode> {
        let slot = |i: usize| args.get(i).map(|v| self.slots(*v));
        let (Some(&[a, ..]), second) = (slot(0), slot(1)) else {
            return Ok(false);
        };
        let b = second.and_then(|s| s.first().copied()).unwrap_or(a);
        let result = match op {
            Op::I64Add => self.add_values(args, a, b),
            Op::I64Sub => self.sub_values(args, a, b),
            Op::I64Mul => self.mul(a, b, self.sure()),
            Op::I64Div => self.div(a, b, self.sure()),
            Op::I64Rem => self.rem(a, b, self.sure()),
            Op::I64Neg => {
                if !self.facts.sure(self.at) {
                    let least = self.b.ins().icmp_imm_s(IntCC::Equal, a, i64::MIN);
                    self.trap_if(least, TrapKind::IntegerOverflow, Some(a), None);
                }
                self.b.ins().ineg(a)
            }
            Op::I64AddWrap => self.b.ins().iadd(a, b),
            Op::I64SubWrap => self.b.ins().isub(a, b),
            Op::I64MulWrap => self.b.ins().imul(a, b),
            Op::I64And => self.b.ins().band(a, b),
            Op::I64Or => self.b.ins().bor(a, b),
            Op::I64Xor => self.b.ins().bxor(a, b),
            Op::I64Not => self.b.ins().bnot(a),
            Op::I64Shl | Op::I64Shr | Op::I64UShr | Op::I64RotateLeft | Op::I64RotateRight => {
                self.shift(op, a, b, self.sure())
            }
            Op::I64Eq | Op::BoolEq => self.compare(IntCC::Equal, a, b),
            Op::I64Ne => self.compare(IntCC::NotEqual, a, b),
            Op::I64Lt => self.compare(IntCC::SignedLessThan, a, b),
            Op::I64Le => self.compare(IntCC::SignedLessThanOrEqual, a, b),
            Op::I64Gt => self.compare(IntCC::SignedGreaterThan, a, b),
            Op::I64Ge => self.compare(IntCC::SignedGreaterThanOrEqual, a, b),
            Op::I64ULt => self.compare(IntCC::UnsignedLessThan, a, b),
            Op::I64ToF64 => self.b.ins().fcvt_from_sint(types::F64, a),
            Op::I64CountOnes => self.b.ins().popcnt(a),
            Op::I64LeadingZeros => self.b.ins().clz(a),
            Op::I64TrailingZeros => self.b.ins().ctz(a),
            Op::I64UDiv | Op::I64URem => {
                if !self.facts.sure(self.at) {
                    let zero = self.b.ins().icmp_imm_s(IntCC::Equal, b, 0);
                    self.trap_if(zero, TrapKind::DivisionByZero, Some(a), None);
                }
                match op {
                    Op::I64UDiv => self.b.ins().udiv(a, b),
                    _ => self.b.ins().urem(a, b),
                }
            }
            Op::I64AddOverflows => {
                let (_, over) = self.b.ins().sadd_overflow(a, b);
                self.widen(over)
            }
            Op::I64SubOverflows => {
                let (_, over) = self.b.ins().ssub_overflow(a, b);
                self.widen(over)
            }
            Op::I64MulOverflows => {
                let (_, over) = self.b.ins().smul_overflow(a, b);
                self.widen(over)
            }

            Op::F64Add => self.b.ins().fadd(a, b),
            Op::F64Sub => self.b.ins().fsub(a, b),
            Op::F64Mul => self.b.ins().fmul(a, b),
            Op::F64Div => self.b.ins().fdiv(a, b),
            Op::F64Neg => self.b.ins().fneg(a),
            Op::F64Abs => self.b.ins().fabs(a),
            Op::F64Sqrt => self.b.ins().sqrt(a),
            Op::F64Floor if rounds() => self.b.ins().floor(a),
            Op::F64Ceil if rounds() => self.b.ins().ceil(a),
            Op::F64Trunc if rounds() => self.b.ins().trunc(a),
            Op::F64Min => self.b.ins().fmin(a, b),
            Op::F64Max => self.b.ins().fmax(a, b),
            Op::F64Eq => self.compare_floats(FloatCC::Equal, a, b),
            Op::F64Ne => self.compare_floats(FloatCC::NotEqual, a, b),
            Op::F64Lt if is_planted(Fault::NotANumber) => {
                self.compare_floats(FloatCC::UnorderedOrLessThan, a, b)
            }
            Op::F64Lt => self.compare_floats(FloatCC::LessThan, a, b),
            Op::F64Le => self.compare_floats(FloatCC::LessThanOrEqual, a, b),
            Op::F64Gt => self.compare_floats(FloatCC::GreaterThan, a, b),
            Op::F64Ge => self.compare_floats(FloatCC::GreaterThanOrEqual, a, b),
            Op::F64ToI64 => {
                // -2^63 is a float; 2^63 is the first that is too large.
                let (low, high) = (
                    self.b.ins().f64const(-9_223_372_036_854_775_808.0),
                    self.b.ins().f64const(9_223_372_036_854_775_808.0),
                );
                let above = self.b.ins().fcmp(FloatCC::GreaterThanOrEqual, a, low);
                let below = self.b.ins().fcmp(FloatCC::LessThan, a, high);
                let inside = self.b.ins().band(above, below);
                let outside = self.b.ins().icmp_imm_s(IntCC::Equal, inside, 0);
                self.trap_if(outside, TrapKind::ConversionOutOfRange, None, None);
                self.b.ins().fcvt_to_sint_sat(types::I64, a)
            }
            Op::F64ToBits => self.canonical_bits(a),
            Op::F64FromBits => {
                let float = self.cast(a, types::F64);
                let bits = self.canonical_bits(float);
                self.cast(bits, types::F64)
            }

            Op::BoolNot => {
                let not = self.b.ins().bxor_imm_s(a, 1);
                self.inverted.insert(not, a);
                not
            }
            Op::CharCode => a,
            Op::StringLen | Op::BytesLen | Op::ListLen => self.length_of(args[0]),
            Op::StringByteAt => {
                let length = self.length_of(args[0]);
                let inside = self.facts.sure(self.at);
                let check = Check {
                    length: Some(length),
                    inside,
                    above: inside,
                };
                let (address, offset) = self.element(a, b, 1, check);
                self.b
                    .ins()
                    .uload8(types::I64, MemFlagsData::trusted(), address, offset)
            }
            _ => return Ok(false),
        };
        self.values.push(vec![result]);
        Ok(true)
    }

    pub(super) fn widen(&mut self, truth: ir::Value) -> ir::Value {
        self.b.ins().uextend(types::I64, truth)
    }

    fn compare(&mut self, how: IntCC, a: ir::Value, b: ir::Value) -> ir::Value {
        let truth = self.b.ins().icmp(how, a, b);
        self.widen(truth)
    }

    fn compare_floats(&mut self, how: FloatCC, a: ir::Value, b: ir::Value) -> ir::Value {
        let truth = self.b.ins().fcmp(how, a, b);
        self.widen(truth)
    }

    fn canonical_bits(&mut self, float: ir::Value) -> ir::Value {
        let bits = self.cast(float, types::I64);
        let nan = self.b.ins().fcmp(FloatCC::Unordered, float, float);
        let canonical = self.b.ins().iconst(types::I64, NAN_BITS as i64);
        self.b.ins().select(nan, canonical, bits)
    }
}

/// Where the elements of a sequence begin.
pub(super) const SEQUENCE: i32 = crate::heap::SEQUENCE as i32;
/// Where the length of a sequence stands.
pub(super) const LENGTH: i32 = 8;

/// Whether the machine rounds floats to whole numbers by an instruction.
fn rounds() -> bool {
    std::is_x86_feature_detected!("sse4.1")
}
