//! Whether matches are exhaustive, every arm can be reached, and `let`, `for` and lambdas take what always matches.

use super::alternatives::alternatives;
use super::exhaust::{Exhaust, TooHard};
use super::plain;
use super::verify::*;
use super::*;
use crate::hir::{Arm, Expr, Pattern, PatternKind};

impl<'b, 'c, 'a> Verifier<'b, 'c, 'a> {
    pub(super) fn too_hard(&mut self, span: Span) {
        self.out.push(
            Diagnostic::error("E0611", "patterns that are too intricate")
                .at(
                    span,
                    "whether they cover everything takes too long to find out",
                )
                .help("take the value apart in two steps"),
        );
    }

    pub(super) fn exhaustive(&mut self, value: &Expr, arms: &[Arm], span: Span) {
        // An arm that did not parse stands for anything, and has no type.
        let torn = |arm: &Arm| arm.body.ty == Ty::Error && arm.body.span == arm.pattern.span;
        let unsure = has_error(&value.ty)
            || (arms.iter()).any(|arm| torn(arm) || has_error_inside(&arm.pattern));
        if unsure || value.ty == Ty::Never {
            return;
        }
        if plain::all_in_order(&self.cx.cx.program, &value.ty, arms) {
            return;
        }
        let mut question = Exhaust::new(self.cx.cx);
        let mut before: Vec<&Pattern> = Vec::new();
        for arm in arms {
            let alternatives: Vec<&Pattern> = match &arm.pattern.kind {
                PatternKind::Or(parts) => parts.iter().collect(),
                _ => vec![&arm.pattern],
            };
            let known = before.len();
            let mut reached = false;
            for alternative in &alternatives {
                // With a guard the alternatives are not held against each other.
                let rows = if arm.guard.is_some() {
                    &before[..known]
                } else {
                    &before[..]
                };
                match question.reached(rows, alternative, &value.ty) {
                    Err(TooHard) => return self.too_hard(span),
                    Ok(true) => {
                        reached = true;
                        self.inner_reached(rows, alternative, arm.guard.is_some());
                    }
                    Ok(false) if alternatives.len() > 1 => self.out.push(
                        Diagnostic::error("E0608", "this alternative can never match")
                            .at(alternative.span, "what is before it takes everything")
                            .help("remove it"),
                    ),
                    Ok(false) => {}
                }
                if arm.guard.is_none() {
                    before.push(alternative);
                }
            }
            if !reached && alternatives.len() == 1 {
                self.out.push(
                    Diagnostic::error("E0608", "this arm can never match")
                        .at(arm.pattern.span, "the arms before it take everything")
                        .help("remove it, or move it up"),
                );
            }
        }
        match question.missing(&before, &value.ty) {
            Err(TooHard) => self.too_hard(span),
            Ok(None) => {}
            // An arm may have been lost to a syntax error.
            Ok(Some(_)) if !self.cx.cx.complete(self.cx.module) => {}
            Ok(Some(example)) => {
                let guarded = arms.iter().any(|arm| arm.guard.is_some());
                let mut message =
                    Diagnostic::error("E0609", format!("this `match` leaves out `{example}`"))
                        .at(value.span, "not every value has an arm");
                if guarded {
                    message =
                        message.note("an arm with a guard does not count: the guard may fail");
                }
                let last = arms.last().map(|arm| arm.body.span);
                let line = |span: Span| self.cx.cx.files.line_column(span).line;
                if let Some(last) = last
                    && line(last) == line(value.span)
                {
                    message = message
                        .help("add an arm for it, or `_` for all that is left")
                        .edit(last.after(), format!(", {example} => todo()"));
                } else if let Some(last) = last {
                    let indent = self.indent_of(arms[arms.len() - 1].pattern.span);
                    message = message
                        .help("add an arm for it, or `_` for all that is left")
                        .edit(last.after(), format!("\n{indent}{example} => todo()"));
                }
                self.out.push(message);
            }
        }
    }

    /// The blanks before a place in its line.
    pub(super) fn indent_of(&self, span: Span) -> String {
        let text = &self.cx.cx.files.file(span.file).text[..span.start as usize];
        let line = text.rsplit('\n').next().unwrap_or("");
        line.chars().take_while(char::is_ascii_whitespace).collect()
    }

    /// `value is pattern`: a warning if it always or never matches.
    pub(super) fn is_pattern(&mut self, pattern: &Pattern, value: &Expr) {
        if plain::is_of_several(&self.cx.cx.program, pattern) {
            return;
        }
        self.parts_reached(pattern);
        if has_error(&value.ty) || has_error_inside(pattern) {
            return;
        }
        if let Ok(None) = Exhaust::new(self.cx.cx).missing(&[pattern], &value.ty) {
            self.out.push(
                Diagnostic::warning("W0601", "this pattern always matches")
                    .at(pattern.span, "so `is` is always `true`")
                    .help("bind it with `let`"),
            );
        }
    }

    /// Alternatives of one pattern that can never match.
    pub(super) fn parts_reached(&mut self, pattern: &Pattern) {
        if !plain::is_flat(pattern) && !has_error_inside(pattern) {
            self.inner_reached(&[], pattern, false);
        }
    }

    /// Reports the alternatives inside of a pattern that can never match because of the patterns before it, or, without a
    /// guard, of alternatives before them. Where that takes too long to find out, nothing is reported.
    fn inner_reached(&mut self, before: &[&Pattern], pattern: &Pattern, guarded: bool) {
        let mut question = Exhaust::new(self.cx.cx);
        let mut dead: Vec<Span> = Vec::new();
        for alternative in alternatives(pattern) {
            let within = |outer: &Span| {
                outer.start <= alternative.span.start && alternative.span.end <= outer.end
            };
            if dead.iter().any(within) {
                continue;
            }
            let earlier = if guarded {
                &[]
            } else {
                &alternative.earlier[..]
            };
            let rows: Vec<&Pattern> = before.iter().copied().chain(earlier).collect();
            if rows.is_empty() {
                continue;
            }
            match question.reached(&rows, &alternative.only, &pattern.ty) {
                Err(TooHard) => return,
                Ok(true) => {}
                Ok(false) => {
                    dead.push(alternative.span);
                    self.out.push(
                        Diagnostic::error("E0608", "this alternative can never match")
                            .at(alternative.span, "what is before it takes everything")
                            .help("remove it"),
                    );
                }
            }
        }
    }

    /// A pattern where only one that always matches may stand.
    pub(super) fn always(&mut self, pattern: &Pattern, what: &str) {
        if plain::takes_all(pattern) || has_error_inside(pattern) {
            return;
        }
        match Exhaust::new(self.cx.cx).missing(&[pattern], &pattern.ty) {
            Err(TooHard) => self.too_hard(pattern.span),
            Ok(None) => self.parts_reached(pattern),
            Ok(Some(example)) => {
                let help = match what {
                    "`let`" => "say what happens otherwise: `let … = … else { … }`, or use `match`",
                    "`for`" => "bind a name, and look at it with `is` or `match` in the loop",
                    _ => "bind a name, and look at it with `match`",
                };
                self.out.push(
                    Diagnostic::error("E0610", format!("this pattern leaves out `{example}`"))
                        .at(
                            pattern.span,
                            format!("{what} takes only patterns that always match"),
                        )
                        .help(help),
                );
            }
        }
    }
}
