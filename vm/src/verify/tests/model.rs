//! The model: an abstract machine over a heap with real counts. It knows nothing of owners, borrows or flags,
//! only what each instruction does to cells and their counts; and after each instruction it compares the heap
//! with what the verifier says of the values at that point:
//!
//! - every cell's count is the number of references in live owned values and in other cells;
//! - a slot said to be unique holds the only reference to its cell, which is no constant;
//! - what live and usable borrowed values refer to is still there;
//! - an update enters through a cell with one owner;
//! - at the end nothing is left.
//!
//! Conditions, numbers of turns and keys are chosen at random, so all ways are walked whatever the values are.

use std::collections::BTreeMap;

use cop_bytecode::layout::Body;
use cop_bytecode::numbering::Numbering;
use cop_bytecode::{
    Function, Instr, Layouts, Mode, Op, Package, Step, Type, TypeId, UpdateOp, Value,
};

use super::kit::Random;

pub(super) type Slots = Vec<u64>;

/// The pinned cells of variants without payload have these numbers, plus one.
const VARIANTS: usize = 256;

#[derive(Clone, Debug)]
struct Cell {
    count: u32,
    pinned: bool,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Text(String),
    List(TypeId, Vec<Slots>),
    /// Keys and values; a set's values have no slots.
    Entries(TypeId, TypeId, Vec<Option<(Slots, Slots)>>),
    Parts(u32, Vec<(TypeId, Slots)>),
    Closure(u32, Vec<(TypeId, Slots)>),
}

impl Content {
    fn children(&self) -> Vec<(TypeId, &Slots)> {
        match self {
            Content::Text(_) => vec![],
            Content::List(ty, items) => items.iter().map(|item| (*ty, item)).collect(),
            Content::Entries(key, value, entries) => {
                let both = |(k, v)| [(*key, k), (*value, v)];
                let live = entries.iter().flatten().map(|(k, v)| (k, v));
                live.flat_map(both).collect()
            }
            Content::Parts(_, parts) | Content::Closure(_, parts) => {
                parts.iter().map(|(ty, slots)| (*ty, slots)).collect()
            }
        }
    }
}

/// What the verifier says before an instruction.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    /// Live owned values with their unique slots.
    pub(super) owned: Vec<(u32, u64)>,
    /// Borrowed values that may be used.
    pub(super) borrowed: Vec<u32>,
}

/// Why a run ended early: a trap, or enough steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ended;

type Run<T> = Result<T, Ended>;

struct Frame {
    function: usize,
    env: Vec<Slots>,
    at: usize,
    /// Operands given to the call at hand.
    given: Vec<Value>,
}

pub(super) struct Machine<'a> {
    package: &'a Package,
    layouts: &'a Layouts,
    /// Per function, its values' types.
    types: Vec<&'a [TypeId]>,
    /// Per function and instruction.
    said: &'a [Vec<Said>],
    heap: Vec<Option<Cell>>,
    frames: Vec<Frame>,
    /// What the outermost call was lent.
    lent: Vec<(TypeId, Slots)>,
    random: &'a mut Random,
    steps_left: usize,
    pub(super) steps: usize,
    pub(super) updates: usize,
}

/// Somewhere in a value or in a cell.
#[derive(Clone, Copy, Debug)]
struct Spot {
    ty: TypeId,
    /// None for the value itself; else a cell and the number of its part (for entries twice the entry's).
    cell: Option<(u64, usize)>,
    slot: usize,
}

