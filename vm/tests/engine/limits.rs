//! Fuel, memory and stack, to the unit; and that all of it is the same every time.

use crate::build::run_both;
use cop_bytecode::{Instr, Mode, Op, Package, Step, TrapKind, Type, UpdateOp, Value};
use cop_vm::{End, Limits, NoHost, Outcome, Position, Program};

use crate::build::*;

/// Runs with that much fuel.
fn with_fuel(package: &Package, fuel: u64) -> Outcome {
    let limits = Limits {
        fuel,
        ..Limits::default()
    };
    run_with(package, limits, &mut NoHost)
}

/// Runs with that much memory.
fn with_memory(package: &Package, memory_bytes: u64) -> Outcome {
    let limits = Limits {
        memory_bytes,
        ..Limits::default()
    };
    run_with(package, limits, &mut NoHost)
}

/// Fuel that a body uses beyond `ret` of an empty buffer: a constant (1) made unique (1 and 4 + 1 for a copy of
/// 16 bytes) and `ret` (1).
fn fuel_of(build: impl FnOnce(&mut Body)) -> u64 {
    let outcome = run(&Pack::new().main(|b| {
        build(b);
        let out = b.buffer();
        b.ret(&[out]);
    }));
    let used = outcome.fuel_used;
    returned(outcome);
    used - 8
}

#[test]
fn the_price_of_each_kind_of_instruction() {
    assert_eq!(fuel_of(|_| {}), 0);
    // Constants in slots are free, but for one in four; those in cells cost 1, and so does a drop.
    let scalars = fuel_of(|b| {
        b.int(1);
        b.float(1.0);
        b.truth(true);
        b.char('c');
    });
    assert_eq!(scalars, 1);
    assert_eq!(
        fuel_of(|b| {
            let text = b.text("some text");
            b.drop(text);
        }),
        2
    );
    let on_ints = |op: Op| {
        fuel_of(|b| {
            let (left, right) = (b.int(7), b.int(2));
            b.op(op, &[left, right]);
        })
    };
    assert_eq!(
        [on_ints(Op::I64Add), on_ints(Op::I64Lt), on_ints(Op::I64Div)],
        [1, 1, 6]
    );
    let on_floats = |op: Op| {
        fuel_of(|b| {
            let (left, right) = (b.float(7.0), b.float(2.0));
            b.op(op, &[left, right]);
        })
    };
    assert_eq!(
        [
            on_floats(Op::F64Mul),
            on_floats(Op::F64Div),
            on_floats(Op::F64Rem)
        ],
        [1, 6, 60]
    );
    // Comparing: 4 and 1 per 16 bytes of the shorter.
    for (bytes, fuel) in [(0, 4), (1, 5), (16, 5), (17, 6), (160, 14)] {
        let text = "x".repeat(bytes);
        let used = fuel_of(|b| {
            let (left, right) = (b.text(&text), b.text(&(text.clone() + "longer")));
            b.op(Op::StringEq, &[left, right]);
            b.drops(&[left, right]);
        });
        assert_eq!(used, 4 + fuel, "{bytes}");
    }
    // A list of three integers: 16, and 1 per 16 of its 16 + 24 bytes; reading an element 1; dropping 1. The constant and
    // three parts are four words, which cost 1.
    let list = fuel_of(|b| {
        let i64 = b.pack.i64();
        let ty = b.pack.list(i64);
        let n = b.int(1);
        let xs = b.new_value(ty, 0, &[n, n, n]);
        b.get(xs, &[Step::Index(n)]);
        b.drop(xs);
    });
    assert_eq!(list, 16 + 3 + 1 + 1 + 1);
    // Pushing: 4 and 1 per 16 bytes of the element; growing moves what is there, 1 per 16 bytes.
    let pushes = fuel_of(|b| {
        let i64 = b.pack.i64();
        let ty = b.pack.list(i64);
        let n = b.int(1);
        let mut xs = b.new_value(ty, 0, &[]);
        for _ in 0..5 {
            xs = b.update1(UpdateOp::ListPush, xs, &[], &[n]);
        }
        b.drop(xs);
    });
    // The capacity goes 0, 4, 6; at the second growth 32 bytes move.
    assert_eq!(pushes, 16 + 1 + 5 * 5 + 2 + 1);
    // A map: 16 and 2 for 24 bytes; putting 20 and 4 + 1 for the key; the first entry grows it for 4 and no entries.
    let puts = fuel_of(|b| {
        let i64 = b.pack.i64();
        let ty = b.pack.ty(Type::Map(i64, i64));
        let n = b.int(1);
        let map = b.new_value(ty, 0, &[]);
        let map = b.update1(UpdateOp::MapPut, map, &[], &[n, n]);
        b.get(map, &[Step::Key(n)]);
        b.op(Op::MapFind, &[map, n]);
        b.drop(map);
    });
    assert_eq!(puts, 18 + (25 + 4) + 25 + 25 + 1);
    // Structs in slots are free but for their words, also their fields; a boxed one is a cell, and its fields cost a step.
    let inline = fuel_of(|b| {
        let i64 = b.pack.i64();
        let ty = b.pack.strukt(&[i64, i64]);
        let n = b.int(1);
        let p = b.new_value(ty, 0, &[n, n]);
        b.get(p, &[Step::Field(1)]);
        b.set(p, &[Step::Field(1)], n);
    });
    // A constant, two parts, and what is returned.
    assert_eq!(inline, 1 + 1);
    let boxed = fuel_of(|b| {
        let i64 = b.pack.i64();
        let ty = b.pack.strukt(&[i64; 17]);
        let n = b.int(1);
        let p = b.new_value(ty, 0, &[n; 17]);
        b.get(p, &[Step::Field(1)]);
        let p = b.set(p, &[Step::Field(1)], n);
        b.drop(p);
    });
    assert_eq!(boxed, 16 + 9 + 1 + 2 + 1 + (1 + 17 + 1) / 4);
    // Copying what is shared: 4, and 1 per 16 of 16 + 24 bytes.
    let copied = fuel_of(|b| {
        let i64 = b.pack.i64();
        let ty = b.pack.list(i64);
        let n = b.int(1);
        let xs = b.new_value(ty, 0, &[n, n, n]);
        let ys = b.dup(xs);
        let zs = b.unique(xs, 0);
        let zs = b.unique(zs, 0);
        b.drops(&[ys, zs]);
    });
    assert_eq!(copied, 19 + 1 + (1 + 4 + 3) + 1 + 2 + (1 + 3 + 1) / 4);
}

