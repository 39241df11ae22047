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
use crate::middle::draft::Node;
use crate::source::Span;
use cop_bytecode::layout::Layouts;
use cop_bytecode::{Instr, Op, Own, Step, TrapKind, TypeId, Value, ValueType, Values};
use std::rc::Rc;

/// What is alive: local to slot, in order of locals. Each way out keeps one, so copies are shared until one of them
/// changes. Most that is bound is newer than all before it, so rows are put in and taken out at the end.
#[derive(Clone, Default)]
pub struct Env(Rc<Vec<(LocalId, Slot)>>);

impl Env {
    /// Whether nothing has changed since one was copied from the other. (If not, they may still be equal.)
    fn is_same(&self, other: &Env) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    fn find(&self, local: LocalId) -> Result<usize, usize> {
        match self.0.last() {
            None => Err(0),
            Some((last, _)) if *last < local => Err(self.0.len()),
            Some((last, _)) if *last == local => Ok(self.0.len() - 1),
            Some(_) => self.0.binary_search_by_key(&local, |(local, _)| *local),
        }
    }

    /// Where a local is, if it is alive.
    pub fn get(&self, local: LocalId) -> Option<Slot> {
        self.find(local).ok().map(|at| self.0[at].1)
    }

    /// As [`Env::get`]; the local probably stands at this row.
    fn get_near(&self, local: LocalId, row: usize) -> Option<Slot> {
        match self.0.get(row) {
            Some((there, slot)) if *there == local => Some(*slot),
            _ => self.get(local),
        }
    }

    /// Whether a local is alive.
    pub fn contains(&self, local: LocalId) -> bool {
        self.find(local).is_ok()
    }

    /// The locals, in order.
    pub fn locals(&self) -> impl Iterator<Item = LocalId> {
        self.0.iter().map(|(local, _)| *local)
    }

    fn insert(&mut self, local: LocalId, slot: Slot) {
        match self.find(local) {
            Ok(at) => self.rows()[at].1 = slot,
            Err(at) => self.rows().insert(at, (local, slot)),
        }
    }

    /// Takes a local out.
    pub fn remove(&mut self, local: LocalId) -> Option<Slot> {
        let at = self.find(local).ok()?;
        Some(self.rows().remove(at).1)
    }

    fn rows(&mut self) -> &mut Vec<(LocalId, Slot)> {
        if Rc::strong_count(&self.0) > 1 {
            // With room for what is bound next.
            let mut rows = Vec::with_capacity(self.0.len() + 8);
            rows.extend_from_slice(&self.0);
            self.0 = Rc::new(rows);
        }
        Rc::make_mut(&mut self.0)
    }
}

/// Where a local is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// The value that holds it.
    pub value: Value,
    /// Whether it must be consumed: owned, and not a borrowed parameter.
    pub owned: bool,
}

/// A way out of a region.
struct Pending {
    /// Index of the instruction that stands in its place; what is dropped there is put in before it.
    at: usize,
    /// What is alive there, until the region is closed.
    env: Env,
    value: Option<Value>,
    drops: Vec<Value>,
}

/// What builders keep their parts in, one after the other.
#[derive(Default)]
pub struct Buffers {
    code: Vec<Node>,
    pending: Vec<Pending>,
    regions: Vec<Region>,
    values: Vec<TypeId>,
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

/// Builds one body.
pub struct Builder {
    code: Vec<Node>,
    pending: Vec<Pending>,
    regions: Vec<Region>,
    /// The type of each value.
    values: Vec<TypeId>,
    /// What is alive.
    pub env: Env,
    /// Lends under way, the innermost last.
    pub lends: Vec<Lend>,
    /// Whether this point cannot be reached; what is emitted then is thrown away.
    pub dead: bool,
    /// Where the source of the next instructions is.
    pub span: Span,
    /// Which values are those of which locals of the source, if a debugger is to know.
    pub labels: Option<Vec<(u32, LocalId)>>,
    locals: u32,
    next_local: u32,
}

impl Builder {
    /// An empty body whose source has `locals` locals; hidden ones are numbered after them.
    pub fn new(locals: usize, span: Span, buffers: Buffers) -> Builder {
        Builder {
            code: buffers.code,
            pending: buffers.pending,
            regions: buffers.regions,
            values: buffers.values,
            env: Env::default(),
            lends: vec![],
            dead: false,
            span,
            labels: None,
            locals: locals as u32,
            next_local: locals as u32,
        }
    }

    /// A local that the source does not have.
    pub fn hidden(&mut self) -> LocalId {
        self.next_local += 1;
        LocalId(self.next_local - 1)
    }

    /// Declares a parameter of the function or of a region.
    pub fn parameter(&mut self, ty: TypeId) -> Value {
        self.define(ty)
    }

