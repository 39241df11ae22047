//! Walking paths, to read and to update.

use cop_bytecode::TrapKind;

use crate::flat::{Path, PathEnd, PathStep};
use crate::heap::{HEADER, SEQUENCE};
use crate::list::check_index;
use crate::machine::{Machine, Run, internal, trap};
use crate::memory::Ref;
use crate::shape::ShapeId;

/// Why a path is walked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To read what lies there; counts are left alone.
    Read,
    /// To change it: every cell behind another becomes unique, outermost first.
    Update,
    /// To fill the hole that `take` left: everything was checked and made unique then.
    Fill,
}

/// Where a path led.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// Slots of the frame, from this one on.
    Slots(u32),
    /// An address.
    Memory(u32),
    /// The address of an element of bytes.
    Byte(u32),
}

impl Machine<'_> {
    /// Walks a path whose root lies in `frame`.
    pub fn walk(&mut self, path: &Path, frame: &mut [u64], access: Access) -> Run<Place> {
        let mut at: u32 = 0;
        for step in &path.steps {
            match *step {
                PathStep::EnterSlot(slot) => at = frame[slot as usize] as u32,
                PathStep::EnterMemory => {
                    let place = at;
                    at = self.heap.arena.u32(place);
                    if access == Access::Update && !self.heap.is_unique(at) {
                        at = self.unique_behind(place, at)?;
                    }
                }
                PathStep::Offset(offset) => at = at.wrapping_add(offset),
                PathStep::Index { index, stride } => {
                    let i = check_index(frame[index as usize] as i64, self.heap.length(at))?;
                    at = at.wrapping_add(SEQUENCE + i * stride);
                }
                PathStep::Byte { index } => {
                    let i = check_index(frame[index as usize] as i64, self.heap.length(at))?;
                    at = at.wrapping_add(SEQUENCE + i);
                }
                PathStep::Key(slot) => at = self.table_step(at, &frame[slot as usize..])?,
                PathStep::EntryKey(slot) => {
                    at = self.table_entry(at, frame[slot as usize] as i64, false)?
                }
                PathStep::EntryValue(slot) => {
                    at = self.table_entry(at, frame[slot as usize] as i64, true)?
                }
                _ if access == Access::Fill => {}
                PathStep::CheckSlot { s, variant } => check_tag(frame[s as usize] as u32, variant)?,
                PathStep::CheckMemory { wide, variant } => {
                    let tag = match wide {
                        true => u32::from(self.heap.arena.u16(at)),
                        false => u32::from(self.heap.arena.u8(at)),
                    };
                    check_tag(tag, variant)?;
                }
                PathStep::CheckCellSlot { s, ty, variant } => {
                    check_tag(self.cell_tag(frame[s as usize] as u32, ty)?, variant)?;
                }
                PathStep::CheckCellMemory { ty, variant } => {
                    check_tag(self.cell_tag(self.heap.arena.u32(at), ty)?, variant)?;
                }
                PathStep::CheckSomeSlot { s, variant } => {
                    check_tag(u32::from(frame[s as usize] != 0), variant)?
                }
                PathStep::CheckSomeMemory { variant } => {
                    check_tag(u32::from(self.heap.arena.u32(at) != 0), variant)?;
                }
            }
        }
        Ok(match path.end {
            PathEnd::Slots(slot) => Place::Slots(slot),
            PathEnd::Memory => Place::Memory(at),
            PathEnd::Byte => Place::Byte(at),
        })
    }

    /// Copies a shared cell whose reference lies in memory, and puts the copy there.
    #[cold]
    fn unique_behind(&mut self, place: u32, cell: Ref) -> Run<Ref> {
        let unique = self.unique(cell)?;
        self.heap.arena.set_u32(place, unique);
        Ok(unique)
    }

    /// The tag of a boxed sum.
    pub fn cell_tag(&self, cell: Ref, ty: ShapeId) -> Run<u32> {
        match self.heap.shape(ty) {
            Some(shape) => Ok(self.heap.tag(shape, cell + HEADER)),
            None => internal("no such type"),
        }
    }

    /// What lies at a place, copied or borrowed into slots of the frame.
    pub fn read(&mut self, place: Place, ty: ShapeId, frame: &mut [u64], d: u32) -> Run<()> {
        let Some(shape) = self.heap.shape(ty) else {
            return internal("no such type");
        };
        let d = d as usize;
        match place {
            Place::Slots(s) => frame.copy_within(s as usize..(s + shape.slots) as usize, d),
            Place::Memory(at) => self.heap.load(&shape.pieces, at, &mut frame[d..]),
            Place::Byte(at) => frame[d] = u64::from(self.heap.arena.u8(at)),
        }
        Ok(())
    }

    /// Moves a value from slots to a place; what was there has been dropped or taken.
    pub fn write(&mut self, place: Place, ty: ShapeId, frame: &mut [u64], s: u32) -> Run<()> {
        let Some(shape) = self.heap.shape(ty) else {
            return internal("no such type");
        };
        let s = s as usize;
        match place {
            Place::Slots(d) => frame.copy_within(s..s + shape.slots as usize, d as usize),
            Place::Memory(at) => self.heap.store(&shape.pieces, at, &frame[s..]),
            Place::Byte(at) => self.heap.arena.set_u8(at, check_byte(frame[s] as i64)?),
        }
        Ok(())
    }

    /// Drops what lies at a place.
    pub fn release_place(&mut self, place: Place, ty: ShapeId, frame: &[u64]) {
        if let Some(shape) = self.heap.shape(ty).filter(|shape| !shape.copy) {
            match place {
                Place::Slots(s) => self.heap.release_slots(&shape.refs, &frame[s as usize..]),
                Place::Memory(at) => self.heap.release_memory(&shape.refs, at),
                Place::Byte(_) => {}
            }
        }
    }

    /// Leaves a typed hole of zeroes at a place from which a value was moved out.
    pub fn hole(&mut self, place: Place, ty: ShapeId, frame: &mut [u64]) {
        if let Some(shape) = self.heap.shape(ty).filter(|shape| !shape.copy) {
            match place {
                Place::Slots(s) => frame[s as usize..(s + shape.slots) as usize].fill(0),
                Place::Memory(at) => self.heap.hole_memory(&shape.refs, at),
                Place::Byte(_) => {}
            }
        }
    }

    /// The cell referred to at a place, to be changed: unique, as the verifier saw to it for slots, and as is done
    /// here for memory.
    pub fn target(&mut self, place: Place, frame: &[u64]) -> Run<Ref> {
        match place {
            Place::Slots(s) => Ok(frame[s as usize] as u32),
            Place::Memory(at) => {
                let cell = self.heap.arena.u32(at);
                if self.heap.is_unique(cell) {
                    Ok(cell)
                } else {
                    self.unique_behind(at, cell)
                }
            }
            Place::Byte(_) => internal("a byte is no reference"),
        }
    }

    /// Puts back the reference of a cell that was changed.
    pub fn retarget(&mut self, place: Place, frame: &mut [u64], cell: Ref) {
        match place {
            Place::Slots(s) => frame[s as usize] = u64::from(cell),
            Place::Memory(at) => self.heap.arena.set_u32(at, cell),
            Place::Byte(_) => {}
        }
    }
}

/// The tag of a sum must be the one that the path or `open` names.
#[inline]
pub fn check_tag(found: u32, variant: u32) -> Run<()> {
    if found == variant {
        return Ok(());
    }
    trap(TrapKind::WrongVariant, i64::from(found), i64::from(variant))
}

/// An element of bytes.
pub fn check_byte(number: i64) -> Run<u8> {
    match u8::try_from(number) {
        Ok(byte) => Ok(byte),
        Err(_) => trap(TrapKind::InvalidArgument, number, 0),
    }
}
