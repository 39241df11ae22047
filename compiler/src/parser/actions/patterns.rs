//! Patterns.

use super::Context;
use crate::ast::*;
use crate::lexer::Integer;

impl Context {
    pub fn pattern(&self, start: usize, kind: PatternKind, end: usize) -> Pattern {
        Pattern {
            span: self.span(start, end),
            kind,
        }
    }

    pub fn bind(&self, name: Name) -> Pattern {
        Pattern {
            span: name.span,
            kind: PatternKind::Name(name),
        }
    }

    pub fn alternatives(&self, left: Pattern, right: Pattern) -> Pattern {
        let span = left.span.to(right.span);
        let kind = match left.kind {
            PatternKind::Or(mut list) => {
                list.push(right);
                PatternKind::Or(list)
            }
            _ => PatternKind::Or(vec![left, right]),
        };
        Pattern { span, kind }
    }

    pub fn tuple_pattern(
        &mut self,
        start: usize,
        first: Pattern,
        mut rest: Vec<Pattern>,
        end: usize,
    ) -> Pattern {
        if rest.is_empty() {
            let span = self.span(start, end);
            self.lone_tuple(span);
            return self.pattern(start, PatternKind::Paren(Box::new(first)), end);
        }
        rest.insert(0, first);
        self.pattern(start, PatternKind::Tuple(rest), end)
    }

    pub fn literal_pattern(&self, start: usize, literal: RangeEnd, end: usize) -> Pattern {
        let kind = match literal {
            RangeEnd::Int(value) => PatternKind::Int(value),
            RangeEnd::Char(value) => PatternKind::Char(value),
        };
        self.pattern(start, kind, end)
    }

    pub fn integer_end(&mut self, start: usize, literal: Integer, end: usize) -> RangeEnd {
        let span = self.span(start, end);
        RangeEnd::Int(self.integer_value(literal, span))
    }

    pub fn negative_end(&self, literal: Integer) -> RangeEnd {
        RangeEnd::Int(match literal {
            Integer::Decimal(value) | Integer::Bits(value) => value.wrapping_neg(),
            Integer::MinMagnitude => i64::MIN,
        })
    }

    pub fn path(&self, module: Option<Name>, parent: Option<Name>, name: Name) -> Box<PatternPath> {
        Box::new(PatternPath {
            module,
            parent,
            name,
            arguments: None,
        })
    }

    pub fn path_pattern(
        &mut self,
        start: usize,
        mut path: Box<PatternPath>,
        arguments: Vec<PatternArgument>,
        end: usize,
    ) -> Pattern {
        self.check_rest_pattern(&arguments);
        path.arguments = Some(arguments);
        self.pattern(start, PatternKind::Path(path), end)
    }

    pub fn list_pattern(
        &mut self,
        start: usize,
        elements: Vec<ListElement>,
        end: usize,
    ) -> Pattern {
        self.check_one_rest(&elements);
        self.pattern(start, PatternKind::List(elements), end)
    }
}
