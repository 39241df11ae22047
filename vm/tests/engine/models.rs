//! Random sequences of operations on lists, maps and texts, against the plainest model of each.

use cop_bytecode::{Op, Step, Type, UpdateOp, Value};

use crate::build::*;

/// A small generator of numbers that are the same on every machine (Marsaglia's xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

#[test]
fn lists_of_texts_are_vectors() {
    for seed in 1..=30 {
        let mut random = Random(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let mut model: Vec<String> = vec![];
        let mut seen = String::new();
        let shown = text(|b| {
            let string = b.pack.ty(Type::String);
            let ty = b.pack.list(string);
            let mut out = b.blank();
            let mut list = b.new_value(ty, 0, &[]);
            // A second owner of some earlier state, which must not change.
            let mut kept = b.new_value(ty, 0, &[]);
            let mut kept_model = vec![];
            for step in 0..120 {
                let n = model.len() as u64;
                match random.below(10) {
                    0..=2 => {
                        let word = format!("{step}");
                        let item = item(b, &word);
                        list = b.update1(UpdateOp::ListPush, list, &[], &[item]);
                        model.push(word);
                    }
                    3 => {
                        let at = random.below(n + 1);
                        let word = format!("i{step}");
                        let item = item(b, &word);
                        let index = b.int(at as i64);
                        list = b.update1(UpdateOp::ListInsert, list, &[], &[index, item]);
                        model.insert(at as usize, word);
                    }
                    4 if n > 0 => {
                        let at = random.below(n);
                        let index = b.int(at as i64);
                        let both = b.update(UpdateOp::ListRemove, list, &[], &[index]);
                        out = b.update1(UpdateOp::TextAppend, out, &[], &[both[1]]);
                        b.drop(both[1]);
                        list = both[0];
                        seen += &model.remove(at as usize);
                    }
                    5 if n > 0 => {
                        let at = random.below(n);
                        let index = b.int(at as i64);
                        let mark = b.char('!');
                        list = b.update1(UpdateOp::TextPush, list, &[Step::Index(index)], &[mark]);
                        model[at as usize].push('!');
                    }
                    6 if n > 1 => {
                        let (i, j) = (random.below(n), random.below(n));
                        let (left, right) = (b.int(i as i64), b.int(j as i64));
                        list = b.update1(UpdateOp::ListSwap, list, &[], &[left, right]);
                        model.swap(i as usize, j as usize);
                    }
                    7 => {
                        list = b.update1(UpdateOp::ListReverse, list, &[], &[]);
                        model.reverse();
                    }
                    8 => {
                        b.drop(kept);
                        kept = b.dup(list);
                        kept_model = model.clone();
                        list = b.unique(list, 0);
                    }
                    _ if n > 2 && n < 40 => {
                        let from = random.below(n);
                        let (start, end) = (b.int(from as i64), b.int(n as i64));
                        let part = b.op(Op::ListSlice, &[list, start, end]);
                        let most = b.int(n as i64 - 1);
                        list = b.update1(UpdateOp::ListTruncate, list, &[], &[most]);
                        list = b.update1(UpdateOp::ListExtend, list, &[], &[part]);
                        b.drop(part);
                        let tail = model[from as usize..].to_vec();
                        model.truncate(n as usize - 1);
                        model.extend(tail);
                    }
                    _ => {}
                }
            }
            for (list, model) in [(list, &model), (kept, &kept_model)] {
                for (i, text) in model.iter().enumerate() {
                    let index = b.int(i as i64);
                    let word = b.get(list, &[Step::Index(index)]);
                    out = b.update1(UpdateOp::TextAppend, out, &[], &[word]);
                    seen += text;
                }
                let len = b.op(Op::ListLen, &[list]);
                out = b.update1(UpdateOp::TextAppendI64, out, &[], &[len]);
                seen += &model.len().to_string();
                b.drop(list);
            }
            b.ret_text(out);
        });
        assert_eq!(shown, seen, "seed {seed}");
    }
}

/// A text with an owner of its own.
fn item(b: &mut Body, word: &str) -> Value {
    let (empty, word) = (b.blank(), b.text(word));
    let item = b.update1(UpdateOp::TextAppend, empty, &[], &[word]);
    b.drop(word);
    item
}

#[test]
fn maps_are_lists_of_pairs() {
    for seed in 1..=40 {
        let mut random = Random(u64::wrapping_mul(seed, 0x2545_f491_4f6c_dd1d));
        let keys = 1 + random.below(40);
        let mut model: Vec<(String, i64)> = vec![];
        let mut seen = String::new();
        let shown = text(|b| {
            let (string, i64) = (b.pack.ty(Type::String), b.pack.i64());
            let ty = b.pack.ty(Type::Map(string, i64));
            let mut out = b.blank();
            let mut map = b.new_value(ty, 0, &[]);
            for step in 0..150 {
                let word = format!("k{}", random.below(keys));
                let place = model.iter().position(|(key, _)| *key == word);
                match random.below(8) {
                    0..=3 => {
                        let (key, value) = (item(b, &word), b.int(step));
                        map = b.update1(UpdateOp::MapPut, map, &[], &[key, value]);
                        match place {
                            Some(at) => model[at].1 = step,
                            None => model.push((word, step)),
                        }
                    }
                    4..=5 => {
                        let key = b.text(&word);
                        let both = b.update(UpdateOp::MapRemove, map, &[], &[key]);
                        map = both[0];
                        let tag = b.one(cop_bytecode::Instr::Tag(both[1]));
                        out = b.update1(UpdateOp::TextAppendI64, out, &[], &[tag]);
                        b.drop(key);
                        seen += &i64::from(place.is_some()).to_string();
                        place.map(|at| model.remove(at));
                    }
                    6 => {
                        // A copy that is shared is changed; the old one is dropped.
                        let old = b.dup(map);
                        map = b.unique(map, 0);
                        let (key, value) = (item(b, "extra"), b.int(step));
                        map = b.update1(UpdateOp::MapPut, map, &[], &[key, value]);
                        let len = b.op(Op::MapLen, &[old]);
                        out = b.update1(UpdateOp::TextAppendI64, out, &[], &[len]);
                        b.drop(old);
                        seen += &model.len().to_string();
                        match model.iter().position(|(key, _)| key == "extra") {
                            Some(at) => model[at].1 = step,
                            None => model.push(("extra".into(), step)),
                        }
                    }
                    _ => {
                        if let Some(at) = place {
                            let (key, by) = (b.text(&word), b.int(1000));
                            map = b.update1(UpdateOp::I64Add, map, &[Step::Key(key)], &[by]);
                            b.drop(key);
                            model[at].1 += 1000;
                        }
                    }
                }
            }
            // All entries in order.
            let zero = b.int(0);
            let turn = b.all(cop_bytecode::Instr::Loop {
                start: [zero, out].into(),
                params: [copy(i64), owned(string, 1)].into(),
                results: [owned(string, 1)].into(),
            });
            let entry = b.op(Op::MapNext, &[map, turn[0]]);
            let zero = b.int(0);
            let done = b.op(Op::I64Lt, &[entry, zero]);
            b.if_(done, &[]);
            b.exit(1, &[turn[1]]);
            b.else_();
            b.exit(0, &[]);
            b.end();
            let key = b.get(map, &[Step::EntryKey(entry)]);
            let out = b.update1(UpdateOp::TextAppend, turn[1], &[], &[key]);
            let value = b.get(map, &[Step::EntryValue(entry)]);
            let out = b.update1(UpdateOp::TextAppendI64, out, &[], &[value]);
            let one = b.int(1);
            let at = b.op(Op::I64Add, &[entry, one]);
            b.next(0, &[at, out]);
            let out = b.end()[0];
            b.drop(map);
            b.ret_text(out);
        });
        for (key, value) in &model {
            seen += &format!("{key}{value}");
        }
        assert_eq!(shown, seen, "seed {seed}");
    }
}

#[test]
fn searching_is_the_plainest_search() {
    for seed in 1..=40 {
        let mut random = Random(u64::wrapping_mul(seed, 0xda94_2042_e4dd_58b5));
        let mut word = |most: u64| -> String {
            let count = random.below(most);
            (0..count)
                .map(|_| ['a', 'b', 'é'][random.below(3) as usize])
                .collect()
        };
        let (all, part) = (word(30), word(4));
        let found = ints(|b| {
            let (text, sought) = (b.text(&all), b.text(&part));
            let mut results = vec![];
            for from in 0..=all.len() {
                let from = b.int(from as i64);
                results.push(b.op(Op::StringFind, &[text, sought, from]));
            }
            results.push(b.op(Op::StringFindLast, &[text, sought]));
            results.push(b.op(Op::StringCompare, &[text, sought]));
            b.drops(&[text, sought]);
            b.ret_ints(&results);
        });
        let (bytes, sought) = (all.as_bytes(), part.as_bytes());
        let first = |from: usize| (from..=bytes.len()).find(|at| bytes[*at..].starts_with(sought));
        let last = (0..=bytes.len())
            .rev()
            .find(|at| bytes[*at..].starts_with(sought));
        let number = |at: Option<usize>| at.map_or(-1, |at| at as i64);
        let mut expected: Vec<i64> = (0..=all.len()).map(|from| number(first(from))).collect();
        expected.extend([number(last), all.cmp(&part) as i64]);
        assert_eq!(found, expected, "{all:?} {part:?}");
    }
}
