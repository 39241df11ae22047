//! How values lie in slots and in cells (BYTECODE.md, section 2, "Layout rules"): normative and the same on
//! every machine, because size decides memory used and the number of slots decides frame cost.
//!
//! As a value, everything is a row of 64-bit **slots**. In memory (list elements, fields of cells, map
//! entries) everything has a **size and alignment**. A type that is too wide, or that contains itself, is
//! **boxed**: its value is one slot, a reference to a cell of its own.
//!
//! ```text
//!   struct P { a: Bool, b: Int, s: String }     slots  [Bool, I64, Ref]
//!                                               memory b@0..8  s@8..12  a@12   size 16, align 8
//!   enum E { A, B(Int), C(String) }             slots  [Tag, Raw]
//!                                               memory tag@0   B: @8..16   C: @4..8   size 16, align 8
//!   a boxed product's cell                      header 0..8, then the parts as above from offset 8
//!   a boxed sum's cell                          header 0..8, tag @8, parts after it, per variant
//! ```
//!
//! [`Layouts`] is also the table in which types are kept unique; it lays out lazily, so that the compiler
//! can use it while it is still adding types.

use crate::limits;
use crate::types::{DefId, Shape, Type, TypeDef, TypeId};
use indexmap::IndexMap;

/// What a slot holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SlotKind {
    /// An integer.
    I64,
    /// A float.
    F64,
    /// 0 or 1.
    Bool,
    /// A scalar value.
    Char,
    /// A reference that is never 0.
    Ref,
    /// A reference, or 0 for `None`.
    OptionRef,
    /// The number of a variant.
    Tag,
    /// Different kinds in different variants; only the tag tells.
    Raw,
    /// A capability or handle.
    Host,
}

/// Where a part of a product or of a variant's payload lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// Its type.
    pub ty: TypeId,
    /// Its first slot, counted from the whole value's first (inside a boxed type: from the first part's).
    pub slot: u32,
    /// Its offset in memory, from the start of the whole value, or of the cell if the whole is boxed.
    pub offset: u32,
}

/// What a type is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// One slot (none for `()`) without parts.
    Scalar,
    /// A reference to a string, bytes, list, map, set or closure.
    Reference,
    /// A product: struct, tuple or range.
    Product(Vec<Part>),
    /// A sum; per variant its parts. The tag is slot 0 and stands first in memory, `tag_width` bytes.
    Sum {
        /// 1, or 2 above 256 variants.
        tag_width: u32,
        /// Parts of each variant.
        variants: Vec<Vec<Part>>,
    },
    /// An option in one slot: the payload's own reference, 0 for `None`. The payload is part 0.
    OptionRef(Part),
}

/// The layout of a type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// As a value.
    pub slots: Vec<SlotKind>,
    /// Size in memory, a multiple of `align`; as an element this is the stride.
    pub size: u32,
    /// Alignment in memory.
    pub align: u32,
    /// Whether its value is a reference to a cell of its own, laid out by `body` from offset [`HEADER`].
    pub boxed: bool,
    /// Size of the cell, header included, per variant (one for a product); empty if not boxed.
    pub cell_sizes: Vec<u32>,
    /// Whether no reference is in it, so that copying bits copies the value.
    pub copy: bool,
    /// Which of the first 64 slots can hold references, as a mask; none if it is `copy`.
    pub references: u64,
    /// Its parts.
    pub body: Body,
}

impl Layout {
    /// With its references noted, which follow from the rest.
    fn noted(mut self) -> Layout {
        let holds =
            |kind: &SlotKind| matches!(kind, SlotKind::Ref | SlotKind::OptionRef | SlotKind::Raw);
        let slots = self.slots.iter().enumerate().take(64);
        let holding = slots.filter(|(_, kind)| !self.copy && holds(kind));
        self.references = holding.fold(0, |mask, (slot, _)| mask | 1 << slot);
        self
    }
}

