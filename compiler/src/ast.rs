//! The syntax of a file as a tree, exactly as it was written.
//!
//! Every piece has its [`Span`]. Literals are already values: escapes are read, text blocks have lost their indentation,
//! numbers are `i64` and `f64`. Parentheses are kept ([`ExprKind::Paren`], [`PatternKind::Paren`], [`TypeKind::Paren`]),
//! because `(a.f)(x)` differs from `a.f(x)` and some warnings ask for them.
//!
//! What did not parse is there as [`StmtKind::Error`] or [`ExprKind::Error`], or is left out (items, members, arms); the
//! file then says so in [`File::complete`]. Trees are at most [`MAX_DEPTH`] levels deep, so they may be walked by
//! recursion.
//!
//! The parser's stack holds whatever may be a part of something, so what is large and not everywhere is boxed: then
//! everything on it is small.

use crate::source::{FileId, Span};
use std::rc::Rc;

/// The deepest nesting of expressions and of types in one another, blocks, operators and `else if` included.
pub const MAX_DEPTH: u16 = 128;

/// A file: one module.
#[derive(Clone, Debug)]
pub struct File {
    /// Which file.
    pub file: FileId,
    /// The `//!` comments.
    pub docs: Option<Doc>,
    /// Its items, in source order.
    pub items: Vec<Item>,
    /// `false` if syntax errors made parts of the file go missing: a name that is not found may then be among them.
    pub complete: bool,
}

impl File {
    /// Calls `f` on the bodies of its functions and tests, in source order.
    pub fn each_body(&mut self, f: &mut dyn FnMut(&mut Block)) {
        for item in &mut self.items {
            match &mut item.kind {
                ItemKind::Function(function) => f(&mut function.body),
                ItemKind::Test(test) => f(&mut test.body),
                ItemKind::Struct(Struct { methods, .. })
                | ItemKind::Enum(Enum { methods, .. })
                | ItemKind::Impl(Impl {
                    functions: methods, ..
                }) => {
                    for method in methods {
                        f(&mut method.function.body);
                    }
                }
                ItemKind::Trait(one) => {
                    let functions = one.functions.iter_mut();
                    functions
                        .filter_map(|function| function.default.as_mut())
                        .for_each(&mut *f);
                }
                ItemKind::Import(_) | ItemKind::Const(_) | ItemKind::Alias(_) => {}
            }
        }
    }
}

/// A name or keyword-like word, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name itself; its first letter tells `UPPER` and `name` apart.
    pub text: Rc<str>,
    /// Where it stands.
    pub span: Span,
}

impl Name {
    /// Whether it starts with a capital: a type, trait, variant or type parameter.
    pub fn is_upper(&self) -> bool {
        self.text
            .starts_with(|first: char| first.is_ascii_uppercase())
    }
}

/// Doc comments above something: `///` lines, or the `//!` lines of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doc {
    /// From the first line to the last.
    pub span: Span,
}

