//! Patterns: names are bound to the parts of a value that matches, and what may not match is tested.
//!
//! [`super::lending`] is about names that lend parts of a place, [`super::matches`] about `match` and `is`.

use super::builder::RegionId;
use super::function::{FnLowerer, Val};
use super::liveness;
use super::loops::root_of;
use crate::hir::{Expr, LocalId, Pattern, PatternKind, Ty};
use cop_bytecode::{Instr, Op, Step, TrapKind, TypeId, Value};

impl FnLowerer<'_, '_> {
    /// `let`.
    pub fn bind_let(&mut self, pattern: &Pattern, value: &Expr, otherwise: Option<&Expr>) {
        let Some(otherwise) = otherwise else {
            let val = if takes_apart(pattern) {
                self.expr(value)
            } else {
                self.own_expr(value)
            };
            return self.bind_pattern(pattern, val);
        };
        let val = self.expr(value);
        if self.b.dead {
            return;
        }
        let mut locals = vec![];
        liveness::bound(pattern, &mut locals);
        let whole = self.b.open_block(None);
        self.b.export(whole, locals);
        let fail = self.b.open_block(None);
        self.test(pattern, val, &[], fail);
        self.release(val);
        self.b.exit(whole, None, &mut self.cx.layouts);
        self.b.close(&mut self.cx.layouts);
        self.release(val);
        let never = self.expr(otherwise);
        self.release(never);
        if !self.b.dead {
            // The checker knows that the block leaves.
            self.b.trap(TrapKind::Unreachable, None, None);
        }
        self.b.close(&mut self.cx.layouts);
    }

    /// Binds a pattern that always matches; the value is used up.
    pub fn bind_pattern(&mut self, pattern: &Pattern, val: Val) {
        if self.b.dead {
            return;
        }
        match &pattern.kind {
            PatternKind::Bind { local, .. } => self.bind_local(*local, val, &pattern.ty),
            PatternKind::Any => self.release(val),
            PatternKind::Tuple(parts) => {
                let parts: Vec<(u32, &Pattern)> = parts
                    .iter()
                    .enumerate()
                    .map(|(i, p)| (i as u32, p))
                    .collect();
                self.bind_parts(0, &parts, val);
            }
            PatternKind::Variant {
                variant, fields, ..
            } => {
                let fields: Vec<(u32, &Pattern)> = fields.iter().map(|(i, p)| (*i, p)).collect();
                self.bind_parts(*variant, &fields, val);
            }
            PatternKind::Or(_) => self.bind_alternatives(pattern, val),
            // Only `[..]` and `[..rest]` always match.
            PatternKind::List {
                rest: Some(Some(rest)),
                ..
            } => self.bind_local(*rest, val, &pattern.ty),
            _ => self.release(val),
        }
    }

    /// Binds a pattern of which some alternative always matches, though not each alone does; the value is used up.
    fn bind_alternatives(&mut self, pattern: &Pattern, val: Val) {
        let mut locals = vec![];
        liveness::bound(pattern, &mut locals);
        if locals.is_empty() {
            return self.release(val);
        }
        let whole = self.b.open_block(None);
        self.b.export(whole, locals);
        let fail = self.b.open_block(None);
        self.test(pattern, val, &[], fail);
        self.release(val);
        self.b.exit(whole, None, &mut self.cx.layouts);
        self.b.close(&mut self.cx.layouts);
        if !self.b.dead {
            self.b.trap(TrapKind::Unreachable, None, None);
        }
        self.b.close(&mut self.cx.layouts);
    }

    pub(super) fn bind_local(&mut self, local: LocalId, val: Val, ty: &Ty) {
        let val = self.own(val);
        if self.b.dead {
            return;
        }
        let ty = self.ty(ty);
        let owned = !self.is_copy(ty);
        let value = self.consume(val);
        self.b.bind(local, value, owned);
    }

    /// Takes a product (or the only variant of a sum) apart.
    pub(super) fn bind_parts(&mut self, variant: u32, fields: &[(u32, &Pattern)], val: Val) {
        let Val::Held(local) = val else {
            for (index, pattern) in fields {
                let part = self.part(val, &[], variant, *index, &pattern.ty);
                self.bind_pattern(pattern, part);
            }
            return;
        };
        let value = self.b.take(local);
        let parts: Vec<Val> = self
            .open(value, variant)
            .into_iter()
            .map(|(v, ty)| self.fresh(v, ty))
            .collect();
        for (index, part) in parts.into_iter().enumerate() {
            match fields.iter().find(|(i, _)| *i as usize == index) {
                Some((_, pattern)) => self.bind_pattern(pattern, part),
                None => self.release(part),
            }
        }
    }