#[test]
fn blocks_are_charged_when_they_are_entered() {
    // `if` 1; the arm that runs is charged, the other is not.
    let branch = |condition: bool| {
        fuel_of(|b| {
            let c = b.truth(condition);
            b.if_(c, &[]);
            let n = b.int(6);
            b.op(Op::I64Div, &[n, n]);
            b.exit(0, &[]);
            b.else_();
            b.exit(0, &[]);
            b.end();
        })
    };
    assert_eq!([branch(true), branch(false)], [7, 1]);
    // A `for` of n turns: 1 to begin with, and n times its 1, the body, and `next` 1.
    let turns = |n: i64| {
        fuel_of(|b| {
            let turn = b.for_(n, &[], &[]);
            b.op(Op::I64Mul, &[turn[0], turn[0]]);
            b.next(0, &[]);
            b.end();
        })
    };
    assert_eq!([turns(0), turns(1), turns(100)], [1, 4, 301]);
    // A trap has paid for its whole block.
    let package = Pack::new().main(|b| {
        let zero = b.int(0);
        b.op(Op::I64Div, &[zero, zero]);
        for _ in 0..10 {
            b.op(Op::I64Add, &[zero, zero]);
        }
        b.ret_ints(&[]);
    });
    let outcome = run(&package);
    // Division 6, sums 10, the buffer's constant 1 and `unique` 1 before its copy, `ret` 1.
    assert_eq!(outcome.fuel_used, 19);
    assert_eq!(trapped(outcome).kind, TrapKind::DivisionByZero);
}

#[test]
fn calls_cost_three_and_one_for_the_return() {
    let mut pack = Pack::new();
    let unit = pack.ty(Type::Unit);
    let nothing = pack.function(&[], unit, |b| {
        let unit = b.one(Instr::ConstUnit);
        b.ret(&[unit]);
    });
    let package = pack.main(|b| {
        b.call(nothing, &[]);
        let out = b.buffer();
        b.ret(&[out]);
    });
    assert_eq!(run(&package).fuel_used, 8 + 4);
}

