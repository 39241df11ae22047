//! Ways out of regions, and what holds where these ways join (rules 2, 5, 6).
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

use cop_bytecode::{Mode, Own, Value, ValueType};

use super::error::{Check, Rule, fault};
use super::pass::Pass;
use super::regions::{Exits, Frame, Place};
use super::tables::reference_slots;
use super::values::{Owned, State, Undo, slots};

impl Pass<'_> {
    /// Passes values to what is declared; gives where borrowed ones lie, or nothing if there are none.
    pub(super) fn pass_on(
        &mut self,
        values: &[Value],
        types: &[ValueType],
    ) -> Check<Vec<Option<Place>>> {
        if values.len() != types.len() {
            let text = format!(
                "{} values are given where {} are declared",
                values.len(),
                types.len()
            );
            return fault(Rule::Region, text);
        }
        let mut places = Vec::new();
        let borrows = types.iter().any(|t| matches!(t.own, Own::Borrowed { .. }));
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
            if borrows {
                places.push(place);
            }
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
        let inout = function.params.iter().filter(|p| p.mode == Mode::InOut);
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

    /// Ends the flags that some way to the end of a closed region ended. Those ended on a way round a loop are
    /// ended for whoever leaves it from inside, further out too.
    pub(super) fn join_flags(&mut self, closed: &Frame) {
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
