//! The tokens: what logos finds, what the scanner makes of it, and their names in messages.

use logos::Logos;
use rustc_hash::FxHashSet;
use std::rc::Rc;

/// A token with the bytes it covers.
pub type Spanned = (usize, Token, usize);

/// An integer literal. `9223372036854775808` is too large for an `Int` but for the `-` before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integer {
    /// Written in decimal digits, so that a `-` before it belongs to the literal.
    Decimal(i64),
    /// `9223372036854775808`.
    MinMagnitude,
    /// A pattern of 64 bits, or `b'a'`.
    Bits(i64),
}

/// The names of a file: each is kept once.
#[derive(Default)]
pub struct Names(FxHashSet<Rc<str>>);

impl Names {
    pub(super) fn name(&mut self, text: &str) -> Rc<str> {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let name: Rc<str> = text.into();
        self.0.insert(name.clone());
        name
    }
}

/// One token. Those of the first group never leave the lexer.
#[derive(Logos, Clone, Debug, PartialEq)]
#[logos(skip r"[ \t\r]+", extras = Names)]
pub enum Token {
    // ---- openings, which the scanner follows up by hand
    #[regex(r"//[^\n]*", allow_greedy = true)]
    Comment,
    #[token("/*")]
    BlockComment,
    #[token(";")]
    Semicolon,
    #[regex(r"[0-9][0-9A-Za-z_]*")]
    NumberStart,
    #[token("'")]
    CharQuote,
    #[token("b'")]
    ByteQuote,
    #[token("\"")]
    StringQuote,
    #[token("b\"")]
    BytesQuote,
    #[token("\"\"\"")]
    BlockQuote,

    // ---- signs of other languages ([`super::foreign`])
    #[token("++")]
    #[token("--")]
    #[token("**")]
    #[token("**=")]
    #[token("===")]
    #[token("!==")]
    #[token("<>")]
    #[token("=<")]
    #[token("&&=")]
    #[token("||=")]
    #[token("??=")]
    #[token("::")]
    #[token(":=")]
    #[token("...")]
    #[token("..<")]
    #[token("|>")]
    Foreign,

    // ---- made by the scanner
    Int(Integer),
    Float(f64),
    Char(char),
    Bytes(Rc<[u8]>),
    Str(Rc<str>),
    StrHead(Rc<str>),
    StrMid(Rc<str>),
    StrTail(Rc<str>),

    /// What did not parse and has been reported; put in by the parser's recovery.
    Broken,

    // ---- found by logos as they are
    #[token("\n")]
    Newline,
    #[regex(r"[a-z_][A-Za-z0-9_]*", |lexer| lexer.extras.name(lexer.slice()))]
    Ident(Rc<str>),
    #[regex(r"[A-Z][A-Za-z0-9_]*", |lexer| lexer.extras.name(lexer.slice()))]
    Upper(Rc<str>),
    #[token("_", priority = 5)]
    Underscore,

    #[token("as")]
    As,
    #[token("break")]
    Break,
    #[token("const")]
    Const,
    #[token("continue")]
    Continue,
    #[token("else")]
    Else,
    #[token("enum")]
    Enum,
    #[token("false")]
    False,
    #[token("fn")]
    Fn,
    #[token("for")]
    For,
    #[token("from")]
    From,
    #[token("if")]
    If,
    #[token("impl")]
    Impl,
    #[token("import")]
    Import,
    #[token("in")]
    In,
    #[token("is")]
    Is,
    #[token("let")]
    Let,
    #[token("match")]
    Match,
    #[token("mut")]
    Mut,
    #[token("opaque")]
    Opaque,
    #[token("pub")]
    Pub,
    #[token("return")]
    Return,
    #[token("self")]
    SelfValue,
    #[token("Self")]
    SelfType,
    #[token("struct")]
    Struct,
    #[token("test")]
    Test,
    #[token("trait")]
    Trait,
    #[token("true")]
    True,
    #[token("type")]
    Type,
    #[token("while")]
    While,

    #[token("(")]
    LParen,
    #[token(")")]
    RParen,
    #[token("[")]
    LBracket,
    #[token("]")]
    RBracket,
    #[token("{")]
    LBrace,
    #[token("}")]
    RBrace,
    #[token(",")]
    Comma,
    #[token(".")]
    Dot,
    #[token("..")]
    DotDot,
    #[token("..=")]
    DotDotEq,
    #[token(":")]
    Colon,
    #[token("->")]
    Arrow,
    #[token("=>")]
    FatArrow,
    #[token("@")]
    At,
    #[token("?")]
    Question,
    #[token("??")]
    Coalesce,

