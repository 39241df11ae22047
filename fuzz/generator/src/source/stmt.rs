//! Statements.

use super::{Signature, Ty, Var, Writer};

impl Writer<'_> {
    /// Up to so many statements.
    pub fn statements(&mut self, most: usize) {
        for _ in 0..1 + self.choices.below(most) {
            if !self.spend() {
                return;
            }
            self.statement();
        }
    }

    /// The statements of a block, whose variables end with it.
    fn block(&mut self, most: usize) {
        let outer = self.scope.len();
        self.indent += 1;
        self.statements(most);
        self.indent -= 1;
        self.scope.truncate(outer);
    }

    fn statement(&mut self) {
        let nested = u32::from(self.indent < 6);
        let weights = [
            8,
            10,
            10,
            4 * nested,
            6 * nested,
            4 * nested,
            3 * nested,
            3,
            3,
            2,
            2 * nested,
        ];
        match self.choices.weighted(&weights) {
            0 => self.let_(),
            1 => self.assign(),
            2 => self.method(),
            3 => self.if_(),
            4 => self.for_(),
            5 => self.while_(),
            6 => self.match_(),
            7 => self.call_statement(),
            8 => {
                let ty = self.shown_type();
                let value = self.receiver(&ty, 2);
                self.line(&format!("print({value})"));
            }
            9 => self.leave(),
            _ => self.lent_match(),
        }
    }

    fn let_(&mut self) {
        let ty = match self.choices.once_in(10) {
            true => Ty::Fn(Box::new(self.some_type(0)), Box::new(self.some_type(1))),
            false => self.some_type(2),
        };
        let value = self.expr(&ty, 3);
        let mutable = !self.choices.once_in(4);
        let name = self.declare(ty.clone(), mutable);
        let word = if mutable { "let mut" } else { "let" };
        self.line(&format!("{word} {name}: {ty} = {value}"));
    }

    /// A type that is shown.
    fn shown_type(&mut self) -> Ty {
        let known: Vec<Ty> = self.scope.iter().map(|v| v.ty.clone()).collect();
        let at = self.choices.below(known.len());
        match known.get(at) {
            Some(ty) if ty.is_plain() => ty.clone(),
            _ => Ty::Int,
        }
    }

    /// A place that can be changed, with its type: a variable and some steps. The variable is given, too.
    pub fn place(&mut self, steps: usize) -> Option<(String, Ty, Var)> {
        let usable: Vec<Var> = self.scope.iter().filter(|v| v.mutable).cloned().collect();
        let at = match self.choices.once_in(3) {
            true => self.choices.below(usable.len()),
            // Late ones more often.
            false => (usable.len()).saturating_sub(1 + self.choices.below(4)),
        };
        let root = usable.get(at)?.clone();
        let (mut text, mut ty) = (root.name.clone(), root.ty.clone());
        for _ in 0..steps {
            if self.choices.once_in(2) {
                break;
            }
            match ty.clone() {
                Ty::List(of) => {
                    let index = self.index(&text);
                    text = format!("{text}[{index}]");
                    ty = *of;
                }
                Ty::Map(key, value) if self.choices.once_in(3) => {
                    let key = self.expr(&key, 1);
                    text = format!("{text}[{key}]");
                    ty = *value;
                }
                Ty::Struct(number) => {
                    let at = self.choices.below(self.structs[number].len());
                    text = format!("{text}.f{at}");
                    ty = self.structs[number][at].clone();
                }
                Ty::Tuple(parts) => {
                    let at = self.choices.below(parts.len());
                    text = format!("{text}.{at}");
                    ty = parts[at].clone();
                }
                _ => break,
            }
        }
        Some((text, ty, root))
    }

    /// An index into a list, mostly one that is there if any is.
    pub fn index(&mut self, list: &str) -> String {
        match self.choices.below(12) {
            0..=2 => "0".into(),
            3 => format!("{list}.len() - 1"),
            4..=7 => {
                let n = self.expr(&Ty::Int, 1);
                format!("({n}).mod_floor({list}.len().max(1))")
            }
            8 | 9 => self.small_int(3),
            10 => {
                let n = self.expr(&Ty::Int, 1);
                format!("({n}) & 3")
            }
            _ => self.expr(&Ty::Int, 1),
        }
    }

    fn assign(&mut self) {
        let Some((place, ty, _)) = self.place(3) else {
            return self.let_();
        };
        let operator = match ty {
            Ty::Int => self.choices.pick(&[
                "+=", "=", "-=", "*=", "+%=", "-%=", "*%=", "/=", "%=", "&=", "|=", "^=", "<<=",
                ">>=", ">>>=",
            ]),
            Ty::Float => self.choices.pick(&["+=", "=", "-=", "*=", "/=", "%="]),
            _ => None,
        };
        let operator = operator.unwrap_or("=");
        let value = match operator {
            "<<=" | ">>=" | ">>>=" => self.small_int(70),
            "/=" | "%=" if ty == Ty::Int && !self.choices.once_in(4) => {
                self.small_int(9).replace('0', "7")
            }
            _ => self.expr(&ty, 2),
        };
        self.line(&format!("{place} {operator} {value}"));
    }

    /// A method that changes a place.
    fn method(&mut self) {
        let Some((place, ty, _)) = self.place(3) else {
            return self.let_();
        };
        let text = match &ty {
            Ty::List(of) => {
                let arms = if of.is_ordered() { 12 } else { 10 };
                match self.choices.below(arms) {
                    0..=2 => format!("{place}.push({})", self.expr(of, 2)),
                    3 => format!("let _ = {place}.pop()"),
                    4 => {
                        let (at, new) = (self.index(&place), self.expr(of, 1));
                        format!("{place}.insert({at}, {new})")
                    }
                    5 => format!("let _ = {place}.remove({})", self.index(&place)),
                    6 => {
                        let (one, other) = (self.index(&place), self.index(&place));
                        format!("{place}.swap({one}, {other})")
                    }
                    7 => format!("{place}.extend({})", self.expr(&ty, 2)),
                    8 => match self.choices.below(3) {
                        0 => format!("{place}.reverse()"),
                        1 => format!("{place}.truncate({})", self.small_int(5)),
                        _ => format!("{place}.clear()"),
                    },
                    9 => {
                        let body = self.changing_lambda(of);
                        format!("each(mut {place}, {body})")
                    }
                    10 => format!("{place}.sort()"),
                    _ => format!("{place}.sort_by(|a, b| b.compare(a))"),
                }
            }
            Ty::String => match self.choices.below(4) {
                0 => format!("{place}.append({})", self.expr(&ty, 2)),
                1 => format!("{place}.push({})", self.expr(&Ty::Char, 1)),
                2 => format!("{place} = {place} + {}", self.expr(&ty, 2)),
                _ => format!("{place}.clear()"),
            },
            Ty::Bytes => match self.choices.below(2) {
                0 => format!("{place}.push({} & 255)", self.expr(&Ty::Int, 1)),
                _ => format!("{place}.extend({})", self.expr(&ty, 1)),
            },
            Ty::Map(key, value) => match self.choices.below(5) {
                0 | 1 => {
                    let (key, value) = (self.expr(key, 1), self.expr(value, 2));
                    format!("{place}[{key}] = {value}")
                }
                2 => format!("let _ = {place}.remove({})", self.expr(key, 1)),
                3 => {
                    let (key, start) = (self.expr(key, 1), self.expr(value, 1));
                    let body = self.changing_lambda(value);
                    format!("{place}.update({key}, {start}, {body})")
                }
                _ => format!("{place}.clear()"),
            },
            Ty::Set(of) => match self.choices.below(3) {
                0 | 1 => format!("let _ = {place}.insert({})", self.expr(of, 1)),
                _ => format!("let _ = {place}.remove({})", self.expr(of, 1)),
            },
            Ty::Option(_) => format!("let _ = {place}.take()"),
            _ => {
                let value = self.expr(&ty, 2);
                format!("let _ = change(mut {place}, {value})")
            }
        };
        self.line(&text);
    }

    /// A lambda that changes its parameter.
    fn changing_lambda(&mut self, of: &Ty) -> String {
        let outer = self.scope.len();
        for var in &mut self.scope {
            var.mutable = false;
        }
        let kept = self.scope.clone();
        let name = self.declare(of.clone(), true);
        self.lambdas += 1;
        let text = match of {
            Ty::Int => format!("{name} = {name} +% {}", self.expr(of, 1)),
            Ty::List(item) => format!("{name}.push({})", self.expr(item, 1)),
            Ty::String => format!("{name}.append({})", self.expr(of, 1)),
            _ => format!("{name} = {}", self.expr(of, 2)),
        };
        self.lambdas -= 1;
        self.scope = kept;
        self.scope.truncate(outer);
        format!("|mut {name}| {{ {text} }}")
    }

    fn if_(&mut self) {
        let condition = self.expr(&Ty::Bool, 2);
        self.line(&format!("if {condition} {{"));
        self.block(3);
        if self.choices.once_in(2) {
            self.line("} else {");
            self.block(3);
        }
        self.line("}");
    }

    fn for_(&mut self) {
        let outer = self.scope.len();
        match self.choices.below(8) {
            0..=2 => {
                let from = self.small_int(3);
                let to = match self.choices.below(5) {
                    0 => self.expr(&Ty::Int, 1) + " & 31",
                    1 => self.small_int(90),
                    _ => self.small_int(9),
                };
                let name = self.declare(Ty::Int, false);
                self.line(&format!("for {name} in {from}..{to} {{"));
            }
            3 => {
                // Over the indices of a list at hand: the shape that bounds are proved for.
                let lists = self.vars(|ty| matches!(ty, Ty::List(_)));
                let at = self.choices.below(lists.len());
                let Some(list) = lists.get(at).cloned() else {
                    return self.let_();
                };
                let name = self.declare(Ty::Int, false);
                self.line(&format!("for {name} in 0..{}.len() {{", list.name));
                if let (Ty::List(of), true) = (&list.ty, list.mutable) {
                    self.indent += 1;
                    let off = self.choices.pick(&["", " / 2", " & 3"]).unwrap_or("");
                    match **of {
                        Ty::Int => self.line(&format!("{}[{name}{off}] +%= {name}", list.name)),
                        _ => {
                            let value = self.expr(of, 1);
                            self.line(&format!("{}[{name}{off}] = {value}", list.name));
                        }
                    }
                    self.indent -= 1;
                }
            }
            4 | 5 => {
                let of = self.some_type(1);
                let list = self.receiver(&Ty::list(of.clone()), 2);
                match self.choices.once_in(3) {
                    true => {
                        let index = self.declare(Ty::Int, false);
                        let name = self.declare(of, false);
                        self.line(&format!("for ({index}, {name}) in {list}.enumerate() {{"));
                    }
                    false => {
                        let name = self.declare(of, false);
                        self.line(&format!("for {name} in {list} {{"));
                    }
                }
            }
            6 => {
                let (key, value) = (self.key_type(), self.some_type(1));
                let ty = Ty::Map(Box::new(key.clone()), Box::new(value.clone()));
                let map = self.receiver(&ty, 2);
                let (key, value) = (self.declare(key, false), self.declare(value, false));
                self.line(&format!("for ({key}, {value}) in {map} {{"));
            }
            _ => {
                let count = self.small_int(9);
                let name = self.declare(Ty::Int, false);
                self.line(&format!("for {name} in Countdown(left: {count}) {{"));
            }
        }
        self.loops += 1;
        self.block(4);
        self.loops -= 1;
        self.line("}");
        self.scope.truncate(outer);
    }

    fn while_(&mut self) {
        let counter = self.name();
        let most = self.small_int(12);
        self.line(&format!("let mut {counter} = 0"));
        // Nothing but the line below changes it.
        self.scope.push(Var {
            name: counter.clone(),
            ty: Ty::Int,
            mutable: false,
        });
        let condition = self.expr(&Ty::Bool, 1);
        self.line(&format!("while {counter} < {most} && ({condition}) {{"));
        self.line(&format!("    {counter} += 1"));
        self.loops += 1;
        self.block(4);
        self.loops -= 1;
        self.line("}");
    }

    fn match_(&mut self) {
        let numbers: Vec<usize> = (0..self.enums.len()).collect();
        let Some(number) = self.choices.pick(&numbers) else {
            return self.if_();
        };
        let value = self.receiver(&Ty::Enum(number), 2);
        self.line(&format!("match {value} {{"));
        self.indent += 1;
        for (i, parts) in self.enums[number].clone().into_iter().enumerate() {
            let outer = self.scope.len();
            let names: Vec<String> = parts
                .into_iter()
                .map(|ty| self.declare(ty, false))
                .collect();
            let pattern = match names.is_empty() {
                true => format!("E{number}.E{number}V{i}"),
                false => format!("E{number}.E{number}V{i}({})", names.join(", ")),
            };
            self.line(&format!("{pattern} => {{"));
            self.block(2);
            self.line("}");
            self.scope.truncate(outer);
        }
        self.indent -= 1;
        self.line("}");
    }

    /// A match that lends parts of a place, to change them.
    fn lent_match(&mut self) {
        let Some((place, ty, root)) = self.place(2) else {
            return self.let_();
        };
        // What is lent cannot be used meanwhile.
        let kept = self.scope.clone();
        self.scope.retain(|var| var.name != root.name);
        match ty {
            Ty::Option(of) => {
                let name = self.declare(*of, true);
                self.line(&format!("if {place} is Some(mut {name}) {{"));
                self.block(3);
                self.line("}");
            }
            Ty::Enum(number) => {
                self.line(&format!("match {place} {{"));
                self.indent += 1;
                for (i, parts) in self.enums[number].clone().into_iter().enumerate() {
                    let outer = self.scope.len();
                    let mut names = vec![];
                    for ty in parts {
                        let mutable = !self.choices.once_in(3);
                        let name = self.declare(ty, mutable);
                        names.push(format!("{}{name}", if mutable { "mut " } else { "" }));
                    }
                    let pattern = match names.is_empty() {
                        true => format!("E{number}.E{number}V{i}"),
                        false => format!("E{number}.E{number}V{i}({})", names.join(", ")),
                    };
                    self.line(&format!("{pattern} => {{"));
                    self.block(2);
                    self.line("}");
                    self.scope.truncate(outer);
                }
                self.indent -= 1;
                self.line("}");
            }
            _ => {
                self.scope = kept;
                return self.assign();
            }
        }
        self.scope = kept;
    }

    fn call_statement(&mut self) {
        let functions = self.functions.clone();
        let at = self.choices.below(functions.len());
        let Some(signature) = functions.get(at) else {
            return self.assign();
        };
        match self.call(signature, 2) {
            Some(call) if signature.result == Ty::Unit => self.line(&call),
            Some(call) => {
                let name = self.declare(signature.result.clone(), false);
                self.line(&format!("let {name}: {} = {call}", signature.result));
            }
            None => self.assign(),
        }
    }

    /// A call, if there are places to lend.
    pub fn call(&mut self, signature: &Signature, depth: usize) -> Option<String> {
        let mut lent: Vec<String> = vec![];
        let mut args = vec![];
        for (number, (ty, mutable)) in signature.params.iter().enumerate() {
            if !mutable {
                let arg = match (number, &self.recursive) {
                    (0, Some(this)) if this.name == signature.name => {
                        let depth = self.recursion_depth()?;
                        format!("{depth} - {}", 1 + self.choices.below(2))
                    }
                    _ => self.expr(ty, depth),
                };
                args.push(arg);
                continue;
            }
            if self.lambdas > 0 {
                return None;
            }
            let free = self.vars(|known| known == ty);
            let free: Vec<Var> = free
                .into_iter()
                .filter(|v| v.mutable && !lent.contains(&v.name))
                .collect();
            let at = self.choices.below(free.len());
            let var = free.get(at)?;
            lent.push(var.name.clone());
            args.push(format!("mut {}", var.name));
        }
        Some(format!("{}({})", signature.name, args.join(", ")))
    }

    /// The parameter that says how deep a function may still call itself.
    fn recursion_depth(&self) -> Option<String> {
        self.scope.first().map(|var| var.name.clone())
    }

    /// Leaves a loop, the function or the run, under a condition.
    fn leave(&mut self) {
        let condition = self.expr(&Ty::Bool, 2);
        let how = match (self.choices.below(6), self.loops) {
            (0 | 1, 1..) => "break".to_owned(),
            (2 | 3, 1..) => "continue".to_owned(),
            (5, _) => {
                let why = self.receiver(&Ty::String, 1);
                match self.choices.below(4) {
                    0 => format!("panic({why})"),
                    1 => "assert(1 > 2)".to_owned(),
                    2 => format!("assert_eq({why}, \"-\")"),
                    _ => {
                        let ty = Ty::option(Ty::Int);
                        format!("let _ = {}.expect({why})", self.receiver(&ty, 1))
                    }
                }
            }
            _ => match self.result.clone() {
                Some(Ty::Unit) => "return".to_owned(),
                Some(ty) => {
                    let value = self.expr(&ty, 2);
                    format!("return {value}")
                }
                None => return,
            },
        };
        self.line(&format!("if {condition} {{ {how} }}"));
    }
}
