//! Strings and text blocks.

use super::brackets::{Kind, Open};
use super::literal::{self, Literal};
use super::{Scanner, Token};
use crate::diagnostic::Diagnostic;
use std::ops::Range;
use std::rc::Rc;

/// A text block whose end is not reached yet. The indentation that its lines lose is known only then.
pub struct TextBlock {
    quotes: Range<usize>,
    /// Each piece of text, with the index of its token.
    pieces: Vec<(usize, Range<usize>)>,
}

/// How many lines a string that is not closed in its own may go on, to be read as one.
const MOST_LINES: usize = 40;

/// What ended a piece of text.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Quotes,
    Interpolation,
    /// The line or the file ended first.
    Nothing,
}

impl Scanner<'_> {
    /// Reads on in a string behind `mark`: its opening quotes if it is the `first` piece, else the `}` of an
    /// interpolation. `block` is the text block that the piece belongs to.
    pub(super) fn string(&mut self, first: bool, mark: Range<usize>, block: Option<TextBlock>) {
        let in_block = block.is_some();
        let (piece, end) = self.text_piece(in_block);
        let token_end = self.logos.span().end;
        let text: Rc<str> = if in_block || piece.is_empty() {
            // They all share one.
            self.logos.extras.name("")
        } else {
            match self.text[piece.clone()] {
                ref plain if !plain.contains('\\') => plain.into(),
                _ => self.unescape(piece.clone()).into(),
            }
        };
        let token = match (first, end) {
            (true, End::Interpolation) => Token::StrHead(text),
            (true, _) => Token::Str(text),
            (false, End::Interpolation) => Token::StrMid(text),
            (false, _) => Token::StrTail(text),
        };
        self.push(token, mark.start..token_end);
        let block = block.map(|mut block| {
            block
                .pieces
                .push((self.out.tokens.len() - 1, piece.clone()));
            block
        });
        match end {
            End::Interpolation => self.enter(Open {
                kind: Kind::Interpolation,
                line: 0,
                at: piece.end..piece.end + 2,
                of_for: false,
                block,
            }),
            End::Quotes => {
                if let Some(block) = block {
                    self.finish_block(block);
                }
            }
            End::Nothing => {
                if !(first && block.is_none() && self.goes_on(&mark, token_end)) {
                    self.unclosed(mark, block, token_end);
                }
            }
        }
    }

    /// Reads on after `"""`.
    pub(super) fn text_block(&mut self, quotes: Range<usize>) {
        self.string(
            true,
            quotes.clone(),
            Some(TextBlock {
                quotes,
                pieces: Vec::new(),
            }),
        );
    }

    /// The text up to the next quotes, `${` or end, which is read over.
    fn text_piece(&mut self, in_block: bool) -> (Range<usize>, End) {
        let rest = self.logos.remainder();
        let bytes = rest.as_bytes();
        let start = self.text.len() - rest.len();
        let mut at = 0;
        let (end, size) = loop {
            match bytes.get(at) {
                None => break (End::Nothing, 0),
                Some(b'\n') if !in_block => break (End::Nothing, 0),
                Some(b'$') if bytes.get(at + 1) == Some(&b'{') => break (End::Interpolation, 2),
                Some(b'"') if !in_block => break (End::Quotes, 1),
                Some(b'"') if bytes[at..].starts_with(b"\"\"\"") => break (End::Quotes, 3),
                // What is escaped ends nothing, except the line.
                Some(b'\\') if matches!(bytes.get(at + 1), Some(next) if *next != b'\n') => at += 2,
                Some(_) => at += 1,
            }
        };
        self.logos.bump(at + size);
        self.string_texts.push(start..start + at);
        (start..start + at, end)
    }

    /// Whether a string that is not closed in its line is closed in one of the next, which has one quote more than those
    /// that close each other. Then it is reported and read up to there.
    fn goes_on(&mut self, mark: &Range<usize>, end: usize) -> bool {
        let quotes = |line: &str| line.matches('"').count() - line.matches("\\\"").count();
        let mut size = 0;
        for (index, line) in self.logos.remainder().split_inclusive('\n').enumerate() {
            if index > MOST_LINES || line.contains("\"\"\"") {
                return false;
            }
            if index > 0 && quotes(line) % 2 == 1 {
                let Some(at) = line.find('"') else {
                    return false;
                };
                // What comes before the quote has to be text, and behind it what can follow a string.
                let behind = line[at + 1..].trim_ascii_start();
                let closes = behind.is_empty()
                    || behind.starts_with([')', ']', '}', ',', '.', '+', '=', '?', '/']);
                if !closes {
                    return false;
                }
                let whole = mark.start..end + size + at + 1;
                let found = Diagnostic::error("E0106", "string is not closed in its line")
                    .at(self.span(mark.start..mark.start + 1), "opened here")
                    .help("text over several lines stands between `\"\"\"`, each on a line of its own; a line break is `\\n`");
                self.out.found.push(found);
                self.out.mended.push(whole);
                self.logos.bump(size + at + 1);
                return true;
            }
            size += line.len();
        }
        false
    }

    /// Reports a string without its closing quotes.
    fn unclosed(&mut self, mark: Range<usize>, block: Option<TextBlock>, end: usize) {
        let line = self.line_start(mark.start);
        let interpolation = self
            .open
            .last()
            .filter(|open| open.kind == Kind::Interpolation && open.at.start >= line);
        let found = match (&block, interpolation) {
            (Some(block), _) => Diagnostic::error("E0106", "text block is never closed")
                .at(self.span(block.quotes.clone()), "opened here")
                .help("close it with `\"\"\"` on a line of its own"),
            // A `"` inside `${` opens a string; more likely it was to close the one around.
            (None, Some(open)) => Diagnostic::error("E0106", "`${` is never closed")
                .at(self.span(open.at.clone()), "a `}` is missing for this")
                .also(self.span(mark.start..mark.start + 1), "it must come before this")
                .edit(self.span(mark.start..mark.start), "}"),
            (None, None) => Diagnostic::error("E0106", "string is not closed in its line")
                .at(self.span(mark.start..mark.start + 1), "opened here")
                .help("close it with `\"`; text over several lines stands between `\"\"\"`, a line break is `\\n`"),
        };
        self.out.found.push(found);
        self.out.mended.push(mark.start..end);
        match block {
            Some(_) => self.out.cut = true,
            None => self.close_line(line, end),
        }
    }

    /// Gives the pieces of a text block their texts, now that the indentation is known.
    fn finish_block(&mut self, block: TextBlock) {
        let text = self.text;
        let (Some((_, head)), Some((_, tail))) =
            (block.pieces.first().cloned(), block.pieces.last().cloned())
        else {
            return;
        };
        let blank = |part: &str| {
            part.chars()
                .all(|character| matches!(character, ' ' | '\t' | '\r'))
        };
        let first_break = text[head.clone()].find('\n').map(|at| head.start + at);
        let last_break = text[tail.clone()].rfind('\n').map(|at| tail.start + at);
        let opened = first_break.filter(|&at| blank(&text[head.start..at]));
        let closed = last_break.filter(|&at| blank(&text[at + 1..tail.end]));
        let (Some(opened), Some(closed)) = (opened, closed) else {
            let (place, label) = match opened {
                None => (
                    block.quotes.clone(),
                    "the text starts on the line below these",
                ),
                Some(_) => (tail.end..tail.end + 3, "these belong on the line below"),
            };
            let found = Diagnostic::error("E0106", "the quotes of a text block stand apart from its text")
                .at(self.span(place), label)
                .help("`\"\"\"` ends its line where it opens, and stands on a line of its own where it closes");
            self.out.found.push(found);
            return;
        };
        let indentation = &text[closed + 1..tail.end];
        for (index, piece) in block.pieces {
            let start = if piece == head {
                opened + 1
            } else {
                piece.start
            };
            let end = if piece == tail { closed } else { piece.end };
            let value = self.block_piece(
                start..end.max(start),
                indentation,
                piece == head,
                piece == tail,
            );
            let token = self.out.tokens.get_mut(index).map(|(_, token, _)| token);
            if let Some(
                Token::Str(text)
                | Token::StrHead(text)
                | Token::StrMid(text)
                | Token::StrTail(text),
            ) = token
            {
                *text = value.into();
            }
        }
    }

    /// The value of a piece of a text block, lines without their indentation. The piece is the first of its block, or
    /// goes on in the middle of a line; it is the last, or an interpolation follows.
    fn block_piece(
        &mut self,
        piece: Range<usize>,
        indentation: &str,
        first: bool,
        last: bool,
    ) -> String {
        let text = self.text;
        let mut value = String::new();
        let mut at = piece.start;
        let mut line_starts = first;
        for line in text[piece.clone()].split_inclusive('\n') {
            let content = line
                .strip_suffix('\n')
                .map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
            let ended = line.ends_with('\n');
            // The break before the closing quotes is not part of the piece, but a CR before it would be.
            let content = if last && !ended {
                content.strip_suffix('\r').unwrap_or(content)
            } else {
                content
            };
            let blanks = content.len() - content.trim_start_matches([' ', '\t']).len();
            let is_blank = (ended || last) && blanks == content.len();
            let skip = match line_starts {
                false => 0,
                true if content.starts_with(indentation) || is_blank => {
                    indentation.len().min(content.len())
                }
                true => self.badly_indented(at..at + blanks),
            };
            value.push_str(&self.unescape(at + skip..at + content.len()));
            if ended {
                value.push('\n');
            }
            at += line.len();
            line_starts = ended;
        }
        if line_starts && !last && !indentation.is_empty() {
            self.badly_indented(at..at);
        }
        value
    }

    /// Reports a line of a text block; its `blanks` are left out, and their number comes back.
    fn badly_indented(&mut self, blanks: Range<usize>) -> usize {
        let found = Diagnostic::error(
            "E0108",
            "line is not indented like the end of its text block",
        )
        .at(self.span(blanks.clone()), "")
        .help("every line starts with the blanks that stand before the closing `\"\"\"`");
        self.out.found.push(found);
        blanks.len()
    }

    /// The value of text with escapes.
    fn unescape(&mut self, range: Range<usize>) -> String {
        let text = self.text;
        let mut value = String::with_capacity(range.len());
        let mut at = range.start;
        while let Some(size) = text[at..range.end].find('\\') {
            value.push_str(&text[at..at + size]);
            at += size;
            at += self.escape(at, range.end, Literal::Text, |character| {
                value.push(character)
            });
        }
        value.push_str(&text[at..range.end]);
        value
    }

    /// Reads an escape at `at`, hands its value on or reports it, and gives its size, the `\` included.
    pub(super) fn escape(
        &mut self,
        at: usize,
        end: usize,
        literal: Literal,
        give: impl FnOnce(char),
    ) -> usize {
        match literal::escape(&self.text[at + 1..end], literal) {
            Ok((character, size)) => {
                give(character);
                size + 1
            }
            Err((fault, size)) => {
                self.fault(fault, at..at + 1 + size);
                size + 1
            }
        }
    }

    /// Reads text between typographic quotes or backticks as the string it was meant to be. Gives `false` if
    /// `character`, which was just read over, opens none in its line.
    pub(super) fn foreign_quotes(&mut self, character: char, start: usize) -> bool {
        let closing = match character {
            '`' => ['`', '`'],
            '\u{201c}' | '\u{201e}' => ['\u{201d}', '\u{201c}'],
            _ => return false,
        };
        let line = self.line_ahead();
        let Some(size) = line.find(closing) else {
            return false;
        };
        let inside = &line[..size];
        let end =
            self.logos.span().end + size + line[size..].chars().next().map_or(0, char::len_utf8);
        self.logos.bump(end - self.logos.span().end);
        let place = self.span(start..end);
        let mut error =
            Diagnostic::error("E0102", "a string stands in plain double quotes").at(place, "");
        // `${…}` means the same in both.
        if !inside.contains(['"', '\\']) {
            error = error.edit(place, format!("\"{inside}\""));
        }
        self.out.found.push(error);
        self.push(Token::Str(inside.into()), start..end);
        true
    }
}
