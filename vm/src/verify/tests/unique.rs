//! Attacks on rule 5: uniqueness of own slots, and what `look` promises.

use cop_bytecode::Instr::{Else, End};
use cop_bytecode::{Instr, Op, Step, UpdateOp};

use super::kit::*;
use crate::verify::Rule;

#[test]
fn updates_need_a_unique_slot() {
    twins(
        &[own(INTS), borrow(I64)],
        INTS,
        Rule::Unique,
        vec![push(0, 1), ret(&[2])],
        vec![unique(0, 0), push(2, 1), ret(&[3])],
    );
    // A constant is nobody's to change.
    twins(
        &[borrow(STRING)],
        STRING,
        Rule::Unique,
        vec![
            text(),
            update(UpdateOp::TextAppend, 1, &[], &[0]),
            ret(&[2]),
        ],
        vec![
            text(),
            unique(1, 0),
            update(UpdateOp::TextAppend, 2, &[], &[0]),
            ret(&[3]),
        ],
    );
    // What is made or updated is unique; so is what the host answers, or an operation makes.
    accept(&with(
        &[borrow(I64), borrow(STRING)],
        STRING,
        vec![
            new(INTS, &[]),
            push(2, 0),
            push(3, 0),
            drop_(4),
            op(Op::StringConcat, &[1, 1]),
            update(UpdateOp::TextAppend, 5, &[], &[1]),
            ret(&[6]),
        ],
    ));
}

#[test]
fn only_the_slot_that_is_entered_counts() {
    let items = [Step::Field(1)];
    twins(
        &[own(BOX), borrow(I64)],
        BOX,
        Rule::Unique,
        vec![
            unique(0, 0),
            update(UpdateOp::ListPush, 2, &items, &[1]),
            ret(&[3]),
        ],
        vec![
            unique(0, 1),
            update(UpdateOp::ListPush, 2, &items, &[1]),
            ret(&[3]),
        ],
    );
    // Behind a unique cell everything can be changed, shared or not.
    accept(&with(
        &[own(BOXES), borrow(I64)],
        BOXES,
        vec![
            unique(0, 0),
            update(UpdateOp::ListPush, 2, &[index(1), Step::Field(1)], &[1]),
            ret(&[3]),
        ],
    ));
    // An inline field is stored without following a reference.
    accept(&with(
        &[own(BOX), own(STRING)],
        BOX,
        vec![set(0, &[Step::Field(0)], 1), ret(&[2])],
    ));
    // A boxed one is not.
    twins(
        &[own(TREE), own(STRING)],
        TREE,
        Rule::Unique,
        vec![set(0, &[Step::Field(0)], 1), ret(&[2])],
        vec![unique(0, 0), set(2, &[Step::Field(0)], 1), ret(&[3])],
    );
}

#[test]
fn dup_ends_uniqueness() {
    twins(
        &[borrow(I64)],
        INTS,
        Rule::Unique,
        vec![new(INTS, &[]), dup(1), push(1, 0), drop_(2), ret(&[3])],
        vec![
            new(INTS, &[]),
            dup(1),
            unique(1, 0),
            push(3, 0),
            drop_(2),
            ret(&[4]),
        ],
    );
    // Of a part in an own slot, of that slot only.
    twins(
        &[own(BOX), borrow(I64)],
        BOX,
        Rule::Unique,
        vec![
            unique(0, 1),              // %2
            get(2, &[Step::Field(1)]), // %3
            dup(3),                    // %4
            update(UpdateOp::ListPush, 2, &[Step::Field(1)], &[1]),
            drop_(4),
            ret(&[5]),
        ],
        vec![
            unique(0, 1),
            get(2, &[Step::Field(0)]), // the name
            dup(3),
            update(UpdateOp::ListPush, 2, &[Step::Field(1)], &[1]),
            drop_(4),
            ret(&[5]),
        ],
    );
    // Of what lies behind a reference: nothing, the update finds out by itself.
    accept(&with(
        &[own(GRID), borrow(I64)],
        GRID,
        vec![
            unique(0, 0),
            get(2, &[index(1)]),
            dup(3),
            update(UpdateOp::ListPush, 2, &[index(1)], &[1]),
            drop_(4),
            ret(&[5]),
        ],
    ));
}

#[test]
fn borrow_ends_uniqueness_and_look_keeps_it() {
    let body = |callee| vec![new(INTS, &[]), call(callee, &[1]), push(1, 0), ret(&[3])];
    twins(&[borrow(I64)], INTS, Rule::Unique, body(LEND), body(LOOK));
}

