//! Calls that end at once: where a function begins with a condition under which it returns without doing anything, callers look
//! at that themselves and spare the call. Half of the calls of a function that calls itself twice are of this kind.
//!
//! Nothing on that way can trap but for fuel and stack, for which the call is made after all. So it has no position, and all
//! that is charged is charged here.

use cop_bytecode::instr::{Instr, Value};
use cop_bytecode::layout::Layouts;
use cop_bytecode::numbering::Numbering;
use cop_bytecode::{Function, Op, Package};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, Block, InstBuilder, types};

use super::{Body, NoCode};
use crate::compile::compile;
use crate::jit::abi::slot_types;

/// Instructions that the way may have.
const MOST: usize = 8;

/// The way through a function on which it does nothing.
pub struct Guard {
    /// What comes before the condition: each with the value that it defines.
    before: Vec<(u32, Instr)>,
    condition: Value,
    /// Whether the way is that of a condition that holds.
    holds: bool,
    /// What comes behind it. A region's result is a value again.
    behind: Vec<(u32, Piece)>,
    returned: Vec<Value>,
    /// What is charged before the checkpoint, and in all.
    entry: i64,
    charge: i64,
    frame_cost: i64,
}

enum Piece {
    Plain(Instr),
    Same(Value),
}

fn is_plain(instr: &Instr) -> bool {
    match instr {
        Instr::ConstI64(_)
        | Instr::ConstF64(_)
        | Instr::ConstBool(_)
        | Instr::ConstChar(_)
        | Instr::ConstUnit => true,
        Instr::Op { op, .. } => matches!(
            op,
            Op::I64Eq
                | Op::I64Ne
                | Op::I64Lt
                | Op::I64Le
                | Op::I64Gt
                | Op::I64Ge
                | Op::BoolNot
                | Op::I64And
                | Op::I64Or
                | Op::I64Xor
        ),
        _ => false,
    }
}

impl Guard {
    /// That of a function, if it has one.
    pub fn of(package: &Package, layouts: &mut Layouts, index: u32) -> Option<Guard> {
        if package.entries.iter().any(|entry| entry.function == index) {
            return None;
        }
        let function = package.functions.get(index as usize)?;
        let body = &function.body;
        let at = body.iter().position(|instr| !is_plain(instr))?;
        let Instr::If { condition, .. } = body[at] else {
            return None;
        };
        if at > MOST {
            return None;
        }
        // What each instruction defines, up to the end of the function or of the condition.
        let results = |callee: u32| {
            let callee = package.functions.get(callee as usize);
            callee.map(Function::call_results)
        };
        let mut numbering = Numbering::new(function.params.len());
        let (mut other, mut end) = (None, body.len());
        let mut defined = Vec::new();
        for (i, instr) in body.iter().enumerate() {
            defined.push(numbering.step(instr, results).ok()?.start);
            if i > at && numbering.depth() == 1 && *instr == Instr::Else {
                other = Some(i);
            }
            if i > at && numbering.depth() == 0 && *instr == Instr::End {
                end = i;
                break;
            }
        }
        let mut found = None;
        for (start, holds) in [(at + 1, true), (other? + 1, false)] {
            let mut behind = Vec::new();
            let mut blocks = vec![start];
            let mut next = start;
            while behind.len() <= MOST {
                match body.get(next)? {
                    Instr::Ret { values } => {
                        found = Some((holds, behind, values.to_vec(), blocks));
                        break;
                    }
                    Instr::Exit { depth: 0, values } if next < end && blocks.len() == 1 => {
                        let first = *defined.get(end)?;
                        for (i, value) in values.iter().enumerate() {
                            behind.push((first + i as u32, Piece::Same(*value)));
                        }
                        blocks.push(end + 1);
                        next = end + 1;
                        // Each that is plain defines one value.
                        let plain = body[next..].iter().take_while(|instr| is_plain(instr));
                        let values = first + values.len() as u32..;
                        defined.truncate(next);
                        defined.extend(plain.zip(values).map(|(_, value)| value));
                    }
                    instr if is_plain(instr) => {
                        behind.push((*defined.get(next)?, Piece::Plain(instr.clone())));
                        next += 1;
                    }
                    _ => break,
                }
            }
            if found.is_some() {
                break;
            }
        }
        let (holds, behind, returned, blocks) = found?;
        let before = (0..at).map(|i| (defined[i], body[i].clone())).collect();
        let compiled = compile(package, layouts, index).ok()?;
        let entry = i64::try_from(compiled.code.entry_charge).ok()?;
        let mut charge = entry;
        for block in blocks {
            charge += i64::try_from(*compiled.blocks.get(block)?).ok()?;
        }
        Some(Guard {
            before,
            condition,
            holds,
            behind,
            returned,
            entry,
            charge,
            frame_cost: compiled.code.frame_cost,
        })
    }
}

/// The values of the function that is not called, as far as they are needed.
struct Rows(Vec<(u32, Vec<ir::Value>)>);

impl Rows {
    fn get(&self, value: Value) -> &[ir::Value] {
        let found = self.0.iter().rev().find(|(known, _)| *known == value.0);
        found.map_or(&[], |(_, row)| row)
    }

