//! Updates in place, lists, maps, sets, paths, boxed values.

use cop_bytecode::{Instr, Op, Step, TrapKind, Type, UpdateOp, Value};

use crate::build::*;

fn list_of(b: &mut Body, ints: &[i64]) -> Value {
    let i64 = b.pack.i64();
    let list = b.pack.list(i64);
    let items: Vec<Value> = ints.iter().map(|n| b.int(*n)).collect();
    b.new_value(list, 0, &items)
}

/// Returns the elements of a list of integers, which is dropped.
fn ret_list(b: &mut Body, list: Value) {
    let bytes = b.pack.ty(Type::Bytes);
    let (zero, len) = (b.int(0), b.op(Op::ListLen, &[list]));
    let out = b.buffer();
    let turn = b.all(Instr::For {
        from: zero,
        to: len,
        start: [out].into(),
        params: [owned(bytes, 1)].into(),
    });
    let item = b.get(list, &[Step::Index(turn[0])]);
    let out = b.update1(UpdateOp::BytesAppendI64, turn[1], &[], &[item]);
    b.next(0, &[out]);
    let out = b.end()[0];
    b.drop(list);
    b.ret(&[out]);
}

/// What an update makes of a list of integers.
fn updated(list: &[i64], op: UpdateOp, args: &[i64]) -> Vec<i64> {
    ints(|b| {
        let xs = list_of(b, list);
        let args: Vec<Value> = args.iter().map(|n| b.int(*n)).collect();
        let xs = b.update1(op, xs, &[], &args);
        ret_list(b, xs);
    })
}

fn update_trap(list: &[i64], op: UpdateOp, args: &[i64]) -> (TrapKind, [i64; 2]) {
    trap(|b| {
        let xs = list_of(b, list);
        let args: Vec<Value> = args.iter().map(|n| b.int(*n)).collect();
        let xs = b.update1(op, xs, &[], &args);
        ret_list(b, xs);
    })
}

#[test]
fn lists_change_in_place() {
    use UpdateOp::*;
    assert_eq!(updated(&[1, 2], ListPush, &[3]), [1, 2, 3]);
    assert_eq!(updated(&[1, 2], ListInsert, &[0, 9]), [9, 1, 2]);
    assert_eq!(updated(&[1, 2], ListInsert, &[2, 9]), [1, 2, 9]);
    assert_eq!(
        update_trap(&[1, 2], ListInsert, &[3, 9]),
        (TrapKind::IndexOutOfBounds, [3, 2])
    );
    assert_eq!(
        update_trap(&[1, 2], ListInsert, &[-1, 9]),
        (TrapKind::IndexOutOfBounds, [-1, 2])
    );
    assert_eq!(updated(&[1, 2, 3], ListSwap, &[0, 2]), [3, 2, 1]);
    assert_eq!(
        update_trap(&[1, 2, 3], ListSwap, &[0, 3]),
        (TrapKind::IndexOutOfBounds, [3, 3])
    );
    assert_eq!(updated(&[1, 2, 3], ListTruncate, &[1]), [1]);
    assert_eq!(updated(&[1, 2, 3], ListTruncate, &[7]), [1, 2, 3]);
    assert_eq!(
        update_trap(&[1, 2, 3], ListTruncate, &[-1]),
        (TrapKind::InvalidArgument, [-1, 0])
    );
    assert_eq!(updated(&[1, 2, 3], ListClear, &[]), []);
    assert_eq!(updated(&[1, 2, 3, 4], ListReverse, &[]), [4, 3, 2, 1]);
    let removed = ints(|b| {
        let xs = list_of(b, &[5, 6, 7]);
        let one = b.int(1);
        let both = b.update(ListRemove, xs, &[], &[one]);
        let len = b.op(Op::ListLen, &[both[0]]);
        let last = b.get(both[0], &[Step::Index(one)]);
        b.drop(both[0]);
        b.ret_ints(&[both[1], len, last]);
    });
    assert_eq!(removed, [6, 2, 7]);
    let remove_at_end = trap(|b| {
        let xs = list_of(b, &[5, 6, 7]);
        let three = b.int(3);
        let both = b.update(ListRemove, xs, &[], &[three]);
        b.drop(both[0]);
        b.ret_ints(&[both[1]]);
    });
    assert_eq!(remove_at_end, (TrapKind::IndexOutOfBounds, [3, 3]));
}

#[test]
fn lists_extend_and_slice_with_owned_elements() {
    let text = text(|b| {
        let (string, i64) = (b.pack.ty(Type::String), b.pack.i64());
        let list = b.pack.list(string);
        let word = |b: &mut Body, text: &str| {
            let (empty, word) = (b.blank(), b.text(text));
            let made = b.update1(UpdateOp::TextAppend, empty, &[], &[word]);
            b.drop(word);
            made
        };
        let (one, two) = (word(b, "one "), word(b, "two "));
        let xs = b.new_value(list, 0, &[one, two]);
        let ys = b.dup(xs);
        let xs = b.unique(xs, 0);
        let xs = b.update1(UpdateOp::ListExtend, xs, &[], &[ys]);
        b.drop(ys);
        let (from, to) = (b.int(1), b.int(4));
        let slice = b.op(Op::ListSlice, &[xs, from, to]);
        b.drop(xs);
        let out = b.blank();
        let turn = b.for_(3, &[out], &[owned(string, 1)]);
        let item = b.get(slice, &[Step::Index(turn[0])]);
        let out = b.update1(UpdateOp::TextAppend, turn[1], &[], &[item]);
        b.next(0, &[out]);
        let out = b.end()[0];
        b.drop(slice);
        let _ = i64;
        b.ret_text(out);
    });
    assert_eq!(text, "two one two ");
}

