//! Attacks on rules 6 to 8: regions' values, holes, capabilities.

use cop_bytecode::Instr::{Else, End};
use cop_bytecode::{Function, Instr, Mode, Package, Param, Step, Type};

use super::kit::*;
use crate::verify::Rule;

#[test]
fn put_at_another_index_than_the_take() {
    let body = |at: u32| {
        vec![
            unique(0, 0),         // %1
            int(0),               // %2
            int(0),               // %3
            take(1, &[index(2)]), // %4 taken, %5 holed
            put(5, &[index(at)], 4),
            ret(&[6]),
        ]
    };
    // Equal values are not enough: value numbers count.
    twins(&[own(GRID)], GRID, Rule::Hole, body(3), body(2));
    // Another path altogether.
    let fields = |field: u32| {
        vec![
            take(0, &[Step::Field(0)]), // %1, %2
            put(2, &[Step::Field(field)], 1),
            ret(&[3]),
        ]
    };
    twins(&[own(BOX)], BOX, Rule::Hole, fields(1), fields(0));
    // A longer one.
    let steps = |path: &[Step]| {
        vec![
            unique(0, 0),
            int(0),
            take(1, &[index(2), Step::Field(1)]), // %3, %4
            put(4, path, 3),
            ret(&[5]),
        ]
    };
    twins(
        &[own(BOXES)],
        BOXES,
        Rule::Hole,
        steps(&[index(2)]),
        steps(&[index(2), Step::Field(1)]),
    );
}

#[test]
fn a_hole_is_not_looked_into() {
    let body = |between: &[Instr]| {
        let mut body = vec![take(0, &[Step::Field(1)])]; // %1 items, %2 holed
        body.extend_from_slice(between);
        body.extend([put(2, &[Step::Field(1)], 1)]);
        body
    };
    let end = |mut body: Vec<Instr>, last: u32| {
        body.push(ret(&[last]));
        body
    };
    let good = end(body(&[]), 3);
    for bad in [
        end(body(&[get(2, &[Step::Field(0)])]), 4),
        end(body(&[dup(2)]), 4),
        end(body(&[unique(2, 0)]), 4),
        end(body(&[take(2, &[Step::Field(0)])]), 5),
        end(body(&[open(2, 0, 2)]), 5),
        end(body(&[new(BOXES, &[2])]), 4),
        end(body(&[text(), set(2, &[Step::Field(0)], 3)]), 5),
        vec![take(0, &[Step::Field(1)]), drop_(1), ret(&[2])],
    ] {
        twins(&[own(BOX)], BOX, Rule::Hole, bad, good.clone());
    }
    // It may be dropped.
    accept(&with(
        &[own(BOX)],
        INTS,
        vec![take(0, &[Step::Field(1)]), drop_(2), ret(&[1])],
    ));
    // It does not pass into a region's result; it can be filled inside the region.
    let region = |inside: Vec<Instr>| {
        let mut body = vec![take(0, &[Step::Field(1)]), block(&[owned(BOX, 0)])];
        body.extend(inside);
        body.push(End);
        body
    };
    let mut bad = region(vec![exit(0, &[2])]);
    bad.extend([drop_(1), ret(&[3])]);
    let mut good = region(vec![put(2, &[Step::Field(1)], 1), exit(0, &[3])]);
    good.push(ret(&[4]));
    twins(&[own(BOX)], BOX, Rule::Hole, bad, good);
}

#[test]
fn crossed_holes() {
    let body = |first: u32, second: u32| {
        vec![
            unique(0, 0),         // %2
            unique(1, 0),         // %3
            int(0),               // %4
            int(0),               // %5
            take(2, &[index(4)]), // %6, %7
            take(3, &[index(5)]), // %8, %9
            put(7, &[index(first)], 8),
            put(9, &[index(second)], 6),
            drop_(11),
            ret(&[10]),
        ]
    };
    // What was taken may change places, the paths may not.
    twins(
        &[own(GRID), own(GRID)],
        GRID,
        Rule::Hole,
        body(5, 4),
        body(4, 5),
    );
}

#[test]
fn a_hole_across_arms() {
    let arms = |second: Vec<Instr>| {
        let mut body = vec![
            take(0, &[Step::Field(1)]), // %2, %3
            if_(1, &[owned(BOX, 0)]),
            put(3, &[Step::Field(1)], 2), // %4
            exit(0, &[4]),
            Else,
        ];
        body.extend(second);
        body
    };
    let good = arms(vec![
        put(3, &[Step::Field(1)], 2), // %5
        exit(0, &[5]),
        End,
        ret(&[6]),
    ]);
    let bad = arms(vec![
        text(),
        new(INTS, &[]),
        new(BOX, &[5, 6]),
        exit(0, &[7]),
        End,
        ret(&[8]),
    ]);
    twins(&[own(BOX), borrow(BOOL)], BOX, Rule::Once, bad, good);
}

