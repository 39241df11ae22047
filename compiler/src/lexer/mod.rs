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
mod comments;
mod foreign;
mod literal;
mod numbers;
mod outline;
mod strange;
mod strings;
mod token;

pub use comments::lost_doc;
pub use outline::{outline, outline_in_order, part};
pub use token::{Integer, Names, Spanned, Token};

use crate::ast::Doc;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{FileId, Span};
use brackets::Open;
use comments::DocLines;
use literal::{Fault, Literal};
use logos::Logos;
use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::ops::Range;

/// Brackets and `${` may be nested this deep.
pub const MAX_NESTING: usize = 128;

/// A file has at most so many tokens: with more it is data, and each takes far more room than its text.
pub const MAX_TOKENS: usize = 500_000;

/// Errors are explained by looking at most this many bytes back and ahead in a line, so that reading stays linear.
const MAX_LOOK: usize = 256;

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
    /// Bodies of functions that were not read, braces included ([`outline`]).
    pub left_out: Vec<Range<usize>>,
    /// The names that were met, and those met before.
    pub names: Names,
}

impl Lexed {
    /// Whether nothing is to be said of what was read.
    fn is_plain(&self) -> bool {
        self.found.is_empty() && self.mended.is_empty() && !self.cut
    }
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
    /// Where reading starts.
    start: usize,
    logos: logos::Lexer<'s, Token>,
    out: Lexed,
    line_break: Option<Break>,
    /// `///` lines that wait for their token.
    doc: Option<DocLines>,
    /// `//!` lines.
    module_doc: Option<DocLines>,
    open: Vec<Open>,
    /// How many may be open.
    most_open: usize,
    /// Brackets did not match.
    unbalanced: bool,
    /// Words that start items and statements close what is open.
    anchored: bool,
    /// Pairs of a `{` and a `}` in different columns: one of them may be the wrong partner. Only who knows already that
    /// brackets do not match, and so is `anchored`, looks for them.
    crooked: Vec<(usize, usize)>,
    /// The byte at which a line starts, and one in that line up to which there is no other.
    line: Cell<(usize, usize)>,
    /// The bytes at which lines start, for those who look back.
    line_starts: OnceCell<Vec<usize>>,
    /// Bodies are left out.
    outline: Option<outline::Outline>,
    /// The texts of strings, in order: in them, direction marks can be written as escapes.
    string_texts: Vec<Range<usize>>,
}

impl<'s> Scanner<'s> {
    fn new(file: FileId, text: &'s str, anchored: bool) -> Self {
        Scanner::behind(file, text, 0, anchored, text.len() / 4)
    }

    /// For what stands behind the first `start` bytes, which have been looked at before, and has about so many tokens.
    fn behind(file: FileId, text: &'s str, start: usize, anchored: bool, tokens: usize) -> Self {
        let out = Lexed {
            // Moving costs more than room that is not used, until that has to be cleared: a page at least.
            tokens: Vec::with_capacity(tokens.min(MAX_TOKENS)),
            docs: BTreeMap::new(),
            module_docs: None,
            mended: Vec::new(),
            cut: false,
            found: Vec::new(),
            left_out: Vec::new(),
            names: Names::default(),
        };
        Scanner {
            file,
            text,
            start,
            logos: Token::lexer(text),
            out,
            line_break: None,
            doc: None,
            module_doc: None,
            open: Vec::new(),
            most_open: MAX_NESTING,
            unbalanced: false,
            anchored,
            crooked: Vec::new(),
            line: Cell::new((text[..start].rfind('\n').map_or(0, |at| at + 1), start)),
            line_starts: OnceCell::new(),
            outline: None,
            string_texts: Vec::new(),
        }
    }

