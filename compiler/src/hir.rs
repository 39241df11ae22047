//! The typed tree between the checker and lowering.
//!
//! `check` makes it, `lower` turns it into bytecode; neither looks at the other's insides. Everything
//! is resolved here: names are ids, every expression has a type, methods are plain calls, defaults of
//! fields are filled in, sugar is gone where the rest of the tree can say the same. Functions may
//! still be generic: a type may be `Ty::Param`, and lowering makes one closed function per
//! combination of type arguments.
//!
//! Order of evaluation is the order of the vectors here (call arguments, fields as written, …).

use crate::source::Span;
use std::fmt;
use std::rc::Rc;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub struct $name(pub u32);
        impl $name {
            /// The id as an index into its table.
            pub fn index(self) -> usize { self.0 as usize }
        }
    };
}
id!(/** A struct or enum: index into [`Program::adts`]. */ AdtId);
id!(/** A function: index into [`Program::fns`]. */ FnId);
id!(/** A trait: index into [`Program::traits`]. */ TraitId);
id!(/** A constant: index into [`Program::consts`]. */ ConstId);
id!(/** A variable of one function body: index into [`Body::locals`]. Lambdas share their function's table. */ LocalId);

/// A type. Aliases are expanded. `Unit` is the empty tuple.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Ty {
    /// 64-bit integer.
    Int,
    /// IEEE binary64.
    Float,
    /// Truth value.
    Bool,
    /// Unicode scalar value.
    Char,
    /// UTF-8 text.
    String,
    /// Byte sequence.
    Bytes,
    /// Half-open range of `Int`.
    Range,
    /// No value.
    Never,
    /// `List[T]`.
    List(Rc<Ty>),
    /// `Map[K, V]`.
    Map(Rc<Ty>, Rc<Ty>),
    /// `Set[T]`.
    Set(Rc<Ty>),
    /// A tuple; `()` when empty, never of length one.
    Tuple(Rc<[Ty]>),
    /// `fn(A, mut B) -> C`.
    Fn(Rc<FnTy>),
    /// Struct or enum with its type arguments. `Option`, `Result`, `Ordering`, `Error` and all of `std` are such.
    Adt(AdtId, Rc<[Ty]>),
    /// A capability (`Kv`, `Clock`, …) or the request handle, by the name of its host interface (`kv`, `clock`, `random`, `request`).
    Host(Rc<str>),
    /// The n-th type parameter of the item at hand. For a method of a generic type the type's parameters
    /// come first, then the method's. In a trait `Self` is 0, then the trait's, then the method's. In an
    /// `impl` the impl's come first, then the method's.
    Param(u32),
    /// An inference variable; only inside the checker, never in a finished [`Program`].
    Infer(u32),
    /// Stands for a type that could not be found out; an error was reported. Never in a program without errors.
    Error,
}

impl Ty {
    /// The type `()`.
    pub fn unit() -> Ty {
        Ty::Tuple(Rc::from([]))
    }
    /// Whether this is `()`.
    pub fn is_unit(&self) -> bool {
        matches!(self, Ty::Tuple(parts) if parts.is_empty())
    }
    /// Whether a type parameter is a part of it.
    pub fn has_param(&self) -> bool {
        match self {
            Ty::Param(_) => true,
            Ty::List(part) | Ty::Set(part) => part.has_param(),
            Ty::Map(key, value) => key.has_param() || value.has_param(),
            Ty::Tuple(parts) | Ty::Adt(_, parts) => parts.iter().any(Ty::has_param),
            Ty::Fn(f) => f.params.iter().any(|p| p.ty.has_param()) || f.ret.has_param(),
            _ => false,
        }
    }
    /// Replaces `Param(i)` by `args[i]` everywhere. Without parameters the answer shares its parts.
    pub fn substitute(&self, args: &[Ty]) -> Ty {
        if !self.has_param() {
            return self.clone();
        }
        let all = |list: &Rc<[Ty]>| {
            list.iter()
                .map(|t| t.substitute(args))
                .collect::<Rc<[Ty]>>()
        };
        match self {
            Ty::Param(i) => args.get(*i as usize).cloned().unwrap_or(Ty::Error),
            Ty::List(t) => Ty::List(Rc::new(t.substitute(args))),
            Ty::Set(t) => Ty::Set(Rc::new(t.substitute(args))),
            Ty::Map(k, v) => Ty::Map(Rc::new(k.substitute(args)), Rc::new(v.substitute(args))),
            Ty::Tuple(parts) => Ty::Tuple(all(parts)),
            Ty::Adt(id, parts) => Ty::Adt(*id, all(parts)),
            Ty::Fn(f) => Ty::Fn(Rc::new(FnTy {
                params: f
                    .params
                    .iter()
                    .map(|p| FnTyParam {
                        mutable: p.mutable,
                        ty: p.ty.substitute(args),
                    })
                    .collect(),
                ret: f.ret.substitute(args),
            })),
            _ => self.clone(),
        }
    }
}

