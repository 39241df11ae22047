//! The arguments of a call, and its receiver.

use super::body::{BodyCx, Want, Why};
use super::call::{Target, TargetParam, is_lambda};
use super::*;
use crate::ast::{Argument, ArgumentKind};
use crate::hir::{Arg, ExprKind};

impl BodyCx<'_, '_> {
    pub(super) fn look_at(&mut self, arguments: &[Argument]) {
        for argument in arguments {
            let value = argument.kind.value();
            if !is_lambda(value) {
                self.expr(value, Want::Any);
            } else {
                // Its parameters have no types that could be relied on.
                self.expr(value, Want::Hint(&Ty::Error));
            }
        }
    }

    /// The receiver of a method as an argument.
    pub(super) fn receiver(&mut self, receiver: hir::Expr, how: Receiver, method: FnId) -> Arg {
        if how != Receiver::Mutable {
            return Arg::Value(receiver);
        }
        match self.to_place(&receiver) {
            Some(place) => Arg::Lent(place),
            None => {
                if self.shallow(&receiver.ty) != Ty::Error {
                    let name =
                        impls::last_part(&self.cx.program.fns[method.index()].name).to_string();
                    self.report(
                        Diagnostic::error(
                            "E0504",
                            format!("`{name}` changes its receiver, which must be a variable"),
                        )
                        .at(
                            receiver.span,
                            match receiver.kind {
                                ExprKind::Const(_) => "a constant",
                                _ => "a value that nothing holds",
                            },
                        )
                        .help("bind it first: `let mut name = …`"),
                    );
                }
                Arg::Value(receiver)
            }
        }
    }

    /// Checks arguments by position: first those that are no lambdas, then, after `between`, the lambdas. Before them comes
    /// the receiver, if there is one.
    pub(super) fn arguments(
        &mut self,
        target: &Target,
        receiver: Option<Arg>,
        arguments: &[Argument],
        arguments_span: Span,
        between: impl FnOnce(&mut Self),
    ) -> Vec<Arg> {
        let named = arguments.iter().find(|argument| {
            !matches!(argument.kind, ArgumentKind::Value(_) | ArgumentKind::Mut(_))
        });
        if let Some(argument) = named {
            let message = match &argument.kind {
                ArgumentKind::Named(name, value) => Diagnostic::error(
                    "E0420",
                    format!(
                        "`{}` takes its arguments by position",
                        self.called(&target.what)
                    ),
                )
                .at(
                    name.span,
                    "names are for the fields of structs and variants",
                )
                .help("remove the name")
                .edit(
                    Span {
                        start: name.span.start,
                        end: value.span.start,
                        ..name.span
                    },
                    "",
                ),
                _ => Diagnostic::error("E0420", "`..` stands only where a struct is built")
                    .at(argument.span, "this calls a function"),
            };
            self.report(message);
            self.look_at(arguments);
            return receiver.into_iter().collect();
        }
        if arguments.len() != target.params.len() {
            self.wrong_count(target, arguments, arguments_span);
            self.look_at(arguments);
            return receiver.into_iter().collect();
        }
        // Exactly as much room as is needed: there are many calls.
        let count = arguments.len() + usize::from(receiver.is_some());
        let mut values: Vec<Arg> = Vec::with_capacity(count);
        values.extend(receiver);
        let waits = |argument: &Argument, param: &TargetParam| match &argument.kind {
            ArgumentKind::Value(value) => is_lambda(value) && !param.mutable,
            _ => false,
        };
        let mut pairs = arguments.iter().zip(&target.params);
        if !pairs
            .clone()
            .any(|(argument, param)| waits(argument, param))
        {
            for (argument, param) in pairs {
                values.push(self.argument(target, argument, param));
            }
            between(self);
            return values;
        }
        let mut all: Vec<Option<Arg>> = Vec::with_capacity(arguments.len());
        for (argument, param) in pairs.by_ref() {
            let now = !waits(argument, param);
            all.push(now.then(|| self.argument(target, argument, param)));
        }
        between(self);
        for ((argument, param), value) in arguments.iter().zip(&target.params).zip(all) {
            values.push(match value {
                Some(value) => value,
                None => self.argument(target, argument, param),
            });
        }
        values
    }

