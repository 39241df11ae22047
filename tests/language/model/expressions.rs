//! Random expressions. They change nothing, so that they can stand anywhere.

use super::generate::{Expr, Generator, count, digest, expr};
use super::value::{NODE, PAIR, RECORD, Step, Type, Value};

impl Generator {
    pub(super) fn expr(&mut self, ty: Type) -> Expr {
        self.depth += 1;
        let made = if self.depth > 4 || self.chance.is(20) {
            self.literal(ty)
        } else if let Some(name) = self.variable(ty, false).filter(|_| self.chance.is(50)) {
            expr(name.clone(), move |scope| scope[&name].clone())
        } else {
            self.composed(ty).unwrap_or_else(|| self.literal(ty))
        };
        self.depth -= 1;
        made
    }

    pub(super) fn literal(&mut self, ty: Type) -> Expr {
        let number = self.chance.below(10) as i64;
        let deep = self.depth > 6;
        match ty {
            Type::Int => expr(number.to_string(), move |_| Value::Int(number)),
            Type::List => {
                let items: Vec<Value> = (0..self.chance.below(4))
                    .map(|i| Value::Int(number + i as i64))
                    .collect();
                let list = Value::List(items);
                let text = if list.items().is_empty() {
                    "none()".into()
                } else {
                    list.to_string()
                };
                expr(text, move |_| list.clone())
            }
            Type::Grid => {
                let rows: Vec<Expr> = (0..if deep { 0 } else { self.chance.below(4) })
                    .map(|_| self.expr(Type::List))
                    .collect();
                let text = if rows.is_empty() {
                    "no_grid()".into()
                } else {
                    format!("[{}]", texts(&rows))
                };
                expr(text, move |scope| {
                    Value::List(rows.iter().map(|row| (row.value)(scope)).collect())
                })
            }
            Type::Map => {
                let rows: Vec<Expr> = (0..if deep { 0 } else { self.chance.below(3) })
                    .map(|_| self.expr(Type::List))
                    .collect();
                let entries: Vec<String> = rows
                    .iter()
                    .enumerate()
                    .map(|(key, row)| format!("{key}: {}", row.text))
                    .collect();
                let text = if rows.is_empty() {
                    "no_map()".into()
                } else {
                    format!("[{}]", entries.join(", "))
                };
                expr(text, move |scope| {
                    Value::Map(
                        rows.iter()
                            .enumerate()
                            .map(|(key, row)| (key as i64, (row.value)(scope)))
                            .collect(),
                    )
                })
            }
            Type::Maybe if deep || self.chance.is(30) => expr("nothing()", |_| Value::Maybe(None)),
            Type::Maybe => {
                let inner = self.expr(Type::List);
                expr(format!("Some({})", inner.text), move |scope| {
                    Value::Maybe(Some(Box::new((inner.value)(scope))))
                })
            }
            Type::Pair => {
                let (a, b) = (self.expr(Type::Int), self.expr(Type::List));
                expr(format!("({}, {})", a.text, b.text), move |scope| {
                    Value::Parts(PAIR, vec![(a.value)(scope), (b.value)(scope)])
                })
            }
            Type::Record => {
                let (a, b, c) = (
                    self.expr(Type::Int),
                    self.expr(Type::List),
                    self.expr(Type::Maybe),
                );
                expr(
                    format!("Record(a: {}, xs: {}, o: {})", a.text, b.text, c.text),
                    move |scope| {
                        let pair = Value::Parts(PAIR, vec![Value::Int(0), Value::List(vec![])]);
                        Value::Parts(
                            RECORD,
                            vec![(a.value)(scope), (b.value)(scope), (c.value)(scope), pair],
                        )
                    },
                )
            }
            Type::Shape => self.shape(deep),
        }
    }

