//! The instruction table: every operation on one row, from which encoder, decoder, verifier, interpreter,
//! printer and documentation are made.
//!
//! Three lists. [`OPCODES`] has the structural instructions of [`crate::Instr`]. [`Op`] has the plain
//! operations: they read their arguments (copied or looked at) and define results. [`UpdateOp`] has the
//! operations in place: they change what lies at a path.
//!
//! Signatures are written over [`Kind`]s. `T` is the element of the list or set at hand (the first argument
//! or the target), `K` and `V` key and value of the map at hand.

use crate::cost::Cost;
use crate::trap::TrapKind;

/// The type of an argument or result of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Kind {
    I64,
    F64,
    Bool,
    Char,
    Unit,
    String,
    Bytes,
    /// Any list; binds `T`.
    List,
    /// Any map; binds `K` and `V`.
    Map,
    /// Any set; binds `T`.
    Set,
    /// The element of the list or set at hand. As an argument of an update it is consumed; of an [`Op`], looked at.
    T,
    /// The key of the map at hand. As an argument of `map.put` consumed, else looked at.
    K,
    /// The value of the map at hand, consumed.
    V,
    /// `Option` of `i64`.
    OptionI64,
    /// `Option` of `f64`.
    OptionF64,
    /// `Option` of `char`.
    OptionChar,
    /// `Option` of `string`.
    OptionString,
    /// `Option` of `T`.
    OptionT,
    /// `Option` of `V`.
    OptionV,
    /// The type that the instruction names (a list): only as result, binds `T`.
    Named,
}

/// A row of [`Op`].
#[derive(Clone, Copy, Debug)]
pub struct OpRow {
    /// The operation.
    pub op: Op,
    /// Opcode byte.
    pub code: u8,
    /// Name in text form.
    pub name: &'static str,
    /// Arguments.
    pub args: &'static [Kind],
    /// Result.
    pub result: Kind,
    /// Price.
    pub cost: Cost,
    /// Traps of its own, in order of testing.
    pub traps: &'static [TrapKind],
    /// One-line meaning.
    pub doc: &'static str,
}

/// A row of [`UpdateOp`].
#[derive(Clone, Copy, Debug)]
pub struct UpdateRow {
    /// The operation.
    pub op: UpdateOp,
    /// Second opcode byte, after [`UPDATE`].
    pub code: u8,
    /// Name in text form.
    pub name: &'static str,
    /// What lies at the path.
    pub target: Kind,
    /// Arguments.
    pub args: &'static [Kind],
    /// Result besides the changed value; `Unit` when there is none.
    pub result: Kind,
    /// Price.
    pub cost: Cost,
    /// Traps of its own, in order of testing.
    pub traps: &'static [TrapKind],
    /// One-line meaning.
    pub doc: &'static str,
}

macro_rules! ops {
    ($($name:ident = $code:literal $text:literal ($($arg:ident)*) -> $result:ident, $cost:ident, [$($trap:ident)*], $doc:literal;)*) => {
        /// The plain operations.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum Op { $(#[doc = $doc] $name = $code,)* }

        /// All plain operations.
        pub const OPS: &[OpRow] = &[$(OpRow {
            op: Op::$name, code: $code, name: $text, args: &[$(Kind::$arg),*], result: Kind::$result,
            cost: Cost::$cost, traps: &[$(TrapKind::$trap),*], doc: $doc,
        },)*];

        impl Op {
            /// Its row.
            pub const fn row(self) -> &'static OpRow {
                const { assert!(OPS.len() < 256) };
                match self { $(Op::$name => const { &OpRow {
                    op: Op::$name, code: $code, name: $text, args: &[$(Kind::$arg),*], result: Kind::$result,
                    cost: Cost::$cost, traps: &[$(TrapKind::$trap),*], doc: $doc,
                } },)* }
            }
            /// The operation with that opcode byte.
            pub const fn from_code(code: u8) -> Option<Op> {
                match code { $($code => Some(Op::$name),)* _ => None }
            }
            /// The operation with that name.
            pub fn from_name(name: &str) -> Option<Op> {
                match name { $($text => Some(Op::$name),)* _ => None }
            }
        }
    };
}

