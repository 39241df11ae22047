//! What instructions on values do, over plain trees.

use cop_bytecode::instr::{Instr, Step, Value};
use cop_bytecode::table::Kind;
use cop_bytecode::{Op, Package, TrapKind, Type, UpdateOp};

use super::value::Val;
use super::{Stop, constant, is_sum, word};
use crate::machine::{self, Run};
use crate::text::{self, Quoting, as_text};
use crate::{number, unicode};

type Made<T> = Result<T, Stop>;

fn trap<T>(kind: TrapKind, left: i64, right: i64) -> Made<T> {
    Err(Stop::Trap(kind, [left, right]))
}

/// A trap of a function that both share (they are tested by themselves).
fn shared<T>(result: Run<T>) -> Made<T> {
    result.map_err(|stop| match *stop {
        machine::Stop::Trap { kind, operands, .. } => Stop::Trap(kind, operands),
        other => panic!("{other:?}"),
    })
}

/// What an instruction defines.
pub fn step(package: &Package, instr: &Instr, values: &[Val]) -> Made<Vec<Val>> {
    let get = |v: &Value| values[v.0 as usize].clone();
    let all = |vs: &[Value]| vs.iter().map(get).collect::<Vec<_>>();
    Ok(match instr {
        Instr::ConstI64(n) => vec![Val::Word(*n as u64)],
        Instr::ConstF64(bits) => vec![Val::Word(*bits)],
        Instr::ConstBool(b) => vec![Val::Word(u64::from(*b))],
        Instr::ConstChar(c) => vec![Val::Word(u64::from(u32::from(*c)))],
        Instr::ConstUnit => vec![Val::Unit],
        Instr::Const(index) => vec![constant(package, *index)],
        Instr::New { ty, variant, parts } => {
            let parts = all(parts);
            vec![match &package.types[ty.0 as usize] {
                Type::List(_) => Val::List(parts),
                Type::Map(..) | Type::Set(_) => Val::Table(vec![], 0),
                ty if is_sum(package, ty) => Val::Sum(*variant, parts),
                _ => Val::Product(parts),
            }]
        }
        Instr::Closure {
            function, captures, ..
        } => vec![Val::Closure(*function, all(captures))],
        Instr::Dup(v) | Instr::Unique { value: v, .. } => vec![get(v)],
        Instr::Tag(v) => match get(v) {
            Val::Sum(tag, _) => vec![Val::Word(u64::from(tag))],
            other => panic!("not a sum: {other:?}"),
        },
        Instr::Open { value, variant, .. } => match get(value) {
            Val::Product(parts) => parts,
            Val::Sum(tag, parts) if tag == *variant => parts,
            Val::Sum(tag, _) => {
                return trap(TrapKind::WrongVariant, i64::from(tag), i64::from(*variant));
            }
            other => panic!("neither product nor sum: {other:?}"),
        },
        Instr::Get { value, path } => {
            let mut root = get(value);
            vec![match walk(&mut root, path, values)? {
                Place::Whole(place) => place.clone(),
                Place::Byte(byte) => Val::Word(u64::from(*byte)),
            }]
        }
        Instr::Set { value, path, new } | Instr::Put { value, path, new } => {
            let (mut root, new) = (get(value), get(new));
            if let Val::Word(n) = new
                && n > 255
                && is_byte_path(&root, path, values)?
            {
                shared(crate::path::check_byte(n as i64))?;
            }
            match walk(&mut root, path, values)? {
                Place::Whole(place) => *place = new,
                Place::Byte(byte) => *byte = word(&new) as u8,
            }
            vec![root]
        }
        Instr::Take { value, path } => {
            let mut root = get(value);
            let taken = match walk(&mut root, path, values)? {
                Place::Whole(place) => std::mem::replace(place, Val::Hole),
                Place::Byte(byte) => Val::Word(u64::from(*byte)),
            };
            vec![taken, root]
        }
        Instr::Update {
            op,
            value,
            path,
            args,
        } => {
            let (mut root, args) = (get(value), all(args));
            check_arguments(*op, &args)?;
            let result = match walk(&mut root, path, values)? {
                Place::Byte(byte) => {
                    let mut place = Val::Word(u64::from(*byte));
                    let result = update(*op, &mut place, args)?;
                    *byte = shared(crate::path::check_byte(word(&place) as i64))?;
                    result
                }
                Place::Whole(place) => update(*op, place, args)?,
            };
            std::iter::once(root).chain(result).collect()
        }
        Instr::Op { op, args, .. } => vec![plain(*op, all(args))?],
        other => panic!("not a step: {other:?}"),
    })
}