#[test]
fn slices_of_lists_are_checked() {
    let slice = |from: i64, to: i64| {
        move |b: &mut Body| {
            let xs = list_of(b, &[1, 2, 3]);
            let (from, to) = (b.int(from), b.int(to));
            let part = b.op(Op::ListSlice, &[xs, from, to]);
            b.drop(xs);
            ret_list(b, part);
        }
    };
    assert_eq!(ints(slice(1, 3)), [2, 3]);
    assert_eq!(ints(slice(3, 3)), []);
    assert_eq!(trap(slice(2, 4)), (TrapKind::InvalidRange, [2, 4]));
    assert_eq!(trap(slice(2, 1)), (TrapKind::InvalidRange, [2, 1]));
}

#[test]
fn popping_gives_options_of_every_layout() {
    // An integer (tag and payload), a text (one slot), and a product of 8 slots (a boxed option).
    let popped = ints(|b| {
        let i64 = b.pack.i64();
        let xs = list_of(b, &[4]);
        let first = b.update(UpdateOp::ListPop, xs, &[], &[]);
        let second = b.update(UpdateOp::ListPop, first[0], &[], &[]);
        let (some, none) = (b.one(Instr::Tag(first[1])), b.one(Instr::Tag(second[1])));
        let payload = b.get(first[1], &[Step::Variant(1), Step::Field(0)]);
        b.drop(second[0]);

        let wide = b.pack.strukt(&[i64; 8]);
        let wides = b.pack.list(wide);
        let parts: Vec<Value> = (0..8).map(|n| b.int(n * 10)).collect();
        let one = b.new_value(wide, 0, &parts);
        let xs = b.new_value(wides, 0, &[one]);
        let first = b.update(UpdateOp::ListPop, xs, &[], &[]);
        let second = b.update(UpdateOp::ListPop, first[0], &[], &[]);
        let (some2, none2) = (b.one(Instr::Tag(first[1])), b.one(Instr::Tag(second[1])));
        let last = b.get(
            first[1],
            &[Step::Variant(1), Step::Field(0), Step::Field(7)],
        );
        b.drops(&[first[1], second[1], second[0]]);
        b.ret_ints(&[some, payload, none, some2, last, none2]);
    });
    assert_eq!(popped, [1, 4, 0, 1, 70, 0]);
}

#[test]
fn filled_lists_share_their_element() {
    let counts = ints(|b| {
        let i64 = b.pack.i64();
        let inner = b.pack.list(i64);
        let outer = b.pack.list(inner);
        let row = list_of(b, &[1, 2]);
        let three = b.int(3);
        let grid = b.one(Instr::Op {
            op: Op::ListFilled,
            ty: Some(outer),
            args: [three, row].into(),
        });
        b.drop(row);
        let (zero, one, nine) = (b.int(0), b.int(1), b.int(9));
        let grid = b.set(grid, &[Step::Index(one), Step::Index(zero)], nine);
        let mut all = vec![];
        for i in 0..3 {
            let i = b.int(i);
            all.push(b.get(grid, &[Step::Index(i), Step::Index(zero)]));
        }
        let grid = b.update1(UpdateOp::ListPush, grid, &[Step::Index(one)], &[nine]);
        let row = b.get(grid, &[Step::Index(one)]);
        all.push(b.op(Op::ListLen, &[row]));
        b.drop(grid);
        b.ret_ints(&all);
    });
    assert_eq!(counts, [1, 9, 1, 3]);
    let negative = trap(|b| {
        let i64 = b.pack.i64();
        let list = b.pack.list(i64);
        let (count, item) = (b.int(-1), b.int(0));
        let xs = b.one(Instr::Op {
            op: Op::ListFilled,
            ty: Some(list),
            args: [count, item].into(),
        });
        ret_list(b, xs);
    });
    assert_eq!(negative, (TrapKind::InvalidArgument, [-1, 0]));
}

#[test]
fn lists_of_nothing_have_a_length_only() {
    let lens = ints(|b| {
        let unit = b.pack.ty(Type::Unit);
        let list = b.pack.list(unit);
        let (most, nothing) = (b.int((1 << 31) - 1), b.one(Instr::ConstUnit));
        let xs = b.one(Instr::Op {
            op: Op::ListFilled,
            ty: Some(list),
            args: [most, nothing].into(),
        });
        let xs = b.update1(UpdateOp::ListReverse, xs, &[], &[]);
        let before = b.op(Op::ListLen, &[xs]);
        let popped = b.update(UpdateOp::ListPop, xs, &[], &[]);
        let xs = b.update1(UpdateOp::ListPush, popped[0], &[], &[nothing]);
        let after = b.op(Op::ListLen, &[xs]);
        b.drop(xs);
        b.ret_ints(&[before, after]);
    });
    assert_eq!(lens, [(1 << 31) - 1; 2]);
    let over = trap(|b| {
        let unit = b.pack.ty(Type::Unit);
        let list = b.pack.list(unit);
        let (most, nothing) = (b.int((1 << 31) - 1), b.one(Instr::ConstUnit));
        let xs = b.one(Instr::Op {
            op: Op::ListFilled,
            ty: Some(list),
            args: [most, nothing].into(),
        });
        let xs = b.update1(UpdateOp::ListPush, xs, &[], &[nothing]);
        b.drop(xs);
        b.ret_ints(&[]);
    });
    assert_eq!(over.0, TrapKind::OutOfMemory);
}

