//! Where the locals of the source are: which value holds which of them, from which instruction up to which. For debuggers.
//!
//! A value is in scope from its definition to the end of the arm that it is defined in. There its local is what it holds, until
//! an instruction consumes it. Behind an arm that consumed it, it is gone wherever that arm leads on to; in the arms beside it
//! is still there.

use std::rc::Rc;

use cop_bytecode::{Instr, Value};

use super::draft::{Draft, Known, Use, each_use, opens};
use crate::source::Span;

/// A value that is that of a local of the source.
#[derive(Clone, Debug)]
pub struct Label {
    /// The value, as the draft counts.
    pub value: u32,
    /// The local.
    pub local: u32,
    /// Its name.
    pub name: Rc<str>,
    /// Where it was bound.
    pub span: Span,
}

/// A local in a value for some instructions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// The local's name.
    pub name: Rc<str>,
    /// The local.
    pub local: u32,
    /// Where it was bound.
    pub span: Span,
    /// The value, as the package counts.
    pub value: u32,
    /// From this instruction on,
    pub from: u32,
    /// and before this one.
    pub to: u32,
}

/// A stretch of instructions that are run one after the other, regions between them included.
struct Arm {
    /// The instruction that ends it: a separator or the end of the region, or one past the last of the function.
    end: usize,
    /// The region that it is an arm of.
    region: Option<usize>,
}

struct Region {
    end: usize,
    /// The arm that the region stands in.
    within: usize,
}

/// Arms and regions of a function.
struct Structure {
    arms: Vec<Arm>,
    regions: Vec<Region>,
    /// By instruction, the arm that it stands in.
    of: Vec<usize>,
    /// By instruction that opens a region, its first arm.
    inner: Vec<usize>,
}

impl Structure {
    fn new(draft: &Draft) -> Structure {
        let length = draft.code.len();
        let mut all = Structure {
            arms: vec![Arm {
                end: length,
                region: None,
            }],
            regions: vec![],
            of: Vec::with_capacity(length),
            inner: vec![0; length],
        };
        let mut open: Vec<(usize, usize)> = vec![];
        let mut arm = 0;
        for (at, node) in draft.code.iter().enumerate() {
            match &node.instr {
                instr if opens(instr) => {
                    all.of.push(arm);
                    all.regions.push(Region {
                        end: length,
                        within: arm,
                    });
                    let region = all.regions.len() - 1;
                    open.push((region, arm));
                    arm = all.arm(region, length);
                    all.inner[at] = arm;
                }
                Instr::Else | Instr::Arm => {
                    all.arms[arm].end = at;
                    if let Some((region, within)) = open.last().copied() {
                        all.of.push(within);
                        arm = all.arm(region, length);
                    } else {
                        all.of.push(arm);
                    }
                }
                Instr::End => {
                    all.arms[arm].end = at;
                    if let Some((region, within)) = open.pop() {
                        all.regions[region].end = at;
                        arm = within;
                    }
                    all.of.push(arm);
                }
                _ => all.of.push(arm),
            }
        }
        all
    }

    fn arm(&mut self, region: usize, end: usize) -> usize {
        self.arms.push(Arm {
            end,
            region: Some(region),
        });
        self.arms.len() - 1
    }

    /// Where a value that is consumed at `at` is gone.
    fn gone(&self, draft: &Draft, at: usize) -> Vec<(usize, usize)> {
        let mut gone = vec![];
        let (mut arm, mut from) = (self.of[at], at + 1);
        loop {
            let Arm { end, mut region } = self.arms[arm];
            gone.push((from, end));
            let last = end.checked_sub(1).and_then(|last| draft.code.get(last));
            let Some(Instr::Exit { depth, .. }) = last.map(|node| &node.instr) else {
                return gone;
            };
            for _ in 0..*depth {
                region = region.and_then(|r| self.arms[self.regions[r].within].region);
            }
            let Some(left) = region.map(|region| &self.regions[region]) else {
                return gone;
            };
            (arm, from) = (left.within, left.end);
        }
    }
}

/// Where the locals of a function are.
pub fn named(draft: &Draft, known: &Known, labels: &[Label]) -> Vec<Named> {
    let structure = Structure::new(draft);
    let count = draft.values.len();
    // By value: its number in the package, where it is in scope, and where it is gone.
    let mut numbers = vec![u32::MAX; count];
    let mut scopes = vec![(0, 0); count];
    let mut gone: Vec<Vec<(usize, usize)>> = vec![vec![]; count];
    let mut next = draft.params.len() as u32;
    for value in 0..draft.params.len() {
        numbers[value] = value as u32;
        scopes[value] = (0, draft.code.len());
    }
    let mut labels = labels.to_vec();
    for (at, node) in draft.code.iter().enumerate() {
        let arm = match opens(&node.instr) {
            true => structure.inner[at],
            false => structure.of[at],
        };
        for value in node.first..node.first + node.count {
            numbers[value as usize] = next;
            scopes[value as usize] = (at + 1, structure.arms[arm].end);
            next += 1;
        }
        if let Instr::Unique { value, .. } = &node.instr {
            let same: Vec<Label> = labels
                .iter()
                .filter(|label| label.value == value.0)
                .map(|label| Label {
                    value: node.first,
                    ..label.clone()
                })
                .collect();
            labels.extend(same);
        }
        each_use(draft, &node.instr, known, &mut |value: Value, how| {
            if matches!(how, Use::Give | Use::Drop)
                && let Some(gone) = gone.get_mut(value.0 as usize)
            {
                gone.extend(structure.gone(draft, at));
            }
        });
    }
    let mut all = vec![];
    for label in &labels {
        let value = label.value as usize;
        let (Some(number), Some(scope)) = (numbers.get(value), scopes.get(value)) else {
            continue;
        };
        if *number == u32::MAX {
            continue;
        }
        for (from, to) in without(*scope, &mut gone[value].clone()) {
            all.push(Named {
                name: label.name.clone(),
                local: label.local,
                span: label.span,
                value: *number,
                from: from as u32,
                to: to as u32,
            });
        }
    }
    all
}

/// What is left of a stretch.
fn without(stretch: (usize, usize), gone: &mut [(usize, usize)]) -> Vec<(usize, usize)> {
    gone.sort_unstable();
    let (mut from, end) = stretch;
    let mut left = vec![];
    for (first, behind) in gone.iter().copied() {
        if first > from && from < end {
            left.push((from, first.min(end)));
        }
        from = from.max(behind);
    }
    if from < end {
        left.push((from, end));
    }
    left
}
