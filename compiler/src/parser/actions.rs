//! What the grammar's actions do: they build the tree, and look after what the grammar leaves open.
//!
//! Actions cannot fail. What they find wrong goes to [`Context::found`], which counts only if the whole file was parsed;
//! a run that ends in a syntax error is thrown away with its context.

use crate::ast::*;
use crate::diagnostic::Diagnostic;
use crate::lexer::Integer;
use crate::source::{FileId, Span};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the actions of one run share.
pub struct Context {
    file: FileId,
    /// Doc comments by the first byte of what they stand above.
    docs: BTreeMap<usize, Doc>,
    used_docs: BTreeSet<usize>,
    /// Errors and warnings that need no second look at the tokens.
    pub found: Vec<Diagnostic>,
    /// Nothing was left out.
    pub complete: bool,
    /// The integer literal read last, if it is decimal: a `-` reduced next, right before it, belongs to it.
    last_decimal: Option<Span>,
    /// Literals `9223372036854775808` that no `-` has claimed yet.
    unsigned_min: BTreeSet<Span>,
    /// The nesting limit has been reported.
    too_deep: bool,
}

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
    pub fn new(file: FileId, docs: BTreeMap<usize, Doc>) -> Self {
        Context {
            file,
            docs,
            used_docs: BTreeSet::new(),
            found: Vec::new(),
            complete: true,
            last_decimal: None,
            unsigned_min: BTreeSet::new(),
            too_deep: false,
        }
    }

    pub fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end.max(start))
    }

    /// What can be told only when the file has been read.
    pub fn finish(&mut self) {
        // What a doc comment stood above may be among what did not parse.
        let docs = if self.complete {
            std::mem::take(&mut self.docs)
        } else {
            BTreeMap::new()
        };
        for (_, doc) in docs.iter().filter(|(at, _)| !self.used_docs.contains(at)) {
            self.found.push(crate::lexer::lost_doc(doc.span));
        }
        for span in std::mem::take(&mut self.unsigned_min) {
            self.found.push(
                min_magnitude(span)
                    .help("the smallest `Int` is `Int.min_value`, the largest `Int.max_value`"),
            );
        }
    }

    /// Reports a literal that would fit if the `-` before it belonged to it: `-9223372036854775808.abs()`. Gives whether
    /// it is one.
    pub fn claim_min(&mut self, minus: Span, literal: Span) -> bool {
        let found = self.unsigned_min.remove(&literal);
        if found {
            let error = min_magnitude(literal).help("the smallest `Int` has a name");
            self.found
                .push(error.edit(minus.to(literal), "Int.min_value"));
        }
        found
    }

    fn docs_at(&mut self, start: usize) -> Option<Doc> {
        let doc = self.docs.get(&start).cloned();
        if doc.is_some() {
            self.used_docs.insert(start);
        }
        doc
    }

    // ---- names, items

    pub fn name(&self, start: usize, text: Arc<str>, end: usize) -> Name {
        Name {
            text,
            span: self.span(start, end),
        }
    }

    pub fn present(&self, items: Vec<Option<Item>>) -> Vec<Item> {
        items.into_iter().flatten().collect()
    }

    pub fn item(
        &mut self,
        start: usize,
        attributes: Vec<Attribute>,
        public: Option<Span>,
        kind: Option<ItemKind>,
        end: usize,
    ) -> Option<Item> {
        let docs = self.docs_at(start);
        Some(Item {
            span: self.span(start, end),
            docs,
            attributes,
            public,
            kind: kind?,
        })
    }

    pub fn broken_item(&mut self) -> Option<ItemKind> {
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
        (path, path_span): (Arc<str>, Span),
    ) -> Option<ItemKind> {
        Some(ItemKind::Import(Import {
            what: ImportWhat::Module(name),
            path,
            path_span,
        }))
    }

    pub fn import_names(
        &self,
        names: Vec<ImportName>,
        (path, path_span): (Arc<str>, Span),
    ) -> Option<ItemKind> {
        Some(ItemKind::Import(Import {
            what: ImportWhat::Names(names),
            path,
            path_span,
        }))
    }

    pub fn import_name(&self, name: Name, alias: Option<Name>) -> ImportName {
        ImportName { name, alias }
    }

    pub fn generic(&self, name: Name, bounds: Vec<NamedType>) -> Generic {
        Generic { name, bounds }
    }

    pub fn function(&mut self, mut function: Function) -> Option<ItemKind> {
        if let Some(receiver) = function.signature.receiver.take() {
            self.misplaced_self(
                receiver.span,
                "a function at the top of a file has no `self`",
            );
        }
        Some(ItemKind::Function(function))
    }

    pub fn structure(
        &mut self,
        opaque: Option<Span>,
        name: Name,
        generics: Vec<Generic>,
        members: Vec<Member>,
    ) -> Option<ItemKind> {
        let (fields, _, methods) = self.sort_members(members);
        Some(ItemKind::Struct(Struct {
            opaque,
            name,
            generics,
            fields,
            methods,
        }))
    }

    pub fn enumeration(
        &mut self,
        opaque: Option<Span>,
        name: Name,
        generics: Vec<Generic>,
        members: Vec<Member>,
    ) -> Option<ItemKind> {
        let (_, variants, methods) = self.sort_members(members);
        Some(ItemKind::Enum(Enum {
            opaque,
            name,
            generics,
            variants,
            methods,
        }))
    }

    pub fn interface(
        &self,
        name: Name,
        generics: Vec<Generic>,
        functions: Vec<Option<TraitFunction>>,
    ) -> Option<ItemKind> {
        Some(ItemKind::Trait(Trait {
            name,
            generics,
            functions: functions.into_iter().flatten().collect(),
        }))
    }

    pub fn implementation(
        &mut self,
        generics: Vec<Generic>,
        of: NamedType,
        target: Type,
        members: Vec<Member>,
    ) -> Option<ItemKind> {
        let (_, _, functions) = self.sort_members(members);
        Some(ItemKind::Impl(Impl {
            generics,
            of,
            target,
            functions,
        }))
    }

    pub fn constant(&self, name: Name, ty: Option<Type>, value: Expr) -> Option<ItemKind> {
        Some(ItemKind::Const(Const { name, ty, value }))
    }

    pub fn alias(&self, name: Name, generics: Vec<Generic>, ty: Type) -> Option<ItemKind> {
        Some(ItemKind::Alias(Alias { name, generics, ty }))
    }

    pub fn test(
        &mut self,
        (name, name_span): (Arc<str>, Span),
        parameters: Option<Vec<RawParameter>>,
        body: Block,
    ) -> Option<ItemKind> {
        let (receiver, parameters) = self.sort_parameters(parameters.unwrap_or_default());
        if let Some(receiver) = receiver {
            self.misplaced_self(receiver.span, "a test has no `self`");
        }
        Some(ItemKind::Test(Test {
            name,
            name_span,
            parameters,
            body,
        }))
    }

    // ---- members

    fn sort_members(&mut self, members: Vec<Member>) -> (Vec<Field>, Vec<Variant>, Vec<Method>) {
        let (mut fields, mut variants, mut methods) = (Vec::new(), Vec::new(), Vec::new());
        for member in members {
            match member {
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
    ) -> Member {
        let docs = self.docs_at(start);
        Member::Field(Field {
            span: self.span(start, end),
            docs,
            attributes,
            name,
            ty,
            default,
        })
    }

    pub fn variant(
        &mut self,
        start: usize,
        attributes: Vec<Attribute>,
        name: Name,
        parts: Option<Vec<(Option<Name>, Type)>>,
        end: usize,
    ) -> Member {
        let docs = self.docs_at(start);
        let payload = parts.map_or(Payload::None, |parts| self.payload(parts));
        Member::Variant(Variant {
            span: self.span(start, end),
            docs,
            attributes,
            name,
            payload,
        })
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
        Payload::Named(
            parts
                .into_iter()
                .filter_map(|(name, ty)| Some((name?, ty)))
                .collect(),
        )
    }

    pub fn method(
        &mut self,
        start: usize,
        attributes: Vec<Attribute>,
        public: Option<Span>,
        function: Function,
        end: usize,
    ) -> Member {
        let docs = self.docs_at(start);
        Member::Method(Method {
            span: self.span(start, end),
            docs,
            attributes,
            public,
            function,
        })
    }

    pub fn broken_member(&mut self) -> Member {
        self.complete = false;
        Member::Broken
    }

    pub fn trait_function(
        &mut self,
        start: usize,
        attributes: Vec<Attribute>,
        signature: Signature,
        default: Option<Block>,
        end: usize,
    ) -> Option<TraitFunction> {
        let docs = self.docs_at(start);
        Some(TraitFunction {
            span: self.span(start, end),
            docs,
            attributes,
            signature,
            default,
        })
    }

    pub fn broken_trait_function(&mut self) -> Option<TraitFunction> {
        self.complete = false;
        None
    }

    // ---- parameters

    pub fn signature(
        &mut self,
        start: usize,
        name: Name,
        generics: Vec<Generic>,
        parameters: Vec<RawParameter>,
        result: Option<Type>,
        end: usize,
    ) -> Signature {
        let (receiver, parameters) = self.sort_parameters(parameters);
        Signature {
            span: self.span(start, end),
            name,
            generics,
            receiver,
            parameters,
            result,
        }
    }

    fn sort_parameters(&mut self, raw: Vec<RawParameter>) -> (Option<Receiver>, Vec<Parameter>) {
        let mut first = None;
        let mut parameters = Vec::new();
        for (index, parameter) in raw.into_iter().enumerate() {
            match parameter {
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

    pub fn receiver(&self, start: usize, mutable: Option<Span>, end: usize) -> RawParameter {
        RawParameter::Receiver(Receiver {
            span: self.span(start, end),
            mutable,
        })
    }

    pub fn parameter(
        &self,
        start: usize,
        mutable: Option<Span>,
        name: Name,
        ty: Type,
        end: usize,
    ) -> RawParameter {
        RawParameter::Named(Parameter {
            span: self.span(start, end),
            mutable,
            name,
            ty,
        })
    }

    // ---- types

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
    ) -> NamedType {
        NamedType {
            span: self.span(start, end),
            module,
            name,
            arguments: arguments.unwrap_or_default(),
        }
    }

    /// `(a,)`.
    fn lone_tuple(&mut self, span: Span) {
        let error = Diagnostic::error("E0216", "a tuple has at least two parts")
            .at(span, "only one part before the comma")
            .help("leave the comma out, or write `()` for nothing");
        self.found.push(error);
    }

    fn report_depth(&mut self, span: Span) {
        if !self.too_deep {
            self.too_deep = true;
            let error =
                Diagnostic::error("E0210", format!("nested more than {MAX_DEPTH} levels deep"))
                    .at(
                        span,
                        "each operator, call, bracket, block and `else if` is a level",
                    )
                    .help("give parts of it names, as variables or functions");
            self.found.push(error);
        }
    }

    // ---- statements

    pub fn block(&mut self, start: usize, stmts: Vec<Stmt>, end: usize) -> Block {
        for pair in stmts.windows(2) {
            self.check_reached(&pair[0], &pair[1]);
        }
        let depth = stmts
            .iter()
            .map(Stmt::depth)
            .max()
            .map_or(0, |depth| depth + 1);
        let span = self.span(start, end);
        if depth > MAX_DEPTH {
            self.report_depth(span);
            return Block {
                span,
                stmts: Vec::new(),
                depth: 0,
            };
        }
        Block { span, stmts, depth }
    }

    pub fn stmt(&mut self, start: usize, kind: StmtKind, end: usize) -> Stmt {
        if matches!(kind, StmtKind::Error) {
            self.complete = false;
        }
        Stmt {
            span: self.span(start, end),
            kind,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a `let`")]
    pub fn let_stmt(
        &mut self,
        start: usize,
        mutable: Option<Span>,
        pattern: Pattern,
        ty: Option<Type>,
        value: Expr,
        otherwise: Option<Block>,
        end: usize,
    ) -> Stmt {
        self.check_no_mut(
            &pattern,
            "`let`",
            "write `let mut` to make all of its names variables",
        );
        self.stmt(
            start,
            StmtKind::Let(Let {
                mutable,
                pattern,
                ty,
                value,
                otherwise,
            }),
            end,
        )
    }

    pub fn for_stmt(
        &mut self,
        start: usize,
        pattern: Pattern,
        values: Expr,
        body: Block,
        end: usize,
    ) -> Stmt {
        self.check_no_mut(&pattern, "`for`", "copy it in the loop: `let mut x = x`");
        self.stmt(
            start,
            StmtKind::For {
                pattern,
                values,
                body,
            },
            end,
        )
    }

    pub fn assign(
        &mut self,
        start: usize,
        place: Expr,
        op: Option<BinaryOp>,
        op_span: Span,
        value: Expr,
        end: usize,
    ) -> Stmt {
        self.stmt(
            start,
            StmtKind::Assign {
                place,
                op,
                op_span,
                value,
            },
            end,
        )
    }

    pub fn if_chain(&mut self, condition: Expr, then: Block, otherwise: Option<Else>) -> If {
        let below = match &otherwise {
            None => 0,
            Some(Else::Block(block)) => block.depth,
            Some(Else::If(inner, _)) => inner.depth,
        };
        let depth = condition.depth.max(then.depth).max(below) + 1;
        if depth > MAX_DEPTH {
            self.report_depth(condition.span);
            return If {
                condition: self.error_at(condition.span),
                then,
                otherwise: None,
                depth: 0,
            };
        }
        If {
            condition,
            then,
            otherwise,
            depth,
        }
    }

    // ---- expressions

    pub fn expr(&mut self, start: usize, kind: ExprKind, end: usize) -> Expr {
        let span = self.span(start, end);
        self.expr_at(span, kind)
    }

    fn expr_at(&mut self, span: Span, kind: ExprKind) -> Expr {
        match kind.depth() {
            depth if depth <= MAX_DEPTH => Expr { span, kind, depth },
            _ => {
                self.report_depth(mark(span, &kind));
                self.error_at(span)
            }
        }
    }

    fn error_at(&self, span: Span) -> Expr {
        Expr {
            span,
            kind: ExprKind::Error,
            depth: 0,
        }
    }

    pub fn lambda_parameter(
        &self,
        start: usize,
        mutable: Option<Span>,
        pattern: Pattern,
        ty: Option<Type>,
        end: usize,
    ) -> LambdaParameter {
        LambdaParameter {
            span: self.span(start, end),
            mutable,
            pattern,
            ty,
        }
    }

    pub fn lambda(
        &mut self,
        start: usize,
        parameters: Vec<LambdaParameter>,
        body: Expr,
        end: usize,
    ) -> Expr {
        self.expr(
            start,
            ExprKind::Lambda {
                parameters,
                body: Box::new(body),
            },
            end,
        )
    }

    pub fn range(&mut self, start: Expr, end: Expr, inclusive: bool) -> Expr {
        let span = start.span.to(end.span);
        self.expr_at(
            span,
            ExprKind::Range {
                start: Box::new(start),
                end: Box::new(end),
                inclusive,
            },
        )
    }

    pub fn binary(&mut self, left: Expr, op: BinaryOp, op_span: Span, right: Expr) -> Expr {
        if op == BinaryOp::Coalesce {
            self.warn_of_arithmetic(op_span, &left);
            self.warn_of_arithmetic(op_span, &right);
        }
        let span = left.span.to(right.span);
        self.expr_at(
            span,
            ExprKind::Binary {
                op,
                op_span,
                left: Box::new(left),
                right: Box::new(right),
            },
        )
    }

    pub fn is(&mut self, value: Expr, pattern: Pattern) -> Expr {
        let span = value.span.to(pattern.span);
        self.expr_at(
            span,
            ExprKind::Is {
                value: Box::new(value),
                pattern: Box::new(pattern),
            },
        )
    }

    pub fn unary(&mut self, start: usize, op: UnaryOp, operand: Expr, end: usize) -> Expr {
        self.expr(
            start,
            ExprKind::Unary {
                op,
                operand: Box::new(operand),
            },
            end,
        )
    }

    /// `-e`; before a decimal literal the sign belongs to it.
    pub fn negate(&mut self, start: usize, operand: Expr, end: usize) -> Expr {
        if let ExprKind::Int(value) = operand.kind
            && self.last_decimal.take() == Some(operand.span)
        {
            self.unsigned_min.remove(&operand.span);
            return self.expr(start, ExprKind::Int(value.wrapping_neg()), end);
        }
        self.warn_of_receiver(start, &operand);
        self.unary(start, UnaryOp::Negate, operand, end)
    }

    /// The value of an integer literal. That of `9223372036854775808` is the smallest `Int`, which it is once negated.
    fn integer_value(&mut self, literal: Integer, span: Span) -> i64 {
        self.last_decimal = None;
        match literal {
            Integer::Bits(value) => value,
            Integer::Decimal(value) => {
                self.last_decimal = Some(span);
                value
            }
            Integer::MinMagnitude => {
                self.last_decimal = Some(span);
                self.unsigned_min.insert(span);
                i64::MIN
            }
        }
    }

    pub fn integer(&mut self, start: usize, literal: Integer, end: usize) -> Expr {
        let value = self.integer_value(literal, self.span(start, end));
        self.expr(start, ExprKind::Int(value), end)
    }

    pub fn string(&mut self, start: usize, text: Arc<str>, end: usize) -> Expr {
        let mut parts = Vec::new();
        push_text(&mut parts, text);
        self.expr(start, ExprKind::String(parts), end)
    }

    pub fn interpolation(
        &mut self,
        start: usize,
        head: Arc<str>,
        first: Expr,
        middle: Vec<(Arc<str>, Expr)>,
        tail: Arc<str>,
        end: usize,
    ) -> Expr {
        let mut parts = Vec::with_capacity(middle.len() * 2 + 3);
        push_text(&mut parts, head);
        parts.push(StringPart::Expr(first));
        for (text, value) in middle {
            push_text(&mut parts, text);
            parts.push(StringPart::Expr(value));
        }
        push_text(&mut parts, tail);
        self.expr(start, ExprKind::String(parts), end)
    }

    pub fn tuple(&mut self, start: usize, first: Expr, mut rest: Vec<Expr>, end: usize) -> Expr {
        if rest.is_empty() {
            let span = self.span(start, end);
            self.lone_tuple(span);
            return self.expr(start, ExprKind::Paren(Box::new(first)), end);
        }
        rest.insert(0, first);
        self.expr(start, ExprKind::Tuple(rest), end)
    }

    pub fn field_of(&mut self, base: Expr, name: Name) -> Expr {
        let span = base.span.to(name.span);
        self.expr_at(
            span,
            ExprKind::Field {
                base: Box::new(base),
                name,
            },
        )
    }

    pub fn position_of(&mut self, base: Expr, position: Integer, index_span: Span) -> Expr {
        // A position beyond `u32` is as absent as the last one.
        let index = match position {
            Integer::Decimal(value) | Integer::Bits(value) => {
                u32::try_from(value).unwrap_or(u32::MAX)
            }
            Integer::MinMagnitude => u32::MAX,
        };
        let span = base.span.to(index_span);
        self.expr_at(
            span,
            ExprKind::TupleField {
                base: Box::new(base),
                index,
                index_span,
            },
        )
    }

    pub fn argument(&self, start: usize, kind: ArgumentKind, end: usize) -> Argument {
        Argument {
            span: self.span(start, end),
            kind,
        }
    }

    pub fn call(&mut self, callee: Expr, arguments: Vec<Argument>, arguments_span: Span) -> Expr {
        self.check_rest(&arguments);
        let span = callee.span.to(arguments_span);
        self.expr_at(
            span,
            ExprKind::Call {
                callee: Box::new(callee),
                arguments,
                arguments_span,
            },
        )
    }

    pub fn index(&mut self, base: Expr, index: Expr, end: usize) -> Expr {
        let start = base.span.start as usize;
        self.expr(
            start,
            ExprKind::Index {
                base: Box::new(base),
                index: Box::new(index),
            },
            end,
        )
    }

    pub fn attempt(&mut self, value: Expr, end: usize) -> Expr {
        let start = value.span.start as usize;
        self.expr(start, ExprKind::Try(Box::new(value)), end)
    }

    pub fn match_expr(
        &mut self,
        start: usize,
        value: Expr,
        arms: Vec<Option<Arm>>,
        end: usize,
    ) -> Expr {
        let arms = arms.into_iter().flatten().collect();
        self.expr(
            start,
            ExprKind::Match {
                value: Box::new(value),
                arms,
            },
            end,
        )
    }

    pub fn arm(
        &mut self,
        start: usize,
        pattern: Pattern,
        guard: Option<Expr>,
        body: Stmt,
        end: usize,
    ) -> Option<Arm> {
        Some(Arm {
            span: self.span(start, end),
            pattern,
            guard,
            body,
        })
    }

    pub fn broken_arm(&mut self) -> Option<Arm> {
        self.complete = false;
        None
    }

    // ---- patterns

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

    pub fn path(&self, module: Option<Name>, parent: Option<Name>, name: Name) -> PatternPath {
        PatternPath {
            module,
            parent,
            name,
            arguments: None,
        }
    }

    pub fn path_pattern(
        &mut self,
        start: usize,
        mut path: PatternPath,
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

/// The error for `9223372036854775808` without a sign.
fn min_magnitude(span: Span) -> Diagnostic {
    Diagnostic::error("E0104", "number does not fit in an `Int`")
        .at(span, "only with a `-` right before it does this fit")
}

/// Where an expression is too deep: at what it adds to its parts.
fn mark(span: Span, kind: &ExprKind) -> Span {
    match kind {
        ExprKind::Binary { op_span, .. } => *op_span,
        ExprKind::Field { name, .. } => name.span,
        ExprKind::TupleField { index_span, .. } => *index_span,
        ExprKind::Call { arguments_span, .. } => *arguments_span,
        ExprKind::Index { .. } | ExprKind::Try(_) => span.after(),
        _ => span.before(),
    }
}

/// Adds a piece of text unless it is empty.
fn push_text(parts: &mut Vec<StringPart>, text: Arc<str>) {
    if !text.is_empty() {
        parts.push(StringPart::Text(text));
    }
}
