//! Placement of pages in the arena: first fit by address, free neighbours joined. Where something lies cannot
//! be observed, so this is the engine's own business.

use std::collections::BTreeMap;

/// Most pages of an arena: 4 GiB, the last page left out so that no sum of an offset and a page overflows.
const MOST: u32 = (1 << 20) - 1;

/// Free runs of pages, and where the never used begin.
pub struct Pages {
    /// First page of a run, and how many; runs never touch.
    free: BTreeMap<u32, u32>,
    top: u32,
}

impl Pages {
    /// No pages at all.
    pub fn new() -> Pages {
        Pages {
            free: BTreeMap::new(),
            top: 0,
        }
    }

    /// Pages begin at this one.
    pub fn start(&mut self, first: u32) {
        self.top = first;
    }

    /// Takes `count` pages in a row: the first of them, and the page after the last that was ever used. None if
    /// there are no addresses left.
    pub fn take(&mut self, count: u32) -> Option<(u32, u32)> {
        if let Some((&page, &run)) = self.free.iter().find(|(_, run)| **run >= count) {
            self.free.remove(&page);
            if run > count {
                self.free.insert(page + count, run - count);
            }
            return Some((page, self.top));
        }
        let page = self.top;
        let top = page.checked_add(count).filter(|top| *top <= MOST)?;
        self.top = top;
        Some((page, top))
    }

    /// Gives `count` pages back.
    pub fn free(&mut self, page: u32, count: u32) {
        let (mut first, mut end) = (page, page + count);
        if let Some((&before, &run)) = self.free.range(..page).next_back()
            && before + run == page
        {
            self.free.remove(&before);
            first = before;
        }
        if let Some(run) = self.free.remove(&end) {
            end += run;
        }
        if end == self.top {
            self.top = first;
        } else {
            self.free.insert(first, end - first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_join() {
        let mut pages = Pages::new();
        pages.start(2);
        let a = pages.take(3).unwrap().0;
        let b = pages.take(4).unwrap().0;
        let c = pages.take(5).unwrap().0;
        assert_eq!((a, b, c), (2, 5, 9));
        pages.free(a, 3);
        pages.free(b, 4);
        assert_eq!(pages.take(7).unwrap().0, 2);
        pages.free(2, 7);
        pages.free(c, 5);
        assert_eq!(pages.top, 2);
        assert!(pages.free.is_empty());
        assert!(pages.take(MOST).is_none());
    }
}
