//! A package of ordinary code of any length: the same seed gives the same text.
//!
//! Modules of about a thousand lines, with what programs are made of: documented structs and enums with methods, traits and
//! impls, generic functions, loops, matches, closures, strings, lists, maps, options, errors, constants and tests. What
//! stands in a function is drawn anew each time, typed, so that no two are alike. `main` reaches all of it.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Lines of a module, about: what an author would still call one file.
const MODULE_LINES: usize = 1_000;

/// The files of a package with at least `lines` lines, by path; and how many lines it has.
pub fn package(lines: usize) -> (BTreeMap<String, String>, usize) {
    let mut files = BTreeMap::new();
    let mut total = 0;
    let mut root = String::from("//! A generated program.\n\n");
    let mut calls = String::new();
    let mut number = 0;
    while total + number * 2 + 8 < lines {
        let wanted = (lines - total).clamp(80, MODULE_LINES);
        let text = Writer::new(number as u64).module(number, wanted);
        total += text.lines().count();
        files.insert(format!("part{number}.cop"), text);
        let _ = writeln!(root, "import part{number} from \"./part{number}\"");
        let _ = writeln!(calls, "    total = total +% part{number}.run(total)");
        number += 1;
    }
    let _ = write!(
        root,
        "\nfn main() {{\n    let mut total = 1\n{calls}    print(total)\n}}\n"
    );
    total += root.lines().count();
    files.insert("main.cop".to_owned(), root);
    (files, total)
}

/// The types that values in the generated code have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Type {
    Int,
    Bool,
    Text,
    Ints,
    Texts,
    Counts,
    Float,
    /// One of the module's structs.
    Struct(usize),
    /// One of the module's enums.
    Enum(usize),
}

/// Types that fields and parameters usually have.
const USUAL: &[Type] = &[
    Type::Int,
    Type::Int,
    Type::Text,
    Type::Text,
    Type::Bool,
    Type::Ints,
    Type::Texts,
    Type::Counts,
    Type::Float,
];

const NOUNS: &[&str] = &[
    "account", "amount", "batch", "border", "bucket", "chapter", "column", "count", "customer",
    "delay", "depth", "edge", "entry", "factor", "group", "height", "index", "invoice", "item",
    "key", "label", "length", "level", "line", "limit", "margin", "member", "note", "number",
    "offset", "order", "owner", "page", "parcel", "part", "price", "quota", "rank", "rate",
    "record", "region", "report", "result", "route", "row", "score", "section", "shift", "size",
    "slot", "stock", "style", "table", "task", "ticket", "title", "total", "unit", "user", "value",
    "volume", "weight", "width", "word",
];

const VERBS: &[&str] = &[
    "add", "apply", "build", "check", "choose", "clean", "collect", "combine", "compute",
    "count_of", "describe", "divide", "draw", "estimate", "expand", "find", "fold", "format",
    "gather", "join", "list_of", "measure", "merge", "move", "order_by", "pack", "pick", "place",
    "read", "reduce", "render", "scale", "select", "shorten", "sort", "split", "sum_of", "trim",
    "update", "weigh",
];

const ADJECTIVES: &[&str] = &[
    "active", "blank", "broad", "clear", "closed", "daily", "early", "empty", "final", "first",
    "full", "global", "heavy", "inner", "large", "last", "late", "local", "lost", "main", "narrow",
    "new", "next", "old", "open", "outer", "plain", "prior", "quick", "rare", "rough", "short",
    "simple", "small", "steady", "tall", "upper", "usual", "valid", "whole",
];

struct Variable {
    name: String,
    ty: Type,
    used: bool,
}

struct Struct {
    name: String,
    fields: Vec<(String, Type)>,
    /// Methods of one `Int` parameter: name, result.
    methods: Vec<(String, Type)>,
    /// One that changes it.
    changing: Option<String>,
}

struct Enum {
    name: String,
    variants: Vec<(String, Vec<Type>)>,
    methods: Vec<(String, Type)>,
}

struct Function {
    name: String,
    parameters: Vec<Type>,
    result: Type,
    /// It gives `T?`, or `Result[T, String]`.
    wrapped: Wrapped,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrapped {
    No,
    Option,
    Result,
}

struct Writer {
    state: u64,
    out: String,
    indent: usize,
    names: u32,
    variables: Vec<Variable>,
    structs: Vec<Struct>,
    enums: Vec<Enum>,
    functions: Vec<Function>,
    constants: Vec<(String, Type)>,
    /// What `?` and `return` may do in the function that is being written.
    wrapped: Wrapped,
    result: Type,
}

impl Writer {
    fn new(seed: u64) -> Writer {
        Writer {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d,
            out: String::new(),
            indent: 0,
            names: 0,
            variables: Vec::new(),
            structs: Vec::new(),
            enums: Vec::new(),
            functions: Vec::new(),
            constants: Vec::new(),
            wrapped: Wrapped::No,
            result: Type::Int,
        }
    }

    // ---- choosing

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// A name that nothing else in the module has.
    fn fresh(&mut self) -> String {
        self.names += 1;
        let (adjective, noun, number) = (self.of(ADJECTIVES), self.of(NOUNS), self.names);
        match self.below(3) {
            0 => format!("{noun}{number}"),
            1 => format!("{adjective}_{noun}{number}"),
            _ => format!("{noun}_{}{number}", self.of(NOUNS)),
        }
    }

