//! Values with parts, references and their counts.

use std::mem::offset_of;

use cop_bytecode::instr::{Instr, Step, Value};
use cop_bytecode::layout::{Body as LayoutBody, LayoutError, Part};
use cop_bytecode::{Op, TrapKind, Type, TypeId, UpdateOp, fuel};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};

use super::paths::{Cell, Place};
use super::{Body, NoCode};
use crate::jit::context::Context;
use crate::memory::{Class, ListClass, PINNED_COUNT, pinned};
use crate::shape::{self, PieceKind};

impl Body<'_, '_> {
    /// Translates an instruction on values, if it is one of those done in place.
    pub(super) fn heap(&mut self, instr: &Instr) -> Result<bool, NoCode> {
        match instr {
            Instr::Tag(value) => {
                let tag = self.tag(*value)?;
                self.values.push(vec![tag]);
                Ok(true)
            }
            Instr::New { ty, variant, parts } => self.new_value(*ty, *variant, parts),
            Instr::Open { value, variant, .. } => self.take_apart(*value, *variant),
            Instr::Dup(value) => self.dup(*value),
            Instr::Drop(value) => self.drop_value(*value),
            Instr::Unique { value, slot } => self.unique(*value, *slot),
            Instr::Get { value, path } => self.get(*value, path),
            Instr::Set { value, path, new } => self.set(*value, path, *new),
            Instr::Update {
                op,
                value,
                path,
                args,
            } => self.update(*op, *value, path, args),
            _ => Ok(false),
        }
    }

    pub(super) fn tag(&mut self, value: Value) -> Result<ir::Value, NoCode> {
        let ty = self.ty(value);
        self.tag_at(value, Place::Slots(0), ty)
    }

    /// The parts of a product, or of a variant.
    fn parts(&mut self, ty: TypeId, variant: u32) -> Result<Vec<Part>, NoCode> {
        Ok(match &self.around.layouts.layout(ty)?.body {
            LayoutBody::Product(parts) => parts.clone(),
            LayoutBody::Sum { variants, .. } => {
                let row = variants.get(variant as usize);
                row.ok_or(LayoutError::Unknown)?.clone()
            }
            LayoutBody::OptionRef(part) if variant == 1 => vec![*part],
            LayoutBody::OptionRef(_) => vec![],
            _ => return Err(LayoutError::Unknown.into()),
        })
    }

    fn new_value(&mut self, ty: TypeId, variant: u32, parts: &[Value]) -> Result<bool, NoCode> {
        if let Some(Type::List(_) | Type::Map(..) | Type::Set(_)) = self.around.layouts.get(ty) {
            return Ok(false);
        }
        let layout = self.around.layouts.layout(ty)?;
        let (boxed, body) = (layout.boxed, layout.body.clone());
        if boxed {
            return self.new_cell(ty, variant, parts, &body);
        }
        let wanted = self.types_of(ty)?;
        if let LayoutBody::OptionRef(_) = body {
            let slot = match parts {
                [part] => self.slot(*part),
                _ => self.b.ins().iconst(types::I64, 0),
            };
            self.values.push(vec![slot]);
            return Ok(true);
        }
        let row = self.parts(ty, variant)?;
        let mut slots = Vec::with_capacity(wanted.len());
        for ty in &wanted {
            slots.push(if *ty == types::F64 {
                self.b.ins().f64const(0.0)
            } else {
                self.b.ins().iconst(types::I64, 0)
            });
        }
        if let LayoutBody::Sum { .. } = body {
            slots[0] = self.b.ins().iconst(types::I64, i64::from(variant));
        }
        for (part, value) in row.iter().zip(parts) {
            for (i, slot) in self.slots(*value).to_vec().into_iter().enumerate() {
                let at = part.slot as usize + i;
                slots[at] = self.cast(slot, wanted[at]);
            }
        }
        self.values.push(slots);
        Ok(true)
    }