impl Doc {
    /// All lines joined by line breaks, without the slashes and one blank behind them; from the text of the file, since the
    /// compiler itself has no use for it.
    pub fn text(&self, file: &str) -> String {
        let lines = file[self.span.range()].lines().filter_map(|line| {
            let comment = line.trim_start_matches([' ', '\t']);
            let text = match comment.strip_prefix("//!") {
                Some(text) => text,
                None => comment
                    .strip_prefix("///")
                    .filter(|text| !text.starts_with('/'))?,
            };
            let text = text.trim_end_matches('\r');
            Some(text.strip_prefix(' ').unwrap_or(text))
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

// ---- items

/// A declaration at the top of a file.
#[derive(Clone, Debug)]
pub struct Item {
    /// The whole item, attributes included, doc comments not.
    pub span: Span,
    /// `///` above it.
    pub docs: Option<Doc>,
    /// `@name(...)` before it.
    pub attributes: Vec<Attribute>,
    /// Where `pub` stands, if it does.
    pub public: Option<Span>,
    /// What is declared.
    pub kind: ItemKind,
}

/// What an item declares.
#[derive(Clone, Debug)]
pub enum ItemKind {
    /// `import ...`.
    Import(Import),
    /// `fn name(...) {...}`.
    Function(Function),
    /// `struct Name {...}`.
    Struct(Struct),
    /// `enum Name {...}`.
    Enum(Enum),
    /// `trait Name {...}`.
    Trait(Trait),
    /// `impl Trait for Type {...}`.
    Impl(Impl),
    /// `const name = value`.
    Const(Const),
    /// `type Name = Type`.
    Alias(Alias),
    /// `test "name" {...}`.
    Test(Test),
}

/// `@name(arguments)`.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// From `@` to the last parenthesis.
    pub span: Span,
    /// What it is called.
    pub name: Name,
    /// What stands in the parentheses; empty without any.
    pub arguments: Vec<Argument>,
}

/// `import name from "path"` or `import { names } from "path"`.
#[derive(Clone, Debug)]
pub struct Import {
    /// What is bound.
    pub what: ImportWhat,
    /// The import string, unescaped.
    pub path: Rc<str>,
    /// Where the string stands, quotes included.
    pub path_span: Span,
}

/// What an import binds.
#[derive(Clone, Debug)]
pub enum ImportWhat {
    /// The module under a name.
    Module(Name),
    /// Some of its names.
    Names(Vec<ImportName>),
}

/// `name`, or `name as alias`; both capitalised or both not.
#[derive(Clone, Debug)]
pub struct ImportName {
    /// What it is called where it comes from.
    pub name: Name,
    /// What it is called here, if that differs.
    pub alias: Option<Name>,
}

impl ImportName {
    /// What it is called here.
    pub fn local(&self) -> &Name {
        self.alias.as_ref().unwrap_or(&self.name)
    }
}

/// `T` or `T: A + B` in `[ ]`.
#[derive(Clone, Debug)]
pub struct Generic {
    /// The type parameter.
    pub name: Name,
    /// The traits it must have.
    pub bounds: Vec<NamedType>,
}

/// `fn name[T](self, a: A) -> R`.
#[derive(Clone, Debug)]
pub struct Signature {
    /// From `fn` to the end of the result type or of the parentheses.
    pub span: Span,
    /// What it is called.
    pub name: Name,
    /// Its type parameters.
    pub generics: Vec<Generic>,
    /// `self` or `mut self`; only in types, traits and their impls.
    pub receiver: Option<Receiver>,
    /// The parameters after `self`.
    pub parameters: Vec<Parameter>,
    /// The type behind `->`; without it the function gives `()`.
    pub result: Option<Type>,
}

/// `self` or `mut self` as the first parameter.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// The whole parameter.
    pub span: Span,
    /// Where `mut` stands, if it does.
    pub mutable: Option<Span>,
}

/// `name: Type` or `mut name: Type`.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The whole parameter.
    pub span: Span,
    /// Where `mut` stands, if it does.
    pub mutable: Option<Span>,
    /// What it is called.
    pub name: Name,
    /// Its type.
    pub ty: Type,
}

/// A function with its body.
#[derive(Clone, Debug)]
pub struct Function {
    /// Name, parameters, result.
    pub signature: Signature,
    /// What it does.
    pub body: Block,
}

/// A function inside a type, trait or impl.
#[derive(Clone, Debug)]
pub struct Method {
    /// The whole method, attributes included.
    pub span: Span,
    /// `///` above it.
    pub docs: Option<Doc>,
    /// `@name(...)` before it; never in an impl.
    pub attributes: Vec<Attribute>,
    /// Where `pub` stands, if it does; never in an impl.
    pub public: Option<Span>,
    /// The function.
    pub function: Function,
}

/// `struct Name[T] { fields and methods }`.
#[derive(Clone, Debug)]
pub struct Struct {
    /// Where `opaque` stands, if it does.
    pub opaque: Option<Span>,
    /// What it is called.
    pub name: Name,
    /// Its type parameters.
    pub generics: Vec<Generic>,
    /// Its fields, in source order.
    pub fields: Vec<Field>,
    /// Its methods, in source order.
    pub methods: Vec<Method>,
}

/// `name: Type = default`.
#[derive(Clone, Debug)]
pub struct Field {
    /// The whole field, attributes included.
    pub span: Span,
    /// `///` above it.
    pub docs: Option<Doc>,
    /// `@name(...)` before it.
    pub attributes: Vec<Attribute>,
    /// What it is called.
    pub name: Name,
    /// Its type.
    pub ty: Type,
    /// What it is when left out.
    pub default: Option<Expr>,
}

/// `enum Name[T] { variants and methods }`.
#[derive(Clone, Debug)]
pub struct Enum {
    /// Where `opaque` stands, if it does.
    pub opaque: Option<Span>,
    /// What it is called.
    pub name: Name,
    /// Its type parameters.
    pub generics: Vec<Generic>,
    /// Its variants, in source order.
    pub variants: Vec<Variant>,
    /// Its methods, in source order.
    pub methods: Vec<Method>,
}

/// `Name`, `Name(T, U)` or `Name(a: T, b: U)`.
#[derive(Clone, Debug)]
pub struct Variant {
    /// The whole variant, attributes included.
    pub span: Span,
    /// `///` above it.
    pub docs: Option<Doc>,
    /// `@name(...)` before it.
    pub attributes: Vec<Attribute>,
    /// What it is called.
    pub name: Name,
    /// What it carries.
    pub payload: Payload,
}

/// What a variant carries. The parser has seen to it that names are given to all parts or to none.
#[derive(Clone, Debug)]
pub enum Payload {
    /// Nothing.
    None,
    /// Parts by position; at least one.
    Unnamed(Vec<Type>),
    /// Parts by name; at least one.
    Named(Vec<(Name, Type)>),
}

/// `trait Name[T] { functions }`.
#[derive(Clone, Debug)]
pub struct Trait {
    /// What it is called.
    pub name: Name,
    /// Its type parameters.
    pub generics: Vec<Generic>,
    /// Its functions, in source order.
    pub functions: Vec<TraitFunction>,
}

/// A function that a trait asks for, or brings along.
#[derive(Clone, Debug)]
pub struct TraitFunction {
    /// The whole function, attributes included.
    pub span: Span,
    /// `///` above it.
    pub docs: Option<Doc>,
    /// `@name(...)` before it.
    pub attributes: Vec<Attribute>,
    /// Name, parameters, result.
    pub signature: Signature,
    /// The body it has where an impl gives none.
    pub default: Option<Block>,
}

/// `impl[T] Trait[A] for Type { functions }`.
#[derive(Clone, Debug)]
pub struct Impl {
    /// The type parameters behind `impl`.
    pub generics: Vec<Generic>,
    /// The trait.
    pub of: NamedType,
    /// The type that has it.
    pub target: Type,
    /// Its functions, in source order.
    pub functions: Vec<Method>,
}

/// `const name: Type = value`.
#[derive(Clone, Debug)]
pub struct Const {
    /// What it is called.
    pub name: Name,
    /// Its type, if written.
    pub ty: Option<Type>,
    /// Its value.
    pub value: Expr,
}

/// `type Name[T] = Type`.
#[derive(Clone, Debug)]
pub struct Alias {
    /// What it is called.
    pub name: Name,
    /// Its type parameters.
    pub generics: Vec<Generic>,
    /// What it stands for.
    pub ty: Type,
}

/// `test "name" (mut kv: Kv) { ... }`.
#[derive(Clone, Debug)]
pub struct Test {
    /// What it says it tests.
    pub name: Rc<str>,
    /// Where the name stands, quotes included.
    pub name_span: Span,
    /// The capabilities it asks for.
    pub parameters: Vec<Parameter>,
    /// What it does.
    pub body: Block,
}

// ---- types

/// A type as written.
#[derive(Clone, Debug)]
pub struct Type {
    /// Where it stands.
    pub span: Span,
    /// Which type.
    pub kind: TypeKind,
    /// Levels of types below this one, at most [`MAX_DEPTH`].
    pub depth: u16,
}

/// The forms of a type.
#[derive(Clone, Debug)]
pub enum TypeKind {
    /// `Int`, `List[T]`, `json.DecodeError`.
    Named(Box<NamedType>),
    /// `T?`.
    Option(Box<Type>),
    /// `Self`.
    SelfType,
    /// `()`.
    Unit,
    /// `(T)`.
    Paren(Box<Type>),
    /// `(A, B)`; at least two parts.
    Tuple(Vec<Type>),
    /// `fn(A, mut B) -> C`.
    Function {
        /// What it takes.
        parameters: Vec<FunctionTypeParameter>,
        /// What it gives; without `->` it is `()`.
        result: Option<Box<Type>>,
    },
    /// Did not parse; already reported.
    Error,
}

/// `module.Name[A, B]`.
#[derive(Clone, Debug)]
pub struct NamedType {
    /// The whole of it.
    pub span: Span,
    /// The module before the point.
    pub module: Option<Name>,
    /// The name.
    pub name: Name,
    /// What stands in `[ ]`; empty without.
    pub arguments: Vec<Type>,
}

/// `T` or `mut T` in a function type.
#[derive(Clone, Debug)]
pub struct FunctionTypeParameter {
    /// Where `mut` stands, if it does.
    pub mutable: Option<Span>,
    /// The type.
    pub ty: Type,
}

// ---- statements

/// `{ ... }`. Its value is that of the last statement if that is a [`StmtKind::Expr`], else `()`.
#[derive(Clone, Debug)]
pub struct Block {
    /// Braces included.
    pub span: Span,
    /// What stands in it.
    pub stmts: Vec<Stmt>,
    /// Levels of expressions below, at most [`MAX_DEPTH`].
    pub depth: u16,
}

impl Block {
    /// Without statements.
    pub fn empty(span: Span) -> Block {
        Block {
            span,
            stmts: Vec::new(),
            depth: 0,
        }
    }
}

/// A statement, or the body of an arm.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// Where it stands.
    pub span: Span,
    /// Which statement.
    pub kind: StmtKind,
}

