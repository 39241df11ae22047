//! Values in slots and cells as source would write them.

use cop_bytecode::Shape as Definition;
use cop_bytecode::layout::Layouts;
use cop_bytecode::{Type, TypeId};

use crate::heap::{DEAD, HEADER, Heap, SEQUENCE, TABLE};
use crate::memory::is_pinned_variant;
use crate::number;
use crate::program::Inner;
use crate::shape::{Kind, PieceKind, Row, Shape};
use crate::text::{self, Quoting};

/// Most bytes of a value's text.
const TEXT_BYTES: usize = 2_000;
/// Most bytes of one text or bytes in it.
const PART_BYTES: usize = 300;
/// Most elements of a collection that are shown.
const ELEMENTS: u32 = 100;
/// How deep parts of parts are shown.
const DEPTH: u32 = 24;

/// The text of a value.
pub fn shown(program: &Inner, heap: &Heap<'_>, ty: TypeId, slots: &[u64]) -> String {
    let layouts = program.layouts();
    let was_broken = heap.arena.is_broken();
    let mut show = Show {
        layouts: &layouts,
        heap,
        out: String::new(),
    };
    show.value(ty, slots, 0);
    // Looking at what is not there any more is a mistake of the one who looks, not of the run.
    heap.arena.set_broken(was_broken);
    show.out
}

struct Show<'a> {
    layouts: &'a Layouts,
    heap: &'a Heap<'a>,
    out: String,
}