/// A function type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FnTy {
    /// Parameters in order.
    pub params: Vec<FnTyParam>,
    /// Result.
    pub ret: Ty,
}

/// One parameter of a function type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FnTyParam {
    /// `mut`: a place is lent.
    pub mutable: bool,
    /// Its type.
    pub ty: Ty,
}

/// A trait with its arguments as written after `:` or in an `impl`: `Iterator[Int]`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TraitRef {
    /// The trait.
    pub id: TraitId,
    /// Arguments for the trait's own parameters (`Self` not included).
    pub args: Vec<Ty>,
}

/// One type parameter.
#[derive(Clone, Debug)]
pub struct Generic {
    /// Its name, for messages.
    pub name: Rc<str>,
    /// Its bounds.
    pub bounds: Vec<TraitRef>,
}

/// Everything that was checked: the program's modules, and the modules of `std` and the core they use.
#[derive(Default, Debug)]
pub struct Program {
    /// Modules in the order in which they were loaded: the root first, the core last.
    pub modules: Vec<Module>,
    /// Structs and enums.
    pub adts: Vec<Adt>,
    /// Functions, methods and trait default methods.
    pub fns: Vec<Function>,
    /// Traits.
    pub traits: Vec<Trait>,
    /// `impl` blocks.
    pub impls: Vec<Impl>,
    /// Constants.
    pub consts: Vec<Const>,
    /// `test` blocks of the program's own modules, in source order, the root module's first.
    pub tests: Vec<Test>,
    /// The entry point, if the root module has one.
    pub entry: Option<Entry>,
    /// Items of the core and of `std` that lowering must know.
    pub lang: LangItems,
}

/// One file.
#[derive(Clone, Debug)]
pub struct Module {
    /// How messages and the source map name it: `main.cop`, `pages/list.cop`, `std/web`, `core/list`.
    pub path: Rc<str>,
    /// Whether it belongs to the core or `std`.
    pub is_std: bool,
}

/// What kind of program the root module is.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `main` or `handle`.
    pub kind: EntryKind,
    /// The function.
    pub function: FnId,
}

/// The kinds of entry point. Parameters after the listed ones are capabilities.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// `fn main(args: List[String]?, …)`; `takes_args` tells whether the first parameter is the arguments.
    Command {
        /// Whether the first parameter is `args`.
        takes_args: bool,
        /// Whether it returns `Result[(), Error]` (else `()`).
        fallible: bool,
    },
    /// `fn handle(req: Request, …) -> Response`.
    Web,
}

/// A struct (one variant, of the struct's name) or an enum.
#[derive(Clone, Debug)]
pub struct Adt {
    /// Name without module.
    pub name: Rc<str>,
    /// Index into [`Program::modules`].
    pub module: u32,
    /// Whether it was declared `struct`.
    pub is_struct: bool,
    /// Type parameters.
    pub generics: Vec<Generic>,
    /// Variants in declaration order; exactly one for a struct.
    pub variants: Vec<Variant>,
    /// `@ignore_unknown`.
    pub ignore_unknown: bool,
    /// What `@json("…")` on an enum says: the field of the JSON object that names the variant.
    pub json_tag: Option<Rc<str>>,
    /// Where the name stands.
    pub span: Span,
}

/// A variant of an enum, or the fields of a struct.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Name; of a struct, the struct's.
    pub name: Rc<str>,
    /// What `@json("…")` says, else `None`.
    pub json: Option<Rc<str>>,
    /// Whether the fields have names (`Circle(radius: Float)`; always so for a struct).
    pub named: bool,
    /// Payload in declaration order.
    pub fields: Vec<Field>,
}

