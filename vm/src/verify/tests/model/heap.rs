//! Cells with their counts, and values made up.

use cop_bytecode::layout::Body;
use cop_bytecode::{Type, TypeId};

use super::{Cell, Content, Machine, Slots};
use crate::verify::tests::kit::CODE;

impl Machine<'_> {
    pub(super) fn cell(&mut self, id: u64) -> &mut Cell {
        match self.heap.get_mut(id as usize) {
            Some(Some(cell)) => cell,
            _ => panic!("cell {id} is used after it was freed"),
        }
    }

    pub(super) fn allocate(&mut self, content: Content) -> u64 {
        self.heap.push(Some(Cell {
            count: 1,
            pinned: false,
            content,
        }));
        self.heap.len() as u64 - 1
    }

    /// The references in a value, with their slots; holes and `None` are no references.
    pub(super) fn references(&self, ty: TypeId, slots: &[u64]) -> Vec<(usize, u64)> {
        let mut found = Vec::new();
        self.collect(ty, slots, 0, &mut found);
        found
    }

    pub(super) fn collect(
        &self,
        ty: TypeId,
        slots: &[u64],
        base: usize,
        found: &mut Vec<(usize, u64)>,
    ) {
        let Some(layout) = self.layouts.ready(ty) else {
            panic!("a type without layout");
        };
        let parts = match &layout.body {
            _ if layout.copy => return,
            _ if layout.boxed => {
                found.extend((slots[base] != 0).then_some((base, slots[base])));
                return;
            }
            Body::Reference | Body::OptionRef(_) => {
                found.extend((slots[base] != 0).then_some((base, slots[base])));
                return;
            }
            Body::Scalar => return,
            Body::Product(parts) => parts,
            Body::Sum { variants, .. } => &variants[slots[base] as usize],
        };
        for part in parts {
            self.collect(part.ty, slots, base + part.slot as usize, found);
        }
    }

    pub(super) fn dup(&mut self, ty: TypeId, slots: &[u64]) {
        for (_, id) in self.references(ty, slots) {
            let cell = self.cell(id);
            cell.count += u32::from(!cell.pinned);
        }
    }

    pub(super) fn drop_value(&mut self, ty: TypeId, slots: &[u64]) {
        let mut todo: Vec<u64> = self.references(ty, slots).iter().map(|r| r.1).collect();
        while let Some(id) = todo.pop() {
            let cell = self.cell(id);
            if cell.pinned {
                continue;
            }
            assert!(cell.count > 0, "cell {id} has one owner too few");
            cell.count -= 1;
            if cell.count == 0 {
                let freed = self.heap[id as usize].take();
                for (ty, slots) in freed.iter().flat_map(|c| c.content.children()) {
                    todo.extend(self.references(ty, slots).iter().map(|r| r.1));
                }
            }
        }
    }

    /// Another cell with the same content, whose parts get one more owner.
    pub(super) fn copy_cell(&mut self, id: u64) -> u64 {
        let content = self.cell(id).content.clone();
        for (ty, slots) in content.children() {
            self.dup(ty, slots);
        }
        let cell = self.cell(id);
        cell.count -= u32::from(!cell.pinned);
        self.allocate(content)
    }

    pub(super) fn make_up(&mut self, ty: TypeId, depth: usize) -> Slots {
        let text = |machine: &mut Machine| {
            let text = ["", "a", "b"][machine.random.below(3)].to_owned();
            vec![machine.allocate(Content::Text(text))]
        };
        match self.layouts.get(ty).cloned() {
            Some(Type::Unit) => vec![],
            Some(Type::String | Type::Bytes) => text(self),
            Some(Type::List(element)) => {
                let count = self.random.below(4);
                let items = (0..count)
                    .map(|_| self.make_up(element, depth + 1))
                    .collect();
                vec![self.allocate(Content::List(element, items))]
            }
            Some(Type::Map(key, value)) => {
                let entry = (self.make_up(key, depth), self.make_up(value, depth));
                vec![self.allocate(Content::Entries(key, value, vec![Some(entry), None]))]
            }
            Some(Type::Set(key)) => {
                let unit = self.unit();
                let entry = (self.make_up(key, depth), vec![]);
                vec![self.allocate(Content::Entries(key, unit, vec![Some(entry)]))]
            }
            Some(Type::Fn { .. }) => {
                let string = self.layouts.find(&Type::String).unwrap_or(TypeId(0));
                let captured = text(self);
                vec![self.allocate(Content::Closure(CODE, vec![(string, captured)]))]
            }
            Some(Type::Option(_)) if depth > 2 => self.build(ty, 0, vec![]),
            Some(Type::Option(t)) if self.random.once_in(2) => {
                let part = self.make_up(t, depth + 1);
                self.build(ty, 1, vec![part])
            }
            Some(Type::Option(_)) => self.build(ty, 0, vec![]),
            Some(Type::Tuple(_) | Type::Nominal(..) | Type::Range) => {
                let variants = self.variants(ty);
                let variant = if depth > 2 {
                    0
                } else {
                    self.random.below(variants)
                };
                let types = self.row(ty, variant as u32);
                let parts = types.iter().map(|t| self.make_up(*t, depth + 1)).collect();
                self.build(ty, variant as u32, parts)
            }
            _ => vec![self.random.below(3) as u64],
        }
    }

    pub(super) fn unit(&self) -> TypeId {
        self.layouts.find(&Type::Unit).unwrap_or(TypeId(0))
    }

    pub(super) fn variants(&self, ty: TypeId) -> usize {
        match self.layouts.ready(ty).map(|l| &l.body) {
            Some(Body::Sum { variants, .. }) => variants.len(),
            Some(Body::OptionRef(_)) => 2,
            _ => 1,
        }
    }

    /// Types of the parts of a variant.
    pub(super) fn row(&self, ty: TypeId, variant: u32) -> Vec<TypeId> {
        let parts = match self.layouts.ready(ty).map(|l| &l.body) {
            Some(Body::Product(parts)) => parts.as_slice(),
            Some(Body::Sum { variants, .. }) => &variants[variant as usize],
            Some(Body::OptionRef(part)) if variant == 1 => std::slice::from_ref(part),
            _ => &[],
        };
        parts.iter().map(|part| part.ty).collect()
    }

    /// A product or variant of these parts.
    pub(super) fn build(&mut self, ty: TypeId, variant: u32, parts: Vec<Slots>) -> Slots {
        let types = self.row(ty, variant);
        let Some(layout) = self.layouts.ready(ty) else {
            panic!("a type without layout");
        };
        if layout.boxed {
            if parts.is_empty() {
                return vec![u64::from(variant) + 1];
            }
            let parts = types.into_iter().zip(parts).collect();
            return vec![self.allocate(Content::Parts(variant, parts))];
        }
        if let Body::OptionRef(_) = layout.body {
            return parts.into_iter().next().unwrap_or(vec![0]);
        }
        let mut slots = vec![];
        if let Body::Sum { .. } = layout.body {
            slots.push(u64::from(variant));
        }
        slots.extend(parts.into_iter().flatten());
        slots.resize(layout.slots.len(), 0);
        slots
    }

    /// The variant of a sum, or 0.
    pub(super) fn tag(&mut self, ty: TypeId, slots: &[u64]) -> u32 {
        match self.layouts.ready(ty) {
            Some(layout) if layout.boxed => match self.cell(slots[0]).content {
                Content::Parts(variant, _) => variant,
                _ => panic!("a boxed value that is none"),
            },
            Some(layout) => match layout.body {
                Body::Sum { .. } => slots[0] as u32,
                Body::OptionRef(_) => u32::from(slots[0] != 0),
                _ => 0,
            },
            None => panic!("a type without layout"),
        }
    }
}
