//! Emits one function: instructions in structured regions, with the ownership rules of the bytecode kept.
//!
//! **Environment.** Every variable that is alive, and every owned value in flight between two instructions,
//! has an entry in [`Env`]: which SSA value holds it now and whether it must be consumed. Values in flight
//! are *hidden* locals, so that an early exit (`?`, `return`, `break`) drops exactly what is there.
//!
//! **Joins.** A way out of a region is emitted as a placeholder with a copy of the environment. When the
//! region is closed all its exits are known: a local whose value differs becomes a result of the region; one
//! that is gone in some exit is dropped in the others. So nothing has to be known in advance, save which
//! locals a loop changes.
//!
//! **Lends.** While a pattern lends parts of a place (`Some(mut x)`), the place is taken apart; every way
//! out puts it together again ([`Lend`]).

use crate::hir::LocalId;
use crate::source::Span;
use cop_bytecode::layout::{Body, Layouts, SlotKind};
use cop_bytecode::{Instr, Op, Own, Step, TrapKind, Type, TypeId, Value, ValueType};
use std::collections::BTreeMap;

/// What is alive: local to slot.
pub type Env = BTreeMap<LocalId, Slot>;

/// Where a local is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// The value that holds it.
    pub value: Value,
    /// Whether it must be consumed: owned, and not a borrowed parameter.
    pub owned: bool,
}

/// An instruction, or a way out that is completed when its region is closed.
enum Code {
    Instr(Instr),
    Pending(usize),
}

/// A way out of a region.
struct Pending {
    env: Env,
    value: Option<Value>,
    /// The instructions it becomes.
    code: Vec<Instr>,
    depth: u32,
}

/// An open region.
pub struct Region {
    /// The environment at its entry; of a loop, before its parameters.
    entry: Env,
    /// Index of the opening instruction.
    at: usize,
    exits: Vec<usize>,
    /// Type of the main result.
    result: Option<TypeId>,
    /// Locals bound inside that live on behind it.
    exports: Vec<LocalId>,
    /// For a loop: the locals that are its parameters.
    carried: Vec<LocalId>,
    /// For a loop: own slots of `carried` that every way to its head knows to be unique.
    turning: Vec<u64>,
    /// How many lends there were at its entry.
    lends: usize,
}

/// An open region, by its position from the outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegionId(usize);

/// A place that is taken apart for now.
#[derive(Clone, Debug)]
pub enum Lend {
    /// The local's value was opened along a pattern.
    Open {
        /// The local.
        local: LocalId,
        /// Its parts.
        parts: Opened,
    },
    /// A part was taken out of a variable's value and is the hidden local `part`.
    Taken {
        /// The variable.
        root: LocalId,
        /// The path of the part.
        path: Vec<Step>,
        /// Where the part is.
        part: LocalId,
        /// Whether the part was only copied (a type without references, or the variable is used meanwhile).
        copied: bool,
    },
    /// Alternatives lent parts; the names hold copies.
    Chosen {
        /// The local that the parts belong to.
        local: LocalId,
        /// Which alternative matched.
        which: LocalId,
        /// For each alternative: where what the names hold is stored.
        chosen: Vec<Vec<(Vec<Hop>, LocalId)>>,
        /// The type of numbers.
        int: TypeId,
        /// The type of truth.
        bool_ty: TypeId,
    },
}

/// An element of a list, as a pattern names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Element {
    /// So many elements are before it.
    Front(i64),
    /// It is so far from the end: 1 is the last one.
    Back(i64),
}

/// A step along a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hop {
    /// To a field or variant.
    Step(Step),
    /// To an element.
    Element(Element),
}

/// The parts of an opened value.
#[derive(Clone, Debug)]
pub enum Opened {
    /// Lies in this local.
    Local(LocalId),
    /// Was opened itself.
    Value {
        /// Its type.
        ty: TypeId,
        /// Which variant it is.
        variant: u32,
        /// Its parts.
        parts: Vec<Opened>,
    },
}

impl Opened {
    /// Whether one of the parts lies in a local.
    fn holds(&self, local: LocalId) -> bool {
        match self {
            Opened::Local(part) => *part == local,
            Opened::Value { parts, .. } => parts.iter().any(|part| part.holds(local)),
        }
    }
}

