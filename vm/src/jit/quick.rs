//! Short ways: what machine code mostly wants of the arena, without the interpreter. Cells come from the list of their
//! class and go back to it, texts are copied. Where there is no short way (no cell is free, or it is a large one) the
//! answer is [`NONE`] and nothing has changed: the long way, which accounts and traps, is taken then.

#![allow(unsafe_code)] // The arena as machine code sees it.

use super::context::Context;
use super::outside::outside;
use crate::heap::SEQUENCE;
use crate::memory::{Class, ListClass, PINNED_COUNT, Ref};

/// There is no short way.
pub const NONE: u64 = 0;

/// The arena, as long as machine code that was entered with this context waits.
struct Bytes {
    base: *mut u8,
    classes: *mut ListClass,
}

impl Bytes {
    fn of(context: *mut Context) -> Bytes {
        // SAFETY: machine code passes the context that it was entered with, which lives as long as its run; only copies
        // are taken.
        unsafe {
            Bytes {
                base: (*context).base,
                classes: (*context).classes,
            }
        }
    }

    /// The state of the class of cells of that many bytes, if they come from a list.
    #[inline]
    fn class(&mut self, size: u64) -> Option<&mut ListClass> {
        let Some(Class::Listed { index, .. }) = Class::of(size) else {
            return None;
        };
        // SAFETY: there is a class for each index that `Class::of` gives; they live and stay in place as long as the
        // run, whose only thread is here, and no other reference to one of them is alive: here, because this one keeps
        // `self` borrowed, or, while machine code waits, anywhere else.
        Some(unsafe { &mut *self.classes.add(index) })
    }

    /// A word of a cell.
    #[inline]
    fn word(&self, cell: Ref, offset: usize) -> u32 {
        // SAFETY: cells are 8-byte aligned and lie in the usable part of the arena, whose base this is.
        unsafe { self.base.add(cell as usize + offset).cast::<u32>().read() }
    }

    #[inline]
    fn set_word(&self, cell: Ref, offset: usize, word: u32) {
        // SAFETY: as above.
        unsafe {
            self.base
                .add(cell as usize + offset)
                .cast::<u32>()
                .write(word);
        }
    }

    /// A cell for a sequence of that capacity, from the list of its class, with header and no length.
    #[inline]
    fn take(&mut self, capacity: u64, ty: u32) -> Option<Ref> {
        let size = u64::from(SEQUENCE) + capacity;
        let cell = self.class(size)?.head;
        if cell == 0 {
            return None;
        }
        let next = self.word(cell, 0);
        let class = self.class(size)?;
        class.head = next;
        class.alive += 1;
        self.set_word(cell, 0, 1);
        self.set_word(cell, 4, ty);
        self.set_word(cell, 12, capacity as u32);
        Some(cell)
    }

    /// Gives a cell of that size back; says whether that was possible here.
    #[inline]
    fn give(&mut self, cell: Ref, size: u64) -> bool {
        let Some(class) = self.class(size) else {
            return false;
        };
        let head = class.head;
        class.head = cell;
        class.alive = class.alive.wrapping_sub(1);
        self.set_word(cell, 0, head);
        true
    }

    /// Copies to the beginning of a sequence that has room for it.
    #[inline]
    fn fill(&self, cell: Ref, from: *const u8, count: usize) {
        // SAFETY: the cell has room for `count` bytes behind its header, and if `count` is not 0 for 16, because sizes of
        // cells are multiples of 16; `from` is the address of as many in another cell, behind which at least 16 more can be
        // read (`SLACK` in memory/region.rs).
        unsafe {
            let to = self.base.add(cell as usize + SEQUENCE as usize);
            match count {
                0 => {}
                1..=16 => to
                    .cast::<u128>()
                    .write_unaligned(from.cast::<u128>().read_unaligned()),
                _ => std::ptr::copy_nonoverlapping(from, to, count),
            }
        }
    }
}

/// A new sequence of bytes with the content at an address of the arena; it is paid for.
pub extern "C" fn new_text(context: *mut Context, from: *const u8, count: u64, ty: u64) -> u64 {
    let mut bytes = Bytes::of(context);
    let Some(cell) = bytes.take(count, ty as u32) else {
        return NONE;
    };
    bytes.set_word(cell, 8, count as u32);
    bytes.fill(cell, from, count as usize);
    u64::from(cell)
}

/// A sequence of bytes with one owner becomes a larger cell with the same content; it is paid for.
pub extern "C" fn grow_text(context: *mut Context, cell: u64, needed: u64) -> u64 {
    let (mut bytes, old) = (Bytes::of(context), cell as Ref);
    let (length, capacity) = (bytes.word(old, 8), u64::from(bytes.word(old, 12)));
    let wanted = needed.max(capacity + capacity / 2).max(4);
    let Some(new) = bytes.take(wanted, bytes.word(old, 4)) else {
        return NONE;
    };
    bytes.set_word(new, 8, length);
    // SAFETY: an address inside of the old cell.
    let from = unsafe { bytes.base.add(old as usize + SEQUENCE as usize) };
    bytes.fill(new, from, length as usize);
    if !bytes.give(old, u64::from(SEQUENCE) + capacity) {
        // A large cell never comes from a list, so its successor does not either.
        debug_assert!(false, "a cell shrank");
    }
    u64::from(new)
}

/// Gives back a cell that was allocated with that size.
pub extern "C" fn free_sized(context: *mut Context, cell: u64, size: u64) {
    if !Bytes::of(context).give(cell as Ref, size) {
        outside(context, (), |interpreter| {
            interpreter.machine.heap.arena.free(cell as Ref, size);
            Ok(())
        });
    }
}

/// One owner fewer of a sequence of elements of that many bytes, which refer to nothing.
pub extern "C" fn drop_sequence(context: *mut Context, cell: u64, stride: u64) {
    let (bytes, place) = (Bytes::of(context), cell as Ref);
    match bytes.word(place, 0) {
        1 => {
            let capacity = u64::from(bytes.word(place, 12));
            free_sized(context, cell, u64::from(SEQUENCE) + capacity * stride);
        }
        PINNED_COUNT => {}
        count => bytes.set_word(place, 0, count - 1),
    }
}