    fn fresh_type(&mut self) -> String {
        self.names += 1;
        let (a, b) = (self.of(ADJECTIVES), self.of(NOUNS));
        format!("{}{}{}", capital(a), capital(b), self.names)
    }

    fn fresh_function(&mut self) -> String {
        self.names += 1;
        format!("{}_{}{}", self.of(VERBS), self.of(NOUNS), self.names)
    }

    fn usual(&mut self) -> Type {
        if !self.structs.is_empty() && self.chance(12) {
            return Type::Struct(self.below(self.structs.len()));
        }
        if !self.enums.is_empty() && self.chance(10) {
            return Type::Enum(self.below(self.enums.len()));
        }
        self.of(USUAL)
    }

    // ---- text

    fn line(&mut self, text: &str) {
        if !text.is_empty() {
            for _ in 0..self.indent {
                self.out.push_str("    ");
            }
            self.out.push_str(text);
        }
        self.out.push('\n');
    }

    fn open(&mut self, text: &str) {
        self.line(text);
        self.indent += 1;
    }

    fn close(&mut self, text: &str) {
        self.indent -= 1;
        self.line(text);
    }

    fn remark(&mut self) {
        let (a, b, c, v) = (
            self.of(ADJECTIVES),
            self.of(NOUNS),
            self.of(NOUNS),
            self.of(VERBS),
        );
        let v = v.replace('_', " ");
        let text = match self.below(3) {
            0 => format!("// The {a} {b} comes first, so that {v} sees each {c} once."),
            1 => format!("// Without a {c} there is nothing to {v}."),
            _ => format!("// {} {b} and {c} are kept apart.", capital(a)),
        };
        self.line(&text);
    }

    fn doc(&mut self) {
        let (a, b, c) = (self.of(ADJECTIVES), self.of(NOUNS), self.of(NOUNS));
        self.line(&format!(
            "/// What the {a} {b} says of its {c}, as far as it is known."
        ));
        if self.chance(30) {
            let (a, b) = (self.of(ADJECTIVES), self.of(NOUNS));
            self.line("///");
            self.line(&format!("/// A {a} {b} counts once."));
        }
    }

    fn shown(&self, ty: Type) -> String {
        match ty {
            Type::Int => "Int".into(),
            Type::Bool => "Bool".into(),
            Type::Text => "String".into(),
            Type::Ints => "List[Int]".into(),
            Type::Texts => "List[String]".into(),
            Type::Counts => "Map[String, Int]".into(),
            Type::Float => "Float".into(),
            Type::Struct(index) => self.structs[index].name.clone(),
            Type::Enum(index) => self.enums[index].name.clone(),
        }
    }

    // ---- expressions

    /// A variable of the type, which then counts as used.
    fn variable(&mut self, ty: Type) -> Option<String> {
        let fitting: Vec<usize> = (0..self.variables.len())
            .filter(|&index| self.variables[index].ty == ty)
            .collect();
        if fitting.is_empty() {
            return None;
        }
        // What was not used yet comes first.
        let unused = fitting
            .iter()
            .copied()
            .find(|&index| !self.variables[index].used);
        let index = unused.unwrap_or(fitting[self.below(fitting.len())]);
        self.variables[index].used = true;
        Some(self.variables[index].name.clone())
    }

    fn literal(&mut self, ty: Type) -> String {
        match ty {
            Type::Int => match self.below(8) {
                0 => format!("0x{:x}", self.below(4096)),
                1 => "1_000".into(),
                _ => self.below(100).to_string(),
            },
            Type::Bool => if self.chance(50) { "true" } else { "false" }.into(),
            Type::Text => {
                let (a, b) = (self.of(ADJECTIVES), self.of(NOUNS));
                match self.below(4) {
                    0 => format!("\"{a}\""),
                    1 => format!("\"{a} {b}\\n\""),
                    2 => format!("\"/{a}/{b}\""),
                    _ => format!("\"the {a} {b}\""),
                }
            }
            Type::Ints => {
                let count = 1 + self.below(5);
                let parts: Vec<String> = (0..count).map(|_| self.literal(Type::Int)).collect();
                format!("[{}]", parts.join(", "))
            }
            Type::Texts => {
                let count = 1 + self.below(3);
                let parts: Vec<String> = (0..count).map(|_| self.literal(Type::Text)).collect();
                format!("[{}]", parts.join(", "))
            }
            Type::Counts => {
                let (a, b) = (self.of(NOUNS), self.below(50));
                format!("[\"{a}\": {b}, \"{a} {b}\": {}]", self.below(9))
            }
            Type::Float => format!("{}.{}", self.below(100), self.below(10)),
            Type::Struct(_) | Type::Enum(_) => self.build(ty, 0),
        }
    }

    /// A struct or variant, made.
    fn build(&mut self, ty: Type, depth: usize) -> String {
        match ty {
            Type::Struct(index) => {
                let fields = self.structs[index].fields.clone();
                let name = self.structs[index].name.clone();
                let parts: Vec<String> = fields
                    .iter()
                    .map(|(field, ty)| format!("{field}: {}", self.expr(*ty, depth)))
                    .collect();
                format!("{name}({})", parts.join(", "))
            }
            Type::Enum(index) => {
                let variant = self.below(self.enums[index].variants.len());
                let (name, parts) = self.enums[index].variants[variant].clone();
                let parts: Vec<String> = parts.iter().map(|ty| self.expr(*ty, depth)).collect();
                let owner = &self.enums[index].name;
                match parts.is_empty() {
                    true => format!("{owner}.{name}"),
                    false => format!("{owner}.{name}({})", parts.join(", ")),
                }
            }
            _ => self.literal(ty),
        }
    }