#[test]
fn only_owned_things_are_taken() {
    twins(
        &[own(PAIR)],
        PAIR,
        Rule::Hole,
        vec![
            take(0, &[Step::Field(0)]),
            put(2, &[Step::Field(0)], 1),
            ret(&[3]),
        ],
        vec![
            take(0, &[Step::Field(1)]),
            put(2, &[Step::Field(1)], 1),
            ret(&[3]),
        ],
    );
    twins(
        &[own(INTS)],
        INTS,
        Rule::Form,
        vec![take(0, &[]), put(2, &[], 1), ret(&[3])],
        vec![ret(&[0])],
    );
    // Through a borrowed value nothing is taken.
    twins(
        &[borrow(BOX)],
        INTS,
        Rule::Once,
        vec![take(0, &[Step::Field(1)]), drop_(2), ret(&[1])],
        vec![get(0, &[Step::Field(1)]), dup(1), ret(&[2])],
    );
    // Behind a reference that is not known to be unique neither.
    twins(
        &[own(TREE)],
        STRING,
        Rule::Unique,
        vec![take(0, &[Step::Field(0)]), drop_(2), ret(&[1])],
        vec![
            unique(0, 0),
            take(1, &[Step::Field(0)]),
            drop_(3),
            ret(&[2]),
        ],
    );
    // What is put has the type of what was taken.
    twins(
        &[own(BOX), own(STRING)],
        BOX,
        Rule::Form,
        vec![
            take(0, &[Step::Field(1)]),
            drop_(2),
            put(3, &[Step::Field(1)], 1),
            ret(&[4]),
        ],
        vec![
            take(0, &[Step::Field(0)]),
            drop_(2),
            put(3, &[Step::Field(0)], 1),
            ret(&[4]),
        ],
    );
}

#[test]
fn what_comes_out_of_a_hole_keeps_what_is_known() {
    // From an own slot with its flag.
    accept(&with(
        &[own(BOX), borrow(I64)],
        BOX,
        vec![
            unique(0, 1),               // %2
            take(2, &[Step::Field(1)]), // %3, %4
            push(3, 1),
            put(4, &[Step::Field(1)], 5),
            ret(&[6]),
        ],
    ));
    // From behind a reference without.
    twins(
        &[own(GRID), borrow(I64)],
        GRID,
        Rule::Unique,
        vec![
            unique(0, 0),
            take(2, &[index(1)]), // %3, %4
            push(3, 1),
            put(4, &[index(1)], 5),
            ret(&[6]),
        ],
        vec![
            unique(0, 0),
            take(2, &[index(1)]),
            unique(3, 0),
            push(5, 1),
            put(4, &[index(1)], 6),
            ret(&[7]),
        ],
    );
}

#[test]
fn declared_ownership_is_the_types() {
    let body = |result| vec![block(&[result]), exit(0, &[0]), End, ret(&[1])];
    twins(
        &[own(INTS)],
        INTS,
        Rule::Region,
        body(copy(INTS)),
        body(owned(INTS, 0)),
    );
    twins(
        &[borrow(I64)],
        I64,
        Rule::Region,
        body(owned(I64, 0)),
        body(copy(I64)),
    );
    // A root is an owned value or a borrowed parameter, not what is borrowed from one.
    let rooted = |root| {
        vec![
            get(0, &[]), // %1
            block(&[borrowed(INTS, root)]),
            exit(0, &[1]),
            End,
            call(LEND, &[2]),
            ret(&[3]),
        ]
    };
    twins(&[borrow(INTS)], I64, Rule::Region, rooted(1), rooted(0));
    // A number of values that is not what is declared.
    twins(
        &[borrow(I64)],
        I64,
        Rule::Region,
        vec![block(&[copy(I64)]), exit(0, &[]), End, ret(&[1])],
        vec![block(&[copy(I64)]), exit(0, &[0]), End, ret(&[1])],
    );
}

#[test]
fn a_capability_out_of_nothing() {
    let used = |value| Instr::HostCall {
        function: 0,
        capability: value,
        argument: v(1),
    };
    // Absent, of another interface, or some other value.
    let params = |ty| [borrow(ty), borrow(BYTES)];
    let body = |value| vec![used(value), ret(&[2])];
    accept(&with(&params(KV), BYTES, body(Some(v(0)))));
    refuse(&with(&params(KV), BYTES, body(None)), Rule::Capability);
    refuse(
        &with(&params(CLOCK), BYTES, body(Some(v(0)))),
        Rule::Capability,
    );
    refuse(
        &with(&params(I64), BYTES, body(Some(v(0)))),
        Rule::Capability,
    );
    refuse(
        &with(&params(KV), BYTES, body(Some(v(1)))),
        Rule::Capability,
    );
    // One that is not asked for.
    let log = |value| {
        vec![
            Instr::HostCall {
                function: 1,
                capability: value,
                argument: v(1),
            },
            ret(&[2]),
        ]
    };
    twins(
        &params(KV),
        BYTES,
        Rule::Capability,
        log(Some(v(0))),
        log(None),
    );
    // Passed on to a call.
    twins(
        &params(KV),
        UNIT,
        Rule::Capability,
        vec![call(USE_KV, &[1]), ret(&[2])],
        vec![call(USE_KV, &[0]), ret(&[2])],
    );
    twins(
        &[borrow(KV), borrow(WITH_KV), borrow(CLOCK)],
        UNIT,
        Rule::Capability,
        vec![
            Instr::CallValue {
                callee: v(1),
                args: vs(&[2]).into(),
                changed: 0,
            },
            ret(&[3]),
        ],
        vec![
            Instr::CallValue {
                callee: v(1),
                args: vs(&[0]).into(),
                changed: 0,
            },
            ret(&[3]),
        ],
    );
}

