//! Cells: taking and giving them back, and counting their owners.

use std::mem::offset_of;

use cop_bytecode::layout::Body as LayoutBody;
use cop_bytecode::{Type, TypeId};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};

use super::paths::Cell;
use super::{Body, NoCode};
use crate::jit::context::Context;
use crate::memory::{Class, ListClass, PINNED_COUNT};
use crate::planted::{Fault, is_planted};

/// A cell that refers to no other.
#[derive(Clone, Copy)]
enum Alone {
    /// A sequence of elements of that many bytes.
    Sequence(u32),
    /// A cell of that size.
    Cell(u32),
}

/// Boxed types of more variants are freed by the machine's own function.
const FREED_VARIANTS: usize = 8;

/// What lies in the cell of a product or variant.
struct CellRow {
    size: u32,
    /// Where its references lie, and the types of what they refer to.
    refs: Vec<(i32, TypeId)>,
}

impl Body<'_, '_> {
    /// Where the state of a class of cells is, if a cell of that size is taken from a list.
    fn class(&mut self, size: u32) -> Option<(ir::Value, i32)> {
        let Some(Class::Listed { index, .. }) = Class::of(u64::from(size)) else {
            return None;
        };
        let classes = self.load_context(types::I64, offset_of!(Context, classes));
        Some((classes, (index * size_of::<ListClass>()) as i32))
    }

