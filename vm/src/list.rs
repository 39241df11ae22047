//! Lists: making, slicing, and changing them in place.

use cop_bytecode::TrapKind;
use cop_bytecode::cost::per_16_bytes;

use crate::heap::SEQUENCE;
use crate::machine::{Machine, Run, internal, trap};
use crate::memory::Ref;
use crate::shape::{Kind, Shape, ShapeId};
use crate::text::check_range;

/// Checks an index of something of that length.
#[inline]
pub fn check_index(index: i64, length: u32) -> Run<u32> {
    match u32::try_from(index) {
        Ok(at) if at < length => Ok(at),
        _ => trap(TrapKind::IndexOutOfBounds, index, i64::from(length)),
    }
}

impl<'p> Machine<'p> {
    /// Element shape and stride of a list cell.
    pub fn items(&self, list: Ref) -> Run<(&'p Shape, u32)> {
        let ty = self.heap.arena.u32(list + 4);
        self.items_of(ty)
    }

    /// Element shape and stride of a list type.
    pub fn items_of(&self, ty: ShapeId) -> Run<(&'p Shape, u32)> {
        if let Some(shape) = self.heap.shape(ty)
            && let Kind::List(item, stride) = shape.kind
            && let Some(item) = self.heap.shape(item)
        {
            return Ok((item, stride));
        }
        internal("not a list")
    }

    /// `list.slice`.
    pub fn list_slice(&mut self, list: Ref, start: i64, end: i64) -> Run<Ref> {
        let (from, to) = check_range(start, end, self.heap.length(list) as usize)?;
        let (item, stride) = self.items(list)?;
        let count = to as u32 - from as u32;
        let bytes = u64::from(count) * u64::from(stride);
        self.pay_bytes(bytes)?;
        let slice = self.new_sequence(self.heap.arena.u32(list + 4), u64::from(count), stride)?;
        self.heap.arena.copy(
            list + SEQUENCE + from as u32 * stride,
            slice + SEQUENCE,
            bytes as u32,
        );
        self.share_items(item, slice, 0, count, stride);
        Ok(slice)
    }

    /// `dup` of elements.
    fn share_items(&mut self, item: &Shape, list: Ref, from: u32, count: u32, stride: u32) {
        if !item.copy {
            for i in from..from + count {
                self.heap
                    .share_memory(&item.refs, list + SEQUENCE + i * stride);
            }
        }
    }

    /// `list.filled`.
    pub fn list_filled(&mut self, ty: ShapeId, count: i64, value: &[u64]) -> Run<Ref> {
        let Ok(count) = u64::try_from(count) else {
            return trap(TrapKind::InvalidArgument, count, 0);
        };
        self.check_count(count)?;
        let (item, stride) = self.items_of(ty)?;
        let bytes = count * u64::from(stride);
        self.pay_bytes(u64::from(SEQUENCE) + bytes)?;
        let list = self.new_sequence(ty, count, stride)?;
        if bytes > 0 {
            self.heap.store(&item.pieces, list + SEQUENCE, value);
            // Each copy doubles what is there.
            let (mut done, all) = (stride, bytes as u32);
            while done < all {
                let more = done.min(all - done);
                self.heap
                    .arena
                    .copy(list + SEQUENCE, list + SEQUENCE + done, more);
                done += more;
            }
            self.share_items(item, list, 0, count as u32, stride);
        }
        Ok(list)
    }

    /// `list.push`: the element is moved in.
    pub fn list_push(&mut self, list: Ref, value: &[u64]) -> Run<Ref> {
        let (item, stride) = self.items(list)?;
        self.check_count(u64::from(self.heap.length(list)) + 1)?;
        self.pay_bytes(u64::from(stride))?;
        let list = self.grow(list, 1, stride)?;
        let length = self.heap.length(list);
        self.heap
            .store(&item.pieces, list + SEQUENCE + length * stride, value);
        self.heap.arena.set_u32(list + 8, length + 1);
        Ok(list)
    }

    /// `list.pop`: the slots of what was last, moved out.
    pub fn list_pop(&mut self, list: Ref) -> Run<Option<Vec<u64>>> {
        let (item, stride) = self.items(list)?;
        let Some(last) = self.heap.length(list).checked_sub(1) else {
            return Ok(None);
        };
        let mut slots = vec![0; item.slots as usize];
        self.heap
            .load(&item.pieces, list + SEQUENCE + last * stride, &mut slots);
        self.heap.arena.set_u32(list + 8, last);
        Ok(Some(slots))
    }

