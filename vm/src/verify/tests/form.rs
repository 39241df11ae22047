//! Attacks on rules 1 and 10: tables, scopes, types, arms, terminators, limits.

use cop_bytecode::Instr::{Arm, Else, End};
use cop_bytecode::{
    DefId, Field, FnParam, Instr, Op, Package, Shape, Step, TrapKind, Type, TypeDef, TypeId,
    UpdateOp, limits,
};

use super::kit::*;
use crate::verify::{Rule, verify};

/// The package with more types and definitions.
fn with_types(types: &[Type], defs: &[TypeDef]) -> Package {
    let mut package = package();
    package.types.extend_from_slice(types);
    package.defs.extend_from_slice(defs);
    package
}

/// The first type and definition that [`with_types`] adds.
fn added() -> (u32, u32) {
    let package = package();
    (package.types.len() as u32, package.defs.len() as u32)
}

#[test]
fn type_tables() {
    let (t, d) = added();
    let nominal = |def| Type::Nominal(DefId(def), vec![]);
    accept(&with_types(
        &[Type::List(GRID), nominal(d)],
        &[product("P", &[I64])],
    ));
    for bad in [
        Type::List(I64),       // twice
        Type::List(TypeId(t)), // itself
        Type::Option(TypeId(t + 1)),
        Type::Map(I64, TypeId(u32::MAX)),
        Type::Tuple(vec![I64]),
        Type::Tuple(vec![]),
        nominal(d),
        Type::Nominal(DefId(0), vec![I64]), // Keys that have no hash.
        Type::Set(ACTION),
        Type::Map(TABLE, I64),
    ] {
        refuse(&with_types(&[bad], &[]), Rule::Form);
    }
    // A key that contains something without a hash, deep inside, through itself.
    let holder = |inner| {
        let list = Type::List(TypeId(t));
        let def = product("Holder", &[TypeId(t + 1), inner]);
        with_types(&[nominal(d), list, Type::Set(TypeId(t))], &[def])
    };
    accept(&holder(NAMES));
    refuse(&holder(TABLE), Rule::Form);
    // Definitions.
    refuse(&with_types(&[], &[sum("Never", &[])]), Rule::Form);
    refuse(&with_types(&[], &[product("P", &[TypeId(t)])]), Rule::Form);
    let variants = vec![&[][..]; (1 << 16) + 1];
    refuse(&with_types(&[], &[sum("Many", &variants)]), Rule::Form);
    accept(&with_types(&[nominal(d)], &[sum("Many", &variants[1..])]));
}

#[test]
fn type_parameters() {
    let (t, d) = added();
    let generic = |params, ty| TypeDef {
        params,
        ..product("G", &[ty])
    };
    let param = |n| [Type::Param(n), Type::List(TypeId(t))];
    accept(&with_types(&param(0), &[generic(1, TypeId(t + 1))]));
    refuse(
        &with_types(&param(1), &[generic(1, TypeId(t + 1))]),
        Rule::Form,
    );
    refuse(
        &with_types(&param(u32::MAX), &[generic(9, TypeId(t))]),
        Rule::Form,
    );
    // Where values are, types are closed.
    let mut open = with_types(&param(0), &[]);
    open.functions
        .push(function(&[own(TypeId(t + 1))], UNIT, vec![unreachable()]));
    refuse(&open, Rule::Form);
    // A generic type with its arguments.
    let types = [Type::Param(0), Type::Nominal(DefId(d), vec![STRING])];
    let mut package = with_types(&types, &[generic(1, TypeId(t))]);
    package.functions.push(function(
        &[own(TypeId(t + 1))],
        STRING,
        vec![open_(0), ret(&[1])],
    ));
    accept(&package);
}