/// What is known of a value.
#[derive(Clone, Copy)]
struct Info {
    ty: TypeId,
    /// Own slots known to be their cell's only owner.
    unique: u64,
}

/// A finished function body.
pub struct Emitted {
    /// The instructions.
    pub body: Vec<Instr>,
    /// Where each came from.
    pub spans: Vec<Span>,
    /// How many values it defines.
    pub values: usize,
    /// How deep its regions are nested.
    pub depth: usize,
}

/// Builds one body.
pub struct Builder {
    code: Vec<(Code, Span)>,
    pending: Vec<Pending>,
    regions: Vec<Region>,
    values: Vec<Info>,
    /// What is alive.
    pub env: Env,
    /// Lends under way, the innermost last.
    pub lends: Vec<Lend>,
    /// Whether this point cannot be reached; what is emitted then is thrown away.
    pub dead: bool,
    /// Where the source of the next instructions is.
    pub span: Span,
    next_local: u32,
    deepest: usize,
    /// Of the loop closed last: own slots of its locals that every way to its head knew to be unique.
    pub turned: Vec<u64>,
}

/// A point of a body to which the builder can go back, when what was tried after it does not work out.
pub struct Mark {
    code: usize,
    pending: usize,
    values: Vec<Info>,
    exits: Vec<usize>,
    turning: Vec<Vec<u64>>,
    env: Env,
    lends: Vec<Lend>,
    next_local: u32,
}

impl Builder {
    /// An empty body whose source has `locals` locals; hidden ones are numbered after them.
    pub fn new(locals: usize, span: Span) -> Builder {
        Builder {
            code: vec![],
            pending: vec![],
            regions: vec![],
            values: vec![],
            env: Env::new(),
            lends: vec![],
            dead: false,
            span,
            next_local: locals as u32,
            deepest: 0,
            turned: vec![],
        }
    }

    /// This point.
    pub fn mark(&self) -> Mark {
        Mark {
            code: self.code.len(),
            pending: self.pending.len(),
            values: self.values.clone(),
            exits: self.regions.iter().map(|r| r.exits.len()).collect(),
            turning: self.regions.iter().map(|r| r.turning.clone()).collect(),
            env: self.env.clone(),
            lends: self.lends.clone(),
            next_local: self.next_local,
        }
    }

    /// Forgets what was emitted since the mark, which lies in the same regions and can be reached.
    pub fn back(&mut self, mark: Mark) {
        self.code.truncate(mark.code);
        self.pending.truncate(mark.pending);
        self.values = mark.values;
        for (region, (exits, turning)) in self
            .regions
            .iter_mut()
            .zip(mark.exits.into_iter().zip(mark.turning))
        {
            region.exits.truncate(exits);
            region.turning = turning;
        }
        self.env = mark.env;
        self.lends = mark.lends;
        self.next_local = mark.next_local;
        self.dead = false;
    }

    /// A local that the source does not have.
    pub fn hidden(&mut self) -> LocalId {
        self.next_local += 1;
        LocalId(self.next_local - 1)
    }

    /// Declares a parameter of the function or of a region.
    pub fn parameter(&mut self, ty: TypeId) -> Value {
        self.define(ty, 0)
    }

    fn define(&mut self, ty: TypeId, unique: u64) -> Value {
        if self.dead {
            return Value(u32::MAX);
        }
        self.values.push(Info { ty, unique });
        Value(self.values.len() as u32 - 1)
    }

    /// The type of a value.
    pub fn type_of(&self, value: Value) -> TypeId {
        self.values
            .get(value.0 as usize)
            .map_or(TypeId(0), |info| info.ty)
    }

    /// The own slots of a value that are known to be unique.
    pub fn unique(&self, value: Value) -> u64 {
        self.values
            .get(value.0 as usize)
            .map_or(0, |info| info.unique)
    }

    /// Forgets what is known of a value: it was shared with somebody.
    pub fn share(&mut self, value: Value) {
        if let Some(info) = self.values.get_mut(value.0 as usize) {
            info.unique = 0;
        }
    }

    fn push(&mut self, instr: Instr) {
        if !self.dead {
            self.code.push((Code::Instr(instr), self.span));
        }
    }