macro_rules! updates {
    ($($name:ident = $code:literal $text:literal $target:ident ($($arg:ident)*) -> $result:ident, $cost:ident, [$($trap:ident)*], $doc:literal;)*) => {
        /// The operations in place.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum UpdateOp { $(#[doc = $doc] $name = $code,)* }

        /// All operations in place.
        pub const UPDATES: &[UpdateRow] = &[$(UpdateRow {
            op: UpdateOp::$name, code: $code, name: $text, target: Kind::$target, args: &[$(Kind::$arg),*],
            result: Kind::$result, cost: Cost::$cost, traps: &[$(TrapKind::$trap),*], doc: $doc,
        },)*];

        impl UpdateOp {
            /// Its row.
            pub const fn row(self) -> &'static UpdateRow {
                match self { $(UpdateOp::$name => const { &UpdateRow {
                    op: UpdateOp::$name, code: $code, name: $text, target: Kind::$target, args: &[$(Kind::$arg),*],
                    result: Kind::$result, cost: Cost::$cost, traps: &[$(TrapKind::$trap),*], doc: $doc,
                } },)* }
            }
            /// The operation with that opcode byte.
            pub const fn from_code(code: u8) -> Option<UpdateOp> {
                match code { $($code => Some(UpdateOp::$name),)* _ => None }
            }
            /// The operation with that name.
            pub fn from_name(name: &str) -> Option<UpdateOp> {
                match name { $($text => Some(UpdateOp::$name),)* _ => None }
            }
        }
    };
}