/// Bytes of a cell's header: count and type.
pub const HEADER: u32 = 8;
/// Bytes of the header of strings, bytes and lists: count, type, length, capacity.
pub const SEQUENCE_HEADER: u32 = 16;
/// Bytes of the header of maps and sets: count, type, entries used, capacity, entries alive, index.
pub const TABLE_HEADER: u32 = 24;

/// Why a type has no layout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LayoutError {
    /// A type or definition that is not in the table.
    Unknown,
    /// A type parameter outside of a definition, or a wrong number of type arguments.
    Open,
    /// More than [`limits::VALUE_SLOTS`] slots.
    TooWide,
    /// Types that grow without end, or too many of them.
    TooMany,
}

impl std::fmt::Display for LayoutError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            LayoutError::Unknown => "a type that is not in the table",
            LayoutError::Open => {
                "a type parameter outside of a definition, or a wrong number of type arguments"
            }
            LayoutError::TooWide => "a value of too many slots",
            LayoutError::TooMany => "types that grow without end, or too many of them",
        })
    }
}

impl std::error::Error for LayoutError {}

/// Types, unique, with their layouts.
#[derive(Clone, Debug, Default)]
pub struct Layouts {
    types: IndexMap<Type, TypeId>,
    defs: Vec<TypeDef>,
    /// Per type, its parts per variant, once asked for.
    parts: Vec<Option<Vec<Vec<TypeId>>>>,
    layouts: Vec<Option<Layout>>,
    /// Numbers of types that are asked for again and again: see [`Layouts::short_cut`].
    plain: [Option<TypeId>; 8],
    /// Per type, the number of its option.
    options: Vec<Option<TypeId>>,
    /// How many parts of types have been made by filling in arguments.
    filled_in: usize,
}

impl Layouts {
    /// The table of a package. Types equal to an earlier one keep their own number and stand for it.
    pub fn new(types: &[Type], defs: &[TypeDef]) -> Layouts {
        let mut table = Layouts {
            defs: defs.to_vec(),
            ..Layouts::default()
        };
        for ty in types {
            table.intern(ty.clone());
        }
        table
    }

    /// The number of a type, which is added if it is new.
    #[inline]
    pub fn intern(&mut self, ty: Type) -> TypeId {
        match self.short_cut(&ty).copied().flatten() {
            Some(known) => known,
            None => self.look_up(ty),
        }
    }

    fn look_up(&mut self, ty: Type) -> TypeId {
        let next = TypeId(self.types.len() as u32);
        // What has a short cut is cheap to copy.
        let short = self.short_cut(&ty).is_some().then(|| ty.clone());
        let id = *self.types.entry(ty).or_insert(next);
        if id == next {
            self.parts.push(None);
            self.layouts.push(None);
            self.options.push(None);
        }
        if let Some(place) = short.and_then(|ty| self.short_cut(&ty)) {
            *place = Some(id);
        }
        id
    }

    /// Where the number of a type is kept once it is known, so that the type need not be looked up.
    #[inline]
    fn short_cut(&mut self, ty: &Type) -> Option<&mut Option<TypeId>> {
        let index = match ty {
            Type::I64 => 0,
            Type::F64 => 1,
            Type::Bool => 2,
            Type::Char => 3,
            Type::Unit => 4,
            Type::String => 5,
            Type::Bytes => 6,
            Type::Range => 7,
            Type::Option(of) => return self.options.get_mut(of.0 as usize),
            _ => return None,
        };
        self.plain.get_mut(index)
    }

    /// Adds a definition. Its fields may be filled in later by [`Layouts::set_shape`], before it is laid out.
    pub fn define(&mut self, def: TypeDef) -> DefId {
        self.defs.push(def);
        DefId(self.defs.len() as u32 - 1)
    }

    /// Fills in a definition made by [`Layouts::define`].
    pub fn set_shape(&mut self, def: DefId, shape: Shape) {
        if let Some(d) = self.defs.get_mut(def.0 as usize) {
            d.shape = shape;
        }
    }

