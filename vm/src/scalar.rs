//! The operations on numbers, truth values and characters that need no heap.

use cop_bytecode::{Op, TrapKind};

use crate::machine::{Run, internal, trap};
use crate::{math, number};

/// The result of an operation; operands and result are as they stand in slots.
#[inline]
pub fn scalar(op: Op, a: u64, b: u64) -> Run<u64> {
    let (i, j) = (a as i64, b as i64);
    let (x, y) = (f64::from_bits(a), f64::from_bits(b));
    let int = |n: i64| Ok(n as u64);
    let float = |f: f64| Ok(f.to_bits());
    let truth = |t: bool| Ok(u64::from(t));
    let character = || char::from_u32(a as u32).unwrap_or(char::REPLACEMENT_CHARACTER);
    match op {
        Op::I64Add => int(number::checked(i.checked_add(j), i, j)?),
        Op::I64Sub => int(number::checked(i.checked_sub(j), i, j)?),
        Op::I64Mul => int(number::checked(i.checked_mul(j), i, j)?),
        Op::I64Div => int(number::divide(i, j)?),
        Op::I64Rem => int(number::remainder(i, j)?),
        Op::I64Neg => int(number::checked(i.checked_neg(), i, 0)?),
        Op::I64AddWrap => int(i.wrapping_add(j)),
        Op::I64SubWrap => int(i.wrapping_sub(j)),
        Op::I64MulWrap => int(i.wrapping_mul(j)),
        Op::I64And => Ok(a & b),
        Op::I64Or => Ok(a | b),
        Op::I64Xor => Ok(a ^ b),
        Op::I64Not => Ok(!a),
        Op::I64Shl => Ok(a << number::amount(j)?),
        Op::I64Shr => int(i >> number::amount(j)?),
        Op::I64UShr => Ok(a >> number::amount(j)?),
        Op::I64Eq => truth(i == j),
        Op::I64Ne => truth(i != j),
        Op::I64Lt => truth(i < j),
        Op::I64Le => truth(i <= j),
        Op::I64Gt => truth(i > j),
        Op::I64Ge => truth(i >= j),
        Op::I64ToF64 => float(i as f64),
        Op::I64CountOnes => int(i64::from(a.count_ones())),
        Op::I64LeadingZeros => int(i64::from(a.leading_zeros())),
        Op::I64TrailingZeros => int(i64::from(a.trailing_zeros())),
        Op::I64RotateLeft => Ok(a.rotate_left(number::amount(j)?)),
        Op::I64RotateRight => Ok(a.rotate_right(number::amount(j)?)),
        Op::I64ULt => truth(a < b),
        Op::I64UDiv => match a.checked_div(b) {
            Some(quotient) => Ok(quotient),
            None => trap(TrapKind::DivisionByZero, i, 0),
        },
        Op::I64URem => match a.checked_rem(b) {
            Some(rest) => Ok(rest),
            None => trap(TrapKind::DivisionByZero, i, 0),
        },
        Op::I64AddOverflows => truth(i.checked_add(j).is_none()),
        Op::I64SubOverflows => truth(i.checked_sub(j).is_none()),
        Op::I64Pow => int(number::power(i, j)?),
        Op::I64MulOverflows => truth(i.checked_mul(j).is_none()),

        Op::F64Add => float(x + y),
        Op::F64Sub => float(x - y),
        Op::F64Mul => float(x * y),
        Op::F64Div => float(x / y),
        Op::F64Rem => float(x % y),
        Op::F64Neg => float(-x),
        Op::F64Eq => truth(x == y),
        Op::F64Ne => truth(x != y),
        Op::F64Lt => truth(x < y),
        Op::F64Le => truth(x <= y),
        Op::F64Gt => truth(x > y),
        Op::F64Ge => truth(x >= y),
        Op::F64Compare => int(number::compare(x, y)),
        Op::F64Sqrt => float(x.sqrt()),
        Op::F64Floor => float(x.floor()),
        Op::F64Ceil => float(x.ceil()),
        Op::F64Trunc => float(x.trunc()),
        Op::F64Round => float(x.round()),
        Op::F64Abs => float(x.abs()),
        Op::F64Min => float(number::min(x, y)),
        Op::F64Max => float(number::max(x, y)),
        Op::F64Acos => float(math::acos(x)),
        Op::F64Asin => float(math::asin(x)),
        Op::F64Atan => float(math::atan(x)),
        Op::F64Atan2 => float(math::atan2(x, y)),
        Op::F64Cbrt => float(math::cbrt(x)),
        Op::F64Cos => float(math::cos(x)),
        Op::F64Exp => float(math::exp(x)),
        Op::F64Exp2 => float(math::exp2(x)),
        Op::F64Hypot => float(math::hypot(x, y)),
        Op::F64Ln => float(math::ln(x)),
        Op::F64Log10 => float(math::log10(x)),
        Op::F64Log2 => float(math::log2(x)),
        Op::F64Pow => float(math::pow(x, y)),
        Op::F64Sin => float(math::sin(x)),
        Op::F64Tan => float(math::tan(x)),
        Op::F64ToI64 => match number::to_integer(x) {
            Some(n) => int(n),
            None => trap(TrapKind::ConversionOutOfRange, 0, 0),
        },
        Op::F64ToBits => Ok(number::to_bits(x)),
        Op::F64FromBits => Ok(number::to_bits(x)),

        Op::BoolNot => Ok(a ^ 1),
        Op::BoolEq => truth(a == b),
        Op::CharCode => Ok(a),
        Op::CharIsLetter => truth(crate::unicode::is_letter(character())),
        Op::CharIsSpace => truth(crate::unicode::is_space(character())),
        Op::CharIsUpper => truth(crate::unicode::is_upper(character())),
        Op::CharIsLower => truth(crate::unicode::is_lower(character())),
        _ => internal("an operation that needs the heap"),
    }
}
