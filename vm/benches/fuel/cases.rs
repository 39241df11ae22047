//! What is measured: every row of the three tables of instructions, at several sizes where the price depends on them.

use cop_bytecode::table::{Kind, OPS, OpRow, UPDATES, UpdateRow};
use cop_bytecode::{Instr, Mode, Op, Package, Step, Type, TypeId, UpdateOp, Value, ValueType};

use crate::build::{Body, Pack, copy, owned};

/// Sizes in bytes of texts and bytes; lists have an eighth as many elements.
const SIZES: [usize; 3] = [8, 256, 65_536];

/// Something that is measured.
pub struct Case {
    pub name: String,
    make: Box<dyn Fn(&mut Body) -> Steps>,
    /// Whether a step without its instruction is something.
    pub has_rest: bool,
    /// How many there are in a row, unless as many as usual.
    pub copies: Option<usize>,
}

/// What stands in the loop.
struct Steps {
    /// Values that change from step to step.
    carried: Vec<(Value, ValueType)>,
    /// Owned values that all steps look at.
    kept: Vec<Value>,
    step: Step1,
    /// What is done once a turn.
    turn: Option<Step1>,
}

/// Puts one step out, with its instruction or without.
type Step1 = Box<dyn Fn(&mut Body, &mut [Value], bool)>;

impl Case {
    /// A program that takes a number of steps in each turn of a loop.
    pub fn program(&self, copies: usize, turns: u64, with: bool) -> Package {
        Pack::new().main(|b| {
            let steps = (self.make)(b);
            let start: Vec<Value> = steps.carried.iter().map(|(value, _)| *value).collect();
            let params: Vec<ValueType> = steps.carried.iter().map(|(_, ty)| *ty).collect();
            let turn = b.for_(turns as i64, &start, &params);
            let mut carried = turn[1..].to_vec();
            for _ in 0..copies {
                (steps.step)(b, &mut carried, with);
            }
            if let Some(turn) = &steps.turn {
                turn(b, &mut carried, with);
            }
            b.next(0, &carried);
            let ended = b.end();
            for (value, ty) in ended.iter().zip(&params) {
                if let cop_bytecode::Own::Owned { .. } = ty.own {
                    b.drop(*value);
                }
            }
            b.drops(&steps.kept);
            let out = b.buffer();
            b.ret(&[out]);
        })
    }
}

/// All cases.
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for row in OPS {
        let sized = row.cost.varies()
            && (has_sequence(row.args) || row.op == Op::BytesFilled || row.op == Op::ListFilled);
        for size in SIZES {
            if size == SIZES[0] || sized {
                cases.push(plain(row, size, sized));
            }
        }
    }
    for row in UPDATES {
        updates(row, &mut cases);
    }
    structural(&mut cases);
    cases
}

fn has_sequence(kinds: &[Kind]) -> bool {
    kinds
        .iter()
        .any(|kind| matches!(kind, Kind::String | Kind::Bytes | Kind::List))
}

/// An integer that no optimisation knows: how long a constant is.
fn opaque(b: &mut Body, n: usize) -> Value {
    let bytes = b.bytes(&vec![b'x'; n]);
    let len = b.op(Op::BytesLen, &[bytes]);
    b.drop(bytes);
    len
}

fn string(b: &mut Body) -> TypeId {
    b.pack.ty(Type::String)
}

/// A list of integers of its own with so many elements.
fn ints(b: &mut Body, count: usize) -> (Value, TypeId) {
    let i64 = b.pack.i64();
    let ty = b.pack.list(i64);
    let (n, seven) = (b.int(count as i64), b.int(7));
    let list = b.one(Instr::Op {
        op: Op::ListFilled,
        ty: Some(ty),
        args: vec![n, seven].into(),
    });
    (list, ty)
}

/// A text of its own with so many bytes.
fn text(b: &mut Body, size: usize) -> Value {
    let constant = b.text(&"abcdefgh".repeat(size / 8));
    b.unique(constant, 0)
}

