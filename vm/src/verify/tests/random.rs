//! Random bodies. Three generators: instructions without any sense (never a panic), bodies grown with the
//! verifier's help so that most of what can be accepted is reached, and mutations of these. Whatever is
//! accepted runs clean in the model.

use std::collections::HashMap;

use cop_bytecode::layout::Body;
use cop_bytecode::{
    Function, Instr, Layouts, Mode, Op, Own, Package, Param, Step, TrapKind, Type, TypeId,
    UpdateOp, Value, ValueType,
};

use super::kit::*;
use super::model::{Machine, Said};
use crate::verify::pass::Pass;
use crate::verify::regions::Region;
use crate::verify::tables::{self, Inline, reference_slots};
use crate::verify::values::{Info, State};
use crate::verify::verify;

/// Types that random values have.
const TYPES: &[TypeId] = &[
    I64, STRING, INTS, NAMES, GRID, TABLE, MAYBE, PAIR, BOX, SHAPE, TREE, LINK, POINT, ACTION,
    BOXES, EXPR, WORDS,
];

/// What the verifier knows after a part of a body.
#[derive(Clone, Default)]
struct View {
    values: Vec<Info>,
    frames: Vec<FrameView>,
    ended: bool,
}

#[derive(Clone)]
struct FrameView {
    region: Region,
    results: Vec<ValueType>,
    params: Vec<ValueType>,
    /// Outer values that other exits have consumed.
    consumed: Vec<Value>,
}

struct Tables {
    layouts: Layouts,
    inline: HashMap<TypeId, Inline>,
}

/// Grows one function.
struct Grower<'a> {
    package: &'a Package,
    tables: &'a mut Tables,
    random: &'a mut Random,
    function: Function,
    view: View,
}

/// The verifier's state after the function's instructions so far, if it accepts them.
fn view(package: &Package, tables: &mut Tables, function: &Function) -> Option<View> {
    let mut pass = Pass::new(package, &mut tables.layouts, &mut tables.inline, function);
    pass.params().ok()?;
    for index in 0..function.body.len() as u32 {
        pass.step(index).ok()?;
    }
    let frame = |f: &crate::verify::regions::Frame| FrameView {
        region: f.region,
        results: f.results.to_vec(),
        params: f.params.to_vec(),
        consumed: f.exits.iter().flat_map(|e| e.consumed.clone()).collect(),
    };
    Some(View {
        values: pass.values.clone(),
        frames: pass.frames.iter().map(frame).collect(),
        ended: pass.ended,
    })
}

/// What the verifier says before each instruction of an accepted function.
fn said(package: &Package, tables: &mut Tables, function: &Function) -> Vec<Said> {
    let mut pass = Pass::new(package, &mut tables.layouts, &mut tables.inline, function);
    assert!(pass.params().is_ok());
    let mut all = vec![];
    for index in 0..function.body.len() as u32 {
        let mut said = Said::default();
        for (number, info) in pass.values.iter().enumerate().filter(|(_, i)| i.visible) {
            match info.state {
                State::Owned(owned) if owned.live => {
                    said.owned
                        .push((number as u32, pass.unique_here(*info, owned)));
                }
                State::Borrowed(b) if pass.check_root(b.root, b.root).is_ok() => {
                    said.borrowed.push(number as u32);
                }
                _ => {}
            }
        }
        all.push(said);
        assert!(pass.step(index).is_ok());
    }
    all
}

