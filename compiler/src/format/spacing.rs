//! Whether a blank stands between two pieces of a line.

use super::pieces::{Kind, Piece, Role};
use crate::lexer::Token;
use logos::Logos;

/// Whether a blank stands between two pieces of a text. `is_test` says that the line is the first of a `test`.
pub fn is_apart(text: &str, before: &Piece, behind: &Piece, is_test: bool) -> bool {
    should_be_apart(before, behind, is_test) || must_be_apart(text, before, behind)
}

/// Whether two pieces right behind each other would become something else.
fn must_be_apart(text: &str, before: &Piece, behind: &Piece) -> bool {
    let (Some(first), Some(second)) = (before.token(), behind.token()) else {
        return false;
    };
    let is_safe = |token: &Token| token.opens() || token.closes() || *token == Token::Comma;
    let has_quotes = matches!(first, Token::Char(_) | Token::Bytes(_));
    if has_quotes || is_safe(first) || is_safe(second) {
        return false;
    }
    // Numbers are read by hand, and may go on with a point and what follows it.
    if matches!(first, Token::Int(_) | Token::Float(_)) {
        return before.range.end < behind.range.start;
    }
    let both = format!("{}{}", before.text(text), behind.text(text));
    let mut lexer = Token::lexer(&both);
    lexer.next() != Some(Ok(first.clone())) || lexer.span().end != before.range.len()
}

fn should_be_apart(before: &Piece, behind: &Piece, is_test: bool) -> bool {
    use Token::*;
    let (first, second) = match (before.kind, behind.kind) {
        (Kind::Comment, _) | (_, Kind::Comment) => return true,
        (Kind::String { .. }, Kind::Token(second, role)) => {
            return behind_string(second, role, is_test);
        }
        (Kind::Token(first, role), Kind::String { .. }) => return before_operand(first, role),
        (Kind::String { .. }, Kind::String { .. }) => return true,
        (Kind::Token(first, first_role), Kind::Token(second, second_role)) => {
            ((first, first_role), (second, second_role))
        }
    };
    match (first, second) {
        (_, (Bar, Role::LambdaClose)) => false,
        (_, (Comma | RParen | RBracket | Question | Dot | Colon, _)) => false,
        ((LBrace, _), (RBrace, _)) => false,
        (_, (RBrace, _)) => true,
        (_, (DotDot | DotDotEq, Role::Usual)) => false,
        ((first, _), (LParen, _)) if is_callable(first) || *first == Fn => false,
        ((first, _), (LBracket, _)) if is_callable(first) || *first == Impl => false,
        ((first, role), _) => before_operand(first, role),
    }
}

/// Whether a blank follows a token before an operand.
fn before_operand(token: &Token, role: Role) -> bool {
    use Token::*;
    !matches!(
        (token, role),
        (
            LParen | LBracket | Dot | At | Bang | Tilde | DotDot | DotDotEq,
            _
        ) | (Minus, Role::Prefix)
            | (Bar, Role::LambdaOpen)
    )
}

fn behind_string(token: &Token, role: Role, is_test: bool) -> bool {
    use Token::*;
    match (token, role) {
        (LParen, _) => is_test,
        (Comma | RParen | RBracket | LBracket | Question | Dot | Colon, _) => false,
        (Bar, Role::LambdaClose) | (DotDot | DotDotEq, Role::Usual) => false,
        _ => true,
    }
}

/// Whether brackets right behind it are arguments, an index or type arguments.
fn is_callable(token: &Token) -> bool {
    use Token::*;
    matches!(
        token,
        Ident(_)
            | Upper(_)
            | Int(_)
            | Bytes(_)
            | RParen
            | RBracket
            | Question
            | SelfValue
            | SelfType
            | From
            | Test
            | Type
            | Opaque
    )
}
