//! From text to tokens.
//!
//! logos finds words and signs; the rest needs to know where it stands and is done by hand, in one pass:
//!
//! 1. **Strings** ([`strings`]). After `"` the text is read up to the closing quote or to `${`, whose tokens follow as
//!    ordinary ones until its `}`. So a stack of open brackets is kept, in which `${` is one of the kinds.
//! 2. **Line breaks.** A break counts if nothing is open or the innermost bracket is a `{`, the token before it can end
//!    something and the token behind it does not go on with it ([`Token::ends`], [`Token::continues`]).
//! 3. **Brackets** ([`brackets`]). Every opening gets its closing, by an empty token if need be, and nothing is nested
//!    more than [`MAX_NESTING`] levels deep. So the parser's recovery may step over groups, and no later stage meets
//!    deeper brackets.
//! 4. **Doc comments** are kept beside the tokens, by the place of the token that they stand above.
//!
//! Brackets that do not match are hard to place: in `fn a() { if b {  }` the end of the file is far from the mistake. If
//! any are found, the file is read once more, and this time a word that starts an item in the first column closes
//! whatever is open, and one that starts a statement in its line closes parentheses. Files in order are never judged by
//! their indentation.

mod brackets;
mod characters;
mod foreign;
mod literal;
mod strings;
mod token;

pub use token::{Integer, Spanned, Token};

use crate::ast::Doc;
use crate::diagnostic::Diagnostic;
use crate::source::{FileId, Span};
use brackets::Open;
use literal::{Fault, Literal, Number};
use logos::Logos;
use std::collections::BTreeMap;
use std::ops::Range;

/// Brackets and `${` may be nested this deep.
pub const MAX_NESTING: usize = 128;

/// The tokens of a file.
pub struct Lexed {
    /// In source order, with line breaks that count, and with brackets in pairs. Neighbours do not overlap.
    pub tokens: Vec<Spanned>,
    /// `///` comments, by the first byte of the token below.
    pub docs: BTreeMap<usize, Doc>,
    /// `//!` comments at the top.
    pub module_docs: Option<Doc>,
    /// Places where something was left out or put in after an error: what the parser finds wrong there has been told.
    pub mended: Vec<Range<usize>>,
    /// Nothing behind this was read; already reported.
    pub cut: bool,
    /// Lexical errors and warnings.
    pub found: Vec<Diagnostic>,
}

/// Reads the tokens of a file.
pub fn lex(file: FileId, text: &str) -> Lexed {
    let first = Scanner::new(file, text, false).run();
    if first.1 {
        Scanner::new(file, text, true).run().0
    } else {
        first.0
    }
}

/// A line break whose fate depends on the next token.
struct Break {
    at: Range<usize>,
    /// Whether it stands where line breaks count.
    counts: bool,
}

struct Scanner<'s> {
    file: FileId,
    text: &'s str,
    logos: logos::Lexer<'s, Token>,
    out: Lexed,
    line_break: Option<Break>,
    /// `///` lines that wait for their token.
    doc: Option<(Range<usize>, Vec<&'s str>)>,
    open: Vec<Open>,
    /// Brackets did not match.
    unbalanced: bool,
    /// Words that start items and statements close what is open.
    anchored: bool,
    /// Pairs of a `{` and a `}` in different columns: one of them may be the wrong partner.
    crooked: Vec<(usize, usize)>,
    /// The texts of strings, where direction marks can be written as escapes.
    string_texts: Vec<Range<usize>>,
}

impl<'s> Scanner<'s> {
    fn new(file: FileId, text: &'s str, anchored: bool) -> Self {
        let out = Lexed {
            tokens: Vec::with_capacity(text.len() / 4),
            docs: BTreeMap::new(),
            module_docs: None,
            mended: Vec::new(),
            cut: false,
            found: Vec::new(),
        };
        Scanner {
            file,
            text,
            logos: Token::lexer(text),
            out,
            line_break: None,
            doc: None,
            open: Vec::new(),
            unbalanced: false,
            anchored,
            crooked: Vec::new(),
            string_texts: Vec::new(),
        }
    }