    /// How many types there are.
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether there is no type.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// The definitions.
    pub fn defs(&self) -> &[TypeDef] {
        &self.defs
    }

    /// A type by its number.
    #[inline]
    pub fn get(&self, id: TypeId) -> Option<&Type> {
        self.types.get_index(id.0 as usize).map(|(ty, _)| ty)
    }

    /// The number of a type that is already there.
    pub fn find(&self, ty: &Type) -> Option<TypeId> {
        self.types.get(ty).copied()
    }

    /// Types of the parts of a product (one variant), sum or option, per variant; for all else no variant.
    /// Lists, maps, sets and functions have no parts: they are references.
    pub fn parts(&mut self, id: TypeId) -> Result<&[Vec<TypeId>], LayoutError> {
        let index = id.0 as usize;
        if self.parts.get(index).ok_or(LayoutError::Unknown)?.is_none() {
            let ty = self.get(id).ok_or(LayoutError::Unknown)?.clone();
            let parts = match ty {
                Type::Option(t) => vec![vec![], vec![t]],
                Type::Tuple(ts) => vec![ts],
                Type::Range => {
                    let int = self.intern(Type::I64);
                    vec![vec![int, int]]
                }
                Type::Nominal(def, args) => {
                    let def = self
                        .defs
                        .get(def.0 as usize)
                        .ok_or(LayoutError::Unknown)?
                        .clone();
                    if def.params as usize != args.len() {
                        return Err(LayoutError::Open);
                    }
                    let rows: Vec<Vec<TypeId>> = match &def.shape {
                        Shape::Product(fields) => vec![fields.iter().map(|f| f.ty).collect()],
                        Shape::Sum(variants) => variants
                            .iter()
                            .map(|v| v.fields.iter().map(|f| f.ty).collect())
                            .collect(),
                    };
                    self.count_filled_in(rows.len() + rows.iter().map(Vec::len).sum::<usize>())?;
                    let mut closed = Vec::with_capacity(rows.len());
                    for row in rows {
                        let row: Result<Vec<TypeId>, LayoutError> = row
                            .into_iter()
                            .map(|t| self.substitute(t, &args, 0))
                            .collect();
                        closed.push(row?);
                    }
                    closed
                }
                Type::Param(_) => return Err(LayoutError::Open),
                _ => vec![],
            };
            self.parts[index] = Some(parts);
        }
        Ok(self.parts[index].as_deref().unwrap_or_default())
    }

    /// Counts parts that are made by filling in arguments, so that a small package cannot describe types that
    /// fill the memory.
    fn count_filled_in(&mut self, parts: usize) -> Result<(), LayoutError> {
        self.filled_in = self.filled_in.saturating_add(parts);
        if self.filled_in > limits::TYPE_PARTS {
            return Err(LayoutError::TooMany);
        }
        Ok(())
    }

    /// The type with `args` for its parameters.
    fn substitute(
        &mut self,
        id: TypeId,
        args: &[TypeId],
        depth: usize,
    ) -> Result<TypeId, LayoutError> {
        if depth > limits::REGION_DEPTH || self.types.len() > limits::TYPES * 2 {
            return Err(LayoutError::TooMany);
        }
        let list = |table: &mut Layouts, ids: Vec<TypeId>| -> Result<Vec<TypeId>, LayoutError> {
            table.count_filled_in(ids.len())?;
            ids.into_iter()
                .map(|t| table.substitute(t, args, depth + 1))
                .collect()
        };
        let ty = match self.get(id).ok_or(LayoutError::Unknown)?.clone() {
            Type::Param(i) => return args.get(i as usize).copied().ok_or(LayoutError::Open),
            Type::List(t) => Type::List(self.substitute(t, args, depth + 1)?),
            Type::Set(t) => Type::Set(self.substitute(t, args, depth + 1)?),
            Type::Option(t) => Type::Option(self.substitute(t, args, depth + 1)?),
            Type::Map(k, v) => Type::Map(
                self.substitute(k, args, depth + 1)?,
                self.substitute(v, args, depth + 1)?,
            ),
            Type::Tuple(ts) => Type::Tuple(list(self, ts)?),
            Type::Nominal(def, ts) => Type::Nominal(def, list(self, ts)?),
            Type::Fn { mut params, result } => {
                for p in &mut params {
                    p.ty = self.substitute(p.ty, args, depth + 1)?;
                }
                Type::Fn {
                    params,
                    result: self.substitute(result, args, depth + 1)?,
                }
            }
            _ => return Ok(id),
        };
        Ok(self.intern(ty))
    }