#[test]
fn types_beyond_the_table() {
    // Laying out a generic type fills in `list string`-like types that are not in the table.
    let (t, d) = added();
    let types = [
        Type::Param(0),
        Type::Option(TypeId(t)),
        Type::Nominal(DefId(d), vec![GRID]),
    ];
    let def = TypeDef {
        params: 1,
        ..product("G", &[TypeId(t + 1)])
    };
    let body = |ty| vec![variant(TypeId(ty), 0, &[]), unreachable()];
    let mut package = with_types(&types, &[def]);
    package.functions.push(function(&[], UNIT, body(MAYBE.0)));
    accept(&package);
    package.functions[TESTED as usize].body = body(t + 3);
    refuse(&package, Rule::Form);
    package.functions[TESTED as usize] = function(&[own(TypeId(t + 3))], UNIT, vec![unreachable()]);
    refuse(&package, Rule::Form);
}

fn open_(value: u32) -> Instr {
    open(value, 0, 1)
}

#[test]
fn recursion_of_inline_types() {
    let (t, d) = added();
    // Itself directly: boxed, though nobody can build one.
    let direct = product("Direct", &[TypeId(t)]);
    accept(&with_types(&[Type::Nominal(DefId(d), vec![])], &[direct]));
    // Growing without end, through a list too.
    for through in [Type::Option(TypeId(t + 2)), Type::List(TypeId(t + 2))] {
        let types = [
            Type::Param(0),
            Type::Tuple(vec![TypeId(t), TypeId(t)]),
            Type::Nominal(DefId(d), vec![TypeId(t + 1)]),
            through,
            Type::Nominal(DefId(d), vec![I64]),
        ];
        let nest = TypeDef {
            params: 1,
            ..product("Nest", &[TypeId(t + 3)])
        };
        refuse(&with_types(&types, &[nest]), Rule::Form);
    }
    // Growing without end, and wide: refused before it fills the memory.
    let types = [
        Type::Param(0),
        Type::Tuple(vec![TypeId(t); 100_000]),
        Type::Nominal(DefId(d), vec![TypeId(t + 1)]),
        Type::List(TypeId(t + 2)),
        Type::Nominal(DefId(d), vec![I64]),
    ];
    let nest = TypeDef {
        params: 1,
        ..product("Nest", &[TypeId(t + 3)])
    };
    refuse(&with_types(&types, &[nest]), Rule::Form);
}

#[test]
fn inline_types_nest_to_a_limit() {
    let nested = |count: u32| {
        let (t, d) = added();
        let types: Vec<Type> = (0..count)
            .map(|n| Type::Nominal(DefId(d + n), vec![]))
            .collect();
        let part = |n: u32| if n == 0 { STRING } else { TypeId(t + n - 1) };
        let defs: Vec<TypeDef> = (0..count).map(|n| product("W", &[part(n)])).collect();
        with_types(&types, &defs)
    };
    accept(&nested(limits::REGION_DEPTH as u32));
    refuse(&nested(limits::REGION_DEPTH as u32 + 1), Rule::Limit);
    refuse(&nested(60_000), Rule::Limit);
}

#[test]
fn scopes() {
    let ret_of = |value| vec![ret(&[value])];
    twins(&[borrow(I64)], I64, Rule::Form, ret_of(1), ret_of(0));
    refuse(&with(&[borrow(I64)], I64, ret_of(u32::MAX)), Rule::Form);
    // A value of an arm is not visible in the next, nor after the region.
    let arms = |second, last| {
        vec![
            if_(1, &[]),
            int(1), // %2
            exit(0, &[]),
            Else,
            op(Op::I64Neg, &[second]), // %3
            exit(0, &[]),
            End,
            ret(&[last]),
        ]
    };
    let params = [borrow(I64), borrow(BOOL)];
    twins(&params, I64, Rule::Form, arms(2, 0), arms(0, 0));
    twins(&params, I64, Rule::Form, arms(0, 3), arms(0, 0));
    // Nor is a region's result inside it.
    twins(
        &[borrow(I64)],
        I64,
        Rule::Form,
        vec![block(&[copy(I64)]), exit(0, &[1]), End, ret(&[1])],
        vec![block(&[copy(I64)]), exit(0, &[0]), End, ret(&[1])],
    );
}

