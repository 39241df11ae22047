//! Blocks and statements.

use super::Context;
use crate::ast::*;
use crate::source::Span;

impl Context {
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
        let help = match &otherwise {
            None => "write `let mut` to make all of its names variables",
            Some(_) => "bind a variable of your own below: `let mut x = x`",
        };
        self.check_no_mut(&pattern, "`let`", help);
        self.stmt(
            start,
            StmtKind::Let(Box::new(Let {
                mutable,
                pattern,
                ty,
                value,
                otherwise,
            })),
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
                pattern: Box::new(pattern),
                values: Box::new(values),
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
                place: Box::new(place),
                op,
                op_span,
                value: Box::new(value),
            },
            end,
        )
    }

    pub fn if_chain(&mut self, condition: Expr, then: Block, otherwise: Option<Else>) -> Box<If> {
        let below = match &otherwise {
            None => 0,
            Some(Else::Block(block)) => block.depth,
            Some(Else::If(inner, _)) => inner.depth,
        };
        let depth = condition.depth.max(then.depth).max(below) + 1;
        if depth > MAX_DEPTH {
            self.report_depth(condition.span);
            return Box::new(If {
                condition: self.error_at(condition.span),
                then,
                otherwise: None,
                depth: 0,
            });
        }
        Box::new(If {
            condition,
            then,
            otherwise,
            depth,
        })
    }
}