impl Grower<'_> {
    /// Adds an instruction if the verifier accepts it.
    fn attempt(&mut self, instr: Instr) -> bool {
        self.function.body.push(instr);
        match view(self.package, self.tables, &self.function) {
            Some(view) => {
                self.view = view;
                true
            }
            None => {
                self.function.body.pop();
                false
            }
        }
    }

    fn next_value(&self) -> u32 {
        self.view.values.len() as u32
    }

    /// Visible values that fit.
    fn values(&self, fits: impl Fn(&Info) -> bool) -> Vec<Value> {
        let all = self.view.values.iter().enumerate();
        all.filter(|(_, info)| info.visible && fits(info))
            .map(|(number, _)| Value(number as u32))
            .collect()
    }

    fn owned(&self) -> Vec<Value> {
        self.values(|info| matches!(info.state, State::Owned(o) if o.live && o.hole.is_none()))
    }

    /// Any value, mostly one that can be used, sometimes nonsense.
    fn any(&mut self) -> Value {
        if self.random.once_in(20) {
            return Value(self.random.below(self.view.values.len() + 1) as u32);
        }
        let usable = self.values(|info| match info.state {
            State::Owned(o) => o.live,
            _ => true,
        });
        // Late values more often.
        let usable = match self.random.once_in(2) {
            true if usable.len() > 6 => &usable[usable.len() - 6..],
            _ => &usable[..],
        };
        self.random.pick(usable).unwrap_or(Value(0))
    }

    fn ty(&self, value: Value) -> TypeId {
        self.view.values.get(value.0 as usize).map_or(I64, |i| i.ty)
    }

    /// A value of a type to look at, if there is one; else one is made.
    fn of_type(&mut self, ty: TypeId) -> Value {
        let usable = self.values(|info| {
            info.ty == ty
                && match info.state {
                    State::Owned(o) => o.live && o.hole.is_none(),
                    _ => true,
                }
        });
        match self.random.pick(&usable) {
            Some(value) if !self.random.once_in(6) => value,
            _ => self.make(ty, 0),
        }
    }

    /// A value of a type to give away.
    fn giveable(&mut self, ty: TypeId) -> Value {
        let owned: Vec<Value> = self
            .owned()
            .into_iter()
            .filter(|v| self.ty(*v) == ty)
            .collect();
        match self.random.pick(&owned) {
            Some(value) if !self.random.once_in(4) => value,
            _ => self.make(ty, 0),
        }
    }

    /// Makes a value of a type.
    fn make(&mut self, ty: TypeId, depth: usize) -> Value {
        let instr = match self.tables.layouts.get(ty).cloned() {
            Some(Type::I64) => int(self.random.below(3) as i64),
            Some(Type::Bool) => Instr::ConstBool(self.random.once_in(2)),
            Some(Type::Unit) => unit(),
            Some(Type::String) if self.random.once_in(2) => text(),
            Some(Type::String) => {
                self.attempt(text());
                let constant = self.next_value() - 1;
                self.attempt(unique(constant, 0));
                return Value(self.next_value() - 1);
            }
            Some(Type::Bytes) => Instr::Const(1),
            Some(Type::List(element)) => {
                let count = if depth > 1 { 0 } else { self.random.below(3) };
                let parts: Vec<u32> = (0..count)
                    .map(|_| self.make(element, depth + 1).0)
                    .collect();
                new(ty, &parts)
            }
            Some(Type::Map(..) | Type::Set(_)) => new(ty, &[]),
            Some(Type::Fn { .. }) => {
                let captured = self.make(STRING, 0);
                Instr::Closure {
                    ty,
                    function: CODE,
                    captures: vec![captured],
                }
            }
            _ => {
                let (number, row) = self.some_row(ty, depth > 1);
                let parts: Vec<u32> = row.into_iter().map(|t| self.make(t, depth + 1).0).collect();
                variant(ty, number, &parts)
            }
        };
        self.attempt(instr);
        Value(self.next_value().saturating_sub(1))
    }

    /// A variant of a type (the first one if it shall be small) and the types of its parts.
    fn some_row(&mut self, ty: TypeId, small: bool) -> (u32, Vec<TypeId>) {
        let rows: Vec<Vec<TypeId>> = match self.tables.layouts.ready(ty).map(|l| &l.body) {
            Some(Body::Product(parts)) => vec![parts.iter().map(|p| p.ty).collect()],
            Some(Body::Sum { variants, .. }) => {
                let types =
                    |parts: &Vec<cop_bytecode::layout::Part>| parts.iter().map(|p| p.ty).collect();
                variants.iter().map(types).collect()
            }
            Some(Body::OptionRef(part)) => vec![vec![], vec![part.ty]],
            _ => vec![vec![]],
        };
        let number = if small {
            0
        } else {
            self.random.below(rows.len())
        };
        (
            number as u32,
            rows.into_iter().nth(number).unwrap_or_default(),
        )
    }

    /// A path from a type, mostly one that exists.
    fn path(&mut self, mut ty: TypeId, least: usize) -> Vec<Step> {
        let mut path = vec![];
        while path.len() < least || !self.random.once_in(3) {
            match self.tables.layouts.get(ty).cloned() {
                Some(Type::List(element)) => {
                    path.push(Step::Index(self.of_type(I64)));
                    ty = element;
                }
                Some(Type::Map(key, value)) => {
                    match self.random.below(4) {
                        0 => path.push(Step::EntryKey(self.of_type(I64))),
                        1 => path.push(Step::EntryValue(self.of_type(I64))),
                        _ => path.push(Step::Key(self.of_type(key))),
                    }
                    ty = match path.last() {
                        Some(Step::EntryKey(_)) => key,
                        _ => value,
                    };
                }
                Some(Type::Set(key)) => {
                    path.push(Step::EntryKey(self.of_type(I64)));
                    ty = key;
                }
                Some(Type::Tuple(_) | Type::Nominal(..) | Type::Option(_)) => {
                    let (number, row) = self.some_row(ty, false);
                    let field = self.random.below(row.len());
                    let is_sum = !matches!(
                        self.tables.layouts.ready(ty).map(|l| &l.body),
                        Some(Body::Product(_))
                    );
                    if is_sum {
                        path.push(Step::Variant(number));
                    }
                    path.push(Step::Field(field as u32));
                    match row.get(field) {
                        Some(part) => ty = *part,
                        None => break,
                    }
                }
                _ => break,
            }
        }
        path
    }

    /// The type at the end of a path, by asking the verifier for a borrow.
    fn type_at(&mut self, value: Value, path: &[Step]) -> Option<TypeId> {
        let mut function = self.function.clone();
        function.body.push(Instr::Get {
            value,
            path: path.to_vec(),
        });
        let view = view(self.package, self.tables, &function)?;
        view.values.last().map(|info| info.ty)
    }

    fn value_type(&mut self) -> ValueType {
        let roots = self.values(|info| match info.state {
            State::Owned(o) => o.live,
            State::Borrowed(_) => true,
            _ => false,
        });
        // Mostly the type of something at hand, so that more than one value can be meant.
        let near = self.random.pick(&roots).filter(|_| !self.random.once_in(3));
        let ty = match near {
            Some(value) => self.ty(value),
            None => self.random.pick(TYPES).unwrap_or(I64),
        };
        let root = self.random.pick(&roots);
        let own = match root {
            _ if self.tables.layouts.ready(ty).is_some_and(|l| l.copy) => Own::Copy,
            Some(root) if self.random.once_in(3) => Own::Borrowed { root },
            _ => Own::Owned {
                unique: self.random.below(8) as u64 & reference_slots(&self.tables.layouts, ty),
            },
        };
        ValueType { ty, own }
    }

    fn value_types(&mut self, most: usize) -> Vec<ValueType> {
        (0..self.random.below(most + 1))
            .map(|_| self.value_type())
            .collect()
    }

    /// Values for what a region declares.
    fn passed(&mut self, types: &[ValueType]) -> Vec<Value> {
        let mut chosen: Vec<Value> = vec![];
        for value_type in types {
            let value = match value_type.own {
                Own::Copy => self.of_type(value_type.ty),
                Own::Borrowed { root } => {
                    let fit = self.values(|info| {
                        info.ty == value_type.ty
                            && matches!(info.state, State::Borrowed(b) if b.root == root)
                    });
                    self.random.pick(&fit).unwrap_or(root)
                }
                Own::Owned { unique: wanted } => {
                    let free = self
                        .owned()
                        .into_iter()
                        .filter(|v| self.ty(*v) == value_type.ty && !chosen.contains(v));
                    let free: Vec<Value> = free.collect();
                    let shared = self.values(|info| info.ty == value_type.ty);
                    let shared = self.random.pick(&shared).map(Instr::Dup);
                    let mut value = match (self.random.pick(&free), shared) {
                        (_, Some(dup)) if self.random.once_in(2) && self.attempt(dup.clone()) => {
                            Value(self.next_value() - 1)
                        }
                        (Some(value), _) => value,
                        _ => self.make(value_type.ty, 0),
                    };
                    for slot in (0..16).filter(|s| wanted >> s & 1 == 1) {
                        if !self.random.once_in(10) && self.attempt(unique(value.0, slot)) {
                            value = Value(self.next_value() - 1);
                        }
                    }
                    value
                }
            };
            chosen.push(value);
        }
        chosen
    }

    /// Drops what has to be gone where the regions from `target` on are left, except what is passed.
    fn tidy(&mut self, target: usize, keep: &[Value]) {
        let expected = self.view.frames[target].consumed.clone();
        let gone = self.values(|info| {
            matches!(info.state, State::Owned(o) if o.live) && info.depth as usize >= target
        });
        for value in gone.into_iter().chain(expected) {
            if !keep.contains(&value) {
                self.attempt(Instr::Drop(value));
            }
        }
    }

    /// Ends the arm at hand somehow.
    fn terminate(&mut self) {
        let top = self.view.frames.len() - 1;
        let choice = self.random.below(12);
        if top == 0 || choice == 0 {
            let inout = self
                .function
                .params
                .iter()
                .filter(|p| p.mode == Mode::InOut);
            let types: Vec<TypeId> = std::iter::once(self.function.result)
                .chain(inout.map(|p| p.ty))
                .collect();
            let types: Vec<ValueType> = types
                .into_iter()
                .map(|ty| match self.tables.layouts.ready(ty) {
                    Some(layout) if layout.copy => copy(ty),
                    _ => owned(ty, 0),
                })
                .collect();
            let values = self.passed(&types);
            self.tidy(0, &values);
            self.attempt(Instr::Ret { values });
        } else {
            let depth = if self.random.once_in(3) {
                self.random.below(top)
            } else {
                0
            };
            let target = top - depth;
            let frame = self.view.frames[target].clone();
            let is_loop = matches!(frame.region, Region::Loop | Region::For);
            let round = is_loop && self.random.once_in(2);
            let types = if round { frame.params } else { frame.results };
            let values = self.passed(&types);
            self.tidy(target, &values);
            let depth = depth as u32;
            self.attempt(match round {
                true => Instr::Next { depth, values },
                false => Instr::Exit { depth, values },
            });
        }
        if !self.view.ended {
            self.attempt(unreachable());
        }
    }

    /// Goes on to the next arm, or closes the region.
    fn next_arm(&mut self) {
        for instr in [Instr::Else, Instr::Arm, Instr::End] {
            if self.attempt(instr) {
                return;
            }
        }
    }

    fn grow(&mut self, length: usize) {
        while self.function.body.len() < length {
            if self.view.ended {
                if self.view.frames.len() == 1 {
                    return;
                }
                self.next_arm();
                continue;
            }
            if self.view.frames.len() > 1 && self.random.once_in(9) {
                self.terminate();
                continue;
            }
            self.some_instruction();
        }
        while !(self.view.ended && self.view.frames.len() == 1) {
            match self.view.ended {
                true => self.next_arm(),
                false => self.terminate(),
            }
        }
    }

    fn some_instruction(&mut self) {
        let value = self.any();
        let ty = self.ty(value);
        let mut choice = self.random.below(30);
        let top = self.view.frames.last().map(|f| f.region);
        if matches!(top, Some(Region::Loop | Region::For)) && self.random.once_in(4) {
            choice = 25; // Ways out in the middle of a loop.
        }
        let instr = match choice {
            0..=2 => {
                let ty = self.random.pick(TYPES).unwrap_or(I64);
                self.make(ty, 0);
                return;
            }
            3 => {
                let (number, row) = self.some_row(ty, false);
                let parts: Vec<Value> = row.into_iter().map(|t| self.giveable(t)).collect();
                Instr::New {
                    ty,
                    variant: number,
                    parts,
                }
            }
            4..=6 => Instr::Get {
                value,
                path: self.path(ty, 0),
            },
            7 | 8 => {
                let path = self.path(ty, 1);
                let Some(place) = self.type_at(value, &path) else {
                    return;
                };
                Instr::Set {
                    value,
                    path,
                    new: self.giveable(place),
                }
            }
            9..=12 => {
                let path = self.path(ty, 0);
                let Some(place) = self.type_at(value, &path) else {
                    return;
                };
                self.some_update(value, path, place)
            }
            13 => Instr::Take {
                value,
                path: self.path(ty, 1),
            },
            14 => {
                let holed = self
                    .values(|i| matches!(i.state, State::Owned(o) if o.live && o.hole.is_some()));
                let Some(value) = self.random.pick(&holed) else {
                    return;
                };
                let State::Owned(owned) = self.view.values[value.0 as usize].state else {
                    return;
                };
                let take = owned
                    .hole
                    .and_then(|at| self.function.body.get(at as usize));
                let Some(Instr::Take { path, .. }) = take.cloned() else {
                    return;
                };
                // The taken value stands before the one with the hole.
                let taken = Value(value.0.saturating_sub(1));
                let new = match self.random.once_in(3) {
                    true => self.giveable(self.ty(taken)),
                    false => taken,
                };
                Instr::Put { value, path, new }
            }
            15 | 16 => Instr::Dup(value),
            17 => Instr::Drop(value),
            18 => Instr::Unique {
                value,
                slot: self.random.below(4) as u32,
            },
            19 => {
                let (number, row) = self.some_row(ty, false);
                open(value.0, number, row.len() as u32)
            }
            20 => self.some_op(value, ty),
            21 | 22 => self.some_call(),
            23 => {
                let callee = self.of_type(ACTION);
                let (lent, given) = (self.of_type(INTS), self.giveable(INTS));
                Instr::CallValue {
                    callee,
                    args: vec![lent, given],
                    changed: 1,
                }
            }
            24 => block(&self.value_types(2)),
            25 | 26 => {
                let condition = self.of_type(BOOL);
                if_(condition.0, &self.value_types(2))
            }
            27 => switch(value.0, &self.value_types(2)),
            _ => {
                if self.random.once_in(3) {
                    self.attempt(block(&[]));
                }
                let params = self.value_types(2);
                let start = self.passed(&params);
                if choice == 28 {
                    let results = self.value_types(2);
                    Instr::Loop {
                        start,
                        params,
                        results,
                    }
                } else {
                    let (from, to) = (self.of_type(I64), self.of_type(I64));
                    Instr::For {
                        from,
                        to,
                        start,
                        params,
                    }
                }
            }
        };
        self.attempt(instr);
    }

    fn some_update(&mut self, mut value: Value, path: Vec<Step>, place: TypeId) -> Instr {
        use UpdateOp as U;
        if !self.random.once_in(4) {
            let slot = self.random.below(3) as u32;
            if self.attempt(unique(value.0, slot)) {
                value = Value(self.next_value() - 1);
            }
        }
        let (op, args) = match self.tables.layouts.get(place).cloned() {
            Some(Type::List(element)) => match self.random.below(7) {
                0 | 1 => (U::ListPush, vec![self.giveable(element)]),
                2 => (U::ListPop, vec![]),
                3 => (
                    U::ListInsert,
                    vec![self.of_type(I64), self.giveable(element)],
                ),
                4 => (U::ListRemove, vec![self.of_type(I64)]),
                5 => (U::ListClear, vec![]),
                _ => (U::ListExtend, vec![self.of_type(place)]),
            },
            Some(Type::Map(key, map_value)) => match self.random.below(3) {
                0 => (U::MapRemove, vec![self.of_type(key)]),
                _ => (
                    U::MapPut,
                    vec![self.giveable(key), self.giveable(map_value)],
                ),
            },
            Some(Type::Set(key)) => (U::SetInsert, vec![self.giveable(key)]),
            Some(Type::String) => (U::TextAppend, vec![self.of_type(STRING)]),
            _ => (U::I64Add, vec![self.of_type(I64)]),
        };
        Instr::Update {
            op,
            value,
            path,
            args,
        }
    }

    fn some_op(&mut self, value: Value, ty: TypeId) -> Instr {
        let plain = |op, args| Instr::Op { op, ty: None, args };
        match self.tables.layouts.get(ty).cloned() {
            Some(Type::List(_)) if self.random.once_in(2) => {
                let (start, end) = (self.of_type(I64), self.of_type(I64));
                plain(Op::ListSlice, vec![value, start, end])
            }
            Some(Type::List(element)) => {
                let (count, item) = (self.of_type(I64), self.of_type(element));
                Instr::Op {
                    op: Op::ListFilled,
                    ty: Some(ty),
                    args: vec![count, item],
                }
            }
            Some(Type::String) => plain(Op::StringConcat, vec![value, value]),
            Some(Type::Map(..)) => plain(Op::MapNext, vec![value, self.of_type(I64)]),
            Some(Type::Set(_)) => plain(Op::SetNext, vec![value, self.of_type(I64)]),
            _ => Instr::Tag(value),
        }
    }

    fn some_call(&mut self) -> Instr {
        let function = self.random.below(self.package.functions.len());
        let mut args = vec![];
        for param in &self.package.functions[function].params {
            args.push(match param.mode {
                Mode::Borrow | Mode::Look => self.of_type(param.ty),
                Mode::Own | Mode::InOut => self.giveable(param.ty),
            });
        }
        Instr::Call {
            function: function as u32,
            args,
        }
    }
}