impl Show<'_> {
    fn value(&mut self, ty: TypeId, slots: &[u64], depth: u32) {
        if self.out.len() > TEXT_BYTES || depth > DEPTH {
            return self.out.push('…');
        }
        let shape = self.heap.shapes.get(ty.0);
        let (Some(shape), Some(kind)) = (shape, self.layouts.get(ty)) else {
            return self.out.push('?');
        };
        if slots.len() < shape.slots as usize {
            return self.out.push('?');
        }
        let cell = slots.first().map_or(0, |slot| *slot as u32);
        match (kind, shape.kind) {
            (Type::Fn { .. }, _) => self.out.push_str("fn"),
            (Type::Host(name), _) => self.out.push_str(&format!("<{name}>")),
            (Type::Bool, _) => self
                .out
                .push_str(if slots[0] == 0 { "false" } else { "true" }),
            (Type::Char, _) => {
                let c = char::from_u32(slots[0] as u32).unwrap_or(char::REPLACEMENT_CHARACTER);
                text::quote(&c.to_string(), Quoting::Char, &mut |part| {
                    self.out.push_str(part)
                });
            }
            (_, Kind::Scalar) => match shape.pieces.first().map(|piece| piece.kind) {
                None => self.out.push_str("()"),
                Some(PieceKind::F64) => number::show_float(&mut self.out, f64::from_bits(slots[0])),
                Some(_) => self.out.push_str(&(slots[0] as i64).to_string()),
            },
            (_, Kind::String) => {
                let bytes = self.heap.text(cell);
                let kept = &bytes[..bytes.len().min(PART_BYTES)];
                let text = String::from_utf8_lossy(kept);
                text::quote(&text, Quoting::String, &mut |part| self.out.push_str(part));
                self.cut(bytes.len());
            }
            (_, Kind::Bytes) => {
                let bytes = self.heap.text(cell);
                let kept = &bytes[..bytes.len().min(PART_BYTES)];
                text::quote_bytes(kept, &mut |part| self.out.push_str(part));
                self.cut(bytes.len());
            }
            (Type::List(item), Kind::List(_, stride)) => {
                let (item, count) = (*item, self.heap.length(cell));
                self.out.push('[');
                for index in 0..count {
                    if !self.goes_on(index, index > 0) {
                        break;
                    }
                    self.memory(item, cell + SEQUENCE + index * stride, depth);
                }
                self.out.push(']');
            }
            (_, Kind::Table(_)) => self.table(kind, shape, cell, depth),
            (Type::Range, _) => self.range(shape, slots, cell),
            (_, Kind::Product) => {
                let row = &shape.rows[0];
                match shape.boxed {
                    true => self.cell(kind, 0, row, cell, depth),
                    false => self.parts(kind, 0, row, slots, depth),
                }
            }
            (_, Kind::Sum(_)) if shape.boxed => {
                let tag = self.heap.tag(shape, cell + HEADER);
                match shape.rows.get(tag as usize) {
                    Some(_) if is_pinned_variant(cell) => {
                        self.parts(kind, tag, &Row::default(), &[], depth)
                    }
                    Some(row) => self.cell(kind, tag, row, cell, depth),
                    None => self.out.push('?'),
                }
            }
            (_, Kind::Sum(_)) => match shape.rows.get(slots[0] as usize) {
                Some(row) => self.parts(kind, slots[0] as u32, row, slots, depth),
                None => self.out.push('?'),
            },
            (_, Kind::OptionRef) => {
                let tag = u32::from(cell != 0);
                self.parts(kind, tag, &shape.rows[usize::from(cell != 0)], slots, depth);
            }
            _ => self.out.push('?'),
        }
    }

    /// Says how much is left out of a text.
    fn cut(&mut self, length: usize) {
        if length > PART_BYTES {
            self.out.push_str(&format!("… ({length} bytes)"));
        }
    }

    /// Writes what separates elements; false if there is no room for more.
    fn goes_on(&mut self, index: u32, separated: bool) -> bool {
        if separated {
            self.out.push_str(", ");
        }
        let goes_on = index < ELEMENTS && self.out.len() <= TEXT_BYTES;
        if !goes_on {
            self.out.push('…');
        }
        goes_on
    }

    fn table(&mut self, ty: &Type, shape: &Shape, cell: u32, depth: u32) {
        let Kind::Table(table) = shape.kind else {
            return;
        };
        let (key, value) = match ty {
            Type::Map(key, value) => (*key, Some(*value)),
            Type::Set(key) => (*key, None),
            _ => return self.out.push('?'),
        };
        self.out.push('{');
        let mut shown = 0;
        for index in 0..self.heap.length(cell) {
            let entry = cell + TABLE + index * table.stride;
            if self.heap.arena.u32(entry + table.hash_offset) & DEAD != 0 {
                continue;
            }
            if !self.goes_on(shown, shown > 0) {
                break;
            }
            shown += 1;
            self.memory(key, entry + table.key_offset, depth);
            if let Some(value) = value {
                self.out.push_str(": ");
                self.memory(value, entry + table.value_offset, depth);
            }
        }
        self.out.push('}');
    }

    fn range(&mut self, shape: &Shape, slots: &[u64], cell: u32) {
        let mut two = [0; 2];
        match shape.boxed {
            true => self.heap.load(&shape.rows[0].pieces, cell, &mut two),
            false => two.copy_from_slice(&slots[..2]),
        }
        self.out
            .push_str(&format!("{}..{}", two[0] as i64, two[1] as i64));
    }

    /// A value in memory.
    fn memory(&mut self, ty: TypeId, at: u32, depth: u32) {
        let Some(shape) = self.heap.shapes.get(ty.0) else {
            return self.out.push('?');
        };
        let mut slots = vec![0; shape.slots as usize];
        self.heap.load(&shape.pieces, at, &mut slots);
        self.value(ty, &slots, depth + 1);
    }

    /// The parts of a value that lie in a cell.
    fn cell(&mut self, ty: &Type, variant: u32, row: &Row, cell: u32, depth: u32) {
        let width = |ty: TypeId| self.heap.shapes.get(ty.0).map_or(0, |shape| shape.slots);
        let ends = row.parts.iter().map(|part| part.slot + width(part.ty));
        let mut slots = vec![0; ends.max().unwrap_or(0) as usize];
        self.heap.load(&row.pieces, cell, &mut slots);
        self.parts(ty, variant, row, &slots, depth);
    }

    /// The parts of a value by their names.
    fn parts(&mut self, ty: &Type, variant: u32, row: &Row, slots: &[u64], depth: u32) {
        let mut names: Vec<&str> = Vec::new();
        match ty {
            Type::Option(_) => self
                .out
                .push_str(if variant == 0 { "None" } else { "Some" }),
            Type::Nominal(id, _) => {
                let Some(def) = self.layouts.defs().get(id.0 as usize) else {
                    return self.out.push('?');
                };
                let fields = match &def.shape {
                    Definition::Product(fields) => {
                        self.out.push_str(&def.name);
                        fields
                    }
                    Definition::Sum(variants) => match variants.get(variant as usize) {
                        Some(variant) => {
                            self.out.push_str(&variant.name);
                            &variant.fields
                        }
                        None => return self.out.push('?'),
                    },
                };
                names = fields.iter().map(|field| field.name.as_str()).collect();
            }
            _ => {}
        }
        let is_tuple = matches!(ty, Type::Tuple(_));
        if row.parts.is_empty() && !is_tuple {
            return;
        }
        self.out.push('(');
        for (index, part) in row.parts.iter().enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            if let Some(name) = names.get(index)
                && !name.starts_with(|c: char| c.is_ascii_digit())
            {
                self.out.push_str(&format!("{name}: "));
            }
            match slots.get(part.slot as usize..) {
                Some(slots) => self.value(part.ty, slots, depth + 1),
                None => self.out.push('?'),
            }
        }
        self.out.push(')');
    }
}
