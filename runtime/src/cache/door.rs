//! Who is let into a tree in whose first answers hardly any comes again: only who knocks a second time.
//!
//! The first question of a run is never closed, since one page may be asked for again and again among many that are asked for once.
//! But to keep each of these takes longer than to run a short program, and drives others out. So of answers that are new, only a
//! trace is kept at first, and nothing of what came of them.

const INSERTS_BEFORE_DECIDING: u32 = 64;
const HITS_TO_STAY_OPEN: u32 = 8;
/// Traces that are kept, and what they take.
const TRACES: usize = 1_024;

/// The door of a tree. It stands open until most of what was let in was not asked for again.
#[derive(Debug, Default)]
pub struct Door {
    new: u32,
    /// Of the last that knocked, at a place that follows from it; empty while the door is open.
    traces: Vec<u32>,
}

impl Door {
    /// Whether a first answer that is not in the tree is let in. `hash` is its own; `hits` is how often something in the tree was
    /// found since it was last begun anew, and is begun anew now and then.
    pub fn admits(&mut self, hash: u64, hits: &mut u32, is_awaited: bool) -> bool {
        self.new += 1;
        if self.new == INSERTS_BEFORE_DECIDING {
            match *hits < HITS_TO_STAY_OPEN {
                true => self.traces.resize(TRACES, 0),
                false => self.traces = Vec::new(),
            }
            self.new = 0;
            *hits = 0;
        }
        let place = (hash % TRACES as u64) as usize;
        match self.traces.get_mut(place) {
            None => true,
            Some(trace) => {
                // 0 is no trace.
                let own = (hash >> 32) as u32 | 1;
                let came_before = std::mem::replace(trace, own) == own;
                came_before || is_awaited
            }
        }
    }

    /// The memory of the traces.
    pub fn bytes(&self) -> usize {
        self.traces.len() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_twice_is_let_in() {
        let mut door = Door::default();
        let hash = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut hits = 0;
        let let_in = (0..1_000).filter(|n| door.admits(hash(*n), &mut hits, false));
        assert_eq!(let_in.count(), INSERTS_BEFORE_DECIDING as usize - 1);
        assert_eq!(door.bytes(), 4_096);
        assert!(door.admits(hash(999), &mut hits, false));
        assert!(!door.admits(hash(1_000), &mut hits, false));
        assert!(
            door.admits(hash(1_001), &mut hits, true),
            "others wait for it"
        );
        // When what is there is found again, the door opens.
        for number in 2_000..2_064 {
            hits += 1;
            door.admits(hash(number), &mut hits, false);
        }
        assert_eq!(door.bytes(), 0);
        assert!(door.admits(hash(3_000), &mut hits, false));
    }
}