    /// The tokens, and whether brackets did not match.
    fn run(mut self) -> (Lexed, bool) {
        let text = self.text;
        if self.start > 0 {
            self.logos.bump(self.start);
        } else if text.starts_with('\u{feff}') {
            self.logos.bump('\u{feff}'.len_utf8());
        }
        while !self.out.cut
            && let Some(token) = self.logos.next()
        {
            // Nobody reads more errors, and each takes more room than the bytes it is about.
            if self.out.found.len() >= Diagnostics::KEPT {
                self.out.cut = true;
            }
            let span = self.logos.span();
            if self.out.tokens.len() >= MAX_TOKENS {
                self.too_many_tokens(span.clone());
            }
            match token {
                Ok(token) => self.token(token, span),
                Err(()) => self.unknown_character(span),
            }
        }
        if !self.out.cut {
            self.close_all(text.len());
        }
        // The library, whose bodies alone are left out, has no strange characters.
        if self.start == 0 && self.outline.is_none() {
            let strange = strange::check(self.file, text, &self.string_texts);
            self.out.found.extend(strange);
        }
        self.warn_of_lost_docs();
        self.out.module_docs = self.module_doc.take().map(|lines| self.doc(lines));
        self.out.names = std::mem::take(&mut self.logos.extras);
        (self.out, self.unbalanced)
    }

    fn too_many_tokens(&mut self, span: Range<usize>) {
        let error = Diagnostic::error("E0113", "the file has more than 500,000 words and signs")
            .at(self.span(span), "what follows is not read")
            .help("divide it into several modules, or read data when the program runs");
        self.out.found.push(error);
        self.out.cut = true;
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range.start, range.end)
    }

    /// The byte at which the line of a byte starts. Mostly the bytes asked about come one behind the other, and each is looked
    /// at once.
    fn line_start(&self, at: usize) -> usize {
        let (start, end) = self.line.get();
        if at >= end {
            let next = memchr::memrchr(b'\n', &self.text.as_bytes()[end..at]);
            let start = next.map_or(start, |size| end + size + 1);
            self.line.set((start, at));
            return start;
        }
        if at >= start {
            return start;
        }
        let starts = self.line_starts.get_or_init(|| {
            let breaks = memchr::memchr_iter(b'\n', self.text.as_bytes());
            std::iter::once(0).chain(breaks.map(|at| at + 1)).collect()
        });
        starts[starts.partition_point(|&start| start <= at) - 1]
    }

    /// The blanks at the start of the line of a byte.
    fn indentation(&self, at: usize) -> &'s str {
        self.blanks(self.line_start(at), at)
    }

    /// The blanks at the start of a line, up to a byte in it.
    fn blanks(&self, line: usize, at: usize) -> &'s str {
        let line = &self.text[line..at];
        let blanks = line
            .bytes()
            .take(MAX_LOOK)
            .take_while(|byte| matches!(byte, b' ' | b'\t'));
        &line[..blanks.count()]
    }

    /// What follows in the line, as far as it is worth looking at.
    fn line_ahead(&self) -> &'s str {
        let rest = self.logos.remainder();
        let near = &rest[..rest.floor_char_boundary(MAX_LOOK)];
        &near[..near.find(['\n', '\r']).unwrap_or(near.len())]
    }

    fn token(&mut self, token: Token, span: Range<usize>) {
        if self.outline.is_some() && self.leave_out(&token, &span) {
            return;
        }
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
            && self.indentation(at).len() == at - line
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
        if self.line_break.is_some()
            && let Some(line_break) = self.line_break.take()
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
        if self.doc.is_some()
            && let Some(lines) = self.doc.take()
        {
            let doc = self.doc(lines);
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

    fn fault(&mut self, fault: Fault, span: Range<usize>) {
        // A string may have as many as it has letters.
        if self.out.found.len() >= Diagnostics::KEPT {
            return;
        }
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
            let rest = self.logos.remainder();
            let size = rest.find('\n').unwrap_or(rest.len());
            // In brackets the rest of the line may close them.
            if self.breaks_count() || !rest[..size].contains([')', ']', '}']) {
                // A comment of other languages, most likely: the rest of the line belongs to it.
                self.logos.bump(size);
                end += size;
            }
        }
        self.out.mended.push(start..end);
        let place = self.span(start..start + character.len_utf8());
        if let Some(found) = strange::unknown(character, place) {
            let comment =
                character == '#' && self.text[start + 1..end].starts_with([' ', '#', '!']);
            self.out.found.push(match comment {
                true => found.edit(place, "//"),
                false => found,
            });
        }
    }
}
