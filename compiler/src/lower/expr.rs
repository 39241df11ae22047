//! Expressions.

use super::builder::RegionId;
use super::function::{FnLowerer, Val};
use crate::hir::{
    Arg, BinaryOp, ConstId, Expr, ExprKind, LocalId, Piece, TraitFnRef, Try, Ty, UnaryOp,
};
use cop_bytecode::{Constant, Instr, Op, Step, TrapKind, UpdateOp, Value};
use std::rc::Rc;

/// Up to how many variants one is told from the others by a `switch`, which has an arm for each.
const SWITCHED: usize = 4;

impl FnLowerer<'_, '_> {
    /// Evaluates an expression. What it gives may lie in a variable; see [`Val::Ref`].
    pub fn expr(&mut self, e: &Expr) -> Val {
        if self.b.dead {
            return Val::Unit;
        }
        let outer = std::mem::replace(&mut self.b.span, e.span);
        let val = self.expr_here(e);
        self.b.span = outer;
        if self.b.dead { Val::Unit } else { val }
    }

    fn expr_here(&mut self, e: &Expr) -> Val {
        match &e.kind {
            ExprKind::Int(n) => self.constant_copy(Instr::ConstI64(*n), &Ty::Int),
            ExprKind::Float(bits) => {
                self.constant_copy(Instr::ConstF64(canonical_nan(*bits)), &Ty::Float)
            }
            ExprKind::Bool(b) => self.constant_copy(Instr::ConstBool(*b), &Ty::Bool),
            ExprKind::Char(c) => self.constant_copy(Instr::ConstChar(*c), &Ty::Char),
            ExprKind::Str(text) => self.text(text),
            ExprKind::Bytes(bytes) => {
                let constant = self.cx.constant(Constant::Bytes(bytes.to_vec()));
                let ty = self.cx.type_id(&Ty::Bytes);
                let value = self.b.emit_value(Instr::Const(constant), ty);
                Val::Held(self.b.hold(value))
            }
            ExprKind::Interpolate(pieces) => self.interpolate(pieces),
            ExprKind::Local(local) => self.operand_local(*local),
            ExprKind::Const(id) => self.constant(*id),
            ExprKind::Tuple(parts) if parts.is_empty() => Val::Unit,
            ExprKind::Tuple(parts) | ExprKind::List(parts) => {
                let parts: Vec<&Expr> = parts.iter().collect();
                self.build(&e.ty, 0, &parts)
            }
            ExprKind::Map(entries) => self.map(&e.ty, entries),
            ExprKind::Range {
                start,
                end,
                inclusive,
            } => {
                let (from, to) = self.bounds(start, end, *inclusive);
                let ty = self.cx.type_id(&Ty::Range);
                let parts = vec![from, to];
                Val::Copy(self.b.emit_value(
                    Instr::New {
                        ty,
                        variant: 0,
                        parts: parts.into(),
                    },
                    ty,
                ))
            }
            ExprKind::Build {
                variant,
                base,
                fields,
                ..
            } => self.build_fields(&e.ty, *variant, base.as_deref(), fields),
            ExprKind::Field(..) | ExprKind::Index(..) => self.chain(e),
            ExprKind::Slice(base, range) => self.slice(base, range),
            ExprKind::Unary(op, operand) => self.unary(*op, operand),
            ExprKind::Binary(op, a, b) => self.binary(*op, a, b),
            ExprKind::And(..) | ExprKind::Or(..) | ExprKind::Is { .. } => self.truth(e),
            ExprKind::Coalesce(a, b) => self.coalesce(a, b, &e.ty),
            ExprKind::Try(value, how) => self.try_value(value, how, &e.ty),
            ExprKind::Call(fn_ref, args) => self.call(fn_ref, args, e.span),
            ExprKind::CallTrait(method, args) => self.call_trait(method, args, e.span),
            ExprKind::CallValue(callee, args) => self.call_value(callee, args, &e.ty),
            ExprKind::FnValue(fn_ref) => self.fn_value(fn_ref, &e.ty, e.span),
            ExprKind::TraitFnValue(method) => self.trait_fn_value(method, &e.ty, e.span),
            ExprKind::VariantFn(adt, variant) => self.variant_fn(*adt, *variant, &e.ty),
            ExprKind::Lambda(lambda) => self.lambda(lambda, &e.ty, e.span),
            ExprKind::Block(stmts, tail) => self.block(stmts, tail.as_deref()),
            ExprKind::If {
                condition,
                then,
                otherwise,
            } => self.if_else(condition, then, otherwise.as_deref(), &e.ty),
            ExprKind::Match { value, place, arms } => {
                self.match_value(value, place.as_deref(), arms, &e.ty)
            }
            ExprKind::While { condition, body } => self.while_loop(condition, body),
            ExprKind::For {
                pattern,
                value,
                how,
                body,
            } => self.for_loop(pattern, value, how, body),
            ExprKind::Assign(place, value) => self.assign(place, value),
            ExprKind::AssignOp(op, place, value) => self.assign_op(*op, place, value),
            ExprKind::Return(value) => {
                self.result(value);
                Val::Unit
            }
            ExprKind::Break => self.break_loop(),
            ExprKind::Continue => self.continue_loop(),
        }
    }