ops! {
    I64Add = 0x40 "i64.add" (I64 I64) -> I64, Simple, [IntegerOverflow], "sum";
    I64Sub = 0x41 "i64.sub" (I64 I64) -> I64, Simple, [IntegerOverflow], "difference";
    I64Mul = 0x42 "i64.mul" (I64 I64) -> I64, Simple, [IntegerOverflow], "product";
    I64Div = 0x43 "i64.div" (I64 I64) -> I64, Divide, [DivisionByZero IntegerOverflow], "quotient, cut towards zero";
    I64Rem = 0x44 "i64.rem" (I64 I64) -> I64, Divide, [DivisionByZero], "remainder with the sign of the left; min % -1 is 0";
    I64Neg = 0x45 "i64.neg" (I64) -> I64, Simple, [IntegerOverflow], "negation";
    I64AddWrap = 0x46 "i64.add_wrap" (I64 I64) -> I64, Simple, [], "sum modulo 2^64";
    I64SubWrap = 0x47 "i64.sub_wrap" (I64 I64) -> I64, Simple, [], "difference modulo 2^64";
    I64MulWrap = 0x48 "i64.mul_wrap" (I64 I64) -> I64, Simple, [], "product modulo 2^64";
    I64And = 0x49 "i64.and" (I64 I64) -> I64, Simple, [], "bits of both";
    I64Or = 0x4a "i64.or" (I64 I64) -> I64, Simple, [], "bits of either";
    I64Xor = 0x4b "i64.xor" (I64 I64) -> I64, Simple, [], "bits that differ";
    I64Not = 0x4c "i64.not" (I64) -> I64, Simple, [], "bits turned";
    I64Shl = 0x4d "i64.shl" (I64 I64) -> I64, Simple, [ShiftOutOfRange], "shift left, high bits dropped";
    I64Shr = 0x4e "i64.shr" (I64 I64) -> I64, Simple, [ShiftOutOfRange], "shift right, sign copied";
    I64UShr = 0x4f "i64.ushr" (I64 I64) -> I64, Simple, [ShiftOutOfRange], "shift right, zeros";
    I64Eq = 0x50 "i64.eq" (I64 I64) -> Bool, Simple, [], "equal";
    I64Ne = 0x51 "i64.ne" (I64 I64) -> Bool, Simple, [], "not equal";
    I64Lt = 0x52 "i64.lt" (I64 I64) -> Bool, Simple, [], "less";
    I64Le = 0x53 "i64.le" (I64 I64) -> Bool, Simple, [], "less or equal";
    I64Gt = 0x54 "i64.gt" (I64 I64) -> Bool, Simple, [], "greater";
    I64Ge = 0x55 "i64.ge" (I64 I64) -> Bool, Simple, [], "greater or equal";
    I64ToF64 = 0x56 "i64.to_f64" (I64) -> F64, Simple, [], "nearest float, ties to even";
    I64CountOnes = 0x57 "i64.count_ones" (I64) -> I64, Simple, [], "number of one bits";
    I64LeadingZeros = 0x58 "i64.leading_zeros" (I64) -> I64, Simple, [], "zero bits at the top; 64 for 0";
    I64TrailingZeros = 0x59 "i64.trailing_zeros" (I64) -> I64, Simple, [], "zero bits at the bottom; 64 for 0";
    I64RotateLeft = 0x5a "i64.rotate_left" (I64 I64) -> I64, Simple, [ShiftOutOfRange], "rotation by 0..=63";
    I64RotateRight = 0x5b "i64.rotate_right" (I64 I64) -> I64, Simple, [ShiftOutOfRange], "rotation by 0..=63";
    I64ULt = 0x5c "i64.unsigned_lt" (I64 I64) -> Bool, Simple, [], "less, as unsigned";
    I64UDiv = 0x5d "i64.unsigned_div" (I64 I64) -> I64, Divide, [DivisionByZero], "quotient, as unsigned";
    I64URem = 0x5e "i64.unsigned_rem" (I64 I64) -> I64, Divide, [DivisionByZero], "remainder, as unsigned";
    I64AddOverflows = 0x5f "i64.add_overflows" (I64 I64) -> Bool, Simple, [], "whether the sum leaves 64 bits";
    I64SubOverflows = 0x60 "i64.sub_overflows" (I64 I64) -> Bool, Simple, [], "whether the difference leaves 64 bits";
    I64MulOverflows = 0x61 "i64.mul_overflows" (I64 I64) -> Bool, Simple, [], "whether the product leaves 64 bits";
    I64Parse = 0x62 "i64.parse" (String) -> OptionI64, Copy, [], "optional `-` and decimal digits";
    I64Pow = 0x63 "i64.pow" (I64 I64) -> I64, LibraryFloat, [InvalidArgument IntegerOverflow], "power; a negative exponent is no argument";

    F64Add = 0x68 "f64.add" (F64 F64) -> F64, Simple, [], "sum";
    F64Sub = 0x69 "f64.sub" (F64 F64) -> F64, Simple, [], "difference";
    F64Mul = 0x6a "f64.mul" (F64 F64) -> F64, Simple, [], "product";
    F64Div = 0x6b "f64.div" (F64 F64) -> F64, Divide, [], "quotient";
    F64Rem = 0x6c "f64.rem" (F64 F64) -> F64, LibraryFloat, [], "exact truncated remainder";
    F64Neg = 0x6d "f64.neg" (F64) -> F64, Simple, [], "negation";
    F64Eq = 0x6e "f64.eq" (F64 F64) -> Bool, Simple, [], "equal by IEEE 754";
    F64Ne = 0x6f "f64.ne" (F64 F64) -> Bool, Simple, [], "not equal by IEEE 754";
    F64Lt = 0x70 "f64.lt" (F64 F64) -> Bool, Simple, [], "less by IEEE 754";
    F64Le = 0x71 "f64.le" (F64 F64) -> Bool, Simple, [], "less or equal by IEEE 754";
    F64Gt = 0x72 "f64.gt" (F64 F64) -> Bool, Simple, [], "greater by IEEE 754";
    F64Ge = 0x73 "f64.ge" (F64 F64) -> Bool, Simple, [], "greater or equal by IEEE 754";
    F64Compare = 0x74 "f64.compare" (F64 F64) -> I64, Longer, [], "total order as -1, 0, 1: NaN equals itself and is greatest, -0.0 equals 0.0";
    F64Sqrt = 0x75 "f64.sqrt" (F64) -> F64, Divide, [], "square root";
    F64Floor = 0x76 "f64.floor" (F64) -> F64, Simple, [], "down to an integer";
    F64Ceil = 0x77 "f64.ceil" (F64) -> F64, Simple, [], "up to an integer";
    F64Trunc = 0x78 "f64.trunc" (F64) -> F64, Simple, [], "towards zero to an integer";
    F64Round = 0x79 "f64.round" (F64) -> F64, Longer, [], "to the nearest integer, ties away from zero";
    F64Abs = 0x7a "f64.abs" (F64) -> F64, Simple, [], "without its sign";
    F64Min = 0x7b "f64.min" (F64 F64) -> F64, Simple, [], "NaN when either is; -0.0 below 0.0";
    F64Max = 0x7c "f64.max" (F64 F64) -> F64, Simple, [], "NaN when either is; -0.0 below 0.0";
    F64ToI64 = 0x7d "f64.to_i64" (F64) -> I64, Simple, [ConversionOutOfRange], "towards zero";
    F64ToI64Option = 0x7e "f64.to_i64_option" (F64) -> OptionI64, Longer, [], "towards zero, or None";
    F64ToBits = 0x7f "f64.to_bits" (F64) -> I64, Simple, [], "the bits, NaN as 0x7ff8000000000000";
    F64FromBits = 0x80 "f64.from_bits" (I64) -> F64, Simple, [], "a float of these bits";
    F64Parse = 0x81 "f64.parse" (String) -> OptionF64, FloatText, [], "decimal text, correctly rounded";
    F64Format = 0x82 "f64.format" (F64 I64) -> String, FloatText, [InvalidArgument], "with 0..=100 digits after the point";

    BoolNot = 0x88 "bool.not" (Bool) -> Bool, Simple, [], "the other";
    BoolEq = 0x89 "bool.eq" (Bool Bool) -> Bool, Simple, [], "equal";
    CharCode = 0x8a "char.code" (Char) -> I64, Simple, [], "its number";
    CharFromCode = 0x8b "char.from_code" (I64) -> OptionChar, Longer, [], "the character of that number";
    CharIsLetter = 0x8c "char.is_letter" (Char) -> Bool, Longer, [], "Unicode Alphabetic";
    CharIsSpace = 0x8d "char.is_space" (Char) -> Bool, Longer, [], "Unicode White_Space";
    CharIsUpper = 0x8e "char.is_upper" (Char) -> Bool, Longer, [], "Unicode Uppercase";
    CharIsLower = 0x8f "char.is_lower" (Char) -> Bool, Longer, [], "Unicode Lowercase";
    CharToUpper = 0x90 "char.to_upper" (Char) -> String, Case, [], "full upper-case mapping";
    CharToLower = 0x91 "char.to_lower" (Char) -> String, Case, [], "full lower-case mapping";

    StringLen = 0x98 "string.len" (String) -> I64, Simple, [], "length in bytes";
    StringEq = 0x99 "string.eq" (String String) -> Bool, Copy, [], "equal";
    StringCompare = 0x9a "string.compare" (String String) -> I64, Copy, [], "by bytes, as -1, 0, 1";
    StringConcat = 0x9b "string.concat" (String String) -> String, Allocate, [OutOfMemory], "one after the other";
    StringSlice = 0x9c "string.slice" (String I64 I64) -> String, Edit, [InvalidRange CharBoundary], "from start to below end, in bytes";
    StringByteAt = 0x9d "string.byte_at" (String I64) -> I64, Simple, [IndexOutOfBounds], "the byte there";
    StringCharAt = 0x9e "string.char_at" (String I64) -> Char, Longer, [IndexOutOfBounds CharBoundary], "the character that starts there";
    StringFind = 0x9f "string.find" (String String I64) -> I64, Edit, [InvalidRange], "offset of the first occurrence at or after an offset, or -1";
    StringFindLast = 0xa0 "string.find_last" (String String) -> I64, Edit, [], "offset of the last occurrence, or -1";
    StringMatchesAt = 0xa1 "string.matches_at" (String String I64) -> Bool, Copy, [], "whether the second stands in the first at the offset; false outside";
    StringCharCount = 0xa2 "string.char_count" (String) -> I64, Copy, [], "length in characters";
    StringToUpper = 0xa3 "string.to_upper" (String) -> String, Case, [OutOfMemory], "full upper-case mapping";
    StringToLower = 0xa4 "string.to_lower" (String) -> String, Case, [OutOfMemory], "full lower-case mapping, with final sigma";
    StringToBytes = 0xa5 "string.to_bytes" (String) -> Bytes, Copy, [], "its UTF-8";
    StringSkipSpace = 0xa6 "string.skip_space" (String I64) -> I64, Edit, [InvalidRange CharBoundary], "offset of the first character at or after the offset that is no white space, or the length";
    StringSkipWord = 0xa7 "string.skip_word" (String I64) -> I64, Edit, [InvalidRange CharBoundary], "offset of the first white space at or after the offset, or the length";

    BytesLen = 0xb0 "bytes.len" (Bytes) -> I64, Simple, [], "length";
    BytesEq = 0xb1 "bytes.eq" (Bytes Bytes) -> Bool, Copy, [], "equal";
    BytesCompare = 0xb2 "bytes.compare" (Bytes Bytes) -> I64, Copy, [], "element by element, as -1, 0, 1";
    BytesSlice = 0xb3 "bytes.slice" (Bytes I64 I64) -> Bytes, Edit, [InvalidRange], "from start to below end";
    BytesFind = 0xb4 "bytes.find" (Bytes Bytes I64) -> I64, Edit, [InvalidRange], "offset of the first occurrence at or after an offset, or -1";
    BytesMatchesAt = 0xb5 "bytes.matches_at" (Bytes Bytes I64) -> Bool, Copy, [], "whether the second stands in the first at the offset; false outside";
    BytesToText = 0xb6 "bytes.to_text" (Bytes) -> OptionString, Copy, [], "as UTF-8";
    BytesFilled = 0xb7 "bytes.filled" (I64 I64) -> Bytes, Allocate, [InvalidArgument OutOfMemory], "n times a byte";
    BytesReadI64 = 0xb8 "bytes.read_i64" (Bytes I64) -> I64, Longer, [IndexOutOfBounds], "eight bytes, little-endian, at the offset";

    ListLen = 0xc0 "list.len" (List) -> I64, Simple, [], "number of elements";
    ListSlice = 0xc1 "list.slice" (List I64 I64) -> List, Edit, [InvalidRange], "from start to below end";
    ListFilled = 0xc2 "list.filled" (I64 T) -> Named, Allocate, [InvalidArgument OutOfMemory], "n times a value; names the list's type";

    MapLen = 0xc8 "map.len" (Map) -> I64, Longer, [], "number of live entries";
    MapFind = 0xc9 "map.find" (Map K) -> I64, Map, [], "number of the entry with that key, or -1";
    MapNext = 0xca "map.next" (Map I64) -> I64, Longer, [], "number of the first live entry at or after that number, or -1";
    SetLen = 0xcb "set.len" (Set) -> I64, Longer, [], "number of elements";
    SetFind = 0xcc "set.find" (Set T) -> I64, Map, [], "number of the entry, or -1";
    SetNext = 0xcd "set.next" (Set I64) -> I64, Longer, [], "number of the first live entry at or after that number, or -1";

    F64Acos = 0xd0 "f64.acos" (F64) -> F64, LibraryFloat, [], "arc cosine, correctly rounded";
    F64Asin = 0xd1 "f64.asin" (F64) -> F64, LibraryFloat, [], "arc sine, correctly rounded";
    F64Atan = 0xd2 "f64.atan" (F64) -> F64, LibraryFloat, [], "arc tangent, correctly rounded";
    F64Atan2 = 0xd3 "f64.atan2" (F64 F64) -> F64, LibraryFloat, [], "angle of a point, y first, correctly rounded";
    F64Cbrt = 0xd4 "f64.cbrt" (F64) -> F64, LibraryFloat, [], "cube root, correctly rounded";
    F64Cos = 0xd5 "f64.cos" (F64) -> F64, LibraryFloat, [], "cosine, correctly rounded";
    F64Exp = 0xd6 "f64.exp" (F64) -> F64, LibraryFloat, [], "e to the power, correctly rounded";
    F64Exp2 = 0xd7 "f64.exp2" (F64) -> F64, LibraryFloat, [], "2 to the power, correctly rounded";
    F64Hypot = 0xd8 "f64.hypot" (F64 F64) -> F64, LibraryFloat, [], "length of the hypotenuse, correctly rounded";
    F64Ln = 0xd9 "f64.ln" (F64) -> F64, LibraryFloat, [], "natural logarithm, correctly rounded";
    F64Log10 = 0xda "f64.log10" (F64) -> F64, LibraryFloat, [], "logarithm to base 10, correctly rounded";
    F64Log2 = 0xdb "f64.log2" (F64) -> F64, LibraryFloat, [], "logarithm to base 2, correctly rounded";
    F64Pow = 0xdc "f64.pow" (F64 F64) -> F64, LibraryFloat, [], "power, correctly rounded";
    F64Sin = 0xdd "f64.sin" (F64) -> F64, LibraryFloat, [], "sine, correctly rounded";
    F64Tan = 0xde "f64.tan" (F64) -> F64, LibraryFloat, [], "tangent, correctly rounded";
}

