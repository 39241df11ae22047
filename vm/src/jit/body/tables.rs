//! Maps and sets: the machine's own functions, with keys and values in memory; walking entries in place.

use cop_bytecode::instr::{Step, Value};
use cop_bytecode::layout::LayoutError;
use cop_bytecode::{Op, Type, TypeId, UpdateOp};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};

use super::paths::Place;
use super::scalars::LENGTH;
use super::{Body, NoCode};
use crate::heap::{DEAD, TABLE};
use crate::shape::{self, Table};

/// Places for slots in memory.
pub(super) const KEY: usize = 0;
const VALUE: usize = 1;
/// Where the number of live entries stands.
const ALIVE: i32 = 16;

impl Body<'_, '_> {
    /// A new map or set.
    pub(super) fn new_table(&mut self, ty: TypeId) -> Result<bool, NoCode> {
        let ty = self.b.ins().iconst(types::I64, i64::from(ty.0));
        let cell = self.ask(self.around.callees.new_table, &[ty]);
        self.values.push(vec![cell]);
        Ok(true)
    }

    /// A value's slots in memory of this frame, for the next call outside: where, and how many. There are two such places,
    /// for keys and for values.
    pub(super) fn in_memory(&mut self, value: Value, place: usize) -> (ir::Value, ir::Value) {
        let slots = self.slots(value).to_vec();
        let area = match self.areas.get(&(place, slots.len())) {
            Some(area) => *area,
            None => {
                let area = self.stack_area(slots.len());
                self.areas.insert((place, slots.len()), area);
                area
            }
        };
        for (i, slot) in slots.iter().enumerate() {
            self.b
                .ins()
                .stack_store(types::I64, *slot, area, 8 * i as i32);
        }
        let at = self.b.ins().stack_addr(types::I64, area, 0);
        (at, self.b.ins().iconst(types::I64, slots.len() as i64))
    }

    fn table(&mut self, ty: TypeId) -> Result<Table, NoCode> {
        let (key, value) = match *self.around.layouts.get(ty).ok_or(LayoutError::Unknown)? {
            Type::Map(key, value) => (key, Some(value)),
            Type::Set(item) => (item, None),
            _ => return Err(LayoutError::Unknown.into()),
        };
        self.around.layouts.layout(key)?;
        if let Some(value) = value {
            self.around.layouts.layout(value)?;
        }
        let table = shape::table(self.around.layouts, key, value);
        Ok(table.ok_or(LayoutError::Unknown)?)
    }

    /// Where the key or value of an entry lies.
    pub(super) fn entry(
        &mut self,
        cell: ir::Value,
        ty: TypeId,
        entry: Value,
        value: bool,
    ) -> Result<Place, NoCode> {
        let table = self.table(ty)?;
        let number = self.slot(entry);
        let flags = MemFlagsData::trusted();
        let start = self.b.ins().iadd(self.base, cell);
        let used = self.b.ins().uload32(flags, start, LENGTH);
        let (there, none, on) = (
            self.b.create_block(),
            self.b.create_block(),
            self.b.create_block(),
        );
        self.b.set_cold_block(none);
        let inside = self.is_below(number, used);
        self.b.ins().brif(inside, there, &[], none, &[]);
        self.b.switch_to_block(there);
        self.b.seal_block(there);
        let address = self.entry_address(start, number, &table);
        let hash = self
            .b
            .ins()
            .uload32(flags, address, (TABLE + table.hash_offset) as i32);
        let dead = self.b.ins().band_imm_u(hash, i64::from(DEAD));
        self.b.ins().brif(dead, none, &[], on, &[]);
        self.b.switch_to_block(none);
        self.b.seal_block(none);
        // Which traps.
        let which = self.b.ins().iconst(types::I64, i64::from(value));
        self.ask(self.around.callees.table_entry, &[cell, number, which]);
        self.unreachable();
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        let offset = if value {
            table.value_offset
        } else {
            table.key_offset
        };
        Ok(Place::Memory(address, (TABLE + offset) as i32))
    }

