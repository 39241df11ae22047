//! The translation of a function's bytecode.
//!
//! Every value of the bytecode is a row of Cranelift values, one for each slot. Regions become blocks: what a region
//! gives is the parameters of the block behind it, what a loop carries those of its head. Fuel is a variable.

mod bounds;
mod cells;
mod closures;
mod growing;
mod guard;
mod heap;
mod lay;
mod lists;
mod paths;
mod regions;
mod scalars;
mod select;
mod tables;
mod texts;

use std::collections::BTreeMap;
use std::mem::offset_of;
use std::rc::Rc;

use cop_bytecode::instr::{Instr, Step, Value};
use cop_bytecode::layout::Layouts;
use cop_bytecode::numbering::Numbering;
use cop_bytecode::{Function, TrapKind, TypeId};
use cranelift_codegen::ir::{
    self, FuncRef, InstBuilder, MemFlagsData, SourceLoc, StackSlot, StackSlotData, StackSlotKind,
    types,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use cranelift_jit::JITModule;
use cranelift_module::{FuncId, Module};

use super::NoCode;
use super::abi::{Abi, slot_types};
use super::callees::Callees;
use super::context::Context;
use super::facts::{Facts, Sum};
use crate::compile::{Compiled, compile};
use crate::planted::{Fault, is_planted};
use crate::program::Inner;

use bounds::Row;
pub use guard::Guard;
use lay::{Lay, Refs};
use regions::Region;

/// What is around the function.
pub struct Surroundings<'a> {
    pub program: &'a Inner,
    pub layouts: &'a mut Layouts,
    pub module: &'a mut JITModule,
    /// Functions that have machine code, or will.
    pub functions: &'a BTreeMap<u32, FuncId>,
    /// Conditions under which a call of one of them ends at once.
    pub guards: &'a BTreeMap<u32, Guard>,
    pub callees: Callees,
}

/// Translates a function of the program; what a call of it takes from the stack, bytes.
pub fn translate(
    around: Surroundings,
    index: u32,
    target: &mut ir::Function,
    builder: &mut FunctionBuilderContext,
) -> Result<u64, NoCode> {
    let function = &around.program.package.functions[index as usize];
    let abi = Abi::of(around.layouts, function)?;
    let compiled = compile(&around.program.package, around.layouts, index)?;
    target.signature = abi.signature();
    let mut b = FunctionBuilder::new(target, builder);
    let fuel = b.declare_var(types::I64);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b.seal_block(entry);
    let params = b.block_params(entry).to_vec();
    let mut ranges = vec![(0, 0); function.body.len()];
    for (insn, &instr) in compiled.code.positions.iter().enumerate() {
        let range = &mut ranges[instr as usize];
        if range.1 == 0 {
            range.0 = insn as u32;
        }
        range.1 += 1;
    }
    let package = &around.program.package;
    let results = |callee: u32| {
        let callee = package.functions.get(callee as usize);
        callee.map(Function::call_results)
    };
    let facts = Facts::of(function, around.layouts, &compiled.types, &results);
    let is_entry = around
        .program
        .package
        .entries
        .iter()
        .any(|entry| entry.function == index);
    let frame_cost = compiled.code.frame_cost;
    let by_memory = abi.by_memory;
    let mut body = Body {
        around,
        b,
        function,
        index,
        abi,
        compiled,
        ranges,
        values: Vec::new(),
        numbering: Numbering::new(function.params.len()),
        regions: Vec::new(),
        context: params[0],
        base: params[0],
        fuel,
        stack_left: params[2],
        results: if by_memory { params[3] } else { params[0] },
        frame: None,
        callees: BTreeMap::new(),
        lays: BTreeMap::new(),
        refs: BTreeMap::new(),
        constants: BTreeMap::new(),
        areas: BTreeMap::new(),
        at: 0,
        is_entry,
        facts,
        lengths: BTreeMap::new(),
        lengths_log: Vec::new(),
        inverted: BTreeMap::new(),
        offsets: BTreeMap::new(),
        rows: BTreeMap::new(),
        rows_log: Vec::new(),
    };
    body.enter(&params, frame_cost)?;
    for (at, instr) in function.body.iter().enumerate() {
        body.at = at as u32;
        body.b.set_srcloc(SourceLoc::new(at as u32));
        body.instr(at, instr)?;
    }
    body.finish();
    Ok(frame_cost as u64)
}

