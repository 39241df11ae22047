//! Paths: where something lies, and reading and writing it there.

use cop_bytecode::instr::{Step, Value};
use cop_bytecode::layout::{Body as LayoutBody, LayoutError, Part};
use cop_bytecode::typing::step_type;
use cop_bytecode::{TrapKind, Type, TypeId};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};

use super::bounds::Check;
use super::{Body, NoCode};
use crate::shape::{self, PieceKind};

/// Where a path leads.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// To slots of the root, from this one on.
    Slots(usize),
    /// To memory: an address and a constant.
    Memory(ir::Value, i32),
}

/// How a word lies in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    Word,
    Float,
    /// Four bytes: a reference or a character.
    Half,
    Byte,
    /// A tag of two bytes.
    Pair,
}

/// A slot of a value in memory.
#[derive(Clone, Copy)]
pub(super) struct Flat {
    pub slot: usize,
    pub offset: i32,
    pub cell: Cell,
}

impl Body<'_, '_> {
    /// How the slots of a type lie in memory, if each lies in one place whatever the tags are. What a variant does not
    /// have is read and written all the same: its slots mean nothing then.
    pub(super) fn flat_pieces(&mut self, ty: TypeId) -> Result<Option<Vec<Flat>>, NoCode> {
        let mut all: Vec<Flat> = Vec::new();
        let mut pending = shape::pieces(self.around.layouts, ty, 0, 0)?;
        while let Some(piece) = pending.pop() {
            let cell = match piece.kind {
                PieceKind::I64 => Cell::Word,
                PieceKind::F64 => Cell::Float,
                PieceKind::Bool => Cell::Byte,
                PieceKind::Word | PieceKind::Ref => Cell::Half,
                PieceKind::Sum(sum) => {
                    let layout = self.around.layouts.layout(TypeId(sum))?;
                    let LayoutBody::Sum {
                        tag_width,
                        variants,
                    } = layout.body.clone()
                    else {
                        return Ok(None);
                    };
                    for part in variants.iter().flatten() {
                        pending.extend(shape::pieces(
                            self.around.layouts,
                            part.ty,
                            piece.slot + part.slot,
                            piece.offset + part.offset,
                        )?);
                    }
                    if tag_width == 2 {
                        Cell::Pair
                    } else {
                        Cell::Byte
                    }
                }
            };
            let flat = Flat {
                slot: piece.slot as usize,
                offset: piece.offset as i32,
                cell,
            };
            match all.iter().find(|f| f.slot == flat.slot) {
                None => all.push(flat),
                Some(same) if same.offset == flat.offset && same.cell == flat.cell => {}
                Some(_) => return Ok(None),
            }
        }
        all.sort_by_key(|flat| flat.slot);
        Ok(Some(all))
    }

    /// Reads one word from memory, as a slot of that type.
    pub(super) fn load_cell(
        &mut self,
        cell: Cell,
        address: ir::Value,
        offset: i32,
        ty: ir::Type,
    ) -> ir::Value {
        let flags = MemFlagsData::trusted();
        let ins = self.b.ins();
        let word = match cell {
            Cell::Word if ty == types::F64 => ins.load(types::F64, flags, address, offset),
            Cell::Word => ins.load(types::I64, flags, address, offset),
            Cell::Float => ins.load(ty, flags, address, offset),
            Cell::Half => ins.uload32(flags, address, offset),
            Cell::Byte => ins.uload8(types::I64, flags, address, offset),
            Cell::Pair => ins.uload16(types::I64, flags, address, offset),
        };
        self.cast(word, ty)
    }

    /// Writes one slot to memory.
    pub(super) fn store_cell(
        &mut self,
        cell: Cell,
        value: ir::Value,
        address: ir::Value,
        offset: i32,
    ) {
        let flags = MemFlagsData::trusted();
        match cell {
            Cell::Word | Cell::Float => {
                self.b.ins().store(flags, value, address, offset);
            }
            _ => {
                let value = self.cast(value, types::I64);
                match cell {
                    Cell::Half => self.b.ins().istore32(flags, value, address, offset),
                    Cell::Pair => self.b.ins().istore16(flags, value, address, offset),
                    _ => self.b.ins().istore8(flags, value, address, offset),
                };
            }
        }
    }

    /// The part of a product, or of a variant, and whether the whole is boxed.
    fn part(&mut self, ty: TypeId, variant: u32, field: u32) -> Result<(Part, bool), NoCode> {
        let layout = self.around.layouts.layout(ty)?;
        let part = match &layout.body {
            LayoutBody::Product(parts) => parts.get(field as usize),
            LayoutBody::Sum { variants, .. } => variants
                .get(variant as usize)
                .and_then(|row| row.get(field as usize)),
            LayoutBody::OptionRef(part) => Some(part),
            _ => None,
        };
        Ok((*part.ok_or(LayoutError::Unknown)?, layout.boxed))
    }

