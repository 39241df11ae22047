//! A run's memory: one arena of bytes, addressed by 32-bit offsets (BYTECODE.md, section 7).
//!
//! ```text
//!   0        16            4112           constants_end     …        top
//!   | unused | 256 pinned  | constants    | pages: chunks of small cells, slabs of
//!   |        | cells       | (pinned)     | middle cells, large cells
//! ```
//!
//! Reading or writing outside the arena does no harm: it gives 0 and marks the arena as broken, and the run
//! ends as refused. Verified code never does this.

mod account;
mod pages;
mod region;

use std::cell::Cell;

use account::Account;
pub use account::{Class, ListClass};
use pages::Pages;
use region::Region;

/// An offset into the arena; 0 is never a cell.
pub type Ref = u32;

/// Count of a cell that `dup` and `drop` leave alone.
pub const PINNED_COUNT: u32 = u32::MAX;
/// Bytes of each pinned cell at the beginning of the arena.
const PINNED_STRIDE: u32 = 16;
/// How many pinned cells there are, one for each tag.
const PINNED_CELLS: u32 = cop_bytecode::fuel::PINNED;

/// Why there is no new cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoRoom {
    /// The account would pass its limit.
    Limit,
    /// The arena has no addresses left; placement must not let this happen before the limit does.
    Addresses,
}

/// The arena with its free lists and its account.
pub struct Arena {
    region: Region,
    /// Something was read or written outside.
    broken: Cell<bool>,
    pages: Pages,
    account: Account,
}

/// Bytes taken at once for cells of a middle class.
const SLAB: u32 = 64 << 10;
/// Bytes of a chunk of small cells, and of a page.
const PAGE: u32 = 4 << 10;

impl Arena {
    /// An arena whose account may reach `limit` bytes.
    ///
    /// # Errors
    /// When the system has no memory for it.
    pub fn new(limit: u64) -> Result<Arena, String> {
        let mut arena = Arena {
            region: Region::new()?,
            broken: Cell::new(false),
            pages: Pages::new(),
            account: Account::new(limit),
        };
        arena.need(u64::from(PINNED_STRIDE * (PINNED_CELLS + 1)))?;
        // What dup and drop find where no reference is.
        arena.set_u32(0, PINNED_COUNT);
        for tag in 0..PINNED_CELLS {
            let cell = pinned(tag);
            arena.set_u32(cell, PINNED_COUNT);
            arena.set_u16(cell + 8, tag as u16);
        }
        Ok(arena)
    }

    fn need(&mut self, bytes: u64) -> Result<(), String> {
        match usize::try_from(bytes) {
            Ok(bytes) if self.region.grow(bytes) => Ok(()),
            _ => Err("no memory for a run".into()),
        }
    }

    /// Adds a pinned sequence cell outside of the account. Only before anything is allocated.
    ///
    /// # Errors
    /// When the system has no memory for it.
    pub fn add_constant(&mut self, ty: u32, content: &[u8]) -> Result<Ref, String> {
        let at = self.region.bytes().len();
        self.need((at + 16 + content.len()).next_multiple_of(16) as u64)?;
        let at = at as u32;
        self.set_u32(at, PINNED_COUNT);
        self.set_u32(at + 4, ty);
        self.set_u32(at + 8, content.len() as u32);
        self.set_u32(at + 12, content.len() as u32);
        self.write(at + 16, content);
        Ok(at)
    }

    /// Ends the part for constants; allocation may begin.
    pub fn constants_done(&mut self) {
        let first = self.region.bytes().len().div_ceil(PAGE as usize);
        self.pages.start(first as u32);
    }

    /// A new cell of at least `size` bytes, with a count of 1 and that type word. What follows is arbitrary.
    ///
    /// # Errors
    /// When the account or the arena has no room.
    #[inline]
    pub fn allocate(&mut self, size: u64, ty: u32) -> Result<Ref, NoRoom> {
        let class = Class::of(size).ok_or(NoRoom::Limit)?;
        let cell = match class {
            Class::Large { pages } => {
                self.account.take_large(pages)?;
                self.take_pages(pages)?
            }
            Class::Listed { index, size } => self.take_listed(index, size)?,
        };
        self.set_u32(cell, 1);
        self.set_u32(cell + 4, ty);
        Ok(cell)
    }

