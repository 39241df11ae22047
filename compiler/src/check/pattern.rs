//! Patterns: what they are held against, and the names they bind.

use super::body::BodyCx;
use super::infer::Open;
use super::*;
use crate::ast::{ListElement, Name, Pattern, PatternKind as Ast, RangeEnd};
use crate::hir::{LocalId, PatternKind};

/// What a pattern stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    Let,
    /// `let mut`.
    Mutable,
    For,
    /// `match` and `is`.
    Match,
    Lambda,
}

/// A name that a pattern binds.
#[derive(Clone)]
struct Bound {
    name: Name,
    local: LocalId,
    lent: bool,
}

pub(super) struct State {
    binding: Binding,
    bound: Vec<Bound>,
    /// Within the later alternatives of `p | q`: the variables of the first.
    shared: Option<Vec<Bound>>,
}

impl BodyCx<'_, '_> {
    /// Checks a pattern against a type, and binds its names from here on.
    pub(super) fn pattern(&mut self, pattern: &Pattern, ty: &Ty, binding: Binding) -> hir::Pattern {
        let mut state = State {
            binding,
            bound: Vec::new(),
            shared: None,
        };
        let checked = self.part(pattern, ty, &mut state, false);
        for bound in &state.bound {
            self.bind(&bound.name.text, bound.local);
        }
        checked
    }

    pub(super) fn part(
        &mut self,
        pattern: &Pattern,
        ty: &Ty,
        state: &mut State,
        inside: bool,
    ) -> hir::Pattern {
        let span = pattern.span;
        let messages = self.cx.diagnostics.len();
        let mut kind = PatternKind::Any;
        match &pattern.kind {
            Ast::Wildcard => {}
            Ast::Name(name) => kind = self.bind_name(name, ty, false, state),
            Ast::MutName(name) => {
                // Elsewhere than in `match` and `is` the parser has refused it.
                let lent = state.binding == Binding::Match;
                kind = self.bind_name(name, ty, lent, state);
                if let PatternKind::Bind { local, .. } = kind {
                    self.locals[local.index()].mutable = true;
                }
            }
            Ast::Int(value) => {
                if self.is_type(ty, &Ty::Int, span) {
                    kind = PatternKind::Int(*value);
                }
            }
            Ast::Char(value) => {
                if self.is_type(ty, &Ty::Char, span) {
                    kind = PatternKind::Char(*value);
                }
            }
            Ast::Bool(value) => {
                if self.is_type(ty, &Ty::Bool, span) {
                    kind = PatternKind::Bool(*value);
                }
            }
            Ast::String(text) => {
                if self.is_type(ty, &Ty::String, span) {
                    kind = PatternKind::Str(text.clone());
                }
            }
            Ast::Range(start, end) => {
                if let Some(range) = self.range_pattern(*start, *end, ty, span) {
                    kind = range;
                }
            }
            Ast::Unit => {
                if self.is_type(ty, &Ty::unit(), span) {
                    kind = PatternKind::Tuple(Vec::new());
                }
            }
            Ast::Paren(inner) => return self.part(inner, ty, state, inside),
            Ast::Tuple(parts) => kind = self.tuple_pattern(parts, ty, span, state),
            Ast::List(elements) => kind = self.list_pattern(elements, ty, span, state),
            Ast::Path(path) => kind = self.path_pattern(path, ty, span, state),
            Ast::Or(alternatives) => kind = self.alternatives(alternatives, ty, state, inside),
        }
        // What is wrong with the pattern itself must not make it seem to match too much or too little.
        let wrong = self.cx.diagnostics.len() > messages;
        let ty = if wrong { Ty::Error } else { ty.clone() };
        hir::Pattern { kind, ty, span }
    }

