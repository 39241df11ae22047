//! Patterns: what they are held against, and the names they bind.

use super::body::BodyCx;
use super::infer::Open;
use super::path::{Base, Constructor};
use super::*;
use crate::ast::{
    ListElement, Name, Pattern, PatternArgument, PatternKind as Ast, PatternPath, RangeEnd,
};
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

struct State {
    binding: Binding,
    bound: Vec<Bound>,
    /// Within the later alternatives of `p | q`: the variables of the first.
    shared: Option<Vec<Bound>>,
}

impl<'a> BodyCx<'_, 'a> {
    /// Checks a pattern against a type, and binds its names from here on.
    pub(super) fn pattern(
        &mut self,
        pattern: &'a Pattern,
        ty: &Ty,
        binding: Binding,
    ) -> hir::Pattern {
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

    fn part(
        &mut self,
        pattern: &'a Pattern,
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
                    kind = PatternKind::Str(rc(text));
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
            format!("a `{value}` is never matched by a `{pattern}`"),
        )
        .at(span, format!("this pattern is a `{pattern}`"));
        if let Some(inner) = self.cx.as_option(&self.shallow(ty))
            && self.table.deep(&inner) == *wanted
        {
            let text = self.cx.files.text(span).to_string();
            message = message
                .help("look into the option")
                .edit(span, format!("Some({text})"));
        } else if *wanted == Ty::Int && self.shallow(ty) == Ty::Float {
            message = message.help("floats are no patterns; compare in a guard: `x if x == 1.0`");
        }
        self.report(message);
        false
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
                self.new_local(&name.text, ty.clone(), mutable, name.span)
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
        parts: &'a [Pattern],
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
                            format!("a `{shown}` is never matched by this tuple"),
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
        elements: &'a [ListElement],
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
                    Diagnostic::error("E0601", format!("a `{shown}` is never matched by a list"))
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
        alternatives: &'a [Pattern],
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

    fn path_pattern(
        &mut self,
        path: &'a PatternPath,
        ty: &Ty,
        span: Span,
        state: &mut State,
    ) -> PatternKind {
        let Some(found) = self.pattern_constructor(path, ty, span) else {
            self.ignore_arguments(path, state);
            return PatternKind::Any;
        };
        let built = {
            let adt = &self.cx.program.adts[found.adt.index()];
            let what = adt.variants[found.variant as usize].name.clone();
            let names: Vec<Rc<str>> = adt
                .generics
                .iter()
                .map(|generic| generic.name.clone())
                .collect();
            let args: Vec<Ty> = names
                .into_iter()
                .map(|name| self.fresh(span, Open::Parameter(what.clone(), name)))
                .collect();
            Ty::Adt(found.adt, args.into())
        };
        if let Some(through) = &found.through {
            self.table.try_unify(&built, through);
        }
        if !self.table.try_unify(ty, &built) {
            let (value, pattern) = (self.shown(ty), self.shown(&built));
            let name = &path.name.text;
            let mut message =
                Diagnostic::error("E0601", format!("a `{value}` is never matched by `{name}`")).at(
                    span,
                    format!(
                        "`{name}` belongs to `{}`",
                        pattern.split('[').next().unwrap_or(&pattern)
                    ),
                );
            if let Some(inner) = self.cx.as_option(&self.shallow(ty))
                && self.table.try_unify(&inner, &built)
            {
                let text = self.cx.files.text(span).to_string();
                message = message
                    .help("look into the option")
                    .edit(span, format!("Some({text})"));
            }
            self.report(message);
            self.ignore_arguments(path, state);
            return PatternKind::Any;
        }
        self.reach(found.adt, span, "match it");
        let Ty::Adt(_, args) = &built else {
            return PatternKind::Any;
        };
        let fields = self.pattern_fields(&found, path, &args.clone(), span, state);
        PatternKind::Variant {
            adt: found.adt,
            variant: found.variant,
            fields,
        }
    }

    /// Binds the names of a pattern whose variant is not known, so that they are not reported where they are used.
    fn ignore_arguments(&mut self, path: &'a PatternPath, state: &mut State) {
        for argument in path.arguments.iter().flatten() {
            if let PatternArgument::Pattern(pattern) | PatternArgument::Named(_, pattern) = argument
            {
                self.part(pattern, &Ty::Error, state, true);
            }
        }
    }

    fn pattern_constructor(
        &mut self,
        path: &'a PatternPath,
        ty: &Ty,
        span: Span,
    ) -> Option<Constructor> {
        let target = match &path.module {
            None => None,
            Some(module) => match self.cx.module_named(self.module, &module.text) {
                Some(Some(target)) => Some(target),
                Some(None) => return None,
                None => {
                    self.cx.unknown_module(self.module, module);
                    return None;
                }
            },
        };
        match (target, &path.parent) {
            (None, None) => self.constructor(&path.name, Some(ty), path.arguments.is_some()),
            (Some(target), None) => self.module_constructor(target, &path.name, Some(ty), span),
            (target, Some(parent)) => {
                let item = match target {
                    Some(target) => self.cx.module_type(target, parent),
                    None => self.cx.find_type(self.module, &parent.text),
                };
                let Some(item) = item else {
                    if target.is_none() {
                        let params = self.scope.params.clone();
                        self.cx.unknown_type(self.module, parent, &params);
                    }
                    return None;
                };
                match self.pattern_base(item, parent.span) {
                    Base::Type(parent) => self.variant_constructor(&parent, &path.name, span),
                    _ => None,
                }
            }
        }
    }

    fn pattern_fields(
        &mut self,
        found: &Constructor,
        path: &'a PatternPath,
        args: &Rc<[Ty]>,
        span: Span,
        state: &mut State,
    ) -> Vec<(u32, hir::Pattern)> {
        let adt = &self.cx.program.adts[found.adt.index()];
        let is_struct = adt.is_struct;
        let variant = adt.variants[found.variant as usize].clone();
        let Some(arguments) = &path.arguments else {
            if !variant.fields.is_empty() || is_struct {
                let dots = if variant.fields.is_empty() {
                    "()"
                } else {
                    "(..)"
                };
                self.report(
                    Diagnostic::error(
                        "E0605",
                        format!("`{}` is matched with parentheses", variant.name),
                    )
                    .at(
                        span,
                        if is_struct {
                            "a struct"
                        } else {
                            "it carries something"
                        },
                    )
                    .help("write `..` for fields that do not matter")
                    .edit(span.after(), dots),
                );
            }
            return Vec::new();
        };
        if variant.fields.is_empty() && !is_struct {
            self.report(
                Diagnostic::error(
                    "E0605",
                    format!("the variant `{}` carries nothing", variant.name),
                )
                .at(span, "no parentheses")
                .edit(span, self.cx.files.text(path.name.span)),
            );
        }
        let mut given: Vec<Option<Span>> = vec![None; variant.fields.len()];
        let mut rest = false;
        let mut out = Vec::new();
        let mut position = 0;
        for argument in arguments {
            let (field, pattern) = match argument {
                PatternArgument::Rest(_) => {
                    rest = true;
                    continue;
                }
                PatternArgument::Named(name, pattern) => {
                    if !variant.named && !is_struct {
                        self.report(
                            Diagnostic::error(
                                "E0606",
                                format!("the parts of `{}` have no names", variant.name),
                            )
                            .at(name.span, "matched by position")
                            .edit(
                                Span {
                                    end: pattern.span.start,
                                    ..name.span
                                },
                                "",
                            ),
                        );
                        self.part(pattern, &Ty::Error, state, true);
                        rest = true;
                        continue;
                    }
                    (self.pattern_field(&variant, name), pattern)
                }
                PatternArgument::Pattern(pattern) if variant.named || is_struct => {
                    match &pattern.kind {
                        Ast::Name(name) | Ast::MutName(name) => {
                            (self.pattern_field(&variant, name), pattern)
                        }
                        _ => {
                            self.report(
                                Diagnostic::error(
                                    "E0606",
                                    format!("the fields of `{}` are matched by name", variant.name),
                                )
                                .at(pattern.span, "which field?")
                                .help("write `name: pattern`"),
                            );
                            (None, pattern)
                        }
                    }
                }
                PatternArgument::Pattern(pattern) => {
                    let index = position;
                    position += 1;
                    if index >= variant.fields.len() {
                        if !variant.fields.is_empty() {
                            self.report(
                                Diagnostic::error(
                                    "E0607",
                                    format!(
                                        "`{}` has {} parts",
                                        variant.name,
                                        variant.fields.len()
                                    ),
                                )
                                .at(pattern.span, "one too many"),
                            );
                        }
                        (None, pattern)
                    } else {
                        (Some(index), pattern)
                    }
                }
            };
            let Some(field) = field else {
                self.part(pattern, &Ty::Error, state, true);
                rest = true;
                continue;
            };
            if let Some(first) = given[field].replace(pattern.span) {
                self.report(
                    Diagnostic::error(
                        "E0602",
                        format!(
                            "the field `{}` is matched twice",
                            variant.fields[field].name
                        ),
                    )
                    .at(pattern.span, "again here")
                    .also(first, "first here"),
                );
            }
            let ty = variant.fields[field].ty.substitute(args);
            out.push((field as u32, self.part(pattern, &ty, state, true)));
        }
        if !rest {
            self.missing_fields(&variant, &given, span, is_struct || variant.named);
        }
        out
    }

    fn pattern_field(&mut self, variant: &hir::Variant, name: &Name) -> Option<usize> {
        let found = variant
            .fields
            .iter()
            .position(|field| *field.name == *name.text);
        if found.is_none() {
            let known: Vec<&str> = variant.fields.iter().map(|field| &*field.name).collect();
            let mut message = Diagnostic::error(
                "E0321",
                format!("`{}` has no field `{}`", variant.name, name.text),
            )
            .at(name.span, "not found");
            message = match suggest::nearest(&name.text, known.iter().copied()) {
                Some(near) => message
                    .help(format!("there is {}", names::a(near)))
                    .edit(name.span, near),
                None if known.is_empty() => message,
                None => message.help(names::fields(&known)),
            };
            self.report(message);
        }
        found
    }

    fn missing_fields(
        &mut self,
        variant: &hir::Variant,
        given: &[Option<Span>],
        span: Span,
        named: bool,
    ) {
        let missing: Vec<&str> = variant
            .fields
            .iter()
            .zip(given)
            .filter(|(_, given)| given.is_none())
            .map(|(field, _)| &*field.name)
            .collect();
        if missing.is_empty() {
            return;
        }
        let close = Span {
            start: span.end - 1,
            ..span
        };
        let dots = if given.iter().any(Option::is_some) {
            ", .."
        } else {
            ".."
        };
        let title = if named {
            format!(
                "this pattern of `{}` leaves out {}",
                variant.name,
                names::listed(&missing)
            )
        } else {
            format!(
                "`{}` has {} parts, this pattern {}",
                variant.name,
                variant.fields.len(),
                variant.fields.len() - missing.len()
            )
        };
        self.report(
            Diagnostic::error("E0607", title)
                .at(span, "not all are matched")
                .help("write `..` for those that do not matter")
                .edit(close.before(), dots),
        );
    }
}
