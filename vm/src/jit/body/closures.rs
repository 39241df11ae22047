//! Function values: making them, and calling them.

use std::mem::offset_of;
use std::ops::Range;

use cop_bytecode::TypeId;
use cop_bytecode::instr::Value;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};

use super::{Body, Done, NoCode};
use crate::jit::abi::holds_in_registers;
use crate::jit::closures::signature;
use crate::jit::context::Context;
use crate::shape::CLOSURE;

impl Body<'_, '_> {
    /// A new closure.
    pub(super) fn new_closure(
        &mut self,
        function: u32,
        captures: &[Value],
    ) -> Result<bool, NoCode> {
        let types: Vec<TypeId> = captures.iter().map(|value| self.ty(*value)).collect();
        let (parts, size) = self.around.layouts.closure(&types)?;
        let mut all = Vec::with_capacity(parts.len());
        for (part, value) in parts.iter().zip(captures) {
            let row = self.slots(*value).to_vec();
            all.push((self.lay(part.ty)?, row, part.offset as i32));
        }
        let cell = self.allocate(size, CLOSURE | function);
        let address = self.b.ins().iadd(self.base, cell);
        let flags = MemFlagsData::trusted();
        let number = self.b.ins().iconst(types::I64, i64::from(function));
        let at = crate::heap::HEADER as i32;
        self.b.ins().istore32(flags, number, address, at);
        for (lay, row, offset) in all {
            self.store(&lay, &row, address, offset);
        }
        self.values.push(vec![cell]);
        Ok(true)
    }

    /// Calls a closure, which lends its captures: straight, if its function has such a way in.
    pub(super) fn call_closure(
        &mut self,
        cell: ir::Value,
        args: &[Value],
        defined: Range<u32>,
    ) -> Done {
        let slots = self.flat(args);
        let mut params = Vec::with_capacity(slots.len());
        for arg in args {
            params.extend(self.types_of(self.ty(*arg))?);
        }
        let mut results = Vec::new();
        for value in defined.clone() {
            results.extend(self.types_of(self.compiled.types[value as usize])?);
        }
        let flags = MemFlagsData::trusted();
        let [direct, outside, on] = [(); 3].map(|()| self.b.create_block());
        self.b.set_cold_block(outside);
        let address = self.b.ins().iadd(self.base, cell);
        let number = self.b.ins().uload32(flags, address, 4);
        let number = self.b.ins().band_imm_u(number, i64::from(!CLOSURE));
        let table = self.load_context(types::I64, offset_of!(Context, closures));
        let place = self.b.ins().ishl_imm_u(number, 3);
        let place = self.b.ins().iadd(table, place);
        let code = self.b.ins().load(types::I64, flags, place, 0);
        self.b.ins().brif(code, direct, &[], outside, &[]);

        self.b.switch_to_block(direct);
        self.b.seal_block(direct);
        let mut all = vec![self.context, self.b.use_var(self.fuel), self.stack_left];
        let area = (!holds_in_registers(&results)).then(|| self.stack_area(results.len()));
        if let Some(area) = area {
            all.push(self.b.ins().stack_addr(types::I64, area, 0));
        }
        all.push(cell);
        all.extend(self.cast_all(&slots, &params));
        let callee = self.b.import_signature(signature(&params, &results));
        let call = self.b.ins().call_indirect(callee, code, &all);
        let returned = self.b.inst_results(call).to_vec();
        self.b.def_var(self.fuel, returned[0]);
        let row = match area {
            None => returned[1..].to_vec(),
            Some(area) => self.load_area(area, &results),
        };
        for ty in &results {
            self.b.append_block_param(on, *ty);
        }
        let row: Vec<_> = row.into_iter().map(Into::into).collect();
        self.b.ins().jump(on, &row);

        self.b.switch_to_block(outside);
        self.b.seal_block(outside);
        let first = self.values.len();
        self.call_by_memory(self.around.callees.call_value, cell, args, defined.clone())?;
        let row: Vec<_> = self
            .values
            .drain(first..)
            .flatten()
            .map(Into::into)
            .collect();
        self.b.ins().jump(on, &row);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        let row: Vec<ir::Value> = self.b.block_params(on)[..results.len()].to_vec();
        self.define_rows(&row, defined)
    }
}
