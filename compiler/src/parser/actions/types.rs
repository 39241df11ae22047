//! Types.

use super::Context;
use crate::ast::*;

impl Context {
    pub fn ty(&mut self, start: usize, kind: TypeKind, end: usize) -> Type {
        let span = self.span(start, end);
        match kind.depth() {
            depth if depth <= MAX_DEPTH => Type { span, kind, depth },
            _ => {
                self.report_depth(span);
                Type {
                    span,
                    kind: TypeKind::Error,
                    depth: 0,
                }
            }
        }
    }

    pub fn tuple_type(
        &mut self,
        start: usize,
        first: Type,
        mut rest: Vec<Type>,
        end: usize,
    ) -> Type {
        let span = self.span(start, end);
        if rest.is_empty() {
            self.lone_tuple(span);
            return self.ty(start, TypeKind::Paren(Box::new(first)), end);
        }
        rest.insert(0, first);
        self.ty(start, TypeKind::Tuple(rest), end)
    }

    pub fn function_type(
        &mut self,
        start: usize,
        parameters: Vec<FunctionTypeParameter>,
        result: Option<Type>,
        end: usize,
    ) -> Type {
        self.ty(
            start,
            TypeKind::Function {
                parameters,
                result: result.map(Box::new),
            },
            end,
        )
    }

    pub fn named_type(
        &self,
        start: usize,
        module: Option<Name>,
        name: Name,
        arguments: Option<Vec<Type>>,
        end: usize,
    ) -> Box<NamedType> {
        Box::new(NamedType {
            span: self.span(start, end),
            module,
            name,
            arguments: arguments.unwrap_or_default(),
        })
    }
}