/// A package with some grown functions.
fn grown(seed: u64) -> Package {
    let random = &mut Random::new(seed);
    let mut package = package();
    let Ok((layouts, inline)) = tables::check(&package) else {
        panic!("the package is legal");
    };
    let tables = &mut Tables { layouts, inline };
    for number in 0..4 {
        let mut params = vec![];
        let is_entry = number == 3;
        for _ in 0..if is_entry { 0 } else { random.below(4) } {
            let ty = random.pick(TYPES).unwrap_or(I64);
            let modes = match tables.layouts.ready(ty).is_some_and(|l| l.copy) {
                true => [Mode::Borrow, Mode::InOut, Mode::Borrow, Mode::Borrow],
                false => [Mode::Borrow, Mode::InOut, Mode::Own, Mode::Look],
            };
            let mode = modes[random.below(4)];
            params.push(Param { ty, mode });
        }
        let result = match is_entry {
            true => BYTES,
            false => random.pick(TYPES).unwrap_or(I64),
        };
        let mut grower = Grower {
            package: &package,
            tables,
            random,
            function: function(&params, result, vec![]),
            view: View::default(),
        };
        let Some(view) = view(&package, grower.tables, &grower.function) else {
            panic!("a signature that is refused");
        };
        grower.view = view;
        let length = 10 + grower.random.below(40);
        grower.grow(length);
        let function = grower.function;
        package.functions.push(function);
    }
    package.entries.push(cop_bytecode::Entry {
        name: "main".into(),
        function: package.functions.len() as u32 - 1,
        capabilities: vec![],
    });
    package
}

