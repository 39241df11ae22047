//! Values in memory: moving them between slots and cells, sharing, copying and freeing them.
//!
//! ```text
//!   any cell    count u32, type u32, …
//!   sequence    …, length u32, capacity u32, elements          (string, bytes, list)
//!   table       …, used u32, capacity u32, alive u32, index    (map, set; see table.rs)
//!   index       …, places u32, unused u32, then entry numbers + 1, 0 where there is none
//!   boxed       …, tag if it is a sum, parts
//!   closure     …, function u32, captures
//! ```

use crate::memory::{Arena, NoRoom, PINNED_COUNT, Ref};
use crate::shape::{CLOSURE, Kind, Piece, PieceKind, Row, Shape, ShapeId, Shapes, Table};

/// Where the elements of a sequence begin in its cell.
pub const SEQUENCE: u32 = cop_bytecode::layout::SEQUENCE_HEADER;
/// Where the entries of a table begin in its cell.
pub const TABLE: u32 = cop_bytecode::layout::TABLE_HEADER;
/// Where the content of any other cell begins.
pub const HEADER: u32 = cop_bytecode::layout::HEADER;
/// Type word of the index of a table.
const INDEX: u32 = CLOSURE - 1;

/// An arena that knows what lies in it.
pub struct Heap<'p> {
    /// The bytes.
    pub arena: Arena,
    /// Types.
    pub shapes: &'p Shapes,
    /// Per function, where its captures lie in a closure.
    pub captures: &'p [Row],
}

