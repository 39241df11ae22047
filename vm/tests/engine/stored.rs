//! Machine code that an earlier process has made: the same outcomes, and whatever is wrong with it is made again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use cop_bytecode::{Hash, Mode, Op, Package, TrapKind, Type};
use cop_vm::{
    Background, BackgroundFigures, CodeStore, Engine, Limits, MACHINE_CODE, NoHost, Outcome,
    Program, run_on,
};

use crate::build::*;

/// Keeps machine code in memory.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<Hash, Vec<u8>>>);

impl CodeStore for Memory {
    fn get(&self, key: &Hash) -> Option<Vec<u8>> {
        self.0.lock().expect("whole").get(key).cloned()
    }

    fn put(&self, key: &Hash, content: &[u8]) {
        let mut all = self.0.lock().expect("whole");
        all.insert(*key, content.to_vec());
    }

    fn remove(&self, key: &Hash) {
        self.0.lock().expect("whole").remove(key);
    }
}

impl Memory {
    fn only(&self) -> Vec<u8> {
        let all = self.0.lock().expect("whole");
        let mut all = all.values();
        let only = all.next().expect("something was kept").clone();
        assert!(all.next().is_none());
        only
    }

    fn change(&self, change: impl Fn(&mut Vec<u8>)) {
        self.0.lock().expect("whole").values_mut().for_each(change);
    }
}

/// Calls functions that call each other, allocates, and traps in one of them at last.
fn package() -> Package {
    let mut pack = Pack::new();
    let i64 = pack.i64();
    let borrow = |ty| (ty, Mode::Borrow);
    let divide = pack.function(&[borrow(i64), borrow(i64)], i64, |b| {
        let [left, right] = [0, 1].map(cop_bytecode::Value);
        let result = b.op(Op::I64Div, &[left, right]);
        b.ret(&[result]);
    });
    let float = pack.ty(Type::F64);
    let root = pack.function(&[borrow(float)], float, |b| {
        let result = b.op(Op::F64Sqrt, &[cop_bytecode::Value(0)]);
        b.ret(&[result]);
    });
    pack.main(|b| {
        let two = b.float(2.0);
        b.call(root, &[two]);
        let (start, i64) = (b.int(20), b.pack.i64());
        let params = b.for_(30, &[start], &[copy(i64)]);
        let (million, one) = (b.int(1_000_000), b.int(1));
        let less = b.op(Op::I64Sub, &[params[1], one]);
        b.call(divide, &[million, less]);
        b.next(0, &[less]);
        let sum = b.end();
        b.ret_ints(&sum);
    })
}

/// Compiles in a process of its own, as it were, and runs.
fn process(package: &Package, store: &Arc<Memory>) -> (Outcome, BackgroundFigures) {
    let background = Background::with_store(1 << 20, Some(store.clone()));
    let program = Program::load_with(package, &background).expect("verifies");
    program.compile("main").expect("compiles");
    let limits = Limits::default();
    let outcome = run_on(&program, "main", limits, &mut NoHost, Engine::Auto);
    (outcome, background.figures())
}

#[test]
fn code_of_an_earlier_process_gives_the_same_outcome() {
    if !MACHINE_CODE {
        return;
    }
    let (package, store) = (package(), Arc::new(Memory::default()));
    let program = Program::load(&package).expect("verifies");
    let limits = Limits::default();
    let expected = run_on(&program, "main", limits, &mut NoHost, Engine::Interpreter);
    assert_eq!(trapped(expected.clone()).kind, TrapKind::DivisionByZero);

    let (outcome, figures) = process(&package, &store);
    assert_eq!((outcome, figures.found), (expected.clone(), 0));
    let kept = store.only();
    for _ in 0..2 {
        // With the backtrace, which tells places in the code.
        let (outcome, figures) = process(&package, &store);
        assert_eq!((outcome, figures.found), (expected.clone(), 3));
        assert!(figures.code_bytes > 0);
        assert_eq!(store.only(), kept, "nothing new, so nothing is written");
    }
}

#[test]
fn what_is_compiled_later_is_kept_beside_it() {
    if !MACHINE_CODE {
        return;
    }
    let (package, store) = (package(), Arc::new(Memory::default()));
    let background = Background::with_store(1 << 20, Some(store.clone()));
    let program = Program::load_with(&package, &background).expect("verifies");
    // Too small to be left out, so that all of it comes at once; the second time nothing is left.
    program.compile_called("main").expect("compiles");
    let kept = store.only();
    program.compile("main").expect("compiles");
    assert_eq!(store.only(), kept);
    assert_eq!(process(&package, &store).1.found, 3);
}

#[test]
fn what_is_wrong_with_it_is_made_again() {
    if !MACHINE_CODE {
        return;
    }
    let (package, store) = (package(), Arc::new(Memory::default()));
    let (expected, _) = process(&package, &store);
    let kept = store.only();
    for length in (0..kept.len()).step_by(7) {
        store.change(|content| {
            content.clear();
            content.extend_from_slice(&kept[..length]);
        });
        let (outcome, figures) = process(&package, &store);
        assert_eq!(outcome, expected, "{length}");
        // Cut off between two pieces it is whole, but for a way in that nobody is missing.
        if figures.found == 0 {
            assert_eq!(store.only(), kept, "it is made as it was");
        }
    }
    // Twice the same, and something behind it.
    for more in [kept.clone(), vec![0], vec![9; 100]] {
        store.change(|content| {
            content.clear();
            content.extend_from_slice(&kept);
            content.extend_from_slice(&more);
        });
        assert_eq!(process(&package, &store).0, expected);
        assert_eq!(store.only(), kept);
    }
}
