//! Open regions: their arms, parameters and results (rules 1, 2, 6). Ways out of them stand in `exits`.

use cop_bytecode::{Own, Value, ValueType, limits};

use super::error::{Check, Rule, fault};
use super::pass::Pass;
use super::signatures::check_closed;
use super::tables::{is_capability, reference_slots};
use super::values::{Borrowed, State, slots};

/// Kind of a region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Region {
    Body,
    Block,
    If {
        else_seen: bool,
    },
    /// How many arms are still to come.
    Switch {
        left: u32,
    },
    Loop,
    For,
}

/// An open region.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) region: Region,
    pub(super) results: &'a [ValueType],
    pub(super) params: &'a [ValueType],
    pub(super) opened_at: u32,
    /// Number of the innermost loop this region is or lies in; 0 if there is none.
    pub(super) innermost_loop: u32,
    /// First value of the arm at hand.
    pub(super) first_value: u32,
    /// Length of the log when the region was opened.
    pub(super) log_base: usize,
    /// How far the log has been compared with `exits`, and its ended flags put into `ended`.
    pub(super) seen: usize,
    /// How many owned values defined in this region (not in inner ones) are live.
    pub(super) live: u32,
    /// How many owned values of outer regions were live when the region was opened.
    pub(super) outer_live: u32,
    /// Slots in scope when the region was opened.
    pub(super) slots_base: u32,
    /// The last instruction that left the region or went to its head.
    pub(super) reached: Option<u32>,
    /// What the first exit decided.
    pub(super) exits: Option<Exits>,
    /// Flags of outer values that some way to the end of the region ended.
    pub(super) ended: Vec<(Value, u64)>,
    /// More of them, from loops inside; these also count for ways from inside this region to further out.
    pub(super) handed: Vec<(Value, u64)>,
    /// Per result, what the borrowed values given for it may be of their root.
    pub(super) borrowed: Vec<Place>,
}

#[derive(Debug)]
pub(super) struct Exits {
    pub(super) at: u32,
    /// Outer values consumed, in order of number.
    pub(super) consumed: Vec<Value>,
    /// How many owned values of outer regions are live.
    pub(super) outer_live: u32,
}

/// Where in its root a borrowed value may lie: see [`Borrowed`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) own: u64,
    pub(super) first: Option<u32>,
}

impl<'a> Frame<'a> {
    pub(super) fn new(
        region: Region,
        results: &'a [ValueType],
        opened_at: u32,
        innermost_loop: u32,
    ) -> Frame<'a> {
        Frame {
            region,
            results,
            params: &[],
            opened_at,
            innermost_loop,
            first_value: 0,
            log_base: 0,
            seen: 0,
            live: 0,
            outer_live: 0,
            slots_base: 0,
            reached: None,
            exits: None,
            ended: Vec::new(),
            handed: Vec::new(),
            borrowed: Vec::new(),
        }
    }

    pub(super) fn is_loop(&self) -> bool {
        matches!(self.region, Region::Loop | Region::For)
    }
}

impl<'a> Pass<'a> {
    pub(super) fn innermost_loop(&self) -> u32 {
        self.frames.last().map_or(0, |f| f.innermost_loop)
    }

    /// Opens a region; for a loop, `start` is passed to its parameters, which follow `index` if there is one.
    pub(super) fn open_region(
        &mut self,
        region: Region,
        start: &[Value],
        params: &'a [ValueType],
        results: &'a [ValueType],
    ) -> Check {
        self.check_value_types(params)?;
        self.check_value_types(results)?;
        self.pass_on(start, params)?;
        self.check_looked(Rule::Borrow)?;
        if self.frames.len() > limits::REGION_DEPTH {
            let text = format!("more than {} regions are open", limits::REGION_DEPTH);
            return fault(Rule::Limit, text);
        }
        let number = self.frames.len() as u32;
        let mut frame = Frame::new(region, results, self.at, self.innermost_loop());
        if frame.is_loop() {
            frame.innermost_loop = number;
        }
        frame.params = params;
        frame.first_value = self.values.len() as u32;
        frame.log_base = self.log.len();
        frame.seen = self.log.len();
        frame.slots_base = self.slots;
        frame.outer_live = self.frames.iter().map(|f| f.live).sum();
        if region == Region::For {
            // It may end by itself, after rounds that consumed nothing from outside.
            frame.exits = Some(Exits {
                at: self.at,
                consumed: Vec::new(),
                outer_live: frame.outer_live,
            });
        }
        self.frames.push(frame);
        self.deepest = self.deepest.max(number);
        if region == Region::For {
            let index = self.type_of(cop_bytecode::Type::I64)?;
            self.define(index, 0)?;
        }
        // At the head of a loop, where in its root a borrowed parameter lies is what all rounds agree on, so
        // nothing is known.
        self.define_passed(params, &[])
    }

