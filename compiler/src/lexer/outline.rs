//! What a file declares, without the bodies of its functions: they are stepped over by their braces, which is much faster
//! than reading them. Where a body ends is certain only in files that are in order, as those of the library are; of other
//! files it is found out later, when the bodies are read.

use super::{Lexed, MAX_NESTING, MAX_TOKENS, Names, Scanner, Token, strange};
use crate::source::FileId;
use std::ops::Range;

/// Reads a file without what stands in the bodies of functions: of each only its braces are there. Where they stand goes
/// to [`Lexed::left_out`].
pub fn outline(file: FileId, text: &str) -> Lexed {
    outlining(file, text).run().0
}

fn outlining(file: FileId, text: &str) -> Scanner<'_> {
    // A good part of a file is in bodies.
    let mut scanner = Scanner::behind(file, text, 0, false, text.len() / 10);
    scanner.outline = Some(Outline {
        in_signature: false,
    });
    scanner
}

/// The same for a file that may not be in order. `None` if it is not, as far as that can be seen without the bodies.
pub fn outline_in_order(file: FileId, text: &str) -> Option<Lexed> {
    // A byte is at most one token.
    if text.len() > MAX_TOKENS || !strange::check(file, text, &[]).is_empty() {
        return None;
    }
    let (lexed, unbalanced) = outlining(file, text).run();
    (!unbalanced && lexed.is_plain()).then_some(lexed)
}

/// Reads a part of a file, such as a body that was left out, with the names met before. `None` if it is not in order, or is
/// so deep that what stands around it matters.
pub fn part(file: FileId, text: &str, range: Range<usize>, names: Names) -> Option<Lexed> {
    let tokens = range.len() / 4;
    let mut scanner = Scanner::behind(file, &text[..range.end], range.start, false, tokens);
    scanner.logos.extras = names;
    scanner.most_open = MAX_NESTING - AROUND;
    let (lexed, unbalanced) = scanner.run();
    (!unbalanced && lexed.is_plain()).then_some(lexed)
}

/// At least as many brackets as can be open around the body of a function.
const AROUND: usize = 8;

pub(super) struct Outline {
    /// Whether the last word that could start an item or member was `fn`.
    in_signature: bool,
}

impl Scanner<'_> {
    /// Notes what kind of item a word starts, and steps over the body if this is the brace of a function. Gives whether
    /// it was.
    pub(super) fn leave_out(&mut self, token: &Token, span: &Range<usize>) -> bool {
        let Some(outline) = &mut self.outline else {
            return false;
        };
        match token {
            Token::Fn => outline.in_signature = true,
            Token::Struct | Token::Enum | Token::Trait | Token::Impl => {
                outline.in_signature = false;
            }
            Token::Import | Token::Const | Token::Test => outline.in_signature = false,
            Token::LBrace if outline.in_signature => {
                outline.in_signature = false;
                let Some(end) = end_of_block(self.text.as_bytes(), span.end) else {
                    return false;
                };
                self.logos.bump(end - span.end);
                self.push(Token::LBrace, span.clone());
                self.push(Token::RBrace, end - 1..end);
                // What is empty needs no second look.
                if end - span.end > 1 {
                    self.out.left_out.push(span.start..end);
                }
                return true;
            }
            _ => {}
        }
        false
    }
}

/// What a `}` ends, from outside to inside.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    Brace,
    /// `${` in a string.
    Interpolation,
    /// `${` in a text block.
    BlockInterpolation,
}

/// The byte behind the `}` that belongs to the `{` just before `at`.
fn end_of_block(text: &[u8], mut at: usize) -> Option<usize> {
    let mut open = vec![Open::Brace];
    loop {
        let size = memchr::memchr3(b'{', b'}', b'"', &text[at..]);
        let next = at + size?;
        // Characters and comments are few, and what they hide is what is looked for.
        if let Some(skip) = hidden(text, at, next) {
            at = skip;
            continue;
        }
        at = next + 1;
        match text[next] {
            b'{' => open.push(Open::Brace),
            b'"' => {
                let block = text[next..].starts_with(b"\"\"\"");
                let bytes = next > 0 && text[next - 1] == b'b' && !is_word(text, next - 1);
                let from = if block { next + 3 } else { next + 1 };
                at = string(text, from, block, bytes, &mut open)?;
            }
            _ => match open.pop()? {
                Open::Brace if open.is_empty() => return Some(at),
                Open::Brace => {}
                kind => {
                    at = string(text, at, kind == Open::BlockInterpolation, false, &mut open)?;
                }
            },
        }
    }
}

/// Whether the byte before this one belongs to a word.
fn is_word(text: &[u8], at: usize) -> bool {
    at > 0 && (text[at - 1].is_ascii_alphanumeric() || text[at - 1] == b'_')
}

/// If a comment or a character starts before `next` and reaches it: the byte behind the first such.
fn hidden(text: &[u8], at: usize, next: usize) -> Option<usize> {
    let mut from = at;
    while let Some(size) = memchr::memchr2(b'/', b'\'', &text[from..next]) {
        let start = from + size;
        let end = if text[start] == b'\'' {
            let inside = if text.get(start + 1) == Some(&b'\\') {
                2
            } else {
                1
            };
            let rest = text.get(start + 1 + inside..)?;
            start + 2 + inside + memchr::memchr(b'\'', rest)?
        } else if text.get(start + 1) == Some(&b'/') {
            start + memchr::memchr(b'\n', &text[start..])?
        } else {
            start + 1
        };
        if end > next {
            return Some(end);
        }
        from = end;
    }
    None
}

/// The byte behind a piece of a string that starts at `at`: behind its quotes, or behind `${`, which is then open.
fn string(
    text: &[u8],
    mut at: usize,
    block: bool,
    bytes: bool,
    open: &mut Vec<Open>,
) -> Option<usize> {
    loop {
        at += memchr::memchr3(b'"', b'\\', b'$', text.get(at..)?)?;
        match text[at] {
            b'\\' => at += 2,
            b'"' if !block => return Some(at + 1),
            b'"' if text[at..].starts_with(b"\"\"\"") => return Some(at + 3),
            b'$' if !bytes && text.get(at + 1) == Some(&b'{') => {
                open.push(match block {
                    true => Open::BlockInterpolation,
                    false => Open::Interpolation,
                });
                return Some(at + 2);
            }
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_in_strings_characters_and_comments_are_none() {
        for body in [
            "{}",
            "{ { } }",
            "{ \"}\" + b\"${\" + \"\\\"}\" }",
            "{ \"${ f(\"}\", { 1 }) }}\" }",
            "{ '}' + '\\'' + b'{' }",
            "{ // }\n a / b // \"\n}",
            "{ \"\"\"\n  \"}\" ${ \"{\" } }\n  \"\"\" }",
            "{ 'ä' + \"'\" + '\"' }",
        ] {
            let text = format!("{body} }}");
            let found = end_of_block(text.as_bytes(), 1);
            assert_eq!(found, Some(body.len()), "{body}");
        }
        assert_eq!(end_of_block(b"{ \"", 1), None);
        assert_eq!(end_of_block(b"{ '", 1), None);
    }
}