fn bytes(b: &mut Body, size: usize) -> Value {
    let constant = b.bytes("abcdefgh".repeat(size / 8).as_bytes());
    b.unique(constant, 0)
}

/// A map or set with integers 0 to 99 in it.
fn table(b: &mut Body, is_map: bool) -> (Value, TypeId) {
    let i64 = b.pack.i64();
    let ty = b.pack.ty(if is_map {
        Type::Map(i64, i64)
    } else {
        Type::Set(i64)
    });
    let mut table = b.new_value(ty, 0, &[]);
    for n in 0..100 {
        let key = b.int(n);
        table = match is_map {
            true => b.update1(UpdateOp::MapPut, table, &[], &[key, key]),
            false => b.update1(UpdateOp::SetInsert, table, &[], &[key]),
        };
    }
    (table, ty)
}

/// Other arguments than usual: integers by number of argument.
fn integers(op: Op, size: usize) -> &'static [i64] {
    let big = size == 65_536;
    match op {
        Op::I64Add | Op::I64Sub => &[1 << 40, 77],
        Op::I64Mul => &[1 << 30, 77],
        Op::I64Div | Op::I64Rem | Op::I64UDiv | Op::I64URem => &[0x7123_4567_89ab_cd00, 0x1_0001],
        Op::I64Shl | Op::I64Shr | Op::I64UShr | Op::I64RotateLeft | Op::I64RotateRight => {
            &[0x1234_5678_9abc_de00, 13]
        }
        Op::I64Pow => &[0, 8],
        Op::CharFromCode => &[0x4e00],
        Op::F64Format => &[6],
        Op::StringSlice | Op::BytesSlice => match size {
            8 => &[0, 8],
            256 => &[0, 256],
            _ => &[0, 65_536],
        },
        Op::ListSlice => match size {
            8 => &[0, 1],
            256 => &[0, 32],
            _ => &[0, 8192],
        },
        Op::BytesFilled => match size {
            8 => &[8, 7],
            256 => &[256, 7],
            _ => &[65_536, 7],
        },
        Op::ListFilled => match size {
            8 => &[1],
            256 => &[32],
            _ => &[8192],
        },
        Op::MapNext | Op::SetNext => &[50],
        _ if big => &[0, 0],
        _ => &[0, 0],
    }
}

/// A plain operation.
fn plain(row: &'static OpRow, size: usize, sized: bool) -> Case {
    let name = match sized {
        true => format!("`{}`, {size} bytes", row.name),
        false => format!("`{}`", row.name),
    };
    Case {
        name,
        has_rest: true,
        copies: (size == 65_536 || matches!(row.op, Op::F64Parse | Op::F64Format)).then_some(2),
        make: Box::new(move |b| plain_steps(b, row, size)),
    }
}