    fn constant_copy(&mut self, instr: Instr, ty: &Ty) -> Val {
        let ty = self.cx.type_id(ty);
        Val::Copy(self.b.emit_value(instr, ty))
    }

    /// A text constant.
    pub fn text(&mut self, text: &str) -> Val {
        let constant = self.cx.constant(Constant::String(text.to_string()));
        let ty = self.cx.type_id(&Ty::String);
        let value = self.b.emit_value(Instr::Const(constant), ty);
        self.fresh(value, ty)
    }

    fn constant(&mut self, id: ConstId) -> Val {
        let Some((_, body)) = self.cx.bodies.constant(self.cx.program, id) else {
            return Val::Unit;
        };
        match &body.value.kind {
            ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Bool(_)
            | ExprKind::Char(_)
            | ExprKind::Str(_) => self.expr_here(&body.value),
            _ => self.call_instance(super::instances::Instance::Const(id), vec![]),
        }
    }

    /// A list, tuple or variant of its parts in order.
    pub fn build(&mut self, ty: &Ty, variant: u32, parts: &[&Expr]) -> Val {
        let mut vals = Vec::with_capacity(parts.len());
        for part in parts {
            vals.push(self.own_expr(part));
        }
        self.build_of(ty, variant, vals)
    }

    /// A value of copied or held parts.
    pub fn build_of(&mut self, ty: &Ty, variant: u32, parts: Vec<Val>) -> Val {
        if self.b.dead {
            return Val::Unit;
        }
        let ty = self.ty(ty);
        let parts = parts.into_iter().map(|v| self.consume(v)).collect();
        let value = self.b.new_value(ty, variant, parts);
        self.fresh(value, ty)
    }

    fn build_fields(
        &mut self,
        ty: &Ty,
        variant: u32,
        base: Option<&Expr>,
        fields: &[(u32, Expr)],
    ) -> Val {
        let closed = self.closed(ty);
        let id = self.cx.type_id(&closed);
        let count = self
            .cx
            .layouts
            .parts(id)
            .ok()
            .and_then(|p| p.get(variant as usize).map(Vec::len))
            .unwrap_or(0);
        let mut parts: Vec<Option<Val>> = vec![None; count];
        let base = base.map(|base| self.operand(base, fields.iter().map(|(_, e)| e)));
        for (index, value) in fields {
            let val = self.own_expr(value);
            if let Some(part) = parts.get_mut(*index as usize) {
                *part = Some(val);
            }
        }
        if let Some(base) = base {
            let value = self.look(base);
            let root = super::loops::root_of(base);
            let types = self
                .cx
                .layouts
                .parts(id)
                .ok()
                .and_then(|p| p.first().cloned())
                .unwrap_or_default();
            for (index, part) in parts.iter_mut().enumerate() {
                if part.is_none() && !self.b.dead {
                    let path = vec![Step::Field(index as u32)];
                    let got = self.b.emit_value(
                        Instr::Get {
                            value,
                            path: path.into(),
                        },
                        types[index],
                    );
                    let copy = self.is_copy(types[index]);
                    *part = Some(if copy {
                        Val::Copy(got)
                    } else {
                        self.own(Val::Ref { value: got, root })
                    });
                }
            }
            self.release(base);
        }
        let parts = parts.into_iter().map(|p| p.unwrap_or(Val::Unit)).collect();
        self.build_of(&closed, variant, parts)
    }

