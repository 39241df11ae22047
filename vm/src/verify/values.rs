//! What is known of each value, and the ways an instruction uses one: look at it, lend it, give it away
//! (rules 2 to 5, 7, 8).

use cop_bytecode::{Instr, Mode, Type, TypeId, Value};

use super::error::{Check, Rule, fault};
use super::pass::Pass;
use super::tables::{is_capability, reference_slots, show};

/// What is known of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Info {
    pub(super) ty: TypeId,
    /// Number of the open region that defines it; 0 is the body.
    pub(super) depth: u32,
    /// Whether its region (or arm) is still open.
    pub(super) visible: bool,
    pub(super) state: State,
}

/// Ownership of a value, and how far it has been used up.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    Copy,
    Capability,
    Owned(Owned),
    Borrowed(Borrowed),
}

/// State of an owned value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owned {
    /// Not consumed yet.
    pub(super) live: bool,
    /// Own slots known to be their cell's only owner.
    pub(super) unique: u64,
    /// The `take` that made a hole in it, by instruction index.
    pub(super) hole: Option<u32>,
}

/// State of a borrowed value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Borrowed {
    /// An owned value or a borrowed parameter.
    pub(super) root: Value,
    /// The root's own slots that it may be; none if it lies behind a reference.
    pub(super) own: u64,
    /// Which of the root's slots is its first, if that is known and `own` is not empty.
    pub(super) first: Option<u32>,
    /// The root is a `look` parameter.
    pub(super) look: bool,
}

/// What is taken back at the end of an arm.
#[derive(Clone, Copy, Debug)]
pub(super) enum Undo {
    Consumed(Value),
    /// These flags ended.
    Ended(Value, u64),
}

/// Something given away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given {
    pub(super) ty: TypeId,
    pub(super) unique: u64,
}

