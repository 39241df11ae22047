//! Random statements: variables, places, loops, ways out.

use std::rc::Rc;

use super::generate::{Flow, Generator, Place, Scope, Stmt, Variable, count, digest, stmt};
use super::value::{Step, Type, Value};

impl Generator {
    /// A mutable place that holds a list.
    pub(super) fn place(&mut self) -> Option<Place> {
        let ty = self.chance.of(&[
            Type::List,
            Type::List,
            Type::Record,
            Type::Pair,
            Type::Grid,
            Type::Map,
        ])?;
        let root = self.variable(ty, true)?;
        let i = self.chance.below(2);
        let (suffix, path, guard) = match ty {
            Type::Record if i == 0 => (".xs".into(), vec![Step::Part(1)], String::new()),
            Type::Record => (
                ".t.1".into(),
                vec![Step::Part(3), Step::Part(1)],
                String::new(),
            ),
            Type::Pair => (".1".into(), vec![Step::Part(1)], String::new()),
            Type::Grid => (
                format!("[{i}]"),
                vec![Step::Index(i)],
                format!("{root}.len() > {i}"),
            ),
            Type::Map => (
                format!("[{i}]"),
                vec![Step::Key(i as i64)],
                format!("{root}.contains({i})"),
            ),
            _ => (String::new(), vec![], String::new()),
        };
        Some(Place {
            text: format!("{root}{suffix}"),
            root,
            path,
            guard,
        })
    }

    /// A statement that is only run if the place is there.
    fn guarded(
        indent: &str,
        place: &Place,
        text: String,
        run: impl Fn(&mut Scope) + 'static,
    ) -> Option<Stmt> {
        if place.guard.is_empty() {
            return stmt(format!("{indent}{text}"), move |scope| {
                run(scope);
                Flow::On
            });
        }
        let there = place.clone();
        stmt(
            format!(
                "{indent}if {} {{\n{indent}    {text}\n{indent}}}",
                place.guard
            ),
            move |scope| {
                if there.get(scope).is_some() {
                    run(scope);
                }
                Flow::On
            },
        )
    }

    /// Up to `length` statements, with `more` variables in scope.
    pub(super) fn block(
        &mut self,
        indent: &str,
        length: usize,
        in_loop: bool,
        more: Vec<Variable>,
    ) -> Stmt {
        let outside = self.scope.clone();
        self.scope.extend(more);
        let statements: Vec<Stmt> = (0..length)
            .filter_map(|_| self.stmt(indent, in_loop))
            .collect();
        self.scope = outside;
        let mut lines: Vec<&str> = statements.iter().map(|s| s.text.as_str()).collect();
        let empty = format!("{indent}let _ = 0");
        if lines.is_empty() {
            lines.push(&empty);
        }
        Stmt {
            text: lines.join("\n"),
            run: Rc::new(move |scope| {
                for statement in &statements {
                    match (statement.run)(scope) {
                        Flow::On => {}
                        way_out => return way_out,
                    }
                }
                Flow::On
            }),
        }
    }

    /// A block in which a part of `whole` is lent under other names, and `whole` itself cannot be used.
    pub(super) fn lending(
        &mut self,
        indent: &str,
        in_loop: bool,
        whole: &str,
        lent: Vec<Variable>,
    ) -> Stmt {
        let outside = self.scope.clone();
        self.scope.retain(|v| v.name != whole);
        let length = 1 + self.chance.below(3);
        let body = self.block(indent, length, in_loop, lent);
        self.scope = outside;
        body
    }

