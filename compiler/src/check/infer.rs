//! Unification variables of one body.

use super::*;

/// Types with more parts than this, or deeper, are refused: a few lines can otherwise describe a type whose text would
/// fill the memory (`let b = (a, a)`, again and again).
const MAX_TYPE_PARTS: usize = 2000;
const MAX_TYPE_DEPTH: usize = cop_bytecode::limits::TYPE_DEPTH;

/// What a variable stands for, for the message when it stays open.
#[derive(Clone, Debug)]
pub(super) enum Open {
    /// The elements of `[]`.
    List,
    /// Keys and values of `[:]`.
    Map,
    /// A type parameter of something that was built: its name, then the parameter's.
    Parameter(Rc<str>, Rc<str>),
    /// A type parameter of a function, by its position.
    OfFunction(FnId, u32),
    /// The parameter of a lambda.
    Lambda(Rc<str>),
    /// Anything else.
    Other,
}

pub(super) struct Variable {
    value: Option<Ty>,
    pub(super) span: Span,
    pub(super) open: Open,
    /// Something of type `Never` was put where this is expected; if nothing else decides, it is `Never`.
    never: bool,
}

/// The variables of one body.
#[derive(Default)]
pub(super) struct Table {
    pub(super) variables: Vec<Variable>,
    /// Variables in the order in which they were bound.
    trail: Vec<u32>,
}

impl Table {
    pub(super) fn fresh(&mut self, span: Span, open: Open) -> Ty {
        self.variables.push(Variable {
            value: None,
            span,
            open,
            never: false,
        });
        Ty::Infer(self.variables.len() as u32 - 1)
    }

    /// The type with variables followed at its top only.
    pub(super) fn shallow(&self, ty: &Ty) -> Ty {
        self.look(ty).clone()
    }

    /// The same without a copy.
    pub(super) fn look<'t>(&'t self, mut ty: &'t Ty) -> &'t Ty {
        while let Ty::Infer(id) = ty {
            match &self.variables[*id as usize].value {
                Some(value) => ty = value,
                None => break,
            }
        }
        ty
    }

    /// The type with all bound variables replaced. One that has grown too large is given as an error.
    pub(super) fn deep(&self, ty: &Ty) -> Ty {
        if !has_infer(ty) {
            return ty.clone();
        }
        if self.too_large(ty) {
            return Ty::Error;
        }
        self.replaced(ty)
    }

    fn replaced(&self, ty: &Ty) -> Ty {
        match ty {
            Ty::Infer(_) => {
                let inner = self.shallow(ty);
                if matches!(inner, Ty::Infer(_)) {
                    inner
                } else {
                    self.replaced(&inner)
                }
            }
            Ty::List(part) => Ty::List(Rc::new(self.replaced(part))),
            Ty::Set(part) => Ty::Set(Rc::new(self.replaced(part))),
            Ty::Map(key, value) => {
                Ty::Map(Rc::new(self.replaced(key)), Rc::new(self.replaced(value)))
            }
            Ty::Tuple(parts) => Ty::Tuple(parts.iter().map(|part| self.replaced(part)).collect()),
            Ty::Adt(id, parts) => {
                Ty::Adt(*id, parts.iter().map(|part| self.replaced(part)).collect())
            }
            Ty::Fn(f) => Ty::Fn(Rc::new(hir::FnTy {
                params: f
                    .params
                    .iter()
                    .map(|p| hir::FnTyParam {
                        mutable: p.mutable,
                        ty: self.replaced(&p.ty),
                    })
                    .collect(),
                ret: self.replaced(&f.ret),
            })),
            _ => ty.clone(),
        }
    }

    /// Whether a type is known to be `Never`.
    pub(super) fn is_never(&self, ty: &Ty) -> bool {
        matches!(self.look(ty), Ty::Never)
    }

    pub(super) fn mark_never(&mut self, ty: &Ty) {
        if let Ty::Infer(id) = *self.look(ty) {
            self.variables[id as usize].never = true;
        }
    }

    /// Whether an open variable met only `Never`.
    pub(super) fn only_never(&self, id: u32) -> bool {
        self.variables[id as usize].never
    }

    pub(super) fn bind(&mut self, id: u32, ty: Ty) {
        self.variables[id as usize].value = Some(ty);
        self.trail.push(id);
    }

    pub(super) fn snapshot(&self) -> usize {
        self.trail.len()
    }

    /// Unbinds what was bound since the snapshot.
    pub(super) fn rollback(&mut self, snapshot: usize) {
        for id in self.trail.drain(snapshot..) {
            self.variables[id as usize].value = None;
        }
    }