    /// Emits an instruction that defines one value of type `ty`, of which nothing is known unique.
    pub fn emit_value(&mut self, instr: Instr, ty: TypeId) -> Value {
        self.emit_unique(instr, ty, 0)
    }

    /// Emits an instruction that defines one value with these own slots known unique.
    pub fn emit_unique(&mut self, instr: Instr, ty: TypeId, unique: u64) -> Value {
        self.push(instr);
        self.define(ty, unique)
    }

    /// Emits an instruction that defines several values.
    pub fn emit_values(&mut self, instr: Instr, types: &[(TypeId, u64)]) -> Vec<Value> {
        self.push(instr);
        types
            .iter()
            .map(|(ty, unique)| self.define(*ty, *unique))
            .collect()
    }

    /// Ends the run here.
    pub fn trap(&mut self, kind: TrapKind, operand: Option<Value>, message: Option<Value>) {
        self.push(Instr::Trap {
            kind,
            operand,
            message,
        });
        self.dead = true;
    }

    /// Puts an owned value into a hidden local.
    pub fn hold(&mut self, value: Value) -> LocalId {
        let local = self.hidden();
        self.bind(local, value, true);
        local
    }

    /// Gives a local its value. What it held before must be gone.
    pub fn bind(&mut self, local: LocalId, value: Value, owned: bool) {
        if !self.dead {
            self.env.insert(local, Slot { value, owned });
        }
    }

    /// The value of a local.
    pub fn value(&self, local: LocalId) -> Value {
        self.env
            .get(&local)
            .map_or(Value(u32::MAX), |slot| slot.value)
    }

    /// Moves a local's value out.
    pub fn take(&mut self, local: LocalId) -> Value {
        self.env
            .remove(&local)
            .map_or(Value(u32::MAX), |slot| slot.value)
    }

    /// Whether a local holds what a lend under way will put back: it must not be moved out.
    pub fn is_lent(&self, local: LocalId) -> bool {
        self.lends.iter().any(|lend| match lend {
            Lend::Open {
                local: whole,
                parts,
            } => *whole == local || parts.holds(local),
            Lend::Taken { root, part, .. } => *root == local || *part == local,
            Lend::Chosen {
                local: whole,
                chosen,
                ..
            } => *whole == local || chosen.iter().flatten().any(|(_, part)| *part == local),
        })
    }

    /// The own slots of `value` that are unique once `new` was stored at a path: what is stored in own slots brings
    /// what is known of it.
    pub fn unique_with(
        &self,
        value: Value,
        path: &[Step],
        new: Value,
        layouts: &mut Layouts,
    ) -> u64 {
        let unique = self.unique(value);
        let (ty, slot, behind) = walk(layouts, self.type_of(value), path);
        if behind.is_some() {
            return unique;
        }
        let stored = reference_slots(layouts, ty);
        let shifted = |slots: u64| slots.checked_shl(slot).unwrap_or(0);
        unique & !shifted(stored) | shifted(stored & self.unique(new))
    }

    /// Drops a local if it is alive and owned; it is gone afterwards.
    pub fn drop_local(&mut self, local: LocalId) {
        if let Some(slot) = self.env.remove(&local)
            && slot.owned
        {
            self.push(Instr::Drop(slot.value));
        }
    }

    fn open(
        &mut self,
        instr: Instr,
        result: Option<TypeId>,
        carried: Vec<LocalId>,
        entry: Env,
    ) -> RegionId {
        let at = self.code.len();
        self.push(instr);
        self.regions.push(Region {
            entry,
            at,
            exits: vec![],
            result,
            exports: vec![],
            turning: vec![u64::MAX; carried.len()],
            carried,
            lends: self.lends.len(),
        });
        self.deepest = self.deepest.max(self.regions.len());
        RegionId(self.regions.len() - 1)
    }

    /// Opens a block. Dead code stays dead: regions must not be opened there (callers test `dead`).
    pub fn open_block(&mut self, result: Option<TypeId>) -> RegionId {
        let entry = self.env.clone();
        self.open(Instr::Block { results: vec![] }, result, vec![], entry)
    }

