//! Syntax errors in words.
//!
//! Habits of other languages are looked for first ([`super::habits`]); what is none of them is told by what could have
//! stood in its place.

use super::habits;
use super::units::Groups;
use super::{Mend, Stop};
use crate::diagnostic::Diagnostic;
use crate::lexer::{Spanned, Token};
use crate::source::{FileId, Span};
use std::ops::Range;

/// A syntax error and its surroundings. Tokens are counted from the one that could not be used: 0 is that one, -1 the
/// one before it.
pub struct Scene<'a> {
    pub file: FileId,
    pub text: &'a str,
    pub tokens: &'a [Spanned],
    pub groups: &'a Groups,
    pub stop: Stop,
    /// The statement, member, arm or item it lies in.
    pub unit: Range<usize>,
}

impl<'a> Scene<'a> {
    /// The message for it.
    pub fn explain(&self, mend: Option<Mend>) -> Diagnostic {
        if mend == Some(Mend::SplitLines) && self.at(-1) != Some(&Token::Coalesce) {
            return self.line_ended_early();
        }
        habits::find(self).unwrap_or_else(|| self.plain())
    }

    /// `let x = 1 +` and a line that starts with `let`.
    fn line_ended_early(&self) -> Diagnostic {
        let last = self.word(-1);
        let half_float = last == "." && matches!(self.at(-2), Some(Token::Int(_)));
        let wanted = match self.wanted() {
            _ if half_float => "the digits behind the point are missing".into(),
            Some(wanted) => format!("{wanted} is missing"),
            None => "something is missing".into(),
        };
        Diagnostic::error("E0204", format!("the line ends with `{last}`"))
            .at(self.span(-1).after(), wanted)
            .also(self.span(0), "here something new starts")
    }

    /// What was expected, what was found, and in which bracket that is.
    fn plain(&self) -> Diagnostic {
        let title = match self.wanted() {
            Some(wanted) => format!("expected {wanted}, found {}", self.found()),
            None => format!("{} does not belong here", self.found()),
        };
        let mut error = Diagnostic::error("E0201", title).at(self.here(), "");
        if self.expects(")") || self.expects("]") {
            error = error.also(self.span_at(self.opening()), "inside this");
        }
        let starts = self.at(0).is_some_and(|token| {
            token.starts_operand() || matches!(token, Token::Mut | Token::Pub)
        });
        if self.expects("struct") {
            error = error.help(
                "a file consists of `import`, `fn`, `struct`, `enum`, `trait`, `impl`, `const`, `type` and `test`",
            );
        }
        if self.stop.expected == ["\":\""] && matches!(self.at(0), Some(Token::Upper(_))) {
            error = error
                .help("a type follows a `:`")
                .edit(self.span(-1).after(), ":");
        }
        if self.at(0) == Some(&Token::Coalesce) && self.expects("?") && self.expects("=") {
            error = error.help("an option of an option is written `(T?)?`");
            if matches!(self.at(-1), Some(Token::Upper(_)))
                && !matches!(self.at(-2), Some(Token::Dot))
            {
                let whole = self.span(-1).to(self.span(0));
                error = error.edit(whole, format!("({}?)?", self.word(-1)));
            }
        }
        let name = matches!(self.at(0), Some(Token::Ident(_) | Token::Upper(_)));
        let ended = match self.at(-1) {
            // A cast, as in C.
            Some(Token::RParen) => !matches!(self.at(-2), Some(Token::Upper(_))),
            Some(Token::Ident(_) | Token::Upper(_)) | None => false,
            Some(token) => token.ends(),
        };
        let word = |token: &Token| token.starts_statement() || token.starts_item();
        let anew = self.at(0).is_some_and(word) || name && ended && self.expects_operator();
        if anew && self.expects("NL") && !self.expects(",") {
            let gap = self.span(-1).after().to(self.span(0).before());
            error = error
                .help("what is next starts on a line of its own")
                .edit(gap, format!("\n{}", self.indentation()));
        }
        if self.expects(",") && starts {
            error = error
                .help("a comma is missing")
                .edit(self.span_at(self.stop.index - 1).after(), ",");
        }
        error
    }

    /// An error with the code of habits, at the token that could not be used.
    pub fn error(&self, title: impl Into<String>) -> Diagnostic {
        Diagnostic::error("E0202", title).at(self.here(), "")
    }

    // ---- looking around

    fn index(&self, offset: isize) -> Option<usize> {
        self.stop.index.checked_add_signed(offset)
    }

