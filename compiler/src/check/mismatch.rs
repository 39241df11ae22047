//! When a type is not the one that is wanted: the message, and what could be typed instead.

use super::body::{BodyCx, Called, Want, Why};
use super::*;
use crate::hir::{Expr, ExprKind};

impl BodyCx<'_, '_> {
    /// Fits a finished expression to what is wanted of it.
    pub(super) fn fit(&mut self, value: Expr, want: Want) -> Expr {
        match want {
            Want::Any | Want::Hint(_) => value,
            Want::Must(ty, why) => self.coerce(value, ty, why),
            Want::Drop => self.dropped(value),
        }
    }

    /// Sees to it that an expression has a type, or does not come back.
    pub(super) fn coerce(&mut self, mut value: Expr, wanted: &Ty, why: &Why) -> Expr {
        if self.table.is_never(&value.ty) {
            self.table.mark_never(wanted);
            return value;
        }
        if !self.table.try_unify(&value.ty, wanted) {
            self.mismatch(&value, wanted, why);
            value.ty = Ty::Error;
        }
        value
    }

    /// Sees to it that a value is not lost where a statement stands.
    fn dropped(&mut self, mut value: Expr) -> Expr {
        let ty = self.shape(&value.ty);
        match &ty {
            Ty::Never | Ty::Error => {}
            Ty::Infer(_) => {
                self.table.unify(&ty, &Ty::unit());
            }
            _ if ty.is_unit() => {}
            _ => {
                let shown = self.shown(&ty);
                let mut message = Diagnostic::error("E0408", format!("this `{shown}` is not used"))
                    .at(value.span, "its value is lost here");
                message = match &value.kind {
                    _ if !self.gives_result() && self.may_only_fail(&ty) => message
                        .help("look at it with `match`, or say with `expect` why it does not fail; `let _ =` drops it")
                        .edit(value.span.after(), ".expect(\"it does not fail\")"),
                    _ if self.cx.as_result(&ty).is_some()
                        && !self.gives_result()
                        && !self.follows(value.span, "=>") =>
                    {
                        message
                            .help("look at it with `match`, or drop it on purpose with `let _ =`")
                            .edit(value.span.before(), "let _ = ")
                    }
                    _ if self.cx.as_result(&ty).is_some() => message
                        .help("pass the error on with `?`, or drop the result with `let _ =`")
                        .edit(value.span.after(), "?"),
                    ExprKind::Binary(hir::BinaryOp::Eq, left, _)
                        if self.to_place(left).is_some() =>
                    {
                        message.help("`==` compares; to assign, write `=`")
                    }
                    ExprKind::Call(function, args) => {
                        self.other_method(message, function.id, args, value.span)
                    }
                    _ if self.follows(value.span, "=>") => message
                        .help("no arm of this `match` has a value: write `{}`, or use the value"),
                    _ if self.is_result(&ty) && self.ends_block(value.span) => message
                        .help("an `if` without `else` has no value; to leave the function with this one, write `return`")
                        .edit(value.span.before(), "return "),
                    _ if self.follows(value.span, "|") => message
                        .help("drop it on purpose with `let _ =`, in braces")
                        .edit(value.span.before(), "{ let _ = ")
                        .edit(value.span.after(), " }"),
                    _ => message
                        .help("drop it on purpose with `let _ =`, or remove it")
                        .edit(value.span.before(), "let _ = "),
                };
                self.report(message);
                value.ty = Ty::Error;
            }
        }
        value
    }

    /// Whether the function around gives a result, so that `?` can hand an error on.
    fn gives_result(&self) -> bool {
        self.frames.last().is_some_and(|frame| {
            let ty = self.shallow(&frame.ret);
            matches!(ty, Ty::Infer(_)) || self.cx.as_result(&ty).is_some()
        })
    }

    /// Whether an expression comes right after a sign: it is the body of an arm after `=>`, of a lambda after `|`, and no
    /// `let` can stand there.
    fn follows(&self, span: Span, sign: &str) -> bool {
        let text = &self.cx.files.file(span.file).text[..span.start as usize];
        text.trim_ascii_end().ends_with(sign)
    }

    /// Whether a type is a result without a value.
    fn may_only_fail(&self, ty: &Ty) -> bool {
        let good = self.cx.as_result(ty).map(|(good, _)| self.shallow(&good));
        good.is_some_and(|good| good.is_unit())
    }

