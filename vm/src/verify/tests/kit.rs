//! A package with many types and a few callees, into which tests put functions.

use cop_bytecode::{
    Constant, DefId, Entry, Field, FnParam, Function, HostFunction, Instr, Mode, Op, Own, Package,
    Param, Shape, Step, TrapKind, Type, TypeDef, TypeId, UpdateOp, Value, ValueType, Variant,
};

use crate::verify::{Rule, VerifyError, verify};

pub(super) const I64: TypeId = TypeId(0);
pub(super) const BOOL: TypeId = TypeId(1);
pub(super) const UNIT: TypeId = TypeId(2);
pub(super) const STRING: TypeId = TypeId(3);
pub(super) const BYTES: TypeId = TypeId(4);
pub(super) const RANGE: TypeId = TypeId(5);
pub(super) const INTS: TypeId = TypeId(6); // list i64
pub(super) const NAMES: TypeId = TypeId(7); // list string
pub(super) const GRID: TypeId = TypeId(8); // list (list i64)
pub(super) const TABLE: TypeId = TypeId(9); // map string (list i64)
pub(super) const MAYBE: TypeId = TypeId(10); // option string: one slot
pub(super) const PAIR: TypeId = TypeId(11); // (i64, string): slots [i64, ref]
pub(super) const BOX: TypeId = TypeId(12); // struct Box { name: string, items: list i64 }: slots [ref, ref]
pub(super) const SHAPE: TypeId = TypeId(13); // enum Shape { Dot, Text(string), Line(i64, list i64) }: [tag, raw, ref]
pub(super) const TREE: TypeId = TypeId(14); // struct Tree { name: string, left: option Tree }: boxed
pub(super) const LINK: TypeId = TypeId(15); // option Tree: one slot
pub(super) const POINT: TypeId = TypeId(16); // (i64, i64): copy
pub(super) const ACTION: TypeId = TypeId(17); // fn(list i64, mut list i64) -> unit
pub(super) const KV: TypeId = TypeId(18); // host kv
pub(super) const CLOCK: TypeId = TypeId(19); // host clock
pub(super) const BOXES: TypeId = TypeId(20); // list Box
pub(super) const WITH_KV: TypeId = TypeId(21); // fn(host kv) -> unit
pub(super) const PAIR_OF_LISTS: TypeId = TypeId(22); // (list i64, list i64)
pub(super) const EXPR: TypeId = TypeId(23); // enum Expr { Zero, Neg(Expr), Text(string) }: boxed
pub(super) const WORDS: TypeId = TypeId(24); // set string
pub(super) const F64: TypeId = TypeId(25);
pub(super) const CHAR: TypeId = TypeId(26);
pub(super) const NEST: TypeId = TypeId(27); // (i64, (list i64, list i64)): slots [i64, ref, ref]
pub(super) const SHAPES: TypeId = TypeId(28); // list Shape: inline sums in cells
pub(super) const WIDE: TypeId = TypeId(29); // struct Wide of 9 slots: inline, its option boxed
pub(super) const MAYBE_WIDE: TypeId = TypeId(30); // option Wide: boxed
pub(super) const BIG: TypeId = TypeId(31); // struct Big of 19 slots: boxed
pub(super) const BY_NUMBER: TypeId = TypeId(32); // map i64 Shape
pub(super) const BIGS: TypeId = TypeId(33); // list Big
pub(super) const FLAGS: TypeId = TypeId(34); // list bool
pub(super) const WIDES: TypeId = TypeId(35); // list Wide
pub(super) const PAIRS: TypeId = TypeId(36); // set (i64, string)
pub(super) const LETTERS: TypeId = TypeId(37); // list char
pub(super) const MAPS: TypeId = TypeId(38); // list (map i64 Shape)