#[test]
fn operand_types() {
    let params = [borrow(I64), borrow(STRING), borrow(NAMES)];
    let pair = |bad: Instr, good: Instr| {
        let body = |instr| vec![instr, unreachable()];
        twins(&params, UNIT, Rule::Form, body(bad), body(good));
    };
    pair(op(Op::I64Add, &[0, 1]), op(Op::I64Add, &[0, 0]));
    pair(op(Op::I64Add, &[0]), op(Op::I64Neg, &[0]));
    pair(op(Op::ListLen, &[1]), op(Op::ListLen, &[2]));
    pair(get(2, &[index(1)]), get(2, &[index(0)]));
    pair(get(1, &[index(0)]), get(2, &[index(0)]));
    pair(get(2, &[Step::Field(0)]), get(2, &[]));
    pair(Instr::Const(2), Instr::Const(1));
    pair(
        Instr::ConstF64(0x7ff8_0000_0000_0001),
        Instr::ConstF64(0x7ff8_0000_0000_0000),
    );
    pair(if_(0, &[]), yes());
    pair(Instr::Tag(v(1)), Instr::ConstUnit);
    pair(call(LEND, &[2]), call(LEND_STRING, &[1]));
    pair(call(LEND_STRING, &[]), call(LEND_STRING, &[1]));
    pair(call(TESTED + 1, &[]), call(LEND_STRING, &[1]));
    // The result's type has to be named where it cannot be seen, and nowhere else.
    let filled = |ty| Instr::Op {
        op: Op::ListFilled,
        ty,
        args: vs(&[0, 1]).into(),
    };
    pair(filled(None), filled(Some(NAMES)));
    pair(filled(Some(INTS)), filled(Some(NAMES)));
    pair(filled(Some(STRING)), filled(Some(NAMES)));
    let len = |ty| Instr::Op {
        op: Op::ListLen,
        ty,
        args: vs(&[2]).into(),
    };
    pair(len(Some(NAMES)), len(None));
}

#[test]
fn list_literals_have_one_type() {
    let params = [borrow(I64), own(STRING)];
    twins(
        &params,
        NAMES,
        Rule::Form,
        vec![new(NAMES, &[1, 0]), ret(&[2])],
        vec![new(NAMES, &[1]), ret(&[2])],
    );
    // An element that a list of another type has.
    twins(
        &[own(NAMES)],
        GRID,
        Rule::Form,
        vec![new(GRID, &[0]), ret(&[1])],
        vec![drop_(0), new(GRID, &[]), ret(&[1])],
    );
    twins(
        &params,
        PAIR,
        Rule::Form,
        vec![new(PAIR, &[1, 0]), ret(&[2])],
        vec![new(PAIR, &[0, 1]), ret(&[2])],
    );
    for bad in [
        new(PAIR, &[0]),
        variant(PAIR, 1, &[0, 1]),
        variant(SHAPE, 3, &[1]),
        variant(SHAPE, 0, &[1]),
        variant(MAYBE, 2, &[1]),
        variant(MAYBE, 0, &[1]),
        variant(NAMES, 1, &[1]),
        new(TABLE, &[1]),
        new(STRING, &[]),
        new(I64, &[]),
        new(TypeId(1000), &[]),
        open(1, 0, 0),
    ] {
        refuse(&with(&params, PAIR, vec![bad, unreachable()]), Rule::Form);
    }
    accept(&with(
        &params,
        UNIT,
        vec![
            variant(MAYBE, 1, &[1]),
            variant(SHAPE, 0, &[]),
            new(RANGE, &[0, 0]),
            unreachable(),
        ],
    ));
}

#[test]
fn parts_of_what_is_opened() {
    let body = |variant, parts| vec![open(0, variant, parts), unreachable()];
    let params = [own(SHAPE)];
    for (variant, parts) in [(0, 1), (1, 2), (2, 1), (3, 0), (u32::MAX, u32::MAX)] {
        refuse(&with(&params, UNIT, body(variant, parts)), Rule::Form);
    }
    for (variant, parts) in [(0, 0), (1, 1), (2, 2)] {
        accept(&with(&params, UNIT, body(variant, parts)));
    }
    refuse(&with(&[own(BOX)], UNIT, body(1, 2)), Rule::Form);
    refuse(&with(&[own(INTS)], UNIT, body(0, 0)), Rule::Form);
    // Copy values too, and boxed ones.
    accept(&with(&[borrow(POINT)], UNIT, body(0, 2)));
    accept(&with(&[own(TREE)], UNIT, body(0, 2)));
    accept(&with(&[own(LINK)], UNIT, body(1, 1)));
}

