//! Random patterns that lend parts of a place: `match place { One(mut x) => … }`, `place is Some(mut x)`.

use super::generate::{Flow, Generator, Stmt, Variable, stmt};
use super::value::{Step, Type, Value};

impl Generator {
    /// `match` on a mutable shape, whose parts are lent to the arms.
    pub(super) fn match_lent(&mut self, indent: &str, in_loop: bool) -> Option<Stmt> {
        let whole = self.variable(Type::Shape, true)?;
        let (list, number) = (self.name(), self.name());
        let deeper = format!("{indent}        ");
        let list_part = Variable {
            name: list.clone(),
            ty: Type::List,
            mutable: true,
        };
        let number_part = Variable {
            name: number.clone(),
            ty: Type::Int,
            mutable: true,
        };
        let one = self.lending(&deeper, in_loop, &whole, vec![list_part.clone()]);
        let two = self.lending(
            &deeper,
            in_loop,
            &whole,
            vec![list_part, number_part.clone()],
        );
        let deep = self.lending(&deeper, in_loop, &whole, vec![number_part]);
        let pushed = self.literal(Type::Shape);
        let rest = self.block(&deeper, 2, in_loop, vec![]);
        if pushed.text.contains(&whole) {
            return None;
        }
        let text = format!(
            "{indent}match {whole} {{\n{indent}    One(mut {list}) => {{\n{}\n{indent}    }}\n\
             {indent}    Two(x: mut {number}, ys: mut {list}) => {{\n{}\n{indent}    }}\n\
             {indent}    Deep(Node(mut inner, n: mut {number})) => {{\n{deeper}if inner.len() < 3 {{ inner.push({}) }}\n{}\n{indent}    }}\n\
             {indent}    Dot => {{\n{}\n{indent}    }}\n{indent}}}",
            one.text, two.text, pushed.text, deep.text, rest.text
        );
        stmt(text, move |scope| {
            let Value::Variant(name, names, mut parts) = scope[&whole].clone() else {
                panic!("a shape")
            };
            let flow;
            match name {
                "One" => {
                    scope.insert(list.clone(), parts.remove(0));
                    flow = (one.run)(scope);
                    parts = vec![scope[&list].clone()];
                }
                "Two" => {
                    scope.insert(list.clone(), parts.remove(1));
                    scope.insert(number.clone(), parts.remove(0));
                    flow = (two.run)(scope);
                    parts = vec![scope[&number].clone(), scope[&list].clone()];
                }
                "Deep" => {
                    let shape = (pushed.value)(scope);
                    let inner = parts[0]
                        .at_mut(&[Step::Part(0)])
                        .expect("a part")
                        .items_mut();
                    if inner.len() < 3 {
                        inner.push(shape);
                    }
                    scope.insert(
                        number.clone(),
                        parts[0].at(&[Step::Part(1)]).expect("a part").clone(),
                    );
                    flow = (deep.run)(scope);
                    *parts[0].at_mut(&[Step::Part(1)]).expect("a part") = scope[&number].clone();
                }
                _ => return (rest.run)(scope),
            }
            scope.insert(whole.clone(), Value::Variant(name, names, parts));
            flow
        })
    }

    /// `is Some(mut …)` on an option in a variable or in a record.
    pub(super) fn is_lent(&mut self, indent: &str, in_loop: bool) -> Option<Stmt> {
        let in_record = self.chance.is(50);
        let whole = self.variable(if in_record { Type::Record } else { Type::Maybe }, true)?;
        let (place, path) = if in_record {
            (format!("{whole}.o"), vec![Step::Part(2)])
        } else {
            (whole.clone(), vec![])
        };
        let list = self.name();
        let lent = Variable {
            name: list.clone(),
            ty: Type::List,
            mutable: true,
        };
        let body = self.lending(&format!("{indent}    "), in_loop, &whole, vec![lent]);
        let text = format!(
            "{indent}if {place} is Some(mut {list}) {{\n{}\n{indent}}}",
            body.text
        );
        stmt(text, move |scope| {
            let Some(Value::Maybe(Some(held))) = scope[&whole].at(&path).cloned() else {
                return Flow::On;
            };
            scope.insert(list.clone(), *held);
            let flow = (body.run)(scope);
            let changed = Value::Maybe(Some(Box::new(scope[&list].clone())));
            *scope
                .get_mut(&whole)
                .expect("a variable")
                .at_mut(&path)
                .expect("a part") = changed;
            flow
        })
    }
}
