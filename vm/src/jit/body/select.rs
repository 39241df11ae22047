//! Choices without a jump: an `if` of which both arms only compute a number or two, and cannot fail.
//!
//! Where a jump goes often cannot be guessed, and a wrong guess costs more than both arms.

use cop_bytecode::Op;
use cop_bytecode::instr::{Instr, ValueType};
use cranelift_codegen::ir::{self, InstBuilder, types};

use super::{Body, NoCode, UNMETERED};

/// Instructions that an arm may have besides its end.
const MOST: usize = 3;
/// Results that it may give.
const RESULTS: usize = 2;

/// A choice that is being made.
pub(super) struct Choice {
    condition: ir::Value,
    /// What the arms gave so far, and what they charge.
    given: Vec<Vec<ir::Value>>,
    charges: [u64; 2],
}

impl Body<'_, '_> {
    /// Begins a choice at an `if`, if it can be made without a jump.
    pub(super) fn choice(
        &mut self,
        condition: ir::Value,
        results: &[ValueType],
    ) -> Result<Option<Choice>, NoCode> {
        if results.is_empty() || results.len() > RESULTS {
            return Ok(None);
        }
        for result in results {
            if self.types_of(result.ty)?[..] != [types::I64] {
                return Ok(None);
            }
        }
        let at = self.at as usize;
        let Some(other) = self.is_plain_arm(at + 1) else {
            return Ok(None);
        };
        let Some(end) = self.is_plain_arm(other + 1) else {
            return Ok(None);
        };
        let body = &self.function.body;
        if (&body[other], &body[end]) != (&Instr::Else, &Instr::End) {
            return Ok(None);
        }
        Ok(Some(Choice {
            condition,
            given: Vec::new(),
            charges: [at + 1, other + 1].map(|at| self.compiled.blocks[at]),
        }))
    }

    /// Whether instructions from this one on are an arm that costs little and cannot fail; the one behind it.
    fn is_plain_arm(&self, from: usize) -> Option<usize> {
        for at in from..=from + MOST {
            let sure = || self.facts.sure(at as u32);
            let plain = match self.function.body.get(at)? {
                Instr::Exit { depth: 0, .. } => return Some(at + 1),
                Instr::ConstI64(_) | Instr::ConstBool(_) | Instr::ConstChar(_) => true,
                Instr::Op { op, .. } => match op {
                    Op::I64Add | Op::I64Sub | Op::I64Neg => sure(),
                    Op::I64Shl | Op::I64Shr | Op::I64UShr => sure(),
                    Op::I64Eq
                    | Op::I64Ne
                    | Op::I64Lt
                    | Op::I64Le
                    | Op::I64Gt
                    | Op::I64Ge
                    | Op::I64ULt
                    | Op::BoolNot
                    | Op::BoolEq
                    | Op::I64And
                    | Op::I64Or
                    | Op::I64Xor
                    | Op::I64Not
                    | Op::I64AddWrap
                    | Op::I64SubWrap
                    | Op::CharCode => true,
                    _ => false,
                },
                _ => false,
            };
            if !plain {
                return None;
            }
        }
        None
    }

    /// Charges what the arm charges that is chosen.
    pub(super) fn charge_choice(&mut self, choice: &Choice) {
        let [first, second] = choice.charges.map(|charge| charge as i64);
        if first == second || UNMETERED {
            return self.charge(first as u64);
        }
        let fuel = self.b.use_var(self.fuel);
        let first = self.b.ins().iadd_imm_s(fuel, -first);
        let second = self.b.ins().iadd_imm_s(fuel, -second);
        let left = self.b.ins().select(choice.condition, first, second);
        self.b.def_var(self.fuel, left);
    }
}

impl Choice {
    /// What an arm gives.
    pub(super) fn give(&mut self, row: Vec<ir::Value>) {
        self.given.push(row);
    }

    /// The results.
    pub(super) fn results(self, body: &mut Body) -> Vec<Vec<ir::Value>> {
        let [first, second] = &self.given[..] else {
            return Vec::new();
        };
        let pairs = first.iter().zip(second);
        pairs
            .map(|(first, second)| vec![body.b.ins().select(self.condition, *first, *second)])
            .collect()
    }
}
