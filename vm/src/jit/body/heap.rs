//! Values with parts, references and their counts.

use cop_bytecode::cost::{Cost, per_16_bytes};
use cop_bytecode::instr::{Instr, Step, Value};
use cop_bytecode::layout::{Body as LayoutBody, LayoutError, Part};
use cop_bytecode::{Op, TrapKind, Type, TypeId, UpdateOp, fuel};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};

use super::bounds::NOTHING;
use super::paths::{Cell, Place};
use super::scalars::{LENGTH, SEQUENCE};
use super::{Body, NoCode};
use crate::memory::pinned;
use crate::shape::{self, PieceKind};

/// Constants of up to so many bytes are copied by stores alone.
const COPIED: usize = 64;

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
            Instr::Closure {
                function, captures, ..
            } => self.new_closure(*function, captures),
            Instr::Take { value, path } => self.take(*value, path),
            Instr::Put { value, path, new } => self.put(*value, path, *new),
            Instr::Update {
                op,
                value,
                path,
                args,
            } => Ok(self.update(*op, *value, path, args)?
                || self.append(*op, *value, path, args)?
                || self.list_update(*op, *value, path, args)?
                || self.table_update(*op, *value, path, args)?),
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
        match self.around.layouts.get(ty) {
            Some(&Type::List(item)) => return self.new_list(ty, item, parts),
            Some(Type::Map(..) | Type::Set(_)) => return self.new_table(ty),
            _ => {}
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
            let lay = self.lay(part.ty)?;
            all.push((lay, part.offset as i32, self.slots(*value).to_vec()));
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
        for (lay, offset, slots) in all {
            self.store(&lay, &slots, address, offset);
        }
        self.values.push(vec![cell]);
        Ok(true)
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
            let (lay, refs) = (self.lay(part.ty)?, self.refs(part.ty)?);
            let types = self.types_of(part.ty)?;
            plan.push((lay, refs, types, part.offset as i32));
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
        for (lay, refs, types, offset) in plan {
            let row = self.load(&lay, address, offset, &types);
            owned.push((refs, row.clone()));
            self.values.push(row);
        }
        let free = |body: &mut Self| body.free(cell, size);
        self.give_up(address, free, |body| {
            for (refs, row) in owned {
                body.each_ref(&refs, &row, &mut |body, cell, _| body.share(cell));
            }
        });
        Ok(true)
    }

    fn dup(&mut self, value: Value) -> Result<bool, NoCode> {
        let refs = self.refs(self.ty(value))?;
        let slots = self.slots(value).to_vec();
        match self.constants.get(&value.0).copied() {
            // It is nobody's.
            Some(index) => {
                self.constants.insert(self.values.len() as u32, index);
            }
            None => self.each_ref(&refs, &slots, &mut |body, cell, _| body.share(cell)),
        }
        self.values.push(slots);
        Ok(true)
    }

    fn drop_value(&mut self, value: Value) -> Result<bool, NoCode> {
        if !self.constants.contains_key(&value.0) {
            let refs = self.refs(self.ty(value))?;
            let slots = self.slots(value).to_vec();
            self.each_ref(&refs, &slots, &mut |body, cell, ty| body.release(cell, ty));
        }
        Ok(true)
    }

    fn unique(&mut self, value: Value, slot: u32) -> Result<bool, NoCode> {
        let ty = self.ty(value);
        if let Some(content) = self.content(value).filter(|c| c.len() <= COPIED) {
            let copy = self.copy_constant(&content, ty);
            self.values.push(vec![copy]);
            return Ok(true);
        }
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

    /// A copy of a constant, as `unique` makes it.
    fn copy_constant(&mut self, content: &[u8], ty: TypeId) -> ir::Value {
        let size = u64::from(crate::heap::SEQUENCE) + content.len() as u64;
        let price = Cost::Copy.base() + per_16_bytes(size);
        let price = self.b.ins().iconst(types::I64, price as i64);
        self.pay(price);
        let cell = self.allocate(size as u32, ty.0);
        let address = self.b.ins().iadd(self.base, cell);
        let length = content.len() as i64;
        let lengths = self.b.ins().iconst(types::I64, length << 32 | length);
        let flags = MemFlagsData::trusted();
        self.b.ins().store(flags, lengths, address, LENGTH);
        self.write_constant(content, address, SEQUENCE);
        cell
    }

    fn get(&mut self, value: Value, path: &[Step]) -> Result<bool, NoCode> {
        let end = cop_bytecode::typing::path_type(self.around.layouts, self.ty(value), path)?;
        let lay = self.lay(end)?;
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
            Place::Memory(address, offset) => self.load(&lay, address, offset, &types),
        };
        self.values.push(row);
        Ok(true)
    }

    fn set(&mut self, value: Value, path: &[Step], new: Value) -> Result<bool, NoCode> {
        let in_bytes = self.ends_in_byte(value, path)?;
        let end = cop_bytecode::typing::path_type(self.around.layouts, self.ty(value), path)?;
        let (lay, refs, types) = (self.lay(end)?, self.refs(end)?, self.types_of(end)?);
        let new = self.slots(new).to_vec();
        if in_bytes {
            let wide = self
                .b
                .ins()
                .icmp_imm_s(IntCC::UnsignedGreaterThan, new[0], 255);
            self.trap_if(wide, TrapKind::InvalidArgument, Some(new[0]), None);
        }
        let (place, ..) = self.walk(value, path, true)?;
        let mut whole = self.slots(value).to_vec();
        match place {
            Place::Slots(first) => {
                let old = self.cast_all(&whole[first..first + types.len()], &types);
                self.each_ref(&refs, &old, &mut |body, cell, ty| body.release(cell, ty));
                self.replace(&mut whole, first, &new);
            }
            Place::Memory(address, offset) if in_bytes => {
                self.store_cell(Cell::Byte, new[0], address, offset);
            }
            Place::Memory(address, offset) => {
                let old = match refs.is_empty() {
                    true => Vec::new(),
                    false => self.load(&lay, address, offset, &types),
                };
                let row = self.cast_all(&new, &types);
                self.store(&lay, &row, address, offset);
                self.each_ref(&refs, &old, &mut |body, cell, ty| body.release(cell, ty));
            }
        }
        self.values.push(whole);
        Ok(true)
    }

    /// Puts slots into a row from one on.
    fn replace(&mut self, whole: &mut [ir::Value], first: usize, new: &[ir::Value]) {
        for (i, slot) in new.iter().enumerate() {
            let wanted = self.b.func.dfg.value_type(whole[first + i]);
            whole[first + i] = self.cast(*slot, wanted);
        }
    }

    /// Moves a value out of a place, in which its references become zero.
    fn take(&mut self, value: Value, path: &[Step]) -> Result<bool, NoCode> {
        if self.ends_in_byte(value, path)? {
            return Ok(false);
        }
        let end = cop_bytecode::typing::path_type(self.around.layouts, self.ty(value), path)?;
        let (lay, refs, types) = (self.lay(end)?, self.refs(end)?, self.types_of(end)?);
        let Some(holes) = refs.plain() else {
            return Ok(false);
        };
        let (place, ..) = self.walk(value, path, true)?;
        let mut whole = self.slots(value).to_vec();
        let row = match place {
            Place::Slots(first) => {
                let row = self.cast_all(&whole[first..first + types.len()], &types);
                let zero = self.b.ins().iconst(types::I64, 0);
                for slot in holes {
                    self.replace(&mut whole, first + slot, &[zero]);
                }
                row
            }
            Place::Memory(address, offset) => {
                let row = self.load(&lay, address, offset, &types);
                let zero = self.b.ins().iconst(types::I64, 0);
                for flat in lay.at(&holes) {
                    self.store_cell(flat.cell, zero, address, offset + flat.offset);
                }
                row
            }
        };
        self.values.push(row);
        self.values.push(whole);
        Ok(true)
    }

    /// Moves a value back into the place from which it was taken: everything was checked and made unique then.
    fn put(&mut self, value: Value, path: &[Step], new: Value) -> Result<bool, NoCode> {
        let plain = |step: &Step| !matches!(step, Step::Variant(_));
        if !path.iter().all(plain) || self.ends_in_byte(value, path)? {
            return Ok(false);
        }
        let end = cop_bytecode::typing::path_type(self.around.layouts, self.ty(value), path)?;
        let (lay, types) = (self.lay(end)?, self.types_of(end)?);
        let new = self.slots(new).to_vec();
        let (place, ..) = self.walk(value, path, false)?;
        let mut whole = self.slots(value).to_vec();
        match place {
            Place::Slots(first) => self.replace(&mut whole, first, &new),
            Place::Memory(address, offset) => {
                let row = self.cast_all(&new, &types);
                self.store(&lay, &row, address, offset);
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
        if !is_arithmetic(op) || self.ends_in_byte(value, path)? {
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
            UpdateOp::I64Add => self.add(a, b, NOTHING),
            UpdateOp::I64Sub => self.sub(a, b, NOTHING),
            UpdateOp::I64Mul => self.mul(a, b, NOTHING),
            UpdateOp::I64Div => self.div(a, b, NOTHING),
            UpdateOp::I64Rem => self.rem(a, b, NOTHING),
            UpdateOp::I64AddWrap => self.b.ins().iadd(a, b),
            UpdateOp::I64SubWrap => self.b.ins().isub(a, b),
            UpdateOp::I64MulWrap => self.b.ins().imul(a, b),
            UpdateOp::I64And => self.b.ins().band(a, b),
            UpdateOp::I64Or => self.b.ins().bor(a, b),
            UpdateOp::I64Xor => self.b.ins().bxor(a, b),
            UpdateOp::I64Shl => self.shift(Op::I64Shl, a, b, NOTHING),
            UpdateOp::I64Shr => self.shift(Op::I64Shr, a, b, NOTHING),
            UpdateOp::I64UShr => self.shift(Op::I64UShr, a, b, NOTHING),
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