enum Place<'v> {
    Whole(&'v mut Val),
    Byte(&'v mut u8),
}

fn index_of(value: &Val, length: usize) -> Made<usize> {
    let index = word(value) as i64;
    match usize::try_from(index) {
        Ok(at) if at < length => Ok(at),
        _ => trap(TrapKind::IndexOutOfBounds, index, length as i64),
    }
}

fn walk<'v>(root: &'v mut Val, path: &[Step], values: &[Val]) -> Made<Place<'v>> {
    let mut at = root;
    for step in path {
        if let (Step::Variant(expected), Val::Sum(tag, _)) = (step, &*at) {
            if tag != expected {
                return trap(
                    TrapKind::WrongVariant,
                    i64::from(*tag),
                    i64::from(*expected),
                );
            }
            continue;
        }
        at = match (step, at) {
            (Step::Index(i), Val::List(items)) => {
                let i = index_of(&values[i.0 as usize], items.len())?;
                &mut items[i]
            }
            (Step::Index(i), Val::Bytes(bytes)) => {
                let i = index_of(&values[i.0 as usize], bytes.len())?;
                return Ok(Place::Byte(&mut bytes[i]));
            }
            (Step::Field(f), Val::Product(parts) | Val::Sum(_, parts)) => &mut parts[*f as usize],
            (Step::Key(k), Val::Table(entries, _)) => {
                let key = &values[k.0 as usize];
                match entries
                    .iter_mut()
                    .flatten()
                    .find(|(found, _)| equal(found, key))
                {
                    Some((_, value)) => value,
                    None => return trap(TrapKind::KeyNotFound, 0, 0),
                }
            }
            (Step::EntryKey(n) | Step::EntryValue(n), Val::Table(entries, _)) => {
                let used = entries.len();
                let number = word(&values[n.0 as usize]) as i64;
                let entry = usize::try_from(number)
                    .ok()
                    .and_then(|n| entries.get_mut(n)?.as_mut());
                match (entry, step) {
                    (Some((key, _)), Step::EntryKey(_)) => key,
                    (Some((_, value)), _) => value,
                    (None, _) => return trap(TrapKind::IndexOutOfBounds, number, used as i64),
                }
            }
            (step, at) => panic!("{step:?} of {at:?}"),
        };
    }
    Ok(Place::Whole(at))
}

/// Whether a path ends at an element of bytes.
fn is_byte_path(root: &Val, path: &[Step], values: &[Val]) -> Made<bool> {
    let Some((Step::Index(_), before)) = path.split_last() else {
        return Ok(false);
    };
    let mut root = root.clone();
    match walk(&mut root, before, values) {
        Ok(Place::Whole(place)) => Ok(matches!(place, Val::Bytes(_))),
        // Which of two traps comes first depends on types, which the oracle does not know.
        _ => Err(Stop::Unknown),
    }
}

fn equal(left: &Val, right: &Val) -> bool {
    let all =
        |a: &[Val], b: &[Val]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b));
    match (left, right) {
        (Val::Word(a), Val::Word(b)) => a == b,
        (Val::Unit, Val::Unit) => true,
        (Val::Bytes(a), Val::Bytes(b)) => a == b,
        (Val::List(a), Val::List(b)) | (Val::Product(a), Val::Product(b)) => all(a, b),
        (Val::Sum(t, a), Val::Sum(u, b)) => t == u && all(a, b),
        _ => false,
    }
}

fn find(entries: &[Option<(Val, Val)>], key: &Val) -> Option<usize> {
    entries
        .iter()
        .position(|e| e.as_ref().is_some_and(|(found, _)| equal(found, key)))
}

fn option(value: Option<Val>) -> Val {
    match value {
        Some(value) => Val::Sum(1, vec![value]),
        None => Val::Sum(0, vec![]),
    }
}

fn int(n: i64) -> Val {
    Val::Word(n as u64)
}

fn truth(t: bool) -> Val {
    Val::Word(u64::from(t))
}

