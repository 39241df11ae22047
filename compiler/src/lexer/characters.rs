//! Characters, and bytes in either quotes.

use super::literal::Literal;
use super::{Scanner, Token};
use crate::diagnostic::Diagnostic;
use std::ops::Range;

impl Scanner<'_> {
    /// Reads on after `b"`.
    pub(super) fn bytes(&mut self, mark: Range<usize>) {
        let rest = self.logos.remainder();
        let mut at = 0;
        let mut escaped = false;
        let closed = loop {
            match rest.as_bytes().get(at) {
                None | Some(b'\n') => break false,
                Some(b'"') if !escaped => break true,
                Some(byte) => escaped = *byte == b'\\' && !escaped,
            }
            at += 1;
        };
        self.logos.bump(at + usize::from(closed));
        let (start, end) = (mark.end, mark.end + at);
        let mut value = Vec::with_capacity(at);
        let mut from = start;
        while let Some(character) = self.text[from..end].chars().next() {
            if character == '\\' {
                from += self.escape(from, end, Literal::Bytes, |byte| value.push(byte as u8));
                continue;
            }
            self.check_byte(character, from);
            value.push(character as u8);
            from += character.len_utf8();
        }
        let whole = mark.start..end + usize::from(closed);
        self.push(Token::Bytes(value.into()), whole.clone());
        if !closed {
            let found = Diagnostic::error("E0106", "bytes are not closed in their line")
                .at(self.span(mark.clone()), "opened here")
                .help("close them with `\"`");
            self.out.found.push(found);
            self.out.mended.push(whole);
            self.close_line(self.line_start(mark.start), end);
        }
    }

    /// Bytes are written as printable ASCII.
    fn check_byte(&mut self, character: char, at: usize) {
        if !matches!(character, ' '..='~') {
            let found = Diagnostic::error("E0110", "bytes are written in printable ASCII")
                .at(self.span(at..at + character.len_utf8()), "")
                .help("write other bytes as `\\xNN`; the bytes of a text are `\"...\".bytes()`");
            self.out.found.push(found);
        }
    }

    /// Reads on after `'` or `b'`.
    pub(super) fn character(&mut self, mark: Range<usize>, literal: Literal) {
        let line = self.line_ahead();
        let end = mark.end + line.len();
        let mut value = None;
        let mut at = mark.end;
        match line.chars().next() {
            Some('\'') | None => {}
            Some('\\') => at += self.escape(at, end, literal, |character| value = Some(character)),
            Some(character) => {
                if literal == Literal::Bytes {
                    self.check_byte(character, at);
                }
                value = Some(character);
                at += character.len_utf8();
            }
        }
        // What is wrong with an escape was said already: the rest up to the quote belongs to it.
        if value.is_none()
            && line.starts_with('\\')
            && let Some(rest) = self.text[at..end].find('\'')
        {
            at += rest;
        }
        if at > mark.end && self.text[at..end].starts_with('\'') {
            self.logos.bump(at + 1 - mark.end);
            let character = value.unwrap_or('\0');
            let token = match literal {
                Literal::Text => Token::Char(character),
                Literal::Bytes => Token::Int(super::Integer::Bits(i64::from(u32::from(character)))),
            };
            return self.push(token, mark.start..at + 1);
        }
        self.odd_character(mark, line);
    }

    /// Reports what is no character, and reads it as the string that was probably meant.
    fn odd_character(&mut self, mark: Range<usize>, line: &str) {
        let Some(size) = line.find('\'') else {
            return self.lone_quote(mark, line);
        };
        let whole = mark.start..mark.end + size + 1;
        let inside = &line[..size];
        self.logos.bump(size + 1);
        let title = if inside.is_empty() {
            "no character between the quotes"
        } else {
            "more than one character between single quotes"
        };
        let mut found = Diagnostic::error("E0110", title).at(self.span(whole.clone()), "");
        if mark.len() == 1 && !inside.contains(['"', '$']) {
            found = found
                .help("text stands in double quotes")
                .edit(self.span(whole.clone()), format!("\"{inside}\""));
        }
        self.out.found.push(found);
        self.push(Token::Str(inside.into()), whole);
    }

    /// Reports a quote that nothing closes, and reads the word behind it as what was probably meant.
    fn lone_quote(&mut self, mark: Range<usize>, line: &str) {
        let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let size = line.find(|letter| !word(letter)).unwrap_or(line.len());
        let inside = &line[..size];
        let whole = mark.start..mark.end + size;
        let found = Diagnostic::error(
            "E0110",
            "a `'` without a character behind it and another `'`",
        )
        .at(self.span(mark.clone()), "")
        .help("a character is `'a'`, text is `\"...\"`");
        let mut letters = inside.chars();
        let (found, token) = match (letters.next(), letters.next()) {
            (Some(letter), None) => {
                let end = self.span(whole.end..whole.end);
                (found.edit(end, "'"), Token::Char(letter))
            }
            (None, _) => (found, Token::Char('\0')),
            _ => (found, Token::Str(inside.into())),
        };
        self.logos.bump(size);
        self.out.found.push(found);
        self.out.mended.push(whole.clone());
        self.push(token, whole);
    }
}