fn plain_steps(b: &mut Body, row: &'static OpRow, size: usize) -> Steps {
    let i64 = b.pack.i64();
    let start = b.int(3);
    let truth = b.truth(true);
    let bool_ty = b.pack.ty(Type::Bool);
    let mask = opaque(b, 255);
    let mut kept = Vec::new();
    let mut given = integers(row.op, size).iter();
    let mut is_first = true;
    let mut changing = None;
    let mut named = None;
    let args: Vec<Value> = row
        .args
        .iter()
        .enumerate()
        .map(|(at, kind)| {
            let value = match kind {
                Kind::I64 => {
                    let value = b.int(given.next().copied().unwrap_or(1));
                    if !has_sequence(row.args)
                        && is_first
                        && !matches!(
                            row.op,
                            Op::BytesFilled
                                | Op::F64Format
                                | Op::MapNext
                                | Op::SetNext
                                | Op::CharFromCode
                        )
                    {
                        changing = Some((at, Kind::I64));
                    }
                    value
                }
                Kind::F64 => {
                    // The pattern of a float between 1 and 2; inverse functions have arguments below 1.
                    let pattern = match row.op {
                        Op::F64Acos | Op::F64Asin => 0x3fd5_5555_5555_5500,
                        _ => 0x3ff5_5555_5555_5500,
                    };
                    if is_first {
                        changing = Some((at, Kind::F64));
                        b.int(pattern)
                    } else {
                        b.float(1.234_567_89)
                    }
                }
                Kind::Bool => truth,
                Kind::Char => b.char('é'),
                Kind::String => {
                    let value = match row.op {
                        Op::I64Parse => b.text("1234567"),
                        Op::F64Parse => b.text("123.4567e8"),
                        Op::StringFind | Op::StringFindLast if at == 1 => b.text("hx"),
                        Op::StringSkipSpace => b.text(&" ".repeat(size)),
                        _ => text(b, size),
                    };
                    kept.push(value);
                    value
                }
                Kind::Bytes => {
                    let value = match row.op {
                        Op::BytesFind if at == 1 => b.bytes(b"hx"),
                        _ => bytes(b, size),
                    };
                    kept.push(value);
                    value
                }
                Kind::List => {
                    let (value, _) = ints(b, size / 8);
                    kept.push(value);
                    value
                }
                Kind::Map | Kind::Set => {
                    let (value, _) = table(b, *kind == Kind::Map);
                    kept.push(value);
                    value
                }
                Kind::T | Kind::K => b.int(42),
                other => panic!("no argument for {other:?}"),
            };
            is_first = false;
            value
        })
        .collect();
    if row.result == Kind::Named {
        named = Some(b.pack.list(i64));
    }
    let float = b.float(1.5);
    let letter = b.char('x');
    let step: Step1 = Box::new(move |b, carried, with| {
        // What changes, so that no step is the same as the one before it.
        let mut args = args.clone();
        let source = b.op(
            Op::I64Xor,
            &[
                carried[0],
                args.get(changing.map_or(0, |c| c.0))
                    .copied()
                    .filter(|_| changing.is_some())
                    .unwrap_or(mask),
            ],
        );
        match changing {
            Some((at, Kind::I64)) => args[at] = source,
            Some((at, _)) => args[at] = b.op(Op::F64FromBits, &[source]),
            None => {}
        }
        let result = with.then(|| {
            b.one(Instr::Op {
                op: row.op,
                ty: named,
                args: args.clone().into(),
            })
        });
        let next = match row.result {
            Kind::I64 => result.unwrap_or(source),
            Kind::F64 => {
                let float = result.unwrap_or(match changing {
                    Some((at, Kind::F64)) => args[at],
                    _ => float,
                });
                b.op(Op::F64ToBits, &[float])
            }
            Kind::Bool => {
                carried[1] = b.op(Op::BoolEq, &[carried[1], result.unwrap_or(truth)]);
                source
            }
            Kind::Char => b.op(Op::CharCode, &[result.unwrap_or(letter)]),
            Kind::OptionI64 | Kind::OptionF64 | Kind::OptionChar => match result {
                Some(result) => b.one(Instr::Tag(result)),
                None => source,
            },
            _ => {
                if let Some(result) = result {
                    b.drop(result);
                }
                source
            }
        };
        carried[0] = b.op(Op::I64And, &[next, mask]);
    });
    Steps {
        carried: vec![(start, copy(i64)), (truth, copy(bool_ty))],
        kept,
        step,
        turn: None,
    }
}

/// A case of something owned that is changed by every step, and by `turn` once a turn.
fn on(
    name: String,
    copies: Option<usize>,
    make: impl Fn(&mut Body) -> (Vec<Value>, Vec<(Value, ValueType)>) + 'static,
    step: impl Fn(&mut Body, &mut [Value], &[Value]) + Clone + 'static,
    turn: Option<UpdateOp>,
) -> Case {
    Case {
        name,
        has_rest: false,
        copies,
        make: Box::new(move |b| {
            let (fixed, carried) = make(b);
            let step = step.clone();
            Steps {
                carried,
                kept: vec![],
                step: Box::new(move |b, carried, _| step(b, carried, &fixed)),
                turn: turn.map(|op| -> Step1 {
                    Box::new(move |b, carried, _| carried[0] = b.update1(op, carried[0], &[], &[]))
                }),
            }
        }),
    }
}

