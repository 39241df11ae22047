//! Expressions. Each is written so that its type is known from where it stands.

use super::{Ty, Var, Writer};

impl Writer<'_> {
    /// Variables of types that fit.
    pub fn vars(&self, fits: impl Fn(&Ty) -> bool) -> Vec<Var> {
        self.scope.iter().filter(|v| fits(&v.ty)).cloned().collect()
    }

    /// An expression of a type.
    pub fn expr(&mut self, ty: &Ty, depth: usize) -> String {
        if depth == 0 || !self.spend() {
            return self.leaf(ty);
        }
        if self.choices.below(3) == 0 {
            return self.leaf(ty);
        }
        let calls: Vec<_> = self
            .functions
            .iter()
            .chain(&self.recursive)
            .filter(|f| f.result == *ty)
            .cloned()
            .collect();
        if !calls.is_empty() && self.choices.once_in(4) {
            let at = self.choices.below(calls.len());
            if let Some(call) = self.call(&calls[at], depth - 1) {
                return call;
            }
        }
        match self.choices.below(14) {
            8 => {
                let (c, a, b) = (
                    self.expr(&Ty::Bool, depth - 1),
                    self.expr(ty, depth - 1),
                    self.expr(ty, depth - 1),
                );
                return format!("(if {c} {{ {a} }} else {{ {b} }})");
            }
            1 => {
                let inner = self.some_type(1);
                let value = self.expr(&inner, depth - 1);
                let outer = self.scope.len();
                let name = self.declare(inner.clone(), false);
                let result = self.expr(ty, depth - 1);
                let kept = self.name();
                self.scope.truncate(outer);
                return format!(
                    "({{\nlet {name}: {inner} = {value}\nlet {kept}: {ty} = {result}\n{kept} }})"
                );
            }
            2 => {
                let (c, a, b) = (
                    self.expr(&Ty::Bool, depth - 1),
                    self.receiver(ty, depth - 1),
                    self.expr(ty, depth - 1),
                );
                return format!("pick({c}, {a}, {b})");
            }
            3 => return self.part(ty, depth).unwrap_or_else(|| self.leaf(ty)),
            4 => {
                let option = self.receiver(&Ty::option(ty.clone()), depth - 1);
                let other = self.expr(ty, depth - 1);
                return format!("({option} ?? {other})");
            }
            5 => return self.match_value(ty, depth),
            6 if !matches!(ty, Ty::Fn(..)) => {
                let value = self.receiver(ty, depth - 1);
                let f = self.lambda(ty, ty, depth - 1);
                return format!("twice({value}, {f})");
            }
            7 => {
                // A function in a variable.
                let functions = self.vars(|known| matches!(known, Ty::Fn(_, to) if **to == *ty));
                let at = self.choices.below(functions.len());
                if let Some(Var {
                    name,
                    ty: Ty::Fn(of, _),
                    ..
                }) = functions.get(at)
                {
                    let arg = self.expr(of, depth - 1);
                    return format!("{name}({arg})");
                }
            }
            _ => {}
        }
        match ty {
            Ty::Unit => "()".into(),
            Ty::Int => self.int(depth),
            Ty::Float => self.float(depth),
            Ty::Bool => self.bool(depth),
            Ty::Char => self.leaf(ty),
            Ty::String => self.string(depth),
            Ty::Bytes => self.bytes(depth),
            Ty::List(of) => self.list(of, depth),
            Ty::Map(key, value) => self.map(key, value, depth),
            Ty::Set(of) => self.set(of, depth),
            Ty::Option(of) => self.option(of, depth),
            Ty::Result(of) => self.result_value(of, depth),
            Ty::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(|ty| self.expr(ty, depth - 1)).collect();
                format!("({})", parts.join(", "))
            }
            Ty::Struct(number) => self.built(*number, depth),
            Ty::Enum(number) => {
                let variants = self.enums[*number].clone();
                let at = self.choices.below(variants.len());
                let parts: Vec<String> = variants[at]
                    .iter()
                    .map(|ty| self.expr(ty, depth - 1))
                    .collect();
                match parts.is_empty() {
                    true => format!("E{number}.E{number}V{at}"),
                    false => format!("E{number}.E{number}V{at}({})", parts.join(", ")),
                }
            }
            Ty::Fn(of, to) => format!("({})", self.lambda(of, to, depth)),
        }
    }

    /// A variable or something short.
    pub fn leaf(&mut self, ty: &Ty) -> String {
        let known = self.vars(|other| other == ty);
        if !known.is_empty() && !self.choices.once_in(4) {
            let from = match self.choices.once_in(3) {
                true => 0,
                false => known.len().saturating_sub(3),
            };
            let at = from + self.choices.below(known.len() - from);
            return known[at].name.clone();
        }
        match ty {
            Ty::Unit => "()".into(),
            Ty::Int => match self.choices.once_in(12) {
                true => self
                    .choices
                    .pick(&[
                        "0x7fff_ffff_ffff_ffff",
                        "0x8000_0000_0000_0000",
                        "4294967296",
                        "20000",
                        "1000000007",
                        "2147483647",
                    ])
                    .unwrap_or("0")
                    .into(),
                false => self.small_int(12),
            },
            Ty::Float => self
                .choices
                .pick(&[
                    "0.0",
                    "1.0",
                    "2.5",
                    "0.1",
                    "3.75",
                    "1.0e300",
                    "1.5e-300",
                    "1.0e16",
                    "0.5",
                    "100.0",
                    "(-0.0)",
                    "(-2.0)",
                    "(1.0 / 0.0)",
                    "(0.0 / 0.0)",
                ])
                .unwrap_or("0.0")
                .into(),
            Ty::Bool => self
                .choices
                .pick(&["false", "true"])
                .unwrap_or("false")
                .into(),
            Ty::Char => self
                .choices
                .pick(&["'a'", "'Z'", "'7'", "' '", "'ß'", "'\\u{1F600}'", "'\\n'"])
                .unwrap_or("'a'")
                .into(),
            Ty::String => self
                .choices
                .pick(&[
                    "\"\"",
                    "\"a\"",
                    "\"hello\"",
                    "\"Ada, Bo\"",
                    "\"grüße\"",
                    "\"12\"",
                    "\"-7\"",
                    "\"a b  c\"",
                    "\"x,y,,z\"",
                    "\"\\n\\t\"",
                    "\"a text that is longer than a small cell of sixteen bytes\"",
                ])
                .unwrap_or("\"\"")
                .into(),
            Ty::Bytes => self
                .choices
                .pick(&["b\"\"", "b\"ab\"", "b\"\\x00\\xff\""])
                .unwrap_or("b\"\"")
                .into(),
            Ty::List(_) => "[]".into(),
            Ty::Map(..) => "[:]".into(),
            Ty::Set(_) => "Set.new()".into(),
            Ty::Option(_) => "None".into(),
            Ty::Result(_) => "Err(\"no\")".into(),
            Ty::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(|ty| self.leaf(ty)).collect();
                format!("({})", parts.join(", "))
            }
            Ty::Struct(number) => {
                let fields = self.structs[*number].clone();
                let fields: Vec<String> = fields
                    .iter()
                    .enumerate()
                    .map(|(i, ty)| format!("f{i}: {}", self.leaf(ty)))
                    .collect();
                format!("S{number}({})", fields.join(", "))
            }
            Ty::Enum(number) => {
                let parts = self.enums[*number][0].clone();
                let parts: Vec<String> = parts.iter().map(|ty| self.leaf(ty)).collect();
                match parts.is_empty() {
                    true => format!("E{number}.E{number}V0"),
                    false => format!("E{number}.E{number}V0({})", parts.join(", ")),
                }
            }
            Ty::Fn(of, to) => format!("({})", self.lambda(of, to, 0)),
        }
    }

    pub fn small_int(&mut self, below: usize) -> String {
        self.choices.below(below).to_string()
    }

    /// An expression whose type is known wherever it stands: a variable, or a block with a declared one.
    pub fn receiver(&mut self, ty: &Ty, depth: usize) -> String {
        let known = self.vars(|other| other == ty);
        if !known.is_empty() && !self.choices.once_in(3) {
            let at = self.choices.below(known.len());
            return known[at].name.clone();
        }
        let value = self.expr(ty, depth);
        if ty.is_told() && !value.starts_with('-') {
            return format!("({value})");
        }
        let name = self.name();
        format!("({{\nlet {name}: {ty} = {value}\n{name} }})")
    }

    fn lambda(&mut self, of: &Ty, to: &Ty, depth: usize) -> String {
        let outer = self.scope.len();
        let name = self.declare(of.clone(), false);
        let result = self.result.take();
        self.lambdas += 1;
        let body = self.expr(to, depth);
        self.lambdas -= 1;
        self.result = result;
        self.scope.truncate(outer);
        let kept = self.name();
        format!("|{name}: {of}| {{\nlet {kept}: {to} = {body}\n{kept} }}")
    }

    /// A part of something at hand.
    fn part(&mut self, ty: &Ty, depth: usize) -> Option<String> {
        let mut found = vec![];
        for var in &self.scope {
            match &var.ty {
                Ty::Struct(number) => {
                    for (i, field) in self.structs[*number].iter().enumerate() {
                        if field == ty {
                            found.push(format!("{}.f{i}", var.name));
                        }
                    }
                }
                Ty::Tuple(parts) => {
                    for (i, part) in parts.iter().enumerate() {
                        if part == ty {
                            found.push(format!("{}.{i}", var.name));
                        }
                    }
                }
                Ty::List(of) if **of == *ty => found.push(format!("{}[]", var.name)),
                _ => {}
            }
        }
        let at = self.choices.below(found.len());
        let text = found.get(at)?.clone();
        match text.strip_suffix("[]") {
            Some(list) => {
                let index = self.index(list);
                Some(format!("{list}[{index}]"))
            }
            None => {
                let _ = depth;
                Some(text)
            }
        }
    }

    fn match_value(&mut self, ty: &Ty, depth: usize) -> String {
        let numbers: Vec<usize> = (0..self.enums.len()).collect();
        match self.choices.pick(&numbers) {
            Some(number) if !self.choices.once_in(3) => {
                let value = self.receiver(&Ty::Enum(number), depth - 1);
                let mut arms = vec![];
                for (i, parts) in self.enums[number].clone().into_iter().enumerate() {
                    let outer = self.scope.len();
                    let names: Vec<String> = parts
                        .into_iter()
                        .map(|ty| self.declare(ty, false))
                        .collect();
                    let body = self.expr(ty, depth - 1);
                    self.scope.truncate(outer);
                    let pattern = match names.is_empty() {
                        true => format!("E{number}.E{number}V{i}"),
                        false => format!("E{number}.E{number}V{i}({})", names.join(", ")),
                    };
                    arms.push(format!("{pattern} => {body}"));
                }
                format!("(match {value} {{\n{}\n}})", arms.join("\n"))
            }
            _ => {
                let value = self.receiver(&Ty::Int, depth - 1);
                let bodies: Vec<String> = (0..4).map(|_| self.expr(ty, depth - 1)).collect();
                format!(
                    "(match {value} {{\n0 => {}\n1 | 2 => {}\n3..=9 => {}\n_ => {}\n}})",
                    bodies[0], bodies[1], bodies[2], bodies[3]
                )
            }
        }
    }

    fn int(&mut self, depth: usize) -> String {
        let d = depth - 1;
        match self.choices.below(26) {
            0..=9 => {
                let operator = self.choices.pick(&[
                    "+", "-", "*", "+%", "-%", "*%", "&", "|", "^", "+", "-", "/", "%", "<<", ">>",
                    ">>>",
                ]);
                let operator = operator.unwrap_or("+");
                let left = self.expr(&Ty::Int, d);
                let right = match operator {
                    "<<" | ">>" | ">>>" => self.small_int(66),
                    "/" | "%" if !self.choices.once_in(4) => {
                        let n = 1 + self.choices.below(9);
                        n.to_string()
                    }
                    _ => self.expr(&Ty::Int, d),
                };
                format!("({left} {operator} {right})")
            }
            10 | 11 => {
                let of = self.some_type(1);
                format!("{}.len()", self.receiver(&Ty::list(of), d))
            }
            12 => format!("{}.len()", self.receiver(&Ty::String, d)),
            13 => {
                let list = self.receiver(&Ty::list(Ty::Int), d);
                let (of, start) = (self.some_type(0), self.expr(&Ty::Int, d));
                let _ = of;
                let (a, x) = (self.declare(Ty::Int, false), self.declare(Ty::Int, false));
                self.lambdas += 1;
                let body = self.expr(&Ty::Int, d);
                self.lambdas -= 1;
                self.scope.truncate(self.scope.len() - 2);
                format!("{list}.fold({start}, |{a}: Int, {x}: Int| {a} +% ({body}))")
            }
            14 => format!("{}.sum()", self.receiver(&Ty::list(Ty::Int), d)),
            15 => {
                let of = self.some_type(1);
                let list = self.receiver(&Ty::list(of.clone()), d);
                let f = self.lambda(&of, &Ty::Bool, d);
                format!("{list}.count({f})")
            }
            16 => {
                let list = self.receiver(&Ty::list(Ty::Int), d);
                let index = match list.starts_with('(') {
                    true => self.small_int(3),
                    false => self.index(&list),
                };
                format!("{list}[{index}]")
            }
            17 => format!("({}).to_int()", self.receiver(&Ty::Float, d)),
            18 => format!("{}.code()", self.receiver(&Ty::Char, d)),
            19 => {
                let name = self.choices.pick(&[
                    "abs",
                    "sign",
                    "count_ones",
                    "leading_zeros",
                    "trailing_zeros",
                ]);
                format!("{}.{}()", self.receiver(&Ty::Int, d), name.unwrap_or("abs"))
            }
            20 => {
                let name = self.choices.pick(&[
                    "min",
                    "max",
                    "pow",
                    "div_floor",
                    "mod_floor",
                    "rotate_left",
                    "unsigned_div",
                    "unsigned_rem",
                ]);
                let value = self.receiver(&Ty::Int, d);
                let other = self.expr(&Ty::Int, d);
                format!("{value}.{}({other})", name.unwrap_or("min"))
            }
            21 => {
                let (key, value) = (self.key_type(), self.some_type(1));
                let ty = Ty::Map(Box::new(key), Box::new(value));
                format!("{}.len()", self.receiver(&ty, d))
            }
            22 => {
                let bytes = self.receiver(&Ty::Bytes, d);
                format!("{bytes}[{}]", self.small_int(3))
            }
            23 => format!("{}.weigh()", self.receiver(&Ty::String, d)),
            24 => {
                let (key, value) = (self.key_type(), Ty::Int);
                let ty = Ty::Map(Box::new(key.clone()), Box::new(value));
                let map = self.receiver(&ty, d);
                let key = self.expr(&key, d);
                format!("{map}[{key}]")
            }
            _ => format!("(-{})", self.receiver(&Ty::Int, d)),
        }
    }

    fn float(&mut self, depth: usize) -> String {
        let d = depth - 1;
        match self.choices.below(8) {
            0..=3 => {
                let operator = self.choices.pick(&["+", "-", "*", "/", "%"]).unwrap_or("+");
                let (left, right) = (self.expr(&Ty::Float, d), self.expr(&Ty::Float, d));
                format!("({left} {operator} {right})")
            }
            4 => format!("{}.to_float()", self.receiver(&Ty::Int, d)),
            5 => {
                let name = self.choices.pick(&[
                    "sqrt", "floor", "ceil", "trunc", "round", "abs", "sign", "sin", "exp", "ln",
                    "cbrt",
                ]);
                format!(
                    "{}.{}()",
                    self.receiver(&Ty::Float, d),
                    name.unwrap_or("abs")
                )
            }
            6 => {
                let name = self.choices.pick(&["min", "max", "pow", "hypot", "atan2"]);
                let (value, other) = (self.receiver(&Ty::Float, d), self.expr(&Ty::Float, d));
                format!("{value}.{}({other})", name.unwrap_or("min"))
            }
            _ => format!("{}.sum()", self.receiver(&Ty::list(Ty::Float), d)),
        }
    }

    fn bool(&mut self, depth: usize) -> String {
        let d = depth - 1;
        match self.choices.below(14) {
            0..=3 => {
                let operator = self.choices.pick(&["<", "<=", ">", ">=", "==", "!="]);
                let (left, right) = (self.expr(&Ty::Int, d), self.expr(&Ty::Int, d));
                format!("({left} {} {right})", operator.unwrap_or("<"))
            }
            4 => {
                let operator = self.choices.pick(&["<", "<=", ">", ">=", "==", "!="]);
                let (left, right) = (self.expr(&Ty::Float, d), self.expr(&Ty::Float, d));
                format!("({left} {} {right})", operator.unwrap_or("<"))
            }
            5 | 6 => {
                let operator = self.choices.pick(&["&&", "||"]).unwrap_or("&&");
                let (left, right) = (self.expr(&Ty::Bool, d), self.expr(&Ty::Bool, d));
                format!("({left} {operator} {right})")
            }
            7 => format!("(!{})", self.expr(&Ty::Bool, d)),
            8 | 9 => {
                let ty = self.some_type(2);
                let (left, right) = (self.receiver(&ty, d), self.receiver(&ty, d));
                let operators: &[&str] = match ty.is_ordered() {
                    true => &["==", "!=", "<", ">="],
                    false => &["==", "!="],
                };
                let operator = self.choices.pick(operators).unwrap_or("==");
                format!("({left} {operator} {right})")
            }
            10 => {
                let of = self.some_type(1);
                let option = self.receiver(&Ty::option(of), d);
                format!("({option} is Some(_))")
            }
            11 => {
                let option = self.receiver(&Ty::option(Ty::Int), d);
                let name = self.declare(Ty::Int, false);
                let test = self.expr(&Ty::Bool, d);
                self.scope.pop();
                format!("({option} is Some({name}) && {name} > 1 && {test})")
            }
            12 => {
                let (name, text) = (
                    self.choices.pick(&["contains", "starts_with", "ends_with"]),
                    self.receiver(&Ty::String, d),
                );
                let part = self.expr(&Ty::String, d);
                format!("{text}.{}({part})", name.unwrap_or("contains"))
            }
            _ => {
                let of = self.some_type(1);
                let list = self.receiver(&Ty::list(of.clone()), d);
                let f = self.lambda(&of, &Ty::Bool, d);
                let name = self.choices.pick(&["any", "all"]).unwrap_or("any");
                format!("{list}.{name}({f})")
            }
        }
    }

    fn string(&mut self, depth: usize) -> String {
        let d = depth - 1;
        match self.choices.below(12) {
            0..=2 => {
                let mut text = String::from("\"");
                for _ in 0..1 + self.choices.below(3) {
                    let ty = self.some_type(1);
                    let value = self.receiver(&ty, d);
                    text.push_str(&format!("a${{{value}}}"));
                }
                text.push('"');
                text
            }
            3 | 4 => {
                let (left, right) = (self.expr(&Ty::String, d), self.expr(&Ty::String, d));
                format!("({left} + {right})")
            }
            5 => {
                let text = self.receiver(&Ty::String, d);
                let from = self.choices.below(3);
                let to = from + self.choices.below(4);
                format!("{text}[{from}..{to}]")
            }
            6 => {
                let ty = self.some_type(2);
                format!("{}.show()", self.receiver(&ty, d))
            }
            7 => {
                let name = self.choices.pick(&["to_upper", "to_lower", "trim"]);
                format!(
                    "{}.{}()",
                    self.receiver(&Ty::String, d),
                    name.unwrap_or("trim")
                )
            }
            8 => format!(
                "{}.repeat({})",
                self.receiver(&Ty::String, d),
                self.small_int(4)
            ),
            9 => format!("{}.join(\", \")", self.receiver(&Ty::list(Ty::String), d)),
            10 => format!(
                "{}.prefix({})",
                self.receiver(&Ty::String, d),
                self.small_int(6)
            ),
            _ => format!("{}.replace(\"a\", \"bb\")", self.receiver(&Ty::String, d)),
        }
    }

    fn bytes(&mut self, depth: usize) -> String {
        let d = depth - 1;
        match self.choices.below(3) {
            0 => format!("{}.bytes()", self.receiver(&Ty::String, d)),
            1 => format!(
                "Bytes.filled({}, {})",
                self.small_int(20),
                self.small_int(256)
            ),
            _ => format!("{}[0..{}]", self.receiver(&Ty::Bytes, d), self.small_int(4)),
        }
    }

    fn list(&mut self, of: &Ty, depth: usize) -> String {
        let d = depth - 1;
        let ty = Ty::list(of.clone());
        match self.choices.below(14) {
            0..=3 => {
                let count = self.choices.below(5);
                let items: Vec<String> = (0..count).map(|_| self.expr(of, d)).collect();
                format!("[{}]", items.join(", "))
            }
            4 | 5 => {
                let count = match self.choices.once_in(5) {
                    true => self.small_int(300),
                    false => self.small_int(12),
                };
                format!("List.filled({count}, {})", self.expr(of, d))
            }
            6 | 7 => {
                let from = self.some_type(1);
                let list = self.receiver(&Ty::list(from.clone()), d);
                let f = self.lambda(&from, of, d);
                format!("{list}.map({f})")
            }
            8 => {
                let list = self.receiver(&ty, d);
                let f = self.lambda(of, &Ty::Bool, d);
                format!("{list}.filter({f})")
            }
            9 => {
                let list = self.receiver(&ty, d);
                let from = self.choices.below(2);
                let to = from + self.choices.below(3);
                format!("{list}[{from}..{to}]")
            }
            10 => format!("{}.reversed()", self.receiver(&ty, d)),
            11 if of.is_ordered() => format!("{}.sorted()", self.receiver(&ty, d)),
            12 => {
                let count = self.small_int(5);
                let name = self.choices.pick(&["take", "drop"]).unwrap_or("take");
                format!("{}.{name}({count})", self.receiver(&ty, d))
            }
            _ => {
                let (from, to) = (self.small_int(3), self.small_int(9));
                let f = self.lambda(&Ty::Int, of, d);
                format!("({from}..{to}).map({f})")
            }
        }
    }

    fn map(&mut self, key: &Ty, value: &Ty, depth: usize) -> String {
        let d = depth - 1;
        let count = 1 + self.choices.below(4);
        let rows: Vec<String> = (0..count)
            .map(|_| format!("{}: {}", self.expr(key, d), self.expr(value, d)))
            .collect();
        format!("[{}]", rows.join(", "))
    }

    fn set(&mut self, of: &Ty, depth: usize) -> String {
        let d = depth - 1;
        match self.choices.below(3) {
            0 | 1 => format!("{}.to_set()", self.receiver(&Ty::list(of.clone()), d)),
            _ => {
                let ty = Ty::Set(Box::new(of.clone()));
                let (one, other) = (self.receiver(&ty, d), self.expr(&ty, d));
                let name = self.choices.pick(&["union", "intersect", "minus"]);
                format!("{one}.{}({other})", name.unwrap_or("union"))
            }
        }
    }

    fn option(&mut self, of: &Ty, depth: usize) -> String {
        let d = depth - 1;
        match self.choices.below(7) {
            0..=2 => format!("Some({})", self.expr(of, d)),
            3 => {
                let list = self.receiver(&Ty::list(of.clone()), d);
                match self.choices.below(3) {
                    0 => format!("{list}.get({})", self.small_int(4)),
                    1 => format!("{list}.first()"),
                    _ => format!("{list}.last()"),
                }
            }
            4 => {
                let key = self.key_type();
                let ty = Ty::Map(Box::new(key.clone()), Box::new(of.clone()));
                let (map, key) = (self.receiver(&ty, d), self.expr(&key, d));
                format!("{map}.get({key})")
            }
            5 if *of == Ty::Int => format!("Int.parse({})", self.expr(&Ty::String, d)),
            5 if *of == Ty::Float => format!("Float.parse({})", self.expr(&Ty::String, d)),
            _ => {
                let from = self.some_type(1);
                let option = self.receiver(&Ty::option(from.clone()), d);
                let f = self.lambda(&from, of, d);
                format!("{option}.map({f})")
            }
        }
    }

    fn result_value(&mut self, of: &Ty, depth: usize) -> String {
        let d = depth - 1;
        match self.choices.below(4) {
            0 | 1 => format!("Ok({})", self.expr(of, d)),
            2 => format!("Err({})", self.expr(&Ty::String, d)),
            _ => {
                let option = self.receiver(&Ty::option(of.clone()), d);
                format!("{option}.ok_or({})", self.receiver(&Ty::String, d))
            }
        }
    }

    fn built(&mut self, number: usize, depth: usize) -> String {
        let d = depth - 1;
        let fields = self.structs[number].clone();
        if self.choices.once_in(3) {
            let base = self.receiver(&Ty::Struct(number), d);
            let at = self.choices.below(fields.len());
            let value = self.expr(&fields[at], d);
            if fields.len() > 1 {
                return format!("S{number}(..{base}, f{at}: {value})");
            }
        }
        let fields: Vec<String> = fields
            .iter()
            .enumerate()
            .map(|(i, ty)| format!("f{i}: {}", self.expr(ty, d)))
            .collect();
        format!("S{number}({})", fields.join(", "))
    }
}
