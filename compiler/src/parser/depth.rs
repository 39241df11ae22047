//! How deep a tree is, level by level, as it is built: each node asks only its children, which know.

use crate::ast::*;

impl ExprKind {
    /// Levels below an expression of this kind: 0 for a name or literal.
    pub(super) fn depth(&self) -> u16 {
        let below = match self {
            ExprKind::Name(_) | ExprKind::Upper(_) | ExprKind::SelfValue | ExprKind::SelfType => {
                return 0;
            }
            ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Char(_) | ExprKind::Bool(_) => {
                return 0;
            }
            ExprKind::Bytes(_) | ExprKind::Unit | ExprKind::Error => return 0,
            ExprKind::String(parts) => deepest(parts.iter().filter_map(|part| match part {
                StringPart::Text(_) => None,
                StringPart::Expr(value) => Some(value.depth),
            })),
            ExprKind::Paren(inner) | ExprKind::Try(inner) => inner.depth,
            ExprKind::Tuple(parts) | ExprKind::List(parts) => {
                deepest(parts.iter().map(|part| part.depth))
            }
            ExprKind::Map(entries) => deepest(
                entries
                    .iter()
                    .map(|(key, value)| key.depth.max(value.depth)),
            ),
            ExprKind::Block(block) => return block.depth,
            ExprKind::If(chain) => return chain.depth,
            ExprKind::Match { value, arms } => {
                deepest(arms.iter().map(Arm::depth)).max(value.depth)
            }
            ExprKind::Field { base, .. } | ExprKind::TupleField { base, .. } => base.depth,
            ExprKind::Call {
                callee, arguments, ..
            } => deepest(arguments.iter().map(|argument| argument.kind.value().depth))
                .max(callee.depth),
            ExprKind::Index { base, index } => base.depth.max(index.depth),
            ExprKind::Unary { operand, .. } => operand.depth,
            ExprKind::Binary { left, right, .. } => left.depth.max(right.depth),
            ExprKind::Range { start, end, .. } => start.depth.max(end.depth),
            ExprKind::Is { value, .. } => value.depth,
            ExprKind::Lambda { body, .. } => body.depth,
        };
        below + 1
    }
}

impl ArgumentKind {
    /// The expression in it.
    pub fn value(&self) -> &Expr {
        match self {
            ArgumentKind::Value(value) | ArgumentKind::Mut(value) | ArgumentKind::Rest(value) => {
                value
            }
            ArgumentKind::Named(_, value) => value,
        }
    }
}

impl Arm {
    fn depth(&self) -> u16 {
        self.guard
            .as_ref()
            .map_or(0, |guard| guard.depth)
            .max(self.body.depth())
    }
}

impl Stmt {
    /// The deepest of the expressions and blocks in it.
    pub(super) fn depth(&self) -> u16 {
        match &self.kind {
            StmtKind::Let(binding) => binding
                .otherwise
                .as_ref()
                .map_or(0, |block| block.depth)
                .max(binding.value.depth),
            StmtKind::While { condition, body } => condition.depth.max(body.depth),
            StmtKind::For { values, body, .. } => values.depth.max(body.depth),
            StmtKind::Expr(value) | StmtKind::Return(Some(value)) => value.depth,
            StmtKind::If(chain) => chain.depth,
            StmtKind::Assign { place, value, .. } => place.depth.max(value.depth),
            StmtKind::Return(None) | StmtKind::Break | StmtKind::Continue | StmtKind::Error => 0,
        }
    }
}

impl TypeKind {
    /// Levels below a type of this kind: 0 for a name.
    pub(super) fn depth(&self) -> u16 {
        let below = match self {
            TypeKind::SelfType | TypeKind::Unit | TypeKind::Error => return 0,
            TypeKind::Named(named) if named.arguments.is_empty() => return 0,
            TypeKind::Named(named) => {
                deepest(named.arguments.iter().map(|argument| argument.depth))
            }
            TypeKind::Option(inner) | TypeKind::Paren(inner) => inner.depth,
            TypeKind::Tuple(parts) => deepest(parts.iter().map(|part| part.depth)),
            TypeKind::Function { parameters, result } => {
                let result = result.as_ref().map_or(0, |result| result.depth);
                deepest(parameters.iter().map(|parameter| parameter.ty.depth)).max(result)
            }
        };
        below + 1
    }
}

fn deepest(depths: impl Iterator<Item = u16>) -> u16 {
    depths.max().unwrap_or(0)
}
