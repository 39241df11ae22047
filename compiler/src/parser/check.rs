//! What the grammar lets through but the language does not, as far as it can be seen without names and types.

use super::actions::Context;
use crate::ast::*;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

impl Context {
    /// Nothing stands behind `return`, `break` and `continue` in their block.
    pub(super) fn check_reached(&mut self, leave: &Stmt, next: &Stmt) {
        let word = match leave.kind {
            StmtKind::Return(_) => "return",
            StmtKind::Break => "break",
            StmtKind::Continue => "continue",
            _ => return,
        };
        let mut error = Diagnostic::error("E0213", format!("nothing is done after `{word}`"))
            .at(next.span, "this is never reached")
            .also(leave.span, "the block is left here");
        if matches!(leave.kind, StmtKind::Return(None)) {
            error = error
                .note("the line break after `return` ends it")
                .help("write the value behind `return`, in the same line");
        }
        self.found.push(error);
    }

    /// `..value` is the first argument, once.
    pub(super) fn check_rest(&mut self, arguments: &[Argument]) {
        for argument in arguments.iter().skip(1) {
            if let ArgumentKind::Rest(_) = argument.kind {
                let error = Diagnostic::error(
                    "E0214",
                    "`..` stands first among the arguments, and only once",
                )
                .at(argument.span, "")
                .help("`Point(..p, y: 0.0)` is a copy of `p` with another `y`");
                self.found.push(error);
            }
        }
    }

    /// `..` is the last part of a variant or struct in a pattern.
    pub(super) fn check_rest_pattern(&mut self, arguments: &[PatternArgument]) {
        for argument in arguments.iter().rev().skip(1) {
            if let PatternArgument::Rest(span) = argument {
                let error =
                    Diagnostic::error("E0214", "`..` stands last in the parentheses of a pattern")
                        .at(*span, "")
                        .help("`..` is for all parts that are not mentioned");
                self.found.push(error);
            }
        }
    }

    /// A list pattern has at most one `..`.
    pub(super) fn check_one_rest(&mut self, elements: &[ListElement]) {
        let mut rests = elements.iter().filter_map(|element| match element {
            ListElement::Rest { span, .. } => Some(*span),
            ListElement::Pattern(_) => None,
        });
        let Some(first) = rests.next() else { return };
        for second in rests {
            let error = Diagnostic::error("E0214", "a list pattern has at most one `..`")
                .at(second, "")
                .also(first, "the first one");
            self.found.push(error);
        }
    }

    /// `mut name` lends a part of a place, which neither `let` nor `for` has.
    pub(super) fn check_no_mut(&mut self, pattern: &Pattern, word: &str, help: &str) {
        match &pattern.kind {
            PatternKind::MutName(name) => {
                let own = format!("let mut {0} = {0}", name.text);
                let help = help.replace("let mut x = x", &own);
                let error =
                    Diagnostic::error("E0501", format!("`mut` inside the pattern of a {word}"))
                        .at(
                            pattern.span,
                            "this lends a part of a place, as `match` and `is` can",
                        )
                        .help(help);
                self.found.push(error);
            }
            PatternKind::Paren(inner) => self.check_no_mut(inner, word, help),
            PatternKind::Tuple(parts) | PatternKind::Or(parts) => {
                parts
                    .iter()
                    .for_each(|part| self.check_no_mut(part, word, help));
            }
            PatternKind::Path(path) => {
                for argument in path.arguments.iter().flatten() {
                    match argument {
                        PatternArgument::Pattern(part) | PatternArgument::Named(_, part) => {
                            self.check_no_mut(part, word, help);
                        }
                        PatternArgument::Rest(_) => {}
                    }
                }
            }
            PatternKind::List(elements) => {
                for element in elements {
                    if let ListElement::Pattern(part) = element {
                        self.check_no_mut(part, word, help);
                    }
                }
            }
            PatternKind::Wildcard
            | PatternKind::Name(_)
            | PatternKind::Int(_)
            | PatternKind::Char(_) => {}
            PatternKind::String(_)
            | PatternKind::Bool(_)
            | PatternKind::Range(..)
            | PatternKind::Unit => {}
        }
    }

    /// `a ?? b + c` is `a ?? (b + c)`, which not everyone reads so.
    pub(super) fn warn_of_arithmetic(&mut self, coalesce: Span, operand: &Expr) {
        use BinaryOp::*;
        if let ExprKind::Binary { op, op_span, .. } = &operand.kind
            && matches!(op, Add | Subtract | Multiply | Divide | Remainder)
                | matches!(op, AddWrapping | SubtractWrapping | MultiplyWrapping)
        {
            let sign = op.symbol();
            let warning =
                Diagnostic::warning("W0201", format!("`??` binds more loosely than `{sign}`"))
                    .at(coalesce, format!("this comes after the `{sign}`"))
                    .also(*op_span, "this comes first")
                    .help("put parentheses around what belongs together")
                    .edit(operand.span.before(), "(")
                    .edit(operand.span.after(), ")");
            self.found.push(warning);
        }
    }

    /// `-5.abs()` is `-(5.abs())`, which not everyone reads so.
    pub(super) fn warn_of_receiver(&mut self, start: usize, operand: &Expr) {
        let mut base = operand;
        while let ExprKind::Field { base: inner, .. } | ExprKind::Call { callee: inner, .. } =
            &base.kind
        {
            base = inner;
        }
        let literal = matches!(base.kind, ExprKind::Int(_) | ExprKind::Float(_));
        if literal && base.span != operand.span {
            let minus = self.span(start, start + 1);
            if self.claim_min(minus, base.span) {
                return;
            }
            let warning = Diagnostic::warning("W0202", "the `-` is applied last")
                .at(minus, "to what comes out of the call")
                .also(base.span, "this is the receiver, without the sign")
                .help("put the negative number in parentheses")
                .edit(minus.before(), "(")
                .edit(base.span.after(), ")");
            self.found.push(warning);
        }
    }
}
