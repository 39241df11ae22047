//! Verifying costs a bounded time per instruction and region around it, whatever the package looks like.

use std::time::Instant;

use cop_bytecode::Instr::{Else, End};
use cop_bytecode::{Instr, Param};

use super::kit::*;
use crate::verify::verify;

/// Much of one thing, then much of another that looks back at it.
fn bodies(size: usize) -> Vec<(&'static str, Vec<Param>, Vec<Instr>)> {
    let owned_values = |body: &mut Vec<Instr>| body.extend(vec![new(INTS, &[]); size]);
    let mut all = vec![];

    // Many exits after many values were consumed.
    let mut body = vec![yes()];
    owned_values(&mut body);
    body.push(block(&[]));
    body.extend((1..=size as u32).map(drop_));
    for _ in 0..size {
        body.extend([if_(0, &[]), exit(1, &[]), Else, exit(0, &[]), End]);
    }
    body.extend([exit(0, &[]), End, unreachable()]);
    all.push(("exits after consumptions", vec![], body));

    // Many exits after many flags were ended.
    let mut body = vec![yes()];
    owned_values(&mut body);
    body.push(block(&[]));
    for value in 1..=size as u32 {
        body.extend([dup(value), drop_(size as u32 + value)]);
    }
    for _ in 0..size {
        body.extend([if_(0, &[]), exit(1, &[]), Else, exit(0, &[]), End]);
    }
    body.extend([exit(0, &[]), End, unreachable()]);
    all.push(("exits after ended flags", vec![], body));

    // Flags ended inside many loops, each handing them to the next.
    let mut body = vec![yes()];
    owned_values(&mut body);
    body.extend(vec![loop_(&[], &[], &[]); 250]);
    for value in 1..=size as u32 {
        body.extend([dup(value), drop_(size as u32 + value)]);
    }
    for depth in 0..249 {
        body.extend([if_(0, &[]), next(depth + 1, &[]), Else, exit(0, &[]), End]);
    }
    for _ in 0..250 {
        body.extend([
            if_(0, &[]),
            next(1, &[]),
            Else,
            exit(1, &[]),
            End,
            unreachable(),
            End,
        ]);
    }
    body.push(unreachable());
    all.push(("flags through loops", vec![], body));

    // Many values in scope, and many arms.
    let mut body = vec![yes()];
    owned_values(&mut body);
    for _ in 0..size {
        body.extend([if_(0, &[]), exit(0, &[]), Else, exit(0, &[]), End]);
    }
    body.push(unreachable());
    all.push(("arms under many values", vec![], body));
    all
}

#[test]
fn looking_back_is_not_paid_for_again_and_again() {
    // Unoptimised, each takes below a second; comparing everything with everything would take minutes.
    for (name, params, body) in bodies(7_000) {
        let package = with(&params, UNIT, body);
        let start = Instant::now();
        if let Err(error) = verify(&package) {
            panic!("{name}: {error}");
        }
        let seconds = start.elapsed().as_secs();
        assert!(seconds < 20, "{name}: {seconds} s");
    }
}
