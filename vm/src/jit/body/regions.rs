//! Regions as blocks.

use cop_bytecode::TypeId;
use cop_bytecode::instr::{Instr, Value, ValueType};
use cop_bytecode::layout::{Body as LayoutBody, LayoutError};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, Block, BlockArg, InstBuilder, types};

use super::bounds::Read;
use super::select::Choice;
use super::{Body, Done, UNMETERED};
use crate::jit::NoCode;

/// An open region.
pub(super) struct Region {
    kind: Kind,
    /// The block behind it, with what the region gives as parameters.
    end: Block,
    results: Vec<TypeId>,
    /// What had been read when it was opened.
    read: Read,
}

enum Kind {
    /// An `if` without jumps.
    Choice(Choice),
    Block,
    /// The second arm.
    If(Block),
    /// The arms, and how many have begun.
    Switch(Vec<Block>, usize),
    /// The head.
    Loop(Block),
    /// The head, index, and limit.
    For(Block, ir::Value, ir::Value),
}

fn args(values: &[ir::Value]) -> Vec<BlockArg> {
    values.iter().map(|v| BlockArg::Value(*v)).collect()
}

impl Body<'_, '_> {
    pub(super) fn flow(&mut self, instr: &Instr) -> Done {
        match instr {
            Instr::Block { results } => {
                self.open(Kind::Block, results)?;
                self.charge_next();
            }
            Instr::If { condition, results } => {
                let condition = self.condition(*condition);
                if let Some(choice) = self.choice(condition, results)? {
                    self.charge_choice(&choice);
                    self.regions.push(Region {
                        kind: Kind::Choice(choice),
                        // Nothing goes there.
                        end: Block::from_u32(0),
                        results: results.iter().map(|t| t.ty).collect(),
                        read: self.read(),
                    });
                    return Ok(());
                }
                let (first, second) = (self.b.create_block(), self.b.create_block());
                match self.inverted.get(&condition) {
                    Some(other) => self.b.ins().brif(*other, second, &[], first, &[]),
                    None => self.b.ins().brif(condition, first, &[], second, &[]),
                };
                self.open(Kind::If(second), results)?;
                self.begin(first);
                self.charge_next();
            }
            Instr::Else => {
                let region = self.regions.last_mut().ok_or(LayoutError::Unknown)?;
                if let Kind::Choice(_) = region.kind {
                    return Ok(());
                }
                let read = region.read;
                let Kind::If(second) = std::mem::replace(&mut region.kind, Kind::Block) else {
                    return Err(LayoutError::Unknown.into());
                };
                self.forget(read);
                self.begin(second);
                self.charge_next();
            }
            Instr::Switch { value, results } => self.switch(*value, results)?,
            Instr::Arm => {
                let region = self.regions.last_mut().ok_or(LayoutError::Unknown)?;
                let Kind::Switch(arms, begun) = &mut region.kind else {
                    return Err(LayoutError::Unknown.into());
                };
                let arm = *arms.get(*begun).ok_or(LayoutError::Unknown)?;
                *begun += 1;
                let read = region.read;
                self.forget(read);
                self.begin(arm);
                self.charge_next();
            }
            Instr::Loop {
                start,
                params,
                results,
            } => {
                self.lengths_before(self.at);
                let head = self.b.create_block();
                let start = self.row(start, params)?;
                self.b.ins().jump(head, &args(&start));
                self.open(Kind::Loop(head), results)?;
                self.b.switch_to_block(head);
                self.define_params(head, params)?;
                self.head();
            }
            Instr::For {
                from,
                to,
                start,
                params,
            } => {
                self.lengths_before(self.at);
                let (from, limit) = (self.slot(*from), self.slot(*to));
                let start = self.row(start, params)?;
                let head = self.b.create_block();
                let index = self.b.append_block_param(head, types::I64);
                self.open(Kind::For(head, index, limit), params)?;
                let end = self.regions[self.regions.len() - 1].end;
                let any = self.b.ins().icmp(IntCC::SignedLessThan, from, limit);
                let mut first = vec![BlockArg::Value(from)];
                first.extend(args(&start));
                self.b.ins().brif(any, head, &first, end, &args(&start));
                self.b.switch_to_block(head);
                self.values.push(vec![index]);
                self.define_params(head, params)?;
                self.head();
            }
            Instr::End => {
                let region = self.regions.pop().ok_or(LayoutError::Unknown)?;
                self.forget(region.read);
                if let Kind::Choice(choice) = region.kind {
                    let results = choice.results(self);
                    self.values.extend(results);
                    self.charge_next();
                    return Ok(());
                }
                if let Kind::Loop(head) | Kind::For(head, ..) = region.kind {
                    self.b.seal_block(head);
                }
                self.begin(region.end);
                let params = self.b.block_params(region.end).to_vec();
                let mut next = 0;
                for ty in &region.results {
                    let width = self.types_of(*ty)?.len();
                    self.values.push(params[next..next + width].to_vec());
                    next += width;
                }
                self.charge_next();
            }
            Instr::Exit { depth, values } => {
                let at = self.region(*depth)?;
                let (end, results) = (self.regions[at].end, self.regions[at].results.clone());
                let row = self.row_of(values, results.into_iter())?;
                if let Kind::Choice(choice) = &mut self.regions[at].kind {
                    choice.give(row);
                    return Ok(());
                }
                self.b.ins().jump(end, &args(&row));
            }
            Instr::Next { depth, values } => {
                let at = self.region(*depth)?;
                match self.regions[at].kind {
                    Kind::Loop(head) => {
                        let wanted: Vec<_> = self.b.block_params(head).to_vec();
                        let row = self.flat(values);
                        let row = self.like(&row, &wanted);
                        self.b.ins().jump(head, &args(&row));
                    }
                    Kind::For(head, index, limit) => {
                        let end = self.regions[at].end;
                        let wanted: Vec<_> = self.b.block_params(end).to_vec();
                        let row = self.flat(values);
                        let row = self.like(&row, &wanted);
                        let turn = self.b.ins().iadd_imm_s(index, 1);
                        let more = match self.offsets.get(&limit) {
                            // As good, and the limit need not be kept beside the number that it is one above.
                            Some(&(below, 1)) => {
                                self.b.ins().icmp(IntCC::SignedLessThan, index, below)
                            }
                            _ => self.b.ins().icmp(IntCC::SignedLessThan, turn, limit),
                        };
                        let mut next = vec![BlockArg::Value(turn)];
                        next.extend(args(&row));
                        self.b.ins().brif(more, head, &next, end, &args(&row));
                    }
                    _ => return Err(LayoutError::Unknown.into()),
                }
            }
            _ => return Err(LayoutError::Unknown.into()),
        }
        Ok(())
    }