    /// Opens an `if`, in its first arm.
    pub fn open_if(&mut self, condition: Value, result: Option<TypeId>) -> RegionId {
        let entry = self.env.clone();
        self.open(
            Instr::If {
                condition,
                results: vec![],
            },
            result,
            vec![],
            entry,
        )
    }

    /// Lets locals that are bound inside the region live on behind it.
    pub fn export(&mut self, region: RegionId, locals: Vec<LocalId>) {
        self.regions[region.0].exports = locals;
    }

    /// Begins the next arm of the innermost region; the arm before has ended.
    pub fn next_arm(&mut self, separator: Instr) {
        debug_assert!(self.dead, "an arm ends with a way out");
        self.dead = false;
        self.push(separator);
        if let Some(region) = self.regions.last() {
            self.env = region.entry.clone();
        }
    }

    /// Opens a loop that carries the given locals, which must be alive; `unique` says which of their own slots
    /// are unique at its head, on every turn.
    pub fn open_loop(
        &mut self,
        carried: Vec<LocalId>,
        unique: &[u64],
        layouts: &mut Layouts,
    ) -> RegionId {
        let entry = self.env.clone();
        let (start, params) = self.carry(&carried, unique, layouts);
        let id = self.open(
            Instr::Loop {
                start,
                params,
                results: vec![],
            },
            None,
            carried,
            entry,
        );
        self.enter_carried(id, unique);
        id
    }

    /// Opens a counting loop like [`Builder::open_loop`]; gives its index.
    pub fn open_for(
        &mut self,
        from: Value,
        to: Value,
        int: TypeId,
        carried: Vec<LocalId>,
        unique: &[u64],
        layouts: &mut Layouts,
    ) -> (RegionId, Value) {
        let entry = self.env.clone();
        let (start, params) = self.carry(&carried, unique, layouts);
        let id = self.open(
            Instr::For {
                from,
                to,
                start,
                params,
            },
            None,
            carried,
            entry,
        );
        let index = self.define(int, 0);
        self.enter_carried(id, unique);
        (id, index)
    }

    fn carry(
        &mut self,
        carried: &[LocalId],
        unique: &[u64],
        layouts: &mut Layouts,
    ) -> (Vec<Value>, Vec<ValueType>) {
        let start: Vec<Value> = carried.iter().map(|l| self.value(*l)).collect();
        let params = start
            .iter()
            .zip(unique)
            .map(|(v, unique)| self.value_type(self.type_of(*v), *unique, layouts))
            .collect();
        (start, params)
    }

    fn enter_carried(&mut self, id: RegionId, unique: &[u64]) {
        for (local, unique) in self.regions[id.0].carried.clone().into_iter().zip(unique) {
            let ty = self.type_of(self.value(local));
            let value = self.define(ty, *unique);
            if let Some(slot) = self.env.get_mut(&local) {
                slot.value = value;
            }
        }
    }

    fn value_type(&self, ty: TypeId, unique: u64, layouts: &mut Layouts) -> ValueType {
        let own = if is_copy(layouts, ty) {
            Own::Copy
        } else {
            Own::Owned { unique }
        };
        ValueType { ty, own }
    }

    fn depth(&self, region: RegionId) -> u32 {
        (self.regions.len() - 1 - region.0) as u32
    }

    /// Closes the lends beyond the first `count`, on a way out.
    fn close_lends(&mut self, count: usize, layouts: &mut Layouts) {
        for lend in self.lends.clone().into_iter().skip(count).rev() {
            self.close_lend(&lend, layouts);
        }
    }

    /// Makes a variable's value the only owner of the cell that the path enters first, if it enters one; with
    /// `target`, what lies at the path's end counts as entered.
    pub fn enter(
        &mut self,
        root: LocalId,
        path: &[Step],
        target: bool,
        layouts: &mut Layouts,
    ) -> Value {
        let value = self.value(root);
        if self.dead {
            return value;
        }
        let ty = self.type_of(value);
        let slot = match follow(layouts, ty, path).1 {
            Some(slot) if slot & FINAL == 0 => slot,
            Some(slot) if target => slot & !FINAL,
            _ => return value,
        };
        let known = self.unique(value);
        if known >> slot & 1 == 1 {
            return value;
        }
        let value = self.emit_unique(Instr::Unique { value, slot }, ty, known | 1 << slot);
        self.bind(root, value, true);
        value
    }

