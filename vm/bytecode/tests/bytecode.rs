//! Packages as bytes: round trips, one spelling only, and no panic on anything.

use cop_bytecode::print::Options;
use cop_bytecode::table::{Kind, OPS, UPDATES};
use cop_bytecode::{
    Constant, DefId, Entry, Field, FnParam, Function, HostFunction, Instr, Mode, Own, Package,
    Param, Shape, Step, TrapKind, Type, TypeDef, TypeId, Value, ValueType, Variant, canonical,
    decode, encode, print,
};

fn v(n: u32) -> Value {
    Value(n)
}

/// A package that has every instruction, type and step, in no good order and with things that nothing
/// reaches. It would not verify.
fn everything() -> Package {
    let types = vec![
        Type::Unit,
        Type::I64,
        Type::F64,
        Type::Bool,
        Type::Char,
        Type::String,
        Type::Bytes,
        Type::Range,
        Type::List(TypeId(1)),
        Type::Map(TypeId(5), TypeId(8)),
        Type::Set(TypeId(4)),
        Type::Option(TypeId(2)),
        Type::Tuple(vec![TypeId(3), TypeId(7)]),
        Type::Param(0),
        Type::Nominal(DefId(1), vec![TypeId(1)]),
        Type::Fn {
            params: vec![FnParam {
                ty: TypeId(1),
                mutable: true,
            }],
            result: TypeId(0),
        },
        Type::Host("kv".into()),
    ];
    let field = |ty| Field {
        name: "f".into(),
        ty: TypeId(ty),
    };
    let def = |shape| TypeDef {
        name: "D".into(),
        params: 1,
        shape,
    };
    let variants = vec![
        Variant {
            name: "A".into(),
            fields: vec![],
        },
        Variant {
            name: "B".into(),
            fields: vec![field(13)],
        },
    ];
    let mut body = vec![
        Instr::ConstI64(i64::MIN),
        Instr::ConstF64(1.5f64.to_bits()),
        Instr::ConstBool(true),
        Instr::ConstChar('ß'),
        Instr::ConstUnit,
        Instr::Const(1),
        Instr::Const(2),
        Instr::Block { results: [].into() },
        Instr::Exit {
            depth: 0,
            values: [].into(),
        },
        Instr::End,
    ];
    // %0: host kv, %1: i64 (parameters); %2..%8: constants.
    let owned = |ty| ValueType {
        ty: TypeId(ty),
        own: Own::Owned { unique: u64::MAX },
    };
    let copy = |ty| ValueType {
        ty: TypeId(ty),
        own: Own::Copy,
    };
    let borrowed = |ty| ValueType {
        ty: TypeId(ty),
        own: Own::Borrowed { root: v(7) },
    };
    body.extend([
        Instr::If {
            condition: v(4),
            results: [owned(9), copy(1), borrowed(5)].into(),
        },
        Instr::Trap {
            kind: TrapKind::Panic,
            operand: Some(v(1)),
            message: Some(v(7)),
        },
        Instr::Else,
        Instr::Ret {
            values: [v(8)].into(),
        },
        Instr::End,
        Instr::Loop {
            start: [v(2)].into(),
            params: [copy(10)].into(),
            results: [].into(),
        },
        Instr::Next {
            depth: 0,
            values: [v(12)].into(),
        },
        Instr::End,
        Instr::For {
            from: v(2),
            to: v(2),
            start: [].into(),
            params: [].into(),
        },
        Instr::Exit {
            depth: 0,
            values: [].into(),
        },
        Instr::End,
        Instr::Switch {
            value: v(2),
            results: [].into(),
        },
        Instr::Arm,
        Instr::End,
        Instr::New {
            ty: TypeId(14),
            variant: 1,
            parts: [v(2)].into(),
        },
        Instr::Get {
            value: v(2),
            path: [
                Step::Index(v(1)),
                Step::Key(v(2)),
                Step::Field(3),
                Step::Variant(4),
                Step::EntryKey(v(5)),
                Step::EntryValue(v(6)),
            ]
            .into(),
        },
        Instr::Set {
            value: v(2),
            path: [].into(),
            new: v(1),
        },
        Instr::Take {
            value: v(2),
            path: [].into(),
        },
        Instr::Put {
            value: v(2),
            path: [].into(),
            new: v(1),
        },
        Instr::Dup(v(1)),
        Instr::Drop(v(1)),
        Instr::Unique {
            value: v(1),
            slot: 3,
        },
        Instr::Open {
            value: v(1),
            variant: 0,
            parts: 4,
        },
        Instr::Tag(v(1)),
        Instr::Call {
            function: 0,
            args: [v(1)].into(),
        },
        Instr::CallValue {
            callee: v(1),
            args: [v(2)].into(),
            changed: 1,
        },
        Instr::Closure {
            ty: TypeId(15),
            function: 1,
            captures: [v(1), v(1)].into(),
        },
        Instr::HostCall {
            function: 1,
            capability: Some(v(0)),
            argument: v(8),
        },
    ]);
    for row in OPS {
        body.push(Instr::Op {
            op: row.op,
            ty: (row.result == Kind::Named).then_some(TypeId(8)),
            args: row.args.iter().map(|_| v(2)).collect(),
        });
    }
    for row in UPDATES {
        body.push(Instr::Update {
            op: row.op,
            value: v(2),
            path: [Step::Field(0)].into(),
            args: row.args.iter().map(|_| v(3)).collect(),
        });
    }
    body.push(Instr::Ret {
        values: [v(8)].into(),
    });
    let function = |params: Vec<Param>, body| Function {
        params,
        captures: 0,
        result: TypeId(6),
        body,
    };
    let param = |ty, mode| Param {
        ty: TypeId(ty),
        mode,
    };
    let all_modes = vec![
        param(2, Mode::Own),
        param(11, Mode::Look),
        param(12, Mode::InOut),
        param(6, Mode::Borrow),
    ];
    Package {
        types,
        defs: vec![
            def(Shape::Product(vec![field(13)])),
            def(Shape::Sum(variants)),
        ],
        entries: vec![
            Entry {
                name: "test 1".into(),
                function: 0,
                capabilities: vec![],
            },
            Entry {
                name: "main".into(),
                function: 2,
                capabilities: vec!["kv".into()],
            },
        ],
        host_functions: vec![
            HostFunction {
                interface: "log".into(),
                version: 1,
                name: "append".into(),
                capability: false,
            },
            HostFunction {
                interface: "kv".into(),
                version: 1,
                name: "get".into(),
                capability: true,
            },
        ],
        constants: vec![
            Constant::String("unused".into()),
            Constant::String("héllo".into()),
            Constant::Bytes(vec![0, 255]),
        ],
        functions: vec![
            function(
                vec![param(1, Mode::InOut)],
                vec![Instr::Ret {
                    values: [v(0)].into(),
                }],
            ),
            function(
                all_modes,
                vec![Instr::Ret {
                    values: [v(3)].into(),
                }],
            ),
            function(vec![param(16, Mode::Borrow), param(1, Mode::Borrow)], body),
            function(vec![], vec![]),
        ],
    }
}

