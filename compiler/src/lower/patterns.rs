//! Patterns: tests, bindings, lent parts, `match`.

use super::builder::{Element, Hop, Lend, Opened, RegionId};
use super::function::{FnLowerer, Val};
use super::liveness;
use super::loops::root_of;
use super::places::Prepared;
use crate::diagnostic::Diagnostic;
use crate::hir::{Arm, Expr, ExprKind, LocalId, Pattern, PatternKind, Place, Ty};
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

    fn bind_local(&mut self, local: LocalId, val: Val, ty: &Ty) {
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
    fn bind_parts(&mut self, variant: u32, fields: &[(u32, &Pattern)], val: Val) {
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
    fn open(&mut self, value: Value, variant: u32) -> Vec<(Value, TypeId)> {
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
    fn at(&mut self, base: Val, path: &[Step], ty: &Ty) -> Val {
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

    fn part(&mut self, base: Val, path: &[Step], variant: u32, field: u32, ty: &Ty) -> Val {
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
    fn test_fields(
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

    /// The place whose parts a pattern lends, as a local that can be taken apart. `used`: what is evaluated
    /// while it is lent, if that is known; the part is moved out only if that does not mention the variable.
    fn lend_place(&mut self, place: &Place, used: Option<&[&Expr]>) -> LocalId {
        let Prepared { root, path, keys } = self.prepare(place);
        if path.is_empty() || self.b.dead {
            return root;
        }
        let value = self.b.value(root);
        let root_ty = self.b.type_of(value);
        let ty = super::builder::path_type(&mut self.cx.layouts, root_ty, &path);
        let copied = self.is_copy(ty) || used.is_none_or(|used| Self::mentions(used, root));
        let part = self.b.hidden();
        self.lend_part(root, path, part, copied);
        // The keys stay alive as long as the lend; they are dropped with the region that holds them.
        let _ = keys;
        part
    }

    /// Puts what lies at a path in a local into the local `part`, until the lend is closed. `copied`: a copy of it, since
    /// something else of the local is in use.
    fn lend_part(&mut self, root: LocalId, path: Vec<Step>, part: LocalId, copied: bool) {
        if self.b.dead {
            return;
        }
        let root_ty = self.b.type_of(self.b.value(root));
        let ty = super::builder::path_type(&mut self.cx.layouts, root_ty, &path);
        let copied = copied || self.is_copy(ty);
        let value = self.b.value(root);
        if copied {
            let mut got = self.b.emit_value(
                Instr::Get {
                    value,
                    path: path.clone().into(),
                },
                ty,
            );
            let owned = !self.is_copy(ty);
            if owned {
                got = self.b.emit_value(Instr::Dup(got), ty);
            }
            self.b.bind(part, got, owned);
        } else {
            let instr = Instr::Take {
                value,
                path: path.clone().into(),
            };
            let defined = self.b.emit_values(instr, &[ty, root_ty]);
            self.b.bind(part, defined[0], true);
            self.b.bind(root, defined[1], true);
        }
        self.b.lends.push(Lend::Taken {
            root,
            path,
            part,
            copied,
        });
    }

    /// Binds the lent names of a pattern that matched for its guard, where they can only be read.
    fn look_at_lent(&mut self, pattern: &Pattern, base: Val, path: &[Step]) {
        if self.b.dead || !lends(pattern) {
            return;
        }
        match &pattern.kind {
            PatternKind::Bind { local, .. } => {
                let val = self.at(base, path, &pattern.ty);
                let value = self.look(val);
                self.b.bind(*local, value, false);
            }
            PatternKind::Tuple(parts) => {
                for (i, part) in parts.iter().enumerate() {
                    self.look_at_lent(part, base, &extended(path, Step::Field(i as u32)));
                }
            }
            PatternKind::Variant {
                adt,
                variant,
                fields,
            } => {
                let sum = !self.cx.adt(*adt).is_struct;
                for (field, sub) in fields {
                    let mut path = path.to_vec();
                    if sum {
                        path.push(Step::Variant(*variant));
                    }
                    path.push(Step::Field(*field));
                    self.look_at_lent(sub, base, &path);
                }
            }
            PatternKind::List { before, after, .. } => {
                for (element, sub) in elements(before, after) {
                    if lends(sub) {
                        let list = self.at(base, path, &pattern.ty);
                        let index = self.element_index(list, element);
                        self.look_at_lent(sub, base, &extended(path, Step::Index(index)));
                    }
                }
            }
            _ => {}
        }
    }

    /// Takes a local apart along a pattern that matched, and binds the lent names.
    fn lend_parts(&mut self, pattern: &Pattern, local: LocalId) {
        if self.b.dead || !lends(pattern) {
            return;
        }
        if let PatternKind::List { before, after, .. } = &pattern.kind {
            return self.lend_elements(before, after, local);
        }
        let value = self.b.take(local);
        let mut lists = vec![];
        let parts = self.open_along(pattern, value, &mut lists);
        self.b.lends.push(Lend::Open { local, parts });
        for (list, local) in lists {
            self.lend_parts(list, local);
        }
    }

    /// Binds what a list pattern lends. An element that is lent alone is moved out of the list meanwhile.
    fn lend_elements(&mut self, before: &[Pattern], after: &[Pattern], list: LocalId) {
        let lent: Vec<(Element, &Pattern)> = elements(before, after)
            .filter(|(_, sub)| lends(sub))
            .collect();
        for (element, sub) in &lent {
            let base = self.operand_local(list);
            let index = self.element_index(base, *element);
            let part = match sub.kind {
                PatternKind::Bind { local, .. } => local,
                _ => self.b.hidden(),
            };
            self.lend_part(list, vec![Step::Index(index)], part, lent.len() > 1);
            if !matches!(sub.kind, PatternKind::Bind { .. }) {
                self.lend_parts(sub, part);
            }
        }
    }

    /// The index of an element that a list pattern names.
    fn element_index(&mut self, list: Val, element: Element) -> Value {
        let int = self.int();
        match element {
            Element::Front(n) => self.b.emit_value(Instr::ConstI64(n), int),
            Element::Back(n) => {
                let list = self.look(list);
                let len = self.op(Op::ListLen, &[list]);
                let back = self.b.emit_value(Instr::ConstI64(n), int);
                self.op(Op::I64Sub, &[len, back])
            }
        }
    }

    /// `lists`: list patterns inside, with the locals that their lists are in.
    fn open_along<'p>(
        &mut self,
        pattern: &'p Pattern,
        value: Value,
        lists: &mut Vec<(&'p Pattern, LocalId)>,
    ) -> Opened {
        let (variant, fields): (u32, Vec<(u32, &Pattern)>) = match &pattern.kind {
            PatternKind::Bind { local, lent: true } => {
                let ty = self.b.type_of(value);
                let owned = !self.is_copy(ty);
                self.b.bind(*local, value, owned);
                return Opened::Local(*local);
            }
            PatternKind::Variant {
                variant, fields, ..
            } => (*variant, fields.iter().map(|(i, p)| (*i, p)).collect()),
            PatternKind::Tuple(parts) => (
                0,
                parts
                    .iter()
                    .enumerate()
                    .map(|(i, p)| (i as u32, p))
                    .collect(),
            ),
            _ => (0, vec![]),
        };
        let ty = self.b.type_of(value);
        let opened = self.open(value, variant);
        // Everything is bound before anything inside is opened, so that nothing is in flight.
        let locals: Vec<LocalId> = opened
            .iter()
            .map(|(value, ty)| {
                let local = self.b.hidden();
                let owned = !self.is_copy(*ty);
                self.b.bind(local, *value, owned);
                local
            })
            .collect();
        let mut parts = vec![];
        for (index, hidden) in locals.into_iter().enumerate() {
            parts.push(
                match fields
                    .iter()
                    .find(|(i, p)| *i as usize == index && lends(p))
                {
                    Some((_, sub)) if matches!(sub.kind, PatternKind::List { .. }) => {
                        lists.push((*sub, hidden));
                        Opened::Local(hidden)
                    }
                    Some((_, sub)) => {
                        let value = self.b.take(hidden);
                        self.open_along(sub, value, lists)
                    }
                    None => Opened::Local(hidden),
                },
            );
        }
        Opened::Value { ty, variant, parts }
    }

    /// `value is pattern`, in a condition.
    pub fn test_is(
        &mut self,
        value: &Expr,
        place: Option<&Place>,
        pattern: &Pattern,
        fail: RegionId,
    ) {
        if let Some(place) = place {
            let local = self.lend_place(place, None);
            if self.b.dead {
                return;
            }
            let base = self.operand_local(local);
            if lends_in_alternatives(pattern) {
                return self.test_alternatives(pattern, local, fail);
            }
            self.test(pattern, base, &[], fail);
            self.lend_parts(pattern, local);
            return;
        }
        let val = self.matched(value);
        if self.b.dead {
            return;
        }
        match &pattern.kind {
            PatternKind::Variant {
                adt,
                variant,
                fields,
            } if !self.cx.adt(*adt).is_struct => {
                let count = self.cx.adt(*adt).variants.len();
                if count > 1 {
                    let looked = self.look(val);
                    self.exit_unless_variant(looked, *variant, count, fail);
                }
                let surely = fields.iter().all(|(_, p)| always_matches(p));
                self.take_fields(*variant, fields, val, surely, fail);
            }
            _ => self.test(pattern, val, &[], fail),
        }
        if !self.b.dead {
            self.release(val);
        }
    }

    /// `place is pattern` where alternatives lend: which of them matched is not known where the lend ends, so the names are
    /// copies, and a number says where they are stored.
    fn test_alternatives(&mut self, pattern: &Pattern, local: LocalId, fail: RegionId) {
        let all = self.without_lending_alternatives(pattern);
        let mut locals = vec![];
        liveness::bound(pattern, &mut locals);
        let which = self.b.hidden();
        locals.push(which);
        let matched = self.b.open_block(None);
        self.b.export(matched, locals);
        let mut chosen = vec![];
        let int = self.int();
        for (number, alternative) in all.iter().enumerate() {
            let next = self.b.open_block(None);
            let base = self.operand_local(local);
            self.test(alternative, base, &[], next);
            let mut parts = vec![];
            self.copy_lent(alternative, local, &mut vec![], &mut parts);
            chosen.push(parts);
            let value = self.b.emit_value(Instr::ConstI64(number as i64), int);
            self.b.bind(which, value, false);
            self.b.exit(matched, None, &mut self.cx.layouts);
            self.b.close(&mut self.cx.layouts);
        }
        self.b.exit(fail, None, &mut self.cx.layouts);
        self.b.close(&mut self.cx.layouts);
        let (bool_ty, chosen) = (self.bool(), chosen);
        self.b.lends.push(Lend::Chosen {
            local,
            which,
            chosen,
            int,
            bool_ty,
        });
    }

    /// Binds the lent names of a pattern that matched to copies, and says where they come from.
    fn copy_lent(
        &mut self,
        pattern: &Pattern,
        local: LocalId,
        path: &mut Vec<Hop>,
        out: &mut Vec<(Vec<Hop>, LocalId)>,
    ) {
        if self.b.dead || !lends(pattern) {
            return;
        }
        let steps: Vec<(Vec<Hop>, &Pattern)> = match &pattern.kind {
            PatternKind::Bind { local: name, .. } => {
                let int = self.int();
                let steps = self.b.steps(local, path, int, &mut self.cx.layouts);
                let base = self.operand_local(local);
                let val = self.at(base, &steps, &pattern.ty);
                self.bind_local(*name, val, &pattern.ty);
                out.push((path.clone(), *name));
                return;
            }
            PatternKind::Tuple(parts) => (0u32..)
                .zip(parts)
                .map(|(i, part)| (vec![Hop::Step(Step::Field(i))], part))
                .collect(),
            PatternKind::Variant {
                adt,
                variant,
                fields,
            } => {
                let sum = !self.cx.adt(*adt).is_struct;
                let of = sum.then_some(Hop::Step(Step::Variant(*variant)));
                let hops = |field: &u32| {
                    let field = Hop::Step(Step::Field(*field));
                    of.iter().copied().chain([field]).collect()
                };
                fields.iter().map(|(i, part)| (hops(i), part)).collect()
            }
            PatternKind::List { before, after, .. } => elements(before, after)
                .map(|(element, part)| (vec![Hop::Element(element)], part))
                .collect(),
            _ => vec![],
        };
        for (hops, part) in steps {
            let count = path.len();
            path.extend(hops);
            self.copy_lent(part, local, path, out);
            path.truncate(count);
        }
    }

    /// The patterns that a pattern stands for when alternatives that lend are written out, in their order.
    fn without_lending_alternatives(&mut self, pattern: &Pattern) -> Vec<Pattern> {
        let all = written_out(pattern);
        if all.len() > ALTERNATIVES {
            self.cx.errors.push(
                Diagnostic::error("E0611", "a pattern that is too intricate")
                    .at(
                        pattern.span,
                        format!("it stands for more than {ALTERNATIVES} patterns"),
                    )
                    .help("take the value apart in two steps"),
            );
        }
        all
    }

    /// `match`.
    pub fn match_value(
        &mut self,
        value: &Expr,
        place: Option<&Place>,
        arms: &[Arm],
        ty: &Ty,
    ) -> Val {
        let result = self.result_type(ty);
        let lends_before = self.b.lends.len();
        let (base, lent) = match place {
            Some(place) => {
                let used: Vec<&Expr> = arms
                    .iter()
                    .flat_map(|a| a.guard.iter().chain([&a.body]))
                    .collect();
                let local = self.lend_place(place, Some(&used));
                (self.operand_local(local), Some(local))
            }
            None => {
                let val = self.matched(value);
                let disturbed = |root| {
                    arms.iter()
                        .filter_map(|a| a.guard.as_ref())
                        .any(|g| self.disturbs(g, root))
                };
                match val {
                    Val::Ref {
                        root: Some(root), ..
                    } if disturbed(root) => (self.own(val), None),
                    _ => (val, None),
                }
            }
        };
        if self.b.dead {
            return Val::Unit;
        }
        if lent.is_none()
            && let Some(count) = self.switched(value, arms)
        {
            return self.match_switch(base, arms, count, result);
        }
        let whole = self.b.open_block(result);
        let mut written: Vec<(Option<Pattern>, &Arm)> = vec![];
        for arm in arms {
            if lends_in_alternatives(&arm.pattern) {
                let all = self.without_lending_alternatives(&arm.pattern);
                written.extend(all.into_iter().map(|pattern| (Some(pattern), arm)));
            } else {
                written.push((None, arm));
            }
        }
        for (pattern, arm) in &written {
            let pattern = pattern.as_ref().unwrap_or(&arm.pattern);
            let next = self.b.open_block(None);
            let lends_here = self.b.lends.len();
            self.arm_matches(pattern, arm.guard.as_ref(), base, next);
            if let Some(local) = lent {
                self.lend_parts(pattern, local);
            } else if !self.b.dead {
                self.release(base);
            }
            let val = self.own_expr(&arm.body);
            self.close_lends_down_to(lends_here);
            self.exit_with(whole, val);
            self.b.close(&mut self.cx.layouts);
            if self.b.dead {
                break;
            }
        }
        if !self.b.dead {
            // The checker knows that one of the arms matches.
            self.b.trap(TrapKind::Unreachable, None, None);
        }
        let val = self.close();
        self.close_lends_down_to(lends_before);
        val
    }

    /// How many variants the matched sum has, if its arms are variants, and at the end perhaps arms for all else.
    fn switched(&self, value: &Expr, arms: &[Arm]) -> Option<usize> {
        let Ty::Adt(id, _) = *self.closed(&value.ty) else {
            return None;
        };
        let adt = self.cx.adt(id);
        let is_variant = |arm: &&Arm| matches!(arm.pattern.kind, PatternKind::Variant { .. });
        let first = arms.iter().take_while(is_variant).count();
        let rest = &arms[first..];
        let simple = rest.iter().all(|arm| {
            matches!(
                arm.pattern.kind,
                PatternKind::Any | PatternKind::Bind { lent: false, .. }
            )
        });
        let many = adt.variants.len();
        (!adt.is_struct && many > 1 && simple && first > 0).then_some(many)
    }

    /// `match` on the variant of a sum: a `switch`, in each of whose arms those of the match are tried that can match
    /// there; behind it those for all else.
    fn match_switch(
        &mut self,
        base: Val,
        arms: &[Arm],
        count: usize,
        result: Option<TypeId>,
    ) -> Val {
        let whole = self.b.open_block(result);
        let rest = self.b.open_block(None);
        let value = self.look(base);
        self.b.open_switch(value, None);
        for variant in 0..count as u32 {
            if variant > 0 {
                self.b.next_arm(Instr::Arm);
            }
            for arm in arms {
                let PatternKind::Variant {
                    variant: of,
                    fields,
                    ..
                } = &arm.pattern.kind
                else {
                    break;
                };
                if *of != variant {
                    continue;
                }
                let surely = arm.guard.is_none() && fields.iter().all(|(_, p)| always_matches(p));
                let next = if surely {
                    rest
                } else {
                    self.b.open_block(None)
                };
                self.take_fields(variant, fields, base, surely, next);
                if let Some(guard) = &arm.guard {
                    self.condition(guard, next);
                }
                self.end_arm(&arm.body, base, whole);
                if !surely {
                    self.b.close(&mut self.cx.layouts);
                }
                if self.b.dead {
                    break;
                }
            }
            self.b.exit(rest, None, &mut self.cx.layouts);
        }
        self.b.close(&mut self.cx.layouts);
        if !self.b.dead {
            self.b.trap(TrapKind::Unreachable, None, None);
        }
        self.b.close(&mut self.cx.layouts);
        for arm in arms {
            if self.b.dead {
                break;
            }
            if matches!(arm.pattern.kind, PatternKind::Variant { .. }) {
                continue;
            }
            let next = self.b.open_block(None);
            self.test(&arm.pattern, base, &[], next);
            if let Some(guard) = &arm.guard {
                self.condition(guard, next);
            }
            self.end_arm(&arm.body, base, whole);
            self.b.close(&mut self.cx.layouts);
        }
        if !self.b.dead {
            // The checker knows that one of the arms matches.
            self.b.trap(TrapKind::Unreachable, None, None);
        }
        self.close()
    }

    /// Binds what the fields of a variant are matched with. `surely`: they all match, and the value is not needed
    /// again, so that it can be taken apart if it was made for this.
    fn take_fields(
        &mut self,
        variant: u32,
        fields: &[(u32, Pattern)],
        base: Val,
        surely: bool,
        fail: RegionId,
    ) {
        if surely && matches!(base, Val::Held(_)) {
            let fields: Vec<(u32, &Pattern)> = fields.iter().map(|(i, p)| (*i, p)).collect();
            self.bind_parts(variant, &fields, base);
        } else {
            self.test_fields(Some(variant), fields, base, &[], fail);
        }
    }

    /// A value that is only looked at, or taken over if nobody needs it any more.
    fn matched(&mut self, value: &Expr) -> Val {
        if let ExprKind::Local(local) = &value.kind
            && self.moves.is_last(value)
            && self.b.env.get(*local).is_some_and(|slot| slot.owned)
            && !self.must_stay(*local)
        {
            return self.own_expr(value);
        }
        self.expr(value)
    }

    /// Gives the body of an arm as the value of the match.
    fn end_arm(&mut self, body: &Expr, base: Val, whole: RegionId) {
        if !self.b.dead {
            self.release(base);
        }
        let val = self.own_expr(body);
        self.exit_with(whole, val);
    }

    /// Puts together what was lent beyond the first `count` lends.
    pub fn close_lends_down_to(&mut self, count: usize) {
        while self.b.lends.len() > count {
            if let Some(lend) = self.b.lends.pop()
                && !self.b.dead
            {
                self.b.close_lend(&lend, &mut self.cx.layouts);
            }
        }
    }

    /// Tests an arm's pattern and guard. With alternatives the guard is tried for each that matches.
    fn arm_matches(&mut self, pattern: &Pattern, guard: Option<&Expr>, base: Val, next: RegionId) {
        let (PatternKind::Or(alternatives), Some(guard)) = (&pattern.kind, guard) else {
            self.test(pattern, base, &[], next);
            if let Some(guard) = guard {
                self.look_at_lent(pattern, base, &[]);
                self.condition(guard, next);
            }
            return;
        };
        let mut locals = vec![];
        liveness::bound(pattern, &mut locals);
        locals.extend(liveness::defined(guard).iter());
        let matched = self.b.open_block(None);
        self.b.export(matched, locals);
        for alternative in alternatives {
            let fail = self.b.open_block(None);
            self.test(alternative, base, &[], fail);
            self.condition(guard, fail);
            self.b.exit(matched, None, &mut self.cx.layouts);
            self.b.close(&mut self.cx.layouts);
        }
        self.b.exit(next, None, &mut self.cx.layouts);
        self.b.close(&mut self.cx.layouts);
    }
}

/// Most patterns that one with alternatives that lend may stand for.
const ALTERNATIVES: usize = 64;

/// The patterns that a pattern stands for when alternatives that lend are written out: little more than is allowed.
fn written_out(pattern: &Pattern) -> Vec<Pattern> {
    if !lends_in_alternatives(pattern) {
        return vec![pattern.clone()];
    }
    let rows = |parts: &[&Pattern]| {
        let mut rows: Vec<Vec<Pattern>> = vec![vec![]];
        for part in parts {
            let ways = written_out(part);
            rows = rows
                .iter()
                .flat_map(|row| {
                    ways.iter().map(|way| {
                        let mut row = row.clone();
                        row.push(way.clone());
                        row
                    })
                })
                .take(ALTERNATIVES + 1)
                .collect();
        }
        rows
    };
    let with = |kind: PatternKind| Pattern {
        kind,
        ..pattern.clone()
    };
    match &pattern.kind {
        PatternKind::Or(parts) => parts
            .iter()
            .flat_map(written_out)
            .take(ALTERNATIVES + 1)
            .collect(),
        PatternKind::Tuple(parts) => rows(&parts.iter().collect::<Vec<_>>())
            .into_iter()
            .map(|row| with(PatternKind::Tuple(row)))
            .collect(),
        PatternKind::Variant {
            adt,
            variant,
            fields,
        } => rows(&fields.iter().map(|(_, part)| part).collect::<Vec<_>>())
            .into_iter()
            .map(|row| {
                with(PatternKind::Variant {
                    adt: *adt,
                    variant: *variant,
                    fields: fields.iter().map(|(i, _)| *i).zip(row).collect(),
                })
            })
            .collect(),
        PatternKind::List {
            before,
            rest,
            after,
        } => rows(&before.iter().chain(after).collect::<Vec<_>>())
            .into_iter()
            .map(|mut row| {
                let after = row.split_off(before.len());
                with(PatternKind::List {
                    before: row,
                    rest: *rest,
                    after,
                })
            })
            .collect(),
        _ => vec![pattern.clone()],
    }
}

/// The parts of a list pattern, with where they are.
fn elements<'p>(
    before: &'p [Pattern],
    after: &'p [Pattern],
) -> impl Iterator<Item = (Element, &'p Pattern)> {
    let count = after.len() as i64;
    let front = (0..).zip(before).map(|(n, sub)| (Element::Front(n), sub));
    let back = (0..)
        .zip(after)
        .map(move |(n, sub)| (Element::Back(count - n), sub));
    front.chain(back)
}

fn extended(path: &[Step], step: Step) -> Vec<Step> {
    let mut path = path.to_vec();
    path.push(step);
    path
}

/// Whether a pattern matches every value, without a test.
fn always_matches(pattern: &Pattern) -> bool {
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

/// Whether a pattern lends a part.
fn lends(pattern: &Pattern) -> bool {
    match &pattern.kind {
        PatternKind::Bind { lent, .. } => *lent,
        PatternKind::Variant { fields, .. } => fields.iter().any(|(_, p)| lends(p)),
        PatternKind::Tuple(parts) | PatternKind::Or(parts) => parts.iter().any(lends),
        PatternKind::List { before, after, .. } => before.iter().chain(after).any(lends),
        _ => false,
    }
}

/// Whether alternatives inside a pattern lend a part.
fn lends_in_alternatives(pattern: &Pattern) -> bool {
    match &pattern.kind {
        PatternKind::Or(parts) => parts.iter().any(lends),
        PatternKind::Variant { fields, .. } => fields.iter().any(|(_, p)| lends_in_alternatives(p)),
        PatternKind::Tuple(parts) => parts.iter().any(lends_in_alternatives),
        PatternKind::List { before, after, .. } => {
            before.iter().chain(after).any(lends_in_alternatives)
        }
        _ => false,
    }
}
