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
//! Files in order do not get there: they are read by hand ([`descent`]), and the grammar is asked when that gives up.
//!
//! A unit is what lies between line breaks that count, inside one pair of braces, and the lexer has made pairs of all
//! brackets. So what follows an error in the same block, and in the rest of the file, is parsed as if nothing had
//! happened, and a file in order is parsed once.

pub(crate) mod actions;
mod check;
mod depth;
mod descent;
mod explain;
mod habits;
mod units;

#[allow(clippy::all, missing_docs, unused, reason = "generated")]
mod grammar {
    lalrpop_util::lalrpop_mod!(generated, "/grammar.rs");
    pub use generated::FileParser;
}

use crate::ast::{Block, Doc, File, Item};
use crate::diagnostic::{Diagnostic, Diagnostics};
pub(crate) use crate::lexer::Names;
use crate::lexer::{self, Spanned, Token};
use crate::source::{FileId, Span};
use actions::Context;
use explain::Scene;
pub(crate) use habits::small;
use lalrpop_util::ParseError;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;
use units::Groups;

/// Source files are at most this long, in bytes.
pub const MAX_FILE_BYTES: usize = 1 << 20;

/// A file is parsed at most this often. The rest of one with more errors is given up.
const MAX_ROUNDS: usize = 40;

/// How many tokens a file has: reading without parsing, for measurements.
pub fn count_tokens(file: FileId, text: &str) -> usize {
    lexer::lex(file, text).tokens.len()
}