#[test]
fn host_calls_cost_their_price_and_bytes_both_ways() {
    let mut pack = Pack::new();
    let function = pack.host_function("log", "echo");
    let package = pack.main(|b| {
        let argument = b.bytes(&[7; 33]);
        let answer = b.one(Instr::HostCall {
            function,
            capability: None,
            argument,
        });
        b.drop(argument);
        b.ret(&[answer]);
    });
    let outcome = run_with(&package, Limits::default(), &mut Echo::default());
    assert_eq!(outcome.fuel_used, 1 + 100 + 3 + 3 + 1 + 1);
}

#[test]
fn fuel_ends_at_checkpoints_only() {
    // One block of 10, then the return: a limit of 9 is found out at the end of the run only.
    let package = Pack::new().main(|b| {
        let n = b.int(0);
        for _ in 0..2 {
            b.op(Op::I64Add, &[n, n]);
        }
        let out = b.bytes(b"");
        b.ret(&[out]);
    });
    let enough = with_fuel(&package, 4);
    assert_eq!((enough.fuel_used, enough.end), (4, End::Returned(vec![])));
    let short = with_fuel(&package, 3);
    assert_eq!(short.fuel_used, 3);
    let trap = trapped(short);
    // Function entry is a checkpoint after its first block was charged.
    assert_eq!(
        (trap.kind, trap.operands, trap.position),
        (
            TrapKind::OutOfFuel,
            [3, 0],
            Position {
                function: 0,
                instruction: 0
            }
        )
    );

    // Between checkpoints another trap wins.
    let package = Pack::new().main(|b| {
        let zero = b.int(0);
        b.all(Instr::Block { results: [].into() });
        b.op(Op::I64Div, &[zero, zero]);
        b.exit(0, &[]);
        b.end();
        let out = b.bytes(b"");
        b.ret(&[out]);
    });
    assert_eq!(
        trapped(with_fuel(&package, 0)).kind,
        TrapKind::DivisionByZero
    );
    assert_eq!(with_fuel(&package, 0).fuel_used, 0);
    assert_eq!(with_fuel(&package, 4).fuel_used, 4);
    assert_eq!(with_fuel(&package, 1000).fuel_used, 6);
}

#[test]
fn endless_loops_end_at_their_head() {
    let package = Pack::new().main(|b| {
        b.all(Instr::Loop {
            start: [].into(),
            params: [].into(),
            results: [].into(),
        });
        b.next(0, &[]);
        b.end();
        b.trap(TrapKind::Unreachable);
    });
    let outcome = with_fuel(&package, 1_000_000);
    assert_eq!(outcome.fuel_used, 1_000_000);
    let trap = trapped(outcome);
    assert_eq!(
        (trap.kind, trap.operands),
        (TrapKind::OutOfFuel, [1_000_000, 0])
    );
    assert_eq!(
        trap.position,
        Position {
            function: 0,
            instruction: 0
        }
    );
}

#[test]
fn every_fuel_limit_gives_one_of_two_outcomes() {
    let package = busy();
    let full = run(&package);
    let used = full.fuel_used;
    let bytes = returned(full);
    for fuel in (0..used).step_by(37).chain(used - 3..used) {
        let outcome = with_fuel(&package, fuel);
        assert_eq!(outcome.fuel_used, fuel);
        assert_eq!(trapped(outcome).kind, TrapKind::OutOfFuel);
    }
    let exactly = with_fuel(&package, used);
    assert_eq!(exactly.fuel_used, used);
    assert_eq!(returned(exactly), bytes);
}