    pub(super) fn wrong_count(
        &mut self,
        target: &Target,
        arguments: &[Argument],
        arguments_span: Span,
    ) {
        let (given, wanted) = (arguments.len(), target.params.len());
        // Between two lines a comma is missing, or something else: that was reported.
        let torn = arguments.windows(2).any(|pair| {
            let gap = pair[0].span.after().to(pair[1].span.before());
            !self.cx.files.text(gap).contains(',')
        });
        if torn {
            for param in &target.params {
                self.table.try_unify(&param.ty, &Ty::Error);
            }
            return;
        }
        let count = |n: usize| match n {
            0 => "no arguments".to_string(),
            1 => "one argument".to_string(),
            n => format!("{n} arguments"),
        };
        let shown: Vec<String> = target
            .params
            .iter()
            .map(|param| {
                let mutable = if param.mutable { "mut " } else { "" };
                let name = if param.name.is_empty() {
                    String::new()
                } else {
                    format!("{}: ", param.name)
                };
                format!("{mutable}{name}{}", self.shown(&param.ty))
            })
            .collect();
        let place = match arguments.get(wanted) {
            Some(first) => Span {
                end: arguments
                    .last()
                    .map_or(first.span.end, |last| last.span.end),
                ..first.span
            },
            None => arguments_span,
        };
        let label = match (given, wanted) {
            (0, _) => "none given".to_string(),
            _ if given > wanted => "too many".to_string(),
            (1, _) => "one given".to_string(),
            _ => format!("{given} given"),
        };
        let what = self.called(&target.what).to_owned();
        let message = Diagnostic::error("E0418", format!("`{what}` takes {}", count(wanted)))
            .at(place, label);
        let message = match self.assertion_with_reason(target, arguments, arguments_span) {
            None if what == "split" && given == 0 => message.help(
                "at white space a text is cut by `words()`, at another text by `split(\", \")`",
            ),
            None if what == "print" && given > 1 => {
                message.help("values stand in the string: `print(\"${name} is ${age}\")`")
            }
            Some((whole, instead)) => message
                .help("its line is shown when it fails; to say why, panic")
                .edit(whole, instead),
            None => message.note(format!("it is `{what}({})`", shown.join(", "))),
        };
        self.report(message);
    }

    /// `assert(c, "why")`, and what says the same.
    fn assertion_with_reason(
        &self,
        target: &Target,
        arguments: &[Argument],
        arguments_span: Span,
    ) -> Option<(Span, String)> {
        let [condition, why] = arguments else {
            return None;
        };
        let start = arguments_span.start.checked_sub(6)?;
        let whole = Span {
            start,
            ..arguments_span
        };
        let known = self.called(&target.what) == "assert"
            && self.cx.files.text(whole).starts_with("assert(");
        let text = |argument: &Argument| self.cx.files.text(argument.span);
        known.then(|| {
            let instead = format!("if !({}) {{ panic({}) }}", text(condition), text(why));
            (whole, instead)
        })
    }

    pub(super) fn argument(
        &mut self,
        target: &Target,
        argument: &Argument,
        param: &TargetParam,
    ) -> Arg {
        let why = Why::Argument(target.what.clone(), param.name.clone(), param.declared);
        let value = argument.kind.value();
        let marked = matches!(argument.kind, ArgumentKind::Mut(_));
        if !param.mutable {
            if marked {
                let shown = if param.name.is_empty() {
                    "this parameter".to_string()
                } else {
                    format!("`{}`", param.name)
                };
                self.report(
                    Diagnostic::error(
                        "E0502",
                        format!(
                            "{shown} of `{}` takes a value, not a place",
                            self.called(&target.what)
                        ),
                    )
                    .at(argument.span, "nothing changes it")
                    .help("leave `mut` out")
                    .edit(
                        Span {
                            end: value.span.start,
                            ..argument.span
                        },
                        "",
                    ),
                );
            }
            return Arg::Value(self.expr(value, Want::Must(&param.ty, &why)));
        }
        let value = self.expr(value, Want::Any);
        let value = self.coerce(value, &param.ty, &why);
        let place = self.to_place(&value);
        if !marked && self.shallow(&value.ty) != Ty::Error {
            let message = Diagnostic::error(
                "E0503",
                format!(
                    "`{}` may change this argument: say so with `mut`",
                    self.called(&target.what)
                ),
            );
            let message = match &place {
                Some(_) => message
                    .at(argument.span, "lent for the length of the call")
                    .edit(argument.span.before(), "mut "),
                None => message
                    .at(argument.span, "a value that nothing holds")
                    .help("bind it first, then lend the variable: `mut name`"),
            };
            self.report(message);
            return Arg::Value(value);
        }
        match place {
            Some(place) => Arg::Lent(place),
            None => {
                self.no_place(&value, "lent");
                Arg::Value(value)
            }
        }
    }
}