    fn stmt(&mut self, indent: &str, in_loop: bool) -> Option<Stmt> {
        let deeper = format!("{indent}    ");
        let nested = indent.len() < 16;
        match self.chance.below(22) {
            0 | 1 => {
                let ty = self.chance.of(&Type::ALL)?;
                let (value, name) = (self.expr(ty), self.name());
                let mutable = self.chance.is(80);
                self.scope.push(Variable {
                    name: name.clone(),
                    ty,
                    mutable,
                });
                let keyword = if mutable { "let mut" } else { "let" };
                stmt(
                    format!("{indent}{keyword} {name}: {} = {}", ty.name(), value.text),
                    move |scope| {
                        let value = (value.value)(scope);
                        scope.insert(name.clone(), value);
                        Flow::On
                    },
                )
            }
            2 | 3 => {
                let (place, x) = (self.place()?, self.expr(Type::Int));
                let text = format!("{}.push({})", place.text, x.text);
                Self::guarded(indent, &place.clone(), text, move |scope| {
                    let x = (x.value)(scope);
                    place.get(scope).expect("it is there").items_mut().push(x);
                })
            }
            4 => {
                let place = self.place()?;
                Self::guarded(
                    indent,
                    &place.clone(),
                    format!("let _ = {}.pop()", place.text),
                    move |scope| {
                        place.get(scope).expect("it is there").items_mut().pop();
                    },
                )
            }
            5 => {
                let (place, x) = (self.place()?, self.expr(Type::Int));
                let op = self.chance.of(&["=", "+%="])?;
                let text = format!("if {0}.len() > 1 {{ {0}[1] {op} {1} }}", place.text, x.text);
                Self::guarded(indent, &place.clone(), text, move |scope| {
                    if place.get(scope).expect("it is there").items().len() > 1 {
                        let x = (x.value)(scope).int();
                        let item = &mut place.get(scope).expect("it is there").items_mut()[1];
                        *item = Value::Int(if op == "=" {
                            x
                        } else {
                            item.int().wrapping_add(x)
                        });
                    }
                })
            }
            6 => {
                let (place, list) = (self.place()?, self.expr(Type::List));
                let text = format!("{} = {}", place.text, list.text);
                Self::guarded(indent, &place.clone(), text, move |scope| {
                    let list = (list.value)(scope);
                    *place.get(scope).expect("it is there") = list;
                })
            }
            7 => {
                let ty = self.chance.of(&Type::ALL)?;
                let (name, value) = (self.variable(ty, true)?, self.expr(ty));
                stmt(format!("{indent}{name} = {}", value.text), move |scope| {
                    let value = (value.value)(scope);
                    scope.insert(name.clone(), value);
                    Flow::On
                })
            }
            8 => {
                let (place, x, result) = (
                    self.place()?,
                    self.expr(Type::Int),
                    self.variable(Type::Int, true)?,
                );
                let text = format!("{result} = pushed(mut {}, {})", place.text, x.text);
                Self::guarded(indent, &place.clone(), text, move |scope| {
                    let x = (x.value)(scope);
                    let list = place.get(scope).expect("it is there");
                    list.items_mut().push(x);
                    let length = count(list);
                    scope.insert(result.clone(), length);
                })
            }
            9 => {
                let ty = self.chance.of(&Type::ALL)?;
                let (a, b) = (self.variable(ty, true)?, self.variable(ty, true)?);
                if a == b {
                    return None;
                }
                stmt(format!("{indent}swap(mut {a}, mut {b})"), move |scope| {
                    let (left, right) = (scope[&a].clone(), scope[&b].clone());
                    scope.insert(a.clone(), right);
                    scope.insert(b.clone(), left);
                    Flow::On
                })
            }
            10 | 11 if nested => {
                let condition = self.condition();
                let then = self.block(&deeper, 2, in_loop, vec![]);
                let other = self.block(&deeper, 2, in_loop, vec![]);
                let text = format!(
                    "{indent}if {} {{\n{}\n{indent}}} else {{\n{}\n{indent}}}",
                    condition.text, then.text, other.text
                );
                stmt(text, move |scope| {
                    let holds = (condition.value)(scope).int() != 0;
                    if holds {
                        (then.run)(scope)
                    } else {
                        (other.run)(scope)
                    }
                })
            }
            12 if nested => {
                let (list, name) = (self.expr(Type::List), self.name());
                let item = Variable {
                    name: name.clone(),
                    ty: Type::Int,
                    mutable: false,
                };
                let body = self.block(&deeper, 3, true, vec![item]);
                let text = format!(
                    "{indent}for {name} in {}.take(3) {{\n{}\n{indent}}}",
                    list.text, body.text
                );
                stmt(text, move |scope| {
                    for item in (list.value)(scope).items().iter().take(3) {
                        scope.insert(name.clone(), item.clone());
                        match (body.run)(scope) {
                            Flow::Break => break,
                            Flow::Return(value) => return Flow::Return(value),
                            Flow::On | Flow::Continue => {}
                        }
                    }
                    Flow::On
                })
            }
            13 if nested => {
                let (list, name, turns) =
                    (self.variable(Type::List, true)?, self.name(), self.name());
                let item = Variable {
                    name: name.clone(),
                    ty: Type::Int,
                    mutable: false,
                };
                let body = self.block(&deeper, 2, true, vec![item]);
                let text = format!(
                    "{indent}let mut {turns} = 0\n{indent}while {list}.pop() is Some({name}) {{\n{deeper}{turns} += 1\n\
                     {deeper}if {turns} > 3 {{ break }}\n{}\n{indent}}}",
                    body.text
                );
                stmt(text, move |scope| {
                    for _ in 0..4 {
                        let Some(item) =
                            scope.get_mut(&list).expect("a variable").items_mut().pop()
                        else {
                            break;
                        };
                        scope.insert(name.clone(), item);
                        // The fourth turn pops, and leaves.
                        scope.entry(turns.clone()).or_insert(Value::Int(0));
                        let turn = scope[&turns].int() + 1;
                        scope.insert(turns.clone(), Value::Int(turn));
                        if turn > 3 {
                            break;
                        }
                        match (body.run)(scope) {
                            Flow::Break => break,
                            Flow::Return(value) => return Flow::Return(value),
                            Flow::On | Flow::Continue => {}
                        }
                    }
                    scope.remove(&turns);
                    Flow::On
                })
            }
            14 | 15 if nested => self.match_lent(indent, in_loop),
            16 if nested => self.is_lent(indent, in_loop),
            17 => {
                let (captured, result, x) = (
                    self.variable(Type::List, false)?,
                    self.variable(Type::Int, true)?,
                    self.expr(Type::Int),
                );
                let (name, place) = (
                    self.name(),
                    self.place().filter(|place| place.guard.is_empty())?,
                );
                let text = format!(
                    "{indent}let {name} = |n: Int| digest({captured}) +% n\n{indent}{}.push(1)\n{indent}{result} = {name}({})",
                    place.text, x.text
                );
                stmt(text, move |scope| {
                    let held = digest(&scope[&captured]);
                    place
                        .get(scope)
                        .expect("it is there")
                        .items_mut()
                        .push(Value::Int(1));
                    let sum = held.wrapping_add((x.value)(scope).int());
                    scope.insert(result.clone(), Value::Int(sum));
                    Flow::On
                })
            }
            18 => {
                let (map, list, key) = (
                    self.variable(Type::Map, true)?,
                    self.expr(Type::List),
                    self.chance.below(3) as i64,
                );
                let text = format!(
                    "{indent}{map}.update({key}, {}, |mut ys| {{ ys.push(ys.len()) }})",
                    list.text
                );
                stmt(text, move |scope| {
                    let start = (list.value)(scope);
                    let map = scope.get_mut(&map).expect("a variable");
                    if map.at(&[Step::Key(key)]).is_none() {
                        map.put(key, start);
                    }
                    let list = map.at_mut(&[Step::Key(key)]).expect("it is there");
                    let length = count(list);
                    list.items_mut().push(length);
                    Flow::On
                })
            }
            19 => {
                let (maybe, name, other) =
                    (self.expr(Type::Maybe), self.name(), self.expr(Type::List));
                self.scope.push(Variable {
                    name: name.clone(),
                    ty: Type::List,
                    mutable: false,
                });
                let text = format!(
                    "{indent}let Some({name}) = {} else {{ return {} }}",
                    maybe.text, other.text
                );
                stmt(text, move |scope| match (maybe.value)(scope) {
                    Value::Maybe(Some(list)) => {
                        scope.insert(name.clone(), *list);
                        Flow::On
                    }
                    _ => Flow::Return((other.value)(scope)),
                })
            }
            20 if in_loop => {
                let (condition, stops) = (self.condition(), self.chance.is(50));
                let word = if stops { "break" } else { "continue" };
                stmt(
                    format!("{indent}if {} {{ {word} }}", condition.text),
                    move |scope| match ((condition.value)(scope).int() != 0, stops) {
                        (false, _) => Flow::On,
                        (true, true) => Flow::Break,
                        (true, false) => Flow::Continue,
                    },
                )
            }
            21 => {
                let (place, taken) = (self.place()?, self.variable(Type::Maybe, true)?);
                let name = self.name();
                let text = format!(
                    "if {taken}.take() is Some({name}) {{ {} = {name} }}",
                    place.text
                );
                Self::guarded(indent, &place.clone(), text, move |scope| {
                    let held = scope.insert(taken.clone(), Value::Maybe(None));
                    if let Some(Value::Maybe(Some(list))) = held {
                        *place.get(scope).expect("it is there") = *list;
                    }
                })
            }
            _ => None,
        }
    }
}