/// Parses a file. Always gives a tree; what is wrong goes to `diagnostics`, and what is missing for it is left out.
pub fn parse(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> File {
    read(file, text, diagnostics, true)
}

/// The same by the grammar alone, for tests: both ways give the same.
pub fn parse_by_grammar(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> File {
    read(file, text, diagnostics, false)
}

/// Parses a file of the library without what stands in the bodies of its functions, and says where these are, in order.
/// They are empty in the tree; [`body`] reads them when they are needed.
pub(crate) fn outline(
    file: FileId,
    text: &str,
    diagnostics: &mut Diagnostics,
) -> (File, Vec<Span>) {
    let lexed = lexer::outline(file, text);
    let mut context = Context::new(file, lexed.docs);
    match descent::file(lexed.tokens, &mut context) {
        Some(items) if lexed.found.is_empty() => {
            let left_out = lexed.left_out.iter();
            let bodies = left_out.map(|range| Span::new(file, range.start, range.end));
            let bodies = bodies.collect();
            let tree = whole(lexed.module_docs, items, context, diagnostics);
            (tree, bodies)
        }
        _ => (parse(file, text, diagnostics), Vec::new()),
    }
}

/// The same for a file that may have errors. `None` if anything is to be said of it, as far as that can be seen without the
/// bodies.
pub(crate) fn outline_in_order(file: FileId, text: &str) -> Option<(File, Vec<Span>, Names)> {
    let lexed = lexer::outline_in_order(file, text)?;
    let mut context = Context::new(file, lexed.docs);
    let items = descent::file(lexed.tokens, &mut context)?;
    let left_out = lexed.left_out.iter();
    let bodies = left_out.map(|range| Span::new(file, range.start, range.end));
    let bodies = bodies.collect();
    let mut found = Diagnostics::new();
    let tree = whole(lexed.module_docs, items, context, &mut found);
    found.is_empty().then_some((tree, bodies, lexed.names))
}

/// Parses a body that was left out, with the names that were met in its file. Nothing if anything is to be said of it.
pub(crate) fn body(text: &str, span: Span, names: &mut Names) -> Option<Block> {
    let lexed = lexer::part(span.file, text, span.range(), std::mem::take(names))?;
    *names = lexed.names;
    let mut context = Context::new(span.file, lexed.docs);
    let block = descent::block(lexed.tokens, &mut context)?;
    context.finish();
    context.found.is_empty().then_some(block)
}

fn read(file: FileId, text: &str, diagnostics: &mut Diagnostics, by_hand: bool) -> File {
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
    let mut lexed = lexer::lex(file, text);
    let in_order = lexed.mended.is_empty();
    diagnostics.extend(std::mem::take(&mut lexed.found));
    if lexed.cut {
        return missing(lexed.module_docs);
    }
    if by_hand && in_order {
        let mut context = Context::new(file, lexed.docs);
        if let Some(items) = descent::file(lexed.tokens, &mut context) {
            return whole(lexed.module_docs, items, context, diagnostics);
        }
        lexed = lexer::lex(file, text);
    }
    let (mut tokens, mut mended) = (lexed.tokens, lexed.mended);
    let mut reported = 0;
    for _ in 0..MAX_ROUNDS {
        if reported == Diagnostics::SHOWN {
            break;
        }
        let mut context = Context::new(file, lexed.docs.clone());
        let stop = match run(&tokens, &mut context) {
            Ok(items) => return whole(lexed.module_docs, items, context, diagnostics),
            Err(stop) => before_line_break(&tokens, stop, file),
        };
        let groups = Groups::new(&tokens);
        let unit = units::around(&tokens, &groups, stop.index);
        let index = stop.index;
        let mend = stop.mend(text, &tokens, &groups);
        let told = matches!(tokens.get(index), Some((_, Token::Broken, _)))
            || is_mended(&tokens[unit.clone()], &mended);
        if !told {
            let scene = Scene {
                file,
                text,
                tokens: &tokens,
                groups: &groups,
                stop,
                unit: unit.clone(),
            };
            diagnostics.push(scene.explain(mend));
            reported += 1;
        }
        match mend {
            Some(Mend::JoinLines) => {
                tokens.remove(index);
            }
            Some(Mend::SplitLines) => {
                let end = tokens[index - 1].2;
                tokens.insert(index, (end, Token::Newline, end));
                mended.push(end..end);
            }
            None if replace(&mut tokens, unit) => {}
            None => break,
        }
    }
    missing(lexed.module_docs)
}

/// A file that was read to its end.
fn whole(
    docs: Option<Doc>,
    items: Vec<Item>,
    mut context: Context,
    diagnostics: &mut Diagnostics,
) -> File {
    context.finish();
    diagnostics.extend(context.found);
    File {
        file: context.file,
        docs,
        items,
        complete: context.complete,
    }
}

/// A line break in the wrong place, which can be put right without giving up what is around it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mend {
    /// The `{` of a block stands on a line of its own: the break before it does not count.
    JoinLines,
    /// A line ends with what cannot end it, and the next one starts a statement or item: the break counts.
    SplitLines,
}

/// Where the grammar could not go on.
pub(crate) struct Stop {
    /// The token it could not use; the number of tokens if it wanted more.
    pub index: usize,
    /// The names, in the grammar, of the tokens it could have used.
    pub expected: Vec<String>,
}

impl Stop {
    fn mend(&self, text: &str, tokens: &[Spanned], groups: &Groups) -> Option<Mend> {
        let (start, token, _) = tokens.get(self.index)?;
        if *token == Token::Newline {
            let brace = matches!(tokens.get(self.index + 1), Some((_, Token::LBrace, _)));
            let wanted = self.expected.iter().any(|name| name == "\"{\"");
            return (brace && wanted).then_some(Mend::JoinLines);
        }
        let (_, before, end) = &tokens[self.index.checked_sub(1)?];
        let starts = (token.starts_statement() || token.starts_item()) && !before.ends();
        let apart =
            *before != Token::Newline && !before.opens() && text[*end..*start].contains('\n');
        (starts && apart && units::in_braces(tokens, groups, self.index))
            .then_some(Mend::SplitLines)
    }
}

/// A pattern may go on with `|` after a line break, so the grammar takes that break before it notices that the line
/// should not have ended. This gives the stop at the break itself.
fn before_line_break(tokens: &[Spanned], stop: Stop, file: FileId) -> Stop {
    let Some(before) = stop.index.checked_sub(1) else {
        return stop;
    };
    if tokens[before].1 != Token::Newline || stop.expected.iter().any(|name| name != "\"|\"") {
        return stop;
    }
    match run(&tokens[..before], &mut Context::new(file, BTreeMap::new())) {
        Err(stop) => stop,
        Ok(_) => stop,
    }
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