#[test]
fn a_hidden_dup_inside_a_callee() {
    twins(
        &[look(INTS)],
        INTS,
        Rule::Unique,
        vec![dup(0), ret(&[1])],
        vec![int(0), op(Op::ListSlice, &[0, 1, 1]), ret(&[2])],
    );
    // What lies behind may get more owners.
    accept(&with(
        &[look(GRID)],
        INTS,
        vec![int(0), get(0, &[index(1)]), dup(2), ret(&[3])],
    ));
    // An own slot of an inline aggregate.
    twins(
        &[look(BOX)],
        STRING,
        Rule::Unique,
        vec![get(0, &[Step::Field(0)]), dup(1), ret(&[2])],
        vec![
            get(0, &[Step::Field(0)]),
            op(Op::StringConcat, &[1, 1]),
            ret(&[2]),
        ],
    );
    // Passed on as `borrow`.
    twins(
        &[look(INTS)],
        I64,
        Rule::Unique,
        vec![call(LEND, &[0]), ret(&[1])],
        vec![call(LOOK, &[0]), ret(&[1])],
    );
    // Through a region, where nobody knows any more which slot it is.
    let through = |last: Vec<Instr>| {
        let mut body = vec![block(&[borrowed(STRING, 0)]), get(0, &[Step::Field(0)])];
        body.extend([exit(0, &[1]), End]);
        body.extend(last);
        body
    };
    twins(
        &[look(BOX)],
        STRING,
        Rule::Unique,
        through(vec![dup(2), ret(&[3])]),
        through(vec![op(Op::StringConcat, &[2, 2]), ret(&[3])]),
    );
    // By an operation that takes many owners.
    let filled = |value| Instr::Op {
        op: Op::ListFilled,
        ty: Some(GRID),
        args: vs(&[1, value]).into(),
    };
    twins(
        &[look(INTS)],
        GRID,
        Rule::Unique,
        vec![int(2), filled(0), ret(&[2])],
        vec![
            int(2),
            op(Op::ListSlice, &[0, 1, 1]),
            filled(2),
            drop_(2),
            ret(&[3]),
        ],
    );
}

#[test]
fn list_filled_shares_its_element() {
    let filled = |count: u32, value: u32| Instr::Op {
        op: Op::ListFilled,
        ty: Some(GRID),
        args: vs(&[count, value]).into(),
    };
    twins(
        &[borrow(I64)],
        GRID,
        Rule::Unique,
        vec![
            new(INTS, &[]),
            filled(0, 1),
            push(1, 0),
            drop_(3),
            ret(&[2]),
        ],
        vec![
            new(INTS, &[]),
            filled(0, 1),
            unique(1, 0),
            push(3, 0),
            drop_(4),
            ret(&[2]),
        ],
    );
}

#[test]
fn what_comes_out_of_a_cell_is_not_unique() {
    // Opened.
    twins(
        &[own(TREE)],
        STRING,
        Rule::Unique,
        vec![
            unique(0, 0),
            open(1, 0, 2),
            drop_(3),
            text(),
            update(UpdateOp::TextAppend, 2, &[], &[4]),
            drop_(4),
            ret(&[5]),
        ],
        vec![
            unique(0, 0),
            open(1, 0, 2),
            drop_(3),
            text(),
            unique(2, 0),
            update(UpdateOp::TextAppend, 5, &[], &[4]),
            drop_(4),
            ret(&[6]),
        ],
    );
    // Removed.
    let removed = |last: &[Instr]| {
        let mut body = vec![
            unique(0, 0), // %2
            update(UpdateOp::ListRemove, 2, &[], &[1]),
            drop_(3),
        ];
        body.extend_from_slice(last);
        body
    };
    twins(
        &[own(GRID), borrow(I64)],
        INTS,
        Rule::Unique,
        removed(&[push(4, 1), ret(&[5])]),
        removed(&[unique(4, 0), push(5, 1), ret(&[6])]),
    );
    // Results of calls, changed arguments included.
    twins(
        &[borrow(I64)],
        INTS,
        Rule::Unique,
        vec![new(INTS, &[]), call(INOUT, &[1]), push(3, 0), ret(&[4])],
        vec![
            new(INTS, &[]),
            call(INOUT, &[1]),
            unique(3, 0),
            push(4, 0),
            ret(&[5]),
        ],
    );
}