    fn shape(&mut self, plain: bool) -> Expr {
        let (list, number) = (self.expr(Type::List), self.expr(Type::Int));
        match self.chance.below(if plain { 3 } else { 4 }) {
            0 => expr("Dot", |_| Value::Variant("Dot", &[], vec![])),
            1 => expr(format!("One({})", list.text), move |scope| {
                Value::Variant("One", &[], vec![(list.value)(scope)])
            }),
            2 => expr(
                format!("Two(x: {}, ys: {})", number.text, list.text),
                move |scope| {
                    Value::Variant(
                        "Two",
                        &["x", "ys"],
                        vec![(number.value)(scope), (list.value)(scope)],
                    )
                },
            ),
            _ => {
                self.depth += 2;
                let inner: Vec<Expr> = (0..self.chance.below(3))
                    .map(|_| self.expr(Type::Shape))
                    .collect();
                self.depth -= 2;
                expr(
                    format!("Deep(Node(inner: [{}], n: {}))", texts(&inner), number.text),
                    move |scope| {
                        let list =
                            Value::List(inner.iter().map(|shape| (shape.value)(scope)).collect());
                        let node = Value::Parts(NODE, vec![list, (number.value)(scope)]);
                        Value::Variant("Deep", &[], vec![node])
                    },
                )
            }
        }
    }

    /// An expression made of others; `None` if what it needs is not in scope.
    fn composed(&mut self, ty: Type) -> Option<Expr> {
        if self.chance.is(20) {
            let condition = self.condition();
            let (a, b) = (self.expr(ty), self.expr(ty));
            return Some(expr(
                format!(
                    "(if {} {{ {} }} else {{ {} }})",
                    condition.text, a.text, b.text
                ),
                move |scope| {
                    if (condition.value)(scope).int() != 0 {
                        (a.value)(scope)
                    } else {
                        (b.value)(scope)
                    }
                },
            ));
        }
        Some(match ty {
            Type::Int => {
                let (list, other) = (self.expr(Type::List), self.expr(Type::Int));
                match self.chance.below(3) {
                    0 => expr(format!("{}.len()", list.text), move |scope| {
                        count(&(list.value)(scope))
                    }),
                    1 => expr(format!("digest({})", list.text), move |scope| {
                        Value::Int(digest(&(list.value)(scope)))
                    }),
                    _ => expr(
                        format!("({} +% digest({}))", other.text, list.text),
                        move |scope| {
                            Value::Int(
                                (other.value)(scope)
                                    .int()
                                    .wrapping_add(digest(&(list.value)(scope))),
                            )
                        },
                    ),
                }
            }
            Type::List => return self.composed_list(),
            Type::Grid => return None,
            Type::Map => return None,
            Type::Maybe => {
                let name = self.variable(Type::Record, false)?;
                expr(format!("{name}.o"), move |scope| {
                    scope[&name].at(&[Step::Part(2)]).expect("a part").clone()
                })
            }
            Type::Pair => {
                let name = self.variable(Type::Record, false)?;
                expr(format!("{name}.t"), move |scope| {
                    scope[&name].at(&[Step::Part(3)]).expect("a part").clone()
                })
            }
            Type::Record => {
                let name = self.variable(Type::Record, false)?;
                let list = self.expr(Type::List);
                expr(
                    format!("Record(..{name}, xs: {})", list.text),
                    move |scope| {
                        let mut record = scope[&name].clone();
                        *record.at_mut(&[Step::Part(1)]).expect("a part") = (list.value)(scope);
                        record
                    },
                )
            }
            Type::Shape => return None,
        })
    }