    fn map(&mut self, ty: &Ty, entries: &[(Expr, Expr)]) -> Val {
        let map = self.build_of(ty, 0, vec![]);
        for (key, value) in entries {
            let key = self.own_expr(key);
            let value = self.own_expr(value);
            let Val::Held(local) = map else {
                return Val::Unit;
            };
            let args = [self.consume(key), self.consume(value)];
            self.update_local(local, UpdateOp::MapPut, &[], &args);
        }
        map
    }

    /// `start..end` as two integers.
    fn bounds(&mut self, start: &Expr, end: &Expr, inclusive: bool) -> (Value, Value) {
        let start = self.expr(start);
        let from = self.look(start);
        let end = self.expr(end);
        let mut to = self.look(end);
        if inclusive && !self.b.dead {
            // `a..=b` is `a..b + 1`, and no range if that is none.
            let int = self.int();
            let most = self.b.emit_value(Instr::ConstI64(i64::MAX), int);
            let over = self.op(Op::I64Eq, &[to, most]);
            let region = self.b.open_if(over, None);
            // A slice of an empty text never fits, and traps with both bounds.
            let empty = self.text("");
            let text = self.look(empty);
            let ty = self.b.type_of(text);
            let slice = Instr::Op {
                op: Op::StringSlice,
                ty: None,
                args: [text, from, to].into(),
            };
            let never = self.b.emit_value(slice, ty);
            self.b.hold(never);
            self.b.trap(TrapKind::Unreachable, None, None);
            self.b.next_arm(Instr::Else);
            self.b.exit(region, None, &mut self.cx.layouts);
            self.b.close(&mut self.cx.layouts);
            let one = self.b.emit_value(Instr::ConstI64(1), int);
            to = self.op(Op::I64Add, &[to, one]);
        }
        (from, to)
    }

    /// The bounds of a range expression, without building the range if it is written out.
    pub fn range_bounds(&mut self, range: &Expr) -> (Value, Value) {
        if let ExprKind::Range {
            start,
            end,
            inclusive,
        } = &range.kind
        {
            return self.bounds(start, end, *inclusive);
        }
        let val = self.expr(range);
        let value = self.look(val);
        let int = self.int();
        let from = self.b.emit_value(
            Instr::Get {
                value,
                path: [Step::Field(0)].into(),
            },
            int,
        );
        let to = self.b.emit_value(
            Instr::Get {
                value,
                path: [Step::Field(1)].into(),
            },
            int,
        );
        (from, to)
    }

    fn slice(&mut self, base: &Expr, range: &Expr) -> Val {
        let val = self.operand(base, [range]);
        let (from, to) = self.range_bounds(range);
        let op = match *self.closed(&base.ty) {
            Ty::String => Op::StringSlice,
            Ty::Bytes => Op::BytesSlice,
            _ => Op::ListSlice,
        };
        let ty = self.ty(&base.ty);
        let value = self.look(val);
        let got = self.b.emit_value(
            Instr::Op {
                op,
                ty: None,
                args: [value, from, to].into(),
            },
            ty,
        );
        let got = self.fresh(got, ty);
        self.release(val);
        got
    }

