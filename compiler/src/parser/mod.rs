//! From text to the tree, and on after errors.
//!
//! The grammar itself stops at the first token it cannot use. Recovery is done around it:
//!
//! 1. The file is parsed. If that works, the tree is done.
//! 2. Else the error is explained ([`explain`]) and the smallest statement, member, arm or item around it ([`units`])
//!    is replaced by one token, [`Token::Broken`], which stands wherever such a thing may stand. Back to 1.
//! 3. If that token itself cannot be used, the braces around it were not what they looked like: the next larger unit
//!    takes its place.
//!
//! A unit is what lies between line breaks that count, inside one pair of braces, and the lexer has made pairs of all
//! brackets. So what follows an error in the same block, and in the rest of the file, is parsed as if nothing had
//! happened, and a file in order is parsed once.

pub(crate) mod actions;
mod check;
mod depth;
mod explain;
mod units;

#[allow(clippy::all, missing_docs, unused, reason = "generated")]
mod grammar {
    lalrpop_util::lalrpop_mod!(generated, "/grammar.rs");
    pub use generated::FileParser;
}

use crate::ast::{File, Item};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lexer::{self, Spanned, Token};
use crate::source::{FileId, Span};
use actions::Context;
use lalrpop_util::ParseError;
use std::cell::Cell;
use std::ops::Range;
use units::Groups;

/// Source files are at most this long, in bytes.
pub const MAX_FILE_BYTES: usize = 1 << 20;

/// Parses a file. Always gives a tree; what is wrong goes to `diagnostics`, and what is missing for it is left out.
pub fn parse(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> File {
    let missing = |docs| File {
        file,
        docs,
        items: Vec::new(),
        complete: false,
    };
    if text.len() > MAX_FILE_BYTES {
        let error = Diagnostic::error("E0113", "the file is larger than 1 MiB")
            .at(
                Span::new(file, 0, 0),
                format!("it has {} bytes", text.len()),
            )
            .help("divide it into several modules");
        diagnostics.push(error);
        return missing(None);
    }
    let lexed = lexer::lex(file, text);
    diagnostics.extend(lexed.found);
    if lexed.cut {
        return missing(lexed.module_docs);
    }
    let mut tokens = lexed.tokens;
    let mut reported = 0;
    while reported < Diagnostics::SHOWN {
        let mut context = Context::new(file, lexed.docs.clone());
        match run(&tokens, &mut context) {
            Ok(items) => {
                context.finish();
                diagnostics.extend(context.found);
                return File {
                    file,
                    docs: lexed.module_docs,
                    items,
                    complete: context.complete,
                };
            }
            Err(stop) => {
                let groups = Groups::new(&tokens);
                let known = matches!(tokens.get(stop.index), Some((_, Token::Broken, _)));
                let unit = units::around(&tokens, &groups, stop.index);
                if !known && !is_mended(&tokens[unit.clone()], &lexed.mended) {
                    let scene = explain::Scene {
                        file,
                        text,
                        tokens: &tokens,
                        groups: &groups,
                        stop,
                        unit: unit.clone(),
                    };
                    diagnostics.push(scene.explain());
                    reported += 1;
                }
                if !replace(&mut tokens, unit) {
                    return missing(lexed.module_docs);
                }
            }
        }
    }
    missing(lexed.module_docs)
}

/// Where the grammar could not go on.
pub(crate) struct Stop {
    /// The token it could not use; the number of tokens if it wanted more.
    pub index: usize,
    /// The names, in the grammar, of the tokens it could have used.
    pub expected: Vec<String>,
}

/// One run of the grammar.
fn run(tokens: &[Spanned], context: &mut Context) -> Result<Vec<Item>, Stop> {
    let taken = Cell::new(0);
    let source = tokens.iter().map(|token| {
        taken.set(taken.get() + 1);
        token.clone()
    });
    grammar::FileParser::new()
        .parse(context, source)
        .map_err(|error| match error {
            ParseError::UnrecognizedToken { expected, .. } => Stop {
                index: taken.get() - 1,
                expected,
            },
            ParseError::UnrecognizedEof { expected, .. } => Stop {
                index: tokens.len(),
                expected,
            },
            ParseError::ExtraToken { .. } => Stop {
                index: taken.get() - 1,
                expected: Vec::new(),
            },
            ParseError::InvalidToken { .. } | ParseError::User { error: () } => {
                unreachable!("neither the lexer nor the actions fail inside the grammar")
            }
        })
}

/// Whether the lexer has left out, or put in, something among these tokens.
fn is_mended(unit: &[Spanned], mended: &[Range<usize>]) -> bool {
    let (Some(first), Some(last)) = (unit.first(), unit.last()) else {
        return false;
    };
    mended
        .iter()
        .any(|place| place.start <= last.2 && first.0 <= place.end)
}

/// Puts [`Token::Broken`] in place of a unit. Gives `false` if that would change nothing.
fn replace(tokens: &mut Vec<Spanned>, unit: Range<usize>) -> bool {
    let (Some(first), Some(last)) = (tokens.get(unit.start), tokens[..unit.end].last()) else {
        return false;
    };
    if unit.is_empty() || (unit.len() == 1 && first.1 == Token::Broken) {
        return false;
    }
    let broken = (first.0, Token::Broken, last.2);
    tokens.splice(unit, [broken]);
    true
}
