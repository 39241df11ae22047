//! Traps that are seen without running: `1 / 0`, `[1][5]`, a shift by 64. They are warnings, since the run decides
//! whether it comes there.
//!
//! Known are literals, what arithmetic makes of them, constants, and variables that are never changed and bound to one
//! of these. Nothing is followed through calls, so every program is looked at in one walk.

use super::*;
use crate::hir::{Body, Expr, ExprKind, FnBody, FnRef, LocalId, PatternKind, Stmt, UnaryOp};
use crate::visit::visit_all;
use cop_bytecode::TrapKind;
use std::collections::BTreeMap;

/// How far constants that are made of constants are followed.
const CONSTANTS_DEEP: u32 = 8;

/// What is known of a variable.
enum Known {
    Number(i64),
    /// A list, bytes or text of so many elements or bytes.
    Length(usize),
}

/// A trap, and what is wrong.
type Foreseen = (TrapKind, Span, String);

struct Foresee<'c, 'a> {
    cx: &'c Checker<'a>,
    body: &'c Body,
    known: BTreeMap<LocalId, Known>,
    out: Vec<Diagnostic>,
}

/// Warns of the traps in a body that are foreseen.
pub(super) fn traps(cx: &Checker<'_>, body: &Body) -> Vec<Diagnostic> {
    let mut foresee = Foresee {
        cx,
        body,
        known: BTreeMap::new(),
        out: Vec::new(),
    };
    visit_all(&body.value, &mut |expr| foresee.look(expr));
    foresee.out
}

impl Foresee<'_, '_> {
    fn look(&mut self, expr: &Expr) {
        if let ExprKind::Block(stmts, _) = &expr.kind {
            stmts.iter().for_each(|stmt| self.remember(stmt));
        }
        if let Some((kind, span, label)) = self.trap(expr) {
            let name = kind.name();
            self.out.push(
                Diagnostic::warning("W0402", format!("this ends with the trap {name}"))
                    .at(span, label),
            );
        }
    }

    fn remember(&mut self, stmt: &Stmt) {
        let Stmt::Let { pattern, value, .. } = stmt else {
            return;
        };
        let PatternKind::Bind { local, .. } = pattern.kind else {
            return;
        };
        if self.body.locals[local.index()].mutable {
            return;
        }
        let known = match self.number(value, 0) {
            Some(number) => Some(Known::Number(number)),
            None => self.length(value).map(Known::Length),
        };
        if let Some(known) = known {
            self.known.insert(local, known);
        }
    }

    /// The `Int` that an expression is, if it is known.
    fn number(&self, expr: &Expr, deep: u32) -> Option<i64> {
        if expr.ty != Ty::Int {
            return None;
        }
        match &expr.kind {
            ExprKind::Int(number) => Some(*number),
            ExprKind::Local(local) => match self.known.get(local) {
                Some(Known::Number(number)) => Some(*number),
                _ => None,
            },
            ExprKind::Const(id) if deep < CONSTANTS_DEEP => {
                let body = self.cx.consts[id.index()].body.as_ref()?;
                self.number(&body.value, deep + 1)
            }
            ExprKind::Call(function, args) if args.is_empty() => self.limit(function.id),
            ExprKind::Unary(UnaryOp::Neg, a) => self.number(a, deep)?.checked_neg(),
            ExprKind::Unary(UnaryOp::BitNot, a) => Some(!self.number(a, deep)?),
            ExprKind::Binary(op, a, b) => {
                operate(*op, self.number(a, deep)?, self.number(b, deep)?).ok()
            }
            _ => None,
        }
    }

    /// `Int.min_value` and `Int.max_value`, whose bodies may not have been looked at yet.
    fn limit(&self, id: FnId) -> Option<i64> {
        let function = &self.cx.program.fns[id.index()];
        let is_core = self.cx.is_std(function.module as usize);
        match &*function.name {
            "Int.min_value" if is_core => Some(i64::MIN),
            "Int.max_value" if is_core => Some(i64::MAX),
            _ => None,
        }
    }

    /// How many elements or bytes a list, bytes or text has, if it is known.
    fn length(&self, expr: &Expr) -> Option<usize> {
        match &expr.kind {
            ExprKind::List(items) => Some(items.len()),
            ExprKind::Bytes(bytes) => Some(bytes.len()),
            ExprKind::Str(text) => Some(text.len()),
            ExprKind::Local(local) => match self.known.get(local) {
                Some(Known::Length(length)) => Some(*length),
                _ => None,
            },
            _ => None,
        }
    }

    fn trap(&self, expr: &Expr) -> Option<Foreseen> {
        match &expr.kind {
            ExprKind::Binary(op, a, b) if a.ty == Ty::Int => {
                let right = self.number(b, 0)?;
                self.operation(*op, self.number(a, 0), right, expr.span, b.span)
            }
            ExprKind::AssignOp(op, place, b) if place.ty == Ty::Int => {
                self.operation(*op, None, self.number(b, 0)?, expr.span, b.span)
            }
            ExprKind::Unary(UnaryOp::Neg, a) if self.number(a, 0)? == i64::MIN => Some((
                TrapKind::IntegerOverflow,
                expr.span,
                "the least `Int` has no positive counterpart".to_owned(),
            )),
            ExprKind::Index(base, index) => {
                let at = self.number(index, 0)?;
                let counts = matches!(base.ty, Ty::List(_) | Ty::Bytes);
                let Some(length) = self.length(base) else {
                    let label = "elements count from 0 at the start; the last one is `xs.last()`";
                    let below = counts && at < 0;
                    return below
                        .then(|| (TrapKind::IndexOutOfBounds, index.span, label.to_owned()));
                };
                let inside = usize::try_from(at).is_ok_and(|at| at < length);
                (!inside).then(|| {
                    let label = match length {
                        0 => "there are no elements".to_owned(),
                        1 => format!("there is one element, with index 0; this is {at}"),
                        _ => format!("the {length} elements begin with 0; this is {at}"),
                    };
                    (TrapKind::IndexOutOfBounds, index.span, label)
                })
            }
            ExprKind::Slice(base, range) => self.slice(base, range),
            ExprKind::Range {
                end,
                inclusive: true,
                ..
            } if self.number(end, 0)? == i64::MAX => Some((
                TrapKind::InvalidRange,
                expr.span,
                "`a..=b` is `a..b + 1`, and there is no greater `Int`".to_owned(),
            )),
            ExprKind::Call(function, args) => self.call(function, args),
            _ => None,
        }
    }