/// An operation in place.
fn updates(row: &'static UpdateRow, cases: &mut Vec<Case>) {
    use UpdateOp as U;
    let (op, name) = (row.op, row.name);
    match row.target {
        Kind::I64 => {
            let make = |b: &mut Body| {
                let (list, ty) = ints(b, 8);
                let (at, one) = (b.int(3), b.int(1));
                (vec![at, one], vec![(list, owned(ty, 1))])
            };
            cases.push(on(
                format!("`{name}` in a list"),
                None,
                make,
                move |b, c, fixed| {
                    c[0] = b.update1(op, c[0], &[Step::Index(fixed[0])], &[fixed[1]]);
                },
                None,
            ));
        }
        Kind::F64 => {
            let make = |b: &mut Body| {
                let f64 = b.pack.ty(Type::F64);
                let ty = b.pack.list(f64);
                let (n, x) = (b.int(8), b.float(1.5));
                let list = b.one(Instr::Op {
                    op: Op::ListFilled,
                    ty: Some(ty),
                    args: vec![n, x].into(),
                });
                let (at, one) = (b.int(3), b.float(1.0));
                (vec![at, one], vec![(list, owned(ty, 1))])
            };
            cases.push(on(
                format!("`{name}` in a list"),
                None,
                make,
                move |b, c, fixed| {
                    c[0] = b.update1(op, c[0], &[Step::Index(fixed[0])], &[fixed[1]]);
                },
                None,
            ));
        }
        Kind::String | Kind::Bytes => {
            let is_text = row.target == Kind::String;
            let clear = if is_text { U::TextClear } else { U::BytesClear };
            let sized = has_sequence(row.args);
            for size in SIZES {
                if size > SIZES[0] && !sized {
                    continue;
                }
                let make = move |b: &mut Body| {
                    let ty = b.pack.ty(if is_text { Type::String } else { Type::Bytes });
                    let target = if is_text { text(b, 8) } else { bytes(b, 8) };
                    let mut numbers = [0, size as i64].into_iter();
                    let mut carried = vec![(target, owned(ty, 1))];
                    let mut fixed = Vec::new();
                    for kind in row.args {
                        let value = match kind {
                            Kind::I64 if op == U::TextAppendI64 => b.int(1_234_567_890),
                            Kind::I64 if op == U::TextAppendHex => b.int(0x1234_5678_9abc_def0),
                            Kind::I64 => b.int(numbers.next().unwrap_or(0)),
                            Kind::F64 => b.float(1_234.567_891),
                            Kind::Char => b.char('é'),
                            Kind::String => {
                                let (value, ty) = (text(b, size), string(b));
                                carried.push((value, owned(ty, 1)));
                                value
                            }
                            _ => {
                                let value = bytes(b, size);
                                let ty = b.pack.ty(Type::Bytes);
                                carried.push((value, owned(ty, 1)));
                                value
                            }
                        };
                        fixed.push(value);
                    }
                    (fixed, carried)
                };
                let label = match sized {
                    true => format!("`{name}`, {size} bytes"),
                    false => format!("`{name}`"),
                };
                let copies = (size == 65_536).then_some(2);
                cases.push(on(
                    label,
                    copies,
                    make,
                    move |b, c, fixed| {
                        let mut args = fixed.to_vec();
                        if has_sequence(row.args) {
                            args[0] = c[1];
                        }
                        c[0] = b.update1(op, c[0], &[], &args);
                    },
                    Some(clear),
                ));
            }
        }
        Kind::List => list_update(op, name, cases),
        _ => {
            let is_map = row.target == Kind::Map;
            let make = move |b: &mut Body| {
                let (table, ty) = table(b, is_map);
                let (old, new) = (b.int(42), b.int(1000));
                (vec![old, new], vec![(table, owned(ty, 1))])
            };
            let label = match op {
                U::MapRemove | U::SetRemove => format!("`{name}` and putting it back"),
                U::MapClear | U::SetClear => format!("`{name}` of one, and putting it in"),
                _ => format!("`{name}` of what is there"),
            };
            cases.push(on(
                label,
                None,
                make,
                move |b, c, fixed| {
                    let (put, args) = match is_map {
                        true => (U::MapPut, vec![fixed[0], fixed[0]]),
                        false => (U::SetInsert, vec![fixed[0]]),
                    };
                    let done = match op {
                        U::MapPut | U::SetInsert => return c[0] = b.update1(put, c[0], &[], &args),
                        U::MapRemove | U::SetRemove => b.update1(op, c[0], &[], &[fixed[0]]),
                        _ => b.update1(op, c[0], &[], &[]),
                    };
                    c[0] = b.update1(put, done, &[], &args);
                },
                None,
            ));
            if matches!(op, U::MapPut | U::SetInsert) {
                let clear = if is_map { U::MapClear } else { U::SetClear };
                // New keys, so that it grows: 256 of them in a turn.
                let make = move |b: &mut Body| {
                    let (table, ty) = table(b, is_map);
                    let i64 = b.pack.i64();
                    let start = b.int(0);
                    (vec![], vec![(table, owned(ty, 1)), (start, copy(i64))])
                };
                cases.push(on(
                    format!("`{name}` of new keys"),
                    Some(256),
                    make,
                    move |b, c, _| {
                        let one = b.int(12_345);
                        c[1] = b.op(Op::I64Add, &[c[1], one]);
                        c[0] = match is_map {
                            true => b.update1(op, c[0], &[], &[c[1], c[1]]),
                            false => b.update1(op, c[0], &[], &[c[1]]),
                        };
                    },
                    Some(clear),
                ));
            }
        }
    }
}