struct Body<'a, 'b> {
    around: Surroundings<'a>,
    b: FunctionBuilder<'b>,
    function: &'a Function,
    index: u32,
    abi: Abi,
    compiled: Compiled,
    /// Per instruction, its part of the form: first and how many.
    ranges: Vec<(u32, u32)>,
    /// Per value, its slots.
    values: Vec<Vec<ir::Value>>,
    numbering: Numbering,
    regions: Vec<Region>,
    context: ir::Value,
    base: ir::Value,
    fuel: Variable,
    /// What is left of the stack in this function.
    stack_left: ir::Value,
    /// Where results go, if they go to memory.
    results: ir::Value,
    /// The interpreter's frame, for what is done outside.
    frame: Option<StackSlot>,
    callees: BTreeMap<FuncId, FuncRef>,
    /// How types lie in memory, and where their references are.
    lays: BTreeMap<TypeId, Rc<Lay>>,
    refs: BTreeMap<TypeId, Rc<Refs>>,
    /// Values that are constants of the package, and which.
    constants: BTreeMap<u32, u32>,
    /// Places in the frame for keys and values of maps, by which and how many slots.
    areas: BTreeMap<(usize, usize), StackSlot>,
    at: u32,
    is_entry: bool,
    facts: Facts,
    /// Lengths of sequences that are at hand here.
    lengths: BTreeMap<Sum, ir::Value>,
    lengths_log: Vec<Sum>,
    /// Truth values that are others turned round.
    inverted: BTreeMap<ir::Value, ir::Value>,
    /// Numbers that are another and a constant.
    offsets: BTreeMap<ir::Value, (ir::Value, i64)>,
    /// Elements that are sequences, by list and index: where they are and how long, as far as that was read.
    rows: BTreeMap<(Value, Sum), Row>,
    rows_log: Vec<(Value, Sum)>,
}

type Done = Result<(), NoCode>;

/// Leaves fuel out, for a bench that wants to know what it costs.
const UNMETERED: bool = cfg!(feature = "unmetered");

