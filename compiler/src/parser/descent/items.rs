//! Items, members and signatures.

use super::Reader;
use crate::ast::{Attribute, Function, Generic, ImportName, Item, ItemKind, Signature};
use crate::lexer::Token;
use crate::parser::actions::{Member, RawParameter};

impl Reader<'_> {
    pub(super) fn item(&mut self) -> Option<Box<Item>> {
        let start = self.start();
        let attributes = self.attributes()?;
        let public = self.place_of(Token::Pub);
        let kind = self.declaration()?;
        self.cx
            .item(start, attributes, public, Some(kind), self.end)
    }

    fn attributes(&mut self) -> Option<Vec<Attribute>> {
        let mut list = Vec::new();
        while self.is(&Token::At) {
            let start = self.start();
            self.skip();
            let name = self.name()?;
            let arguments = if self.eat(Token::LParen) {
                Some(self.commas(Token::RParen, Self::argument)?)
            } else {
                None
            };
            list.push(self.cx.attribute(start, name, arguments, self.end));
            self.eat(Token::Newline);
        }
        Some(list)
    }

    fn declaration(&mut self) -> Option<Box<ItemKind>> {
        match self.peek() {
            Token::Fn => {
                let function = self.function()?;
                self.cx.function(function)
            }
            Token::Import => self.import(),
            Token::Opaque | Token::Struct | Token::Enum => self.type_declaration(),
            Token::Trait => {
                self.skip();
                let name = self.upper()?;
                let generics = self.generics()?;
                let functions = self.lines(|reader| {
                    let start = reader.start();
                    let attributes = reader.attributes()?;
                    let signature = reader.signature()?;
                    let default = if reader.is(&Token::LBrace) {
                        Some(reader.block()?)
                    } else {
                        None
                    };
                    let cx = &mut *reader.cx;
                    Some(cx.trait_function(start, attributes, signature, default, reader.end))
                })?;
                self.cx.interface(name, generics, functions)
            }
            Token::Impl => {
                self.skip();
                let generics = self.generics()?;
                let of = self.named_type()?;
                self.expect(Token::For)?;
                let target = self.ty()?;
                let members = self.lines(|reader| {
                    let start = reader.start();
                    let function = reader.function()?;
                    let cx = &mut *reader.cx;
                    Some(cx.method(start, Vec::new(), None, function, reader.end))
                })?;
                self.cx.implementation(generics, of, target, members)
            }
            Token::Const => {
                self.skip();
                let name = self.name()?;
                let ty = self.maybe_type_note()?;
                self.expect(Token::Eq)?;
                let value = self.expr()?;
                self.cx.constant(name, ty, value)
            }
            Token::Type => {
                self.skip();
                let name = self.upper()?;
                let generics = self.generics()?;
                self.expect(Token::Eq)?;
                let ty = self.ty()?;
                self.cx.alias(name, generics, ty)
            }
            Token::Test => {
                self.skip();
                let name = self.text()?;
                let parameters = if self.eat(Token::LParen) {
                    Some(self.commas(Token::RParen, Self::parameter)?)
                } else {
                    None
                };
                let body = self.block()?;
                self.cx.test(name, parameters, body)
            }
            _ => None,
        }
    }

    fn import(&mut self) -> Option<Box<ItemKind>> {
        self.skip();
        if !self.eat(Token::LBrace) {
            let name = self.name()?;
            self.expect(Token::From)?;
            let path = self.text()?;
            return self.cx.import_module(name, path);
        }
        let names = self.commas1(Token::RBrace, Self::import_name)?;
        self.expect(Token::From)?;
        let path = self.text()?;
        self.cx.import_names(names, path)
    }

    fn import_name(&mut self) -> Option<ImportName> {
        let is_upper = matches!(self.peek(), Token::Upper(_));
        let rule = if is_upper { Self::upper } else { Self::name };
        let name = rule(self)?;
        let alias = if self.eat(Token::As) {
            Some(rule(self)?)
        } else {
            None
        };
        Some(self.cx.import_name(name, alias))
    }

    /// A struct or an enum.
    fn type_declaration(&mut self) -> Option<Box<ItemKind>> {
        let opaque = self.place_of(Token::Opaque);
        let word = self.take();
        let name = self.upper()?;
        let generics = self.generics()?;
        match word {
            Token::Struct => {
                let members = self.lines(Self::struct_member)?;
                self.cx.structure(opaque, name, generics, members)
            }
            Token::Enum => {
                let members = self.lines(Self::enum_member)?;
                self.cx.enumeration(opaque, name, generics, members)
            }
            _ => None,
        }
    }

    fn struct_member(&mut self) -> Option<Box<Member>> {
        let start = self.start();
        let attributes = self.attributes()?;
        if let Token::Pub | Token::Fn = self.peek() {
            return self.method(start, attributes);
        }
        let name = self.name()?;
        let ty = self.type_note()?;
        let default = if self.eat(Token::Eq) {
            Some(self.expr()?)
        } else {
            None
        };
        let cx = &mut *self.cx;
        Some(cx.field(start, attributes, name, ty, default, self.end))
    }

    fn enum_member(&mut self) -> Option<Box<Member>> {
        let start = self.start();
        let attributes = self.attributes()?;
        if let Token::Pub | Token::Fn = self.peek() {
            return self.method(start, attributes);
        }
        let name = self.upper()?;
        let parts = if self.eat(Token::LParen) {
            Some(self.commas1(Token::RParen, |reader| {
                let named =
                    Self::is_name(reader.peek()) && matches!(reader.peek_behind(1), Token::Colon);
                if !named {
                    return Some((None, reader.ty()?));
                }
                let name = reader.name()?;
                Some((Some(name), reader.type_note()?))
            })?)
        } else {
            None
        };
        Some(self.cx.variant(start, attributes, name, parts, self.end))
    }

    fn method(&mut self, start: usize, attributes: Vec<Attribute>) -> Option<Box<Member>> {
        let public = self.place_of(Token::Pub);
        let function = self.function()?;
        let cx = &mut *self.cx;
        Some(cx.method(start, attributes, public, function, self.end))
    }

    fn function(&mut self) -> Option<Box<Function>> {
        let signature = *self.signature()?;
        let body = self.block()?;
        Some(Box::new(Function { signature, body }))
    }

    fn signature(&mut self) -> Option<Box<Signature>> {
        let start = self.start();
        self.expect(Token::Fn)?;
        let name = self.name()?;
        let generics = self.generics()?;
        self.expect(Token::LParen)?;
        let parameters = self.commas(Token::RParen, Self::parameter)?;
        let result = self.result_type()?;
        let cx = &mut *self.cx;
        Some(cx.signature(start, name, generics, parameters, result, self.end))
    }

    fn generics(&mut self) -> Option<Vec<Generic>> {
        if !self.eat(Token::LBracket) {
            return Some(Vec::new());
        }
        self.commas1(Token::RBracket, |reader| {
            let name = reader.upper()?;
            let mut bounds = Vec::new();
            if reader.eat(Token::Colon) {
                bounds.push(*reader.named_type()?);
                while reader.eat(Token::Plus) {
                    bounds.push(*reader.named_type()?);
                }
            }
            Some(reader.cx.generic(name, bounds))
        })
    }

    fn parameter(&mut self) -> Option<Box<RawParameter>> {
        let start = self.start();
        let mutable = self.place_of(Token::Mut);
        if self.eat(Token::SelfValue) {
            return Some(self.cx.receiver(start, mutable, self.end));
        }
        let name = self.name()?;
        let ty = self.type_note()?;
        Some(self.cx.parameter(start, mutable, name, ty, self.end))
    }
}
