//! Making values of parts, and taking them apart.

use cop_bytecode::fuel;
use cop_bytecode::instr::Value;
use cop_bytecode::layout::{Body, LayoutError, Part};
use cop_bytecode::{Type, TypeId};

use super::{Compiler, Made};
use crate::flat::{CellPlan, Insn, ListPlan, Tag};
use crate::memory::pinned;
use crate::shape;

/// How a type with parts is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Product,
    /// Whether the tag takes two bytes.
    Sum {
        wide: bool,
    },
    /// An option of one slot.
    OptionRef,
}

impl Compiler<'_> {
    pub(super) fn new_value(
        &mut self,
        value: u32,
        ty: TypeId,
        variant: u32,
        parts: &[Value],
    ) -> Made<()> {
        match self.layouts.get(ty).ok_or(LayoutError::Unknown)? {
            Type::List(_) => {
                let items = self.first_slots(parts)?;
                self.code.lists.push(ListPlan { ty: ty.0, items });
                let plan = self.code.lists.len() as u32 - 1;
                let d = self.define(value)?;
                self.emit(Insn::NewList { plan, d });
                return Ok(());
            }
            Type::Map(..) | Type::Set(_) => {
                let d = self.define(value)?;
                self.emit(Insn::NewTable { ty: ty.0, d });
                return Ok(());
            }
            _ => {}
        }
        let (form, boxed) = self.form(ty)?;
        if boxed {
            return self.new_cell(value, ty, variant, parts, form);
        }
        let row = self.row(ty, variant)?;
        if row.len() != parts.len() {
            return Err(LayoutError::Unknown);
        }
        let sources = self.flat_slots(parts)?;
        let d = self.define(value)?;
        match form {
            Form::Sum { .. } => {
                self.moves(&sources, d + 1);
                self.emit(Insn::Const {
                    d,
                    bits: u64::from(variant),
                });
            }
            Form::OptionRef if variant == 0 => {
                self.emit(Insn::Const { d, bits: 0 });
            }
            _ => self.moves(&sources, d),
        }
        Ok(())
    }

    pub(super) fn new_cell(
        &mut self,
        value: u32,
        ty: TypeId,
        variant: u32,
        parts: &[Value],
        form: Form,
    ) -> Made<()> {
        let tag = match form {
            Form::Product => Tag::None,
            Form::Sum { .. } if parts.is_empty() && variant < fuel::PINNED => {
                return self.constant(value, u64::from(pinned(variant)));
            }
            Form::Sum { wide: true } => Tag::Wide(variant as u16),
            Form::Sum { wide: false } => Tag::Narrow(variant as u8),
            Form::OptionRef => return Err(LayoutError::Unknown),
        };
        let row = self.row(ty, variant)?;
        let pieces = self.part_pieces(&row, parts)?;
        let sizes = &self.layouts.layout(ty)?.cell_sizes;
        let size = *sizes.get(variant as usize).ok_or(LayoutError::Unknown)?;
        self.code.cells.push(CellPlan {
            ty: ty.0,
            size,
            tag,
            pieces,
        });
        let plan = self.code.cells.len() as u32 - 1;
        let d = self.define(value)?;
        self.emit(Insn::NewCell { plan, d });
        Ok(())
    }

    /// How a type with parts is made, and whether it is boxed.
    pub(super) fn form(&mut self, ty: TypeId) -> Made<(Form, bool)> {
        let layout = self.layouts.layout(ty)?;
        let form = match &layout.body {
            Body::Product(_) => Form::Product,
            Body::Sum { tag_width, .. } => Form::Sum {
                wide: *tag_width == 2,
            },
            Body::OptionRef(_) => Form::OptionRef,
            Body::Scalar | Body::Reference => return Err(LayoutError::Unknown),
        };
        Ok((form, layout.boxed))
    }

    /// The parts of a product, or of a variant.
    pub(super) fn row(&mut self, ty: TypeId, variant: u32) -> Made<Vec<Part>> {
        Ok(match &self.layouts.layout(ty)?.body {
            Body::Product(parts) => parts.clone(),
            Body::Sum { variants, .. } => {
                let row = variants.get(variant as usize);
                row.ok_or(LayoutError::Unknown)?.clone()
            }
            Body::OptionRef(part) if variant == 1 => vec![*part],
            Body::OptionRef(_) => vec![],
            Body::Scalar | Body::Reference => return Err(LayoutError::Unknown),
        })
    }

    /// One part of a product, or of a variant.
    pub(super) fn part(&mut self, ty: TypeId, variant: u32, field: u32) -> Made<Part> {
        let part = match &self.layouts.layout(ty)?.body {
            Body::Product(parts) => parts.get(field as usize),
            Body::Sum { variants, .. } => {
                let row = variants.get(variant as usize);
                row.and_then(|row| row.get(field as usize))
            }
            Body::OptionRef(part) => Some(part),
            Body::Scalar | Body::Reference => None,
        };
        part.copied().ok_or(LayoutError::Unknown)
    }

    /// What is stored where for parts that lie in slots of the frame.
    pub(super) fn part_pieces(&mut self, row: &[Part], parts: &[Value]) -> Made<Vec<shape::Piece>> {
        if row.len() != parts.len() {
            return Err(LayoutError::Unknown);
        }
        let mut all = Vec::new();
        for (part, value) in row.iter().zip(parts) {
            all.extend(shape::pieces(
                self.layouts,
                part.ty,
                self.slot(*value)?,
                part.offset,
            )?);
        }
        Ok(all)
    }

    pub(super) fn take_apart(&mut self, first: u32, value: Value, variant: u32) -> Made<()> {
        let (s, ty) = (self.slot(value)?, self.ty(value)?);
        let (form, boxed) = self.form(ty)?;
        let row = self.row(ty, variant)?;
        match form {
            Form::Sum { wide } if boxed => {
                self.emit(Insn::CheckCell { s, variant, wide });
            }
            Form::Sum { .. } => {
                self.emit(Insn::CheckSlot { s, variant });
            }
            Form::OptionRef => {
                self.emit(Insn::CheckSome { s, variant });
            }
            Form::Product => {}
        }
        if boxed {
            let d = self.define_all(first..first + row.len() as u32)?;
            self.emit(Insn::Open { s, d, ty: ty.0 });
        } else {
            for (i, part) in row.iter().enumerate() {
                self.define_as(first + i as u32, s + part.slot)?;
            }
        }
        Ok(())
    }
}