/// Runs the entry point in the engine: it never refuses what is accepted, and a run that returns leaves nothing.
fn run_in_engine(package: &Package) -> bool {
    let program = match crate::Program::load(package) {
        Ok(program) => program,
        Err(refusal) => panic!("an accepted package is not loaded: {refusal}"),
    };
    let limits = crate::Limits {
        fuel: 20_000,
        memory_bytes: 4 << 20,
    };
    let (outcome, remains) = crate::run_inspected(&program, "main", limits, &mut crate::NoHost);
    match outcome.end {
        crate::End::Refused(reason) => panic!("the engine refuses what is accepted: {reason}"),
        crate::End::Returned(_) => {
            assert_eq!(remains.live_cells, 0, "cells are left after the run");
            true
        }
        _ => false,
    }
}

/// What some runs of a package did.
#[derive(Default, Debug)]
struct Done {
    steps: usize,
    updates: usize,
    returned: usize,
}

/// Runs every function of an accepted package in the model, a few times.
fn run(package: &Package, random: &mut Random, done: &mut Done) {
    let verified = match verify(package) {
        Ok(verified) => verified,
        Err(error) => panic!("a grown package is refused: {error}"),
    };
    let Ok((layouts, inline)) = tables::check(package) else {
        panic!("the tables are legal");
    };
    let tables = &mut Tables { layouts, inline };
    let all: Vec<Vec<Said>> = package
        .functions
        .iter()
        .map(|function| said(package, tables, function))
        .collect();
    let types = || {
        let facts = verified.functions.iter();
        facts.map(|f| f.value_types.as_slice()).collect()
    };
    for function in TESTED as usize..package.functions.len() {
        for _ in 0..4 {
            let mut machine = Machine::new(package, &verified.layouts, types(), &all, random);
            let ended = machine.run_function(function);
            done.steps += machine.steps;
            done.updates += machine.updates;
            done.returned += usize::from(ended.is_ok());
        }
    }
}