/// A field of a struct or of a variant.
#[derive(Clone, Debug)]
pub struct Field {
    /// Name; `0`, `1`, … where unnamed.
    pub name: Rc<str>,
    /// Its type, over the generics of the [`Adt`].
    pub ty: Ty,
    /// What `@json("…")` says, else `None`.
    pub json: Option<Rc<str>>,
    /// The default, a body of its own without parameters and captures.
    pub default: Option<Rc<Body>>,
}

/// A trait.
#[derive(Clone, Debug)]
pub struct Trait {
    /// Name.
    pub name: Rc<str>,
    /// Index into [`Program::modules`].
    pub module: u32,
    /// Own type parameters (`Self` not included).
    pub generics: Vec<Generic>,
    /// Methods in order. A method's function has generics `Self`, the trait's, its own.
    pub methods: Vec<TraitMethod>,
    /// Which built-in trait this is, if one: `Eq`, `Ord`, `Hash`, `Show`, `Data`. These hold by themselves
    /// for structs, enums and tuples all of whose parts have them, unless an `impl` says otherwise.
    pub builtin: Option<Builtin>,
}

/// The traits that hold by themselves; lowering makes their methods for structs, enums and tuples.
/// For the other types the core has `impl`s (`impl[T: Show] Show for List[T]` and so on).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Builtin {
    /// `==`, `!=`.
    Eq,
    /// `<` and kin, `compare`.
    Ord,
    /// Keys of maps, elements of sets.
    Hash,
    /// Text of a value.
    Show,
    /// JSON and canonical bytes.
    Data,
}

/// A method of a trait.
#[derive(Clone, Debug)]
pub struct TraitMethod {
    /// Name.
    pub name: Rc<str>,
    /// Signature; `body` is the default one or [`FnBody::Absent`].
    pub function: FnId,
}

/// An `impl Trait for Type`.
#[derive(Clone, Debug)]
pub struct Impl {
    /// Type parameters of the impl.
    pub generics: Vec<Generic>,
    /// The trait with its arguments.
    pub of: TraitRef,
    /// The type, over `generics`.
    pub ty: Ty,
    /// For each method of the trait, in the trait's order, the function given here (generics: the impl's,
    /// then the method's own), or `None` where the trait's default holds.
    pub methods: Vec<Option<FnId>>,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Name for messages, profiles and disassembly: `main`, `Heap.push`, `Show for Point.show`.
    pub name: Rc<str>,
    /// Index into [`Program::modules`].
    pub module: u32,
    /// All type parameters in scope, in the order of [`Ty::Param`].
    pub generics: Vec<Generic>,
    /// Parameters; a receiver is the first.
    pub params: Vec<Param>,
    /// Result.
    pub ret: Ty,
    /// What it does.
    pub body: FnBody,
    /// Where the name stands.
    pub span: Span,
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Param {
    /// Name; `self` for a receiver.
    pub name: Rc<str>,
    /// `mut`.
    pub mutable: bool,
    /// Type.
    pub ty: Ty,
}

/// What a function does.
#[derive(Clone, Debug)]
pub enum FnBody {
    /// A checked body; parameter `i` is local `i`.
    Body(Rc<Body>),
    /// One of the core's own operations, by the name in `@intrinsic("list.len")`.
    Intrinsic(Rc<str>),
    /// A trait method without default, or a body that has errors.
    Absent,
}

/// A function body, or a constant's or default's expression.
#[derive(Clone, Debug)]
pub struct Body {
    /// All variables, those of lambdas inside included; parameters come first.
    pub locals: Vec<Local>,
    /// The value.
    pub value: Expr,
}

/// A variable.
#[derive(Clone, Debug)]
pub struct Local {
    /// Name, `_` for one that was not named.
    pub name: Rc<str>,
    /// Type.
    pub ty: Ty,
    /// Whether it may change (`let mut`, `mut` parameter, lent part of a place).
    pub mutable: bool,
    /// Where it was bound.
    pub span: Span,
}

/// A `const`.
#[derive(Clone, Debug)]
pub struct Const {
    /// Name.
    pub name: Rc<str>,
    /// Index into [`Program::modules`].
    pub module: u32,
    /// Type.
    pub ty: Ty,
    /// Its expression.
    pub body: Rc<Body>,
    /// Where the name stands.
    pub span: Span,
}

/// A `test`: a function whose parameters are capabilities, returning `()`.
#[derive(Clone, Debug)]
pub struct Test {
    /// The string after `test`.
    pub name: Rc<str>,
    /// Index into [`Program::modules`].
    pub module: u32,
    /// The function.
    pub function: FnId,
}

/// A function with type arguments for all its [`Function::generics`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FnRef {
    /// Which.
    pub id: FnId,
    /// Type arguments.
    pub args: Vec<Ty>,
}