impl Pass<'_> {
    pub(super) fn show(&self, ty: TypeId) -> String {
        show(self.layouts, ty)
    }

    /// A value with its type and state, for messages.
    pub(super) fn name(&self, value: Value) -> String {
        let Some(info) = self.values.get(value.0 as usize) else {
            return format!("%{}", value.0);
        };
        let state = match info.state {
            State::Copy => "copy".into(),
            State::Capability => "capability".into(),
            State::Owned(Owned { live: false, .. }) => "owned, consumed".into(),
            State::Owned(Owned { hole: Some(at), .. }) => {
                format!("owned, with the hole of instruction {at}")
            }
            State::Owned(owned) => format!("owned, unique slots {}", slots(owned.unique)),
            State::Borrowed(b) if b.root == value && b.look => "`look` parameter".into(),
            State::Borrowed(b) if b.root == value => "`borrow` parameter".into(),
            State::Borrowed(b) if b.own == 0 => {
                format!("borrowed from %{}, behind a reference", b.root.0)
            }
            State::Borrowed(b) => {
                format!(
                    "borrowed from %{}, its own slots {}",
                    b.root.0,
                    slots(b.own)
                )
            }
        };
        format!("%{} ({}: {state})", value.0, self.show(info.ty))
    }

    /// The value, if it can be named here.
    #[inline]
    pub(super) fn info(&self, value: Value) -> Check<Info> {
        match self.values.get(value.0 as usize) {
            Some(info) if info.visible => Ok(*info),
            Some(_) => fault(
                Rule::Form,
                format!(
                    "{} was defined in a region or arm that is closed",
                    self.name(value)
                ),
            ),
            None => fault(
                Rule::Form,
                format!(
                    "%{} is not defined yet; the next value is %{}",
                    value.0,
                    self.values.len()
                ),
            ),
        }
    }

    fn expect(&self, value: Value, ty: TypeId, wanted: TypeId) -> Check {
        if ty == wanted {
            return Ok(());
        }
        let rule = match is_capability(self.layouts, ty) {
            true => Rule::Capability,
            false => Rule::Form,
        };
        fault(
            rule,
            format!(
                "{} stands where {} is wanted",
                self.name(value),
                self.show(wanted)
            ),
        )
    }

    /// Whether the owned value can be used for anything but `put` and `drop`.
    fn check_whole(&self, value: Value, owned: Owned) -> Check {
        if !owned.live {
            return fault(Rule::Once, format!("{} is used again", self.name(value)));
        }
        if owned.hole.is_some() {
            return fault(
                Rule::Hole,
                format!(
                    "{} can only be the operand of `put`, or be dropped",
                    self.name(value)
                ),
            );
        }
        Ok(())
    }

    /// Looks at a value of any ownership but a capability. Its root is not consumed by the same instruction,
    /// which [`Pass::check_looked`] sees to.
    pub(super) fn look(&mut self, value: Value) -> Check<Info> {
        let info = self.info(value)?;
        match info.state {
            State::Copy => {}
            State::Capability => {
                return fault(
                    Rule::Capability,
                    format!(
                        "{} is an operand of something that is no call",
                        self.name(value)
                    ),
                );
            }
            State::Owned(owned) => {
                self.check_whole(value, owned)?;
                self.looked.push(value);
            }
            State::Borrowed(borrowed) => {
                self.check_root(value, borrowed.root)?;
                self.looked.push(borrowed.root);
            }
        }
        Ok(info)
    }

    /// [`Pass::look`] at a value of that type.
    pub(super) fn look_as(&mut self, value: Value, ty: TypeId) -> Check<Info> {
        let info = self.look(value)?;
        self.expect(value, info.ty, ty)?;
        Ok(info)
    }

    /// Whether what a value is borrowed from is still there.
    pub(super) fn check_root(&self, value: Value, root: Value) -> Check {
        if let Some(known) = self.values.get(root.0 as usize)
            && known.visible
            && matches!(
                known.state,
                State::Borrowed(_)
                    | State::Owned(Owned {
                        live: true,
                        hole: None,
                        ..
                    })
            )
        {
            return Ok(());
        }
        match self.info(root)?.state {
            State::Owned(Owned { live: false, .. }) => fault(
                Rule::Borrow,
                format!(
                    "{} is used after {} was consumed",
                    self.name(value),
                    self.name(root)
                ),
            ),
            State::Owned(owned) => self.check_whole(root, owned),
            _ => Ok(()),
        }
    }

    /// After all operands: what was looked at must not have been consumed by the same instruction.
    pub(super) fn check_looked(&mut self, rule: Rule) -> Check {
        if !self.consumed {
            self.looked.clear();
            return Ok(());
        }
        let looked = std::mem::take(&mut self.looked);
        for root in &looked {
            if let State::Owned(Owned { live: false, .. }) = self.info(*root)?.state {
                let text = format!(
                    "{} is consumed by an instruction that also looks at it, or at what is borrowed from it",
                    self.name(*root)
                );
                return fault(rule, text);
            }
        }
        self.looked = looked;
        self.looked.clear();
        Ok(())
    }

    /// Lends a value to a call, or to whatever may make more owners of it: ends the flags of its own slots.
    pub(super) fn lend(&mut self, value: Value, mode: Mode) -> Check<Info> {
        let info = self.look(value)?;
        if mode != Mode::Look {
            self.share(value, info)?;
        }
        Ok(info)
    }

    /// Ends uniqueness of the own slots that the value is, since they get more owners.
    pub(super) fn share(&mut self, value: Value, info: Info) -> Check {
        match info.state {
            State::Owned(_) => {
                self.end_flags(value, u64::MAX);
            }
            State::Borrowed(borrowed) => {
                if borrowed.look && borrowed.own != 0 {
                    let text = format!(
                        "{} comes from a `look` parameter, whose own slots get no more owners: no `dup`, passed on only as `look`",
                        self.name(value)
                    );
                    return fault(Rule::Unique, text);
                }
                self.end_flags(borrowed.root, borrowed.own);
            }
            State::Copy | State::Capability => {}
        }
        Ok(())
    }

    /// Takes a whole value as operand: copies it if it is copy, consumes it if it is owned.
    pub(super) fn give(&mut self, value: Value) -> Check<Given> {
        let info = self.info(value)?;
        self.give_known(value, info)
    }

    fn give_known(&mut self, value: Value, info: Info) -> Check<Given> {
        match info.state {
            State::Copy => Ok(Given {
                ty: info.ty,
                unique: 0,
            }),
            State::Owned(owned) => {
                self.check_whole(value, owned)?;
                self.consume(value);
                Ok(Given {
                    ty: info.ty,
                    unique: self.unique_here(info, owned),
                })
            }
            State::Borrowed(_) => fault(
                Rule::Once,
                format!(
                    "{} stands where an owned value is wanted; `dup` makes one",
                    self.name(value)
                ),
            ),
            State::Capability => fault(
                Rule::Capability,
                format!(
                    "{} is given away; capabilities are lent to calls only",
                    self.name(value)
                ),
            ),
        }
    }

    /// [`Pass::give`] of a value of that type.
    pub(super) fn give_as(&mut self, value: Value, ty: TypeId) -> Check<Given> {
        let info = self.info(value)?;
        self.expect(value, info.ty, ty)?;
        self.give_known(value, info)
    }

    /// The flags that an owned value is known to have here. Those of a value from outside a loop may have been
    /// ended by an earlier round, so inside it nothing is known.
    pub(super) fn unique_here(&self, info: Info, owned: Owned) -> u64 {
        if info.depth < self.innermost_loop() {
            0
        } else {
            owned.unique
        }
    }

    /// Marks an owned value as consumed.
    pub(super) fn consume(&mut self, value: Value) {
        let depth_here = self.depth();
        let info = &mut self.values[value.0 as usize];
        if let State::Owned(owned) = &mut info.state
            && owned.live
        {
            owned.live = false;
            self.consumed = true;
            self.frames[info.depth as usize].live -= 1;
            if info.depth < depth_here {
                self.log.push(Undo::Consumed(value));
            }
        }
    }

    /// Ends flags of an owned value, and gives those that it had; nothing for any other.
    pub(super) fn end_flags(&mut self, value: Value, mask: u64) -> u64 {
        let depth_here = self.depth();
        let info = &mut self.values[value.0 as usize];
        let State::Owned(owned) = &mut info.state else {
            return 0;
        };
        let ended = owned.unique & mask;
        owned.unique &= !mask;
        if ended != 0 && info.depth < depth_here {
            self.log.push(Undo::Ended(value, ended));
        }
        ended
    }

    /// Takes back what happened to outer values since the log had that length.
    pub(super) fn undo_to(&mut self, length: usize) {
        while self.log.len() > length {
            match self.log.pop() {
                Some(Undo::Consumed(value)) => {
                    let info = &mut self.values[value.0 as usize];
                    if let State::Owned(owned) = &mut info.state {
                        owned.live = true;
                        self.frames[info.depth as usize].live += 1;
                    }
                }
                Some(Undo::Ended(value, ended)) => {
                    if let State::Owned(owned) = &mut self.values[value.0 as usize].state {
                        owned.unique |= ended;
                    }
                }
                None => break,
            }
        }
    }

    /// Defines the next value of a type: copy, or owned with these flags.
    pub(super) fn define(&mut self, ty: TypeId, unique: u64) -> Check {
        let layout = self.layouts.ready(ty);
        let slots = layout.map_or(0, |l| l.slots.len() as u32);
        if layout.is_some_and(|l| l.copy) {
            return self.define_slots(ty, State::Copy, slots);
        }
        let owned = Owned {
            live: true,
            unique: unique & reference_slots(self.layouts, ty),
            hole: None,
        };
        self.define_slots(ty, State::Owned(owned), slots)
    }

    /// Defines the next value as a parameter of the function.
    pub(super) fn define_param(&mut self, ty: TypeId, mode: Mode) -> Check {
        if is_capability(self.layouts, ty) {
            return self.define_state(ty, State::Capability);
        }
        if self.is_copy(ty) || matches!(mode, Mode::Own | Mode::InOut) {
            return self.define(ty, 0);
        }
        let borrowed = Borrowed {
            root: Value(self.values.len() as u32),
            own: reference_slots(self.layouts, ty),
            first: Some(0),
            look: mode == Mode::Look,
        };
        self.define_state(ty, State::Borrowed(borrowed))
    }

    #[inline]
    pub(super) fn is_copy(&self, ty: TypeId) -> bool {
        self.layouts.ready(ty).is_some_and(|l| l.copy)
    }

    /// The path of the `take` that made a hole.
    pub(super) fn path_of_hole(&self, take: u32) -> &[cop_bytecode::Step] {
        match self.function.body.get(take as usize) {
            Some(Instr::Take { path, .. }) => path,
            _ => &[],
        }
    }

    /// A type of the machine's own, such as `Bool`, or what the result of an instruction needs.
    #[inline]
    pub(super) fn type_of(&mut self, ty: Type) -> Check<TypeId> {
        let id = self.layouts.intern(ty);
        match self.layouts.layout(id) {
            Ok(_) => Ok(id),
            Err(error) => fault(Rule::Form, error.to_string()),
        }
    }
}

/// A set of slots, for messages.
pub(super) fn slots(mask: u64) -> String {
    let list: Vec<String> = (0..64)
        .filter(|slot| mask >> slot & 1 == 1)
        .map(|slot| slot.to_string())
        .collect();
    format!("[{}]", list.join(" "))
}