#[test]
fn elements_are_checked() {
    let get = |index: i64| {
        move |b: &mut Body| {
            let xs = list_of(b, &[1, 2, 3]);
            let i = b.int(index);
            let item = b.get(xs, &[Step::Index(i)]);
            b.drop(xs);
            b.ret_ints(&[item]);
        }
    };
    assert_eq!(ints(get(2)), [3]);
    assert_eq!(trap(get(3)), (TrapKind::IndexOutOfBounds, [3, 3]));
    assert_eq!(trap(get(-1)), (TrapKind::IndexOutOfBounds, [-1, 3]));
    assert_eq!(
        trap(get(1 << 32)),
        (TrapKind::IndexOutOfBounds, [1 << 32, 3])
    );
    let set = |index: i64| {
        move |b: &mut Body| {
            let xs = list_of(b, &[1, 2, 3]);
            let (i, nine) = (b.int(index), b.int(9));
            let xs = b.set(xs, &[Step::Index(i)], nine);
            ret_list(b, xs);
        }
    };
    assert_eq!(ints(set(0)), [9, 2, 3]);
    assert_eq!(trap(set(3)), (TrapKind::IndexOutOfBounds, [3, 3]));
}

#[test]
fn numbers_change_in_place() {
    use UpdateOp::*;
    let cases = [
        (I64Add, 10, 3, 13),
        (I64Sub, 10, 3, 7),
        (I64Mul, 10, 3, 30),
        (I64Div, 10, 3, 3),
        (I64Rem, 10, 3, 1),
        (I64AddWrap, i64::MAX, 1, i64::MIN),
        (I64SubWrap, i64::MIN, 1, i64::MAX),
        (I64MulWrap, i64::MAX, 2, -2),
        (I64And, 12, 10, 8),
        (I64Or, 12, 10, 14),
        (I64Xor, 12, 10, 6),
        (I64Shl, 1, 5, 32),
        (I64Shr, -32, 5, -1),
        (I64UShr, -1, 63, 1),
    ];
    for (op, left, right, expected) in cases {
        let both = ints(|b| {
            let xs = list_of(b, &[0, left]);
            let (one, right) = (b.int(1), b.int(right));
            let xs = b.update1(op, xs, &[Step::Index(one)], &[right]);
            let in_list = b.get(xs, &[Step::Index(one)]);
            b.drop(xs);
            // And a variable of its own, which is copied.
            let old = b.int(left);
            let new = b.update1(op, old, &[], &[right]);
            b.ret_ints(&[in_list, new, old]);
        });
        assert_eq!(both, [expected, expected, left], "{op:?}");
    }
    for (op, left, right, kind) in [
        (I64Add, i64::MAX, 1, TrapKind::IntegerOverflow),
        (I64Sub, i64::MIN, 1, TrapKind::IntegerOverflow),
        (I64Mul, i64::MAX, 2, TrapKind::IntegerOverflow),
        (I64Div, 1, 0, TrapKind::DivisionByZero),
        (I64Div, i64::MIN, -1, TrapKind::IntegerOverflow),
        (I64Rem, 1, 0, TrapKind::DivisionByZero),
        (I64Shl, 1, 64, TrapKind::ShiftOutOfRange),
        (I64Shr, 1, -1, TrapKind::ShiftOutOfRange),
        (I64UShr, 1, 64, TrapKind::ShiftOutOfRange),
    ] {
        let found = trap(|b| {
            let (old, right) = (b.int(left), b.int(right));
            let new = b.update1(op, old, &[], &[right]);
            b.ret_ints(&[new]);
        });
        assert_eq!(found.0, kind, "{op:?}");
    }
    let floats = [
        (F64Add, 7.5),
        (F64Sub, 3.5),
        (F64Mul, 11.0),
        (F64Div, 2.75),
        (F64Rem, 1.5),
    ];
    for (op, expected) in floats {
        let bits = ints(|b| {
            let f64 = b.pack.ty(Type::F64);
            let point = b.pack.strukt(&[f64, f64]);
            let (x, y, by) = (b.float(1.0), b.float(5.5), b.float(2.0));
            let p = b.new_value(point, 0, &[x, y]);
            let q = b.update1(op, p, &[Step::Field(1)], &[by]);
            let (new, old) = (b.get(q, &[Step::Field(1)]), b.get(p, &[Step::Field(1)]));
            let (new, old) = (b.op(Op::F64ToBits, &[new]), b.op(Op::F64ToBits, &[old]));
            b.ret_ints(&[new, old]);
        });
        assert_eq!(
            bits.iter()
                .map(|b| f64::from_bits(*b as u64))
                .collect::<Vec<_>>(),
            [expected, 5.5],
            "{op:?}"
        );
    }
}

