//! The one way that source looks: `copc fmt`.
//!
//! Line breaks mean something in cop, and where to put them is up to the author. So the formatter keeps them, and decides
//! all the rest:
//!
//! 1. **Pieces** ([`pieces`]). The file is cut into tokens and comments; a string is one piece, whatever it interpolates.
//! 2. **Spacing** ([`spacing`]). Between two pieces on a line stands one blank or none, by what they are.
//! 3. **Layout** ([`layout`]). A line is indented by the brackets that are open and whether it goes on with the line before;
//!    there is at most one blank line in a row, and none inside brackets at their ends.
//!
//! Afterwards both texts are read: the tokens, line breaks that count included, and the comments must be the same. So
//! formatting can never change what a program means, and comments are never lost.

mod layout;
mod pieces;
mod spacing;

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::lexer::{Lexed, Token, lex};
use crate::parser::{MAX_FILE_BYTES, parse};
use crate::source::{FileId, SourceMap};

/// Why a file is not formatted.
#[derive(Debug)]
pub enum FormatError {
    /// It cannot be cut into tokens: the errors, and what they point into.
    Tokens(Diagnostics, SourceMap),
    /// The result would mean something else: a defect of the formatter. The first byte of the text that it concerns.
    Defect(usize),
}

/// A file as it should look. `path` is for messages. Errors of later stages are no hindrance: nothing but tokens is looked at.
///
/// # Errors
/// See [`FormatError`].
pub fn format(path: &str, text: &str) -> Result<String, FormatError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n");
    let mut files = SourceMap::new();
    let file = files.add(path, &text);
    if text.len() > MAX_FILE_BYTES {
        let mut diagnostics = Diagnostics::new();
        let _ = parse(file, &text, &mut diagnostics);
        return Err(FormatError::Tokens(diagnostics, files));
    }
    let before = lex(file, &text);
    let errors = before.found.iter();
    let errors: Vec<Diagnostic> = errors
        .filter(|found| found.severity == Severity::Error)
        .cloned()
        .collect();
    if !errors.is_empty() || before.cut {
        let mut diagnostics = Diagnostics::new();
        diagnostics.extend(errors);
        return Err(FormatError::Tokens(diagnostics, files));
    }
    let formatted = layout::lay_out(&text, &pieces::pieces(&text, &before.tokens));
    match difference(file, (&text, &before), &formatted) {
        None => Ok(formatted),
        Some(at) => Err(FormatError::Defect(at)),
    }
}

/// Where the first token or comment stands that is not the same in both texts.
fn difference(file: FileId, (text, before): (&str, &Lexed), formatted: &str) -> Option<usize> {
    let after = lex(file, formatted);
    let mut pairs = before.tokens.iter().zip(&after.tokens);
    if let Some((one, _)) = pairs.find(|(one, other)| one.1 != other.1) {
        return Some(one.0);
    }
    if before.tokens.len() != after.tokens.len() {
        return Some(text.len());
    }
    let comments = |text: &str, lexed: &Lexed| -> Vec<String> {
        let all = pieces::pieces(text, &lexed.tokens);
        let comments = all.iter().filter(|piece| piece.is_comment());
        comments.map(|piece| piece.text(text).to_owned()).collect()
    };
    let docs = |text: &str, lexed: &Lexed| -> Vec<String> {
        let texts = lexed.docs.values().chain(&lexed.module_docs);
        texts.map(|doc| doc.text(text)).collect()
    };
    let is_same = comments(text, before) == comments(formatted, &after)
        && docs(text, before) == docs(formatted, &after);
    (!is_same).then_some(0)
}

/// Whether a token can be the end of an operand, so that what follows is an operator.
fn ends_operand(token: &Token) -> bool {
    token.ends() && !matches!(token, Token::Break | Token::Continue | Token::Return)
}

#[cfg(test)]
mod tests;
