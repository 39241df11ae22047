//! Loops.

use super::function::{FnLowerer, Val};
use super::liveness;
use crate::hir::{Arg, Expr, ExprKind, LocalId, Pattern, PatternKind, TraitFnRef, Ty, Walk};
use cop_bytecode::{Instr, Op, Step, Value};

impl FnLowerer<'_, '_> {
    /// The locals alive here that a loop changes: its parameters. Capabilities never change.
    fn carried(&self, parts: &[&Expr]) -> Vec<LocalId> {
        let mut all = liveness::Locals::default();
        for part in parts {
            liveness::add_changed(part, &mut all);
        }
        all.iter()
            .filter(|l| self.b.env.contains(*l))
            .filter(|l| {
                let local = self.body.locals.get(l.index());
                local.is_none_or(|local| !matches!(local.ty, Ty::Host(_)))
            })
            .collect()
    }

    pub fn while_loop(&mut self, condition: &Expr, body: &Expr) -> Val {
        if self.b.dead {
            return Val::Unit;
        }
        let carried = self.carried(&[condition, body]);
        let exit = self.b.open_loop(carried, &mut self.cx.layouts);
        // `while true` is left by `break` and `return` only; the checker counts on that.
        if !matches!(condition.kind, ExprKind::Bool(true)) {
            self.condition(condition, exit);
        }
        self.turn(exit, body);
        self.b.close(&mut self.cx.layouts);
        Val::Unit
    }

    /// The body of a loop, and on to its head.
    fn turn(&mut self, region: super::builder::RegionId, body: &Expr) {
        self.loops.push(region);
        let val = self.expr(body);
        self.release(val);
        self.loops.pop();
        self.b.next(region, &mut self.cx.layouts);
        self.b.truncate_lends(region);
    }

    pub fn break_loop(&mut self) -> Val {
        if let Some(region) = self.loops.last().copied() {
            self.b.exit(region, None, &mut self.cx.layouts);
        }
        Val::Unit
    }

    pub fn continue_loop(&mut self) -> Val {
        if let Some(region) = self.loops.last().copied() {
            let lends = self.b.lends.clone();
            self.b.next(region, &mut self.cx.layouts);
            self.b.lends = lends;
        }
        Val::Unit
    }

    pub fn for_loop(&mut self, pattern: &Pattern, value: &Expr, how: &Walk, body: &Expr) -> Val {
        match how {
            Walk::Range => self.for_range(pattern, value, body),
            Walk::List => match self.enumerated(pattern, value) {
                Some((list, number, item)) => {
                    self.for_sequence(item, Some(number), list, body, Op::ListLen)
                }
                None => self.for_sequence(pattern, None, value, body, Op::ListLen),
            },
            Walk::Bytes => self.for_sequence(pattern, None, value, body, Op::BytesLen),
            Walk::Map | Walk::Set => self.for_table(pattern, value, body, matches!(how, Walk::Map)),
            Walk::Iterator(next) => self.for_iterator(pattern, value, next, body),
        }
    }

    fn for_range(&mut self, pattern: &Pattern, value: &Expr, body: &Expr) -> Val {
        let (from, to) = self.range_bounds(value);
        if self.b.dead {
            return Val::Unit;
        }
        let carried = self.carried(&[body]);
        let int = self.int();
        let layouts = &mut self.cx.layouts;
        let (region, index) = self.b.open_for(from, to, int, carried, layouts);
        self.bind_pattern(pattern, Val::Copy(index));
        self.turn(region, body);
        self.b.close(&mut self.cx.layouts);
        Val::Unit
    }

    /// The value that is walked: as it is now, whatever the loop does to the variable it came from.
    fn walked(&mut self, value: &Expr, body: &Expr) -> Val {
        let val = self.expr(value);
        match val {
            Val::Ref {
                root: Some(root), ..
            } if self.disturbs(body, root) => self.own(val),
            _ => val,
        }
    }