    /// An expression that stands as a part of another.
    fn part(&mut self, ty: Type, depth: usize) -> String {
        if depth == 0 || self.chance(55) {
            return self.atom(ty);
        }
        let text = self.expr(ty, depth - 1);
        let closed = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.');
        if closed { text } else { format!("({text})") }
    }

    fn atom(&mut self, ty: Type) -> String {
        if self.chance(75)
            && let Some(name) = self.variable(ty)
        {
            return name;
        }
        let constants: Vec<String> = self
            .constants
            .iter()
            .filter(|(_, of)| *of == ty)
            .map(|(name, _)| name.clone())
            .collect();
        if !constants.is_empty() && self.chance(15) {
            return constants[self.below(constants.len())].clone();
        }
        self.literal(ty)
    }

    /// A call of a function or method that gives the type, if there is one.
    fn call(&mut self, ty: Type, depth: usize) -> Option<String> {
        if self.chance(40) {
            let mut methods: Vec<(Type, String)> = Vec::new();
            for (index, of) in self.structs.iter().enumerate() {
                let fitting = of.methods.iter().filter(|(_, result)| *result == ty);
                methods.extend(fitting.map(|(name, _)| (Type::Struct(index), name.clone())));
            }
            for (index, of) in self.enums.iter().enumerate() {
                let fitting = of.methods.iter().filter(|(_, result)| *result == ty);
                methods.extend(fitting.map(|(name, _)| (Type::Enum(index), name.clone())));
            }
            if methods.is_empty() {
                return None;
            }
            let (owner, name) = methods.swap_remove(self.below(methods.len()));
            let receiver = self.variable(owner)?;
            return Some(format!(
                "{receiver}.{name}({})",
                self.expr(Type::Int, depth)
            ));
        }
        let fitting: Vec<usize> = (0..self.functions.len())
            .filter(|&index| self.functions[index].result == ty)
            .collect();
        if fitting.is_empty() {
            return None;
        }
        let index = fitting[self.below(fitting.len())];
        let parameters = self.functions[index].parameters.clone();
        let (name, wrapped) = (
            self.functions[index].name.clone(),
            self.functions[index].wrapped,
        );
        let arguments: Vec<String> = parameters
            .iter()
            .map(|ty| self.expr(*ty, depth / 2))
            .collect();
        let call = format!("{name}({})", arguments.join(", "));
        Some(match wrapped {
            Wrapped::No => call,
            _ if wrapped == self.wrapped && self.chance(60) => format!("{call}?"),
            Wrapped::Option => format!("({call} ?? {})", self.atom(ty)),
            Wrapped::Result => format!("({call}.ok() ?? {})", self.atom(ty)),
        })
    }