    fn is_type(&mut self, ty: &Ty, wanted: &Ty, span: Span) -> bool {
        if self.table.try_unify(ty, wanted) {
            return true;
        }
        let (value, pattern) = (self.shown(ty), self.shown(wanted));
        let mut message = Diagnostic::error(
            "E0601",
            format!(
                "{} is never matched by {}",
                names::a(&value),
                names::a(&pattern)
            ),
        )
        .at(span, format!("this pattern is {}", names::a(&pattern)));
        if let Some(inner) = self.cx.as_option(&self.shallow(ty))
            && self.table.deep(&inner) == *wanted
        {
            let text = self.cx.files.text(span).to_string();
            message = message
                .help("look into the option")
                .edit(span, format!("Some({text})"));
        } else if *wanted == Ty::Int && self.shallow(ty) == Ty::Float {
            message = message.help("floats are no patterns; compare in a guard: `x if x == 1.0`");
        } else if *wanted == Ty::String
            && let Some(variant) = self.variant_in_text(ty, span)
        {
            message = message
                .help(format!("`{value}` is an enum: look for its variant"))
                .edit(span, variant);
        }
        self.report(message);
        false
    }

    /// The variant without a payload that a text in a pattern names: `Get` for `"GET"`.
    fn variant_in_text(&self, ty: &Ty, span: Span) -> Option<String> {
        let Ty::Adt(id, _) = self.shallow(ty) else {
            return None;
        };
        let adt = &self.cx.program.adts[id.index()];
        let word = self.cx.files.text(span).trim_matches('"');
        let same = |name: &str| !adt.is_struct && name.eq_ignore_ascii_case(word);
        let mut plain = adt
            .variants
            .iter()
            .filter(|variant| variant.fields.is_empty());
        plain
            .find(|variant| same(&variant.name))
            .map(|variant| variant.name.to_string())
    }

    fn bind_name(&mut self, name: &Name, ty: &Ty, lent: bool, state: &mut State) -> PatternKind {
        if let Some(first) = state
            .bound
            .iter()
            .find(|bound| bound.name.text == name.text)
        {
            self.report(
                Diagnostic::error(
                    "E0602",
                    format!("`{}` is bound twice in one pattern", name.text),
                )
                .at(name.span, "again here")
                .also(first.name.span, "first here"),
            );
        }
        let shared = state
            .shared
            .as_ref()
            .and_then(|shared| shared.iter().find(|bound| bound.name.text == name.text))
            .cloned();
        let local = match shared {
            Some(first) => {
                let known = self.locals[first.local.index()].ty.clone();
                if !self.table.try_unify(&known, ty) {
                    let (have, want) = (self.shown(ty), self.shown(&known));
                    self.report(
                        Diagnostic::error("E0603", format!("`{}` has two types", name.text))
                            .at(name.span, names::a(&have))
                            .also(first.name.span, names::a(&want)),
                    );
                }
                if first.lent != lent {
                    self.report(
                        Diagnostic::error(
                            "E0603",
                            format!("`{}` is lent in one alternative only", name.text),
                        )
                        .at(name.span, if lent { "with `mut`" } else { "without `mut`" })
                        .also(first.name.span, if lent { "without" } else { "with" }),
                    );
                }
                first.local
            }
            None => {
                if state.shared.is_some() {
                    self.report(
                        Diagnostic::error(
                            "E0603",
                            format!("`{}` is not bound in every alternative", name.text),
                        )
                        .at(name.span, "only here"),
                    );
                }
                let mutable = lent || state.binding == Binding::Mutable;
                self.new_local(name.text.clone(), ty.clone(), mutable, name.span)
            }
        };
        state.bound.push(Bound {
            name: name.clone(),
            local,
            lent,
        });
        PatternKind::Bind { local, lent }
    }

    fn range_pattern(
        &mut self,
        start: RangeEnd,
        end: RangeEnd,
        ty: &Ty,
        span: Span,
    ) -> Option<PatternKind> {
        let (kind, wanted, empty) = match (start, end) {
            (RangeEnd::Int(a), RangeEnd::Int(b)) => (PatternKind::IntRange(a, b), Ty::Int, a > b),
            (RangeEnd::Char(a), RangeEnd::Char(b)) => {
                (PatternKind::CharRange(a, b), Ty::Char, a > b)
            }
            _ => {
                self.report(
                    Diagnostic::error("E0604", "the two ends of this range have different types")
                        .at(span, "a number and a character"),
                );
                return None;
            }
        };
        if empty {
            self.report(
                Diagnostic::error("E0604", "this range is empty").at(span, "starts after its end"),
            );
            return None;
        }
        self.is_type(ty, &wanted, span).then_some(kind)
    }

