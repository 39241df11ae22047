//! Matches that are seen at a glance to be in order: names, variants whose parts are names, and literals, as most are. Whatever
//! is not, or may be worth a message, is for `exhaust`.

use super::*;
use crate::hir::{Arm, Pattern, PatternKind, Program};

/// Whether a pattern matches everything, by its form alone.
pub(super) fn takes_all(pattern: &Pattern) -> bool {
    match &pattern.kind {
        PatternKind::Any | PatternKind::Bind { .. } => true,
        PatternKind::Tuple(parts) => parts.iter().all(takes_all),
        _ => false,
    }
}

/// Whether there is no pattern in this one that could be out of reach.
pub(super) fn is_flat(pattern: &Pattern) -> bool {
    match &pattern.kind {
        PatternKind::Variant { fields, .. } => fields.iter().all(|(_, part)| takes_all(part)),
        PatternKind::Or(_) | PatternKind::Tuple(_) | PatternKind::List { .. } => takes_all(pattern),
        _ => true,
    }
}

/// Whether a pattern is one variant of several, with whatever it carries.
pub(super) fn is_of_several(program: &Program, pattern: &Pattern) -> bool {
    let PatternKind::Variant { adt, .. } = pattern.kind else {
        return false;
    };
    is_flat(pattern) && program.adts[adt.index()].variants.len() > 1
}

/// Whether every value of a type has an arm, and every arm a value that no other has.
pub(super) fn all_in_order(program: &Program, ty: &Ty, arms: &[Arm]) -> bool {
    /// With more literals, looking for each among those before takes too long.
    const MOST: usize = 64;
    let count = match ty {
        Ty::Adt(id, _) => program.adts[id.index()].variants.len(),
        Ty::Bool => 2,
        _ => usize::MAX,
    };
    let mut before: Vec<&Pattern> = Vec::new();
    let mut all = false;
    for arm in arms {
        let alternatives = match &arm.pattern.kind {
            PatternKind::Or(parts) => parts,
            _ => std::slice::from_ref(&arm.pattern),
        };
        let known = before.len();
        for alternative in alternatives {
            let is_new = match &alternative.kind {
                PatternKind::Any | PatternKind::Bind { .. } => true,
                kind if is_plain(alternative) => {
                    !before.iter().any(|other| !differ(kind, &other.kind))
                }
                _ => false,
            };
            if all || !is_new || before.len() >= count.min(MOST) {
                return false;
            }
            match &alternative.kind {
                PatternKind::Any | PatternKind::Bind { .. } => all = arm.guard.is_none(),
                _ => before.push(alternative),
            }
        }
        // Where a guard may fail, what is behind it is reached.
        if arm.guard.is_some() {
            before.truncate(known);
        }
    }
    all || before.len() == count
}

/// Whether a pattern is a literal, or a variant with whatever it carries.
fn is_plain(pattern: &Pattern) -> bool {
    match &pattern.kind {
        PatternKind::Bool(_) | PatternKind::Int(_) => true,
        PatternKind::Char(_) | PatternKind::Str(_) => true,
        PatternKind::Variant { .. } => is_flat(pattern),
        _ => false,
    }
}

/// Whether two patterns without patterns in them match different values.
fn differ(a: &PatternKind, b: &PatternKind) -> bool {
    match (a, b) {
        (PatternKind::Variant { variant: a, .. }, PatternKind::Variant { variant: b, .. }) => {
            a != b
        }
        (PatternKind::Bool(a), PatternKind::Bool(b)) => a != b,
        (PatternKind::Int(a), PatternKind::Int(b)) => a != b,
        (PatternKind::Char(a), PatternKind::Char(b)) => a != b,
        (PatternKind::Str(a), PatternKind::Str(b)) => a != b,
        _ => false,
    }
}
