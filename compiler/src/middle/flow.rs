//! Where values are used, and how the regions of a body lie inside each other.

use super::draft::{Draft, Known, Use, each_use, opens};
use cop_bytecode::{Instr, TypeId, Value};

/// The body as a whole, where a region is asked for.
pub const BODY: u32 = u32::MAX;

/// No use.
const NONE: u32 = u32::MAX;

/// Regions and uses of a body. Positions are indices into its code. Of values that are copied bit by bit, nothing is
/// noted.
#[derive(Default)]
pub struct Flow {
    /// Whether it says what the body at hand is like; whoever changes that says so.
    pub current: bool,
    places: Vec<Place>,
    values: Vec<Noted>,
    uses: Vec<Link>,
    /// While it is filled, per open region: its opener, and the arm at hand.
    open: Vec<(u32, u32)>,
}

/// An instruction among the regions.
#[derive(Clone, Copy)]
struct Place {
    /// The arm it stands in: where that begins (at the instruction that opens the region, or at `else` or `arm`), or
    /// [`BODY`].
    arm: u32,
    /// If it begins an arm, the one that opens the region.
    opener: u32,
    /// If it opens a region, its end.
    close: u32,
    /// If it begins an arm, what ends that.
    terminator: u32,
}

/// A value.
#[derive(Clone, Copy)]
struct Noted {
    /// Nothing is noted of it.
    copy: bool,
    /// Where it is defined; [`BODY`] for parameters.
    defined: u32,
    first_use: u32,
    last_use: u32,
}

/// A use of a value.
#[derive(Clone, Copy)]
struct Link {
    at: u32,
    how: Use,
    /// The instruction is gone since.
    gone: bool,
    /// The next one of the same value.
    next: u32,
}

/// Notes a use.
fn note(values: &mut [Noted], uses: &mut Vec<Link>, value: Value, at: u32, how: Use) {
    let value = &mut values[value.0 as usize];
    if value.copy {
        return;
    }
    let new = uses.len() as u32;
    match value.last_use {
        NONE => value.first_use = new,
        last => uses[last as usize].next = new,
    }
    value.last_use = new;
    uses.push(Link {
        at,
        how,
        gone: false,
        next: NONE,
    });
}

impl Flow {
    /// Notes the uses of some values of a body, and nothing of its regions.
    pub fn fill_uses(&mut self, draft: &Draft, known: &Known, some: impl Fn(TypeId) -> bool) {
        self.current = false;
        let Flow { values, uses, .. } = self;
        values.clear();
        values.extend(draft.values.iter().map(|ty| Noted {
            copy: !some(*ty),
            defined: BODY,
            first_use: NONE,
            last_use: NONE,
        }));
        uses.clear();
        for (at, node) in draft.code.iter().enumerate() {
            each_use(draft, &node.instr, known, &mut |value, how| {
                note(values, uses, value, at as u32, how);
            });
        }
    }

    /// Looks at a body, unless nothing has changed since.
    pub fn fill(&mut self, draft: &Draft, known: &mut Known) {
        if std::mem::replace(&mut self.current, true) {
            return;
        }
        let Flow {
            places,
            values,
            uses,
            open,
            ..
        } = self;
        values.clear();
        values.extend(draft.values.iter().map(|ty| Noted {
            copy: known.is_copy(*ty),
            defined: BODY,
            first_use: NONE,
            last_use: NONE,
        }));
        places.clear();
        places.reserve(draft.code.len());
        uses.clear();
        open.clear();
        // The arm at hand.
        let mut around = BODY;
        for (i, node) in draft.code.iter().enumerate() {
            let at = i as u32;
            let mut place = Place {
                arm: around,
                opener: BODY,
                close: 0,
                terminator: 0,
            };
            match node.instr {
                Instr::Else | Instr::Arm => {
                    if let Some((opener, arm)) = open.last_mut() {
                        places[*arm as usize].terminator = at.saturating_sub(1);
                        place.opener = *opener;
                        place.arm = at;
                        around = at;
                        *arm = at;
                    }
                }
                Instr::End => {
                    if let Some((opener, arm)) = open.pop() {
                        places[arm as usize].terminator = at.saturating_sub(1);
                        let opener = &mut places[opener as usize];
                        opener.close = at;
                        around = opener.arm;
                        place.arm = around;
                    }
                }
                _ if opens(&node.instr) => {
                    place.opener = at;
                    around = at;
                    open.push((at, at));
                }
                _ => {}
            }
            places.push(place);
            match node.count {
                0 => {}
                1 => values[node.first as usize].defined = at,
                count => {
                    let defined = &mut values[node.first as usize..][..count as usize];
                    defined.iter_mut().for_each(|value| value.defined = at);
                }
            }
            each_use(draft, &node.instr, known, &mut |value, how| {
                note(values, uses, value, at, how);
            });
        }
    }