    /// The token `offset` tokens further on.
    pub fn at(&self, offset: isize) -> Option<&'a Token> {
        self.tokens
            .get(self.index(offset)?)
            .map(|(_, token, _)| token)
    }

    /// Where that token stands; behind the last one if there is none.
    pub fn span(&self, offset: isize) -> Span {
        self.span_at(self.index(offset).unwrap_or(0))
    }

    /// How that token is written; empty if there is none.
    pub fn word(&self, offset: isize) -> &'a str {
        match self.index(offset) {
            Some(index) if index < self.tokens.len() => &self.text[self.span_at(index).range()],
            _ => "",
        }
    }

    /// Where the token at an index stands; behind the last one if there is none.
    pub fn span_at(&self, index: usize) -> Span {
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
        match (self.at(0), self.at(-1)) {
            (None | Some(Token::Newline), Some(_)) => self.span(-1).after(),
            _ => self.span(0),
        }
    }

    /// Whether the grammar could have used that token.
    pub fn expects(&self, name: &str) -> bool {
        self.stop
            .expected
            .iter()
            .any(|expected| expected.trim_matches('"') == name)
    }

    /// Whether an expression could have started here.
    pub fn expects_operand(&self) -> bool {
        self.expects("FLOAT")
    }

    /// Whether an operator could have gone on here.
    pub fn expects_operator(&self) -> bool {
        self.expects("&&")
    }

    /// The blanks that the line of the error starts with.
    fn indentation(&self) -> &'a str {
        let line = self.text[..self.span(0).start as usize].rsplit('\n').next();
        let line = line.unwrap_or_default();
        &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
    }

    /// Whether the error is in the head of a declaration, not in code.
    pub fn in_declaration(&self) -> bool {
        self.tokens[self.unit.clone()]
            .first()
            .is_some_and(|(_, first, _)| {
                let item = first.starts_item() && *first != Token::Const;
                item || matches!(first, Token::At | Token::Type | Token::Opaque | Token::Test)
            })
            && self.before(|token| *token == Token::LBrace).is_none()
    }

    /// Whether a token is the first of its unit.
    pub fn unit_starts_with(&self, token: &Token) -> bool {
        self.tokens
            .get(self.unit.start)
            .is_some_and(|(_, first, _)| first == token)
    }

    /// The index of a token in the unit, before the error and not inside other brackets than the error.
    pub fn before(&self, wanted: impl Fn(&Token) -> bool) -> Option<usize> {
        let mut index = self.stop.index;
        while index > self.unit.start {
            index -= 1;
            let token = &self.tokens[index].1;
            if wanted(token) {
                return Some(index);
            }
            if token.closes() {
                index = self.groups.partner(index);
            }
        }
        None
    }

    /// The index of a token in the unit, behind the error and in the same brackets.
    pub fn behind(&self, wanted: impl Fn(&Token) -> bool) -> Option<usize> {
        let mut index = self.stop.index + 1;
        while index < self.unit.end {
            let token = &self.tokens[index].1;
            if wanted(token) {
                return Some(index);
            }
            if token.closes() {
                return None;
            }
            index = if token.opens() {
                self.groups.partner(index) + 1
            } else {
                index + 1
            };
        }
        None
    }

    /// The index of the bracket that the error is in; that of the unit's first token if there is none in the unit.
    pub fn opening(&self) -> usize {
        self.before(Token::opens).unwrap_or(self.unit.start)
    }

    /// The index of the first token of the operand that ends before `end`: all of `f(x).y`.
    pub fn operand_start(&self, end: usize) -> usize {
        let mut start = end;
        loop {
            let Some(before) = start
                .checked_sub(1)
                .filter(|&before| before >= self.unit.start)
            else {
                return start;
            };
            start = if self.tokens[before].1.closes() {
                self.groups.partner(before)
            } else {
                before
            };
            let hangs_on = start.checked_sub(1).map(|index| &self.tokens[index]);
            let goes_on = match (&self.tokens[start].1, hangs_on) {
                (Token::Dot, Some(_)) | (_, Some((_, Token::Dot, _))) => true,
                (Token::LParen | Token::LBracket | Token::Question, Some((_, token, end))) => {
                    token.ends() && *end == self.tokens[start].0
                }
                _ => false,
            };
            if !goes_on {
                return start;
            }
        }
    }

    // ---- words for tokens

    /// The token that could not be used, in words.
    pub fn found(&self) -> String {
        let text = self.word(0);
        match self.at(0) {
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

    /// What could have stood here; `None` if that is too much to tell.
    fn wanted(&self) -> Option<String> {
        let kinds = [
            ("struct", "an item"),
            ("let", "a statement"),
            ("FLOAT", "an expression"),
            ("CHAR", "a pattern"),
            ("Self", "a type"),
        ];
        if let Some((_, words)) = kinds.iter().find(|(token, _)| self.expects(token)) {
            return Some(words.to_string());
        }
        let mut words: Vec<String> = Vec::new();
        for expected in &self.stop.expected {
            if let Some(word) = self.expected_word(expected.trim_matches('"'))
                && !words.contains(&word)
            {
                words.push(word);
            }
        }
        match words.split_last() {
            None => None,
            Some(_) if words.len() > 4 => None,
            Some((only, [])) => Some(only.clone()),
            Some((last, others)) => Some(format!("{} or {last}", others.join(", "))),
        }
    }

    /// A token that was expected, in words, unless it is only one of the many ways to go on with an expression or type.
    fn expected_word(&self, name: &str) -> Option<String> {
        let postfix =
            self.expects("?") && (self.expects(".") || self.expects(")") || self.expects("NL"));
        let word = match name {
            "IDENT" => "a name",
            "UPPER" => "a capitalised name",
            "INT" => "a number",
            "STR" => "a string",
            "STR_MID" | "STR_TAIL" => "the `}` of `${...}`",
            "NL" => "a line break",
            "BROKEN" | "test" | "type" | "from" | "opaque"
                if name == "BROKEN" || self.expects("IDENT") =>
            {
                return None;
            }
            "(" | "[" | "." | "?" if postfix => return None,
            "[" if self.expects("(") || self.expects("{") => return None,
            "+" | "-" | "*" | "/" | "%" | "+%" | "-%" | "*%" | "&" | "|" | "^" | "<<" | ">>"
            | ">>>" | "&&" | "||"
                if self.expects_operator() =>
            {
                return None;
            }
            "==" | "!=" | "<" | "<=" | ">" | ">=" | "is" | "??" | ".." | "..="
                if self.expects_operator() =>
            {
                return None;
            }
            "+=" | "-=" | "*=" | "/=" | "%=" | "&=" | "|=" | "^=" | "<<=" | ">>=" | ">>>="
            | "+%=" | "-%=" | "*%=" => {
                return None;
            }
            "=" if self.expects("+=") => return None,
            "else" if self.expects("NL") => return None,
            other => return Some(format!("`{other}`")),
        };
        Some(word.into())
    }
}