    /// `for (i, x) in xs.enumerate()` walks `xs`: the list, and the patterns for places and elements.
    fn enumerated<'e>(
        &self,
        pattern: &'e Pattern,
        value: &'e Expr,
    ) -> Option<(&'e Expr, &'e Pattern, &'e Pattern)> {
        let ExprKind::Call(callee, args) = &value.kind else {
            return None;
        };
        let PatternKind::Tuple(parts) = &pattern.kind else {
            return None;
        };
        let ([Arg::Value(list)], [number, item]) = (&args[..], &parts[..]) else {
            return None;
        };
        let function = self.cx.function(callee.id);
        let module = &self.cx.program.modules[function.module as usize];
        let is_it = module.is_std && &*module.path == "core/list";
        (is_it && &*function.name == "List.enumerate").then_some((list, number, item))
    }

    /// Walks a list or bytes, whose length `op` tells; `number` is bound to the place of each element.
    fn for_sequence(
        &mut self,
        pattern: &Pattern,
        number: Option<&Pattern>,
        value: &Expr,
        body: &Expr,
        op: Op,
    ) -> Val {
        let walked = self.walked(value, body);
        if self.b.dead {
            return Val::Unit;
        }
        let int = self.int();
        let seq = self.look(walked);
        let from = self.b.emit_value(Instr::ConstI64(0), int);
        let to = self.b.emit_value(
            Instr::Op {
                op,
                ty: None,
                args: [seq].into(),
            },
            int,
        );
        let carried = self.carried(&[body]);
        let item = self.ty(&pattern.ty);
        let layouts = &mut self.cx.layouts;
        let (region, index) = self.b.open_for(from, to, int, carried, layouts);
        let path = vec![Step::Index(index)];
        let got = self.b.emit_value(
            Instr::Get {
                value: seq,
                path: path.into(),
            },
            item,
        );
        if let Some(number) = number {
            self.bind_pattern(number, Val::Copy(index));
        }
        self.bind_item(pattern, got, walked);
        self.turn(region, body);
        self.b.close(&mut self.cx.layouts);
        self.release(walked);
        Val::Unit
    }

    /// Binds an element that lies in the value being walked.
    fn bind_item(&mut self, pattern: &Pattern, got: Value, walked: Val) {
        let ty = self.b.type_of(got);
        let item = if self.is_copy(ty) {
            Val::Copy(got)
        } else {
            Val::Ref {
                value: got,
                root: root_of(walked),
            }
        };
        self.bind_pattern(pattern, item);
    }

    fn for_table(&mut self, pattern: &Pattern, value: &Expr, body: &Expr, map: bool) -> Val {
        let walked = self.walked(value, body);
        if self.b.dead {
            return Val::Unit;
        }
        let int = self.int();
        let table = self.look(walked);
        let zero = self.b.emit_value(Instr::ConstI64(0), int);
        let position = self.b.hidden();
        self.b.bind(position, zero, false);
        let mut carried = self.carried(&[body]);
        carried.push(position);
        let region = self.b.open_loop(carried, &mut self.cx.layouts);
        let op = if map { Op::MapNext } else { Op::SetNext };
        let at = self.b.value(position);
        let entry = self.b.emit_value(
            Instr::Op {
                op,
                ty: None,
                args: [table, at].into(),
            },
            int,
        );
        let zero = self.b.emit_value(Instr::ConstI64(0), int);
        let more = self.op(Op::I64Ge, &[entry, zero]);
        self.exit_unless(more, region);
        let one = self.b.emit_value(Instr::ConstI64(1), int);
        let following = self.op(Op::I64Add, &[entry, one]);
        self.b.bind(position, following, false);
        let ty = self.closed(&pattern.ty);
        match (map, &*ty) {
            (true, Ty::Tuple(parts)) => {
                let (key, value) = (self.cx.type_id(&parts[0]), self.cx.type_id(&parts[1]));
                let key = self.b.emit_value(
                    Instr::Get {
                        value: table,
                        path: [Step::EntryKey(entry)].into(),
                    },
                    key,
                );
                let value = self.b.emit_value(
                    Instr::Get {
                        value: table,
                        path: [Step::EntryValue(entry)].into(),
                    },
                    value,
                );
                self.bind_pair(pattern, key, value, walked);
            }
            _ => {
                let item = self.cx.type_id(&ty);
                let got = self.b.emit_value(
                    Instr::Get {
                        value: table,
                        path: [Step::EntryKey(entry)].into(),
                    },
                    item,
                );
                self.bind_item(pattern, got, walked);
            }
        }
        self.turn(region, body);
        self.b.close(&mut self.cx.layouts);
        self.b.take(position);
        self.release(walked);
        Val::Unit
    }

    /// Binds key and value of a map's entry, without building the pair if the pattern takes it apart.
    fn bind_pair(&mut self, pattern: &Pattern, key: Value, value: Value, walked: Val) {
        if let PatternKind::Tuple(parts) = &pattern.kind {
            self.bind_item(&parts[0], key, walked);
            self.bind_item(&parts[1], value, walked);
            return;
        }
        let ty = self.ty(&pattern.ty);
        let root = root_of(walked);
        let parts: Vec<Val> = [key, value]
            .into_iter()
            .map(|v| self.own_ref(v, root))
            .collect();
        let parts = parts.into_iter().map(|p| self.consume(p)).collect();
        let pair = self.b.new_value(ty, 0, parts);
        let pair = self.fresh(pair, ty);
        self.bind_pattern(pattern, pair);
    }

    fn own_ref(&mut self, value: Value, root: Option<LocalId>) -> Val {
        let ty = self.b.type_of(value);
        if self.is_copy(ty) {
            Val::Copy(value)
        } else {
            self.own(Val::Ref { value, root })
        }
    }

    fn for_iterator(
        &mut self,
        pattern: &Pattern,
        value: &Expr,
        next: &TraitFnRef,
        body: &Expr,
    ) -> Val {
        let start = self.own_expr(value);
        if self.b.dead {
            return Val::Unit;
        }
        let owned = matches!(start, Val::Held(_));
        let start = self.consume(start);
        let iterator = self.b.hidden();
        self.b.bind(iterator, start, owned);
        let mut carried = self.carried(&[body]);
        carried.push(iterator);
        let region = self.b.open_loop(carried, &mut self.cx.layouts);
        let place = crate::hir::Place {
            root: iterator,
            steps: vec![],
            ty: value.ty.clone(),
            span: value.span,
        };
        let item = self.call_trait(next, &[Arg::Lent(place)], value.span);
        let item_ty = self.ty(&pattern.ty);
        let option = self.look(item);
        self.exit_unless_variant(option, 1, 2, region);
        let item = match item {
            Val::Held(local) => {
                let option = self.b.take(local);
                let parts = self.b.emit_values(
                    Instr::Open {
                        value: option,
                        variant: 1,
                        parts: 1,
                    },
                    &[item_ty],
                );
                self.fresh(parts.first().copied().unwrap_or(Value(u32::MAX)), item_ty)
            }
            other => {
                let value = self.look(other);
                let path = vec![Step::Variant(1), Step::Field(0)];
                Val::Copy(self.b.emit_value(
                    Instr::Get {
                        value,
                        path: path.into(),
                    },
                    item_ty,
                ))
            }
        };
        self.bind_pattern(pattern, item);
        self.turn(region, body);
        self.b.close(&mut self.cx.layouts);
        self.b.drop_local(iterator);
        Val::Unit
    }
}

/// The local that a value lies in.
pub(super) fn root_of(val: Val) -> Option<LocalId> {
    match val {
        Val::Held(local) => Some(local),
        Val::Ref { root, .. } => root,
        Val::Unit | Val::Copy(_) => None,
    }
}