    #[inline]
    fn take_listed(&mut self, index: usize, size: u32) -> Result<Ref, NoRoom> {
        let class = self.account.classes[index];
        self.account.alive(index, size)?;
        if class.head != 0 {
            self.account.classes[index].head = self.u32(class.head);
            return Ok(class.head);
        }
        if class.end - class.next >= size {
            self.account.classes[index].next += size;
            return Ok(class.next);
        }
        let bytes = if index < account::SMALL { PAGE } else { SLAB };
        let start = self.take_pages(bytes / PAGE)?;
        let class = &mut self.account.classes[index];
        class.next = start + size;
        class.end = start + bytes;
        Ok(start)
    }

    fn take_pages(&mut self, count: u32) -> Result<Ref, NoRoom> {
        let (page, top) = self.pages.take(count).ok_or(NoRoom::Addresses)?;
        match self.region.grow(top as usize * PAGE as usize) {
            true => Ok(page * PAGE),
            false => Err(NoRoom::Addresses),
        }
    }

    /// Gives a cell back; `size` is what it was allocated with.
    #[inline]
    pub fn free(&mut self, cell: Ref, size: u64) {
        match Class::of(size) {
            Some(Class::Listed { index, .. }) => {
                let head = self.account.classes[index].head;
                self.set_u32(cell, head);
                self.account.classes[index].head = cell;
                self.account.dead(index);
            }
            Some(Class::Large { pages }) => {
                self.account.free_large(pages);
                self.pages.free(cell / PAGE, pages);
            }
            None => self.broken.set(true),
        }
    }

    /// Greatest memory used so far, bytes.
    pub fn peak(&self) -> u64 {
        self.account.peak()
    }

    /// Memory used now, bytes.
    pub fn used(&self) -> u64 {
        self.account.used()
    }

    /// The account's limit, bytes.
    pub fn limit(&self) -> u64 {
        self.account.limit()
    }

    /// How many cells are alive, pinned ones aside.
    pub fn live_cells(&self) -> u64 {
        self.account.live()
    }

    /// Whether something was read or written outside.
    pub fn is_broken(&self) -> bool {
        self.broken.get()
    }

    /// Marks the arena as broken.
    #[cold]
    pub fn break_it(&self) {
        self.broken.set(true);
    }

    /// Says whether what was found is to count.
    pub fn set_broken(&self, broken: bool) {
        self.broken.set(broken);
    }

    #[cold]
    fn outside<T: Default>(&self) -> T {
        self.broken.set(true);
        T::default()
    }

    /// Where it begins; that never changes.
    #[cfg(cop_jit)]
    pub fn base(&self) -> *mut u8 {
        self.region.base()
    }

    /// The small and middle classes, by index; they never move.
    #[cfg(cop_jit)]
    pub fn classes(&mut self) -> *mut ListClass {
        self.account.classes.as_mut_ptr()
    }

    /// Some bytes.
    #[inline]
    pub fn slice(&self, at: u32, count: u32) -> &[u8] {
        let at = at as usize;
        match self.region.bytes().get(at..at + count as usize) {
            Some(bytes) => bytes,
            None => {
                self.broken.set(true);
                &[]
            }
        }
    }

    /// Some bytes to write to.
    #[inline]
    pub fn slice_mut(&mut self, at: u32, count: u32) -> &mut [u8] {
        let at = at as usize;
        match self.region.bytes_mut().get_mut(at..at + count as usize) {
            Some(bytes) => bytes,
            None => {
                self.broken.set(true);
                &mut []
            }
        }
    }

    /// Writes bytes.
    pub fn write(&mut self, at: u32, content: &[u8]) {
        let place = self.slice_mut(at, content.len() as u32);
        if place.len() == content.len() {
            place.copy_from_slice(content);
        }
    }

    /// Copies bytes inside the arena; the two places may overlap.
    pub fn copy(&mut self, from: u32, to: u32, count: u32) {
        let (from, to, count) = (from as usize, to as usize, count as usize);
        let bytes = self.region.bytes_mut();
        if from + count > bytes.len() || to + count > bytes.len() {
            self.broken.set(true);
        } else {
            bytes.copy_within(from..from + count, to);
        }
    }
}

/// The pinned cell of a tag below [`PINNED_CELLS`].
pub const fn pinned(tag: u32) -> Ref {
    PINNED_STRIDE * (tag + 1)
}

