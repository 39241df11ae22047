//! Attacks on rules 2 to 4: owners, borrows, calls.

use cop_bytecode::Instr::{Arm, Else, End};
use cop_bytecode::{Op, Step, TrapKind, UpdateOp};

use super::kit::*;
use crate::verify::Rule;

#[test]
fn the_callees_are_legal() {
    accept(&package());
}

#[test]
fn the_loop_of_the_design_page() {
    // fn scale(inout list f64, f64), with integers.
    let body = vec![
        op(Op::ListLen, &[0]),     // %2
        int(0),                    // %3
        op(Op::I64Gt, &[2, 3]),    // %4
        if_(4, &[owned(INTS, 0)]), //
        unique(0, 0),              // %5
        for_(3, 2, &[5], &[owned(INTS, 1)]),
        update(UpdateOp::I64Mul, 7, &[index(6)], &[1]), // %8
        next(0, &[8]),
        End, // %9
        exit(0, &[9]),
        Else,
        exit(0, &[0]),
        End,    // %10
        unit(), // %11
        ret(&[11, 10]),
    ];
    accept(&with(&[inout(INTS), borrow(I64)], UNIT, body));
}

#[test]
fn consumed_twice() {
    twins(
        &[own(INTS)],
        UNIT,
        Rule::Once,
        vec![call(OWN, &[0]), drop_(0), ret(&[1])],
        vec![dup(0), call(OWN, &[0]), drop_(1), ret(&[2])],
    );
    // By one instruction.
    twins(
        &[own(STRING)],
        NAMES,
        Rule::Once,
        vec![new(NAMES, &[0, 0]), ret(&[1])],
        vec![dup(0), new(NAMES, &[0, 1]), ret(&[2])],
    );
}

#[test]
fn leaked() {
    twins(
        &[own(INTS)],
        UNIT,
        Rule::Once,
        vec![unit(), ret(&[1])],
        vec![drop_(0), unit(), ret(&[1])],
    );
    // An update's result.
    twins(
        &[],
        UNIT,
        Rule::Once,
        vec![new(INTS, &[]), int(1), push(0, 1), unit(), ret(&[3])],
        vec![
            new(INTS, &[]),
            int(1),
            push(0, 1),
            drop_(2),
            unit(),
            ret(&[3]),
        ],
    );
    // Where the run ends nothing is required.
    accept(&with(&[own(INTS)], UNIT, vec![unreachable()]));
    // Inside an arm.
    twins(
        &[],
        UNIT,
        Rule::Once,
        vec![
            yes(),
            if_(0, &[]),
            text(),
            exit(0, &[]),
            Else,
            exit(0, &[]),
            End,
            unit(),
            ret(&[2]),
        ],
        vec![
            yes(),
            if_(0, &[]),
            text(),
            drop_(1),
            exit(0, &[]),
            Else,
            exit(0, &[]),
            End,
            unit(),
            ret(&[2]),
        ],
    );
}

#[test]
fn consumed_in_one_arm_only() {
    twins(
        &[own(INTS)],
        UNIT,
        Rule::Once,
        vec![
            yes(),
            if_(1, &[]),
            drop_(0),
            exit(0, &[]),
            Else,
            exit(0, &[]),
            End,
            unit(),
            ret(&[2]),
        ],
        vec![
            yes(),
            if_(1, &[]),
            drop_(0),
            exit(0, &[]),
            Else,
            drop_(0),
            exit(0, &[]),
            End,
            unit(),
            ret(&[2]),
        ],
    );
    // Different values, equally many.
    twins(
        &[own(INTS), own(INTS)],
        INTS,
        Rule::Once,
        vec![
            yes(),
            if_(2, &[]),
            drop_(0),
            exit(0, &[]),
            Else,
            drop_(1),
            exit(0, &[]),
            End,
            ret(&[1]),
        ],
        vec![
            yes(),
            if_(2, &[]),
            drop_(0),
            exit(0, &[]),
            Else,
            drop_(0),
            exit(0, &[]),
            End,
            ret(&[1]),
        ],
    );
    // An arm that returns does not count.
    accept(&with(
        &[own(INTS), own(INTS)],
        INTS,
        vec![
            yes(),
            if_(2, &[]),
            drop_(0),
            ret(&[1]),
            Else,
            exit(0, &[]),
            End,
            drop_(1),
            ret(&[0]),
        ],
    ));
}

#[test]
fn exits_from_deep_inside_disagree() {
    // Parameters: two lists and an option; %3 is the condition.
    let body = |first: u32, second: u32| {
        vec![
            yes(),
            block(&[]),
            if_(3, &[]),
            drop_(first),
            exit(1, &[]),
            Else,
            switch(2, &[]),
            drop_(second),
            exit(2, &[]),
            Arm,
            unreachable(),
            End,
            unreachable(),
            End,
            unreachable(),
            End,
            drop_(2),
            ret(&[1]),
        ]
    };
    twins(
        &[own(INTS), own(INTS), own(MAYBE)],
        INTS,
        Rule::Once,
        body(0, 1),
        body(0, 0),
    );
}