    /// Makes two types equal, if they can be.
    pub(super) fn unify(&mut self, a: &Ty, b: &Ty) -> bool {
        use Ty::*;
        let (a, b) = (self.look(a), self.look(b));
        // Most types are these.
        if let (Int, Int) | (Bool, Bool) | (String, String) | (Float, Float) = (a, b) {
            return true;
        }
        let (a, b) = (a.clone(), b.clone());
        match (&a, &b) {
            (Ty::Infer(x), Ty::Infer(y)) => {
                if x != y {
                    let never = self.variables[*x as usize].never;
                    self.variables[*y as usize].never |= never;
                    // The one of which more is known speaks for both in a message.
                    if matches!(self.variables[*y as usize].open, Open::Other) {
                        let (span, open) = {
                            let other = &self.variables[*x as usize];
                            (other.span, other.open.clone())
                        };
                        self.variables[*y as usize].span = span;
                        self.variables[*y as usize].open = open;
                    }
                    self.bind(*x, b.clone());
                }
                true
            }
            (Ty::Infer(x), other) | (other, Ty::Infer(x)) => {
                if self.occurs(*x, other) {
                    return false;
                }
                self.bind(*x, other.clone());
                true
            }
            (Ty::Error, _) | (_, Ty::Error) => true,
            (Ty::List(x), Ty::List(y)) | (Ty::Set(x), Ty::Set(y)) => {
                Rc::ptr_eq(x, y) || self.unify(x, y)
            }
            (Ty::Map(k, v), Ty::Map(l, w)) => self.unify(k, l) && self.unify(v, w),
            (Ty::Tuple(x), Ty::Tuple(y)) => x.len() == y.len() && self.unify_all(x, y),
            (Ty::Adt(i, x), Ty::Adt(j, y)) => i == j && self.unify_all(x, y),
            (Ty::Fn(f), Ty::Fn(g)) => {
                f.params.len() == g.params.len()
                    && f.params
                        .iter()
                        .zip(&g.params)
                        .all(|(p, q)| p.mutable == q.mutable && self.unify(&p.ty, &q.ty))
                    && self.unify(&f.ret, &g.ret)
            }
            _ => a == b,
        }
    }

    fn unify_all(&mut self, a: &Rc<[Ty]>, b: &Rc<[Ty]>) -> bool {
        Rc::ptr_eq(a, b) || a.iter().zip(b.iter()).all(|(x, y)| self.unify(x, y))
    }

    /// Like [`Table::unify`], but without a trace when it fails.
    pub(super) fn try_unify(&mut self, a: &Ty, b: &Ty) -> bool {
        let snapshot = self.snapshot();
        let good = self.unify(a, b);
        if !good {
            self.rollback(snapshot);
        }
        good
    }

    fn occurs(&self, id: u32, ty: &Ty) -> bool {
        match self.look(ty) {
            Ty::Infer(other) => *other == id,
            Ty::List(part) | Ty::Set(part) => self.occurs(id, part),
            Ty::Map(key, value) => self.occurs(id, key) || self.occurs(id, value),
            Ty::Tuple(parts) | Ty::Adt(_, parts) => parts.iter().any(|part| self.occurs(id, part)),
            Ty::Fn(f) => f.params.iter().any(|p| self.occurs(id, &p.ty)) || self.occurs(id, &f.ret),
            _ => false,
        }
    }

    /// Whether a type has grown beyond all reason.
    pub(super) fn too_large(&self, ty: &Ty) -> bool {
        if !has_parts(self.look(ty)) {
            return false;
        }
        let mut left = MAX_TYPE_PARTS;
        self.measure(ty, MAX_TYPE_DEPTH, &mut left)
    }

    fn measure(&self, ty: &Ty, depth: usize, left: &mut usize) -> bool {
        if depth == 0 || *left == 0 {
            return true;
        }
        *left -= 1;
        match self.look(ty) {
            Ty::List(part) | Ty::Set(part) => self.measure(part, depth - 1, left),
            Ty::Map(key, value) => {
                self.measure(key, depth - 1, left) || self.measure(value, depth - 1, left)
            }
            Ty::Tuple(parts) | Ty::Adt(_, parts) => {
                parts.iter().any(|part| self.measure(part, depth - 1, left))
            }
            Ty::Fn(f) => {
                f.params
                    .iter()
                    .any(|p| self.measure(&p.ty, depth - 1, left))
                    || self.measure(&f.ret, depth - 1, left)
            }
            _ => false,
        }
    }
}

/// Whether a type is made of others.
fn has_parts(ty: &Ty) -> bool {
    matches!(
        ty,
        Ty::List(_) | Ty::Set(_) | Ty::Map(..) | Ty::Tuple(_) | Ty::Adt(..) | Ty::Fn(_)
    )
}

/// Whether a type mentions variables.
pub(super) fn has_infer(ty: &Ty) -> bool {
    match ty {
        Ty::Infer(_) => true,
        Ty::List(part) | Ty::Set(part) => has_infer(part),
        Ty::Map(key, value) => has_infer(key) || has_infer(value),
        Ty::Tuple(parts) | Ty::Adt(_, parts) => parts.iter().any(has_infer),
        Ty::Fn(f) => f.params.iter().any(|p| has_infer(&p.ty)) || has_infer(&f.ret),
        _ => false,
    }
}

/// Whether any part of a type, itself included, is so.
pub(super) fn any_part(ty: &Ty, test: &mut dyn FnMut(&Ty) -> bool) -> bool {
    if test(ty) {
        return true;
    }
    match ty {
        Ty::List(part) | Ty::Set(part) => any_part(part, test),
        Ty::Map(key, value) => any_part(key, test) || any_part(value, test),
        Ty::Tuple(parts) | Ty::Adt(_, parts) => parts.iter().any(|part| any_part(part, test)),
        Ty::Fn(f) => f.params.iter().any(|p| any_part(&p.ty, test)) || any_part(&f.ret, test),
        _ => false,
    }
}