    fn expr(&mut self, ty: Type, depth: usize) -> String {
        if depth == 0 {
            return self.atom(ty);
        }
        if self.chance(20)
            && let Some(call) = self.call(ty, depth - 1)
        {
            return call;
        }
        let d = depth - 1;
        match ty {
            Type::Int => match self.below(14) {
                0..=3 => {
                    let op = self.of(&["+", "-", "*", "+%", "&"]);
                    format!("{} {op} {}", self.part(ty, d), self.part(ty, d))
                }
                4 => format!("{} % {}", self.part(ty, d), 2 + self.below(30)),
                5 => format!("{}.len()", self.value_of(Type::Ints)),
                6 => format!("{}.len()", self.value_of(Type::Text)),
                7 => format!("{}.max({})", self.value_of(ty), self.expr(ty, d)),
                8 => format!(
                    "{}.get({}) ?? {}",
                    self.value_of(Type::Counts),
                    self.expr(Type::Text, d),
                    self.atom(ty)
                ),
                9 => format!("{}.sum()", self.value_of(Type::Ints)),
                10 => {
                    let index = self.below(4);
                    format!(
                        "{}.get({index}) ?? {}",
                        self.value_of(Type::Ints),
                        self.atom(ty)
                    )
                }
                11 => {
                    let list = self.value_of(Type::Ints);
                    format!("{list}.count({})", self.lambda(Type::Int, Type::Bool))
                }
                12 => format!(
                    "if {} {{ {} }} else {{ {} }}",
                    self.expr(Type::Bool, d),
                    self.expr(ty, d),
                    self.expr(ty, d)
                ),
                _ => self.field(ty).unwrap_or_else(|| self.atom(ty)),
            },
            Type::Bool => match self.below(8) {
                0..=3 => {
                    let op = self.of(&["<", "<=", ">", ">=", "==", "!="]);
                    format!(
                        "{} {op} {}",
                        self.part(Type::Int, d),
                        self.part(Type::Int, d)
                    )
                }
                4 => format!(
                    "{} == {}",
                    self.part(Type::Text, d),
                    self.part(Type::Text, d)
                ),
                5 => {
                    let op = self.of(&["&&", "||"]);
                    format!("{} {op} {}", self.part(ty, d), self.part(ty, d))
                }
                6 => format!(
                    "{}.contains({})",
                    self.value_of(Type::Text),
                    self.atom(Type::Text)
                ),
                _ => format!("!{}.is_empty()", self.value_of(Type::Texts)),
            },
            Type::Text => match self.below(8) {
                0..=2 => {
                    let (a, b) = (self.of(NOUNS), self.of(NOUNS));
                    let first = self.atom(Type::Int);
                    let second = self.of(&[Type::Text, Type::Int, Type::Bool, Type::Float]);
                    match self.variable(second) {
                        Some(second) => format!("\"{a} ${{{first}}}, {b}: ${{{second}}}\""),
                        None => format!("\"{a} of ${{{first}}}\""),
                    }
                }
                3 => format!("{}.trim()", self.value_of(ty)),
                4 => format!("{} + {}", self.part(ty, d), self.part(ty, d)),
                5 => format!(
                    "{}.join({})",
                    self.value_of(Type::Texts),
                    self.of(&["\", \"", "\" \"", "\"\\n\""])
                ),
                6 => format!("{}.to_upper()", self.value_of(ty)),
                _ => self.field(ty).unwrap_or_else(|| self.atom(ty)),
            },
            Type::Ints => match self.below(6) {
                0 | 1 => {
                    let list = self.value_of(ty);
                    format!("{list}.map({})", self.lambda(Type::Int, Type::Int))
                }
                2 => {
                    let list = self.value_of(ty);
                    format!("{list}.filter({})", self.lambda(Type::Int, Type::Bool))
                }
                3 => format!("{}.sorted()", self.value_of(ty)),
                4 => {
                    let count = 1 + self.below(4);
                    let parts: Vec<String> = (0..count).map(|_| self.expr(Type::Int, d)).collect();
                    format!("[{}]", parts.join(", "))
                }
                _ => format!("{}.take({})", self.value_of(ty), self.expr(Type::Int, d)),
            },
            Type::Texts => match self.below(4) {
                0 => format!("{}.split(\",\")", self.value_of(Type::Text)),
                1 => {
                    let list = self.value_of(ty);
                    format!("{list}.map({})", self.lambda(Type::Text, Type::Text))
                }
                2 => format!("{}.keys()", self.value_of(Type::Counts)),
                _ => {
                    let count = 1 + self.below(3);
                    let parts: Vec<String> = (0..count).map(|_| self.expr(Type::Text, d)).collect();
                    format!("[{}]", parts.join(", "))
                }
            },
            Type::Float => {
                let op = self.of(&["+", "-", "*"]);
                format!("{} {op} {}", self.part(ty, d), self.part(ty, d))
            }
            Type::Counts => self.atom(ty),
            Type::Struct(_) | Type::Enum(_) => {
                if self.chance(50)
                    && let Some(name) = self.variable(ty)
                {
                    return name;
                }
                self.build(ty, d)
            }
        }
    }

    /// A value that a method is called on: a variable, else a literal that may stand there.
    fn value_of(&mut self, ty: Type) -> String {
        match self.variable(ty) {
            Some(name) => name,
            None => match ty {
                Type::Int => format!("({})", self.literal(ty)),
                _ => self.literal(ty),
            },
        }
    }

    /// A field of a struct at hand.
    fn field(&mut self, ty: Type) -> Option<String> {
        let mut found = Vec::new();
        for (at, variable) in self.variables.iter().enumerate() {
            if let Type::Struct(index) = variable.ty {
                let fields = self.structs[index].fields.iter();
                let fitting = fields.filter(|(_, of)| *of == ty);
                found.extend(fitting.map(|(field, _)| (at, field.clone())));
            }
        }
        if found.is_empty() {
            return None;
        }
        let (at, field) = found.swap_remove(self.below(found.len()));
        self.variables[at].used = true;
        Some(format!("{}.{field}", self.variables[at].name))
    }

    /// The lambda `|name| ...`, which looks at what it is given.
    fn lambda(&mut self, parameter: Type, result: Type) -> String {
        let name = self.fresh();
        let outer = std::mem::replace(&mut self.wrapped, Wrapped::No);
        self.variables.push(Variable {
            name: name.clone(),
            ty: parameter,
            used: false,
        });
        let body = self.expr(result, 1);
        let used = self.variables.pop().is_some_and(|variable| variable.used);
        self.wrapped = outer;
        match (used, parameter, result) {
            (true, ..) => format!("|{name}| {body}"),
            (false, Type::Int, Type::Bool) => format!("|{name}| {name} > 3 || {body}"),
            (false, Type::Int, _) => format!("|{name}| {name} +% ({body})"),
            (false, ..) => format!("|{name}| {name} + ({body})"),
        }
    }

    // ---- statements

    fn declare(&mut self, name: &str, ty: Type) {
        self.variables.push(Variable {
            name: name.to_owned(),
            ty,
            used: false,
        });
    }

    /// What the function gives when it gives up early.
    fn early(&mut self) -> String {
        match self.wrapped {
            Wrapped::Option => "None".into(),
            Wrapped::Result => {
                let (a, b) = (self.of(ADJECTIVES), self.of(NOUNS));
                format!("Err(\"no {a} {b}\")")
            }
            Wrapped::No => self.atom(self.result),
        }
    }