#[test]
fn consumed_in_a_loop() {
    // On a way round.
    twins(
        &[own(INTS)],
        UNIT,
        Rule::Once,
        vec![
            loop_(&[], &[], &[]),
            drop_(0),
            next(0, &[]),
            End,
            unreachable(),
        ],
        vec![
            loop_(&[0], &[owned(INTS, 0)], &[]),
            drop_(1),
            new(INTS, &[]),
            next(0, &[2]),
            End,
            unreachable(),
        ],
    );
    // On a way out it may be.
    accept(&with(
        &[own(INTS)],
        INTS,
        vec![
            loop_(&[], &[], &[]),
            yes(),
            if_(1, &[]),
            ret(&[0]),
            Else,
            next(1, &[]),
            End,
            unreachable(),
            End,
            unreachable(),
        ],
    ));
    // All ways out of a loop agree.
    let ways = |second: Vec<cop_bytecode::Instr>| {
        let mut body = vec![
            loop_(&[], &[], &[]),
            yes(), // %1
            if_(1, &[]),
            drop_(0),
            exit(1, &[]),
            Else,
        ];
        body.extend(second);
        body.extend([End, unreachable(), End, unit(), ret(&[2])]);
        body
    };
    twins(
        &[own(INTS)],
        UNIT,
        Rule::Once,
        ways(vec![exit(1, &[])]),
        ways(vec![next(1, &[])]),
    );
    // A `for` may end by itself.
    let for_loop = |consume: bool| {
        let mut body = vec![int(0), for_(1, 1, &[], &[])];
        if consume {
            body.push(drop_(0));
        }
        body.push(exit(0, &[]));
        body.push(End);
        if !consume {
            body.push(drop_(0));
        }
        body.extend([unit(), ret(&[3])]);
        body
    };
    twins(
        &[own(INTS)],
        UNIT,
        Rule::Once,
        for_loop(true),
        for_loop(false),
    );
}

#[test]
fn a_borrow_over_an_update() {
    twins(
        &[own(GRID)],
        I64,
        Rule::Borrow,
        vec![
            unique(0, 0),           // %1
            int(0),                 // %2
            get(1, &[index(2)]),    // %3, borrowed
            new(INTS, &[]),         // %4
            set(1, &[index(2)], 4), // %5
            get(3, &[index(2)]),
            drop_(5),
            ret(&[6]),
        ],
        vec![
            unique(0, 0),
            int(0),
            get(1, &[index(2)]),    // %3
            get(3, &[index(2)]),    // %4
            new(INTS, &[]),         // %5
            set(1, &[index(2)], 5), // %6
            drop_(6),
            ret(&[4]),
        ],
    );
}

#[test]
fn a_borrow_of_a_borrow_has_the_same_root() {
    twins(
        &[own(GRID)],
        I64,
        Rule::Borrow,
        vec![
            int(0),
            get(0, &[]),
            get(2, &[index(1)]), // borrowed from %0 through %2
            drop_(0),
            get(3, &[index(1)]),
            ret(&[4]),
        ],
        vec![
            int(0),
            get(0, &[]),
            get(2, &[index(1)]),
            get(3, &[index(1)]),
            drop_(0),
            ret(&[4]),
        ],
    );
}

#[test]
fn a_borrow_is_given_away() {
    twins(
        &[borrow(NAMES)],
        STRING,
        Rule::Once,
        vec![int(0), get(0, &[index(1)]), ret(&[2])],
        vec![int(0), get(0, &[index(1)]), dup(2), ret(&[3])],
    );
    // A borrowed parameter cannot be dropped.
    twins(
        &[borrow(NAMES)],
        UNIT,
        Rule::Once,
        vec![drop_(0), unit(), ret(&[1])],
        vec![dup(0), drop_(1), unit(), ret(&[2])],
    );
}

#[test]
fn an_update_looks_at_itself() {
    // s.append(s): the text looked at is the one that moves.
    twins(
        &[own(STRING)],
        STRING,
        Rule::Borrow,
        vec![
            unique(0, 0),
            update(UpdateOp::TextAppend, 1, &[], &[1]),
            ret(&[2]),
        ],
        vec![
            dup(0),
            unique(0, 0),
            update(UpdateOp::TextAppend, 2, &[], &[1]),
            drop_(1),
            ret(&[3]),
        ],
    );
    // A part of itself.
    twins(
        &[own(NAMES)],
        NAMES,
        Rule::Borrow,
        vec![
            unique(0, 0),
            int(0),
            get(1, &[index(2)]),
            update(UpdateOp::TextAppend, 1, &[index(2)], &[3]),
            ret(&[4]),
        ],
        vec![
            unique(0, 0),
            int(0),
            get(1, &[index(2)]),
            dup(3),
            update(UpdateOp::TextAppend, 1, &[index(2)], &[4]),
            drop_(4),
            ret(&[5]),
        ],
    );
    // A key that lies in the map.
    twins(
        &[own(TABLE), borrow(INTS)],
        TABLE,
        Rule::Borrow,
        vec![
            unique(0, 0),
            int(0),
            get(2, &[Step::EntryKey(v(3))]),
            dup(1),
            set(2, &[Step::Key(v(4))], 5),
            ret(&[6]),
        ],
        vec![
            unique(0, 0),
            int(0),
            get(2, &[Step::EntryKey(v(3))]),
            dup(4),
            dup(1),
            set(2, &[Step::Key(v(5))], 6),
            drop_(5),
            ret(&[7]),
        ],
    );
}

