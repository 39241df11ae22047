//! Maps and sets: entries in order of insertion, and an index of entry numbers.
//!
//! ```text
//!   cell     count, type, used, capacity, alive, index     then entries: key, value, hash
//!   index    a power of two of places, at least 4/3 of the capacity; linear probing; entry number + 1
//! ```
//!
//! A removed entry is marked dead and keeps its place in both until the next rebuild, so that nothing in the
//! table's shape depends on hashes. When an insertion finds the capacity used up: if at least a quarter of the
//! entries is dead, they are compacted in place, else the cell grows as lists do. The index is rebuilt then
//! and only then.

use std::sync::atomic::AtomicBool;

use cop_bytecode::cost::{Cost, PER_ENTRY, per_16_bytes};
use cop_bytecode::{TrapKind, limits};

use crate::heap::{DEAD, Heap, INDEX_HEADER, TABLE};
use crate::machine::{Machine, Run, internal, trap};
use crate::memory::Ref;
use crate::shape::{Kind, Piece, PieceKind, Shape, Table};

/// Texts of up to so many bytes are compared with the key found last.
const SHORT: usize = 256;

/// A key that was hashed.
pub struct Hashed {
    hash: u32,
    /// Number of its entry, if it has one.
    pub entry: Option<u32>,
}

impl<'p> Heap<'p> {
    fn places(&self, index: Ref) -> u32 {
        self.arena.u32(index + 8)
    }

    fn entry_at(&self, cell: Ref, table: &Table, entry: u32) -> u32 {
        cell.wrapping_add(TABLE)
            .wrapping_add(entry.wrapping_mul(table.stride))
    }

    /// Whether an entry is alive.
    fn is_alive(&self, cell: Ref, table: &Table, entry: u32) -> bool {
        self.arena
            .u32(self.entry_at(cell, table, entry) + table.hash_offset)
            & DEAD
            == 0
    }

    /// Looks a hashed key up.
    fn look_up(
        &self,
        cell: Ref,
        table: &Table,
        key: &Shape,
        hash: u32,
        slots: &[u64],
        interrupt: Option<&AtomicBool>,
    ) -> Run<Option<u32>> {
        let index = self.arena.u32(cell + 20);
        if index == 0 {
            return Ok(None);
        }
        let mask = self.places(index).wrapping_sub(1);
        let mut place = hash & mask;
        let mut found = Vec::new();
        // Each place is looked at once at most: there is an empty one, unless the heap is broken.
        for _ in 0..=mask {
            let number = self.arena.u32(index + INDEX_HEADER + place * 4);
            if number == 0 {
                return Ok(None);
            }
            let entry = self.entry_at(cell, table, number - 1);
            if self.arena.u32(entry + table.hash_offset) == hash {
                let at = entry + table.key_offset;
                let equal = match (key.kind, &key.pieces[..], slots) {
                    (
                        Kind::Scalar,
                        [
                            Piece {
                                kind: PieceKind::I64,
                                ..
                            },
                        ],
                        [word, ..],
                    ) => self.arena.u64(at) == *word,
                    (Kind::String, _, [word, ..]) => {
                        self.text(self.arena.u32(at)) == self.text(*word as u32)
                    }
                    _ => {
                        found.resize(key.slots as usize, 0);
                        self.load(&key.pieces, at, &mut found);
                        self.keys_equal(&key.pieces, slots, &found, interrupt)?
                    }
                };
                if equal {
                    return Ok(Some(number - 1));
                }
            }
            place = (place + 1) & mask;
        }
        self.arena.break_it();
        Ok(None)
    }

    /// Whether a live entry of that number has that key, if the key is an integer or a short text: its hash, and the bytes
    /// that hashing the key costs.
    fn is_at(
        &self,
        cell: Ref,
        table: &Table,
        key: &Shape,
        number: u32,
        slots: &[u64],
    ) -> Option<(u32, u64)> {
        let &word = slots.first()?;
        if number >= self.length(cell) {
            return None;
        }
        let entry = self.entry_at(cell, table, number);
        let hash = self.arena.u32(entry + table.hash_offset);
        if hash & DEAD != 0 {
            return None;
        }
        let at = entry + table.key_offset;
        let (equal, size) = match (key.kind, &key.pieces[..]) {
            (
                Kind::Scalar,
                [
                    Piece {
                        kind: PieceKind::I64,
                        ..
                    },
                ],
            ) => (self.arena.u64(at) == word, 0),
            (Kind::String, _) => {
                let text = self.text(word as u32);
                let short = text.len() <= SHORT;
                (
                    short && self.text(self.arena.u32(at)) == text,
                    text.len() as u64,
                )
            }
            _ => return None,
        };
        equal.then_some((hash, u64::from(key.size) + size))
    }

    /// Puts an entry's number into the first empty place of its probe.
    fn enter(&mut self, index: Ref, hash: u32, entry: u32) {
        let mask = self.places(index).wrapping_sub(1);
        let mut place = hash & mask;
        for _ in 0..=mask {
            let at = index + INDEX_HEADER + place * 4;
            if self.arena.u32(at) == 0 {
                return self.arena.set_u32(at, entry + 1);
            }
            place = (place + 1) & mask;
        }
        self.arena.break_it();
    }