/// A method of a trait, called on a type that may be known only after instantiation.
/// Operators on anything but `Int`, `Float`, `Bool`, `Char` and strings are *not* such calls but [`ExprKind::Binary`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TraitFnRef {
    /// The trait.
    pub of: TraitId,
    /// Index into [`Trait::methods`].
    pub method: u32,
    /// Type arguments: `Self`, the trait's, the method's own.
    pub args: Vec<Ty>,
}

/// An expression. A program has many, so those kinds that are rare keep what is large in a box.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its type; `Never` when it does not come back.
    pub ty: Ty,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of expression. Statements that are no `let` are expressions of type `()` or `Never` here.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `Int`.
    Int(i64),
    /// `Float`, by its bits.
    Float(u64),
    /// `Bool`.
    Bool(bool),
    /// `Char`.
    Char(char),
    /// `String` without holes.
    Str(Rc<str>),
    /// `Bytes`.
    Bytes(Rc<[u8]>),
    /// `"…${e}…"`: literal parts and shown values (each has `Show`), in order.
    Interpolate(Vec<Piece>),
    /// A variable, read.
    Local(LocalId),
    /// A constant.
    Const(ConstId),
    /// A tuple; `()` when empty.
    Tuple(Vec<Expr>),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `[k: v]`, `[:]`.
    Map(Vec<(Expr, Expr)>),
    /// `a..b`, `a..=b`.
    Range {
        /// First.
        start: Box<Expr>,
        /// Last or one beyond.
        end: Box<Expr>,
        /// `..=`.
        inclusive: bool,
    },
    /// A struct or variant is built. All fields are there exactly once, in the order of evaluation: as
    /// written, then the defaults. With `base`, the fields missing are taken from it; it is evaluated first.
    Build {
        /// Struct or enum.
        adt: AdtId,
        /// Which variant; 0 for a struct.
        variant: u32,
        /// `..base`.
        base: Option<Box<Expr>>,
        /// (index of the field, value).
        fields: Vec<(u32, Expr)>,
    },
    /// Field of a struct or position of a tuple, by index.
    Field(Box<Expr>, u32),
    /// `xs[i]`, `bytes[i]`, `m[k]` read.
    Index(Box<Expr>, Box<Expr>),
    /// `xs[a..b]` on a list, bytes or string; the second is of type `Range`.
    Slice(Box<Expr>, Box<Expr>),
    /// `-a`, `!a`, `~a`.
    Unary(UnaryOp, Box<Expr>),
    /// An operator on two operands of one type. Where the *written* type (before instantiation) is `Int`,
    /// `Float`, `Bool`, `Char` it is the machine's; where it is anything else (`Param` included) `==` and
    /// kin ask the traits `Eq` and `Ord`. `+` on `String` joins.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `a && b`.
    And(Box<Expr>, Box<Expr>),
    /// `a || b`.
    Or(Box<Expr>, Box<Expr>),
    /// `a ?? b`.
    Coalesce(Box<Expr>, Box<Expr>),
    /// `e?`.
    Try(Box<Expr>, Try),
    /// `e is pattern`. Names it binds are locals that hold where the language says.
    Is {
        /// What is looked at.
        value: Box<Expr>,
        /// The same as a place, if the pattern lends a part of it (`mut x` inside).
        place: Option<Box<Place>>,
        /// The pattern.
        pattern: Box<Pattern>,
    },
    /// A call of a known function.
    Call(FnRef, Vec<Arg>),
    /// A call of a trait's function on a type parameter or through a trait.
    CallTrait(TraitFnRef, Vec<Arg>),
    /// A call of a function value.
    CallValue(Box<Expr>, Vec<Arg>),
    /// A function as a value.
    FnValue(FnRef),
    /// A trait's function as a value.
    TraitFnValue(TraitFnRef),
    /// A variant with unnamed payload as a function value; its type is the expression's.
    VariantFn(AdtId, u32),
    /// A lambda.
    Lambda(Box<Lambda>),
    /// `{ … }`.
    Block(Vec<Stmt>, Option<Box<Expr>>),
    /// `if`; without `otherwise` it is `()`.
    If {
        /// Condition; names bound by `is` in it hold in `then`.
        condition: Box<Expr>,
        /// When true.
        then: Box<Expr>,
        /// When false.
        otherwise: Option<Box<Expr>>,
    },
    /// `match`; exhaustive.
    Match {
        /// What is looked at.
        value: Box<Expr>,
        /// The same as a place, if an arm lends a part of it.
        place: Option<Box<Place>>,
        /// Arms in order.
        arms: Vec<Arm>,
    },
    /// `while`.
    While {
        /// Condition; names bound by `is` in it hold in `body`.
        condition: Box<Expr>,
        /// Body, of type `()` or `Never`.
        body: Box<Expr>,
    },
    /// `for pattern in value`; the pattern always matches.
    For {
        /// What each element is bound to.
        pattern: Box<Pattern>,
        /// What is walked.
        value: Box<Expr>,
        /// How.
        how: Walk,
        /// Body, of type `()` or `Never`.
        body: Box<Expr>,
    },
    /// `place = value`.
    Assign(Box<Place>, Box<Expr>),
    /// `place op= value`; on `String` only `+`.
    AssignOp(BinaryOp, Box<Place>, Box<Expr>),
    /// `return e`; `()` where nothing was written.
    Return(Box<Expr>),
    /// `break`.
    Break,
    /// `continue`.
    Continue,
}