impl<'p> Heap<'p> {
    /// The shape of a type; a broken heap has none.
    #[inline]
    pub fn shape(&self, id: ShapeId) -> Option<&'p Shape> {
        let shape = self.shapes.get(id);
        if shape.is_none() {
            self.arena.break_it();
        }
        shape
    }

    /// Reads a value from memory into its slots.
    #[inline]
    pub fn load(&self, pieces: &[Piece], at: u32, slots: &mut [u64]) {
        for piece in pieces {
            let from = at.wrapping_add(piece.offset);
            let slot = piece.slot as usize;
            let word = match piece.kind {
                PieceKind::I64 | PieceKind::F64 => self.arena.u64(from),
                PieceKind::Bool => u64::from(self.arena.u8(from)),
                PieceKind::Word | PieceKind::Ref => u64::from(self.arena.u32(from)),
                PieceKind::Sum(id) => {
                    let (tag, row) = self.row_in_memory(id, from);
                    if let (Some(row), Some(slots)) = (row, slots.get_mut(slot..)) {
                        self.load(&row.pieces, from, slots);
                    }
                    tag
                }
            };
            match slots.get_mut(slot) {
                Some(place) => *place = word,
                None => self.arena.break_it(),
            }
        }
    }

    /// Writes a value from its slots to memory.
    #[inline]
    pub fn store(&mut self, pieces: &[Piece], at: u32, slots: &[u64]) {
        for piece in pieces {
            let to = at.wrapping_add(piece.offset);
            let Some(&word) = slots.get(piece.slot as usize) else {
                return self.arena.break_it();
            };
            match piece.kind {
                PieceKind::I64 | PieceKind::F64 => self.arena.set_u64(to, word),
                PieceKind::Bool => self.arena.set_u8(to, word as u8),
                PieceKind::Word | PieceKind::Ref => self.arena.set_u32(to, word as u32),
                PieceKind::Sum(id) => {
                    let Some(shape) = self.shape(id) else { return };
                    self.set_tag(shape, to, word);
                    match shape.rows.get(word as usize) {
                        Some(row) => self.store(&row.pieces, to, &slots[piece.slot as usize..]),
                        None => self.arena.break_it(),
                    }
                }
            }
        }
    }

    fn set_tag(&mut self, shape: &Shape, at: u32, tag: u64) {
        match shape.kind {
            Kind::Sum(2) => self.arena.set_u16(at, tag as u16),
            _ => self.arena.set_u8(at, tag as u8),
        }
    }

    /// The tag of a sum in memory.
    #[inline]
    pub fn tag(&self, shape: &Shape, at: u32) -> u32 {
        match shape.kind {
            Kind::Sum(2) => u32::from(self.arena.u16(at)),
            _ => u32::from(self.arena.u8(at)),
        }
    }

    /// Tag and row of an inline sum in memory.
    fn row_in_memory(&self, id: ShapeId, at: u32) -> (u64, Option<&'p Row>) {
        let Some(shape) = self.shape(id) else {
            return (0, None);
        };
        let tag = self.tag(shape, at);
        let row = shape.rows.get(tag as usize);
        if row.is_none() {
            self.arena.break_it();
        }
        (u64::from(tag), row)
    }

    /// One more owner of a cell.
    #[inline]
    pub fn share(&mut self, cell: Ref) {
        if cell != 0 {
            let count = self.arena.u32(cell);
            if count != PINNED_COUNT {
                self.arena.set_u32(cell, count.wrapping_add(1));
            }
        }
    }

    /// One owner fewer; frees at zero.
    #[inline]
    pub fn release(&mut self, cell: Ref) {
        if cell != 0 {
            match self.arena.u32(cell) {
                PINNED_COUNT => {}
                0 => self.arena.break_it(),
                1 => self.free_all(cell),
                count => self.arena.set_u32(cell, count - 1),
            }
        }
    }

    /// Whether a cell has one owner.
    #[inline]
    pub fn is_unique(&self, cell: Ref) -> bool {
        self.arena.u32(cell) == 1
    }

    /// Calls `each` with the references in slots.
    fn slot_refs(
        &mut self,
        refs: &[Piece],
        slots: &[u64],
        each: &mut dyn FnMut(&mut Heap<'p>, Ref),
    ) {
        for piece in refs {
            let Some(&word) = slots.get(piece.slot as usize) else {
                return self.arena.break_it();
            };
            match piece.kind {
                PieceKind::Sum(id) => {
                    let row = self.shape(id).and_then(|s| s.rows.get(word as usize));
                    match row {
                        Some(row) => self.slot_refs(&row.refs, &slots[piece.slot as usize..], each),
                        None => self.arena.break_it(),
                    }
                }
                _ => each(self, word as u32),
            }
        }
    }

    /// Calls `each` with the references in memory.
    #[inline]
    fn memory_refs<F: FnMut(&mut Heap<'p>, Ref)>(&mut self, refs: &[Piece], at: u32, each: &mut F) {
        for piece in refs {
            let from = at.wrapping_add(piece.offset);
            match piece.kind {
                PieceKind::Sum(id) => self.sum_refs(id, from, each),
                _ => {
                    let cell = self.arena.u32(from);
                    each(self, cell);
                }
            }
        }
    }

    /// Calls `each` with the references in an inline sum in memory.
    fn sum_refs<F: FnMut(&mut Heap<'p>, Ref)>(&mut self, id: ShapeId, at: u32, each: &mut F) {
        if let (_, Some(row)) = self.row_in_memory(id, at) {
            self.memory_refs(&row.refs, at, each);
        }
    }

    /// Whether one of a value's slots holds a reference, as the tags around it say.
    pub fn holds_reference(&self, refs: &[Piece], slots: &[u64], slot: u32) -> bool {
        let mut before = refs.iter().rev().skip_while(|piece| piece.slot > slot);
        let Some(piece) = before.next() else {
            return false;
        };
        match piece.kind {
            PieceKind::Sum(id) => {
                let tag = slots.get(piece.slot as usize).copied().unwrap_or(0);
                let row = self.shape(id).and_then(|s| s.rows.get(tag as usize));
                let inside = slots.get(piece.slot as usize..).unwrap_or_default();
                row.is_some_and(|row| self.holds_reference(&row.refs, inside, slot - piece.slot))
            }
            _ => piece.slot == slot,
        }
    }

    /// `dup` of a value in slots.
    pub fn share_slots(&mut self, refs: &[Piece], slots: &[u64]) {
        self.slot_refs(refs, slots, &mut |heap, cell| heap.share(cell));
    }

    /// `drop` of a value in slots.
    pub fn release_slots(&mut self, refs: &[Piece], slots: &[u64]) {
        self.slot_refs(refs, slots, &mut |heap, cell| heap.release(cell));
    }

    /// `dup` of a value in memory.
    pub fn share_memory(&mut self, refs: &[Piece], at: u32) {
        self.memory_refs(refs, at, &mut |heap, cell| heap.share(cell));
    }

    /// `drop` of a value in memory.
    pub fn release_memory(&mut self, refs: &[Piece], at: u32) {
        self.memory_refs(refs, at, &mut |heap, cell| heap.release(cell));
    }

    /// Makes the references of a value in memory zero: a typed hole, which dropping passes over.
    pub fn hole_memory(&mut self, refs: &[Piece], at: u32) {
        for piece in refs {
            let from = at.wrapping_add(piece.offset);
            match piece.kind {
                PieceKind::Sum(id) => {
                    if let (_, Some(row)) = self.row_in_memory(id, from) {
                        self.hole_memory(&row.refs, from);
                    }
                }
                _ => self.arena.set_u32(from, 0),
            }
        }
    }

    /// Calls `each` with every reference that a cell holds, in order, and nothing for those of a broken heap.
    #[inline]
    fn children<F: FnMut(&mut Heap<'p>, Ref)>(&mut self, cell: Ref, each: &mut F) {
        let word = self.arena.u32(cell + 4);
        if word & CLOSURE != 0 {
            return match self.captures.get((word & !CLOSURE) as usize) {
                Some(row) => self.memory_refs(&row.refs, cell, each),
                None => self.arena.break_it(),
            };
        }
        if word == INDEX {
            return;
        }
        let Some(shape) = self.shape(word) else {
            return;
        };
        match shape.kind {
            Kind::List(item, stride) => {
                let Some(item) = self.shape(item).filter(|s| !s.copy) else {
                    return;
                };
                for i in 0..self.arena.u32(cell + 8) {
                    if self.arena.is_broken() {
                        return;
                    }
                    self.memory_refs(&item.refs, cell + SEQUENCE + i * stride, each);
                }
            }
            Kind::Table(table) => {
                let key = self.shape(table.key).filter(|s| !s.copy);
                let value = table.value.and_then(|v| self.shape(v)).filter(|s| !s.copy);
                if key.is_some() || value.is_some() {
                    for i in 0..self.arena.u32(cell + 8) {
                        let entry = cell + TABLE + i * table.stride;
                        if self.arena.is_broken() {
                            return;
                        }
                        if self.arena.u32(entry + table.hash_offset) & DEAD != 0 {
                            continue;
                        }
                        if let Some(key) = key {
                            self.memory_refs(&key.refs, entry + table.key_offset, each);
                        }
                        if let Some(value) = value {
                            self.memory_refs(&value.refs, entry + table.value_offset, each);
                        }
                    }
                }
                let index = self.arena.u32(cell + 20);
                each(self, index);
            }
            Kind::Product | Kind::Sum(_) if shape.boxed => {
                if let Some(row) = self.boxed_row(shape, cell) {
                    self.memory_refs(&row.refs, cell, each);
                }
            }
            Kind::String | Kind::Bytes => {}
            _ => self.arena.break_it(),
        }
    }

    /// The row of a boxed cell.
    pub fn boxed_row(&self, shape: &'p Shape, cell: Ref) -> Option<&'p Row> {
        let tag = match shape.kind {
            Kind::Sum(_) => self.tag(shape, cell + HEADER),
            _ => 0,
        };
        let row = shape.rows.get(tag as usize);
        if row.is_none() {
            self.arena.break_it();
        }
        row
    }

    /// Bytes with which a cell was allocated.
    pub fn cell_size(&self, cell: Ref) -> u64 {
        let word = self.arena.u32(cell + 4);
        if word & CLOSURE != 0 {
            let row = self.captures.get((word & !CLOSURE) as usize);
            return row.map_or(0, |row| u64::from(row.cell_size));
        }
        if word == INDEX {
            return u64::from(INDEX_HEADER) + 4 * u64::from(self.arena.u32(cell + 8));
        }
        let Some(shape) = self.shape(word) else {
            return 0;
        };
        let capacity = u64::from(self.arena.u32(cell + 12));
        match shape.kind {
            Kind::String | Kind::Bytes => u64::from(SEQUENCE) + capacity,
            Kind::List(_, stride) => u64::from(SEQUENCE) + capacity * u64::from(stride),
            Kind::Table(table) => u64::from(TABLE) + capacity * u64::from(table.stride),
            _ => self
                .boxed_row(shape, cell)
                .map_or(0, |row| u64::from(row.cell_size)),
        }
    }

    /// Frees a cell with one owner and everything that only it keeps alive. Cells to be freed are chained
    /// through their counts, so this needs no memory and no native stack.
    #[inline(never)]
    fn free_all(&mut self, first: Ref) {
        self.arena.set_u32(first, 0);
        let mut head = first;
        while head != 0 && !self.arena.is_broken() {
            let cell = head;
            head = self.arena.u32(cell);
            let mut chain = head;
            self.children(cell, &mut |heap, child| {
                if child != 0 {
                    match heap.arena.u32(child) {
                        PINNED_COUNT => {}
                        0 => heap.arena.break_it(),
                        1 => {
                            heap.arena.set_u32(child, chain);
                            chain = child;
                        }
                        count => heap.arena.set_u32(child, count - 1),
                    }
                }
            });
            head = chain;
            self.free_cell(cell);
        }
    }

    /// Frees a cell alone; what it referred to lives on elsewhere.
    pub fn free_cell(&mut self, cell: Ref) {
        let size = self.cell_size(cell);
        self.arena.free(cell, size);
    }

    /// Bytes of a cell that a copy of it touches.
    pub fn content_size(&self, cell: Ref) -> u64 {
        let word = self.arena.u32(cell + 4);
        let Some(shape) = (word & CLOSURE == 0).then(|| self.shape(word)).flatten() else {
            return self.cell_size(cell);
        };
        let length = u64::from(self.arena.u32(cell + 8));
        match shape.kind {
            Kind::String | Kind::Bytes => u64::from(SEQUENCE) + length,
            Kind::List(_, stride) => u64::from(SEQUENCE) + length * u64::from(stride),
            Kind::Table(table) => {
                let index = match self.arena.u32(cell + 20) {
                    0 => 0,
                    index => self.cell_size(index),
                };
                u64::from(TABLE) + length * u64::from(table.stride) + index
            }
            _ => self.cell_size(cell),
        }
    }

    /// A copy of a cell, one level deep: its children get one more owner. The capacity of a sequence is cut to
    /// its length; a table keeps its capacity and its index is copied. The old cell keeps its owners.
    ///
    /// # Errors
    /// When there is no room.
    pub fn copy_cell(&mut self, cell: Ref) -> Result<Ref, NoRoom> {
        let word = self.arena.u32(cell + 4);
        let Some(shape) = self.shape(word) else {
            return Ok(cell);
        };
        if let Kind::Table(_) = shape.kind {
            return self.copy_table(cell);
        }
        let size = self.content_size(cell);
        let copy = self.arena.allocate(size, word)?;
        self.arena
            .copy(cell + HEADER, copy + HEADER, size as u32 - HEADER);
        if matches!(shape.kind, Kind::String | Kind::Bytes | Kind::List(..)) {
            let length = self.arena.u32(cell + 8);
            self.arena.set_u32(copy + 12, length);
        }
        self.children(copy, &mut |heap, child| heap.share(child));
        Ok(copy)
    }

    fn copy_table(&mut self, cell: Ref) -> Result<Ref, NoRoom> {
        let (size, content) = (self.cell_size(cell), self.content_size(cell));
        let word = self.arena.u32(cell + 4);
        let copy = self.arena.allocate(size, word)?;
        let index = self.arena.u32(cell + 20);
        let index_size = if index == 0 { 0 } else { self.cell_size(index) };
        let entries = (content - index_size) as u32;
        self.arena
            .copy(cell + HEADER, copy + HEADER, entries - HEADER);
        // The index is the copy's own from the beginning, so that `children` must not share it.
        self.arena.set_u32(copy + 20, 0);
        self.children(copy, &mut |heap, child| heap.share(child));
        if index != 0 {
            let new = self.arena.allocate(index_size, INDEX)?;
            self.arena
                .copy(index + HEADER, new + HEADER, index_size as u32 - HEADER);
            self.arena.set_u32(copy + 20, new);
        }
        Ok(copy)
    }

    /// A new sequence of the given type with room for `capacity` elements; its length is `length`.
    ///
    /// # Errors
    /// When there is no room.
    pub fn new_sequence(
        &mut self,
        ty: u32,
        length: u64,
        capacity: u64,
        stride: u32,
    ) -> Result<Ref, NoRoom> {
        if capacity > cop_bytecode::limits::ELEMENTS {
            return Err(NoRoom::Limit);
        }
        let cell = self
            .arena
            .allocate(u64::from(SEQUENCE) + capacity * u64::from(stride), ty)?;
        self.arena.set_u32(cell + 8, length as u32);
        self.arena.set_u32(cell + 12, capacity as u32);
        Ok(cell)
    }

    /// A new table without entries.
    ///
    /// # Errors
    /// When there is no room.
    pub fn new_table(&mut self, ty: u32) -> Result<Ref, NoRoom> {
        let cell = self.arena.allocate(u64::from(TABLE), ty)?;
        for at in [8, 12, 16, 20] {
            self.arena.set_u32(cell + at, 0);
        }
        Ok(cell)
    }

    /// A new index with that many places, all empty.
    ///
    /// # Errors
    /// When there is no room.
    pub fn new_index(&mut self, places: u32) -> Result<Ref, NoRoom> {
        let index = self
            .arena
            .allocate(u64::from(INDEX_HEADER) + 4 * u64::from(places), INDEX)?;
        self.arena.set_u32(index + 8, places);
        self.arena
            .slice_mut(index + INDEX_HEADER, places * 4)
            .fill(0);
        Ok(index)
    }

    /// Length of a sequence, or entries used of a table.
    #[inline]
    pub fn length(&self, cell: Ref) -> u32 {
        self.arena.u32(cell + 8)
    }

    /// Bytes of a string or of bytes.
    #[inline]
    pub fn text(&self, cell: Ref) -> &[u8] {
        self.arena.slice(cell + SEQUENCE, self.length(cell))
    }

    /// The table layout of a map or set cell.
    pub fn table(&self, cell: Ref) -> Option<(&'p Table, u32)> {
        let word = self.arena.u32(cell + 4);
        match self.shape(word).map(|s| &s.kind) {
            Some(Kind::Table(table)) => Some((table, word)),
            _ => {
                self.arena.break_it();
                None
            }
        }
    }
}

/// Where the places of an index begin: after its header and their number.
pub const INDEX_HEADER: u32 = 16;
/// The bit in an entry's hash that says that it is dead.
pub const DEAD: u32 = 1 << 31;