    /// Defines values that are passed into or out of a region.
    fn define_passed(&mut self, types: &[ValueType], places: &[Place]) -> Check {
        for (index, value_type) in types.iter().enumerate() {
            match value_type.own {
                Own::Copy => self.define(value_type.ty, 0)?,
                Own::Owned { unique } => self.define(value_type.ty, unique)?,
                Own::Borrowed { root } => {
                    let root_info = self.info(root)?;
                    let place = places.get(index).copied().unwrap_or(Place {
                        own: reference_slots(self.layouts, root_info.ty),
                        first: None,
                    });
                    let look = matches!(root_info.state, State::Borrowed(b) if b.look);
                    let borrowed = Borrowed {
                        root,
                        own: place.own,
                        first: place.first,
                        look,
                    };
                    self.define_state(value_type.ty, State::Borrowed(borrowed))?;
                }
            }
        }
        Ok(())
    }

    /// Declared parameters or results of a region about to be opened (rule 6).
    fn check_value_types(&mut self, types: &[ValueType]) -> Check {
        for value_type in types {
            check_closed(self.package, self.layouts, value_type.ty)?;
            if is_capability(self.layouts, value_type.ty) {
                return fault(
                    Rule::Capability,
                    format!(
                        "{} as parameter or result of a region; capabilities are named from inside it",
                        self.show(value_type.ty)
                    ),
                );
            }
            let copy = self.is_copy(value_type.ty);
            match value_type.own {
                Own::Copy if copy => {}
                Own::Copy => {
                    let text = format!(
                        "{} is declared copy, which it is not",
                        self.show(value_type.ty)
                    );
                    return fault(Rule::Region, text);
                }
                _ if copy => {
                    let text = format!("{} is copy, but not declared so", self.show(value_type.ty));
                    return fault(Rule::Region, text);
                }
                Own::Owned { unique } => {
                    let known = reference_slots(self.layouts, value_type.ty);
                    if unique & !known != 0 {
                        let text = format!(
                            "{} is declared unique in slots {}, but has references in slots {} only",
                            self.show(value_type.ty),
                            slots(unique),
                            slots(known)
                        );
                        return fault(Rule::Region, text);
                    }
                }
                Own::Borrowed { root } => {
                    let is_root = match self.info(root)?.state {
                        State::Owned(_) => true,
                        State::Borrowed(b) => b.root == root,
                        State::Copy | State::Capability => false,
                    };
                    if !is_root {
                        let text = format!(
                            "{} is declared as root; a root is an owned value or a borrowed parameter",
                            self.name(root)
                        );
                        return fault(Rule::Region, text);
                    }
                }
            }
        }
        Ok(())
    }

    /// `else` and `arm`.
    pub(super) fn next_arm(&mut self, is_else: bool) -> Check {
        let what = if is_else { "else" } else { "arm" };
        self.check_arm_ended(what)?;
        let frame = &mut self.frames.last_mut();
        let fits = match frame.as_mut().map(|f| &mut f.region) {
            Some(Region::If { else_seen }) if is_else => !std::mem::replace(else_seen, true),
            Some(Region::Switch { left }) if !is_else && *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        };
        if !fits {
            let text = format!(
                "`{what}` does not fit the region that is open here, or comes once too often"
            );
            return fault(Rule::Form, text);
        }
        self.close_arm();
        self.ended = false;
        Ok(())
    }

    fn check_arm_ended(&self, what: &str) -> Check {
        if self.ended {
            return Ok(());
        }
        fault(
            Rule::Form,
            format!("`{what}` after an instruction that is no terminator"),
        )
    }

    /// Hides the values of the arm and takes back what it did to outer ones.
    fn close_arm(&mut self) {
        let Some(frame) = self.frames.last() else {
            return;
        };
        let base = frame.log_base;
        let first_value = frame.first_value as usize;
        if self.log.len() > base {
            self.undo_to(base);
            for frame in &mut self.frames {
                frame.seen = frame.seen.min(base);
            }
        }
        for info in &mut self.values[first_value..] {
            info.visible = false;
        }
        let next = self.values.len() as u32;
        if let Some(frame) = self.frames.last_mut() {
            frame.first_value = next;
            frame.live = 0;
            self.slots = frame.slots_base;
        }
    }

    /// `end`.
    pub(super) fn end(&mut self) -> Check {
        if self.depth() == 0 {
            return fault(Rule::Form, "`end` without an open region");
        }
        self.check_arm_ended("end")?;
        match self.frames[self.depth() as usize].region {
            Region::If { else_seen: false } => {
                return fault(Rule::Form, "an `if` without `else`");
            }
            Region::Switch { left } if left > 0 => {
                let text = format!("a `switch` lacks its last {left} arms");
                return fault(Rule::Form, text);
            }
            _ => {}
        }
        self.close_arm();
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        self.ended = false;
        for value in frame.exits.iter().flat_map(|e| &e.consumed) {
            self.consume(*value);
        }
        self.join_flags(&frame);
        let places: &[Place] = match frame.region {
            // A `for` may end with what `start` or `next` gave.
            Region::For => &[],
            _ => &frame.borrowed,
        };
        self.define_passed(frame.results, places)
    }
}
