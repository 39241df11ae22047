//! Names, items, members and parameters.

use super::Context;
use crate::ast::*;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use std::rc::Rc;

/// A parameter as the grammar sees it.
pub enum RawParameter {
    Receiver(Receiver),
    Named(Parameter),
}

/// A member of a struct, enum or impl.
pub enum Member {
    Field(Field),
    Variant(Variant),
    Method(Method),
    /// Did not parse.
    Broken,
}

impl Context {
    pub fn name(&self, start: usize, text: Rc<str>, end: usize) -> Name {
        Name {
            text,
            span: self.span(start, end),
        }
    }

    pub fn present(&self, items: Vec<Option<Box<Item>>>) -> Vec<Item> {
        items.into_iter().flatten().map(|item| *item).collect()
    }

    pub fn item(
        &mut self,
        start: usize,
        attributes: Vec<Attribute>,
        public: Option<Span>,
        kind: Option<Box<ItemKind>>,
        end: usize,
    ) -> Option<Box<Item>> {
        let docs = self.docs_at(start);
        Some(Box::new(Item {
            span: self.span(start, end),
            docs,
            attributes,
            public,
            kind: *kind?,
        }))
    }

    pub fn broken_item(&mut self) -> Option<Box<ItemKind>> {
        self.complete = false;
        None
    }

    pub fn attribute(
        &self,
        start: usize,
        name: Name,
        arguments: Option<Vec<Argument>>,
        end: usize,
    ) -> Attribute {
        Attribute {
            span: self.span(start, end),
            name,
            arguments: arguments.unwrap_or_default(),
        }
    }

    pub fn import_module(
        &self,
        name: Name,
        (path, path_span): (Rc<str>, Span),
    ) -> Option<Box<ItemKind>> {
        Some(Box::new(ItemKind::Import(Import {
            what: ImportWhat::Module(name),
            path,
            path_span,
        })))
    }

    pub fn import_names(
        &self,
        names: Vec<ImportName>,
        (path, path_span): (Rc<str>, Span),
    ) -> Option<Box<ItemKind>> {
        Some(Box::new(ItemKind::Import(Import {
            what: ImportWhat::Names(names),
            path,
            path_span,
        })))
    }

    pub fn import_name(&self, name: Name, alias: Option<Name>) -> ImportName {
        ImportName { name, alias }
    }

    pub fn generic(&self, name: Name, bounds: Vec<NamedType>) -> Generic {
        Generic { name, bounds }
    }

    pub fn function(&mut self, mut function: Box<Function>) -> Option<Box<ItemKind>> {
        if let Some(receiver) = function.signature.receiver.take() {
            self.misplaced_self(
                receiver.span,
                "a function at the top of a file has no `self`",
            );
        }
        Some(Box::new(ItemKind::Function(*function)))
    }

    pub fn structure(
        &mut self,
        opaque: Option<Span>,
        name: Name,
        generics: Vec<Generic>,
        members: Vec<Box<Member>>,
    ) -> Option<Box<ItemKind>> {
        let (fields, _, methods) = self.sort_members(members);
        Some(Box::new(ItemKind::Struct(Struct {
            opaque,
            name,
            generics,
            fields,
            methods,
        })))
    }

    pub fn enumeration(
        &mut self,
        opaque: Option<Span>,
        name: Name,
        generics: Vec<Generic>,
        members: Vec<Box<Member>>,
    ) -> Option<Box<ItemKind>> {
        let (_, variants, methods) = self.sort_members(members);
        Some(Box::new(ItemKind::Enum(Enum {
            opaque,
            name,
            generics,
            variants,
            methods,
        })))
    }

    pub fn interface(
        &self,
        name: Name,
        generics: Vec<Generic>,
        functions: Vec<Option<Box<TraitFunction>>>,
    ) -> Option<Box<ItemKind>> {
        Some(Box::new(ItemKind::Trait(Trait {
            name,
            generics,
            functions: functions.into_iter().flatten().map(|f| *f).collect(),
        })))
    }

    pub fn implementation(
        &mut self,
        generics: Vec<Generic>,
        of: Box<NamedType>,
        target: Type,
        members: Vec<Box<Member>>,
    ) -> Option<Box<ItemKind>> {
        let (_, _, functions) = self.sort_members(members);
        Some(Box::new(ItemKind::Impl(Impl {
            generics,
            of: *of,
            target,
            functions,
        })))
    }

    pub fn constant(&self, name: Name, ty: Option<Type>, value: Expr) -> Option<Box<ItemKind>> {
        Some(Box::new(ItemKind::Const(Const { name, ty, value })))
    }

    pub fn alias(&self, name: Name, generics: Vec<Generic>, ty: Type) -> Option<Box<ItemKind>> {
        Some(Box::new(ItemKind::Alias(Alias { name, generics, ty })))
    }

    pub fn test(
        &mut self,
        (name, name_span): (Rc<str>, Span),
        parameters: Option<Vec<Box<RawParameter>>>,
        body: Block,
    ) -> Option<Box<ItemKind>> {
        let (receiver, parameters) = self.sort_parameters(parameters.unwrap_or_default());
        if let Some(receiver) = receiver {
            self.misplaced_self(receiver.span, "a test has no `self`");
        }
        Some(Box::new(ItemKind::Test(Test {
            name,
            name_span,
            parameters,
            body,
        })))
    }

    // ---- members

