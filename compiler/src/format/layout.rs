//! Lines: how far each is indented, blank ones, and comments behind code.

use super::pieces::{Kind, Piece};
use super::spacing::is_apart;
use crate::lexer::Token;

/// Blanks of one level.
const INDENT: usize = 4;

/// The pieces as the file should look.
pub fn lay_out(text: &str, pieces: &[Piece]) -> String {
    let mut writer = Writer {
        text,
        lines: Vec::new(),
        open: Vec::new(),
        headers: Vec::new(),
        is_test: false,
    };
    // The next piece that is no comment, from each on: looked for once, since comments may be many.
    let mut next_code = vec![None; pieces.len()];
    let mut code = None;
    for (at, piece) in pieces.iter().enumerate().rev() {
        if !piece.is_comment() {
            code = Some(at);
        }
        next_code[at] = code;
    }
    let mut code_before = None;
    for (at, piece) in pieces.iter().enumerate() {
        let place = Place {
            at,
            code: next_code[at].map(|at| &pieces[at]),
            code_before,
        };
        writer.piece(pieces, &place);
        if !piece.is_comment() {
            code_before = Some(piece);
        }
    }
    writer.finish()
}

/// A piece and what is near it.
struct Place<'p, 't> {
    /// Which piece.
    at: usize,
    /// The first from here on that is no comment.
    code: Option<&'p Piece<'t>>,
    /// The last before it that is none.
    code_before: Option<&'p Piece<'t>>,
}

/// A line that is being written.
struct Line {
    text: String,
    indent: usize,
    /// Whether a blank line stands before it.
    is_apart: bool,
    /// The comment behind its code, how many blanks were before that, and its column.
    comment: Option<(String, usize, usize)>,
    /// How far the line of the text was indented that it began with.
    indent_before: usize,
}

/// An open bracket.
struct Open {
    /// Indentation of the line that it belongs to, which that of its partner is too.
    outer: usize,
    /// `if`, `match` and others outside it whose block is still to come: the indentation of their lines.
    headers: Vec<usize>,
    /// Whether the element that is being written began on a line of its own.
    hangs: bool,
}

struct Writer<'s> {
    text: &'s str,
    lines: Vec<Line>,
    open: Vec<Open>,
    headers: Vec<usize>,
    /// Whether the statement here is the head of a `test`.
    is_test: bool,
}

impl Writer<'_> {
    fn piece(&mut self, pieces: &[Piece], place: &Place) {
        let at = place.at;
        let piece = &pieces[at];
        let before = at.checked_sub(1).map(|at| &pieces[at]);
        if begins_statement(piece, place.code_before) {
            self.headers.clear();
            self.is_test = false;
            let hangs = before.is_none_or(|before| begins_line(before, piece));
            if let Some(open) = self.open.last_mut()
                && !piece.token().is_some_and(closes)
            {
                open.hangs = hangs;
            }
        }
        let is_comment_behind = piece.is_comment() && piece.breaks == 0 && before.is_some();
        if is_comment_behind {
            self.comment(piece);
        } else if before.is_none_or(|before| begins_line(before, piece)) {
            let blank = before.is_some_and(|before| is_set_apart(pieces, before, at));
            let indent = self.indent(piece, place);
            self.lines.push(Line {
                text: String::new(),
                indent,
                is_apart: blank,
                comment: None,
                indent_before: self.indent_before(piece.range.start),
            });
            self.write(piece);
        } else if let Some(before) = before {
            if is_apart(self.text, before, piece, self.is_test) {
                self.push(" ");
            }
            self.write(piece);
        }
        if let Some(token) = piece.token() {
            self.brackets(token);
        }
    }

    fn push(&mut self, text: &str) {
        if let Some(line) = self.lines.last_mut() {
            line.text.push_str(text);
        }
    }

    /// Writes a piece to the last line. Those of a string are moved as far as the line that it begins in.
    fn write(&mut self, piece: &Piece) {
        let own = piece.text(self.text);
        let Some(line) = self.lines.last() else {
            return;
        };
        match piece.kind {
            Kind::String { movable: true } if own.contains('\n') => {
                let moved = moved(own, line.indent_before, line.indent);
                self.push(&moved);
            }
            _ => self.push(own),
        }
    }

    fn comment(&mut self, piece: &Piece) {
        let start = piece.range.start;
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let code = &self.text[line_start..start];
        let gap = code.len() - code.trim_end().len();
        let column = code.chars().count();
        let own = piece.text(self.text).to_owned();
        if let Some(line) = self.lines.last_mut() {
            line.comment = Some((own, gap.max(1), column));
        }
    }

    /// The blanks at the start of the line of a byte.
    fn indent_before(&self, at: usize) -> usize {
        let line_start = self.text[..at].rfind('\n').map_or(0, |at| at + 1);
        let line = &self.text[line_start..at];
        line.len() - line.trim_start().len()
    }

    /// Indentation of what stands directly in the innermost bracket.
    fn inner(&self) -> usize {
        self.open.last().map_or(0, |open| open.outer + INDENT)
    }

    /// Indentation of a line that begins with a piece.
    fn indent(&self, piece: &Piece, place: &Place) -> usize {
        // A comment goes with the code below it, if that is in the same bracket.
        let Some(code) = place.code else {
            return self.inner();
        };
        match code.token() {
            Some(token) if closes(token) => match self.open.last() {
                Some(open) if !piece.is_comment() => open.outer,
                _ => self.inner(),
            },
            _ if begins_statement(code, place.code_before) => self.inner(),
            // What began on the line of the bracket goes on where a new element would begin.
            _ if self.open.last().is_some_and(|open| !open.hangs) => self.inner(),
            _ => self.inner() + INDENT,
        }
    }

    fn brackets(&mut self, token: &Token) {
        let indent = self.lines.last().map_or(0, |line| line.indent);
        match token {
            Token::LParen | Token::LBracket => self.open(indent),
            Token::LBrace => {
                let outer = self.headers.pop().unwrap_or(indent);
                self.open(outer);
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                if let Some(open) = self.open.pop() {
                    self.headers = open.headers;
                }
            }
            Token::If | Token::Match | Token::While | Token::For | Token::Fn => {
                self.headers.push(indent);
            }
            Token::Else => self.headers.clear(),
            Token::Test => self.is_test = self.open.is_empty(),
            _ => {}
        }
    }

    fn open(&mut self, outer: usize) {
        self.open.push(Open {
            outer,
            headers: std::mem::take(&mut self.headers),
            hangs: true,
        });
    }

    fn finish(self) -> String {
        let columns = columns(&self.lines);
        let mut out = String::with_capacity(self.text.len());
        for (line, column) in self.lines.iter().zip(columns) {
            if line.is_apart {
                out.push('\n');
            }
            if !line.text.is_empty() {
                out.push_str(&" ".repeat(line.indent));
                out.push_str(&line.text);
            }
            if let Some((comment, ..)) = &line.comment {
                let gap = column.saturating_sub(width(line));
                out.push_str(&" ".repeat(gap));
                out.push_str(comment);
            }
            out.push('\n');
        }
        out
    }
}