    fn new_cell(
        &mut self,
        ty: TypeId,
        variant: u32,
        parts: &[Value],
        body: &LayoutBody,
    ) -> Result<bool, NoCode> {
        let is_sum = matches!(body, LayoutBody::Sum { .. });
        if is_sum && parts.is_empty() && variant < fuel::PINNED {
            self.constant(i64::from(pinned(variant)));
            return Ok(true);
        }
        let row = self.parts(ty, variant)?;
        let mut all = Vec::new();
        for (part, value) in row.iter().zip(parts) {
            let Some(pieces) = self.flat_pieces(part.ty)? else {
                return Ok(false);
            };
            all.push((pieces, part.offset as i32, self.slots(*value).to_vec()));
        }
        let sizes = &self.around.layouts.layout(ty)?.cell_sizes;
        let size = *sizes.get(variant as usize).ok_or(LayoutError::Unknown)?;
        let cell = self.allocate(size, ty.0);
        let address = self.b.ins().iadd(self.base, cell);
        if let LayoutBody::Sum { tag_width, .. } = body {
            let tag = self.b.ins().iconst(types::I64, i64::from(variant));
            let width = if *tag_width == 2 {
                Cell::Pair
            } else {
                Cell::Byte
            };
            self.store_cell(width, tag, address, crate::heap::HEADER as i32);
        }
        for (pieces, offset, slots) in all {
            self.store_flat(&pieces, &slots, address, offset);
        }
        self.values.push(vec![cell]);
        Ok(true)
    }

    /// Where the state of a class of cells is, if a cell of that size is taken from a list.
    fn class(&mut self, size: u32) -> Option<(ir::Value, i32)> {
        let Some(Class::Listed { index, .. }) = Class::of(u64::from(size)) else {
            return None;
        };
        let classes = self.load_context(types::I64, offset_of!(Context, classes));
        Some((classes, (index * size_of::<ListClass>()) as i32))
    }