    fn operation(
        &self,
        op: hir::BinaryOp,
        left: Option<i64>,
        right: i64,
        whole: Span,
        second: Span,
    ) -> Option<Foreseen> {
        use hir::BinaryOp::{Div, Rem, Shl, Shr, UShr};
        match op {
            Div | Rem if right == 0 => {
                Some((TrapKind::DivisionByZero, second, "this is 0".to_owned()))
            }
            Shl | Shr | UShr if !(0..64).contains(&right) => Some((
                TrapKind::ShiftOutOfRange,
                second,
                format!("shifts are by 0 to 63; this is {right}"),
            )),
            _ => {
                let left = left?;
                let kind = operate(op, left, right).err()?;
                let label = format!("`{left} {op} {right}` is outside `Int`");
                Some((kind, whole, label))
            }
        }
    }

    fn slice(&self, base: &Expr, range: &Expr) -> Option<Foreseen> {
        let ExprKind::Range {
            start,
            end,
            inclusive,
        } = &range.kind
        else {
            return None;
        };
        let (start, end) = (self.number(start, 0)?, self.number(end, 0)?);
        let end = end.checked_add(i64::from(*inclusive))?;
        let invalid = |label| Some((TrapKind::InvalidRange, range.span, label));
        if start < 0 || start > end {
            return invalid(format!("{start}..{end} is no range of it"));
        }
        let length = self.length(base)?;
        if usize::try_from(end).is_ok_and(|end| end > length) {
            return invalid(format!("this ends at {end}, and there are {length}"));
        }
        let ExprKind::Str(text) = &base.kind else {
            return None;
        };
        let inside = [start, end]
            .into_iter()
            .find(|at| usize::try_from(*at).is_ok_and(|at| !text.is_char_boundary(at)))?;
        Some((
            TrapKind::CharBoundary,
            range.span,
            format!("the byte {inside} is inside a character; `prefix` counts characters"),
        ))
    }

    /// Powers and rotations.
    fn call(&self, function: &FnRef, args: &[hir::Arg]) -> Option<Foreseen> {
        let FnBody::Intrinsic(name) = &self.cx.program.fns[function.id.index()].body else {
            return None;
        };
        let [hir::Arg::Value(base), hir::Arg::Value(by)] = args else {
            return None;
        };
        let number = self.number(by, 0)?;
        match &**name {
            "i64.pow" if number < 0 => Some((
                TrapKind::InvalidArgument,
                by.span,
                "an `Int` has no power with a negative exponent".to_owned(),
            )),
            "i64.pow" => {
                let base = self.number(base, 0)?;
                let fits = match u32::try_from(number) {
                    Ok(number) => base.checked_pow(number).is_some(),
                    Err(_) => (-1..=1).contains(&base),
                };
                let label = format!("`{base}` to the power of {number} is outside `Int`");
                (!fits).then_some((TrapKind::IntegerOverflow, by.span, label))
            }
            "i64.rotate_left" | "i64.rotate_right" if !(0..64).contains(&number) => Some((
                TrapKind::ShiftOutOfRange,
                by.span,
                format!("rotations are by 0 to 63; this is {number}"),
            )),
            _ => None,
        }
    }
}

/// What an operator makes of two numbers, or the trap that it ends with.
fn operate(op: hir::BinaryOp, a: i64, b: i64) -> Result<i64, TrapKind> {
    use hir::BinaryOp as Op;
    let fits = |number: Option<i64>| number.ok_or(TrapKind::IntegerOverflow);
    let amount = u32::try_from(b).ok().filter(|b| *b < 64);
    let amount = amount.ok_or(TrapKind::ShiftOutOfRange);
    Ok(match op {
        Op::Add => fits(a.checked_add(b))?,
        Op::Sub => fits(a.checked_sub(b))?,
        Op::Mul => fits(a.checked_mul(b))?,
        Op::Div | Op::Rem if b == 0 => return Err(TrapKind::DivisionByZero),
        Op::Div => fits(a.checked_div(b))?,
        Op::Rem => a.wrapping_rem(b),
        Op::WrapAdd => a.wrapping_add(b),
        Op::WrapSub => a.wrapping_sub(b),
        Op::WrapMul => a.wrapping_mul(b),
        Op::BitAnd => a & b,
        Op::BitOr => a | b,
        Op::BitXor => a ^ b,
        Op::Shl => a << amount?,
        Op::Shr => a >> amount?,
        Op::UShr => (a as u64 >> amount?) as i64,
        // Truth values, which are no numbers.
        Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge => i64::from(a == b),
    })
}