    /// Statements in a block of their own: what they bind is not known behind it.
    fn block(&mut self, count: usize, depth: usize) {
        let before = self.variables.len();
        for _ in 0..count {
            self.statement(depth);
        }
        self.use_up(before);
        self.variables.truncate(before);
    }

    /// Looks at the variables that nothing has looked at, as authors do not write others.
    fn use_up(&mut self, from: usize) {
        for index in from..self.variables.len() {
            if !self.variables[index].used {
                self.variables[index].used = true;
                let name = self.variables[index].name.clone();
                self.line(&format!("print(\"{}: ${{{name}}}\")", self.names));
            }
        }
    }

    fn statement(&mut self, depth: usize) {
        if self.chance(6) {
            self.remark();
        }
        match self.below(if depth == 0 { 6 } else { 17 }) {
            0..=3 => {
                let ty = self.usual();
                let value = self.expr(ty, 2);
                let name = self.fresh();
                if self.chance(20) || matches!(ty, Type::Counts) {
                    self.line(&format!("let {name}: {} = {value}", self.shown(ty)));
                } else {
                    self.line(&format!("let {name} = {value}"));
                }
                self.declare(&name, ty);
            }
            4 | 5 => match self.below(3) {
                0 => {
                    let text = self.expr(Type::Text, 1);
                    self.line(&format!("print({text})"));
                }
                1 => {
                    let condition = self.expr(Type::Bool, 2);
                    let early = self.early();
                    self.line(&format!("if {condition} {{ return {early} }}"));
                }
                _ => {
                    let (value, name) = (self.expr(Type::Int, 2), self.fresh());
                    self.line(&format!("let mut {name} = {value}"));
                    let op = self.of(&["+=", "-=", "*=", "+%="]);
                    let by = self.expr(Type::Int, 1);
                    self.line(&format!("{name} {op} {by}"));
                    self.declare(&name, Type::Int);
                }
            },
            6 | 7 => {
                let (total, item) = (self.fresh(), self.fresh());
                let list = self.expr(Type::Ints, 1);
                self.line(&format!("let mut {total} = 0"));
                self.open(&format!("for {item} in {list} {{"));
                let before = self.variables.len();
                self.declare(&item, Type::Int);
                let condition = self.expr(Type::Bool, 1);
                let value = self.expr(Type::Int, 1);
                if self.chance(50) {
                    self.line(&format!("if {condition} {{ {total} +%= {value} }}"));
                } else {
                    self.open(&format!("if {condition} {{"));
                    self.line(&format!("{total} +%= {value}"));
                    self.indent -= 1;
                    self.open("} else {");
                    self.block(1, depth - 1);
                    self.line(&format!("{total} -= 1"));
                    self.close("}");
                }
                self.use_up(before);
                self.variables.truncate(before);
                self.close("}");
                self.declare(&total, Type::Int);
            }
            8 => {
                let (counts, word) = (self.fresh(), self.fresh());
                let list = self.expr(Type::Texts, 1);
                self.line(&format!("let mut {counts}: Map[String, Int] = [:]"));
                self.open(&format!("for {word} in {list} {{"));
                self.declare(&word, Type::Text);
                let value = self.expr(Type::Int, 1);
                if self.chance(50) {
                    self.line(&format!("{counts}[{word}] = {value}"));
                } else {
                    self.line(&format!(
                        "{counts}.update({word}, 0, |mut n| {{ n +%= {value} }})"
                    ));
                }
                self.variables.pop();
                self.close("}");
                self.declare(&counts, Type::Counts);
            }
            9 => {
                let condition = self.expr(Type::Bool, 2);
                self.open(&format!("if {condition} {{"));
                self.block(1 + depth, depth - 1);
                while self.chance(35) {
                    self.indent -= 1;
                    let condition = self.expr(Type::Bool, 1);
                    self.open(&format!("}} else if {condition} {{"));
                    self.block(1, depth - 1);
                }
                if self.chance(50) {
                    self.indent -= 1;
                    self.open("} else {");
                    self.block(2, depth - 1);
                }
                self.close("}");
            }
            10 | 11 => self.match_value(),
            12 => {
                let (name, index) = (self.fresh(), self.expr(Type::Int, 1));
                let list = self.value_of(Type::Ints);
                let early = self.early();
                self.line(&format!(
                    "let Some({name}) = {list}.get({index}) else {{ return {early} }}"
                ));
                self.declare(&name, Type::Int);
            }
            13 => {
                let at = self.fresh();
                let limit = self.part(Type::Int, 1);
                self.line(&format!("let mut {at} = 0"));
                self.open(&format!("while {at} < {limit} {{"));
                let before = self.variables.len();
                self.block(1, depth - 1);
                let step = 1 + self.below(4);
                if self.chance(30) {
                    let condition = self.expr(Type::Bool, 1);
                    self.line(&format!("if {condition} {{ break }}"));
                }
                self.line(&format!("{at} += {step}"));
                self.variables.truncate(before);
                self.close("}");
                self.declare(&at, Type::Int);
            }
            14 => {
                let (a, b) = (self.fresh(), self.fresh());
                let (first, second) = (self.expr(Type::Int, 1), self.expr(Type::Text, 1));
                self.line(&format!("let ({a}, {b}) = ({first}, {second})"));
                self.declare(&a, Type::Int);
                self.declare(&b, Type::Text);
            }
            15 => {
                let (key, value) = (self.fresh(), self.fresh());
                let counts = self.value_of(Type::Counts);
                self.open(&format!("for ({key}, {value}) in {counts} {{"));
                let before = self.variables.len();
                self.declare(&key, Type::Text);
                self.declare(&value, Type::Int);
                self.block(1, depth - 1);
                self.use_up(before);
                self.variables.truncate(before);
                self.close("}");
            }
            _ => {
                let name = self.fresh();
                let value = self.value_of(Type::Text);
                self.open(&format!(
                    "if {value}.find(\",\") is Some({name}) && {name} > 2 {{"
                ));
                let before = self.variables.len();
                self.declare(&name, Type::Int);
                self.block(1, depth - 1);
                self.variables.truncate(before);
                self.close("}");
            }
        }
    }