    fn tuple_pattern(
        &mut self,
        parts: &[Pattern],
        ty: &Ty,
        span: Span,
        state: &mut State,
    ) -> PatternKind {
        let types: Vec<Ty> = match self.shape(ty) {
            Ty::Tuple(types) if types.len() == parts.len() => types.to_vec(),
            Ty::Infer(_) => {
                let types: Vec<Ty> = parts
                    .iter()
                    .map(|part| self.fresh(part.span, Open::Other))
                    .collect();
                self.table.unify(ty, &Ty::Tuple(types.clone().into()));
                types
            }
            other => {
                if !matches!(other, Ty::Error | Ty::Never) {
                    let shown = self.shown(ty);
                    let label = match &other {
                        Ty::Tuple(types) => {
                            format!("{} parts, the value has {}", parts.len(), types.len())
                        }
                        _ => "this pattern is a tuple".to_string(),
                    };
                    self.report(
                        Diagnostic::error(
                            "E0601",
                            format!("{} is never matched by this tuple", names::a(&shown)),
                        )
                        .at(span, label),
                    );
                }
                vec![Ty::Error; parts.len()]
            }
        };
        PatternKind::Tuple(
            parts
                .iter()
                .zip(&types)
                .map(|(part, ty)| self.part(part, ty, state, true))
                .collect(),
        )
    }

    fn list_pattern(
        &mut self,
        elements: &[ListElement],
        ty: &Ty,
        span: Span,
        state: &mut State,
    ) -> PatternKind {
        let element = match self.shape(ty) {
            Ty::List(element) => (*element).clone(),
            Ty::Infer(_) => {
                let element = self.fresh(span, Open::List);
                self.table.unify(ty, &Ty::List(Rc::new(element.clone())));
                element
            }
            Ty::Error | Ty::Never => Ty::Error,
            _ => {
                let shown = self.shown(ty);
                self.report(
                    Diagnostic::error(
                        "E0601",
                        format!("{} is never matched by a list", names::a(&shown)),
                    )
                    .at(span, "this pattern is a list"),
                );
                Ty::Error
            }
        };
        let whole = Ty::List(Rc::new(element.clone()));
        let (mut before, mut after, mut rest) = (Vec::new(), Vec::new(), None);
        for part in elements {
            match part {
                ListElement::Pattern(pattern) => {
                    let checked = self.part(pattern, &element, state, true);
                    if rest.is_none() {
                        before.push(checked)
                    } else {
                        after.push(checked)
                    }
                }
                ListElement::Rest { name, .. } => {
                    let local = name.as_ref().and_then(|name| {
                        match self.bind_name(name, &whole, false, state) {
                            PatternKind::Bind { local, .. } => Some(local),
                            _ => None,
                        }
                    });
                    rest = Some(local);
                }
            }
        }
        PatternKind::List {
            before,
            rest,
            after,
        }
    }

    fn alternatives(
        &mut self,
        alternatives: &[Pattern],
        ty: &Ty,
        state: &mut State,
        inside: bool,
    ) -> PatternKind {
        let mark = state.bound.len();
        let mut checked = Vec::new();
        let mut first: Vec<Bound> = Vec::new();
        let outer = state.shared.clone();
        for (index, alternative) in alternatives.iter().enumerate() {
            if index > 0 {
                state.bound.truncate(mark);
                let mut shared = outer.clone().unwrap_or_default();
                shared.extend(first.iter().cloned());
                state.shared = Some(shared);
            }
            checked.push(self.part(alternative, ty, state, inside));
            let now = state.bound[mark..].to_vec();
            if index == 0 {
                first = now;
            } else if let Some(missing) = first
                .iter()
                .find(|bound| !now.iter().any(|other| other.name.text == bound.name.text))
            {
                self.report(
                    Diagnostic::error(
                        "E0603",
                        format!("`{}` is not bound in every alternative", missing.name.text),
                    )
                    .at(alternative.span, "not here")
                    .also(missing.name.span, "bound here"),
                );
            }
        }
        state.shared = outer;
        state.bound.truncate(mark);
        state.bound.extend(first);
        PatternKind::Or(checked)
    }
}
