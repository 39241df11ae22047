//! The simplest value for which a property traps. `std/test` itself finds the simplest one for which a property is `false`; a trap
//! ends the run, so here the run is repeated with fewer and smaller choices.

/// Most repetitions for one failure.
const ATTEMPTS: u32 = 500;

/// The simplest choices found: `again` repeats the run with choices, and gives those that were made if it ended likewise.
pub fn simplest(found: Vec<i64>, mut again: impl FnMut(&[i64]) -> Option<Vec<i64>>) -> Vec<i64> {
    let mut made = found;
    let mut left = ATTEMPTS;
    let mut tried = |script: &[i64], made: &mut Vec<i64>, left: &mut u32| {
        if *left == 0 {
            return false;
        }
        *left -= 1;
        match again(script) {
            Some(simpler) if (simpler.len(), &simpler) < (made.len(), &*made) => {
                *made = simpler;
                true
            }
            _ => false,
        }
    };
    let mut is_simpler = true;
    while is_simpler && left > 0 {
        is_simpler = false;
        for size in [8, 4, 3, 2, 1] {
            let mut at = made.len().checked_sub(size);
            while let Some(here) = at {
                let mut script = made[..here].to_vec();
                script.extend_from_slice(&made[here + size..]);
                let shorter = tried(&script, &mut made, &mut left);
                is_simpler |= shorter;
                at = here
                    .min((made.len() + 1).saturating_sub(size))
                    .checked_sub(1);
            }
        }
        let mut at = 0;
        while at < made.len() {
            // Halving the way down to the smallest choice that still fails.
            let mut low = -1;
            while at < made.len() && low < made[at] - 1 && left > 0 {
                let aim = if low < 0 {
                    0
                } else {
                    low + (made[at] - low) / 2
                };
                let mut script = made.clone();
                script[at] = aim;
                if tried(&script, &mut made, &mut left) {
                    is_simpler = true;
                } else {
                    low = aim;
                }
            }
            at += 1;
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_become_fewer_and_smaller() {
        // A list: 1 before each element, 0 behind the last; it fails if an element is above 100 and it has three.
        let again = |script: &[i64]| {
            let mut made = Vec::new();
            let mut list = Vec::new();
            let mut at = script.iter().copied();
            loop {
                let goes_on = at.next().unwrap_or(0);
                made.push(goes_on);
                if goes_on == 0 {
                    break;
                }
                let element = at.next().unwrap_or(0);
                made.push(element);
                list.push(element);
            }
            (list.len() >= 3 && list.iter().any(|&element| element > 100)).then_some(made)
        };
        let found = vec![1, 5, 7, 900, 1, 800, 2, 3, 1, 4, 0];
        assert!(again(&found).is_some());
        assert_eq!(simplest(found, again), [1, 0, 1, 101, 1, 0, 0]);
        assert_eq!(simplest(vec![], |_| None), [0; 0]);
    }
}