    /// Opens a value; gives its parts with their types.
    pub(super) fn open(&mut self, value: Value, variant: u32) -> Vec<(Value, TypeId)> {
        let ty = self.b.type_of(value);
        let types = self
            .cx
            .layouts
            .parts(ty)
            .ok()
            .and_then(|rows| rows.get(variant as usize).cloned())
            .unwrap_or_default();
        let parts = types.len() as u32;
        let values = self.b.emit_values(
            Instr::Open {
                value,
                variant,
                parts,
            },
            &types,
        );
        values.into_iter().zip(types).collect()
    }

    /// What lies at a path in a value that is only looked at.
    pub(super) fn at(&mut self, base: Val, path: &[Step], ty: &Ty) -> Val {
        let id = self.ty(ty);
        let value = self.look(base);
        let copy = self.is_copy(id);
        if path.is_empty() {
            return if copy {
                Val::Copy(value)
            } else {
                Val::Ref {
                    value,
                    root: root_of(base),
                }
            };
        }
        let got = self.b.emit_value(
            Instr::Get {
                value,
                path: path.into(),
            },
            id,
        );
        if copy {
            Val::Copy(got)
        } else {
            Val::Ref {
                value: got,
                root: root_of(base),
            }
        }
    }

    pub(super) fn part(
        &mut self,
        base: Val,
        path: &[Step],
        variant: u32,
        field: u32,
        ty: &Ty,
    ) -> Val {
        let mut path = path.to_vec();
        let (sum, at) = (self.is_sum_at(base, &path), field);
        if sum {
            path.push(Step::Variant(variant));
        }
        path.push(Step::Field(at));
        self.at(base, &path, ty)
    }

    /// Whether a sum lies at the path.
    fn is_sum_at(&mut self, base: Val, path: &[Step]) -> bool {
        let value = self.look(base);
        let ty = self.b.type_of(value);
        let ty = super::builder::path_type(&mut self.cx.layouts, ty, path);
        match self.cx.layouts.get(ty) {
            Some(cop_bytecode::Type::Option(_)) => true,
            Some(cop_bytecode::Type::Nominal(def, _)) => {
                matches!(
                    self.cx.layouts.defs()[def.0 as usize].shape,
                    cop_bytecode::Shape::Sum(_)
                )
            }
            _ => false,
        }
    }

    /// Goes on with the names bound if what lies at the path matches, else leaves for `fail`. Lent names are
    /// not bound here.
    pub fn test(&mut self, pattern: &Pattern, base: Val, path: &[Step], fail: RegionId) {
        if self.b.dead {
            return;
        }
        match &pattern.kind {
            PatternKind::Any | PatternKind::Bind { lent: true, .. } => {}
            PatternKind::Bind { local, .. } => {
                let val = self.at(base, path, &pattern.ty);
                self.bind_local(*local, val, &pattern.ty);
            }
            PatternKind::Int(n) => self.test_int(*n, Op::I64Eq, base, path, &pattern.ty, fail),
            PatternKind::Char(c) => self.test_int(
                i64::from(u32::from(*c)),
                Op::I64Eq,
                base,
                path,
                &pattern.ty,
                fail,
            ),
            PatternKind::IntRange(low, high) => {
                self.test_int(*low, Op::I64Ge, base, path, &pattern.ty, fail);
                self.test_int(*high, Op::I64Le, base, path, &pattern.ty, fail);
            }
            PatternKind::CharRange(low, high) => {
                self.test_int(
                    i64::from(u32::from(*low)),
                    Op::I64Ge,
                    base,
                    path,
                    &pattern.ty,
                    fail,
                );
                self.test_int(
                    i64::from(u32::from(*high)),
                    Op::I64Le,
                    base,
                    path,
                    &pattern.ty,
                    fail,
                );
            }
            PatternKind::Bool(wanted) => {
                let val = self.at(base, path, &pattern.ty);
                let mut value = self.look(val);
                if !wanted {
                    value = self.op(Op::BoolNot, &[value]);
                }
                self.exit_unless(value, fail);
            }
            PatternKind::Str(text) => {
                let val = self.at(base, path, &pattern.ty);
                let value = self.look(val);
                let wanted = self.text(text);
                let other = self.look(wanted);
                let equal = self.op(Op::StringEq, &[value, other]);
                self.release(wanted);
                self.exit_unless(equal, fail);
            }
            PatternKind::Tuple(parts) => {
                for (i, part) in parts.iter().enumerate() {
                    let path = extended(path, Step::Field(i as u32));
                    self.test(part, base, &path, fail);
                }
            }
            PatternKind::Variant {
                adt,
                variant,
                fields,
            } => {
                let sum = !self.cx.adt(*adt).is_struct;
                let count = self.cx.adt(*adt).variants.len();
                if sum && count > 1 {
                    let val = self.at(base, path, &pattern.ty);
                    let value = self.look(val);
                    self.exit_unless_variant(value, *variant, count, fail);
                }
                self.test_fields(sum.then_some(*variant), fields, base, path, fail);
            }
            PatternKind::List {
                before,
                rest,
                after,
            } => self.test_list(pattern, before, rest, after, base, path, fail),
            PatternKind::Or(alternatives) => {
                let mut locals = vec![];
                liveness::bound(pattern, &mut locals);
                let matched = self.b.open_block(None);
                self.b.export(matched, locals);
                for (i, alternative) in alternatives.iter().enumerate() {
                    if i + 1 == alternatives.len() {
                        self.test(alternative, base, path, fail);
                        self.b.exit(matched, None, &mut self.cx.layouts);
                    } else {
                        let next = self.b.open_block(None);
                        self.test(alternative, base, path, next);
                        self.b.exit(matched, None, &mut self.cx.layouts);
                        self.b.close(&mut self.cx.layouts);
                    }
                }
                self.b.close(&mut self.cx.layouts);
            }
        }
    }

