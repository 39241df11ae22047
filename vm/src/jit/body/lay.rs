//! How values lie in memory and which of their slots hold references, whatever their tags say.
//!
//! Where every variant of a sum has its words in the same places, they are read and written without a look at the tag;
//! else there is a branch on it.

use std::rc::Rc;

use cop_bytecode::TypeId;
use cop_bytecode::layout::{Body as LayoutBody, LayoutError};
use cranelift_codegen::ir::{
    self, Block, BlockArg, BlockCall, InstBuilder, JumpTableData, Value, types,
};

use super::paths::{Cell, Flat};
use super::{Body, NoCode};
use crate::planted::{Fault, is_planted};
use crate::shape::{self, PieceKind};

/// How a value lies in memory.
pub(super) struct Lay {
    /// Words that lie in one place each.
    words: Vec<Flat>,
    /// Sums whose variants lie differently.
    sums: Vec<SumLay>,
}

struct SumLay {
    tag: Flat,
    /// How many slots it has.
    width: usize,
    /// Per variant, from the slot and the offset of the whole value.
    variants: Vec<Lay>,
}

impl Lay {
    /// Where these slots lie.
    pub fn at(&self, slots: &[usize]) -> Vec<Flat> {
        let all = self.words.iter();
        all.filter(|flat| slots.contains(&flat.slot))
            .copied()
            .collect()
    }
}

/// The slots of a value that hold references, each with the type of what it refers to.
#[derive(Default)]
pub(super) struct Refs {
    plain: Vec<(usize, TypeId)>,
    /// By the tag in a slot, per variant.
    sums: Vec<(usize, Vec<Refs>)>,
}

impl Refs {
    /// Whether there is no reference in it.
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.sums.is_empty()
    }

    /// The type that the reference in a slot leads to, if no tag decides about it.
    pub fn of(&self, slot: usize) -> Option<TypeId> {
        let found = self.plain.iter().find(|(known, _)| *known == slot);
        found.map(|(_, ty)| *ty)
    }

    /// The slots, if no tag decides about them.
    pub fn plain(&self) -> Option<Vec<usize>> {
        let slots = self.plain.iter().map(|(slot, _)| *slot).collect();
        self.sums.is_empty().then_some(slots)
    }
}

impl Body<'_, '_> {
    /// How a type lies in memory.
    pub(super) fn lay(&mut self, ty: TypeId) -> Result<Rc<Lay>, NoCode> {
        if let Some(lay) = self.lays.get(&ty) {
            return Ok(lay.clone());
        }
        self.around.layouts.layout(ty)?;
        let lay = Rc::new(self.lay_at(ty, 0, 0)?);
        self.lays.insert(ty, lay.clone());
        Ok(lay)
    }

    fn lay_at(&mut self, ty: TypeId, slot: u32, offset: u32) -> Result<Lay, NoCode> {
        let mut lay = Lay {
            words: Vec::new(),
            sums: Vec::new(),
        };
        for piece in shape::pieces(self.around.layouts, ty, slot, offset)? {
            let word = |cell| Flat {
                slot: piece.slot as usize,
                offset: piece.offset as i32,
                cell,
            };
            match piece.kind {
                PieceKind::I64 => lay.words.push(word(Cell::Word)),
                PieceKind::F64 => lay.words.push(word(Cell::Float)),
                PieceKind::Bool => lay.words.push(word(Cell::Byte)),
                PieceKind::Word | PieceKind::Ref => lay.words.push(word(Cell::Half)),
                PieceKind::Sum(sum) => {
                    let sum = TypeId(sum);
                    if let Some(flat) = self.flat_pieces(sum)? {
                        lay.words.extend(flat.iter().map(|flat| Flat {
                            slot: flat.slot + piece.slot as usize,
                            offset: flat.offset + piece.offset as i32,
                            cell: flat.cell,
                        }));
                        continue;
                    }
                    let layout = self.around.layouts.layout(sum)?;
                    let LayoutBody::Sum {
                        tag_width,
                        variants,
                    } = layout.body.clone()
                    else {
                        return Err(LayoutError::Unknown.into());
                    };
                    let width = layout.slots.len();
                    let mut rows = Vec::with_capacity(variants.len());
                    for parts in variants {
                        let mut row = Lay {
                            words: Vec::new(),
                            sums: Vec::new(),
                        };
                        for part in parts {
                            self.around.layouts.layout(part.ty)?;
                            let inside = self.lay_at(
                                part.ty,
                                piece.slot + part.slot,
                                piece.offset + part.offset,
                            )?;
                            row.words.extend(inside.words);
                            row.sums.extend(inside.sums);
                        }
                        rows.push(row);
                    }
                    lay.sums.push(SumLay {
                        tag: word(if tag_width == 2 {
                            Cell::Pair
                        } else {
                            Cell::Byte
                        }),
                        width,
                        variants: rows,
                    });
                }
            }
        }
        Ok(lay)
    }