    /// Puts a lent place together again.
    pub fn close_lend(&mut self, lend: &Lend, layouts: &mut Layouts) {
        match lend {
            Lend::Open { local, parts } => {
                let value = self.rebuild(parts, layouts);
                self.bind(*local, value, true);
            }
            Lend::Taken {
                root,
                path,
                part,
                copied,
            } => {
                let new = self.take(*part);
                if *copied {
                    self.enter(*root, path, false, layouts);
                }
                let value = self.take(*root);
                let ty = self.type_of(value);
                let unique = self.unique_with(value, path, new, layouts);
                let path = path.clone();
                let instr = if *copied {
                    Instr::Set { value, path, new }
                } else {
                    Instr::Put { value, path, new }
                };
                let value = self.emit_unique(instr, ty, unique);
                self.bind(*root, value, !is_copy(layouts, ty));
            }
            Lend::Chosen {
                local,
                which,
                chosen,
                int,
                bool_ty,
            } => {
                let number = self.take(*which);
                let whole = self.open_block(None);
                for (at, parts) in (0..).zip(chosen) {
                    if at + 1 == chosen.len() as i64 {
                        self.store_parts(*local, parts, *int, layouts);
                        self.exit(whole, None, layouts);
                        break;
                    }
                    let wanted = self.emit_value(Instr::ConstI64(at), *int);
                    let same = self.plain(Op::I64Eq, vec![number, wanted], *bool_ty);
                    let region = self.open_if(same, None);
                    self.store_parts(*local, parts, *int, layouts);
                    self.exit(whole, None, layouts);
                    self.next_arm(Instr::Else);
                    self.exit(region, None, layouts);
                    self.close(layouts);
                }
                self.close(layouts);
            }
        }
    }

    fn plain(&mut self, op: Op, args: Vec<Value>, ty: TypeId) -> Value {
        self.emit_value(Instr::Op { op, ty: None, args }, ty)
    }

    /// Stores what locals hold in places of another.
    fn store_parts(
        &mut self,
        local: LocalId,
        parts: &[(Vec<Hop>, LocalId)],
        int: TypeId,
        layouts: &mut Layouts,
    ) {
        for (hops, part) in parts {
            let path = self.steps(local, hops, int, layouts);
            self.enter(local, &path, false, layouts);
            let new = self.take(*part);
            let value = self.take(local);
            let ty = self.type_of(value);
            let unique = self.unique_with(value, &path, new, layouts);
            let value = self.emit_unique(Instr::Set { value, path, new }, ty, unique);
            self.bind(local, value, !is_copy(layouts, ty));
        }
    }

    /// The path that hops lead along in a local.
    pub fn steps(
        &mut self,
        local: LocalId,
        hops: &[Hop],
        int: TypeId,
        layouts: &mut Layouts,
    ) -> Vec<Step> {
        let mut path: Vec<Step> = vec![];
        for hop in hops {
            let step = match *hop {
                Hop::Step(step) => step,
                Hop::Element(Element::Front(n)) => {
                    Step::Index(self.emit_value(Instr::ConstI64(n), int))
                }
                Hop::Element(Element::Back(n)) => {
                    let mut list = self.value(local);
                    if !path.is_empty() {
                        let ty = follow(layouts, self.type_of(list), &path).0;
                        let get = Instr::Get {
                            value: list,
                            path: path.clone(),
                        };
                        list = self.emit_value(get, ty);
                    }
                    let len = self.plain(Op::ListLen, vec![list], int);
                    let back = self.emit_value(Instr::ConstI64(n), int);
                    Step::Index(self.plain(Op::I64Sub, vec![len, back], int))
                }
            };
            path.push(step);
        }
        path
    }

    fn rebuild(&mut self, parts: &Opened, layouts: &mut Layouts) -> Value {
        match parts {
            Opened::Local(local) => self.take(*local),
            Opened::Value { ty, variant, parts } => {
                let parts: Vec<Value> = parts.iter().map(|p| self.rebuild(p, layouts)).collect();
                self.new_value(*ty, *variant, parts, layouts)
            }
        }
    }