    /// A plain operation whose result is copied.
    pub fn op(&mut self, op: Op, args: &[Value]) -> Value {
        let ty = self.kind_type(op.row().result);
        self.b.emit_value(
            Instr::Op {
                op,
                ty: None,
                args: args.into(),
            },
            ty,
        )
    }

    fn unary(&mut self, op: UnaryOp, operand: &Expr) -> Val {
        let val = self.expr(operand);
        let value = self.look(val);
        let op = match (op, &*self.closed(&operand.ty)) {
            (UnaryOp::Not, _) => Op::BoolNot,
            (UnaryOp::BitNot, _) => Op::I64Not,
            (UnaryOp::Neg, Ty::Float) => Op::F64Neg,
            (UnaryOp::Neg, _) => Op::I64Neg,
        };
        Val::Copy(self.op(op, &[value]))
    }

    fn binary(&mut self, op: BinaryOp, a: &Expr, b: &Expr) -> Val {
        let left = self.operand(a, [b]);
        let right = self.expr(b);
        if self.b.dead {
            return Val::Unit;
        }
        let ty = self.closed(&a.ty);
        let (x, y) = (self.look(left), self.look(right));
        let machine = match (&*ty, &a.ty) {
            (Ty::Int, _) => int_op(op),
            // Where the source says `Float` it is IEEE's; where it says `T`, the trait's total order.
            (Ty::Float, Ty::Float) => float_op(op),
            _ => None,
        };
        if let Some(machine) = machine {
            return Val::Copy(self.op(machine, &[x, y]));
        }
        if op == BinaryOp::Add {
            let ty = self.cx.type_id(&Ty::String);
            let joined = self.b.emit_value(
                Instr::Op {
                    op: Op::StringConcat,
                    ty: None,
                    args: [x, y].into(),
                },
                ty,
            );
            let joined = self.fresh(joined, ty);
            self.release(left);
            self.release(right);
            return joined;
        }
        let truth = if matches!(op, BinaryOp::Eq | BinaryOp::Ne) {
            let equal = self.equal(&ty, left, right);
            if op == BinaryOp::Ne {
                self.op(Op::BoolNot, &[equal])
            } else {
                equal
            }
        } else {
            let order = self.order(&ty, left, right);
            let int = self.int();
            let zero = self.b.emit_value(Instr::ConstI64(0), int);
            self.op(int_op(op).unwrap_or(Op::I64Eq), &[order, zero])
        };
        self.release(left);
        self.release(right);
        Val::Copy(truth)
    }

    /// Whether two values are equal, as the trait says.
    pub fn equal(&mut self, ty: &Ty, left: Val, right: Val) -> Value {
        let (x, y) = (self.look(left), self.look(right));
        let op = match ty {
            Ty::Int => Some(Op::I64Eq),
            Ty::Bool => Some(Op::BoolEq),
            Ty::String => Some(Op::StringEq),
            Ty::Bytes => Some(Op::BytesEq),
            _ => None,
        };
        if let Some(op) = op {
            return self.op(op, &[x, y]);
        }
        match ty {
            Ty::Char | Ty::Float => {
                let order = self.order(ty, left, right);
                let int = self.int();
                let zero = self.b.emit_value(Instr::ConstI64(0), int);
                self.op(Op::I64Eq, &[order, zero])
            }
            _ => {
                let val = self.call_builtin(self.cx.known.eq, "eq", ty, vec![left, right]);
                self.look(val)
            }
        }
    }