    #[token("=")]
    Eq,
    #[token("+=")]
    AddEq,
    #[token("-=")]
    SubEq,
    #[token("*=")]
    MulEq,
    #[token("/=")]
    DivEq,
    #[token("%=")]
    RemEq,
    #[token("&=")]
    AndEq,
    #[token("|=")]
    OrEq,
    #[token("^=")]
    XorEq,
    #[token("<<=")]
    ShlEq,
    #[token(">>=")]
    ShrEq,
    #[token(">>>=")]
    UShrEq,
    #[token("+%=")]
    WrapAddEq,
    #[token("-%=")]
    WrapSubEq,
    #[token("*%=")]
    WrapMulEq,

    #[token("==")]
    EqEq,
    #[token("!=")]
    Ne,
    #[token("<")]
    Lt,
    #[token("<=")]
    Le,
    #[token(">")]
    Gt,
    #[token(">=")]
    Ge,
    #[token("&&")]
    AndAnd,
    #[token("||")]
    OrOr,
    #[token("|")]
    Bar,
    #[token("^")]
    Caret,
    #[token("&")]
    Amp,
    #[token("<<")]
    Shl,
    #[token(">>")]
    Shr,
    #[token(">>>")]
    UShr,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("%")]
    Percent,
    #[token("+%")]
    WrapAdd,
    #[token("-%")]
    WrapSub,
    #[token("*%")]
    WrapMul,
    #[token("!")]
    Bang,
    #[token("~")]
    Tilde,
}

impl Token {
    /// Whether it can be the last token of a statement, member, arm or item (rule 2 of the line breaks).
    pub fn ends(&self) -> bool {
        use Token::*;
        matches!(
            self,
            Ident(_)
                | Upper(_)
                | Underscore
                | Int(_)
                | Float(_)
                | Char(_)
                | Bytes(_)
                | Str(_)
                | StrTail(_)
        ) || matches!(
            self,
            RParen | RBracket | RBrace | Question | True | False | SelfValue | SelfType
        ) || matches!(
            self,
            Break | Continue | Return | From | Test | Type | Opaque
        )
    }

    /// Whether a line that starts with it goes on with the line before (rule 3 of the line breaks).
    pub fn continues(&self) -> bool {
        use Token::*;
        matches!(
            self,
            Dot | Question
                | RParen
                | RBracket
                | RBrace
                | Comma
                | Colon
                | Arrow
                | FatArrow
                | Else
                | Is
                | As
        ) || self.is_assignment()
            || (self.is_binary() && !matches!(self, Minus | Bar))
    }

    /// `=`, `+=` and their kin.
    pub fn is_assignment(&self) -> bool {
        use Token::*;
        matches!(
            self,
            Eq | AddEq
                | SubEq
                | MulEq
                | DivEq
                | RemEq
                | AndEq
                | OrEq
                | XorEq
                | ShlEq
                | ShrEq
                | UShrEq
        ) || matches!(self, WrapAddEq | WrapSubEq | WrapMulEq)
    }

    /// Operators between two operands, ranges included.
    pub fn is_binary(&self) -> bool {
        use Token::*;
        matches!(
            self,
            Plus | Minus
                | Star
                | Slash
                | Percent
                | WrapAdd
                | WrapSub
                | WrapMul
                | Bar
                | Caret
                | Amp
                | Shl
                | Shr
                | UShr
        ) || matches!(
            self,
            EqEq | Ne | Lt | Le | Gt | Ge | AndAnd | OrOr | Coalesce | DotDot | DotDotEq
        )
    }

    /// Whether an expression can start with it.
    pub fn starts_operand(&self) -> bool {
        use Token::*;
        matches!(
            self,
            Ident(_)
                | Upper(_)
                | Int(_)
                | Float(_)
                | Char(_)
                | Bytes(_)
                | Str(_)
                | StrHead(_)
                | From
                | Test
                | Type
        ) || matches!(
            self,
            Opaque | SelfValue | SelfType | True | False | LParen | LBracket | LBrace
        ) || matches!(self, If | Match | Minus | Bang | Tilde)
    }

    /// Whether an item starts with it and nothing that stands in parentheses.
    pub fn starts_item(&self) -> bool {
        use Token::*;
        matches!(
            self,
            Fn | Struct | Enum | Trait | Impl | Import | Pub | Const
        )
    }

    /// Whether a statement starts with it and nothing that stands in parentheses.
    pub fn starts_statement(&self) -> bool {
        use Token::*;
        matches!(
            self,
            Let | While
                | For
                | Return
                | Break
                | Continue
                | Const
                | Struct
                | Enum
                | Trait
                | Impl
                | Import
        )
    }

    /// Brackets and the heads of strings with interpolation.
    pub fn opens(&self) -> bool {
        matches!(
            self,
            Token::LParen | Token::LBracket | Token::LBrace | Token::StrHead(_)
        )
    }

    /// Brackets and the tails of strings with interpolation.
    pub fn closes(&self) -> bool {
        matches!(
            self,
            Token::RParen | Token::RBracket | Token::RBrace | Token::StrTail(_)
        )
    }
}
