//! Appending: in place where there is room, which is nearly always, and the fuel of this slice is enough; else by the
//! machine's own function.

use cop_bytecode::cost::per_16_bytes;
use cop_bytecode::instr::{Step, Value};
use cop_bytecode::{TrapKind, Type, UpdateOp};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, Block, InstBuilder, MemFlagsData, types};

use super::paths::{Cell, Place};
use super::scalars::{LENGTH, SEQUENCE};
use super::{Body, NoCode};

/// Where the capacity of a sequence stands.
pub(super) const CAPACITY: i32 = 12;
/// Up to so many bytes are copied as two words.
const SHORT: i64 = 16;
/// Constants of up to so many bytes are written by stores alone.
const WRITTEN: usize = 64;

impl Body<'_, '_> {
    /// Translates an update that appends, if it is one of those done in place.
    pub(super) fn append(
        &mut self,
        op: UpdateOp,
        value: Value,
        path: &[Step],
        args: &[Value],
    ) -> Result<bool, NoCode> {
        match op {
            UpdateOp::TextAppend | UpdateOp::BytesExtend | UpdateOp::BytesAppendText => {
                let other = self.slot(args[0]);
                let place = self.target(value, path)?;
                let cell = self.cell_at(value, place);
                let cell = match self.content(args[0]) {
                    Some(content) if content.len() <= WRITTEN => {
                        self.append_constant(cell, other, &content)
                    }
                    _ => {
                        let count = self.length(other);
                        let zero = self.b.ins().iconst(types::I64, 0);
                        self.append_bytes(cell, other, zero, count)
                    }
                };
                self.retarget(value, place, cell);
            }
            UpdateOp::TextAppendSlice => {
                let (other, from, to) =
                    (self.slot(args[0]), self.slot(args[1]), self.slot(args[2]));
                self.check_slice(other, from, to);
                let place = self.target(value, path)?;
                let cell = self.cell_at(value, place);
                let count = self.b.ins().isub(to, from);
                let cell = self.append_bytes(cell, other, from, count);
                self.retarget(value, place, cell);
            }
            UpdateOp::TextAppendI64 | UpdateOp::TextPush => {
                let what = self.slot(args[0]);
                let place = self.target(value, path)?;
                let cell = self.cell_at(value, place);
                let outside = match op {
                    UpdateOp::TextPush => self.around.callees.push_char,
                    _ => self.around.callees.append_i64,
                };
                let cell = self.ask(outside, &[cell, what]);
                self.retarget(value, place, cell);
            }
            UpdateOp::BytesPush => {
                let byte = self.slot(args[0]);
                let wide = self
                    .b
                    .ins()
                    .icmp_imm_s(IntCC::UnsignedGreaterThan, byte, 255);
                self.trap_if(wide, TrapKind::InvalidArgument, Some(byte), None);
                let place = self.target(value, path)?;
                let cell = self.cell_at(value, place);
                let (cell, address) = self.one_more(cell, 1);
                self.store_cell(Cell::Byte, byte, address, SEQUENCE);
                self.retarget(value, place, cell);
            }
            UpdateOp::ListPush => {
                let list =
                    cop_bytecode::typing::path_type(self.around.layouts, self.ty(value), path)?;
                let Some(&Type::List(item)) = self.around.layouts.get(list) else {
                    return Ok(false);
                };
                let lay = self.lay(item)?;
                let stride = self.around.layouts.layout(item)?.size;
                let row = self.slots(args[0]).to_vec();
                let place = self.target(value, path)?;
                let cell = self.cell_at(value, place);
                let (cell, address) = self.one_more(cell, stride);
                self.store(&lay, &row, address, SEQUENCE);
                self.retarget(value, place, cell);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Asks the machine for something that may end the run or use fuel.
    pub(super) fn ask(&mut self, what: cranelift_module::FuncId, args: &[ir::Value]) -> ir::Value {
        self.save_fuel();
        let mut all = vec![self.context];
        all.extend(args);
        let answer = self.call_outside(what, &all).unwrap_or(self.context);
        self.restore_fuel();
        answer
    }

    /// Where a path leads to that an update is to change.
    fn target(&mut self, value: Value, path: &[Step]) -> Result<Place, NoCode> {
        Ok(self.walk(value, path, true)?.0)
    }

    /// The cell at such a place, which has one owner from here on.
    fn cell_at(&mut self, value: Value, place: Place) -> ir::Value {
        self.enter_cell(value, place, true)
    }

    /// Defines the changed value, whose cell at that place may be another now.
    pub(super) fn retarget(&mut self, value: Value, place: Place, cell: ir::Value) {
        let mut whole = self.slots(value).to_vec();
        match place {
            Place::Slots(slot) => {
                let wanted = self.b.func.dfg.value_type(whole[slot]);
                whole[slot] = self.cast(cell, wanted);
            }
            Place::Memory(address, offset) => self.store_cell(Cell::Half, cell, address, offset),
        }
        self.values.push(whole);
    }

    /// Traps unless a text can be cut there.
    pub(super) fn check_slice(&mut self, text: ir::Value, from: ir::Value, to: ir::Value) {
        let (wrong, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(wrong);
        let length = self.length(text);
        let address = self.b.ins().iadd(self.base, text);
        let order = IntCC::UnsignedLessThanOrEqual;
        let ordered = self.b.ins().icmp(order, from, to);
        let inside = self.b.ins().icmp(order, to, length);
        let fits = self.b.ins().band(ordered, inside);
        self.go_on_if(fits, wrong);
        for end in [from, to] {
            let whole = self.is_boundary(address, end, length);
            self.go_on_if(whole, wrong);
        }
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(wrong);
        self.b.seal_block(wrong);
        self.ask(self.around.callees.check_slice, &[text, from, to]);
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
    }

    pub(super) fn go_on_if(&mut self, condition: ir::Value, slow: Block) {
        let on = self.b.create_block();
        self.b.ins().brif(condition, on, &[], slow, &[]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
    }

    /// Whether no character of a text is cut at that offset, which is at most its length.
    fn is_boundary(&mut self, text: ir::Value, offset: ir::Value, length: ir::Value) -> ir::Value {
        let address = self.b.ins().iadd(text, offset);
        let flags = MemFlagsData::trusted();
        // At the end this reads a byte that means nothing.
        let byte = self.b.ins().sload8(types::I64, flags, address, SEQUENCE);
        let begins = self
            .b
            .ins()
            .icmp_imm_s(IntCC::SignedGreaterThanOrEqual, byte, -64);
        let is_end = self.b.ins().icmp(IntCC::Equal, offset, length);
        self.b.ins().bor(begins, is_end)
    }

    /// Pays if that needs no new slice.
    pub(super) fn pay_or(&mut self, price: ir::Value, slow: Block) {
        let fuel = self.b.use_var(self.fuel);
        let left = self.b.ins().isub(fuel, price);
        let enough = self
            .b
            .ins()
            .icmp_imm_s(IntCC::SignedGreaterThanOrEqual, left, 0);
        self.go_on_if(enough, slow);
        self.b.def_var(self.fuel, left);
    }

    /// The price for so many bytes.
    pub(super) fn price(&mut self, bytes: ir::Value) -> ir::Value {
        let price = self.b.ins().iadd_imm_s(bytes, 15);
        self.b.ins().ushr_imm_u(price, 4)
    }

    /// Pays for one more element of a sequence and counts it; the cell, and its address less [`SEQUENCE`].
    fn one_more(&mut self, cell: ir::Value, stride: u32) -> (ir::Value, ir::Value) {
        let flags = MemFlagsData::trusted();
        let (slow, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(slow);
        let result = self.b.append_block_param(on, types::I64);
        let target = self.b.ins().iadd(self.base, cell);
        let length = self.b.ins().uload32(flags, target, LENGTH);
        let capacity = self.b.ins().uload32(flags, target, CAPACITY);
        let room = self.b.ins().icmp(IntCC::UnsignedLessThan, length, capacity);
        self.go_on_if(room, slow);
        let price = per_16_bytes(u64::from(stride)) as i64;
        let price = self.b.ins().iconst(types::I64, price);
        self.pay_or(price, slow);
        self.b.ins().jump(on, &[cell.into()]);
        self.b.switch_to_block(slow);
        self.b.seal_block(slow);
        let bytes = self.b.ins().iconst(types::I64, i64::from(stride));
        let grown = self.ask(self.around.callees.room_for_one, &[cell, bytes]);
        self.b.ins().jump(on, &[grown.into()]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        let target = self.b.ins().iadd(self.base, result);
        let longer = self.b.ins().iadd_imm_s(length, 1);
        self.b.ins().istore32(flags, longer, target, LENGTH);
        let offset = match stride {
            1 => length,
            _ => self.b.ins().imul_imm_s(length, i64::from(stride)),
        };
        (result, self.b.ins().iadd(target, offset))
    }

    /// Begins to append so many bytes of `other` from an offset on: where they go to, and the block behind, which wants
    /// the cell. What cannot be done here is done behind `slow`.
    fn begin_append(&mut self, cell: ir::Value, count: ir::Value, price: ir::Value) -> Appending {
        let flags = MemFlagsData::trusted();
        let [slow, roomy, grows, copies, on] = [(); 5].map(|()| self.b.create_block());
        self.b.set_cold_block(slow);
        self.b.append_block_param(on, types::I64);
        let before = self.b.use_var(self.fuel);
        let cell_there = self.b.append_block_param(copies, types::I64);
        let target = self.b.ins().iadd(self.base, cell);
        let length = self.b.ins().uload32(flags, target, LENGTH);
        let capacity = self.b.ins().uload32(flags, target, CAPACITY);
        let longer = self.b.ins().iadd(length, count);
        let room = self
            .b
            .ins()
            .icmp(IntCC::UnsignedLessThanOrEqual, longer, capacity);
        self.b.ins().brif(room, roomy, &[], grows, &[]);

        self.b.switch_to_block(roomy);
        self.b.seal_block(roomy);
        self.pay_or(price, slow);
        self.b.ins().jump(copies, &[cell.into()]);

        self.b.switch_to_block(grows);
        self.b.seal_block(grows);
        let moved = self.price(length);
        let both = self.b.ins().iadd(price, moved);
        let left = self.b.ins().isub(before, both);
        let enough = self
            .b
            .ins()
            .icmp_imm_s(IntCC::SignedGreaterThanOrEqual, left, 0);
        self.go_on_if(enough, slow);
        let args = [self.context, cell, longer];
        let grown = self.call_outside(self.around.callees.grow_text, &args);
        let grown = grown.unwrap_or(cell);
        self.go_on_if(grown, slow);
        self.b.def_var(self.fuel, left);
        self.b.ins().jump(copies, &[grown.into()]);

        self.b.switch_to_block(copies);
        self.b.seal_block(copies);
        let target = self.b.ins().iadd(self.base, cell_there);
        self.b.ins().istore32(flags, longer, target, LENGTH);
        let to = self.b.ins().iadd(target, length);
        Appending {
            slow,
            on,
            cell: cell_there,
            before,
            to,
            target,
            length,
        }
    }

    /// Ends it: the cell, which may be another.
    fn end_append(
        &mut self,
        appending: &Appending,
        cell: ir::Value,
        other: ir::Value,
        start: ir::Value,
        count: ir::Value,
    ) -> ir::Value {
        let Appending {
            slow, on, before, ..
        } = *appending;
        self.b.switch_to_block(slow);
        self.b.seal_block(slow);
        self.b.def_var(self.fuel, before);
        let args = [cell, other, start, count];
        let grown = self.ask(self.around.callees.append_part, &args);
        self.b.ins().jump(on, &[grown.into()]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        self.b.block_params(on)[0]
    }

    /// Appends what a constant says.
    fn append_constant(&mut self, cell: ir::Value, other: ir::Value, content: &[u8]) -> ir::Value {
        let count = content.len();
        let price = per_16_bytes(count as u64) as i64;
        let (start, length, price) = (
            self.b.ins().iconst(types::I64, 0),
            self.b.ins().iconst(types::I64, count as i64),
            self.b.ins().iconst(types::I64, price),
        );
        let appending = self.begin_append(cell, length, price);
        self.write_constant(content, appending.to, SEQUENCE);
        self.b.ins().jump(appending.on, &[appending.cell.into()]);
        self.end_append(&appending, cell, other, start, length)
    }

    /// Writes bytes that are known. Stores may overlap, but none goes beyond the end.
    pub(super) fn write_constant(&mut self, content: &[u8], to: ir::Value, offset: i32) {
        let flags = MemFlagsData::trusted();
        let mut at = 0;
        while at < content.len() {
            let left = content.len() - at;
            let (ty, width) = match left {
                8.. => (types::I64, 8),
                4.. => (types::I32, 4),
                2.. => (types::I16, 2),
                _ => (types::I8, 1),
            };
            // The last of several words reaches back over what is written already.
            let (ty, width, begin) = match left {
                1..8 if content.len() >= 8 => (types::I64, 8, content.len() - 8),
                3 if content.len() > 3 => (types::I32, 4, content.len() - 4),
                _ => (ty, width, at),
            };
            let mut word = [0; 8];
            word[..width].copy_from_slice(&content[begin..begin + width]);
            let word = self.b.ins().iconst(types::I64, i64::from_le_bytes(word));
            let word = match ty {
                types::I64 => word,
                _ => self.b.ins().ireduce(ty, word),
            };
            self.b.ins().store(flags, word, to, offset + begin as i32);
            at = begin + width;
        }
    }

    /// Appends so many bytes of `other` from an offset on.
    fn append_bytes(
        &mut self,
        cell: ir::Value,
        other: ir::Value,
        start: ir::Value,
        count: ir::Value,
    ) -> ir::Value {
        let price = self.price(count);
        let appending = self.begin_append(cell, count, price);
        let from = self.b.ins().iadd(self.base, other);
        let from = self.b.ins().iadd(from, start);
        self.copy(from, &appending, count);
        self.b.ins().jump(appending.on, &[appending.cell.into()]);
        self.end_append(&appending, cell, other, start, count)
    }

    /// Copies so many bytes, which begin [`SEQUENCE`] behind the address.
    fn copy(&mut self, from: ir::Value, appending: &Appending, count: ir::Value) {
        let Appending {
            to, target, length, ..
        } = *appending;
        let flags = MemFlagsData::trusted();
        let [maybe, words, bytes, on] = [(); 4].map(|()| self.b.create_block());
        let short = self
            .b
            .ins()
            .icmp_imm_s(IntCC::UnsignedLessThanOrEqual, count, SHORT);
        self.b.ins().brif(short, maybe, &[], bytes, &[]);
        self.b.switch_to_block(maybe);
        self.b.seal_block(maybe);
        let capacity = self.b.ins().uload32(flags, target, CAPACITY);
        let end = self.b.ins().iadd_imm_s(length, SHORT);
        let room = self
            .b
            .ins()
            .icmp(IntCC::UnsignedLessThanOrEqual, end, capacity);
        self.b.ins().brif(room, words, &[], bytes, &[]);
        self.b.switch_to_block(words);
        self.b.seal_block(words);
        let low = self.b.ins().load(types::I64, flags, from, SEQUENCE);
        let high = self.b.ins().load(types::I64, flags, from, SEQUENCE + 8);
        self.b.ins().store(flags, low, to, SEQUENCE);
        self.b.ins().store(flags, high, to, SEQUENCE + 8);
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(bytes);
        self.b.seal_block(bytes);
        let begin = [to, from].map(|at| self.b.ins().iadd_imm_s(at, i64::from(SEQUENCE)));
        self.call_outside(self.around.callees.copy_bytes, &[begin[0], begin[1], count]);
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
    }
}

/// An append that was begun in place.
struct Appending {
    slow: Block,
    /// The block behind it, which wants the cell.
    on: Block,
    /// The cell with room for them.
    cell: ir::Value,
    /// The fuel before.
    before: ir::Value,
    /// Where the bytes go to, less [`SEQUENCE`].
    to: ir::Value,
    /// The address of that cell, and its length before.
    target: ir::Value,
    length: ir::Value,
}
