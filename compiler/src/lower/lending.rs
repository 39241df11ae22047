//! Patterns that lend: a place is taken apart, its parts are variables meanwhile, and then it is put together again.

use super::builder::{Element, Hop, Lend, Opened, RegionId};
use super::function::{FnLowerer, Val};
use super::liveness;
use super::patterns::extended;
use super::places::Prepared;
use crate::diagnostic::Diagnostic;
use crate::hir::{Expr, LocalId, Pattern, PatternKind, Place};
use cop_bytecode::{Instr, Op, Step, Value};

impl FnLowerer<'_, '_> {
    /// The place whose parts a pattern lends, as a local that can be taken apart. `used`: what is evaluated
    /// while it is lent, if that is known; the part is moved out only if that does not mention the variable.
    pub(super) fn lend_place(&mut self, place: &Place, used: Option<&[&Expr]>) -> LocalId {
        let Prepared { root, path, keys } = self.prepare(place);
        if path.is_empty() || self.b.dead {
            return root;
        }
        let value = self.b.value(root);
        let root_ty = self.b.type_of(value);
        let ty = super::builder::path_type(&mut self.cx.layouts, root_ty, &path);
        let copied = self.is_copy(ty) || used.is_none_or(|used| Self::mentions(used, root));
        let part = self.b.hidden();
        self.lend_part(root, path.to_vec(), part, copied);
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
    pub(super) fn look_at_lent(&mut self, pattern: &Pattern, base: Val, path: &[Step]) {
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
    pub(super) fn lend_parts(&mut self, pattern: &Pattern, local: LocalId) {
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

    /// `place is pattern` where alternatives lend: which of them matched is not known where the lend ends, so the names are
    /// copies, and a number says where they are stored.
    pub(super) fn test_alternatives(&mut self, pattern: &Pattern, local: LocalId, fail: RegionId) {
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
    pub(super) fn without_lending_alternatives(&mut self, pattern: &Pattern) -> Vec<Pattern> {
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

/// Whether a pattern lends a part.
pub(super) fn lends(pattern: &Pattern) -> bool {
    match &pattern.kind {
        PatternKind::Bind { lent, .. } => *lent,
        PatternKind::Variant { fields, .. } => fields.iter().any(|(_, p)| lends(p)),
        PatternKind::Tuple(parts) | PatternKind::Or(parts) => parts.iter().any(lends),
        PatternKind::List { before, after, .. } => before.iter().chain(after).any(lends),
        _ => false,
    }
}

/// Whether alternatives inside a pattern lend a part.
pub(super) fn lends_in_alternatives(pattern: &Pattern) -> bool {
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
