//! Paths: reading at them, and making cells on them unique.

use cop_bytecode::layout::Body;
use cop_bytecode::{Step, TypeId, Value};

use super::{Content, Ended, Machine, Run, Slots};

/// Somewhere in a value or in a cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) ty: TypeId,
    /// None for the value itself; else a cell and the number of its part (for entries twice the entry's).
    pub(super) cell: Option<(u64, usize)>,
    pub(super) slot: usize,
}

impl Machine<'_> {
    pub(super) fn read(&mut self, value: &Slots, spot: Spot) -> Slots {
        let width = self.layouts.ready(spot.ty).map_or(0, |l| l.slots.len());
        let whole = match spot.cell {
            None => value,
            Some((id, part)) => self.part_of(id, part),
        };
        whole[spot.slot..spot.slot + width].to_vec()
    }

    pub(super) fn write(&mut self, value: &mut Slots, spot: Spot, new: &[u64]) {
        let whole = match spot.cell {
            None => value,
            Some((id, part)) => self.part_of(id, part),
        };
        whole[spot.slot..spot.slot + new.len()].copy_from_slice(new);
    }

    pub(super) fn part_of(&mut self, id: u64, part: usize) -> &mut Slots {
        match &mut self.cell(id).content {
            Content::List(_, items) => &mut items[part],
            Content::Parts(_, parts) | Content::Closure(_, parts) => &mut parts[part].1,
            Content::Entries(_, _, entries) => match &mut entries[part / 2] {
                Some((key, value)) => match part % 2 {
                    0 => key,
                    _ => value,
                },
                None => panic!("a dead entry"),
            },
            Content::Text(_) => panic!("a text has no parts"),
        }
    }

    /// Follows the reference at a spot; to write, it has one owner afterwards, and the first has so before.
    pub(super) fn follow(&mut self, value: &mut Slots, spot: Spot, write: bool) -> u64 {
        let id = self.read(value, spot)[0];
        let cell = self.cell(id);
        let alone = cell.count == 1 && !cell.pinned;
        if !write || alone {
            return id;
        }
        assert!(
            spot.cell.is_some(),
            "an update enters through slot {} of a value, whose cell has other owners",
            spot.slot
        );
        let empty = matches!(&cell.content, Content::Parts(_, parts) if parts.is_empty());
        if empty {
            return id;
        }
        let copy = self.copy_cell(id);
        self.write(value, spot, &[copy]);
        copy
    }

    pub(super) fn walk(
        &mut self,
        ty: TypeId,
        value: &mut Slots,
        path: &[Step],
        write: bool,
    ) -> Run<Spot> {
        let mut spot = Spot {
            ty,
            cell: None,
            slot: 0,
        };
        let mut steps = path.iter().peekable();
        while let Some(step) = steps.next() {
            let (variant, field) = match *step {
                Step::Field(field) => (0, field),
                Step::Variant(variant) => match steps.next() {
                    Some(Step::Field(field)) => (variant, *field),
                    _ => panic!("a variant without a field"),
                },
                Step::Index(_) | Step::Key(_) | Step::EntryKey(_) | Step::EntryValue(_) => {
                    spot = self.walk_collection(value, spot, *step, write)?;
                    continue;
                }
            };
            let whole = self.read(value, spot);
            if self.tag(spot.ty, &whole) != variant {
                return Err(Ended);
            }
            let Some(layout) = self.layouts.ready(spot.ty) else {
                panic!("a type without layout");
            };
            let part = match &layout.body {
                Body::Product(parts) => parts[field as usize],
                Body::Sum { variants, .. } => variants[variant as usize][field as usize],
                Body::OptionRef(part) => *part,
                _ => panic!("a field of something without fields"),
            };
            if layout.boxed {
                let id = self.follow(value, spot, write);
                spot = Spot {
                    ty: part.ty,
                    cell: Some((id, field as usize)),
                    slot: 0,
                };
            } else {
                spot.ty = part.ty;
                spot.slot += part.slot as usize;
            }
        }
        Ok(spot)
    }

    pub(super) fn walk_collection(
        &mut self,
        value: &mut Slots,
        spot: Spot,
        step: Step,
        write: bool,
    ) -> Run<Spot> {
        let id = self.read(value, spot)[0];
        // Found before the cell is copied: a trap comes first.
        let number = |machine: &Machine, v: Value| machine.value(v)[0] as i64 as usize;
        let (ty, part) = match (&self.cell(id).content.clone(), step) {
            (Content::List(ty, items), Step::Index(v)) => {
                let index = number(self, v);
                items.get(index).ok_or(Ended)?;
                (*ty, index)
            }
            (Content::Text(_), Step::Index(_)) => return Err(Ended),
            (Content::Entries(_, ty, entries), Step::Key(v)) => {
                let key = self.key(&self.value(v).clone());
                let found = self.find(entries, &key);
                (*ty, found.ok_or(Ended)? * 2 + 1)
            }
            (Content::Entries(key, value, entries), Step::EntryKey(v) | Step::EntryValue(v)) => {
                let index = number(self, v);
                entries.get(index).and_then(Option::as_ref).ok_or(Ended)?;
                match step {
                    Step::EntryKey(_) => (*key, index * 2),
                    _ => (*value, index * 2 + 1),
                }
            }
            _ => panic!("a step that does not fit the cell"),
        };
        let id = self.follow(value, spot, write);
        Ok(Spot {
            ty,
            cell: Some((id, part)),
            slot: 0,
        })
    }

    /// Keys in the model are texts.
    pub(super) fn key(&mut self, slots: &Slots) -> String {
        match &self.cell(slots[0]).content {
            Content::Text(text) => text.clone(),
            _ => panic!("a key that is no text"),
        }
    }

    pub(super) fn find(&mut self, entries: &[Option<(Slots, Slots)>], key: &str) -> Option<usize> {
        let is = |machine: &mut Machine, entry: &Option<(Slots, Slots)>| {
            entry.as_ref().is_some_and(|(k, _)| machine.key(k) == key)
        };
        entries.iter().position(|entry| is(self, entry))
    }

    /// [`Machine::walk`] to a hole: its last step may lead through an option that looks empty.
    pub(super) fn walk_hole(&mut self, ty: TypeId, slots: &mut Slots, path: &[Step]) -> Run<Spot> {
        let option = match path {
            [rest @ .., Step::Variant(1), Step::Field(0)] => {
                let spot = self.walk(ty, slots, rest, true)?;
                let is_reference = |l: &cop_bytecode::Layout| match l.body {
                    Body::OptionRef(part) => Some(part.ty),
                    _ => None,
                };
                let payload = self.layouts.ready(spot.ty).and_then(is_reference);
                payload.map(|ty| Spot { ty, ..spot })
            }
            _ => None,
        };
        match option {
            Some(spot) => Ok(spot),
            None => self.walk(ty, slots, path, true),
        }
    }
}