    /// Says that the last instruction defines one more value.
    pub fn define(&mut self, ty: TypeId) -> Value {
        if self.dead {
            return Value(u32::MAX);
        }
        self.values.push(ty);
        // Parameters of the function are defined before there is any code.
        if let Some(node) = self.code.last_mut() {
            node.count += 1;
        }
        Value(self.values.len() as u32 - 1)
    }

    /// The type of a value.
    pub fn type_of(&self, value: Value) -> TypeId {
        self.values
            .get(value.0 as usize)
            .copied()
            .unwrap_or(TypeId(0))
    }

    fn push(&mut self, instr: Instr) {
        if !self.dead {
            self.code.push(Node {
                instr,
                first: self.values.len() as u32,
                count: 0,
                span: self.span,
                site: 0,
            });
        }
    }

    /// Emits an instruction that defines one value of type `ty`.
    pub fn emit_value(&mut self, instr: Instr, ty: TypeId) -> Value {
        self.push(instr);
        self.define(ty)
    }

    /// Emits an instruction that defines several values.
    pub fn emit_values(&mut self, instr: Instr, types: &[TypeId]) -> Vec<Value> {
        self.push(instr);
        types.iter().map(|ty| self.define(*ty)).collect()
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
            self.label(local, value);
        }
    }

    /// Notes that a value is that of a local of the source.
    fn label(&mut self, local: LocalId, value: Value) {
        if let Some(labels) = &mut self.labels
            && local.0 < self.locals
        {
            labels.push((value.0, local));
        }
    }

    /// The value of a local.
    pub fn value(&self, local: LocalId) -> Value {
        self.env
            .get(local)
            .map_or(Value(u32::MAX), |slot| slot.value)
    }