    /// Builds a value of its parts and works out which of its own slots are unique.
    pub fn new_value(
        &mut self,
        ty: TypeId,
        variant: u32,
        parts: Vec<Value>,
        layouts: &mut Layouts,
    ) -> Value {
        let placed = match layouts.layout(ty) {
            Ok(layout) if !layout.boxed => match &layout.body {
                Body::Product(parts) => Some(parts.clone()),
                Body::Sum { variants, .. } => variants.get(variant as usize).cloned(),
                Body::OptionRef(part) if variant == 1 => Some(vec![*part]),
                Body::OptionRef(_) => Some(vec![]),
                _ => None,
            },
            _ => None,
        };
        let unique = match placed {
            Some(placed) => parts
                .iter()
                .zip(placed)
                .fold(0, |all, (v, p)| all | self.unique(*v) << p.slot),
            None => 1,
        };
        self.emit_unique(Instr::New { ty, variant, parts }, ty, unique)
    }

    /// Leaves the region with `value`. What was bound inside is dropped.
    pub fn exit(&mut self, region: RegionId, value: Option<Value>, layouts: &mut Layouts) {
        if self.dead {
            return;
        }
        let (lends, kept) = {
            let r = &self.regions[region.0];
            let mut kept: Vec<LocalId> = r.entry.keys().copied().collect();
            kept.extend(&r.exports);
            (r.lends, kept)
        };
        let open_lends = self.lends.clone();
        self.close_lends(lends, layouts);
        self.drop_all_but(&kept);
        let id = self.pending.len();
        let depth = self.depth(region);
        self.pending.push(Pending {
            env: self.env.clone(),
            value,
            code: vec![],
            depth,
        });
        self.regions[region.0].exits.push(id);
        self.code.push((Code::Pending(id), self.span));
        self.lends = open_lends;
        self.dead = true;
    }

    fn drop_all_but(&mut self, kept: &[LocalId]) {
        let gone: Vec<LocalId> = self
            .env
            .keys()
            .copied()
            .filter(|l| !kept.contains(l))
            .collect();
        for local in gone {
            self.drop_local(local);
        }
    }

    /// Goes to the head of the loop with what its locals hold now.
    pub fn next(&mut self, region: RegionId, layouts: &mut Layouts) {
        if self.dead {
            return;
        }
        let r = &self.regions[region.0];
        let (lends, kept): (usize, Vec<LocalId>) = (r.lends, r.entry.keys().copied().collect());
        let carried = r.carried.clone();
        self.close_lends(lends, layouts);
        self.drop_all_but(&kept);
        let values = carried.iter().map(|l| self.value(*l)).collect();
        let known: Vec<u64> = carried
            .iter()
            .map(|l| self.unique(self.value(*l)))
            .collect();
        let turning = &mut self.regions[region.0].turning;
        turning
            .iter_mut()
            .zip(known)
            .for_each(|(all, this)| *all &= this);
        let depth = self.depth(region);
        self.push(Instr::Next { depth, values });
        self.dead = true;
    }

    /// Forgets the lends made inside a region, all of whose ways out have closed them.
    pub fn truncate_lends(&mut self, region: RegionId) {
        let count = self.regions[region.0].lends;
        self.lends.truncate(count);
    }

    /// Returns from the function: drops what is alive except `kept` (the `inout` parameters), whose values
    /// follow the result.
    pub fn ret(&mut self, value: Value, kept: &[LocalId], layouts: &mut Layouts) {
        if self.dead {
            return;
        }
        let open_lends = self.lends.clone();
        self.close_lends(0, layouts);
        self.drop_all_but(kept);
        let mut values = vec![value];
        values.extend(kept.iter().map(|l| self.value(*l)));
        self.push(Instr::Ret { values });
        self.lends = open_lends;
        self.dead = true;
    }