    /// The tokens, and whether brackets did not match.
    fn run(mut self) -> (Lexed, bool) {
        let text = self.text;
        if text.starts_with('\u{feff}') {
            self.logos.bump('\u{feff}'.len_utf8());
        }
        while !self.out.cut
            && let Some(token) = self.logos.next()
        {
            let span = self.logos.span();
            match token {
                Ok(token) => self.token(token, span),
                Err(()) => self.unknown_character(span),
            }
        }
        if !self.out.cut {
            self.close_all(text.len());
        }
        self.out
            .found
            .extend(characters::check(self.file, text, &self.string_texts));
        self.warn_of_lost_docs();
        (self.out, self.unbalanced)
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range.start, range.end)
    }

    fn token(&mut self, token: Token, span: Range<usize>) {
        match token {
            Token::Newline => self.newline(span),
            Token::Comment => self.comment(span),
            Token::BlockComment => self.block_comment(span),
            Token::Semicolon => self.semicolon(span),
            Token::NumberStart => self.number(span),
            Token::CharQuote => self.character(span, Literal::Text),
            Token::ByteQuote => self.character(span, Literal::Bytes),
            Token::BytesQuote => self.bytes(span),
            Token::StringQuote => self.string(true, span, None),
            Token::BlockQuote => self.text_block(span),
            Token::LParen | Token::LBracket | Token::LBrace => self.open(token, span),
            Token::RParen | Token::RBracket | Token::RBrace => self.close(token, span),
            Token::Foreign => self.foreign(span),
            word => {
                if self.anchored {
                    self.anchor(&word, span.start);
                }
                self.push(word, span);
            }
        }
    }

    /// Closes what cannot have been meant to be open before this word.
    fn anchor(&mut self, word: &Token, at: usize) {
        let line = self.line_start(at);
        if at == line && word.starts_item() && !self.open.is_empty() {
            self.close_all(at);
        } else if word.starts_statement()
            && !self.breaks_count()
            && self.text[line..at].trim().is_empty()
        {
            self.close_to_brace(at);
        } else {
            return;
        }
        self.line_break = Some(Break {
            at: at..at,
            counts: true,
        });
    }

    /// Adds a token, after the line break before it if that counts.
    fn push(&mut self, token: Token, span: Range<usize>) {
        if let Some(line_break) = self.line_break.take()
            && let Some((_, before, end)) = self.out.tokens.last()
            && before.ends()
        {
            let end = *end;
            if line_break.counts {
                if !token.continues() {
                    self.out
                        .tokens
                        .push((line_break.at.start, Token::Newline, line_break.at.end));
                }
            } else if matches!(token, Token::LParen | Token::LBracket | Token::Minus) {
                self.torn_line(&token, end, span.clone());
            }
        }
        if let Some((lines, texts)) = self.doc.take() {
            let doc = Doc {
                text: texts.join("\n").into(),
                span: self.span(lines),
            };
            self.out.docs.insert(span.start, doc);
        }
        self.out.tokens.push((span.start, token, span.end));
    }

    /// Inside brackets a line starts with `(`, `[` or `-` after what could have ended: a comma is missing.
    fn torn_line(&mut self, token: &Token, end: usize, span: Range<usize>) {
        let comma = self.span(end..end);
        let found = Diagnostic::error("E0109", "a line in brackets starts like a new operand").at(
            self.span(span.clone()),
            "this does not go on with the line above",
        );
        let found = match token {
            Token::Minus => {
                found.help("a comma is missing, or the `-` belongs at the end of the line above")
            }
            _ => found
                .help("a comma is missing at the end of the line above")
                .edit(comma, ","),
        };
        self.out.found.push(found);
        self.out.mended.push(span);
        if *token != Token::Minus {
            self.out.tokens.push((end, Token::Comma, end));
        }
    }

    fn newline(&mut self, span: Range<usize>) {
        let counts = self.breaks_count();
        match &mut self.line_break {
            Some(first) => first.counts |= counts,
            None => self.line_break = Some(Break { at: span, counts }),
        }
    }

    fn comment(&mut self, span: Range<usize>) {
        let comment = self.text[span.clone()].trim_end_matches('\r');
        let line = |line: &'s str| line.strip_prefix(' ').unwrap_or(line);
        if let Some(text) = comment.strip_prefix("//!") {
            self.module_doc(span, line(text));
        } else if let Some(text) = comment
            .strip_prefix("///")
            .filter(|text| !text.starts_with('/'))
        {
            let (range, lines) = self.doc.get_or_insert((span.clone(), Vec::new()));
            range.end = span.end;
            lines.push(line(text));
        }
    }

    fn module_doc(&mut self, span: Range<usize>, line: &str) {
        if !self.out.tokens.is_empty() {
            let warning =
                Diagnostic::warning("W0101", "`//!` below the top of the file documents nothing")
                    .at(
                        self.span(span),
                        "only lines above the first item describe the module",
                    )
                    .help("write `//`, or move it to the top");
            self.out.found.push(warning);
            return;
        }
        let span = self.span(span);
        self.out.module_docs = Some(match self.out.module_docs.take() {
            Some(doc) => Doc {
                text: format!("{}\n{line}", doc.text).into(),
                span: doc.span.to(span),
            },
            None => Doc {
                text: line.into(),
                span,
            },
        });
    }

    /// Doc comments at the very end of the file have no token to wait for.
    fn warn_of_lost_docs(&mut self) {
        if let Some((lines, _)) = self.doc.take() {
            let span = self.span(lines);
            self.out.found.push(lost_doc(span));
        }
    }

    fn block_comment(&mut self, span: Range<usize>) {
        let rest = self.logos.remainder();
        let size = rest.find("*/").map_or(rest.len(), |at| at + 2);
        self.logos.bump(size);
        let whole = span.start..span.end + size;
        let mut found = Diagnostic::error("E0102", "there are no block comments")
            .at(self.span(whole.clone()), "")
            .help("start each line of the comment with `//`");
        let inside = self.text[span.end..whole.end]
            .trim_end_matches("*/")
            .trim_end();
        let line_ends = self.text[whole.end..].trim_start_matches([' ', '\t', '\r']);
        if !inside.contains('\n') && (line_ends.is_empty() || line_ends.starts_with('\n')) {
            found = found.edit(self.span(whole), format!("//{inside}"));
        }
        self.out.found.push(found);
    }

    /// `;` is reported and then taken for the line break that it stands for elsewhere.
    fn semicolon(&mut self, span: Range<usize>) {
        let rest = self.logos.remainder().trim_start_matches([' ', '\t', '\r']);
        let at_end =
            rest.is_empty() || rest.starts_with(['\n', '}', ';']) || rest.starts_with("//");
        if self.in_head_of_for() {
            return self.semicolon_in_for(span);
        }
        let found =
            Diagnostic::error("E0101", "`;` ends nothing in cop").at(self.span(span.clone()), "");
        let found = if at_end {
            found
                .help("a line break ends a statement; leave the `;` out")
                .edit(self.span(span.clone()), "")
        } else {
            found
                .help("a line break ends a statement; write the next one on a line of its own")
                .edit(
                    self.span(span.start..self.text.len() - rest.len()),
                    self.line_break_at(span.start),
                )
        };
        self.out.found.push(found);
        if !self.breaks_count() {
            self.out.mended.push(span.clone());
        }
        self.newline(span);
    }

    /// A line break and the blanks that the line of `at` starts with.
    fn line_break_at(&self, at: usize) -> String {
        let line = &self.text[self.line_start(at)..at];
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        format!("\n{}", &line[..blanks])
    }

    /// Whether the innermost bracket is that of `for (`.
    fn in_head_of_for(&self) -> bool {
        let opened = self.open.last().map_or(0, |open| open.at.start);
        let before = self
            .out
            .tokens
            .iter()
            .rev()
            .find(|(_, _, end)| *end <= opened);
        !self.breaks_count() && matches!(before, Some((_, Token::For, _)))
    }

    /// `for (i = 0; i < n; i += 1)`, reported at its first `;`.
    fn semicolon_in_for(&mut self, span: Range<usize>) {
        let opened = self.open.last().map_or(0, |open| open.at.start);
        if !self.out.mended.iter().any(|place| place.start >= opened) {
            let error = Diagnostic::error("E0101", "a `for` walks a collection or a range")
                .at(self.span(span.clone()), "it has no parts between `;`")
                .help("`for i in 0..n { ... }`; for all else there is `while`");
            self.out.found.push(error);
        }
        self.out.mended.push(span);
    }

    fn number(&mut self, span: Range<usize>) {
        let position =
            matches!(self.out.tokens.last(), Some((_, Token::Dot, end)) if *end == span.start);
        let end = if position {
            span.end
        } else {
            self.number_end(span.end)
        };
        self.logos.bump(end - span.end);
        let text = &self.text[span.start..end];
        let span = span.start..end;
        let number = literal::number(text);
        let token = match number {
            Ok(Number::Int(value)) => Token::Int(value),
            Ok(Number::Float(value)) => Token::Float(value),
            Err(fault) => {
                self.fault(fault, span.clone());
                // Whichever of the two was meant, so that the checker finds nothing more.
                if text.contains('.') {
                    Token::Float(0.0)
                } else {
                    Token::Int(Integer::Decimal(0))
                }
            }
        };
        if position && !text.bytes().all(|byte| byte.is_ascii_digit()) {
            let found =
                Diagnostic::error("E0103", "a position in a tuple is written in plain digits")
                    .at(self.span(span.clone()), "`.0` is the first");
            self.out.found.push(found);
        }
        self.push(token, span);
    }

    /// Where a number ends of which the whole part ends at `end`: behind `.5`, `e-5` and whatever letters follow.
    fn number_end(&self, mut end: usize) -> usize {
        let bytes = self.text.as_bytes();
        let start = self.logos.span().start;
        let based = matches!(
            bytes.get(start + 1),
            Some(b'x' | b'X' | b'b' | b'B' | b'o' | b'O')
        );
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let word_end = |mut at: usize| {
            while bytes
                .get(at)
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            {
                at += 1;
            }
            at
        };
        if based {
            return end;
        }
        if bytes.get(end) == Some(&b'.') && digit(end + 1) {
            end = word_end(end + 1);
        }
        if matches!(bytes[end - 1], b'e' | b'E')
            && matches!(bytes.get(end), Some(b'+' | b'-'))
            && digit(end + 1)
        {
            end = word_end(end + 1);
        }
        end
    }

    fn fault(&mut self, fault: Fault, span: Range<usize>) {
        let span = self.span(span);
        let mut found = Diagnostic::error(fault.code, fault.title)
            .at(span, "")
            .help(fault.help);
        if let Some(instead) = fault.instead {
            found = found.edit(span, instead);
        }
        self.out.found.push(found);
    }

    fn unknown_character(&mut self, span: Range<usize>) {
        // logos may stop inside a character, or take several bytes it could not use.
        let start = span.start;
        let Some(character) = self.text[start..].chars().next() else {
            return;
        };
        let mut end = start + character.len_utf8();
        self.logos.bump(end.saturating_sub(span.end));
        if self.foreign_quotes(character, start) {
            return;
        }
        if character == '#' {
            // A comment of other languages, most likely: the rest of the line belongs to it.
            let rest = self.logos.remainder();
            let size = rest.find('\n').unwrap_or(rest.len());
            self.logos.bump(size);
            end += size;
        }
        self.out.mended.push(start..end);
        let place = start..start + character.len_utf8();
        if let Some(found) = characters::unknown(character, self.span(place)) {
            self.out.found.push(found);
        }
    }
}

/// The warning for a doc comment that stands above nothing that can be documented.
pub fn lost_doc(span: Span) -> Diagnostic {
    Diagnostic::warning("W0101", "this comment documents nothing")
        .at(span, "below it stands no item, member, field or variant")
        .help("write `//` for a remark")
}
