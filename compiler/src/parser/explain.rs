//! Syntax errors in words.
//!
//! Habits of other languages are looked for first ([`super::habits`]); what is none of them is told by what could have
//! stood in its place.

use super::Stop;
use super::units::Groups;
use crate::diagnostic::Diagnostic;
use crate::lexer::{Spanned, Token};
use crate::source::{FileId, Span};
use std::ops::Range;

/// A syntax error and its surroundings.
pub struct Scene<'a> {
    pub file: FileId,
    pub text: &'a str,
    pub tokens: &'a [Spanned],
    pub groups: &'a Groups,
    pub stop: Stop,
    /// The statement, member, arm or item it lies in.
    pub unit: Range<usize>,
}

impl Scene<'_> {
    /// The message for it.
    pub fn explain(&self) -> Diagnostic {
        let wanted = self.wanted();
        Diagnostic::error(
            "E0201",
            format!("expected {wanted}, found {}", self.found()),
        )
        .at(self.here(), "")
    }

    /// The token at `index`, if there is one.
    pub fn token(&self, index: usize) -> Option<&Token> {
        self.tokens.get(index).map(|(_, token, _)| token)
    }

    /// Where the token at `index` stands; behind the last if there is none.
    pub fn span(&self, index: usize) -> Span {
        match self.tokens.get(index) {
            Some(&(start, _, end)) => Span::new(self.file, start, end),
            None => {
                let end = self.tokens.last().map_or(0, |token| token.2);
                Span::new(self.file, end, end)
            }
        }
    }

    /// Where the error is. A line break or the end of the file is shown behind the token before it.
    pub fn here(&self) -> Span {
        match (self.token(self.stop.index), self.stop.index.checked_sub(1)) {
            (None | Some(Token::Newline), Some(before)) => self.span(before).after(),
            _ => self.span(self.stop.index),
        }
    }

    /// Whether the grammar could have used that token.
    pub fn expects(&self, name: &str) -> bool {
        self.stop
            .expected
            .iter()
            .any(|expected| expected.trim_matches('"') == name)
    }

    fn found(&self) -> String {
        let text = &self.text[self.span(self.stop.index).range()];
        match self.token(self.stop.index) {
            None => "the end of the file".into(),
            Some(Token::Newline) => "a line break".into(),
            Some(Token::Str(_) | Token::StrHead(_)) => "a string".into(),
            Some(Token::StrMid(_) | Token::StrTail(_)) => "the end of `${...}`".into(),
            Some(Token::Int(_) | Token::Float(_)) => format!("the number `{text}`"),
            Some(Token::Char(_)) => format!("the character `{text}`"),
            Some(Token::Bytes(_)) => "bytes".into(),
            Some(Token::Ident(_) | Token::Upper(_)) => format!("the name `{text}`"),
            Some(_) if text.chars().all(|letter| letter.is_ascii_alphabetic()) => {
                format!("the keyword `{text}`")
            }
            Some(_) => format!("`{text}`"),
        }
    }

    /// What could have stood here.
    fn wanted(&self) -> String {
        if self.expects("struct") {
            return "an item".into();
        }
        if self.expects("let") {
            return "a statement".into();
        }
        if self.expects("FLOAT") {
            return "an expression".into();
        }
        if self.expects("CHAR") {
            return "a pattern".into();
        }
        if self.expects("Self") {
            return "a type".into();
        }
        let mut words: Vec<&str> = Vec::new();
        for expected in &self.stop.expected {
            let sign = expected.trim_matches('"');
            let word = match sign {
                "IDENT" => "a name",
                "UPPER" => "a capitalised name",
                "INT" => "a number",
                "STR" => "a string",
                "STR_MID" | "STR_TAIL" => "the `}` of `${...}`",
                "NL" => "a line break",
                "BROKEN" | "test" | "type" | "from" | "opaque" => continue,
                _ => expected,
            };
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words.join(", ")
    }
}