#[test]
fn what_is_accepted_runs_clean() {
    let mut done = Done::default();
    for seed in seeds(40) {
        run(&grown(seed), &mut Random::new(seed), &mut done);
    }
    // The generator reaches something.
    assert!(
        done.steps > 4_000 && done.updates > 200 && done.returned > 100,
        "{done:?}"
    );
}

#[test]
fn what_is_accepted_runs_in_the_engine() {
    let mut returned = 0;
    for seed in seeds(40) {
        returned += usize::from(run_in_engine(&grown(seed)));
    }
    assert!(returned > 10, "{returned}");
}

#[test]
fn mutated_bodies_are_refused_or_run_clean() {
    let mut done = Done::default();
    let mut accepted = 0;
    for seed in seeds(12) {
        let random = &mut Random::new(seed ^ 0xabcd);
        let package = grown(seed);
        for _ in 0..20 {
            let mut mutated = package.clone();
            let last = mutated.functions.len() - 1;
            for _ in 0..1 + random.below(2) {
                mutate(&mut mutated.functions[last], random);
            }
            if verify(&mutated).is_ok() {
                accepted += 1;
                run(&mutated, random, &mut done);
                run_in_engine(&mutated);
            }
        }
    }
    assert!(accepted > 5, "{accepted}");
}

