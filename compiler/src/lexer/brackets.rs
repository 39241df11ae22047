//! Brackets in pairs.
//!
//! The stack of what is open decides whether line breaks count and what `}` means. A closing that does not fit closes
//! what was opened after its partner, or is left out if it has none.

use super::strings::TextBlock;
use super::{MAX_NESTING, Scanner, Token};
use crate::diagnostic::Diagnostic;
use std::ops::Range;

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Paren,
    Bracket,
    Brace,
    /// `${` in a string.
    Interpolation,
}

impl Kind {
    fn signs(self) -> (&'static str, &'static str) {
        match self {
            Kind::Paren => ("(", ")"),
            Kind::Bracket => ("[", "]"),
            Kind::Brace => ("{", "}"),
            Kind::Interpolation => ("${", "}"),
        }
    }

    /// The token that stands for a closing that is not there.
    fn closing(self) -> Token {
        match self {
            Kind::Paren => Token::RParen,
            Kind::Bracket => Token::RBracket,
            Kind::Brace => Token::RBrace,
            Kind::Interpolation => Token::StrTail("".into()),
        }
    }
}

/// An open bracket.
pub struct Open {
    pub kind: Kind,
    pub at: Range<usize>,
    /// Where its line starts, of a `{` in a file whose brackets do not match.
    pub line: usize,
    /// Whether it is the `(` of `for (`.
    pub of_for: bool,
    /// The text block it stands in, if it is a `${` of one.
    pub block: Option<TextBlock>,
}