fn list_update(op: UpdateOp, name: &'static str, cases: &mut Vec<Case>) {
    use UpdateOp as U;
    let sizes: &[usize] = match op {
        U::ListInsert | U::ListRemove | U::ListReverse | U::ListExtend => &[8, 256, 65_536],
        _ => &[64],
    };
    for size in sizes.iter().copied() {
        let make = move |b: &mut Body| {
            let (list, ty) = ints(b, size / 8);
            let (other, _) = ints(b, size / 8);
            let (zero, one) = (b.int(0), b.int((size / 8 - 1).min(1) as i64));
            (
                vec![zero, one],
                vec![(list, owned(ty, 1)), (other, owned(ty, 1))],
            )
        };
        let sized = if sizes.len() > 1 {
            format!(", {size} bytes")
        } else {
            String::new()
        };
        let label = match op {
            U::ListPop => "`list.push`, then `list.pop`".to_owned(),
            U::ListRemove => format!("`list.insert`, then `list.remove`{sized}"),
            U::ListInsert => format!("`list.insert`, then `list.pop`{sized}"),
            U::ListClear => "`list.push`, then `list.clear`".to_owned(),
            U::ListTruncate => "`list.push`, then `list.truncate`".to_owned(),
            _ => format!("`{name}`{sized}"),
        };
        let copies = (size == 65_536).then_some(2);
        let clears = matches!(op, U::ListPush | U::ListExtend).then_some(U::ListClear);
        cases.push(on(
            label,
            copies,
            make,
            move |b, c, fixed| {
                let [zero, one] = [fixed[0], fixed[1]];
                c[0] = match op {
                    U::ListPush => b.update1(op, c[0], &[], &[one]),
                    U::ListPop | U::ListClear => {
                        let more = b.update1(U::ListPush, c[0], &[], &[one]);
                        b.update1(op, more, &[], &[])
                    }
                    U::ListTruncate => {
                        let more = b.update1(U::ListPush, c[0], &[], &[one]);
                        b.update1(op, more, &[], &[one])
                    }
                    U::ListInsert => {
                        let more = b.update1(op, c[0], &[], &[zero, one]);
                        b.update1(U::ListPop, more, &[], &[])
                    }
                    U::ListRemove => {
                        let more = b.update1(U::ListInsert, c[0], &[], &[zero, one]);
                        b.update1(op, more, &[], &[zero])
                    }
                    U::ListSwap => b.update1(op, c[0], &[], &[zero, one]),
                    U::ListReverse => b.update1(op, c[0], &[], &[]),
                    _ => b.update1(op, c[0], &[], &[c[1]]),
                };
            },
            clears,
        ));
    }
}

