//! Open regions, the ways out of them, and what holds where these ways join (rules 2, 5, 6).
//!
//! **Consumed sets.** What happens to values of outer regions is written to one log, a stack. A region knows
//! where its part begins; at the end of an arm that part is taken back. The first exit of a region decides
//! which outer values are consumed after it; every other must agree. To compare two sets it is enough that
//! they are equally large (the counts of live values per region tell) and that one contains the other; and
//! since the log is a stack, only what was added since the last comparison has to be looked up
//! ([`Frame::seen`]). So many exits after many consumptions stay linear.
//!
//! **Ended flags** are united over all exits with the same trick. A way round a loop counts for all ways out
//! of it, and it may stand behind them in the text: so when a loop closes, what its rounds ended is handed to
//! the nearest enclosing region that was left from inside it, and from there outwards.

use cop_bytecode::{Own, Value, ValueType, limits};

use super::error::{Check, Rule, fault};
use super::pass::Pass;
use super::signatures::check_closed;
use super::tables::{is_capability, reference_slots};
use super::values::{Borrowed, Owned, State, Undo, slots};

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
    innermost_loop: u32,
    /// First value of the arm at hand.
    first_value: u32,
    /// Length of the log when the region was opened.
    log_base: usize,
    /// How far the log has been compared with `exits`, and its ended flags put into `ended`.
    seen: usize,
    /// How many owned values defined in this region (not in inner ones) are live.
    pub(super) live: u32,
    /// How many owned values of outer regions were live when the region was opened.
    outer_live: u32,
    /// Slots in scope when the region was opened.
    slots_base: u32,
    /// The last instruction that left the region or went to its head.
    reached: Option<u32>,
    /// What the first exit decided.
    pub(super) exits: Option<Exits>,
    /// Flags of outer values that some way to the end of the region ended.
    ended: Vec<(Value, u64)>,
    /// More of them, from loops inside; these also count for ways from inside this region to further out.
    handed: Vec<(Value, u64)>,
    /// Per result, what the borrowed values given for it may be of their root.
    borrowed: Vec<Place>,
}

#[derive(Debug)]
pub(super) struct Exits {
    at: u32,
    /// Outer values consumed, in order of number.
    pub(super) consumed: Vec<Value>,
    /// How many owned values of outer regions are live.
    outer_live: u32,
}

/// Where in its root a borrowed value may lie: see [`Borrowed`].
#[derive(Clone, Copy, Debug)]
struct Place {
    own: u64,
    first: Option<u32>,
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

    fn is_loop(&self) -> bool {
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
        let places = self.pass_on(start, params)?;
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
        let unknown = vec![None; places.len()];
        self.define_passed(params, &unknown)
    }