    /// The condition of this `if`, as far as it is not known.
    fn condition(&mut self, condition: Value) -> ir::Value {
        match self.facts.decided(self.at) {
            Some(truth) => self.b.ins().iconst(types::I64, i64::from(truth)),
            None => self.slot(condition),
        }
    }

    /// Goes on in a block that nothing else will lead to.
    fn begin(&mut self, block: Block) {
        self.b.switch_to_block(block);
        self.b.seal_block(block);
    }

    fn region(&self, depth: u32) -> Result<usize, NoCode> {
        let at = self.regions.len().checked_sub(depth as usize + 1);
        Ok(at.ok_or(LayoutError::Unknown)?)
    }

    fn open(&mut self, kind: Kind, results: &[ValueType]) -> Done {
        let end = self.b.create_block();
        for result in results {
            for ty in self.types_of(result.ty)? {
                self.b.append_block_param(end, ty);
            }
        }
        self.regions.push(Region {
            kind,
            end,
            results: results.iter().map(|t| t.ty).collect(),
            read: self.read(),
        });
        Ok(())
    }

    /// Gives a loop's parameters the parameters of its head, which are made here.
    fn define_params(&mut self, head: Block, params: &[ValueType]) -> Done {
        for param in params {
            let mut row = Vec::new();
            for ty in self.types_of(param.ty)? {
                row.push(self.b.append_block_param(head, ty));
            }
            self.values.push(row);
        }
        Ok(())
    }

    /// The slots of values, as types want them.
    fn row(&mut self, values: &[Value], types: &[ValueType]) -> Result<Vec<ir::Value>, NoCode> {
        self.row_of(values, types.iter().map(|t| t.ty))
    }

    fn row_of(
        &mut self,
        values: &[Value],
        types: impl Iterator<Item = TypeId>,
    ) -> Result<Vec<ir::Value>, NoCode> {
        let mut all = Vec::new();
        for (value, ty) in values.iter().zip(types) {
            let types = self.types_of(ty)?;
            let slots = self.slots(*value).to_vec();
            all.extend(self.cast_all(&slots, &types));
        }
        Ok(all)
    }

    fn like(&mut self, row: &[ir::Value], wanted: &[ir::Value]) -> Vec<ir::Value> {
        // What the builder adds for the fuel comes after.
        let types: Vec<ir::Type> = wanted
            .iter()
            .take(row.len())
            .map(|v| self.b.func.dfg.value_type(*v))
            .collect();
        self.cast_all(row, &types)
    }

    /// The head of a loop: its charge, and a checkpoint.
    fn head(&mut self) {
        if UNMETERED {
            return;
        }
        self.charge_next();
        let fuel = self.b.use_var(self.fuel);
        let ask = self.around.callees.checkpoint;
        self.checkpoint(fuel, ask, None);
    }

    fn switch(&mut self, value: Value, results: &[ValueType]) -> Done {
        let tag = self.tag(value)?;
        let ty = self.ty(value);
        let count = match &self.around.layouts.layout(ty)?.body {
            LayoutBody::Sum { variants, .. } => variants.len(),
            LayoutBody::OptionRef(_) => 2,
            _ => return Err(LayoutError::Unknown.into()),
        };
        let arms = self.branch(tag, count);
        let first = arms[0];
        self.open(Kind::Switch(arms, 1), results)?;
        self.begin(first);
        self.charge_next();
        Ok(())
    }
}