    fn sort_members(
        &mut self,
        members: Vec<Box<Member>>,
    ) -> (Vec<Field>, Vec<Variant>, Vec<Method>) {
        let (mut fields, mut variants) = (Vec::new(), Vec::new());
        // They are large, and mostly the last of the members.
        let kinds = members.iter().map(|member| &**member);
        let found = kinds.filter(|kind| matches!(kind, Member::Method(_)));
        let mut methods = Vec::with_capacity(found.count());
        for member in members {
            match *member {
                Member::Field(field) => fields.push(field),
                Member::Variant(variant) => variants.push(variant),
                Member::Method(method) => methods.push(method),
                Member::Broken => {}
            }
        }
        (fields, variants, methods)
    }

    pub fn field(
        &mut self,
        start: usize,
        attributes: Vec<Attribute>,
        name: Name,
        ty: Type,
        default: Option<Expr>,
        end: usize,
    ) -> Box<Member> {
        let docs = self.docs_at(start);
        Box::new(Member::Field(Field {
            span: self.span(start, end),
            docs,
            attributes,
            name,
            ty,
            default,
        }))
    }

    pub fn variant(
        &mut self,
        start: usize,
        attributes: Vec<Attribute>,
        name: Name,
        parts: Option<Vec<(Option<Name>, Type)>>,
        end: usize,
    ) -> Box<Member> {
        let docs = self.docs_at(start);
        let payload = parts.map_or(Payload::None, |parts| self.payload(parts));
        Box::new(Member::Variant(Variant {
            span: self.span(start, end),
            docs,
            attributes,
            name,
            payload,
        }))
    }

    /// Names for all parts or for none.
    fn payload(&mut self, parts: Vec<(Option<Name>, Type)>) -> Payload {
        let Some(named) = parts.iter().find_map(|(name, _)| name.clone()) else {
            return Payload::Unnamed(parts.into_iter().map(|(_, ty)| ty).collect());
        };
        if let Some((_, unnamed)) = parts.iter().find(|(name, _)| name.is_none()) {
            let error = Diagnostic::error("E0215", "a variant names all of its parts or none")
                .at(unnamed.span, "this part has no name")
                .also(named.span, "this one has");
            self.found.push(error);
        }
        let nameless = |ty: &Type| Name {
            text: Rc::from(""),
            span: ty.span.before(),
        };
        let parts = parts.into_iter();
        Payload::Named(
            parts
                .map(|(name, ty)| (name.unwrap_or_else(|| nameless(&ty)), ty))
                .collect(),
        )
    }

    pub fn method(
        &mut self,
        start: usize,
        attributes: Vec<Attribute>,
        public: Option<Span>,
        function: Box<Function>,
        end: usize,
    ) -> Box<Member> {
        let docs = self.docs_at(start);
        Box::new(Member::Method(Method {
            span: self.span(start, end),
            docs,
            attributes,
            public,
            function: *function,
        }))
    }

    pub fn broken_member(&mut self) -> Box<Member> {
        self.complete = false;
        Box::new(Member::Broken)
    }

    pub fn trait_function(
        &mut self,
        start: usize,
        attributes: Vec<Attribute>,
        signature: Box<Signature>,
        default: Option<Block>,
        end: usize,
    ) -> Option<Box<TraitFunction>> {
        let docs = self.docs_at(start);
        Some(Box::new(TraitFunction {
            span: self.span(start, end),
            docs,
            attributes,
            signature: *signature,
            default,
        }))
    }

    pub fn broken_trait_function(&mut self) -> Option<Box<TraitFunction>> {
        self.complete = false;
        None
    }

    // ---- parameters

    pub fn signature(
        &mut self,
        start: usize,
        name: Name,
        generics: Vec<Generic>,
        parameters: Vec<Box<RawParameter>>,
        result: Option<Type>,
        end: usize,
    ) -> Box<Signature> {
        let (receiver, parameters) = self.sort_parameters(parameters);
        Box::new(Signature {
            span: self.span(start, end),
            name,
            generics,
            receiver,
            parameters,
            result,
        })
    }

    fn sort_parameters(
        &mut self,
        raw: Vec<Box<RawParameter>>,
    ) -> (Option<Receiver>, Vec<Parameter>) {
        let mut first = None;
        let mut parameters = Vec::new();
        for (index, parameter) in raw.into_iter().enumerate() {
            match *parameter {
                RawParameter::Receiver(receiver) if index == 0 => first = Some(receiver),
                RawParameter::Receiver(receiver) => {
                    self.misplaced_self(
                        receiver.span,
                        "`self` is the first parameter, and only once",
                    );
                }
                RawParameter::Named(parameter) => parameters.push(parameter),
            }
        }
        (first, parameters)
    }

    fn misplaced_self(&mut self, span: Span, label: &str) {
        let error = Diagnostic::error("E0211", "`self` does not belong here")
            .at(span, label)
            .help("methods stand inside the body of their struct, enum, trait or impl and have `self` first");
        self.found.push(error);
    }

    pub fn receiver(&self, start: usize, mutable: Option<Span>, end: usize) -> Box<RawParameter> {
        Box::new(RawParameter::Receiver(Receiver {
            span: self.span(start, end),
            mutable,
        }))
    }

    pub fn parameter(
        &self,
        start: usize,
        mutable: Option<Span>,
        name: Name,
        ty: Type,
        end: usize,
    ) -> Box<RawParameter> {
        Box::new(RawParameter::Named(Parameter {
            span: self.span(start, end),
            mutable,
            name,
            ty,
        }))
    }
}