    /// The order of two values, as the trait says, as an integer below, at or above 0.
    pub fn order(&mut self, ty: &Ty, left: Val, right: Val) -> Value {
        let (x, y) = (self.look(left), self.look(right));
        match ty {
            Ty::Float => self.op(Op::F64Compare, &[x, y]),
            Ty::String => self.op(Op::StringCompare, &[x, y]),
            Ty::Bytes => self.op(Op::BytesCompare, &[x, y]),
            Ty::Char => {
                let (x, y) = (self.op(Op::CharCode, &[x]), self.op(Op::CharCode, &[y]));
                self.op(Op::I64Sub, &[x, y])
            }
            _ => {
                // `Less`, `Equal`, `Greater` are variants 0, 1, 2.
                let val = self.call_builtin(self.cx.known.ord, "compare", ty, vec![left, right]);
                let value = self.look(val);
                let tag = self.tag(value);
                let int = self.int();
                let one = self.b.emit_value(Instr::ConstI64(1), int);
                self.op(Op::I64Sub, &[tag, one])
            }
        }
    }

    /// Calls a method of a built-in trait on values.
    pub fn call_builtin(
        &mut self,
        of: crate::hir::TraitId,
        name: &str,
        ty: &Ty,
        args: Vec<Val>,
    ) -> Val {
        let methods = &self.cx.program.traits[of.index()].methods;
        let Some(method) = methods.iter().position(|m| &*m.name == name) else {
            return Val::Unit;
        };
        let method = TraitFnRef {
            of,
            method: method as u32,
            args: vec![ty.clone()],
        };
        match self.cx.resolve(&method, self.b.span) {
            Some(instance) => self.call_resolved(instance, args),
            None => Val::Unit,
        }
    }

    /// The variant of a sum, as an integer.
    pub fn tag(&mut self, value: Value) -> Value {
        let int = self.int();
        self.b.emit_value(Instr::Tag(value), int)
    }

    /// Leaves for `region` unless the condition holds.
    pub fn exit_unless(&mut self, condition: Value, region: RegionId) {
        if self.b.dead {
            return;
        }
        let test = self.b.open_if(condition, None);
        self.b.exit(test, None, &mut self.cx.layouts);
        self.b.next_arm(Instr::Else);
        self.b.exit(region, None, &mut self.cx.layouts);
        self.b.close(&mut self.cx.layouts);
    }

    /// Leaves for `region` unless the sum is of that variant, out of `count`.
    pub fn exit_unless_variant(
        &mut self,
        value: Value,
        variant: u32,
        count: usize,
        region: RegionId,
    ) {
        if self.b.dead {
            return;
        }
        if count > SWITCHED {
            let tag = self.tag(value);
            let int = self.int();
            let wanted = self.b.emit_value(Instr::ConstI64(i64::from(variant)), int);
            let same = self.op(Op::I64Eq, &[tag, wanted]);
            return self.exit_unless(same, region);
        }
        let switch = self.b.open_switch(value, None);
        for arm in 0..count as u32 {
            if arm > 0 {
                self.b.next_arm(Instr::Arm);
            }
            let to = if arm == variant { switch } else { region };
            self.b.exit(to, None, &mut self.cx.layouts);
        }
        self.b.close(&mut self.cx.layouts);
    }

    /// Goes on if the condition holds, with what it binds bound; else leaves for `fail`.
    pub fn condition(&mut self, e: &Expr, fail: RegionId) {
        match &e.kind {
            ExprKind::And(a, b) => {
                self.condition(a, fail);
                self.condition(b, fail);
            }
            ExprKind::Is {
                value,
                place,
                pattern,
            } => self.test_is(value, place.as_deref(), pattern, fail),
            _ => {
                let val = self.expr(e);
                let truth = self.look(val);
                self.exit_unless(truth, fail);
            }
        }
    }

