//! Attacks on each rule, each beside a legal twin.

use cop_bytecode::Step;

use super::kit::*;
use crate::verify::Rule;

#[test]
fn the_callees_are_legal() {
    accept(&package());
}

#[test]
fn a_borrow_over_an_update() {
    let params = [own(GRID)];
    twins(
        &params,
        I64,
        Rule::Borrow,
        vec![
            unique(0, 0),           // %1
            int(0),                 // %2
            get(1, &[index(2)]),    // %3 borrowed
            new(INTS, &[]),         // %4
            set(1, &[index(2)], 4), // %5
            get(3, &[index(2)]),    // uses %3
            drop_(5),
            ret(&[6]),
        ],
        vec![
            unique(0, 0),
            int(0),
            get(1, &[index(2)]), // %3
            get(3, &[index(2)]), // %4
            new(INTS, &[]),      // %5
            set(1, &[index(2)], 5),
            drop_(6),
            ret(&[4]),
        ],
    );
}

#[test]
fn the_loop_of_the_design_page() {
    // fn scale(inout list f64, f64), with integers.
    let body = vec![
        op(cop_bytecode::Op::ListLen, &[0]),  // %2
        int(0),                               // %3
        op(cop_bytecode::Op::I64Gt, &[2, 3]), // %4
        if_(4, &[owned(INTS, 0)]),
        unique(0, 0),                        // %5
        for_(3, 2, &[5], &[owned(INTS, 1)]), // %6 index, %7
        update(
            cop_bytecode::UpdateOp::I64Mul,
            7,
            &[Step::Index(v(6))],
            &[1],
        ), // %8
        next(0, &[8]),
        cop_bytecode::Instr::End, // %9
        exit(0, &[9]),
        cop_bytecode::Instr::Else,
        exit(0, &[0]),
        cop_bytecode::Instr::End, // %10
        unit(),
        ret(&[11, 10]),
    ];
    accept(&with(&[inout(INTS), borrow(I64)], UNIT, body));
}