    /// A new cell with header: one that was freed before, else as the arena finds one.
    pub(super) fn allocate(&mut self, size: u32, ty: u32) -> ir::Value {
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
    pub(super) fn free(&mut self, cell: ir::Value, size: u32) {
        let Some((classes, class)) = self.class(size) else {
            self.save_fuel();
            let args = [self.context, cell];
            self.call_outside(self.around.callees.free, &args);
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
        let less = if is_planted(Fault::Cells) { 0 } else { -1 };
        let count = self.b.ins().iadd_imm_s(count, less);
        self.b.ins().store(flags, count, classes, alive);
    }

    fn allocate_outside(&mut self, size: u32, ty: u32) -> ir::Value {
        let args = [
            self.context,
            self.b.ins().iconst(types::I64, i64::from(size)),
            self.b.ins().iconst(types::I64, i64::from(ty)),
        ];
        self.save_fuel();
        let cell = self.call_outside(self.around.callees.allocate, &args);
        cell.unwrap_or(self.context)
    }

    /// One more owner. Where no reference is, there is a cell that counts as pinned.
    pub(super) fn share(&mut self, cell: ir::Value) {
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

    /// One owner fewer of a cell of that type.
    pub(super) fn release(&mut self, cell: ir::Value, ty: TypeId) {
        let alone = self.size_of_alone(ty);
        if let Some(Alone::Sequence(stride)) = alone {
            let stride = self.b.ins().iconst(types::I64, i64::from(stride));
            let args = [self.context, cell, stride];
            self.call_outside(self.around.callees.drop_sequence, &args);
            return;
        }
        let address = self.b.ins().iadd(self.base, cell);
        let free = |body: &mut Self| match alone {
            Some(Alone::Cell(size)) => body.free(cell, size),
            None if body.frees_here(ty) => body.free_chain(cell, ty),
            _ => {
                let args = [body.context, cell];
                body.call_outside(body.around.callees.release, &args);
            }
        };
        self.give_up(address, free, |_| {});
    }

    /// Drops a reference by the machine's own function, if it is the last.
    fn release_outside(&mut self, cell: ir::Value) {
        let address = self.b.ins().iadd(self.base, cell);
        let free = |body: &mut Self| {
            let args = [body.context, cell];
            body.call_outside(body.around.callees.release, &args);
        };
        self.give_up(address, free, |_| {});
    }

    /// Where the references of a boxed type lie in its cell, per variant, each with the type of what it refers to, and the
    /// size of the cell. None if tags inside decide about that, or cells are large.
    fn cell_rows(&mut self, ty: TypeId) -> Result<Option<Vec<CellRow>>, NoCode> {
        let layout = self.around.layouts.layout(ty)?;
        let variants = match &layout.body {
            LayoutBody::Product(parts) if layout.boxed => vec![parts.clone()],
            LayoutBody::Sum { variants, .. } if layout.boxed => variants.clone(),
            _ => return Ok(None),
        };
        let sizes = layout.cell_sizes.clone();
        let mut rows = Vec::with_capacity(variants.len());
        for (parts, size) in variants.into_iter().zip(sizes) {
            let mut refs = Vec::new();
            for part in parts {
                let (lay, inside) = (self.lay(part.ty)?, self.refs(part.ty)?);
                let Some(slots) = inside.plain() else {
                    return Ok(None);
                };
                for flat in lay.at(&slots) {
                    let to = inside.of(flat.slot).unwrap_or(part.ty);
                    refs.push((part.offset as i32 + flat.offset, to));
                }
            }
            if !matches!(Class::of(u64::from(size)), Some(Class::Listed { .. })) {
                return Ok(None);
            }
            rows.push(CellRow { size, refs });
        }
        Ok((rows.len() <= FREED_VARIANTS).then_some(rows))
    }

    fn frees_here(&mut self, ty: TypeId) -> bool {
        matches!(self.cell_rows(ty), Ok(Some(_)))
    }

    /// Frees a cell of a boxed type with one owner and all that only it keeps alive. Cells of the same type are chained
    /// through their counts, so a long list takes no stack.
    fn free_chain(&mut self, cell: ir::Value, ty: TypeId) {
        let Ok(Some(rows)) = self.cell_rows(ty) else {
            return;
        };
        let flags = MemFlagsData::trusted();
        let wide = match self.around.layouts.ready(ty).map(|layout| &layout.body) {
            Some(LayoutBody::Sum { tag_width, .. }) => Some(*tag_width == 2),
            _ => None,
        };
        let (head, behind, done) = (
            self.b.create_block(),
            self.b.create_block(),
            self.b.create_block(),
        );
        let current = self.b.append_block_param(head, types::I64);
        let rest = self.b.append_block_param(behind, types::I64);
        let address = self.b.ins().iadd(self.base, cell);
        let none = self.b.ins().iconst(types::I32, 0);
        self.b.ins().store(flags, none, address, 0);
        self.b.ins().jump(head, &[cell.into()]);
        self.b.switch_to_block(head);
        let address = self.b.ins().iadd(self.base, current);
        let next = self.b.ins().uload32(flags, address, 0);
        let arms = match wide {
            None => self.branch(next, 1),
            Some(wide) => {
                let cell = if wide { Cell::Pair } else { Cell::Byte };
                let at = crate::heap::HEADER as i32;
                let tag = self.load_cell(cell, address, at, types::I64);
                self.branch(tag, rows.len())
            }
        };
        for (arm, row) in arms.into_iter().zip(rows) {
            self.b.switch_to_block(arm);
            self.b.seal_block(arm);
            let mut next = next;
            for (offset, to) in row.refs {
                let child = self.b.ins().uload32(flags, address, offset);
                if to == ty {
                    next = self.chain(child, next);
                } else if self.size_of_alone(to).is_some() {
                    self.release(child, to);
                } else {
                    self.release_outside(child);
                }
            }
            self.free(current, row.size);
            self.b.ins().jump(behind, &[next.into()]);
        }
        self.b.switch_to_block(behind);
        self.b.seal_block(behind);
        self.b.ins().brif(rest, head, &[rest.into()], done, &[]);
        self.b.seal_block(head);
        self.b.switch_to_block(done);
        self.b.seal_block(done);
    }

    /// One owner fewer of a cell, which is put in front of a chain if it was the last; the chain.
    fn chain(&mut self, cell: ir::Value, chain: ir::Value) -> ir::Value {
        let flags = MemFlagsData::trusted();
        let address = self.b.ins().iadd(self.base, cell);
        let count = self.b.ins().load(types::I32, flags, address, 0);
        let [last, more, on] = [(); 3].map(|()| self.b.create_block());
        let result = self.b.append_block_param(on, types::I64);
        let is_last = self.b.ins().icmp_imm_s(IntCC::Equal, count, 1);
        self.b.ins().brif(is_last, last, &[], more, &[]);
        self.b.switch_to_block(last);
        self.b.seal_block(last);
        self.b.ins().istore32(flags, chain, address, 0);
        self.b.ins().jump(on, &[cell.into()]);
        self.b.switch_to_block(more);
        self.b.seal_block(more);
        let pinned = i64::from(PINNED_COUNT as i32);
        let counted = self.b.ins().icmp_imm_s(IntCC::NotEqual, count, pinned);
        let one = self.b.ins().uextend(types::I32, counted);
        let count = self.b.ins().isub(count, one);
        self.b.ins().store(flags, count, address, 0);
        self.b.ins().jump(on, &[chain.into()]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        result
    }

    /// How to find the size of a cell that refers to no other.
    fn size_of_alone(&mut self, ty: TypeId) -> Option<Alone> {
        match self.around.layouts.get(ty)? {
            Type::String | Type::Bytes => Some(Alone::Sequence(1)),
            Type::List(item) => {
                let item = *item;
                let layout = self.around.layouts.layout(item).ok()?;
                layout.copy.then_some(Alone::Sequence(layout.size))
            }
            _ => {
                let layout = self.around.layouts.layout(ty).ok()?;
                let parts = match (&layout.body, &layout.cell_sizes[..]) {
                    (LayoutBody::Product(parts), [_]) if layout.boxed => parts.clone(),
                    _ => return None,
                };
                let size = layout.cell_sizes[0];
                for part in parts {
                    if !self.around.layouts.layout(part.ty).ok()?.copy {
                        return None;
                    }
                }
                Some(Alone::Cell(size))
            }
        }
    }

    /// One owner fewer of the cell at an address: does `free` if it was the last, else `shared`, and counts.
    pub(super) fn give_up(
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

    /// The cell itself if it has one owner, else a copy.
    pub(super) fn make_unique(&mut self, cell: ir::Value) -> ir::Value {
        self.make_unique_at(cell, None)
    }

    /// The cell itself if it has one owner, else a copy, which takes its place in memory.
    pub(super) fn make_unique_at(
        &mut self,
        cell: ir::Value,
        place: Option<(ir::Value, i32)>,
    ) -> ir::Value {
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
        let copy = self.call_outside(self.around.callees.unique, &args);
        let copy = copy.unwrap_or(cell);
        self.restore_fuel();
        if let Some((address, offset)) = place {
            self.store_cell(Cell::Half, copy, address, offset);
        }
        self.b.ins().jump(on, &[copy.into()]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        result
    }
}