    /// Enters all live entries into an empty index.
    fn enter_all(&mut self, cell: Ref, table: &Table, index: Ref) {
        for entry in 0..self.length(cell) {
            let hash = self
                .arena
                .u32(self.entry_at(cell, table, entry) + table.hash_offset);
            if hash & DEAD == 0 {
                self.enter(index, hash, entry);
            }
        }
    }
}

impl<'p> Machine<'p> {
    fn table_of(&self, cell: Ref) -> Run<(&'p Table, &'p Shape)> {
        if let Some((table, _)) = self.heap.table(cell)
            && let Some(key) = self.heap.shape(table.key)
        {
            return Ok((table, key));
        }
        internal("not a map or set")
    }

    /// Hashes a key, pays for that by the size of the key and `base`, and looks it up.
    fn find_key(&mut self, cell: Ref, slots: &[u64], base: u64) -> Run<Hashed> {
        let (table, key) = self.table_of(cell)?;
        // Who looks a key up often does so again: `if m.contains(k) { m[k] += 1 }`.
        let (recent, number) = self.recent;
        if recent == cell
            && let Some((hash, size)) = self.heap.is_at(cell, table, key, number, slots)
        {
            self.pay(base + per_16_bytes(size))?;
            let entry = Some(number);
            return Ok(Hashed { hash, entry });
        }
        let (hash, unpaid) = self.key_hash(key, slots)?;
        self.pay(base + per_16_bytes(unpaid))?;
        let interrupt = self.interrupt.as_deref();
        let entry = self
            .heap
            .look_up(cell, table, key, hash, slots, interrupt)?;
        if let Some(entry) = entry {
            self.recent = (cell, entry);
        }
        Ok(Hashed { hash, entry })
    }

    /// `map.find` and `set.find`.
    pub fn table_find(&mut self, cell: Ref, slots: &[u64]) -> Run<Option<u32>> {
        Ok(self.find_key(cell, slots, Cost::Copy.base())?.entry)
    }

    /// The value's address of the entry with that key, for a path. (The base of a step by key is charged with the
    /// block.)
    pub fn table_step(&mut self, cell: Ref, slots: &[u64]) -> Run<u32> {
        let (table, _) = self.table_of(cell)?;
        match self.find_key(cell, slots, 0)?.entry {
            Some(entry) => Ok(self.heap.entry_at(cell, table, entry) + table.value_offset),
            None => trap(TrapKind::KeyNotFound, 0, 0),
        }
    }

    /// The address of an entry's key or value by number; dead entries are out of bounds.
    pub fn table_entry(&self, cell: Ref, number: i64, value: bool) -> Run<u32> {
        let (table, _) = self.table_of(cell)?;
        let used = self.heap.length(cell);
        match u32::try_from(number) {
            Ok(entry) if entry < used && self.heap.is_alive(cell, table, entry) => {
                let offset = if value {
                    table.value_offset
                } else {
                    table.key_offset
                };
                Ok(self.heap.entry_at(cell, table, entry) + offset)
            }
            _ => trap(TrapKind::IndexOutOfBounds, number, i64::from(used)),
        }
    }

    /// `map.len` and `set.len`.
    pub fn table_len(&self, cell: Ref) -> i64 {
        i64::from(self.heap.arena.u32(cell + 16))
    }

    /// `map.next` and `set.next`: pays 1 for each dead entry that it passes.
    pub fn table_next(&mut self, cell: Ref, from: i64) -> Run<i64> {
        let (table, _) = self.table_of(cell)?;
        let used = self.heap.length(cell);
        let first = from.clamp(0, i64::from(used)) as u32;
        let mut entry = first;
        while entry < used && !self.heap.is_alive(cell, table, entry) {
            entry += 1;
        }
        if entry > first {
            self.pay(u64::from(entry - first))?;
        }
        Ok(if entry < used { i64::from(entry) } else { -1 })
    }

    /// `map.put` and `set.insert`: key and value are moved in. An equal key stays, and the new one is dropped.
    /// Gives the cell, which may be another, and whether the key was new.
    pub fn table_put(
        &mut self,
        cell: Ref,
        key_slots: &[u64],
        value_slots: &[u64],
    ) -> Run<(Ref, bool)> {
        let (table, key) = self.table_of(cell)?;
        let hashed = self.find_key(cell, key_slots, Cost::Copy.base())?;
        let value = table.value.and_then(|v| self.heap.shape(v));
        if let Some(entry) = hashed.entry {
            self.heap.release_slots(&key.refs, key_slots);
            if let Some(value) = value {
                let at = self.heap.entry_at(cell, table, entry) + table.value_offset;
                self.heap.release_memory(&value.refs, at);
                self.heap.store(&value.pieces, at, value_slots);
            }
            return Ok((cell, false));
        }
        let cell = self.make_room(cell, table)?;
        let arena = &self.heap.arena;
        let (used, alive, index) = (
            arena.u32(cell + 8),
            arena.u32(cell + 16),
            arena.u32(cell + 20),
        );
        let entry = self.heap.entry_at(cell, table, used);
        self.heap
            .store(&key.pieces, entry + table.key_offset, key_slots);
        if let Some(value) = value {
            self.heap
                .store(&value.pieces, entry + table.value_offset, value_slots);
        }
        self.heap
            .arena
            .set_u32(entry + table.hash_offset, hashed.hash);
        self.heap.arena.set_u32(cell + 8, used + 1);
        self.heap.arena.set_u32(cell + 16, alive + 1);
        self.heap.enter(index, hashed.hash, used);
        Ok((cell, true))
    }

