//! Appending where there is room, which is nearly always: in place if it needs neither growth nor a new slice of fuel,
//! else by the interpreter's own instruction.

use std::ops::Range;

use cop_bytecode::cost::per_16_bytes;
use cop_bytecode::instr::{Instr, Step, Value};
use cop_bytecode::{Type, UpdateOp};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, Block, BlockArg, InstBuilder, MemFlagsData, types};

use super::paths::{Cell, Place};
use super::scalars::{LENGTH, SEQUENCE};
use super::{Body, NoCode};

/// Where the capacity of a sequence stands.
const CAPACITY: i32 = 12;
/// Up to so many bytes are copied as two words.
const SHORT: i64 = 16;

impl Body<'_, '_> {
    /// Translates an update that appends, if it is one of those done in place.
    pub(super) fn append(
        &mut self,
        at: usize,
        instr: &Instr,
        defined: Range<u32>,
    ) -> Result<bool, NoCode> {
        let Instr::Update {
            op,
            value,
            path,
            args,
        } = instr
        else {
            return Ok(false);
        };
        if !Self::is_plain(path) {
            return Ok(false);
        }
        match op {
            UpdateOp::TextAppend | UpdateOp::BytesExtend | UpdateOp::BytesAppendText => {
                let slow = self.b.create_block();
                let target = self.sequence(*value, path, slow)?;
                let from = self.slot(args[0]);
                let count = self.length(from);
                let from = self.b.ins().iadd(self.base, from);
                self.append_bytes(target, from, count, slow);
                self.or_outside(at, instr, defined, slow)?;
            }
            UpdateOp::TextAppendSlice => {
                let slow = self.b.create_block();
                // What is wrong with the range is told before the place is looked for.
                let (other, from, to) =
                    (self.slot(args[0]), self.slot(args[1]), self.slot(args[2]));
                let length = self.length(other);
                let text = self.b.ins().iadd(self.base, other);
                let ordered = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, from, to);
                self.go_on_if(ordered, slow);
                let inside = self
                    .b
                    .ins()
                    .icmp(IntCC::UnsignedLessThanOrEqual, to, length);
                self.go_on_if(inside, slow);
                for end in [from, to] {
                    let whole = self.is_boundary(text, end, length);
                    self.go_on_if(whole, slow);
                }
                let target = self.sequence(*value, path, slow)?;
                let count = self.b.ins().isub(to, from);
                let from = self.b.ins().iadd(text, from);
                self.append_bytes(target, from, count, slow);
                self.or_outside(at, instr, defined, slow)?;
            }
            UpdateOp::BytesPush => {
                let slow = self.b.create_block();
                let byte = self.slot(args[0]);
                let fits = self
                    .b
                    .ins()
                    .icmp_imm_s(IntCC::UnsignedLessThanOrEqual, byte, 255);
                self.go_on_if(fits, slow);
                let target = self.sequence(*value, path, slow)?;
                let place = self.place_behind(target, 1, slow);
                self.store_cell(Cell::Byte, byte, place, SEQUENCE);
                self.or_outside(at, instr, defined, slow)?;
            }
            UpdateOp::ListPush => {
                let list =
                    cop_bytecode::typing::path_type(self.around.layouts, self.ty(*value), path)?;
                let Some(&Type::List(item)) = self.around.layouts.get(list) else {
                    return Ok(false);
                };
                let Some(pieces) = self.flat_pieces(item)? else {
                    return Ok(false);
                };
                let stride = self.around.layouts.layout(item)?.size;
                let slow = self.b.create_block();
                let target = self.sequence(*value, path, slow)?;
                let place = self.place_behind(target, stride, slow);
                let row = self.slots(args[0]).to_vec();
                self.store_flat(&pieces, &row, place, SEQUENCE);
                self.or_outside(at, instr, defined, slow)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn go_on_if(&mut self, condition: ir::Value, slow: Block) {
        let on = self.b.create_block();
        self.b.ins().brif(condition, on, &[], slow, &[]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
    }

    /// The address of the sequence at the end of a path, if it has one owner.
    fn sequence(&mut self, value: Value, path: &[Step], slow: Block) -> Result<ir::Value, NoCode> {
        let (place, ..) = self.walk(value, path, true)?;
        Ok(match place {
            Place::Slots(slot) => {
                let cell = self.slots(value)[slot];
                self.b.ins().iadd(self.base, cell)
            }
            Place::Memory(address, offset) => {
                let cell = self.load_cell(Cell::Half, address, offset, types::I64);
                let address = self.b.ins().iadd(self.base, cell);
                let flags = MemFlagsData::trusted();
                let count = self.b.ins().load(types::I32, flags, address, 0);
                let unique = self.b.ins().icmp_imm_s(IntCC::Equal, count, 1);
                self.go_on_if(unique, slow);
                address
            }
        })
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
    fn pay_or(&mut self, price: ir::Value, slow: Block) {
        let fuel = self.b.use_var(self.fuel);
        let left = self.b.ins().isub(fuel, price);
        let enough = self
            .b
            .ins()
            .icmp_imm_s(IntCC::SignedGreaterThanOrEqual, left, 0);
        self.go_on_if(enough, slow);
        self.b.def_var(self.fuel, left);
    }

    /// Pays for one more element of a sequence, counts it, and gives its address less [`SEQUENCE`].
    fn place_behind(&mut self, target: ir::Value, stride: u32, slow: Block) -> ir::Value {
        let flags = MemFlagsData::trusted();
        let length = self.b.ins().uload32(flags, target, LENGTH);
        let capacity = self.b.ins().uload32(flags, target, CAPACITY);
        let room = self.b.ins().icmp(IntCC::UnsignedLessThan, length, capacity);
        self.go_on_if(room, slow);
        let price = per_16_bytes(u64::from(stride)) as i64;
        let price = self.b.ins().iconst(types::I64, price);
        self.pay_or(price, slow);
        let longer = self.b.ins().iadd_imm_s(length, 1);
        self.b.ins().istore32(flags, longer, target, LENGTH);
        let offset = self.b.ins().imul_imm_s(length, i64::from(stride));
        self.b.ins().iadd(target, offset)
    }

    /// Appends so many bytes, which begin [`SEQUENCE`] behind `from`.
    fn append_bytes(&mut self, target: ir::Value, from: ir::Value, count: ir::Value, slow: Block) {
        let flags = MemFlagsData::trusted();
        let length = self.b.ins().uload32(flags, target, LENGTH);
        let capacity = self.b.ins().uload32(flags, target, CAPACITY);
        let longer = self.b.ins().iadd(length, count);
        let room = self
            .b
            .ins()
            .icmp(IntCC::UnsignedLessThanOrEqual, longer, capacity);
        self.go_on_if(room, slow);
        let price = self.b.ins().iadd_imm_s(count, 15);
        let price = self.b.ins().ushr_imm_u(price, 4);
        self.pay_or(price, slow);
        self.b.ins().istore32(flags, longer, target, LENGTH);
        let to = self.b.ins().iadd(target, length);

        let (maybe, words, bytes, on) = (
            self.b.create_block(),
            self.b.create_block(),
            self.b.create_block(),
            self.b.create_block(),
        );
        let short = self
            .b
            .ins()
            .icmp_imm_s(IntCC::UnsignedLessThanOrEqual, count, SHORT);
        self.b.ins().brif(short, maybe, &[], bytes, &[]);
        self.b.switch_to_block(maybe);
        self.b.seal_block(maybe);
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
        let args = [begin[0], begin[1], count];
        self.call_outside(self.around.outside.copy_bytes, &args);
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
    }

    /// Ends what was done in place, which left the value as it was, and does the instruction outside where that was
    /// not possible.
    fn or_outside(
        &mut self,
        at: usize,
        instr: &Instr,
        defined: Range<u32>,
        slow: Block,
    ) -> Result<(), NoCode> {
        let Instr::Update { value, .. } = instr else {
            return Ok(());
        };
        let same = self.slots(*value).to_vec();
        let on = self.b.create_block();
        let row: Vec<ir::Value> = same
            .iter()
            .map(|slot| {
                let ty = self.b.func.dfg.value_type(*slot);
                self.b.append_block_param(on, ty)
            })
            .collect();
        let args = |row: &[ir::Value]| row.iter().map(|v| BlockArg::Value(*v)).collect::<Vec<_>>();
        self.b.ins().jump(on, &args(&same));
        self.b.set_cold_block(slow);
        self.b.switch_to_block(slow);
        self.b.seal_block(slow);
        self.outside(at, instr, defined)?;
        let changed = self.values.pop().unwrap_or_default();
        self.b.ins().jump(on, &args(&changed));
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        self.values.push(row);
        Ok(())
    }
}