    /// Reads a value from memory.
    pub(super) fn load(
        &mut self,
        lay: &Lay,
        address: Value,
        offset: i32,
        types: &[ir::Type],
    ) -> Vec<Value> {
        let mut row = vec![None; types.len()];
        self.load_into(lay, address, offset, types, &mut row);
        row.into_iter()
            .zip(types)
            .map(|(slot, ty)| slot.unwrap_or_else(|| self.zero(*ty)))
            .collect()
    }

    fn zero(&mut self, ty: ir::Type) -> Value {
        match ty {
            types::F64 => self.b.ins().f64const(0.0),
            _ => self.b.ins().iconst(types::I64, 0),
        }
    }

    fn load_into(
        &mut self,
        lay: &Lay,
        address: Value,
        offset: i32,
        types: &[ir::Type],
        row: &mut [Option<Value>],
    ) {
        for flat in &lay.words {
            let ty = types[flat.slot];
            row[flat.slot] = Some(self.load_cell(flat.cell, address, offset + flat.offset, ty));
        }
        for sum in &lay.sums {
            let at = sum.tag.slot;
            let tag = self.load_cell(sum.tag.cell, address, offset + sum.tag.offset, types[at]);
            row[at] = Some(tag);
            let slots = at + 1..at + sum.width;
            let on = self.b.create_block();
            for slot in slots.clone() {
                row[slot] = Some(self.b.append_block_param(on, types[slot]));
            }
            let tag = self.cast(tag, types::I64);
            let arms = self.branch(tag, sum.variants.len());
            for (arm, variant) in arms.into_iter().zip(&sum.variants) {
                self.b.switch_to_block(arm);
                self.b.seal_block(arm);
                let mut found = vec![None; types.len()];
                self.load_into(variant, address, offset, types, &mut found);
                let args: Vec<BlockArg> = slots
                    .clone()
                    .map(|slot| found[slot].unwrap_or_else(|| self.zero(types[slot])).into())
                    .collect();
                self.b.ins().jump(on, &args);
            }
            self.b.switch_to_block(on);
            self.b.seal_block(on);
        }
    }

    /// Writes a value to memory.
    pub(super) fn store(&mut self, lay: &Lay, row: &[Value], address: Value, offset: i32) {
        for flat in &lay.words {
            self.store_cell(flat.cell, row[flat.slot], address, offset + flat.offset);
        }
        for sum in &lay.sums {
            let tag = self.cast(row[sum.tag.slot], types::I64);
            self.store_cell(sum.tag.cell, tag, address, offset + sum.tag.offset);
            let on = self.b.create_block();
            let arms = self.branch(tag, sum.variants.len());
            for (arm, variant) in arms.into_iter().zip(&sum.variants) {
                self.b.switch_to_block(arm);
                self.b.seal_block(arm);
                self.store(variant, row, address, offset);
                self.b.ins().jump(on, &[]);
            }
            self.b.switch_to_block(on);
            self.b.seal_block(on);
        }
    }