    /// The layout of a closed type.
    ///
    /// # Errors
    /// See [`LayoutError`].
    #[inline]
    pub fn layout(&mut self, id: TypeId) -> Result<&Layout, LayoutError> {
        if self
            .layouts
            .get(id.0 as usize)
            .ok_or(LayoutError::Unknown)?
            .is_none()
        {
            self.lay_out_from(id)?;
        }
        self.layouts[id.0 as usize]
            .as_ref()
            .ok_or(LayoutError::Unknown)
    }

    /// A layout that [`Layouts::layout`] has already made.
    #[inline]
    pub fn ready(&self, id: TypeId) -> Option<&Layout> {
        self.layouts.get(id.0 as usize)?.as_ref()
    }

    /// Lays out everything that `root` reaches through parts. A cycle cannot lead through a type that is
    /// laid out already, since that would have reached `root` too.
    fn lay_out_from(&mut self, root: TypeId) -> Result<(), LayoutError> {
        let mut reached = IndexMap::new();
        reached.insert(root, ());
        let mut next = 0;
        while let Some((&id, ())) = reached.get_index(next) {
            next += 1;
            if reached.len() > limits::TYPES {
                return Err(LayoutError::TooMany);
            }
            for row in self.parts(id)?.to_vec() {
                for part in row {
                    if self.ready(part).is_none() {
                        reached.insert(part, ());
                    }
                }
            }
        }
        // First products on a cycle are boxed, then the sums that still contain themselves.
        let ids: Vec<TypeId> = reached.keys().copied().collect();
        let mut boxed = vec![false; ids.len()];
        for sums in [false, true] {
            let graph: Vec<Vec<usize>> = ids
                .iter()
                .zip(&boxed)
                .map(|(id, cut)| {
                    let rows = self.parts[id.0 as usize].iter().flatten().flatten();
                    rows.filter(|_| !cut)
                        .filter_map(|part| reached.get_index_of(part))
                        .collect()
                })
                .collect();
            for (i, cyclic) in on_cycles(&graph).into_iter().enumerate() {
                let is_sum = match &self.types.get_index(ids[i].0 as usize).map(|(ty, _)| ty) {
                    Some(Type::Option(_)) => true,
                    Some(Type::Nominal(def, _)) => {
                        matches!(self.defs[def.0 as usize].shape, Shape::Sum(_))
                    }
                    _ => false,
                };
                boxed[i] |= cyclic && is_sum == sums;
            }
        }
        // What is boxed for being on a cycle is one reference whatever its parts are, so it goes first (its
        // cell follows below); the others need their parts laid out before.
        for (i, id) in ids.iter().enumerate() {
            if boxed[i] {
                self.layouts[id.0 as usize] = Some(reference(Body::Scalar, true).noted());
            }
        }
        let mut stack: Vec<(TypeId, bool)> = Vec::new();
        for (i, id) in ids.iter().enumerate() {
            if !boxed[i] {
                stack.push((*id, false));
            }
            while let Some((id, parts_done)) = stack.pop() {
                if self.ready(id).is_some() {
                    continue;
                }
                if parts_done {
                    let layout = self.inline_or_boxed(id)?;
                    self.layouts[id.0 as usize] = Some(layout.noted());
                } else {
                    stack.push((id, true));
                    let parts = self.parts[id.0 as usize].clone().unwrap_or_default();
                    stack.extend(parts.into_iter().flatten().map(|part| (part, false)));
                }
            }
        }
        for (i, id) in ids.iter().enumerate() {
            if boxed[i] {
                let body = self.body(*id, HEADER)?;
                self.layouts[id.0 as usize] = Some(boxed_layout(body).noted());
            }
        }
        Ok(())
    }