impl<'a> Machine<'a> {
    pub(super) fn new(
        package: &'a Package,
        layouts: &'a Layouts,
        types: Vec<&'a [TypeId]>,
        said: &'a [Vec<Said>],
        random: &'a mut Random,
    ) -> Machine<'a> {
        let pinned = |tag| Cell {
            count: 0,
            pinned: true,
            content: Content::Parts(tag, vec![]),
        };
        let mut heap = vec![None];
        heap.extend((0..VARIANTS as u32).map(|tag| Some(pinned(tag))));
        Machine {
            package,
            layouts,
            types,
            said,
            heap,
            frames: vec![],
            lent: vec![],
            random,
            steps_left: 600,
            steps: 0,
            updates: 0,
        }
    }

    /// Calls a function with arguments made up, and checks that nothing is left when it returns.
    pub(super) fn run_function(&mut self, function: usize) -> Run<()> {
        let code = &self.package.functions[function];
        let mut args = Vec::new();
        for param in &code.params {
            let made = self.make_up(param.ty, 0);
            if matches!(param.mode, Mode::Borrow | Mode::Look) {
                self.lent.push((param.ty, made.clone()));
            }
            args.push(made);
        }
        let mut results = self.call(function, args)?.into_iter();
        if let Some(result) = results.next() {
            self.drop_value(code.result, &result);
        }
        let inout = code.params.iter().filter(|p| p.mode == Mode::InOut);
        for (param, result) in inout.zip(results) {
            self.drop_value(param.ty, &result);
        }
        for (ty, slots) in std::mem::take(&mut self.lent) {
            self.drop_value(ty, &slots);
        }
        let left = self.heap.iter().flatten().filter(|c| !c.pinned).count();
        assert_eq!(left, 0, "cells are left after the run");
        Ok(())
    }

    // Cells and counts.

    fn cell(&mut self, id: u64) -> &mut Cell {
        match self.heap.get_mut(id as usize) {
            Some(Some(cell)) => cell,
            _ => panic!("cell {id} is used after it was freed"),
        }
    }

    fn allocate(&mut self, content: Content) -> u64 {
        self.heap.push(Some(Cell {
            count: 1,
            pinned: false,
            content,
        }));
        self.heap.len() as u64 - 1
    }

    /// The references in a value, with their slots; holes and `None` are no references.
    fn references(&self, ty: TypeId, slots: &[u64]) -> Vec<(usize, u64)> {
        let mut found = Vec::new();
        self.collect(ty, slots, 0, &mut found);
        found
    }

    fn collect(&self, ty: TypeId, slots: &[u64], base: usize, found: &mut Vec<(usize, u64)>) {
        let Some(layout) = self.layouts.ready(ty) else {
            panic!("a type without layout");
        };
        let parts = match &layout.body {
            _ if layout.copy => return,
            _ if layout.boxed => {
                found.extend((slots[base] != 0).then_some((base, slots[base])));
                return;
            }
            Body::Reference | Body::OptionRef(_) => {
                found.extend((slots[base] != 0).then_some((base, slots[base])));
                return;
            }
            Body::Scalar => return,
            Body::Product(parts) => parts,
            Body::Sum { variants, .. } => &variants[slots[base] as usize],
        };
        for part in parts {
            self.collect(part.ty, slots, base + part.slot as usize, found);
        }
    }

    fn dup(&mut self, ty: TypeId, slots: &[u64]) {
        for (_, id) in self.references(ty, slots) {
            let cell = self.cell(id);
            cell.count += u32::from(!cell.pinned);
        }
    }

    fn drop_value(&mut self, ty: TypeId, slots: &[u64]) {
        let mut todo: Vec<u64> = self.references(ty, slots).iter().map(|r| r.1).collect();
        while let Some(id) = todo.pop() {
            let cell = self.cell(id);
            if cell.pinned {
                continue;
            }
            assert!(cell.count > 0, "cell {id} has one owner too few");
            cell.count -= 1;
            if cell.count == 0 {
                let freed = self.heap[id as usize].take();
                for (ty, slots) in freed.iter().flat_map(|c| c.content.children()) {
                    todo.extend(self.references(ty, slots).iter().map(|r| r.1));
                }
            }
        }
    }

    /// Another cell with the same content, whose parts get one more owner.
    fn copy_cell(&mut self, id: u64) -> u64 {
        let content = self.cell(id).content.clone();
        for (ty, slots) in content.children() {
            self.dup(ty, slots);
        }
        let cell = self.cell(id);
        cell.count -= u32::from(!cell.pinned);
        self.allocate(content)
    }

    // Values made up.

    fn make_up(&mut self, ty: TypeId, depth: usize) -> Slots {
        let text = |machine: &mut Machine| {
            let text = ["", "a", "b"][machine.random.below(3)].to_owned();
            vec![machine.allocate(Content::Text(text))]
        };
        match self.layouts.get(ty).cloned() {
            Some(Type::Unit) => vec![],
            Some(Type::String | Type::Bytes) => text(self),
            Some(Type::List(element)) => {
                let count = self.random.below(4);
                let items = (0..count)
                    .map(|_| self.make_up(element, depth + 1))
                    .collect();
                vec![self.allocate(Content::List(element, items))]
            }
            Some(Type::Map(key, value)) => {
                let entry = (self.make_up(key, depth), self.make_up(value, depth));
                vec![self.allocate(Content::Entries(key, value, vec![Some(entry), None]))]
            }
            Some(Type::Set(key)) => {
                let unit = self.unit();
                let entry = (self.make_up(key, depth), vec![]);
                vec![self.allocate(Content::Entries(key, unit, vec![Some(entry)]))]
            }
            Some(Type::Fn { .. }) => {
                let string = self.layouts.find(&Type::String).unwrap_or(TypeId(0));
                let captured = text(self);
                vec![self.allocate(Content::Closure(super::kit::CODE, vec![(string, captured)]))]
            }
            Some(Type::Option(_)) if depth > 2 => self.build(ty, 0, vec![]),
            Some(Type::Option(t)) if self.random.once_in(2) => {
                let part = self.make_up(t, depth + 1);
                self.build(ty, 1, vec![part])
            }
            Some(Type::Option(_)) => self.build(ty, 0, vec![]),
            Some(Type::Tuple(_) | Type::Nominal(..) | Type::Range) => {
                let variants = self.variants(ty);
                let variant = if depth > 2 {
                    0
                } else {
                    self.random.below(variants)
                };
                let types = self.row(ty, variant as u32);
                let parts = types.iter().map(|t| self.make_up(*t, depth + 1)).collect();
                self.build(ty, variant as u32, parts)
            }
            _ => vec![self.random.below(3) as u64],
        }
    }

    fn unit(&self) -> TypeId {
        self.layouts.find(&Type::Unit).unwrap_or(TypeId(0))
    }

    fn variants(&self, ty: TypeId) -> usize {
        match self.layouts.ready(ty).map(|l| &l.body) {
            Some(Body::Sum { variants, .. }) => variants.len(),
            Some(Body::OptionRef(_)) => 2,
            _ => 1,
        }
    }

    /// Types of the parts of a variant.
    fn row(&self, ty: TypeId, variant: u32) -> Vec<TypeId> {
        let parts = match self.layouts.ready(ty).map(|l| &l.body) {
            Some(Body::Product(parts)) => parts.as_slice(),
            Some(Body::Sum { variants, .. }) => &variants[variant as usize],
            Some(Body::OptionRef(part)) if variant == 1 => std::slice::from_ref(part),
            _ => &[],
        };
        parts.iter().map(|part| part.ty).collect()
    }

    /// A product or variant of these parts.
    fn build(&mut self, ty: TypeId, variant: u32, parts: Vec<Slots>) -> Slots {
        let types = self.row(ty, variant);
        let Some(layout) = self.layouts.ready(ty) else {
            panic!("a type without layout");
        };
        if layout.boxed {
            if parts.is_empty() {
                return vec![u64::from(variant) + 1];
            }
            let parts = types.into_iter().zip(parts).collect();
            return vec![self.allocate(Content::Parts(variant, parts))];
        }
        if let Body::OptionRef(_) = layout.body {
            return parts.into_iter().next().unwrap_or(vec![0]);
        }
        let mut slots = vec![];
        if let Body::Sum { .. } = layout.body {
            slots.push(u64::from(variant));
        }
        slots.extend(parts.into_iter().flatten());
        slots.resize(layout.slots.len(), 0);
        slots
    }

    /// The variant of a sum, or 0.
    fn tag(&mut self, ty: TypeId, slots: &[u64]) -> u32 {
        match self.layouts.ready(ty) {
            Some(layout) if layout.boxed => match self.cell(slots[0]).content {
                Content::Parts(variant, _) => variant,
                _ => panic!("a boxed value that is none"),
            },
            Some(layout) => match layout.body {
                Body::Sum { .. } => slots[0] as u32,
                Body::OptionRef(_) => u32::from(slots[0] != 0),
                _ => 0,
            },
            None => panic!("a type without layout"),
        }
    }

    // Paths.

    fn read(&mut self, value: &Slots, spot: Spot) -> Slots {
        let width = self.layouts.ready(spot.ty).map_or(0, |l| l.slots.len());
        let whole = match spot.cell {
            None => value,
            Some((id, part)) => self.part_of(id, part),
        };
        whole[spot.slot..spot.slot + width].to_vec()
    }

    fn write(&mut self, value: &mut Slots, spot: Spot, new: &[u64]) {
        let whole = match spot.cell {
            None => value,
            Some((id, part)) => self.part_of(id, part),
        };
        whole[spot.slot..spot.slot + new.len()].copy_from_slice(new);
    }

    fn part_of(&mut self, id: u64, part: usize) -> &mut Slots {
        match &mut self.cell(id).content {
            Content::List(_, items) => &mut items[part],
            Content::Parts(_, parts) | Content::Closure(_, parts) => &mut parts[part].1,
            Content::Entries(_, _, entries) => match &mut entries[part / 2] {
                Some((key, value)) => match part % 2 {
                    0 => key,
                    _ => value,
                },
                None => panic!("a dead entry"),
            },
            Content::Text(_) => panic!("a text has no parts"),
        }
    }

    /// Follows the reference at a spot; to write, it has one owner afterwards, and the first has so before.
    fn follow(&mut self, value: &mut Slots, spot: Spot, write: bool) -> u64 {
        let id = self.read(value, spot)[0];
        let cell = self.cell(id);
        let alone = cell.count == 1 && !cell.pinned;
        if !write || alone {
            return id;
        }
        assert!(
            spot.cell.is_some(),
            "an update enters through slot {} of a value, whose cell has other owners",
            spot.slot
        );
        let empty = matches!(&cell.content, Content::Parts(_, parts) if parts.is_empty());
        if empty {
            return id;
        }
        let copy = self.copy_cell(id);
        self.write(value, spot, &[copy]);
        copy
    }

    fn walk(&mut self, ty: TypeId, value: &mut Slots, path: &[Step], write: bool) -> Run<Spot> {
        let mut spot = Spot {
            ty,
            cell: None,
            slot: 0,
        };
        let mut steps = path.iter().peekable();
        while let Some(step) = steps.next() {
            let (variant, field) = match *step {
                Step::Field(field) => (0, field),
                Step::Variant(variant) => match steps.next() {
                    Some(Step::Field(field)) => (variant, *field),
                    _ => panic!("a variant without a field"),
                },
                Step::Index(_) | Step::Key(_) | Step::EntryKey(_) | Step::EntryValue(_) => {
                    spot = self.walk_collection(value, spot, *step, write)?;
                    continue;
                }
            };
            let whole = self.read(value, spot);
            if self.tag(spot.ty, &whole) != variant {
                return Err(Ended);
            }
            let Some(layout) = self.layouts.ready(spot.ty) else {
                panic!("a type without layout");
            };
            let part = match &layout.body {
                Body::Product(parts) => parts[field as usize],
                Body::Sum { variants, .. } => variants[variant as usize][field as usize],
                Body::OptionRef(part) => *part,
                _ => panic!("a field of something without fields"),
            };
            if layout.boxed {
                let id = self.follow(value, spot, write);
                spot = Spot {
                    ty: part.ty,
                    cell: Some((id, field as usize)),
                    slot: 0,
                };
            } else {
                spot.ty = part.ty;
                spot.slot += part.slot as usize;
            }
        }
        Ok(spot)
    }

    fn walk_collection(
        &mut self,
        value: &mut Slots,
        spot: Spot,
        step: Step,
        write: bool,
    ) -> Run<Spot> {
        let id = self.read(value, spot)[0];
        // Found before the cell is copied: a trap comes first.
        let number = |machine: &Machine, v: Value| machine.value(v)[0] as i64 as usize;
        let (ty, part) = match (&self.cell(id).content.clone(), step) {
            (Content::List(ty, items), Step::Index(v)) => {
                let index = number(self, v);
                items.get(index).ok_or(Ended)?;
                (*ty, index)
            }
            (Content::Text(_), Step::Index(_)) => return Err(Ended),
            (Content::Entries(_, ty, entries), Step::Key(v)) => {
                let key = self.key(&self.value(v).clone());
                let found = self.find(entries, &key);
                (*ty, found.ok_or(Ended)? * 2 + 1)
            }
            (Content::Entries(key, value, entries), Step::EntryKey(v) | Step::EntryValue(v)) => {
                let index = number(self, v);
                entries.get(index).and_then(Option::as_ref).ok_or(Ended)?;
                match step {
                    Step::EntryKey(_) => (*key, index * 2),
                    _ => (*value, index * 2 + 1),
                }
            }
            _ => panic!("a step that does not fit the cell"),
        };
        let id = self.follow(value, spot, write);
        Ok(Spot {
            ty,
            cell: Some((id, part)),
            slot: 0,
        })
    }

    /// Keys in the model are texts.
    fn key(&mut self, slots: &Slots) -> String {
        match &self.cell(slots[0]).content {
            Content::Text(text) => text.clone(),
            _ => panic!("a key that is no text"),
        }
    }

    fn find(&mut self, entries: &[Option<(Slots, Slots)>], key: &str) -> Option<usize> {
        let is = |machine: &mut Machine, entry: &Option<(Slots, Slots)>| {
            entry.as_ref().is_some_and(|(k, _)| machine.key(k) == key)
        };
        entries.iter().position(|entry| is(self, entry))
    }

    // Frames.

    fn frame(&self) -> &Frame {
        match self.frames.last() {
            Some(frame) => frame,
            None => panic!("no frame"),
        }
    }

    fn value(&self, value: Value) -> &Slots {
        &self.frame().env[value.0 as usize]
    }

    fn ty(&self, value: Value) -> TypeId {
        self.types[self.frame().function][value.0 as usize]
    }

    /// Compares the heap with what the verifier says before the instruction at hand.
    fn check(&mut self) {
        let mut owners: BTreeMap<u64, u32> = BTreeMap::new();
        let mut count = |references: Vec<(usize, u64)>| {
            for (_, id) in references {
                *owners.entry(id).or_default() += 1;
            }
        };
        for (ty, slots) in &self.lent {
            count(self.references(*ty, slots));
        }
        for (depth, frame) in self.frames.iter().enumerate() {
            let said = &self.said[frame.function][frame.at];
            let top = depth + 1 == self.frames.len();
            for (value, unique) in &said.owned {
                if frame.given.contains(&Value(*value)) {
                    continue;
                }
                let ty = self.types[frame.function][*value as usize];
                let references = self.references(ty, &frame.env[*value as usize]);
                for (slot, id) in references.iter().filter(|_| top) {
                    let cell = self.heap[*id as usize].as_ref();
                    let alone = cell.is_some_and(|c| c.count == 1 && !c.pinned);
                    let said_so = unique >> slot & 1 == 1 && *id > VARIANTS as u64;
                    assert!(alone || !said_so, "slot {slot} of %{value} is not unique");
                }
                count(references);
            }
            for value in said.borrowed.iter().filter(|_| top) {
                let ty = self.types[frame.function][*value as usize];
                for (_, id) in self.references(ty, &frame.env[*value as usize]) {
                    let there = self.heap[id as usize].is_some();
                    assert!(there, "%{value} is borrowed from what is freed");
                }
            }
        }
        for cell in self.heap.iter().flatten() {
            for (ty, slots) in cell.content.children() {
                count(self.references(ty, slots));
            }
        }
        for (id, cell) in self.heap.iter().enumerate() {
            let Some(cell) = cell.as_ref().filter(|c| !c.pinned) else {
                continue;
            };
            let found = owners.get(&(id as u64)).copied().unwrap_or(0);
            assert_eq!(cell.count, found, "the count of cell {id} lies");
        }
    }

    fn call(&mut self, function: usize, args: Vec<Slots>) -> Run<Vec<Slots>> {
        if self.frames.len() > 5 {
            return Err(Ended);
        }
        let code = &self.package.functions[function];
        let mut env = args;
        env.resize(self.types[function].len(), vec![]);
        self.frames.push(Frame {
            function,
            env,
            at: 0,
            given: vec![],
        });
        let results = self.body(code)?;
        self.frames.pop();
        Ok(results)
    }

    fn body(&mut self, code: &Function) -> Run<Vec<Slots>> {
        let map = Map::new(self.package, code);
        let mut open: Vec<usize> = vec![];
        // Per open `for`, the index and where it ends.
        let mut turns: Vec<(u64, u64)> = vec![];
        let mut at = 0;
        loop {
            self.steps_left = self.steps_left.checked_sub(1).ok_or(Ended)?;
            self.steps += 1;
            if let Some(frame) = self.frames.last_mut() {
                frame.at = at;
                frame.given.clear();
            }
            self.check();
            let instr = &code.body[at];
            let first = map.first[at];
            let define = |machine: &mut Machine, first: u32, results: Vec<Slots>| {
                if let Some(frame) = machine.frames.last_mut() {
                    for (index, slots) in results.into_iter().enumerate() {
                        frame.env[first as usize + index] = slots;
                    }
                }
            };
            let operands = |machine: &Machine, values: &[Value]| -> Vec<Slots> {
                values.iter().map(|v| machine.value(*v).clone()).collect()
            };
            match instr {
                Instr::Block { .. } => open.push(at),
                Instr::If { .. } => {
                    open.push(at);
                    if self.random.once_in(2) {
                        at = map.arms[&at][0];
                    }
                }
                Instr::Switch { value, .. } => {
                    open.push(at);
                    let (ty, slots) = (self.ty(*value), self.value(*value).clone());
                    let tag = self.tag(ty, &slots) as usize;
                    if tag > 0 {
                        at = map.arms[&at][tag - 1];
                    }
                }
                Instr::Loop { start, .. } => {
                    open.push(at);
                    let start = operands(self, start);
                    define(self, first, start);
                }
                Instr::For { start, .. } => {
                    let start = operands(self, start);
                    let count = self.random.below(4) as u64;
                    if count == 0 {
                        define(self, map.results[&at], start);
                        at = map.end[&at];
                    } else {
                        open.push(at);
                        turns.push((0, count));
                        define(self, first, [vec![vec![0]], start].concat());
                    }
                }
                Instr::Else | Instr::Arm | Instr::End => panic!("an arm runs into its end"),
                Instr::Exit { depth, values } => {
                    let results = operands(self, values);
                    let target = open[open.len() - 1 - *depth as usize];
                    for left in open.drain(open.len() - 1 - *depth as usize..) {
                        if matches!(code.body[left], Instr::For { .. }) {
                            turns.pop();
                        }
                    }
                    define(self, map.results[&target], results);
                    at = map.end[&target];
                }
                Instr::Next { depth, values } => {
                    let given = operands(self, values);
                    for left in open.drain(open.len() - *depth as usize..) {
                        if matches!(code.body[left], Instr::For { .. }) {
                            turns.pop();
                        }
                    }
                    let Some(target) = open.last().copied() else {
                        panic!("no loop");
                    };
                    if let Instr::For { .. } = code.body[target] {
                        let Some((index, end)) = turns.pop() else {
                            panic!("no turns");
                        };
                        if index + 1 == end {
                            open.pop();
                            define(self, map.results[&target], given);
                            at = map.end[&target];
                        } else {
                            turns.push((index + 1, end));
                            define(
                                self,
                                map.first[target],
                                [vec![vec![index + 1]], given].concat(),
                            );
                            at = target;
                        }
                    } else {
                        define(self, map.first[target], given);
                        at = target;
                    }
                }
                Instr::Ret { values } => return Ok(operands(self, values)),
                Instr::Trap { .. } => return Err(Ended),
                _ => {
                    let results = self.instruction(instr)?;
                    define(self, first, results);
                }
            }
            at += 1;
        }
    }

    // Instructions.

    fn instruction(&mut self, instr: &Instr) -> Run<Vec<Slots>> {
        Ok(match instr {
            Instr::ConstI64(value) => vec![vec![*value as u64]],
            Instr::ConstF64(bits) => vec![vec![*bits]],
            Instr::ConstBool(value) => vec![vec![u64::from(*value)]],
            Instr::ConstChar(value) => vec![vec![u64::from(u32::from(*value))]],
            Instr::ConstUnit => vec![vec![]],
            Instr::Const(_) => {
                let id = self.allocate(Content::Text("a".into()));
                self.cell(id).pinned = true;
                vec![vec![id]]
            }
            Instr::New { ty, variant, parts } => {
                let parts: Vec<Slots> = parts.iter().map(|v| self.value(*v).clone()).collect();
                vec![match *self.layouts.get(*ty).unwrap_or(&Type::Unit) {
                    Type::List(element) => vec![self.allocate(Content::List(element, parts))],
                    Type::Map(k, v) => vec![self.allocate(Content::Entries(k, v, vec![]))],
                    Type::Set(k) => {
                        let unit = self.unit();
                        vec![self.allocate(Content::Entries(k, unit, vec![]))]
                    }
                    _ => self.build(*ty, *variant, parts),
                }]
            }
            Instr::Get { value, path } => {
                let (ty, mut slots) = (self.ty(*value), self.value(*value).clone());
                let spot = self.walk(ty, &mut slots, path, false)?;
                vec![self.read(&slots, spot)]
            }
            Instr::Set { value, path, new } => {
                self.updates += 1;
                let (ty, mut slots) = (self.ty(*value), self.value(*value).clone());
                let spot = self.walk(ty, &mut slots, path, true)?;
                let old = self.read(&slots, spot);
                let new = self.value(*new).clone();
                self.write(&mut slots, spot, &new);
                self.drop_value(spot.ty, &old);
                vec![slots]
            }
            Instr::Take { value, path } => {
                self.updates += 1;
                let (ty, mut slots) = (self.ty(*value), self.value(*value).clone());
                let spot = self.walk(ty, &mut slots, path, true)?;
                let taken = self.read(&slots, spot);
                self.write(&mut slots, spot, &vec![0; taken.len()]);
                vec![taken, slots]
            }
            Instr::Put { value, path, new } => {
                let (ty, mut slots) = (self.ty(*value), self.value(*value).clone());
                // A hole under an option's own reference looks like `None`: the place is found all the same.
                let spot = self.walk_hole(ty, &mut slots, path)?;
                let hole = self.read(&slots, spot);
                assert!(hole.iter().all(|s| *s == 0), "`put` where there is no hole");
                let new = self.value(*new).clone();
                self.write(&mut slots, spot, &new);
                vec![slots]
            }
            Instr::Update {
                op,
                value,
                path,
                args,
            } => {
                self.updates += 1;
                self.update(*op, *value, path, args)?
            }
            Instr::Dup(value) => {
                let (ty, slots) = (self.ty(*value), self.value(*value).clone());
                self.dup(ty, &slots);
                vec![slots]
            }
            Instr::Drop(value) => {
                let (ty, slots) = (self.ty(*value), self.value(*value).clone());
                self.drop_value(ty, &slots);
                vec![]
            }
            Instr::Unique { value, slot } => {
                let (ty, mut slots) = (self.ty(*value), self.value(*value).clone());
                let found = self.references(ty, &slots);
                let id = found.iter().find(|(s, _)| *s == *slot as usize);
                if let Some((_, id)) = id
                    && *id > VARIANTS as u64
                    && (self.cell(*id).count > 1 || self.cell(*id).pinned)
                {
                    slots[*slot as usize] = self.copy_cell(*id);
                }
                vec![slots]
            }
            Instr::Open { value, variant, .. } => self.open(*value, *variant)?,
            Instr::Tag(value) => {
                let (ty, slots) = (self.ty(*value), self.value(*value).clone());
                vec![vec![u64::from(self.tag(ty, &slots))]]
            }
            Instr::Op { op, ty, args } => vec![self.op(*op, *ty, args)?],
            Instr::Call { function, args } => {
                let params = &self.package.functions[*function as usize].params;
                let modes: Vec<Mode> = params.iter().map(|p| p.mode).collect();
                self.call_with(*function, vec![], &modes, args)?
            }
            Instr::CallValue { callee, args, .. } => {
                let id = self.value(*callee)[0];
                let Content::Closure(function, captures) = self.cell(id).content.clone() else {
                    panic!("a closure that is none");
                };
                let code = &self.package.functions[function as usize];
                let modes: Vec<Mode> = code.params[code.captures as usize..]
                    .iter()
                    .map(|p| p.mode)
                    .collect();
                let captures = captures.into_iter().map(|(_, slots)| slots).collect();
                self.call_with(function, captures, &modes, args)?
            }
            Instr::Closure {
                function, captures, ..
            } => {
                let captures = captures
                    .iter()
                    .map(|v| (self.ty(*v), self.value(*v).clone()))
                    .collect();
                vec![vec![self.allocate(Content::Closure(*function, captures))]]
            }
            Instr::HostCall { .. } => vec![vec![self.allocate(Content::Text("b".into()))]],
            other => panic!("{other:?} is no plain instruction"),
        })
    }

    /// [`Machine::walk`] to a hole: its last step may lead through an option that looks empty.
    fn walk_hole(&mut self, ty: TypeId, slots: &mut Slots, path: &[Step]) -> Run<Spot> {
        let option = match path {
            [rest @ .., Step::Variant(1), Step::Field(0)] => {
                let spot = self.walk(ty, slots, rest, true)?;
                let is_reference = |l: &cop_bytecode::Layout| match l.body {
                    Body::OptionRef(part) => Some(part.ty),
                    _ => None,
                };
                let payload = self.layouts.ready(spot.ty).and_then(is_reference);
                payload.map(|ty| Spot { ty, ..spot })
            }
            _ => None,
        };
        match option {
            Some(spot) => Ok(spot),
            None => self.walk(ty, slots, path, true),
        }
    }

    fn call_with(
        &mut self,
        function: u32,
        captures: Vec<Slots>,
        modes: &[Mode],
        args: &[Value],
    ) -> Run<Vec<Slots>> {
        let mut all = captures;
        let mut given = vec![];
        for (arg, mode) in args.iter().zip(modes) {
            let slots = self.value(*arg).clone();
            if matches!(mode, Mode::Own | Mode::InOut) {
                given.push(*arg);
            }
            all.push(slots);
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.given = given;
        }
        self.call(function as usize, all)
    }

    fn open(&mut self, value: Value, variant: u32) -> Run<Vec<Slots>> {
        let (ty, slots) = (self.ty(value), self.value(value).clone());
        if self.tag(ty, &slots) != variant {
            return Err(Ended);
        }
        let Some(layout) = self.layouts.ready(ty) else {
            panic!("a type without layout");
        };
        if !layout.boxed {
            let parts = match &layout.body {
                Body::Product(parts) => parts.clone(),
                Body::Sum { variants, .. } => variants[variant as usize].clone(),
                Body::OptionRef(part) if variant == 1 => vec![*part],
                _ => vec![],
            };
            let mut out = vec![];
            for part in parts {
                let width = self.layouts.ready(part.ty).map_or(0, |l| l.slots.len());
                out.push(slots[part.slot as usize..part.slot as usize + width].to_vec());
            }
            return Ok(out);
        }
        let Content::Parts(_, parts) = self.cell(slots[0]).content.clone() else {
            panic!("a boxed value that is none");
        };
        if self.cell(slots[0]).count == 1 {
            self.heap[slots[0] as usize] = None;
        } else {
            for (ty, part) in &parts {
                self.dup(*ty, part);
            }
            let cell = self.cell(slots[0]);
            cell.count -= u32::from(!cell.pinned);
        }
        Ok(parts.into_iter().map(|(_, slots)| slots).collect())
    }

    fn number(&self, value: Value, bound: usize) -> Run<usize> {
        let number = self.value(value)[0] as usize;
        if number < bound {
            Ok(number)
        } else {
            Err(Ended)
        }
    }

    fn update(
        &mut self,
        op: UpdateOp,
        value: Value,
        path: &[Step],
        args: &[Value],
    ) -> Run<Vec<Slots>> {
        use UpdateOp as U;
        let (ty, mut slots) = (self.ty(value), self.value(value).clone());
        let spot = self.walk(ty, &mut slots, path, true)?;
        let row = op.row();
        if row.target == cop_bytecode::table::Kind::I64 {
            let old = self.read(&slots, spot)[0];
            let new = old.wrapping_add(self.value(args[0])[0]) % 4;
            self.write(&mut slots, spot, &[new]);
            return Ok(vec![slots]);
        }
        let args: Vec<Slots> = args.iter().map(|v| self.value(*v).clone()).collect();
        let number = |index: usize, bound: usize| -> Run<usize> {
            let number = args[index][0] as usize;
            if number < bound {
                Ok(number)
            } else {
                Err(Ended)
            }
        };
        let id = self.follow(&mut slots, spot, true);
        let mut content =
            std::mem::replace(&mut self.cell(id).content, Content::Text(String::new()));
        let mut results = vec![];
        let mut dropped: Vec<(TypeId, Slots)> = vec![];
        match (&mut content, op) {
            (Content::List(_, items), U::ListPush) => items.push(args[0].clone()),
            (Content::List(ty, items), U::ListPop) => {
                let popped = items.pop();
                let option = self.layouts.find(&Type::Option(*ty));
                let Some(option) = option else {
                    panic!("the result has no type");
                };
                let variant = u32::from(popped.is_some());
                results.push(self.build(option, variant, popped.into_iter().collect()));
            }
            (Content::List(_, items), U::ListInsert) => {
                let at = number(0, items.len() + 1)?;
                items.insert(at, args[1].clone());
            }
            (Content::List(_, items), U::ListRemove) => {
                let at = number(0, items.len())?;
                results.push(items.remove(at));
            }
            (Content::List(_, items), U::ListSwap) => {
                let (a, b) = (number(0, items.len())?, number(1, items.len())?);
                items.swap(a, b);
            }
            (Content::List(ty, items), U::ListClear) => {
                dropped.extend(items.drain(..).map(|item| (*ty, item)));
            }
            (Content::List(ty, items), U::ListExtend) => {
                let Content::List(_, more) = self.cell(args[0][0]).content.clone() else {
                    panic!("a list that is none");
                };
                for item in more {
                    self.dup(*ty, &item);
                    items.push(item);
                }
            }
            (Content::Entries(k, v, entries), U::MapPut) => {
                let key = self.key(&args[0]);
                match self.find(entries, &key) {
                    Some(at) => {
                        dropped.push((*k, args[0].clone()));
                        if let Some(entry) = &mut entries[at] {
                            dropped.push((*v, std::mem::replace(&mut entry.1, args[1].clone())));
                        }
                    }
                    None => entries.push(Some((args[0].clone(), args[1].clone()))),
                }
            }
            (Content::Entries(k, v, entries), U::MapRemove) => {
                let key = self.key(&args[0]);
                let removed = self.find(entries, &key).and_then(|at| entries[at].take());
                let Some(option) = self.layouts.find(&Type::Option(*v)) else {
                    panic!("the result has no type");
                };
                let variant = u32::from(removed.is_some());
                let mut parts = vec![];
                if let Some((key, value)) = removed {
                    dropped.push((*k, key));
                    parts.push(value);
                }
                results.push(self.build(option, variant, parts));
            }
            (Content::Entries(k, _, entries), U::SetInsert) => {
                let key = self.key(&args[0]);
                let known = self.find(entries, &key).is_some();
                if known {
                    dropped.push((*k, args[0].clone()));
                } else {
                    entries.push(Some((args[0].clone(), vec![])));
                }
                results.push(vec![u64::from(!known)]);
            }
            (Content::Text(text), U::TextAppend) => {
                let more = self.key(&args[0]);
                if text.len() < 3 {
                    text.push_str(&more);
                }
            }
            // The rest has no owners to get wrong.
            _ => results.extend((row.result == cop_bytecode::table::Kind::Bool).then(|| vec![0])),
        }
        self.cell(id).content = content;
        for (ty, slots) in dropped {
            self.drop_value(ty, &slots);
        }
        Ok([vec![slots], results].concat())
    }

    fn op(&mut self, op: Op, ty: Option<TypeId>, args: &[Value]) -> Run<Slots> {
        let first = args.first().map(|v| self.value(*v).clone());
        let first = first.unwrap_or_default();
        Ok(match op {
            Op::ListLen => match &self.cell(first[0]).content {
                Content::List(_, items) => vec![items.len() as u64],
                _ => panic!("a list that is none"),
            },
            Op::ListSlice => {
                let Content::List(ty, items) = self.cell(first[0]).content.clone() else {
                    panic!("a list that is none");
                };
                let start = self.number(args[1], items.len() + 1)?;
                let end = self.number(args[2], items.len() + 1)?;
                let part = items.get(start..end).ok_or(Ended)?.to_vec();
                for item in &part {
                    self.dup(ty, item);
                }
                vec![self.allocate(Content::List(ty, part))]
            }
            Op::ListFilled => {
                let item = self.value(args[1]).clone();
                let element = self.ty(args[1]);
                let count = self.number(args[0], 5)?;
                for _ in 0..count {
                    self.dup(element, &item);
                }
                assert!(ty.is_some());
                vec![self.allocate(Content::List(element, vec![item; count]))]
            }
            Op::StringConcat => {
                let text = self.key(&first);
                vec![self.allocate(Content::Text(text))]
            }
            Op::MapNext | Op::SetNext => match &self.cell(first[0]).content {
                Content::Entries(_, _, entries) => {
                    let found = entries.iter().position(Option::is_some);
                    vec![found.map_or(u64::MAX, |at| at as u64)]
                }
                _ => panic!("a map that is none"),
            },
            _ => vec![self.random.below(3) as u64],
        })
    }
}