/// The forms of a statement. The body of an arm is never `Let`, `While` or `For`.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// `let pattern: Type = value else {...}`.
    Let(Box<Let>),
    /// `while condition {...}`.
    While {
        /// Asked before each round.
        condition: Box<Expr>,
        /// The round.
        body: Block,
    },
    /// `for pattern in values {...}`.
    For {
        /// What is bound in each round.
        pattern: Box<Pattern>,
        /// What is walked.
        values: Box<Expr>,
        /// The round.
        body: Block,
    },
    /// An expression; the value of the block if it is the last.
    Expr(Expr),
    /// An `if` whose chain ends without `else`.
    If(Box<If>),
    /// `place = value`, `place += value`. The parser has not checked that the left side is a place.
    Assign {
        /// The left side.
        place: Box<Expr>,
        /// `None` for `=`, else the operator before it.
        op: Option<BinaryOp>,
        /// Where the operator stands.
        op_span: Span,
        /// The right side.
        value: Box<Expr>,
    },
    /// `return`, `return value`.
    Return(Option<Expr>),
    /// `break`.
    Break,
    /// `continue`.
    Continue,
    /// Did not parse; already reported.
    Error,
}

/// `let pattern: Type = value else {...}`.
#[derive(Clone, Debug)]
pub struct Let {
    /// Where the `mut` of `let mut` stands, if it does. Then there is no `else`.
    pub mutable: Option<Span>,
    /// What is bound.
    pub pattern: Pattern,
    /// The type, if written.
    pub ty: Option<Type>,
    /// The value.
    pub value: Expr,
    /// What is done, and left by, when the pattern does not match.
    pub otherwise: Option<Block>,
}

