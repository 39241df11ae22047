//! Paths with their places worked out, and what reads through them.

use cop_bytecode::instr::{Mode, Step, Value};
use cop_bytecode::layout::LayoutError;
use cop_bytecode::typing::step_type;
use cop_bytecode::{Type, TypeId};

use super::values::Form;
use super::{Compiler, Made};
use crate::flat::{Insn, Path, PathEnd, PathStep};
use crate::shape::{self, PieceKind};

/// How an element that is one slot is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemKind {
    /// An integer or float.
    Plain8,
    /// A reference or character.
    Four,
    /// A truth value or byte.
    One,
}

impl Compiler<'_> {
    pub(super) fn get(&mut self, defined: u32, value: Value, path: &[Step]) -> Made<()> {
        let (s, ty) = (self.slot(value)?, self.ty(value)?);
        if let [Step::Index(index)] = path
            && let Some(kind) = self.item_kind(value)?
        {
            let (list, index) = (s, self.slot(*index)?);
            let d = self.define(defined)?;
            self.emit(match kind {
                ItemKind::Plain8 => Insn::Get8 { d, list, index },
                ItemKind::Four => Insn::Get4 { d, list, index },
                ItemKind::One => Insn::Get1 { d, list, index },
            });
            return Ok(());
        }
        let made = self.make_path(s, ty, path)?;
        if let (true, PathEnd::Slots(from)) = (made.steps.is_empty(), made.end) {
            let part = TypeId(made.ty);
            if !self.is_copy(part)? || self.is_copy(ty)? || self.is_lent(value) {
                return self.define_as(defined, from);
            }
            let width = self.width(part)?;
            let d = self.define(defined)?;
            self.moves(&(from..from + width).collect::<Vec<_>>(), d);
            return Ok(());
        }
        self.code.paths.push(made);
        let path = self.code.paths.len() as u32 - 1;
        let d = self.define(defined)?;
        self.emit(Insn::Get { path, d });
        Ok(())
    }

    /// Whether a value is a parameter that is not changed during the call.
    pub(super) fn is_lent(&self, value: Value) -> bool {
        let param = self.function.params.get(value.0 as usize);
        param.is_some_and(|p| matches!(p.mode, Mode::Borrow | Mode::Look))
    }

    /// How the elements of a list or of bytes are read, if each is one slot.
    pub(super) fn item_kind(&mut self, list: Value) -> Made<Option<ItemKind>> {
        let ty = self.ty(list)?;
        let item = match self.layouts.get(ty) {
            Some(Type::List(item)) => *item,
            Some(Type::Bytes) => return Ok(Some(ItemKind::One)),
            _ => return Ok(None),
        };
        self.layouts.layout(item)?;
        let pieces = shape::pieces(self.layouts, item, 0, 0)?;
        Ok(match pieces[..] {
            [piece] => match piece.kind {
                PieceKind::I64 | PieceKind::F64 => Some(ItemKind::Plain8),
                PieceKind::Word | PieceKind::Ref => Some(ItemKind::Four),
                PieceKind::Bool => Some(ItemKind::One),
                PieceKind::Sum(_) => None,
            },
            _ => None,
        })
    }

    pub(super) fn path(&mut self, root: u32, ty: TypeId, path: &[Step]) -> Made<u32> {
        let path = self.make_path(root, ty, path)?;
        self.code.paths.push(path);
        Ok(self.code.paths.len() as u32 - 1)
    }

    pub(super) fn make_path(&mut self, root: u32, ty: TypeId, path: &[Step]) -> Made<Path> {
        let mut steps = Vec::new();
        let mut end = PathEnd::Slots(root);
        let (mut ty, mut variant) = (ty, 0);
        for step in path {
            let enter = match end {
                PathEnd::Slots(slot) => PathStep::EnterSlot(slot),
                _ => PathStep::EnterMemory,
            };
            match *step {
                Step::Field(field) => {
                    let (_, boxed) = self.form(ty)?;
                    let part = self.part(ty, variant, field)?;
                    end = match end {
                        PathEnd::Slots(slot) if !boxed => PathEnd::Slots(slot + part.slot),
                        _ => {
                            if boxed {
                                steps.push(enter);
                            }
                            if part.offset > 0 {
                                steps.push(PathStep::Offset(part.offset));
                            }
                            PathEnd::Memory
                        }
                    };
                }
                Step::Variant(variant) => steps.push(match (self.form(ty)?, end) {
                    ((Form::Sum { .. }, true), PathEnd::Slots(s)) => PathStep::CheckCellSlot {
                        s,
                        ty: ty.0,
                        variant,
                    },
                    ((Form::Sum { .. }, true), _) => {
                        PathStep::CheckCellMemory { ty: ty.0, variant }
                    }
                    ((Form::Sum { .. }, _), PathEnd::Slots(s)) => {
                        PathStep::CheckSlot { s, variant }
                    }
                    ((Form::Sum { wide }, _), _) => PathStep::CheckMemory { wide, variant },
                    ((Form::OptionRef, _), PathEnd::Slots(s)) => {
                        PathStep::CheckSomeSlot { s, variant }
                    }
                    ((Form::OptionRef, _), _) => PathStep::CheckSomeMemory { variant },
                    ((Form::Product, _), _) => return Err(LayoutError::Unknown),
                }),
                Step::Index(index) => {
                    steps.push(enter);
                    let index = self.slot(index)?;
                    match *self.layouts.get(ty).ok_or(LayoutError::Unknown)? {
                        Type::List(item) => {
                            let stride = self.layouts.layout(item)?.size;
                            steps.push(PathStep::Index { index, stride });
                            end = PathEnd::Memory;
                        }
                        _ => {
                            steps.push(PathStep::Byte { index });
                            end = PathEnd::Byte;
                        }
                    }
                }
                Step::Key(key) => {
                    steps.extend([enter, PathStep::Key(self.slot(key)?)]);
                    end = PathEnd::Memory;
                }
                Step::EntryKey(entry) => {
                    steps.extend([enter, PathStep::EntryKey(self.slot(entry)?)]);
                    end = PathEnd::Memory;
                }
                Step::EntryValue(entry) => {
                    steps.extend([enter, PathStep::EntryValue(self.slot(entry)?)]);
                    end = PathEnd::Memory;
                }
            }
            ty = step_type(self.layouts, ty, &mut variant, *step)?;
        }
        self.layouts.layout(ty)?;
        Ok(Path {
            steps,
            end,
            ty: ty.0,
        })
    }
}