/// Where the parts of a body are.
struct Map {
    /// Per instruction, the first value it defines (for the end of a region, its first result).
    first: Vec<u32>,
    /// Per region, where its arms after the first are separated.
    arms: BTreeMap<usize, Vec<usize>>,
    end: BTreeMap<usize, usize>,
    results: BTreeMap<usize, u32>,
}

impl Map {
    fn new(package: &Package, code: &Function) -> Map {
        let mut numbering = Numbering::new(code.params.len());
        let mut map = Map {
            first: vec![],
            arms: BTreeMap::new(),
            end: BTreeMap::new(),
            results: BTreeMap::new(),
        };
        let mut open: Vec<usize> = vec![];
        for (at, instr) in code.body.iter().enumerate() {
            let first = numbering.next();
            map.first.push(first);
            match instr {
                Instr::Block { .. }
                | Instr::If { .. }
                | Instr::Switch { .. }
                | Instr::Loop { .. }
                | Instr::For { .. } => open.push(at),
                Instr::Else | Instr::Arm => {
                    if let Some(region) = open.last() {
                        map.arms.entry(*region).or_default().push(at);
                    }
                }
                Instr::End => {
                    if let Some(region) = open.pop() {
                        map.end.insert(region, at);
                        map.results.insert(region, first);
                    }
                }
                _ => {}
            }
            let results = |f: u32| {
                package
                    .functions
                    .get(f as usize)
                    .map(Function::call_results)
            };
            assert!(numbering.step(instr, results).is_ok());
        }
        map
    }
}
