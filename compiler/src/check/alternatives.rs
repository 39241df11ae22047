//! The alternatives inside of a pattern, one by one: `Some(1 | 2)` is `Some(1)`, and after it `Some(2)`.

use super::Span;
use crate::hir::{Pattern, PatternKind};

/// One alternative, with what stands around it.
pub(super) struct Alternative {
    /// The pattern with an alternative that is tried before this one, for each of those.
    pub earlier: Vec<Pattern>,
    /// The pattern with this alternative only.
    pub only: Pattern,
    /// Where it stands.
    pub span: Span,
}

/// All alternatives of a pattern, however deep; outer ones come first.
pub(super) fn alternatives(pattern: &Pattern) -> Vec<Alternative> {
    match &pattern.kind {
        PatternKind::Or(parts) => {
            let mut found = Vec::new();
            for (index, part) in parts.iter().enumerate() {
                found.push(Alternative {
                    earlier: parts[..index].to_vec(),
                    only: part.clone(),
                    span: part.span,
                });
                found.extend(alternatives(part).into_iter().map(|inner| Alternative {
                    earlier: [&parts[..index], &inner.earlier[..]].concat(),
                    ..inner
                }));
            }
            found
        }
        PatternKind::Tuple(parts) => inside(pattern, parts, PatternKind::Tuple),
        PatternKind::Variant {
            adt,
            variant,
            fields,
        } => {
            let parts: Vec<Pattern> = fields.iter().map(|(_, part)| part.clone()).collect();
            inside(pattern, &parts, |parts| PatternKind::Variant {
                adt: *adt,
                variant: *variant,
                fields: fields.iter().map(|(index, _)| *index).zip(parts).collect(),
            })
        }
        PatternKind::List {
            before,
            rest,
            after,
        } => {
            let parts = [&before[..], &after[..]].concat();
            inside(pattern, &parts, |mut parts| {
                let after = parts.split_off(before.len());
                PatternKind::List {
                    before: parts,
                    rest: *rest,
                    after,
                }
            })
        }
        _ => Vec::new(),
    }
}

/// Those of the parts of a pattern, with the other parts around them.
fn inside(
    pattern: &Pattern,
    parts: &[Pattern],
    whole: impl Fn(Vec<Pattern>) -> PatternKind,
) -> Vec<Alternative> {
    let mut found = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let with = |part: Pattern| {
            let mut parts = parts.to_vec();
            parts[index] = part;
            Pattern {
                kind: whole(parts),
                ty: pattern.ty.clone(),
                span: pattern.span,
            }
        };
        found.extend(alternatives(part).into_iter().map(|inner| Alternative {
            earlier: inner.earlier.into_iter().map(&with).collect(),
            only: with(inner.only),
            span: inner.span,
        }));
    }
    found
}
