//! Places: reading through a path, changing what lies at one, lending one to a call.

use super::builder::path_type;
use super::function::{FnLowerer, Val};
use super::liveness;
use crate::hir::{Arg, BinaryOp, Expr, ExprKind, LocalId, Place, StepKind, Ty};
use cop_bytecode::table::Kind;
use cop_bytecode::{Instr, Path, Step, TypeId, UpdateOp, Value};

/// A place whose indices have values.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The variable.
    pub root: LocalId,
    /// The path.
    pub path: Path,
    /// Keys in the path, to be released after use.
    pub keys: Vec<Val>,
}

impl Prepared {
    /// A variable as a whole.
    pub fn variable(root: LocalId) -> Prepared {
        Prepared {
            root,
            path: Path::new(),
            keys: vec![],
        }
    }
}

/// A lent place's value while it is away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// The value.
    pub value: Value,
    /// Whether it was moved out, leaving a hole.
    taken: bool,
}

/// A value read through a path: where it begins.
struct Chain {
    base: Val,
    path: Path,
    keys: Vec<Val>,
}

impl FnLowerer<'_, '_> {
    /// Reads through fields and indices.
    pub fn chain(&mut self, e: &Expr) -> Val {
        let chain = self.follow_chain(e);
        if self.b.dead {
            return Val::Unit;
        }
        let ty = self.ty(&e.ty);
        let value = self.look(chain.base);
        let got = self.b.emit_value(
            Instr::Get {
                value,
                path: chain.path,
            },
            ty,
        );
        let got = if self.is_copy(ty) {
            self.release(chain.base);
            Val::Copy(got)
        } else {
            match chain.base {
                // What lies in a value made just now must be owned before that goes.
                Val::Held(local) => {
                    let part = self.own(Val::Ref {
                        value: got,
                        root: Some(local),
                    });
                    self.b.drop_local(local);
                    part
                }
                Val::Ref { root, .. } => Val::Ref { value: got, root },
                Val::Copy(_) | Val::Unit => Val::Unit,
            }
        };
        chain.keys.into_iter().for_each(|k| self.release(k));
        got
    }

    fn follow_chain(&mut self, e: &Expr) -> Chain {
        match &e.kind {
            ExprKind::Field(base, field) => {
                let mut chain = self.follow_chain(base);
                chain.path.push(Step::Field(*field));
                chain
            }
            ExprKind::Index(base, index) => {
                let mut chain = self.follow_chain(base);
                if let Val::Ref {
                    root: Some(root), ..
                } = chain.base
                    && self.disturbs(index, root)
                {
                    chain.base = self.own(chain.base);
                }
                let val = self.expr(index);
                let value = self.look(val);
                if let Ty::Map(..) = *self.closed(&base.ty) {
                    chain.path.push(Step::Key(value));
                    chain.keys.push(val);
                } else {
                    chain.path.push(Step::Index(value));
                }
                chain
            }
            _ => Chain {
                base: self.expr(e),
                path: Path::new(),
                keys: vec![],
            },
        }
    }

    /// Gives the indices of a place values, left to right.
    pub fn prepare(&mut self, place: &Place) -> Prepared {
        let mut prepared = Prepared::variable(place.root);
        for step in &place.steps {
            match &step.kind {
                StepKind::Field(field) => prepared.path.push(Step::Field(*field)),
                StepKind::Index(e) => {
                    let val = self.expr(e);
                    let value = self.look(val);
                    prepared.path.push(Step::Index(value));
                }
                StepKind::Key(e) => {
                    let val = self.own_expr(e);
                    let value = self.look(val);
                    prepared.path.push(Step::Key(value));
                    prepared.keys.push(val);
                }
            }
        }
        prepared
    }

    /// The type of what lies at a path in a variable.
    fn place_type(&mut self, root: LocalId, path: &[Step]) -> TypeId {
        let ty = self.b.type_of(self.b.value(root));
        path_type(&mut self.cx.layouts, ty, path)
    }

    /// Changes what lies at a path in a local; gives the operation's own result.
    pub fn update_local(
        &mut self,
        local: LocalId,
        op: UpdateOp,
        path: &[Step],
        args: &[Value],
    ) -> Option<(Value, TypeId)> {
        if self.b.dead {
            return None;
        }
        let value = self.b.value(local);
        let ty = self.b.type_of(value);
        let target = self.place_type(local, path);
        let result = self.update_result(op, target);
        let instr = Instr::Update {
            op,
            value,
            path: path.into(),
            args: args.into(),
        };
        let new = self.b.emit_value(instr, ty);
        let result = result.map(|ty| (self.b.define(ty), ty));
        let owned = !self.is_copy(ty);
        self.b.bind(local, new, owned);
        result
    }