/// Characters of a line's code, the indentation included; of several lines, of the last.
fn width(line: &Line) -> usize {
    match line.text.rsplit_once('\n') {
        Some((_, last)) => last.chars().count(),
        None => line.indent + line.text.chars().count(),
    }
}

/// For each line, the column at which its comment behind the code begins. Comments of neighbouring lines that stood below each
/// other still do.
fn columns(lines: &[Line]) -> Vec<usize> {
    let mut out = Vec::with_capacity(lines.len());
    let mut at = 0;
    while at < lines.len() {
        let Some((_, gap, column)) = lines[at].comment else {
            out.push(0);
            at += 1;
            continue;
        };
        let is_below = |line: &&Line| {
            !line.is_apart
                && line
                    .comment
                    .as_ref()
                    .is_some_and(|(_, _, other)| *other == column)
        };
        let count = 1 + lines[at + 1..].iter().take_while(is_below).count();
        let group = &lines[at..at + count];
        let gap = group
            .iter()
            .filter_map(|line| Some(line.comment.as_ref()?.1))
            .min()
            .unwrap_or(gap);
        let widest = group.iter().map(width).max().unwrap_or(0);
        out.extend(std::iter::repeat_n(widest + gap, count));
        at += count;
    }
    out
}

fn closes(token: &Token) -> bool {
    matches!(token, Token::RParen | Token::RBracket | Token::RBrace)
}

/// Whether a piece is the first of a statement, member, arm, item, or of an element of a list in brackets.
fn begins_statement(piece: &Piece, code_before: Option<&Piece>) -> bool {
    if piece.is_comment() {
        return false;
    }
    let is_after = |token: &Token| {
        matches!(
            token,
            Token::Comma | Token::LParen | Token::LBracket | Token::LBrace
        )
    };
    piece.is_fresh || code_before.is_none_or(|before| before.token().is_some_and(is_after))
}

/// Whether a piece begins a line; `} else` is one.
fn begins_line(before: &Piece, piece: &Piece) -> bool {
    let is_else = piece.token() == Some(&Token::Else) && before.token() == Some(&Token::RBrace);
    before.is_comment() || piece.breaks > 0 && !is_else
}

/// Whether a blank line stands before a piece: where there are some, but not at the ends of brackets.
fn is_set_apart(pieces: &[Piece], before: &Piece, at: usize) -> bool {
    let piece = &pieces[at];
    let is_opened = before
        .token()
        .is_some_and(|token| matches!(token, Token::LParen | Token::LBracket | Token::LBrace));
    piece.breaks > 1 && !is_opened && !piece.token().is_some_and(closes)
}

/// A text block whose line was indented by `from` blanks and now is by `to`.
fn moved(block: &str, from: usize, to: usize) -> String {
    let Some((_, closing)) = block.rsplit_once('\n') else {
        return block.to_owned();
    };
    let margin = closing.len() - closing.trim_start_matches(' ').len();
    let after = (margin + to).saturating_sub(from);
    let mut out = String::new();
    for (number, line) in block.split('\n').enumerate() {
        if number == 0 {
            out.push_str(line.trim_end());
            continue;
        }
        out.push('\n');
        let blanks = line.len() - line.trim_start_matches(' ').len();
        if blanks == line.len() && blanks <= margin {
            continue;
        }
        out.push_str(&" ".repeat((blanks + after).saturating_sub(margin)));
        out.push_str(&line[blanks..]);
    }
    out
}