#[test]
fn nonsense_never_panics() {
    for seed in seeds(2000) {
        let random = &mut Random::new(seed);
        let count = random.below(40);
        let body = (0..count).map(|_| nonsense(random)).collect();
        let mut package = with(&[own(INTS), borrow(GRID), inout(I64)], UNIT, body);
        if random.once_in(4) {
            package.types[random.below(22)] = Type::Tuple(vec![TypeId(random.below(30) as u32); 3]);
        }
        if let Err(error) = verify(&package) {
            assert!(!error.to_string().is_empty());
        }
    }
}

/// The seeds of a test; `COP_SEEDS` asks for more of them.
fn seeds(count: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("COP_SEEDS").ok().and_then(|s| s.parse().ok());
    let times: u64 = asked.unwrap_or(1);
    0..count * times
}

/// Changes an instruction, or where it stands.
fn mutate(function: &mut Function, random: &mut Random) {
    let at = random.below(function.body.len());
    match random.below(5) {
        0 => {
            function.body.remove(at);
        }
        1 => {
            let other = random.below(function.body.len());
            function.body.swap(at, other);
        }
        2 => {
            let copy = function.body[at].clone();
            function.body.insert(at, copy);
        }
        _ => {
            let near = |v: &mut Value, random: &mut Random| {
                v.0 = v.0.saturating_sub(2) + random.below(5) as u32;
            };
            match &mut function.body[at] {
                Instr::Get { value, .. }
                | Instr::Take { value, .. }
                | Instr::Unique { value, .. }
                | Instr::Open { value, .. }
                | Instr::Dup(value)
                | Instr::Drop(value)
                | Instr::Switch { value, .. } => near(value, random),
                Instr::Set { value, new, .. } | Instr::Put { value, new, .. } => {
                    near(if random.once_in(2) { value } else { new }, random);
                }
                Instr::Exit { values, .. }
                | Instr::Next { values, .. }
                | Instr::Ret { values }
                | Instr::New { parts: values, .. }
                | Instr::Call { args: values, .. }
                | Instr::Update { args: values, .. } => {
                    let at = random.below(values.len());
                    if let Some(value) = values.get_mut(at) {
                        near(value, random);
                    }
                }
                Instr::Block { results } | Instr::If { results, .. } => {
                    if let Some(ValueType {
                        own: Own::Owned { unique },
                        ..
                    }) = results.first_mut()
                    {
                        *unique ^= 1 << random.below(3);
                    }
                }
                Instr::Loop { params, .. } | Instr::For { params, .. } => {
                    if let Some(ValueType {
                        own: Own::Owned { unique },
                        ..
                    }) = params.first_mut()
                    {
                        *unique ^= 1 << random.below(3);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Any instruction with any operands.
fn nonsense(random: &mut Random) -> Instr {
    let mut v = || Value(random.below(12) as u32);
    let (a, b, c) = (v(), v(), v());
    let number = random.below(5) as u32;
    let ty = TypeId(random.below(28) as u32);
    let step = match random.below(6) {
        0 => Step::Index(a),
        1 => Step::Key(a),
        2 => Step::Field(number),
        3 => Step::Variant(number),
        4 => Step::EntryKey(a),
        _ => Step::EntryValue(a),
    };
    let path = vec![step; random.below(3)];
    let own = match random.below(3) {
        0 => Own::Copy,
        1 => Own::Owned {
            unique: u64::MAX >> (number * 12),
        },
        _ => Own::Borrowed { root: b },
    };
    let types = vec![ValueType { ty, own }; random.below(2)];
    let values = vec![b; random.below(3)];
    match random.below(34) {
        0 => int(-1),
        1 => Instr::ConstF64(u64::from(number)),
        2 => yes(),
        3 => Instr::ConstChar('x'),
        4 => unit(),
        5 => Instr::Const(number),
        6 => Instr::Block { results: types },
        7 => Instr::If {
            condition: a,
            results: types,
        },
        8 => Instr::Else,
        9 => Instr::Switch {
            value: a,
            results: types,
        },
        10 => Instr::Arm,
        11 => Instr::Loop {
            start: values,
            params: types.clone(),
            results: types,
        },
        12 => Instr::For {
            from: a,
            to: c,
            start: values,
            params: types,
        },
        13 | 14 => Instr::End,
        15 | 16 => Instr::Exit {
            depth: number,
            values,
        },
        17 => Instr::Next {
            depth: number,
            values,
        },
        18 => Instr::Ret { values },
        19 => Instr::Trap {
            kind: random.pick(TrapKind::ALL).unwrap_or(TrapKind::Panic),
            operand: (number > 2).then_some(a),
            message: (number > 3).then_some(b),
        },
        20 => Instr::New {
            ty,
            variant: number,
            parts: values,
        },
        21 => Instr::Get { value: b, path },
        22 => Instr::Set {
            value: b,
            path,
            new: c,
        },
        23 => Instr::Update {
            op: random
                .pick(cop_bytecode::table::UPDATES)
                .map_or(UpdateOp::ListPop, |row| row.op),
            value: b,
            path,
            args: values,
        },
        24 => Instr::Take { value: b, path },
        25 => Instr::Put {
            value: b,
            path,
            new: c,
        },
        26 => Instr::Dup(a),
        27 => Instr::Drop(a),
        28 => Instr::Unique {
            value: a,
            slot: number * 20,
        },
        29 => open(a.0, number, number),
        30 => Instr::Op {
            op: random
                .pick(cop_bytecode::table::OPS)
                .map_or(Op::ListLen, |row| row.op),
            ty: (number == 0).then_some(ty),
            args: values,
        },
        31 => Instr::Call {
            function: number,
            args: values,
        },
        32 => Instr::CallValue {
            callee: a,
            args: values,
            changed: number,
        },
        _ => Instr::HostCall {
            function: number,
            capability: (number > 1).then_some(a),
            argument: b,
        },
    }
}