    fn update_result(&mut self, op: UpdateOp, target: TypeId) -> Option<TypeId> {
        let part = |this: &Self, value: bool| match this.cx.layouts.get(target) {
            Some(cop_bytecode::Type::List(t) | cop_bytecode::Type::Set(t)) => *t,
            Some(cop_bytecode::Type::Map(k, v)) => {
                if value {
                    *v
                } else {
                    *k
                }
            }
            _ => target,
        };
        let option =
            |this: &mut Self, of: TypeId| this.cx.layouts.intern(cop_bytecode::Type::Option(of));
        match op.row().result {
            Kind::Unit => None,
            Kind::T => Some(part(self, false)),
            Kind::OptionT => {
                let of = part(self, false);
                Some(option(self, of))
            }
            Kind::OptionV => {
                let of = part(self, true);
                Some(option(self, of))
            }
            kind => Some(self.kind_type(kind)),
        }
    }

    /// An operation of the core on a place: `grid[r].push(x)`.
    pub fn update_place(&mut self, op: UpdateOp, place: &Place, args: &[Arg], ret: &Ty) -> Val {
        let prepared = self.prepare(place);
        let mut vals = vec![];
        for (i, arg) in args.iter().enumerate() {
            let Arg::Value(e) = arg else { continue };
            let later: Vec<&Expr> = Self::value_args(&args[i + 1..]).collect();
            let val = if op.consumes(i) {
                self.own_expr(e)
            } else {
                self.operand(e, later)
            };
            // The update consumes the variable, so nothing may be read out of it then.
            vals.push(match val {
                Val::Ref {
                    root: Some(root), ..
                } if root == prepared.root => self.own(val),
                _ => val,
            });
        }
        if self.b.dead {
            return Val::Unit;
        }
        let values: Vec<Value> = vals
            .iter()
            .enumerate()
            .map(|(i, v)| {
                if op.consumes(i) {
                    self.consume(*v)
                } else {
                    self.look(*v)
                }
            })
            .collect();
        let result = self.update_local(prepared.root, op, &prepared.path, &values);
        let got = match result {
            Some((value, ty)) => self.fresh(value, ty),
            None => Val::Unit,
        };
        vals.into_iter().for_each(|v| self.release(v));
        prepared.keys.into_iter().for_each(|k| self.release(k));
        debug_assert!(!ret.is_unit() || matches!(got, Val::Unit));
        got
    }

    /// `place = value`.
    pub fn assign(&mut self, place: &Place, value: &Expr) -> Val {
        let mut prepared = self.prepare(place);
        let val = self.own_expr(value);
        if self.b.dead {
            return Val::Unit;
        }
        let value_ty = self.ty(&value.ty);
        if prepared.path.is_empty() {
            let new = self.consume(val);
            self.b.drop_local(prepared.root);
            let owned = !self.is_copy(value_ty);
            self.b.bind(prepared.root, new, owned);
            return Val::Unit;
        }
        if let Some(StepKind::Key(_)) = place.steps.last().map(|s| &s.kind) {
            // A key that is not there is inserted.
            prepared.path.pop();
            let Some(key) = prepared.keys.pop() else {
                return Val::Unit;
            };
            let args = [self.consume(key), self.consume(val)];
            self.update_local(prepared.root, UpdateOp::MapPut, &prepared.path, &args);
        } else {
            let new = self.consume(val);
            let root = self.b.value(prepared.root);
            let ty = self.b.type_of(root);
            let instr = Instr::Set {
                value: root,
                path: prepared.path.clone(),
                new,
            };
            let root = self.b.emit_value(instr, ty);
            let owned = !self.is_copy(ty);
            self.b.bind(prepared.root, root, owned);
        }
        prepared.keys.into_iter().for_each(|k| self.release(k));
        Val::Unit
    }