impl Scanner<'_> {
    /// Whether line breaks count here.
    pub(super) fn breaks_count(&self) -> bool {
        self.open.last().is_none_or(|open| open.kind == Kind::Brace)
    }

    pub(super) fn open(&mut self, token: Token, at: Range<usize>) {
        let kind = match token {
            Token::LParen => Kind::Paren,
            Token::LBracket => Kind::Bracket,
            _ => Kind::Brace,
        };
        self.push(token, at.clone());
        let line = match kind {
            Kind::Brace if self.anchored => self.line_start(at.start),
            _ => 0,
        };
        self.enter(Open {
            kind,
            line,
            at,
            of_for: kind == Kind::Paren
                && matches!(&self.out.tokens[..], [.., (_, Token::For, _), _]),
            block: None,
        });
    }

    /// Notes an opening, and stops reading if it is one too many.
    pub(super) fn enter(&mut self, open: Open) {
        if self.open.len() == self.most_open {
            let found = Diagnostic::error(
                "E0111",
                format!("brackets are nested more than {MAX_NESTING} levels deep"),
            )
            .at(self.span(open.at), "the file was read up to here")
            .help("give the inner parts names, as variables or functions");
            self.out.found.push(found);
            self.out.cut = true;
        } else {
            self.open.push(open);
        }
    }

    pub(super) fn close(&mut self, token: Token, at: Range<usize>) {
        let fits = |kind: Kind| match token {
            Token::RParen => kind == Kind::Paren,
            Token::RBracket => kind == Kind::Bracket,
            _ => matches!(kind, Kind::Brace | Kind::Interpolation),
        };
        // `)` and `]` do not reach out of a `{`; a `}` closes the innermost brace, whatever was opened in it.
        let partner = self
            .open
            .iter()
            .rposition(|open| {
                fits(open.kind) || matches!(open.kind, Kind::Brace | Kind::Interpolation)
            })
            .filter(|&index| fits(self.open[index].kind));
        let Some(partner) = partner else {
            return self.misfit(at);
        };
        while self.open.len() > partner + 1 {
            self.report_unclosed(self.open.len() - 1, Some(at.clone()));
            self.close_last(at.start);
        }
        let Some(open) = self.open.pop() else { return };
        if open.kind == Kind::Interpolation {
            return self.string(false, at, open.block);
        }
        let is_brace = open.kind == Kind::Brace;
        if is_brace
            && self.anchored
            && self.blanks(open.line, open.at.start) != self.indentation(at.start)
        {
            self.crooked.push((open.at.start, at.start));
        }
        self.push(token, at);
    }

    /// Closes everything by empty tokens at `at`, and reports the innermost.
    pub(super) fn close_all(&mut self, at: usize) {
        if let Some(innermost) = self.open.len().checked_sub(1) {
            self.report_unclosed(innermost, None);
        }
        while !self.open.is_empty() {
            self.close_last(at);
        }
    }

    /// Closes what is open in the innermost brace, and reports the innermost.
    pub(super) fn close_to_brace(&mut self, at: usize) {
        let open = |scanner: &Self| {
            scanner
                .open
                .last()
                .is_some_and(|open| open.kind != Kind::Brace)
        };
        if open(self) {
            self.report_unclosed(self.open.len() - 1, None);
        }
        while open(self) {
            self.close_last(at);
        }
    }

    /// Closes, without a word, what was opened in the line that starts at `start`: a string that is not closed has
    /// swallowed its closing. A text block around the string goes on in the next line.
    pub(super) fn close_line(&mut self, start: usize, at: usize) {
        while let Some(open) = self
            .open
            .pop_if(|open| open.at.start >= start && open.kind != Kind::Brace)
        {
            if open.block.is_some() {
                self.out.mended.push(open.at);
                return self.string(false, at..at, open.block);
            }
            self.open.push(open);
            self.close_last(at);
        }
    }

    fn close_last(&mut self, at: usize) {
        if let Some(open) = self.open.pop() {
            self.out.mended.push(open.at.clone());
            self.out.mended.push(at..at);
            self.line_break = None;
            self.out.tokens.push((at, open.kind.closing(), at));
        }
    }

    /// A closing without a partner: the wrong one for the innermost bracket, or one too many.
    fn misfit(&mut self, at: Range<usize>) {
        let twisted = |open: &mut Open| matches!(open.kind, Kind::Paren | Kind::Bracket);
        let line = self.line_start(at.start);
        let same_line = |open: &Open| open.at.start >= line;
        if !self.open.last().is_some_and(same_line) {
            return self.stray(at);
        }
        let Some(open) = self.open.pop_if(twisted) else {
            return self.stray(at);
        };
        let (sign, closing) = open.kind.signs();
        let found = &self.text[at.clone()];
        let error = Diagnostic::error("E0105", format!("`{sign}` is closed by `{found}`"))
            .at(self.span(at.clone()), format!("a `{closing}` belongs here"))
            .also(self.span(open.at), "for this")
            .edit(self.span(at.clone()), closing);
        self.out.found.push(error);
        self.push(open.kind.closing(), at);
    }

    fn stray(&mut self, at: Range<usize>) {
        self.unbalanced = true;
        let sign = &self.text[at.clone()];
        let mut found = Diagnostic::error("E0105", format!("`{sign}` closes nothing")).at(
            self.span(at.clone()),
            "no bracket is open here that this could close",
        );
        if sign == "}"
            && let Some(&(open, close)) = self.crooked.last()
        {
            found = found
                .also(
                    self.span(open..open + 1),
                    "this `{`, less or more indented,",
                )
                .also(self.span(close..close + 1), "was closed by this `}`");
        }
        self.out.found.push(found);
        self.out.mended.push(at);
    }

    fn report_unclosed(&mut self, index: usize, at: Option<Range<usize>>) {
        self.unbalanced = true;
        let open = &self.open[index];
        let (sign, closing) = open.kind.signs();
        let mut found = Diagnostic::error("E0105", format!("`{sign}` is never closed")).at(
            self.span(open.at.clone()),
            format!("a `{closing}` is missing for this"),
        );
        if let Some(at) = at {
            found = found.also(self.span(at), "it must come before this");
        }
        if open.kind == Kind::Brace
            && let Some(&(inner, close)) = self
                .crooked
                .iter()
                .rev()
                .find(|(inner, _)| *inner > open.at.start)
        {
            found = found
                .also(self.span(inner..inner + 1), "perhaps for this one,")
                .also(
                    self.span(close..close + 1),
                    "which this closes, differently indented",
                );
        }
        self.out.found.push(found);
    }
}
