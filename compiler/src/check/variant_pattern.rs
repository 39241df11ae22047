//! Patterns of structs and variants.

use super::body::BodyCx;
use super::infer::Open;
use super::path::{Base, Constructor};
use super::pattern::State;
use super::*;
use crate::ast::{Name, PatternArgument, PatternKind as Ast, PatternPath};
use crate::hir::PatternKind;

impl BodyCx<'_, '_> {
    pub(super) fn path_pattern(
        &mut self,
        path: &PatternPath,
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
            // Of a value that was reported already nothing is asked.
            let unknown = self.shallow(ty) == Ty::Error;
            let args: Vec<Ty> = names
                .into_iter()
                .map(|name| match unknown {
                    true => Ty::Error,
                    false => self.fresh(span, Open::Parameter(what.clone(), name)),
                })
                .collect();
            Ty::Adt(found.adt, args.into())
        };
        if let Some(through) = &found.through {
            self.table.try_unify(&built, through);
        }
        if !self.table.try_unify(ty, &built) {
            let (value, pattern) = (self.table.deep(ty), self.table.deep(&built));
            let (value, pattern) = self.cx.show_both(&value, &pattern, &self.generics);
            let name = &path.name.text;
            let mut message = Diagnostic::error(
                "E0601",
                format!("{} is never matched by `{name}`", names::a(&value)),
            )
            .at(
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
    pub(super) fn ignore_arguments(&mut self, path: &PatternPath, state: &mut State) {
        for argument in path.arguments.iter().flatten() {
            if let PatternArgument::Pattern(pattern) | PatternArgument::Named(_, pattern) = argument
            {
                self.part(pattern, &Ty::Error, state, true);
            }
        }
    }

    pub(super) fn pattern_constructor(
        &mut self,
        path: &PatternPath,
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

    pub(super) fn pattern_fields(
        &mut self,
        found: &Constructor,
        path: &PatternPath,
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
        if super::build::half_named(&variant) {
            self.ignore_arguments(path, state);
            return Vec::new();
        }
        let mut given: Vec<Option<Span>> = vec![None; variant.fields.len()];
        let mut rest = false;
        let mut out = Vec::with_capacity(arguments.len());
        let mut position = 0;
        for (place, argument) in arguments.iter().enumerate() {
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
                        Ast::Name(name) | Ast::MutName(name)
                            if has_field(&variant, name) || is_misspelt(&variant, name) =>
                        {
                            (self.pattern_field(&variant, name), pattern)
                        }
                        _ => {
                            let alone = arguments.len() == 1;
                            self.unnamed_part(&variant, pattern, place, alone);
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

    /// Says that a field has to be named, and which one it may be by its place.
    fn unnamed_part(
        &mut self,
        variant: &hir::Variant,
        pattern: &ast::Pattern,
        place: usize,
        alone: bool,
    ) {
        let title = format!("the fields of `{}` are matched by name", variant.name);
        let mut message = Diagnostic::error("E0606", title).at(pattern.span, "which field?");
        message = match variant.fields.get(place) {
            _ if alone && matches!(pattern.kind, Ast::Wildcard) => message
                .help("write `..` for what does not matter")
                .edit(pattern.span, ".."),
            Some(field) => message
                .help(format!("write `{}: …`", field.name))
                .edit(pattern.span.before(), format!("{}: ", field.name)),
            None => message.help("write `name: pattern`"),
        };
        self.report(message);
    }

    pub(super) fn pattern_field(&mut self, variant: &hir::Variant, name: &Name) -> Option<usize> {
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

    pub(super) fn missing_fields(
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

fn has_field(variant: &hir::Variant, name: &Name) -> bool {
    variant.fields.iter().any(|field| *field.name == *name.text)
}

/// Whether a name is nearly that of a field.
fn is_misspelt(variant: &hir::Variant, name: &Name) -> bool {
    let known = variant.fields.iter().map(|field| &*field.name);
    suggest::nearest(&name.text, known).is_some()
}
