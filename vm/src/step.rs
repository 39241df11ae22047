//! The instructions that neither jump nor ask the host: what they do to a frame. Both engines run these; the loop of
//! the interpreter has the shortest of them itself, and machine code what pays.

use crate::flat::{Code, Insn, Tag};
use crate::heap::{HEADER, SEQUENCE};
use crate::interpret::cell_tag;
use crate::machine::{Machine, Run, internal};
use crate::path::{Access, check_byte, check_tag};
use crate::program::Inner;
use crate::scalar::scalar;
use crate::update::check_arguments;

/// Runs one instruction on the slots of its frame.
///
/// # Errors
/// When it ends the run, or is none that stands alone.
pub fn step<'p>(
    machine: &mut Machine<'p>,
    program: &'p Inner,
    code: &'p Code,
    insn: Insn,
    frame: &mut [u64],
) -> Run<()> {
    match insn {
        Insn::Move { d, s } => frame[d as usize] = frame[s as usize],
        Insn::Const { d, bits } => frame[d as usize] = bits,
        Insn::Constant { d, index } => {
            frame[d as usize] =
                u64::from(machine.constants.get(index as usize).copied().unwrap_or(0));
        }
        Insn::NewList { plan, d } => {
            let plan = &code.lists[plan as usize];
            let (item, stride) = machine.items_of(plan.ty)?;
            let list = machine.new_sequence(plan.ty, plan.items.len() as u64, stride)?;
            for (i, &s) in plan.items.iter().enumerate() {
                let at = list + SEQUENCE + i as u32 * stride;
                machine.heap.store(&item.pieces, at, &frame[s as usize..]);
            }
            frame[d as usize] = u64::from(list);
        }
        Insn::NewTable { ty, d } => {
            frame[d as usize] = match machine.heap.new_table(ty) {
                Ok(cell) => u64::from(cell),
                Err(why) => machine.no_room(why)?,
            };
        }
        Insn::NewCell { plan, d } | Insn::NewClosure { plan, d } => {
            let plan = &code.cells[plan as usize];
            let cell = machine.allocate(u64::from(plan.size), plan.ty)?;
            match plan.tag {
                Tag::None => {}
                Tag::Narrow(tag) => machine.heap.arena.set_u8(cell + HEADER, tag),
                Tag::Wide(tag) => machine.heap.arena.set_u16(cell + HEADER, tag),
                Tag::Function(callee) => machine.heap.arena.set_u32(cell + HEADER, callee),
            }
            machine.heap.store(&plan.pieces, cell, frame);
            frame[d as usize] = u64::from(cell);
        }
        Insn::Share { s, ty } => {
            if let Some(shape) = machine.heap.shape(ty) {
                machine.heap.share_slots(&shape.refs, &frame[s as usize..]);
            }
        }
        Insn::Drop { s, ty } => {
            if let Some(shape) = machine.heap.shape(ty) {
                machine
                    .heap
                    .release_slots(&shape.refs, &frame[s as usize..]);
            }
        }
        Insn::Unique { s } => {
            let cell = frame[s as usize] as u32;
            // An option of one slot may have nothing in it.
            if cell != 0 && !machine.heap.is_unique(cell) {
                frame[s as usize] = u64::from(machine.unique(cell)?);
            }
        }
        Insn::UniqueInside { s, slot, ty } => {
            let refs = machine.heap.shape(ty).map_or(&[][..], |shape| &shape.refs);
            if machine
                .heap
                .holds_reference(refs, &frame[s as usize..], slot)
            {
                let cell = frame[(s + slot) as usize] as u32;
                if cell != 0 && !machine.heap.is_unique(cell) {
                    frame[(s + slot) as usize] = u64::from(machine.unique(cell)?);
                }
            }
        }
        Insn::CheckSlot { s, variant } => check_tag(frame[s as usize] as u32, variant)?,
        Insn::CheckCell { s, variant, wide } => {
            check_tag(cell_tag(machine, frame[s as usize] as u32, wide), variant)?;
        }
        Insn::CheckSome { s, variant } => check_tag(u32::from(frame[s as usize] != 0), variant)?,
        Insn::Open { s, d, ty } => {
            let cell = frame[s as usize] as u32;
            machine.open(cell, ty, frame, d)?;
        }
        Insn::TagCell { d, s, wide } => {
            frame[d as usize] = u64::from(cell_tag(machine, frame[s as usize] as u32, wide))
        }

        Insn::Get { path, d } => {
            let path = &code.paths[path as usize];

            let place = machine.walk(path, frame, Access::Read)?;
            machine.read(place, path.ty, frame, d)?;
        }
        Insn::Set { path, s } => {
            let path = &code.paths[path as usize];

            if let crate::flat::PathEnd::Byte = path.end {
                check_byte(frame[s as usize] as i64)?;
            }
            let place = machine.walk(path, frame, Access::Update)?;
            machine.release_place(place, path.ty, frame);
            machine.write(place, path.ty, frame, s)?;
        }
        Insn::Put { path, s } => {
            let path = &code.paths[path as usize];
            let place = machine.walk(path, frame, Access::Fill)?;
            machine.write(place, path.ty, frame, s)?;
        }
        Insn::Take { path, d } => {
            let path = &code.paths[path as usize];
            let place = machine.walk(path, frame, Access::Update)?;

            machine.read(place, path.ty, frame, d)?;
            machine.hole(place, path.ty, frame);
        }
        Insn::Update { plan, d } => {
            let plan = &code.updates[plan as usize];
            let path = &code.paths[plan.path as usize];

            check_arguments(machine, plan, frame)?;
            let place = machine.walk(path, frame, Access::Update)?;
            machine.update(plan, place, frame, d)?;
        }

        Insn::Op { plan, d } => {
            let plan = &code.ops[plan as usize];
            machine.op(plan, program, frame, d)?;
        }
        Insn::Scalar { op, d, a, b } => {
            frame[d as usize] = scalar(op, frame[a as usize], frame[b as usize])?;
        }
        _ => return internal("an instruction that does not stand alone"),
    }
    Ok(())
}
