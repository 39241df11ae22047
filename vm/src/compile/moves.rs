//! Moving slots as if all at once.

use std::collections::HashMap;

use super::Compiler;
use crate::flat::{Insn, NONE};

/// The spare slot while the frame's size is not known yet.
const SPARE: u32 = NONE - 1;

/// Puts the spare slot in its place.
pub(super) fn spare(insn: &mut Insn, slot: u32) {
    if let Insn::Move { d, s } = insn {
        for place in [d, s] {
            if *place == SPARE {
                *place = slot;
            }
        }
    }
}

impl Compiler<'_> {
    /// Moves slots to a row of slots that may overlap with them, as if all at once.
    pub(super) fn moves(&mut self, sources: &[u32], first: u32) {
        let mut pending: HashMap<u32, u32> = HashMap::new();
        let mut readers: HashMap<u32, u32> = HashMap::new();
        for (i, &s) in sources.iter().enumerate() {
            let d = first + i as u32;
            if s != d {
                pending.insert(d, s);
                *readers.entry(s).or_default() += 1;
            }
        }
        let targets: Vec<u32> = (0..sources.len() as u32).map(|i| first + i).collect();
        let mut ready: Vec<u32> = targets
            .iter()
            .rev()
            .copied()
            .filter(|d| pending.contains_key(d) && !readers.contains_key(d))
            .collect();
        let mut next = 0;
        loop {
            while let Some(d) = ready.pop() {
                let Some(s) = pending.remove(&d) else {
                    continue;
                };
                self.emit(Insn::Move { d, s });
                if let Some(count) = readers.get_mut(&s) {
                    *count -= 1;
                    if *count == 0 {
                        readers.remove(&s);
                        if pending.contains_key(&s) {
                            ready.push(s);
                        }
                    }
                }
            }
            // What is left are circles, in which each slot is read once: keep the first one's content in the
            // spare slot and go round.
            while next < targets.len() && !pending.contains_key(&targets[next]) {
                next += 1;
            }
            let Some(&first) = targets.get(next) else {
                break;
            };
            self.emit(Insn::Move { d: SPARE, s: first });
            let mut d = first;
            while let Some(s) = pending.remove(&d) {
                let s_or_spare = if s == first { SPARE } else { s };
                self.emit(Insn::Move { d, s: s_or_spare });
                d = s;
            }
        }
    }
}