/// How a `for` walks.
#[derive(Clone, Debug)]
pub enum Walk {
    /// A `Range`.
    Range,
    /// A `List`.
    List,
    /// A `Set`.
    Set,
    /// A `Map`, as pairs.
    Map,
    /// `Bytes`, as `Int`s.
    Bytes,
    /// A value with `Iterator[T]`: its `next`.
    Iterator(TraitFnRef),
}

/// Part of an interpolated string.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Literal text.
    Text(Rc<str>),
    /// A value to show.
    Value(Expr),
}

/// What `?` does.
#[derive(Clone, Debug)]
pub enum Try {
    /// On `T?` in a function (or lambda) that returns `U?`.
    Option,
    /// On `Result`; the error types are equal.
    Result,
    /// On `Result` in a function that returns `Result[U, Error]`: the error, which has `Show`, becomes `Error(message)`.
    ResultToError,
}

/// An argument.
#[derive(Clone, Debug)]
pub enum Arg {
    /// A value.
    Value(Expr),
    /// A place lent to a `mut` parameter (receivers of `mut self` included, capabilities too).
    Lent(Place),
}

/// A mutable place: a variable and a path into it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The variable.
    pub root: LocalId,
    /// Steps from it.
    pub steps: Vec<Step>,
    /// Type of what lies there.
    pub ty: Ty,
    /// Where it stands.
    pub span: Span,
}

/// A step of a place.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which way.
    pub kind: StepKind,
    /// Type after the step.
    pub ty: Ty,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of step.
#[derive(Clone, Debug)]
pub enum StepKind {
    /// Field of a struct or position of a tuple.
    Field(u32),
    /// Index into a list or bytes.
    Index(Expr),
    /// Key of a map.
    Key(Expr),
}

/// A lambda. Its body may use the enclosing locals listed in `captures`, as they were when it was made.
#[derive(Clone, Debug)]
pub struct Lambda {
    /// Parameters.
    pub params: Vec<LambdaParam>,
    /// Enclosing locals used inside, in order of first use.
    pub captures: Vec<LocalId>,
    /// The body; `return` inside leaves the lambda.
    pub body: Expr,
    /// Result type.
    pub ret: Ty,
}