#[test]
fn a_trap_message_is_only_looked_at() {
    let trap = |message| cop_bytecode::Instr::Trap {
        kind: TrapKind::Panic,
        operand: None,
        message: Some(v(message)),
    };
    twins(
        &[own(STRING)],
        UNIT,
        Rule::Once,
        vec![drop_(0), trap(0)],
        vec![trap(0)],
    );
}

#[test]
fn lent_and_given_away_by_one_call() {
    twins(
        &[own(INTS)],
        UNIT,
        Rule::Call,
        vec![call(LEND_BOTH, &[0, 0]), ret(&[1])],
        vec![dup(0), call(LEND_BOTH, &[0, 1]), drop_(0), ret(&[2])],
    );
    // A part is lent, the whole given away.
    twins(
        &[own(PAIR_OF_LISTS)],
        UNIT,
        Rule::Call,
        vec![
            get(0, &[Step::Field(0)]),
            call(LEND_PART, &[1, 0]),
            ret(&[2]),
        ],
        vec![
            get(0, &[Step::Field(0)]),
            dup(1),
            call(LEND_PART, &[2, 0]),
            drop_(2),
            ret(&[3]),
        ],
    );
    // A closure that a call through it gives away inside an argument.
    let called = |args: &[u32]| cop_bytecode::Instr::CallValue {
        callee: v(0),
        args: vs(args).into(),
        changed: 1,
    };
    twins(
        &[borrow(ACTION), own(INTS)],
        UNIT,
        Rule::Call,
        vec![called(&[1, 1]), drop_(3), ret(&[2])],
        vec![dup(1), called(&[2, 1]), drop_(4), drop_(2), ret(&[3])],
    );
}

#[test]
fn a_stale_borrow_through_a_loop_parameter() {
    // The parameter is borrowed from a value that the body replaces.
    let bad = vec![
        unique(0, 0),        // %1
        int(0),              // %2
        get(1, &[index(2)]), // %3 from %1
        loop_(&[1, 3], &[owned(GRID, 1), borrowed(INTS, 1)], &[]),
        unreachable(),
        End,
        unreachable(),
    ];
    let good = vec![
        int(0),
        get(0, &[index(1)]), // %2 from %0
        loop_(&[2], &[borrowed(INTS, 0)], &[]),
        get(3, &[index(1)]), // %4
        get(0, &[index(4)]), // %5 from %0
        next(0, &[5]),
        End,
        unreachable(),
    ];
    twins(&[own(GRID)], UNIT, Rule::Borrow, bad, good);
    // Given at `next` with another root.
    twins(
        &[own(GRID), own(GRID)],
        UNIT,
        Rule::Region,
        vec![
            int(0),
            get(0, &[index(2)]),
            loop_(&[3], &[borrowed(INTS, 0)], &[]),
            get(1, &[index(2)]),
            next(0, &[5]),
            End,
            unreachable(),
        ],
        vec![
            int(0),
            get(0, &[index(2)]),
            loop_(&[3], &[borrowed(INTS, 0)], &[]),
            get(0, &[index(2)]),
            next(0, &[5]),
            End,
            unreachable(),
        ],
    );
}

#[test]
fn a_region_gives_what_is_borrowed_from_its_inside() {
    let bad = vec![
        block(&[borrowed(INTS, 1)]),
        new(INTS, &[]),
        exit(0, &[1]),
        End,
        unreachable(),
    ];
    let good = vec![
        block(&[borrowed(INTS, 0)]),
        get(0, &[]),
        exit(0, &[1]),
        End,
        call(LEND, &[2]),
        drop_(0),
        ret(&[3]),
    ];
    twins(&[own(INTS)], I64, Rule::Form, bad, good);
}

#[test]
fn an_own_slot_dies_with_its_root() {
    twins(
        &[own(BOX)],
        UNIT,
        Rule::Borrow,
        vec![
            get(0, &[Step::Field(0)]),
            open(0, 0, 2),
            call(LEND_STRING, &[1]),
            drop_(2),
            drop_(3),
            ret(&[4]),
        ],
        vec![
            open(0, 0, 2),
            call(LEND_STRING, &[1]),
            drop_(1),
            drop_(2),
            ret(&[3]),
        ],
    );
}