#[test]
fn bytes_change_in_place() {
    let bytes = |build: fn(&mut Body, Value) -> Value| {
        returned(run(&Pack::new().main(|b| {
            let abc = b.bytes(b"abc");
            let abc = b.unique(abc, 0);
            let out = build(b, abc);
            b.ret(&[out]);
        })))
    };
    use UpdateOp::*;
    let pushed = bytes(|b, out| {
        let n = b.int(255);
        b.update1(BytesPush, out, &[], &[n])
    });
    assert_eq!(pushed, b"abc\xff");
    let extended = bytes(|b, out| {
        let more = b.bytes(b"de");
        let out = b.update1(BytesExtend, out, &[], &[more]);
        b.drop(more);
        out
    });
    assert_eq!(extended, b"abcde");
    let with_text = bytes(|b, out| {
        let more = b.text("é");
        let out = b.update1(BytesAppendText, out, &[], &[more]);
        b.drop(more);
        out
    });
    assert_eq!(with_text, "abcé".as_bytes());
    assert_eq!(bytes(|b, out| b.update1(BytesClear, out, &[], &[])), b"");
    let element = bytes(|b, out| {
        let (one, by) = (b.int(1), b.int(20));
        let out = b.update1(I64Add, out, &[Step::Index(one)], &[by]);
        let zero = b.int(0);
        let old = b.get(out, &[Step::Index(zero)]);
        b.set(out, &[Step::Index(one)], old)
    });
    assert_eq!(element, b"aac");
    for value in [256, -1] {
        let push = trap(|b| {
            let (out, n) = (b.buffer(), b.int(value));
            let out = b.update1(BytesPush, out, &[], &[n]);
            b.ret(&[out]);
        });
        assert_eq!(push, (TrapKind::InvalidArgument, [value, 0]));
        let set = trap(|b| {
            let abc = b.bytes(b"abc");
            let (out, zero, n) = (b.unique(abc, 0), b.int(0), b.int(value));
            let out = b.set(out, &[Step::Index(zero)], n);
            b.ret(&[out]);
        });
        assert_eq!(set, (TrapKind::InvalidArgument, [value, 0]));
        let add = trap(|b| {
            let zeros = b.bytes(b"\0\0");
            let (out, zero, n) = (b.unique(zeros, 0), b.int(0), b.int(value));
            let out = b.update1(I64Add, out, &[Step::Index(zero)], &[n]);
            b.ret(&[out]);
        });
        assert_eq!(add, (TrapKind::InvalidArgument, [value, 0]));
    }
}

/// What appending makes of `start `.
fn appended(op: UpdateOp, args: impl Fn(&mut Body) -> Vec<(Value, bool)>) -> String {
    text(|b| {
        let start = b.text("> ");
        let out = b.unique(start, 0);
        let args = args(b);
        let values: Vec<Value> = args.iter().map(|a| a.0).collect();
        let out = b.update1(op, out, &[], &values);
        for (value, owned) in args {
            if owned {
                b.drop(value);
            }
        }
        b.ret_text(out);
    })
}