    /// Closes the innermost region, all of whose arms have ended; gives its main result. The environment is
    /// what its exits agree on.
    pub fn close(&mut self, layouts: &mut Layouts) -> Option<Value> {
        debug_assert!(self.dead, "a region ends with a way out");
        let region = self.regions.pop()?;
        self.dead = false;
        self.turned.clone_from(&region.turning);
        if let Code::Instr(Instr::For { .. }) = self.code[region.at].0 {
            // What a way out of a counting loop gives is what its end would give.
            for (i, local) in region.carried.iter().enumerate() {
                let known = self.known_by_all(&region.exits, |p| p.env.get(local).map(|s| s.value));
                self.turned[i] &= known;
            }
        }
        if region.exits.is_empty()
            && !matches!(self.code[region.at].0, Code::Instr(Instr::For { .. }))
        {
            self.push(Instr::End);
            self.env = region.entry;
            self.trap(TrapKind::Unreachable, None, None);
            return None;
        }
        let mut env = region.entry.clone();
        let mut changed: Vec<LocalId> = vec![];
        let counting = matches!(self.code[region.at].0, Code::Instr(Instr::For { .. }));
        let locals: Vec<LocalId> = region
            .entry
            .keys()
            .chain(&region.exports)
            .copied()
            .collect();
        for local in locals {
            let slots: Vec<Option<Slot>> = region
                .exits
                .iter()
                .map(|id| self.pending[*id].env.get(&local).copied())
                .collect();
            if region.carried.contains(&local) && (counting || slots.iter().all(Option::is_some)) {
                changed.push(local);
            } else if slots.iter().any(Option::is_none) {
                // Consumed on some way out: dropped on the others.
                for id in &region.exits {
                    if let Some(slot) = self.pending[*id].env.get(&local).copied()
                        && slot.owned
                    {
                        self.pending[*id].code.push(Instr::Drop(slot.value));
                    }
                }
                env.remove(&local);
            } else if slots
                .iter()
                .any(|s| *s != region.entry.get(&local).copied())
            {
                changed.push(local);
            }
        }
        if counting {
            changed.clone_from(&region.carried);
        }
        let mut results: Vec<ValueType> = vec![];
        let mut infos: Vec<(TypeId, u64)> = vec![];
        if let Some(ty) = region.result {
            let unique = self.known_by_all(&region.exits, |p| p.value);
            results.push(self.value_type(ty, unique, layouts));
            infos.push((ty, unique));
        }
        for local in &changed {
            let ty = match region.exits.first() {
                Some(id) => self.pending[*id]
                    .env
                    .get(local)
                    .map_or(TypeId(0), |s| self.type_of(s.value)),
                None => self.type_of(region.entry.get(local).map_or(Value(0), |s| s.value)),
            };
            let local = *local;
            let unique = if let Code::Instr(Instr::For { params, .. }) = &self.code[region.at].0 {
                let at = region.carried.iter().position(|l| *l == local);
                match at.and_then(|i| params.get(i)).map(|p| p.own) {
                    Some(Own::Owned { unique }) => unique,
                    _ => 0,
                }
            } else {
                self.known_by_all(&region.exits, |p| p.env.get(&local).map(|s| s.value))
            };
            results.push(self.value_type(ty, unique, layouts));
            infos.push((ty, unique));
        }
        for id in &region.exits {
            let pending = &mut self.pending[*id];
            let mut values: Vec<Value> = pending
                .value
                .filter(|_| region.result.is_some())
                .into_iter()
                .collect();
            values.extend(
                changed
                    .iter()
                    .filter_map(|l| pending.env.get(l).map(|s| s.value)),
            );
            let depth = pending.depth;
            pending.code.push(Instr::Exit { depth, values });
        }
        if let Code::Instr(
            Instr::Block { results: r }
            | Instr::If { results: r, .. }
            | Instr::Loop { results: r, .. },
        ) = &mut self.code[region.at].0
        {
            *r = results.clone();
        }
        self.push(Instr::End);
        let mut defined: Vec<Value> = infos
            .iter()
            .map(|(ty, unique)| self.define(*ty, *unique))
            .collect();
        let value = region.result.map(|_| defined.remove(0));
        for (local, v) in changed.iter().zip(defined) {
            let owned = !is_copy(layouts, self.type_of(v));
            env.insert(*local, Slot { value: v, owned });
        }
        self.env = env;
        value
    }