    /// `&&`, `||` and `is` as values.
    fn truth(&mut self, e: &Expr) -> Val {
        let ty = self.bool();
        if let ExprKind::Or(a, b) = &e.kind {
            let left = self.expr(a);
            let left = self.look(left);
            if self.b.dead {
                return Val::Unit;
            }
            let region = self.b.open_if(left, Some(ty));
            self.b.exit(region, Some(left), &mut self.cx.layouts);
            self.b.next_arm(Instr::Else);
            let right = self.expr(b);
            let right = self.look(right);
            self.b.exit(region, Some(right), &mut self.cx.layouts);
            return self.closed_copy();
        }
        let whole = self.b.open_block(Some(ty));
        let fail = self.b.open_block(None);
        let lends = self.b.lends.len();
        self.condition(e, fail);
        let yes = self.b.emit_value(Instr::ConstBool(true), ty);
        self.b.exit(whole, Some(yes), &mut self.cx.layouts);
        self.b.lends.truncate(lends);
        self.b.close(&mut self.cx.layouts);
        let no = self.b.emit_value(Instr::ConstBool(false), ty);
        self.b.exit(whole, Some(no), &mut self.cx.layouts);
        self.closed_copy()
    }

    fn closed_copy(&mut self) -> Val {
        match self.b.close(&mut self.cx.layouts) {
            Some(value) => Val::Copy(value),
            None => Val::Unit,
        }
    }

    /// Closes the innermost region and gives its result.
    pub fn close(&mut self) -> Val {
        match self.b.close(&mut self.cx.layouts) {
            Some(value) => {
                let ty = self.b.type_of(value);
                self.fresh(value, ty)
            }
            None => Val::Unit,
        }
    }

    /// The type of a region's result: none for `()` and `Never`.
    pub fn result_type(&mut self, ty: &Ty) -> Option<cop_bytecode::TypeId> {
        let ty = self.closed(ty);
        if ty.is_unit() || *ty == Ty::Never {
            None
        } else {
            Some(self.cx.type_id(&ty))
        }
    }

    /// Leaves a region with a copied or held value.
    pub fn exit_with(&mut self, region: RegionId, val: Val) {
        if self.b.dead {
            return;
        }
        let value = if let Val::Unit = val {
            None
        } else {
            Some(self.consume(val))
        };
        self.b.exit(region, value, &mut self.cx.layouts);
    }

    fn if_else(&mut self, condition: &Expr, then: &Expr, otherwise: Option<&Expr>, ty: &Ty) -> Val {
        let result = self.result_type(ty);
        let plain = !matches!(condition.kind, ExprKind::And(..) | ExprKind::Is { .. });
        if plain {
            let val = self.expr(condition);
            let truth = self.look(val);
            if self.b.dead {
                return Val::Unit;
            }
            let region = self.b.open_if(truth, result);
            let val = self.own_expr(then);
            self.exit_with(region, val);
            self.b.next_arm(Instr::Else);
            let val = otherwise.map_or(Val::Unit, |e| self.own_expr(e));
            self.exit_with(region, val);
            return self.close();
        }
        let whole = self.b.open_block(result);
        let fail = self.b.open_block(None);
        let lends = self.b.lends.len();
        self.condition(condition, fail);
        let val = self.own_expr(then);
        self.exit_with(whole, val);
        self.b.lends.truncate(lends);
        self.b.close(&mut self.cx.layouts);
        let val = otherwise.map_or(Val::Unit, |e| self.own_expr(e));
        self.exit_with(whole, val);
        self.close()
    }

    /// Takes the payload out of an option or result known to be of `variant`.
    pub fn payload(&mut self, val: Val, variant: u32, ty: &Ty) -> Val {
        let ty = self.ty(ty);
        match val {
            Val::Held(local) => {
                let sum = self.b.take(local);
                let parts = self.b.emit_values(
                    Instr::Open {
                        value: sum,
                        variant,
                        parts: 1,
                    },
                    &[ty],
                );
                self.fresh(parts[0], ty)
            }
            _ => {
                let value = self.look(val);
                let path = vec![Step::Variant(variant), Step::Field(0)];
                let got = self.b.emit_value(
                    Instr::Get {
                        value,
                        path: path.into(),
                    },
                    ty,
                );
                if self.is_copy(ty) {
                    Val::Copy(got)
                } else {
                    self.own(Val::Ref {
                        value: got,
                        root: super::loops::root_of(val),
                    })
                }
            }
        }
    }