#[test]
fn texts_grow_in_place() {
    use UpdateOp::*;
    let text = |text: &'static str| move |b: &mut Body| vec![(b.text(text), true)];
    let int = |n: i64| move |b: &mut Body| vec![(b.int(n), false)];
    let float = |f: f64| move |b: &mut Body| vec![(b.float(f), false)];
    let char = |c: char| move |b: &mut Body| vec![(b.char(c), false)];
    assert_eq!(appended(TextAppend, text("héllo")), "> héllo");
    assert_eq!(appended(TextPush, char('€')), "> €");
    assert_eq!(
        appended(TextAppendI64, int(i64::MIN)),
        "> -9223372036854775808"
    );
    assert_eq!(appended(TextAppendHex, int(-1)), "> ffffffffffffffff");
    assert_eq!(appended(TextAppendHex, int(0)), "> 0");
    assert_eq!(appended(TextAppendF64, float(1e16)), "> 1.0e16");
    assert_eq!(
        appended(
            TextAppendQuoted,
            text("a\"b\\c\n\r\t\0'$x${y}\u{7f}\u{1b}é")
        ),
        r#"> "a\"b\\c\n\r\t\0'$x\${y}\u{7f}\u{1b}é""#
    );
    assert_eq!(appended(TextAppendQuoted, text("")), "> \"\"");
    assert_eq!(appended(TextAppendCharQuoted, char('\'')), r"> '\''");
    assert_eq!(appended(TextAppendCharQuoted, char('"')), "> '\"'");
    assert_eq!(
        appended(TextAppendCharQuoted, char('\u{85}')),
        r"> '\u{85}'"
    );
    assert_eq!(
        appended(
            TextAppendJson,
            text("a\"b\\c\n\r\t\u{8}\u{c}\0/é\u{7f}\u{1f}")
        ),
        "> \"a\\\"b\\\\c\\n\\r\\t\\b\\f\\u0000/é\u{7f}\\u001f\""
    );
    let bytes = appended(TextAppendBytes, |b| {
        vec![(b.bytes(b"a\"b\\\n\r\t\0'\x01\xff~"), true)]
    });
    assert_eq!(bytes, r#"> b"a\"b\\\n\r\t\0'\x01\xff~""#);
    let slice = |from: i64, to: i64| {
        move |b: &mut Body| {
            vec![
                (b.text("aéb"), true),
                (b.int(from), false),
                (b.int(to), false),
            ]
        }
    };
    assert_eq!(appended(TextAppendSlice, slice(1, 4)), "> éb");
    let bad = |from: i64, to: i64| {
        trap(|b| {
            let out = b.blank();
            let args: Vec<Value> = slice(from, to)(b).into_iter().map(|a| a.0).collect();
            let out = b.update1(TextAppendSlice, out, &[], &args);
            b.drop(args[0]);
            b.ret_text(out);
        })
    };
    assert_eq!(bad(1, 5), (TrapKind::InvalidRange, [1, 5]));
    assert_eq!(bad(2, 3), (TrapKind::CharBoundary, [2, 0]));
    let cleared = crate::build::text(|b| {
        let start = b.text("abc");
        let out = b.unique(start, 0);
        let out = b.update1(TextClear, out, &[], &[]);
        b.ret_text(out);
    });
    assert_eq!(cleared, "");
}

/// A map from texts to integers.
fn map_type(b: &mut Body) -> cop_bytecode::TypeId {
    let (string, i64) = (b.pack.ty(Type::String), b.pack.i64());
    b.pack.ty(Type::Map(string, i64))
}

fn put(b: &mut Body, map: Value, key: &str, value: i64) -> Value {
    let (key, value) = (b.text(key), b.int(value));
    b.update1(UpdateOp::MapPut, map, &[], &[key, value])
}

/// Returns keys and values of a map from texts to integers, which is dropped.
fn ret_map(b: &mut Body, map: Value) {
    let (bytes, i64) = (b.pack.ty(Type::Bytes), b.pack.i64());
    let out = b.buffer();
    let zero = b.int(0);
    let turn = b.all(Instr::Loop {
        start: [zero, out].into(),
        params: [copy(i64), owned(bytes, 1)].into(),
        results: [owned(bytes, 1)].into(),
    });
    let (at, out) = (turn[0], turn[1]);
    let entry = b.op(Op::MapNext, &[map, at]);
    let zero = b.int(0);
    let done = b.op(Op::I64Lt, &[entry, zero]);
    b.if_(done, &[]);
    b.exit(1, &[out]);
    b.else_();
    b.exit(0, &[]);
    b.end();
    let key = b.get(map, &[Step::EntryKey(entry)]);
    let out = b.update1(UpdateOp::BytesAppendText, out, &[], &[key]);
    let value = b.get(map, &[Step::EntryValue(entry)]);
    let equals = b.int(i64::from(b'='));
    let out = b.update1(UpdateOp::BytesPush, out, &[], &[equals]);
    let digit = b.int(48);
    let value = b.op(Op::I64Add, &[value, digit]);
    let out = b.update1(UpdateOp::BytesPush, out, &[], &[value]);
    let one = b.int(1);
    let at = b.op(Op::I64Add, &[entry, one]);
    b.next(0, &[at, out]);
    let out = b.end()[0];
    b.drop(map);
    b.ret(&[out]);
}

fn map_text(build: impl FnOnce(&mut Body, Value) -> Value) -> String {
    text(|b| {
        let ty = map_type(b);
        let map = b.new_value(ty, 0, &[]);
        let map = build(b, map);
        ret_map(b, map);
    })
}

#[test]
fn maps_keep_the_order_of_insertion() {
    let shown = map_text(|b, mut map| {
        for (i, key) in ["b", "a", "c", "d", "e", "f"].iter().enumerate() {
            map = put(b, map, key, i as i64);
        }
        map = put(b, map, "c", 9);
        let key = b.text("a");
        let both = b.update(UpdateOp::MapRemove, map, &[], &[key]);
        b.drop(key);
        put(b, both[0], "a", 7)
    });
    assert_eq!(shown, "b=0c=9d=3e=4f=5a=7");
    assert_eq!(map_text(|_, map| map), "");
}

#[test]
fn removed_entries_are_compacted_and_indexes_rebuilt() {
    // 200 rounds of putting one and removing the oldest keep 10 alive.
    let shown = text(|b| {
        let i64 = b.pack.i64();
        let ty = b.pack.ty(Type::Map(i64, i64));
        let map = b.new_value(ty, 0, &[]);
        let turn = b.for_(200, &[map], &[owned(ty, 1)]);
        let map = b.update1(UpdateOp::MapPut, turn[1], &[], &[turn[0], turn[0]]);
        let ten = b.int(10);
        let old = b.op(Op::I64Sub, &[turn[0], ten]);
        let both = b.update(UpdateOp::MapRemove, map, &[], &[old]);
        b.next(0, &[both[0]]);
        let map = b.end()[0];
        let len = b.op(Op::MapLen, &[map]);
        let key = b.int(195);
        let value = b.get(map, &[Step::Key(key)]);
        let gone = b.int(189);
        let gone = b.op(Op::MapFind, &[map, gone]);
        let zero = b.int(0);
        let first = b.op(Op::MapNext, &[map, zero]);
        let first = b.get(map, &[Step::EntryKey(first)]);
        b.drop(map);
        let out = b.blank();
        let out = b.update1(UpdateOp::TextAppendI64, out, &[], &[len]);
        let comma = b.char(',');
        let mut out = out;
        for n in [value, gone, first] {
            out = b.update1(UpdateOp::TextPush, out, &[], &[comma]);
            out = b.update1(UpdateOp::TextAppendI64, out, &[], &[n]);
        }
        b.ret_text(out);
    });
    assert_eq!(shown, "10,195,-1,190");
}

#[test]
fn map_values_change_in_place() {
    let all = ints(|b| {
        let ty = map_type(b);
        let map = b.new_value(ty, 0, &[]);
        let map = put(b, map, "x", 1);
        let kept = b.dup(map);
        let map = b.unique(map, 0);
        let (key, five) = (b.text("x"), b.int(5));
        let map = b.update1(UpdateOp::I64Add, map, &[Step::Key(key)], &[five]);
        let entry = b.op(Op::MapFind, &[map, key]);
        let map = b.update1(UpdateOp::I64Mul, map, &[Step::EntryValue(entry)], &[five]);
        let (new, old) = (
            b.get(map, &[Step::Key(key)]),
            b.get(kept, &[Step::Key(key)]),
        );
        let map = b.update1(UpdateOp::MapClear, map, &[], &[]);
        let len = b.op(Op::MapLen, &[map]);
        let map = put(b, map, "y", 2);
        let again = b.op(Op::MapLen, &[map]);
        b.drops(&[map, kept, key]);
        b.ret_ints(&[new, old, len, again]);
    });
    assert_eq!(all, [30, 1, 0, 1]);
    let missing = trap(|b| {
        let ty = map_type(b);
        let map = b.new_value(ty, 0, &[]);
        let key = b.text("x");
        let value = b.get(map, &[Step::Key(key)]);
        b.drops(&[map, key]);
        b.ret_ints(&[value]);
    });
    assert_eq!(missing, (TrapKind::KeyNotFound, [0, 0]));
    let removed_entry = trap(|b| {
        let ty = map_type(b);
        let map = b.new_value(ty, 0, &[]);
        let map = put(b, map, "x", 1);
        let key = b.text("x");
        let both = b.update(UpdateOp::MapRemove, map, &[], &[key]);
        let zero = b.int(0);
        let value = b.get(both[0], &[Step::EntryValue(zero)]);
        b.drops(&[both[0], key]);
        b.ret_ints(&[value]);
    });
    assert_eq!(removed_entry, (TrapKind::IndexOutOfBounds, [0, 1]));
}

#[test]
fn sets() {
    let all = ints(|b| {
        let char = b.pack.ty(Type::Char);
        let ty = b.pack.ty(Type::Set(char));
        let (a, z) = (b.char('a'), b.char('z'));
        let set = b.new_value(ty, 0, &[]);
        let first = b.update(UpdateOp::SetInsert, set, &[], &[a]);
        let second = b.update(UpdateOp::SetInsert, first[0], &[], &[a]);
        let third = b.update(UpdateOp::SetInsert, second[0], &[], &[z]);
        let found = b.op(Op::SetFind, &[third[0], z]);
        let gone = b.update(UpdateOp::SetRemove, third[0], &[], &[a]);
        let again = b.update(UpdateOp::SetRemove, gone[0], &[], &[a]);
        let zero = b.int(0);
        let next = b.op(Op::SetNext, &[again[0], zero]);
        let len = b.op(Op::SetLen, &[again[0]]);
        let set = b.update1(UpdateOp::SetClear, again[0], &[], &[]);
        let empty = b.op(Op::SetLen, &[set]);
        b.drop(set);
        let truths: Vec<Value> = [first[1], second[1], third[1], gone[1], again[1]]
            .map(|t| b.as_int(t))
            .to_vec();
        b.ret_ints(&[&truths[..], &[found, next, len, empty]].concat());
    });
    assert_eq!(all, [1, 0, 1, 1, 0, 1, 1, 1, 0]);
}

#[test]
fn keys_of_every_shape_are_equal_by_value() {
    let all = ints(|b| {
        let (i64, f64, string) = (b.pack.i64(), b.pack.ty(Type::F64), b.pack.ty(Type::String));
        let texts = b.pack.list(string);
        let maybe = b.pack.option(i64);
        let (def, tree) = b.pack.declare("Tree");
        b.pack.sum(def, &[&[], &[tree, i64]]);
        let key = b.pack.ty(Type::Tuple(vec![f64, texts, maybe, tree]));
        let ty = b.pack.ty(Type::Set(key));
        let make = |b: &mut Body, f: f64, word: &str, deep: i64| {
            let (f, empty, word, n) = (b.float(f), b.blank(), b.text(word), b.int(deep));
            let text = b.update1(UpdateOp::TextAppend, empty, &[], &[word]);
            b.drop(word);
            let list = b.new_value(texts, 0, &[text]);
            let some = b.new_value(maybe, 1, &[n]);
            let leaf = b.new_value(tree, 0, &[]);
            let node = b.new_value(tree, 1, &[leaf, n]);
            b.new_value(key, 0, &[f, list, some, node])
        };
        let set = b.new_value(ty, 0, &[]);
        let mut set = set;
        for (f, word, deep) in [
            (0.0, "a", 1),
            (f64::NAN, "a", 1),
            (0.0, "b", 1),
            (0.0, "a", 2),
        ] {
            let key = make(b, f, word, deep);
            set = b.update(UpdateOp::SetInsert, set, &[], &[key])[0];
        }
        let mut found = vec![];
        for (f, word, deep) in [
            (-0.0, "a", 1),
            (-f64::NAN, "a", 1),
            (0.0, "b", 1),
            (0.0, "a", 3),
            (1.0, "a", 1),
        ] {
            let key = make(b, if f.is_nan() { f64::NAN } else { f }, word, deep);
            found.push(b.op(Op::SetFind, &[set, key]));
            b.drop(key);
        }
        b.drop(set);
        b.ret_ints(&found);
    });
    assert_eq!(all, [0, 1, 2, -1, -1]);
}

#[test]
fn boxed_values_are_taken_apart() {
    let all = ints(|b| {
        let i64 = b.pack.i64();
        let (def, tree) = b.pack.declare("Tree");
        b.pack.sum(def, &[&[], &[i64], &[tree, i64, tree]]);
        let (three, four) = (b.int(3), b.int(4));
        let leaf = b.new_value(tree, 1, &[three]);
        let empty = b.new_value(tree, 0, &[]);
        let node = b.new_value(tree, 2, &[leaf, four, empty]);
        let other = b.dup(node);
        let tag = b.one(Instr::Tag(node));
        let inner = b.get(
            node,
            &[
                Step::Variant(2),
                Step::Field(0),
                Step::Variant(1),
                Step::Field(0),
            ],
        );
        // Shared: its parts get one more owner. Alone: they are moved.
        let parts = b.all(Instr::Open {
            value: node,
            variant: 2,
            parts: 3,
        });
        b.drops(&[parts[0], parts[2]]);
        let again = b.all(Instr::Open {
            value: other,
            variant: 2,
            parts: 3,
        });
        let last = b.all(Instr::Open {
            value: again[0],
            variant: 1,
            parts: 1,
        })[0];
        b.all(Instr::Open {
            value: again[2],
            variant: 0,
            parts: 0,
        });
        b.ret_ints(&[tag, inner, parts[1], again[1], last]);
    });
    assert_eq!(all, [2, 3, 4, 4, 3]);
    let wrong = trap(|b| {
        let i64 = b.pack.i64();
        let (def, tree) = b.pack.declare("Tree");
        b.pack.sum(def, &[&[], &[i64], &[tree, i64, tree]]);
        let empty = b.new_value(tree, 0, &[]);
        let n = b.all(Instr::Open {
            value: empty,
            variant: 1,
            parts: 1,
        })[0];
        b.ret_ints(&[n]);
    });
    assert_eq!(wrong, (TrapKind::WrongVariant, [0, 1]));
}

#[test]
fn switches_on_every_kind_of_sum() {
    let all = ints(|b| {
        let (i64, string) = (b.pack.i64(), b.pack.ty(Type::String));
        let (def, colour) = b.pack.declare("Colour");
        b.pack.sum(def, &[&[], &[i64], &[]]);
        let (def, tree) = b.pack.declare("Tree");
        b.pack.sum(def, &[&[], &[tree], &[]]);
        let (def, wide) = b.pack.declare("Wide");
        let nothing: &[cop_bytecode::TypeId] = &[];
        b.pack.sum(def, &[nothing; 300]);
        let text = b.pack.option(string);
        let seven = b.int(7);
        let values = [
            (b.new_value(colour, 0, &[]), 3),
            (b.new_value(colour, 1, &[seven]), 3),
            (b.new_value(tree, 2, &[]), 3),
            (b.new_value(wide, 299, &[]), 300),
            (b.new_value(text, 0, &[]), 2),
        ];
        let mut tags = vec![];
        for (value, arms) in values {
            b.all(Instr::Switch {
                value,
                results: [copy(i64)].into(),
            });
            for arm in 0..arms {
                if arm > 0 {
                    b.all(Instr::Arm);
                }
                let n = b.int(arm * 100);
                b.exit(0, &[n]);
            }
            tags.push(b.end()[0]);
            tags.push(b.one(Instr::Tag(value)));
        }
        b.drops(&[values[2].0, values[4].0]);
        b.ret_ints(&tags);
    });
    assert_eq!(all, [0, 0, 100, 1, 200, 2, 29_900, 299, 0, 0]);
}

#[test]
fn what_is_taken_is_put_back() {
    let all = ints(|b| {
        let i64 = b.pack.i64();
        let list = b.pack.list(i64);
        let maybe = b.pack.option(list);
        let lists = b.pack.list(maybe);
        let xs = list_of(b, &[1, 2]);
        let (some, none) = (b.new_value(maybe, 1, &[xs]), b.new_value(maybe, 0, &[]));
        let all = b.new_value(lists, 0, &[none, some]);
        let one = b.int(1);
        let path = [Step::Index(one), Step::Variant(1), Step::Field(0)];
        let taken = b.all(Instr::Take {
            value: all,
            path: path.to_vec().into(),
        });
        let xs = b.unique(taken[0], 0);
        let xs = b.update1(UpdateOp::ListPush, xs, &[], &[one]);
        let all = b.one(Instr::Put {
            value: taken[1],
            path: path.to_vec().into(),
            new: xs,
        });
        let xs = b.get(all, &path);
        let len = b.op(Op::ListLen, &[xs]);
        // And a hole that is dropped.
        let taken = b.all(Instr::Take {
            value: all,
            path: path.to_vec().into(),
        });
        b.drop(taken[1]);
        let again = b.op(Op::ListLen, &[taken[0]]);
        b.drop(taken[0]);
        b.ret_ints(&[len, again]);
    });
    assert_eq!(all, [3, 3]);
    let wrong = trap(|b| {
        let i64 = b.pack.i64();
        let list = b.pack.list(i64);
        let maybe = b.pack.option(list);
        let none = b.new_value(maybe, 0, &[]);
        let path = vec![Step::Variant(1), Step::Field(0)];
        let taken = b.all(Instr::Take {
            value: none,
            path: path.into(),
        });
        b.drop(taken[1]);
        ret_list(b, taken[0]);
    });
    assert_eq!(wrong, (TrapKind::WrongVariant, [0, 1]));
}

#[test]
fn inline_values_nest_in_lists_and_variables() {
    assert_eq!(
        returned(run(&nested())),
        [42i64, 120, 2, 1].map(i64::to_le_bytes).concat()
    );
}

/// Structs and sums inside each other, in a list.
pub fn nested() -> cop_bytecode::Package {
    Pack::new().main(|b| {
        let (i64, bool, char, string) = (
            b.pack.i64(),
            b.pack.ty(Type::Bool),
            b.pack.ty(Type::Char),
            b.pack.ty(Type::String),
        );
        let inner = b.pack.strukt(&[bool, i64, string]);
        let (def, either) = b.pack.declare("Either");
        b.pack.sum(def, &[&[char], &[inner], &[string, string]]);
        let outer = b.pack.ty(Type::Tuple(vec![either, i64]));
        let list = b.pack.list(outer);
        let (yes, n, text) = (b.truth(true), b.int(41), b.text("constant"));
        let inside = b.new_value(inner, 0, &[yes, n, text]);
        let one = b.new_value(either, 1, &[inside]);
        let first = b.new_value(outer, 0, &[one, n]);
        let c = b.char('x');
        let two = b.new_value(either, 0, &[c]);
        let second = b.new_value(outer, 0, &[two, n]);
        let xs = b.new_value(list, 0, &[first, second]);
        let zero = b.int(0);
        let deep = [
            Step::Index(zero),
            Step::Field(0),
            Step::Variant(1),
            Step::Field(0),
            Step::Field(1),
        ];
        let by = b.int(1);
        let xs = b.update1(UpdateOp::I64Add, xs, &deep, &[by]);
        let number = b.get(xs, &deep);
        let one = b.int(1);
        let code = b.get(
            xs,
            &[
                Step::Index(one),
                Step::Field(0),
                Step::Variant(0),
                Step::Field(0),
            ],
        );
        let code = b.op(Op::CharCode, &[code]);
        // Replacing the whole sum drops what was there.
        let (left, right) = (b.blank(), b.text("r"));
        let both = b.new_value(either, 2, &[left, right]);
        let xs = b.set(xs, &[Step::Index(zero), Step::Field(0)], both);
        let tag = b.get(xs, &[Step::Index(zero), Step::Field(0)]);
        let tag = b.one(Instr::Tag(tag));
        let xs = b.update1(UpdateOp::ListReverse, xs, &[], &[]);
        let right = b.get(
            xs,
            &[
                Step::Index(one),
                Step::Field(0),
                Step::Variant(2),
                Step::Field(1),
            ],
        );
        let len = b.op(Op::StringLen, &[right]);
        b.drop(xs);
        b.ret_ints(&[number, code, tag, len]);
    })
}

#[test]
fn updates_copy_what_is_shared_behind() {
    let all = ints(|b| {
        let i64 = b.pack.i64();
        let wide = b.pack.strukt(&[i64; 17]);
        let list = b.pack.list(wide);
        let parts: Vec<Value> = (0..17).map(|n| b.int(n)).collect();
        let one = b.new_value(wide, 0, &parts);
        let other = b.dup(one);
        let xs = b.new_value(list, 0, &[one, other]);
        let ys = b.dup(xs);
        let xs = b.unique(xs, 0);
        let (zero, one, nine) = (b.int(0), b.int(1), b.int(90));
        let xs = b.set(xs, &[Step::Index(zero), Step::Field(16)], nine);
        let xs = b.update1(
            UpdateOp::I64Add,
            xs,
            &[Step::Index(zero), Step::Field(16)],
            &[one],
        );
        let read = |b: &mut Body, list, i| b.get(list, &[Step::Index(i), Step::Field(16)]);
        let all = [read(b, xs, zero), read(b, xs, one), read(b, ys, zero)];
        b.drops(&[xs, ys]);
        b.ret_ints(&all);
    });
    assert_eq!(all, [91, 16, 16]);
}

#[test]
fn ranges_are_products() {
    let all = ints(|b| {
        let range = b.pack.ty(Type::Range);
        let (from, to, by) = (b.int(3), b.int(8), b.int(2));
        let r = b.new_value(range, 0, &[from, to]);
        let s = b.update1(UpdateOp::I64Add, r, &[Step::Field(1)], &[by]);
        let parts = b.all(Instr::Open {
            value: s,
            variant: 0,
            parts: 2,
        });
        let old = b.get(r, &[Step::Field(1)]);
        b.ret_ints(&[parts[0], parts[1], old]);
    });
    assert_eq!(all, [3, 10, 8]);
}

#[test]
fn no_update_is_left_out() {
    let source = include_str!("containers.rs");
    for row in cop_bytecode::table::UPDATES {
        assert!(source.contains(&format!("{:?}", row.op)), "{:?}", row.op);
    }
    for row in cop_bytecode::table::OPS {
        let of_containers = ["list.", "map.", "set."]
            .iter()
            .any(|p| row.name.starts_with(p));
        assert!(
            !of_containers || source.contains(&format!("{:?}", row.op)),
            "{:?}",
            row.op
        );
    }
}

#[test]
fn unique_looks_at_the_tag_of_an_inline_sum() {
    // Slot 1 holds nothing, a number, or a list.
    let all = ints(|b| {
        let i64 = b.pack.i64();
        let list = b.pack.list(i64);
        let (def, sum) = b.pack.declare("Sum");
        b.pack.sum(def, &[&[], &[i64], &[list]]);
        let number = b.int(77);
        let dot = b.new_value(sum, 0, &[]);
        let whole = b.new_value(sum, 1, &[number]);
        let xs = list_of(b, &[5]);
        let lines = b.new_value(sum, 2, &[xs]);
        let other = b.dup(lines);
        let mut results = vec![];
        for value in [dot, whole, lines] {
            let value = b.unique(value, 1);
            results.push(b.one(Instr::Tag(value)));
            if value.0 > lines.0 && results.len() == 3 {
                let (zero, nine) = (b.int(0), b.int(9));
                let path = [Step::Variant(2), Step::Field(0), Step::Index(zero)];
                let value = b.set(value, &path, nine);
                results.push(b.get(value, &path));
                results.push(b.get(other, &path));
                b.drop(value);
            } else {
                b.drop(value);
            }
        }
        b.drop(other);
        b.ret_ints(&results);
    });
    assert_eq!(all, [0, 1, 2, 9, 5]);
}
