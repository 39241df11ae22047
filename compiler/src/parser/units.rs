//! The statement, member, arm or item around a token, found without the grammar.

use crate::lexer::{Spanned, Token};
use std::ops::Range;

/// Which brackets belong together.
pub struct Groups {
    /// For each token that opens or closes the index of its partner, for others their own.
    partner: Vec<usize>,
}

impl Groups {
    /// Finds the pairs. The lexer has seen to it that each bracket has its partner.
    pub fn new(tokens: &[Spanned]) -> Self {
        let mut partner: Vec<usize> = (0..tokens.len()).collect();
        let mut open = Vec::new();
        for (index, (_, token, _)) in tokens.iter().enumerate() {
            if token.opens() {
                open.push(index);
            } else if token.closes()
                && let Some(start) = open.pop()
            {
                partner[start] = index;
                partner[index] = start;
            }
        }
        Groups { partner }
    }

    /// The other bracket of a pair.
    pub fn partner(&self, index: usize) -> usize {
        self.partner[index]
    }
}

/// The smallest unit that holds the token at `index` and is more than a single [`Token::Broken`]. A line break, and the
/// end of the file, belong to the unit before them. Empty only if the whole file is.
pub fn around(tokens: &[Spanned], groups: &Groups, index: usize) -> Range<usize> {
    let mut unit = line(tokens, groups, index);
    while unit.is_empty() || matches!(tokens[unit.clone()], [(_, Token::Broken, _)]) {
        let Some(before) = unit.start.checked_sub(1) else {
            return unit;
        };
        unit = match tokens[before].1 {
            // The line before goes with it: it ended in the middle of something.
            Token::Newline => line(tokens, groups, before).start..unit.end,
            // Out of the braces.
            _ => line(tokens, groups, before),
        };
    }
    unit
}

/// Whether a token stands directly in braces, or in the file itself, where line breaks count.
pub fn in_braces(tokens: &[Spanned], groups: &Groups, index: usize) -> bool {
    let mut start = index;
    while let Some(before) = start.checked_sub(1) {
        let token = &tokens[before].1;
        if token.opens() {
            return *token == Token::LBrace;
        }
        start = groups.partner(before).min(before);
    }
    true
}

/// What lies between the line breaks or braces around a token. Steps out of parentheses, brackets and strings.
fn line(tokens: &[Spanned], groups: &Groups, index: usize) -> Range<usize> {
    let mut start = index;
    while let Some(before) = start.checked_sub(1) {
        let token = &tokens[before].1;
        if matches!(token, Token::Newline | Token::LBrace) {
            break;
        }
        start = if token.closes() {
            groups.partner(before)
        } else {
            before
        };
    }
    start..end_of_line(tokens, groups, start)
}

/// Where the line ends that starts at `start`.
pub fn end_of_line(tokens: &[Spanned], groups: &Groups, start: usize) -> usize {
    let mut end = start;
    while let Some((_, token, _)) = tokens.get(end) {
        if *token == Token::Newline || token.closes() {
            break;
        }
        end = if token.opens() {
            groups.partner(end) + 1
        } else {
            end + 1
        };
    }
    end
}
