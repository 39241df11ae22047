//! Paths: where they lead, and where they follow their first reference.

use cop_bytecode::layout::{Body, Part};
use cop_bytecode::{Step, Type, TypeId, Value};

use super::error::{Check, Rule, fault};
use super::pass::Pass;
use super::values::Owned;

/// What a path is walked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Access {
    Read,
    Write,
}

/// Where a path leads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) ty: TypeId,
    /// The first own slot of what lies there, or the own slot that holds the first reference followed.
    pub(super) slot: u32,
    /// Whether a reference was followed.
    pub(super) behind: bool,
}

impl Place {
    /// Notes that the reference at hand is followed.
    fn follow(&mut self, ty: TypeId) {
        self.behind = true;
        self.ty = ty;
    }
}

impl Pass<'_> {
    /// Walks a path from a value of type `ty`, looking at the values its steps name.
    pub(super) fn walk(&mut self, ty: TypeId, path: &[Step], access: Access) -> Check<Place> {
        let mut place = Place {
            ty,
            slot: 0,
            behind: false,
        };
        let mut steps = path.iter();
        while let Some(step) = steps.next() {
            match *step {
                Step::Index(index) => {
                    self.look_at_int(index)?;
                    match self.layouts.get(place.ty) {
                        Some(Type::List(element)) => place.follow(*element),
                        Some(Type::Bytes) => {
                            let int = self.type_of(Type::I64)?;
                            place.follow(int);
                        }
                        _ => return self.no_step(place.ty, "an element"),
                    }
                }
                Step::Key(key) => match self.layouts.get(place.ty) {
                    Some(&Type::Map(key_type, value_type)) => {
                        self.look_as(key, key_type)?;
                        place.follow(value_type);
                    }
                    _ => return self.no_step(place.ty, "a value under a key"),
                },
                Step::EntryKey(number) => {
                    self.look_at_int(number)?;
                    if access == Access::Write {
                        return fault(Rule::Form, "keys of entries can only be read");
                    }
                    match self.layouts.get(place.ty) {
                        Some(&(Type::Map(key, _) | Type::Set(key))) => place.follow(key),
                        _ => return self.no_step(place.ty, "an entry's key"),
                    }
                }
                Step::EntryValue(number) => {
                    self.look_at_int(number)?;
                    match self.layouts.get(place.ty) {
                        Some(&Type::Map(_, value)) => place.follow(value),
                        _ => return self.no_step(place.ty, "an entry's value"),
                    }
                }
                Step::Field(field) => {
                    let part = self.part(place.ty, None, field)?;
                    self.enter(&mut place, part);
                }
                Step::Variant(variant) => {
                    let Some(Step::Field(field)) = steps.next() else {
                        return fault(Rule::Form, "a step to a variant without a field after it");
                    };
                    let part = self.part(place.ty, Some(variant), *field)?;
                    self.enter(&mut place, part);
                }
            }
        }
        Ok(place)
    }

    fn enter(&self, place: &mut Place, part: Part) {
        let boxed = self.layouts.ready(place.ty).is_some_and(|l| l.boxed);
        if boxed {
            place.follow(part.ty);
        } else {
            if !place.behind {
                place.slot += part.slot;
            }
            place.ty = part.ty;
        }
    }

    /// A field of a product, or of a variant of a sum.
    fn part(&self, ty: TypeId, variant: Option<u32>, field: u32) -> Check<Part> {
        let layout = self.layouts.ready(ty);
        let part = match (layout.map(|l| &l.body), variant) {
            (Some(Body::Product(parts)), None) => parts.get(field as usize),
            (Some(Body::Sum { variants, .. }), Some(variant)) => variants
                .get(variant as usize)
                .and_then(|parts| parts.get(field as usize)),
            (Some(Body::OptionRef(part)), Some(1)) if field == 0 => Some(part),
            _ => None,
        };
        match part {
            Some(part) => Ok(*part),
            None => {
                let of = variant.map_or(String::new(), |v| format!(" of variant {v}"));
                self.no_step(ty, &format!("field {field}{of}"))
            }
        }
    }

    fn no_step<T>(&self, ty: TypeId, what: &str) -> Check<T> {
        fault(
            Rule::Form,
            format!("{} has no such step: {what}", self.show(ty)),
        )
    }

    pub(super) fn look_at_int(&mut self, value: Value) -> Check {
        let int = self.type_of(Type::I64)?;
        self.look_as(value, int)?;
        Ok(())
    }

    /// Rule 5: where a writing path follows its first reference, the own slot is unique. `enters`: the
    /// operation itself follows the reference that lies at the path.
    pub(super) fn check_writable(
        &self,
        value: Value,
        owned: Option<Owned>,
        place: Place,
        enters: bool,
    ) -> Check {
        if !place.behind && !enters {
            return Ok(());
        }
        let unique = owned.map_or(0, |o| o.unique);
        if place.slot < 64 && unique >> place.slot & 1 == 1 {
            return Ok(());
        }
        fault(
            Rule::Unique,
            format!(
                "the update of {} enters through slot {}, which is not known to be unique",
                self.name(value),
                place.slot
            ),
        )
    }
}