#[test]
fn inline_parts_keep_their_flags() {
    // Into a struct and out of it again.
    accept(&with(
        &[borrow(I64)],
        INTS,
        vec![
            text(),
            new(INTS, &[]),
            new(BOX, &[1, 2]),
            open(3, 0, 2),
            drop_(4),
            push(5, 0),
            ret(&[6]),
        ],
    ));
    // But no more than they have: the name is a constant.
    twins(
        &[borrow(STRING)],
        BOX,
        Rule::Unique,
        vec![
            text(),
            new(INTS, &[]),
            new(BOX, &[1, 2]),
            update(UpdateOp::TextAppend, 3, &[Step::Field(0)], &[0]),
            ret(&[4]),
        ],
        vec![
            op(Op::StringConcat, &[0, 0]),
            new(INTS, &[]),
            new(BOX, &[1, 2]),
            update(UpdateOp::TextAppend, 3, &[Step::Field(0)], &[0]),
            ret(&[4]),
        ],
    );
    // `set` brings the flags of what it stores.
    twins(
        &[own(BOX), borrow(I64), own(INTS)],
        BOX,
        Rule::Unique,
        vec![
            unique(0, 1),
            set(3, &[Step::Field(1)], 2),
            update(UpdateOp::ListPush, 4, &[Step::Field(1)], &[1]),
            ret(&[5]),
        ],
        vec![
            unique(2, 0),
            set(0, &[Step::Field(1)], 3),
            update(UpdateOp::ListPush, 4, &[Step::Field(1)], &[1]),
            ret(&[5]),
        ],
    );
    // Of a sum, slot by slot: another variant's slot holds nothing.
    accept(&with(
        &[borrow(I64)],
        SHAPE,
        vec![
            new(INTS, &[]),
            variant(SHAPE, 2, &[0, 1]),
            update(
                UpdateOp::ListPush,
                2,
                &[Step::Variant(2), Step::Field(1)],
                &[0],
            ),
            ret(&[3]),
        ],
    ));
}

#[test]
fn parts_of_parts_are_own_slots_too() {
    // `dup` of one list of the inner pair; then the second is pushed to.
    let body = |field| {
        vec![
            unique(0, 2), // %2
            get(2, &[Step::Field(1)]),
            get(3, &[Step::Field(field)]),
            dup(4), // %5
            update(
                UpdateOp::ListPush,
                2,
                &[Step::Field(1), Step::Field(1)],
                &[1],
            ),
            drop_(5),
            ret(&[6]),
        ]
    };
    let params = [own(NEST), borrow(I64)];
    twins(&params, NEST, Rule::Unique, body(1), body(0));
    // Stored and taken through both.
    accept(&with(
        &params,
        NEST,
        vec![
            new(INTS, &[]),
            set(0, &[Step::Field(1), Step::Field(1)], 2), // %3, unique in slot 2
            take(3, &[Step::Field(1), Step::Field(1)]),   // %4, %5
            push(4, 1),
            put(5, &[Step::Field(1), Step::Field(1)], 6), // %7
            update(
                UpdateOp::ListPush,
                7,
                &[Step::Field(1), Step::Field(1)],
                &[1],
            ),
            ret(&[8]),
        ],
    ));
}

#[test]
fn a_borrow_from_either_of_two_slots() {
    let body = |field: u32, shared: Vec<Instr>| {
        let mut body = vec![
            new(INTS, &[]), // %2
            new(INTS, &[]), // %3
            new(PAIR_OF_LISTS, &[2, 3]),
            if_(1, &[borrowed(INTS, 4)]),
            get(4, &[Step::Field(0)]), // %5
            exit(0, &[5]),
            Else,
            get(4, &[Step::Field(field)]), // %6
            exit(0, &[6]),
            End, // %7
        ];
        body.extend(shared);
        body
    };
    let items = [Step::Field(1)];
    let push = |value, path: &[Step]| update(UpdateOp::ListPush, value, path, &[0]);
    // A `dup` of it may be of the slot that is then changed, or is certainly of the other.
    let good = body(0, vec![dup(7), push(4, &items), drop_(8), ret(&[9])]);
    let bad = body(1, vec![dup(7), push(4, &items), drop_(8), ret(&[9])]);
    let params = [borrow(I64), borrow(BOOL)];
    twins(&params, PAIR_OF_LISTS, Rule::Unique, bad, good);
    // Nothing is known of what a loop's parameter may be.
    let round = |value| {
        vec![
            new(INTS, &[]),
            new(INTS, &[]),
            new(PAIR_OF_LISTS, &[2, 3]), // %4
            get(4, &[Step::Field(0)]),   // %5
            loop_(&[5], &[borrowed(INTS, 4)], &[owned(INTS, 0)]),
            dup(value),
            exit(0, &[7]),
            End, // %8
            push(4, &items),
            drop_(8),
            ret(&[9]),
        ]
    };
    twins(&params, PAIR_OF_LISTS, Rule::Unique, round(6), round(5));
}

