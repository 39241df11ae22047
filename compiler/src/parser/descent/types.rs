//! Types.

use super::Reader;
use crate::ast::{FunctionTypeParameter, NamedType, Type, TypeKind};
use crate::lexer::Token;

impl Reader<'_> {
    pub(super) fn ty(&mut self) -> Option<Type> {
        self.nested(|reader| match reader.peek() {
            Token::Fn => reader.function_type(),
            _ => reader.post_type(),
        })
    }

    fn function_type(&mut self) -> Option<Type> {
        let start = self.start();
        self.skip();
        self.expect(Token::LParen)?;
        let parameters = self.commas(Token::RParen, |reader| {
            Some(FunctionTypeParameter {
                mutable: reader.place_of(Token::Mut),
                ty: reader.ty()?,
            })
        })?;
        let result = self.result_type()?;
        Some(self.cx.function_type(start, parameters, result, self.end))
    }

    /// `-> Type`, if it is there.
    pub(super) fn result_type(&mut self) -> Option<Option<Type>> {
        if self.eat(Token::Arrow) {
            return Some(Some(self.ty()?));
        }
        Some(None)
    }

    /// `: Type`.
    pub(super) fn type_note(&mut self) -> Option<Type> {
        self.expect(Token::Colon)?;
        self.ty()
    }

    /// `: Type`, if it is there.
    pub(super) fn maybe_type_note(&mut self) -> Option<Option<Type>> {
        if self.is(&Token::Colon) {
            return Some(Some(self.type_note()?));
        }
        Some(None)
    }

    fn post_type(&mut self) -> Option<Type> {
        let start = self.start();
        let mut ty = self.atom_type()?;
        while self.eat(Token::Question) {
            ty = self.cx.ty(start, TypeKind::Option(Box::new(ty)), self.end);
        }
        Some(ty)
    }

    fn atom_type(&mut self) -> Option<Type> {
        let start = self.start();
        match self.peek() {
            Token::SelfType => {
                self.skip();
                Some(self.cx.ty(start, TypeKind::SelfType, self.end))
            }
            Token::LParen => {
                self.skip();
                if self.eat(Token::RParen) {
                    return Some(self.cx.ty(start, TypeKind::Unit, self.end));
                }
                let first = self.ty()?;
                if self.eat(Token::RParen) {
                    let kind = TypeKind::Paren(Box::new(first));
                    return Some(self.cx.ty(start, kind, self.end));
                }
                self.expect(Token::Comma)?;
                let rest = self.commas(Token::RParen, Self::ty)?;
                Some(self.cx.tuple_type(start, first, rest, self.end))
            }
            _ => {
                let named = self.named_type()?;
                Some(self.cx.ty(start, TypeKind::Named(named), self.end))
            }
        }
    }

    pub(super) fn named_type(&mut self) -> Option<Box<NamedType>> {
        let start = self.start();
        let module = if Self::is_name(self.peek()) {
            let name = self.name()?;
            self.expect(Token::Dot)?;
            Some(name)
        } else {
            None
        };
        let name = self.upper()?;
        let arguments = if self.eat(Token::LBracket) {
            Some(self.commas1(Token::RBracket, Self::ty)?)
        } else {
            None
        };
        Some(self.cx.named_type(start, module, name, arguments, self.end))
    }
}