    /// The arm that an instruction stands in, or [`BODY`].
    pub fn arm(&self, position: usize) -> u32 {
        self.places[position].arm
    }

    /// If an instruction opens a region, its end.
    pub fn close(&self, position: usize) -> usize {
        self.places[position].close as usize
    }

    /// What ends the arm that an instruction stands in.
    pub fn terminator(&self, position: u32) -> u32 {
        match self.places[position as usize].arm {
            BODY => self.places.len() as u32 - 1,
            arm => self.places[arm as usize].terminator,
        }
    }

    /// Calls `f` with where a value, or what is borrowed from it, is looked at or taken over, in no order.
    pub fn each_look(&self, draft: &Draft, value: Value, f: &mut impl FnMut(u32)) {
        let mut borrowed = vec![];
        let mut at_hand = Some(value);
        while let Some(value) = at_hand {
            for (at, how) in self.uses(value) {
                if how == Use::Drop {
                    continue;
                }
                f(at);
                let node = &draft.code[at as usize];
                if let Instr::Get { value: from, .. } = &node.instr
                    && *from == value
                    && !self.values[node.first as usize].copy
                {
                    borrowed.push(Value(node.first));
                }
            }
            at_hand = borrowed.pop();
        }
    }

    /// Says that an instruction is gone, and with it what it used.
    pub fn forget(&mut self, at: u32) {
        let first = self.uses.partition_point(|link| link.at < at);
        let uses = self.uses[first..].iter_mut();
        uses.take_while(|link| link.at == at)
            .for_each(|link| link.gone = true);
    }

    /// Says that a value is used in place of another, which is gone with its drops.
    pub fn replace(&mut self, other: Value, value: Value) {
        let Noted {
            first_use,
            last_use,
            ..
        } = self.values[other.0 as usize];
        let mut next = first_use;
        while let Some(link) = self.uses.get_mut(next as usize) {
            link.gone |= link.how == Use::Drop;
            next = link.next;
        }
        if first_use == NONE {
            return;
        }
        let of = &mut self.values[value.0 as usize];
        match of.last_use {
            NONE => of.first_use = first_use,
            last => self.uses[last as usize].next = first_use,
        }
        of.last_use = last_use;
    }

    /// The uses of a value in order of the code; those that were another's stand behind them.
    pub fn uses(&self, value: Value) -> impl Iterator<Item = (u32, Use)> + '_ {
        let mut next = self.values[value.0 as usize].first_use;
        std::iter::from_fn(move || {
            loop {
                let link = self.uses.get(next as usize)?;
                next = link.next;
                if !link.gone {
                    return Some((link.at, link.how));
                }
            }
        })
    }

    /// Where values are used of which that is noted, in order of the code.
    pub fn used_at(&self) -> impl Iterator<Item = u32> + '_ {
        self.uses.iter().map(|link| link.at)
    }

    /// Where a value is defined; [`BODY`] for parameters.
    pub fn defined(&self, value: Value) -> u32 {
        self.values[value.0 as usize].defined
    }

    /// The arm that a value is defined in.
    pub fn home(&self, value: Value) -> u32 {
        match self.defined(value) {
            BODY => BODY,
            // The parameters of a loop belong to its body.
            at if self.places[at as usize].close > at => at,
            at => self.places[at as usize].arm,
        }
    }

    /// The last instruction of what stands at a position, seen from an arm around it: itself, or the end of the region
    /// in that arm that it lies in.
    pub fn seen_from(&self, arm: u32, position: u32) -> u32 {
        let (mut at, mut seen) = (position, position);
        while self.places[at as usize].arm != arm {
            let inner = self.places[at as usize].arm;
            if inner == BODY {
                return position;
            }
            at = self.places[inner as usize].opener;
            seen = self.places[at as usize].close;
        }
        // What a region is opened with is looked at before anything stands in it.
        seen.max(self.places[at as usize].close)
    }
}
