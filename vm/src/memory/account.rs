//! Size classes and the account of memory used: exact, and the same in every engine, because it depends only
//! on how many cells of each class were alive when.
//!
//! ```text
//!   small    up to 512 bytes      multiples of 16, 32 classes     4 KiB per chunk ever taken
//!   middle   up to 32 KiB         4 steps per doubling, 24        its size times the most ever alive at once
//!   large    more                 whole pages of 4 KiB            its pages while alive
//! ```

use super::NoRoom;

/// Classes of small cells.
pub const SMALL: usize = 32;
/// Classes of small and middle cells.
pub const CLASSES: usize = SMALL + 24;
const PAGE: u64 = 4 << 10;
const MIDDLE_MOST: u64 = 32 << 10;

/// The class of a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// A small or middle class with a free list; its index and the size of its cells.
    Listed { index: usize, size: u32 },
    /// A large cell of that many pages.
    Large { pages: u32 },
}

impl Class {
    /// The class of cells of that many bytes; none beyond 4 GiB.
    #[inline]
    pub fn of(size: u64) -> Option<Class> {
        if size <= 512 {
            let steps = size.max(1).div_ceil(16);
            return Some(Class::Listed {
                index: steps as usize - 1,
                size: steps as u32 * 16,
            });
        }
        if size <= MIDDLE_MOST {
            // 513..=1024 is the first doubling, in steps of 128 bytes; the next in steps of 256; and so on.
            let doubling = (size - 1).ilog2() - 9;
            let step = 128u64 << doubling;
            let base = 512u64 << doubling;
            let steps = (size - base).div_ceil(step);
            return Some(Class::Listed {
                index: SMALL + doubling as usize * 4 + steps as usize - 1,
                size: (base + steps * step) as u32,
            });
        }
        let pages = size.div_ceil(PAGE);
        Some(Class::Large {
            pages: u32::try_from(pages).ok().filter(|p| *p <= 1 << 20)?,
        })
    }
}

/// Memory used, and the most of it.
pub struct Account {
    limit: u64,
    used: u64,
    peak: u64,
    /// Large cells alive.
    large: u64,
    /// The small and middle classes. Machine code takes cells from their lists, and gives them back.
    pub classes: Box<[ListClass; CLASSES]>,
}

/// A small or middle class: its cells that are free, and how many are alive.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct ListClass {
    /// Head of the list of free cells, which are linked through their first word; 0 if there is none. Where one is
    /// free, another may be alive without taking more.
    pub head: super::Ref,
    /// The part of the newest chunk that was never used.
    pub next: u32,
    /// Its end.
    pub end: u32,
    padding: u32,
    /// Cells alive.
    pub alive: u64,
    /// The most that may be alive before more is taken: cells of all chunks, or the most ever alive.
    room: u64,
}

impl Account {
    /// An empty account.
    pub fn new(limit: u64) -> Account {
        Account {
            limit,
            used: 0,
            peak: 0,
            large: 0,
            classes: Box::new([ListClass::default(); CLASSES]),
        }
    }

    /// One more cell of a listed class is alive.
    #[inline]
    pub fn alive(&mut self, index: usize, size: u32) -> Result<(), NoRoom> {
        if self.classes[index].alive == self.classes[index].room {
            let (bytes, cells) = if index < SMALL {
                (PAGE, PAGE / u64::from(size))
            } else {
                (u64::from(size), 1)
            };
            self.take(bytes)?;
            self.classes[index].room += cells;
        }
        self.classes[index].alive += 1;
        Ok(())
    }

    /// One cell of a listed class is gone.
    #[inline]
    pub fn dead(&mut self, index: usize) {
        self.classes[index].alive = self.classes[index].alive.wrapping_sub(1);
    }

    /// A large cell is alive.
    pub fn take_large(&mut self, pages: u32) -> Result<(), NoRoom> {
        self.take(u64::from(pages) * PAGE)?;
        self.large += 1;
        Ok(())
    }

    /// A large cell is gone.
    pub fn free_large(&mut self, pages: u32) {
        self.used = self.used.saturating_sub(u64::from(pages) * PAGE);
        self.large = self.large.wrapping_sub(1);
    }

    /// Cells alive.
    pub fn live(&self) -> u64 {
        let listed = self.classes.iter().map(|class| class.alive);
        listed.fold(self.large, u64::wrapping_add)
    }

    fn take(&mut self, bytes: u64) -> Result<(), NoRoom> {
        let used = self.used + bytes;
        if used > self.limit {
            return Err(NoRoom::Limit);
        }
        self.used = used;
        self.peak = self.peak.max(used);
        Ok(())
    }

    /// Memory used now, bytes.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// The most memory ever used, bytes.
    pub fn peak(&self) -> u64 {
        self.peak
    }

    /// The limit, bytes.
    pub fn limit(&self) -> u64 {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_dense_and_fit() {
        let mut last = None;
        for size in 1..=MIDDLE_MOST {
            let Some(Class::Listed { index, size: room }) = Class::of(size) else {
                panic!("{size}");
            };
            assert!(u64::from(room) >= size && u64::from(room) <= size.max(64) * 5 / 4 + 16);
            match last {
                Some((i, r)) if i == index => assert_eq!(r, room),
                Some((i, _)) => assert_eq!(i + 1, index),
                None => assert_eq!(index, 0),
            }
            last = Some((index, room));
        }
        assert_eq!(last, Some((CLASSES - 1, 32 << 10)));
        assert_eq!(Class::of(MIDDLE_MOST + 1), Some(Class::Large { pages: 9 }));
        assert_eq!(Class::of(u64::MAX), None);
    }
}