/// The structural instructions.
fn structural(cases: &mut Vec<Case>) {
    let none = |_: &mut Body| (vec![], vec![]);
    let integer = |b: &mut Body| {
        let (start, ty) = (opaque(b, 5), b.pack.i64());
        (vec![], vec![(start, copy(ty))])
    };
    let condition = |b: &mut Body| {
        let (n, two, ty) = (opaque(b, 1), b.int(2), b.pack.ty(Type::Bool));
        let c = b.op(Op::I64Lt, &[n, two]);
        (vec![], vec![(c, copy(ty))])
    };
    cases.push(on(
        "`const.i64`".into(),
        None,
        none,
        |b, _, _| {
            b.int(123);
        },
        None,
    ));
    cases.push(on(
        "`const`, then `drop`".into(),
        None,
        none,
        |b, _, _| {
            let value = b.text("constant");
            b.drop(value);
        },
        None,
    ));
    cases.push(on(
        "`block` with its `exit`".into(),
        None,
        none,
        |b, _, _| {
            b.all(Instr::Block {
                results: vec![].into(),
            });
            b.exit(0, &[]);
            b.end();
        },
        None,
    ));
    cases.push(on(
        "`loop` that is left at once".into(),
        None,
        none,
        |b, _, _| {
            b.all(Instr::Loop {
                start: vec![].into(),
                params: vec![].into(),
                results: vec![].into(),
            });
            b.exit(0, &[]);
            b.end();
        },
        None,
    ));
    cases.push(on(
        "`for` without a turn".into(),
        None,
        none,
        |b, _, _| {
            b.for_(0, &[], &[]);
            b.next(0, &[]);
            b.end();
        },
        None,
    ));
    cases.push(on(
        "`for` of one turn".into(),
        None,
        none,
        |b, _, _| {
            b.for_(1, &[], &[]);
            b.next(0, &[]);
            b.end();
        },
        None,
    ));
    cases.push(on(
        "`if`".into(),
        None,
        condition,
        |b, c, _| {
            let ty = b.pack.ty(Type::Bool);
            b.if_(c[0], &[copy(ty)]);
            b.exit(0, &[c[0]]);
            b.else_();
            let other = b.truth(false);
            b.exit(0, &[other]);
            c[0] = b.end()[0];
        },
        None,
    ));
    cases.push(on(
        "`get`, element of a list".into(),
        None,
        |b| {
            let (list, ty) = ints(b, 8);
            let (start, i64) = (opaque(b, 7), b.pack.i64());
            (vec![], vec![(start, copy(i64)), (list, owned(ty, 1))])
        },
        |b, c, _| {
            c[0] = b.get(c[1], &[Step::Index(c[0])]);
        },
        None,
    ));
    cases.push(on(
        "`set`, element of a list".into(),
        None,
        |b| {
            let (list, ty) = ints(b, 8);
            let at = opaque(b, 7);
            (vec![at], vec![(list, owned(ty, 1))])
        },
        |b, c, fixed| {
            c[0] = b.set(c[0], &[Step::Index(fixed[0])], fixed[0]);
        },
        None,
    ));
    for size in SIZES {
        let name =
            format!("`get`, element of bytes, then `unique` of {size} shared bytes and `drop`");
        cases.push(on(
            name,
            (size == 65_536).then_some(2),
            move |b| {
                let ty = b.pack.ty(Type::Bytes);
                (vec![], vec![(bytes(b, size), owned(ty, 0))])
            },
            |b, c, _| {
                let zero = b.int(0);
                b.get(c[0], &[Step::Index(zero)]);
                let again = b.dup(c[0]);
                let own = b.unique(again, 0);
                b.drop(own);
            },
            None,
        ));
    }
    cases.push(on(
        "`get`, value under a key".into(),
        None,
        |b| {
            let (map, ty) = table(b, true);
            let (start, i64) = (opaque(b, 7), b.pack.i64());
            (vec![], vec![(start, copy(i64)), (map, owned(ty, 1))])
        },
        |b, c, _| {
            c[0] = b.get(c[1], &[Step::Key(c[0])]);
        },
        None,
    ));
    cases.push(on(
        "`set`, value under a key".into(),
        None,
        |b| {
            let (map, ty) = table(b, true);
            let key = b.int(42);
            (vec![key], vec![(map, owned(ty, 1))])
        },
        |b, c, fixed| {
            c[0] = b.set(c[0], &[Step::Key(fixed[0])], fixed[0]);
        },
        None,
    ));
    cases.push(on(
        "`dup`, then `drop`".into(),
        None,
        |b| {
            let (list, ty) = ints(b, 8);
            (vec![], vec![(list, owned(ty, 0))])
        },
        |b, c, _| {
            let again = b.dup(c[0]);
            b.drop(again);
        },
        None,
    ));
    cases.push(on(
        "`unique` of what is".into(),
        None,
        |b| {
            let (list, ty) = ints(b, 8);
            (vec![], vec![(list, owned(ty, 0))])
        },
        |b, c, _| {
            c[0] = b.unique(c[0], 0);
        },
        None,
    ));
    for count in [1, 64] {
        cases.push(on(
            format!("`new`, a list of {count}, then `drop`"),
            (count == 64).then_some(4),
            integer,
            move |b, c, _| {
                let i64 = b.pack.i64();
                let ty = b.pack.list(i64);
                let list = b.new_value(ty, 0, &vec![c[0]; count]);
                b.drop(list);
            },
            None,
        ));
    }
    cases.push(on(
        "`new`, an empty map, then `drop`".into(),
        None,
        none,
        |b, _, _| {
            let i64 = b.pack.i64();
            let ty = b.pack.ty(Type::Map(i64, i64));
            let map = b.new_value(ty, 0, &[]);
            b.drop(map);
        },
        None,
    ));
    // A struct of twenty numbers is a cell.
    cases.push(on(
        "`new`, a boxed struct, then `open`".into(),
        None,
        |b| {
            let (start, i64) = (opaque(b, 5), b.pack.i64());
            (vec![], vec![(start, copy(i64))])
        },
        |b, c, _| {
            let ty = boxed(b);
            let value = b.new_value(ty, 0, &[c[0]; 20]);
            let parts = b.all(Instr::Open {
                value,
                variant: 0,
                parts: 20,
            });
            c[0] = parts[3];
        },
        None,
    ));
    cases.push(on(
        "`get`, field of a boxed struct".into(),
        None,
        |b| {
            let (start, i64, ty) = (opaque(b, 5), b.pack.i64(), boxed(b));
            let value = b.new_value(ty, 0, &[start; 20]);
            (vec![], vec![(start, copy(i64)), (value, owned(ty, 1))])
        },
        |b, c, _| {
            let field = b.get(c[1], &[Step::Field(2)]);
            c[0] = b.op(Op::I64Xor, &[c[0], field]);
        },
        None,
    ));
    cases.push(on(
        "`take`, then `put`, element of a list".into(),
        None,
        |b| {
            let string = string(b);
            let ty = b.pack.list(string);
            let item = text(b, 8);
            let list = b.new_value(ty, 0, &[item]);
            (vec![], vec![(list, owned(ty, 1))])
        },
        |b, c, _| {
            let zero = b.int(0);
            let both = b.all(Instr::Take {
                value: c[0],
                path: vec![Step::Index(zero)].into(),
            });
            c[0] = b.one(Instr::Put {
                value: both[1],
                path: vec![Step::Index(zero)].into(),
                new: both[0],
            });
        },
        None,
    ));
    cases.push(on(
        "`new`, an option, then `switch` and `open`".into(),
        None,
        integer,
        |b, c, _| {
            let i64 = b.pack.i64();
            let ty = b.pack.option(i64);
            let some = b.new_value(ty, 1, &[c[0]]);
            b.all(Instr::Switch {
                value: some,
                results: vec![copy(i64)].into(),
            });
            let zero = b.int(0);
            b.exit(0, &[zero]);
            b.all(Instr::Arm);
            let payload = b.get(some, &[Step::Variant(1), Step::Field(0)]);
            b.exit(0, &[payload]);
            c[0] = b.end()[0];
        },
        None,
    ));
    called(cases);
}