    /// A new cell with header: one that was freed before, else as the arena finds one.
    fn allocate(&mut self, size: u32, ty: u32) -> ir::Value {
        let Some((classes, class)) = self.class(size) else {
            return self.allocate_outside(size, ty);
        };
        let flags = MemFlagsData::trusted();
        let (head, alive) = (
            class + offset_of!(ListClass, head) as i32,
            class + offset_of!(ListClass, alive) as i32,
        );
        let (free, none, on) = (
            self.b.create_block(),
            self.b.create_block(),
            self.b.create_block(),
        );
        self.b.set_cold_block(none);
        let result = self.b.append_block_param(on, types::I64);
        let cell = self.b.ins().uload32(flags, classes, head);
        self.b.ins().brif(cell, free, &[], none, &[]);
        self.b.switch_to_block(free);
        self.b.seal_block(free);
        let address = self.b.ins().iadd(self.base, cell);
        let next = self.b.ins().load(types::I32, flags, address, 0);
        self.b.ins().store(flags, next, classes, head);
        let count = self.b.ins().load(types::I64, flags, classes, alive);
        let count = self.b.ins().iadd_imm_s(count, 1);
        self.b.ins().store(flags, count, classes, alive);
        let header = i64::from(ty) << 32 | 1;
        let header = self.b.ins().iconst(types::I64, header);
        self.b.ins().store(flags, header, address, 0);
        self.b.ins().jump(on, &[cell.into()]);
        self.b.switch_to_block(none);
        self.b.seal_block(none);
        let cell = self.allocate_outside(size, ty);
        self.b.ins().jump(on, &[cell.into()]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        result
    }

    /// Puts a cell on the list of its class.
    fn free(&mut self, cell: ir::Value, size: u32) {
        let Some((classes, class)) = self.class(size) else {
            self.save_fuel();
            let args = [self.context, cell];
            self.call_outside(self.around.outside.free, &args);
            return;
        };
        let flags = MemFlagsData::trusted();
        let (head, alive) = (
            class + offset_of!(ListClass, head) as i32,
            class + offset_of!(ListClass, alive) as i32,
        );
        let address = self.b.ins().iadd(self.base, cell);
        let next = self.b.ins().load(types::I32, flags, classes, head);
        self.b.ins().store(flags, next, address, 0);
        self.b.ins().istore32(flags, cell, classes, head);
        let count = self.b.ins().load(types::I64, flags, classes, alive);
        let count = self.b.ins().iadd_imm_s(count, -1);
        self.b.ins().store(flags, count, classes, alive);
    }

    fn allocate_outside(&mut self, size: u32, ty: u32) -> ir::Value {
        let args = [
            self.context,
            self.b.ins().iconst(types::I64, i64::from(size)),
            self.b.ins().iconst(types::I64, i64::from(ty)),
        ];
        self.save_fuel();
        let cell = self.call_outside(self.around.outside.allocate, &args);
        let cell = cell.unwrap_or(self.context);
        self.end_if_ended(cell);
        cell
    }

    fn take_apart(&mut self, value: Value, variant: u32) -> Result<bool, NoCode> {
        let ty = self.ty(value);
        let layout = self.around.layouts.layout(ty)?;
        let (boxed, is_product) = (layout.boxed, matches!(layout.body, LayoutBody::Product(_)));
        if boxed {
            return self.take_cell_apart(value, variant, is_product);
        }
        if !is_product {
            let found = self.tag(value)?;
            let other = self
                .b
                .ins()
                .icmp_imm_s(IntCC::NotEqual, found, i64::from(variant));
            let wanted = self.b.ins().iconst(types::I64, i64::from(variant));
            self.trap_if(other, TrapKind::WrongVariant, Some(found), Some(wanted));
        }
        for part in self.parts(ty, variant)? {
            let types = self.types_of(part.ty)?;
            let first = part.slot as usize;
            let slots = self.slots(value)[first..first + types.len()].to_vec();
            let row = self.cast_all(&slots, &types);
            self.values.push(row);
        }
        Ok(true)
    }

    /// Takes a boxed value apart: its parts move out and the cell is freed if it has one owner, else each gets one more.
    fn take_cell_apart(
        &mut self,
        value: Value,
        variant: u32,
        is_product: bool,
    ) -> Result<bool, NoCode> {
        let ty = self.ty(value);
        let mut plan = Vec::new();
        for part in self.parts(ty, variant)? {
            let (Some(pieces), Some(refs)) =
                (self.flat_pieces(part.ty)?, self.plain_refs(part.ty)?)
            else {
                return Ok(false);
            };
            let types = self.types_of(part.ty)?;
            plan.push((pieces, refs, types, part.offset as i32));
        }
        let sizes = &self.around.layouts.layout(ty)?.cell_sizes;
        let size = *sizes.get(variant as usize).ok_or(LayoutError::Unknown)?;
        if !is_product {
            let found = self.tag(value)?;
            let variant = i64::from(variant);
            let other = self.b.ins().icmp_imm_s(IntCC::NotEqual, found, variant);
            let wanted = self.b.ins().iconst(types::I64, variant);
            self.trap_if(other, TrapKind::WrongVariant, Some(found), Some(wanted));
        }
        let cell = self.slot(value);
        let address = self.b.ins().iadd(self.base, cell);
        let mut owned = Vec::new();
        for (pieces, refs, types, offset) in plan {
            let row = self.load_flat(&pieces, address, offset, &types);
            owned.extend(refs.into_iter().map(|slot| row[slot]));
            self.values.push(row);
        }
        let free = |body: &mut Self| body.free(cell, size);
        self.give_up(address, free, |body| {
            owned.into_iter().for_each(|cell| body.share(cell));
        });
        Ok(true)
    }

    /// The slots of a type that hold references, if no tag decides about them.
    fn plain_refs(&mut self, ty: TypeId) -> Result<Option<Vec<usize>>, NoCode> {
        let mut refs = Vec::new();
        for piece in shape::pieces(self.around.layouts, ty, 0, 0)? {
            match piece.kind {
                PieceKind::Ref => refs.push(piece.slot as usize),
                PieceKind::Sum(sum) if !self.around.layouts.layout(TypeId(sum))?.copy => {
                    return Ok(None);
                }
                _ => {}
            }
        }
        Ok(Some(refs))
    }

    fn dup(&mut self, value: Value) -> Result<bool, NoCode> {
        let ty = self.ty(value);
        let Some(refs) = self.plain_refs(ty)? else {
            return Ok(false);
        };
        let slots = self.slots(value).to_vec();
        for slot in refs {
            self.share(slots[slot]);
        }
        self.values.push(slots);
        Ok(true)
    }

    /// One more owner. Where no reference is, there is a cell that counts as pinned.
    fn share(&mut self, cell: ir::Value) {
        let flags = MemFlagsData::trusted();
        let address = self.b.ins().iadd(self.base, cell);
        let count = self.b.ins().load(types::I32, flags, address, 0);
        let counted =
            self.b
                .ins()
                .icmp_imm_s(IntCC::NotEqual, count, i64::from(PINNED_COUNT as i32));
        let one = self.b.ins().uextend(types::I32, counted);
        let count = self.b.ins().iadd(count, one);
        self.b.ins().store(flags, count, address, 0);
    }

    fn drop_value(&mut self, value: Value) -> Result<bool, NoCode> {
        let ty = self.ty(value);
        let Some(refs) = self.plain_refs(ty)? else {
            return Ok(false);
        };
        let slots = self.slots(value).to_vec();
        for slot in refs {
            self.release(slots[slot]);
        }
        Ok(true)
    }

    /// One owner fewer.
    fn release(&mut self, cell: ir::Value) {
        let address = self.b.ins().iadd(self.base, cell);
        let free = |body: &mut Self| {
            body.save_fuel();
            let args = [body.context, cell];
            body.call_outside(body.around.outside.release, &args);
        };
        self.give_up(address, free, |_| {});
    }

    /// One owner fewer of the cell at an address: does `free` if it was the last, else `shared`, and counts.
    fn give_up(
        &mut self,
        address: ir::Value,
        free: impl FnOnce(&mut Self),
        shared: impl FnOnce(&mut Self),
    ) {
        let flags = MemFlagsData::trusted();
        let count = self.b.ins().load(types::I32, flags, address, 0);
        let (last, more, on) = (
            self.b.create_block(),
            self.b.create_block(),
            self.b.create_block(),
        );
        let is_last = self.b.ins().icmp_imm_s(IntCC::Equal, count, 1);
        self.b.ins().brif(is_last, last, &[], more, &[]);
        self.b.switch_to_block(last);
        self.b.seal_block(last);
        free(self);
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(more);
        self.b.seal_block(more);
        shared(self);
        // A pinned cell stays as it is.
        let pinned = i64::from(PINNED_COUNT as i32);
        let counted = self.b.ins().icmp_imm_s(IntCC::NotEqual, count, pinned);
        let one = self.b.ins().uextend(types::I32, counted);
        let count = self.b.ins().isub(count, one);
        self.b.ins().store(flags, count, address, 0);
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
    }

    fn unique(&mut self, value: Value, slot: u32) -> Result<bool, NoCode> {
        let ty = self.ty(value);
        let pieces = shape::pieces(self.around.layouts, ty, 0, 0)?;
        let plain = |p: &shape::Piece| p.slot == slot && p.kind == PieceKind::Ref;
        if !pieces.iter().any(plain) {
            return Ok(false);
        }
        let mut slots = self.slots(value).to_vec();
        slots[slot as usize] = self.make_unique(slots[slot as usize]);
        self.values.push(slots);
        Ok(true)
    }

    /// The cell itself if it has one owner, else a copy.
    pub(super) fn make_unique(&mut self, cell: ir::Value) -> ir::Value {
        let flags = MemFlagsData::trusted();
        let address = self.b.ins().iadd(self.base, cell);
        let count = self.b.ins().load(types::I32, flags, address, 0);
        let (shared, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(shared);
        let result = self.b.append_block_param(on, types::I64);
        let is_unique = self.b.ins().icmp_imm_s(IntCC::Equal, count, 1);
        self.b
            .ins()
            .brif(is_unique, on, &[cell.into()], shared, &[]);
        self.b.switch_to_block(shared);
        self.b.seal_block(shared);
        self.save_fuel();
        let args = [self.context, cell];
        let copy = self.call_outside(self.around.outside.unique, &args);
        let copy = copy.unwrap_or(cell);
        self.restore_fuel();
        self.end_if_ended(copy);
        self.b.ins().jump(on, &[copy.into()]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        result
    }

    fn get(&mut self, value: Value, path: &[Step]) -> Result<bool, NoCode> {
        if !Self::is_plain(path) {
            return Ok(false);
        }
        let end = cop_bytecode::typing::path_type(self.around.layouts, self.ty(value), path)?;
        let Some(pieces) = self.flat_pieces(end)? else {
            return Ok(false);
        };
        let types = self.types_of(end)?;
        let (place, _, byte) = self.walk(value, path, false)?;
        let row = match place {
            Place::Slots(first) => {
                let slots = self.slots(value)[first..first + types.len()].to_vec();
                self.cast_all(&slots, &types)
            }
            Place::Memory(address, offset) if byte => {
                vec![self.load_cell(Cell::Byte, address, offset, types::I64)]
            }
            Place::Memory(address, offset) => self.load_flat(&pieces, address, offset, &types),
        };
        self.values.push(row);
        Ok(true)
    }

    fn set(&mut self, value: Value, path: &[Step], new: Value) -> Result<bool, NoCode> {
        let end = cop_bytecode::typing::path_type(self.around.layouts, self.ty(value), path)?;
        let (Some(pieces), Some(refs)) = (self.flat_pieces(end)?, self.plain_refs(end)?) else {
            return Ok(false);
        };
        let in_bytes = matches!(path.last(), Some(Step::Index(_)))
            && self.types_of(end)?.len() == 1
            && self.ends_in_byte(value, path)?;
        if !Self::is_plain(path) || in_bytes {
            return Ok(false);
        }
        let types = self.types_of(end)?;
        let new = self.slots(new).to_vec();
        let (place, ..) = self.walk(value, path, true)?;
        let mut whole = self.slots(value).to_vec();
        match place {
            Place::Slots(first) => {
                for slot in refs {
                    self.release(whole[first + slot]);
                }
                for (i, slot) in new.into_iter().enumerate() {
                    let wanted = self.b.func.dfg.value_type(whole[first + i]);
                    whole[first + i] = self.cast(slot, wanted);
                }
            }
            Place::Memory(address, offset) => {
                let old: Vec<ir::Value> = pieces
                    .iter()
                    .filter(|piece| refs.contains(&piece.slot))
                    .map(|piece| (piece.cell, offset + piece.offset))
                    .collect::<Vec<_>>()
                    .into_iter()
                    .map(|(cell, at)| self.load_cell(cell, address, at, types::I64))
                    .collect();
                let row = self.cast_all(&new, &types);
                self.store_flat(&pieces, &row, address, offset);
                for cell in old {
                    self.release(cell);
                }
            }
        }
        self.values.push(whole);
        Ok(true)
    }

    /// Whether a path ends at an element of bytes.
    fn ends_in_byte(&mut self, value: Value, path: &[Step]) -> Result<bool, NoCode> {
        let Some((_, before)) = path.split_last() else {
            return Ok(false);
        };
        let ty = cop_bytecode::typing::path_type(self.around.layouts, self.ty(value), before)?;
        Ok(self.around.layouts.get(ty) == Some(&Type::Bytes))
    }

    fn update(
        &mut self,
        op: UpdateOp,
        value: Value,
        path: &[Step],
        args: &[Value],
    ) -> Result<bool, NoCode> {
        if !Self::is_plain(path) || !is_arithmetic(op) || self.ends_in_byte(value, path)? {
            return Ok(false);
        }
        let by = self.slot(args[0]);
        let ty = self.b.func.dfg.value_type(by);
        let (place, ..) = self.walk(value, path, true)?;
        let mut whole = self.slots(value).to_vec();
        match place {
            Place::Slots(first) => {
                let old = self.cast(whole[first], ty);
                let new = self.arithmetic(op, old, by);
                let wanted = self.b.func.dfg.value_type(whole[first]);
                whole[first] = self.cast(new, wanted);
            }
            Place::Memory(address, offset) => {
                let old = self.load_cell(Cell::Word, address, offset, ty);
                let new = self.arithmetic(op, old, by);
                self.store_cell(Cell::Word, new, address, offset);
            }
        }
        self.values.push(whole);
        Ok(true)
    }

    fn arithmetic(&mut self, op: UpdateOp, a: ir::Value, b: ir::Value) -> ir::Value {
        match op {
            UpdateOp::I64Add => self.add(a, b),
            UpdateOp::I64Sub => self.sub(a, b),
            UpdateOp::I64Mul => self.mul(a, b),
            UpdateOp::I64Div => self.div(a, b),
            UpdateOp::I64Rem => self.rem(a, b),
            UpdateOp::I64AddWrap => self.b.ins().iadd(a, b),
            UpdateOp::I64SubWrap => self.b.ins().isub(a, b),
            UpdateOp::I64MulWrap => self.b.ins().imul(a, b),
            UpdateOp::I64And => self.b.ins().band(a, b),
            UpdateOp::I64Or => self.b.ins().bor(a, b),
            UpdateOp::I64Xor => self.b.ins().bxor(a, b),
            UpdateOp::I64Shl => self.shift(Op::I64Shl, a, b),
            UpdateOp::I64Shr => self.shift(Op::I64Shr, a, b),
            UpdateOp::I64UShr => self.shift(Op::I64UShr, a, b),
            UpdateOp::F64Add => self.b.ins().fadd(a, b),
            UpdateOp::F64Sub => self.b.ins().fsub(a, b),
            UpdateOp::F64Mul => self.b.ins().fmul(a, b),
            _ => self.b.ins().fdiv(a, b),
        }
    }
}

fn is_arithmetic(op: UpdateOp) -> bool {
    (op as u8) < UpdateOp::F64Rem as u8
}
