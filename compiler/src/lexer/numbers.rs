//! Where numbers end. Their values are in [`super::literal`].

use super::literal::{self, Number};
use super::{Integer, Scanner, Token};
use crate::diagnostic::Diagnostic;
use std::ops::Range;

impl Scanner<'_> {
    pub(super) fn number(&mut self, span: Range<usize>) {
        let position = matches!(self.out.tokens.last(), Some((_, Token::Dot, _)));
        let end = if position {
            span.end
        } else {
            self.number_end(span.end)
        };
        self.logos.bump(end - span.end);
        let text = &self.text[span.start..end];
        let span = span.start..end;
        let number = literal::number(text);
        let token = match number {
            Ok(Number::Int(value)) => Token::Int(value),
            Ok(Number::Float(value)) => Token::Float(value),
            Err(fault) => {
                self.fault(fault, span.clone());
                // Whichever of the two was meant, so that the checker finds nothing more.
                if text.contains('.') {
                    Token::Float(0.0)
                } else {
                    Token::Int(Integer::Decimal(0))
                }
            }
        };
        if position && !text.bytes().all(|byte| byte.is_ascii_digit()) {
            let found =
                Diagnostic::error("E0103", "a position in a tuple is written in plain digits")
                    .at(self.span(span.clone()), "`.0` is the first");
            self.out.found.push(found);
        }
        self.push(token, span);
    }

    /// Where a number ends of which the whole part ends at `end`: behind `.5`, `e-5` and whatever letters follow.
    fn number_end(&self, mut end: usize) -> usize {
        let bytes = self.text.as_bytes();
        let start = self.logos.span().start;
        let based = matches!(
            bytes.get(start + 1),
            Some(b'x' | b'X' | b'b' | b'B' | b'o' | b'O')
        );
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let word_end = |mut at: usize| {
            while bytes
                .get(at)
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            {
                at += 1;
            }
            at
        };
        if based {
            return end;
        }
        if bytes.get(end) == Some(&b'.') && digit(end + 1) {
            end = word_end(end + 1);
        }
        if matches!(bytes[end - 1], b'e' | b'E')
            && matches!(bytes.get(end), Some(b'+' | b'-'))
            && digit(end + 1)
        {
            end = word_end(end + 1);
        }
        end
    }
}