    /// Walks a path. To change what lies at its end, `change` makes each cell behind the root's own slots unique
    /// on the way. The type of what lies there, and whether it is an element of bytes.
    pub(super) fn walk(
        &mut self,
        root: Value,
        path: &[Step],
        change: bool,
    ) -> Result<(Place, TypeId, bool), NoCode> {
        let mut ty = self.ty(root);
        let mut variant = 0;
        let mut place = Place::Slots(0);
        let mut byte = false;
        for (i, step) in path.iter().enumerate() {
            match *step {
                Step::Field(field) => {
                    let (part, boxed) = self.part(ty, variant, field)?;
                    place = match place {
                        Place::Slots(slot) if !boxed => Place::Slots(slot + part.slot as usize),
                        Place::Memory(address, offset) if !boxed => {
                            Place::Memory(address, offset + part.offset as i32)
                        }
                        _ => {
                            let cell = self.enter_cell(root, place, change);
                            let address = self.b.ins().iadd(self.base, cell);
                            Place::Memory(address, part.offset as i32)
                        }
                    };
                }
                Step::Variant(wanted) => {
                    let found = self.tag_at(root, place, ty)?;
                    let other = self
                        .b
                        .ins()
                        .icmp_imm_s(IntCC::NotEqual, found, i64::from(wanted));
                    let wanted = self.b.ins().iconst(types::I64, i64::from(wanted));
                    self.trap_if(other, TrapKind::WrongVariant, Some(found), Some(wanted));
                }
                Step::Index(index) => {
                    let (cell, length) = self.enter_sequence(root, path, i, place, change);
                    let index = self.slot(index);
                    let stride = match self.around.layouts.get(ty) {
                        Some(Type::List(item)) => {
                            let item = *item;
                            self.around.layouts.layout(item)?.size
                        }
                        _ => {
                            byte = true;
                            1
                        }
                    };
                    let check = Check {
                        length,
                        inside: self.facts.inside(self.at, i),
                        above: self.facts.above(self.at, i),
                    };
                    let (address, offset) = self.element(cell, index, stride, check);
                    place = Place::Memory(address, offset);
                }
                Step::Key(key) => {
                    let cell = self.enter_cell(root, place, change);
                    let (at, count) = self.in_memory(key, super::tables::KEY);
                    let address = self.ask(self.around.callees.table_step, &[cell, at, count]);
                    place = Place::Memory(self.b.ins().iadd(self.base, address), 0);
                }
                Step::EntryKey(entry) => {
                    let cell = self.enter_cell(root, place, change);
                    place = self.entry(cell, ty, entry, false)?;
                }
                Step::EntryValue(entry) => {
                    let cell = self.enter_cell(root, place, change);
                    place = self.entry(cell, ty, entry, true)?;
                }
            }
            ty = step_type(self.around.layouts, ty, &mut variant, *step)?;
        }
        self.around.layouts.layout(ty)?;
        Ok((place, ty, byte))
    }

    /// The reference at a place.
    pub(super) fn enter_cell(&mut self, root: Value, place: Place, change: bool) -> ir::Value {
        match place {
            Place::Slots(slot) => self.slots(root)[slot],
            Place::Memory(address, offset) => {
                let cell = self.load_cell(Cell::Half, address, offset, types::I64);
                if !change {
                    return cell;
                }
                self.make_unique_at(cell, Some((address, offset)))
            }
        }
    }

    /// The tag of a sum at a place.
    pub(super) fn tag_at(
        &mut self,
        root: Value,
        place: Place,
        ty: TypeId,
    ) -> Result<ir::Value, NoCode> {
        let layout = self.around.layouts.layout(ty)?;
        let (boxed, wide) = match &layout.body {
            LayoutBody::Sum { tag_width, .. } => (layout.boxed, *tag_width == 2),
            LayoutBody::OptionRef(_) => {
                let cell = self.enter_cell(root, place, false);
                let some = self.b.ins().icmp_imm_s(IntCC::NotEqual, cell, 0);
                return Ok(self.widen(some));
            }
            _ => return Err(LayoutError::Unknown.into()),
        };
        let width = if wide { Cell::Pair } else { Cell::Byte };
        Ok(match (boxed, place) {
            (false, Place::Slots(slot)) => self.slots(root)[slot],
            (false, Place::Memory(address, offset)) => {
                self.load_cell(width, address, offset, types::I64)
            }
            (true, _) => {
                let cell = self.enter_cell(root, place, false);
                let address = self.b.ins().iadd(self.base, cell);
                self.load_cell(width, address, crate::heap::HEADER as i32, types::I64)
            }
        })
    }
}