#[test]
fn false_claims_at_joins() {
    // One arm has not got the flag.
    let arms = |flags, first: u32| {
        vec![
            yes(), // %2
            new(INTS, &[]),
            if_(2, &[owned(INTS, flags)]),
            drop_(1),
            exit(0, &[3]),
            Else,
            drop_(3),
            exit(0, &[first]),
            End,
            ret(&[4]),
        ]
    };
    twins(
        &[borrow(I64), own(INTS)],
        INTS,
        Rule::Region,
        arms(1, 1),
        arms(0, 1),
    );
    // A loop's parameter at `next`.
    let round = |flags| {
        vec![
            new(INTS, &[]),
            loop_(&[0], &[owned(INTS, flags)], &[]),
            call(INOUT, &[1]),
            next(0, &[3]),
            End,
            unreachable(),
        ]
    };
    twins(&[], UNIT, Rule::Region, round(1), round(0));
    // Slots that hold no reference.
    let pair = |flags| {
        vec![
            block(&[owned(PAIR, flags)]),
            op(Op::StringConcat, &[1, 1]),
            new(PAIR, &[0, 2]),
            exit(0, &[3]),
            End,
            ret(&[4]),
        ]
    };
    twins(
        &[borrow(I64), borrow(STRING)],
        PAIR,
        Rule::Region,
        pair(1),
        pair(2),
    );
}

#[test]
fn a_flag_ended_in_one_arm_is_ended_after_the_join() {
    let arms = |shared: Vec<Instr>| {
        let mut body = vec![
            new(INTS, &[]), // %2
            if_(1, &[]),
        ];
        body.extend(shared);
        body.extend([Else, exit(0, &[]), End]);
        body
    };
    let mut bad = arms(vec![dup(2), drop_(3), exit(0, &[])]);
    bad.extend([push(2, 0), ret(&[4])]);
    // An arm that does not come to the join does not count.
    let mut good = arms(vec![dup(2), drop_(2), ret(&[3])]);
    good.extend([push(2, 0), ret(&[4])]);
    twins(&[borrow(I64), borrow(BOOL)], INTS, Rule::Unique, bad, good);
}

#[test]
fn a_flag_ended_on_a_way_round_a_loop_is_ended_for_all_ways_out() {
    // The way out stands before the `dup` in the text.
    let rounds = |round: Vec<Instr>, depth: u32| {
        let mut body = vec![
            new(INTS, &[]), // %2
            block(&[]),
            loop_(&[], &[], &[]),
            if_(1, &[]),
            exit(depth, &[]),
            Else,
            exit(0, &[]),
            End,
        ];
        body.extend(round);
        body.extend([next(0, &[]), End]);
        body.push(if depth == 2 {
            unreachable()
        } else {
            exit(0, &[])
        });
        body.extend([End, push(2, 0)]);
        body
    };
    for depth in [1, 2] {
        let mut bad = rounds(vec![dup(2), drop_(3)], depth);
        bad.push(ret(&[4]));
        let mut good = rounds(vec![call(LOOK, &[2])], depth);
        good.push(ret(&[4]));
        twins(&[borrow(I64), borrow(BOOL)], INTS, Rule::Unique, bad, good);
    }
}

#[test]
fn inside_a_loop_nothing_is_known_of_outer_values() {
    let body = |update: Vec<Instr>, last: u32| {
        let mut body = vec![
            new(INTS, &[]), // %2
            loop_(&[], &[], &[owned(INTS, 1)]),
            if_(1, &[]),
        ];
        body.extend(update);
        body.extend([
            exit(1, &[last]),
            Else,
            dup(2),
            drop_(last + 1),
            next(1, &[]),
            End,
            unreachable(),
            End,
            ret(&[last + 2]),
        ]);
        body
    };
    twins(
        &[borrow(I64), borrow(BOOL)],
        INTS,
        Rule::Unique,
        body(vec![push(2, 0)], 3),
        body(vec![unique(2, 0), push(3, 0)], 4),
    );
}

#[test]
fn unique_names_a_slot_with_a_reference() {
    twins(
        &[own(PAIR)],
        PAIR,
        Rule::Unique,
        vec![unique(0, 0), ret(&[1])],
        vec![unique(0, 1), ret(&[1])],
    );
    refuse(
        &with(&[own(PAIR)], PAIR, vec![unique(0, 64), ret(&[1])]),
        Rule::Unique,
    );
    refuse(
        &with(&[own(ACTION)], ACTION, vec![unique(0, 0), ret(&[1])]),
        Rule::Unique,
    );
}
