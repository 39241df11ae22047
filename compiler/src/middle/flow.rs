//! Where values are used, and how the regions of a body lie inside each other.

use super::draft::{Draft, Known, Use, each_use, opens};
use cop_bytecode::{Instr, Value};

/// The body as a whole, where a region is asked for.
pub const BODY: u32 = u32::MAX;

/// Regions and uses of a body. Positions are indices into its code.
pub struct Flow {
    /// Per instruction, the arm it stands in: where that begins (at the instruction that opens the region, or at
    /// `else` or `arm`), or [`BODY`].
    pub arm: Vec<u32>,
    /// Per instruction that begins an arm, the one that opens the region.
    opener: Vec<u32>,
    /// Per instruction that opens a region, its end.
    pub close: Vec<u32>,
    /// Per instruction that begins an arm, what ends that.
    terminator: Vec<u32>,
    /// Per value, where it is defined; [`BODY`] for parameters.
    pub defined: Vec<u32>,
    first_use: Vec<u32>,
    uses: Vec<(u32, Use)>,
}

impl Flow {
    /// Of a body.
    pub fn of(draft: &Draft, known: &Known) -> Flow {
        let length = draft.code.len();
        let mut flow = Flow {
            arm: vec![BODY; length],
            opener: vec![BODY; length],
            close: vec![0; length],
            terminator: vec![0; length],
            defined: vec![BODY; draft.values.len()],
            first_use: vec![],
            uses: vec![],
        };
        // Per open region: its opener, and the arm at hand.
        let mut open: Vec<(u32, u32)> = vec![];
        let mut pending = vec![];
        let mut counts = vec![0u32; draft.values.len() + 1];
        for (i, node) in draft.code.iter().enumerate() {
            let at = i as u32;
            match node.instr {
                Instr::Else | Instr::Arm => {
                    if let Some((opener, arm)) = open.last_mut() {
                        flow.terminator[*arm as usize] = at.saturating_sub(1);
                        flow.opener[i] = *opener;
                        *arm = at;
                    }
                }
                Instr::End => {
                    if let Some((opener, arm)) = open.pop() {
                        flow.terminator[arm as usize] = at.saturating_sub(1);
                        flow.close[opener as usize] = at;
                    }
                }
                _ => {}
            }
            flow.arm[i] = open.last().map_or(BODY, |(_, arm)| *arm);
            (node.first..node.first + node.count).for_each(|v| flow.defined[v as usize] = at);
            if opens(&node.instr) {
                flow.opener[i] = at;
                open.push((at, at));
            }
            each_use(draft, &node.instr, known, &mut |value, how| {
                counts[value.0 as usize] += 1;
                pending.push((value.0, at, how));
            });
        }
        let mut sum = 0;
        for count in &mut counts {
            sum += std::mem::replace(count, sum);
        }
        flow.first_use = counts.clone();
        flow.uses = vec![(0, Use::Look); pending.len()];
        for (value, at, how) in pending {
            let place = &mut counts[value as usize];
            flow.uses[*place as usize] = (at, how);
            *place += 1;
        }
        flow
    }

    /// What ends the arm that an instruction stands in.
    pub fn terminator(&self, position: u32) -> u32 {
        match self.arm[position as usize] {
            BODY => self.arm.len() as u32 - 1,
            arm => self.terminator[arm as usize],
        }
    }

    /// Where a value, or what is borrowed from it, is looked at or taken over, in no order.
    pub fn looks(&self, draft: &Draft, known: &mut Known, value: Value) -> Vec<u32> {
        let mut all = vec![];
        let mut values = vec![value];
        while let Some(value) = values.pop() {
            for (at, how) in self.uses(value) {
                if *how == Use::Drop {
                    continue;
                }
                all.push(*at);
                let node = &draft.code[*at as usize];
                if let Instr::Get { value: from, .. } = &node.instr
                    && *from == value
                    && !known.is_copy(draft.values[node.first as usize])
                {
                    values.push(Value(node.first));
                }
            }
        }
        all
    }

    /// The uses of a value in order of the code.
    pub fn uses(&self, value: Value) -> &[(u32, Use)] {
        let at = value.0 as usize;
        &self.uses[self.first_use[at] as usize..self.first_use[at + 1] as usize]
    }

    /// The arm that a value is defined in.
    pub fn home(&self, value: Value) -> u32 {
        match self.defined[value.0 as usize] {
            BODY => BODY,
            // The parameters of a loop belong to its body.
            at if self.close[at as usize] > at => at,
            at => self.arm[at as usize],
        }
    }

    /// The last instruction of what stands at a position, seen from an arm around it: itself, or the end of the region
    /// in that arm that it lies in.
    pub fn seen_from(&self, arm: u32, position: u32) -> u32 {
        let (mut at, mut seen) = (position, position);
        while self.arm[at as usize] != arm {
            let inner = self.arm[at as usize];
            if inner == BODY {
                return position;
            }
            at = self.opener[inner as usize];
            seen = self.close[at as usize];
        }
        // What a region is opened with is looked at before anything stands in it.
        seen.max(self.close[at as usize])
    }
}
