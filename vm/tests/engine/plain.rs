//! Every plain operation on numbers, texts and bytes, by value and by trap.

use cop_bytecode::table::Kind;
use cop_bytecode::{Instr, Op, TrapKind, Value};

use crate::build::*;

/// An argument.
#[derive(Clone, Copy, Debug)]
enum Lit {
    I(i64),
    F(f64),
    B(bool),
    C(char),
    S(&'static str),
    Y(&'static [u8]),
}
use Lit::{B, C, F, I, S, Y};

/// What came of an operation, as text: `3`, `"text"`, `Some 3`, `None`, `Trap [1, 0]`.
fn eval(op: Op, args: &[Lit]) -> String {
    let row = op.row();
    let package = Pack::new().main(|b| {
        let values: Vec<Value> = args.iter().map(|a| literal(b, *a)).collect();
        let result = b.op(op, &values);
        for (value, arg) in values.iter().zip(args) {
            if matches!(arg, S(_) | Y(_)) {
                b.drop(*value);
            }
        }
        match row.result {
            Kind::OptionI64 | Kind::OptionF64 | Kind::OptionChar | Kind::OptionString => {
                let bytes = b.pack.ty(cop_bytecode::Type::Bytes);
                b.all(Instr::Switch {
                    value: result,
                    results: [owned(bytes, 1)].into(),
                });
                b.all(Instr::Open {
                    value: result,
                    variant: 0,
                    parts: 0,
                });
                let none = b.buffer();
                b.exit(0, &[none]);
                b.all(Instr::Arm);
                let payload = b.all(Instr::Open {
                    value: result,
                    variant: 1,
                    parts: 1,
                })[0];
                let kind = match row.result {
                    Kind::OptionI64 => Kind::I64,
                    Kind::OptionF64 => Kind::F64,
                    Kind::OptionChar => Kind::Char,
                    _ => Kind::String,
                };
                let some = as_bytes(b, kind, payload);
                b.exit(0, &[some]);
                let bytes = b.end()[0];
                b.ret(&[bytes]);
            }
            kind => {
                let bytes = as_bytes(b, kind, result);
                b.ret(&[bytes]);
            }
        }
    });
    let outcome = run(&package);
    let bytes = match outcome.end {
        cop_vm::End::Trapped(trap) => return format!("{} {:?}", trap.kind.name(), trap.operands),
        _ => returned(outcome),
    };
    let shown = |kind| match kind {
        Kind::String | Kind::OptionString => {
            format!("{:?}", String::from_utf8(bytes.clone()).unwrap())
        }
        Kind::Bytes => format!("{:?}", bytes.clone()),
        Kind::F64 | Kind::OptionF64 => {
            format!(
                "{:?}",
                f64::from_bits(u64::from_le_bytes(bytes.clone().try_into().unwrap()))
            )
        }
        _ => i64::from_le_bytes(bytes.clone().try_into().unwrap()).to_string(),
    };
    match row.result {
        Kind::OptionI64 | Kind::OptionF64 | Kind::OptionChar | Kind::OptionString
            if bytes.is_empty() =>
        {
            "None".into()
        }
        kind @ (Kind::OptionI64 | Kind::OptionF64 | Kind::OptionChar | Kind::OptionString) => {
            format!("Some {}", shown(kind))
        }
        kind => shown(kind),
    }
}

fn literal(b: &mut Body, lit: Lit) -> Value {
    match lit {
        I(n) => b.int(n),
        F(f) => b.float(f),
        B(t) => b.truth(t),
        C(c) => b.char(c),
        S(text) => b.text(text),
        Y(bytes) => b.bytes(bytes),
    }
}

fn as_bytes(b: &mut Body, kind: Kind, value: Value) -> Value {
    let int = match kind {
        Kind::Bytes => return value,
        Kind::String => {
            let bytes = b.op(Op::StringToBytes, &[value]);
            b.drop(value);
            return bytes;
        }
        Kind::F64 => b.op(Op::F64ToBits, &[value]),
        Kind::Bool => b.as_int(value),
        Kind::Char => b.op(Op::CharCode, &[value]),
        _ => value,
    };
    let out = b.buffer();
    b.update1(cop_bytecode::UpdateOp::BytesAppendI64, out, &[], &[int])
}

#[track_caller]
fn check(op: Op, args: &[Lit], expected: &str) {
    assert_eq!(eval(op, args), expected, "{op:?} {args:?}");
}

const MIN: i64 = i64::MIN;
const MAX: i64 = i64::MAX;

#[test]
fn integers() {
    use Op::*;
    check(I64Add, &[I(2), I(3)], "5");
    check(I64Add, &[I(MAX), I(0)], "9223372036854775807");
    check(
        I64Add,
        &[I(MAX), I(1)],
        "IntegerOverflow [9223372036854775807, 1]",
    );
    check(
        I64Sub,
        &[I(MIN), I(1)],
        "IntegerOverflow [-9223372036854775808, 1]",
    );
    check(I64Sub, &[I(-1), I(MAX)], "-9223372036854775808");
    check(I64Mul, &[I(-4), I(5)], "-20");
    check(
        I64Mul,
        &[I(MIN), I(-1)],
        "IntegerOverflow [-9223372036854775808, -1]",
    );
    check(I64Div, &[I(-7), I(2)], "-3");
    check(I64Div, &[I(1), I(0)], "DivisionByZero [1, 0]");
    check(
        I64Div,
        &[I(MIN), I(-1)],
        "IntegerOverflow [-9223372036854775808, -1]",
    );
    check(I64Rem, &[I(-7), I(2)], "-1");
    check(I64Rem, &[I(7), I(0)], "DivisionByZero [7, 0]");
    check(I64Rem, &[I(MIN), I(-1)], "0");
    check(I64Neg, &[I(5)], "-5");
    check(
        I64Neg,
        &[I(MIN)],
        "IntegerOverflow [-9223372036854775808, 0]",
    );
    check(I64AddWrap, &[I(MAX), I(1)], "-9223372036854775808");
    check(I64SubWrap, &[I(MIN), I(1)], "9223372036854775807");
    check(I64MulWrap, &[I(MAX), I(2)], "-2");
    check(I64And, &[I(12), I(10)], "8");
    check(I64Or, &[I(12), I(10)], "14");
    check(I64Xor, &[I(12), I(10)], "6");
    check(I64Not, &[I(0)], "-1");
    check(I64Shl, &[I(3), I(63)], "-9223372036854775808");
    check(I64Shl, &[I(1), I(64)], "ShiftOutOfRange [64, 0]");
    check(I64Shr, &[I(-8), I(1)], "-4");
    check(I64Shr, &[I(1), I(-1)], "ShiftOutOfRange [-1, 0]");
    check(I64UShr, &[I(-1), I(63)], "1");
    check(I64UShr, &[I(1), I(64)], "ShiftOutOfRange [64, 0]");
    for (op, less, same, more) in [
        (I64Eq, 0, 1, 0),
        (I64Ne, 1, 0, 1),
        (I64Lt, 1, 0, 0),
        (I64Le, 1, 1, 0),
        (I64Gt, 0, 0, 1),
        (I64Ge, 0, 1, 1),
    ] {
        check(op, &[I(-1), I(1)], &less.to_string());
        check(op, &[I(1), I(1)], &same.to_string());
        check(op, &[I(1), I(-1)], &more.to_string());
    }
    check(I64ToF64, &[I(9_007_199_254_740_993)], "9007199254740992.0");
    check(I64CountOnes, &[I(-1)], "64");
    check(I64LeadingZeros, &[I(0)], "64");
    check(I64TrailingZeros, &[I(8)], "3");
    check(I64TrailingZeros, &[I(0)], "64");
    check(I64RotateLeft, &[I(MIN), I(1)], "1");
    check(I64RotateRight, &[I(1), I(1)], "-9223372036854775808");
    check(I64RotateLeft, &[I(1), I(64)], "ShiftOutOfRange [64, 0]");
    check(I64RotateRight, &[I(1), I(-1)], "ShiftOutOfRange [-1, 0]");
    check(I64ULt, &[I(1), I(-1)], "1");
    check(I64UDiv, &[I(-1), I(2)], "9223372036854775807");
    check(I64URem, &[I(-1), I(10)], "5");
    check(I64UDiv, &[I(3), I(0)], "DivisionByZero [3, 0]");
    check(I64URem, &[I(3), I(0)], "DivisionByZero [3, 0]");
    for (base, exponent, power) in [
        (2, 62, "4611686018427387904"),
        (2, 63, "IntegerOverflow [2, 63]"),
        (-2, 63, "-9223372036854775808"),
        (-2, 64, "IntegerOverflow [-2, 64]"),
        (3, 39, "4052555153018976267"),
        (3, 40, "IntegerOverflow [3, 40]"),
        (0, 0, "1"),
        (-1, MAX, "-1"),
        (1, MAX, "1"),
        (MAX, 1, "9223372036854775807"),
        (MIN, 2, "IntegerOverflow [-9223372036854775808, 2]"),
        (7, MAX, "IntegerOverflow [7, 9223372036854775807]"),
        (5, -1, "InvalidArgument [-1, 0]"),
    ] {
        check(I64Pow, &[I(base), I(exponent)], power);
    }
    check(I64AddOverflows, &[I(MAX), I(1)], "1");
    check(I64AddOverflows, &[I(MAX), I(0)], "0");
    check(I64SubOverflows, &[I(MIN), I(1)], "1");
    check(I64MulOverflows, &[I(MIN), I(-1)], "1");
    check(I64Parse, &[S("-42")], "Some -42");
    check(I64Parse, &[S("9223372036854775808")], "None");
}

#[test]
fn floats() {
    use Op::*;
    check(F64Add, &[F(0.1), F(0.2)], "0.30000000000000004");
    check(F64Sub, &[F(1.0), F(0.5)], "0.5");
    check(F64Mul, &[F(1e200), F(1e200)], "inf");
    check(F64Div, &[F(1.0), F(0.0)], "inf");
    check(F64Div, &[F(0.0), F(0.0)], "NaN");
    check(F64Rem, &[F(-5.5), F(2.0)], "-1.5");
    check(F64Neg, &[F(0.0)], "-0.0");
    for op in [F64Eq, F64Lt, F64Le, F64Gt, F64Ge] {
        check(op, &[F(f64::NAN), F(f64::NAN)], "0");
    }
    check(F64Ne, &[F(f64::NAN), F(f64::NAN)], "1");
    check(F64Eq, &[F(-0.0), F(0.0)], "1");
    check(F64Lt, &[F(1.0), F(2.0)], "1");
    check(F64Le, &[F(2.0), F(2.0)], "1");
    check(F64Gt, &[F(2.0), F(1.0)], "1");
    check(F64Ge, &[F(1.0), F(2.0)], "0");
    check(F64Compare, &[F(f64::NAN), F(f64::INFINITY)], "1");
    check(F64Compare, &[F(1.0), F(2.0)], "-1");
    check(F64Compare, &[F(0.0), F(-0.0)], "0");
    check(F64Sqrt, &[F(2.0)], "1.4142135623730951");
    check(F64Sqrt, &[F(-1.0)], "NaN");
    check(F64Acos, &[F(-1.0)], "3.141592653589793");
    check(F64Asin, &[F(2.0)], "NaN");
    check(F64Atan, &[F(1.0)], "0.7853981633974483");
    check(F64Atan2, &[F(1.0), F(-1.0)], "2.356194490192345");
    check(F64Cbrt, &[F(-27.0)], "-3.0");
    check(F64Cos, &[F(1.0)], "0.5403023058681398");
    check(F64Exp, &[F(1.0)], "2.718281828459045");
    check(F64Exp2, &[F(-1.0)], "0.5");
    check(F64Hypot, &[F(3.0), F(4.0)], "5.0");
    check(F64Ln, &[F(0.0)], "-inf");
    check(F64Log10, &[F(1000.0)], "3.0");
    check(F64Log2, &[F(8.0)], "3.0");
    check(F64Pow, &[F(10.0), F(-3.0)], "0.001");
    check(F64Sin, &[F(1.0)], "0.8414709848078965");
    check(F64Tan, &[F(0.5)], "0.5463024898437905");
    check(F64Floor, &[F(-0.5)], "-1.0");
    check(F64Ceil, &[F(-0.5)], "-0.0");
    check(F64Trunc, &[F(-1.9)], "-1.0");
    check(F64Round, &[F(2.5)], "3.0");
    check(F64Round, &[F(-2.5)], "-3.0");
    check(F64Round, &[F(0.49999999999999994)], "0.0");
    check(F64Abs, &[F(-0.0)], "0.0");
    check(F64Min, &[F(0.0), F(-0.0)], "-0.0");
    check(F64Max, &[F(-0.0), F(0.0)], "0.0");
    check(F64Max, &[F(f64::NAN), F(0.0)], "NaN");
    check(F64ToI64, &[F(-1.9)], "-1");
    check(F64ToI64, &[F(9.3e18)], "ConversionOutOfRange [0, 0]");
    check(F64ToI64, &[F(f64::NAN)], "ConversionOutOfRange [0, 0]");
    check(F64ToI64Option, &[F(3.0)], "Some 3");
    check(F64ToI64Option, &[F(f64::INFINITY)], "None");
    check(
        F64ToBits,
        &[F(f64::NAN)],
        &0x7ff8_0000_0000_0000u64.to_string(),
    );
    check(F64FromBits, &[I(0x3ff0_0000_0000_0000)], "1.0");
    check(F64FromBits, &[I(-1)], "NaN");
    check(F64Parse, &[S("1.5e3")], "Some 1500.0");
    check(F64Parse, &[S("1.")], "None");
    check(F64Format, &[F(2.5), I(0)], "\"2\"");
    check(
        F64Format,
        &[F(1.0), I(100)],
        &format!("\"1.{}\"", "0".repeat(100)),
    );
    check(F64Format, &[F(1.0), I(101)], "InvalidArgument [101, 0]");
    check(F64Format, &[F(1.0), I(-1)], "InvalidArgument [-1, 0]");
}

#[test]
fn truth_values_and_characters() {
    use Op::*;
    check(BoolNot, &[B(true)], "0");
    check(BoolNot, &[B(false)], "1");
    check(BoolEq, &[B(true), B(true)], "1");
    check(BoolEq, &[B(true), B(false)], "0");
    check(CharCode, &[C('ß')], "223");
    check(CharFromCode, &[I(223)], "Some 223");
    check(CharFromCode, &[I(0xd800)], "None");
    check(CharFromCode, &[I(0x10_ffff)], "Some 1114111");
    check(CharFromCode, &[I(0x11_0000)], "None");
    check(CharFromCode, &[I(-1)], "None");
    check(CharIsLetter, &[C('ж')], "1");
    check(CharIsLetter, &[C('1')], "0");
    check(CharIsSpace, &[C('\u{a0}')], "1");
    check(CharIsUpper, &[C('Ⅷ')], "1");
    check(CharIsLower, &[C('ª')], "1");
    check(CharToUpper, &[C('ß')], "\"SS\"");
    check(CharToLower, &[C('Σ')], "\"σ\"");
}

#[test]
fn texts() {
    use Op::*;
    check(StringLen, &[S("héé")], "5");
    check(StringEq, &[S("ab"), S("ab")], "1");
    check(StringEq, &[S("ab"), S("abc")], "0");
    check(StringCompare, &[S("a"), S("b")], "-1");
    check(StringCompare, &[S("b"), S("a")], "1");
    check(StringCompare, &[S("ab"), S("a")], "1");
    check(StringCompare, &[S(""), S("")], "0");
    check(StringConcat, &[S("foo"), S("bar")], "\"foobar\"");
    check(StringSlice, &[S("hello"), I(1), I(3)], "\"el\"");
    check(StringSlice, &[S("hello"), I(5), I(5)], "\"\"");
    check(
        StringSlice,
        &[S("hello"), I(3), I(6)],
        "InvalidRange [3, 6]",
    );
    check(
        StringSlice,
        &[S("hello"), I(3), I(2)],
        "InvalidRange [3, 2]",
    );
    check(
        StringSlice,
        &[S("hello"), I(-1), I(2)],
        "InvalidRange [-1, 2]",
    );
    check(StringSlice, &[S("hé"), I(0), I(2)], "CharBoundary [2, 0]");
    check(StringSlice, &[S("hé"), I(2), I(3)], "CharBoundary [2, 0]");
    check(StringByteAt, &[S("é"), I(1)], "169");
    check(StringByteAt, &[S("é"), I(2)], "IndexOutOfBounds [2, 2]");
    check(StringCharAt, &[S("aé€😀"), I(1)], "233");
    check(StringCharAt, &[S("aé€😀"), I(3)], "8364");
    check(StringCharAt, &[S("aé€😀"), I(6)], "128512");
    check(StringCharAt, &[S("é"), I(1)], "CharBoundary [1, 0]");
    check(StringCharAt, &[S("é"), I(2)], "IndexOutOfBounds [2, 2]");
    check(StringCharAt, &[S("é"), I(-1)], "IndexOutOfBounds [-1, 2]");
    check(StringFind, &[S("abcabc"), S("bc"), I(0)], "1");
    check(StringFind, &[S("abcabc"), S("bc"), I(2)], "4");
    check(StringFind, &[S("abcabc"), S(""), I(6)], "6");
    check(StringFind, &[S("abcabc"), S("x"), I(6)], "-1");
    check(
        StringFind,
        &[S("abcabc"), S("x"), I(7)],
        "InvalidRange [7, 6]",
    );
    check(StringFindLast, &[S("abcabc"), S("bc")], "4");
    check(StringFindLast, &[S("abcabc"), S("")], "6");
    check(StringFindLast, &[S("abcabc"), S("d")], "-1");
    check(StringMatchesAt, &[S("abc"), S("bc"), I(1)], "1");
    check(StringMatchesAt, &[S("abc"), S("bc"), I(2)], "0");
    check(StringMatchesAt, &[S("abc"), S(""), I(3)], "1");
    check(StringMatchesAt, &[S("abc"), S(""), I(4)], "0");
    check(StringMatchesAt, &[S("abc"), S("a"), I(-1)], "0");
    check(StringCharCount, &[S("aé€😀")], "4");
    check(StringToUpper, &[S("straße")], "\"STRASSE\"");
    check(StringToLower, &[S("ΌΔΟΣ")], "\"όδος\"");
    check(StringToBytes, &[S("é")], "[195, 169]");
    check(StringSkipSpace, &[S("  \u{a0}a"), I(0)], "4");
    check(StringSkipSpace, &[S("   "), I(1)], "3");
    check(StringSkipSpace, &[S("é"), I(1)], "CharBoundary [1, 0]");
    check(StringSkipSpace, &[S("é"), I(3)], "InvalidRange [3, 2]");
    check(StringSkipWord, &[S("word\u{a0}x"), I(0)], "4");
    check(StringSkipWord, &[S("word"), I(0)], "4");
}

#[test]
fn bytes() {
    use Op::*;
    check(BytesLen, &[Y(b"abc")], "3");
    check(BytesEq, &[Y(b"abc"), Y(b"abd")], "0");
    check(BytesCompare, &[Y(b"\xff"), Y(b"\x01")], "1");
    check(BytesSlice, &[Y(b"abcd"), I(1), I(3)], "[98, 99]");
    check(BytesSlice, &[Y(b"abcd"), I(1), I(5)], "InvalidRange [1, 5]");
    check(BytesFind, &[Y(b"aab"), Y(b"ab"), I(0)], "1");
    check(BytesMatchesAt, &[Y(b"aab"), Y(b"ab"), I(1)], "1");
    check(BytesToText, &[Y("é".as_bytes())], "Some \"é\"");
    check(BytesToText, &[Y(b"\xff")], "None");
    check(BytesFilled, &[I(3), I(255)], "[255, 255, 255]");
    check(BytesFilled, &[I(-1), I(0)], "InvalidArgument [-1, 0]");
    check(BytesFilled, &[I(1), I(256)], "InvalidArgument [256, 0]");
    check(
        BytesFilled,
        &[I(1 << 31), I(0)],
        "OutOfMemory [67108864, 0]",
    );
    check(
        BytesReadI64,
        &[Y(b"\x01\0\0\0\0\0\0\x80x"), I(0)],
        "-9223372036854775807",
    );
    check(
        BytesReadI64,
        &[Y(b"\x01\0\0\0\0\0\0\x80x"), I(2)],
        "IndexOutOfBounds [2, 9]",
    );
    check(
        BytesReadI64,
        &[Y(b"\x01\0\0\0\0\0\0\x80x"), I(-1)],
        "IndexOutOfBounds [-1, 9]",
    );
}

#[test]
fn no_plain_operation_of_numbers_texts_and_bytes_is_left_out() {
    // Those of containers are in `containers.rs`.
    let source = include_str!("plain.rs");
    for row in cop_bytecode::table::OPS {
        let of_containers = ["list.", "map.", "set."]
            .iter()
            .any(|p| row.name.starts_with(p));
        assert!(
            of_containers || source.contains(&format!("{:?}", row.op)),
            "{:?}",
            row.op
        );
    }
    assert_eq!(TrapKind::ALL.len(), 22);
}