/// `if condition {...} else ...`. As an [`ExprKind::If`] its chain ends with `else {...}`, as a [`StmtKind::If`] it
/// does not.
#[derive(Clone, Debug)]
pub struct If {
    /// Asked first; may bind names by `is`.
    pub condition: Expr,
    /// Done if so.
    pub then: Block,
    /// Done if not.
    pub otherwise: Option<Else>,
    /// Levels of expressions below, at most [`MAX_DEPTH`].
    pub depth: u16,
}

/// What follows `else`.
#[derive(Clone, Debug)]
pub enum Else {
    /// `else {...}`.
    Block(Block),
    /// `else if ...`, with the span from that `if` on.
    If(Box<If>, Span),
}

// ---- expressions

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Where it stands.
    pub span: Span,
    /// Which expression.
    pub kind: ExprKind,
    /// Levels of expressions below this one, at most [`MAX_DEPTH`].
    pub depth: u16,
}

/// The forms of an expression.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A variable, function, constant or module: `name`.
    Name(Name),
    /// A type, trait or variant: `Name`.
    Upper(Name),
    /// `self`.
    SelfValue,
    /// `Self`.
    SelfType,
    /// An integer: `42`, `0xff`, `b'0'`, and `-42`, whose sign is part of the literal unless it is a receiver's
    /// (`-5.abs()` is `-(5.abs())`).
    Int(i64),
    /// `1.5`; finite.
    Float(f64),
    /// `'a'`.
    Char(char),
    /// `true`, `false`.
    Bool(bool),
    /// `b"..."`.
    Bytes(Rc<[u8]>),
    /// `"..."`, text blocks, interpolation.
    String(Vec<StringPart>),
    /// `()`.
    Unit,
    /// `(a)`.
    Paren(Box<Expr>),
    /// `(a, b)`; at least two parts.
    Tuple(Vec<Expr>),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `[k: v]`, `[:]`.
    Map(Vec<(Expr, Expr)>),
    /// `{ ... }`.
    Block(Block),
    /// `if ... {...} else {...}`.
    If(Box<If>),
    /// `match value { arms }`.
    Match {
        /// What is matched.
        value: Box<Expr>,
        /// The arms, in source order.
        arms: Vec<Arm>,
    },
    /// `base.name` and `base.Name`: a field, method, module member, associated function or variant.
    Field {
        /// Before the point.
        base: Box<Expr>,
        /// Behind it.
        name: Name,
    },
    /// `base.0`.
    TupleField {
        /// Before the point.
        base: Box<Expr>,
        /// The position, from 0.
        index: u32,
        /// Where the number stands.
        index_span: Span,
    },
    /// `callee(arguments)`: call of a function, method (`callee` is a [`ExprKind::Field`]), struct or variant.
    Call {
        /// Before the parentheses.
        callee: Box<Expr>,
        /// In them.
        arguments: Vec<Argument>,
        /// The parentheses.
        arguments_span: Span,
    },
    /// `base[index]`.
    Index {
        /// Before the bracket.
        base: Box<Expr>,
        /// In it; a range takes a part.
        index: Box<Expr>,
    },
    /// `value?`; the `?` is the last byte of the span.
    Try(Box<Expr>),
    /// `-a`, `!a`, `~a`.
    Unary {
        /// Which.
        op: UnaryOp,
        /// The operand.
        operand: Box<Expr>,
    },
    /// `a + b`, `a && b`, `a ?? b`, ...
    Binary {
        /// Which.
        op: BinaryOp,
        /// Where the operator stands.
        op_span: Span,
        /// The left operand.
        left: Box<Expr>,
        /// The right operand.
        right: Box<Expr>,
    },
    /// `a..b`, `a..=b`.
    Range {
        /// The first.
        start: Box<Expr>,
        /// The end.
        end: Box<Expr>,
        /// `..=`: the end belongs to it.
        inclusive: bool,
    },
    /// `value is pattern`.
    Is {
        /// What is looked at.
        value: Box<Expr>,
        /// A simple pattern; one with `|` or `..=` stands in [`PatternKind::Paren`].
        pattern: Box<Pattern>,
    },
    /// `|a, b| body`.
    Lambda {
        /// What it takes.
        parameters: Vec<LambdaParameter>,
        /// What it gives.
        body: Box<Expr>,
    },
    /// Did not parse; already reported.
    Error,
}

