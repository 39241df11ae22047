//! Lists: making them, and the updates of their ends and elements.

use cop_bytecode::instr::{Step, Value};
use cop_bytecode::{Type, TypeId, UpdateOp};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, types};

use super::bounds::UNKNOWN;
use super::scalars::{LENGTH, SEQUENCE};
use super::{Body, NoCode};

/// The largest new list whose cell is filled in place, bytes.
const LARGEST: u64 = 4096;

impl Body<'_, '_> {
    /// A new list of these elements.
    pub(super) fn new_list(
        &mut self,
        ty: TypeId,
        item: TypeId,
        parts: &[Value],
    ) -> Result<bool, NoCode> {
        let lay = self.lay(item)?;
        let stride = self.around.layouts.layout(item)?.size;
        let size = u64::from(stride) * parts.len() as u64 + SEQUENCE as u64;
        if size > LARGEST {
            return Ok(false);
        }
        let cell = self.allocate(size as u32, ty.0);
        let address = self.b.ins().iadd(self.base, cell);
        let count = parts.len() as i64;
        let lengths = self.b.ins().iconst(types::I64, count << 32 | count);
        let flags = MemFlagsData::trusted();
        self.b.ins().store(flags, lengths, address, LENGTH);
        for (i, part) in parts.iter().enumerate() {
            let row = self.slots(*part).to_vec();
            let offset = SEQUENCE + (i as u32 * stride) as i32;
            self.store(&lay, &row, address, offset);
        }
        self.values.push(vec![cell]);
        Ok(true)
    }

    /// Translates an update of a list, if it is one of those done in place.
    pub(super) fn list_update(
        &mut self,
        op: UpdateOp,
        value: Value,
        path: &[Step],
        args: &[Value],
    ) -> Result<bool, NoCode> {
        if !matches!(op, UpdateOp::ListPop | UpdateOp::ListSwap) {
            return Ok(false);
        }
        let list = cop_bytecode::typing::path_type(self.around.layouts, self.ty(value), path)?;
        let Some(&Type::List(item)) = self.around.layouts.get(list) else {
            return Ok(false);
        };
        let lay = self.lay(item)?;
        let types = self.types_of(item)?;
        let stride = self.around.layouts.layout(item)?.size;
        if op == UpdateOp::ListSwap {
            let (left, right) = (self.slot(args[0]), self.slot(args[1]));
            let (place, ..) = self.walk(value, path, true)?;
            let cell = self.enter_cell(value, place, true);
            let places = [left, right].map(|index| self.element(cell, index, stride, UNKNOWN));
            let rows = places.map(|(at, offset)| self.load(&lay, at, offset, &types));
            let [(left, of_left), (right, of_right)] = places;
            self.store(&lay, &rows[1], left, of_left);
            self.store(&lay, &rows[0], right, of_right);
            let whole = self.slots(value).to_vec();
            self.values.push(whole);
            return Ok(true);
        }
        let Some(option) = self.around.layouts.find(&Type::Option(item)) else {
            return Ok(false);
        };
        let layout = self.around.layouts.layout(option)?;
        if layout.boxed {
            return Ok(false);
        }
        let (place, ..) = self.walk(value, path, true)?;
        let cell = self.enter_cell(value, place, true);
        let address = self.b.ins().iadd(self.base, cell);
        let flags = MemFlagsData::trusted();
        let length = self.b.ins().uload32(flags, address, LENGTH);
        let wanted = self.types_of(option)?;
        let (some, on) = (self.b.create_block(), self.b.create_block());
        let mut found = Vec::with_capacity(wanted.len());
        let mut none = Vec::with_capacity(wanted.len());
        for ty in &wanted {
            found.push(self.b.append_block_param(on, *ty));
            none.push(match *ty {
                types::F64 => self.b.ins().f64const(0.0).into(),
                _ => self.b.ins().iconst(types::I64, 0).into(),
            });
        }
        self.b.ins().brif(length, some, &[], on, &none);
        self.b.switch_to_block(some);
        self.b.seal_block(some);
        let last = self.b.ins().iadd_imm_s(length, -1);
        self.b.ins().istore32(flags, last, address, LENGTH);
        let offset = self.b.ins().imul_imm_s(last, i64::from(stride));
        let place = self.b.ins().iadd(address, offset);
        let mut row = self.load(&lay, place, SEQUENCE, &types);
        if row.len() < wanted.len() {
            row.insert(0, self.b.ins().iconst(types::I64, 1));
        }
        let row = self.cast_all(&row, &wanted);
        let row: Vec<_> = row.into_iter().map(Into::into).collect();
        self.b.ins().jump(on, &row);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        let whole = self.slots(value).to_vec();
        self.values.push(whole);
        self.values.push(found);
        Ok(true)
    }

    /// Whether a number is less than another, as unsigned.
    pub(super) fn is_below(
        &mut self,
        a: cranelift_codegen::ir::Value,
        b: cranelift_codegen::ir::Value,
    ) -> cranelift_codegen::ir::Value {
        self.b.ins().icmp(IntCC::UnsignedLessThan, a, b)
    }
}