    fn known_by_all(&self, exits: &[usize], value: impl Fn(&Pending) -> Option<Value>) -> u64 {
        exits
            .iter()
            .map(|id| value(&self.pending[*id]).map_or(0, |v| self.unique(v)))
            .fold(u64::MAX, |a, b| a & b)
    }

    /// The finished body.
    pub fn finish(self) -> Emitted {
        let mut emitted = Emitted {
            body: vec![],
            spans: vec![],
            values: self.values.len(),
            depth: self.deepest,
        };
        for (code, span) in self.code {
            let instrs = match code {
                Code::Instr(instr) => vec![instr],
                Code::Pending(id) => self.pending[id].code.clone(),
            };
            emitted.spans.extend(instrs.iter().map(|_| span));
            emitted.body.extend(instrs);
        }
        emitted
    }
}

/// Whether values of the type can be copied bit by bit. A type without layout was reported elsewhere.
pub fn is_copy(layouts: &mut Layouts, ty: TypeId) -> bool {
    layouts.layout(ty).map_or(true, |l| l.copy)
}

/// The own slots of a type that are references, as flags.
pub fn reference_slots(layouts: &mut Layouts, ty: TypeId) -> u64 {
    let Ok(layout) = layouts.layout(ty) else {
        return 0;
    };
    let refs = layout
        .slots
        .iter()
        .enumerate()
        .filter(|(_, k)| matches!(k, SlotKind::Ref | SlotKind::OptionRef));
    refs.fold(0, |all, (i, _)| all | 1 << i)
}

/// Follows a path from a value of type `ty`: the type it leads to, and the own slot where it follows its
/// first reference, if it follows one.
pub fn follow(layouts: &mut Layouts, ty: TypeId, path: &[Step]) -> (TypeId, Option<u32>) {
    let (ty, slot, first) = walk(layouts, ty, path);
    let is_reference = layouts
        .layout(ty)
        .is_ok_and(|l| l.boxed || l.body == Body::Reference);
    // The slot of what lies there; callers that follow it too take it.
    let own = if first.is_none() && is_reference {
        Some(slot | FINAL)
    } else {
        first
    };
    (ty, own)
}

/// The type that a path leads to, its first slot among those of the cell or value that it lies in, and the own slot
/// where the path follows its first reference.
fn walk(layouts: &mut Layouts, ty: TypeId, path: &[Step]) -> (TypeId, u32, Option<u32>) {
    let (mut ty, mut slot, mut first, mut variant) = (ty, 0, None, 0);
    for step in path {
        let layout = layouts.layout(ty).cloned();
        let known = layouts.get(ty).cloned();
        let (is_reference, inline) = match &layout {
            Ok(l) => (l.boxed || l.body == Body::Reference, l.body.clone()),
            Err(_) => return (ty, slot, first),
        };
        if is_reference && first.is_none() {
            first = Some(slot);
        }
        match (step, known) {
            (Step::Index(_), Some(Type::List(t))) => ty = t,
            (Step::Index(_), Some(Type::Bytes)) => ty = layouts.intern(Type::I64),
            (Step::Key(_) | Step::EntryValue(_), Some(Type::Map(_, v))) => ty = v,
            (Step::EntryKey(_), Some(Type::Map(k, _))) => ty = k,
            (Step::EntryKey(_), Some(Type::Set(t))) => ty = t,
            (Step::Variant(v), _) => variant = *v,
            (Step::Field(f), _) => {
                let parts = layouts
                    .parts(ty)
                    .ok()
                    .and_then(|rows| rows.get(variant as usize).cloned());
                let placed = match &inline {
                    Body::Product(parts) => parts.get(*f as usize).map(|p| p.slot),
                    Body::Sum { variants, .. } => variants
                        .get(variant as usize)
                        .and_then(|v| v.get(*f as usize))
                        .map(|p| p.slot),
                    _ => Some(0),
                };
                slot += placed.unwrap_or(0);
                ty = parts
                    .and_then(|p| p.get(*f as usize).copied())
                    .unwrap_or(ty);
                variant = 0;
            }
            _ => {}
        }
    }
    (ty, slot, first)
}

/// Marks, in the slot that [`follow`] gives, that the path itself follows no reference, but what lies at its
/// end is one.
const FINAL: u32 = 1 << 31;