#[test]
fn round_trip_in_canonical_order() {
    let (package, moved) = canonical(everything());
    assert_eq!(moved, [Some(1), Some(2), Some(0), None]);
    assert_eq!(package.entries[0].name, "main");
    assert_eq!(package.constants.len(), 2);
    assert_eq!(package.host_functions.len(), 1);
    let encoded = encode(&package).unwrap();
    let decoded = decode(&encoded.interface, &encoded.code).unwrap();
    assert_eq!(decoded, package);
    assert_eq!(encode(&decoded).unwrap(), encoded);
    assert_eq!(canonical(package.clone()).0, package);
}

#[test]
fn another_order_is_refused() {
    let encoded = encode(&everything()).unwrap();
    let error = decode(&encoded.interface, &encoded.code).unwrap_err();
    assert_eq!(error.reason, "entries are not in order of name");
    let mut package = canonical(everything()).0;
    package.types.push(Type::List(TypeId(0)));
    let encoded = encode(&package).unwrap();
    let error = decode(&encoded.interface, &encoded.code).unwrap_err();
    assert!(error.reason.starts_with("nothing reaches type"), "{error}");
}

/// A small generator of numbers that are the same on every machine (Marsaglia's xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// Whatever decodes must encode to the same bytes.
fn check(interface: &[u8], code: &[u8]) -> bool {
    let Ok(package) = decode(interface, code) else {
        return false;
    };
    let again = encode(&package).unwrap();
    assert_eq!(again.interface, interface);
    assert_eq!(again.code, code);
    print(
        &package,
        Options {
            fuel: true,
            ..Options::default()
        },
    );
    true
}