fn bytes(value: &Val) -> &[u8] {
    match value {
        Val::Bytes(bytes) => bytes,
        other => panic!("neither text nor bytes: {other:?}"),
    }
}

fn check_arguments(op: UpdateOp, args: &[Val]) -> Made<()> {
    let arg = |i: usize| word(&args[i]) as i64;
    match op {
        UpdateOp::BytesPush => shared(crate::path::check_byte(arg(0))).map(drop),
        UpdateOp::ListTruncate if arg(0) < 0 => trap(TrapKind::InvalidArgument, arg(0), 0),
        UpdateOp::TextAppendSlice => {
            shared(text::check_text_range(bytes(&args[0]), arg(1), arg(2))).map(drop)
        }
        _ => Ok(()),
    }
}

fn plain(op: Op, mut args: Vec<Val>) -> Made<Val> {
    let arg = |i: usize| word(&args[i]) as i64;
    let float = |i: usize| f64::from_bits(word(&args[i]));
    Ok(match op {
        Op::I64Parse => option(number::parse_integer(bytes(&args[0])).map(int)),
        Op::F64ToI64Option => option(number::to_integer(float(0)).map(int)),
        Op::F64Parse => {
            option(number::parse_float(bytes(&args[0])).map(|f| Val::Word(number::to_bits(f))))
        }
        Op::F64Format => Val::Bytes(shared(number::format_float(float(0), arg(1)))?.into_bytes()),
        Op::CharFromCode => {
            let code = u32::try_from(arg(0)).ok().and_then(char::from_u32);
            option(code.map(|c| int(i64::from(u32::from(c)))))
        }
        Op::CharToUpper | Op::CharToLower => {
            let c = char::from_u32(arg(0) as u32).unwrap();
            let mut out = String::new();
            match op {
                Op::CharToUpper => unicode::upper(c, &mut |c| out.push(c)),
                _ => unicode::lower(c, &mut |c| out.push(c)),
            }
            Val::Bytes(out.into_bytes())
        }
        Op::StringLen | Op::BytesLen => int(bytes(&args[0]).len() as i64),
        Op::StringEq | Op::BytesEq => truth(bytes(&args[0]) == bytes(&args[1])),
        Op::StringCompare | Op::BytesCompare => int(bytes(&args[0]).cmp(bytes(&args[1])) as i64),
        Op::StringConcat => Val::Bytes([bytes(&args[0]), bytes(&args[1])].concat()),
        Op::StringSlice => {
            let (from, to) = shared(text::check_text_range(bytes(&args[0]), arg(1), arg(2)))?;
            Val::Bytes(bytes(&args[0])[from..to].to_vec())
        }
        Op::BytesSlice => {
            let (from, to) = shared(text::check_range(arg(1), arg(2), bytes(&args[0]).len()))?;
            Val::Bytes(bytes(&args[0])[from..to].to_vec())
        }
        Op::StringByteAt => int(i64::from(shared(text::byte_at(bytes(&args[0]), arg(1)))?)),
        Op::StringCharAt => int(i64::from(u32::from(shared(text::char_at(
            bytes(&args[0]),
            arg(1),
        ))?))),
        Op::StringFind | Op::BytesFind => {
            let all = bytes(&args[0]);
            let (from, _) = shared(text::check_range(arg(2), all.len() as i64, all.len()))?;
            let part = bytes(&args[1]);
            let at = (from..=all.len()).find(|at| all[*at..].starts_with(part));
            int(at.map_or(-1, |at| at as i64))
        }
        Op::StringFindLast => {
            let (all, part) = (bytes(&args[0]), bytes(&args[1]));
            let at = (0..=all.len())
                .rev()
                .find(|at| all[*at..].starts_with(part));
            int(at.map_or(-1, |at| at as i64))
        }
        Op::StringMatchesAt | Op::BytesMatchesAt => {
            truth(text::matches_at(bytes(&args[0]), bytes(&args[1]), arg(2)))
        }
        Op::StringCharCount => int(as_text(bytes(&args[0])).chars().count() as i64),
        Op::StringToUpper | Op::StringToLower => {
            let mut out = String::new();
            match op {
                Op::StringToUpper => {
                    unicode::to_upper(as_text(bytes(&args[0])), &mut |c| out.push(c))
                }
                _ => unicode::to_lower(as_text(bytes(&args[0])), &mut |c| out.push(c)),
            }
            Val::Bytes(out.into_bytes())
        }
        Op::StringToBytes => args.swap_remove(0),
        Op::StringSkipSpace | Op::StringSkipWord => {
            let all = bytes(&args[0]);
            let (from, _) = shared(text::check_text_range(all, arg(1), all.len() as i64))?;
            let space = op == Op::StringSkipSpace;
            let rest = as_text(&all[from..]);
            let skipped: usize = rest
                .chars()
                .take_while(|c| unicode::is_space(*c) == space)
                .map(char::len_utf8)
                .sum();
            int((from + skipped) as i64)
        }
        Op::BytesToText => match std::str::from_utf8(bytes(&args[0])) {
            Ok(_) => option(Some(args.swap_remove(0))),
            Err(_) => option(None),
        },
        Op::BytesFilled => {
            if arg(0) < 0 {
                return trap(TrapKind::InvalidArgument, arg(0), 0);
            }
            let byte = shared(crate::path::check_byte(arg(1)))?;
            if arg(0) > 1 << 20 {
                return Err(Stop::Unknown);
            }
            Val::Bytes(vec![byte; arg(0) as usize])
        }
        Op::BytesReadI64 => {
            let all = bytes(&args[0]);
            let at = usize::try_from(arg(1)).ok();
            match at.and_then(|at| all.get(at..)?.first_chunk::<8>()) {
                Some(eight) => Val::Word(u64::from_le_bytes(*eight)),
                None => return trap(TrapKind::IndexOutOfBounds, arg(1), all.len() as i64),
            }
        }
        Op::ListLen | Op::ListSlice => {
            let Val::List(items) = &args[0] else {
                panic!("not a list")
            };
            if op == Op::ListLen {
                return Ok(int(items.len() as i64));
            }
            let (from, to) = shared(text::check_range(arg(1), arg(2), items.len()))?;
            Val::List(items[from..to].to_vec())
        }
        Op::ListFilled => {
            if arg(0) < 0 {
                return trap(TrapKind::InvalidArgument, arg(0), 0);
            }
            if arg(0) > 100_000 {
                return Err(Stop::Unknown);
            }
            Val::List(vec![args[1].clone(); arg(0) as usize])
        }
        Op::MapLen | Op::SetLen | Op::MapFind | Op::SetFind | Op::MapNext | Op::SetNext => {
            let Val::Table(entries, _) = &args[0] else {
                panic!("not a table")
            };
            match op {
                Op::MapLen | Op::SetLen => int(entries.iter().flatten().count() as i64),
                Op::MapFind | Op::SetFind => {
                    int(find(entries, &args[1]).map_or(-1, |at| at as i64))
                }
                _ => {
                    let from = arg(1).max(0) as usize;
                    let next = (from..entries.len()).find(|at| entries[*at].is_some());
                    int(next.map_or(-1, |at| at as i64))
                }
            }
        }
        _ => {
            let second = args.get(1).map_or(0, word);
            let result = shared(crate::scalar::scalar(op, word(&args[0]), second))?;
            match op.row().result {
                Kind::F64 => Val::Word(number::to_bits(f64::from_bits(result))),
                _ => Val::Word(result),
            }
        }
    })
}