#[test]
fn arms() {
    let arm = |count: usize| {
        let mut body = vec![switch(0, &[])];
        for number in 0..count {
            if number > 0 {
                body.push(Arm);
            }
            body.push(exit(0, &[]));
        }
        body.extend([End, unit(), ret(&[1])]);
        body
    };
    let params = [borrow(SHAPE)];
    twins(&params, UNIT, Rule::Form, arm(2), arm(3));
    twins(&params, UNIT, Rule::Form, arm(4), arm(3));
    let params = [borrow(MAYBE)];
    twins(&params, UNIT, Rule::Form, arm(3), arm(2));
    refuse(&with(&[borrow(NAMES)], UNIT, arm(2)), Rule::Form);
    // An `if` has both, once; nothing else has any.
    let good = vec![
        if_(0, &[]),
        exit(0, &[]),
        Else,
        exit(0, &[]),
        End,
        unit(),
        ret(&[1]),
    ];
    for bad in [
        vec![if_(0, &[]), exit(0, &[]), End, unit(), ret(&[1])],
        vec![
            if_(0, &[]),
            exit(0, &[]),
            Arm,
            exit(0, &[]),
            End,
            unit(),
            ret(&[1]),
        ],
        vec![
            if_(0, &[]),
            exit(0, &[]),
            Else,
            exit(0, &[]),
            Else,
            exit(0, &[]),
            End,
            unit(),
            ret(&[1]),
        ],
        vec![
            block(&[]),
            exit(0, &[]),
            Else,
            exit(0, &[]),
            End,
            unit(),
            ret(&[1]),
        ],
        vec![Else, unit(), ret(&[1])],
        vec![unreachable(), Else, unreachable()],
    ] {
        twins(&[borrow(BOOL)], UNIT, Rule::Form, bad, good.clone());
    }
}

#[test]
fn terminators() {
    let good = vec![block(&[]), exit(0, &[]), End, unit(), ret(&[0])];
    for bad in [
        vec![],
        vec![unit()],
        vec![unit(), ret(&[0]), unit()],
        vec![unit(), ret(&[0]), ret(&[0])],
        vec![unit(), ret(&[0]), End],
        vec![End],
        vec![block(&[]), End, unit(), ret(&[0])],
        vec![block(&[]), unit(), End, unit(), ret(&[1])],
        vec![block(&[]), exit(0, &[]), unit(), End, unit(), ret(&[0])],
        vec![block(&[]), exit(0, &[]), End],
        vec![block(&[]), exit(0, &[])],
        vec![block(&[]), unit(), ret(&[0])],
        vec![block(&[]), exit(1, &[]), End, unit(), ret(&[0])],
        vec![block(&[]), exit(u32::MAX, &[]), End, unit(), ret(&[0])],
        vec![exit(0, &[])],
        vec![next(0, &[])],
        vec![block(&[]), next(0, &[]), End, unit(), ret(&[0])],
        vec![ret(&[])],
        vec![unit(), ret(&[0, 0])],
    ] {
        twins(&[], UNIT, Rule::Form, bad, good.clone());
    }
}

#[test]
fn traps_of_a_program() {
    let trap = |kind, operand: Option<u32>, message: Option<u32>| {
        vec![Instr::Trap {
            kind,
            operand: operand.map(v),
            message: message.map(v),
        }]
    };
    let params = [borrow(I64), borrow(STRING)];
    let good = trap(TrapKind::Panic, None, Some(1));
    for bad in [
        trap(TrapKind::OutOfFuel, None, None),
        trap(TrapKind::StackOverflow, None, None),
        trap(TrapKind::Panic, None, None),
        trap(TrapKind::Panic, None, Some(0)),
        trap(TrapKind::Panic, Some(0), Some(1)),
        trap(TrapKind::InvalidArgument, None, Some(1)),
        trap(TrapKind::InvalidArgument, Some(1), None),
        trap(TrapKind::Unreachable, Some(0), None),
    ] {
        twins(&params, UNIT, Rule::Form, bad, good.clone());
    }
    accept(&with(
        &params,
        UNIT,
        trap(TrapKind::InvalidArgument, Some(0), None),
    ));
}