#[test]
fn garbage_and_mutations_never_panic_and_have_one_spelling() {
    let good = encode(&canonical(everything()).0).unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut accepted = 0;
    for _ in 0..20_000 {
        let (mut interface, mut code) = (good.interface.clone(), good.code.clone());
        for _ in 0..=random.below(2) {
            let blob = if random.below(3) == 0 {
                &mut interface
            } else {
                &mut code
            };
            let at = random.below(blob.len());
            match random.below(4) {
                0 => blob[at] = random.below(256) as u8,
                1 => blob[at] ^= 1 << random.below(8),
                2 => {
                    blob.remove(at);
                }
                _ => blob.insert(at, random.below(256) as u8),
            }
        }
        accepted += usize::from(check(&interface, &code));
    }
    assert!(accepted > 100, "only {accepted} mutations were packages");
    for _ in 0..2_000 {
        let mut garbage: Vec<u8> = (0..random.below(200))
            .map(|_| random.below(256) as u8)
            .collect();
        garbage.splice(
            0..0,
            [good.interface[..6].to_vec(), vec![]][random.below(2)]
                .iter()
                .copied(),
        );
        check(&garbage, &good.code);
        check(&good.interface, &garbage);
    }
    for cut in 0..good.code.len() {
        assert!(!check(&good.interface, &good.code[..cut]));
    }
    for cut in 0..good.interface.len() {
        assert!(!check(&good.interface[..cut], &good.code));
    }
}

#[test]
fn text_of_a_small_function() {
    let body = vec![
        Instr::ConstI64(0),
        Instr::Op {
            op: cop_bytecode::Op::ListLen,
            ty: None,
            args: [v(0)].into(),
        },
        Instr::For {
            from: v(1),
            to: v(2),
            start: [v(1)].into(),
            params: [ValueType {
                ty: TypeId(0),
                own: Own::Copy,
            }]
            .into(),
        },
        Instr::Get {
            value: v(0),
            path: [Step::Index(v(3))].into(),
        },
        Instr::Op {
            op: cop_bytecode::Op::I64Add,
            ty: None,
            args: [v(4), v(5)].into(),
        },
        Instr::Next {
            depth: 0,
            values: [v(6)].into(),
        },
        Instr::End,
        Instr::Ret {
            values: [v(7)].into(),
        },
    ];
    let package = Package {
        types: vec![Type::I64, Type::List(TypeId(0))],
        functions: vec![Function {
            params: vec![Param {
                ty: TypeId(1),
                mode: Mode::Look,
            }],
            captures: 0,
            result: TypeId(0),
            body,
        }],
        ..Package::default()
    };
    let options = Options {
        fuel: true,
        ..Options::default()
    };
    let text = print(&package, options);
    let function = text.split_once("\n\n").unwrap().1;
    let expected = "\
fn 0 (%0: look list i64) -> i64 {  ; fuel 7 in all
  %1 = const.i64 0  ; block 2
  %2 = list.len %0                                  ; fuel 1
  %7 = for %1..%2 with %1: i64 { |%3, %4|           ; fuel 1
    %5 = get %0 [%3]                                ; fuel 1  ; block 4
    %6 = i64.add %4 %5                              ; fuel 1
    next 0 %6                                       ; fuel 1
  }
  ret %7                                            ; fuel 1
}
";
    assert_eq!(function, expected);
}
