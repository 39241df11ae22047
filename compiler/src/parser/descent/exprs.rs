//! Expressions: operators by their levels, in one loop.

use super::{Reader, add};
use crate::ast::{Argument, ArgumentKind, BinaryOp, Expr, ExprKind, LambdaParameter, UnaryOp};
use crate::lexer::Token;

/// How tightly operators bind, the loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Range,
    Coalesce,
    Or,
    And,
    Compare,
    BitOr,
    BitXor,
    BitAnd,
    Shift,
    Sum,
    Product,
    Unary,
}

/// What stands between two operands.
#[derive(Clone, Copy)]
enum Infix {
    Range { inclusive: bool },
    Is,
    Op(BinaryOp),
}

fn infix(token: &Token) -> Option<(Level, Infix)> {
    use BinaryOp::*;
    let op = |level, op| Some((level, Infix::Op(op)));
    match token {
        Token::DotDot => Some((Level::Range, Infix::Range { inclusive: false })),
        Token::DotDotEq => Some((Level::Range, Infix::Range { inclusive: true })),
        Token::Is => Some((Level::Compare, Infix::Is)),
        Token::Coalesce => op(Level::Coalesce, Coalesce),
        Token::OrOr => op(Level::Or, Or),
        Token::AndAnd => op(Level::And, And),
        Token::EqEq => op(Level::Compare, Equal),
        Token::Ne => op(Level::Compare, NotEqual),
        Token::Lt => op(Level::Compare, Less),
        Token::Le => op(Level::Compare, LessEqual),
        Token::Gt => op(Level::Compare, Greater),
        Token::Ge => op(Level::Compare, GreaterEqual),
        Token::Bar => op(Level::BitOr, BitOr),
        Token::Caret => op(Level::BitXor, BitXor),
        Token::Amp => op(Level::BitAnd, BitAnd),
        Token::Shl => op(Level::Shift, ShiftLeft),
        Token::Shr => op(Level::Shift, ShiftRight),
        Token::UShr => op(Level::Shift, ShiftRightUnsigned),
        Token::Plus => op(Level::Sum, Add),
        Token::Minus => op(Level::Sum, Subtract),
        Token::WrapAdd => op(Level::Sum, AddWrapping),
        Token::WrapSub => op(Level::Sum, SubtractWrapping),
        Token::Star => op(Level::Product, Multiply),
        Token::Slash => op(Level::Product, Divide),
        Token::Percent => op(Level::Product, Remainder),
        Token::WrapMul => op(Level::Product, MultiplyWrapping),
        _ => None,
    }
}

impl Level {
    /// The level of what may stand on the right of an operator of this one.
    fn right(self) -> Level {
        match self {
            // `a ?? b ?? c` is `a ?? (b ?? c)`.
            Level::Range | Level::Coalesce => Level::Coalesce,
            Level::Or => Level::And,
            Level::And => Level::Compare,
            Level::Compare => Level::BitOr,
            Level::BitOr => Level::BitXor,
            Level::BitXor => Level::BitAnd,
            Level::BitAnd => Level::Shift,
            Level::Shift => Level::Sum,
            Level::Sum => Level::Product,
            Level::Product | Level::Unary => Level::Unary,
        }
    }

    /// The loosest level of what may come out of an operator of this one and be the left side of another.
    fn left(self) -> Level {
        match self {
            // Ranges and comparisons do not go on, and `a ?? b` does not with another `??`.
            Level::Range => Level::Unary,
            Level::Coalesce => Level::Range,
            Level::Compare => Level::And,
            level => level,
        }
    }
}

