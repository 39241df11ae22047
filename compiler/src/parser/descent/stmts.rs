//! Blocks and statements.

use super::{Reader, add};
use crate::ast::{BinaryOp, Block, Else, ExprKind, If, Stmt, StmtKind};
use crate::lexer::Token;

/// An `if` with all that belongs to it.
pub(super) struct Chain {
    pub(super) tree: Box<If>,
    /// It ends with `else {...}`, so it has a value.
    pub(super) whole: bool,
}

impl Reader<'_> {
    pub(super) fn block(&mut self) -> Option<Block> {
        self.nested(|reader| {
            let start = reader.start();
            reader.expect(Token::LBrace)?;
            let mut stmts = Vec::new();
            if !reader.eat(Token::RBrace) {
                loop {
                    add(&mut stmts, reader.stmt()?);
                    match reader.take() {
                        Token::Newline => {}
                        Token::RBrace => break,
                        _ => return None,
                    }
                }
            }
            Some(reader.cx.block(start, stmts, reader.end))
        })
    }

    fn stmt(&mut self) -> Option<Stmt> {
        let start = self.start();
        match self.peek() {
            Token::Let => self.let_stmt(),
            Token::While => {
                self.skip();
                let condition = Box::new(self.expr()?);
                let kind = StmtKind::While {
                    condition,
                    body: self.block()?,
                };
                Some(self.cx.stmt(start, kind, self.end))
            }
            Token::For => {
                self.skip();
                let pattern = self.pattern()?;
                self.expect(Token::In)?;
                let values = self.expr()?;
                let body = self.block()?;
                Some(self.cx.for_stmt(start, pattern, values, body, self.end))
            }
            _ => self.body_stmt(),
        }
    }

    fn let_stmt(&mut self) -> Option<Stmt> {
        let start = self.start();
        self.skip();
        let mutable = self.place_of(Token::Mut);
        let pattern = self.pattern()?;
        let ty = self.maybe_type_note()?;
        self.expect(Token::Eq)?;
        let value = self.expr()?;
        let otherwise = if mutable.is_none() && self.eat(Token::Else) {
            Some(self.block()?)
        } else {
            None
        };
        let cx = &mut *self.cx;
        Some(cx.let_stmt(start, mutable, pattern, ty, value, otherwise, self.end))
    }

    /// A statement that may also be the body of an arm.
    pub(super) fn body_stmt(&mut self) -> Option<Stmt> {
        let start = self.start();
        let kind = match self.peek() {
            Token::Return => {
                self.skip();
                let ends = matches!(
                    self.peek(),
                    Token::Newline | Token::RBrace | Token::Comma | Token::Broken
                );
                StmtKind::Return(if ends { None } else { Some(self.expr()?) })
            }
            Token::Break => {
                self.skip();
                StmtKind::Break
            }
            Token::Continue => {
                self.skip();
                StmtKind::Continue
            }
            Token::If => {
                let chain = self.if_chain()?;
                if !chain.whole {
                    let kind = StmtKind::If(chain.tree);
                    return Some(self.cx.stmt(start, kind, self.end));
                }
                let first = self.cx.expr(start, ExprKind::If(chain.tree), self.end);
                let first = self.postfix(first)?;
                let value = self.expr_behind(first)?;
                return self.stmt_of(start, value);
            }
            _ => {
                let value = self.expr()?;
                return self.stmt_of(start, value);
            }
        };
        Some(self.cx.stmt(start, kind, self.end))
    }

    /// An expression as a statement, or as the place of an assignment.
    fn stmt_of(&mut self, start: usize, value: crate::ast::Expr) -> Option<Stmt> {
        let Some(op) = assignment(self.peek()) else {
            return Some(self.cx.stmt(start, StmtKind::Expr(value), self.end));
        };
        let op_start = self.start();
        self.skip();
        let op_span = self.cx.span(op_start, self.end);
        let new = self.expr()?;
        Some(self.cx.assign(start, value, op, op_span, new, self.end))
    }

    pub(super) fn if_chain(&mut self) -> Option<Chain> {
        self.nested(|reader| {
            reader.expect(Token::If)?;
            let condition = reader.expr()?;
            let then = reader.block()?;
            if !reader.eat(Token::Else) {
                let tree = reader.cx.if_chain(condition, then, None);
                return Some(Chain { tree, whole: false });
            }
            if !reader.is(&Token::If) {
                let otherwise = Else::Block(reader.block()?);
                let tree = reader.cx.if_chain(condition, then, Some(otherwise));
                return Some(Chain { tree, whole: true });
            }
            let start = reader.start();
            let inner = reader.if_chain()?;
            let otherwise = Else::If(inner.tree, reader.cx.span(start, reader.end));
            Some(Chain {
                tree: reader.cx.if_chain(condition, then, Some(otherwise)),
                whole: inner.whole,
            })
        })
    }
}

/// What an assignment does with the old value; `None` for tokens that do not assign.
fn assignment(token: &Token) -> Option<Option<BinaryOp>> {
    Some(match token {
        Token::Eq => None,
        Token::AddEq => Some(BinaryOp::Add),
        Token::SubEq => Some(BinaryOp::Subtract),
        Token::MulEq => Some(BinaryOp::Multiply),
        Token::DivEq => Some(BinaryOp::Divide),
        Token::RemEq => Some(BinaryOp::Remainder),
        Token::AndEq => Some(BinaryOp::BitAnd),
        Token::OrEq => Some(BinaryOp::BitOr),
        Token::XorEq => Some(BinaryOp::BitXor),
        Token::ShlEq => Some(BinaryOp::ShiftLeft),
        Token::ShrEq => Some(BinaryOp::ShiftRight),
        Token::UShrEq => Some(BinaryOp::ShiftRightUnsigned),
        Token::WrapAddEq => Some(BinaryOp::AddWrapping),
        Token::WrapSubEq => Some(BinaryOp::SubtractWrapping),
        Token::WrapMulEq => Some(BinaryOp::MultiplyWrapping),
        _ => return None,
    })
}
