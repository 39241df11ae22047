//! Which values each instruction of a body defines, without looking at types.
//!
//! Encoder, decoder, verifier, printer and interpreter all number values; they do it here.

use std::ops::Range;

use crate::instr::{Function, Instr, Mode};
use crate::table::Kind;

/// Walks a body and numbers its values. Works on unverified bodies too.
#[derive(Clone, Debug)]
pub struct Numbering {
    next: u32,
    /// Per open region, how many results its `End` defines.
    open: Vec<u32>,
}

/// Why a body has no numbering.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadNumbering {
    /// `End` without an open region.
    NothingOpen,
    /// A call of a function that is not there.
    NoSuchFunction,
    /// More than 2^32 values.
    TooMany,
}

impl Numbering {
    /// At the beginning of a body with that many parameters.
    pub fn new(params: usize) -> Numbering {
        Numbering {
            next: u32::try_from(params).unwrap_or(u32::MAX),
            open: Vec::new(),
        }
    }

    /// Number of the next value, which is how many there are so far.
    pub fn next(&self) -> u32 {
        self.next
    }

    /// How many regions are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// Passes one instruction and returns the values it defines. `call_results` gives how many values a call of
    /// a function defines (see [`Function::call_results`]). Operands of the instruction refer to values below
    /// [`Numbering::next`] as it was before.
    #[inline]
    pub fn step(
        &mut self,
        instr: &Instr,
        call_results: impl Fn(u32) -> Option<u32>,
    ) -> Result<Range<u32>, BadNumbering> {
        let count = match instr {
            Instr::Block { results }
            | Instr::If { results, .. }
            | Instr::Switch { results, .. } => {
                self.open.push(results.len() as u32);
                0
            }
            Instr::Loop {
                params, results, ..
            } => {
                self.open.push(results.len() as u32);
                params.len() as u32
            }
            Instr::For { params, .. } => {
                self.open.push(params.len() as u32);
                1 + params.len() as u32
            }
            Instr::End => self.open.pop().ok_or(BadNumbering::NothingOpen)?,
            Instr::Else
            | Instr::Arm
            | Instr::Exit { .. }
            | Instr::Next { .. }
            | Instr::Ret { .. }
            | Instr::Trap { .. }
            | Instr::Drop(_) => 0,
            Instr::ConstI64(_)
            | Instr::ConstF64(_)
            | Instr::ConstBool(_)
            | Instr::ConstChar(_)
            | Instr::ConstUnit
            | Instr::Const(_)
            | Instr::New { .. }
            | Instr::Get { .. }
            | Instr::Set { .. }
            | Instr::Put { .. }
            | Instr::Dup(_)
            | Instr::Unique { .. }
            | Instr::Tag(_)
            | Instr::Op { .. }
            | Instr::Closure { .. }
            | Instr::HostCall { .. } => 1,
            Instr::Take { .. } => 2,
            Instr::Update { op, .. } => 1 + u32::from(op.row().result != Kind::Unit),
            Instr::Open { parts, .. } => *parts,
            Instr::Call { function, .. } => {
                call_results(*function).ok_or(BadNumbering::NoSuchFunction)?
            }
            Instr::CallValue { changed, .. } => {
                changed.checked_add(1).ok_or(BadNumbering::TooMany)?
            }
        };
        let first = self.next;
        self.next = first.checked_add(count).ok_or(BadNumbering::TooMany)?;
        Ok(first..self.next)
    }
}

impl Function {
    /// How many values a call defines: the result, and one for each `inout` parameter.
    pub fn call_results(&self) -> u32 {
        1 + self.params.iter().filter(|p| p.mode == Mode::InOut).count() as u32
    }
}