    /// The address of an entry, less [`TABLE`].
    fn entry_address(&mut self, start: ir::Value, number: ir::Value, table: &Table) -> ir::Value {
        let offset = self.b.ins().imul_imm_s(number, i64::from(table.stride));
        self.b.ins().iadd(start, offset)
    }

    /// Translates an operation on maps and sets, if it is one of those done here.
    pub(super) fn table_op(&mut self, op: Op, args: &[Value]) -> Result<bool, NoCode> {
        let outside = self.around.callees;
        let result = match op {
            Op::MapLen | Op::SetLen => {
                let cell = self.slot(args[0]);
                let start = self.b.ins().iadd(self.base, cell);
                self.b.ins().uload32(MemFlagsData::trusted(), start, ALIVE)
            }
            Op::MapFind | Op::SetFind => {
                let cell = self.slot(args[0]);
                let (key, count) = self.in_memory(args[1], KEY);
                let found = self.ask(outside.table_find, &[cell, key, count]);
                self.b.ins().iadd_imm_s(found, -1)
            }
            Op::MapNext | Op::SetNext => self.next_entry(args[0], args[1])?,
            _ => return Ok(false),
        };
        self.values.push(vec![result]);
        Ok(true)
    }

    /// The first live entry from a number on: mostly that one.
    fn next_entry(&mut self, map: Value, from: Value) -> Result<ir::Value, NoCode> {
        let table = self.table(self.ty(map))?;
        let (cell, from) = (self.slot(map), self.slot(from));
        let flags = MemFlagsData::trusted();
        let start = self.b.ins().iadd(self.base, cell);
        let used = self.b.ins().uload32(flags, start, LENGTH);
        let [there, other, on] = [(); 3].map(|()| self.b.create_block());
        self.b.set_cold_block(other);
        let result = self.b.append_block_param(on, types::I64);
        let inside = self.is_below(from, used);
        self.b.ins().brif(inside, there, &[], other, &[]);
        self.b.switch_to_block(there);
        self.b.seal_block(there);
        let address = self.entry_address(start, from, &table);
        let hash = self
            .b
            .ins()
            .uload32(flags, address, (TABLE + table.hash_offset) as i32);
        let dead = self.b.ins().band_imm_u(hash, i64::from(DEAD));
        self.b.ins().brif(dead, other, &[], on, &[from.into()]);
        self.b.switch_to_block(other);
        self.b.seal_block(other);
        let found = self.ask(self.around.callees.table_next, &[cell, from]);
        let found = self.b.ins().iadd_imm_s(found, -1);
        self.b.ins().jump(on, &[found.into()]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        Ok(result)
    }

    /// Translates an update of a map or set, if it is one of those done here.
    pub(super) fn table_update(
        &mut self,
        op: UpdateOp,
        value: Value,
        path: &[Step],
        args: &[Value],
    ) -> Result<bool, NoCode> {
        let with_value = match op {
            UpdateOp::MapPut => true,
            UpdateOp::SetInsert => false,
            _ => return Ok(false),
        };
        let (place, ..) = self.walk(value, path, true)?;
        let cell = self.enter_cell(value, place, true);
        let (key, keys) = self.in_memory(args[0], KEY);
        let (new, counts) = if with_value {
            let (new, values) = self.in_memory(args[1], VALUE);
            let values = self.b.ins().ishl_imm_u(values, 32);
            (new, self.b.ins().bor(keys, values))
        } else {
            (key, keys)
        };
        let answer = self.ask(self.around.callees.table_put, &[cell, key, new, counts]);
        let cell = self.b.ins().ireduce(types::I32, answer);
        let cell = self.b.ins().uextend(types::I64, cell);
        self.retarget(value, place, cell);
        if !with_value {
            let new = self.b.ins().ushr_imm_u(answer, 32);
            let new = self.b.ins().icmp_imm_s(IntCC::NotEqual, new, 0);
            let new = self.widen(new);
            self.values.push(vec![new]);
        }
        Ok(true)
    }
}