    fn one(&self, value: Value) -> Option<ir::Value> {
        self.get(value).first().copied()
    }
}

/// A call that may be spared: where both ways go on.
pub(super) struct Spared {
    on: Block,
}

impl Body<'_, '_> {
    /// Looks whether the call would end at once. What follows is the call for when it would not; `args` are its slots.
    pub(super) fn unless_over(
        &mut self,
        guard: &Guard,
        callee: &Function,
        args: &[ir::Value],
        results: &[ir::Type],
    ) -> Result<Option<Spared>, NoCode> {
        let mut rows = Rows(Vec::new());
        let mut next = 0;
        for (i, param) in callee.params.iter().enumerate() {
            let width = slot_types(self.around.layouts, param.ty)?.len();
            rows.0.push((i as u32, args[next..next + width].to_vec()));
            next += width;
        }
        for (value, instr) in &guard.before {
            let row = self.plain(instr, &rows);
            rows.0.push((*value, row));
        }
        let Some(condition) = rows.one(guard.condition) else {
            return Ok(None);
        };
        let (over, spared, call, on) = (
            self.b.create_block(),
            self.b.create_block(),
            self.b.create_block(),
            self.b.create_block(),
        );
        match guard.holds {
            true => self.b.ins().brif(condition, over, &[], call, &[]),
            false => self.b.ins().brif(condition, call, &[], over, &[]),
        };
        self.b.switch_to_block(over);
        self.b.seal_block(over);
        let before = self.b.use_var(self.fuel);
        let fuel = self.b.ins().iadd_imm_s(before, -guard.entry);
        let stack = self.b.ins().iadd_imm_s(self.stack_left, -guard.frame_cost);
        let both = self.b.ins().bor(fuel, stack);
        let out = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, both, 0);
        self.b.ins().brif(out, call, &[], spared, &[]);
        self.b.switch_to_block(spared);
        self.b.seal_block(spared);
        for (value, piece) in &guard.behind {
            let row = match piece {
                Piece::Plain(instr) => self.plain(instr, &rows),
                Piece::Same(same) => rows.get(*same).to_vec(),
            };
            rows.0.push((*value, row));
        }
        let returned: Vec<ir::Value> = guard
            .returned
            .iter()
            .flat_map(|value| rows.get(*value).to_vec())
            .collect();
        let returned = self.cast_all(&returned, results);
        let left = self.b.ins().iadd_imm_s(before, -guard.charge);
        self.b.def_var(self.fuel, left);
        for ty in results {
            self.b.append_block_param(on, *ty);
        }
        let returned: Vec<ir::BlockArg> = returned.into_iter().map(Into::into).collect();
        self.b.ins().jump(on, &returned);
        self.b.switch_to_block(call);
        self.b.seal_block(call);
        self.b.def_var(self.fuel, before);
        Ok(Some(Spared { on }))
    }

    /// Goes on behind a call that may have been spared; its results, either way.
    pub(super) fn either_way(&mut self, spared: &Spared, results: &[ir::Value]) -> Vec<ir::Value> {
        let results: Vec<ir::BlockArg> = results.iter().map(|result| (*result).into()).collect();
        self.b.ins().jump(spared.on, &results);
        self.b.switch_to_block(spared.on);
        self.b.seal_block(spared.on);
        self.b.block_params(spared.on)[..results.len()].to_vec()
    }

    /// An instruction that cannot fail.
    fn plain(&mut self, instr: &Instr, rows: &Rows) -> Vec<ir::Value> {
        let constant = |body: &mut Self, n: i64| vec![body.b.ins().iconst(types::I64, n)];
        match instr {
            Instr::ConstI64(n) => constant(self, *n),
            Instr::ConstBool(truth) => constant(self, i64::from(*truth)),
            Instr::ConstChar(c) => constant(self, i64::from(u32::from(*c))),
            Instr::ConstF64(bits) => {
                let bits = ir::immediates::Ieee64::with_bits(*bits);
                vec![self.b.ins().f64const(bits)]
            }
            Instr::Op { op, args, .. } => {
                let Some(a) = args.first().and_then(|a| rows.one(*a)) else {
                    return Vec::new();
                };
                let b = args.get(1).and_then(|b| rows.one(*b)).unwrap_or(a);
                let how = match op {
                    Op::BoolNot => return vec![self.b.ins().bxor_imm_s(a, 1)],
                    Op::I64And => return vec![self.b.ins().band(a, b)],
                    Op::I64Or => return vec![self.b.ins().bor(a, b)],
                    Op::I64Xor => return vec![self.b.ins().bxor(a, b)],
                    Op::I64Eq => IntCC::Equal,
                    Op::I64Ne => IntCC::NotEqual,
                    Op::I64Lt => IntCC::SignedLessThan,
                    Op::I64Le => IntCC::SignedLessThanOrEqual,
                    Op::I64Gt => IntCC::SignedGreaterThan,
                    _ => IntCC::SignedGreaterThanOrEqual,
                };
                let truth = self.b.ins().icmp(how, a, b);
                vec![self.widen(truth)]
            }
            _ => Vec::new(),
        }
    }
}
