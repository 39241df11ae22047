//! Building packages by hand, so that a test reads like the bytecode that it runs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use cop_bytecode::numbering::Numbering;
use cop_bytecode::{
    Constant, DefId, Entry, Field, Function, HostFunction, Instr, Layouts, Mode, Op, Own, Package,
    Param, Shape, Step, TrapKind, Type, TypeDef, TypeId, UpdateOp, Value, ValueType, Variant,
    canonical,
};
use cop_vm::{
    Answer, End, Engine, Host, Limits, NoHost, Outcome, Program, Remains, Trap, run_inspected,
};

/// A package that is being built.
#[derive(Default)]
pub struct Pack {
    pub types: Layouts,
    pub package: Package,
}

impl Pack {
    pub fn new() -> Pack {
        Pack::default()
    }

    pub fn ty(&mut self, ty: Type) -> TypeId {
        self.types.intern(ty)
    }

    pub fn i64(&mut self) -> TypeId {
        self.ty(Type::I64)
    }

    pub fn list(&mut self, item: TypeId) -> TypeId {
        self.ty(Type::List(item))
    }

    pub fn option(&mut self, item: TypeId) -> TypeId {
        self.ty(Type::Option(item))
    }

    /// A struct whose fields are set later, so that it can contain itself.
    pub fn declare(&mut self, name: &str) -> (DefId, TypeId) {
        let def = self.types.define(TypeDef {
            name: name.into(),
            params: 0,
            shape: Shape::Product(vec![]),
        });
        (def, self.ty(Type::Nominal(def, vec![])))
    }

    pub fn product(&mut self, def: DefId, fields: &[TypeId]) {
        self.types.set_shape(def, Shape::Product(named(fields)));
    }

    pub fn sum(&mut self, def: DefId, variants: &[&[TypeId]]) {
        let variants = variants.iter().enumerate();
        let variants = variants.map(|(i, fields)| Variant {
            name: format!("V{i}"),
            fields: named(fields),
        });
        let shape = Shape::Sum(variants.collect());
        self.types.set_shape(def, shape);
    }

    pub fn strukt(&mut self, fields: &[TypeId]) -> TypeId {
        let (def, ty) = self.declare("S");
        self.product(def, fields);
        ty
    }

    pub fn host_function(&mut self, interface: &str, name: &str) -> u32 {
        self.package.host_functions.push(HostFunction {
            interface: interface.into(),
            version: 1,
            name: name.into(),
            capability: false,
        });
        self.package.host_functions.len() as u32 - 1
    }

    /// Adds a function and gives its index.
    pub fn function(
        &mut self,
        params: &[(TypeId, Mode)],
        result: TypeId,
        build: impl FnOnce(&mut Body),
    ) -> u32 {
        let index = self.package.functions.len();
        let params: Vec<Param> = params
            .iter()
            .map(|(ty, mode)| Param {
                ty: *ty,
                mode: *mode,
            })
            .collect();
        self.package.functions.push(Function {
            params: params.clone(),
            captures: 0,
            result,
            body: vec![],
        });
        let mut body = Body {
            numbering: Numbering::new(params.len()),
            instrs: vec![],
            pack: self,
        };
        build(&mut body);
        let instrs = body.instrs;
        self.package.functions[index].body = instrs;
        index as u32
    }

    /// The entry point `main`, without capabilities.
    pub fn main(mut self, build: impl FnOnce(&mut Body)) -> Package {
        let bytes = self.ty(Type::Bytes);
        let function = self.function(&[], bytes, build);
        self.package.entries.push(Entry {
            name: "main".into(),
            function,
            capabilities: vec![],
        });
        self.finish()
    }

    pub fn finish(mut self) -> Package {
        self.package.types = (0..self.types.len() as u32)
            .map(|i| self.types.get(TypeId(i)).unwrap().clone())
            .collect();
        self.package.defs = self.types.defs().to_vec();
        canonical(self.package).0
    }
}

fn named(fields: &[TypeId]) -> Vec<Field> {
    let field = |(i, ty): (usize, &TypeId)| Field {
        name: format!("f{i}"),
        ty: *ty,
    };
    fields.iter().enumerate().map(field).collect()
}

/// A function body that is being built.
pub struct Body<'p> {
    numbering: Numbering,
    instrs: Vec<Instr>,
    pub pack: &'p mut Pack,
}

/// An owned value with these own slots unique.
pub fn owned(ty: TypeId, unique: u64) -> ValueType {
    ValueType {
        ty,
        own: Own::Owned { unique },
    }
}

/// A value of a copy type.
pub fn copy(ty: TypeId) -> ValueType {
    ValueType { ty, own: Own::Copy }
}