impl Reader<'_> {
    pub(super) fn expr(&mut self) -> Option<Expr> {
        self.nested(|reader| match reader.peek() {
            Token::Bar | Token::OrOr => reader.lambda(),
            _ => {
                let first = reader.unary()?;
                reader.expr_behind(first)
            }
        })
    }

    /// The rest of an expression whose first operand was read.
    pub(super) fn expr_behind(&mut self, first: Expr) -> Option<Expr> {
        self.operators(first, Level::Range)
    }

    /// Operators of this level and tighter ones, behind their first operand.
    fn operators(&mut self, first: Expr, loosest: Level) -> Option<Expr> {
        let mut left = first;
        // What `left` may still be the left side of.
        let mut tightest = Level::Unary;
        while let Some((level, infix)) = infix(self.peek()) {
            if level < loosest {
                break;
            }
            if level > tightest {
                // `a < b < c` and its like: the grammar says what is wrong.
                return None;
            }
            let start = self.start();
            self.skip();
            let op_span = self.cx.span(start, self.end);
            left = match infix {
                Infix::Is => {
                    let pattern = self.simple_pattern()?;
                    self.cx.is(left, pattern)
                }
                Infix::Range { inclusive } => {
                    let right = self.operand(level.right())?;
                    self.cx.range(left, right, inclusive)
                }
                Infix::Op(op) => {
                    let right = self.operand(level.right())?;
                    self.cx.binary(left, op, op_span, right)
                }
            };
            tightest = level.left();
            if level == Level::Range {
                // Nothing goes on with a range but what ends the expression.
                return infix_free(self.peek()).then_some(left);
            }
        }
        Some(left)
    }

    /// An operand with the operators in it, of this level and tighter.
    fn operand(&mut self, level: Level) -> Option<Expr> {
        self.nested(|reader| {
            let first = reader.unary()?;
            reader.operators(first, level)
        })
    }

    fn lambda(&mut self) -> Option<Expr> {
        let start = self.start();
        let parameters = if self.eat(Token::OrOr) {
            Vec::new()
        } else {
            self.skip();
            self.commas(Token::Bar, Self::lambda_parameter)?
        };
        let body = self.expr()?;
        Some(self.cx.lambda(start, parameters, body, self.end))
    }

    fn lambda_parameter(&mut self) -> Option<Box<LambdaParameter>> {
        let start = self.start();
        let mutable = self.place_of(Token::Mut);
        let pattern = if mutable.is_some() {
            let name = self.name()?;
            self.cx.bind(name)
        } else {
            self.bind_pattern()?
        };
        let ty = self.maybe_type_note()?;
        let cx = &mut *self.cx;
        Some(cx.lambda_parameter(start, mutable, pattern, ty, self.end))
    }

    fn unary(&mut self) -> Option<Expr> {
        let start = self.start();
        let op = match self.peek() {
            Token::Minus => UnaryOp::Negate,
            Token::Bang => UnaryOp::Not,
            Token::Tilde => UnaryOp::BitNot,
            _ => {
                let first = self.primary()?;
                return self.postfix(first);
            }
        };
        self.skip();
        let operand = self.nested(Self::unary)?;
        Some(match op {
            UnaryOp::Negate => self.cx.negate(start, operand, self.end),
            op => self.cx.unary(start, op, operand, self.end),
        })
    }

    /// Fields, calls and what else follows an expression.
    pub(super) fn postfix(&mut self, first: Expr) -> Option<Expr> {
        let mut value = first;
        loop {
            let start = self.start();
            value = match self.peek() {
                Token::Dot => {
                    self.skip();
                    let start = self.start();
                    match self.peek() {
                        Token::Int(_) => match self.take() {
                            Token::Int(position) => {
                                let span = self.cx.span(start, self.end);
                                self.cx.position_of(value, position, span)
                            }
                            _ => return None,
                        },
                        Token::Upper(_) => {
                            let name = self.upper()?;
                            self.cx.field_of(value, name)
                        }
                        _ => {
                            let name = self.name()?;
                            self.cx.field_of(value, name)
                        }
                    }
                }
                Token::LParen => {
                    self.skip();
                    let arguments = self.commas(Token::RParen, Self::argument)?;
                    let span = self.cx.span(start, self.end);
                    self.cx.call(value, arguments, span)
                }
                Token::LBracket => {
                    self.skip();
                    let index = self.expr()?;
                    self.expect(Token::RBracket)?;
                    self.cx.index(value, index, self.end)
                }
                Token::Question => {
                    self.skip();
                    self.cx.attempt(value, self.end)
                }
                _ => return Some(value),
            };
        }
    }

    pub(super) fn argument(&mut self) -> Option<Argument> {
        let start = self.start();
        let kind = match self.peek() {
            Token::Mut => {
                self.skip();
                let first = self.primary()?;
                ArgumentKind::Mut(self.postfix(first)?)
            }
            Token::DotDot => {
                self.skip();
                ArgumentKind::Rest(self.expr()?)
            }
            name if Self::is_name(name) && matches!(self.peek_behind(1), Token::Colon) => {
                let name = self.name()?;
                self.skip();
                ArgumentKind::Named(name, Box::new(self.expr()?))
            }
            _ => ArgumentKind::Value(self.expr()?),
        };
        Some(self.cx.argument(start, kind, self.end))
    }

    fn primary(&mut self) -> Option<Expr> {
        let start = self.start();
        let kind = match self.peek() {
            Token::Upper(_) => ExprKind::Upper(self.upper()?),
            Token::SelfValue => self.word(ExprKind::SelfValue),
            Token::SelfType => self.word(ExprKind::SelfType),
            Token::True => self.word(ExprKind::Bool(true)),
            Token::False => self.word(ExprKind::Bool(false)),
            Token::Int(_)
            | Token::Float(_)
            | Token::Char(_)
            | Token::Bytes(_)
            | Token::Str(_)
            | Token::StrHead(_) => return self.literal(),
            Token::LParen => return self.parenthesis(),
            Token::LBracket => return self.bracket(),
            Token::LBrace => ExprKind::Block(self.block()?),
            Token::If => {
                let chain = self.if_chain()?;
                if !chain.whole {
                    return None;
                }
                ExprKind::If(chain.tree)
            }
            Token::Match => {
                self.skip();
                let value = self.expr()?;
                let arms = self.lines(|reader| {
                    let start = reader.start();
                    let pattern = reader.pattern()?;
                    let guard = if reader.eat(Token::If) {
                        Some(reader.expr()?)
                    } else {
                        None
                    };
                    reader.expect(Token::FatArrow)?;
                    let body = reader.body_stmt()?;
                    Some(reader.cx.arm(start, pattern, guard, body, reader.end))
                })?;
                return Some(self.cx.match_expr(start, value, arms, self.end));
            }
            _ => ExprKind::Name(self.name()?),
        };
        Some(self.cx.expr(start, kind, self.end))
    }

    fn word(&mut self, kind: ExprKind) -> ExprKind {
        self.skip();
        kind
    }

    fn literal(&mut self) -> Option<Expr> {
        let start = self.start();
        let kind = match self.take() {
            Token::Int(value) => return Some(self.cx.integer(start, value, self.end)),
            Token::Float(value) => ExprKind::Float(value),
            Token::Char(value) => ExprKind::Char(value),
            Token::Bytes(value) => ExprKind::Bytes(value),
            Token::Str(text) => return Some(self.cx.string(start, text, self.end)),
            Token::StrHead(head) => {
                let first = self.expr()?;
                let mut middle = Vec::new();
                loop {
                    match self.take() {
                        Token::StrMid(text) => add(&mut middle, (text, self.expr()?)),
                        Token::StrTail(tail) => {
                            let cx = &mut *self.cx;
                            return Some(
                                cx.interpolation(start, head, first, middle, tail, self.end),
                            );
                        }
                        _ => return None,
                    }
                }
            }
            _ => return None,
        };
        Some(self.cx.expr(start, kind, self.end))
    }

    fn parenthesis(&mut self) -> Option<Expr> {
        let start = self.start();
        self.skip();
        if self.eat(Token::RParen) {
            return Some(self.cx.expr(start, ExprKind::Unit, self.end));
        }
        let first = self.expr()?;
        if self.eat(Token::RParen) {
            let kind = ExprKind::Paren(Box::new(first));
            return Some(self.cx.expr(start, kind, self.end));
        }
        self.expect(Token::Comma)?;
        let rest = self.commas(Token::RParen, Self::expr)?;
        Some(self.cx.tuple(start, first, rest, self.end))
    }

    /// A list or a map.
    fn bracket(&mut self) -> Option<Expr> {
        let start = self.start();
        self.skip();
        if self.eat(Token::Colon) {
            self.expect(Token::RBracket)?;
            return Some(self.cx.expr(start, ExprKind::Map(Vec::new()), self.end));
        }
        if self.eat(Token::RBracket) {
            return Some(self.cx.expr(start, ExprKind::List(Vec::new()), self.end));
        }
        let first = self.expr()?;
        if self.eat(Token::Colon) {
            let mut entries = vec![Box::new((first, self.expr()?))];
            if self.eat(Token::Comma) {
                entries.extend(self.commas(Token::RBracket, |reader| {
                    let key = reader.expr()?;
                    reader.expect(Token::Colon)?;
                    Some(Box::new((key, reader.expr()?)))
                })?);
            } else {
                self.expect(Token::RBracket)?;
            }
            return Some(self.cx.map(start, entries, self.end));
        }
        let mut parts = vec![first];
        if self.eat(Token::Comma) {
            parts.extend(self.commas(Token::RBracket, Self::expr)?);
        } else {
            self.expect(Token::RBracket)?;
        }
        Some(self.cx.expr(start, ExprKind::List(parts), self.end))
    }
}

/// Whether no operator follows.
fn infix_free(token: &Token) -> bool {
    infix(token).is_none()
}
