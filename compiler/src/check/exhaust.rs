//! Whether patterns cover every value, and whether each of them can match.
//!
//! The question is always the same one: given rows of patterns that were tried before, is there a value that a further
//! row matches and none of them does? If the further row is all wildcards, such a value is a missing case; if it is an
//! arm, no such value means that the arm is never reached. It is answered column by column (Maranget, *Warnings for
//! pattern matching*): the first column's values are split into classes that its patterns cannot tell apart further, such
//! as a variant, an interval of integers, or the lists of one length, and the rest of the row is asked about within a
//! class. Where the patterns of a column leave values out altogether, one class, of what was left out, is enough.
//!
//! Rows could multiply without end, so the work is counted; a match that takes too much of it is refused.

use super::*;
use crate::hir::{Pattern, PatternKind};

/// How many steps one question may take.
const MAX_STEPS: usize = 8_000_000;

/// How many columns there may be at a time; the search goes as deep.
const MAX_COLUMNS: usize = 400;

/// The question took too many steps.
#[derive(Debug)]
pub(super) struct TooHard;

/// A set of values of one column that its patterns tell apart from the others.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Class {
    /// The only form there is: a tuple, a struct.
    Single,
    Bool(bool),
    Variant(u32),
    /// From the first to the last.
    Int(i64, i64),
    Char(u32, u32),
    Str(Rc<str>),
    /// Lists of this length; `true`: or longer.
    List(usize, bool),
    /// What no pattern of the column mentions.
    Other,
}

/// A pattern, or nothing in particular of a type.
#[derive(Clone, Copy)]
enum Cell<'p> {
    Any,
    Pattern(&'p Pattern),
}

type Row<'p> = Vec<Cell<'p>>;

pub(super) struct Exhaust<'c, 'a> {
    checker: &'c Checker<'a>,
    steps: usize,
}

impl<'c, 'a> Exhaust<'c, 'a> {
    pub(super) fn new(checker: &'c Checker<'a>) -> Self {
        Exhaust { checker, steps: 0 }
    }

    /// A value that none of the patterns matches, as text.
    pub(super) fn missing(
        &mut self,
        patterns: &[&Pattern],
        ty: &Ty,
    ) -> Result<Option<String>, TooHard> {
        let rows: Vec<Row> = patterns
            .iter()
            .map(|pattern| vec![Cell::Pattern(pattern)])
            .collect();
        let found = self.useful(rows, vec![Cell::Any], vec![ty.clone()])?;
        Ok(found.and_then(|values| values.into_iter().next()))
    }

    /// Whether a pattern matches anything that the ones before it do not.
    pub(super) fn reached(
        &mut self,
        before: &[&Pattern],
        pattern: &Pattern,
        ty: &Ty,
    ) -> Result<bool, TooHard> {
        let rows: Vec<Row> = before
            .iter()
            .map(|pattern| vec![Cell::Pattern(pattern)])
            .collect();
        Ok(self
            .useful(rows, vec![Cell::Pattern(pattern)], vec![ty.clone()])?
            .is_some())
    }