    /// Makes room for one more entry.
    fn make_room(&mut self, cell: Ref, table: &Table) -> Run<Ref> {
        let arena = &self.heap.arena;
        let (used, capacity, alive) = (
            arena.u32(cell + 8),
            arena.u32(cell + 12),
            arena.u32(cell + 16),
        );
        if used < capacity {
            return Ok(cell);
        }
        let dead = u64::from(used - alive.min(used));
        let compacts = used > 0 && dead * 4 >= u64::from(used);
        if !compacts {
            self.check_count(u64::from(used) + 1)?;
        }
        let moved = u64::from(used) * u64::from(table.stride);
        self.pay(Cost::Copy.base() + per_16_bytes(moved) + PER_ENTRY * u64::from(used))?;
        if compacts {
            self.compact(cell, table);
            return Ok(cell);
        }
        let new_capacity = (u64::from(capacity) + u64::from(capacity / 2))
            .max(u64::from(used) + 1)
            .clamp(4, limits::ELEMENTS);
        let ty = self.heap.arena.u32(cell + 4);
        let new = self.allocate(
            u64::from(TABLE) + new_capacity * u64::from(table.stride),
            ty,
        )?;
        self.heap
            .arena
            .copy(cell + 8, new + 8, TABLE - 8 + moved as u32);
        self.heap.arena.set_u32(new + 12, new_capacity as u32);
        self.heap.free_cell(cell);
        let places = (new_capacity * 4).div_ceil(3).next_power_of_two();
        let index = match u32::try_from(places).ok().filter(|p| *p < 1 << 30) {
            Some(places) => match self.heap.new_index(places) {
                Ok(index) => index,
                Err(why) => return self.no_room(why),
            },
            None => return self.no_room(crate::memory::NoRoom::Limit),
        };
        let old = self.heap.arena.u32(new + 20);
        self.heap.release(old);
        self.heap.arena.set_u32(new + 20, index);
        self.heap.enter_all(new, table, index);
        Ok(new)
    }

    /// Moves live entries together and rebuilds the index.
    fn compact(&mut self, cell: Ref, table: &Table) {
        let mut to = 0;
        for entry in 0..self.heap.length(cell) {
            if self.heap.is_alive(cell, table, entry) {
                let (from, place) = (
                    self.heap.entry_at(cell, table, entry),
                    self.heap.entry_at(cell, table, to),
                );
                self.heap.arena.copy(from, place, table.stride);
                to += 1;
            }
        }
        self.heap.arena.set_u32(cell + 8, to);
        let index = self.heap.arena.u32(cell + 20);
        let places = self.heap.places(index);
        self.heap
            .arena
            .slice_mut(index + INDEX_HEADER, places * 4)
            .fill(0);
        self.heap.enter_all(cell, table, index);
    }

    /// `map.remove` and `set.remove`: the slots of the value, moved out; none if there is no such key. The entry's
    /// key is dropped.
    pub fn table_remove(&mut self, cell: Ref, key_slots: &[u64]) -> Run<Option<Vec<u64>>> {
        let (table, key) = self.table_of(cell)?;
        let Some(number) = self.find_key(cell, key_slots, Cost::Copy.base())?.entry else {
            return Ok(None);
        };
        let entry = self.heap.entry_at(cell, table, number);
        let mut slots = Vec::new();
        if let Some(value) = table.value.and_then(|v| self.heap.shape(v)) {
            slots.resize(value.slots as usize, 0);
            self.heap
                .load(&value.pieces, entry + table.value_offset, &mut slots);
        }
        let hash = self.heap.arena.u32(entry + table.hash_offset);
        self.heap
            .arena
            .set_u32(entry + table.hash_offset, hash | DEAD);
        let alive = self.heap.arena.u32(cell + 16);
        self.heap.arena.set_u32(cell + 16, alive.wrapping_sub(1));
        self.heap
            .release_memory(&key.refs, entry + table.key_offset);
        Ok(Some(slots))
    }

    /// `map.clear` and `set.clear`: an empty table without capacity takes its place, so that nothing has to be
    /// wiped; what was in it is dropped.
    pub fn table_clear(&mut self, cell: Ref) -> Run<Ref> {
        if self.heap.length(cell) == 0 {
            return Ok(cell);
        }
        let ty = self.heap.arena.u32(cell + 4);
        self.heap.release(cell);
        match self.heap.new_table(ty) {
            Ok(new) => Ok(new),
            Err(why) => self.no_room(why),
        }
    }
}