#[test]
fn a_capability_that_is_kept() {
    let refused = |body| refuse(&with(&[borrow(KV)], UNIT, body), Rule::Capability);
    refused(vec![get(0, &[]), unit(), ret(&[2])]);
    refused(vec![new(POINT, &[0, 0]), unreachable()]);
    refused(vec![new(NAMES, &[0]), unreachable()]);
    refused(vec![dup(0), unreachable()]);
    refused(vec![block(&[copy(KV)]), exit(0, &[0]), End, unreachable()]);
    refused(vec![
        loop_(&[0], &[copy(KV)], &[]),
        next(0, &[1]),
        End,
        unreachable(),
    ]);
    // Returned.
    let bad = with(&[borrow(KV)], KV, vec![ret(&[0])]);
    refuse(&bad, Rule::Capability);
    // Given away or back.
    for mode in [Mode::Own, Mode::InOut, Mode::Look] {
        let bad = with(&[Param { ty: KV, mode }], UNIT, vec![unreachable()]);
        refuse(&bad, Rule::Capability);
    }
    // Captured.
    let mut bad = package();
    bad.functions.push(Function {
        captures: 1,
        ..function(&[borrow(KV)], UNIT, vec![unreachable()])
    });
    refuse(&bad, Rule::Capability);
    // Part of a type.
    for ty in [
        Type::List(KV),
        Type::Set(KV),
        Type::Option(KV),
        Type::Map(I64, KV),
        Type::Tuple(vec![I64, KV]),
        Type::Fn {
            params: vec![],
            result: KV,
        },
        Type::Fn {
            params: vec![cop_bytecode::FnParam {
                ty: KV,
                mutable: true,
            }],
            result: UNIT,
        },
    ] {
        let mut bad = package();
        bad.types.push(ty);
        refuse(&bad, Rule::Capability);
    }
    let mut bad = package();
    bad.defs.push(product("Holder", &[KV]));
    refuse(&bad, Rule::Capability);
}

#[test]
fn the_request_handle_is_copied() {
    let mut package = package();
    let request = cop_bytecode::TypeId(package.types.len() as u32);
    package.types.push(Type::Host("request".into()));
    let list = cop_bytecode::TypeId(package.types.len() as u32);
    package.types.push(Type::List(request));
    package.functions.push(function(
        &[borrow(request)],
        list,
        vec![new(list, &[0, 0]), ret(&[1])],
    ));
    accept(&package);
}

#[test]
fn entry_signatures() {
    let entry_of = |params: &[Param], result, names: &[&str]| -> Package {
        let mut package = with(params, result, vec![unreachable()]);
        package.entries.push(entry("main", names));
        package
    };
    accept(&entry_of(
        &[borrow(KV), borrow(CLOCK)],
        BYTES,
        &["kv", "clock"],
    ));
    // Parameters that are no capabilities, not declared, or in another order.
    refuse(&entry_of(&[borrow(I64)], BYTES, &["kv"]), Rule::Capability);
    refuse(&entry_of(&[borrow(KV)], BYTES, &[]), Rule::Capability);
    refuse(&entry_of(&[], BYTES, &["kv"]), Rule::Capability);
    refuse(
        &entry_of(&[borrow(KV), borrow(CLOCK)], BYTES, &["clock", "kv"]),
        Rule::Capability,
    );
    // A result that is not bytes.
    refuse(&entry_of(&[borrow(KV)], STRING, &["kv"]), Rule::Form);
    // A function that is not there, or a closure's.
    let mut package = entry_of(&[], BYTES, &[]);
    package.entries[0].function = TESTED + 1;
    refuse(&package, Rule::Form);
    let mut package = entry_of(&[borrow(INTS)], BYTES, &["x"]);
    package.functions[TESTED as usize].captures = 1;
    refuse(&package, Rule::Form);
    // Out of order.
    let mut package = entry_of(&[], BYTES, &[]);
    package.entries.push(entry("handle", &[]));
    refuse(&package, Rule::Form);
    package.entries.reverse();
    accept(&package);
}