    /// Whether the function around gives values of this type.
    fn is_result(&self, ty: &Ty) -> bool {
        let ret = self.frames.last().map(|frame| self.table.deep(&frame.ret));
        ret.is_some_and(|ret| ret == self.table.deep(ty))
    }

    /// Whether an expression is the last one of a block that is not the function's.
    fn ends_block(&self, span: Span) -> bool {
        let text = &self.cx.files.file(span.file).text[span.end as usize..];
        text.trim_ascii_start().starts_with('}')
    }

    /// `xs.sorted()` where `xs.sort()` was meant.
    fn other_method(
        &self,
        message: Diagnostic,
        called: FnId,
        args: &[hir::Arg],
        span: Span,
    ) -> Diagnostic {
        let plain = message.clone().help("drop it on purpose with `let _ =`");
        let plain = if self.follows(span, "=>") || self.follows(span, "|") {
            plain
                .edit(span.before(), "{ let _ = ")
                .edit(span.after(), " }")
        } else {
            plain.edit(span.before(), "let _ = ")
        };
        let name = impls::last_part(&self.cx.program.fns[called.index()].name).to_string();
        let other = match &*name {
            "sorted" => "sort",
            "sorted_by" => "sort_by",
            "reversed" => "reverse",
            _ => return plain,
        };
        let is_place = matches!(args.first(), Some(hir::Arg::Value(receiver)) if self.to_place(receiver).is_some());
        if is_place {
            message.help(format!(
                "`{name}` gives a new value; `{other}` changes the list in place"
            ))
        } else {
            plain
        }
    }

    /// How messages name what is called.
    pub(super) fn called<'s>(&'s self, what: &'s Called) -> &'s str {
        match what {
            Called::Function(id) => impls::last_part(&self.cx.program.fns[id.index()].name),
            Called::Text(text) => text,
        }
    }

    /// Says where a wanted type comes from.
    pub(super) fn explain(&self, message: &mut Diagnostic, why: &Why) {
        let (span, text) = match why {
            Why::Annotation(span) => (*span, "because of this type".to_string()),
            Why::Return(span) => (*span, "the result that is declared".to_string()),
            Why::NoResult(span) => (
                *span,
                "this declares no result, so it gives `()`".to_string(),
            ),
            Why::Argument(what, param, Some(span)) => {
                let what = self.called(what);
                (*span, format!("the parameter `{param}` of `{what}`"))
            }
            Why::Argument(what, param, None) => {
                let what = self.called(what);
                if param.is_empty() {
                    message.notes.push(format!("an argument of `{what}`"));
                } else {
                    message
                        .notes
                        .push(format!("the parameter `{param}` of `{what}`"));
                }
                return;
            }
            Why::Field(what, field, span) => (*span, format!("the field `{field}` of `{what}`")),
            Why::Operand(op, span) => (*span, format!("both sides of `{op}` have one type")),
            Why::Needs(what) => {
                message.notes.push(format!("{what} takes this type"));
                return;
            }
            Why::Elements(span)
                if message
                    .primary
                    .as_ref()
                    .is_some_and(|one| one.span == *span) =>
            {
                return;
            }
            Why::Elements(span) => (*span, "like the first of its kind".to_string()),
            Why::Branches(span) => (*span, "all branches have the type of the first".to_string()),
            Why::Place(span) => (*span, "the type of this place".to_string()),
            Why::Lambda => {
                message
                    .notes
                    .push("the result that the lambda is expected to have".to_string());
                return;
            }
        };
        let in_std = self.cx.is_std(self.cx.module_of(span)) && !self.cx.is_std(self.module);
        if in_std {
            message.notes.push(match why {
                Why::Argument(what, param, _) => {
                    format!("the parameter `{param}` of `{}`", self.called(what))
                }
                Why::Field(what, field, _) => format!("the field `{field}` of `{what}`"),
                _ => return,
            });
        } else {
            message
                .secondary
                .push(crate::diagnostic::Label { span, text });
        }
    }

    /// Reports a type that is not the wanted one.
    pub(super) fn mismatch(&mut self, value: &Expr, wanted: &Ty, why: &Why) {
        let found = self.table.deep(&value.ty);
        let wanted = self.table.deep(wanted);
        let (shown, want) = self.cx.show_both(&found, &wanted, &self.generics);
        let title = if shown == want {
            format!("this `{shown}` is another type than the `{want}` that is expected")
        } else {
            format!("expected `{want}`, found `{shown}`")
        };
        let mut message = Diagnostic::error("E0401", title).at(value.span, names::a(&shown));
        self.explain(&mut message, why);
        message = self.remedy(message, value, &found, &wanted, why);
        self.report(message);
    }