/// A struct that is a cell.
fn boxed(b: &mut Body) -> TypeId {
    let known = (0..b.pack.types.len() as u32)
        .map(TypeId)
        .find(|ty| matches!(b.pack.types.get(*ty), Some(Type::Nominal(_, _))));
    known.unwrap_or_else(|| {
        let i64 = b.pack.i64();
        b.pack.strukt(&[i64; 20])
    })
}

/// Calls.
fn called(cases: &mut Vec<Case>) {
    let function = |b: &mut Body| {
        let i64 = b.pack.i64();
        b.pack.function(&[(i64, Mode::Borrow)], i64, |b| {
            let one = b.int(1);
            let next = b.op(Op::I64AddWrap, &[Value(0), one]);
            b.ret(&[next]);
        })
    };
    let callee = move |b: &mut Body| match b.pack.package.functions.len() {
        1 => function(b),
        _ => 1,
    };
    let integer = |b: &mut Body| {
        let (start, ty) = (opaque(b, 5), b.pack.i64());
        (vec![], vec![(start, copy(ty))])
    };
    cases.push(on(
        "`call` of a function that adds".into(),
        None,
        integer,
        move |b, c, _| {
            let callee = callee(b);
            c[0] = b.call(callee, &[c[0]])[0];
        },
        None,
    ));
    let fn_type = |b: &mut Body| {
        let i64 = b.pack.i64();
        b.pack.ty(Type::Fn {
            params: vec![cop_bytecode::types::FnParam {
                ty: i64,
                mutable: false,
            }],
            result: i64,
        })
    };
    cases.push(on(
        "`call.value` of a function that adds".into(),
        None,
        move |b| {
            let (ty, function) = (fn_type(b), callee(b));
            let closure = b.one(Instr::Closure {
                ty,
                function,
                captures: vec![].into(),
            });
            let (start, i64) = (opaque(b, 5), b.pack.i64());
            (vec![], vec![(start, copy(i64)), (closure, owned(ty, 1))])
        },
        |b, c, _| {
            c[0] = b.all(Instr::CallValue {
                callee: c[1],
                args: vec![c[0]].into(),
                changed: 0,
            })[0];
        },
        None,
    ));
    cases.push(on(
        "`closure`, then `drop`".into(),
        None,
        |_| (vec![], vec![]),
        move |b, _, _| {
            let (ty, function) = (fn_type(b), callee(b));
            let closure = b.one(Instr::Closure {
                ty,
                function,
                captures: vec![].into(),
            });
            b.drop(closure);
        },
        None,
    ));
    for size in SIZES {
        cases.push(on(
            format!("`host.call`, {size} bytes there and back"),
            Some(2),
            move |b| {
                let ty = b.pack.ty(Type::Bytes);
                (vec![], vec![(bytes(b, size), owned(ty, 1))])
            },
            |b, c, _| {
                let function = match b.pack.package.host_functions.is_empty() {
                    true => b.pack.host_function("test", "echo"),
                    false => 0,
                };
                let answer = b.one(Instr::HostCall {
                    function,
                    capability: None,
                    argument: c[0],
                });
                b.drop(answer);
            },
            None,
        ));
    }
}