    /// The layout of a type off every cycle, whose parts are laid out.
    fn inline_or_boxed(&self, id: TypeId) -> Result<Layout, LayoutError> {
        let scalar = |kind: SlotKind, size: u32| Layout {
            slots: vec![kind],
            size,
            align: size,
            boxed: false,
            cell_sizes: vec![],
            copy: true,
            references: 0,
            body: Body::Scalar,
        };
        Ok(match self.get(id).ok_or(LayoutError::Unknown)? {
            Type::I64 => scalar(SlotKind::I64, 8),
            Type::F64 => scalar(SlotKind::F64, 8),
            Type::Bool => scalar(SlotKind::Bool, 1),
            Type::Char => scalar(SlotKind::Char, 4),
            Type::Host(_) => scalar(SlotKind::Host, 4),
            Type::Unit => Layout {
                slots: vec![],
                size: 0,
                align: 1,
                ..scalar(SlotKind::I64, 8)
            },
            Type::String
            | Type::Bytes
            | Type::List(_)
            | Type::Map(..)
            | Type::Set(_)
            | Type::Fn { .. } => reference(Body::Reference, false),
            Type::Param(_) => return Err(LayoutError::Open),
            Type::Option(payload) if self.is_never_zero(*payload) => {
                let part = Part {
                    ty: *payload,
                    slot: 0,
                    offset: 0,
                };
                Layout {
                    slots: vec![SlotKind::OptionRef],
                    ..reference(Body::OptionRef(part), false)
                }
            }
            Type::Option(_) | Type::Nominal(..) | Type::Tuple(_) | Type::Range => {
                let laid = self.body(id, 0)?;
                let (most, is_sum) = match laid.body {
                    Body::Sum { .. } => (limits::INLINE_SUM_SLOTS, true),
                    _ => (limits::INLINE_PRODUCT_SLOTS, false),
                };
                if laid.slots.len() > most {
                    return Ok(boxed_layout(self.body(id, HEADER)?));
                }
                let rows: Vec<&Part> = match &laid.body {
                    Body::Product(parts) => parts.iter().collect(),
                    Body::Sum { variants, .. } => variants.iter().flatten().collect(),
                    _ => vec![],
                };
                let copy = rows
                    .iter()
                    .all(|p| self.ready(p.ty).is_some_and(|l| l.copy));
                debug_assert!(is_sum || matches!(laid.body, Body::Product(_)));
                Layout {
                    slots: laid.slots,
                    size: laid.end.next_multiple_of(laid.align),
                    align: laid.align,
                    boxed: false,
                    cell_sizes: vec![],
                    copy,
                    references: 0,
                    body: laid.body,
                }
            }
        })
    }

    /// Whether a value of the type is exactly one slot, a reference that is never 0.
    fn is_never_zero(&self, id: TypeId) -> bool {
        self.ready(id).is_some_and(|l| l.slots == [SlotKind::Ref])
    }

