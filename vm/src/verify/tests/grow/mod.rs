//! Bodies grown with the verifier's help: an instruction that makes some sense is added if it is accepted, so
//! that most of what can be accepted is reached.

mod instructions;

use std::collections::HashMap;

use cop_bytecode::layout::Body;
use cop_bytecode::{
    Function, Instr, Layouts, Mode, Own, Package, Param, Step, Type, TypeId, Value, ValueType,
};

use super::kit::*;
use super::model::Said;
use crate::verify::pass::Pass;
use crate::verify::regions::Region;
use crate::verify::tables::{self, Inline, reference_slots};
use crate::verify::values::{Info, State};
/// Types that random values have.
const TYPES: &[TypeId] = &[
    I64,
    STRING,
    INTS,
    NAMES,
    GRID,
    TABLE,
    MAYBE,
    PAIR,
    BOX,
    SHAPE,
    TREE,
    LINK,
    POINT,
    ACTION,
    BOXES,
    EXPR,
    WORDS,
    NEST,
    PAIR_OF_LISTS,
    SHAPES,
    WIDE,
    MAYBE_WIDE,
    BIG,
    BIGS,
    FLAGS,
    WIDES,
    LETTERS,
];
/// Types besides whose keys are no texts, which the model does not know.
const KEYED: &[TypeId] = &[BY_NUMBER, PAIRS, MAPS];

/// A type for a random value.
fn any_type(random: &mut Random, keyed: bool) -> TypeId {
    let types = if keyed && random.once_in(6) {
        KEYED
    } else {
        TYPES
    };
    random.pick(types).unwrap_or(I64)
}

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

pub(super) struct Tables {
    pub(super) layouts: Layouts,
    pub(super) inline: HashMap<TypeId, Inline>,
}

/// Grows one function.
struct Grower<'a> {
    package: &'a Package,
    tables: &'a mut Tables,
    random: &'a mut Random,
    function: Function,
    view: View,
    /// All operations, not only those that the model knows.
    all_ops: bool,
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
pub(super) fn said(package: &Package, tables: &mut Tables, function: &Function) -> Vec<Said> {
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
    pub(super) fn attempt(&mut self, instr: Instr) -> bool {
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

    pub(super) fn next_value(&self) -> u32 {
        self.view.values.len() as u32
    }

    /// Visible values that fit.
    pub(super) fn values(&self, fits: impl Fn(&Info) -> bool) -> Vec<Value> {
        let all = self.view.values.iter().enumerate();
        all.filter(|(_, info)| info.visible && fits(info))
            .map(|(number, _)| Value(number as u32))
            .collect()
    }

    pub(super) fn owned(&self) -> Vec<Value> {
        self.values(|info| matches!(info.state, State::Owned(o) if o.live && o.hole.is_none()))
    }

    /// Any value, mostly one that can be used, sometimes nonsense.
    pub(super) fn any(&mut self) -> Value {
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

    pub(super) fn ty(&self, value: Value) -> TypeId {
        self.view.values.get(value.0 as usize).map_or(I64, |i| i.ty)
    }

    /// A value of a type to look at, if there is one; else one is made.
    pub(super) fn of_type(&mut self, ty: TypeId) -> Value {
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
    pub(super) fn giveable(&mut self, ty: TypeId) -> Value {
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
    pub(super) fn make(&mut self, ty: TypeId, depth: usize) -> Value {
        let instr = match self.tables.layouts.get(ty).cloned() {
            Some(Type::I64) => int(self.random.below(3) as i64),
            Some(Type::Bool) => Instr::ConstBool(self.random.once_in(2)),
            Some(Type::Unit) => unit(),
            Some(Type::F64) => Instr::ConstF64(1.5f64.to_bits()),
            Some(Type::Char) => Instr::ConstChar(['a', 'ß', ' '][self.random.below(3)]),
            Some(Type::Range) => {
                let bounds = [self.make(I64, 0).0, self.make(I64, 0).0];
                new(ty, &bounds)
            }
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
                    captures: [captured].into(),
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
    pub(super) fn some_row(&mut self, ty: TypeId, small: bool) -> (u32, Vec<TypeId>) {
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
    pub(super) fn path(&mut self, mut ty: TypeId, least: usize) -> Vec<Step> {
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
    pub(super) fn type_at(&mut self, value: Value, path: &[Step]) -> Option<TypeId> {
        let mut function = self.function.clone();
        function.body.push(Instr::Get {
            value,
            path: path.to_vec().into(),
        });
        let view = view(self.package, self.tables, &function)?;
        view.values.last().map(|info| info.ty)
    }

    pub(super) fn value_type(&mut self) -> ValueType {
        let roots = self.values(|info| match info.state {
            State::Owned(o) => o.live,
            State::Borrowed(_) => true,
            _ => false,
        });
        // Mostly the type of something at hand, so that more than one value can be meant.
        let near = self.random.pick(&roots).filter(|_| !self.random.once_in(3));
        let ty = match near {
            Some(value) => self.ty(value),
            None => any_type(self.random, self.all_ops),
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

    pub(super) fn value_types(&mut self, most: usize) -> Vec<ValueType> {
        (0..self.random.below(most + 1))
            .map(|_| self.value_type())
            .collect()
    }

    /// Values for what a region declares.
    pub(super) fn passed(&mut self, types: &[ValueType]) -> Vec<Value> {
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
    pub(super) fn tidy(&mut self, target: usize, keep: &[Value]) {
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
    pub(super) fn terminate(&mut self) {
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
            self.attempt(Instr::Ret {
                values: values.into(),
            });
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
                true => Instr::Next {
                    depth,
                    values: values.into(),
                },
                false => Instr::Exit {
                    depth,
                    values: values.into(),
                },
            });
        }
        if !self.view.ended {
            self.attempt(unreachable());
        }
    }

    /// Goes on to the next arm, or closes the region.
    pub(super) fn next_arm(&mut self) {
        for instr in [Instr::Else, Instr::Arm, Instr::End] {
            if self.attempt(instr) {
                return;
            }
        }
    }

    pub(super) fn grow(&mut self, length: usize) {
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
}

/// A package with some grown functions, and an entry point.
pub(super) fn grown(seed: u64, all_ops: bool) -> Package {
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
            let ty = any_type(random, all_ops);
            let modes = match tables.layouts.ready(ty).is_some_and(|l| l.copy) {
                true => [Mode::Borrow, Mode::InOut, Mode::Borrow, Mode::Borrow],
                false => [Mode::Borrow, Mode::InOut, Mode::Own, Mode::Look],
            };
            let mode = modes[random.below(4)];
            params.push(Param { ty, mode });
        }
        let result = match is_entry {
            true => BYTES,
            false => any_type(random, all_ops),
        };
        let mut grower = Grower {
            package: &package,
            tables,
            random,
            function: function(&params, result, vec![]),
            view: View::default(),
            all_ops,
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
