//! The order in which functions are looked at: callees before callers, and which of them call each other in circles.

use super::draft::Draft;

/// No number.
const NONE: u32 = u32::MAX;

/// The functions that the entry points reach.
pub struct Order {
    /// Callees first, as far as they do not call each other.
    pub functions: Vec<u32>,
    /// Per function, the one of its circle that stands last in that order: itself if it is in none.
    pub last: Vec<u32>,
}

/// A function on the way from an entry point to the one at hand.
struct Step {
    function: u32,
    /// How many of those that it names have been looked at.
    seen: usize,
}

impl Order {
    /// Of the functions that these reach. Circles are found as in Tarjan, "Depth-first search and linear graph algorithms"
    /// (1972).
    pub fn of(functions: &[Option<Draft>], roots: &[u32]) -> Order {
        let callees = |number: u32| match &functions[number as usize] {
            Some(draft) => draft.callees.as_slice(),
            None => &[],
        };
        let mut order = Order {
            functions: vec![],
            last: vec![NONE; functions.len()],
        };
        // In the order in which they are met; and per function, the first of those that it leads back to.
        let (mut met, mut low) = (vec![NONE; functions.len()], vec![NONE; functions.len()]);
        let (mut count, mut open, mut steps) = (0, vec![], vec![]);
        let mut meet = |function: u32, met: &mut [u32], low: &mut [u32], open: &mut Vec<u32>| {
            met[function as usize] = count;
            low[function as usize] = count;
            count += 1;
            open.push(function);
            Step { function, seen: 0 }
        };
        for root in roots {
            if met[*root as usize] == NONE {
                steps.push(meet(*root, &mut met, &mut low, &mut open));
            }
            while let Some(Step { function, seen }) = steps.last_mut() {
                let at = *function as usize;
                if let Some(callee) = callees(*function).get(*seen) {
                    *seen += 1;
                    let to = callee.function as usize;
                    if met[to] == NONE {
                        steps.push(meet(callee.function, &mut met, &mut low, &mut open));
                    } else if order.last[to] == NONE {
                        low[at] = low[at].min(met[to]);
                    }
                    continue;
                }
                order.functions.push(*function);
                if low[at] == met[at] {
                    let first = open.iter().rposition(|inner| inner == function);
                    for inner in open.drain(first.unwrap_or(0)..) {
                        order.last[inner as usize] = *function;
                    }
                }
                steps.pop();
                if let Some(Step { function, .. }) = steps.last() {
                    low[*function as usize] = low[*function as usize].min(low[at]);
                }
            }
        }
        order
    }
}