/// A piece of a string. A plain string has at most one, a `Text`; an empty one has none.
#[derive(Clone, Debug)]
pub enum StringPart {
    /// What is written, escapes already read; never empty.
    Text(Rc<str>),
    /// `${expression}`.
    Expr(Expr),
}

/// An argument of a call.
#[derive(Clone, Debug)]
pub struct Argument {
    /// The whole argument.
    pub span: Span,
    /// Which form.
    pub kind: ArgumentKind,
}

/// The forms of an argument.
#[derive(Clone, Debug)]
pub enum ArgumentKind {
    /// `value`; a lone name is also short for `name: name` where a struct or variant with named parts is built.
    Value(Expr),
    /// `mut place`.
    Mut(Expr),
    /// `name: value`.
    Named(Name, Box<Expr>),
    /// `..value`: the other fields; only first, and only in a call that builds a struct.
    Rest(Expr),
}

/// `a`, `(k, v)`, `a: Int`, `mut a`.
#[derive(Clone, Debug)]
pub struct LambdaParameter {
    /// The whole parameter.
    pub span: Span,
    /// Where `mut` stands, if it does; then the pattern is a name.
    pub mutable: Option<Span>,
    /// A name, `_`, or a tuple of such.
    pub pattern: Pattern,
    /// The type, if written.
    pub ty: Option<Type>,
}