updates! {
    I64Add = 0x00 "i64.add" I64 (I64) -> Unit, Simple, [IntegerOverflow], "adds";
    I64Sub = 0x01 "i64.sub" I64 (I64) -> Unit, Simple, [IntegerOverflow], "subtracts";
    I64Mul = 0x02 "i64.mul" I64 (I64) -> Unit, Simple, [IntegerOverflow], "multiplies";
    I64Div = 0x03 "i64.div" I64 (I64) -> Unit, Divide, [DivisionByZero IntegerOverflow], "divides";
    I64Rem = 0x04 "i64.rem" I64 (I64) -> Unit, Divide, [DivisionByZero], "takes the remainder";
    I64AddWrap = 0x05 "i64.add_wrap" I64 (I64) -> Unit, Simple, [], "adds modulo 2^64";
    I64SubWrap = 0x06 "i64.sub_wrap" I64 (I64) -> Unit, Simple, [], "subtracts modulo 2^64";
    I64MulWrap = 0x07 "i64.mul_wrap" I64 (I64) -> Unit, Simple, [], "multiplies modulo 2^64";
    I64And = 0x08 "i64.and" I64 (I64) -> Unit, Simple, [], "keeps bits of both";
    I64Or = 0x09 "i64.or" I64 (I64) -> Unit, Simple, [], "sets bits";
    I64Xor = 0x0a "i64.xor" I64 (I64) -> Unit, Simple, [], "turns bits";
    I64Shl = 0x0b "i64.shl" I64 (I64) -> Unit, Simple, [ShiftOutOfRange], "shifts left";
    I64Shr = 0x0c "i64.shr" I64 (I64) -> Unit, Simple, [ShiftOutOfRange], "shifts right, sign copied";
    I64UShr = 0x0d "i64.ushr" I64 (I64) -> Unit, Simple, [ShiftOutOfRange], "shifts right, zeros";
    F64Add = 0x10 "f64.add" F64 (F64) -> Unit, Simple, [], "adds";
    F64Sub = 0x11 "f64.sub" F64 (F64) -> Unit, Simple, [], "subtracts";
    F64Mul = 0x12 "f64.mul" F64 (F64) -> Unit, Simple, [], "multiplies";
    F64Div = 0x13 "f64.div" F64 (F64) -> Unit, Divide, [], "divides";
    F64Rem = 0x14 "f64.rem" F64 (F64) -> Unit, LibraryFloat, [], "takes the remainder";

    TextAppend = 0x20 "text.append" String (String) -> Unit, Copy, [OutOfMemory], "appends a text";
    TextPush = 0x21 "text.push" String (Char) -> Unit, Copy, [OutOfMemory], "appends a character";
    TextAppendI64 = 0x22 "text.append_i64" String (I64) -> Unit, Edit, [OutOfMemory], "appends an integer in decimal";
    TextAppendHex = 0x23 "text.append_hex" String (I64) -> Unit, Edit, [OutOfMemory], "appends an integer as unsigned, in hexadecimal, lower case";
    TextAppendF64 = 0x24 "text.append_f64" String (F64) -> Unit, FloatText, [OutOfMemory], "appends a float as `Show` writes it";
    TextAppendQuoted = 0x25 "text.append_quoted" String (String) -> Unit, Edit, [OutOfMemory], "appends a text as a quoted literal";
    TextAppendCharQuoted = 0x26 "text.append_char_quoted" String (Char) -> Unit, Edit, [OutOfMemory], "appends a character as a quoted literal";
    TextAppendBytes = 0x27 "text.append_bytes" String (Bytes) -> Unit, Edit, [OutOfMemory], "appends bytes as a literal b\"…\"";
    TextClear = 0x28 "text.clear" String () -> Unit, Longer, [], "empties";
    TextAppendSlice = 0x29 "text.append_slice" String (String I64 I64) -> Unit, Copy, [InvalidRange CharBoundary OutOfMemory], "appends a part of a text";
    TextAppendJson = 0x2a "text.append_json" String (String) -> Unit, Edit, [OutOfMemory], "appends a text as a JSON string";

    BytesPush = 0x30 "bytes.push" Bytes (I64) -> Unit, Copy, [InvalidArgument OutOfMemory], "appends a byte";
    BytesExtend = 0x31 "bytes.extend" Bytes (Bytes) -> Unit, Copy, [OutOfMemory], "appends bytes";
    BytesAppendI64 = 0x32 "bytes.append_i64" Bytes (I64) -> Unit, Copy, [OutOfMemory], "appends eight bytes, little-endian";
    BytesAppendText = 0x33 "bytes.append_text" Bytes (String) -> Unit, Copy, [OutOfMemory], "appends the UTF-8 of a text";
    BytesClear = 0x34 "bytes.clear" Bytes () -> Unit, Longer, [], "empties";

    ListPush = 0x40 "list.push" List (T) -> Unit, Copy, [OutOfMemory], "appends an element";
    ListPop = 0x41 "list.pop" List () -> OptionT, Longer, [], "removes the last element";
    ListInsert = 0x42 "list.insert" List (I64 T) -> Unit, Edit, [IndexOutOfBounds OutOfMemory], "inserts before a position; the length is a position";
    ListRemove = 0x43 "list.remove" List (I64) -> T, Edit, [IndexOutOfBounds], "removes at a position";
    ListSwap = 0x44 "list.swap" List (I64 I64) -> Unit, Longer, [IndexOutOfBounds], "exchanges two elements";
    ListTruncate = 0x45 "list.truncate" List (I64) -> Unit, Longer, [InvalidArgument], "keeps the first n";
    ListClear = 0x46 "list.clear" List () -> Unit, Longer, [], "empties";
    ListReverse = 0x47 "list.reverse" List () -> Unit, Copy, [], "turns the order";
    ListExtend = 0x48 "list.extend" List (List) -> Unit, Edit, [OutOfMemory], "appends the elements of a list, which is looked at";

    MapPut = 0x50 "map.put" Map (K V) -> Unit, Map, [OutOfMemory], "inserts or replaces";
    MapRemove = 0x51 "map.remove" Map (K) -> OptionV, Map, [], "removes";
    MapClear = 0x52 "map.clear" Map () -> Unit, Longer, [], "empties";
    SetInsert = 0x53 "set.insert" Set (T) -> Bool, Map, [OutOfMemory], "inserts; whether it was new. The element is consumed";
    SetRemove = 0x54 "set.remove" Set (T) -> Bool, Map, [], "removes; whether it was there. The element is looked at";
    SetClear = 0x55 "set.clear" Set () -> Unit, Longer, [], "empties";
}