impl<'a> Body<'a, '_> {
    /// The prologue: the values that everything uses, the charge of the first block, the frame, and a checkpoint.
    fn enter(&mut self, params: &[ir::Value], mut frame_cost: i64) -> Done {
        if is_planted(Fault::Frame) {
            frame_cost -= 8;
        }
        let i64 = types::I64;
        let mut next = if self.abi.by_memory { 4 } else { 3 };
        for param in &self.function.params {
            let width = slot_types(self.around.layouts, param.ty)?.len();
            self.values.push(params[next..next + width].to_vec());
            next += width;
        }
        // It never changes, so that nothing is loaded where nothing needs it.
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        let base = offset_of!(Context, base) as i32;
        self.base = self.b.ins().load(i64, flags, self.context, base);
        self.stack_left = self.b.ins().iadd_imm_s(params[2], -frame_cost);
        let charge = self.compiled.code.entry_charge as i64;
        let fuel = self.b.ins().iadd_imm_s(params[1], -charge);
        self.b.def_var(self.fuel, fuel);
        self.b.set_srcloc(SourceLoc::new(0));
        let both = self.b.ins().bor(fuel, self.stack_left);
        let ask = self.around.callees.checkpoint_of_call;
        self.checkpoint(both, ask, Some(self.stack_left));
        Ok(())
    }

    /// Goes on if the word is not negative, else asks whether the run may, which keeps all registers and ends the run if not.
    fn checkpoint(&mut self, word: ir::Value, ask: FuncId, stack_left: Option<ir::Value>) {
        let (cold, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(cold);
        let over = self
            .b
            .ins()
            .icmp_imm_s(ir::condcodes::IntCC::SignedLessThan, word, 0);
        self.b.ins().brif(over, cold, &[], on, &[]);
        self.b.switch_to_block(cold);
        self.b.seal_block(cold);
        self.save_fuel();
        if let Some(left) = stack_left {
            self.store_context(left, offset_of!(Context, stack_left));
        }
        let callee = self.callee(ask);
        self.b.ins().call(callee, &[self.context]);
        self.restore_fuel();
        self.b.ins().jump(on, &[]);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
    }

    fn load_context(&mut self, ty: ir::Type, offset: usize) -> ir::Value {
        let flags = MemFlagsData::trusted();
        self.b.ins().load(ty, flags, self.context, offset as i32)
    }

    fn store_context(&mut self, value: ir::Value, offset: usize) {
        let flags = MemFlagsData::trusted();
        self.b
            .ins()
            .store(flags, value, self.context, offset as i32);
    }

    fn save_fuel(&mut self) {
        let fuel = self.b.use_var(self.fuel);
        self.store_context(fuel, offset_of!(Context, fuel));
    }

    fn restore_fuel(&mut self) {
        let fuel = self.load_context(types::I64, offset_of!(Context, fuel));
        self.b.def_var(self.fuel, fuel);
    }

    fn charge(&mut self, mut charge: u64) {
        if is_planted(Fault::Charge) && charge > 12 {
            charge -= 1;
        }
        if charge > 0 && !UNMETERED {
            let fuel = self.b.use_var(self.fuel);
            let left = self.b.ins().iadd_imm_s(fuel, -(charge as i64));
            self.b.def_var(self.fuel, left);
        }
    }

    /// Charges the block that begins with the next instruction.
    fn charge_next(&mut self) {
        let charge = self.compiled.blocks[self.at as usize + 1];
        self.charge(u64::from(u32::try_from(charge).unwrap_or(u32::MAX)));
    }

    fn callee(&mut self, id: FuncId) -> FuncRef {
        match self.callees.get(&id) {
            Some(callee) => *callee,
            None => {
                let callee = self.around.module.declare_func_in_func(id, self.b.func);
                self.callees.insert(id, callee);
                callee
            }
        }
    }

    fn call_outside(&mut self, id: FuncId, args: &[ir::Value]) -> Option<ir::Value> {
        let callee = self.callee(id);
        let call = self.b.ins().call(callee, args);
        self.b.inst_results(call).first().copied()
    }

    /// Ends the run at this instruction, which is found by the address behind the call.
    fn end_for(&mut self, kind: TrapKind, left: Option<ir::Value>, right: Option<ir::Value>) {
        if is_planted(Fault::Position) && kind == TrapKind::DivisionByZero {
            let at = SourceLoc::new(self.at.saturating_sub(1));
            self.b.set_srcloc(at);
        }
        let (left, right) = match kind {
            TrapKind::IndexOutOfBounds if is_planted(Fault::Operands) => (right, left),
            _ => (left, right),
        };
        let number = self.b.ins().iconst(types::I64, kind as i64);
        self.store_context(number, offset_of!(Context, kind));
        // Nothing has been written there before: no run goes on after a trap.
        for (operand, at) in [(left, 0), (right, 8)] {
            if let Some(operand) = operand {
                self.store_context(operand, offset_of!(Context, operands) + at);
            }
        }
        self.save_fuel();
        let raise = self.callee(self.around.callees.raise);
        self.b.ins().call(raise, &[self.context]);
        self.unreachable();
        self.b.set_srcloc(SourceLoc::new(self.at));
    }

    /// Behind what never returns.
    fn unreachable(&mut self) {
        self.b.ins().trap(ir::TrapCode::unwrap_user(1));
    }

    /// Traps if the condition holds.
    fn trap_if(
        &mut self,
        condition: ir::Value,
        kind: TrapKind,
        left: Option<ir::Value>,
        right: Option<ir::Value>,
    ) {
        let (cold, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(cold);
        self.b.ins().brif(condition, cold, &[], on, &[]);
        self.b.switch_to_block(cold);
        self.b.seal_block(cold);
        self.end_for(kind, left, right);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
    }

    fn finish(self) {
        let config = self.around.module.target_config();
        self.b.finalize(config);
    }

    fn ty(&self, value: Value) -> TypeId {
        self.compiled.types[value.0 as usize]
    }

    fn slots(&self, value: Value) -> &[ir::Value] {
        &self.values[value.0 as usize]
    }

    /// The one slot of a value.
    fn slot(&self, value: Value) -> ir::Value {
        self.values[value.0 as usize][0]
    }

    fn flat(&self, values: &[Value]) -> Vec<ir::Value> {
        values
            .iter()
            .flat_map(|v| self.slots(*v).iter().copied())
            .collect()
    }

    fn types_of(&mut self, ty: TypeId) -> Result<Vec<ir::Type>, NoCode> {
        Ok(slot_types(self.around.layouts, ty)?)
    }

    /// The same bits as another type.
    fn cast(&mut self, value: ir::Value, to: ir::Type) -> ir::Value {
        if self.b.func.dfg.value_type(value) == to {
            return value;
        }
        let flags = MemFlagsData::new();
        self.b.ins().bitcast(to, flags, value)
    }

    fn cast_all(&mut self, values: &[ir::Value], to: &[ir::Type]) -> Vec<ir::Value> {
        values
            .iter()
            .zip(to)
            .map(|(v, ty)| self.cast(*v, *ty))
            .collect()
    }

    fn instr(&mut self, at: usize, instr: &Instr) -> Done {
        let package = &self.around.program.package;
        let results = |callee: u32| {
            package
                .functions
                .get(callee as usize)
                .map(Function::call_results)
        };
        let defined = self
            .numbering
            .step(instr, results)
            .map_err(|_| cop_bytecode::layout::LayoutError::Unknown)?;
        match instr {
            Instr::ConstI64(n) => self.constant(*n),
            Instr::ConstBool(truth) => self.constant(i64::from(*truth)),
            Instr::ConstChar(c) => self.constant(i64::from(u32::from(*c))),
            Instr::ConstF64(bits) => {
                let bits = ir::immediates::Ieee64::with_bits(*bits);
                let value = self.b.ins().f64const(bits);
                self.values.push(vec![value]);
            }
            Instr::ConstUnit => self.values.push(Vec::new()),
            Instr::Const(index) => {
                let table = self.load_context(types::I64, offset_of!(Context, constants));
                let flags = MemFlagsData::trusted().with_readonly();
                let cell = self.b.ins().uload32(flags, table, *index as i32 * 4);
                self.constants.insert(self.values.len() as u32, *index);
                self.values.push(vec![cell]);
            }
            Instr::Block { .. }
            | Instr::If { .. }
            | Instr::Else
            | Instr::Switch { .. }
            | Instr::Arm
            | Instr::Loop { .. }
            | Instr::For { .. }
            | Instr::End
            | Instr::Exit { .. }
            | Instr::Next { .. } => self.flow(instr)?,
            Instr::Ret { values } => self.ret(values),
            Instr::Trap {
                kind,
                operand,
                message,
            } => self.trap(*kind, *operand, *message),
            Instr::Call { function, args } => self.call(*function, args, defined)?,
            Instr::CallValue { callee, args, .. } => {
                let cell = self.slot(*callee);
                self.call_closure(cell, args, defined)?;
            }
            Instr::HostCall {
                function, argument, ..
            } => {
                self.save_fuel();
                let index = self.b.ins().iconst(types::I64, i64::from(*function));
                let args = [self.context, index, self.slot(*argument)];
                let answer = self.call_outside(self.around.callees.ask_host, &args);
                self.restore_fuel();
                self.values.push(vec![answer.unwrap_or(self.context)]);
            }
            Instr::Op { op, args, .. } => {
                if !self.scalar(*op, args)?
                    && !self.text_op(*op, args)?
                    && !self.table_op(*op, args)?
                {
                    self.outside(at, instr, defined)?;
                }
            }
            _ => {
                // What some of them read is not at hand behind them: not all of it is read whichever way they go.
                let read = self.read();
                let done = self.heap(instr)?;
                if !matches!(instr, Instr::Get { .. } | Instr::Set { .. }) {
                    self.forget(read);
                }
                if !done {
                    self.outside(at, instr, defined)?;
                }
            }
        }
        Ok(())
    }

    fn constant(&mut self, n: i64) {
        let value = self.b.ins().iconst(types::I64, n);
        self.values.push(vec![value]);
    }

    fn ret(&mut self, values: &[Value]) {
        if self.is_entry {
            // The end of a run is a checkpoint; whoever makes it is told where it was.
            let site = (i64::from(self.index) + 1) << 32 | i64::from(self.at);
            let site = self.b.ins().iconst(types::I64, site);
            self.store_context(site, offset_of!(Context, returned));
        }
        let slots = self.flat(values);
        let slots = self.cast_all(&slots, &self.abi.results.clone());
        let fuel = self.b.use_var(self.fuel);
        if self.abi.by_memory {
            let flags = MemFlagsData::trusted();
            for (i, slot) in slots.iter().enumerate() {
                self.b.ins().store(flags, *slot, self.results, 8 * i as i32);
            }
            self.b.ins().return_(&[fuel]);
        } else {
            let mut all = vec![fuel];
            all.extend(slots);
            self.b.ins().return_(&all);
        }
    }

    fn trap(&mut self, kind: TrapKind, operand: Option<Value>, message: Option<Value>) {
        let operand = operand.map(|v| self.slot(v));
        let Some(message) = message else {
            return self.end_for(kind, operand, None);
        };
        self.save_fuel();
        let number = self.b.ins().iconst(types::I64, kind as i64);
        let operand = operand.unwrap_or_else(|| self.b.ins().iconst(types::I64, 0));
        let args = [self.context, number, operand, self.slot(message)];
        self.call_outside(self.around.callees.trap_with_message, &args);
        self.unreachable();
    }

    fn call(&mut self, function: u32, args: &[Value], defined: std::ops::Range<u32>) -> Done {
        let Some(id) = self.around.functions.get(&function).copied() else {
            let index = self.b.ins().iconst(types::I64, i64::from(function));
            return self.call_by_memory(self.around.callees.call, index, args, defined);
        };
        let target = &self.around.program.package.functions[function as usize];
        let abi = Abi::of(self.around.layouts, target)?;
        let slots = self.flat(args);
        let slots = self.cast_all(&slots, &abi.params);
        let guards = self.around.guards;
        let spared = match guards.get(&function) {
            Some(guard) if !abi.by_memory => {
                self.unless_over(guard, target, &slots, &abi.results)?
            }
            _ => None,
        };
        let mut all = vec![self.context, self.b.use_var(self.fuel), self.stack_left];
        let area = if abi.by_memory {
            let area = self.stack_area(abi.results.len());
            all.push(self.b.ins().stack_addr(types::I64, area, 0));
            Some(area)
        } else {
            None
        };
        all.extend(slots);
        let callee = self.callee(id);
        let call = self.b.ins().call(callee, &all);
        let returned = self.b.inst_results(call).to_vec();
        self.b.def_var(self.fuel, returned[0]);
        let results = match area {
            None => returned[1..].to_vec(),
            Some(area) => self.load_area(area, &abi.results),
        };
        let results = match spared {
            Some(spared) => self.either_way(&spared, &results),
            None => results,
        };
        self.define_rows(&results, defined)
    }

    /// Calls through the interpreter, with arguments and results in memory.
    fn call_by_memory(
        &mut self,
        outside: FuncId,
        first: ir::Value,
        args: &[Value],
        defined: std::ops::Range<u32>,
    ) -> Done {
        let slots = self.flat(args);
        let mut types_back = Vec::new();
        for value in defined.clone() {
            types_back.extend(self.types_of(self.compiled.types[value as usize])?);
        }
        let from = self.stack_area(slots.len());
        let to = self.stack_area(types_back.len());
        for (i, slot) in slots.iter().enumerate() {
            self.b
                .ins()
                .stack_store(types::I64, *slot, from, 8 * i as i32);
        }
        self.save_fuel();
        self.store_context(self.stack_left, offset_of!(Context, stack_left));
        let counts = (types_back.len() as i64) << 32 | slots.len() as i64;
        let all = [
            self.context,
            first,
            self.b.ins().stack_addr(types::I64, from, 0),
            self.b.ins().stack_addr(types::I64, to, 0),
            self.b.ins().iconst(types::I64, counts),
        ];
        self.call_outside(outside, &all);
        self.restore_fuel();
        let results = self.load_area(to, &types_back);
        self.define_rows(&results, defined)
    }

    fn stack_area(&mut self, slots: usize) -> StackSlot {
        self.b.create_sized_stack_slot(StackSlotData::new(
            StackSlotKind::ExplicitSlot,
            8 * slots.max(1) as u32,
            3,
        ))
    }

    fn load_area(&mut self, area: StackSlot, types: &[ir::Type]) -> Vec<ir::Value> {
        types
            .iter()
            .enumerate()
            .map(|(i, ty)| self.b.ins().stack_load(types::I64, *ty, area, 8 * i as i32))
            .collect()
    }

    /// Gives the next values their slots, in a row.
    fn define_rows(&mut self, slots: &[ir::Value], defined: std::ops::Range<u32>) -> Done {
        let mut next = 0;
        for value in defined {
            let types = self.types_of(self.compiled.types[value as usize])?;
            let row = self.cast_all(&slots[next..next + types.len()], &types);
            next += types.len();
            self.values.push(row);
        }
        Ok(())
    }

    /// Lets the interpreter's own code do an instruction, on a frame in memory in which its operands are.
    fn outside(&mut self, at: usize, instr: &Instr, defined: std::ops::Range<u32>) -> Done {
        let frame = match self.frame {
            Some(frame) => frame,
            None => {
                let frame = self.stack_area(self.compiled.code.slots as usize);
                self.frame = Some(frame);
                frame
            }
        };
        for operand in operands(instr) {
            let first = self.compiled.slots[operand.0 as usize];
            for (i, slot) in self.values[operand.0 as usize].iter().enumerate() {
                let offset = 8 * (first as i32 + i as i32);
                self.b.ins().stack_store(types::I64, *slot, frame, offset);
            }
        }
        let (first, count) = self.ranges[at];
        if count > 0 {
            self.save_fuel();
            let args = [
                self.context,
                self.b.ins().stack_addr(types::I64, frame, 0),
                self.b.ins().iconst(types::I64, i64::from(self.index)),
                self.b
                    .ins()
                    .iconst(types::I64, i64::from(count) << 32 | i64::from(first)),
            ];
            self.call_outside(self.around.callees.run_steps, &args);
            self.restore_fuel();
        }
        for value in defined {
            let types = self.types_of(self.compiled.types[value as usize])?;
            let first = self.compiled.slots[value as usize] as i32;
            let row = types
                .iter()
                .enumerate()
                .map(|(i, ty)| {
                    self.b
                        .ins()
                        .stack_load(types::I64, *ty, frame, 8 * (first + i as i32))
                })
                .collect();
            self.values.push(row);
        }
        Ok(())
    }
}

/// The values that an instruction without regions uses.
fn operands(instr: &Instr) -> Vec<Value> {
    let mut all = Vec::new();
    let steps = |all: &mut Vec<Value>, path: &[Step]| {
        for step in path {
            if let Step::Index(v) | Step::Key(v) | Step::EntryKey(v) | Step::EntryValue(v) = step {
                all.push(*v);
            }
        }
    };
    match instr {
        Instr::New { parts, .. } => all.extend(parts),
        Instr::Get { value, path } | Instr::Take { value, path } => {
            all.push(*value);
            steps(&mut all, path);
        }
        Instr::Set { value, path, new } | Instr::Put { value, path, new } => {
            all.extend([*value, *new]);
            steps(&mut all, path);
        }
        Instr::Update {
            value, path, args, ..
        } => {
            all.push(*value);
            steps(&mut all, path);
            all.extend(args);
        }
        Instr::Dup(value)
        | Instr::Drop(value)
        | Instr::Tag(value)
        | Instr::Unique { value, .. }
        | Instr::Open { value, .. } => all.push(*value),
        Instr::Op { args, .. } => all.extend(args),
        Instr::Closure { captures, .. } => all.extend(captures),
        _ => {}
    }
    all
}