/// Functions that the tests call; the function under test follows.
pub(super) const LEND: u32 = 0; // (borrow list i64) -> i64
pub(super) const LOOK: u32 = 1; // (look list i64) -> i64
pub(super) const OWN: u32 = 2; // (own list i64) -> unit
pub(super) const INOUT: u32 = 3; // (inout list i64) -> unit
pub(super) const CODE: u32 = 4; // captures string; (borrow list i64, inout list i64) -> unit
pub(super) const USE_KV: u32 = 5; // (borrow host kv) -> unit
pub(super) const LEND_BOTH: u32 = 6; // (borrow list i64, own list i64) -> unit
pub(super) const LEND_STRING: u32 = 7; // (borrow string) -> unit
pub(super) const LEND_PART: u32 = 8; // (borrow list i64, own (list i64, list i64)) -> unit
pub(super) const TESTED: u32 = 9;

pub(super) fn v(number: u32) -> Value {
    Value(number)
}

pub(super) fn vs(numbers: &[u32]) -> Vec<Value> {
    numbers.iter().copied().map(Value).collect()
}

pub(super) fn copy(ty: TypeId) -> ValueType {
    ValueType { ty, own: Own::Copy }
}

pub(super) fn owned(ty: TypeId, unique: u64) -> ValueType {
    ValueType {
        ty,
        own: Own::Owned { unique },
    }
}

pub(super) fn borrowed(ty: TypeId, root: u32) -> ValueType {
    ValueType {
        ty,
        own: Own::Borrowed { root: Value(root) },
    }
}

pub(super) fn borrow(ty: TypeId) -> Param {
    Param {
        ty,
        mode: Mode::Borrow,
    }
}

pub(super) fn look(ty: TypeId) -> Param {
    Param {
        ty,
        mode: Mode::Look,
    }
}

pub(super) fn own(ty: TypeId) -> Param {
    Param {
        ty,
        mode: Mode::Own,
    }
}

pub(super) fn inout(ty: TypeId) -> Param {
    Param {
        ty,
        mode: Mode::InOut,
    }
}

pub(super) fn index(value: u32) -> Step {
    Step::Index(Value(value))
}

pub(super) fn int(value: i64) -> Instr {
    Instr::ConstI64(value)
}

pub(super) fn yes() -> Instr {
    Instr::ConstBool(true)
}

pub(super) fn unit() -> Instr {
    Instr::ConstUnit
}

pub(super) fn text() -> Instr {
    Instr::Const(0)
}

pub(super) fn new(ty: TypeId, parts: &[u32]) -> Instr {
    Instr::New {
        ty,
        variant: 0,
        parts: vs(parts).into(),
    }
}

pub(super) fn variant(ty: TypeId, variant: u32, parts: &[u32]) -> Instr {
    Instr::New {
        ty,
        variant,
        parts: vs(parts).into(),
    }
}

pub(super) fn get(value: u32, path: &[Step]) -> Instr {
    Instr::Get {
        value: Value(value),
        path: path.to_vec().into(),
    }
}

pub(super) fn set(value: u32, path: &[Step], new: u32) -> Instr {
    Instr::Set {
        value: Value(value),
        path: path.to_vec().into(),
        new: Value(new),
    }
}

pub(super) fn update(op: UpdateOp, value: u32, path: &[Step], args: &[u32]) -> Instr {
    Instr::Update {
        op,
        value: Value(value),
        path: path.to_vec().into(),
        args: vs(args).into(),
    }
}

/// `list.push` at the value itself.
pub(super) fn push(value: u32, element: u32) -> Instr {
    update(UpdateOp::ListPush, value, &[], &[element])
}

pub(super) fn take(value: u32, path: &[Step]) -> Instr {
    Instr::Take {
        value: Value(value),
        path: path.to_vec().into(),
    }
}

pub(super) fn put(value: u32, path: &[Step], new: u32) -> Instr {
    Instr::Put {
        value: Value(value),
        path: path.to_vec().into(),
        new: Value(new),
    }
}

pub(super) fn dup(value: u32) -> Instr {
    Instr::Dup(Value(value))
}

pub(super) fn drop_(value: u32) -> Instr {
    Instr::Drop(Value(value))
}

pub(super) fn unique(value: u32, slot: u32) -> Instr {
    Instr::Unique {
        value: Value(value),
        slot,
    }
}

pub(super) fn open(value: u32, variant: u32, parts: u32) -> Instr {
    Instr::Open {
        value: Value(value),
        variant,
        parts,
    }
}