    /// `let name = match ... {`.
    fn match_value(&mut self) {
        let name = self.fresh();
        let result = self.of(&[Type::Int, Type::Text, Type::Bool]);
        let choice = self.below(4);
        if choice == 0 && !self.enums.is_empty() {
            let index = self.below(self.enums.len());
            let value = self.expr(Type::Enum(index), 0);
            self.open(&format!("let {name} = match {value} {{"));
            self.arms(index, result, false);
        } else if choice == 1 {
            let value = self.expr(Type::Int, 1);
            self.open(&format!("let {name} = match {value} {{"));
            let (low, high) = (self.below(5), 6 + self.below(50));
            for pattern in [format!("{low}"), format!("{} | {}", low + 60, low + 70)] {
                let text = self.expr(result, 1);
                self.line(&format!("{pattern} => {text}"));
            }
            let text = self.expr(result, 2);
            self.line(&format!("{}..={high} => {text}", low + 1));
            let text = self.expr(result, 1);
            self.line(&format!("_ => {text}"));
        } else if choice == 2 {
            let list = self.value_of(Type::Ints);
            self.open(&format!("let {name} = match {list} {{"));
            let text = self.expr(result, 1);
            self.line(&format!("[] => {text}"));
            let (first, second) = (self.fresh(), self.fresh());
            self.arm(&format!("[{first}]"), &[(&first, Type::Int)], result);
            self.arm(
                &format!("[{first}, {second}, ..]"),
                &[(&first, Type::Int), (&second, Type::Int)],
                result,
            );
        } else {
            let (counts, key) = (self.value_of(Type::Counts), self.expr(Type::Text, 1));
            self.open(&format!("let {name} = match {counts}.get({key}) {{"));
            let held = self.fresh();
            let pattern = format!("Some({held}) if {held} > {}", self.below(20));
            let text = self.expr(result, 1);
            self.line(&format!("{pattern} => {text}"));
            self.arm(&format!("Some({held})"), &[(&held, Type::Int)], result);
            let text = self.expr(result, 1);
            self.line(&format!("None => {text}"));
        }
        self.close("}");
        self.declare(&name, result);
    }

    /// `pattern => value`, where the value looks at all that the pattern binds.
    fn arm(&mut self, pattern: &str, bound: &[(&str, Type)], result: Type) {
        let before = self.variables.len();
        for (name, ty) in bound {
            self.declare(name, *ty);
        }
        let text = self.expr(result, 1);
        let unused: Vec<String> = self.variables[before..]
            .iter()
            .filter(|variable| !variable.used)
            .map(|variable| variable.name.clone())
            .collect();
        self.variables.truncate(before);
        if unused.is_empty() {
            self.line(&format!("{pattern} => {text}"));
            return;
        }
        self.open(&format!("{pattern} => {{"));
        for name in unused {
            self.line(&format!("print(\"seen ${{{name}}}\")"));
        }
        self.line(&text);
        self.close("}");
    }

    /// An arm for each variant of an enum.
    fn arms(&mut self, index: usize, result: Type, inside: bool) {
        let variants = self.enums[index].variants.clone();
        let owner = self.enums[index].name.clone();
        let last = variants.len() - 1;
        for (at, (variant, parts)) in variants.iter().enumerate() {
            if at == last && at > 2 && self.chance(40) {
                let text = self.expr(result, 1);
                self.line(&format!("_ => {text}"));
                continue;
            }
            let names: Vec<String> = parts.iter().map(|_| self.fresh()).collect();
            let held: Vec<(&str, Type)> = names
                .iter()
                .map(String::as_str)
                .zip(parts.iter().copied())
                .collect();
            let path = match inside || self.chance(30) {
                true => variant.clone(),
                false => format!("{owner}.{variant}"),
            };
            let pattern = match names.is_empty() {
                true => path,
                false => format!("{path}({})", names.join(", ")),
            };
            self.arm(&pattern, &held, result);
        }
    }

    // ---- items

    fn module(mut self, number: usize, lines: usize) -> String {
        self.line(&format!("//! Part {number} of a generated program."));
        self.line("");
        self.constant();
        self.constant();
        self.enumeration();
        self.structure();
        self.general(number);
        while self.out.lines().count() + 60 < lines {
            match self.below(20) {
                0 => self.constant(),
                1 | 2 => self.enumeration(),
                3..=5 => self.structure(),
                6 => self.test(),
                _ => self.function(),
            }
        }
        self.start();
        self.out
    }

    fn constant(&mut self) {
        let ty = self.of(&[Type::Int, Type::Text, Type::Int, Type::Ints]);
        let (name, value) = (self.fresh(), self.literal(ty));
        self.line(&format!("const {name} = {value}"));
        self.line("");
        self.constants.push((name, ty));
    }