    /// Moves a local's value out.
    pub fn take(&mut self, local: LocalId) -> Value {
        self.env
            .remove(local)
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

    /// Drops a local if it is alive and owned; it is gone afterwards.
    pub fn drop_local(&mut self, local: LocalId) {
        if let Some(slot) = self.env.remove(local)
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
            carried,
            lends: self.lends.len(),
        });
        RegionId(self.regions.len() - 1)
    }

    /// Opens a block. Dead code stays dead: regions must not be opened there (callers test `dead`).
    pub fn open_block(&mut self, result: Option<TypeId>) -> RegionId {
        let entry = self.env.clone();
        self.open(Instr::Block { results: [].into() }, result, vec![], entry)
    }

    /// Opens an `if`, in its first arm.
    pub fn open_if(&mut self, condition: Value, result: Option<TypeId>) -> RegionId {
        let entry = self.env.clone();
        self.open(
            Instr::If {
                condition,
                results: [].into(),
            },
            result,
            vec![],
            entry,
        )
    }

    /// Opens a `switch` over the variants of a sum, in its first arm.
    pub fn open_switch(&mut self, value: Value, result: Option<TypeId>) -> RegionId {
        let entry = self.env.clone();
        let results = vec![];
        self.open(
            Instr::Switch {
                value,
                results: results.into(),
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

    /// Opens a loop that carries the given locals, which must be alive.
    pub fn open_loop(&mut self, carried: Vec<LocalId>, layouts: &mut Layouts) -> RegionId {
        let entry = self.env.clone();
        let (start, params) = self.carry(&carried, layouts);
        let id = self.open(
            Instr::Loop {
                start: start.into(),
                params: params.into(),
                results: [].into(),
            },
            None,
            carried,
            entry,
        );
        self.enter_carried(id);
        id
    }

    /// Opens a counting loop like [`Builder::open_loop`]; gives its index.
    pub fn open_for(
        &mut self,
        from: Value,
        to: Value,
        int: TypeId,
        carried: Vec<LocalId>,
        layouts: &mut Layouts,
    ) -> (RegionId, Value) {
        let entry = self.env.clone();
        let (start, params) = self.carry(&carried, layouts);
        let id = self.open(
            Instr::For {
                from,
                to,
                start: start.into(),
                params: params.into(),
            },
            None,
            carried,
            entry,
        );
        let index = self.define(int);
        self.enter_carried(id);
        (id, index)
    }

    fn carry(
        &mut self,
        carried: &[LocalId],
        layouts: &mut Layouts,
    ) -> (Vec<Value>, Vec<ValueType>) {
        let start: Vec<Value> = carried.iter().map(|l| self.value(*l)).collect();
        let params = start
            .iter()
            .map(|v| value_type(self.type_of(*v), layouts))
            .collect();
        (start, params)
    }

    fn enter_carried(&mut self, id: RegionId) {
        for at in 0..self.regions[id.0].carried.len() {
            let local = self.regions[id.0].carried[at];
            let ty = self.type_of(self.value(local));
            let value = self.define(ty);
            if let Some(slot) = self.env.get(local) {
                self.env.insert(local, Slot { value, ..slot });
                self.label(local, value);
            }
        }
    }

    fn depth(&self, region: RegionId) -> u32 {
        (self.regions.len() - 1 - region.0) as u32
    }

    /// Closes the lends beyond the first `count`, on a way out.
    fn close_lends(&mut self, count: usize, layouts: &mut Layouts) {
        let open = self.lends.get(count..).unwrap_or_default().to_vec();
        for lend in open.iter().rev() {
            self.close_lend(lend, layouts);
        }
    }

    /// Puts a lent place together again.
    pub fn close_lend(&mut self, lend: &Lend, layouts: &mut Layouts) {
        match lend {
            Lend::Open { local, parts } => {
                let value = self.rebuild(parts);
                let owned = !is_copy(layouts, self.type_of(value));
                self.bind(*local, value, owned);
            }
            Lend::Taken {
                root,
                path,
                part,
                copied,
            } => {
                let new = self.take(*part);
                let value = self.take(*root);
                let ty = self.type_of(value);
                let path = path.clone();
                let instr = if *copied {
                    Instr::Set {
                        value,
                        path: path.into(),
                        new,
                    }
                } else {
                    Instr::Put {
                        value,
                        path: path.into(),
                        new,
                    }
                };
                let value = self.emit_value(instr, ty);
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
        self.emit_value(
            Instr::Op {
                op,
                ty: None,
                args: args.into(),
            },
            ty,
        )
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
            let new = self.take(*part);
            let value = self.take(local);
            let ty = self.type_of(value);
            let value = self.emit_value(
                Instr::Set {
                    value,
                    path: path.into(),
                    new,
                },
                ty,
            );
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
                        let ty = path_type(layouts, self.type_of(list), &path);
                        let get = Instr::Get {
                            value: list,
                            path: path.clone().into(),
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

    fn rebuild(&mut self, parts: &Opened) -> Value {
        match parts {
            Opened::Local(local) => self.take(*local),
            Opened::Value { ty, variant, parts } => {
                let parts = parts.iter().map(|p| self.rebuild(p)).collect();
                self.new_value(*ty, *variant, parts)
            }
        }
    }

    /// Builds a value of its parts.
    pub fn new_value(&mut self, ty: TypeId, variant: u32, parts: Values) -> Value {
        self.emit_value(Instr::New { ty, variant, parts }, ty)
    }

    /// Leaves the region with `value`. What was bound inside is dropped.
    pub fn exit(&mut self, region: RegionId, value: Option<Value>, layouts: &mut Layouts) {
        if self.dead {
            return;
        }
        let r = &self.regions[region.0];
        let (lends, entry, exports) = (r.lends, r.entry.clone(), r.exports.clone());
        let open_lends = self.lends.clone();
        self.close_lends(lends, layouts);
        self.drop_since(&entry, |l| exports.contains(&l));
        let id = self.pending.len();
        self.pending.push(Pending {
            at: self.code.len(),
            env: self.env.clone(),
            value,
            drops: vec![],
        });
        self.regions[region.0].exits.push(id);
        // What the region then gets is known when it is closed.
        let (depth, values) = (self.depth(region), Values::new());
        self.push(Instr::Exit { depth, values });
        self.lends = open_lends;
        self.dead = true;
    }

    fn drop_all_but(&mut self, kept: impl Fn(&LocalId) -> bool) {
        let gone: Vec<LocalId> = self.env.locals().filter(|l| !kept(l)).collect();
        for local in gone {
            self.drop_local(local);
        }
    }

    /// Drops what an older environment does not have, save one local.
    pub fn drop_since(&mut self, before: &Env, kept: impl Fn(LocalId) -> bool) {
        if self.env.is_same(before) {
            return;
        }
        // Mostly the same locals are in the same rows.
        let since = |(row, local): &(usize, LocalId)| before.get_near(*local, *row).is_none();
        let rows = (0..).zip(self.env.locals()).filter(since);
        let gone: Vec<LocalId> = rows.map(|(_, l)| l).filter(|l| !kept(*l)).collect();
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
        let (lends, entry, carried) = (r.lends, r.entry.clone(), r.carried.clone());
        self.close_lends(lends, layouts);
        self.drop_since(&entry, |_| false);
        let values = carried.iter().map(|l| self.value(*l)).collect();
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
        self.drop_all_but(|l| kept.contains(l));
        let mut values = Values::from([value]);
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
        let counting = matches!(self.code[region.at].instr, Instr::For { .. });
        if region.exits.is_empty() && !counting {
            self.push(Instr::End);
            self.env = region.entry;
            self.trap(TrapKind::Unreachable, None, None);
            return None;
        }
        let mut env = region.entry.clone();
        let mut changed: Vec<LocalId> = vec![];
        let mut ways = region.exits.iter().map(|id| &self.pending[*id].env);
        let unchanged = region.carried.is_empty()
            && region.exports.is_empty()
            && ways.all(|env| env.is_same(&region.entry));
        if !unchanged {
            for row in 0..region.entry.0.len() + region.exports.len() {
                let (local, before) = match region.entry.0.get(row) {
                    Some((local, slot)) => (*local, Some(*slot)),
                    None => (region.exports[row - region.entry.0.len()], None),
                };
                let (mut everywhere, mut differs) = (true, false);
                for id in &region.exits {
                    let slot = self.pending[*id].env.get_near(local, row);
                    everywhere &= slot.is_some();
                    differs |= slot != before;
                }
                if !differs && everywhere && !region.carried.contains(&local) {
                    continue;
                }
                if region.carried.contains(&local) && (counting || everywhere) {
                    changed.push(local);
                } else if !everywhere {
                    // Consumed on some way out: dropped on the others.
                    for id in &region.exits {
                        let pending = &mut self.pending[*id];
                        if let Some(slot) = pending.env.get_near(local, row)
                            && slot.owned
                        {
                            pending.drops.push(slot.value);
                        }
                    }
                    env.remove(local);
                } else {
                    changed.push(local);
                }
            }
        }
        if counting {
            changed.clone_from(&region.carried);
        }
        let mut types: Vec<TypeId> = region.result.into_iter().collect();
        for local in &changed {
            types.push(match region.exits.first() {
                Some(id) => self.pending[*id]
                    .env
                    .get(*local)
                    .map_or(TypeId(0), |s| self.type_of(s.value)),
                None => self.type_of(region.entry.get(*local).map_or(Value(0), |s| s.value)),
            });
        }
        for id in &region.exits {
            let pending = &mut self.pending[*id];
            let way = std::mem::take(&mut pending.env);
            let mut values = Values::new();
            values.extend(pending.value.filter(|_| region.result.is_some()));
            values.extend(changed.iter().filter_map(|l| way.get(*l).map(|s| s.value)));
            if let Instr::Exit { values: given, .. } = &mut self.code[pending.at].instr {
                *given = values;
            }
        }
        if let Instr::Block { results }
        | Instr::If { results, .. }
        | Instr::Switch { results, .. }
        | Instr::Loop { results, .. } = &mut self.code[region.at].instr
        {
            *results = types.iter().map(|ty| value_type(*ty, layouts)).collect();
        }
        self.push(Instr::End);
        let mut defined = types.iter().map(|ty| self.define(*ty));
        let value = region.result.and_then(|_| defined.next());
        let defined: Vec<Value> = defined.collect();
        for (local, v) in changed.iter().zip(defined) {
            let owned = !is_copy(layouts, self.type_of(v));
            env.insert(*local, Slot { value: v, owned });
            self.label(*local, v);
        }
        self.env = env;
        value
    }

    /// The finished body: its code, and the types of its values. Beside it the buffers, which are empty again.
    pub fn finish(mut self) -> (Vec<Node>, Vec<TypeId>, Buffers) {
        let more: usize = self.pending.iter().map(|way| way.drops.len()).sum();
        let mut code = Vec::with_capacity(self.code.len() + more);
        if more > 0 {
            let (mut nodes, mut taken) = (self.code.drain(..), 0);
            for way in self.pending.iter().filter(|way| !way.drops.is_empty()) {
                code.extend(nodes.by_ref().take(way.at - taken));
                taken = way.at;
                let span = nodes.as_slice().first().map_or(self.span, |exit| exit.span);
                code.extend(way.drops.iter().map(|value| Node {
                    instr: Instr::Drop(*value),
                    first: 0,
                    count: 0,
                    span,
                    site: 0,
                }));
            }
            code.extend(nodes);
        } else {
            code.append(&mut self.code);
        }
        let values = self.values.as_slice().to_vec();
        self.pending.clear();
        self.regions.clear();
        self.values.clear();
        let buffers = Buffers {
            code: self.code,
            pending: self.pending,
            regions: self.regions,
            values: self.values,
        };
        (code, values, buffers)
    }
}

fn value_type(ty: TypeId, layouts: &mut Layouts) -> ValueType {
    let own = if is_copy(layouts, ty) {
        Own::Copy
    } else {
        Own::Owned { unique: 0 }
    };
    ValueType { ty, own }
}

/// Whether values of the type can be copied bit by bit. A type without layout was reported elsewhere.
pub fn is_copy(layouts: &mut Layouts, ty: TypeId) -> bool {
    match layouts.ready(ty) {
        Some(layout) => layout.copy,
        None => layouts.layout(ty).map_or(true, |l| l.copy),
    }
}

/// The type that a path leads to.
pub fn path_type(layouts: &mut Layouts, ty: TypeId, path: &[Step]) -> TypeId {
    cop_bytecode::typing::path_type(layouts, ty, path).unwrap_or(ty)
}