    /// A value of each column that the row matches and the rows before do not.
    fn useful(
        &mut self,
        rows: Vec<Row>,
        row: Row,
        types: Vec<Ty>,
    ) -> Result<Option<Vec<String>>, TooHard> {
        self.steps += 1 + rows.len();
        if self.steps > MAX_STEPS {
            return Err(TooHard);
        }
        if row.is_empty() {
            return Ok(rows.is_empty().then(Vec::new));
        }
        // Alternatives become rows of their own.
        let rows = expand(rows);
        if rows.iter().any(|row| row.iter().all(takes_all)) {
            return Ok(None);
        }
        if let Cell::Pattern(Pattern {
            kind: PatternKind::Or(parts),
            ..
        }) = row[0]
        {
            for part in parts {
                let mut one = row.clone();
                one[0] = Cell::Pattern(part);
                if let Some(found) = self.useful(rows.clone(), one, types.clone())? {
                    return Ok(Some(found));
                }
            }
            return Ok(None);
        }
        let ty = types[0].clone();
        for class in self.classes(&rows, row[0], &ty) {
            let parts = self.parts(&class, &ty);
            if parts.len() + row.len() > MAX_COLUMNS {
                return Err(TooHard);
            }
            let mut inner_types = parts.clone();
            inner_types.extend(types[1..].iter().cloned());
            let mut inner_row = match self.specialise(row[0], &class, parts.len()) {
                Some(cells) => cells,
                None => continue,
            };
            inner_row.extend(row[1..].iter().copied());
            self.steps += rows.len();
            let inner_rows: Vec<Row> = rows
                .iter()
                .filter_map(|other| {
                    let mut cells = self.specialise(other[0], &class, parts.len())?;
                    cells.extend(other[1..].iter().copied());
                    Some(cells)
                })
                .collect();
            if let Some(mut values) = self.useful(inner_rows, inner_row, inner_types)? {
                let rest = values.split_off(parts.len());
                let mut found = vec![self.example(&class, &ty, values, &rows)];
                found.extend(rest);
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The classes of the first column that have to be asked about for a row that begins with `cell`.
    fn classes(&self, rows: &[Row], cell: Cell, ty: &Ty) -> Vec<Class> {
        let heads: Vec<&Pattern> = rows
            .iter()
            .map(|row| row[0])
            .chain(std::iter::once(cell))
            .filter_map(|cell| match cell {
                Cell::Pattern(pattern) if !is_any(pattern) => Some(pattern),
                _ => None,
            })
            .collect();
        let own = matches!(cell, Cell::Pattern(pattern) if !is_any(pattern));
        if heads.is_empty() {
            return vec![Class::Other];
        }
        match ty {
            Ty::Bool => vec![Class::Bool(false), Class::Bool(true)],
            Ty::Int => intervals(&heads, i64::MIN, i64::MAX, &|pattern| match pattern.kind {
                PatternKind::Int(value) => Some((value, value)),
                PatternKind::IntRange(start, end) => Some((start, end)),
                _ => None,
            })
            .into_iter()
            .map(|(start, end)| Class::Int(start, end))
            .collect(),
            Ty::Char => {
                let split = intervals(&heads, 0, 0x10ffff, &|pattern| match pattern.kind {
                    PatternKind::Char(value) => Some((value as i64, value as i64)),
                    PatternKind::CharRange(start, end) => Some((start as i64, end as i64)),
                    _ => None,
                });
                split
                    .into_iter()
                    // There are no characters between U+D800 and U+DFFF.
                    .filter_map(|(start, end)| {
                        let start = if (0xd800..=0xdfff).contains(&start) {
                            0xe000
                        } else {
                            start
                        };
                        let end = if (0xd800..=0xdfff).contains(&end) {
                            0xd7ff
                        } else {
                            end
                        };
                        (start <= end).then_some(Class::Char(start as u32, end as u32))
                    })
                    .collect()
            }
            Ty::String => {
                let mut classes: Vec<Class> = Vec::new();
                let mut seen = std::collections::BTreeSet::new();
                let relevant = if own {
                    &heads[heads.len() - 1..]
                } else {
                    &heads[..]
                };
                for head in relevant {
                    if let PatternKind::Str(text) = &head.kind
                        && seen.insert(text.clone())
                    {
                        classes.push(Class::Str(text.clone()));
                    }
                }
                if !own {
                    // Texts that nobody mentions are never matched by the rows with texts: they alone decide.
                    return vec![Class::Other];
                }
                classes
            }
            Ty::List(_) => {
                let longest = heads
                    .iter()
                    .map(|pattern| match &pattern.kind {
                        PatternKind::List {
                            before, rest: None, ..
                        } => before.len() + 1,
                        PatternKind::List { before, after, .. } => before.len() + after.len(),
                        _ => 0,
                    })
                    .max()
                    .unwrap_or(0);
                (0..longest)
                    .map(|length| Class::List(length, false))
                    .chain([Class::List(longest, true)])
                    .collect()
            }
            Ty::Adt(id, _) => {
                let count = self.checker.program.adts[id.index()].variants.len() as u32;
                let mentioned: std::collections::BTreeSet<u32> = heads
                    .iter()
                    .filter_map(|pattern| match pattern.kind {
                        PatternKind::Variant { variant, .. } => Some(variant),
                        _ => None,
                    })
                    .collect();
                if let Cell::Pattern(Pattern {
                    kind: PatternKind::Variant { variant, .. },
                    ..
                }) = cell
                {
                    return vec![Class::Variant(*variant)];
                }
                if mentioned.len() < count as usize {
                    return vec![Class::Other];
                }
                (0..count).map(Class::Variant).collect()
            }
            _ => vec![Class::Single],
        }
    }

    /// The types of what lies inside the values of a class.
    fn parts(&self, class: &Class, ty: &Ty) -> Vec<Ty> {
        match (class, ty) {
            (Class::Single, Ty::Tuple(parts)) => parts.to_vec(),
            (Class::Variant(variant), Ty::Adt(id, args)) => self.checker.program.adts[id.index()]
                .variants[*variant as usize]
                .fields
                .iter()
                .map(|field| field.ty.substitute(args))
                .collect(),
            (Class::List(length, _), Ty::List(element)) => vec![(**element).clone(); *length],
            _ => Vec::new(),
        }
    }

    /// What a cell says about the inside of the values of a class; `None` if it matches none of them.
    fn specialise<'p>(&self, cell: Cell<'p>, class: &Class, parts: usize) -> Option<Row<'p>> {
        let pattern = match cell {
            Cell::Pattern(pattern) if !is_any(pattern) => pattern,
            _ => return Some(vec![Cell::Any; parts]),
        };
        let matches = |yes: bool| yes.then(Vec::new);
        match (&pattern.kind, class) {
            (PatternKind::Bool(value), Class::Bool(class)) => matches(value == class),
            (PatternKind::Int(value), Class::Int(start, end)) => {
                matches(value <= start && end <= value)
            }
            (PatternKind::IntRange(low, high), Class::Int(start, end)) => {
                matches(low <= start && end <= high)
            }
            (PatternKind::Char(value), Class::Char(start, end)) => {
                matches(*value as u32 <= *start && *end <= *value as u32)
            }
            (PatternKind::CharRange(low, high), Class::Char(start, end)) => {
                matches(*low as u32 <= *start && *end <= *high as u32)
            }
            (PatternKind::Str(text), Class::Str(class)) => matches(text == class),
            (PatternKind::Tuple(inner), Class::Single) => {
                Some(inner.iter().map(Cell::Pattern).collect())
            }
            (
                PatternKind::Variant {
                    variant, fields, ..
                },
                Class::Variant(class),
            ) => {
                if variant != class {
                    return None;
                }
                let mut cells = vec![Cell::Any; parts];
                for (index, field) in fields {
                    cells[*index as usize] = Cell::Pattern(field);
                }
                Some(cells)
            }
            (
                PatternKind::List {
                    before,
                    rest,
                    after,
                },
                Class::List(length, longer),
            ) => {
                let fixed = before.len() + after.len();
                let fits = match rest {
                    None => fixed == *length && !longer,
                    Some(_) => fixed <= *length,
                };
                if !fits {
                    return None;
                }
                let mut cells: Row = before.iter().map(Cell::Pattern).collect();
                cells.extend(std::iter::repeat_n(Cell::Any, length - fixed));
                cells.extend(after.iter().map(Cell::Pattern));
                Some(cells)
            }
            _ => None,
        }
    }

    /// A value of a class as text, given its parts.
    fn example(&self, class: &Class, ty: &Ty, parts: Vec<String>, rows: &[Row]) -> String {
        match (class, ty) {
            (Class::Single, Ty::Tuple(_)) => format!("({})", parts.join(", ")),
            (Class::Bool(value), _) => value.to_string(),
            (Class::Int(start, end), _) => {
                let value = if (*start..=*end).contains(&0) {
                    0
                } else if *start > 0 {
                    *start
                } else {
                    *end
                };
                value.to_string()
            }
            (Class::Char(start, end), _) => {
                let wanted = if (*start..=*end).contains(&97) {
                    97
                } else {
                    *start
                };
                char::from_u32(wanted).map_or("_".to_string(), |c| format!("{c:?}"))
            }
            (Class::Str(text), _) => format!("{text:?}"),
            (Class::Variant(variant), Ty::Adt(id, _)) => self.variant_example(*id, *variant, parts),
            (Class::List(_, longer), _) => {
                let mut shown = parts;
                if *longer {
                    shown.push("..".to_string());
                }
                format!("[{}]", shown.join(", "))
            }
            (Class::Other, Ty::Adt(id, _)) => {
                let mentioned: Vec<u32> = rows
                    .iter()
                    .filter_map(|row| match row[0] {
                        Cell::Pattern(Pattern {
                            kind: PatternKind::Variant { variant, .. },
                            ..
                        }) => Some(*variant),
                        _ => None,
                    })
                    .collect();
                if mentioned.is_empty() {
                    return "_".to_string();
                }
                let variants = &self.checker.program.adts[id.index()].variants;
                let absent = (0..variants.len() as u32)
                    .find(|variant| !mentioned.contains(variant))
                    .unwrap_or(0);
                let parts = vec!["_".to_string(); variants[absent as usize].fields.len()];
                self.variant_example(*id, absent, parts)
            }
            _ => "_".to_string(),
        }
    }

    fn variant_example(&self, id: AdtId, variant: u32, parts: Vec<String>) -> String {
        let adt = &self.checker.program.adts[id.index()];
        let variant = &adt.variants[variant as usize];
        if variant.fields.is_empty() {
            return if adt.is_struct {
                format!("{}()", variant.name)
            } else {
                variant.name.to_string()
            };
        }
        if parts.iter().all(|part| part == "_") {
            let inner = if variant.named || adt.is_struct {
                "..".to_string()
            } else {
                parts.join(", ")
            };
            return format!("{}({inner})", variant.name);
        }
        if !variant.named && !adt.is_struct {
            return format!("{}({})", variant.name, parts.join(", "));
        }
        let mut shown: Vec<String> = variant
            .fields
            .iter()
            .zip(&parts)
            .filter(|(_, part)| *part != "_")
            .map(|(field, part)| format!("{}: {part}", field.name))
            .collect();
        if shown.len() < parts.len() {
            shown.push("..".to_string());
        }
        format!("{}({})", variant.name, shown.join(", "))
    }
}

fn is_any(pattern: &Pattern) -> bool {
    matches!(pattern.kind, PatternKind::Any | PatternKind::Bind { .. })
}

fn takes_all(cell: &Cell) -> bool {
    match cell {
        Cell::Any => true,
        Cell::Pattern(pattern) => is_any(pattern),
    }
}

/// Rows whose first pattern is no `p | q`.
fn expand(rows: Vec<Row>) -> Vec<Row> {
    let mut out = Vec::with_capacity(rows.len());
    let mut work: Vec<Row> = rows.into_iter().rev().collect();
    while let Some(row) = work.pop() {
        match row[0] {
            Cell::Pattern(Pattern {
                kind: PatternKind::Or(parts),
                ..
            }) => {
                for part in parts.iter().rev() {
                    let mut one = row.clone();
                    one[0] = Cell::Pattern(part);
                    work.push(one);
                }
            }
            _ => out.push(row),
        }
    }
    out
}

/// Cuts `low..=high` where one of the patterns' intervals begins or ends.
fn intervals(
    heads: &[&Pattern],
    low: i64,
    high: i64,
    of: &dyn Fn(&Pattern) -> Option<(i64, i64)>,
) -> Vec<(i64, i64)> {
    let mut starts: Vec<i64> = vec![low];
    for head in heads {
        if let Some((start, end)) = of(head) {
            starts.push(start);
            if end < high {
                starts.push(end + 1);
            }
        }
    }
    starts.sort_unstable();
    starts.dedup();
    starts
        .iter()
        .enumerate()
        .map(|(index, start)| (*start, starts.get(index + 1).map_or(high, |next| next - 1)))
        .collect()
}
