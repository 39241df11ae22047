//! `match` and `is`: which arm is tried when, and what is done with the value.

use super::builder::RegionId;
use super::function::{FnLowerer, Val};
use super::lending::lends_in_alternatives;
use super::liveness;
use super::patterns::always_matches;
use crate::hir::{Arm, Expr, ExprKind, Pattern, PatternKind, Place, Ty};
use cop_bytecode::{Instr, TrapKind, TypeId};

impl FnLowerer<'_, '_> {
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
    pub(super) fn matched(&mut self, value: &Expr) -> Val {
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
