//! Regions as jumps.

use cop_bytecode::TypeId;
use cop_bytecode::instr::{Instr, Value, ValueType};
use cop_bytecode::layout::{Body, LayoutError};

use super::{Compiler, Made};
use crate::flat::{Insn, NONE};

/// An open region.
pub(super) struct Region {
    kind: RegionKind,
    /// Where the top was, and where results go.
    top: u32,
    results: Vec<TypeId>,
    /// Jumps to be pointed at the end.
    exits: Vec<usize>,
}

enum RegionKind {
    Block,
    /// The jump to the second arm.
    If(usize),
    /// The switch, and how many arms have begun.
    Switch(Switch, u32),
    /// The head.
    Loop(u32),
    /// The head, and the slots of index and limit.
    For(u32, u32, u32),
}

#[derive(Clone, Copy)]
enum Switch {
    Table(u32),
    Some(usize),
}

impl Compiler<'_> {
    /// An instruction that opens, divides, closes or leaves a region; `defined` are the values that it defines.
    pub(super) fn flow(
        &mut self,
        at: usize,
        instr: &Instr,
        defined: std::ops::Range<u32>,
    ) -> Made<()> {
        let first = defined.start;
        match instr {
            Instr::Block { results } => {
                self.open(RegionKind::Block, self.top, results);
                self.charge_next();
            }
            Instr::If { condition, results } => {
                let c = self.slot(*condition)?;
                let jump = self.branch(c);
                self.open(RegionKind::If(jump), self.top, results);
                self.charge_next();
            }
            Instr::Else => {
                let region = self.region(0)?;
                let top = region.top;
                let RegionKind::If(jump) = region.kind else {
                    return Err(LayoutError::Unknown);
                };
                region.kind = RegionKind::Block;
                self.top = top;
                let here = self.label();
                self.patch(jump, here);
                self.charge_next();
            }
            Instr::Switch { value, results } => {
                let switch = self.switch(*value)?;
                self.open(RegionKind::Switch(switch, 1), self.top, results);
                self.charge_next();
            }
            Instr::Arm => {
                let here = self.label();
                let region = self.region(0)?;
                let top = region.top;
                let RegionKind::Switch(switch, arm) = &mut region.kind else {
                    return Err(LayoutError::Unknown);
                };
                let (switch, number) = (*switch, *arm);
                *arm += 1;
                self.top = top;
                match switch {
                    Switch::Table(table) => {
                        let targets = self
                            .code
                            .switches
                            .get_mut(table as usize)
                            .ok_or(LayoutError::Unknown)?;
                        *targets
                            .get_mut(number as usize)
                            .ok_or(LayoutError::Unknown)? = here;
                    }
                    Switch::Some(insn) => {
                        if let Insn::SwitchSome { some, .. } = &mut self.code.insns[insn] {
                            *some = here;
                        }
                    }
                }
                self.charge_next();
            }
            Instr::Loop {
                start,
                params: _,
                results,
            } => {
                let top = self.top;
                let sources = self.flat_slots(start)?;
                self.moves(&sources, top);
                for value in defined {
                    self.define(value)?;
                }
                let head = self.label();
                self.open(RegionKind::Loop(head), top, results);
                self.head();
            }
            Instr::For {
                from,
                to,
                start,
                params,
            } => self.counting_loop(*from, *to, start, params, first)?,
            Instr::End => self.end(first)?,
            Instr::Exit { depth, values } => {
                let sources = self.flat_slots(values)?;
                let target = self.region(*depth)?.top;
                self.moves(&sources, target);
                let falls_through =
                    *depth == 0 && matches!(self.function.body.get(at + 1), Some(Instr::End));
                if !falls_through {
                    let jump = self.emit(Insn::Jump(NONE));
                    self.region(*depth)?.exits.push(jump);
                }
            }
            Instr::Next { depth, values } => {
                let sources = self.flat_slots(values)?;
                let region = self.region(*depth)?;
                let target = region.top;
                match region.kind {
                    RegionKind::Loop(head) => {
                        self.moves(&sources, target);
                        self.emit(Insn::Jump(head));
                    }
                    RegionKind::For(head, index, limit) => {
                        self.moves(&sources, target);
                        self.emit(Insn::ForStep { index, limit, head });
                        let jump = self.emit(Insn::Jump(NONE));
                        self.region(*depth)?.exits.push(jump);
                    }
                    _ => return Err(LayoutError::Unknown),
                }
            }
            _ => return Err(LayoutError::Unknown),
        }
        Ok(())
    }

    fn open(&mut self, kind: RegionKind, top: u32, results: &[ValueType]) {
        self.regions.push(Region {
            kind,
            top,
            results: results.iter().map(|t| t.ty).collect(),
            exits: Vec::new(),
        });
    }

    fn region(&mut self, depth: u32) -> Made<&mut Region> {
        let index = self
            .regions
            .len()
            .checked_sub(depth as usize + 1)
            .ok_or(LayoutError::Unknown)?;
        Ok(&mut self.regions[index])
    }

    /// The jump that an `if` makes when its condition does not hold. A comparison that made the condition just
    /// before stays, for its result may be used again; the branch does not wait for it.
    fn branch(&mut self, c: u32) -> usize {
        let fused = match self.code.insns.last() {
            // Another way leads here, on which the result was made by something else.
            _ if self.label == self.here() => None,
            Some(&Insn::Lt { d, a, b }) if d == c => Some(Insn::JumpIfNotLt { a, b, to: NONE }),
            Some(&Insn::Le { d, a, b }) if d == c => Some(Insn::JumpIfNotLe { a, b, to: NONE }),
            Some(&Insn::Eq { d, a, b }) if d == c => Some(Insn::JumpIfNotEq { a, b, to: NONE }),
            _ => None,
        };
        self.emit(fused.unwrap_or(Insn::JumpIfNot { c, to: NONE }))
    }

    fn switch(&mut self, value: Value) -> Made<Switch> {
        let (s, ty) = (self.slot(value)?, self.ty(value)?);
        let layout = self.layouts.layout(ty)?;
        let (boxed, count) = match &layout.body {
            Body::Sum { variants, .. } => (layout.boxed, variants.len()),
            Body::OptionRef(_) => {
                let none = self.here() + 1;
                let insn = self.emit(Insn::SwitchSome {
                    s,
                    none,
                    some: NONE,
                });
                return Ok(Switch::Some(insn));
            }
            _ => return Err(LayoutError::Unknown),
        };
        let mut targets = vec![NONE; count];
        targets[0] = self.here() + 1;
        self.code.switches.push(targets);
        let table = self.code.switches.len() as u32 - 1;
        self.emit(if boxed {
            Insn::SwitchCell {
                s,
                table,
                wide: count > 256,
            }
        } else {
            Insn::SwitchSlot { s, table }
        });
        Ok(Switch::Table(table))
    }

    /// The head of a loop: charges its first block there.
    fn head(&mut self) {
        let charge = self.blocks[self.position as usize + 1];
        self.emit(Insn::Head(u32::try_from(charge).unwrap_or(u32::MAX)));
    }

    fn counting_loop(
        &mut self,
        from: Value,
        to: Value,
        start: &[Value],
        params: &[ValueType],
        first: u32,
    ) -> Made<()> {
        let top = self.top;
        let (from, limit) = (self.slot(from)?, self.slot(to)?);
        let sources = self.flat_slots(start)?;
        // The index lies behind the parameters, so that these are in the place of the results from the start.
        self.moves(&sources, top);
        let index = top + sources.len() as u32;
        self.slots.push(index);
        for value in 0..params.len() as u32 {
            self.define(first + 1 + value)?;
        }
        self.grow(1);
        self.emit(Insn::Move { d: index, s: from });
        let jump = self.emit(Insn::ForStart {
            index,
            limit,
            exit: NONE,
        });
        let head = self.label();
        self.open(RegionKind::For(head, index, limit), top, params);
        self.region(0)?.exits.push(jump);
        self.head();
        Ok(())
    }

    fn end(&mut self, first: u32) -> Made<()> {
        let region = self.regions.pop().ok_or(LayoutError::Unknown)?;
        let here = self.label();
        for jump in region.exits {
            self.patch(jump, here);
        }
        self.top = region.top;
        for value in 0..region.results.len() as u32 {
            self.define(first + value)?;
        }
        self.charge_next();
        Ok(())
    }
}