pub(super) fn op(op: Op, args: &[u32]) -> Instr {
    Instr::Op {
        op,
        ty: None,
        args: vs(args).into(),
    }
}

pub(super) fn call(function: u32, args: &[u32]) -> Instr {
    Instr::Call {
        function,
        args: vs(args).into(),
    }
}

pub(super) fn block(results: &[ValueType]) -> Instr {
    Instr::Block {
        results: results.to_vec().into(),
    }
}

pub(super) fn if_(condition: u32, results: &[ValueType]) -> Instr {
    Instr::If {
        condition: Value(condition),
        results: results.to_vec().into(),
    }
}

pub(super) fn switch(value: u32, results: &[ValueType]) -> Instr {
    Instr::Switch {
        value: Value(value),
        results: results.to_vec().into(),
    }
}

pub(super) fn loop_(start: &[u32], params: &[ValueType], results: &[ValueType]) -> Instr {
    Instr::Loop {
        start: vs(start).into(),
        params: params.to_vec().into(),
        results: results.to_vec().into(),
    }
}

pub(super) fn for_(from: u32, to: u32, start: &[u32], params: &[ValueType]) -> Instr {
    Instr::For {
        from: Value(from),
        to: Value(to),
        start: vs(start).into(),
        params: params.to_vec().into(),
    }
}

pub(super) fn exit(depth: u32, values: &[u32]) -> Instr {
    Instr::Exit {
        depth,
        values: vs(values).into(),
    }
}

pub(super) fn next(depth: u32, values: &[u32]) -> Instr {
    Instr::Next {
        depth,
        values: vs(values).into(),
    }
}

pub(super) fn ret(values: &[u32]) -> Instr {
    Instr::Ret {
        values: vs(values).into(),
    }
}

pub(super) fn unreachable() -> Instr {
    Instr::Trap {
        kind: TrapKind::Unreachable,
        operand: None,
        message: None,
    }
}

fn fields(types: &[TypeId]) -> Vec<Field> {
    let field = |(index, ty): (usize, &TypeId)| Field {
        name: index.to_string(),
        ty: *ty,
    };
    types.iter().enumerate().map(field).collect()
}

pub(super) fn product(name: &str, types: &[TypeId]) -> TypeDef {
    TypeDef {
        name: name.into(),
        params: 0,
        shape: Shape::Product(fields(types)),
    }
}

pub(super) fn sum(name: &str, variants: &[&[TypeId]]) -> TypeDef {
    let variant = |(index, types): (usize, &&[TypeId])| Variant {
        name: format!("V{index}"),
        fields: fields(types),
    };
    TypeDef {
        name: name.into(),
        params: 0,
        shape: Shape::Sum(variants.iter().enumerate().map(variant).collect()),
    }
}

pub(super) fn function(params: &[Param], result: TypeId, body: Vec<Instr>) -> Function {
    Function {
        params: params.to_vec(),
        captures: 0,
        result,
        body,
    }
}