    fn coalesce(&mut self, a: &Expr, b: &Expr, ty: &Ty) -> Val {
        let option = self.expr(a);
        if self.b.dead {
            return Val::Unit;
        }
        let value = self.look(option);
        let result = self.result_type(ty);
        let region = self.b.open_switch(value, result);
        self.release(option);
        let val = self.own_expr(b);
        self.exit_with(region, val);
        self.b.next_arm(Instr::Arm);
        let val = self.payload(option, 1, ty);
        self.exit_with(region, val);
        self.close()
    }

    fn try_value(&mut self, value: &Expr, how: &Try, ty: &Ty) -> Val {
        let sum = self.expr(value);
        let error = match &*self.closed(&value.ty) {
            Ty::Adt(_, args) => args.last().cloned().unwrap_or(Ty::Error),
            _ => Ty::Error,
        };
        let ty = self.closed(ty);
        self.unwrap(sum, how, &ty, &error)
    }

    /// The payload of an option or result; if there is none, the function returns `None` or the error. Types
    /// are closed.
    pub fn unwrap(&mut self, sum: Val, how: &Try, ty: &Ty, error: &Ty) -> Val {
        if self.b.dead {
            return Val::Unit;
        }
        let value = self.look(sum);
        // `None`, `Some` are variants 0 and 1, `Ok`, `Err` likewise.
        let good = u32::from(matches!(how, Try::Option));
        let region = self.b.open_switch(value, None);
        if good == 0 {
            self.b.exit(region, None, &mut self.cx.layouts);
            self.b.next_arm(Instr::Arm);
            self.fail_with(sum, how, error);
        } else {
            self.fail_with(sum, how, error);
            self.b.next_arm(Instr::Arm);
            self.b.exit(region, None, &mut self.cx.layouts);
        }
        self.b.close(&mut self.cx.layouts);
        self.payload(sum, good, ty)
    }

    /// Returns `None`, or the error of a result.
    fn fail_with(&mut self, sum: Val, how: &Try, error: &Ty) {
        let ret = self.ret.clone();
        if let Try::Option = how {
            let none = self.build_of(&ret, 0, vec![]);
            self.ret(none);
        } else {
            let mut failure = self.payload(sum, 1, error);
            if let Try::ResultToError = how {
                let message = self.call_builtin(self.cx.known.show, "show", error, vec![failure]);
                self.release(failure);
                let message = self.own(message);
                let to = Ty::Adt(self.cx.known.error, Rc::from([]));
                failure = self.build_of(&to, 0, vec![message]);
            }
            let failed = self.build_of(&ret, 1, vec![failure]);
            self.ret(failed);
        }
    }

    fn interpolate(&mut self, pieces: &[Piece]) -> Val {
        let (first, rest) = match pieces.first() {
            Some(Piece::Text(text)) => (&**text, &pieces[1..]),
            _ => ("", pieces),
        };
        let Val::Held(out) = self.text(first) else {
            return Val::Unit;
        };
        for piece in rest {
            match piece {
                Piece::Text(text) => {
                    let val = self.text(text);
                    let value = self.look(val);
                    self.update_local(out, UpdateOp::TextAppend, &[], &[value]);
                    self.release(val);
                }
                Piece::Value(e) => {
                    let val = self.expr(e);
                    let ty = self.closed(&e.ty);
                    self.show_into(out, &ty, val);
                }
            }
            if self.b.dead {
                return Val::Unit;
            }
        }
        Val::Held(out)
    }

