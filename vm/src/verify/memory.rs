//! Values and their parts: building, reading, changing, taking apart, and owners (rules 2, 3, 5, 7).

use cop_bytecode::layout::{Body, Part};
use cop_bytecode::{Step, Type, TypeId, UpdateOp, Value};

use super::error::{Check, Rule, fault};
use super::pass::Pass;
use super::paths::{Access, Place};
use super::signatures::check_closed;
use super::tables::{inline, reference_slots};
use super::values::{Borrowed, Owned, State};

/// An owned or copy value that an instruction consumes and defines again.
#[derive(Clone, Copy, Debug)]
struct Redefined {
    ty: TypeId,
    owned: Option<Owned>,
}

impl Pass<'_> {
    /// `new`.
    pub(super) fn new_value(&mut self, ty: TypeId, variant: u32, parts: &[Value]) -> Check {
        check_closed(self.package, self.layouts, ty)?;
        match self.layouts.get(ty) {
            Some(&Type::List(element)) => {
                self.check_variant_zero(variant)?;
                for part in parts {
                    self.give_as(*part, element)?;
                }
                return self.define(ty, 1);
            }
            Some(Type::Map(..) | Type::Set(_)) => {
                self.check_variant_zero(variant)?;
                self.check_part_count(ty, parts.len(), 0)?;
                return self.define(ty, 1);
            }
            _ => {}
        }
        let due = self.row(ty, variant)?.len();
        self.check_part_count(ty, parts.len(), due)?;
        let boxed = self.layouts.ready(ty).is_some_and(|l| l.boxed);
        let mut unique = reference_slots(self.layouts, ty);
        for (index, part) in parts.iter().enumerate() {
            let place = self.row(ty, variant)?[index];
            let given = self.give_as(*part, place.ty)?;
            if !boxed {
                let taken = reference_slots(self.layouts, place.ty) & !given.unique;
                unique &= !shift(taken, place.slot);
            }
        }
        self.define(ty, unique)
    }

    fn check_variant_zero(&self, variant: u32) -> Check {
        if variant == 0 {
            return Ok(());
        }
        fault(
            Rule::Form,
            format!("variant {variant} of a type without variants"),
        )
    }

    fn check_part_count(&self, ty: TypeId, given: usize, due: usize) -> Check {
        if given == due {
            return Ok(());
        }
        fault(
            Rule::Form,
            format!("{given} parts where {} has {due}", self.show(ty)),
        )
    }

    /// The parts of a product, or of one variant of a sum.
    fn row(&self, ty: TypeId, variant: u32) -> Check<&[Part]> {
        let row = match self.layouts.ready(ty).map(|l| &l.body) {
            Some(Body::Product(parts)) if variant == 0 => Some(parts.as_slice()),
            Some(Body::Sum { variants, .. }) => variants.get(variant as usize).map(Vec::as_slice),
            Some(Body::OptionRef(part)) => match variant {
                0 => Some(&[][..]),
                1 => Some(std::slice::from_ref(part)),
                _ => None,
            },
            _ => None,
        };
        match row {
            Some(row) => Ok(row),
            None => fault(
                Rule::Form,
                format!("{} has no parts of variant {variant}", self.show(ty)),
            ),
        }
    }

    /// How many variants a sum has.
    pub(super) fn variants(&self, value: Value, ty: TypeId) -> Check<u32> {
        match self.layouts.ready(ty).map(|l| &l.body) {
            Some(Body::Sum { variants, .. }) => Ok(variants.len() as u32),
            Some(Body::OptionRef(_)) => Ok(2),
            _ => fault(Rule::Form, format!("{} is no sum", self.name(value))),
        }
    }

    /// `get`.
    pub(super) fn get(&mut self, value: Value, path: &[Step]) -> Check {
        let info = self.look(value)?;
        let place = self.walk(info.ty, path, Access::Read)?;
        self.check_looked(Rule::Borrow)?;
        if self.is_copy(place.ty) {
            return self.define_state(place.ty, State::Copy);
        }
        let references = reference_slots(self.layouts, place.ty);
        let borrowed = match info.state {
            State::Borrowed(from) if place.behind || from.own == 0 => Borrowed {
                own: 0,
                first: None,
                ..from
            },
            State::Borrowed(from) => match from.first {
                Some(first) => Borrowed {
                    own: shift(references, first + place.slot),
                    first: Some(first + place.slot),
                    ..from
                },
                None => from,
            },
            _ => Borrowed {
                root: value,
                own: if place.behind {
                    0
                } else {
                    shift(references, place.slot)
                },
                first: (!place.behind).then_some(place.slot),
                look: false,
            },
        };
        self.define_state(place.ty, State::Borrowed(borrowed))
    }

    /// Consumes what an updating instruction defines again. A copy value has no references to follow.
    fn redefine(&mut self, value: Value) -> Check<Redefined> {
        let info = self.info(value)?;
        let given = self.give(value)?;
        let owned = match info.state {
            State::Owned(owned) => Some(Owned {
                unique: given.unique,
                ..owned
            }),
            _ => None,
        };
        Ok(Redefined { ty: info.ty, owned })
    }

    fn define_again(&mut self, redefined: Redefined) -> Check {
        match redefined.owned {
            Some(owned) => self.define(redefined.ty, owned.unique),
            None => self.define(redefined.ty, 0),
        }
    }

    fn check_path_not_empty(&self, path: &[Step]) -> Check {
        if path.is_empty() {
            return fault(Rule::Form, "an empty path");
        }
        Ok(())
    }

    /// `set`.
    pub(super) fn set(&mut self, value: Value, path: &[Step], new: Value) -> Check {
        self.check_path_not_empty(path)?;
        let target = self.info(value)?;
        let place = self.walk(target.ty, path, Access::Write)?;
        let given = self.give_as(new, place.ty)?;
        let mut redefined = self.redefine(value)?;
        self.check_looked(Rule::Borrow)?;
        self.check_writable(value, redefined.owned, place, false)?;
        self.put_flags(&mut redefined, place, given.unique);
        self.define_again(redefined)
    }

    /// What is stored in own slots brings its flags.
    fn put_flags(&self, redefined: &mut Redefined, place: Place, unique: u64) {
        if let Some(owned) = &mut redefined.owned
            && !place.behind
        {
            let references = reference_slots(self.layouts, place.ty);
            owned.unique &= !shift(references, place.slot);
            owned.unique |= shift(references & unique, place.slot);
        }
    }

    /// `update`.
    pub(super) fn update(
        &mut self,
        op: UpdateOp,
        value: Value,
        path: &[Step],
        args: &[Value],
    ) -> Check {
        let target = self.info(value)?;
        let place = self.walk(target.ty, path, Access::Write)?;
        let result = self.update_operands(op, place.ty, args)?;
        let redefined = self.redefine(value)?;
        self.check_looked(Rule::Borrow)?;
        let enters = !self.is_copy(place.ty);
        self.check_writable(value, redefined.owned, place, enters)?;
        self.define_again(redefined)?;
        match result {
            Some(ty) => self.define(ty, 0),
            None => Ok(()),
        }
    }

    /// `take`.
    pub(super) fn take(&mut self, value: Value, path: &[Step]) -> Check {
        self.check_path_not_empty(path)?;
        let target = self.info(value)?;
        let place = self.walk(target.ty, path, Access::Write)?;
        if self.is_copy(place.ty) {
            let text = format!(
                "{} is copy: there is nothing to take; `get` reads it",
                self.show(place.ty)
            );
            return fault(Rule::Hole, text);
        }
        let redefined = self.redefine(value)?;
        self.check_looked(Rule::Borrow)?;
        self.check_writable(value, redefined.owned, place, false)?;
        let unique = redefined.owned.map_or(0, |o| o.unique);
        let taken = if place.behind {
            0
        } else {
            unique.checked_shr(place.slot).unwrap_or(0)
        };
        self.define(place.ty, taken)?;
        let holed = Owned {
            live: true,
            unique,
            hole: Some(self.at),
        };
        self.define_state(redefined.ty, State::Owned(holed))
    }

    /// `put`.
    pub(super) fn put(&mut self, value: Value, path: &[Step], new: Value) -> Check {
        let target = self.info(value)?;
        let State::Owned(
            mut owned @ Owned {
                live: true,
                hole: Some(take),
                ..
            },
        ) = target.state
        else {
            return fault(
                Rule::Hole,
                format!("{} has no hole to fill", self.name(value)),
            );
        };
        if self.path_of_hole(take) != path {
            let text = format!(
                "the path is not that of the `take` at instruction {take}, step by step and value by value"
            );
            return fault(Rule::Hole, text);
        }
        let place = self.walk(target.ty, path, Access::Write)?;
        let given = self.give_as(new, place.ty)?;
        self.consume(value);
        self.check_looked(Rule::Borrow)?;
        owned.hole = None;
        let mut redefined = Redefined {
            ty: target.ty,
            owned: Some(owned),
        };
        self.put_flags(&mut redefined, place, given.unique);
        self.define_again(redefined)
    }

    /// `dup`.
    pub(super) fn dup(&mut self, value: Value) -> Check {
        let info = self.look(value)?;
        if self.is_copy(info.ty) {
            return fault(
                Rule::Once,
                format!("{} is copy and needs no owners", self.name(value)),
            );
        }
        self.share(value, info)?;
        self.check_looked(Rule::Borrow)?;
        self.define(info.ty, 0)
    }

    /// `drop`.
    pub(super) fn drop_value(&mut self, value: Value) -> Check {
        match self.info(value)?.state {
            State::Owned(Owned { live: true, .. }) => {
                self.consume(value);
                Ok(())
            }
            _ => fault(
                Rule::Once,
                format!(
                    "{} is dropped; only a live owned value can be",
                    self.name(value)
                ),
            ),
        }
    }

    /// `unique`.
    pub(super) fn unique(&mut self, value: Value, slot: u32) -> Check {
        let mut redefined = self.redefine(value)?;
        let references = reference_slots(self.layouts, redefined.ty);
        if slot >= 64 || references >> slot & 1 == 0 {
            let text = format!("{} has no reference in slot {slot}", self.name(value));
            return fault(Rule::Unique, text);
        }
        if inline(self.layouts, self.inline, redefined.ty).closures >> slot & 1 == 1 {
            let text = format!(
                "slot {slot} of {} may hold a closure, which nothing changes in place",
                self.name(value)
            );
            return fault(Rule::Unique, text);
        }
        if let Some(owned) = &mut redefined.owned {
            owned.unique |= 1 << slot;
        }
        self.define_again(redefined)
    }

    /// `open`.
    pub(super) fn open(&mut self, value: Value, variant: u32, count: u32) -> Check {
        let redefined = self.redefine(value)?;
        let due = self.row(redefined.ty, variant)?.len();
        self.check_part_count(redefined.ty, count as usize, due)?;
        let boxed = self.layouts.ready(redefined.ty).is_some_and(|l| l.boxed);
        let unique = redefined.owned.map_or(0, |o| o.unique);
        for index in 0..due {
            let part = self.row(redefined.ty, variant)?[index];
            let kept = if boxed {
                0
            } else {
                unique.checked_shr(part.slot).unwrap_or(0)
            };
            self.define(part.ty, kept)?;
        }
        Ok(())
    }

    /// `tag`.
    pub(super) fn tag(&mut self, value: Value) -> Check {
        let info = self.look(value)?;
        self.variants(value, info.ty)?;
        let int = self.type_of(Type::I64)?;
        self.check_looked(Rule::Borrow)?;
        self.define(int, 0)
    }
}

/// A mask moved up; bits beyond the last are of values that have no layout.
fn shift(mask: u64, slot: u32) -> u64 {
    mask.checked_shl(slot).unwrap_or(0)
}
