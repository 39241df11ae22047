//! Values as plain trees, and how they are written into the trace: by the oracle from the tree, by the engine
//! from slots and cells.

use std::fmt::Write;

use crate::heap::{DEAD, HEADER, Heap, SEQUENCE, TABLE};
use crate::memory::is_pinned_variant;
use crate::shape::{CLOSURE, Kind, PieceKind, Row, ShapeId};

/// A value, by itself: copying it copies everything.
#[derive(Clone, Debug)]
pub enum Val {
    /// A scalar: as it stands in a slot.
    Word(u64),
    Unit,
    /// Text or bytes.
    Bytes(Vec<u8>),
    List(Vec<Val>),
    /// Entries, none where one was removed, and the capacity.
    Table(Vec<Option<(Val, Val)>>, usize),
    Product(Vec<Val>),
    Sum(u32, Vec<Val>),
    Closure(u32, Vec<Val>),
    /// What `take` leaves.
    Hole,
}

/// Longest text of a value; longer ones are cut at the beginning of a part, by both in the same place.
const MOST: usize = 600;

impl Val {
    /// Appends the value's text.
    pub fn show(&self, out: &mut String) {
        if out.len() > MOST {
            return;
        }
        match self {
            Val::Word(word) => *out += &word.to_string(),
            Val::Unit => out.push_str("()"),
            Val::Bytes(bytes) => *out += &format!("\"{}\"", bytes.escape_ascii()),
            Val::List(items) => parts(out, "[", items, "]"),
            Val::Table(entries, _) => {
                out.push('{');
                for entry in entries {
                    match entry {
                        Some((key, value)) => {
                            key.show(out);
                            out.push('=');
                            value.show(out);
                        }
                        None => out.push('_'),
                    }
                    out.push(' ');
                }
                out.push('}');
            }
            Val::Product(items) => parts(out, "(", items, ")"),
            Val::Sum(tag, items) => {
                let _ = write!(out, "?{tag}");
                parts(out, "(", items, ")");
            }
            Val::Closure(function, captures) => {
                let _ = write!(out, "fn {function}");
                parts(out, "(", captures, ")");
            }
            Val::Hole => out.push_str("hole"),
        }
    }
}

fn parts(out: &mut String, open: &str, items: &[Val], close: &str) {
    out.push_str(open);
    for item in items {
        item.show(out);
        out.push(' ');
    }
    out.push_str(close);
}

impl Heap<'_> {
    /// Appends the text of a value in slots.
    pub fn show(&self, ty: ShapeId, slots: &[u64], out: &mut String) {
        if out.len() > MOST {
            return;
        }
        let shape = self.shapes.get(ty).unwrap();
        let cell = slots.first().map_or(0, |s| *s as u32);
        match shape.kind {
            Kind::Scalar => match shape.pieces.first().map(|p| p.kind) {
                None => out.push_str("()"),
                Some(PieceKind::F64) => {
                    *out += &crate::number::to_bits(f64::from_bits(slots[0])).to_string();
                }
                Some(_) => *out += &slots[0].to_string(),
            },
            Kind::String | Kind::Bytes => {
                *out += &format!("\"{}\"", self.text(cell).escape_ascii());
            }
            Kind::List(item, stride) => {
                out.push('[');
                for i in 0..self.length(cell) {
                    self.show_memory(item, cell + SEQUENCE + i * stride, out);
                    out.push(' ');
                }
                out.push(']');
            }
            Kind::Table(table) => {
                out.push('{');
                for i in 0..self.length(cell) {
                    let entry = cell + TABLE + i * table.stride;
                    if self.arena.u32(entry + table.hash_offset) & DEAD != 0 {
                        out.push('_');
                    } else {
                        self.show_memory(table.key, entry + table.key_offset, out);
                        out.push('=');
                        match table.value {
                            Some(value) => self.show_memory(value, entry + table.value_offset, out),
                            None => Val::Unit.show(out),
                        }
                    }
                    out.push(' ');
                }
                out.push('}');
            }
            Kind::Closure => {
                let function = self.arena.u32(cell + 4) & !CLOSURE;
                let _ = write!(out, "fn {function}");
                self.show_cell(&self.captures[function as usize], cell, out);
            }
            Kind::Product if shape.boxed => self.show_cell(&shape.rows[0], cell, out),
            Kind::Product => self.show_row(&shape.rows[0], slots, out),
            Kind::Sum(_) if shape.boxed => {
                let tag = self.tag(shape, cell + HEADER);
                let _ = write!(out, "?{tag}");
                match is_pinned_variant(cell) {
                    true => out.push_str("()"),
                    false => self.show_cell(&shape.rows[tag as usize], cell, out),
                }
            }
            Kind::Sum(_) => {
                let _ = write!(out, "?{}", slots[0]);
                self.show_row(&shape.rows[slots[0] as usize], slots, out);
            }
            Kind::OptionRef => {
                let _ = write!(out, "?{}", u32::from(cell != 0));
                self.show_row(&shape.rows[usize::from(cell != 0)], slots, out);
            }
        }
    }

    fn show_memory(&self, ty: ShapeId, at: u32, out: &mut String) {
        let shape = self.shapes.get(ty).unwrap();
        let mut slots = vec![0; shape.slots as usize];
        self.load(&shape.pieces, at, &mut slots);
        self.show(ty, &slots, out);
    }

    fn show_cell(&self, row: &Row, cell: u32, out: &mut String) {
        let width = |ty: ShapeId| self.shapes.get(ty).map_or(0, |s| s.slots);
        let end = row.parts.iter().map(|p| p.slot + width(p.ty.0)).max();
        let mut slots = vec![0; end.unwrap_or(0) as usize];
        self.load(&row.pieces, cell, &mut slots);
        self.show_row(row, &slots, out);
    }

    fn show_row(&self, row: &Row, slots: &[u64], out: &mut String) {
        out.push('(');
        for part in &row.parts {
            self.show(part.ty.0, &slots[part.slot as usize..], out);
            out.push(' ');
        }
        out.push(')');
    }
}