    fn structure(&mut self) {
        let name = self.fresh_type();
        self.doc();
        self.open(&format!("struct {name} {{"));
        let count = 2 + self.below(4);
        let mut fields = Vec::new();
        for at in 0..count {
            let ty = if at == 0 { Type::Int } else { self.usual() };
            let field = self.fresh();
            let default = match ty {
                Type::Int | Type::Bool | Type::Text if self.chance(15) => {
                    format!(" = {}", self.literal(ty))
                }
                _ => String::new(),
            };
            if self.chance(25) {
                self.doc();
            }
            self.line(&format!("{field}: {}{default}", self.shown(ty)));
            fields.push((field, ty));
        }
        let index = self.structs.len();
        self.structs.push(Struct {
            name,
            fields,
            methods: Vec::new(),
            changing: None,
        });
        for _ in 0..1 + self.below(3) {
            self.line("");
            let (method, result) = self.method(Type::Struct(index));
            self.structs[index].methods.push((method, result));
        }
        if self.chance(40) {
            self.line("");
            let (method, by) = (self.fresh_function(), self.fresh());
            let field = self.structs[index].fields[0].0.clone();
            self.open(&format!("fn {method}(mut self, {by}: Int) {{"));
            self.line(&format!("self.{field} +%= {by}"));
            self.close("}");
            self.structs[index].changing = Some(method);
        }
        self.close("}");
        self.line("");
        if self.chance(25) {
            let name = self.structs[index].name.clone();
            let field = self.structs[index].fields[0].0.clone();
            self.open(&format!("impl Show for {name} {{"));
            let (a, b) = (self.of(ADJECTIVES), self.of(NOUNS));
            self.line(&format!(
                "fn show(self) -> String {{ \"{a} {b} ${{self.{field}}}\" }}"
            ));
            self.close("}");
            self.line("");
        }
    }

    fn enumeration(&mut self) {
        let name = self.fresh_type();
        self.doc();
        self.open(&format!("enum {name} {{"));
        let mut variants = Vec::new();
        for _ in 0..2 + self.below(4) {
            let variant = self.fresh_type();
            let count = self.below(3);
            let parts: Vec<Type> = (0..count).map(|_| self.usual()).collect();
            let shown: Vec<String> = parts.iter().map(|ty| self.shown(*ty)).collect();
            match parts.is_empty() {
                true => self.line(&variant),
                false => self.line(&format!("{variant}({})", shown.join(", "))),
            }
            variants.push((variant, parts));
        }
        let index = self.enums.len();
        self.enums.push(Enum {
            name,
            variants,
            methods: Vec::new(),
        });
        self.line("");
        let (method, result) = self.method(Type::Enum(index));
        self.enums[index].methods.push((method, result));
        self.close("}");
        self.line("");
    }

    fn method(&mut self, owner: Type) -> (String, Type) {
        let (name, parameter) = (self.fresh_function(), self.fresh());
        let result = self.of(&[Type::Int, Type::Text, Type::Bool, Type::Ints]);
        if self.chance(50) {
            self.doc();
        }
        self.open(&format!(
            "fn {name}(self, {parameter}: Int) -> {} {{",
            self.shown(result)
        ));
        self.wrapped = Wrapped::No;
        self.result = result;
        self.variables.clear();
        self.declare("self", owner);
        self.variables[0].used = true;
        self.declare(&parameter, Type::Int);
        let statements = self.below(4);
        for _ in 0..statements {
            self.statement(1);
        }
        self.use_up(0);
        match owner {
            Type::Enum(index) => {
                self.open("match self {");
                self.arms(index, result, false);
                self.close("}");
            }
            _ => {
                let text = self.expr(result, 2);
                self.line(&text);
            }
        }
        self.close("}");
        self.variables.clear();
        (name, result)
    }

    fn function(&mut self) {
        let name = self.fresh_function();
        let count = 1 + self.below(4);
        let parameters: Vec<Type> = (0..count).map(|_| self.usual()).collect();
        let result = self.usual();
        let wrapped = match self.below(6) {
            0 => Wrapped::Option,
            1 => Wrapped::Result,
            _ => Wrapped::No,
        };
        if self.chance(60) {
            self.doc();
        }
        self.variables.clear();
        let mut shown = Vec::new();
        for ty in &parameters {
            let parameter = self.fresh();
            shown.push(format!("{parameter}: {}", self.shown(*ty)));
            self.declare(&parameter, *ty);
        }
        let gives = match wrapped {
            Wrapped::No => self.shown(result),
            Wrapped::Option => format!("{}?", self.shown(result)),
            Wrapped::Result => format!("Result[{}, String]", self.shown(result)),
        };
        self.open(&format!("fn {name}({}) -> {gives} {{", shown.join(", ")));
        self.wrapped = wrapped;
        self.result = result;
        for _ in 0..3 + self.below(9) {
            self.statement(2);
        }
        self.use_up(0);
        let value = self.expr(result, 2);
        match wrapped {
            Wrapped::No => self.line(&value),
            Wrapped::Option => self.line(&format!("Some({value})")),
            Wrapped::Result => self.line(&format!("Ok({value})")),
        }
        self.close("}");
        self.line("");
        self.variables.clear();
        self.wrapped = Wrapped::No;
        self.functions.push(Function {
            name,
            parameters,
            result,
            wrapped,
        });
    }