    fn remedy(
        &self,
        message: Diagnostic,
        value: &Expr,
        found: &Ty,
        wanted: &Ty,
        why: &Why,
    ) -> Diagnostic {
        let span = value.span;
        let compatible = |a: &Ty, b: &Ty| infer::has_infer(a) || infer::has_infer(b) || a == b;
        let simple = matches!(
            value.kind,
            ExprKind::Local(_)
                | ExprKind::Call(..)
                | ExprKind::CallTrait(..)
                | ExprKind::Field(..)
                | ExprKind::Index(..)
                | ExprKind::Str(_)
                | ExprKind::Const(_)
                | ExprKind::List(_)
        );
        let wrap = |message: Diagnostic, before: &str, after: &str| {
            message
                .edit(span.before(), before)
                .edit(span.after(), after)
        };
        if let (true, Why::NoResult(signature)) = (wanted.is_unit(), why) {
            let shown = self.shown(found);
            // An entry point has no other result.
            if self.cx.files.text(*signature).starts_with("fn main(") {
                let message = message.help("drop the value on purpose with `let _ =`");
                return match self.follows(span, "=>") {
                    true => wrap(message, "{ let _ = ", " }"),
                    false => message.edit(span.before(), "let _ = "),
                };
            }
            return message
                .help("declare the result, or drop the value with `let _ =`")
                .edit(signature.after(), format!(" -> {shown}"));
        }
        match (found, wanted) {
            (_, Ty::Bool) if self.follows(span, "!") => message
                .help("only a `Bool` is true or false, and only it can be turned round: compare"),
            (Ty::Int, Ty::Bool) if simple => message
                .help("only a `Bool` is true or false: compare")
                .edit(span.after(), " != 0"),
            (Ty::String | Ty::List(_) | Ty::Map(..) | Ty::Set(_), Ty::Bool) if simple => message
                .help("only a `Bool` is true or false: ask whether it is empty")
                .edit(span.after(), ".len() > 0"),
            (_, Ty::Bool) if simple && self.cx.as_option(found).is_some() => message
                .help("only a `Bool` is true or false: ask whether there is a value")
                .edit(span.after(), " is Some(_)"),
            (_, Ty::Bool) if simple && self.cx.as_result(found).is_some() => message
                .help("only a `Bool` is true or false: ask whether it went well")
                .edit(span.after(), " is Ok(_)"),
            (Ty::Int, Ty::Float) => match value.kind {
                ExprKind::Int(_)
                    if self
                        .cx
                        .files
                        .text(span)
                        .bytes()
                        .all(|b| b.is_ascii_digit() || b == b'_' || b == b'-') =>
                {
                    message
                        .help("a `Float` is written with a point")
                        .edit(span.after(), ".0")
                }
                _ if simple => message
                    .help("conversions are always written")
                    .edit(span.after(), ".to_float()"),
                _ => wrap(
                    message.help("conversions are always written"),
                    "(",
                    ").to_float()",
                ),
            },
            (Ty::Float, Ty::Int) => {
                let text = self.cx.files.text(span);
                match text.strip_suffix(".0") {
                    Some(whole) if matches!(value.kind, ExprKind::Float(_)) => message
                        .help("an `Int` is written without a point")
                        .edit(span, whole),
                    _ => {
                        let message = message.help("conversions are always written: `.to_int()` cuts towards zero, `.round().to_int()` rounds");
                        if simple {
                            message.edit(span.after(), ".to_int()")
                        } else {
                            wrap(message, "(", ").to_int()")
                        }
                    }
                }
            }
            (_, Ty::String)
                if simple && !matches!(found, Ty::Fn(_)) && !self.is_option_or_result(found) =>
            {
                if *found == Ty::Char || Head::of(found).is_some() && !found.is_unit() {
                    message
                        .help("its text is given by `show`")
                        .edit(span.after(), ".show()")
                } else {
                    message
                }
            }
            _ if found.is_unit() && self.changed_in_place(value).is_some() => {
                let place = self.changed_in_place(value).unwrap_or_default();
                message.help(format!(
                    "this changes `{place}` in place and gives nothing; write `{place}` on a line below"
                ))
            }
            _ if self.is_tree_of_json(found) => message.help(
                "`json.decode(text)` reads a value of your own type, `json.parse(text)` any JSON as a `Json`",
            ),
            (Ty::Char, Ty::String) if self.cx.files.text(span).starts_with('\'') => {
                let text = self.cx.files.text(span);
                let inside = text[1..text.len() - 1].replace('"', "\\\"");
                message
                    .help("text stands in double quotes")
                    .edit(span, format!("\"{inside}\""))
            }
            (Ty::String, Ty::Adt(id, _)) if self.variant_in_quotes(*id, span).is_some() => {
                let variant = self.variant_in_quotes(*id, span).unwrap_or_default();
                message
                    .help("a variant is named without quotes")
                    .edit(span, variant)
            }
            (Ty::String, Ty::Adt(id, _)) if Some(*id) == self.cx.known.error => wrap(
                message.help("an `Error` is made of a text"),
                "Error(message: ",
                ")",
            ),
            (Ty::Fn(f), _) if compatible(&f.ret, wanted) && f.params.is_empty() => message
                .help("this is the function itself; call it")
                .edit(span.after(), "()"),
            (Ty::String, Ty::Char) if self.cx.files.text(span).chars().count() == 3 => {
                let text = self.cx.files.text(span).replace('"', "'");
                message
                    .help("a character stands in single quotes")
                    .edit(span, text)
            }
            _ => {
                if let Some(inner) = self.cx.as_option(wanted)
                    && compatible(&inner, found)
                {
                    return wrap(message.help("put it into an option"), "Some(", ")");
                }
                if let Some((good, error)) = self.cx.as_result(wanted) {
                    if compatible(&good, found) && !self.is_option_or_result(found) {
                        let message = message.help("a result is `Ok(value)` or `Err(error)`");
                        return match value.kind {
                            ExprKind::Block(..) | ExprKind::If { .. } => message,
                            _ => wrap(message, "Ok(", ")"),
                        };
                    }
                    if compatible(&error, found) && !self.is_option_or_result(found) {
                        return wrap(message.help("an error is `Err(error)`"), "Err(", ")");
                    }
                }
                if let Some(inner) = self.cx.as_option(found)
                    && compatible(&inner, wanted)
                {
                    return message.help(
                        "say what to do without a value: `… ?? other`, `…?`, or `if … is Some(x)`",
                    );
                }
                if let Some((good, _)) = self.cx.as_result(found)
                    && compatible(&good, wanted)
                {
                    return message
                        .help("say what to do with an error: `…?`, `….ok() ?? other`, or `match`");
                }
                message
            }
        }
    }

