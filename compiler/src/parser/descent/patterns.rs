//! Patterns.

use super::Reader;
use crate::ast::{ListElement, Pattern, PatternArgument, PatternKind, RangeEnd};
use crate::lexer::Token;

impl Reader<'_> {
    pub(super) fn pattern(&mut self) -> Option<Pattern> {
        self.nested(|reader| {
            let mut pattern = reader.pattern_alternative()?;
            loop {
                match (reader.peek(), reader.peek_behind(1)) {
                    (Token::Bar, _) => reader.skip(),
                    (Token::Newline, Token::Bar) => {
                        reader.skip();
                        reader.skip();
                    }
                    _ => return Some(pattern),
                }
                let next = reader.pattern_alternative()?;
                pattern = reader.cx.alternatives(pattern, next);
            }
        })
    }

    fn pattern_alternative(&mut self) -> Option<Pattern> {
        let start = self.start();
        match self.peek() {
            Token::Int(_) | Token::Minus | Token::Char(_) => {
                let first = self.pattern_literal()?;
                if !self.eat(Token::DotDotEq) {
                    return Some(self.cx.literal_pattern(start, first, self.end));
                }
                let last = self.pattern_literal()?;
                let kind = PatternKind::Range(first, last);
                Some(self.cx.pattern(start, kind, self.end))
            }
            name if Self::is_name(name) && !matches!(self.peek_behind(1), Token::Dot) => {
                let name = self.name()?;
                Some(self.cx.bind(name))
            }
            _ => self.simple_pattern(),
        }
    }

    pub(super) fn simple_pattern(&mut self) -> Option<Pattern> {
        let start = self.start();
        let kind = match self.peek() {
            Token::Underscore => {
                self.skip();
                PatternKind::Wildcard
            }
            Token::Int(_) | Token::Minus | Token::Char(_) => {
                let literal = self.pattern_literal()?;
                return Some(self.cx.literal_pattern(start, literal, self.end));
            }
            Token::Str(_) => match self.take() {
                Token::Str(text) => PatternKind::String(text),
                _ => return None,
            },
            Token::True => {
                self.skip();
                PatternKind::Bool(true)
            }
            Token::False => {
                self.skip();
                PatternKind::Bool(false)
            }
            Token::LParen => return self.tuple_pattern(),
            Token::LBracket => {
                self.skip();
                let elements = self.commas(Token::RBracket, Self::list_element)?;
                return Some(self.cx.list_pattern(start, elements, self.end));
            }
            _ => return self.path_pattern(),
        };
        Some(self.cx.pattern(start, kind, self.end))
    }

    fn tuple_pattern(&mut self) -> Option<Pattern> {
        let start = self.start();
        self.skip();
        if self.eat(Token::RParen) {
            return Some(self.cx.pattern(start, PatternKind::Unit, self.end));
        }
        let is_mut = self.is(&Token::Mut);
        let first = self.inner_pattern()?;
        if self.is(&Token::RParen) {
            self.skip();
            let kind = PatternKind::Paren(Box::new(first));
            // `(mut x)` is no pattern.
            return (!is_mut).then(|| self.cx.pattern(start, kind, self.end));
        }
        self.expect(Token::Comma)?;
        let rest = self.commas(Token::RParen, Self::inner_pattern)?;
        Some(self.cx.tuple_pattern(start, first, rest, self.end))
    }

    /// `module.Enum.Variant(...)`, as much of it as there is.
    fn path_pattern(&mut self) -> Option<Pattern> {
        let start = self.start();
        let module = if Self::is_name(self.peek()) {
            let name = self.name()?;
            self.expect(Token::Dot)?;
            Some(name)
        } else {
            None
        };
        let mut name = self.upper()?;
        let mut parent = None;
        if self.eat(Token::Dot) {
            parent = Some(std::mem::replace(&mut name, self.upper()?));
        }
        let path = self.cx.path(module, parent, name);
        if !self.eat(Token::LParen) {
            return Some(self.cx.pattern(start, PatternKind::Path(path), self.end));
        }
        let arguments = self.commas(Token::RParen, Self::pattern_argument)?;
        Some(self.cx.path_pattern(start, path, arguments, self.end))
    }

    fn pattern_argument(&mut self) -> Option<PatternArgument> {
        if let Some(rest) = self.place_of(Token::DotDot) {
            return Some(PatternArgument::Rest(rest));
        }
        if Self::is_name(self.peek()) && matches!(self.peek_behind(1), Token::Colon) {
            let name = self.name()?;
            self.skip();
            return Some(PatternArgument::Named(name, self.inner_pattern()?));
        }
        Some(PatternArgument::Pattern(self.inner_pattern()?))
    }

    fn list_element(&mut self) -> Option<ListElement> {
        let start = self.start();
        if !self.eat(Token::DotDot) {
            return Some(ListElement::Pattern(self.inner_pattern()?));
        }
        let name = if Self::is_name(self.peek()) {
            Some(self.name()?)
        } else {
            None
        };
        let span = self.cx.span(start, self.end);
        Some(ListElement::Rest { span, name })
    }

    fn inner_pattern(&mut self) -> Option<Pattern> {
        let start = self.start();
        if self.eat(Token::Mut) {
            let kind = PatternKind::MutName(self.name()?);
            return Some(self.cx.pattern(start, kind, self.end));
        }
        self.pattern()
    }

    fn pattern_literal(&mut self) -> Option<RangeEnd> {
        let start = self.start();
        match self.take() {
            Token::Int(value) => Some(self.cx.integer_end(start, value, self.end)),
            Token::Char(value) => Some(RangeEnd::Char(value)),
            Token::Minus => match self.take() {
                Token::Int(value) => Some(self.cx.negative_end(value)),
                _ => None,
            },
            _ => None,
        }
    }

    /// What a parameter of a lambda binds: a name, `_`, or a tuple of such.
    pub(super) fn bind_pattern(&mut self) -> Option<Pattern> {
        let start = self.start();
        match self.peek() {
            Token::Underscore => {
                self.skip();
                Some(self.cx.pattern(start, PatternKind::Wildcard, self.end))
            }
            Token::LParen => self.nested(|reader| {
                reader.skip();
                let first = reader.bind_pattern()?;
                if reader.eat(Token::RParen) {
                    let kind = PatternKind::Paren(Box::new(first));
                    return Some(reader.cx.pattern(start, kind, reader.end));
                }
                reader.expect(Token::Comma)?;
                let rest = reader.commas(Token::RParen, Self::bind_pattern)?;
                Some(reader.cx.tuple_pattern(start, first, rest, reader.end))
            }),
            _ => {
                let name = self.name()?;
                Some(self.cx.bind(name))
            }
        }
    }
}