impl Body<'_> {
    /// Adds an instruction and gives the values that it defines.
    pub fn all(&mut self, instr: Instr) -> Vec<Value> {
        let functions = &self.pack.package.functions;
        let results = |callee: u32| functions.get(callee as usize).map(Function::call_results);
        let defined = self.numbering.step(&instr, results).unwrap();
        self.instrs.push(instr);
        defined.map(Value).collect()
    }

    /// Adds an instruction that defines at least one value; gives the first.
    pub fn one(&mut self, instr: Instr) -> Value {
        self.all(instr)[0]
    }

    pub fn int(&mut self, n: i64) -> Value {
        self.one(Instr::ConstI64(n))
    }

    pub fn float(&mut self, f: f64) -> Value {
        self.one(Instr::ConstF64(f.to_bits()))
    }

    pub fn truth(&mut self, b: bool) -> Value {
        self.one(Instr::ConstBool(b))
    }

    pub fn char(&mut self, c: char) -> Value {
        self.one(Instr::ConstChar(c))
    }

    pub fn text(&mut self, text: &str) -> Value {
        self.constant(Constant::String(text.into()))
    }

    pub fn bytes(&mut self, bytes: &[u8]) -> Value {
        self.constant(Constant::Bytes(bytes.into()))
    }

    fn constant(&mut self, constant: Constant) -> Value {
        let constants = &mut self.pack.package.constants;
        let index = constants
            .iter()
            .position(|c| *c == constant)
            .unwrap_or_else(|| {
                constants.push(constant);
                constants.len() - 1
            });
        self.one(Instr::Const(index as u32))
    }

    pub fn op(&mut self, op: Op, args: &[Value]) -> Value {
        self.one(Instr::Op {
            op,
            ty: None,
            args: args.to_vec().into(),
        })
    }

    pub fn new_value(&mut self, ty: TypeId, variant: u32, parts: &[Value]) -> Value {
        self.one(Instr::New {
            ty,
            variant,
            parts: parts.to_vec().into(),
        })
    }

    pub fn get(&mut self, value: Value, path: &[Step]) -> Value {
        self.one(Instr::Get {
            value,
            path: path.to_vec().into(),
        })
    }

    pub fn set(&mut self, value: Value, path: &[Step], new: Value) -> Value {
        self.one(Instr::Set {
            value,
            path: path.to_vec().into(),
            new,
        })
    }

    /// An update; gives the changed value, and the operation's own result if it has one.
    pub fn update(
        &mut self,
        op: UpdateOp,
        value: Value,
        path: &[Step],
        args: &[Value],
    ) -> Vec<Value> {
        self.all(Instr::Update {
            op,
            value,
            path: path.to_vec().into(),
            args: args.to_vec().into(),
        })
    }

    pub fn update1(&mut self, op: UpdateOp, value: Value, path: &[Step], args: &[Value]) -> Value {
        self.update(op, value, path, args)[0]
    }

    pub fn unique(&mut self, value: Value, slot: u32) -> Value {
        self.one(Instr::Unique { value, slot })
    }

    pub fn dup(&mut self, value: Value) -> Value {
        self.one(Instr::Dup(value))
    }

    pub fn drop(&mut self, value: Value) {
        self.all(Instr::Drop(value));
    }

    pub fn drops(&mut self, values: &[Value]) {
        values.iter().for_each(|v| self.drop(*v));
    }

    pub fn call(&mut self, function: u32, args: &[Value]) -> Vec<Value> {
        self.all(Instr::Call {
            function,
            args: args.to_vec().into(),
        })
    }

    pub fn exit(&mut self, depth: u32, values: &[Value]) {
        self.all(Instr::Exit {
            depth,
            values: values.to_vec().into(),
        });
    }

    pub fn next(&mut self, depth: u32, values: &[Value]) {
        self.all(Instr::Next {
            depth,
            values: values.to_vec().into(),
        });
    }

    pub fn end(&mut self) -> Vec<Value> {
        self.all(Instr::End)
    }

    pub fn ret(&mut self, values: &[Value]) {
        self.all(Instr::Ret {
            values: values.to_vec().into(),
        });
    }

    pub fn trap(&mut self, kind: TrapKind) {
        self.all(Instr::Trap {
            kind,
            operand: None,
            message: None,
        });
    }

    pub fn if_(&mut self, condition: Value, results: &[ValueType]) {
        self.all(Instr::If {
            condition,
            results: results.to_vec().into(),
        });
    }

    pub fn else_(&mut self) {
        self.all(Instr::Else);
    }

    /// A counting loop from 0; gives the index and the parameters.
    pub fn for_(&mut self, to: i64, start: &[Value], params: &[ValueType]) -> Vec<Value> {
        let (from, to) = (self.int(0), self.int(to));
        self.all(Instr::For {
            from,
            to,
            start: start.to_vec().into(),
            params: params.to_vec().into(),
        })
    }

    /// Empty bytes with one owner.
    pub fn buffer(&mut self) -> Value {
        let empty = self.bytes(b"");
        self.unique(empty, 0)
    }

    /// An empty text with one owner.
    pub fn blank(&mut self) -> Value {
        let empty = self.text("");
        self.unique(empty, 0)
    }

    /// Returns integers, eight bytes each.
    pub fn ret_ints(&mut self, ints: &[Value]) {
        let mut out = self.buffer();
        for int in ints {
            out = self.update1(UpdateOp::BytesAppendI64, out, &[], &[*int]);
        }
        self.ret(&[out]);
    }

    /// Returns a text, which is dropped, as bytes.
    pub fn ret_text(&mut self, text: Value) {
        let bytes = self.op(Op::StringToBytes, &[text]);
        self.drop(text);
        self.ret(&[bytes]);
    }

    /// A truth value as 0 or 1.
    pub fn as_int(&mut self, truth: Value) -> Value {
        let i64 = self.pack.i64();
        self.if_(truth, &[copy(i64)]);
        let one = self.int(1);
        self.exit(0, &[one]);
        self.else_();
        let zero = self.int(0);
        self.exit(0, &[zero]);
        self.end()[0]
    }
}