    /// `list.insert`: the element is moved in.
    pub fn list_insert(&mut self, list: Ref, index: i64, value: &[u64]) -> Run<Ref> {
        let (item, stride) = self.items(list)?;
        let length = self.heap.length(list);
        let at = match u32::try_from(index) {
            Ok(at) if at <= length => at,
            _ => return trap(TrapKind::IndexOutOfBounds, index, i64::from(length)),
        };
        self.check_count(u64::from(length) + 1)?;
        self.pay_bytes((u64::from(length - at) + 1) * u64::from(stride))?;
        let list = self.grow(list, 1, stride)?;
        let place = list + SEQUENCE + at * stride;
        self.heap
            .arena
            .copy(place, place + stride, (length - at) * stride);
        self.heap.store(&item.pieces, place, value);
        self.heap.arena.set_u32(list + 8, length + 1);
        Ok(list)
    }

    /// `list.remove`: the slots of what was there, moved out.
    pub fn list_remove(&mut self, list: Ref, index: i64, out: &mut [u64]) -> Run<()> {
        let (item, stride) = self.items(list)?;
        let length = self.heap.length(list);
        let at = check_index(index, length)?;
        self.pay_bytes(u64::from(length - at) * u64::from(stride))?;
        let place = list + SEQUENCE + at * stride;
        self.heap.load(&item.pieces, place, out);
        self.heap
            .arena
            .copy(place + stride, place, (length - at - 1) * stride);
        self.heap.arena.set_u32(list + 8, length - 1);
        Ok(())
    }

    /// `list.swap`.
    pub fn list_swap(&mut self, list: Ref, left: i64, right: i64) -> Run<()> {
        let (_, stride) = self.items(list)?;
        let length = self.heap.length(list);
        let (left, right) = (check_index(left, length)?, check_index(right, length)?);
        self.swap_items(list, left, right, stride);
        Ok(())
    }

    fn swap_items(&mut self, list: Ref, left: u32, right: u32, stride: u32) {
        let (mut a, mut b) = (
            list + SEQUENCE + left * stride,
            list + SEQUENCE + right * stride,
        );
        let mut rest = stride;
        while rest >= 8 {
            let (x, y) = (self.heap.arena.u64(a), self.heap.arena.u64(b));
            self.heap.arena.set_u64(a, y);
            self.heap.arena.set_u64(b, x);
            (a, b, rest) = (a + 8, b + 8, rest - 8);
        }
        for i in 0..rest {
            let (x, y) = (self.heap.arena.u8(a + i), self.heap.arena.u8(b + i));
            self.heap.arena.set_u8(a + i, y);
            self.heap.arena.set_u8(b + i, x);
        }
    }

    /// `list.truncate` to `length`, which is not negative.
    pub fn list_truncate(&mut self, list: Ref, length: i64) -> Run<()> {
        let (item, stride) = self.items(list)?;
        let old = self.heap.length(list);
        let Some(new) = u32::try_from(length).ok().filter(|new| *new < old) else {
            return Ok(());
        };
        self.heap.arena.set_u32(list + 8, new);
        if !item.copy {
            for i in new..old {
                self.heap
                    .release_memory(&item.refs, list + SEQUENCE + i * stride);
            }
        }
        Ok(())
    }

    /// `list.reverse`.
    pub fn list_reverse(&mut self, list: Ref) -> Run<()> {
        let (_, stride) = self.items(list)?;
        let length = self.heap.length(list);
        self.pay_bytes(u64::from(length) * u64::from(stride))?;
        if stride > 0 {
            for i in 0..length / 2 {
                self.swap_items(list, i, length - 1 - i, stride);
            }
        }
        Ok(())
    }

    /// `list.extend`: the elements of `other` get one more owner.
    pub fn list_extend(&mut self, list: Ref, other: Ref) -> Run<Ref> {
        let (item, stride) = self.items(list)?;
        let (length, count) = (self.heap.length(list), self.heap.length(other));
        self.check_count(u64::from(length) + u64::from(count))?;
        let bytes = u64::from(count) * u64::from(stride);
        self.pay(per_16_bytes(bytes))?;
        let list = self.grow(list, u64::from(count), stride)?;
        self.heap.arena.copy(
            other + SEQUENCE,
            list + SEQUENCE + length * stride,
            bytes as u32,
        );
        self.heap.arena.set_u32(list + 8, length + count);
        self.share_items(item, list, length, count, stride);
        Ok(list)
    }
}