    /// Slots and places of the parts of a product or sum whose parts are laid out, from offset `start`.
    fn body(&self, id: TypeId, start: u32) -> Result<Laid, LayoutError> {
        let rows = self
            .parts
            .get(id.0 as usize)
            .and_then(Option::as_ref)
            .ok_or(LayoutError::Unknown)?;
        let is_sum = match self.get(id) {
            Some(Type::Option(_)) => true,
            Some(Type::Nominal(def, _)) => matches!(self.defs[def.0 as usize].shape, Shape::Sum(_)),
            _ => false,
        };
        if !is_sum {
            let row = rows.first().ok_or(LayoutError::Unknown)?;
            let (parts, slots, end, align) = self.row(row, 0, start)?;
            return Ok(Laid {
                slots,
                ends: vec![end],
                end,
                align,
                body: Body::Product(parts),
            });
        }
        let tag_width = if rows.len() > 256 { 2 } else { 1 };
        let mut laid = Laid {
            slots: vec![SlotKind::Tag],
            ends: vec![],
            end: start + tag_width,
            align: tag_width,
            body: Body::Scalar,
        };
        let mut variants = Vec::with_capacity(rows.len());
        for row in rows {
            let (parts, slots, end, align) = self.row(row, 1, start + tag_width)?;
            for (i, kind) in slots.into_iter().enumerate() {
                match laid.slots.get_mut(i + 1) {
                    Some(known) if *known == kind => {}
                    Some(known) => *known = SlotKind::Raw,
                    None => laid.slots.push(kind),
                }
            }
            laid.ends.push(end);
            laid.end = laid.end.max(end);
            laid.align = laid.align.max(align);
            variants.push(parts);
        }
        laid.body = Body::Sum {
            tag_width,
            variants,
        };
        Ok(laid)
    }

    /// Where the captures of a closure lie in its cell, and the cell's size: after the header come the
    /// function's index, 4 bytes, then the captures like the parts of a product.
    ///
    /// # Errors
    /// When a capture has no layout.
    pub fn closure(&mut self, captures: &[TypeId]) -> Result<(Vec<Part>, u32), LayoutError> {
        for ty in captures {
            self.layout(*ty)?;
        }
        let (parts, _, end, _) = self.row(captures, 0, HEADER + 4)?;
        Ok((parts, end))
    }

    /// Places the parts of one product or variant: slots in declaration order from `slot`, memory from
    /// `offset` on sorted by size, largest first, ties in declaration order. Gives (parts, slots, end, align).
    #[allow(clippy::type_complexity)]
    fn row(
        &self,
        types: &[TypeId],
        slot: u32,
        offset: u32,
    ) -> Result<(Vec<Part>, Vec<SlotKind>, u32, u32), LayoutError> {
        let mut parts = Vec::with_capacity(types.len());
        let mut slots = Vec::new();
        for ty in types {
            let layout = self.ready(*ty).ok_or(LayoutError::Unknown)?;
            parts.push(Part {
                ty: *ty,
                slot: slot + slots.len() as u32,
                offset: 0,
            });
            slots.extend_from_slice(&layout.slots);
        }
        let mut order: Vec<usize> = (0..parts.len()).collect();
        let size = |i: &usize| self.ready(types[*i]).map_or(0, |l| l.size);
        order.sort_by_key(|i| std::cmp::Reverse(size(i)));
        let (mut end, mut align) = (offset, 1);
        for i in order {
            let layout = self.ready(types[i]).ok_or(LayoutError::Unknown)?;
            parts[i].offset = end.next_multiple_of(layout.align);
            end = parts[i]
                .offset
                .checked_add(layout.size)
                .ok_or(LayoutError::TooWide)?;
            align = align.max(layout.align);
        }
        Ok((parts, slots, end, align))
    }
}

/// What [`Layouts::body`] finds out.
struct Laid {
    slots: Vec<SlotKind>,
    /// Where each variant's parts end.
    ends: Vec<u32>,
    end: u32,
    align: u32,
    body: Body,
}

/// One reference.
fn reference(body: Body, boxed: bool) -> Layout {
    Layout {
        slots: vec![SlotKind::Ref],
        size: 4,
        align: 4,
        boxed,
        cell_sizes: vec![],
        copy: false,
        references: 0,
        body,
    }
}

/// A reference to a cell laid out from [`HEADER`] on.
fn boxed_layout(laid: Laid) -> Layout {
    let least = HEADER + 1;
    let cell_sizes = laid.ends.iter().map(|end| (*end).max(least)).collect();
    Layout {
        cell_sizes,
        ..reference(laid.body, true)
    }
}