#[test]
fn paths() {
    let params = [own(SHAPE), borrow(I64), own(TABLE)];
    for bad in [
        vec![Step::Variant(2)],
        vec![Step::Variant(2), Step::Variant(2)],
        vec![Step::Variant(2), Step::Field(2)],
        vec![Step::Variant(3), Step::Field(0)],
        vec![Step::Field(0)],
        vec![
            Step::Variant(2),
            Step::Field(1),
            Step::Index(v(1)),
            Step::Index(v(1)),
        ],
        vec![Step::Variant(2), Step::Field(1), Step::Key(v(1))],
    ] {
        refuse(
            &with(&params, UNIT, vec![get(0, &bad), unreachable()]),
            Rule::Form,
        );
    }
    let deep = [Step::Variant(2), Step::Field(1), index(1)];
    accept(&with(&params, UNIT, vec![get(0, &deep), unreachable()]));
    // Keys of entries are read, never written.
    let set_key = |step| vec![unique(2, 0), text(), set(3, &[step], 4), unreachable()];
    refuse(
        &with(&params, UNIT, set_key(Step::EntryKey(v(1)))),
        Rule::Form,
    );
    let clear = update(UpdateOp::ListClear, 3, &[Step::EntryValue(v(1))], &[]);
    accept(&with(
        &params,
        UNIT,
        vec![unique(2, 0), clear, unreachable()],
    ));
    accept(&with(
        &params,
        UNIT,
        vec![get(2, &[Step::EntryKey(v(1))]), unreachable()],
    ));
}

#[test]
fn closures_have_the_type_they_claim() {
    let closure = |ty, function, captures: &[u32]| {
        vec![
            Instr::Closure {
                ty,
                function,
                captures: vs(captures).into(),
            },
            unreachable(),
        ]
    };
    let params = [own(STRING), own(INTS)];
    let good = closure(ACTION, CODE, &[0]);
    for bad in [
        closure(ACTION, CODE, &[]),
        closure(ACTION, CODE, &[1]),
        closure(ACTION, CODE, &[0, 0]),
        closure(ACTION, LEND, &[]),
        closure(ACTION, 1000, &[]),
        closure(WITH_KV, CODE, &[0]),
        closure(INTS, CODE, &[0]),
    ] {
        twins(&params, UNIT, Rule::Form, bad, good.clone());
    }
    // A function that would own what the type lends.
    let mut lying = with(&params, UNIT, closure(TypeId(added().0), OWN, &[]));
    lying.types.push(Type::Fn {
        params: vec![FnParam {
            ty: INTS,
            mutable: false,
        }],
        result: UNIT,
    });
    refuse(&lying, Rule::Form);
    let Instr::Closure { function, .. } = &mut lying.functions[TESTED as usize].body[0] else {
        panic!("the first instruction is a closure");
    };
    *function = LEND;
    refuse(&lying, Rule::Form);
    // Changed values are counted.
    let called = |changed| {
        vec![
            Instr::CallValue {
                callee: v(0),
                args: vs(&[1, 2]).into(),
                changed,
            },
            unreachable(),
        ]
    };
    let params = [borrow(ACTION), borrow(INTS), own(INTS)];
    twins(&params, UNIT, Rule::Form, called(0), called(1));
}

#[test]
fn modes_of_copy_types() {
    let body = || vec![unreachable()];
    refuse(&with(&[own(I64)], UNIT, body()), Rule::Form);
    refuse(&with(&[look(POINT)], UNIT, body()), Rule::Form);
    accept(&with(&[inout(I64), borrow(POINT)], UNIT, body()));
    accept(&with(
        &[inout(I64)],
        UNIT,
        vec![update(UpdateOp::I64Add, 0, &[], &[0]), unit(), ret(&[2, 1])],
    ));
}