    /// The variable that a call of a method changes, as it is written.
    fn changed_in_place(&self, value: &Expr) -> Option<String> {
        let ExprKind::Call(_, args) = &value.kind else {
            return None;
        };
        let Some(hir::Arg::Lent(place)) = args.first() else {
            return None;
        };
        let text = self.cx.files.text(place.span);
        let behind = self.cx.files.text(value.span).strip_prefix(text)?;
        behind.starts_with('.').then(|| text.to_owned())
    }

    /// Whether a type is what `json.parse` gives.
    fn is_tree_of_json(&self, ty: &Ty) -> bool {
        let good = self.cx.as_result(ty).map(|(good, _)| self.shallow(&good));
        let tree = self.cx.program.lang.adts.get("Json");
        matches!(good, Some(Ty::Adt(id, _)) if Some(&id) == tree)
    }

    /// The variant whose name, in whatever case, is the whole text of a literal.
    fn variant_in_quotes(&self, id: AdtId, span: Span) -> Option<String> {
        let text = self.cx.files.text(span);
        let inside = text.strip_prefix('"')?.strip_suffix('"')?;
        let adt = &self.cx.program.adts[id.index()];
        let mut variants = adt.variants.iter().filter(|_| !adt.is_struct);
        let found =
            variants.find(|one| one.fields.is_empty() && one.name.eq_ignore_ascii_case(inside))?;
        Some(found.name.to_string())
    }

    fn is_option_or_result(&self, ty: &Ty) -> bool {
        self.cx.as_option(ty).is_some() || self.cx.as_result(ty).is_some()
    }

    /// Says that a type must be known by here. Who says so where a value is used makes it [`Ty::Error`], so that it is said once.
    pub(super) fn unknown_shape(&mut self, span: Span, to: &str) {
        self.report(
            Diagnostic::error("E0409", "the type of this is not known yet")
                .at(span, format!("it must be known here, to {to}"))
                .help("write its type where it is bound: `let name: Type = …`, `|name: Type| …`"),
        );
    }
}