    /// A block for each number below `count`, to which this one leads. Numbers beyond are none that verified code makes.
    pub(super) fn branch(&mut self, number: Value, count: usize) -> Vec<Block> {
        let arms: Vec<Block> = (0..count).map(|_| self.b.create_block()).collect();
        match arms[..] {
            [] => {}
            [only] => {
                self.b.ins().jump(only, &[]);
            }
            [first, second] => {
                self.b.ins().brif(number, second, &[], first, &[]);
            }
            _ => {
                let number = self.b.ins().ireduce(types::I32, number);
                let pool = &mut self.b.func.dfg.value_lists;
                let calls: Vec<BlockCall> = arms
                    .iter()
                    .map(|arm| BlockCall::new(*arm, [], pool))
                    .collect();
                let last = if is_planted(Fault::Variant) { 2 } else { 1 };
                let table = JumpTableData::new(calls[count - last], &calls[..count - 1]);
                let table = self.b.create_jump_table(table);
                self.b.ins().br_table(number, table);
            }
        }
        arms
    }

    /// The references in the slots of a type.
    pub(super) fn refs(&mut self, ty: TypeId) -> Result<Rc<Refs>, NoCode> {
        if let Some(refs) = self.refs.get(&ty) {
            return Ok(refs.clone());
        }
        let mut refs = Refs::default();
        self.refs_at(ty, 0, &mut refs)?;
        let refs = Rc::new(refs);
        self.refs.insert(ty, refs.clone());
        Ok(refs)
    }

    fn refs_at(&mut self, ty: TypeId, slot: usize, refs: &mut Refs) -> Result<(), NoCode> {
        let layout = self.around.layouts.layout(ty)?;
        if layout.copy {
            return Ok(());
        }
        if layout.boxed {
            refs.plain.push((slot, ty));
            return Ok(());
        }
        match layout.body.clone() {
            LayoutBody::Scalar => {}
            LayoutBody::Reference => refs.plain.push((slot, ty)),
            LayoutBody::OptionRef(part) => refs.plain.push((slot, part.ty)),
            LayoutBody::Product(parts) => {
                for part in parts {
                    self.refs_at(part.ty, slot + part.slot as usize, refs)?;
                }
            }
            LayoutBody::Sum { variants, .. } => {
                let mut rows = Vec::with_capacity(variants.len());
                for parts in variants {
                    let mut row = Refs::default();
                    for part in parts {
                        self.refs_at(part.ty, slot + part.slot as usize, &mut row)?;
                    }
                    rows.push(row);
                }
                refs.sums.push((slot, rows));
            }
        }
        Ok(())
    }

    /// Does something with each reference in slots.
    pub(super) fn each_ref(
        &mut self,
        refs: &Refs,
        slots: &[Value],
        each: &mut dyn FnMut(&mut Self, Value, TypeId),
    ) {
        for (slot, ty) in &refs.plain {
            let cell = self.cast(slots[*slot], types::I64);
            each(self, cell, *ty);
        }
        for (tag, variants) in &refs.sums {
            let tag = self.cast(slots[*tag], types::I64);
            let on = self.b.create_block();
            let with: Vec<usize> = (0..variants.len())
                .filter(|i| !variants[*i].is_empty())
                .collect();
            if let [only] = with[..] {
                let arm = self.b.create_block();
                let is_it = self
                    .b
                    .ins()
                    .icmp_imm_s(ir::condcodes::IntCC::Equal, tag, only as i64);
                self.b.ins().brif(is_it, arm, &[], on, &[]);
                self.b.switch_to_block(arm);
                self.b.seal_block(arm);
                self.each_ref(&variants[only], slots, each);
                self.b.ins().jump(on, &[]);
            } else {
                let arms = self.branch(tag, variants.len());
                for (arm, variant) in arms.into_iter().zip(variants) {
                    self.b.switch_to_block(arm);
                    self.b.seal_block(arm);
                    self.each_ref(variant, slots, each);
                    self.b.ins().jump(on, &[]);
                }
            }
            self.b.switch_to_block(on);
            self.b.seal_block(on);
        }
    }
}
