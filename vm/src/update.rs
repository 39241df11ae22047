//! Changing what lies at a place, and taking boxed values apart.

use cop_bytecode::table::Kind as TableKind;
use cop_bytecode::{TrapKind, UpdateOp};

use crate::flat::UpdatePlan;
use crate::machine::{Machine, Run, internal, trap};
use crate::memory::Ref;
use crate::number;
use crate::path::{Place, check_byte};

/// The rules that an update's arguments can break by themselves are tested before its place is looked for.
pub fn check_arguments(machine: &Machine, plan: &UpdatePlan, frame: &[u64]) -> Run<()> {
    let arg = |i: usize| frame[plan.args[i] as usize] as i64;
    match plan.op {
        UpdateOp::BytesPush => check_byte(arg(0)).map(drop),
        UpdateOp::ListTruncate if arg(0) < 0 => trap(TrapKind::InvalidArgument, arg(0), 0),
        UpdateOp::TextAppendSlice => {
            crate::text::check_text_range(machine.heap.text(arg(0) as u32), arg(1), arg(2))
                .map(drop)
        }
        _ => Ok(()),
    }
}

impl<'p> Machine<'p> {
    /// Takes a boxed value apart into the slots from `d` on: its parts are moved out and the cell is freed if it had
    /// one owner, else each gets one more.
    pub fn open(&mut self, cell: Ref, ty: u32, frame: &mut [u64], d: u32) -> Run<()> {
        let Some(shape) = self.heap.shape(ty) else {
            return internal("no such type");
        };
        let Some(row) = self.heap.boxed_row(shape, cell) else {
            return internal("no such variant");
        };
        // Slots of a sum's parts are counted from its tag.
        let first = row.parts.first().map_or(0, |part| part.slot);
        let Some(slots) = (d.checked_sub(first)).and_then(|d| frame.get_mut(d as usize..)) else {
            return internal("a part without a slot");
        };
        self.heap.load(&row.pieces, cell, slots);
        if self.heap.is_unique(cell) {
            self.heap.free_cell(cell);
        } else {
            self.heap.share_slots(&row.refs, slots);
            self.heap.release(cell);
        }
        Ok(())
    }

    /// One operation in place.
    pub fn update(
        &mut self,
        plan: &UpdatePlan,
        place: Place,
        frame: &mut [u64],
        d: u32,
    ) -> Run<()> {
        let row = plan.op.row();
        match row.target {
            TableKind::I64 => return self.update_integer(plan.op, place, frame, plan.args[0]),
            TableKind::F64 => {
                let old = f64::from_bits(self.word(place, frame));
                let by = f64::from_bits(frame[plan.args[0] as usize]);
                let new = match plan.op {
                    UpdateOp::F64Add => old + by,
                    UpdateOp::F64Sub => old - by,
                    UpdateOp::F64Mul => old * by,
                    UpdateOp::F64Div => old / by,
                    _ => old % by,
                };
                self.set_word(place, frame, new.to_bits());
                return Ok(());
            }
            _ => {}
        }
        let cell = self.target(place, frame)?;
        let changed = self.update_cell(plan, cell, frame, d)?;
        if changed != cell {
            self.retarget(place, frame, changed);
        }
        Ok(())
    }

    fn word(&self, place: Place, frame: &[u64]) -> u64 {
        match place {
            Place::Slots(s) => frame[s as usize],
            Place::Memory(at) => self.heap.arena.u64(at),
            Place::Byte(at) => u64::from(self.heap.arena.u8(at)),
        }
    }

    fn set_word(&mut self, place: Place, frame: &mut [u64], word: u64) {
        match place {
            Place::Slots(s) => frame[s as usize] = word,
            Place::Memory(at) => self.heap.arena.set_u64(at, word),
            Place::Byte(at) => self.heap.arena.set_u8(at, word as u8),
        }
    }

    fn update_integer(
        &mut self,
        op: UpdateOp,
        place: Place,
        frame: &mut [u64],
        arg: u32,
    ) -> Run<()> {
        let (old, by) = (self.word(place, frame) as i64, frame[arg as usize] as i64);
        let new = match op {
            UpdateOp::I64Add => number::checked(old.checked_add(by), old, by)?,
            UpdateOp::I64Sub => number::checked(old.checked_sub(by), old, by)?,
            UpdateOp::I64Mul => number::checked(old.checked_mul(by), old, by)?,
            UpdateOp::I64Div => number::divide(old, by)?,
            UpdateOp::I64Rem => number::remainder(old, by)?,
            UpdateOp::I64AddWrap => old.wrapping_add(by),
            UpdateOp::I64SubWrap => old.wrapping_sub(by),
            UpdateOp::I64MulWrap => old.wrapping_mul(by),
            UpdateOp::I64And => old & by,
            UpdateOp::I64Or => old | by,
            UpdateOp::I64Xor => old ^ by,
            UpdateOp::I64Shl => old << number::amount(by)?,
            UpdateOp::I64Shr => old >> number::amount(by)?,
            _ => (old as u64 >> number::amount(by)?) as i64,
        };
        if let Place::Byte(_) = place {
            check_byte(new)?;
        }
        self.set_word(place, frame, new as u64);
        Ok(())
    }
}