/// A host that notes what it was asked and what it said, or says it again.
struct Recorder<'a> {
    host: Option<&'a mut dyn Host>,
    asked: Vec<(String, String, Vec<u8>)>,
    answers: VecDeque<Answer>,
    interrupt: Option<Arc<AtomicBool>>,
}

impl Host for Recorder<'_> {
    fn call(&mut self, interface: &str, function: &str, argument: &[u8]) -> Answer {
        self.asked
            .push((interface.into(), function.into(), argument.to_vec()));
        match &mut self.host {
            Some(host) => {
                let answer = host.call(interface, function, argument);
                self.answers.push_back(answer.clone());
                answer
            }
            None => self.answers.pop_front().expect("the same questions"),
        }
    }

    fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        self.interrupt.clone()
    }
}

/// Runs an entry point by the interpreter and as machine code, which must not differ in anything.
pub fn run_both(
    program: &Program,
    entry: &str,
    limits: Limits,
    host: &mut dyn Host,
) -> (Outcome, Remains) {
    let interrupt = host.interrupt();
    let mut first = Recorder {
        interrupt: interrupt.clone(),
        host: Some(host),
        asked: Vec::new(),
        answers: VecDeque::new(),
    };
    let interpreted = run_inspected(program, entry, limits, &mut first, Engine::Interpreter);
    let mut second = Recorder {
        interrupt,
        host: None,
        asked: Vec::new(),
        answers: first.answers,
    };
    if cop_vm::MACHINE_CODE {
        program.compile(entry).expect("it can be compiled");
    }
    let compiled = run_inspected(program, entry, limits, &mut second, Engine::Jit);
    assert_eq!(
        compiled,
        interpreted,
        "{}",
        cop_bytecode::print(program.package(), Default::default())
    );
    assert_eq!(first.asked, second.asked);
    interpreted
}

/// Runs `main` of a package that must verify; after a run that returned, no cell may be left.
pub fn run_with(package: &Package, limits: Limits, host: &mut dyn Host) -> Outcome {
    let program = match Program::load(package) {
        Ok(program) => program,
        Err(refusal) => panic!(
            "{refusal}\n{}",
            cop_bytecode::print(package, Default::default())
        ),
    };
    let (outcome, remains) = run_both(&program, "main", limits, host);
    if let End::Returned(_) = outcome.end {
        assert_eq!(
            remains.live_cells,
            0,
            "cells are left:\n{}",
            cop_bytecode::print(package, Default::default())
        );
    }
    // Again, with other random keys in the tables' places if the process had others, the same comes out.
    outcome
}

/// Runs without a host within the usual limits.
pub fn run(package: &Package) -> Outcome {
    run_with(package, Limits::default(), &mut NoHost)
}

/// The returned bytes.
pub fn returned(outcome: Outcome) -> Vec<u8> {
    match outcome.end {
        End::Returned(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

/// The trap that ended the run.
pub fn trapped(outcome: Outcome) -> Trap {
    match outcome.end {
        End::Trapped(trap) => trap,
        other => panic!("{other:?}"),
    }
}

/// The integers that a body returns by [`Body::ret_ints`].
pub fn ints(build: impl FnOnce(&mut Body)) -> Vec<i64> {
    let bytes = returned(run(&Pack::new().main(build)));
    bytes
        .chunks(8)
        .map(|c| i64::from_le_bytes(c.try_into().unwrap()))
        .collect()
}

/// The text that a body returns.
pub fn text(build: impl FnOnce(&mut Body)) -> String {
    String::from_utf8(returned(run(&Pack::new().main(build)))).unwrap()
}

/// The trap that a body ends in, with its operands.
pub fn trap(build: impl FnOnce(&mut Body)) -> (TrapKind, [i64; 2]) {
    let trap = trapped(run(&Pack::new().main(build)));
    (trap.kind, trap.operands)
}

/// A host that echoes what it is asked, and keeps it.
#[derive(Default)]
pub struct Echo {
    pub asked: Vec<(String, String, Vec<u8>)>,
}

impl Host for Echo {
    fn call(&mut self, interface: &str, function: &str, argument: &[u8]) -> Answer {
        self.asked
            .push((interface.into(), function.into(), argument.to_vec()));
        match function {
            "stop" => Answer::Stop,
            "refuse" => Answer::Refuse("no".into()),
            "limit" => Answer::Trap(TrapKind::LogLimit, [7, 0]),
            _ => Answer::Bytes(argument.to_vec()),
        }
    }
}