/// A parameter of a lambda.
#[derive(Clone, Debug)]
pub struct LambdaParam {
    /// The variable that receives it.
    pub local: LocalId,
    /// `mut`.
    pub mutable: bool,
    /// If it is taken apart: a pattern that always matches, applied to `local` on entry.
    pub pattern: Option<Pattern>,
}

/// A statement of a block.
#[derive(Clone, Debug)]
pub enum Stmt {
    /// `let pattern = value else { … }`; without `otherwise` the pattern always matches.
    Let {
        /// The pattern (for `let mut`, its locals are mutable).
        pattern: Box<Pattern>,
        /// The value.
        value: Expr,
        /// The `else` block, of type `Never`.
        otherwise: Option<Box<Expr>>,
    },
    /// An expression of type `()` or `Never`.
    Expr(Expr),
}

/// An arm of a `match`.
#[derive(Clone, Debug)]
pub struct Arm {
    /// The pattern.
    pub pattern: Pattern,
    /// The guard. With alternatives it is tried for each that matches.
    pub guard: Option<Expr>,
    /// The value.
    pub body: Expr,
}

/// A pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// What it is.
    pub kind: PatternKind,
    /// Type of the values it is held against.
    pub ty: Ty,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of pattern.
#[derive(Clone, Debug)]
pub enum PatternKind {
    /// `_`.
    Any,
    /// A name. `lent`: it was written `mut x` inside a pattern and lends this part of the place (or, in `let mut`, it is just mutable: not lent).
    Bind {
        /// The variable.
        local: LocalId,
        /// Whether the part is lent.
        lent: bool,
    },
    /// `Int` literal.
    Int(i64),
    /// `Char` literal.
    Char(char),
    /// `Bool` literal.
    Bool(bool),
    /// `String` literal.
    Str(Rc<str>),
    /// `a..=b` on `Int`.
    IntRange(i64, i64),
    /// `'a'..='z'`.
    CharRange(char, char),
    /// A variant of an enum, or a struct (variant 0). Fields left out by `..` are not listed.
    Variant {
        /// Struct or enum.
        adt: AdtId,
        /// Which.
        variant: u32,
        /// (index of the field, pattern), in source order.
        fields: Vec<(u32, Pattern)>,
    },
    /// A tuple, every position.
    Tuple(Vec<Pattern>),
    /// A list: `[a, b, ..rest, z]`. `rest`: absent, `..`, or `..name`.
    List {
        /// Before the `..`.
        before: Vec<Pattern>,
        /// The `..`, if there: the outer `Some`; its name, if it has one: the inner.
        rest: Option<Option<LocalId>>,
        /// After the `..`.
        after: Vec<Pattern>,
    },
    /// `p | q`: all bind the same locals.
    Or(Vec<Pattern>),
}

/// Operators with one operand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UnaryOp {
    /// `-` on `Int` or `Float`.
    Neg,
    /// `!` on `Bool`.
    Not,
    /// `~` on `Int`.
    BitNot,
}

/// Operators with two operands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    WrapAdd,
    WrapSub,
    WrapMul,
    BitAnd,
    BitOr,
    BitXor,
    Shl,
    Shr,
    UShr,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// Items of the core and of `std` that lowering asks for by name. The checker fills this in after loading
/// the core: the keys are `Option`, `Result`, `Ordering`, `Error`, … for `adts`; `Show`, `Data`, … for
/// `traits`; every function of a core module marked `@lang("name")` for `fns`.
#[derive(Default, Debug)]
pub struct LangItems {
    /// Structs and enums of the core by name, and those of std marked `@lang("name")`.
    pub adts: std::collections::BTreeMap<Rc<str>, AdtId>,
    /// Traits of the core by name.
    pub traits: std::collections::BTreeMap<Rc<str>, TraitId>,
    /// Functions marked `@lang("name")`.
    pub fns: std::collections::BTreeMap<Rc<str>, FnId>,
}

impl fmt::Display for BinaryOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Rem => "%",
            BinaryOp::WrapAdd => "+%",
            BinaryOp::WrapSub => "-%",
            BinaryOp::WrapMul => "*%",
            BinaryOp::BitAnd => "&",
            BinaryOp::BitOr => "|",
            BinaryOp::BitXor => "^",
            BinaryOp::Shl => "<<",
            BinaryOp::Shr => ">>",
            BinaryOp::UShr => ">>>",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
        })
    }
}