    fn composed_list(&mut self) -> Option<Expr> {
        let a = self.expr(Type::List);
        Some(match self.chance.below(9) {
            0 => {
                let b = self.expr(Type::Int);
                expr(format!("with({}, {})", a.text, b.text), move |scope| {
                    pushed((a.value)(scope), (b.value)(scope))
                })
            }
            1 => {
                let (b, name) = (self.expr(Type::Int), self.name());
                expr(
                    format!(
                        "{{\nlet mut {name} = {}\n{name}.push({})\n{name}\n}}",
                        a.text, b.text
                    ),
                    move |scope| pushed((a.value)(scope), (b.value)(scope)),
                )
            }
            2 => {
                let captured = self.variable(Type::List, false)?;
                expr(
                    format!("{}.map(|x| x +% {captured}.len())", a.text),
                    move |scope| {
                        let more = scope[&captured].items().len() as i64;
                        Value::List(
                            (a.value)(scope)
                                .items()
                                .iter()
                                .map(|x| Value::Int(x.int().wrapping_add(more)))
                                .collect(),
                        )
                    },
                )
            }
            3 => expr(format!("{}.take(2)", a.text), move |scope| {
                Value::List((a.value)(scope).items().iter().take(2).cloned().collect())
            }),
            4 => {
                let (b, x, rest) = (self.expr(Type::List), self.name(), self.name());
                expr(
                    format!(
                        "(match {} {{ [] => {}, [{x}] => [{x}, {x}], [{x}, ..{rest}] => with({rest}, {x}) }})",
                        a.text, b.text
                    ),
                    move |scope| {
                        let list = (a.value)(scope);
                        match list.items() {
                            [] => (b.value)(scope),
                            [x] => Value::List(vec![x.clone(), x.clone()]),
                            [x, rest @ ..] => pushed(Value::List(rest.to_vec()), x.clone()),
                        }
                    },
                )
            }
            5 => {
                let name = self.variable(Type::Map, false)?;
                expr(format!("({name}.get(1) ?? {})", a.text), move |scope| {
                    scope[&name]
                        .at(&[Step::Key(1)])
                        .cloned()
                        .unwrap_or_else(|| (a.value)(scope))
                })
            }
            6 => {
                let name = self.variable(Type::Grid, false)?;
                expr(format!("({name}.first() ?? {})", a.text), move |scope| {
                    scope[&name]
                        .at(&[Step::Index(0)])
                        .cloned()
                        .unwrap_or_else(|| (a.value)(scope))
                })
            }
            7 => {
                let name = self.variable(Type::Shape, false)?;
                expr(
                    format!(
                        "(match {name} {{ One(q) => q, Two(ys, ..) => ys, Deep(Node(n, ..)) => [n], Dot => {} }})",
                        a.text
                    ),
                    move |scope| match &scope[&name] {
                        Value::Variant("One", _, parts) => parts[0].clone(),
                        Value::Variant("Two", _, parts) => parts[1].clone(),
                        Value::Variant("Deep", _, parts) => Value::List(vec![
                            parts[0].at(&[Step::Part(1)]).expect("a part").clone(),
                        ]),
                        _ => (a.value)(scope),
                    },
                )
            }
            _ => {
                let name = self.variable(Type::Record, false)?;
                expr(format!("{name}.t.1"), move |scope| {
                    scope[&name]
                        .at(&[Step::Part(3), Step::Part(1)])
                        .expect("a part")
                        .clone()
                })
            }
        })
    }

    /// A truth value, in the model 0 or 1.
    pub(super) fn condition(&mut self) -> Expr {
        if self.chance.is(50) {
            let (a, b) = (self.expr(Type::Int), self.expr(Type::Int));
            expr(format!("{} < {}", a.text, b.text), move |scope| {
                Value::Int(i64::from((a.value)(scope).int() < (b.value)(scope).int()))
            })
        } else {
            let (a, b) = (self.expr(Type::List), self.expr(Type::List));
            expr(format!("{} == {}", a.text, b.text), move |scope| {
                Value::Int(i64::from((a.value)(scope) == (b.value)(scope)))
            })
        }
    }
}

fn texts(parts: &[Expr]) -> String {
    parts
        .iter()
        .map(|part| part.text.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

fn pushed(mut list: Value, item: Value) -> Value {
    list.items_mut().push(item);
    list
}