/// Which nodes of a graph lie on a cycle: those in a strongly connected component of several nodes or with
/// an edge to themselves. Tarjan's algorithm ("Depth-first search and linear graph algorithms", 1972) with a
/// stack of its own, since a table of types may be as deep as it is long.
fn on_cycles(graph: &[Vec<usize>]) -> Vec<bool> {
    const NEW: usize = usize::MAX;
    let n = graph.len();
    let (mut order, mut low) = (vec![NEW; n], vec![0; n]);
    let (mut open, mut is_open, mut cyclic) = (Vec::new(), vec![false; n], vec![false; n]);
    let mut count = 0;
    for start in 0..n {
        if order[start] != NEW {
            continue;
        }
        let mut work = vec![(start, 0)];
        while let Some((node, edge)) = work.pop() {
            if edge == 0 {
                order[node] = count;
                low[node] = count;
                count += 1;
                open.push(node);
                is_open[node] = true;
            }
            if let Some(&to) = graph[node].get(edge) {
                work.push((node, edge + 1));
                if order[to] == NEW {
                    work.push((to, 0));
                } else if is_open[to] {
                    low[node] = low[node].min(order[to]);
                }
                continue;
            }
            if low[node] == order[node] {
                let first = open.iter().rposition(|&o| o == node).unwrap_or(0);
                let component = open.split_off(first);
                let alone = component.len() == 1 && !graph[node].contains(&node);
                for member in component {
                    is_open[member] = false;
                    cyclic[member] = !alone;
                }
            }
            if let Some(&(parent, _)) = work.last() {
                low[parent] = low[parent].min(low[node]);
            }
        }
    }
    cyclic
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Field, Variant};

    fn field(name: &str, ty: TypeId) -> Field {
        Field {
            name: name.into(),
            ty,
        }
    }

    fn product(table: &mut Layouts, fields: &[TypeId]) -> TypeId {
        let fields = fields
            .iter()
            .enumerate()
            .map(|(i, t)| field(&i.to_string(), *t))
            .collect();
        let def = table.define(TypeDef {
            name: "P".into(),
            params: 0,
            shape: Shape::Product(fields),
        });
        table.intern(Type::Nominal(def, vec![]))
    }

    fn sum(table: &mut Layouts, rows: &[&[TypeId]]) -> TypeId {
        let row = |r: &&[TypeId]| Variant {
            name: "V".into(),
            fields: r.iter().map(|t| field("f", *t)).collect(),
        };
        let def = table.define(TypeDef {
            name: "S".into(),
            params: 0,
            shape: Shape::Sum(rows.iter().map(row).collect()),
        });
        table.intern(Type::Nominal(def, vec![]))
    }

    #[test]
    fn products_sort_by_size_in_memory_only() {
        let mut t = Layouts::default();
        let (b, i, s) = (
            t.intern(Type::Bool),
            t.intern(Type::I64),
            t.intern(Type::String),
        );
        let p = product(&mut t, &[b, i, s]);
        let l = t.layout(p).unwrap();
        assert_eq!(l.slots, [SlotKind::Bool, SlotKind::I64, SlotKind::Ref]);
        assert_eq!((l.size, l.align, l.boxed, l.copy), (16, 8, false, false));
        let Body::Product(parts) = &l.body else {
            panic!()
        };
        assert_eq!(
            parts.iter().map(|p| p.offset).collect::<Vec<_>>(),
            [12, 0, 8]
        );
    }

    #[test]
    fn sums_share_slots_and_bytes() {
        let mut t = Layouts::default();
        let (i, s) = (t.intern(Type::I64), t.intern(Type::String));
        let e = sum(&mut t, &[&[], &[i], &[s]]);
        let l = t.layout(e).unwrap();
        assert_eq!(l.slots, [SlotKind::Tag, SlotKind::Raw]);
        assert_eq!((l.size, l.align, l.boxed), (16, 8, false));
        let units = sum(&mut t, &[&[], &[]]);
        assert!(t.layout(units).unwrap().copy);
    }

    #[test]
    fn an_option_of_a_reference_is_one_slot_only_once() {
        let mut t = Layouts::default();
        let s = t.intern(Type::String);
        let one = t.intern(Type::Option(s));
        let two = t.intern(Type::Option(one));
        assert_eq!(t.layout(one).unwrap().slots, [SlotKind::OptionRef]);
        assert_eq!(
            t.layout(two).unwrap().slots,
            [SlotKind::Tag, SlotKind::OptionRef]
        );
    }

    #[test]
    fn a_tree_is_boxed_and_its_option_is_one_slot() {
        let mut t = Layouts::default();
        let i = t.intern(Type::I64);
        let def = t.define(TypeDef {
            name: "Tree".into(),
            params: 0,
            shape: Shape::Product(vec![]),
        });
        let tree = t.intern(Type::Nominal(def, vec![]));
        let link = t.intern(Type::Option(tree));
        t.set_shape(
            def,
            Shape::Product(vec![
                field("key", i),
                field("left", link),
                field("right", link),
            ]),
        );
        assert_eq!(t.layout(link).unwrap().slots, [SlotKind::OptionRef]);
        let l = t.layout(tree).unwrap();
        assert!(l.boxed);
        assert_eq!(l.cell_sizes, [24]);
    }

    #[test]
    fn a_recursive_sum_is_boxed_per_variant() {
        let mut t = Layouts::default();
        let f = t.intern(Type::F64);
        let def = t.define(TypeDef {
            name: "Expr".into(),
            params: 0,
            shape: Shape::Product(vec![]),
        });
        let expr = t.intern(Type::Nominal(def, vec![]));
        let v = |name: &str, fields: Vec<TypeId>| Variant {
            name: name.into(),
            fields: fields.into_iter().map(|t| field("f", t)).collect(),
        };
        t.set_shape(
            def,
            Shape::Sum(vec![
                v("Num", vec![f]),
                v("Neg", vec![expr]),
                v("Zero", vec![]),
            ]),
        );
        let l = t.layout(expr).unwrap();
        assert!(l.boxed);
        assert_eq!(l.cell_sizes, [24, 16, 9]);
    }

    #[test]
    fn wide_products_are_boxed() {
        let mut t = Layouts::default();
        let i = t.intern(Type::I64);
        let just = product(&mut t, &[i; 16]);
        let over = product(&mut t, &[i; 17]);
        assert!(!t.layout(just).unwrap().boxed);
        assert!(t.layout(over).unwrap().boxed);
    }

    #[test]
    fn generic_definitions_are_closed_by_their_arguments() {
        let mut t = Layouts::default();
        let (p, i) = (t.intern(Type::Param(0)), t.intern(Type::I64));
        let list = t.intern(Type::List(p));
        let def = t.define(TypeDef {
            name: "Heap".into(),
            params: 1,
            shape: Shape::Product(vec![field("items", list), field("top", p)]),
        });
        let heap = t.intern(Type::Nominal(def, vec![i]));
        assert_eq!(
            t.layout(heap).unwrap().slots,
            [SlotKind::Ref, SlotKind::I64]
        );
        assert_eq!(t.layout(p), Err(LayoutError::Open));
    }

    #[test]
    fn types_without_end_are_refused() {
        let mut t = Layouts::default();
        let (p, i) = (t.intern(Type::Param(0)), t.intern(Type::I64));
        let pair = t.intern(Type::Tuple(vec![p, p]));
        let def = t.define(TypeDef {
            name: "Nest".into(),
            params: 1,
            shape: Shape::Product(vec![]),
        });
        let inner = t.intern(Type::Nominal(def, vec![pair]));
        let link = t.intern(Type::Option(inner));
        t.set_shape(def, Shape::Product(vec![field("next", link)]));
        let nest = t.intern(Type::Nominal(def, vec![i]));
        assert!(t.layout(nest).is_err());
    }
}