impl UpdateOp {
    /// Whether argument number `arg` is consumed (if its type is owned); else it is looked at.
    pub const fn consumes(self, arg: usize) -> bool {
        match self {
            UpdateOp::ListPush | UpdateOp::SetInsert => arg == 0,
            UpdateOp::ListInsert => arg == 1,
            UpdateOp::MapPut => arg < 2,
            _ => false,
        }
    }
}

/// Opcode byte before an [`UpdateOp`].
pub const UPDATE: u8 = 0x2a;

macro_rules! opcodes {
    ($($name:ident = $code:literal $text:literal, $cost:ident, $doc:literal;)*) => {
        /// Opcode bytes of the structural instructions.
        #[allow(non_upper_case_globals, missing_docs)]
        pub mod opcode { $(pub const $name: u8 = $code;)* }
        /// (opcode byte, name, price, one-line meaning) of the structural instructions.
        pub const OPCODES: &[(u8, &str, Cost, &str)] = &[$(($code, $text, Cost::$cost, $doc),)*];
    };
}

opcodes! {
    ConstI64 = 0x01 "const.i64", Free, "an integer";
    ConstF64 = 0x02 "const.f64", Free, "a float";
    ConstBool = 0x03 "const.bool", Free, "a truth value";
    ConstChar = 0x04 "const.char", Free, "a character";
    ConstUnit = 0x05 "const.unit", Free, "the value ()";
    Const = 0x06 "const", Simple, "a string or bytes constant";
    Block = 0x10 "block", Free, "opens a region";
    If = 0x11 "if", Simple, "opens a region with two arms";
    Else = 0x12 "else", Free, "separates the arms of an `if`";
    Switch = 0x13 "switch", Simple, "opens a region with an arm for each variant";
    Arm = 0x14 "arm", Free, "separates the arms of a `switch`";
    Loop = 0x15 "loop", Free, "opens a loop; its start costs 1";
    For = 0x16 "for", Simple, "opens a counting loop; its start costs 1, and its price is charged at each turn";
    End = 0x17 "end", Free, "closes a region";
    Exit = 0x18 "exit", Free, "leaves a region forwards";
    Next = 0x19 "next", Simple, "goes to the head of a loop";
    Ret = 0x1a "ret", Simple, "leaves the function";
    Trap = 0x1b "trap", Simple, "ends the run";
    New = 0x20 "new", Free, "builds a value; a cell costs an allocation";
    Get = 0x21 "get", Free, "reads at a path, 1 per step that is not an inline field";
    Set = 0x22 "set", Simple, "writes at a path";
    Take = 0x23 "take", Simple, "moves a value out of a path";
    Put = 0x24 "put", Simple, "moves a value back into a path";
    Dup = 0x25 "dup", Simple, "one more owner";
    Drop = 0x26 "drop", Simple, "one owner fewer";
    Unique = 0x27 "unique", Simple, "copies the cell if it is shared, which costs a copy";
    Open = 0x28 "open", Simple, "takes a product or variant apart";
    Tag = 0x29 "tag", Simple, "the variant's number";
    Update = 0x2a "update", Free, "an operation in place; its price stands in its own row";
    Call = 0x30 "call", Call, "calls a function";
    CallValue = 0x31 "call.value", CallValue, "calls a closure";
    Closure = 0x32 "closure", Allocate, "makes a closure";
    HostCall = 0x33 "host.call", Host, "asks the host";
}