/// A program that uses lists, maps, texts and calls.
pub fn busy() -> Package {
    let mut pack = Pack::new();
    let (i64, string) = (pack.i64(), pack.ty(Type::String));
    let map_type = pack.ty(Type::Map(string, i64));
    let word = pack.function(&[(i64, Mode::Borrow)], string, |b| {
        let out = b.blank();
        let seven = b.int(7);
        let n = b.op(Op::I64Rem, &[Value(0), seven]);
        let turn = b.all(Instr::Loop {
            start: [n, out].into(),
            params: [copy(i64), owned(string, 1)].into(),
            results: [owned(string, 1)].into(),
        });
        let out = b.update1(UpdateOp::TextAppendI64, turn[1], &[], &[turn[0]]);
        let zero = b.int(0);
        let more = b.op(Op::I64Gt, &[turn[0], zero]);
        b.if_(more, &[]);
        b.exit(0, &[]);
        b.else_();
        b.exit(1, &[out]);
        b.end();
        let one = b.int(1);
        let n = b.op(Op::I64Sub, &[turn[0], one]);
        b.next(0, &[n, out]);
        let out = b.end()[0];
        b.ret(&[out]);
    });
    pack.main(|b| {
        let map = b.new_value(map_type, 0, &[]);
        let turn = b.for_(100, &[map], &[owned(map_type, 1)]);
        let key = b.call(word, &[turn[0]])[0];
        let map = b.update1(UpdateOp::MapPut, turn[1], &[], &[key, turn[0]]);
        let three = b.int(3);
        let old = b.op(Op::I64Mul, &[turn[0], three]);
        let key = b.call(word, &[old])[0];
        let both = b.update(UpdateOp::MapRemove, map, &[], &[key]);
        b.drop(key);
        b.next(0, &[both[0]]);
        let map = b.end()[0];
        let len = b.op(Op::MapLen, &[map]);
        let zero = b.int(0);
        let first = b.op(Op::MapNext, &[map, zero]);
        b.drop(map);
        b.ret_ints(&[len, first]);
    })
}

#[test]
fn the_same_run_has_the_same_outcome() {
    let package = busy();
    let program = Program::load(&package).unwrap();
    let first = run_both(&program, "main", Limits::default(), &mut NoHost);
    for _ in 0..20 {
        let again = Program::load(&package).unwrap();
        assert_eq!(
            run_both(&again, "main", Limits::default(), &mut NoHost),
            first
        );
        assert_eq!(
            run_both(&program, "main", Limits::default(), &mut NoHost),
            first
        );
    }
}

/// A recursion of a depth; each frame has two values in scope at most, so it costs 32 + 16 bytes.
pub fn descent(depth: i64) -> Package {
    let mut pack = Pack::new();
    let i64 = pack.i64();
    let index = pack.package.functions.len() as u32;
    let down = pack.function(&[(i64, Mode::Borrow)], i64, |b| {
        b.if_zero(Value(0));
        b.exit(0, &[Value(0)]);
        b.else_();
        let one = b.int(-1);
        let less = b.op(Op::I64Add, &[Value(0), one]);
        let result = b.call(index, &[less])[0];
        b.exit(0, &[result]);
        let result = b.end()[0];
        b.ret(&[result]);
    });
    pack.main(|b| {
        let n = b.int(depth);
        let zero = b.call(down, &[n])[0];
        b.ret_ints(&[zero])
    })
}

#[test]
fn the_stack_ends_where_its_cost_says() {
    // `down`: %0; the zero and the comparison of `if_zero` go before the region; in the arm a constant, a
    // difference, a result: 6 slots, so 80 bytes. `main`: n, zero, the constant, the buffer, the changed one: 72.
    let frame = 32 + 8 * 6;
    let main = 32 + 8 * 5;
    let deepest = ((1 << 20) - main) / frame - 1;
    let outcome = run(&descent(deepest));
    assert_eq!(returned(outcome), 0i64.to_le_bytes());
    let trap = trapped(run(&descent(deepest + 1)));
    assert_eq!(trap.kind, TrapKind::StackOverflow);
    assert_eq!(
        trap.position,
        Position {
            function: 1,
            instruction: 0
        }
    );
    assert_eq!(trap.backtrace.len() as i64, deepest + 3);
    // Stack first, then fuel.
    let package = descent(1_000_000);
    let used = run(&package).fuel_used;
    assert_eq!(
        trapped(with_fuel(&package, used - 1)).kind,
        TrapKind::StackOverflow
    );
    assert_eq!(
        trapped(with_fuel(&package, used - 10)).kind,
        TrapKind::OutOfFuel
    );
}

impl Body<'_> {
    fn if_zero(&mut self, n: Value) {
        let zero = self.int(0);
        let is_zero = self.op(Op::I64Eq, &[n, zero]);
        let i64 = self.pack.i64();
        self.if_(is_zero, &[copy(i64)]);
    }
}