    /// Tests the fields of a struct, or of a variant that the value is known to be.
    pub(super) fn test_fields(
        &mut self,
        variant: Option<u32>,
        fields: &[(u32, Pattern)],
        base: Val,
        path: &[Step],
        fail: RegionId,
    ) {
        for (field, sub) in fields {
            let mut path = path.to_vec();
            path.extend(variant.map(Step::Variant));
            path.push(Step::Field(*field));
            self.test(sub, base, &path, fail);
        }
    }

    fn test_int(&mut self, n: i64, op: Op, base: Val, path: &[Step], ty: &Ty, fail: RegionId) {
        if self.b.dead {
            return;
        }
        let val = self.at(base, path, ty);
        let mut value = self.look(val);
        if *self.closed(ty) == Ty::Char {
            value = self.op(Op::CharCode, &[value]);
        }
        let int = self.int();
        let wanted = self.b.emit_value(Instr::ConstI64(n), int);
        let holds = self.op(op, &[value, wanted]);
        self.exit_unless(holds, fail);
    }

    #[allow(clippy::too_many_arguments)] // The parts of one pattern.
    fn test_list(
        &mut self,
        pattern: &Pattern,
        before: &[Pattern],
        rest: &Option<Option<LocalId>>,
        after: &[Pattern],
        base: Val,
        path: &[Step],
        fail: RegionId,
    ) {
        let list = self.at(base, path, &pattern.ty);
        let list_value = self.look(list);
        let int = self.int();
        let len = self.op(Op::ListLen, &[list_value]);
        let fixed = (before.len() + after.len()) as i64;
        if rest.is_none() || fixed > 0 {
            let count = self.b.emit_value(Instr::ConstI64(fixed), int);
            let op = if rest.is_some() { Op::I64Ge } else { Op::I64Eq };
            let fits = self.op(op, &[len, count]);
            self.exit_unless(fits, fail);
        }
        for (i, sub) in before.iter().enumerate() {
            if matches!(sub.kind, PatternKind::Any) || self.b.dead {
                continue;
            }
            let index = self.b.emit_value(Instr::ConstI64(i as i64), int);
            let path = extended(path, Step::Index(index));
            self.test(sub, base, &path, fail);
        }
        for (i, sub) in after.iter().enumerate() {
            if matches!(sub.kind, PatternKind::Any) || self.b.dead {
                continue;
            }
            let back = self
                .b
                .emit_value(Instr::ConstI64((after.len() - i) as i64), int);
            let index = self.op(Op::I64Sub, &[len, back]);
            let path = extended(path, Step::Index(index));
            self.test(sub, base, &path, fail);
        }
        if let Some(Some(local)) = rest
            && !self.b.dead
        {
            let from = self.b.emit_value(Instr::ConstI64(before.len() as i64), int);
            let back = self.b.emit_value(Instr::ConstI64(after.len() as i64), int);
            let to = self.op(Op::I64Sub, &[len, back]);
            let ty = self.ty(&pattern.ty);
            let args = vec![list_value, from, to];
            let part = self.b.emit_value(
                Instr::Op {
                    op: Op::ListSlice,
                    ty: None,
                    args: args.into(),
                },
                ty,
            );
            self.b.bind(*local, part, true);
        }
    }
}

pub(super) fn extended(path: &[Step], step: Step) -> Vec<Step> {
    let mut path = path.to_vec();
    path.push(step);
    path
}

/// Whether a pattern matches every value, without a test.
pub(super) fn always_matches(pattern: &Pattern) -> bool {
    match &pattern.kind {
        PatternKind::Any | PatternKind::Bind { .. } => true,
        PatternKind::Tuple(parts) => parts.iter().all(always_matches),
        _ => false,
    }
}

/// Whether a pattern takes its value apart (and so can use parts of it in place).
fn takes_apart(pattern: &Pattern) -> bool {
    !matches!(pattern.kind, PatternKind::Bind { .. } | PatternKind::Any)
}