    /// A generic struct, a trait with two impls, and a generic function: a few in each module.
    fn general(&mut self, number: usize) {
        let (items, limit, measure) = (self.fresh(), self.fresh(), self.fresh_function());
        let noun = self.of(NOUNS);
        let (stack, quality) = (
            format!("{}Stack", capital(noun)),
            format!("{}Like", capital(noun)),
        );
        self.variables.clear();
        self.line(&format!(
            "/// Values, the last first, and never more than there may be.
struct {stack}[T] {{
    {items}: List[T]
    {limit}: Int = {number}

    fn add(mut self, value: T) {{
        if self.{items}.len() <= self.{limit} {{ self.{items}.push(value) }}
    }}

    fn top(self) -> T? {{ self.{items}.last() }}

    fn each[U](self, f: fn(T) -> U) -> {stack}[U] {{
        {stack}({items}: self.{items}.map(f), {limit}: self.{limit})
    }}
}}

/// What has a size.
trait {quality} {{
    fn {measure}(self) -> Int

    /// Twice the size.
    fn double_{measure}(self) -> Int {{ self.{measure}() * 2 }}
}}

impl {quality} for Int {{
    fn {measure}(self) -> Int {{ self }}
}}

impl {quality} for String {{
    fn {measure}(self) -> Int {{ self.len() }}
}}

/// The larger of two, by its size.
fn larger[T: {quality}](a: T, b: T) -> T {{
    if a.{measure}() < b.double_{measure}() {{ b }} else {{ a }}
}}

fn stacked(from: Int) -> Int {{
    let mut held = {stack}({items}: [from])
    held.add(from +% {number})
    let texts = held.each(|item| \"<${{item}}>\")
    let shown = texts.top() ?? \"\"
    larger(shown.len(), held.top() ?? 0) +% larger(shown, \"-\").len()
}}
"
        ));
        self.functions.push(Function {
            name: "stacked".into(),
            parameters: vec![Type::Int],
            result: Type::Int,
            wrapped: Wrapped::No,
        });
    }

    fn test(&mut self) {
        let (a, b, c) = (self.of(ADJECTIVES), self.of(NOUNS), self.names);
        self.variables.clear();
        self.open(&format!("test \"the {a} {b} {c}\" {{"));
        self.wrapped = Wrapped::No;
        self.result = Type::Int;
        for ty in [Type::Int, Type::Text, Type::Ints] {
            let (name, value) = (self.fresh(), self.expr(ty, 1));
            self.line(&format!("let {name} = {value}"));
            self.line(&format!("assert_eq({name}, {name})"));
        }
        self.close("}");
        self.line("");
    }

    /// What `main` calls: it reaches all that the module has.
    fn start(&mut self) {
        self.variables.clear();
        self.wrapped = Wrapped::No;
        self.open("pub fn run(from: Int) -> Int {");
        self.line("let mut total = from");
        self.declare("from", Type::Int);
        for index in 0..self.functions.len() {
            let parameters = self.functions[index].parameters.clone();
            let name = self.functions[index].name.clone();
            let arguments: Vec<String> = parameters
                .iter()
                .map(|ty| match ty {
                    Type::Struct(_) | Type::Enum(_) => self.build(*ty, 0),
                    _ => self.atom(*ty),
                })
                .collect();
            let call = format!("{name}({})", arguments.join(", "));
            let result = self.functions[index].result;
            let wrapped = self.functions[index].wrapped;
            match (wrapped, result) {
                (Wrapped::No, Type::Int) => self.line(&format!("total = total +% {call}")),
                (Wrapped::No, Type::Text) => self.line(&format!("total = total +% {call}.len()")),
                (Wrapped::No, _) => self.line(&format!("print(\"${{{call}}}\")")),
                (Wrapped::Option, _) => {
                    self.line(&format!("if {call} is Some(_) {{ total += 1 }}"))
                }
                (Wrapped::Result, _) => self.line(&format!("if {call} is Ok(_) {{ total += 1 }}")),
            }
        }
        for (name, _) in self.constants.clone() {
            self.line(&format!("print(\"{name}: ${{{name}}}\")"));
        }
        for index in 0..self.structs.len() {
            let (name, value) = (self.fresh(), self.build(Type::Struct(index), 0));
            let changing = self.structs[index].changing.clone();
            let word = if changing.is_some() { "let mut" } else { "let" };
            self.line(&format!("{word} {name} = {value}"));
            if let Some(changing) = changing {
                self.line(&format!("{name}.{changing}(total)"));
            }
            self.show_methods(&name, self.structs[index].methods.clone());
        }
        for index in 0..self.enums.len() {
            let (name, value) = (self.fresh(), self.build(Type::Enum(index), 0));
            self.line(&format!("let {name} = {value}"));
            self.show_methods(&name, self.enums[index].methods.clone());
        }
        self.line("total");
        self.close("}");
    }

    fn show_methods(&mut self, value: &str, methods: Vec<(String, Type)>) {
        for (method, _) in methods {
            self.line(&format!("print(\"${{{value}.{method}(total)}}\")"));
        }
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    match letters.next() {
        Some(first) => first.to_ascii_uppercase().to_string() + letters.as_str(),
        None => String::new(),
    }
}