/// Fills a list of integers of that length.
fn filled(count: i64) -> Package {
    Pack::new().main(|b| {
        let i64 = b.pack.i64();
        let ty = b.pack.list(i64);
        let (count, zero) = (b.int(count), b.int(0));
        let xs = b.one(Instr::Op {
            op: Op::ListFilled,
            ty: Some(ty),
            args: [count, zero].into(),
        });
        b.drop(xs);
        let out = b.bytes(b"");
        b.ret(&[out]);
    })
}

#[test]
fn memory_is_counted_in_classes() {
    // 16 + 8n bytes: small in a chunk of 4 KiB, middle in its class, large in pages.
    for (count, peak) in [
        (0, 4096),
        (62, 4096),
        (63, 640),
        (4094, 32 << 10),
        (4095, 36 << 10),
        (100_000, 784 << 10),
    ] {
        assert_eq!(run(&filled(count)).peak_memory_bytes, peak, "{count}");
    }
}

#[test]
fn memory_ends_at_its_limit() {
    let package = filled(100_000);
    let peak = 784 << 10;
    assert_eq!(with_memory(&package, peak).peak_memory_bytes, peak);
    let outcome = with_memory(&package, peak - 1);
    let trap = trapped(outcome);
    assert_eq!(
        (trap.kind, trap.operands),
        (TrapKind::OutOfMemory, [peak as i64 - 1, 0])
    );
    assert_eq!(
        trap.position,
        Position {
            function: 0,
            instruction: 2
        }
    );
    // Too many elements come before fuel and memory, a wrong argument before that.
    let trap = trapped(with_fuel(&filled(1 << 31), 40));
    assert_eq!(trap.kind, TrapKind::OutOfMemory);
    assert_eq!(
        trapped(with_fuel(&filled((1 << 31) - 1), 40)).kind,
        TrapKind::OutOfFuel
    );
    assert_eq!(
        trapped(with_fuel(&filled(-1), 40)).kind,
        TrapKind::InvalidArgument
    );
    assert_eq!(
        trapped(with_fuel(&filled((1 << 31) - 1), 2_000_000_000)).kind,
        TrapKind::OutOfMemory
    );
}

#[test]
fn growing_counts_old_and_new() {
    // A list grown to a capacity of n integers by pushing; the last growth has both cells alive.
    let package = Pack::new().main(|b| {
        let i64 = b.pack.i64();
        let ty = b.pack.list(i64);
        let xs = b.new_value(ty, 0, &[]);
        let turn = b.for_(10_000, &[xs], &[owned(ty, 1)]);
        let xs = b.update1(UpdateOp::ListPush, turn[1], &[], &[turn[0]]);
        b.next(0, &[xs]);
        let xs = b.end()[0];
        b.drop(xs);
        let out = b.bytes(b"");
        b.ret(&[out]);
    });
    // Capacities 0 4 6 9 13 19 28 42 63 | 94 141 211 316 474 711 1066 1599 2398 3597 | 5395 8092 12138.
    let mut capacities = vec![0u64];
    while *capacities.last().unwrap() < 10_000 {
        let last = *capacities.last().unwrap();
        capacities.push((last + 1).max(last + last / 2).max(4));
    }
    let (mut used, mut peak, mut classes) = (0u64, 0u64, std::collections::BTreeSet::new());
    let mut large = 0;
    for capacity in capacities {
        let size = 16 + 8 * capacity;
        if size <= 512 {
            // One cell at most per class, and its neighbour: one chunk each.
            if classes.insert(size.div_ceil(16)) {
                used += 4096;
            }
        } else if size <= 32 << 10 {
            let step = 128 << ((size - 1).ilog2() - 9);
            if classes.insert(size.div_ceil(step) * step * 1000) {
                used += size.div_ceil(step) * step;
            }
        } else {
            let pages = size.next_multiple_of(4096);
            peak = peak.max(used + large + pages);
            large = pages;
        }
        peak = peak.max(used + large);
    }
    assert_eq!(run(&package).peak_memory_bytes, peak);
}