#[test]
fn limits_of_a_function() {
    let deep = |count: usize| {
        let mut body = vec![block(&[]); count];
        body.extend([unit(), ret(&[0])]);
        for _ in 0..count {
            body.extend([End, unreachable()]);
        }
        body
    };
    twins(&[], UNIT, Rule::Limit, deep(256), deep(255));
    let values = |count: usize| {
        let mut body = vec![new(POINT, &[0, 0]); count / 2];
        // Two values each, to stay below the number of instructions.
        body.extend(vec![open(1, 0, 2); count.div_ceil(4)]);
        body.push(unreachable());
        body
    };
    let verified = |count| verify(&with(&[borrow(I64)], UNIT, values(count)));
    assert!(verified(60_000).is_ok());
    assert_eq!(
        verified(66_000).map_err(|e| e.rule).err(),
        Some(Rule::Limit)
    );
    let long = |count: usize| {
        let mut body = vec![];
        for _ in 0..count / 3 {
            body.extend([block(&[]), exit(0, &[]), End]);
        }
        body.push(unreachable());
        body
    };
    accept(&with(&[], UNIT, long(limits::INSTRUCTIONS - 3)));
    refuse(
        &with(&[], UNIT, long(limits::INSTRUCTIONS + 3)),
        Rule::Limit,
    );
    refuse(
        &with(&vec![borrow(I64); 257], UNIT, vec![unreachable()]),
        Rule::Limit,
    );
    accept(&with(&vec![borrow(I64); 256], UNIT, vec![unreachable()]));
    let mut many = package();
    many.functions = vec![function(&[], UNIT, vec![unreachable()]); limits::FUNCTIONS + 1];
    refuse(&many, Rule::Limit);
}

#[test]
fn facts_of_a_function() {
    let body = vec![
        get(0, &[Step::Field(0)]), // %1: 3, with the two of the parameter
        yes(),                     // %2: 4
        if_(2, &[copy(I64)]),
        new(POINT, &[1, 1]), // %3: 6
        int(1),              // %4: 7
        exit(0, &[4]),
        Else,
        block(&[]),
        exit(1, &[1]),
        End,
        unreachable(),
        End, // %5: 5
        ret(&[5]),
    ];
    let package = with(&[borrow(PAIR)], I64, body);
    let facts = match verify(&package) {
        Ok(verified) => verified.functions[TESTED as usize].clone(),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(facts.frame_slots, 7);
    assert_eq!(facts.frame_bytes, 32 + 8 * 7);
    assert_eq!(facts.region_depth, 2);
    assert_eq!(facts.value_types, [PAIR, I64, BOOL, POINT, I64, I64]);
}

#[test]
fn values_are_numbered_as_everywhere() {
    // The verifier defines values itself; encoder and engine use `Numbering`.
    let package = package();
    let verified = match verify(&package) {
        Ok(verified) => verified,
        Err(error) => panic!("{error}"),
    };
    for (function, facts) in package.functions.iter().zip(&verified.functions) {
        let mut numbering = cop_bytecode::numbering::Numbering::new(function.params.len());
        for instr in &function.body {
            let counts = |f: u32| package.functions.get(f as usize).map(|f| f.call_results());
            assert!(numbering.step(instr, counts).is_ok());
        }
        assert_eq!(numbering.next() as usize, facts.value_types.len());
    }
}

#[test]
fn fields_of_a_shape_are_counted() {
    // A struct without fields is copy and has no slots.
    let (t, d) = added();
    let empty = TypeDef {
        name: "Empty".into(),
        params: 0,
        shape: Shape::Product(Vec::<Field>::new()),
    };
    let mut package = with_types(&[Type::Nominal(DefId(d), vec![])], &[empty]);
    let ty = TypeId(t);
    package
        .functions
        .push(function(&[], ty, vec![new(ty, &[]), ret(&[0])]));
    accept(&package);
}