/// Whether a reference is to one of the pinned cells of payload-less variants.
pub const fn is_pinned_variant(cell: Ref) -> bool {
    cell < PINNED_STRIDE * (PINNED_CELLS + 1)
}

macro_rules! accessors {
    ($($get:ident $set:ident $ty:ty;)*) => {
        impl Arena {
            $(
                /// A little-endian number at an offset.
                #[inline]
                pub fn $get(&self, at: u32) -> $ty {
                    match self.region.bytes().get(at as usize..).and_then(|b| b.first_chunk()) {
                        Some(bytes) => <$ty>::from_le_bytes(*bytes),
                        None => self.outside(),
                    }
                }
                /// Writes a little-endian number at an offset.
                #[inline]
                pub fn $set(&mut self, at: u32, number: $ty) {
                    match self.region.bytes_mut().get_mut(at as usize..).and_then(|b| b.first_chunk_mut()) {
                        Some(bytes) => *bytes = number.to_le_bytes(),
                        None => self.outside(),
                    }
                }
            )*
        }
    };
}

accessors! {
    u8 set_u8 u8;
    u16 set_u16 u16;
    u32 set_u32 u32;
    u64 set_u64 u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arena(limit: u64) -> Arena {
        let mut arena = Arena::new(limit).unwrap();
        arena.constants_done();
        arena
    }

    #[test]
    fn small_cells_are_counted_in_chunks() {
        let mut a = arena(8 << 10);
        // 512 bytes: 8 per chunk, two chunks fit.
        let cells: Vec<Ref> = (0..16).map(|_| a.allocate(500, 0).unwrap()).collect();
        assert_eq!(a.used(), 8 << 10);
        assert_eq!(a.allocate(512, 0), Err(NoRoom::Limit));
        a.free(cells[3], 500);
        assert_eq!(a.used(), 8 << 10);
        assert_eq!(a.allocate(497, 0), Ok(cells[3]));
        assert_eq!(a.live_cells(), 16);
    }

    #[test]
    fn middle_cells_are_counted_at_their_most() {
        let mut a = arena(1 << 20);
        let one = a.allocate(513, 0).unwrap();
        assert_eq!(a.used(), 640);
        a.free(one, 513);
        let one = a.allocate(640, 0).unwrap();
        assert_eq!(a.used(), 640);
        a.allocate(640, 0).unwrap();
        assert_eq!(a.used(), 1280);
        a.free(one, 640);
        a.allocate(32 << 10, 0).unwrap();
        assert_eq!(a.used(), 1280 + (32 << 10));
    }

    #[test]
    fn large_cells_count_while_alive() {
        let mut a = arena(100 << 10);
        let big = a.allocate((32 << 10) + 1, 0).unwrap();
        assert_eq!(a.used(), 36 << 10);
        a.free(big, (32 << 10) + 1);
        assert_eq!((a.used(), a.peak()), (0, 36 << 10));
        assert!(a.allocate(100 << 10, 0).is_ok());
        assert_eq!(a.allocate(33 << 10, 0), Err(NoRoom::Limit));
    }

    #[test]
    fn outside_is_harmless() {
        let mut a = arena(1 << 20);
        assert_eq!(a.u64(u32::MAX - 3), 0);
        assert!(a.is_broken());
        a.set_u32(u32::MAX, 7);
        assert_eq!(a.slice(u32::MAX, 5), b"");
    }

    #[test]
    fn many_sizes_many_times_stay_within_few_addresses() {
        let mut a = arena(16 << 20);
        let mut cells = std::collections::VecDeque::new();
        let mut x = 1u64;
        for _ in 0..20_000 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let size = 16 + (x >> 33) % if x >> 62 == 0 { 300_000 } else { 2_000 };
            if let Ok(cell) = a.allocate(size, 0) {
                a.set_u64(cell + 8, size);
                cells.push_back((cell, size));
            }
            if cells.len() > 100 {
                let (cell, size) = cells.pop_front().unwrap();
                assert_eq!(a.u64(cell + 8), size);
                a.free(cell, size);
            }
        }
        for (cell, size) in cells {
            a.free(cell, size);
        }
        assert_eq!(a.live_cells(), 0);
        assert!(!a.is_broken());
        assert!(a.region.bytes().len() < 64 << 20);
    }
}