    /// `place op= value`.
    pub fn assign_op(&mut self, op: BinaryOp, place: &Place, value: &Expr) -> Val {
        let prepared = self.prepare(place);
        let mut val = self.expr(value);
        if let Val::Ref {
            root: Some(root), ..
        } = val
            && root == prepared.root
        {
            val = self.own(val);
        }
        if self.b.dead {
            return Val::Unit;
        }
        let operand = self.look(val);
        let ty = self.closed(&place.ty);
        if prepared.path.is_empty() && *ty != Ty::String {
            let machine = if *ty == Ty::Float {
                super::expr::float_op(op)
            } else {
                super::expr::int_op(op)
            };
            if let Some(machine) = machine {
                let current = self.b.value(prepared.root);
                let new = self.op(machine, &[current, operand]);
                self.b.bind(prepared.root, new, false);
            }
            return Val::Unit;
        }
        if let Some(update) = update_op(op, &ty) {
            self.update_local(prepared.root, update, &prepared.path, &[operand]);
        }
        self.release(val);
        prepared.keys.into_iter().for_each(|k| self.release(k));
        Val::Unit
    }

    /// Opens a lent place: moves its value out if it is the only lent place of its variable.
    pub fn open_place(&mut self, place: &Prepared, alone: bool) -> Part {
        let dead = Part {
            value: Value(u32::MAX),
            taken: false,
        };
        if self.b.dead {
            return dead;
        }
        if place.path.is_empty() {
            return Part {
                value: self.b.value(place.root),
                taken: false,
            };
        }
        let ty = self.place_type(place.root, &place.path);
        if self.is_copy(ty) || !alone {
            let value = self.b.value(place.root);
            let got = self.b.emit_value(
                Instr::Get {
                    value,
                    path: place.path.clone(),
                },
                ty,
            );
            if self.is_copy(ty) {
                return Part {
                    value: got,
                    taken: false,
                };
            }
            return Part {
                value: self.b.emit_value(Instr::Dup(got), ty),
                taken: false,
            };
        }
        let root = self.b.value(place.root);
        let root_ty = self.b.type_of(root);
        let instr = Instr::Take {
            value: root,
            path: place.path.clone(),
        };
        let defined = self.b.emit_values(instr, &[ty, root_ty]);
        self.b.bind(place.root, defined[1], true);
        Part {
            value: defined[0],
            taken: true,
        }
    }

    /// Writes a lent place's new value back.
    pub fn close_place(&mut self, place: &Prepared, part: Part, new: Value) {
        if self.b.dead {
            return;
        }
        let ty = self.b.type_of(new);
        if place.path.is_empty() {
            let owned = !self.is_copy(ty);
            self.b.bind(place.root, new, owned);
            return;
        }
        let path = place.path.clone();
        let value = self.b.value(place.root);
        let ty = self.b.type_of(value);
        let instr = if part.taken {
            Instr::Put { value, path, new }
        } else {
            Instr::Set { value, path, new }
        };
        let value = self.b.emit_value(instr, ty);
        let owned = !self.is_copy(ty);
        self.b.bind(place.root, value, owned);
    }

    /// Whether any of the expressions mentions a local.
    pub fn mentions(exprs: &[&Expr], local: LocalId) -> bool {
        exprs.iter().any(|e| liveness::mentions(e, local))
    }
}

fn update_op(op: BinaryOp, ty: &Ty) -> Option<UpdateOp> {
    Some(match (ty, op) {
        (Ty::String, BinaryOp::Add) => UpdateOp::TextAppend,
        (Ty::Float, BinaryOp::Add) => UpdateOp::F64Add,
        (Ty::Float, BinaryOp::Sub) => UpdateOp::F64Sub,
        (Ty::Float, BinaryOp::Mul) => UpdateOp::F64Mul,
        (Ty::Float, BinaryOp::Div) => UpdateOp::F64Div,
        (Ty::Float, BinaryOp::Rem) => UpdateOp::F64Rem,
        (_, BinaryOp::Add) => UpdateOp::I64Add,
        (_, BinaryOp::Sub) => UpdateOp::I64Sub,
        (_, BinaryOp::Mul) => UpdateOp::I64Mul,
        (_, BinaryOp::Div) => UpdateOp::I64Div,
        (_, BinaryOp::Rem) => UpdateOp::I64Rem,
        (_, BinaryOp::WrapAdd) => UpdateOp::I64AddWrap,
        (_, BinaryOp::WrapSub) => UpdateOp::I64SubWrap,
        (_, BinaryOp::WrapMul) => UpdateOp::I64MulWrap,
        (_, BinaryOp::BitAnd) => UpdateOp::I64And,
        (_, BinaryOp::BitOr) => UpdateOp::I64Or,
        (_, BinaryOp::BitXor) => UpdateOp::I64Xor,
        (_, BinaryOp::Shl) => UpdateOp::I64Shl,
        (_, BinaryOp::Shr) => UpdateOp::I64Shr,
        (_, BinaryOp::UShr) => UpdateOp::I64UShr,
        _ => return None,
    })
}