/// `pattern if guard => body`.
#[derive(Clone, Debug)]
pub struct Arm {
    /// The whole arm.
    pub span: Span,
    /// What it is for.
    pub pattern: Pattern,
    /// Asked after the pattern.
    pub guard: Option<Expr>,
    /// What is done.
    pub body: Stmt,
}

/// Operators before their operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-`.
    Negate,
    /// `!`.
    Not,
    /// `~`.
    BitNot,
}

impl UnaryOp {
    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            UnaryOp::Negate => "-",
            UnaryOp::Not => "!",
            UnaryOp::BitNot => "~",
        }
    }
}

/// Operators between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "`symbol` says each in its own sign")]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    AddWrapping,
    SubtractWrapping,
    MultiplyWrapping,
    BitAnd,
    BitOr,
    BitXor,
    ShiftLeft,
    ShiftRight,
    ShiftRightUnsigned,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    Coalesce,
}

impl BinaryOp {
    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::Remainder => "%",
            BinaryOp::AddWrapping => "+%",
            BinaryOp::SubtractWrapping => "-%",
            BinaryOp::MultiplyWrapping => "*%",
            BinaryOp::BitAnd => "&",
            BinaryOp::BitOr => "|",
            BinaryOp::BitXor => "^",
            BinaryOp::ShiftLeft => "<<",
            BinaryOp::ShiftRight => ">>",
            BinaryOp::ShiftRightUnsigned => ">>>",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterEqual => ">=",
            BinaryOp::And => "&&",
            BinaryOp::Or => "||",
            BinaryOp::Coalesce => "??",
        }
    }
}

// ---- patterns

/// A pattern. Its nesting is bounded by that of brackets, 128.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Where it stands.
    pub span: Span,
    /// Which pattern.
    pub kind: PatternKind,
}

/// The forms of a pattern.
#[derive(Clone, Debug)]
pub enum PatternKind {
    /// `_`.
    Wildcard,
    /// `name`.
    Name(Name),
    /// `mut name`: lends a part of a place; only inside another pattern.
    MutName(Name),
    /// `42`, `-1`, `b'0'`.
    Int(i64),
    /// `'a'`.
    Char(char),
    /// `"text"`.
    String(Rc<str>),
    /// `true`, `false`.
    Bool(bool),
    /// `a..=b`; both ends of the same kind is for the checker to see.
    Range(RangeEnd, RangeEnd),
    /// `Some(x)`, `Shape.Circle(radius)`, `json.Text(t)`, `None`.
    Path(Box<PatternPath>),
    /// `()`.
    Unit,
    /// `(p)`.
    Paren(Box<Pattern>),
    /// `(p, q)`; at least two parts.
    Tuple(Vec<Pattern>),
    /// `[first, ..rest]`, with at most one `..`.
    List(Vec<ListElement>),
    /// `p | q`; at least two.
    Or(Vec<Pattern>),
}

/// An end of a range of patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeEnd {
    /// A number.
    Int(i64),
    /// A character.
    Char(char),
}

/// `module.Enum.Variant(arguments)`: a variant or a struct.
#[derive(Clone, Debug)]
pub struct PatternPath {
    /// `name.` in front.
    pub module: Option<Name>,
    /// `Enum.` in front.
    pub parent: Option<Name>,
    /// The last name.
    pub name: Name,
    /// What stands in parentheses; `None` without any.
    pub arguments: Option<Vec<PatternArgument>>,
}

/// A part of a variant or struct in a pattern.
#[derive(Clone, Debug)]
pub enum PatternArgument {
    /// By position; a lone name (or `mut name`) is also short for `name: name`.
    Pattern(Pattern),
    /// `name: pattern`.
    Named(Name, Pattern),
    /// `..`: the others, whatever they are.
    Rest(Span),
}

/// An element of a list pattern.
#[derive(Clone, Debug)]
pub enum ListElement {
    /// One element.
    Pattern(Pattern),
    /// `..` or `..name`.
    Rest {
        /// The whole of it.
        span: Span,
        /// What the rest is called.
        name: Option<Name>,
    },
}