    /// Defines values that are passed into or out of a region.
    fn define_passed(&mut self, types: &[ValueType], places: &[Option<Place>]) -> Check {
        for (index, value_type) in types.iter().enumerate() {
            match value_type.own {
                Own::Copy => self.define(value_type.ty, 0)?,
                Own::Owned { unique } => self.define(value_type.ty, unique)?,
                Own::Borrowed { root } => {
                    let root_info = self.info(root)?;
                    let place = places.get(index).copied().flatten().unwrap_or(Place {
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
            check_closed(self.layouts, value_type.ty)?;
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

    /// Passes values to what is declared; gives where borrowed ones lie.
    fn pass_on(&mut self, values: &[Value], types: &[ValueType]) -> Check<Vec<Option<Place>>> {
        if values.len() != types.len() {
            let text = format!(
                "{} values are given where {} are declared",
                values.len(),
                types.len()
            );
            return fault(Rule::Region, text);
        }
        let mut places = Vec::with_capacity(types.len());
        for (value, value_type) in values.iter().zip(types) {
            let mut place = None;
            match value_type.own {
                Own::Copy => {
                    self.give_as(*value, value_type.ty)?;
                }
                Own::Owned { unique } => {
                    let given = self.give_as(*value, value_type.ty)?;
                    if unique & !given.unique != 0 {
                        let text = format!(
                            "%{} ({}), known unique in slots {}, is given where slots {} are declared unique",
                            value.0,
                            self.show(given.ty),
                            slots(given.unique),
                            slots(unique)
                        );
                        return fault(Rule::Region, text);
                    }
                }
                Own::Borrowed { root } => {
                    let info = self.look_as(*value, value_type.ty)?;
                    place = match info.state {
                        State::Borrowed(b) if b.root == root => Some(Place {
                            own: b.own,
                            first: b.first,
                        }),
                        State::Owned(_) if *value == root => Some(Place {
                            own: reference_slots(self.layouts, info.ty),
                            first: Some(0),
                        }),
                        _ => None,
                    };
                    if place.is_none() {
                        let text = format!(
                            "{} is given where a value borrowed from {} is declared",
                            self.name(*value),
                            self.name(root)
                        );
                        return fault(Rule::Region, text);
                    }
                }
            }
            places.push(place);
        }
        Ok(places)
    }

    /// The region that a depth names, as index into the frames.
    fn target(&self, depth: u32) -> Check<usize> {
        match self.depth().checked_sub(depth) {
            Some(target) if target > 0 => Ok(target as usize),
            _ => fault(
                Rule::Form,
                format!("depth {depth}, but only {} regions are open", self.depth()),
            ),
        }
    }

    /// `exit`.
    pub(super) fn exit(&mut self, depth: u32, values: &[Value]) -> Check {
        let target = self.target(depth)?;
        let places = self.pass_on(values, self.frames[target].results)?;
        self.check_left(target)?;
        self.leave(target)?;
        let frame = &mut self.frames[target];
        for (index, place) in places.into_iter().enumerate() {
            let place = place.unwrap_or(Place {
                own: 0,
                first: None,
            });
            match frame.borrowed.get_mut(index) {
                None => frame.borrowed.push(place),
                Some(known) => {
                    known.own |= place.own;
                    if known.first != place.first {
                        known.first = None;
                    }
                }
            }
        }
        self.ended = true;
        Ok(())
    }

    /// `next`.
    pub(super) fn next(&mut self, depth: u32, values: &[Value]) -> Check {
        let target = self.target(depth)?;
        if !self.frames[target].is_loop() {
            let text = format!(
                "the region of instruction {} is no loop",
                self.frames[target].opened_at
            );
            return fault(Rule::Form, text);
        }
        self.pass_on(values, self.frames[target].params)?;
        self.check_left(target)?;
        self.go_round(target)?;
        self.ended = true;
        Ok(())
    }

    /// `ret`.
    pub(super) fn ret(&mut self, values: &[Value]) -> Check {
        let function = self.function;
        let wanted = function.call_results() as usize;
        if values.len() != wanted {
            let text = format!(
                "{} values are returned where {wanted} are due: the result, then each `inout` parameter",
                values.len()
            );
            return fault(Rule::Form, text);
        }
        let inout = function
            .params
            .iter()
            .filter(|p| p.mode == cop_bytecode::Mode::InOut);
        let types = std::iter::once(function.result).chain(inout.map(|p| p.ty));
        for (value, ty) in values.iter().zip(types) {
            self.give_as(*value, ty)?;
        }
        self.check_left(0)?;
        self.ended = true;
        Ok(())
    }

    /// Every owned value defined in the regions that are left is consumed (rule 2).
    fn check_left(&mut self, target: usize) -> Check {
        self.check_looked(Rule::Borrow)?;
        if self.frames[target..].iter().all(|f| f.live == 0) {
            return Ok(());
        }
        let left = self.values.iter().enumerate().filter(|(_, info)| {
            info.visible
                && info.depth as usize >= target
                && matches!(info.state, State::Owned(Owned { live: true, .. }))
        });
        let names: Vec<String> = left
            .take(8)
            .map(|(index, _)| self.name(Value(index as u32)))
            .collect();
        fault(
            Rule::Once,
            format!(
                "still live where their region is left: {}",
                names.join(", ")
            ),
        )
    }

    /// Notes a way to the end or the head of a region, with the flags it ended; gives which outer values it
    /// consumed that no earlier way is known to have consumed, and how many are left.
    fn reach(&mut self, target: usize) -> (Vec<Value>, u32) {
        let outer_live: u32 = self.frames[..target].iter().map(|f| f.live).sum();
        let at = self.at;
        let frame = &mut self.frames[target];
        let values = &self.values;
        let is_outer = |value: Value| {
            let info = values.get(value.0 as usize);
            info.is_some_and(|info| (info.depth as usize) < target)
        };
        let mut consumed = Vec::new();
        for undo in &self.log[frame.seen.max(frame.log_base)..] {
            match *undo {
                Undo::Consumed(value) if is_outer(value) => consumed.push(value),
                Undo::Ended(value, mask) if is_outer(value) => {
                    frame.ended.push((value, mask));
                }
                _ => {}
            }
        }
        frame.seen = self.log.len();
        frame.reached = Some(at);
        (consumed, outer_live)
    }

    /// Joins the state at hand with that of the other ways to the end of a region.
    fn leave(&mut self, target: usize) -> Check {
        let (mut consumed, outer_live) = self.reach(target);
        let at = self.at;
        let frame = &mut self.frames[target];
        let Some(exits) = &frame.exits else {
            consumed.sort_unstable();
            frame.exits = Some(Exits {
                at,
                consumed,
                outer_live,
            });
            return Ok(());
        };
        let agree = exits.outer_live == outer_live
            && consumed
                .iter()
                .all(|v| exits.consumed.binary_search(v).is_ok());
        if agree {
            return Ok(());
        }
        fault(Rule::Once, self.disagreement(target))
    }

    /// A way round a loop consumed nothing from outside it.
    fn go_round(&mut self, target: usize) -> Check {
        let (_, outer_live) = self.reach(target);
        let frame = &self.frames[target];
        if outer_live == frame.outer_live {
            return Ok(());
        }
        let names: Vec<String> = self
            .consumed_outside(target)
            .iter()
            .take(8)
            .map(|v| self.name(*v))
            .collect();
        fault(
            Rule::Once,
            format!(
                "defined outside the loop of instruction {} and consumed on a way round it (they have to enter as parameters): {}",
                frame.opened_at,
                names.join(", ")
            ),
        )
    }

    /// The outer values that the way at hand consumed since a region was opened, in order of number.
    fn consumed_outside(&self, target: usize) -> Vec<Value> {
        let mut consumed = Vec::new();
        for undo in &self.log[self.frames[target].log_base..] {
            if let Undo::Consumed(value) = undo
                && (self.values[value.0 as usize].depth as usize) < target
            {
                consumed.push(*value);
            }
        }
        consumed.sort_unstable();
        consumed
    }

    /// Which values two ways out of a region disagree about.
    fn disagreement(&self, target: usize) -> String {
        let frame = &self.frames[target];
        let Some(exits) = &frame.exits else {
            return String::new();
        };
        let here = self.consumed_outside(target);
        let list = |values: &[Value], other: &[Value]| {
            let names: Vec<String> = values
                .iter()
                .filter(|v| other.binary_search(v).is_err())
                .take(8)
                .map(|v| format!("%{}", v.0))
                .collect();
            names.join(" ")
        };
        format!(
            "ways out of the region of instruction {} disagree (a `for` that ends by itself consumes nothing): consumed here but not at instruction {}: [{}]; there but not here: [{}]",
            frame.opened_at,
            exits.at,
            list(&here, &exits.consumed),
            list(&exits.consumed, &here)
        )
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
        self.undo_to(base);
        for info in &mut self.values[first_value..] {
            info.visible = false;
        }
        let next = self.values.len() as u32;
        for frame in &mut self.frames {
            frame.seen = frame.seen.min(base);
        }
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
        let places: Vec<Option<Place>> = match frame.region {
            // A `for` may end with what `start` or `next` gave.
            Region::For => Vec::new(),
            _ => frame.borrowed.iter().copied().map(Some).collect(),
        };
        self.define_passed(frame.results, &places)
    }

    /// Ends the flags that some way to the end of a closed region ended. Those ended on a way round a loop are
    /// ended for whoever leaves it from inside, further out too.
    fn join_flags(&mut self, closed: &Frame) {
        let mut hand_on = Vec::new();
        for (value, mask) in &closed.handed {
            let ended = self.end_flags(*value, *mask);
            if ended != 0 {
                hand_on.push((*value, ended));
            }
        }
        for (value, mask) in &closed.ended {
            let ended = self.end_flags(*value, *mask);
            if ended != 0 && closed.is_loop() {
                hand_on.push((*value, ended));
            }
        }
        let target = self
            .frames
            .iter()
            .rposition(|f| f.reached.is_some_and(|at| at >= closed.opened_at));
        if let Some(target) = target {
            let values = &self.values;
            hand_on.retain(|(value, _)| (values[value.0 as usize].depth as usize) < target);
            self.frames[target].handed.append(&mut hand_on);
        }
    }
}
