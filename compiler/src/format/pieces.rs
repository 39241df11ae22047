//! A file cut into tokens and comments.

use std::ops::Range;

use super::ends_operand;
use crate::lexer::{Spanned, Token};

/// A token, a comment, or a string with all that it interpolates.
#[derive(Debug)]
pub struct Piece<'t> {
    /// The bytes of the text.
    pub range: Range<usize>,
    /// What it is.
    pub kind: Kind<'t>,
    /// Line breaks in the text before it.
    pub breaks: usize,
    /// Whether a line break that counts is before it.
    pub is_fresh: bool,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind<'t> {
    /// A comment, up to the end of its line.
    Comment,
    /// A string; whether its lines may be moved together.
    String { movable: bool },
    /// Another token, and what it is used for.
    Token(&'t Token, Role),
}

/// What a token is used for, where the token alone does not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its usual one; of an operator, to stand between two operands.
    Usual,
    /// `-`, `..` or `..=` before the only operand.
    Prefix,
    /// The `|` before the parameters of a lambda; `||` where there are none.
    LambdaOpen,
    /// The `|` behind the parameters of a lambda.
    LambdaClose,
}

impl Piece<'_> {
    /// Whether it is a comment.
    pub fn is_comment(&self) -> bool {
        self.kind == Kind::Comment
    }

    /// What it says.
    pub fn text<'s>(&self, text: &'s str) -> &'s str {
        let own = &text[self.range.clone()];
        if self.is_comment() {
            own.trim_end()
        } else {
            own
        }
    }

    /// The token, if it is one and no string.
    pub fn token(&self) -> Option<&Token> {
        match self.kind {
            Kind::Token(token, _) => Some(token),
            _ => None,
        }
    }
}

/// All tokens and comments of a text, in order.
pub fn pieces<'t>(text: &str, tokens: &'t [Spanned]) -> Vec<Piece<'t>> {
    let mut out: Vec<Piece> = Vec::with_capacity(tokens.len());
    let mut end = 0;
    let mut is_fresh = false;
    let mut lambdas = Lambdas::default();
    let mut at = 0;
    while let Some((start, token, token_end)) = tokens.get(at) {
        if *token == Token::Newline {
            is_fresh = true;
            at += 1;
            continue;
        }
        let breaks = comments(text, end..*start, &mut out);
        let (kind, last) = match token {
            Token::Str(_) => (Kind::String { movable: true }, (at, *token_end)),
            Token::StrHead(_) => {
                let (last, movable) = tail(text, tokens, at);
                (Kind::String { movable }, (last, tokens[last].2))
            }
            token => {
                let before = tokens[..at].last().map(|(_, token, _)| token);
                let role = lambdas.role(token, before.filter(|_| !is_fresh));
                (Kind::Token(token, role), (at, *token_end))
            }
        };
        out.push(Piece {
            range: *start..last.1,
            kind,
            breaks,
            is_fresh,
        });
        is_fresh = false;
        end = last.1;
        at = last.0 + 1;
    }
    comments(text, end..text.len(), &mut out);
    out
}

/// Adds the comments between two tokens; how many line breaks are behind the last of them.
fn comments(text: &str, gap: Range<usize>, out: &mut Vec<Piece>) -> usize {
    let mut breaks = 0;
    let mut at = gap.start;
    while at < gap.end {
        let rest = &text[at..gap.end];
        if rest.starts_with("//") {
            let length = rest.find('\n').unwrap_or(rest.len());
            out.push(Piece {
                range: at..at + length,
                kind: Kind::Comment,
                breaks,
                is_fresh: false,
            });
            breaks = 0;
            at += length;
        } else {
            let Some(letter) = rest.chars().next() else {
                break;
            };
            breaks += usize::from(letter == '\n');
            at += letter.len_utf8();
        }
    }
    breaks
}

/// The end of a string with interpolation, and whether no expression in it has several lines.
fn tail(text: &str, tokens: &[Spanned], head: usize) -> (usize, bool) {
    let mut depth = 0;
    let mut movable = true;
    let mut inside = tokens[head].2;
    for (at, (start, token, end)) in tokens.iter().enumerate().skip(head) {
        match token {
            Token::StrHead(_) => depth += 1,
            Token::StrMid(_) if depth == 1 => {
                movable &= !text[inside..*start].contains('\n');
                inside = *end;
            }
            Token::StrTail(_) => {
                depth -= 1;
                if depth == 0 {
                    return (at, movable && !text[inside..*start].contains('\n'));
                }
            }
            _ => {}
        }
    }
    (tokens.len() - 1, false)
}

/// Which `|` belong to lambdas.
#[derive(Default)]
struct Lambdas {
    /// For each open bracket and the file, whether the parameters of a lambda are open.
    open: Vec<bool>,
    outermost: bool,
}

impl Lambdas {
    /// The role of a token behind another one; `None` where a statement begins.
    fn role(&mut self, token: &Token, before: Option<&Token>) -> Role {
        let is_operand = before.is_some_and(ends_operand);
        let open = self.open.last_mut().unwrap_or(&mut self.outermost);
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => self.open.push(false),
            Token::RParen | Token::RBracket | Token::RBrace => {
                self.open.pop();
            }
            Token::Bar if *open => {
                *open = false;
                return Role::LambdaClose;
            }
            Token::Bar if !is_operand => {
                *open = true;
                return Role::LambdaOpen;
            }
            Token::OrOr if !is_operand => return Role::LambdaOpen,
            Token::Minus | Token::DotDot | Token::DotDotEq if !is_operand => return Role::Prefix,
            _ => {}
        }
        Role::Usual
    }
}