    /// Appends a value's text to the string in a local, and releases the value.
    pub fn show_into(&mut self, out: LocalId, ty: &Ty, val: Val) {
        if self.b.dead {
            return;
        }
        let op = match ty {
            Ty::String => Some(UpdateOp::TextAppend),
            Ty::Int => Some(UpdateOp::TextAppendI64),
            Ty::Float => Some(UpdateOp::TextAppendF64),
            Ty::Char => Some(UpdateOp::TextPush),
            _ => None,
        };
        if let Some(op) = op {
            let value = self.look(val);
            self.update_local(out, op, &[], &[value]);
        } else {
            self.show_method(out, "show_into", ty, val);
        }
        self.release(val);
    }

    /// Calls `Show`'s `show_into` or `quote_into` with the string in a local.
    pub fn show_method(&mut self, out: LocalId, name: &str, ty: &Ty, val: Val) {
        self.call_builtin_into(self.cx.known.show, name, ty, val, out);
    }

    /// Calls a method `name(self, mut out)` of a built-in trait.
    pub fn call_builtin_into(
        &mut self,
        of: crate::hir::TraitId,
        name: &str,
        ty: &Ty,
        val: Val,
        out: LocalId,
    ) -> Val {
        let methods = &self.cx.program.traits[of.index()].methods;
        let Some(method) = methods.iter().position(|m| &*m.name == name) else {
            return Val::Unit;
        };
        let method = TraitFnRef {
            of,
            method: method as u32,
            args: vec![ty.clone()],
        };
        match self.cx.resolve(&method, self.b.span) {
            Some(instance) => self.call_resolved_into(instance, vec![val], out),
            None => Val::Unit,
        }
    }

    /// The arguments of a call as values of the source.
    pub fn value_args(args: &[Arg]) -> impl Iterator<Item = &Expr> {
        args.iter().filter_map(|a| match a {
            Arg::Value(e) => Some(e),
            Arg::Lent(_) => None,
        })
    }
}

fn canonical_nan(bits: u64) -> u64 {
    if f64::from_bits(bits).is_nan() {
        0x7ff8_0000_0000_0000
    } else {
        bits
    }
}

/// The machine's operator on integers.
pub(super) fn int_op(op: BinaryOp) -> Option<Op> {
    Some(match op {
        BinaryOp::Add => Op::I64Add,
        BinaryOp::Sub => Op::I64Sub,
        BinaryOp::Mul => Op::I64Mul,
        BinaryOp::Div => Op::I64Div,
        BinaryOp::Rem => Op::I64Rem,
        BinaryOp::WrapAdd => Op::I64AddWrap,
        BinaryOp::WrapSub => Op::I64SubWrap,
        BinaryOp::WrapMul => Op::I64MulWrap,
        BinaryOp::BitAnd => Op::I64And,
        BinaryOp::BitOr => Op::I64Or,
        BinaryOp::BitXor => Op::I64Xor,
        BinaryOp::Shl => Op::I64Shl,
        BinaryOp::Shr => Op::I64Shr,
        BinaryOp::UShr => Op::I64UShr,
        BinaryOp::Eq => Op::I64Eq,
        BinaryOp::Ne => Op::I64Ne,
        BinaryOp::Lt => Op::I64Lt,
        BinaryOp::Le => Op::I64Le,
        BinaryOp::Gt => Op::I64Gt,
        BinaryOp::Ge => Op::I64Ge,
    })
}

/// The machine's operator on floats.
pub(super) fn float_op(op: BinaryOp) -> Option<Op> {
    Some(match op {
        BinaryOp::Add => Op::F64Add,
        BinaryOp::Sub => Op::F64Sub,
        BinaryOp::Mul => Op::F64Mul,
        BinaryOp::Div => Op::F64Div,
        BinaryOp::Rem => Op::F64Rem,
        BinaryOp::Eq => Op::F64Eq,
        BinaryOp::Ne => Op::F64Ne,
        BinaryOp::Lt => Op::F64Lt,
        BinaryOp::Le => Op::F64Le,
        BinaryOp::Gt => Op::F64Gt,
        BinaryOp::Ge => Op::F64Ge,
        _ => return None,
    })
}