/// The types and callees above.
pub(super) fn package() -> Package {
    let param = |ty, mutable| FnParam { ty, mutable };
    let types = vec![
        Type::I64,
        Type::Bool,
        Type::Unit,
        Type::String,
        Type::Bytes,
        Type::Range,
        Type::List(I64),
        Type::List(STRING),
        Type::List(INTS),
        Type::Map(STRING, INTS),
        Type::Option(STRING),
        Type::Tuple(vec![I64, STRING]),
        Type::Nominal(DefId(0), vec![]),
        Type::Nominal(DefId(1), vec![]),
        Type::Nominal(DefId(2), vec![]),
        Type::Option(TREE),
        Type::Tuple(vec![I64, I64]),
        Type::Fn {
            params: vec![param(INTS, false), param(INTS, true)],
            result: UNIT,
        },
        Type::Host("kv".into()),
        Type::Host("clock".into()),
        Type::List(BOX),
        Type::Fn {
            params: vec![param(KV, false)],
            result: UNIT,
        },
        Type::Tuple(vec![INTS, INTS]),
        Type::Nominal(DefId(3), vec![]),
        Type::Set(STRING),
        Type::F64,
        Type::Char,
        Type::Tuple(vec![I64, PAIR_OF_LISTS]),
        Type::List(SHAPE),
        Type::Nominal(DefId(4), vec![]),
        Type::Option(WIDE),
        Type::Nominal(DefId(5), vec![]),
        Type::Map(I64, SHAPE),
        Type::List(BIG),
        Type::List(BOOL),
        Type::List(WIDE),
        Type::Set(PAIR),
        Type::List(CHAR),
        Type::List(BY_NUMBER),
    ];
    let wide = [STRING, I64, INTS, F64, BOOL, I64, CHAR, I64, MAYBE];
    let big = [
        BOOL, INTS, F64, SHAPE, BOOL, CHAR, STRING, I64, F64, PAIR, BOOL, I64, LINK, F64, I64, I64,
    ];
    let host = |interface: &str, name: &str, capability| HostFunction {
        interface: interface.into(),
        version: 1,
        name: name.into(),
        capability,
    };
    let closed = Function {
        captures: 1,
        ..function(
            &[borrow(STRING), borrow(INTS), inout(INTS)],
            UNIT,
            vec![unit(), ret(&[3, 2])],
        )
    };
    Package {
        types,
        defs: vec![
            product("Box", &[STRING, INTS]),
            sum("Shape", &[&[], &[STRING], &[I64, INTS]]),
            product("Tree", &[STRING, LINK]),
            sum("Expr", &[&[], &[EXPR], &[STRING]]),
            product("Wide", &wide),
            product("Big", &big),
        ],
        entries: vec![],
        host_functions: vec![host("kv", "get", true), host("log", "append", false)],
        constants: vec![
            Constant::String("text".into()),
            Constant::Bytes(b"bytes".to_vec()),
        ],
        functions: vec![
            function(&[borrow(INTS)], I64, vec![op(Op::ListLen, &[0]), ret(&[1])]),
            function(&[look(INTS)], I64, vec![op(Op::ListLen, &[0]), ret(&[1])]),
            function(&[own(INTS)], UNIT, vec![drop_(0), unit(), ret(&[1])]),
            function(&[inout(INTS)], UNIT, vec![unit(), ret(&[1, 0])]),
            closed,
            function(&[borrow(KV)], UNIT, vec![unit(), ret(&[1])]),
            function(
                &[borrow(INTS), own(INTS)],
                UNIT,
                vec![drop_(1), unit(), ret(&[2])],
            ),
            function(&[borrow(STRING)], UNIT, vec![unit(), ret(&[1])]),
            function(
                &[borrow(INTS), own(PAIR_OF_LISTS)],
                UNIT,
                vec![drop_(1), unit(), ret(&[2])],
            ),
        ],
    }
}

/// The package with one more function, [`TESTED`].
pub(super) fn with(params: &[Param], result: TypeId, body: Vec<Instr>) -> Package {
    let mut package = package();
    package.functions.push(function(params, result, body));
    package
}

/// An entry point for the function under test.
pub(super) fn entry(name: &str, capabilities: &[&str]) -> Entry {
    Entry {
        name: name.into(),
        function: TESTED,
        capabilities: capabilities.iter().map(|c| (*c).to_owned()).collect(),
    }
}

#[track_caller]
pub(super) fn accept(package: &Package) {
    if let Err(error) = verify(package) {
        panic!("a legal package is refused: {error}");
    }
}

#[track_caller]
pub(super) fn refuse(package: &Package, rule: Rule) -> VerifyError {
    match verify(package) {
        Err(error) if error.rule == rule => error,
        Err(error) => panic!("rule {rule:?} should be broken, not this: {error}"),
        Ok(_) => panic!("accepted, though it breaks rule {rule:?}"),
    }
}

/// An attack and its legal twin: functions of one signature.
#[track_caller]
pub(super) fn twins(
    params: &[Param],
    result: TypeId,
    rule: Rule,
    bad: Vec<Instr>,
    good: Vec<Instr>,
) {
    accept(&with(params, result, good));
    refuse(&with(params, result, bad), rule);
}

/// Random numbers from a seed (xorshift).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `bound`, or 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) as usize) % bound.max(1)
    }

    /// Whether something happens that happens once in `times`.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        from.get(self.below(from.len())).cloned()
    }
}