/// Changes what lies at a place; gives the operation's own result.
fn update(op: UpdateOp, place: &mut Val, mut args: Vec<Val>) -> Made<Option<Val>> {
    let arg = |i: usize| word(&args[i]) as i64;
    match place {
        Val::Word(old) => {
            let name = op.row().name;
            let plain = Op::from_name(name).unwrap();
            let new = self::plain(plain, vec![Val::Word(*old), args.swap_remove(0)])?;
            *old = word(&new);
            Ok(None)
        }
        Val::Bytes(target) => {
            let c = |i: usize| char::from_u32(word(&args[i]) as u32).unwrap();
            let quoted = |text: &str, quoting| {
                let mut out = String::new();
                text::quote(text, quoting, &mut |piece| out.push_str(piece));
                out.into_bytes()
            };
            let more = match op {
                UpdateOp::TextAppend | UpdateOp::BytesExtend | UpdateOp::BytesAppendText => {
                    bytes(&args[0]).to_vec()
                }
                UpdateOp::TextAppendSlice => {
                    bytes(&args[0])[arg(1) as usize..arg(2) as usize].to_vec()
                }
                UpdateOp::TextPush => c(0).to_string().into_bytes(),
                UpdateOp::TextAppendI64 => arg(0).to_string().into_bytes(),
                UpdateOp::TextAppendHex => format!("{:x}", arg(0)).into_bytes(),
                UpdateOp::TextAppendF64 => {
                    let mut out = String::new();
                    number::show_float(&mut out, f64::from_bits(word(&args[0])));
                    out.into_bytes()
                }
                UpdateOp::TextAppendQuoted => quoted(as_text(bytes(&args[0])), Quoting::String),
                UpdateOp::TextAppendJson => quoted(as_text(bytes(&args[0])), Quoting::Json),
                UpdateOp::TextAppendCharQuoted => quoted(&c(0).to_string(), Quoting::Char),
                UpdateOp::TextAppendBytes => {
                    let mut out = String::new();
                    text::quote_bytes(bytes(&args[0]), &mut |piece| out.push_str(piece));
                    out.into_bytes()
                }
                UpdateOp::BytesPush => vec![arg(0) as u8],
                UpdateOp::BytesAppendI64 => arg(0).to_le_bytes().to_vec(),
                UpdateOp::TextClear | UpdateOp::BytesClear => {
                    target.clear();
                    vec![]
                }
                other => panic!("{other:?} of bytes"),
            };
            target.extend(more);
            Ok(None)
        }
        Val::List(items) => {
            let length = items.len();
            match op {
                UpdateOp::ListPush => items.push(args.swap_remove(0)),
                UpdateOp::ListPop => return Ok(Some(option(items.pop()))),
                UpdateOp::ListInsert => match usize::try_from(arg(0)) {
                    Ok(at) if at <= length => items.insert(at, args.swap_remove(1)),
                    _ => return trap(TrapKind::IndexOutOfBounds, arg(0), length as i64),
                },
                UpdateOp::ListRemove => return Ok(Some(items.remove(index_of(&args[0], length)?))),
                UpdateOp::ListSwap => {
                    let (left, right) = (index_of(&args[0], length)?, index_of(&args[1], length)?);
                    items.swap(left, right);
                }
                UpdateOp::ListTruncate => items.truncate(arg(0) as usize),
                UpdateOp::ListClear => items.clear(),
                UpdateOp::ListReverse => items.reverse(),
                UpdateOp::ListExtend => match args.swap_remove(0) {
                    Val::List(more) => items.extend(more),
                    other => panic!("not a list: {other:?}"),
                },
                other => panic!("{other:?} of a list"),
            }
            Ok(None)
        }
        Val::Table(entries, capacity) => match op {
            UpdateOp::MapPut | UpdateOp::SetInsert => {
                let is_map = op == UpdateOp::MapPut;
                let value = if is_map {
                    args.pop().unwrap()
                } else {
                    Val::Unit
                };
                let key = args.pop().unwrap();
                let found = find(entries, &key);
                match found {
                    Some(at) => entries[at].as_mut().unwrap().1 = value,
                    None => {
                        if entries.len() == *capacity {
                            let dead = entries.iter().filter(|e| e.is_none()).count();
                            if !entries.is_empty() && dead * 4 >= entries.len() {
                                entries.retain(Option::is_some);
                            } else {
                                *capacity =
                                    (*capacity + *capacity / 2).max(entries.len() + 1).max(4);
                            }
                        }
                        entries.push(Some((key, value)));
                    }
                }
                Ok((!is_map).then(|| truth(found.is_none())))
            }
            UpdateOp::MapRemove | UpdateOp::SetRemove => {
                let removed = find(entries, &args[0]).and_then(|at| entries[at].take());
                Ok(Some(match op {
                    UpdateOp::MapRemove => option(removed.map(|(_, value)| value)),
                    _ => truth(removed.is_some()),
                }))
            }
            UpdateOp::MapClear | UpdateOp::SetClear => {
                if !entries.is_empty() {
                    *entries = vec![];
                    *capacity = 0;
                }
                Ok(None)
            }
            other => panic!("{other:?} of a table"),
        },
        other => panic!("{op:?} of {other:?}"),
    }
}