#[test]
fn a_million_nested_cells_are_dropped_without_a_stack() {
    let package = Pack::new().main(|b| {
        let (def, node) = b.pack.declare("Node");
        let link = b.pack.option(node);
        let i64 = b.pack.i64();
        b.pack.product(def, &[link, i64]);
        let none = b.new_value(link, 0, &[]);
        let turn = b.for_(1_000_000, &[none], &[owned(link, 0)]);
        let cell = b.new_value(node, 0, &[turn[1], turn[0]]);
        let some = b.new_value(link, 1, &[cell]);
        b.next(0, &[some]);
        let chain = b.end()[0];
        b.drop(chain);
        let out = b.bytes(b"");
        b.ret(&[out]);
    });
    let limits = Limits {
        fuel: 100_000_000,
        memory_bytes: 128 << 20,
    };
    let outcome = run_with(&package, limits, &mut NoHost);
    // 20 bytes of content: 32-byte cells, 128 per chunk.
    assert_eq!(outcome.peak_memory_bytes, 1_000_000u64.div_ceil(128) * 4096);
    assert_eq!(returned(outcome), b"");
}

#[test]
fn a_key_as_deep_as_a_list_is_long() {
    let package = Pack::new().main(|b| {
        let (def, node) = b.pack.declare("Node");
        b.pack.sum(def, &[&[], &[node]]);
        let set = b.pack.ty(Type::Set(node));
        let end = b.new_value(node, 0, &[]);
        let turn = b.for_(100_000, &[end], &[owned(node, 0)]);
        let next = b.new_value(node, 1, &[turn[1]]);
        b.next(0, &[next]);
        let deep = b.end()[0];
        let other = b.dup(deep);
        let set = b.new_value(set, 0, &[]);
        let both = b.update(UpdateOp::SetInsert, set, &[], &[deep]);
        let again = b.update(UpdateOp::SetInsert, both[0], &[], &[other]);
        let new = b.as_int(again[1]);
        b.drop(again[0]);
        b.ret_ints(&[new]);
    });
    assert_eq!(returned(run(&package)), 0i64.to_le_bytes());
}

/// Inserts trees of a depth into a set, each of whose nodes has the one below it twice: 2^depth nodes in few cells.
pub fn shared_keys(depth: i64, times: i64) -> Package {
    Pack::new().main(|b| {
        let (def, node) = b.pack.declare("Node");
        b.pack.sum(def, &[&[], &[node, node]]);
        let set_type = b.pack.ty(Type::Set(node));
        let set = b.new_value(set_type, 0, &[]);
        let outer = b.for_(times, &[set], &[owned(set_type, 1)]);
        let end = b.new_value(node, 0, &[]);
        let turn = b.for_(depth, &[end], &[owned(node, 0)]);
        let other = b.dup(turn[1]);
        let next = b.new_value(node, 1, &[turn[1], other]);
        b.next(0, &[next]);
        let deep = b.end()[0];
        let both = b.update(UpdateOp::SetInsert, outer[1], &[], &[deep]);
        b.next(0, &[both[0]]);
        let set = b.end()[0];
        let len = b.op(Op::SetLen, &[set]);
        b.drop(set);
        b.ret_ints(&[len]);
    })
}

#[test]
fn a_key_with_more_parts_than_can_be_paid_for() {
    let outcome = with_fuel(&shared_keys(200, 1), 10_000_000);
    assert_eq!(outcome.fuel_used, 10_000_000);
    assert_eq!(trapped(outcome).kind, TrapKind::OutOfFuel);
}

#[test]
fn large_keys_are_paid_for_exactly_whatever_the_portions() {
    // 2^18 - 1 nodes of 20 bytes and the reference to the first: 5 MB, paid for in many portions, twice.
    let package = shared_keys(18, 2);
    let outcome = with_fuel(&package, 100_000_000);
    let small = with_fuel(&shared_keys(0, 2), 100_000_000).fuel_used;
    // Building: each turn costs `for` 1, `dup` 1, `new` 16 + 2, `next` 1.
    let building = 2 * 18 * 21;
    let walking = 2 * ((((1u64 << 18) - 1) * 20 + 4).div_ceil(16) - 1);
    assert_eq!(outcome.fuel_used, small + building + walking);
    assert_eq!(returned(outcome), 1i64.to_le_bytes());
}
